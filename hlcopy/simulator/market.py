"""Seeded prices of a small market: one-minute candles and hourly funding of a dozen coins, in regimes with jumps.

A coin's price is Bitcoin's noise times its beta, its own noise, and a plan of regimes dealt from a shuffled deck, so that
a few weeks hold long trends, traps that turn, and quiet stretches. Over a stretch a price can be held to a course instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from hlcopy.domain.instrument import PERP_DECIMALS, SIGNIFICANT_FIGURES, Instrument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

MINUTE_MS: Final = 60_000
HOUR: Final = 60  # minutes
DAY: Final = 24 * HOUR

_TICKS: Final = 4  # prices drawn within a minute, from which its candle is made
_TICKS_PER_YEAR: Final = 365 * DAY * _TICKS
_TAIL_DEGREES: Final = 4  # of Student's t: returns with fat tails
_JUMPS_PER_DAY: Final = 0.3
_JUMP_PERCENT: Final = (1.5, 3.8)
_TURNOVER_USD: Final = 40_000.0  # median of a coin's minute, per unit of its liquidity
_TURNOVER_SPREAD: Final = 0.8  # deviation of its logarithm
_FUNDING_BASE: Final = 0.0000125
_FUNDING_PER_MOVE: Final = 0.0004  # hourly rate for a day's rise of 100 %
_FUNDING_NOISE: Final = 0.000005
_FUNDING_CAP: Final = 0.0005
_FUNDING_PLACES: Final = 10


class Leg(NamedTuple):
    """A stretch of one drift: its length and its whole move, each drawn from a range."""

    hours: tuple[float, float]
    percent: tuple[float, float]
    noise: float = 1.0


_CHOP: Final = (Leg((18, 36), (-1.5, 1.5), 0.7),)
_RISE: Final = (Leg((24, 48), (5, 9), 0.9),)
_FALL: Final = (Leg((24, 48), (-9, -5), 0.9),)
_SURGE: Final = (Leg((36, 60), (14, 25), 0.8),)
_SLIDE: Final = (Leg((30, 60), (-19, -12), 0.9),)
_TRAP: Final = (Leg((6, 14), (4.5, 7.5)), Leg((2, 7), (-12, -8), 1.4))
_SQUEEZE: Final = (Leg((6, 14), (-7.5, -4.5)), Leg((2, 7), (8, 13), 1.4))
_MANIA: Final = (Leg((50, 64), (48, 62), 0.7), Leg((20, 40), (-30, -22), 1.3))

_MAJOR: Final = (_CHOP, _RISE, _FALL, _CHOP, _TRAP, _SQUEEZE)
_ALT: Final = (_CHOP, _SURGE, _SLIDE, _TRAP, _SQUEEZE, _RISE, _FALL)
_WILD: Final = (_CHOP, _SURGE, _SLIDE, _TRAP, _SQUEEZE, _MANIA)


class Coin(NamedTuple):
    """How a coin behaves; `volatility` is its own, per square root of a year, `swing` scales its regimes' moves."""

    instrument: Instrument
    price: float
    beta: float
    volatility: float
    swing: float
    liquidity: float
    deck: tuple[tuple[Leg, ...], ...]


LEADER: Final = "BTC"
COINS: Final = (
    Coin(Instrument(coin="BTC", size_decimals=5, max_leverage=40), 96_400.0, 1.0, 0.42, 0.55, 60.0, _MAJOR),
    Coin(Instrument(coin="ETH", size_decimals=4, max_leverage=25), 3_480.0, 1.1, 0.22, 0.55, 30.0, _MAJOR),
    Coin(Instrument(coin="SOL", size_decimals=2, max_leverage=20), 178.0, 1.1, 0.30, 0.85, 12.0, _ALT),
    Coin(Instrument(coin="HYPE", size_decimals=2, max_leverage=10), 38.2, 0.9, 0.38, 1.0, 6.0, _ALT),
    Coin(Instrument(coin="SUI", size_decimals=1, max_leverage=10), 3.62, 1.1, 0.35, 1.0, 3.0, _ALT),
    Coin(Instrument(coin="kPEPE", size_decimals=0, max_leverage=10), 0.01234, 1.2, 0.42, 1.0, 2.0, _WILD),
    Coin(Instrument(coin="XRP", size_decimals=0, max_leverage=20), 2.41, 1.0, 0.30, 0.8, 8.0, _ALT),
    Coin(Instrument(coin="DOGE", size_decimals=0, max_leverage=10), 0.2174, 1.1, 0.36, 0.9, 4.0, _ALT),
    Coin(Instrument(coin="AVAX", size_decimals=2, max_leverage=10), 27.3, 1.1, 0.34, 0.9, 3.0, _ALT),
    Coin(Instrument(coin="LINK", size_decimals=1, max_leverage=10), 18.6, 1.0, 0.33, 0.9, 3.0, _ALT),
    Coin(Instrument(coin="AAVE", size_decimals=2, max_leverage=10), 231.0, 1.0, 0.36, 0.9, 2.5, _ALT),
    Coin(Instrument(coin="NEAR", size_decimals=1, max_leverage=10), 3.11, 1.1, 0.38, 1.0, 2.0, _WILD),
)

