"""Who lives in the simulated world: each trader's habit, the account it is kept in, and what scoring must make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hlcopy.simulator.world import PRIMARY


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A trader's habit; ranges are drawn from evenly, the rest are chances for each position.

    Of a trader's positions the share `wins` gains about `gain` percent of price, the others lose about `loss`: entries are
    chosen with hindsight, so that a score can be foretold. `ticket` is the share of equity in an entry. `nervous` halves
    or closes within the quarter of an hour after the entry, `dumps` keeps no more than `dump_keeps` soon after it. `parts` is how many fills an order has at most. The last
    `idle_days` before the present nothing is traded, nor in it.
    """

    kind: str
    description: str
    equity_usd: float
    fate: str = PRIMARY
    label: str | None = None
    smart_money: bool = False
    mode: str = "unifiedAccount"
    coins: tuple[str, ...]
    sides: tuple[int, ...] = (1, -1)
    ticket: tuple[float, float]
    hold_hours: tuple[float, float]
    pause_hours: tuple[float, float]
    wins: float = 0.6
    gain: tuple[float, float] = (2.5, 6.0)
    loss: tuple[float, float] = (0.8, 2.0)
    maker: float = 0.0
    add_soon: float = 0.0
    add_late: float = 0.0
    nervous: float = 0.0
    dumps: float = 0.0
    dump_keeps: tuple[float, float] = (0.0, 0.5)
    dump_minutes: tuple[float, float] = (16.0, 60.0)
    reduce: float = 0.0
    flip: float = 0.0
    dust: float = 0.0
    parts: int = 4
    idle_days: float = 0.0


# The good ones. What they do in the present is set down in `scenes`.
PATIENT: Final = Style(
    kind="patient",
    description="patient swing trader, right more often than not; also trades spot and a HIP-3 perp",
    equity_usd=400_000.0,
    label="HL Perps Whale",
    smart_money=True,
    coins=("BTC", "SOL", "HYPE", "SUI"),
    ticket=(0.15, 0.35),
    hold_hours=(20.0, 56.0),
    pause_hours=(24.0, 72.0),
    maker=0.2,
    add_soon=0.2,
    add_late=0.2,
    reduce=0.35,
    dust=0.4,
)
NIMBLE: Final = Style(
    kind="nimble",
    description="nimble swing trader who turns with the market",
    equity_usd=250_000.0,
    coins=("ETH", "HYPE", "kPEPE"),
    ticket=(0.2, 0.4),
    hold_hours=(8.0, 30.0),
    pause_hours=(30.0, 80.0),
    gain=(2.0, 5.0),
    add_soon=0.2,
    reduce=0.3,
    flip=0.3,
)
STEADY: Final = Style(
    kind="steady",
    description="steady swing trader with small tickets; pays in and takes out",
    equity_usd=520_000.0,
    label="Token Millionaire",
    mode="default",
    coins=("BTC", "ETH", "LINK"),
    ticket=(0.12, 0.25),
    hold_hours=(12.0, 40.0),
    pause_hours=(20.0, 60.0),
    wins=0.65,
    gain=(1.5, 4.0),
    loss=(0.6, 1.6),
)
BOLD: Final = Style(
    kind="bold",
    description="bold swing trader: large gains, and losses now and then",
    equity_usd=310_000.0,
    smart_money=True,
    coins=("SOL", "AVAX", "NEAR"),
    ticket=(0.15, 0.32),
    hold_hours=(16.0, 48.0),
    pause_hours=(30.0, 80.0),
    wins=0.55,
    gain=(4.0, 8.0),
    loss=(1.2, 2.8),
    add_soon=0.3,
)
KEEN: Final = Style(
    kind="keen",
    description="keen swing trader who takes parts of a position off",
    equity_usd=280_000.0,
    mode="portfolioMargin",
    coins=("DOGE", "AAVE", "SUI"),
    ticket=(0.15, 0.4),
    hold_hours=(10.0, 36.0),
    pause_hours=(24.0, 70.0),
    gain=(2.5, 6.0),
    reduce=0.6,
)
SLICER: Final = Style(
    kind="slicer",
    description="swing trader who leaves, and at times enters, by TWAP",
    equity_usd=430_000.0,
    coins=("BTC", "XRP", "LINK"),
    ticket=(0.15, 0.3),
    hold_hours=(18.0, 50.0),
    pause_hours=(24.0, 70.0),
    gain=(2.0, 5.0),
)
SLOW: Final = Style(
    kind="slow",
    description="maker whose orders take up to an hour to fill",
    equity_usd=300_000.0,
    mode="disabled",
    coins=("SOL", "SUI", "kPEPE"),
    ticket=(0.2, 0.4),
    hold_hours=(14.0, 48.0),
    pause_hours=(30.0, 80.0),
    gain=(3.0, 6.0),
    maker=1.0,
    add_late=0.2,
)
BEAR: Final = Style(
    kind="bear",
    description="swing trader who only goes short, in orders of several fills",
    equity_usd=350_000.0,
    coins=("ETH", "AVAX", "DOGE"),
    sides=(-1,),
    ticket=(0.15, 0.35),
    hold_hours=(12.0, 40.0),
    pause_hours=(24.0, 70.0),
    gain=(2.0, 5.0),
)
WHALE: Final = Style(
    kind="whale",
    description="whale: large tickets that weigh little in its account; long Bitcoin since before the first fill known",
    equity_usd=25_000_000.0,
    label="HL Perps Whale",
    smart_money=True,
    coins=("ETH", "SOL", "HYPE"),
    ticket=(0.01, 0.05),
    hold_hours=(20.0, 60.0),
    pause_hours=(20.0, 60.0),
    reduce=0.3,
)
GAMBLER: Final = Style(
    kind="gambler",
    description="gambler at high leverage who gets liquidated",
    equity_usd=90_000.0,
    mode="default",
    coins=("SOL", "XRP"),
    ticket=(0.35, 0.8),
    hold_hours=(4.0, 20.0),
    pause_hours=(20.0, 60.0),
    gain=(1.5, 3.0),
    loss=(0.5, 1.4),
)
DECAYED: Final = Style(
    kind="decayed",
    description="good swing trader who fell silent weeks ago",
    equity_usd=220_000.0,
    coins=("HYPE", "NEAR", "LINK"),
    ticket=(0.12, 0.26),
    hold_hours=(10.0, 30.0),
    pause_hours=(16.0, 48.0),
    wins=0.68,
    gain=(3.0, 6.0),
    idle_days=17.0,
)

