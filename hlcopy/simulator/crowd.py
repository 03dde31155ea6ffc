"""More traders, for a longer leaderboard: cheap, varied, and made only when somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from hlcopy.simulator.habits import trade
from hlcopy.simulator.market import COINS
from hlcopy.simulator.styles import Style
from hlcopy.simulator.wallet import Wallet
from hlcopy.simulator.world import Profile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.simulator.market import Market
    from hlcopy.simulator.wallet import FillRow

KIND: Final = "crowd"
_FIRST_NUMBER: Final = 100
_KEPT: Final = 64  # whose fills are kept at a time; they are the same when made again
_EQUITY_USD: Final = (11.8, 1.3)  # mean and deviation of its logarithm
_LABELS: Final = (None, None, None, "HL Perps Whale", "Token Millionaire", 'Uses "MOON" HL Referral Code')
_MODES: Final = ("unifiedAccount", "unifiedAccount", "unifiedAccount", "portfolioMargin", "default", "disabled")


class CrowdFills(Mapping[str, "list[FillRow]"]):
    """Fills by address: those given, and a crowd's made on demand."""

    def __init__(self, given: Mapping[str, list[FillRow]], market: Market, seed: int, styles: Sequence[Style]) -> None:
        self._given = given
        self._market = market
        self._seed = seed
        self._styles = styles
        self.profiles = tuple(self._profile(number) for number in range(len(styles)))
        self._numbers = {profile.address: number for number, profile in enumerate(self.profiles)}
        self._made = lru_cache(maxsize=_KEPT)(self._make)

    def __getitem__(self, address: str) -> list[FillRow]:
        given = self._given.get(address)
        return self._made(self._numbers[address]) if given is None else given

    def __iter__(self) -> Iterator[str]:
        yield from self._given
        yield from self._numbers

    def __len__(self) -> int:
        return len(self._given) + len(self._numbers)

    def _wallet(self, number: int) -> Wallet:
        rng = np.random.default_rng([self._seed, _FIRST_NUMBER, number])
        return Wallet(self._market, rng, _FIRST_NUMBER + number, self._styles[number].equity_usd)

    def _make(self, number: int) -> list[FillRow]:
        wallet = self._wallet(number)
        trade(wallet, self._styles[number], 0, self._market.minutes)
        return wallet.rows()

    def _profile(self, number: int) -> Profile:
        style = self._styles[number]
        return Profile(
            address=self._wallet(number).address,
            equity_usd=style.equity_usd,
            description=style.description,
            kind=style.kind,
            label=style.label,
            smart_money=style.smart_money,
            mode=style.mode,
        )


def crowd_styles(seed: int, count: int) -> list[Style]:
    """Return the habits of a crowd: good and bad, rich and poor, busy and idle."""
    rng = np.random.default_rng([seed, _FIRST_NUMBER])
    coins = [coin.instrument.coin for coin in COINS]
    return [_style(rng, coins) for _ in range(count)]


def _style(rng: np.random.Generator, coins: list[str]) -> Style:
    hold, pause, ticket, gain = rng.uniform(4, 40), rng.uniform(30, 120), rng.uniform(0.03, 0.16), rng.uniform(0.6, 2.4)
    return Style(
        kind=KIND,
        description="one of the crowd",
        equity_usd=float(round(rng.lognormal(*_EQUITY_USD), -2)) + 1_000.0,
        fate="",
        label=_LABELS[int(rng.integers(len(_LABELS)))],
        smart_money=bool(rng.random() < 0.1),  # noqa: PLR2004 - one in ten
        mode=_MODES[int(rng.integers(len(_MODES)))],
        coins=tuple(str(coin) for coin in rng.choice(coins, int(rng.integers(1, 4)), replace=False)),
        ticket=(ticket, 1.5 * ticket),
        hold_hours=(0.5 * hold, hold),
        pause_hours=(0.5 * pause, pause),
        wins=float(rng.uniform(0.2, 0.7)),
        gain=(gain, 2 * gain),
        loss=(0.5, float(rng.uniform(1.0, 4.0))),
        parts=1,
    )
