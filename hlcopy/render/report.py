"""What a period's own trades amount to, with the backtest's figures, and how far a replay of those days is from it."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Final

from hlcopy.render import text, tones
from hlcopy.render.backtest import backtest_document, backtest_text, paragraphs, warning_lines
from hlcopy.render.figures import PLAIN_WIDTH
from hlcopy.render.tables import Column, Table, tables

if TYPE_CHECKING:
    from hlcopy.backtest.lived import Drift, Pair, Side
    from hlcopy.backtest.report import Backtest

_PAIRS: Final = (
    Column("SIGNAL"),
    Column("COIN"),
    Column("OURS"),
    Column("REPLAY"),
    Column("ENTRY, BPS", right=True),
    Column("OUR PNL", right=True, tone=tones.gain),
    Column("ITS PNL", right=True, tone=tones.gain),
)


def title(result: Backtest) -> str:
    """Return what a report is of."""
    return f"Report of our own trades from {result.start} to {result.end} (UTC days)"


def report_text(result: Backtest, drifted: Drift, width: int | None) -> str:
    """Return a report as tables and paragraphs; plain when `width` is None."""
    return backtest_text(result, width, title=f"{title(result)}\n") + "\n" + drift_text(drifted, width)


def drift_text(drifted: Drift, width: int | None) -> str:
    """Return our trades against the replay's."""
    shown = tables(drift_tables(drifted), width=width, plain_width=PLAIN_WIDTH)
    return shown + "\n" + paragraphs("Against a replay of the same days", drift_lines(drifted))


def drift_lines(drifted: Drift) -> list[str]:
    """Return what the comparison says, a line each."""
    if drifted.lacking is not None:
        return [f"there is none to compare with: {drifted.lacking}"]
    both = drifted.both
    bps = [pair.entry_bps for pair in both if pair.entry_bps is not None]
    same_exit = sum(pair.live.close_reason == pair.replayed.close_reason for pair in both)
    ours = sum(pair.live.entry_price is not None for pair in drifted.pairs)
    its = sum(pair.replayed.entry_price is not None for pair in drifted.pairs)
    lines = [
        f"{drifted.same_decisions:,} of {text.counted(drifted.orders, 'order')} were decided alike",
        f"entries: {ours:,} of ours, {its:,} of the replay, {len(both):,} of both",
    ]
    if bps:
        lines.append(f"ours were entered {statistics.fmean(bps):+.1f} bps worse on average")
        lines.append(f"{same_exit:,} of {len(both):,} were left for the same reason, or are open on both sides")
    made = f"closed trades made {text.money(drifted.live_usd)}, in the replay {text.money(drifted.replayed_usd)}"
    return [*lines, made, *warning_lines(drifted.warnings)]


def drift_tables(drifted: Drift) -> tuple[Table, ...]:
    """Return each entry on both sides."""
    return (Table("Ours against the replay", _PAIRS, [_row(pair) for pair in drifted.pairs]),)


def _row(pair: Pair) -> tuple[str, ...]:
    return (
        pair.signal_id[:8],
        pair.coin,
        _told(pair.live),
        _told(pair.replayed),
        text.DASH if pair.entry_bps is None else f"{pair.entry_bps:+.1f}",
        text.DASH if pair.live.pnl_usd is None else f"{pair.live.pnl_usd:,.0f}",
        text.DASH if pair.replayed.pnl_usd is None else f"{pair.replayed.pnl_usd:,.0f}",
    )


def _told(side: Side) -> str:
    if side.entry_price is not None:
        return side.close_reason or "open"
    return "not judged" if side.decision is None else side.decision.removeprefix("SKIP_").lower().replace("_", " ")


def report_document(result: Backtest, drifted: Drift) -> dict[str, object]:
    """Return a report as one JSON document: the backtest's keys of our own trades, and the drift."""
    return {**backtest_document(result), "drift": _drift_document(drifted)}


def _drift_document(drifted: Drift) -> dict[str, object]:
    return {
        "lacking": drifted.lacking,
        "orders": drifted.orders,
        "same_decisions": drifted.same_decisions,
        "entries_in_both": len(drifted.both),
        "live_pnl_usd": drifted.live_usd,
        "replay_pnl_usd": drifted.replayed_usd,
        "entries": [
            {
                "signal_id": pair.signal_id,
                "token_symbol": pair.coin,
                "live": _side_document(pair.live),
                "replay": _side_document(pair.replayed),
                "entry_bps": pair.entry_bps,
            }
            for pair in drifted.pairs
        ],
        "warnings": list(warning_lines(drifted.warnings)),
    }


def _side_document(side: Side) -> dict[str, object]:
    return {name: getattr(side, name) for name in side.__dataclass_fields__}
