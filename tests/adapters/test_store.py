"""What is only true of the file: its schema, its owner, other processes, and what SQLite says when it can't."""

from __future__ import annotations

import json
import os
import signal as signals
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime, timedelta, timezone
from math import inf, nan
from textwrap import dedent
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.store import Binding, Store
from hlcopy.adapters.store.connection import in_our_words
from hlcopy.adapters.store.migrations import MIGRATIONS
from hlcopy.domain.book import ExitReason, IntentState, PositionStatus
from hlcopy.domain.models import EXECUTE, Side, from_ms
from hlcopy.errors import BadInputError, ConfigError, HlcopyError, LedgerBrokenError, LedgerDownError, TryLaterError
from hlcopy.ports import FundingRate
from tests.builders import T0, TRADER, at, candles, fill, position, signal, trader, trader_position

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAPER = Binding("paper", "mainnet")

SPECIFIED = {
    "traders": "address label score style roi_7d roi_30d account_value nof_trades last_scored_at blacklisted_until",
    "trader_positions": "address token_symbol side position_value_usd entry_price last_seen_at",
    "our_positions": "id token_symbol side entry_price size value_usd stop_price trailing_stop_price highest_price "
    "lowest_price opened_at source_trader source_signal_id status",
    "signals": "id trader_address token_symbol side action value_usd position_weight timestamp age_seconds "
    "slippage_check_passed trader_score copy_size_usd decision created_at",
    "seen_trades": "transaction_hash seen_at",
}
PROMISED = {
    "traders": "tier roi_90d win_rate disqualified_reason",
    "our_positions": "closed_at close_reason exit_price realized_pnl_usd fees_usd funding_usd tiers_taken "
    "stop_client_order_id leverage",
    "signals": "check_at slippage_pct order_type leverage",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "hlcopy.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path, PAPER) as opened:
        yield opened


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    """Ask the file as an outside reader does."""
    with closing(sqlite3.connect(path)) as reader:
        return reader.execute(sql).fetchall()


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python process that runs the code."""
    command = [sys.executable, "-c", dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def end(process: subprocess.Popen[str]) -> str:
    """Let a process go on, wait for it and return what it printed."""
    said, complaint = process.communicate("go\n", timeout=60)
    assert process.returncode == 0, complaint
    return said


@pytest.mark.parametrize("table", SPECIFIED)
def test_the_tables_have_the_specified_columns(store: Store, path: Path, table: str) -> None:
    assert store.traders.all() == []
    columns = [row[1] for row in query(path, f"PRAGMA table_info({table})")]
    assert columns[: len(SPECIFIED[table].split())] == SPECIFIED[table].split()
    assert set(PROMISED.get(table, "").split()) <= set(columns)


def test_a_new_file_and_its_log_are_for_their_owner_only(store: Store, path: Path) -> None:
    store.signals.defer(signal())
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == {"hlcopy.db": 0o600, "hlcopy.db-wal": 0o600, "hlcopy.db-shm": 0o600}


def test_a_file_that_others_may_read_is_closed_to_them(path: Path) -> None:
    Store.open(path, PAPER).close()
    path.chmod(0o644)
    Store.open(path, PAPER).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_was_written_is_there_after_reopening(path: Path) -> None:
    with Store.open(path, PAPER) as first:
        first.signals.defer(signal())
    with Store.open(path, PAPER, create=False) as second:
        assert second.signals.list() == [signal()]


def test_a_missing_file_is_named_when_it_may_not_be_made(path: Path) -> None:
    with pytest.raises(BadInputError, match=r"no database at .*hlcopy\.db; make one"):
        Store.open(path, PAPER, create=False)
    assert not path.parent.exists()


@pytest.mark.parametrize(
    "other", [Binding("live", "mainnet"), Binding("paper", "testnet"), Binding("paper", "mainnet", "0xAA")]
)
def test_a_file_bound_to_anything_else_is_refused(store: Store, path: Path, other: Binding) -> None:
    store.signals.defer(signal())
    with pytest.raises(ConfigError) as refused:
        Store.open(path, other)
    assert refused.value.exit_code == 78
    assert f"belongs to {PAPER}, not to" in str(refused.value)
    assert other.mode in str(refused.value)


def test_an_account_is_the_same_in_capitals(path: Path) -> None:
    Store.open(path, Binding("live", "mainnet", "0xAbC")).close()
    Store.open(path, Binding("live", "mainnet", "0xabc")).close()
    with pytest.raises(ConfigError, match="with account 0xabc, not to live on mainnet with account 0xdef"):
        Store.open(path, Binding("live", "mainnet", "0xDEF"))


def test_the_schema_of_a_newer_version_is_refused(path: Path) -> None:
    Store.open(path, PAPER).close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(ConfigError, match=rf"hlcopy\.db has schema {len(MIGRATIONS) + 1} of a newer hlcopy"):
        Store.open(path, PAPER)


def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(db: object) -> None:
        MIGRATIONS[0](db)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr("hlcopy.adapters.store.migrations.MIGRATIONS", (broken,))
    with pytest.raises(KeyboardInterrupt):
        Store.open(path, PAPER)
    assert query(path, "SELECT name FROM sqlite_master") == []
    assert query(path, "PRAGMA user_version") == [(0,)]


def test_a_file_of_the_second_schema_keeps_all_it_holds(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("hlcopy.adapters.store.migrations.MIGRATIONS", MIGRATIONS[:2])
        Store.open(path, PAPER).close()
    old = "identity, token_symbol, is_buy, price, size, fee, time, client_order_id, liquidation"
    moment = "2026-03-01T00:00:00.000+00:00"
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (2,)
        for table in ("our_fills", "paper_fills"):
            rows = [(name, "BTC", 1, 100.0, 2.0, 0.09, moment, "0x1", taken) for name, taken in (("a", 1), ("b", 0))]
            raw.executemany(f"INSERT INTO {table} ({old}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)  # noqa: S608
        raw.execute("UPDATE our_fills SET signal_id = 's1'")
        raw.execute(
            "INSERT INTO orders (client_order_id, purpose, signal_id, leg, attempt, token_symbol, is_buy, size, "
            "reduce_only, created_at, state, filled_size, misses) "
            "VALUES ('0x1', 'entry', 's1', 'entry', 1, 'BTC', 1, 2.0, 0, ?, 'filled', 2.0, 0)",
            (moment,),
        )
        raw.commit()
    for _ in range(2):  # the second opening finds nothing to do
        with Store.open(path, PAPER) as store:
            fills = store.book.fills("s1")
            assert [(fill.identity, fill.forced) for fill in fills] == [("a", ExitReason.LIQUIDATED), ("b", None)]
            assert fills == list(store.paper.fills(T0))
            found = store.book.order("0x1")
            assert found is not None
            assert (found.state, found.venue_order_id) == (IntentState.FILLED, None)
            assert store.controls.halt() is None
            assert store.controls.last_equity() is None
    assert query(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]


def test_a_file_of_the_third_schema_keeps_all_it_holds(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("hlcopy.adapters.store.migrations.MIGRATIONS", MIGRATIONS[:3])
        with Store.open(path, PAPER) as store:
            store.history.add_funding([FundingRate(coin="BTC", time=T0, rate=0.5)])
    for _ in range(2):  # the second opening finds nothing to do
        with Store.open(path, PAPER) as store:
            assert [each.count for each in store.history.funding_coverage()] == [1]
            assert store.history.equity_coverage() == []
            assert store.history.equity_at("0x1", T0) is None
            assert store.history.fetched("funding", "BTC", 1) == []


@pytest.mark.parametrize(
    "content", [b"not a database, just a long enough text file" * 100, b"SQLite format 3\x00" * 300]
)
def test_a_file_that_is_no_database_is_named(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"hlcopy\.db is damaged or isn't an hlcopy database"):
        Store.open(path, PAPER)
    assert path.read_bytes() == content


def test_an_empty_file_becomes_the_database(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with Store.open(path, PAPER, create=False) as opened:
        assert opened.signals.defer(signal())


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        Store.open(tmp_path, PAPER)


def test_a_folder_that_cannot_be_made_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="can't be used as the database"):
        Store.open(tmp_path / "file" / "hlcopy.db", PAPER)


@pytest.fixture
def _locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file and a folder that we may read only: what a process of root can't meet by permissions."""
    monkeypatch.setattr(os, "access", lambda *_: False)


@pytest.mark.usefixtures("_locked")
def test_a_file_that_can_t_be_written_is_read_and_left_as_it_is(path: Path) -> None:
    with Store.open(path, PAPER) as writer:
        writer.signals.defer(signal())
    path.chmod(0o644)
    before = (path.read_bytes(), path.stat())
    with Store.open(path, PAPER, create=False) as reader:
        assert reader.signals.list() == [signal()]
        assert [file.name for file in path.parent.iterdir()] == ["hlcopy.db"]
        with pytest.raises(ConfigError, match="can't be opened for writing"):
            reader.signals.defer(signal(id="another"))
    assert (path.read_bytes(), path.stat()) == before


@pytest.mark.usefixtures("_locked")
def test_a_file_that_can_t_be_written_is_read_with_what_its_log_holds(path: Path) -> None:
    with Store.open(path, PAPER) as writer:
        writer.signals.defer(signal())
        with Store.open(path, PAPER, create=False) as reader:
            assert reader.signals.list() == [signal()]
            writer.signals.defer(signal(id="another"))
            assert len(reader.signals.list()) == 2


def test_a_file_that_can_t_be_written_but_must_be_migrated_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store.open(path, PAPER).close()
    monkeypatch.setattr("hlcopy.adapters.store.migrations.MIGRATIONS", (*MIGRATIONS, lambda _: None))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigError, match="can't be opened for writing"):
        Store.open(path, PAPER, create=False)


