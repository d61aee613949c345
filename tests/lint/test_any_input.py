"""Lint never breaks, whatever stands in a file, and every place that it names is in the file."""

from __future__ import annotations

import json
import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from regobs.lint import LintReport, lint_text

_WORDS = st.sampled_from(
    [
        "panels",
        "rows",
        "type",
        "row",
        "title",
        "id",
        "gridPos",
        "x",
        "y",
        "w",
        "h",
        "targets",
        "expr",
        "datasource",
        "uid",
        "fieldConfig",
        "defaults",
        "unit",
        "thresholds",
        "steps",
        "value",
        "templating",
        "list",
        "name",
        "query",
        "current",
        "multi",
        "includeAll",
        "groups",
        "rules",
        "alert",
        "record",
        "for",
        "labels",
        "annotations",
        "interval",
        "spec",
        "kind",
        "PrometheusRule",
        "items",
        "apiVersion",
        "dashboard",
        "legendFormat",
        "options",
        "reduceOptions",
        "calcs",
        "time",
        "from",
        "to",
        "repeat",
        "links",
        "transformations",
        "overrides",
        "collapsed",
        "yaxes",
        "format",
        "regobs",
        "route",
        "routes",
        "receiver",
        "matchers",
        "match",
        "match_re",
        "inhibit_rules",
        "source_matchers",
        "target_match",
        "matchType",
        "tests",
        "rule_files",
        "alert_rule_test",
        "alertname",
        "libraryPanel",
        "url",
        "runbook_url",
        "schemaVersion",
    ]
)
_QUERIES = st.sampled_from(
    [
        'sum(rate(registry_http_requests_total{code=~"5.."}[$__interval])) / sum(x) > 70',
        'histogram_quantile(9, rate(a_bucket{le="1"}[1m]))',
        "a unless a offset 1h",
        "{{ $labels.x }} {{ $y",
        "{{code}}",
        "$stage",
        "",
        "now-24",
        'alertname=~"(a+)+"',
        '{app="registry"} | json | msg="a"',
        "/d/a?viewPanel=1&var-b=c",
        "runbooks/a.md#b",
        "https://[",
    ]
)
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | _WORDS | _QUERIES
_DATA = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS | st.text(max_size=5), inner, max_size=6),
    max_leaves=40,
)
_PANELS = st.lists(st.dictionaries(_WORDS, _DATA, max_size=8), max_size=4)
_BOARDS = st.fixed_dictionaries(
    {"title": _LEAVES, "panels": _PANELS},
    optional={"templating": _DATA, "time": _DATA, "rows": _PANELS, "links": _DATA},
)
_RULES = st.fixed_dictionaries(
    {"groups": st.lists(st.fixed_dictionaries({"name": _LEAVES, "rules": _PANELS}), max_size=3)},
    optional={"route": _DATA, "inhibit_rules": st.lists(_DATA, max_size=3), "tests": _DATA, "rule_files": _DATA},
)


def _check(report: LintReport) -> None:
    for one in report.findings:
        text = report.files[one.file]
        lines = text.split("\n")
        assert 1 <= one.line <= one.end_line <= len(lines)
        assert 1 <= one.column <= len(lines[one.line - 1]) + 1
        assert one.what


@given(_BOARDS | _RULES | _DATA)
def test_any_json_is_read(data: object) -> None:
    _check(lint_text(json.dumps(data), "any.json", ".json"))


@given(_BOARDS | _RULES | _DATA)
def test_any_yaml_is_read(data: object) -> None:
    _check(lint_text(yaml.safe_dump(data), "any.yaml", ".yaml"))


@pytest.mark.parametrize(
    "data",
    [
        {"title": "a", "panels": [], "templating": {"list": [{"name": "a", "type": {"b": 1}}]}},
        {
            "title": "a",
            "panels": [
                {
                    "type": "stat",
                    "options": {"textMode": []},
                    "repeat": {},
                    "targets": [{"expr": "sum(up)", "legendFormat": "{{job}}"}],
                }
            ],
            "templating": {"list": [{"name": "a"}]},
        },
        {"title": "a", "panels": [], "rows": 5, "links": 5, "templating": {"list": [{"name": "a"}]}},
        {"title": "a", "uid": [], "panels": [{"type": [], "id": {}, "libraryPanel": {"name": []}}]},
        {"route": {"receiver": "a", "matchers": [3, {"name": []}], "routes": {"a": 1}}, "groups": []},
        {"tests": [[], {"alert_rule_test": 3}], "rule_files": [None, {}], "groups": [{"name": 1, "rules": []}]},
    ],
)
def test_what_once_broke_it_or_could_is_read(data: object) -> None:
    _check(lint_text(json.dumps(data), "any.json", ".json"))


@given(st.text(max_size=200), st.sampled_from([".json", ".yaml", ".promql"]))
def test_any_text_is_read(text: str, suffix: str) -> None:
    _check(lint_text(text, f"any{suffix}", suffix))


@pytest.mark.parametrize(
    ("begin", "again", "end", "suffix"),
    [
        ("", "# regobs: allow a ", "\n", ".yaml"),
        ("", "sum(a) + ", "1", ".promql"),
        ('{"a": ', "[", "", ".json"),
        ('{"title": "', "{{a ", '", "panels": []}', ".json"),
        ("groups:\n- name: a\n  rules:\n", "  - {alert: a, expr: up, annotations: {a: '{{ $x'}}\n", "", ".yaml"),
        ('{"title": "a", "panels": [', '{"id": 1, "type": "stat", "gridPos": {"x": 0, "y": 0, "w": 1, "h": 1}},',
         '{"id": 2}]}', ".json"),
    ],
)  # fmt: skip
def test_the_time_grows_with_the_length_of_the_text(begin: str, again: str, end: str, suffix: str) -> None:
    def seconds(count: int) -> float:
        text = begin + again * count + end
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            lint_text(text, f"long{suffix}", suffix)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(800) < 8 * seconds(200) + 0.05


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "kind: [PrometheusRule]\nspec: {groups: []}\n"),
        ("a.yaml", "kind: {}\nspec: {}\ngroups: []\n"),
        ("a.promql", "by (job) up\n"),
    ],
)
def test_a_kind_that_is_no_text_and_a_clause_before_any_word_are_read(name: str, text: str) -> None:
    assert isinstance(lint_text(text, name, name[1:]), LintReport)
