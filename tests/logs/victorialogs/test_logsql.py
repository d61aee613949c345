"""Queries as LogsQL: what each part is written as, and what has none."""

from __future__ import annotations

import pytest

from regobs.errors import LogQueryError, ServerError
from regobs.logs.adhoc import counted, listed
from regobs.logs.kql.bind import condition
from regobs.logs.query import Clause, Query
from regobs.logs.saved import read_query
from regobs.logs.victorialogs.logsql import as_logsql
from regobs.logs.victorialogs.run import run


def of(text: str) -> Query:
    return listed(["time"], 5).narrowed(Clause(text, condition(text)))


def where(text: str) -> str:
    return as_logsql(of(text)).split(" | sort", 1)[0]


@pytest.mark.parametrize(
    ("kql", "logsql"),
    [
        ("", "*"),
        ("status: 200", '"status":range[200, 200]'),
        ("status >= 500", '("status":>="500")'),
        ("method: GET", '"method":="GET"'),
        ('uri: "a\\"b"', r'"uri":="a\"b"'),
        ('uri: "a\\\\"', r'"uri":="a\\"'),
        ("uri: /v2/*", r'"uri":~"(?s)^/v2/.*$"'),
        ("uri: a.b*", r'"uri":~"(?s)^a\\.b.*$"'),
        ("redirect: true", '"redirect":="true"'),
        ("not redirect: *", '!("redirect":*)'),
        ("msg: access", '_msg:i("access")'),
        ("remote_ip: 10.0.0.0/8", '"remote_ip":ipv4_range("10.0.0.0", "10.255.255.255")'),
        ('remote_ip: "::1"', '"remote_ip":ipv6_range("::1", "::1")'),
        ('time >= "2026-11-23T11:00:00Z"', "(_time:>=2026-11-23T11:00:00.000Z)"),
        ('time <= "2026-11-23T11:00:00.001Z"', "(_time:<2026-11-23T11:00:00.002Z)"),
        ("method: GET and status: 1", '("method":="GET" "status":range[1, 1])'),
        ("method: GET or status: 1", '("method":="GET" or "status":range[1, 1])'),
    ],
)
def test_a_condition_is_a_filter(kql: str, logsql: str) -> None:
    assert where(kql) == logsql.replace("_msg:", '"_msg":')


@pytest.mark.parametrize("kql", ['created_at >= "2026-11-23"', "method > GET", "remote_ip > 10.0.0.1", "patterns: a"])
def test_what_has_no_filter_is_refused(kql: str) -> None:
    with pytest.raises(LogQueryError, match="VictoriaLogs"):
        as_logsql(of(kql))


def test_the_first_clause_that_fits_names_the_group() -> None:
    text = """
title: T
group: {size: {filters: {small: 'status < 300', large: 'status < 500', rest: null}}}
metrics: {lines: count}
"""
    assert as_logsql(read_query(text, "t.query.yaml", name="t")) == (
        '* | format "rest" as "_g0" | format if (("status":<"500")) "large" as "_g0"'
        ' | format if (("status":<"300")) "small" as "_g0" | stats by ("_g0") count() as "_m0"'
    )


def test_lines_without_the_field_are_left_out_of_groups() -> None:
    assert as_logsql(counted(["method"], 3)) == '"method":* | stats by ("method") count() as "_m0"'


def test_a_part_of_a_path_is_a_field_of_its_own() -> None:
    query = read_query("title: T\ngroup: {space: {terms: {field: uri, part: 2}}}\n", "t.query.yaml", name="t")
    assert as_logsql(query) == (
        '"uri":* | extract_regexp "^(?:[^/?]*/){2}(?P<_g0_0>[^/?]+)" from "uri" | format "<_g0_0>" as "_g0"'
        ' | filter "_g0":* | stats by ("_g0") count() as "_m0"'
    )


def test_a_group_by_month_is_refused() -> None:
    query = read_query("title: T\ngroup: {at: {date_histogram: month}}\n", "t.query.yaml", name="t")
    with pytest.raises(LogQueryError, match="VictoriaLogs"):
        as_logsql(query)


def test_a_server_that_is_down_is_called_victorialogs_and_no_prometheus() -> None:
    with pytest.raises(ServerError) as caught:
        run(counted(["method"], 3), "http://127.0.0.1:1")
    assert "VictoriaLogs" in str(caught.value)
    assert "Prometheus" not in str(caught.value)
