"""What README says exists: commands, options, targets, files."""

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from regobs import __version__
from regobs.build.produce import build_files
from regobs.catalog.model import Flavor
from regobs.cli.main import COMMANDS, regobs
from regobs.cli.query_commands import QueryCommands
from regobs.config import Config
from regobs.errors import RegobsError
from regobs.pack import find_pack
from regobs.slo.links import _LOG_QUERIES, log_link

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DEVELOP = (ROOT / "docs" / "develop.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
LINES = sorted({line.strip("`$ ") for line in re.findall(r"^\$ regobs .*|`regobs [^`]*`", README, re.MULTILINE)})


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len(README.splitlines()) <= 120


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_readme_exists_with_its_options(line: str) -> None:
    check_command(line)


def check_command(line: str) -> None:
    """Fail unless the command of a line that is shown to readers exists, with all its options.

    A line with arguments has all those that the command asks for; one without only names the command.
    """
    words = shlex.split(line.removeprefix("$ "))[1:]
    command: click.Command = regobs
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        if isinstance(command, QueryCommands) and words[0] not in command.list_commands(click.Context(command)):
            words.insert(0, "expr")  # an expression stands in the place of a verb
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"there is no command {words[0]!r}"
        command = found
        words = words[1:]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= options
    if any(not word.startswith("-") for word in words) and not isinstance(command, click.Group):
        try:
            command.make_context(command.name, words)
        except click.MissingParameter as error:
            pytest.fail(f"`{line}`: {error.format_message()}")
        except (click.ClickException, RegobsError):
            pass  # a file of the example that does not exist here


RUNBOOKS = {
    f"{path.name}: {text}": text
    for path in sorted((ROOT / "alerts" / "runbooks").glob("*.md"))
    for text in re.findall(r"^\$ regobs .*|`(regobs [^`]*)`", path.read_text(encoding="utf-8"), re.MULTILINE)
}


@pytest.mark.parametrize("line", RUNBOOKS.values(), ids=RUNBOOKS)
def test_a_command_of_a_runbook_exists_with_its_options_and_arguments(line: str) -> None:
    check_command(line)


@pytest.mark.parametrize("component", sorted(_LOG_QUERIES))
def test_the_command_that_an_alert_names_answers_from_log_lines(component: str, tmp_path: Path) -> None:
    log = tmp_path / "registry.log"
    log.write_text('{"time":"2026-11-25T10:00:00.000Z","level":"error","msg":"x"}\n', encoding="utf-8")
    words = shlex.split(log_link(component)["logs_command"].replace("registry.log", str(log)))
    result = CliRunner().invoke(regobs, words[1:])
    assert result.exit_code == 0, result.output


def test_every_command_is_in_the_readme() -> None:
    assert [name for name in COMMANDS if f"`regobs {name}" not in README] == []


def test_every_make_target_that_is_named_exists_and_the_other_way_round() -> None:
    named = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", README + DEVELOP))
    phony = set(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split())
    assert named <= phony
    assert phony - named <= {"help", "servers", "clean"}
    assert all(re.search(rf"^{target}:", MAKEFILE, re.MULTILINE) for target in phony)


def test_every_link_of_the_readme_leads_somewhere() -> None:
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if not target.startswith("http")]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("flavor", Flavor)
def test_a_build_of_a_flavor_writes_what_the_readme_lists_for_it_and_nothing_else(flavor: Flavor) -> None:
    rows = re.findall(r"^\| `([a-z-]+/[^`]*|manifest\.json)`(?: \(flavor `(\w+)` only\))? \|", README, re.MULTILINE)
    files = build_files(Config(flavor=flavor), find_pack())
    written = {path for path, _ in rows if any(name.startswith(path.partition("*")[0]) for name in files)}
    assert written == {path for path, only in rows if only in {"", flavor}}
    assert any(only for _, only in rows)
    table = README.partition("| in `out/` |")[2].partition("\n\n")[0]
    named = tuple(path.partition("*")[0] for path in re.findall(r"`([a-z-]+/[^`\s]*|manifest\.json)`", table))
    assert [name for name in files if not name.startswith(named)] == []


def test_every_folder_of_the_map_exists() -> None:
    tree = DEVELOP.split("```\n")[1]
    engine = re.findall(r"^  ((?:[a-z_.]+/? ?)+)", tree, re.MULTILINE)
    top = re.findall(r"^([a-z_]+/)", tree, re.MULTILINE)
    names = [f"src/regobs/{name}" for line in engine for name in line.split() if "/" in name or "." in name]
    assert len(names) > 8
    assert [name for name in (*top, *names) if not (ROOT / name).exists()] == []


def test_the_changelog_has_the_version_or_says_that_it_is_not_out() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{__version__}]" in changelog or "## [Unreleased]" in changelog


def test_the_lower_bound_of_python_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["requires-python"] == ">=3.11"
    assert project["tool"]["mypy"]["python_version"] == "3.11"
    assert project["tool"]["ruff"]["target-version"] == "py311"
    assert "Python 3.11 or later" in README
