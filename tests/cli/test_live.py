"""Live ticks from the command line at the local venue: found in order, halted, watched over; the key shows nowhere."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.store import Binding, Store
from hlcopy.cli import logs
from hlcopy.cli.clock import SystemClock
from hlcopy.config import load_settings
from hlcopy.domain.book import ExitReason, Position, PositionStatus
from hlcopy.domain.models import EXECUTE, Side
from hlcopy.wiring import open_store
from hlcopy.wiring.desks import open_desk
from hlcopy.wiring.http import BoundedHttp
from tests import builders
from tests.live import ACCOUNT, AGENT, AGENT_KEY, live_venue
from tests.venue import START, clock_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[LocalVenue]:
    with live_venue(home, monkeypatch) as served:
        yield served


def opened(home: Path) -> Store:
    return Store.open(home / "live.db", Binding("live", "mainnet", ACCOUNT))


def give_position(home: Path, **changes: object) -> Position:
    """Write down a position as if we had entered it."""
    with opened(home) as store:
        store.signals.amend(builders.signal(coin="ETH", decision=EXECUTE, created_at=START))
        made = builders.position(
            coin="ETH",
            side=Side.LONG,
            opened_at=START,
            entry_price=2_000.1,
            size=1.0,
            entry_size=1.0,
            stop_price=1_900.0,
        )
        return store.book.put_position(replace(made, best_price=2_000.1, **changes))  # type: ignore[arg-type]


@pytest.mark.usefixtures("venue")
def test_a_new_live_file_is_halted_and_watched_over(run: Run, home: Path) -> None:
    done = run("monitor --json")
    assert (done.code, done.err) == (0, "")
    assert (done.document["mode"], done.document["ok"]) == ("live", True)
    with opened(home) as store:
        halt = store.controls.halt()
    assert halt is not None
    assert halt.reason == "new live file"


def test_a_position_gets_its_stop_at_the_venue_and_its_end_in_the_book(run: Run, home: Path, venue: LocalVenue) -> None:
    run("monitor")
    venue.floor.set_leverage_by_hand(ACCOUNT, "ETH", 3)
    venue.floor.trade_by_hand(ACCOUNT, "ETH", 1.0)
    position = give_position(home)
    assert run("monitor").code == 0
    (stop,) = [order for order in venue.floor.accounts[ACCOUNT].orders.values() if order.is_open]
    with opened(home) as store:
        held = store.book.position(position.id or 0)
    assert held is not None
    assert (held.stop_confirmed, held.stop_client_order_id) == (True, stop.cloid)
    assert held.trigger_price is not None
    now = clock_of(venue).now_ms()
    venue.venue.set_mark("ETH", held.trigger_price - 1, now + 5_000)
    clock_of(venue).advance(60_000)
    assert run("monitor").code == 0
    with opened(home) as store:
        ended = store.book.position(position.id or 0)
    assert ended is not None
    assert (ended.status, ended.close_reason) == (PositionStatus.CLOSED, ExitReason.STOP_LOSS)
    assert ended.realized_pnl_usd is not None
    assert ended.realized_pnl_usd < -100


def test_without_its_database_a_position_keeps_its_stop_and_nothing_new_is_opened(
    run: Run, home: Path, venue: LocalVenue
) -> None:
    run("monitor")
    run("resume --yes")
    venue.floor.set_leverage_by_hand(ACCOUNT, "ETH", 3)
    venue.floor.trade_by_hand(ACCOUNT, "ETH", 1.0)
    give_position(home)
    run("monitor")
    account = venue.floor.accounts[ACCOUNT]
    before = {order.cloid for order in account.orders.values() if order.is_open}
    assert len(before) == 1
    for file in home.glob("live.db*"):
        file.unlink()

    told = run("monitor --json")

    assert [(each["code"], each["item"]) for each in told.document["errors"]] == [
        ("FOREIGN_POSITION", "ETH"),
        ("FOREIGN_ORDER", "ETH"),
    ]
    assert account.held("ETH") == 1.0
    assert {order.cloid for order in account.orders.values() if order.is_open} == before
    with opened(home) as store:
        assert store.controls.halt() is not None


def test_the_time_stop_leaves_a_position_by_an_order_that_is_signed(run: Run, home: Path, venue: LocalVenue) -> None:
    run("monitor")
    venue.floor.trade_by_hand(ACCOUNT, "ETH", 1.0)
    give_position(home)
    run("monitor")
    clock_of(venue).advance(73 * 3_600_000)
    assert run("monitor").code == 0
    assert venue.floor.accounts[ACCOUNT].positions == {}


@pytest.mark.parametrize("command", ["monitor", "poll", "positions", "run-all --once"])
def test_an_agent_that_isn_t_approved_ends_with_78_and_what_to_do(run: Run, venue: LocalVenue, command: str) -> None:
    venue.floor.drop_agent(AGENT)
    failed = run(command)
    assert failed.code == 78
    assert "approve an agent at app.hyperliquid.xyz/API" in failed.err


def test_a_unified_account_isn_t_entered_and_still_watched_over(run: Run, venue: LocalVenue) -> None:
    venue.floor.accounts[ACCOUNT].mode = "unifiedAccount"
    failed = run("poll")
    assert failed.code == 78
    assert "choose the classic one" in failed.err
    watched = run("monitor")
    assert watched.code == 0
    assert "mode is unifiedAccount" in watched.err


@pytest.mark.usefixtures("venue")
def test_the_accounts_own_key_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("HLCOPY_ACCOUNT_ADDRESS", AGENT)
    monkeypatch.setenv("HLCOPY_DB", str(home / "other.db"))
    failed = run("monitor")
    assert failed.code == 78
    assert "can withdraw everything" in failed.err


@pytest.mark.usefixtures("venue")
def test_the_key_is_hidden_from_every_output(home: Path, run: Run) -> None:
    run("monitor")
    for text in (AGENT_KEY, AGENT_KEY[2:]):
        assert logs.scrub(f"<{text}>") == "<[secret]>"
    for path in home.iterdir():
        if path.is_file() and path.name != "agent.key":
            assert AGENT_KEY[2:].encode() not in path.read_bytes(), path


@pytest.mark.usefixtures("venue")
def test_a_desk_reads_our_account_and_hides_the_key_first() -> None:
    settings = load_settings(dict(os.environ), None)
    clock = SystemClock()
    hidden: list[str] = []
    with open_store(settings, create=True) as store, BoundedHttp(clock) as http:
        with open_desk(settings, store, http, clock, command="positions", tell=print, hide=hidden.append) as desk:
            assert desk.clock is clock
            assert desk.exchange.account(clock.now()) is not None
        assert AGENT_KEY in hidden


@pytest.mark.parametrize(
    ("environ", "signs_for"),
    [
        ({}, "mainnet"),
        ({"HLCOPY_NETWORK": "testnet"}, "testnet"),
        ({"HLCOPY_HYPERLIQUID_URL": "http://127.0.0.1:3001"}, "testnet"),
        ({"HLCOPY_HYPERLIQUID_URL": "http://localhost:3001/"}, "testnet"),
        ({"HLCOPY_HYPERLIQUID_URL": "https://api.hyperliquid.xyz/"}, "mainnet"),
        ({"HLCOPY_HYPERLIQUID_URL": "https://proxy.example", "HLCOPY_ALLOW_PROXY": "1"}, "mainnet"),
        (
            {"HLCOPY_HYPERLIQUID_URL": "https://proxy.example", "HLCOPY_ALLOW_PROXY": "1", "HLCOPY_NETWORK": "testnet"},
            "testnet",
        ),
    ],
)
def test_a_venue_on_this_machine_is_signed_for_as_testnet_any_other_for_the_network(
    environ: dict[str, str], signs_for: str
) -> None:
    live = {"HLCOPY_MODE": "live", "HLCOPY_ACCOUNT_ADDRESS": ACCOUNT}
    assert load_settings({**live, **environ}).signs_for == signs_for
