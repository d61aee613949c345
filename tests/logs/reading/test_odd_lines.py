"""Each command takes a line that only some programs can read for one, or for none, as docs/logs.md says."""

from __future__ import annotations

import gzip
import json
import random
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from regobs.cli.main import regobs
from regobs.common.counts import counted
from regobs.errors import RegobsError
from regobs.logs.fields import FIELDS
from regobs.logs.reading.lenient import DEEPEST, UNDECODABLE, read_object, read_odd
from regobs.logs.reading.looks import has_wrapped_objects
from regobs.logs.reading.read import LONGEST_LINE
from regobs.logs.reading.values import values
from tests.logs.reading.test_forms import AROUND, around
from tests.logs.timing import assert_linear

REQUEST = "01M841NTHKZ0HGNC8T60WWY6BH"
HEAD = f'{{"correlation_id":"{REQUEST}","level":"info","msg":"access","method":"GET","uri":"/v2/","written_bytes":1'
WINDOWS = ("2026-11-23T11:04..2026-11-23T11:05", "2026-11-23T11:05..2026-11-23T11:06")


def line(status: str, more: str = "", minute: int = 5) -> str:
    return f'{HEAD},"time":"2026-11-23T11:{minute:02}:00.000Z","status":{status}{more}}}'


def long(size: int) -> str:
    empty = line("418", ',"a":""')
    return line("418", f',"a":"{"x" * (size - len(empty))}"')


# What stands in the table: the line, its status, whether `validate` finds fault with its JSON. No line where malformed.
MALFORMED = "malformed"
LINES: dict[str, tuple[str, object, bool]] = {
    "`NaN`, `Infinity`, `-inf`": (line("NaN"), None, True),
    "a comma before a closing bracket": (line("418", ","), 418, True),
    "a number beyond a double": (line("1e999"), None, True),
    "nested over 100 levels": (line("418", f',"detail":{"[" * 5000}{"]" * 5000}'), 418, True),
    "a key that stands twice": (line("418", ',"status":500'), 418, False),
    "up to 16 MiB": (long(LONGEST_LINE), 418, False),
    "longer": (long(LONGEST_LINE + 1), MALFORMED, False),
    "cut off": (line("418")[:-1], MALFORMED, False),
    "two objects, text behind one": (line("418") + line("418"), MALFORMED, False),
    "control characters, no UTF-8": (line("418", ',"a":"\x01"'), MALFORMED, False),
    '`[1]`, `"x"`, `7`': (f'["{REQUEST}"]', MALFORMED, False),
}
PAGE = (Path(__file__).parents[3] / "docs/logs.md").read_text("utf-8")


def answer(*arguments: str) -> str:
    result = CliRunner().invoke(regobs, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit | RegobsError), result.exception
    return result.stdout


def of_query(name: str, path: str) -> tuple[list[object], int]:
    options = ["--columns", "status", "--limit", "9999"] if name == "query" else []
    asked = ["requests-by-route-and-status"] if name == "run" else ["*"]
    found = json.loads(answer("logs", name, *asked, path, *options, "--format", "json"))
    rows = [one["status"] for one in found["rows"] for _ in range(one.get("requests", 1))]
    return rows, found[MALFORMED]


def validated(path: str) -> tuple[int, int]:
    found = json.loads(answer("logs", "validate", path, "--format", "json"))
    return found["lines"] - found[MALFORMED], found[MALFORMED]


def statuses(records: list[dict[str, Any]]) -> list[object]:
    return [next(iter(values(record, FIELDS["status"])), None) for record in records]


def exported(path: str) -> dict[str, int]:
    found = re.findall(r'log_lines_total\{kind="(\w+)"\} (\d+)', answer("export", "logs", "--once", path))
    return {kind: int(count) for kind, count in found}


def row_of(name: str) -> str:
    (found,) = [shown for shown in PAGE.splitlines() if shown.startswith(f"| {name} |")]
    return found


