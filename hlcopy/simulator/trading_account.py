"""An account that trades at the local venue: cash, one position a coin, leverage, orders, and everything that ever happened.

Amounts are USD, sizes signed. What is told of an amount is rounded to a millionth, and so is what is kept.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hlcopy.domain.margin import maintenance_ratio
from hlcopy.simulator.trading_orders import PLACES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hlcopy.simulator.accounts import Line
    from hlcopy.simulator.trading_orders import Order
    from hlcopy.simulator.wallet import FillRow

    Mark = Callable[[str], float]
    Row = dict[str, Any]

RECORDS: Final = 2_000
DEFAULT_LEVERAGE: Final = 20
_USD_PLACES: Final = 6


def rounded(usd: float) -> float:
    """Return an amount as the venue keeps it."""
    return round(usd, _USD_PLACES)


class Leverage(NamedTuple):
    """How a coin is traded."""

    is_cross: bool
    value: int


@dataclass(slots=True, kw_only=True)
class Position:
    """A position: `margin` is what is locked in an isolated one, its open result not included, and 0 in a cross one."""

    coin: str
    max_leverage: int
    leverage: Leverage
    size: float = 0.0
    entry: float = 0.0
    margin: float = 0.0
    funding_since_open: float = 0.0
    funding_since_change: float = 0.0
    retry_ms: int = 0

    @property
    def isolated(self) -> bool:
        """Whether it has margin of its own."""
        return not self.leverage.is_cross

    @property
    def raw_usd(self) -> float:
        """What an isolated position is worth beyond its size at the mark; it stays the same while the mark moves."""
        return self.margin - self.size * self.entry

    def result(self, mark: float) -> float:
        """Return the result if it were closed at a mark."""
        return self.size * (mark - self.entry)

    def notional(self, mark: float) -> float:
        """Return what it is worth at a mark, without sign."""
        return abs(self.size) * mark

    def margin_used(self, mark: float) -> float:
        """Return what is bound to it: its own margin and its result, or its share of the account's."""
        return self.margin + self.result(mark) if self.isolated else self.notional(mark) / self.leverage.value

    def maintenance(self, mark: float) -> float:
        """Return what must be left of its margin."""
        return self.notional(mark) * maintenance_ratio(self.max_leverage)

    def liquidation_level(self, spare: float, mark: float) -> float:
        """Return the mark at which an isolated position is liquidated, or a cross one when `spare` is lost on it alone."""
        ratio, side = maintenance_ratio(self.max_leverage), math.copysign(1.0, self.size)
        if self.isolated:
            return self.raw_usd / (ratio * abs(self.size) - self.size)
        return mark - side * spare / abs(self.size) / (1 - ratio * side)

    @property
    def bankruptcy(self) -> float:
        """The mark at which an isolated position's margin is lost."""
        return max(0.0, -self.raw_usd / self.size)


