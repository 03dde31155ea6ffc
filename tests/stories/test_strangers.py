"""What strangers wrote (labels, names, coins, error bodies) never reaches the terminal as it is."""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.stories.plot import WINNER, live_well
from tests.venue import Client, fill_row

if TYPE_CHECKING:
    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome
    from tests.stories.plot import Story

HOSTILE: Final = "\x1b[31mEvil\x07\x9b2J\r\u202e[/red][link=x]"
CONTROL: Final = re.compile("[^\n\x20-\x7e\xa0-\u200d\u2010-\u2027\u2030-\U0010ffff]")
"""Anything that a terminal may take for a command: control characters, and those that turn the direction of text."""

BOARDS: Final = ("nansen", "hyperliquid")


def assert_harmless(done: Outcome) -> None:
    found = CONTROL.search(done.out) or CONTROL.search(done.err)
    assert found is None, (found, done)


def hostile_board(venue: LocalVenue) -> bytes:
    """Return the public leaderboard with a display name for everybody."""
    with Client(venue) as client:
        board = json.loads(client.send("GET", "/leaderboard")[1])
    for row in board["leaderboardRows"]:
        row["displayName"] = HOSTILE
    return json.dumps(board).encode()


@pytest.mark.parametrize("source", BOARDS)
def test_labels_and_names_of_traders_are_shown_harmlessly(
    story: Story, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setenv("HLCOPY_LEADERBOARD_SOURCE", source)
    live_well(venue, label=HOSTILE)
    live_well(venue, "0x" + "b2" * 20, trips=10, label=HOSTILE)
    board = hostile_board(venue)
    venue.faults = lambda kind: (200, {"content-type": "application/json"}, board) if kind == "leaderboard" else None
    for line in ("score", "traders", "traders --all", f"traders {WINNER}", "traders --json", "config show"):
        done = story.run(line)
        assert done.code == 0, (line, done)
        assert_harmless(done)
    if source == "nansen":
        ((label,),) = story.rows("SELECT label FROM traders WHERE address = ?", WINNER)
        assert label == HOSTILE  # it did arrive
        assert "Evil" in story.run(f"traders {WINNER}").out


@pytest.mark.usefixtures("impatient")
def test_a_coin_whose_name_is_no_name_is_refused_and_shown_harmlessly(story: Story, venue: LocalVenue) -> None:
    live_well(venue)
    story.do("score")
    story.wait(60)
    venue.venue.add_fill(fill_row(coin=HOSTILE, time=story.now_ms, fee="0.0"))
    story.wait(2)
    for line in ("poll", "poll --quiet", "poll --json"):
        done = story.run(line)
        assert done.code == 75
        assert "coin" in done.err
        assert_harmless(done)
    assert story.rows("SELECT count(*) FROM fills WHERE token_symbol = ?", HOSTILE) == [(0,)]


def test_a_coin_whose_name_looks_like_markup_is_shown_as_it_is(story: Story, venue: LocalVenue) -> None:
    coin = "[b]X"
    live_well(venue)
    story.do("score")
    story.wait(60)
    venue.venue.add_fill(fill_row(coin=coin, time=story.now_ms, fee="0.0"))
    story.wait(16)
    done = story.run("poll")
    assert (done.code, done.err) == (0, "")
    assert coin in done.out
    listed = story.run("signals")
    assert listed.code == 0
    assert coin in listed.out


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("line", ["score", "poll", "positions", "monitor"])
def test_the_words_of_a_source_that_refuses_are_shown_harmlessly(
    story: Story, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("HLCOPY_TRADE_SOURCE", "nansen")
    live_well(venue)
    story.enter()
    story.wait(24 * 60)
    errors = json.dumps({"code": HOSTILE, "message": HOSTILE, "detail": HOSTILE}, ensure_ascii=False).encode()
    shown = ""
    for status, body in itertools.product((200, 400, 403, 422, 500), (errors, HOSTILE.encode())):
        refusal = (status, {"content-type": "application/json"}, body)
        venue.faults = lambda kind, refusal=refusal: None if kind == "clock" else refusal
        done = story.run(line)
        assert done.code in {75, 78}, done  # 403 may mean that the key isn't good for this
        assert_harmless(done)
        shown += done.err
        story.wait(2)
    assert ("Evil" in shown) == (line != "monitor")  # Nansen's words are passed on; of Hyperliquid's there is no need
