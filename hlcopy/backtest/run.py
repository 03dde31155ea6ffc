"""A backtest from stored history to its result."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from hlcopy.backtest.desk import Recording, ReplayDesk, build, load
from hlcopy.backtest.engine import Engine, Tally
from hlcopy.backtest.report import Backtest, summarize
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hlcopy.domain.policy import Policy
    from hlcopy.ports import History, Ledger, Progress
    from hlcopy.ticks.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A replay that has reached its end."""

    replay: ReplayDesk
    recording: Recording
    tally: Tally
    start: datetime


def play(
    history: History,
    ledger: Ledger,
    *,
    first_day: date,
    last_day: date,
    equity: Mapping[str, float],
    our_equity: float,
    policy: Policy,
    progress: Progress | None = None,
    listen: Callable[[Report], None] | None = None,
) -> Played:
    """Replay the days from `first_day` to `last_day`, both whole UTC days, on the traders whose equity is stated.

    `history` is read, `ledger` takes everything that the ticks write; `listen` is told of every tick.
    """
    recording = record(history, first_day=first_day, last_day=last_day, equity=equity)
    refuse_unknown(recording, last_day)
    return replay(
        recording,
        ledger,
        first_day=first_day,
        last_day=last_day,
        equity=equity,
        our_equity=our_equity,
        policy=policy,
        progress=progress,
        listen=listen,
    )


def record(history: History, *, first_day: date, last_day: date, equity: Mapping[str, float]) -> Recording:
    """Read what a replay of those days needs, and nothing that came after them."""
    start, end = _period(first_day, last_day)
    return load(history, list(equity), start, end - timedelta(milliseconds=1))


def refuse_unknown(recording: Recording, last_day: date) -> None:
    """Raise `BadInputError` for a wallet of which nothing is stored."""
    for address, fills in recording.fills.items():
        if not fills:
            message = (
                f"no fills of {address} are stored up to {last_day}; import them with: hlcopy data import fills FILE"
            )
            raise BadInputError(message)


def replay(
    recording: Recording,
    ledger: Ledger,
    *,
    first_day: date,
    last_day: date,
    equity: Mapping[str, float],
    our_equity: float,
    policy: Policy,
    progress: Progress | None = None,
    listen: Callable[[Report], None] | None = None,
) -> Played:
    """Replay the days that a recording was read for; it is left as it is, so that it can be replayed again."""
    start, end = _period(first_day, last_day)
    desk = build(recording, ledger, equity, start, policy, our_equity)
    tally = Engine(desk, end, progress=progress, listen=listen).run()
    return Played(replay=desk, recording=recording, tally=tally, start=start)


def _period(first_day: date, last_day: date) -> tuple[datetime, datetime]:
    """Return the first moment of the first day and the first one after the last day."""
    if last_day < first_day:
        message = f"--to {last_day} lies before --from {first_day}"
        raise BadInputError(message)
    start, last = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (first_day, last_day))
    return start, last + timedelta(days=1)


def run(
    history: History,
    ledger: Ledger,
    *,
    first_day: date,
    last_day: date,
    equity: Mapping[str, float],
    our_equity: float,
    policy: Policy,
    progress: Progress | None = None,
    listen: Callable[[Report], None] | None = None,
) -> Backtest:
    """Replay as `play` does, and sum it up."""
    played = play(
        history,
        ledger,
        first_day=first_day,
        last_day=last_day,
        equity=equity,
        our_equity=our_equity,
        policy=policy,
        progress=progress,
        listen=listen,
    )
    return summarize(
        played.replay,
        played.recording,
        played.tally,
        equity=equity,
        our_equity=our_equity,
        start=played.start,
        last_day=last_day,
    )