def test_a_name_with_the_signs_of_a_url_is_a_name(tmp_path: Path) -> None:
    odd = tmp_path / "a?mode=memory#%41.db"
    Store.open(odd, PAPER).close()
    assert odd.exists()
    assert Store.open(odd, PAPER, create=False).signals.list() == []


def test_a_name_that_sqlite_cannot_open_is_a_wrong_setting(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(path, PAPER).close()
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda file, **_: connect(f"{file}/nowhere"))
    with pytest.raises(ConfigError, match="can't be opened for writing"):
        Store.open(path, PAPER)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY, LedgerDownError),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, LedgerDownError),
        (sqlite3.SQLITE_FULL, LedgerDownError),
        (sqlite3.SQLITE_IOERR_FSYNC, LedgerDownError),
        (sqlite3.SQLITE_CORRUPT, LedgerBrokenError),
        (sqlite3.SQLITE_READONLY, LedgerBrokenError),
    ],
)
def test_what_sqlite_cannot_help_is_said_in_our_words(path: Path, code: int, kind: type[HlcopyError]) -> None:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    ours = in_our_words(error, path)
    assert type(ours) is kind
    assert str(path) in str(ours)


def test_our_own_mistakes_stay_what_they_are(store: Store) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="value_usd"):
        store.signals.defer(signal(value_usd=nan))
    store.close()
    with pytest.raises(sqlite3.ProgrammingError):
        store.signals.list()


