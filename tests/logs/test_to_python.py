"""A condition on a single line holds where the reference says so, and where the database does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.logs.duckdb.run import run
from regobs.logs.fields import FIELDS
from regobs.logs.kql import parse, to_text
from regobs.logs.kql.bind import condition
from regobs.logs.query import Clause, Query
from regobs.logs.reading.values import read_record, values
from regobs.logs.to_python import holds
from tests.examples import examples
from tests.logs import reference
from tests.logs.questions import leaves
from tests.logs.sample import lines
from tests.logs.strategies import trees

SOME = lines()[::5]


@given(trees(leaves(), nested=False))
@settings(max_examples=examples(200), deadline=None)
def test_a_kql_text_fits_the_lines_that_the_reference_finds(tree: Any) -> None:
    text = to_text(tree)
    fits = holds(condition(text, now=reference.NOW))
    node = parse(text)
    assert [fits(line) for line in SOME] == [reference.fits(line, node) for line in SOME], text


ODD: list[dict[str, Any]] = [
    {"status": "404", "size_bytes": 4.5, "log_only": "true", "time": "2026-11-23T11:05:00+02:00"},
    {"status": 404.0, "size_bytes": 5.5, "log_only": 1, "time": "2026-11-23"},
    {"status": True, "size_bytes": "x", "log_only": "yes", "time": "soon"},
    {"status": None, "size_bytes": 99999999999999999999, "log_only": None, "time": 5},
    {"status": {"a": 1}, "method": {"a": [1, "é"]}, "auth_project_paths": "a"},
    {"method": 5.0, "auth_project_paths": ["a", None, 1], "remote_ip": "10.0.0.1"},
    {"duration_s": 1.001, "written_bytes": 5, "url": "/v2/", "severity": "info", "message": "access"},
    {"duration_s": 1.001, "url": "/v2/"},
    {"http.response.duration": "1m2.5s", "http.request.id": "abc", "err.code": "manifest unknown"},
    {"http.response.duration": "soon", "status_code": 500, "remote_ip": "fe80::1"},
    {"status": "", "size_bytes": "", "log_only": "", "time": "", "remote_ip": ""},
]
FIELDS_OF_ODD = (
    "status size_bytes log_only time method auth_project_paths remote_ip duration_ms uri level msg code correlation_id"
)


@pytest.mark.parametrize("name", FIELDS_OF_ODD.split())
def test_a_value_of_an_odd_type_or_another_generation_is_the_one_that_the_database_reads(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "odd.log"
    path.write_text("".join(json.dumps(line) + "\n" for line in ODD))
    field = FIELDS[name]
    text = f"{name}: *"
    answer = run(Query("q", where=Clause(text, condition(text)), columns=(field,)), [str(path)])
    fits = holds(condition(text))
    assert answer.lines == len(ODD)
    assert len(answer.rows) == sum(fits(line) for line in ODD)
    if name != "auth_project_paths":
        from regobs.logs.duckdb.columns import shown

        assert [row[0] for row in answer.rows] == [
            shown(found[0], field.type) for line in ODD if (found := values(line, field))
        ]


def test_a_line_of_any_form_is_read_and_no_other() -> None:
    assert read_record(b' {"msg": "access"} \r') == {"msg": "access"}
    record = read_record(b'time="2026-11-23T11:05:00Z" level=info msg="response completed" http.request.id=abc')
    assert record is not None
    assert values(record, FIELDS["correlation_id"]) == ["abc"]
    assert read_record(b"2026/11/23 11:05:00 http: superfluous") is not None
    assert [read_record(line) for line in (b"", b"[1]", b"text", b'{"a"', b"\xff")] == [None] * 5


@given(st.binary(max_size=60))
def test_no_bytes_stop_the_reader(line: bytes) -> None:
    record = read_record(line)
    assert record is None or all(isinstance(values(record, field), list) for field in FIELDS.values())
