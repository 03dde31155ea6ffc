"""Scoring finds of every trader what its style promises."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hlcopy.domain.models import to_ms
from hlcopy.domain.policy import ScoringPolicy
from hlcopy.domain.scoring import ScoreInputs, composite_score, measure
from hlcopy.domain.selection import PRIMARY, assign_tiers, disqualify
from hlcopy.simulator.traders import generate
from hlcopy.simulator.venue import Venue
from tests.simulator.seeded import DAY_MS, START, as_fill, seeded

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.simulator.world import Profile

POLICY = ScoringPolicy()


def inputs_of(venue: Venue, who: Profile, now: datetime) -> ScoreInputs:
    at = to_ms(now)
    equity = venue.equity(who.address, at)
    fills = [as_fill(row) for row in venue.fills(who.address, at - 90 * DAY_MS, at)]
    roi_7d, roi_30d, roi_90d = (
        100 * venue.pnl(who.address, since, at) / venue.equity(who.address, since)
        for since in (at - 7 * DAY_MS, at - 30 * DAY_MS, at - 90 * DAY_MS)
    )
    return ScoreInputs(
        metrics=measure(fills, now, equity),
        account_value=equity,
        roi_7d=roi_7d,
        roi_30d=roi_30d,
        roi_90d=roi_90d,
        label=who.label,
        smart_money=who.smart_money,
        volume_30d_usd=venue.volume(who.address, at - 30 * DAY_MS, at),
    )


@pytest.mark.parametrize("seed", [7, 23])
def test_scoring_makes_of_every_trader_what_it_was_made_for(seed: int) -> None:
    world = seeded(seed)
    venue = Venue(world)
    inputs = {who: inputs_of(venue, who, START) for who in world.traders}
    found = {who.kind: disqualify(given, POLICY, START) for who, given in inputs.items()}
    assert {kind: reason.value if reason else PRIMARY for kind, reason in found.items()} == {
        who.kind: who.fate for who in world.traders
    }
    scores = {
        who.address: composite_score(given, POLICY, START).total for who, given in inputs.items() if who.fate == PRIMARY
    }
    assert {tier for tier, _ in assign_tiers(scores, (), POLICY).values()} == {PRIMARY}
    by_score = sorted(scores, key=lambda address: scores[address])
    assert "decayed" in {who.kind for who in world.traders if who.address in by_score[:2]}
    # The leaderboard's own screen must let those pass whom a closer look is to leave out by its own reason.
    for who in world.traders:
        pnl = venue.pnl(who.address, world.start_ms - 30 * DAY_MS, world.start_ms)
        assert (pnl > 0) == (who.kind != "loser"), who.kind
        turned_over = venue.volume(who.address, world.start_ms - 30 * DAY_MS, world.start_ms) / who.equity_usd
        assert (turned_over > POLICY.max_volume_to_equity) == (who.kind == "maker"), who.kind
        assert venue.equity(who.address, venue.start_ms) > 0.2 * who.equity_usd


def test_those_who_are_copied_stay_fit_to_the_end_of_the_script() -> None:
    world = seeded(7)
    venue = Venue(world)
    for days in (3, 6, 9):
        now = START + timedelta(days=days)
        for who in world.traders:
            if who.fate == PRIMARY and who.kind != "gambler":
                assert disqualify(inputs_of(venue, who, now), POLICY, now) is None, (who.kind, days)


def test_every_reason_that_fills_can_show_is_there_and_most_accounts_are_unified() -> None:
    world = seeded(7)
    assert {who.fate for who in world.traders} == {
        "primary",
        "HFT",
        "NEGATIVE_30D",
        "WIN_RATE_HIGH",
        "WIN_RATE_LOW",
        "FEW_TRADES",
        "SMALL_ACCOUNT",
    }
    modes = [who.mode for who in world.traders]
    assert set(modes) == {"default", "disabled", "unifiedAccount", "portfolioMargin"}
    assert modes.count("unifiedAccount") > len(modes) / 2
    assert {who.smart_money for who in world.traders} == {True, False}
    assert None in {who.label for who in world.traders}


def test_a_crowd_changes_nobody_else_and_is_the_same_each_time_it_is_asked() -> None:
    alone = generate(3, start=START, days=1, history_days=10)
    crowded = generate(3, start=START, days=1, history_days=10, crowd=70)
    own = [who for who in crowded.traders if who.kind != "crowd"]
    crowd = [who for who in crowded.traders if who.kind == "crowd"]
    assert tuple(own) == alone.traders
    assert all(crowded.fills[who.address] == alone.fills[who.address] for who in own)
    assert len({who.address for who in crowded.traders}) == len(own) + 70 == len(crowded.fills)
    first = {who.address: list(crowded.fills[who.address]) for who in crowd}  # more than are kept
    assert all(crowded.fills[address] == rows for address, rows in first.items())
    assert sum(bool(rows) for rows in first.values()) > 35
    everyone = [row["tid"] for address in crowded.fills for row in crowded.fills[address]]
    assert len(everyone) == len(set(everyone))
    with pytest.raises(KeyError):
        crowded.fills["0x" + "00" * 20]