def test_a_full_disk_is_tried_later_and_loses_nothing_before_it(store: Store, path: Path) -> None:
    store.signals.defer(signal())
    pages = query(path, "PRAGMA page_count")[0][0]
    store._db.run(f"PRAGMA max_page_count = {pages}")  # noqa: SLF001 - the nearest thing to a full disk
    with pytest.raises(TryLaterError, match=r"hlcopy\.db can't be read or written \(database or disk is full\)"):
        store.history.add_fills(fill() for _ in range(1000))
    assert store.history.fills(TRADER) == []
    assert store.signals.list() == [signal()]


def test_a_busy_file_is_tried_later(store: Store, path: Path) -> None:
    store._db.run("PRAGMA busy_timeout = 0")  # noqa: SLF001 - a test doesn't wait
    with Store.open(path, PAPER) as other, other.transaction():
        with pytest.raises(TryLaterError, match=r"kept .* busy"):
            store.signals.defer(signal())
        with pytest.raises(TryLaterError, match=r"kept .* busy"), store.transaction():
            pass
        assert store.signals.list() == []
    assert store.signals.defer(signal())


def test_times_are_iso_text_of_one_length_in_utc(store: Store, path: Path) -> None:
    elsewhere = (T0 + timedelta(microseconds=1999)).astimezone(timezone(timedelta(hours=9)))
    store.signals.decide(signal(trade_time=elsewhere, decision=EXECUTE), ["f1"])
    store.traders.put([trader()])
    store.traders.blacklist(TRADER, at(1))
    store.traders.put_positions(TRADER, [trader_position()], at(2))
    store.book.put_position(position(closed_at=at(3)))
    assert query(path, "SELECT timestamp, created_at, check_at FROM signals") == [
        ("2026-03-01T00:00:00.001+00:00", "2026-03-01T00:00:00.000+00:00", "2026-03-01T00:15:00.000+00:00")
    ]
    assert query(path, "SELECT blacklisted_until FROM traders") == [("2026-03-01T00:01:00.000+00:00",)]
    assert query(path, "SELECT last_seen_at FROM trader_positions") == [("2026-03-01T00:02:00.000+00:00",)]
    assert query(path, "SELECT closed_at FROM our_positions") == [("2026-03-01T00:03:00.000+00:00",)]
    assert query(path, "SELECT * FROM seen_trades") == [("f1", "2026-03-01T00:00:00.000+00:00", "signal-1")]


