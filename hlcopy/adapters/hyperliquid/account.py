"""Our own account as Hyperliquid's public API shows it."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from hlcopy.adapters.hyperliquid.client import FULL_UPDATES
from hlcopy.adapters.hyperliquid.fills import forward
from hlcopy.adapters.hyperliquid.moves import moved
from hlcopy.domain.book import ExitReason, IntentState, OurFill
from hlcopy.domain.episodes import Market, market_of
from hlcopy.domain.models import from_ms, to_ms
from hlcopy.domain.refusals import refusal_of_status
from hlcopy.errors import BadAnswerError, TryLaterError
from hlcopy.ports import (
    FILLS_SERVED,
    MISSING,
    UNKNOWN,
    Accepted,
    Account,
    ActionBudget,
    Fact,
    MissingType,
    Refused,
    RestingOrder,
    RestingStop,
    UnknownType,
    VenuePosition,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from hlcopy.adapters.hyperliquid.client import InfoClient
    from hlcopy.adapters.hyperliquid.own_models import (
        ApiFundingPayment,
        ApiOrder,
        ApiOrderRecord,
        ApiOwnFill,
        ApiOwnPosition,
        ApiOwnState,
    )
    from hlcopy.ports import Clock, Controls

Read = TypeVar("Read")

_SKEW_MS: Final = 2_000
"""How far the venue's clock may lie behind ours: nearer than that two moments of the two can't be put in order."""
_FUNDING_DELAY: Final = timedelta(minutes=1)
_BUDGET_LASTS: Final = timedelta(minutes=10)
_BUDGET: Final = "action_budget"
_LOOK_BACK_MS: Final = 60_000
_NOISE: Final = 1e-9
_DOLLARS: Final = frozenset({"USDC", "USDT0", "USDH", "USDE"})


@dataclass(frozen=True, slots=True)
class _Paid:
    """Payments of funding, complete from `since` to `until`."""

    since: datetime
    until: datetime
    payments: Sequence[ApiFundingPayment]


class HyperliquidAccount:
    """The port `VenueAccount` over the info API; what can't be read is told and `UNKNOWN`. One thread may use it."""

    def __init__(
        self, client: InfoClient, address: str, controls: Controls, clock: Clock, tell: Callable[[str], None]
    ) -> None:
        self._client = client
        self._address = address.lower()
        self._controls = controls
        self._clock = clock
        self._tell = tell
        self._not_before = 0
        self._behind_ms = 0
        self._paid: _Paid | None = None

    def acknowledged(self, at_ms: int) -> None:
        """Take note that the venue answered a send at a moment of our clock: what was true before is no longer."""
        self._not_before = max(self._not_before, at_ms - _SKEW_MS)

    def behind_ms(self) -> int:
        """Return how far our clock lies behind the venue's, as far as its readings show; 0 while they can't be told apart."""
        return self._behind_ms

    def account(self, now: datetime) -> Account | UnknownType:  # noqa: ARG002 - the port's signature
        """Return our account as it stands; a reading older than what we know is read once more."""
        return self._known("our account", self._account)

    def _account(self) -> Account:
        for _ in range(2):
            # Orders first: a stop that fires in between then looks too many, not a position that lacks one.
            orders = self._client.open_orders(self._address)
            state = self._client.own_state(self._address)
            behind = state.time - to_ms(self._clock.now())  # a stale reading shows too little, never too much
            self._behind_ms = max(self._behind_ms, behind if behind > _SKEW_MS else 0)
            if state.time >= self._not_before:
                # A moment far ahead of ours may be a slip of the venue: it must not make all that follow look old.
                self._not_before = max(self._not_before, min(state.time, to_ms(self._clock.now()) + _SKEW_MS))
                return _account(state, orders)
        message = f"{self._client.host} answers with an account older than one it showed before"
        raise BadAnswerError(message)

    def find(self, client_order_id: str, now: datetime) -> Accepted | Refused | MissingType | UnknownType:  # noqa: ARG002 - the port's signature
        """Return what the venue knows of an order; how much filled and at what price is told by its fills."""
        return self._known("an order of ours", lambda: self._find(client_order_id))

    def _find(self, client_order_id: str) -> Accepted | Refused | MissingType:
        answer = self._client.order_status(self._address, client_order_id)
        if answer.status == "unknownOid":
            return MISSING
        record = answer.order
        if answer.status != "order" or record is None:
            message = f"orderStatus: {answer.status!r} isn't known"
            raise BadAnswerError(message)
        if record.order.cloid is not None and record.order.cloid.lower() != client_order_id:
            message = "orderStatus: another order than was asked for"
            raise BadAnswerError(message)
        return self._outcome(record)

    def _outcome(self, record: ApiOrderRecord) -> Accepted | Refused:
        order, state = record.order, _state_of(record.status)
        if state is IntentState.FILLED or (state is not IntentState.RESTING and order.sz < order.origSz):
            filled = self._filled(record)
            if filled is not None:
                return filled
        if state is IntentState.REFUSED:
            return Refused(record.status, refusal_of_status(record.status))
        return Accepted(state, venue_order_id=order.oid)

    def _filled(self, record: ApiOrderRecord) -> Accepted | None:
        """Return what filled of an ended order by its fills, since its record has no price; None for nothing.

        That less than all remains proves no fill where the order was reduce-only: such shrink with their position.
        """
        order, ended = record.order, record.statusTimestamp
        rows = forward(
            lambda begin, expect: self._client.own_fills(self._address, begin, expect=expect), ended - _LOOK_BACK_MS
        )
        fills = [row for row in rows if row.oid == order.oid and row.coin == order.coin]
        size = sum(row.sz for row in fills)
        may_shrink = order.reduceOnly and (fills or record.status != "filled")
        settled = fills and to_ms(self._clock.now()) - ended > _LOOK_BACK_MS
        short = not fills if record.status == "filled" else False
        short = short or size < (order.origSz - order.sz) * (1 - _NOISE)
        if short and not may_shrink and not settled:
            message = f"orderStatus: an order in {order.coin} filled, and its fills aren't all shown yet"
            raise BadAnswerError(message)
        if not size:
            return None
        return Accepted(IntentState.FILLED, size, sum(row.px * row.sz for row in fills) / size, order.oid)

    def fills(self, since: datetime, now: datetime) -> Sequence[OurFill] | UnknownType:  # noqa: ARG002 - the port's signature
        """Return our fills of main-dex perps from `since` on, oldest first, also those that happen while we read."""
        return self._known("our fills", lambda: self._fills(since))

    def _fills(self, since: datetime) -> list[OurFill]:
        rows = forward(lambda begin, expect: self._client.own_fills(self._address, begin, expect=expect), to_ms(since))
        if len(rows) >= FILLS_SERVED:
            message = f"userFillsByTime: more than {FILLS_SERVED:,} fills of ours since then; the venue serves no more"
            raise BadAnswerError(message)
        return [self._fill(row) for row in rows if market_of(row.coin) is Market.PERP]

    def _fill(self, row: ApiOwnFill) -> OurFill:
        if row.feeToken not in _DOLLARS:
            self._tell(f"the fee of a fill in {row.coin} is in {row.feeToken} and is counted as if in USD")
        number = row.tid or f"{row.hash}-{row.time}"
        return OurFill(
            identity=f"hl:{self._address}:{row.coin}:{number}:{row.side}",
            coin=row.coin,
            is_buy=row.side == "B",
            price=row.px,
            size=row.sz,
            fee=row.fee,
            time=from_ms(row.time),
            client_order_id=row.cloid.lower() if row.cloid else None,
            forced=_forced(row, self._address),
            venue_order_id=row.oid,
        )

    def funding(self, coin: str, since: datetime, until: datetime) -> float | UnknownType:
        """Return the funding that our position in a coin paid after `since` and up to `until`, in USD.

        One reading serves all coins of a tick, and all ticks until the next hour.
        """
        if since >= _hour(until) + _FUNDING_DELAY:
            return 0.0  # no hour began since
        paid = self._known("the funding that we paid", lambda: self._payments(since, until))
        if paid is UNKNOWN:
            return UNKNOWN
        begin, end = to_ms(since), to_ms(until)
        return 0.0 - sum(row.delta.usdc for row in paid if row.delta.coin == coin and begin < row.time <= end)

    def _payments(self, since: datetime, until: datetime) -> Sequence[ApiFundingPayment]:
        known = self._paid
        if known is not None and known.since <= since and _covers(known.until, until):
            return known.payments
        begin = min(since, known.since) if known is not None and _covers(known.until, until) else since
        end = to_ms(until)
        payments = forward(
            lambda edge, _: self._client.user_funding(self._address, edge, end), to_ms(begin), FULL_UPDATES
        )
        self._paid = _Paid(begin, until, payments)
        return payments

    def transfers(self, since: datetime, until: datetime) -> float | UnknownType:
        """Return what was moved into our margin less what was moved out, after `since` and up to `until`, in USD."""
        return self._known("what was moved into our account", lambda: self._transfers(since, until))

    def _transfers(self, since: datetime, until: datetime) -> float:
        begin, end = to_ms(since), to_ms(until)
        updates = forward(lambda edge, _: self._client.own_updates(self._address, edge, end), begin, FULL_UPDATES)
        return sum(moved(row.delta, self._address) for row in updates if begin < row.time <= end)

    def budget(self, now: datetime) -> ActionBudget | UnknownType:
        """Return how many actions our address may still send; an answer serves all processes for ten minutes."""
        fact = self._controls.fact(_BUDGET)
        if fact is not None and abs(now - fact.at) < _BUDGET_LASTS and (kept := self._kept_budget(fact.text)):
            return kept
        limit = self._known("how many actions are left", lambda: self._client.rate_limit(self._address))
        if limit is UNKNOWN:
            return UNKNOWN
        text = f"{self._address} {limit.nRequestsUsed} {limit.nRequestsCap}"
        self._controls.put_fact(_BUDGET, Fact(text, now))
        return ActionBudget(limit.nRequestsUsed, limit.nRequestsCap)

    def _kept_budget(self, text: str) -> ActionBudget | None:
        with suppress(ValueError):
            address, used, cap = text.split()
            if address == self._address:
                return ActionBudget(int(used), int(cap))
        return None

    def chosen_leverage(self, coin: str) -> tuple[bool, int] | UnknownType:
        """Return whether the margin of a coin is isolated, and its leverage."""
        chosen = self._known(f"the leverage of {coin}", lambda: self._client.active_asset(self._address, coin))
        if chosen is UNKNOWN:
            return UNKNOWN
        if chosen.coin != coin:
            self._tell(f"activeAssetData: {chosen.coin} in place of {coin}")
            return UNKNOWN
        return chosen.leverage.type == "isolated", chosen.leverage.value

    def _known(self, what: str, read: Callable[[], Read]) -> Read | UnknownType:
        try:
            return read()
        except TryLaterError as error:
            self._tell(f"{what}: {error}")
            return UNKNOWN


