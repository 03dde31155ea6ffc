"""What `data import` does: reads files whole, stores what is new, and says what the user may not expect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from hlcopy.adapters.wire import IntervalName
    from hlcopy.domain.candles import Candles
    from hlcopy.domain.models import Fill
    from hlcopy.ports import FundingRate, History, Progress

Kind = Literal["fills", "candles", "funding"]

_MOST_CHECKED: Final = 200_000  # stored fills whose chain is checked: a second or two


@dataclass(kw_only=True)
class Parsed:
    """What all files of one call hold, checked, and not stored yet."""

    rows: int = 0
    fills: Sequence[Fill] = ()
    candles: Sequence[Candles] = ()
    funding: Sequence[FundingRate] = ()

    @property
    def distinct(self) -> int:
        """How many fills, candles or rates the rows are; a row may repeat another."""
        return len(self.fills) + len(self.funding) + sum(map(len, self.candles))


def parse(
    kind: Kind, files: Sequence[Path], trader: str | None, interval: IntervalName | None, progress: Progress
) -> Parsed:
    """Read files whole. Raises `BadInputError` for the first bad row of any."""
    from hlcopy.adapters.files import read_rows
    from hlcopy.adapters.wire import COLUMNS, CandleReader, FillReader, FundingReader

    parsed = Parsed()

    def rows(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
        for row in read_rows(path, progress, COLUMNS[kind]):
            parsed.rows += 1
            yield row

    if kind == "fills":
        fills = FillReader(trader)
        parsed.fills = [fill for path in files for fill in fills.read(rows(path))]
    elif kind == "candles":
        candles = CandleReader(interval)
        for path in files:
            candles.read(rows(path))
        parsed.candles = candles.candles
    else:
        rates = FundingReader()
        for path in files:
            rates.read(rows(path))
        parsed.funding = rates.rates
    return parsed


def store(parsed: Parsed, history: History) -> tuple[int, list[str]]:
    """Store what is new; return how much that was, and a warning for what differs from stored values.

    What is stored stays: a backtest on the same span must not change because a file was imported again. The comparison
    comes after the storing, when every given value is stored, be it with its own values or with others.
    """
    added, warnings = 0, []
    if parsed.fills:
        new = history.add_fills(parsed.fills)
        added += new
        if new < len(parsed.fills):
            warnings += _kept(_differing_fills(parsed.fills, history), "fill", "")
    for candles in parsed.candles:
        new = history.add_candles(candles)
        added += new
        if new < len(candles):
            warnings += _kept(_differing_candles(candles, history), "candle", f" of {candles.coin}")
    for coin, rates in _by_coin(parsed.funding):
        new = history.add_funding(rates)
        added += new
        if new < len(rates):
            warnings += _kept(_differing_rates(coin, rates, history), "funding rate", f" of {coin}")
    return added, warnings


def _kept(count: int, what: str, of: str) -> list[str]:
    if not count:
        return []
    if count == 1:
        return [f"1 {what}{of} differs from a stored one, which was kept"]
    return [f"{count:,} {what}s{of} differ from stored ones, which were kept"]


def _differing_fills(fills: Sequence[Fill], history: History) -> int:
    times: dict[str, list[datetime]] = {}
    for fill in fills:
        times.setdefault(fill.trader, []).append(fill.time)
    stored: set[Fill] = set()
    for trader, traded in times.items():
        stored.update(history.fills(trader, since=min(traded), until=max(traded)))
    return sum(fill not in stored for fill in fills)


def _differing_candles(candles: Candles, history: History) -> int:
    import numpy as np

    stored = history.candles(candles.coin, candles.interval_ms, int(candles.t[0]), int(candles.t[-1]) + 1)
    same_time = stored.t.searchsorted(candles.t)
    pairs = (
        (stored.o, candles.o),
        (stored.h, candles.h),
        (stored.l, candles.l),
        (stored.c, candles.c),
        (stored.v, candles.v),
    )
    return int(np.logical_or.reduce([old[same_time] != new for old, new in pairs]).sum())


def _differing_rates(coin: str, rates: Sequence[FundingRate], history: History) -> int:
    times = [rate.time for rate in rates]
    stored = set(history.funding(coin, min(times) - timedelta(milliseconds=1), max(times)))
    return sum(rate not in stored for rate in rates)


def _by_coin(rates: Sequence[FundingRate]) -> Iterable[tuple[str, list[FundingRate]]]:
    coins: dict[str, list[FundingRate]] = {}
    for rate in rates:
        coins.setdefault(rate.coin, []).append(rate)
    return coins.items()


def warnings_of(parsed: Parsed, history: History) -> Iterator[str]:
    """Yield what the user may not expect of these files, once they are stored."""
    repeated = parsed.rows - parsed.distinct
    if repeated:
        yield f"{repeated:,} row{' repeats' if repeated == 1 else 's repeat'} others of these files"
    for candles in parsed.candles:
        missing = (int(candles.t[-1]) - int(candles.t[0])) // candles.interval_ms + 1 - len(candles)
        if missing:
            said = "candle is" if missing == 1 else "candles are"
            yield f"{candles.coin}: {missing:,} {said} missing between the first and the last"
    broken = _gaps({fill.trader for fill in parsed.fills}, history)
    if broken:
        yield f"{broken:,} gap{'' if broken == 1 else 's'} in positions; see `hlcopy data status`"


def _gaps(traders: set[str], history: History) -> int:
    """Return how often the stored positions of traders don't continue; 0 when looking would take long."""
    from hlcopy.domain.episodes import gaps

    stored = sum(coverage.count for coverage in history.fill_coverage() if coverage.trader in traders)
    if stored > _MOST_CHECKED:
        return 0
    return sum(len(gaps(history.fills(trader))) for trader in traders)
