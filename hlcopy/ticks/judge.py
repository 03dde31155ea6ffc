"""Turn a trader's stored fills into judged orders: which aren't decided yet, and what screening says of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.domain import decision, gates
from hlcopy.domain.course import screening_of
from hlcopy.domain.episodes import (
    BURST_GAP,
    Effect,
    Market,
    chained,
    effect_of,
    has_gap,
    market_of,
    opened_at,
    order_key,
    orders_of,
    signal_id,
)
from hlcopy.domain.models import DEFERRED, Action, Signal, SkipReason, Wait
from hlcopy.ports import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill, Trader, TraderOrder
    from hlcopy.ports import Desk, UnknownType

# How far back an order that still fills may have begun before its trader was followed.
_LONGEST_FILL: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An order with what it did and the verdict of its screening."""

    trader: Trader
    effect: Effect
    verdict: gates.Skip | gates.Defer | gates.Candidate
    signal: Signal
    identities: tuple[str, ...]

    @property
    def candidate(self) -> gates.Candidate:
        """The verdict of an order that awaits confirmation."""
        if not isinstance(self.verdict, gates.Candidate):
            message = f"{self.signal.id} is no candidate"
            raise TypeError(message)
        return self.verdict


def undecided(
    desk: Desk, trader: Trader, fetched: Sequence[Fill], followed_from: datetime, now: datetime
) -> list[Judged]:
    """Return the trader's orders that have no final decision, screened as of now.

    `fetched` are the fills just read; orders that began before `followed_from` are left alone, and so are new ones of a
    trader who is watched only for what we copied or deferred. Late fills of decided orders are attached to them and change
    nothing.
    """
    waiting = desk.ledger.signals.deferred(trader.address)
    begins = [signal.first_fill_at for signal in waiting] + [fill.time for fill in fetched]
    if not begins:
        return []
    fills = _from_before(desk, trader.address, min(begins), now)
    judged = []
    for order in orders_of(fills):
        if market_of(order.coin) is not Market.PERP:
            continue
        known = desk.ledger.signals.get(signal_id(order))
        if known is not None and known.is_final:
            _attach(desk, order, now)
        elif known is not None or (trader.tier == "primary" and not _began_unfollowed(desk, order, followed_from)):
            coin_fills = [fill for fill in fills if fill.coin == order.coin]
            judged.append(_screen(desk, trader, order, coin_fills, known, followed_from, now))
    return judged


def _from_before(desk: Desk, address: str, begin: datetime, now: datetime) -> list[Fill]:
    """Return the chained fills from `begin` on, and from before it as far as a burst without order ids reaches back.

    A burst is known by its first fill, so it must be seen whole to be the same order each time.
    """
    fills = desk.ledger.history.fills(address, since=begin - BURST_GAP, until=now)
    while fills and order_key(fills[0]) is None:
        earlier = desk.ledger.history.fills(address, since=fills[0].time - BURST_GAP, until=now)
        if len(earlier) == len(fills):
            break
        fills = earlier
    return chained(fills)


def _attach(desk: Desk, order: TraderOrder, now: datetime) -> None:
    identities = [fill.identity for fill in order.fills]
    seen = desk.ledger.signals.seen(identities)
    if len(seen) < len(identities):
        desk.ledger.signals.attach([identity for identity in identities if identity not in seen], now)


def _began_unfollowed(desk: Desk, order: TraderOrder, followed_from: datetime) -> bool:
    """Whether an order's first fill came before its trader was followed: it was never ours to judge."""
    if order.first_time < followed_from:
        return True
    if order.first_time - followed_from > _LONGEST_FILL:
        return False
    earlier = desk.ledger.history.fills(
        order.trader, coin=order.coin, since=followed_from - _LONGEST_FILL, until=followed_from
    )
    return any(order_key(fill) == order.key and fill.time < followed_from for fill in earlier)


def _screen(
    desk: Desk,
    trader: Trader,
    order: TraderOrder,
    coin_fills: list[Fill],
    known: Signal | None,
    followed_from: datetime,
    now: datetime,
) -> Judged:
    effect = effect_of(order)
    opened = _opened_at(desk, order, followed_from, now) if effect.action is Action.ADD else None
    seen = screening_of(
        order,
        effect,
        opened_at=None if opened is UNKNOWN else opened,
        broken=has_gap(order, coin_fills),
        equity=trader.account_value,
        now=now,
    )
    wait = Wait.UNKNOWN_HISTORY if opened is UNKNOWN else None
    verdict = None if wait else gates.screen(seen, desk.policy.entry)
    asks_again = desk.policy.entry.max_state_age is not None  # in a replay an unstated equity stays unknown
    if asks_again and isinstance(verdict, gates.Skip) and verdict.reason is SkipReason.UNKNOWN_EQUITY:
        wait = Wait.UNKNOWN_TRADER_STATE
    missing = None
    if wait is not None or verdict is None:
        retry, entry = desk.policy.cadence.trades, desk.policy.entry
        wait = wait or Wait.UNKNOWN_HISTORY
        missing = decision.Missing(wait=wait, now=now, retry=retry, early=True)
        verdict = gates.give_up_or_wait(wait, now, order.first_time + entry.copy_delay, entry, retry)
    evidence = decision.Evidence(policy=desk.policy, screening=seen, missing=missing)
    judged = Judged(
        trader=trader,
        effect=effect,
        verdict=verdict,
        signal=replace(_signal(order, effect, trader, known, now), evidence=evidence),
        identities=tuple(fill.identity for fill in order.fills),
    )
    return as_judged(judged, verdict, now)


def _opened_at(desk: Desk, order: TraderOrder, followed_from: datetime, now: datetime) -> datetime | UnknownType | None:
    """Find the Open that an Add belongs to in stored fills; fetch older ones when they don't reach far enough back."""
    found = opened_at(order, _coin_history(desk, order))
    reach = order.first_time - desk.policy.entry.add_max_age
    if found is not None or followed_from <= reach:
        return found
    older = desk.source.fills(order.trader, reach, now)
    if older is UNKNOWN:
        return UNKNOWN
    desk.ledger.history.add_fills(older)
    return opened_at(order, _coin_history(desk, order))


def _coin_history(desk: Desk, order: TraderOrder) -> list[Fill]:
    return chained(desk.ledger.history.fills(order.trader, coin=order.coin, until=order.first_time))


def _signal(order: TraderOrder, effect: Effect, trader: Trader, known: Signal | None, now: datetime) -> Signal:
    equity = trader.account_value
    return Signal(
        id=signal_id(order),
        trader=order.trader,
        coin=order.coin,
        side=effect.side,
        action=effect.action,
        order_key=order.key,
        value_usd=effect.value_usd,
        trade_price=effect.price,
        trade_time=order.first_time,
        first_fill_at=order.first_time,
        decision=DEFERRED,
        created_at=known.created_at if known is not None else now,
        updated_at=now,
        position_weight=effect.value_usd / equity if equity else None,
        trader_equity=equity,
        trader_score=trader.score,
        trader_roi_7d=trader.roi_7d,
    )


def as_judged(judged: Judged, verdict: gates.Skip | gates.Defer | gates.Candidate, now: datetime) -> Judged:
    """Return a judged order with a verdict written into its signal."""
    return replace(judged, verdict=verdict, signal=decision.screened(judged.signal, verdict, now))
