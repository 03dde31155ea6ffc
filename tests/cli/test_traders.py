"""`hlcopy traders`: who is followed, why others aren't, and what a score was made of."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.memory import MemoryLedger
from hlcopy.adapters.store import Binding, Store
from hlcopy.domain.book import PositionStatus
from hlcopy.render.rows import trader_row
from hlcopy.render.traders import trader_detail, traders_tables
from hlcopy.ticks import score
from tests.builders import OTHER_TRADER, T0, TRADER, at, fill, position, signal, trader, trader_position
from tests.ticks.fakes_score import NOW, World, swings, wallet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hlcopy.domain.models import Trader
    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

SECOND = "0x" + "c" * 40
HOSTILE = "\x1b[31mEvil\x07[/red]"


@pytest.fixture
def filled(database: Path) -> Path:
    """A database with a primary, a secondary and an unfit trader."""
    with Store.open(database, Binding("paper", "mainnet")) as store:
        store.traders.put(
            [
                trader(score=0.7, label=HOSTILE, terms={"rank": 1}),
                trader(address=SECOND, score=0.5, tier="secondary", terms={"rank": 2}),
                trader(address=OTHER_TRADER, score=0.0, tier=None, disqualified_reason="HFT"),
            ]
        )
    return database


def without_style(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.usefixtures("filled")
def test_the_followed_are_shown_and_the_others_summed_up(run: Run) -> None:
    lines = run("traders").out.splitlines()
    assert lines[0] == "Traders"
    assert lines[1].split() == [
        "#",
        *["TRADER", "LABEL", "TIER", "SCORE", "STYLE", "7D", "%", "30D", "%", "90D", "%", "WIN", "EQUITY"],
    ]
    assert lines[2].split()[:2] == ["1", "0xaaaa…aaaa"]
    assert lines[2].split()[-8:] == ["primary", "0.700", "SWING", "+12", "+25", "+40", "60%", "$100k"]
    assert lines[3].split()[:2] == ["2", "0xcccc…cccc"]
    assert lines[4:] == ["", "Left out: 1 HFT; see them with --all"]


@pytest.mark.usefixtures("filled")
def test_those_left_out_are_shown_when_asked_for(run: Run) -> None:
    lines = run("traders --all").out.splitlines()
    assert lines[5] == "Left out"
    assert lines[7].split()[0] == "0xbbbb…bbbb"
    assert "HFT" in lines[7]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("options", "addresses"),
    [
        ("", [TRADER, SECOND, OTHER_TRADER]),
        ("--tier primary", [TRADER]),
        ("--tier SECONDARY", [SECOND]),
        ("0xcc", [SECOND]),
        ("0xbbbb…bbbb", [OTHER_TRADER]),
    ],
)
def test_json_has_every_trader_unless_narrowed(run: Run, options: str, addresses: list[str]) -> None:
    rows = run(f"traders --json {options}").document["traders"]
    assert [row["address"] for row in rows] == addresses
    assert {
        "score",
        "style",
        "tier",
        "roi_7d",
        "roi_30d",
        "roi_90d",
        "win_rate",
        "disqualified_reason",
        "terms",
    } <= set(rows[0])


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("0xdd", "no known trader's address begins with '0xdd'"),
        ("0x", "3 traders' addresses begin with '0x'; give more of it"),
        ("--tier best", "must be primary or secondary, not 'best'"),
    ],
)
def test_what_names_no_one_trader_is_wrong_usage(run: Run, options: str, said: str) -> None:
    wrong = run(f"traders {options}")
    assert (wrong.code, wrong.out) == (2, "")
    assert said in wrong.err


def test_without_a_score_the_next_step_is_told(run: Run, database: Path) -> None:
    Store.open(database, Binding("paper", "mainnet")).close()
    assert run("traders").out == "Traders: none\nNobody has been scored yet. Find traders with: hlcopy score\n"


@pytest.fixture(scope="module")
def scored() -> dict[str, Trader]:
    """Traders as a real score leaves them: a good one, one of few trades, one whose fills weren't read."""
    world = World(MemoryLedger())
    world.add(1)
    world.add(2, swings(2, trips=10))
    world.add(3)
    world.add(4)
    world.profiles.silent.add(wallet(3))
    score.run(world.desk(), NOW)
    return {each.address: each for each in world.ledger.traders.all()}


