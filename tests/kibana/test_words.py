"""Queries in Kibana's words: what its own semantics would change is written out."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.kibana import words
from regobs.logs.fields import FIELDS
from regobs.logs.kql import parse, to_text
from regobs.logs.query import ByFilters, ByTerms, Clause, MetricKind, Order, Query, QueryMetric
from regobs.logs.saved import read_query
from tests.kibana import lens_rules
from tests.logs.strategies import LEAVES, trees

NOW = datetime(2026, 11, 23, tzinfo=UTC)
COUNT = QueryMetric("n", MetricKind.COUNT)
RATIO = QueryMetric("r", MetricKind.RATIO)
METHOD = ByTerms("method", FIELDS["method"])
LEVEL = ByTerms("level", FIELDS["level"])


def by(other: str | None, *texts: str) -> ByFilters:
    return ByFilters("g", tuple((f"f{index}", Clause(text)) for index, text in enumerate(texts)), other)


def test_filters_overlap_in_kibana_so_each_leaves_out_those_before_it() -> None:
    assert words.filters(by("rest", "a: 1", "b: 2 or c: 3", "d: 4 and e: 5")) == (
        ("f0", "a: 1"),
        ("f1", "(b: 2 or c: 3) and not a: 1"),
        ("f2", "d: 4 and e: 5 and not (a: 1 or (b: 2 or c: 3))"),
        ("rest", "not (a: 1 or (b: 2 or c: 3) or d: 4 and e: 5)"),
    )
    assert words.filters(by(None, "a: 1")) == (("f0", "a: 1"),)
    assert words.filters(by("rest", "a: 1"))[-1] == ("rest", "not a: 1")


@given(st.lists(trees(LEAVES, nested=False).map(to_text), min_size=1, max_size=4))
def test_every_text_of_a_group_by_filters_is_kql(texts: list[str]) -> None:
    for _, text in words.filters(by("rest", *texts)):
        assert to_text(parse(text)) == text


@pytest.mark.parametrize(
    ("part", "whole", "formula"),
    [
        ("status >= 500", "", "count(kql='status >= 500') / count()"),
        ("redirect: true", "redirect:*", "count(kql='redirect: true') / count(kql='redirect: *')"),
        ('msg: "it\'s"', "", "count(kql='msg: \"it\\'s\"') / count()"),
        (r"uri: a\*", "", r"count(kql='uri: a\*') / count()"),
        (r"uri: a\\", "", r"count(kql='uri: a\\ ') / count()"),
        ("", "", "count() / count()"),
    ],
)
def test_a_ratio_is_a_formula_with_its_quotes_escaped(part: str, whole: str, formula: str) -> None:
    assert words.formula(QueryMetric("r", MetricKind.RATIO, where=Clause(part), whole=Clause(whole))) == formula


@pytest.mark.parametrize(
    ("field", "where", "formula"),
    [
        (None, "", "count() / overall_sum(count())"),
        (None, "status: 200", "count(kql='status: 200') / overall_sum(count(kql='status: 200'))"),
        ("size_bytes", "", "sum(size_bytes) / overall_sum(sum(size_bytes))"),
        (
            "size_bytes",
            "redirect: true",
            "sum(size_bytes, kql='redirect: true') / overall_sum(sum(size_bytes, kql='redirect: true'))",
        ),
    ],
)
def test_a_share_is_a_formula_over_all_rows(field: str | None, where: str, formula: str) -> None:
    metric = QueryMetric("s", MetricKind.SHARE, FIELDS[field] if field else None, where=Clause(where))
    assert words.formula(metric) == formula


# A text in quotes, as the grammar of Kibana's formulas (kbn-tinymath) reads it.
QUOTED = re.compile(r"count\(kql='((?:\\'|[^'])*)'\) / count\(\)")


@given(trees(LEAVES, nested=False).map(to_text))
def test_a_formula_holds_the_kql_that_was_put_into_it(text: str) -> None:
    found = QUOTED.fullmatch(words.formula(QueryMetric("r", MetricKind.RATIO, where=Clause(text))))
    assert found is not None
    assert parse(found[1].replace("\\'", "'")) == parse(text)


@pytest.mark.parametrize(
    ("order", "metrics", "ranking"),
    [
        ((), (COUNT,), (0, True)),
        ((Order("n", descending=False),), (COUNT,), (0, False)),
        ((Order("r", descending=True), Order("n", descending=True)), (RATIO, COUNT), (1, True)),
        ((Order("r", descending=True),), (RATIO, COUNT), (1, True)),
        ((Order("r", descending=True),), (RATIO,), None),
        ((Order("method", descending=False),), (COUNT,), None),
    ],
)
def test_top_values_are_chosen_by_the_first_metric_of_the_order_that_is_no_ratio(
    order: tuple[Order, ...], metrics: tuple[QueryMetric, ...], ranking: tuple[int, bool] | None
) -> None:
    assert words.ranking(Query("q", groups=(METHOD,), metrics=metrics, order=order)) == ranking


@pytest.mark.parametrize(
    ("limit", "outer", "inner"), [(None, 10, 10), (5, 5, 5), (50, 50, 10), (1000, 1000, 10), (1001, 1000, 10)]
)
def test_the_limit_of_a_query_is_that_of_its_outermost_values(limit: int | None, outer: int, inner: int) -> None:
    query = Query("q", groups=(METHOD, LEVEL), metrics=(COUNT,), limit=limit)
    assert (words.size(query, METHOD), words.size(query, LEVEL)) == (outer, inner)


def test_a_chart_over_time_chooses_its_values_once_and_not_in_every_bucket() -> None:
    text = "title: T\ngroup: {t: {date_histogram: 1h}, m: {terms: method}}\n"
    query = read_query(text, "q", name="q", now=NOW)
    assert [group.name for group in words.ordered(query)] == ["m", "t"]


def test_the_rules_of_the_grid_see_both_sides_of_its_edge() -> None:
    place = {"x": 40, "y": 0, "w": 8, "h": 1}
    assert list(lens_rules.grid_faults([place, {**place, "y": 1}])) == []
    assert list(lens_rules.grid_faults([{**place, "w": 9}])) != []
    assert list(lens_rules.grid_faults([place, {**place, "x": 47, "w": 1}])) != []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("root_repo", "namespace"),
        ("vars_name", "repository"),
        ("auth_user_type", "auth user type"),
        ("wait_s", "wait s"),
    ],
)
def test_a_column_is_called_in_words_and_one_of_a_field_as_people_call_the_field(name: str, shown: str) -> None:
    assert words.label(name) == shown
