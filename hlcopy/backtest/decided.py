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
from hlcopy.backtest.shadows import Shadow, follow
from hlcopy.backtest.tape import open_tapes
from hlcopy.domain.models import from_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from hlcopy.backtest.gates import Judgement
    from hlcopy.domain.models import Signal
    from hlcopy.domain.policy import Policy
    from hlcopy.domain.spans import Span
    from hlcopy.ports import Ledger, Progress

# Around the time that entries are held: a mark before the first, an exit after the last, with candles of some hours, too.
_BEFORE: Final = timedelta(hours=2)
_AFTER: Final = timedelta(hours=12)
_WARM_UP: Final = timedelta(days=2)  # of what is stored already: enough for a mark even of daily candles


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
    """Follow every entry of a ledger on the best stored candles, as a replay does, and judge the gates by what they refused."""
    market, funded = _market(ledger, found)
    by_coin = sorted(found.entries, key=lambda signal: signal.coin)  # so that each coin's days are read once
    followed = follow_each(by_coin, lambda signal: follow(signal, market, found.policy, found.now), progress)
    known = {signal.coin for signal, shadow in followed if isinstance(shadow, Shadow)}
    return judged(Source.LEDGER, found.first, found.last, followed, _warnings(found, sorted(known - funded)))


def _market(ledger: Ledger, found: Decided) -> tuple[ReplayMarket, set[str]]:
    """Return what is stored of the coins that are needed as a market, and of which of them there is funding."""
    history, windows = ledger.history, found.windows
    fills = {trader: history.fills(trader, until=found.now) for trader in sorted({each.trader for each in found.due})}
    begin = min((since for since, _ in windows.values()), default=0)
    tapes = open_tapes(history, windows, to_ms(from_ms(begin) - _WARM_UP), to_ms(found.now))
    funding = {coin: history.funding(coin, *map(from_ms, window)) for coin, window in windows.items()}
    market = ReplayMarket(ReplayClock(found.now), tapes, funding, size_decimals(fills))
    return market, {coin for coin, rates in funding.items() if rates}


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
