"""`regobs query 'EXPR'` on servers that answer as told."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.errors import ExitCode
from tests.prometheus.stub import NOT_FOUND, Reply, Stub, failure, success, vector

Output = pytest.CaptureFixture[str]
SECRET = "s3cr3t-Wort"
CODES = ({"code": "200", "job": "r"}, "1500"), ({"code": "500", "job": "r"}, "NaN")
EXPR = "sum by (code, job) (rate(registry_http_requests_total[5m]))"
HEAP = "sum(registry_storage_blob_upload_bytes_sum)"


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ask(capsys: Output, reply: Reply, *arguments: str, stores: Reply = NOT_FOUND) -> tuple[int, str, str]:
    paths = ("query", "query_range", "series", "labels", "rules")
    replies = {f"/api/v1/{path}": reply for path in paths} | {"/api/v1/stores": stores}
    with Stub(replies) as stub, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGOBS_PROMETHEUS_URL", f"http://me:{SECRET}@{stub.address}")
        code = run(["query", *arguments])
    out, err = capsys.readouterr()
    assert SECRET not in out + err
    return code, out, err


def test_a_table_has_the_unit_and_what_all_series_share_once(capsys: Output) -> None:
    code, out, err = ask(capsys, vector(*CODES), EXPR)
    assert (code, err) == (ExitCode.OK, "")
    assert out.splitlines() == ['all have {job="r"}', "code  requests/s", "200   1.5K req/s", "500          NaN"]


def test_bytes_are_bytes_and_an_unknown_series_is_a_number(capsys: Output) -> None:
    assert "2 MiB" in ask(capsys, vector(({}, str(2**21))), HEAP)[1]
    assert "2097152" in ask(capsys, vector(({}, str(2**21))), "something_else")[1]


def test_csv_and_json_have_every_digit(capsys: Output) -> None:
    value = "0.1234567890123456"
    out = ask(capsys, vector(({"a": 'x,"y'}, value)), EXPR, "--format", "csv")[1]
    assert list(csv.reader(io.StringIO(out))) == [["time", "value", "a"], ["2023-11-14T22:13:20.500Z", value, 'x,"y']]
    data = json.loads(ask(capsys, vector(*CODES), EXPR, "--format", "json")[1])
    assert (data["complete"], data["unit"], data["query"]) == (True, "requests/s", EXPR)
    assert [entry["value"] for entry in data["result"]] == [1500.0, "NaN"]
    lines = ask(capsys, vector(*CODES), EXPR, "--format", "ndjson")[1].splitlines()
    assert json.loads(lines[0]) == {"labels": {"code": "200", "job": "r"}, "time": 1_700_000_000.5, "value": 1500.0}


def test_a_wrong_expression_is_not_sent_and_has_a_caret_under_its_place(capsys: Output) -> None:
    with Stub({}) as stub:
        for text, column in (("sum(rate(up[5m])", 3), ("1 + rate(registry_http_in_flight_requests[5m])", 9)):
            assert run(["query", text, "--prometheus", stub.url]) == ExitCode.INPUT
            lines = capsys.readouterr().err.splitlines()
            assert lines[1] == f"  value:    {text}"
            assert lines[2] == " " * (12 + column) + "^"
        assert stub.requests == []


def test_unchecked_sends_what_regobs_does_not_know(capsys: Output) -> None:
    assert ask(capsys, vector(({}, "1")), "smoothed(x) ++", "--unchecked")[0] == ExitCode.OK


def test_a_label_that_only_the_scrape_can_add_is_a_note(capsys: Output) -> None:
    code, _, err = ask(capsys, vector(*CODES), "sum by (rack) (rate(registry_http_requests_total[5m]))")
    assert code == ExitCode.OK
    assert "Note: registry_http_requests_total has no label rack" in err


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        (success({"resultType": "vector", "result": []}, warnings=["rpc error: store x unavailable"]), "PARTIAL"),
        (success({"resultType": "vector", "result": []}, warnings=["results truncated due to limit"]), "TRUNCATED"),
        (success({"resultType": "vector", "result": []}, isPartial=True), "PARTIAL"),
    ],
)
def test_an_answer_that_is_not_the_whole_has_an_exit_code_of_its_own(capsys: Output, reply: Reply, word: str) -> None:
    code, out, err = ask(capsys, reply, "up")
    assert (code, out) == (ExitCode.INCOMPLETE, "no data\n")
    assert err.startswith(f"{word}: ")
    assert json.loads(ask(capsys, reply, "up", "--format", "json")[1])["complete"] is False


def test_annotations_of_promql_are_warnings_and_nothing_is_missing(capsys: Output) -> None:
    reply = success({"resultType": "vector", "result": []}, warnings=["PromQL warning: bucket label le is missing"])
    code, _, err = ask(capsys, reply, "up")
    assert (code, err) == (ExitCode.OK, "Warning: PromQL warning: bucket label le is missing\n")


def test_a_store_that_thanos_gave_up_is_said(capsys: Output) -> None:
    stores = success({"sidecar": [{"name": "10.0.0.1:10901", "lastError": "EOF"}, {"name": "b", "lastError": None}]})
    code, _, err = ask(capsys, vector(({}, "1")), "up", stores=stores)
    assert (code, err) == (ExitCode.INCOMPLETE, "PARTIAL: sidecar 10.0.0.1:10901 is away: EOF\n")


def test_thanos_is_told_what_the_options_say() -> None:
    options = ["--no-dedup", "--no-partial-response", "--max-source-resolution", "5m", "--engine", "thanos"]
    with Stub({"/api/v1/query": vector(), "/api/v1/stores": success({"sidecar": [{"name": "a:10901"}]})}) as stub:
        code = run(["query", "up", *options, "--replica-label", "r", "--prometheus", stub.url])
        sent = stub.requests[0].params
    assert code == ExitCode.INCOMPLETE  # downsampled samples were allowed
    assert sent == {
        "query": ["up"],
        "dedup": ["false"],
        "partial_response": ["false"],
        "max_source_resolution": ["5m"],
        "engine": ["thanos"],
        "replicaLabels[]": ["r"],
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--no-dedup"], "--no-dedup"),
        (["--dedup", "--engine", "thanos"], "--dedup and --engine"),
        (["--partial-response", "--max-source-resolution", "5m"], "--partial-response and --max-source-resolution"),
        (["--no-partial-response", "--replica-label", "r"], "--no-partial-response and --replica-label"),
        (["--store", "host:10901"], "--store"),
        ([], None),
    ],
)
def test_a_server_that_is_no_thanos_is_said_to_ignore_the_options_of_thanos(
    options: list[str], said: str | None, capsys: Output
) -> None:
    for form in ([], ["--range", "10m"]):
        code, _, err = ask(capsys, success({"resultType": "matrix", "result": []}), "up", *options, *form)
        warnings = [line for line in err.splitlines() if line.startswith("Warning:")]
        assert (code, len(warnings)) == (ExitCode.OK, said is not None)
        assert said is None or f"other servers ignore {said}" in warnings[0]
    thanos = ask(capsys, vector(({}, "1")), "up", *options, stores=success({"store": [{"name": "host:10901"}]}))[2]
    assert "ignore" not in thanos


FAULTS = {
    "4xx": failure(400, "bad_data", "no"),
    "5xx": Reply(500, "oops", "text/plain"),
    "gateway": Reply(502, "bad gateway", "text/html"),
    "limit": Reply(429, "", "text/plain", {"Retry-After": "7", "Content-Length": "0"}),
    "reset": Reply(200, '{"status": "success", "data": {"resultType": "vec', headers={"Content-Length": "500"}),
    "json": Reply(200, '{"status": "success", "data": {"resultType": "vec'),
    "login": Reply(302, "", "text/html", {"Location": "https://login.example/?x=1", "Content-Length": "0"}),
    "slow": Reply(200, "", delay=1.5),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_clear_error_and_no_data(capsys: Output, fault: str) -> None:
    code, out, err = ask(capsys, FAULTS[fault], "up", "--timeout", "0.5")
    assert (code, out) == (ExitCode.SERVER, "")
    assert re.match(r"Error: (the answer of )?http://127\.0\.0\.1", err)
    if fault == "limit":
        assert "Retry-After: 7 s" in err


def test_several_words_are_a_misspelt_verb_or_an_expression_without_quotes(capsys: Output) -> None:
    assert run(["query", "panle", "a"]) == ExitCode.INPUT
    assert "did you mean panel?" in capsys.readouterr().err
    assert run(["query", "sum(up)", "/", "2"]) == ExitCode.INPUT
    assert "single quotes" in capsys.readouterr().err


def test_times_that_contradict_each_other_are_refused(capsys: Output) -> None:
    for options in (["--at", "now", "--range", "1h"], ["--range", "1h", "--from", "now-2h"], ["--step", "1m"]):
        assert run(["query", "up", *options, "--prometheus", "http://127.0.0.1:1"]) == ExitCode.INPUT
    assert "beginning" in capsys.readouterr().err


def test_a_query_loads_nothing_heavy() -> None:
    heavy = ["pandas", "duckdb", "grafanalib", "altair", "vl_convert", "yaml", "numpy", "pyarrow"]
    program = (
        "import sys; from regobs.cli.main import run; run(['query', 'up', '--prometheus', 'http://127.0.0.1:1']);"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_empty_answer_names_what_the_catalog_has_instead_and_what_finds_the_reason(capsys: Output) -> None:
    code, out, err = ask(capsys, vector(), "rate(registry_http_request_total[5m])")
    assert (code, out) == (ExitCode.OK, "no data\n")
    first, second = err.splitlines()
    assert first.startswith("Note: no registry has a metric registry_http_request_total; the nearest are ")
    assert "registry_http_requests_total" in first
    assert "`regobs query why`" in second
    assert len(ask(capsys, vector(), "rate(registry_http_requests_total[5m])")[2].splitlines()) == 1
    assert len(ask(capsys, vector(), "rate(registry_http_request_total[5m])", "--unchecked")[2].splitlines()) == 1


def test_what_is_not_empty_or_not_read_by_a_person_has_no_note(capsys: Output) -> None:
    assert ask(capsys, vector(({}, "0")), "rate(registry_http_request_total[5m])")[2] == ""
    assert ask(capsys, vector(), "rate(registry_http_request_total[5m])", "--format", "json")[2] == ""


def test_a_query_without_settings_loads_none_of_what_only_files_errors_and_shells_need(tmp_path: Path) -> None:
    needless = ["tomllib", "subprocess", "zoneinfo", "click.shell_completion", "regobs.config.reading", "regobs.pack"]
    needless += ["regobs.config.named", "regobs.secrets.texts", "regobs.promql.build", "regobs.catalog.index"]
    with Stub({"/api/v1/query": vector(({"instance": "a"}, "1"))}) as stub:
        program = (
            "import sys; from regobs.cli.main import run;"
            f"code = run(['query', 'vector(1)', '--prometheus', {stub.url!r}]);"
            f"print(code, [name for name in {needless} if name in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "0 []"


OLD = ["--from", "1600000000", "--to", "1600025000", "--step", "1s"]  # two whole windows of 10,000 points and a point


def test_whole_windows_of_a_long_range_are_asked_once(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REGOBS_CACHE", str(tmp_path / "cache"))
    answer = success({"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": [[1600000000, "1"]]}]})
    replies = {"/api/v1/query_range": answer, "/api/v1/stores": NOT_FOUND, "/api/v1/query": vector(({}, "1"))}
    with Stub({**replies, "/api/v1/status/runtimeinfo": success({"startTime": "2026-11-28T20:00:00Z"})}) as stub:
        counts, shown = [], []
        for more in ([], [], ["--no-cache"], ["--max-source-resolution", "auto"]):
            before = sum(one.path.endswith("query_range") for one in stub.requests)
            assert run(["query", "up", *OLD, *more, "--format", "json", "--prometheus", stub.url]) == ExitCode.OK
            counts.append(sum(one.path.endswith("query_range") for one in stub.requests) - before)
            shown.append(json.loads(capsys.readouterr().out)["result"])
    assert counts == [3, 1, 3, 3]  # what is said to Thanos is part of the key
    assert all(one == shown[0] for one in shown)


@pytest.mark.parametrize(
    ("text", "more", "resolution", "code"),
    [
        ("sum(rate(x[1h]))", ["--range", "30d"], "5m", ExitCode.INCOMPLETE),
        ("sum(rate(x[6h]))", ["--range", "90d"], "1h", ExitCode.INCOMPLETE),
        ("sum(rate(x[5m]))", ["--range", "90d"], "0s", ExitCode.OK),
        ("x", ["--range", "1h"], "0s", ExitCode.OK),
        ("x", ["--range", "90d"], "1h", ExitCode.INCOMPLETE),
        ("x", [], "0s", ExitCode.OK),
        ("max_over_time(x[25m])", [], "5m", ExitCode.INCOMPLETE),
        ("max_over_time(x[24m])", [], "0s", ExitCode.OK),
    ],
)
def test_the_automatic_source_resolution_leaves_five_samples_in_a_window_and_a_step(
    text: str, more: list[str], resolution: str, code: ExitCode, capsys: Output
) -> None:
    with Stub(
        {f"/api/v1/{path}": success({"resultType": "vector", "result": []}) for path in ("query", "query_range")}
        | {"/api/v1/stores": success({"sidecar": [{"name": "a:10901", "lastError": None}]})}
    ) as stub:
        assert run(["query", text, *more, "--max-source-resolution", "auto", "--prometheus", stub.url]) == code
        sent = {
            one.params["max_source_resolution"][0] for one in stub.requests if "max_source_resolution" in one.params
        }
    assert sent == {resolution}
    assert f"Note: samples of a source resolution of {resolution}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("top-routes", "`regobs query ask top-routes`"),
        ("topp-routes", "`regobs query ask top-routes`"),
        ("gc-backlog", "`regobs query ask gc-backlog`"),
        ("taregts", "targets"),
    ],
)
def test_a_word_that_is_nearly_a_question_or_a_verb_is_said_to_be_one(word: str, meant: str, capsys: Output) -> None:
    code, out, err = ask(capsys, vector(), word)
    assert (code, out) == (ExitCode.OK, "no data\n")
    assert f"did you mean {meant}?" in err


def test_a_table_of_more_points_than_memory_holds_is_refused_before_anything_is_asked(capsys: Output) -> None:
    empty = success({"resultType": "matrix", "result": []})
    code, out, err = ask(
        capsys, empty, "up", "--from", "1600000000", "--to", "1601000000", "--step", "1s", "--no-cache"
    )
    assert (code, out) == (ExitCode.INPUT, "")
    assert "1,000,001 points of each series" in err
    assert "--format csv or ndjson" in err
    code, out, _ = ask(capsys, empty, "up", "--from", "1600000001", "--to", "1601000000", "--step", "1s", "--no-cache")
    assert (code, out) == (ExitCode.OK, "no data\n")


@pytest.mark.parametrize("when", [["--at", "now+1h"], ["--from", "now+1h", "--to", "now+2h"], ["--range", "1h"]])
def test_a_time_to_come_is_why_there_is_no_data(
    when: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    empty = success({"resultType": "matrix", "result": []})
    with Stub({"/api/v1/query": vector(), "/api/v1/query_range": empty}) as stub:
        assert run(["query", "up", *when, "--prometheus", stub.url]) == 0
    assert ("this time is in the future" in capsys.readouterr().err) is (when[0] != "--range")


@pytest.mark.parametrize(("when", "told"), [("now+1h", True), ("now-1h", False)])
def test_a_status_of_a_time_to_come_says_so(
    when: str, told: bool, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Stub({"/api/v1/query": vector()}) as stub:
        run(["status", "--at", when, "--prometheus", stub.url])
    assert ("this time is in the future" in capsys.readouterr().err) is told


@pytest.mark.parametrize(
    "text", ["rate(process_open_fds[5m])", "new_function(up)", "sum(rate(up[5m]", "process_open_fds > 5 and"]
)
def test_a_refusal_of_an_expression_names_unchecked(text: str, capsys: Output) -> None:
    code, _, said = ask(capsys, vector(({}, "1")), text)
    assert (code, "--unchecked sends it as it is" in said) == (2, True)
    assert ask(capsys, vector(({}, "1")), text, "--unchecked")[0] == 0


def test_a_misspelt_aggregation_is_one_of_promql(capsys: Output) -> None:
    code, _, said = ask(capsys, vector(), "summ(up)")
    assert (code != 0, "expected: sum\n" in said) == (True, True)
    assert "expected: rate\n" in ask(capsys, vector(), "rat(up[5m])")[2]


def test_why_looks_for_the_reason_of_what_is_refused(capsys: Output) -> None:
    with Stub({"/api/v1/query": vector(), "/api/v1/label/__name__/values": success([])}) as stub:
        refused = ["query", "why", "rate(process_open_fds[5m])", "--prometheus", stub.url]
        assert run(refused) == 2
        assert "--unchecked looks for the reason all the same" in capsys.readouterr().err
        assert run([*refused, "--unchecked"]) == 0
        assert "the server has no series process_open_fds" in capsys.readouterr().out
        assert run(["query", "why", "rate(up[5m]", "--unchecked", "--prometheus", stub.url]) == 2
        assert "--unchecked" not in capsys.readouterr().err
