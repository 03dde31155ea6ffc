"""What Hyperliquid's info API says of an account: margin, history, transfers, settings."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from hlcopy.domain.margin import maintenance_ratio
from hlcopy.simulator.hyperliquid_fills import FillAnswers
from hlcopy.simulator.hyperliquid_market import DAY_MS, HIP3_DEX, HOUR_MS, MAX_ROWS, BadArgumentError, price, usd
from hlcopy.simulator.wallet import MAKER_FEE, SPOT_COIN, SPOT_FEE, SPOT_TOKEN, TAKER_FEE, ZERO_HASH, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hlcopy.simulator.hyperliquid_market import MarketAnswers
    from hlcopy.simulator.trading import TradingFloor
    from hlcopy.simulator.venue import Holding, Venue
    from hlcopy.simulator.wallet import FillRow

    Row = dict[str, Any]

WINDOWS: Final = (("day", DAY_MS), ("week", 7 * DAY_MS), ("month", 30 * DAY_MS), ("allTime", None))
UNIFIED: Final = frozenset({"unifiedAccount", "portfolioMargin"})
_POINTS: Final = 48  # of a portfolio's window
_DEFAULT_LEVERAGE: Final = 20
_REQUESTS: Final = 10_000  # that an account may send before it has traded
_LIQUIDATION_MS: Final = 5 * 60_000  # fills of one liquidation lie no further apart


class AccountAnswers:
    """The accounts' side of the info API; every method takes the present in ms and the account's address first.

    An unknown account has empty answers, never an error.
    """

    def __init__(self, venue: Venue, market: MarketAnswers, floor: TradingFloor | None = None) -> None:
        self._market = market
        self.fills = FillAnswers(venue, floor)
        self._venue = venue
        self._leverage = {instrument.coin: instrument.max_leverage for instrument in venue.coins}

    def state(self, now: int, user: str, dex: str | None = None) -> Row:
        """Return positions and margin on a dex.

        A unified account's balance is held elsewhere: its margin summary shows what its positions use, not its equity.
        """
        if dex not in {None, "", HIP3_DEX}:
            raise BadArgumentError
        profile = self._venue.profile(user)
        held = self._venue.holdings(profile.address, now) if profile and dex != HIP3_DEX else []
        positions = [_Position(holding, self._leverage[holding.coin]) for holding in held]
        used = math.fsum(position.margin_used for position in positions)
        equity = self._venue.equity(profile.address, now) if profile and dex != HIP3_DEX else 0.0
        value = used if profile and profile.mode in UNIFIED else equity
        cross = [position for position in positions if not position.isolated]
        apart = math.fsum(position.margin_used for position in positions if position.isolated)
        cross_value = value - apart
        cross_used = math.fsum(position.margin_used for position in cross)
        cross_maintenance = math.fsum(position.maintenance for position in cross)
        cross_notional = math.fsum(position.notional for position in cross)
        return {
            "marginSummary": _summary(value, positions),
            "crossMarginSummary": _summary(cross_value, cross),
            "crossMaintenanceMarginUsed": usd(cross_maintenance),
            "withdrawable": usd(max(0.0, cross_value - max(cross_used, 0.1 * cross_notional))),
            "assetPositions": [
                {"type": "oneWay", "position": position.row(equity - apart - cross_maintenance)}
                for position in positions
            ],
            "time": now,
        }

    def spot_state(self, now: int, user: str) -> Row:
        """Return spot balances; a unified account keeps its equity here."""
        profile = self._venue.profile(user)
        if profile is None:
            return {"balances": []}
        state = self.state(now, user)["marginSummary"]
        unified = profile.mode in UNIFIED
        dollars = self._venue.equity(profile.address, now) if unified else 0.0
        held = state["totalMarginUsed"] if unified else "0.0"
        balances = [{"coin": "USDC", "token": 0, "total": usd(dollars), "hold": held, "entryNtl": "0.0"}]
        last = next((row for row in reversed(self.fills.rows(user, 0, now)) if row["coin"] == SPOT_COIN), None)
        if last is not None:
            total = wire(_end(last) - (float(last["fee"]) if last["feeToken"] == SPOT_TOKEN else 0.0), 8)
            balances.append({"coin": SPOT_TOKEN, "token": 150, "total": total, "hold": "0.0", "entryNtl": "0.0"})
        return {"balances": balances}

    def portfolio(self, now: int, user: str) -> list[list[Any]]:
        """Return account value, profit and volume by window, once for the account and once for its perps."""
        windows = [(name, self._window(now, user, length)) for name, length in WINDOWS]
        perps = [(f"perp{name[0].upper()}{name[1:]}", window) for name, window in windows]
        return [[name, window] for name, window in (*windows, *perps)]

    def _window(self, now: int, user: str, length: int | None) -> Row:
        profile = self._venue.profile(user)
        if profile is None:
            return {"accountValueHistory": [], "pnlHistory": [], "vlm": "0.0"}
        since = self.since(now, length)
        history = self._venue.equity_history(profile.address, since, now, _POINTS)
        return {
            "accountValueHistory": [[at, usd(value)] for at, value, _ in history],
            "pnlHistory": [[at, usd(pnl)] for at, _, pnl in history],
            "vlm": usd(self._venue.volume(profile.address, since, now)),
        }

    def since(self, now: int, length: int | None) -> int:
        """Return where a window begins: no account is older than the world."""
        start = self._venue.start_ms
        return start if length is None else max(start, now - length)

    def ledger_updates(self, now: int, user: str, start: int, end: int | None = None) -> list[Row]:
        """Return up to 500 deposits, withdrawals and liquidations, oldest first."""
        profile = self._venue.profile(user)
        if profile is None:
            return []
        until = now if end is None else min(end, now)
        updates = [
            _update(at, user, _transfer(amount)) for at, amount in self._venue.flows(profile.address, start, until)
        ]
        for marked in _liquidations(self.fills.rows(user, 0, now), profile.address):
            at = marked[0]["time"]
            if start <= at <= until:
                updates.append(_update(at, user, self._liquidation(profile.address, marked)))
        return sorted(updates, key=lambda update: int(update["time"]))[:MAX_ROWS]

    def _liquidation(self, address: str, fills: list[FillRow]) -> Row:
        first = fills[0]
        before = {holding.coin: holding for holding in self._venue.holdings(address, first["time"] - 1)}
        holding = before.get(first["coin"])
        return {
            "type": "liquidation",
            "liquidatedNtlPos": usd(math.fsum(float(row["sz"]) * float(row["px"]) for row in fills)),
            "accountValue": usd(max(0.0, self._venue.equity(address, fills[-1]["time"]))),
            "leverageType": "Isolated" if holding is not None and holding.isolated else "Cross",
            "liquidatedPositions": [{"coin": first["coin"], "szi": first["startPosition"]}],
        }

    def funding(self, now: int, user: str, start: int, end: int | None = None) -> list[Row]:
        """Return up to 500 hourly payments, oldest first; a negative amount was paid."""
        profile = self._venue.profile(user)
        if profile is None:
            return []
        until = now if end is None else min(end, now)
        rates = sorted(
            (at, coin, rate) for coin in self._leverage for at, rate, _ in self._market.rates(coin, start, until)
        )
        rows: list[Row] = []
        for hour, due in groupby(rates, key=lambda each: each[0] // HOUR_MS * HOUR_MS):
            sizes = {holding.coin: holding.size for holding in self._venue.holdings(profile.address, hour)}
            for at, coin, rate in due:
                if sizes.get(coin):
                    paid = sizes[coin] * self._venue.oracle(coin, hour) * rate
                    rows.append(_update(at, "", _payment(coin, sizes[coin], rate, paid)))
            if len(rows) >= MAX_ROWS:
                break
        return rows[:MAX_ROWS]

    def rate_limit(self, now: int, user: str) -> Row:
        """Return how many requests an account may send: more with its volume."""
        profile = self._venue.profile(user)
        volume = 0.0 if profile is None else self._venue.volume(profile.address, self.since(now, None), now)
        cap = _REQUESTS + int(volume)
        return {"cumVlm": f"{volume:.2f}", "nRequestsUsed": 0, "nRequestsCap": cap, "nRequestsSurplus": 0}

    def fees(self, now: int, user: str) -> Row:
        """Return the rates that an account pays, and its volumes."""
        profile = self._venue.profile(user)
        return fees(now, partial(self._venue.volume, profile.address) if profile else None)

    def role(self, _now: int, user: str) -> Row:
        """Return what an address is."""
        return {"role": "user" if self._venue.profile(user) else "missing"}

    def abstraction(self, _now: int, user: str) -> str:
        """Return an account's mode."""
        profile = self._venue.profile(user)
        return profile.mode if profile else "default"

    def coin_settings(self, now: int, user: str, coin: str) -> Row:
        """Return a coin's leverage for an account and how much more it could trade, buying and selling."""
        if coin not in self._leverage:
            raise BadArgumentError
        profile = self._venue.profile(user)
        held = {each.coin: each for each in self._venue.holdings(profile.address, now)} if profile else {}
        holding, mark = held.get(coin), self._venue.mark(coin, now)
        leverage: Row = {"type": "cross", "value": min(_DEFAULT_LEVERAGE, self._leverage[coin])}
        if holding is not None:
            leverage = _Position(holding, self._leverage[coin]).leverage()
        free = float(self.state(now, user)["withdrawable"])
        size = wire(free * leverage["value"] / mark, 4)
        return {
            "user": user.lower(),
            "coin": coin,
            "leverage": leverage,
            "maxTradeSzs": [size, size],
            "availableToTrade": [usd(free), usd(free)],
            "markPx": price(mark),
        }


