"""One-line makers of the domain's values: sensible defaults, any field overridden by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Final, TypeVar

from hlcopy.domain.book import IntentState, Order, OurFill, Position, PositionAction, PositionStatus, Purpose
from hlcopy.domain.candles import Candles
from hlcopy.domain.models import (
    DEFERRED,
    Action,
    Fill,
    Side,
    Signal,
    Trader,
    TraderOrder,
    TraderPosition,
    TraderState,
    to_ms,
)
from hlcopy.ports import FundingRate, PaperOrder, PaperPosition, PollMark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)

T0: Final = datetime(2026, 3, 1, tzinfo=UTC)
TRADER: Final = "0x" + "a" * 40
OTHER_TRADER: Final = "0x" + "b" * 40
MINUTE_MS: Final = 60_000

_ids = count(1)


def at(minutes: float = 0.0, *, hours: float = 0.0, days: float = 0.0, seconds: float = 0.0) -> datetime:
    """Return the moment that lies so far after `T0`."""
    return T0 + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def fill(**overrides: object) -> Fill:
    """Return a trader's fill: by default buys 1 BTC at 100 from flat at `T0`, each call under its own `tid`."""
    made = Fill(
        trader=TRADER,
        coin="BTC",
        is_buy=True,
        price=100.0,
        size=1.0,
        time=T0,
        start_position=0.0,
        oid=1,
        tid=next(_ids),
    )
    return _with(made, overrides)


def fills(*signed_sizes: float, start: float = 0.0, **overrides: object) -> list[Fill]:
    """Return an unbroken chain of fills, one second apart, with the given signed sizes from the position `start`."""
    made = []
    position = start
    for index, signed in enumerate(signed_sizes):
        step = {"is_buy": signed > 0, "size": abs(signed), "start_position": position, "time": at(seconds=index)}
        made.append(fill(**(step | overrides)))
        position += signed
    return made


def trader_order(*members: Fill, **overrides: object) -> TraderOrder:
    """Return a trader's order of the given fills, of one default fill when there are none."""
    chain = members or (fill(),)
    first = chain[0]
    made = TraderOrder(trader=first.trader, coin=first.coin, key=f"oid:{first.oid}", is_buy=first.is_buy, fills=chain)
    return _with(made, overrides)


def trader(**overrides: object) -> Trader:
    """Return a scored primary trader."""
    made = Trader(
        address=TRADER,
        label="Somebody",
        score=0.7,
        style="SWING",
        tier="primary",
        roi_7d=12.0,
        roi_30d=25.0,
        roi_90d=40.0,
        win_rate=0.6,
        account_value=100_000.0,
        nof_trades=80,
        last_scored_at=T0,
    )
    return _with(made, overrides)


def trader_position(**overrides: object) -> TraderPosition:
    """Return what a trader holds: by default 1 BTC long at 100."""
    return _with(TraderPosition(coin="BTC", size=1.0, value_usd=100.0, entry_price=100.0, leverage=2.0), overrides)


def trader_state(*positions: TraderPosition, **overrides: object) -> TraderState:
    """Return a complete reading of a trader's account with the given positions."""
    held = {position.coin: position for position in positions}
    made = TraderState(trader=TRADER, equity=100_000.0, positions=held, read_at=T0, equity_source="portfolio")
    return _with(made, overrides)


def signal(**overrides: object) -> Signal:
    """Return a deferred signal of a trader's 20,000 USD long opening in BTC at `T0`."""
    made = Signal(
        id="signal-1",
        trader=TRADER,
        coin="BTC",
        side=Side.LONG,
        action=Action.OPEN,
        order_key="oid:1",
        value_usd=20_000.0,
        trade_price=100.0,
        trade_time=T0,
        first_fill_at=T0,
        decision=DEFERRED,
        created_at=T0,
        updated_at=T0,
        position_weight=0.2,
        trader_equity=100_000.0,
        check_at=at(15),
    )
    return _with(made, overrides)


def position(**overrides: object) -> Position:
    """Return an open long of ours without an id: 2 BTC at 100, stop at 95."""
    made = Position(
        signal_id="signal-1",
        coin="BTC",
        side=Side.LONG,
        source_trader=TRADER,
        opened_at=T0,
        status=PositionStatus.OPEN,
        entry_price=100.0,
        size=2.0,
        entry_size=2.0,
        value_usd=200.0,
        stop_price=95.0,
        trailing_stop_price=92.0,
        best_price=100.0,
        leverage=3,
    )
    return _with(made, overrides)


def order(**overrides: object) -> Order:
    """Return an entry intent of ours: buys 2 BTC at no more than 100.5."""
    made = Order(
        client_order_id="0x" + "1" * 32,
        purpose=Purpose.ENTRY,
        signal_id="signal-1",
        leg="entry",
        attempt=1,
        coin="BTC",
        is_buy=True,
        size=2.0,
        limit_price=100.5,
        trigger_price=None,
        reduce_only=False,
        created_at=T0,
        expires_at=at(seconds=15),
    )
    return _with(made, overrides)


def our_fill(**overrides: object) -> OurFill:
    """Return a fill of ours: buys 2 BTC at 100, each call under its own identity."""
    made = OurFill(
        identity=f"our-fill-{next(_ids)}",
        coin="BTC",
        is_buy=True,
        price=100.0,
        size=2.0,
        fee=0.09,
        time=T0,
        client_order_id="0x" + "1" * 32,
    )
    return _with(made, overrides)


def action(**overrides: object) -> PositionAction:
    """Return a line of a position's story: entered at 100 at `T0`."""
    return _with(PositionAction(position_id=1, at=T0, action="entered", reason=None, price=100.0), overrides)


def poll_mark(**overrides: object) -> PollMark:
    """Return how far a trader's fills have been read: followed, read and polled at `T0`."""
    return _with(PollMark(followed_from=T0, read_until=T0, polled_at=T0), overrides)


def paper_position(**overrides: object) -> PaperPosition:
    """Return a position of the paper account: 2 BTC long at 100 with 3x isolated margin."""
    made = PaperPosition(coin="BTC", size=2.0, entry_price=100.0, leverage=3, margin_usd=66.7, opened_at=T0)
    return _with(made, overrides)


def paper_order(**overrides: object) -> PaperOrder:
    """Return a resting stop of the paper venue: sells 2 BTC at 95."""
    made = PaperOrder(
        client_order_id="0x" + "2" * 32,
        coin="BTC",
        is_buy=False,
        size=2.0,
        trigger_price=95.0,
        reduce_only=True,
        state=IntentState.RESTING,
        placed_at=T0,
    )
    return _with(made, overrides)


def funding_rate(**overrides: object) -> FundingRate:
    """Return BTC's funding rate of one hour at `T0`."""
    return _with(FundingRate(coin="BTC", time=T0, rate=0.0000125), overrides)


def candles(
    closes: Sequence[float],
    *,
    coin: str = "BTC",
    interval_ms: int = MINUTE_MS,
    start: datetime = T0,
    spread: float = 0.0,
) -> Candles:
    """Return unbroken candles with these closes; each opens at the close before it and reaches `spread` beyond both."""
    import numpy as np

    close = np.array(closes, dtype=np.float64)
    opened = np.concatenate((close[:1], close[:-1]))
    times = to_ms(start) + interval_ms * np.arange(len(close), dtype=np.int64)
    high, low = np.maximum(opened, close) + spread, np.minimum(opened, close) - spread
    return Candles(coin, interval_ms, times, opened, high, low, close, np.ones_like(close))


def _with(made: T, overrides: dict[str, object]) -> T:
    return replace(made, **overrides)
