"""The page in a real browser: everything is drawn, nothing complains, nothing is fetched, all of it can be read.

Skipped where there is no browser, unless REQUIRE_BROWSER is set.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.render.pages import HOSTILE, fewer, renamed, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
PATIENCE_S = 60.0
COINS = 3
PRINTED = 680
LEAST_CONTRAST = 4.5  # of text, and 3 of lines: WCAG 2.2, 1.4.3 and 1.4.11
LEAST_LINE_CONTRAST = 3.0

pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER) and not os.environ.get("REQUIRE_BROWSER"), reason="there is no browser here"
)

MEASURE = r"""
const numbers = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
const light = (colour) => {
  const [r, g, b] = numbers(colour).map((part) => part / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, other) => {
  const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const page = getComputedStyle(document.body).backgroundColor;
const ground = (element) => {
  for (let each = element; each; each = each.parentElement) {
    const colour = getComputedStyle(each).backgroundColor;
    if (colour && (numbers(colour)[3] ?? 1) === 1) return colour;
  }
  return page;
};
const filled = (bar) => {
  const { fill } = getComputedStyle(bar);
  const pattern = fill.match(/^url\("#(.+)"\)$/);
  return pattern ? getComputedStyle(document.getElementById(pattern[1]).querySelector("rect")).fill : fill;
};
const pale = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let texts = 0;
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const words = walker.currentNode.textContent.trim();
  if (!words || element.closest("script, style") || !element.getClientRects().length) continue;
  texts += 1;
  const drawn = element.closest("text");
  const bar = element.closest(".bartext-inside")?.closest(".point")?.querySelector("path");
  const colour = drawn ? getComputedStyle(drawn).fill : getComputedStyle(element).color;
  const found = contrast(colour, bar ? filled(bar) : drawn ? page : ground(element));
  if (found < arguments[0]) pale.push([words, found]);
}
const faint = [...document.querySelectorAll(".scatterlayer .js-line")]
  .map((line) => [getComputedStyle(line).stroke, contrast(getComputedStyle(line).stroke, page)])
  .filter(([, found]) => found < arguments[1]);
return { page: light(page), texts, pale, faint };
"""
DRAWN = """
return [...document.querySelectorAll("figure.chart")].map((figure) => ({
  traces: JSON.parse(figure.querySelector("script").textContent).data.length,
  drawn: figure.querySelectorAll("svg.main-svg .trace, svg.main-svg .bars .trace").length,
  wide: Math.round(figure.querySelector("svg.main-svg")?.getBoundingClientRect().width ?? 0),
}));
"""


FOLLOWED = """
const colour = getComputedStyle(document.body).color;
return 'drawn' in document.documentElement.dataset && [...document.querySelectorAll("figure.chart")].every((figure) =>
  getComputedStyle(figure.querySelector("svg .xtick text")).fill === colour &&
  Math.abs(figure.clientWidth - figure.querySelector("svg.main-svg").getBoundingClientRect().width) < 2);
"""


class Browser:
    """A browser, opened once for all tests of a worker."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()
        options = webdriver.ChromeOptions()
        options.binary_location = str(BROWSER)
        for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))

    def open(self, document: str) -> str:
        """Open a page whose folded parts are unfolded once it is drawn; return its address."""
        path = self._folder / f"{next(self._numbers)}.html"
        path.write_text(document, encoding="utf-8")
        self.complaints()
        self.driver.get_log("performance")
        self.driver.get(path.as_uri())
        self.wait()
        self.driver.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
        self.wait("return !document.querySelector('figure.chart:not([data-drawn])')")
        return path.as_uri()

    def wait(self, until: str = "return 'drawn' in document.documentElement.dataset") -> None:
        end = time.monotonic() + PATIENCE_S
        while not self.driver.execute_script(until):
            assert time.monotonic() < end, until
            time.sleep(0.02)

    def look(self, scheme: str, width: int) -> None:
        """Look at the page in a colour scheme on a screen of a width."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.wait(FOLLOWED)

    def complaints(self) -> list[str]:
        """Return what the console was told since the last time."""
        return [row["message"] for row in self.driver.get_log("browser") if row["level"] != "INFO"]

    def requests(self, address: str) -> set[str]:
        """Return what a page has asked for since it was opened, the data in it left out."""
        messages = [json.loads(row["message"])["message"] for row in self.driver.get_log("performance")]
        sent = [each["params"] for each in messages if each["method"] == "Network.requestWillBeSent"]
        asked = {each["request"]["url"] for each in sent if each["documentURL"] == address}
        return {url for url in asked if not url.startswith("data:")}

    def ask(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever the page answers
        return self.driver.execute_script(script, *arguments)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("browser"))
    yield opened
    opened.driver.quit()


@pytest.fixture(scope="module")
def opened(browser: Browser) -> tuple[Browser, str]:
    """A page in which the coin of most entries has a name that tries to break out, drawn."""
    return browser, browser.open(written(fewer(renamed(HOSTILE), COINS)))


def test_every_chart_is_drawn_without_a_complaint_or_a_request(opened: tuple[Browser, str]) -> None:
    browser, address = opened
    charts = browser.ask(DRAWN)
    assert len(charts) == COINS + 1 + 7
    assert all(chart["drawn"] >= chart["traces"] > 0 for chart in charts), charts
    assert browser.complaints() == []
    assert browser.requests(address) == {address}
    assert browser.ask("return performance.getEntriesByType('resource').map((entry) => entry.name)") == []


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_either_scheme_at_any_width(opened: tuple[Browser, str], scheme: str, width: int) -> None:
    browser, _ = opened
    browser.look(scheme, width)
    found = browser.ask(MEASURE, LEAST_CONTRAST, LEAST_LINE_CONTRAST)
    assert (found["page"] < 0.05) == (scheme == "dark")
    assert found["texts"] > 500
    assert found["pale"] == []
    assert found["faint"] == []
    root = "document.documentElement"
    assert browser.ask(f"return {root}.scrollWidth <= {root}.clientWidth")
    assert max(chart["wide"] for chart in browser.ask(DRAWN)) <= width
    assert browser.complaints() == []


def test_a_trade_can_be_looked_at_alone(opened: tuple[Browser, str]) -> None:
    browser, _ = opened
    shown = (
        "const { range } = arguments[0].closest('figure').querySelector('.plot')._fullLayout.xaxis;"
        "return Math.round((new Date(range[1]) - new Date(range[0])) / 3_600_000);"  # hours
    )
    button = browser.ask("return document.querySelector('button[data-zoom=\"#3\"]')")
    whole = browser.ask(shown, button)
    browser.ask("arguments[0].click()", button)
    alone = browser.ask(shown, button)
    assert alone < 0.9 * whole
    assert button.get_attribute("aria-pressed") == "true"
    link = browser.ask("return document.querySelector('a[data-zoom=\"#3\"]')")
    back = browser.ask("return document.querySelector(`button[data-chart='${arguments[0].dataset.chart}']`)", link)
    browser.ask("arguments[0].click()", back)
    assert browser.ask(shown, button) == whole
    browser.ask("arguments[0].click()", link)
    assert browser.ask(shown, button) == alone


def test_the_trades_can_be_sorted(opened: tuple[Browser, str]) -> None:
    browser, _ = opened
    place = "[...document.querySelectorAll('table.sortable th')].findIndex((th) => th.textContent.startsWith('PNL'))"
    sort = f"document.querySelectorAll('table.sortable th button')[{place}].click();"
    keys = (
        f"return [...document.querySelectorAll('table.sortable tbody tr')].map((row) => row.cells[{place}].dataset.key)"
    )
    for reverse in (False, True):
        shown = browser.ask(sort + keys)
        known = [float(key) for key in shown if key]
        assert known == sorted(known, reverse=reverse)
        assert shown[len(known) :] == [""] * (len(shown) - len(known))
        assert len(known) > 5


def test_it_prints_light_charts_that_fit_the_sheet(opened: tuple[Browser, str]) -> None:
    browser, _ = opened
    browser.look("dark", 1280)
    browser.ask("dispatchEvent(new Event('beforeprint'))")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    found = browser.ask(MEASURE, LEAST_CONTRAST, LEAST_LINE_CONTRAST)
    assert found["page"] > 0.95
    assert (found["pale"], found["faint"]) == ([], [])
    assert {chart["wide"] for chart in browser.ask(DRAWN)} == {PRINTED}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    browser.ask("dispatchEvent(new Event('afterprint'))")
    browser.look("dark", 1280)
    assert max(chart["wide"] for chart in browser.ask(DRAWN)) > PRINTED


def test_a_hostile_name_runs_nothing_and_is_shown(opened: tuple[Browser, str]) -> None:
    browser, _ = opened
    assert browser.driver.title.startswith("Backtest from")
    assert browser.ask("return document.querySelector('h3').textContent") == HOSTILE
    ticks = browser.ask("return [...document.querySelectorAll('svg .ytick text')].map((text) => text.textContent)")
    assert HOSTILE in ticks
    assert browser.ask("return document.querySelectorAll('svg b, svg script, main b > b').length") == 0


def test_even_a_script_in_the_page_could_fetch_nothing(opened: tuple[Browser, str]) -> None:
    browser, _ = opened
    outcome = browser.driver.execute_async_script(
        "const done = arguments[0]; fetch('http://127.0.0.1:9/').then(() => done('fetched'), () => done('refused'));"
    )
    assert outcome == "refused"
    assert any("Content Security Policy" in line for line in browser.complaints())
