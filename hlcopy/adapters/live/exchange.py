"""The port `Exchange` with real orders: guarded, signed, sent once, and answered by what the venue said or by `UNKNOWN`."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from hlcopy.adapters.live.answers import Lost, cancel_outcome, leverage_outcome, order_outcome
from hlcopy.domain import signing
from hlcopy.domain.book import IntentState, Purpose
from hlcopy.domain.models import to_ms
from hlcopy.domain.refusals import Refusal
from hlcopy.errors import ConfigError, HlcopyError, TryLaterError
from hlcopy.ports import MISSING, UNKNOWN, Accepted, Refused, VenueAccount

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from hlcopy.adapters.live.sdk import Signer
    from hlcopy.domain.book import Order, OurFill
    from hlcopy.domain.instrument import Listing
    from hlcopy.domain.policy import Policy
    from hlcopy.ports import (
        Account,
        ActionBudget,
        Clock,
        Controls,
        MissingType,
        Outcome,
        UnknownType,
        WeightRation,
    )

    Nonces = Callable[[], int]
    Listings = Sequence[Listing]

_LEVERAGE_EXPIRES: Final = timedelta(seconds=15)
_CANCEL_EXPIRES: Final = timedelta(seconds=30)
_ASK_AGAIN_S: Final = 300.0
_ASK_SOON_S: Final = 20.0  # after a look that showed nothing: our stops wait for it
_WEIGHT: Final = 1
_ENTRY_WEIGHT: Final = 142  # what an entry asks until its stop is seen, and a reconciliation after it


class Reader(VenueAccount, Protocol):
    """What reads our account at the venue."""

    def acknowledged(self, at_ms: int) -> None:
        """Take note that the venue answered a send at a moment of our clock."""

    def behind_ms(self) -> int:
        """Return how far our clock lies behind the venue's, as its readings show; 0 where they don't."""

    def chosen_leverage(self, coin: str) -> tuple[bool, int] | UnknownType:
        """Return whether the margin of a coin is isolated, and its leverage."""


class Standing(Protocol):
    """What is known of agent and account from asking the venue about them."""

    def problem(self, *, entering: bool) -> str | None:
        """Return what stands in the way of sending anything, or of opening a position; None when nothing does.

        Raises `TryLaterError` when that can't be found out now.
        """

    def require(self) -> None:
        """Raise what stands in the way of opening a position."""

    def forget(self) -> None:
        """Forget what was found out, so that it is asked anew."""


class LiveExchange:
    """The venue we trade at; one thread may use it.

    `listings` returns the venue's coins in their order, as of a moment. `time_left` returns what the tick has left in
    seconds: without any nothing new is begun, and what protects still goes.
    """

    def __init__(
        self,
        *,
        reader: Reader,
        signer: Signer,
        listings: Callable[[datetime], Listings | UnknownType],
        controls: Controls,
        ration: WeightRation,
        policy: Policy,
        clock: Clock,
        time_left: Callable[[], float],
        standing: Standing,
        tell: Callable[[str], None],
    ) -> None:
        self._reader = reader
        self._signer = signer
        self._listings = listings
        self._controls = controls
        self._ration = ration
        self._policy = policy
        self._clock = clock
        self._time_left = time_left
        self._standing = standing
        self._tell = tell
        self._account: Account | None = None
        self._asks_at: float | None = None  # while the agent is barred

    def account(self, now: datetime) -> Account | UnknownType:
        """Return our account as it stands."""
        account = self._reader.account(now)
        if account is not UNKNOWN:
            self._account = account
        return account

    def find(self, client_order_id: str, now: datetime) -> Accepted | Refused | MissingType | UnknownType:
        """Return what the venue knows of an order."""
        return self._reader.find(client_order_id, now)

    def fills(self, since: datetime, now: datetime) -> Sequence[OurFill] | UnknownType:
        """Return our fills from `since` on, oldest first."""
        return self._reader.fills(since, now)

    def funding(self, coin: str, since: datetime, until: datetime) -> float | UnknownType:
        """Return the funding that our position in a coin paid after `since` and up to `until`, in USD."""
        return self._reader.funding(coin, since, until)

    def transfers(self, since: datetime, until: datetime) -> float | UnknownType:
        """Return what was moved into the account less what was moved out, after `since` and up to `until`, in USD."""
        return self._reader.transfers(since, until)

    def budget(self, now: datetime) -> ActionBudget | UnknownType | None:
        """Return how many actions our address may still send."""
        return self._reader.budget(now)

    def require_ready(self) -> None:
        """Do nothing where agent, account and clock let us open positions.

        Raises `ConfigError` where they don't, `TryLaterError` where the venue can't be asked.
        """
        self._standing.require()

    def can_open(self, now: datetime) -> bool:
        """Whether time and request weight are left to open a position and see its stop rest without waiting."""
        return self._time_left() > 0 and self._ration.left(now) >= _ENTRY_WEIGHT

    def set_leverage(self, coin: str, leverage: int, now: datetime) -> Outcome:
        """Set isolated margin and the leverage of a coin, and read them back.

        Raises `ConfigError` when the venue doesn't know the agent.
        """
        listings = self._listings(now)
        if listings is UNKNOWN:
            return _NO_LISTINGS
        objection = signing.to_leverage(coin, leverage, _of(listings, coin), self._policy.execution)
        refused = self._too_late() or _refused(objection) or self._not_ready()
        if refused is not None:
            return refused
        expires = to_ms(self._clock.now() + _LEVERAGE_EXPIRES)
        outcome = self._sent(
            lambda: self._signer.leverage(coin, leverage, listings, self._nonce, expires),
            leverage_outcome,
            f"the leverage of {coin}",
        )
        return self._read_back(coin, leverage) if isinstance(outcome, Accepted) else outcome

    def _read_back(self, coin: str, leverage: int) -> Outcome:
        """Believe that a leverage is set when the venue shows it."""
        found = self._reader.chosen_leverage(coin)
        if found is UNKNOWN:
            return UNKNOWN
        if found == (True, leverage):
            return Accepted(IntentState.FILLED)
        mode = "isolated" if found[0] else "cross"
        return Refused(f"set to isolated {leverage}x, {coin} reads {mode} {found[1]}x", Refusal.LEVERAGE)

    def send(self, order: Order, now: datetime) -> Outcome:
        """Send an entry, an exit or a stop, once.

        Only after a refused nonce, and when the venue then doesn't know the order, it is sent again under another one.
        Raises `ConfigError` when the venue doesn't know the agent.
        """
        listings = self._listings(now)
        if listings is UNKNOWN:
            return _NO_LISTINGS
        if order.purpose is Purpose.ENTRY and (refused := self._too_late()) is not None:
            return refused
        outcome = self._send(order, listings)
        if not (isinstance(outcome, Refused) and outcome.kind is Refusal.NONCE):
            return outcome
        found = self._reader.find(order.client_order_id, now)
        return self._send(order, listings) if found is MISSING else found

    def _send(self, order: Order, listings: Listings) -> Outcome:
        """Look at an order once more, sign and send it."""
        listing, equity = _of(listings, order.coin), self._equity()
        objection = signing.to_order(order, listing, equity, self._clock.now(), self._policy.sizing)
        if (refused := _refused(objection)) is not None:
            return refused
        expires = to_ms(order.expires_at or order.created_at)  # an order without an end has just been objected to
        if order.reduce_only:
            # It must land by the venue's clock, too; and that it lands late does no harm, as it would with an entry.
            expires += self._reader.behind_ms()
        return self._sent(
            lambda: self._signer.order(order, listings, self._nonce, expires),
            lambda answer: order_outcome(answer, order.client_order_id, order.size),
            f"an order for {order.purpose} in {order.coin}",
        )

    def cancel(self, order: Order, now: datetime) -> Outcome:
        """Cancel a resting order; an order already gone counts as accepted.

        Raises `ConfigError` when the venue doesn't know the agent.
        """
        listings = self._listings(now)
        if listings is UNKNOWN:
            return _NO_LISTINGS
        objection = signing.to_cancel(order, _of(listings, order.coin))
        if (refused := _refused(objection)) is not None:
            return refused
        expires = to_ms(self._clock.now() + _CANCEL_EXPIRES) + self._reader.behind_ms()

        def send() -> object:
            return self._signer.cancel(order, listings, self._nonce, expires)

        outcome = self._sent(send, cancel_outcome, f"cancelling an order in {order.coin}")
        if isinstance(outcome, Refused) and outcome.kind is Refusal.NONCE:
            outcome = self._sent(send, cancel_outcome, f"cancelling an order in {order.coin}")
        return outcome

    def _sent(self, send: Callable[[], object], judge: Callable[[object], Outcome], what: str) -> Outcome:
        """Send and judge the answer; one that can't be understood is told and unknown."""
        self._refuse_barred()
        with suppress(HlcopyError):  # counted, never waited for: what can't be counted must still protect
            self._ration.add(_WEIGHT, self._clock.now(), "exchange", requests=1)
        answer = send()
        outcome = judge(answer)
        if outcome is UNKNOWN:
            reason = answer.reason if isinstance(answer, Lost) else "an answer that can't be understood"
            self._tell(f"{what}: not known whether the venue took it ({reason})")
        elif isinstance(outcome, Accepted):
            self._reader.acknowledged(to_ms(self._clock.now()))
        elif outcome.kind is Refusal.SIGNER:
            self._bar(outcome.reason)
        return outcome

    def _nonce(self) -> int:
        return self._controls.next_nonce(self._signer.address, to_ms(self._clock.now()))

    def _equity(self) -> float | None:
        if self._account is not None:
            return self._account.equity
        sample = self._controls.last_equity()
        return None if sample is None else sample.equity_usd

    def _too_late(self) -> Refused | None:
        return None if self._time_left() > 0 else Refused("no time is left in this tick", Refusal.LOCAL)

    def _not_ready(self) -> Refused | None:
        try:
            problem = self._standing.problem(entering=True)
        except TryLaterError as error:
            problem = str(error)
        return None if problem is None else Refused(problem, Refusal.LOCAL)

    def _refuse_barred(self) -> None:
        """Send nothing more once the agent was refused, until a look that is made now and then finds it in order."""
        now = self._clock.monotonic()
        if self._asks_at is None:
            return
        if now >= self._asks_at:
            self._asks_at = now + _ASK_SOON_S
            with suppress(TryLaterError):
                if self._standing.problem(entering=False) is None:
                    self._asks_at = None
                    return
                self._asks_at = now + _ASK_AGAIN_S
        raise ConfigError(self._barred("the venue refused it before"))

    def _bar(self, reason: str) -> None:
        self._asks_at = self._clock.monotonic() + _ASK_AGAIN_S
        self._standing.forget()
        raise ConfigError(self._barred(reason))

    def _barred(self, reason: str) -> str:
        return (
            f"the agent {self._signer.address} can't sign for the account {self._signer.account} ({reason}); approve a new agent "
            "at app.hyperliquid.xyz/API and put its key where HLCOPY_AGENT_KEY or HLCOPY_AGENT_KEY_FILE says"
        )


def _refused(objection: signing.Objection | None) -> Refused | None:
    return None if objection is None else Refused(objection.reason, objection.kind)


def _of(listings: Listings, coin: str) -> Listing | None:
    return next((listing for listing in listings if listing.name == coin), None)


_NO_LISTINGS: Final = Refused("the venue's list of coins can't be read", Refusal.NOT_SENT)
