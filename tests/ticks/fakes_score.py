"""Doubles of the ports of the daily selection, and a population whose past is given."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from hlcopy.domain.policy import Policy
from hlcopy.errors import SourceDownError
from hlcopy.ports import (
    UNKNOWN,
    DeepFills,
    EquityPoint,
    Leader,
    Leaders,
    Portfolio,
    ScoringDesk,
    TradeSummary,
)
from tests.builders import at, fill
from tests.fakes import Executioner, Mortal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill
    from hlcopy.ports import Ledger, UnknownType

NOW: Final = at(days=100)


def wallet(number: int) -> str:
    """Return the address of a wallet by its number."""
    return f"0x{number:040x}"


def leader(number: int, **overrides: object) -> Leader:
    """Return a leaderboard's row that passes the screen; a lower number earned more."""
    made = Leader(
        address=wallet(number),
        account_value=100_000.0,
        pnl_30d_usd=20_000.0 - number,
        volume_30d_usd=1_000_000.0,
    )
    return replace(made, **overrides)  # type: ignore[arg-type]


@cache
def swings(
    number: int, *, trips: int = 60, wins: float = 0.6, gain: float = 300.0, loss: float = 100.0, last: float = 0.0
) -> Sequence[Fill]:
    """Return a trader's round trips, one a day, each held for 12 hours; the last one ended `last` days before `NOW`.

    The wins are spread evenly.
    """
    made = []
    for trip in range(trips):
        opened = NOW - timedelta(days=last + trips - trip)
        won = int((trip + 1) * wins) > int(trip * wins)
        oid = 2 * (number * 10_000 + trip) + 1
        common = {"trader": wallet(number), "size": 50.0, "price": 100.0}
        made += [
            fill(**common, time=opened, oid=oid, tid=2 * trip + 1),
            fill(
                **common,
                time=opened + timedelta(hours=12),
                is_buy=False,
                start_position=50.0,
                oid=oid + 1,
                tid=2 * trip + 2,
                closed_pnl=gain if won else -loss,
            ),
        ]
    return tuple(made)


def portfolio(number: int, *, now: datetime = NOW, value: float = 100_000.0, daily: float = 200.0) -> Portfolio:
    """Return an equity history that rises evenly by `daily` USD to `value`, over 120 days, without transfers."""

    def points(days: int, step: int) -> tuple[EquityPoint, ...]:
        return tuple(
            EquityPoint(now - timedelta(days=ago), value - daily * ago, daily * (days - ago))
            for ago in range(days, -1, -step)
        )

    windows = {"day": points(1, 1), "week": points(7, 1), "month": points(30, 1), "allTime": points(120, 8)}
    return Portfolio(address=wallet(number), read_at=now, windows=windows)


@dataclass(slots=True)
class FakeClock:
    """A clock that stands where the test sets it."""

    present: datetime = NOW

    def now(self) -> datetime:
        return self.present

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.present += timedelta(seconds=seconds)


@dataclass(slots=True)
class FakeLeaderboard:
    """Rows given by the test."""

    rows: list[Leader] = field(default_factory=list)
    source: str = "hyperliquid"
    notes: tuple[str, ...] = ()
    down: bool = False
    asked: int = 0

    def leaders(self, now: datetime) -> Leaders:  # noqa: ARG002 - the port's signature
        self.asked += 1
        if self.down:
            message = "the leaderboard can't be reached"
            raise SourceDownError(message)
        return Leaders(source=self.source, rows=tuple(self.rows), notes=self.notes)


