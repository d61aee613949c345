"""`regobs query 'EXPR'` beside another time or server, again and again, as addresses, files and a note."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest

from regobs.cli import query_after
from regobs.cli.main import run
from regobs.errors import ExitCode
from tests.prometheus.stub import NOT_FOUND, Reply, Request, Stub, failure, success, vector

Output = pytest.CaptureFixture[str]
EXPR = "sum by (code) (rate(registry_http_requests_total[5m]))"
SECRET = "s3cr3t-Wort"
T0 = 1_700_000_000


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def matrix(labels: dict[str, str]) -> Reply:
    values = [[T0 + 60 * place, str(place)] for place in range(11)]
    return success({"resultType": "matrix", "result": [{"metric": labels, "values": values}]})


def ask(capsys: Output, reply: Reply, *arguments: str) -> tuple[int, str, str]:
    replies = {"/api/v1/query": reply, "/api/v1/query_range": reply, "/api/v1/stores": NOT_FOUND}
    with Stub(replies) as stub, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGOBS_PROMETHEUS_URL", f"http://me:{SECRET}@{stub.address}")
        code = run(["query", EXPR, *arguments])
    out, err = capsys.readouterr()
    assert SECRET not in out + err
    return code, out, err


RANGE = ("--from", str(T0), "--to", str(T0 + 600), "--step", "1m")


def test_two_times_stand_beside_each_other_with_the_change(capsys: Output) -> None:
    code, out, _ = ask(capsys, vector(({"code": "200"}, "150")), "--diff", "now-1d")
    assert code == ExitCode.OK
    assert out.splitlines()[1].split() == ["200", "150", "req/s", "150", "req/s", "0", "req/s", "+0.0%"]


def test_a_range_is_drawn_below_its_table(capsys: Output) -> None:
    code, out, _ = ask(capsys, matrix({"code": "200"}), *RANGE, "--plot")
    assert code == ExitCode.OK
    table, _, chart = out.partition("\n\n")
    assert table.splitlines()[0].split()[:2] == ["code", "last"]
    assert "10 req/s┤" in chart
    assert "22:13" in chart


@pytest.mark.parametrize("more", [(), (*RANGE, "--format", "csv")])
def test_what_cannot_be_drawn_is_said_before_a_server_is_asked(capsys: Output, more: tuple[str, ...]) -> None:
    code, out, err = ask(capsys, failure(500, "internal", "boom"), "--plot", *more)
    assert (code, out) == (ExitCode.INPUT, "")
    assert "--plot draws" in err


def test_another_server_is_asked_with_its_own_context(capsys: Output, tmp_path: Path) -> None:
    then = vector(({"code": "200", "cluster": "b"}, "100"), ({"code": "404", "cluster": "b"}, "1"))
    now = vector(({"code": "200", "cluster": "a"}, "150"), ({"code": "500", "cluster": "a"}, "5"))
    with Stub({"/api/v1/query": then}) as other:
        (tmp_path / "regobs.toml").write_text(f'[contexts.b]\nurl = "{other.url}"\n')
        code, out, _ = ask(capsys, now, "--diff-context", "b", "--diff-ignore", "cluster", "--format", "json")
    assert code == ExitCode.OK
    assert json.loads(out)["result"] == [
        {"labels": {"code": "200"}, "then": 100, "now": 150},
        {"labels": {"code": "500"}, "then": None, "now": 5},
        {"labels": {"code": "404"}, "then": 1, "now": None},
    ]


def test_both_sides_of_a_comparison_name_their_context(capsys: Output, tmp_path: Path) -> None:
    with Stub({"/api/v1/query": vector(({"code": "200"}, "100"))}) as stub:
        contexts = "".join(f'[contexts.{name}]\nurl = "{stub.url}"\n' for name in ("a", "b"))
        (tmp_path / "regobs.toml").write_text(f'context = "a"\n{contexts}')
        assert run(["query", EXPR, "--diff-context", "b"]) == ExitCode.OK
    assert "now b" in (head := capsys.readouterr().out.splitlines()[0])
    assert "now a" in head
    moments = [one.params["time"] for one in stub.requests if one.path == "/api/v1/query"]
    assert len(moments) == 2
    assert moments[0] == moments[1]  # else what grows between two requests is a difference


def test_labels_that_tell_series_apart_cannot_be_left_out(capsys: Output) -> None:
    code, _, err = ask(capsys, vector(({"code": "1"}, "1"), ({"code": "2"}, "2")), "--diff", "now-1d",
                       "--diff-ignore", "code")  # fmt: skip
    assert code == ExitCode.INPUT
    assert "same labels" in err


def test_watching_asks_again_and_outlives_a_server_that_fails(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(query_after, "sleep", sleep)
    code, _, err = ask(capsys, failure(422, "execution", "too many samples"), "--watch", "10s")
    assert (code, slept) == (130, [10, 10, 10])
    assert err.count("Error: ") == 3


def test_addresses_lead_to_the_server_and_to_grafana_without_a_password(capsys: Output, tmp_path: Path) -> None:
    (tmp_path / "regobs.toml").write_text('[grafana]\nurl = "https://grafana.example.com"\ndatasource = "main"\n')
    lines = ask(capsys, matrix({"code": "200"}), "--link", *RANGE)[1].splitlines()
    server = parse_qs(urlsplit(next(line for line in lines if line.startswith("server: "))[8:]).query)
    assert server["g0.expr"] == [EXPR]
    assert (server["g0.range_input"], server["g0.end_input"]) == (["600s"], ["2023-11-14 22:23:20"])
    explore = parse_qs(urlsplit(next(line for line in lines if line.startswith("Grafana"))[17:]).query)
    pane = json.loads(explore["panes"][0])["a"]
    assert (pane["datasource"], pane["queries"][0]["expr"]) == ("main", EXPR)
    assert pane["range"] == {"from": f"{T0}000", "to": f"{T0 + 600}000"}


def test_files_of_data_have_every_point(capsys: Output, tmp_path: Path) -> None:
    labels = {"code": 'a,"b\n', "empty": ""}
    for suffix in ("csv", "json", "ndjson", "parquet"):
        assert ask(capsys, matrix(labels), "--out", f"x.{suffix}", *RANGE)[0] == ExitCode.OK
    rows = list(csv.DictReader(io.StringIO((tmp_path / "x.csv").read_text())))
    assert [float(row["value"]) for row in rows] == list(range(11))
    assert len((tmp_path / "x.ndjson").read_text().splitlines()) == 11
    assert len(json.loads((tmp_path / "x.json").read_text())["result"][0]["points"]) == 11
    found = (
        duckdb.read_parquet(str(tmp_path / "x.parquet")).order("time").project("epoch(time), value, code").fetchall()
    )
    assert found == [(T0 + 60 * place, place, labels["code"]) for place in range(11)]


def test_a_range_is_drawn_as_picture_and_page(capsys: Output, tmp_path: Path) -> None:
    for suffix, begin in (("svg", b"<svg"), ("png", b"\x89PNG"), ("html", b"<!doctype html>")):
        assert ask(capsys, matrix({"code": "<b>"}), "--out", f"x.{suffix}", *RANGE)[0] == ExitCode.OK
        content = (tmp_path / f"x.{suffix}").read_bytes()
        assert content.lower().startswith(begin.lower())
        assert len(content) > 2000
    assert b"<b>" not in (tmp_path / "x.svg").read_bytes()


def test_a_note_has_query_chart_table_addresses_and_data(capsys: Output, tmp_path: Path) -> None:
    assert ask(capsys, matrix({"code": "200"}), "--share", "note", *RANGE)[0] == ExitCode.OK
    text = (tmp_path / "note" / "note.md").read_text()
    assert f"```promql\n{EXPR}\n```" in text
    for target in re.findall(r"\]\((?!http)([^)]*)\)", text):
        assert (tmp_path / "note" / target).is_file()
    assert "/graph?g0.expr=" in text
    assert ask(capsys, vector(({}, "1")), "--share", "moment")[0] == ExitCode.OK
    assert "chart.svg" not in (tmp_path / "moment" / "note.md").read_text()


def test_a_second_note_leaves_the_first_one_as_it_is(capsys: Output, tmp_path: Path) -> None:
    assert ask(capsys, vector(({}, "1")), "--share", "note")[0] == ExitCode.OK
    first = {file: file.read_bytes() for file in (tmp_path / "note").iterdir()}
    code, _, err = ask(capsys, matrix({"code": "200"}), "--share", "note", *RANGE)
    assert (code, "note-2.md" in err) == (ExitCode.OK, True)
    (tmp_path / "note" / "data-3.csv").write_text("mine")
    assert "note-4.md" in ask(capsys, matrix({"code": "200"}), "--share", "note", *RANGE)[2]
    assert {file: file.read_bytes() for file in first} == first
    text = (tmp_path / "note" / "note-2.md").read_text()
    assert re.findall(r"\]\((?!http)([^)]*)\)", text) == ["chart-2.svg", "data-2.csv"]
    assert sorted(file.name for file in (tmp_path / "note").iterdir()) == [
        *("chart-2.svg", "chart-4.svg", "data-2.csv", "data-3.csv", "data-4.csv", "data.csv"),
        *("note-2.md", "note-4.md", "note.md"),
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "x.txt"], "the suffix says what is written"),
        (["--out", "x.png"], "a picture shows a range"),
        (["--diff", "now-1d", "--range", "1h"], "--diff compares two moments"),
        (["--diff-ignore", "a"], "--diff-ignore is for --diff"),
        (["--watch", "often"], "--watch is not a duration"),
        (["--watch", "10s", "--out", "x.csv"], "--watch writes no file"),
        (["--diff", "now-1d", "--format", "csv"], "a comparison is a table or JSON"),
    ],
)
def test_what_does_not_go_together_is_refused(capsys: Output, tmp_path: Path, arguments: list[str], words: str) -> None:
    code, _, err = ask(capsys, vector(({}, "1")), *arguments)
    assert code == ExitCode.INPUT
    assert words in err
    assert list(tmp_path.iterdir()) == []


def test_a_long_range_is_written_out_piece_by_piece(capsys: Output) -> None:
    long = ("--from", str(T0), "--to", str(T0 + 11_000), "--step", "1s")
    for shape, head in (("csv", 1), ("ndjson", 0)):
        with Stub({"/api/v1/query_range": matrix({"code": "200"}), "/api/v1/stores": NOT_FOUND}) as stub:
            code = run(["query", EXPR, *long, "--prometheus", stub.url, "--format", shape])
            spans = [(request.params["start"][0], request.params["end"][0]) for request in stub.requests
                     if request.path == "/api/v1/query_range"]  # fmt: skip
        assert code == ExitCode.OK
        assert sorted(spans)[:2] == [(f"{T0}.0", f"{T0 + 1999}.0"), (f"{T0 + 2000}.0", f"{T0 + 3999}.0")]
        assert len(spans) == 6
        assert len(capsys.readouterr().out.splitlines()) == 6 * 11 + head


def test_a_long_range_that_fails_in_the_middle_writes_no_csv(capsys: Output) -> None:
    code, out, err = ask(capsys, failure(422, "execution", "too many samples"), "--from", str(T0), "--to",
                         str(T0 + 11_000), "--step", "1s", "--format", "csv")  # fmt: skip
    assert (code, out) == (ExitCode.SERVER, "") or (code, out) == (ExitCode.INPUT, "")
    assert "too many samples" in err


def server_link(lines: str) -> dict[str, list[str]]:
    address = next((line for line in lines.splitlines() if line.startswith("server: ")), "")
    return parse_qs(urlsplit(address[8:]).query)


def test_the_address_asks_thanos_as_the_command_line_did(capsys: Output) -> None:
    asked = (
        "--no-dedup",
        "--partial-response",
        "--max-source-resolution",
        "0s",
        "--engine",
        "thanos",
        "--store",
        "a:1",
    )
    found = server_link(ask(capsys, vector(({}, "1")), "--link", *asked)[1])
    own = {name: values[0] for name, values in found.items() if name.split(".")[1] in {
        "deduplicate", "partial_response", "max_source_resolution", "engine", "store_matches"}}  # fmt: skip
    assert own == {
        "g0.deduplicate": "0",
        "g0.partial_response": "1",
        "g0.max_source_resolution": "0s",
        "g0.engine": "thanos",
        "g0.store_matches": '[{"name":"a:1"}]',
    }
    assert not {"g0.deduplicate", "g0.engine"} & set(server_link(ask(capsys, vector(({}, "1")), "--link")[1]))


@pytest.mark.parametrize(("kind", "there"), [("cortex", False), ("mimir", False), ("thanos", True), ("", True)])
def test_a_server_without_an_interface_has_no_address(
    capsys: Output, tmp_path: Path, kind: str, *, there: bool
) -> None:
    with Stub({"/api/v1/query": vector(({}, "1")), "/api/v1/stores": NOT_FOUND}) as stub:
        line = f'kind = "{kind}"\n' if kind else ""
        (tmp_path / "regobs.toml").write_text(f'[contexts.a]\nurl = "{stub.url}"\n{line}')
        assert run(["query", EXPR, "--link", "--context", "a"]) == ExitCode.OK
    out, err = capsys.readouterr()
    assert bool(server_link(out)) is there
    assert ("no address" in err) is not there


def test_watching_on_a_terminal_says_when_it_asked(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(query_after, "sleep", sleep)
    assert "every 10s" not in ask(capsys, vector(({}, "1")), "--watch", "10s")[1]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert re.match(r"\S+ \S+ UTC, every 10s; Ctrl-C ends\n", ask(capsys, vector(({}, "1")), "--watch", "10s")[1])


LONG = ("--from", str(T0), "--to", str(T0 + 60 * 12_000), "--step", "1m", "--no-cache")


def _piece(request: Request) -> Reply:
    """The points of a range of two series, of which one ends early, has a label of its own and no finite value."""
    start, end = (round(float(request.params[name][0])) for name in ("start", "end"))
    times = range(start, end + 1, 60)
    series = [{"metric": {"code": "200", "time": "a\n'\""}, "values": [[time, str(time - T0)] for time in times]}]
    early = [[time, "NaN"] for time in times if time < T0 + 60 * 3_000]
    series += [{"metric": {"code": "", "Code": "x"}, "values": early}] if early else []
    return success({"resultType": "matrix", "result": series})


def ask_long(capsys: Output, reply: Callable[[Request], Reply], *arguments: str) -> tuple[int, str, str]:
    with Stub({"/api/v1/query_range": reply, "/api/v1/query": vector(({}, "1"))}) as stub:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("REGOBS_PROMETHEUS_URL", stub.url)
            code = run(["query", EXPR, *LONG, *arguments])
        out, err = capsys.readouterr()
    assert all(_points(request) <= 2_000 for request in stub.requests if request.path.endswith("query_range"))
    return code, out, err


def _points(request: Request) -> float:
    return (float(request.params["end"][0]) - float(request.params["start"][0])) / 60 + 1


@pytest.mark.parametrize("suffix", ["parquet", "csv", "ndjson"])
def test_a_long_range_is_written_into_a_file_in_pieces(capsys: Output, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / "deep" / f"x.{suffix}"
    code, out, err = ask_long(capsys, _piece, "--out", str(file), "--link")
    assert (code, out.startswith("server: ")) == (ExitCode.OK, True)
    assert f"{file}: {file.stat().st_size:,} bytes" in err
    assert "no table" in err
    if suffix == "ndjson":
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        values = [float(line["value"]) for line in lines]
    else:
        rows = duckdb.read_parquet(str(file)) if suffix == "parquet" else duckdb.read_csv(str(file))
        values = [value for (value,) in rows.project("value").fetchall()]
    numbers = [value for value in values if not math.isnan(value)]
    assert (sorted(numbers), len(values)) == ([60 * place for place in range(12_001)], 15_001)
    assert list(file.parent.iterdir()) == [file]


def test_a_parquet_file_has_the_points_in_the_order_of_time_and_every_label(capsys: Output, tmp_path: Path) -> None:
    assert ask_long(capsys, _piece, "--out", "x.parquet")[0] == ExitCode.OK
    rows = duckdb.read_parquet(str(tmp_path / "x.parquet"))
    assert rows.columns == ["time", "value", "Code", "code_1", "time_1"]
    assert set(rows.project("Code, code_1, time_1").distinct().fetchall()) == {("", "200", "a\n'\""), ("x", "", "")}
    times = [time for (time,) in rows.filter("Code = ''").project("epoch(time)").fetchall()]
    assert times == [T0 + 60 * place for place in range(12_001)]


def test_a_long_range_that_fails_half_way_leaves_the_file_as_it_was(capsys: Output, tmp_path: Path) -> None:
    def fails(request: Request) -> Reply:
        late = float(request.params["start"][0]) > T0 + 60 * 8_000
        return failure(422, "execution", "too many samples") if late else _piece(request)

    for suffix in ("parquet", "csv", "ndjson"):
        (tmp_path / f"x.{suffix}").write_text("before")
        code, _, err = ask_long(capsys, fails, "--out", f"x.{suffix}")
        assert (code, "bytes" in err) == (ExitCode.SERVER, False)
        assert (tmp_path / f"x.{suffix}").read_text() == "before"
    assert {file.name for file in tmp_path.iterdir()} == {"x.parquet", "x.csv", "x.ndjson"}


def test_a_long_range_without_data_makes_an_empty_file_and_says_so(capsys: Output, tmp_path: Path) -> None:
    code, _, err = ask_long(capsys, lambda _: success({"resultType": "matrix", "result": []}), "--out", "x.parquet")
    assert (code, "Note: no data" in err) == (ExitCode.OK, True)
    rows = duckdb.read_parquet(str(tmp_path / "x.parquet"))
    assert (rows.columns, rows.fetchall()) == (["time", "value"], [])


def test_a_folder_in_the_place_of_a_file_is_said(capsys: Output, tmp_path: Path) -> None:
    (tmp_path / "x.parquet").mkdir()
    code, _, err = ask_long(capsys, _piece, "--out", "x.parquet")
    assert code == ExitCode.MACHINE
    assert "the file cannot be written" in err


def test_native_histograms_are_said_to_have_no_value(capsys: Output) -> None:
    buckets = {"count": "3", "sum": "1", "buckets": [[0, "0", "1", "3"]]}
    one = success({"resultType": "vector", "result": [{"metric": {}, "histogram": [T0, buckets]}]})
    many = success(
        {"resultType": "matrix", "result": [{"metric": {}, "histograms": [[T0, buckets], [T0 + 60, buckets]]}]}
    )
    said = (
        "Note: 1 series is a native histogram, without a value of its own; --format json has the buckets of one moment"
    )
    for shape in ("text", "csv", "json", "ndjson"):
        for reply, times in ((one, ()), (many, RANGE)):
            code, _, err = ask(capsys, reply, *times, "--format", shape)
            assert code == ExitCode.OK
            assert said in err
    long = ("--from", str(T0), "--to", str(T0 + 20_000), "--step", "1s", "--format", "csv")
    assert said in ask(capsys, many, *long)[2]
    assert said not in ask(capsys, vector(({}, "1")))[2]
