"""Nansen's API over a generated world: what it says of everybody agrees with what the venue knows."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from hlcopy.simulator.nansen_api import NansenApi
from hlcopy.simulator.nansen_limits import PRO
from hlcopy.simulator.nansen_rows import is_forced, is_spot
from hlcopy.simulator.traders import generate
from hlcopy.simulator.venue import Venue
from tests.simulator.nansen_world import KEY, Clock

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = {"from": "2026-03-01", "to": "2026-03-12"}


class Nansen:
    """A client that is never too fast, after eight days of the world."""

    def __init__(self) -> None:
        self.venue = Venue(generate(5, start=START, days=9, history_days=0))
        self.clock = Clock(self.venue.world.start_ms + 8 * 86_400_000)
        self._api = NansenApi(self.venue, self.clock, key=KEY, plan=replace(PRO, per_second=10_000))

    def post(self, path: str, **body: object) -> dict[str, Any]:
        self.clock.at += 20_000  # five calls a minute are always allowed
        status, _, answer = self._api.handle("POST", f"/api/v1/{path}", {"apikey": KEY}, json.dumps(body).encode())
        assert status == 200, answer
        told: dict[str, Any] = json.loads(answer)
        return told

    def all_trades(self, address: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        page = 1
        while True:
            pagination = {"page": page, "per_page": 50}
            answer = self.post("profiler/perp-trades", address=address, date=DAYS, pagination=pagination)
            rows += answer["data"]
            if answer["pagination"]["is_last_page"]:
                return rows
            page += 1


@pytest.fixture(scope="module")
def nansen() -> Nansen:
    return Nansen()


def test_the_rows_of_all_pages_hold_every_fill_but_forced_closes(nansen: Nansen) -> None:
    for profile in nansen.venue.traders:
        until = nansen.clock.at
        told: defaultdict[str, float] = defaultdict(float)
        for row in nansen.all_trades(profile.address):
            told[row["token_symbol"]] += row["value_usd"]
        done: defaultdict[str, float] = defaultdict(float)
        for fill in nansen.venue.fills(profile.address, 0, until):
            if not is_forced(fill):
                done[fill["coin"]] += float(fill["px"]) * float(fill["sz"])
        assert told == pytest.approx(done)


def test_positions_agree_with_the_venue(nansen: Nansen) -> None:
    seen = 0
    for profile in nansen.venue.traders:
        data = nansen.post("profiler/perp-positions", address=profile.address)["data"]
        told = [each["position"] for each in data["asset_positions"]]
        sizes = {each["token_symbol"]: float(each["size"]) for each in told if ":" not in each["token_symbol"]}
        held = nansen.venue.holdings(profile.address, nansen.clock.at)
        assert sizes == {holding.coin: pytest.approx(holding.size) for holding in held}
        seen += len(sizes)
    assert seen


def test_the_leaderboard_agrees_with_the_venue(nansen: Nansen) -> None:
    rows = nansen.post("perp-leaderboard", date=DAYS, pagination={"per_page": 1000})["data"]
    assert len(rows) == len(nansen.venue.traders)
    for row in rows:
        address, now = row["trader_address"], nansen.clock.at
        fills = [fill for fill in nansen.venue.fills(address, 0, now) if not is_spot(fill["coin"])]
        assert row["total_trades"] == len(fills)
        assert row["volume_usd"] == pytest.approx(sum(float(fill["px"]) * float(fill["sz"]) for fill in fills))
        assert row["account_value"] in (None, pytest.approx(nansen.venue.equity(address, now)))
        assert row["total_pnl"] == pytest.approx(row["realized_pnl_usd"] + row["unrealized_pnl_usd"])


def test_short_opens_in_several_fills_come_out_as_adds(nansen: Nansen) -> None:
    mislabelled = [
        row
        for profile in nansen.venue.traders
        for row in nansen.all_trades(profile.address)
        if (row["side"], row["action"]) == ("Short", "Add") and abs(row["start_position"]) < row["size"]
    ]
    assert mislabelled


def test_a_summary_counts_the_rows_of_perps(nansen: Nansen) -> None:
    for profile in nansen.venue.traders:
        data = nansen.post("profiler/perp-pnl-summary", address=profile.address, date=DAYS)["data"]
        rows = [row for row in nansen.all_trades(profile.address) if not is_spot(row["token_symbol"])]
        assert data["traded_times"] == len(rows)
        realized = nansen.venue.realized(profile.address, 0, nansen.clock.at)
        assert (data["realized_pnl_usd"], data["fees_usd"]) == pytest.approx(realized)
