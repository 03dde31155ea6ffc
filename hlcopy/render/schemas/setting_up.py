"""The documents of setting up: init, cron print, install and remove, config show and lint."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from hlcopy.render.schemas.base import Counts, Mode, Moment, Percent, Shape


class Tried(Shape):
    """An answer that was tried out."""

    name: str
    ok: bool | None = Field(description="null where it couldn't be told")
    said: str


class Init(Shape):
    """A settings file that was written."""

    command: Literal["init"]
    ok: bool
    at: Moment
    mode: Mode
    file: str
    kept: str | None = Field(description="where the file lies that was there before")
    settings: list[str] = Field(description="names of what is in the file")
    checks: list[Tried]
    cron: Literal["no", "print", "install"]
    crontab: str | None = Field(description="the lines, where they were asked for")
    next: list[str] = Field(description="commands to go on with")


class CronPrint(Shape):
    """The lines for cron."""

    command: Literal["cron print"]
    ok: bool
    crontab: str


class UnitsPrint(Shape):
    """The units for systemd."""

    command: Literal["cron print"]
    ok: bool
    files: dict[str, str] = Field(description="texts by path")
    commands: list[str] = Field(description="to run once they lie there")


class CronInstall(Shape):
    """Lines that were put into the crontab."""

    command: Literal["cron install"]
    ok: bool
    changed: bool = Field(description="false when they stood there already")
    lines: int = Field(description="how many run hlcopy")


class UnitsInstall(Shape):
    """Units that were written."""

    command: Literal["cron install"]
    ok: bool
    files: list[str]
    commands: list[str] = Field(description="to run now")


class CronRemove(Shape):
    """Whether lines of ours were taken out of the crontab."""

    command: Literal["cron remove"]
    ok: bool
    changed: bool


class UnitsRemove(Shape):
    """Units that were deleted."""

    command: Literal["cron remove"]
    ok: bool
    files: list[str]
    commands: list[str] = Field(description="to run now")


class Setting(Shape):
    """A setting in force; of a secret only whether it is set."""

    name: str
    value: bool | float | str | dict[str, float] | None
    source: str = Field(description="default, environment, file PATH:LINE, option --db")
    meaning: str
    group: str


class ConfigShow(Shape):
    """Every setting in force."""

    settings: list[Setting]


class Finding(Shape):
    """A setting that cannot work, or has no effect."""

    name: str = Field(description="of several they are joined by a comma")
    severity: Literal["error", "warning", "note"]
    why: str
    remedy: str


class LeastEquity(Shape):
    """The equity that a kind of signal needs to pass, null where it never does."""

    weight: float = Field(description="the order's value over the trader's equity")
    leverage: float
    trader_roi_7d: str
    equity_usd: float | None
    reason: str | None = Field(description="why it never passes")


class WorstDay(Shape):
    """What it costs when every stop of the fullest book is gapped through at once."""

    gap_percent: float
    positions: int
    exposure_usd: float
    loss_usd: float
    loss_percent: Percent = Field(description="percent of equity")
    paused_by: str | None = Field(description="the breaker that keeps entries out then")


class Forecast(Shape):
    """What the sources will cost; weight is Hyperliquid's."""

    measured: bool = Field(description="false where the load is assumed")
    nansen_credits_per_day: float
    nansen_credits_per_month: float
    weight_per_minute: float
    requests_per_day: float


class ConfigLint(Shape):
    """What of the settings cannot work, and what they amount to."""

    command: Literal["config lint"]
    ok: bool
    counts: Counts
    findings: list[Finding]
    equity_usd: float = Field(description="what the rest is worked out for")
    least_equity: list[LeastEquity]
    worst_day: WorstDay
    forecast: Forecast


DOCUMENTS: Final = {
    "init": Init,
    "cron print": CronPrint | UnitsPrint,
    "cron install": CronInstall | UnitsInstall,
    "cron remove": CronRemove | UnitsRemove,
    "config show": ConfigShow,
    "config lint": ConfigLint,
}
