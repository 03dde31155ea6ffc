"""Traders as tables within 80 columns, and what one trader's score was made of."""

from __future__ import annotations

import math
import re
import textwrap
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Final

from hlcopy.render import text, tones
from hlcopy.render.tables import Column, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hlcopy.domain.models import Trader

    Terms = Mapping[str, float | str | None]

_LABEL: Final = 12
_MOMENT: Final = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")
_UNBROKEN: Final = "\N{NO-BREAK SPACE}"
_WIDTH: Final = 79
_THOUSAND: Final = 1_000.0
_LONGEST: Final = 9_999.5
_NUMBERS: Final = (
    Column("7D %", right=True, tone=tones.gain),
    Column("30D %", right=True, tone=tones.gain),
    Column("90D %", right=True, tone=tones.gain),
    Column("WIN", right=True),
    Column("EQUITY", right=True),
)
_FOLLOWED: Final = (
    Column("#", right=True),
    Column("TRADER"),
    Column("LABEL"),
    Column("TIER"),
    Column("SCORE", right=True),
    Column("STYLE"),
    *_NUMBERS,
)
_LEFT_OUT: Final = (Column("TRADER"), Column("LABEL"), Column("REASON"), Column("STYLE"), *_NUMBERS)
_PARTS: Final = (Column("PART"), Column("WEIGHT", right=True), Column("VALUE", right=True), Column("MADE OF"))


def traders_tables(traders: Sequence[Trader], now: datetime, width: int | None, *, with_left_out: bool) -> str:
    """Return the followed traders as a table, and those left out as another one or as a line of their reasons."""
    followed = [trader for trader in traders if is_followed(trader, now)]
    left_out = [trader for trader in traders if not is_followed(trader, now)]
    shown = table("Traders", _FOLLOWED, [_followed_row(trader) for trader in followed], width=width)
    if with_left_out:
        return shown + "\n" + table("Left out", _LEFT_OUT, [_left_out_row(each, now) for each in left_out], width=width)
    if not left_out:
        return shown
    reasons = Counter(_reason(trader, now) for trader in left_out)
    told = ", ".join(f"{count:,}{_UNBROKEN}{reason}" for reason, count in reasons.most_common())
    room = _WIDTH if width is None else min(width, _WIDTH)
    summed = textwrap.fill(f"Left out: {told}; see them with --all", room, subsequent_indent="  ")
    return f"{shown}\n{summed.replace(_UNBROKEN, ' ')}\n"


def is_followed(trader: Trader, now: datetime) -> bool:
    """Whether a trader has a tier, or is followed without a score, and isn't blacklisted."""
    return (trader.tier is not None or not trader.scored) and not _is_blacklisted(trader, now)


def trader_detail(trader: Trader, now: datetime, width: int | None) -> str:
    """Return all that is known of one trader: its place, its numbers and where each comes from, its score part by part."""
    terms = trader.terms
    lines = [
        ("address", trader.address),
        ("label", text.safe(trader.label or text.DASH)),
        ("tier", trader.tier or f"none: {_reason(trader, now)}"),
        ("style", trader.style or text.DASH),
        ("equity", _with(text.money(trader.account_value), terms.get("account_value_from"))),
        ("roi 7 days", _with(text.percent(trader.roi_7d, signed=True), terms.get("roi_7d_from"))),
        ("roi 30 days", _with(text.percent(trader.roi_30d, signed=True), terms.get("roi_30d_from"))),
        ("roi 90 days", _with(text.percent(trader.roi_90d, signed=True), terms.get("roi_90d_from"))),
        ("realised 30 days", _with(_money(terms, "realized_30d_usd"), terms.get("realized_30d_from"))),
        ("volume 30 days", _money(terms, "volume_30d_usd")),
        ("win rate", _win_rate(trader.win_rate)),
        ("trades", _with(text.count(trader.nof_trades), terms.get("nof_trades_from"))),
        ("fills", _fills(terms)),
        ("record", _record(terms)),
        ("leaderboard", _with(str(terms.get("leaderboard") or text.DASH), _rank(terms))),
        ("scored", _when(trader.last_scored_at)),
    ]
    told = "".join(
        textwrap.fill(f"{name:<18}{text.safe(_in_local_time(value))}", _WIDTH, subsequent_indent=" " * 18) + "\n"
        for name, value in lines
    )
    return told + _score_text(trader, width)


def _record(terms: Terms) -> str:
    """Return what speaks for and against believing the history, as the gates of selection see it."""
    if "entries" not in terms:
        return text.DASH
    parts = [
        f"best round trip {_share(terms, 'profit_share')} of profits",
        f"under a minute {_share(terms, 'quick_share')}",
        f"{_number(terms, 'entries_cut', 0)} of {_number(terms, 'entries', 0)} entries cut at once",
        f"transfers in a week {_share(terms, 'flow_share')} of equity",
        f"skill {_number(terms, 'skill', 1)} against {_number(terms, 'luck', 1)} by luck",
    ]
    return ", ".join(parts)


def _share(terms: Terms, name: str) -> str:
    share = terms.get(name)
    return f"{share:.0%}" if isinstance(share, float) else "unknown"


