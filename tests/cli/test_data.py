from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from hlcopy.adapters.locks import account_lock
from hlcopy.adapters.store import Binding, Store
from hlcopy.adapters.store.history import StoredHistory
from hlcopy.cli import importing
from tests.builders import TRADER, at, trader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hlcopy.domain.candles import Candles
    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]
    Rows = list[dict[str, Any]]

T0 = 1_735_689_600_000
USER = "0x" + "A" * 40
MINUTE = 60_000


def fill(tid: int, start: float, size: float = 1.0, **more: object) -> dict[str, Any]:
    row = {
        "user": USER,
        "coin": "BTC",
        "px": 100.0,
        "sz": size,
        "side": "B",
        "time": T0 + tid * 1000,
        "startPosition": start,
        "dir": "Open Long",
        "closedPnl": 0.0,
        "hash": "0x0",
        "oid": tid // 2 + 1,
        "crossed": "true",
        "fee": 0.1,
        "tid": tid,
    }
    return row | more


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


CHAIN = [fill(0, 0), fill(1, 1), fill(2, 2), fill(3, 5)]  # from 3 to 5: a gap
CANDLES = [{"coin": "BTC", "t": T0 + n * MINUTE, "o": 1, "h": 1, "l": 1, "c": 1, "v": 0} for n in (0, 1, 2, 5)]
FUNDING = [{"coin": "BTC", "time": T0 + 37, "fundingRate": "0.00001"}]


@pytest.fixture
def files(home: Path) -> Path:
    folder = home / "files"
    folder.mkdir()
    (folder / "fills.csv").write_bytes(as_csv(CHAIN))
    (folder / "candles.csv.gz").write_bytes(gzip.compress(as_csv(CANDLES)))
    (folder / "funding.json").write_text(json.dumps(FUNDING))
    return folder


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("kind", "name", "rows", "warnings"),
    [
        ("fills", "fills.csv", 4, ["1 gap in positions; see `hlcopy data status`"]),
        ("candles", "candles.csv.gz", 4, ["BTC: 2 candles are missing between the first and the last"]),
        ("funding", "funding.json", 1, []),
    ],
)
def test_importing_twice_adds_once(run: Run, files: Path, kind: str, name: str, rows: int, warnings: list[str]) -> None:
    for added in (rows, 0):
        done = run(f"data import {kind} --json", str(files / name))
        assert (done.code, done.err) == (0, "")
        assert done.document == {"kind": kind, "files": 1, "read": rows, "added": added, "warnings": warnings}


@pytest.mark.parametrize("quiet", [False, True])
def test_an_import_speaks_plainly_and_warns_on_standard_error(
    run: Run, files: Path, database: Path, *, quiet: bool
) -> None:
    name = str(files / "candles.csv.gz")
    done = run(f"data import candles {'--quiet' if quiet else ''}", name, name)
    assert done.out == f"candles: read 8 rows, added 4 to {database}\n"
    assert ("warning: BTC: 2 candles are missing" in done.err) is not quiet


def test_an_import_is_logged_and_leaves_no_write_ahead_log(run: Run, files: Path, database: Path) -> None:
    run("data import fills", str(files / "fills.csv"))
    assert json.loads(database.with_suffix(".log").read_text())["added"] == 4
    assert not database.with_name("paper.db-wal").exists()


def test_an_import_doesn_t_wait_for_a_tick_that_trades(run: Run, files: Path, database: Path) -> None:
    with account_lock(database, 0):
        assert run("data import fills", str(files / "fills.csv")).code == 0


def test_rows_that_repeat_are_told(run: Run, files: Path, database: Path) -> None:
    assert not database.exists()
    name = str(files / "fills.csv")
    done = run("data import fills --json", name, name)
    assert (done.document["files"], done.document["read"], done.document["added"]) == (2, 8, 4)
    assert done.document["warnings"][0] == "4 rows repeat others of these files"


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("kind", "name"), [("candles", "candles.csv.gz"), ("funding", "funding.json")])
def test_rows_that_stand_in_two_files_are_told(run: Run, files: Path, kind: str, name: str) -> None:
    (files / "again").write_bytes((files / name).read_bytes())
    done = run(f"data import {kind} --json", str(files / name), str(files / "again")).document
    assert done["read"] == 2 * done["added"]
    repeats = "1 row repeats others" if kind == "funding" else "4 rows repeat others"
    assert done["warnings"][0] == f"{repeats} of these files"


def test_candles_missing_are_counted_over_all_files_of_a_call(run: Run, home: Path, database: Path) -> None:
    assert not database.exists()
    for name, minutes in (("late", (7, 8)), ("early", (0, 1, 2, 3)), ("middle", (3, 4, 5))):
        (home / name).write_bytes(as_csv([CANDLES[0] | {"t": T0 + minute * MINUTE} for minute in minutes]))
    warnings = run("data import candles late early middle --json").document["warnings"]
    assert warnings == [
        "1 row repeats others of these files",
        "BTC: 1 candle is missing between the first and the last",
    ]


