"""Alerts and the heartbeat: who is told what, that nothing is lost, and that no tick fails for it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters import notify
from hlcopy.adapters.locks import command_lock
from hlcopy.adapters.memory import MemoryLedger
from hlcopy.cli import alerting
from hlcopy.config import Settings, load_settings
from hlcopy.domain.alerts import LASTS, Event, alert
from hlcopy.domain.book import ExitReason, PositionStatus
from hlcopy.ports import Fact, Halt
from tests.builders import T0, TRADER, action, at, order, position
from tests.cli.trading import enter, follow, open_store, wait
from tests.servers import DROP, Reply, Request, Scripted, ok
from tests.venue import START, START_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

TOKEN = "canary-token-1234"
URLS = f"json://first.example/{TOKEN} json://second.example/{TOKEN}"


class Channels:
    """Stands in for the process that sends: remembers messages, and fails for the hosts that are down."""

    def __init__(self) -> None:
        self.sent: list[notify.Message] = []
        self.down: set[str] = set()

    def send(self, messages: Sequence[notify.Message], seconds: float) -> list[str | None]:
        assert seconds <= 10
        outcomes: list[str | None] = []
        for message in messages:
            failed = any(host in message.url for host in self.down)
            outcomes.append("it wasn't taken" if failed else None)
            self.sent += [] if failed else [message]
        return outcomes

    def bodies(self, host: str = "first") -> list[str]:
        """Return the bodies that a host took since the last time."""
        found = [message.body for message in self.sent if host in message.url]
        self.sent = [message for message in self.sent if host not in message.url]
        return found


@pytest.fixture
def channels(monkeypatch: pytest.MonkeyPatch) -> Channels:
    monkeypatch.setenv("HLCOPY_ALERT_URLS", URLS)
    made = Channels()
    monkeypatch.setattr(notify, "send", made.send)
    return made


def settings(**environ: str) -> Settings:
    return load_settings({"HLCOPY_ALERT_URLS": URLS, **environ})


def noted(ledger: MemoryLedger, now: datetime = T0, **environ: str) -> list[str]:
    """Return what a look adds to the outbox, as event and the text's beginning."""
    before = len(ledger.outbox.recent(999))
    alerting.note(ledger, settings(**environ), now)
    added = ledger.outbox.recent(999)
    return [f"{each.event}: {each.text}" for each in reversed(added[: len(added) - before])]


# What is told


def test_what_was_done_with_positions_is_told_once() -> None:
    ledger = MemoryLedger()
    held = ledger.book.put_position(position(stop_confirmed=True, value_usd=7_500.0))
    assert held.id == 1
    ledger.book.log_action(action())
    ledger.book.log_action(action(action="stop_placed", price=95.0))
    (entry,) = noted(ledger)
    assert entry.startswith("entry: entered BTC Long #1: $7,500.00 at 100, stop 95, copied from 0x")
    ledger.book.put_position(position(id=1, status=PositionStatus.CLOSED, realized_pnl_usd=-37.5, closed_at=at(5)))
    ledger.book.log_action(action(action="reduced", reason=ExitReason.TAKE_PROFIT, price=110.0, at=at(4)))
    ledger.book.log_action(action(action="closed", reason=ExitReason.STOP_LOSS, price=95.0, at=at(5)))
    assert noted(ledger, at(6)) == [
        "exit: took part of BTC Long #1 at 110: TAKE_PROFIT",
        "exit: closed BTC Long #1 at 95: STOP_LOSS, result -$37.50",
    ]
    assert noted(ledger, at(7)) == []


def test_where_alerts_are_new_nobody_is_told_of_old_times() -> None:
    ledger = MemoryLedger()
    ledger.book.put_position(position(stop_confirmed=True))
    ledger.book.log_action(action())
    assert noted(ledger, at(16)) == []


