"""`regobs query series`, `labels` and `values` of a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.errors import ExitCode
from tests.prometheus.stub import NOT_FOUND, Reply, Stub, success

LISTS = [["series", "up"], ["labels", "up"], ["values", "job"]]
REPLIES = {
    "/api/v1/series": success([{"__name__": "up"}]),
    "/api/v1/labels": success(["job"]),
    "/api/v1/label/job/values": success(["a"]),
    "/api/v1/stores": NOT_FOUND,
}


def ends(arguments: list[str]) -> tuple[int, list[float]]:
    """Exit code, and the start and end that the first request asked for."""
    with Stub(REPLIES) as stub:
        code = run(["query", *arguments, "--prometheus", stub.url])
        params = stub.requests[0].params if stub.requests else {}
    return code, [float(params[name][0]) for name in ("start", "end") if name in params]


@pytest.mark.parametrize("words", LISTS)
def test_a_list_is_of_all_times_of_a_moment_or_of_a_range(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ends(words) == (ExitCode.OK, [])
    assert ends([*words, "--at", "1700000000"]) == (ExitCode.OK, [1_699_999_700, 1_700_000_000])
    span = ["--from", "1700000000", "--to", "1700003600"]
    assert ends([*words, *span]) == (ExitCode.OK, [1_700_000_000, 1_700_003_600])
    code, (start, end) = ends([*words, "--range", "1h"])
    assert (code, end - start) == (ExitCode.OK, 3600)
    assert ends([*words, "--at", "banana"]) == (ExitCode.INPUT, [])
    assert ends([*words, *span, "--at", "now"]) == (ExitCode.INPUT, [])
    assert ends([*words, "--to", "now"]) == (ExitCode.INPUT, [])


VICTORIA = {"X-Server-Hostname": "vm-0"}
UNSUPPORTED = Reply(400, "unsupported path requested", "text/plain", VICTORIA)


@pytest.mark.parametrize(
    ("verb", "empty", "program", "none"),
    [
        ("rules", success({"groups": []}), "vmalert", "the server has no rules loaded"),
        ("alerts", success({"alerts": []}), "vmalert", "no alert is pending or firing"),
        ("targets", success({"activeTargets": []}), "vmagent", "the server scrapes nothing"),
        ("targets", UNSUPPORTED, "vmagent", ""),
    ],
)
def test_what_victoriametrics_leaves_to_another_program_is_said_with_its_address(
    verb: str, empty: Reply, program: str, none: str, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {f"/api/v1/{verb}": empty, "/api/v1/query": success({"resultType": "vector", "result": []})}
    with Stub(paths, default=UNSUPPORTED) as stub:
        code = run(["query", verb, "--prometheus", stub.url])
    out, err = capsys.readouterr()
    assert f"VictoriaMetrics leaves {verb} to {program}" in err
    assert f"http://{program.upper()}:" in err
    assert (code, out) == ((ExitCode.OK, f"{none}\n") if empty.status == 200 else (ExitCode.SERVER, ""))


@pytest.mark.parametrize(
    ("verb", "empty", "none"),
    [
        ("rules", success({"groups": []}), "the server has no rules loaded"),
        ("alerts", success({"alerts": []}), "no alert is pending or firing"),
        ("targets", success({"activeTargets": []}), "the server scrapes nothing"),
    ],
)
def test_a_prometheus_that_has_none_is_not_sent_elsewhere(
    verb: str, empty: Reply, none: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stub({f"/api/v1/{verb}": empty}) as stub:
        assert run(["query", verb, "--prometheus", stub.url]) == ExitCode.OK
    assert capsys.readouterr() == (f"{none}\n", "")


RULE = {"type": "alerting", "name": "A", "query": "up == 0", "health": "ok"}
GROUPS = success({"groups": [{"name": "g", "file": "f", "rules": [RULE]}]})


@pytest.mark.parametrize(
    ("words", "replies", "none"),
    [
        (["rules", "zzz"], {"/api/v1/rules": GROUPS}, "no rule or group has 'zzz' in it, 1 do not"),
        (["alerts"], {"/api/v1/alerts": success({"alerts": []}), "/api/v1/rules": success({"groups": []})},
         "no alert is pending or firing: the server has no alerts loaded"),
        (["alerts"], {"/api/v1/alerts": success({"alerts": []}), "/api/v1/rules": GROUPS},
         "no alert is pending or firing"),
        (["series", "up", "--at", "now"], {"/api/v1/series": success([])}, "no series in this time"),
        (["series", "up"], {"/api/v1/series": success([])}, "no series at any time"),
    ],
)  # fmt: skip
def test_an_empty_table_says_what_there_is_none_of(
    words: list[str], replies: dict[str, Reply], none: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stub(replies) as stub:
        assert run(["query", *words, "--prometheus", stub.url]) == ExitCode.OK
    assert capsys.readouterr().out == f"{none}\n"


@pytest.mark.parametrize(
    ("words", "path", "data"),
    [
        (["rules"], "rules", {"groups": []}),
        (["alerts"], "alerts", {"alerts": []}),
        (["targets"], "targets", {"activeTargets": []}),
        (["metadata"], "metadata", {"up": [{"type": "gauge", "help": "h", "unit": ""}]}),
        (["series", "up"], "series", [{"__name__": "up"}]),
        (["labels"], "labels", ["job"]),
        (["values", "job"], "label/job/values", ["a"]),
        (["exemplars", "up"], "query_exemplars", []),
        (["panel", "overview", "Requests, 5 min", "--run"], "query", {"resultType": "vector", "result": []}),
        (["alert", "RegistryDown"], "query", {"resultType": "vector", "result": []}),
    ],
)
@pytest.mark.parametrize("more", [{"warnings": ["rpc error: a store is away"]}, {"isPartial": True}, {}])
def test_every_list_of_a_thanos_that_lacks_a_store_is_partial(
    *,
    words: list[str],
    path: str,
    data: object,
    more: dict[str, object],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    build = success({"version": "0.42.0"})
    replies = {f"/api/v1/{path}": success(data, **more), "/api/v1/status/buildinfo": build, "/api/v1/stores": NOT_FOUND}
    with Stub(replies) as stub:
        code = run(["query", *words, "--prometheus", stub.url])
    err = capsys.readouterr().err
    assert code == (ExitCode.INCOMPLETE if more else ExitCode.OK)
    assert err.count("PARTIAL: ") == bool(more)
    assert "Warning: rpc" not in err
