"""What every target shares: an HTTP that answers given bytes, a look at what comes out, a bound on how long that takes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from hlcopy.adapters.http import Answer, RetryError
from hlcopy.errors import HlcopyError, SourceDownError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

_WHOLE_NUMBERS: Final = range(-(2**63), 2**63)  # what SQLite holds
_LONGEST_MESSAGE: Final = 2_000
_LONGEST_TEXT: Final = 1_000


class UnsoundError(AssertionError):
    """What came out of a parser can't be reckoned with, stored or shown."""


@dataclass(frozen=True)
class Target:
    """A parser of strangers' bytes, with valid examples of what it reads."""

    read: Callable[[bytes], object]
    seeds: Sequence[bytes]

    def __call__(self, data: bytes) -> HlcopyError | None:
        """Read bytes: None when that gave something sound, else the named error; anything else is raised."""
        try:
            found = self.read(data)
        except HlcopyError as error:
            assert_sound(str(error), _LONGEST_MESSAGE)
            return error
        assert_sound(found)
        return None


def assert_sound(value: object, longest: int = _LONGEST_TEXT) -> None:  # noqa: C901 - one case for each type, and called millions of times
    """Hold all numbers to be finite and all texts to be storable, however deep they lie."""
    kind = type(value)
    if kind is float:
        if not math.isfinite(value):  # type: ignore[arg-type]
            message = f"{value} came out"
            raise UnsoundError(message)
    elif kind is int:
        if value not in _WHOLE_NUMBERS:
            message = "a whole number came out that no database column holds"
            raise UnsoundError(message)
    elif kind is str:
        _assert_text(value, longest)  # type: ignore[arg-type]
    elif kind in (list, tuple, set, frozenset):
        for each in value:  # type: ignore[attr-defined]
            assert_sound(each, longest)
    elif kind is dict:
        for key, each in value.items():  # type: ignore[attr-defined]
            assert_sound(key, longest)
            assert_sound(each, longest)
    elif isinstance(value, BaseModel):
        assert_sound(value.__dict__, longest)
    else:
        for name in _names(kind):
            assert_sound(getattr(value, name), longest)


def _assert_text(text: str, longest: int) -> None:
    if len(text) > longest:
        message = f"a text of {len(text)} characters came out"
        raise UnsoundError(message)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = "a text came out that can't be written"
        raise UnsoundError(message) from error


@cache
def _names(kind: type) -> tuple[str, ...]:
    if issubclass(kind, Enum) or not is_dataclass(kind):
        return ()
    return tuple(each.name for each in fields(kind))


@dataclass
class Replying:
    """In place of HTTP: each request is answered by what is set for its type or path, else for all."""

    replies: Mapping[str, bytes] = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def left(self) -> float:
        """Return that there is time enough."""
        return math.inf

    def send(
        self,
        method: str,  # noqa: ARG002 - the signature of Http.send
        url: str,
        *,
        json: Any = None,  # noqa: ANN401
        judge: Callable[[Answer], None],
        before: Callable[[], None] | None = None,
        **_: object,
    ) -> Answer:
        """Give the answer to `judge`, and again once where another attempt is worth it."""
        name = json["type"] if isinstance(json, dict) and "type" in json else url
        answer = Answer(self.status, self.headers, self.replies.get(name) or self.replies[""])
        if before is not None:
            before()
        for last in (False, True):
            try:
                judge(answer)
                break
            except RetryError as error:
                if last:
                    raise (error.outcome or SourceDownError(error.reason)) from error
        return answer


class Unlimited:
    """A ration and a meter of credits that never run out and remember nothing."""

    def take(self, weight: int, now: datetime, endpoint: str = "") -> float:  # noqa: ARG002 - the port's signature, as all of these
        return 0.0

    def add(self, weight: int, now: datetime, endpoint: str = "", *, requests: int = 0) -> None:
        """Count nothing."""

    def left(self, now: datetime) -> int:  # noqa: ARG002
        return 1_000

    def halt(self, now: datetime) -> None:
        """Go on."""

    def allows(self, price: float, now: datetime) -> bool:  # noqa: ARG002
        return True

    def reserve(self, endpoint: str, limit: int, every: timedelta, now: datetime) -> float:  # noqa: ARG002
        return 0.0

    def room(self, endpoint: str, limit: int, every: timedelta, now: datetime) -> int:  # noqa: ARG002
        return limit

    def record(self, endpoint: str, status: int, charged: float, remaining: float | None, now: datetime) -> None:  # noqa: ARG002
        assert_sound((charged, remaining))


class Forgetful:
    """In place of the ledger's controls: nothing is known, and nothing is remembered."""

    def fact(self, name: str) -> None:
        """Know nothing."""

    def put_fact(self, name: str, fact: object) -> None:  # noqa: ARG002
        assert_sound(fact)

    def drop_fact(self, name: str) -> None:
        """Forget nothing."""

    def next_nonce(self, signer: str, now_ms: int) -> int:  # noqa: ARG002
        return now_ms


def told(text: str) -> None:
    """Hold what a user would be told to be text that can be shown."""
    assert_sound(text, _LONGEST_MESSAGE)