THIN: Final = tuple(Instrument(coin=f"THIN{number}", size_decimals=0, max_leverage=3) for number in range(1, 9))
"""Coins of no importance, which are in no market unless asked for."""


class Course(NamedTuple):
    """What a price is held to, give or take an amplitude in percent: knots of (minute, factor of the price at the first)."""

    knots: tuple[tuple[int, float], ...]
    amplitude: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """One-minute candles of a coin in rising order: `t` is the open time in ms UTC, `v` base volume; prices are legal."""

    instrument: Instrument
    t: Integers
    o: Floats
    h: Floats
    l: Floats  # noqa: E741 - the venue's own name, beside o, h and c
    c: Floats
    v: Floats

    def __len__(self) -> int:
        return len(self.t)

    def inside(self, minute: int, share: float) -> float:
        """Return a legal price within a minute's candle: `share` 0 is its low, 1 its high."""
        low, high = float(self.l[minute]), float(self.h[minute])
        return max(low, self.instrument.price_down(low + share * (high - low)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Funding:
    """Hourly funding rates of a coin at the full hours `t` in ms UTC; a positive rate is paid by longs."""

    t: Integers
    rate: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Candles and funding by coin, all from `start_ms` on and `minutes` long."""

    start_ms: int
    minutes: int
    candles: Mapping[str, Series]
    funding: Mapping[str, Funding]


def thin_coin(instrument: Instrument, price: float, day_volume_usd: float) -> Coin:
    """Return a coin that little is traded of."""
    liquidity = day_volume_usd / (DAY * _TURNOVER_USD * float(np.exp(_TURNOVER_SPREAD**2 / 2)))
    return Coin(instrument, price, 0.5, 0.5, 1.0, liquidity, _ALT)


def make_market(
    rng: np.random.Generator,
    start_ms: int,
    minutes: int,
    courses: Mapping[str, Course] = MappingProxyType({}),
    *,
    more: Sequence[Coin] = (),
) -> Market:
    """Return a market that depends on nothing but the generator's state, the full hour it starts at, its length and courses.

    `more` coins than the usual ones come last.
    """
    coins = (*COINS, *more)
    streams = dict(zip(coins, rng.spawn(len(coins)), strict=True))
    times = start_ms + MINUTE_MS * np.arange(minutes, dtype=np.int64)
    leader_noise = np.zeros(0)
    candles: dict[str, Series] = {}
    funding: dict[str, Funding] = {}
    for coin in coins:  # the leader comes first
        name = coin.instrument.coin
        drift, calm, noise = _own_returns(coin, streams[coin], minutes)
        if name == LEADER:
            leader_noise = noise
        else:
            noise += coin.beta * leader_noise
        path = np.cumsum(drift + noise)
        if name in courses:
            _hold_to(path, courses[name], calm)
        candles[name] = _candles(coin, streams[coin], times, path)
        funding[name] = _funding(streams[coin], candles[name])
    return Market(start_ms=start_ms, minutes=minutes, candles=candles, funding=funding)


def _own_returns(coin: Coin, rng: np.random.Generator, minutes: int) -> tuple[Floats, Floats, Floats]:
    """Return the planned log returns of every tick, the random ones, and these again with jumps."""
    length = minutes * _TICKS
    drift, loudness = np.empty(length), np.empty(length)
    plan, done = _plan(coin.deck, rng), 0
    while done < length:
        leg = next(plan)
        ticks = round(rng.uniform(*leg.hours) * HOUR * _TICKS)
        move = np.log1p(coin.swing * rng.uniform(*leg.percent) / 100)
        drift[done : done + ticks] = move / ticks
        loudness[done : done + ticks] = leg.noise
        done += ticks
    spread = coin.volatility / np.sqrt(_TICKS_PER_YEAR * _TAIL_DEGREES / (_TAIL_DEGREES - 2))
    calm = rng.standard_t(_TAIL_DEGREES, length) * (loudness * spread)
    jumps = rng.integers(0, length, rng.poisson(_JUMPS_PER_DAY * minutes / DAY))
    sizes = rng.uniform(*_JUMP_PERCENT, len(jumps)) * rng.choice((-1.0, 1.0), len(jumps))
    noise = calm.copy()
    noise[jumps] += coin.swing * sizes / 100
    return drift, calm, noise


def _hold_to(path: Floats, course: Course, noise: Floats) -> None:
    """Hold a path of log prices to a course from its first knot to its last; afterwards it goes on from there."""
    begin, end = (min(knot[0] * _TICKS, len(path)) for knot in (course.knots[0], course.knots[-1]))
    if end == begin:
        return
    minutes = np.arange(begin + 1, end + 1) / _TICKS
    planned = np.interp(minutes, [knot[0] for knot in course.knots], np.log([knot[1] for knot in course.knots]))
    wiggle = _between_walls(np.cumsum(noise[begin:end]), np.log1p(course.amplitude / 100))
    before = path[begin - 1] if begin else 0.0
    unplanned = path[end - 1]
    path[begin:end] = before + planned + wiggle
    path[end:] += path[end - 1] - unplanned


def _between_walls(walk: Floats, wall: float) -> Floats:
    """Reflect a walk from zero at walls on both sides: it keeps its steps and stays inside."""
    inside: Floats = np.abs((walk - wall) % (4 * wall) - 2 * wall) - wall
    return inside


def _plan(deck: tuple[tuple[Leg, ...], ...], rng: np.random.Generator) -> Iterator[Leg]:
    """Deal regimes for ever: every one of the deck comes before any of them comes again."""
    while True:
        for index in rng.permutation(len(deck)):
            yield from deck[index]


def _candles(coin: Coin, rng: np.random.Generator, times: Integers, logs: Floats) -> Series:
    path = coin.price * np.exp(logs).reshape(len(times), _TICKS)
    closes = _legal(path[:, -1], coin.instrument)
    opens = np.concatenate((_legal(np.array([coin.price]), coin.instrument), closes[:-1]))
    turnover = coin.liquidity * _TURNOVER_USD * rng.lognormal(0.0, _TURNOVER_SPREAD, len(times))
    lot = 10.0**coin.instrument.size_decimals
    return Series(
        instrument=coin.instrument,
        t=times,
        o=opens,
        h=np.maximum(opens, _legal(path.max(axis=1), coin.instrument)),
        l=np.minimum(opens, _legal(path.min(axis=1), coin.instrument)),
        c=closes,
        v=np.rint(turnover / closes * lot) / lot,
    )


def _legal(prices: Floats, instrument: Instrument) -> Floats:
    """Return the nearest legal prices: the rule of `Instrument`, for whole arrays."""
    places = SIGNIFICANT_FIGURES - 1 - np.floor(np.log10(prices))
    scale = 10.0 ** np.clip(places, 0, PERP_DECIMALS - instrument.size_decimals)
    legal: Floats = np.rint(prices * scale) / scale
    return legal


def _funding(rng: np.random.Generator, candles: Series) -> Funding:
    """Return rates that rise with the last day's move: a crowd on one side pays the other."""
    hours = np.arange(0, len(candles), HOUR)
    past = candles.o[np.maximum(hours - DAY, 0)]
    move = candles.o[hours] / past - 1
    rate: Floats = _FUNDING_BASE + _FUNDING_PER_MOVE * move + rng.normal(0.0, _FUNDING_NOISE, len(hours))
    return Funding(t=candles.t[hours], rate=np.clip(rate, -_FUNDING_CAP, _FUNDING_CAP).round(_FUNDING_PLACES))
