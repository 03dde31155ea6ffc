"""The kinds of faults that can be switched on: what each means, which requests it can befall, and what it does."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from hlcopy.simulator import faults, happenings, nansen_faults

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from hlcopy.simulator.faults import Asked
    from hlcopy.simulator.server import Answer, Fault, LocalVenue, Sent
    from hlcopy.simulator.trading import TradingFloor

_OK: Final = 200
_MINUTE_MS: Final = 60_000
_EXCHANGE: Final = ("exchange",)
_INFO: Final = ("info",)
_NANSEN: Final = ("nansen",)
_READS: Final = ("info", "nansen", "leaderboard")
_OURS: Final = ("exchange", "info")
_ALL: Final = ("exchange", *_READS)


@dataclass(frozen=True, slots=True)
class Call:
    """A request that a fault strikes: at which venue, what it asks for, a draw, the fault's value, an earlier answer."""

    venue: LocalVenue
    asked: Asked
    part: float
    value: str | None
    earlier: Answer | None
    dice: random.Random

    @property
    def floor(self) -> TradingFloor:
        """Where is traded."""
        return self.venue.floor

    @property
    def account(self) -> str:
        """The account that people and the venue do something to: the first that was opened."""
        return next(iter(self.floor.accounts), "")

    def number(self, usual: float) -> float:
        """Return the fault's value, or what is usual."""
        return usual if self.value is None else float(self.value)

    def coin(self) -> str:
        """Return the coin that is named; else one that is held, else the first there is."""
        if self.value is not None:
            return self.value
        held = happenings.held(self.floor, self.account, self.part)[0] if self.account else ""
        return held or self.venue.venue.coins[0].coin


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault; `bounds` are those of its value where that is a number, None where it takes none, or a coin."""

    meaning: str
    groups: tuple[str, ...]
    make: Callable[[Call], Fault | None]
    bounds: tuple[float, float] | None = None
    takes_coin: bool = False

    def problem(self, value: str | None) -> str:
        """Return what is wrong with a value."""
        if value is None or self.takes_coin:
            return ""
        if self.bounds is None:
            return "this fault takes no value"
        low, high = self.bounds
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        return "" if low <= number <= high else f"its value is a number from {low:g} to {high:g}"


def _answer(what: str) -> Callable[[Call], Fault | None]:
    """Return a fault that a drill has, too."""
    return lambda call: faults.of(what, call.part, call.asked, call.earlier)


def _late(call: Call) -> Fault:
    return faults.late(round(call.number(30) * 1_000), told=call.part < 0.5)  # noqa: PLR2004 - an even chance


def _slow(call: Call) -> None:
    time.sleep(call.number(5))  # a thread of its own serves each connection


def _happens(happening: Callable[[Call], object]) -> Callable[[Call], None]:
    """Return a fault that lets something happen before an honest answer; without an account there is nothing to befall."""

    def make(call: Call) -> None:
        if call.account:
            with call.floor.lock:
                call.floor.advance()
                happening(call)

    return make


def _hand(happening: Callable[[TradingFloor, str, float], object]) -> Callable[[Call], None]:
    return _happens(lambda call: happening(call.floor, call.account, call.part))


def _hand_open(call: Call) -> None:
    coins = [each.coin for each in call.venue.venue.coins]
    free = [coin for coin in coins if not call.floor.accounts[call.account].held(coin)]
    coin = call.value or (free or coins)[0]
    size = happenings.legal(call.floor, coin, 2_000.0 / call.venue.venue.mark(coin, call.floor.advance()))
    call.floor.trade_by_hand(call.account, coin, size)


def _drop_agents(call: Call) -> None:
    for address, agent in call.floor.agents.items():
        if agent.account == call.account:
            call.floor.drop_agent(address)


def _settle(call: Call) -> None:
    coin = call.coin()
    call.floor.settle(coin, call.venue.venue.mark(coin, call.floor.advance()))


def _partial(call: Call) -> None:
    for each in call.venue.venue.coins:
        call.floor.partial_next(each.coin, call.number(0.4))


def _renamed(call: Call) -> Fault:
    """Let a coin have another name in an answer."""
    coin = call.coin()
    return lambda honest: (honest[0], honest[1], honest[2].replace(f'"{coin}"'.encode(), f'"k{coin}"'.encode()))


def _skewed(call: Call) -> Fault:
    """Let an answer's time lie so many seconds beside the venue's."""
    return partial(_with_time, ahead_ms=round(call.number(30) * 1_000))


def _with_time(honest: Answer, *, ahead_ms: int) -> Sent:
    told = json.loads(honest[2]) if honest[0] == _OK else None
    if isinstance(told, dict) and isinstance(told.get("time"), int):
        told["time"] += ahead_ms
        return honest[0], honest[1], json.dumps(told).encode()
    return honest


def _spoiled(kind: str) -> Callable[[Call], Fault]:
    return lambda call: lambda honest: nansen_faults.spoiled(kind, honest, call.dice)


KINDS: Final[Mapping[str, Kind]] = {
    "lost": Kind("the connection closes, nothing was done", _ALL, _answer("lost")),
    "slow": Kind("the answer takes VALUE seconds (5)", _ALL, _slow, (0, 180)),
    "429": Kind("429 null", _ALL, _answer("429")),
    "500": Kind("500 null", _ALL, _answer("500")),
    "502": Kind("502 with a page of HTML", _ALL, _answer("502")),
    "html": Kind("200 with a page of HTML", _ALL, _answer("html")),
    "null": Kind("200 null", _ALL, _answer("null")),
    "truncated": Kind("the answer breaks off", _ALL, _answer("truncated")),
    "stale": Kind("an answer of before", _READS, _answer("stale")),
    "applied": Kind("it is done, then the connection closes", _EXCHANGE, _answer("applied")),
    "late": Kind("it lands VALUE seconds later (30), the answer is lost", _EXCHANGE, _late, (1, 180)),
    "refused": Kind("refused, the outer answer is ok at times", _EXCHANGE, _answer("refused")),
    "empty": Kind("nothing is held, rests, was filled or is known", _INFO, _answer("empty")),
    "unknown-status": Kind("an order in a state nobody has heard of", _INFO, _answer("status")),
    "renamed": Kind("coin VALUE has another name", _INFO, _renamed, takes_coin=True),
    "skew": Kind("its time is VALUE seconds ahead (30)", _INFO, _skewed, (-259_200, 259_200)),
    "partial": Kind(
        "the next order of a coin finds share VALUE (0.4)",
        _OURS,
        _happens(_partial),
        (0, 1),
    ),
    "stop-refused": Kind("the next stop is refused", _OURS, _happens(lambda call: happenings.refuse_stop(call.floor))),
    "order-refused": Kind(
        "the next order is refused", _OURS, _happens(lambda call: happenings.refuse_order(call.floor))
    ),
    "hidden": Kind(
        "the next order is unknown to VALUE queries (3)",
        _OURS,
        _happens(lambda call: call.floor.hide_next_order(int(call.number(3)))),
        (1, 100),
    ),
    "gap": Kind(
        "the price of a position jumps VALUE % against it (7)",
        _OURS,
        _happens(lambda call: happenings.jump(call.floor, call.account, call.part, -call.number(7))),
        (0, 99),
    ),
    "liquidation": Kind(
        "the price jumps VALUE % past its liquidation (38)",
        _OURS,
        _happens(lambda call: happenings.jump(call.floor, call.account, call.part, -call.number(38))),
        (0, 99),
    ),
    "budget": Kind(
        "VALUE actions are left to the account (0)",
        _OURS,
        _happens(lambda call: call.floor.leave_requests(call.account, int(call.number(0)))),
        (0, 1_000_000),
    ),
    "post-only": Kind(
        "only resting orders are taken for VALUE minutes (5)",
        _OURS,
        _happens(lambda call: call.floor.post_only_until(call.floor.advance() + int(call.number(5) * _MINUTE_MS))),
        (0, 1_440),
    ),
    "agent-expired": Kind("the account's agents are dropped", _OURS, _happens(_drop_agents)),
    "capped": Kind(
        "the open interest of coin VALUE is capped",
        _OURS,
        _happens(lambda call: call.floor.cap_open_interest(call.coin())),
        takes_coin=True,
    ),
    "delisted": Kind(
        "coin VALUE is delisted", _OURS, _happens(lambda call: call.floor.delist(call.coin())), takes_coin=True
    ),
    "settled": Kind(
        "coin VALUE is delisted and its positions settled",
        _OURS,
        _happens(_settle),
        takes_coin=True,
    ),
    "empty-book": Kind(
        "the book of coin VALUE is empty",
        _OURS,
        _happens(lambda call: call.venue.venue.set_depth(call.coin(), 0.0)),
        takes_coin=True,
    ),
    "reordered": Kind("coins have other numbers", _OURS, _happens(lambda call: call.floor.reorder())),
    "adl": Kind("a position is deleveraged, or half of it", _OURS, _hand(happenings.deleverage)),
    "hand-close": Kind("somebody closes a position", _OURS, _hand(happenings.hand_close)),
    "hand-turn": Kind("somebody turns a position round", _OURS, _hand(happenings.hand_turn)),
    "hand-reduce": Kind("somebody takes a part of a position", _OURS, _hand(happenings.hand_reduce)),
    "hand-cancel": Kind("somebody cancels a stop", _OURS, _hand(happenings.cancel_stop)),
    "hand-open": Kind("somebody opens coin VALUE", _OURS, _happens(_hand_open), takes_coin=True),
    **{name: Kind(meaning, _NANSEN, _spoiled(name)) for name, meaning in nansen_faults.KINDS.items()},
}
