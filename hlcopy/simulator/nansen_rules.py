"""What Nansen's API takes: closed request models, and the refusals it answers everything else with."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Path = tuple[str, ...]

DAY_MS: Final = 86_400_000
MAX_PER_PAGE: Final = 1000
DOCS: Final = "https://docs.nansen.ai/getting-started/error-handling"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MAX_SPAN_MS: Final = 366 * DAY_MS
_MOST: Final = 1e18  # of any number; beyond a float's range is no number at all
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
# The forms that are known to be taken; offsets such as +00:00 and microseconds aren't known to be.
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{3})?Z")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_NO_TIMES: Final = "Time components (T, :, Z, +) are not supported for this endpoint"
_WITH_DETAIL: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)


class Issue(NamedTuple):
    """What is wrong with a part of a request; `path` begins with `body`."""

    path: Path
    code: str
    message: str


class RefusalError(Exception):
    """A request that isn't answered, with everything that its error body says."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        *,
        issues: tuple[Issue, ...] = (),
        param: str | None = None,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.issues = issues
        self.param = param
        self.retry_after = retry_after
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> dict[str, object]:
        """Return the envelope that every error but 402 comes in."""
        about_body = self.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
        title = self.code.replace("_", " ").capitalize() if about_body else self.status.phrase
        envelope: dict[str, object] = {"error": title, "message": self.message, "code": self.code}
        if self.param is not None:
            envelope["param"] = self.param
        envelope |= {"status": int(self.status), "request_id": request_id, "doc_url": f"{DOCS}#{self.code}"}
        if self.retry_after is not None:
            envelope["retry_after"] = self.retry_after
        if self.status in _WITH_DETAIL:
            envelope["detail"] = self.message
        if self.issues:
            envelope["errors"] = [
                {"field": ".".join(issue.path), "message": issue.message, "code": issue.code} for issue in self.issues
            ]
        return envelope


class Span(NamedTuple):
    """A date range as it was asked for, in ms UTC, both ends inclusive; a missing end is None."""

    since: int | None
    until: int | None

    def at(self, now: int) -> tuple[int, int]:
        """Return both ends: up to now at the latest, and from as far back as a request may reach."""
        until = now if self.until is None else min(now, self.until)
        return (until - _MAX_SPAN_MS if self.since is None else self.since), until


class InvalidError(Exception):
    """A part of a request doesn't fit its model."""

    def __init__(self, *issues: Issue) -> None:
        super().__init__(*issues)
        self.issues = issues


if TYPE_CHECKING:
    # The value of a field as JSON gives it, and where it stands -> the value as the endpoints use it.
    Check = Callable[[Any, Path], Any]


class Model:
    """An object that takes the fields it names and no others; an optional field may be null."""

    def __init__(self, required: Mapping[str, Check] | None = None, /, **optional: Check) -> None:
        self._required = dict(required or {})
        self._checks = self._required | optional

    def __call__(self, value: object, path: Path) -> dict[str, Any]:
        """Return the checked fields that were given; raises `InvalidError` with every issue."""
        if not isinstance(value, dict):
            _refuse(path, "Input should be a valid dictionary")
        missing = [name for name in self._required if name not in value]
        issues = [Issue((*path, name), "missing_field", "Field required") for name in missing]
        checked: dict[str, Any] = {}
        for name, part in value.items():
            check = self._checks.get(name)
            if check is None:
                issues.append(Issue((*path, name), "unknown_field", "Extra inputs are not permitted"))
            elif part is not None or name in self._required:
                try:
                    checked[name] = check(part, (*path, name))
                except InvalidError as error:
                    issues += error.issues
        if issues:
            raise InvalidError(*issues)
        return checked


def read_body(model: Model, body: bytes) -> dict[str, Any]:
    """Return the checked fields of a JSON request; raises `RefusalError`."""
    try:
        value = json.loads(body, parse_constant=_no_number)
    except ValueError:
        raise _refusal(Issue(("body",), "invalid_field_value", "JSON decode error")) from None
    try:
        return model(value, ("body",))
    except InvalidError as error:
        raise _refusal(*error.issues) from None


def _no_number(text: str) -> NoReturn:
    message = f"{text} is not JSON"
    raise ValueError(message)


def _refusal(*issues: Issue) -> RefusalError:
    first = issues[0]
    where = " -> ".join(first.path)
    message = {
        "missing_field": f"Required field '{where}' is missing",
        "unknown_field": f"Unknown field '{where}'",
    }.get(first.code, f"Invalid value for '{where}': {first.message}")
    return RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, first.code, message, issues=issues, param=first.path[-1])


