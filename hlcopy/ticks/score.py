"""Choose the traders to follow, once a day: leaderboard, equity histories, fills, scores, tiers.

A crawl may take several starts of the command. All of it is as of the moment it began, and nothing of the stored scores
changes before it is complete.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hlcopy.domain.choices import set_apart
from hlcopy.domain.conduct import conduct_of
from hlcopy.domain.models import Trader
from hlcopy.domain.scoring import QUARTER, composite_score
from hlcopy.domain.selection import PRIMARY, SECONDARY, Disqualified, assign_tiers, disbelieve, disqualify
from hlcopy.ticks import crawl as crawling
from hlcopy.ticks.evidence import Standing, inputs_of, known_fills, record_terms, score_terms, standing
from hlcopy.ticks.report import Problem, Report
from hlcopy.ticks.screening import is_primary

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from hlcopy.ports import Crawl, Portfolio, Reach, ScoringDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What the sources said: everybody's standing, whose equity history and fills were asked for, and what came."""

    stood: Sequence[Standing]
    best: Collection[str]
    portfolios: Mapping[str, Portfolio]
    chosen: Collection[str]
    reaches: Mapping[str, Reach]


def run(desk: ScoringDesk, now: datetime) -> Report:
    """Begin or go on with a crawl, and replace all scores by its outcome.

    Raises `TryLaterError`, and no score has changed, when a source is down; the next run goes on from there.
    """
    crawl = crawling.begin_or_resume(desk, now)
    found = _read(desk, crawl)
    traders = _judge_all(desk, crawl, found)
    _replace_scores(desk, crawl, traders)
    return _report(crawl, found, traders, now)


def _read(desk: ScoringDesk, crawl: Crawl) -> _Found:
    """Read the equity histories of the best by the leaderboard, then the fills of the best by their return of 30 days."""
    policy = desk.policy.scoring
    apart = set_apart(desk.ledger.choices.all())
    primaries = {trader.address for trader in desk.ledger.traders.followed() if is_primary(trader)} | apart.read_first
    stood = {
        placing.leader.address: standing(crawl, placing) for placing in desk.ledger.scoring.board(crawl.began_at.date())
    }
    candidates = [each for each in stood.values() if each.placing.reason is None]
    best = _first(candidates, primaries, policy.max_portfolios)
    portfolios = crawling.read_portfolios(desk, crawl, [each.address for each in best])
    for each in best:
        stood[each.address] = standing(crawl, each.placing, portfolios.get(each.address))
    promising = sorted((stood[each.address] for each in best), key=_by_return)
    chosen = [each.address for each in _first(promising, primaries, policy.max_histories)]
    reaches = crawling.read_pasts(desk, crawl, chosen)
    return _Found(
        stood=list(stood.values()),
        best=[each.address for each in best],
        portfolios=portfolios,
        chosen=chosen,
        reaches=reaches,
    )


def _first(ordered: Sequence[Standing], primaries: Collection[str], count: int) -> list[Standing]:
    """Return the first of them, primaries before all: whether they keep their place is for their score to say."""
    return sorted(ordered, key=lambda each: each.address not in primaries)[:count]


def _by_return(stood: Standing) -> tuple[float, int]:
    return (math.inf if stood.roi_30d is None else -stood.roi_30d, stood.placing.rank or 0)


def _judge_all(desk: ScoringDesk, crawl: Crawl, found: _Found) -> list[Trader]:
    """Score everybody, and give tiers to the best that qualify."""
    known = {trader.address: trader for trader in desk.ledger.traders.all()}  # with who was blacklisted meanwhile
    apart = set_apart(desk.ledger.choices.all())
    judged = {each.address: _judged(desk, crawl, found, each, known.get(each.address)) for each in found.stood}
    for address in apart.banned & judged.keys():
        judged[address] = replace(judged[address], score=0.0, disqualified_reason=Disqualified.BANNED)
    qualified = {address: trader.score for address, trader in judged.items() if trader.disqualified_reason is None}
    primaries = {address for address, trader in known.items() if is_primary(trader)}
    tiers = assign_tiers(qualified, primaries, desk.policy.scoring, apart)
    ranked = sorted(qualified, key=lambda address: (-qualified[address], address))
    for rank, address in enumerate(ranked, start=1):
        tier, reason = tiers[address]
        terms = {**judged[address].terms, "rank": rank}
        judged[address] = replace(judged[address], tier=tier, disqualified_reason=reason, terms=terms)
    return list(judged.values())


