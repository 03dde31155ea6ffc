"""What a replay amounts to: entries, exits, skips, return, costs, and what it assumed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from hlcopy.backtest.books import trials
from hlcopy.backtest.bootstrap import MIN_DAYS
from hlcopy.backtest.comparison import Comparison, compare
from hlcopy.backtest.fates import ruin_told, stranded, stranded_told
from hlcopy.backtest.figures import Figures, figures
from hlcopy.backtest.following import track
from hlcopy.domain.book import PositionStatus
from hlcopy.domain.episodes import Market, chained, gaps, group_orders, market_of, signal_id
from hlcopy.domain.models import EXECUTE, SkipReason
from hlcopy.ports import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from hlcopy.backtest.desk import Recording, ReplayDesk
    from hlcopy.backtest.engine import Tally
    from hlcopy.backtest.picture import Picture
    from hlcopy.backtest.run import Plan
    from hlcopy.backtest.scored import Selection
    from hlcopy.domain.book import OurFill, Position
    from hlcopy.domain.episodes import Gap
    from hlcopy.domain.models import Fill, Signal
    from hlcopy.domain.policy import Policy

HOURS_PER_SECOND = 1 / 3600
_HOLES_TOLD = 3
_QUIET = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Warn:
    """Something that a reader must know before believing a number."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The sums of a replay; money in USD, `return_pct` of the starting equity.

    `realized_pnl_usd` is of the closed positions, net of costs; `open_positions_pnl_usd` of the open ones with the parts
    they have taken already and what they paid, of which `unrealized_pnl_usd` is still at the last mark.
    """

    events: int
    decisions: int
    entries: int
    open_at_end: int
    closed: int
    winners: int
    start_equity_usd: float
    final_equity_usd: float
    return_pct: float
    realized_pnl_usd: float
    unrealized_pnl_usd: float
    open_positions_pnl_usd: float
    fees_usd: float
    funding_usd: float
    slippage_usd: float
    average_hours: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """A finished replay."""

    start: date
    end: date
    policy: Policy
    assumptions: Mapping[str, str | float | int | bool | Mapping[str, str | float] | None]
    metrics: Metrics
    positions: Sequence[Position]
    signals: Sequence[Signal]
    traders: Sequence[str]
    skips: Mapping[str, int]
    warnings: Sequence[Warn]
    figures: Figures
    comparison: Comparison | None  # None without an entry
    marks: Mapping[int, float] = field(default_factory=dict)
    stranded: Sequence[int] = ()  # the open positions that can't be left for want of a price, by id
    selection: Selection | None = None  # where traders were chosen anew on each day
    picture: Picture | None = None  # only of a run that is to be drawn


def summarize(replay: ReplayDesk, recording: Recording, tally: Tally, plan: Plan) -> Backtest:
    """Read a finished replay's ledger."""
    ledger, our_equity, start = replay.desk.ledger, plan.our_equity, plan.start
    selection = None if replay.selector is None else replay.selector.selection
    positions = ledger.book.positions(live_only=False)
    signals = ledger.signals.list()
    account = replay.desk.exchange.account(replay.clock.now)
    marks = {} if account is UNKNOWN else {coin: held.mark for coin, held in account.positions.items()}
    final = our_equity if account is UNKNOWN else account.equity
    closed = [position for position in positions if position.status is PositionStatus.CLOSED]
    held = [position for position in positions if position.status is not PositionStatus.CLOSED]
    hours = [
        (position.closed_at - position.opened_at).total_seconds() * HOURS_PER_SECOND
        for position in closed
        if position.closed_at is not None
    ]
    realized = sum(position.realized_pnl_usd or 0.0 for position in closed)
    by_signal = {position.signal_id: ledger.book.fills(position.signal_id) for position in positions}
    fills = [fill for part in by_signal.values() for fill in part]
    comparison = _compared(replay, recording, positions, by_signal, signals)
    metrics = Metrics(
        events=tally.events,
        decisions=sum(signal.is_final for signal in signals),
        entries=len(positions),
        open_at_end=len(held),
        closed=len(closed),
        winners=sum((position.realized_pnl_usd or 0.0) > 0 for position in closed),
        start_equity_usd=our_equity,
        final_equity_usd=final,
        return_pct=(final / our_equity - 1) * 100,
        realized_pnl_usd=realized,
        unrealized_pnl_usd=sum(
            position.side.sign * (marks[position.coin] - position.entry_price) * position.size
            for position in held
            if position.coin in marks
        ),
        open_positions_pnl_usd=final - our_equity - realized,
        fees_usd=sum(fill.fee for fill in fills),
        funding_usd=sum(position.funding_usd for position in positions),
        slippage_usd=sum(fill.slippage_usd for fill in fills),
        average_hours=sum(hours) / len(hours) if hours else None,
    )
    end = replay.clock.now
    found = figures(positions, by_signal, ledger.paper, replay.market, start=start, end=end, start_equity=our_equity)
    stuck, ruin = stranded(held, replay.market, end), ruin_told(found.points)
    return Backtest(
        start=start.date(),
        end=plan.last_day,
        policy=replay.desk.policy,
        assumptions=_assumptions(replay, recording, plan),
        metrics=metrics,
        positions=positions,
        signals=signals,
        traders=list(plan.equity) if selection is None else list(selection.primary_days),
        selection=selection,
        skips=Counter(signal.decision for signal in signals if signal.is_final and signal.decision != EXECUTE),
        warnings=[
            *replay_warnings(replay, recording, tally, signals, positions, (start, end)),
            *(Warn(code="CANDLES_END", message=told) for told in stranded_told(held, stuck, marks)),
            *_comparison_warnings(comparison, judged=metrics.decisions > 0),
            *([Warn(code="RUINED", message=ruin)] if ruin is not None else []),
        ],
        marks={position.id or 0: marks[position.coin] for position in held if position.coin in marks},
        figures=found,
        comparison=comparison,
        stranded=tuple(stuck),
    )


