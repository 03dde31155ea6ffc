"""A recording whose future is another one: cut off or scrambled after a moment, and the same to the last bit before it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum, unique
from functools import cached_property
from typing import TYPE_CHECKING, Final
from zlib import crc32

from hlcopy.domain.candles import Candles
from hlcopy.domain.models import to_ms

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime, timedelta

    import numpy as np
    from numpy.typing import NDArray

    from hlcopy.backtest.recorded import Recorded, RecordedHistory, RecordedScoring
    from hlcopy.domain.models import Fill
    from hlcopy.ports import CandleBlock, FillCoverage, FundingRate, KnownEquity, Placing, Reach

_WARM_UP_MS: Final = 7 * 86_400_000
_RATE: Final = 0.003


@unique
class Alteration(StrEnum):
    """What becomes of the future."""

    CUT = "cut"  # nothing happens any more, and the market stands still
    SCRAMBLED = "scrambled"  # everything happens, but otherwise


@dataclass(frozen=True)
class Altered:
    """A recorded ledger with another future than its own after `moment`.

    What isn't known yet at the moment is altered: candles that close after it, fills that become visible after it, equity
    read after it, funding of later hours and leaderboards of its day and later ones. With `backdated` equity counts by the
    moment it is of, as the replay takes it then. `seed` chooses among scrambled futures.
    """

    recorded: Recorded
    moment: datetime
    feed_delay: timedelta
    how: Alteration
    seed: int = 0
    backdated: bool = False

    @cached_property
    def history(self) -> _History:
        """Markets with another future."""
        return _History(self.recorded.history, self)

    @cached_property
    def scoring(self) -> _Scoring:
        """Leaderboards with another future."""
        return _Scoring(self.recorded.scoring, self)

    @property
    def is_cut(self) -> bool:
        """Whether nothing happens any more."""
        return self.how is Alteration.CUT

    def chance(self, name: str, number: int) -> float:
        """Return a number from 0 to 1 that belongs to a thing."""
        return crc32(f"{self.seed}:{name}:{number}".encode()) / 0xFFFFFFFF


class _History:
    """Markets with another future than the inner one's."""

    def __init__(self, inner: RecordedHistory, altered: Altered) -> None:
        self._inner = inner
        self._altered = altered
        self._last: dict[tuple[str, int], float] = {}

    def fills(self, trader: str, *, until: datetime | None = None) -> list[Fill]:
        """Return a trader's fills."""
        seen = self._altered.moment - self._altered.feed_delay
        fills = self._inner.fills(trader, until=until)
        known = [fill for fill in fills if fill.time <= seen]
        if self._altered.is_cut:
            return known
        return known + [self._scrambled(fill) for fill in fills[len(known) :]]

    def _scrambled(self, fill: Fill) -> Fill:
        """Return the mirror image of a fill, some times as large, at another price; their chain holds among themselves."""
        times = 2 + round(7 * self._altered.chance(fill.trader, crc32(fill.coin.encode())))
        chance = self._altered.chance(fill.identity, 0)
        return replace(
            fill,
            is_buy=not fill.is_buy,
            price=fill.price * (0.5 + chance),
            size=fill.size * times,
            start_position=-fill.start_position * times,
            closed_pnl=-fill.closed_pnl * 10 * chance,
        )

    def fill_coverage(self) -> list[FillCoverage]:
        """Return whose fills are stored."""
        return self._inner.fill_coverage()

    def candles(self, coin: str, interval_ms: int, start_ms: int, end_ms: int) -> Candles:
        """Return the candles that open at or after `start_ms` and before `end_ms`."""
        part = self._inner.candles(coin, interval_ms, start_ms, end_ms)
        known = int(part.t.searchsorted(to_ms(self._altered.moment) - interval_ms, side="right"))
        if known == len(part):
            return part
        import numpy as np

        if self._altered.is_cut:
            stands = np.full(len(part) - known, self._stands_at(coin, interval_ms, part))
            later: tuple[NDArray[np.float64], ...] = (stands, stands, stands, stands)
        else:
            later = self._shaken(part, known)
        o, h, low, c = (
            np.concatenate((column[:known], other))
            for column, other in zip((part.o, part.h, part.l, part.c), later, strict=True)
        )
        return Candles(coin, interval_ms, part.t, o, h, low, c, part.v)

    def _stands_at(self, coin: str, interval_ms: int, part: Candles) -> float:
        """Return the last close that is known."""
        if (coin, interval_ms) not in self._last:
            end = to_ms(self._altered.moment) - interval_ms + 1
            before = self._inner.candles(coin, interval_ms, end - _WARM_UP_MS, end)
            self._last[coin, interval_ms] = float(before.c[-1]) if len(before) else float(part.o[0])
        return self._last[coin, interval_ms]

    def _shaken(self, part: Candles, known: int) -> tuple[NDArray[np.float64], ...]:
        import numpy as np

        salt = crc32(f"{self._altered.seed}:{part.coin}".encode())
        opened, closed = (
            column[known:] * (0.5 + _unit(part.t[known:] + shift, salt))
            for shift, column in enumerate((part.o, part.c), start=1)
        )
        return opened, np.maximum(opened, closed) * 1.02, np.minimum(opened, closed) * 0.98, closed

    def candle_blocks(self, coin: str, start_ms: int, end_ms: int) -> list[CandleBlock]:
        """Return which candles are stored, by UTC day."""
        return self._inner.candle_blocks(coin, start_ms, end_ms)

    def funding(self, coin: str, since: datetime, until: datetime) -> Sequence[FundingRate]:
        """Return rates by time, after `since` and up to `until`."""
        rates = self._inner.funding(coin, since, until)
        known = [rate for rate in rates if rate.time <= self._altered.moment]
        if self._altered.is_cut:
            return known
        later = rates[len(known) :]
        return known + [
            replace(rate, rate=_RATE * (self._altered.chance(coin, to_ms(rate.time)) - 0.5)) for rate in later
        ]

    def equity(self, trader: str) -> list[KnownEquity]:
        """Return a trader's equity."""
        found = []
        for point in self._inner.equity(trader):
            known_at = point.at if self._altered.backdated else max(point.read_at, point.at)
            if known_at <= self._altered.moment:
                found.append(point)
            elif not self._altered.is_cut:
                chance = self._altered.chance(trader, to_ms(point.at))
                found.append(replace(point, value_usd=point.value_usd * 5 * chance, pnl_usd=1e6 * (chance - 0.5)))
        return found


