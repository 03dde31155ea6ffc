"""Step a desk whose world is known ahead from event to event, and run the real ticks there.

An event is a fill that becomes visible to its trader's next poll, a deferred order that falls due, a candle in which something
happens to a position of ours, or midnight, when what is known of the traders is brought up to date.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Protocol

from hlcopy.domain.book import Position, PositionStatus
from hlcopy.domain.models import from_ms, to_ms
from hlcopy.domain.scan import EventKind, best_of_closes, next_event
from hlcopy.ports import PollMark
from hlcopy.ticks import monitor, poll, positions, reconcile
from hlcopy.ticks.schedule import is_due, next_slot, slot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hlcopy.backtest.tape import Tape
    from hlcopy.ports import Desk, Progress
    from hlcopy.ticks.report import Report

DAY: Final = timedelta(days=1)
_WHAT_COUNTS: Final = attrgetter("status", "trigger_price", "tiers_taken", "entry_price", "opened_at", "coin", "side")
"""What the next event of a position depends on, beside its best price."""


class Stage(Protocol):
    """What the engine plays on: a desk, its present, and a look ahead that no tick has."""

    @property
    def desk(self) -> Desk:
        """What the ticks work with."""

    @property
    def now(self) -> datetime:
        """The present."""

    def advance(self, moment: datetime) -> None:
        """Move the present on."""

    def traders(self) -> Iterable[str]:
        """Return the addresses whose fills are followed."""

    def next_visible(self, trader: str, after: datetime) -> datetime | None:
        """Return when the trader's first fill that isn't visible yet at a moment will be."""

    def tape(self, coin: str) -> Tape | None:
        """Return a coin's candles, those to come among them."""

    def new_day(self, now: datetime) -> None:
        """Bring what is known of the traders up to date at midnight."""


@dataclass(frozen=True, slots=True)
class _Watch:
    """When something next happens to a position, None when nothing does, as it was seen at a moment."""

    position: Position
    seen_at: datetime
    due: datetime | None


@dataclass(frozen=True, slots=True)
class _Turn:
    """When the first fill that a poll didn't see becomes visible, and when its trader is polled for it; None without one."""

    polled_at: datetime
    visible: datetime | None
    turn: datetime | None


@dataclass(frozen=True, slots=True)
class _Next:
    """The next event's moment, when a poll next has something to do, and when something next happens to a position."""

    moment: datetime
    poll: datetime
    exit: datetime | None


@dataclass(slots=True)
class Tally:
    """What a replay counted on its way."""

    events: int = 0
    ticks: Counter[str] = field(default_factory=Counter)
    problems: Counter[tuple[str, str]] = field(default_factory=Counter)


