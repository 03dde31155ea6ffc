"""A drill, its kills and its planted bugs as one document and as text within 80 columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hlcopy.render.backtest import paragraphs
from hlcopy.render.tables import Column, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.drill.episodes import Failure, Plan, Sums

_FAULTS: Final = (
    Column("FAULT"),
    Column("HAPPENED", right=True),
    Column("EPISODES", right=True),
    Column("ENDED PROTECTED", right=True),
    Column("BOOKS EQUAL", right=True),
)
_KILLS: Final = (Column("KILLED AT"), Column("PASSED", right=True), Column("KILLS", right=True))
_BUGS: Final = (Column("PLANTED BUG"), Column("TICKS", right=True), Column("CAUGHT IN"), Column("BY"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A planted bug: after how many ticks it was caught, where, and by what; by nothing where it wasn't."""

    bug: str
    ticks: int
    where: str = ""
    caught_by: str = ""
    text: str = ""


def drill_document(plan: Plan, sums: Sums, *, seconds: float, failure: str | None) -> dict[str, Any]:
    """Return the one JSON document of a drill."""
    told = sums.document()
    return {
        "command": "drill",
        "ok": not sums.failures,
        "seed": plan.seed,
        "fault_rate": plan.rate,
        "episode_seeds": _seeds_of(plan, sums),
        "jobs": plan.jobs,
        "seconds": round(seconds, 1),
        "ticks_per_second": _rate(sums, seconds),
        "violations": [_violation(each) for each in sums.failures],
        "failure_file": failure,
        "boundaries_never_killed": _never_killed(sums),
        **{name: told[name] for name in sorted(told) if name != "failures"},
    }


def proof_document(proofs: Sequence[Proof], *, seconds: float) -> dict[str, Any]:
    """Return the one JSON document of planted bugs."""
    return {
        "command": "drill",
        "ok": all(each.caught_by for each in proofs),
        "seconds": round(seconds, 1),
        "bugs": [
            {
                "bug": each.bug,
                "ticks": each.ticks,
                "caught_in": each.where,
                "caught_by": each.caught_by,
                "text": each.text,
            }
            for each in proofs
        ],
    }


def drill_text(
    plan: Plan, sums: Sums, width: int | None, *, seconds: float, failure: str | None, seeds: str | None = None
) -> str:
    """Return a drill as text; `seeds` names those of several plans that were added up."""
    faults = [
        (name, *(f"{n:,}" for n in (count, sums.in_episodes[name], sums.protected[name], sums.converged[name])))
        for name, count in sums.faults.most_common()
    ]
    kills = [(label, f"{sums.boundaries[label]:,}", f"{sums.kills[label]:,}") for label in sorted(sums.boundaries)]
    never = _never_killed(sums)
    first, last = _seeds_of(plan, sums)
    lines = [
        f"{sums.ticks:,} ticks in {sums.episodes:,} episodes and {sums.kill_runs:,} kills of the story, faults {plan.rate:.0%}",
        seeds or f"seed {plan.seed}: its episodes have the seeds {first} to {last}",
        f"{_rate(sums, seconds):,.0f} ticks/s; ended: "
        + ", ".join(f"{n:,} {name}" for name, n in sums.outcomes.most_common()),
        "orders: " + (", ".join(f"{n:,} {name}" for name, n in sorted(sums.orders.items())) or "none"),
        f"longest without a stop: {sums.longest_naked_ms / 1000:,.0f} s, agent gone and machine off included",
        f"longest unresolved order: {sums.longest_unknown_ms / 1000:,.0f} s; longest tick: {sums.longest_tick_ms / 1000:.0f} s; heaviest: {sums.heaviest_tick}",
        f"never killed at: {', '.join(never)}" if never else "killed at every boundary at least once",
    ]
    said = [
        table("Faults", _FAULTS, faults, width=width),
        table("Kills", _KILLS, kills, width=width),
        paragraphs("Drilled", lines),
    ]
    said += [_told(each, failure) for each in sums.failures] or ["no violation\n"]
    return "\n".join(said)


def proof_text(proofs: Sequence[Proof], width: int | None) -> str:
    """Return planted bugs as text."""
    rows = [(each.bug, f"{each.ticks:,}", each.where or "NOT CAUGHT", each.caught_by) for each in proofs]
    caught = sum(bool(each.caught_by) for each in proofs)
    return table("Planted bugs", _BUGS, rows, width=width) + f"\n{caught} of {len(proofs)} caught\n"


def replay_document(failure: Failure, again: Failure | None) -> dict[str, Any]:
    """Return the one JSON document of a replay."""
    return {
        "command": "drill",
        "ok": again is None,
        "seed": failure.seed,
        "violations": [] if again is None else [_violation(again)],
    }


def replay_text(failure: Failure, again: Failure | None) -> str:
    """Return a replay as text."""
    if again is None:
        return f"no violation any more: {len(failure.decisions)} decisions, seed {failure.seed}\n"
    return _told(again, None)


def _told(failure: Failure, path: str | None) -> str:
    kept = f"; {len(failure.decisions)} decisions lead there, kept in {path}: please report that file" if path else ""
    return f"VIOLATION of {failure.invariant}, seed {failure.seed}: {failure.text}{kept}\n"


def _violation(failure: Failure) -> dict[str, Any]:
    return {"invariant": failure.invariant, "text": failure.text, "seed": failure.seed, "decisions": failure.decisions}


def _seeds_of(plan: Plan, sums: Sums) -> tuple[int, int]:
    """Return the first and the last seed of the episodes."""
    from hlcopy.drill.episodes import seeds

    first = next(seeds(plan))
    return first, first + max(0, sums.episodes - 1)


def _never_killed(sums: Sums) -> list[str]:
    return sorted(label for label in sums.boundaries if not sums.kills[label])


def _rate(sums: Sums, seconds: float) -> float:
    return round((sums.ticks - sums.resumed_ticks) / seconds, 1) if seconds > 0 else 0.0
