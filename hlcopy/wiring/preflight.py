"""Ask the venue, before anything is signed, who our agent and account are; the answers serve all processes for an hour."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Final, NoReturn

from hlcopy.domain import standing
from hlcopy.domain.checks import Check
from hlcopy.domain.models import from_ms, to_ms
from hlcopy.domain.standing import Role
from hlcopy.errors import ConfigError, TryLaterError
from hlcopy.ports import Fact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from hlcopy.adapters.hyperliquid.client import InfoClient
    from hlcopy.adapters.hyperliquid.own_models import ApiRole
    from hlcopy.ports import Clock, Controls

FACT: Final = "preflight"
EXPIRY_FACT: Final = "agent_expiry"
"""What is said of an agent whose end is near, so that alerts can tell it."""
_LASTS: Final = timedelta(hours=1)
_AT_MOST: Final = timedelta(hours=24)
_TIMES: Final = 3
_ADDRESS: Final = re.compile(r"0[xX][0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose key signs for which account, and where; addresses in lower case."""

    agent: str
    account: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What was found in order: whether the account is a subaccount, and whether positions may be opened.

    `problem` says what keeps from that, where those who open them asked and weren't to be stopped by it yet.
    """

    is_subaccount: bool
    may_enter: bool
    problem: str | None = field(default=None, compare=False)


def live_checks(client: InfoClient, who: Identity, clock: Clock, *, ask_time: bool = True) -> list[Check]:
    """Return every check, also after one that failed; `ok` is None where the venue couldn't be asked."""
    return [check for check, _ in _checks(client, who, clock, ask_time=ask_time)]


def require_ready(
    client: InfoClient,
    who: Identity,
    controls: Controls,
    clock: Clock,
    tell: Callable[[str], None],
    *,
    entering: bool,
    ask_time: bool = True,
    fresh: bool = False,
    postpone: bool = False,
) -> Ready:
    """Return how agent and account stand, as known for an hour, or asked now.

    What keeps from opening positions only stops those who are `entering`; others are told, since they close and protect.
    With `postpone` it is returned, for those who do both.
    Raises `ConfigError` for the first check that failed. Raises `TryLaterError` when the venue can't be asked and wasn't
    within a day.
    """
    now = clock.now()
    known = None if fresh else _known(controls, who, now)
    usable = known is not None and (known.ready.may_enter or not entering)
    if known is not None and usable and now - known.at < _LASTS:
        return known.ready
    is_subaccount, may_enter = False, True
    postponed: Check | None = None
    plain = known is not None and not known.ready.is_subaccount
    for check, shows_subaccount in _checks(client, who, clock, ask_time=ask_time, plain=plain):
        if check.name == standing.EXPIRY and check.ok is not None:
            _note_expiry(controls, check, now)
        is_subaccount |= shows_subaccount
        may_enter &= check.ok is True
        if check.ok is not True and (entering or check.name in standing.MUST_HOLD):
            if check.ok is None and known is not None and usable:
                tell(f"{check.name}: {check.said}; what was known before holds for now")
                return known.ready
            controls.drop_fact(FACT)
            if not postpone or check.ok is None or check.name in standing.MUST_HOLD:
                _refuse(check)
            postponed = postponed or check
        elif check.remedy:
            tell(_words(check))
    if postponed is not None:
        return Ready(is_subaccount=is_subaccount, may_enter=False, problem=_words(postponed))
    ready = Ready(is_subaccount=is_subaccount, may_enter=may_enter)
    controls.put_fact(FACT, Fact(_text(ready, who), now))
    return ready


def _note_expiry(controls: Controls, check: Check, now: datetime) -> None:
    if check.remedy:
        controls.put_fact(EXPIRY_FACT, Fact(f"{check.said}; {check.remedy}", now))
    else:
        controls.drop_fact(EXPIRY_FACT)


def _refuse(check: Check) -> NoReturn:
    if check.ok is None:
        message = f"{check.name}: {check.said}"
        raise TryLaterError(message)
    raise ConfigError(_words(check))


def _words(check: Check) -> str:
    return f"{check.said}; {check.remedy}"


