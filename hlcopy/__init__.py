"""Copy the entries of good Hyperliquid perp traders; manage the exits alone."""

__version__ = "0.1.0"
