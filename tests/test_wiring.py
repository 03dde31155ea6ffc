"""The composition root: what is asked at once, what bounds a request, and which adapters the settings choose."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.hyperliquid.board import PublicLeaderboard
from hlcopy.adapters.hyperliquid.client import InfoClient
from hlcopy.adapters.hyperliquid.profiles import HyperliquidProfiles
from hlcopy.adapters.hyperliquid.source import HyperliquidSource
from hlcopy.adapters.locks import account_lock
from hlcopy.adapters.memory.usage import MemoryRation
from hlcopy.adapters.nansen.board import AutoLeaderboard, NansenLeaderboard, NansenProfiles
from hlcopy.adapters.nansen.equity import WeighedSource
from hlcopy.cli.clock import SystemClock
from hlcopy.config import load_settings
from hlcopy.domain.models import HYPERLIQUID, NANSEN
from hlcopy.domain.rations import SCORE
from hlcopy.errors import RationedError, SourceDownError, TryLaterError
from hlcopy.ports import SilentProgress
from hlcopy.wiring import open_store
from hlcopy.wiring.desks import ALLOWANCES, open_desk, open_scoring_desk
from hlcopy.wiring.http import BoundedHttp, venue_time
from hlcopy.wiring.together import at_once
from tests.servers import HandClock, Scripted

if TYPE_CHECKING:
    from pathlib import Path

    from hlcopy.config import Settings


def test_answers_come_in_the_order_of_what_was_asked() -> None:
    assert at_once(lambda n: n * n, range(100)) == [n * n for n in range(100)]
    assert at_once(lambda n: n, []) == []


def test_several_are_asked_at_the_same_time_and_never_more_than_eight() -> None:
    together = threading.Barrier(8, timeout=30)
    running, most = set(), []

    def ask(n: int) -> int:
        running.add(n)
        most.append(len(running))
        together.wait()  # passes only when eight are there
        running.discard(n)
        return n

    assert at_once(ask, range(16)) == list(range(16))
    assert max(most) <= 8


def test_one_alone_is_asked_in_the_thread_that_asks() -> None:
    assert at_once(lambda _: threading.current_thread(), [1]) == [threading.current_thread()]


def test_the_first_error_ends_the_rest_and_is_raised() -> None:
    asked = []

    def ask(n: int) -> int:
        asked.append(n)
        message = f"no {n}"
        raise SourceDownError(message)

    with pytest.raises(SourceDownError, match="no "):
        at_once(ask, range(1_000))
    assert len(asked) <= 8


def test_no_request_tries_longer_than_what_is_left_of_the_tick() -> None:
    clock = HandClock()
    with Scripted(lambda *_: (503, {}, b"")) as server, BoundedHttp(clock) as http:
        for allowed in (4.0, 0.0):
            http.allow(allowed)
            began = clock.monotonic()
            with pytest.raises(SourceDownError):
                http.send("POST", f"{server.url}/info", json={}, judge=_refuse, patience=60.0)
            assert clock.monotonic() - began <= allowed
        http.allow(1_000.0)
        began = clock.monotonic()
        with pytest.raises(SourceDownError):
            http.send("POST", f"{server.url}/info", json={}, judge=_refuse, patience=6.0)
        assert clock.monotonic() - began <= 6.0


def test_a_tick_whose_time_is_up_neither_asks_nor_waits_for_its_turn_to_ask() -> None:
    clock = HandClock()
    with Scripted([]) as server, BoundedHttp(clock) as http:
        http.allow(0.0)
        with pytest.raises(SourceDownError, match="the time that a tick may take is used up"):
            http.send("POST", f"{server.url}/info", judge=_refuse, before=lambda: clock.sleep(20.0))
        assert (clock.slept, server.requests) == ([], [])


def test_turns_that_were_waited_for_lengthen_no_tick() -> None:
    clock = HandClock()
    with Scripted(lambda *_: (503, {}, b"")) as server, BoundedHttp(clock) as http:
        http.allow(10.0)
        began = clock.monotonic()
        with pytest.raises(SourceDownError):
            http.send(
                "POST",
                f"{server.url}/info",
                judge=_refuse,
                patience=60.0,
                before=lambda: clock.sleep(max(0.0, min(4.0, http.left()))),
            )
        assert len(server.requests) > 1
        assert clock.monotonic() - began <= 10.0


def test_a_request_queues_for_its_ration_no_longer_than_what_is_left_of_the_tick() -> None:
    clock, ration = HandClock(), MemoryRation(SCORE, 1_200)
    ration.take(500, clock.now())  # free again in 60 s
    with Scripted([]) as server, BoundedHttp(clock) as http:
        http.allow(30.0)
        client = InfoClient(http, server.url, ration, clock, queue_s=90.0)
        with pytest.raises(RationedError):
            client.meta()
        assert (clock.slept, server.requests) == ([], [])


def test_a_tick_waits_for_the_account_no_longer_than_it_has_left(tmp_path: Path) -> None:
    settings, clock = load_settings({"HLCOPY_DB": str(tmp_path / "x.db")}, None), SystemClock()
    with (
        open_store(settings, create=True) as store,
        BoundedHttp(clock) as http,
        open_desk(settings, store, http, clock, command="poll", tell=print, hide=print) as desk,
        account_lock(settings.database),
    ):
        http.allow(0.1)
        began = clock.monotonic()
        with pytest.raises(TryLaterError, match="another hlcopy command"), desk.account_lock():
            pass
        assert clock.monotonic() - began < 5.0


def _refuse(_answer: object) -> None:
    from hlcopy.adapters.http import RetryError

    reason = "it is down"
    raise RetryError(reason)


@pytest.mark.parametrize("answer", [(200, {}, b'{"time": "x"}'), (200, {}, b"null"), (500, {}, b'{"time": 1}')])
def test_a_venue_s_time_that_can_t_be_read_is_no_time(answer: tuple[int, dict[str, str], bytes]) -> None:
    with Scripted(lambda *_: answer) as server, BoundedHttp(HandClock()) as http, pytest.raises(SourceDownError):
        venue_time(http, server.url, patience=1.0)


def opened(settings: Settings, command: str) -> tuple[object, ...]:
    """Return what a command works with, and whose fills it reads back."""
    clock = SystemClock()
    with open_store(settings, create=True) as store, BoundedHttp(clock) as http:
        if command == "score":
            with open_scoring_desk(settings, store, http, clock, tell=print, progress=SilentProgress()) as scoring:
                return type(scoring.leaderboard), type(scoring.profiles), store.history.source
        with open_desk(settings, store, http, clock, command=command, tell=print, hide=print) as desk:
            return type(desk.source), desk.market is desk.prices, store.history.source


KEY = {"NANSEN_API_KEY": "k"}


@pytest.mark.parametrize(
    ("case", "environ", "command", "expected"),
    [
        ("nothing set", {}, "score", (PublicLeaderboard, HyperliquidProfiles, HYPERLIQUID)),
        ("a key", KEY, "score", (AutoLeaderboard, NansenProfiles, HYPERLIQUID)),
        (
            "a key, and the board named",
            {**KEY, "HLCOPY_LEADERBOARD_SOURCE": "nansen"},
            "score",
            (NansenLeaderboard, NansenProfiles, HYPERLIQUID),
        ),
        (
            "a key, and the public board",
            {**KEY, "HLCOPY_LEADERBOARD_SOURCE": "hyperliquid"},
            "score",
            (PublicLeaderboard, NansenProfiles, HYPERLIQUID),
        ),
        (
            "trades from Nansen are scored on the venue's fills",
            {**KEY, "HLCOPY_TRADE_SOURCE": "nansen"},
            "score",
            (AutoLeaderboard, NansenProfiles, HYPERLIQUID),
        ),
        ("nothing set", {}, "poll", (HyperliquidSource, True, HYPERLIQUID)),
        ("a key alone changes no trades", KEY, "poll", (HyperliquidSource, True, HYPERLIQUID)),
        (
            "trades from Nansen",
            {**KEY, "HLCOPY_TRADE_SOURCE": "nansen"},
            "poll",
            (WeighedSource, True, NANSEN),
        ),
        (
            "testnet's prices aren't the traders'",
            {"HLCOPY_NETWORK": "testnet"},
            "monitor",
            (HyperliquidSource, False, HYPERLIQUID),
        ),
    ],
)
def test_the_settings_choose_the_sources(
    tmp_path: Path, case: str, environ: dict[str, str], command: str, expected: tuple[object, ...]
) -> None:
    settings = load_settings({**environ, "HLCOPY_DB": str(tmp_path / "x.db")}, None)
    assert opened(settings, command) == expected, case


def test_every_tick_has_an_allowance_and_monitor_s_ends_before_its_next_turn() -> None:
    assert set(ALLOWANCES) == {"monitor", "poll", "positions", "score", "operate", "fetch"}
    assert ALLOWANCES["monitor"].tick_s < load_settings({}).monitor_interval_sec
    assert all(each.patience_s <= each.tick_s for each in ALLOWANCES.values())