class _Position:
    """A position and its margin: with rawUsd = margin - size x entry, its value at a mark m is rawUsd + size x m."""

    def __init__(self, holding: Holding, max_leverage: int) -> None:
        self._holding = holding
        self._max_leverage = max_leverage
        self._ratio = maintenance_ratio(max_leverage)
        self.isolated = holding.isolated
        self.notional = abs(holding.size) * holding.mark
        self.signed = holding.size * holding.mark
        self.maintenance = self.notional * self._ratio
        self.margin_used = holding.margin_usd

    def leverage(self) -> Row:
        """Return kind and number; an isolated position has a balance of its own."""
        told: Row = {"type": "isolated" if self.isolated else "cross", "value": self._holding.leverage}
        return told | {"rawUsd": usd(self.margin_used - self.signed)} if self.isolated else told

    def row(self, cross_spare: float) -> Row:
        """Return the position as the venue tells it; `cross_spare` is what cross positions may lose together."""
        holding = self._holding
        pnl = holding.size * (holding.mark - holding.entry_price)
        entry_margin = abs(holding.size) * holding.entry_price / holding.leverage
        liquidation = self._liquidation_price(cross_spare)
        return {
            "coin": holding.coin,
            "szi": wire(holding.size, 8),
            "leverage": self.leverage(),
            "entryPx": price(holding.entry_price),
            "positionValue": usd(self.notional),
            "unrealizedPnl": usd(pnl),
            "returnOnEquity": price(pnl / entry_margin),
            "liquidationPx": wire(liquidation, 8) if liquidation > 0 else None,
            "marginUsed": usd(self.margin_used),
            "maxLeverage": self._max_leverage,
            "cumFunding": {"allTime": "0.0", "sinceOpen": "0.0", "sinceChange": "0.0"},
        }

    def _liquidation_price(self, cross_spare: float) -> float:
        size, side = self._holding.size, math.copysign(1.0, self._holding.size)
        spare = self.margin_used - self.maintenance if self.isolated else cross_spare
        return self._holding.mark - side * spare / abs(size) / (1 - self._ratio * side)


