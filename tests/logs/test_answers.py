"""DuckDB and the reference give the same rows: for every saved query, and for KQL texts that hypothesis makes."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regobs.logs import saved
from regobs.logs.duckdb.run import run, run_all
from regobs.logs.fields import FIELDS, Field
from regobs.logs.kql import Node, parse, to_text
from regobs.logs.kql.analysis import terms
from regobs.logs.kql.bind import condition
from regobs.logs.kql.dates import iso
from regobs.logs.path_part import pattern
from regobs.logs.query import ByFilters, ByTerms, ByTime, Clause, MetricKind, Query, QueryMetric
from regobs.logs.redact import masked
from regobs.pack import find_pack
from tests.examples import examples
from tests.logs import made, reference
from tests.logs.duckdb.local import found, sample_table
from tests.logs.questions import leaves
from tests.logs.sample import FILE, lines
from tests.logs.strategies import trees
from tests.logs.timing import assert_linear

PACK = find_pack()
STEP = 3  # every third line is enough for a generated text: the reference takes its time


def _plain(value: Any) -> Any:
    """A cell of an answer in the words of the reference: times as milliseconds, numbers rounded."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, str) and value.endswith("Z") and value[:2] == "20":
        return round(datetime.fromisoformat(value).timestamp() * 1000)
    return value


def _same(query: Query, path: Path, sample: tuple[dict[str, Any], ...]) -> None:
    answer = run(query, [str(path)])
    expected = reference.rows(query, sample)
    assert Counter(tuple(map(_plain, row)) for row in answer.rows) == Counter(
        tuple(map(_plain, row)) for row in expected
    )
    assert (answer.lines, answer.malformed) == (len(sample), 0)


@pytest.mark.parametrize("name", saved.names_in(PACK))
def test_every_saved_query_gives_the_rows_of_the_reference(name: str) -> None:
    query = saved.load_query(PACK, name, now=reference.NOW)
    if not query.metrics:
        _same_lines(query.where.text, [*query.columns])
        return
    unlimited = Query(name, where=query.where, groups=query.groups, metrics=query.metrics, order=query.order)
    _same(unlimited, FILE, lines())
    full, cut = run(unlimited, [str(FILE)]), run(query, [str(FILE)])
    assert cut.rows == full.rows[: query.limit]
    assert full.rows, "the sample has nothing for it"
    assert (cut.lines, cut.malformed) == (len(lines()), 0)


def _shown(value: Any, field: Field) -> Any:
    return masked(value, field.name) if isinstance(value, str) else value


def _same_lines(text: str, columns: list[Field]) -> None:
    query = Query("q", where=Clause(text, condition(text, now=reference.NOW)), columns=tuple(columns))
    rows = run(query, [str(FILE)]).rows
    node = parse(text)
    expected = [
        tuple(_shown(next(iter(reference.values(line, field)), None), field) for field in columns)
        for line in lines()
        if reference.fits(line, node)
    ]
    assert [tuple(map(_plain, row)) for row in rows] == expected or Counter(
        tuple(map(_plain, row)) for row in rows
    ) == Counter(expected), text


@pytest.fixture(scope="module")
def table() -> Iterator[Any]:
    with sample_table(STEP) as connection:
        yield connection


@given(trees(leaves(), nested=False))
@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_kql_text_finds_the_lines_that_the_reference_finds(table: Any, tree: Node) -> None:
    text = to_text(tree)
    node = parse(text)
    some = list(enumerate(lines()))[::STEP]
    assert found(table, text) == [at for at, line in some if reference.fits(line, node)], text


