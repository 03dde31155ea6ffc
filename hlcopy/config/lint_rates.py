"""Cadences against each other, and against what the APIs and our shares of them allow."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.nansen.client import PERP_TRADES_LIMIT, PERP_TRADES_PERIOD
from hlcopy.config.findings import Finding, Severity, names
from hlcopy.config.workload import DAY, credits_a_day, weight_a_minute
from hlcopy.domain.models import NANSEN, SkipReason
from hlcopy.domain.rations import MONITOR, POLL, share_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hlcopy.config.settings import Settings
    from hlcopy.config.workload import Asked, Load
    from hlcopy.domain.policy import Policy

_SCORE_SLACK: Final = timedelta(hours=2)


def rates(settings: Settings, policy: Policy, load: Load, asked: Sequence[Asked]) -> Iterator[Finding]:
    """Yield what the APIs won't allow, and what comes too late to be of use."""
    yield from _shares(settings, asked)
    if settings.trade_source == NANSEN:
        yield from _nansen_pace(policy, load)
    yield from _credits(settings, asked)
    yield from _too_late(policy)
    yield from _too_many(policy)


def _shares(settings: Settings, asked: Sequence[Asked]) -> Iterator[Finding]:
    per_minute = settings.hyperliquid_weight_per_minute
    for share, commands, fields, remedy in (
        (MONITOR, ("monitor",), ("monitor_interval_sec",), "let it run less often, or hold fewer positions"),
        (
            POLL,
            ("poll", "positions"),
            ("polling_interval_address_trades_sec", "primary_traders"),
            "read each trader less often, or follow fewer",
        ),
    ):
        needed, limit = weight_a_minute(asked, *commands), share_of(share, per_minute)
        if needed > limit:
            yield Finding(
                name=names(*fields),
                severity=Severity.ERROR if share == MONITOR else Severity.WARNING,
                why=f"{' and '.join(commands)} would need {needed:,.0f} weight a minute; their share is {limit:,}",
                remedy=f"{remedy}; shares grow with {names('hyperliquid_weight_per_minute')}, which the venue caps at 1,200",
            )
    if per_minute > 1_200:  # noqa: PLR2004 - the venue's own limit
        yield Finding(
            name=names("hyperliquid_weight_per_minute"),
            severity=Severity.WARNING,
            why=f"{per_minute:,} is more than the 1,200 a minute that the venue allows an address: it answers 429",
            remedy="at most 1,200, less where other programs use the same address",
        )


def _nansen_pace(policy: Policy, load: Load) -> Iterator[Finding]:
    every = max(policy.cadence.address_trades, policy.cadence.trades)
    room = every / PERP_TRADES_PERIOD * PERP_TRADES_LIMIT
    if load.primary > room:
        turn = load.primary / PERP_TRADES_LIMIT * PERP_TRADES_PERIOD
        yield Finding(
            name=names("polling_interval_address_trades_sec", "trade_source"),
            severity=Severity.WARNING,
            why=(
                f"Nansen allows {PERP_TRADES_LIMIT} reads of trades a minute: {load.primary:.0f} traders have their turn every "
                f"{turn.total_seconds():,.0f} s, not every {every.total_seconds():,.0f}"
            ),
            remedy=f"copy at most {int(room)} traders, read them less often, or set {names('trade_source')}=hyperliquid",
        )


def _credits(settings: Settings, asked: Sequence[Asked]) -> Iterator[Finding]:
    needed, budget = credits_a_day(asked), settings.nansen_credits_per_day
    if needed <= budget:
        return
    paid = settings.trade_source == NANSEN
    yield Finding(
        name=names("nansen_credits_per_day"),
        severity=Severity.ERROR if paid else Severity.WARNING,
        why=(
            f"a day needs {needed:,.0f} credits, and {budget:,} may be spent: "
            + ("traders aren't read from then to midnight UTC" if paid else "the public leaderboard is read instead")
        ),
        remedy="raise it, or copy fewer traders, or read them less often" if paid else "raise it",
    )


def _too_late(policy: Policy) -> Iterator[Finding]:
    """Find cadences at which signals, or scores, are too old by the time they are looked at."""
    entry, cadence = policy.entry, policy.cadence
    from_eligible = entry.timing_from == "eligible"
    window = entry.limit_until if from_eligible else max(entry.limit_until - entry.copy_delay, timedelta(0))
    if from_eligible and cadence.trades >= entry.market_until:
        late = cadence.trades >= entry.limit_until
        yield Finding(
            name=names("polling_interval_trades_sec"),
            severity=Severity.ERROR if late else Severity.WARNING,
            why=(
                f"signals are looked at every {_told(cadence.trades)}: many are past the {_told(entry.market_until)} in which they "
                f"are entered at the market" + (f", or past {_told(window)} and {SkipReason.TOO_OLD}" if late else "")
            ),
            remedy=f"look more often than every {_told(entry.market_until)}",
        )
    reach = entry.copy_delay + window
    if from_eligible and cadence.address_trades > reach:
        yield Finding(
            name=names("polling_interval_address_trades_sec"),
            severity=Severity.WARNING,
            why=f"orders found more than {_told(reach)} after they happened are {SkipReason.TOO_OLD}; a trader's turn comes "
            f"every {_told(cadence.address_trades)}",
            remedy=f"read each trader at least every {_told(reach)}",
        )
    if cadence.leaderboard > entry.max_score_age - _SCORE_SLACK:
        yield Finding(
            name=names("polling_interval_leaderboard_sec"),
            severity=Severity.ERROR,
            why=f"scores older than {_told(entry.max_score_age)} let nothing in ({SkipReason.STALE_SCORE}), and they are made every "
            f"{_told(cadence.leaderboard)}",
            remedy=f"score daily: {int(DAY.total_seconds())}",
        )


def _too_many(policy: Policy) -> Iterator[Finding]:
    scoring, entry = policy.scoring, policy.entry
    followed = scoring.primary_traders + scoring.secondary_traders
    if followed > scoring.max_histories:
        yield Finding(
            name=names("primary_traders", "secondary_traders"),
            severity=Severity.WARNING,
            why=f"{followed} traders can never be followed: a day reads the histories of {scoring.max_histories}",
            remedy=f"at most {scoring.max_histories} together",
        )
    if entry.require_consensus and entry.consensus_min_traders > followed:
        yield Finding(
            name=names("consensus_min_traders"),
            severity=Severity.ERROR,
            why=f"{entry.consensus_min_traders} traders can never agree: at most {followed} are followed",
            remedy=f"at most {followed}",
        )
    if entry.require_consensus and entry.consensus_min_traders == 1:
        yield Finding(
            name=names("consensus_min_traders"),
            severity=Severity.WARNING,
            why="a consensus of one is always there",
            remedy=f"2 or more, or {names('require_consensus')}=0",
        )


def _told(span: timedelta) -> str:
    seconds = span.total_seconds()
    for unit, length in (("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"
