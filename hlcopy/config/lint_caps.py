"""Caps that can never bind, sizes that never pass, stops beyond liquidation, and what the worst day costs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hlcopy.config import probe
from hlcopy.config.findings import Finding, Severity, idle, names
from hlcopy.domain.margin import liquidation_price, safe_leverage
from hlcopy.domain.models import Side, SkipReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hlcopy.config.probe import LeastEquity
    from hlcopy.config.settings import Settings
    from hlcopy.domain.policy import LimitsPolicy, Policy

COIN_LEVERAGES: Final = (3, 5, 10, 20, 25, 40, 50)
"""The highest leverages that the venue gives its coins."""
_NEVER: Final = 1e9  # of equity: no cap that large has ever bound
_NEARLY: Final = 1 - 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstDay:
    """What it costs when every stop of the fullest book is gapped through at once, in USD; `paused_by` stops entries then."""

    gap_percent: float
    positions: int
    exposure_usd: float
    loss_usd: float
    loss_percent: float
    paused_by: str | None


def worst_day(policy: Policy, equity: float, gap_percent: float) -> WorstDay:
    """Return the loss of the fullest book: each stop filled a gap beyond its trigger, fees for both ways included.

    Isolated margin bounds a loss, but at the lowest leverage that is all of what was put in.
    """
    book = probe.fullest_book(policy, equity)
    lost = min(policy.exit.stop_loss_percent + gap_percent, 100.0) + 2 * policy.costs.taker_fee_percent
    loss = book.exposure_usd * lost / 100
    percent = 100 * loss / equity
    breakers = policy.breakers
    paused = None
    if breakers.on and percent >= breakers.max_drawdown_percent:
        paused = names("max_drawdown_percent")
    elif breakers.on and percent >= breakers.max_daily_loss_percent:
        paused = names("max_daily_loss_percent")
    elif breakers.on and book.positions >= breakers.max_stops_in_6h:
        paused = names("max_stops_in_6h")
    return WorstDay(
        gap_percent=gap_percent,
        positions=book.positions,
        exposure_usd=book.exposure_usd,
        loss_usd=loss,
        loss_percent=percent,
        paused_by=paused,
    )


def caps(settings: Settings, policy: Policy, equity: float) -> Iterator[Finding]:
    """Yield the caps whose absence would change nothing, seen by leaving each out of the fullest books there can be."""
    limits = policy.limits
    for fields, without, why in (
        (
            "max_exposure_per_token",
            replace(limits, max_exposure_per_token=_NEVER),
            "it can never bind: one position a coin is held, and the caps on a single one keep it below",
        ),
        (
            "max_total_open_positions_usd_ratio",
            replace(limits, max_total_exposure_ratio=_NEVER),
            "it binds only once prices have moved: all positions that there may be fit into it when they are opened",
        ),
        (
            "max_positions_per_trader",
            replace(limits, max_positions_per_trader=100_000),
            "it can never bind: no more positions may be open in all",
        ),
        (
            "max_same_side_ratio",
            replace(limits, max_same_side_ratio=_NEVER),
            "it can never bind: the caps on all positions bind first",
        ),
    ):
        if _same_books(policy, without, equity):
            remedy = "lower it to have it bind; left as it is it does no harm"
            severity = idle(settings, fields)
            yield Finding(name=names(fields), severity=severity, why=why, remedy=remedy)
    yield from _single_cap(settings, policy, equity)
    yield from _nothing_opens(policy, equity)


def _same_books(policy: Policy, limits: LimitsPolicy, equity: float) -> bool:
    """Whether the fullest books are the same under other limits, whatever side and trader their positions are of."""
    ways = list(itertools.product((False, True), repeat=3))
    before, after = (
        [
            probe.fullest_book(rules, equity, one_side=side, one_trader=trader, small=small)
            for side, trader, small in ways
        ]
        for rules in (policy, replace(policy, limits=limits))
    )
    return all(
        (one.positions, round(one.exposure_usd, 2)) == (other.positions, round(other.exposure_usd, 2))
        for one, other in zip(before, after, strict=True)
    )


def _single_cap(settings: Settings, policy: Policy, equity: float) -> Iterator[Finding]:
    """Find the cap in USD idle where the share of equity, which can't be set, binds first at this equity."""
    sizing = policy.sizing
    without = replace(policy, sizing=replace(sizing, max_single_position_usd=_NEVER * equity))
    if probe.largest(policy, equity) == probe.largest(without, equity):
        from_equity = sizing.max_single_position_usd / sizing.max_single_position_ratio
        yield Finding(
            name=names("max_single_position_usd"),
            severity=idle(settings, "max_single_position_usd"),
            why=f"with ${equity:,.0f} it never binds: a copy is at most {sizing.max_single_position_ratio:.0%} of our equity",
            remedy=f"it binds from an equity of ${from_equity:,.0f}; lower it to have it bind before",
        )