def _summary(value: float, positions: Iterable[_Position]) -> Row:
    held = list(positions)
    return {
        "accountValue": usd(value),
        "totalNtlPos": usd(math.fsum(position.notional for position in held)),
        "totalRawUsd": usd(value - math.fsum(position.signed for position in held)),
        "totalMarginUsed": usd(math.fsum(position.margin_used for position in held)),
    }


def fees(now: int, volume: Callable[[int, int], float] | None) -> Row:
    """Return the base tier's rates, which everyone here pays, and the daily volumes of a fortnight."""
    today = now // DAY_MS * DAY_MS
    days = [today - DAY_MS * back for back in reversed(range(14))]
    return {
        "dailyUserVlm": [
            {
                "date": datetime.fromtimestamp(day / 1000, UTC).date().isoformat(),
                "userCross": usd(volume(day - 1, min(day + DAY_MS - 1, now))),
                "userAdd": "0.0",
                "exchange": "0.0",
            }
            for day in days
            if volume is not None
        ],
        "feeSchedule": {
            "cross": price(TAKER_FEE),
            "add": price(MAKER_FEE),
            "spotCross": price(SPOT_FEE),
            "spotAdd": price(SPOT_FEE),
            "tiers": {"vip": [], "mm": []},
            "referralDiscount": "0.04",
            "stakingDiscountTiers": [],
        },
        "userCrossRate": price(TAKER_FEE),
        "userAddRate": price(MAKER_FEE),
        "userSpotCrossRate": price(SPOT_FEE),
        "userSpotAddRate": price(SPOT_FEE),
        "activeReferralDiscount": "0.0",
        "trial": None,
        "feeTrialReward": "0.0",
        "nextTrialAvailableTimestamp": None,
        "stakingLink": None,
        "activeStakingDiscount": {"bpsOfMaxSupply": "0.0", "discount": "0.0"},
    }


def _end(row: FillRow) -> float:
    signed = float(row["sz"]) if row["side"] == "B" else -float(row["sz"])
    return float(row["startPosition"]) + signed


def _liquidations(rows: Iterable[FillRow], address: str) -> list[list[FillRow]]:
    """Return the fills of each liquidation of this account: those of a coin that follow each other closely."""
    found: dict[str, list[list[FillRow]]] = {}
    for row in rows:
        mark = row.get("liquidation")
        if mark is None or mark["liquidatedUser"].lower() != address.lower():
            continue
        events = found.setdefault(row["coin"], [])
        if events and row["time"] - events[-1][-1]["time"] <= _LIQUIDATION_MS:
            events[-1].append(row)
        else:
            events.append([row])
    return [event for events in found.values() for event in events]


def _update(at: int, user: str, delta: Row) -> Row:
    """Return a ledger row; funding belongs to no user's transaction and so has no hash."""
    text = "0x" + blake2b(f"{user.lower()}:{at}".encode(), digest_size=32).hexdigest() if user else ZERO_HASH
    return {"time": at, "hash": text, "delta": delta}


def _transfer(amount: float) -> Row:
    if amount >= 0:
        return {"type": "deposit", "usdc": usd(amount)}
    return {"type": "withdraw", "usdc": usd(-amount), "nonce": 0, "fee": "0.0"}


def _payment(coin: str, size: float, rate: float, paid: float) -> Row:
    return {
        "type": "funding",
        "coin": coin,
        "usdc": usd(-paid),
        "szi": wire(size, 8),
        "fundingRate": price(rate),
        "nSamples": None,
    }
