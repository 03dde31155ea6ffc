"""What an operator does by hand."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.domain.book import ExitReason, IntentState, PositionStatus
from hlcopy.domain.breakers import EquitySample
from hlcopy.domain.policy import LimitsPolicy, Policy, SizingPolicy
from hlcopy.errors import BadInputError, TryLaterError
from hlcopy.ports import UNKNOWN, Halt
from hlcopy.ticks import monitor, operate, poll
from tests.builders import OTHER_TRADER, T0, at, fill, paper_position, poll_mark, position, trader
from tests.fakes import Executioner, Killed
from tests.ticks.conftest import stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlcopy.domain.book import Position
    from hlcopy.ports import Desk
    from tests.ticks.conftest import Scene


def entered(scene: Scene) -> Desk:
    """Return a desk with a long in BTC, copied from one trader, and a short in ETH from another."""
    scene.market.set("ETH", at(-60), 2_000.0)
    scene.source.equity[OTHER_TRADER] = 400_000.0
    scene.ledger.traders.put([trader(address=OTHER_TRADER, account_value=400_000.0, roi_7d=15.0)])
    mark = poll_mark(followed_from=at(-60), read_until=at(-60), polled_at=at(-60))
    scene.ledger.traders.put_mark(OTHER_TRADER, mark)
    scene.source.add(
        fill(trader=OTHER_TRADER, coin="ETH", is_buy=False, price=2_000.0, size=30.0, time=T0, tid=2, oid=2)
    )
    desk = scene.desk()
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    assert sorted(each.coin for each in scene.ledger.book.positions()) == ["BTC", "ETH"]
    return desk


def of(scene: Scene, coin: str) -> Position:
    return next(each for each in scene.ledger.book.positions(live_only=False) if each.coin == coin)


def venue_coins(desk: Desk, minutes: float) -> set[str]:
    account = desk.exchange.account(at(minutes))
    assert account is not UNKNOWN
    return {*account.positions, *(stop.coin for stop in account.stops)}


class Deaf:
    """A venue that can't be read any more once an order to leave was sent, or from the beginning."""

    def __init__(self, exchange: object, *, after: int) -> None:
        self.exchange = exchange
        self.left = after

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - stands in for the port
        return getattr(self.exchange, name)

    def account(self, now: object) -> Any:  # noqa: ANN401 - the port's answer
        self.left -= 1
        return UNKNOWN if self.left < 0 else self.exchange.account(now)  # type: ignore[attr-defined]


def test_a_halt_stands_from_its_first_time_and_reason_on(scene: Scene) -> None:
    first = operate.halt(scene.ledger.controls, "news", T0)
    assert operate.halt(scene.ledger.controls, "other news", at(5)) == first == Halt(T0, "news")
    assert scene.ledger.controls.halt() == first


@pytest.mark.parametrize("by", ["id", "#id", "coin", "coin in small letters"])
def test_a_position_is_closed_by_its_id_or_coin_and_no_other(scene: Scene, by: str) -> None:
    desk = entered(scene)
    btc = of(scene, "BTC")
    target = {"id": str(btc.id), "#id": f"#{btc.id}", "coin": "BTC", "coin in small letters": "btc"}[by]
    report = operate.close(desk, target, at(16))
    assert report.ok
    assert report.counts == {"closed": 1, "left": 0}
    assert of(scene, "BTC").status is PositionStatus.CLOSED
    assert of(scene, "BTC").close_reason is ExitReason.MANUAL
    assert of(scene, "ETH").status is PositionStatus.OPEN
    assert [(done.action, done.reason) for done in report.actions] == [("closed", ExitReason.MANUAL)]
    assert [view.position.coin for view in report.positions] == ["ETH"]
    assert venue_coins(desk, 17) == {"ETH"}


