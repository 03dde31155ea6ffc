"""A simulated trader's account: its orders become executions inside the candles, and those the venue's fill rows."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, NotRequired, TypedDict

import numpy as np

from hlcopy.simulator.market import COINS, HOUR, MINUTE_MS, THIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.simulator.market import Integers, Market

TAKER_FEE: Final = 0.00045
MAKER_FEE: Final = 0.00015
SPOT_FEE: Final = 0.0007
HIP3_FEE: Final = 2 * TAKER_FEE
ZERO_HASH: Final = "0x" + "0" * 64
SPOT_COIN: Final = "@107"
SPOT_TOKEN: Final = "HYPE"
HIP3_COIN: Final = "xyz:NVDA"
# A lot is the smallest unit that sizes are counted in; a spot balance has decimals that its orders don't.
LOT_DECIMALS: Final = {
    instrument.coin: instrument.size_decimals for instrument in (*(coin.instrument for coin in COINS), *THIN)
} | {SPOT_COIN: 8, HIP3_COIN: 3}

_PRICE_PLACES: Final = 8
_USD_PLACES: Final = 6
_MAKER_PARTS: Final = 15
_TAKER_PARTS: Final = 4
_TWAP_SLICE_MS: Final = 30_000
_MAKER_CHOICES: Final = 12
_AWAY_MINUTES: Final = 9  # an order that is not filled on for a quarter of an hour passes for done
_BY_THEN_TOUCHED_MS: Final = 41_000  # within a minute both its low and its high lie before it
_FIRST_WALLET: Final = 5_000  # order ids need more than 32 bits, as the venue's do
_ORDERS_PER_WALLET: Final = 10**8
_TRADES_PER_WALLET: Final = 10**13


class Liquidation(TypedDict):
    """The mark that a fill of a liquidation carries."""

    liquidatedUser: str
    markPx: str
    method: str


class FillRow(TypedDict):
    """A fill in the names and types of the venue's `userFills`, with its `user`; a TWAP slice carries its `twapId`."""

    user: str
    coin: str
    px: str
    sz: str
    side: Literal["B", "A"]
    time: int
    startPosition: str
    dir: str
    closedPnl: str
    hash: str
    oid: int
    crossed: bool
    fee: str
    tid: int
    feeToken: str
    twapId: int | None
    cloid: NotRequired[str]
    liquidation: NotRequired[Liquidation]


class _Execution(NamedTuple):
    """A part of an order that was done; `lots` is signed."""

    time: int
    coin: str
    lots: int
    price: float
    oid: int
    hash: str
    crossed: bool = True
    twap_id: int | None = None
    liquidation_mark: float | None = None


