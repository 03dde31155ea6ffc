"""Tells the demo's story line by line, from the reports of its ticks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hlcopy.domain.book import PositionAction
    from hlcopy.ports import Ledger
    from hlcopy.ticks.report import Report


class Narrator:
    """Tells what the ticks do, line by line, until the limit of lines; skips and moved stops are summed up by day."""

    def __init__(self, ledger: Ledger, tell: Callable[[str], None], start: datetime, limit: int | None) -> None:
        self._ledger = ledger
        self._tell = tell
        self._left = limit
        self._told = 0
        self._day = start
        self._skipped: Counter[str] = Counter()
        self._moved: dict[int, list[PositionAction]] = {}

    def __call__(self, report: Report) -> None:
        """Tell what a tick did."""
        from hlcopy.domain.models import EXECUTE
        from hlcopy.render.story import judged_line

        if report.at.date() != self._day.date():
            self.end_day()
            self._day = report.at
        for judged in report.decisions:
            if judged.decision == EXECUTE:
                self._say(judged_line(judged))
            elif judged.is_final:
                self._skipped[judged.decision] += 1
        self._tell_actions()

    def end_day(self) -> None:
        """Sum up the day."""
        from hlcopy.render.story import day_lines

        for position_id in sorted(self._moved, key=lambda moved: self._moved[moved][-1].at):
            self._tell_moves(position_id)
        for line in day_lines(self._day, self._skipped):
            self._say(line)
        self._skipped.clear()

    def _tell_actions(self) -> None:
        from hlcopy.render.story import action_line

        for done in self._ledger.book.actions(skip=self._told):
            self._told += 1
            position = self._ledger.book.position(done.position_id)
            if done.action == "stop_moved":
                self._moved.setdefault(done.position_id, []).append(done)
            elif position is not None:
                self._tell_moves(done.position_id, closed=True)
                self._say(action_line(position, done))

    def _tell_moves(self, position_id: int, *, closed: bool = False) -> None:
        from hlcopy.render.story import moves_line

        moves = self._moved.pop(position_id, [])
        position = self._ledger.book.position(position_id)
        if moves and position is not None:
            self._say(moves_line(position, moves, closed=closed))

    def _say(self, line: str) -> None:
        if self._left is None:
            self._tell(f"  {line}\n")
        elif self._left > 0:
            self._left -= 1
            self._tell(f"  {line}\n" if self._left else "  … and so on (--all tells the rest)\n")
