"""Domain values as rows of the tables, under the specification's column names, for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.domain.models import Side

if TYPE_CHECKING:
    from hlcopy.domain.book import Position
    from hlcopy.domain.models import Signal, Trader

    Row = dict[str, object]


def signal_row(signal: Signal) -> Row:
    """Return a row of `signals`."""
    return {
        "id": signal.id,
        "trader_address": signal.trader,
        "token_symbol": signal.coin,
        "side": signal.side,
        "action": signal.action,
        "value_usd": signal.value_usd,
        "position_weight": signal.position_weight,
        "timestamp": signal.trade_time,
        "age_seconds": signal.age_seconds,
        "slippage_check_passed": signal.slippage_check_passed,
        "trader_score": signal.trader_score,
        "copy_size_usd": signal.copy_size_usd,
        "decision": signal.decision,
        "created_at": signal.created_at,
        "updated_at": signal.updated_at,
        "check_at": signal.check_at,
        "wait": signal.wait,
        "slippage_pct": signal.slippage_pct,
        "order_type": signal.order_type,
        "max_slippage": signal.max_slippage,
        "leverage": signal.leverage,
        "trader_roi_7d": signal.trader_roi_7d,
        "trader_equity": signal.trader_equity,
        "trade_price": signal.trade_price,
        "mark_price": signal.mark_price,
        "order_key": signal.order_key,
        "first_fill_at": signal.first_fill_at,
        "detail": signal.detail,
    }


def trader_row(trader: Trader) -> Row:
    """Return a row of `traders`."""
    return {
        "address": trader.address,
        "label": trader.label,
        "score": trader.score,
        "style": trader.style,
        "tier": trader.tier,
        "roi_7d": trader.roi_7d,
        "roi_30d": trader.roi_30d,
        "roi_90d": trader.roi_90d,
        "win_rate": trader.win_rate,
        "account_value": trader.account_value,
        "nof_trades": trader.nof_trades,
        "last_scored_at": trader.last_scored_at,
        "blacklisted_until": trader.blacklisted_until,
        "disqualified_reason": trader.disqualified_reason,
        "scored": trader.scored,
        "rank": trader.terms.get("rank"),
        "terms": trader.terms,
    }


def position_row(position: Position, mark: float | None = None) -> Row:
    """Return a row of `our_positions` with `mark_price` and `unrealized_pct`, which are null without a mark.

    `unrealized_pct` is the price's move in our favour in percent of the entry price.
    """
    long = position.side is Side.LONG
    gain = None if mark is None else position.side.sign * (mark / position.entry_price - 1) * 100
    return {
        "id": position.id,
        "token_symbol": position.coin,
        "side": position.side,
        "entry_price": position.entry_price,
        "size": position.size,
        "entry_size": position.entry_size,
        "value_usd": position.value_usd,
        "leverage": position.leverage,
        "stop_price": position.stop_price,
        "trailing_stop_price": position.trailing_stop_price,
        "trigger_price": position.trigger_price,
        "highest_price": position.best_price if long else None,
        "lowest_price": None if long else position.best_price,
        "opened_at": position.opened_at,
        "source_trader": position.source_trader,
        "source_signal_id": position.signal_id,
        "status": position.status,
        "stop_client_order_id": position.stop_client_order_id,
        "stop_confirmed": position.stop_confirmed,
        "tiers_taken": list(position.tiers_taken),
        "checked_at": position.checked_at,
        "closing_reason": position.closing_reason,
        "closed_at": position.closed_at,
        "close_reason": position.close_reason,
        "exit_price": position.exit_price,
        "realized_pnl_usd": position.realized_pnl_usd,
        "fees_usd": position.fees_usd,
        "funding_usd": position.funding_usd,
        "mark_price": mark,
        "unrealized_pct": gain,
    }