def test_a_moment_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="time zone"):
        store.signals.defer(signal(trade_time=datetime(2026, 3, 1)))  # noqa: DTZ001 - that is the point


def test_rows_read_as_the_specification_says(store: Store, path: Path) -> None:
    store.book.put_position(position(side=Side.LONG, best_price=110.0, tiers_taken=(1, 2), stop_confirmed=True))
    store.book.put_position(position(side=Side.SHORT, best_price=90.0, status=PositionStatus.CLOSED))
    store.signals.defer(signal(slippage_check_passed=False, detail={"base_usd": 5.0, "ratio": inf, "none": None}))
    store.traders.put_positions(TRADER, [trader_position(size=-2.0, value_usd=200.0)], T0)
    assert query(
        path, "SELECT side, highest_price, lowest_price, tiers_taken, stop_confirmed, status FROM our_positions"
    ) == [("Long", 110.0, None, "[1, 2]", 1, "open"), ("Short", None, 90.0, "[]", 0, "closed")]
    assert query(path, "SELECT trader_address, token_symbol, slippage_check_passed FROM signals") == [
        (TRADER, "BTC", 0)
    ]
    assert query(path, "SELECT token_symbol, side, position_value_usd FROM trader_positions") == [
        ("BTC", "Short", 200.0)
    ]
    (detail,) = query(path, "SELECT detail FROM signals")[0]
    assert json.loads(str(detail), parse_constant=pytest.fail) == {"base_usd": 5.0, "ratio": "inf", "none": None}


def test_a_day_of_candles_is_one_compressed_row(store: Store, path: Path) -> None:
    store.history.add_candles(candles([60_000.5 + index % 7 for index in range(2000)]))
    rows = query(path, "SELECT day, count, length(columns) FROM candles ORDER BY day")
    assert [row[:2] for row in rows] == [(20_513, 1440), (20_514, 560)]
    assert rows[0][2] < 1440 * 8  # type: ignore[operator]


