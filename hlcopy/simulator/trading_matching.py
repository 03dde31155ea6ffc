"""Orders meet the book: placing, filling, firing, cancelling, and what each does to the other orders of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hlcopy.simulator.accounts import Line
from hlcopy.simulator.hyperliquid_market import MarketAnswers, price, usd
from hlcopy.simulator.trading_account import DEFAULT_LEVERAGE, Leverage, rounded
from hlcopy.simulator.trading_checks import Asked, Refusal, margin_refusal, refusal
from hlcopy.simulator.trading_orders import PLACES, Order
from hlcopy.simulator.trading_requests import Wish
from hlcopy.simulator.trading_script import Script
from hlcopy.simulator.wallet import MAKER_FEE, TAKER_FEE, FillRow, direction, wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.domain.instrument import Instrument
    from hlcopy.simulator.journal import Journal
    from hlcopy.simulator.trading_account import TradingAccount
    from hlcopy.simulator.venue import Venue
    from hlcopy.simulator.wallet import Liquidation

    Parts = Sequence[tuple[float, float]]

_FIRST_ORDER: Final = 9 * 10**11  # beyond those of the world's traders
_FIRST_TRADE: Final = 8 * 10**14
_AT_ONCE: Final = frozenset({"Ioc", "FrontendMarket"})
_NO_MATCH: Final = Refusal("Order could not immediately match against any resting orders.", "iocCancelRejected")
_NO_LIQUIDITY: Final = Refusal("No liquidity available for market order.", "marketOrderNoLiquidityRejected")


class Matching:
    """The market as orders see it at `now`. The book is the same for every action, but within one nothing is sold twice."""

    def __init__(self, venue: Venue, journal: Journal) -> None:
        self.venue = venue
        self.journal = journal
        self.script = Script()
        self.now = 0
        self.universe: list[str] = []
        self.renumber()
        self.instruments: dict[str, Instrument] = {each.coin: each for each in venue.coins}
        self._taken: dict[tuple[str, bool, float], float] = {}
        self._orders = _FIRST_ORDER
        self._trades = _FIRST_TRADE

    # The market

    def renumber(self) -> None:
        """Take the coins' numbers from the venue."""
        self.universe = [row["name"] for row in MarketAnswers(self.venue).meta(0)["universe"]]

    def begin(self, now: int) -> None:
        """Start an action or an event at a moment."""
        self.now = now
        self._taken.clear()

    def mark(self, coin: str) -> float:
        """Return a coin's mark."""
        return self.venue.mark(coin, self.now)

    def levels(self, coin: str, *, is_buy: bool) -> list[tuple[float, float]]:
        """Return what a buy or a sale finds in the book, best first."""
        bids, asks = self.venue.book(coin, self.now)
        sides = (
            (px, round(sz - self._taken.get((coin, is_buy, px), 0.0), PLACES)) for px, sz in (asks if is_buy else bids)
        )
        return [(px, sz) for px, sz in sides if sz > 0]

    def is_delisted(self, coin: str) -> bool:
        """Return whether a coin is traded no more."""
        return coin not in self.instruments or self.venue.listing.get(coin, {}).get("isDelisted") is True

    def is_isolated_only(self, coin: str) -> bool:
        """Return whether a coin can't share an account's margin."""
        flags = self.venue.listing.get(coin, {})
        return flags.get("onlyIsolated") is True or flags.get("marginMode") in {"strictIsolated", "noCross"}

    def setting(self, account: TradingAccount, coin: str) -> Leverage:
        """Return how an account trades a coin: cross until it says otherwise, where that may be."""
        if coin not in account.leverage:
            value = min(DEFAULT_LEVERAGE, self.instruments[coin].max_leverage)
            account.leverage[coin] = Leverage(not self.is_isolated_only(coin), value)
        return account.leverage[coin]

    def _take(self, order: Order) -> Parts:
        """Return prices and sizes at which the book fills an order inside its limit, and take them from it."""
        left = order.left
        share = self.script.shares.pop(order.coin, None) if order.tif in _AT_ONCE or order.fired else None
        if share is not None:
            left = self.instruments[order.coin].size(left * share)
        parts: list[tuple[float, float]] = []
        for px, resting in self.levels(order.coin, is_buy=order.is_buy):
            if left <= 0 or (px > order.price if order.is_buy else px < order.price):
                break
            part = min(left, resting)
            left = round(left - part, PLACES)
            parts.append((px, part))
            key = order.coin, order.is_buy, px
            self._taken[key] = self._taken.get(key, 0.0) + part
        return parts

    # Orders

    def place(
        self, account: TradingAccount, wish: Wish, *, grouping: str = "na", parent: Order | None = None
    ) -> tuple[object, Order | None]:
        """Take an order and return its status in the answer; one of a parent waits until that is filled."""
        coin = self.universe[wish.asset]
        if coin not in self.instruments:
            return Refusal("Trading is halted for this asset.").told(wish.asset), None
        self.setting(account, coin)
        waits = parent is not None and parent.left > 0
        asked = Asked(wish, self.instruments[coin], account, grouping, waits)
        refused = refusal(self, asked)
        if refused is not None:
            if refused.status is not None:
                self._status(account, self._new(account, asked), refused.status)
            return refused.told(wish.asset), None
        order = self._new(account, asked)
        if parent is not None:
            order.parent, order.waiting = parent, waits
            parent.children.append(order)
        if wish.trigger is None:
            return self._enter(account, order), order
        if grouping == "positionTpsl":
            self._replace(account, order)
        account.orders[order.oid] = order
        self._status(account, order, "open")
        if grouping == "na":
            return self._told(order, "resting", {"oid": order.oid}), order
        return ("waitingForFill" if waits else "waitingForTrigger"), order

    def _new(self, account: TradingAccount, asked: Asked) -> Order:
        wish, held = asked.wish, abs(asked.held)
        self._orders += 1
        left = held if asked.follows else wish.size
        if wish.reduce_only and wish.trigger is None and asked.closes:
            left = min(left, held)
        order = Order(
            oid=self._orders,
            coin=asked.instrument.coin,
            asset=wish.asset,
            is_buy=wish.is_buy,
            price=wish.price,
            size=wish.size,
            left=left,
            reduce_only=wish.reduce_only,
            placed_ms=self.now,
            tif=wish.tif,
            trigger=wish.trigger,
            cloid=wish.cloid,
            grouping=asked.grouping,
            follows=asked.follows,
            hidden=self.script.hide_next,
        )
        self.script.hide_next = 0
        account.record(order)
        return order

    def _replace(self, account: TradingAccount, order: Order) -> None:
        """Cancel what a position has of the kind already: it has one stop and one profit."""
        for other in account.on(order.coin):
            if other.grouping == "positionTpsl" and other.trigger and order.trigger:  # noqa: SIM102 - what and which
                if other.trigger.is_stop == order.trigger.is_stop:
                    self.cancel(account, other)

    def _enter(self, account: TradingAccount, order: Order) -> dict[str, Any]:
        """Let an order take what it may and return its status in the answer."""
        self._cancel_own(account, order)
        parts = self._take(order)
        self.fill(account, order, parts)
        if order.left <= 0:
            return self._filled(order)
        if order.tif in _AT_ONCE:
            if order.filled > 0:
                self._end(account, order, "canceled")
                return self._filled(order)
            failed = _NO_LIQUIDITY if order.tif == "FrontendMarket" else _NO_MATCH
            self._end(account, order, str(failed.status))
            return failed.told(order.asset)
        account.orders[order.oid] = order
        self._status(account, order, "open")
        return self._told(order, "resting", {"oid": order.oid})

    def _cancel_own(self, account: TradingAccount, order: Order) -> None:
        for other in account.on(order.coin):
            meets = other.price <= order.price if order.is_buy else other.price >= order.price
            if other.rests and other.is_buy != order.is_buy and meets:
                self.cancel(account, other, "selfTradeCanceled")

    def fire(self, account: TradingAccount, order: Order) -> None:
        """Wake a trigger order: it takes what its limit allows and is gone, or rests there if it isn't a market order."""
        order.fired = True
        self._status(account, order, "triggered")
        asked = self._again(account, order)
        if order.reduce_only:
            if not asked.closes:
                self._end(account, order, "reduceOnlyRejected")
                return
            order.left = abs(asked.held) if order.follows else min(order.left, abs(asked.held))
        elif asked.opening and margin_refusal(self, asked, self.mark(order.coin)):
            self._end(account, order, "perpMarginRejected")
            return
        self._cancel_own(account, order)
        self.fill(account, order, self._take(order))
        if order.is_open and order.trigger and order.trigger.is_market:
            self._end(account, order, "canceled" if order.filled else str(_NO_LIQUIDITY.status))

    def fill_resting(self, account: TradingAccount, order: Order) -> None:
        """Let the market come to an order in the book, which fills at its own price if the account can bear it."""
        asked = self._again(account, order)
        if order.reduce_only:
            if not asked.closes:
                self.cancel(account, order, "reduceOnlyCanceled")
                return
            order.left = min(order.left, abs(asked.held))
        elif asked.opening:
            reserved = order.left * order.price / account.leverage[order.coin].value if order.trigger is None else 0.0
            if margin_refusal(self, asked, order.price, reserved):
                if order.filled:
                    self._wake(account, order)
                self.cancel(account, order, "marginCanceled")
                return
        self.fill(account, order, [(order.price, order.left)], crossed=False)

    def _again(self, account: TradingAccount, order: Order) -> Asked:
        wish = Wish(
            asset=order.asset,
            is_buy=order.is_buy,
            price=order.price,
            size=order.left,
            reduce_only=order.reduce_only,
            tif=order.tif,
        )
        self.setting(account, order.coin)
        return Asked(wish, self.instruments[order.coin], account, order.grouping)

    def cancel(self, account: TradingAccount, order: Order, status: str = "canceled") -> None:
        """Take an open order away, and with it what waits for it."""
        self._end(account, order, status)

    def _end(self, account: TradingAccount, order: Order, status: str) -> None:
        account.orders.pop(order.oid, None)
        self._status(account, order, status)
        if status == "filled":
            self._wake(account, order)
            if order.parent is not None:
                for sibling in account.children_of(order):
                    self._end(account, sibling, "siblingFilledCanceled")
            return
        for child in order.children:
            if child.is_open and child.waiting:
                self._end(account, child, "canceled")

    def _wake(self, account: TradingAccount, order: Order) -> None:
        for child in order.children:
            if child.is_open and child.waiting:
                child.waiting = False
                self._status(account, child, "open")

    def _status(self, account: TradingAccount, order: Order, status: str) -> None:
        order.status, order.status_ms = status, self.now
        row = order.row()
        account.history.append({"order": row, "status": status, "statusTimestamp": self.now})
        told = {name: value for name, value in row.items() if name != "children"}
        self.journal.note(self.now, "order", account=account.address, status=status, order=told)

    # Fills

    def fill(self, account: TradingAccount, order: Order, parts: Parts, *, crossed: bool = True) -> None:
        """Fill an order in parts of a price and a size, each a fill of its own, and end it when nothing is left."""
        self._trades += 1
        text = f"0x{self._trades:064x}"
        for px, size in parts:
            self.book_fill(
                account, order, px, size, text=text, rate=TAKER_FEE if crossed else MAKER_FEE, crossed=crossed
            )
            order.left = round(order.left - size, PLACES)
        if not parts:
            return
        if order.left <= 0:
            self._end(account, order, "filled")
        self.after_trade(account, order.coin)

    def book_fill(
        self,
        account: TradingAccount,
        order: Order,
        px: float,
        size: float,
        *,
        text: str | None = None,
        rate: float = 0.0,
        crossed: bool = True,
        word: str | None = None,
        liquidation: Liquidation | None = None,
    ) -> FillRow:
        """Write a fill into an account's books; `word` says what it was where that isn't an opening or closing."""
        coin, change = order.coin, size if order.is_buy else -size
        self.setting(account, coin)
        start = account.held(coin)
        fee = rounded(px * size * rate)
        result = account.trade(coin, change, px, fee, self.instruments[coin].max_leverage)
        order.filled, order.filled_usd = round(order.filled + size, PLACES), order.filled_usd + size * px
        self._trades += 1
        row = FillRow(
            user=account.address,
            coin=coin,
            px=price(px),
            sz=wire(size, PLACES),
            side="B" if order.is_buy else "A",
            time=self.now,
            startPosition=wire(start, PLACES),
            dir=word or direction(start, round(start + change, PLACES)),
            closedPnl=usd(result),
            hash=text or f"0x{self._trades:064x}",
            oid=order.oid,
            crossed=crossed,
            fee=usd(fee),
            tid=self._trades,
            feeToken="USDC",
            twapId=None,
        )
        if order.cloid is not None:
            row["cloid"] = order.cloid
        if liquidation is not None:
            row["liquidation"] = liquidation
        account.fills.append(row)
        account.lines.setdefault(coin, Line()).apply(self.now, start, change, px)
        account.volumes.append((self.now, account.volume_ever + px * size))
        account.note_balance(self.now)
        facts = {name: value for name, value in row.items() if name != "user"}
        self.journal.note(self.now, "fill", account=account.address, **facts)
        return row

    def impose(
        self,
        account: TradingAccount,
        coin: str,
        parts: Parts,
        *,
        word: str | None = None,
        rate: float = 0.0,
        liquidation: Liquidation | None = None,
    ) -> None:
        """Close a position in parts by an order of the venue's own."""
        held = account.held(coin)
        total = round(sum(size for _, size in parts), PLACES)
        order = Order(
            oid=self._next_order(),
            coin=coin,
            asset=self.universe.index(coin),
            is_buy=held < 0,
            price=parts[0][0],
            size=total,
            left=0.0,
            reduce_only=True,
            placed_ms=self.now,
            tif="Ioc",
        )
        for px, size in parts:
            self.book_fill(account, order, px, size, rate=rate, word=word, liquidation=liquidation)
        self.after_trade(account, coin)

    def _next_order(self) -> int:
        self._orders += 1
        return self._orders

    def offers(self, coin: str, size: float, limit: float, *, is_buy: bool) -> Parts:
        """Return what the book gives the venue's own order, and take it from it."""
        order = Order(
            oid=0,
            coin=coin,
            asset=0,
            is_buy=is_buy,
            price=limit,
            size=size,
            left=size,
            reduce_only=True,
            placed_ms=self.now,
        )
        return self._take(order)

    def after_trade(self, account: TradingAccount, coin: str) -> None:
        """Shrink a coin's reduce-only orders to its position, and cancel those that have nothing to reduce."""
        held = account.held(coin)
        for order in account.on(coin):
            if not order.reduce_only or order.waiting or not order.is_open:
                continue
            if held < 0 if order.is_buy else held > 0:
                if order.follows:
                    order.left = abs(held)
                elif order.trigger is None or order.fired:
                    order.left = min(order.left, abs(held))
            elif self.script.sweeps_triggers or order.rests or order.grouping != "na":
                self.cancel(account, order, "reduceOnlyCanceled")

    @staticmethod
    def _told(order: Order, word: str, facts: dict[str, Any]) -> dict[str, Any]:
        return {word: facts if order.cloid is None else {**facts, "cloid": order.cloid}}

    def _filled(self, order: Order) -> dict[str, Any]:
        average = order.filled_usd / order.filled
        facts = {"totalSz": wire(order.filled, PLACES), "avgPx": price(round(average, PLACES)), "oid": order.oid}
        return self._told(order, "filled", facts)
