"""Bugs to be planted, one after the other: what a drill is worth shows in whether it catches them."""

from __future__ import annotations

import math
import random
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast
from unittest.mock import patch

from hlcopy.domain import gates, margin, orders
from hlcopy.domain.book import IntentState, Purpose
from hlcopy.ports import UNKNOWN, Account, Marks
from hlcopy.ticks import stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from hlcopy.domain.book import Order
    from hlcopy.domain.policy import Policy
    from hlcopy.domain.safety import Conditions
    from hlcopy.ports import Desk, Exchange, Ledger, Market, Outcome, UnknownType


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """A bug by name: what it makes of a desk, of what signs, of the rules' numbers, and of functions of the program."""

    name: str
    desk: Callable[[Desk], Desk] = lambda desk: desk
    signer: Callable[[Any], Any] = lambda signer: signer
    policy: Callable[[Policy], Policy] = lambda policy: policy
    patches: tuple[tuple[Any, str, Any], ...] = ()
    locks: bool = True
    reads_as_agent: bool = False

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Let the functions of the program be those of the bug while the block runs."""
        with ExitStack() as stack:
            for owner, name, other in self.patches:
                stack.enter_context(patch.object(owner, name, other))
            yield


class _Around:
    """Something of the program with a part of it replaced."""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401 - whatever is wrapped
        self._inner = inner

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever is wrapped has it
        return getattr(self._inner, name)


def _exchange(make: Callable[[Any, Desk], Any]) -> Callable[[Desk], Desk]:
    return lambda desk: replace(desk, exchange=cast("Exchange", make(desk.exchange, desk)))


# What is written down


class _Unwritten(_Around):
    """A book that an order is written into only once its answer is known."""

    def put_order(self, order: Order) -> None:
        if order.state is not IntentState.PENDING:
            self._inner.put_order(order)


class _Careless(_Around):
    """A ledger that keeps no intents."""

    @property
    def book(self) -> Any:  # noqa: ANN401 - see above
        return _Unwritten(self._inner.book)


class _Piecemeal(_Around):
    """A ledger whose transactions hold nothing together."""

    def transaction(self) -> Any:  # noqa: ANN401 - see above
        return nullcontext()


# What is sent and believed


class _Resending(_Around):
    def send(self, order: Order, now: datetime) -> Outcome:
        outcome: Outcome = self._inner.send(order, now)
        return self._inner.send(order, now) if outcome is UNKNOWN else outcome


class _Flat(_Around):
    """An exchange that takes a reading which failed for one that shows nothing."""

    def account(self, now: datetime) -> Account | UnknownType:
        found: Account | UnknownType = self._inner.account(now)
        if found is not UNKNOWN:
            return found
        return Account(equity=100_000.0, positions={}, stops=(), read_at=now)


class _Hasty(_Around):
    """An exchange that takes the old stop away before it places the new one."""

    def __init__(self, inner: Any, desk: Desk) -> None:  # noqa: ANN401 - see above
        super().__init__(inner)
        self._desk = desk

    def send(self, order: Order, now: datetime) -> Outcome:
        if order.purpose is Purpose.STOP:
            for other in self._desk.ledger.book.orders(order.signal_id, purpose=Purpose.STOP):
                if other.state is IntentState.RESTING:
                    self._inner.cancel(other, now)
        return cast("Outcome", self._inner.send(order, now))


class _Asked(_Hasty):
    """An exchange that places stops for what was asked, not for what filled."""

    def send(self, order: Order, now: datetime) -> Outcome:
        if order.purpose is Purpose.STOP:
            entry = next(iter(self._desk.ledger.book.orders(order.signal_id, purpose=Purpose.ENTRY)), None)
            order = order if entry is None else replace(order, size=entry.size)
        return cast("Outcome", self._inner.send(order, now))


class _Endless(_Around):
    def order(self, order: Order, listings: Any, nonces: Any, expires_ms: int) -> object:  # noqa: ANN401 - see above
        return self._inner.order(order, listings, nonces, expires_ms + 10**11)


class _Trusting(_Around):
    """A signer whose answers are good when they look good from outside."""

    def order(self, order: Order, listings: Any, nonces: Any, expires_ms: int) -> object:  # noqa: ANN401 - see above
        answer = self._inner.order(order, listings, nonces, expires_ms)
        match answer:
            case {"status": "ok"}:
                filled = {"totalSz": str(order.size), "avgPx": str(order.limit_price), "oid": 1}
                status = {"resting": {"oid": 1}} if order.trigger_price is not None else {"filled": filled}
                return {"status": "ok", "response": {"type": "order", "data": {"statuses": [status]}}}
        return answer


class _Unbound(_Around):
    def order(self, order: Order, listings: Any, nonces: Any, expires_ms: int) -> object:  # noqa: ANN401 - see above
        return self._inner.order(replace(order, reduce_only=False), listings, nonces, expires_ms)


class _Armed(_Around):
    def order(self, order: Order, listings: Any, nonces: Any, expires_ms: int) -> object:  # noqa: ANN401 - see above
        self._inner.arm(listings, nonces, expires_ms)
        return self._inner.order(order, listings, nonces, expires_ms)


# What is read


class _Blank(_Around):
    """A market that says NaN where it knows nothing, and of every third price."""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401 - see above
        super().__init__(inner)
        self._asked = 0

    def marks(self, coin: str, since: datetime, now: datetime) -> Marks | UnknownType | None:
        found: Marks | UnknownType | None = self._inner.marks(coin, since, now)
        self._asked += 1
        return Marks(math.nan, math.nan, math.nan, now) if found is UNKNOWN or self._asked % 3 == 2 else found  # noqa: PLR2004

    def conditions(self, coin: str, now: datetime) -> Conditions | UnknownType | None:
        found: Conditions | UnknownType | None = self._inner.conditions(coin, now)
        return None if found is UNKNOWN else found


def _confirm_anything(facts: gates.Facts, policy: Policy) -> Any:  # noqa: ANN401 - the gate's own
    """Confirm as a gate does that asks what is too much: NaN never is."""
    if facts.mark is None or not math.isnan(facts.mark):
        return _CONFIRM(facts, policy)
    approved = _CONFIRM(replace(facts, mark=facts.effect.price), policy)
    return replace(approved, slippage_pct=math.nan) if isinstance(approved, gates.Approval) else approved


_CONFIRM: Final = gates.confirm


def _random_id(purpose: Purpose, signal_id: str, leg: str, attempt: int) -> str:  # noqa: ARG001 - the rule's own
    return f"0x{random.getrandbits(128):032x}"


def _wide(policy: Policy) -> Policy:
    return replace(policy, exit=replace(policy.exit, stop_loss_percent=30.0, trailing_stop_percent=30.0))


def _impatient(policy: Policy) -> Policy:
    return replace(policy, execution=replace(policy.execution, absence_patience=timedelta(0)))


BUGS: Final[Sequence[Bug]] = (
    Bug(name="no lock", desk=lambda desk: replace(desk, account_lock=nullcontext), locks=False),
    Bug(name="no write-ahead", desk=lambda desk: replace(desk, ledger=cast("Ledger", _Careless(desk.ledger)))),
    Bug(name="no expiry", signer=_Endless),
    Bug(name="resend on timeout", desk=_exchange(lambda inner, _desk: _Resending(inner))),
    Bug(name="trust the outer ok", signer=_Trusting),
    Bug(name="empty means flat", desk=_exchange(lambda inner, _desk: _Flat(inner)), policy=_impatient),
    Bug(name="cancel before place", desk=_exchange(_Hasty)),
    Bug(name="stop sized from the request", desk=_exchange(_Asked)),
    Bug(name="exit not reduce-only", signer=_Unbound),
    Bug(name="seen before claimed", desk=lambda desk: replace(desk, ledger=cast("Ledger", _Piecemeal(desk.ledger)))),
    Bug(
        name="NaN through a gate",
        desk=lambda desk: replace(desk, reference=cast("Market", _Blank(desk.market))),
        patches=((gates, "confirm", _confirm_anything),),
    ),
    Bug(name="agent address in reads", reads_as_agent=True),
    Bug(name="random client ids", patches=((orders, "client_order_id", _random_id),)),
    Bug(name="scheduleCancel armed", signer=_Armed),
    Bug(
        name="stop past liquidation",
        policy=_wide,
        patches=(
            (margin, "wanted_leverage", lambda *_args, **_kwargs: 5),
            (margin, "safe_leverage", lambda wanted, *_: wanted),
            (stop, "_is_past_liquidation", lambda *_: False),
        ),
    ),
)
