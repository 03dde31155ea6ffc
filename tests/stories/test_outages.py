"""Sources that fail over HTTP: what is said, what is lost (nothing), and how the next run goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import pytest

from hlcopy.simulator.server import DROP
from hlcopy.simulator.venue import quiet_world
from tests.stories.plot import add_fills, liquidation, live_well, twap_exit
from tests.venue import MINUTE_MS, PRICES, START, environment, local_venue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome
    from tests.stories.plot import Story

    Fault = tuple[int, dict[str, str], bytes] | Literal["drop"]

OTHER: Final = "0x" + "b2" * 20
JSON: Final = {"content-type": "application/json"}
BROKEN: Final = (500, JSON, b"null")
TOO_MANY: Final = (429, JSON, b"null")
OF_TRADERS: Final = {
    *("userFillsByTime", "userTwapSliceFillsByTime", "clearinghouseState", "userAbstraction", "portfolio"),
    *("profiler/perp-trades", "profiler/perp-positions"),
}
"""Requests that tell of a trader; those of prices aren't among them."""


def failing(kinds: set[str] | None, fault: Fault) -> Callable[[str], Fault | None]:
    """Fail all requests of some kinds, by default all but those for the time."""
    return lambda kind: fault if (kind != "clock" if kinds is None else kind in kinds) else None


def failing_once(kind: str, fault: Fault) -> Callable[[str], Fault | None]:
    """Fail the first request of a kind."""
    left = [fault]
    return lambda asked: left.pop() if asked == kind and left else None


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("command", ["score", "poll", "monitor", "positions"])
@pytest.mark.parametrize("fault", [BROKEN, DROP, (200, JSON, b"<html>")])
def test_a_command_whose_sources_are_down_ends_with_75_and_the_next_run_goes_on(
    story: Story, venue: LocalVenue, command: str, fault: Fault
) -> None:
    live_well(venue)
    story.enter()
    story.wait(24 * 60 if command == "score" else 10)
    before = story.end()
    venue.faults = failing(None, fault)
    failed = story.run(command)
    assert failed.code == 75, failed
    assert failed.err.splitlines()[-1].startswith("error: ")
    assert story.end() == before
    venue.faults = None
    assert story.do(command)["errors"] == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("source", ["hyperliquid", "nansen"])