@given(st.text(st.sampled_from("ab1_2.:,;'\u2019\u00b7- /éÉß½中"), max_size=14))
@settings(max_examples=examples(300), deadline=None)
def test_the_terms_of_a_text_are_those_of_the_reference(text: str) -> None:
    assert list(terms(text)) == reference.words(text)


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    made = [
        {"auth_project_paths": ["a/b", "c"], "status": 200, "time": "2026-01-01T00:00:00.9999+02:00"},
        {"auth_project_paths": ["c", None, "c"], "status": 404, "time": "2026-01-01T00:00:00Z"},
        {"auth_project_paths": [], "detail": {"a": 1}, "time": None},
        {"auth_project_paths": None, "status": None},
        {},
    ]
    path = tmp_path / "lists.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in made))
    return path


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("auth_project_paths: c", 2),
        ("not auth_project_paths: c", 3),
        ("auth_project_paths: *", 2),
        ("auth_project_paths: a*", 1),
        ("auth_project_paths > b", 2),
        ("auth_project_paths < b", 1),
        ("status: *", 2),
        ("not status: 200", 4),
        ("not status > 0", 3),
        ("detail: *", 1),
        ("time: 2025-12-31", 1),  # an offset counts
        ("time > 2025-12-31", 1),
        ('time <= "2025-12-31T22:00:00.999Z"', 1),
        ('time < "2025-12-31T22:00:00.999Z"', 0),
        ("", 5),
    ],
)
def test_a_missing_field_is_not_equal_and_one_of_a_list_is_enough(lists: Path, text: str, count: int) -> None:
    query = Query(
        "q", where=Clause(text, condition(text, now=reference.NOW)), metrics=(QueryMetric("n", MetricKind.COUNT),)
    )
    answer = run(query, [str(lists)])
    assert answer.rows == ((count,),)
    assert answer.lines == 5


def test_a_line_with_a_list_is_in_the_group_of_each_value_and_read_once(lists: Path) -> None:
    groups = (ByTerms("project", FIELDS["auth_project_paths"]),)
    metrics = (
        QueryMetric("n", MetricKind.COUNT),
        QueryMetric("projects", MetricKind.CARDINALITY, FIELDS["auth_project_paths"]),
    )
    answer = run(Query("q", groups=groups, metrics=metrics), [str(lists)])
    assert answer.rows == (("a/b", 1, 2), ("c", 2, 2))
    assert answer.lines == 5
    missing = (ByTerms("project", FIELDS["auth_project_paths"], missing=True),)
    assert run(Query("q", groups=missing, metrics=metrics[:1]), [str(lists)]).rows[-1] == (None, 3)


@pytest.mark.parametrize("seconds", [7 * 60, 60, 86400])
def test_time_buckets_begin_at_the_epoch_as_those_of_elasticsearch(tmp_path: Path, seconds: int) -> None:
    path = tmp_path / "old.jsonl"
    times = ["1969-12-31T23:59:00Z", "1970-01-01T00:00:00Z", "2026-11-23T00:03:00.001Z"]
    path.write_text("".join(json.dumps({"time": time}) + "\n" for time in times))
    query = Query(
        "q", groups=(ByTime("at", FIELDS["time"], seconds=seconds),), metrics=(QueryMetric("n", MetricKind.COUNT),)
    )
    expected = [row[0] for row in reference.rows(query, map(json.loads, path.read_text().splitlines()))]
    assert [row[0] for row in run(query, [str(path)]).rows] == [iso(value) for value in sorted(expected)]


@pytest.mark.parametrize(("unit", "start"), [("week", "2026-11-23"), ("month", "2026-11-01"), ("year", "2026-01-01")])
def test_calendar_buckets_begin_where_the_calendar_does(tmp_path: Path, unit: str, start: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"time": "2026-11-26T10:00:00Z"}\n')
    query = Query(
        "q", groups=(ByTime("at", FIELDS["time"], calendar=unit),), metrics=(QueryMetric("n", MetricKind.COUNT),)
    )
    assert run(query, [str(path)]).rows == ((f"{start}T00:00:00.000Z", 1),)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(("part", "name"), [(2, "group1"), ("repository", "group1/sub/proj2")])
