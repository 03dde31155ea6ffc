"""Who signed an action of the exchange API: Hyperliquid's signature scheme, read backwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eth_account.messages import SignableMessage

_SOURCE: Final = "b"  # what every client signs that doesn't speak to mainnet
_DOMAIN: Final = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_AGENT: Final = "Agent(string source,bytes32 connectionId)"
_CHAIN: Final = 1337
_WORD: Final = 32
_LEFT_OUT: Final = frozenset({"a", "f"})  # flags of an action that are hashed only when they are set


def signable(
    action: Mapping[str, Any], nonce: int, vault_address: str | None = None, expires_after: int | None = None
) -> SignableMessage:
    """Return what a client signs to send an action, whose keys are hashed in their order."""
    from eth_account.messages import SignableMessage
    from eth_utils.crypto import keccak
    from hexbytes import HexBytes

    domain = keccak(
        keccak(text=_DOMAIN) + keccak(text="Exchange") + keccak(text="1") + _CHAIN.to_bytes(_WORD, "big") + bytes(_WORD)
    )
    told = _connection_id(action, nonce, vault_address, expires_after)
    body = keccak(keccak(text=_AGENT) + keccak(text=_SOURCE) + told)
    return SignableMessage(HexBytes(b"\x01"), HexBytes(domain), HexBytes(body))


def _connection_id(
    action: Mapping[str, Any], nonce: int, vault_address: str | None, expires_after: int | None
) -> bytes:
    import msgpack  # type: ignore[import-untyped]  # it has none
    from eth_utils.crypto import keccak

    hashed = {name: value for name, value in action.items() if name not in _LEFT_OUT or value is not False}
    data: bytes = msgpack.packb(hashed) + nonce.to_bytes(8, "big")
    data += b"\x00" if vault_address is None else b"\x01" + bytes.fromhex(vault_address.removeprefix("0x"))
    if expires_after is not None:
        data += b"\x00" + expires_after.to_bytes(8, "big")
    return bytes(keccak(data))


def signer(
    action: Mapping[str, Any],
    nonce: int,
    signature: tuple[int, int, int],
    vault_address: str | None = None,
    expires_after: int | None = None,
) -> str | None:
    """Return the lower-case address that signed an action as (r, s, v), None for what no key can have signed.

    An action that was altered since it was signed has another signer, whom nobody knows.
    """
    from eth_account import Account
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError

    r, s, v = signature
    message = signable(action, nonce, vault_address, expires_after)
    try:
        return str(Account.recover_message(message, vrs=(v, r, s))).lower()
    except (BadSignature, ValidationError, ValueError):
        return None


def address_of(key: str) -> str:
    """Return the lower-case address of a private key in hex."""
    from eth_account import Account

    return str(Account.from_key(key).address).lower()
