"""Nansen's trade rows, built from fills as Nansen builds them, and how its answers are filtered, ordered and paged.

A row is one order's fills of one transaction. Its start position is the least of its fills', and its action is read off
that aggregate, so that a short opened in several fills comes out as `Add` and a long closed in several as `Reduce`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hlcopy.simulator.wallet import FillRow

Json = dict[str, Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PLACES: Final = 8
# A block that is known, and about how long one takes.
_BLOCK, _BLOCK_TIME_MS, _BLOCK_MS = 1_162_558_364, 1_790_481_918_260, 71


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A row of `profiler/perp-trades`, at the time `at_ms` of its last fill; `bought` is signed."""

    user: str
    at_ms: int
    coin: str
    side: str
    action: str
    price: float
    size: float
    value_usd: float
    start_position: float
    closed_pnl: float
    crossed: bool
    fee_usd: float
    fee_token: str
    hash: str
    oid: int
    bought: float

    def row(self) -> Json:
        """Return the row of `profiler/perp-trades`; whole numbers come without decimals."""
        return {
            "timestamp": f"{iso(self.at_ms)}Z",
            "side": self.side,
            "action": self.action,
            "block_number": _BLOCK + (self.at_ms - _BLOCK_TIME_MS) // _BLOCK_MS,
            "token_symbol": self.coin,
            "price": _short(self.price),
            "size": _short(self.size),
            "value_usd": _short(self.value_usd),
            "start_position": _short(self.start_position),
            "closed_pnl": _short(self.closed_pnl),
            "crossed": self.crossed,
            "fee_usd": _short(self.fee_usd),
            "fee_token_symbol": self.fee_token,
            "transaction_hash": self.hash,
            "user": self.user,
            "oid": self.oid,
        }


def is_spot(coin: str) -> bool:
    """Whether a symbol names a spot pair."""
    return coin.startswith("@") or "/" in coin


def is_forced(fill: FillRow) -> bool:
    """Whether a fill closed its user's position by liquidation; the other side's fill carries the mark too."""
    mark = fill.get("liquidation")
    return mark is not None and mark["liquidatedUser"].lower() == fill["user"].lower()


def trades(fills: Iterable[FillRow], *, forced: bool = False) -> list[Trade]:
    """Return the rows of one wallet's fills in arrival order; forced closes make no rows, or all of them if `forced`.

    What has no hash is merged over all the time that the fills cover.
    """
    groups: dict[tuple[str, int, str], list[FillRow]] = {}
    for fill in fills:
        if is_forced(fill) == forced:
            groups.setdefault((fill["hash"], fill["oid"], fill["coin"]), []).append(fill)
    return [_trade(group, forced=forced) for group in groups.values()]


def _trade(group: Sequence[FillRow], *, forced: bool) -> Trade:
    last = max(group, key=lambda fill: fill["time"])
    sizes = [Decimal(fill["sz"]) for fill in group]
    start = min(Decimal(fill["startPosition"]) for fill in group)
    size = sum(sizes, Decimal(0))
    values = [float(amount) * float(fill["px"]) for amount, fill in zip(sizes, group, strict=True)]
    value = round(sum(values), _PLACES)
    side, action = _label(last["dir"], start, size)
    return Trade(
        user=last["user"],
        at_ms=last["time"],
        coin=last["coin"],
        side=side,
        action="Liquidation" if forced else action,
        price=float(last["px"]) if len(group) == 1 else value / float(size),
        size=float(size),
        value_usd=value,
        start_position=float(start),
        closed_pnl=round(sum(float(fill["closedPnl"]) for fill in group), _PLACES),
        crossed=any(fill["crossed"] for fill in group),
        fee_usd=round(sum(map(fee_usd, group)), _PLACES),
        fee_token=last["feeToken"],
        hash=last["hash"],
        oid=last["oid"],
        bought=sum(signed(fill) for fill in group),
    )


def _label(direction: str, start: Decimal, size: Decimal) -> tuple[str, str]:
    """Return side and action: the way of the last fill, told from the whole row's start and size."""
    if direction in ("Buy", "Sell"):
        return ("Long" if direction == "Buy" else "Short"), direction
    side = next((word for word in direction.split() if word in ("Long", "Short")), "Long")
    if direction.startswith("Open"):
        return side, "Add" if start else "Open"
    return side, "Close" if abs(start) == size else "Reduce"


def signed(fill: FillRow) -> float:
    """Return a fill's size, negative for a sale."""
    return float(fill["sz"]) if fill["side"] == "B" else -float(fill["sz"])


def fee_usd(fill: FillRow) -> float:
    """Return a fill's fee in USD; a spot buy pays it in what it bought."""
    fee = float(fill["fee"])
    return fee if fill["feeToken"] == "USDC" else fee * float(fill["px"])


def iso(at_ms: int) -> str:
    """Return a moment in UTC with microseconds and no zone."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).replace(tzinfo=None).isoformat(timespec="microseconds")


def _short(value: float) -> float:
    return int(value) if value == int(value) else value


def within(value: float | None, bounds: Mapping[str, float] | None) -> bool:
    """Whether a value lies inside both inclusive ends of a range filter; what isn't known lies in none."""
    if not bounds:
        return True
    if value is None:
        return False
    return bounds.get("min", value) <= value <= bounds.get("max", value)


def like(label: str | None, patterns: Sequence[str] | None) -> bool:
    """Whether a label matches one of the patterns, in which `%` stands for anything."""
    if patterns is None:
        return True
    return label is not None and any(_matches(label.casefold(), pattern.casefold()) for pattern in patterns)


def _matches(label: str, pattern: str) -> bool:
    head, *rest = pattern.split("%")
    if not rest:
        return label == head
    if not label.startswith(head):
        return False
    *middle, tail = rest
    at = len(head)
    for part in middle:
        found = label.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return label.endswith(tail) and len(label) - len(tail) >= at


def inside(rows: Iterable[Json], filters: Mapping[str, Any], fields: Iterable[str]) -> list[Json]:
    """Return the rows whose named fields lie inside the range filters of the same names."""
    bounds = [(name, filters[name]) for name in fields if name in filters]
    return [row for row in rows if all(within(row[name], limits) for name, limits in bounds)]


def arranged(rows: list[Json], body: Mapping[str, Any], *default: tuple[str, Literal["ASC", "DESC"]]) -> list[Json]:
    """Return rows in the order that was asked for, else the default one; what isn't known comes last."""
    asked = [(wish["field"], wish["direction"]) for wish in body.get("order_by", [])]
    for field, direction in reversed(asked or default):
        known = [row for row in rows if row[field] is not None]
        known.sort(key=_field(field), reverse=direction == "DESC")
        rows = known + [row for row in rows if row[field] is None]
    return rows


def _field(name: str) -> Callable[[Json], Any]:
    return lambda row: row[name]


def page(rows: Sequence[Json], body: Mapping[str, Any]) -> Json:
    """Return the asked page of all rows as an answer: `pagination` first, without a total."""
    asked = body.get("pagination", {})
    number, size = asked.get("page", 1), asked.get("per_page", 10)
    first = (number - 1) * size
    return {
        "pagination": {"page": number, "per_page": size, "is_last_page": first + size >= len(rows)},
        "data": list(rows[first : first + size]),
    }
