"""What each setting means, in the words of `config show`; .env.example repeats them, and a test holds it to that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "Keys, files and where we trade": {
        "nansen_api_key": "Nansen key; needed only when a source is nansen.",
        "db": "The one SQLite file; empty: hlcopy-<mode>-<network>.db in the platform's data directory.",
        "log_file": "The log file, JSON lines; empty: beside the database, same name, .log.",
        "mode": "paper or live.",
        "network": "The network we trade on: mainnet or testnet.",
        "source_url": "Where traders, their fills and prices are read: Hyperliquid's mainnet, or a venue on this machine.",
        "hyperliquid_url": "The venue we trade at; empty: Hyperliquid's own for the network.",
        "allow_proxy": "1 allows live mode a venue URL that is neither Hyperliquid's own nor on this machine.",
        "nansen_url": "Nansen's address, without /api/v1.",
        "leaderboard_url": "The public leaderboard, as a full URL.",
        "leaderboard_source": "Where leaderboards come from: nansen, hyperliquid, or auto (Nansen when a key is set).",
        "trade_source": "Where watched traders' fills come from: hyperliquid or nansen.",
        "account_address": "The trading account: a master's or a subaccount's address.",
        "agent_key": "Private key of the API wallet (agent); better in a file, as below.",
        "agent_key_file": "A file of mode 0600 that holds the private key of the API wallet.",
        "agent_keyring": "1 takes the key of the API wallet from the OS keyring: service hlcopy, user the account's address.",
        "paper_equity_usd": "What the paper account starts with, in USD.",
        "clock": "system, or venue: all time comes from the venue, which must be on this machine like every other URL.",
        "hyperliquid_weight_per_minute": "How much API weight a minute all commands together may use; 200 is the least that works.",
        "nansen_credits_per_day": "How many Nansen credits all commands together may spend in a UTC day; 0 spends none.",
    },
    "Which orders of a trader are candidates": {
        "copy_delay_minutes": "How long an order waits before it is confirmed, in minutes.",
        "max_price_slippage_percent": "How far the price may be from the trader's, either way, in percent.",
        "min_trade_value_usd": "Smallest order by coin in USD; JSON laid over these defaults.",
        "min_position_weight": "Smallest order as a share of the trader's equity.",
        "add_max_age_hours": "How long after its open an add still counts, in hours.",
        "order_quiet_minutes": "An order still below the size or weight gate is skipped after so many minutes without a fill.",
        "confirm_min_kept": "Share of its size that a position must have kept to be confirmed.",
        "timing_from": "From when the timing tiers count: eligible (trade plus delay) or trade.",
        "leverage_from": "Which leverage the penalty uses for cross positions: effective or nominal.",
        "require_consensus": "1 demands that several traders hold the same side.",
        "consensus_min_traders": "How many traders make a consensus.",
    },
    "Size and limits": {
        "copy_ratio": "Our allocation as a share of the trader's.",
        "max_single_position_usd": "Largest copy in USD; 10 % of our equity is the other cap.",
        "max_total_open_positions_usd_ratio": "Largest exposure in all coins together, as a ratio of our equity.",
        "max_total_positions": "Most positions at a time; 0 opens none.",
        "max_exposure_per_token": "Largest exposure in one coin, as a ratio of our equity.",
        "max_positions_per_trader": "Most positions copied from one trader at a time.",
        "max_same_side_ratio": "Largest exposure on one side, as a ratio of our equity.",
    },
    "Exits": {
        "stop_loss_percent": "Hard stop, in percent from entry.",
        "trailing_stop_percent": "Trailing stop, in percent from the best price.",
        "trail_step_percent": "Grid on which the stop's trigger moves, in percent of entry.",
        "max_position_duration_hours": "When a position is closed for its age, in hours.",
        "profit_take_tier_1": "Gain in percent at which 25 % of what is open is closed; 0 or empty: never.",
        "profit_take_tier_2": "Gain in percent at which 33 % of what is open is closed; 0 or empty: never.",
        "profit_take_tier_3": "Gain in percent at which 50 % of what is open is closed; 0 or empty: never.",
    },
    "Breakers: when nothing new is opened": {
        "breakers": "on, or off for none of the following.",
        "max_daily_loss_percent": "Loss of equity in a UTC day at which entries pause until midnight, in percent.",
        "max_drawdown_percent": "Loss from the highest equity at which entries stop until hlcopy resume, in percent.",
        "max_entries_per_day": "Most entries in a UTC day.",
        "max_stops_in_6h": "So many losing stops within 6 hours pause entries for 12 hours.",
        "max_trader_stops": "So many copies of a trader stopped in a row leave the trader out for 14 days.",
        "min_action_budget": "Below so many actions left to our address at the venue nothing new is opened.",
    },
    "Which traders are followed": {
        "min_trades_required": "Fewest orders in a trader's history.",
        "min_account_value_usd": "Smallest equity of a trader, in USD.",
        "min_win_rate": "Lowest share of winning round trips.",
        "max_win_rate": "Highest share of winning round trips; above it a history is suspicious.",
        "primary_traders": "How many traders are copied.",
        "secondary_traders": "How many more are only watched.",
        "trader_score_weights": "Weights of the score's terms; JSON laid over these defaults.",
        "recency_decay_halflife_days": "Days without a trade that halve a score.",
    },
    "Cadences and delays": {
        "monitor_interval_sec": "How often our positions are watched by run-all, in seconds.",
        "polling_interval_trades_sec": "How often fills are looked for, in seconds.",
        "polling_interval_address_trades_sec": "How often one trader's fills are fetched, in seconds.",
        "polling_interval_positions_sec": "How often traders' positions are fetched, in seconds.",
        "polling_interval_leaderboard_sec": "How often traders are scored, in seconds.",
        "poll_lookback_hours": "How far a trader's first poll looks back, in hours.",
        "feed_delay_seconds": "How long after its fill an order becomes visible in a replay, in seconds.",
        "liquidation_recheck_seconds": "Time between the two looks that tell a trader's liquidation, in seconds.",
        "liquidation_cooldown_days": "How long a liquidated trader is left out, in days.",
    },
}
"""The meaning of each field, by group, in the order of the settings."""
