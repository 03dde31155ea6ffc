"""Given entries in one book: the exit kernel with profit tiers, and the limits that keep entries out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from hlcopy.backtest.bench import FEE, SLIPPAGE, Trade, trade_of
from hlcopy.domain.gates import Holding, Portfolio, book_gate
from hlcopy.domain.scan import first_gain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.backtest.bench import Entry
    from hlcopy.domain.candles import Candles
    from hlcopy.domain.policy import Policy

EQUITY_USD: Final = 100_000.0
NOTIONAL_USD: Final = EQUITY_USD / 10


@dataclass(frozen=True, slots=True)
class Part:
    """What a profit tier took: at the open of which bar, at what price, and what share of the entry."""

    index: int
    price: float
    share: float


@dataclass(frozen=True, slots=True)
class Held:
    """A trade that the limits let in, and what tiers took of it before its exit."""

    trade: Trade
    parts: tuple[Part, ...]

    def gain(self) -> float:
        """Return the return of the trade after slippage and fees, as a fraction; 0 while it is open."""
        if self.trade.exit is None:
            return 0.0
        sign, price = self.trade.entry.side.sign, self.trade.price
        left = 1 - sum(part.share for part in self.parts)
        ways = [*((part.price, part.share) for part in self.parts), (self.trade.exit.price, left)]
        return sum(share * sign * (left_at * (1 - sign * SLIPPAGE) / price - 1) for left_at, share in ways) - 2 * FEE


def run(candles: Sequence[Candles], entries: Sequence[Entry], policy: Policy) -> list[Held]:
    """Return the trades that the limits of a book let in, by bar: each is worth `NOTIONAL_USD` of a fixed equity.

    What leaves in a bar makes room for the entries that are signalled in it or later.
    """
    held: list[Held] = []
    book: dict[int, Holding] = {}
    leaving: list[tuple[int, int, float]] = []
    for entry in sorted(entries, key=lambda entry: entry.bar):
        while leaving and leaving[0][0] <= entry.bar:
            _, coin, exposure = heappop(leaving)
            if exposure > 0:
                book[coin] = replace(book[coin], exposure_usd=exposure)
            else:
                del book[coin]
        portfolio = Portfolio(equity=EQUITY_USD, holdings=tuple(book.values()))
        if book_gate(str(entry.coin), entry.side, "", portfolio, policy.limits) is not None:
            continue
        trade = trade_of(candles[entry.coin], entry, policy.exit)
        parts = _parts(candles[entry.coin], trade, policy)
        held.append(Held(trade, parts))
        book[entry.coin] = Holding(coin=str(entry.coin), side=entry.side, exposure_usd=NOTIONAL_USD)
        share = 1.0
        for part in parts:
            share -= part.share
            if trade.exit is None or part.index < trade.exit.index:
                heappush(leaving, (part.index, entry.coin, share * NOTIONAL_USD))
        if trade.exit is not None:
            heappush(leaving, (trade.exit.index, entry.coin, 0.0))
    return held


def _parts(candles: Candles, trade: Trade, policy: Policy) -> tuple[Part, ...]:
    """Return what the tiers took: a close reaches one, and the next bar's open is its price, the exit's at the latest."""
    start, end = trade.entry.bar + 1, len(candles) - 1 if trade.exit is None else trade.exit.index
    parts: list[Part] = []
    left = 1.0
    for tier in policy.exit.tiers:
        start = first_gain(
            candles, start, end, entry_price=trade.price, side=trade.entry.side, gain_percent=tier.gain_percent
        )
        if start == end:
            break
        parts.append(Part(start + 1, float(candles.o[start + 1]), left * tier.fraction))
        left *= 1 - tier.fraction
    return tuple(parts)
