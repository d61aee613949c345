"""Reading local files: compressed ones, patterns, standard input, and lines that are not what they should be."""

from __future__ import annotations

import gzip
import io
import ipaddress
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.errors import InputError, MachineError
from regobs.logs.answer import Answer, as_csv, as_json, as_table
from regobs.logs.duckdb import run as duckdb_run
from regobs.logs.duckdb.lines import Reading
from regobs.logs.duckdb.run import _connected, run
from regobs.logs.duckdb.sql import compiled
from regobs.logs.fields import FIELDS
from regobs.logs.kql import addresses
from regobs.logs.kql.bind import condition
from regobs.logs.query import ByTerms, Clause, MetricKind, Order, Query, QueryMetric
from tests.examples import examples

COUNT = Query("n", metrics=(QueryMetric("n", MetricKind.COUNT),))
BY_STATUS = Query("s", groups=(ByTerms("status", FIELDS["status"]),), metrics=(QueryMetric("n", MetricKind.COUNT),))

BAD = {
    "text": b"not json\n",
    "list": b"[1]\n",
    "bare text": b'"x"\n',
    "number": b"7\n",
    "truncated": b'{"status": 4\n',
    "two objects": b'{"status": 1} {"status": 2}\n',
    "no UTF-8": b'{"msg": "\xff"}\n',
    "NUL": b'{"msg": "\x00"}\n',
    "separator": b'{"msg": "\x01"}\n',
}


@pytest.mark.parametrize("query", [COUNT, BY_STATUS, Query("h", columns=(FIELDS["status"],))], ids=["n", "by", "lines"])
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_malformed_line_is_counted_and_no_row(tmp_path: Path, bad: bytes, query: Query) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b'{"status": 200}\n' + bad + b'\r\n   \n{"status": 200}\r\n{"status": 404}')
    answer = run(query, [str(path)])
    assert (answer.lines, answer.malformed) == (4, 1)
    expected = {COUNT: ((3,),), BY_STATUS: ((200, 2), (404, 1))}.get(query, ((200,), (200,), (404,)))
    assert answer.rows == expected


def test_an_empty_object_is_a_line_without_fields(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text('{}\n{"status": null}\n{"status": 1}\n')
    assert run(COUNT, [str(path)]).rows == ((3,),)
    assert run(BY_STATUS, [str(path)]).rows == ((1, 1),)
    missing = Query("m", groups=(ByTerms("status", FIELDS["status"], missing=True),), metrics=COUNT.metrics)
    assert run(missing, [str(path)]).rows == ((1, 1), (None, 2))


def test_files_are_given_by_name_pattern_and_standard_input(tmp_path: Path) -> None:
    (tmp_path / "a[1].log").write_text('{"status": 1}\n')
    (tmp_path / "a1.log").write_text('{"status": 2}\n')
    with gzip.open(tmp_path / "b.log.gz", "wt") as file:
        file.write('{"status": 3}\n')
    (tmp_path / "empty.log").write_text("")
    stdin = io.BytesIO(b'{"status": 4}\n{"status"')
    assert run(BY_STATUS, [str(tmp_path / "a[1].log")]).rows == ((1, 1),)
    answer = run(BY_STATUS, [str(tmp_path / "*.log*"), str(tmp_path / "a1.log"), "-"], stdin=stdin)
    assert answer.rows == ((1, 1), (2, 1), (3, 1), (4, 1))
    assert (answer.lines, answer.malformed) == (5, 1)
    assert run(COUNT, [str(tmp_path / "empty.log")]) == Answer(("n",), ((0,),), 0, 0)


def test_the_limit_cuts_rows_and_not_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(f'{{"status": {status}}}\n' for status in (1, 2, 2, 3, 3, 3)) + "bad\n")
    query = Query("q", groups=BY_STATUS.groups, metrics=COUNT.metrics, order=(Order("n", descending=True),), limit=2)
    answer = run(query.narrowed(Clause("status > 1", condition("status > 1"))), [str(path)])
    assert answer.rows == ((3, 3), (2, 2))
    assert (answer.lines, answer.malformed) == (7, 1)


@pytest.mark.parametrize(
    ("file", "message"), [("none.log", "no such file"), ("*.none", "no such file"), (".", "folder")]
)
def test_files_that_are_not_there_are_named(tmp_path: Path, file: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(COUNT, [str(tmp_path / file)])


def test_compression_is_told_by_the_bytes_and_not_by_the_name(tmp_path: Path) -> None:
    (tmp_path / "plain.gz").write_bytes(b"{}\n")
    (tmp_path / "packed.log").write_bytes(zstd.compress(b"{}\n{}\n"))
    (tmp_path / "packed.zst").write_bytes(zstd.compress(b"{}\n{}\n{}\n"))
    assert run(COUNT, [str(tmp_path / "plain.gz")]).rows == ((1,),)
    assert run(COUNT, [str(tmp_path / "packed.log"), str(tmp_path / "packed.zst")]).rows == ((5,),)
    assert run(COUNT, ["-"], stdin=io.BytesIO(gzip.compress(b"{}\n{}"))).rows == ((2,),)


@pytest.mark.parametrize("end", ["zip", "lz4", "br", "bz2", "xz", "BZ2", "gz", "zst", "log", "1", "jsonl"])
def test_a_plain_file_is_read_whatever_its_name_ends_with(tmp_path: Path, end: str) -> None:
    (tmp_path / f"registry.{end}").write_bytes(b"{}\n{}\n")
    assert run(COUNT, [str(tmp_path / f"registry.{end}")]).rows == ((2,),)


def test_an_archive_of_files_is_told_as_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "registry.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("registry.log", '{"status": 1}\n' * 100)
    answer = run(COUNT, [str(path)])
    assert answer.rows == ((0,),)
    assert answer.unread == (str(path),)


@pytest.mark.parametrize("wrap", [b"", b"2026-11-23T11:05:00Z stdout F "], ids=["plain", "wrapped"])
def test_a_broken_archive_is_read_up_to_the_break_and_named(tmp_path: Path, wrap: bytes) -> None:
    path = tmp_path / "a.gz"
    lines = b"".join(wrap + b'{"status": %d}\n' % number for number in range(100_000))
    path.write_bytes(gzip.compress(lines)[:-2000])
    answer = run(COUNT, [str(path)])
    assert answer.broken == (str(path),)
    assert answer.malformed == 1
    assert 0 < answer.lines < 100_000
    path.write_bytes(gzip.compress(lines))
    answer = run(COUNT, [str(path)])
    assert (answer.broken, answer.malformed, answer.lines) == ((), 0, 100_000)


def test_without_duckdb_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MachineError, match=r"regobs\[logs\]"):
        run(COUNT, ["x"])


