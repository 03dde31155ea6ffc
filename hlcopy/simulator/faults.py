"""What can happen to a request at the venue: by kind, and made of the venue's own answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hlcopy.simulator.server import APPLY_THEN_DROP, DROP, Late

if TYPE_CHECKING:
    from collections.abc import Callable

    from hlcopy.simulator.server import Answer, Fault, Sent

_LATEST_MS: Final = 180_000
_OK: Final = 200

_JSON: Final = {"Content-Type": "application/json"}
_HTML: Final = {"Content-Type": "text/html"}
_BAD_GATEWAY: Final[Answer] = (502, _HTML, b"<html><h1>502 Bad Gateway</h1></html>")
_INSTEAD: Final[dict[str, Answer]] = {
    "429": (429, _JSON, b"null"),
    "500": (500, _JSON, b"null"),
    "502": _BAD_GATEWAY,
    "html": (200, _HTML, b"<html><title>Just a moment...</title></html>"),
    "null": (200, _JSON, b"null"),
}
_REFUSALS: Final = (
    "Order could not immediately match against any resting orders.",
    "Insufficient margin to place order.",
    "Order price too far from oracle",
    "Trading is halted",
    "Open interest is capped",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as far as faults and the oracle need it; `key` names what it asks for, whenever it does."""

    kind: str
    key: str
    user: str = ""
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def is_write(self) -> bool:
        """Whether it is a signed action."""
        return self.kind.startswith("exchange:")


def read(path: str, body: bytes) -> Asked:
    """Return what a request asks for."""
    told: dict[str, Any] = json.loads(body)
    if path == "/exchange":
        kind = f"exchange:{told['action']['type']}"
        return Asked(kind=kind, key=kind, body=told)
    user = str(told.get("user", "")).lower()
    kind = str(told["type"])
    return Asked(kind=kind, key=f"{kind} {user} {told.get('oid', '')}", user=user, body=told)


def of(what: str, part: float, asked: Asked, earlier: Answer | None) -> Fault | None:
    """Return a fault as the venue takes it; None for those that aren't the venue's doing."""
    if what in _INSTEAD:
        return _INSTEAD[what]
    made: dict[str, Callable[[], Fault]] = {
        "applied": lambda: APPLY_THEN_DROP,
        "lost": lambda: DROP,
        "late": lambda: late(1_000 + int(part * (_LATEST_MS - 1_000)), told=int(part * 1_000) % 2 == 1),
        "refused": lambda: (200, _JSON, json.dumps(_refusal(asked, part)).encode()),
        "truncated": lambda: lambda honest: (*honest[:2], honest[2][: max(1, int(len(honest[2]) * part))]),
        "stale": lambda: lambda honest: earlier or honest,
        "empty": lambda: lambda honest: _emptied(asked, honest) if honest[0] == _OK else honest,
        "status": lambda: lambda honest: _strange(honest) if honest[0] == _OK else honest,
    }
    return made[what]() if what in made else None


def late(after_ms: int, *, told: bool) -> Late:
    """Return a fault that lets an action land later, while its sender is told of a bad gateway, or of nothing."""
    return Late(after_ms, _BAD_GATEWAY if told else DROP)


def _refusal(asked: Asked, part: float) -> dict[str, Any]:
    """Return a refusal of an action in the venue's words: of one order, or of the whole action."""
    index = int(part * len(_REFUSALS))
    text = _REFUSALS[min(index, len(_REFUSALS) - 1)]
    match asked.body.get("action"):
        case {"type": "order", "orders": orders} if index % 2 == 0:
            status = {"error": f"{text} asset={orders[0]['a']}"}
            return {"status": "ok", "response": {"type": "order", "data": {"statuses": [status]}}}
    return {"status": "err", "response": text}


def _emptied(asked: Asked, honest: Answer) -> Sent:
    """Return an answer that looks well and shows nothing."""
    status, headers, body = honest
    told = json.loads(body)
    if asked.kind == "clearinghouseState":
        told["assetPositions"] = []
    elif asked.kind == "orderStatus":
        told = {"status": "unknownOid"}
    else:
        told = []
    return status, headers, json.dumps(told).encode()


def _strange(honest: Answer) -> Sent:
    """Return an order in a state that nobody has heard of."""
    status, headers, body = honest
    told = json.loads(body)
    if isinstance(told, dict) and told.get("status") == "order":
        told["order"]["status"] = "hibernating"
    return status, headers, json.dumps(told).encode()
