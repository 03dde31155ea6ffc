"""The story of a signal, of a position or of the present, in plain words."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from hlcopy.domain.book import IntentState, Purpose
from hlcopy.domain.decision import ORDER_ERROR
from hlcopy.domain.explained import Asks, Unit
from hlcopy.domain.models import DEFERRED, EXECUTE
from hlcopy.render import text, tones
from hlcopy.render.tables import Column, table, times

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hlcopy.domain.book import Order, Position, PositionAction
    from hlcopy.domain.explained import Check
    from hlcopy.domain.models import Signal
    from hlcopy.ticks.story import Ending, Present, Story

WIDTH: Final = 79
PLAIN_WIDTH: Final = 80
_HOLDS: Final[Mapping[bool | None, str]] = {True: "yes", False: "NO", None: text.DASH}
_GATES: Final = (Column("OK", tone=tones.proof), Column("GATE"), Column("MEASURED", right=True), Column("ASKED FOR"))
_ORDERS: Final = (
    Column("ORDER"),
    Column("SIZE", right=True),
    Column("PRICE", right=True),
    Column("THE VENUE'S ANSWER"),
)
_MOVES: Final = (Column("WHAT"), Column("PRICE", right=True), Column("WHY"))
_FUNNEL: Final = (Column("OF THE DAY'S ORDERS"), Column("COUNT", right=True))
_MISSES: Final = (
    Column("COIN"),
    Column("GATE"),
    Column("MEASURED", right=True),
    Column("ASKED FOR"),
    Column("OFF BY", right=True),
)
_RECENT: Final = (Column("TRADE"), Column("USD", right=True), Column("DECISION", tone=tones.decision))


def folded(line: str, *, item: bool = False) -> str:
    """Return a sentence within the width, as an item of a list where that is asked for."""
    first, later = ("  - ", "    ") if item else ("", "")
    return textwrap.fill(text.safe(line, 1_000), WIDTH, initial_indent=first, subsequent_indent=later) + "\n"


def number(value: float | str | None, unit: Unit | None) -> str:
    """Return what a gate measured or asks for."""
    if value is None or isinstance(value, str):
        return value or text.DASH
    if unit is Unit.USD:
        return text.short_money(value)
    if unit is Unit.SHARE:
        return f"{value * 100:,.4g}%"
    if unit is Unit.PERCENT:
        return f"{value:,.3g}%"
    if unit in {Unit.MINUTES, Unit.HOURS}:
        return f"{value:,.1f} {'min' if unit is Unit.MINUTES else 'h'}"
    return f"{value:,.6g}"


def asked(check: Check) -> str:
    """Return what a gate asks for."""
    told = number(check.needed, check.unit)
    return told if check.asks is None else f"{check.asks} {told}"


def differ(check: Check) -> str:
    """Return what would have had to be otherwise for a gate to hold."""
    measured, needed = check.measured, check.needed
    if isinstance(measured, float) and isinstance(needed, float):
        gap = number(abs(needed - measured), check.unit)
        more = "more" if check.asks in {Asks.AT_LEAST, Asks.ABOVE} else "less"
        return f"{check.gate}: {number(measured, check.unit)}, needed {asked(check)}: {gap} {more}"
    return f"{check.gate}: {number(measured, check.unit)}, needed: {asked(check)}"


def decision_words(signal: Signal) -> str:
    """Return a decision with what belongs to it."""
    if signal.decision == EXECUTE:
        return f"copied with {text.money(signal.copy_size_usd)}"
    if signal.decision == DEFERRED:
        why = str(signal.wait or "waiting").replace("_", " ")
        return f"deferred ({why}), looked at again {text.local(signal.check_at)}"
    return f"not copied: {signal.decision}"


def story_text(story: Story, width: int | None) -> str:
    """Return the whole story of a signal."""
    parts = [_head(story), _gates(story, width), _difference(story), *_entry(story, width), *_position(story, width)]
    parts += [_ending(story.ending)] if story.ending is not None else []
    return "\n".join(part for part in parts if part)


def _head(story: Story) -> str:
    signal, trader = story.signal, story.trader
    who = text.short_address(signal.trader)
    if trader is not None and trader.label:
        who += f" ({trader.label})"
    verb = {"Open": "opened", "Add": "added to", "Reduce": "reduced", "Close": "closed"}[signal.action]
    price = text.price(signal.trade_price)
    first = f"{who} {verb} a {signal.side.lower()} of {text.money(signal.value_usd)} in {signal.coin} at {price}, "
    first += f"{text.local(signal.trade_time, seconds=True)} {text.zone(signal.trade_time)}."
    weight = signal.position_weight
    if weight is not None:
        first += f" That is {weight * 100:,.1f}% of an account of {text.short_money(signal.trader_equity)}."
    second = f"Decided {text.local(signal.updated_at, seconds=True)}: {decision_words(signal)}."
    if story.position is not None:
        second += f" It is our position #{story.position.id}."
    return folded(first) + folded(second) + f"Signal {signal.id}\n"


def _gates(story: Story, width: int | None) -> str:
    if not story.checks:
        return folded("What each gate measured wasn't kept when this was decided: it is older than that record.")
    rows = [
        (_HOLDS[check.holds], check.gate, number(check.measured, check.unit), asked(check)) for check in story.checks
    ]
    return table("Gates", _GATES, rows, width=width, plain_width=PLAIN_WIDTH)


def _difference(story: Story) -> str:
    wrong = [check for check in story.checks if check.holds is False]
    if not wrong:
        return ""
    lines = "".join(folded(differ(check), item=True) for check in wrong)
    return "To be copied, this would have had to differ:\n" + lines


def _entry(story: Story, width: int | None) -> Iterator[str]:
    signal = story.signal
    if signal.copy_size_usd is not None:
        yield folded(_sizing(signal))
    if story.orders:
        rows = [_order_row(order) for order in story.orders]
        columns = (times("AT", [order.created_at for order in story.orders]), *_ORDERS)
        yield table("Orders", columns, rows, width=width, plain_width=PLAIN_WIDTH)
    refused = signal.detail.get(ORDER_ERROR)
    if isinstance(refused, str):
        yield folded(f"The venue said: {refused}")


def _sizing(signal: Signal) -> str:
    made = {name: value for name, value in signal.detail.items() if isinstance(value, (int, float))}
    told = f"Size: {text.money(made.get('base'))} by the trader's weight and our ratio"
    told += f" x {made.get('multiplier', 1.0):g} for his week x {made.get('penalty', 1.0):.2f} for leverage"
    if signal.leverage is not None:
        told += f" {signal.leverage:.1f}x"
    told += f", at most {text.money(made.get('cap'))} and what the limits left: {text.money(signal.copy_size_usd)}."
    return told


def _order_row(order: Order) -> tuple[str, ...]:
    what = {Purpose.ENTRY: "enter", Purpose.STOP: "stop", Purpose.EXIT: "leave"}[order.purpose]
    side = "buy" if order.is_buy else "sell"
    told = str(order.reason) if order.purpose is Purpose.EXIT and order.reason is not None else side
    price = order.trigger_price if order.trigger_price is not None else order.limit_price
    return (
        text.local(order.created_at, seconds=True)[5:],
        f"{what}: {told}",
        text.amount(order.size),
        text.price(price),
        _answer(order),
    )


def _answer(order: Order) -> str:
    if order.filled_size > 0:
        part = "" if order.filled_size >= order.size else f" {text.amount(order.filled_size)}"
        return f"filled{part} at {text.price(order.average_price)}"
    words = {
        IntentState.PENDING: "not known yet",
        IntentState.RESTING: "rests",
        IntentState.FILLED: "filled",
        IntentState.CANCELLED: "cancelled",
        IntentState.REFUSED: "refused",
        IntentState.NEVER_LANDED: "never landed",
    }[order.state]
    return f"{words}: {order.error}" if order.error else words


def _position(story: Story, width: int | None) -> Iterator[str]:
    position = story.position
    if position is None:
        return
    rows = [_move_row(position, action, story) for action in story.actions]
    if rows:
        columns = (times("AT", [action.at for action in story.actions]), *_MOVES)
        yield table(f"Position #{position.id}", columns, rows, width=width, plain_width=PLAIN_WIDTH)
    yield _costs(story, position)


def _move_row(position: Position, action: PositionAction, story: Story) -> tuple[str, ...]:
    return (
        text.local(action.at, seconds=True)[5:],
        action.action.replace("_", " "),
        text.price(action.price),
        _why_moved(position, action, story),
    )


def _why_moved(position: Position, action: PositionAction, story: Story) -> str:
    """Return why a stop lies where it was put, or why something was left."""
    if action.price is None or not action.action.startswith("stop"):
        return str(action.reason or "")
    off = (action.price / position.entry_price - 1) * 100 * position.side.sign
    if action.reason is not None and action.reason == "STOP_LOSS":
        return f"hard stop, {abs(off):.2g}% from the entry"
    if action.reason is None:
        return ""
    trail = story.evidence.policy.exit.trailing_stop_percent if story.evidence is not None else None
    kept = f"{'keeps' if off > 0 else 'risks'} {abs(off):.2g}%"
    if not trail:
        return f"trails; {kept}"
    best = action.price / (1 - position.side.sign * trail / 100)  # the trigger lies on a grid: it was this or better
    return f"trails {text.price(best)} or better; {kept}"


def _costs(story: Story, position: Position) -> str:
    slipped = sum(fill.slippage_usd for fill in story.fills)
    entry = position.side.sign * (position.entry_price / story.signal.trade_price - 1) * 100
    side = "worse" if entry > 0 else "better"
    parts = [
        f"We entered at {text.price(position.entry_price)}, {abs(entry):.2f}% {side} than the trader.",
        f"Fees {text.money(position.fees_usd)}, funding {text.money(position.funding_usd)}"
        + (f", slippage in the prices {text.money(slipped)}." if slipped else "."),
    ]
    if position.closed_at is not None:
        parts.append(
            f"Closed {text.local(position.closed_at)} by {position.close_reason} at {text.price(position.exit_price)}: "
            f"{text.money(position.realized_pnl_usd)} after all costs."
        )
    else:
        stop = text.price(position.trigger_price)
        rests = "rests" if position.stop_confirmed else "isn't confirmed"
        parts.append(
            f"It is {position.status}; its stop at {stop} {rests}, best price {text.price(position.best_price)}."
        )
    return folded(" ".join(parts))


def _ending(ending: Ending) -> str:
    told = "The trader"
    if ending.closed_at is not None:
        told += f" left at {text.price(ending.price)} on average, {text.local(ending.closed_at)}: "
        told += f"{text.percent(ending.gain_percent, signed=True)} from where he entered."
    else:
        told += f" still held {ending.left * 100:.0f}% of it by the last fill known, {text.local(ending.known_until)}"
        if ending.price is not None:
            gain = text.percent(ending.gain_percent, signed=True)
            told += f"; what he took off went at {text.price(ending.price)}, {gain}"
        told += "."
    if ending.broken_at is not None:
        told += f" Fills are missing from {text.local(ending.broken_at)} on: how it went on isn't known."
    return folded(told)


def recent_text(signals: Sequence[Signal], width: int | None) -> str:
    """Return the newest signals of a coin as a table."""
    rows = [
        (
            signal.id[:8],
            text.local(signal.trade_time),
            f"{signal.action} {signal.side}",
            text.short_money(signal.value_usd),
            signal.decision,
        )
        for signal in signals
    ]
    columns = (Column("SIGNAL"), times("TRADED", [signal.trade_time for signal in signals]), *_RECENT)
    return table(f"Newest signals in {text.safe(signals[0].coin)}", columns, rows, width=width, plain_width=PLAIN_WIDTH)


def present_text(seen: Present, pauses: str, width: int | None) -> str:
    """Return why nothing was entered of late, or what was."""
    first, zone = text.local(seen.since), text.zone(seen.until)
    if seen.entered:
        told = f"{text.counted(len(seen.entered), 'entry', 'entries')} since {first} {zone}."
    else:
        told = f"No entry since {first} {zone}."
    return "\n".join(
        part
        for part in (
            folded(f"{told} {_gist(seen)}"),
            pauses,
            _funnel(seen, width),
            _misses(seen, width),
            _waiting(seen.waiting),
        )
        if part
    )


def _gist(seen: Present) -> str:
    if not seen.followed:
        return "Nobody is followed, so nothing can be copied; choose traders with: hlcopy score"
    poll = seen.last_poll
    if poll is None and not seen.orders:
        return "Nothing has ever been polled; start with: hlcopy poll"
    polled = f"{text.counted(seen.followed, 'trader')} followed"
    if poll is not None and poll.started_at <= seen.until:
        polled += f", last poll {text.span((seen.until - poll.started_at).total_seconds())} ago"
        polled += "" if poll.ok is not False else ", which failed in part"
    if not seen.orders:
        return f"They traded nothing that we saw: {polled}."
    share = f"{text.counted(seen.orders, 'order')} seen, {seen.entries_of_traders:,} of them opened or added"
    return f"{share}; {polled}."


def _funnel(seen: Present, width: int | None) -> str:
    if not seen.orders:
        return ""
    skipped = sorted(
        ((code, count) for code, count in seen.decisions.items() if code not in {EXECUTE, DEFERRED}),
        key=lambda item: (-item[1], item[0]),
    )
    rows = [
        ("seen", f"{seen.orders:,}"),
        *((f"  {code}", f"{count:,}") for code, count in skipped),
        ("deferred, undecided yet", f"{len(seen.waiting):,}"),
        ("entered", f"{len(seen.entered):,}"),
    ]
    return table("Funnel", _FUNNEL, rows, width=width, plain_width=PLAIN_WIDTH)


def _misses(seen: Present, width: int | None) -> str:
    if not seen.misses:
        return ""
    rows = [
        (
            miss.signal.id[:8],
            text.local(miss.signal.trade_time)[5:],
            miss.signal.coin,
            miss.check.gate + ("" if miss.failed == 1 else f" +{miss.failed - 1}"),
            number(miss.check.measured, miss.check.unit),
            asked(miss.check),
            text.DASH if miss.check.shortfall is None else f"{miss.check.shortfall * 100:,.0f}%",
        )
        for miss in seen.misses
    ]
    columns = (Column("SIGNAL"), times("TRADED", [miss.signal.trade_time for miss in seen.misses]), *_MISSES)
    shown = table("Nearest misses", columns, rows, width=width, plain_width=PLAIN_WIDTH)
    return shown + "More of one: hlcopy why SIGNAL\n"


def _waiting(waiting: Sequence[Signal]) -> str:
    if not waiting:
        return ""
    return "Waiting\n" + "".join(
        folded(
            f"{signal.id[:8]} {signal.coin} {signal.side} {text.short_money(signal.value_usd)}: "
            f"{str(signal.wait).replace('_', ' ')}, looked at again {text.local(signal.check_at)}",
            item=True,
        )
        for signal in waiting
    )


# JSON


def check_document(check: Check) -> dict[str, object]:
    """Return a gate as JSON."""
    return {
        "gate": check.gate,
        "code": check.code,
        "holds": check.holds,
        "measured": check.measured,
        "asks": check.asks,
        "needed": check.needed,
        "unit": check.unit,
        "shortfall": check.shortfall,
    }


def story_document(story: Story) -> dict[str, object]:
    """Return the story of a signal as JSON."""
    from hlcopy.render.rows import position_row, signal_row

    ending = story.ending
    return {
        "signal": signal_row(story.signal),
        "decided_by": story.version,
        "gates": [check_document(check) for check in story.checks],
        "position": None if story.position is None else position_row(story.position),
        "orders": [_fields(order) for order in story.orders],
        "fills": [_fields(fill) for fill in story.fills],
        "actions": [_fields(action) for action in story.actions],
        "trader_ending": None if ending is None else _fields(ending),
    }


def _fields(value: object) -> dict[str, object]:
    names: Mapping[str, object] = getattr(value, "__dataclass_fields__", {})
    return {name: getattr(value, name) for name in names}


def present_document(seen: Present) -> dict[str, object]:
    """Return the present as JSON."""
    return {
        "since": seen.since,
        "until": seen.until,
        "orders": seen.orders,
        "opened_or_added": seen.entries_of_traders,
        "decisions": seen.decisions,
        "entered": [signal.id for signal in seen.entered],
        "waiting": [
            {"signal_id": signal.id, "wait": signal.wait, "check_at": signal.check_at} for signal in seen.waiting
        ],
        "nearest_misses": [
            {
                "signal_id": miss.signal.id,
                "token_symbol": miss.signal.coin,
                "trader_address": miss.signal.trader,
                "decision": miss.signal.decision,
                "gates_failed": miss.failed,
                "gate": check_document(miss.check),
            }
            for miss in seen.misses
        ],
        "without_evidence": seen.unexplained,
        "followed": seen.followed,
        "last_poll_at": None if seen.last_poll is None else seen.last_poll.started_at,
    }
