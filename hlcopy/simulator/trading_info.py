"""What the info API says of accounts that trade here: margin, orders, history, funding, transfers, settings."""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from hlcopy.simulator.hyperliquid_account import UNIFIED, WINDOWS, fees
from hlcopy.simulator.hyperliquid_market import HIP3_DEX, MAX_ROWS, BadArgumentError, price, usd
from hlcopy.simulator.trading_desk import FIRST_REQUESTS
from hlcopy.simulator.trading_orders import PLACES
from hlcopy.simulator.wallet import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hlcopy.simulator.trading import TradingFloor
    from hlcopy.simulator.trading_account import Position, TradingAccount
    from hlcopy.simulator.trading_orders import Order

    Row = dict[str, Any]

_POINTS: Final = 48
_BOUND_SHARE: Final = 0.1  # of the notional, which can't be withdrawn


class TradingAnswers:
    """The info API's answers by type; each takes the present in ms, an account and the request's values."""

    def __init__(self, floor: TradingFloor) -> None:
        self._floor = floor
        self._venue = floor.venue
        self.answers: dict[str, Callable[[int, TradingAccount, Row], object]] = {
            "clearinghouseState": lambda now, account, v: self.state(now, account, v.get("dex")),
            "spotClearinghouseState": lambda now, account, _: self._spot_state(now, account),
            "openOrders": lambda _now, account, v: [order.plain_row() for order in _open(account, v)],
            "frontendOpenOrders": lambda _now, account, v: [order.row() for order in _open(account, v)],
            "orderStatus": lambda _now, account, v: _order_status(account, v["oid"]),
            "historicalOrders": lambda _now, account, _v: list(reversed(account.history)),
            "userFunding": lambda now, account, v: _period(account.fundings, now, v),
            "userNonFundingLedgerUpdates": lambda now, account, v: _period(_ledger(account), now, v),
            "portfolio": lambda now, account, _: self._portfolio(now, account),
            "userRateLimit": lambda _now, account, _v: _rate_limit(account),
            "userFees": lambda now, account, _: fees(now, account.volume),
            "userRole": lambda _now, account, _v: _role(account),
            "userAbstraction": lambda _now, account, _v: account.mode,
            "activeAssetData": lambda now, account, v: self._coin_settings(now, account, v["coin"]),
            "extraAgents": lambda _now, account, _v: self._agents(account),
        }

    def _mark(self, now: int) -> Callable[[str], float]:
        return lambda coin: self._venue.mark(coin, now)

    def state(self, now: int, account: TradingAccount, dex: str | None = None) -> Row:
        """Return positions and margin; a unified account's summary shows what its positions use, not its equity."""
        if dex not in {None, "", HIP3_DEX}:
            raise BadArgumentError
        if dex == HIP3_DEX:
            return _state(now, 0.0, 0.0, 0.0, [], [], 0.0, [])
        mark = self._mark(now)
        positions = list(account.positions.values())
        cross = account.cross()
        used = math.fsum(position.margin_used(mark(position.coin)) for position in positions)
        value = used if account.mode in UNIFIED else account.value(mark)
        apart = math.fsum(each.margin_used(mark(each.coin)) for each in positions if each.isolated)
        maintenance = account.cross_maintenance(mark)
        spare = account.cross_value(mark) - maintenance
        told = [self._position(account, position, mark(position.coin), spare) for position in positions]
        withdrawable = 0.0 if account.mode in UNIFIED else self._withdrawable(account, mark)
        both = [(each, mark(each.coin)) for each in positions], [(each, mark(each.coin)) for each in cross]
        return _state(now, value, value - apart, maintenance, *both, withdrawable, told)

    @staticmethod
    def _withdrawable(account: TradingAccount, mark: Callable[[str], float]) -> float:
        held = math.fsum(_BOUND_SHARE * position.notional(mark(position.coin)) for position in account.cross())
        return max(0.0, min(account.free(mark), account.cross_value(mark) - held))

    @staticmethod
    def _position(account: TradingAccount, position: Position, mark: float, spare: float) -> Row:
        leverage: Row = {"type": "isolated" if position.isolated else "cross", "value": position.leverage.value}
        if position.isolated:
            leverage["rawUsd"] = usd(position.raw_usd)
        level = position.liquidation_level(spare, mark)
        entry_margin = abs(position.size) * position.entry / position.leverage.value
        return {
            "coin": position.coin,
            "szi": wire(position.size, PLACES),
            "leverage": leverage,
            "entryPx": price(round(position.entry, PLACES)),
            "positionValue": usd(position.notional(mark)),
            "unrealizedPnl": usd(position.result(mark)),
            "returnOnEquity": price(position.result(mark) / entry_margin),
            "liquidationPx": wire(level, PLACES) if level > 0 else None,
            "marginUsed": usd(position.margin_used(mark)),
            "maxLeverage": position.max_leverage,
            "cumFunding": {
                "allTime": usd(account.funding_ever.get(position.coin, 0.0)),
                "sinceOpen": usd(position.funding_since_open),
                "sinceChange": usd(position.funding_since_change),
            },
        }

    def _spot_state(self, now: int, account: TradingAccount) -> Row:
        unified = account.mode in UNIFIED
        mark = self._mark(now)
        held = math.fsum(each.margin_used(mark(each.coin)) for each in account.positions.values()) if unified else 0.0
        total = account.value(mark) if unified else 0.0
        return {"balances": [{"coin": "USDC", "token": 0, "total": usd(total), "hold": usd(held), "entryNtl": "0.0"}]}

    def _portfolio(self, now: int, account: TradingAccount) -> list[list[Any]]:
        windows = [(name, self._window(now, account, length)) for name, length in WINDOWS]
        perps = [(f"perp{name[0].upper()}{name[1:]}", window) for name, window in windows]
        return [[name, window] for name, window in (*windows, *perps)]

    def _window(self, now: int, account: TradingAccount, length: int | None) -> Row:
        first = account.flows[0][0] if account.flows else now
        since = first if length is None else max(first, now - length)
        moments = sorted({since + (now - since) * index // (_POINTS - 1) for index in range(_POINTS)})
        values = [(at, account.value_at(at, self._venue.mark)) for at in moments]
        begin = values[0][1]
        return {
            "accountValueHistory": [[at, usd(value)] for at, value in values],
            "pnlHistory": [[at, usd(value - begin - account.moved(since, at))] for at, value in values],
            "vlm": usd(account.volume(since, now)),
        }

    def _coin_settings(self, now: int, account: TradingAccount, coin: str) -> Row:
        if coin not in {instrument.coin for instrument in self._venue.coins}:
            raise BadArgumentError
        setting, mark = self._floor.leverage(account.address, coin), self._venue.mark(coin, now)
        leverage: Row = {"type": "cross" if setting.is_cross else "isolated", "value": setting.value}
        position = account.positions.get(coin)
        if not setting.is_cross:
            leverage["rawUsd"] = usd(position.raw_usd) if position else "0.0"
        free = max(0.0, account.free(self._mark(now)))
        freed = 2 * position.margin_used(mark) if position else 0.0
        buys = free + (freed if position and position.size < 0 else 0.0)
        sells = free + (freed if position and position.size > 0 else 0.0)
        decimals = next(each.size_decimals for each in self._venue.coins if each.coin == coin)
        return {
            "user": account.address,
            "coin": coin,
            "leverage": leverage,
            "maxTradeSzs": [wire(each * setting.value / mark, decimals) for each in (buys, sells)],
            "availableToTrade": [usd(buys), usd(sells)],
            "markPx": price(mark),
        }

    def _agents(self, account: TradingAccount) -> list[Row]:
        return [
            {"name": agent.name, "address": address, "validUntil": agent.valid_until_ms}
            for address, agent in self._floor.agents.items()
            if agent.account == account.address and self._floor.agent_of(address) is not None
        ]


def _state(
    now: int,
    value: float,
    cross_value: float,
    maintenance: float,
    positions: list[tuple[Position, float]],
    cross: list[tuple[Position, float]],
    withdrawable: float,
    told: list[Row],
) -> Row:
    return {
        "marginSummary": _summary(value, positions),
        "crossMarginSummary": _summary(cross_value, cross),
        "crossMaintenanceMarginUsed": usd(maintenance),
        "withdrawable": usd(withdrawable),
        "assetPositions": [{"type": "oneWay", "position": row} for row in told],
        "time": now,
    }


def _summary(value: float, positions: list[tuple[Position, float]]) -> Row:
    return {
        "accountValue": usd(value),
        "totalNtlPos": usd(math.fsum(position.notional(mark) for position, mark in positions)),
        "totalRawUsd": usd(value - math.fsum(position.size * mark for position, mark in positions)),
        "totalMarginUsed": usd(math.fsum(position.margin_used(mark) for position, mark in positions)),
    }


def _open(account: TradingAccount, values: Row) -> list[Order]:
    """Return the open orders of a dex, newest first."""
    return [] if values.get("dex") == HIP3_DEX else list(reversed(account.orders.values()))


def _order_status(account: TradingAccount, number: int | str) -> Row:
    order = account.find(number.lower() if isinstance(number, str) else number)
    if order is None:
        return {"status": "unknownOid"}
    if order.hidden:
        order.hidden -= 1
        return {"status": "unknownOid"}
    told = {"order": order.row(), "status": order.status, "statusTimestamp": order.status_ms}
    return {"status": "order", "order": told}


def _period(rows: Iterable[Row], now: int, values: Row) -> list[Row]:
    """Return the oldest 500 rows of a period, both ends inclusive."""
    end = now if values.get("endTime") is None else min(now, values["endTime"])
    return [row for row in rows if values["startTime"] <= row["time"] <= end][:MAX_ROWS]


def _ledger(account: TradingAccount) -> list[Row]:
    moved = [(at, _transfer(amount)) for at, amount in account.flows]
    return [
        {"time": at, "hash": _hash(account.address, at, number), "delta": delta}
        for number, (at, delta) in enumerate(sorted(moved + account.liquidations, key=lambda row: row[0]))
    ]


def _transfer(amount: float) -> Row:
    if amount >= 0:
        return {"type": "deposit", "usdc": usd(amount)}
    return {"type": "withdraw", "usdc": usd(-amount), "nonce": 0, "fee": "0.0"}


def _hash(address: str, at: int, number: int) -> str:
    return "0x" + blake2b(f"{address}:{at}:{number}".encode(), digest_size=32).hexdigest()


def _rate_limit(account: TradingAccount) -> Row:
    volume = account.volume_ever
    cap = FIRST_REQUESTS + int(volume)
    return {"cumVlm": f"{volume:.2f}", "nRequestsUsed": account.requests, "nRequestsCap": cap, "nRequestsSurplus": 0}


def _role(account: TradingAccount) -> Row:
    if account.master is not None:
        return {"role": "subAccount", "data": {"master": account.master}}
    return {"role": "user"}
