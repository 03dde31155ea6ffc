"""What a setting's text may be: checked types, each of which says in its error what it wants, never what it got."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from hlcopy.domain import policy
from hlcopy.domain.alerts import Event

if TYPE_CHECKING:
    from enum import StrEnum

_LONGEST_COMPARED: Final = 80
_HOURS_A_DAY: Final = 24
_MAX_EXPOSURE: Final = 5.0  # of equity: what full use of our highest leverage could reach; also catches "50" for 50 %


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that looks most like this one, however little that is."""
    import difflib

    return difflib.get_close_matches(name[:_LONGEST_COMPARED], known, n=1, cutoff=0.0)[0]


def is_loopback(url: str) -> bool:
    """Return whether a URL names this machine by its loopback address."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        message = "isn't a URL"
        raise ValueError(message) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not text.isprintable() or " " in text:
        message = "must be a URL that begins with https://"
        raise ValueError(message)
    if "@" in parts.netloc or parts.query or parts.fragment:
        message = "must be a URL without user, password, query and fragment"
        raise ValueError(message)
    if parts.scheme == "http" and not is_loopback(text):
        message = "must begin with https:// unless it names this machine"
        raise ValueError(message)
    return text.rstrip("/")


def _address(text: str) -> str:
    if not re.fullmatch(r"0[xX][0-9a-fA-F]{40}", text):
        message = "must be an address: 0x and 40 hexadecimal digits"
        raise ValueError(message)
    return text.lower()


def _agent_key(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"(0[xX])?[0-9a-fA-F]{64}", secret.get_secret_value()):
        message = "must be a private key: 64 hexadecimal digits"
        raise ValueError(message)
    return secret


def _token(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]+", secret.get_secret_value()):
        message = "must be one word of plain characters"
        raise ValueError(message)
    return secret


def _expanded(path: Path) -> Path:
    if "\0" in str(path):
        message = "isn't a path"
        raise ValueError(message)
    if not path.name:
        message = "must name a file, not a folder"
        raise ValueError(message)
    try:
        return path.expanduser()
    except RuntimeError:
        message = "begins with the home directory of a user that isn't known"
        raise ValueError(message) from None


def _no_constant(name: str) -> float:
    message = f"holds {name}, which isn't a number"
    raise ValueError(message)


def _over(defaults: Mapping[str, float]) -> BeforeValidator:
    """Return a validator that lays a JSON object of numbers over the defaults."""

    def merge(value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            given = json.loads(value, parse_constant=_no_constant)
        except (json.JSONDecodeError, RecursionError):
            given = None
        if not isinstance(given, dict) or not all(
            name.isprintable() and type(number) in {int, float} for name, number in given.items()
        ):
            message = "must be a JSON object of numbers, such as '{\"NAME\": 1}'"
            raise ValueError(message)
        return {**defaults, **given}

    return BeforeValidator(merge)


def _weights(weights: Mapping[str, float]) -> Mapping[str, float]:
    for name in weights:
        if name not in policy.SCORE_WEIGHTS:
            message = f"knows no weight of this name; did you mean {nearest(name, policy.SCORE_WEIGHTS)}?"
            raise ValueError(message)
    if not sum(weights.values()) > 0:
        message = "must leave at least one weight above zero"
        raise ValueError(message)
    return weights


def _names_of(known: type[StrEnum], kind: str) -> AfterValidator:
    """Return a validator of names of one kind, with commas between them."""

    def check(text: str) -> str:
        names = [name.strip().lower() for name in text.split(",") if name.strip()]
        for name in names:
            if name not in set(known):
                message = f"knows no {kind} of this name; did you mean {nearest(name, known)}? All: {', '.join(known)}"
                raise ValueError(message)
        return ",".join(names)

    return AfterValidator(check)


def split_urls(text: str) -> tuple[str, ...]:
    """Return URLs that have spaces or commas between them, which may also stand within one."""
    return tuple(url.strip(", ") for url in re.split(r"[\s,]+(?=[A-Za-z][\w+.-]*://)", text.strip()) if url.strip(", "))


def _alert_urls(secret: SecretStr) -> SecretStr:
    for url in split_urls(secret.get_secret_value()):
        if not re.fullmatch(r"[A-Za-z][\w+.-]*://[\x21-\x7e]+", url):
            message = "must be apprise's URLs, such as tgram://TOKEN/CHAT, with spaces or commas between them"
            raise ValueError(message)
    return secret


def _heartbeat_url(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    bare, _, query = url.replace("{tick}", "tick").partition("?")
    _url(bare)
    if not re.fullmatch(r"[\x21-\x7e]*", query) or "#" in query or re.search(r"[{}]", bare + query):
        message = "must be a URL in which only {tick} stands in braces"
        raise ValueError(message)
    return secret


def hours_of(text: str) -> tuple[int, int]:
    """Return the first of the quiet hours and the one that ends them."""
    begin, _, end = text.partition("-")
    return int(begin), int(end)


def _coins(text: str) -> str:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not all(re.fullmatch(r"[A-Za-z0-9]{1,20}", name) for name in names):
        message = "must be names of coins with commas between them, such as BTC,ETH,kPEPE"
        raise ValueError(message)
    return ",".join(dict.fromkeys(names))


def _hours(text: str) -> str:
    found = re.fullmatch(r"\s*(\d{1,2})\s*-\s*(\d{1,2})\s*", text)
    hours = [int(hour) for hour in found.groups()] if found else []
    if not hours or max(hours) >= _HOURS_A_DAY or hours[0] == hours[1]:
        message = "must be two different full hours of UTC from 0 to 23, such as 22-7"
        raise ValueError(message)
    return f"{hours[0]}-{hours[1]}"


Url = Annotated[str, AfterValidator(_url)]
Address = Annotated[str, AfterValidator(_address)]
AgentKey = Annotated[SecretStr, AfterValidator(_agent_key)]
Token = Annotated[SecretStr, AfterValidator(_token)]
File = Annotated[Path, AfterValidator(_expanded)]
Usd = Annotated[float, Field(ge=0, le=1e12)]
PositiveUsd = Annotated[float, Field(gt=0, le=1e12)]
Percent = Annotated[float, Field(gt=0, le=100)]
StopPercent = Annotated[float, Field(gt=0, lt=100)]
Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
Ratio = Annotated[float, Field(ge=0, le=1e6)]
Gates = Annotated[str, _names_of(policy.Gate, "gate")]
Coins = Annotated[str, AfterValidator(_coins)]
Events = Annotated[str, _names_of(Event, "event")]
AlertUrls = Annotated[SecretStr, AfterValidator(_alert_urls)]
HeartbeatUrl = Annotated[SecretStr, AfterValidator(_heartbeat_url)]
QuietHours = Annotated[str, AfterValidator(_hours)]
QuietMinutes = Annotated[float, Field(ge=1, le=1_440)]
Exposure = Annotated[float, Field(gt=0, le=_MAX_EXPOSURE)]
Count = Annotated[int, Field(ge=0, le=100_000)]
PositiveCount = Annotated[int, Field(ge=1, le=100_000)]
Weight = Annotated[int, Field(ge=200, le=1_000_000_000)]  # less, and no share could read one trader a minute
Seconds = Annotated[float, Field(ge=0, le=3_600)]
Cadence = Annotated[float, Field(ge=1, le=7 * 86_400)]
Minutes = Annotated[float, Field(ge=0, le=1_440)]
Hours = Annotated[float, Field(gt=0, le=8_760)]
Days = Annotated[float, Field(ge=0, le=3_650)]
PositiveDays = Annotated[float, Field(gt=0, le=3_650)]
Gain = Annotated[float, Field(ge=0, le=10_000)]
CoinTable = Annotated[Mapping[str, Usd], _over(policy.MIN_TRADE_VALUE_USD)]
WeightTable = Annotated[Mapping[str, Share], _over(policy.SCORE_WEIGHTS), AfterValidator(_weights)]
