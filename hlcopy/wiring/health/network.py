"""What is asked over the network, each within seconds: the venue and its clock, the leaderboard; and Nansen's last word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.adapters.http import RetryError, host_of
from hlcopy.domain import standing
from hlcopy.domain.checks import Check
from hlcopy.errors import HlcopyError, TryLaterError
from hlcopy.ports import UNKNOWN
from hlcopy.wiring.http import venue_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from hlcopy.adapters.http import Answer
    from hlcopy.adapters.store import Store
    from hlcopy.adapters.store.credits import LastAnswer
    from hlcopy.config import Settings
    from hlcopy.ports import ActionBudget, Clock, UnknownType
    from hlcopy.wiring.http import BoundedHttp
    from hlcopy.wiring.preflight import Identity

PATIENCE_S: Final = 5.0
_ACCOUNT_S: Final = 20.0  # for all questions about agent and account together, each of which has PATIENCE_S
_OK: Final = frozenset({200, 206})
_LATER: Final = frozenset({408, 429})
_BEGINNING: Final = {"range": "bytes=0-255", "accept-encoding": "identity"}
_SERVER_ERROR: Final = 500
_UNAUTHENTICATED: Final = frozenset({401, 403})
_FEW_CREDITS: Final = 5


def mode_check(settings: Settings) -> Check:
    """Say what kind of trading this is, and where."""
    venue, source = host_of(settings.venue_url), host_of(settings.source_url)
    said = f"{settings.mode} on {settings.network} at {venue}"
    return Check(name="mode", ok=True, said=said if venue == source else f"{said}, traders read at {source}")


def venue_checks(settings: Settings, http: BoundedHttp, clock: Clock) -> Iterable[Check]:
    """Say whether Hyperliquid answers, and how its clock and ours differ."""
    for url in dict.fromkeys((settings.source_url, settings.venue_url)):
        yield _venue_check(settings, http, clock, url)


def _venue_check(settings: Settings, http: BoundedHttp, clock: Clock, url: str) -> Check:
    http.allow(PATIENCE_S)
    began, before = clock.monotonic(), clock.now()
    try:
        told = venue_time(http, url, patience=PATIENCE_S)
    except TryLaterError as error:
        return Check(name="hyperliquid", ok=False, said=str(error), remedy="check the network and the firewall")
    took = clock.monotonic() - began
    said = f"{host_of(url)} answers in {took * 1000:.0f} ms"
    if settings.clock == "venue":
        return Check(name="hyperliquid", ok=True, said=f"{said}; its clock is ours")
    judged = standing.of_clock((before - told).total_seconds() + took / 2)
    return Check(name="hyperliquid", ok=judged.ok, said=f"{said}; {judged.said}", remedy=judged.remedy)


def coins_check(settings: Settings, http: BoundedHttp, clock: Clock) -> Check:
    """Say whether the venue has the coins that are allowed and denied: one that it doesn't have allows or denies nothing."""
    from hlcopy.adapters.hyperliquid.client import InfoClient
    from hlcopy.adapters.memory.usage import MemoryRation
    from hlcopy.domain.rations import MONITOR

    entry = settings.policy().entry
    http.allow(PATIENCE_S)
    ration = MemoryRation(MONITOR, settings.hyperliquid_weight_per_minute)
    client = InfoClient(http, settings.source_url, ration, clock, PATIENCE_S, PATIENCE_S)
    try:
        known = {asset.name.casefold() for asset in client.meta().universe}
    except HlcopyError as error:
        return Check(name="coins", ok=None, said=f"can't be looked up: {error}")
    lists = {"HLCOPY_ALLOW_COINS": entry.allow_coins, "HLCOPY_DENY_COINS": entry.deny_coins}
    unknown = {name: sorted(coins - known) for name, coins in lists.items() if coins - known}
    if unknown:
        said = "; ".join(f"{name} names {', '.join(coins)}" for name, coins in unknown.items())
        remedy = "write coins as the venue does: BTC, kPEPE"
        return Check(name="coins", ok=False, said=f"{said}, unknown to {host_of(settings.source_url)}", remedy=remedy)
    return Check(
        name="coins", ok=True, said=f"{len(entry.allow_coins)} allowed, {len(entry.deny_coins)} denied, all known"
    )