def failing(ledger: MemoryLedger, command: str, runs: str, *, start: float = 0) -> None:
    """Let a command have run, a minute apart: + was done, - failed, ? never ended."""
    for number, run in enumerate(runs):
        moment = at(start + number)
        run_id = ledger.runs.start(command, moment)
        if run != "?":
            ledger.runs.finish(run_id, moment, ok=run == "+", counts={}, errors=[] if run == "+" else ["no venue"])


def bare(ledger: MemoryLedger) -> None:
    ledger.book.put_position(position(opened_at=at(-1)))


def fresh(ledger: MemoryLedger) -> None:
    ledger.book.put_position(position(opened_at=at(seconds=-5)))


def unanswered(ledger: MemoryLedger) -> None:
    ledger.book.put_order(order(created_at=at(-2)))


def just_sent(ledger: MemoryLedger) -> None:
    ledger.book.put_order(order(created_at=at(seconds=-30)))


def halted(ledger: MemoryLedger) -> None:
    ledger.controls.put_halt(Halt(T0, "maintenance"))


def entries(ledger: MemoryLedger) -> None:
    for number in range(10):
        closed = {"status": PositionStatus.CLOSED, "closed_at": T0, "close_reason": ExitReason.MANUAL}
        ledger.book.put_position(position(signal_id=str(number), **closed))


def expiring(ledger: MemoryLedger) -> None:
    ledger.controls.put_fact("agent_expiry", Fact("0xa is valid until tomorrow; approve a new one", T0))


@pytest.mark.parametrize(
    ("case", "make", "said"),
    [
        ("a position without a stop", bare, ["stop_missing: NO STOP is seen resting for BTC Long #1"]),
        ("one whose entry is seconds old", fresh, []),
        ("an order without an answer", unanswered, ["unresolved: UNRESOLVED: what became of an order (entry buy 2 BTC"]),
        ("one that was just sent", just_sent, []),
        ("a halt", halted, ["halt: HALTED since 2026-03-01 00:00 UTC (maintenance)"]),
        ("a breaker", entries, ["breaker: BREAKER MAX_ENTRIES_PER_DAY"]),
        ("an agent that ends soon", expiring, ["agent: AGENT: 0xa is valid until tomorrow"]),
        ("three failures", lambda ledger: failing(ledger, "poll", "---"), ["failing: FAILING: poll has failed 3 times in a row: no venue"]),
        ("three that were killed, and one at work", lambda ledger: failing(ledger, "poll", "????"), ["failing: FAILING: poll"]),
        ("two failures", lambda ledger: failing(ledger, "poll", "+--"), []),
        ("three of which one was done", lambda ledger: failing(ledger, "poll", "-+-?"), []),
        ("nothing", lambda _: None, []),
    ],
)  # fmt: skip
def test_what_stands_is_told(case: str, make: Callable[[MemoryLedger], None], said: list[str]) -> None:
    ledger = MemoryLedger()
    make(ledger)
    found = noted(ledger)
    assert len(found) == len(said), case
    assert all(each.startswith(begin) for each, begin in zip(found, said, strict=True)), found
    assert noted(ledger) == []


def test_the_end_of_a_halt_and_of_failures_is_told() -> None:
    ledger = MemoryLedger()
    halted(ledger)
    failing(ledger, "monitor", "---")
    noted(ledger)
    ledger.controls.resume(at(5))
    failing(ledger, "monitor", "+", start=5)
    assert sorted(noted(ledger, at(6))) == ["failing: monitor works again", "halt: RESUMED: entries are on again"]


def test_only_what_is_wanted_is_told() -> None:
    ledger = MemoryLedger()
    bare(ledger)
    halted(ledger)
    assert [each.split(":")[0] for each in noted(ledger, HLCOPY_ALERT_EVENTS="halt, entry")] == ["halt"]


