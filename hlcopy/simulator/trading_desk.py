"""Who may send an action, and what each action does: the exchange API between its envelope and its answer."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hlcopy.simulator import trading_requests as requests
from hlcopy.simulator.hyperliquid_market import usd
from hlcopy.simulator.signatures import signer
from hlcopy.simulator.trading_account import Leverage, rounded
from hlcopy.simulator.trading_checks import is_out_of_band

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hlcopy.simulator.trading_account import Position, TradingAccount
    from hlcopy.simulator.trading_matching import Matching
    from hlcopy.simulator.trading_requests import (
        CancelOrders,
        Envelope,
        ModifyOrders,
        PlaceOrders,
        ScheduleCancel,
        UpdateIsolatedMargin,
        UpdateLeverage,
        Wish,
    )

    Answer = dict[str, Any]

DAY_MS: Final = 86_400_000
FIRST_REQUESTS: Final = 10_000
_NONCES: Final = 100
_OLDEST_MS, _NEWEST_MS = 2 * DAY_MS, DAY_MS
_MORE_CANCELS: Final = 100_000
_THROTTLE_MS: Final = 10_000
_STALE_COST: Final = 5  # times what it would have cost
_SOONEST_MS: Final = 5_000
_SCHEDULE_VOLUME: Final = 1_000_000
_DONE: Final[Mapping[str, Any]] = {"status": "ok", "response": {"type": "default"}}
_GONE: Final = "Order was never placed, already canceled, or filled."
_GONE_TO_MODIFY: Final = "Cannot modify canceled or filled order."
# The venue's own words for these three were seen nowhere; a client has to treat any error alike.
_STALE: Final = "Action expired: expiresAfter {} is before {}"
_NOT_PLACED_AGAIN: Final = "Cannot modify to a trigger or executable order without always_place."
_NO_SIGNATURE: Final = "Unable to recover signer."


class RefusedError(Exception):
    """The whole action is refused, in the venue's words."""


@dataclass(slots=True, kw_only=True)
class Agent:
    """A wallet that signs for an account until it is dropped or its time is over."""

    account: str
    name: str = ""
    valid_until_ms: int | None = None
    dropped: bool = False

    def is_valid(self, now: int) -> bool:
        """Return whether it may still sign."""
        return not self.dropped and (self.valid_until_ms is None or now < self.valid_until_ms)