@given(st.text(min_size=1, max_size=20))
@settings(max_examples=examples(100))
def test_a_value_never_stands_in_the_sql(value: str) -> None:
    text = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    marked = f'method: {text[:-1]}#mark" and uri: *#mark* and msg: #mark and name >= {text[:-1]}#mark"'
    statement = compiled(COUNT.narrowed(Clause(marked, condition(marked))), Reading(("#mark'",)))
    assert "#mark" not in statement.sql
    assert f"{value}#mark" in statement.parameters


_GROUPS = st.lists(st.sampled_from(["0", "0", "", "1", "00ab", "FFFF", "10.0.0.1", "1.2.3.256"]), max_size=10)
_TEXTS = (
    st.text(":.%0123456789abcdefF", max_size=12) | _GROUPS.map(":".join) | st.ip_addresses(v=4).map("::ffff:{}".format)
)


@given(st.lists(st.ip_addresses() | _TEXTS, max_size=20))
@settings(max_examples=examples(100), deadline=None)
def test_the_database_reads_addresses_as_python_does(found: list[object]) -> None:
    texts = [str(one) for one in found]
    texts += [one.exploded for one in found if isinstance(one, ipaddress.IPv6Address)]
    keys = [addresses.key(text) for text in texts]
    same = [addresses.address(key) if key else text for key, text in zip(keys, texts, strict=True)]
    with _connected(duckdb) as connection:
        asked = "SELECT log_address(a), log_same_address(a) FROM (SELECT unnest($1) AS a)"
        read = connection.execute(asked, [texts]).fetchall()
    assert read == list(zip(keys, same, strict=True))


ANSWER = Answer(("name", "n", "share"), (("a,b", 1234567, 0.5), ("x\x1b[0m", None, None), (True, 2, 12345678.0)), 3, 0)


def test_an_answer_as_table_csv_and_json() -> None:
    table = as_table(ANSWER).splitlines()
    assert table[0] == "name              n       share"
    assert table[2] == "a,b       1,234,567         0.5"
    assert "\x1b" not in as_table(ANSWER)
    assert as_csv(ANSWER).splitlines() == ["name,n,share", '"a,b",1234567,0.5', "x\x1b[0m,,", "true,2,12345678.0"]
    assert '"rows": [' in as_json(ANSWER)
    assert as_table(Answer(("a",), (), 0, 0)) == "a\n-\n"


@pytest.mark.parametrize(
    ("first", "readings"),
    [(b"", 1), (b'{"msg": "x", "status": 200}\n', 2), (b'{"log": "{\\"status\\": 200}\\n", "time": "t"}\n', 1)],
)
def test_lines_without_a_message_are_read_once_where_the_first_ones_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bytes, readings: int
) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(first + b'{"status": 200}\n' * 9 + b'{"log": "{\\"status\\": 404}\\n", "time": "t"}\n7\n')
    count = 0
    read = duckdb_run._Reader._read

    def counted(self: duckdb_run._Reader, *arguments: Any) -> Any:
        nonlocal count
        count += 1
        return read(self, *arguments)

    monkeypatch.setattr(duckdb_run._Reader, "_read", counted)
    answer = run(BY_STATUS, [str(path)])
    assert (answer.rows, answer.malformed, count) == (((200, 9 + bool(first)), (404, 1)), 1, readings)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("msg: access", [0, 1, 2]),
        ("not msg: access", [3, 4, 5, 6]),
        ('msg: "access denied"', [2]),
        ("msg: (denied or straße)", [2, 5]),
        ("msg: STRASSE", []),
    ],
)
def test_a_word_is_found_in_a_text_that_is_it_alone_or_has_it(tmp_path: Path, text: str, places: list[int]) -> None:
    path = tmp_path / "a.log"
    messages = ["access", "ACCESS", "Access  denied.", "accessing", "", "Straße", None]
    path.write_text("".join(json.dumps({"msg": one, "status": at}) + "\n" for at, one in enumerate(messages)), "utf-8")
    lines = Query("l", columns=(FIELDS["status"],)).narrowed(Clause(text, condition(text)))
    assert [row[0] for row in run(lines, [str(path)]).rows] == places
