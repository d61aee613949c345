"""A registry that writes no access lines: its requests are not in an answer, and how many there are is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from regobs.cli.main import regobs

LINE = {
    "correlation_id": "a",
    "http_response_duration": "1.2ms",
    "http_response_status": 200,
    "http_response_written": 2,
    "level": "info",
    "method": "GET",
    "msg": "response completed",
    "time": "2026-11-23T11:11:21.704Z",
    "uri": "/v2/",
}
ACCESS = {"level": "info", "method": "GET", "msg": "access", "status": 200, "time": LINE["time"], "uri": "/v2/"}
DISTRIBUTION = {
    "http.request.method": "GET",
    "http.response.duration": "1.2ms",
    "http.response.status": 200,
    "level": "info",
    "msg": "response completed",
    "time": LINE["time"],
}
DELETED = {"level": "info", "msg": "tag deleted", "tag_name": "v1", "time": LINE["time"], "correlation_id": "a"}
TOLD = "`response completed` of a registry with log.accesslog.disabled: true"


def asked(tmp_path: Path, written: list[dict[str, object]], *arguments: str) -> str:
    """Standard error of a command over the lines, once given as a file and once through a pipe."""
    text = "".join(f"{json.dumps(one)}\n" for one in written)
    path = tmp_path / "a.log"
    path.write_text(text, encoding="utf-8")
    answers = [
        CliRunner().invoke(regobs, ["logs", *arguments, file], input=text, catch_exceptions=False)
        for file in (str(path), "-")
    ]
    assert [one.exit_code for one in answers] == [0, 0]
    assert answers[0].stderr == answers[1].stderr
    return answers[0].stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "requests-over-time"),
        ("run", "status-over-time", "--format", "json"),
        ("run", "slowest-requests,errors-by-code", "--format", "csv"),
        ("run", "main/requests"),
        ("query", "status >= 400"),
        ("query", "msg: access and status: *", "--by", "method"),
    ],
)
def test_an_answer_without_requests_says_where_they_are(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    err = asked(tmp_path, [LINE, LINE], *arguments)
    assert err.count("Note: ") == 1
    assert f"Note: 2 lines {TOLD} are no access lines and not in the answer: set it to false, or ask" in err
    assert f"Note: 1 line {TOLD} is no access line and not in the answer" in asked(tmp_path, [LINE], *arguments)


def test_what_the_note_names_answers(tmp_path: Path) -> None:
    err = asked(tmp_path, [LINE], "run", "requests-over-time")
    command = err.partition("regobs logs ")[2].strip().replace(" FILES", "").split("'")
    assert TOLD not in asked(tmp_path, [LINE], "query", command[1], *command[2].split())


def test_it_is_told_beside_rows_too(tmp_path: Path) -> None:
    assert TOLD in asked(tmp_path, [LINE, DELETED], "run", "deletions")
    assert TOLD in asked(tmp_path, [LINE, ACCESS], "run", "requests-over-time")


def test_nothing_is_told_where_no_request_is_left_out(tmp_path: Path) -> None:
    for line in (ACCESS, DISTRIBUTION, {**LINE, "http_response_status": None}):
        assert TOLD not in asked(tmp_path, [line], "run", "status-over-time")
    assert TOLD not in asked(tmp_path, [LINE], "run", "errors-by-message")
    assert TOLD not in asked(tmp_path, [LINE], "query", "level: info")