def test_a_part_of_a_path_makes_groups(part: int | str, name: str, missing: bool) -> None:
    groups = (ByTerms("namespace", FIELDS["uri"], missing=missing, part=part), ByTerms("method", FIELDS["method"]))
    query = Query("q", groups=groups, metrics=(QueryMetric("n", MetricKind.COUNT),))
    _same(query, FILE, lines())
    names = {row[0] for row in run(query, [str(FILE)]).rows}
    assert name in names
    assert (None in names) is missing


@pytest.mark.parametrize("path", list(made.REPOSITORY_OF))
def test_the_repository_of_a_path_is_what_stands_before_the_last_route_that_fits(tmp_path: Path, path: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"uri": path}) + "\n")
    query = Query("q", groups=(made.REPOSITORY,), metrics=(QueryMetric("n", MetricKind.COUNT),))
    expected = ((made.REPOSITORY_OF[path] or None, 1),)
    assert run(query, [str(file)]).rows == expected
    assert tuple(reference.rows(query, [{"uri": path}])) == expected


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize(("line", "expected"), made.REFERENCE_OF)
def test_a_line_is_about_the_tag_that_it_names_else_about_what_its_path_names(
    tmp_path: Path, line: dict[str, Any], expected: str | None, missing: bool
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps(line) + "\n")
    group = msgspec.structs.replace(made.REFERENCE, missing=missing)
    query = Query("q", groups=(group,), metrics=(QueryMetric("n", MetricKind.COUNT),))
    rows = ((expected, 1),) if expected or missing else ()
    assert run(query, [str(file)]).rows == rows
    assert tuple(reference.rows(query, [line])) == rows


@pytest.mark.parametrize(("agent", "product", "version"), made.PROGRAM_OF)
def test_the_program_of_a_client_is_the_first_that_it_names(
    tmp_path: Path, agent: str, product: str | None, version: str | None
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"user_agent": agent}) + "\n")
    query = Query("q", groups=made.PROGRAM, metrics=(QueryMetric("n", MetricKind.COUNT),))
    expected = ((product, version, 1),)
    assert run(query, [str(file)]).rows == expected
    assert tuple(reference.rows(query, [{"user_agent": agent}])) == expected


@pytest.mark.parametrize("missing", [True, False])
def test_an_empty_text_is_as_good_as_none_in_groups_and_metrics_and_a_dash_is_a_text(
    tmp_path: Path, missing: bool
) -> None:
    file, query = tmp_path / "a.jsonl", made.of_namespaces(missing=missing)
    file.write_text("".join(json.dumps(line) + "\n" for line in made.EMPTY))
    assert run(query, [str(file)]).rows == made.NAMESPACES[:2] + (made.NAMESPACES[2:] if missing else ())
    _same(query, file, made.EMPTY)


@pytest.mark.parametrize("missing", [True, False])
def test_an_empty_text_is_no_address_in_groups_metrics_conditions_and_order(tmp_path: Path, missing: bool) -> None:
    file, query = tmp_path / "a.jsonl", made.of_clients(missing=missing)
    file.write_text("".join(json.dumps(line) + "\n" for line in made.ADDRESSES))
    assert run(query, [str(file)]).rows == made.CLIENTS[:2] + (made.CLIENTS[2:] if missing else ())
    _same(query, file, made.ADDRESSES)
    sorted_lines = run(made.by_client(), [str(file)]).rows
    assert sorted_lines == (("10.0.0.1",), ("10.0.0.1",), ("2001:db8::1",), (None,), (None,), (None,))


def test_a_repository_is_found_in_linear_time() -> None:
    expression = re.compile(pattern("repository"))  # backtracks, where the engines that are asked do not
    for part in ("x/blobs/uploads/", "manifests/", "tags/detail/", "?"):
        for begin in ("/v2/", "/gitlab/v1/repositories/"):
            texts = {size: begin + part * size + "\n" for size in (2000, 32_000)}

            def search(size: int, texts: dict[int, str] = texts) -> object:
                return expression.search(texts[size])

            assert_linear(search, 2000)


