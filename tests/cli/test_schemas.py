"""The published schemas: every command that speaks JSON has one; that documents obey theirs is checked by `run`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

import pytest
from pydantic import ValidationError

from hlcopy.backtest.comparison import Evidence
from hlcopy.backtest.comparison import Verdict as OfExits
from hlcopy.backtest.decisions import Kind
from hlcopy.backtest.gates import Source
from hlcopy.backtest.gates import Verdict as OfGates
from hlcopy.cli import LazyCommand, root
from hlcopy.render.schemas import DIALECT, adapter, documents, research
from hlcopy.render.schemas.comparison import Versus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.cli.conftest import Outcome

    Run = Callable[..., Outcome]

HALT = {
    "command": "halt",
    "ok": True,
    "at": "2026-03-01T00:00:00.000+00:00",
    "mode": "paper",
    "duration_ms": 1,
    "counts": {},
    "errors": [],
    "halted": {"at": "2026-03-01T00:00:00.000+00:00", "reason": "x"},
    "changed": True,
}


def commands_with_json() -> Iterator[str]:
    for name, stand_in in root().commands.items():
        assert isinstance(stand_in, LazyCommand)
        command = stand_in.load()
        for each, words in ((command, name), *((sub, f"{name} {at}") for at, sub in subcommands(command))):
            if any("--json" in parameter.opts for parameter in each.params):
                yield words


def subcommands(command: Any) -> Iterable[tuple[str, Any]]:  # noqa: ANN401 - Typer's own types are private
    return getattr(command, "commands", {}).items()


def references(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"]
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def test_every_command_with_json_has_a_schema_and_no_other() -> None:
    assert sorted(commands_with_json()) == list(documents())


def test_the_commands_with_a_schema_are_listed(run: Run) -> None:
    listed = run("schema").out.split("\n")[:-1]
    assert listed == list(documents())
    assert run("schema --json").document == {"commands": listed}


def test_all_schemas_are_one_document_whose_references_are_in_it(run: Run) -> None:
    whole = run("schema --all").document
    assert whole["$schema"] == DIALECT
    assert list(whole["properties"]) == list(documents())
    assert set(references(whole)) <= {f"#/$defs/{name}" for name in whole["$defs"]}
    assert run("schema --all --json").document == whole


@pytest.mark.parametrize("group", ["traders", "alerts"])
def test_a_group_that_lists_by_itself_has_the_schema_of_its_list(run: Run, group: str) -> None:
    assert run(f"schema {group}").document == run(f"schema {group} list").document


@pytest.mark.parametrize("command", list(documents()))
def test_a_schema_names_its_command_and_dialect_and_is_whole(run: Run, command: str) -> None:
    shown = run(f"schema {command}")
    assert (shown.code, shown.err) == (0, "")
    schema = shown.document
    assert (schema["$schema"], schema["title"]) == (DIALECT, f"hlcopy {command} --json")
    assert set(references(schema)) <= {f"#/$defs/{name}" for name in schema.get("$defs", {})}
    assert run(f"schema {command} --json").document == schema


def test_a_schema_names_keys_types_and_units(run: Run) -> None:
    schema = run("schema halt").document
    assert schema["additionalProperties"] is True
    assert sorted(schema["required"]) == sorted(HALT)
    assert schema["properties"]["duration_ms"] == {"type": "integer"}
    assert schema["properties"]["at"]["format"] == "date-time"
    position = run("schema monitor").document["$defs"]["PositionRow"]["properties"]
    assert position["entry_price"] == {"type": "number", "description": "USD for one unit of the coin"}
    assert position["exit_price"]["anyOf"][1] == {"type": "null"}


def test_a_key_that_may_be_absent_is_neither_required_nor_null(run: Run) -> None:
    schema = run("schema resume").document
    assert "agent" not in schema["required"]
    assert schema["properties"]["agent"]["type"] == "string"


def test_keys_may_be_added_and_none_removed() -> None:
    shape = adapter("halt")
    shape.validate_json(json.dumps({**HALT, "new": 1}))
    with pytest.raises(ValidationError, match="Extra inputs"):
        shape.validate_json(json.dumps({**HALT, "new": 1}), extra="forbid")
    for key in HALT:
        with pytest.raises(ValidationError, match=f"(?s){key}.*Field required"):
            shape.validate_json(json.dumps({name: value for name, value in HALT.items() if name != key}))


@pytest.mark.parametrize("at", ["2026-03-01", "2026-03-01T00:00:00", "2026-03-01T01:00:00+01:00", 0])
def test_a_moment_is_in_utc_and_says_so(at: object) -> None:
    with pytest.raises(ValidationError, match="at"):
        adapter("halt").validate_json(json.dumps({**HALT, "at": at}))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("pol", "no schema is called 'pol'; did you mean poll?"),
        ("data stats", "no schema is called 'data stats'; did you mean data status?"),
        (
            "data",
            "no schema is called 'data'; did you mean data backup, data fetch, data import, data restore or data status?",
        ),
        ("xyzzy", "no schema is called 'xyzzy'; list them with: hlcopy schema"),
        ("poll --all", "--all needs no command"),
    ],
)
def test_an_unknown_schema_is_wrong_usage_that_names_the_nearest(run: Run, given: str, said: str) -> None:
    wrong = run(f"schema {given}")
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err.startswith(f"error: {said}")


def literals(annotation: object) -> set[object]:
    return {each for part in get_args(annotation) for each in ({part} | literals(part)) if isinstance(each, str)}


@pytest.mark.parametrize(
    ("described", "values"),
    [
        (research.Kind, Kind),
        (research.Gates.model_fields["source"].annotation, Source),
        (research.Gate.model_fields["verdict"].annotation, OfGates),
        (Versus.model_fields["verdict"].annotation, OfExits),
        (Versus.model_fields["evidence"].annotation, Evidence),
    ],
)
def test_values_that_are_named_without_importing_numpy_are_all_there_are(described: object, values: type[Any]) -> None:
    assert literals(described) == set(values)
