"""Does a replay look ahead? Its future is changed after some moments, and every decision until then must stay the same.

Most of the moments are those of decisions, where the smallest look ahead shows; the others are any.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from hlcopy.backtest.altered import Alteration, Altered
from hlcopy.backtest.decisions import Decision, DecisionLedger, Kind
from hlcopy.backtest.desk import build
from hlcopy.backtest.engine import Engine
from hlcopy.backtest.leaks import plant
from hlcopy.backtest.recorded import Kept
from hlcopy.backtest.run import check, read
from hlcopy.domain.models import to_ms
from hlcopy.ticks.schedule import next_slot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hlcopy.backtest.desk import Recording
    from hlcopy.backtest.recorded import Recorded
    from hlcopy.backtest.replay import ReplayMarket
    from hlcopy.backtest.run import Plan
    from hlcopy.domain.instrument import Instrument
    from hlcopy.domain.models import Side
    from hlcopy.ports import Level, PriceFeed, Progress, Quote

_BEYOND: Final = timedelta(minutes=2)  # the ticks that end a replay come after every decision that is compared
_AT_DECISIONS: Final = 0.75

_TURNS: Final = (Kind.SIZING, Kind.EXIT, Kind.SELECTION, Kind.GATE)  # a score is made when a choice is


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A decision that isn't the same once the future is another one; None where there is none on that side."""

    expected: Decision | None
    found: Decision | None

    @property
    def kind(self) -> Kind:
        """What the decision is about."""
        either = self.expected or self.found
        assert either is not None  # noqa: S101 - there is no difference between nothing and nothing
        return either.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One moment, one other future after it: how many decisions were compared, and the first that differed."""

    moment: datetime
    how: Alteration
    compared: int
    difference: Difference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found; `decisions` counts those of the replay with its own future, by kind."""

    plan: Plan
    seed: int
    decisions: Mapping[Kind, int]
    trials: Sequence[Trial]
    planted: Kind | None = None

    @property
    def passed(self) -> bool:
        """Whether no decision depends on what came after it."""
        return all(trial.difference is None for trial in self.trials)


