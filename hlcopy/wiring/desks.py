"""What the ticks work with, put together from the settings: sources, prices, the venue, rations, locks."""

from __future__ import annotations

import math
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hlcopy.adapters.hyperliquid.client import InfoClient
from hlcopy.adapters.store.usage import StoredRation
from hlcopy.domain.models import HYPERLIQUID
from hlcopy.domain.rations import MONITOR, POLL, SCORE, share_of
from hlcopy.ports import Desk, FetchDesk, ScoringDesk
from hlcopy.wiring.http import BoundedHttp
from hlcopy.wiring.together import at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from hlcopy.adapters.http import Http
    from hlcopy.adapters.memory import MemoryLedger
    from hlcopy.adapters.nansen.client import NansenClient
    from hlcopy.adapters.store import Store
    from hlcopy.config import Settings
    from hlcopy.ports import Clock, Exchange, Leaderboard, Market, Profiles, Progress, TraderSource, WeightRation

    Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a command may use: its share of the request weight, and seconds for a request, for its turn, for the tick."""

    share: str
    patience_s: float
    queue_s: float
    tick_s: float


ALLOWANCES: Final[Mapping[str, Allowance]] = {
    "monitor": Allowance(share=MONITOR, patience_s=10.0, queue_s=10.0, tick_s=25.0),
    "poll": Allowance(share=POLL, patience_s=20.0, queue_s=20.0, tick_s=50.0),
    "positions": Allowance(share=POLL, patience_s=20.0, queue_s=75.0, tick_s=150.0),
    "operate": Allowance(share=MONITOR, patience_s=10.0, queue_s=60.0, tick_s=120.0),
    "score": Allowance(share=SCORE, patience_s=120.0, queue_s=900.0, tick_s=math.inf),
    "fetch": Allowance(share=SCORE, patience_s=30.0, queue_s=900.0, tick_s=math.inf),
}


_LOCK_S: Final = 20.0
"""How long the account's lock is waited for (decision 28)."""

_ENTERING: Final = frozenset({"poll"})
"""The ticks that open positions; the others keep, close and report them."""


@contextmanager
def open_desk(
    settings: Settings,
    store: Store | MemoryLedger,
    http: Http,
    clock: Clock,
    *,
    command: str,
    tell: Tell,
    hide: Tell,
    ration_of: Callable[[str], WeightRation] | None = None,
) -> Iterator[Desk]:
    """Open what a tick that watches or trades works with; `tell` hears of trouble with sources, `hide` of secrets.

    Request weight is counted in the database, or by what `ration_of` returns for a share.
    In live mode raises `ConfigError` where key, agent or account aren't in order, `TryLaterError` where the venue can't
    be asked.
    """
    from hlcopy.adapters.hyperliquid.market import HyperliquidMarket
    from hlcopy.adapters.locks import account_lock

    policy = settings.policy()
    store.history.source = settings.trade_source  # whose fills are read back: two sources' are never added up
    with ExitStack() as opened:
        clients = _Clients(settings, http, clock, command, opened, ration_of)
        reference = HyperliquidMarket(clients.info(settings.source_url, MONITOR), clock, tell, at_once)
        market = reference
        if settings.venue_url != settings.source_url:
            market = HyperliquidMarket(clients.info(settings.venue_url, MONITOR), clock, tell, at_once)
        exchange: Exchange
        if settings.mode == "live":
            from hlcopy.wiring.live import open_exchange

            exchange = open_exchange(
                settings,
                store,
                clients.info(settings.venue_url, MONITOR),
                market,
                clock,
                opened,
                time_left=http.left if isinstance(http, BoundedHttp) else lambda: math.inf,
                entering=command in _ENTERING,
                hide=hide,
                tell=tell,
            )
        else:
            from hlcopy.adapters.paper import PaperExchange

            exchange = PaperExchange(store, market, policy.costs, settings.paper_equity_usd)
        yield Desk(
            policy=policy,
            ledger=store,
            source=_source(settings, clients, clock, opened, tell),
            market=market,
            exchange=exchange,
            # Nobody waits for the account beyond the end of a tick, which is when the next one may begin.
            account_lock=lambda: account_lock(settings.database, min(_LOCK_S, max(0.0, http.left()))),
            pause=clock.sleep,
            together=at_once,
            reference=reference,
            clock=clock,
        )


@contextmanager
def open_scoring_desk(
    settings: Settings, store: Store, http: Http, clock: Clock, *, tell: Tell, progress: Progress
) -> Iterator[ScoringDesk]:
    """Open what the daily selection works with; it reads fills from Hyperliquid, whoever tells of trades."""
    store.history.source = HYPERLIQUID
    with ExitStack() as opened:
        clients = _Clients(settings, http, clock, "score", opened)
        yield ScoringDesk(
            policy=settings.policy(),
            ledger=store,
            leaderboard=_leaderboard(settings, clients, http),
            profiles=_profiles(settings, clients, tell),
            progress=progress,
            clock=clock,
            together=at_once,
        )


@contextmanager
def open_fetch_desk(
    settings: Settings, store: Store, http: Http, clock: Clock, *, tell: Tell, progress: Progress
) -> Iterator[FetchDesk]:
    """Open what fills the recorded history, in the ration of the daily selection; the leaderboard is the public one."""
    from hlcopy.adapters.hyperliquid.archive import HyperliquidArchive
    from hlcopy.adapters.hyperliquid.board import PublicLeaderboard

    store.history.source = HYPERLIQUID
    with ExitStack() as opened:
        clients = _Clients(settings, http, clock, "fetch", opened)
        yield FetchDesk(
            policy=settings.policy(),
            ledger=store,
            archive=HyperliquidArchive(clients.info(settings.source_url), tell),
            leaderboard=PublicLeaderboard(
                http, settings.leaderboard_url, ALLOWANCES["score"].patience_s
            ),  # it is large
            progress=progress,
            clock=clock,
        )


