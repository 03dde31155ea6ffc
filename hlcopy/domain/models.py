"""The values that the rules speak of, from a stranger's fill to our closed position."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

EXECUTE: Final = "EXECUTE"
DEFERRED: Final = "DEFERRED"

HYPERLIQUID: Final = "hyperliquid"
NANSEN: Final = "nansen"


def to_ms(moment: datetime) -> int:
    """Return milliseconds since 1970 UTC, rounded down."""
    return (moment - EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """Return the aware UTC moment of a count of milliseconds since 1970."""
    return EPOCH + timedelta(milliseconds=milliseconds)


@unique
class Side(StrEnum):
    """The side of a position."""

    LONG = "Long"
    SHORT = "Short"

    @property
    def sign(self) -> int:
        """+1 for a long, -1 for a short."""
        return 1 if self is Side.LONG else -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SHORT if self is Side.LONG else Side.LONG

    @classmethod
    def of(cls, signed_size: float) -> Side:
        """Return the side of a signed size; zero counts as long."""
        return cls.LONG if signed_size >= 0 else cls.SHORT


@unique
class Action(StrEnum):
    """What an order did to its trader's position."""

    OPEN = "Open"
    ADD = "Add"
    REDUCE = "Reduce"
    CLOSE = "Close"


@unique
class SkipReason(StrEnum):
    """Why an order isn't copied; the values are the specification's codes."""

    ACTION = "SKIP_ACTION_TYPE"
    ADD_NO_OPEN = "SKIP_ADD_NO_OPEN"
    ADD_TOO_OLD = "SKIP_ADD_TOO_OLD"
    HISTORY_GAP = "SKIP_HISTORY_GAP"
    SIZE_TOO_SMALL = "SKIP_SIZE_TOO_SMALL"
    UNKNOWN_EQUITY = "SKIP_UNKNOWN_EQUITY"
    BAD_EQUITY = "SKIP_BAD_EQUITY"
    LOW_WEIGHT = "SKIP_LOW_WEIGHT"
    LOW_CONFIDENCE = "SKIP_LOW_CONFIDENCE"
    BLACKLISTED = "SKIP_TRADER_BLACKLISTED"
    BANNED = "SKIP_TRADER_BANNED"
    COIN_NOT_ALLOWED = "SKIP_COIN_NOT_ALLOWED"
    STALE_SCORE = "SKIP_STALE_SCORE"
    REVERSED = "SKIP_REVERSED_AFTER_DELAY"
    REDUCED = "SKIP_REDUCED_AFTER_DELAY"
    NO_PRICE = "SKIP_NO_PRICE"
    SLIPPAGE = "SKIP_SLIPPAGE_EXCEEDED"
    STALE_HIGH_SLIPPAGE = "SKIP_STALE_HIGH_SLIPPAGE"
    TOO_OLD = "SKIP_TOO_OLD"
    NO_CONSENSUS = "SKIP_NO_CONSENSUS"
    ALREADY_IN_TOKEN = "SKIP_ALREADY_IN_TOKEN"
    MAX_POSITIONS = "SKIP_MAX_POSITIONS"
    TRADER_LIMIT = "SKIP_TRADER_LIMIT"
    TRADER_BUDGET = "SKIP_TRADER_BUDGET"
    MAX_EXPOSURE = "SKIP_MAX_EXPOSURE"
    TOKEN_EXPOSURE = "SKIP_TOKEN_EXPOSURE"
    DIRECTION_LIMIT = "SKIP_DIRECTION_LIMIT"
    SIZE_ZERO = "SKIP_SIZE_ZERO"
    NOT_TRADABLE = "SKIP_NOT_TRADABLE"
    LIQUIDATION_TOO_NEAR = "SKIP_LIQUIDATION_TOO_NEAR"
    NOT_FILLED = "SKIP_NOT_FILLED"
    ORDER_REFUSED = "SKIP_ORDER_REFUSED"
    NEVER_LANDED = "SKIP_NEVER_LANDED"
    HALTED = "SKIP_HALTED"
    BREAKER = "SKIP_BREAKER"
    ACTION_BUDGET = "SKIP_ACTION_BUDGET"
    ILLIQUID = "SKIP_ILLIQUID"
    COST = "SKIP_COST"
    PRICE_INTEGRITY = "SKIP_PRICE_INTEGRITY"
    FOOTPRINT = "SKIP_FOOTPRINT"
    OPEN_THEN_DUMP = "SKIP_OPEN_THEN_DUMP"


@unique
class Wait(StrEnum):
    """Why a signal is deferred."""

    STILL_FILLING = "still_filling"
    CONFIRMATION = "confirmation"
    UNKNOWN_TRADER_STATE = "unknown_trader_state"
    UNKNOWN_HISTORY = "unknown_history"
    UNKNOWN_PRICE = "unknown_price"
    UNKNOWN_BUDGET = "unknown_budget"
    UNKNOWN_MARKET = "unknown_market"
    UNKNOWN_ACCOUNT = "unknown_account"


