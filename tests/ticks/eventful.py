"""The paper venue over which things happen that we don't do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from hlcopy.ports import UNKNOWN, RestingOrder, RestingStop
from hlcopy.ticks import poll
from tests.builders import at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hlcopy.domain.book import Order, OurFill, Purpose
    from hlcopy.ports import Accepted, Account, Desk, Exchange, Refused, UnknownType
    from tests.ticks.conftest import Scene


@dataclass
class Eventful:
    """The paper venue, over which its readings are overridden by a test."""

    venue: Exchange
    positions: dict[str, dict[str, Any]] = field(default_factory=dict)  # by coin: what is different of it; {} is gone
    hidden_stops: bool = False
    more_fills: list[OurFill] = field(default_factory=list)
    hidden_fills: bool = False
    dark_after: set[Purpose] = field(default_factory=set)
    dark: bool = False
    stops: tuple[RestingStop, ...] = ()
    orders: tuple[RestingOrder, ...] = ()
    asked: list[str] = field(default_factory=list)
    funding_usd: float | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - it stands in for the port
        return getattr(self.venue, name)

    def on(self, desk: Desk) -> Desk:
        """Return a desk that trades here."""
        return replace(desk, exchange=cast("Exchange", self))  # what it doesn't override, `__getattr__` finds

    def account(self, now: datetime) -> Account | UnknownType:
        self.asked.append("account")
        if self.dark:
            return UNKNOWN
        account = self.venue.account(now)
        assert account is not UNKNOWN
        held = dict(account.positions)
        for coin, changes in self.positions.items():
            if coin in held and changes:
                held[coin] = replace(held[coin], **changes)
            else:
                held.pop(coin, None)
        stops = () if self.hidden_stops else account.stops
        return replace(account, positions=held, stops=(*stops, *self.stops), orders=self.orders)

    def fills(self, since: datetime, now: datetime) -> Sequence[OurFill] | UnknownType:
        self.asked.append("fills")
        known = self.venue.fills(since, now)
        if self.dark or known is UNKNOWN:
            return UNKNOWN
        return [*([] if self.hidden_fills else known), *self.more_fills]

    def send(self, order: Order, now: datetime) -> Accepted | Refused | UnknownType:
        self.asked.append(f"send {order.purpose}")
        answer = self.venue.send(order, now)
        self.dark = order.purpose in self.dark_after
        return UNKNOWN if self.dark else answer

    def funding(self, coin: str, since: datetime, until: datetime) -> float | UnknownType:
        return self.venue.funding(coin, since, until) if self.funding_usd is None else self.funding_usd


def entered(scene: Scene) -> tuple[Desk, Eventful]:
    desk = scene.desk()
    poll.run(desk, at(1))
    venue = Eventful(desk.exchange)
    desk = venue.on(desk)
    poll.run(desk, at(15))
    return desk, venue
