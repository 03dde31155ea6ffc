"""The local venue's trading side: accounts that trade, what agents may send for them, and what tests and drills do to them."""

from __future__ import annotations

import heapq
import threading
from typing import TYPE_CHECKING, Any, Final

from hlcopy.simulator import trading_requests as requests
from hlcopy.simulator.hyperliquid_market import price
from hlcopy.simulator.journal import Journal
from hlcopy.simulator.trading_account import Leverage, TradingAccount
from hlcopy.simulator.trading_desk import FIRST_REQUESTS, Agent, Desk, RefusedError
from hlcopy.simulator.trading_matching import Matching
from hlcopy.simulator.trading_requests import Trigger, Wish
from hlcopy.simulator.trading_script import NextRefusal
from hlcopy.simulator.trading_time import Passage

if TYPE_CHECKING:
    from collections.abc import Callable

    from hlcopy.simulator.clock import VenueClock
    from hlcopy.simulator.trading_requests import Envelope
    from hlcopy.simulator.venue import Venue

BY_HAND: Final = (0.3, 3.0)  # of the mark: the limits of a market order by hand, well within the band
_STOP_CAP: Final = (0.9, 1.1)  # of the trigger: what a stop's order accepts, as the venue's own page has it


class TradingFloor:
    """Accounts over a venue's marks and books, at the present of a clock.

    Everything first brings the floor to the present, in which triggers, orders in the book, liquidations and funding that
    are due happen at their own moments. Addresses are taken in any case; an unknown one raises `KeyError`, except where a
    client asks. `lock` is held by whoever works with it.
    """

    def __init__(self, venue: Venue, clock: VenueClock) -> None:
        self.venue = venue
        self.lock = threading.RLock()
        self.journal = Journal()
        self.accounts: dict[str, TradingAccount] = {}
        self._clock = clock
        self._matching = Matching(venue, self.journal)
        self._matching.begin(clock.now_ms())
        self._passage = Passage(self._matching)
        self._desk = Desk(self._matching, self.accounts)
        self._late: list[tuple[int, int, Envelope]] = []
        self._sent_late = 0

    # For the server

    read = staticmethod(requests.read)

    def advance(self) -> int:
        """Let happen whatever is due by now, and return the present in ms."""
        with self.lock:
            now = self._clock.now_ms()
            while self._late and self._late[0][0] <= now:
                due, _, envelope = heapq.heappop(self._late)
                self._passage.advance(self.accounts.values(), due)
                self._exchange(envelope)
            self._passage.advance(self.accounts.values(), now)
            return self._matching.now

    def exchange(self, envelope: Envelope) -> dict[str, Any]:
        """Carry out an action that came over the wire and return the answer."""
        with self.lock:
            self.advance()
            return self._exchange(envelope)

    def exchange_late(self, envelope: Envelope, after_ms: int) -> None:
        """Carry out an action some ms from now, in the order of their moments; nobody hears the answer."""
        with self.lock:
            self._sent_late += 1
            heapq.heappush(self._late, (self.advance() + after_ms, self._sent_late, envelope))

    def _exchange(self, envelope: Envelope) -> dict[str, Any]:
        entry = self._request(self._matching.now, envelope, None)
        answer, account, who = self._desk.answer(envelope)
        entry |= {"account": account, "signer": who, "answer": answer}
        return answer

    def note_refused(self, envelope: Envelope, answer: str | None) -> None:
        """Write down a request that was refused before it was looked at."""
        with self.lock:
            self._request(self.advance(), envelope, answer)

    def _request(self, now: int, envelope: Envelope, answer: str | None) -> dict[str, Any]:
        return self.journal.note(
            now,
            "request",
            type=envelope.kind,
            account=None,
            signer=None,
            action=envelope.sent,
            nonce=envelope.nonce,
            vaultAddress=envelope.vault_address,
            expiresAfter=envelope.expires_after,
            answer=answer,
        )

    def tell_signers_by(self, signer: Callable[..., str | None]) -> None:
        """Let something else than signatures tell who sent an action: what stands in for them, where they take too long."""
        self._desk.signer = signer

    @property
    def agents(self) -> dict[str, Agent]:
        """The agents by address, those that were dropped among them."""
        return self._desk.agents

    def find(self, address: str) -> TradingAccount | None:
        """Return an account, None for an address that doesn't trade here."""
        return self.accounts.get(address.lower())

    def agent_of(self, address: str) -> Agent | None:
        """Return the agent that an address is, None if it is none that may still sign."""
        agent = self.agents.get(address.lower())
        return agent if agent is not None and agent.is_valid(self._matching.now) else None

    def leverage(self, address: str, coin: str) -> Leverage:
        """Return how an account trades a coin."""
        return self._matching.setting(self.accounts[address.lower()], coin)

    @property
    def capped_coins(self) -> list[str]:
        """The coins whose open interest is capped."""
        return sorted(self._matching.script.capped)

    # Accounts

    def open_account(self, address: str, usd: float = 0.0, *, mode: str = "default") -> TradingAccount:
        """Open an account with a deposit; `mode` is its abstraction, as `userAbstraction` tells it."""
        return self._open(TradingAccount(address=address.lower(), mode=mode), usd)

    def open_subaccount(self, address: str, master: str, usd: float = 0.0) -> TradingAccount:
        """Open a subaccount, for which the master's agents sign."""
        return self._open(TradingAccount(address=address.lower(), master=self.accounts[master.lower()].address), usd)

    def _open(self, account: TradingAccount, usd: float) -> TradingAccount:
        with self.lock:
            if account.address in self.accounts:
                message = f"{account.address} is open already"
                raise ValueError(message)
            self.advance()
            self.accounts[account.address] = account
            if usd:
                self.deposit(account.address, usd)
            return account

    def approve(self, agent: str, account: str, *, name: str = "", valid_until_ms: int | None = None) -> None:
        """Let an agent sign for an account; one with the same name, or without one as well, is dropped."""
        with self.lock:
            owner = self.accounts[account.lower()].address
            for other in self.agents.values():
                if (other.account, other.name) == (owner, name):
                    other.dropped = True
            self.agents[agent.lower()] = Agent(account=owner, name=name, valid_until_ms=valid_until_ms)

    def drop_agent(self, agent: str) -> None:
        """Let an agent sign no more."""
        with self.lock:
            self.agents[agent.lower()].dropped = True

    def deposit(self, address: str, usd: float) -> None:
        """Put an amount in."""
        self._transfer(address, usd)

    def withdraw(self, address: str, usd: float) -> None:
        """Take an amount out, which may be more than is free."""
        self._transfer(address, -usd)

    def _transfer(self, address: str, usd: float) -> None:
        with self.lock:
            now, account = self.advance(), self.accounts[address.lower()]
            account.move(usd, now)
            self.journal.note(now, "transfer", account=account.address, usd=usd)

    def leave_requests(self, address: str, left: int) -> None:
        """Let an account have so many requests left of its budget."""
        with self.lock:
            account = self.accounts[address.lower()]
            account.requests = FIRST_REQUESTS + int(account.volume_ever) - left
            account.throttled_ms = self.advance()

    # By hand

    def trade_by_hand(self, address: str, coin: str, size: float, *, reduce_only: bool = False) -> object:
        """Let somebody trade a signed size at the market, as on the venue's page; return the order's status."""
        with self.lock:
            self.advance()
            mark = self._matching.mark(coin)
            limit = self._legal(coin, mark * BY_HAND[size > 0])
            return self.place_order_by_hand(address, coin, size, limit, tif="FrontendMarket", reduce_only=reduce_only)

    def place_order_by_hand(
        self,
        address: str,
        coin: str,
        size: float,
        limit: float,
        *,
        tif: str = "Gtc",
        reduce_only: bool = False,
        cloid: str | None = None,
    ) -> object:
        """Let somebody place a limit order of a signed size; return its status."""
        wish = Wish(
            asset=self._matching.universe.index(coin),
            is_buy=size > 0,
            price=limit,
            size=abs(size),
            reduce_only=reduce_only,
            tif=tif,
            cloid=cloid,
        )
        return self._by_hand(address, wish)

    def place_stop_by_hand(
        self,
        address: str,
        coin: str,
        size: float,
        trigger: float,
        *,
        is_stop: bool = True,
        reduce_only: bool = True,
        grouping: str = "na",
        cloid: str | None = None,
    ) -> object:
        """Let somebody place a market stop, or a take-profit, of a signed size; return its status."""
        wish = Wish(
            asset=self._matching.universe.index(coin),
            is_buy=size > 0,
            price=self._legal(coin, trigger * _STOP_CAP[size > 0]),
            size=abs(size),
            reduce_only=reduce_only,
            trigger=Trigger(price=trigger, is_market=True, is_stop=is_stop),
            cloid=cloid,
        )
        return self._by_hand(address, wish, grouping)

    def _by_hand(self, address: str, wish: Wish, grouping: str = "na") -> object:
        with self.lock:
            now, account = self.advance(), self.accounts[address.lower()]
            entry = self.journal.note(now, "by hand", account=account.address, what="order")
            status, _ = self._matching.place(account, wish, grouping=grouping)
            entry["answer"] = status
            return status

    def cancel_by_hand(self, address: str, number: int | str) -> None:
        """Let somebody cancel an open order, by its number or its client's; raises `KeyError` where there is none."""
        with self.lock:
            now, account = self.advance(), self.accounts[address.lower()]
            order = account.find(number)
            if order is None or not order.is_open:
                raise KeyError(number)
            self.journal.note(now, "by hand", account=account.address, what="cancel", oid=order.oid)
            self._matching.cancel(account, order)

    def set_leverage_by_hand(self, address: str, coin: str, leverage: int, *, is_cross: bool = False) -> str | None:
        """Let somebody set a coin's leverage; return why that is refused, None if it isn't."""
        action = requests.UpdateLeverage(
            asset=self._matching.universe.index(coin), is_cross=is_cross, leverage=leverage
        )
        with self.lock:
            now, account = self.advance(), self.accounts[address.lower()]
            entry = self.journal.note(
                now, "by hand", account=account.address, what="leverage", coin=coin, value=leverage
            )
            try:
                self._desk.carry_out(account, action)
            except RefusedError as refused:
                entry["answer"] = str(refused)
                return str(refused)
            return None

    def _legal(self, coin: str, value: float) -> float:
        return self._matching.instruments[coin].price_down(value)

    # What befalls accounts and coins

    def deleverage(self, address: str, coin: str, size: float) -> None:
        """Close a part of a position, or the whole, at the mark because others can't pay."""
        with self.lock:
            now, account = self.advance(), self.accounts[address.lower()]
            self.journal.note(now, "deleveraging", account=account.address, coin=coin)
            part = min(abs(size), abs(account.positions[coin].size))
            self._matching.impose(account, coin, [(self._matching.mark(coin), part)], word="Auto-Deleveraging")

    def settle(self, coin: str, at: float) -> None:
        """Take a coin from the market: its orders are cancelled, its positions closed at a price."""
        with self.lock:
            self.delist(coin)
            self.journal.note(self._matching.now, "settlement", coin=coin, px=price(at))
            for account in self.accounts.values():
                for order in account.on(coin):
                    if order.is_open:
                        self._matching.cancel(account, order, "delistedCanceled")
                size = abs(account.held(coin))
                if size:
                    self._matching.impose(account, coin, [(at, size)], word="Settlement")

    def delist(self, coin: str) -> None:
        """Say that a coin is delisted and take no more orders of it; what there is stays."""
        with self.lock:
            self.advance()
            self.venue.set_listing(coin, isDelisted=True)

    def reorder(self) -> None:
        """Give every coin another number, as if one had been listed before them: the last becomes the first."""
        with self.lock:
            self.advance()
            self.venue.coins = (self.venue.coins[-1], *self.venue.coins[:-1])
            self._matching.renumber()
            for account in self.accounts.values():
                for order in account.orders.values():
                    order.asset = self._matching.universe.index(order.coin)

    # What comes next

    def partial_next(self, coin: str, share: float) -> None:
        """Fill only a share of the next order of a coin that takes from the book, a fired stop among them; 0 is nothing."""
        with self.lock:
            self._matching.script.shares[coin] = share

    def refuse_next_stop(self, text: str, status: str = "badTriggerPxRejected") -> None:
        """Refuse the next trigger order in these words, to which ` asset=n` is added."""
        with self.lock:
            self._matching.script.refusal = NextRefusal(text, status, stops_only=True)

    def refuse_next_order(self, text: str, status: str = "rejected") -> None:
        """Refuse the next order of any kind in these words, to which ` asset=n` is added."""
        with self.lock:
            self._matching.script.refusal = NextRefusal(text, status, stops_only=False)

    def hide_next_order(self, queries: int) -> None:
        """Let the next order be unknown to so many queries of its status."""
        with self.lock:
            self._matching.script.hide_next = queries

    def hide_order(self, address: str, number: int | str, queries: int) -> None:
        """Let an order be unknown to so many more queries of its status."""
        with self.lock:
            order = self.accounts[address.lower()].find(number)
            if order is None:
                raise KeyError(number)
            order.hidden = queries

    def cap_open_interest(self, coin: str, *, capped: bool = True) -> None:
        """Take no orders of a coin that open, or take them again."""
        with self.lock:
            (self._matching.script.capped.add if capped else self._matching.script.capped.discard)(coin)

    def post_only_until(self, until_ms: int) -> None:
        """Take only orders that add to the book until a moment, as after an upgrade; triggers are taken."""
        with self.lock:
            self._matching.script.post_only_until_ms = until_ms

    def keep_triggers(self) -> None:
        """Leave plain reduce-only triggers where they are when their position closes."""
        with self.lock:
            self._matching.script.sweeps_triggers = False
