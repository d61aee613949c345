"""Every command with `--format json` has its shape in the documentation."""

from __future__ import annotations

from collections.abc import Iterator

import click
import jsonschema
import pytest

from regobs.cli.main import regobs
from regobs.documents.json_output import command_shapes, json_schema


def _commands(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), name)
            assert found is not None
            yield from _commands(found, (*words, name))
    else:
        yield " ".join(words), command


def commands_with_json() -> list[str]:
    """The commands that can write JSON."""
    return [
        name
        for name, command in _commands(regobs)
        if any(isinstance(one.type, click.Choice) and "json" in one.type.choices for one in command.params)
    ]


# docs/install.md says why: they run until they are stopped, change one file or fault, or print one text.
WITHOUT = {
    *("top", "demo", "export database", "export logs", "export notifications", "export probe", "query shell"),
    *("query save", "context add", "context use", "simulate break", "simulate repair", "man"),
    *("query format", "logs schema", "logs infer", "completion"),
}


def test_every_command_with_an_answer_writes_json() -> None:
    assert {name for name, _ in _commands(regobs)} - set(commands_with_json()) == WITHOUT


def test_every_command_that_writes_json_is_documented_and_no_other() -> None:
    assert sorted(command_shapes()) == sorted(commands_with_json())


def test_the_schema_is_one_and_refuses_what_is_not_written() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator({"$ref": "#/$defs/query_labels", "$defs": schema["$defs"]})
    judge.validate([{"label": "job"}])
    refused: tuple[object, ...] = ([{"label": 1}], [{}], [{"label": "job", "more": 1}], {"label": "job"})
    for wrong in refused:
        with pytest.raises(jsonschema.ValidationError):
            judge.validate(wrong)
