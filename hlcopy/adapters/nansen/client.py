"""Nansen's endpoints: every call is paid for, rationed, checked and recorded."""

from __future__ import annotations

import math
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, TypeVar

from hlcopy.adapters.http import RetryError, host_of
from hlcopy.adapters.nansen.models import (
    AccountRow,
    CoinLeaderRow,
    LeaderRow,
    Page,
    Positions,
    PositionsRow,
    ScreenerRow,
    SmartTradeRow,
    Summary,
    SummaryRow,
    TradeRow,
    Wire,
    checked,
)
from hlcopy.adapters.nansen.refusals import FORBIDDEN, is_good, raise_for
from hlcopy.errors import BadAnswerError, ConfigError, HlcopyError, RationedError, SourceDownError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping
    from datetime import date, datetime

    from hlcopy.adapters.http import Answer, Http
    from hlcopy.ports import Clock, CreditMeter

Row = TypeVar("Row", bound=Wire)

PERP_TRADES: Final = "profiler/perp-trades"
PERP_TRADES_LIMIT: Final = 5
PERP_TRADES_PERIOD: Final = timedelta(seconds=61)  # the venue's minute, and a second for the way there
SMART_MONEY_LABELS: Final = (
    *("Fund", "Smart Trader", "30D Smart Trader", "90D Smart Trader", "180D Smart Trader"),
    "Smart HL Perps Trader",
)

_LEADERBOARD: Final = "perp-leaderboard"
_POSITIONS: Final = "profiler/perp-positions"
_SUMMARY: Final = "profiler/perp-pnl-summary"
_COIN_LEADERBOARD: Final = "tgm/perp-pnl-leaderboard"
_SMART_TRADES: Final = "smart-money/perp-trades"
_SCREENER: Final = "perp-screener"
_ACCOUNT: Final = "account"
PRICES: Final[Mapping[str, float]] = {
    _LEADERBOARD: 5.0,
    PERP_TRADES: 1.0,
    _POSITIONS: 1.0,
    _SUMMARY: 1.0,
    _COIN_LEADERBOARD: 5.0,
    _SMART_TRADES: 5.0,
    _SCREENER: 1.0,
    _ACCOUNT: 0.0,
}
"""What a call costs in credits, however many rows it gives: the list price, used where an answer doesn't say."""

_PER_PAGE: Final = 1000
_READ_S: Final = 30.0
_PATIENCE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Pages(Generic[Row]):
    """The rows of some pages, each once; `complete` is False when the bound was reached before the last page."""

    rows: tuple[Row, ...]
    complete: bool


