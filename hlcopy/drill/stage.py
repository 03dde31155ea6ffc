"""The stage of one episode: a venue, a database, processes that run the ticks at their times, and what interferes."""

from __future__ import annotations

import random
import traceback
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.store import Binding, Store
from hlcopy.domain.models import Trader, from_ms
from hlcopy.domain.policy import Gate, Policy
from hlcopy.drill import events, faults
from hlcopy.drill.bugs import Bug
from hlcopy.drill.oracle import Oracle
from hlcopy.drill.process import COMMANDS, Process, Tick
from hlcopy.drill.scheduler import Scheduler, Thread
from hlcopy.drill.scratch import is_in_memory
from hlcopy.drill.wire import sealed_by
from hlcopy.drill.world import TRADER_USD, TRADERS, World
from hlcopy.ports import PollMark
from hlcopy.simulator import faults as venue_faults
from hlcopy.simulator.clock import DrivenClock
from hlcopy.simulator.happenings import chosen
from hlcopy.simulator.server import WEIGHT_PER_MINUTE, LocalVenue
from hlcopy.simulator.signatures import address_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hlcopy.drill.dice import Decision, Dice
    from hlcopy.simulator.faults import Asked
    from hlcopy.simulator.server import Answer, Sent

ACCOUNT: Final = "0x" + "acc0" * 10
AGENT_KEY: Final = "0x" + "5a" * 32
EQUITY_USD: Final = 100_000.0
STEP_MS: Final = 10_000
MINUTE_MS: Final = 60_000
EVERY_MS: Final = {"monitor": 30_000, "poll": 60_000, "positions": 900_000}
CLEAN_MINUTES: Final = 12
_SLOTS: Final = 3
"""How many ticks there are at most at the same time."""

_KILL: Final = 0.02  # of the rate of faults, at each point
_DELAY: Final = 0.01
_EVENT: Final = 0.25  # of the rate, in each step
_SKIP: Final = 0.2  # of the rate, for each tick
_REPEAT: Final = 0.2
_LATE: Final = 0.3
_RESTART: Final = 0.05  # of the ticks, whatever the rate
_LONGEST_LATE_MS: Final = 25_000
_DAYS_OFF_MS: Final = 74 * 60 * MINUTE_MS  # longer than a position is held
_POINT, _PART, _EVENT_DRAW, _TICK, _AGAIN = 1, 2, 3, 4, 5  # what is drawn


