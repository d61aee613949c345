"""What `regobs query` refuses before it asks, and what it says of answers that are no whole table of values."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.errors import ExitCode
from regobs.prometheus.answers import QueryAnswer
from tests.prometheus.stub import NOT_FOUND, Reply, Stub, failure, success, vector

Output = pytest.CaptureFixture[str]
EMPTY = QueryAnswer("matrix")


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ask(capsys: Output, reply: Reply, *arguments: str, stores: Reply = NOT_FOUND) -> tuple[int, str, str]:
    with Stub({"/api/v1/query": reply, "/api/v1/query_range": reply, "/api/v1/stores": stores}) as stub:
        code = run(["query", *arguments, "--prometheus", stub.url])
    return code, *capsys.readouterr()


WINDOW = success({
    "resultType": "matrix",
    "result": [{"metric": {"a": "b"}, "values": [[1_700_000_000 + 15 * n, str(n)] for n in range(4)]}],
})  # fmt: skip


def test_the_samples_of_a_window_are_a_table_with_their_own_times(capsys: Output) -> None:
    code, out, err = ask(capsys, WINDOW, "up[1m]")
    assert (code, err) == (ExitCode.OK, "")
    assert out.splitlines()[1].split() == ["b", "3", "0", "1.5", "3", "▁▃▅█", "4"]
    assert ask(capsys, success({"resultType": "matrix", "result": []}), "up[1m]")[1] == "no data\n"
    one = {"metric": {}, "values": [[1_700_000_000, "1"]]}
    assert ask(capsys, success({"resultType": "matrix", "result": [one]}), "up[1m]")[0] == ExitCode.OK


@pytest.mark.parametrize("expression", ["up[1m]", "sum(up)[10m:1m]", "(up[1m])", '"text"'])
@pytest.mark.parametrize("more", [["--range", "1h"], ["--diff", "now-1h"],
                                  ["--range", "9d", "--step", "1s", "--format", "csv"]])  # fmt: skip
def test_what_has_no_single_value_is_no_range_and_not_compared_and_not_sent(
    capsys: Output, expression: str, more: list[str]
) -> None:
    code, out, err = ask(capsys, failure(500, "internal", "it was sent"), expression, *more)
    assert (code, out) == (ExitCode.INPUT, "")
    assert "no single value at a moment" in err
    assert ("--diff" in err) is ("--diff" in more)


def test_a_range_of_what_a_function_makes_of_a_window_is_sent(capsys: Output) -> None:
    span = ["--from", "1700000000", "--to", "1700000045", "--step", "15s"]
    code, _, err = ask(capsys, WINDOW, "max_over_time(up[1m])", *span)
    assert (code, err) == (ExitCode.OK, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--diff", "banana"], "--diff is no time"),
        (["--at", "banana"], "--at is no time"),
        (["--max-source-resolution", "zz"], "no source resolution"),
        (["--max-source-resolution", "7m"], "no source resolution"),
        (["--max-source-resolution", "1h30m"], "no source resolution"),
        (["--max-source-resolution", "1d"], "no source resolution"),
        (["--max-source-resolution", "$__interval"], "no source resolution"),
        (["--store", '{replica="a"}'], "no address of a store"),
        (["--store", ""], "no address of a store"),
    ],
)
def test_an_option_that_cannot_be_right_is_named_before_anything_is_sent(
    capsys: Output, arguments: list[str], said: str
) -> None:
    code, out, err = ask(capsys, failure(500, "internal", "it was sent"), "up", *arguments)
    assert (code, out) == (ExitCode.INPUT, "")
    assert said in err


@pytest.mark.parametrize("resolution", ["0s", "0", "5m", "1h", "auto", "300000ms", "60m"])
def test_the_resolutions_of_thanos_are_sent(capsys: Output, resolution: str) -> None:
    assert ask(capsys, vector(({}, "1")), "up", "--max-source-resolution", resolution)[0] != ExitCode.INPUT


def stores(*addresses: str) -> Reply:
    return success({"sidecar": [{"name": one, "lastError": None, "minTime": 0, "maxTime": 1} for one in addresses]})


def test_a_store_that_there_is_not_makes_the_answer_partial(capsys: Output) -> None:
    asked = (capsys, vector(), "up", "--store", "a:1")
    assert "no store has the address a:1" in ask(*asked, stores=stores("b:1"))[2]
    assert ask(*asked, stores=stores("b:1"))[0] == ExitCode.INCOMPLETE
    assert ask(*asked, stores=stores("a:1", "b:1"))[0] == ExitCode.OK
    assert ask(*asked)[0] == ExitCode.OK  # a server without stores, which takes no notice of the option


@pytest.mark.parametrize(
    "odd", [Reply(body="<html>an interface for all paths</html>", content_type="text/html"), success([1]), success("x")]
)
def test_a_server_that_answers_every_path_is_no_thanos_and_its_answer_is_shown(capsys: Output, odd: Reply) -> None:
    code, out, err = ask(capsys, vector(({}, "7")), "up", stores=odd)
    assert (code, out.split(), err) == (ExitCode.OK, ["bool", "7"], "")


@pytest.mark.parametrize("away", [Reply(502, "bad gateway", "text/plain"), Reply(body='{"status":"success","data":{')])
def test_a_list_of_stores_that_does_not_come_makes_the_answer_partial_and_does_not_lose_it(
    capsys: Output, away: Reply
) -> None:
    code, out, err = ask(capsys, vector(({}, "7")), "up", stores=away)
    assert (code, out.split()) == (ExitCode.INCOMPLETE, ["bool", "7"])
    assert err.startswith("PARTIAL: the list of stores /api/v1/stores is away: ")


@pytest.mark.parametrize(("typed", "meant"), [("targt", "targets"), ("metdata", "metadata"), ("code", "codes")])
def test_a_misspelt_command_or_saved_query_that_is_no_series_is_told(
    capsys: Output, tmp_path: Path, typed: str, meant: str
) -> None:
    (tmp_path / "regobs.toml").write_text("[queries.codes]\nexpr = 'sum(up)'\n")
    code, out, err = ask(capsys, vector(), typed)
    assert (code, out) == (ExitCode.OK, "no data\n")
    assert f"did you mean {meant}?" in err
    assert "did you mean" not in ask(capsys, vector(({}, "1")), typed)[2]
    assert "did you mean" not in ask(capsys, vector(), f"sum({typed})")[2]


def test_what_both_answers_of_a_comparison_lack_is_said_once(capsys: Output) -> None:
    away = success({"sidecar": [{"name": "a:1", "lastError": "refused", "minTime": 0, "maxTime": 1}]})
    code, out, err = ask(capsys, vector(({}, "7")), "up", "--diff", "now-1h", stores=away)
    assert (code, err) == (ExitCode.INCOMPLETE, "PARTIAL: sidecar a:1 is away: refused\n")
    assert out.split()[-3:] == ["7", "0", "+0.0%"]


@pytest.mark.parametrize(
    ("points", "pieces"), [(1_000 * 2_000, "1,000"), (999 * 2_000, ""), (100_000_000, "50,000"), (100_000_001, "none")]
)
@pytest.mark.parametrize("way", [["--format", "csv"], ["--format", "ndjson"], ["--out", "x.csv"]])
def test_a_range_that_takes_long_is_said_and_one_that_never_ends_is_refused(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, points: int, pieces: str, way: list[str]
) -> None:
    monkeypatch.setattr("regobs.query.pieces._fetched", lambda fetch, parts, at_once: (EMPTY for _ in parts))
    span = ["--from", "0000000000", "--to", f"{points - 1:010}", "--step", "1s"]
    code, _, err = ask(capsys, success({"resultType": "matrix", "result": []}), "up", *span, *way)
    if pieces == "none":
        assert code == ExitCode.INPUT
        assert "value:    100,000,001 points of each series" in err
        assert "choose a longer --step" in err
    else:
        assert code == ExitCode.OK
        assert (f"points of each series, in {pieces} pieces; a longer --step asks for fewer" in err) is bool(pieces)


def test_what_is_too_long_to_hold_and_to_write_names_no_file(capsys: Output) -> None:
    century = ["--range", "100y", "--step", "1s"]
    for more in ([], ["--format", "json"]):
        code, _, err = ask(capsys, failure(500, "internal", "it was sent"), "up", *century, *more)
        assert code == ExitCode.INPUT
        assert "does not fit into memory" in err
        assert "--out" not in err
    code, _, err = ask(capsys, failure(500, "internal", "it was sent"), "up", "--range", "1y", "--step", "1s")
    assert "--out FILE.parquet" in err
