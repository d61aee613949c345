"""Saved queries: each bundled one reads, and a mistake is reported at its line and column."""

from __future__ import annotations

import pytest

from regobs.errors import LogQueryError
from regobs.logs.query import ByTerms, ByTime, MetricKind
from regobs.logs.saved import load_query, names_in, read_query
from regobs.pack import find_pack

PACK = find_pack()


def test_the_bundled_queries_have_titles_and_load_by_name() -> None:
    names = names_in(PACK)
    assert len(names) >= 8
    assert all(load_query(PACK, name).title for name in names)


def test_a_name_that_no_query_has_names_the_nearest() -> None:
    with pytest.raises(LogQueryError) as caught:
        load_query(PACK, "gc-decision")
    assert caught.value.next_step == "did you mean gc-decisions?"


def test_a_query_is_read_with_everything_that_it_says() -> None:
    text = """
title: T
where: 'status >= 500'
group:
  at: {date_histogram: 5m}
  day: {date_histogram: {field: created_at, interval: week}}
  method: {terms: {field: method, missing: true}}
metrics:
  p99: {percentile: {field: duration_ms, percent: 99.9, where: 'method: GET'}}
  speed: {rate: {per: m}}
order: {p99: desc}
limit: 7
"""
    query = read_query(text, "q", name="q")
    at, day, method = query.groups
    assert isinstance(at, ByTime)
    assert isinstance(day, ByTime)
    assert isinstance(method, ByTerms)
    assert (at.seconds, at.field.name, day.calendar, day.field.name, method.missing) == (
        300,
        "time",
        "week",
        "created_at",
        True,
    )
    p99, speed = query.metrics
    assert (p99.kind, p99.percent, p99.where.text) == (MetricKind.PERCENTILE, 99.9, "method: GET")
    assert (speed.kind, speed.per_seconds, query.limit) == (MetricKind.RATE, 60, 7)
    assert [order.column for order in query.ordering] == ["p99", "at", "day", "method"]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("titel: T\n", 1, 1, ""),
        ("title: T\nwhere: 'a: 1 b'\n", 2, 9, "no log field"),
        ("title: T\nwhere: 'status: 1 and statsu: 2'\n", 2, 23, "no log field"),
        ("title: T\nwhere: status > x\n", 2, 17, "no number"),
        ("title: T\nwhere: |\n  status: 1\n  and statsu: 2\n", 4, 7, "no log field"),
        ("title: T\nwhere: 'status: 1 and'\n", 2, 17, "not an operator"),
        ("title: T\ngroup:\n  m: {terms: error}\n", 3, 14, "makes no groups"),
        ("title: T\ngroup:\n  m: {terms: metod}\n", 3, 14, "no log field"),
        ("title: T\ngroup:\n  m: {date_histogram: 5x}\n", 3, 23, ""),
        ("title: T\ngroup:\n  m: {date_histogram: {field: status, interval: 5m}}\n", 3, 31, "no time"),
        ("title: T\ngroup:\n  m: {terms: {field: status, part: 2}}\n", 3, 36, "no text with parts"),
        ("title: T\ngroup:\n  m: {terms: {field: uri, first: tag_name}}\n", 3, 34, "stand before a part"),
        ("title: T\ngroup:\n  m: {terms: {field: uri, part: 2, first: status}}\n", 3, 43, "stand before a part"),
        ("title: T\ngroup:\n  m: {terms: {field: uri, part: 0}}\n", 3, 33, ""),
        ("title: T\ngroup:\n  m: {terms: {field: uri, part: repo}}\n", 3, 33, ""),
        ("title: T\nmetrics:\n  m: {sum: method}\n", 3, 12, "sum of method"),
        ("title: T\nmetrics:\n  m: {rate: {per: s}}\n", 3, 6, "time bucket"),
        ("title: T\nmetrics:\n  m: sum\n", 3, 6, ""),
        ("title: T\ngroup:\n  m: {terms: method}\nmetrics:\n  m: count\n", 5, 3, "group and a metric"),
        ("title: T\nmetrics:\n  m: count\norder: {x: desc}\n", 4, 9, "no column"),
        ("title: T\nmetrics:\n  m: count\ncolumns: [time]\n", 4, 10, "no lines"),
        ("title: T\nlimit: 0\n", 2, 8, ""),
    ],
)
def test_a_mistake_is_reported_at_its_place(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(LogQueryError) as caught:
        read_query(text, "q.yaml", name="q")
    location = caught.value.location
    assert location is not None
    assert (location.file, location.line, location.column) == ("q.yaml", line, column), str(caught.value)
    assert message in caught.value.message
