"""What comes out: places to the character, every format, allowances, changed lines, exit codes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from regobs.cli.main import run
from regobs.lint import LintReport, Severity, lint_paths, lint_text
from regobs.lint.report import FORMATS, as_text

RULES = """\
# é
groups:
  - name: pool
    rules:
      - alert: PoolFull
        expr: avg(go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open) > 70
        labels: {severity: page}
        annotations:
          summary: "The pool \\"main\\" of {{ $labels.stage }} is full"
      - record: job:errors:rate5m
        expr: |
          # by job
          sum by (job) (
            rate(errors_total{code="5.."}[5m])
          )
"""


def lint(text: str = RULES) -> LintReport:
    return lint_text(text, "rules.yaml", ".yaml")


def marked(report: LintReport, check: str) -> str:
    """The text that a finding points at."""
    one = next(one for one in report.findings if one.check == check)
    assert one.line == one.end_line
    return report.files[one.file].split("\n")[one.line - 1][one.column - 1 : one.end_column - 1]


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("ratio-compared-with-percent", "70"),
        ("label-not-in-result", "$labels.stage"),
        ("regex-under-equal", 'code="5.."'),
    ],
)
def test_a_finding_points_at_the_exact_place_in_yaml(check: str, text: str) -> None:
    assert marked(lint(), check) == text


def test_a_finding_points_at_the_exact_place_in_json() -> None:
    expr = 'sum(rate(a_total{b="c"}[$__interval]))'
    panel = {"id": 1, "type": "stat", "title": 'a "b" \u00e9', "targets": [{"legendFormat": "", "expr": expr}]}
    for indent in (None, 2):
        text = json.dumps({"title": "t", "panels": [panel]}, indent=indent)
        assert marked(lint_text(text, "a.json", ".json"), "interval-in-rate") == "$__interval"


def test_the_text_shows_the_line_with_a_caret_under_the_place() -> None:
    lines = as_text(lint()).splitlines()
    index = next(index for index, line in enumerate(lines) if "ratio-compared" in line)
    assert lines[index + 1] == "  rules.yaml:6:94 in PoolFull"
    assert lines[index + 4].index("^^") == lines[index + 3].index("70")
    assert lines[-1].endswith("in 1 file, 2 rules, 0 dashboards, 2 queries")


def test_sarif_names_rule_level_and_region_of_each_finding() -> None:
    data = json.loads(FORMATS["sarif"](lint()))
    driver = data["runs"][0]["tool"]["driver"]
    assert data["version"] == "2.1.0"
    for result in data["runs"][0]["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        region = result["locations"][0]["physicalLocation"]["region"]
        assert (region["startLine"], region["startColumn"]) < (region["endLine"], region["endColumn"])


def test_junit_counts_what_it_holds() -> None:
    suite = ET.fromstring(FORMATS["junit"](lint()))  # noqa: S314 - our own text
    bad = [one for one in lint().findings if one.severity is not Severity.NOTE]
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure")) == len(bad)
    assert len(suite.findall("testcase/system-out")) == len(lint().findings) - len(bad) > 0
    clean = ET.fromstring(FORMATS["junit"](lint("groups: []\n")))  # noqa: S314
    assert clean.attrib["tests"] == "1"


@pytest.mark.parametrize("fail_on", ["error", "warning", "note", "never"])
@pytest.mark.parametrize("notes", [[], ["--notes"]])
def test_junit_fails_exactly_what_decides_the_exit_code(
    fail_on: str, notes: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES, encoding="utf-8")
    code = run(["lint", "--format", "junit", "--fail-on", fail_on, *notes, str(file)])
    suite = ET.fromstring(capsys.readouterr().out)  # noqa: S314 - our own text
    failed = suite.findall("testcase/failure")
    worse: dict[str, set[str]] = {"error": {"error"}, "warning": {"error", "warning"}, "never": set()}
    assert code == (1 if failed else 0)
    assert {one.attrib["type"] for one in failed} == worse.get(fail_on, {"error", "warning", "note"})
    assert int(suite.attrib["failures"]) == len(failed)
    assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
    assert bool(suite.findall("testcase/system-out")) == (fail_on != "note" and (fail_on != "warning" or bool(notes)))


def test_github_escapes_what_would_end_an_annotation() -> None:
    text = FORMATS["github"](lint_text("up{a=", "a,b:c%.promql", ".promql"))
    assert text.startswith("::error file=a%2Cb%3Ac%25.promql,line=1,col=")
    assert text.count("\n") == 1


def test_gitlab_fingerprints_differ() -> None:
    twice = RULES + RULES[RULES.index("      - alert") :].replace("PoolFull", "PoolFull2")
    data = json.loads(FORMATS["gitlab"](lint(twice)))
    assert len({one["fingerprint"] for one in data}) == len(data)


def test_a_template_in_a_link_is_shown_as_it_is_written() -> None:
    link = "https://g/d/a?var-job={{ $labels.job }}&to=now{{ with $labels.x }}"
    text = as_text(lint_text(_TWO.replace("BETWEEN", f'    annotations: {{summary: "{link}"}}'), "a.yaml", ".yaml"))
    assert "broken-template" in text
    assert f'    annotations: {{summary: "{link}"}}' in text


def test_a_comment_with_a_reason_allows_a_check_in_its_rule() -> None:
    comment = "      # regobs: allow ratio-compared-with-percent, label-not-in-result: shown in percent\n"
    allowed = lint(RULES.replace("      - alert", comment + "      - alert"))
    names = {one.check for one in allowed.findings}
    assert not names & {"ratio-compared-with-percent", "label-not-in-result", "unused-allowance"}
    assert "regex-under-equal" in names
    assert allowed.allowed == 2


_TWO = """\
groups:
- name: a
  rules:
  - alert: First
    expr: registry_gc_postpones_total > 1000
    labels: {severity: page}
