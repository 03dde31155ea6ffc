"""Read what is needed of the candidates, resumably: what a crawl has stored is never asked for again."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from hlcopy.domain.choices import set_apart
from hlcopy.domain.scoring import MONTH, QUARTER
from hlcopy.errors import BadAnswerError, SourceDownError
from hlcopy.ports import FILLS_SERVED, UNKNOWN, Crawl, Reach
from hlcopy.ticks.equity import keep_equity
from hlcopy.ticks.screening import screened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill
    from hlcopy.ports import DeepFills, History, Portfolio, ScoringDesk, TradeSummary, UnknownType

    Answer = TypeVar("Answer")
    Item = TypeVar("Item")

PORTFOLIOS_AT_ONCE: Final = 8
_INSTANT: Final = timedelta(milliseconds=1)
HISTORIES_AT_ONCE: Final = 4  # each may bring thousands of rows, stored in one transaction that others wait for


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What is known of a candidate's past: how far it reaches, with how many fills, and its last summary."""

    address: str
    reach: Reach | None
    stored: int
    summary: TradeSummary | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """What was read of a candidate's past, and how far its fills reach with that."""

    fills: Sequence[Fill]
    reach: Reach
    summary: TradeSummary | None = None


def begin_or_resume(desk: ScoringDesk, now: datetime) -> Crawl:
    """Return the crawl that didn't finish, if it is of this period; else read the leaderboard and begin one.

    Raises `TryLaterError`, and nothing has begun, when the leaderboard can't be read.
    """
    ledger = desk.ledger
    last = ledger.scoring.last()
    if last is not None and last.finished_at is None and now - last.began_at < desk.policy.cadence.leaderboard:
        return last
    desk.progress.start("Reading the leaderboard", None)
    leaders = desk.leaderboard.leaders(now)
    desk.progress.finish()
    if not leaders.rows:
        message = f"the leaderboard of {leaders.source} came empty; it will be read again"
        raise BadAnswerError(message)
    known = {trader.address: trader for trader in ledger.traders.all()}
    apart = set_apart(ledger.choices.all())
    found = screened(leaders.rows, known, desk.policy.scoring, now, apart.read_first)
    crawl = Crawl(
        began_at=now,
        source=leaders.source,
        board_rows=len(leaders.rows),
        left_out=found.left_out,
        notes=leaders.notes,
    )
    with ledger.transaction():
        ledger.scoring.begin(crawl, found.board)
    return ledger.scoring.last() or crawl


def read_portfolios(desk: ScoringDesk, crawl: Crawl, addresses: Sequence[str]) -> dict[str, Portfolio]:
    """Return the candidates' portfolios as of this crawl; those that can't be read are absent.

    Raises `TryLaterError` when the source is down; what was read until then is stored.
    """
    scoring = desk.ledger.scoring
    stored = {address: scoring.portfolio(address) for address in addresses}
    found = {
        address: portfolio
        for address, portfolio in stored.items()
        if portfolio is not None and portfolio.read_at >= crawl.began_at
    }

    def ask(address: str) -> Portfolio | UnknownType:
        return desk.profiles.portfolio(address, desk.clock.now())

    def keep(address: str, portfolio: Portfolio) -> None:
        scoring.put_portfolio(portfolio)
        keep_equity(desk.ledger.history, portfolio)
        found[address] = portfolio

    missing = [address for address in addresses if address not in found]
    _read_all(desk, "Reading equity histories", missing, ask, keep, known=len(found), at_once=PORTFOLIOS_AT_ONCE)
    return found


def read_pasts(desk: ScoringDesk, crawl: Crawl, addresses: Sequence[str]) -> dict[str, Reach]:
    """Bring the candidates' stored fills up to this crawl; return how far they reach, without those that can't be read.

    Raises `TryLaterError` when the source is down; what was read until then is stored.
    """
    scoring, history = desk.ledger.scoring, desk.ledger.history
    reaches = {address: scoring.reach(address) for address in addresses}
    found = {
        address: reach
        for address, reach in reaches.items()
        if reach is not None and reach.complete_until >= crawl.began_at
    }

    def ask(wanted: _Wanted) -> _Past | UnknownType:
        return _read_past(desk, crawl, wanted)

    def keep(wanted: _Wanted, past: _Past) -> None:
        history.add_fills(past.fills)
        scoring.put_reach(past.reach)
        if past.summary is not None:
            scoring.put_summary(past.summary)
        found[wanted.address] = past.reach

    missing = [
        _Wanted(
            address=address,
            reach=reaches[address],
            stored=_count(history, reaches[address]),
            summary=scoring.summary(address),
        )
        for address in addresses
        if address not in found
    ]
    _read_all(desk, "Reading fills", missing, ask, keep, known=len(found), at_once=HISTORIES_AT_ONCE)
    return found


