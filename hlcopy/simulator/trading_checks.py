"""Why an order is refused: the venue's rules in the order in which they are asked, and its own words for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from hlcopy.domain.instrument import MIN_NOTIONAL_USD
from hlcopy.simulator.hyperliquid_market import price
from hlcopy.simulator.trading_orders import is_lot, is_tick
from hlcopy.simulator.wallet import TAKER_FEE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.domain.instrument import Instrument
    from hlcopy.simulator.trading_account import Position, TradingAccount
    from hlcopy.simulator.trading_requests import Wish
    from hlcopy.simulator.trading_script import Script

MAX_OPEN_ORDERS: Final = 1_000
_BAND: Final = (0.2, 5.0)  # of the reference price
_SLACK: Final = 1e-6  # USD: sums of floats aren't exact


class Refusal(NamedTuple):
    """A refusal; without a status the order leaves no record."""

    text: str
    status: str | None = None
    is_general: bool = False

    def told(self, asset: int) -> dict[str, str]:
        """Return the status in the answer; most name the asset."""
        return {"error": self.text if self.is_general else f"{self.text} asset={asset}"}


class Market(Protocol):
    """What the rules ask of the market at the present."""

    now: int
    script: Script

    def mark(self, coin: str) -> float:
        """Return a coin's mark."""

    def levels(self, coin: str, *, is_buy: bool) -> Sequence[tuple[float, float]]:
        """Return what a buy or a sale finds in the book, best first."""

    def is_delisted(self, coin: str) -> bool:
        """Return whether a coin is traded no more."""


class Asked(NamedTuple):
    """An order asked for, its coin known."""

    wish: Wish
    instrument: Instrument
    account: TradingAccount
    grouping: str
    waits: bool = False

    @property
    def signed(self) -> float:
        """The size, negative for a sale."""
        return self.wish.size if self.wish.is_buy else -self.wish.size

    @property
    def held(self) -> float:
        """What the account holds."""
        return self.account.held(self.instrument.coin)

    @property
    def follows(self) -> bool:
        """Whether it closes whatever there is."""
        return self.grouping == "positionTpsl" and self.wish.size == 0

    @property
    def closes(self) -> bool:
        """Whether it is against the position that there is."""
        return self.held < 0 if self.wish.is_buy else self.held > 0

    @property
    def opening(self) -> float:
        """How much of it opens or adds."""
        if self.wish.reduce_only:
            return 0.0
        return max(0.0, self.wish.size - abs(self.held)) if self.closes else self.wish.size


def is_out_of_band(value: float, reference: float) -> bool:
    """Return whether a price is too far from the reference price to be read at all."""
    return not _BAND[0] * reference < value <= _BAND[1] * reference


def refusal(market: Market, asked: Asked) -> Refusal | None:
    """Return why an order can't be taken, None if it can."""
    for rule in (
        _size,
        _tick,
        _scripted,
        _market_state,
        _reduce_only,
        _trigger,
        _minimum,
        _count,
        _exposure,
        _post_only,
    ):
        found = rule(market, asked)
        if found is not None:
            return found
    return None


def _size(_market: Market, asked: Asked) -> Refusal | None:
    if asked.wish.size == 0 and not asked.follows:
        return Refusal("Order has zero size.", is_general=True)
    if not is_lot(asked.instrument, asked.wish.size):
        return Refusal("Order has invalid size.", is_general=True)
    return None


def _tick(_market: Market, asked: Asked) -> Refusal | None:
    trigger = asked.wish.trigger
    prices = [asked.wish.price] + ([trigger.price] if trigger else [])
    if all(is_tick(asked.instrument, each) for each in prices):
        return None
    return Refusal("Price must be divisible by tick size.", "tickRejected")


def _scripted(market: Market, asked: Asked) -> Refusal | None:
    planned = market.script.refusal
    if planned is None or (planned.stops_only and asked.wish.trigger is None):
        return None
    market.script.refusal = None
    return Refusal(planned.text, planned.status)


def _market_state(market: Market, asked: Asked) -> Refusal | None:
    if market.is_delisted(asked.instrument.coin):
        return Refusal("Trading is halted for this asset.", "rejected")  # its own words aren't known
    if market.now < market.script.post_only_until_ms and asked.wish.tif not in {None, "Alo"}:
        return Refusal("Only post-only orders allowed immediately after network upgrade", "rejected")
    return None


