"""What Nansen's API says of many wallets: leaderboards, the trades and the positions of a crowd."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from hlcopy.simulator.nansen_profiler import builder_positions, positions
from hlcopy.simulator.nansen_rows import arranged, inside, is_spot, iso, like, page, signed, trades

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hlcopy.simulator.nansen_rows import Json, Trade
    from hlcopy.simulator.venue import Venue
    from hlcopy.simulator.world import Profile

COHORT: Final = "Smart HL Perps Trader"
SMART_LABELS: Final = ("Fund", "Smart Trader", "30D Smart Trader", "90D Smart Trader", "180D Smart Trader", COHORT)
WHALE_USD: Final = 1_000_000.0
LEADER_RANGES: Final = ("total_pnl", "roi", "account_value")
LEADER_ORDERS: Final = (
    "total_pnl",
    "realized_pnl_usd",
    "unrealized_pnl_usd",
    "roi",
    "volume_usd",
    "total_trades",
    "account_value",
)
RESULT_RANGES: Final = (
    "pnl_usd_realised",
    "pnl_usd_unrealised",
    "position_value_usd",
    "holding_amount",
    "nof_trades",
)
POSITION_RANGES: Final = ("position_value_usd", "position_size", "entry_price", "upnl_usd", "funding_usd")
POSITION_ORDERS: Final = (
    "address",
    "address_label",
    "side",
    "position_value_usd",
    "position_size",
    "size_base",
    "leverage",
    "entry_price",
    "mark_price",
    "liquidation_price",
    "funding_usd",
    "upnl_usd",
)
SMART_ACTIONS: Final = tuple(
    f"{way} - {verb} {side}"
    for way, side, verbs in (
        ("Buy", "Long", ("Open", "Add")),
        ("Buy", "Short", ("Close", "Reduce")),
        ("Sell", "Short", ("Open", "Add")),
        ("Sell", "Long", ("Close", "Reduce")),
    )
    for verb in verbs
)
_TOP_POSITIONS: Final = 5
_KNOWN_USD: Final = 100.0  # the accounts of smaller traders aren't looked up
_HOUR_MS: Final = 3_600_000
_WEEK_HOURS: Final = 168


class Held(NamedTuple):
    """An open position on any dex."""

    coin: str
    size: float
    entry_price: float
    mark: float

    @property
    def value(self) -> float:
        """Its worth in USD, positive for shorts too."""
        return abs(self.size) * self.mark

    @property
    def pnl(self) -> float:
        """Its unrealised profit in USD."""
        return self.size * (self.mark - self.entry_price) + 0.0  # no negative zero

    @property
    def side(self) -> str:
        """`Long` or `Short`."""
        return "Long" if self.size > 0 else "Short"


def held_by(venue: Venue, address: str, now: int) -> list[Held]:
    """Return a wallet's positions on all dexes."""
    main = [Held(one.coin, one.size, one.entry_price, one.mark) for one in venue.holdings(address, now)]
    return main + [Held(*one) for one in builder_positions(venue.fills(address, 0, now))]


def smart_labels(profile: Profile) -> set[str]:
    """Return the smart-money labels that a trader goes by, shown or not."""
    own = {profile.label} & set(SMART_LABELS) if profile.label else set()
    return own | ({COHORT} if profile.smart_money else set())


def label(profile: Profile, *, premium: bool = False) -> str | None:
    """Return the label shown: smart money and funds are named to those who pay for premium labels only."""
    own = profile.label in SMART_LABELS
    if premium and (own or profile.smart_money):
        return f"\N{NERD FACE} {profile.label if own else COHORT} [{profile.address[:8]}]"
    return None if own else profile.label


def crowd(venue: Venue, filters: Json, *, premium: bool, address: str = "trader_address") -> Iterator[Profile]:
    """Yield the traders that the filters by address, label shown and smart-money label let through."""
    wanted = filters.get(address)
    included, excluded = (filters.get(f"{way}_smart_money_labels") for way in ("include", "exclude"))
    for profile in venue.traders:
        smart = smart_labels(profile)
        if (
            (wanted is None or profile.address in wanted)
            and (included is None or smart & set(included))
            and not (excluded and smart & set(excluded))
            and like(label(profile, premium=premium), filters.get(f"{address}_label"))
        ):
            yield profile


def perp_leaderboard(venue: Venue, now: int, body: Json) -> Json:
    """Answer `perp-leaderboard`: wallets that traded in the window, best total PnL first."""
    filters, premium = body.get("filters", {}), body.get("premium_labels", False)
    since, until = body["date"].at(now)
    rows = []
    for profile in crowd(venue, filters, premium=premium):
        fills = [fill for fill in venue.fills(profile.address, since, until) if not is_spot(fill["coin"])]
        if fills:
            coins = {fill["coin"] for fill in fills}
            shown = label(profile, premium=premium)
            rows.append(_leader(venue, profile.address, shown, (since, until, now), coins, len(fills)))
    return page(arranged(inside(rows, filters, LEADER_RANGES), body, ("total_pnl", "DESC")), body)


