"""`hlcopy gates` on what a paper ledger's ticks really decided, over HTTP: what it says, downloads and refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from freezegun import freeze_time

from hlcopy.adapters.locks import command_lock
from hlcopy.adapters.store import Binding, Store
from hlcopy.domain.models import SkipReason
from tests.backtest.test_gates import DAYS, two_gates
from tests.builders import TRADER, at, signal
from tests.cli.trading import follow, open_store, wait
from tests.venue import MINUTE_MS, START_MS, clock_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

REFUSED = (500, {"content-type": "application/json"}, b"null")
FEE = 0.00045
HOURLY_FUNDING = 0.0000125
HOURS = 72


@pytest.fixture
def decided(run: Run, home: Path, venue: LocalVenue) -> LocalVenue:
    """A morning on which poll refuses $30,000 of BTC as too small and $30,000 of SOL as too light, at 0:16."""
    follow(home, venue, TRADER)
    for coin, size in (("BTC", 0.5), ("SOL", 200.0)):
        venue.venue.trade(TRADER, coin, size, START_MS)
    wait(venue, 16)
    assert sorted(each["decision"] for each in run("poll --json").document["decisions"]) == [
        "SKIP_LOW_WEIGHT",
        "SKIP_SIZE_TOO_SMALL",
    ]
    # BTC falls through the stop within a minute, SOL rises past the first tier and stays there.
    venue.venue.set_mark("BTC", 54_000.0, START_MS + 20 * MINUTE_MS + 30_000)
    venue.venue.set_mark("SOL", 170.0, START_MS + 20 * MINUTE_MS + 30_000)
    return venue


def hours_later(venue: LocalVenue, hours: float) -> None:
    clock_of(venue).set(START_MS + round(hours * 60) * MINUTE_MS)


def by_decision(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {gate["decision"]: gate for gate in document["gates"]}


def asked(venue: LocalVenue) -> Counter[str]:
    """Return the requests so far, but for those that only read the time."""
    counted = venue.usage.requests.copy()
    counted.pop("clock", None)
    return counted


def bought(price: float, slip: float) -> float:
    return price * (1 + slip)


def sold(price: float, slip: float) -> float:
    return price * (1 - slip)


# What it says


def test_an_avoided_loss_and_a_missed_gain_are_told_to_the_cent(run: Run, decided: LocalVenue) -> None:
    """Of every $10,000 refused; slippage is that of an order of next to nothing: 0.02 % for BTC, 0.08 % for SOL."""
    hours_later(decided, HOURS + 1)
    done = run("gates --json")
    document = done.document
    assert (done.code, done.err, decided.crashes) == (0, "", [])
    assert list(document) == ["command", "ok", "source", "from", "to", "gates", "warnings", "errors"]
    told = ["gates", True, "ledger", "2026-02-03", "2026-03-04", []]
    assert [document[key] for key in ("command", "ok", "source", "from", "to", "errors")] == told
    found = by_decision(document)

    entry = bought(60_000.0, 0.0002)
    stop = sold(57_012.0, 0.0002)  # 5 % below the entry, up to the next whole dollar
    assert entry * 0.95 == pytest.approx(57_011.4)
    loss = (stop - entry - FEE * (stop + entry)) / entry
    small = found["SKIP_SIZE_TOO_SMALL"]
    assert round(100 * small["loss_avoided_pct"]) == round(10_000 * loss)
    assert (small["gain_missed_pct"], small["followed"], small["pending"], small["unknown"]) == (0.0, 1, 0, 0)

    entry = bought(150.0, 0.0008)
    exit_ = sold(170.0, 0.0008)  # a quarter at the first tier, the rest when its hours were over
    funding = HOURS * HOURLY_FUNDING * 0.75 * 170.0
    gain = (exit_ - entry - FEE * (exit_ + entry) - funding) / entry
    light = found["SKIP_LOW_WEIGHT"]
    assert round(100 * light["gain_missed_pct"]) == round(10_000 * gain)
    assert (light["loss_avoided_pct"], light["followed"], light["verdict"]) == (0.0, 1, "unknown")
    assert found["EXECUTE"]["refused"] == 0


def test_only_the_candles_and_rates_that_are_needed_are_downloaded_and_only_once(
    run: Run, home: Path, decided: LocalVenue
) -> None:
    hours_later(decided, HOURS + 1)
    before = asked(decided)
    first = run("gates --json")
    assert asked(decided) - before == {"meta": 1, "candleSnapshot": 2, "fundingHistory": 2}
    with open_store(home) as store:
        assert {each.coin for each in store.history.candle_coverage()} == {"BTC", "SOL"}
        signals = store.signals.list()
    before = asked(decided)
    again = run("gates --json")
    assert (again.out, asked(decided)) == (first.out, before)
    assert run("gates --no-fetch --json").out == first.out
    with open_store(home) as store:
        assert store.signals.list() == signals


def test_entries_whose_hours_aren_t_over_are_pending_and_nothing_is_downloaded_for_them(
    run: Run, decided: LocalVenue
) -> None:
    hours_later(decided, HOURS)
    before = asked(decided)
    done = run("gates --json")
    assert (done.code, asked(decided)) == (0, before)
    for decision in ("SKIP_LOW_WEIGHT", "SKIP_SIZE_TOO_SMALL"):
        gate = by_decision(done.document)[decision]
        assert [gate[key] for key in ("refused", "followed", "pending", "unknown", "mean_pct")] == [1, 0, 1, 0, None]


def test_what_was_copied_is_told_beside_and_what_still_waits_isn_t_judged(run: Run, decided: LocalVenue) -> None:
    hours_later(decided, 1)
    decided.venue.trade(TRADER, "ETH", 30.0, START_MS + 60 * MINUTE_MS)
    hours_later(decided, 1.1)
    assert [each["decision"] for each in run("poll --json").document["decisions"]] == ["DEFERRED"]
    waiting = run("gates --json").document
    assert "UNDECIDED: orders that are still deferred, and not judged here: 1" in waiting["warnings"]
    hours_later(decided, 1.27)
    assert [each["decision"] for each in run("poll --json").document["decisions"]] == ["EXECUTE"]
    hours_later(decided, HOURS + 2)
    passed = by_decision(run("gates --json").document)["EXECUTE"]
    assert (passed["refused"], passed["followed"], passed["verdict"]) == (1, 1, None)


def test_a_period_is_of_whole_days_up_to_today(run: Run, decided: LocalVenue) -> None:
    hours_later(decided, HOURS + 1)
    for options, first, last, refused in (
        ("", "2026-02-03", "2026-03-04", 2),
        ("--days 4", "2026-03-01", "2026-03-04", 2),
        ("--days 3", "2026-03-02", "2026-03-04", 0),
        ("--from 2026-03-01", "2026-03-01", "2026-03-04", 2),
        ("--from 2026-03-01 --to 2026-03-01", "2026-03-01", "2026-03-01", 2),
        ("--from 2026-03-04", "2026-03-04", "2026-03-04", 0),
        ("--from 2026-02-01 --to 2026-02-28", "2026-02-01", "2026-02-28", 0),
    ):
        document = run(f"gates {options} --json").document
        assert (document["from"], document["to"]) == (first, last), options
        assert sum(gate["refused"] for gate in document["gates"]) == refused, options


def test_the_text_names_the_ledger_and_fits_80_columns(run: Run, decided: LocalVenue) -> None:
    hours_later(decided, HOURS + 1)
    done = run("gates")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Gates in what the ledger decided from 2026-02-03 to 2026-03-04 (UTC)\n")
    assert max(map(len, done.out.splitlines())) <= 80
    assert ["SKIP_SIZE_TOO_SMALL", "1", "1", "0", "-5.11%", "0.00%"] in [line.split() for line in done.out.splitlines()]


@pytest.mark.usefixtures("venue")
def test_a_ledger_without_decisions_is_told_in_place_of_empty_tables(run: Run, home: Path) -> None:
    with open_store(home):
        pass
    done = run("gates")
    assert (done.code, done.err) == (0, "")
    assert "No entry was judged." in done.out
    assert "NO_DECISIONS: no order was judged in this period; hlcopy poll" in done.out
    assert "DECISION " not in done.out
    assert by_decision(run("gates --json").document)["EXECUTE"]["mean_pct"] is None


def test_the_same_decisions_are_judged_the_same_in_a_replay_and_in_a_ledger(run: Run, database: Path) -> None:
    world, period = two_gates(), f"--from 2026-03-01 --to 2026-03-{DAYS}"
    kept = database.with_name("kept.db")
    with Store.open(database, Binding("paper", "mainnet")) as store:
        world.store(store)
    replayed = run(f"gates {period} --trader {TRADER}=1000000 --json").document
    assert run(f"backtest {period} --trader {TRADER}=1000000 --save {kept} --quiet").code == 0
    with Store.open(kept, Binding("paper", "mainnet")) as store:
        for candles in world.candles.values():
            store.history.add_candles(candles)
    with freeze_time(at(days=DAYS)):
        decided = run(f"gates {period} --no-fetch --json --db {kept}").document
    assert (replayed["source"], decided["source"]) == ("replay", "ledger")
    assert decided["gates"] == replayed["gates"]
    assert {gate["verdict"] for gate in decided["gates"]} == {"earns its place", "does not", None}


# What can't be read


@pytest.mark.usefixtures("impatient")
def test_offline_with_nothing_stored_the_remedy_is_told(run: Run, decided: LocalVenue) -> None:
    hours_later(decided, HOURS + 1)
    decided.faults = lambda kind: None if kind == "clock" else REFUSED
    down = run("gates")
    assert (down.code, down.out) == (75, "")
    assert down.err.endswith(
        "error: no stored candles tell of the 2 entries in BTC, SOL, and Hyperliquid can't be read now;"
        " run `hlcopy gates` again later\n"
    )
    refused = run("gates --no-fetch --json")
    assert (refused.code, refused.out) == (2, "")
    assert "run without --no-fetch, or import some with: hlcopy data import candles FILE" in refused.err


def test_what_can_t_be_read_is_named_and_the_rest_is_judged(
    run: Run, decided: LocalVenue, request: pytest.FixtureRequest
) -> None:
    hours_later(decided, HOURS + 1)
    assert run("data fetch --from 2026-02-28 --to 2026-03-04 --coin BTC").code == 0
    request.getfixturevalue("impatient")
    decided.faults = lambda kind: REFUSED if kind == "candleSnapshot" else None
    done = run("gates --json")
    found = by_decision(done.document)
    assert (done.code, done.document["ok"]) == (1, False)
    assert done.document["errors"] == ["CANDLES_UNREADABLE: candles of SOL can't be read now"]
    assert (found["SKIP_SIZE_TOO_SMALL"]["followed"], found["SKIP_LOW_WEIGHT"]["unknown"]) == (1, 1)
    lost = "NOT_FOLLOWED: entries with no price, or no trade at it, when they were decided: SOL 1"
    assert lost in done.document["warnings"]
    assert "error: CANDLES_UNREADABLE: candles of SOL can't be read now" in run("gates").err


def test_a_coin_that_the_venue_no_longer_lists_is_unknown(run: Run, home: Path, decided: LocalVenue) -> None:
    with open_store(home) as store:
        gone = signal(coin="GONE", decision=SkipReason.LOW_WEIGHT.value, trade_time=at(), updated_at=at())
        store.signals.decide(gone, ["gone"])
    hours_later(decided, HOURS + 1)
    done = run("gates --json")
    assert done.code == 0
    assert "COIN_GONE: the venue no longer lists GONE" in done.err
    light = by_decision(done.document)["SKIP_LOW_WEIGHT"]
    assert (light["refused"], light["followed"], light["unknown"]) == (2, 1, 1)


def test_while_another_fetch_is_running_it_is_waited_for(run: Run, database: Path, decided: LocalVenue) -> None:
    hours_later(decided, HOURS + 1)
    with command_lock(database, "fetch"):
        busy = run("gates")
    assert (busy.code, busy.out) == (75, "")
    assert "another `hlcopy data fetch` is filling" in busy.err


# What it refuses


@pytest.mark.usefixtures("venue")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--days 3 --from 2026-02-28", "--days counts back from today: give it alone, or --from and --to"),
        ("--to 2026-02-28", "--to needs --from"),
        ("--from 2026-02-28 --to 2026-02-27", "--to 2026-02-27 lies before --from 2026-02-28"),
        ("--from 2026-03-02", "--from 2026-03-02 lies in the future: today is 2026-03-01"),
        ("--from soon", "--from must be a day such as 2025-03-16, not 'soon'"),
        ("--days 0", "must be from 1 to 3650, not 0"),
        ("--days few", "must be a whole number, not 'few'"),
        (f"--trader {TRADER}=1", "a replay of recorded history needs --from and --to"),
        (f"--trader {TRADER}=1 --days 3", "a replay of recorded history needs --from and --to"),
        ("--replay --from 2026-02-28", "a replay of recorded history needs --from and --to"),
        ("--backdate-equity", "--backdate-equity is for a replay with traders chosen by score"),
        (f"--from 2026-02-27 --to 2026-02-28 --trader {TRADER}=1 --no-fetch", "--no-fetch is for the ledger's own"),
    ],
)
def test_options_that_make_no_sense_are_wrong_usage(run: Run, home: Path, options: str, said: str) -> None:
    with open_store(home):
        pass
    wrong = run(f"gates {options}")
    assert (wrong.code, wrong.out) == (2, "")
    assert said in wrong.err
    assert wrong.err.count("\n") == 1


@pytest.mark.usefixtures("decided")
def test_an_end_in_the_future_is_clipped_with_a_warning(run: Run) -> None:
    done = run("gates --from 2026-03-01 --to 2026-05-01 --json")
    assert (done.code, done.document["to"]) == (0, "2026-03-01")
    assert done.err == "warning: TO_CLIPPED: --to 2026-05-01 lies in the future; judged up to now, 2026-03-01\n"


def test_without_a_database_the_remedy_is_told_and_none_is_made(run: Run, database: Path) -> None:
    refused = run("gates")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"error: there is no database at {database}")
    assert list(database.parent.iterdir()) == []
