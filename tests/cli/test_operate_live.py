"""The commands of an operator in live mode at the local venue: what they do there, and what they leave alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_live import give_position, opened
from tests.live import ACCOUNT, AGENT, AGENT_KEY, live_venue
from tests.venue import clock_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[LocalVenue]:
    """A local venue with an account and an agent of ours, which holds 1 ETH under a stop, and live settings."""
    with live_venue(home, monkeypatch) as served:
        yield served


@pytest.fixture
def held(run: Run, home: Path, live: LocalVenue) -> LocalVenue:
    """The venue, at which we hold 1 ETH under a stop."""
    run("monitor")
    live.floor.set_leverage_by_hand(ACCOUNT, "ETH", 3)
    live.floor.trade_by_hand(ACCOUNT, "ETH", 1.0)
    give_position(home)
    assert run("monitor").code == 0
    clock_of(live).advance(60_000)  # the request weight of a minute isn't endless
    return live


def open_orders(venue: LocalVenue) -> list[str]:
    return [order.coin for order in venue.floor.accounts[ACCOUNT].orders.values() if order.is_open]


def test_a_guarded_position_is_proved_and_a_missing_stop_is_found_and_placed(run: Run, held: LocalVenue) -> None:
    for _ in range(2):
        proved = run("verify --json")
        assert (proved.code, proved.err) == (0, "")
        assert proved.document["positions"][0]["ok"]
        assert proved.document["positions"][0]["liquidation_price"] is not None
    orders = held.floor.accounts[ACCOUNT].orders
    for number in [number for number, order in orders.items() if order.is_open]:
        del orders[number]
    missing = run("verify --json")
    assert missing.code == 1
    assert [error["code"] for error in missing.document["errors"]] == ["NO_STOP"]
    clock_of(held).advance(60_000)
    fixed = run("verify --fix --json")
    assert (fixed.code, fixed.err) == (0, "")
    assert [problem["code"] for problem in fixed.document["repaired"]] == ["NO_STOP"]
    assert open_orders(held) == ["ETH"]
    assert run("verify").code == 0


def test_a_close_sells_all_of_it_and_takes_the_stop_away(run: Run, home: Path, held: LocalVenue) -> None:
    closed = run("close ETH --json")
    assert (closed.code, closed.err) == (0, "")
    assert [(done["action"], done["reason"]) for done in closed.document["actions"]] == [("closed", "MANUAL")]
    assert held.floor.accounts[ACCOUNT].positions == {}
    assert open_orders(held) == []
    again = run("close ETH --json")
    assert (again.code, again.document["actions"]) == (0, [])
    with opened(home) as store:
        (position,) = store.book.positions(live_only=False)
    assert position.close_reason == "MANUAL"
    assert position.realized_pnl_usd is not None


def test_flatten_leaves_what_others_opened(run: Run, held: LocalVenue) -> None:
    held.floor.trade_by_hand(ACCOUNT, "BTC", 0.1)
    for left in (1, 0):
        flat = run("flatten --yes --json")
        assert (flat.code, flat.err) == (0, "")
        assert flat.document["counts"] == {"closed": left, "left": 0}
        assert flat.document["notes"] == ["BTC: open at the venue, not by us; left alone"]
        assert flat.document["halted"] is not None
    assert list(held.floor.accounts[ACCOUNT].positions) == ["BTC"]
    refused = run("close BTC")
    assert refused.code == 2
    assert "wasn't opened by hlcopy" in refused.err
    noted = run("verify --json")
    assert (noted.code, len(noted.document["notes"])) == (0, 1)


def test_resume_shows_account_and_agent_and_never_the_key(run: Run, held: LocalVenue) -> None:
    del held
    shown = run("resume --yes")
    assert (shown.code, shown.err) == (0, "")
    assert ACCOUNT in shown.out
    assert AGENT in shown.out
    assert "#1 ETH Long" in shown.out
    assert "(new live file)" in shown.out
    assert AGENT_KEY.removeprefix("0x") not in shown.out + shown.err
    assert run("resume --yes").out.endswith("Nothing was halted; nothing was changed.\n")
