"""What became of a position whose coin has no more candles, and of an account that was lost: in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.domain.models import from_ms, to_ms
from hlcopy.ports import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.backtest.metrics import Point
    from hlcopy.backtest.replay import ReplayMarket
    from hlcopy.domain.book import Position


def stranded(held: Sequence[Position], market: ReplayMarket, end: datetime) -> dict[int, datetime]:
    """Return the held positions that can't be left for want of a price, by id, with when their last candle closed."""
    found = {}
    for position in held:
        tape, marks = market.tape(position.coin), market.marks(position.coin, end, end)
        last = None if tape is None else tape.last_closed(to_ms(end))
        if last is not None and (marks is None or marks is UNKNOWN):
            candles, index = last
            found[position.id or 0] = from_ms(int(candles.t[index]) + candles.interval_ms)
    return found


def stranded_told(held: Sequence[Position], since: Mapping[int, datetime], marks: Mapping[str, float]) -> list[str]:
    """Return a sentence for each position that can't be left; `since` is by id, `marks` by coin."""
    return [
        f"{position.coin} has no candles after {since[position.id or 0]:%Y-%m-%d %H:%M} UTC (delisted, or not recorded): "
        f"#{position.id} couldn't be left and counts at its last mark, {marks.get(position.coin, 0.0):g}"
        for position in held
        if (position.id or 0) in since
    ]


def ruin_told(points: Sequence[Point]) -> str | None:
    """Return a sentence for an account that was worth nothing or less at a midnight, None for any other."""
    lost = next((point for point in points if point.equity_usd <= 0), None)
    if lost is None:
        return None
    return f"the account was lost: at {lost.at:%Y-%m-%d %H:%M} UTC it was worth {lost.equity_usd:,.2f} USD"
