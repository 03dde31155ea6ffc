"""What of the settings cannot work, whatever the market does: asked of the rules themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.config import lint_caps, lint_rates, probe
from hlcopy.config.findings import Finding, Severity, idle, names
from hlcopy.config.workload import forecast
from hlcopy.domain import gates
from hlcopy.domain.book import ExitReason
from hlcopy.domain.models import OrderType, Side, SkipReason
from hlcopy.domain.stops import trigger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hlcopy.config.lint_caps import WorstDay
    from hlcopy.config.probe import LeastEquity
    from hlcopy.config.settings import Settings
    from hlcopy.config.workload import Asked, Load
    from hlcopy.domain.policy import EntryPolicy, Policy

_ORDER: Final = (Severity.ERROR, Severity.WARNING, Severity.NOTE)
_LONGEST_MINUTES: Final = 2_000  # a delay is a day at most
_STEP: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linted:
    """All that lint has to say; `equity` in USD is the account's that it was judged for."""

    findings: Sequence[Finding]
    equity: float
    least: Sequence[LeastEquity]
    worst: WorstDay
    load: Load
    asked: Sequence[Asked]


def lint(settings: Settings, *, equity: float, load: Load, gap_percent: float) -> Linted:
    """Judge the settings for an account of an equity and a load, its stops gapping by some percent at worst.

    Findings come with the worst first.
    """
    policy = settings.policy()
    asked, least = forecast(settings, load), probe.least_equities(policy)
    found = [
        *_timing(policy.entry),
        *_weights(settings, policy.entry),
        *lint_caps.caps(settings, policy, equity),
        *lint_caps.sizes(policy, equity, least),
        *lint_caps.stops(policy),
        *_exits(policy),
        *lint_rates.rates(settings, policy, load, asked),
    ]
    return Linted(
        findings=sorted(found, key=lambda each: _ORDER.index(each.severity)),
        equity=equity,
        least=least,
        worst=lint_caps.worst_day(policy, equity, gap_percent),
        load=load,
        asked=asked,
    )


def _timing(entry: EntryPolicy) -> Iterator[Finding]:
    """Find the branches of step 6 that no candidate can reach: none is younger than the delay where age counts from the trade."""
    youngest = entry.copy_delay if entry.timing_from == "trade" else timedelta(0)
    reached = {_branch(entry, youngest + number * _STEP) for number in range(2 * _LONGEST_MINUTES)}
    dead = [
        name for branch, name in ((OrderType.MARKET, "market"), (OrderType.LIMIT, "limit")) if branch not in reached
    ]
    if not dead:
        return
    windows = {"market": entry.market_until, "limit": entry.limit_until}
    told = " and ".join(f"{name} (under {windows[name] // timedelta(minutes=1)} min)" for name in dead)
    alone = "limit" in dead
    rest = (
        f"; what is left needs a score above {entry.late_min_score:g} and a weight above {entry.late_min_weight:g}, which "
        "hardly any trader has"
        if alone
        else ""
    )
    yield Finding(
        name=names("timing_from", "copy_delay_minutes"),
        severity=Severity.ERROR if alone else Severity.WARNING,
        why=(
            f"dead branches: {told}. Age counts from the trade, and every signal waits "
            f"{entry.copy_delay.total_seconds() / 60:g} min{rest}"
        ),
        remedy=f"{names('timing_from')}=eligible counts from when the wait is over",
    )


def _branch(entry: EntryPolicy, age: timedelta) -> OrderType | None:
    """Return what a candidate of an age becomes that has neither score nor weight to be let in late."""
    found = gates.timing_gate(age, 0.0, 0.0, 0.0, entry)
    return None if isinstance(found, SkipReason) else found.order_type


def _weights(settings: Settings, entry: EntryPolicy) -> Iterator[Finding]:
    """Find the check for 5 % shadowed by the gate before it."""
    just_below = entry.min_confidence_weight * (1 - 1e-9)
    if gates.weight_gate(just_below, entry) is not SkipReason.LOW_CONFIDENCE:
        yield Finding(
            name=names("min_position_weight"),
            severity=idle(settings, "min_position_weight"),
            why=(
                f"the check for {entry.min_confidence_weight:.0%} ({SkipReason.LOW_CONFIDENCE}) is shadowed: what would fail it "
                f"fails {entry.min_position_weight:.0%} before ({SkipReason.LOW_WEIGHT})"
            ),
            remedy="nothing to do: the stricter of the two is in force",
        )


def _exits(policy: Policy) -> Iterator[Finding]:
    """Find a hard stop that the trailing one is tighter than from the first moment on."""
    at_entry = [trigger(100.0, 100.0, side, policy.exit) for side in Side]
    if all(each.reason is ExitReason.TRAILING_STOP for each in at_entry):
        yield Finding(
            name=names("trailing_stop_percent", "stop_loss_percent"),
            severity=Severity.WARNING,
            why=(
                f"the hard stop at {policy.exit.stop_loss_percent:g}% is never reached: the trailing one begins at "
                f"{policy.exit.trailing_stop_percent:g}%"
            ),
            remedy="a trailing stop wider than the hard one, or both where you want the loss bounded",
        )
