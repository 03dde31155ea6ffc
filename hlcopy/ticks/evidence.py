"""What was read of a candidate becomes the inputs of its score, each with where it comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from hlcopy.domain.conduct import largest_flow, luck_of
from hlcopy.domain.models import NANSEN
from hlcopy.domain.scoring import (
    MONTH,
    QUARTER,
    WEEK,
    ScoreInputs,
    history_return_percent,
    measure,
    return_on_equity_percent,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.conduct import Conduct
    from hlcopy.domain.models import Fill, Trader
    from hlcopy.domain.policy import SafetyPolicy, ScoringPolicy
    from hlcopy.domain.scoring import Score, TraderMetrics
    from hlcopy.ports import Crawl, EquityPoint, History, Placing, Portfolio, Reach, TradeSummary

    Terms = dict[str, float | str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What leaderboard and portfolio say of a candidate; `terms` names the source of each number.

    `flow_share` is the largest transfer of a week against the equity before it, None where no history of a month was read.
    """

    placing: Placing
    account_value: float | None
    roi_7d: float | None
    roi_30d: float | None
    roi_90d: float | None
    flow_share: float | None = None
    terms: Terms = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The candidate's address."""
        return self.placing.leader.address


def standing(crawl: Crawl, placing: Placing, portfolio: Portfolio | None = None) -> Standing:
    """Return what is known of a candidate before its fills: equity in USD and returns on it in percent (decision 13)."""
    leader = placing.leader
    terms: Terms = {
        "leaderboard": crawl.source,
        "leaderboard_rank": placing.rank,
        "pnl_30d_usd": leader.pnl_30d_usd,
        "volume_30d_usd": leader.volume_30d_usd,
        "account_value_from": "leaderboard",
    }
    equity = leader.account_value
    returns: dict[str, float | None] = dict.fromkeys(("roi_7d", "roi_30d", "roi_90d"))
    flow_share = None
    if portfolio is not None:
        latest = _latest(portfolio)
        if latest is not None:
            equity = latest.value_usd
            terms["account_value_from"] = f"portfolio at {_text(latest.at)}"
        flow_share = largest_flow(_plain(portfolio.windows.get("month", ())), WEEK)
        terms["flow_share"] = finite(flow_share)
        for name, value, source in _portfolio_returns(portfolio):
            if value is not None:
                returns[name], terms[f"{name}_from"] = value, source
    if returns["roi_30d"] is None and leader.pnl_30d_usd is not None and leader.account_value is not None:
        returns["roi_30d"] = return_on_equity_percent(leader.pnl_30d_usd, leader.account_value)
        terms["roi_30d_from"] = "leaderboard: PnL over equity before it"
    return Standing(placing=placing, account_value=equity, flow_share=flow_share, terms=terms, **returns)


def _latest(portfolio: Portfolio) -> EquityPoint | None:
    last = [points[-1] for points in portfolio.windows.values() if points]
    return max(last, key=lambda point: point.at, default=None)


def _portfolio_returns(portfolio: Portfolio) -> list[tuple[str, float | None, str]]:
    week, month, whole = (_plain(portfolio.windows.get(name, ())) for name in ("week", "month", "allTime"))
    quarter = history_return_percent(whole, portfolio.read_at - QUARTER)
    return [
        ("roi_7d", history_return_percent(week), "portfolio: week, less transfers"),
        ("roi_30d", history_return_percent(month), "portfolio: month, less transfers"),
        ("roi_90d", quarter, "portfolio: 90 days of allTime, less transfers"),
    ]


def _plain(points: Sequence[EquityPoint]) -> list[tuple[datetime, float, float]]:
    return [(point.at, point.value_usd, point.pnl_usd) for point in points]


def known_fills(crawl: Crawl, address: str, reach: Reach, history: History) -> list[Fill]:
    """Return a candidate's stored fills up to the crawl's beginning, as far back as they are known to be complete.

    Nansen's rows tell of the same trades as Hyperliquid's fills and are left out.
    """
    stored = history.fills(address, since=reach.complete_from, until=crawl.began_at)
    return [fill for fill in stored if fill.source != NANSEN]


