"""A venue on paper: it fills from a price feed by the same rules as the real one, and remembers in its own books.

What a call needs of prices is read before its transaction begins, so that nothing slow happens inside one; where it can't
be read the answer is `UNKNOWN` and nothing has changed.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hlcopy.domain import costs, margin, stops
from hlcopy.domain.book import ExitReason, IntentState, Order, OurFill, Purpose
from hlcopy.domain.instrument import MIN_NOTIONAL_USD
from hlcopy.domain.models import Side
from hlcopy.errors import TryLaterError
from hlcopy.ports import (
    MISSING,
    UNKNOWN,
    Accepted,
    Account,
    ActionBudget,
    MissingType,
    Outcome,
    PaperOrder,
    PaperPosition,
    Refused,
    RestingStop,
    UnknownType,
    VenuePosition,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.instrument import Instrument
    from hlcopy.domain.policy import CostPolicy
    from hlcopy.ports import Ledger, Level, PriceFeed, Quote

NO_BOOK: Final = "no order book was read: filled by the slippage model alone"


class PaperExchange:
    """The `Exchange` port over a price feed; its books change only in its own transactions."""

    def __init__(self, ledger: Ledger, feed: PriceFeed, policy: CostPolicy, starting_equity: float) -> None:
        self._ledger = ledger
        self._books = ledger.paper
        self._feed = feed
        self._policy = policy
        self._starting_equity = starting_equity

    def account(self, now: datetime) -> Account | UnknownType:
        """Return the paper account after what the price did since the last look."""
        looked = self._look(now)
        if looked is None:
            return UNKNOWN
        with self._open(now, looked):
            held = self._books.positions()
            views = {position.coin: self._view(position, now) for position in held}
            gains = sum(view.size * (view.mark - view.entry_price) for view in views.values())
            return Account(
                equity=self._cash() + sum(position.margin_usd for position in held) + gains,
                positions=views,
                stops=tuple(_resting_stop(order) for order in self._books.orders(IntentState.RESTING)),
                read_at=now,
            )

    def require_ready(self) -> None:
        """Do nothing: on paper nothing stands in the way."""

    def can_open(self, now: datetime) -> bool:  # noqa: ARG002 - the port's signature
        """Return True: the paper account is asked nothing over the wire."""
        return True

    def set_leverage(self, coin: str, leverage: int, now: datetime) -> Outcome:
        """Set isolated leverage; refused for an unknown coin, beyond its maximum, or with a position open."""
        looked = self._look(now, coin)
        if looked is None:
            return UNKNOWN
        with self._open(now, looked):
            instrument = self._feed.instrument(coin)
            if instrument is None or not 1 <= leverage <= instrument.max_leverage:
                return Refused("Invalid leverage value")
            if self._held(coin) is not None:
                return Refused("Cannot switch leverage type with open position.")
            self._books.put_leverage(coin, leverage)
            return Accepted(IntentState.FILLED)

    def send(self, order: Order, now: datetime) -> Outcome:
        """Fill an entry or exit at the next price, or let a stop rest; the same client id is the same order."""
        looked = self._look(now, order.coin)
        if looked is None:
            return UNKNOWN
        rests = order.purpose is Purpose.STOP
        book = None if rests else self._feed.book(order.coin, now, is_buy=order.is_buy)
        with self._open(now, looked):
            known = self._books.order(order.client_order_id)
            if known is not None:
                return _outcome(known)
            if order.expires_at is not None and now > order.expires_at:
                return Refused("Order expired.")
            instrument = self._feed.instrument(order.coin)
            if instrument is None:
                return Refused("Unknown coin.")
            placed = self._rest(order, now) if rests else self._execute(order, instrument, book, now)
            self._books.put_order(placed)
            return _outcome(placed)

    def cancel(self, order: Order, now: datetime) -> Outcome:
        """Cancel a resting stop; one that is gone already counts as cancelled."""
        looked = self._look(now)
        if looked is None:
            return UNKNOWN
        with self._open(now, looked):
            known = self._books.order(order.client_order_id)
            if known is not None and known.state is IntentState.RESTING:
                self._books.put_order(replace(known, state=IntentState.CANCELLED))
            return Accepted(IntentState.CANCELLED)

    def find(self, client_order_id: str, now: datetime) -> Accepted | Refused | MissingType | UnknownType:
        """Return what became of an order."""
        looked = self._look(now)
        if looked is None:
            return UNKNOWN
        with self._open(now, looked):
            known = self._books.order(client_order_id)
            return MISSING if known is None else _outcome(known)

    def fills(self, since: datetime, now: datetime) -> Sequence[OurFill] | UnknownType:
        """Return our fills from `since` on."""
        looked = self._look(now)
        if looked is None:
            return UNKNOWN
        with self._open(now, looked):
            return self._books.fills(since)

    def funding(self, coin: str, since: datetime, until: datetime) -> float | UnknownType:
        """Return what was paid in a period."""
        return self._books.funding(coin, since, until)

    def transfers(self, since: datetime, until: datetime) -> float | UnknownType:  # noqa: ARG002 - the port's signature
        """Return 0.0: nothing is ever moved into the paper account or out of it."""
        return 0.0

    def budget(self, now: datetime) -> ActionBudget | UnknownType | None:  # noqa: ARG002 - the port's signature
        """Return None: paper orders have no limit."""
        return None

    def _look(self, now: datetime, *coins: str) -> Mapping[str, datetime] | None:
        """Let the feed read what will be asked of the coins held and of some more; None when it can't be read."""
        since = {held.coin: self._unseen_from(held) for held in self._books.positions()}
        for coin in coins:
            since.setdefault(coin, now)
        try:
            if since:
                self._feed.look(since, now)
        except TryLaterError:
            return None
        return since

    def _unseen_from(self, held: PaperPosition) -> datetime:
        return max(held.opened_at, self._books.synced_at() or held.opened_at)

    @contextmanager
    def _open(self, now: datetime, looked: Mapping[str, datetime]) -> Iterator[None]:
        """Open the books as of a moment, for all or nothing."""
        with self._ledger.transaction():
            for held in self._books.positions():
                if held.coin not in looked or looked[held.coin] > self._unseen_from(held):
                    message = "another command changed the paper account in this moment; try again"
                    raise TryLaterError(message)
            self._sync(now)
            yield

    def _cash(self) -> float:
        cash = self._books.cash()
        return self._starting_equity if cash is None else cash

    def _add_cash(self, usd: float) -> None:
        self._books.put_cash(self._cash() + usd)

    def _held(self, coin: str) -> PaperPosition | None:
        return next((held for held in self._books.positions() if held.coin == coin), None)

    def _mark(self, held: PaperPosition, now: datetime) -> float:
        mark = self._feed.mark(held.coin, now)
        return held.entry_price if mark is None else mark

    def _view(self, held: PaperPosition, now: datetime) -> VenuePosition:
        instrument = self._feed.instrument(held.coin)
        side = Side.of(held.size)
        liquidation = None
        if instrument is not None:
            price = margin.liquidation_price(held.entry_price, side, held.leverage, instrument.max_leverage)
            liquidation = price if price > 0 else None
        return VenuePosition(
            coin=held.coin,
            size=held.size,
            entry_price=held.entry_price,
            leverage=held.leverage,
            isolated=True,
            liquidation_price=liquidation,
            mark=self._mark(held, now),
        )

    def _sync(self, now: datetime) -> None:
        """Apply what happened since the last look: funding, stops that the price reached, liquidations."""
        synced_at = self._books.synced_at()
        if synced_at is not None and synced_at >= now:
            return  # within one moment the price can't move, and a tick that had to wait comes too late for an earlier one
        if self._books.cash() is None:
            self._books.put_cash(self._starting_equity)
        for held in self._books.positions():
            resting = self._stops(held)  # a stop lies before the liquidation
            touched = self._stop_touched(held, resting, now) if resting else self._liquidation_touched(held, now)
            until = touched[0].at if touched is not None else now
            self._pay_funding(held, until)
            if touched is not None:
                quote, order = touched
                self._fire(held, quote, order)
        self._books.put_synced_at(now)

    def _stop_touched(
        self, held: PaperPosition, resting: Sequence[PaperOrder], now: datetime, until: datetime | None = None
    ) -> tuple[Quote, PaperOrder] | None:
        """Return the first of a position's stops that the price reached, and where."""
        side = Side.of(held.size)
        touches: list[tuple[Quote, PaperOrder]] = []
        for order in resting:
            since = max(order.placed_at, held.opened_at)
            quote = self._feed.first_touch(held.coin, order.trigger_price or 0.0, side, since, now, until=until)
            if quote is not None:
                touches.append((quote, order))
        # Of two that were reached in the same candle, the price came by the better one first.
        return min(touches, key=lambda touch: (touch[0].at, -side.sign * touch[0].price), default=None)

    def _liquidation_touched(self, held: PaperPosition, now: datetime) -> tuple[Quote, None] | None:
        price = self._view(held, now).liquidation_price
        if price is None:
            return None
        quote = self._feed.first_touch(held.coin, price, Side.of(held.size), held.opened_at, now)
        return None if quote is None else (quote, None)

    def _stops(self, held: PaperPosition) -> list[PaperOrder]:
        """Return the resting stops that would close a position."""
        resting = self._books.orders(IntentState.RESTING)
        return [order for order in resting if order.coin == held.coin and order.is_buy == (held.size < 0)]

    def _fire(self, held: PaperPosition, quote: Quote, order: PaperOrder | None) -> None:
        """Fill a stop, or liquidate; isolated margin is all that can be lost, even by a gap."""
        side = Side.of(held.size)
        size = min(abs(held.size), order.size) if order is not None else abs(held.size)
        slip = costs.slippage_percent(held.coin, size * quote.price, self._policy)
        price = costs.slipped(quote.price, slip, is_buy=side is Side.SHORT)
        floor = margin.bankruptcy_price(held.entry_price, side, held.leverage)
        liquidated = order is None or stops.is_crossed(floor, price, side)
        price = max(price, floor) if side is Side.LONG else min(price, floor)
        slippage_usd = max(0.0, side.sign * (quote.price - price)) * size
        self._fill(
            held.coin,
            is_buy=side is Side.SHORT,
            size=size,
            price=price,
            at=quote.at,
            order_id=order.client_order_id if order is not None else None,
            forced=ExitReason.LIQUIDATED if liquidated else None,
            slippage_usd=slippage_usd,
        )
        if order is not None:
            done = replace(order, state=IntentState.FILLED, filled_size=size, average_price=price)
            self._books.put_order(done)

    def _pay_funding(self, held: PaperPosition, until: datetime) -> None:
        since = max(self._books.synced_at() or held.opened_at, held.opened_at)
        for at, rate in self._feed.funding(held.coin, since, until):
            paid = costs.funding_payment(held.size, self._mark(held, at), rate)
            self._books.add_funding(held.coin, at, paid)
            self._add_cash(-paid)

    def _rest(self, order: Order, now: datetime) -> PaperOrder:
        held = self._held(order.coin)
        placed = _paper_order(order, now)
        if held is None or order.is_buy == (held.size > 0):
            return replace(placed, state=IntentState.REFUSED, error="Reduce only order would increase position.")
        mark = self._mark(held, now)
        if order.trigger_price is None or stops.is_crossed(order.trigger_price, mark, Side.of(held.size)):
            return replace(placed, state=IntentState.REFUSED, error="Invalid TP/SL price.")
        return replace(placed, state=IntentState.RESTING)

    def _execute(self, order: Order, instrument: Instrument, book: Sequence[Level] | None, now: datetime) -> PaperOrder:
        """Fill an immediate-or-cancel order at the worse of slippage and the book's levels, as far as its bound allows."""
        placed = _paper_order(order, now)
        quote = self._feed.next_price(order.coin, now)
        if quote is None:
            return replace(placed, state=IntentState.CANCELLED, error="No liquidity available for market order.")
        held = self._held(order.coin)
        if held is not None and quote.at > now:
            # The order waits for the next candle, and its stop doesn't: in the candle that runs the stop comes first.
            touched = self._stop_touched(held, self._stops(held), now, quote.at)
            if touched is not None:
                self._fire(held, *touched)
                held = self._held(order.coin)
        size = min(order.size, abs(held.size)) if order.reduce_only and held is not None else order.size
        filled, price = self._match(order, size, quote.price, instrument, book)
        refusal = self._refusal(order, held, size, price, instrument)
        if refusal is not None:
            return replace(placed, state=IntentState.REFUSED, error=refusal)
        if filled <= 0 or costs.is_past(order.limit_price, price, is_buy=order.is_buy):
            error = "Order could not immediately match against any resting orders."
            return replace(placed, state=IntentState.CANCELLED, error=error)
        self._fill(
            order.coin,
            is_buy=order.is_buy,
            size=filled,
            price=price,
            at=quote.at,
            order_id=order.client_order_id,
            forced=None,
            slippage_usd=abs(price - quote.price) * filled,
        )
        note = NO_BOOK if book is None else None
        return replace(placed, state=IntentState.FILLED, filled_size=filled, average_price=price, note=note)

    def _match(
        self, order: Order, size: float, price: float, instrument: Instrument, book: Sequence[Level] | None
    ) -> tuple[float, float]:
        """Return how much of an order fills and at what price; where nothing does, the price that was to be expected."""
        filled, average = size, price
        if book is not None:
            levels = ((level.price, level.size) for level in book)
            matched, average = costs.walk(levels, size, order.limit_price, is_buy=order.is_buy)
            filled = min(size, instrument.size(matched))
        slip = costs.slippage_percent(order.coin, (filled or size) * price, self._policy)
        slipped = costs.slipped(price, slip, is_buy=order.is_buy)
        if not filled:
            return 0.0, slipped
        return filled, max(slipped, average) if order.is_buy else min(slipped, average)

    def _refusal(
        self, order: Order, held: PaperPosition | None, size: float, price: float, instrument: Instrument
    ) -> str | None:
        """Return the venue's words for an order that breaks its rules, None for one that doesn't."""
        if order.reduce_only and (held is None or order.is_buy == (held.size > 0)):
            return "Reduce only order would increase position."
        whole = order.reduce_only and held is not None and size == abs(held.size)
        if size != instrument.size(size) or size <= 0:
            return "Order has invalid size."
        if size * price < MIN_NOTIONAL_USD and not whole:
            return "Order must have minimum value of $10."
        if not order.reduce_only and held is not None:
            return "A position is open on this coin already."
        if not order.reduce_only and not self._affordable(order.coin, size * price):
            return "Insufficient margin to place order."
        return None

    def _affordable(self, coin: str, notional: float) -> bool:
        leverage = self._books.leverage(coin)
        return leverage is not None and self._cash() >= notional / leverage + costs.taker_fee(notional, self._policy)

    def _fill(
        self,
        coin: str,
        *,
        is_buy: bool,
        size: float,
        price: float,
        at: datetime,
        order_id: str | None,
        forced: ExitReason | None,
        slippage_usd: float,
    ) -> None:
        """Move a fill through the books: margin is locked on the way in and comes back with the result on the way out."""
        fee = costs.taker_fee(size * price, self._policy)
        held = self._held(coin)
        if held is None:
            leverage = self._books.leverage(coin) or 1
            locked = size * price / leverage
            self._add_cash(-locked - fee)
            signed = size if is_buy else -size
            self._books.put_position(
                PaperPosition(
                    coin=coin, size=signed, entry_price=price, leverage=leverage, margin_usd=locked, opened_at=at
                )
            )
        else:
            released = held.margin_usd * size / abs(held.size)
            left = released + Side.of(held.size).sign * (price - held.entry_price) * size
            fee = min(fee, max(0.0, left))  # isolated margin is all that can be lost, fee included
            self._add_cash(left - fee)
            self._shrink(held, size, released)
        self._books.add_fill(
            OurFill(
                identity=f"paper:{self._books.count_fills() + 1}",
                coin=coin,
                is_buy=is_buy,
                price=price,
                size=size,
                fee=fee,
                time=at,
                client_order_id=order_id,
                forced=forced,
                slippage_usd=slippage_usd,
            )
        )

    def _shrink(self, held: PaperPosition, size: float, released: float) -> None:
        instrument = self._feed.instrument(held.coin)
        left = abs(held.size) - size
        left = round(left, instrument.size_decimals) if instrument is not None else left
        if left <= 0:
            self._books.drop_position(held.coin)
            return
        signed = left if held.size > 0 else -left
        self._books.put_position(replace(held, size=signed, margin_usd=held.margin_usd - released))


def _paper_order(order: Order, now: datetime) -> PaperOrder:
    return PaperOrder(
        client_order_id=order.client_order_id,
        coin=order.coin,
        is_buy=order.is_buy,
        size=order.size,
        trigger_price=order.trigger_price,
        reduce_only=order.reduce_only,
        state=IntentState.PENDING,
        placed_at=now,
    )


def _resting_stop(order: PaperOrder) -> RestingStop:
    return RestingStop(
        coin=order.coin,
        is_buy=order.is_buy,
        size=order.size,
        trigger_price=order.trigger_price or 0.0,
        reduce_only=order.reduce_only,
        client_order_id=order.client_order_id,
    )


def _outcome(order: PaperOrder) -> Accepted | Refused:
    if order.state is IntentState.REFUSED:
        return Refused(order.error or "refused")
    return Accepted(order.state, order.filled_size, order.average_price)
