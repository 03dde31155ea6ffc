"""Fill the recorded history of a period: fills, equity, candles, funding, and today's leaderboard.

What is stored is never asked for again. Each trader and each stretch of a coin is kept with the note that it was read, in
one transaction, so that a fetch may end anywhere and the next one goes on from there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from hlcopy.domain import served
from hlcopy.domain.episodes import Market, market_of
from hlcopy.domain.models import from_ms, to_ms
from hlcopy.domain.spans import joined, missing
from hlcopy.errors import BadInputError, SourceDownError, TryLaterError
from hlcopy.ports import FILLS_SERVED, UNKNOWN, Reach
from hlcopy.ticks.equity import keep_equity
from hlcopy.ticks.report import Problem
from hlcopy.ticks.screening import screened

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from hlcopy.domain.models import Fill
    from hlcopy.domain.spans import Span
    from hlcopy.ports import FetchDesk

FILLS: Final = "fills"
EQUITY: Final = "equity_points"
CANDLES: Final = "candles"
FUNDING: Final = "funding"
BOARD: Final = "leaderboard"

_INSTANT: Final = timedelta(milliseconds=1)
_FRESH: Final = timedelta(hours=1)
_ROW_LIMIT: Final = 3
"""So many reads in a row that fail are no matter of single traders or coins: the source is down."""
_WORTH_ASKING: Final = 1_200  # candles that weigh as much as another request
_RATES_WORTH_ASKING: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to fetch, the end not included; without `coins` those of the traders' fills."""

    start: datetime
    end: datetime
    traders: Sequence[str]
    coins: Sequence[str] | None = None

    @property
    def span(self) -> Span:
        """The period in milliseconds."""
        return to_ms(self.start), to_ms(self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What became of a fetch: how much is new by kind, what to know, what failed; `down` when the source is.

    `asked` counts traders or coins by kind of which something was asked for, the others being stored already.
    """

    wanted: Wanted
    coins: Sequence[str]
    new: Mapping[str, int]
    asked: Mapping[str, int]
    warnings: Sequence[Problem]
    problems: Sequence[Problem]
    down: bool


class _DownError(Exception):
    """Too many reads in a row failed."""


def followed(desk: FetchDesk) -> list[str]:
    """Return whose history is kept unless somebody is named: those with a tier, and those whose positions we hold."""
    tiers = [trader.address for trader in desk.ledger.traders.followed()]
    copied = sorted({position.source_trader for position in desk.ledger.book.positions()})
    return list(dict.fromkeys([*tiers, *copied]))


def run(desk: FetchDesk, wanted: Wanted) -> Fetched:
    """Fetch what is missing of a period.

    Raises `BadInputError` for a coin that doesn't exist, `TryLaterError` when that can't be told.
    """
    job = _Job(desk, wanted, {})
    job.check_coins()
    return job.done(job.read_all)


def run_coins(desk: FetchDesk, windows: Mapping[str, Span]) -> Fetched:
    """Fetch what is missing of coins' candles and funding, of each (at least one) in a window of its own."""
    begins, ends = zip(*windows.values(), strict=True)
    wanted = Wanted(start=from_ms(min(begins)), end=from_ms(max(ends)), traders=(), coins=list(windows))
    job = _Job(desk, wanted, windows)
    return job.done(job.read_markets)


class _Job:
    """One fetch, of coins in windows of their own; what reads an item returns whether it succeeded, None for nothing to ask."""

    def __init__(self, desk: FetchDesk, wanted: Wanted, windows: Mapping[str, Span]) -> None:
        self.coins: Sequence[str] = ()
        self.new: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.warnings: list[Problem] = []
        self.problems: list[Problem] = []
        self._desk = desk
        self._wanted = wanted
        self._windows = windows
        self._listed: Collection[str] | None = None
        self._in_a_row = 0
        self._why = ""

    def done(self, read: Callable[[], None]) -> Fetched:
        """Read, and return what became of it."""
        down = False
        try:
            read()
        except _DownError:
            down = True
        read_nothing = bool(self.problems) and len(self.problems) == self.asked.total()
        return Fetched(
            wanted=self._wanted,
            coins=self.coins,
            new=self.new,
            asked=self.asked,
            warnings=self.warnings,
            problems=self.problems,
            down=down or read_nothing,
        )

    def read_all(self) -> None:
        """Read of traders and coins, and the leaderboard."""
        self.each("Reading fills", FILLS, self._wanted.traders, self.read_fills)
        self.each("Reading equity histories", EQUITY, self._wanted.traders, self.read_equity)
        self.read_markets()
        self.each("Reading the leaderboard", BOARD, (BOARD,), self.read_board)

    def read_markets(self) -> None:
        """Read of coins."""
        self.coins = self.coins_of_fills() if self._wanted.coins is None else tuple(self._wanted.coins)
        self.each("Reading candles", CANDLES, self.coins, self.read_candles)
        self.each("Reading funding", FUNDING, self.coins, self.read_funding)

    def each(self, title: str, kind: str, items: Sequence[str], read: Callable[[str], bool | None]) -> None:
        """Read of each item what is missing of it."""
        self._desk.progress.start(title, len(items))
        try:
            for item in items:
                done = read(item)
                if done is not None:
                    self.asked[kind] += 1
                if done is False:
                    message = self._why or f"{kind.replace('_', ' ')} of {item} can't be read now"
                    self.problems.append(Problem(code=f"{kind.upper()}_UNREADABLE", item=item, message=message))
                self._in_a_row = self._in_a_row + 1 if done is False else 0 if done else self._in_a_row
                if self._in_a_row >= _ROW_LIMIT:
                    raise _DownError
                self._desk.progress.advance()
        finally:
            self._desk.progress.finish()

    def check_coins(self) -> None:
        """Refuse coins that don't exist before anything else is read."""
        stored = {each.coin for each in self._desk.ledger.history.candle_coverage()}
        new = [coin for coin in self._wanted.coins or () if coin not in stored]
        if not new:
            return
        listed = self._coins()
        if listed is None:
            message = "the list of coins can't be read now; run `hlcopy data fetch` again later"
            raise SourceDownError(message)
        for coin in new:
            if coin not in listed:
                by_case = {each.casefold(): each for each in listed}
                near = get_close_matches(coin.casefold(), by_case, n=1)
                hint = f"; did you mean {by_case[near[0]]}?" if near else ""
                message = f"--coin {coin}: Hyperliquid has no perp of that name{hint}"
                raise BadInputError(message)

    def coins_of_fills(self) -> Sequence[str]:
        """Return the perps that the traders traded in the period, by name."""
        history, wanted = self._desk.ledger.history, self._wanted
        traded = {
            fill.coin
            for trader in wanted.traders
            for fill in history.fills(trader, since=wanted.start, until=wanted.end - _INSTANT)
        }
        return sorted(coin for coin in traded if market_of(coin) is Market.PERP)

    def read_fills(self, trader: str) -> bool | None:
        """Bring a trader's fills to a whole that holds the period, as far as the venue reaches."""
        done = self._read_fills(trader)
        reach = self._desk.ledger.scoring.reach(trader)
        if done is not False and reach is not None and reach.complete_from > self._wanted.start:
            since = f"{reach.complete_from:%Y-%m-%d %H:%M} UTC"
            text = f"the venue serves no older fills of {trader} than from {since} on: from then they are complete"
            self.warnings.append(Problem(code="FILLS_END", item=trader, message=text))
        return done

    def _read_fills(self, trader: str) -> bool | None:
        scoring, wanted = self._desk.ledger.scoring, self._wanted
        reach = scoring.reach(trader)
        has_start = reach is not None and (reach.complete_from <= wanted.start or reach.exhausted)
        if reach is not None and has_start and reach.complete_until >= wanted.end:
            return None
        # What came since counts against what the venue serves, so it is read first, and up to now.
        reach = self._read_newer(trader, reach)
        if reach is None:
            return False
        if reach.complete_from > wanted.start and not reach.exhausted:
            return self._read_older(trader, reach)
        return True

    def _read_newer(self, trader: str, known: Reach | None) -> Reach | None:
        """Read on from what is stored, without any from the period's start; None when that failed."""
        now, overlap = self._desk.clock.now(), self._desk.policy.cadence.poll_overlap
        since = self._wanted.start if known is None else known.complete_until - overlap
        fills = self._desk.archive.fills(trader, since, now)
        if fills is UNKNOWN:
            return None
        if _is_cut(fills):  # whatever lies between these and what is stored is lost: the reach begins anew
            begin = fills[0].time + _INSTANT
            reach = Reach(address=trader, complete_from=begin, complete_until=now, exhausted=True)
        elif known is None:
            reach = Reach(address=trader, complete_from=since, complete_until=now)
        else:
            reach = replace(known, complete_until=now)
        self._keep_fills(fills, reach)
        return reach

    def _read_older(self, trader: str, reach: Reach) -> bool:
        """Read from the period's start up to what is stored."""
        ledger, start = self._desk.ledger, self._wanted.start
        older = self._desk.archive.fills(trader, start, reach.complete_from - _INSTANT)
        if older is UNKNOWN:
            return False
        stored = ledger.history.fills(trader, since=reach.complete_from, until=reach.complete_until)
        if _is_cut([*older, *stored]):
            begin = older[0].time + _INSTANT if older else reach.complete_from
            reach = replace(reach, complete_from=min(begin, reach.complete_from), exhausted=True)
        else:
            reach = replace(reach, complete_from=start)
        self._keep_fills(older, reach)
        return True

    def _keep_fills(self, fills: Sequence[Fill], reach: Reach) -> None:
        ledger = self._desk.ledger
        with ledger.transaction():
            added = ledger.history.add_fills(fills)
            ledger.scoring.put_reach(reach)
        self.new[FILLS] += added

    def read_equity(self, trader: str) -> bool | None:
        """Read a trader's equity history, unless that was done within the last hour or after the period."""
        now, history = self._desk.clock.now(), self._desk.ledger.history
        read_at = next((each.last_read for each in history.equity_coverage() if each.trader == trader), None)
        if read_at is not None and read_at >= min(self._wanted.end, now - _FRESH):
            return None
        portfolio = self._desk.archive.portfolio(trader, now)
        if portfolio is UNKNOWN:
            return False
        with self._desk.ledger.transaction():
            added = keep_equity(history, portfolio)
        self.new[EQUITY] += added
        return True

    def read_candles(self, coin: str) -> bool | None:
        """Read a coin's candles at every interval, as far as it is served, until one covers the whole period.

        So the finest that can be had are there, and one unbroken series of them all.
        """
        done: bool | None = None
        for interval_ms in served.LADDER_MS:
            part = self._read_interval(coin, interval_ms)
            if part is False:
                return False
            done = part or done
            if self._is_whole(coin, interval_ms):
                break
        span = self._span(coin)
        if done and not any(len(self._desk.ledger.history.candles(coin, each, *span)) for each in served.LADDER_MS):
            text = f"the venue serves no candles of {coin} in this period"
            self.warnings.append(Problem(code="NO_CANDLES", item=coin, message=text))
        return done

    def _read_interval(self, coin: str, interval_ms: int) -> bool | None:
        clock, ledger = self._desk.clock, self._desk.ledger
        span = served.candles_served(self._span(coin), interval_ms, to_ms(clock.now()))
        lacking = missing(span, self._covered(coin, interval_ms))
        done: bool | None = None
        for since, until in joined(lacking, within=_WORTH_ASKING * interval_ms):
            if (there := self._is_listed(coin)) is not True:
                return there
            found = self._desk.archive.candles(coin, interval_ms, (since, until))
            if found is UNKNOWN:
                return False
            now_ms = to_ms(clock.now())
            # While the request waited for its turn the oldest may have gone out of reach.
            begin = max(since, served.first_served(interval_ms, now_ms))
            end = int(found.t[-1]) + interval_ms if len(found) else begin
            with ledger.transaction():
                added = ledger.history.add_candles(found)
                self._note(CANDLES, coin, interval_ms, served.told(begin, until, end, now_ms))
            self.new[CANDLES] += added
            done = True
        return done

    def _is_whole(self, coin: str, interval_ms: int) -> bool:
        start, end = self._span(coin)
        until = min(end, to_ms(self._desk.clock.now()) - served.SETTLED_MS) // interval_ms * interval_ms
        since = -(-start // interval_ms) * interval_ms
        return not missing((since, until), self._covered(coin, interval_ms))

    def _span(self, coin: str) -> Span:
        return self._windows.get(coin, self._wanted.span)

    def _covered(self, coin: str, interval_ms: int) -> list[Span]:
        """Return what is stored without a hole, by an import say, and what the venue was asked for: holes stay holes."""
        history = self._desk.ledger.history
        stored = history.candles(coin, interval_ms, *self._span(coin))
        return [*stored.runs(), *history.fetched(CANDLES, coin, interval_ms)]

    def read_funding(self, coin: str) -> bool | None:
        """Read a coin's hourly funding."""
        ledger, (start, end) = self._desk.ledger, self._span(coin)
        span = served.rates_served((start, end), to_ms(self._desk.clock.now()))
        stored = ledger.history.funding(coin, from_ms(start) - _INSTANT, from_ms(end))
        hours = [to_ms(rate.time) // served.HOUR_MS * served.HOUR_MS for rate in stored]
        covered = [(hour, hour + served.HOUR_MS) for hour in hours]
        lacking = missing(span, [*covered, *ledger.history.fetched(FUNDING, coin, served.HOUR_MS)])
        done: bool | None = None
        for part in joined(lacking, within=_RATES_WORTH_ASKING * served.HOUR_MS):
            if (there := self._is_listed(coin)) is not True:
                return there
            rates = self._desk.archive.funding(coin, part)
            if rates is UNKNOWN:
                return False
            told_until = to_ms(rates[-1].time) + served.HOUR_MS if rates else part[0]
            with ledger.transaction():
                added = ledger.history.add_funding(rates)
                self._note(FUNDING, coin, served.HOUR_MS, served.told(*part, told_until, to_ms(self._desk.clock.now())))
            self.new[FUNDING] += added
            done = True
        return done

    def _note(self, kind: str, coin: str, interval_ms: int, span: Span) -> None:
        history = self._desk.ledger.history
        history.put_fetched(kind, coin, interval_ms, joined([*history.fetched(kind, coin, interval_ms), span]))

    def read_board(self, _: str) -> bool | None:
        """Keep today's public leaderboard, unless the daily selection has kept one."""
        desk, now = self._desk, self._desk.clock.now()
        if desk.ledger.scoring.board(now.date()):
            return None
        try:
            leaders = desk.leaderboard.leaders(now)
        except TryLaterError as error:
            self._why = str(error)
            return False
        known = {trader.address: trader for trader in desk.ledger.traders.all()}
        board = screened(leaders.rows, known, desk.policy.scoring, now).board
        with desk.ledger.transaction():
            desk.ledger.scoring.put_board(now.date(), leaders.source, board)
        self.new[BOARD] += len(board)
        return True

    def _is_listed(self, coin: str) -> bool | None:
        """Whether the venue has a coin; None, and it was told, when it hasn't, False when that can't be read."""
        listed = self._coins()
        if listed is None:
            return False
        if coin in listed:
            return True
        text = f"the venue no longer lists {coin}: what is stored of it is all there is"
        warning = Problem(code="COIN_GONE", item=coin, message=text)
        if warning not in self.warnings:
            self.warnings.append(warning)
        return None

    def _coins(self) -> Collection[str] | None:
        if self._listed is None:
            found = self._desk.archive.coins()
            self._listed = None if found is UNKNOWN else found
        return self._listed


def _is_cut(fills: Sequence[Fill]) -> bool:
    """Whether so many fills came that older ones may have been left out: there are two streams with a reach each."""
    slices = sum(fill.twap_id is not None for fill in fills)
    return max(slices, len(fills) - slices) >= FILLS_SERVED
