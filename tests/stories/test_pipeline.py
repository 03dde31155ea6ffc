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


def slippage(price: float, btc: float) -> float:
    """Bitcoin's 0.02 %, and half as much again for every $100,000 of the order."""
    return 0.0002 * (1 + 0.5 * price * btc / 100_000)


def test_a_trader_is_found_scored_copied_and_left_at_a_profit_or_loss_that_is_right_to_the_cent(
    story: Story, venue: LocalVenue
) -> None:
    live_well(venue)
    live_well(venue, RARE, trips=10)
    live_well(venue, SMALL, equity_usd=20_000.0)
    market = venue.venue

    # The leaderboard gives three traders; one of them is worth following.
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

    # $60,000 of Bitcoin on $400,000: a weight of 0.15, and a leverage of less than 1.
    story.wait(60)
    opened_ms = story.now_ms
    story.open_btc()
    story.wait(2)
    (deferred,) = story.do("poll")["decisions"]
    assert (deferred["decision"], deferred["reason"]) == ("DEFERRED", "confirmation")
    assert (deferred["side"], deferred["action"], deferred["value_usd"]) == ("Long", "Open", 60_000.0)
    story.wait(6)  # the trader is due again, the order isn't
    assert [each["decision"] for each in story.do("poll")["decisions"]] == ["DEFERRED"]
    assert story.do("positions")["positions"] == []

    # A quarter of an hour after the order every gate is passed.
    story.be_at(opened_ms + 15 * MINUTE_MS + MINUTE_MS // 2)
    with Client(venue) as client:
        _, asks = client.info("l2Book", coin="BTC")["levels"]
    (copied,) = story.do("poll")["decisions"]
    assert (copied["decision"], copied["reason"]) == ("EXECUTE", None)
    assert copied["copy_size_usd"] == 7_500.0 == OUR_EQUITY_USD * 60_000 / EQUITY_USD * 0.5
    ((weight, slipped, mark, score),) = story.rows(
        "SELECT position_weight, slippage_pct, mark_price, trader_score FROM signals"
    )
    assert (weight, slipped, mark) == (0.15, 0.0, 60_000.0)
    assert score == found[WINNER]["score"]

    # On paper: 0.125 BTC at the worse of the slippage model and the book, and a stop at once.
    size = 0.125
    entry = 60_000 * (1 + slippage(60_000, size))
    assert float(asks[0]["px"]) < entry
    assert float(asks[0]["sz"]) > size
    (held,) = story.do("positions")["positions"]
    assert (held["size"], held["entry_price"], held["stop_confirmed"]) == (size, pytest.approx(entry), True)
    assert story.rows("SELECT trigger_price, size FROM paper_orders WHERE state = 'resting'") == [
        (math.ceil(entry * 0.95), size)
    ]

    # The price rises, and the stop with it: 8 % below the best mark, put down onto a grid of 0.25 % of the entry.
    market.set_mark("BTC", 64_000.0, opened_ms + 20 * MINUTE_MS)
    story.be_at(opened_ms + 30 * MINUTE_MS)
    risen = story.do("monitor")
    lines = math.floor((64_000 * 0.92 / entry - 1) / 0.0025)
    trigger = math.ceil(entry * (1 + lines * 0.0025))
    assert (lines, trigger) == (-8, 58_813)
    assert [(done["action"], done["reason"]) for done in risen["actions"]] == [("stop_moved", "TRAILING_STOP")]
    assert story.rows("SELECT trigger_price FROM paper_orders WHERE state = 'resting'") == [(trigger,)]
    assert story.do("monitor")["actions"] == []

    story.be_at(opened_ms + 60 * MINUTE_MS + MINUTE_MS // 2)
    assert story.do("monitor")["actions"] == []

    # It falls through the stop, which fills at the first price beyond it.
    market.set_mark("BTC", 58_500.0, opened_ms + 100 * MINUTE_MS)
    story.be_at(opened_ms + 101 * MINUTE_MS)
    left = story.do("monitor")
    assert [(done["action"], done["reason"]) for done in left["actions"]] == [("closed", "TRAILING_STOP")]
    assert left["positions"] == []
    exit_price = 58_500 * (1 - slippage(58_500, size))
    fees = FEE * size * (entry + exit_price)
    funding = HOURLY_FUNDING * size * 64_000  # for the one full hour that was passed
    result = size * (exit_price - entry) - fees - funding
    (closed,) = story.do("positions --no-refresh --all")["positions"]
    assert (closed["status"], closed["close_reason"]) == ("closed", "TRAILING_STOP")
    assert closed["exit_price"] == pytest.approx(exit_price)
    assert round(closed["fees_usd"], 2) == round(fees, 2)
    assert round(closed["funding_usd"], 2) == round(funding, 2)
    assert round(closed["realized_pnl_usd"], 2) == round(result, 2)
    ((cash,),) = story.rows("SELECT cash_usd FROM paper_account")
    assert round(cash, 2) == round(OUR_EQUITY_USD + result, 2)