def _judged(desk: ScoringDesk, crawl: Crawl, found: _Found, stood: Standing, known: Trader | None) -> Trader:
    """Return a candidate with its score, or with the reason why it has none; a score of 0 is that of the disqualified."""
    trader = Trader(
        address=stood.address,
        label=stood.placing.leader.label or (known.label if known else None),
        roi_7d=stood.roi_7d,
        roi_30d=stood.roi_30d,
        roi_90d=stood.roi_90d,
        account_value=stood.account_value,
        last_scored_at=crawl.began_at,
        disqualified_reason=stood.placing.reason,
        terms=stood.terms,
    )
    if stood.placing.reason is not None:
        return trader
    if stood.address not in found.chosen:
        return replace(trader, disqualified_reason=Disqualified.OUTRANKED)
    reach = found.reaches.get(stood.address)
    if reach is None:
        return replace(trader, disqualified_reason=Disqualified.BAD_HISTORY)
    ledger, policy = desk.ledger, desk.policy.scoring
    summary = ledger.scoring.summary(stood.address)
    fills = known_fills(crawl, stood.address, reach, ledger.history)
    inputs, terms = inputs_of(crawl, stood, reach, fills, summary, known)
    reason = disqualify(inputs, policy, crawl.began_at)
    if reason is None:
        now, safety = crawl.began_at, desk.policy.safety
        record = conduct_of(fills, now - QUARTER, now, desk.policy.entry.copy_delay)
        reason = disbelieve(record, stood.flow_share, safety)
        terms |= record_terms(record, safety)
    score = composite_score(inputs, policy, crawl.began_at)
    return replace(
        trader,
        score=score.total if reason is None else 0.0,
        style=inputs.metrics.style,
        win_rate=inputs.metrics.win_rate,
        nof_trades=inputs.metrics.nof_trades,
        disqualified_reason=reason,
        terms={**terms, **score_terms(score, policy)},
    )


def _replace_scores(desk: ScoringDesk, crawl: Crawl, traders: Sequence[Trader]) -> None:
    """Let a complete crawl take the place of the last one; who isn't in it any more loses its tier and keeps its row."""
    ledger = desk.ledger
    scored = {trader.address: trader.disqualified_reason for trader in traders}
    with ledger.transaction():
        gone = [
            replace(trader, tier=None, disqualified_reason=Disqualified.OUTRANKED)
            for trader in ledger.traders.followed()
            if trader.scored and trader.address not in scored
        ]
        ledger.traders.put([*traders, *gone])
        ledger.scoring.finish(crawl.began_at, desk.clock.now(), scored)


def _report(crawl: Crawl, found: _Found, traders: Sequence[Trader], now: datetime) -> Report:
    tiers = Counter(trader.tier for trader in traders)
    candidates = [trader for trader, stood in zip(traders, found.stood, strict=True) if stood.placing.reason is None]
    left_out = Counter(crawl.left_out)
    left_out.update(str(trader.disqualified_reason) for trader in candidates if trader.disqualified_reason is not None)
    return Report(
        command="score",
        at=now,
        counts={
            "screened": crawl.board_rows,
            "candidates": len(candidates),
            "portfolios": len(found.portfolios),
            "fills": len(found.reaches),
            PRIMARY: tiers[PRIMARY],
            SECONDARY: tiers[SECONDARY],
            "left_out": left_out.total(),
            **dict(left_out.most_common()),
        },
        problems=tuple(_problems(found)),
        notes=crawl.notes,
    )


def _problems(found: _Found) -> Iterator[Problem]:
    for address in found.best:
        if address not in found.portfolios:
            message = "its equity history can't be read; its returns are those of the leaderboard or unknown"
            yield Problem(code="PORTFOLIO_UNREADABLE", message=message, item=address)
    for address in found.chosen:
        if address not in found.reaches:
            message = "its fills can't be read, so it isn't followed until the next score"
            yield Problem(code=Disqualified.BAD_HISTORY, message=message, item=address)
