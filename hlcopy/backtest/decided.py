"""The gates judged by what the ticks really decided: the ledger's own entries, followed on stored candles."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.backtest.desk import size_decimals
from hlcopy.backtest.gates import Source, follow_each, is_entry, judged
from hlcopy.backtest.replay import ReplayClock, ReplayMarket
from hlcopy.backtest.report import Warn
from hlcopy.backtest.shadows import Shadow, Untold, follow
from hlcopy.domain.models import from_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from hlcopy.backtest.gates import Judgement
    from hlcopy.domain.models import Signal
    from hlcopy.domain.policy import Policy
    from hlcopy.domain.spans import Span
    from hlcopy.ports import CandleCoverage, FundingRate, Ledger, Progress

# Around the time that entries are held: a mark before the first, an exit after the last, with candles of some hours, too.
_BEFORE: Final = timedelta(hours=2)
_AFTER: Final = timedelta(hours=12)
_FURTHER: Final = timedelta(days=3)  # of what is stored already: for candles of a day
_LIKELIEST: Final = list(Untold)  # of two series of candles the one with the later reason says more


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What the ledger's ticks made of the orders of a period, as of `now`: entries and how many orders still wait."""

    first: date
    last: date
    now: datetime
    policy: Policy
    entries: Sequence[Signal]
    orders: int
    deferred: int

    @property
    def due(self) -> list[Signal]:
        """The entries that can't be held any more."""
        return [each for each in self.entries if each.updated_at + self.policy.exit.max_duration <= self.now]

    @property
    def windows(self) -> dict[str, Span]:
        """Of which coins candles are needed, and from when to when; what is pending needs none yet."""
        moments: dict[str, list[datetime]] = defaultdict(list)
        for signal in self.due:
            moments[signal.coin].append(signal.updated_at)
        held = self.policy.exit.max_duration
        return {
            coin: (to_ms(min(at) - _BEFORE), to_ms(min(max(at) + held + _AFTER, self.now)))
            for coin, at in sorted(moments.items())
        }


def decided(ledger: Ledger, first: date, last: date, policy: Policy, now: datetime) -> Decided:
    """Return what was decided of the orders that were traded on the days from `first` to `last`, up to `now`."""
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    signals = [signal for signal in ledger.signals.list(since=start) if signal.trade_time < end]
    return Decided(
        first=first,
        last=last,
        now=now,
        policy=policy,
        entries=[signal for signal in signals if is_entry(signal)],
        orders=len(signals),
        deferred=sum(not signal.is_final for signal in signals),
    )


def judge_decided(ledger: Ledger, found: Decided, progress: Progress | None = None) -> Judgement:
    """Follow every entry of a ledger on the finest stored candles that tell, and judge the gates by what they refused."""
    markets = _Markets(ledger, found)
    by_coin = sorted(found.entries, key=lambda signal: signal.coin)
    followed = follow_each(by_coin, markets.follow, progress)
    known = {signal.coin for signal, shadow in followed if isinstance(shadow, Shadow)}
    return judged(Source.LEDGER, found.first, found.last, followed, _warnings(found, sorted(known - markets.funded)))


class _Markets:
    """The stored candles of one coin after the other, a market for each interval."""

    def __init__(self, ledger: Ledger, found: Decided) -> None:
        self.funded: set[str] = set()
        self._history = ledger.history
        self._found = found
        self._windows = found.windows
        traders = sorted({signal.trader for signal in found.due})
        self._decimals = size_decimals({trader: ledger.history.fills(trader, until=found.now) for trader in traders})
        self._stored: Mapping[str, Sequence[CandleCoverage]] = _by_coin(ledger.history.candle_coverage())
        self._coin = ""
        self._markets: Sequence[ReplayMarket] = ()

    def follow(self, signal: Signal) -> Shadow | Untold:
        """Return what the finest candles that tell of an entry make of it, else why none do."""
        if signal.coin not in self._windows:
            return Untold.PENDING
        if signal.coin != self._coin:
            self._coin, self._markets = signal.coin, self._read(signal.coin)
        why = Untold.NO_PRICE
        for market in self._markets:
            shadow = follow(signal, market, self._found.policy, self._found.now)
            if isinstance(shadow, Shadow):
                return shadow
            why = max(why, shadow, key=_LIKELIEST.index)
        return why

    def _read(self, coin: str) -> list[ReplayMarket]:
        since, until = self._windows[coin]
        rates = self._history.funding(coin, from_ms(since), from_ms(until))
        if rates:
            self.funded.add(coin)
        funding: dict[str, Sequence[FundingRate]] = {coin: rates}
        begin, end = to_ms(from_ms(since) - _FURTHER), to_ms(min(from_ms(until) + _FURTHER, self._found.now))
        series = (self._history.candles(coin, row.interval_ms, begin, end) for row in self._stored.get(coin, ()))
        return [
            ReplayMarket(ReplayClock(self._found.now), {coin: candles}, funding, self._decimals)
            for candles in series
            if len(candles)
        ]


def _by_coin(rows: Sequence[CandleCoverage]) -> dict[str, list[CandleCoverage]]:
    """Return the series of each coin, finest first as they are given."""
    stored: dict[str, list[CandleCoverage]] = defaultdict(list)
    for row in rows:
        stored[row.coin].append(row)
    return stored


def _warnings(found: Decided, unfunded: Sequence[str]) -> list[Warn]:
    """Name what the ledger's decisions don't tell."""
    warnings = []
    if not found.orders:
        message = "no order was judged in this period; hlcopy poll judges those of the traders that are followed"
        warnings.append(Warn(code="NO_DECISIONS", message=message))
    if found.deferred:
        message = f"orders that are still deferred, and not judged here: {found.deferred}"
        warnings.append(Warn(code="UNDECIDED", message=message))
    if unfunded:
        message = f"no funding rates are stored of {', '.join(unfunded)}: none was charged there"
        warnings.append(Warn(code="NO_FUNDING", message=message))
    return warnings
