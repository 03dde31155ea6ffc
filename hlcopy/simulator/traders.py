"""Seeded traders of the small market, each with a habit worth recognising, and their fills as the venue reports them.

A trader's orders are planned coin by coin as executions inside the candles; `Wallet.rows` then plays them in time order
and writes what the venue would: the chain of `startPosition`, `dir`, `closedPnl` and fees.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from hlcopy.domain.margin import maintenance_ratio
from hlcopy.errors import BadInputError
from hlcopy.simulator.market import DAY, HOUR, LEADER, make_market
from hlcopy.simulator.wallet import HIP3_COIN, LOT_DECIMALS, SPOT_COIN, SPOT_TOKEN, Wallet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hlcopy.simulator.market import Funding, Series
    from hlcopy.simulator.wallet import FillRow

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CHOICES: Final = 8  # moments that a trader who knows compares before an entry
_DUST_USD: Final = 8.0
_SPOT_UNIT: Final = 10 ** LOT_DECIMALS[SPOT_COIN]
_STOCK_UNIT: Final = 10 ** LOT_DECIMALS[HIP3_COIN]
_STOCK_PRICE: Final = 181.5
_ELSEWHERE_EVERY_DAYS: Final = 4
_CHASE_COIN: Final = "SUI"
_CHASE_MINUTES: Final = 15
_CHASE_MOVE: Final = 0.022  # beyond our slippage gate
_TWAP_COIN: Final = "HYPE"
_TWAP_MINUTES: Final = 40
_DOOM_COIN: Final = "ETH"
_DOOM_TRIES: Final = 400
_DOOM_SPAN: Final = (0.2, 0.7)  # of the world's length
_DOOM_LOSS: Final = (0.026, 0.033)  # well before the hard stop of a copy
_DOOM_QUIET_MINUTES: Final = 15  # after which a copy is entered, if the price hasn't moved much
_DOOM_QUIET_MOVE: Final = 0.01
_DOOM_MAX_LOSS: Final = 0.04
_DOOM_MAX_GAIN: Final = 0.04  # a larger one would have lifted the trailing stop of a copy


class Profile(NamedTuple):
    """A trader of the world; the equity in USD is what weights are measured against."""

    address: str
    equity_usd: float
    description: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """A market and its traders; candles and funding by coin, fills by trader's address in order of time."""

    start: datetime
    days: int
    candles: Mapping[str, Series]
    funding: Mapping[str, Funding]
    traders: tuple[Profile, ...]
    fills: Mapping[str, list[FillRow]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A trader's habit; ranges are drawn from evenly, the rest are chances for each position.

    `ticket` is the share of equity in an entry. `skill` is how often the next move is known: 1 always, 0 never, below 0
    known and taken the wrong way. `nervous` halves or closes within the quarter of an hour after the entry.
    """

    description: str
    equity_usd: float
    coins: tuple[str, ...]
    ticket: tuple[float, float]
    hold_hours: tuple[float, float]
    pause_hours: tuple[float, float]
    skill: float = 0.0
    maker: float = 0.0
    add_soon: float = 0.0
    add_late: float = 0.0
    nervous: float = 0.0
    reduce: float = 0.0
    flip: float = 0.0
    dust: float = 0.0


PATIENT: Final = Style(
    description="patient swing trader, right more often than not; also trades spot and a HIP-3 perp",
    equity_usd=400_000.0,
    coins=("BTC", "SOL", "HYPE", "SUI"),
    ticket=(0.2, 0.5),
    hold_hours=(20.0, 64.0),
    pause_hours=(24.0, 72.0),
    skill=0.6,
    maker=0.2,
    add_soon=0.25,
    add_late=0.25,
    reduce=0.35,
    dust=0.4,
)
NIMBLE: Final = Style(
    description="nimble swing trader who turns with the market",
    equity_usd=250_000.0,
    coins=("BTC", "HYPE", "SUI", "kPEPE"),
    ticket=(0.25, 0.7),
    hold_hours=(8.0, 36.0),
    pause_hours=(30.0, 100.0),
    skill=0.6,
    add_soon=0.2,
    reduce=0.3,
    flip=0.3,
)
LOSER: Final = Style(
    description="nervous loser: mostly wrong, doubts within minutes, chases jumps",
    equity_usd=180_000.0,
    coins=("BTC", "SOL", "HYPE", "kPEPE"),
    ticket=(0.3, 0.9),
    hold_hours=(2.0, 18.0),
    pause_hours=(36.0, 110.0),
    skill=-0.7,
    nervous=0.45,
    add_soon=0.2,
)
FAST: Final = Style(
    description="fast trader: some twenty orders a day, in and out within minutes",
    equity_usd=500_000.0,
    coins=("BTC", "ETH"),
    ticket=(0.12, 0.4),
    hold_hours=(0.03, 0.2),
    pause_hours=(1.0, 8.0),
    skill=0.2,
)
SMALL: Final = Style(
    description="small account: tickets below our size gates",
    equity_usd=14_000.0,
    coins=("ETH", "SOL", "SUI", "kPEPE"),
    ticket=(0.1, 0.3),
    hold_hours=(4.0, 30.0),
    pause_hours=(16.0, 60.0),
    skill=0.3,
    reduce=0.2,
)
WHALE: Final = Style(
    description="whale: large tickets that weigh little in its account; already long at the start",
    equity_usd=25_000_000.0,
    coins=("BTC", "ETH", "SOL", "HYPE"),
    ticket=(0.01, 0.06),
    hold_hours=(30.0, 90.0),
    pause_hours=(10.0, 60.0),
    skill=0.4,
    add_late=0.3,
    reduce=0.3,
)
SLOW: Final = Style(
    description="maker whose orders take up to an hour to fill; enters once by TWAP",
    equity_usd=300_000.0,
    coins=("SOL", "SUI", "kPEPE"),
    ticket=(0.2, 0.5),
    hold_hours=(10.0, 48.0),
    pause_hours=(40.0, 100.0),
    skill=0.4,
    maker=1.0,
    add_late=0.2,
)
GAMBLER: Final = Style(
    description="gambler at high leverage who gets liquidated",
    equity_usd=60_000.0,
    coins=("SOL",),
    ticket=(0.8, 2.0),
    hold_hours=(1.0, 8.0),
    pause_hours=(10.0, 40.0),
    skill=0.6,
)


class Entry(NamedTuple):
    """When a trader enters and on which side, +1 or -1."""

    minute: int
    side: int


class Doom(NamedTuple):
    """An entry that ends in a liquidation: how many times equity it is worth, and where and when it ends."""

    entry: Entry
    leverage: float
    mark: float
    minute: int


def generate(seed: int, *, start: datetime, days: int) -> World:
    """Return the world of a seed: the same seed, start and length make the same bytes.

    `start` is aware and on a full hour. Candles are one minute long; coins without candles (spot, HIP-3) are in fills only.
    """
    offset = start - _EPOCH
    if offset % timedelta(hours=1) or days < 1:
        message = f"a world starts on a full hour and lasts at least a day, not {start.isoformat()} and {days}"
        raise BadInputError(message)
    market_rng, *streams = np.random.default_rng(seed).spawn(1 + len(POPULATION))
    market = make_market(market_rng, offset // timedelta(milliseconds=1), days * DAY)
    traders: list[Profile] = []
    fills: dict[str, list[FillRow]] = {}
    for number, ((style, live), rng) in enumerate(zip(POPULATION, streams, strict=True), start=1):
        wallet = Wallet(market, rng, number, style.equity_usd)
        live(wallet, style)
        traders.append(Profile(wallet.address, style.equity_usd, style.description))
        fills[wallet.address] = wallet.rows()
    return World(
        start=start, days=days, candles=market.candles, funding=market.funding, traders=tuple(traders), fills=fills
    )


def _trade(wallet: Wallet, style: Style, since: int = 0) -> None:
    """Take position after position in every coin of the style, from a minute on."""
    for coin in style.coins:
        entry = _next_entry(wallet, coin, style, since - round(style.pause_hours[0] * HOUR))
        while entry.minute < wallet.until:
            minute = _hold(wallet, coin, style, entry)
            if _happens(wallet, style.flip):
                entry = Entry(minute, -entry.side)  # one order closes this position and opens the other
                continue
            dust = wallet.lots(coin, minute, _DUST_USD) if _happens(wallet, style.dust) else 0
            minute = _move_to(wallet, coin, style, minute, entry.side * dust)
            entry = _next_entry(wallet, coin, style, minute + 1)


def _next_entry(wallet: Wallet, coin: str, style: Style, minute: int) -> Entry:
    """Choose among moments after a pause; one who knows sees the prices of the next holding period."""
    rng = wallet.rng
    pauses = rng.uniform(*style.pause_hours, _CHOICES) * HOUR
    moments = minute + pauses.astype(np.int64)
    if not _happens(wallet, abs(style.skill)):
        return Entry(int(moments[0]), 1 if _happens(wallet, 0.5) else -1)
    closes = wallet.market.candles[coin].c
    ahead = max(1, round(sum(style.hold_hours) / 2 * HOUR))
    last = len(closes) - 1
    moves = closes[np.minimum(moments + ahead, last)] / closes[np.minimum(moments, last)] - 1
    best = int(np.abs(moves).argmax())
    return Entry(int(moments[best]), 1 if moves[best] * style.skill > 0 else -1)


def _hold(wallet: Wallet, coin: str, style: Style, entry: Entry) -> int:
    """Enter, manage the position as the style does, and return the minute at which it is to be left."""
    rng = wallet.rng
    ticket = style.equity_usd * rng.uniform(*style.ticket)
    minute = _move_to(wallet, coin, style, entry.minute, entry.side * wallet.lots(coin, entry.minute, ticket))
    length = max(1, round(rng.uniform(*style.hold_hours) * HOUR))
    for after, factor in _changes(wallet, style, length):
        if factor == 0:
            return max(minute + 1, entry.minute + after)
        target = round(wallet.held(coin) * factor)
        minute = _move_to(wallet, coin, style, max(minute + 1, entry.minute + after), target)
    return max(minute + 1, entry.minute + length)


def _changes(wallet: Wallet, style: Style, length: int) -> list[tuple[int, float]]:
    """Return what is done to a position while it is held: minutes after the entry, and the factor of its size; 0 ends it."""
    rng = wallet.rng
    changes: list[tuple[int, float]] = []
    if _happens(wallet, style.nervous):
        changes.append((int(rng.integers(3, 12)), 0.0 if _happens(wallet, 0.4) else 0.5))
    if _happens(wallet, style.add_soon):
        changes.append((int(rng.integers(25, 110)), rng.uniform(1.4, 1.8)))
    if _happens(wallet, style.add_late):
        changes.append((int(rng.integers(150, 420)), rng.uniform(1.4, 1.8)))
    if _happens(wallet, style.reduce):
        changes.append((round(length * rng.uniform(0.5, 0.8)), rng.uniform(0.5, 0.7)))
    return sorted(change for change in changes if change[0] < length)


def _move_to(wallet: Wallet, coin: str, style: Style, minute: int, target: int) -> int:
    """Send the order that makes a position what it should be; return the minute of its last fill."""
    lots = target - wallet.held(coin)
    if _happens(wallet, style.maker):
        return wallet.rest(coin, minute, lots)
    wallet.take(coin, minute, lots)
    return minute


def _happens(wallet: Wallet, chance: float) -> bool:
    return bool(wallet.rng.random() < chance)


def _trade_here_and_elsewhere(wallet: Wallet, style: Style) -> None:
    """Trade as always, and now and then spot HYPE and a stock: fills of other markets, which no copy follows."""
    _trade(wallet, style)
    rng, hype = wallet.rng, wallet.market.candles[SPOT_TOKEN]
    for day in range(0, wallet.market.minutes // DAY, _ELSEWHERE_EVERY_DAYS):
        for half, sign, stock_price in ((0, 1, _STOCK_PRICE), (1, -1, _STOCK_PRICE * rng.uniform(0.97, 1.04))):
            minute = day * DAY + half * DAY // 2 + int(rng.integers(0, DAY // 2))
            wallet.trade_elsewhere(SPOT_COIN, minute, sign * 40 * _SPOT_UNIT, float(hype.c[minute]))
            wallet.trade_elsewhere(HIP3_COIN, minute, sign * 50 * _STOCK_UNIT, round(stock_price, 2))


def _trade_and_chase(wallet: Wallet, style: Style) -> None:
    """Trade as always, and in another coin enter just before a jump, so that the price has run away when we confirm."""
    _trade(wallet, style)
    rng, closes = wallet.rng, wallet.market.candles[_CHASE_COIN].c
    moves = closes[_CHASE_MINUTES:] / closes[:-_CHASE_MINUTES] - 1
    free = 0
    for jump in np.flatnonzero(np.abs(moves) > _CHASE_MOVE):
        minute = int(jump) + int(rng.integers(4, 10))
        if minute < free:
            continue
        side = 1 if moves[jump] > 0 else -1
        ticket = style.equity_usd * rng.uniform(*style.ticket)
        wallet.take(_CHASE_COIN, minute, side * wallet.lots(_CHASE_COIN, minute, ticket))
        wallet.take(_CHASE_COIN, minute + 2 * HOUR, -wallet.held(_CHASE_COIN))
        free = minute + DAY


def _trade_from_a_position(wallet: Wallet, style: Style) -> None:
    """Trade as always, but from a long whose opening the fills don't show, and which grows at first."""
    price = float(wallet.market.candles[LEADER].o[0])
    lots = wallet.lots(LEADER, 0, 0.2 * style.equity_usd)
    wallet.inherit(LEADER, lots, price)
    wallet.take(LEADER, int(wallet.rng.integers(0, 6 * HOUR)), lots // 4)
    _trade(wallet, style, since=6 * HOUR)


def _trade_and_twap(wallet: Wallet, style: Style) -> None:
    """Trade as always, and once enter another coin by TWAP."""
    _trade(wallet, style)
    minute = int(wallet.rng.uniform(0.2, 0.3) * wallet.market.minutes)
    wallet.twap(_TWAP_COIN, minute, wallet.lots(_TWAP_COIN, minute, 0.4 * style.equity_usd), _TWAP_MINUTES)
    wallet.rest(_TWAP_COIN, minute + 20 * HOUR, -wallet.held(_TWAP_COIN))


def _trade_until_liquidated(wallet: Wallet, style: Style) -> None:
    """Trade as always until a last bet that the venue closes; a copy of ours, at our own leverage, would still be alive."""
    doom = _find_doom(wallet)
    if doom is None:
        _trade(wallet, style)
        return
    entry = doom.entry
    wallet.until = entry.minute - 2
    _trade(wallet, style)
    wallet.until = wallet.market.minutes
    for coin in style.coins:
        wallet.take(coin, entry.minute - 1, -wallet.held(coin))
    wallet.take(
        _DOOM_COIN, entry.minute, entry.side * wallet.lots(_DOOM_COIN, entry.minute, doom.leverage * style.equity_usd)
    )
    wallet.be_liquidated(_DOOM_COIN, doom.minute, doom.mark)


def _find_doom(wallet: Wallet) -> Doom | None:
    """Return the first of some random entries which the price first leaves alone and then ruins, None if there is none."""
    span = wallet.market.minutes
    minutes = np.sort(wallet.rng.integers(round(_DOOM_SPAN[0] * span), round(_DOOM_SPAN[1] * span), _DOOM_TRIES))
    for minute in minutes:
        for side in (1, -1):
            doom = _doom_of(
                wallet.market.candles[_DOOM_COIN], Entry(int(minute), side), wallet.rng.uniform(*_DOOM_LOSS)
            )
            if doom is not None:
                return doom
    return None


def _doom_of(candles: Series, entry: Entry, loss: float) -> Doom | None:
    """Return how an entry ends at a relative loss within a day, None if it doesn't or a copy would have ended before."""
    minute, side = entry
    price = float(candles.c[minute])
    window = slice(minute + 1, min(minute + DAY, len(candles) - 1))
    worst, best = (candles.l, candles.h) if side > 0 else (candles.h, candles.l)
    losses = side * (1 - worst[window] / price)
    gains = side * (best[window] / price - 1)
    ruin = int((losses >= loss).argmax())
    calm = ruin >= HOUR and abs(losses[_DOOM_QUIET_MINUTES]) < _DOOM_QUIET_MOVE
    if not calm or gains[:ruin].max() > _DOOM_MAX_GAIN or losses[ruin] > _DOOM_MAX_LOSS:
        return None
    maintenance = maintenance_ratio(candles.instrument.max_leverage)
    leverage = 1 / (loss + maintenance * (1 - side * loss))
    return Doom(entry, leverage, price * (1 - side * loss), minute + 1 + ruin)


# Who lives in the world, and how.
POPULATION: Final[tuple[tuple[Style, Callable[[Wallet, Style], None]], ...]] = (
    (PATIENT, _trade_here_and_elsewhere),
    (NIMBLE, _trade),
    (LOSER, _trade_and_chase),
    (FAST, _trade),
    (SMALL, _trade),
    (WHALE, _trade_from_a_position),
    (SLOW, _trade_and_twap),
    (GAMBLER, _trade_until_liquidated),
)
