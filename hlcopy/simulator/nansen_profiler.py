"""What Nansen's API says of one wallet: its trades, its positions, a summary of its results."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from hlcopy.domain.margin import maintenance_ratio
from hlcopy.simulator.hyperliquid_account import AccountAnswers
from hlcopy.simulator.hyperliquid_market import MarketAnswers
from hlcopy.simulator.nansen_rows import arranged, fee_usd, inside, is_spot, page, signed, trades
from hlcopy.simulator.wallet import wire

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hlcopy.simulator.nansen_rows import Json
    from hlcopy.simulator.venue import Venue
    from hlcopy.simulator.wallet import FillRow

TRADE_RANGES: Final = ("size", "start_position", "closed_pnl", "fee_usd", "price", "value_usd", "oid")
ACTIONS: Final = {"Open/Add": ("Open", "Add"), "Close/Reduce": ("Close", "Reduce"), "Liquidation": ("Liquidation",)}
BUILDER_LEVERAGE: Final = 10  # of every HIP-3 position here, isolated
_TOP_COINS: Final = 5
_USD_PLACES: Final = 10
_WORDS: Final = ("token_symbol", "leverage_type")


def perp_trades(venue: Venue, now: int, body: Json) -> Json:
    """Answer `profiler/perp-trades`: rows by order and transaction, newest first; a liquidation shows only when asked for."""
    filters = body.get("filters", {})
    action = filters.get("action")
    fills = fills_of(venue, body["address"], *body["date"].at(now))
    rows = [trade.row() for trade in reversed(trades(fills, forced=action == "Liquidation"))]
    if action is not None:
        rows = [row for row in rows if row["action"] in ACTIONS[action]]
    for name in ("token_symbol", "side", "crossed", "fee_token_symbol"):
        if name in filters:
            rows = [row for row in rows if row[name] == filters[name]]
    return page(arranged(inside(rows, filters, TRADE_RANGES), body, ("timestamp", "DESC")), body)


def fills_of(venue: Venue, address: str, since: int, until: int) -> list[FillRow]:
    """Return the fills of an address in arrival order, both ends inclusive: none of one that never traded."""
    return list(venue.fills(address, since, until)) if venue.profile(address) else []


def perp_pnl_summary(venue: Venue, now: int, body: Json) -> Json:
    """Answer `profiler/perp-pnl-summary`: closing counts are of fills, `traded_times` of rows, percents are fractions."""
    fills = [fill for fill in fills_of(venue, body["address"], *body["date"].at(now)) if not is_spot(fill["coin"])]
    by_coin: defaultdict[str, list[FillRow]] = defaultdict(list)
    for fill in fills:
        by_coin[fill["coin"]].append(fill)
    coins = sorted(((coin, _Result.of(part)) for coin, part in by_coin.items()), key=lambda pair: -pair[1].pnl)
    whole = _Result.of(fills)
    return {
        "data": {
            "top5_coins": [
                {
                    "coin": coin,
                    "realized_pnl_usd": result.pnl,
                    "realized_roi": result.share,
                    "closed_trade_count": result.closings,
                    "fees_usd": result.fees,
                }
                for coin, result in coins[:_TOP_COINS]
            ],
            "traded_coin_count": len(coins),
            "traded_times": len(trades(fills)),
            "closed_trade_count": whole.closings,
            "winning_trade_count": whole.wins,
            "realized_pnl_usd": whole.pnl,
            "realized_pnl_percent": whole.share,
            "win_rate": whole.wins / whole.closings if whole.closings else 0,
            "fees_usd": whole.fees,
        }
    }


class _Result(NamedTuple):
    """What fills realised in USD, gross of fees; `share` is of the notional that they closed."""

    pnl: float
    fees: float
    closings: int
    wins: int
    share: float

    @classmethod
    def of(cls, fills: Iterable[FillRow]) -> _Result:
        """Add fills up."""
        fills = list(fills)
        closing = [fill for fill in fills if not fill["dir"].startswith("Open")]
        gains = [float(fill["closedPnl"]) for fill in closing]
        pnl, closed = math.fsum(gains), math.fsum(float(fill["sz"]) * float(fill["px"]) for fill in closing)
        return cls(
            round(pnl, _USD_PLACES),
            round(math.fsum(map(fee_usd, fills)), _USD_PLACES),
            len(closing),
            sum(gain > 0 for gain in gains),
            pnl / closed if closed else 0,
        )


def perp_positions(venue: Venue, now: int, body: Json) -> Json:
    """Answer `profiler/perp-positions`: Hyperliquid's own state in other names, and the positions of all dexes.

    The totals are the main dex's alone, and of a unified account they aren't its equity.
    """
    state = _state(venue, now, body["address"])
    filters = body.get("filters", {})
    rows = positions(venue, now, body["address"])
    if "token_symbol" in filters:
        rows = [row for row in rows if row["token_symbol"] == filters["token_symbol"]]
    if filters.get("position_type", "oneWay") != "oneWay":
        rows = []
    # Ranges and orders are by number: the strings would put 9 behind 10.
    keyed = [
        {name: value if value is None or name in _WORDS else float(value) for name, value in row.items()}
        | {"position_type": "oneWay", "row": row}
        for row in rows
    ]
    keyed = inside(keyed, filters, ("position_value_usd", "unrealized_pnl_usd"))
    keyed = arranged(keyed, body, ("position_value_usd", "DESC"))
    return {
        "data": {
            "asset_positions": [{"position": row["row"], "position_type": "oneWay"} for row in keyed],
            "cross_maintenance_margin_used_usd": state["crossMaintenanceMarginUsed"],
            **_summary("cross_margin_summary", "total_net_liquidation_position_on_usd", state["crossMarginSummary"]),
            **_summary("margin_summary", "total_net_liquidation_position_usd", state["marginSummary"]),
            "timestamp": state["time"],
            "withdrawable_usd": state["withdrawable"],
        }
    }


def _state(venue: Venue, now: int, address: str) -> Json:
    return AccountAnswers(venue, MarketAnswers(venue)).state(now, address)


def positions(venue: Venue, now: int, address: str) -> list[Json]:
    """Return a wallet's positions on all dexes as `profiler/perp-positions` writes them."""
    told = [entry["position"] for entry in _state(venue, now, address)["assetPositions"]]
    told += [_hyperliquid_row(position) for position in builder_positions(fills_of(venue, address, 0, now))]
    return [_position(position) for position in told]


