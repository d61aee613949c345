"""Numbers of the command line that are none, or that no clock holds, are refused with the option."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from regobs.cli.finite import FiniteRange
from regobs.cli.main import regobs, run


def options(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Parameter]]:
    """Every option of every command."""
    yield from ((path, one) for one in command.params)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from options(found, (*path, name))


def test_no_option_takes_a_float_that_is_no_number() -> None:
    floats = [(path, one) for path, one in options(regobs) if isinstance(one.type, click.types.FloatParamType)]
    assert len(floats) > 10
    assert [(path, one.name) for path, one in floats if not isinstance(one.type, FiniteRange)] == []


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e300", "1000001"])
def test_a_time_that_no_clock_holds_is_refused_by_its_option(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "up", "--prometheus", "http://127.0.0.1:9", "--timeout", value]) == 2
    assert "--timeout" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0.1", "1e6"])
def test_the_ends_are_taken(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "up", "--prometheus", "http://127.0.0.1:9", "--timeout", value]) == 3
    assert "cannot be reached" in capsys.readouterr().err