class _Scoring:
    """Leaderboards with another future than the inner one's."""

    def __init__(self, inner: RecordedScoring, altered: Altered) -> None:
        self._inner = inner
        self._altered = altered

    def boards(self) -> list[tuple[date, str]]:
        """Return the days that have one."""
        today = self._altered.moment.date()
        return [(day, source) for day, source in self._inner.boards() if day < today or not self._altered.is_cut]

    def board(self, day: date) -> list[Placing]:
        """Return a day's leaderboard, in another order and with other amounts where it isn't known yet."""
        board = self._inner.board(day)
        if day < self._altered.moment.date():
            return board
        amounts = [(placing.leader.pnl_30d_usd, placing.leader.account_value) for placing in reversed(board)]
        return [
            replace(placing, leader=replace(placing.leader, pnl_30d_usd=pnl, account_value=value))
            for placing, (pnl, value) in zip(board, amounts, strict=True)
        ]

    def reach(self, address: str) -> Reach | None:
        """Return since when a wallet's fills are whole."""
        return self._inner.reach(address)


def _unit(numbers: NDArray[np.int64], salt: int) -> NDArray[np.float64]:
    """Return a number from 0 to 1 for each whole number, by a multiplicative hash (Knuth, 6.4)."""
    import numpy as np

    mixed = (numbers.astype(np.uint64) + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15)
    return ((mixed ^ (mixed >> np.uint64(29))) >> np.uint64(11)).astype(np.float64) / float(1 << 53)