def test_a_detail_shows_each_part_with_weight_value_and_source(scored: dict[str, Trader]) -> None:
    one = scored[wallet(1)]
    told = trader_detail(one, NOW, None)
    assert f"score             {one.score:.3f}" not in told
    parts = re.findall(r"^(.+?)  +(\d\.\d{3})  +(\d\.\d{3})  (.+)$", told, re.MULTILINE)
    assert [name for name, *_ in parts] == [
        "roi",
        "sharpe",
        "win rate",
        "consistency",
        "smart money bonus",
        "risk management",
    ]
    total = sum(float(weight) * float(value) for _, weight, value, _ in parts)
    assert f"Score {one.score:.3f} = sum {total:.3f} x decay 1.000" in told
    assert "(portfolio: week, less transfers)" in told
    assert "Neutral 0.5 for want of input: smart money bonus." in told
    assert f"120 ({one.terms['nof_trades_from']})" in told


def test_a_detail_says_why_a_trader_isn_t_followed(scored: dict[str, Trader]) -> None:
    assert "none: FEW_TRADES" in trader_detail(scored[wallet(2)], NOW, None)
    assert "counts 0: FEW_TRADES" in trader_detail(scored[wallet(2)], NOW, None).replace("\n  ", " ")
    assert "none: BAD_HISTORY" in trader_detail(scored[wallet(3)], NOW, None)
    assert "nothing of its trades was read" in trader_detail(scored[wallet(3)], NOW, None)


def test_a_blacklisted_trader_isn_t_shown_as_followed() -> None:
    struck = trader(blacklisted_until=at(days=1))
    assert traders_tables([struck], T0, None, with_left_out=False).splitlines() == [
        "Traders: none",
        "",
        "Left out: 1 BLACKLISTED; see them with --all",
    ]
    assert "until 2026-03-02" in traders_tables([struck], T0, None, with_left_out=True)
    assert "primary" in traders_tables([struck], at(days=2), None, with_left_out=False)


def test_a_wallet_followed_without_scoring_is_among_the_followed() -> None:
    mine = trader(tier=None, scored=False)
    assert "unscored" in traders_tables([mine], T0, None, with_left_out=False)


def test_tables_fit_80_columns_at_their_worst(scored: dict[str, Trader]) -> None:
    worst = trader(
        address="0x" + "a" * 40,
        label=HOSTILE * 5,
        tier="secondary",
        style="POSITION",
        roi_7d=-9_999.0,
        roi_30d=123_456.0,
        roi_90d=1e12,
        win_rate=1.0,
        account_value=999_499.0,
        terms={"rank": 45},
    )
    left_out = replace(worst, tier=None, disqualified_reason="SMALL_ACCOUNT")
    struck = replace(worst, blacklisted_until=at(days=1))
    for shown in (
        traders_tables([worst, left_out, struck], T0, 80, with_left_out=True),
        traders_tables([worst, left_out, struck], T0, 80, with_left_out=False),
        *(trader_detail(each, NOW, 80) for each in (*scored.values(), worst, left_out)),
    ):
        lines = without_style(shown).splitlines()
        assert max(map(len, lines)) <= 80
        assert all(line.isprintable() for line in lines)
    shown = without_style(traders_tables([worst, left_out], T0, 80, with_left_out=True))
    assert "-9999 +123k +999k 100% $999k" in re.sub(" +", " ", shown)
    assert "SMALL_ACCOUNT" in shown or "SMALL_ACCOUN" in shown


def test_a_trader_s_row_has_its_terms_and_rank() -> None:
    row = trader_row(trader(terms={"rank": 3, "raw": 0.5}))
    assert (row["rank"], row["terms"]) == (3, {"rank": 3, "raw": 0.5})
    assert trader_row(trader())["rank"] is None


# A person's word, and all that is known


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("line", "said", "word"),
    [
        ("pin 0xaa", "pinned; it is copied from now on", {"pinned": True}),
        ("pin 0xbb", "pinned; it isn't copied until a score finds it fit (HFT)", {"pinned": True}),
        ("pin 0xdddddddddddddddddddddddddddddddddddddddd", "until a score finds it fit (not scored yet)", {"pinned": True}),
        ("ban 0xaa", "banned; nothing of it is copied", {"banned": True}),
        ("watch 0xdddddddddddddddddddddddddddddddddddddddd", "watched; the next score reads it", {"watched": True}),
        ("budget 0xaa 5,000", "at most $5,000.00 of its copies may be open", {"budget_usd": 5_000.0}),
        ("budget 0xaa 0", "at most $0.00", {"budget_usd": 0.0}),
        ("note 0xaa scalper", "noted", {"note": "scalper"}),
    ],
)  # fmt: skip
def test_a_word_is_said_of_a_trader_and_stays(run: Run, line: str, said: str, word: dict[str, object]) -> None:
    done = run(f"traders {line} --json")
    assert done.code == 0
    assert said in done.document["said"]
    assert {name: done.document["choice"][name] for name in word} == word
    rows = {row["address"]: row["choice"] for row in run("traders --json").document["traders"]}
    assert rows[done.document["address"]] == done.document["choice"]
    assert f"{done.document['address'][:6]}…" in run("traders").out.partition("Your word")[2]


