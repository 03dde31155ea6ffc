"""The trades of a backtest on a page: on the price of each coin, and as a table."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.domain.book import PositionStatus
from hlcopy.render import text
from hlcopy.render.figures import signed
from hlcopy.render.page import Html, chart, data_table, element, joined, note
from hlcopy.render.page_coin import Drawn, Left, coin_chart, price_words, zoom_buttons
from hlcopy.render.tables import Column, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hlcopy.backtest.picture import CoinPicture, Exit, Picture
    from hlcopy.backtest.report import Backtest
    from hlcopy.domain.book import Position
    from hlcopy.domain.models import Signal

_TRADES: Final = (
    Column("#", right=True),
    Column("COIN"),
    Column("SIDE"),
    Column("OPENED (UTC)"),
    Column("CLOSED (UTC)"),
    Column("HOURS", right=True),
    Column("VALUE", right=True),
    Column("ENTRY", right=True),
    Column("EXIT", right=True),
    Column("PNL", right=True),
    Column("OF VALUE", right=True),
    Column("REASON"),
    Column("FOR US", right=True),
    Column("AGAINST", right=True),
    Column("TRADER"),
)
_OPEN: Final = "(open)"
_UNITS: Final = ((86_400_000, "days"), (3_600_000, "h"), (60_000, "min"))


def coins_content(result: Backtest, picture: Picture) -> Html:
    """Return a chart for each coin; those in which nothing was entered are folded away."""
    by_coin: dict[str, list[Position]] = defaultdict(list)
    for position in result.positions:
        by_coin[position.coin].append(position)
    traded: list[Html] = []
    others: list[Html] = []
    for place, coin in enumerate(picture.coins):
        drawn = _coin(result, picture, coin, by_coin[coin.coin], anchor(place))
        (traded if by_coin[coin.coin] else others).append(drawn)
    nothing = "No prices are stored of the coins that were traded." if result.positions else "Nothing was entered."
    parts = traded or [note(nothing)]
    if others:
        count = text.counted(len(others), "coin")
        parts.append(element("details", element("summary", f"{count} with skipped orders alone"), *others))
    if picture.undrawn:
        parts.append(note(f"Not drawn, to keep the page small: {', '.join(picture.undrawn)}."))
    if traded and picture.moves_kept < 1:
        parts.append(note(f"Of the stops' moves {picture.moves_kept:.0%} are drawn, evenly chosen."))
    return joined(*parts)


def anchor(place: int) -> str:
    """Return the name of a coin's chart by its place: the coin's own could be anything."""
    return f"coin-{place + 1}"


def trades_table(result: Backtest, picture: Picture) -> Html:
    """Return every trade as a row of a table that can be sorted."""
    places = {coin.coin: anchor(place) for place, coin in enumerate(picture.coins)}
    rows, keys = [], []
    for position in result.positions:
        cells = _cells(result, position, places.get(position.coin))
        rows.append([shown for shown, _ in cells])
        keys.append(["" if key is None else key for _, key in cells])
    table = data_table(Table("Trades", _TRADES, rows), sortable=True, keys=keys, caption=False)
    marked = [note("* not an exit: the last mark of an open position")] if result.metrics.open_at_end else []
    return joined(table, *marked)


def _cells(result: Backtest, position: Position, place: str | None) -> list[tuple[str, float | str | None]]:
    """Return each cell of a trade's row as it is shown and as it is sorted."""
    closed = position.closed_at if position.status is PositionStatus.CLOSED else None
    end = position.exit_price if closed is not None else result.marks.get(position.id or 0)
    hours = None if closed is None else (closed - position.opened_at).total_seconds() / 3600
    went = result.figures.excursions.get(position.id or 0)
    against, favour = (went.adverse_percent, went.favourable_percent) if went else (None, None)
    pnl = position.realized_pnl_usd if closed is not None else None
    share = None if pnl is None or not position.value_usd else 100 * pnl / position.value_usd
    name = str(position.id)
    linked = name if place is None else element("a", name, href=f"#{place}", data_chart=place, data_zoom=f"#{name}")
    return [
        (linked, position.id),
        (position.coin, position.coin),
        (position.side, position.side),
        (text.moment(position.opened_at), position.opened_at.timestamp()),
        (text.moment(closed), None if closed is None else closed.timestamp()),
        (text.DASH if hours is None else f"{hours:.1f}", hours),
        (f"${position.value_usd:,.0f}", position.value_usd),
        (text.price(position.entry_price), position.entry_price),
        (text.price(end) + ("" if closed is not None else "*"), end),
        (text.money(pnl), pnl),
        (signed(share), share),
        (position.close_reason or _OPEN, position.close_reason or _OPEN),
        (text.percent(favour), favour),
        (text.percent(against), against),
        (text.short_address(position.source_trader), position.source_trader),
    ]