def _compared(
    replay: ReplayDesk,
    recording: Recording,
    positions: Sequence[Position],
    fills: Mapping[str, Sequence[OurFill]],
    signals: Sequence[Signal],
) -> Comparison | None:
    """Return the three books of every entry."""
    by_coin: dict[tuple[str, str], list[Fill]] = defaultdict(list)
    copied = {(position.source_trader, position.coin) for position in positions}
    for trader, trader_fills in recording.fills.items():
        for fill in chained(trader_fills):
            if (trader, fill.coin) in copied:
                by_coin[trader, fill.coin].append(fill)
    return compare(
        trials(
            positions,
            fills,
            {signal.id: signal for signal in signals},
            {key: track(part) for key, part in by_coin.items()},
            replay.market,
            replay.desk.policy,
            replay.clock.now,
        )
    )


def _comparison_warnings(comparison: Comparison | None, *, judged: bool) -> list[Warn]:
    """Name what the comparison of exits doesn't know, if there is one."""
    if comparison is None:
        why = "the skips by reason say why" if judged else "no order was judged"
        message = f"nothing was entered, so there is nothing to judge; {why}"
        return [Warn(code="NO_ENTRIES", message=message)]
    found = []
    books = (("ours", comparison.ours), ("the trader's", comparison.trader), ("held for 72 hours", comparison.hold))
    still = [f"{name} {book.open_at_end}" for name, book in books if book.open_at_end]
    if still:
        message = f"entries that were open at the end count at their last mark in the comparison: {', '.join(still)}"
        found.append(Warn(code="OPEN_AT_END", message=message))
    broken = [f"#{trial.position_id}" for trial in comparison.trials if trial.broken_at is not None]
    if broken:
        message = f"fills are missing where the trader may have left: his exit isn't known of {', '.join(broken)}"
        found.append(Warn(code="TRADER_EXIT_UNKNOWN", message=message))
    others = (("the trader's exits", comparison.ours_vs_trader), ("72 hours", comparison.ours_vs_hold))
    few = [f"{versus.days} with {name}" for name, versus in others if versus.days < MIN_DAYS]
    if few:
        message = f"of the comparison nothing is claimed under {MIN_DAYS} days with entries: {', '.join(few)}"
        found.append(Warn(code="INSUFFICIENT", message=message))
    return found