@pytest.mark.usefixtures("filled")
def test_every_word_can_be_taken_back(run: Run) -> None:
    for line in ("pin 0xaa", "watch 0xaa", "budget 0xaa 5", "note 0xaa x", "unpin 0xaa", "ban 0xaa", "unban 0xaa"):
        assert run(f"traders {line}").code == 0, line
    for line in ("unwatch 0xaa", "budget 0xaa off"):
        assert run(f"traders {line}").code == 0
    assert run("traders note 0xaa", "").code == 0
    assert "Your word" not in run("traders").out


@pytest.mark.usefixtures("filled")
def test_a_ban_ends_a_pin_and_a_pin_ends_a_ban(run: Run) -> None:
    run("traders pin 0xaa")
    assert run("traders ban 0xaa --json").document["choice"]["pinned"] is False
    assert run("traders pin 0xaa --json").document["choice"]["banned"] is False


@pytest.mark.usefixtures("filled")
def test_a_pin_makes_a_secondary_one_primary_at_once(run: Run) -> None:
    run("traders pin 0xcc")
    (row,) = run("traders --json 0xcc").document["traders"]
    assert row["tier"] == "primary"


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ban 0xdd", "'0xdd' is no address"),
        ("unban 0xdd", "no known trader's address begins with '0xdd'"),
        ("watch nonsense", "'nonsense' is no address"),
        ("budget 0xaa much", "a budget is an amount in USD such as 5000, or off"),
        ("budget 0xaa nan", "a budget is an amount in USD such as 5000, or off"),
        ("budget 0xaa -5", "No such option"),
        ("shw 0xaa", "No such command 'shw'. Did you mean 'show'?"),
        ("show 0x", "3 traders' addresses begin with '0x'"),
        (f"note 0xaa {'x' * 201}", "at most 200 characters"),
    ],
)
def test_a_word_that_makes_no_sense_is_refused(run: Run, line: str, said: str) -> None:
    wrong = run(f"traders {line}")
    assert (wrong.code, wrong.out) == (2, "")
    assert said in wrong.err


def test_all_that_is_known_of_a_trader_is_shown_within_80_columns(run: Run, filled: Path) -> None:
    with Store.open(filled, Binding("paper", "mainnet")) as store:
        store.history.add_fills(swings(1, trips=12, last=0.0))
        store.traders.put([trader(address=wallet(1), score=0.6)])
        broken = fill(trader=wallet(1), coin="ETH", start_position=7.0, time=NOW, tid=900)
        store.history.add_fills([fill(trader=wallet(1), coin="ETH", time=at(0), tid=899), broken])
        done = {"status": PositionStatus.CLOSED, "closed_at": NOW, "source_trader": wallet(1)}
        store.book.put_position(position(**done, realized_pnl_usd=50.0, fees_usd=2.0))
        store.book.put_position(position(**done, signal_id="s2", realized_pnl_usd=-20.0))
        store.signals.defer(signal(trader=wallet(1)))
        store.traders.put_positions(wallet(1), [trader_position(coin="SOL", value_usd=9_000.0)], NOW)
    run("traders note 0x0000", "<b>bold</b>" * 10)
    shown = run("traders show 0x0000")
    assert shown.code == 0
    assert max(map(len, shown.out.splitlines())) < 80
    for part in (
        "our copies 2 copies, 0 open",
        "of 2 closed 1 won, $30.00 net",
        "1 DEFERRED",
        "1 gap",
        "SOL Long $9.00k",
    ):
        assert part in " ".join(shown.out.split()), part
    document = run("traders show 0x0000 --json").document
    assert (document["ours"]["copies"], document["ours"]["realized_usd"]) == (2, 30.0)
    assert len(document["round_trips"]) == 10
    assert document["round_trips_known"] >= 12
    assert document["gaps"][0]["token_symbol"] == "ETH"
    assert document["trader"]["address"] == wallet(1)
