"""Faults that are switched on by a line: each changes what it should, over HTTP, and no tick takes it for success."""

from __future__ import annotations

import http.client
import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from hlcopy.simulator.nansen_faults import KINDS as NANSEN
from hlcopy.simulator.signatures import address_of
from hlcopy.simulator.switch_kinds import KINDS
from hlcopy.simulator.switches import Switches, parsed
from hlcopy.simulator.venue import quiet_world
from hlcopy.wiring import desks
from tests.cli.conftest import home, run
from tests.stories.live import ACCOUNT, AGENT_KEY, Live, settings
from tests.venue import KEY, PRICES, START, TRADER, Client, clock_of, local_venue, profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome

__all__ = ["home", "run"]  # fixtures, found here by their names

STATE: Final = json.dumps({"type": "clearinghouseState", "user": ACCOUNT})
OF_ANSWERS: Final = [
    (f"{endpoint}:{kind}", endpoint)
    for endpoint, kinds in {
        "info.clearinghouseState": ("lost", "429", "500", "502", "html", "null", "truncated", "empty", "skew"),
        "info.orderStatus": ("unknown-status", "empty"),
        "info.meta": ("renamed",),
        "leaderboard": ("502", "truncated"),
        "nansen.profiler/perp-trades": ("lost", "429", "html", *NANSEN),
    }.items()
    for kind in kinds
]


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    """A venue with an account that holds 1 ETH under a stop, a trader with three trades, and switches."""
    with local_venue() as served:
        served.switches = Switches(seed=3)
        served.floor.open_account(ACCOUNT, 100_000.0)
        served.floor.approve("0x" + "17" * 20, ACCOUNT)
        served.floor.set_leverage_by_hand(ACCOUNT, "ETH", 3)
        served.floor.trade_by_hand(ACCOUNT, "ETH", 1.0)
        served.floor.place_stop_by_hand(ACCOUNT, "ETH", -1.0, 1_900.0)
        served.venue.add_trader(profile())
        for size in (1.0, 2.0, -1.5):
            clock_of(served).advance(60_000)
            served.venue.trade(TRADER, "BTC", size, clock_of(served).now_ms())
        clock_of(served).advance(60_000)
        yield served


def asked(venue: LocalVenue, endpoint: str) -> tuple[int, Any]:
    """Return what is answered by an endpoint, (0, b"") for nothing."""
    group, _, name = endpoint.partition(".")
    with Client(venue) as client, suppress(http.client.HTTPException, ConnectionError):
        if group == "leaderboard":
            return client.send("GET", "/leaderboard")
        if group == "nansen":
            days = {"from": "2026-02-28T00:00:00Z", "to": "2026-03-02T00:00:00Z"}
            body = {"address": TRADER, "date": days, "pagination": {"page": 1, "per_page": 100}}
            return client.send("POST", f"/api/v1/{name}", json.dumps(body), apikey=KEY)
        (order,) = venue.floor.accounts[ACCOUNT].on("ETH")
        more = {"orderStatus": {"oid": order.oid, "user": ACCOUNT}, "meta": {}}.get(name, {"user": ACCOUNT})
        return client.send("POST", "/info", json.dumps({"type": name, **more}))
    return 0, b""


@pytest.mark.parametrize(("spec", "endpoint"), OF_ANSWERS, ids=[spec for spec, _ in OF_ANSWERS])
def test_an_answer_with_a_fault_isn_t_the_honest_one(venue: LocalVenue, spec: str, endpoint: str) -> None:
    honest = asked(venue, endpoint)
    assert honest[0] == 200
    assert venue.switches is not None
    assert isinstance(venue.switches, Switches)
    venue.switches.add(f"{spec}@2")
    first, second, third = (asked(venue, endpoint) for _ in range(3))
    assert (first, third) == (honest, honest)
    assert second != honest
    if spec.partition(":")[2] in NANSEN and second[0] == 200:
        json.loads(second[1])  # it looks well


def account(venue: LocalVenue) -> Any:  # noqa: ANN401 - the venue's own
    return venue.floor.accounts[ACCOUNT]