@dataclass(slots=True)
class FakeProfiles:
    """Pasts given by the test; `serves` is how many of its newest fills the venue still has of a wallet."""

    portfolios: dict[str, Portfolio] = field(default_factory=dict)
    past: dict[str, list[Fill]] = field(default_factory=dict)
    summaries: dict[str, TradeSummary] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    down_after: int | None = None
    raises: bool = False
    serves: int = 10_000
    asked: list[tuple[str, str]] = field(default_factory=list)
    spans: list[tuple[str, datetime, datetime, int]] = field(default_factory=list)

    def _is_down(self, what: str, address: str) -> bool:
        self.asked.append((what, address))
        down = self.down_after is not None and len(self.asked) > self.down_after
        if down and self.raises:
            message = "the venue can't be reached"
            raise SourceDownError(message)
        return down

    def portfolio(self, address: str, now: datetime) -> Portfolio | UnknownType:
        if self._is_down("portfolio", address) or address in self.unreadable:
            return UNKNOWN
        return replace(self.portfolios[address], read_at=now) if address in self.portfolios else UNKNOWN

    def deep_fills(
        self,
        address: str,
        since: datetime,
        until: datetime,
        *,
        at_most: int,
        now: datetime,  # noqa: ARG002 - the port's signature
    ) -> DeepFills | UnknownType:
        self.spans.append((address, since, until, at_most))
        if self._is_down("fills", address) or address in self.silent:
            return UNKNOWN
        whole = self.past.get(address, [])
        served = [each for each in whole[-self.serves :] if since <= each.time <= until]
        kept = served[-at_most:]
        missing = len(kept) < len([each for each in whole if since <= each.time <= until])
        return DeepFills(fills=kept, complete_from=(kept[0].time if kept else until) if missing else since)

    def summary(self, address: str, now: datetime) -> TradeSummary | UnknownType | None:
        self.asked.append(("summary", address))
        found = self.summaries.get(address)
        return None if found is None else replace(found, read_at=now)

    def count(self, what: str) -> int:
        return sum(kind == what for kind, _ in self.asked)


@dataclass(slots=True)
class FakeProgress:
    """Remembers each step: its title, its total and how much of it was done."""

    steps: list[list[Any]] = field(default_factory=list)

    def start(self, title: str, total: int | None) -> None:
        self.steps.append([title, total, 0])

    def advance(self, units: int = 1) -> None:
        self.steps[-1][2] += units

    def finish(self) -> None:
        pass


class MortalScoringLedger:
    """A ledger whose every write, and every commit, may be the last thing its process does."""

    def __init__(self, ledger: Ledger, executioner: Executioner) -> None:
        self._ledger = ledger
        self._executioner = executioner
        self.choices = ledger.choices
        writes = {"begin", "finish", "put_portfolio", "put_reach", "put_summary"}
        self.scoring = Mortal(ledger.scoring, executioner, writes, after=True)
        self.traders = Mortal(ledger.traders, executioner, {"put"}, after=True)
        self.history = Mortal(ledger.history, executioner, {"add_fills", "add_equity"}, after=True)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._ledger.transaction():
            yield
            self._executioner.step("before commit")
        self._executioner.step("after commit")


@dataclass(slots=True)
class World:
    """A leaderboard, the pasts of its traders, and a ledger."""

    ledger: Ledger
    board: FakeLeaderboard = field(default_factory=FakeLeaderboard)
    profiles: FakeProfiles = field(default_factory=FakeProfiles)
    clock: FakeClock = field(default_factory=FakeClock)
    progress: FakeProgress = field(default_factory=FakeProgress)
    batches: list[int] = field(default_factory=list)

    def add(self, number: int, past: Sequence[Fill] | None = None, **overrides: object) -> str:
        """Add a trader who passes the screen; return its address."""
        self.board.rows.append(leader(number, **overrides))
        self.profiles.portfolios[wallet(number)] = portfolio(number, daily=200.0 - number / 10)
        self.profiles.past[wallet(number)] = list(swings(number) if past is None else past)
        return wallet(number)

    def together(self, ask: Callable[[Any], Any], items: Iterable[Any], /) -> list[Any]:
        asked = list(items)
        self.batches.append(len(asked))
        return [ask(item) for item in asked]

    def desk(self, policy: Policy | None = None, executioner: Executioner | None = None) -> ScoringDesk:
        seen: Any = self.ledger if executioner is None else MortalScoringLedger(self.ledger, executioner)
        return ScoringDesk(
            policy=policy or Policy(),
            ledger=seen,
            leaderboard=self.board,
            profiles=self.profiles,
            progress=self.progress,
            clock=self.clock,
            together=self.together,
        )
