"""A backtest from stored history to its result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.backtest.desk import Recording, ReplayDesk, build, load
from hlcopy.backtest.engine import Engine, Tally
from hlcopy.backtest.report import Backtest, summarize
from hlcopy.backtest.universe import read_universe
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hlcopy.backtest.recorded import Recorded
    from hlcopy.domain.policy import Policy
    from hlcopy.ports import Ledger, Progress
    from hlcopy.ticks.report import Report

_INSTANT: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to replay: whole UTC days, both ends among them, on what account, with whom.

    The wallets whose `equity` is stated in USD are followed without scoring. Without any, traders are chosen on each day
    from all that are recorded; `backdate_equity` lets an equity count from the moment it is of instead of its reading.
    """

    first_day: date
    last_day: date
    our_equity: float
    policy: Policy
    equity: Mapping[str, float]
    backdate_equity: bool = False

    @property
    def start(self) -> datetime:
        """The first moment."""
        return datetime(self.first_day.year, self.first_day.month, self.first_day.day, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The moment after the last one."""
        return datetime(self.last_day.year, self.last_day.month, self.last_day.day, tzinfo=UTC) + timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A replay that has reached its end."""

    plan: Plan
    replay: ReplayDesk
    recording: Recording
    tally: Tally

    @property
    def start(self) -> datetime:
        """Where it began."""
        return self.plan.start


def record(recorded: Recorded, plan: Plan) -> Recording:
    """Read what a replay runs on; raises `BadInputError` where a period or the fills for it are missing."""
    return check(recorded, read(recorded, plan), plan)


def check(recorded: Recorded, recording: Recording, plan: Plan) -> Recording:
    """Return a recording that can be replayed; raises `BadInputError` where a period or the fills for it are missing."""
    if plan.last_day < plan.first_day:
        message = f"--to {plan.last_day} lies before --from {plan.first_day}"
        raise BadInputError(message)
    if not recording.fills:
        message = (
            f"no fills are stored up to {plan.last_day}, so there is nobody to choose from; "
            "`hlcopy score` keeps those of whom it ranks, `hlcopy data fetch --trader ADDRESS` any"
        )
        raise BadInputError(message)
    for address in plan.equity:
        if not recording.fills[address]:
            later = next((row.first for row in recorded.history.fill_coverage() if row.trader == address), None)
            reach = "" if later is None else f" (they begin on {later:%Y-%m-%d})"
            message = (
                f"no fills of {address} are stored up to {plan.last_day}{reach}; "
                "import them with: hlcopy data import fills FILE"
            )
            raise BadInputError(message)
    return recording


def read(recorded: Recorded, plan: Plan) -> Recording:
    """Read what a replay runs on, as far as it is there."""
    until = plan.end - _INSTANT
    if plan.equity:
        return load(recorded.history, list(plan.equity), plan.start, until)
    wallets = [row.trader for row in recorded.history.fill_coverage() if row.first <= until]
    universe = read_universe(recorded, wallets, until, backdated=plan.backdate_equity)
    return replace(load(recorded.history, wallets, plan.start, until), universe=universe)


def play(
    recording: Recording,
    ledger: Ledger,
    plan: Plan,
    *,
    progress: Progress | None = None,
    listen: Callable[[Report], None] | None = None,
) -> Played:
    """Replay a recording; `ledger` takes everything that the ticks write, `listen` is told of every tick."""
    replay = build(recording, ledger, plan.equity, plan.start, plan.policy, plan.our_equity)
    tally = Engine(replay, plan.end, progress=progress, listen=listen).run()
    return Played(plan=plan, replay=replay, recording=recording, tally=tally)


def run(
    recorded: Recorded,
    ledger: Ledger,
    plan: Plan,
    *,
    progress: Progress | None = None,
    listen: Callable[[Report], None] | None = None,
    illustrated: bool = False,
) -> Backtest:
    """Read, replay and sum up; `recorded` is only read. `illustrated` adds what a page draws."""
    played = play(record(recorded, plan), ledger, plan, progress=progress, listen=listen)
    result = summarize(played.replay, played.recording, played.tally, plan)
    if not illustrated:
        return result
    from hlcopy.backtest.picture import picture

    return replace(result, picture=picture(played, result, progress))
