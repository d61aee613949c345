"""Lines without a time, which no window of time holds, are told beside what it holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regobs.cli.main import run

TIMED = {"time": "2026-11-23T11:30:00Z", "level": "error", "msg": "a"}
LINES = [
    TIMED,
    {**TIMED, "time": "2026-11-23T12:30:00Z"},
    {"level": "error", "msg": "b"},
    {"level": "info", "msg": "c"},
]
WINDOW = ("--from", "2026-11-23T11", "--to", "2026-11-23T12")
TWO, ONE, NONE = "Note: 2 lines without a time were left out", "Note: 1 line without a time was left out", ""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "a.log"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES) + "INFO[0000] listening\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("query", "level: (error or debug)", *WINDOW), ONE),
        (("query", "msg: (b or c)", *WINDOW[:2], "--by", "msg"), TWO),
        (("query", "msg: (b or c)", *WINDOW[2:], "--format", "json"), TWO),
        (("query", "msg: (b or c) and time < now", "--format", "csv"), TWO),
        (("query", "msg: (b or c)"), NONE),
        (("query", "msg: a", *WINDOW), NONE),
        (("query", "not time: * and msg: b"), NONE),
        (("query", 'not time >= "2026-11-23"'), NONE),
        (("query", "time: * and msg: b", *WINDOW), NONE),
        (("run", "errors-by-message", *WINDOW), ONE),
        (("run", "errors-by-message"), NONE),
        (("run", "requests-over-time"), NONE),
        (("diff", "--before", "2026-11-23T11", "--after", "2026-11-23T12", "--where", "msg: (a or b)"), ONE),
        (("diff", "--before", "2026-11-23T11", "--after", "2026-11-23T12", "--where", "msg: a"), NONE),
    ],
)
def test_lines_that_only_lack_a_time_are_told(
    log: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    command, *rest = words
    at = 1 if command in {"query", "run"} else 0
    code = run(["logs", command, *rest[:at], str(log), *rest[at:]])
    err = capsys.readouterr().err
    assert code in {0, 1}, err
    assert [line for line in err.splitlines() if "without a time" in line] == ([told] if told else [])


def test_each_of_several_queries_has_its_note(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["logs", "run", "errors-by-message,recent-errors,requests-over-time", str(log), *WINDOW]) == 0
    assert [line for line in capsys.readouterr().err.splitlines() if "without a time" in line] == [
        f"{ONE} of errors-by-message",
        f"{ONE} of recent-errors",
    ]


def test_a_query_by_time_leaves_out_lines_without_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.log"
    path.write_text('{"level":"info","msg":"access","status":200,"uri":"/v2/"}\n', encoding="utf-8")
    assert run(["logs", "run", "requests-over-time", str(path)]) == 0
    assert ONE in capsys.readouterr().err
