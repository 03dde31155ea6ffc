"""What Hyperliquid's info API says of the market: coins, prices, books, candles, funding."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any, Final

from hlcopy.simulator.crowd import KIND
from hlcopy.simulator.hyperliquid_rules import INTERVALS_MS, NOBODY
from hlcopy.simulator.wallet import HIP3_COIN, SPOT_COIN, SPOT_TOKEN, wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hlcopy.domain.instrument import Instrument
    from hlcopy.simulator.venue import Venue

    Row = dict[str, Any]
    Levels = Sequence[tuple[float, float]]

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
MAX_CANDLES: Final = 5_000
MAX_ROWS: Final = 500
RECENT: Final = 10  # trades
HIP3_DEX: Final = HIP3_COIN.partition(":")[0]

# A tiered table's number, the notional from which its second tier holds, and that tier's leverage, by the highest leverage.
_TIERS: Final = {40: (56, 150e6, 20), 25: (55, 100e6, 15), 20: (54, 70e6, 10), 10: (52, 20e6, 5)}
_DELISTED: Final = {"szDecimals": 1, "name": "MATIC", "maxLeverage": 20, "marginTableId": 20, "isDelisted": True}
_DELISTED_AT: Final = 2  # in the universe: it keeps its place, so that a position in the list is a coin's number
_DELISTED_PRICE: Final = "0.37"
_HIP3_PRICE: Final = 181.5
_HIP3_UNIVERSE: Final = (
    {"szDecimals": 3, "name": HIP3_COIN, "maxLeverage": 10, "marginTableId": 10, "onlyIsolated": True},
)
_CANONICAL_PAIR: Final = "PURR/USDC"
_CANONICAL_PRICE: Final = "0.15123"
_OPEN_INTEREST_DAYS: Final = 0.4  # of a day's volume
_LATE_MS: Final = 80


class BadArgumentError(Exception):
    """The request can be read but means nothing here; the venue answers 500 with `null`."""


def price(value: float) -> str:
    """Return a price or rate as the venue writes it."""
    return wire(value, 10)


def usd(value: float) -> str:
    """Return an amount in USD as the venue writes it."""
    return wire(value, 6)


def _exact(value: float) -> str:
    """Return a number that has few decimals already; a thousand candles have five thousand of them."""
    text = repr(value)
    return text if "e" not in text else price(value)


class MarketAnswers:
    """The market's side of the info API; every method takes the present in ms first."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._coins = frozenset(instrument.coin for instrument in venue.coins)
        self._day_volumes: dict[tuple[str, int], tuple[float, float]] = {}

    def has(self, coin: str) -> bool:
        """Return whether a coin is traded on the main dex."""
        return coin in self._coins

    def meta(self, _now: int, dex: str | None = None) -> Row:
        """Return a dex's coins, whose places are their numbers, and its margin tables."""
        if not _is_main(dex):
            return _meta([dict(row) for row in _HIP3_UNIVERSE])
        universe = [_listed(each) | self._venue.listing.get(each.coin, {}) for each in self._venue.coins]
        universe.insert(min(_DELISTED_AT, len(universe)), dict(_DELISTED))
        return _meta(universe)

    def meta_and_contexts(self, now: int, dex: str | None = None) -> list[object]:
        """Return the coins and, in the same places, their prices, funding and volume."""
        meta = self.meta(now, dex)
        if not _is_main(dex):
            return [meta, [_quiet_context(price(_HIP3_PRICE))]]
        names = [row["name"] for row in meta["universe"]]
        return [
            meta,
            [self._context(now, name) if self.has(name) else _quiet_context(_DELISTED_PRICE) for name in names],
        ]

    def all_mids(self, now: int, dex: str | None = None) -> Row:
        """Return the mid of every coin of a dex; spot pairs come with the main one."""
        if not _is_main(dex):
            return {HIP3_COIN: price(_HIP3_PRICE)}
        mids = {i.coin: price(self._venue.mid(i.coin, now)) for i in self._venue.coins}
        return mids | {SPOT_COIN: mids.get(SPOT_TOKEN, "38.1235"), _CANONICAL_PAIR: _CANONICAL_PRICE}

    def book(self, now: int, coin: str, figures: int | None = None, mantissa: int | None = None) -> Row | None:
        """Return the best levels of each side, rounded to significant figures if asked, None for an unknown coin."""
        if (figures is not None and not 2 <= figures <= 5) or (mantissa is not None and mantissa not in {1, 2, 5}):  # noqa: PLR2004 - the venue's own bounds
            raise BadArgumentError
        if mantissa is not None and figures != 5:  # noqa: PLR2004 - the only rounding that has a mantissa
            raise BadArgumentError
        if not self.has(coin):
            return None
        bids, asks = self._venue.book(coin, now)
        if figures is None:
            return {"coin": coin, "time": now, "levels": [_levels(bids), _levels(asks)]}
        coarse = [
            _levels(_merged(side, figures, mantissa or 1, rounding))
            for side, rounding in ((bids, ROUND_FLOOR), (asks, ROUND_CEILING))
        ]
        spread = asks[0][0] - bids[0][0] if bids and asks else 0.0
        return {"coin": coin, "time": now, "levels": coarse, "spread": price(spread)}

    def candles(self, now: int, coin: str, interval: str, start: int, end: int) -> list[Row]:
        """Return candles, oldest first: of an interval there are only the most recent 5,000, the last one still open."""
        if not self.has(coin):
            if coin in {SPOT_COIN, HIP3_COIN, _CANONICAL_PAIR, _DELISTED["name"]}:
                return []
            raise BadArgumentError
        length = INTERVALS_MS[interval]
        reach = now // length * length - (MAX_CANDLES - 1) * length
        since, until = max(start // length * length, reach), min(end, now)
        return [
            {
                "t": candle.t,
                "T": candle.T,
                "s": coin,
                "i": interval,
                "o": _exact(candle.o),
                "c": _exact(candle.c),
                "h": _exact(candle.h),
                "l": _exact(candle.l),
                "v": _exact(candle.v),
                "n": candle.n,
            }
            for candle in self._venue.candles(coin, length, since, until, now)
        ]

    def funding(self, now: int, coin: str, start: int, end: int | None = None) -> list[Row]:
        """Return up to 500 hourly rates, oldest first."""
        if not self.has(coin):
            raise BadArgumentError
        until = now if end is None else min(end, now)
        return [
            {"coin": coin, "fundingRate": price(rate), "premium": price(premium), "time": at}
            for at, rate, premium in self.rates(coin, start, until)[:MAX_ROWS]
        ]

    def rates(self, coin: str, start: int, until: int) -> list[tuple[int, float, float]]:
        """Return time, rate and premium of the hours of a period; funding comes some ms after its hour."""
        hours = self._venue.funding(coin, start - _LATE_MS, until)
        stamped = [(funding_stamp(at), rate, premium) for at, rate, premium in hours]
        return [row for row in stamped if start <= row[0] <= until]

    def predicted_fundings(self, now: int) -> list[object]:
        """Return every coin's next funding."""
        soon = (now // HOUR_MS + 1) * HOUR_MS
        return [
            [
                instrument.coin,
                [["HlPerp", {"fundingRate": price(self._rate(now, instrument.coin)[0]), "nextFundingTime": soon}]],
            ]
            for instrument in self._venue.coins
        ]

    def recent_trades(self, now: int, coin: str) -> list[Row]:
        """Return the newest trades of a coin that anyone but the crowd took part in."""
        fills = [
            row
            for profile in self._venue.traders
            if profile.kind != KIND
            for row in self._venue.fills(profile.address, now - DAY_MS, now)
            if row["coin"] == coin
        ]
        newest = sorted(fills, key=lambda row: (row["time"], row["tid"]), reverse=True)[:RECENT]
        return [
            {
                "coin": coin,
                "side": row["side"],
                "px": row["px"],
                "sz": row["sz"],
                "time": row["time"],
                "hash": row["hash"],
                "tid": row["tid"],
                "users": [row["user"], NOBODY] if row["side"] == "B" else [NOBODY, row["user"]],
            }
            for row in newest
        ]

    def _context(self, now: int, coin: str) -> Row:
        venue = self._venue
        mark, oracle = venue.mark(coin, now), venue.oracle(coin, now)
        rate, _ = self._rate(now, coin)
        base, notional = self._day_volume(now, coin)
        best = venue.best(coin, now)
        mid = None if best is None else (best[0] + best[1]) / 2
        return {
            "funding": price(rate),
            "openInterest": wire(base * _OPEN_INTEREST_DAYS, 4),
            "prevDayPx": price(venue.mark(coin, now - DAY_MS)),
            "dayNtlVlm": usd(notional),
            "premium": price((mid or mark) / oracle - 1),
            "oraclePx": price(oracle),
            "markPx": price(mark),
            "midPx": None if mid is None else price(mid),
            "impactPxs": None if best is None else [price(each) for each in best],
            "dayBaseVlm": wire(base, 4),
        }

    def _rate(self, now: int, coin: str) -> tuple[float, float]:
        """Return the latest hourly rate and its premium, zeros before the first."""
        known = self._venue.funding(coin, now - 2 * HOUR_MS, now)
        return (known[-1][1], known[-1][2]) if known else (0.0, 0.0)

    def _day_volume(self, now: int, coin: str) -> tuple[float, float]:
        """Return base and quote volume of the day before the present minute; kept for as long as that lasts."""
        minute = now // MINUTE_MS
        known = self._day_volumes.get((coin, minute))
        if known is None:
            if any(kept != minute for _, kept in list(self._day_volumes)):
                self._day_volumes = {}
            until = minute * MINUTE_MS - 1
            hours = self._venue.candles(coin, HOUR_MS, until - DAY_MS + 1, until, now)
            notional = math.fsum(hour.v * (hour.o + hour.c) / 2 for hour in hours)
            known = self._day_volumes[coin, minute] = math.fsum(hour.v for hour in hours), notional
        return known


def funding_stamp(hour: int) -> int:
    """Return when the funding of a full hour comes, both in ms."""
    return hour + hour // HOUR_MS * 7 % _LATE_MS


def _is_main(dex: str | None) -> bool:
    if dex not in {None, "", HIP3_DEX}:
        raise BadArgumentError
    return dex != HIP3_DEX


def _listed(instrument: Instrument) -> Row:
    leverage = instrument.max_leverage
    table = _TIERS[leverage][0] if leverage in _TIERS else leverage
    return {
        "szDecimals": instrument.size_decimals,
        "name": instrument.coin,
        "maxLeverage": leverage,
        "marginTableId": table,
    }


def _meta(universe: list[Row]) -> Row:
    tables = {row["marginTableId"]: _margin_table(row["marginTableId"], row["maxLeverage"]) for row in universe}
    return {"universe": universe, "marginTables": [[key, tables[key]] for key in sorted(tables)], "collateralToken": 0}


def _margin_table(number: int, leverage: int) -> Row:
    tiers: list[Row] = [{"lowerBound": "0.0", "maxLeverage": leverage}]
    tier = _TIERS.get(leverage)
    if tier is None or tier[0] != number:
        return {"description": "", "marginTiers": tiers}
    tiers.append({"lowerBound": usd(tier[1]), "maxLeverage": tier[2]})
    return {"description": f"tiered {leverage}x", "marginTiers": tiers}


def _quiet_context(last: str) -> Row:
    """Return the context of a coin nobody trades now."""
    return {
        "funding": "0.0",
        "openInterest": "0.0",
        "prevDayPx": last,
        "dayNtlVlm": "0.0",
        "premium": None,
        "oraclePx": last,
        "markPx": last,
        "midPx": None,
        "impactPxs": None,
        "dayBaseVlm": "0.0",
    }


def _levels(side: Iterable[tuple[float, float]]) -> list[Row]:
    return [{"px": price(px), "sz": wire(sz, 8), "n": 1 + int(sz * 1_000) % 9} for px, sz in side]


def _merged(side: Levels, figures: int, mantissa: int, rounding: str) -> list[tuple[float, float]]:
    """Return levels on a coarser grid, each rounded away from the market."""
    sums: dict[float, float] = {}
    for px, sz in side:
        exact = Decimal(str(px))
        step = Decimal(1).scaleb(exact.adjusted() - figures + 1) * mantissa
        level = float((exact / step).to_integral_value(rounding) * step)
        sums[level] = sums.get(level, 0.0) + sz
    return list(sums.items())


PERP_DEXS: Final[list[object]] = [
    None,
    {
        "name": HIP3_DEX,
        "fullName": HIP3_DEX.upper(),
        "deployer": "0x" + "de" * 20,
        "oracleUpdater": None,
        "feeRecipient": None,
        "assetToStreamingOiCap": [[HIP3_COIN, "100000000.0"]],
        "subDeployers": [],
        "deployerFeeScale": "1.0",
        "lastDeployerFeeScaleChangeTime": "2025-11-01T00:00:00",
        "assetToFundingMultiplier": [],
        "assetToFundingInterestRate": [],
    },
]


def _token(index: int, name: str, size_decimals: int, wei_decimals: int, *, canonical: bool) -> Row:
    return {
        "name": name,
        "szDecimals": size_decimals,
        "weiDecimals": wei_decimals,
        "index": index,
        "tokenId": f"0x{index:032x}",
        "isCanonical": canonical,
        "evmContract": None,
        "fullName": None,
    }


SPOT_META: Final[Row] = {
    "universe": [
        {"tokens": [1, 0], "name": _CANONICAL_PAIR, "index": 0, "isCanonical": True},
        {"tokens": [150, 0], "name": SPOT_COIN, "index": int(SPOT_COIN[1:]), "isCanonical": False},
    ],
    "tokens": [
        _token(0, "USDC", 8, 8, canonical=True),
        _token(1, "PURR", 0, 5, canonical=True),
        _token(150, SPOT_TOKEN, 2, 8, canonical=False),
    ],
}
