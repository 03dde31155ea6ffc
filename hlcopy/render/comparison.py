"""The comparison of exits as a part of a backtest's document, as tables and as sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.backtest.bootstrap import CONFIDENCE_PERCENT, MIN_DAYS, RESAMPLES, SEED
from hlcopy.render import text, tones
from hlcopy.render.figures import PLAIN_WIDTH, signed
from hlcopy.render.tables import Column, Table, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hlcopy.backtest.books import Outcome, Trial
    from hlcopy.backtest.comparison import Book, Comparison, Differences, Versus

_BOOKS: Final = (
    Column("BOOK"),
    Column("ENTRIES", right=True),
    Column("WON", right=True),
    Column("OPEN", right=True),
    Column("NET", right=True, tone=tones.gain),
    Column("COSTS", right=True),
    Column("MEAN", right=True),
    Column("MEDIAN", right=True),
    Column("WORST 5%", right=True),
)
_VERSUS: Final = (
    Column("OURS LESS"),
    Column("IN"),
    Column("MEAN", right=True),
    Column(f"{CONFIDENCE_PERCENT:.0f}% INTERVAL", right=True),
    Column("MEDIAN", right=True),
    Column("WORST 5%", right=True),
    Column("OURS IS"),
)


def comparison_document(comparison: Comparison | None) -> dict[str, object] | None:
    """Return `exits_comparison` of the document, None without an entry."""
    if comparison is None:
        return None
    return {
        "confidence_pct": CONFIDENCE_PERCENT,
        "resamples": RESAMPLES,
        "seed": SEED,
        "min_days": MIN_DAYS,
        "books": {
            "ours": _fields(comparison.ours),
            "trader": _fields(comparison.trader),
            "hold_72h": _fields(comparison.hold),
        },
        "ours_vs_trader": _told_versus(comparison.ours_vs_trader),
        "ours_vs_hold_72h": _told_versus(comparison.ours_vs_hold),
        "entries": [_told_trial(trial) for trial in comparison.trials],
    }


def _fields(book: Book | Outcome) -> dict[str, object]:
    return {name: getattr(book, name) for name in book.__dataclass_fields__ if name != "legs"}


def _told_versus(versus: Versus) -> dict[str, object]:
    def told(differences: Differences, unit: str) -> dict[str, object]:
        return {
            f"mean_difference_{unit}": differences.mean,
            f"median_difference_{unit}": differences.median,
            f"tail_5_difference_{unit}": differences.tail_5,
            f"interval_{unit}": differences.interval,
        }

    return {
        "verdict": versus.verdict,
        "evidence": versus.evidence,
        "pairs": versus.pairs,
        "left_out": versus.left_out,
        "days": versus.days,
        "ours_better_in": versus.better,
        **told(versus.percent, "pct"),
        **told(versus.usd, "usd"),
    }


def _told_trial(trial: Trial) -> dict[str, object]:
    books = {"ours": trial.ours, "trader": trial.followed, "hold_72h": trial.held}
    return {
        "position_id": trial.position_id,
        "signal_id": trial.signal_id,
        "token_symbol": trial.coin,
        "trader_address": trial.trader,
        "opened_at": trial.opened_at,
        "notional_usd": trial.notional_usd,
        "trader_unknown_from": trial.broken_at,
        **{name: _fields(outcome) if outcome else None for name, outcome in books.items()},
    }


def verdict_line(versus: Versus, name: str) -> str:
    """Return what the comparison with one book came to, in a sentence."""
    if not versus.pairs:
        return f"against {name}: not shown, no entry can be compared"
    pairs = f"{text.counted(versus.pairs, 'entry', 'entries')} on {text.counted(versus.days, 'UTC day')}"
    mean = f"{signed(versus.percent.mean)} of an entry on average"
    if versus.percent.interval is None:
        return f"against {name}: not shown (INSUFFICIENT: {pairs}, {MIN_DAYS} days are needed), {mean}"
    low, high = versus.percent.interval
    interval = f"{CONFIDENCE_PERCENT:.0f}% interval {signed(low)} to {signed(high)}"
    return f"against {name}: {versus.verdict}, {mean} ({interval}), {pairs}"


def comparison_text(comparison: Comparison | None, width: int | None) -> str:
    """Return the three books and the paired differences as tables."""
    if comparison is None:
        return "The same entries in three books: none\n"
    return tables(comparison_tables(comparison), width=width, plain_width=PLAIN_WIDTH)


def comparison_tables(comparison: Comparison) -> tuple[Table, ...]:
    """Return the three books, and the paired differences between them."""
    books = (("our exits", comparison.ours), ("trader's exits", comparison.trader), ("hold 72 h", comparison.hold))
    pairs = (("trader's exits", comparison.ours_vs_trader), ("hold 72 h", comparison.ours_vs_hold))
    rows = [row for name, versus in pairs for row in _versus_rows(name, versus)]
    return (
        Table("The same entries in three books", _BOOKS, [_book_row(*book) for book in books]),
        Table("Ours less theirs, entry by entry", _VERSUS, rows),
    )


def _book_row(name: str, book: Book) -> tuple[str, ...]:
    return (
        name,
        str(book.entries),
        str(book.won),
        str(book.open_at_end),
        text.short_money(book.net_usd),
        text.short_money(book.fees_usd + book.funding_usd + book.slippage_usd),
        signed(book.mean_pct),
        signed(book.median_pct),
        signed(book.tail_5_pct),
    )


def _versus_rows(name: str, versus: Versus) -> Iterable[tuple[str, ...]]:
    insufficient = versus.percent.interval is None
    yield _versus_row(name, "%", versus.percent, signed, versus.evidence if insufficient else versus.verdict)
    yield _versus_row("", "USD", versus.usd, text.short_money, "")


def _versus_row(
    name: str, unit: str, differences: Differences, shown: Callable[[float | None], str], verdict: str
) -> tuple[str, ...]:
    interval = differences.interval
    between = text.DASH if interval is None else f"{shown(interval[0])} to {shown(interval[1])}"
    return name, unit, shown(differences.mean), between, shown(differences.median), shown(differences.tail_5), verdict
