"""Dashboards and rules inside Kubernetes objects, and what the report names as not read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from regobs.lint import LintContext, LintReport, lint_text
from regobs.lint.fix import fix_text
from tests.lint.cases import board, found

_BAD = 'sum(rate(a_total{code="5.."}[$__rate_interval]))'
_PANEL = {
    "id": 1,
    "type": "timeseries",
    "title": "Größe \U0001f433 \\u0041 \"and\" 'so' on",
    "targets": [{"refId": "A", "expr": _BAD}],
}
_BOARD = {"title": "Dashboard", "panels": [_PANEL]}
_RULES = "groups:\n- name: a\n  rules:\n  - record: a:b:c\n    expr: 'sum(rate(a_total{code=\"5..\"}[5m]))'\n"


def config_map(**data: str) -> dict[str, object]:
    """A ConfigMap of files; `__` in a name stands for its dot."""
    files = {name.replace("__", "."): text for name, text in data.items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": files}


def literal(text: str) -> str:
    """A ConfigMap whose dashboard is a literal block."""
    lines = "\n".join(f"    {line}" if line else "" for line in text.split("\n"))
    return f"# of Grafana\nkind: ConfigMap\napiVersion: v1\ndata:\n  registry.json: |-\n{lines}\n  other: text\n"


def place(report: LintReport) -> str:
    """The text that the one finding of `regex-under-equal` stands at."""
    (one,) = [one for one in report.findings if one.check == "regex-under-equal"]
    assert one.line == one.end_line
    return report.files[one.file].split("\n")[one.line - 1][one.column - 1 : one.end_column - 1]


PRETTY, PLAIN = json.dumps(_BOARD, indent=1, ensure_ascii=False), json.dumps(_BOARD)
DRESSES = {
    "a literal block": literal(PRETTY),
    "a literal block that begins with an empty line": literal("\n" + PRETTY),
    "quoted once": yaml.safe_dump(config_map(registry__json=PLAIN), default_style="'", width=10_000),
    "quoted twice": yaml.safe_dump(config_map(registry__json=PRETTY), default_style='"', width=10_000),
    "in a list": yaml.safe_dump(
        {"kind": "List", "items": [{"kind": "Service"}, config_map(registry__json=PLAIN)]},
        default_style="'",
        width=10**4,
    ),
    "after another document": "kind: Service\n---\n" + literal(PRETTY),
    "of the Grafana operator": yaml.safe_dump(
        {"kind": "GrafanaDashboard", "spec": {"json": PLAIN}}, default_style="'", width=10_000
    ),
}


@pytest.mark.parametrize("text", DRESSES.values(), ids=DRESSES)
def test_a_dashboard_in_a_kubernetes_object_is_judged_at_its_place(text: str) -> None:
    report = lint_text(text, "grafana.yaml", ".yaml")
    assert report.dashboards == 1
    assert "5.." in place(report)


def test_a_config_map_in_json_is_read_too() -> None:
    report = lint_text(json.dumps(config_map(registry__json=PLAIN)), "grafana.json", ".json")
    assert report.dashboards == 1
    assert "5.." in place(report)


@pytest.mark.parametrize("name", ["registry.rules", "rules.yaml", "rules.yml"])
def test_rules_in_a_config_map_are_read(name: str) -> None:
    text = yaml.safe_dump(config_map(**{name.replace(".", "__"): _RULES}), default_style="|")
    report = lint_text(text, "prometheus.yaml", ".yaml")
    assert report.rules == 1
    assert "5.." in place(report)


def test_the_settings_of_others_in_a_config_map_are_passed_over() -> None:
    files = {"app__json": "{not json", "config__yaml": "!tag [", "query__promql": "rate(", "notes": '{"panels": ['}
    report = lint_text(yaml.safe_dump(config_map(**files)), "app.yaml", ".yaml")
    assert (report.findings, report.not_read, report.dashboards) == ([], [], 0)


def test_a_dashboard_in_a_config_map_that_is_no_json_is_found_at_its_place() -> None:
    report = lint_text(literal('{"panels": [\n nothing]}'), "grafana.yaml", ".yaml")
    (one,) = report.findings
    assert (one.check, one.line, one.column) == ("unreadable-file", 7, 6)


def test_rules_in_a_config_map_that_are_no_yaml_are_found_at_their_place() -> None:
    text = "kind: ConfigMap\ndata:\n  a.yaml: |\n    groups:\n    - {name: a\n"
    (one,) = lint_text(text, "prometheus.yaml", ".yaml").findings
    assert one.check == "unreadable-file"
    assert one.line > 3


def test_binary_data_of_a_config_map_is_named_as_not_read() -> None:
    text = "kind: ConfigMap\nbinaryData: {a.json.gz: AAAA}\n"
    assert [why for _, _, why in lint_text(text, "a.yaml", ".yaml").not_read] == [
        "binaryData of a ConfigMap: lint the files that it is made of"
    ]


def test_a_panel_of_a_dashboard_in_a_config_map_can_allow_a_finding() -> None:
    allowed = {**_PANEL, "description": "regobs: allow regex-under-equal: the registry writes 5.. itself"}
    text = literal(json.dumps({**_BOARD, "panels": [allowed, {**_PANEL, "id": 2}]}, indent=1))
    report = lint_text(text, "grafana.yaml", ".yaml")
    assert report.allowed == 1
    assert "5.." in place(report)


@pytest.mark.parametrize("name", ["a literal block", "quoted once", "quoted twice"])
def test_a_dashboard_in_a_config_map_is_corrected_and_nothing_else(name: str) -> None:
    context, text = LintContext(), DRESSES[name]
    offered = [one for one in lint_text(text, "a.yaml", ".yaml").findings if one.check == "regex-under-equal"]
    fixed, kept = fix_text(text, offered, Path("a.yaml"), context)
    assert len(kept) == 1
    assert fixed.replace("code=~", "code=") == text
    held = yaml.safe_load(fixed)["data"]["registry.json"]
    assert json.loads(held)["panels"][0]["targets"][0]["expr"] == _BAD.replace("=", "=~")


_LIBRARY = {"id": 3, "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8}, "libraryPanel": {"uid": "abc", "name": "Requests"}}


def test_a_library_panel_that_the_file_does_not_hold_is_named_as_not_read() -> None:
    assert board(_LIBRARY).not_read == [
        ("board.json", 4, "the library panel 'Requests': export the dashboard together with it")
    ]


@pytest.mark.parametrize(("kept", "name"), [({"uid": "abc"}, "abc"), ({}, "without a name"), ({"name": ""}, "without")])
def test_a_library_panel_without_a_name_is_named_by_what_it_has(kept: dict[str, str], name: str) -> None:
    ((_, _, why),) = board({"id": 3, "libraryPanel": kept}).not_read
    assert name in why


def test_a_library_panel_that_holds_its_queries_is_judged() -> None:
    report = board({**_PANEL, "libraryPanel": {"uid": "abc", "name": "Requests"}})
    assert report.not_read == []
    assert "regex-under-equal" in found(report)


def test_a_library_panel_that_was_exported_with_the_dashboard_is_judged_at_its_place() -> None:
    model = {key: value for key, value in _PANEL.items() if key != "id"}
    elements = {"abc": {"name": "Requests", "uid": "abc", "kind": 1, "model": model}}
    report = board(_LIBRARY, __elements=elements)
    assert report.not_read == []
    assert "5.." in place(report)


@pytest.mark.parametrize("elements", [[], {"abc": 3}, {"abc": {"model": []}}, {"other": {"model": {}}}])
def test_elements_that_do_not_hold_the_library_panel_leave_it_not_read(elements: object) -> None:
    assert len(board(_LIBRARY, __elements=elements).not_read) == 1


def test_a_dashboard_of_schema_v2_is_named_as_not_read() -> None:
    text = json.dumps({"apiVersion": "dashboard.grafana.app/v2beta1", "spec": {"elements": {}}})
    assert [why for _, _, why in lint_text(text, "a.json", ".json").not_read] == [
        "a dashboard of schema v2: export it as classic JSON"
    ]


@given(st.text(max_size=20), st.sampled_from(["'", '"', "|", ">", None]), st.booleans(), st.sampled_from([None, 1]))
def test_a_correction_meets_its_place_whatever_stands_around_it(
    words: str, style: str | None, ascii_only: bool, indent: int | None
) -> None:
    shown = json.dumps({**_BOARD, "title": words, "description": words}, ensure_ascii=ascii_only, indent=indent)
    text = yaml.dump(config_map(registry__json=shown), default_style=style, allow_unicode=not ascii_only, width=60)
    held = yaml.load(text, yaml.CSafeLoader)["data"]["registry.json"]
    assume(held == shown)  # YAML takes some line breaks of Unicode for others
    offered = [one for one in lint_text(text, "a.yaml", ".yaml").findings if one.check == "regex-under-equal"]
    fixed, _ = fix_text(text, offered, Path("a.yaml"), LintContext())
    corrected = yaml.load(fixed, yaml.CSafeLoader)["data"]["registry.json"]
    assert corrected == shown.replace("code=", "code=~")
