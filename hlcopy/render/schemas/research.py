"""The documents of research: backtest audit, gates, sweep."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from hlcopy.render.schemas.base import Day, Interval, Moment, Shape, Share
from hlcopy.render.schemas.rows import Decision

Kind = Literal["scoring", "selection", "gate", "sizing", "exit"]


class Window(Shape):
    """Whole UTC days."""

    first: Day = Field(alias="from")
    last: Day = Field(alias="to")


class Decided(Shape):
    """A decision of a replay."""

    at: Moment
    about: str
    facts: dict[str, bool | float | str | None]


class Difference(Shape):
    """A decision that is another one with another future; null where it isn't made at all."""

    kind: Kind
    expected: Decided | None
    found: Decided | None


class Trial(Shape):
    """A replay with another future after a moment."""

    moment: Moment
    how: str = Field(description="cut or scrambled")
    compared: int = Field(description="decisions")
    difference: Difference | None


class OneAudit(Shape):
    """An audit, of the replay as it is or with a leak planted."""

    planted: Kind | None
    decisions: dict[Kind, int]
    trials: list[Trial]


class Audit(Window):
    """Whether any decision of a backtest knows what came after it."""

    command: Literal["audit"]
    ok: bool
    seed: int
    audits: list[OneAudit]


class Gate(Shape):
    """What one decision held back, or let through; percents are of each entry's notional, net of costs."""

    decision: Decision
    refused: int
    followed: int
    pending: int
    unknown: int
    loss_avoided_pct: float
    gain_missed_pct: float
    mean_pct: float | None
    interval_pct: Interval | None
    days: int
    verdict: Literal["earns its place", "does not", "unknown"] | None


class Gates(Window):
    """Each gate judged by what the entries it refused would have made."""

    command: Literal["gates"]
    ok: bool
    source: Literal["ledger", "replay"]
    gates: list[Gate]
    warnings: list[str]
    errors: list[str]


class Figures(Shape):
    """What a replay of a configuration came to; `uplift_pct` is our exits less the trader's, percent of an entry."""

    entries: int
    days_with_entries: int
    return_pct: float
    max_drawdown_pct: float | None
    sharpe: float | None
    calmar: float | None
    uplift_pct: float | None


class AsSet(Figures):
    """The settings as they are."""

    values: dict[str, str]
    score: float | None
    why: str | None = Field(description="why it can't win")


class Configuration(Shape):
    """A configuration that was tried; one whose replay failed has no figures."""

    trial: int
    values: dict[str, str]
    score: float | None
    score_less_as_set: float | None
    why: str | None = Field(description="why it can't win")
    entries: int = 0
    days_with_entries: int = 0
    return_pct: float = 0.0
    max_drawdown_pct: float | None = None
    sharpe: float | None = None
    calmar: float | None = None
    uplift_pct: float | None = None


class Deflated(Shape):
    """The best Sharpe ratio against what so many tries show by luck alone."""

    sharpe: float
    luckiest: float
    probability: Share | None
    undeflated: Share | None
    better_than_luck: bool


class ByValue(Shape):
    """The configurations that share a setting's value."""

    name: str
    value: str
    scored: int
    mean: float | None
    best: float | None


class Range(Shape):
    """What a search may choose from."""

    low: float
    high: float


class Fold(Shape):
    """A choice on the days before, and what came of it on later ones."""

    train: Window
    test: Window
    chosen: dict[str, str] | None
    in_sample: float | None
    out_of_sample: float | None
    tested: Figures
    as_set: Figures


class Joined(Shape):
    """The test days of all folds in a row."""

    return_pct: float
    drawdown_pct: float | None
    sharpe: float | None
    probabilistic_sharpe: Share | None
    entries: int
    days: int


class WalkForward(Shape):
    """The folds in a row, beside the settings as they are."""

    folds: list[Fold]
    out_of_sample: Joined
    as_set: Joined
    mean_in_sample: float | None
    mean_out_of_sample: float | None
    decay: float | None


class Sweep(Window):
    """Many configurations on the same days."""

    command: Literal["sweep"]
    ok: bool
    study: str
    by: str
    seed: int | None
    settings: dict[str, list[str] | Range]
    as_set: AsSet
    best: Configuration | None
    tries: int
    deflated_sharpe: Deflated | None
    configurations: list[Configuration] = Field(description="by rank, those that can't win last")
    by_value: list[ByValue]
    importances: dict[str, Share]
    walk_forward: WalkForward | None
    warnings: list[str]


DOCUMENTS: Final = {"backtest audit": Audit, "gates": Gates, "sweep": Sweep}
