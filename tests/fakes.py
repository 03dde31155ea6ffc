"""Doubles of the ports: a market whose marks are set, a source whose fills are given, and a hand that kills."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

from hlcopy.adapters.paper import PaperExchange
from hlcopy.domain import stops
from hlcopy.domain.episodes import chained
from hlcopy.domain.instrument import Instrument
from hlcopy.domain.models import TraderPosition, TraderState
from hlcopy.domain.policy import Policy
from hlcopy.errors import TryLaterError
from hlcopy.ports import UNKNOWN, Desk, Marks, Quote, one_by_one

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill, Side
    from hlcopy.domain.safety import Conditions
    from hlcopy.ports import Ledger, Level, Market, Together, UnknownType


class Killed(BaseException):
    """A process died: nothing may catch it."""


@dataclass(slots=True)
class FakeMarket:
    """Marks set by the test, each with the moment from which it holds; also the paper venue's price feed."""

    path: dict[str, list[tuple[datetime, float]]] = field(default_factory=dict)
    rates: dict[str, list[tuple[datetime, float]]] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    halted: set[str] = field(default_factory=set)
    unlisted: set[str] = field(default_factory=set)
    books: dict[tuple[str, bool], list[Level]] = field(default_factory=dict)
    looks: list[dict[str, datetime]] = field(default_factory=list)
    pages: list[tuple[str, bool]] = field(default_factory=list)  # the books that were asked for
    dark: bool = False  # nothing can be looked at
    lawless: bool = False  # the rules can't be read
    states: dict[str, Conditions | UnknownType] = field(
        default_factory=dict
    )  # of coins' markets; others aren't recorded

    def set(self, coin: str, at: datetime, price: float) -> None:
        self.path.setdefault(coin, []).append((at, price))

    def _until(self, coin: str, now: datetime) -> list[tuple[datetime, float]]:
        return [step for step in self.path.get(coin, []) if step[0] <= now]

    def marks(self, coin: str, since: datetime, now: datetime) -> Marks | UnknownType | None:
        if coin in self.unreadable:
            return UNKNOWN
        known = self._until(coin, now)
        if not known:
            return None
        seen = [price for at, price in known if at > since] or [known[-1][1]]
        return Marks(min(seen), max(seen), known[-1][1], known[-1][0])

    def mark(self, coin: str, now: datetime) -> float | None:
        known = self._until(coin, now)
        return known[-1][1] if known else None

    def next_price(self, coin: str, now: datetime) -> Quote | None:
        price = self.mark(coin, now)
        return None if price is None or coin in self.halted else Quote(price, now)

    def look(self, since: Mapping[str, datetime], now: datetime) -> None:  # noqa: ARG002 - the port's signature
        if self.dark:
            message = "no prices"
            raise TryLaterError(message)
        self.looks.append(dict(since))

    def book(self, coin: str, now: datetime, *, is_buy: bool) -> Sequence[Level] | None:  # noqa: ARG002 - the port's
        self.pages.append((coin, is_buy))
        return self.books.get((coin, is_buy))

    def first_touch(
        self, coin: str, trigger: float, side: Side, since: datetime, now: datetime, *, until: datetime | None = None
    ) -> Quote | None:
        for at, price in self._until(coin, until or now):
            if at > since and stops.is_crossed(trigger, price, side):
                return Quote(price, at)
        return None

    def funding(self, coin: str, since: datetime, until: datetime) -> Sequence[tuple[datetime, float]]:
        return [(at, rate) for at, rate in self.rates.get(coin, []) if since < at <= until]

    def conditions(self, coin: str, now: datetime) -> Conditions | UnknownType | None:  # noqa: ARG002 - the port's
        return self.states.get(coin)

    def instrument(self, coin: str) -> Instrument | None:
        if self.lawless:
            message = "no rules"
            raise TryLaterError(message)
        return None if coin in self.unlisted else Instrument(coin=coin, size_decimals=4, max_leverage=20)