@dataclass(slots=True, kw_only=True, eq=False)
class TradingAccount:
    """An account and its books; `mode` is its abstraction, `master` the account that a subaccount belongs to.

    `flows` are transfers as (ms, USD), positive into the account. `history` are order records by change of status,
    `balances` what was realized so far as (ms, USD).
    """

    address: str
    mode: str = "default"
    master: str | None = None
    cash: float = 0.0
    positions: dict[str, Position] = field(default_factory=dict)
    leverage: dict[str, Leverage] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    records: OrderedDict[int, Order] = field(default_factory=OrderedDict)
    by_cloid: dict[str, Order] = field(default_factory=dict)
    history: deque[Row] = field(default_factory=lambda: deque(maxlen=RECORDS))
    records_kept: int = RECORDS
    fills: list[FillRow] = field(default_factory=list)
    fundings: list[Row] = field(default_factory=list)
    flows: list[tuple[int, float]] = field(default_factory=list)
    liquidations: list[tuple[int, Row]] = field(default_factory=list)
    balances: list[tuple[int, float]] = field(default_factory=list)
    lines: dict[str, Line] = field(default_factory=dict)
    funding_ever: dict[str, float] = field(default_factory=dict)
    volumes: list[tuple[int, float]] = field(default_factory=list)
    requests: int = 0
    throttled_ms: int | None = None
    cancel_all_ms: int | None = None

    # Money

    @property
    def balance(self) -> float:
        """Everything but open results: cash and what isolated positions hold."""
        return rounded(self.cash + math.fsum(position.margin for position in self.positions.values()))

    def held(self, coin: str) -> float:
        """Return the signed size of a coin's position, 0 without one."""
        position = self.positions.get(coin)
        return position.size if position else 0.0

    def value(self, mark: Mark) -> float:
        """Return what the account is worth."""
        return self.balance + math.fsum(each.result(mark(each.coin)) for each in self.positions.values())

    def cross(self) -> list[Position]:
        """Return the positions that share the account's margin."""
        return [position for position in self.positions.values() if not position.isolated]

    def cross_value(self, mark: Mark) -> float:
        """Return what the cross positions stand on."""
        return self.cash + math.fsum(position.result(mark(position.coin)) for position in self.cross())

    def cross_maintenance(self, mark: Mark) -> float:
        """Return what must be left of that."""
        return math.fsum(position.maintenance(mark(position.coin)) for position in self.cross())

    def free(self, mark: Mark) -> float:
        """Return what new positions may bind: not what cross positions use nor what orders in the book will."""
        used = math.fsum(position.margin_used(mark(position.coin)) for position in self.cross())
        return self.cross_value(mark) - used - self.reserved()

    def reserved(self) -> float:
        """Return what the account's orders in the book will bind."""
        return math.fsum(
            order.left * order.price / self.leverage[order.coin].value
            for order in self.orders.values()
            if order.trigger is None and not order.reduce_only and order.coin in self.leverage
        )

    def move(self, usd: float, at_ms: int) -> None:
        """Take a deposit, or a withdrawal when negative."""
        self.cash = rounded(self.cash + usd)
        self.flows.append((at_ms, rounded(usd)))
        self.note_balance(at_ms)

    def note_balance(self, at_ms: int) -> None:
        """Remember what was realized up to a moment."""
        self.balances.append((at_ms, self.balance))

    # Positions

    def trade(self, coin: str, change: float, price: float, fee: float, max_leverage: int) -> float:
        """Let a coin's position change and return the closed result; a size that passes zero closes and opens."""
        setting = self.leverage[coin]
        position = self.positions.get(coin) or Position(coin=coin, max_leverage=max_leverage, leverage=setting)
        self.positions[coin] = position
        size = position.size
        closed = min(abs(change), abs(size)) if size * change < 0 else 0.0
        result = rounded(math.copysign(closed, size) * (price - position.entry)) if closed else 0.0
        if closed:
            released = position.margin if closed == abs(size) else rounded(position.margin * closed / abs(size))
            position.margin = rounded(position.margin - released)
            position.size = round(size - math.copysign(closed, size), PLACES)
            self.cash = rounded(self.cash + released + result)
        opened = round(abs(change) - closed, PLACES)
        if opened:
            self._open(position, math.copysign(opened, change), price)
        self.cash = rounded(self.cash - fee)
        position.funding_since_change = 0.0
        if not position.size:
            del self.positions[coin]
        return result

    def _open(self, position: Position, change: float, price: float) -> None:
        if not position.size:
            position.leverage = self.leverage[position.coin]
            position.funding_since_open = position.entry = 0.0
        end = round(position.size + change, PLACES)
        position.entry = (position.size * position.entry + change * price) / end
        position.size = end
        if position.isolated:
            margin = rounded(abs(change) * price / position.leverage.value)
            position.margin = rounded(position.margin + margin)
            self.cash = rounded(self.cash - margin)

    def pay_funding(self, coin: str, usd: float, at_ms: int) -> None:
        """Take what a position pays at an hour; an isolated one pays from its own margin."""
        position = self.positions[coin]
        if position.isolated:
            position.margin = rounded(position.margin - usd)
        else:
            self.cash = rounded(self.cash - usd)
        position.funding_since_open += usd
        position.funding_since_change += usd
        self.funding_ever[coin] = self.funding_ever.get(coin, 0.0) + usd
        self.note_balance(at_ms)

    # Orders

    def record(self, order: Order) -> None:
        """Remember an order; of those that are over, only the latest are kept."""
        self.records[order.oid] = order
        if order.cloid is not None:
            self.by_cloid[order.cloid] = order
        while len(self.records) > self.records_kept:
            _, oldest = next(iter(self.records.items()))
            if oldest.is_open:  # one that is still open is as good as new
                self.records.move_to_end(oldest.oid)
                if all(each.is_open for each in self.records.values()):
                    break
                continue
            del self.records[oldest.oid]
            if oldest.cloid is not None and self.by_cloid.get(oldest.cloid) is oldest:
                del self.by_cloid[oldest.cloid]

    def find(self, number: int | str) -> Order | None:
        """Return an order by its number or its client's, which the latest order owns."""
        return self.by_cloid.get(number) if isinstance(number, str) else self.records.get(number)

    def on(self, coin: str) -> list[Order]:
        """Return the open orders of a coin, oldest first."""
        return [order for order in self.orders.values() if order.coin == coin]

    def children_of(self, order: Order) -> Iterable[Order]:
        """Return the open orders that wait for an order, or for the same one as it."""
        family = order.parent.children if order.parent else order.children
        return [each for each in family if each is not order and each.is_open]

    # The past

    def volume(self, since_ms: int, until_ms: int) -> float:
        """Return what was traded after `since_ms` and up to `until_ms`."""
        return self._volume_at(until_ms) - self._volume_at(since_ms)

    @property
    def volume_ever(self) -> float:
        """What was ever traded."""
        return self.volumes[-1][1] if self.volumes else 0.0

    def _volume_at(self, ms: int) -> float:
        index = bisect_right(self.volumes, ms, key=lambda row: row[0])
        return self.volumes[index - 1][1] if index else 0.0

    def value_at(self, ms: int, mark: Callable[[str, int], float]) -> float:
        """Return what the account was worth at a moment."""
        index = bisect_right(self.balances, ms, key=lambda row: row[0])
        open_result = 0.0
        for coin, line in self.lines.items():
            size, entry = line.at(ms)
            if size:
                open_result += size * (mark(coin, ms) - entry)
        return (self.balances[index - 1][1] if index else 0.0) + open_result

    def moved(self, since_ms: int, until_ms: int) -> float:
        """Return what was transferred after `since_ms` and up to `until_ms`."""
        return math.fsum(usd for at, usd in self.flows if since_ms < at <= until_ms)
