"""Every setting as a typed field, and the rules between them."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from pydantic import model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from hlcopy.config import types as t
from hlcopy.domain import policy
from hlcopy.domain.alerts import Event
from hlcopy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Self

MAINNET_URL: Final = "https://api.hyperliquid.xyz"
TESTNET_URL: Final = "https://api.hyperliquid-testnet.xyz"
LEADERBOARD_URL: Final = "https://stats-data.hyperliquid.xyz/Mainnet/leaderboard"
NANSEN_URL: Final = "https://api.nansen.ai"

PREFIX: Final = "HLCOPY_"
SECRET_FIELDS: Final = ("nansen_api_key", "agent_key", "alert_urls", "heartbeat_url")
SAFETY_FIELDS: Final = tuple(each.name for each in fields(policy.SafetyPolicy) if each.name != "off")
TIER_FIELDS: Final = ("profit_take_tier_1", "profit_take_tier_2", "profit_take_tier_3")


def data_dir() -> Path:
    """Return the platform's directory for our data."""
    import platformdirs

    return platformdirs.user_data_path("hlcopy")


class Settings(BaseSettings):
    """Every setting, typed and checked; `load_settings` is its only maker.

    A field's variable is its name in capitals behind `HLCOPY_`, except `NANSEN_API_KEY`. Units are in the names.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    nansen_api_key: t.Token | None = None
    db: t.File | None = None
    log_file: t.File | None = None
    mode: Literal["paper", "live"] = "paper"
    network: Literal["mainnet", "testnet"] = "mainnet"
    source_url: t.Url = MAINNET_URL
    hyperliquid_url: t.Url | None = None
    allow_proxy: bool = False
    nansen_url: t.Url = NANSEN_URL
    leaderboard_url: t.Url = LEADERBOARD_URL
    leaderboard_source: Literal["auto", "nansen", "hyperliquid"] = "auto"
    trade_source: Literal["hyperliquid", "nansen"] = "hyperliquid"
    account_address: t.Address | None = None
    agent_key: t.AgentKey | None = None
    agent_key_file: t.File | None = None
    agent_keyring: bool = False
    paper_equity_usd: t.PositiveUsd = 100_000.0
    clock: Literal["system", "venue"] = "system"
    hyperliquid_weight_per_minute: t.Weight = 1_200
    nansen_credits_per_day: t.Count = 450
    backups_kept: t.Count = 7

    copy_delay_minutes: t.Minutes = 15.0
    max_price_slippage_percent: t.Percent = 2.0
    min_trade_value_usd: t.CoinTable = dict(policy.MIN_TRADE_VALUE_USD)
    min_position_weight: t.Share = 0.10
    add_max_age_hours: t.Hours = 2.0
    order_quiet_minutes: t.Minutes = 15.0
    confirm_min_kept: t.Share = 0.7
    timing_from: Literal["eligible", "trade"] = "eligible"
    leverage_from: Literal["effective", "nominal"] = "effective"
    require_consensus: bool = False
    consensus_min_traders: t.PositiveCount = 2
    allow_coins: t.Coins | None = None
    deny_coins: t.Coins | None = None

    copy_ratio: t.PositiveShare = 0.5
    max_single_position_usd: t.PositiveUsd = 50_000.0
    max_total_open_positions_usd_ratio: t.Exposure = 0.50
    max_total_positions: t.Count = 5
    max_exposure_per_token: t.Exposure = 0.15
    max_positions_per_trader: t.PositiveCount = 5
    max_same_side_ratio: t.Exposure = 0.50

    stop_loss_percent: t.StopPercent = 5.0
    trailing_stop_percent: t.StopPercent = 8.0
    trail_step_percent: t.Percent = 0.25
    max_position_duration_hours: t.Hours = 72.0
    profit_take_tier_1: t.Gain = 10.0
    profit_take_tier_2: t.Gain = 20.0
    profit_take_tier_3: t.Gain = 40.0

    breakers: Literal["on", "off"] = "on"
    max_daily_loss_percent: t.Percent = 3.0
    max_drawdown_percent: t.Percent = 10.0
    max_entries_per_day: t.Count = 10
    max_stops_in_6h: t.PositiveCount = 3
    max_trader_stops: t.PositiveCount = 2
    min_action_budget: t.Count = 2_000

    gates_off: t.Gates | None = None
    min_open_interest_usd: t.Usd = 5_000_000.0
    min_day_volume_usd: t.Usd = 10_000_000.0
    max_open_interest_share: t.Share = 0.001
    max_day_volume_share: t.Share = 0.0005
    max_depth_share: t.Share = 0.10
    min_exit_depth: t.Ratio = 5.0
    max_spread_percent: t.Percent = 0.10
    max_cost_percent: t.Percent = 0.50
    max_funding_against_percent: t.Percent = 0.02
    max_oracle_gap_percent: t.Percent = 1.0
    max_mid_gap_percent: t.Percent = 0.5
    max_trader_open_interest_share: t.Share = 0.05
    max_trader_hour_share: t.Share = 0.10
    max_profit_share: t.Share = 0.5
    max_profit_herfindahl: t.Share = 0.3
    min_profit_coins: t.PositiveCount = 1
    luck_trials: t.Count = 200
    luck_min_trips: t.Count = 50
    max_flow_share: t.Ratio = 0.5
    max_quick_share: t.Share = 0.3
    min_net_share: t.Share = 0.1
    max_dump_share: t.Share = 0.15
    dump_pause_days: t.Days = 0.0

    min_trades_required: t.Count = 50
    min_account_value_usd: t.Usd = 50_000.0
    min_win_rate: t.Share = 0.35
    max_win_rate: t.Share = 0.85
    primary_traders: t.PositiveCount = 15
    secondary_traders: t.Count = 30
    trader_score_weights: t.WeightTable = dict(policy.SCORE_WEIGHTS)
    recency_decay_halflife_days: t.PositiveDays = 14.0

    monitor_interval_sec: t.Cadence = 30.0
    polling_interval_trades_sec: t.Cadence = 60.0
    polling_interval_address_trades_sec: t.Cadence = 300.0
    polling_interval_positions_sec: t.Cadence = 900.0
    polling_interval_leaderboard_sec: t.Cadence = 86_400.0
    poll_lookback_hours: t.Hours = 1.0
    feed_delay_seconds: t.Seconds = 60.0
    liquidation_recheck_seconds: t.Seconds = 5.0
    liquidation_cooldown_days: t.Days = 14.0

    alert_urls: t.AlertUrls | None = None
    alert_events: t.Events | None = None
    alert_quiet_minutes: t.QuietMinutes = 60.0
    alert_quiet_hours: t.QuietHours | None = None
    heartbeat_url: t.HeartbeatUrl | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the hook's fixed signature
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing by itself: `load_settings` has merged the environment and the file already."""
        return (init_settings,)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for problem in _contradictions(self):
            raise ValueError(problem)
        return self

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.db or data_dir() / f"hlcopy-{self.mode}-{self.network}.db"

    @property
    def log_path(self) -> Path:
        """The log file."""
        return self.log_file or self.database.with_suffix(".log")

    @property
    def venue_url(self) -> str:
        """The venue we trade at."""
        return self.hyperliquid_url or (MAINNET_URL if self.network == "mainnet" else TESTNET_URL)

    @property
    def signs_for(self) -> Literal["mainnet", "testnet"]:
        """The network that orders are signed for: a venue on this machine is a testnet."""
        return "testnet" if t.is_loopback(self.venue_url) else self.network

    @property
    def binding_account(self) -> str | None:
        """The account that a database file is bound to, beside mode and network.

        Raises `ConfigError` in live mode without an address.
        """
        if self.mode == "live" and self.account_address is None:
            message = "HLCOPY_ACCOUNT_ADDRESS: live mode needs the address of the trading account"
            raise ConfigError(message)
        return self.account_address

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that no output may ever show."""
        secrets = (getattr(self, field) for field in SECRET_FIELDS)
        return (*(secret.get_secret_value() for secret in secrets if secret), *self.alert_channels.values())

    @property
    def alert_channels(self) -> Mapping[str, str]:
        """The URLs that alerts are sent to, by a name that tells no secret: the kind, and its number in the list."""
        if self.alert_urls is None:
            return {}
        urls = t.split_urls(self.alert_urls.get_secret_value())
        return {f"{number} {url.partition('://')[0].lower()}": url for number, url in enumerate(urls, start=1)}

    @property
    def wanted_alerts(self) -> frozenset[Event]:
        """What alerts are sent about."""
        return frozenset(map(Event, self.alert_events.split(",") if self.alert_events else Event))

    @property
    def quiet_hours(self) -> tuple[int, int] | None:
        """The hours of UTC in which only what is urgent is sent: from the first up to the second."""
        return None if self.alert_quiet_hours is None else t.hours_of(self.alert_quiet_hours)

    def replay_policy(self) -> policy.Policy:
        """Return the rules for a replay: as they are, without breakers unless somebody asked for them (decision 30)."""
        rules = self.policy()
        return rules if "breakers" in self.model_fields_set else replace(rules, breakers=policy.BreakerPolicy(on=False))

    def policy(self) -> policy.Policy:
        """Return the settings as the rules' own values."""
        return policy.Policy(
            entry=policy.EntryPolicy(
                min_trade_value_usd=self.min_trade_value_usd,
                min_position_weight=self.min_position_weight,
                add_max_age=timedelta(hours=self.add_max_age_hours),
                copy_delay=timedelta(minutes=self.copy_delay_minutes),
                order_quiet=timedelta(minutes=self.order_quiet_minutes),
                confirm_min_kept=self.confirm_min_kept,
                max_price_slippage_percent=self.max_price_slippage_percent,
                timing_from=self.timing_from,
                require_consensus=self.require_consensus,
                consensus_min_traders=self.consensus_min_traders,
                leverage_from=self.leverage_from,
                allow_coins=_coin_set(self.allow_coins),
                deny_coins=_coin_set(self.deny_coins),
            ),
            sizing=policy.SizingPolicy(
                copy_ratio=self.copy_ratio, max_single_position_usd=self.max_single_position_usd
            ),
            limits=policy.LimitsPolicy(
                max_total_positions=self.max_total_positions,
                max_total_exposure_ratio=self.max_total_open_positions_usd_ratio,
                max_exposure_per_token=self.max_exposure_per_token,
                max_positions_per_trader=self.max_positions_per_trader,
                max_same_side_ratio=self.max_same_side_ratio,
            ),
            exit=policy.ExitPolicy(
                stop_loss_percent=self.stop_loss_percent,
                trailing_stop_percent=self.trailing_stop_percent,
                trail_step_percent=self.trail_step_percent,
                max_duration=timedelta(hours=self.max_position_duration_hours),
                tiers=tuple(_tiers(self)),
            ),
            execution=policy.ExecutionPolicy(
                liquidation_recheck=timedelta(seconds=self.liquidation_recheck_seconds),
                liquidation_cooldown=timedelta(days=self.liquidation_cooldown_days),
                min_action_budget=self.min_action_budget,
            ),
            breakers=policy.BreakerPolicy(
                on=self.breakers == "on",
                max_daily_loss_percent=self.max_daily_loss_percent,
                max_drawdown_percent=self.max_drawdown_percent,
                max_entries_per_day=self.max_entries_per_day,
                max_stops_in_6h=self.max_stops_in_6h,
                max_trader_stops=self.max_trader_stops,
            ),
            safety=policy.SafetyPolicy(
                off=frozenset(policy.Gate(name) for name in (self.gates_off or "").split(",") if name),
                **{name: getattr(self, name) for name in SAFETY_FIELDS},
            ),
            scoring=policy.ScoringPolicy(
                min_trades_required=self.min_trades_required,
                min_account_value_usd=self.min_account_value_usd,
                min_win_rate=self.min_win_rate,
                max_win_rate=self.max_win_rate,
                primary_traders=self.primary_traders,
                secondary_traders=self.secondary_traders,
                primary_keep_rank=max(self.primary_traders, policy.ScoringPolicy().primary_keep_rank),
                weights=self.trader_score_weights,
                recency_halflife_days=self.recency_decay_halflife_days,
            ),
            cadence=policy.CadencePolicy(
                monitor=timedelta(seconds=self.monitor_interval_sec),
                trades=timedelta(seconds=self.polling_interval_trades_sec),
                address_trades=timedelta(seconds=self.polling_interval_address_trades_sec),
                positions=timedelta(seconds=self.polling_interval_positions_sec),
                leaderboard=timedelta(seconds=self.polling_interval_leaderboard_sec),
                poll_lookback=timedelta(hours=self.poll_lookback_hours),
                feed_delay=timedelta(seconds=self.feed_delay_seconds),
            ),
        )