def _account(state: ApiOwnState, orders: Sequence[ApiOrder]) -> Account:
    positions: dict[str, VenuePosition] = {}
    for row in state.assetPositions:
        held = row.position
        if held.coin in positions:
            message = f"clearinghouseState: {held.coin} stands in it twice"
            raise BadAnswerError(message)
        if held.szi:
            positions[held.coin] = _position(held)
    ours = [order for order in orders if market_of(order.coin) is Market.PERP]
    return Account(
        equity=state.marginSummary.accountValue,
        positions=positions,
        stops=tuple(_stop(order) for order in ours if _is_stop(order)),
        read_at=from_ms(state.time),
        orders=tuple(_order(order) for order in ours if not _is_stop(order)),
    )


def _position(held: ApiOwnPosition) -> VenuePosition:
    liquidation, mark = held.liquidationPx, held.positionValue / abs(held.szi)
    if not math.isfinite(mark):
        message = f"clearinghouseState: {held.coin}: its size is too small for its value"
        raise BadAnswerError(message)
    return VenuePosition(
        coin=held.coin,
        size=held.szi,
        entry_price=held.entryPx,
        leverage=held.leverage.value,
        isolated=held.leverage.type == "isolated",
        liquidation_price=liquidation if liquidation is not None and liquidation > 0 else None,
        mark=mark,
    )