def _leader(
    venue: Venue, address: str, shown: str | None, window: tuple[int, int, int], coins: set[str], count: int
) -> Json:
    since, until, now = window
    # Positions count only in coins that were traded within the window.
    held = sorted((one for one in held_by(venue, address, now) if one.coin in coins), key=lambda one: -one.value)
    # The venue counts what lies after a moment; a window begins with its first.
    realized = venue.realized(address, since - 1, until)[0]
    unrealized = math.fsum(one.pnl for one in held)
    volume = venue.volume(address, since - 1, until)
    notional = volume + math.fsum(abs(one.size) * one.entry_price for one in held)
    only_builders = all(":" in coin for coin in coins)
    equity = 0.0 if only_builders else venue.equity(address, now)
    return {
        "trader_address": address,
        "trader_address_label": shown,
        "total_pnl": realized + unrealized,
        "realized_pnl_usd": realized,
        "unrealized_pnl_usd": unrealized,
        "roi": (realized + unrealized) / notional if notional else None,
        "volume_usd": volume,
        "total_trades": count,
        "top_positions": [
            {
                "coin": one.coin,
                "side": one.side.lower(),
                "size_base": abs(one.size),
                "position_value_usd": one.value,
                "entry_price": one.entry_price,
                "unrealized_pnl_usd": one.pnl,
            }
            for one in held[:_TOP_POSITIONS]
        ],
        "account_value": equity if only_builders or equity >= _KNOWN_USD else None,
    }


def perp_pnl_leaderboard(venue: Venue, now: int, body: Json) -> Json:
    """Answer `tgm/perp-pnl-leaderboard`: the wallets that traded a coin in the window; `nof_trades` counts rows."""
    filters, premium = body.get("filters", {}), body.get("premium_labels", False)
    coin, (since, until) = body["token_symbol"], body["date"].at(now)
    rows = []
    for profile in crowd(venue, filters, premium=premium):
        done = _perps(venue, profile, since, until, coin)
        if done:
            held = next((one for one in held_by(venue, profile.address, now) if one.coin == coin), None)
            peak = _peak(venue, profile.address, coin, since, until)
            rows.append(_result(profile, label(profile, premium=premium), done, held, peak))
    return page(arranged(inside(rows, filters, RESULT_RANGES), body, ("pnl_usd_total", "DESC")), body)


def _peak(venue: Venue, address: str, coin: str, since: int, until: int) -> float:
    fills = (fill for fill in venue.fills(address, since, until) if fill["coin"] == coin)
    return max(
        max(abs(start), abs(start + signed(fill))) for fill in fills for start in (float(fill["startPosition"]),)
    )


def _result(profile: Profile, shown: str | None, done: list[Trade], held: Held | None, peak: float) -> Json:
    price = held.mark if held else done[-1].price
    size, open_pnl = (abs(held.size), held.pnl) if held else (0, 0)
    realized = math.fsum(trade.closed_pnl for trade in done)
    peak_usd = peak * price
    percent = 100 / peak_usd if peak_usd else 0.0
    return {
        "trader_address": profile.address,
        "trader_address_label": shown,
        "price_usd": price,
        "pnl_usd_realised": realized,
        "pnl_usd_unrealised": open_pnl,
        "holding_amount": size,
        "position_value_usd": size * price,
        "max_balance_held": peak,
        "max_balance_held_usd": peak_usd,
        "still_holding_balance_ratio": min(1.0, size / peak) if peak else 0,
        "netflow_amount_usd": math.fsum(math.copysign(trade.value_usd, trade.bought) for trade in done),
        "netflow_amount": math.fsum(trade.bought for trade in done),
        "roi_percent_total": percent * (realized + open_pnl),
        "roi_percent_realised": percent * realized,
        "roi_percent_unrealised": percent * open_pnl,
        "pnl_usd_total": realized + open_pnl,
        "nof_trades": len(done),
    }


def _perps(venue: Venue, profile: Profile, since: int, until: int, coin: str | None = None) -> list[Trade]:
    fills = venue.fills(profile.address, since, until)
    return trades(fill for fill in fills if coin in (None, fill["coin"]) and not is_spot(fill["coin"]))


def _crowd_row(profile: Profile, trade: Trade, kinds: tuple[str, str], stamp: Callable[[int], str]) -> Json:
    return {
        "trader_address_label": label(profile, premium=True),
        "trader_address": profile.address,
        "token_symbol": trade.coin,
        "side": trade.side,
        "action": trade.action,
        "token_amount": trade.size,
        "price_usd": trade.price,
        "value_usd": trade.value_usd,
        "type": kinds[0] if trade.crossed else kinds[1],
        "block_timestamp": stamp(trade.at_ms),
        "transaction_hash": trade.hash,
    }


