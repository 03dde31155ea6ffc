"""The demo on a terminal: its story scrolls by above a few lines that show the present."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from hlcopy.ports import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, RenderableType
    from rich.live import Live

    from hlcopy.cli.options import Session
    from hlcopy.ports import Ledger, Progress
    from hlcopy.simulator.server import LocalVenue
    from hlcopy.ticks.report import PositionView, Report

_PER_SECOND: Final = 8


class Screen(Protocol):
    """Where the demo is shown."""

    progress: Progress

    def tell(self, text: str) -> None:
        """Add to the story."""

    def refresh(self, report: Report) -> None:
        """Show the present after a tick."""


class PlainScreen:
    """The story alone, for whatever is no terminal; nothing at all when nobody wants to hear it."""

    def __init__(self, session: Session, *, silent: bool) -> None:
        self.progress: Progress = SilentProgress()
        self._session = session
        self._silent = silent

    def tell(self, text: str) -> None:
        """Add to the story."""
        if not self._silent:
            self._session.show(text)

    def refresh(self, report: Report) -> None:
        """Show nothing."""


class LiveScreen:
    """The story, and below it the day, the ticks so far, the equity and our open positions."""

    def __init__(self, console: Console, live: Live, ledger: Ledger, served: LocalVenue) -> None:
        self.progress: Progress = SilentProgress()
        self._console = console
        self._live = live
        self._ledger = ledger
        self._served = served
        self._ticks = 0
        self._views: dict[int, PositionView] = {}

    def tell(self, text: str) -> None:
        """Add to the story."""
        self._console.print(text, end="", markup=False, highlight=False, soft_wrap=True)

    def refresh(self, report: Report) -> None:
        """Show the present after a tick."""
        self._ticks += 1
        self._views |= {view.position.id or 0: view for view in report.positions}
        self._live.update(self._present(report))

    def _present(self, report: Report) -> RenderableType:
        from rich.text import Text

        from hlcopy.render import text

        live = self._ledger.book.positions()
        asked = self._served.usage.requests.total()
        lines = [f"{report.at:%Y-%m-%d %H:%M} UTC   {self._ticks:,} ticks   {asked:,} requests   {len(live)} open"]
        for position in live:
            view = self._views.get(position.id or 0)
            gain = view.unrealized_pct if view is not None else None
            lines.append(
                f"  #{position.id} {position.side} {position.coin:<6} {text.short_money(position.value_usd):>7}"
                f"  entry {text.price(position.entry_price):>10}  stop {text.price(position.trigger_price):>10}"
                + ("" if gain is None else f"  {gain:+.2f} %")
            )
        return Text("\n".join(lines), style="dim", no_wrap=True)


@contextmanager
def watching(session: Session, ledger: Ledger, served: LocalVenue, *, silent: bool) -> Iterator[Screen]:
    """Show the demo while the block runs: live on a terminal, as plain lines elsewhere."""
    if silent or not sys.stdout.isatty():
        yield PlainScreen(session, silent=silent)
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=sys.stdout)
    waiting = Text("Ranking them by their past", style="dim")
    with Live(waiting, console=console, refresh_per_second=_PER_SECOND, transient=True) as live:
        yield LiveScreen(console, live, ledger, served)
