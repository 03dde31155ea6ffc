"""Hyperliquid's public leaderboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from hlcopy.adapters.http import RetryError, host_of
from hlcopy.adapters.hyperliquid.models import ApiLeader, ApiPerformance
from hlcopy.domain.models import HYPERLIQUID
from hlcopy.errors import BadAnswerError, SourceDownError
from hlcopy.ports import Leader, Leaders

if TYPE_CHECKING:
    from datetime import datetime

    from hlcopy.adapters.http import Answer, Http

_PATIENCE_S: Final = 120.0
_READ_S: Final = 30.0
_OK: Final = 200
_WORTH_RETRYING: Final = (408, 429)
_SERVER_ERROR: Final = 500
_MONTH: Final = "month"
_TOLERATED: Final = 0.01


class PublicLeaderboard:
    """The leaderboard at a URL: every account that traded lately, tens of thousands of rows."""

    def __init__(self, http: Http, url: str, patience: float = _PATIENCE_S) -> None:
        self._http = http
        self._url = url
        self._host = host_of(url)
        self._patience = patience

    def leaders(self, now: datetime) -> Leaders:  # noqa: ARG002 - the port's
        """Return the whole leaderboard; raises `TryLaterError` when it can't be read or more than 1 % of it is malformed."""
        rows: list[Any] = []

        def judge(answer: Answer) -> None:
            rows[:] = self._rows(answer)

        self._http.send("GET", self._url, judge=judge, patience=self._patience, read_s=_READ_S)
        leaders: dict[str, Leader] = {}
        malformed = 0
        for row in rows:
            leader = _leader(row)
            if leader is None:
                malformed += 1
            else:
                leaders.setdefault(leader.address, leader)
        if not leaders or malformed > _TOLERATED * len(rows):
            message = f"{self._host}: {malformed} of the leaderboard's {len(rows)} rows can't be read"
            raise BadAnswerError(message)
        notes = (f"{malformed} malformed rows of the leaderboard were left out",) if malformed else ()
        return Leaders(source=HYPERLIQUID, rows=tuple(leaders.values()), notes=notes)

    def _rows(self, answer: Answer) -> list[Any]:
        reason = f"it answers {answer.status}"
        if answer.status in _WORTH_RETRYING or answer.status >= _SERVER_ERROR:
            raise RetryError(reason, after=answer.retry_after())
        if answer.status != _OK:
            message = f"{self._host}: the leaderboard can't be had, {reason}; check HLCOPY_LEADERBOARD_URL"
            raise SourceDownError(message)
        try:
            found = answer.json()
        except BadAnswerError as error:
            reason = "its answer is no JSON, or only a part of it"
            raise RetryError(reason) from error
        rows = found.get("leaderboardRows") if isinstance(found, dict) else None
        if not isinstance(rows, list):
            message = f"{self._host}: the leaderboard: leaderboardRows is missing"
            raise RetryError(message, outcome=BadAnswerError(message))
        return rows


def _leader(row: object) -> Leader | None:
    try:
        wire = ApiLeader.model_validate(row)
        month = next((window for name, window in wire.windowPerformances if name == _MONTH), None)
        performance = None if month is None else ApiPerformance.model_validate(month)
    except ValidationError:
        return None
    return Leader(
        address=wire.ethAddress.lower(),
        account_value=wire.accountValue,
        pnl_30d_usd=None if performance is None else performance.pnl,
        volume_30d_usd=None if performance is None else performance.vlm,
    )