@pytest.mark.parametrize(
    ("kind", "stored", "given", "said"),
    [
        (
            "fills",
            CHAIN[:3],
            [CHAIN[0] | {"px": 9}, CHAIN[1], CHAIN[2] | {"time": T0 + 9}],
            "2 fills differ from stored ones",
        ),
        ("fills", CHAIN[:3], [CHAIN[0], fill(3, 3), CHAIN[1] | {"fee": 1}], "1 fill differs from a stored one"),
        ("candles", CANDLES, [row | {"v": 1} for row in CANDLES], "4 candles of BTC differ from stored ones"),
        ("candles", CANDLES, [CANDLES[1] | {"h": 2}, CANDLES[2]], "1 candle of BTC differs from a stored one"),
        ("funding", FUNDING, [FUNDING[0] | {"fundingRate": 0}], "1 funding rate of BTC differs from a stored one"),
    ],
)
def test_what_is_stored_stays_and_what_differs_is_told(
    run: Run, home: Path, database: Path, kind: str, stored: Rows, given: Rows, said: str
) -> None:
    (home / "stored").write_bytes(as_csv(stored))
    (home / "given").write_bytes(as_csv(given))
    assert run(f"data import {kind} stored").code == 0
    before = recorded(database)
    done = run(f"data import {kind} given --json").document
    assert f"{said}, which {'were' if 'ones' in said else 'was'} kept" in done["warnings"]
    assert [row for row in recorded(database) if row in before] == before
    assert len(recorded(database)) - len(before) == done["added"]


def recorded(database: Path) -> list[object]:
    """Return everything recorded, value by value."""
    with Store.open(database, Binding("paper", "mainnet")) as store:
        history = store.history
        fills = [fill for each in history.fill_coverage() for fill in history.fills(each.trader)]
        found = history.candles("BTC", MINUTE, 0, 2**50)
        candles = list(zip(*(getattr(found, name).tolist() for name in "tohlcv"), strict=True))
        return [*fills, *candles, *history.funding("BTC", at(days=-9999), at(0))]


def test_gaps_of_the_imported_traders_are_told_as_they_are_stored(run: Run, home: Path, database: Path) -> None:
    assert not database.exists()
    (home / "holed").write_bytes(as_csv([CHAIN[0], CHAIN[2]]))
    (home / "filled").write_bytes(as_csv([CHAIN[1]]))
    (home / "other").write_bytes(as_csv([CHAIN[0] | {"user": "0x" + "b" * 40}]))
    assert run("data import fills holed --json").document["warnings"] == [
        "1 gap in positions; see `hlcopy data status`"
    ]
    assert run("data import fills other --json").document["warnings"] == []
    assert run("data import fills filled --json").document["warnings"] == []


