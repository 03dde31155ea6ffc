"""Nansen's answers as it writes them, any field overridden by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from hlcopy.adapters.http import Http
from hlcopy.adapters.memory.credits import MemoryMeter
from hlcopy.adapters.nansen.client import NansenClient
from tests.builders import TRADER
from tests.servers import HandClock, Scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hlcopy.ports import CreditMeter
    from tests.servers import Reply, Request

KEY: Final = "a-secret-key"
HASH: Final = "0x" + "7d" * 32
NO_HASH: Final = "0x" + "0" * 64


def page(*rows: object, last: bool = True, number: int = 1) -> dict[str, object]:
    return {"pagination": {"page": number, "per_page": 1000, "is_last_page": last}, "data": list(rows)}


def leader(**fields: object) -> dict[str, object]:
    row = {
        "trader_address": TRADER,
        "trader_address_label": "HL Perps Whale",
        "total_pnl": 1500.5,
        "realized_pnl_usd": 1000,
        "unrealized_pnl_usd": 500.5,
        "roi": 0.1312,
        "volume_usd": 250000.0,
        "total_trades": 1218,
        "top_positions": [
            {
                "coin": "SOL",
                "side": "short",
                "size_base": 5284.21,
                "position_value_usd": 603879.5,
                "entry_price": 116.2,
                "unrealized_pnl_usd": 10287.07,
            }
        ],
        "account_value": 90000.0,
    }
    return row | fields


def trade(**fields: object) -> dict[str, object]:
    """Return a row of perp-trades: by default opens 2 BTC long at 50,000 from flat at 11:50 on the clock's day."""
    row = {
        "timestamp": "2026-11-20T11:50:00.000000Z",
        "side": "Long",
        "action": "Open",
        "block_number": 1158366839,
        "token_symbol": "BTC",
        "price": 50000.0,
        "size": 2.0,
        "value_usd": 100000.0,
        "start_position": 0,
        "closed_pnl": 0,
        "crossed": True,
        "fee_usd": 25.5,
        "fee_token_symbol": "USDC",
        "transaction_hash": HASH,
        "user": TRADER,
        "oid": 554379794278,
    }
    return row | fields


def held(coin: str = "BTC", size: str = "2.0", **fields: object) -> dict[str, object]:
    position = {
        "cumulative_funding_all_time_usd": "428089.157294",
        "entry_price_usd": "50000.0",
        "leverage_raw_usd": None,
        "leverage_type": "cross",
        "leverage_value": 5,
        "liquidation_price_usd": None,
        "margin_used_usd": "20000.0",
        "max_leverage_value": 25,
        "position_value_usd": "100000.0",
        "return_on_equity": "0.0",
        "size": size,
        "token_symbol": coin,
        "unrealized_pnl_usd": "0.0",
    }
    return {"position": position | fields, "position_type": "oneWay"}


def positions(*items: object, equity: object = "250000.5") -> dict[str, object]:
    return {
        "data": {
            "asset_positions": list(items),
            "cross_margin_summary_account_value_usd": "1.0",
            "margin_summary_account_value_usd": equity,
            "timestamp": 1790000000000,
            "withdrawable_usd": "10.0",
        }
    }


def summary(**fields: object) -> dict[str, object]:
    row = {
        "top5_coins": [],
        "traded_coin_count": 3,
        "traded_times": 185,
        "closed_trade_count": 3176,
        "winning_trade_count": 1608,
        "realized_pnl_usd": 186449.25,
        "realized_pnl_percent": 0.0171,
        "win_rate": 0.506,
        "fees_usd": 8575.5,
    }
    return {"data": row | fields}


def refused(status: int, code: str, **fields: object) -> Reply:
    """Return an error in the documented envelope."""
    body = {
        "error": "An error",
        "message": "What went wrong.",
        "code": code,
        "status": status,
        "request_id": "f546af6d0106f83c",
        "doc_url": f"https://docs.nansen.ai/getting-started/error-handling#{code}",
    }
    return (status, {"x-nansen-credits-used": "0"}, body | fields)


class Setting:
    """A client with its meter and clock, and the scripted server that it asks."""

    def __init__(
        self,
        script: Callable[[Request], Reply] | Iterable[Reply] = (),
        *,
        meter: CreditMeter | None = None,
        patience: float = 20.0,
        queue: float | None = None,
        key: str | None = KEY,
    ) -> None:
        self.server = Scripted(script)
        self.clock = HandClock()
        self.meter = meter or MemoryMeter(1000)
        self.http = Http(self.clock)
        self.client = NansenClient(
            self.http, self.server.url, key, self.meter, self.clock, patience=patience, queue=queue
        )

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self.server.__exit__()

    @property
    def asked(self) -> list[str]:
        """The paths asked so far, without their base."""
        return [request.path.removeprefix("/api/v1/") for request in self.server.requests]
