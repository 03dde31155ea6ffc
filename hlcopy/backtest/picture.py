"""What a page draws of a replay beyond its result: prices, stops as they moved, ways out, and the other books' equity."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from hlcopy.backtest.curve import entry_curve
from hlcopy.backtest.thinning import thinned
from hlcopy.domain.models import EXECUTE, to_ms
from hlcopy.ports import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from hlcopy.backtest.books import Outcome, Trial
    from hlcopy.backtest.report import Backtest
    from hlcopy.backtest.run import Played
    from hlcopy.backtest.thinning import Line
    from hlcopy.domain.book import Position, PositionAction
    from hlcopy.domain.models import Signal
    from hlcopy.domain.spans import Span
    from hlcopy.ports import Progress

    T = TypeVar("T")

# Shares of a page of ten megabytes: a stretch of prices takes about 100 bytes there, a stop's move 30, a skip 180.
_STRETCHES: Final = 30_000  # of all coins together, and as many around trades
_MOST_STRETCHES: Final = 1_000  # of a coin: about as many as a screen has columns
_MOST_AROUND: Final = 150  # of a trade
_MOST_COINS: Final = 40
_MOVES: Final = 30_000
_SKIPS: Final = 16_000
_MOST_SKIPS: Final = 2_000  # of a coin: more marks than that make a browser slow
_LEAST_PAD: Final = timedelta(hours=2)
_PAD_SHARE: Final = 0.1
_STOPPED: Final = ("stop_placed", "stop_moved")


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """How a position of ours was left: where its stop stood from when on, and what left it, a part or the rest."""

    stops: Sequence[tuple[datetime, float]]
    exits: Sequence[Exit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """A fill that left a position or a part of it (`size` in base units); the reason is None when no order of ours did."""

    at: datetime
    price: float
    size: float
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinPicture:
    """A coin's price within the period, and skips there with a few of many left out evenly; `skipped` counts them all.

    `candle_days` are the days of each interval in ms that it was drawn from, finest first.
    """

    coin: str
    candle_days: Mapping[int, int]
    line: Line
    skips: Sequence[Signal]
    skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What is drawn of a replay; equities are at the midnights of the account's own curve, `ways` by position.

    `trader_unknown` and `hold_unknown` are positions that a book knows no end of, so that its equity leaves them out;
    `undrawn` are coins with candles that found no room; `moves_kept` is the share of the stops' moves that did.
    """

    trader_equity: Sequence[float]
    hold_equity: Sequence[float]
    trader_unknown: Sequence[int]
    hold_unknown: Sequence[int]
    coins: Sequence[CoinPicture]
    undrawn: Sequence[str]
    ways: Mapping[int, WayOut]
    moves_kept: float


def picture(played: Played, result: Backtest, progress: Progress | None = None) -> Picture:
    """Return what a page draws of a replay and its result."""
    ways, kept = _ways(played, result.positions)
    coins = _by_interest(played, result)
    progress = progress or SilentProgress()
    progress.start("Drawing", min(len(coins), _MOST_COINS))
    drawn = []
    for coin in coins[:_MOST_COINS]:
        drawn.append(_coin(played, result, coin, min(len(coins), _MOST_COINS)))
        progress.advance()
    progress.finish()
    trials = result.comparison.trials if result.comparison is not None else ()
    return Picture(
        trader_equity=_equity(played, result, trials, lambda trial: trial.followed),
        hold_equity=_equity(played, result, trials, lambda trial: trial.held),
        trader_unknown=[trial.position_id for trial in trials if trial.followed is None],
        hold_unknown=[trial.position_id for trial in trials if trial.held is None],
        coins=drawn,
        undrawn=coins[_MOST_COINS:],
        ways=ways,
        moves_kept=kept,
    )


def _equity(
    played: Played, result: Backtest, trials: Sequence[Trial], of: Callable[[Trial], Outcome | None]
) -> list[float]:
    """Return the equity of an account that leaves the same entries by another book's exits."""
    points = result.figures.points
    moments = [point.at for point in points]
    positions = {position.id or 0: position for position in result.positions}
    total = [result.metrics.start_equity_usd] * len(points)
    for trial in trials:
        outcome = of(trial)
        if outcome is not None:
            made = entry_curve(outcome.legs, positions[trial.position_id], played.replay.market, moments)
            total = [sum(pair) for pair in zip(total, made, strict=True)]
    return total


def _ways(played: Played, positions: Sequence[Position]) -> tuple[dict[int, WayOut], float]:
    """Return the way out of every position, and the share of the stops' moves that found room."""
    book = played.replay.desk.ledger.book
    moves: dict[int, list[PositionAction]] = defaultdict(list)
    for action in book.actions():
        if action.action in _STOPPED and action.price is not None:
            moves[action.position_id].append(action)
    room = max(2, _MOVES // max(1, len(positions)))
    ways = {}
    for position in positions:
        leaving = [fill for fill in book.fills(position.signal_id) if fill.is_buy != (position.side.sign > 0)]
        exits = []
        for fill in leaving:
            order = book.order(fill.client_order_id) if fill.client_order_id else None
            reason = fill.forced or (order.reason if order is not None else None)
            exits.append(Exit(at=fill.time, price=fill.price, size=fill.size, reason=reason))
        ways[position.id or 0] = WayOut(
            stops=[(move.at, move.price or 0.0) for move in _evenly(moves[position.id or 0], room)], exits=exits
        )
    made = sum(map(len, moves.values()))
    return ways, sum(len(way.stops) for way in ways.values()) / made if made else 1.0


def _by_interest(played: Played, result: Backtest) -> list[str]:
    """Return the coins with candles that anything was judged in, most entries first, then most skips."""
    entries = Counter(position.coin for position in result.positions)
    judged = Counter(signal.coin for signal in result.signals)
    coins = [coin for coin in judged | entries if coin in played.recording.tapes]
    return sorted(coins, key=lambda coin: (-entries[coin], -judged[coin], coin))


def _coin(played: Played, result: Backtest, coin: str, coins: int) -> CoinPicture:
    """Return one coin's picture, with its share of the room."""
    period = to_ms(played.plan.start), to_ms(played.plan.end)
    skips = [signal for signal in result.signals if signal.coin == coin and signal.is_final]
    skips = [signal for signal in reversed(skips) if signal.decision != EXECUTE]
    entries = max(1, len(result.positions))
    line = thinned(
        (candles.part(begin, end) for candles, begin, end in played.recording.tapes[coin].opening(*period)),
        period,
        _around(played.plan.end, [position for position in result.positions if position.coin == coin]),
        buckets=min(_MOST_STRETCHES, _STRETCHES // coins),
        fine_buckets=max(2, min(_MOST_AROUND, _STRETCHES // entries)),
    )
    return CoinPicture(
        coin=coin,
        candle_days=played.recording.candle_days[coin],
        line=line,
        skips=_evenly(skips, min(_MOST_SKIPS, _SKIPS // coins)),
        skipped=len(skips),
    )


def _around(end: datetime, positions: Sequence[Position]) -> list[Span]:
    """Return the times in ms in which trades were held, with a little before and after."""
    spans = []
    for position in positions:
        until = position.closed_at or end
        pad = max(_LEAST_PAD, _PAD_SHARE * (until - position.opened_at))
        spans.append((to_ms(position.opened_at - pad), to_ms(min(until + pad, end))))
    return spans


def _evenly(items: Sequence[T], most: int) -> Sequence[T]:
    """Return as many of some items as there is room for, the first and the last among them."""
    if len(items) <= most:
        return items
    step = (len(items) - 1) / (most - 1)
    return [items[round(step * index)] for index in range(most)]
