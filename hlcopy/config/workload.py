"""What the ticks ask of the APIs at a configuration: requests, weight and credits a day, by command and endpoint.

Each figure is a count of what the code asks, times how often, times the list price; what depends on the market is either
measured in the ledger or assumed, and `Load` says which.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.hyperliquid.kinds import KINDS
from hlcopy.adapters.nansen.client import PERP_TRADES, PERP_TRADES_LIMIT, PERP_TRADES_PERIOD, PRICES
from hlcopy.domain.models import EXECUTE, NANSEN, SkipReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hlcopy.config.settings import Settings
    from hlcopy.domain.book import Position
    from hlcopy.domain.policy import Policy
    from hlcopy.ports import Ledger

DAY: Final = timedelta(days=1)
_SUMMARY: Final = "profiler/perp-pnl-summary"
_BOARD: Final = "perp-leaderboard"
DAILY: Final = frozenset({_SUMMARY, _BOARD})
"""What `score` asks of Nansen."""
_MINUTE: Final = timedelta(minutes=1)
_HOURS_A_DAY: Final = 24
_PAGE: Final = 1_000
_MOST_PAGES: Final = 2
_UNIFIED: Final = 0.8
"""Share of traders whose account's mode makes their equity a third request; most of the leaderboard."""
_TRANSFERS_EVERY: Final = timedelta(minutes=5)
_STOP_MOVES: Final = 3.0  # of a position, in the mean
_ENTERING: Final = ("userRole", "extraAgents", "activeAssetData", "userRateLimit")
_ASSUMED_CONFIRMED: Final = 20.0
_ASSUMED_SUMMARIES: Final = 3.0
_SCREENED: Final = frozenset(
    {
        SkipReason.ACTION,
        SkipReason.ADD_NO_OPEN,
        SkipReason.ADD_TOO_OLD,
        SkipReason.HISTORY_GAP,
        SkipReason.SIZE_TOO_SMALL,
        SkipReason.LOW_WEIGHT,
        SkipReason.LOW_CONFIDENCE,
        SkipReason.UNKNOWN_EQUITY,
        SkipReason.BAD_EQUITY,
    }
)
"""What screening refuses: nothing was asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much there is to do: means over the time that was measured, counts a day, or what is assumed.

    `held` is the mean number of open positions, `holding` the share of the time with any, `copied` the mean number of
    their traders while there is any.
    """

    measured: bool
    primary: float
    followed: float
    held: float
    holding: float
    copied: float
    confirmed: float
    entered: float
    portfolios: float
    histories: float
    board_pages: int
    summaries: float


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command asks of an endpoint in a day."""

    command: str
    endpoint: str
    requests: float
    weight: float = 0.0
    credits: float = 0.0


def assumed(policy: Policy) -> Load:
    """Return the load of a book that is always full, which is the most that `monitor` has to do."""
    limits, scoring = policy.limits, policy.scoring
    return Load(
        measured=False,
        primary=scoring.primary_traders,
        followed=scoring.primary_traders + scoring.secondary_traders,
        held=limits.max_total_positions,
        holding=1.0 if limits.max_total_positions else 0.0,
        copied=min(limits.max_total_positions, scoring.primary_traders),
        confirmed=_ASSUMED_CONFIRMED,
        entered=min(_ASSUMED_CONFIRMED, policy.breakers.max_entries_per_day),
        portfolios=scoring.max_portfolios,
        histories=scoring.max_histories,
        board_pages=_MOST_PAGES,
        summaries=_ASSUMED_SUMMARIES,
    )


def measured(ledger: Ledger, policy: Policy, since: datetime, until: datetime) -> Load:
    """Return the load of a period as the ledger has it; without any trader followed what is assumed."""
    followed = ledger.traders.followed()
    if not followed or until <= since:
        return assumed(policy)
    days = (until - since) / DAY
    positions = [each for each in ledger.book.positions(live_only=False) if (each.closed_at or until) > since]
    held, holding, copied = _held(positions, since, until)
    decided = [
        signal
        for signal in ledger.signals.list(limit=None, since=since - DAY)
        if since <= signal.updated_at <= until and signal.is_final
    ]
    confirmed = [signal for signal in decided if signal.decision not in _SCREENED]
    crawl = ledger.scoring.last()
    scored = [trader.address for trader in ledger.traders.all()]
    began = crawl.began_at if crawl is not None else until
    read = [ledger.scoring.portfolio(address) for address in scored]
    reaches = [ledger.scoring.reach(address) for address in scored]
    summaries = [ledger.scoring.summary(address) for address in scored]
    return Load(
        measured=True,
        primary=sum(trader.tier == "primary" for trader in followed),
        followed=len(followed),
        held=held,
        holding=holding,
        copied=copied,
        confirmed=len(confirmed) / days,
        entered=sum(signal.decision == EXECUTE for signal in confirmed) / days,
        portfolios=sum(portfolio is not None and portfolio.read_at >= began for portfolio in read),
        histories=sum(reach is not None and reach.complete_until >= began for reach in reaches),
        board_pages=_pages(crawl.board_rows) if crawl is not None and crawl.source == NANSEN else _MOST_PAGES,
        summaries=sum(summary is not None for summary in summaries) * (DAY / policy.scoring.max_summary_age),
    )


def forecast(settings: Settings, load: Load) -> list[Asked]:
    """Return what is asked in a day of each endpoint by each command, largest weight first within a command."""
    policy = settings.policy()
    paid = settings.trade_source == NANSEN
    asked = [
        *(_live_monitor(policy, load) if settings.mode == "live" else _paper_monitor(policy, load)),
        *_poll(policy, load, paid=paid, live=settings.mode == "live"),
        *_positions(policy, load, paid=paid, live=settings.mode == "live"),
        *_score(policy, load),
        *_nansen(settings, policy, load, paid=paid),
    ]
    return [each for each in asked if each.requests > 0]


def credits_a_day(asked: Iterable[Asked]) -> float:
    """Return the Nansen credits of a day, whatever budget stops them at."""
    return sum(each.credits for each in asked)


def weight_a_minute(asked: Iterable[Asked], *commands: str) -> float:
    """Return the mean weight a minute of some commands."""
    return sum(each.weight for each in asked if each.command in commands) / (DAY / _MINUTE)


def _paper_monitor(policy: Policy, load: Load) -> list[Asked]:
    """Paper asks for the venue's present once a tick that has a position, and for each one's last candle once a minute."""
    ticks = DAY / policy.cadence.monitor
    looks = min(ticks, DAY / _MINUTE)
    return [
        _asked("monitor", "candleSnapshot", load.held * looks, rows=1),
        _asked("monitor", "metaAndAssetCtxs", load.holding * ticks),
        _asked("monitor", "fundingHistory", load.held * _HOURS_A_DAY),
    ]


def _live_monitor(policy: Policy, load: Load) -> list[Asked]:
    """Live reads our account and our fills every tick, what was moved in and out every five minutes, orders as they come."""
    ticks = DAY / policy.cadence.monitor
    return [
        _asked("monitor", "frontendOpenOrders", ticks),
        _asked("monitor", "userFillsByTime", ticks, rows=1),
        _asked("monitor", "metaAndAssetCtxs", load.holding * ticks),
        _asked("monitor", "userNonFundingLedgerUpdates", min(ticks, DAY / _TRANSFERS_EVERY)),
        _asked("monitor", "clearinghouseState", ticks),
        _asked("monitor", "userFunding", load.held * _HOURS_A_DAY, rows=1),
        _asked("monitor", "userRateLimit", load.entered * _STOP_MOVES),
        Asked("monitor", "exchange", load.entered * 2 * _STOP_MOVES, load.entered * 2 * _STOP_MOVES),
    ]


def _poll(policy: Policy, load: Load, *, paid: bool, live: bool) -> list[Asked]:
    """Each trader has a turn of two requests; a confirmation reads mode, account and market, an entry the book, too."""
    turns = 0.0 if paid else load.primary * _turns(policy)
    ours = [
        _asked("poll", "frontendOpenOrders", load.confirmed + load.entered),
        *(_asked("poll", endpoint, load.entered) for endpoint in _ENTERING),
        Asked("poll", "exchange", 3 * load.entered, 3 * load.entered),  # leverage, entry, stop
    ]
    return [
        *(ours if live else ()),
        _asked("poll", "userFillsByTime", turns),
        _asked("poll", "userTwapSliceFillsByTime", turns),
        _asked("poll", "userAbstraction", load.confirmed),
        _asked("poll", "portfolio", load.confirmed * _UNIFIED),
        _asked("poll", "metaAndAssetCtxs", load.confirmed),
        _asked("poll", "clearinghouseState", load.confirmed),
        _asked("poll", "l2Book", load.entered),
    ]


def _turns(policy: Policy) -> float:
    """Return how often a trader's fills are read in a day: at most as often as somebody looks."""
    return DAY / max(policy.cadence.address_trades, policy.cadence.trades)


