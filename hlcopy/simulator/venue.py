"""What the venue would say of a world at a moment: prices, books, candles, and every trader's account. No HTTP."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from hlcopy.simulator.accounts import Account, Holding, span
from hlcopy.simulator.prices import Prices
from hlcopy.simulator.wallet import TAKER_FEE, FillRow, direction, wire
from hlcopy.simulator.world import Profile, World, quiet_world

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.domain.instrument import Instrument
    from hlcopy.simulator.prices import Candle, Level

__all__ = ["DEFAULT_LEVERAGE", "FillRow", "Holding", "Profile", "Venue", "World", "quiet_world"]

DEFAULT_LEVERAGE: Final = 20  # of a coin whose leverage was never touched, as far as the coin allows it
_FIRST_SCRIPTED: Final = 7 * 10**14


class Venue:
    """A world seen from outside; answers depend on nothing but the world, what tests scripted, and the moment asked for.

    Moments are ms UTC. Addresses are taken in any case. An unknown trader has no fills, no holdings and no equity.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.coins: tuple[Instrument, ...] = tuple(series.instrument for series in world.candles.values())
        self.start_ms = world.start_ms - world.history_days * 86_400_000
        self._prices = {coin: Prices(series, world.funding[coin]) for coin, series in world.candles.items()}
        self._profiles = {profile.address: profile for profile in world.traders}
        self._scripted: dict[str, list[FillRow]] = {}
        self._accounts: dict[str, Account] = {}
        self._count = _FIRST_SCRIPTED
        self.listing: dict[str, dict[str, object]] = {}

    @property
    def traders(self) -> tuple[Profile, ...]:
        """Everyone who trades, those added by tests last."""
        return tuple(self._profiles.values())

    def profile(self, address: str) -> Profile | None:
        """Return a trader, None for an address that nobody trades from."""
        return self._profiles.get(address.lower())

    # Accounts

    def fills(self, address: str, since_ms: int, until_ms: int) -> list[FillRow]:
        """Return a trader's fills of a period in order of arrival, both ends inclusive, TWAP slices among them."""
        account = self._account(address)
        if account is None:
            return []
        part = span(account.times, since_ms, until_ms)
        return self._rows(address.lower())[part] if part.start < part.stop else []

    def holdings(self, address: str, at_ms: int) -> list[Holding]:
        """Return a trader's positions on the main dex at a moment."""
        account, profile = self._account(address), self.profile(address)
        if account is None or profile is None:
            return []
        held = []
        for coin, line in account.lines.items():
            size, entry = line.at(at_ms)
            if size:
                held.append(self._holding(profile, coin, size, entry, self.mark(coin, at_ms)))
        return held

    def equity(self, address: str, at_ms: int) -> float:
        """Return a trader's equity at a moment: transfers and results so far, those of open positions included."""
        account = self._account(address)
        return 0.0 if account is None else account.value(at_ms, self.mark)

    def equity_history(self, address: str, since_ms: int, until_ms: int, points: int) -> list[tuple[int, float, float]]:
        """Return evenly spaced (ms, equity, PnL since `since_ms`), both ends among them; transfers are no PnL."""
        account = self._account(address)
        if account is None or until_ms < since_ms:
            return []
        count = max(points - 1, 1)
        moments = sorted({since_ms + (until_ms - since_ms) * index // count for index in range(count + 1)})
        begin = account.value(since_ms, self.mark)
        history = []
        for at in moments:
            value = account.value(at, self.mark)
            moved = sum(usd for _, usd in account.flows(since_ms + 1, at))
            history.append((at, value, value - begin - moved))
        return history

    def flows(self, address: str, since_ms: int, until_ms: int) -> list[tuple[int, float]]:
        """Return a trader's transfers as (ms, USD), positive into the account; both ends inclusive."""
        account = self._account(address)
        return [] if account is None else account.flows(since_ms, until_ms)

    def volume(self, address: str, since_ms: int, until_ms: int) -> float:
        """Return what a trader traded in perps after `since_ms` and up to `until_ms`, in USD."""
        account = self._account(address)
        return 0.0 if account is None else account.volume(since_ms, until_ms)

    def pnl(self, address: str, since_ms: int, until_ms: int) -> float:
        """Return a trader's result after `since_ms` and up to `until_ms`, that of open positions included."""
        account = self._account(address)
        if account is None:
            return 0.0
        moved = sum(usd for _, usd in account.flows(since_ms + 1, until_ms))
        return account.value(until_ms, self.mark) - account.value(since_ms, self.mark) - moved

    def realized(self, address: str, since_ms: int, until_ms: int) -> tuple[float, float]:
        """Return a trader's closed PnL of perps, gross, and fees after `since_ms` and up to `until_ms`."""
        account = self._account(address)
        return (0.0, 0.0) if account is None else account.realized(since_ms, until_ms)

    # Prices

    def mark(self, coin: str, at_ms: int) -> float:
        """Return a coin's mark; it moves within the minute."""
        return self._prices[coin].at(at_ms)

    def oracle(self, coin: str, at_ms: int) -> float:
        """Return a coin's oracle price."""
        return self._prices[coin].oracle(at_ms)

    def mid(self, coin: str, at_ms: int) -> float:
        """Return the middle of a coin's book, the mark where there is none."""
        return self._prices[coin].mid(at_ms)

    def book(self, coin: str, at_ms: int) -> tuple[list[Level], list[Level]]:
        """Return bids and asks as (price, size), best first, up to 20 a side."""
        return self._prices[coin].book(at_ms)

    def best(self, coin: str, at_ms: int) -> tuple[float, float] | None:
        """Return a coin's best bid and best ask, None where there is no book."""
        return self._prices[coin].best(at_ms)

    def crossing(self, coin: str, level: float, since_ms: int, until_ms: int, *, falling: bool) -> int | None:
        """Return the first moment, both ends inclusive, at which a mark is at or below a level, or above when rising."""
        return self._prices[coin].crossing(level, since_ms, until_ms, falling=falling)

    def turns(self, coin: str, since_ms: int, until_ms: int) -> list[int]:
        """Return the moments of a period between which a mark moves one way, both ends among them."""
        return [moment for stretch in self._prices[coin].stretches(since_ms, until_ms) for moment in stretch]

    def candles(self, coin: str, interval_ms: int, since_ms: int, until_ms: int, now_ms: int) -> list[Candle]:
        """Return the candles that open from `since_ms` to `until_ms`, the last one as far as it is known at `now_ms`."""
        return self._prices[coin].candles(interval_ms, since_ms, until_ms, now_ms)

    def funding(self, coin: str, since_ms: int, until_ms: int) -> list[tuple[int, float, float]]:
        """Return hourly (ms, rate, premium), both ends inclusive; a positive rate is paid by longs."""
        return self._prices[coin].funding(since_ms, until_ms)

    # What tests script

    def set_mark(self, coin: str, price: float, from_ms: int) -> None:
        """Let a coin's price be another from a moment on, in marks, books and candles; later scripts are forgotten."""
        self._prices[coin].script(price, from_ms)

    def set_depth(self, coin: str, usd: float) -> None:
        """Let every level of a coin's book hold an amount; with 0 the book is empty."""
        self._prices[coin].set_depth(usd)

    def set_listing(self, coin: str, **flags: object) -> None:
        """Let the venue's meta say more of a coin: `isDelisted`, `onlyIsolated`, `marginMode`; None takes it back."""
        if coin not in self._prices:
            raise KeyError(coin)
        merged = {**self.listing.get(coin, {}), **flags}
        self.listing[coin] = {name: flag for name, flag in merged.items() if flag is not None}

    def add_trader(self, profile: Profile, rows: Sequence[FillRow] = ()) -> None:
        """Let one more trader in, or another in its place."""
        address = profile.address.lower()
        self._profiles[address] = profile
        self._scripted[address] = sorted(rows, key=lambda row: row["time"])
        self._accounts.pop(address, None)

    def add_fill(self, row: FillRow) -> None:
        """Let a fill be reported as it is; it comes after those of the same moment."""
        address = row["user"].lower()
        rows = self._scripted.setdefault(address, list(self.world.fills.get(address, [])))
        rows.insert(bisect_right(rows, row["time"], key=lambda other: other["time"]), row)
        self._accounts.pop(address, None)

    def trade(
        self, address: str, coin: str, size: float, at_ms: int, *, price: float | None = None, oid: int | None = None
    ) -> FillRow:
        """Let a taker's order of a signed size fill at once, at the mark if no price is given; return the fill.

        The chain, what it did, its result and its fee follow from the fills up to that moment. An `oid` given again is the
        same order filling on.
        """
        account = self._account(address)
        start, entry = account.lines[coin].at(at_ms) if account and coin in account.lines else (0.0, 0.0)
        paid = self.mark(coin, at_ms) if price is None else price
        closed = min(abs(start), abs(size)) if start * size < 0 else 0.0
        self._count += 1
        row = FillRow(
            user=address.lower(),
            coin=coin,
            px=wire(paid, 8),
            sz=wire(abs(size), 8),
            side="B" if size > 0 else "A",
            time=at_ms,
            startPosition=wire(start, 8),
            dir=direction(start, round(start + size, 8)),
            closedPnl=wire(closed * (paid - entry) * (1 if start > 0 else -1), 6),
            hash=f"0x{self._count:064x}",
            oid=self._count if oid is None else oid,
            crossed=True,
            fee=wire(abs(size) * paid * TAKER_FEE, 6),
            tid=self._count,
            feeToken="USDC",
            twapId=None,
        )
        self.add_fill(row)
        return row

    def _account(self, address: str) -> Account | None:
        address = address.lower()
        known = self._accounts.get(address)
        if known is not None:
            return known
        profile = self._profiles.get(address)
        if profile is None:
            return None
        account = Account(
            profile,
            self._rows(address),
            coins=self._prices,
            flows=self.world.flows.get(address, ()),
            inherited=self.world.inherited.get(address, {}),
            start_ms=self.world.start_ms,
        )
        self._accounts[address] = account
        return account

    def _rows(self, address: str) -> list[FillRow]:
        scripted = self._scripted.get(address)
        return self.world.fills.get(address, []) if scripted is None else scripted

    def _holding(self, profile: Profile, coin: str, size: float, entry: float, mark: float) -> Holding:
        isolated = coin in profile.isolated
        most = self._prices[coin].instrument.max_leverage
        leverage = min(profile.isolated.get(coin, DEFAULT_LEVERAGE), most)
        bound = abs(size) * entry / leverage + size * (mark - entry) if isolated else abs(size) * mark / leverage
        return Holding(
            coin=coin,
            size=size,
            entry_price=entry,
            leverage=leverage,
            isolated=isolated,
            mark=mark,
            margin_usd=bound,
        )