def _coin(result: Backtest, picture: Picture, shown: CoinPicture, positions: Sequence[Position], name: str) -> Html:
    trades = [_drawn(result, picture, position) for position in positions]
    skips = [(signal.trade_time, signal.trade_price, _skipped(signal)) for signal in shown.skips]
    entries = text.counted(len(positions), "entry", "entries")
    skipped = text.counted(shown.skipped, "order")
    says = (
        f"Price of {shown.coin} {price_words(shown.line.prices)}, with {entries}, their stops and exits, and {skipped} "
        "that were skipped; the table of trades lists the entries."
    )
    net = sum(position.realized_pnl_usd or 0.0 for position in positions)
    is_any_closed = any(position.status is PositionStatus.CLOSED for position in positions)
    made = f", {text.money(net)} from those that are closed" if is_any_closed else ""
    return element(
        "div",
        element("h3", shown.coin),
        note(f"{entries}{made}; {skipped} skipped. {_thinning(shown)}"),
        chart(
            coin_chart((shown.line.at_ms, shown.line.prices), trades, skips),
            says=says,
            name=name,
            below=zoom_buttons(name, trades) if trades else None,
        ),
        class_="coin",
    )


def _thinning(shown: CoinPicture) -> str:
    """Return how the line relates to the candles."""
    if not shown.candle_days:
        return "No candles within the period."
    line, finest = shown.line, min(shown.candle_days)
    kinds = " and ".join(_long(interval) for interval in shown.candle_days)
    told = f"Candles of {kinds}"
    if line.coarse_ms <= finest:
        told += ", every one drawn."
    else:
        told += f"; of each {_long(line.coarse_ms)} the first, lowest, highest and last price are kept"
        if line.fine_ms < line.coarse_ms:
            told += f", around trades {_around(line.fine_ms, finest)}"
        told += "."
    if len(shown.skips) < shown.skipped:
        told += f" Of the skipped orders {len(shown.skips):,} are marked, evenly chosen."
    return told


def _around(fine_ms: int, finest: int) -> str:
    return "every candle" if fine_ms <= finest else f"those of each {_long(fine_ms)}"


def _long(milliseconds: int) -> str:
    """Return a length of time in its largest fitting unit."""
    unit, name = next((each for each in _UNITS if milliseconds >= each[0]), _UNITS[-1])
    return f"{milliseconds / unit:.2g} {name}" if milliseconds < 10 * unit else f"{milliseconds / unit:.0f} {name}"


def _drawn(result: Backtest, picture: Picture, position: Position) -> Drawn:
    number = position.id or 0
    way = picture.ways[number]
    is_closed = position.status is PositionStatus.CLOSED
    end = datetime(result.end.year, result.end.month, result.end.day, tzinfo=UTC) + timedelta(days=1)
    until = position.closed_at if is_closed and position.closed_at is not None else end
    price = position.exit_price if is_closed else result.marks.get(number)
    opened = (
        f"#{number} {position.side} {position.coin}\n{text.moment(position.opened_at)} at "
        f"{text.price(position.entry_price)}\n{text.money(position.value_usd)}, copied from {text.short_address(position.source_trader)}"
    )
    return Drawn(
        name=f"#{number}",
        side=position.side,
        opened_at=position.opened_at,
        entry_price=position.entry_price,
        until=until,
        last=position.entry_price if price is None else price,
        won=(position.realized_pnl_usd or 0.0) > 0,
        told=opened,
        stops=way.stops,
        exits=[
            _left(position, each, whole=is_closed and each is way.exits[-1], made=position.realized_pnl_usd)
            for each in way.exits
        ],
    )


def _left(position: Position, done: Exit, *, whole: bool, made: float | None) -> Left:
    result = f"\nmade {text.money(made)} in all" if whole else ""
    reason = done.reason or (position.close_reason if whole else None) or "not by an order of ours"
    told = (
        f"#{position.id} {position.coin}: {reason}\n{text.moment(done.at)}, {text.amount(done.size)} at "
        f"{text.price(done.price)}{result}"
    )
    return Left(at=done.at, price=done.price, told=told, whole=whole)


def _skipped(signal: Signal) -> str:
    return (
        f"{signal.decision}\n{text.moment(signal.trade_time)}: {signal.action} {signal.side} {signal.coin}, "
        f"{text.short_money(signal.value_usd)} at {text.price(signal.trade_price)}\nof {text.short_address(signal.trader)}"
    )
