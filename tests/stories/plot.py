"""What the stories are made of: traders with a past, orders without a fee, exits by TWAP and by force, and the time."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from tests.venue import DAY_MS, HOUR_MS, MINUTE_MS, START_MS, TRADER, clock_of, fill_row, profile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue
    from hlcopy.simulator.venue import FillRow
    from tests.cli.conftest import Outcome

WINNER: Final = TRADER
EQUITY_USD: Final = 400_000.0
TRIPS: Final = 30  # round trips of the past: 60 orders
TRIP_USD: Final = 80_000.0
COUP_USD: Final = 200_000.0
ZERO_HASH: Final = "0x" + "0" * 64
_orders = count(1)
_WHAT_MATTERS: Final = {
    "traders": "SELECT address, score, tier, disqualified_reason, blacklisted_until FROM traders ORDER BY address",
    "signals": "SELECT id, decision, copy_size_usd, slippage_pct FROM signals ORDER BY id",
    "seen": "SELECT transaction_hash, signal_id FROM seen_trades ORDER BY 1",
    "positions": "SELECT token_symbol, side, size, entry_price, status, trigger_price, stop_confirmed, close_reason,"
    " exit_price, realized_pnl_usd, fees_usd FROM our_positions ORDER BY id",
    # An exit that was never sent goes out again under another id, and nothing came of the first.
    "orders": "SELECT purpose, token_symbol, is_buy, size, state, filled_size, average_price FROM orders"
    " WHERE state <> 'never_landed' ORDER BY purpose, created_at, client_order_id",
    "fills": "SELECT token_symbol, is_buy, price, size, fee FROM paper_fills ORDER BY id",
    "told fills": "SELECT token_symbol, is_buy, price, size, fee FROM our_fills ORDER BY id",
    "cash": "SELECT cash_usd FROM paper_account",
    "stops": "SELECT token_symbol, size, trigger_price FROM paper_orders WHERE state = 'resting' ORDER BY 1, 2, 3",
    "actions": "SELECT position_id, action, reason, price FROM actions ORDER BY id",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A venue whose clock the test moves, and the commands of one database."""

    venue: LocalVenue
    home: Path
    run: Callable[..., Outcome]
    name: str = "paper"

    @property
    def database(self) -> Path:
        """The database that the settings name."""
        return self.home / f"{self.name}.db"

    def end(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return what matters of the database: traders, signals, our book and the paper account."""
        return {name: self.rows(query) for name, query in _WHAT_MATTERS.items()}

    @property
    def now_ms(self) -> int:
        """The venue's present."""
        return clock_of(self.venue).now_ms()

    def wait(self, minutes: float) -> None:
        """Let time pass."""
        clock_of(self.venue).advance(round(minutes * MINUTE_MS))

    def be_at(self, at_ms: int) -> None:
        """Move to a moment."""
        clock_of(self.venue).set(at_ms)

    def do(self, line: str, code: int = 0) -> dict[str, Any]:
        """Run a command that must end with a code, and return its document."""
        done = self.run(f"{line} --json")
        assert done.code == code, (line, done)
        return done.document

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what the database says."""
        with closing(sqlite3.connect(self.database)) as db:
            return db.execute(query, values).fetchall()

    def open_btc(self, address: str = WINNER, btc: float = 1.0) -> None:
        """Let a trader open a long of Bitcoin now, at 60,000 and without a fee, so that the equity stays round."""
        row = fill_row(user=address, sz=str(btc), time=self.now_ms, fee="0.0")
        self.venue.venue.add_fill(row)

    def enter(self, address: str = WINNER) -> None:
        """Score, let a trader open a Bitcoin long of $60,000 and copy it."""
        self.do("score")
        self.wait(60)
        self.open_btc(address)
        self.wait(2)
        assert [each["decision"] for each in self.do("poll")["decisions"]] == ["DEFERRED"]
        self.wait(13.5)
        (decision,) = self.do("poll")["decisions"]
        assert decision["decision"] == "EXECUTE", decision


def live_well(venue: LocalVenue, address: str = WINNER, *, trips: int = TRIPS, **overrides: Any) -> None:  # noqa: ANN401 - a profile's own fields
    """Let a trader in who entered and left every third day of the last 90: two of three trips gained 5 %, the others lost 2.

    A last one brought $50,000 in the week before the start, so that the week's return lies above 10 %.
    """
    world = venue.venue
    world.add_trader(profile(address, **{"equity_usd": EQUITY_USD, **overrides}))
    for number in range(trips):
        entered = START_MS - 88 * DAY_MS + number * 86 * DAY_MS // trips
        _trip(venue, address, TRIP_USD, entered, -0.02 if number % 3 == 2 else 0.05)
    _trip(venue, address, COUP_USD, START_MS - 2 * DAY_MS, 0.25)


def _trip(venue: LocalVenue, address: str, usd: float, entered: int, gain: float) -> None:
    size = usd / 2_000.0
    venue.venue.trade(address, "ETH", size, entered, price=2_000.0)
    venue.venue.trade(address, "ETH", -size, entered + 20 * HOUR_MS, price=2_000.0 * (1 + gain))


def twap_exit(start_ms: int, *, address: str = WINNER, btc: float = 1.0, slices: int = 20) -> list[FillRow]:
    """Return the fills of an order that leaves a Bitcoin long in a slice every half minute, each without a hash."""
    part, twap = btc / slices, 7_000_000 + next(_orders)
    return [
        fill_row(
            user=address,
            side="A",
            dir="Close Long",
            sz=f"{part:.5f}",
            startPosition=f"{btc - number * part:.5f}",
            time=start_ms + number * MINUTE_MS // 2,
            hash=ZERO_HASH,
            twapId=twap,
            fee="0.0",
        )
        for number in range(slices)
    ]


def liquidation(start_ms: int, *, address: str = WINNER, btc: float = 1.0, price: float = 57_500.0) -> list[FillRow]:
    """Return the fills by which the venue takes a Bitcoin long away, in two orders of a minute."""
    first = round(btc / 5, 5)
    mark = {"liquidatedUser": address, "markPx": str(price), "method": "market"}
    parts = ((first, btc, 0), (btc - first, btc - first, 20_000))
    return [
        fill_row(
            user=address,
            side="A",
            dir="Close Long",
            px=str(price),
            sz=f"{size:.5f}",
            startPosition=f"{held:.5f}",
            time=start_ms + later,
            closedPnl=f"{size * (price - 60_000.0):.2f}",
            fee="0.0",
            liquidation=mark,
        )
        for size, held, later in parts
    ]


def begin(line: str) -> subprocess.Popen[str]:
    """Start a command in a process of its own, with the settings of this one."""
    return subprocess.Popen(
        [sys.executable, "-m", "hlcopy", *line.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def copy_database(source: Path, target: Path) -> None:
    """Copy a database that nobody writes to."""
    with closing(sqlite3.connect(source)) as before, closing(sqlite3.connect(target)) as after:
        before.backup(after)


def add_fills(venue: LocalVenue, rows: Sequence[FillRow]) -> None:
    """Let fills be reported."""
    for row in rows:
        venue.venue.add_fill(row)