def _assumptions(
    replay: ReplayDesk, recording: Recording, plan: Plan
) -> dict[str, str | float | int | bool | Mapping[str, str | float] | None]:
    policy = replay.desk.policy
    return {
        "our_equity_usd": plan.our_equity,
        **_whom(plan),
        "candle_minutes": {coin: _minutes_told(days) for coin, days in recording.candle_days.items() if days},
        "mark": "the close of the last closed candle",
        "entry_fill": "the open of the next candle, made worse by slippage",
        "exit_fill": "a stop at its trigger or, gapped, at the candle's open; tiers and the time stop at the next open",
        "in_candle": "the stop is tested before any favourable move; a position closed in a candle is dated by its opening",
        "feed_delay_seconds": policy.cadence.feed_delay.total_seconds(),
        "poll_seconds": policy.cadence.address_trades.total_seconds(),
        "copy_delay_minutes": policy.entry.copy_delay.total_seconds() / 60,
        "taker_fee_percent": policy.costs.taker_fee_percent,
        "slippage_percent": dict(policy.costs.base_slippage_percent),
        "funding": _funding_told(recording),
        "trader_exits": "his reductions and close in proportion, at the poll that sees them, filled at the next open",
        "exit_books": "same entries; no stop under the trader's exits and the 72 hours, so liquidation is possible there",
        "equity_curve": "at UTC midnight; falls within a day aren't seen",
        "trader_leverage": "effective: position values over equity, rebuilt from fills",
        "instruments": "size decimals and maximum leverage assumed, a recording has no meta",
        "market_gates": "size, cost, price and footprint not applied, a recording has no books and no open interest",
    }


def _whom(plan: Plan) -> dict[str, str | Mapping[str, str | float]]:
    if plan.equity:
        return {"trader_equity_usd": dict(plan.equity)}
    return {
        "traders": "chosen anew at each UTC midnight, by the rules of score, from what was recorded before",
        "trader_equity": (
            "the venue's histories, each point from the moment it is of"
            if plan.backdate_equity
            else "the last value that had been read by then"
        ),
    }


def _minutes_told(days: Mapping[int, int]) -> float | str:
    """Return the length of a coin's candles in minutes; where it isn't the same every day, each with its number of days."""
    minutes = {interval_ms / 60_000: count for interval_ms, count in days.items()}
    if len(minutes) == 1:
        return next(iter(minutes))
    return " and ".join(f"{length:g} ({count} d)" for length, count in minutes.items())


def _funding_told(recording: Recording) -> str:
    known = [coin for coin, rates in recording.funding.items() if rates]
    return f"recorded hourly rates of {', '.join(known)}" if known else "none recorded: not charged"


def replay_warnings(
    replay: ReplayDesk,
    recording: Recording,
    tally: Tally,
    signals: Sequence[Signal],
    positions: Sequence[Position],
    period: tuple[datetime, datetime],
) -> list[Warn]:
    """Name what a replay assumed, lacked and couldn't do."""
    found = list(_whom_warnings(replay, recording))
    if recording.coins_without_candles:
        names = ", ".join(recording.coins_without_candles)
        blind = set(recording.coins_without_candles)
        lost = sum(signal.decision == SkipReason.NO_PRICE and signal.coin in blind for signal in signals)
        orders = "1 order" if lost == 1 else f"{lost} orders"
        message = (
            f"{orders} passed every gate before the price and had none; `hlcopy data fetch` or `hlcopy data import candles` "
            f"brings the candles that are missing, of {names}"
        )
        found.append(Warn(code="NO_CANDLES", message=message))
    for coin, holes in recording.holes.items():
        if holes:
            found.append(Warn(code="CANDLES_MISSING", message=_holes_told(coin, holes, positions)))
    found += _silence(recording, period)
    followed = set(replay.traders() if replay.selector is None else replay.selector.selection.primary_days)
    for trader in sorted(followed):
        found += [_gap_warning(trader, gap) for gap in gaps(recording.fills[trader])]
    unfunded = sorted({position.coin for position in positions if not recording.funding.get(position.coin)})
    if unfunded:
        message = f"no funding rates are stored of {', '.join(unfunded)}: none was charged there"
        found.append(Warn(code="NO_FUNDING", message=message))
    undecided = sum(not signal.is_final for signal in signals)
    if undecided:
        message = f"{undecided} orders were still deferred when the period ended"
        found.append(Warn(code="UNDECIDED_AT_END", message=message))
    unseen = sum(_unseen(replay, trader, recording.fills[trader]) for trader in replay.traders())
    if unseen:
        message = f"{unseen} orders came too late to be polled within the period and aren't judged"
        found.append(Warn(code="UNSEEN_AT_END", message=message))
    found += [
        Warn(code=code, message=f"{item}, in {count} {'tick' if count == 1 else 'ticks'}")
        for (code, item), count in sorted(tally.problems.items())
    ]
    return found


