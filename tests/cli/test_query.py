from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regobs.cli.main import run
from regobs.errors import ExitCode
from tests.prometheus.stub import Reply, Stub

SECRET = "s3cr3t-Wort"
Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def panel(capsys: Output, *arguments: str) -> tuple[int, str, str]:
    code = run(["query", "panel", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def answer(*samples: tuple[dict[str, str], str], **more: Any) -> Reply:
    result = [{"metric": labels, "value": [1.5, value]} for labels, value in samples]
    return Reply(200, json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}, **more}))


def test_the_query_of_a_panel_can_be_pasted_into_prometheus(capsys: Output) -> None:
    code, out, _ = panel(capsys, "application-detail", "Requests by status")
    assert (code, out) == (ExitCode.OK, 'sum by (code) (rate(registry_http_requests_total{job="registry"}[1m]))\n')


def test_the_window_and_the_range_can_be_chosen(capsys: Output, tmp_path: Path) -> None:
    assert "[7m]" in panel(capsys, "application-detail", "Requests by status", "--window", "7m")[1]
    (tmp_path / "regobs.toml").write_text('[registry]\ncapabilities = ["prometheus"]\n')
    missed = ("rules-health", "Rule evaluations missed in range")
    assert "[1h]" in panel(capsys, *missed)[1]
    assert "[2h]" in panel(capsys, *missed, "--range", "2h")[1]


def test_as_is_has_the_variables_of_grafana(capsys: Output) -> None:
    out = panel(capsys, "application-detail", "Requests by status", "--as-is")[1]
    assert out == (
        'sum by (code) (rate(registry_http_requests_total{job="registry", instance=~"$instance"}[$__rate_interval]))\n'
    )


def test_without_settings_a_server_is_asked_any_panel_and_says_itself_what_it_lacks(capsys: Output) -> None:
    with Stub({"/api/v1/query": answer()}) as stub:
        asked = ("storage-detail", "Descriptor cache hit ratio", "--prometheus", f"http://{stub.address}")
        code, out, err = panel(capsys, *asked)
    assert (code, err) == (ExitCode.OK, "")
    assert out.endswith("no data\n")


def test_each_expression_of_a_panel_is_named(capsys: Output) -> None:
    _, out, _ = panel(capsys, "overview", "Blob traffic, 5 min")
    assert [line for line in out.splitlines() if line.startswith("#")] == [
        "# received",
        "# sent by the registry",
        "# redirected to the store",
    ]


def test_a_panel_that_is_left_out_says_why_and_a_misspelt_one_what_is_near(capsys: Output) -> None:
    code, _, err = panel(capsys, "storage-detail", "Descriptor cache hit ratio")
    assert code == ExitCode.INPUT
    assert "is left out" in err  # of a deployment without the cache
    code, _, err = panel(capsys, "overview", "Requests by rute")
    assert (code, "Requests by route, 5 min" in err) == (ExitCode.INPUT, True)
    assert panel(capsys, "application-detail", "Processes (top 10) / Resident memory")[0] == ExitCode.OK


TWINS = """
from regobs.catalog import http
from regobs.grafana.words import *

one = Row("One", Lines("Rate", rate(http.REQUESTS), good="g"), Lines("Again", rate(http.REQUESTS, by="code"), good="g"))
other = Row("Other", Lines("Rate", rate(http.REQUESTS, by="route"), good="g"))
repeated = Row("Repeated", Lines("Again", rate(http.REQUESTS, by="code"), good="g"))
dashboard = Dashboard("Twins", one, other, repeated)
"""


def test_several_panels_of_one_title_are_listed(capsys: Output, tmp_path: Path) -> None:
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "twins.dashboard.py").write_text(TWINS)
    pack = ("--pack", str(tmp_path))
    code, _, err = panel(capsys, "twins", "Rate", *pack)
    assert code == ExitCode.INPUT
    assert "One / Rate; Other / Rate" in err
    assert panel(capsys, "twins", "other / rate", *pack)[0] == ExitCode.OK
    assert panel(capsys, "twins", "Again", *pack)[0] == ExitCode.OK  # both rows ask the same


def test_what_a_server_answers_is_a_table_largest_first(capsys: Output) -> None:
    with Stub({"/api/v1/query": answer(({"code": "200"}, "0.5"), ({"code": "500"}, "2"))}) as stub:
        code, out, _ = panel(
            capsys, "application-detail", "Requests by status", "--prometheus", f"http://{stub.address}"
        )
    assert code == ExitCode.OK
    assert out.splitlines()[1:] == ["", "code  requests/s", "500   2", "200   0.5"]