@contextmanager
def open_prices(settings: Settings, http: Http, clock: Clock, *, tell: Tell) -> Iterator[Market]:
    """Open the prices of the venue we trade at, in the ration of reports."""
    from hlcopy.adapters.hyperliquid.market import HyperliquidMarket

    with ExitStack() as opened:
        clients = _Clients(settings, http, clock, "positions", opened)
        yield HyperliquidMarket(clients.info(settings.venue_url), clock, tell, at_once)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left to ask with: request weight of this minute and its limit by share, and Nansen's credits of a UTC day.

    `credits_left` is what Nansen told last, None when it never did.
    """

    weight: Mapping[str, tuple[int, int]]
    credits_spent: float
    credits_per_day: float
    credits_left: float | None


def budgets_left(settings: Settings, now: datetime) -> Left:
    """Return what is left to ask with, by what is recorded in the database."""
    from hlcopy.adapters.store.credits import StoredMeter

    per_minute = settings.hyperliquid_weight_per_minute
    weight = {}
    for share in (MONITOR, POLL, SCORE):
        with StoredRation(settings.database, share, per_minute) as ration:
            weight[share] = (ration.left(now), share_of(share, per_minute))
    with StoredMeter(settings.database, settings.nansen_credits_per_day) as meter:
        answer = meter.last_answer()
        return Left(
            weight=weight,
            credits_spent=meter.spent(now),
            credits_per_day=settings.nansen_credits_per_day,
            credits_left=None if answer is None else answer.remaining,
        )


class _Clients:
    """The clients of the APIs, which share a command's ration and the day's credits; they are closed with `opened`."""

    def __init__(
        self,
        settings: Settings,
        http: Http,
        clock: Clock,
        command: str,
        opened: ExitStack,
        ration_of: Callable[[str], WeightRation] | None = None,
    ) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._allowance = ALLOWANCES[command]
        self._opened = opened
        per_minute = settings.hyperliquid_weight_per_minute

        def stored(share: str) -> WeightRation:
            return opened.enter_context(StoredRation(settings.database, share, per_minute, command))

        self._rations = {share: (ration_of or stored)(share) for share in {self._allowance.share, MONITOR}}

    def info(self, url: str, share: str | None = None) -> InfoClient:
        """Return a client of Hyperliquid's info API; what concerns our own account and orders has `monitor`'s share."""
        allowance = self._allowance
        ration = self._rations[share or allowance.share]
        return InfoClient(self._http, url, ration, self._clock, allowance.patience_s, allowance.queue_s)

    def nansen(self) -> NansenClient:
        """Return a client of Nansen's API."""
        from hlcopy.adapters.nansen.client import NansenClient
        from hlcopy.adapters.store.credits import StoredMeter

        settings = self._settings
        meter = self._opened.enter_context(StoredMeter(settings.database, settings.nansen_credits_per_day))
        key = settings.nansen_api_key.get_secret_value() if settings.nansen_api_key else None
        allowance = self._allowance
        return NansenClient(
            self._http,
            settings.nansen_url,
            key,
            meter,
            self._clock,
            patience=allowance.patience_s,
            queue=allowance.queue_s,
        )


def _source(settings: Settings, clients: _Clients, clock: Clock, opened: ExitStack, tell: Tell) -> TraderSource:
    from hlcopy.adapters.hyperliquid.source import HyperliquidSource

    public = HyperliquidSource(clients.info(settings.source_url), clock, tell)
    if settings.trade_source == "hyperliquid":
        return public
    from hlcopy.adapters.nansen.equity import WeighedSource
    from hlcopy.adapters.nansen.source import NansenSource
    from hlcopy.adapters.store.history import StoredNansenFills

    remembered = opened.enter_context(StoredNansenFills(settings.database))
    return WeighedSource(NansenSource(clients.nansen(), clock, remembered, tell), public)


def _leaderboard(settings: Settings, clients: _Clients, http: Http) -> Leaderboard:
    """Return the leaderboard that the settings name; `auto` is Nansen's where there is a key, else the public one."""
    from hlcopy.adapters.hyperliquid.board import PublicLeaderboard

    public = PublicLeaderboard(http, settings.leaderboard_url, ALLOWANCES["score"].patience_s)
    if settings.nansen_api_key is None or settings.leaderboard_source == "hyperliquid":
        return public
    from hlcopy.adapters.nansen.board import AutoLeaderboard, NansenLeaderboard

    board = NansenLeaderboard(clients.nansen())
    return board if settings.leaderboard_source == "nansen" else AutoLeaderboard(board, public)


def _profiles(settings: Settings, clients: _Clients, tell: Tell) -> Profiles:
    """Return where candidates' pasts are read: Nansen's summaries come on top where there is a key."""
    from hlcopy.adapters.hyperliquid.profiles import HyperliquidProfiles

    profiles = HyperliquidProfiles(clients.info(settings.source_url), tell)
    if settings.nansen_api_key is None:
        return profiles
    from hlcopy.adapters.nansen.board import NansenProfiles

    return NansenProfiles(profiles, clients.nansen(), tell)
