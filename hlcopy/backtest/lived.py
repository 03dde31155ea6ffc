"""What a ledger's own trades of a period amount to, by a backtest's figures, and how far a replay of those days is from it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.backtest.books import trials
from hlcopy.backtest.comparison import compare
from hlcopy.backtest.desk import build_alone, load
from hlcopy.backtest.engine import Tally
from hlcopy.backtest.fates import stranded
from hlcopy.backtest.figures import figures
from hlcopy.backtest.following import track
from hlcopy.backtest.picture import picture
from hlcopy.backtest.replay import ReplayClock, ReplayMarket
from hlcopy.backtest.report import HOURS_PER_SECOND, Backtest, Metrics, Warn
from hlcopy.backtest.run import Played, play, record
from hlcopy.domain.book import PositionStatus
from hlcopy.domain.episodes import chained
from hlcopy.domain.models import EXECUTE
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.backtest.desk import Recording
    from hlcopy.backtest.following import Track
    from hlcopy.backtest.run import Plan
    from hlcopy.domain.book import OurFill, Position
    from hlcopy.domain.models import Fill, Signal
    from hlcopy.ports import Ledger, Progress


@dataclass(frozen=True, slots=True)
class _Paid:
    """Funding by coin as our positions booked it, at the end of each: what an account's curve asks a venue's books for."""

    positions: Sequence[Position]

    def funding(self, coin: str, since: datetime, until: datetime) -> float:
        """Return the funding paid after `since` and up to `until`, in USD."""
        return sum(
            position.funding_usd
            for position in self.positions
            if position.coin == coin and since < (position.closed_at or position.opened_at) <= until
        )


def lived(ledger: Ledger, plan: Plan, now: datetime, *, illustrated: bool = False) -> Backtest:
    """Return what was really entered within a plan's days, with the figures of a backtest; nothing is replayed.

    Marks are the candles that are stored: without them an open position counts at its entry.
    """
    positions = [
        position for position in ledger.book.positions(live_only=False) if plan.start <= position.opened_at < plan.end
    ]
    signals = [signal for signal in ledger.signals.list(since=plan.start) if signal.trade_time < plan.end]
    traders = sorted({signal.trader for signal in signals} | {position.source_trader for position in positions})
    recording = load(ledger.history, traders, plan.start, min(plan.end, now))
    # Today's curve ends at the midnight to come; nothing later than now is loaded.
    clock = ReplayClock(max(now, plan.end))
    market = ReplayMarket(clock, recording.tapes, recording.funding, recording.size_decimals)
    fills = {position.signal_id: ledger.book.fills(position.signal_id) for position in positions}
    result = _summed_up(plan, positions, fills, market, now)
    tracks = _tracks(recording, positions)
    by_id = {signal.id: signal for signal in signals}
    result = replace(
        result,
        metrics=replace(result.metrics, decisions=sum(signal.is_final for signal in signals)),
        signals=signals,
        traders=traders,
        skips=Counter(signal.decision for signal in signals if signal.is_final and signal.decision != EXECUTE),
        comparison=compare(trials(positions, fills, by_id, tracks, market, plan.policy, now)),
        warnings=_warnings(ledger, plan, recording, positions),
    )
    if not illustrated:
        return result
    alone = build_alone(market, MemoryLedger(), plan.start, plan.policy, plan.our_equity)
    looked_at = replace(alone, desk=replace(alone.desk, ledger=ledger), market=market)
    played = Played(plan=plan, replay=looked_at, recording=recording, tally=Tally())
    return replace(result, picture=picture(played, result))


def _summed_up(
    plan: Plan,
    positions: Sequence[Position],
    fills: Mapping[str, Sequence[OurFill]],
    market: ReplayMarket,
    now: datetime,
) -> Backtest:
    paid = _Paid(positions)
    found = figures(
        positions,
        fills,
        paid,
        market,
        start=plan.start,
        end=plan.end,
        start_equity=plan.our_equity,
    )
    closed = [position for position in positions if position.status is PositionStatus.CLOSED]
    held = [position for position in positions if position.status is not PositionStatus.CLOSED]
    known = ((position, market.mark(position.coin, now)) for position in held)
    marks = {position.id or 0: mark for position, mark in known if mark is not None}
    hours = [(each.closed_at - each.opened_at).total_seconds() for each in closed if each.closed_at is not None]
    realized = sum(position.realized_pnl_usd or 0.0 for position in closed)
    final = found.points[-1].equity_usd
    ours = [fill for part in fills.values() for fill in part]
    return Backtest(
        start=plan.first_day,
        end=plan.last_day,
        policy=plan.policy,
        assumptions={
            "our_equity_usd": plan.our_equity,
            "trades": "those of this database that were entered within the period",
            "mark": "the last stored candle; without one an open position counts at its entry",
            "equity_curve": "at UTC midnight, from those trades alone; the last one is as of now",
            "slippage": "known for fills on paper only; live, it is within the prices",
        },
        metrics=Metrics(
            events=0,
            decisions=0,
            entries=len(positions),
            open_at_end=len(held),
            closed=len(closed),
            winners=sum((position.realized_pnl_usd or 0.0) > 0 for position in closed),
            start_equity_usd=plan.our_equity,
            final_equity_usd=final,
            return_pct=(final / plan.our_equity - 1) * 100,
            realized_pnl_usd=realized,
            unrealized_pnl_usd=sum(
                each.side.sign * (marks[each.id or 0] - each.entry_price) * each.size
                for each in held
                if (each.id or 0) in marks
            ),
            open_positions_pnl_usd=final - plan.our_equity - realized,
            fees_usd=sum(fill.fee for fill in ours),
            funding_usd=sum(position.funding_usd for position in positions),
            slippage_usd=sum(fill.slippage_usd for fill in ours),
            average_hours=sum(hours) / len(hours) * HOURS_PER_SECOND if hours else None,
        ),
        positions=positions,
        signals=[],
        traders=[],
        skips={},
        warnings=[],
        figures=found,
        comparison=None,
        marks=marks,
        stranded=tuple(stranded(held, market, now)),
    )


def _tracks(recording: Recording, positions: Sequence[Position]) -> dict[tuple[str, str], Track]:
    copied = {(position.source_trader, position.coin) for position in positions}
    by_coin: dict[tuple[str, str], list[Fill]] = defaultdict(list)
    for trader, fills in recording.fills.items():
        for fill in chained(fills):
            if (trader, fill.coin) in copied:
                by_coin[trader, fill.coin].append(fill)
    return {key: track(part) for key, part in by_coin.items()}


def _warnings(ledger: Ledger, plan: Plan, recording: Recording, positions: Sequence[Position]) -> list[Warn]:
    """Name what these figures leave out or couldn't know."""
    found = []
    blind = sorted({position.coin for position in positions} - set(recording.tapes))
    if blind:
        message = (
            f"no candles are stored of {', '.join(blind)}: no curve, no best price, no other exits there; bring them with: "
            f"hlcopy data fetch --from {plan.first_day} --to {plan.last_day}"
        )
        found.append(Warn(code="NO_CANDLES", message=message))
    earlier = [
        position
        for position in ledger.book.closed_since(plan.start)
        if position.opened_at < plan.start and position.closed_at is not None and position.closed_at < plan.end
    ]
    if earlier:
        made = sum(position.realized_pnl_usd or 0.0 for position in earlier)
        message = (
            f"{len(earlier)} positions from before the period ended in it and made {made:,.2f} USD; not in the figures"
        )
        found.append(Warn(code="CARRIED_OVER", message=message))
    if not positions:
        found.append(Warn(code="NO_ENTRIES", message="nothing was entered; hlcopy why says what it lacked"))
    return found


