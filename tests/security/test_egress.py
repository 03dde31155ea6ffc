"""Commands speak to the hosts of the settings and to nobody else: no proxy, no redirect, no other name is looked up."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from hlcopy.adapters.live.sdk import Signer
from hlcopy.wiring import desks
from hlcopy.wiring.health import network
from tests.security.harness import ACCOUNT, KEY, NANSEN_KEY
from tests.servers import Scripted
from tests.venue import environment, local_venue

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

VENUE: Final = "api.hyperliquid.xyz"
TESTNET: Final = "api.hyperliquid-testnet.xyz"
BOARD: Final = "stats-data.hyperliquid.xyz"
NANSEN: Final = "api.nansen.ai"
PROXY: Final = "proxy.example"
LIVE: Final = {"HLCOPY_MODE": "live", "HLCOPY_ACCOUNT_ADDRESS": ACCOUNT, "HLCOPY_AGENT_KEY": KEY}
OURS: Final = {"HLCOPY_SOURCE_URL": "https://a.example", "HLCOPY_HYPERLIQUID_URL": "https://b.example"}

CASES: Final[dict[str, tuple[str, dict[str, str], set[str]]]] = {
    "score": ("score", {}, {BOARD}),
    "score with a Nansen key": ("score", {"NANSEN_API_KEY": NANSEN_KEY}, {NANSEN}),
    "poll": ("poll", {}, set()),
    "monitor": ("monitor", {}, set()),
    "positions": ("positions", {}, set()),
    "everything once": ("run-all --once", {}, {BOARD}),
    "doctor": ("doctor", {}, {VENUE, BOARD}),
    "doctor with a Nansen key": ("doctor", {"NANSEN_API_KEY": NANSEN_KEY}, {VENUE, BOARD}),
    "doctor on testnet": ("doctor", {"HLCOPY_NETWORK": "testnet"}, {VENUE, TESTNET, BOARD}),
    "doctor with hosts of ours": ("doctor", OURS, {"a.example", "b.example", BOARD}),
    "live monitor": ("monitor", LIVE, {VENUE}),
    "live monitor on testnet": ("monitor", {**LIVE, "HLCOPY_NETWORK": "testnet"}, {TESTNET}),
    "live doctor": ("doctor", LIVE, {VENUE, BOARD}),
    "fetching": (f"data fetch --from 2026-11-01 --to 2026-11-02 --trader {ACCOUNT}", {}, {VENUE, BOARD}),
    "monitor with a heartbeat": ("monitor", {"HLCOPY_HEARTBEAT_URL": "https://beat.example/x"}, {"beat.example"}),
    "settings": ("config show", LIVE, set()),
    "traders": ("traders", {}, set()),
    "signals": ("signals", {}, set()),
    "what is recorded": ("data status", {}, set()),
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The hosts that are looked up or connected to; nothing gets there but what stays on this machine."""
    found: set[str] = set()
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def is_here(host: object) -> bool:
        return host in {"127.0.0.1", "localhost", "::1"}

    def looked_up(host: Any, *more: Any, **named: Any) -> Any:  # noqa: ANN401 - as socket.getaddrinfo
        if is_here(host):
            return look_up(host, *more, **named)
        found.add(host.decode() if isinstance(host, bytes) else host)
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    def connected(self: socket.socket, address: Any) -> None:  # noqa: ANN401 - as socket.connect
        if self.family in {socket.AF_INET, socket.AF_INET6} and not is_here(address[0]):
            found.add(address[0])
            raise ConnectionRefusedError
        connect(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    monkeypatch.setattr(socket.socket, "connect", connected)
    monkeypatch.setattr(socket.socket, "connect_ex", connected)
    return found


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that ask once and give up."""
    monkeypatch.setattr(network, "PATIENCE_S", 0.1)
    brief = {name: replace(each, patience_s=0.1, queue_s=0.0) for name, each in desks.ALLOWANCES.items()}
    monkeypatch.setattr(desks, "ALLOWANCES", brief)


@pytest.mark.usefixtures("hurried", "home")
@pytest.mark.parametrize("name", CASES)
def test_a_command_reaches_the_hosts_of_its_settings_only(
    run: Run, monkeypatch: pytest.MonkeyPatch, asked: set[str], name: str
) -> None:
    line, settings, expected = CASES[name]
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(variable, f"http://{PROXY}:3128")
    for variable, value in settings.items():
        monkeypatch.setenv(variable, value)
    done = run(line)
    assert done.code in {0, 1, 2, 75, 78}
    assert asked == expected, done


@pytest.mark.parametrize("network_name", ["mainnet", "testnet"])
def test_what_is_signed_goes_to_the_venue_only_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, asked: set[str], network_name: str
) -> None:
    for variable in ("HTTPS_PROXY", "ALL_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(variable, f"http://{PROXY}:3128")
    signer = Signer(KEY, network=network_name, url="https://venue.example", account=ACCOUNT, is_subaccount=False)
    signer._call(lambda exchange: exchange.post("/exchange", {}), [], lambda: 1, 1)  # noqa: SLF001 - the way of every action
    signer.close()
    assert asked == {"venue.example"}


@pytest.mark.parametrize("line", ["score", "poll", "monitor", "positions", "doctor"])
@pytest.mark.usefixtures("impatient")
def test_nobody_follows_a_redirect(run: Run, monkeypatch: pytest.MonkeyPatch, home: Path, line: str) -> None:
    with local_venue() as venue, Scripted() as elsewhere:
        for name, value in environment(venue, home / "paper.db").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HLCOPY_CLOCK", "system")
        monkeypatch.setattr(network, "PATIENCE_S", 0.1)
        for status in (301, 302, 303, 307, 308):
            venue.faults = lambda _kind, status=status: (status, {"location": f"{elsewhere.url}/info"}, b"")
            assert run(line).code in {0, 1, 75}
        assert elsewhere.requests == []


def test_certificates_are_checked_against_what_comes_with_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    import ssl

    from hlcopy.adapters.http import _open

    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    client = _open(tls=True)
    context = client._transport._pool._ssl_context  # type: ignore[attr-defined]  # noqa: SLF001
    client.close()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.get_ca_certs()