def _positions(policy: Policy, load: Load, *, paid: bool, live: bool) -> list[Asked]:
    """Everybody's account is read, and fills of as many of those we copied as the share has room for beside `poll`."""
    runs = DAY / policy.cadence.positions
    ours = _asked(
        "positions", "frontendOpenOrders" if live else "metaAndAssetCtxs", runs if live else load.holding * runs
    )
    if paid:
        return [ours]
    return [
        ours,
        _asked("positions", "clearinghouseState", load.followed * runs),
        _asked("positions", "userFillsByTime", load.holding * runs, rows=1),
        _asked("positions", "userTwapSliceFillsByTime", load.holding * runs),
    ]


def _score(policy: Policy, load: Load) -> list[Asked]:
    runs = DAY / policy.cadence.leaderboard
    return [
        _asked("score", "portfolio", load.portfolios * runs),
        _asked("score", "userFillsByTime", load.histories * runs, rows=40),
        _asked("score", "userTwapSliceFillsByTime", load.histories * runs),
    ]


def _nansen(settings: Settings, policy: Policy, load: Load, *, paid: bool) -> list[Asked]:
    asked = []
    runs = DAY / policy.cadence.leaderboard
    if settings.nansen_api_key is not None:
        asked.append(_paid(_SUMMARY, load.summaries * runs))
        if settings.leaderboard_source != "hyperliquid":
            asked.append(_paid(_BOARD, (load.board_pages + 1) * runs))
    if paid:
        most = DAY / PERP_TRADES_PERIOD * PERP_TRADES_LIMIT
        asked.append(_paid(PERP_TRADES, min(load.primary * _turns(policy), most)))
        reads = load.followed * (DAY / policy.cadence.positions) + load.confirmed
        asked.append(_paid("profiler/perp-positions", reads))
    return asked


