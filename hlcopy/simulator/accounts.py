"""A trader's account as it follows from the fills: positions, results and equity at any moment."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hlcopy.simulator.wallet import FillRow
    from hlcopy.simulator.world import Profile

_PLACES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A position on the main dex: `size` is signed, `margin_usd` what is bound to it; isolated margin includes its result."""

    coin: str
    size: float
    entry_price: float
    leverage: int
    isolated: bool
    mark: float
    margin_usd: float


class Line:
    """A coin's position through time."""

    def __init__(self, size: float = 0.0, entry: float = 0.0) -> None:
        self._times: list[int] = []
        self._states: list[tuple[float, float]] = [(size, entry)]

    def apply(self, time: int, start: float, change: float, price: float) -> None:
        """Take a fill on; where it starts elsewhere than the chain ended, what came before is unknown."""
        size, entry = self._states[-1]
        if abs(size - start) > 10**-_PLACES:
            size, entry = start, price
        end = round(size + change, _PLACES)
        if end == 0:
            entry = 0.0
        elif size * change >= 0:
            entry = (size * entry + change * price) / end
        elif size * end < 0:
            entry = price
        self._times.append(time)
        self._states.append((end, entry))

    def at(self, ms: int) -> tuple[float, float]:
        """Return signed size and entry price after the fills up to a moment."""
        return self._states[bisect_right(self._times, ms)]


class Account:
    """What one trader's fills and transfers make of an account; sums run from the first fill on."""

    def __init__(
        self,
        profile: Profile,
        rows: Iterable[FillRow],
        *,
        coins: Iterable[str],
        flows: Sequence[tuple[int, float]],
        inherited: Mapping[str, tuple[float, float]],
        start_ms: int,
    ) -> None:
        self.lines = {coin: Line(*inherited[coin]) for coin in inherited}
        self.times: list[int] = []
        self._flows = sorted(flows)
        main = set(coins)
        gross, fees, volume, cash = [], [], [], []
        for row in rows:
            coin, price, size = row["coin"], float(row["px"]), float(row["sz"])
            pnl, fee = float(row["closedPnl"]), float(row["fee"])
            fee = fee if row["feeToken"] == "USDC" else fee * price
            perp = not (coin.startswith("@") or "/" in coin)
            self.times.append(row["time"])
            gross.append(pnl if perp else 0.0)
            fees.append(fee if perp else 0.0)
            volume.append(price * size if perp else 0.0)
            cash.append(pnl - fee)
            if coin in main:
                change = size if row["side"] == "B" else -size
                self.lines.setdefault(coin, Line()).apply(row["time"], float(row["startPosition"]), change, price)
        self._gross, self._fees, self._volume, self._cash = (
            list(accumulate(column, initial=0.0)) for column in (gross, fees, volume, cash)
        )
        self._opening = profile.equity_usd - self._cash_at(start_ms)

    def value(self, ms: int, mark: Callable[[str, int], float]) -> float:
        """Return the equity at a moment."""
        open_result = 0.0
        for coin, line in self.lines.items():
            size, entry = line.at(ms)
            if size:
                open_result += size * (mark(coin, ms) - entry)
        return self._opening + self._cash_at(ms) + open_result

    def flows(self, since_ms: int, until_ms: int) -> list[tuple[int, float]]:
        """Return the transfers of a period, both ends inclusive."""
        return [flow for flow in self._flows if since_ms <= flow[0] <= until_ms]

    def volume(self, since_ms: int, until_ms: int) -> float:
        """Return what was traded in perps after `since_ms` and up to `until_ms`, in USD."""
        return self._between(self._volume, since_ms, until_ms)

    def realized(self, since_ms: int, until_ms: int) -> tuple[float, float]:
        """Return closed PnL of perps, gross, and fees after `since_ms` and up to `until_ms`."""
        return self._between(self._gross, since_ms, until_ms), self._between(self._fees, since_ms, until_ms)

    def _between(self, sums: Sequence[float], since_ms: int, until_ms: int) -> float:
        return sums[bisect_right(self.times, until_ms)] - sums[bisect_right(self.times, since_ms)]

    def _cash_at(self, ms: int) -> float:
        moved = sum(usd for at, usd in self._flows if at <= ms)
        return self._cash[bisect_right(self.times, ms)] + moved


def span(times: Sequence[int], since_ms: int, until_ms: int) -> slice:
    """Return where the moments of a period lie among sorted ones, both ends inclusive."""
    return slice(bisect_left(times, since_ms), bisect_right(times, until_ms))
