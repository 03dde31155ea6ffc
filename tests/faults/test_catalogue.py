"""Every fault of the catalogue has a test that shows what becomes of it, or says why it has none."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.faults import machine, orders, people, readings
from tests.faults.catalogue import COUNTS, Fault

TESTS = Path(__file__).parents[1]
FAULTS: list[Fault] = [*orders.FAULTS, *readings.FAULTS, *machine.FAULTS, *people.FAULTS]
SKIPS = {"skip", "skipif", "xfail", "importorskip"}


@cache
def functions(file: Path) -> dict[str, ast.stmt]:
    """Return the test functions of a file; `pytestmark` is what is said of all of them."""
    found: dict[str, ast.stmt] = {}
    for each in ast.parse(file.read_text()).body:
        if isinstance(each, ast.FunctionDef):
            found[each.name] = each
        elif isinstance(each, ast.Assign) and "pytestmark" in ast.unparse(each.targets[0]):
            found["pytestmark"] = each
    return found


def may_be_skipped(statement: ast.stmt | None) -> bool:
    """Whether a statement speaks of skipping or of an expected failure."""
    if statement is None:
        return False
    spoken = [each for each in ast.walk(statement) if isinstance(each, ast.Attribute) and each.attr in SKIPS]
    return any(ast.unparse(each.value) in {"pytest", "pytest.mark"} for each in spoken)


def problem_of(named: str) -> str | None:
    """Return what is wrong with a test that is named as `file::function`, None if it is there and runs."""
    module, _, name = named.partition("::")
    if not Path(module).name.startswith("test_") or not name.startswith("test_"):
        return f"{named} is nothing that pytest collects"
    known = functions(TESTS / module) if (TESTS / module).is_file() else {}
    if name not in known:
        return f"{named} doesn't exist"
    skipped = may_be_skipped(known[name]) or may_be_skipped(known.get("pytestmark"))
    return f"{named} may be skipped" if skipped else None


def test_every_fault_is_there_once() -> None:
    expected = [f"{kind}{number}" for kind, count in COUNTS.items() for number in range(1, count + 1)]
    assert Counter(fault.id for fault in FAULTS) == Counter(expected)
    assert len(expected) == 135
    assert len({fault.says for fault in FAULTS if fault.says}) > 130  # said in words of its own


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_what_shows_a_fault_is_a_test_that_runs(fault: Fault) -> None:
    problems = [problem for named in fault.tests if (problem := problem_of(named)) is not None]
    assert problems == []
    assert len(set(fault.tests)) == len(fault.tests)
    assert fault.tests or fault.note, "without a test a fault needs a reason"


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ("faults/test_catalogue.py::test_every_fault_is_there_once", None),
        ("faults/test_catalogue.py::test_nothing", "doesn't exist"),
        ("faults/test_none.py::test_nothing", "doesn't exist"),
        ("faults/catalogue.py::test_nothing", "nothing that pytest collects"),
        ("faults/test_catalogue.py::problem_of", "nothing that pytest collects"),
    ],
)
def test_a_name_without_a_test_is_found(named: str, problem: str | None) -> None:
    found = problem_of(named)
    assert (found is None) if problem is None else (found is not None and problem in found)


@pytest.mark.parametrize(
    "how",
    [
        "@pytest.mark.skip",
        "@pytest.mark.xfail(reason='x')",
        "@pytest.mark.parametrize('a', [pytest.param(1, marks=pytest.mark.skipif(True))])",
        "pytestmark = pytest.mark.skip",
    ],
)
def test_a_test_that_may_be_skipped_shows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    (tmp_path / "test_skipped.py").write_text(f"import pytest\n{how}\ndef test_it(): ...\n")
    monkeypatch.setattr("tests.faults.test_catalogue.TESTS", tmp_path)
    assert problem_of("test_skipped.py::test_it") == "test_skipped.py::test_it may be skipped"
