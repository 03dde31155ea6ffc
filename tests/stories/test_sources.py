"""One population through both leaderboards and both sources of trades: the same traders are followed, the same orders copied."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import pytest

from hlcopy.simulator.traders import generate
from tests.stories.plot import Story, copy_database
from tests.venue import HOUR_MS, KEY, MINUTE_MS, START, START_MS, Client, environment, local_venue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hlcopy.simulator.world import World
    from tests.cli.conftest import Outcome

SEED: Final = 7
HOURS: Final = 15
SECOND_MS: Final = 1_000
TURN_MS: Final = 65 * SECOND_MS
UNHURRIED: Final = 20_000  # of request weight a minute: nobody waits for a ration here


@pytest.fixture(scope="module")
def world() -> World:
    """A market and its eighteen traders."""
    return generate(SEED, start=START, days=2)


@pytest.fixture
def told(
    world: World, home: Path, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Story]]:
    """Begin the population's present at a venue of its own, for a database of a name."""
    with ExitStack() as opened:

        def begin(name: str) -> Story:
            served = opened.enter_context(local_venue(world, weight_per_minute=UNHURRIED))
            settings = {
                **environment(served, home / f"{name}.db"),
                "HLCOPY_HYPERLIQUID_WEIGHT_PER_MINUTE": str(UNHURRIED),
                "HLCOPY_NANSEN_CREDITS_PER_DAY": "5000",
            }
            for key, value in settings.items():
                monkeypatch.setenv(key, value)
            return Story(venue=served, home=home, run=run, name=name)

        yield begin


def test_both_leaderboards_lead_to_the_same_traders(
    told: Callable[[str], Story], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, dict[str, Any]] = {}
    for source in ("nansen", "hyperliquid"):
        monkeypatch.setenv("HLCOPY_LEADERBOARD_SOURCE", source)
        story = told(source)
        assert story.do("score")["errors"] == []
        asked = story.venue.usage.requests
        assert (asked["perp-leaderboard"] > 0, asked["leaderboard"] > 0) == (source == "nansen", source != "nansen")
        found[source] = {row["address"]: row for row in story.do("traders")["traders"]}
    nansen, public = found["nansen"], found["hyperliquid"]
    fates = {who.address: who.fate for who in world.traders if who.fate}
    for rows in (nansen, public):
        assert {address: rows[address]["disqualified_reason"] or rows[address]["tier"] for address in fates} == fates
    assert nansen.keys() == public.keys()
    # Labels and smart money are Nansen's to tell: by their weight of 0.10 scores may differ, and by nothing else.
    for address, row in nansen.items():
        if row["tier"]:
            bonus = 0.1 * (row["terms"]["smart_money_bonus"] - public[address]["terms"]["smart_money_bonus"])
            assert row["terms"]["raw"] - public[address]["terms"]["raw"] == pytest.approx(bonus)


def test_both_sources_of_trades_lead_to_the_same_entries(
    told: Callable[[str], Story], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = told("scored")
    scored.do("score")
    followed = {row["address"] for row in scored.do("traders")["traders"] if row["tier"] == "primary"}
    made: dict[str, list[dict[str, Any]]] = {}
    for source in ("hyperliquid", "nansen"):
        copy_database(scored.database, scored.home / f"{source}.db")
        monkeypatch.setenv("HLCOPY_TRADE_SOURCE", source)
        story = told(source)
        poll_where_something_happens(story, beginnings(world, followed))
        made[source] = story.do("signals --limit 100")["signals"]
        asked = story.venue.usage.requests
        assert (asked["profiler/perp-trades"] > 0, asked["userFillsByTime"] > 0) == (
            source == "nansen",
            source == "hyperliquid",
        )
    exact, told_by_nansen = (
        {(row["trader_address"], row["token_symbol"], row["side"], row["action"]): row for row in made[source]}
        for source in ("hyperliquid", "nansen")
    )
    assert len(exact) == len(made["hyperliquid"])
    assert {key: row["decision"] for key, row in told_by_nansen.items()} == {
        key: row["decision"] for key, row in exact.items()
    }
    copied = {key for key, row in exact.items() if row["decision"] == "EXECUTE"}
    assert len(copied) >= 3
    assert {side for _, _, side, _ in copied} == {"Long", "Short"}
    for key in copied:
        assert told_by_nansen[key]["value_usd"] == pytest.approx(exact[key]["value_usd"])
        assert told_by_nansen[key]["copy_size_usd"] == pytest.approx(exact[key]["copy_size_usd"], rel=1e-3)
    assert "Add" in nansens_labels(story, copied)  # as Nansen calls a short opened in several fills


def beginnings(world: World, followed: set[str]) -> set[int]:
    """Return when the orders of some traders began."""
    begun: dict[int, int] = {}
    for address in followed:
        for row in world.fills[address]:
            if START_MS <= row["time"] < START_MS + HOURS * HOUR_MS:
                begun.setdefault(row["twapId"] or row["oid"], row["time"])
    return set(begun.values())


def poll_where_something_happens(story: Story, orders: set[int]) -> None:
    """Poll three times after each order, every turn while one fills, and when one is due.

    A turn is long enough for Nansen's five calls a minute: three of them go round all traders.
    """
    moments = {at + MINUTE_MS + after * TURN_MS for at in orders for after in range(3)}
    while moments:
        at = min(moments)
        moments = {moment for moment in moments if moment >= at + TURN_MS}  # earlier ones are part of this turn
        story.be_at(at)
        story.do("poll")
        for wait, due in story.rows("SELECT wait, unixepoch(check_at) * 1000 FROM signals WHERE decision = 'DEFERRED'"):
            moments.add(at + TURN_MS if wait == "still_filling" else max(due + SECOND_MS, at + TURN_MS))


def nansens_labels(story: Story, copied: set[tuple[str, str, str, str]]) -> list[str]:
    """Return what Nansen calls the shorts that were opened and copied."""
    labels = []
    story.wait(1)
    with Client(story.venue) as client:
        for address, coin, side, action in copied:
            if (side, action) != ("Short", "Open"):
                continue
            asked = {"address": address, "date": {"from": "2026-03-01", "to": "2026-03-02"}}
            path = "/api/v1/profiler/perp-trades"
            headers = {"apikey": KEY, "content-type": "application/json"}
            status, body = client.send("POST", path, json.dumps(asked), **headers)
            assert status == 200, body
            rows = [row for row in json.loads(body)["data"] if row["token_symbol"] == coin]
            labels.append(min(rows, key=lambda row: row["timestamp"])["action"])
    return labels
