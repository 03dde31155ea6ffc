"""What people, the venue and this machine do to a drill, beside what happens to single requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.drill.world import PRICES, TRADERS
from hlcopy.simulator import happenings
from hlcopy.simulator.happenings import chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hlcopy.drill.stage import Stage

MINUTE_MS: Final = 60_000
_BARRED_MS: Final = 330_000  # whom the venue refused asks again after five minutes
_DEEP_USD: Final = 3_000_000.0
_FEW: Final = 3
_PLENTY: Final = 9_000
_HALF: Final = 0.5
_RARELY: Final = 0.95


def happen(stage: Stage, what: str, part: float) -> bool:
    """Let something happen; return whether there was anything that it could happen to."""
    with stage.floor.lock:
        stage.floor.advance()
        return EVENTS[what](stage, part)


def _hand_close(stage: Stage, part: float) -> bool:
    return happenings.hand_close(stage.floor, stage.account, part)


def _hand_reduce(stage: Stage, part: float) -> bool:
    return happenings.hand_reduce(stage.floor, stage.account, part)


def _hand_open(stage: Stage, part: float) -> bool:
    """Open a coin that nobody is just about to open: two who do it at the same moment can't know of each other."""
    held = stage.floor.accounts[stage.account].positions
    free = [coin for coin in PRICES if coin not in held]
    if not free or stage.is_working or stage.oracle.has_pending():
        return False
    coin, rest = chosen(free, part)
    size = happenings.legal(stage.floor, coin, 2_000.0 / stage.mark(coin) * (1 if rest < _HALF else -1))
    stage.floor.trade_by_hand(stage.account, coin, size)
    stage.later(20 * MINUTE_MS, lambda: _hand_leave(stage, coin))
    return True


def _hand_turn(stage: Stage, part: float) -> bool:
    coin = happenings.hand_turn(stage.floor, stage.account, part)
    if coin:
        stage.later(20 * MINUTE_MS, lambda: _hand_leave(stage, coin))
    return bool(coin)


def _hand_leave(stage: Stage, coin: str) -> None:
    size = stage.floor.accounts[stage.account].held(coin)
    if size and not stage.is_ending and stage.oracle.is_foreign(coin):
        stage.floor.trade_by_hand(stage.account, coin, -size, reduce_only=True)


def _stop_cancelled(stage: Stage, part: float) -> bool:
    return happenings.cancel_stop(stage.floor, stage.account, part)


def _deleverage(stage: Stage, part: float) -> bool:
    return happenings.deleverage(stage.floor, stage.account, part)


def _gap(stage: Stage, part: float) -> bool:
    """Let a price jump beyond where a stop of ours lies, at times beyond what the stop accepts."""
    return happenings.jump(stage.floor, stage.account, part, -(6.0 + 12.0 * (part * 7 % 1)))


def _liquidation(stage: Stage, part: float) -> bool:
    """Let a price jump so far that no stop fills, and the venue takes the position."""
    return happenings.jump(stage.floor, stage.account, part, -38.0)


def _rise(stage: Stage, part: float) -> bool:
    """Let a price run our way, through a profit tier or several."""
    return happenings.jump(stage.floor, stage.account, part, 4.0 + 20.0 * (part * 7 % 1))


def _partial(stage: Stage, part: float) -> bool:
    return happenings.partial(stage.floor, list(PRICES), part)


def _stop_refused(stage: Stage, part: float) -> bool:  # noqa: ARG001 - all events have the same shape
    return happenings.refuse_stop(stage.floor)


def _order_refused(stage: Stage, part: float) -> bool:  # noqa: ARG001 - all events have the same shape
    return happenings.refuse_order(stage.floor)


def _hidden(stage: Stage, part: float) -> bool:
    stage.floor.hide_next_order(1 + int(part * 4))
    return True


def _empty_book(stage: Stage, part: float) -> bool:
    coin, rest = chosen(list(PRICES), part)
    stage.world.venue.set_depth(coin, 0.0)
    stage.spoil(coin)
    stage.later(int((1 + rest * 5) * MINUTE_MS), lambda: _refill(stage, coin))
    return True


def _refill(stage: Stage, coin: str) -> None:
    stage.world.venue.set_depth(coin, _DEEP_USD)
    stage.heal(coin)


def _post_only(stage: Stage, part: float) -> bool:
    length = int((1 + part * 4) * MINUTE_MS)
    stage.floor.post_only_until(stage.clock.now_ms() + length)
    stage.spoil("")
    stage.later(length, lambda: stage.heal(""))
    return True


def _no_budget(stage: Stage, part: float) -> bool:
    stage.floor.leave_requests(stage.account, int(part * _FEW))
    stage.spoil("")
    stage.later(int((1 + part * 9) * MINUTE_MS), lambda: _budget(stage))
    return True


def _budget(stage: Stage) -> None:
    stage.floor.leave_requests(stage.account, _PLENTY)
    stage.heal("")


def _agent_gone(stage: Stage, part: float) -> bool:
    stage.floor.drop_agent(stage.agent)
    stage.spoil("")
    stage.later(int((1 + part * 9) * MINUTE_MS), lambda: _agent_back(stage))
    return True


def _agent_back(stage: Stage) -> None:
    stage.floor.approve(stage.agent, stage.account, name="drill")
    stage.later(_BARRED_MS, lambda: stage.heal(""))


def _capped(stage: Stage, part: float) -> bool:
    coin, rest = chosen(list(PRICES), part)
    stage.floor.cap_open_interest(coin)
    stage.later(int((1 + rest * 9) * MINUTE_MS), lambda: stage.floor.cap_open_interest(coin, capped=False))
    return True


def _outage(stage: Stage, part: float) -> bool:
    stage.down_until_ms = max(stage.down_until_ms, stage.clock.now_ms() + int((0.5 + part * 7) * MINUTE_MS))
    return True


def _asleep(stage: Stage, part: float) -> bool:
    """Let this machine be off, for minutes or, rarely, for days."""
    stage.fall_asleep(int((3 + part * 40) * MINUTE_MS), days=part > _RARELY)
    return True


def _skew(stage: Stage, part: float) -> bool:
    stage.skew_ms = int((part - 0.5) * 3_600)
    return True


def _transfer(stage: Stage, part: float) -> bool:
    usd = round(part * 4_000 + 500, 2)
    (stage.floor.deposit if int(part * 1_000) % 2 else stage.floor.withdraw)(stage.account, usd)
    return True


def _trader_liquidated(stage: Stage, part: float) -> bool:
    address, _ = chosen(TRADERS, part)
    return stage.world.liquidate(address, stage.clock.now_ms())


EVENTS: Final[Mapping[str, Callable[[Stage, float], bool]]] = {
    "hand closes": _hand_close,
    "hand reduces": _hand_reduce,
    "hand opens": _hand_open,
    "hand turns": _hand_turn,
    "hand cancels stop": _stop_cancelled,
    "deleveraged": _deleverage,
    "gap": _gap,
    "liquidation": _liquidation,
    "run": _rise,
    "partial fill": _partial,
    "stop refused": _stop_refused,
    "order refused": _order_refused,
    "order hidden": _hidden,
    "empty book": _empty_book,
    "post-only": _post_only,
    "budget spent": _no_budget,
    "agent gone": _agent_gone,
    "interest capped": _capped,
    "outage": _outage,
    "machine off": _asleep,
    "clock skew": _skew,
    "transfer": _transfer,
    "trader liquidated": _trader_liquidated,
}
"""What happens beside requests, by name."""
