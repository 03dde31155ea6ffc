"""Draw a script for a seed: which coins, sides, times and amounts the scenes have, and the prices that go with them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from hlcopy.domain.margin import maintenance_ratio
from hlcopy.simulator.market import COINS, DAY, HOUR, LEADER, Course
from hlcopy.simulator.scenes import DRAWN, OPPOSITE, SCENES, SCRIPT_DAYS, Act, Scene, Step
from hlcopy.simulator.styles import BEAR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hlcopy.simulator.scenes import Span
    from hlcopy.simulator.wallet import Wallet

_AMPLITUDE: Final = 0.35  # percent: how far a price strays from its course
_STRAIGHT: Final = 0.12  # of the coin in which a trader is liquidated
_STILL: Final = 0.05  # of coins in which a maker's order is to fill for an hour
_WANDER_HOURS: Final = (5.0, 9.0)
_WANDER_PERCENT: Final = (-1.4, 1.4)
_TWAP_MINUTES: Final = 40
_DOOM: Final = "doom"
_DOOM_COINS: Final = ("ETH", "SOL", "XRP")  # of high leverage
_DOOM_DISTANCE: Final = (0.027, 0.0325)  # of price; well before the hard stop of a copy
_DOOM_BEYOND: Final = 0.35  # percent that the price goes past the liquidation
_AFTERWARDS: Final = Act((70.0, 100.0), (0.4, 0.8))  # what is left is bet once more, as a share of equity
_AFTERWARDS_MINUTES: Final = (240, 360)


class Cue(NamedTuple):
    """A scene drawn: its coin, minute of the world, side and amount, and what is done later as (minute, factor, how)."""

    scene: Scene
    coin: str
    minute: int
    side: int
    ticket: float
    acts: tuple[tuple[int, float, str], ...]
    end: int
    knots: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The present of a seed: cues in order of time, the courses of the prices, and the coin and leverage of ruin."""

    cues: tuple[Cue, ...]
    courses: Mapping[str, Course]
    doom_coin: str
    doom_leverage: int
    end: int

    def of(self, kind: str) -> list[Cue]:
        """Return the cues of a trader."""
        return [cue for cue in self.cues if cue.scene.actor.kind == kind]


def direct(rng: np.random.Generator, begin: int) -> Script:
    """Draw the script of a present that begins at a minute of the world."""
    doom = str(rng.choice(_DOOM_COINS))
    others = [coin.instrument.coin for coin in COINS if coin.instrument.coin not in {doom, LEADER}]
    roles = {f"a{number}": str(coin) for number, coin in enumerate(rng.permutation(others), start=1)}
    roles |= {"BTC": LEADER, _DOOM: doom}
    surge_side = 1 if rng.random() < 0.5 else -1  # noqa: PLR2004 - an even chance
    leverage, cues = 0, []
    for scene in SCENES:
        side = scene.side or (1 if rng.random() < 0.5 else -1)  # noqa: PLR2004 - an even chance
        if scene.coin == "a1" and scene.side == DRAWN:
            side = surge_side
        if scene.side == OPPOSITE:
            side = -surge_side
        steps = scene.steps
        if scene.doomed:
            leverage, distance = _ruin(rng, doom, side)
            steps = _doom_steps(distance)
        cues.append(_cue(rng, scene, roles[scene.coin], side, steps, begin))
    end = begin + SCRIPT_DAYS * DAY
    by_coin: dict[str, list[Cue]] = defaultdict(list)
    for cue in cues:
        if cue.knots:
            by_coin[cue.coin].append(cue)
    courses = {
        coin.instrument.coin: _course(
            rng,
            by_coin[coin.instrument.coin],
            begin,
            end,
            _amplitude(by_coin[coin.instrument.coin]),
        )
        for coin in COINS
    }
    return Script(cues=tuple(cues), courses=courses, doom_coin=doom, doom_leverage=leverage, end=end)


def _cue(rng: np.random.Generator, scene: Scene, coin: str, side: int, steps: Sequence[Step], begin: int) -> Cue:
    minute = begin + round(rng.uniform(*scene.at) * HOUR)
    at, factor = minute, 1.0
    knots = []
    for step in steps:
        at += max(1, round(rng.uniform(*step.hours) * HOUR))
        factor *= 1 + side * rng.uniform(*step.percent) / 100
        knots.append((at, factor))
    acts = tuple((minute + int(rng.uniform(*act.minutes)), rng.uniform(*act.factor), act.how) for act in scene.acts)
    return Cue(scene, coin, minute, side, rng.uniform(*scene.ticket), acts, at, tuple(knots))


