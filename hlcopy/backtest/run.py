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


def record(recorded: Ledger, plan: Plan) -> Recording:
    """Read what a replay runs on; raises `BadInputError` where a period or the fills for it are missing."""
    if plan.last_day < plan.first_day:
        message = f"--to {plan.last_day} lies before --from {plan.first_day}"
        raise BadInputError(message)
    until = plan.end - _INSTANT
    if plan.equity:
        recording = load(recorded.history, list(plan.equity), plan.start, until)
        for address, fills in recording.fills.items():
            if not fills:
                message = (
                    f"no fills of {address} are stored up to {plan.last_day}; "
                    "import them with: hlcopy data import fills FILE"
                )
                raise BadInputError(message)
        return recording
    wallets = [row.trader for row in recorded.history.fill_coverage() if row.first <= until]
    if not wallets:
        message = (
            f"no fills are stored up to {plan.last_day}, so there is nobody to choose from; "
            "keep those of the leaderboard's best with: hlcopy data fetch"
        )
        raise BadInputError(message)
    universe = read_universe(recorded, wallets, backdated=plan.backdate_equity)
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
    recorded: Ledger,
    ledger: Ledger,
    plan: Plan,
    *,
    progress: Progress | None = None,
    listen: Callable[[Report], None] | None = None,
) -> Backtest:
    """Read, replay and sum up; `recorded` is only read."""
    played = play(record(recorded, plan), ledger, plan, progress=progress, listen=listen)
    return summarize(played.replay, played.recording, played.tally, plan)