@pytest.mark.parametrize("by", ["id", "coin"])
def test_closing_what_is_closed_is_success_and_says_how_it_ended(scene: Scene, by: str) -> None:
    desk = entered(scene)
    target = str(of(scene, "BTC").id) if by == "id" else "BTC"
    operate.close(desk, target, at(16))
    orders = scene.ledger.book.orders()
    again = operate.close(desk, target, at(17))
    assert again.ok
    assert again.actions == ()
    eth = of(scene, "ETH")
    assert again.notes == (
        f"#{of(scene, 'BTC').id} BTC Long is closed already: MANUAL, 2026-03-01 00:16 UTC. Open: #{eth.id} ETH Short",
    )
    assert scene.ledger.book.orders() == orders


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("99", "no position of ours has the id 99. Open: "),
        ("SOL", "nothing of ours was ever open in SOL. Open: "),
        ("-1", "nothing of ours was ever open in -1. Open: "),
    ],
)
def test_what_isn_t_ours_is_refused_with_a_list_of_what_is(scene: Scene, target: str, said: str) -> None:
    desk = entered(scene)
    with pytest.raises(BadInputError) as caught:
        operate.close(desk, target, at(16))
    assert str(caught.value).startswith(said)
    assert "BTC Long" in str(caught.value)
    assert "ETH Short" in str(caught.value)
    assert len(scene.ledger.book.positions()) == 2


def test_with_nothing_open_that_is_what_is_said(scene: Scene) -> None:
    with pytest.raises(BadInputError, match=r"in BTC\. Nothing of ours is open$"):
        operate.close(scene.desk(), "BTC", at(1))


def foreign(scene: Scene) -> None:
    """Let somebody else open SOL on the paper account."""
    scene.market.set("SOL", at(-60), 150.0)
    scene.ledger.paper.put_position(paper_position(coin="SOL", entry_price=150.0, opened_at=at(2)))


def test_what_others_opened_is_never_closed(scene: Scene) -> None:
    desk = entered(scene)
    foreign(scene)
    with pytest.raises(BadInputError, match="SOL: that position wasn't opened by hlcopy and is left alone"):
        operate.close(desk, "SOL", at(16))
    report = operate.flatten(desk, at(17))
    assert report.ok
    assert report.notes == ("SOL: open at the venue, not by us; left alone",)
    assert venue_coins(desk, 18) == {"SOL"}


def test_flatten_halts_and_closes_all_of_ours_and_may_be_repeated(scene: Scene) -> None:
    desk = entered(scene)
    report = operate.flatten(desk, at(16))
    assert report.ok
    assert report.counts == {"closed": 2, "left": 0}
    assert report.positions == ()
    assert report.halted == Halt(at(16), "flatten")
    assert {each.close_reason for each in scene.ledger.book.positions(live_only=False)} == {ExitReason.MANUAL}
    assert venue_coins(desk, 16) == set()
    orders = scene.ledger.book.orders()
    again = operate.flatten(desk, at(17))
    assert again.ok
    assert again.counts == {"closed": 0, "left": 0}
    assert again.halted == Halt(at(16), "flatten")
    assert scene.ledger.book.orders() == orders


def test_flatten_keeps_an_earlier_halt_with_its_reason(scene: Scene) -> None:
    operate.halt(scene.ledger.controls, "news", T0)
    assert operate.flatten(scene.desk(), at(1)).halted == Halt(T0, "news")


def test_what_the_venue_doesn_t_fill_stays_open_and_is_named(scene: Scene) -> None:
    desk = entered(scene)
    scene.market.halted.add("ETH")
    report = operate.flatten(desk, at(16))
    assert not report.ok
    assert [(problem.code, problem.item) for problem in report.problems] == [("STILL_OPEN", "ETH")]
    assert report.counts == {"closed": 1, "left": 1}
    assert [view.position.coin for view in report.positions] == ["ETH"]
    assert of(scene, "ETH").closing_reason is ExitReason.MANUAL
    assert venue_coins(desk, 16) == {"ETH"}  # with its stop
    scene.market.halted.clear()
    assert operate.flatten(desk, at(17)).ok
    assert of(scene, "ETH").close_reason is ExitReason.MANUAL