def test_nothing_that_happened_during_an_outage_is_lost(
    story: Story, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setenv("HLCOPY_TRADE_SOURCE", source)
    live_well(venue)
    story.do("score")
    story.do("poll")
    story.wait(40)
    venue.faults = failing(None, BROKEN)
    story.open_btc()
    for _ in range(3):
        story.wait(5.5)
        story.do("poll", code=75)
    venue.faults = None
    assert [each["decision"] for each in story.do("poll")["decisions"]] == ["EXECUTE"]


def fail_for(venue: LocalVenue, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Answer whatever concerns a trader with an error."""
    honest = venue.answer

    def answer(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Fault:
        return BROKEN if address.encode() in body else honest(method, path, headers, body)

    monkeypatch.setattr(venue, "answer", answer)
    monkeypatch.setattr(venue, "faults", lambda _kind: None)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("command", ["poll", "positions"])
@pytest.mark.parametrize("source", ["hyperliquid", "nansen"])
def test_one_trader_who_cannot_be_read_is_named_with_1_and_the_others_are_done(
    story: Story, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch, command: str, source: str
) -> None:
    monkeypatch.setenv("HLCOPY_TRADE_SOURCE", source)
    live_well(venue)
    live_well(venue, OTHER)
    story.do("score")
    story.wait(60)
    story.open_btc()
    story.wait(16)
    with monkeypatch.context() as broken:
        fail_for(venue, broken, OTHER)
        document = story.do(command, code=1)
    assert [error["item"] for error in document["errors"]] == [OTHER]
    if command == "poll":
        assert [each["decision"] for each in document["decisions"]] == ["EXECUTE"]
    else:
        assert document["counts"]["traders"] == 1
    story.wait(2)
    assert story.do(command)["errors"] == []


@pytest.mark.usefixtures("impatient")
def test_a_candidate_who_cannot_be_read_is_named_with_1_and_the_others_are_scored(
    story: Story, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 6):
        live_well(venue, f"0x{number:040x}")
    fail_for(venue, monkeypatch, f"0x{3:040x}")
    document = story.do("score", code=1)
    assert {error["item"] for error in document["errors"]} == {f"0x{3:040x}"}
    assert (document["counts"]["primary"], document["counts"]["BAD_HISTORY"]) == (4, 1)


@pytest.mark.parametrize("kind", ["userFillsByTime", "userTwapSliceFillsByTime", "metaAndAssetCtxs"])
@pytest.mark.parametrize("how", ["cut short", "too many requests"])
def test_a_half_read_page_and_a_429_are_asked_again_in_the_same_run(
    story: Story, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch, kind: str, how: str
) -> None:
    monkeypatch.setattr("hlcopy.adapters.hyperliquid.client._AFTER_429_S", 0.0)
    live_well(venue)
    story.do("score")
    story.wait(60)
    story.open_btc()
    story.wait(15.5)
    half = (200, {**JSON, "Content-Length": "4000"}, b'[{"coin": "BTC", "px": "6000')
    asked = venue.usage.requests[kind]
    venue.faults = failing_once(kind, half if how == "cut short" else TOO_MANY)
    assert [each["decision"] for each in story.do("poll")["decisions"]] == ["EXECUTE"]
    assert venue.usage.requests[kind] == asked + 2


def test_without_credits_the_public_leaderboard_is_taken_and_that_is_said_once(
    home: Path, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = quiet_world(START, PRICES, days=1, history_days=95)
    with local_venue(world, credits_=0.0) as served:
        for name, value in environment(served, home / "paper.db").items():
            monkeypatch.setenv(name, value)
        live_well(served)
        said = run("score")
        assert (said.code, said.err) == (0, "")
        assert " ".join(said.out.split()).count("leaderboard was taken instead of Nansen's") == 1
        assert "1 primary" in " ".join(said.out.split())
        monkeypatch.setenv("HLCOPY_LEADERBOARD_SOURCE", "nansen")
        monkeypatch.setenv("HLCOPY_DB", str(home / "strict.db"))
        refused = run("score")
        assert (refused.code, refused.out) == (75, "")
        assert "credits" in refused.err


@pytest.mark.parametrize("line", ["score", "poll", "positions"])
def test_a_wrong_key_ends_with_78_and_names_its_setting(
    story: Story, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    live_well(venue)
    if line != "score":
        story.enter()
        story.wait(10)
    monkeypatch.setenv("HLCOPY_TRADE_SOURCE", "nansen")
    monkeypatch.setenv("NANSEN_API_KEY", "another-key")
    refused = story.run(line)
    assert (refused.code, refused.out) == (78, "")
    assert "NANSEN_API_KEY" in refused.err
    assert "another-key" not in refused.err


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("source", ["hyperliquid", "nansen"])
@pytest.mark.parametrize(
    "fault", [BROKEN, DROP, TOO_MANY, (200, JSON, b"null"), (200, JSON, b"[]"), (200, JSON, b"{}")]
)
def test_no_exit_comes_from_the_silence_of_a_copied_trader_s_source(
    story: Story, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch, source: str, fault: Fault
) -> None:
    """Not even when the trader is liquidated meanwhile; that is found out once the source answers again."""
    monkeypatch.setattr("hlcopy.adapters.hyperliquid.client._AFTER_429_S", 0.0)
    monkeypatch.setenv("HLCOPY_TRADE_SOURCE", source)
    monkeypatch.setenv("HLCOPY_LIQUIDATION_RECHECK_SECONDS", "0")
    monkeypatch.setenv("HLCOPY_NANSEN_CREDITS_PER_DAY", "5000")
    live_well(venue)
    story.enter()
    add_fills(venue, liquidation(story.now_ms + MINUTE_MS))
    venue.faults = failing(OF_TRADERS, fault)
    for _ in range(2):
        story.wait(30)
        for command in ("poll", "positions", "monitor"):
            done = story.run(f"{command} --json")
            assert done.code in ({1, 75} if command == "positions" else {0, 1, 75})
            assert done.document.get("actions", []) == []
    assert [row["status"] for row in story.do("monitor")["positions"]] == ["open"]
    venue.faults = None
    story.wait(15)
    assert [done["reason"] for done in story.do("positions")["actions"]] == ["TRADER_LIQUIDATED"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("hyperliquid", "userFillsByTime"),
        ("hyperliquid", "userTwapSliceFillsByTime"),
        ("hyperliquid", "clearinghouseState"),
        ("nansen", "profiler/perp-trades"),
        ("nansen", "profiler/perp-positions"),
    ],
)
def test_half_of_the_evidence_is_none(
    story: Story, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch, source: str, kind: str
) -> None:
    """The trader left by TWAP; with one of the answers missing that may look like a liquidation, and must not."""
    monkeypatch.setenv("HLCOPY_TRADE_SOURCE", source)
    monkeypatch.setenv("HLCOPY_LIQUIDATION_RECHECK_SECONDS", "0")
    live_well(venue)
    story.enter()
    add_fills(venue, twap_exit(story.now_ms + MINUTE_MS))
    story.wait(30)
    venue.faults = failing({kind}, BROKEN)
    done = story.run("positions --json")
    assert done.code in {1, 75}
    assert done.document["actions"] == []
    assert [row["status"] for row in story.do("monitor")["positions"]] == ["open"]
    venue.faults = None
    story.wait(2)
    assert story.do("positions")["actions"] == []
