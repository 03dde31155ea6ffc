"""What was moved into the main dex's margin and out of it, from the venue's ledger updates.

Spot balances, staking and the other dexes aren't our equity: what stays among them moves nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hlcopy.errors import BadAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hlcopy.adapters.hyperliquid.own_models import ApiMove

    Amount = Callable[[ApiMove, str], float]

_MAIN: Final = ""
_MARGIN: Final = "USDC"


def moved(move: ApiMove, account: str) -> float:
    """Return what a ledger update moved into an account's margin in USD, negative for out; `account` is lower-case.

    Raises `BadAnswerError` for a type that isn't known and has an amount, and for one that lacks what its type needs.
    """
    known = _AMOUNTS.get(move.type)
    if known is not None:
        return known(move, account)
    if any(value is not None for value in (move.usdc, move.amount, move.usdcValue, move.netWithdrawnUsd)):
        message = f"userNonFundingLedgerUpdates: {move.type!r} moved something, and whether in or out isn't known"
        raise BadAnswerError(message)
    return 0.0


def _needed(move: ApiMove, value: float | None, name: str) -> float:
    if value is None:
        message = f"userNonFundingLedgerUpdates: {move.type}: {name} is missing"
        raise BadAnswerError(message)
    return value


def _usdc(move: ApiMove) -> float:
    return abs(_needed(move, move.usdc, "usdc"))


def _fee(move: ApiMove) -> float:
    return abs(move.fee or 0.0)


def _is(address: str | None, account: str) -> bool:
    return address is not None and address.lower() == account


def _in(move: ApiMove, _: str) -> float:
    return _usdc(move)


def _out(move: ApiMove, _: str) -> float:
    return -_usdc(move) - _fee(move)


def _to_or_from_spot(move: ApiMove, _: str) -> float:
    if move.toPerp is None:
        message = f"userNonFundingLedgerUpdates: {move.type}: toPerp is missing"
        raise BadAnswerError(message)
    return _usdc(move) if move.toPerp else -_usdc(move)


def _between_accounts(move: ApiMove, account: str) -> float:
    arrived = _usdc(move) if _is(move.destination, account) else 0.0
    # The sender pays the fee.
    return arrived - (_usdc(move) + _fee(move) if _is(move.user, account) else 0.0)


def _between_dexes(move: ApiMove, account: str) -> float:
    if move.token != _MARGIN:
        return 0.0  # only USDC is margin on the main dex
    amount = abs(_needed(move, move.amount, "amount"))
    arrived = amount if _is(move.destination, account) and move.destinationDex == _MAIN else 0.0
    return arrived - (amount + _fee(move) if _is(move.user, account) and move.sourceDex == _MAIN else 0.0)


def _out_of_vault(move: ApiMove, _: str) -> float:
    return abs(_needed(move, move.netWithdrawnUsd, "netWithdrawnUsd"))


def _nothing(_: ApiMove, __: str) -> float:
    return 0.0


_AMOUNTS: Final[Mapping[str, Amount]] = {
    "deposit": _in,
    "withdraw": _out,
    "accountClassTransfer": _to_or_from_spot,
    "internalTransfer": _between_accounts,
    "subAccountTransfer": _between_accounts,
    "send": _between_dexes,
    "vaultCreate": _out,
    "vaultDeposit": _out,
    "vaultDistribution": _in,
    "vaultLeaderCommission": _in,
    "vaultWithdraw": _out_of_vault,
    # These change spot or staking balances, or are results of trading.
    **dict.fromkeys(
        (
            "accountActivationGas",
            "activateDexAbstraction",
            "borrowLend",
            "cStakingTransfer",
            "deployGasAuction",
            "liquidation",
            "rewardsClaim",
            "spotGenesis",
            "spotTransfer",
        ),
        _nothing,
    ),
}
