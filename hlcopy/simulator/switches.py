"""Faults of the local venue that are switched on by a line of text, for some requests, some calls or by chance.

`ENDPOINT:KIND[=VALUE][@CALLS][~CHANCE]`, such as `exchange.order:lost@3`, `info.clearinghouseState:stale~0.1` or
`nansen.*:429@2-5`; without calls or chance it meets every request of the endpoint.
"""

from __future__ import annotations

import json
import random
import re
import threading
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from hlcopy.simulator import faults, trading_requests
from hlcopy.simulator.hyperliquid_rules import TYPES as INFO_TYPES
from hlcopy.simulator.nansen_api import ENDPOINTS as NANSEN_PATHS
from hlcopy.simulator.switch_kinds import KINDS, Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.simulator.server import Answer, Fault, LocalVenue

_SPEC: Final = re.compile(
    r"(?P<endpoint>[^:\s]+):(?P<kind>[a-z0-9-]+)(=(?P<value>[^@~\s]+))?"
    r"(@(?P<first>[1-9]\d{0,8})(?P<more>\+|-(?P<last>[1-9]\d{0,8}))?)?(~(?P<chance>\d*\.?\d+))?"
)
_FORM: Final = "ENDPOINT:KIND[=VALUE][@CALLS][~CHANCE], such as exchange.order:lost@3 or nansen.*:429~0.05"
_GROUPS: Final = ("exchange", "info", "nansen", "leaderboard")
ENDPOINTS: Final = (
    "*",
    "exchange.*",
    *(f"exchange.{each}" for each in sorted(trading_requests.TYPES)),
    "info.*",
    *(f"info.{each}" for each in sorted(INFO_TYPES)),
    "info.clock",
    "nansen.*",
    *(f"nansen.{each}" for each in sorted(NANSEN_PATHS)),
    "leaderboard",
)
"""What can be named; `*` is everything but the clock that rehearsals go by."""


@dataclass(slots=True)
class Switch:
    """One fault: where, which, for which calls and with which chance; and how often it was asked and struck."""

    text: str
    endpoint: str
    kind: str
    value: str | None
    first: int
    last: int | None
    chance: float
    dice: random.Random
    asked: int = 0
    struck: int = 0

    def meets(self, group: str, name: str) -> bool:
        """Whether it is for a request of an endpoint."""
        if name == "clock":
            return self.endpoint == "info.clock"
        return self.endpoint in {"*", f"{group}.*", f"{group}.{name}" if name else group}

    def strikes(self) -> bool:
        """Count a request, and decide whether this is one of those."""
        self.asked += 1
        within = self.first <= self.asked and (self.last is None or self.asked <= self.last)
        struck = within and self.dice.random() < self.chance
        self.struck += struck
        return struck


def parsed(text: str, seed: int = 0) -> Switch:
    """Return what a line switches on; raises `ValueError`, which names the nearest there is."""
    told = _SPEC.fullmatch(text.strip())
    if told is None:
        message = f"{text!r} isn't {_FORM}"
        raise ValueError(message)
    endpoint, name, value = told["endpoint"], told["kind"], told["value"]
    if endpoint not in ENDPOINTS:
        message = f"there is no endpoint {endpoint}; the nearest is {_nearest(endpoint, ENDPOINTS)}"
        raise ValueError(message)
    if name not in KINDS:
        message = f"there is no fault {name}; the nearest is {_nearest(name, list(KINDS))}"
        raise ValueError(message)
    kind, group = KINDS[name], endpoint.partition(".")[0]
    if group not in kind.groups and not (group == "*" and set(_GROUPS) <= set(kind.groups)):
        message = f"{name} can't befall {endpoint}; it befalls {' and '.join(kind.groups)}"
        raise ValueError(message)
    problem = kind.problem(value)
    if problem:
        message = f"{text}: {problem}"
        raise ValueError(message)
    chance = float(told["chance"]) if told["chance"] else 1.0
    if not 0 < chance <= 1:
        message = f"{text}: a chance is above 0 and at most 1"
        raise ValueError(message)
    first = int(told["first"] or 1)
    last = int(told["last"]) if told["last"] else (None if told["more"] or not told["first"] else first)
    if last is not None and last < first:
        message = f"{text}: calls {first} to {last} are none"
        raise ValueError(message)
    dice = random.Random(f"{seed}:{text}")  # noqa: S311 - a rehearsal's dice
    return Switch(text.strip(), endpoint, name, value, first, last, chance, dice)