# Those that scoring must leave out, each for a reason of its own.
LOSER: Final = Style(
    kind="loser",
    description="nervous loser: mostly wrong, doubts within minutes",
    equity_usd=180_000.0,
    fate="NEGATIVE_30D",
    coins=("BTC", "SOL", "HYPE", "kPEPE"),
    ticket=(0.15, 0.4),
    hold_hours=(2.0, 18.0),
    pause_hours=(36.0, 110.0),
    wins=0.4,
    gain=(0.4, 1.2),
    loss=(1.5, 4.0),
    nervous=0.3,
    add_soon=0.2,
)
FAST: Final = Style(
    kind="fast",
    description="fast trader: ten orders a day and more, in and out within minutes",
    equity_usd=500_000.0,
    fate="HFT",
    coins=("BTC", "ETH"),
    ticket=(0.1, 0.3),
    hold_hours=(0.05, 0.24),
    pause_hours=(4.0, 11.0),
    wins=0.6,
    gain=(0.3, 0.7),
    loss=(0.05, 0.2),
    parts=2,
)
MAKER: Final = Style(
    kind="maker",
    description="market maker: turns its equity over hundreds of times a month",
    equity_usd=120_000.0,
    fate="HFT",
    mode="default",
    coins=("BTC",),
    ticket=(0.36, 0.5),
    hold_hours=(0.0, 0.0),
    pause_hours=(1.5, 2.3),
    parts=1,
)
WINNER: Final = Style(
    kind="winner",
    description="takes small profits: nine of ten positions win",
    equity_usd=150_000.0,
    fate="WIN_RATE_HIGH",
    coins=("ETH", "SOL", "LINK"),
    ticket=(0.2, 0.4),
    hold_hours=(3.0, 16.0),
    pause_hours=(24.0, 60.0),
    wins=0.92,
    gain=(0.8, 1.8),
    loss=(1.5, 3.0),
)
LOTTERY: Final = Style(
    kind="lottery",
    description="loses little seven times in ten and wins large",
    equity_usd=130_000.0,
    fate="WIN_RATE_LOW",
    coins=("SOL", "AVAX", "kPEPE", "NEAR"),
    ticket=(0.08, 0.16),
    hold_hours=(12.0, 40.0),
    pause_hours=(10.0, 40.0),
    wins=0.3,
    gain=(7.0, 13.0),
    loss=(0.2, 0.7),
)
RARE: Final = Style(
    kind="rare",
    description="good swing trader with a few positions a month",
    equity_usd=600_000.0,
    fate="FEW_TRADES",
    coins=("BTC",),
    ticket=(0.2, 0.5),
    hold_hours=(24.0, 50.0),
    pause_hours=(76.0, 110.0),
    wins=0.75,
    gain=(2.0, 5.0),
)
SMALL: Final = Style(
    kind="small",
    description="small account: tickets below our size gates",
    equity_usd=14_000.0,
    fate="SMALL_ACCOUNT",
    mode="default",
    coins=("ETH", "SOL", "SUI", "kPEPE"),
    ticket=(0.08, 0.2),
    hold_hours=(4.0, 30.0),
    pause_hours=(16.0, 60.0),
    reduce=0.2,
)

GOOD: Final = (PATIENT, NIMBLE, STEADY, BOLD, KEEN, SLICER, SLOW, BEAR, WHALE, GAMBLER, DECAYED)
UNFIT: Final = (LOSER, FAST, MAKER, WINNER, LOTTERY, RARE, SMALL)
POPULATION: Final = GOOD + UNFIT