class Wallet:
    """An account whose orders are planned coin by coin, each coin in order of time; nothing happens from minute `until` on."""

    def __init__(self, market: Market, rng: np.random.Generator, number: int, equity_usd: float) -> None:
        self.market = market
        self.rng = rng
        self.equity_usd = equity_usd
        self.address = "0x" + rng.bytes(20).hex()
        self.until = market.minutes
        self._number = number
        self._orders = 0
        self._executions: list[_Execution] = []
        self._held: defaultdict[str, int] = defaultdict(int)
        self._inherited: dict[str, tuple[int, float]] = {}

    def held(self, coin: str) -> int:
        """Return the signed lots that the orders so far leave."""
        return self._held[coin]

    def entry(self, coin: str) -> float:
        """Return the average price of the position that the orders so far leave, 0 without one."""
        book = _Book(*self._inherited.get(coin, (0, 0.0)))
        for done in self._executions:
            if done.coin == coin:
                book.trade(done.lots, done.price)
        return book.entry if book.lots else 0.0

    def lots(self, coin: str, minute: int, usd: float) -> int:
        """Return the lots that an amount is worth in a minute, at least one."""
        price = float(self.market.candles[coin].c[min(minute, self.market.minutes - 1)])
        return max(1, int(usd / price * 10 ** LOT_DECIMALS[coin]))

    def inherit(self, coin: str, lots: int, price: float) -> None:
        """Start with a position whose fills lie before the world."""
        self._inherited[coin] = (lots, price)
        self._held[coin] = lots

    def inherited(self) -> dict[str, tuple[float, float]]:
        """Return the positions started with, by coin, as signed size and entry price."""
        return {coin: (lots / 10 ** LOT_DECIMALS[coin], price) for coin, (lots, price) in self._inherited.items()}

    def take(self, coin: str, minute: int, lots: int, *, parts: int = _TAKER_PARTS, least: int = 1) -> None:
        """Let a taker's order fill at once, in up to `parts` fills at worsening prices of one moment."""
        if not lots or minute >= self.until:
            return
        fills = self._split(lots, int(self.rng.integers(least, max(least, parts) + 1)))
        shares = np.sort(self.rng.random(len(fills)))[:: 1 if lots > 0 else -1]
        oid, text, time = self._new_oid(), self._new_hash(), self._moment(minute)
        candles = self.market.candles[coin]
        for part, share in zip(fills, shares, strict=True):
            self._execute(_Execution(time, coin, part, candles.inside(minute, float(share)), oid, text))

    def rest(self, coin: str, minute: int, lots: int) -> int:
        """Let a maker's order fill whenever the price comes back to it within the hour; return the minute of its last fill.

        Of some prices of that hour it rests at the one that the price comes back to the longest, without staying away so
        long that the order would pass for done.
        """
        if not lots or minute >= self.until:
            return minute
        candles = self.market.candles[coin]
        window = slice(minute, min(minute + HOUR, self.until))
        low, high = candles.l[window], candles.h[window]
        price, minutes = 0.0, np.zeros(0, dtype=np.int64)
        for close in self.rng.choice(candles.c[window], _MAKER_CHOICES):
            tried = candles.instrument.price_down(float(close))
            touched = np.flatnonzero((low <= tried) & (tried <= high))
            away = np.flatnonzero(np.diff(touched) > _AWAY_MINUTES)
            touched = touched[: int(away[0]) + 1] if len(away) else touched
            if not price or touched[-1] - touched[0] > minutes[-1] - minutes[0]:
                price, minutes = tried, touched
        minutes = minute + _spread(minutes, _MAKER_PARTS)
        oid, parts = self._new_oid(), self._split(lots, len(minutes))
        for part, at in zip(parts, minutes, strict=False):
            time = self._moment(int(at))
            self._execute(_Execution(time, coin, part, price, oid, self._new_hash(), crossed=False))
        return int(minutes[len(parts) - 1])

    def quote(self, coin: str, minute: int, lots: int, price: float, *, first: bool) -> None:
        """Let a market maker's quote fill whole, in the first or the second half of a minute."""
        if minute < self.until:
            half = MINUTE_MS // 2
            time = self.market.start_ms + minute * MINUTE_MS + int(self.rng.integers(0, half)) + (0 if first else half)
            self._execute(_Execution(time, coin, lots, price, self._new_oid(), self._new_hash(), crossed=False))

    def twap(self, coin: str, minute: int, lots: int, minutes: int) -> None:
        """Let an order fill in a slice every half minute, each an order of its own without a hash."""
        if minute + minutes > self.until:
            return
        start = self.market.start_ms + minute * MINUTE_MS
        candles, twap_id = self.market.candles[coin], self._new_oid()
        for index, part in enumerate(self._split(lots, minutes * MINUTE_MS // _TWAP_SLICE_MS, evenly=True)):
            time = start + index * _TWAP_SLICE_MS + int(self.rng.integers(0, 1000))
            price = candles.inside((time - self.market.start_ms) // MINUTE_MS, float(self.rng.random()))
            self._execute(_Execution(time, coin, part, price, self._new_oid(), ZERO_HASH, twap_id=twap_id))

    def be_liquidated(self, coin: str, minute: int, mark: float) -> None:
        """Let the venue close a large position: a fifth at a mark within a minute's candle, the rest in the next minute."""
        candles = self.market.candles[coin]
        lots = -self.held(coin)
        first = lots // 5
        time = self.market.start_ms + minute * MINUTE_MS + _BY_THEN_TOUCHED_MS
        at_mark = max(float(candles.l[minute]), candles.instrument.price_down(mark))
        for order, later, price in (
            (first, 0, at_mark),
            (lots - first, MINUTE_MS, candles.inside(minute + 1, float(self.rng.random()))),
        ):
            oid, text = self._new_oid(), self._new_hash()
            for part in self._split(order, 3):
                self._execute(_Execution(time + later, coin, part, price, oid, text, liquidation_mark=price))

    def trade_elsewhere(self, coin: str, minute: int, lots: int, price: float) -> None:
        """Let an order fill in one part on a market without candles: spot or a HIP-3 perp."""
        if minute < self.until:
            self._execute(_Execution(self._moment(minute), coin, lots, price, self._new_oid(), self._new_hash()))

    def rows(self) -> list[FillRow]:
        """Return everything that happened, by time, as the venue reports it."""
        executions = sorted(self._executions, key=lambda execution: execution.time)
        trades = self._number * _TRADES_PER_WALLET + np.cumsum(self.rng.integers(1, 10**6, len(executions)))
        books = {coin: _Book(lots, price) for coin, (lots, price) in self._inherited.items()}
        return [
            self._row(execution, books.setdefault(execution.coin, _Book()), int(trade))
            for execution, trade in zip(executions, trades, strict=True)
        ]

    def _row(self, done: _Execution, book: _Book, tid: int) -> FillRow:
        lot = 10 ** LOT_DECIMALS[done.coin]
        start = book.lots
        pnl = book.trade(done.lots, done.price) / lot
        cost, token = _fee(done, abs(done.lots) / lot)
        fee = round(cost, _USD_PLACES)
        if token == SPOT_TOKEN:
            book.lots -= round(fee * lot)  # a spot buy is paid for in what was bought
        row = FillRow(
            user=self.address,
            coin=done.coin,
            px=wire(done.price, _PRICE_PLACES),
            sz=wire(abs(done.lots) / lot, LOT_DECIMALS[done.coin]),
            side="B" if done.lots > 0 else "A",
            time=done.time,
            startPosition=wire(start / lot, LOT_DECIMALS[done.coin]),
            dir=_direction(done, start),
            closedPnl=wire(pnl, _USD_PLACES),
            hash=done.hash,
            oid=done.oid,
            crossed=done.crossed,
            fee=wire(fee, _USD_PLACES),
            tid=tid,
            feeToken=token,
            twapId=done.twap_id,
        )
        if done.liquidation_mark is not None:
            mark = wire(done.liquidation_mark, _PRICE_PLACES)
            row["liquidation"] = Liquidation(liquidatedUser=self.address, markPx=mark, method="market")
        return row

    def _execute(self, execution: _Execution) -> None:
        self._executions.append(execution)
        self._held[execution.coin] += execution.lots

    def _split(self, lots: int, count: int, *, evenly: bool = False) -> Sequence[int]:
        """Return up to `count` whole parts of the sign of `lots`."""
        total, sign = abs(lots), 1 if lots > 0 else -1
        inner = np.linspace(0, total, count + 1)[1:-1] if evenly else self.rng.integers(0, total, count - 1)
        edges = np.unique(np.concatenate(((0, total), np.floor(inner)))).astype(np.int64)
        return [sign * int(part) for part in np.diff(edges)]

    def _moment(self, minute: int) -> int:
        return self.market.start_ms + minute * MINUTE_MS + int(self.rng.integers(0, MINUTE_MS))

    def _new_oid(self) -> int:
        self._orders += 1
        return (_FIRST_WALLET + self._number) * _ORDERS_PER_WALLET + self._orders

    def _new_hash(self) -> str:
        return "0x" + self.rng.bytes(32).hex()


def _spread(minutes: Integers, count: int) -> Integers:
    """Return some of rising minutes, the first and the last among them, about evenly spread over time."""
    step = max(1, -(-int(minutes[-1] - minutes[0]) // count))
    chosen = [int(minutes[0])]
    for minute in minutes.tolist():
        if minute - chosen[-1] >= step:
            chosen.append(minute)
    return np.unique([*chosen, int(minutes[-1])])


class _Book:
    """A position as the venue keeps it: signed lots and the average price they were entered at."""

    def __init__(self, lots: int = 0, entry: float = 0.0) -> None:
        self.lots = lots
        self.entry = entry

    def trade(self, lots: int, price: float) -> float:
        """Apply a fill; return the profit of the part that it closed, in USD times lots."""
        before, after = self.lots, self.lots + lots
        self.lots = after
        if before * lots >= 0:
            self.entry = (before * self.entry + lots * price) / after
            return 0.0
        closed = max(-before, lots) if lots < 0 else min(-before, lots)
        profit = -closed * (price - self.entry)
        if before * after < 0:
            self.entry = price
        return profit


def _fee(done: _Execution, size: float) -> tuple[float, str]:
    if done.coin == SPOT_COIN:
        return (size * SPOT_FEE, SPOT_TOKEN) if done.lots > 0 else (size * done.price * SPOT_FEE, "USDC")
    if done.coin == HIP3_COIN:
        return size * done.price * HIP3_FEE, "USDC"
    return size * done.price * (TAKER_FEE if done.crossed else MAKER_FEE), "USDC"


def _direction(done: _Execution, start: int) -> str:
    if done.coin == SPOT_COIN:
        return "Buy" if done.lots > 0 else "Sell"
    return direction(start, start + done.lots)


def direction(start: float, end: float) -> str:
    """Return the venue's word for a fill that took a perp position from one signed size to another."""
    if start * end < 0:
        return "Short > Long" if end > 0 else "Long > Short"
    if abs(end) > abs(start):
        return "Open Long" if end > 0 else "Open Short"
    return "Close Long" if start > 0 else "Close Short"


def wire(value: float, places: int) -> str:
    """Return a number as the venue writes it: no exponent, no trailing zeros, but at least one decimal."""
    whole, _, decimals = f"{value:.{max(places, 1)}f}".partition(".")
    text = f"{whole}.{decimals.rstrip('0') or '0'}"
    return "0.0" if text == "-0.0" else text