def _read_all(
    desk: ScoringDesk,
    title: str,
    items: Sequence[Item],
    ask: Callable[[Item], Answer | UnknownType],
    keep: Callable[[Item, Answer], None],
    *,
    known: int,
    at_once: int,
) -> None:
    """Ask of each item, a few at the same time, and keep each few in one transaction; ask once more what failed.

    A whole batch without an answer is no matter of single traders: the source is down, and so it is when nothing at
    all could be read.
    """
    desk.progress.start(title, known + len(items))
    desk.progress.advance(known)
    unread: list[Item] = []
    for batch in _batches(items, at_once):
        failed = _read_batch(desk, batch, ask, keep)
        unread += failed
        if len(failed) == at_once:
            raise _down(title)
        desk.progress.advance(len(batch))
    still = [item for batch in _batches(unread, at_once) for item in _read_batch(desk, batch, ask, keep)]
    desk.progress.finish()
    if still and len(still) == known + len(items):
        raise _down(title)


def _read_batch(
    desk: ScoringDesk,
    batch: Sequence[Item],
    ask: Callable[[Item], Answer | UnknownType],
    keep: Callable[[Item, Answer], None],
) -> list[Item]:
    answers = desk.together(ask, batch)
    unread = []
    with desk.ledger.transaction():
        for item, answer in zip(batch, answers, strict=True):
            if answer is UNKNOWN:
                unread.append(item)
            else:
                keep(item, answer)
    return unread


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _down(title: str) -> SourceDownError:
    step = title.removeprefix("Reading ")
    return SourceDownError(f"the traders' {step} can't be read now; run `hlcopy score` again to go on from here")


def _read_past(desk: ScoringDesk, crawl: Crawl, wanted: _Wanted) -> _Past | UnknownType:
    """Read what is new of a candidate's fills, then, on later days, as much of what is older as a run may."""
    most, until, known = desk.policy.scoring.max_fills, crawl.began_at, wanted.reach
    oldest = until - QUARTER
    since = oldest if known is None else max(oldest, known.complete_until - desk.policy.cadence.poll_overlap)
    newer = _deep(desk, wanted.address, since, until, most)
    if newer is UNKNOWN:
        return UNKNOWN
    fills = list(newer.fills)
    reach = _extended(wanted, newer, until)
    joins = known is not None and newer.complete_from <= known.complete_until
    if joins and reach.complete_from > oldest and not reach.exhausted and len(fills) < most:
        older = _deep(desk, wanted.address, oldest, reach.complete_from, most - len(fills))
        if older is not UNKNOWN:
            fills += older.fills
            reach = _deepened(reach, older, _singles(fills) + wanted.stored)
    return _Past(fills=fills, reach=reach, summary=_summary(desk, crawl, wanted, reach))


def _deep(desk: ScoringDesk, address: str, since: datetime, until: datetime, at_most: int) -> DeepFills | UnknownType:
    found = desk.profiles.deep_fills(address, since, until, at_most=at_most, now=desk.clock.now())
    return found if found is UNKNOWN or all(map(_is_sound, found.fills)) else UNKNOWN


def _is_sound(fill: Fill) -> bool:
    """Whether a fill's numbers can be reckoned with: one that can't would spoil all that is measured with it."""
    return fill.size > 0 and math.isfinite(fill.price + fill.size + fill.start_position + fill.closed_pnl + fill.fee)


def _extended(wanted: _Wanted, newer: DeepFills, until: datetime) -> Reach:
    """Join what is new to what is stored; where more was traded than a run reads, the reach begins anew behind the gap."""
    known = wanted.reach
    if known is None or newer.complete_from > known.complete_until:
        return Reach(address=wanted.address, complete_from=newer.complete_from, complete_until=until)
    return replace(known, complete_from=min(known.complete_from, newer.complete_from), complete_until=until)


def _deepened(reach: Reach, older: DeepFills, counted: int) -> Reach:
    """Extend a reach backwards; `counted` fills in all, the older ones among them, are all that the venue serves at most."""
    complete_from = older.complete_from
    if counted >= FILLS_SERVED:  # whether more was traded before them can't be told
        complete_from = max(complete_from, older.fills[0].time + _INSTANT if older.fills else reach.complete_from)
    exhausted = counted >= FILLS_SERVED or complete_from >= reach.complete_from
    return replace(reach, complete_from=min(complete_from, reach.complete_from), exhausted=exhausted)


def _count(history: History, reach: Reach | None) -> int:
    """Return how many fills are stored of a reach that may still be extended backwards."""
    if reach is None or reach.exhausted or reach.complete_from <= reach.complete_until - QUARTER:
        return 0
    return _singles(history.fills(reach.address, since=reach.complete_from, until=reach.complete_until))


def _singles(fills: Iterable[Fill]) -> int:
    """Count fills without TWAP slices, which the venue serves apart."""
    return sum(fill.twap_id is None for fill in fills)


def _summary(desk: ScoringDesk, crawl: Crawl, wanted: _Wanted, reach: Reach) -> TradeSummary | None:
    """Ask for a summary only where fills are cut short and the stored one is too old (decision 18)."""
    stored = wanted.summary
    fresh = stored is not None and crawl.began_at - stored.read_at <= desk.policy.scoring.max_summary_age
    if fresh or reach.complete_from <= crawl.began_at - MONTH:
        return None
    summary = desk.profiles.summary(wanted.address, desk.clock.now())
    return None if summary is UNKNOWN else summary
