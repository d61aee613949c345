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
    ("verb", "empty", "program"),
    [
        ("rules", success({"groups": []}), "vmalert"),
        ("alerts", success({"alerts": []}), "vmalert"),
        ("targets", success({"activeTargets": []}), "vmagent"),
        ("targets", UNSUPPORTED, "vmagent"),
    ],
)
def test_what_victoriametrics_leaves_to_another_program_is_said_with_its_address(
    verb: str, empty: Reply, program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {f"/api/v1/{verb}": empty, "/api/v1/query": success({"resultType": "vector", "result": []})}
    with Stub(paths, default=UNSUPPORTED) as stub:
        code = run(["query", verb, "--prometheus", stub.url])
    out, err = capsys.readouterr()
    assert f"VictoriaMetrics leaves {verb} to {program}" in err
    assert f"http://{program.upper()}:" in err
    assert (code, out) == ((ExitCode.OK, "nothing\n") if empty.status == 200 else (ExitCode.SERVER, ""))


@pytest.mark.parametrize(
    ("verb", "empty"),
    [
        ("rules", success({"groups": []})),
        ("alerts", success({"alerts": []})),
        ("targets", success({"activeTargets": []})),
    ],
)
def test_a_prometheus_that_has_none_is_not_sent_elsewhere(
    verb: str, empty: Reply, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stub({f"/api/v1/{verb}": empty}) as stub:
        assert run(["query", verb, "--prometheus", stub.url]) == ExitCode.OK
    assert capsys.readouterr() == ("nothing\n", "")