class NansenClient:
    """Asks Nansen; several threads may use it.

    A call may take `patience` seconds, and wait `queue` seconds for its turn before.
    Every method raises `ConfigError` for a missing or refused key, `OutOfCreditsError`, `RationedError` when the day's
    budget or the rate limit of `profiler/perp-trades` leaves no room in time, `SourceDownError` and `BadAnswerError`.
    """

    def __init__(
        self,
        http: Http,
        url: str,
        key: str | None,
        meter: CreditMeter,
        clock: Clock,
        *,
        patience: float = _PATIENCE_S,
        queue: float | None = None,
    ) -> None:
        self._http = http
        self._url = url
        self._host = host_of(url)
        self._key = key
        self._meter = meter
        self._clock = clock
        self._patience = patience
        self._queue = patience if queue is None else queue
        self._lock = threading.Lock()
        self._on_the_way = 0.0  # credits of calls whose answers are awaited

    def perp_leaderboard(
        self, first: date, last: date, *, smart_money: bool = False, max_pages: int = 1
    ) -> Pages[LeaderRow]:
        """Return traders by total PnL between two days, best first; `smart_money` keeps only those with such a label."""
        body: dict[str, object] = {
            "date": {"from": first.isoformat(), "to": last.isoformat()},
            "order_by": [{"field": "total_pnl", "direction": "DESC"}],
        }
        if smart_money:
            body["filters"] = {"include_smart_money_labels": list(SMART_MONEY_LABELS)}
        return self._pages(_LEADERBOARD, LeaderRow, body, lambda row: row.trader_address, max_pages)

    def perp_trades(self, address: str, since: datetime, until: datetime, *, max_pages: int = 5) -> Pages[TradeRow]:
        """Return a wallet's trades of a period, oldest first; a row given twice counts as it was given last."""
        body = {
            "address": address,
            "date": _date_range(since, until),
            "order_by": [{"field": "timestamp", "direction": "ASC"}],
        }
        return self._pages(
            PERP_TRADES, TradeRow, body, lambda row: (row.token_symbol, row.oid, row.transaction_hash), max_pages
        )

    def trades_room(self, now: datetime) -> int:
        """Return how many pages of trades could be asked for now."""
        return self._meter.room(PERP_TRADES, PERP_TRADES_LIMIT, PERP_TRADES_PERIOD, now)

    def perp_positions(self, address: str) -> PositionsRow:
        """Return a wallet's open positions and margin."""
        return self._ask(_POSITIONS, Positions, {"address": address}).data

    def perp_pnl_summary(self, address: str, since: datetime, until: datetime) -> SummaryRow:
        """Return what a wallet's trades of a period came to."""
        return self._ask(_SUMMARY, Summary, {"address": address, "date": _date_range(since, until)}).data

    def perp_pnl_leaderboard(
        self, coin: str, since: datetime, until: datetime, *, max_pages: int = 1
    ) -> Pages[CoinLeaderRow]:
        """Return the traders of one coin by total PnL of a period, best first."""
        body = {
            "token_symbol": coin,
            "date": _date_range(since, until),
            "order_by": [{"field": "pnl_usd_total", "direction": "DESC"}],
        }
        return self._pages(_COIN_LEADERBOARD, CoinLeaderRow, body, lambda row: row.trader_address, max_pages)

    def smart_money_perp_trades(
        self, *, lookback_hours: int = 168, only_new_positions: bool = False, max_pages: int = 1
    ) -> Pages[SmartTradeRow]:
        """Return trades of the cohort that Nansen calls smart money, oldest first, from 1 to 168 hours back."""
        body = {
            "lookback_hours": lookback_hours,
            "only_new_positions": only_new_positions,
            "order_by": [{"field": "block_timestamp", "direction": "ASC"}],
        }
        return self._pages(_SMART_TRADES, SmartTradeRow, body, lambda row: row, max_pages)

    def perp_screener(self, since: datetime, until: datetime, *, max_pages: int = 1) -> Pages[ScreenerRow]:
        """Return what each coin traded in a period."""
        body = {"date": _date_range(since, until)}
        return self._pages(_SCREENER, ScreenerRow, body, lambda row: row.token_symbol, max_pages)

    def account(self) -> AccountRow:
        """Return the key's plan and the credits left; costs nothing."""
        return self._ask(_ACCOUNT, AccountRow, None)

    def _pages(
        self,
        endpoint: str,
        row_type: type[Row],
        body: Mapping[str, object],
        key: Callable[[Row], Hashable],
        max_pages: int,
    ) -> Pages[Row]:
        rows: dict[Hashable, Row] = {}
        for number in range(1, max_pages + 1):
            pagination = {"page": number, "per_page": _PER_PAGE}
            page = self._ask(endpoint, _page_of(row_type), {**body, "pagination": pagination})
            # Pages shift while they are read: a row comes twice when newer ones pushed it onto the next page.
            rows.update((key(row), row) for row in page.data)
            if page.pagination.is_last_page:
                return Pages(tuple(rows.values()), complete=True)
        return Pages(tuple(rows.values()), complete=False)

    def _ask(self, endpoint: str, model: type[Row], body: Mapping[str, object] | None) -> Row:
        if not self._key:
            message = f"{self._host} needs a key; set NANSEN_API_KEY"
            raise ConfigError(message)
        with self._paid_for(endpoint):
            self._take_turn(endpoint, self._clock.monotonic() + self._queue)
            deadline = self._clock.monotonic() + self._patience
            attempts = _Attempts(self, endpoint, model, lambda: self._take_turn(endpoint, deadline))
            self._http.send(
                "GET" if body is None else "POST",
                f"{self._url}/api/v1/{endpoint}",
                json=body,
                headers={"apikey": self._key},
                judge=attempts.judge,
                patience=self._patience,
                before=attempts.begin,
                read_s=_READ_S,
            )
            return attempts.result()

    @contextmanager
    def _paid_for(self, endpoint: str) -> Iterator[None]:
        """Hold a call's price back from the budget while it is on its way."""
        price = PRICES[endpoint]
        with self._lock:
            self._on_the_way += price
        try:
            yield
        finally:
            with self._lock:
                self._on_the_way -= price

    def _take_turn(self, endpoint: str, deadline: float) -> None:
        """Wait for the endpoint's turn; raises `RationedError` when it can't come in time or the day's budget is used up."""
        if PRICES[endpoint]:
            with self._lock:
                wanted = self._on_the_way
            if not self._meter.allows(wanted, self._clock.now()):
                message = (
                    f"today's budget of Nansen credits is used up, so {endpoint} isn't asked; "
                    "it begins anew at midnight UTC, or raise HLCOPY_NANSEN_CREDITS_PER_DAY"
                )
                raise RationedError(message)
        if endpoint != PERP_TRADES:
            return
        while wait := self._meter.reserve(endpoint, PERP_TRADES_LIMIT, PERP_TRADES_PERIOD, self._clock.now()):
            if self._clock.monotonic() + wait >= deadline:
                message = (
                    f"{self._host} allows {PERP_TRADES_LIMIT} calls a minute of {endpoint}; the next is in {wait:.0f} s"
                )
                raise RationedError(message)
            self._clock.sleep(wait)

    def record(self, endpoint: str, answer: Answer) -> None:
        """Remember what a call was charged: as its headers say, else by the list when it succeeded."""
        charged = _amount(answer, "x-nansen-credits-used")
        if charged is None:
            charged = PRICES[endpoint] if is_good(answer) else 0.0
        remaining = _amount(answer, "x-nansen-credits-remaining")
        self._meter.record(endpoint, answer.status, charged, remaining, self._clock.now())

    def refuse(self, endpoint: str, answer: Answer, *, again: bool) -> NoReturn:
        """Raise what a refusal means."""
        raise_for(answer, endpoint=endpoint, host=self._host, again=again)

    def in_trouble(self, reason: str) -> SourceDownError:
        """Return what is raised when Nansen keeps failing."""
        return SourceDownError(f"{self._host} doesn't answer as it should ({reason})")

    def malformed(self, endpoint: str, what: str) -> BadAnswerError:
        """Return what is raised for an answer that stays malformed."""
        return BadAnswerError(f"{self._host}: {endpoint}: {what}")


