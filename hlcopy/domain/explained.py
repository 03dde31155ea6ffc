"""One gate as it is told: what was measured, what it asks for, and whether it held."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum, unique


@unique
class Unit(StrEnum):
    """What a measured number is of."""

    USD = "usd"
    SHARE = "share"
    PERCENT = "percent"
    MINUTES = "minutes"
    HOURS = "hours"
    NUMBER = "number"


@unique
class Asks(StrEnum):
    """How a gate compares."""

    AT_LEAST = "at least"
    AT_MOST = "at most"
    BELOW = "below"
    ABOVE = "above"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One gate; `holds` is None where it wasn't looked at. Numbers have a unit and a comparison, the rest is in words."""

    gate: str
    code: str
    holds: bool | None
    measured: float | str | None = None
    needed: float | str | None = None
    asks: Asks | None = None
    unit: Unit | None = None

    @property
    def shortfall(self) -> float | None:
        """How far the measured number is from what is asked for, as a share of that; None where it holds or has no number."""
        if self.holds is not False or not isinstance(self.measured, float) or not isinstance(self.needed, float):
            return None
        far = abs(self.measured - self.needed) / abs(self.needed) if self.needed else math.inf
        return far if math.isfinite(far) else None


def number(
    gate: str, code: str, measured: float | None, asks: Asks, needed: float, unit: Unit, *, applied: bool = True
) -> Check:
    """Return a gate that compares numbers; one that is switched off holds whatever was measured."""
    holds: bool | None = None
    if measured is not None:
        holds = (
            not applied
            or {
                Asks.AT_LEAST: needed <= measured < math.inf,
                Asks.AT_MOST: -math.inf < measured <= needed,
                Asks.BELOW: -math.inf < measured < needed,
                Asks.ABOVE: needed < measured < math.inf,
            }[asks]
        )
    shown = None if measured is None else float(measured)
    return Check(gate=gate, code=str(code), holds=holds, measured=shown, needed=float(needed), asks=asks, unit=unit)
