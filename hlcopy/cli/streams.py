"""Standard output and error as they are met: closed, full, read by nobody, or without the characters we write."""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from hlcopy.errors import HlcopyError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from _typeshed import ReadableBuffer

UNWRITABLE: Final = "standard output can't be written"


@contextmanager
def guarded() -> Iterator[TextIO]:
    """Make standard output raise `TryLaterError` when it can't be written, but for a reader who left, and yield it.

    On both streams a character that they don't know becomes another or its code: it must not end a command.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="hlcopy")
    given, sys.stdout = sys.stdout, _watched(sys.stdout)
    try:
        yield sys.stdout
    finally:
        watched, sys.stdout = sys.stdout, given
        if watched is not given:
            _give_back(watched)


def reader_left(out: TextIO) -> bool:
    """Return whether nobody reads our output any more; a pipe may also have broken elsewhere."""
    import select

    poller = select.poll()
    with suppress(OSError):  # output that is no file has no reader to lose
        poller.register(out.fileno(), 0)
    return any(state & (select.POLLERR | select.POLLHUP) for _, state in poller.poll(0))


def send_nowhere(descriptor: int) -> None:
    """Send what is left of the output nowhere, so that the interpreter's last flush is quiet, too."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


class _Output(io.FileIO):
    """Standard output whose failure is an error in our words, but for a reader who left."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write; raise `TryLaterError` when that fails."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            message = f"{UNWRITABLE} ({error.strerror})"
            raise TryLaterError(message) from error


def _watched(out: TextIO) -> TextIO:
    """Return standard output with its failures in our words; what stands in its place is left as it is."""
    if out is not sys.__stdout__ or not isinstance(out, io.TextIOWrapper):
        return out
    out.flush()
    raw = _Output(out.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        raw if out.write_through else io.BufferedWriter(raw),
        encoding=out.encoding,
        errors=out.errors,
        line_buffering=out.line_buffering,
        write_through=out.write_through,
    )


def _give_back(watched: TextIO) -> None:
    """Write what is left; when that fails, which the exit code tells already, send it nowhere."""
    try:
        watched.flush()
    except (HlcopyError, OSError):
        send_nowhere(watched.fileno())


def _plainly(error: UnicodeError) -> tuple[str, int]:
    """Return what to write in place of characters that a stream's encoding doesn't have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_PLAIN_FORMS)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end


_PLAIN_FORMS: Final = str.maketrans({"…": "..", "─": "-"})
codecs.register_error("hlcopy", _plainly)
