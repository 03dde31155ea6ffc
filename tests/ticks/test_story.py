"""Every decision says why, and is made again to the byte from what was stored for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.store import Binding, Store
from hlcopy.domain import decision
from hlcopy.domain.conduct import Dumps
from hlcopy.domain.explain import checks, failed
from hlcopy.domain.models import DEFERRED, EXECUTE
from hlcopy.domain.policy import EntryPolicy, ExitPolicy, Gate, LimitsPolicy, Policy, SafetyPolicy, SizingPolicy
from hlcopy.domain.safety import Conditions, Surroundings
from hlcopy.errors import BadInputError
from hlcopy.ports import UNKNOWN, Halt
from hlcopy.ticks import again, poll, story
from tests.builders import T0, TRADER, at, fill, trader
from tests.ticks.conftest import Scene, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hlcopy.domain.models import Signal

MARKET = Conditions(
    mark=60_000.0,
    oracle=60_010.0,
    mid=60_000.0,
    open_interest_usd=1e9,
    day_volume_usd=2e9,
    funding_rate=0.0,
    bids=[(59_999.0, 50.0)],
    asks=[(60_001.0, 50.0)],
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "paper.db", Binding("paper", "mainnet")) as opened:
        opened.forgo_durability()
        yield opened


def _small(scene: Scene) -> None:
    scene.source.given[TRADER] = [fill(price=60_000.0, size=0.5, time=T0)]


def _closing(scene: Scene) -> None:
    scene.source.given[TRADER] = [fill(price=60_000.0, size=1.0, start_position=-1.0, time=T0)]


def _late_add(scene: Scene) -> None:
    opened = fill(price=60_000.0, size=1.0, time=at(-200), oid=7)
    scene.ledger.history.add_fills([opened])
    scene.source.given[TRADER] = [opened, fill(price=60_000.0, size=1.0, start_position=1.0, time=T0, oid=8)]


def _moved(scene: Scene) -> None:
    scene.market.set("BTC", at(14), 62_000.0)


def _reduced(scene: Scene) -> None:
    scene.source.add(fill(is_buy=False, price=60_000.0, size=0.5, start_position=1.0, time=at(5), oid=9))


def _turned(scene: Scene) -> None:
    scene.source.add(fill(is_buy=False, price=60_000.0, size=1.0, start_position=1.0, time=at(5), oid=9))


def _blacklisted(scene: Scene) -> None:
    scene.ledger.traders.blacklist(TRADER, at(days=2))


def _stale(scene: Scene) -> None:
    scene.ledger.traders.put([trader(account_value=400_000.0, last_scored_at=at(days=-3))])


def _halted(scene: Scene) -> None:
    scene.ledger.controls.put_halt(Halt(at(0), "by hand"))


def _thin(scene: Scene) -> None:
    scene.market.states["BTC"] = replace(MARKET, open_interest_usd=1e6)  # type: ignore[assignment]


def _sound(scene: Scene) -> None:
    scene.market.states["BTC"] = MARKET  # type: ignore[assignment]


def _unread(scene: Scene) -> None:
    scene.market.states["BTC"] = UNKNOWN  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("decided", "change", "policy"),
    [
        (EXECUTE, None, Policy()),
        (EXECUTE, _sound, Policy()),
        ("SKIP_SIZE_TOO_SMALL", _small, Policy()),
        ("SKIP_ACTION_TYPE", _closing, Policy()),
        ("SKIP_ADD_TOO_OLD", _late_add, Policy()),
        ("SKIP_LOW_WEIGHT", None, Policy(entry=EntryPolicy(min_position_weight=0.4))),
        ("SKIP_SLIPPAGE_EXCEEDED", _moved, Policy()),
        ("SKIP_REDUCED_AFTER_DELAY", _reduced, Policy()),
        ("SKIP_REVERSED_AFTER_DELAY", _turned, Policy()),
        ("SKIP_TRADER_BLACKLISTED", _blacklisted, Policy()),
        ("SKIP_STALE_SCORE", _stale, Policy()),
        ("SKIP_HALTED", _halted, Policy()),
        ("SKIP_NO_CONSENSUS", None, Policy(entry=EntryPolicy(require_consensus=True))),
        ("SKIP_MAX_POSITIONS", None, Policy(limits=LimitsPolicy(max_total_positions=0))),
        ("SKIP_SIZE_ZERO", None, Policy(sizing=SizingPolicy(copy_ratio=0.0001))),
        ("SKIP_TOKEN_EXPOSURE", None, Policy(limits=LimitsPolicy(max_exposure_per_token=0.0001))),
        ("SKIP_ILLIQUID", _thin, Policy()),
        (EXECUTE, _thin, Policy(safety=SafetyPolicy(off=frozenset({Gate.SIZE, Gate.FOOTPRINT})))),
        ("SKIP_LIQUIDATION_TOO_NEAR", None, Policy(exit=ExitPolicy(stop_loss_percent=70.0))),
        ("SKIP_TOO_OLD", _unread, Policy()),
    ],
)
def test_a_decision_names_the_gate_that_failed_and_is_made_again_to_the_byte(
    store: Store, decided: str, change: Callable[[Scene], None] | None, policy: Policy
) -> None:
    scene = stage(store)
    if change is not None:
        change(scene)
    desk = scene.desk(policy)
    for minutes in (1, 15, 15.5, 30):
        poll.run(desk, at(minutes))

    signal = next(each for each in store.signals.list() if each.first_fill_at == T0)
    assert signal.decision == decided
    kept = store.signals.evidence(signal.id)
    assert kept is not None
    made = decision.again(signal, kept[0])
    assert not isinstance(made, decision.Open)
    assert decision.canonical(made) == decision.canonical(signal)
    wrong = failed(kept[0])
    assert (wrong[0].code if wrong else EXECUTE) == decided


def test_a_deferred_order_is_made_again_too_and_its_later_gates_stay_unanswered(store: Store) -> None:
    poll.run(stage(store).desk(), at(1))
    (signal,) = store.signals.list()
    kept = store.signals.evidence(signal.id)
    assert kept is not None
    assert signal.decision == DEFERRED
    made = decision.again(signal, kept[0])
    assert not isinstance(made, decision.Open)
    assert decision.canonical(made) == decision.canonical(signal)
    assert checks(kept[0])[-1].holds is None


def test_a_row_that_was_tampered_with_isn_t_the_same(store: Store) -> None:
    signal = entered(store)
    store.signals.amend(replace(signal, copy_size_usd=9_999.0))
    (done,) = again.made_again(store, store.signals.list())
    assert not done.same
    assert done.differences == {"copy_size_usd": (9_999.0, 7_500.0)}


def test_what_the_venue_made_of_an_entry_is_no_other_decision(store: Store) -> None:
    signal = entered(store)
    detail = {**signal.detail, "order_error": "no liquidity"}
    store.signals.amend(replace(signal, decision="SKIP_NOT_FILLED", detail=detail))
    (done,) = again.made_again(store, store.signals.list())
    assert done.same


def test_by_other_rules_it_is_told_how_far_it_would_have_come(store: Store) -> None:
    entered(store)

    def other(policy: Policy) -> Policy:
        return replace(policy, entry=replace(policy.entry, copy_delay=timedelta(hours=1)))

    (done,) = again.made_again(store, store.signals.list(), other)
    assert not isinstance(done.made, (decision.Open, type(None)))
    assert done.made.decision == DEFERRED
    scene = stage(store)
    scene.source.given[TRADER] = [fill(coin="ETH", price=2_000.0, size=15.0, time=at(60), oid=3)]
    for minutes in (61, 90):
        poll.run(scene.desk(), at(minutes))
    low = store.signals.list(decision="SKIP_LOW_WEIGHT")
    (skipped,) = again.made_again(
        store, low, lambda policy: replace(policy, entry=replace(policy.entry, min_position_weight=0.01))
    )
    assert skipped.made is decision.Open.CONFIRMATION


def test_surroundings_read_back_as_they_were(store: Store) -> None:
    scene = stage(store)
    _sound(scene)
    poll.run(scene.desk(), at(1))
    poll.run(scene.desk(), at(15))
    (signal,) = store.signals.list()
    kept = store.signals.evidence(signal.id)
    assert kept is not None
    assert kept[0].policy == Policy()
    assert kept[0].market == Surroundings(
        trader_position_usd=60_000.0, trader_hour_usd=60_000.0, conditions=MARKET, dumps=Dumps(entries=0, cut=0)
    )


def entered(store: Store) -> Signal:
    desk = stage(store).desk()
    poll.run(desk, at(1))
    poll.run(desk, at(15))
    (signal,) = store.signals.list()
    assert signal.decision == EXECUTE
    return signal


# What a text names


def test_a_signal_is_found_by_its_beginning_a_position_an_order_and_a_coin(store: Store) -> None:
    signal = entered(store)
    (position,) = store.book.positions()
    (order, *_) = store.book.orders(signal.id)
    for named in (signal.id, signal.id[:4], f"#{position.id}", str(position.id), order.client_order_id, "btc"):
        assert [each.id for each in story.find(store, named)] == [signal.id], named


@pytest.mark.parametrize("named", ["#99", "0x" + "9" * 32, "NOPE", "ffff", ""])
def test_what_names_nothing_is_refused(store: Store, named: str) -> None:
    entered(store)
    with pytest.raises(BadInputError):
        story.find(store, named)


# The trader's own end


def test_the_trader_s_own_end_is_followed_to_flat(store: Store) -> None:
    signal = entered(store)
    leaving = (
        fill(is_buy=False, price=63_000.0, size=0.5, start_position=1.0, time=at(60)),
        fill(is_buy=False, price=66_000.0, size=0.5, start_position=0.5, time=at(90)),
    )
    store.history.add_fills(leaving[:1])
    half = story.tell(store, signal, at(120)).ending
    assert half is not None
    assert (half.left, half.price, half.closed_at) == (0.5, 63_000.0, None)

    store.history.add_fills(leaving[1:])
    whole = story.tell(store, signal, at(120)).ending
    assert whole is not None
    assert (whole.left, whole.price, whole.closed_at) == (0.0, 64_500.0, at(90))
    assert whole.gain_percent == pytest.approx(7.5)


def test_after_a_missing_fill_nothing_is_claimed_of_the_trader(store: Store) -> None:
    signal = entered(store)
    store.history.add_fills([fill(is_buy=False, price=63_000.0, size=0.2, start_position=0.4, time=at(60))])
    ending = story.tell(store, signal, at(120)).ending
    assert ending is not None
    assert (ending.broken_at, ending.closed_at, ending.left) == (at(60), None, 1.0)


# The present


def test_the_nearest_miss_is_the_one_that_lacked_least(store: Store) -> None:
    scene = stage(store)
    scene.source.given[TRADER] = [
        fill(coin="ETH", price=2_000.0, size=19.0, time=T0, oid=1),  # 9.5 % of the account, 10 are asked for
        fill(coin="SOL", price=100.0, size=110.0, time=T0, oid=2),  # 2.75 %
        fill(coin="BTC", price=60_000.0, size=0.5, start_position=0.0, is_buy=False, time=T0, oid=3),
        fill(coin="BTC", price=60_000.0, size=0.5, start_position=-0.5, time=at(1), oid=4),
    ]
    desk = scene.desk()
    for minutes in (1, 16):
        poll.run(desk, at(minutes))

    seen = story.present(store, at(60))
    assert (seen.orders, seen.entries_of_traders, len(seen.entered)) == (4, 3, 0)
    assert [miss.signal.coin for miss in seen.misses][:2] == ["ETH", "SOL"]
    assert seen.misses[0].check.shortfall == pytest.approx(0.05)
    assert story.present(store, at(days=3)).orders == 0
