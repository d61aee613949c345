"""Pages, groups, time buckets, missing values and ties: the same rows from files and from each real server."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from regobs.errors import ServerError
from regobs.logs.elasticsearch import cluster as elasticsearch_cluster
from regobs.logs.elasticsearch.cluster import Cluster
from regobs.logs.elasticsearch.run import run
from regobs.logs.elasticsearch.search import PAGE
from regobs.logs.fields import FIELDS
from regobs.logs.kql.bind import condition
from regobs.logs.path_part import NAMES
from regobs.logs.query import ByFilters, ByTerms, ByTime, Clause, Group, MetricKind, Order, Query, QueryMetric
from tests.e2e.log_answers import load, same, without_percentiles, written
from tests.logs import made, reference
from tests.peers.opensearch import OpenSearch
from tests.peers.search_server import SearchServer

INDEX = "groups"
MANY = 2 * PAGE + 345  # three pages
START = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)


def _line(at: int) -> dict[str, Any]:
    """A line of its own millisecond; every field but the first three is missing, null or empty in some."""
    line = {
        "msg": "access",
        "correlation_id": f"id{at:05}",
        "time": (START + timedelta(milliseconds=1237 * at)).isoformat(),
        "duration_ms": None if at % 11 == 0 else at * 7919 % 1000,
        "written_bytes": at % 5 * 1000,
        "method": ("GET", "HEAD", "PUT", "", None)[at % 5],
        "host": "registry" if at % 7 else "",
        "remote_ip": (f"10.0.0.{at % 251}", f"2001:db8::{at % 9}", None)[at % 3],
    }
    if at % 13 == 0:
        del line["written_bytes"], line["host"]
    return line


LINES = [_line(at) for at in range(MANY)]
PATHS = [{"msg": "access", "uri": path} for path in made.REPOSITORY_OF] + [{"msg": "access"}]
PATHS += [{"msg": "access", **line} for line, _ in made.REFERENCE_OF]
COUNT = QueryMetric("n", MetricKind.COUNT)
EACH = ByTerms("id", FIELDS["correlation_id"])


@pytest.fixture(scope="module")
def index(search_server: SearchServer) -> str:
    load(search_server, INDEX, LINES)
    return INDEX


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("groups") / "a.jsonl", LINES)


def _clause(text: str) -> Clause:
    return Clause(text, condition(text, now=reference.NOW))


def _by(*groups: Group, metrics: tuple[QueryMetric, ...] = (COUNT,), **others: Any) -> Query:
    return Query("q", groups=groups, metrics=metrics, **others)


@pytest.mark.parametrize("limit", [None, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE])
def test_lines_of_several_pages_come_once_and_in_order_and_nothing_stays_open(
    search_server: SearchServer, search_cluster: Cluster, index: str, file: str, limit: int | None
) -> None:
    before = search_server.open_searches()
    order = (Order("time", descending=True),)
    columns = (FIELDS["time"], FIELDS["correlation_id"], FIELDS["method"], FIELDS["duration_ms"])
    answer = same(Query("q", columns=columns, order=order, limit=limit), search_cluster, index=index, file=file)
    assert len(answer.rows) == (limit or MANY)
    assert search_server.open_searches() == before


def test_lines_that_are_written_between_pages_are_not_in_the_answer(
    search_server: SearchServer, search_cluster: Cluster
) -> None:
    load(search_server, "growing", LINES[:3])
    with search_cluster.moment("growing") as moment:
        search_server.request("POST", "growing/_doc?refresh=true", LINES[3])
        assert moment.lines() == 3
    with search_cluster.moment("growing") as moment:
        assert moment.lines() == 4


def test_a_point_in_time_that_is_over_is_an_error_that_says_so(
    search_server: SearchServer, search_cluster: Cluster, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elasticsearch_cluster, "_KEPT", "1ms")
    with search_cluster.moment(index) as moment:
        if isinstance(search_server, OpenSearch):  # which does not hurry to end what was kept too long
            search_server.request("DELETE", "_search/point_in_time/_all")
        time.sleep(1.5)  # the servers of the tests look every half second
        with pytest.raises(ServerError, match="forgot the point in time") as caught:
            moment.lines()
    assert "ask again" in str(caught.value)


def test_more_groups_than_a_page_holds_come_once_each(search_cluster: Cluster, index: str, file: str) -> None:
    metrics = (COUNT, QueryMetric("bytes", MetricKind.SUM, FIELDS["written_bytes"]))
    assert len(same(_by(EACH, metrics=metrics), search_cluster, index=index, file=file).rows) == MANY


def test_groups_of_groups_over_several_pages_have_the_same_rows(search_cluster: Cluster, index: str, file: str) -> None:
    sizes = ByFilters(
        "size", (("none", _clause("written_bytes: 0")), ("some", _clause("written_bytes < 3000"))), other="more"
    )
    minute = ByTime("minute", FIELDS["time"], seconds=60)
    same(_by(EACH, sizes), search_cluster, index=index, file=file)
    same(_by(minute, ByTerms("method", FIELDS["method"]), sizes), search_cluster, index=index, file=file)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("limit", [1, 7, PAGE, MANY - 1])
def test_order_and_limit_cut_at_ties_in_the_same_place(
    search_cluster: Cluster, index: str, file: str, limit: int, *, descending: bool
) -> None:
    metrics = (COUNT, QueryMetric("slowest", MetricKind.MAX, FIELDS["duration_ms"]))
    orders = [(Order(name, descending=descending),) for name in ("n", "slowest", "id")]
    for order in (*orders, (Order("n", descending=True), Order("slowest", descending=descending))):
        query = _by(EACH, metrics=metrics, order=order, limit=limit)
        assert len(same(query, search_cluster, index=index, file=file).rows) == limit


EVERY_KIND = (
    COUNT,
    QueryMetric("sum", MetricKind.SUM, FIELDS["duration_ms"]),
    QueryMetric("avg", MetricKind.AVG, FIELDS["duration_ms"]),
    QueryMetric("min", MetricKind.MIN, FIELDS["duration_ms"]),
    QueryMetric("max", MetricKind.MAX, FIELDS["duration_ms"]),
    QueryMetric("p95", MetricKind.PERCENTILE, FIELDS["duration_ms"], percent=95),
    QueryMetric("ids", MetricKind.CARDINALITY, FIELDS["host"]),
    QueryMetric("share", MetricKind.RATIO, where=_clause('host: ""'), whole=_clause("written_bytes > 1000")),
    QueryMetric("first", MetricKind.MIN, FIELDS["host"]),
    QueryMetric("last", MetricKind.MAX, FIELDS["correlation_id"]),
    QueryMetric("lowest", MetricKind.MIN, FIELDS["remote_ip"]),
    QueryMetric("highest", MetricKind.MAX, FIELDS["remote_ip"]),
    QueryMetric("empty", MetricKind.SUM, FIELDS["written_bytes"], where=_clause("status: 999")),
    QueryMetric("nothing", MetricKind.AVG, FIELDS["written_bytes"], where=_clause("status: 999")),
)


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("where", ["", "not duration_ms: *", "status: 999", 'method: "" or not method: *'])
def test_missing_null_and_empty_values_are_measured_alike(
    search_server: SearchServer, search_cluster: Cluster, index: str, file: str, where: str, *, missing: bool
) -> None:
    named = _by(ByTerms("method", FIELDS["method"], missing=missing), metrics=EVERY_KIND)
    for query in (named, replace(named, groups=())):
        asked = without_percentiles(query) if isinstance(search_server, OpenSearch) else query
        same(asked.narrowed(_clause(where)), search_cluster, index=index, file=file)


TIMES = (
    *("2026-11-23T10:59:59.999Z", "2026-11-23T11:00:00Z", "2026-11-23T11:00:00.001Z", "2026-11-23T11:06:59.999999999Z"),
    *("2026-11-23T13:00:00+02:00", "2026-11-23T04:00:00-07:00", "2026-11-24T00:30:00+05:45"),
    *("1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2000-01-03T00:00:00Z"),
    *("2024-02-29T12:00:00Z", "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", "2026-10-25T01:30:00+01:00"),
    *("2026-11-22T23:59:59.999Z", "2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00Z", "2027-01-04T00:00:00Z"),
)
BUCKETS = [
    *(ByTime("at", FIELDS["time"], seconds=seconds) for seconds in (1, 60, 420, 3600, 86400, 7 * 86400)),
    *(ByTime("at", FIELDS["time"], calendar=unit) for unit in ("week", "month", "quarter", "year")),
]


@pytest.fixture(scope="module")
def times(search_server: SearchServer) -> str:
    load(search_server, "times", [{"msg": "access", "time": one} for one in TIMES])
    return "times"


@pytest.mark.parametrize("group", BUCKETS, ids=lambda group: group.calendar or f"{group.seconds} s")
def test_time_buckets_begin_at_the_same_moments_in_utc_and_empty_ones_are_no_rows(
    search_cluster: Cluster, times: str, tmp_path: Path, group: ByTime
) -> None:
    file = written(tmp_path / "a.jsonl", [{"msg": "access", "time": one} for one in TIMES])
    rate = (QueryMetric("rate", MetricKind.RATE, per_seconds=60),) if group.seconds else ()
    answer = same(_by(group, metrics=(COUNT, *rate)), search_cluster, index=times, file=file)
    assert all(row[1] for row in answer.rows)
    assert sum(row[1] for row in answer.rows if isinstance(row[1], int)) == len(TIMES)


def test_the_bounds_of_a_time_are_the_same_to_the_millisecond(
    search_cluster: Cluster, times: str, tmp_path: Path
) -> None:
    file = written(tmp_path / "a.jsonl", [{"msg": "access", "time": one} for one in TIMES])
    shown = Query("q", columns=(FIELDS["time"],), order=(Order("time", descending=False),))
    found = {}
    for text in (
        "time: 2026-11-23",
        'time >= "2026-11-23T11:00:00Z"',
        'time < "2026-11-23T11:00:00Z"',
        "time > 2026-11-23",
    ):
        found[text] = len(same(shown.narrowed(_clause(text)), search_cluster, index=times, file=file).rows)
    assert found["time: 2026-11-23"] == 7
    assert run(shown, search_cluster, index=times).lines == len(TIMES)


@pytest.mark.parametrize("missing", [True, False])
def test_an_empty_text_is_as_good_as_none_in_groups_and_metrics(
    search_server: SearchServer, search_cluster: Cluster, tmp_path: Path, missing: bool
) -> None:
    load(search_server, f"empty-{missing}".lower(), made.EMPTY)
    file = written(tmp_path / "a.jsonl", made.EMPTY)
    query = made.of_namespaces(missing=missing)
    answer = same(query, search_cluster, index=f"empty-{missing}".lower(), file=file)
    assert answer.rows == made.NAMESPACES[:2] + (made.NAMESPACES[2:] if missing else ())


@pytest.mark.parametrize("missing", [True, False])
def test_an_empty_text_is_no_address(
    search_server: SearchServer, search_cluster: Cluster, tmp_path: Path, missing: bool
) -> None:
    name = f"no-address-{missing}".lower()
    load(search_server, name, made.ADDRESSES)
    file = written(tmp_path / "a.jsonl", made.ADDRESSES)
    answer = same(made.of_clients(missing=missing), search_cluster, index=name, file=file)
    assert answer.rows == made.CLIENTS[:2] + (made.CLIENTS[2:] if missing else ())
    same(made.by_client(), search_cluster, index=name, file=file)


def test_the_program_of_a_client_is_the_one_that_files_have(
    search_server: SearchServer, search_cluster: Cluster, tmp_path: Path
) -> None:
    agents = [{"msg": "access", "user_agent": agent} for agent, _, _ in made.PROGRAM_OF]
    load(search_server, "agents", agents)
    query = Query("q", groups=made.PROGRAM, metrics=(COUNT,))
    same(query, search_cluster, index="agents", file=written(tmp_path / "a.jsonl", agents))


@pytest.fixture(scope="module")
def paths(search_server: SearchServer) -> str:
    load(search_server, "paths", PATHS)
    return "paths"


@pytest.mark.parametrize("missing", [True, False])
def test_a_line_is_about_the_tag_that_it_names_else_about_what_its_path_names(
    search_cluster: Cluster, paths: str, tmp_path: Path, missing: bool
) -> None:
    group = replace(made.REFERENCE, missing=missing)
    file = written(tmp_path / "a.jsonl", PATHS)
    for part in (*NAMES, 2):  # each has a script of its own, with its own variables
        same(Query("q", groups=(replace(group, part=part),), metrics=(COUNT,)), search_cluster, index=paths, file=file)
    answer = same(Query("q", groups=(group,), metrics=(COUNT,)), search_cluster, index=paths, file=file)
    assert (None in {row[0] for row in answer.rows}) is missing


@pytest.mark.parametrize(("part", "missing"), [("repository", True), ("repository", False), (2, True), (3, False)])
def test_a_part_of_a_path_makes_the_groups_that_files_have(
    search_cluster: Cluster, paths: str, tmp_path: Path, part: int | str, missing: bool
) -> None:
    group = ByTerms("part", FIELDS["uri"], missing=missing, part=part)
    file = written(tmp_path / "a.jsonl", PATHS)
    answer = same(Query("q", groups=(group,), metrics=(COUNT,)), search_cluster, index=paths, file=file)
    assert (None in {row[0] for row in answer.rows}) is missing