@pytest.mark.parametrize("name", LINES)
def test_every_command_takes_a_line_alike(name: str, tmp_path: Path) -> None:
    odd, status, at_fault = LINES[name]
    path = tmp_path / "a.log"
    first, last = line("200", minute=4), line("503")
    path.write_text(f"{first}\n{odd}\n{last}\n")
    file, broken = str(path), int(status == MALFORMED)
    assert (MALFORMED if broken else "read") in row_of(name)
    expected = [200, 503] if broken else [200, status, 503]
    assert validated(file) == (3 - broken, broken)
    assert ("JSON that every program reads" in answer("logs", "validate", file)) == at_fault
    assert answer("logs", "infer", file).startswith(f"# {counted(3 - broken, 'line')}. ")
    assert of_query("query", file) == (expected, broken)
    rows, malformed = of_query("run", file)
    assert (sorted(rows, key=str), malformed) == ([one for one in expected if one is not None], broken)
    traced = json.loads(answer("logs", "trace", REQUEST, file, "--format", "json"))
    assert statuses([one["record"] for one in traced["lines"]]) == expected
    tail = answer("logs", "tail", file, "--once", "--format", "json").splitlines()
    assert statuses([json.loads(one) for one in tail]) == expected
    diff = answer("logs", "diff", file, "--before", WINDOWS[0], "--after", WINDOWS[1], "--format", "json")
    assert json.loads(diff)[MALFORMED] == broken
    assert (exported(file).get(MALFORMED, 0), sum(exported(file).values())) == (broken, 3)


def test_every_row_of_the_table_is_tested() -> None:
    table = PAGE.split("| a line with, or that is |")[1].split("\n\n")[0]
    assert re.findall(r"^\| (?!-)(.+?) \|", table, re.MULTILINE) == [*LINES]


@pytest.mark.parametrize("cache", [[], ["--cache", "beside"]], ids=["read", "copied"])
@pytest.mark.parametrize("name", [name for name, _ in AROUND])
def test_what_stands_around_a_line_is_taken_off_also_where_a_long_file_began_without(
    name: str, cache: list[str], tmp_path: Path
) -> None:
    path, other = tmp_path / "a.log", line("404")
    path.write_text(f"{line('200')}\n" * 600 + around(dict(AROUND)[name], other))
    found = answer("logs", "query", "status: *", str(path), "--by", "status", "--format", "json", *cache)
    read = json.loads(found)
    assert (read["lines"], read[MALFORMED]) == (601, 0)
    assert {one["status"]: one["count"] for one in read["rows"]} == {200: 600, 404: 1}
    assert validated(str(path)) == (601, 0)