def test_queries_that_are_asked_together_have_the_answers_that_each_has_alone() -> None:
    queries = [saved.load_query(PACK, name, now=reference.NOW) for name in saved.names_in(PACK)]
    queries.append(
        Query("l", groups=(ByTerms("p", FIELDS["auth_project_paths"]),), metrics=(QueryMetric("n", MetricKind.COUNT),))
    )
    queries.append(
        Query("t", metrics=(QueryMetric("n", MetricKind.COUNT), QueryMetric("s", MetricKind.SUM, FIELDS["size_bytes"])))
    )
    assert run_all(queries, [str(FILE)]) == [run(query, [str(FILE)]) for query in queries]


def test_lines_of_any_generation_and_malformed_ones_count_the_same_together_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "mixed.log"
    path.write_text(
        '{"msg": "access", "uri": "/v2/a/b", "method": "GET", "status": 200, "duration_ms": 7, "written_bytes": 1}\n'
        '{"msg": "purged", "level": "info"}\n'
        '{"message": "access", "url": "/v2/a/c", "method": "PUT", "duration_s": 0.009, "written_bytes": 2}\n'
        '{"msg": "response", "http.request.uri": "/v2/d/", "http.response.status": 404, "http.response.written": 4}\n'
        'bad\n[1]\n{"status": 2\n{}\n'
    )
    size = QueryMetric("bytes", MetricKind.SUM, FIELDS["written_bytes"])
    longest = QueryMetric("p", MetricKind.PERCENTILE, FIELDS["duration_ms"], percent=50)
    small = Clause("status < 300", condition("status < 300"))
    by_name = ByTerms("name", FIELDS["uri"], part=2)
    by_method = ByTerms("method", FIELDS["method"], missing=True)
    queries = [
        Query("sizes", groups=(by_name,), metrics=(size,)),
        Query("durations", groups=(by_method,), metrics=(longest,)),
        Query("both", groups=(by_name, by_method), metrics=(size, longest)),
        Query("some", groups=(ByFilters("what", (("small", small),), other="rest"),), metrics=(size,)),
    ]
    together = run_all(queries, [str(path)])
    assert together == [run(query, [str(path)]) for query in queries]
    assert {(one.lines, one.malformed) for one in together} == {(8, 3)}
    assert [one.rows for one in together] == [
        (("a", 3), ("d", 4)),
        (("GET", 7.0), ("PUT", 9.0), (None, None)),
        (("a", "GET", 1, 7.0), ("a", "PUT", 2, 9.0), ("d", None, 4, None)),
        (("rest", 6), ("small", 1)),
    ]


@pytest.mark.parametrize(
    ("uri", "part"), [("/v2/a?n=1/b", "a"), ("/v2?last=/a/b", None), ("/v2/a/?b", "a"), ("?/v2/a", None)]
)
def test_what_stands_in_the_query_of_a_path_is_no_part_of_it(tmp_path: Path, uri: str, part: str | None) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"uri": uri}) + "\n")
    group = ByTerms("name", FIELDS["uri"], missing=True, part=2)
    assert run(Query("q", groups=(group,), metrics=(QueryMetric("n", MetricKind.COUNT),)), [str(path)]).rows == (
        (part, 1),
    )


def test_no_line_at_all_still_answers_totals() -> None:
    metrics = (
        QueryMetric("n", MetricKind.COUNT),
        QueryMetric("s", MetricKind.SUM, FIELDS["size_bytes"]),
        QueryMetric("a", MetricKind.AVG, FIELDS["size_bytes"]),
        QueryMetric("c", MetricKind.CARDINALITY, FIELDS["digest"]),
        QueryMetric("r", MetricKind.RATIO),
    )
    text = "status: 999"
    answer = run(Query("q", where=Clause(text, condition(text)), metrics=metrics), [str(FILE)])
    assert answer.rows == ((0, 0, None, 0, None),)
    assert answer.lines == len(lines())
