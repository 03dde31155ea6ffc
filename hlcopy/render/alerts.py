"""Alerts in words, and as a table and JSON."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from hlcopy.domain.alerts import Alert, Condition, Event, alert
from hlcopy.render import text
from hlcopy.render.pauses import breaker_line, halt_line
from hlcopy.render.tables import Column, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.book import Order, Position, PositionAction
    from hlcopy.domain.breakers import Breaker
    from hlcopy.domain.models import Run
    from hlcopy.ports import Halt

_TOGETHER: Final = 20  # alerts of one message; the rest goes with the next
_WIDTH: Final = 79
_RESULTS: Final = (Column("CHANNEL"), Column("RESULT"))


def action_alert(position: Position, done: PositionAction) -> Alert | None:
    """Return the alert of an entry or of an exit; None for what is neither."""
    what = f"{position.coin} {position.side} #{position.id}"
    key = f"{done.action}:{position.id}:{text.iso(done.at)}"
    price = text.price(done.price)
    if done.action == "entered":
        said = (
            f"entered {what}: {text.money(position.value_usd)} at {price}, stop {text.price(position.stop_price)}, "
            f"copied from {position.source_trader}"
        )
        return alert(Event.ENTRY, key, said, done.at)
    if done.action == "closed":
        gained = position.realized_pnl_usd
        result = "result not known yet" if gained is None else f"result {'+' if gained > 0 else ''}{text.money(gained)}"
        return alert(Event.EXIT, key, f"closed {what} at {price}: {done.reason}, {result}", done.at)
    if done.action == "reduced":
        said = f"took part of {what} at {price}" + (f": {done.reason}" if done.reason else "")
        return alert(Event.EXIT, key, said, done.at)
    return None


def bare_condition(position: Position) -> Condition:
    """Return the condition of a position whose stop isn't seen resting."""
    what = f"{position.coin} {position.side} #{position.id}, {text.money(position.value_usd)}"
    said = f"NO STOP is seen resting for {what}; each tick tries again. Look: hlcopy verify --fix"
    return Condition(
        event=Event.STOP_MISSING,
        key=f"stop:{position.id}",
        text=said,
        over=f"the stop of {what} rests, or it is closed",
    )


def unresolved_condition(order: Order) -> Condition:
    """Return the condition of an order whose answer isn't known."""
    what = f"{order.purpose} {'buy' if order.is_buy else 'sell'} {text.amount(order.size)} {order.coin}"
    said = f"UNRESOLVED: what became of an order ({what}, sent {text.moment(order.created_at)} UTC) isn't known yet"
    return Condition(
        event=Event.UNRESOLVED,
        key=f"order:{order.client_order_id}",
        text=f"{said}; it blocks its coin, and is looked up each tick",
        over=f"resolved: the order {what}",
    )


def breaker_condition(breaker: Breaker) -> Condition:
    """Return the condition of a breaker in force."""
    whom = "" if breaker.trader is None else f" for {breaker.trader}"
    return Condition(
        event=Event.BREAKER,
        key=f"breaker:{breaker.name}:{breaker.trader or ''}",
        text=breaker_line(breaker),
        over=f"BREAKER {breaker.name} is over{whom}",
    )


def halt_condition(halted: Halt) -> Condition:
    """Return the condition of a halt in force."""
    return Condition(
        event=Event.HALT,
        key=f"halt:{text.iso(halted.at)}",
        text=halt_line(halted),
        over="RESUMED: entries are on again",
    )


def failing_condition(command: str, last: Run, times: int) -> Condition:
    """Return the condition of a tick that has failed so often in a row; `last` is its newest run that ended."""
    why = last.errors[0] if last.errors else "cut off, or it doesn't say why"
    said = f"FAILING: {command} has failed {times} times in a row: {text.safe(why)}. Look: hlcopy doctor"
    return Condition(event=Event.FAILING, key=f"failing:{command}", text=said, over=f"{command} works again")


def credits_condition(spent: float, budget: float, left: float | None, day: str) -> Condition:
    """Return the condition of Nansen's credits running out: those of the day, or all that were bought."""
    bought = "" if left is None else f", {left:g} are left at Nansen"
    said = f"CREDITS are low: {spent:g} of {budget:g} for today (UTC) are spent{bought}"
    return Condition(event=Event.CREDITS, key=f"credits:{day}", text=said)


def agent_condition(said: str) -> Condition:
    """Return the condition of an agent whose end is near."""
    return Condition(event=Event.AGENT, key="agent", text=f"AGENT: {said}")


def message(alerts: Sequence[Alert], where: str) -> tuple[str, str, Sequence[Alert]]:
    """Return title and body of one message for alerts, and which of them it has room for."""
    taken = alerts[:_TOGETHER]
    lines = [f"{each.at:%m-%d %H:%M} UTC {text.safe(each.text, 500)}" for each in taken]
    head = str(taken[0].event).replace("_", " ") if len(taken) == 1 else f"{len(taken)} alerts"
    return f"hlcopy {where}: {head}", "\n".join(lines), taken


def state_of(each: Alert, now: datetime) -> str:
    """Return where an alert stands: sent, waiting, failed so often, or given up."""
    if each.sent_at is not None:
        return "sent"
    if now >= each.expires_at:
        return "given up"
    return "waiting" if not each.tries else f"failed {each.tries}x"


def alerts_text(alerts: Sequence[Alert], now: datetime) -> str:
    """Return alerts in the order given: a line of when, about what and how it stands, and the text below it."""
    if not alerts:
        return "Alerts: none\n"
    lines = [f"Alerts, newest first; times are {text.zone(now)}"]
    for each in alerts:
        lines.append(f"{text.local(each.at)}  {each.event:<12}  {state_of(each, now)}")
        lines += textwrap.wrap(
            text.safe(each.text, 500), _WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
        )
    return "\n".join(lines) + "\n"


def alerts_document(alerts: Sequence[Alert], now: datetime) -> list[dict[str, object]]:
    """Return alerts as JSON."""
    return [
        {
            "id": each.id,
            "event": each.event,
            "key": each.key,
            "text": each.text,
            "at": each.at,
            "state": state_of(each, now),
            "tries": each.tries,
            "tried_at": each.tried_at,
            "sent_at": each.sent_at,
            "delivered": list(each.delivered),
        }
        for each in alerts
    ]


def results_table(results: Mapping[str, str | None], width: int | None) -> str:
    """Return what became of a test message, a row for each channel."""
    rows = [(label, "it worked" if why is None else why) for label, why in results.items()]
    return table("Test message", _RESULTS, rows, width=width)
