"""Candles in memory: one set of arrays per coin and interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.domain.candles import Candles
from hlcopy.domain.models import from_ms
from hlcopy.ports import CandleBlock, CandleCoverage

if TYPE_CHECKING:
    from hlcopy.adapters.memory.journal import Journal

_DAY_MS: Final = 86_400_000


class MemoryCandles:
    """Stored candles by coin and interval."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._stored: dict[tuple[str, int], Candles] = {}

    def add(self, candles: Candles) -> int:
        """Store candles, keeping a stored one of the same time as it is; return how many were new."""
        if not len(candles):
            return 0
        key = (candles.coin, candles.interval_ms)
        stored = self._stored.get(key)
        merged = candles if stored is None else _merged(stored, candles)
        self._journal.put(self._stored, key, merged)
        return len(merged) - (0 if stored is None else len(stored))

    def between(self, coin: str, interval_ms: int, start_ms: int, end_ms: int) -> Candles:
        """Return the candles that open at or after `start_ms` and before `end_ms`, as views."""
        stored = self._stored.get((coin, interval_ms))
        return _none(coin, interval_ms) if stored is None else stored.between(start_ms, end_ms)

    def blocks(self, coin: str, start_ms: int, end_ms: int) -> list[CandleBlock]:
        """Return what is stored of a coin on the UTC days from `start_ms` to `end_ms`, by day, finest first."""
        first, after = start_ms // _DAY_MS * _DAY_MS, (end_ms // _DAY_MS + 1) * _DAY_MS
        stored = (candles.between(first, after) for (name, _), candles in self._stored.items() if name == coin)
        found = [block for candles in stored for block in _blocks(candles)]
        return sorted(found, key=lambda block: (block.first_ms // _DAY_MS, block.interval_ms))

    def coverage(self) -> list[CandleCoverage]:
        """Return what is stored per coin and interval, by coin, finest first."""
        return [_coverage(self._stored[key]) for key in sorted(self._stored)]


def _blocks(candles: Candles) -> list[CandleBlock]:
    import numpy as np

    _, starts, counts = np.unique(candles.t // _DAY_MS, return_index=True, return_counts=True)
    return [
        CandleBlock(
            interval_ms=candles.interval_ms,
            first_ms=int(candles.t[start]),
            last_ms=int(candles.t[start + count - 1]),
            count=count,
        )
        for start, count in zip(starts.tolist(), counts.tolist(), strict=True)
    ]


def _coverage(candles: Candles) -> CandleCoverage:
    first_ms, last_ms = int(candles.t[0]), int(candles.t[-1])
    return CandleCoverage(
        coin=candles.coin,
        interval_ms=candles.interval_ms,
        first=from_ms(first_ms),
        last=from_ms(last_ms),
        count=len(candles),
        missing=(last_ms - first_ms) // candles.interval_ms + 1 - len(candles),
    )


def _merged(old: Candles, new: Candles) -> Candles:
    import numpy as np

    times = np.concatenate((old.t, new.t))
    columns = ((old.o, new.o), (old.h, new.h), (old.l, new.l), (old.c, new.c), (old.v, new.v))
    values = [np.concatenate(pair) for pair in columns]
    if new.t[0] > old.t[-1]:
        return Candles(new.coin, new.interval_ms, times, *values)
    rising, first = np.unique(times, return_index=True)  # of two of the same time the old one
    return Candles(new.coin, new.interval_ms, rising, *(column[first] for column in values))


def _none(coin: str, interval_ms: int) -> Candles:
    import numpy as np

    return Candles(coin, interval_ms, np.empty(0, np.int64), *(np.empty(0) for _ in "ohlcv"))
