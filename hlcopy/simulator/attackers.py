"""Who tries to be copied to his own gain, and who is honest: what each does is drawn evenly from the ranges written here.

The ranges are assumptions about strangers. They were set down before any gate had a default, and defaults are chosen on some
seeds and judged on others (`tests/soak/attackers.py`); whoever changes a range measures anew.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np

Range = tuple[float, float]

ATTACKERS_EACH: Final = 4  # of each kind in a population
HONEST: Final = 16
FLIPPERS: Final = 1_000  # of whom the leaderboard shows the best `ATTACKERS_EACH`


@dataclass(frozen=True, slots=True, kw_only=True)
class Honest:
    """A swing trader with an edge, in the coins of the market; the ranges span the good ones of `styles`.

    `quits` is the share of positions left or mostly left within the hour, `moves` what was paid in or taken out in one go
    as a share of equity, at a chance of `moves_chance`.
    """

    equity_usd: Range = (80_000.0, 520_000.0)
    coins: Range = (2.0, 4.0)
    ticket_from: Range = (0.12, 0.20)
    ticket_to: Range = (0.25, 0.40)
    hold_hours_from: Range = (8.0, 20.0)
    hold_hours_to: Range = (30.0, 56.0)
    pause_hours_from: Range = (20.0, 30.0)
    pause_hours_to: Range = (56.0, 80.0)
    wins: Range = (0.55, 0.65)
    gain_from: Range = (1.5, 4.0)
    gain_to: Range = (4.0, 8.0)
    loss_from: Range = (0.6, 1.2)
    loss_to: Range = (1.6, 2.8)
    adds: Range = (0.0, 0.3)
    reduces: Range = (0.0, 0.6)
    flips: Range = (0.0, 0.3)
    maker: Range = (0.0, 0.2)
    quits: Range = (0.0, 0.06)
    moves_chance: Range = (0.0, 0.5)
    moves: Range = (-0.2, 0.25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bait:
    """Accumulates an illiquid coin, opens for all to see, and dumps on those who copied.

    `pump_by_copy` is how far the price has gone in his favour a quarter of an hour after the open, `pump` where he dumps,
    `crash` how far below its beginning it falls then, all in percent; of the cycles the share `fails` goes wrong by `fail`
    percent. `dump_minutes` count from the open.
    """

    equity_usd: Range = (60_000.0, 400_000.0)
    day_volume_usd: Range = (300_000.0, 15_000_000.0)
    cycle_hours: Range = (20.0, 60.0)
    accumulating_orders: Range = (1.0, 4.0)
    accumulating_minutes: Range = (20.0, 100.0)
    accumulated: Range = (0.02, 0.08)
    ticket: Range = (0.12, 0.40)
    pump_by_copy: Range = (0.2, 1.6)
    pump: Range = (2.0, 8.0)
    crash: Range = (2.0, 10.0)
    dump_minutes: Range = (22.0, 90.0)
    fails: Range = (0.2, 0.45)
    fail: Range = (0.5, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumper:
    """Opens in a liquid coin, waits until he has been copied, and cuts most of it soon after, again and again.

    Of his opens the share `dumps` is cut to the share `keeps` at `dump_minutes` after the open; the rest is led like an
    honest position.
    """

    equity_usd: Range = (80_000.0, 500_000.0)
    dumps: Range = (0.35, 0.95)
    keeps: Range = (0.0, 0.5)
    dump_minutes: Range = (21.0, 44.0)
    ticket_from: Range = (0.12, 0.20)
    ticket_to: Range = (0.25, 0.40)
    hold_hours: Range = (10.0, 50.0)
    wins: Range = (0.5, 0.65)
    gain_to: Range = (4.0, 8.0)
    loss_to: Range = (1.2, 2.8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Washer:
    """Trades with himself for volume and a record: quick round trips that win by arrangement, beside some true positions.

    `trips_a_day` begin and end within a minute, of which the share `arranged` wins; true positions come every
    `pause_hours` in each of two coins and have no edge to speak of.
    """

    equity_usd: Range = (60_000.0, 400_000.0)
    trips_a_day: Range = (0.7, 3.0)
    trip: Range = (0.05, 0.30)
    arranged: Range = (0.6, 0.95)
    ticket: Range = (0.12, 0.35)
    hold_hours: Range = (20.0, 60.0)
    pause_hours: Range = (50.0, 120.0)
    wins: Range = (0.45, 0.6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pumper:
    """Has a lucky streak on a tiny account, then pays in so much that the percent look like those of a large one.

    `base_usd` is the equity before, `deposit_days` before the present comes the first of one or two deposits, which make it
    `equity_usd`. Tickets are shares of the equity of their time; the luck ends with the deposit.
    """

    base_usd: Range = (3_000.0, 20_000.0)
    equity_usd: Range = (80_000.0, 400_000.0)
    deposit_days: Range = (1.0, 28.0)
    deposits: Range = (1.0, 2.0)
    ticket_before: Range = (0.5, 2.0)
    ticket_after: Range = (0.12, 0.25)
    hold_hours: Range = (8.0, 40.0)
    wins_before: Range = (0.6, 0.75)
    wins_after: Range = (0.45, 0.55)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flipper:
    """Tosses a coin for every position; of a thousand wallets the leaderboard shows those that came out best."""

    equity_usd: Range = (60_000.0, 500_000.0)
    coins: Range = (2.0, 4.0)
    ticket: Range = (0.12, 0.40)
    hold_hours: Range = (8.0, 56.0)
    pause_hours: Range = (20.0, 80.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedger:
    """Holds the opposite elsewhere, so that what is seen here is no opinion; one of his accounts is always ahead.

    A share `spot` of them holds the coin itself against a short, the others the mirror image in a second account: the one
    that came out better is shown.
    """

    equity_usd: Range = (80_000.0, 500_000.0)
    spot: Range = (0.0, 1.0)
    ticket: Range = (0.15, 0.40)
    hold_hours: Range = (12.0, 72.0)
    pause_hours: Range = (12.0, 48.0)


def draw(rng: np.random.Generator, ranges: object) -> dict[str, float]:
    """Return a value for each range of a kind, drawn evenly."""
    return {
        each.name: float(rng.uniform(*getattr(ranges, each.name)))
        for each in fields(ranges)  # type: ignore[arg-type]  # any of the classes above
    }
