"""`config lint`: what can't work is found by asking the rules that trade, and nothing else is claimed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlcopy.config import lint_caps, probe, settings_of
from hlcopy.config.findings import Severity
from hlcopy.config.lint import lint
from hlcopy.config.workload import assumed, credits_a_day, forecast
from hlcopy.domain import gates
from hlcopy.domain.models import SkipReason
from hlcopy.domain.policy import Policy
from hlcopy.render.lint import lint_document, lint_text

if TYPE_CHECKING:
    from hlcopy.config.lint import Linted

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
POLICY = Policy()


def linted(*, equity: float = 100_000.0, gap: float = 5.0, **given: str) -> Linted:
    found = settings_of(
        {("" if name.startswith("NANSEN_API") else "HLCOPY_") + name: text for name, text in given.items()}
    )
    return lint(found, equity=equity, load=assumed(found.policy()), gap_percent=gap)


def severities(**given: Any) -> dict[str, Severity]:  # noqa: ANN401 - the keywords of linted
    return {each.name.replace("HLCOPY_", ""): each.severity for each in linted(**given).findings}


def test_the_defaults_have_no_fault_and_six_rules_without_effect() -> None:
    assert severities() == dict.fromkeys(
        (
            *("MIN_POSITION_WEIGHT", "MAX_EXPOSURE_PER_TOKEN", "MAX_TOTAL_OPEN_POSITIONS_USD_RATIO"),
            *("MAX_POSITIONS_PER_TRADER", "MAX_SAME_SIDE_RATIO", "MAX_SINGLE_POSITION_USD"),
        ),
        NOTE,
    )


@pytest.mark.parametrize(
    ("given", "name", "severity"),
    [
        ({"TIMING_FROM": "trade"}, "TIMING_FROM, COPY_DELAY_MINUTES", ERROR),
        ({"TIMING_FROM": "trade", "COPY_DELAY_MINUTES": "10"}, "TIMING_FROM, COPY_DELAY_MINUTES", ERROR),
        ({"TIMING_FROM": "trade", "COPY_DELAY_MINUTES": "9"}, "TIMING_FROM, COPY_DELAY_MINUTES", WARNING),
        ({"TIMING_FROM": "trade", "COPY_DELAY_MINUTES": "1"}, "TIMING_FROM, COPY_DELAY_MINUTES", None),
        ({"MIN_POSITION_WEIGHT": "0.04"}, "MIN_POSITION_WEIGHT", None),
        ({"MIN_POSITION_WEIGHT": "0.06"}, "MIN_POSITION_WEIGHT", WARNING),
        ({"MAX_EXPOSURE_PER_TOKEN": "0.2"}, "MAX_EXPOSURE_PER_TOKEN", WARNING),
        ({"MAX_EXPOSURE_PER_TOKEN": "0.09"}, "MAX_EXPOSURE_PER_TOKEN", None),
        ({"MAX_TOTAL_OPEN_POSITIONS_USD_RATIO": "0.45"}, "MAX_TOTAL_OPEN_POSITIONS_USD_RATIO", None),
        ({"MAX_TOTAL_POSITIONS": "9"}, "MAX_TOTAL_OPEN_POSITIONS_USD_RATIO", None),
        ({"MAX_POSITIONS_PER_TRADER": "4"}, "MAX_POSITIONS_PER_TRADER", None),
        ({"MAX_SAME_SIDE_RATIO": "0.3"}, "MAX_SAME_SIDE_RATIO", None),
        ({"MAX_SAME_SIDE_RATIO": "0.6"}, "MAX_SAME_SIDE_RATIO", WARNING),
        ({"MAX_SINGLE_POSITION_USD": "9000"}, "MAX_SINGLE_POSITION_USD", None),
        ({"equity": 600_000.0}, "MAX_SINGLE_POSITION_USD", None),
        ({"MAX_TOTAL_POSITIONS": "0"}, "MAX_TOTAL_POSITIONS", ERROR),
        ({"MAX_ENTRIES_PER_DAY": "0"}, "MAX_ENTRIES_PER_DAY", ERROR),
        ({"MAX_ENTRIES_PER_DAY": "0", "BREAKERS": "off"}, "MAX_ENTRIES_PER_DAY", None),
        ({"equity": 1_999.0}, "COPY_RATIO", ERROR),
        ({"equity": 2_000.0}, "COPY_RATIO", WARNING),
        ({"equity": 20_000.0}, "COPY_RATIO", None),
        ({"STOP_LOSS_PERCENT": "6.0"}, "STOP_LOSS_PERCENT", None),
        ({"STOP_LOSS_PERCENT": "6.1"}, "STOP_LOSS_PERCENT", WARNING),
        ({"STOP_LOSS_PERCENT": "80"}, "STOP_LOSS_PERCENT", ERROR),
        ({"TRAILING_STOP_PERCENT": "4"}, "TRAILING_STOP_PERCENT, STOP_LOSS_PERCENT", WARNING),
        ({"TRAILING_STOP_PERCENT": "5"}, "TRAILING_STOP_PERCENT, STOP_LOSS_PERCENT", None),
        ({"MONITOR_INTERVAL_SEC": "1"}, "MONITOR_INTERVAL_SEC", ERROR),
        (
            {"POLLING_INTERVAL_ADDRESS_TRADES_SEC": "60"},
            "POLLING_INTERVAL_ADDRESS_TRADES_SEC, PRIMARY_TRADERS",
            WARNING,
        ),
        ({"POLLING_INTERVAL_ADDRESS_TRADES_SEC": "1800"}, "POLLING_INTERVAL_ADDRESS_TRADES_SEC", WARNING),
        ({"POLLING_INTERVAL_TRADES_SEC": "120"}, "POLLING_INTERVAL_TRADES_SEC", WARNING),
        ({"POLLING_INTERVAL_TRADES_SEC": "600"}, "POLLING_INTERVAL_TRADES_SEC", ERROR),
        ({"POLLING_INTERVAL_LEADERBOARD_SEC": "172800"}, "POLLING_INTERVAL_LEADERBOARD_SEC", ERROR),
        ({"HYPERLIQUID_WEIGHT_PER_MINUTE": "2400"}, "HYPERLIQUID_WEIGHT_PER_MINUTE", WARNING),
        ({"PRIMARY_TRADERS": "40"}, "PRIMARY_TRADERS, SECONDARY_TRADERS", WARNING),
        ({"REQUIRE_CONSENSUS": "1", "CONSENSUS_MIN_TRADERS": "46"}, "CONSENSUS_MIN_TRADERS", ERROR),
        ({"REQUIRE_CONSENSUS": "1", "CONSENSUS_MIN_TRADERS": "1"}, "CONSENSUS_MIN_TRADERS", WARNING),
        ({"TRADE_SOURCE": "nansen", "NANSEN_API_KEY": "k"}, "NANSEN_CREDITS_PER_DAY", ERROR),
        ({"NANSEN_API_KEY": "k", "NANSEN_CREDITS_PER_DAY": "5"}, "NANSEN_CREDITS_PER_DAY", WARNING),
        (
            {"TRADE_SOURCE": "nansen", "NANSEN_API_KEY": "k", "PRIMARY_TRADERS": "30"},
            "POLLING_INTERVAL_ADDRESS_TRADES_SEC, TRADE_SOURCE",
            WARNING,
        ),
    ],
)
def test_what_cannot_work_is_found_and_what_can_is_not(
    given: dict[str, Any], name: str, severity: Severity | None
) -> None:
    assert severities(**given).get(name) == severity


def test_every_finding_says_why_and_what_to_do() -> None:
    found = linted(TIMING_FROM="trade", STOP_LOSS_PERCENT="14", MONITOR_INTERVAL_SEC="1", equity=1_500.0)
    assert all(each.name and each.why and each.remedy for each in found.findings)
    ranks = [list(Severity).index(each.severity) for each in found.findings]
    assert ranks == sorted(ranks)
    text = lint_text(found, colour=False, width=None)
    assert max(map(len, text.splitlines())) <= 80
    assert "\nlint: 3 errors, 2 warnings, " in text


@pytest.mark.parametrize(
    ("leverage", "week", "usd"),
    [
        (1.0, "over 10%", 2_000.0),  # 0.10 x 0.5 x 1 x 1 of it is the $100 floor
        (1.0, "below 0", 4_000.0),
        (5.0, "over 10%", 3_334.0),  # penalty 0.6
        (20.0, "over 10%", 10_000.0),  # penalty 0.2
        (20.0, "0 to 10%", 13_334.0),
    ],
)
def test_the_least_equity_is_where_the_gates_begin_to_let_the_signal_in(leverage: float, week: str, usd: float) -> None:
    found = {(each.leverage, each.week): each.equity_usd for each in probe.least_equities(POLICY)}
    assert found[leverage, week] == usd
    roi = dict(probe.ROIS)[week]
    for equity, passes in ((usd, True), (usd - 1.01, False)):
        verdict = probe.verdict(POLICY, equity, weight=0.10, leverage=leverage, roi_7d=roi)
        assert isinstance(verdict, gates.Approval) == passes


def test_where_no_equity_is_enough_the_reason_is_told() -> None:
    heavier = replace(POLICY, entry=replace(POLICY.entry, min_position_weight=0.2))
    assert {(each.equity_usd, each.reason) for each in probe.least_equities(heavier)} == {(None, SkipReason.LOW_WEIGHT)}


@pytest.mark.parametrize(
    ("given", "loss", "paused_by"),
    [
        ({}, 100_000 * 0.5 * 0.1009, "HLCOPY_MAX_DAILY_LOSS_PERCENT"),
        ({"gap": 0.0}, 100_000 * 0.5 * 0.0509, "HLCOPY_MAX_STOPS_IN_6H"),
        ({"gap": 50.0}, 100_000 * 0.5 * 0.5509, "HLCOPY_MAX_DRAWDOWN_PERCENT"),
        ({"BREAKERS": "off"}, 100_000 * 0.5 * 0.1009, None),
        ({"gap": 0.0, "MAX_TOTAL_POSITIONS": "2"}, 100_000 * 0.2 * 0.0509, None),
        ({"gap": 100.0}, 100_000 * 0.5 * 1.0009, "HLCOPY_MAX_DRAWDOWN_PERCENT"),
    ],
)
def test_the_worst_day_is_all_stops_of_the_fullest_book(
    given: dict[str, Any], loss: float, paused_by: str | None
) -> None:
    worst = linted(**given).worst
    assert worst.loss_usd == pytest.approx(loss)
    assert worst.paused_by == paused_by


@settings(max_examples=25, deadline=None)
@given(
    positions=st.integers(0, 12),
    total=st.floats(0.01, 1.0),
    token=st.floats(0.01, 1.0),
    side=st.floats(0.01, 1.0),
    equity=st.floats(100.0, 1e6),
)
def test_the_fullest_book_keeps_every_limit(
    positions: int, total: float, token: float, side: float, equity: float
) -> None:
    limits = replace(
        POLICY.limits,
        max_total_positions=positions,
        max_total_exposure_ratio=total,
        max_exposure_per_token=token,
        max_same_side_ratio=side,
    )
    book = probe.fullest_book(replace(POLICY, limits=limits), equity, one_side=True)
    assert book.positions <= positions
    assert book.exposure_usd <= equity * min(total, side) + 0.01 * positions
    assert book.refused_by is not None


def test_a_cap_is_idle_exactly_where_leaving_it_out_changes_no_book() -> None:
    found = settings_of({"HLCOPY_MAX_TOTAL_POSITIONS": "7"})
    idle = {each.name for each in lint_caps.caps(found, found.policy(), 100_000.0)}
    assert "HLCOPY_MAX_TOTAL_OPEN_POSITIONS_USD_RATIO" not in idle
    assert "HLCOPY_MAX_POSITIONS_PER_TRADER" not in idle  # five of seven
    assert "HLCOPY_MAX_SAME_SIDE_RATIO" in idle


@pytest.mark.parametrize(
    ("given", "credits_"),
    [
        ({}, 0.0),
        ({"NANSEN_API_KEY": "k"}, 3 * 5 + 3),  # two pages, one of smart money; three summaries
        ({"NANSEN_API_KEY": "k", "HLCOPY_LEADERBOARD_SOURCE": "hyperliquid"}, 3),
        ({"NANSEN_API_KEY": "k", "HLCOPY_TRADE_SOURCE": "nansen", "HLCOPY_PRIMARY_TRADERS": "1", "HLCOPY_SECONDARY_TRADERS": "0"}, 18 + 288 + 96 + 20),
    ],
)  # fmt: skip
def test_the_forecast_adds_up_list_prices(given: dict[str, str], credits_: float) -> None:
    found = settings_of(given)
    assert credits_a_day(forecast(found, assumed(found.policy()))) == pytest.approx(credits_)


def test_the_document_has_the_same() -> None:
    document = lint_document(linted(NANSEN_API_KEY="k"), ok=True)
    assert document["counts"] == {"errors": 0, "warnings": 0, "notes": 6}
    forecast_ = document["forecast"]
    assert isinstance(forecast_, dict)
    assert (forecast_["nansen_credits_per_day"], forecast_["nansen_credits_per_month"]) == (18.0, 540.0)
