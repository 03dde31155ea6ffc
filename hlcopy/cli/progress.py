"""Progress of long work: a bar on standard error when that is a terminal, else nothing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from hlcopy.ports import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from hlcopy.ports import Progress


class RichProgress:
    """One bar for each step, one without an end where no step is under way, gone when all is done."""

    def __init__(self, bar: Bar, between: str) -> None:
        self._bar = bar
        self._between = bar.add_task(between, total=None)
        self._task: TaskID | None = None

    def start(self, title: str, total: int | None) -> None:
        """Begin a step, ending the one before."""
        self.finish()
        self._bar.update(self._between, visible=False)
        self._task = self._bar.add_task(title, total=total)

    def advance(self, units: int = 1) -> None:
        """Count units done."""
        if self._task is not None:
            self._bar.advance(self._task, units)

    def finish(self) -> None:
        """End the step and take its bar away."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._bar.update(self._between, visible=True)
            self._task = None


@contextmanager
def progress_on(stream: TextIO, *, silent: bool, between: str) -> Iterator[Progress]:
    """Show progress on a stream while the block runs, if it is a terminal and nobody asked for silence.

    `between` is what is done before, between and after steps.
    """
    if silent or not stream.isatty():
        yield SilentProgress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=stream), transient=True) as bar:
        yield RichProgress(bar, between)