def audit(
    recorded: Recorded,
    plan: Plan,
    *,
    moments: int,
    seed: int,
    planted: Kind | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Replay a plan, then again with other futures from some moments on.

    `planted` puts a leak into every one of these replays, which must be found. Raises `BadInputError` as `record` does.
    """
    recorded = Kept(recorded)
    own = check(recorded, read(recorded, plan), plan)
    if progress is not None:
        progress.start("Auditing", 1 + 2 * moments)
    decisions, _ = _decided(own, own, plan, plan.end, None, planted)
    if progress is not None:
        progress.advance()
    trials = []
    for moment in _moments(decisions, own, plan, moments, random.Random(seed)):  # noqa: S311 - nobody guesses against it
        for how in Alteration:
            altered = Altered(recorded, moment, plan.policy.cadence.feed_delay, how, seed, plan.backdate_equity)
            found, whole = _decided(read(altered, plan), own, plan, moment, moment, planted)
            trials.append(_compared(decisions, found, moment, how, whole=whole))
            if progress is not None:
                progress.advance()
    if progress is not None:
        progress.finish()
    return Audit(
        plan=plan,
        seed=seed,
        decisions=Counter(decision.kind for decision in decisions),
        trials=trials,
        planted=planted,
    )


def _moments(
    decisions: Sequence[Decision], own: Recording, plan: Plan, count: int, chance: random.Random
) -> list[datetime]:
    """Return the moments after which to change the future, by time: of decisions, each kind in its turn, and any."""
    by_kind: dict[Kind, list[datetime]] = defaultdict(list)
    for decision in decisions:
        if decision.at > plan.start and (not by_kind[decision.kind] or by_kind[decision.kind][-1] != decision.at):
            by_kind[decision.kind].append(decision.at)
    found: dict[datetime, None] = {}
    turns = [moments for moments in (*(by_kind[kind] for kind in _TURNS), _too_early(decisions, own, plan)) if moments]
    for moments in turns:
        chance.shuffle(moments)
    wanted = math.ceil(count * _AT_DECISIONS)
    while turns and len(found) < wanted:
        for moments in turns:
            found[moments.pop()] = None
        turns = [moments for moments in turns if moments]
    chosen = list(found)[:wanted]
    minutes = (plan.end - plan.start) // timedelta(minutes=1)
    while len(chosen) < count:
        chosen.append(plan.start + timedelta(minutes=chance.randrange(1, max(minutes, 2))))
    return sorted(chosen)


def _too_early(decisions: Sequence[Decision], own: Recording, plan: Plan) -> list[datetime]:
    """Return the polls that came before a fill of their trader was visible: who sees it nevertheless knows what comes."""
    cadence = plan.policy.cadence
    judged = {str(decision.facts["trader"]) for decision in decisions if decision.kind is Kind.GATE}
    polls = {
        next_slot(fill.time, cadence.address_trades)
        for trader in sorted(judged)
        for fill in own.fills.get(trader, ())
        if plan.start <= fill.time < plan.end
        and next_slot(fill.time, cadence.address_trades) - fill.time < cadence.feed_delay
    }
    return sorted(polls)


def _decided(
    recording: Recording, own: Recording, plan: Plan, until: datetime, moment: datetime | None, planted: Kind | None
) -> tuple[list[Decision], bool]:
    """Replay and return the decisions; up to an order that the venue filled in a changed future, if one did.

    The second value says that none did. The trading rules are those that `own` shows: no recording tells them.
    """
    recording = replace(recording, size_decimals=own.size_decimals)
    filled: list[int] = []
    ledger = DecisionLedger()

    def watch(market: ReplayMarket) -> PriceFeed:
        return _Watched(market, moment, lambda: filled.append(len(ledger.decisions))) if moment else market

    replay = build(recording, ledger, plan.equity, plan.start, plan.policy, plan.our_equity, feed=watch)
    ledger.present = lambda: replay.now
    if planted is not None:
        replay = plant(replay, recording, planted, plan.end)
    Engine(replay, plan.end if moment is None else min(until + _BEYOND, plan.end)).run()
    decisions = ledger.decisions[: filled[0]] if filled else ledger.decisions
    return decisions, not filled


def _compared(
    expected: Sequence[Decision], found: Sequence[Decision], moment: datetime, how: Alteration, *, whole: bool
) -> Trial:
    before = [decision for decision in expected if decision.at <= moment]
    again = [decision for decision in found if decision.at <= moment]
    if not whole:  # what follows an order that met another price is another story
        before = before[: len(again)]
    for index, (one, other) in enumerate(zip_longest(before, again)):
        if one is None or other is None or _told(one) != _told(other):
            difference = Difference(expected=one, found=other)
            return Trial(moment=moment, how=how, compared=index + 1, difference=difference)
    return Trial(moment=moment, how=how, compared=len(before), difference=None)


def _told(decision: Decision) -> tuple[datetime, Kind, str, str]:
    return decision.at, decision.kind, decision.about, repr(decision.facts)  # by text: NaN is the same as NaN


class _Watched:
    """The prices of the paper venue, which fills an order at what comes after it: told when that is a changed future."""

    def __init__(self, market: ReplayMarket, moment: datetime, filled: Callable[[], None]) -> None:
        self._market = market
        self._moment = moment
        self._filled = filled

    def look(self, since: Mapping[str, datetime], now: datetime) -> None:
        """Read nothing."""
        self._market.look(since, now)

    def mark(self, coin: str, now: datetime) -> float | None:
        """Return the latest mark."""
        return self._market.mark(coin, now)

    def next_price(self, coin: str, now: datetime) -> Quote | None:
        """Return the price that an order sent now meets."""
        quote = self._market.next_price(coin, now)
        if quote is not None and self._is_changed(coin, quote.at):  # when candles open is the same in every future
            self._filled()
        return quote

    def _is_changed(self, coin: str, opens: datetime) -> bool:
        tape = self._market.tape(coin)
        found = None if tape is None else tape.next_opening(to_ms(opens))
        return found is None or to_ms(opens) + found[0].interval_ms > to_ms(self._moment)

    def book(self, coin: str, now: datetime, *, is_buy: bool) -> Sequence[Level] | None:
        """Return None: recorded history has no order books."""
        return self._market.book(coin, now, is_buy=is_buy)

    def first_touch(
        self, coin: str, trigger: float, side: Side, since: datetime, now: datetime, *, until: datetime | None = None
    ) -> Quote | None:
        """Return where a stop filled."""
        if until is not None and until > self._moment:
            self._filled()
        return self._market.first_touch(coin, trigger, side, since, now, until=until)

    def funding(self, coin: str, since: datetime, until: datetime) -> Sequence[tuple[datetime, float]]:
        """Return the funding rates."""
        return self._market.funding(coin, since, until)

    def instrument(self, coin: str) -> Instrument | None:
        """Return a coin's trading rules."""
        return self._market.instrument(coin)
