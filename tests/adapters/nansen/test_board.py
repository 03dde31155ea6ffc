"""Nansen's leaderboard and summaries for the daily selection, over loopback HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.memory.credits import MemoryMeter
from hlcopy.adapters.nansen.board import AutoLeaderboard, NansenLeaderboard, NansenProfiles
from hlcopy.errors import ConfigError, OutOfCreditsError, RationedError, SourceDownError
from hlcopy.ports import UNKNOWN, DeepFills, Leader, Leaders, Portfolio, TradeSummary
from tests.adapters.nansen.wire import Setting, leader, page, refused, summary
from tests.builders import OTHER_TRADER, TRADER
from tests.servers import Reply, ok

if TYPE_CHECKING:
    from collections.abc import Callable

    from hlcopy.errors import HlcopyError

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_the_board_is_that_of_thirty_days_and_says_who_is_smart_money() -> None:
    other = leader(trader_address=OTHER_TRADER, account_value=None, trader_address_label=None)
    with Setting([ok(page(leader(), other)), ok(page(other))]) as setting:
        leaders = NansenLeaderboard(setting.client).leaders(NOW)
    assert leaders == Leaders(
        source="nansen",
        rows=(
            Leader(
                address=TRADER,
                account_value=90_000.0,
                pnl_30d_usd=1500.5,
                volume_30d_usd=250_000.0,
                realized_30d_usd=1000.0,
                label="HL Perps Whale",
            ),
            Leader(
                address=OTHER_TRADER,
                account_value=None,
                pnl_30d_usd=1500.5,
                volume_30d_usd=250_000.0,
                realized_30d_usd=1000.0,
                smart_money=True,
            ),
        ),
    )
    bodies = [request.json for request in setting.server.requests]
    assert bodies[0]["date"] == bodies[1]["date"] == {"from": "2026-10-21", "to": "2026-11-20"}
    assert "filters" not in bodies[0]
    assert "premium_labels" not in bodies[0]


def test_a_large_board_is_read_for_two_pages_and_costs_fifteen_credits() -> None:
    full = ok(page(*(leader(trader_address=f"0x{number:040x}") for number in range(1000)), last=False))
    more = ok(page(*(leader(trader_address=f"0x{number:040x}") for number in range(900, 1900)), last=False))
    with Setting([full, more, ok(page(last=False))]) as setting:
        leaders = NansenLeaderboard(setting.client).leaders(NOW)
        assert isinstance(setting.meter, MemoryMeter)
        assert setting.meter.spent(setting.clock.now()) == 15
    assert len(leaders.rows) == 1900


@dataclass(frozen=True)
class Board:
    """A leaderboard that answers or fails as it is told."""

    answer: Leaders | HlcopyError

    def leaders(self, _now: datetime) -> Leaders:
        if isinstance(self.answer, Leaders):
            return self.answer
        raise self.answer


PUBLIC = Leaders(source="hyperliquid", rows=(), notes=("two rows were malformed",))
OWN = Leaders(source="nansen", rows=())


@pytest.mark.parametrize("error", [OutOfCreditsError("no credits are left"), RationedError("the budget is used up")])
def test_without_credits_the_public_leaderboard_is_taken_and_that_is_said(error: HlcopyError) -> None:
    leaders = AutoLeaderboard(Board(error), Board(PUBLIC)).leaders(NOW)
    assert leaders.source == "hyperliquid"
    assert str(error) in leaders.notes[0]
    assert leaders.notes[1:] == PUBLIC.notes


def test_with_credits_nothing_is_said() -> None:
    assert AutoLeaderboard(Board(OWN), Board(PUBLIC)).leaders(NOW) is OWN


@pytest.mark.parametrize("error", [SourceDownError("down"), ConfigError("NANSEN_API_KEY")])
def test_any_other_failure_is_no_reason_to_take_another_board(error: HlcopyError) -> None:
    with pytest.raises(type(error)):
        AutoLeaderboard(Board(error), Board(PUBLIC)).leaders(NOW)


def test_credits_that_run_out_between_pages_are_no_half_a_board() -> None:
    with Setting([ok(page(leader(), last=False)), refused(403, "insufficient_credits")]) as setting:
        leaders = AutoLeaderboard(NansenLeaderboard(setting.client), Board(PUBLIC)).leaders(NOW)
    assert leaders.source == "hyperliquid"


@dataclass(frozen=True)
class Pasts:
    """Profiles of another source."""

    def portfolio(self, address: str, now: datetime) -> Portfolio:
        return Portfolio(address=address, read_at=now, windows={})

    def deep_fills(self, _address: str, since: datetime, _until: datetime, *, at_most: int, now: datetime) -> DeepFills:
        assert at_most == 6_000
        assert now == NOW
        return DeepFills(fills=(), complete_from=since)

    def summary(self, _address: str, _now: datetime) -> None:
        return None


SUMMARIES: list[tuple[str, Reply, object]] = [
    (
        "counted",
        ok(summary()),
        TradeSummary(address=TRADER, read_at=NOW, trades=185, realized_pnl_usd=186449.25, fees_usd=8575.5),
    ),
    ("an unused wallet is all zeros", ok(summary(traded_times=0, realized_pnl_usd=0, fees_usd=0, win_rate=0)), 0),
    ("no credits", refused(403, "insufficient_credits"), None),
    ("refused", refused(422, "invalid_date_range"), UNKNOWN),
    ("down", refused(504, "query_timeout", retry_after=60), UNKNOWN),
    ("not accepted", refused(401, "unauthenticated"), UNKNOWN),
]


@pytest.mark.parametrize(("reply", "expected"), [row[1:] for row in SUMMARIES], ids=[row[0] for row in SUMMARIES])
def test_a_summary_is_none_without_credits_and_unknown_when_it_cannot_be_read(reply: Reply, expected: object) -> None:
    told: list[str] = []
    with Setting([reply]) as setting:
        found = NansenProfiles(Pasts(), setting.client, told.append).summary(TRADER, NOW)
    assert (found.trades if isinstance(found, TradeSummary) and expected == 0 else found) == expected
    assert bool(told) is (expected is UNKNOWN)


def test_a_plan_without_summaries_does_without_them() -> None:
    told: list[str] = []
    no = refused(403, "plan_upgrade_required")
    with Setting([no, no]) as setting:
        assert NansenProfiles(Pasts(), setting.client, told.append).summary(TRADER, NOW) is UNKNOWN
    assert "the plan of the key doesn't include this" in told[0]


def test_a_summary_is_of_the_last_thirty_days() -> None:
    with Setting([ok(summary())]) as setting:
        NansenProfiles(Pasts(), setting.client, print).summary(TRADER, NOW)
    assert setting.server.requests[0].json["date"] == {"from": "2026-10-21T12:00:00Z", "to": "2026-11-20T12:00:00Z"}


def test_a_used_up_budget_gives_no_summary() -> None:
    with Setting(meter=MemoryMeter(0)) as setting:
        assert NansenProfiles(Pasts(), setting.client, print).summary(TRADER, NOW) is None


def test_the_rest_is_read_from_the_other_source() -> None:
    inner = Pasts()
    with Setting() as setting:
        profiles = NansenProfiles(inner, setting.client, print)
        assert profiles.portfolio(TRADER, NOW) == inner.portfolio(TRADER, NOW)
        read: Callable[..., object] = profiles.deep_fills
        assert read(TRADER, NOW, NOW, at_most=6_000, now=NOW) == DeepFills(fills=(), complete_from=NOW)
