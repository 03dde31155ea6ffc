"""The tables `fills` and `funding`; candles, equity and what was fetched have modules of their own."""

from __future__ import annotations

import json
from sys import intern
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.store import equity
from hlcopy.adapters.store.candles import add_candles, candle_blocks, candle_coverage, read_candles
from hlcopy.adapters.store.shared import SharedConnection
from hlcopy.domain.models import HYPERLIQUID, NANSEN, Fill, from_ms, to_ms
from hlcopy.ports import FillCoverage, FundingCoverage, FundingRate

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hlcopy.adapters.store.connection import Connection, Row
    from hlcopy.domain.candles import Candles
    from hlcopy.domain.spans import Span
    from hlcopy.ports import CandleBlock, CandleCoverage, EquityCoverage, KnownEquity

_COLUMNS: Final = (
    "token_symbol, is_buy, price, size, time, start_position, direction, closed_pnl, fee, fee_token, hash, oid, tid, "
    "twap_id, crossed, liquidated_user, source"
)
_MARKS: Final = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
# The statements are made of this module's constants; nothing that anybody typed or sent ever becomes part of one.
_ADD_FILL: Final = f"INSERT OR IGNORE INTO fills (trader_id, {_COLUMNS}) VALUES ({_MARKS})"  # noqa: S608
# A row of Nansen's is several fills of one order: it may come again larger, or with a start that is only now known.
_RENEWED: Final = (
    "is_buy",
    *("price", "size", "time", "start_position", "direction", "closed_pnl", "fee", "fee_token", "crossed"),
    "liquidated_user",
)
_RENEW_FILL: Final = (
    f"INSERT INTO fills (trader_id, {_COLUMNS}) VALUES ({_MARKS}) "  # noqa: S608
    "ON CONFLICT (trader_id, oid, hash, token_symbol) WHERE source = 'nansen' "
    f"DO UPDATE SET {', '.join(f'{column} = excluded.{column}' for column in _RENEWED)} "
    "WHERE excluded.size > size OR (excluded.size = size AND excluded.start_position <> start_position)"
)
_FILLS: Final = (
    f"SELECT {_COLUMNS} FROM fills "  # noqa: S608
    "WHERE trader_id = (SELECT id FROM fill_traders WHERE address = :trader) AND time BETWEEN :since AND :until "
    "AND (:coin IS NULL OR token_symbol = :coin) AND source = :source ORDER BY time, id"
)
_LAST_FILLS: Final = (
    f"SELECT {_COLUMNS} FROM (SELECT *, row_number() OVER (PARTITION BY token_symbol ORDER BY time DESC, id DESC) "  # noqa: S608
    "AS age FROM fills WHERE trader_id = (SELECT id FROM fill_traders WHERE address = :trader) AND time < :since "
    "AND source = :source) WHERE age = 1 ORDER BY time, id"
)
_FIRST_MS: Final = -(2**62)
_LAST_MS: Final = 2**62