# Against a replay of the same days


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of an entry: what was decided and, where it was entered, how it went."""

    decision: str | None
    entry_price: float | None
    close_reason: str | None
    pnl_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An entry of ours, of the replay, or of both; `entry_bps` is how much worse ours was than the replay's."""

    signal_id: str
    coin: str
    live: Side
    replayed: Side
    entry_bps: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Our entries of a period against those of a replay of the same days on the stored fills and candles.

    Without pairs, `lacking` says why there is no replay.
    """

    pairs: Sequence[Pair]
    orders: int
    same_decisions: int
    warnings: Sequence[Warn]
    lacking: str | None = None

    @property
    def both(self) -> Sequence[Pair]:
        """The entries that were made on both sides."""
        return [
            pair for pair in self.pairs if pair.live.entry_price is not None and pair.replayed.entry_price is not None
        ]

    @property
    def live_usd(self) -> float:
        """What our closed trades made."""
        return sum(pair.live.pnl_usd or 0.0 for pair in self.pairs)

    @property
    def replayed_usd(self) -> float:
        """What the replay's closed trades made."""
        return sum(pair.replayed.pnl_usd or 0.0 for pair in self.pairs)


def drift(ledger: Ledger, plan: Plan, progress: Progress | None = None) -> Drift:
    """Replay a plan's days with the traders whose orders were judged then, at the equity last known of each, and compare."""
    judged = [signal for signal in ledger.signals.list(since=plan.start) if signal.trade_time < plan.end]
    equity: dict[str, float] = {}
    unknown = []
    for address in sorted({signal.trader for signal in judged}):
        trader = ledger.traders.get(address)
        value = None if trader is None else trader.account_value
        if value is not None and value > 0:
            equity[address] = value
        else:
            unknown.append(address)
    if not equity:
        why = "no order was judged in these days" if not judged else "of no trader who was judged the equity is known"
        return Drift(pairs=[], orders=len(judged), same_decisions=0, warnings=[], lacking=why)
    try:
        recording = record(ledger, replace(plan, equity=equity))
    except BadInputError as error:
        return Drift(pairs=[], orders=len(judged), same_decisions=0, warnings=[], lacking=str(error))
    memory = MemoryLedger()
    play(recording, memory, replace(plan, equity=equity), progress=progress)
    return _compared(ledger, memory, judged, _drift_warnings(recording, unknown))


