"""Traders' accounts and fills: complete, or `UNKNOWN` with a word about it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.hyperliquid.profiles import HyperliquidProfiles
from hlcopy.adapters.hyperliquid.source import HyperliquidSource
from hlcopy.adapters.memory.usage import MemoryRation
from hlcopy.domain.models import TraderPosition, from_ms
from hlcopy.domain.rations import POLL
from hlcopy.ports import UNKNOWN, EquityPoint
from tests.adapters.hyperliquid.rows import T0, USER, FillServer, account, by_type, climb, fill, held, history, wired
from tests.servers import HandClock, Reply, Request, ok

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.adapters.hyperliquid.rows import Wire

NOW = from_ms(T0)


class Scene:
    """A source on a scripted server, and what it told."""

    def __init__(self, wire: Wire) -> None:
        self.told: list[str] = []
        self.wire = wire
        self.source = HyperliquidSource(wire.client, wire.clock, self.told.append)
        self.profiles = HyperliquidProfiles(wire.client, self.told.append)

    def types(self) -> list[str]:
        """Return the types of the requests."""
        return [body["type"] for body in self.wire.asked()]


@contextmanager
def scene(
    script: Callable[[Request], Reply], clock: HandClock | None = None, ration: MemoryRation | None = None
) -> Iterator[Scene]:
    with wired(script, clock=clock, ration=ration) as wire:
        yield Scene(wire)


def test_positions_are_read_with_one_request_and_no_equity() -> None:
    positions = (held("BTC", "0.5"), held("ETH", "-2.5", leverage={"type": "isolated", "value": 3, "rawUsd": "-5"}))
    with scene(by_type(clearinghouseState=account("9000.5", *positions))) as at:
        state = at.source.positions(USER, NOW)
    assert state is not UNKNOWN
    assert state.equity is None
    assert state.read_at == NOW
    assert state.positions == {
        "BTC": TraderPosition(coin="BTC", size=0.5, value_usd=30_000.0, entry_price=60_000.0, leverage=20),
        "ETH": TraderPosition(
            coin="ETH", size=-2.5, value_usd=30_000.0, entry_price=60_000.0, leverage=3, isolated=True
        ),
    }
    assert at.types() == ["clearinghouseState"]


def test_positions_are_read_anew_each_time() -> None:
    with scene(by_type(clearinghouseState=account("1"))) as at:
        for _ in range(2):
            at.source.positions(USER, NOW)
    assert len(at.types()) == 2


def test_an_empty_account_is_flat_and_a_position_of_nothing_is_none() -> None:
    with scene(by_type(clearinghouseState=account("1", held("BTC", "0.0", positionValue="0.0")))) as at:
        state = at.source.positions(USER, NOW)
    assert state is not UNKNOWN
    assert state.positions == {}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        None,
        [],
        {"assetPositions": []},
        account("1", held("BTC", "NaN")),
        account("1", held("BTC", "1"), held("BTC", "2")),
    ],
    ids=["empty", "null", "list", "no summary", "NaN", "a coin twice"],
)
def test_a_malformed_account_is_never_flat(answer: object) -> None:
    with scene(by_type(clearinghouseState=answer)) as at:
        assert at.source.positions(USER, NOW) is UNKNOWN
    assert len(at.told) == 1
    assert at.told[0].startswith(f"{USER}: ")


PORTFOLIO = [
    ["day", history((T0 - 90_000, "500.0", "0.0"), (T0 - 60_000, "750.5", "2.0"))],
    ["allTime", history((T0 - 120_000, "100.0", "0.0"), (T0 - 80_000, "600.0", "9.0"))],
    ["perpDay", history((T0, "5.0", "0.0"))],
]


@pytest.mark.parametrize("mode", ["default", "disabled"])
def test_a_plain_accounts_equity_is_its_margin_summary(mode: str) -> None:
    with scene(by_type(userAbstraction=mode, clearinghouseState=account("9000.5"))) as at:
        state = at.source.state(USER, NOW)
    assert state is not UNKNOWN
    assert (state.equity, state.equity_source, state.read_at) == (9000.5, "clearinghouseState", NOW)


@pytest.mark.parametrize("mode", ["unifiedAccount", "portfolioMargin", "somethingNew"])
def test_any_other_accounts_equity_is_the_newest_value_of_its_whole_portfolio(mode: str) -> None:
    with scene(by_type(userAbstraction=mode, clearinghouseState=account("3.0"), portfolio=PORTFOLIO)) as at:
        state = at.source.state(USER, NOW)
    assert state is not UNKNOWN
    assert (state.equity, state.equity_source) == (750.5, "portfolio")
    assert state.read_at == from_ms(T0 - 60_000)


def test_a_portfolio_without_a_point_leaves_the_equity_unknown() -> None:
    script = by_type(userAbstraction="unifiedAccount", clearinghouseState=account("3.0"), portfolio=[])
    with scene(script) as at:
        state = at.source.state(USER, NOW)
    assert state is not UNKNOWN
    assert state.equity is None


def test_a_state_is_given_again_for_five_seconds() -> None:
    with scene(by_type(userAbstraction="default", clearinghouseState=account("1"))) as at:
        first = at.source.state(USER, NOW)
        at.wire.clock.advance(5.0)
        assert at.source.state(USER, NOW) is first
        assert len(at.types()) == 2
        at.wire.clock.advance(0.1)
        at.source.state(USER, NOW)
        assert len(at.types()) == 4


def test_what_is_held_is_read_last_so_that_waiting_for_the_rest_doesnt_age_it() -> None:
    script = by_type(userAbstraction="unifiedAccount", clearinghouseState=account("3.0"), portfolio=PORTFOLIO)
    with scene(script) as at:
        at.source.state(USER, NOW)
        assert at.types() == ["userAbstraction", "portfolio", "clearinghouseState"]


def test_a_failed_state_isnt_remembered() -> None:
    answers: dict[str, object] = {"userAbstraction": "default", "clearinghouseState": None}
    with scene(lambda request: ok(answers[request.json["type"]])) as at:
        assert at.source.state(USER, NOW) is UNKNOWN
        answers["clearinghouseState"] = account("7.0")
        state = at.source.state(USER, NOW)
    assert state is not UNKNOWN
    assert state.equity == 7.0


@pytest.mark.parametrize("fails", ["userAbstraction", "clearinghouseState", "portfolio"])
def test_a_state_of_which_a_part_cant_be_read_is_unknown(fails: str) -> None:
    answers = {"userAbstraction": "unifiedAccount", "clearinghouseState": account("1"), "portfolio": PORTFOLIO}

    def answer(request: Request) -> Reply:
        name = request.json["type"]
        return (500, {}, None) if name == fails else ok(answers[name])

    with scene(answer) as at:
        assert at.source.state(USER, NOW) is UNKNOWN
    assert "it answers 500" in at.told[0]


def test_fills_of_both_streams_are_one() -> None:
    chain = climb([T0, T0 + 1, T0 + 2])
    with scene(FillServer([chain[0], chain[2]], [chain[1]])) as at:
        fills = at.source.fills(USER, NOW, NOW)
    assert fills is not UNKNOWN
    assert [each.twap_id for each in fills] == [None, 77, None]


@pytest.mark.parametrize("fails", ["userFillsByTime", "userTwapSliceFillsByTime"])
@pytest.mark.parametrize(
    "failure", [(500, {}, None), ok(None), ok([{}]), (422, {}, b"no")], ids=["500", "null", "{}", "422"]
)
def test_fills_of_which_a_stream_cant_be_read_are_unknown(fails: str, failure: Reply) -> None:
    def answer(request: Request) -> Reply:
        return failure if request.json["type"] == fails else ok([])

    with scene(answer) as at:
        assert at.source.fills(USER, NOW, NOW) is UNKNOWN
    assert len(at.told) == 1


def test_fills_that_arent_in_the_ration_are_unknown_and_not_asked_for() -> None:
    clock = HandClock()
    ration = MemoryRation(POLL, 1_200)
    ration.take(290, clock.now())
    with scene(FillServer([fill(1, T0)]), clock=clock, ration=ration) as at:
        assert at.source.fills(USER, NOW, NOW) is UNKNOWN
    assert at.types() == []
    assert "request weight" in at.told[0]


@pytest.mark.parametrize(("taken", "room"), [(0, 4), (36, 4), (40, 3), (235, 1), (256, 1), (257, 0), (300, 0)])
def test_there_is_room_for_as_many_traders_as_the_ration_has_weight_with_some_kept_back(taken: int, room: int) -> None:
    clock = HandClock()
    ration = MemoryRation(POLL, 1_200)
    ration.take(taken, clock.now())
    with scene(FillServer(), clock=clock, ration=ration) as at:
        assert at.source.room(clock.now()) == room


def test_a_profiles_portfolio_has_the_whole_accounts_windows_by_time() -> None:
    portfolio = [
        [
            "week",
            {**history((T0 + 2, "30.0", "3.0"), (T0, "10.0", "1.0")), "pnlHistory": [[T0, "1.0"], [T0 + 2, "3.0"]]},
        ],
        ["month", history()],
        ["perpWeek", history((T0, "1.0", "0.0"))],
    ]
    with scene(by_type(portfolio=portfolio)) as at:
        found = at.profiles.portfolio(USER, NOW)
    assert found is not UNKNOWN
    assert (found.address, found.read_at) == (USER, NOW)
    assert found.windows == {
        "week": (EquityPoint(from_ms(T0), 10.0, 1.0), EquityPoint(from_ms(T0 + 2), 30.0, 3.0)),
        "month": (),
    }


def test_a_value_without_its_profit_is_left_out() -> None:
    day = {"accountValueHistory": [[T0, "10.0"], [T0 + 1, "20.0"]], "pnlHistory": [[T0 + 1, "5.0"]], "vlm": "0"}
    with scene(by_type(portfolio=[["day", day]])) as at:
        found = at.profiles.portfolio(USER, NOW)
    assert found is not UNKNOWN
    assert found.windows["day"] == (EquityPoint(from_ms(T0 + 1), 20.0, 5.0),)


def test_a_profile_that_cant_be_read_is_unknown() -> None:
    with scene(lambda _: (502, {}, b"<html>")) as at:
        assert at.profiles.portfolio(USER, NOW) is UNKNOWN
        assert at.profiles.deep_fills(USER, NOW, NOW, at_most=10, now=NOW) is UNKNOWN
    assert len(at.told) == 2


def test_a_profiles_fills_are_the_newest() -> None:
    with scene(FillServer(climb([T0, T0 + 1]))) as at:
        deep = at.profiles.deep_fills(USER, NOW, from_ms(T0 + 1), at_most=10, now=NOW)
    assert deep is not UNKNOWN
    assert len(deep.fills) == 2
    assert deep.complete_from == NOW


def test_only_nansen_sums_up_trades() -> None:
    with scene(FillServer()) as at:
        assert at.profiles.summary(USER, NOW) is None
    assert at.types() == []