def _asked(command: str, endpoint: str, requests: float, rows: int = 0) -> Asked:
    kind = KINDS[endpoint]
    return Asked(command, endpoint, requests, requests * (kind.weight + kind.rows_weight(rows)))


def _paid(endpoint: str, calls: float) -> Asked:
    return Asked(NANSEN, endpoint, calls, credits=calls * PRICES[endpoint])


def _pages(rows: int) -> int:
    return min(_MOST_PAGES, rows // _PAGE + 1)


def _held(positions: Sequence[Position], since: datetime, until: datetime) -> tuple[float, float, float]:
    """Return the mean number of open positions, the share of the time with any, and the mean number of traders then."""
    edges = sorted(
        {since, until, *(_within(moment, since, until) for each in positions for moment in _ends(each, until))}
    )
    total, any_open, traders = timedelta(0), timedelta(0), timedelta(0)
    for begin, end in itertools.pairwise(edges):
        open_then = [each for each in positions if each.opened_at <= begin and (each.closed_at or until) >= end]
        total += len(open_then) * (end - begin)
        any_open += bool(open_then) * (end - begin)
        traders += len({each.source_trader for each in open_then}) * (end - begin)
    whole = until - since
    return total / whole, any_open / whole, traders / any_open if any_open else 0.0


def _ends(position: Position, until: datetime) -> tuple[datetime, datetime]:
    return position.opened_at, position.closed_at or until


def _within(moment: datetime, since: datetime, until: datetime) -> datetime:
    return min(max(moment, since), until)


def midnight(at: datetime) -> datetime:
    """Return the beginning of a moment's UTC day."""
    return datetime.combine(at.astimezone(UTC).date(), time(), UTC)