class Stage:
    """One episode: `minutes` of interference at a rate, then twelve clean minutes."""

    weight_per_minute = WEIGHT_PER_MINUTE

    def __init__(
        self,
        path: Path,
        dice: Dice,
        *,
        rate: float,
        minutes: int,
        bug: Bug | None = None,
        world: Callable[[Dice], World] = World,
        clean_minutes: int = CLEAN_MINUTES,
    ) -> None:
        self.path = path
        self.dice = dice
        self.rate, self.minutes = rate, minutes
        self.account, self.agent_key = ACCOUNT, AGENT_KEY
        self.agent = address_of(AGENT_KEY)
        self.binding = Binding(mode="live", network="testnet", account=ACCOUNT)
        self.bug = bug or Bug(name="none")
        self.policy = self.bug.policy(drilled_policy())
        self.world = world(dice)
        self.start_ms = self.world.begin_ms
        self.clock = DrivenClock(self.start_ms)
        self.local = LocalVenue(self.world.venue, self.clock, weight_per_minute=WEIGHT_PER_MINUTE)
        self.floor = self.local.floor
        self.scheduler = Scheduler(self.clock)
        self.skew_ms = 0
        self.down_until_ms = self.asleep_until_ms = 0
        self.harm_ends_ms = self.start_ms + minutes * MINUTE_MS
        self.ends_ms = self.harm_ends_ms + clean_minutes * MINUTE_MS
        self.boundaries: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()
        self.ticks: list[Tick] = []
        self.keeps_labels = False
        self.tracebacks: list[str] = []
        self._earlier: dict[str, tuple[int, Answer]] = {}
        self._truth: dict[str, int] = {}
        self._spoiled: Counter[str] = Counter()
        self._running: list[Tick] = []
        self._processes: list[Process] = []
        self._days_skipped = self._over = False
        self.floor.open_account(ACCOUNT, EQUITY_USD)
        self.floor.approve(self.agent, ACCOUNT, name="drill")
        self.floor.tell_signers_by(sealed_by(lambda: (*self.floor.agents, ACCOUNT)))
        self.oracle = Oracle(self)

    # The episode

    def play(self) -> None:
        """Play the episode from its beginning to its end."""
        before = random.getstate()
        random.seed(self.dice.seed)  # the waits between two attempts at a request
        try:
            self._begin()
            self._processes = [Process(self, Thread(self.scheduler, str(number)), number) for number in range(_SLOTS)]
            with self.bug.planted():
                self._step(0)
                self.scheduler.run()
            self.oracle.end()
        finally:
            self._over = True
            for process in self._processes:
                process.abort()
            self.scheduler.drain()
            for process in self._processes:
                process.thread.begin(process.close)
            self.scheduler.drain()
            for process in self._processes:
                process.thread.end()
            random.setstate(before)

    def close(self) -> None:
        """Let go of the database."""
        self.oracle.close()

    def _begin(self) -> None:
        now = from_ms(self.start_ms)
        with Store.open(self.path, self.binding) as store:
            if not is_in_memory(self.path):
                store.forgo_durability()
            for number, address in enumerate(TRADERS):
                store.traders.put(
                    [
                        Trader(
                            address=address,
                            score=0.7 - number / 20,
                            tier="primary",
                            roi_7d=15.0,
                            account_value=TRADER_USD,
                            last_scored_at=now + timedelta(days=10),
                        )
                    ]
                )
                store.traders.put_mark(address, PollMark(followed_from=now, read_until=now, polled_at=now))
            store.book.put_fills_mark(now)  # what happened to our account before a ledger's first look isn't in it
            store.controls.resume(now)
        self.oracle.begin()

    def _step(self, step: int) -> None:
        """Let the world go on by ten seconds, let something happen, begin the ticks that are due."""
        now = self.clock.now_ms()
        if self._over:
            return
        if now < self.asleep_until_ms:
            self._sleep(step, now)
            return
        if now < self.ends_ms:
            self.scheduler.at(now + STEP_MS, lambda: self._step(step + 1))
        if now == self.harm_ends_ms:
            self._calm()
        if not self.is_ending:
            self.world.move(step, now)
        if now % MINUTE_MS == 0 and now < self.harm_ends_ms - 3 * MINUTE_MS:
            self.world.trade(step, now)
        if now < self.harm_ends_ms:
            self._event(step)
        self.oracle.look()
        for number, command in enumerate(COMMANDS):
            # Who comes first asks about the agent, which weighs much: the others begin when that is known.
            if (now - self.start_ms) % EVERY_MS[command] == 0 and (step or not number):
                self._due(step, number, command)

    def _sleep(self, step: int, now: int) -> None:
        """Let the machine be off: prices move on, and whatever befalls a position befalls it."""
        steps = -(-(self.asleep_until_ms - now) // STEP_MS)
        skipped = max(0, steps - 2 * 360)
        if skipped:  # of days, the last hours are enough
            self.scheduler.at(now + skipped * STEP_MS, lambda: self._step(step + skipped))
            return
        self.world.move(step, now)
        self.oracle.look(unattended=True)
        self.scheduler.at(now + STEP_MS, lambda: self._step(step + 1))

    def _calm(self) -> None:
        """Let nothing more go wrong."""
        self.down_until_ms = self.skew_ms = 0

    def _event(self, step: int) -> None:
        place = f"world {step}"
        if self.dice.is_scripted:
            decision = self.dice.scripted(place)
        elif self.dice.draw(_EVENT_DRAW, step) < self.rate * _EVENT:
            what, part = chosen(list(events.EVENTS), self.dice.draw(_EVENT_DRAW, step, 1))
            decision = self.dice.take(place, "step", what, part)
        else:
            decision = None
        if decision is not None and events.happen(self, decision.what, decision.part):
            self.dice.counts[decision.what] += 1

    def _due(self, step: int, number: int, command: str) -> None:
        """Begin a tick, or late, or not, or twice."""
        decision = self._decide_tick(step, number)
        what, part = (decision.what, decision.part) if decision else ("", 0.0)
        if what:
            self.dice.counts[what] += 1
        if what == "skipped":
            return
        wait = int(part * _LONGEST_LATE_MS) if what == "begun late" else 0
        self.later(wait, lambda: self._start(step, command))
        if what == "begun twice":
            self.later(int(part * _LONGEST_LATE_MS), lambda: self._start(step, command, again=True))

    def _decide_tick(self, step: int, number: int) -> Decision | None:
        place = f"tick {step}.{number}"
        if self.dice.is_scripted:
            return self.dice.scripted(place)
        if self.clock.now_ms() >= self.harm_ends_ms:
            return None
        drawn, part = self.dice.draw(_TICK, step, number), self.dice.draw(_TICK, step, number, 1)
        for what, share in (("skipped", _SKIP), ("begun twice", _REPEAT), ("begun late", _LATE)):
            if drawn < self.rate * share:
                return self.dice.take(place, COMMANDS[number], what, part)
            drawn -= self.rate * share
        return None

    def _start(self, step: int, command: str, *, again: bool = False) -> None:
        if self._over or self.clock.now_ms() < self.asleep_until_ms:
            return
        busy = [each for each in self._processes if each.tick is not None or each.thread.is_busy]
        free = self._processes[COMMANDS.index(command)]
        if free in busy:
            free = next((each for each in reversed(self._processes) if each not in busy), free)
        if free in busy:
            return  # three ticks are at work
        tick = Tick(command=command, slot=step * 2 + again, began_ms=self.clock.now_ms())
        for other in self._running:
            other.alone = tick.alone = False
        tick.worst = bool(self._spoiled)
        self._running.append(tick)
        free.begin(tick)

    def ended(self, tick: Tick) -> None:
        """Take note of a tick that ended."""
        self._running.remove(tick)
        tick.worst |= bool(self._spoiled)
        self.ticks.append(tick)
        if not self._over:
            self.oracle.ended(tick)

    # What processes ask

    def decide_point(self, tick: Tick, label: str, options: tuple[str, ...], *, may_wait: bool) -> Decision | None:
        """Return what is decided at a point of a tick: nothing, a kill, a delay, or a fault of its request."""
        number = COMMANDS.index(tick.command)
        if self.dice.is_scripted:
            decision = self.dice.scripted(f"{tick.command} {tick.slot}.{tick.points}")
            if decision is not None and decision.what not in {"kill", "delay", *options}:
                return None
        elif self.clock.now_ms() >= self.harm_ends_ms:
            return None
        else:
            decision = self._drawn(tick, number, label, options, may_wait=may_wait)
        if decision is not None:
            self.dice.counts[decision.what] += 1
        return decision

    def _drawn(
        self, tick: Tick, number: int, label: str, options: tuple[str, ...], *, may_wait: bool
    ) -> Decision | None:
        drawn = self.dice.draw(_POINT, tick.slot, number, tick.points)
        place = f"{tick.command} {tick.slot}.{tick.points}"
        if drawn < self.rate * _KILL:
            return self.dice.take(place, label, "kill", 0.0)
        drawn -= self.rate * _KILL
        part = self.dice.draw(_PART, tick.slot, number, tick.points)
        if drawn < self.rate * _DELAY:
            return self.dice.take(place, label, "delay", part) if may_wait else None
        if options and drawn - self.rate * _DELAY < self.rate:
            what, rest = chosen(options, part)
            return self.dice.take(place, label, what, rest)
        return None

    def answer(self, method: str, path: str, body: bytes, asked: Asked, what: str, part: float, tick: Tick) -> Sent:
        """Let the venue answer a request, with a fault of it where there is one."""
        earlier = self._earlier.get(asked.key)
        fault = venue_faults.of(what, part, asked, earlier[1] if earlier else None)
        self.local.faults = None if fault is None else lambda _kind: fault
        answer = self.local.answer(method, path, {}, body)
        self.local.faults = None
        tick.weight += self.local.usage.log[-1].weight
        if not what and answer != "drop":
            self._earlier[asked.key] = self.clock.now_ms(), answer
            self._truth[asked.key] = self.clock.now_ms()
        elif what == "empty":
            self._truth.pop(asked.key, None)
        self.oracle.look()
        return answer

    def has_earlier(self, asked: Asked) -> bool:
        """Whether there is an answer of the last seconds that could be given once more."""
        earlier = self._earlier.get(asked.key)
        return earlier is not None and self.clock.now_ms() - earlier[0] <= faults.LONGEST_STALE_MS

    def was_told_the_truth(self, asked: Asked, within_ms: int | None) -> bool:
        """Whether the latest answer that says anything was an honest one, and not long ago where that matters."""
        told = self._truth.get(asked.key)
        return told is not None and (within_ms is None or self.clock.now_ms() - told < within_ms)

    def is_restarted(self, tick: Tick) -> bool:
        """Whether the next tick gets a process of its own."""
        return self.dice.draw(_AGAIN, tick.slot, COMMANDS.index(tick.command)) < _RESTART

    def keep_traceback(self, error: BaseException) -> None:
        """Keep what is known of an error that nobody expects."""
        self.tracebacks.append("".join(traceback.format_exception(error)))

    # What events ask

    @property
    def is_down(self) -> bool:
        """Whether every endpoint of the venue is down."""
        return self.clock.now_ms() < self.down_until_ms

    @property
    def coins(self) -> list[str]:
        """The coins of the market."""
        return [each.coin for each in self.world.venue.coins]

    @property
    def is_ending(self) -> bool:
        """Whether these are the last minutes, in which nothing moves any more, so that the books can be compared."""
        return self.clock.now_ms() >= self.ends_ms - 2 * MINUTE_MS

    @property
    def is_harmed(self) -> bool:
        """Whether anything stands in the way of protecting what we hold."""
        return self.is_down or bool(self._spoiled)

    @property
    def is_working(self) -> bool:
        """Whether a tick is at work."""
        return bool(self._running)

    def mark(self, coin: str) -> float:
        """Return a coin's mark."""
        return self.world.venue.mark(coin, self.clock.now_ms())

    def later(self, after_ms: int, work: Callable[[], None]) -> None:
        """Do something later."""
        self.scheduler.at(self.clock.now_ms() + after_ms, work)

    def spoil(self, coin: str) -> None:
        """Take note that the venue won't let us out of a coin, or of any, whatever we send."""
        self._spoiled[coin] += 1
        for tick in self._running:
            tick.worst = True

    def heal(self, coin: str) -> None:
        """Take note that it does again."""
        self._spoiled[coin] -= 1
        if not self._spoiled[coin]:
            del self._spoiled[coin]

    def fall_asleep(self, length_ms: int, *, days: bool) -> None:
        """Let this machine be off for a while, once in an episode for days, by which its end is put off."""
        if days and not self._days_skipped:
            self._days_skipped = True
            self.harm_ends_ms += _DAYS_OFF_MS
            self.ends_ms += _DAYS_OFF_MS
            length_ms = _DAYS_OFF_MS
        now = self.clock.now_ms()
        self.asleep_until_ms = max(self.asleep_until_ms, min(now + length_ms, self.harm_ends_ms))


def drilled_policy() -> Policy:
    """Return the rules with less patience before entries and no breakers, so that much happens in little time."""
    policy = Policy()
    return replace(
        policy,
        entry=replace(policy.entry, copy_delay=timedelta(minutes=2), order_quiet=timedelta(minutes=4)),
        breakers=replace(policy.breakers, on=False),
        safety=replace(
            policy.safety, off=frozenset({Gate.DUMP})
        ),  # its traders are too restless to be copied otherwise
        cadence=replace(policy.cadence, address_trades=timedelta(seconds=60)),
    )