def _ruin(rng: np.random.Generator, coin: str, side: int) -> tuple[int, float]:
    """Return a leverage whose liquidation lies at a suitable distance, and that distance."""
    maintenance = maintenance_ratio(next(c.instrument.max_leverage for c in COINS if c.instrument.coin == coin))
    distances = {leverage: (1 / leverage - maintenance) / (1 - side * maintenance) for leverage in range(10, 26)}
    fitting = [leverage for leverage, distance in distances.items() if _within(distance, _DOOM_DISTANCE)]
    leverage = int(rng.choice(fitting))
    return leverage, distances[leverage]


def _within(value: float, span: Span) -> bool:
    return span[0] <= value <= span[1]


def _doom_steps(distance: float) -> tuple[Step, ...]:
    """Leave the price alone for an hour, take it past the liquidation, and back at once: a copy of it survives."""
    ruin = -100 * distance - _DOOM_BEYOND
    return Step((1.1, 1.4), (0, 0)), Step((3, 5), (ruin, ruin)), Step((0.4, 0.6), (1.6, 2.2)), Step((8, 9), (-0.2, 0.2))


def _course(rng: np.random.Generator, cues: Sequence[Cue], begin: int, end: int, amplitude: float) -> Course:
    """Return the scenes of a coin strung together; between them its price wanders."""
    knots = [(begin, 1.0)]
    for cue in [*sorted(cues, key=lambda cue: cue.minute), None]:
        until = end if cue is None else cue.minute
        knots += _wander(rng, knots[-1], until)
        if cue is not None:
            level = knots[-1][1]
            knots += [(at, level * factor) for at, factor in cue.knots if at < end]
    return Course(tuple(knots), amplitude)


def _amplitude(cues: Sequence[Cue]) -> float:
    if any(cue.scene.how == "rest" for cue in cues):
        return _STILL
    return _STRAIGHT if any(cue.scene.doomed for cue in cues) else _AMPLITUDE


def _wander(rng: np.random.Generator, knot: tuple[int, float], until: int) -> list[tuple[int, float]]:
    at, level = knot
    knots = []
    while at < until:
        at = min(at + round(rng.uniform(*_WANDER_HOURS) * HOUR), until)
        level *= 1 + rng.uniform(*_WANDER_PERCENT) / 100
        knots.append((at, level))
    return knots


def play(wallet: Wallet, script: Script, kind: str) -> None:
    """Let a trader do what the script says."""
    mine = script.of(kind)
    for cue in sorted(mine, key=lambda cue: cue.minute):
        _play(wallet, script, cue)
    for coin in sorted({cue.coin for cue in mine if not cue.acts}):  # left open; a longer world goes on without them
        wallet.take(coin, script.end, -wallet.held(coin))


def _play(wallet: Wallet, script: Script, cue: Cue) -> None:
    stake = cue.ticket * wallet.equity_usd * (script.doom_leverage if cue.scene.doomed else 1)
    _send(wallet, cue, cue.minute, cue.side * wallet.lots(cue.coin, cue.minute, stake), cue.scene.how)
    if cue.scene.doomed:
        _be_ruined(wallet, script, cue)
    for minute, factor, how in cue.acts:
        held = wallet.held(cue.coin)
        _send(wallet, cue, minute, round(held * factor) - held, how)


def _send(wallet: Wallet, cue: Cue, minute: int, lots: int, how: str) -> None:
    if how == "rest":
        wallet.rest(cue.coin, minute, lots)
    elif how == "twap":
        wallet.twap(cue.coin, minute, lots, _TWAP_MINUTES)
    else:
        wallet.take(cue.coin, minute, lots, least=2 if cue.scene.actor is BEAR else 1)


def _be_ruined(wallet: Wallet, script: Script, cue: Cue) -> None:
    """Let the venue liquidate a position where its margin is used up; what is left of the account is bet once more."""
    candles, side = wallet.market.candles[cue.coin], cue.side
    maintenance = maintenance_ratio(candles.instrument.max_leverage)
    mark = wallet.entry(cue.coin) * (1 - side / script.doom_leverage) / (1 - side * maintenance)
    window = slice(cue.minute + 1, min(cue.end, wallet.until - 2))
    worst = candles.l[window] if side > 0 else candles.h[window]
    reached = np.flatnonzero(side * (worst - mark) <= 0)
    if not len(reached):  # the world ends before
        return
    minute = cue.minute + 1 + int(reached[0])
    wallet.be_liquidated(cue.coin, minute, mark)
    again = minute + int(wallet.rng.uniform(*_AFTERWARDS.minutes))
    share = wallet.rng.uniform(*_AFTERWARDS.factor)
    wallet.take(cue.coin, again, side * wallet.lots(cue.coin, again, share * wallet.equity_usd))
    wallet.take(cue.coin, again + int(wallet.rng.integers(*_AFTERWARDS_MINUTES)), -wallet.held(cue.coin))
