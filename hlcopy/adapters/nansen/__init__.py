"""Nansen's API: leaderboards, traders' trades and positions, credits."""