def test_candles_that_are_stored_already_are_not_written_again(store: Store, path: Path) -> None:
    store.history.add_candles(candles([1.0] * 2000))
    size = path.with_name("hlcopy.db-wal").stat().st_size
    assert store.history.add_candles(candles([2.0] * 2000)) == 0
    assert path.with_name("hlcopy.db-wal").stat().st_size == size


def test_no_commit_checkpoints_by_itself(store: Store, path: Path) -> None:
    log = path.with_name("hlcopy.db-wal")
    before = path.read_bytes()
    for _ in range(3):
        store.history.add_fills(fill(hash="f" * 200) for _ in range(20_000))
    assert log.stat().st_size > 2 * 1000 * 4096  # automatic ones would come every thousand pages
    assert path.read_bytes() == before
    assert store.checkpoint()
    assert log.stat().st_size == 0
    assert len(path.read_bytes()) > len(before)


def test_a_reader_in_the_way_stops_a_checkpoint_without_an_error(store: Store, path: Path) -> None:
    store._db.run("PRAGMA busy_timeout = 0")  # noqa: SLF001 - a test doesn't wait
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM signals").fetchall()
        store.signals.defer(signal())
        assert not store.checkpoint()
    assert store.checkpoint()


def test_processes_that_start_at_once_on_a_fresh_file_all_find_it_ready(path: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from hlcopy.adapters.store import Binding, Store
        from hlcopy.domain.models import from_ms
        print("ready", flush=True)
        sys.stdin.readline()
        with Store.open(Path(sys.argv[1]), Binding("paper", "mainnet")) as store:
            print(store.runs.start(sys.argv[2], from_ms(0)))
    """
    processes = [start(code, path, f"command {index}") for index in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert sorted(map(int, map(end, processes))) == [1, 2, 3, 4]
    assert [file.name for file in path.parent.iterdir()] == ["hlcopy.db"]


def test_two_writers_lose_nothing(store: Store, path: Path) -> None:
    rounds = 50

    def count() -> None:
        with Store.open(path, PAPER) as own:
            for _ in range(rounds):
                with own.transaction():
                    cash = own.paper.cash() or 0.0
                    own.paper.put_cash(cash + 1.0)

    threads = [Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.paper.cash() == 2.0 * rounds


def test_a_process_killed_inside_a_transaction_leaves_nothing_of_it(store: Store, path: Path) -> None:
    code = """
        import os, signal, sys
        from pathlib import Path
        from hlcopy.adapters.store import Binding, Store
        from tests.builders import fill
        store = Store.open(Path(sys.argv[1]), Binding("paper", "mainnet"))
        store.paper.put_cash(5.0)
        with store.transaction():
            store.paper.put_cash(7.0)
            store.history.add_fills(fill() for _ in range(30_000))  # more than fits into memory's cache
            os.kill(os.getpid(), signal.SIGKILL)
    """
    process = start(code, path)
    process.communicate(timeout=60)
    assert process.returncode == -signals.SIGKILL
    assert store.paper.cash() == 5.0
    assert store.history.fill_coverage() == []
    store.paper.put_cash(6.0)
    assert query(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_tick_that_stores_no_candles_starts_without_the_heavy_libraries(path: Path) -> None:
    Store.open(path, PAPER).close()
    code = """
        import sys
        from pathlib import Path
        from hlcopy.adapters.store import Binding, Store
        with Store.open(Path(sys.argv[1]), Binding("paper", "mainnet")) as store:
            store.signals.deferred()
        print(sorted({"numpy", "sqlite_utils", "pydantic", "filelock"} & sys.modules.keys()))
    """
    assert end(start(code, path)) == "[]\n"


def test_moments_before_1970_are_moments_too(store: Store) -> None:
    early = fill(time=from_ms(-1))
    store.history.add_fills([early])
    assert store.history.fills(TRADER, since=from_ms(-5)) == [early]
