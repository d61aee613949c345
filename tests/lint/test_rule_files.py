"""The shape of rule files, and files of other programs that only look like them: each is judged or said as not read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.lint import lint_paths, lint_text
from regobs.lint.report import FORMATS

_GAUGE = "rate(go_goroutines[5m])"
_GOOD = f"- name: good\n  rules:\n  - {{record: 'a:b:c', expr: '{_GAUGE}'}}\n"
_SECOND = "[{record: 'a:b:d', expr: up}]"
# what Prometheus refuses beside a good group, and the line where that is said
REFUSED = {
    "a group without a name": ("- rules: []\n", 5),
    "rule for rules": (f"- name: b\n  rule: {_SECOND}\n", 6),
    "rules that are no list": ("- name: b\n  rules: {record: 'a:b:d', expr: up}\n", 6),
    "an unknown field of a group": ("- name: b\n  every: 5m\n  rules: []\n", 6),
    "a rule of neither kind": ("- name: b\n  rules:\n  - alrt: X\n", 7),
    "a text for a rule": ("- name: b\n  rules:\n  - up\n", 7),
    "an unknown field of a rule": ("- name: b\n  rules:\n  - {alert: X, expr: up == 0, fro: 5m}\n", 7),
    "a text for a group": ("- b\n", 5),
}


@pytest.mark.parametrize(("text", "line"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("kind", ["file", "PrometheusRule", "VMRule"])
def test_what_prometheus_refuses_is_said_and_the_rest_of_the_file_is_judged(kind: str, text: str, line: int) -> None:
    head = "groups:\n" if kind == "file" else f"kind: {kind}\nspec:\n groups:\n"
    indent = "" if kind == "file" else " "
    whole = head + "".join(f"{indent}{one}\n" for one in (_GOOD + text).splitlines())
    report = lint_text(whole, "a.yaml", ".yaml")
    assert "rate-of-gauge" in {one.check for one in report.findings}
    lines = [one.line for one in report.findings if one.check == "broken-rule"]
    assert lines == [line if kind == "file" else line + 2]


@pytest.mark.parametrize(
    "text",
    [f"group:\n{_GOOD}", f"Groups:\n{_GOOD}", f"groups:\n  name: a\n  rules: {_SECOND}\n"],
    ids=["group", "Groups", "a mapping"],
)
def test_a_file_whose_groups_prometheus_does_not_find_is_refused(text: str) -> None:
    (one,) = [one for one in lint_text(text, "a.yaml", ".yaml").findings if one.check == "broken-rule"]
    assert one.line == 1


@pytest.mark.parametrize(
    "text",
    [
        "groups: []\n",
        "groups:\n- name: a\n  rules: []\n",
        f"groups:\n- name: a\n  partial_response_strategy: warn\n  limit: 5\n  rules: {_SECOND}\n",
        f"groups:\n- {{name: a, type: prometheus, concurrency: 2, rules: {_SECOND}}}\n",
        "groups:\n- {name: a, rules: [{record: 'a:b:c', expr: up, debug: true}]}\n",
        f"tenant:\n- name: a\n  rules: {_SECOND}\n",
    ],
    ids=["no groups", "no rules", "Thanos", "vmalert", "a rule of vmalert", "namespaces of a ruler"],
)
def test_what_some_server_of_rules_reads_is_not_refused(text: str) -> None:
    report = lint_text(text, "a.yaml", ".yaml")
    assert "broken-rule" not in {one.check for one in report.findings}
    assert not report.not_read


_MODEL = {"refId": "A", "model": {"expr": _GAUGE}}
OTHERS = {
    "rules of Grafana": {"apiVersion": 1, "groups": [{"name": "a", "rules": [{"title": "b", "data": [_MODEL]}]}]},
    "rules of Grafana's ruler": {"folder": [{"name": "a", "rules": [{"grafana_alert": {"data": [_MODEL]}}]}]},
    "Sloth": {"version": "prometheus/v1", "service": "a", "slos": [{"name": "b"}]},
    "Sloth of Kubernetes": {"apiVersion": "sloth.slok.dev/v1", "kind": "PrometheusServiceLevel", "spec": {}},
    "Pyrra": {"apiVersion": "pyrra.dev/v1alpha1", "kind": "ServiceLevelObjective", "spec": {}},
    "an answer": {"status": "success", "data": {"groups": [{"name": "a", "rules": [{"name": "b", "query": "up"}]}]}},
    "a library panel": {"apiVersion": "dashboard.grafana.app/v0alpha1", "kind": "LibraryPanel", "spec": {"panels": 1}},
    "a library panel of the API": {"result": {"uid": "a", "kind": 1, "model": {"targets": []}}},
}  # fmt: skip


@pytest.mark.parametrize("shape", [*FORMATS, "text"])
@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_a_file_of_another_program_is_said_as_not_read_in_each_format(
    data: object, shape: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").write_text(json.dumps(data))
    assert run(["lint", "--format", shape, str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "not_read" in out if shape == "json" else "not read" in out
    assert len(lint_paths([tmp_path]).not_read) == 1


def test_a_named_file_that_holds_nothing_known_is_said_and_one_in_a_directory_is_not(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("settings: {debug: true}\n")
    assert [one.line for one in lint_paths([file]).not_read] == [1]
    assert not lint_paths([tmp_path]).not_read
    for text in ("", "# nothing\n", "---\n", "kind: ConfigMap\ndata: {a: b}\n"):
        file.write_text(text)
        assert not lint_paths([file]).not_read


def test_dashboards_in_a_list_are_judged() -> None:
    targets = [{"refId": "A", "expr": _GAUGE}]
    boards = [{"title": name, "panels": [{"id": 1, "type": "stat", "title": "p", "targets": targets}]} for name in "ab"]
    report = lint_text(json.dumps(boards), "a.json", ".json")
    assert report.dashboards == 2
    assert [one.check for one in report.findings].count("rate-of-gauge") == 2


def test_a_directory_that_may_not_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "a.yaml").write_text("groups: []\n")
    assert not lint_paths([tmp_path]).findings
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    (one,) = lint_paths([tmp_path]).findings
    assert (one.check, one.file) == ("unreadable-file", str(closed))


def test_a_variable_of_a_template_is_said_and_a_dollar_in_a_text_is_not() -> None:
    def told(expr: str) -> list[int]:
        text = f"groups:\n- name: a\n  rules:\n  - record: a:b:c\n    expr: {expr}\n"
        return [one.line for one in lint_text(text, "a.yaml", ".yaml").not_read]

    assert told("up > ${LIMIT}") == [5]
    assert told("up{job=~'a$'} > 1") == []
