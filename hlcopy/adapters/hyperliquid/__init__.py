"""Hyperliquid's public API: traders, prices, candles, the leaderboard."""
