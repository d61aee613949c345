"""`regobs incident`: deploys, logs, and what is not known: no data, no rules, a time to come."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from regobs.cli.main import run
from regobs.deploy.state import StateFolder
from regobs.errors import ExitCode
from regobs.grafana.live import TOKEN_VARIABLE
from regobs.query.incident import BUDGETS, HAPPENED, HOUR, LOGS, MOVED
from tests.prometheus.stub import Reply, Request, Stub, success, vector

Output = pytest.CaptureFixture[str]
BEGIN = 1_700_000_100
END = BEGIN + 1800
TOKEN = "glsa_secret"


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)


def matrix(first: int, last: int) -> Reply:
    """One series that is there in this time."""
    values = [[moment, "1"] for moment in range(first, last, 60)]
    return success({"resultType": "matrix", "result": [{"metric": {"instance": "a"}, "values": values}]})


NONE = success({"resultType": "matrix", "result": []})
WHOLE = matrix(BEGIN - HOUR, END)


def answering(replies: dict[str, Reply], other: Reply = WHOLE) -> Callable[[Request], Reply]:
    """The answer for the first pattern that a query has in it."""

    def reply(request: Request) -> Reply:
        query = request.params["query"][0]
        return next((one for pattern, one in replies.items() if re.search(pattern, query)), other)

    return reply


def incident(capsys: Output, replies: dict[str, Reply], *arguments: str, other: Reply = WHOLE) -> tuple[int, Any, str]:
    """The exit code, the JSON, and what stands on stderr."""
    times = ["--from", str(BEGIN), "--to", str(END), "--format", "json"]
    answers: dict[Any, Any] = {"/api/v1/query": vector(), "/api/v1/query_range": answering(replies, other)}
    with Stub(answers) as stub:
        code = run(["incident", *times, "--prometheus", stub.url, *arguments])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else None, said.err


def notes(data: Any, part: str) -> str:
    return "\n".join(one["text"] for one in data["notes"] if one["part"] == part)


@pytest.mark.parametrize(
    ("up", "others", "words"),
    [
        (NONE, NONE, "the server has no data of this time and of the hour before"),
        (NONE, WHOLE, "no target of the registry has data in this time or in the hour before, others have"),
        (matrix(BEGIN, END), WHOLE, "has data in the hour before: nothing can be compared"),
        (matrix(BEGIN - HOUR, BEGIN), WHOLE, "has data in the time that is asked about"),
    ],
)
def test_it_says_which_data_is_missing_and_that_the_report_is_not_the_whole(
    capsys: Output, up: Reply, others: Reply, words: str
) -> None:
    code, data, err = incident(capsys, {r"^count\(up\)$": others, "^up": up}, other=NONE)
    assert code == ExitCode.INCOMPLETE
    assert [one["kind"] for one in data["gaps"]] == ["no data"]
    assert words in data["gaps"][0]["text"]
    assert not data["complete"]
    assert words in notes(data, MOVED)
    assert (words in notes(data, HAPPENED)) is ("hour before: nothing" not in words)
    assert f"NO DATA: {data['gaps'][0]['text']}" in err


def test_a_text_says_why_a_part_is_empty(capsys: Output) -> None:
    answers = {"/api/v1/query": vector(), "/api/v1/query_range": NONE}
    with Stub(answers) as stub:
        run(["incident", "--from", str(BEGIN), "--to", str(END), "--prometheus", stub.url])
    parts = dict(one.split("\n", 1) for one in capsys.readouterr().out.split("\n\n")[1:4])
    assert parts[HAPPENED].startswith("the server has no data of this time")
    assert parts[BUDGETS].startswith("budgets are not known: the server has them at neither end")
    assert parts[MOVED].startswith("the server has no data of this time")


def test_nothing_is_nothing_where_the_server_has_all(capsys: Output) -> None:
    budget = vector(({"slo": "api"}, "0.5"))
    with Stub({"/api/v1/query": budget, "/api/v1/query_range": answering({"process_start": NONE})}) as stub:
        code = run(["incident", "--from", str(BEGIN), "--to", str(END), "--prometheus", stub.url])
    out = capsys.readouterr().out
    assert code == ExitCode.OK
    assert "not known" not in out
    assert f"{BUDGETS}\nno SLO lost" in out
    assert re.search(rf"{MOVED}\nnone of \d+ queries moved\n", out)


@pytest.mark.parametrize(("alerts", "known"), [(NONE, False), (WHOLE, True)])
def test_alerts_are_not_known_where_not_even_the_watchdog_has_a_series(
    capsys: Output, alerts: Reply, known: bool
) -> None:
    code, data, _ = incident(capsys, {"ALERTS.*alertstate": NONE, "ALERTS": alerts})
    assert code == ExitCode.OK
    assert ("alerts are not known" in notes(data, HAPPENED)) is not known
    assert "budgets are not known" in notes(data, BUDGETS)


def test_a_beginning_to_come_is_refused_and_an_end_to_come_is_now(capsys: Output) -> None:
    with Stub({"/api/v1/query": vector(), "/api/v1/query_range": WHOLE}) as stub:
        assert run(["incident", "--from", "now+1h", "--to", "now+2h", "--prometheus", stub.url]) == ExitCode.INPUT
        assert "the incident begins in the future" in capsys.readouterr().err
        assert stub.requests == []
        times = ["--from", "now-10m", "--to", "now+1h", "--format", "json"]
        run(["incident", *times, "--prometheus", stub.url])
        said = capsys.readouterr()
    assert "--to is in the future" in said.err
    assert json.loads(said.out)["to"] <= time.time()


def grafana(status: int = 200, *annotations: dict[str, Any]) -> dict[Any, Reply]:
    return {("GET", "/api/annotations"): Reply(status, json.dumps(list(annotations)))}


def deploy_lines(data: Any) -> list[tuple[float, str]]:
    return [(one["time"], one["text"]) for one in data["events"] if one["kind"] == "deploy"]


def test_annotations_of_grafana_are_deploys_of_the_incident_and_of_the_hour_before(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    told = [
        {"time": (BEGIN + 60) * 1000, "text": "registry\n4.33 <b>now</b>", "tags": ["deploy", "registry"]},
        {"time": (BEGIN - 300) * 1000, "text": "", "tags": ["deploy", "registry"]},
    ]
    with Stub(grafana(200, *told)) as stub:
        code, data, _ = incident(capsys, {}, "--grafana", stub.url)
        asked = stub.requests[0]
    assert code == ExitCode.OK
    assert deploy_lines(data) == [
        (BEGIN - 300, "a deploy, of which its annotation says nothing"),
        (BEGIN + 60, "registry 4.33 <b>now</b>"),
    ]
    assert asked.params["tags"] == ["deploy", "registry"]
    assert asked.params["from"] == [str((BEGIN - HOUR) * 1000)]
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert "deploys are seen" not in notes(data, HAPPENED)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (grafana(401), "does not let us read its annotations"),
        (grafana(200, {"text": "no time"}), "is no list of annotations"),
        ({}, "/api/annotations answers 404"),
    ],
)
def test_a_grafana_that_does_not_tell_leaves_the_rest_of_the_report(
    capsys: Output, tmp_path: Path, reply: dict[Any, Reply], words: str
) -> None:
    with Stub(reply) as stub:
        (tmp_path / "regobs.toml").write_text(f'[grafana]\nurl = "{stub.url}"\n')
        code, data, err = incident(capsys, {})
    assert code == ExitCode.INCOMPLETE
    assert words in data["gaps"][0]["text"]
    assert f"PARTIAL: deploys that {stub.url} tells of are not known" in err
    assert data["moved"] == []


def test_states_of_regobs_deploy_are_deploys(capsys: Output, tmp_path: Path) -> None:
    (tmp_path / "regobs.toml").write_text(
        '[deploy.live]\nkind = "rules"\ndirectory = "rules"\ncontext = "p"\nstate = "kept"\n'
        '[contexts.p]\nurl = "http://127.0.0.1:9090"\n'
    )
    folder = StateFolder(tmp_path / "kept")
    folder.commit({"a.yaml": b"groups: []"}, "production")
    kept = tmp_path / "kept" / "states" / "0001.json"
    moment = datetime.fromtimestamp(BEGIN + 120, UTC).isoformat(timespec="seconds")
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"applied": moment, "version": "1.2"}))
    assert deploy_lines(incident(capsys, {})[1]) == [
        (BEGIN + 120, "regobs deploy: state 1 of live, regobs 1.2, production")
    ]
    kept.write_text("{")
    code, data, _ = incident(capsys, {})
    assert code == ExitCode.INCOMPLETE
    assert "deploys to live are not known: a kept state" in data["gaps"][0]["text"]


def test_without_anything_that_tells_of_deploys_it_says_so(capsys: Output) -> None:
    assert "deploys are seen as restarts and versions only: no Grafana is named" in notes(
        incident(capsys, {})[1], HAPPENED
    )


def lines(moment: float, count: int, msg: str, level: str = "info") -> str:
    at = datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
    return (json.dumps({"time": at, "level": level, "msg": msg}) + "\n") * count


def test_messages_of_logs_that_are_new_more_or_gone_are_a_part_of_the_report(capsys: Output, tmp_path: Path) -> None:
    before, since = BEGIN - 1800, BEGIN + 900
    (tmp_path / "a.log").write_text(
        lines(before, 40, "usual") + lines(before, 40, "goes") + lines(BEGIN - HOUR, 1, "x")
    )
    (tmp_path / "b.log").write_text(
        lines(since, 90, "usual") + lines(since, 1, "purging failed for token glpat-abcdefghij0123456789", "error")
        + lines(END - 1, 1, "x")
    )  # fmt: skip
    code, data, _ = incident(capsys, {}, "--logs", "a.log", "b.log")
    assert code == ExitCode.OK
    found = {one["change"]: (one["what"], one["before"], one["since"]) for one in data["logs"]["changes"]}
    assert found["more"] == ("info: usual", 40, 90)
    assert found["gone"] == ("info: goes", 40, 0)
    assert found["new"][1:] == (0, 1)
    assert found["new"][0].startswith("error: purging failed")
    assert "glpat-abc" not in json.dumps(data)
    assert data["logs"]["lines"] == 173


def test_logs_stand_in_text_page_and_note(capsys: Output, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(lines(BEGIN - HOUR, 1, "x") + lines(BEGIN + 60, 1, "<b>a|b</b>", "error"))
    with Stub({"/api/v1/query": vector(), "/api/v1/query_range": WHOLE}) as stub:
        given = ["incident", "--from", str(BEGIN), "--to", str(END), "--prometheus", stub.url, "--logs", "a.log"]
        run([*given, "--html", "page.html"])
        text = capsys.readouterr().out
        run([*given, "--format", "markdown"])
        note = capsys.readouterr().out
    assert f"\n{LOGS}\n" in text
    assert "error: <b>a|b</b>" in text
    assert "error: &lt;b>a\\|b&lt;/b>" in note
    assert "error: &lt;b&gt;a|b&lt;/b&gt;" in Path("page.html").read_text()


def test_logs_of_another_time_are_a_gap_and_no_files_are_an_error(capsys: Output, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(lines(BEGIN + 60, 9, "x"))
    code, data, _ = incident(capsys, {}, "--logs", "a.log")
    assert code == ExitCode.INCOMPLETE
    assert data["gaps"][0]["kind"] == "no data"
    assert data["gaps"][0]["text"].startswith(
        "the logs are not compared: no line is in one of the windows: 2023-11-14T"
    )
    (tmp_path / "a.log").write_text("")
    code, data, _ = incident(capsys, {}, "--logs", "a.log")
    assert (code, data["gaps"][0]["text"]) == (ExitCode.INCOMPLETE, "the logs are not compared: they have no line")
    assert incident(capsys, {}, "--logs", "nothing.log")[0] == ExitCode.INPUT
    code, _, err = incident(capsys, {}, "a.log")
    assert code == ExitCode.INPUT
    assert "put --logs before the names" in err
