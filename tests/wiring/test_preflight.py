"""What the venue says of agent and account before anything is signed."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.domain import standing
from hlcopy.domain.models import to_ms
from hlcopy.errors import ConfigError, TryLaterError
from hlcopy.ports import Fact
from hlcopy.wiring.preflight import FACT, Identity, Ready, VenueStanding, live_checks, require_ready
from tests.adapters.hyperliquid.rows import Replies, Wire, account, wired
from tests.live import ACCOUNT, AGENT
from tests.servers import DROP, HandClock, Reply, Request, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hlcopy.ports import Controls

MASTER = "0x" + "3a" * 20
OTHER = "0x" + "9e" * 20
NOW_MS = to_ms(HandClock().now())
DAY_MS = 86_400_000


class VenueSays:
    """Answers as a venue where all is well, but for what a test changes; roles are by address."""

    def __init__(self, **changes: Any) -> None:  # noqa: ANN401 - answers have any shape
        self.roles: dict[str, object] = {
            ACCOUNT: {"role": "user"},
            AGENT: {"role": "agent", "data": {"user": ACCOUNT}},
            **changes.pop("roles", {}),
        }
        self.answers: dict[str, object] = {
            "clearinghouseState": account("1000.0", time=NOW_MS) | {"assetPositions": []},
            "userAbstraction": "default",
            "extraAgents": [{"name": "bot", "address": AGENT, "validUntil": NOW_MS + 100 * DAY_MS}],
            **changes,
        }

    def __call__(self, request: Request) -> Reply:
        kind = request.json["type"]
        answer = self.roles[request.json["user"]] if kind == "userRole" else self.answers[kind]
        if isinstance(answer, Replies):
            return answer.pop(0) if len(answer) > 1 else answer[0]
        return ok(answer)


@contextmanager
def at(says: VenueSays) -> Iterator[tuple[Wire, Identity]]:
    with wired(says, patience=0.0) as wire:
        yield wire, Identity(agent=AGENT, account=ACCOUNT, url=wire.server.url)


def required(
    says: VenueSays, controls: Controls | None = None, told: list[str] | None = None, *, entering: bool = True
) -> Ready:
    with at(says) as (wire, who):
        tell = (told if told is not None else []).append
        return require_ready(wire.client, who, controls or MemoryLedger().controls, wire.clock, tell, entering=entering)


def test_all_in_order_lets_trade() -> None:
    told: list[str] = []
    assert required(VenueSays(), told=told) == Ready(is_subaccount=False, may_enter=True)
    assert told == []


@pytest.mark.parametrize("signs_for", [MASTER, ACCOUNT])
def test_a_subaccount_is_known_by_its_role(signs_for: str) -> None:
    roles = {
        ACCOUNT: {"role": "subAccount", "data": {"master": MASTER}},
        AGENT: {"role": "agent", "data": {"user": signs_for}},
    }
    assert required(VenueSays(roles=roles)) == Ready(is_subaccount=True, may_enter=True)


UNIFIED = {"userAbstraction": "unifiedAccount"}
IDENTITY = {
    "an agent as the account": (
        {"roles": {ACCOUNT: {"role": "agent", "data": {"user": OTHER}}}},
        f"set HLCOPY_ACCOUNT_ADDRESS to the account it signs for, {OTHER}",
    ),
    "an address never used": ({"roles": {ACCOUNT: {"role": "missing"}}}, "never been used"),
    "a vault": ({"roles": {ACCOUNT: {"role": "vault"}}}, "is a vault"),
    "a role yet unknown": ({"roles": {ACCOUNT: {"role": "newRole"}}}, "isn't known: newRole"),
    "an agent of nobody": ({"roles": {AGENT: {"role": "missing"}}}, "isn't approved as an agent"),
    "an agent of another": (
        {"roles": {AGENT: {"role": "agent", "data": {"user": OTHER}}}},
        f"is the agent of another account, {OTHER}",
    ),
    "an agent that expired": (
        {"extraAgents": [{"name": "bot", "address": AGENT.upper().replace("0X", "0x"), "validUntil": NOW_MS}]},
        "expired on 2026-11-20 12:00 UTC",
    ),
    "a subaccount's master's own key": (
        {
            "roles": {
                ACCOUNT: {"role": "subAccount", "data": {"master": AGENT}},
                AGENT: {"role": "user"},
            }
        },
        "can withdraw",
    ),
}
ENTERING = {
    "a unified account": (UNIFIED, "mode is unifiedAccount: its equity can't be measured; at app.hyperliquid.xyz"),
    "portfolio margin": ({"userAbstraction": "portfolioMargin"}, "portfolioMargin"),
    "a mode yet unknown": ({"userAbstraction": "newMode"}, "newMode"),
    "nothing to trade with": ({"clearinghouseState": account("0.0", time=NOW_MS)}, "no margin on perps; deposit"),
    "our clock far ahead": (
        {"clearinghouseState": account("1", time=NOW_MS - 2_001)},
        "our clock is 2.0 s ahead of the venue's; let the system keep its time by NTP",
    ),
    "our clock far behind": ({"clearinghouseState": account("1", time=NOW_MS + 9_000)}, "9.0 s behind"),
}


@pytest.mark.parametrize("case", IDENTITY)
@pytest.mark.parametrize("entering", [True, False])
def test_without_a_sound_account_and_agent_nothing_is_done(case: str, entering: bool) -> None:  # noqa: FBT001
    changes, said = IDENTITY[case]
    controls = MemoryLedger().controls
    with pytest.raises(ConfigError) as caught:
        required(VenueSays(**changes), controls, entering=entering)
    assert said in str(caught.value)
    assert "; " in str(caught.value)
    assert controls.fact(FACT) is None


@pytest.mark.parametrize("case", ENTERING)
def test_what_keeps_from_entering_doesn_t_keep_from_protecting(case: str) -> None:
    changes, said = ENTERING[case]
    with pytest.raises(ConfigError) as caught:
        required(VenueSays(**changes))
    assert said in str(caught.value)
    told: list[str] = []
    ready = required(VenueSays(**changes), told=told, entering=False)
    assert ready == Ready(is_subaccount=False, may_enter=False)
    assert said in told[0]


@pytest.mark.parametrize("case", ENTERING)
def test_who_enters_and_protects_hears_of_it_when_it_comes_to_entering(case: str) -> None:
    changes, said = ENTERING[case]
    controls, told = MemoryLedger().controls, list[str]()
    with at(VenueSays(**changes)) as (wire, who):

        def ask(entering: bool, *, postpone: bool = False) -> Ready:  # noqa: FBT001 - as the standing asks
            return require_ready(
                wire.client, who, controls, wire.clock, told.append, entering=entering, postpone=postpone
            )

        found = ask(True, postpone=True)  # noqa: FBT003 - see above
        asked = len(wire.asked())
        assert not found.may_enter
        with pytest.raises(ConfigError) as caught:
            VenueStanding(ask, controls, found).require()
        assert said in str(caught.value)
        assert (len(wire.asked()), told, controls.fact(FACT)) == (asked, [], None)


@pytest.mark.parametrize("case", IDENTITY)
def test_without_a_sound_account_and_agent_nothing_is_postponed(case: str) -> None:
    with at(VenueSays(**IDENTITY[case][0])) as (wire, who), pytest.raises(ConfigError):
        require_ready(wire.client, who, MemoryLedger().controls, wire.clock, print, entering=True, postpone=True)


def test_what_was_found_wanting_by_who_protects_is_asked_again_by_who_enters() -> None:
    controls = MemoryLedger().controls
    required(VenueSays(**UNIFIED), controls, entering=False)
    with pytest.raises(ConfigError):
        required(VenueSays(**UNIFIED), controls)
    assert required(VenueSays(), controls).may_enter


@pytest.mark.parametrize("skew_ms", [-2_000, 0, 2_000])
def test_a_clock_within_two_seconds_is_in_order(skew_ms: int) -> None:
    assert required(VenueSays(clearinghouseState=account("1", time=NOW_MS + skew_ms))).may_enter


def test_the_venue_s_clock_needs_no_check_where_it_is_ours() -> None:
    with at(VenueSays(clearinghouseState=account("1", time=NOW_MS + 90_000))) as (wire, who):
        checks = live_checks(wire.client, who, wire.clock, ask_time=False)
    assert standing.CLOCK not in {check.name for check in checks}
    assert all(check.ok for check in checks)


@pytest.mark.parametrize(
    ("case", "agents", "warned"),
    [
        ("without a name it isn't listed", [], False),
        ("another's end", [{"name": "x", "address": OTHER, "validUntil": NOW_MS - 1}], False),
        ("no end", [{"name": "x", "address": AGENT, "validUntil": None}], False),
        ("two weeks", [{"name": "x", "address": AGENT, "validUntil": NOW_MS + 14 * DAY_MS}], False),
        ("less than two weeks", [{"name": "x", "address": AGENT, "validUntil": NOW_MS + 14 * DAY_MS - 1}], True),
    ],
)
def test_an_agent_that_ends_soon_is_warned_of(case: str, agents: object, warned: bool) -> None:  # noqa: FBT001
    told: list[str] = []
    assert required(VenueSays(extraAgents=agents), told=told).may_enter, case
    assert bool(told) is warned
    if warned:
        assert told[0].startswith(f"{AGENT} is valid until 2026-12-04 11:59 UTC; approve a new agent")


def test_doctor_sees_every_check_also_after_one_that_failed() -> None:
    with at(VenueSays(**UNIFIED, extraAgents=Replies([DROP]))) as (wire, who):
        checks = {check.name: check.ok for check in live_checks(wire.client, who, wire.clock)}
    assert checks == {
        standing.EQUITY: True,
        standing.CLOCK: True,
        standing.MODE: False,
        standing.ACCOUNT: True,
        standing.AGENT: True,
        standing.EXPIRY: None,
    }


# Remembered for an hour


def test_for_an_hour_nothing_is_asked_again_by_any_process() -> None:
    controls = MemoryLedger().controls
    with at(VenueSays()) as (wire, who):

        def require(**changes: Any) -> Ready:  # noqa: ANN401
            given = {"entering": True, "ask_time": False, **changes}
            return require_ready(wire.client, given.pop("who", who), controls, wire.clock, print, **given)

        require()
        asked = len(wire.asked())
        wire.clock.advance(3_599)
        require()
        assert len(wire.asked()) == asked
        require(fresh=True)
        assert len(wire.asked()) == 2 * asked
        wire.clock.advance(3_600)
        require()
        assert len(wire.asked()) == 3 * asked - 1  # an account that is no subaccount stays none


@pytest.mark.parametrize("field", ["agent", "account", "url"])
def test_what_is_remembered_is_of_one_agent_account_and_venue(field: str) -> None:
    controls = MemoryLedger().controls
    says = VenueSays(roles={OTHER: {"role": "agent", "data": {"user": ACCOUNT}}})
    with at(says) as (wire, who):
        require_ready(wire.client, who, controls, wire.clock, print, entering=True)
        asked = len(wire.asked())
        with suppress(ConfigError):
            require_ready(wire.client, replace(who, **{field: OTHER}), controls, wire.clock, print, entering=True)
        assert len(wire.asked()) > asked


@pytest.mark.parametrize("which", ["userAbstraction", "extraAgents", "clearinghouseState"])
def test_a_venue_that_can_t_be_asked_is_for_later(which: str) -> None:
    with pytest.raises(TryLaterError):
        required(VenueSays(**{which: Replies([(500, {}, None)])}))


def test_what_was_known_holds_while_the_venue_can_t_be_asked_for_a_day() -> None:
    controls, told = MemoryLedger().controls, list[str]()
    says = VenueSays()
    with at(says) as (wire, who):
        require_ready(wire.client, who, controls, wire.clock, told.append, entering=True)
        says.answers["clearinghouseState"] = Replies([DROP])
        wire.clock.advance(timedelta(hours=23).total_seconds())
        ready = require_ready(wire.client, who, controls, wire.clock, told.append, entering=True)
        assert ready.may_enter
        assert "what was known before holds for now" in told[-1]
        wire.clock.advance(timedelta(hours=2).total_seconds())
        with pytest.raises(TryLaterError):
            require_ready(wire.client, who, controls, wire.clock, told.append, entering=True)


@pytest.mark.parametrize("text", ["", "{", "[]", '["a"]', "null", '["a","b","c",1,2]'])
def test_a_memory_that_can_t_be_read_is_none(text: str) -> None:
    controls = MemoryLedger().controls
    controls.put_fact(FACT, Fact(text, HandClock().now()))
    assert required(VenueSays(), controls).may_enter


# As a running exchange asks


def test_a_running_exchange_hears_what_stands_in_the_way_and_can_have_it_asked_anew() -> None:
    controls, says = MemoryLedger().controls, VenueSays()
    with at(says) as (wire, who):
        asked = VenueStanding(
            lambda entering: require_ready(wire.client, who, controls, wire.clock, print, entering=entering), controls
        )
        assert asked.problem(entering=True) is None
        says.answers["userAbstraction"] = "unifiedAccount"
        assert asked.problem(entering=True) is None
        asked.forget()
        problem = asked.problem(entering=True)
        assert problem is not None
        assert problem.startswith("the account's mode is unifiedAccount")
        assert asked.problem(entering=False) is None
