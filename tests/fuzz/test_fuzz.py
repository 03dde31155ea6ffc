"""Every parser of strangers' bytes ends with a value that can be reckoned with and stored, or with a named error."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hlcopy.adapters.hyperliquid.kinds import KINDS
from hlcopy.adapters.nansen.client import PRICES
from hlcopy.errors import BadAnswerError, HlcopyError
from tests.fuzz import info, paid, run
from tests.fuzz.harness import Target, UnsoundError
from tests.fuzz.mutate import WHOLE, Mutator
from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SEEDS, MUTANTS, DOCUMENTS = 12, 6, 8
FOUND: Final = sorted(Path(run.FOUND).glob("*/*"))

anything: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def _mutator(seeds: Sequence[bytes], seed: int) -> Mutator:
    return Mutator(seeds, random.Random(seed))  # noqa: S311 - no secret


@pytest.mark.parametrize("name", TARGETS)
def test_valid_examples_are_understood(name: str) -> None:
    if not name.endswith("refusal"):
        for example in TARGETS[name].seeds:
            assert TARGETS[name](example) is None


QUIETLY: Final = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


@pytest.mark.parametrize("name", TARGETS)
def test_changed_examples_end_with_something_sound_or_a_named_error(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=SEEDS, **QUIETLY)
    @given(st.integers(0, 2**63))
    def read(seed: int) -> None:
        mutator = _mutator(target.seeds, seed)
        for _ in range(MUTANTS):
            target(mutator.next())

    read()


@pytest.mark.parametrize("name", TARGETS)
def test_any_document_and_any_bytes_end_with_something_sound_or_a_named_error(name: str) -> None:
    target = TARGETS[name]
    for data in WHOLE:
        target(data)

    @settings(max_examples=DOCUMENTS, **QUIETLY)
    @given(anything.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=100))
    def read(data: bytes) -> None:
        target(data)

    read()


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name} {path.name}")
def test_what_was_once_found_stays_mended(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


def test_every_kind_of_answer_is_looked_at() -> None:
    assert set(info.EXAMPLES) == set(KINDS)
    assert set(paid.PATHS) == set(PRICES)


def test_the_same_seed_gives_the_same_bytes() -> None:
    for target in TARGETS.values():
        one, other = (_mutator(target.seeds, 5) for _ in range(2))
        assert [one.next() for _ in range(50)] == [other.next() for _ in range(50)]


def test_a_mutator_changes_every_part_of_a_document() -> None:
    example = {"name": "x", "list": [1.5, {"deep": None}]}
    mutator = _mutator([json.dumps(example).encode()], 1)
    found: list[Any] = []
    for _ in range(2_000):
        try:
            found.append(json.loads(mutator.next()))
        except (ValueError, RecursionError):
            continue
    whole = [each for each in found if isinstance(each, dict)]
    assert any("name" not in each and "list" in each for each in whole)
    assert any(each.get("name") != "x" and each.get("list") == example["list"] for each in whole)
    assert any(each.get("name") == "x" and each.get("list") not in (None, example["list"]) for each in whole)
    assert any(isinstance(each.get("list"), list) and len(each["list"]) > 2 for each in whole)


def _raises(error: BaseException) -> Callable[[bytes], object]:
    def read(_data: bytes) -> object:
        raise error

    return read


@pytest.mark.parametrize(
    ("read", "kinds"),
    [
        pytest.param(lambda _: {"a": [1.5, "é", None]}, {}, id="sound values pass"),
        pytest.param(_raises(BadAnswerError("no")), {}, id="a named error passes"),
        pytest.param(_raises(KeyError("no")), {"KeyError": 3}, id="any other error is found"),
        pytest.param(
            _raises(HlcopyError("\ud800")), {"UnsoundError": 3}, id="a message that can't be written is found"
        ),
        pytest.param(lambda _: [{"a": float("inf")}], {"UnsoundError": 3}, id="an infinity is found"),
        pytest.param(lambda _: 2**63, {"UnsoundError": 3}, id="a number too large to store is found"),
        pytest.param(lambda _: "x" * 10_000, {"UnsoundError": 3}, id="a text without end is found"),
    ],
)
def test_what_is_unexpected_is_counted_and_kept(
    tmp_path: Path, read: Callable[[bytes], object], kinds: dict[str, int]
) -> None:
    trial = run.Trial("made-up", Target(read, [b"{}"]), tmp_path)
    for data in (b"a", b"b", b"b"):
        trial(data)
    assert (trial.tally.executions, trial.tally.kinds) == (3, kinds)
    assert trial.tally.unexpected == sum(kinds.values())
    assert {path.read_bytes() for path in tmp_path.glob("made-up/*")} == ({b"a", b"b"} if kinds else set())


def test_a_slow_reader_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "SLOW_S", 0.0)
    trial = run.Trial("made-up", Target(lambda _: None, [b"{}"]), tmp_path)
    trial(b"a")
    assert trial.tally.kinds == {"slow": 1}


def test_a_reader_that_never_ends_is_ended_and_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(data: bytes) -> None:
        while data == b"1":
            try:
                json.loads(data)
            except Exception:  # noqa: BLE001, S112 - as a careless reader does
                continue

    monkeypatch.setattr(run, "HANGS_S", 0.2)
    trial = run.Trial("made-up", Target(read, [b"{}"]), tmp_path)
    numbers = iter((b"0", b"1", b"2"))
    run.repeat(trial, lambda: next(numbers), 3)
    assert (trial.tally.executions, trial.tally.kinds) == (3, {"HangError": 1})


def test_the_run_tells_of_every_target(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = "--executions 400 --target own-order --target own-budget --jobs 2 --seed 1 --engine own"
    assert run.main([*options.split(), "--keep", str(tmp_path)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in told[1:3]] == [["own-order", "200"], ["own-budget", "200"]]
    assert told[3].startswith("2 targets, 400 executions in ")
    assert told[3].endswith("engine own: 0 unexpected")


def test_a_target_that_doesn_t_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--target", "nothing"]) == 2
    assert "error: no target nothing; there are " in capsys.readouterr().err


def test_an_unsound_value_is_told_apart_from_a_named_error() -> None:
    assert not issubclass(UnsoundError, HlcopyError)
