"""A person's word on a trader: what it changes in the gates and in the choice of traders, and what it doesn't."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlcopy.domain import gates
from hlcopy.domain.choices import Choice, Chosen, set_apart
from hlcopy.domain.gates import Approval, Holding, Portfolio, Skip
from hlcopy.domain.models import Side, SkipReason
from hlcopy.domain.policy import EntryPolicy, Policy, ScoringPolicy
from hlcopy.domain.selection import PRIMARY, SECONDARY, Disqualified, assign_tiers
from tests.builders import OTHER_TRADER, T0, TRADER
from tests.domain.test_confirm import facts


def choice(**overrides: object) -> Choice:
    return Choice(address=TRADER, at=T0, **overrides)  # type: ignore[arg-type]


def copies(usd: float, trader: str = TRADER) -> Portfolio:
    held = Holding(coin="ETH", side=Side.LONG, exposure_usd=usd, source_trader=trader)
    return Portfolio(equity=100_000.0, holdings=(held,))


def test_nothing_of_a_banned_trader_is_copied() -> None:
    verdict = gates.confirm(facts(choice=choice(banned=True)), Policy())
    assert verdict == Skip(SkipReason.BANNED, {"trader_equity": 400_000.0})
    assert isinstance(gates.confirm(facts(choice=choice(pinned=True, watched=True, note="x")), Policy()), Approval)


@pytest.mark.parametrize(
    ("case", "budget", "portfolio", "size"),
    [
        ("no budget", None, copies(3_000.0), 7_500.0),
        ("room for all of it", 10_500.0, copies(3_000.0), 7_500.0),
        ("the copy is made smaller to fit", 5_000.0, copies(3_000.0), 2_000.0),
        ("the smallest copy fits", 3_100.0, copies(3_000.0), 100.0),
        ("less than the smallest copy", 3_099.0, copies(3_000.0), None),
        ("used up", 3_000.0, copies(3_000.0), None),
        ("none at all", 0.0, Portfolio(equity=100_000.0), None),
        ("others' copies don't count", 3_000.0, copies(9_000.0, OTHER_TRADER), 3_000.0),
    ],
)
def test_the_copies_of_a_trader_stay_within_its_budget(
    case: str, budget: float | None, portfolio: Portfolio, size: float | None
) -> None:
    verdict = gates.confirm(facts(choice=choice(budget_usd=budget), portfolio=portfolio), Policy())
    if size is None:
        assert isinstance(verdict, Skip), case
        assert verdict.reason is SkipReason.TRADER_BUDGET
        assert budget is not None
        assert verdict.detail["room_usd"] == budget - sum(each.exposure_usd for each in portfolio.holdings)
    else:
        assert isinstance(verdict, Approval), case
        assert verdict.copy_size_usd == size


@settings(max_examples=80, deadline=None)
@given(st.floats(0, 20_000), st.floats(0, 20_000))
def test_no_copy_ever_goes_over_a_budget(budget: float, used: float) -> None:
    verdict = gates.confirm(facts(choice=choice(budget_usd=budget), portfolio=copies(used)), Policy())
    if isinstance(verdict, Approval):
        assert used + verdict.copy_size_usd <= budget + 0.01


@pytest.mark.parametrize(
    ("allow", "deny", "passing"),
    [
        ((), (), {"BTC", "ETH", "kPEPE"}),
        (("btc",), (), {"BTC"}),
        (("btc", "kpepe"), (), {"BTC", "kPEPE"}),
        ((), ("eth",), {"BTC", "kPEPE"}),
    ],
)
def test_the_lists_of_coins_say_which_are_copied(
    allow: tuple[str, ...], deny: tuple[str, ...], passing: set[str]
) -> None:
    policy = EntryPolicy(allow_coins=frozenset(allow), deny_coins=frozenset(deny))
    verdicts = {coin: gates.coin_gate(coin, policy) for coin in ("BTC", "ETH", "kPEPE")}
    assert {coin for coin, reason in verdicts.items() if reason is None} == passing
    assert set(verdicts.values()) <= {None, SkipReason.COIN_NOT_ALLOWED}


SMALL = ScoringPolicy(primary_traders=2, secondary_traders=1, primary_keep_rank=3)
SCORES = {f"0x{number}": 1 - number / 10 for number in range(1, 7)}


@pytest.mark.parametrize(
    ("case", "chosen", "primary", "secondary"),
    [
        ("nobody apart", Chosen(), {"0x1", "0x2"}, {"0x3"}),
        ("a pinned one keeps a place whatever its rank", Chosen(pinned=frozenset({"0x6"})), {"0x6", "0x1"}, {"0x2"}),
        ("more pinned than places", Chosen(pinned=frozenset({"0x4", "0x5", "0x6"})), {"0x4", "0x5", "0x6"}, {"0x1"}),
        ("a watched one is secondary at the least", Chosen(watched=frozenset({"0x5"})), {"0x1", "0x2"}, {"0x3", "0x5"}),
        ("a watched one that ranks is primary", Chosen(watched=frozenset({"0x1"})), {"0x1", "0x2"}, {"0x3"}),
        ("who has no score isn't helped by a pin", Chosen(pinned=frozenset({"0x9"})), {"0x1", "0x2"}, {"0x3"}),
    ],
)
def test_a_pin_gives_a_place_and_nothing_else(
    case: str, chosen: Chosen, primary: set[str], secondary: set[str]
) -> None:
    tiers = assign_tiers({**SCORES, "0x9": 0.0}, (), SMALL, chosen)
    assert {who for who, (tier, _) in tiers.items() if tier == PRIMARY} == primary, case
    assert {who for who, (tier, _) in tiers.items() if tier == SECONDARY} == secondary, case
    assert tiers["0x9"] == (None, Disqualified.OUTRANKED)


def test_a_ban_wins_over_a_pin_and_a_watch() -> None:
    word = Choice(address="0x1", at=T0, pinned=True, banned=True, watched=True)
    assert set_apart([word]) == Chosen(banned=frozenset({"0x1"}))
    assert set_apart([word]).read_first == frozenset()
