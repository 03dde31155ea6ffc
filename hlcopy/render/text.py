"""Single values as text; what is missing, NaN or infinite is shown as a dash."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DASH: Final = "-"
_MAX_TEXT: Final = 200
_PRICE_DIGITS: Final = 6
_ADDRESS_LENGTH: Final = 42


def safe(text: str, limit: int = _MAX_TEXT) -> str:
    """Return text that can't move the cursor, hide itself or fill the screen: one line of visible characters."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)


def short_address(address: str) -> str:
    """Return `0x513b…4ff1` for an address, any other text as it is."""
    whole = address.startswith("0x") and len(address) == _ADDRESS_LENGTH
    return safe(f"{address[:6]}…{address[-4:]}" if whole else address)


def moment(at: datetime | None) -> str:
    """Return a moment to the minute in UTC."""
    return DASH if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def local(at: datetime | None, *, seconds: bool = False) -> str:
    """Return a moment in this machine's time zone, to the minute or the second."""
    return DASH if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def zone(at: datetime) -> str:
    """Return the name of this machine's time zone at a moment, such as `CET`."""
    return safe(at.astimezone().strftime("%Z") or "UTC")


def span(seconds: float) -> str:
    """Return a length of time in its two largest units, such as `2 d 4 h`, `3 h`, `15 min` and `40 s`."""
    if round(seconds) < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours < 24:  # noqa: PLR2004 - a day
        parts = ((hours, "h"), (minutes, "min"))
    else:
        days, hours = divmod(round(seconds / 3600), 24)
        parts = ((days, "d"), (hours, "h"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def day(at: datetime | None) -> str:
    """Return a moment's UTC day."""
    return DASH if at is None else at.astimezone(UTC).strftime("%Y-%m-%d")


def iso(at: datetime) -> str:
    """Return a moment as the ISO-8601 UTC text of tables and JSON."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def count(value: int | None) -> str:
    """Return a whole number with thousands separated."""
    return DASH if value is None else f"{value:,}"


def counted(value: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun, such as `1 day` and `2 days`."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def money(usd: float | None) -> str:
    """Return an amount in USD to the cent."""
    if usd is None or not math.isfinite(usd):
        return DASH
    return f"{'-' if round(usd, 2) < 0 else ''}${abs(usd):,.2f}"


def short_money(usd: float | None) -> str:
    """Return an amount in USD in at most seven characters, such as `$52.1k`."""
    if usd is None or not math.isfinite(usd):
        return DASH
    sign, size = ("-" if round(usd) < 0 else ""), abs(usd)
    for unit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size >= unit * 0.9995:
            return f"{sign}${_three(size / unit)}{letter}"
    return f"{sign}${size:.0f}"


def _three(value: float) -> str:
    """Return three significant digits of a number from 1 to 999."""
    places = 2 if value < 9.995 else 1 if value < 99.95 else 0  # noqa: PLR2004 - where rounding adds a digit
    return f"{value:.{places}f}"


def percent(value: float | None, *, signed: bool = False) -> str:
    """Return a percentage with one decimal; the value is in percent already."""
    if value is None or not math.isfinite(value):
        return DASH
    return f"{value:{'+' if signed else ''},.1f}%"


def price(value: float | None) -> str:
    """Return a price with six significant digits, all digits before the point, and no exponent."""
    if value is None or not math.isfinite(value):
        return DASH
    whole = math.floor(math.log10(abs(value))) + 1 if value else 1
    text = f"{value:,.{max(0, _PRICE_DIGITS - whole)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


amount = price
"""A size in base units, shown as a price is."""


def json_document(document: Mapping[str, object]) -> str:
    """Return one line of JSON that any reader takes: ASCII only, null for NaN and infinity, ISO text for moments."""
    return json.dumps(_plain(document), allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, str):
        return str(value)
    if hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
