"""After a tick: what is worth telling is noted in the file, then sent. Nothing here ever fails a tick.

What happened to positions is read from their story, which ticks write in the transactions that do it: killed anywhere, a
tick's successor tells it. Killed between sending and noting that, it is told twice.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.cli import logs
from hlcopy.domain import alerts as rules
from hlcopy.domain.book import IntentState, PositionStatus
from hlcopy.errors import HlcopyError
from hlcopy.ports import Fact
from hlcopy.ticks import breakers
from hlcopy.ticks.report import Problem
from hlcopy.wiring.preflight import EXPIRY_FACT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from hlcopy.adapters.store import Store
    from hlcopy.cli.options import Session
    from hlcopy.config import Settings
    from hlcopy.domain.alerts import Alert, Condition
    from hlcopy.ports import Ledger

FAILED: Final = "ALERT_FAILED"
TIME_S: Final = 8.0
"""What sending may take of a tick's end, apprise's start in it."""

TICKS: Final = ("monitor", "poll", "positions", "score")
_FAILURES: Final = 3
_STORY: Final = "alerted_actions"
_BEFORE_ALERTS: Final = timedelta(minutes=15)  # where alerts are new, how old may be what they tell
_SETTLING: Final = timedelta(seconds=10)  # what an entry's stop may take while another tick looks on
_ANSWERED_BY: Final = timedelta(seconds=60)
_MUCH_OF_DAY: Final = 0.8
_FEW_CREDITS: Final = 100
_KEPT: Final = timedelta(days=30)


def after_tick(session: Session, store: Store, now: datetime) -> tuple[Problem, ...]:
    """Note what is worth telling and send what waits; return what failed of it."""
    if not session.settings.alert_channels:
        return ()
    try:
        note(store, session.settings, now)
        return deliver(store, session.settings, now)
    except HlcopyError as error:
        return (_problem(str(error), "alerts"),)
    except Exception as error:  # noqa: BLE001 - whatever it is, the tick was done
        logs.crash(error)
        return (_problem(f"unexpected {type(error).__name__}; the traceback is in the log file", "alerts"),)


def _problem(message: str, item: str) -> Problem:
    return Problem(code=FAILED, message=message, item=item)


def note(store: Ledger, settings: Settings, now: datetime) -> None:
    """Write down, in one transaction, the alerts of what happened since the last look and of what stands now."""
    from hlcopy.render.alerts import action_alert

    quiet = timedelta(minutes=settings.alert_quiet_minutes)
    with store.transaction():
        told = store.outbox.told()
        begun, remembered = rules.news(told, list(conditions(store, settings, now)), now, quiet)
        fact = store.controls.fact(_STORY)
        known = int(fact.text) if fact is not None else 0
        since = now - (rules.LASTS if fact is not None else _BEFORE_ALERTS)
        count = store.book.count_actions()
        actions = [done for done in store.book.actions(skip=known) if done.at >= since] if count > known else []
        positions = {each.position_id: store.book.position(each.position_id) for each in actions}
        happened = [action_alert(held, done) for done in actions if (held := positions[done.position_id]) is not None]
        found = [each for each in (*happened, *begun) if each is not None]
        store.outbox.add([each for each in found if each.event in settings.wanted_alerts])
        if remembered != told:
            store.outbox.put_told(remembered.values())
        if fact is None or count != known:
            store.controls.put_fact(_STORY, Fact(str(count), now))


def conditions(store: Ledger, settings: Settings, now: datetime) -> Iterator[Condition]:
    """Yield what stands at present, by what is stored: any tick sees what any other left."""
    from hlcopy.render import alerts as words

    for position in store.book.positions():
        settling = position.status is PositionStatus.OPENING or now - position.opened_at < _SETTLING
        if not position.stop_confirmed and not settling:
            yield words.bare_condition(position)
    for order in store.book.orders(state=IntentState.PENDING):
        if now - order.created_at > _ANSWERED_BY:
            yield words.unresolved_condition(order)
    halted = store.controls.halt()
    if halted is not None:
        yield words.halt_condition(halted)
    for breaker in breakers.remembered(store, settings.policy().breakers, now):
        yield words.breaker_condition(breaker)
    for command in TICKS:
        runs = store.runs.recent(command, _FAILURES + 1)
        runs = runs[runs[:1] != [] and runs[0].finished_at is None :][:_FAILURES]  # without the one that is under way
        if len(runs) == _FAILURES and not any(run.ok for run in runs):
            yield words.failing_condition(command, runs[0], _FAILURES)
    yield from _credits(settings, now)
    agent = store.controls.fact(EXPIRY_FACT)
    if agent is not None:
        yield words.agent_condition(agent.text)


def _credits(settings: Settings, now: datetime) -> Iterator[Condition]:
    if settings.nansen_api_key is None or not settings.database.exists():
        return
    from hlcopy.adapters.store.credits import StoredMeter
    from hlcopy.render.alerts import credits_condition

    budget = settings.nansen_credits_per_day
    with StoredMeter(settings.database, budget) as meter:
        spent, last = meter.spent(now), meter.last_answer()
    left = last.remaining if last is not None else None
    if (budget and spent >= _MUCH_OF_DAY * budget) or (left is not None and left < _FEW_CREDITS):
        yield credits_condition(spent, budget, left, f"{now:%Y-%m-%d}")


def deliver(store: Store, settings: Settings, now: datetime) -> tuple[Problem, ...]:
    """Send what waits, unless another process is at it, and write down which channel has what."""
    channels = settings.alert_channels
    if not rules.to_send(store.outbox.waiting(now), now, settings.quiet_hours):
        return ()
    from hlcopy.adapters.locks import command_lock

    with command_lock(settings.database, "alerts") as held:
        if not held:
            return ()
        due = rules.to_send(store.outbox.waiting(now), now, settings.quiet_hours)
        return _send(store, settings, due, channels, now) if due else ()


def _send(
    store: Store, settings: Settings, due: Sequence[Alert], channels: Mapping[str, str], now: datetime
) -> tuple[Problem, ...]:
    from hlcopy.adapters.notify import Message, send
    from hlcopy.render.alerts import message

    messages: dict[str, Message] = {}
    carried: dict[str, set[int | None]] = {}
    for label, url in channels.items():
        lacking = [each for each in due if label not in each.delivered]
        if lacking:
            title, body, taken = message(lacking, where(settings))
            messages[label] = Message(url=url, title=title, body=body)
            carried[label] = {each.id for each in taken}
    outcomes = dict(zip(messages, send(list(messages.values()), TIME_S), strict=True))
    with store.transaction():
        for each in due:
            tried = [label for label in messages if each.id in carried[label]]
            if tried or set(channels) <= set(each.delivered):
                store.outbox.put(_after(each, channels, [label for label in tried if outcomes[label] is None], now))
        store.outbox.prune(now - _KEPT)
    failed = tuple(_problem(why, label) for label, why in outcomes.items() if why is not None)
    for problem in failed:
        logs.log("problem", command="alerts", code=problem.code, item=problem.item, message=problem.message)
    return failed


def _after(tried: Alert, channels: Mapping[str, str], took: Sequence[str], now: datetime) -> Alert:
    delivered = tuple(dict.fromkeys((*tried.delivered, *took)))
    return replace(
        tried,
        tries=tried.tries + 1,
        tried_at=now,
        delivered=delivered,
        sent_at=now if set(channels) <= set(delivered) else None,
    )


def where(settings: Settings) -> str:
    """Return what an alert is of, for who runs several: mode and network."""
    return f"{settings.mode} {settings.network}"
