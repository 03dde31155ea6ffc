"""What a setting's text may be: checked types, each of which says in its error what it wants, never what it got."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from hlcopy.domain import policy

_LONGEST_COMPARED: Final = 80
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


def _gates(text: str) -> str:
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in set(policy.Gate):
            message = (
                f"knows no gate of this name; did you mean {nearest(name, policy.Gate)}? All: {', '.join(policy.Gate)}"
            )
            raise ValueError(message)
    return ",".join(names)


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
Gates = Annotated[str, AfterValidator(_gates)]
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