class _Attempts(Generic[Row]):
    """The answers to one call, until one is good; a malformed one is read again once, a forbidden one too."""

    def __init__(self, client: NansenClient, endpoint: str, model: type[Row], take_turn: Callable[[], None]) -> None:
        self._client = client
        self._take_turn = take_turn
        self._endpoint = endpoint
        self._model = model
        self._begun = 0
        self._malformed = 0
        self._forbidden = 0
        self._trouble: HlcopyError | None = None  # what is raised when no turn is left for another attempt
        self._row: Row | None = None

    def begin(self) -> None:
        """Take another turn for each attempt after the first, whose turn has come."""
        self._begun += 1
        if self._begun == 1:
            return
        try:
            self._take_turn()
        except RationedError as error:
            raise self._trouble or error from error

    def judge(self, answer: Answer) -> None:
        """Keep a good answer; raise for any other."""
        self._client.record(self._endpoint, answer)
        try:
            self._check(answer)
        except RetryError as error:
            self._trouble = error.outcome or self._client.in_trouble(error.reason)
            raise

    def _check(self, answer: Answer) -> None:
        if not is_good(answer):
            self._forbidden += answer.status == FORBIDDEN
            self._client.refuse(self._endpoint, answer, again=self._forbidden == 1)
        try:
            self._row = checked(self._model, answer.json())
        except (ValueError, BadAnswerError) as error:
            self._malformed += 1
            outcome = self._client.malformed(self._endpoint, str(error))
            if self._malformed > 1:
                raise outcome from error
            raise RetryError(str(error), None, outcome) from error

    def result(self) -> Row:
        """Return the good answer."""
        if self._row is None:
            raise self._client.malformed(self._endpoint, "there was no answer")
        return self._row


def _page_of(row_type: type[Row]) -> type[Page[Row]]:
    pages: Any = Page  # the row's type is a value here, which a type checker can't follow
    made: type[Page[Row]] = pages[row_type]
    return made


def _date_range(since: datetime, until: datetime) -> dict[str, str]:
    """Return whole seconds around a period: the API takes no fractions and both its ends are inclusive."""
    begin = since.astimezone(UTC).replace(microsecond=0)
    end = until.astimezone(UTC).replace(microsecond=0)
    if end < until:
        end += timedelta(seconds=1)
    return {"from": f"{begin:%Y-%m-%dT%H:%M:%SZ}", "to": f"{end:%Y-%m-%dT%H:%M:%SZ}"}


def _amount(answer: Answer, header: str) -> float | None:
    try:
        amount = float(answer.headers[header])
    except (KeyError, ValueError):
        return None
    return amount if math.isfinite(amount) and amount >= 0 else None
