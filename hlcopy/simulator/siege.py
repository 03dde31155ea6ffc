"""A world under siege: honest swing traders, and attackers of every kind among them, as `attackers` describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from hlcopy.simulator import attackers, habits
from hlcopy.simulator.attackers import draw
from hlcopy.simulator.market import COINS, DAY, HOUR, MINUTE_MS, THIN, Course, make_market, thin_coin
from hlcopy.simulator.styles import Style
from hlcopy.simulator.wallet import LOT_DECIMALS, SPOT_COIN, SPOT_TOKEN, TAKER_FEE, Wallet
from hlcopy.simulator.world import Profile, World, start_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from hlcopy.simulator.market import Floats, Integers, Market
    from hlcopy.simulator.wallet import FillRow

    Flow = tuple[int, float]

HONEST: Final = "honest"
BAIT: Final = "bait"
DUMPER: Final = "dumper"
WASHER: Final = "washer"
PUMPER: Final = "pumper"
FLIPPER: Final = "flipper"
HEDGER: Final = "hedger"
ATTACKERS: Final = (BAIT, DUMPER, WASHER, PUMPER, FLIPPER, HEDGER)

HISTORY_DAYS: Final = 95
_THIN_PRICE: Final = 0.52
_CALM: Final = 0.4  # percent that a thin coin's price wavers about its course
_RECOVERY: Final = 300.0  # minutes after a dump
_COINS: Final = tuple(coin.instrument.coin for coin in COINS)
_QUITS_MINUTES: Final = (16.0, 60.0)
_WASH_SHARES: Final = (0.12, 0.88)  # of a minute's range: where a washer buys and sells
_MAX_TOSSES: Final = 80  # positions of a coin


class _Cycle(NamedTuple):
    """One attack in a thin coin: minutes of the first buy, of the open and of the dump, and how it is meant to go."""

    begin: int
    open: int
    dump: int
    side: int
    fails: bool


class _Toss(NamedTuple):
    """Positions of a coin: entry and exit minutes and sides, all of one length."""

    coin: str
    enter: Integers
    leave: Integers
    side: Integers


@dataclass(frozen=True, slots=True, kw_only=True)
class _Life:
    profile: Profile
    rows: list[FillRow]
    flows: tuple[Flow, ...] = ()


def besieged(
    seed: int,
    *,
    start: datetime,
    days: int,
    history_days: int = HISTORY_DAYS,
    each: int = attackers.ATTACKERS_EACH,
    honest: int = attackers.HONEST,
    flippers: int = attackers.FLIPPERS,
) -> World:
    """Return the world of a seed with `each` attackers of every kind and so many honest traders.

    Of the flippers only the best `each` are in it. `start` is aware and on a full hour; whoever attacks or is honest goes on
    doing so in the present.
    """
    if each > len(THIN):
        message = f"there are thin coins for {len(THIN)} attackers of a kind, not for {each}"
        raise ValueError(message)
    market_rng, plan_rng, toss_rng, *streams = np.random.default_rng([seed, 6]).spawn(3 + honest + 6 * each)
    begin, minutes = history_days * DAY, (history_days + days) * DAY
    present_ms = start_ms(start)
    baits = [draw(plan_rng, attackers.Bait()) for _ in range(each)]
    cycles = [list(_cycles(plan_rng, bait, minutes)) for bait in baits]
    coins = [
        thin_coin(instrument, _THIN_PRICE, bait["day_volume_usd"])
        for instrument, bait in zip(THIN, baits, strict=False)
    ]
    courses = {
        instrument.coin: _course(plan_rng, bait, plan)
        for instrument, bait, plan in zip(THIN, baits, cycles, strict=False)
    }
    market = make_market(market_rng, present_ms - begin * MINUTE_MS, minutes, courses, more=coins)
    number = iter(range(1, 1_000))
    rngs = iter(streams)
    lives = [_honest(market, next(rngs), next(number), begin) for _ in range(honest)]
    for index in range(each):
        lives += [
            _bait(market, next(rngs), next(number), THIN[index].coin, baits[index], cycles[index]),
            _dumper(market, next(rngs), next(number)),
            _washer(market, next(rngs), next(number)),
            _pumper(market, next(rngs), next(number), begin),
            _hedger(market, next(rngs), next(number), begin),
        ]
    lives += [
        _tossed(market, next(rngs), next(number), *best)
        for best in _best_flips(market, toss_rng, flippers, each, begin)
    ]
    return World(
        start=start,
        days=days,
        history_days=history_days,
        candles=market.candles,
        funding=market.funding,
        traders=tuple(life.profile for life in lives),
        fills={life.profile.address: life.rows for life in lives},
        flows={life.profile.address: life.flows for life in lives if life.flows},
    )


def _life(wallet: Wallet, kind: str, flows: tuple[Flow, ...] = ()) -> _Life:
    profile = Profile(address=wallet.address, equity_usd=wallet.equity_usd, description=kind, kind=kind)
    return _Life(profile=profile, rows=wallet.rows(), flows=flows)


def _some_coins(rng: np.random.Generator, count: float) -> tuple[str, ...]:
    return tuple(str(coin) for coin in rng.choice(_COINS, round(count), replace=False))


def _honest(market: Market, rng: np.random.Generator, number: int, begin: int) -> _Life:
    of = draw(rng, attackers.Honest())
    wallet = Wallet(market, rng, number, round(of["equity_usd"], -2))
    style = Style(
        kind=HONEST,
        description=HONEST,
        equity_usd=wallet.equity_usd,
        coins=_some_coins(rng, of["coins"]),
        ticket=(of["ticket_from"], of["ticket_to"]),
        hold_hours=(of["hold_hours_from"], of["hold_hours_to"]),
        pause_hours=(of["pause_hours_from"], of["pause_hours_to"]),
        wins=of["wins"],
        gain=(of["gain_from"], of["gain_to"]),
        loss=(of["loss_from"], of["loss_to"]),
        add_soon=of["adds"],
        reduce=of["reduces"],
        flip=of["flips"],
        maker=of["maker"],
        dumps=of["quits"],
        dump_minutes=_QUITS_MINUTES,
    )
    habits.trade(wallet, style, 0, market.minutes)
    flows: tuple[Flow, ...] = ()
    if habits.happens(wallet, of["moves_chance"]):
        at = market.start_ms + int(rng.integers(begin // 2, begin)) * MINUTE_MS
        flows = ((at, round(of["moves"] * wallet.equity_usd, 2)),)
    return _life(wallet, HONEST, flows)


# Bait in a thin coin


def _cycles(rng: np.random.Generator, bait: dict[str, float], minutes: int) -> Iterator[_Cycle]:
    spread = attackers.Bait()
    minute = rng.uniform(*spread.accumulating_minutes) + 1
    while True:
        accumulating = rng.uniform(*spread.accumulating_minutes)
        opened = minute + accumulating
        dumped = opened + rng.uniform(*spread.dump_minutes)
        if dumped + _RECOVERY + 1 >= minutes:
            return
        yield _Cycle(
            int(minute),
            int(opened),
            int(dumped),
            int(rng.choice((-1, 1))),
            bool(rng.random() < bait["fails"]),
        )
        minute = dumped + max(_RECOVERY + 1, bait["cycle_hours"] * HOUR * rng.uniform(0.7, 1.3))


def _course(rng: np.random.Generator, bait: dict[str, float], plan: list[_Cycle]) -> Course:
    """Return the price that the attacks make of a thin coin: pumped, dumped beyond its beginning, and slowly back."""
    spread = attackers.Bait()
    knots = [(0, 1.0)]
    for cycle in plan:
        if cycle.fails:
            low = 1 - cycle.side * rng.uniform(*spread.fail) / 100
            knots += [(cycle.open, 1.0), (cycle.dump, low), (cycle.dump + int(_RECOVERY), 1.0)]
            continue
        early, top = (1 + cycle.side * bait[name] / 100 for name in ("pump_by_copy", "pump"))
        bottom = 1 - cycle.side * bait["crash"] / 100
        after_copy = min(cycle.open + 20, cycle.dump - 1)
        knots += [(cycle.open, 1.0), (after_copy, early), (cycle.dump, top), (cycle.dump + 12, bottom)]
        knots.append((cycle.dump + int(_RECOVERY), 1.0))
    return Course(tuple(knots), _CALM)


def _bait(
    market: Market, rng: np.random.Generator, number: int, coin: str, bait: dict[str, float], plan: list[_Cycle]
) -> _Life:
    wallet = Wallet(market, rng, number, round(bait["equity_usd"], -2))
    orders = round(bait["accumulating_orders"])
    for cycle in plan:
        for minute in np.linspace(cycle.begin, cycle.open - 5, orders).astype(int).tolist():
            usd = bait["accumulated"] * wallet.equity_usd / orders
            wallet.take(coin, minute, cycle.side * wallet.lots(coin, minute, usd), parts=1)
        ticket = bait["ticket"] * wallet.equity_usd
        wallet.take(coin, cycle.open, cycle.side * wallet.lots(coin, cycle.open, ticket))
        wallet.take(coin, cycle.dump, -wallet.held(coin))
    return _life(wallet, BAIT)


# Those who lead positions


def _dumper(market: Market, rng: np.random.Generator, number: int) -> _Life:
    of = draw(rng, attackers.Dumper())
    wallet = Wallet(market, rng, number, round(of["equity_usd"], -2))
    style = Style(
        kind=DUMPER,
        description=DUMPER,
        equity_usd=wallet.equity_usd,
        coins=_some_coins(rng, 3),
        ticket=(of["ticket_from"], of["ticket_to"]),
        hold_hours=(0.8 * of["hold_hours"], 1.2 * of["hold_hours"]),
        pause_hours=(20.0, 70.0),
        wins=of["wins"],
        gain=(2.5, of["gain_to"]),
        loss=(0.8, of["loss_to"]),
        dumps=of["dumps"],
        dump_keeps=(0.0, of["keeps"]),
        dump_minutes=attackers.Dumper().dump_minutes,
    )
    habits.trade(wallet, style, 0, market.minutes)
    return _life(wallet, DUMPER)


def _washer(market: Market, rng: np.random.Generator, number: int) -> _Life:
    of = draw(rng, attackers.Washer())
    wallet = Wallet(market, rng, number, round(of["equity_usd"], -2))
    washed, *true = _some_coins(rng, 3)
    minute = rng.uniform(0, DAY)
    while minute < market.minutes - 1:
        _wash(wallet, washed, int(minute), of)
        minute += DAY / of["trips_a_day"] * rng.uniform(0.5, 1.5)
    style = Style(
        kind=WASHER,
        description=WASHER,
        equity_usd=wallet.equity_usd,
        coins=tuple(true),
        ticket=(of["ticket"], of["ticket"]),
        hold_hours=(0.8 * of["hold_hours"], 1.2 * of["hold_hours"]),
        pause_hours=(0.8 * of["pause_hours"], 1.2 * of["pause_hours"]),
        wins=of["wins"],
        gain=(1.5, 4.0),
        loss=(1.5, 3.5),
    )
    habits.trade(wallet, style, 0, market.minutes)
    return _life(wallet, WASHER)


def _wash(wallet: Wallet, coin: str, minute: int, of: dict[str, float]) -> None:
    """Buy and sell within a minute at its edges, so that it wins or loses as it was arranged."""
    candles = wallet.market.candles[coin]
    lots = wallet.lots(coin, minute, of["trip"] * wallet.equity_usd)
    rises = bool(candles.c[minute] >= candles.o[minute])
    buys_first = rises == habits.happens(wallet, of["arranged"])
    low, high = (candles.inside(minute, share) for share in _WASH_SHARES)
    first, second = (low, high) if rises else (high, low)
    sign = 1 if buys_first else -1
    wallet.quote(coin, minute, sign * lots, first, first=True)
    wallet.quote(coin, minute, -sign * lots, second, first=False)


def _pumper(market: Market, rng: np.random.Generator, number: int, begin: int) -> _Life:
    of = draw(rng, attackers.Pumper())
    wallet = Wallet(market, rng, number, round(of["equity_usd"], -2))
    deposit = begin - int(of["deposit_days"] * DAY)
    coins = _some_coins(rng, 3)
    hold = (0.6 * of["hold_hours"], 1.4 * of["hold_hours"])
    lucky = Style(
        kind=PUMPER,
        description=PUMPER,
        equity_usd=of["base_usd"],
        coins=coins,
        ticket=(0.8 * of["ticket_before"], 1.2 * of["ticket_before"]),
        hold_hours=hold,
        pause_hours=(20.0, 70.0),
        wins=of["wins_before"],
    )
    plain = Style(
        kind=PUMPER,
        description=PUMPER,
        equity_usd=wallet.equity_usd,
        coins=coins,
        ticket=(0.8 * of["ticket_after"], 1.2 * of["ticket_after"]),
        hold_hours=hold,
        pause_hours=(20.0, 70.0),
        wins=of["wins_after"],
        gain=(1.0, 3.0),
        loss=(1.0, 3.0),
    )
    habits.trade(wallet, lucky, 0, deposit)
    habits.trade(wallet, plain, deposit + HOUR, market.minutes)
    life = _life(wallet, PUMPER)
    present_ms = market.start_ms + begin * MINUTE_MS
    gained = sum(float(row["closedPnl"]) - float(row["fee"]) for row in life.rows if row["time"] < present_ms)
    paid_in = max(0.0, wallet.equity_usd - of["base_usd"] - gained)
    count = round(of["deposits"])
    moments = rng.uniform(deposit, deposit + (begin - deposit) / 2, count)
    flows = tuple((market.start_ms + int(at) * MINUTE_MS, round(paid_in / count, 2)) for at in moments)
    return _Life(profile=life.profile, rows=life.rows, flows=flows)


# Those without an opinion


def _hedger(market: Market, rng: np.random.Generator, number: int, begin: int) -> _Life:
    of, spread = draw(rng, attackers.Hedger()), attackers.Hedger()
    wallet = Wallet(market, rng, number, round(of["equity_usd"], -2))
    if habits.happens(wallet, of["spot"]):
        tosses = [
            _toss(rng, SPOT_TOKEN, spread.hold_hours, spread.pause_hours, market.minutes, lambda n: np.full(n, -1))
        ]
        _play(wallet, tosses, of["ticket"], spot=True)
        return _life(wallet, HEDGER)
    tosses = [
        _toss(rng, coin, spread.hold_hours, spread.pause_hours, market.minutes, lambda n: rng.choice((-1, 1), n))
        for coin in _some_coins(rng, 2)
    ]
    if sum(_result(market, toss, begin) for toss in tosses) < 0:  # the other account is ahead: that one is shown
        tosses = [toss._replace(side=-toss.side) for toss in tosses]
    _play(wallet, tosses, of["ticket"])
    return _life(wallet, HEDGER)


def _best_flips(
    market: Market, rng: np.random.Generator, count: int, best: int, begin: int
) -> list[tuple[dict[str, float], list[_Toss]]]:
    """Let a number of wallets toss coins for the whole time, and return the best of them by what was known at the present."""
    spread = attackers.Flipper()
    tried: list[tuple[float, dict[str, float], list[_Toss]]] = []
    for _ in range(count):
        of = draw(rng, spread)
        tosses = [
            _toss(rng, coin, spread.hold_hours, spread.pause_hours, market.minutes, lambda n: rng.choice((-1, 1), n))
            for coin in _some_coins(rng, of["coins"])
        ]
        tried.append((of["ticket"] * sum(_result(market, toss, begin) for toss in tosses), of, tosses))
    tried.sort(key=lambda each: -each[0])
    return [(of, tosses) for _, of, tosses in tried[:best]]


def _tossed(market: Market, rng: np.random.Generator, number: int, of: dict[str, float], tosses: list[_Toss]) -> _Life:
    wallet = Wallet(market, rng, number, round(of["equity_usd"], -2))
    _play(wallet, tosses, of["ticket"])
    return _life(wallet, FLIPPER)


def _toss(
    rng: np.random.Generator,
    coin: str,
    hold_hours: attackers.Range,
    pause_hours: attackers.Range,
    minutes: int,
    sides: Callable[[int], Integers],
) -> _Toss:
    holds = np.maximum(1, rng.uniform(*hold_hours, _MAX_TOSSES) * HOUR).astype(np.int64)
    pauses = (rng.uniform(*pause_hours, _MAX_TOSSES) * HOUR).astype(np.int64)
    enter = np.cumsum(pauses) + np.concatenate(([0], np.cumsum(holds)[:-1]))
    inside = enter < minutes
    return _Toss(coin, enter[inside], (enter + holds)[inside], sides(int(inside.sum())))


def _result(market: Market, toss: _Toss, begin: int) -> float:
    """Return the sum of the relative results of the positions up to a minute, less fees."""
    closes: Floats = market.candles[toss.coin].c
    known = toss.enter < begin
    enter, leave = toss.enter[known], np.minimum(toss.leave[known], begin)
    moves = closes[leave] / closes[enter] - 1
    return float((toss.side[known] * moves - 2 * TAKER_FEE).sum())


def _play(wallet: Wallet, tosses: list[_Toss], ticket: float, *, spot: bool = False) -> None:
    for toss in tosses:
        for enter, leave, side in zip(toss.enter.tolist(), toss.leave.tolist(), toss.side.tolist(), strict=True):
            lots = int(side) * wallet.lots(toss.coin, enter, ticket * wallet.equity_usd)
            wallet.take(toss.coin, enter, lots)
            wallet.take(toss.coin, leave, -lots)
            if spot:
                _hold_spot(wallet, enter, leave, -lots)


def _hold_spot(wallet: Wallet, enter: int, leave: int, lots: int) -> None:
    """Hold of the coin itself what the perp is short of."""
    closes = wallet.market.candles[SPOT_TOKEN].c
    units = lots * 10 ** (LOT_DECIMALS[SPOT_COIN] - LOT_DECIMALS[SPOT_TOKEN])
    for minute, sign in ((enter, 1), (leave, -1)):
        if minute < wallet.until:
            wallet.trade_elsewhere(SPOT_COIN, minute, sign * units, float(closes[minute]))
