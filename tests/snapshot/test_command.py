from __future__ import annotations

import json
from pathlib import Path

import pytest

from regobs.cli.main import run
from tests.prometheus.stub import Reply, Stub, failure, success, vector

SECRET = "s3cr3t-Wort"
MATRIX = success(
    {"resultType": "matrix", "result": [{"metric": {}, "values": [[1_800_000_000, "1"], [1_800_000_060, "2"]]}]}
)
ANSWERING = {
    "/api/v1/status/buildinfo": success({"version": "2.42.0"}),
    "/api/v1/query": vector(({}, "3")),
    "/api/v1/query_range": MATRIX,
}
RANGE = ("--from", "2027-01-15T08:00Z", "--to", "2027-01-15T09:00Z")

SMALL = ("--pack", "pack", "--dashboard", "small")
DASHBOARD = """
from regobs.catalog import http
from regobs.grafana.words import *

one, other = Stat("Now", rate(http.REQUESTS), good="usual"), Lines("Then", rate(http.REQUESTS), good="usual")
dashboard = Dashboard("Small", Row("Requests", one, other))
"""


@pytest.fixture(autouse=True)
def small_pack(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current directory has a pack with one more dashboard."""
    directory = tmp_path_factory.mktemp("directory")
    (directory / "pack" / "dashboards").mkdir(parents=True)
    (directory / "pack" / "dashboards" / "small.dashboard.py").write_text(DASHBOARD)
    monkeypatch.chdir(directory)


@pytest.fixture(autouse=True)
def small_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real library takes seconds to bundle and is tested in a browser."""
    monkeypatch.setattr("regobs.snapshot.page.bundle", str)


def snapshot(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = run(["snapshot", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_page_and_pictures_are_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, png = tmp_path / "s.html", tmp_path / "png"
    with Stub(ANSWERING) as stub:
        monkeypatch.setenv("REGOBS_PROMETHEUS_URL", f"http://me:{SECRET}@{stub.address}")
        code, said, _ = snapshot(capsys, *SMALL, *RANGE, "--out", out, "--png", png)
        authorized = [request for request in stub.requests if "Authorization" in request.headers]
        assert len(authorized) == len(stub.requests)
    assert code == 0
    assert [line.split(": ")[0] for line in said.splitlines()] == [str(out), str(png / "small.png")]
    html = out.read_text(encoding="utf-8")
    assert "2027-01-15 08:00 to 2027-01-15 09:00 UTC" in html
    assert SECRET not in html
    assert "me:s" not in html
    assert (png / "small.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["png", "s.html", "small.png"]


def test_a_token_of_the_environment_is_sent_and_not_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGOBS_PROMETHEUS_TOKEN", SECRET)
    out = tmp_path / "s.html"
    with Stub(ANSWERING) as stub:
        code, said, err = snapshot(capsys, "--prometheus", stub.url, *SMALL, *RANGE, "--out", out)
        assert {request.headers["Authorization"] for request in stub.requests} == {f"Bearer {SECRET}"}
    assert code == 0
    assert SECRET not in out.read_text(encoding="utf-8") + said + err


def test_a_server_that_goes_away_in_the_middle_is_exit_code_3_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "s.html"
    out.write_text("the page of yesterday")
    with Stub({**ANSWERING, "/api/v1/query_range": Reply(502, "bad gateway", "text/plain")}) as stub:
        code, said, err = snapshot(capsys, "--prometheus", stub.url, *RANGE, "--out", out, "--png", tmp_path / "png")
    assert (code, said) == (3, "")
    assert err.count("Error:") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["s.html"]
    assert out.read_text() == "the page of yesterday"


def test_a_query_that_is_rejected_is_exit_code_1_and_the_page_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "s.html"
    refused = failure(422, "execution", "query processing would load too many samples into memory")
    with Stub({**ANSWERING, "/api/v1/query_range": refused}) as stub:
        code, _, err = snapshot(capsys, "--prometheus", stub.url, *SMALL, *RANGE, "--out", out)
    assert code == 1
    assert err.count("too many samples") == 1
    assert "The server rejects this query: " in out.read_text(encoding="utf-8")


def test_warnings_of_the_server_are_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    body = json.loads(MATRIX.body) | {"warnings": ["store b is down"]}
    with Stub({**ANSWERING, "/api/v1/query_range": Reply(body=json.dumps(body))}) as stub:
        code, _, err = snapshot(capsys, "--prometheus", stub.url, *SMALL, *RANGE, "--out", tmp_path / "s.html")
    assert (code, "Warning: store b is down" in err) == (0, True)
    assert "The server warns: store b is down" in (tmp_path / "s.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--prometheus", "http://127.0.0.1:1"),
        ("--prometheus", f"me:{SECRET}@host:9090", "--out", "s.html"),
        ("--prometheus", "http://127.0.0.1:1", "--out", "s.html", "--from", "yesterday"),
        ("--prometheus", "http://127.0.0.1:1", "--out", "s.html", "--from", "now", "--to", "-1h"),
        ("--prometheus", "http://127.0.0.1:1", "--out", "s.html", "--dashboard", "nothing-like-it"),
        ("--prometheus", "http://127.0.0.1:1", "--out", "."),
        ("--prometheus", "http://127.0.0.1:1", "--out", "missing/s.html"),
        ("--prometheus", "http://127.0.0.1:1", "--out", "s.html", "--png", "file"),
        ("--prometheus", "http://127.0.0.1:1", "--out", "s.html", "--config", "missing.toml"),
    ],
)
def test_a_wrong_argument_is_exit_code_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    code, said, err = snapshot(capsys, *arguments)
    assert (code, said) == (2, "")
    assert err
    assert SECRET not in err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_server_that_cannot_be_reached_is_exit_code_3(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGOBS_PROMETHEUS_URL", f"http://me:{SECRET}@127.0.0.1:1")
    code, _, err = snapshot(capsys, "--out", tmp_path / "s.html")
    assert (code, "cannot be reached" in err, SECRET in err) == (3, True, False)


def test_a_folder_that_cannot_be_written_is_exit_code_4(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "png" / "small.png").mkdir(parents=True)  # stands in the way, also for root
    with Stub(ANSWERING) as stub:
        code, _, err = snapshot(
            capsys, "--prometheus", stub.url, *SMALL, *RANGE,
            "--out", tmp_path / "s.html", "--png", tmp_path / "png",
        )  # fmt: skip
    assert (code, "cannot be written" in err) == (4, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["png"]


def test_without_the_extra_nothing_is_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    with Stub(ANSWERING) as stub:
        code, _, err = snapshot(capsys, "--prometheus", stub.url, "--out", tmp_path / "s.html")
        assert stub.requests == []
    assert (code, "pip install 'regobs[snapshot]'" in err) == (4, True)


def test_an_overlay_of_the_pack_is_applied(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    overlay = """local regobs = import 'regobs.libsonnet';
    function(dashboard) regobs.add(regobs.remove(dashboard, 'Now'), 'Requests',
      { title: 'Ours', type: 'stat', targets: [{ refId: 'A', expr: 'sum(haproxy_up{job="lb"})' }] })"""
    Path("pack/dashboards/small.overlay.jsonnet").write_text(overlay)
    with Stub(ANSWERING) as stub:
        out = tmp_path / "s.html"
        code, _, _ = snapshot(capsys, "--prometheus", stub.url, *SMALL, *RANGE, "--out", out)
        asked = [query for request in stub.requests for query in request.params.get("query", ())]
    assert code == 0
    html = out.read_text(encoding="utf-8")
    assert "<h3>Ours</h3>" in html
    assert "<h3>Now</h3>" not in html
    assert 'sum(haproxy_up{job="lb"})' in asked


def test_an_overlay_that_fails_is_one_error_before_anything_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    Path("pack/dashboards/small.overlay.jsonnet").write_text("function(dashboard) error 'not today'")
    with Stub(ANSWERING) as stub:
        code, _, err = snapshot(capsys, "--prometheus", stub.url, *SMALL, *RANGE, "--out", "s.html")
        assert not stub.requests
    assert (code, "not today" in err, "small.overlay.jsonnet" in err) == (2, True, True)
    assert not Path("s.html").exists()