def _narrowed(rows: Iterable[Json], filters: Json, lists: dict[str, str]) -> list[Json]:
    """Return the rows that the list filters let through, by the name of filter and field."""
    chosen = inside(rows, filters, ("token_amount", "price_usd", "value_usd"))
    for name, field in lists.items():
        if name in filters:
            chosen = [row for row in chosen if row[field] in filters[name]]
    return chosen


def smart_trades(venue: Venue, now: int, body: Json) -> Json:
    """Answer `smart-money/perp-trades`: the cohort's trades of up to a week, newest first, their times without a zone."""
    filters = body.get("filters", {})
    since = now - body.get("lookback_hours", _WEEK_HOURS) * _HOUR_MS
    cohort = (profile for profile in crowd(venue, filters, premium=True) if profile.smart_money)
    rows = [
        _crowd_row(profile, trade, ("Market", "Limit"), iso) | {"full": _full_action(trade)}
        for profile in cohort
        for trade in _perps(venue, profile, since, now)
    ]
    actions, only_new = filters.get("action"), body.get("only_new_positions", False)
    if actions is not None or only_new:
        rows = [row for row in rows if row["full"] in (actions or ()) or (only_new and row["action"] == "Open")]
    rows = _narrowed(rows, filters, {"token_symbol": "token_symbol", "side": "side", "type": "type"})
    for row in rows:
        del row["full"]
    return page(arranged(rows, body, ("block_timestamp", "DESC")), body)


def _full_action(trade: Trade) -> str:
    grows = trade.action in ("Open", "Add")
    return f"{'Buy' if grows == (trade.side == 'Long') else 'Sell'} - {trade.action} {trade.side}"


def token_trades(venue: Venue, now: int, body: Json) -> Json:
    """Answer `tgm/perp-trades`: everybody's trades of one coin, newest first."""
    filters, (since, until) = body.get("filters", {}), body["date"].at(now)
    rows = [
        _crowd_row(profile, trade, ("MARKET", "LIMIT"), lambda at_ms: f"{iso(at_ms)}Z")
        for profile in crowd(venue, filters, premium=True)
        for trade in _perps(venue, profile, since, until, body["token_symbol"])
    ]
    rows = _narrowed(rows, filters, {"side": "side", "action": "action", "order_type": "type"})
    order: tuple[tuple[str, Literal["ASC", "DESC"]], ...] = (
        ("block_timestamp", "DESC"),
        ("transaction_hash", "ASC"),
        ("trader_address", "ASC"),
    )
    return page(arranged(rows, body, *order), body)


def token_positions(venue: Venue, now: int, body: Json) -> Json:
    """Answer `tgm/perp-positions`: everybody's positions in one coin, largest first; numbers but for the leverage."""
    filters = body.get("filters", {})
    group = body.get("label_type", "all_traders")
    rows = [
        _position(profile, told)
        for profile in crowd(venue, filters, premium=True, address="address")
        if belongs(profile, venue, now, group)
        for told in positions(venue, now, profile.address)
        if told["token_symbol"] == body["token_symbol"]
    ]
    rows = inside(rows, filters, POSITION_RANGES)
    if "side" in filters:
        rows = [row for row in rows if row["side"] in filters["side"]]
    answer = page(arranged(rows, body, ("position_value_usd", "DESC")), body)
    for row in answer["data"]:
        del row["size_base"]
        row["leverage"] = f"{row['leverage']}X"
    return answer


def _position(profile: Profile, told: Json) -> Json:
    size, liquidation = float(told["size"]), told["liquidation_price_usd"]
    return {
        "address": profile.address,
        "address_label": label(profile, premium=True),
        "side": "Long" if size > 0 else "Short",
        "position_value_usd": float(told["position_value_usd"]),
        "position_size": size,
        "leverage": told["leverage_value"],
        "leverage_type": told["leverage_type"],
        "entry_price": float(told["entry_price_usd"]),
        "mark_price": float(told["position_value_usd"]) / abs(size),
        "liquidation_price": None if liquidation is None else float(liquidation),
        "funding_usd": float(told["funding_since_open_usd"]),
        "upnl_usd": float(told["unrealized_pnl_usd"]),
        "size_base": abs(size),
    }


def belongs(profile: Profile, venue: Venue, now: int, group: str) -> bool:
    """Whether a trader is among all traders, the smart money, the whales or the public figures, of which there are none."""
    if group == "whale":
        return venue.equity(profile.address, now) >= WHALE_USD
    return group == "all_traders" or (group == "smart_money" and bool(smart_labels(profile)))