HAPPENINGS: Final[dict[str, Callable[[LocalVenue], bool]]] = {
    "gap": lambda venue: venue.venue.mark("ETH", clock_of(venue).now_ms() + 1) < 1_900,
    "liquidation": lambda venue: venue.venue.mark("ETH", clock_of(venue).now_ms() + 1) < 1_300,
    "budget=2": lambda venue: account(venue).requests >= 10_000 - 2,
    "agent-expired": lambda venue: all(agent.dropped for agent in venue.floor.agents.values()),
    "capped=BTC": lambda venue: venue.floor.capped_coins == ["BTC"],
    "delisted": lambda venue: venue.venue.listing.get("ETH", {}).get("isDelisted") is True,
    "settled": lambda venue: account(venue).held("ETH") == 0,
    "empty-book=SOL": lambda venue: venue.venue.book("SOL", clock_of(venue).now_ms()) == ([], []),
    "reordered": lambda venue: [each.coin for each in venue.venue.coins] == ["SOL", "BTC", "ETH"],
    "adl": lambda venue: account(venue).held("ETH") < 1,
    "hand-close": lambda venue: account(venue).held("ETH") == 0,
    "hand-turn": lambda venue: account(venue).held("ETH") < 0,
    "hand-reduce": lambda venue: 0 < account(venue).held("ETH") < 1,
    "hand-cancel": lambda venue: not any(order.is_open for order in account(venue).on("ETH")),
    "hand-open=BTC": lambda venue: account(venue).held("BTC") > 0,
    "partial=0.3": lambda venue: takes(venue) == 0.3,
    "post-only": lambda venue: takes(venue) == 0,
    "order-refused": lambda venue: takes(venue) == 0,
    "stop-refused": lambda venue: "error" in str(venue.floor.place_stop_by_hand(ACCOUNT, "ETH", -1.0, 1_800.0)),
    "hidden": lambda venue: hidden(venue) == 3,
}


def hidden(venue: LocalVenue) -> int:
    """Return to how many queries a new stop is unknown."""
    venue.floor.place_stop_by_hand(ACCOUNT, "ETH", -1.0, 1_850.0)
    return max(order.hidden for order in account(venue).orders.values())


def takes(venue: LocalVenue) -> float:
    """Return which share of an order for 1 SOL fills."""
    before = account(venue).held("SOL")
    venue.floor.trade_by_hand(ACCOUNT, "SOL", 1.0)
    return round(account(venue).held("SOL") - before, 8)


@pytest.mark.parametrize("spec", HAPPENINGS)
def test_a_happening_has_happened_once_it_is_switched_on(venue: LocalVenue, spec: str) -> None:
    assert not HAPPENINGS[spec](venue)
    with Client(venue) as client:
        add = json.dumps({"add": [f"info.clearinghouseState:{spec}@1"]})
        assert client.send("POST", "/faults", add)[0] == 200
        assert client.send("POST", "/info", STATE)[0] == 200
    assert HAPPENINGS[spec](venue)


def test_every_kind_is_shown_to_work() -> None:
    shown = {spec.partition(":")[2] for spec, _ in OF_ANSWERS} | {spec.partition("=")[0] for spec in HAPPENINGS}
    assert set(KINDS) == shown | {"slow", "stale", "applied", "late", "refused"}  # these have tests of their own below


def test_a_stale_answer_is_one_of_before(venue: LocalVenue) -> None:
    assert isinstance(venue.switches, Switches)
    venue.switches.add("info.clearinghouseState:stale@2+")
    before = asked(venue, "info.clearinghouseState")
    venue.floor.trade_by_hand(ACCOUNT, "BTC", 0.1)
    assert asked(venue, "info.clearinghouseState") == before
    assert b"BTC" not in before[1]


