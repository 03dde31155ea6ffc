"""What a venue's words for a refusal mean to us: texts carry suffixes, so they are told by how they begin."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Final


@unique
class Refusal(StrEnum):
    """The class of a refusal; `LOCAL` is our own, before anything was sent, `NOT_SENT` nobody's: nothing could be sent."""

    LOCAL = "local"
    NOT_SENT = "not_sent"
    TICK = "tick"
    SIZE = "size"
    MIN_NOTIONAL = "min_notional"
    MARGIN = "margin"
    ALREADY_FLAT = "already_flat"
    NO_MATCH = "no_match"
    BAD_TRIGGER = "bad_trigger"
    TOO_FAR = "too_far"
    CAPPED = "capped"
    POST_ONLY = "post_only"
    EXPIRED = "expired"
    NONCE = "nonce"
    SIGNER = "signer"
    BUDGET = "budget"
    LEVERAGE = "leverage"
    OTHER = "other"


_BY_BEGINNING: Final = (
    ("price must be divisible", Refusal.TICK),
    ("order has invalid price", Refusal.TICK),
    ("order has invalid size", Refusal.SIZE),
    ("order has zero size", Refusal.SIZE),
    ("order must have minimum value", Refusal.MIN_NOTIONAL),
    ("insufficient margin", Refusal.MARGIN),
    ("reduce only order would increase", Refusal.ALREADY_FLAT),
    ("order could not immediately match", Refusal.NO_MATCH),
    ("no liquidity available", Refusal.NO_MATCH),
    ("invalid tp/sl price", Refusal.BAD_TRIGGER),
    ("invalid trigger price", Refusal.BAD_TRIGGER),
    ("order price too far", Refusal.TOO_FAR),
    ("order price cannot be more than", Refusal.TOO_FAR),
    ("order would increase open interest", Refusal.CAPPED),
    ("order rejected due to price more aggressive", Refusal.CAPPED),
    ("order would cause position to exceed margin tier", Refusal.CAPPED),
    ("only post-only orders", Refusal.POST_ONLY),
    ("order expired", Refusal.EXPIRED),
    ("action expired", Refusal.EXPIRED),
    ("invalid nonce", Refusal.NONCE),
    ("user or api wallet", Refusal.SIGNER),
    ("must deposit before", Refusal.SIGNER),
    ("vault not registered", Refusal.SIGNER),
    ("too many cumulative requests", Refusal.BUDGET),
    ("cannot switch leverage", Refusal.LEVERAGE),
    ("invalid leverage", Refusal.LEVERAGE),
    ("cross margin is not allowed", Refusal.LEVERAGE),
    ("isolated position does not have sufficient margin", Refusal.LEVERAGE),
)


_BY_STATUS: Final = {
    "tickRejected": Refusal.TICK,
    "minTradeNtlRejected": Refusal.MIN_NOTIONAL,
    "perpMarginRejected": Refusal.MARGIN,
    "insufficientSpotBalanceRejected": Refusal.MARGIN,
    "reduceOnlyRejected": Refusal.ALREADY_FLAT,
    "iocCancelRejected": Refusal.NO_MATCH,
    "marketOrderNoLiquidityRejected": Refusal.NO_MATCH,
    "badTriggerPxRejected": Refusal.BAD_TRIGGER,
    "oracleRejected": Refusal.TOO_FAR,
    "positionIncreaseAtOpenInterestCapRejected": Refusal.CAPPED,
    "positionFlipAtOpenInterestCapRejected": Refusal.CAPPED,
    "tooAggressiveAtOpenInterestCapRejected": Refusal.CAPPED,
    "openInterestIncreaseRejected": Refusal.CAPPED,
    "perpMaxPositionRejected": Refusal.CAPPED,
}


def refusal_of(text: str) -> Refusal:
    """Return the class of a venue's refusal by its beginning, `OTHER` for words that aren't known."""
    plain = text.strip().lower().removeprefix("l1 error:").strip()
    return next((kind for beginning, kind in _BY_BEGINNING if plain.startswith(beginning)), Refusal.OTHER)


def refusal_of_status(status: str) -> Refusal:
    """Return the class of the status with which a refused order stands in the venue's records."""
    return _BY_STATUS.get(status, Refusal.OTHER)