@dataclass(slots=True)
class FakeSource:
    """Fills given by the test; positions follow from them unless they are set apart."""

    equity: dict[str, float | None] = field(default_factory=dict)
    given: dict[str, list[Fill]] = field(default_factory=dict)
    held: dict[str, dict[str, float]] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    asked: list[tuple[str, datetime]] = field(default_factory=list)
    read: list[tuple[str, str]] = field(default_factory=list)  # ("positions" or "state", trader)
    capacity: int | None = None

    def add(self, *fills: Fill) -> None:
        for fill in fills:
            self.given.setdefault(fill.trader, []).append(fill)

    def fills(self, trader: str, since: datetime, now: datetime) -> Sequence[Fill] | UnknownType:
        self.asked.append((trader, since))
        if trader in self.silent:
            return UNKNOWN
        return [fill for fill in self.given.get(trader, []) if since <= fill.time <= now]

    def room(self, now: datetime) -> int | None:  # noqa: ARG002 - the port's signature
        return self.capacity

    def positions(self, trader: str, now: datetime) -> TraderState | UnknownType:
        self.read.append(("positions", trader))
        state = self._account(trader, now)
        return state if state is UNKNOWN else replace(state, equity=None)

    def state(self, trader: str, now: datetime) -> TraderState | UnknownType:
        self.read.append(("state", trader))
        return self._account(trader, now)

    def _account(self, trader: str, now: datetime) -> TraderState | UnknownType:
        if trader in self.unreadable:
            return UNKNOWN
        sizes: dict[str, float] = {}
        prices: dict[str, float] = {}
        for fill in chained([fill for fill in self.given.get(trader, []) if fill.time <= now]):
            sizes[fill.coin], prices[fill.coin] = fill.end_position, fill.price
        sizes |= self.held.get(trader, {})
        positions = {
            coin: TraderPosition(coin=coin, size=size, value_usd=abs(size) * prices.get(coin, 0.0))
            for coin, size in sizes.items()
            if size
        }
        return TraderState(trader=trader, equity=self.equity.get(trader), positions=positions, read_at=now)


@dataclass(slots=True)
class Crowd:
    """Asks one by one, and remembers what it was given to ask at once."""

    asked: list[list[Any]] = field(default_factory=list)

    def __call__(self, ask: Callable[[Any], Any], items: Iterable[Any], /) -> list[Any]:
        self.asked.append(list(items))
        return one_by_one(ask, self.asked[-1])


@dataclass(slots=True)
class Executioner:
    """Counts the effects of a tick and kills the process before the one whose turn it is."""

    at: int | None = None
    effects: list[str] = field(default_factory=list)

    def step(self, effect: str) -> None:
        if self.at is not None and len(self.effects) == self.at:
            self.kill(effect)
        self.effects.append(effect)

    def kill(self, effect: str) -> NoReturn:
        raise Killed(effect)


class Mortal:
    """A stand-in for an object some of whose methods are effects: one may die before each and, of the venue's, after it."""

    def __init__(self, target: object, executioner: Executioner, methods: set[str], *, after: bool = False) -> None:
        self._target = target
        self._executioner = executioner
        self._methods = methods
        self._after = after

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - it stands in for any port
        found = getattr(self._target, name)
        if name not in self._methods:
            return found

        def call(*args: object, **kwargs: object) -> object:
            self._executioner.step(f"before {name}")
            result = found(*args, **kwargs)
            if self._after:
                self._executioner.step(f"after {name}")
            return result

        return call


class MortalLedger:
    """A ledger whose every write may be the last thing its process attempts."""

    def __init__(self, ledger: Ledger, executioner: Executioner) -> None:
        self._ledger = ledger
        self._executioner = executioner
        self.history = ledger.history
        self.runs = ledger.runs
        self.paper = ledger.paper
        self.choices = ledger.choices
        self.controls = Mortal(ledger.controls, executioner, {"add_equity"}, after=True)
        self.traders = Mortal(ledger.traders, executioner, {"put_mark", "blacklist", "put_positions"}, after=True)
        governing = {"put_halt", "resume", "add_equity", "thin_equity"}
        self.controls = Mortal(ledger.controls, executioner, governing, after=True)
        self.signals = Mortal(ledger.signals, executioner, {"defer", "decide", "amend"}, after=True)
        writes = {"put_position", "drop_position", "put_order", "add_fills", "log_action"}
        self.book = Mortal(ledger.book, executioner, writes, after=True)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._ledger.transaction():
            yield
            self._executioner.step("before commit")


def desk_of(
    ledger: Ledger,
    source: FakeSource,
    market: FakeMarket,
    *,
    policy: Policy | None = None,
    executioner: Executioner | None = None,
    paused: list[float] | None = None,
    account_lock: Callable[[], Any] = nullcontext,
    equity: float = 100_000.0,
    together: Together = one_by_one,
    reference: Market | None = None,
) -> Desk:
    """Return a desk on the paper venue; with an executioner every effect of a tick can be its last."""
    rules = policy or Policy()
    venue: Any = PaperExchange(ledger, market, rules.costs, equity)
    seen: Any = ledger
    if executioner is not None:
        venue = Mortal(venue, executioner, {"set_leverage", "send", "cancel"}, after=True)
        seen = MortalLedger(ledger, executioner)
    return Desk(
        policy=rules,
        ledger=seen,
        source=source,
        market=market,
        exchange=venue,
        account_lock=account_lock,
        pause=(paused if paused is not None else []).append,
        together=together,
        reference=reference,
    )
