"""What can be wrong with a well-formed answer of Nansen's: rows, pages, numbers, times, names, texts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from hlcopy.simulator.server import Answer, Sent

    Rows = list[dict[str, Any]]

_JSON: Final = {"Content-Type": "application/json"}
_HOSTILE: Final = (
    "\x1b[2J\x1b]0;owned\x07",
    "=cmd|' /C calc'!A0",
    "\u202etxt.exe\u2066",
    "<script>alert(1)</script>",
    "[red]x[/]",
    "A" * 100_000,
)
_NOBODY: Final = "0x" + "ee" * 20
_DRIFT: Final = 100.0
_REVISION: Final = 1.01


def out_of_credits(_honest: Answer, _dice: random.Random) -> Sent:
    """Return the refusal of a key whose credits are used up."""
    told = {"error": "Forbidden", "message": "Insufficient credits.", "code": "insufficient_credits", "status": 403}
    return 403, {**_JSON, "X-Nansen-Credits-Remaining": "0", "X-Nansen-Credits-Used": "0"}, json.dumps(told).encode()


def _of_rows(change: Callable[[Rows, random.Random], Rows]) -> Callable[[Answer, random.Random], Sent]:
    """Return a fault that changes the rows of an answer, which may be a list or one level down."""

    def fault(honest: Answer, dice: random.Random) -> Sent:
        told = _told(honest)
        holder, key = told, "data"
        if isinstance(told.get("data"), dict):
            lists = [name for name, value in told["data"].items() if isinstance(value, list)]
            holder, key = (told["data"], lists[0]) if lists else (told, "data")
        rows = holder.get(key)
        if isinstance(rows, list):
            holder[key] = change(rows, dice)
        elif isinstance(rows, dict):
            holder[key] = (change([rows], dice) or [{}])[0]
        return _sent(honest, told)

    return fault


def _of_fields(change: Callable[[str, Any], Any]) -> Callable[[Answer, random.Random], Sent]:
    """Return a fault that changes fields wherever they stand, given a field's name and value."""

    def walk(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(value, dict):
            return {key: walk(key, each) for key, each in value.items()}
        if isinstance(value, list):
            return [walk(name, each) for each in value]
        return change(name, value)

    def fault(honest: Answer, _dice: random.Random) -> Sent:
        told = _told(honest)
        if "data" in told:
            told["data"] = walk("data", told["data"])
        return _sent(honest, told)

    return fault


def _of_pages(change: Callable[[dict[str, Any]], None]) -> Callable[[Answer, random.Random], Sent]:
    def fault(honest: Answer, _dice: random.Random) -> Sent:
        told = _told(honest)
        if isinstance(told.get("pagination"), dict):
            change(told["pagination"])
        return _sent(honest, told)

    return fault


def _is_number(value: object) -> bool:
    text = value.lstrip("-").replace(".", "", 1) if isinstance(value, str) else ""
    return (isinstance(value, (int, float)) and not isinstance(value, bool)) or text.isdecimal()


def _number(value: Any, factor: float) -> Any:  # noqa: ANN401 - a number or its text
    return str(float(value) * factor) if isinstance(value, str) else value * factor


def _shuffled(rows: Rows, dice: random.Random) -> Rows:
    mixed = dice.sample(rows, len(rows))
    return mixed if mixed != rows else rows[::-1]


def _renamed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the fields of a row from `like_this` to `likeThis`."""
    return {"".join(p if not i else p.title() for i, p in enumerate(name.split("_"))): v for name, v in row.items()}


_SIZES: Final = ("size", "price", "value_usd", "closed_pnl", "total_pnl")
_ADDRESSES: Final = ("address", "trader_address", "user")
_FAULTS: Final[Mapping[str, tuple[str, Callable[[Answer, random.Random], Sent]]]] = {
    "out-of-credits": ("403, the key's credits are used up", out_of_credits),
    "no-last-page": ("no page says whether it is the last", _of_pages(lambda page: page.pop("is_last_page", None))),
    "endless": ("no page is the last", _of_pages(lambda page: page.update(is_last_page=False))),
    "shuffled": ("rows in any order", _of_rows(_shuffled)),
    "duplicated": ("every row twice", _of_rows(lambda rows, _: [row for row in rows for _again in range(2)])),
    "revised": (
        "sizes and prices corrected by 1 %",
        _of_fields(lambda name, value: _number(value, _REVISION) if name in _SIZES and _is_number(value) else value),
    ),
    "late-rows": ("the first third of the rows isn't there yet", _of_rows(lambda rows, _: rows[-(-len(rows) // 3) :])),
    "nan": ("NaN for numbers", _of_fields(lambda _, value: float("nan") if _is_number(value) else value)),
    "naive-times": (
        "times without a zone",
        _of_fields(lambda name, v: v.removesuffix("Z") if "time" in name and isinstance(v, str) else v),
    ),
    "drifted-units": (
        "numbers a hundred times as large",
        _of_fields(lambda _, value: _number(value, _DRIFT) if _is_number(value) else value),
    ),
    "drifted-fields": ("fields have other names", _of_rows(lambda rows, _: [_renamed(row) for row in rows])),
    "hostile": (
        "texts that would take over a terminal or a sheet",
        _of_fields(lambda name, v: _HOSTILE[len(name) % len(_HOSTILE)] if not _is_number(v) and v is not None else v),
    ),
    "wrong-trader": (
        "somebody else's rows",
        _of_fields(lambda name, value: _NOBODY if name in _ADDRESSES else value),
    ),
    "no-rows": ("no rows, as in an outage", _of_rows(lambda _rows, _: [])),
}
KINDS: Final = {name: meaning for name, (meaning, _) in _FAULTS.items()}
"""What can be wrong, and what that is."""


def spoiled(kind: str, honest: Answer, dice: random.Random) -> Sent:
    """Return an answer with something wrong; one that isn't JSON, or a refusal, stays what it is."""
    fault = _FAULTS[kind][1]
    return honest if honest[0] != 200 and fault is not out_of_credits else fault(honest, dice)  # noqa: PLR2004 - OK


def _told(honest: Answer) -> dict[str, Any]:
    told = json.loads(honest[2])
    return told if isinstance(told, dict) else {"data": told}


def _sent(honest: Answer, told: Mapping[str, Any]) -> Sent:
    return honest[0], honest[1], json.dumps(told, separators=(",", ":")).encode()