def test_a_panel_is_asked_for_a_moment_in_the_past(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("application-detail", "Requests by status", "--at")
    with Stub({"/api/v1/query": answer(({"code": "200"}, "7"))}) as stub:
        monkeypatch.setenv("REGOBS_PROMETHEUS_URL", f"http://{stub.address}")
        code, out, _ = panel(capsys, *asked, "2026-05-31 12:00 Europe/Berlin")
        assert panel(capsys, *asked, "neverday")[0] == ExitCode.INPUT
        sent = [one.params["time"] for one in stub.requests if one.path == "/api/v1/query"]
    assert (code, "200" in out) == (ExitCode.OK, True)
    assert sent == [["1780221600.0"]]


def test_an_empty_answer_is_no_data(capsys: Output) -> None:
    with Stub({"/api/v1/query": answer()}) as stub:
        _, out, _ = panel(capsys, "application-detail", "Requests by status", "--prometheus", f"http://{stub.address}")
    assert out.splitlines()[-1] == "no data"


def test_json_has_query_unit_and_result(capsys: Output) -> None:
    address = ("application-detail", "Requests by status", "--format", "json")
    assert "result" not in json.loads(panel(capsys, *address)[1])["queries"][0]
    with Stub({"/api/v1/query": answer(({"code": "200"}, "0.5"), ({}, "+Inf"))}) as stub:
        out = panel(capsys, *address, "--prometheus", f"http://{stub.address}")[1]
    [query] = json.loads(out)["queries"]
    assert query["unit"] == "requests/s"
    assert query["result"] == [{"labels": {}, "value": "inf"}, {"labels": {"code": "200"}, "value": 0.5}]


def test_warnings_of_the_server_are_passed_on(capsys: Output) -> None:
    with Stub({"/api/v1/query": answer(warnings=["half of it"])}) as stub:
        _, out, err = panel(
            capsys, "application-detail", "Requests by status", "--prometheus", f"http://{stub.address}"
        )
    assert ("half of it" in err, "half of it" in out) == (True, False)


def test_a_server_that_cannot_be_reached_is_exit_code_3(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGOBS_PROMETHEUS_URL", f"http://me:{SECRET}@127.0.0.1:1")
    code, out, err = panel(capsys, "overview", "Requests, 5 min", "--run")
    assert (code, out) == (ExitCode.SERVER, "")
    assert SECRET not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing-like-it",),
        ("nothing-like-it", "Requests"),
        ("overview", "nothing like it"),
        ("overview", "Requests, 5 min", "--window", "soon"),
        ("overview", "Requests, 5 min", "--window", "0s"),
        ("overview", "Requests, 5 min", "--range", "$__range"),
        ("overview", "Requests, 5 min", "--as-is", "--prometheus", "http://127.0.0.1:1"),
        ("overview", "Requests, 5 min", "--config", "missing.toml"),
    ],
)
def test_a_wrong_argument_is_exit_code_2(capsys: Output, arguments: tuple[str, ...]) -> None:
    code, out, err = panel(capsys, *arguments)
    assert (code, out) == (ExitCode.INPUT, "")
    assert err


def test_without_a_name_the_panels_that_can_be_asked_are_listed_by_dashboard(capsys: Output) -> None:
    code, out, _ = panel(capsys, "--format", "json")
    assert code == ExitCode.OK
    listed = json.loads(out)["panels"]
    assert {one["dashboard"] for one in listed} >= {"overview", "application-detail", "storage-detail"}
    one = next(one for one in listed if one["panel"] == "Requests by status")
    assert (one["dashboard"], one["queries"], bool(one["row"]), bool(one["good"])) == (
        "application-detail",
        1,
        True,
        True,
    )
    assert len({(one["dashboard"], one["panel"].casefold()) for one in listed}) == len(listed)
    assert panel(capsys)[1].splitlines()[0].split() == ["dashboard", "row", "panel", "queries"]


def test_every_listed_panel_of_a_dashboard_is_asked_by_its_name(capsys: Output) -> None:
    code, out, _ = panel(capsys, "storage-detail", "--format", "json")
    listed = json.loads(out)["panels"]
    assert (code, {one["dashboard"] for one in listed}) == (ExitCode.OK, {"storage-detail"})
    for one in listed[:8]:
        code, found, _ = panel(capsys, "storage-detail", one["panel"], "--format", "json")
        assert (code, len(json.loads(found)["queries"])) == (ExitCode.OK, one["queries"])
    assert panel(capsys, "storage-detial")[0] == ExitCode.INPUT


def test_panels_of_one_title_are_listed_with_their_rows(capsys: Output, tmp_path: Path) -> None:
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "twins.dashboard.py").write_text(TWINS)
    pack = ("--pack", str(tmp_path))
    names = [one["panel"] for one in json.loads(panel(capsys, "twins", *pack, "--format", "json")[1])["panels"]]
    assert all(panel(capsys, "twins", name, *pack)[0] == ExitCode.OK for name in names)
    assert names == ["One / Rate", "Again", "Other / Rate"]  # Again asks the same in both rows


@pytest.mark.parametrize("arguments", [("--run",), ("overview", "--as-is"), ("--prometheus", "http://127.0.0.1:1")])
def test_a_list_asks_no_server(capsys: Output, arguments: tuple[str, ...]) -> None:
    code, _, err = panel(capsys, *arguments)
    assert (code, "`regobs query panel` lists" in err) == (ExitCode.INPUT, True)
