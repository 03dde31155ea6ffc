"""What `verify` proves of our positions and their stops."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.domain.book import IntentState, PositionStatus, Purpose
from hlcopy.errors import TryLaterError
from hlcopy.ports import UNKNOWN, Account, RestingOrder, RestingStop
from hlcopy.ticks import monitor, poll, verify
from tests.builders import T0, action, at, fill, order, paper_order, paper_position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from hlcopy.domain.book import Position
    from hlcopy.ports import Desk, UnknownType
    from hlcopy.ticks.verify import Verdict
    from tests.ticks.conftest import Scene


@dataclass(slots=True)
class Altered:
    """A venue whose account is shown as a test has it."""

    exchange: Any
    alter: Callable[[Account], Account | UnknownType] = field(default=lambda account: account)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - stands in for the port
        return getattr(self.exchange, name)

    def account(self, now: datetime) -> Account | UnknownType:
        account = self.exchange.account(now)
        return account if account is UNKNOWN else self.alter(account)


def entered(scene: Scene) -> Desk:
    desk = scene.desk()
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    return desk


def seen(desk: Desk, alter: Callable[[Account], Account | UnknownType], minutes: float = 16) -> Verdict:
    exchange: Any = Altered(desk.exchange, alter)
    return verify.run(replace(desk, exchange=exchange), at(minutes))


def codes(verdict: Verdict) -> list[str]:
    return [problem.code for problem in verdict.problems]


def only(scene: Scene) -> Position:
    (position,) = scene.ledger.book.positions()
    return position


def stops(**changes: object) -> Callable[[Account], Account]:
    """Return an account whose every stop is changed."""
    return lambda account: replace(account, stops=tuple(replace(each, **changes) for each in account.stops))  # type: ignore[arg-type]


def held(**changes: object) -> Callable[[Account], Account]:
    """Return an account whose position in BTC is changed."""

    def alter(account: Account) -> Account:
        changed = replace(account.positions["BTC"], **changes)  # type: ignore[arg-type]
        return replace(account, positions={**account.positions, "BTC": changed})

    return alter


def test_nothing_open_is_nothing_wrong(scene: Scene) -> None:
    verdict = verify.run(scene.desk(), T0)
    assert verdict.ok
    assert (verdict.positions, verdict.notes, verdict.naked.spans) == ((), (), 0)


def test_a_guarded_position_is_proved_without_changing_anything(scene: Scene) -> None:
    desk = entered(scene)
    before = (scene.ledger.book.orders(), scene.ledger.book.actions(), scene.ledger.book.positions())
    for _ in range(2):
        verdict = verify.run(desk, at(16))
        assert verdict.ok
        (guarded,) = verdict.positions
        assert guarded.held is not None
        assert guarded.held.size == guarded.position.size
        assert [stop.size for stop in guarded.stops] == [guarded.position.size]
    assert before == (scene.ledger.book.orders(), scene.ledger.book.actions(), scene.ledger.book.positions())


@pytest.mark.parametrize(
    ("case", "alter", "expected"),
    [
        ("no stop", lambda account: replace(account, stops=()), ["NO_STOP"]),
        ("two stops", lambda account: replace(account, stops=account.stops * 2), ["SEVERAL_STOPS"]),
        ("a stop that could open", stops(reduce_only=False), ["STOP_NOT_REDUCE_ONLY"]),
        ("a stop of the wrong side", stops(is_buy=True), ["STOP_WRONG_SIDE"]),
        ("a stop that leaves a rest", stops(size=0.01), ["STOP_TOO_SMALL"]),
        ("a stop that is too large", stops(size=9.0), ["STOP_TOO_LARGE"]),
        ("a stop too far away", stops(trigger_price=50_000.0), ["STOP_TOO_FAR"]),
        ("a stop nowhere", stops(trigger_price=float("nan")), ["STOP_TOO_FAR"]),
        ("liquidated before its stop", held(liquidation_price=58_000.0), ["STOP_PAST_LIQUIDATION"]),
        ("never liquidated", held(liquidation_price=None), []),
        ("in cross margin", held(isolated=False), ["NOT_ISOLATED"]),
        ("on the other side", held(size=-0.1), ["OTHER_SIDE", "STOP_WRONG_SIDE", "STOP_TOO_LARGE"]),
        ("smaller at the venue", held(size=0.05), ["SIZE_DIFFERS", "STOP_TOO_LARGE"]),
        ("larger at the venue", held(size=2.0), ["SIZE_DIFFERS", "STOP_TOO_SMALL"]),
        ("gone", lambda account: replace(account, positions={}), ["NOT_AT_VENUE"]),
    ],
)
def test_what_is_wrong_is_named(
    scene: Scene, case: str, alter: Callable[[Account], Account], expected: list[str]
) -> None:
    desk = entered(scene)
    verdict = seen(desk, alter)
    assert codes(verdict) == expected, case
    assert all(problem.item == "BTC" for problem in verdict.problems)
    assert verdict.ok == (not expected)


def test_a_short_is_proved_by_the_same_rules(scene: Scene) -> None:
    scene.source.given.clear()
    scene.source.add(fill(price=60_000.0, size=1.0, is_buy=False, time=T0, tid=1))
    desk = entered(scene)
    assert verify.run(desk, at(16)).ok
    assert codes(seen(desk, stops(is_buy=False))) == ["STOP_WRONG_SIDE"]
    assert codes(seen(desk, stops(trigger_price=70_000.0))) == ["STOP_TOO_FAR"]
    assert codes(seen(desk, held(liquidation_price=61_000.0))) == ["STOP_PAST_LIQUIDATION"]


def test_what_is_ours_without_a_position_is_an_orphan(scene: Scene) -> None:
    scene.ledger.book.put_order(order(client_order_id="0xours", purpose=Purpose.STOP, state=IntentState.RESTING))
    stop = RestingStop("BTC", is_buy=False, size=1.0, trigger_price=9.0, reduce_only=True, client_order_id="0xours")
    resting = RestingOrder("ETH", is_buy=True, size=1.0, price=9.0, reduce_only=False, client_order_id="0xours")
    verdict = seen(scene.desk(), lambda account: replace(account, stops=(stop,), orders=(resting,)))
    assert [(problem.code, problem.item) for problem in verdict.problems] == [
        ("ORPHAN_STOP", "BTC"),
        ("ORPHAN_ORDER", "ETH"),
    ]


def test_what_others_have_is_noted_and_no_failure(scene: Scene) -> None:
    desk = entered(scene)
    scene.market.set("SOL", at(-60), 150.0)
    scene.ledger.paper.put_position(paper_position(coin="SOL", size=-2.0, entry_price=150.0, opened_at=at(2)))
    stop = RestingStop("BTC", is_buy=False, size=1.0, trigger_price=9.0, reduce_only=True, client_order_id=None)
    resting = RestingOrder("ETH", is_buy=True, size=1.0, price=9.0, reduce_only=False, client_order_id="0xtheirs")
    verdict = seen(desk, lambda account: replace(account, stops=(*account.stops, stop), orders=(resting,)))
    assert verdict.ok
    assert verdict.notes == (
        "SOL: a position of -2 that isn't ours is open; left alone",
        "BTC: an order that isn't ours rests; left alone",
        "ETH: an order that isn't ours rests; left alone",
    )


def test_an_order_whose_answer_isn_t_known_is_named(scene: Scene) -> None:
    scene.ledger.book.put_order(order(coin="SOL"))
    verdict = verify.run(scene.desk(), at(1))
    assert [(problem.code, problem.item) for problem in verdict.problems] == [("UNRESOLVED", "SOL")]
    assert "entry order of 00:00:00 UTC" in verdict.problems[0].message


def test_a_claimed_entry_is_no_position_yet(scene: Scene) -> None:
    desk = entered(scene)
    scene.ledger.book.put_position(replace(only(scene), status=PositionStatus.OPENING))
    assert verify.run(desk, at(16)).positions == ()


def test_fixing_places_a_missing_stop_and_proves_it(scene: Scene) -> None:
    desk = entered(scene)
    (resting,) = scene.ledger.paper.orders(IntentState.RESTING)
    scene.ledger.paper.put_order(replace(resting, state=IntentState.CANCELLED))
    assert codes(verify.run(desk, at(16))) == ["NO_STOP"]
    fixed = verify.run(desk, at(17), fix=True)
    assert fixed.ok
    assert [problem.code for problem in fixed.repaired] == ["NO_STOP"]
    again = verify.run(desk, at(18), fix=True)
    assert again.ok
    assert again.repaired == ()


def test_fixing_cancels_orphans_and_settles_orders(scene: Scene) -> None:
    desk = scene.desk()
    scene.market.set("ETH", at(-60), 2_000.0)
    stop = order(
        client_order_id="0xours", purpose=Purpose.STOP, state=IntentState.RESTING, is_buy=False, expires_at=at(1)
    )
    scene.ledger.book.put_order(stop)
    scene.ledger.book.put_order(replace(stop, client_order_id="0xlost", state=IntentState.PENDING))
    scene.ledger.paper.put_order(paper_order(client_order_id="0xours"))
    verdict = verify.run(desk, at(2), fix=True)
    assert verdict.ok
    assert sorted(problem.code for problem in verdict.repaired) == ["ORPHAN_STOP", "UNRESOLVED"]


def test_what_can_t_be_fixed_stays_wrong(scene: Scene) -> None:
    desk = entered(scene)
    exchange: Any = Altered(desk.exchange, lambda account: replace(account, stops=()))
    verdict = verify.run(replace(desk, exchange=exchange), at(16), fix=True)
    assert codes(verdict) == ["NO_STOP", "UNRESOLVED"]  # nor is the stop seen that was sent
    assert verdict.repaired == ()


@pytest.mark.parametrize("fix", [False, True])
def test_an_account_that_can_t_be_read_proves_nothing(scene: Scene, *, fix: bool) -> None:
    desk = entered(scene)
    scene.market.dark = True
    with pytest.raises(TryLaterError, match="our account can't be read"):
        verify.run(desk, at(16), fix=fix)


def test_naked_time_is_told_from_the_log(scene: Scene) -> None:
    desk = entered(scene)
    position = only(scene)
    number = position.id or 0
    for name, minutes in (("stop_missing", 16), ("stop_restored", 16.5)):
        scene.ledger.book.log_action(action(position_id=number, action=name, at=at(minutes)))
    found = verify.run(desk, at(17)).naked
    assert (found.spans, found.total_s, found.longest_s, found.lasting) == (2, 30.0, 30.0, ())
    scene.ledger.book.log_action(action(position_id=number, action="stop_missing", at=at(17)))
    found = verify.run(desk, at(18)).naked
    assert (found.total_s, len(found.lasting)) == (90.0, 1)


def test_it_waits_for_whoever_trades_on_the_account(scene: Scene) -> None:
    held_now: list[str] = []

    @contextmanager
    def lock() -> Iterator[None]:
        held_now.append("taken")
        yield

    verify.run(replace(entered(scene), account_lock=lock), at(16))
    assert held_now == ["taken"]


def test_a_trailed_stop_is_proved_as_well(scene: Scene) -> None:
    desk = entered(scene)
    scene.market.set("BTC", at(30), 64_000.0)
    monitor.run(desk, at(31))
    assert verify.run(desk, at(32)).ok