def test_credits_that_run_low_are_told(home: Path) -> None:
    from hlcopy.adapters.store.credits import StoredMeter

    with open_store(home) as store, StoredMeter(home / "paper.db", 450) as meter:
        environ = {"NANSEN_API_KEY": "k" * 9, "HLCOPY_DB": str(home / "paper.db")}
        meter.record("leaderboard", 200, 300.0, 5_000.0, T0)
        assert list(alerting.conditions(store, settings(**environ), T0)) == []
        meter.record("leaderboard", 200, 90.0, 4_910.0, T0)
        (low,) = alerting.conditions(store, settings(**environ), T0)
    assert low.event is Event.CREDITS
    assert low.text == "CREDITS are low: 390 of 450 for today (UTC) are spent, 4910 are left at Nansen"


# On its way


def test_a_copy_is_told_to_every_channel(run: Run, home: Path, venue: LocalVenue, channels: Channels) -> None:
    enter(run, home, venue)
    for host in ("first", "second"):
        (body,) = channels.bodies(host)
        assert "entered BTC Long #1" in body
    assert run("monitor").code == 0
    assert channels.sent == []
    shown = run("alerts").out
    assert shown.splitlines()[0] == "Alerts, newest first; times are UTC"
    assert "entry         sent" in shown
    assert max(map(len, shown.splitlines())) < 80
    (row,) = run("alerts list --json --limit 1").document["alerts"]
    assert (row["event"], row["state"], row["delivered"]) == ("entry", "sent", ["1 json", "2 json"])


def test_a_channel_that_is_down_fails_no_tick_is_reported_and_gets_it_later(
    run: Run, home: Path, venue: LocalVenue, channels: Channels
) -> None:
    channels.down = {"first"}
    with open_store(home) as store:
        store.controls.put_halt(Halt(START, "by hand"))
    done = run("monitor --json")
    assert (done.code, done.document["ok"]) == (0, True)
    assert done.document["errors"] == [{"code": "ALERT_FAILED", "message": "it wasn't taken", "item": "1 json"}]
    assert len(channels.bodies("second")) == 1
    wait(venue, 1)
    told = run("monitor")
    assert (told.code, told.err) == (0, "error: monitor: 1 json: it wasn't taken (ALERT_FAILED)\n")
    assert "failed 2x" in run("alerts").out
    (check,) = [each for each in run("doctor --json").document["checks"] if each["name"] == "alerts"]
    assert check["ok"] is False
    assert "1 couldn't be sent to 1 json" in check["said"]
    channels.down = set()
    wait(venue, 2)
    assert run("monitor --json").document["errors"] == []
    assert len(channels.bodies("first")) == 1
    assert channels.bodies("second") == []  # it has had it


