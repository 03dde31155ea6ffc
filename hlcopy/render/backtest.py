"""A finished backtest as a document and as text within 80 columns."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from hlcopy.domain.book import PositionStatus
from hlcopy.domain.models import EXECUTE
from hlcopy.render import text, tones
from hlcopy.render.comparison import comparison_document, comparison_text, verdict_line
from hlcopy.render.figures import PLAIN_WIDTH, figures_document, figures_metrics, figures_text, groups_text, signed
from hlcopy.render.tables import Column, Table, table, tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hlcopy.backtest.report import Backtest, Warn
    from hlcopy.backtest.scored import Selection
    from hlcopy.domain.book import Position
    from hlcopy.domain.models import Signal

_WIDTH: Final = 79
_TRADES: Final = (
    Column("#", right=True),
    Column("COIN"),
    Column("SIDE"),
    Column("OPENED (UTC)"),
    Column("VALUE", right=True),
    Column("ENTRY", right=True),
    Column("EXIT", right=True),
    Column("HOURS", right=True),
    Column("PNL", right=True, tone=tones.gain),
    Column("REASON"),
)
_REASONS: Final = (
    Column("EXIT"),
    Column("COUNT", right=True),
    Column("WON", right=True),
    Column("PNL", right=True, tone=tones.gain),
)
_TRADERS: Final = (
    Column("TRADER"),
    Column("DAYS FOLLOWED", right=True),
    Column("JUDGED", right=True),
    Column("COPIED", right=True),
    Column("REALIZED", right=True, tone=tones.gain),
)
_SKIPS: Final = (Column("SKIPPED"), Column("COUNT", right=True))


def backtest_document(result: Backtest) -> dict[str, object]:
    """Return the one JSON document of a backtest."""
    metrics = {name: getattr(result.metrics, name) for name in result.metrics.__dataclass_fields__}
    return {
        "from": result.start.isoformat(),
        "to": result.end.isoformat(),
        "assumptions": result.assumptions,
        "metrics": metrics | figures_metrics(result.figures),
        "exits_comparison": comparison_document(result.comparison),
        "exits": {
            reason: {"count": count, "won": won, "pnl_usd": pnl} for reason, count, won, pnl in exits_by_reason(result)
        },
        "trades": trades_document(result),
        "skips": result.skips,
        "decisions": decisions_document(result.signals),
        "selection": _selection_document(result.selection),
        "warnings": list(warning_lines(result.warnings)),
        **figures_document(result.figures),
    }


def _selection_document(selection: Selection | None) -> dict[str, object] | None:
    """Return whom the daily selection chose; None where the traders were given."""
    if selection is None:
        return None
    return {
        "days": selection.days,
        "days_with_leaderboard": selection.boards,
        "scores": selection.scored,
        "neutral_parts": selection.neutral,
        "days_followed": selection.primary_days,
    }


def trades_document(result: Backtest) -> list[dict[str, object]]:
    """Return the trades as they stand in the document."""
    return [_trade(result, position) for position in result.positions]


def decisions_document(signals: Sequence[Signal]) -> list[dict[str, object]]:
    """Return judged orders as they stand in the document, oldest first; they are given newest first."""
    return [_decision(signal) for signal in reversed(signals)]


def _trade(result: Backtest, position: Position) -> dict[str, object]:
    closed = position.status is PositionStatus.CLOSED
    mark = result.marks.get(position.id or 0)
    gain = None if mark is None else position.side.sign * (mark - position.entry_price) * position.size
    went = result.figures.excursions.get(position.id or 0)
    return {
        "signal_id": position.signal_id,
        "trader_address": position.source_trader,
        "token_symbol": position.coin,
        "side": position.side,
        "opened_at": position.opened_at,
        "entry_price": position.entry_price,
        "size": position.entry_size,
        "value_usd": position.value_usd,
        "closed_at": position.closed_at if closed else None,
        "exit_price": position.exit_price if closed else None,
        "close_reason": position.close_reason if closed else None,
        "realized_pnl_usd": position.realized_pnl_usd if closed else None,
        "fees_usd": position.fees_usd if closed else None,
        "funding_usd": position.funding_usd if closed else None,
        "mark_price": mark,
        "unrealized_pnl_usd": gain,
        "tiers_taken": list(position.tiers_taken),
        "mfe_pct": went.favourable_percent if went else None,
        "mae_pct": went.adverse_percent if went else None,
        "capture": went.capture if went else None,
    }


def _decision(signal: Signal) -> dict[str, object]:
    return {
        "signal_id": signal.id,
        "trader_address": signal.trader,
        "order_key": signal.order_key,
        "token_symbol": signal.coin,
        "side": signal.side,
        "action": signal.action,
        "first_fill_at": signal.first_fill_at,
        "timestamp": signal.trade_time,
        "value_usd": signal.value_usd,
        "position_weight": signal.position_weight,
        "slippage_pct": signal.slippage_pct,
        "decision": signal.decision,
        "copy_size_usd": signal.copy_size_usd,
        "detail": signal.detail,
    }


def backtest_text(result: Backtest, width: int | None, *, title: str | None = None) -> str:
    """Return a backtest as tables and paragraphs; plain when `width` is None."""
    parts = [
        title or f"Backtest from {result.start} to {result.end} (UTC, both days whole)\n",
        _sums_text(result),
        *_chart(result, width),
        comparison_text(result.comparison, width),
        figures_text(result.figures, result.metrics.start_equity_usd, width),
        table(
            "Trades",
            _TRADES,
            [_trade_row(result, position) for position in result.positions],
            width=width,
            plain_width=PLAIN_WIDTH,
        ),
        *(["* not an exit: the last mark of an open position\n"] if result.metrics.open_at_end else []),
        reasons_text(result, width),
        groups_text(result.figures, width),
        paragraphs("Assumptions", assumption_lines(result)),
        paragraphs("Warnings", warning_lines(result.warnings)),
    ]
    return "\n".join(parts)


def _chart(result: Backtest, width: int | None) -> Iterable[str]:
    if width is None:
        return ()
    from hlcopy.render.chart import equity_chart

    drawn = equity_chart(result.figures.points, width)
    return (drawn,) if drawn else ()


def reasons_text(result: Backtest, width: int | None) -> str:
    """Return exits and skips by reason, and what was copied of each trader."""
    return tables(reasons_tables(result), width=width, plain_width=PLAIN_WIDTH)


def reasons_tables(result: Backtest) -> tuple[Table, Table, Table]:
    """Return exits by reason, what was copied of each trader, and skips by reason."""
    exits = [(reason, str(count), str(won), text.money(pnl)) for reason, count, won, pnl in exits_by_reason(result)]
    return (
        Table("Exits by reason", _REASONS, exits),
        Table("By trader", _TRADERS, list(_trader_rows(result))),
        Table("Skips by reason", _SKIPS, [(code, str(n)) for code, n in by_count(result.skips)]),
    )


def by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return what was counted, most frequent first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _trade_row(result: Backtest, position: Position) -> tuple[str, ...]:
    closed = position.closed_at
    exit_price = position.exit_price if closed is not None else result.marks.get(position.id or 0)
    hours = None if closed is None else (closed - position.opened_at).total_seconds() / 3600
    return (
        str(position.id),
        position.coin,
        position.side,
        position.opened_at.strftime("%m-%d %H:%M"),
        text.short_money(position.value_usd).removeprefix("$"),
        text.price(position.entry_price),
        text.price(exit_price) + ("" if closed is not None else "*"),
        text.DASH if hours is None else f"{hours:.1f}",
        text.DASH if position.realized_pnl_usd is None else f"{position.realized_pnl_usd:,.0f}",
        position.close_reason or ("(no price)" if position.id in result.stranded else "(open)"),
    )


def exits_by_reason(result: Backtest) -> list[tuple[str, int, int, float]]:
    """Return each exit reason with how many positions it closed, how many of them won, and what they made."""
    results: dict[str, list[float]] = defaultdict(list)
    for position in result.positions:
        if position.close_reason is not None:
            results[position.close_reason].append(position.realized_pnl_usd or 0.0)
    rows = [(reason, len(pnls), sum(pnl > 0 for pnl in pnls), sum(pnls)) for reason, pnls in results.items()]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def _trader_rows(result: Backtest) -> Iterable[tuple[str, ...]]:
    """Yield a line for each wallet: what was judged and copied of it, and what that made."""
    for trader in result.traders:
        judged = sum(signal.trader == trader and signal.is_final for signal in result.signals)
        copies = [position for position in result.positions if position.source_trader == trader]
        pnl = sum(position.realized_pnl_usd or 0.0 for position in copies)
        days = (result.end - result.start).days + 1
        if result.selection is not None:
            days = result.selection.primary_days[trader]
        yield text.short_address(trader), f"{days:,}", f"{judged:,}", str(len(copies)), text.money(pnl)


def sums(result: Backtest) -> list[tuple[str, str]]:
    """Return the head of a report, line by line; a line without a name goes on with the one before."""
    metrics = result.metrics
    executed = sum(signal.decision == EXECUTE for signal in result.signals)
    hours = text.DASH if metrics.average_hours is None else f"{metrics.average_hours:.1f} h"
    equity = f"{text.money(metrics.start_equity_usd)} -> {text.money(metrics.final_equity_usd)}"
    open_pnl, unrealized = text.money(metrics.open_positions_pnl_usd), text.money(metrics.unrealized_pnl_usd)
    return [
        ("Return", f"{signed(metrics.return_pct)} net of all costs"),
        ("Equity", equity),
        ("Drawdown", _drawdown(result)),
        *_verdicts(result),
        *_chosen(result.selection),
        ("Market", _market(result)),
        ("Realized", f"{text.money(metrics.realized_pnl_usd)} net of fees and funding"),
        ("Open", f"{open_pnl} so far, of it {unrealized} unrealized"),
        ("Positions", f"{metrics.closed:,} closed ({metrics.winners:,} won), {metrics.open_at_end:,} open at the end"),
        ("Held", f"{hours} on average"),
        ("Decisions", f"{text.counted(metrics.decisions, 'order')} judged, {executed:,} copied"),
        ("Mind", ", ".join(dict.fromkeys(warning.code for warning in result.warnings)) or "nothing"),
    ]


def _sums_text(result: Backtest) -> str:
    indent = " " * 13
    told = (
        textwrap.fill(text.safe(value, 2_000), _WIDTH, initial_indent=f"  {name:<11}", subsequent_indent=indent)
        for name, value in sums(result)
    )
    return "Result\n" + "".join(f"{line}\n" for line in told)


def _drawdown(result: Backtest) -> str:
    drawdown = result.figures.drawdown
    if drawdown is None:
        return "none from one midnight to another"
    back = "not recovered" if drawdown.recovered_at is None else f"recovered by {drawdown.recovered_at:%Y-%m-%d}"
    when = f"{drawdown.peak_at:%Y-%m-%d} to {drawdown.trough_at:%Y-%m-%d}"
    days = text.counted(round(drawdown.days_down), "day")
    return f"{drawdown.percent:.2f}% ({text.money(drawdown.usd)}), {when} ({days}), {back}"


def _verdicts(result: Backtest) -> Iterable[tuple[str, str]]:
    comparison = result.comparison
    if comparison is None:
        return (("Our exits", "not compared, there is no entry"),)
    return (
        ("Our exits", verdict_line(comparison.ours_vs_trader, "the trader's")),
        ("", verdict_line(comparison.ours_vs_hold, "holding 72 hours")),
    )


def _chosen(selection: Selection | None) -> Iterable[tuple[str, str]]:
    """Say whom the daily selection of a replay chose."""
    if selection is not None:
        wallets = text.counted(len(selection.primary_days), "wallet")
        daily = sum(selection.primary_days.values()) / max(selection.days, 1)
        when = text.counted(selection.days, "day")
        yield "Traders", f"chosen by score on each of {when}: {wallets} in all, {daily:.1f} at a time"


def _market(result: Backtest) -> str:
    change = result.figures.market_change_pct
    if change is None:
        return text.DASH
    coins = sorted({position.coin for position in result.positions})
    parts = f"equal parts of {', '.join(coins)}" if len(coins) > 1 else coins[0]
    return f"{signed(change)} for {parts}, bought at the start and held"


def assumption_lines(result: Backtest) -> Iterable[str]:
    """Return what a replay assumed, as lines of a name and its value."""
    for name, value in result.assumptions.items():
        label = name.replace("_", " ")
        if hasattr(value, "items"):
            shown = ", ".join(f"{text.short_address(key)} {_shown(item)}" for key, item in value.items())  # type: ignore[union-attr]
            shown = shown or "none"
        else:
            shown = f"{value:,.10g}" if isinstance(value, float) else str(value)
        yield f"{label}: {shown}"


def _shown(value: object) -> str:
    return f"{value:,.10g}" if isinstance(value, (int, float)) else str(value)


def warning_lines(warnings: Iterable[Warn]) -> Iterable[str]:
    """Return warnings as lines of a code and what it means here."""
    return (f"{warning.code}: {warning.message}" for warning in warnings)


def paragraphs(title: str, lines: Iterable[str]) -> str:
    """Return a title over lines that are wrapped and marked each; without any it says so."""
    wrapped = (
        textwrap.fill(text.safe(line, 2_000), _WIDTH, initial_indent="  - ", subsequent_indent="    ") for line in lines
    )
    return f"{title}\n{told}" if (told := "".join(f"{line}\n" for line in wrapped)) else f"{title}: none\n"
