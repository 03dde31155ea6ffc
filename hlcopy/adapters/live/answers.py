"""What the venue's answers to signed actions mean. Only what is understood whole is an answer; all else is `UNKNOWN`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from hlcopy.domain.book import IntentState
from hlcopy.domain.refusals import Refusal, refusal_of
from hlcopy.ports import UNKNOWN, Accepted, Outcome, Refused

_NOISE: Final = 1e-9
_LONGEST_TEXT: Final = 200
_NUMBERS: Final = range(2**63)  # what an SQLite integer holds
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
            return _refused(reason)
    return UNKNOWN


def _refused(text: str) -> Refused:
    # The beginning says what it is; and half a surrogate pair, which JSON lets pass, could be neither stored nor logged.
    said = text.strip()[:_LONGEST_TEXT].encode("utf-8", "replace").decode()
    return Refused(said, refusal_of(said))


def _of_status(status: object, client_order_id: str, size: float) -> Outcome:
    match status:
        case {"error": str(text)}:
            return _refused(text)
        case {"resting": {"oid": int(number), **rest}} if number in _NUMBERS and _is_ours(rest, client_order_id):
            return Accepted(IntentState.RESTING, venue_order_id=number)
        case {"filled": {"oid": int(number), "totalSz": total, "avgPx": average, **rest}}:
            filled, price = _number(total), _number(average)
            if not _is_ours(rest, client_order_id) or number not in _NUMBERS or filled is None or price is None:
                return UNKNOWN
            if filled <= size * (1 + _NOISE):
                return Accepted(IntentState.FILLED, filled, price, number)
        case str(text) if text in _WAITING:
            return Accepted(IntentState.RESTING)
    return UNKNOWN


def _is_ours(rest: dict[object, object], client_order_id: str) -> bool:
    named = rest.get("cloid")
    return named is None or named == client_order_id


def _number(text: object) -> float | None:
    """Return a number above 0, None for anything else."""
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        return None
    try:
        number = float(text)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number > 0 else None
