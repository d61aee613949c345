"""What is more than lint reads is said in every format, with its line, and fails; what is just not more is judged."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.lint import LintReport, Severity, lint_text
from regobs.lint.report import FORMATS
from tests.lint.cases import alert, board, found, panel, query

_RATE = "rate(up[5m])"  # which is found wherever it is read
_RULES = json.dumps([{"record": "a:b:c", "expr": _RATE}])
_DIGITS = sys.get_int_max_str_digits()


def _nested(count: int) -> str:
    return "(" * (count - 2) + _RATE + ")" * (count - 2)  # rate( and [ are two more


def _sum(operators: int) -> str:
    return _RATE + " + a" * operators


def _rule(expr: str) -> LintReport:
    return lint_text(f"groups:\n- name: a\n  rules:\n  - record: a:b:c\n    expr: {expr}\n", "a.yaml", ".yaml")


def _number(digits: int, suffix: str) -> LintReport:
    text = f'{{"groups": [\n{{"name": "a", "limit": {"9" * digits}, "rules": {_RULES}}}]}}'
    return lint_text(text, f"a{suffix}", suffix)


def _deep(levels: int, suffix: str) -> LintReport:
    inner = "[" * levels + "]" * levels
    return lint_text(f'{{"groups": [{{"name": "a", "rules": {_RULES}}}],\n"more": {inner}}}', f"a{suffix}", suffix)


def _aliases(count: int) -> LintReport:
    rules = "groups: [{name: a, rules: [{record: 'a:b:c', expr: 'rate(up[5m])'}]}]\n"
    listed = ", ".join(["x"] * 1000)
    return lint_text(f"{rules}one: &one [{listed}]\nall: [{', '.join(['*one'] * count)}]\n", "a.yaml", ".yaml")


# what is read, what is not, and the line where that is said
LIMITS: dict[str, tuple[Callable[[], LintReport], Callable[[], LintReport], int]] = {
    "brackets": (lambda: query(_nested(50)), lambda: query(_nested(51)), 1),
    "operators": (lambda: query(_sum(100)), lambda: query(_sum(101)), 1),
    "operators of an alert": (lambda: alert(_sum(100)), lambda: alert(_sum(101)), 8),
    "operators of a rule": (lambda: _rule(_sum(100)), lambda: _rule(_sum(101)), 5),
    "operators of a panel": (lambda: panel(_sum(100)), lambda: panel(_sum(101)), 11),
    "digits of a number in JSON": (lambda: _number(_DIGITS, ".json"), lambda: _number(_DIGITS + 1, ".json"), 2),
    "digits of a number in YAML": (lambda: _number(_DIGITS, ".yaml"), lambda: _number(_DIGITS + 1, ".yaml"), 2),
    "depth of JSON": (lambda: _deep(100, ".json"), lambda: _deep(200_000, ".json"), 2),
    "depth of YAML": (lambda: _deep(100, ".yaml"), lambda: _deep(5_000, ".yaml"), 2),
    "values behind aliases": (lambda: _aliases(90), lambda: _aliases(110), 1),
}


@pytest.mark.parametrize(("read", "beyond", "line"), LIMITS.values(), ids=LIMITS)
def test_what_is_beyond_a_limit_is_an_error_at_its_line(
    read: Callable[[], LintReport], beyond: Callable[[], LintReport], line: int
) -> None:
    assert "rate-of-gauge" in found(read())
    assert "not-read" not in found(read())
    (one,) = [one for one in beyond().findings if one.check == "not-read"]
    assert (one.severity, one.line) == (Severity.ERROR, line)
    assert one.next_step


def test_a_query_with_variables_that_is_too_long_is_named_too() -> None:
    assert "not-read" in found(panel("$metric" + " + a" * 101))
    assert "not-read" not in found(panel("$metric" + " + a" * 100))


@pytest.mark.parametrize("shape", [*FORMATS, "text"])
def test_what_is_not_read_is_said_in_each_format_and_fails(
    shape: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(f"groups:\n- name: a\n  rules:\n  - record: a:b:c\n    expr: {_nested(51)}\n", encoding="utf-8")
    assert run(["lint", "--format", shape, str(file)]) == 1
    out = capsys.readouterr().out
    assert "not-read" in out
    assert "at most 50 open parentheses" in out
    assert "nothing found" not in out


@pytest.mark.parametrize("shape", [*FORMATS, "text"])
def test_what_lint_has_no_reader_for_is_said_in_each_format_with_its_line(
    shape: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: b\n---\nkind: ConfigMap\nbinaryData:\n  a.json.gz: AAAA\n", encoding="utf-8")
    assert run(["lint", "--format", shape, str(file)]) == 0
    out = capsys.readouterr().out
    places = {
        "text": ":5: not read",
        "json": '"line": 5',
        "sarif": '"startLine": 5',
        "junit": 'name="not read 5"',
        "github": "line=5,",
        "gitlab": '"begin": 5',
    }
    assert "binaryData" in out
    assert places[shape] in out


def test_a_pattern_that_could_take_long_is_named_and_one_of_few_repetitions_is_tried() -> None:
    def patterned(pattern: str, name: str = "registry_storage_cache_total") -> LintReport:
        return query(f'sum(rate({name}{{type=~"{pattern}"}}[5m]))')

    assert "not-read" in found(patterned("(H?i*t+)*(H?i*t+)*"))
    assert "not-read" not in found(patterned("Hi.*"))
    assert "not-read" not in found(patterned("(H?i*t+)*(H?i*t+)*", "a_total"))


def _rows(levels: int) -> LintReport:
    inner: dict[str, object] = {"id": 1, "type": "stat", "title": "P", "targets": [{"expr": _RATE}]}
    for number in range(levels):
        inner = {"id": 2 + number, "type": "row", "title": "r", "collapsed": True, "panels": [inner]}
    return board(inner)


@pytest.mark.parametrize("levels", [1, 6, 60])
def test_a_panel_is_read_however_many_rows_it_lies_in(levels: int) -> None:
    assert "rate-of-gauge" in found(_rows(levels))


@pytest.mark.parametrize("levels", [1, 20, 60])
def test_a_route_is_read_however_deep_it_lies(levels: int) -> None:
    route: dict[str, object] = {"receiver": "a", "matchers": ['alertname="Nothing"']}
    for _ in range(levels):
        route = {"receiver": "a", "routes": [route]}
    rule = {"alert": "A", "expr": "up == 0", "labels": {"severity": "page"}, "annotations": {"summary": "x"}}
    text = json.dumps({"groups": [{"name": "a", "rules": [rule]}], "route": route})
    assert "dead-route" in found(lint_text(text, "a.json", ".json"))


def test_a_sum_of_many_addends_is_judged_to_its_end() -> None:
    many = " + ".join(f"sum(rate(a{number}_total[5m]))" for number in range(40))
    twice = " + sum(rate(registry_http_requests_total[5m]))" * 2
    assert "double-counting" in found(query(many + twice))
    assert "double-counting" not in found(query(many))


def test_a_runbook_of_any_size_is_searched_for_its_heading(tmp_path: Path) -> None:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "A.md").write_text("x" * 2_000_000 + "\n## Check it\n", encoding="utf-8")
    for anchor, wrong in (("check-it", False), ("check-that", True)):
        texts = f"{{summary: x, runbook_url: 'https://example.com/runbooks/A.md#{anchor}'}}"
        rule = f"{{alert: A, expr: up == 0, labels: {{severity: page}}, annotations: {texts}}}"
        report = lint_text(f"groups: [{{name: a, rules: [{rule}]}}]\n", str(tmp_path / "a.yaml"), ".yaml")
        assert ("dead-runbook" in found(report)) is wrong


def test_a_chain_of_records_of_any_length_is_read() -> None:
    rules = [{"record": "a:b0:c", "expr": "sum(rate(a_total{code='5'}[5m])) / sum(rate(a_total[5m]))"}]
    rules += [{"record": f"a:b{at + 1}:c", "expr": f"a:b{at}:c"} for at in range(2000)]
    rules += [{"record": "a:x:c", "expr": "a:b2000:c > 50"}]
    rules += [{"record": "a:in:c", "expr": "a:circle:c"}, {"record": "a:circle:c", "expr": "a:in:c + 1 > 50"}]
    text = json.dumps({"groups": [{"name": "a", "rules": rules}]})
    whats = [one.subject for one in lint_text(text, "a.json", ".json").findings if one.check.startswith("ratio-")]
    assert whats == ["a:x:c"]
