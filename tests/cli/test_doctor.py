from __future__ import annotations

import json
import re
import sys
import time
from io import StringIO
from pathlib import Path

import pytest

from regobs.cli.content import progress
from regobs.cli.doctor import _with_gaps
from regobs.cli.main import run
from regobs.doctor.report import DoctorReport, Problem
from regobs.prometheus import Prometheus
from tests.prometheus.stub import Reply, Stub, success, vector

SECRET = "s3cr3t-Wort"


def doctor(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = run(["doctor", *arguments])
    out, err = capsys.readouterr()
    assert out == "" or code in {0, 1}
    return code, err


def test_a_server_that_cannot_be_reached_is_exit_code_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGOBS_PROMETHEUS_URL", f"http://me:{SECRET}@127.0.0.1:1")
    code, said = doctor(capsys)
    assert code == 3
    assert "http://127.0.0.1:1 cannot be reached" in said
    assert SECRET not in said


def test_a_server_that_is_a_registry_is_exit_code_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    replies = {"/v2/": Reply(401, "{}", headers={"Docker-Distribution-Api-Version": "registry/2.0"})}
    with Stub(replies) as stub:
        monkeypatch.setenv("REGOBS_PROMETHEUS_URL", f"http://me:{SECRET}@{stub.address}")
        code, said = doctor(capsys)
    assert (code, "is a registry, not Prometheus" in said) == (3, True)
    assert SECRET not in said


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--prometheus", f"me:{SECRET}@host:9090"),
        ("--prometheus", "http://127.0.0.1:1", "--window", "soon"),
        ("--prometheus", "http://127.0.0.1:1", "--window", "$__range"),
        ("--prometheus", "http://127.0.0.1:1", "--window", "0s"),
        ("--prometheus", "http://127.0.0.1:1", "--format", "xml"),
        ("--prometheus", "http://127.0.0.1:1", "--dashboard", "nothing-like-it"),
        ("--prometheus", "http://127.0.0.1:1", "--config", "missing.toml"),
        ("--prometheus", "http://127.0.0.1:1", "--pack", "missing"),
    ],
)
def test_a_wrong_argument_is_exit_code_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = doctor(capsys, *arguments)
    assert code == 2
    assert said
    assert SECRET not in said


class _Tty(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_tells_how_much_is_done_and_invents_no_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _Tty()
    monkeypatch.setattr(sys, "stderr", shown)
    with progress("queries") as told:
        told(1, 4)
        time.sleep(1.1)  # the bar of click tells a remaining time after its first second
        told(2, 4)
    assert "50%" in shown.getvalue()
    assert re.search(r"\d:\d\d", shown.getvalue()) is None


@pytest.mark.parametrize(
    ("error", "warnings", "said"),
    [
        (None, [], []),
        (None, ["PromQL warning: of the expression"], []),
        ("connection refused", [], ["sidecar a:10901 is away: connection refused"]),
        (None, ["fetch series: unavailable"], ["fetch series: unavailable"]),
    ],
)
def test_a_store_that_is_away_is_told_before_what_is_empty(
    error: str | None, warnings: list[str], said: list[str]
) -> None:
    answer = Reply(body=json.dumps({**json.loads(vector(({}, "1")).body), "warnings": warnings}))
    stores = success({"sidecar": [{"name": "a:10901", "lastError": error}]})
    with Stub({"/api/v1/query": answer, "/api/v1/stores": stores}) as stub, Prometheus(stub.url) as prometheus:
        prometheus.query("1")
        other = Problem("the server is behind", "")
        report = _with_gaps(DoctorReport(stub.url, "", "gitlab", "", (), (), (), state=(other,)), prometheus)
    assert [one.text for one in report.state] == [*(f"answers are not the whole: {one}" for one in said), other.text]
