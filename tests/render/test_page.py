"""The page of a backtest as a document: whole, self-contained, and proof against what strangers call things."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from plotly.offline import get_plotlyjs

from hlcopy.backtest import picture as drawing
from hlcopy.backtest.picture import CoinPicture
from hlcopy.backtest.thinning import Line
from hlcopy.domain.models import Side
from hlcopy.render.page import Html, element, joined, label
from hlcopy.render.page_coin import Drawn, coin_chart
from tests.backtest.worlds import illustrated
from tests.builders import T0, at
from tests.render.pages import HOSTILE, hostile_page, page, pictured, written


class Reader(HTMLParser):
    """Reads a page as a browser would: its elements, the text outside scripts, and what scripts hold."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[str | None, str]] = []
        self.words: list[str] = []
        self._inside: str | None = None
        self._type: str | None = None
        self._held: list[str] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self._inside, self._type, self._held = tag, dict(attrs).get("type"), []

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self.scripts.append((self._type, "".join(self._held)))
        if tag == self._inside:
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside is None:
            self.words.append(data)
        else:
            self._held.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def specs(self) -> list[dict[str, Any]]:
        return [json.loads(held) for kind, held in self.scripts if kind == "application/json"]


def read(document: str | None = None) -> Reader:
    return Reader(page() if document is None else document)


def names(spec: dict[str, Any]) -> list[str]:
    return [trace.get("name", "") for trace in spec["data"]]


# What it shows


def test_it_has_the_figures_the_stamps_and_what_was_assumed() -> None:
    result, _ = illustrated()
    shown = read().text
    assert f"Backtest from {result.start} to {result.end}" in shown
    assert "hlcopy 1.2.3" in shown
    for warning in result.warnings:
        assert f"{warning.code}:" in shown
        assert " ".join(warning.message.split()) in shown
    for words in (
        "Drawdown",
        "against the trader's: ",
        "against holding 72 hours: ",
        "copy delay minutes: 15",
        "Sharpe",
    ):
        assert words in shown


def test_it_has_every_chart() -> None:
    result, _ = illustrated()
    specs = read().specs
    equity, *coins, exits, skips, costs, weeks, months, excursions = specs
    assert names(equity) == ["Our exits", "Trader's exits", "Hold 72 h", "Drawdown, Our exits"]
    assert equity["data"][0]["y"] == [round(point.equity_usd, 2) for point in result.figures.points]
    assert len(coins) == len(pictured(result).coins)
    assert all(names(coin)[0] == "Price" for coin in coins)
    kinds = [exits, skips, costs, weeks, months, excursions]
    assert [spec["data"][0]["type"] for spec in kinds] == ["bar", "bar", "waterfall", "bar", "bar", "scatter"]
    assert sum(sum(trace["x"]) for trace in exits["data"]) == result.metrics.closed
    assert sum(skips["data"][0]["x"]) == sum(result.skips.values())
    assert sum(len(trace["x"]) for trace in excursions["data"]) == len(result.figures.excursions)


def test_every_trade_is_on_its_coin_s_chart_with_stop_entry_and_exits() -> None:
    result, _ = illustrated()
    entries = exits = parts = 0
    for spec in read().specs:
        for trace in spec["data"]:
            if trace.get("name", "").endswith(" entry"):
                entries += len(trace["x"])
            exits += len(trace["x"]) if trace.get("name", "").startswith("Exit with") else 0
            parts += len(trace["x"]) if trace.get("name") == "Part taken" else 0
    assert (entries, exits) == (len(result.positions), result.metrics.closed)
    assert parts == sum(len(position.tiers_taken) for position in result.positions)


def test_the_table_has_every_trade_and_leads_to_its_chart() -> None:
    result, _ = illustrated()
    links = [facts for tag, facts in read().tags if tag == "a" and "data-zoom" in facts]
    assert [facts["data-zoom"] for facts in links] == [f"#{position.id}" for position in result.positions]
    charts = {facts.get("id") for tag, facts in read().tags if tag == "figure"}
    assert {str(facts["data-chart"]) for facts in links} < charts


def test_changed_settings_stand_at_its_head() -> None:
    result, _ = illustrated()
    changed = replace(result, assumptions={"set": {"HLCOPY_COPY_RATIO": "0.25"}, **result.assumptions})
    assert "HLCOPY_COPY_RATIO=0.25" in read(written(changed)).text


