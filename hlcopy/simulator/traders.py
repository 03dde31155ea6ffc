"""The simulated world of a seed: its market, the past of its traders, and a scripted present."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from hlcopy.errors import BadInputError
from hlcopy.simulator import habits
from hlcopy.simulator.crowd import CrowdFills, crowd_styles
from hlcopy.simulator.director import direct, play
from hlcopy.simulator.market import DAY, HOUR, LEADER, MINUTE_MS, make_market
from hlcopy.simulator.styles import DECAYED, GAMBLER, GOOD, MAKER, PATIENT, POPULATION, STEADY, WHALE, Style
from hlcopy.simulator.wallet import Wallet
from hlcopy.simulator.world import Profile, World, start_ms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hlcopy.simulator.director import Script
    from hlcopy.simulator.market import Market
    from hlcopy.simulator.wallet import FillRow

__all__ = ["HISTORY_DAYS", "Profile", "World", "generate"]

HISTORY_DAYS: Final = 95  # scoring looks back for 90
_EQUITY_SPREAD: Final = (0.92, 1.08)
_INHERITED_ADD_HOURS: Final = (30.0, 36.0)
_ODD_MS: Final = 37 * MINUTE_MS + 11_408
_FLOWS: Final = ((-41, 60_000.0), (-12, -25_000.0), (5, 30_000.0))  # day of the present, USD


def generate(seed: int, *, start: datetime, days: int, history_days: int = HISTORY_DAYS, crowd: int = 0) -> World:
    """Return the world of a seed: the same seed, start and lengths make the same bytes.

    `start` is aware and on a full hour: the present begins there, scripted for its first ten days; before it lie
    `history_days`. Candles are one minute long; coins without candles (spot, HIP-3) are in fills only. `crowd` more
    traders fill the leaderboard. Who has no fill within the world isn't in it.
    """
    if days < 1 or history_days < 0 or crowd < 0:
        message = f"a world lasts at least a day, not {days}; neither its past nor its crowd is negative"
        raise BadInputError(message)
    begin, present_ms = history_days * DAY, start_ms(start)
    market_rng, script_rng, *streams = np.random.default_rng(seed).spawn(2 + len(POPULATION))
    script = direct(script_rng, begin)
    market = make_market(market_rng, present_ms - begin * MINUTE_MS, begin + days * DAY, script.courses)
    lives = [
        _live(market, script, style, rng, number, begin)
        for number, (style, rng) in enumerate(zip(POPULATION, streams, strict=True), start=1)
    ]
    lives = [life for life in lives if life.rows]
    fills: Mapping[str, list[FillRow]] = {life.profile.address: life.rows for life in lives}
    traders = tuple(life.profile for life in lives)
    if crowd:
        fills = CrowdFills(fills, market, seed, crowd_styles(seed, crowd))
        traders += fills.profiles
    last_ms = present_ms + days * DAY * MINUTE_MS
    return World(
        start=start,
        days=days,
        history_days=history_days,
        candles=market.candles,
        funding=market.funding,
        traders=traders,
        fills=fills,
        flows={
            life.profile.address: [
                (at, usd)
                for day, usd in _FLOWS
                if market.start_ms < (at := present_ms + day * DAY * MINUTE_MS + _ODD_MS) < last_ms
            ]
            for life in lives
            if life.profile.kind == STEADY.kind
        },
        inherited={life.profile.address: life.inherited for life in lives if life.inherited},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Life:
    """What became of a trader."""

    profile: Profile
    rows: list[FillRow]
    inherited: Mapping[str, tuple[float, float]]


def _live(market: Market, script: Script, style: Style, rng: np.random.Generator, number: int, begin: int) -> _Life:
    usd = float(round(style.equity_usd * rng.uniform(*_EQUITY_SPREAD), -2))
    wallet, own = Wallet(market, rng, number, usd), replace(style, equity_usd=usd)
    if style in GOOD:
        _live_well(wallet, own, script, begin)
    elif style is MAKER:
        habits.make_markets(wallet, own, 0, market.minutes)
    else:
        habits.trade(wallet, own, 0, market.minutes)
    profile = Profile(
        address=wallet.address,
        equity_usd=usd,
        description=style.description,
        kind=style.kind,
        label=style.label,
        smart_money=style.smart_money,
        mode=style.mode,
        fate=style.fate,
        isolated=MappingProxyType({script.doom_coin: script.doom_leverage} if style is GAMBLER else {}),
    )
    return _Life(profile=profile, rows=wallet.rows(), inherited=wallet.inherited())


def _live_well(wallet: Wallet, style: Style, script: Script, begin: int) -> None:
    """Trade by habit up to the present, then by the script, and by habit again once it is over."""
    if style.kind == WHALE.kind:
        habits.tend_inherited(wallet, style, begin)
    habits.trade(wallet, style, 0, begin - round(style.idle_days * DAY))
    if style.kind == WHALE.kind:
        minute = begin + round(wallet.rng.uniform(*_INHERITED_ADD_HOURS) * HOUR)
        wallet.take(LEADER, minute, wallet.held(LEADER) // 4)
    if style.kind == PATIENT.kind:
        habits.trade_elsewhere(wallet)
    play(wallet, script, style.kind)
    if style.kind not in {GAMBLER.kind, DECAYED.kind}:
        habits.trade(wallet, style, script.end, wallet.market.minutes)
