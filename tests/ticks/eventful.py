"""The paper venue over which things happen that we don't do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hlcopy.ports import UNKNOWN, RestingOrder, RestingStop
from hlcopy.ticks import poll
from tests.builders import at

if TYPE_CHECKING:
    from hlcopy.domain.book import Order, OurFill, Position, Purpose
    from hlcopy.ports import Account, Desk
    from tests.ticks.conftest import Scene


@dataclass
class Eventful:
    """The paper venue, over which its readings are overridden by a test."""

    venue: Any
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

    def account(self, now: Any) -> Any:  # noqa: ANN401 - see above
        self.asked.append("account")
        if self.dark:
            return UNKNOWN
        account = self.venue.account(now)
        held = dict(account.positions)
        for coin, changes in self.positions.items():
            if coin in held and changes:
                held[coin] = replace(held[coin], **changes)
            else:
                held.pop(coin, None)
        stops = () if self.hidden_stops else account.stops
        return replace(account, positions=held, stops=(*stops, *self.stops), orders=self.orders)

    def fills(self, since: Any, now: Any) -> Any:  # noqa: ANN401 - see above
        self.asked.append("fills")
        if self.dark:
            return UNKNOWN
        return [*([] if self.hidden_fills else self.venue.fills(since, now)), *self.more_fills]

    def send(self, order: Order, now: Any) -> Any:  # noqa: ANN401 - see above
        self.asked.append(f"send {order.purpose}")
        answer = self.venue.send(order, now)
        self.dark = order.purpose in self.dark_after
        return UNKNOWN if self.dark else answer

    def funding(self, coin: str, since: Any, until: Any) -> Any:  # noqa: ANN401 - see above
        return self.venue.funding(coin, since, until) if self.funding_usd is None else self.funding_usd


def entered(scene: Scene) -> tuple[Desk, Eventful]:
    desk = scene.desk()
    poll.run(desk, at(1))
    venue = Eventful(desk.exchange)
    desk = replace(desk, exchange=venue)  # type: ignore[arg-type]
    poll.run(desk, at(15))
    return desk, venue


def only(scene: Scene) -> Position:
    (position,) = scene.ledger.book.positions(live_only=False)
    return position


def read(desk: Desk, minutes: float) -> Account:
    account = desk.exchange.account(at(minutes))
    assert account is not UNKNOWN
    return account
