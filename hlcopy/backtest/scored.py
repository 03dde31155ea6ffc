"""The daily selection as it could have been made on each day of a replay (decision 33)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.domain.episodes import Market, market_of
from hlcopy.domain.models import HYPERLIQUID
from hlcopy.domain.scoring import MONTH, QUARTER, WEEK, part_from, realized_pnl
from hlcopy.domain.selection import PRIMARY
from hlcopy.ports import DeepFills, EquityPoint, Leader, Leaders, PollMark, Portfolio, ScoringDesk, SilentProgress
from hlcopy.ticks import score

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hlcopy.backtest.replay import ReplayClock, ReplaySource
    from hlcopy.backtest.universe import Universe
    from hlcopy.domain.models import Trader
    from hlcopy.domain.policy import Policy
    from hlcopy.ports import Ledger, TradeSummary

_INSTANT: Final = timedelta(milliseconds=1)
_WINDOWS: Final = {"week": WEEK, "month": MONTH, "allTime": QUARTER}  # what scores look at of each


@dataclass(slots=True)
class Selection:
    """What the daily selection of a replay came to: `boards` of its `days` had a leaderboard, the others made their own.

    `primary_days` counts a wallet's days as primary. `neutral` counts the scores that took a part for neutral for want of
    input, by part; `unread` are the candidates of leaderboards whose fills aren't recorded, `worthless` the wallets of
    which no equity was ever known.
    """

    days: int = 0
    boards: int = 0
    scored: int = 0
    primary_days: Counter[str] = field(default_factory=Counter)
    neutral: Counter[str] = field(default_factory=Counter)
    unread: set[str] = field(default_factory=set)
    worthless: set[str] = field(default_factory=set)


class SelectionClock:
    """The simulated present, as who scores asks for it."""

    def __init__(self, clock: ReplayClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        """Return the simulated present."""
        return self._clock.now

    def monotonic(self) -> float:
        """Return the simulated present in seconds."""
        return self._clock.now.timestamp()

    def sleep(self, seconds: float) -> None:
        """Return at once: nothing is waited for in a replay."""


class ReplayBoard:
    """The newest leaderboard read before today; where there is none, one made of what the recorded wallets did."""

    def __init__(self, clock: ReplayClock, universe: Universe, source: ReplaySource, selection: Selection) -> None:
        self._clock = clock
        self._universe = universe
        self._source = source
        self._selection = selection

    def leaders(self, now: datetime) -> Leaders:
        """Return the leaderboard that could be known."""
        self._clock.check(now)
        self._selection.days += 1
        board = self._universe.board_before(now.date())
        if board is None:
            return Leaders(source=HYPERLIQUID, rows=tuple(self._own_row(each, now) for each in self._source.wallets))
        self._selection.boards += 1
        recorded = set(self._source.wallets)
        self._selection.unread.update(row.address for row in board.rows if row.address not in recorded)
        # Those whose fills aren't recorded keep their ranks: left out, they'd make room for whoever became good later.
        return board

    def _own_row(self, address: str, now: datetime) -> Leader:
        fills = self._source.between(address, now - MONTH, now)
        equity = self._universe.equity_at(address, now)
        if equity is None:
            self._selection.worthless.add(address)
        else:
            self._selection.worthless.discard(address)
        return Leader(
            address=address,
            account_value=equity,
            pnl_30d_usd=realized_pnl(fills, now - MONTH, now),
            volume_30d_usd=sum(fill.notional for fill in fills if market_of(fill.coin) is Market.PERP),
        )


class ReplayProfiles:
    """Candidates' recorded pasts, as much of them as could be known."""

    def __init__(self, clock: ReplayClock, universe: Universe, source: ReplaySource) -> None:
        self._clock = clock
        self._universe = universe
        self._source = source

    def portfolio(self, address: str, now: datetime) -> Portfolio:
        """Return the equity history that had been read; a window that it doesn't reach back to is absent."""
        self._clock.check(now)
        known = self._universe.known_equity(address, now)
        whole = [(point.at, point.value_usd, point.pnl_usd) for point in known if point.pnl_usd is not None]
        windows = {name: part_from(whole, now - length) for name, length in _WINDOWS.items()}
        if known:  # the profit of the latest point may be unknown, its value isn't
            windows["day"] = [(known[-1].at, known[-1].value_usd, 0.0)]
        return Portfolio(
            address=address,
            read_at=now,
            windows={
                name: tuple(EquityPoint(*point) for point in points) for name, points in windows.items() if points
            },
        )

    def deep_fills(self, address: str, since: datetime, until: datetime, *, at_most: int, now: datetime) -> DeepFills:
        """Return the newest recorded fills of a period that have become visible, and those that had not when it began."""
        self._clock.check(max(until, now))
        fills = self._source.between(address, since - self._source.feed_delay - _INSTANT, until)
        begin = max(since, self._begin(address) or until)
        if len(fills) > at_most:
            fills = fills[-at_most:]
            begin = max(begin, fills[0].time + _INSTANT)
        return DeepFills(fills=fills, complete_from=begin)

    def summary(self, address: str, now: datetime) -> TradeSummary | None:  # noqa: ARG002 - the port's
        """Return None: no summaries are recorded."""
        return None

    def _begin(self, address: str) -> datetime | None:
        """Return since when a wallet's fills are whole: imported ones from their first."""
        return self._universe.complete_from.get(address) or self._source.first(address)


class Selector:
    """Runs the daily selection over what could be known, on the replay's own ledger."""

    def __init__(self, desk: ScoringDesk, selection: Selection) -> None:
        self.desk = desk
        self.selection = selection
        self._primaries: tuple[str, ...] = ()

    def followed(self) -> Iterable[str]:
        """Return the primaries, the traders of our positions and those with deferred orders."""
        ledger = self.desk.ledger
        copied = {position.source_trader for position in ledger.book.positions()}
        return sorted({*self._primaries, *copied, *(signal.trader for signal in ledger.signals.deferred())})

    def run(self, now: datetime) -> None:
        """Select anew; who becomes primary is followed from this moment on, with the look back that polls have."""
        score.run(self.desk, now)
        traders = self.desk.ledger.traders
        followed = [trader for trader in traders.all() if trader.last_scored_at == now]
        self._count(followed)
        self._primaries = tuple(trader.address for trader in followed if trader.tier == PRIMARY)
        begin = now - self.desk.policy.cadence.poll_lookback
        for address in self._primaries:
            self.selection.primary_days[address] += 1
            if traders.mark(address) is None:
                traders.put_mark(address, PollMark(followed_from=begin, read_until=begin, polled_at=begin))

    def _count(self, traders: Sequence[Trader]) -> None:
        for trader in traders:
            neutral = trader.terms.get("neutral")
            if isinstance(neutral, str) and trader.address not in self.selection.unread:
                self.selection.scored += 1
                self.selection.neutral.update(part for part in neutral.split(", ") if part)


def open_selector(
    clock: ReplayClock, universe: Universe, source: ReplaySource, ledger: Ledger, policy: Policy
) -> Selector:
    """Return the daily selection at the start of a replay."""
    selection = Selection()
    desk = ScoringDesk(
        policy=policy,
        ledger=ledger,
        leaderboard=ReplayBoard(clock, universe, source, selection),
        profiles=ReplayProfiles(clock, universe, source),
        progress=SilentProgress(),
        clock=SelectionClock(clock),
    )
    return Selector(desk, selection)
