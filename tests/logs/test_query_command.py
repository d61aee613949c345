"""`regobs logs run` and `regobs logs query` as commands."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from regobs.cli import main
from regobs.cli.logs_query import query, run
from regobs.errors import ExitCode, InputError, LogQueryError
from tests.logs.sample import FILE, lines

LOGS = click.Group("logs", commands=[run, query])


def _out(*arguments: str) -> tuple[str, str]:
    result = CliRunner().invoke(LOGS, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def test_without_a_name_the_saved_queries_are_listed() -> None:
    out, _ = _out("run")
    assert "gc-decisions" in out
    assert "GC decisions" in out


def test_a_saved_query_is_answered_and_narrowed() -> None:
    data = json.loads(_out("run", "pulls-and-pushes", str(FILE), "--format", "json", "--where", "root_repo: group1")[0])
    assert (data["lines"], data["malformed"]) == (len(lines()), 0)
    assert data["rows"]
    assert all(row["repository"].startswith("group1/") for row in data["rows"])
    out, _ = _out("run", "pulls-and-pushes", str(FILE), "--format", "csv", "--to", "2026-11-22")
    assert out == "repository,pulls,pushes,tags,last\n"
    out, err = _out("run", "pulls-and-pushes", str(FILE), "--limit", "1")
    assert len(out.splitlines()) == 3
    assert err == f"{len(lines())} lines\nFurther rows fit, which --limit 1 left out\n"


def test_a_download_is_counted_once_though_it_writes_two_lines() -> None:
    lines = json.loads(_out("query", 'msg: "blob downloaded"', str(FILE), "--by", "level", "--format", "json")[0])
    rows = json.loads(_out("run", "top-repositories-by-bytes", str(FILE), "--format", "json")[0])["rows"]
    sized = 'msg: "blob downloaded" and size_bytes: *'
    counted = json.loads(_out("query", sized, str(FILE), "--by", "level", "--format", "json")[0])["rows"][0]["count"]
    assert sum(row["downloads"] for row in rows) == counted < lines["rows"][0]["count"]


def test_a_head_of_a_blob_is_no_download(tmp_path: Path) -> None:
    written = [line for line in lines() if line["msg"] == "blob downloaded"]
    handler = [line for line in written if "size_bytes" not in line]
    assert handler
    assert len(handler) < len(written)
    names = ("top-repositories-by-bytes", "top-namespaces-by-bytes", "egress-by-redirect")

    def downloads(more: list[dict[str, object]]) -> list[int]:
        path = tmp_path / "registry.log"
        path.write_text("".join(json.dumps(line) + "\n" for line in (*written, *more)))
        data = json.loads(_out("run", ",".join(names), str(path), "--format", "json")[0])
        return [sum(row["downloads"] for row in data[name]["rows"]) for name in names]

    # A HEAD writes the handler's line of a GET and not that of the storage, under an id of its own.
    heads = [{**line, "correlation_id": f"01HEAD{number}"} for number, line in enumerate(handler)]
    expected = [len(written) - len(handler)] * len(names)
    assert downloads([]) == downloads(heads) == expected


def test_lines_are_shown_with_the_columns_that_are_asked_for() -> None:
    out, _ = _out("query", "status: 404", str(FILE), "--columns", "status,uri", "--limit", "2", "--format", "csv")
    assert out.splitlines()[0] == "status,uri"
    assert len(out.splitlines()) == 3


def test_a_hint_and_malformed_lines_are_told_beside_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text('bad\n{"msg":"a"}\n')
    _, err = _out("query", "method: GET and", str(path), "--format", "csv")
    assert "Hint: 1:9: 'and' is part of the text" in err
    assert "2 lines, 1 of them malformed" in err


@pytest.mark.parametrize(
    ("language", "words"),
    [("sql", "read_json($1"), ("dsl", '"composite"'), ("kql", 'msg: "manifest downloaded" or')],
)
def test_a_query_is_explained_without_files(language: str, words: str) -> None:
    assert words in _out("run", "pulls-and-pushes", "--explain", language)[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "pulls"), "no saved query"),
        (("query", "statsu: 1", "x"), "no log field"),
        (("query", "status: 1", "x", "--columns", "tme"), "no log field"),
        (("query", "status: 1", "x", "--by", "error"), "makes no groups"),
        (("query", "status: 1", "x", "--from", "soon"), "not a time"),
        (("query", "status: 1", "x", "--from", "2026-11-24", "--to", "2026-11-23"), "--to is before --from"),
    ],
)
def test_a_wrong_argument_is_an_error_of_the_input(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(LogQueryError, match=message):
        _out(*arguments)


def test_one_day_may_be_both_ends_of_the_time() -> None:
    assert _out("query", "status: 404", str(FILE), "--from", "2026-11-23T11", "--to", "2026-11-23")[0]


def test_a_file_in_place_of_a_query_is_a_wrong_use() -> None:
    result = CliRunner().invoke(LOGS, ["run", str(FILE)])
    assert result.exit_code == 2
    assert "is a file: the name of a saved query comes before the files" in result.output


def test_no_files_is_a_wrong_use() -> None:
    result = CliRunner().invoke(LOGS, ["query", "status: 1"])
    assert result.exit_code == 2
    assert "standard input" in result.stderr


def test_files_and_a_cluster_together_are_a_wrong_use() -> None:
    result = CliRunner().invoke(LOGS, ["query", "status: 1", "x", "--elasticsearch", "http://127.0.0.1:9200"])
    assert result.exit_code == 2
    assert "one of them" in result.stderr


def test_a_query_of_ones_own_is_found_by_the_settings_of_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "observability" / "log_schemas" / "queries"
    folder.mkdir(parents=True)
    (folder / "deletes.query.yaml").write_text("title: Deletes\nwhere: 'method: DELETE'\nmetrics: {n: count}\n")
    monkeypatch.chdir(tmp_path)
    assert "deletes" not in _out("run")[0]
    (tmp_path / "regobs.toml").write_text('pack = "observability"\n')
    assert "Deletes" in _out("run")[0]
    deletes = sum(line.get("method") == "DELETE" for line in lines())
    assert deletes
    assert _out("run", "deletes", str(FILE), "--format", "csv")[0] == f"n\n{deletes}\n"


@pytest.mark.parametrize("option", [("--by", "msg,msg"), ("--columns", "time,level,time")])
def test_a_field_that_is_named_twice_is_refused(option: tuple[str, str]) -> None:
    with pytest.raises(LogQueryError, match=f"{option[0]} names a field twice"):
        _out("query", "*", str(FILE), *option)


def test_fields_to_count_by_and_columns_to_show_are_not_taken_together() -> None:
    result = CliRunner().invoke(query, ["*", str(FILE), "--by", "msg", "--columns", "time"])
    assert result.exit_code == 2
    assert "--by counts lines and --columns shows them" in result.output
    with pytest.raises(InputError, match="no log field"):
        _out("query", "*", str(FILE), "--by", "")


@pytest.mark.parametrize("arguments", [("query", "*"), ("run", "status-over-time")])
def test_files_of_which_no_line_can_be_read_are_an_error_and_one_readable_line_is_enough(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "a.log"
    path.write_text("what\nsomebody says\n", encoding="utf-8")
    with pytest.raises(InputError, match="no line can be read"):
        _out(*arguments, str(path))
    path.write_text('what\nsomebody says\n{"msg":"a"}\n', encoding="utf-8")
    assert _out(*arguments, str(path))[1] == "3 lines, 2 of them malformed and left out\n"
    path.write_text("", encoding="utf-8")
    assert _out(*arguments, str(path))[1] == "0 lines\nNote: there is no line in what was read\n"


def test_what_readable_files_say_is_shown_before_the_error_of_one_that_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.log"
    path.write_text("what\nsomebody says\n", encoding="utf-8")
    assert main.run(["logs", "query", "*", str(FILE), str(path), "--by", "msg", "--format", "csv"]) == ExitCode.INPUT
    out, err = capsys.readouterr()
    assert out.startswith("msg,count\n")
    assert str(FILE) not in err
    assert f"value:    {path}\n" in err


def test_a_table_shows_units_and_shares_and_csv_numbers() -> None:
    query = ("run", "requests-over-time", str(FILE))
    head, _, row = _out(*query)[0].splitlines()[:3]
    assert "server_errors" in head
    assert row.rstrip().endswith("%") or " % " in row
    assert "%" not in _out(*query, "--format", "csv")[0]
    assert "average (bytes)" in _out("run", "egress-by-redirect", str(FILE))[0]
    assert _out("query", "status: 200", str(FILE), "--columns", "duration_ms")[0].startswith("duration_ms\n")


@pytest.mark.parametrize("shape", ["table", "csv", "json"])
def test_that_further_rows_fit_is_told_and_nothing_where_none_do(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(f'{{"msg": "m{at}", "level": "error"}}\n' for at in range(3)), encoding="utf-8")
    for asked in (("query", "level: error", str(path), "--columns", "msg"), ("run", "recent-errors", str(path))):
        out, err = _out(*asked, "--limit", "2", "--format", shape)
        assert ("m1" in out, "m2" in out, "Further rows fit, which --limit 2 left out" in err) == (True, False, True), (
            asked
        )
        out, err = _out(*asked, "--limit", "3", "--format", shape)
        assert ("m2" in out, "left out" in err) == (True, False), asked
    _, err = _out("run", "recent-errors,errors-by-message", str(path), "--limit", "1", "--format", shape)
    assert "Further rows of recent-errors fit, which --limit 1 left out" in err


def test_a_limit_that_nobody_gave_is_not_called_one_of_the_user(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(f'{{"msg": "m{at}", "level": "error"}}\n' for at in range(101)), encoding="utf-8")
    for asked, rows in ((("query", "level: error"), 20), (("run", "recent-errors"), 50)):
        _, err = _out(*asked, str(path))
        assert f"Further rows fit, {rows} are shown where no --limit is given" in err
        assert f"Further rows fit, which --limit {rows} left out" in _out(*asked, str(path), "--limit", str(rows))[1]


WEB = '192.0.2.1 - - [23/Nov/2026:11:05:00 +0000] "GET /v2/ HTTP/1.1" 200 2 "-" "docker/28.1"\n'


@pytest.mark.parametrize("name", ["status-over-time", "errors-by-code,top-addresses-by-bytes"])
def test_an_empty_answer_of_a_web_servers_lines_says_how_to_ask_them(tmp_path: Path, name: str) -> None:
    path = tmp_path / "access.log"
    path.write_text(WEB * 2, encoding="utf-8")
    _, err = _out("run", name, str(path))
    assert "Hint: these are access lines of a web server" in err
    out, err = _out("query", "status: *", str(path), "--by", "method,status", "--format", "csv")
    assert (out, "Hint" in err) == ("method,status,count\nGET,200,2\n", False)
    path.write_text(WEB + '{"level": "info", "msg": "x"}\n', encoding="utf-8")
    assert "Hint" not in _out("run", name, str(path))[1]
    path.write_text("", encoding="utf-8")
    assert "Hint" not in _out("run", name, str(path))[1]


def test_csv_has_no_nul_and_keeps_every_other_character(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(json.dumps({"level": "info", "msg": "a\0bc\td\ne\u00a0é"}) + "\n", encoding="utf-8")
    out, _ = _out("query", "level: info", str(path), "--columns", "msg", "--format", "csv")
    assert out == 'msg\n"a\\x00bc\td\ne\u00a0é"\n'