class StoredHistory:
    """The ledger of recorded markets over the file.

    `source` is whose fills are read: two sources tell the same trades in their own ways, which must never be added up.
    """

    def __init__(self, db: Connection) -> None:
        self.source = HYPERLIQUID
        self._db = db

    def add_fills(self, fills: Iterable[Fill]) -> int:
        """Store fills in the order given, keeping a stored one of the same identity; return how many were new.

        A row of Nansen's replaces its stored self when it has grown, or shows another start.
        """
        given = list(fills)
        with self._db.transaction():
            ids = self._trader_ids({fill.trader for fill in given})
            added = self._db.run_many(_ADD_FILL, (_fill_row(ids[fill.trader], fill) for fill in given))
            renewable = [_fill_row(ids[fill.trader], fill) for fill in given if fill.source == NANSEN]
            if renewable:
                self._db.run_many(_RENEW_FILL, renewable)
            return added

    def fills(
        self, trader: str, *, coin: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> list[Fill]:
        """Return a trader's fills by time, then order of arrival; both ends are inclusive."""
        asked = {
            "trader": trader,
            "coin": coin,
            "source": self.source,
            "since": to_ms(since) if since else _FIRST_MS,
            "until": to_ms(until) if until else _LAST_MS,
        }
        return _made_fills(trader, self._db.rows(_FILLS, asked))

    def fill_coverage(self) -> list[FillCoverage]:
        """Return what is stored per trader, by address."""
        rows = self._db.rows(
            "SELECT address, first, last, count FROM fill_traders JOIN (SELECT trader_id, min(time) AS first, "
            "max(time) AS last, count(*) AS count FROM fills WHERE source = ? GROUP BY trader_id) ON trader_id = id "
            "ORDER BY address",
            (self.source,),
        )
        return [
            FillCoverage(trader=trader, first=from_ms(first), last=from_ms(last), count=count)
            for trader, first, last, count in rows
        ]

    def add_candles(self, candles: Candles) -> int:
        """Store candles, keeping a stored one of the same time as it is; return how many were new."""
        return add_candles(self._db, candles)

    def candles(self, coin: str, interval_ms: int, start_ms: int, end_ms: int) -> Candles:
        """Return the candles that open at or after `start_ms` and before `end_ms`."""
        return read_candles(self._db, coin, interval_ms, start_ms, end_ms)

    def candle_blocks(self, coin: str, start_ms: int, end_ms: int) -> list[CandleBlock]:
        """Return what is stored of a coin on the UTC days from `start_ms` to `end_ms`, by day, finest first."""
        return candle_blocks(self._db, coin, start_ms, end_ms)

    def candle_coverage(self) -> list[CandleCoverage]:
        """Return what is stored per coin and interval, by coin, finest first."""
        return candle_coverage(self._db)

    def add_funding(self, rates: Iterable[FundingRate]) -> int:
        """Store funding rates, keeping a stored one of the same coin and time; return how many were new."""
        rows = [(rate.coin, to_ms(rate.time), rate.rate) for rate in rates]
        return self._db.run_many("INSERT OR IGNORE INTO funding (token_symbol, time, rate) VALUES (?, ?, ?)", rows)

    def funding(self, coin: str, since: datetime, until: datetime) -> list[FundingRate]:
        """Return rates by time, after `since` and up to `until`."""
        rows = self._db.rows(
            "SELECT time, rate FROM funding WHERE token_symbol = ? AND time > ? AND time <= ? ORDER BY time",
            (coin, to_ms(since), to_ms(until)),
        )
        return [FundingRate(coin=coin, time=from_ms(time), rate=rate) for time, rate in rows]

    def funding_coverage(self) -> list[FundingCoverage]:
        """Return what is stored per coin."""
        rows = self._db.rows(
            "SELECT token_symbol, min(time), max(time), count(*) FROM funding GROUP BY token_symbol ORDER BY token_symbol"
        )
        return [
            FundingCoverage(coin=coin, first=from_ms(first), last=from_ms(last), count=count)
            for coin, first, last, count in rows
        ]

    def add_equity(self, points: Iterable[KnownEquity]) -> int:
        """Store points of equity, keeping a stored one of the same trader and moment; return how many were new."""
        return equity.add(self._db, points)

    def equity_at(self, trader: str, at: datetime, *, known_by: datetime | None = None) -> KnownEquity | None:
        """Return the latest point at or before a moment of those read by then, or by another moment where one is given."""
        return equity.latest(self._db, trader, at, at if known_by is None else known_by)

    def equity(self, trader: str) -> list[KnownEquity]:
        """Return every point of a trader by the moment it is of."""
        return equity.points(self._db, trader)

    def equity_coverage(self) -> list[EquityCoverage]:
        """Return what is stored per trader, by address."""
        return equity.coverage(self._db)

    def fetched(self, kind: str, coin: str, interval_ms: int) -> list[Span]:
        """Return the spans of a series (`candles` or `funding`) for which the venue has given all it has, by time."""
        rows = self._db.rows(
            "SELECT since, until FROM fetched_spans WHERE kind = ? AND token_symbol = ? AND interval_ms = ? ORDER BY since",
            (kind, coin, interval_ms),
        )
        return [(since, until) for since, until in rows]

    def put_fetched(self, kind: str, coin: str, interval_ms: int, spans: Iterable[Span]) -> None:
        """Replace the spans of a series."""
        series = (kind, coin, interval_ms)
        with self._db.transaction():
            self._db.run("DELETE FROM fetched_spans WHERE kind = ? AND token_symbol = ? AND interval_ms = ?", series)
            self._db.run_many(
                "INSERT INTO fetched_spans (kind, token_symbol, interval_ms, since, until) VALUES (?, ?, ?, ?, ?)",
                [(*series, *span) for span in spans],
            )

    def _trader_ids(self, addresses: set[str]) -> dict[str, int]:
        self._db.run_many(
            "INSERT OR IGNORE INTO fill_traders (address) VALUES (?)", [(each,) for each in sorted(addresses)]
        )
        rows = self._db.rows(
            "SELECT address, id FROM fill_traders WHERE address IN (SELECT value FROM json_each(?))",
            (json.dumps(list(addresses)),),
        )
        return dict(rows)


class StoredNansenFills(SharedConnection):
    """What is stored of Nansen's rows, for a source that several threads ask."""

    def __call__(self, trader: str, since: datetime) -> list[Fill]:
        """Return a trader's rows from `since` on, after the last one before it of each coin; by time."""
        asked = {"trader": trader, "coin": None, "since": to_ms(since), "until": _LAST_MS, "source": NANSEN}
        with self.using() as db:
            last, later = db.rows(_LAST_FILLS, asked), db.rows(_FILLS, asked)
        return _made_fills(trader, last + later)


def _fill_row(trader_id: int, fill: Fill) -> Row:
    return (
        trader_id,
        fill.coin,
        fill.is_buy,
        fill.price,
        fill.size,
        to_ms(fill.time),
        fill.start_position,
        fill.direction,
        fill.closed_pnl,
        fill.fee,
        fill.fee_token,
        fill.hash,
        fill.oid,
        fill.tid,
        fill.twap_id,
        fill.crossed,
        fill.liquidated_user,
        fill.source,
    )


def _made_fills(trader: str, rows: list[Row]) -> list[Fill]:
    # The few names there are come anew with every row; kept once they leave a fill two thirds of its size.
    return [
        Fill(
            trader=trader,
            coin=intern(coin),
            is_buy=is_buy == 1,
            price=price,
            size=size,
            time=from_ms(time),
            start_position=start_position,
            direction=intern(direction),
            closed_pnl=closed_pnl,
            fee=fee,
            fee_token=intern(fee_token),
            hash=hash_,
            oid=oid,
            tid=tid,
            twap_id=twap_id,
            crossed=crossed == 1,
            liquidated_user=liquidated_user,
            source=intern(source),
        )
        for (
            coin,
            is_buy,
            price,
            size,
            time,
            start_position,
            direction,
            closed_pnl,
            fee,
            fee_token,
            hash_,
            oid,
            tid,
            twap_id,
            crossed,
            liquidated_user,
            source,
        ) in rows
    ]