def test_a_replay_that_entered_nothing_is_still_a_page() -> None:
    result, _ = illustrated()
    flat = [replace(point, equity_usd=100_000.0) for point in result.figures.points]
    nothing = replace(
        result,
        positions=[],
        signals=[],
        skips={},
        comparison=None,
        metrics=replace(result.metrics, entries=0, closed=0, winners=0, open_at_end=0),
        figures=replace(result.figures, points=flat, drawdown=None, excursions={}, market_change_pct=None),
        picture=replace(pictured(result), coins=[], ways={}),
    )
    shown = read(written(nothing))
    assert "Nothing was entered." in shown.text
    assert "Trades: none" in shown.text
    assert names(shown.specs[0]) == ["Our exits", "Drawdown, Our exits"]


def test_trades_without_stored_prices_are_said_to_have_none() -> None:
    result, _ = illustrated()
    shown = read(written(replace(result, picture=replace(pictured(result), coins=[], ways={}, moves_kept=0.75))))
    assert "No prices are stored of the coins that were traded." in shown.text
    assert "are drawn" not in shown.text


def test_what_is_left_out_is_said() -> None:
    result, _ = illustrated()
    picture = pictured(result)
    few = replace(
        picture,
        coins=[replace(picture.coins[0], skipped=9_999), *picture.coins[1:]],
        undrawn=["DOGE"],
        moves_kept=0.25,
        trader_unknown=[3, 7],
    )
    shown = read(written(replace(result, picture=few))).text
    assert "the first, lowest, highest and last price are kept" in shown or "every one drawn" in shown
    assert "evenly chosen" in shown
    assert "Not drawn, to keep the page small: DOGE." in shown
    assert "Of the stops' moves 25% are drawn" in shown
    assert "what isn't known is left out: #3, #7." in shown


@pytest.mark.parametrize(
    ("coarse", "fine", "told"),
    [
        (50_000, 50_000, "Candles of 1 min and 5 min, every one drawn."),
        (7_200_000, 7_200_000, "; of each 2 h the first, lowest, highest and last price are kept."),
        (
            864_000_000,
            300_000,
            "of each 10 days the first, lowest, highest and last price are kept, around trades those",
        ),
        (7_200_000, 300_000, ", around trades those of each 5 min."),
        (7_200_000, 60_000, ", around trades every candle."),
    ],
)
def test_how_prices_were_thinned_is_said(coarse: int, fine: int, told: str) -> None:
    result, _ = illustrated()
    line = Line(at_ms=[0], prices=[1.0], coarse_ms=coarse, fine_ms=fine)
    coins = [CoinPicture(coin="BTC", candle_days={60_000: 3, 300_000: 2}, line=line, skips=[], skipped=0)]
    assert told in read(written(replace(result, picture=replace(pictured(result), coins=coins)))).text


def test_lines_of_trades_don_t_run_into_each_other() -> None:
    trades = [
        Drawn(
            name=f"#{number}",
            side=Side.LONG,
            opened_at=at(hours=number),
            entry_price=100.0,
            until=at(hours=number, minutes=30),
            last=101.0,
            won=True,
            told="",
            stops=[(at(hours=number), 95.0), (at(hours=number, minutes=5), 96.0)],
            exits=[],
        )
        for number in (1, 2)
    ]
    spec: Any = coin_chart(([], []), trades, [])
    lines = {trace.get("name"): trace["y"] for trace in spec["data"] if trace["mode"] == "lines"}
    assert lines["Stop as it moved"] == [95.0, 96.0, 96.0, None, 95.0, 96.0, 96.0]
    begin, end, low, high = spec["zooms"]["#2"]
    assert (begin < trades[1].opened_at.timestamp() * 1000, end > trades[1].until.timestamp() * 1000) == (True, True)
    assert (low < 95.0, high > 101.0) == (True, True)


# That it needs nothing else


def test_nothing_in_it_is_fetched() -> None:
    for tag, facts in read().tags:
        assert tag not in {"link", "iframe", "img", "object", "embed", "base", "form"}
        assert "src" not in facts
        if "href" in facts:
            assert str(facts["href"]).startswith("#")
    style = re.search("<style>(.*?)</style>", page(), re.DOTALL)
    assert style is not None
    assert not re.search(r"url\(|@import|https?:", style.group(1))


