"""How a copied trader's position ends: by TWAP it concerns nobody, by force it ends our copy within one tick."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.stories.plot import WINNER, add_fills, liquidation, live_well, twap_exit
from tests.venue import MINUTE_MS

if TYPE_CHECKING:
    from hlcopy.simulator.server import LocalVenue
    from tests.stories.plot import Story

SOURCES = ("hyperliquid", "nansen")


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where trades come from; the two looks of the liquidation rule follow each other quickly."""
    name = str(request.param)
    monkeypatch.setenv("HLCOPY_TRADE_SOURCE", name)
    monkeypatch.setenv("HLCOPY_NANSEN_CREDITS_PER_DAY", "5000")
    monkeypatch.setenv("HLCOPY_LIQUIDATION_RECHECK_SECONDS", "0.05")
    return name


@pytest.fixture
def copied(story: Story, source: str) -> Story:
    """A Bitcoin long of a trader, and our copy of it."""
    live_well(story.venue)
    story.enter()
    assert story.venue.usage.requests["profiler/perp-trades" if source == "nansen" else "userFillsByTime"] > 0
    return story


def blacklisted_until(story: Story) -> str | None:
    ((until,),) = story.rows("SELECT blacklisted_until FROM traders WHERE address = ?", WINNER)
    return None if until is None else str(until)


def test_an_exit_by_twap_is_no_liquidation_and_our_position_stays(copied: Story) -> None:
    add_fills(copied.venue, twap_exit(copied.now_ms + 5 * MINUTE_MS))
    for minutes in (10.1, 3, 5, 15, 60):  # in the middle of it, just done, and long after
        copied.wait(minutes)
        for command in ("positions", "poll", "monitor", "positions"):
            document = copied.do(command)
            assert document.get("actions", []) == []
    assert [row["status"] for row in copied.do("positions")["positions"]] == ["open"]
    assert blacklisted_until(copied) is None


def test_a_liquidation_closes_our_copy_and_blacklists_the_trader_within_one_tick_of_positions(copied: Story) -> None:
    copied.venue.venue.set_mark("BTC", 57_500.0, copied.now_ms + 5 * MINUTE_MS)  # above the stop of our copy
    add_fills(copied.venue, liquidation(copied.now_ms + 5 * MINUTE_MS))
    copied.wait(12)
    document = copied.do("positions")
    assert [(done["action"], done["reason"]) for done in document["actions"]] == [("closed", "TRADER_LIQUIDATED")]
    assert (document["counts"]["liquidated"], document["positions"]) == (1, [])
    (closed,) = copied.do("positions --no-refresh --all")["positions"]
    assert (closed["close_reason"], closed["status"]) == ("TRADER_LIQUIDATED", "closed")
    until = blacklisted_until(copied)
    assert until is not None
    assert datetime.fromisoformat(until) == datetime.fromisoformat(document["at"]) + timedelta(days=14)
    assert copied.do("positions")["actions"] == []

    # Nothing of the trader's is copied any more, and the next score says why; it doesn't lift the ban.
    copied.wait(5)
    copied.open_btc()
    copied.wait(16)
    assert "EXECUTE" not in {each["decision"] for each in copied.do("poll")["decisions"]}
    copied.wait(24 * 60)
    copied.do("score")
    (row,) = copied.do("traders")["traders"]
    assert (row["tier"], row["disqualified_reason"], row["blacklisted_until"]) == (None, "BLACKLISTED", until)


@pytest.mark.parametrize("source", ["hyperliquid"], indirect=True)
def test_a_poll_that_stores_a_liquidation_closes_our_copy_at_once(copied: Story, venue: LocalVenue) -> None:
    add_fills(venue, liquidation(copied.now_ms + 5 * MINUTE_MS))
    copied.wait(8)
    document = copied.do("poll")
    assert [(done["action"], done["reason"]) for done in document["actions"]] == [("closed", "TRADER_LIQUIDATED")]
    assert blacklisted_until(copied) is not None
