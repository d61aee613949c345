"""The shape of rule files, and files of other programs that only look like them: each is judged or said as not read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.errors import InputError
from regobs.lint import lint_paths, lint_text
from regobs.lint.engine import find_files
from regobs.lint.linted_files import BUILD_FIRST
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


def refused(text: str, suffix: str = ".yaml") -> list[str]:
    """What is said to be refused, with its place."""
    report = lint_text(text, f"a{suffix}", suffix)
    return [f"{one.line}:{one.column} {one.what}" for one in report.findings if one.check == "broken-rule"]


MALFORMED = {
    "a number for groups": ("groups: 5\n", "1:1 groups is no list"),
    "a text for groups": ("groups: a\n", "1:1 groups is no list"),
    "a group for groups": ("groups: {name: a, rules: []}\n", "1:1 groups is no list"),
    "a number for a group": ("groups: [5]\n", "1:10 a group is no mapping"),
    "a number behind a group": ("groups:\n- name: a\n- 5\n", "3:3 a group is no mapping"),
    "a group without a name": ("groups: [{rules: []}]\n", "1:10 a group has no name"),
    "an empty name": ("groups: [{name: '', rules: []}]\n", "1:10 a group has no name"),
    "a list for a name": ("groups: [{name: [a], rules: []}]\n", "1:17 the name of a group is no text"),
    "a number for rules": ("groups: [{name: a, rules: 7}]\n", "1:20 rules is no list"),
    "a text for rules": ("groups: [{name: a, rules: up}]\n", "1:20 rules is no list"),
    "a mapping for rules": ("groups: [{name: a, rules: {b: c}}]\n", "1:20 rules is no list"),
    "a number for a rule": ("groups: [{name: a, rules: [7]}]\n", "1:28 a rule is no mapping"),
    "a text for a rule": ("groups: [{name: a, rules: [up]}]\n", "1:28 a rule is no mapping"),
    "an empty rule": ("groups: [{name: a, rules: [{}]}]\n", "1:28 a rule has neither alert nor record"),
    "an unknown field": ("groups: [{name: a, every: 1m, rules: []}]\n", "1:20 a group has no field every"),
    "an interval": ("groups: [{name: a, interval: 5, rules: []}]\n", "1:30 5 is no duration"),
    "a limit": ("groups: [{name: a, limit: many, rules: []}]\n", "1:27 many is no whole number"),
}


@pytest.mark.parametrize(("text", "said"), MALFORMED.values(), ids=MALFORMED)
def test_a_file_that_is_nothing_but_groups_is_judged_as_prometheus_reads_it(text: str, said: str) -> None:
    assert refused(text) == [said]


def test_both_faults_of_a_group_are_said() -> None:
    assert refused("groups: [{rules: 7}]\n") == ["1:10 a group has no name", "1:11 rules is no list"]


@pytest.mark.parametrize(
    "head", ["kind: PrometheusRule\nspec:\n  ", "prometheusAlerts:\n  ", "kind: VMRule\nspec:\n  "]
)
def test_the_same_holds_of_objects_and_mixins(head: str) -> None:
    assert [one.split(" ", 1)[1] for one in refused(f"{head}groups: 5\n")] == ["groups is no list"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: PrometheusRule\nspec: 5\n", ["2:1 spec is no mapping"]),
        ("kind: PrometheusRule\nspec: {group: [{name: a, rules: []}]}\n", ["2:8 a rule file has no field group"]),
        ("kind: PrometheusRule\nspec: {group: []}\n", ["2:8 a rule file has no field group"]),
        ("kind: PrometheusRule\ngroups: []\n", ["2:1 groups stand beside spec"]),
        ("kind: PrometheusRuleList\nitems:\n- {kind: PrometheusRule, groups: []}\n", ["3:26 groups stand beside spec"]),
        ("kind: PrometheusRule\nspec: {groups: []}\n", []),
        ("kind: PrometheusRule\nmetadata: {name: patched}\n", []),
        ("kind: Other\nspec: 5\ngroups: []\n", []),
        ("rules: [{alert: A, expr: up == 0}]\n", ["1:1 rules stand outside of groups"]),
        ("- name: a\n  rules: [{alert: A, expr: up == 0}]\n", ["1:3 groups stand in no groups"]),
        ("rules: [{port: 80}]\n", []),
        ("rules: [{alert: A, expr: up == 0}]\nuser: a\n", []),
        ("- alert: A\n  expr: up == 0\n", []),
    ],
)
def test_rules_that_stand_where_nobody_looks_for_them_are_said(text: str, said: list[str]) -> None:
    assert refused(text) == said


@pytest.mark.parametrize("head", ["rules:\n- ", "- name: a\n  rules:\n  - ", "- "])
def test_rules_outside_of_groups_are_judged(head: str) -> None:
    report = lint_text(f"{head}{{record: 'a:b:c', expr: '{_GAUGE}'}}\n", "a.yaml", ".yaml")
    assert "rate-of-gauge" in {one.check for one in report.findings}


RULES = {
    "alert: '', expr: up": "a rule has neither alert nor record",
    "alert: [a], expr: up": "a rule has neither alert nor record",
    "alert: a, expr: up, labels: [a]": "labels is no mapping",
    "alert: a, expr: up, labels: a": "labels is no mapping",
    "alert: a, expr: up, labels: {b: [1]}": "b is no text",
    "alert: a, expr: up, labels: {b: {c: d}}": "b is no text",
    "record: 'a:b:c', expr: up, labels: {'': d}": "a name is empty",
    "alert: a, expr: up, annotations: [a]": "annotations is no mapping",
    "alert: a, expr: up, annotations: {b: [1]}": "b is no text",
    "alert: a, expr: up, annotations: {'b-c': d}": "'b-c' is no name of an annotation before Prometheus 3",
    "record: 'a:b:c', expr: up, for: 5m": "a recording rule has no for",
    "alert: a, record: b, expr: up": "a rule is an alert or a record, this one is both",
}


@pytest.mark.parametrize(("rule", "said"), RULES.items())
def test_a_rule_that_prometheus_refuses_is_said(rule: str, said: str) -> None:
    assert [one.split(" ", 1)[1] for one in refused(f"groups: [{{name: a, rules: [{{{rule}}}]}}]\n")] == [said]


@pytest.mark.parametrize(
    "rule",
    [
        "alert: a, expr: up, labels: null, annotations: null", "alert: a, expr: up, labels: {b: null, c: 5, d: true}",
        "record: 'a:b:c', expr: up, for: 0s", "record: 'a:b:c', expr: up, annotations: {}",
        "alert: a, record: '', expr: up", "alert: 5, expr: up", "alert: a, expr: 5, for: 0",
    ],
)  # fmt: skip
def test_a_rule_that_prometheus_takes_is_not_said(rule: str) -> None:
    assert not refused(f"groups: [{{name: a, rules: [{{{rule}}}]}}]\n")


@pytest.mark.parametrize(
    "text",
    [
        "groups:\n", "groups: [null]\n", "groups: [{name: 5, rules: []}]\n", "groups: [{name: a, rules: null}]\n",
        "groups: [{name: a, rules: [null]}]\n", "groups: [{name: a}]\n",
    ],
)  # fmt: skip
def test_what_prometheus_takes_for_nothing_is_no_fault_and_is_read(text: str) -> None:
    report = lint_text(text, "a.yaml", ".yaml")
    assert (report.findings, report.not_read) == ([], [])


OTHER_GROUPS = {
    "names": "groups: [docker, admin]\n",
    "a mapping by name": "groups: {web: [host], db: [host]}\n",
    "rules of a firewall": "groups: [{name: web, rules: [{port: 80, proto: tcp}]}]\n",
    "groups with other fields": "groups: [{title: web, members: [a]}]\n",
    "named groups of something else": "groups: [{name: web, services: [{name: a}]}, {name: db, services: []}]\n",
}


@pytest.mark.parametrize("text", OTHER_GROUPS.values(), ids=OTHER_GROUPS)
def test_groups_of_something_else_are_passed_over_with_the_reason(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    report = lint_paths([tmp_path])
    assert (report.findings, [one.reason for one in report.not_read]) == (
        [],
        ["groups of something else: no rule of Prometheus is in them"],
    )


@pytest.mark.parametrize("beside", ["users: [a]\n", "plugin: constructed\n", "apiVersion: 1\n"])
def test_groups_beside_the_settings_of_another_program_are_none_of_ours(beside: str) -> None:
    for groups in ("5", "[5]", "{a: b}", "[{name: a, rules: 7}]", "[{name: a}, {name: a}]"):
        assert not lint_text(f"{beside}groups: {groups}\n", "a.yaml", ".yaml").findings


def test_a_field_beside_groups_is_worth_a_warning_but_that_of_mimirtool() -> None:
    text = f"groups:\n{_GOOD}"
    (one,) = [one for one in lint_text(f"{text}owner: us\n", "a.yaml", ".yaml").findings if one.check == "broken-rule"]
    assert (one.severity, one.what) == ("warning", "a rule file has no field owner")
    assert not refused(f"namespace: us\n{text}")
    assert not refused(f"apiVersion: 1\n{text}")


@pytest.mark.parametrize("document", ["- 5\n", "5\n", "hello\n"])
def test_a_document_of_something_else_beside_rules_is_passed_over_with_the_reason(document: str) -> None:
    (one,) = lint_text(f"groups:\n{_GOOD}---\n{document}", "a.yaml", ".yaml").not_read
    assert (one.line, one.reason) == (6, "a document that is no mapping: rules stand below groups")
    assert [one.line for one in lint_text(document, "a.yaml", ".yaml").not_read] == [1]
    assert not lint_text(f"groups:\n{_GOOD}---\n---\n", "a.yaml", ".yaml").not_read


@pytest.mark.parametrize("rules", ["", ", rules: []", ", rules: null", ", rules: [{record: 'a:b:c', expr: up}]"])
def test_a_second_group_of_a_name_is_refused_with_or_without_rules(rules: str) -> None:
    def twice(first: str, second: str) -> list[int]:
        text = f"groups:\n- {{name: {first}{rules}}}\n- {{name: {second}{rules}}}\n"
        return [one.line for one in lint_text(text, "a.yaml", ".yaml").findings if one.check == "duplicate-group"]

    assert twice("a", "a") == [3]
    assert twice("5", "'5'") == [3]
    assert twice("a", "b") == []


def test_groups_of_a_name_in_two_files_of_a_list_are_no_second_ones() -> None:
    spec = "{groups: [{name: a, rules: []}]}"
    one = f"{{kind: PrometheusRule, spec: {spec}}}"
    text = f"kind: List\nitems:\n- {one}\n- {one}\n---\ngroups: [{{name: a, rules: []}}]\n"
    assert not lint_text(text, "a.yaml", ".yaml").findings


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
    (tmp_path / "ours.yaml").write_text("groups: []\n")
    assert [one.line for one in lint_paths([file]).not_read] == [1]
    assert not lint_paths([tmp_path]).not_read
    for text in ("", "# nothing\n", "---\n", "kind: ConfigMap\ndata: {a: b}\n"):
        file.write_text(text)
        assert not lint_paths([file]).not_read


@pytest.mark.parametrize("text", [None, "", "# nothing\n", "settings: {debug: true}\n", "a: b: c\n"])
def test_a_directory_or_pattern_with_nothing_to_judge_is_refused_beside_others_too(
    tmp_path: Path, text: str | None
) -> None:
    rules, empty = tmp_path / "rules", tmp_path / "dashbords"
    rules.mkdir()
    empty.mkdir()
    (rules / "a.yaml").write_text("groups: []\n")
    (empty / "notes.txt").write_text("groups: []\n")
    count = "no file" if text is None else "1 file"
    if text is not None:
        (empty / "a.yaml").write_text(text)
    for paths in (
        ([empty], [rules, empty], [rules, empty / "*.yaml"]) if text is not None else ([empty], [rules, empty])
    ):
        with pytest.raises(InputError, match="nothing was judged") as caught:
            lint_paths(paths)
        assert caught.value.value == f"{paths[-1]}: {count} that lint opens"
    assert lint_paths([rules]).findings == []


@pytest.mark.parametrize(
    "text",
    [
        "groups: []\n",
        "apiVersion: v1\nkind: ConfigMap\ndata: {}\n",
        "groups: {{ .Values.groups }}\n",
        "groups:\n- name: a\n    rules: []\n",
        "route: {receiver: a}\nreceivers: [{name: a}]\n",
    ],
)
def test_a_directory_with_one_file_of_ours_is_judged_empty_or_broken_as_it_may_be(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    assert lint_paths([tmp_path]).files


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


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("gl/**", {"a.yaml", "b.yaml", "c.yml"}), ("gl/*", {"a.yaml", "b.yaml", "c.yml", "notes.txt"}),
        ("gl/**/*.yaml", {"a.yaml", "b.yaml"}), ("gl/**.yaml", {"a.yaml"}), ("gl/in*", {"b.yaml", "c.yml"}),
        ("**/inner", {"b.yaml", "c.yml"}), ("./gl/inner/**", {"b.yaml", "c.yml"}), ("gl/?.yaml", {"a.yaml"}),
    ],
)  # fmt: skip
def test_a_pattern_stands_for_files_and_for_all_below_directories(
    pattern: str, names: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gl" / "inner").mkdir(parents=True)
    for name in ("a.yaml", "notes.txt", "inner/b.yaml", "inner/c.yml", "inner/notes.txt"):
        (tmp_path / "gl" / name).write_text("groups: []\n")
    monkeypatch.chdir(tmp_path)
    found = find_files([Path(pattern)])
    assert {one.name for one in found} == names
    assert len(found) == len(names)
    with pytest.raises(InputError):
        find_files([Path("none/**")])


def test_dashboards_in_python_are_to_be_built_first(tmp_path: Path) -> None:
    dashboards = tmp_path / "dashboards"
    dashboards.mkdir()
    (dashboards / "a.dashboard.py").write_text("dashboard = 1\n")
    for path in (tmp_path, dashboards, dashboards / "*.py"):
        with pytest.raises(InputError, match="nothing was judged") as caught:
            lint_paths([path])
        assert caught.value.next_step == BUILD_FIRST
    report = lint_paths([dashboards / "a.dashboard.py"])
    assert (report.findings, [one.reason for one in report.not_read]) == ([], [f"a program: {BUILD_FIRST}"])
    (dashboards / "a.dashboard.py").rename(dashboards / "a.txt")
    with pytest.raises(InputError) as caught:
        lint_paths([dashboards])
    assert caught.value.next_step == "correct the path, or leave it out"
