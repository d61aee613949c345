"""Each value of a file may be anything: lint reads a list where a text is usual, and judges what is beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from regobs.cli.main import run
from regobs.lint import engine, lint_paths, lint_text

_VALUES: list[Any] = [None, [], {"a": []}, 5, [[]], "x", "", "$", "${}"]
_SOURCE = {"type": "prometheus", "uid": "${ds}"}
_PANEL: dict[str, Any] = {
    "id": 1,
    "type": "table",
    "title": "T $pod",
    "description": "regobs: allow panel-unit: no reason",
    "datasource": _SOURCE,
    "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
    "repeat": "pod",
    "interval": "1m",
    "links": [{"title": "l", "url": "/d/abc?var-x=1&viewPanel=9"}],
    "fieldConfig": {
        "defaults": {
            "unit": "percent",
            "max": 100,
            "custom": {"axisLabel": "a", "stacking": {"mode": "none"}, "thresholdsStyle": {"mode": "line"}},
            "mappings": [{"type": "value", "options": {"0": {"text": "x"}}}],
            "thresholds": {
                "mode": "absolute",
                "steps": [{"color": "green", "value": None}, {"color": "r", "value": 8}],
            },
            "color": {"mode": "thresholds"},
        },
        "overrides": [
            {
                "matcher": {"id": "byName", "options": "Value #A"},
                "properties": [{"id": "unit", "value": "s"}, {"id": "links", "value": [{"url": "/d/abc"}]}],
            }
        ],
    },
    "options": {"reduceOptions": {"calcs": ["mean"]}, "legend": {"calcs": ["last"]}, "textMode": "auto"},
    "transformations": [{"id": "organize", "options": {"renameByName": {"Value #A": "V"}}}],
    "targets": [
        {
            "refId": "A",
            "expr": 'sum by (le) (rate(registry_http_requests_total{code="$pod"}[$__interval]))',
            "legendFormat": "{{le}}",
            "interval": "5m",
            "instant": True,
            "datasource": _SOURCE,
        },
        {"refId": "B", "expr": '{app="registry"} | json | msg="a"', "datasource": {"type": "loki", "uid": "l"}},
    ],
}
_OLD: dict[str, Any] = {
    "id": 3,
    "type": "graph",
    "title": "g",
    "format": "percent",
    "valueName": "avg",
    "thresholds": "1,2",
    "yaxes": [{"format": "bytes", "label": "x"}, {"format": "short"}],
    "seriesOverrides": [{"alias": "/x/", "yaxis": 2}],
    "targets": [{"refId": "A", "expr": "registry_http_requests_total"}],
    "styles": [{"pattern": "Value", "linkUrl": "/d/abc"}],
}
_VARIABLE = {
    "name": "pod",
    "type": "query",
    "query": {"query": "label_values(registry_http_requests_total, code)"},
    "multi": True,
    "includeAll": True,
    "regex": "/a/",
    "current": {"value": ["a"]},
}
_BOARD: dict[str, Any] = {
    "uid": "abc",
    "title": "D",
    "tags": ["a", "regobs: allow panel-unit: x"],
    "schemaVersion": 36,
    "time": {"from": "now-6h", "to": "now"},
    "refresh": "30s",
    "links": [{"type": "link", "url": "/d/zzz", "title": "x", "includeVars": True}],
    "annotations": {"list": [{"datasource": _SOURCE, "expr": "changes(up[5m])", "name": "a"}]},
    "__inputs": [{"name": "DS"}],
    "templating": {"list": [{"name": "ds", "type": "datasource", "query": "prometheus"}, _VARIABLE]},
    "panels": [
        _PANEL,
        {"id": 2, "type": "row", "collapsed": True, "repeat": "pod", "panels": [{**_PANEL, "id": 4, "type": "stat"}]},
        {"id": 7, "libraryPanel": {"uid": "u", "name": "n"}},
    ],
    "rows": [{"title": "r", "repeat": "pod", "panels": [_OLD]}],
    "__elements": {"u": {"name": "n", "model": {"type": "stat", "targets": [{"refId": "A", "expr": "sum(up)"}]}}},
}
_GROUP: dict[str, Any] = {
    "name": "g",
    "interval": "1m",
    "limit": 0,
    "labels": {"a": "b"},
    "rules": [
        {
            "alert": "A",
            "expr": "max by (job) (registry_database_rows) > 1",
            "for": "5m",
            "keep_firing_for": "1m",
            "labels": {"severity": "page"},
            "annotations": {"summary": "{{ $labels.x }}", "runbook_url": "https://x/y.md#z"},
        },
        {"alert": "B", "expr": 'go_goroutines{job="registry"} > 1', "labels": {"severity": "ticket"}},
        {"record": "a:b:rate5m", "expr": "sum(rate(registry_http_requests_total[5m]))", "labels": {"x": "y"}},
    ],
}
_ROUTING: dict[str, Any] = {
    "route": {
        "receiver": "d",
        "group_by": ["a"],
        "group_wait": "1s",
        "mute_time_intervals": ["t"],
        "routes": [
            {"match": {"a": "b"}, "match_re": {"a": "b.*"}, "matchers": ['a="b"', 'c=~"d"'], "receiver": "d"},
            {"matchers": [{"name": "a", "value": "b", "matchType": "="}], "continue": True},
        ],
    },
    "receivers": [{"name": "d"}],
    "inhibit_rules": [
        {"source_matchers": ['severity="page"'], "target_matchers": ['severity="ticket"'], "equal": ["pod"]},
        {"source_match": {"a": "b"}, "target_match_re": {"c": "d"}, "equal": ["e"]},
    ],
    "time_intervals": [{"name": "t", "time_intervals": [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]}],
}
_TESTS: dict[str, Any] = {
    "rule_files": ["a.yaml"],
    "tests": [{"alert_rule_test": [{"alertname": "A", "exp_alerts": [{"exp_labels": {"a": "b"}}]}]}],
}
_LIST = {"kind": "List", "items": [{"kind": "PrometheusRule", "spec": {"groups": [_GROUP]}}]}
_OPENSLO = {
    "apiVersion": "openslo/v1",
    "kind": "SLI",
    "spec": {"ratioMetric": {"good": {"metricSource": {"type": "Prometheus", "spec": {"query": "up"}}}}},
}
FILES = {
    "a dashboard": [_BOARD],
    "rules and routes": [{"groups": [_GROUP]}, _ROUTING],
    "tests": [_TESTS],
    "a list": [_LIST],
    "an objective": [_OPENSLO],
}


def _changed(data: Any) -> Iterator[Any]:
    """The data with one of its values replaced, once for each value and replacement; the data is as before then."""
    places: list[tuple[Any, Any]] = [(data, key) for key in range(len(data))]
    for held, key in places:
        before = held[key]
        inner = before.items() if isinstance(before, dict) else enumerate(before) if isinstance(before, list) else ()
        places += [(before, name) for name, _ in inner]
        for value in _VALUES:
            held[key] = value
            yield data
        held[key] = before


@pytest.mark.parametrize("documents", FILES.values(), ids=FILES)
def test_a_file_is_read_whatever_one_of_its_values_is(documents: list[Any]) -> None:
    suffix = ".json" if "panels" in documents[0] else ".yaml"
    count = 0
    for data in _changed(deepcopy(documents)):
        text = json.dumps(data[0]) if suffix == ".json" else "---\n".join(json.dumps(one) + "\n" for one in data)
        assert lint_text(text, f"a{suffix}", suffix).files
        count += 1
    assert count > 5 * len(_VALUES)


def _fails(*_: object) -> Iterator[Any]:
    raise TypeError


def test_a_file_on_which_lint_fails_is_a_finding_and_the_others_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"title": "a", "panels": []}), encoding="utf-8")
    rule = {"alert": "A", "expr": "sum(up", "labels": {"severity": "page"}}
    (tmp_path / "b.yaml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": [rule]}]}), encoding="utf-8")
    real = engine._check_file
    monkeypatch.setattr(engine, "_check_file", lambda one: _fails() if one.dashboards else real(one))
    first, *others = lint_paths([tmp_path]).findings
    assert (first.check, first.severity, first.line) == ("unreadable-file", "error", 1)
    assert first.what.startswith("regobs cannot judge this file: TypeError in test_any_value.py:")
    assert "syntax" in {one.check for one in others}
    assert run(["lint", str(tmp_path)]) == 1
    assert "regobs cannot judge this file" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_for_a_fault_of_ours_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.yaml").write_text("groups: []\n", encoding="utf-8")
    monkeypatch.setattr(engine, "read_file", _raise)
    (one,) = lint_paths([tmp_path]).findings
    assert (one.check, one.what.rpartition(":")[0]) == (
        "unreadable-file",
        "regobs cannot judge this file: KeyError in test_any_value.py",
    )


def _raise(*_: object) -> None:
    raise KeyError


def test_a_fault_of_ours_in_a_text_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_check_file", _fails)
    with pytest.raises(TypeError):
        lint_text("up", "a.promql", ".promql")