def test_the_control_endpoint_tells_and_switches(venue: LocalVenue) -> None:
    with Client(venue) as client:
        both = json.dumps({"add": ["info.meta:429~0.5", "nansen.*:lost"]})
        assert client.send("POST", "/faults", both)[0] == 200
        statuses = {client.status("meta") for _ in range(40)}
        assert statuses == {200, 429}
        (first, second) = json.loads(client.send("GET", "/faults")[1])["faults"]
        assert (first["fault"], first["asked"], second["asked"]) == ("info.meta:429~0.5", 40, 0)
        assert 8 <= first["struck"] <= 32
        status, said = client.send("POST", "/faults", json.dumps({"clear": True, "add": ["info.mta:429"]}))
        assert (status, b"the nearest is info.meta" in said) == (422, True)
        assert len(json.loads(client.send("GET", "/faults")[1])["faults"]) == 2
        assert json.loads(client.send("POST", "/faults", json.dumps({"clear": True}))[1]) == {"faults": []}


WRONG: Final = [
    ("exchange.ordr:lost", "the nearest is exchange.order"),
    ("exchange.order:lots", "the nearest is lost"),
    ("nansen.profiler/perp-trade:nan", "the nearest is nansen.profiler/perp-trades"),
    ("exchange.order", "isn't ENDPOINT:KIND"),
    ("exchange.order:lost@0", "isn't ENDPOINT:KIND"),
    ("exchange.order:lost@5-3", "calls 5 to 3 are none"),
    ("exchange.order:lost~0", "a chance is above 0"),
    ("exchange.order:lost~1.5", "a chance is above 0"),
    ("exchange.order:late=181", "from 1 to 180"),
    ("exchange.order:late=nan", "from 1 to 180"),
    ("exchange.order:lost=3", "takes no value"),
    ("info.meta:applied", "befalls exchange"),
    ("*:nan", "befalls nansen"),
]


@pytest.mark.parametrize(("spec", "said"), WRONG)
def test_a_line_that_switches_nothing_says_what_is_nearest(spec: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("*", r"\*")):
        parsed(spec)


def test_the_command_refuses_such_a_line_and_lists_all_kinds(run: Callable[..., Outcome]) -> None:
    refused = run("simulate --fault exchange.order:lots")
    assert (refused.code, "nearest is lost" in refused.err) == (2, True)
    listed = run("simulate --faults-help").out
    assert all(f"  {kind} " in listed for kind in KINDS)
    assert max(map(len, listed.splitlines())) <= 80


FACED: Final = [
    *(f"exchange.order:{kind}" for kind in ("lost", "html", "null", "late", "stop-refused@1", "agent-expired")),
    "info.frontendOpenOrders:empty",
    "info.clearinghouseState:null",
    "info.clearinghouseState:empty",
    "exchange.order:refused",  # which ends in a position that is to be closed
]


def test_a_tick_that_ends_well_is_one_after_which_all_is_well(
    home: Path, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our stop is gone and must be sent anew while one fault after the other is on: 0 only if every position is guarded."""
    monkeypatch.setenv("HLCOPY_HYPERLIQUID_WEIGHT_PER_MINUTE", "20000")
    with local_venue(quiet_world(START, PRICES, days=2), weight_per_minute=20_000) as venue:
        for name, value in settings(venue, home / "live.db").items():
            monkeypatch.setenv(name, value)
        live = Live(venue=venue, database=home / "live.db", run=run)
        live.begin()
        live.enter()
        hasty = {"monitor": replace(desks.ALLOWANCES["monitor"], patience_s=0.2, queue_s=0.0)}
        monkeypatch.setattr(desks, "ALLOWANCES", {**desks.ALLOWANCES, **hasty})
        told: dict[str, int] = {}
        for spec in FACED:
            assert live.held(), spec
            cancel_stops(venue)
            switches = venue.switches = Switches()
            switches.add(spec)
            told[spec] = run("monitor --quiet").code
            venue.switches = None
            if told[spec] == 0:
                assert sum(size for _, size in live.stops()) >= abs(live.held()), spec
            venue.floor.approve(address_of(AGENT_KEY), ACCOUNT, name="story")
            live.wait(0.5)
        assert set(told.values()) == {0, 1, 75, 78}


def cancel_stops(venue: LocalVenue) -> None:
    """Let somebody cancel the stop."""
    for order in venue.floor.accounts[ACCOUNT].on("BTC"):
        if order.is_open:
            venue.floor.cancel_by_hand(ACCOUNT, order.oid)
