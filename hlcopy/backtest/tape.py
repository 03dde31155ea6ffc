"""Candles as a replay reads them: a UTC day at a time, of which so many are kept, so that years needn't fit in memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Final

from hlcopy.domain.spans import joined
from hlcopy.ports import CandleBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hlcopy.backtest.recorded import RecordedHistory
    from hlcopy.domain.candles import Candles
    from hlcopy.domain.spans import Span

_DAY_MS: Final = 86_400_000
_KEPT_DAYS: Final = 512  # of all coins together; 35 MB of one-minute candles
_ALIKE: Final = 0.95  # of what the fullest series of a day covers: a little less of a much finer one is better


Part = tuple["Candles", int, int]
"""Candles, and which of them are meant: from an index on, and up to another."""


class Tape:
    """A coin's candles, read block by block when they are looked at; blocks are by time, none empty, and don't overlap."""

    def __init__(self, blocks: Sequence[CandleBlock], read: Callable[[CandleBlock], Candles]) -> None:
        self.blocks = blocks
        self._read = read
        self._covered: list[Span] | None = None
        self._last_opens = [block.last_ms for block in blocks]
        self._first_closes = [block.first_ms + block.interval_ms for block in blocks]
        self._last_closes = [block.last_ms + block.interval_ms for block in blocks]

    @classmethod
    def of(cls, candles: Candles) -> Tape:
        """Return candles that are in memory as a tape of one block."""
        if not len(candles):
            return cls((), lambda _: candles)
        whole = CandleBlock(
            interval_ms=candles.interval_ms,
            first_ms=int(candles.t[0]),
            last_ms=int(candles.t[-1]),
            count=len(candles),
        )
        return cls((whole,), lambda _: candles)

    def opening(self, since_ms: int, until_ms: int | None = None) -> Iterator[Part]:
        """Return the candles that open at or after a moment, and before another where one is given; no part is empty."""
        for number in range(bisect_left(self._last_opens, since_ms), len(self.blocks)):
            block = self.blocks[number]
            if until_ms is not None and block.first_ms >= until_ms:
                return
            part = _part(self._read(block), since_ms, block.last_ms + 1 if until_ms is None else until_ms)
            if part[1] < part[2]:
                yield part

    def closing(self, after_ms: int, by_ms: int | None = None) -> Iterator[Part]:
        """Return the candles that close after a moment, and by another where one is given; no part is empty."""
        for number in range(bisect_right(self._last_closes, after_ms), len(self.blocks)):
            block = self.blocks[number]
            last_ms = block.last_ms if by_ms is None else min(block.last_ms, by_ms - block.interval_ms)
            if last_ms < block.first_ms:
                return
            part = _part(self._read(block), after_ms - block.interval_ms + 1, last_ms + 1)
            if part[1] < part[2]:
                yield part

    def last_closed(self, by_ms: int) -> tuple[Candles, int] | None:
        """Return the last candle that has closed by a moment, as its block and its place in it; None when none has."""
        number = bisect_right(self._first_closes, by_ms) - 1
        if number < 0:
            return None
        part = self._read(self.blocks[number])
        return part, int(part.t.searchsorted(by_ms - part.interval_ms, side="right")) - 1

    def next_opening(self, since_ms: int) -> tuple[Candles, int] | None:
        """Return the first candle that opens at or after a moment, as its block and its place in it; None when none does."""
        number = bisect_left(self._last_opens, since_ms)
        if number == len(self.blocks):
            return None
        part = self._read(self.blocks[number])
        return part, int(part.t.searchsorted(since_ms))

    def covered(self) -> Sequence[Span]:
        """Return the spans in which no candle is missing; blocks that are whole aren't read for it."""
        if self._covered is None:
            self._covered = joined(span for block in self.blocks for span in self._runs(block))
        return self._covered

    def _runs(self, block: CandleBlock) -> Iterable[Span]:
        if block.last_ms - block.first_ms == (block.count - 1) * block.interval_ms:
            return [(block.first_ms, block.last_ms + block.interval_ms)]
        return self._read(block).runs()


def _part(candles: Candles, since_ms: int, until_ms: int) -> Part:
    """Return those of some candles that open at or after a moment and before another."""
    opens = candles.t
    begin = 0 if since_ms <= opens[0] else int(opens.searchsorted(since_ms))
    end = len(opens) if until_ms > opens[-1] else int(opens.searchsorted(until_ms))
    return candles, begin, end


def open_tapes(history: RecordedHistory, coins: Iterable[str], begin_ms: int, end_ms: int) -> dict[str, Tape]:
    """Return the tapes of the coins that have candles on the UTC days from `begin_ms` to `end_ms`, by coin.

    They read from `history` as long as they are used, and share the days that are kept.
    """
    kept = lru_cache(maxsize=_KEPT_DAYS)(history.candles)

    def tape(coin: str) -> Tape:
        return Tape(
            _finest(history.candle_blocks(coin, begin_ms, end_ms)),
            lambda block: kept(coin, block.interval_ms, block.first_ms, block.last_ms + 1),
        )

    tapes = {coin: tape(coin) for coin in coins}
    return {coin: each for coin, each in tapes.items() if each.blocks}


def _finest(blocks: Sequence[CandleBlock]) -> list[CandleBlock]:
    """Return a block for each UTC day: the one that covers most of it, the finest of those that cover it alike.

    A venue serves its last 5,000 candles only, so that the finest series is often the shortest.
    """
    chosen = []
    for _, same_day in groupby(blocks, lambda block: block.first_ms // _DAY_MS):
        finest_first = sorted(same_day, key=lambda block: block.interval_ms)
        most = max(block.count * block.interval_ms for block in finest_first)
        chosen.append(next(block for block in finest_first if block.count * block.interval_ms >= _ALIKE * most))
    return chosen