def _nothing_opens(policy: Policy, equity: float) -> Iterator[Finding]:
    book = probe.fullest_book(policy, equity)
    if book.positions == 0:
        by = book.refused_by or SkipReason.MAX_POSITIONS
        yield Finding(
            name=_CAP_OF.get(by, names("copy_ratio")),
            severity=Severity.ERROR,
            why=f"not even the largest signal into an empty book passes: {by}",
            remedy="raise it" if by is not SkipReason.SIZE_ZERO else "trade with more equity, or raise it",
        )
    if policy.breakers.on and policy.breakers.max_entries_per_day == 0:
        yield Finding(
            name=names("max_entries_per_day"),
            severity=Severity.ERROR,
            why="no entry a day is allowed",
            remedy="raise it, or use hlcopy halt for a while without entries",
        )


_CAP_OF: Final = {
    SkipReason.MAX_POSITIONS: names("max_total_positions"),
    SkipReason.MAX_EXPOSURE: names("max_total_open_positions_usd_ratio"),
    SkipReason.TOKEN_EXPOSURE: names("max_exposure_per_token"),
    SkipReason.DIRECTION_LIMIT: names("max_same_side_ratio"),
}


def sizes(policy: Policy, equity: float, least: Sequence[LeastEquity]) -> Iterator[Finding]:
    """Yield which signals of weight 0.10 this equity is too small for."""
    never = next((each for each in least if each.equity_usd is None), None)
    if never is not None:
        yield Finding(
            name=names("min_position_weight") if never.reason == SkipReason.LOW_WEIGHT else names("copy_ratio"),
            severity=Severity.WARNING,
            why=f"a signal of weight {probe.WEIGHT:.2f} never passes, whatever our equity: {never.reason}",
            remedy="intended where only heavier signals are wanted",
        )
        return
    needed = [(each.equity_usd or 0.0, each) for each in least]
    small = [each for usd, each in needed if usd > equity]
    if not small:
        return
    lowest, highest = (pick(usd for usd, _ in needed) for pick in (min, max))
    shut = len(small) == len(needed)
    yield Finding(
        name=names("copy_ratio"),
        severity=Severity.ERROR if shut else Severity.WARNING,
        why=(
            f"with ${equity:,.0f} {'no signal' if shut else f'{len(small)} of {len(needed)} kinds of signal'} of weight "
            f"{probe.WEIGHT:.2f} {'passes' if shut else 'never pass'}: copies under ${policy.sizing.min_copy_size_usd:,.0f} "
            f"are {SkipReason.SIZE_ZERO}"
        ),
        remedy=f"${lowest:,.0f} for the first to pass, ${highest:,.0f} for all; or raise it",
    )


def stops(policy: Policy) -> Iterator[Finding]:
    """Yield where the stop lies too near to liquidation, or beyond it, at our leverage cap."""
    rules, stop = policy.execution, policy.exit.stop_loss_percent
    cap = rules.max_leverage
    beyond: list[str] = []
    near: list[str] = []
    hopeless = False
    for most in COIN_LEVERAGES:
        wanted = min(cap, most)
        kept = [safe_leverage(wanted, side, most, stop, rules.min_liquidation_to_stop) for side in Side]
        hopeless |= None in kept
        if kept != [wanted, wanted]:
            distance = min(abs(1 - liquidation_price(1.0, side, wanted, most)) for side in Side)
            (beyond if distance * 100 <= stop else near).append(f"{most}x")
    told = [
        f"{where} on coins of at most {', '.join(coins)}"
        for where, coins in (
            ("beyond liquidation", beyond),
            (f"nearer to it than {rules.min_liquidation_to_stop:g} times the stop", near),
        )
        if coins
    ]
    if told:
        what = "such entries are refused" if hopeless else "the leverage is lowered there"
        yield Finding(
            name=names("stop_loss_percent"),
            severity=Severity.ERROR if hopeless else Severity.WARNING,
            why=f"at our cap of {cap}x a stop {stop:g}% away lies {', '.join(told)}: {what}",
            remedy="set a tighter stop",
        )