def inputs_of(
    crawl: Crawl,
    stood: Standing,
    reach: Reach,
    fills: Sequence[Fill],
    summary: TradeSummary | None,
    known: Trader | None,
) -> tuple[ScoreInputs, Terms]:
    """Measure a candidate's fills as of the crawl's beginning; return what its score stands on, and from where."""
    leader, now = stood.placing.leader, crawl.began_at
    metrics = measure(fills, now, stood.account_value)
    short = reach.complete_from > now - MONTH
    metrics, sources = _completed(metrics, leader.realized_30d_usd, summary if short else None, short=short)
    inputs = ScoreInputs(
        metrics=metrics,
        account_value=stood.account_value,
        roi_7d=stood.roi_7d,
        roi_30d=stood.roi_30d,
        roi_90d=stood.roi_90d,
        label=leader.label,
        label_known=crawl.source == NANSEN,
        smart_money=leader.smart_money,
        volume_30d_usd=leader.volume_30d_usd,
        blacklisted_until=known.blacklisted_until if known else None,
    )
    terms: Terms = {
        **stood.terms,
        **sources,
        "fills": len(fills),
        "fills_from": _text(reach.complete_from),
        "fills_until": _text(now),
        "trades_per_day": metrics.trades_per_day,
        "average_hold_hours": metrics.average_hold_hours,
        "days_active": metrics.days_active,
        "round_trips": len(metrics.returns),
        "incomplete_trips": metrics.incomplete_trips,
        "realized_30d_usd": metrics.realized_30d_usd,
        "leverage": metrics.leverage,
        "last_activity": _text(metrics.last_activity),
        "label_known": inputs.label_known,
        "smart_money": inputs.smart_money,
    }
    return inputs, terms


def _completed(
    metrics: TraderMetrics, board_realized: float | None, summary: TradeSummary | None, *, short: bool
) -> tuple[TraderMetrics, Terms]:
    """Fill in from elsewhere what fills that don't reach back 30 days can't tell (decisions 13 and 15)."""
    if not short:
        return metrics, {"nof_trades_from": "fills", "realized_30d_from": "fills"}
    terms: Terms = {"nof_trades_from": "fills", "realized_30d_from": None}
    realized = board_realized
    if realized is not None:
        terms["realized_30d_from"] = "leaderboard"
    if summary is not None:
        realized = summary.realized_pnl_usd - summary.fees_usd
        terms["realized_30d_from"] = "summary"
    trades = metrics.nof_trades
    if summary is not None and summary.trades > (trades or 0):
        trades = summary.trades
        terms["nof_trades_from"] = "summary"
    if realized is not None and not math.isfinite(realized):
        realized = None
    return replace(metrics, nof_trades=trades, realized_30d_usd=realized), terms


def score_terms(score: Score, policy: ScoringPolicy) -> Mapping[str, float | str | None]:
    """Return a score's parts with their weights, and what became of their sum."""
    terms: Terms = {}
    for part in fields(score.parts):
        terms[part.name] = getattr(score.parts, part.name)
        terms[f"{part.name}_weight"] = policy.weights[part.name]
    return {
        **terms,
        "neutral": ", ".join(score.neutral),
        "consistency_windows": ", ".join(score.consistency_windows),
        "raw": score.raw,
        "decay": score.decay,
    }


def record_terms(record: Conduct, policy: SafetyPolicy) -> Mapping[str, float | str | None]:
    """Return what was measured of how a record came about."""
    spread = record.concentration
    return {
        "profit_share": None if spread is None else finite(spread.largest),
        "profit_herfindahl": None if spread is None else finite(spread.herfindahl),
        "without_best_usd": None if spread is None else finite(spread.without_best_usd),
        "quick_share": record.quick_share,
        "net_share": finite(record.net_share),
        "entries": record.dumps.entries,
        "entries_cut": record.dumps.cut,
        "skill": finite(record.skill),
        "luck": luck_of(policy.luck_trials),
    }


def finite(number: float | None) -> float | None:
    """Return a number, None for one that is broken: what is kept to be read again holds no NaN."""
    return number if number is not None and math.isfinite(number) else None


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