class Desk:
    """Admits actions by signer, nonce, expiry and budget, and carries them out."""

    def __init__(self, matching: Matching, accounts: dict[str, TradingAccount]) -> None:
        self.agents: dict[str, Agent] = {}
        self.signer: Callable[..., str | None] = signer
        self._matching = matching
        self._accounts = accounts
        self._nonces: dict[str, list[int]] = {}

    def answer(self, envelope: Envelope) -> tuple[Answer, str | None, str | None]:
        """Carry out an action; return the answer, the account it was for, and who signed it."""
        who = self.signer(
            envelope.sent, envelope.nonce, envelope.signature, envelope.vault_address, envelope.expires_after
        )
        if who is None:
            return {"status": "err", "response": _NO_SIGNATURE}, None, None
        account: TradingAccount | None = None
        try:
            account = self._account(who, envelope.vault_address)
            self._use_nonce(who, envelope.nonce)
            self._admit(account, envelope)
            return self.carry_out(account, envelope.action), account.address, who
        except RefusedError as refused:
            return {"status": "err", "response": str(refused)}, account.address if account else None, who

    # Admission

    def _account(self, who: str, vault: str | None) -> TradingAccount:
        agent = self.agents.get(who)
        owner = agent.account if agent and agent.is_valid(self._matching.now) else who
        account = self._accounts.get(owner)
        if account is None:
            message = f"User or API Wallet {who} does not exist."
            raise RefusedError(message)
        if vault is not None and vault != owner:
            account = self._accounts.get(vault)
            if account is None or account.master != owner:
                message = f"Vault not registered: {vault}"
                raise RefusedError(message)
        if account.cash <= 0 and not account.positions:
            message = f"Must deposit before performing actions. User: {account.address}"
            raise RefusedError(message)
        return account

    def _use_nonce(self, who: str, nonce: int) -> None:
        now, used = self._matching.now, self._nonces.setdefault(who, [])
        oldest, newest = now - _OLDEST_MS, now + _NEWEST_MS
        if len(used) >= _NONCES:
            oldest = max(oldest, used[0])
        if nonce in used:
            message = f"Invalid nonce: duplicate nonce {nonce}"
            raise RefusedError(message)
        if nonce <= oldest:
            message = f"Invalid nonce: nonce too low {nonce} < {oldest}"
            raise RefusedError(message)
        if nonce >= newest:
            message = f"Invalid nonce: nonce too high {nonce} > {newest}"
            raise RefusedError(message)
        insort(used, nonce)
        del used[:-_NONCES]

    def _admit(self, account: TradingAccount, envelope: Envelope) -> None:
        now, count = self._matching.now, envelope.count
        if count > requests.MAX_BATCH:
            message = f"Signed action over weight limit of {requests.MAX_BATCH}."
            raise RefusedError(message)
        if envelope.expires_after is not None and envelope.expires_after < now:
            account.requests += _STALE_COST * count
            raise RefusedError(_STALE.format(envelope.expires_after, now))
        volume = account.volume_ever
        limit = FIRST_REQUESTS + int(volume)
        if isinstance(envelope.action, requests.CancelOrders):
            limit = min(limit + _MORE_CANCELS, 2 * limit)
        if account.requests + count > limit:
            if account.throttled_ms is not None and now < account.throttled_ms + _THROTTLE_MS:
                message = (
                    f"Too many cumulative requests sent ({account.requests + count} > {limit}) for cumulative volume traded "
                    f"${volume:.2f}. Place taker orders to free up 1 request per USDC traded."
                )
                raise RefusedError(message)
            account.throttled_ms = now
        account.requests += count

    # Actions

    def carry_out(self, account: TradingAccount, action: requests.Action) -> Answer:
        """Carry out an admitted action and return the answer; raises `RefusedError`."""
        match action:
            case requests.PlaceOrders():
                return _statuses("order", self._place(account, action))
            case requests.CancelOrders():
                return _statuses("cancel", self._cancel(account, action))
            case requests.ModifyOrders():
                return self._modify(account, action)
            case requests.UpdateLeverage():
                self._update_leverage(account, action)
            case requests.UpdateIsolatedMargin():
                self._update_margin(account, action)
            case requests.ScheduleCancel():
                self._schedule(account, action)
            case requests.Noop():
                pass
        return dict(_DONE)

    def _place(self, account: TradingAccount, action: PlaceOrders) -> list[object]:
        if action.has_builder:
            message = "Builder fee has not been approved."
            raise RefusedError(message)
        problem = self._batch_problem(action)
        if problem is not None:
            return [{"error": problem}]
        if action.grouping != "normalTpsl":
            return [self._matching.place(account, wish, grouping=action.grouping)[0] for wish in action.orders]
        told, parent = self._matching.place(account, action.orders[0], grouping=action.grouping)
        if parent is None or (not parent.is_open and not parent.filled):
            return [told]
        statuses = [told]
        statuses += [
            self._matching.place(account, wish, grouping=action.grouping, parent=parent)[0]
            for wish in action.orders[1:]
        ]
        if not parent.is_open and parent.left > 0:  # it filled partly, and nothing waits for what is gone
            for child in list(parent.children):
                self._matching.cancel(account, child)
        return statuses

    def _batch_problem(self, action: PlaceOrders) -> str | None:
        """Return what is wrong with a batch as a whole."""
        if not action.orders:
            return "Orders are empty."
        grouped = action.orders if action.grouping == "positionTpsl" else action.orders[1:]
        if action.grouping == "normalTpsl" and action.orders[0].trigger is not None:
            return "Main order cannot be trigger order."
        if action.grouping != "na" and not all(wish.trigger and wish.reduce_only for wish in grouped):
            return "Grouped TP/SL orders must be reduce-only trigger orders."  # its own words aren't known
        return next((problem for wish in action.orders if (problem := self._price_problem(wish))), None)

    def _price_problem(self, wish: Wish) -> str | None:
        if wish.asset >= len(self._matching.universe):
            return f"Asset {wish.asset} is not listed."  # its own words aren't known
        coin = self._matching.universe[wish.asset]
        if coin in self._matching.instruments and is_out_of_band(wish.price, self._matching.mark(coin)):
            return "Order price cannot be more than 80% away from the reference price"
        return None

    def _cancel(self, account: TradingAccount, action: CancelOrders) -> list[object]:
        statuses: list[object] = []
        for asset, number in action.cancels:
            order = account.find(number)
            fits = order is not None and order.is_open and order.asset == asset
            if order is None or not fits or (action.fast and order.trigger is not None):
                statuses.append({"error": f"{_GONE} asset={asset}"})
            else:
                self._matching.cancel(account, order)
                statuses.append("success")
        return statuses

    def _modify(self, account: TradingAccount, action: ModifyOrders) -> Answer:
        statuses = [self._modify_one(account, number, wish, action) for number, wish in action.modifies]
        if action.is_batch:
            return _statuses("order", statuses)
        match statuses[0]:
            case {"error": str(text)}:
                raise RefusedError(text)
        return dict(_DONE)

    def _modify_one(self, account: TradingAccount, number: int | str, wish: Wish, action: ModifyOrders) -> object:
        """Cancel an order and place another: what refuses the other then doesn't bring back the first."""
        order = account.find(number)
        if not action.always_place and self._needs_always_place(wish):
            return {"error": _NOT_PLACED_AGAIN}
        problem = self._price_problem(wish)
        if problem is not None:
            return {"error": problem}
        if order is None or not order.is_open:
            if not action.always_place:
                return {"error": _GONE_TO_MODIFY}
        else:
            self._matching.cancel(account, order)
        return self._matching.place(account, wish)[0]

    def _needs_always_place(self, wish: Wish) -> bool:
        if wish.trigger is not None or wish.tif not in {"Gtc", "Alo"}:
            return True
        if wish.tif == "Alo" or wish.asset >= len(self._matching.universe):
            return False
        coin = self._matching.universe[wish.asset]
        levels = self._matching.levels(coin, is_buy=wish.is_buy) if coin in self._matching.instruments else []
        return bool(levels) and (levels[0][0] <= wish.price if wish.is_buy else levels[0][0] >= wish.price)

    # Margin

    def _coin(self, asset: int) -> str:
        universe = self._matching.universe
        if asset >= len(universe) or universe[asset] not in self._matching.instruments:
            message = f"Asset {asset} is not listed."  # its own words aren't known
            raise RefusedError(message)
        return universe[asset]

    def _update_leverage(self, account: TradingAccount, action: UpdateLeverage) -> None:
        coin = self._coin(action.asset)
        if not 1 <= action.leverage <= self._matching.instruments[coin].max_leverage:
            message = "Invalid leverage value"
            raise RefusedError(message)
        if action.is_cross and self._matching.is_isolated_only(coin):
            message = "Cross margin is not allowed for this asset."
            raise RefusedError(message)
        wanted, position = Leverage(action.is_cross, action.leverage), account.positions.get(coin)
        if position is not None:
            self._may_change(account, position, wanted)
            position.leverage = wanted
        account.leverage[coin] = wanted

    def _may_change(self, account: TradingAccount, position: Position, wanted: Leverage) -> None:
        if position.leverage.is_cross != wanted.is_cross:
            message = "Cannot switch leverage type with open position."
            raise RefusedError(message)
        if wanted.value >= position.leverage.value:
            return
        mark = self._matching.mark(position.coin)
        needed = position.notional(mark) / wanted.value
        if position.isolated:
            if position.margin_used(mark) < needed:
                message = (
                    "Isolated position does not have sufficient margin available to decrease leverage. "
                    "To decrease leverage, add margin to the position."
                )
                raise RefusedError(message)
        elif account.free(self._matching.mark) + position.margin_used(mark) < needed:
            message = (
                "Cross position does not have sufficient margin available to decrease leverage. "
                "To decrease leverage, deposit more collateral."
            )
            raise RefusedError(message)

    def _update_margin(self, account: TradingAccount, action: UpdateIsolatedMargin) -> None:
        coin, amount = self._coin(action.asset), action.millionths / 1_000_000
        position = account.positions.get(coin)
        problem = None
        if amount == 0:
            problem = "Update to isolated margin cannot be zero."
        elif position is None:
            problem = "Cannot update margin for empty position."
        elif not position.isolated:
            problem = "Position does not use isolated margin."
        elif amount > account.free(self._matching.mark):
            problem = "Account does not have sufficient margin available for increase."
        elif amount < 0:
            problem = self._removal_problem(position, -amount)
        if problem is not None or position is None:
            raise RefusedError(problem)
        position.margin = rounded(position.margin + amount)
        account.cash = rounded(account.cash - amount)

    def _removal_problem(self, position: Position, amount: float) -> str | None:
        if self._matching.venue.listing.get(position.coin, {}).get("marginMode") == "strictIsolated":
            return "Cannot remove isolated margin for this asset. To remove margin, reduce the position."
        mark = self._matching.mark(position.coin)
        left = position.margin_used(mark) - amount
        if left < max(position.notional(mark) / position.leverage.value, 0.1 * position.notional(mark)):
            return "Position does not have sufficient margin for reduction."
        return None

    def _schedule(self, account: TradingAccount, action: ScheduleCancel) -> None:
        if action.at_ms is None:
            account.cancel_all_ms = None
            return
        if account.volume_ever < _SCHEDULE_VOLUME:
            message = (
                "Cannot set scheduled cancel time until enough volume traded. "
                f"Required: ${_SCHEDULE_VOLUME}. Traded: ${usd(account.volume_ever)}."
            )
            raise RefusedError(message)
        if action.at_ms < self._matching.now + _SOONEST_MS:
            message = "Scheduled cancel time too early, must be at least 5 seconds from now."
            raise RefusedError(message)
        account.cancel_all_ms = action.at_ms


def _statuses(kind: str, statuses: list[object]) -> Answer:
    return {"status": "ok", "response": {"type": kind, "data": {"statuses": statuses}}}
