"""Decisions made again, as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.domain.decision import Open
from hlcopy.render import text, tones
from hlcopy.render.tables import Column, table, times
from hlcopy.render.why import PLAIN_WIDTH, folded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hlcopy.ticks.again import Again

_FIELDS: Final = (Column("FIELD"), Column("STORED"), Column("MADE AGAIN"))
_CHANGED: Final = (
    Column("COIN"),
    Column("STORED", tone=tones.decision),
    Column("WOULD BE", tone=tones.decision),
)
_TOLD: Final = 20


def replays_text(done: Sequence[Again], changes: Sequence[str], width: int | None) -> str:
    """Return what making decisions again gave: of one in full, of many their number and those that differ."""
    if len(done) == 1 and not changes:
        return _one(done[0], width)
    if changes:
        return _changed(done, changes, width)
    wrong = [each for each in done if each.differences or isinstance(each.made, Open)]
    unkept = sum(each.made is None for each in done)
    same = len(done) - len(wrong) - unkept
    told = f"{same:,} of {text.counted(len(done), 'decision')} are the same to the byte"
    told += f"; {unkept:,} were made before it was kept what they were made from" if unkept else ""
    return folded(f"{told}.") + "".join("\n" + _one(each, width) for each in wrong[:_TOLD])


def _one(each: Again, width: int | None) -> str:
    name = f"{each.signal.id[:8]} {each.signal.coin} {each.signal.decision}"
    if each.made is None:
        return folded(f"{name}: what it was made from wasn't kept, so it can't be made again.")
    if isinstance(each.made, Open):
        return folded(f"{name}: {each.made.value}.")
    if each.same:
        return folded(f"{name}: the same decision to the byte (decided by hlcopy {each.version}).")
    rows = [(field, _shown(was), _shown(now)) for field, (was, now) in each.differences.items()]
    return folded(f"{name}: NOT the same (decided by hlcopy {each.version}).") + table(
        "Differences", _FIELDS, rows, width=width
    )


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(item)}" for name, item in value.items())
    return text.DASH if value is None else str(value)


def _changed(done: Sequence[Again], changes: Sequence[str], width: int | None) -> str:
    moved = [each for each in done if _verdict(each) != each.signal.decision and each.made is not None]
    rows = [
        (
            each.signal.id[:8],
            text.local(each.signal.trade_time),
            each.signal.coin,
            _sized(each.signal.decision, each.signal.copy_size_usd),
            _verdict(each),
        )
        for each in _resized(done)
    ]
    said = f"With {', '.join(changes)} the decision changes for {len(moved):,} of {len(done):,}"
    resized = len(rows) - len(moved)
    said += f", and the size for {resized:,} more." if resized else "."
    parts = [folded(said)]
    if rows:
        traded = times("TRADED", [each.signal.trade_time for each in done])
        parts.append(
            table("Changes", (Column("SIGNAL"), traded, *_CHANGED), rows[:_TOLD], width=width, plain_width=PLAIN_WIDTH)
        )
    if len(rows) > _TOLD:
        parts.append(f"and {len(rows) - _TOLD:,} more; --json has them all\n")
    if len(done) == 1 and isinstance(done[0].made, Open):
        parts.append(folded(f"It isn't known how it ends: {done[0].made.value}."))
    return "\n".join(parts)


def _resized(done: Sequence[Again]) -> Iterator[Again]:
    """Yield those whose decision or size is another."""
    for each in done:
        if isinstance(each.made, Open) or {"decision", "copy_size_usd"} & set(each.differences):
            yield each


def _sized(decision: str, usd: float | None) -> str:
    return decision if usd is None or decision.startswith("SKIP") else f"{decision} {text.short_money(usd)}"


def _verdict(each: Again) -> str:
    if each.made is None:
        return text.DASH
    if isinstance(each.made, Open):
        return f"further ({each.made.name.lower()})"
    if "copy_size_usd" in each.differences and each.made.decision == each.signal.decision:
        return _sized(each.made.decision, each.made.copy_size_usd)
    if each.signal.decision != each.made.decision and "decision" not in each.differences:
        return each.signal.decision  # what the venue made of it
    return each.made.decision


def replays_document(done: Sequence[Again], changes: Sequence[str]) -> dict[str, object]:
    """Return decisions made again as JSON."""
    return {
        "with": list(changes),
        "decisions": len(done),
        "same": sum(each.same for each in done),
        "not_kept": sum(each.made is None for each in done),
        "different": [
            {
                "signal_id": each.signal.id,
                "decided_by": each.version,
                "ends_at": each.made.name if isinstance(each.made, Open) else None,
                "differences": {name: {"stored": was, "made": now} for name, (was, now) in each.differences.items()},
            }
            for each in done
            if each.made is not None and not each.same
        ],
    }
