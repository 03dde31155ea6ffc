"""What Nansen's API says of coins: the screener, and who is positioned how."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from hlcopy.simulator.nansen_boards import belongs, held_by, label, smart_labels
from hlcopy.simulator.nansen_rows import arranged, inside, like, page, signed

if TYPE_CHECKING:
    from hlcopy.simulator.nansen_boards import Held
    from hlcopy.simulator.nansen_rows import Json
    from hlcopy.simulator.venue import Venue
    from hlcopy.simulator.world import Profile

TRADER_TYPES: Final = ("all", "sm", "whale", "public_figure", "high_winrate_hl_perps_trader")
_COMMON: Final = ("trader_count", "mark_price", "funding", "previous_price_usd", "open_interest")
_ALL: Final = ("volume", "buy_volume", "sell_volume", "buy_sell_pressure")
_SMART: Final = (
    "smart_money_volume",
    "smart_money_buy_volume",
    "smart_money_sell_volume",
    "net_position_change",
    "current_smart_money_position_longs_usd",
    "current_smart_money_position_shorts_usd",
    "smart_money_longs_count",
    "smart_money_shorts_count",
)
_OTHERS: Final = ("current_position_longs_usd", "current_position_shorts_usd", "longs_count", "shorts_count")
SCREENER_FIELDS: Final = (*_COMMON, *_ALL, *_SMART, *_OTHERS)
_HOUR_MS: Final = 3_600_000
_COHORTS: Final = {"smart_trader": "smart_money", "whale": "whale", "public_figure": "public_figure"}
_WINNERS_RATE: Final = 0.6


class _Flow(NamedTuple):
    """What a group of traders bought and sold of a coin, in USD, and how it is positioned."""

    bought: float
    sold: float
    traders: int
    held: list[Held]

    def sides(self, prefix: str, count: str) -> Json:
        """Return the positions by side; the shorts' worth is negative."""
        longs = [one.value for one in self.held if one.size > 0]
        shorts = [one.value for one in self.held if one.size < 0]
        return {
            f"{prefix}_longs_usd": math.fsum(longs),
            f"{prefix}_shorts_usd": 0.0 - math.fsum(shorts),
            f"{count}longs_count": len(longs),
            f"{count}shorts_count": len(shorts),
        }


def perp_screener(venue: Venue, now: int, body: Json) -> Json:
    """Answer `perp-screener`: a row per coin that the chosen traders traded in the window, by volume."""
    filters, (since, until) = body.get("filters", {}), body["date"].at(now)
    kind = filters.get("trader_type", "sm" if filters.get("only_smart_money") else "all")
    everyone = {profile.address: held_by(venue, profile.address, now) for profile in venue.traders}
    chosen = [profile for profile in venue.traders if _chosen(venue, profile, filters, kind, (since, until, now))]
    rows = []
    for instrument in venue.coins:
        coin = instrument.coin
        if coin not in filters.get("token_symbol", (coin,)) or filters.get("sectors_filter"):
            continue  # no coin here belongs to a sector
        flow = _flow(venue, chosen, everyone, coin, since, until)
        if flow.traders:
            interest = math.fsum(one.value for held in everyone.values() for one in held if one.coin == coin)
            rates = venue.funding(coin, now - _HOUR_MS, now)
            shared = {
                "trader_count": flow.traders,
                "token_symbol": coin,
                "mark_price": venue.mark(coin, now),
                "funding": rates[-1][1] if rates else 0.0,
                "previous_price_usd": venue.mark(coin, since),
                "open_interest": interest,
            }
            rows.append(_row(kind, flow, shared))
    fields = [name for name in SCREENER_FIELDS if not rows or name in rows[0]]
    order = "smart_money_volume" if kind == "sm" else "volume"
    return page(arranged(inside(rows, filters, fields), body, (order, "DESC")), body)


def _row(kind: str, flow: _Flow, shared: Json) -> Json:
    volume = flow.bought + flow.sold
    if kind == "sm":
        return {
            "smart_money_volume": volume,
            "smart_money_buy_volume": flow.bought,
            "smart_money_sell_volume": flow.sold,
            "net_position_change": flow.bought - flow.sold,
            **shared,
            **flow.sides("current_smart_money_position", "smart_money_"),
        }
    row = {
        "token_symbol": shared["token_symbol"],
        "volume": volume,
        "buy_volume": flow.bought,
        "sell_volume": flow.sold,
        "buy_sell_pressure": flow.bought - flow.sold,
        **shared,
    }
    return row if kind == "all" else row | flow.sides("current_position", "")


def _chosen(venue: Venue, profile: Profile, filters: Json, kind: str, window: tuple[int, int, int]) -> bool:
    since, until, now = window
    if kind == "high_winrate_hl_perps_trader":
        fits = _wins(venue, profile, since, until)
    else:
        fits = belongs(profile, venue, now, {"all": "all_traders", "sm": "smart_money"}.get(kind, kind))
    wanted = filters.get("sm_label_filter")
    return (
        fits
        and (wanted is None or bool(smart_labels(profile) & set(wanted)))
        and like(label(profile), filters.get("trader_label_filter"))
    )


def _wins(venue: Venue, profile: Profile, since: int, until: int) -> bool:
    gains = [float(fill["closedPnl"]) for fill in venue.fills(profile.address, since, until)]
    closings = [gain for gain in gains if gain]
    return bool(closings) and sum(gain > 0 for gain in closings) >= _WINNERS_RATE * len(closings)


def _flow(
    venue: Venue, chosen: list[Profile], everyone: dict[str, list[Held]], coin: str, since: int, until: int
) -> _Flow:
    bought = sold = 0.0
    traders, held = 0, []
    for profile in chosen:
        amounts = [
            signed(fill) * float(fill["px"])
            for fill in venue.fills(profile.address, since, until)
            if fill["coin"] == coin
        ]
        bought += math.fsum(amount for amount in amounts if amount > 0)
        sold -= math.fsum(amount for amount in amounts if amount < 0)
        traders += bool(amounts)
        held += [one for one in everyone[profile.address] if one.coin == coin]
    return _Flow(bought, sold, traders, held)


def position_intelligence(venue: Venue, now: int, body: Json) -> Json:
    """Answer `tgm/position-intelligence`: what smart traders, whales and public figures hold of a coin, in USD."""
    data: Json = {}
    for name, group in _COHORTS.items():
        held = [
            one
            for profile in venue.traders
            if belongs(profile, venue, now, group)
            for one in held_by(venue, profile.address, now)
            if one.coin == body["token_address"]
        ]
        longs = math.fsum(one.value for one in held if one.size > 0)
        shorts = math.fsum(one.value for one in held if one.size < 0)
        data |= {f"{name}_longs_usd": longs, f"{name}_shorts_usd": shorts, f"{name}_total_usd": longs + shorts}
    return {"data": data}