def test_only_its_own_scripts_may_run_and_nothing_may_be_fetched() -> None:
    shown = read()
    policy = next(str(facts["content"]) for tag, facts in shown.tags if facts.get("http-equiv"))
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    running = [held for kind, held in shown.scripts if kind is None]
    hashes = [base64.b64encode(hashlib.sha256(held.encode()).digest()).decode() for held in running]
    assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in hashes]
    assert running[0] == get_plotlyjs()


def test_years_of_many_coins_stay_within_ten_megabytes() -> None:
    """As many stretches, stops and skips as there is ever room for, each as long as it gets."""
    result, _ = illustrated()
    picture = pictured(result)
    points = 4 * 2 * drawing._STRETCHES // drawing._MOST_COINS  # noqa: SLF001 - the budget is what is tested
    times = [1_700_000_000_000 + 61_234 * step for step in range(points)]
    line = Line(at_ms=times, prices=[123_456.7] * points, coarse_ms=9_000_000, fine_ms=60_000)
    skips = [result.signals[0]] * (drawing._SKIPS // drawing._MOST_COINS)  # noqa: SLF001
    coins = [
        CoinPicture(coin=f"COIN{number}", candle_days={60_000: 365}, line=line, skips=skips, skipped=99_999)
        for number in range(drawing._MOST_COINS)  # noqa: SLF001
    ]
    moves = drawing._MOVES // len(picture.ways)  # noqa: SLF001
    ways = {number: replace(way, stops=[(T0, 123_456.7)] * moves) for number, way in picture.ways.items()}
    big = written(replace(result, picture=replace(picture, coins=coins, ways=ways)))
    assert len(big) - len(get_plotlyjs()) < 10 * 1_000_000


# That it can be read by everyone


def test_headings_tables_and_charts_say_what_they_are() -> None:
    tags = read().tags
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for tag, facts in tags:
        if tag in {"nav", "section"} or facts.get("role"):
            assert facts.get("aria-label"), (tag, facts)
        if tag == "th":
            assert facts["scope"] == "col"
    anchors = {facts["id"] for _, facts in tags if "id" in facts}
    assert {str(facts["href"])[1:] for tag, facts in tags if tag == "a"} <= anchors
    assert ("html", {"lang": "en"}) in tags


def test_nothing_is_told_by_colour_alone() -> None:
    """Traces of one chart differ in their marks' shapes or their lines' dashes."""
    for spec in read().specs:
        marks = [(trace["marker"]["symbol"], trace["name"]) for trace in spec["data"] if trace.get("mode") == "markers"]
        assert len({symbol for symbol, _ in marks}) == len(marks)
    dashes = [trace["line"]["dash"] for trace in read().specs[0]["data"][:3]]
    assert len(set(dashes)) == 3


# What strangers call things


def test_a_hostile_name_stays_text() -> None:
    usual, hostile = read(), read(hostile_page())
    assert [tag for tag, _ in hostile.tags if tag == "script"] == [tag for tag, _ in usual.tags if tag == "script"]
    assert "b" not in [tag for tag, _ in hostile.tags[: hostile.tags.index(("main", {}))]]
    assert HOSTILE in "".join(hostile.words)
    assert hostile_page().count("<script") == page().count("<script")


def test_a_hostile_name_is_no_markup_of_a_chart_either() -> None:
    assert label("<b>$1</b>") == "&lt;b&gt;$1&lt;/b&gt;"
    for spec in read(hostile_page()).specs:
        for trace in spec["data"]:
            for shown in [trace.get("name", ""), *trace.get("text", [])]:
                assert "<" not in shown.replace("<br>", "")


@pytest.mark.parametrize("given", ["\x1b[31m", "\u202e", "\x00", "\ud800"])
def test_what_can_t_be_seen_is_shown_as_what_it_is(given: str) -> None:
    shown = element("p", given, title=given)
    assert given not in shown
    assert shown.isascii()
    assert given not in label(given)


def test_markup_is_only_what_was_made_as_markup() -> None:
    assert element("p", "<i>", Html("<b>x</b>"), title='"&') == '<p title="&quot;&amp;">&lt;i&gt;<b>x</b></p>'
    assert joined("a", Html("<b>"), "<") == "a<b>&lt;"
    assert element("p", class_=None, aria_label="x") == '<p aria-label="x"></p>'