BETWEEN
  - alert: Second
    expr: registry_gc_postpones_total > 2000
"""


@pytest.mark.parametrize(
    ("between", "left"),
    [
        ("  # regobs: allow raw-counter: nightly restarts", "First"),
        ("\n  # regobs: allow raw-counter: nightly restarts", "First"),
        ("# regobs: allow raw-counter: nightly restarts", "First"),
        ("  # regobs: allow raw-counter: nightly restarts\n  # and more about it", "First"),
        ("  # regobs: allow raw-counter: nightly restarts\n  # regobs: allow no-severity: of a test", "First"),
        ("    # regobs: allow raw-counter: nightly restarts", "Second"),
    ],
)
def test_a_comment_between_two_rules_belongs_to_the_one_that_it_is_indented_as(between: str, left: str) -> None:
    report = lint_text(_TWO.replace("BETWEEN", between), "a.yaml", ".yaml")
    assert [one.subject for one in report.findings if one.check == "raw-counter"] == [left]
    assert "unused-allowance" not in {one.check for one in report.findings}


@pytest.mark.parametrize(("below", "unused"), [("raw-counter", 0), ("rate-of-gauge", 1)])
def test_an_allowance_of_a_rule_is_used_below_one_of_the_whole_file(below: str, unused: int) -> None:
    text = _TWO.replace("BETWEEN", f"  # regobs: allow {below}: nightly restarts")
    report = lint_text(f"# regobs: allow raw-counter: restarts are rare\n{text}", "a.yaml", ".yaml")
    assert [one.check for one in report.findings].count("unused-allowance") == unused
    assert "raw-counter" not in {one.check for one in report.findings}
    assert report.allowed == 2


def test_a_comment_without_a_reason_allows_nothing() -> None:
    report = lint("# regobs: allow regex-under-equal\n" + RULES)
    assert {"bad-allowance", "regex-under-equal"} <= {one.check for one in report.findings}


def test_an_allowance_that_allows_nothing_is_reported() -> None:
    report = lint("# regobs: allow raw-counter: because\n" + RULES)
    assert "unused-allowance" in {one.check for one in report.findings}


def test_an_unknown_check_is_told_with_the_nearest() -> None:
    report = lint("# regobs: allow raw-conter: because\n" + RULES)
    one = next(one for one in report.findings if one.check == "bad-allowance")
    assert one.next_step == "did you mean raw-counter?"


def test_the_description_of_a_panel_allows_a_check() -> None:
    panel = {"id": 1, "type": "stat", "title": "t", "targets": [{"expr": "sum(rate(a_total[$__interval]))"}]}
    described = {**panel, "description": "Good: low.\nregobs: allow interval-in-rate: a recording of the past"}
    text = json.dumps({"title": "t", "panels": [panel | {"id": 2}, described]}, indent=1)
    report = lint_text(text, "a.json", ".json")
    assert [one.check for one in report.findings] == ["interval-in-rate"]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:\n  groups: [{name: a, rules: [RULE]}]\n",
        "namespace: a\ngroups: [{name: a, rules: [RULE]}]\n",
        "first: [{name: a, rules: [RULE]}]\nsecond: [{name: b, rules: []}]\n",
        "groups: []\n---\ngroups: [{name: a, rules: [RULE]}]\n",
        "kind: List\nitems: [{kind: PrometheusRule, spec: {groups: [{name: a, rules: [RULE]}]}}]\n",
    ],
)
def test_rules_are_read_in_every_dress(text: str) -> None:
    rule = "{record: 'a:b:c', expr: 'histogram_quantile(95, sum by (le) (rate(a_bucket[5m])))'}"
    assert [one.check for one in lint(text.replace("RULE", rule)).findings] == ["quantile-out-of-range"]


def test_old_rows_wrapped_boards_and_mixins_are_read() -> None:
    panel = {"id": 1, "type": "graph", "title": "t", "targets": [{"expr": "sum(rate(a_total[$__interval]))"}]}
    board = {"title": "t", "rows": [{"panels": [panel]}]}
    for data in (board, {"dashboard": board, "meta": {}}, {"grafanaDashboards": {"a.json": board}}):
        report = lint_text(json.dumps(data), "a.json", ".json")
        assert "interval-in-rate" in {one.check for one in report.findings}


def test_what_is_not_read_is_named() -> None:
    modern = json.dumps({"apiVersion": "dashboard.grafana.app/v2beta1", "spec": {"elements": {}}})
    assert lint_text(modern, "a.json", ".json").not_read
    logs = 'groups: [{name: a, rules: [{alert: B, expr: \'sum(rate({app="a"} |= "x" [5m])) > 1\'}]}]\n'
    assert lint(logs).not_read == [("rules.yaml", 1, "queries in LogQL")]
    assert lint("{{- if .Values.rules }}\na: b\n{{- end }}\n").not_read


def test_only_changed_lines_count_since_a_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    file = tmp_path / "rules.yaml"
    file.write_text(RULES.replace('code="5.."', 'code=~"5.."'), encoding="utf-8")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        subprocess.run([*git, *words], check=True)
    assert run(["lint", "--changed-since", "HEAD", "rules.yaml"]) == 0
    file.write_text(RULES, encoding="utf-8")
    assert run(["lint", "--changed-since", "HEAD", "rules.yaml"]) == 1
    assert run(["lint", "--changed-since", "nowhere", "rules.yaml"]) == 2


@pytest.mark.parametrize("paths", [[], ["-"]])
def test_standard_input_has_no_revision(paths: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "--changed-since", "HEAD", *paths]) == 2
    assert "standard input has no earlier revision" in capsys.readouterr().err


@pytest.mark.parametrize(("fail_on", "code"), [("error", 0), ("warning", 1), ("note", 1), ("never", 0)])
def test_the_exit_code_follows_fail_on(tmp_path: Path, fail_on: str, code: int) -> None:
    file = tmp_path / "a.promql"
    file.write_text('rate(a_total{code="5.."}[5m])', encoding="utf-8")
    assert run(["lint", "--fail-on", fail_on, str(file)]) == code


def test_a_query_is_read_from_standard_input() -> None:
    from regobs.cli.lint import lint as command

    answer = CliRunner().invoke(command, ["--format", "json"], input="sum(up) >", standalone_mode=False)
    assert [one["check"] for one in json.loads(answer.output)["findings"]] == ["syntax"]
    answer = CliRunner().invoke(command, ["--format", "json"], input=RULES, standalone_mode=False)
    assert json.loads(answer.output)["rules"] == 2


def test_a_directory_is_searched_and_a_missing_path_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.yml").write_text(RULES, encoding="utf-8")
    (tmp_path / ".hidden.yml").write_text("a: [", encoding="utf-8")
    assert lint_paths([tmp_path]).rules == 2
    assert run(["lint", str(tmp_path / "none")]) == 2


def test_a_group_whose_name_is_a_list_is_read() -> None:
    assert lint("groups: [{name: [a], rules: [{record: 'a:b:c', expr: up}]}]\n").rules == 1
