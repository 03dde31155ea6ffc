"""What time does to accounts that trade: triggers, orders that the market comes to, liquidations and funding, in their order."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hlcopy.simulator.hyperliquid_market import HOUR_MS, funding_stamp, price, usd
from hlcopy.simulator.prices import first_moment
from hlcopy.simulator.trading_orders import PLACES
from hlcopy.simulator.wallet import TAKER_FEE, ZERO_HASH, Liquidation, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hlcopy.simulator.trading_account import Position, TradingAccount
    from hlcopy.simulator.trading_matching import Matching

_COOLDOWN_MS: Final = 30_000  # between two tries to liquidate on the book
_LARGE_USD: Final = 100_000.0  # of which a fifth is tried first
_FIRST_PART: Final = 0.2
_BACKSTOP: Final = 2 / 3  # of the maintenance margin: below, the book is spared


class _Event(NamedTuple):
    """Something due; of one moment, what comes first in this order does."""

    at_ms: int
    rank: int
    number: int
    happen: Callable[[], None]


class Passage:
    """Takes accounts through time; whatever is due happens at its own moment, however late somebody looks."""

    def __init__(self, matching: Matching) -> None:
        self._matching = matching

    def advance(self, accounts: Iterable[TradingAccount], until_ms: int) -> None:
        """Go on to a moment; one that has passed is taken as the present."""
        matching = self._matching
        busy = [account for account in accounts if account.orders or account.positions]
        since = matching.now
        while busy and since <= until_ms:
            stamp = _next_stamp(since)
            horizon = min(until_ms, stamp)
            events = [event for account in busy for event in self._due(account, since, horizon)]
            if stamp <= until_ms:
                events.append(_Event(stamp, 0, 0, partial(self._pay_funding, busy)))
            if not events:
                break
            event = min(events, key=lambda each: each[:3])
            since = event.at_ms
            matching.begin(since)
            event.happen()
            busy = [account for account in busy if account.orders or account.positions]
        matching.begin(max(until_ms, matching.now))

    def _due(self, account: TradingAccount, since: int, until: int) -> Iterator[_Event]:
        venue, matching = self._matching.venue, self._matching
        for order in account.orders.values():
            if order.waiting or matching.is_delisted(order.coin):
                continue
            begin = (
                since if order.is_armed else max(since, order.status_ms + 1)
            )  # the market comes to it later, if at once
            at = venue.crossing(order.coin, order.level, begin, until, falling=order.falls_to)
            if at is not None:
                act = matching.fire if order.is_armed else matching.fill_resting
                yield _Event(at, 1 if order.is_armed else 3, order.oid, partial(act, account, order))
        for position in account.positions.values():
            begin = max(since, position.retry_ms)
            if position.isolated and begin <= until:
                level = position.liquidation_level(0.0, 0.0)
                at = (
                    venue.crossing(position.coin, level, begin, until, falling=position.size > 0) if level > 0 else None
                )
                if at is not None:
                    yield _Event(at, 2, 0, partial(self._liquidate, account, position))
        if any(not position.isolated for position in account.positions.values()):
            at = self._cross_due(account, since, until)
            if at is not None:
                yield _Event(at, 2, 0, partial(self._liquidate_cross, account))
        if account.cancel_all_ms is not None and account.cancel_all_ms <= until:
            yield _Event(max(account.cancel_all_ms, since), 0, 1, partial(self._cancel_all, account))

    def _cross_due(self, account: TradingAccount, since: int, until: int) -> int | None:
        """Return the first moment at which the cross positions together have too little."""
        positions = account.cross()
        begin = max([since, *(position.retry_ms for position in positions)])
        if begin > until:
            return None
        venue = self._matching.venue

        def is_short(ms: int) -> bool:
            def mark(coin: str) -> float:
                return venue.mark(coin, ms)

            return account.cross_value(mark) < account.cross_maintenance(mark)

        before = begin
        for moment in sorted({turn for each in positions for turn in venue.turns(each.coin, begin, until)}):
            if is_short(moment):
                return first_moment(before, moment, is_short)
            before = moment
        return None

    def _cancel_all(self, account: TradingAccount) -> None:
        account.cancel_all_ms = None
        for order in list(account.orders.values()):
            if order.is_open:
                self._matching.cancel(account, order, "scheduledCancel")

    # Funding

    def _pay_funding(self, accounts: Iterable[TradingAccount]) -> None:
        matching = self._matching
        hour = matching.now // HOUR_MS * HOUR_MS
        for account in accounts:
            for coin, position in list(account.positions.items()):
                for _, rate, _ in matching.venue.funding(coin, hour, hour):
                    paid = round(position.size * matching.venue.oracle(coin, hour) * rate, 6)
                    delta = _payment(coin, position.size, rate, paid)
                    account.fundings.append({"time": matching.now, "hash": ZERO_HASH, "delta": delta})
                    account.pay_funding(coin, paid, matching.now)
                    matching.journal.note(matching.now, "funding", account=account.address, **_untyped(delta))

    # Liquidation

    def _liquidate(self, account: TradingAccount, position: Position) -> None:
        """Sell an isolated position on the book, or hand it over where its margin is nearly gone."""
        mark = self._matching.mark(position.coin)
        used, told = position.margin_used(mark), self._row(account, [position])
        if used < _BACKSTOP * position.maintenance(mark):
            self._tell(account, told)
            self._hand_over(account, position, used)
        elif self._sell(account, position, position.bankruptcy):
            self._tell(account, told)

    def _liquidate_cross(self, account: TradingAccount) -> None:
        """Sell the cross positions on the book, largest first, until the rest is safe, or hand them all over."""
        mark = self._matching.mark
        value, maintenance = account.cross_value(mark), account.cross_maintenance(mark)
        positions = account.cross()
        told = self._row(account, positions)
        if value < _BACKSTOP * maintenance:
            self._tell(account, told)
            total = math.fsum(position.notional(mark(position.coin)) for position in positions)
            shares = [value * position.notional(mark(position.coin)) / total for position in positions]
            for position, share in zip(positions, shares, strict=True):
                self._hand_over(account, position, share)
            return
        sold = False
        for position in sorted(positions, key=lambda each: -each.notional(mark(each.coin))):
            if account.cross_value(mark) < account.cross_maintenance(mark):
                sold |= self._sell(account, position, max(0.0, mark(position.coin) - value / position.size))
        if sold:
            self._tell(account, told)

    def _sell(self, account: TradingAccount, position: Position, limit: float) -> bool:
        """Close a position at the book's prices down to a limit; return whether anything was closed."""
        matching, coin = self._matching, position.coin
        mark, size = matching.mark(coin), abs(position.size)
        self._clear_orders(account, coin)
        if position.notional(mark) > _LARGE_USD and not position.retry_ms:
            size = matching.instruments[coin].size(size * _FIRST_PART)
        position.retry_ms = matching.now + _COOLDOWN_MS
        parts = matching.offers(coin, size, limit, is_buy=position.size < 0)
        if parts:
            matching.impose(account, coin, parts, rate=TAKER_FEE, liquidation=_marked(account, mark, "market"))
        return bool(parts)

    def _hand_over(self, account: TradingAccount, position: Position, worth: float) -> None:
        """Let the backstop have a position and what it is worth: at the price at which nothing is left of that."""
        coin, mark = position.coin, self._matching.mark(position.coin)
        self._clear_orders(account, coin)
        word = f"Liquidated {'Isolated' if position.isolated else 'Cross'} {'Long' if position.size > 0 else 'Short'}"
        at = max(0.0, mark - worth / position.size)
        self._matching.impose(
            account, coin, [(at, abs(position.size))], word=word, liquidation=_marked(account, mark, "backstop")
        )

    def _clear_orders(self, account: TradingAccount, coin: str) -> None:
        for order in account.on(coin):
            if order.is_open:
                self._matching.cancel(account, order, "liquidatedCanceled")

    def _row(self, account: TradingAccount, positions: list[Position]) -> dict[str, Any]:
        """Return what the ledger says of a liquidation, as things stand before it."""
        mark = self._matching.mark
        isolated = positions[0].isolated
        value = positions[0].margin_used(mark(positions[0].coin)) if isolated else account.cross_value(mark)
        return {
            "type": "liquidation",
            "liquidatedNtlPos": usd(math.fsum(each.notional(mark(each.coin)) for each in positions)),
            "accountValue": usd(value),
            "leverageType": "Isolated" if isolated else "Cross",
            "liquidatedPositions": [{"coin": each.coin, "szi": wire(each.size, PLACES)} for each in positions],
        }

    def _tell(self, account: TradingAccount, told: dict[str, Any]) -> None:
        now = self._matching.now
        account.liquidations.append((now, told))
        self._matching.journal.note(now, "liquidation", account=account.address, **_untyped(told))


def _next_stamp(since: int) -> int:
    """Return the next moment after one at which funding is paid."""
    stamp = funding_stamp(since // HOUR_MS * HOUR_MS)
    return stamp if stamp > since else funding_stamp((since // HOUR_MS + 1) * HOUR_MS)


def _payment(coin: str, size: float, rate: float, paid: float) -> dict[str, Any]:
    return {
        "type": "funding",
        "coin": coin,
        "usdc": usd(-paid),
        "szi": wire(size, PLACES),
        "fundingRate": price(rate),
        "nSamples": None,
    }


def _untyped(delta: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in delta.items() if name != "type"}


def _marked(account: TradingAccount, mark: float, method: str) -> Liquidation:
    return Liquidation(liquidatedUser=account.address, markPx=price(mark), method=method)
