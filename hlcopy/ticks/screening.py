"""The cheap screen: which rows of a leaderboard are candidates, in which order, and why the others aren't."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hlcopy.domain.selection import PRIMARY, Disqualified, screen
from hlcopy.ports import Leader, Placing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from hlcopy.domain.models import Trader
    from hlcopy.domain.policy import ScoringPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """A leaderboard after the screen: the rows worth keeping, and how many were left out for each reason."""

    board: tuple[Placing, ...]
    left_out: Mapping[str, int]


def screened(
    leaders: Iterable[Leader],
    known: Mapping[str, Trader],
    policy: ScoringPolicy,
    now: datetime,
    wanted: Collection[str] = frozenset(),
) -> Screened:
    """Rank the rows that pass by PnL over equity, take the best, and keep the rest by name while they matter.

    A primary that passes is taken whatever its rank (decision 9). Of those left out the best by PnL are kept, and every
    trader that is known already. A wallet followed without scoring is no candidate. Those `wanted` by a person are taken, too,
    without a rank where the leaderboard doesn't name them.
    """
    rows = _wallets(leaders, {address for address, trader in known.items() if not trader.scored})
    passing: list[Leader] = []
    failing: list[Placing] = []
    for leader in rows:
        reason = _fails(leader, known.get(leader.address), policy, now)
        if reason is None:
            passing.append(leader)
        else:
            failing.append(Placing(leader=leader, reason=reason))
    taken: list[Placing] = []
    for rank, leader in enumerate(sorted(passing, key=_by_return), start=1):
        if rank <= policy.max_candidates or leader.address in wanted or is_primary(known.get(leader.address)):
            taken.append(Placing(leader=leader, rank=rank))
        else:
            failing.append(Placing(leader=leader, rank=rank, reason=Disqualified.OUTRANKED))
    named = {leader.address for leader in rows}
    taken += [Placing(leader=_unlisted(address)) for address in sorted(wanted) if address not in named]
    left_out = Counter(str(placing.reason) for placing in failing)
    return Screened(board=(*taken, *_worth_a_row(failing, known, policy)), left_out=left_out)


def is_primary(trader: Trader | None) -> bool:
    """Whether a trader is primary by a score, and so keeps its place until it ranks too low."""
    return trader is not None and trader.tier == PRIMARY and trader.scored


def _wallets(leaders: Iterable[Leader], unscored: Collection[str]) -> list[Leader]:
    """Return each wallet's first row, its broken numbers made unknown."""
    found: dict[str, Leader] = {}
    for leader in leaders:
        address = leader.address.lower()
        if address not in found and address not in unscored:
            found[address] = replace(
                leader,
                address=address,
                account_value=_finite(leader.account_value),
                pnl_30d_usd=_finite(leader.pnl_30d_usd),
                volume_30d_usd=_finite(leader.volume_30d_usd),
                realized_30d_usd=_finite(leader.realized_30d_usd),
            )
    return list(found.values())


def _unlisted(address: str) -> Leader:
    """Return the row of a wallet that the leaderboard doesn't name: all is still to be read."""
    return Leader(address=address, account_value=None, pnl_30d_usd=None, volume_30d_usd=None)


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _fails(leader: Leader, known: Trader | None, policy: ScoringPolicy, now: datetime) -> Disqualified | None:
    return screen(
        account_value=leader.account_value,
        pnl_30d_usd=leader.pnl_30d_usd,
        volume_30d_usd=leader.volume_30d_usd,
        blacklisted_until=known.blacklisted_until if known else None,
        policy=policy,
        now=now,
    )


def _by_return(leader: Leader) -> tuple[float, str]:
    return (-(leader.pnl_30d_usd or 0.0) / (leader.account_value or math.inf), leader.address)


def _worth_a_row(failing: Iterable[Placing], known: Collection[str], policy: ScoringPolicy) -> list[Placing]:
    by_pnl = sorted(failing, key=_by_pnl)
    best, others = by_pnl[: policy.max_left_out], by_pnl[policy.max_left_out :]
    return best + [placing for placing in others if placing.leader.address in known]


def _by_pnl(placing: Placing) -> tuple[float, str]:
    pnl = placing.leader.pnl_30d_usd
    return (math.inf if pnl is None else -pnl, placing.leader.address)
