"""The table `candles`: a row for each coin, interval and UTC day, its candles packed column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.domain.candles import Candles
from hlcopy.domain.models import from_ms
from hlcopy.ports import CandleBlock, CandleCoverage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlcopy.adapters.store.connection import Connection, Row

_DAY_MS: Final = 86_400_000


def add_candles(db: Connection, candles: Candles) -> int:
    """Add those candles to the stored days whose times are new; return how many that were."""
    from hlcopy.adapters.store.packing import pack

    added = 0
    with db.transaction():
        for day, part in _by_day(candles):
            stored = _stored_day(db, candles, day)
            merged = part if stored is None else _merged(stored, part)
            new = len(merged) - (0 if stored is None else len(stored))
            if not new:
                continue
            added += new
            db.run(
                "INSERT OR REPLACE INTO candles (token_symbol, interval_ms, day, first_ms, last_ms, count, columns) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (part.coin, part.interval_ms, day, int(merged.t[0]), int(merged.t[-1]), len(merged), pack(merged)),
            )
    return added


def read_candles(db: Connection, coin: str, interval_ms: int, start_ms: int, end_ms: int) -> Candles:
    """Return the candles that open at or after `start_ms` and before `end_ms`; only the days needed are unpacked."""
    rows = db.rows(
        "SELECT first_ms, count, columns FROM candles "
        "WHERE token_symbol = ? AND interval_ms = ? AND day BETWEEN ? AND ? ORDER BY day",
        (coin, interval_ms, start_ms // _DAY_MS, (end_ms - 1) // _DAY_MS),
    )
    return _joined(coin, interval_ms, rows).between(start_ms, end_ms)


def candle_blocks(db: Connection, coin: str, start_ms: int, end_ms: int) -> list[CandleBlock]:
    """Return what is stored of a coin on the UTC days from `start_ms` to `end_ms`, by day, finest first; none is unpacked."""
    rows = db.rows(
        "SELECT interval_ms, first_ms, last_ms, count FROM candles "
        "WHERE token_symbol = ? AND day BETWEEN ? AND ? ORDER BY day, interval_ms",
        (coin, start_ms // _DAY_MS, end_ms // _DAY_MS),
    )
    return [
        CandleBlock(interval_ms=interval_ms, first_ms=first_ms, last_ms=last_ms, count=count)
        for interval_ms, first_ms, last_ms, count in rows
    ]


def candle_coverage(db: Connection) -> list[CandleCoverage]:
    """Return what is stored per coin and interval, by coin, finest first; nothing is unpacked."""
    rows = db.rows(
        "SELECT token_symbol, interval_ms, min(first_ms), max(last_ms), sum(count) FROM candles "
        "GROUP BY token_symbol, interval_ms ORDER BY token_symbol, interval_ms"
    )
    return [
        CandleCoverage(
            coin=coin,
            interval_ms=interval_ms,
            first=from_ms(first_ms),
            last=from_ms(last_ms),
            count=count,
            missing=(last_ms - first_ms) // interval_ms + 1 - count,
        )
        for coin, interval_ms, first_ms, last_ms, count in rows
    ]


def _by_day(candles: Candles) -> Iterator[tuple[int, Candles]]:
    import numpy as np

    days = candles.t // _DAY_MS
    for day in np.unique(days).tolist():
        yield day, candles.between(day * _DAY_MS, (day + 1) * _DAY_MS)


def _stored_day(db: Connection, candles: Candles, day: int) -> Candles | None:
    row = db.row(
        "SELECT first_ms, count, columns FROM candles WHERE token_symbol = ? AND interval_ms = ? AND day = ?",
        (candles.coin, candles.interval_ms, day),
    )
    return _joined(candles.coin, candles.interval_ms, [row]) if row else None


def _merged(stored: Candles, new: Candles) -> Candles:
    """Return both in order of time; of two of the same time the stored one."""
    import numpy as np

    rising, first = np.unique(np.concatenate((stored.t, new.t)), return_index=True)
    pairs = ((stored.o, new.o), (stored.h, new.h), (stored.l, new.l), (stored.c, new.c), (stored.v, new.v))
    return Candles(new.coin, new.interval_ms, rising, *(np.concatenate(pair)[first] for pair in pairs))


def _joined(coin: str, interval_ms: int, rows: list[Row]) -> Candles:
    """Unpack rows of (first_ms, count, columns) in order into one array per column."""
    import numpy as np

    from hlcopy.adapters.store.packing import VALUES, unpack

    total = sum(count for _, count, _ in rows)
    times = np.empty(total, dtype=np.int64)
    values = [np.empty(total) for _ in range(VALUES)]
    start = 0
    for first_ms, count, packed in rows:
        part = slice(start, start + count)
        unpack(packed, first_ms, interval_ms, times[part], [column[part] for column in values])
        start += count
    return Candles(coin, interval_ms, times, *values)
