"""What the rules themselves say to made-up candidates: how large a copy is, what is the least equity, how full a book gets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from hlcopy.domain import gates
from hlcopy.domain.course import Passing
from hlcopy.domain.episodes import Effect, Since
from hlcopy.domain.models import Action, Side, SkipReason, Trader, TraderPosition, TraderState
from hlcopy.domain.policy import for_coin

if TYPE_CHECKING:
    from hlcopy.domain.policy import Policy

ROIS: Final = (("over 10%", 20.0), ("0 to 10%", 5.0), ("below 0", -5.0))
"""A trader's return of 7 days in each of sizing's three classes, in percent."""
LEVERAGES: Final = (1.0, 5.0, 20.0)
WEIGHT: Final = 0.10
_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
_TRADER: Final = "0x" + "0" * 40
_COIN: Final = "a coin"
_PRICE: Final = 100.0
_MOST: Final = 1e12
_STEPS: Final = 48  # of halving: to a cent
_WHOLE_ACCOUNT: Final = 1.0
_FULL: Final = 200  # positions: where a book has no other end


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastEquity:
    """The equity from which a signal of a weight passes, in USD to the dollar above; None where it never does, and why."""

    weight: float
    leverage: float
    week: str
    equity_usd: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FullBook:
    """The largest book that the gates let come about: positions, exposure in USD, and what refused the next one."""

    positions: int
    exposure_usd: float
    refused_by: SkipReason | None


def verdict(
    policy: Policy,
    equity: float,
    *,
    weight: float,
    leverage: float,
    roi_7d: float,
    holdings: tuple[gates.Holding, ...] = (),
    side: Side = Side.LONG,
    coin: str = _COIN,
    trader: str = _TRADER,
) -> gates.Skip | gates.Approval:
    """Return the gates' verdict on a candidate that nothing but its size and our book can keep out."""
    value = max(for_coin(policy.entry.min_trade_value_usd, coin), policy.scoring.min_account_value_usd * weight, 1.0)
    size, trader_equity = value / _PRICE, value / weight
    held = TraderPosition(
        coin=coin, size=side.sign * size, value_usd=value, entry_price=_PRICE, leverage=leverage, isolated=True
    )
    facts = gates.Facts(
        now=_NOW,
        coin=coin,
        effect=Effect(action=Action.OPEN, side=side, size=size, value_usd=value, price=_PRICE),
        candidate=gates.Candidate(Passing(time=_NOW, size_after=size), _NOW),
        trader=Trader(address=trader, score=1.0, roi_7d=roi_7d, last_scored_at=_NOW),
        state=TraderState(trader=trader, equity=trader_equity, positions={coin: held}, read_at=_NOW),
        since=Since(reversed=False, unbroken=True, position=held.size),
        mark=_PRICE,
        agreeing_traders=policy.entry.consensus_min_traders,
        portfolio=gates.Portfolio(equity=equity, holdings=holdings),
    )
    return gates.confirm(facts, policy)


def least_equity(policy: Policy, *, weight: float, leverage: float, week: str, roi_7d: float) -> LeastEquity:
    """Return the least equity at which a signal of a weight passes into an empty book, found by halving."""

    def passes(equity: float) -> bool:
        return isinstance(verdict(policy, equity, weight=weight, leverage=leverage, roi_7d=roi_7d), gates.Approval)

    most = verdict(policy, _MOST, weight=weight, leverage=leverage, roi_7d=roi_7d)
    if isinstance(most, gates.Skip):
        return LeastEquity(weight=weight, leverage=leverage, week=week, equity_usd=None, reason=most.reason.value)
    low, high = 0.0, _MOST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    whole = float(-(-round(high, 2) // 1))
    return LeastEquity(weight=weight, leverage=leverage, week=week, equity_usd=whole)


def least_equities(policy: Policy) -> list[LeastEquity]:
    """Return the least equity by leverage and by the trader's week."""
    return [
        least_equity(policy, weight=WEIGHT, leverage=leverage, week=week, roi_7d=roi)
        for leverage in LEVERAGES
        for week, roi in ROIS
    ]


def largest(policy: Policy, equity: float) -> float:
    """Return the largest copy there can be in USD: of a trader's whole account, into an empty book."""
    found = verdict(policy, equity, weight=_WHOLE_ACCOUNT, leverage=1.0, roi_7d=ROIS[0][1])
    return found.copy_size_usd if isinstance(found, gates.Approval) else 0.0


def fullest_book(
    policy: Policy, equity: float, *, one_side: bool = False, one_trader: bool = False, small: bool = False
) -> FullBook:
    """Fill a book with the largest copies there can be, or with small ones, until the gates refuse another.

    Each is of another coin; of alternating sides and of different traders unless told otherwise.
    """
    weight, leverage = (policy.entry.min_position_weight, LEVERAGES[-1]) if small else (_WHOLE_ACCOUNT, 1.0)
    holdings: tuple[gates.Holding, ...] = ()
    refused: SkipReason | None = None
    while refused is None and len(holdings) < _FULL:
        number = len(holdings)
        side = Side.LONG if one_side or number % 2 == 0 else Side.SHORT
        coin, trader = f"coin {number}", _TRADER if one_trader else f"0x{number:040x}"
        found = verdict(
            policy,
            equity,
            weight=weight,
            leverage=leverage,
            roi_7d=ROIS[0][1],
            holdings=holdings,
            side=side,
            coin=coin,
            trader=trader,
        )
        if isinstance(found, gates.Skip):
            refused = found.reason
        else:
            holding = gates.Holding(coin=coin, side=side, exposure_usd=found.copy_size_usd, source_trader=trader)
            holdings = (*holdings, holding)
    exposure = sum(holding.exposure_usd for holding in holdings)
    return FullBook(positions=len(holdings), exposure_usd=exposure, refused_by=refused)