def test_an_alert_is_told_again_after_a_death_before_that_was_noted(
    run: Run, home: Path, venue: LocalVenue, channels: Channels, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(home) as store:
        store.controls.put_halt(Halt(START, "by hand"))
    with monkeypatch.context() as deadly:

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        deadly.setattr(alerting, "_after", die)
        assert run("monitor").code == 130
    wait(venue, 1)
    assert run("monitor").code == 0
    assert len(channels.bodies("first")) == 2


def test_what_a_tick_that_died_had_done_is_told_by_the_next(
    run: Run, home: Path, venue: LocalVenue, channels: Channels, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(home, venue, TRADER)
    venue.venue.trade(TRADER, "BTC", 1.0, START_MS)
    wait(venue, 6)
    run("poll")
    wait(venue, 10)
    with monkeypatch.context() as deadly:

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        deadly.setattr(alerting, "note", die)
        assert run("poll").code == 130
    assert channels.sent == []
    wait(venue, 1)
    run("monitor")
    (body,) = channels.bodies("first")
    assert "entered BTC Long" in body


def test_nothing_is_sent_by_two_at_once_nor_when_nothing_waits(home: Path, channels: Channels) -> None:
    rules = settings(HLCOPY_DB=str(home / "paper.db"))
    with open_store(home) as store:
        store.outbox.add([alert(Event.ENTRY, "k", "text", T0)])
        with command_lock(home / "paper.db", "alerts"):
            assert alerting.deliver(store, rules, T0) == ()
        assert channels.sent == []
        assert alerting.deliver(store, rules, T0) == ()
        assert alerting.deliver(store, rules, T0) == ()
    assert channels.bodies("first") == ["03-01 00:00 UTC text"]


def test_many_alerts_go_in_few_messages_and_old_ones_are_given_up(home: Path, channels: Channels) -> None:
    rules = settings(HLCOPY_DB=str(home / "paper.db"))
    with open_store(home) as store:
        store.outbox.add([alert(Event.EXIT, "old", "old", at(-1) - LASTS)])
        store.outbox.add([alert(Event.ENTRY, f"k{number}", f"text {number}", T0) for number in range(45)])
        for _ in range(3):
            alerting.deliver(store, rules, at(1))
        assert store.outbox.waiting(at(1)) == []
    assert [len(body.splitlines()) for body in channels.bodies("first")] == [20, 20, 5]


def test_an_unexpected_trouble_with_alerts_fails_no_tick(
    run: Run, venue: LocalVenue, channels: Channels, monkeypatch: pytest.MonkeyPatch
) -> None:
    del venue, channels

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(alerting, "note", broken)
    done = run("monitor --json")
    assert done.code == 0
    assert done.document["errors"][0]["code"] == "ALERT_FAILED"
    assert "ZeroDivisionError" in done.document["errors"][0]["message"]


def test_a_tick_that_can_t_begin_three_times_is_told(
    run: Run, venue: LocalVenue, channels: Channels, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hlcopy.errors import ConfigError
    from hlcopy.wiring import desks

    def refused(*_: object, **__: object) -> None:
        message = "the agent has expired"
        raise ConfigError(message)

    monkeypatch.setattr(desks, "open_desk", refused)
    for _ in range(3):
        assert run("monitor").code == 78
        wait(venue, 1)
    (body,) = channels.bodies("first")
    assert "FAILING: monitor has failed 3 times in a row: the agent has expired" in body


# With apprise itself


def test_apprise_sends_where_it_is_told_and_nowhere_else(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: Request) -> Reply:
        moved: Reply = (302, {"location": f"{elsewhere.url}/x"}, b"")
        return moved if request.path == "/moved" else ok({})

    with Scripted() as elsewhere, Scripted(answer) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, elsewhere.url)
        host = server.url.removeprefix("http://")
        urls = (f"json://{host}/{TOKEN}", f"json://{host}/moved", f"json://127.0.0.1:1/{TOKEN}", f"nonsense://{TOKEN}")
        monkeypatch.setenv("HLCOPY_ALERT_URLS", ", ".join(urls))
        done = run("alerts test --json")
        assert done.code == 1
        assert [each["channel"] for each in done.document["channels"]] == ["1 json", "2 json", "3 json", "4 nonsense"]
        assert [each["ok"] for each in done.document["channels"]] == [True, False, False, False]
        assert done.document["channels"][3]["message"] == "apprise doesn't understand this URL"
        assert elsewhere.requests == []
        (arrived,) = [each for each in server.requests if each.path == f"/{TOKEN}"]
        assert (arrived.json["title"], arrived.json["message"]) == (
            "hlcopy paper mainnet: test",
            "This is how alerts arrive.",
        )
    assert TOKEN not in done.out + done.err
    assert not any(TOKEN.encode() in file.read_bytes() for file in home.rglob("*") if file.is_file())


def test_who_doesn_t_answer_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/sh")  # reads -P as its own option, fails, and says nothing
    assert notify.send([notify.Message(url="json://x", title="t", body="b")], 5.0) == ["no answer in time"]
    monkeypatch.setattr("sys.executable", "/nowhere")
    (why,) = notify.send([notify.Message(url="json://x", title="t", body="b")], 5.0)
    assert why is not None
    assert why.startswith("no process")


def test_without_channels_nothing_is_noted_and_a_test_says_what_to_set(run: Run, home: Path, venue: LocalVenue) -> None:
    del venue
    with open_store(home) as store:
        store.controls.put_halt(Halt(START, "by hand"))
    assert run("monitor").code == 0
    listed = run("alerts")
    assert listed.out.startswith("Alerts: none\nNobody is told anything: set HLCOPY_ALERT_URLS")
    wrong = run("alerts test")
    assert (wrong.code, wrong.out) == (78, "")
    assert "HLCOPY_ALERT_URLS is empty" in wrong.err


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ("tgram://a/b", ["1 tgram"]),
        ("mailto://u:p@x.y?to=a@b.c,d@e.f discord://i/t", ["1 mailto", "2 discord"]),
        ("json://a,json://b", ["1 json", "2 json"]),
    ],
)
def test_channels_are_called_by_kind_and_number(given: str, labels: list[str]) -> None:
    found = settings(HLCOPY_ALERT_URLS=given).alert_channels
    assert list(found) == labels
    assert all("://" in url and " " not in url for url in found.values())


