"""Leaks of the future, to be planted where an audit must find them: a source of the replay that looks ahead."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.backtest.decisions import Kind
from hlcopy.backtest.replay import ReplayClock, ReplaySource
from hlcopy.backtest.scored import ReplayBoard, ReplayProfiles, Selector
from hlcopy.errors import BadInputError
from hlcopy.ports import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.backtest.desk import Recording, ReplayDesk
    from hlcopy.domain.instrument import Instrument
    from hlcopy.domain.models import Fill, TraderState
    from hlcopy.domain.safety import Conditions
    from hlcopy.ports import (
        DeepFills,
        Leaderboard,
        Leaders,
        Market,
        Marks,
        Portfolio,
        Profiles,
        TraderSource,
        TradeSummary,
        UnknownType,
    )

AHEAD: Final = {
    Kind.SCORING: timedelta(days=2),
    Kind.SELECTION: timedelta(days=2),
    Kind.GATE: timedelta(minutes=30),
    Kind.SIZING: timedelta(hours=6),
    Kind.EXIT: timedelta(hours=1),
}
"""How far the source looks ahead on which each kind of decision stands."""


def plant(replay: ReplayDesk, recording: Recording, kind: Kind, end: datetime) -> ReplayDesk:
    """Return a desk at the start of a replay with a leak in it; a replay to `end` lets it look so far and no further.

    Raises `BadInputError` for a leak in what this replay doesn't do: scoring and selection, where the traders are given.
    """
    desk, ahead = replay.desk, AHEAD[kind]
    knowing = ReplayClock(end)
    market = replay.market.under(knowing)
    source = ReplaySource(
        knowing, recording.fills, replay.equity, market, desk.policy.cadence.feed_delay, recording.universe
    )
    if kind is Kind.SIZING:
        return replace(replay, desk=replace(desk, source=_Source(desk.source, source, ahead, end)))
    if kind in {Kind.GATE, Kind.EXIT}:
        leaky = _Market(desk.market, market, ahead, end, kind)
        return replace(replay, desk=replace(desk, market=leaky))
    if replay.selector is None or recording.universe is None:
        message = f"a leak in {kind} needs a replay that chooses its traders by score"
        raise BadInputError(message)
    scoring, selection = replay.selector.desk, replay.selector.selection
    if kind is Kind.SCORING:
        profiles = ReplayProfiles(knowing, recording.universe, source)
        scoring = replace(scoring, profiles=_Profiles(scoring.profiles, profiles, ahead, end))
    else:
        board = ReplayBoard(knowing, recording.universe, source, selection)
        scoring = replace(scoring, leaderboard=_Board(board, ahead, end))
    return replace(replay, selector=Selector(scoring, selection))


class _Market:
    """A market that shows gates (which ask for the present) or exits (which ask since some moment) later prices."""

    def __init__(self, inner: Market, knowing: Market, ahead: timedelta, end: datetime, kind: Kind) -> None:
        self._inner = inner
        self._knowing = knowing
        self._ahead = ahead
        self._end = end
        self._kind = kind

    def marks(self, coin: str, since: datetime, now: datetime) -> Marks | UnknownType | None:
        """Return marks."""
        asks = Kind.GATE if since == now else Kind.EXIT
        if asks is not self._kind:
            return self._inner.marks(coin, since, now)
        later = min(now + self._ahead, self._end)
        return self._knowing.marks(coin, later if asks is Kind.GATE else since, later)

    def conditions(self, coin: str, now: datetime) -> Conditions | UnknownType | None:
        """Return the state of a coin's market."""
        return self._inner.conditions(coin, now)

    def instrument(self, coin: str) -> Instrument | None:
        """Return a coin's trading rules."""
        return self._inner.instrument(coin)


class _Source:
    """A source that shows what traders will hold."""

    def __init__(self, inner: TraderSource, knowing: TraderSource, ahead: timedelta, end: datetime) -> None:
        self._inner = inner
        self._knowing = knowing
        self._ahead = ahead
        self._end = end

    def room(self, now: datetime) -> int | None:
        """Return how many traders may be read."""
        return self._inner.room(now)

    def fills(self, trader: str, since: datetime, now: datetime) -> Sequence[Fill] | UnknownType:
        """Return fills."""
        return self._inner.fills(trader, since, now)

    def positions(self, trader: str, now: datetime) -> TraderState | UnknownType:
        """Return the trader's positions."""
        return self.state(trader, now)

    def state(self, trader: str, now: datetime) -> TraderState | UnknownType:
        """Return the trader's equity and positions."""
        return self._knowing.state(trader, min(now + self._ahead, self._end))


class _Profiles:
    """Pasts that reach into the future."""

    def __init__(self, inner: Profiles, knowing: Profiles, ahead: timedelta, end: datetime) -> None:
        self._inner = inner
        self._knowing = knowing
        self._ahead = ahead
        self._end = end

    def portfolio(self, address: str, now: datetime) -> Portfolio | UnknownType:
        """Return an account's equity histories; what lies ahead of now is said to have been read now."""
        found = self._knowing.portfolio(address, min(now + self._ahead, self._end))
        return found if found is UNKNOWN else replace(found, read_at=now)

    def deep_fills(
        self, address: str, since: datetime, until: datetime, *, at_most: int, now: datetime
    ) -> DeepFills | UnknownType:
        """Return fills."""
        return self._inner.deep_fills(address, since, until, at_most=at_most, now=now)

    def summary(self, address: str, now: datetime) -> TradeSummary | UnknownType | None:
        """Return no summary."""
        return self._inner.summary(address, now)


class _Board:
    """The leaderboard of a later day."""

    def __init__(self, knowing: Leaderboard, ahead: timedelta, end: datetime) -> None:
        self._knowing = knowing
        self._ahead = ahead
        self._end = end

    def leaders(self, now: datetime) -> Leaders:
        """Return the leaderboard."""
        return self._knowing.leaders(min(now + self._ahead, self._end))