class Engine:
    """One play, from the stage's present to `end` (exclusive)."""

    def __init__(
        self,
        stage: Stage,
        end: datetime,
        *,
        progress: Progress | None = None,
        listen: Callable[[Report], None] | None = None,
    ) -> None:
        self._stage = stage
        self._desk = stage.desk
        self._start = stage.now
        self._end = end
        self._progress = progress
        self._listen = listen
        self._midnight = slot(self._start, DAY)
        self._watch: dict[int, _Watch] = {}
        self._turns: dict[str, _Turn] = {}
        self._refreshed: datetime | None = None
        self._polled: datetime | None = None
        self._tally = Tally()

    def run(self) -> Tally:
        """Run every event in order; what it decided and did is in the desk's ledger."""
        days = (self._end - self._start) // DAY
        if self._progress is not None:
            self._progress.start("Replaying", days)
        while (plan := self._next()).moment < self._end:
            self._stage.advance(plan.moment)
            self._tally.events += 1
            self._step(plan)
        if self._progress is not None:
            self._progress.finish()
        last = max(self._end - timedelta(milliseconds=1), self._stage.now)
        self._stage.advance(last)
        if self._desk.ledger.book.positions():
            self._tick(monitor.run, last)  # nothing falls due, but best prices and funding are brought up to date
        # The period's last candle closes at its end: what it did to resting stops belongs to it.
        self._stage.advance(self._end)
        reconcile.run(self._desk, self._end)
        return self._tally

    def _step(self, plan: _Next) -> None:
        now, poll_at = plan.moment, plan.poll
        if now >= self._midnight:
            self._new_day(now)
            poll_at = self._next_poll()
        if plan.exit is not None and plan.exit <= now:
            self._tick(monitor.run, now)
            poll_at = self._next_poll()
            # What was due and left no trace, such as an exit that found no liquidity, must be looked at anew.
            self._watch = {key: seen for key, seen in self._watch.items() if seen.due is None or seen.due > now}
        if poll_at <= now:
            self._keep_schedule(now)
            self._tick(poll.run, now)
            self._polled = now
            if self._desk.ledger.book.positions() and is_due(self._refreshed, now, self._desk.policy.cadence.positions):
                self._refresh(now)
        if self._next_refresh() <= now:
            self._refresh(now)

    def _refresh(self, now: datetime) -> None:
        self._tick(positions.run, now)
        self._refreshed = now

    def _tick(self, run: Callable[..., Report], now: datetime) -> None:
        report = run(self._desk, now)
        self._tally.ticks[report.command] += 1
        for problem in report.problems:
            self._tally.problems[problem.code, problem.item] += 1
        if self._listen is not None:
            self._listen(report)

    def _next(self) -> _Next:
        poll_at, exit_at = self._next_poll(), self._next_exit()
        moments = [self._midnight, poll_at, self._next_refresh()]
        if exit_at is not None:
            moments.append(exit_at)
        # A position that fell due while its tick couldn't act is looked at again in the next minute.
        return _Next(max(min(moments), self._stage.now), poll_at, exit_at)

    # Polls

    def _next_poll(self) -> datetime:
        """Return when a poll next has something to do: on the minute for what is deferred, else at a trader's own turn."""
        cadence = self._desk.policy.cadence
        moments = [self._end]
        for address in self._stage.traders():
            mark = self._desk.ledger.traders.mark(address)
            turn = self._turn(address, mark.polled_at if mark is not None else self._start).turn
            if turn is not None:
                moments.append(turn)
        deferred = self._desk.ledger.signals.deferred()
        if deferred:
            check_at = deferred[0].check_at or self._stage.now
            moments.append(next_slot(max(check_at, self._stage.now), cadence.trades))
        due = min(moments)
        # Traders whom a source's limits made wait, or who couldn't be read, have their turn in the next minute.
        return due if self._polled is None else max(due, slot(self._polled, cadence.trades) + cadence.trades)

    def _turn(self, address: str, polled_at: datetime) -> _Turn:
        """Return what comes of a trader after a poll; it is the same until the next one."""
        known = self._turns.get(address)
        if known is None or known.polled_at != polled_at:
            visible = self._stage.next_visible(address, polled_at)
            turn = None if visible is None else next_slot(visible, self._desk.policy.cadence.address_trades)
            known = self._turns[address] = _Turn(polled_at, visible, turn)
        return known

    def _next_refresh(self) -> datetime:
        """Return when what the traders hold is read whatever we hold: `end`, unless consensus asks for it."""
        if not self._desk.policy.entry.require_consensus:
            return self._end
        every = self._desk.policy.cadence.positions
        return self._start if self._refreshed is None else slot(self._refreshed, every) + every

    def _keep_schedule(self, now: datetime) -> None:
        """Note the polls since the last event that found nothing: they happened, and whose turn it is depends on them."""
        turn = slot(now, self._desk.policy.cadence.address_trades)
        for address in self._stage.traders():
            mark = self._desk.ledger.traders.mark(address)
            if mark is None or mark.polled_at >= turn:
                continue
            visible = self._turn(address, mark.polled_at).visible
            if visible is None or visible > turn:
                passed = PollMark(followed_from=mark.followed_from, read_until=mark.read_until, polled_at=turn)
                self._desk.ledger.traders.put_mark(address, passed)

    # Days

    def _new_day(self, now: datetime) -> None:
        self._stage.new_day(now)
        self._midnight += DAY
        if self._progress is not None and now > self._start:
            self._progress.advance()

    # Positions

    def _next_exit(self) -> datetime | None:
        """Return when something next happens to a position of ours."""
        live = self._desk.ledger.book.positions()
        self._watch = {position.id or 0: self._watched(position) for position in live}
        return min((watch.due for watch in self._watch.values() if watch.due is not None), default=None)

    def _watched(self, position: Position) -> _Watch:
        known = self._watch.get(position.id or 0)
        if known is None:
            return _Watch(position, self._stage.now, self._due(position))
        if known.position is position or known.position == position:
            return known
        due = known.due if self._still_holds(known, position) else self._due(position)
        return _Watch(position, self._stage.now, due)

    def _still_holds(self, known: _Watch, position: Position) -> bool:
        """Whether nothing has become of a position since but what the candles brought that have closed."""
        if _WHAT_COUNTS(known.position) != _WHAT_COUNTS(position) or (known.due and known.due <= self._stage.now):
            return False
        tape = self._stage.tape(position.coin)
        best_price, opened_ms = known.position.best_price, to_ms(position.opened_at)
        parts = () if tape is None else tape.closing(to_ms(known.seen_at), to_ms(self._stage.now))
        for candles, start, end in parts:
            begin = max(start, int(candles.t.searchsorted(opened_ms)))
            best_price = best_of_closes(candles, min(begin, end), end, best_price, position.side)
        return best_price == position.best_price

    def _due(self, position: Position) -> datetime | None:
        now = self._stage.now
        tape = self._stage.tape(position.coin)
        if tape is None:
            return None
        if position.status is not PositionStatus.OPEN or position.trigger_price is None:
            # What couldn't be finished now, for want of a price, can be when the next candle opens, if there is one.
            following = tape.next_opening(to_ms(now) + 1)
            return None if following is None else from_ms(int(following[0].t[following[1]]))
        instrument = self._desk.market.instrument(position.coin)

        def legal(price: float) -> float:
            return price if instrument is None else instrument.stop_price(price, is_buy=position.side.sign < 0)

        best_price = position.best_price
        opened_ms = to_ms(position.opened_at)
        deadline_ms = to_ms(position.opened_at + self._desk.policy.exit.max_duration)
        # The candle that runs now counts, too: its close is still to come, whatever a poll has changed in the middle of it.
        for candles, start, end in tape.closing(to_ms(now)):
            begin = max(start, int(candles.t.searchsorted(opened_ms)))
            event = next_event(
                candles,
                begin,
                entry_price=position.entry_price,
                side=position.side,
                best_price=best_price,
                trigger_price=position.trigger_price,
                tiers_taken=position.tiers_taken,
                deadline_ms=deadline_ms,
                policy=self._desk.policy.exit,
                legal=legal,
            )
            if event is not None:
                opens = int(candles.t[event.index])
                return from_ms(opens if event.kind is EventKind.TIME else opens + candles.interval_ms)
            best_price = best_of_closes(candles, begin, end, best_price, position.side)
        return None
