"""The venue with real orders: the only package that signs, and that knows hyperliquid-python-sdk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hlcopy.adapters.live.exchange import LiveExchange, Reader, Standing

if TYPE_CHECKING:
    from hlcopy.adapters.live.sdk import Signer

__all__ = ["LiveExchange", "Reader", "Standing", "address_of", "signer"]


def address_of(key: str) -> str:
    """Return the address of a private key, in lower case."""
    from hlcopy.adapters.live.sdk import address_of

    return address_of(key)


def signer(key: str, *, network: str, url: str, account: str, is_subaccount: bool) -> Signer:
    """Return what signs for an account on a network and sends to a URL; the SDK is imported here and not before."""
    from hlcopy.adapters.live.sdk import Signer

    return Signer(key, network=network, url=url, account=account, is_subaccount=is_subaccount)
