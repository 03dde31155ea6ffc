"""Who signs for which network and account, under which nonce: read back from what arrived."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import requests

from hlcopy.adapters.live import address_of
from hlcopy.adapters.live.transport import Transport, session_over
from hlcopy.adapters.store import Binding, Store
from tests.live import (
    ACCOUNT,
    AGENT,
    AGENT_KEY,
    FILLED,
    LEVERAGE_SET,
    NOW,
    RESTING,
    entry,
    rigged,
    said,
    signer_of,
    stop,
)
from tests.servers import Scripted, ok

if TYPE_CHECKING:
    from pathlib import Path

CROSS = ok({"user": ACCOUNT, "coin": "ETH", "leverage": {"type": "cross", "value": 20}})


def test_an_address_is_known_by_its_key() -> None:
    assert address_of(AGENT_KEY) == AGENT


@pytest.mark.parametrize(
    ("network", "mainnet"), [("mainnet", True), ("testnet", False)], ids=["signs for mainnet", "signs for testnet"]
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_network_that_is_signed_for_doesn_t_depend_on_the_url(network: str, mainnet: bool, slash: str) -> None:  # noqa: FBT001
    with rigged() as rig, Scripted([FILLED]) as elsewhere:
        with rigged(network=network, url=elsewhere.url + slash) as other:
            other.exchange.send(entry(), NOW)
        (request,) = elsewhere.requests
        assert request.path == "/exchange"
        assert signer_of(request.json, mainnet=mainnet) == AGENT
        assert signer_of(request.json, mainnet=not mainnet) != AGENT
        assert rig.sent == []


def test_every_action_is_signed_with_its_expiry() -> None:
    with rigged(FILLED, RESTING, LEVERAGE_SET, said("success", "cancel"), info={"activeAssetData": CROSS}) as rig:
        rig.exchange.send(entry(), NOW)
        rig.exchange.send(stop(), NOW)
        rig.exchange.set_leverage("ETH", 3, NOW)
        rig.exchange.cancel(stop(), NOW)
        assert [body["action"]["type"] for body in rig.sent] == ["order", "order", "updateLeverage", "cancelByCloid"]
        for body in rig.sent:
            assert body["expiresAfter"] > body["nonce"]
            assert signer_of(body) == AGENT
            assert signer_of({**body, "expiresAfter": body["expiresAfter"] + 1}) != AGENT


def test_for_a_subaccount_it_is_named_and_signed_as_the_vault() -> None:
    with rigged(FILLED, is_subaccount=True) as rig:
        rig.exchange.send(entry(), NOW)
        (body,) = rig.sent
        assert body["vaultAddress"] == ACCOUNT
        assert signer_of(body) == AGENT
        assert signer_of({**body, "vaultAddress": None}) != AGENT


def test_nonces_rise_while_the_clock_stands_still() -> None:
    with rigged(*[FILLED] * 5) as rig:
        for _ in range(5):
            rig.exchange.send(entry(), NOW)
        nonces = [body["nonce"] for body in rig.sent]
    assert nonces == list(range(nonces[0], nonces[0] + 5))
    assert nonces[0] == int(NOW.timestamp() * 1000)


def test_nonces_of_two_threads_and_two_exchanges_on_one_file_never_repeat(tmp_path: Path) -> None:
    sends, path, binding = 20, tmp_path / "x.db", Binding("live", "testnet", ACCOUNT)
    with Store.open(path, binding):
        pass
    nonces: list[list[int]] = [[], []]
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with Store.open(path, binding) as store, rigged(*[FILLED] * sends, controls=store.controls) as rig:
                for _ in range(sends):
                    rig.exchange.send(entry(), NOW)
                nonces[number] = [body["nonce"] for body in rig.sent]
        except BaseException as error:  # noqa: BLE001 - shown below
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    for own in nonces:
        assert own == sorted(own)
    both = sorted(nonces[0] + nonces[1])
    assert both == list(range(both[0], both[0] + 2 * sends))


def test_no_other_url_than_that_of_signed_actions_can_be_reached() -> None:
    with Scripted([ok({})]) as server:
        transport = Transport("https://api.example.com", server.url)
        session = session_over(transport)
        for url in (f"{server.url}/exchange", "https://api.example.com/info", "https://api.example.com/exchange/x"):
            with pytest.raises(requests.exceptions.RequestException):
                session.post(url, json={})
        assert not transport.left
        assert server.requests == []
        session.close()
