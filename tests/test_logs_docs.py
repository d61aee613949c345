"""The page about logs: each of its commands is run, and says what the page shows; its table names every saved query."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from regobs.cli.main import regobs
from regobs.errors import RegobsError
from regobs.logs.saved import names_in
from regobs.pack import find_pack
from tests.logs import made
from tests.logs.sample import FILE

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/logs.md").read_text(encoding="utf-8")
GAP = "…"
ACCESS = {
    "time": "2026-11-23T11:05:02Z", "level": "info", "msg": "access", "correlation_id": "b", "duration_ms": "7",
    "ttfb_ms": 1, "status": 200, "method": "GET", "proto": "HTTP/1.1", "host": "r", "uri": "/v2/", "system": "http",
    "remote_addr": "10.0.0.9:4", "remote_ip": "10.0.0.9", "referrer": "", "user_agent": "x", "content_type": "",
    "written_bytes": 2,
}  # fmt: skip
NEW: list[dict[str, Any] | str] = [
    made.task(made.BLOBS, "info", "blob deleted", digest="sha256:12", freed=7),
    {"time": "2026-11-23T11:05:01Z", "level": "info", "msg": "image signed", "signer": "key-1", "duration_ms": 12},
    "not a line",
    ACCESS,
]


def commands() -> list[tuple[str, list[str]]]:
    """Each command of the page with the lines that it shows."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made_here = tmp_path_factory.mktemp("logs")
    (made_here / "registry.log").write_bytes(gzip.decompress(FILE.read_bytes()))
    lines = [one if isinstance(one, str) else json.dumps(one) for one in NEW]
    (made_here / "new.log").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return made_here


def output(command: str) -> list[str]:
    """What a command writes, standard error last, and its exit code in brackets where it is not 0."""
    words = shlex.split(command)
    assert words[0] == "regobs"
    done = CliRunner().invoke(regobs, words[1:])
    if isinstance(done.exception, RegobsError):
        return [*f"Error: {done.exception}".splitlines(), f"[{int(done.exception.exit_code)}]"]
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    code = [f"[{done.exit_code}]"] if done.exit_code else []
    return [*done.stdout.splitlines(), *done.stderr.splitlines(), *code]


def pattern(shown: list[str]) -> str:
    """The lines as a regular expression: a line `…` is any lines, `…` at an end anything that follows."""
    parts = []
    for is_gap, lines in groupby(shown, key=lambda line: line == GAP):
        parts += [r"(?:.*\n)*"] if is_gap else [re.escape(line).replace(GAP, ".*") + r"\n" for line in lines]
    return "".join(parts)


@pytest.mark.parametrize(("command", "shown"), commands(), ids=[command for command, _ in commands()])
def test_a_command_of_the_page_says_what_it_shows(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, shown: list[str]
) -> None:
    monkeypatch.chdir(folder)
    said = "".join(f"{line.rstrip()}\n" for line in output(command))
    assert shown
    assert re.fullmatch(pattern([line.rstrip() for line in shown]), said), said


def test_the_commands_of_regobs_logs_are_all_on_the_page() -> None:
    group: Any = regobs.get_command(None, "logs")  # type: ignore[arg-type]  # the group reads no context
    names = set(group.list_commands(None))
    assert {command.split()[2] for command, _ in commands()} == names


def test_the_table_names_every_saved_query_and_no_other() -> None:
    table = re.search(r"\| question \| saved query \|\n(?:\|.*\n)+", PAGE)
    assert table is not None
    assert set(re.findall(r"`([a-z-]+)`", table[0])) == set(names_in(find_pack()))


def test_the_keys_of_the_json_report_are_those_of_the_page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    keys = set(json.loads("\n".join(output("regobs logs validate new.log --format json")[:-1])))
    text = " ".join(PAGE.split())
    named = text[text.index("`--format json`, which has") : text.index("## What is new")]
    assert set(re.findall(r"`([a-z_]+)`", named)) <= keys
    assert {"lines", "valid", "invalid", "malformed", "unknown_messages", "unknown_fields"} <= keys


def test_the_page_is_linked_and_its_links_lead_somewhere() -> None:
    assert "(docs/logs.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert all((ROOT / "docs" / target).is_file() for target in re.findall(r"\]\(([^)#:]+)\)", PAGE))