def _nearest(given: str, known: Sequence[str]) -> str:
    return get_close_matches(given, known, n=1, cutoff=0.0)[0]


@dataclass(slots=True)
class Switches:
    """The faults that are switched on at a venue; the first that strikes a request is what happens to it."""

    seed: int = 0
    on: list[Switch] = field(default_factory=list)
    _earlier: dict[str, Answer] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, text: str) -> None:
        """Switch a fault on; raises `ValueError`."""
        switch = parsed(text, self.seed + len(self.on))
        with self._lock:
            self.on.append(switch)

    def fault(self, venue: LocalVenue, group: str, name: str, body: bytes) -> Fault | None:
        """Return what happens to a request."""
        with self._lock:
            if not self.on:
                return None
            struck = [each for each in self.on if each.meets(group, name) and each.strikes()]
            if not struck:
                return self._remember(group, name, body)
            switch = struck[0]
            part = switch.dice.random()
        asked = _asked(group, name, body)
        if switch.kind == "stale" and asked.key not in self._earlier:
            return self._remember(group, name, body)
        call = Call(venue, asked, part, switch.value, self._earlier.get(asked.key), switch.dice)
        return KINDS[switch.kind].make(call)

    def _remember(self, group: str, name: str, body: bytes) -> Fault | None:
        """Keep an honest answer for when a stale one is wanted."""
        if group == "exchange" or not any(each.kind == "stale" for each in self.on):
            return None
        key = _asked(group, name, body).key

        def keep(honest: Answer) -> Answer:
            self._earlier.setdefault(key, honest)
            return honest

        return keep

    def control(self, method: str, body: bytes) -> Answer:
        """Answer the control endpoint: GET tells, POST takes `{"add": ["SPEC", ...]}`, `{"clear": true}` or both."""
        try:
            if method == "POST":
                self._order(json.loads(body or b"null"))
            elif method != "GET":
                return 405, {"Content-Type": "text/plain; charset=utf-8"}, b"Method Not Allowed"
        except ValueError as error:
            return 422, {"Content-Type": "text/plain; charset=utf-8"}, str(error).encode()
        told = [{"fault": each.text, "asked": each.asked, "struck": each.struck} for each in self.on]
        return 200, {"Content-Type": "application/json"}, json.dumps({"faults": told}).encode()

    def _order(self, wanted: Any) -> None:  # noqa: ANN401 - what was sent
        if not isinstance(wanted, dict) or not set(wanted) <= {"add", "clear"} or not wanted:
            message = 'either {"add": ["SPEC", ...]} or {"clear": true} switches faults'
            raise ValueError(message)
        texts = wanted.get("add", [])
        if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
            message = '"add" wants a list of faults'
            raise ValueError(message)
        for each in texts:
            parsed(each)  # all or none
        if wanted.get("clear"):
            with self._lock:
                self.on.clear()
                self._earlier.clear()
        for each in texts:
            self.add(each)


def _asked(group: str, name: str, body: bytes) -> faults.Asked:
    """Return a request as faults take it; one that can't be read has nothing but its name."""
    if group in {"info", "exchange"}:
        try:
            return faults.read(f"/{group}", body)
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
    return faults.Asked(kind=name, key=f"{group} {name} {body!r}")


def faults_help() -> str:
    """Return every fault with what it means and where it can happen."""
    width = max(map(len, KINDS)) + 2
    lines = [
        "A fault is ENDPOINT:KIND[=VALUE][@CALLS][~CHANCE], such as",
        "exchange.order:lost@3 or 'nansen.*:429~0.05'.",
    ]
    lines += ["CALLS: 3, 3-5 or 3+, counted from when it is switched on. CHANCE: above 0 to 1.", ""]
    for groups in dict.fromkeys(kind.groups for kind in KINDS.values()):
        lines.append(f"{' and '.join(groups)}:")
        lines += [f"  {name:<{width}}{kind.meaning}" for name, kind in KINDS.items() if kind.groups == groups]
    lines += [
        "",
        "Endpoints: exchange.ACTION, info.TYPE, nansen.PATH, leaderboard;",
        "exchange.*, info.*, nansen.*, and * for all.",
    ]
    return "\n".join(lines) + "\n"
