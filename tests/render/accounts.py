"""More of the main screens, made of fixed facts: how all stands, why it does, and what it amounts to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hlcopy.backtest.comparison import compare
from hlcopy.backtest.lived import Drift, Pair
from hlcopy.backtest.lived import Side as Went
from hlcopy.backtest.report import Warn
from hlcopy.config import lint, settings_of
from hlcopy.config.spending import Line, Spending
from hlcopy.config.workload import assumed
from hlcopy.domain import explained
from hlcopy.domain.alerts import Alert, Event
from hlcopy.domain.book import ExitReason, IntentState, Purpose
from hlcopy.domain.breakers import Breaker, EquitySample
from hlcopy.domain.choices import Choice
from hlcopy.domain.episodes import Gap
from hlcopy.domain.explained import Asks, Check, Unit
from hlcopy.domain.models import DEFERRED, EXECUTE, Run, Side, SkipReason, Wait
from hlcopy.domain.policy import Policy
from hlcopy.domain.round_trips import RoundTrip
from hlcopy.ports import Halt
from hlcopy.render.alerts import alerts_text
from hlcopy.render.budget import budget_text
from hlcopy.render.choices import dossier_text
from hlcopy.render.crontab import Plan, block
from hlcopy.render.lint import lint_text
from hlcopy.render.pauses import pauses_text
from hlcopy.render.report import report_text
from hlcopy.render.status import Where, status_text
from hlcopy.render.why import present_text, story_text
from hlcopy.ticks.dossier import Dossier, OurResult
from hlcopy.ticks.overview import Held, Overview, Tick
from hlcopy.ticks.story import Ending, Miss, Present, Story
from hlcopy.wiring.desks import Left
from tests.builders import T0, action, at, order, our_fill, position, signal, trader, trader_position
from tests.test_render_backtest import made, trial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hlcopy.config.lint import Linted

NOW: Final = at(days=3)
LEAST: Final = 0.1
ID: Final = "3f2a91c07d5544e28a1be5f3c9d07a61"
BREAKER: Final = Breaker(
    name="MAX_DAILY_LOSS_PERCENT", since=at(days=2), until=at(days=4), measured=3.4, limit=3.0, trader=None
)


def status(width: int | None) -> str:
    held = [
        Held(
            position=position(id=7, coin="BTC", trigger_price=88_871.4, entry_price=93_548.8, size=0.108),
            mark=95_120.25,
            gain_pct=1.68,
            unrealized_usd=169.7,
            to_stop_pct=6.57,
            time_left=timedelta(hours=51, minutes=12),
        ),
        Held(
            position=position(
                id=1_215, coin="FARTCOIN", side=Side.SHORT, trigger_price=1.0836, size=9_850.0, stop_confirmed=True
            ),
            mark=None,
            gain_pct=None,
            unrealized_usd=None,
            to_stop_pct=None,
            time_left=timedelta(minutes=-3),
        ),
    ]
    done = Run(command="poll", started_at=NOW - timedelta(minutes=2), finished_at=NOW - timedelta(seconds=112), ok=True)
    failed = replace(done, command="score", ok=False, errors=("Nansen didn't answer within 30 s",))
    curve = [EquitySample(at=at(hours=n), equity_usd=100_000.0 + 40 * (n % 17) + 25 * n) for n in range(72)]
    seen = Overview(
        at=NOW,
        equity=curve[-1],
        curve=curve,
        today_usd=-312.4,
        week_usd=1_775.0,
        closed_today=1,
        closed_week=12,
        held=held,
        decisions={EXECUTE: 3, DEFERRED: 1, SkipReason.LOW_WEIGHT.value: 1_204, SkipReason.ALREADY_IN_TOKEN.value: 41},
        ticks=[
            Tick(command="monitor", run=None, next_due=NOW),
            Tick(command="poll", run=done, next_due=NOW + timedelta(minutes=3)),
            Tick(command="score", run=failed, next_due=NOW + timedelta(hours=22)),
        ],
        halted=Halt(at=at(days=2), reason="exchange maintenance"),
        breakers=[BREAKER],
        followed=15,
    )
    left = Left(
        weight={"monitor": (480, 500), "poll": (212, 500), "score": (0, 200)},
        credits_spent=55.0,
        credits_per_day=100.0,
        credits_left=8_210.0,
    )
    where = Where(mode="live", network="mainnet", account="0x" + "d" * 40)
    return status_text(seen, where, left, ["the venue's marks are 40 s old"], width)


def gates(*, weight: float) -> tuple[Check, ...]:
    held = weight >= LEAST
    return (
        explained.number("order size", SkipReason.SIZE_TOO_SMALL, 91_400.0, Asks.AT_LEAST, 10_000.0, Unit.USD),
        explained.number("time to confirm", DEFERRED, 15.5, Asks.AT_LEAST, 15.0, Unit.MINUTES),
        explained.number("weight", SkipReason.LOW_WEIGHT, weight, Asks.AT_LEAST, LEAST, Unit.SHARE),
        Check(gate="trader's score", code=SkipReason.STALE_SCORE, holds=held, measured="0.700", needed="a fresh one"),
        explained.number("price moved", SkipReason.SLIPPAGE, 0.34 if held else None, Asks.AT_MOST, 2.0, Unit.PERCENT),
        Check(
            gate="coin is free",
            code=SkipReason.ALREADY_IN_TOKEN,
            holds=held or None,
            measured="free" if held else None,
            needed="no position of ours",
        ),
        explained.number("positions", SkipReason.MAX_POSITIONS, 3.0 if held else None, Asks.BELOW, 5.0, Unit.NUMBER),
    )


def why_position(width: int | None) -> str:
    copied = signal(
        id=ID,
        coin="ETH",
        decision=EXECUTE,
        value_usd=91_400.0,
        trade_price=3_512.4,
        position_weight=0.31,
        trader_equity=294_800.0,
        copy_size_usd=10_140.0,
        leverage=4.0,
        detail={"base": 12_000.0, "multiplier": 1.2, "penalty": 0.7, "cap": 15_000.0},
        updated_at=at(15.5),
    )
    ours = position(
        id=5,
        coin="ETH",
        entry_price=3_515.1,
        entry_size=2.8846,
        size=0.0,
        signal_id=ID,
        closed_at=at(hours=30),
        close_reason=ExitReason.TRAILING_STOP,
        exit_price=3_640.2,
        realized_pnl_usd=341.18,
        fees_usd=9.31,
        funding_usd=-1.04,
    )
    orders = [
        order(coin="ETH", size=2.8846, limit_price=3_533.0, state=IntentState.FILLED, filled_size=2.8846)
        if n == 0
        else order(coin="ETH", purpose=Purpose.STOP, is_buy=False, size=2.8846, limit_price=None)
        for n in range(2)
    ]
    orders[0] = replace(orders[0], average_price=3_515.1, created_at=at(15.6))
    orders[1] = replace(orders[1], trigger_price=3_339.3, state=IntentState.RESTING, created_at=at(15.7))
    moves = [
        action(position_id=5, at=at(15.6), price=3_515.1),
        action(position_id=5, at=at(15.7), action="stop_placed", reason=ExitReason.STOP_LOSS, price=3_339.3),
        action(position_id=5, at=at(hours=12), action="stop_moved", reason=ExitReason.TRAILING_STOP, price=3_640.9),
        action(position_id=5, at=at(hours=30), action="closed", reason=ExitReason.TRAILING_STOP, price=3_640.2),
    ]
    ending = Ending(
        known_until=at(hours=40),
        left=0.0,
        price=3_702.5,
        gain_percent=5.41,
        closed_at=at(hours=38),
        broken_at=None,
    )
    return story_text(
        Story(
            signal=copied,
            evidence=None,
            version="0.1.0",
            checks=gates(weight=0.31),
            trader=trader(label="HL Perps Whale"),
            position=ours,
            orders=orders,
            fills=[our_fill(coin="ETH", slippage_usd=7.79)],
            actions=moves,
            ending=ending,
        ),
        width,
    )


def why_skipped(width: int | None) -> str:
    skipped = signal(id=ID, coin="kPEPE", side=Side.SHORT, decision=SkipReason.LOW_WEIGHT.value, value_usd=91_400.0)
    skipped = replace(skipped, position_weight=0.0412, trader_equity=2_218_000.0)
    return story_text(
        Story(
            signal=skipped,
            evidence=None,
            version="0.1.0",
            checks=gates(weight=0.0412),
            trader=None,
            position=None,
            orders=[],
            fills=[],
            actions=[],
            ending=Ending(
                known_until=at(hours=40), left=0.35, price=101.5, gain_percent=-1.5, closed_at=None, broken_at=at(60)
            ),
        ),
        width,
    )


def why_now(width: int | None) -> str:
    near = signal(id=ID, coin="FARTCOIN", decision=SkipReason.LOW_WEIGHT.value, check_at=None)
    waiting = signal(id="77aa0c11d2", coin="SOL", wait=Wait.UNKNOWN_TRADER_STATE, check_at=at(days=3, minutes=5))
    weight = gates(weight=0.0412)[2]
    seen = Present(
        since=at(days=2),
        until=NOW,
        orders=1_249,
        entries_of_traders=388,
        decisions={SkipReason.LOW_WEIGHT.value: 1_204, SkipReason.ALREADY_IN_TOKEN.value: 44, DEFERRED: 1},
        waiting=[waiting],
        entered=[],
        misses=[
            Miss(signal=near, failed=1, check=weight),
            Miss(signal=replace(near, id="b07" + ID[3:], coin="BTC"), failed=3, check=replace(weight, measured=0.09)),
        ],
        unexplained=0,
        last_poll=Run(command="poll", started_at=NOW - timedelta(minutes=4), ok=True),
        followed=15,
    )
    return present_text(seen, pauses_text(None, [BREAKER]), width)


def report(width: int | None) -> str:
    def went(decision: str | None, price: float | None, reason: str | None, pnl: float | None) -> Went:
        return Went(decision=decision, entry_price=price, close_reason=reason, pnl_usd=pnl)

    skipped = went(SkipReason.ALREADY_IN_TOKEN, None, None, None)
    pairs = [
        Pair(
            signal_id=ID,
            coin="ETH",
            live=went(EXECUTE, 3_515.1, "TRAILING_STOP", 341.18),
            replayed=went(EXECUTE, 3_513.0, "STOP_LOSS", -512.4),
            entry_bps=6.0,
        ),
        Pair(
            signal_id="b07" + ID[3:],
            coin="FARTCOIN",
            live=went(EXECUTE, 1.02, None, None),
            replayed=skipped,
            entry_bps=None,
        ),
    ]
    drifted = Drift(
        pairs=pairs, orders=1_249, same_decisions=1_240, warnings=[Warn(code="FEW", message="2 coins lack candles")]
    )
    trials = [trial(day, ours, theirs) for day, ours, theirs in ((1, -12.0, 4.0), (2, 30.0, None), (3, 8.5, 9.0))]
    return report_text(made(comparison=compare(trials)), drifted, width)


@cache
def linted() -> Linted:
    settings = settings_of({"HLCOPY_STOP_LOSS_PERCENT": "45", "HLCOPY_MAX_LEVERAGE": "3"})
    return lint.lint(settings, equity=5_000.0, load=assumed(settings.policy()), gap_percent=5.0)


def config_lint(width: int | None) -> str:
    return lint_text(linted(), colour=width is not None, width=width)


def budget(width: int | None) -> str:
    def line(command: str, endpoint: str, requests: float, weight: float, credits_: float) -> Line:
        return Line(
            command=command,
            endpoint=endpoint,
            requests=requests,
            weight=weight,
            credits=credits_,
            forecast_requests=requests * 1.1,
            forecast_weight=weight * 1.1,
            forecast_credits=credits_,
        )

    lines = [
        line("monitor", "clearinghouseState", 2_880.0, 5_760.0, 0.0),
        line("monitor", "frontendOpenOrders", 2_880.0, 57_600.0, 0.0),
        line("poll", "userFillsByTime", 1_440.0, 31_680.0, 0.0),
        line("nansen", "perp-leaderboard", 11.0, 0.0, 55.0),
    ]
    week = [line(each.command, each.endpoint, each.requests * 7, each.weight * 7, each.credits * 7) for each in lines]
    periods = [
        Spending(name="Today", since=T0, until=at(hours=18), lines=lines),
        Spending(name="7 days", since=at(days=-6), until=at(hours=18), lines=week),
    ]
    return "\n".join(
        budget_text(periods, left=45.0, month=1_650.0, width=width, endpoints=each) for each in (False, True)
    )


def dossier(width: int | None) -> str:
    trip = RoundTrip(
        coin="FARTCOIN",
        side=Side.SHORT,
        opened_at=at(days=-3),
        closed_at=at(hours=-2),
        entry_size=120_000.0,
        entry_price=1.02341,
        exit_size=120_000.0,
        exit_price=0.987654,
        peak_size=120_000.0,
        pnl_usd=4_278.2,
        complete=True,
    )
    whole = replace(
        trip, coin="BTC", side=Side.LONG, entry_size=2.5, entry_price=93_548.8, exit_price=91_200.0, pnl_usd=-5_872.0
    )
    return dossier_text(
        Dossier(
            trader=trader(label="HL Perps Whale"),
            choice=Choice(
                address="0x" + "a" * 40, at=T0, pinned=True, budget_usd=5_000.0, note="fades the open; small size only"
            ),
            positions=(
                trader_position(coin="ETH", size=-12.0, value_usd=42_180.0),
                trader_position(value_usd=231_000.0),
            ),
            trips=(trip, replace(whole, complete=False)),
            trips_known=81,
            gaps=(Gap(coin="BTC", at=at(hours=-50), expected=17.6, found=0.0),),
            fills=12_583,
            ours=OurResult(
                copies=14,
                open=2,
                won=7,
                realized_usd=-812.4,
                fees_usd=96.21,
                funding_usd=-3.5,
                open_usd=20_280.0,
            ),
            decisions={SkipReason.LOW_WEIGHT.value: 388, EXECUTE: 14},
        ),
        NOW,
        width,
    )


def alerts(_width: int | None) -> str:
    first = Alert(
        event=Event.ENTRY,
        key="entered:5",
        text="entered ETH Long #5: $10,140.00 at 3,515.1, stop 3,339.3, copied from 0x" + "a" * 40,
        at=T0,
        sent_at=T0,
    )
    waiting = Alert(
        event=Event.STOP_MISSING,
        key="stop:5",
        text="NO STOP is seen resting for ETH Long #5, $10,140.00; each tick tries again. Look: hlcopy verify --fix",
        at=at(days=2, hours=20),
        tries=12,
    )
    return alerts_text([waiting, first], NOW)


def cron_lines() -> str:
    plan = Plan(
        program=("/opt/hlcopy/bin/hlcopy",),
        env_file=Path("/home/trader/.env"),
        folder=Path("/home/trader"),
        database=Path("/home/trader/hlcopy.db"),
        log=Path("/home/trader/hlcopy.log"),
        output=Path("/home/trader/hlcopy.cron.log"),
    )
    return block(plan, Policy().cadence)


SCREENS: Final[Mapping[str, Callable[[int | None], str]]] = {
    "status": status,
    "why-now": why_now,
    "why-position": why_position,
    "why-skipped": why_skipped,
    "report": report,
    "config-lint": config_lint,
    "budget": budget,
    "traders-show": dossier,
    "alerts": alerts,
}