def _is_stop(order: ApiOrder) -> bool:
    """Whether an order protects: a take-profit has a trigger, too."""
    return order.isTrigger and order.orderType.startswith("Stop") and order.triggerPx > 0


def _stop(order: ApiOrder) -> RestingStop:
    return RestingStop(
        coin=order.coin,
        is_buy=order.side == "B",
        size=order.sz,
        trigger_price=order.triggerPx,
        reduce_only=order.reduceOnly,
        client_order_id=order.cloid.lower() if order.cloid else None,
    )


def _order(order: ApiOrder) -> RestingOrder:
    return RestingOrder(
        coin=order.coin,
        is_buy=order.side == "B",
        size=order.sz,
        price=order.triggerPx if order.isTrigger else order.limitPx,
        reduce_only=order.reduceOnly,
        client_order_id=order.cloid.lower() if order.cloid else None,
    )


def _state_of(status: str) -> IntentState:
    """Return what a status means; the venue may add some, which end in what they are. Raises `BadAnswerError`."""
    if status in {"open", "triggered"}:
        return IntentState.RESTING
    if status == "filled":
        return IntentState.FILLED
    if status.endswith(("canceled", "Canceled", "Cancel")):
        return IntentState.CANCELLED
    if status.endswith(("rejected", "Rejected")):
        return IntentState.REFUSED
    message = f"orderStatus: the status {status!r} isn't known"
    raise BadAnswerError(message)


def _forced(row: ApiOwnFill, account: str) -> ExitReason | None:
    """Return why the venue itself took a position; a fill with another's liquidation is a trade like any other."""
    liquidated = row.liquidation.liquidatedUser if row.liquidation else None
    if row.dir.startswith("Liquidated") or (liquidated is not None and liquidated.lower() == account):
        return ExitReason.LIQUIDATED
    return {"Auto-Deleveraging": ExitReason.ADL, "Settlement": ExitReason.SETTLED}.get(row.dir)


def _covers(read: datetime, until: datetime) -> bool:
    """Whether what was read up to one moment is complete up to another: payments come with the hours only."""
    return until == read or (read - _hour(read) >= _FUNDING_DELAY and _hour(until) == _hour(read) and until > read)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
