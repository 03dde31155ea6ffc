"""The demo's stage: the real ticks over HTTP against a local venue in this process, whose clock the engine moves."""

from __future__ import annotations

import re
from bisect import bisect_right
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hlcopy.cli import logs
from hlcopy.domain.book import ExitReason
from hlcopy.domain.models import EXECUTE, Side, from_ms, to_ms
from hlcopy.ports import one_by_one

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from hlcopy.adapters.store import Store
    from hlcopy.backtest.tape import Tape
    from hlcopy.config import Settings
    from hlcopy.domain.models import Trader
    from hlcopy.ports import Desk, Ledger, Progress, ScoringDesk
    from hlcopy.simulator.clock import DrivenClock
    from hlcopy.simulator.server import LocalVenue
    from hlcopy.simulator.world import Profile, World
    from hlcopy.ticks.report import Report

SKIP_CODES: Final = 8
REASONS: Final = (
    ExitReason.STOP_LOSS,
    ExitReason.TRAILING_STOP,
    ExitReason.TIME_STOP,
    ExitReason.TAKE_PROFIT,
    ExitReason.TRADER_LIQUIDATED,
)


class StageClock:
    """The venue's time for the ticks of this process; who waits moves it on."""

    def __init__(self, driven: DrivenClock) -> None:
        self._driven = driven

    def now(self) -> datetime:
        """Return the venue's present."""
        return from_ms(self._driven.now_ms())

    def monotonic(self) -> float:
        """Return the venue's present in seconds."""
        return self._driven.now_ms() / 1000

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self._driven.advance(max(1, round(seconds * 1000)))


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStage:
    """A desk over HTTP, and the look ahead that only who runs the venue has."""

    desk: Desk
    scoring: ScoringDesk
    clock: DrivenClock
    world: World
    listen: Callable[[Report], None]

    @property
    def now(self) -> datetime:
        """The venue's present."""
        return from_ms(self.clock.now_ms())

    def advance(self, moment: datetime) -> None:
        """Move the venue's clock to a moment, unless a wait has moved it beyond."""
        self.clock.set(max(to_ms(moment), self.clock.now_ms()))

    def traders(self) -> Iterable[str]:
        """Return the primary traders, the traders of our positions and those with deferred orders."""
        ledger = self.desk.ledger
        followed = {trader.address for trader in ledger.traders.followed() if trader.tier == "primary"}
        copied = {position.source_trader for position in ledger.book.positions()}
        return sorted(followed | copied | {signal.trader for signal in ledger.signals.deferred()})

    def next_visible(self, trader: str, after: datetime) -> datetime | None:
        """Return when the trader's next fill after a moment comes."""
        rows = self.world.fills.get(trader, [])
        index = bisect_right(rows, to_ms(after), key=lambda row: row["time"])
        return from_ms(rows[index]["time"]) if index < len(rows) else None

    def tape(self, coin: str) -> Tape | None:
        """Return a coin's candles, those to come among them."""
        from hlcopy.backtest.tape import Tape
        from hlcopy.domain.candles import Candles
        from hlcopy.simulator.market import MINUTE_MS

        series = self.world.candles.get(coin)
        if series is None:
            return None
        return Tape.of(Candles(coin, MINUTE_MS, series.t, series.o, series.h, series.l, series.c, series.v))

    def new_day(self, now: datetime) -> None:
        """Run the daily selection."""
        from hlcopy.ticks import score

        self.listen(score.run(self.scoring, now))


@contextmanager
def open_stage(
    settings: Settings,
    store: Store,
    served: LocalVenue,
    clock: DrivenClock,
    *,
    progress: Progress,
    tell: Callable[[str], None],
    listen: Callable[[Report], None],
) -> Iterator[LocalStage]:
    """Open the desks of the ticks on a local venue."""
    from hlcopy.adapters.http import Http
    from hlcopy.wiring.desks import open_desk, open_scoring_desk

    present = StageClock(clock)
    with (
        Http(present) as http,
        open_desk(settings, store, http, present, command="positions", tell=tell, hide=logs.scrub.hide_one) as desk,
        open_scoring_desk(settings, store, http, present, tell=tell, progress=progress) as scoring,
    ):
        # The venue answers in this process: threads would only get in each other's way.
        yield LocalStage(
            desk=replace(desk, together=one_by_one),
            scoring=replace(scoring, together=one_by_one),
            clock=clock,
            world=served.venue.world,
            listen=listen,
        )


@dataclass(frozen=True, slots=True)
class Promise:
    """Something that the demo shows, and whether it did."""

    text: str
    kept: bool


def promises(ledger: Ledger, world: World, ranked: Mapping[str, Trader]) -> list[Promise]:
    """Return what the demo promises, held against the first ranking and what the ledger says at the end."""
    left_out = [who for who in world.traders if who.fate not in {"", "primary"}]
    followed = [who for who in world.traders if who.fate == "primary"]
    positions = ledger.book.positions(live_only=False)
    done = {action.reason for action in ledger.book.actions()} | {position.close_reason for position in positions}
    codes = {signal.decision for signal in ledger.signals.list() if signal.is_final} - {EXECUTE}
    return [
        Promise("every good trader is followed", all(_tier(ranked, who.address) == "primary" for who in followed)),
        *(
            Promise(f"left out as {who.fate}: {_name(who)}", _reason(ranked, who.address) == who.fate)
            for who in left_out
        ),
        *(
            Promise(f"entries on the {side.lower()} side", any(position.side is side for position in positions))
            for side in Side
        ),
        *(Promise(f"an exit or a tier by {wanted}", wanted in done) for wanted in REASONS),
        Promise(f"at least {SKIP_CODES} skip codes ({len(codes)} seen)", len(codes) >= SKIP_CODES),
    ]


def _tier(ranked: Mapping[str, Trader], address: str) -> str | None:
    return ranked[address].tier if address in ranked else None


def _reason(ranked: Mapping[str, Trader], address: str) -> str | None:
    return ranked[address].disqualified_reason if address in ranked else None


def _name(who: Profile) -> str:
    """Return a trader's description up to its first pause."""
    return re.split("[:;,]", who.description)[0]