@pytest.mark.parametrize("place", range(-12, 13))
def test_an_object_around_a_line_is_found_also_across_the_blocks_that_are_read(place: int, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    wrapped = json.dumps({"a": 1, "log": line("404") + "\n", "stream": "stdout", "time": "2026-11-23T11:05:00Z"})
    before = b'{"status":200}\n' * ((1 << 20) // 15)
    before += b" " * ((1 << 20) + 4 - len(before) - wrapped.index('"log"') + place - 1) + b"\n"
    path.write_bytes(before + wrapped.replace('"a": 1, ', "").encode() + b"\n")
    assert has_wrapped_objects(path)
    path.write_bytes(before)
    assert not has_wrapped_objects(path)


def test_a_line_that_is_too_long_is_malformed_wherever_it_stands_in_a_plain_file(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    for before in (0, 1, LONGEST_LINE // 2, LONGEST_LINE):
        head = f"{line('200')}\n" * (before // 100)
        path.write_text(f"{head}{long(LONGEST_LINE + 1)}\n{line('503')}\n")
        rows, malformed = of_query("run", str(path))
        assert (len(rows), malformed) == (before // 100 + 1, 1)


def test_json_over_several_lines_is_read_behind_lines_of_one_each(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(f"{line('200')}\n" * 600 + json.dumps(json.loads(line("404")), indent=1) + "\n")
    rows, malformed = of_query("run", str(path))
    assert (rows.count(200), rows.count(404), malformed) == (600, 1, 0)
    assert validated(str(path)) == (601, 0)


def test_a_line_of_text_is_read_behind_many_that_nobody_can_read(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    text = f'time="2026-11-23T11:05:00Z" level=info msg=access status=404 method=GET correlation_id={REQUEST}'
    path.write_text(f"{line('200')}\n" * 600 + "what somebody says\n" * 1_500 + text + "\n")
    rows, malformed = of_query("query", str(path))
    assert (rows.count(200), rows.count(404), malformed) == (600, 1, 1_500)
    assert validated(str(path)) == (601, 1_500)


def test_a_packed_file_is_read_as_a_plain_one(tmp_path: Path) -> None:
    path = tmp_path / "a.log.gz"
    odd = "\n".join(shown for name, (shown, _, _) in LINES.items() if "16 MiB" not in name and name != "longer")
    path.write_bytes(gzip.compress(f"{line('200')}\n{odd}\n{line('503')}\n".encode()))
    rows, malformed = of_query("query", str(path))
    assert (rows, malformed) == ([200, None, 418, None, 418, 418, 503], 4)
    assert validated(str(path)) == (7, 4)


_SCALARS = ("1", "2.5", '"x"', '"y: z"', '"a\\":"', "NaN", "-inf", "true", "null", "1e999", '"\\u0041"', "404", "-0")
_PIECES = (*'{}[]:,"-+.\t\r ', "NaN", "nan", "inf", "01", "1.", "1e", "\\", "\\ud800", "é", "\x01", ",,", '"":', "tru")


def made(source: random.Random, depth: int = 0) -> str:
    """JSON, now and then with what only some programs read."""
    end = "," if source.random() < 0.1 else ""
    if depth < 4 and source.random() < (1 if not depth else 0.25):
        names = [source.choice(("msg", "status", "method", "detail")) for _ in range(source.randrange(4))]
        spaces = [source.choice(("", "", " ", "\t")) for _ in names]
        inner = [f'"{name}"{space}:{space}{made(source, depth + 1)}' for name, space in zip(names, spaces, strict=True)]
        return f"{{{','.join(inner)}{end}}}"
    if depth < 4 and source.random() < 0.2:
        return f"[{','.join(made(source, depth + 1) for _ in range(source.randrange(3)))}{end}]"
    return source.choice(_SCALARS)


def test_objects_and_lists_that_are_too_deep_stand_as_their_text_and_others_as_they_are() -> None:
    deep = '{"k":[1,' * DEEPEST + '"z"' + ', {"l": [ ]} ]}' * DEEPEST
    record, odd = read_odd(f'{{"a":{{"b":[[2],{{"c":3}}]}},"d":{deep},"e":{{"f":"g"}}}}'.encode())
    assert odd == f"nested deeper than {DEEPEST} levels"
    assert record == {"a": {"b": [[2], {"c": 3}]}, "d": deep.replace(" ", ""), "e": {"f": "g"}}


@pytest.mark.parametrize("part", ['{"a":', "[", '[{"a":'], ids=["objects", "lists", "both"])
def test_a_deep_line_takes_little_more_memory_than_its_length(part: str) -> None:
    ends = {"{": "}", "[": "]"}
    line = (part * 50_000 + "1" + "".join(ends[one] for one in reversed(part) if one in ends) * 50_000).encode()
    line = b'{"x":' + line + b"}"
    tracemalloc.start()
    try:
        assert isinstance(read_object(line)["x"], str)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * len(line)  # an object of Python for each level takes about 150 times as much


def test_lines_are_read_as_duckdb_reads_them(tmp_path: Path) -> None:
    source = random.Random(18)  # noqa: S311 - repeatable, nothing secret
    lines = [made(source) for _ in range(20_000)]
    for place in range(0, len(lines), 3):
        text = lines[place]
        at = source.randrange(len(text)) + 1
        lines[place] = text[:at] + source.choice(_PIECES) + text[at + source.randrange(2) :]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    found = duckdb.execute(
        "SELECT f IS NOT NULL, f.msg, f.status, f.method FROM read_json($1, format='newline_delimited', "
        "records='false', ignore_errors=true, columns={f: 'STRUCT(msg VARCHAR, status BIGINT, method VARCHAR)'})",
        [str(path)],
    ).fetchall()
    taken = 0
    for text, (accepted, *there) in zip(lines, found, strict=True):
        record = read(text)
        assert (record is not None) == accepted, text
        taken += accepted
        for name, value in zip(("msg", "status", "method"), there, strict=True):
            if record is not None and str(value)[:1] not in "[{":  # which each writes in its own way
                assert next(iter(values(record, FIELDS[name])), None) == value, text
    assert 0.3 < taken / len(lines) < 0.95


def read(text: str) -> dict[str, Any] | None:
    try:
        return read_object(text.strip().encode())
    except UNDECODABLE:
        return None


def test_a_key_that_stands_twice_counts_once_however_it_is_written() -> None:
    for again in ('"a":2', '"a" :2', '"a"\t:2', '"\\u0061":2'):
        assert read_object(f'{{"a":1,"b":"\\":",{again}}}'.encode())["a"] == 1
    assert read_object(b'{"b":{"a":1,"a":2},"c":[{"a":3,"a":4}]}') == {"b": {"a": 1}, "c": [{"a": 3}]}


def test_a_value_is_its_text_beyond_a_number_of_levels() -> None:
    within, beyond = (f'{{"a":{"[" * depth}1{"]" * depth},"b":1}}'.encode() for depth in (DEEPEST - 1, DEEPEST))
    assert read_odd(within)[1] == ""
    record, odd = read_odd(beyond)
    assert (record["a"], record["b"], odd) == (beyond[5:-7].decode(), 1, f"nested deeper than {DEEPEST} levels")


@pytest.mark.parametrize(
    "hostile",
    [
        lambda size: b'{"a":' * size,
        lambda size: b'{"a":' + b"[" * size + b"]" * size + b"}",
        lambda size: b'{"a":' + b"[" * size + b"]" * (size - 1) + b"}",
        lambda size: b"{" + b'"a":1,' * size + b"}",
        lambda size: b'{"a":NaN,"b":"' + b"\\" * size + b'"}',
        lambda size: b'{"a":' + b"9" * size + b"}",
        lambda size: b'{"a":1e' + b"9" * size + b"}",
        lambda size: b'{"a" ' + b" " * size + b":1}",
        lambda size: b'{"a":[' + b"[]," * size + b"]}",
    ],
)
def test_a_hostile_line_takes_time_that_is_linear_in_its_length(hostile: Callable[[int], bytes]) -> None:
    lines = {size: hostile(size).decode() for size in (2_000, 32_000)}
    assert_linear(lambda size: read(lines[size]), 2_000)


def test_a_number_of_many_digits_fills_no_memory() -> None:
    for text in ("1e999999999", '"1e999999999"', "-1e999999999"):
        assert values({"status": json.loads(f'"{text.strip(chr(34))}"')}, FIELDS["status"]) == []


@pytest.mark.parametrize("blank", ["", "\n", "\n\n"], ids=["no blank line", "a blank line", "two"])
@pytest.mark.parametrize("name", ["", "CRI", "Docker, json-file", "journalctl -o export"])
def test_every_command_reads_a_journal_export_that_was_put_before_or_behind_other_lines(
    name: str, blank: str, tmp_path: Path
) -> None:
    forms = dict(AROUND)
    entry = around(forms["journalctl -o export"], line("418")).removesuffix("\n")
    other = around(forms[name], line("503")) if name else line("503") + "\n"
    path = tmp_path / "a.log"
    for number, (before, behind) in enumerate(((entry + blank, other), (other, entry + blank))):
        expected = [503, 418, 503] if number else [418, 503, 503]
        path.write_text(f"{before}{behind}{line('503')}\n")
        file = str(path)
        assert validated(file) == (3, 0)
        assert of_query("query", file) == (expected, 0)
        tail = answer("logs", "tail", file, "--once", "--format", "json").splitlines()
        assert statuses([json.loads(one) for one in tail]) == expected
        assert sum(exported(file).values()) == 3
        assert MALFORMED not in exported(file)
        assert answer("logs", "infer", file).startswith("# 3 lines. ")