def leaderboard_check(settings: Settings, http: BoundedHttp) -> Check:
    """Say whether the public leaderboard is there, reading only the beginning of its many megabytes."""
    statuses: list[int] = []
    host = host_of(settings.leaderboard_url)

    def judge(answer: Answer) -> None:
        if answer.status in _LATER or answer.status >= _SERVER_ERROR:
            reason = f"it answers {answer.status}"
            raise RetryError(reason, after=answer.retry_after())
        statuses.append(answer.status)

    http.allow(PATIENCE_S)
    try:
        http.send("GET", settings.leaderboard_url, headers=_BEGINNING, judge=judge, patience=PATIENCE_S)
    except TryLaterError as error:
        return Check(name="leaderboard", ok=False, said=str(error), remedy="check the network and the firewall")
    if statuses[-1] not in _OK:
        said = f"{host} answers {statuses[-1]}"
        return Check(name="leaderboard", ok=False, said=said, remedy="check HLCOPY_LEADERBOARD_URL")
    return Check(name="leaderboard", ok=True, said=f"{host} answers")


def nansen_check(settings: Settings, now: datetime) -> Check:
    """Say what is known of Nansen by its last recorded answer; asking would cost credits."""
    if settings.nansen_api_key is None:
        return Check(name="nansen", ok=True, said="no key: leaderboards are the public ones")
    last, spent = None, 0.0
    if settings.database.exists():
        from hlcopy.adapters.store.credits import StoredMeter

        with StoredMeter(settings.database, settings.nansen_credits_per_day) as meter:
            last, spent = meter.last_answer(), meter.spent(now)
    if last is None:
        return Check(name="nansen", ok=None, said="a key is set and wasn't used yet", remedy="hlcopy score uses it")
    return _credits_check(settings, last, spent)


def _credits_check(settings: Settings, last: LastAnswer, spent: float) -> Check:
    at = f"{last.at:%Y-%m-%d %H:%M} UTC"
    if last.status in _UNAUTHENTICATED:
        remedy = "check NANSEN_API_KEY at app.nansen.ai"
        return Check(name="nansen", ok=False, said=f"the key was refused at {at}", remedy=remedy)
    said = f"{spent:g} of {settings.nansen_credits_per_day} credits a day spent"
    if last.remaining is None or last.remaining >= _FEW_CREDITS:
        left = "" if last.remaining is None else f"{last.remaining:g} credits left at {at}, "
        return Check(name="nansen", ok=True, said=left + said)
    needed = "nansen" in {settings.leaderboard_source, settings.trade_source}
    remedy = "buy credits at app.nansen.ai" + ("" if needed else "; until then the public leaderboard is read")
    return Check(name="nansen", ok=not needed, said=f"{last.remaining:g} credits left at {at}, {said}", remedy=remedy)


def live_checks(
    settings: Settings,
    http: BoundedHttp,
    clock: Clock,
    store: AbstractContextManager[Store] | None,
    who: Identity,
    tell: Callable[[str], None],
) -> Iterable[Check]:
    """Say what the venue knows of our agent and account, and how many actions are left to them."""
    from hlcopy.adapters.hyperliquid.client import InfoClient
    from hlcopy.adapters.memory.usage import MemoryRation
    from hlcopy.domain.rations import MONITOR
    from hlcopy.wiring import preflight

    http.allow(_ACCOUNT_S)
    ration = MemoryRation(MONITOR, settings.hyperliquid_weight_per_minute)
    client = InfoClient(http, settings.venue_url, ration, clock, PATIENCE_S, PATIENCE_S)
    yield from preflight.live_checks(client, who, clock, ask_time=settings.clock == "system")
    if store is not None:
        from hlcopy.adapters.hyperliquid.account import HyperliquidAccount

        with store as ledger:
            account = HyperliquidAccount(client, who.account, ledger.controls, clock, tell)
            yield budget_check(settings, account.budget(clock.now()))


def budget_check(settings: Settings, left: ActionBudget | UnknownType) -> Check:
    """Say how many orders, cancels and changes our address may still send."""
    if left is UNKNOWN:
        return Check(name="actions left", ok=None, said="the venue doesn't say", remedy="try again in a moment")
    said = f"{left.left:,} of {left.cap:,} for our address"
    if left.left >= settings.min_action_budget:
        return Check(name="actions left", ok=True, said=said)
    remedy = f"entries pause below {settings.min_action_budget:,}: trading adds one for each USD traded"
    return Check(name="actions left", ok=False, said=said, remedy=remedy)
