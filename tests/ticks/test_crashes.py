"""A tick killed at any effect, and the ticks after it, end where an unharmed run ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.domain.book import ExitReason, PositionStatus
from hlcopy.domain.models import EPOCH
from hlcopy.ports import UNKNOWN, Level
from hlcopy.ticks import monitor, poll, positions
from tests.builders import OTHER_TRADER, T0, TRADER, at, fill, poll_mark, trader
from tests.fakes import Executioner, Killed
from tests.ticks.conftest import WHOLE_LIFE, Scene, rising, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from hlcopy.ports import Desk


def live(
    scene: Scene, story: Sequence[tuple[Callable[[Desk, datetime], object], float]], kill_at: int | None
) -> list[str]:
    """Tell a story of ticks; the one that is killed is run again half a minute later by a new process."""
    executioner = Executioner(at=kill_at)
    for tick, minutes in story:
        try:
            tick(scene.desk(executioner=executioner), at(minutes))
        except Killed:
            executioner.at = None
            tick(scene.desk(), at(minutes + 0.5))
    return executioner.effects


def outcome(scene: Scene, minutes: float) -> dict[str, Any]:
    """What must not depend on where a tick died: everything but the moments at which it was done."""
    account = scene.desk().exchange.account(at(minutes))
    assert account is not UNKNOWN
    return {
        "decisions": sorted((signal.order_key, signal.decision) for signal in scene.ledger.signals.list()),
        "positions": [
            replace(
                position,
                id=None,
                opened_at=EPOCH,
                checked_at=None,
                closed_at=None,
                stop_client_order_id=None,
                funding_usd=0.0,
                funding_until=None,
            )
            for position in scene.ledger.book.positions(live_only=False)
        ],
        "venue": {coin: (held.size, held.leverage, held.isolated) for coin, held in account.positions.items()},
        "stops": [(stop.coin, stop.size, stop.trigger_price, stop.reduce_only) for stop in account.stops],
        "equity": pytest.approx(account.equity),
        "trades": len(scene.ledger.paper.fills(T0)),
    }


ENTRY = [(poll.run, 1.0), (poll.run, 15.0), (monitor.run, 16.0), (monitor.run, 17.0), (monitor.run, 18.0)]


def entry_effects() -> list[str]:
    return live(stage(MemoryLedger()), ENTRY, None)


@pytest.mark.parametrize("kill_at", range(len(entry_effects())))
def test_an_entry_killed_anywhere_ends_as_if_it_had_not_been(kill_at: int) -> None:
    unharmed = stage(MemoryLedger())
    effects = live(unharmed, ENTRY, None)
    expected = outcome(unharmed, 18)

    scene = stage(MemoryLedger())
    live(scene, ENTRY, kill_at)
    ended = outcome(scene, 18)

    sent = effects.index("after send")
    claimed = effects.index("before commit", effects.index("before decide")) + 1
    if claimed <= kill_at < sent:
        # Claimed but never at the venue: an entry is never sent again, so nothing opens.
        assert ended["decisions"] == [("oid:1", "SKIP_NEVER_LANDED")]
        assert (ended["positions"], ended["venue"], ended["stops"], ended["trades"]) == ([], {}, [], 0)
    else:
        assert ended == expected


def life_effects() -> list[str]:
    return live(rising(stage(MemoryLedger())), WHOLE_LIFE, None)


def after_entry() -> list[int]:
    effects = life_effects()
    return list(range(len(entry_effects()), len(effects)))


@pytest.mark.parametrize("kill_at", after_entry())
def test_a_trail_a_tier_and_an_exit_killed_anywhere_end_the_same(kill_at: int) -> None:
    unharmed = rising(stage(MemoryLedger()))
    live(unharmed, WHOLE_LIFE, None)
    expected = outcome(unharmed, 62)

    scene = rising(stage(MemoryLedger()))
    live(scene, WHOLE_LIFE, kill_at)

    assert outcome(scene, 62) == expected
    (closed,) = expected["positions"]
    assert (closed.status, closed.close_reason, closed.tiers_taken) == (
        PositionStatus.CLOSED,
        ExitReason.TRAILING_STOP,
        (1,),
    )


TIMED_OUT = [*ENTRY[:3], (monitor.run, 72 * 60 + 15.0), (monitor.run, 72 * 60 + 16.0), (monitor.run, 72 * 60 + 17.0)]


def timeout_effects() -> list[int]:
    return list(range(len(entry_effects()), len(live(stage(MemoryLedger()), TIMED_OUT, None))))


@pytest.mark.parametrize("kill_at", timeout_effects())
def test_a_time_stop_killed_anywhere_ends_flat_with_no_stop_left(kill_at: int) -> None:
    scene = stage(MemoryLedger())
    live(scene, TIMED_OUT, kill_at)

    ended = outcome(scene, 72 * 60 + 17)
    assert [position.close_reason for position in ended["positions"]] == [ExitReason.TIME_STOP]
    assert (ended["venue"], ended["stops"], ended["trades"]) == ({}, [], 2)


LIQUIDATED = [
    *ENTRY[:3],
    (positions.run, 20.0),
    (poll.run, 35.0),
    (positions.run, 36.0),
    (poll.run, 40.0),
    (monitor.run, 41.0),
]


def struck(scene: Scene) -> Scene:
    scene.source.add(
        fill(
            price=55_000.0,
            size=1.0,
            is_buy=False,
            start_position=1.0,
            oid=2,
            time=at(31),
            liquidated_user=TRADER,
        )
    )
    return scene


def liquidation_effects() -> list[int]:
    return list(range(len(entry_effects()), len(live(struck(stage(MemoryLedger())), LIQUIDATED, None))))


@pytest.mark.parametrize("kill_at", liquidation_effects())
def test_a_copied_trader_s_liquidation_killed_anywhere_still_closes_and_blacklists(kill_at: int) -> None:
    scene = struck(stage(MemoryLedger()))
    live(scene, LIQUIDATED, kill_at)

    (closed,) = scene.ledger.book.positions(live_only=False)
    assert closed.close_reason is ExitReason.TRADER_LIQUIDATED
    followed = scene.ledger.traders.get(TRADER)
    assert followed is not None
    assert followed.blacklisted_until is not None


def thin() -> Scene:
    """A book that fills a part of the entry only."""
    scene = stage(MemoryLedger())
    scene.market.books["BTC", True] = [Level(60_100.0, 0.05), Level(61_000.0, 9.0)]
    return scene


@pytest.mark.parametrize("kill_at", range(len(live(thin(), ENTRY, None))))
def test_an_entry_filled_in_part_and_killed_anywhere_is_protected_for_what_filled(kill_at: int) -> None:
    scene = thin()
    live(scene, ENTRY, kill_at)

    ended = outcome(scene, 18)
    held = [(position.size, position.stop_confirmed) for position in ended["positions"]]
    if ended["trades"]:
        assert (held, [stop[1] for stop in ended["stops"]]) == ([(0.05, True)], [0.05])
    else:
        assert (held, ended["decisions"]) == ([], [("oid:1", "SKIP_NEVER_LANDED")])


def vanish(desk: Desk, _now: datetime) -> None:
    """Let what the traders hold be gone, without a closing fill."""
    source: Any = desk.source
    source.held = {TRADER: {"BTC": 0.0}, OTHER_TRADER: {"ETH": 0.0}}


BOTH_VANISHED = [*ENTRY[:3], (vanish, 29.0), (positions.run, 30.0), (positions.run, 45.0), (monitor.run, 46.0)]


def two_copied() -> Scene:
    scene = stage(MemoryLedger())
    scene.ledger.traders.put([trader(address=OTHER_TRADER, account_value=400_000.0)])
    scene.ledger.traders.put_mark(OTHER_TRADER, poll_mark(followed_from=at(-60), read_until=at(-60), polled_at=at(-60)))
    scene.source.equity[OTHER_TRADER] = 400_000.0
    scene.market.set("ETH", at(-60), 3_000.0)
    scene.source.add(fill(trader=OTHER_TRADER, coin="ETH", price=3_000.0, size=20.0, oid=7, time=T0))
    return scene


def both_vanished_effects() -> list[int]:
    entries = len(live(two_copied(), ENTRY[:3], None))
    return list(range(entries, len(live(two_copied(), BOTH_VANISHED, None))))


@pytest.mark.parametrize("kill_at", both_vanished_effects())
def test_two_liquidations_in_one_tick_killed_anywhere_still_close_and_blacklist_both(kill_at: int) -> None:
    scene = two_copied()
    live(scene, BOTH_VANISHED, kill_at)

    reasons = [position.close_reason for position in scene.ledger.book.positions(live_only=False)]
    assert reasons == [ExitReason.TRADER_LIQUIDATED] * 2
    followed = [scene.ledger.traders.get(address) for address in (TRADER, OTHER_TRADER)]
    assert all(each is not None and each.blacklisted_until is not None for each in followed)
