"""The operators of Thanos' engine under the tree of an expression, against a strict stub of Thanos Query."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from regobs.cli.main import run
from regobs.errors import ExitCode
from regobs.prometheus import Prometheus
from regobs.prometheus.analysis import AskedStore, Operator, go_seconds
from regobs.query.ask import check_query
from regobs.query.explain import operators
from tests.prometheus.stub import NOT_FOUND, Reply, Request, Stub, failure, success, vector

EXPR = "sum by (code) (rate(registry_http_requests_total[5m]))"
STORES = success({"sidecar": [{"name": "a:10901", "lastError": None, "minTime": 0, "maxTime": 1}]})
# What Thanos 0.42 answers: empty and zero fields are left out.
ANALYSIS = {
    "name": "[aggregate] sum by ([code])",
    "executionTime": "1m2.5s",
    "peakSamples": 4,
    "totalSamples": 40,
    "children": [
        {"name": "[duplicateLabelCheck]", "executionTime": "36.1µs", "children": [
            {"name": "[matrixSelector] rate({...}[5m0s])", "executionTime": "0s", "totalSamples": 40, "fanout": [
                {"endpointAddr": "a:10901", "duration": "1.5ms", "bytesProcessed": 9, "numResponses": 1, "series": 2,
                 "chunks": 2, "samples": 40}]},
        ]},
        {"name": "[numberLiteral] 1", "executionTime": "80ns"},
    ],
}  # fmt: skip


def thanos(analysis: dict[str, Any] | None = None, warning: str = "", stores: Reply = STORES) -> Stub:
    def query(request: Request) -> Reply:
        if request.params.get("analyze") != ["true"]:
            return vector(({"code": "200"}, "1"))
        if request.params.get("engine") != ["thanos"]:
            return success({"resultType": "vector", "result": [], "analysis": {}}, warnings=["Query not analyzable"])
        data = {"resultType": "vector", "result": [], "analysis": analysis or {}}
        return success(data, **({"warnings": [warning]} if warning else {}))

    return Stub({"/api/v1/query": query, "/api/v1/stores": stores})


def explain(stub: Stub, *arguments: str) -> int:
    return run(["query", "explain", EXPR, "--prometheus", stub.url, *arguments])


def test_operators_follow_the_tree_with_the_stores_that_each_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with thanos(ANALYSIS) as stub:
        assert explain(stub) == ExitCode.OK
        text = capsys.readouterr().out
        assert explain(stub, "--format", "json") == ExitCode.OK
        nodes = json.loads(capsys.readouterr().out)
        times = {tuple(one.params["time"]) for one in stub.requests if "analyze" in one.params}
    rows = [line.strip() for line in text.partition("operator of Thanos")[2].splitlines()[1:]]
    assert [row.split("[")[0].strip() for row in rows] == ["", "├─", "│  └─", "└─"]
    assert rows[2].endswith("a:10901: 2 series in 1.5 ms")
    assert ["analysis" in node for node in nodes] == [True, *[False] * (len(nodes) - 1)]
    first = nodes[0]["analysis"][0]
    assert (first["operator"], first["seconds"], first["samples"], first["peak"]) == (ANALYSIS["name"], 62.5, 40, 4)
    assert nodes[0]["analysis"][2]["stores"] == [{"address": "a:10901", "seconds": 0.0015, "series": 2, "samples": 40}]
    assert len(times) == 2


@pytest.mark.parametrize("warning", ["Query fallback to prometheus engine; not analyzable.", ""])
def test_an_expression_that_is_left_to_the_other_engine_has_the_tree_alone(
    warning: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with thanos(None, warning) as stub:
        assert explain(stub) == ExitCode.OK
    out, err = capsys.readouterr()
    assert ("operator of Thanos" in out, "PARTIAL" in err) == (False, False)


def test_another_server_is_asked_for_no_analysis() -> None:
    with thanos(ANALYSIS, stores=NOT_FOUND) as stub, Prometheus(stub.url) as server:
        expr = check_query(EXPR).expr
        assert expr is not None
        server.query("1")
        assert operators(expr, server) == []
        assert not any("analyze" in one.params for one in stub.requests)


def test_a_thanos_without_that_engine_has_none() -> None:
    replies = {"/api/v1/query": failure(400, "bad_data", "'engine' parameter: bad engine"), "/api/v1/stores": STORES}

    with Stub(replies) as stub, Prometheus(stub.url) as server:
        expr = check_query(EXPR).expr
        assert expr is not None
        assert operators(expr, server) == []


def test_an_analysis_is_read_whole() -> None:
    with thanos(ANALYSIS) as stub, Prometheus(stub.url) as server:
        found = server.analysis(EXPR)
    assert found is not None
    assert found.children[0].children[0].stores == (AskedStore("a:10901", 0.0015, 2, 40),)
    assert found.children[1] == Operator("[numberLiteral] 1", 8e-8, 0, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0s", 0), ("0", 0), ("1h2m3.5s", 3723.5), ("999.999ms", 0.999999), ("36.1µs", 3.61e-5), ("80ns", 8e-8)],
)
def test_durations_of_go_are_read(text: str, expected: float) -> None:
    assert go_seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "1", "1s ", "s", "1d", "-1s", "1s;", "1e3s"])
def test_other_texts_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        go_seconds(text)


def test_a_long_number_without_a_unit_is_read_once() -> None:
    start = time.process_time()
    with pytest.raises(ValueError, match="no duration"):
        go_seconds("0" * 1_000_000)
    assert time.process_time() - start < 1