def test_gaps_aren_t_looked_for_in_very_many_fills(
    run: Run, files: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not database.exists()
    monkeypatch.setattr(importing, "_MOST_CHECKED", 3)
    assert run("data import fills --json", str(files / "fills.csv")).document["warnings"] == []


def test_newest_first_rows_keep_the_order_of_arrival(run: Run, home: Path, database: Path) -> None:
    same_moment = [fill(tid, start, time=T0 + tid // 2) for tid, start in enumerate((0, 1, 2, 3))]
    (home / "userFills.json").write_text(json.dumps([{**row, "user": None} for row in reversed(same_moment)]))
    assert run("data import fills userFills.json --trader", USER).code == 0
    with Store.open(database, Binding("paper", "mainnet")) as store:
        assert [stored.tid for stored in store.history.fills(USER.lower())] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("kind", "good", "bad", "said"),
    [
        ("fills", as_csv(CHAIN), as_csv([CHAIN[0], CHAIN[1] | {"px": "x"}]), "bad line 3: px: "),
        ("fills", as_csv(CHAIN), json.dumps([CHAIN[0], 5]).encode(), "bad row 2: must be a JSON object"),
        ("candles", as_csv(CANDLES), as_csv([CANDLES[0] | {"h": 0.5}]), "bad line 2: h: "),
        ("funding", as_csv(FUNDING), as_csv([FUNDING[0] | {"time": 1}]), "bad line 2: time: "),
        ("fills", as_csv(CHAIN), as_csv(CANDLES), "bad: not fills: no column .* this looks like candles"),
        ("candles", as_csv(CANDLES), b"BTC,1,2,3\n", "bad line 1: is no header; expected coin,t,o,h,l,c,v"),
        ("fills", as_csv(CHAIN), b"BTC,1,2,3\n", "bad line 1: is no header; expected user,coin,px,sz"),
        ("fills", as_csv(CHAIN), b"", "bad is empty"),
        ("fills", as_csv(CHAIN), b"\x00\xff\xfe", "bad isn't text"),
        ("fills", as_csv(CHAIN), gzip.compress(as_csv(CHAIN), mtime=0)[:-9], "bad is cut off"),
        ("fills", as_csv(CHAIN), None, "bad can't be read"),
    ],
)
@pytest.mark.parametrize("flag", ["", "--json"])
def test_one_bad_row_and_nothing_of_any_file_is_stored(
    run: Run, home: Path, database: Path, kind: str, good: bytes, bad: bytes | None, said: str, flag: str
) -> None:
    (home / "good").write_bytes(good)
    if bad is not None:
        (home / "bad").write_bytes(bad)
    failed = run(f"data import {kind} good bad {flag}")
    assert (failed.code, failed.out) == (2, "")
    assert failed.err.count("\n") == 1
    assert re.search(said, failed.err)
    assert not database.exists()


def test_a_store_that_fails_in_the_middle_keeps_nothing(
    run: Run, files: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("data import funding", str(files / "funding.json")).code == 0
    (files / "second.csv").write_bytes(as_csv([row | {"coin": "ETH"} for row in CANDLES]))
    store_candles = StoredHistory.add_candles

    def second_fails(history: StoredHistory, candles: Candles) -> int:
        if candles.coin == "ETH":
            raise sqlite3.OperationalError
        return store_candles(history, candles)

    monkeypatch.setattr(StoredHistory, "add_candles", second_fails)
    assert run("data import candles", str(files / "candles.csv.gz"), str(files / "second.csv")).code == 3
    with Store.open(database, Binding("paper", "mainnet")) as store:
        assert store.history.candle_coverage() == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("candles x --trader 0x" + "a" * 40, "--trader is for fills only"),
        ("fills x --interval 5m", "--interval is for candles only"),
        ("fills x --trader 0x12", "must be 0x and 40 hexadecimal digits, not '0x12'"),
        ("candles x --interval 7m", "must be one of 1m, 3m"),
    ],
)
def test_options_that_don_t_fit_are_wrong_usage(run: Run, database: Path, options: str, said: str) -> None:
    wrong = run(f"data import {options}")
    assert wrong.code == 2
    assert said in wrong.err
    assert not database.exists()


def test_an_interval_may_be_named(run: Run, files: Path, database: Path) -> None:
    assert not database.exists()
    assert run("data import candles --interval 1m", str(files / "candles.csv.gz")).code == 0
    wrong = run("data import candles --interval 5m", str(files / "candles.csv.gz"))
    assert "isn't a multiple of the interval, which is 5 minutes" in wrong.err


def imported(run: Run, files: Path, database: Path) -> None:
    for kind, name in (("fills", "fills.csv"), ("candles", "candles.csv.gz"), ("funding", "funding.json")):
        assert run(f"data import {kind}", str(files / name)).code == 0
    with Store.open(database, Binding("paper", "mainnet")) as store:
        store.traders.put([trader(address=TRADER, account_value=5e6, last_scored_at=at(0))])


def test_status_tells_what_is_recorded_and_what_is_missing(run: Run, files: Path, database: Path) -> None:
    imported(run, files, database)
    assert run("data status --json").document == {
        "fills": [
            {
                "trader_address": USER.lower(),
                "from": "2025-01-01T00:00:00.000+00:00",
                "to": "2025-01-01T00:00:03.000+00:00",
                "count": 4,
                "orders": 2,
                "gaps": [{"token_symbol": "BTC", "at": "2025-01-01T00:00:03.000+00:00", "expected": 3.0, "found": 5.0}],
                "complete_from": None,
                "complete_until": None,
            }
        ],
        "candles": [
            {
                "token_symbol": "BTC",
                "interval": "1m",
                "from": "2025-01-01T00:00:00.000+00:00",
                "to": "2025-01-01T00:05:00.000+00:00",
                "count": 4,
                "missing": 2,
                "gaps": [
                    {
                        "from": "2025-01-01T00:03:00.000+00:00",
                        "to": "2025-01-01T00:04:00.000+00:00",
                        "count": 2,
                        "venue_has_none": False,
                    }
                ],
            }
        ],
        "funding": [
            {
                "token_symbol": "BTC",
                "from": "2025-01-01T00:00:00.037+00:00",
                "to": "2025-01-01T00:00:00.037+00:00",
                "count": 1,
                "missing": 0,
                "gaps": [],
            }
        ],
        "equity": [{"trader_address": TRADER, "account_value": 5e6, "as_of": "2026-03-01T00:00:00.000+00:00"}],
        "equity_points": [],
    }


def test_status_is_plain_text_when_no_terminal_looks(run: Run, files: Path, database: Path) -> None:
    imported(run, files, database)
    shown = run("data status")
    assert shown.err == ""
    assert "0xaaaa…aaaa  2025-01-01  2025-01-01      4       2     1  yes     -" in shown.out
    assert "0xaaaa…aaaa  BTC   2025-01-01 00:00         3      5" in shown.out
    assert "\x1b" not in shown.out


def test_status_of_an_empty_file_says_none(run: Run, database: Path) -> None:
    Store.open(database, Binding("paper", "mainnet")).close()
    assert run("data status").out == "Fills: none\n\nCandles: none\n\nFunding: none\n\nEquity through time: none\n"
