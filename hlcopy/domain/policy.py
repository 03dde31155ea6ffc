"""The specification's constants as frozen values, one class for each part of the domain."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum, unique
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

DEFAULT_KEY: Final = "_default"

MIN_TRADE_VALUE_USD: Final[Mapping[str, float]] = MappingProxyType(
    {"BTC": 50_000.0, "ETH": 25_000.0, "SOL": 10_000.0, "HYPE": 5_000.0, DEFAULT_KEY: 5_000.0}
)
SCORE_WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "normalized_roi": 0.25,
        "normalized_sharpe": 0.20,
        "normalized_win_rate": 0.15,
        "consistency_score": 0.20,
        "smart_money_bonus": 0.10,
        "risk_management_score": 0.10,
    }
)
BASE_SLIPPAGE_PERCENT: Final[Mapping[str, float]] = MappingProxyType(
    {"BTC": 0.02, "ETH": 0.03, "SOL": 0.08, DEFAULT_KEY: 0.15}
)
LEVERAGE_PENALTY: Final[tuple[tuple[float, float], ...]] = (
    (1, 1.00),
    (2, 0.90),
    (3, 0.80),
    (5, 0.60),
    (10, 0.40),
    (20, 0.20),
)


def for_coin(table: Mapping[str, T], coin: str) -> T:
    """Return the coin's entry of a table, else its `_default`."""
    return table.get(coin, table[DEFAULT_KEY])


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPolicy:
    """Which orders of a trader are candidates (specification 4.2, steps 1 to 7; decisions 1 to 9)."""

    min_trade_value_usd: Mapping[str, float] = field(default_factory=lambda: MIN_TRADE_VALUE_USD)
    min_position_weight: float = 0.10
    min_confidence_weight: float = 0.05
    max_position_weight: float = 50.0
    add_max_age: timedelta = timedelta(hours=2)
    copy_delay: timedelta = timedelta(minutes=15)
    order_quiet: timedelta = timedelta(minutes=15)
    confirm_min_kept: float = 0.7
    max_price_slippage_percent: float = 2.0
    timing_from: Literal["eligible", "trade"] = "eligible"
    market_until: timedelta = timedelta(minutes=2)
    limit_until: timedelta = timedelta(minutes=10)
    late_min_score: float = 0.8
    late_min_weight: float = 0.25
    market_slippage_percent: float = 0.5
    limit_slippage_percent: float = 0.3
    require_consensus: bool = False
    consensus_min_traders: int = 2
    max_score_age: timedelta = timedelta(hours=48)
    max_state_age: timedelta | None = timedelta(hours=1)
    leverage_from: Literal["effective", "nominal"] = "effective"
    allow_coins: frozenset[str] = frozenset()  # in lower case; empty allows all but the denied ones
    deny_coins: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingPolicy:
    """How large a copy is (specification phase 5); amounts in USD."""

    copy_ratio: float = 0.5
    max_single_position_usd: float = 50_000.0
    max_single_position_ratio: float = 0.10
    min_copy_size_usd: float = 100.0
    fallback_allocation: float = 0.05
    hot_roi_percent: float = 10.0
    hot_multiplier: float = 1.00
    warm_multiplier: float = 0.75
    cold_multiplier: float = 0.50
    leverage_penalty: tuple[tuple[float, float], ...] = LEVERAGE_PENALTY
    extreme_leverage_penalty: float = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsPolicy:
    """What our book may hold after a new trade (decisions 10 and 11); ratios are of our equity."""

    max_total_positions: int = 5
    max_total_exposure_ratio: float = 0.50
    max_exposure_per_token: float = 0.15
    max_positions_per_trader: int = 5
    max_same_side_ratio: float = 0.50


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A profit tier: at `gain_percent` above entry, `fraction` of what is open goes."""

    number: int
    gain_percent: float
    fraction: float


TIERS: Final = (
    Tier(number=1, gain_percent=10.0, fraction=0.25),
    Tier(number=2, gain_percent=20.0, fraction=0.33),
    Tier(number=3, gain_percent=40.0, fraction=0.50),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitPolicy:
    """When a position of ours is left (specification phase 7; decisions 23 and 24)."""

    stop_loss_percent: float = 5.0
    trailing_stop_percent: float = 8.0
    trail_step_percent: float = 0.25
    max_duration: timedelta = timedelta(hours=72)
    tiers: tuple[Tier, ...] = TIERS
    tier_done_ratio: float = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionPolicy:
    """How orders are sent (decisions 20 to 22)."""

    default_leverage: int = 3
    max_leverage: int = 5
    min_liquidation_to_stop: float = 1.5
    min_stop_distance_kept: float = 0.75  # of a stop's distance when it is put on a legal price
    entry_expiry: timedelta = timedelta(seconds=15)
    exit_expiry: timedelta = timedelta(seconds=30)
    expiry_grace: timedelta = timedelta(seconds=30)
    misses_to_give_up: int = 3
    miss_spacing: timedelta = timedelta(seconds=5)
    absence_patience: timedelta = timedelta(minutes=2)
    fills_overlap: timedelta = timedelta(minutes=5)  # our clock may be ahead of the venue's
    exit_slippage_percents: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0, 9.0)  # of an exit's attempts, one after the other
    stop_slippage_percent: float = 10.0
    stop_attempts: int = 2
    min_notional_usd: float = 10.0
    min_action_budget: int = 2_000  # below it nothing new is opened
    rebooked_for: timedelta = timedelta(hours=3)  # after a position ended, in which late fills and funding are booked
    new_risk_for: timedelta = timedelta(seconds=45)  # of a tick; after it nothing new is begun
    liquidation_recheck: timedelta = timedelta(seconds=5)
    liquidation_cooldown: timedelta = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When entries pause (decision 30); percents are of equity, transfers left out, and a day is one of UTC."""

    on: bool = True
    max_daily_loss_percent: float = 3.0
    max_drawdown_percent: float = 10.0
    max_entries_per_day: int = 10
    max_stops_in_6h: int = 3
    stops_window: timedelta = timedelta(hours=6)
    stops_pause: timedelta = timedelta(hours=12)
    max_trader_stops: int = 2
    trader_pause: timedelta = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPolicy:
    """What trading costs (specification 9.2; decision 34): percent of notional."""

    base_slippage_percent: Mapping[str, float] = field(default_factory=lambda: BASE_SLIPPAGE_PERCENT)
    slippage_size_usd: float = 100_000.0
    slippage_size_factor: float = 0.5
    taker_fee_percent: float = 0.045