@unique
class OrderType(StrEnum):
    """How an entry is executed; both are immediate-or-cancel and differ in their price bound."""

    MARKET = "market"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One fill of a trader, as the venue reports it.

    `size` is positive base units, `start_position` the signed size before the fill, `closed_pnl` gross of `fee` in USD.
    `direction` is the venue's `dir`, kept as evidence; actions are derived from sizes alone. A fill from Nansen is a row
    of several of one order, without a `tid`; the same row may come again larger.
    """

    trader: str
    coin: str
    is_buy: bool
    price: float
    size: float
    time: datetime
    start_position: float
    direction: str = ""
    closed_pnl: float = 0.0
    fee: float = 0.0
    fee_token: str = "USDC"
    hash: str = ""
    oid: int = 0
    tid: int = 0
    twap_id: int | None = None
    crossed: bool = True
    liquidated_user: str | None = None
    source: str = HYPERLIQUID

    @property
    def identity(self) -> str:
        """The text under which the fill is stored and marked as decided."""
        if self.source == NANSEN:
            return f"nansen:{self.trader}:{self.coin}:{self.oid}:{self.hash}"
        return f"hl:{self.trader}:{self.coin}:{self.tid}:{'B' if self.is_buy else 'A'}"

    @property
    def signed_size(self) -> float:
        """Size with the sign of its effect on the position."""
        return self.size if self.is_buy else -self.size

    @property
    def end_position(self) -> float:
        """The signed position after the fill."""
        return self.start_position + self.signed_size

    @property
    def notional(self) -> float:
        """Price times size in USD."""
        return self.price * self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class TraderOrder:
    """The fills of one order of a trader, in the order of their chain."""

    trader: str
    coin: str
    key: str
    is_buy: bool
    fills: tuple[Fill, ...]

    @property
    def first_time(self) -> datetime:
        """When its first fill happened."""
        return self.fills[0].time

    @property
    def last_time(self) -> datetime:
        """When its latest known fill happened."""
        return self.fills[-1].time


@dataclass(frozen=True, slots=True, kw_only=True)
class Trader:
    """A scored trader: a row of `traders`."""

    address: str
    label: str | None = None
    score: float = 0.0
    style: str | None = None
    tier: str | None = None
    roi_7d: float | None = None
    roi_30d: float | None = None
    roi_90d: float | None = None
    win_rate: float | None = None
    account_value: float | None = None
    nof_trades: int | None = None
    last_scored_at: datetime | None = None
    blacklisted_until: datetime | None = None
    disqualified_reason: str | None = None
    terms: Mapping[str, float | str | None] = field(default_factory=dict)  # what the score was made of
    scored: bool = True  # False for a wallet followed without scoring: it is exempt from the age limit of scores


@dataclass(frozen=True, slots=True, kw_only=True)
class TraderPosition:
    """What a trader holds in one coin; `size` is signed base units, `value_usd` positive."""

    coin: str
    size: float
    value_usd: float
    entry_price: float | None = None
    leverage: float | None = None
    isolated: bool = False

    @property
    def side(self) -> Side:
        """The side of the position."""
        return Side.of(self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraderState:
    """A complete reading of a trader's account: equity in USD and every position; a coin that is absent is flat."""

    trader: str
    equity: float | None
    positions: Mapping[str, TraderPosition]
    read_at: datetime
    equity_source: str = ""


class Grounds:
    """What a decision was made from, as `decision.Evidence` has it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One order of a trader under judgement: a row of `signals`, from `DEFERRED` to its final decision."""

    id: str
    trader: str
    coin: str
    side: Side
    action: Action
    order_key: str
    value_usd: float
    trade_price: float
    trade_time: datetime
    first_fill_at: datetime
    decision: str
    created_at: datetime
    updated_at: datetime
    position_weight: float | None = None
    trader_equity: float | None = None
    age_seconds: float | None = None
    slippage_check_passed: bool | None = None
    slippage_pct: float | None = None
    mark_price: float | None = None
    trader_score: float | None = None
    trader_roi_7d: float | None = None
    copy_size_usd: float | None = None
    leverage: float | None = None
    order_type: OrderType | None = None
    max_slippage: float | None = None
    check_at: datetime | None = None
    wait: Wait | None = None
    detail: Mapping[str, float | str | None] = field(default_factory=dict)
    evidence: Grounds | None = field(default=None, compare=False, repr=False)  # kept beside it, and not read with it

    @property
    def is_final(self) -> bool:
        """Whether the decision will never change by itself."""
        return self.decision != DEFERRED


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a command."""

    command: str
    started_at: datetime
    id: int | None = None
    finished_at: datetime | None = None
    ok: bool | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