def _refuse(path: Path, message: str, code: str = "invalid_field_value") -> NoReturn:
    raise InvalidError(Issue(path, code, message))


def text(value: object, path: Path) -> str:
    """Return a string that isn't empty."""
    if not (isinstance(value, str) and value):
        _refuse(path, "Input should be a valid string")
    return value


def boolean(value: object, path: Path) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        _refuse(path, "Input should be a valid boolean")
    return value


def number(value: object, path: Path) -> float:
    """Return a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MOST:
        _refuse(path, "Input should be a valid number")
    return value


def integer(low: int | None = None, high: int | None = None) -> Check:
    """Return a check for whole numbers inside bounds."""

    def check(value: object, path: Path) -> int:
        whole = number(value, path)
        if whole != int(whole):
            _refuse(path, "Input should be a valid integer")
        if low is not None and whole < low:
            _refuse(path, f"Input should be greater than or equal to {low}", "value_out_of_range")
        if high is not None and whole > high:
            _refuse(path, f"Input should be less than or equal to {high}", "value_out_of_range")
        return int(whole)

    return check


def one_of(*choices: str) -> Check:
    """Return a check for one of a few strings, in exactly this spelling."""

    def check(value: object, path: Path) -> str:
        if value not in choices:
            _refuse(path, f"Input should be {', '.join(map(repr, choices))}")
        return str(value)

    return check


def many(check: Check) -> Check:
    """Return a check for an array."""

    def check_all(value: object, path: Path) -> list[Any]:
        if not isinstance(value, list):
            _refuse(path, "Input should be a valid list")
        return [check(part, (*path, str(index))) for index, part in enumerate(value)]

    return check_all


def one_or_many(check: Check) -> Check:
    """Return a check for a single value or an array of them; either becomes a list."""

    def check_any(value: object, path: Path) -> list[Any]:
        return list(many(check)(value, path)) if isinstance(value, list) else [check(value, path)]

    return check_any


def address(value: object, path: Path) -> str:
    """Return an account's address in lower case."""
    if not (isinstance(value, str) and _ADDRESS.fullmatch(value)):
        _refuse(path, "Address should be 0x and 40 hexadecimal digits", "invalid_address_format")
    return value.lower()


def _parsed(value: str, path: Path) -> int:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        _refuse(path, "Input should be a valid date", "invalid_date_format")
    return (moment.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND


def _day(value: object, path: Path) -> tuple[int, bool]:
    if not isinstance(value, str):
        _refuse(path, "Input should be a valid string", "invalid_date_format")
    if not _DATE.fullmatch(value):
        message = _NO_TIMES if _DATE.match(value) else "Input should be a date as YYYY-MM-DD"
        _refuse(path, message, "invalid_date_format")
    return _parsed(value, path), True


def _day_or_moment(value: object, path: Path) -> tuple[int, bool]:
    if not isinstance(value, str):
        _refuse(path, "Input should be a valid string", "invalid_date_format")
    if _DATE.fullmatch(value):
        return _parsed(value, path), True
    if not _MOMENT.fullmatch(value):
        _refuse(path, "Input should be a date or a date-time as 2026-09-27T05:00:00Z", "invalid_date_format")
    return _parsed(value.removesuffix("Z"), path), False


def _span(end: Check) -> Check:
    ends = Model(**{"from": end, "to": end})

    def check(value: object, path: Path) -> Span:
        given = ends(value, path)
        if not given:
            message = "Either 'from' or 'to' date must be provided"
            raise RefusalError(HTTPStatus.BAD_REQUEST, "missing_field", message, param=path[-1])
        since = given["from"][0] if "from" in given else None
        until = None
        if "to" in given:
            start, whole_day = given["to"]
            until = start + (DAY_MS - 1 if whole_day else 0)
        if since is not None and until is not None:
            if since > until:
                _refuse(path, "'from' should not be after 'to'", "invalid_date_range")
            if until - since > _MAX_SPAN_MS:
                _refuse(path, "The date range should not be longer than one year", "invalid_date_range")
        return Span(since, until)

    return check


DATES: Final = _span(_day_or_moment)
ONLY_DATES: Final = _span(_day)
RANGE: Final = Model(min=number, max=number)
WHOLE_RANGE: Final = Model(min=integer(), max=integer())
PAGINATION: Final = Model(page=integer(1), per_page=integer(1, MAX_PER_PAGE))


def order_by(*fields: str) -> Check:
    """Return a check for the order of an answer by some of its fields."""
    return many(Model({"field": one_of(*fields), "direction": one_of("ASC", "DESC")}))