@unique
class Gate(StrEnum):
    """What can be left out, by the name that a setting calls it by."""

    SIZE = "size"
    COST = "cost"
    PRICE = "price"
    FOOTPRINT = "footprint"
    CONCENTRATION = "concentration"
    LUCK = "luck"
    FLOWS = "flows"
    WASH = "wash"
    DUMP = "dump"


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyPolicy:
    """What keeps others from trading against those who copy them; `off` gates aren't applied.

    Of the market at the moment of entry: `size` is our copy against it, `cost` what getting in and out would take, `price`
    whether mark, oracle and book agree, `footprint` whether the trader is the market himself. Of a trader's record: how
    `concentration` spreads the profit, what `luck` would show of so many wallets (of a shorter record nothing can be said), which transfers, `flows`, lie under a
    return, whether it is `wash` trading, and which share of the entries is a `dump` on whoever copied them; one on us may pause the trader.
    """

    off: frozenset[Gate] = frozenset()
    min_open_interest_usd: float = 5_000_000.0
    min_day_volume_usd: float = 10_000_000.0
    max_open_interest_share: float = 0.001
    max_day_volume_share: float = 0.0005
    max_depth_share: float = 0.10
    min_exit_depth: float = 5.0
    max_spread_percent: float = 0.10
    max_cost_percent: float = 0.50
    max_funding_against_percent: float = 0.02
    max_oracle_gap_percent: float = 1.0
    max_mid_gap_percent: float = 0.5
    max_trader_open_interest_share: float = 0.05
    max_trader_hour_share: float = 0.10
    max_profit_share: float = 0.5
    max_profit_herfindahl: float = 0.3
    min_profit_coins: int = 1  # more would leave out whoever swings two or three coins well
    luck_trials: int = 200
    luck_min_trips: int = 50
    max_flow_share: float = 0.5
    max_quick_share: float = 0.3
    min_net_share: float = 0.1
    max_dump_share: float = 0.15
    dump_pause_days: float = (
        0.0  # of a week even one in thirty quick exits would cost the honest a tenth of their copies
    )

    def has(self, gate: Gate) -> bool:
        """Whether a gate is applied."""
        return gate not in self.off


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringPolicy:
    """Which traders are followed (specification phase 3; decisions 9 and 13 to 18).

    Of the candidates that the leaderboard gives, `max_candidates` are ranked, `max_portfolios` have their equity
    history read and `max_histories` their fills, at most `max_fills` of each in one run; `max_left_out` of those that
    fail the first screen are remembered by name.
    """

    min_trades_required: int = 50
    min_account_value_usd: float = 50_000.0
    min_win_rate: float = 0.35
    max_win_rate: float = 0.85
    max_volume_to_equity: float = 200.0
    primary_traders: int = 15
    secondary_traders: int = 30
    primary_keep_rank: int = 20
    weights: Mapping[str, float] = field(default_factory=lambda: SCORE_WEIGHTS)
    recency_halflife_days: float = 14.0
    max_candidates: int = 500
    max_left_out: int = 500
    max_portfolios: int = 150
    max_histories: int = 60
    max_fills: int = 6_000
    max_summary_age: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class CadencePolicy:
    """How often the ticks look (specification's cadence summary)."""

    monitor: timedelta = timedelta(seconds=30)
    trades: timedelta = timedelta(seconds=60)
    address_trades: timedelta = timedelta(seconds=300)
    positions: timedelta = timedelta(seconds=900)
    leaderboard: timedelta = timedelta(seconds=86_400)
    poll_lookback: timedelta = timedelta(hours=1)
    poll_overlap: timedelta = timedelta(minutes=5)
    feed_delay: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Every rule's numbers in one frozen bundle."""

    entry: EntryPolicy = field(default_factory=EntryPolicy)
    sizing: SizingPolicy = field(default_factory=SizingPolicy)
    limits: LimitsPolicy = field(default_factory=LimitsPolicy)
    exit: ExitPolicy = field(default_factory=ExitPolicy)
    execution: ExecutionPolicy = field(default_factory=ExecutionPolicy)
    breakers: BreakerPolicy = field(default_factory=BreakerPolicy)
    costs: CostPolicy = field(default_factory=CostPolicy)
    safety: SafetyPolicy = field(default_factory=SafetyPolicy)
    scoring: ScoringPolicy = field(default_factory=ScoringPolicy)
    cadence: CadencePolicy = field(default_factory=CadencePolicy)