def _score_text(trader: Trader, width: int | None) -> str:
    """Return the parts of a score as a table, and how they make the score."""
    terms = trader.terms
    if "raw" not in terms:
        return f"score             {text.DASH} (nothing of its trades was read)\n"
    rows = [
        (_title(name), _number(terms, f"{name}_weight"), _number(terms, name), told(terms))
        for name, told in _MADE_OF.items()
    ]
    neutral = [_title(name) for name in str(terms.get("neutral") or "").split(", ") if name]
    note = f"Neutral 0.5 for want of input: {', '.join(neutral)}.\n" if neutral else ""
    unfit = "" if trader.disqualified_reason in {None, "OUTRANKED"} else f"; counts 0: {trader.disqualified_reason}"
    total = (
        f"Score {trader.score:.3f} = sum {_number(terms, 'raw')} x decay {_number(terms, 'decay')} "
        f"(last active {terms.get('last_activity') or text.DASH}){unfit}"
    )
    shown = table("Score", _PARTS, rows, width=width)
    return "\n" + shown + "\n" + note + textwrap.fill(_in_local_time(total), _WIDTH, subsequent_indent="  ") + "\n"


_MADE_OF: Final[Mapping[str, Callable[[Terms], str]]] = {
    "normalized_roi": lambda terms: "return of 90 days" if terms.get("roi_90d_from") else "return of 90 days: unknown",
    "normalized_sharpe": lambda terms: f"returns of {_number(terms, 'round_trips', 0)} round trips",
    "normalized_win_rate": lambda terms: (
        f"wins among them; {_number(terms, 'incomplete_trips', 0)} more weren't seen whole"
    ),
    "consistency_score": lambda terms: f"returns of {terms.get('consistency_windows') or 'unknown windows'}",
    "smart_money_bonus": lambda terms: (
        ("smart money" if terms.get("smart_money") else "label")
        if terms.get("label_known")
        else f"the {terms.get('leaderboard')} leaderboard has no labels"
    ),
    "risk_management_score": lambda terms: f"leverage {_number(terms, 'leverage', 2)} over 30 days",
}
"""What each part of a score was made of, in words."""


def _followed_row(trader: Trader) -> tuple[str, ...]:
    rank = trader.terms.get("rank")
    return (
        text.DASH if rank is None else str(rank),
        text.short_address(trader.address),
        _label(trader),
        trader.tier or "unscored",
        f"{trader.score:.3f}",
        trader.style or text.DASH,
        *_numbers(trader),
    )


def _left_out_row(trader: Trader, now: datetime) -> tuple[str, ...]:
    return (
        text.short_address(trader.address),
        _label(trader),
        _until(trader) if _is_blacklisted(trader, now) else _reason(trader, now),
        trader.style or text.DASH,
        *_numbers(trader),
    )


def _numbers(trader: Trader) -> tuple[str, ...]:
    return (
        _percent(trader.roi_7d),
        _percent(trader.roi_30d),
        _percent(trader.roi_90d),
        _win_rate(trader.win_rate),
        text.short_money(trader.account_value),
    )


def _label(trader: Trader) -> str:
    return text.safe(text.safe(trader.label or ""), _LABEL)


def _reason(trader: Trader, now: datetime) -> str:
    if _is_blacklisted(trader, now):
        return "BLACKLISTED"
    return trader.disqualified_reason or "NOT_SCORED"


def _in_local_time(told: str) -> str:
    """Return text whose moments, stored as ISO 8601 in UTC, are told as a person reads them."""
    return _MOMENT.sub(lambda found: _when(datetime.fromisoformat(found[0])), told)


def _when(at: datetime | None) -> str:
    return text.DASH if at is None else f"{text.local(at)} {text.zone(at)}"


def _until(trader: Trader) -> str:
    return f"until {text.day(trader.blacklisted_until)}"


def _is_blacklisted(trader: Trader, now: datetime) -> bool:
    return trader.blacklisted_until is not None and trader.blacklisted_until > now


def _percent(value: float | None) -> str:
    """Return a percentage in at most five characters, such as `+12`, `-140` and `+12k`."""
    if value is None or not math.isfinite(value):
        return text.DASH
    if abs(value) < _LONGEST:
        return f"{value:+.0f}" if round(value) else "0"
    return f"{min(max(value / _THOUSAND, -999), 999):+.0f}k"


def _win_rate(value: float | None) -> str:
    return text.DASH if value is None or not math.isfinite(value) else f"{value:.0%}"


def _money(terms: Terms, name: str) -> str:
    value = terms.get(name)
    return text.money(value if isinstance(value, float) else None)


def _number(terms: Terms, name: str, places: int = 3) -> str:
    value = terms.get(name)
    return f"{value:.{places}f}" if isinstance(value, (int, float)) and math.isfinite(value) else text.DASH


def _with(value: str, source: float | str | None) -> str:
    return f"{value} ({source})" if source else value


def _fills(terms: Terms) -> str:
    if "fills" not in terms:
        return text.DASH
    return f"{_number(terms, 'fills', 0)} since {terms.get('fills_from')}, all of them"


def _rank(terms: Terms) -> str | None:
    rank = terms.get("leaderboard_rank")
    return None if rank is None else f"rank {rank} by PnL over equity"


def _title(name: str) -> str:
    return name.removeprefix("normalized_").removesuffix("_score").replace("_", " ")
