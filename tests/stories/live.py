"""A live account at the local venue: the real commands, the real SDK, signatures that are verified, a clock that the test moves."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from hlcopy.adapters.store import Binding, Store
from hlcopy.domain.models import Side, Trader, from_ms
from hlcopy.ports import PollMark
from hlcopy.simulator.signatures import address_of
from tests.soak.compare import Comparison
from tests.venue import MINUTE_MS, TRADER, clock_of, environment, profile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hlcopy.simulator.server import LocalVenue
    from tests.cli.conftest import Outcome

ACCOUNT: Final = "0x" + "acc0" * 10
AGENT_KEY: Final = "0x" + "5a" * 32
EQUITY_USD: Final = 100_000.0
ORDER_USD: Final = 60_000.0  # 15 % of the trader's equity, and so 7.5 % of ours
COPY_USD: Final = 7_500.0


def settings(venue: LocalVenue, database: Path) -> dict[str, str]:
    """Return the settings of live trading at a local venue."""
    return {
        **environment(venue, database),
        "HLCOPY_MODE": "live",
        "HLCOPY_ACCOUNT_ADDRESS": ACCOUNT,
        "HLCOPY_AGENT_KEY": AGENT_KEY,
        "HLCOPY_LEADERBOARD_SOURCE": "hyperliquid",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A trader who is followed, our account, and the commands of one database."""

    venue: LocalVenue
    database: Path
    run: Callable[..., Outcome]
    coin: str = "BTC"
    side: Side = Side.LONG
    story: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Open the account, follow the trader as if scored just now, and resume: a new live file is halted."""
        self.venue.floor.open_account(ACCOUNT, EQUITY_USD)
        self.venue.floor.approve(address_of(AGENT_KEY), ACCOUNT, name="story")
        self.venue.venue.add_trader(profile(equity_usd=400_000.0))
        now = from_ms(self.now_ms)
        with Store.open(self.database, Binding(mode="live", network="mainnet", account=ACCOUNT)) as store:
            trader = Trader(
                address=TRADER,
                score=0.7,
                tier="primary",
                roi_7d=15.0,
                account_value=400_000.0,
                last_scored_at=now,
            )
            store.traders.put([trader])
            store.traders.put_mark(TRADER, PollMark(followed_from=now, read_until=now, polled_at=now))
            store.controls.resume(now)

    @property
    def now_ms(self) -> int:
        """The venue's present."""
        return clock_of(self.venue).now_ms()

    def wait(self, minutes: float) -> None:
        """Let time pass."""
        clock_of(self.venue).advance(round(minutes * MINUTE_MS))

    def do(self, line: str, code: int | None = 0) -> dict[str, Any]:
        """Run a command that must end with a code, any if none is given, and return its document."""
        done = self.run(f"{line} --json")
        assert code in {None, done.code}, (line, done)
        self.story.append(f"{line}: {done.code}")
        return cast("dict[str, Any]", json.loads(done.out)) if done.out else {}

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what the database says."""
        with closing(sqlite3.connect(self.database)) as db:
            return db.execute(query, values).fetchall()

    @property
    def sign(self) -> int:
        """+1 for a long, -1 for a short."""
        return self.side.sign

    def mark(self) -> float:
        """Return the coin's present mark."""
        return self.venue.venue.mark(self.coin, self.now_ms)

    def move(self, percent: float, *, base: float | None = None) -> None:
        """Let the price lie so many percent in our favour of what it is, or of another price, from now on."""
        price = (base or self.mark()) * (1 + self.sign * percent / 100)
        self.venue.venue.set_mark(self.coin, price, self.now_ms + 1)
        clock_of(self.venue).advance(2)

    def signal(self) -> None:
        """Let the trader open a position that passes every gate, and let it be seen; then the delay is over."""
        self.wait(30)
        size = ORDER_USD / self.mark() * self.sign
        self.venue.venue.trade(TRADER, self.coin, round(size, 5), self.now_ms, price=self.mark())
        self.wait(2)
        assert [each["decision"] for each in self.do("poll")["decisions"]] == ["DEFERRED"]
        self.wait(13.5)

    def enter(self) -> dict[str, Any]:
        """Copy the trader's position; return the decision."""
        self.signal()
        (decision,) = self.do("poll")["decisions"]
        return cast("dict[str, Any]", decision)

    def held(self) -> float:
        """Return the signed size that the venue holds for us."""
        self.venue.floor.advance()
        return self.venue.floor.accounts[ACCOUNT].held(self.coin)

    def stops(self) -> list[tuple[float, float]]:
        """Return trigger and size of our stops at the venue."""
        self.venue.floor.advance()
        orders = self.venue.floor.accounts[ACCOUNT].on(self.coin)
        return [(order.trigger.price, order.left) for order in orders if order.is_open and order.trigger]

    def position(self) -> dict[str, Any]:
        """Return the one row of our book."""
        (row,) = self.do("positions --no-refresh --all")["positions"]
        return cast("dict[str, Any]", row)

    def comparison(self) -> Comparison:
        """Compare the venue's log with the database, by the script that knows neither."""
        with self.venue.floor.lock:
            self.venue.floor.advance()
            entries = json.loads(f"[{','.join(map(json.dumps, self.venue.floor.journal.entries))}]")
        with closing(sqlite3.connect(self.database)) as db:
            db.row_factory = sqlite3.Row
            names = ("orders", "our_fills", "our_positions", "signals", "actions")
            tables = {name: [dict(row) for row in db.execute(f"SELECT * FROM {name}")] for name in names}  # noqa: S608
        return Comparison(entries, tables)
