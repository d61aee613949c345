"""`regobs incident` on a server that answers as told: forms, times, and a page in which nothing of the server runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.errors import ExitCode
from regobs.query.incident import HOUR, spans
from tests.prometheus.stub import Reply, Stub, success, vector

Output = pytest.CaptureFixture[str]
BEGIN = 1_700_000_100
EVIL = "<script>alert(1)</script>|x"


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def matrix() -> Reply:
    """Zero in the hour before, one since then, for every query."""
    times = range(BEGIN - HOUR, BEGIN + 1800, 60)
    values = [[time, "1" if time >= BEGIN else "0"] for time in times]
    return success({"resultType": "matrix", "result": [{"metric": {"instance": EVIL}, "values": values}]})


@pytest.fixture
def stub() -> Iterator[Stub]:
    replies = {"/api/v1/query": vector(), "/api/v1/query_range": matrix()}
    with Stub(replies) as server:
        yield server


def incident(capsys: Output, stub: Stub, *arguments: str) -> tuple[int, str]:
    times = ["--from", str(BEGIN), "--to", str(BEGIN + 1800)]
    code = run(["incident", *times, "--prometheus", stub.url, *arguments])
    return code, capsys.readouterr().out


def test_the_report_says_what_happened_what_moved_and_how_it_ranked(capsys: Output, stub: Stub) -> None:
    code, out = incident(capsys, stub, "--top", "3")
    assert code == ExitCode.OK
    assert out.startswith("2023-11-14 22:15:00 UTC to 2023-11-14 22:45:00 UTC, beside the hour before")
    happened, spent, moved = (out.partition(f"\n{title}\n")[2].partition("\n\n")[0] for title in (
        "What happened", "Error budgets spent", "What moved most"
    ))  # fmt: skip
    assert f"{EVIL} is up" in happened
    assert spent.startswith("budgets are not known: the server has them at neither end of this time; are the rules of")
    assert len(moved.splitlines()) == 1 + 3
    assert "last week has no data to compare" in out.splitlines()[-1]


def test_json_has_every_panel_with_its_query(capsys: Output, stub: Stub) -> None:
    data = json.loads(incident(capsys, stub, "--format", "json")[1])
    assert (data["complete"], data["gaps"]) == (True, [])
    assert (data["from"], data["to"], data["before"]) == (BEGIN, BEGIN + 1800, [BEGIN - HOUR, BEGIN - 20])
    ranks = [one["rank"] for one in data["moved"]]
    assert ranks == sorted(ranks, reverse=True)
    assert {(one["before"], one["since"]) for one in data["moved"]} == {(0, 1)}
    sent = {request.params["query"][0] for request in stub.requests if "query" in request.params}
    assert {one["query"] for one in data["moved"]} <= sent


@pytest.mark.parametrize(
    ("more", "kind", "text"),
    [
        ({"isPartial": True}, "partial", "a part of the server's storage did not answer"),
        ({"warnings": ["results truncated due to limit"]}, "truncated", "results truncated due to limit"),
        ({"warnings": [f"a store is away {EVIL}"]}, "partial", f"a store is away {EVIL}"),
    ],
)
def test_answers_that_are_not_the_whole_are_told_in_every_form(
    capsys: Output, tmp_path: Path, more: dict[str, object], kind: str, text: str
) -> None:
    body = json.loads(matrix().body) | more
    replies = {"/api/v1/query": vector(), "/api/v1/query_range": Reply(body=json.dumps(body))}
    times = ["incident", "--from", str(BEGIN), "--to", str(BEGIN + 1800)]
    with Stub(replies) as server:
        given = [*times, "--prometheus", server.url]
        assert run([*given, "--html", str(tmp_path / "note.html")]) == ExitCode.INCOMPLETE
        assert f"{kind.upper()}: " in capsys.readouterr().err
        page = (tmp_path / "note.html").read_text()
        assert f"<strong>{kind.upper()}: " in page
        assert "<script" not in page
        assert run([*given, "--format", "json"]) == ExitCode.INCOMPLETE
        data = json.loads(capsys.readouterr().out)
        assert (data["complete"], data["gaps"]) == (False, [{"kind": kind, "text": text}])
        assert run([*given, "--format", "markdown"]) == ExitCode.INCOMPLETE
        assert f"\n{kind.upper()}: " in capsys.readouterr().out


def test_markdown_and_page_hold_nothing_that_runs(capsys: Output, stub: Stub, tmp_path: Path) -> None:
    out = incident(capsys, stub, "--format", "markdown", "--html", str(tmp_path / "note.html"))[1]
    page = (tmp_path / "note.html").read_text()
    assert "<script" not in out
    assert "&lt;script>alert(1)&lt;/script>\\|x" in out
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert "<h2>What moved most</h2><table>" in page


@pytest.mark.parametrize(
    ("begin", "end", "words"),
    [(BEGIN, BEGIN - 1, "ends before it begins"), (BEGIN, BEGIN + 5, "too short to compare")],
)
def test_a_time_that_is_none_is_refused_and_no_server_is_asked(
    capsys: Output, stub: Stub, begin: int, end: int, words: str
) -> None:
    code = run(["incident", "--from", str(begin), "--to", str(end), "--prometheus", stub.url])
    assert code == ExitCode.INPUT
    assert words in capsys.readouterr().err
    assert stub.requests == []


@pytest.mark.parametrize("length", [60, 600, 3600, 7 * 86_400])
@pytest.mark.parametrize("scrape", [15, 60])
def test_both_spans_have_one_step_and_touch(length: int, scrape: int) -> None:
    before, since = spans(BEGIN, BEGIN + max(length, 2 * scrape), scrape)
    assert before.step == since.step >= scrape * 1000
    assert before.end + before.step == since.start
    assert before.points + since.points <= 302
    assert since.start <= BEGIN * 1000 < since.start + since.step