# The heartbeat


def test_each_tick_says_that_it_begins_and_how_it_ended(
    run: Run, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    del venue
    with Scripted(lambda _: ok({})) as watchman:
        monkeypatch.setenv("HLCOPY_HEARTBEAT_URL", f"{watchman.url}/{TOKEN}/hlcopy-{{tick}}?create=1")
        assert run("monitor --json").document["errors"] == []
        assert run("poll").code == 0
        paths = [request.path for request in watchman.requests]
    monitor, poll = (f"/{TOKEN}/hlcopy-{tick}" for tick in ("monitor", "poll"))
    assert paths == [f"{path}{end}?create=1" for path in (monitor, poll) for end in ("/start", "")]


def test_a_tick_that_failed_or_crashed_or_couldn_t_alert_says_so(
    run: Run, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hlcopy.errors import TryLaterError

    def raising(error: Exception) -> Callable[..., None]:
        def work(*_: object) -> None:
            raise error

        return work

    del venue
    with Scripted(lambda _: ok({})) as watchman:
        monkeypatch.setenv("HLCOPY_HEARTBEAT_URL", f"{watchman.url}/x")
        for error, code in ((TryLaterError("down"), 75), (ZeroDivisionError(), 3)):
            monkeypatch.setattr("hlcopy.ticks.monitor.run", raising(error))
            assert run("monitor").code == code
        assert [request.path for request in watchman.requests] == ["/x/start", "/x/fail"] * 2


@pytest.mark.parametrize(("reply", "why"), [((500, {}, b""), "it answers 500"), (DROP, "the connection broke off")])
def test_a_watchman_that_is_away_fails_no_tick_and_is_reported(
    run: Run, venue: LocalVenue, monkeypatch: pytest.MonkeyPatch, reply: Reply, why: str
) -> None:
    del venue
    monkeypatch.setattr("hlcopy.cli.heartbeat.PATIENCE_S", 0.2)
    with Scripted(lambda _: reply) as watchman:
        monkeypatch.setenv("HLCOPY_HEARTBEAT_URL", f"{watchman.url}/{TOKEN}")
        done = run("monitor --json")
    assert (done.code, done.document["ok"]) == (0, True)
    (error,) = done.document["errors"]
    assert (error["code"], error["item"]) == ("HEARTBEAT_FAILED", "127.0.0.1")
    assert why in error["message"]
    assert TOKEN not in done.out + done.err


def test_what_waits_is_what_is_within_its_time(home: Path) -> None:
    with open_store(home) as store:
        store.outbox.add([alert(Event.ENTRY, "k", "text", T0)])
        assert store.outbox.waiting(T0 + LASTS - timedelta(seconds=1))
        assert not store.outbox.waiting(T0 + LASTS)
        assert store.outbox.prune(at(1)) == 1