def test_monitor_goes_on_with_what_close_began(scene: Scene) -> None:
    desk = entered(scene)
    scene.market.halted.add("BTC")
    assert not operate.close(desk, "BTC", at(16)).ok
    scene.market.halted.clear()
    monitor.run(desk, at(17))
    assert of(scene, "BTC").close_reason is ExitReason.MANUAL


def test_one_without_trading_rules_stops_no_other(scene: Scene) -> None:
    desk = entered(scene)
    scene.market.unlisted.add("BTC")
    report = operate.flatten(desk, at(16))
    assert [(problem.item, problem.message) for problem in report.problems] == [
        ("BTC", "the venue has no trading rules for it: close it there")
    ]
    assert of(scene, "ETH").status is PositionStatus.CLOSED


def test_rules_that_can_t_be_read_now_stop_no_other_either(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = entered(scene)
    honest = operate.exits.close

    def half(desk: Desk, position: Position, *given: Any) -> None:  # noqa: ANN401 - whatever it is called with
        if position.coin == "BTC":
            message = "no rules now"
            raise TryLaterError(message)
        honest(desk, position, *given)

    monkeypatch.setattr(operate.exits, "close", half)
    report = operate.flatten(desk, at(16))
    assert [(problem.item, problem.message) for problem in report.problems] == [("BTC", "no rules now")]
    assert of(scene, "ETH").status is PositionStatus.CLOSED


def test_an_entry_that_isn_t_settled_is_tried_later_and_named_by_flatten(scene: Scene) -> None:
    desk = scene.desk()
    scene.ledger.book.put_position(position(coin="SOL", status=PositionStatus.OPENING))
    with pytest.raises(TryLaterError, match="SOL Long: its entry isn't settled yet"):
        operate.close(desk, "SOL", at(16))
    report = operate.flatten(desk, at(17))
    assert [(problem.code, problem.item) for problem in report.problems] == [("ENTRY_UNSETTLED", "SOL")]


def test_a_position_that_the_venue_doesn_t_show_is_left_to_reconcile(scene: Scene) -> None:
    desk = entered(scene)
    scene.ledger.paper.drop_position("BTC")
    report = operate.close(desk, "BTC", at(16))
    assert [(problem.code, problem.item) for problem in report.problems] == [("NOT_AT_VENUE", "BTC")]


def test_an_account_that_can_t_be_read_closes_nothing_and_halts_all_the_same(scene: Scene) -> None:
    desk = entered(scene)
    scene.market.dark = True
    before = scene.ledger.book.positions()
    for _ in range(2):
        with pytest.raises(TryLaterError, match="can't be read"):
            operate.flatten(desk, at(16))
    assert scene.ledger.book.positions() == before
    assert scene.ledger.controls.halt() == Halt(at(16), "flatten")


def test_an_account_that_can_t_be_read_after_the_orders_were_sent_says_so(scene: Scene) -> None:
    desk = entered(scene)
    exchange: Any = Deaf(desk.exchange, after=1)
    with pytest.raises(TryLaterError, match="orders to leave were sent, but what came of them can't be read now"):
        operate.flatten(replace(desk, exchange=exchange), at(16))
    assert operate.flatten(desk, at(17)).ok
    assert {each.close_reason for each in scene.ledger.book.positions(live_only=False)} == {ExitReason.MANUAL}


def test_all_of_it_happens_under_the_account_lock(scene: Scene) -> None:
    held: list[str] = []

    @contextmanager
    def lock() -> Iterator[None]:
        held.append("taken")
        yield
        held.append("released")

    desk = replace(entered(scene), account_lock=lock)
    operate.close(desk, "BTC", at(16))
    operate.flatten(desk, at(17))
    operate.outlook(desk, at(18))
    assert held == ["taken", "released"] * 3


def test_whoever_waited_for_the_lock_sends_orders_of_the_present(scene: Scene) -> None:
    class Later:
        def now(self) -> object:
            return at(18)

        def monotonic(self) -> float:
            return 0.0

        def sleep(self, seconds: float) -> None:
            """Nobody waits."""

    clock: Any = Later()
    desk = replace(entered(scene), clock=clock)
    operate.close(desk, "BTC", at(16))
    exits = [order for order in scene.ledger.book.orders() if order.leg == "exit"]
    assert [order.created_at for order in exits] == [at(18)]


def test_the_outlook_has_what_is_at_stake(scene: Scene) -> None:
    desk = entered(scene)
    foreign(scene)
    operate.halt(scene.ledger.controls, "news", at(16))
    seen = operate.outlook(desk, at(17))
    assert seen.halt == Halt(at(16), "news")
    assert seen.equity == pytest.approx(100_000.0, rel=0.01)
    assert seen.largest_order_usd == pytest.approx(seen.equity * 0.10)
    assert [view.position.coin for view in seen.positions] == ["BTC", "ETH"]
    assert seen.foreign == ("SOL",)
    assert (seen.ending, seen.staying) == ((), ())
    assert seen.has_anything_to_end
    scene.ledger.controls.resume(at(18))
    assert not operate.outlook(desk, at(19)).has_anything_to_end


def test_the_outlook_tells_which_breakers_end_and_which_stay(scene: Scene) -> None:
    scene.ledger.controls.add_equity(EquitySample(T0, 120_000.0))
    seen = operate.outlook(scene.desk(), at(1))
    assert [breaker.name for breaker in seen.ending] == ["MAX_DRAWDOWN_PERCENT"]
    assert [breaker.name for breaker in seen.staying] == ["MAX_DAILY_LOSS_PERCENT"]
    assert seen.has_anything_to_end
    with pytest.raises(TryLaterError):
        operate.outlook(_unreadable(scene), at(2))


def _unreadable(scene: Scene) -> Desk:
    desk = scene.desk()
    exchange: Any = Deaf(desk.exchange, after=0)
    return replace(desk, exchange=exchange)


@pytest.mark.parametrize(
    ("policy", "equity", "usd"),
    [
        (Policy(), 100_000.0, 10_000.0),
        (Policy(), 2_000_000.0, 50_000.0),
        (Policy(), 999.0, 0.0),
        (Policy(), 0.0, 0.0),
        (Policy(), -5.0, 0.0),
        (Policy(sizing=SizingPolicy(max_single_position_usd=250.0)), 100_000.0, 250.0),
        (Policy(limits=LimitsPolicy(max_exposure_per_token=0.05)), 100_000.0, 5_000.0),
        (Policy(limits=LimitsPolicy(max_same_side_ratio=0.02)), 100_000.0, 2_000.0),
        (Policy(limits=LimitsPolicy(max_total_exposure_ratio=0.01)), 100_000.0, 1_000.0),
        (Policy(limits=LimitsPolicy(max_total_positions=0)), 100_000.0, 0.0),
    ],
)
def test_the_largest_possible_order_is_the_smallest_of_the_caps(policy: Policy, equity: float, usd: float) -> None:
    assert operate.largest_order(policy, equity) == pytest.approx(usd)


def test_no_order_of_a_close_is_left_unresolved(scene: Scene) -> None:
    desk = entered(scene)
    operate.flatten(desk, at(16))
    assert scene.ledger.book.orders(state=IntentState.PENDING) == []


def test_a_flatten_killed_at_any_effect_and_run_again_leaves_nothing_open() -> None:
    def killed_at(effect: int | None) -> list[str]:
        scene = stage(MemoryLedger())
        entered(scene)
        executioner = Executioner(at=effect)
        with suppress(Killed):
            operate.flatten(scene.desk(executioner=executioner), at(16))
        report = operate.flatten(scene.desk(), at(17))
        assert report.ok, executioner.effects
        assert venue_coins(scene.desk(), 18) == set(), executioner.effects
        closed = scene.ledger.book.positions(live_only=False)
        assert {each.close_reason for each in closed} == {ExitReason.MANUAL}, executioner.effects
        assert scene.ledger.book.orders(state=IntentState.PENDING) == []
        return executioner.effects

    effects = killed_at(None)
    assert "after send" in effects
    for effect in range(len(effects)):
        killed_at(effect)
