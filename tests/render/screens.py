"""The main screens, made of fixed facts: what a person sees of hlcopy at a terminal's width."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hlcopy.backtest.comparison import compare
from hlcopy.backtest.gates import Gate, Judgement, Source, Verdict
from hlcopy.backtest.report import Warn
from hlcopy.backtest.sweep import MEASURES, Fold, Window
from hlcopy.backtest.sweep import Outcome as Replayed
from hlcopy.backtest.sweep_report import ByValue, Deflated, FoldResult, Joined, Sweep, WalkForward
from hlcopy.backtest.sweep_space import Listed, Space
from hlcopy.backtest.sweep_study import Tried
from hlcopy.domain.book import ExitReason, Position, PositionStatus
from hlcopy.domain.breakers import Breaker
from hlcopy.domain.checks import Check
from hlcopy.domain.episodes import Gap
from hlcopy.domain.models import DEFERRED, EXECUTE, Action, Side, SkipReason, Wait
from hlcopy.domain.naked import NakedTime
from hlcopy.ports import (
    CandleCoverage,
    EquityCoverage,
    FillCoverage,
    FundingCoverage,
    Halt,
    Reach,
    RestingStop,
    VenuePosition,
)
from hlcopy.render.backtest import backtest_text
from hlcopy.render.checks import checks_text
from hlcopy.render.gates import gates_text
from hlcopy.render.history import HistoryStatus, Hole, TraderHistory, history_tables
from hlcopy.render.operating import verdict_text
from hlcopy.render.pauses import pauses_text
from hlcopy.render.reports import positions_tables, signals_table
from hlcopy.render.settings import Shown, settings_text
from hlcopy.render.story import Ending, ending_text
from hlcopy.render.sweep import sweep_text
from hlcopy.render.ticks import positions_table
from hlcopy.render.traders import trader_detail, traders_tables
from hlcopy.ticks.report import PositionView, Problem
from hlcopy.ticks.verify import Guarded
from hlcopy.ticks.verify import Verdict as Proved
from tests.builders import OTHER_TRADER, T0, TRADER, at, position, signal, trader
from tests.test_render_backtest import made, trial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PARTS: Final = (
    *("normalized_roi", "normalized_sharpe", "normalized_win_rate"),
    *("consistency_score", "smart_money_bonus", "risk_management_score"),
)
THIRD: Final = "0x" + "c" * 40


def traders(width: int | None) -> str:
    known = [
        trader(label=None, terms={"rank": 1}, roi_7d=0.3, roi_30d=12.4, roi_90d=76.1, account_value=310_123.0),
        trader(address=OTHER_TRADER, label="HL Perps Whale", terms={"rank": 2}, roi_7d=-0.3, account_value=2.6e7),
        trader(address=THIRD, tier="secondary", terms={"rank": 13}, roi_30d=-8.0, roi_90d=12_345.0, style="POSITION"),
        trader(address="0x" + "d" * 40, tier=None, disqualified_reason="WIN_RATE_HIGH", win_rate=0.92),
        trader(address="0x" + "e" * 40, tier=None, disqualified_reason="HFT", roi_7d=None, roi_90d=None, style=None),
    ]
    return traders_tables(known, T0, width, with_left_out=True)


def one_trader(width: int | None) -> str:
    terms: dict[str, float | str | None] = {
        "account_value_from": "portfolio at 2026-03-01T00:00:00+00:00",
        "roi_90d_from": "portfolio: 90 days of allTime, less transfers",
        "realized_30d_usd": 26_294.97,
        "realized_30d_from": "fills",
        "volume_30d_usd": 3_478_332.86,
        "nof_trades_from": "fills",
        "fills": 583,
        "fills_from": "2025-12-01T00:00:00+00:00",
        "leaderboard": "nansen",
        "leaderboard_rank": 4,
        "raw": 0.564,
        "decay": 0.952,
        "last_activity": "2026-02-28T22:46:39+00:00",
        "round_trips": 81.0,
        "incomplete_trips": 2.0,
        "consistency_windows": "7d, 30d, 90d",
        "label_known": 1.0,
        "leverage": 0.33,
        **{f"{name}_weight": 0.2 for name in PARTS},
        **dict.fromkeys(PARTS, 0.565),
    }
    return trader_detail(trader(terms=terms), T0, width)


def signals(width: int | None) -> str:
    judged = [
        signal(coin="NEAR", side=Side.SHORT, decision=EXECUTE, value_usd=91_400.0, copy_size_usd=10_140.0),
        signal(coin="kPEPE", decision=DEFERRED, wait=Wait.UNKNOWN_TRADER_STATE, value_usd=1_234_567.0),
        signal(coin="AVAX", action=Action.CLOSE, decision=SkipReason.ACTION.value, value_usd=999.0),
        signal(coin="FARTCOIN", trader=OTHER_TRADER, decision=SkipReason.ALREADY_IN_TOKEN.value, value_usd=106_000.0),
    ]
    return signals_table([replace(each, trade_time=at(hours=-n)) for n, each in enumerate(judged)], width)


def held() -> list[Position]:
    return [
        position(id=7, stop_confirmed=True, trigger_price=95.0, value_usd=8_523.0),
        position(
            id=14, coin="BTC", entry_price=93_548.8, best_price=95_120.0, trigger_price=88_871.4, value_usd=10_120.0
        ),
        position(
            id=1_215,
            coin="kPEPE",
            side=Side.SHORT,
            entry_price=0.01032,
            best_price=0.010042,
            trigger_price=0.010836,
            stop_confirmed=True,
            tiers_taken=(1, 2),
            value_usd=613.0,
            status=PositionStatus.CLOSING,
        ),
    ]


def closed() -> list[Position]:
    left = {"status": PositionStatus.CLOSED, "closed_at": at(hours=30)}
    ends = [
        (1, "BTC", 93_548.8, 91_200.0, -1_248.06, ExitReason.STOP_LOSS),
        (2, "DOGE", 0.356883, 0.338686, 398.66, ExitReason.TRADER_LIQUIDATED),
        (3, "ETH", 5_555.2, 5_555.2, 0.0, ExitReason.TIME_STOP),
    ]
    return [
        position(id=id_, coin=coin, entry_price=entry, exit_price=out, realized_pnl_usd=pnl, close_reason=why, **left)
        for id_, coin, entry, out, pnl, why in ends
    ]


def positions(width: int | None) -> str:
    halt = Halt(at=T0, reason="exchange maintenance")
    breaker = Breaker(name="MAX_DAILY_LOSS_PERCENT", since=T0, until=at(days=1), measured=3.4, limit=3.0, trader=None)
    stored = positions_tables([*held(), *closed()], width, with_closed=True)
    return stored + pauses_text(halt, [breaker])


def watched(width: int | None) -> str:
    gains = (4.2, -1.68, None)
    marks = (104.2, 91_977.2, None)
    views = [
        PositionView(position=each, mark_price=mark, unrealized_pct=gain)
        for each, mark, gain in zip(held(), marks, gains, strict=True)
    ]
    return positions_table(views, width)


def verify(width: int | None) -> str:
    guarded, bare, _ = held()
    stop = RestingStop(
        coin="BTC", is_buy=False, size=2.0, trigger_price=95.0, reduce_only=True, client_order_id="0x" + "1" * 32
    )
    there = VenuePosition(
        coin="BTC", size=2.0, entry_price=100.0, leverage=3, isolated=True, liquidation_price=70.1234, mark=104.2
    )
    wrong = Problem(code="NO_STOP", message="no stop of ours rests for it", item="BTC")
    return verdict_text(
        Proved(
            at=T0,
            positions=(
                Guarded(position=guarded, held=there, stops=(stop,), problems=()),
                Guarded(position=bare, held=replace(there, liquidation_price=None), stops=(), problems=(wrong,)),
            ),
            problems=(wrong,),
            notes=("SOL isn't ours and is left alone",),
            naked=NakedTime(spans=1_204, total_s=86.0, p99_s=1.5, longest_s=12.3),
        ),
        width,
    )


def doctor(width: int | None) -> str:
    checks = [
        Check(name="settings", ok=True, said="4 set in .env"),
        Check(
            name="clock", ok=False, said="9.3 s behind the venue's", remedy="let NTP set it: timedatectl set-ntp true"
        ),
        Check(name="ticks", ok=None, said="none has ever run", remedy="start them: hlcopy run-all as a service"),
    ]
    return checks_text(checks, colour=width is not None)


def gates(width: int | None) -> str:
    numbers = {"days": 24, "unknown": 0}
    return gates_text(
        Judgement(
            source=Source.LEDGER,
            start=date(2026, 2, 1),
            end=date(2026, 3, 1),
            gates=[
                Gate(
                    decision="SKIP_ALREADY_IN_TOKEN",
                    refused=1_234,
                    followed=1_180,
                    pending=54,
                    loss_avoided_pct=812.4,
                    gain_missed_pct=301.25,
                    mean_pct=-0.43,
                    interval_pct=(-0.81, -0.12),
                    verdict=Verdict.EARNS,
                    **numbers,
                ),
                Gate(
                    decision=EXECUTE,
                    refused=31,
                    followed=28,
                    pending=3,
                    loss_avoided_pct=12.0,
                    gain_missed_pct=48.5,
                    mean_pct=1.3,
                    interval_pct=None,
                    verdict=None,
                    **numbers,
                ),
            ],
            warnings=[Warn(code="FEW_DAYS", message="what this is for")],
        ),
        width,
    )


def backtest(width: int | None) -> str:
    trials = [trial(day, ours, theirs) for day, ours, theirs in ((1, -12.0, 4.0), (2, 30.0, None), (3, 8.5, 9.0))]
    return backtest_text(made(comparison=compare(trials)), width)


def sweep(width: int | None) -> str:
    def replayed(sharpe: float, return_pct: float) -> Replayed:
        return Replayed(
            entries=31,
            days=12,
            return_pct=return_pct,
            drawdown_pct=4.5,
            sharpe=sharpe,
            calmar=1.2,
            uplift_pct=-0.34,
            uplift_days=12,
            moments=None,
        )

    rows = [
        Tried(
            number=n,
            values={"STOP_LOSS_PERCENT": stop},
            key=stop,
            outcome=replayed(score, made_),
            score=score,
            why=None,
        )
        for n, stop, score, made_ in ((2, "3", 1.84, 6.12), (0, "5", 0.91, 2.5), (1, "8", -0.35, -1.75))
    ]
    barred = Tried(
        number=3,
        values={"STOP_LOSS_PERCENT": "12"},
        key="12",
        outcome=replayed(0.1, 0.2),
        score=None,
        why="INSUFFICIENT: 9 days with entries",
    )
    joined = Joined(return_pct=1.25, drawdown_pct=2.5, sharpe=0.75, probabilistic_sharpe=0.61, entries=17, days=10)
    fold = Fold(
        train=Window(first=date(2026, 1, 1), last=date(2026, 2, 1)),
        test=Window(first=date(2026, 2, 2), last=date(2026, 2, 11)),
    )
    return sweep_text(
        Sweep(
            study="sweep-a00474c415",
            window=Window(first=date(2026, 1, 1), last=date(2026, 3, 1)),
            by=MEASURES["sharpe"],
            space=Space(axes=(Listed(name="STOP_LOSS_PERCENT", values=("3", "5", "8", "12")),)),
            seed=None,
            rows=[*rows, barred],
            as_set=replayed(0.91, 2.5),
            as_set_values={"STOP_LOSS_PERCENT": "5"},
            as_set_score=0.91,
            as_set_why=None,
            tries=4,
            deflated=Deflated(sharpe=1.84, luckiest=1.5, probability=0.62, undeflated=0.91),
            by_value=[ByValue(name="STOP_LOSS_PERCENT", value="3", scored=1, mean=1.84, best=1.84)],
            importances={},
            walked=WalkForward(
                folds=[FoldResult(fold=fold, chosen=rows[0], tested=replayed(0.75, 1.25), as_set=replayed(0.5, 1.0))],
                joined=joined,
                as_set=joined,
                in_sample=1.84,
                out_of_sample=0.75,
            ),
            warnings=[],
        ),
        10,
        width,
    )


def data_status(width: int | None) -> str:
    last = at(days=30)
    return history_tables(
        HistoryStatus(
            fills=[
                TraderHistory(
                    coverage=FillCoverage(trader=TRADER, first=T0, last=last, count=1_234_567),
                    orders=12_345,
                    gaps=[Gap(coin="BTC", at=at(hours=5), expected=17.6497, found=-42_587.9)],
                    reach=Reach(address=TRADER, complete_from=T0, complete_until=last),
                ),
                TraderHistory(
                    coverage=FillCoverage(trader=OTHER_TRADER, first=T0, last=last, count=12), orders=3, gaps=[]
                ),
            ],
            candles=[
                CandleCoverage(coin="FARTCOIN", interval_ms=60_000, first=T0, last=last, count=43_200, missing=17)
            ],
            funding=[FundingCoverage(coin="BTC", first=T0, last=last, count=720)],
            traders=[trader()],
            equity=[EquityCoverage(trader=TRADER, first=T0, last=last, count=90, first_read=last, last_read=last)],
            candle_holes={("FARTCOIN", 60_000): [Hole(first=T0, last=at(16), count=17, venue_has_none=True)]},
        ),
        {60_000: "1m"}.__getitem__,
        width,
    )


def config_show(_width: int | None) -> str:
    caps: dict[str, float] = {"BTC": 50_000.0, "ETH": 30_000.0, "SOL": 20_000.0, "HYPE": 15_000.0, "_default": 10_000.0}
    return settings_text(
        [
            Shown(name="HLCOPY_MODE", value="paper", source="file .env", meaning="Where we trade.", group="Trading"),
            Shown(name="NANSEN_API_KEY", value="set", source="environment", meaning="Nansen's key.", group="Trading"),
            Shown(
                name="HLCOPY_MIN_TRADE_VALUE_USD",
                value=caps,
                source="default",
                meaning="Smallest order of a trader that is looked at, in USD by coin; _default is every other coin's.",
                group="Sizes",
            ),
            Shown(name="HLCOPY_STOP_LOSS_PERCENT", value=5.0, source="default", meaning="Hard stop.", group="Exits"),
        ]
    )


def demo_ending(_width: int | None) -> str:
    ending = Ending(
        days=10,
        events=1_395,
        ticks={"poll": 179, "monitor": 213},
        requests=3_963,
        seconds=12.34,
        equity_usd=102_137.33,
        gained_usd=2_137.33,
        promises=[("every good trader is followed", True), ("an exit or a tier by STOP_LOSS", False)],
    )
    return ending_text(ending, 7, None) + ending_text(ending, 7, Path("demo.db"))


SCREENS: Final[Mapping[str, Callable[[int | None], str]]] = {
    "traders": traders,
    "trader": one_trader,
    "signals": signals,
    "positions": positions,
    "monitor": watched,
    "verify": verify,
    "doctor": doctor,
    "gates": gates,
    "sweep": sweep,
    "backtest": backtest,
    "data-status": data_status,
    "config-show": config_show,
    "demo-ending": demo_ending,
}
