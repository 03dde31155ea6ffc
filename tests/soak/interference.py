"""What a person, the venue and the network do to the soak: seeded, at random moments, everything of the kind that really happens."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from hlcopy.simulator.server import APPLY_THEN_DROP, DROP

if TYPE_CHECKING:
    from tests.soak.run import Soak

HOUR_MS: Final = 3_600_000
_LOST_SHARE: Final = 0.03  # of the actions whose answer gets lost, one way or another
_FAILING_READS: Final = 0.002
_HALF: Final = 0.5
_RARELY: Final = 0.2
_BAD_GATEWAY: Final = (502, {"Content-Type": "text/html"}, b"<html>502 Bad Gateway</html>")
_NULL: Final = (500, {"Content-Type": "application/json"}, b"null")


class Interference:
    """Decides at every step whether something happens, and does it."""

    def __init__(self, soak: Soak, seed: int) -> None:
        from tests.soak.run import ACCOUNT

        self._soak = soak
        self._floor = soak.served.floor
        self._account = ACCOUNT
        self._random = random.Random(f"interference {seed}")  # noqa: S311 - a rehearsal's dice
        self._asleep_until = 0
        self._restore: list[tuple[int, str]] = []
        soak.served.faults = self._fault

    def step(self, now: int) -> None:
        """Let something happen about every forty minutes."""
        for due, coin in [each for each in self._restore if each[0] <= now]:
            self._soak.served.venue.set_depth(coin, 3_000_000.0)
            self._restore.remove((due, coin))
        if self._random.random() < 1 / 80:
            name = self._random.choice(sorted(name for name in dir(self) if name.startswith("happens_")))
            with self._floor.lock:
                self._floor.advance()
                if getattr(self, name)(now):
                    self._soak.counts[name] += 1

    def sleeps(self, now: int) -> bool:
        """Whether the machine is down, so that no tick runs."""
        return now < self._asleep_until

    def end(self) -> None:
        """Let nothing more go wrong."""
        self._soak.served.faults = None
        for _, coin in self._restore:
            self._soak.served.venue.set_depth(coin, 3_000_000.0)

    def _fault(self, kind: str) -> Any:  # noqa: ANN401 - any fault of the server
        dice = self._random.random()
        if kind.startswith("exchange:"):
            if dice < _LOST_SHARE:
                self._soak.counts[f"lost {kind}"] += 1
                return self._random.choice([DROP, APPLY_THEN_DROP, _BAD_GATEWAY, _NULL])
        elif dice < _FAILING_READS and kind != "clock":
            return self._random.choice([DROP, _BAD_GATEWAY, _NULL])
        return None

    def _held(self) -> list[tuple[str, float]]:
        account = self._floor.accounts[self._account]
        return [(coin, account.held(coin)) for coin in list(account.positions) if account.held(coin)]

    def _legal(self, coin: str, size: float) -> float:
        return next(each for each in self._soak.served.venue.coins if each.coin == coin).size(size)

    def _stops(self) -> list[int]:
        account = self._floor.accounts[self._account]
        return [order.oid for coin, _ in self._held() for order in account.on(coin) if order.is_open]

    def happens_hand_close(self, _now: int) -> bool:
        """Somebody closes a position on the venue's page."""
        for coin, size in self._held()[:1]:
            self._floor.trade_by_hand(self._account, coin, -size, reduce_only=True)
            return True
        return False

    def happens_hand_reduce(self, _now: int) -> bool:
        """Somebody takes a part of a position."""
        for coin, size in self._held()[-1:]:
            part = self._legal(coin, abs(size) * 0.4)
            if part:
                self._floor.trade_by_hand(self._account, coin, -part if size > 0 else part, reduce_only=True)
            return bool(part)
        return False

    def happens_stop_cancelled(self, _now: int) -> bool:
        """Somebody cancels a stop of ours."""
        for oid in self._stops()[:1]:
            self._floor.cancel_by_hand(self._account, oid)
            return True
        return False

    def happens_deleveraging(self, _now: int) -> bool:
        """The venue takes a position, or the half of it."""
        for coin, size in self._held()[:1]:
            part = abs(size) if self._random.random() < _HALF else self._legal(coin, abs(size) / 2)
            if part:
                self._floor.deleverage(self._account, coin, part)
            return bool(part)
        return False

    def happens_partial(self, _now: int) -> bool:
        """The next order of a coin finds a part of what it wants."""
        coin = self._random.choice(self._soak.served.venue.coins).coin
        self._floor.partial_next(coin, self._random.choice([0.0, 0.2, 0.6]))
        return True

    def happens_stop_refused(self, _now: int) -> bool:
        """The next stop is refused."""
        self._floor.refuse_next_stop("Invalid TP/SL price.")
        return True

    def happens_lag(self, _now: int) -> bool:
        """The next order isn't shown for a while."""
        self._floor.hide_next_order(3)
        return True

    def happens_empty_book(self, now: int) -> bool:
        """A coin's book is empty for some minutes."""
        coin = self._random.choice(self._soak.served.venue.coins).coin
        self._soak.served.venue.set_depth(coin, 0.0)
        self._restore.append((now + 7 * 60_000, coin))
        return True

    def happens_outage_of_ours(self, now: int) -> bool:
        """The machine is down for an hour or three."""
        if self._random.random() < 0.2:
            self._asleep_until = now + self._random.randint(1, 3) * HOUR_MS
            return True
        return False

    def happens_transfer(self, _now: int) -> bool:
        """Money comes in or goes out."""
        usd = float(self._random.randint(1, 5) * 1_000)
        (self._floor.deposit if self._random.random() < 0.5 else self._floor.withdraw)(self._account, usd)
        return True