class VenueStanding:
    """What stands in the way of trading, as a live exchange asks while it runs; `found` is what was found when it began."""

    def __init__(self, ask: Callable[[bool], Ready], controls: Controls, found: Ready | None = None) -> None:
        self._ask = ask
        self._controls = controls
        self._found = found

    def problem(self, *, entering: bool) -> str | None:
        """Return what stands in the way of sending anything, or of opening a position; None when nothing does.

        Raises `TryLaterError` when that can't be found out now.
        """
        try:
            self._ask(entering)
        except ConfigError as error:
            return str(error)
        return None

    def require(self) -> None:
        """Raise what stands in the way of opening a position."""
        if self._found is not None and self._found.problem is not None:
            raise ConfigError(self._found.problem)
        self._ask(True)  # noqa: FBT003 - a callback takes no keywords

    def forget(self) -> None:
        """Forget what was found out, so that it is asked anew."""
        self._controls.drop_fact(FACT)


def _checks(
    client: InfoClient, who: Identity, clock: Clock, *, ask_time: bool, plain: bool = False
) -> Iterator[tuple[Check, bool]]:
    """Yield the checks, that which costs least of what users change first, each with whether it shows the account to be a subaccount.

    An account that is known to be a `plain` one isn't asked about again: it stays so, and the question weighs 60.
    """
    yield _asked(standing.MODE, lambda: standing.of_mode(client.user_abstraction(who.account))), False
    role = Role("")

    def account() -> Check:
        nonlocal role
        role = _role(client.role(who.account))
        return standing.of_account(who.account, role)

    if not plain:
        yield _asked(standing.ACCOUNT, account), role.name == "subAccount"
    master = role.owner if role.name == "subAccount" and role.owner else who.account
    owner = Role("")

    def agent() -> Check:
        nonlocal owner
        owner = _role(client.role(who.agent))
        return standing.of_agent(who.agent, owner, who.account, master)

    yield _asked(standing.AGENT, agent), False
    yield _asked(standing.EXPIRY, lambda: _expiry(client, who, owner.owner or master, clock)), False

    def equity() -> Check:
        return standing.of_equity(client.own_state(who.account).marginSummary.accountValue)

    yield _asked(standing.EQUITY, equity), False  # an address that was never used has none either: say that first
    if ask_time:
        yield _asked(standing.CLOCK, lambda: standing.of_clock(_ahead_s(client, who, clock))), False


def _asked(name: str, ask: Callable[[], Check]) -> Check:
    try:
        return ask()
    except TryLaterError as error:
        return Check(name=name, ok=None, said=str(error), remedy="try again later")


def _role(answer: ApiRole) -> Role:
    owner = answer.data.get("user") or answer.data.get("master")
    is_address = isinstance(owner, str) and _ADDRESS.fullmatch(owner) is not None
    return Role(answer.role, str(owner).lower() if is_address else None)


def _expiry(client: InfoClient, who: Identity, owner: str, clock: Clock) -> Check:
    ends = [agent.validUntil for agent in client.extra_agents(owner) if agent.address.lower() == who.agent]
    known = [end for end in ends if end is not None]
    return standing.of_expiry(who.agent, from_ms(max(known)) if known else None, clock.now())


def _ahead_s(client: InfoClient, who: Identity, clock: Clock) -> float:
    """Return how far our clock is ahead of the venue's: the median of several answers, each taken in the middle."""
    found: list[float] = []
    for _ in range(_TIMES):
        before = to_ms(clock.now())
        told = client.own_state(who.account).time
        found.append((before + to_ms(clock.now())) / 2 - told)
    return median(found) / 1_000


def _text(ready: Ready, who: Identity) -> str:
    return json.dumps([who.agent, who.account, who.url, ready.is_subaccount, ready.may_enter])


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found out before, and when."""

    ready: Ready
    at: datetime


def _known(controls: Controls, who: Identity, now: datetime) -> _Known | None:
    """Return what was found out of the same agent, account and venue within a day."""
    fact = controls.fact(FACT)
    if fact is None or not timedelta(0) <= now - fact.at < _AT_MOST:
        return None
    try:
        told = json.loads(fact.text)
    except ValueError:
        return None
    match told:
        case [who.agent, who.account, who.url, bool(is_subaccount), bool(may_enter)]:
            return _Known(Ready(is_subaccount=is_subaccount, may_enter=may_enter), fact.at)
    return None