VARIABLES: Final[Mapping[str, str]] = {
    ("NANSEN_API_KEY" if name == "nansen_api_key" else PREFIX + name.upper()): name for name in Settings.model_fields
}
"""The field of each variable, in the order of the contract."""

NAMES: Final = {field: variable for variable, field in VARIABLES.items()}


def _coin_set(names: str | None) -> frozenset[str]:
    return frozenset(name.casefold() for name in (names or "").split(",") if name)


def _tiers(settings: Settings) -> Iterator[policy.Tier]:
    for tier, name in zip(policy.TIERS, TIER_FIELDS, strict=True):
        gain = getattr(settings, name)
        if gain > 0:
            yield policy.Tier(number=tier.number, gain_percent=gain, fraction=tier.fraction)


def _contradictions(settings: Settings) -> Iterator[str]:
    """Yield what settings say against each other."""
    if not settings.min_win_rate < settings.max_win_rate:
        yield "HLCOPY_MIN_WIN_RATE must be below HLCOPY_MAX_WIN_RATE"
    gains = [tier.gain_percent for tier in _tiers(settings)]
    if any(later <= earlier for earlier, later in itertools.pairwise(gains)):
        yield "HLCOPY_PROFIT_TAKE_TIER_1, _2 and _3 must rise"
    both = _coin_set(settings.allow_coins) & _coin_set(settings.deny_coins)
    if both:
        yield "HLCOPY_ALLOW_COINS and HLCOPY_DENY_COINS name the same coin"
    if settings.nansen_api_key is None:
        for name in ("leaderboard_source", "trade_source"):
            if getattr(settings, name) == "nansen":
                yield f"{NAMES[name]} is nansen, which needs NANSEN_API_KEY"
    if sum((settings.agent_key is not None, settings.agent_key_file is not None, settings.agent_keyring)) > 1:
        yield "only one of HLCOPY_AGENT_KEY, HLCOPY_AGENT_KEY_FILE and HLCOPY_AGENT_KEYRING can be set"
    yield from _url_contradictions(settings)


def _url_contradictions(settings: Settings) -> Iterator[str]:
    if settings.source_url == TESTNET_URL:
        yield "HLCOPY_SOURCE_URL must be Hyperliquid's mainnet: traders and their prices are always read there"
    if settings.venue_url == (TESTNET_URL if settings.network == "mainnet" else MAINNET_URL):
        yield f"HLCOPY_HYPERLIQUID_URL is of another network than HLCOPY_NETWORK, which is {settings.network}"
    official = settings.venue_url in {MAINNET_URL, TESTNET_URL}
    if settings.mode == "live" and not (official or t.is_loopback(settings.venue_url) or settings.allow_proxy):
        yield "HLCOPY_HYPERLIQUID_URL isn't Hyperliquid's own; live mode needs HLCOPY_ALLOW_PROXY=1 with it"
    urls = (settings.source_url, settings.venue_url, settings.nansen_url, settings.leaderboard_url)
    if settings.clock == "venue" and not all(map(t.is_loopback, urls)):
        yield "HLCOPY_CLOCK can be venue only when every URL names this machine"