def _whom_warnings(replay: ReplayDesk, recording: Recording) -> Iterable[Warn]:
    """Name what hindsight had a part in the choice of traders, and what scores had to do without."""
    if replay.selector is None:
        yield Warn(code="EQUITY_ASSUMED", message="the equity of every wallet is stated, not measured")
        yield Warn(code="SURVIVORSHIP_BIASED", message="the traders are a fixed list, chosen with hindsight")
        return
    chosen = replay.selector.selection
    lacking = chosen.days - chosen.boards
    if lacking:
        message = (
            f"on {lacking} of {chosen.days} days no leaderboard had been read in the week before, so the choice was among "
            f"the {len(recording.fills)} recorded wallets: whoever recorded them may have known how they would do"
        )
        yield Warn(code="SURVIVORSHIP_BIASED", message=message)
    if recording.universe is not None and recording.universe.backdated:
        message = "equity counts from the moment it is of, though it was read later"
        yield Warn(code="EQUITY_READ_LATER", message=message)
    if chosen.unread:
        message = (
            f"of {len(chosen.unread)} wallets on the leaderboards no fills are recorded: they couldn't be chosen, and "
            "whoever recorded the others may have known how they would do"
        )
        yield Warn(code="UNIVERSE_PARTIAL", message=message)
    if chosen.worthless:
        message = (
            f"of {len(chosen.worthless)} recorded wallets no equity had ever been read: they couldn't be chosen "
            "(--backdate-equity takes histories that were read later)"
        )
        yield Warn(code="EQUITY_UNKNOWN", message=message)
    if chosen.neutral:
        parts = ", ".join(f"{part} {count}" for part, count in chosen.neutral.most_common())
        message = f"of {chosen.scored} scores these parts lacked their input and counted 0.5: {parts}"
        yield Warn(code="NEUTRAL_PARTS", message=message)


def _unseen(replay: ReplayDesk, trader: str, fills: Sequence[Fill]) -> int:
    """Count a trader's perp orders of which no poll saw a fill before the period ended."""
    ledger = replay.desk.ledger
    mark = ledger.traders.mark(trader)
    if mark is None:
        return 0
    polled = mark.polled_at - replay.desk.policy.cadence.feed_delay
    seen = {fill.identity for fill in ledger.history.fills(trader, since=polled)}
    late = [
        fill
        for fill in fills
        if fill.time > polled and fill.identity not in seen and market_of(fill.coin) is Market.PERP
    ]
    return sum(ledger.signals.get(signal_id(order)) is None for order in group_orders(late))


def _holes_told(coin: str, holes: Sequence[tuple[datetime, datetime]], positions: Sequence[Position]) -> str:
    """Name the times without candles, and the positions whose stops couldn't be tested then."""
    told = ", ".join(f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}" for begin, end in holes[:_HOLES_TOLD])
    more = f" and {len(holes) - _HOLES_TOLD} more times" if len(holes) > _HOLES_TOLD else ""
    through = [
        f"#{position.id}"
        for position in positions
        if position.coin == coin
        and any(position.opened_at < end and (position.closed_at or end) >= end > begin for begin, end in holes)
    ]
    held = f"; held through it with an untested stop: {', '.join(through)}" if through else ""
    return f"{coin}: none from {told}{more}{held}"


def _silence(recording: Recording, period: tuple[datetime, datetime]) -> list[Warn]:
    """Name the wallets whose fills don't reach the end of the period, or that did nothing in it."""
    found: list[Warn] = []
    if recording.universe is not None:
        return found  # many a wallet trades rarely, and who isn't chosen doesn't matter
    for trader, fills in recording.fills.items():
        who = f"{trader[:6]}…{trader[-4:]}"
        last = max(fill.time for fill in fills)
        if last < period[0]:
            found.append(
                Warn(code="NO_FILLS", message=f"{who}: no fill in the period, the last is of {last:%Y-%m-%d %H:%M}")
            )
        elif period[1] - last > _QUIET:
            message = f"{who}: nothing is known after its last fill, {last:%Y-%m-%d %H:%M} UTC"
            found.append(Warn(code="FILLS_END", message=message))
    return found


def _gap_warning(trader: str, gap: Gap) -> Warn:
    moment = gap.at.strftime("%Y-%m-%d %H:%M")
    message = f"{gap.coin} at {moment} UTC: expected {gap.expected:g}, found {gap.found:g} ({trader[:6]}…{trader[-4:]})"
    return Warn(code="GAP", message=message)
