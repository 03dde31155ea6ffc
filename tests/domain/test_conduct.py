"""How a record came about: what is measured of it, in words."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hlcopy.domain.conduct import (
    Conduct,
    Dumps,
    at_least,
    concentration,
    conduct_of,
    dumped_at,
    dumps_of,
    largest_flow,
    luck_of,
    net_share,
    skill,
)
from hlcopy.domain.policy import Gate, SafetyPolicy
from hlcopy.domain.selection import Disqualified, disbelieve
from tests.builders import T0, at, fill

NAN, INF = math.nan, math.inf
DELAY = timedelta(minutes=15)
WEEK = timedelta(days=7)


def moves(*steps: tuple[float, float], coin: str = "BTC", price: float = 100.0) -> list:
    """Return fills, each an order of its own: minutes after the beginning, and the signed size."""
    held, made = 0.0, []
    for number, (minutes, size) in enumerate(steps):
        step = fill(
            coin=coin,
            time=at(minutes),
            is_buy=size > 0,
            size=abs(size),
            start_position=held,
            price=price,
            oid=100 * len(coin) + number + 1,
            closed_pnl=0.0 if number % 2 == 0 else 10.0,
        )
        made.append(step)
        held += size
    return made


@pytest.mark.parametrize(
    ("case", "steps", "entries", "cut"),
    [
        ("held for hours", [(0, 10), (300, -10)], 1, 0),
        ("cut to nothing 25 minutes after", [(0, 10), (25, -10)], 1, 1),
        ("cut by half within the half hour after a copy", [(0, 10), (44, -5), (300, -5)], 1, 1),
        ("cut by less than half", [(0, 10), (44, -4), (300, -6)], 1, 0),
        ("cut after that half hour", [(0, 10), (46, -10)], 1, 0),
        ("in two steps", [(0, 10), (20, -3), (40, -2), (300, -5)], 1, 1),
        ("gone before a copy", [(0, 10), (10, -10)], 0, 0),
        ("too little left to be copied", [(0, 10), (10, -4), (25, -6)], 0, 0),
        ("small buys before the one to be seen", [(0, 1), (30, 1), (60, 10), (90, -12)], 1, 1),
        ("a small add changes nothing", [(0, 10), (60, 1), (90, -11)], 1, 0),
        ("on the other side", [(0, -10), (25, 10)], 1, 1),
        ("turned within the half hour", [(0, 10), (25, -25), (300, 15)], 2, 1),
        ("what comes after isn't over yet", [(980, 10), (990, -10)], 0, 0),
    ],
)
def test_an_entry_is_a_dump_when_it_is_cut_by_half_soon_after_a_copy(
    case: str, steps: list[tuple[float, float]], entries: int, cut: int
) -> None:
    assert dumps_of(moves(*steps), at(1_000), DELAY) == Dumps(entries=entries, cut=cut), case


@pytest.mark.parametrize(
    ("case", "steps", "side", "minute"),
    [
        ("kept", [(0, 10), (60, -10)], 1, None),
        ("cut by half", [(0, 10), (40, -5)], 1, 40),
        ("cut by less", [(0, 10), (40, -4)], 1, None),
        ("in two steps", [(0, 10), (20, -3), (45, -2), (46, -5)], 1, 45),
        ("half an hour after us and later", [(0, 10), (46, -10)], 1, None),
        ("what was cut before we came counts from there", [(0, 10), (14, -3), (30, -3)], 1, None),
        ("on the other side", [(0, -10), (40, 10)], -1, 40),
        ("turned", [(0, 10), (40, -25)], 1, 40),
    ],
)
def test_a_copy_is_dumped_on_when_half_is_cut_within_the_half_hour_after_it(
    case: str, steps: list[tuple[float, float]], side: int, minute: float | None
) -> None:
    """We came at minute 15."""
    expected = None if minute is None else at(minute)
    assert dumped_at([*moves(*steps), *moves((20, 1), (21, -1), coin="ETH")], "BTC", side, at(15)) == expected, case


def test_a_cut_behind_a_gap_is_none() -> None:
    broken = [moves((0, 10))[0], fill(time=at(20), start_position=3.0, is_buy=False, size=3.0, oid=9)]
    assert dumped_at(broken, "BTC", 1, at(15)) is None


def test_an_entry_behind_a_gap_counts_for_nothing() -> None:
    broken = moves((0, 10), (25, -10))
    assert dumps_of([broken[0], fill(time=at(20), start_position=3.0, oid=9)], at(1_000), DELAY).entries == 0


@pytest.mark.parametrize(
    ("case", "pnls", "largest", "herfindahl", "rest"),
    [
        ("evenly won", [10.0] * 10, 0.1, 0.1, 80.0),
        ("one stroke", [90.0, 5.0, 5.0, -20.0], 0.9, 0.815, -15.0),
        ("losses have no share in what was won", [50.0, 50.0, -100.0], 0.5, 0.5, -100.0),
    ],
)
def test_concentration_is_of_the_gross_profit(
    case: str, pnls: list[float], largest: float, herfindahl: float, rest: float
) -> None:
    found = concentration(pnls)
    assert found is not None
    measured = (found.largest, found.herfindahl, found.without_best_usd)
    assert measured == (pytest.approx(largest), pytest.approx(herfindahl), pytest.approx(rest)), case


def test_nothing_won_is_nothing_to_be_concentrated() -> None:
    assert concentration([]) is None
    assert concentration([-1.0, 0.0]) is None


def test_what_is_undone_at_once_is_wash() -> None:
    washed = moves(*[(minute + half / 2, 1 - 2 * half) for minute in range(20) for half in (0, 1)])
    record = conduct_of(washed, T0 - WEEK, at(500), DELAY)
    assert (record.trips, record.coins, record.quick_share) == (20, 1, 1.0)
    assert record.net_share == pytest.approx(0.0)
    assert net_share(washed[:1]) == 1.0
    assert net_share([]) is None


def test_only_the_period_counts() -> None:
    old, new = moves((0, 1), (1, -1), coin="ETH"), moves((500, 1), (501, -1))
    assert conduct_of([*old, *new], at(400), at(600), DELAY).trips == 1
    assert conduct_of([*old, *new], at(0), at(400), DELAY).trips == 1  # what comes later isn't known


@pytest.mark.parametrize(
    ("case", "returns", "low", "high"),
    [
        ("as often won as lost", [0.05, -0.05] * 40, -0.01, 0.01),
        ("a clear edge", [0.05, 0.04, -0.01] * 30, 6.0, 14.0),
        ("a clear loss", [-0.05, -0.04, 0.01] * 30, -14.0, -6.0),
        ("no spread is no evidence", [0.02] * 30, 0.0, 0.0),
    ],
)
def test_skill_is_the_mean_in_standard_errors(case: str, returns: list[float], low: float, high: float) -> None:
    found = skill(returns)
    assert found is not None
    assert low <= found <= high, case


def test_too_few_returns_say_nothing() -> None:
    assert skill([0.1, 0.2]) is None


def test_the_best_of_many_is_better_by_luck() -> None:
    assert luck_of(0) == luck_of(1) == 0.0
    assert luck_of(1_000) == pytest.approx(3.255, abs=0.01)
    assert luck_of(10) < luck_of(1_000) < luck_of(30_000)


@pytest.mark.parametrize(
    ("case", "points", "share"),
    [
        ("no transfers", [(0, 100.0, 0.0), (1, 110.0, 10.0), (2, 105.0, 5.0)], 0.0),
        ("half again paid in", [(0, 100.0, 0.0), (1, 160.0, 10.0)], 0.5),
        ("half taken out", [(0, 100.0, 0.0), (1, 50.0, 0.0)], 0.5),
        ("two deposits within a week", [(0, 100.0, 0.0), (3, 130.0, 0.0), (6, 160.0, 0.0)], 0.6),
        ("two deposits that lie further apart", [(0, 100.0, 0.0), (8, 130.0, 0.0), (16, 160.0, 0.0)], 0.0),
        ("a tiny account made large", [(0, 1.0, 0.0), (1, 100.0, 0.0)], 9.9),
    ],
)
def test_a_flow_is_what_profit_doesn_t_explain(
    case: str, points: list[tuple[float, float, float]], share: float
) -> None:
    history = [(at(days=day), value, pnl) for day, value, pnl in points]
    assert largest_flow(history, WEEK) == pytest.approx(share), case


def test_without_two_points_no_flow_is_known() -> None:
    assert largest_flow([], WEEK) is None
    assert largest_flow([(T0, 1.0, 0.0)], WEEK) is None


@given(st.integers(0, 200), st.integers(0, 200))
def test_a_share_is_at_least_something_below_what_was_seen(count: int, more: int) -> None:
    low = at_least(count, count + more)
    assert 0 <= low <= 1
    if count + more:
        assert low <= count / (count + more) + 1e-9


EVEN = concentration([10.0] * 20)
BELIEVED = Conduct(
    trips=50, coins=3, concentration=EVEN, quick_share=0.0, net_share=0.0, dumps=Dumps(entries=20, cut=1), skill=4.0
)
SAFETY = SafetyPolicy()


def changed(**changes: object) -> Conduct:
    values = {name: getattr(BELIEVED, name) for name in BELIEVED.__slots__} | changes
    return Conduct(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("case", "changes", "flow", "reason", "gate"),
    [
        ("a sound record", {}, 0.2, None, None),
        ("nothing known of transfers", {}, None, None, None),
        ("as large a transfer as may be", {}, 0.5, None, None),
        ("too large a transfer", {}, 0.51, Disqualified.FLOWS, Gate.FLOWS),
        ("a broken transfer", {}, NAN, Disqualified.FLOWS, Gate.FLOWS),
        ("mostly quick round trips", {"quick_share": 0.3}, 0.0, Disqualified.WASH, Gate.WASH),
        ("quick ones that left something", {"quick_share": 0.9, "net_share": 0.1}, 0.0, None, None),
        ("quick ones, and no volume known", {"quick_share": 0.9, "net_share": None}, 0.0, Disqualified.WASH, Gate.WASH),
        ("dumps again and again", {"dumps": Dumps(entries=20, cut=8)}, 0.0, Disqualified.OPEN_THEN_DUMP, Gate.DUMP),
        ("a dump of few entries proves nothing", {"dumps": Dumps(entries=4, cut=1)}, 0.0, None, None),
        ("one stroke", {"concentration": concentration([90.0, 1.0, 1.0, 1.0])}, 0.0, Disqualified.CONCENTRATED, Gate.CONCENTRATION),
        ("a loss without the best two", {"concentration": concentration([6.0] * 9 + [-45.0])}, 0.0, Disqualified.CONCENTRATED, Gate.CONCENTRATION),
        ("a broken profit", {"concentration": concentration([1.0, INF])}, 0.0, Disqualified.CONCENTRATED, Gate.CONCENTRATION),
        ("what luck would show", {"skill": 2.7}, 0.0, Disqualified.LUCK, Gate.LUCK),
        ("a record too short to be judged by its luck", {"skill": 1.0, "trips": 49}, 0.0, None, None),
        ("no skill known of a long record", {"skill": None}, 0.0, Disqualified.LUCK, Gate.LUCK),
        ("a broken skill", {"skill": NAN}, 0.0, Disqualified.LUCK, Gate.LUCK),
        ("an endless skill", {"skill": INF}, 0.0, Disqualified.LUCK, Gate.LUCK),
    ],
)  # fmt: skip
def test_a_record_is_believed_unless_something_speaks_against_it(
    case: str, changes: dict[str, object], flow: float | None, reason: Disqualified | None, gate: Gate | None
) -> None:
    record = changed(**changes)
    assert disbelieve(record, flow, SAFETY) is reason, case
    if gate is not None:
        assert disbelieve(record, flow, SafetyPolicy(off=frozenset({gate}))) is None, case


@pytest.mark.parametrize(("coins", "reason"), [(3, None), (2, Disqualified.CONCENTRATED)])
def test_a_record_can_be_asked_to_span_several_coins(coins: int, reason: Disqualified | None) -> None:
    assert disbelieve(changed(coins=coins), 0.0, SafetyPolicy(min_profit_coins=3)) is reason
    assert disbelieve(changed(coins=coins), 0.0, SAFETY) is None


def test_without_trials_nobody_is_lucky() -> None:
    assert disbelieve(changed(skill=None), 0.0, SafetyPolicy(luck_trials=0)) is None


@given(st.sampled_from([NAN, INF, -INF]), st.integers(0, 9))
def test_no_broken_number_is_believed(broken: float, place: int) -> None:
    pnls = [10.0] * 10
    pnls[place] = broken
    assert disbelieve(changed(concentration=concentration(pnls)), 0.0, SAFETY) is Disqualified.CONCENTRATED
    assert disbelieve(BELIEVED, math.nan, SAFETY) is Disqualified.FLOWS
    assert disbelieve(changed(skill=skill(pnls)), 0.0, SAFETY) is Disqualified.LUCK
