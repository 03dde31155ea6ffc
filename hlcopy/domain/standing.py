"""What the venue's answers about our agent and account mean for trading with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hlcopy.domain.checks import Check

if TYPE_CHECKING:
    from datetime import datetime

ACCOUNT: Final = "account"
AGENT: Final = "agent"
EXPIRY: Final = "agent's expiry"
MODE: Final = "account mode"
EQUITY: Final = "equity"
CLOCK: Final = "clock"

MUST_HOLD: Final = frozenset({ACCOUNT, AGENT, EXPIRY})
"""What is needed to send anything at all; the other checks keep from opening positions only."""

_PLAIN_MODES: Final = frozenset({"default", "disabled"})
_SOON: Final = timedelta(days=14)
_MOST_SKEW_S: Final = 2.0
_API: Final = "app.hyperliquid.xyz/API"


@dataclass(frozen=True, slots=True)
class Role:
    """What the venue says an address is, and whose: the user of an agent, the master of a subaccount."""

    name: str
    owner: str | None = None


def of_account(account: str, role: Role) -> Check:
    """Judge what the trading account is."""
    if role.name == "user" or (role.name == "subAccount" and role.owner):
        said = f"{account} is an account" if role.name == "user" else f"{account} is a subaccount of {role.owner}"
        return Check(name=ACCOUNT, ok=True, said=said)
    said, remedy = {
        "agent": (
            f"{account} is only an agent",
            f"set HLCOPY_ACCOUNT_ADDRESS to the account it signs for, {role.owner}",
        ),
        "missing": (f"{account} has never been used at this venue", "deposit to it, or correct HLCOPY_ACCOUNT_ADDRESS"),
        "vault": (f"{account} is a vault", "set HLCOPY_ACCOUNT_ADDRESS to an account or a subaccount"),
    }.get(role.name, (f"{account} is something that isn't known: {role.name}", "correct HLCOPY_ACCOUNT_ADDRESS"))
    return Check(name=ACCOUNT, ok=False, said=said, remedy=remedy)


def of_agent(agent: str, role: Role, account: str, master: str) -> Check:
    """Judge whether the key's address is an agent of the account."""
    if agent in {account, master}:
        remedy = f"make an agent (API wallet) at {_API}, use its key, and keep this one off this machine"
        return Check(name=AGENT, ok=False, said=f"the key is that of {agent} itself and can withdraw", remedy=remedy)
    if role.name == "agent" and role.owner in {account, master}:
        return Check(name=AGENT, ok=True, said=f"{agent} signs for {role.owner}")
    said = f"{agent} isn't approved as an agent of {master}"
    if role.name == "agent":
        said = f"{agent} is the agent of another account, {role.owner}"
    return Check(name=AGENT, ok=False, said=said, remedy=f"approve an agent at {_API} and use its key")


def of_expiry(agent: str, valid_until: datetime | None, now: datetime) -> Check:
    """Judge for how long an agent is valid; None is for one without an end, or without a name and so not listed."""
    if valid_until is None:
        return Check(name=EXPIRY, ok=True, said=f"{agent} has no end")
    remedy = f"approve a new agent at {_API} under a new address and use its key"
    if valid_until <= now:
        return Check(name=EXPIRY, ok=False, said=f"{agent} expired on {valid_until:%Y-%m-%d %H:%M} UTC", remedy=remedy)
    said = f"{agent} is valid until {valid_until:%Y-%m-%d %H:%M} UTC"
    return Check(name=EXPIRY, ok=True, said=said, remedy=remedy if valid_until - now < _SOON else "")


def of_mode(mode: str) -> Check:
    """Judge the account's mode: only in two of them the perps' margin is the whole equity."""
    if mode in _PLAIN_MODES:
        return Check(name=MODE, ok=True, said=f"the account's mode is {mode}")
    remedy = (
        "at app.hyperliquid.xyz open the settings of the account's mode and choose the classic one, with perps and spot "
        "apart, and transfer USDC to perps; or make a subaccount for hlcopy and set HLCOPY_ACCOUNT_ADDRESS to it"
    )
    return Check(name=MODE, ok=False, said=f"the account's mode is {mode}: its equity can't be measured", remedy=remedy)


def of_equity(equity: float) -> Check:
    """Judge whether there is anything to trade with, in USD."""
    if equity > 0:
        return Check(name=EQUITY, ok=True, said=f"{equity:,.2f} USD")
    remedy = "deposit USDC, or transfer it from spot to perps"
    return Check(name=EQUITY, ok=False, said="the account has no margin on perps", remedy=remedy)


def of_clock(ahead_s: float) -> Check:
    """Judge how far our clock is ahead of the venue's, in seconds."""
    said = f"our clock is {abs(ahead_s):.1f} s {'ahead of' if ahead_s >= 0 else 'behind'} the venue's"
    if abs(ahead_s) <= _MOST_SKEW_S:
        return Check(name=CLOCK, ok=True, said=said)
    return Check(name=CLOCK, ok=False, said=said, remedy="let the system keep its time by NTP")
