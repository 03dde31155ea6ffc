"""The public leaderboard over loopback HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hlcopy.adapters.http import Http
from hlcopy.adapters.hyperliquid.board import PublicLeaderboard
from hlcopy.errors import BadAnswerError, SourceDownError
from hlcopy.ports import Leader
from tests.builders import at
from tests.servers import DROP, HandClock, Reply, Scripted, ok

if TYPE_CHECKING:
    from hlcopy.ports import Leaders


def row(number: int, **changes: object) -> dict[str, object]:
    return {
        "ethAddress": f"0x{number:040X}",
        "accountValue": f"{number}000.5",
        "windowPerformances": [
            ["day", {"pnl": "1.0", "roi": "0.1", "vlm": "10.0"}],
            ["month", {"pnl": "-20.5", "roi": "-0.2", "vlm": "200.0"}],
            ["perpMonth", {"pnl": "7.0"}],
            ["newWindow", None],
        ],
        "prize": 0,
        "displayName": None,
        **changes,
    }


def read(*replies: Reply) -> tuple[Leaders, Scripted]:
    clock = HandClock()
    with Scripted(replies) as server, Http(clock) as http:
        return PublicLeaderboard(http, f"{server.url}/Mainnet/leaderboard").leaders(at()), server


def board(*rows: object) -> Reply:
    return ok({"leaderboardRows": list(rows)})


def test_a_row_is_a_leader_with_its_last_month() -> None:
    leaders, server = read(board(row(0xAB)))
    assert leaders.source == "hyperliquid"
    assert leaders.notes == ()
    assert leaders.rows == (
        Leader(address=f"0x{0xAB:040x}", account_value=171_000.5, pnl_30d_usd=-20.5, volume_30d_usd=200.0),
    )
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/Mainnet/leaderboard")


def test_without_a_month_its_figures_are_unknown() -> None:
    leaders, _ = read(board(row(1, windowPerformances=[["week", {"pnl": "1", "vlm": "1"}]])))
    assert (leaders.rows[0].pnl_30d_usd, leaders.rows[0].volume_30d_usd) == (None, None)


def test_an_address_counts_once() -> None:
    leaders, _ = read(board(row(1), row(1, accountValue="5.0"), row(2)))
    assert [leader.account_value for leader in leaders.rows] == [1000.5, 2000.5]


MALFORMED: dict[str, object] = {
    "no object": "row",
    "no address": row(1, ethAddress="0x12"),
    "NaN": row(1, accountValue="NaN"),
    "no value": {key: value for key, value in row(1).items() if key != "accountValue"},
    "an infinite profit": row(1, windowPerformances=[["month", {"pnl": "Infinity", "vlm": "1"}]]),
    "windows of another shape": row(1, windowPerformances={"month": {"pnl": "1", "vlm": "1"}}),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_one_malformed_row_in_a_hundred_is_left_out_and_noted(name: str) -> None:
    leaders, _ = read(board(MALFORMED[name], *(row(number) for number in range(2, 101))))
    assert len(leaders.rows) == 99
    assert leaders.notes == ("1 malformed rows of the leaderboard were left out",)


@pytest.mark.parametrize("name", MALFORMED)
def test_more_than_that_is_no_leaderboard(name: str) -> None:
    with pytest.raises(BadAnswerError, match="1 of the leaderboard's 99 rows can't be read"):
        read(board(MALFORMED[name], *(row(number) for number in range(2, 100))))


def test_a_leaderboard_of_nobody_is_no_answer() -> None:
    with pytest.raises(BadAnswerError, match="0 of the leaderboard's 0 rows"):
        read(board())


@pytest.mark.parametrize(
    "failure",
    [DROP, (503, {}, b"<html>"), (429, {}, None), ok(b'{"leaderboardRows": [{'), ok({}), ok([]), ok(None)],
    ids=["dropped", "503", "429", "cut short", "without rows", "a list", "null"],
)
def test_what_fails_once_is_read_again(failure: Reply) -> None:
    leaders, server = read(failure, board(row(1)))
    assert len(leaders.rows) == 1
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [403, 404])
def test_a_wrong_address_is_said_at_once(status: int) -> None:
    with pytest.raises(SourceDownError, match=f"it answers {status}; check HLCOPY_LEADERBOARD_URL"):
        read((status, {}, b"<html>"), board(row(1)))