def _reduce_only(_market: Market, asked: Asked) -> Refusal | None:
    if not asked.wish.reduce_only or asked.waits or asked.closes:
        return None
    return Refusal("Reduce only order would increase position.", "reduceOnlyRejected")


def _trigger(market: Market, asked: Asked) -> Refusal | None:
    trigger, is_buy = asked.wish.trigger, asked.wish.is_buy
    if trigger is None:
        return None
    bad = Refusal("Invalid TP/SL price.", "badTriggerPxRejected")
    if trigger.is_market and (asked.wish.price < trigger.price if is_buy else asked.wish.price > trigger.price):
        return bad
    mark, falls = market.mark(asked.instrument.coin), is_buy != trigger.is_stop
    is_met = mark <= trigger.price if falls else mark >= trigger.price
    return bad if is_met and not asked.waits else None


def _minimum(market: Market, asked: Asked) -> Refusal | None:
    wish = asked.wish
    whole = asked.closes and (wish.size >= abs(asked.held) if wish.reduce_only else wish.size == abs(asked.held))
    if whole or asked.follows:
        return None
    if wish.size * _first_price(market, asked) >= MIN_NOTIONAL_USD - _SLACK:
        return None
    return Refusal("Order must have minimum value of $10.", "minTradeNtlRejected")


def _first_price(market: Market, asked: Asked) -> float:
    """Return the first price at which an order would trade: its limit if it would not."""
    crossed = _crossed(market, asked)
    return crossed[0][0] if crossed else asked.wish.price


def _crossed(market: Market, asked: Asked) -> list[tuple[float, float]]:
    wish = asked.wish
    if wish.trigger is not None:
        return []
    levels = market.levels(asked.instrument.coin, is_buy=wish.is_buy)
    return [level for level in levels if (level[0] <= wish.price if wish.is_buy else level[0] >= wish.price)]


def _count(_market: Market, asked: Asked) -> Refusal | None:
    if len(asked.account.orders) < MAX_OPEN_ORDERS:
        return None
    return Refusal("Too many open orders.", "tooManyOpenOrdersRejected")  # its own words aren't known


def _exposure(market: Market, asked: Asked) -> Refusal | None:
    if asked.opening == 0 or asked.wish.trigger is not None:
        return None
    if asked.instrument.coin in market.script.capped:
        kind = "Flip" if asked.closes else "Increase"
        text = "Order would increase open interest while open interest is capped"
        return Refusal(text, f"position{kind}AtOpenInterestCapRejected")
    return margin_refusal(market, asked, _expected(market, asked))


def _expected(market: Market, asked: Asked) -> float:
    """Return the average price of what an order would find in the book, its limit if that is nothing."""
    left, cost = asked.wish.size, 0.0
    for level, resting in _crossed(market, asked):
        part = min(left, resting)
        left, cost = left - part, cost + part * level
        if left <= 0:
            break
    return (cost + max(left, 0.0) * asked.wish.price) / asked.wish.size


def margin_refusal(market: Market, asked: Asked, paid: float, reserved: float = 0.0) -> Refusal | None:
    """Return the refusal of an order that opens more than the free balance bears at a price, its fee included.

    `reserved` is what the order itself binds already.
    """
    coin, account = asked.instrument.coin, asked.account
    leverage = account.leverage[coin].value
    needed = asked.opening * max(market.mark(coin), paid) / leverage + asked.wish.size * paid * TAKER_FEE
    freed = _freed(account.positions.get(coin), market.mark(coin)) if asked.closes else 0.0
    if needed <= account.free(market.mark) + freed + reserved + _SLACK:
        return None
    return Refusal("Insufficient margin to place order.", "perpMarginRejected")


def _freed(position: Position | None, mark: float) -> float:
    return position.margin_used(mark) if position else 0.0


def _post_only(market: Market, asked: Asked) -> Refusal | None:
    if asked.wish.tif != "Alo" or not _crossed(market, asked):
        return None
    best = [market.levels(asked.instrument.coin, is_buy=is_buy) for is_buy in (False, True)]
    bid, ask = (price(side[0][0]).removesuffix(".0") if side else "0" for side in best)
    text = f"Post only order would have immediately matched, bbo was {bid}@{ask}."
    return Refusal(text, "badAloPxRejected")