def _drift_warnings(recording: Recording, unknown: Sequence[str]) -> list[Warn]:
    found = [
        Warn(
            code="REPLAY_STATED",
            message="the replay goes by today's settings; its traders have the equity last known, no score and no market gates",
        )
    ]
    if recording.coins_without_candles:
        names = ", ".join(recording.coins_without_candles)
        message = f"no candles are stored of {names}: the replay has no price there and enters nothing"
        found.append(Warn(code="NO_CANDLES", message=message))
    holed = sorted(coin for coin, holes in recording.holes.items() if holes)
    if holed:
        message = f"the candles of {', '.join(holed)} have holes in these days, those to come among them"
        found.append(Warn(code="CANDLES_MISSING", message=message))
    if unknown:
        message = f"the replay leaves out {len(unknown)} traders whose equity isn't known"
        found.append(Warn(code="EQUITY_UNKNOWN", message=message))
    return found


def _compared(ledger: Ledger, memory: Ledger, judged: Sequence[Signal], warnings: Sequence[Warn]) -> Drift:
    ours = {position.signal_id: position for position in ledger.book.positions(live_only=False)}
    theirs = {position.signal_id: position for position in memory.book.positions(live_only=False)}
    replayed = {signal.id: signal for signal in memory.signals.list()}
    known = {signal.id: signal for signal in judged}
    pairs = []
    for signal_id, signal in ({**replayed, **known}).items():
        mine, other = ours.get(signal_id), theirs.get(signal_id)
        if mine is None and other is None:
            continue
        pairs.append(
            Pair(
                signal_id=signal_id,
                coin=signal.coin,
                live=_side(known.get(signal_id), mine),
                replayed=_side(replayed.get(signal_id), other),
                entry_bps=None
                if mine is None or other is None
                else mine.side.sign * (mine.entry_price / other.entry_price - 1) * 10_000,
            )
        )
    same = sum(
        signal_id in replayed and replayed[signal_id].decision == known[signal_id].decision for signal_id in known
    )
    return Drift(pairs=pairs, orders=len(known), same_decisions=same, warnings=list(warnings))


def _side(signal: Signal | None, position: Position | None) -> Side:
    return Side(
        decision=None if signal is None else signal.decision,
        entry_price=None if position is None else position.entry_price,
        close_reason=None if position is None else position.close_reason,
        pnl_usd=None if position is None else position.realized_pnl_usd,
    )
