"""What Nansen's refusals mean: judged by the body's `code`, by the status where there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from hlcopy.adapters.http import RetryError, excerpt
from hlcopy.errors import BadAnswerError, ConfigError, HlcopyError, OutOfCreditsError

if TYPE_CHECKING:
    from hlcopy.adapters.http import Answer

_OK: Final = range(200, 300)
_UNAUTHENTICATED: Final = 401
_UNPAID: Final = 402
FORBIDDEN: Final = 403
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_LONGEST_WAIT_S: Final = 3_600.0
_LONGEST_SHOWN: Final = 80
_NO_CREDITS: Final = "insufficient_credits"
_WHY_FORBIDDEN: Final = {
    "plan_upgrade_required": "the plan of the key doesn't include this",
    "geo_blocked": "it isn't available where this machine is",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error body, whichever of its documented shapes it has."""

    status: int
    code: str
    field: str
    message: str
    retry_after: float | None


def is_good(answer: Answer) -> bool:
    """Whether an answer is a success."""
    return answer.status in _OK


def refusal_of(answer: Answer) -> Refusal:
    """Return what an error answer says of itself; what it doesn't say is empty."""
    try:
        body = answer.json()
    except BadAnswerError:
        body = {}
    body = body if isinstance(body, dict) else {}
    detail = body.get("detail")
    inner = detail if isinstance(detail, dict) else {}
    said = next((text for text in (body.get("message"), inner.get("message"), detail) if isinstance(text, str)), "")
    return Refusal(
        status=answer.status,
        code=_text(body.get("code")) or _text(inner.get("code")),
        field=_field(body),
        message=_text(said),
        retry_after=_seconds(body.get("retry_after"), answer),
    )


def raise_for(answer: Answer, *, endpoint: str, host: str, again: bool) -> NoReturn:
    """Raise what a refusal means; `again` says that a refusal without an obvious reason may still be tried once more."""
    refusal = refusal_of(answer)
    code, status = refusal.code, refusal.status
    if code == _NO_CREDITS or (not code and status == FORBIDDEN and "credit" in refusal.message.lower()):
        message = f"{host}: the credits of NANSEN_API_KEY are used up; buy some or wait for the plan's refill"
        raise OutOfCreditsError(message)
    if code == "unauthenticated" or status == _UNAUTHENTICATED:
        message = f"{host} doesn't accept the key; set NANSEN_API_KEY to a valid one"
        raise ConfigError(message)
    if status == _UNPAID:
        message = f"{host} asks for payment because no key was sent; set NANSEN_API_KEY"
        raise ConfigError(message)
    if code == "rate_limit_exceeded" or status == _TOO_MANY:
        reason = f"the rate limit of {endpoint} is reached"
        raise RetryError(reason, refusal.retry_after)
    if status >= _SERVER_ERROR:
        reason = f"{endpoint} fails with {status} {code}".rstrip()
        raise RetryError(reason, refusal.retry_after)
    if status == FORBIDDEN:
        # The very first call of a fresh key was seen to be forbidden once.
        outcome = _forbidden(refusal, endpoint, host)
        if not again:
            raise outcome
        reason = f"{endpoint} is forbidden"
        raise RetryError(reason, None, outcome)
    raise BadAnswerError(_refused_request(refusal, endpoint, host))


def _forbidden(refusal: Refusal, endpoint: str, host: str) -> HlcopyError:
    why = _WHY_FORBIDDEN.get(refusal.code) or refusal.message or "it doesn't say why"
    return ConfigError(f"{host} forbids {endpoint} to the key in NANSEN_API_KEY: {why}")


def _refused_request(refusal: Refusal, endpoint: str, host: str) -> str:
    code = f" {refusal.code}" if refusal.code else ""
    field = f" for {refusal.field}" if refusal.field else ""
    said = f": {refusal.message}" if refusal.message else ""
    return f"{host} refuses our request to {endpoint} with {refusal.status}{code}{field}{said}"


def _field(body: dict[str, Any]) -> str:
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    return _text(first.get("field")) or _text(body.get("param"))


def _text(value: object) -> str:
    return excerpt(value.encode("utf-8", "replace"))[:_LONGEST_SHOWN] if isinstance(value, str) and value else ""


def _seconds(value: object, answer: Answer) -> float | None:
    try:
        seconds = float(value) if isinstance(value, (int, float, str)) else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    return min(seconds, _LONGEST_WAIT_S) if seconds >= 0 else answer.retry_after()
