"""What the venue's answers to signed actions mean. Only what is understood whole is an answer; all else is `UNKNOWN`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from hlcopy.domain.book import IntentState
from hlcopy.domain.refusals import Refusal, refusal_of
from hlcopy.ports import UNKNOWN, Accepted, Outcome, Refused

_NOISE: Final = 1e-9
_GONE: Final = "order was never placed, already canceled, or filled"
_WAITING: Final = ("waitingForFill", "waitingForTrigger")


@dataclass(frozen=True, slots=True)
class NotSent:
    """In place of an answer: nothing left this machine."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """In place of an answer: what was sent may have arrived."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unprocessable:
    """In place of an answer: the venue doesn't understand what was sent, and says so."""

    reason: str


def order_outcome(answer: object, client_order_id: str, size: float) -> Outcome:
    """Return what became of an order of a size."""
    match answer:
        case {"status": "ok", "response": {"type": "order", "data": {"statuses": [status]}}}:
            return _of_status(status, client_order_id, size)
    return _otherwise(answer)


def leverage_outcome(answer: object) -> Outcome:
    """Return whether the venue took a leverage; that it did must be read back."""
    match answer:
        case {"status": "ok", "response": {"type": "default"}}:
            return Accepted(IntentState.FILLED)
    return _otherwise(answer)


def cancel_outcome(answer: object) -> Outcome:
    """Return whether an order is gone; one that was gone before counts."""
    match answer:
        case {"status": "ok", "response": {"type": "cancel", "data": {"statuses": ["success"]}}}:
            return Accepted(IntentState.CANCELLED)
        case {"status": "ok", "response": {"type": "cancel", "data": {"statuses": [{"error": str(text)}]}}}:
            if text.strip().lower().startswith(_GONE):
                return Accepted(IntentState.CANCELLED)
            return _refused(text)
    return _otherwise(answer)


def _otherwise(answer: object) -> Outcome:
    match answer:
        case {"status": "err", "response": str(text)}:
            return _refused(text)
        case NotSent(reason):
            return Refused(reason, Refusal.NOT_SENT)
        case Unprocessable(reason):
            return Refused(reason)
    return UNKNOWN


def _refused(text: str) -> Refused:
    return Refused(text, refusal_of(text))


def _of_status(status: object, client_order_id: str, size: float) -> Outcome:
    match status:
        case {"error": str(text)}:
            return _refused(text)
        case {"resting": {"oid": int(number), **rest}} if _is_ours(rest, client_order_id):
            return Accepted(IntentState.RESTING, venue_order_id=number)
        case {"filled": {"oid": int(number), "totalSz": total, "avgPx": average, **rest}} if _is_ours(
            rest, client_order_id
        ):
            filled, price = _number(total), _number(average)
            if filled is not None and price is not None and filled <= size * (1 + _NOISE):
                return Accepted(IntentState.FILLED, filled, price, number)
        case str(text) if text in _WAITING:
            return Accepted(IntentState.RESTING)
    return UNKNOWN


def _is_ours(rest: dict[object, object], client_order_id: str) -> bool:
    named = rest.get("cloid")
    return named is None or named == client_order_id


def _number(text: object) -> float | None:
    """Return a number above 0, None for anything else."""
    if not isinstance(text, (str, int, float)):
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None
