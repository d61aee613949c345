"""The shape of Query DSL, KQL and Discover addresses. What Elasticsearch answers to the DSL is not tested here."""

from __future__ import annotations

from typing import Any

import pytest
import rison as reader
from hypothesis import given
from hypothesis import strategies as st

from regobs.logs import saved
from regobs.logs.elasticsearch.search import compiled, dsl
from regobs.logs.kql import parse
from regobs.logs.kql.bind import condition
from regobs.logs.query import ByFilters
from regobs.logs.to_kql import as_kql, discover_url, rison
from regobs.pack import find_pack

PACK = find_pack()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"match_all": {}}),
        ("status: 404", {"term": {"status": {"value": 404}}}),
        ("status: 404.5", {"match_none": {}}),
        ("status >= 500", {"range": {"status": {"gte": 500}}}),
        ("time > 2026-11-23", {"range": {"time": {"gt": 1795478399999, "format": "epoch_millis"}}}),
        ("remote_ip: 10.0.0.0/8", {"range": {"remote_ip": {"gte": "10.0.0.0", "lte": "10.255.255.255"}}}),
        ("uri: *", {"exists": {"field": "uri"}}),
        (r"uri: /v2/*?\*", {"wildcard": {"uri": {"value": r"/v2/*\?\*"}}}),
        ('msg: "blob downloaded"', {"match_phrase": {"msg": {"query": "blob downloaded"}}}),
        ("msg: blob downloaded", {"match": {"msg": {"query": "blob downloaded"}}}),
        ("msg: Down*", {"wildcard": {"msg": {"value": "down*"}}}),
        ("x y", {"multi_match": {"type": "best_fields", "query": "x y", "lenient": True}}),
        ("x-y*", {"query_string": {"query": r"x\-y*", "lenient": True}}),
        ("not method: GET", {"bool": {"must_not": [{"term": {"method": {"value": "GET"}}}]}}),
        (
            "method: (GET or PUT)",
            {
                "bool": {
                    "should": [{"term": {"method": {"value": "GET"}}}, {"term": {"method": {"value": "PUT"}}}],
                    "minimum_should_match": 1,
                }
            },
        ),
    ],
)
def test_a_condition_as_query_dsl(text: str, expected: dict[str, Any]) -> None:
    assert dsl(condition(text)) == expected


CAN = {"composite", "terms", "filters", "filter", "sum", "avg", "min", "max", "percentiles", "cardinality"}


def _kinds(aggregations: dict[str, Any], parents: tuple[str, ...] = ()) -> list[tuple[str, tuple[str, ...]]]:
    found: list[tuple[str, tuple[str, ...]]] = []
    for body in aggregations.values():
        (kind,) = set(body) - {"aggs"}
        found.append((kind, parents))
        found += _kinds(body.get("aggs", {}), (*parents, kind))
    return found


@pytest.mark.parametrize("name", saved.names_in(PACK))
def test_every_saved_query_needs_only_aggregations_that_every_distribution_has(name: str) -> None:
    query = saved.load_query(PACK, name)
    search = compiled(query)
    if not query.metrics:
        assert search.body["_source"] == list(query.names)
        return
    kinds = _kinds(search.body["aggs"])
    assert {kind for kind, _ in kinds} <= CAN
    assert all(not parents for kind, parents in kinds if kind == "composite")  # it may have no parent
    assert (search.after is not None) == any(not isinstance(group, ByFilters) for group in query.groups)


def test_a_line_is_in_the_first_filter_that_fits() -> None:
    search = compiled(saved.load_query(PACK, "slow-requests-by-route"))
    filters = search.body["aggs"]["buckets"]["aggs"]["route"]["filters"]
    assert filters["other_bucket_key"] == "other"
    first, second = list(filters["filters"].values())[:2]
    assert second["bool"]["must_not"] == [first]


@pytest.mark.parametrize("name", saved.names_in(PACK))
def test_the_lines_of_every_saved_query_have_a_kql_text_and_an_address(name: str) -> None:
    query = saved.load_query(PACK, name)
    assert parse(as_kql(query)) == parse(query.where.text)
    address = discover_url(query, "https://kibana.example/", "view-1", start="now-1h", space="ops")
    assert address.startswith(
        "https://kibana.example/s/ops/app/discover#/?_g=(time:(from:now-1h,to:now))&_a=(columns:!("
    )
    assert " " not in address
    assert '"' not in address


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "'a b'"),
        ("it's!", "'it!'s!!'"),
        ("", "''"),
        ("now-1h", "now-1h"),
        ("1", "'1'"),
        ("-1", "'-1'"),
        ([True, False, None, 1, 2.5], "!(!t,!f,!n,1,2.5)"),
        ({"b": [], "a": {}}, "(a:(),b:!())"),
    ],
)
def test_a_value_in_rison(value: Any, text: str) -> None:
    assert rison(value) == text


PLAIN = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    PLAIN | st.text(max_size=8) | st.sampled_from(["it's", "!", "now-1h", "-1", "1e3", "a:b", "*"]),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=5), parts, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_what_is_written_in_rison_is_read_as_the_same_value(value: Any) -> None:
    assert reader.loads(rison(value)) == value
