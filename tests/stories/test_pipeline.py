"""The specification's integration test 10.7: a trader is found, scored, copied and left, by commands over HTTP."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.stories.plot import EQUITY_USD, WINNER, live_well
from tests.venue import MINUTE_MS, Client

if TYPE_CHECKING:
    from hlcopy.simulator.server import LocalVenue
    from tests.stories.plot import Story

RARE = "0x" + "b2" * 20
SMALL = "0x" + "c3" * 20
OUR_EQUITY_USD = 100_000.0
FEE = 0.00045
HOURLY_FUNDING = 0.0000125


SIZE = 0.125  # $7,500 at 60,000


def slippage(price: float, btc: float) -> float:
    """Bitcoin's 0.02 %, and half as much again for every $100,000 of the order."""
    return 0.0002 * (1 + 0.5 * price * btc / 100_000)


ENTRY = 60_000 * (1 + slippage(60_000, SIZE))


def test_a_trader_is_found_copied_and_left_with_a_result_that_is_right_to_the_cent(
    story: Story, venue: LocalVenue
) -> None:
    live_well(venue)
    live_well(venue, RARE, trips=10)
    live_well(venue, SMALL, equity_usd=20_000.0)
    one_trader_is_found(story)

    # $60,000 of Bitcoin on $400,000: a weight of 0.15, and a leverage of less than 1.
    story.wait(60)
    opened_ms = story.now_ms
    story.open_btc()
    the_order_waits(story)
    story.be_at(opened_ms + 15 * MINUTE_MS + MINUTE_MS // 2)
    the_order_passes_every_gate(story)
    a_position_and_its_stop_were_made(story)

    venue.venue.set_mark("BTC", 64_000.0, opened_ms + 20 * MINUTE_MS)
    story.be_at(opened_ms + 30 * MINUTE_MS)
    the_stop_rises(story)
    story.be_at(opened_ms + 60 * MINUTE_MS + MINUTE_MS // 2)
    assert story.do("monitor")["actions"] == []

    venue.venue.set_mark("BTC", 58_500.0, opened_ms + 100 * MINUTE_MS)
    story.be_at(opened_ms + 101 * MINUTE_MS)
    the_stop_closes_it(story)


def one_trader_is_found(story: Story) -> None:
    """The leaderboard gives three traders; one of them is worth following."""
    scored = story.do("score")
    assert (scored["counts"]["screened"], scored["counts"]["primary"]) == (3, 1)
    found = {row["address"]: row for row in story.do("traders")["traders"]}
    assert {address: row["disqualified_reason"] for address, row in found.items()} == {
        WINNER: None,
        RARE: "FEW_TRADES",
        SMALL: "SMALL_ACCOUNT",
    }
    assert (found[WINNER]["tier"], found[WINNER]["nof_trades"]) == ("primary", 62)
    assert found[WINNER]["win_rate"] == pytest.approx(21 / 31)
    assert found[WINNER]["roi_7d"] > 10  # so the copy isn't cut for a bad week


def the_order_waits(story: Story) -> None:
    """It is seen, and put off for a quarter of an hour, however often anything runs."""
    story.wait(2)
    (deferred,) = story.do("poll")["decisions"]
    assert (deferred["decision"], deferred["reason"]) == ("DEFERRED", "confirmation")
    assert (deferred["side"], deferred["action"], deferred["value_usd"]) == ("Long", "Open", 60_000.0)
    story.wait(6)  # the trader is due again, the order isn't
    assert [each["decision"] for each in story.do("poll")["decisions"]] == ["DEFERRED"]
    assert story.do("positions")["positions"] == []


def the_order_passes_every_gate(story: Story) -> None:
    """100,000 x 0.15 x 0.5, times 1.00 for a good week and 1.00 for the leverage."""
    (copied,) = story.do("poll")["decisions"]
    assert (copied["decision"], copied["reason"]) == ("EXECUTE", None)
    assert copied["copy_size_usd"] == 7_500.0 == OUR_EQUITY_USD * 60_000 / EQUITY_USD * 0.5
    measured = story.rows("SELECT position_weight, slippage_pct, mark_price, trader_score FROM signals")
    ((score,),) = story.rows("SELECT score FROM traders WHERE address = ?", WINNER)
    assert measured == [(0.15, 0.0, 60_000.0, score)]


def a_position_and_its_stop_were_made(story: Story) -> None:
    """On paper it filled at the worse of the slippage model and the book, and its stop rests at once."""
    with Client(story.venue) as client:
        _, asks = client.info("l2Book", coin="BTC")["levels"]
    assert float(asks[0]["px"]) < ENTRY
    assert float(asks[0]["sz"]) > SIZE
    (held,) = story.do("positions")["positions"]
    assert (held["size"], held["entry_price"], held["stop_confirmed"]) == (SIZE, pytest.approx(ENTRY), True)
    assert resting_stops(story) == [(math.ceil(ENTRY * 0.95), SIZE)]


def the_stop_rises(story: Story) -> None:
    """To 8 % below the best mark, put down onto a grid of 0.25 % of the entry."""
    lines = math.floor((64_000 * 0.92 / ENTRY - 1) / 0.0025)
    trigger = math.ceil(ENTRY * (1 + lines * 0.0025))
    assert (lines, trigger) == (-8, 58_813)
    risen = story.do("monitor")
    assert [(done["action"], done["reason"]) for done in risen["actions"]] == [("stop_moved", "TRAILING_STOP")]
    assert resting_stops(story) == [(trigger, SIZE)]
    assert story.do("monitor")["actions"] == []


def the_stop_closes_it(story: Story) -> None:
    """The price fell through it, and it filled at the first price beyond."""
    left = story.do("monitor")
    assert [(done["action"], done["reason"]) for done in left["actions"]] == [("closed", "TRAILING_STOP")]
    assert (left["positions"], resting_stops(story)) == ([], [])
    exit_price = 58_500 * (1 - slippage(58_500, SIZE))
    fees = FEE * SIZE * (ENTRY + exit_price)
    funding = HOURLY_FUNDING * SIZE * 64_000  # for the one full hour that was passed
    result = SIZE * (exit_price - ENTRY) - fees - funding
    (closed,) = story.do("positions --no-refresh --all")["positions"]
    assert (closed["status"], closed["close_reason"]) == ("closed", "TRAILING_STOP")
    assert closed["exit_price"] == pytest.approx(exit_price)
    assert round(closed["fees_usd"], 2) == round(fees, 2)
    assert round(closed["funding_usd"], 2) == round(funding, 2)
    assert round(closed["realized_pnl_usd"], 2) == round(result, 2)
    ((cash,),) = story.rows("SELECT cash_usd FROM paper_account")
    assert round(cash, 2) == round(OUR_EQUITY_USD + result, 2)


def resting_stops(story: Story) -> list[tuple[float, float]]:
    """Return trigger and size of the stops that rest at the paper venue."""
    return story.rows("SELECT trigger_price, size FROM paper_orders WHERE state = 'resting'")
