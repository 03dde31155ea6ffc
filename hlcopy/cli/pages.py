"""Pages for a browser: where they may be written, and writing them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy import __version__
from hlcopy.cli import options
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from hlcopy.backtest.report import Backtest

Html = Annotated[
    Path | None,
    typer.Option(
        "--html",
        parser=options.file_of("--html"),
        metavar="FILE",
        help="Write a page for a browser: charts, trades on prices, tables. It needs no network.",
        show_default=False,
    ),
]

_BEGINNING: Final = b"<!DOCTYPE html>"


def check(path: Path, *, force: bool, beside: Path | None) -> None:
    """Refuse before the work what can't be written after it; `beside` is another file that will be written."""
    try:
        problem = _problem(path, force=force, beside=beside)
    except OSError as error:
        message = f"{path} can't be written ({error.strerror}); --html needs a file in a folder of yours"
        raise BadInputError(message) from error
    if problem is not None:
        message = f"{path} {problem}"
        raise BadInputError(message)


def _problem(path: Path, *, force: bool, beside: Path | None) -> str | None:
    if path.is_dir():
        return "is a folder; --html needs a file"
    if beside is not None and path.resolve() == beside.resolve():
        return "is named by --html and by --save; give each its own file"
    if path.exists() and not force:
        return "exists already; --force writes over it"
    if path.exists() and not (path.is_file() and _begins_as_page(path)):
        return "is no page; --html writes over pages alone, so give it another name"
    return _folder_problem(path.parent)


def _folder_problem(folder: Path) -> str | None:
    if not folder.is_dir():
        return f"can't be written (there is no folder {folder}); --html needs a folder that exists"
    if not os.access(folder, os.W_OK | os.X_OK):
        return "can't be written (Permission denied); --html needs a folder of yours"
    return None


def _begins_as_page(path: Path) -> bool:
    """Whether a file is a page of ours as far as its first bytes tell, or empty."""
    with path.open("rb") as file:
        return file.read(len(_BEGINNING)) in {b"", _BEGINNING}


def write(path: Path, result: Backtest) -> None:
    """Write a backtest's page."""
    from hlcopy.render.page_backtest import backtest_page

    if result.picture is not None:
        put(path, backtest_page(result, result.picture, version=__version__), "the backtest itself went well")


def put(path: Path, shown: str, comfort: str) -> None:
    """Write a page beside its name first, so that no half of one ever stands there; `comfort` says what was done all the same."""
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_text(shown, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        message = f"{path} can't be written ({error.strerror}); {comfort}"
        raise BadInputError(message) from error