def _summary(prefix: str, notional: str, summary: Json) -> Json:
    return {
        f"{prefix}_account_value_usd": summary["accountValue"],
        f"{prefix}_total_margin_used_usd": summary["totalMarginUsed"],
        f"{prefix}_{notional}": summary["totalNtlPos"],
        f"{prefix}_total_raw_usd": summary["totalRawUsd"],
    }


def _position(told: Json) -> Json:
    funding = {"all_time": "allTime", "since_change": "sinceChange", "since_open": "sinceOpen"}
    leverage = told["leverage"]
    return {
        **{f"cumulative_funding_{ours}_usd": told["cumFunding"][theirs] for ours, theirs in funding.items()},
        "entry_price_usd": told["entryPx"],
        "leverage_raw_usd": leverage.get("rawUsd"),
        "leverage_type": leverage["type"],
        "leverage_value": leverage["value"],
        "liquidation_price_usd": told["liquidationPx"],
        "margin_used_usd": told["marginUsed"],
        "max_leverage_value": told["maxLeverage"],
        "position_value_usd": told["positionValue"],
        "return_on_equity": told["returnOnEquity"],
        "size": told["szi"],
        "token_symbol": told["coin"],
        "unrealized_pnl_usd": told["unrealizedPnl"],
        # The same amounts the other way round: negative when paid.
        **{f"funding_{ours}_usd": wire(-float(told["cumFunding"][theirs]), 6) for ours, theirs in funding.items()},
    }


class BuilderPosition(NamedTuple):
    """A position on a HIP-3 dex; its last own fill is the only price there is of such a coin."""

    coin: str
    size: float
    entry_price: float
    mark: float


def builder_positions(fills: Iterable[FillRow]) -> list[BuilderPosition]:
    """Return what a wallet's fills leave open on HIP-3 dexes, largest first."""
    held: dict[str, BuilderPosition] = {}
    for fill in fills:
        coin = fill["coin"]
        if ":" not in coin:
            continue
        price, change, start = float(fill["px"]), signed(fill), float(fill["startPosition"])
        end = round(start + change, 8)
        entry = held[coin].entry_price if coin in held else price
        if start * change >= 0 and end:
            entry = (abs(start) * entry + abs(change) * price) / abs(end)
        elif start * end < 0:
            entry = price
        held[coin] = BuilderPosition(coin, end, entry, price)
    return sorted((one for one in held.values() if one.size), key=lambda one: -abs(one.size * one.mark))


def _hyperliquid_row(held: BuilderPosition) -> Json:
    value, entry_value = held.size * held.mark, held.size * held.entry_price
    margin = abs(entry_value) / BUILDER_LEVERAGE
    raw, pnl = margin - entry_value, value - entry_value
    liquidation = raw / (maintenance_ratio(BUILDER_LEVERAGE) * abs(held.size) - held.size)
    return {
        "coin": held.coin,
        "szi": wire(held.size, 8),
        "leverage": {"type": "isolated", "value": BUILDER_LEVERAGE, "rawUsd": wire(raw, 6)},
        "entryPx": wire(held.entry_price, 8),
        "positionValue": wire(abs(value), 6),
        "unrealizedPnl": wire(pnl, 6),
        "returnOnEquity": wire(pnl / margin, 10),
        "liquidationPx": wire(liquidation, 8) if liquidation > 0 else None,
        "marginUsed": wire(margin + pnl, 6),
        "maxLeverage": BUILDER_LEVERAGE,
        "cumFunding": {"allTime": "0.0", "sinceOpen": "0.0", "sinceChange": "0.0"},
    }
