"""What a variable asks, and how Grafana reads it; labels against a scrape that the user gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regobs.lint import LintContext, lint_text
from regobs.lint.own_metrics import read_own_metrics
from tests.lint.cases import board, found

_SHOWN = {"id": 1, "type": "stat", "title": "$a", "targets": [{"refId": "A", "expr": "sum(up)"}]}
REQUESTS = "registry_http_requests_total"


def variable(query: Any, **more: Any) -> list[str]:
    """What is found about a variable that asks this, with the text under the caret."""
    report = board(_SHOWN, variables=[{"name": "a", "type": "query", "query": query, **more}])
    (text,) = report.files.values()
    lines = text.splitlines()
    found_ones = [one for one in report.findings if one.check == "variable-query"]
    return [f"{lines[one.line - 1][one.column - 1 : one.end_column - 1]}: {one.what}" for one in found_ones]


@pytest.mark.parametrize(
    ("wrong", "said", "right"),
    [
        ("label_values(go_goroutines, code)", "code: go_goroutines has no label code",
         f"label_values({REQUESTS}, code)"),
        (f"label_values({REQUESTS}{{code='200'}}, handler)", f"handler: {REQUESTS} has no label handler",
         f"label_values({REQUESTS}{{code='200'}}, route)"),
        ("label_values(a_bucket, le) ", "", "label_values(a_bucket,le)"),
        ("label_values(registry_http_request_duration_seconds_count, le)",
         "le: registry_http_request_duration_seconds_count has no label le",
         "label_values(registry_http_request_duration_seconds_bucket, le)"),
        ("label_value(up, job)", "label_value: Grafana has no function label_value", "label_values(up, job)"),
        ("label_values(up, job", "label_values: label_values is not closed", "label_values(job)"),
        ("query_result(up", "query_result: query_result is not closed", "query_result(up)"),
        ("label_values(, job)", "job: label_values asks for no series", "label_values({job='a'}, job)"),
        ("label_values(up, 'job')", "'job': the label 'job' stands in quotes", "label_values(up, $label)"),
        ("label_values(a_requests_total)", "a_requests_total: a_requests_total is the name of a metric, not of a label",
         "label_values(a_requests)"),
        ("label_values(sum by (job) (up), job)", "job: label_values asks for series, not for something computed",
         "query_result(sum by (job) (up))"),
        ("metrics(a_()", "a_(): 'a_(' is no regular expression: ')' is missing", "metrics(a_.*)"),
    ],
)  # fmt: skip
def test_what_a_variable_asks_in_vain_is_found_in_its_place(wrong: str, said: str, right: str) -> None:
    for query in (wrong, {"query": wrong, "refId": "A"}):
        assert [one.split(":", 2)[:2] for one in variable(query)] == ([said.split(":", 2)[:2]] if said else [])
    assert variable(right) == []
    assert variable(wrong, datasource={"type": "loki", "uid": "a"}) == []


@pytest.mark.parametrize(
    "query",
    [
        "label_names()", "label_values(up, a)", "label_values(up, region)", "up", "sum(up)", "topk(3, up)",
        "metrics($a)", "label_values({__name__=~'registry_.*'}, code)", "label_values($metric, code)",
        "", 3, None, {"query": 3},
        "label_values(kube_pod_info, node)", "anything, here(", "label_values(a:b:c, code)",
    ],
)  # fmt: skip
def test_what_may_have_values_is_passed_over(query: Any) -> None:
    assert variable(query) == []


def test_a_query_within_label_names_is_judged_as_any_other() -> None:
    report = board(
        _SHOWN, variables=[{"name": "a", "type": "query", "query": "label_names(registry_storage_nothing_total)"}]
    )
    assert "unknown-metric" in found(report)


SCRAPE = """\
# TYPE shop_orders_total counter
shop_orders_total{channel="web",zone="a"} 12
# TYPE shop_visits_total counter
shop_visits_total{page="home"} 90
# TYPE shop_empty_total counter
"""


@pytest.fixture
def own(tmp_path: Path) -> LintContext:
    """The metrics of a scrape, and those of a list without labels."""
    (tmp_path / "a.txt").write_text(SCRAPE)
    (tmp_path / "b.json").write_text(json.dumps({"data": {"bus_trips_total": [{"type": "counter"}]}}))
    return LintContext(own={**read_own_metrics(tmp_path / "a.txt"), **read_own_metrics(tmp_path / "b.json")})


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ('rate(shop_orders_total{page="home"}[5m])', 'rate(shop_visits_total{page="home"}[5m])'),
        ("sum by (page) (rate(shop_orders_total[5m]))", "sum by (channel) (rate(shop_orders_total[5m]))"),
        ("sum by (chanel) (rate(shop_orders_total[5m]))", "sum by (region) (rate(shop_orders_total[5m]))"),
        ("sum by (channel) (rate(shop_visits_total[5m]))", "sum by (channel) (rate(bus_trips_total[5m]))"),
        ("sum by (channel) (rate(shop_visits_total[5m]))", "sum by (channel) (rate(shop_empty_total[5m]))"),
        ("sum by (channel) (rate(shop_visits_total[5m]))", "sum by (zone) (rate(shop_visits_total[5m]))"),
        ('rate(shop_visits_total{channel=~"a"}[5m])', 'rate(shop_visits_total{channel!="a"}[5m])'),
        ('rate(shop_visits_total{channel="web"}[5m])', 'rate(shop_orders_total{channel="phone"}[5m])'),
    ],
)  # fmt: skip
def test_a_label_that_another_series_of_the_scrape_has_is_missing(wrong: str, right: str, own: LintContext) -> None:
    assert "unknown-label" in found(lint_text(wrong, "a.promql", ".promql", own))
    assert lint_text(right, "a.promql", ".promql", own).findings == []
    assert lint_text(wrong, "a.promql", ".promql").findings == []


@pytest.mark.parametrize(("legend", "said"), [("{{page}}", True), ("{{channel}}", False), ("{{pod}}", False)])
def test_a_legend_is_held_against_the_scrape(legend: str, said: bool, own: LintContext) -> None:
    target = {"refId": "A", "expr": "rate(shop_orders_total[$__rate_interval])", "legendFormat": legend}
    panel = {"id": 1, "type": "timeseries", "title": "a", "targets": [target]}
    report = lint_text(json.dumps({"title": "a", "panels": [panel]}), "a.json", ".json", own)
    assert ("legend-label" in found(report)) is said


def test_a_variable_is_held_against_the_scrape(own: LintContext) -> None:
    def said(label: str) -> bool:
        asked = {"name": "a", "type": "query", "query": f"label_values(shop_orders_total, {label})"}
        data = {"title": "a", "panels": [_SHOWN], "templating": {"list": [asked]}}
        return "variable-query" in found(lint_text(json.dumps(data), "a.json", ".json", own))

    assert said("page")
    assert not said("channel")
    assert not said("region")
