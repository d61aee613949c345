"""`regobs logs` as a command."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from regobs.cli.logs import logs
from regobs.cli.main import run
from regobs.logs.schema import files
from tests.logs.lines import DOCKER, GITLAB, records

GOOD = next(record for record in records() if record["msg"] == "blob uploaded")


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    path = tmp_path / "mixed.log"
    lines = [GOOD, GOOD | {"size_bytes": "5"}, GOOD | {"msg": "blob <teleported>", "\u0001way": "&"}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"msg":\n', encoding="utf-8")
    return path


def asked(*arguments: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(logs, [str(argument) for argument in arguments], input=stdin)


def test_valid_files_end_with_0_and_a_summary() -> None:
    found = asked("validate", GITLAB, *DOCKER)
    assert found.exit_code == 0
    assert found.output.startswith("6,421 lines, 6,421 valid, 0 invalid, 0 malformed\n")


def test_an_invalid_line_ends_with_1(mixed: Path) -> None:
    found = asked("validate", mixed)
    assert found.exit_code == 1
    assert "4 lines, 2 valid, 1 invalid, 1 malformed, 1 with an unknown message, 1 unknown field\n" in found.output
    assert f"type: size_bytes of 'blob uploaded', expected integer, not string; first at {mixed}:2: 5" in found.output


def test_json_has_the_counts_and_the_kinds(mixed: Path) -> None:
    found = asked("validate", "--format", "json", mixed)
    report = json.loads(found.output)
    numbers = ("lines", "valid", "invalid", "malformed", "unknown_messages", "unknown_fields")
    assert [report[name] for name in numbers] == [4, 2, 1, 1, 1, 1]
    assert [(one["rule"], one["first"]["line"]) for one in report["problems"]] == [("truncated", 4), ("type", 2)]
    assert [(one["field"], one["first"]["type"]) for one in report["drift"]["types"]] == [("size_bytes", "string")]
    assert report["drift"]["missing"] == report["drift"]["units"] == []
    assert [(one["file"], one["schemas"], one["lines"]) for one in report["closest"]] == [(str(mixed), "gitlab", 3)]
    assert report["closest"][0]["fit"] == pytest.approx(1 / 3)
    assert [one["message"] for one in report["drift"]["messages"]] == ["blob <teleported>"]
    assert report["files"] == {str(mixed): 4}


@pytest.mark.parametrize(("option", "failures", "skipped"), [([], 2, 2), (["--strict"], 4, 0)])
def test_junit_has_a_failure_a_kind_and_drift_fails_only_when_strict(
    mixed: Path, option: list[str], failures: int, skipped: int
) -> None:
    suite = ET.fromstring(asked("validate", "--format", "junit", *option, mixed).output)  # noqa: S314 - our own output
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", str(failures), str(skipped))
    assert len(suite.findall("testcase/failure")) == failures
    assert len(suite.findall("testcase/skipped")) == skipped


def test_drift_ends_with_0_and_with_strict_with_1() -> None:
    line = json.dumps(GOOD | {"new": 1}).encode()
    assert asked("validate", "-", stdin=line).exit_code == 0
    assert asked("validate", "--strict", "-", stdin=line).exit_code == 1


def test_standard_input_may_be_packed() -> None:
    found = asked("validate", "-", "--format", "json", stdin=GITLAB.read_bytes())
    assert found.exit_code == 0
    assert json.loads(found.output)["files"] == {"(standard input)": 4357}


@pytest.mark.parametrize("name", ["no.log", "."])
def test_what_cannot_be_read_ends_with_2(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["logs", "validate", name]) == 2
    assert capsys.readouterr().err.startswith("Error: ")


def test_a_flavor_that_does_not_exist_ends_with_2() -> None:
    assert run(["logs", "validate", "--flavor", "harbor", "-"]) == 2
    assert run(["logs", "validate"]) == 2


def test_schema_lists_the_streams_and_shows_one() -> None:
    names = asked("schema").output.split()
    assert [f"{name}.schema.json" for name in names] == list(files())
    assert asked("schema", "gitlab.access").output.encode() == files()["gitlab.access.schema.json"]


def test_a_stream_that_does_not_exist_ends_with_2() -> None:
    assert run(["logs", "schema", "harbor"]) == 2


def test_a_file_of_which_no_line_can_be_read_ends_with_2_and_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("what\nsomebody says\n", encoding="utf-8")
    assert run(["logs", "validate", str(path), str(GITLAB)]) == 2
    assert run(["logs", "infer", str(path)]) == 2
    assert run(["logs", "infer", str(path), str(GITLAB)]) == 2
    path.write_text('what\n{"msg":"a"}\n', encoding="utf-8")
    assert run(["logs", "validate", str(path)]) == 1
    path.write_text("\n", encoding="utf-8")
    assert run(["logs", "validate", str(path)]) == 0


@pytest.mark.parametrize("command", [["trace", "0123456789ABCDEF", "FILE"], ["tail", "FILE", "--once"]])
def test_trace_and_tail_of_lines_that_cannot_be_read_end_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    path = tmp_path / "a.log"
    arguments = ["logs", *(str(path) if one == "FILE" else one for one in command)]
    path.write_text("what\nsomebody says of 0123456789ABCDEF\n", encoding="utf-8")
    assert run(arguments) == 2
    assert "no line can be read" in capsys.readouterr().err
    assert run([*arguments, str(GITLAB)]) == 2
    path.write_text('what\n{"msg": "a"}\n', encoding="utf-8")
    assert run(arguments) == 0
    path.write_text("\n", encoding="utf-8")
    assert run(arguments) == 0
    path.unlink()
    assert run(arguments) == 2


def test_a_folder_cannot_be_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["logs", "tail", "--once", str(tmp_path)]) == 2
    assert "a folder, not a file" in capsys.readouterr().err
