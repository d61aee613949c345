"""`regobs query save`, `saved` and `regobs query NAME`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.errors import ExitCode
from tests.prometheus.stub import NOT_FOUND, Reply, Stub, success, vector

Output = pytest.CaptureFixture[str]
CODES = 'sum by (code) (rate(registry_http_requests_total{route=~"$route"}[$window]))'


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def save(*arguments: str) -> int:
    return run(["query", "save", *arguments])


def ask(capsys: Output, *arguments: str) -> tuple[int, str, list[str]]:
    """Exit code, output and the queries that were sent."""
    capsys.readouterr()
    with Stub({"/api/v1/query": vector(({"code": "200"}, "7")), "/api/v1/stores": NOT_FOUND}) as stub:
        code = run(["query", *arguments, "--prometheus", stub.url])
        sent = [request.params["query"][0] for request in stub.requests if "query" in request.params]
    out, err = capsys.readouterr()
    return code, out + err, sent


def test_a_saved_query_is_asked_by_its_name_with_its_parameters_filled_in(capsys: Output) -> None:
    assert save("codes", CODES, "--title", "By code", "--default", "window=5m") == ExitCode.OK
    assert capsys.readouterr().out == (
        "regobs.toml: added [queries.codes]; regobs query codes --set route=... asks it\n"
    )
    code, out, sent = ask(capsys, "codes", "--set", "route=/v2/")
    expected = 'sum by (code) (rate(registry_http_requests_total{route=~"/v2/"}[5m]))'
    assert (code, sent) == (ExitCode.OK, [expected])
    assert out.splitlines() == ["By code", expected, "", "code  requests/s", "200      7 req/s"]
    assert ask(capsys, "codes", "--set", "route=/v2/", "--set", "window=1h")[2][0].endswith("[1h]))")
    data = json.loads(ask(capsys, "codes", "--set", "route=/v2/", "--format", "json")[1])
    assert data["query"] == expected


def test_a_parameter_without_a_value_is_named_before_anything_is_asked(capsys: Output) -> None:
    save("codes", CODES)
    code, out, sent = ask(capsys, "codes", "--set", "window=5m")
    assert (code, sent) == (ExitCode.INPUT, [])
    assert "add --set route=VALUE" in out


def test_a_saved_query_without_data_is_not_taken_for_a_misspelt_name(capsys: Output) -> None:
    save("codes", "up")
    capsys.readouterr()
    with Stub({"/api/v1/query": vector(), "/api/v1/stores": NOT_FOUND}) as stub:
        run(["query", "codes", "--prometheus", stub.url])
        assert "has this name" not in capsys.readouterr().err
        run(["query", "code", "--prometheus", stub.url])
        assert "no saved query has this name; did you mean codes?" in capsys.readouterr().err


def test_an_expression_has_parameters_as_well(capsys: Output) -> None:
    assert ask(capsys, 'up{job="$job"}', "--set", "job=a")[2] == ['up{job="a"}']


def test_a_name_stands_for_a_query_only_where_a_verb_could_stand(capsys: Output) -> None:
    save("codes", "sum(registry_http_in_flight_requests)")
    assert ask(capsys, "codes")[2] == ["sum(registry_http_in_flight_requests)"]
    assert ask(capsys, "expr", "codes")[2] == ["codes"]


def test_settings_keep_their_comments_and_a_query_of_several_lines_its_form(capsys: Output, tmp_path: Path) -> None:
    file = tmp_path / "regobs.toml"
    file.write_text("# ours\n[registry]\nflavor = 'gitlab' # yes\n")
    text = "sum(\n  rate(registry_http_requests_total{code='$code'}[5m])\n)"
    assert save("a", text, "--default", "code=500") == ExitCode.OK
    written = file.read_text()
    assert written.startswith("# ours\n[registry]\nflavor = 'gitlab' # yes\n")
    assert tomllib.loads(written)["queries"] == {"a": {"expr": text, "defaults": {"code": "500"}}}
    assert ask(capsys, "a")[2] == [text.replace("$code", "500")]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["up", "up"], "the name of a series"),
        (["registry_http_requests_total", "up"], "the name of a series"),
        (["labels", "up"], "a command of `regobs query`"),
        (["a b", "up"], "cannot be the name of a query"),
        (["a", "rate(registry_http_in_flight_requests[5m])"], "is a gauge"),
        (["a", "sum("], "sum("),
        (["a", "up", "--default", "x=1"], "the query has no such parameter"),
        (["a", 'registry_http_requests_total{route="$r"}', "--default", "r=/v3/"], "no route of"),
        (["a", "delta(up[$w])", "--default", "w=]"], "the parameter stands outside of a text"),
    ],
)
def test_what_could_not_be_asked_is_not_saved(arguments: list[str], word: str, capsys: Output, tmp_path: Path) -> None:
    assert save(*arguments) == ExitCode.INPUT
    assert word in capsys.readouterr().err
    assert not (tmp_path / "regobs.toml").exists()


def test_a_query_is_replaced_only_when_that_is_said(capsys: Output) -> None:
    assert [save("a", "up"), save("a", "down"), save("a", "down", "--replace")] == [0, ExitCode.INPUT, 0]
    assert ask(capsys, "a")[2] == ["down"]


def test_the_list_has_the_parameters_with_their_defaults(capsys: Output) -> None:
    assert run(["query", "saved"]) == ExitCode.OK
    assert "no query" in capsys.readouterr().out
    save("codes", CODES, "--default", "window=5m")
    capsys.readouterr()
    run(["query", "saved"])
    assert "route, window=5m" in capsys.readouterr().out
    run(["query", "saved", "--format", "json"])
    expected = {"name": "codes", "title": "", "query": CODES, "parameters": {"route": None, "window": "5m"}}
    assert json.loads(capsys.readouterr().out) == [expected]


STORES = success({
    "sidecar": [{"name": "a:10901", "lastError": "EOF", "minTime": 0, "maxTime": 1_700_000_000_000}],
    "store": [{"name": "b:10901", "lastError": None}],
})  # fmt: skip


def test_stores_that_are_away_stand_first_and_make_the_exit_code_5(capsys: Output) -> None:
    with Stub({"/api/v1/stores": STORES}) as stub:
        assert run(["query", "stores", "--prometheus", stub.url]) == ExitCode.INCOMPLETE
        rows = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert [row[:3] for row in rows[1:]] == [["away", "sidecar", "a:10901"], ["answers", "store", "b:10901"]]
        assert rows[1][3:] == ["1970-01-01T00:00:00Z", "2023-11-14T22:13:20Z", "EOF"]


def test_exemplars_are_events_with_the_newest_first(capsys: Output) -> None:
    one = {"labels": {"trace_id": "abc"}, "value": "6", "timestamp": 1_600_096_945.479}
    two = {"labels": {"trace_id": "def"}, "value": "0.5", "timestamp": 1_600_096_955}
    series = {"seriesLabels": {"__name__": "x_bucket", "le": "10"}, "exemplars": [one, two]}
    with Stub({"/api/v1/query_exemplars": success([series]), "/api/v1/stores": NOT_FOUND}) as stub:
        command = ["query", "exemplars", "x_bucket", "--prometheus", stub.url, "--from", "1600096900"]
        assert run([*command, "--to", "1600097000"]) == ExitCode.OK
        assert capsys.readouterr().out.splitlines() == [
            "time                         value  trace_id  __name__  le",
            "2020-09-14 15:22:35 UTC        0.5  def       x_bucket  10",
            "2020-09-14 15:22:25.479 UTC      6  abc       x_bucket  10",
        ]
        run([*command, "--to", "1600097000", "--format", "json"])
        first = json.loads(capsys.readouterr().out)[0]
        asked = stub.requests[0].params
    labels = {"trace_id": "def"}
    assert first == {"time": 1_600_096_955.0, "value": 0.5, "labels": labels, "series": series["seriesLabels"]}
    assert (asked["start"], asked["end"]) == (["1600096900.0"], ["1600097000.0"])


def test_no_exemplars_are_explained_where_the_server_keeps_none(capsys: Output) -> None:
    for flags, noted in (({"enable-feature": ""}, True), ({"enable-feature": "a,exemplar-storage"}, False)):
        replies = {"/api/v1/query_exemplars": success([]), "/api/v1/status/flags": success(flags)}
        with Stub({**replies, "/api/v1/stores": NOT_FOUND}) as stub:
            assert run(["query", "exemplars", "up", "--prometheus", stub.url]) == ExitCode.OK
        out, err = capsys.readouterr()
        assert (out, "keeps no exemplars" in err) == ("no exemplar in this time\n", noted)


ONE = success({"sidecar": [{"name": "a:10901", "lastError": None}]})


@pytest.mark.parametrize(
    ("listed", "setting", "missing"),
    [(success({}), "", True), (ONE, "stores = 2", True), (ONE, "stores = 1", False), (ONE, "", False)],
)
def test_a_thanos_without_stores_or_with_fewer_than_its_context_says_answers_in_part(
    capsys: Output, tmp_path: Path, listed: Reply, setting: str, *, missing: bool
) -> None:
    replies = {"/api/v1/query": vector(({}, "1")), "/api/v1/series": success([]), "/api/v1/stores": listed}
    with Stub(replies) as stub:
        settings = f'context = "a"\n[contexts.a]\nurl = "{stub.url}"\n{setting}\n'
        (tmp_path / "regobs.toml").write_text(settings, encoding="utf-8")
        expected = ExitCode.INCOMPLETE if missing else ExitCode.OK
        assert run(["query", "up"]) == expected
        assert ("PARTIAL: store (missing) is away" in capsys.readouterr().err) is missing
        assert run(["query", "stores"]) == expected
        assert ("(missing)" in capsys.readouterr().out) is missing
        assert run(["query", "series", "up"]) == expected
        assert "ask again" in capsys.readouterr().err


def test_an_empty_list_of_a_prometheus_has_no_note_about_stores(capsys: Output) -> None:
    replies = {"/api/v1/series": success([]), "/api/v1/stores": NOT_FOUND, "/api/v1/query": vector(({}, "1"))}
    with Stub(replies) as stub:
        assert run(["query", "series", "up", "--prometheus", stub.url]) == ExitCode.OK
    assert capsys.readouterr().err == ""
