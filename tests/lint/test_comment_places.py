"""Where `regobs: allow` allows something: in comments and descriptions, never in texts that are shown or asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from regobs.lint import LintReport, lint_text
from tests.lint.cases import found

ALLOW = "regobs: allow raw-counter: each process starts again every night"
COUNTER = "registry_gc_postpones_total > 1000"


def rule(expr: str, summary: str = "Often", more: str = "") -> str:
    """A rule file with one alert; `more` stands behind its name."""
    return (
        f"groups:\n- name: a\n  rules:\n  - alert: A{more}\n    expr: {expr}\n"
        f"    labels: {{severity: page}}\n    annotations:\n      summary: {summary}\n      runbook_url: https://a/b\n"
    )


def allowed(report: LintReport) -> bool:
    """Whether the finding is allowed; where it is not, the words are no allowance at all."""
    names = found(report)
    assert "unused-allowance" not in names
    assert ("raw-counter" in names) is not bool(report.allowed)
    return bool(report.allowed)


TEXTS = {
    "in double quotes": rule(COUNTER, f'"Often # {ALLOW}"'),
    "in single quotes": rule(COUNTER, f"'Often # {ALLOW}'"),
    "in a block": rule(COUNTER, f"|\n        Often\n        # {ALLOW}"),
    "in a folded block": rule(COUNTER, f">-\n        Often\n\n        # {ALLOW}"),
    "in a plain text": rule(COUNTER, "Often#{}".format(ALLOW.replace(": ", ":"))),
    "in a tagged text": rule(COUNTER, f'!!str "# {ALLOW}"'),
    "in an anchored text": rule(COUNTER, f'&a "# {ALLOW}"'),
    "in a key": rule(COUNTER).replace("runbook_url", f'"# {ALLOW}"'),
    "in a matcher": rule(f"'registry_gc_postpones_total{{a!=\"# {ALLOW}\"}} > 1000'"),
    "in a matcher in other quotes": rule(f"\"registry_gc_postpones_total{{a!='# {ALLOW}'}} > 1000\""),
    "in a matcher of a block": rule(f"|\n      registry_gc_postpones_total{{a!=`# {ALLOW}`}} > 1000"),
    "as a value of another file": f'note: "# {ALLOW}"\n{rule(COUNTER)}',
}
COMMENTS = {
    "behind a value": rule(COUNTER, f"Often # {ALLOW}"),
    "behind a quoted value with a hash": rule(COUNTER, f'"Often # of it" # {ALLOW}'),
    "behind the sign of a block": rule(COUNTER, f"| # {ALLOW}\n        Often"),
    "behind a block, further out": rule(COUNTER, f"|\n        Often\n      # {ALLOW}"),
    "behind an anchor": rule(f"&a # {ALLOW}\n      {COUNTER}"),
    "behind other words": rule(COUNTER, f"Often # well: {ALLOW}"),
    "in a query of a block": rule(f"|\n      # {ALLOW}\n      {COUNTER}"),
    "in a query behind a text with a hash": rule(f"|\n      registry_gc_postpones_total{{a!='#'}} > 1 # {ALLOW}"),
    "in a query in quotes": rule(f'"{COUNTER} # {ALLOW}"'),
    "at the top": f"# {ALLOW}\n{rule(COUNTER)}",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_of_yaml_allows_nothing(text: str) -> None:
    assert not allowed(lint_text(text, "a.yaml", ".yaml"))


@pytest.mark.parametrize("text", COMMENTS.values(), ids=COMMENTS)
def test_a_comment_of_yaml_or_of_a_query_allows_a_finding(text: str) -> None:
    assert allowed(lint_text(text, "a.yaml", ".yaml"))


@pytest.mark.parametrize(("texts", "allows"), [(TEXTS, False), (COMMENTS, True)], ids=["texts", "comments"])
def test_the_same_holds_of_rules_in_a_config_map(texts: dict[str, str], allows: bool) -> None:
    for name, text in texts.items():
        if name not in {"as a value of another file", "in a key"}:
            inner = "".join(f"    {line}\n" for line in text.splitlines())
            whole = f"kind: ConfigMap\ndata:\n  rules.yaml: |\n{inner}"
            assert allowed(lint_text(whole, "a.yaml", ".yaml")) is allows, name


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
@pytest.mark.parametrize(
    ("panel", "more", "allows"),
    [
        ({"description": ALLOW}, {}, True),
        ({"description": f"Good: low.\n# {ALLOW}"}, {}, True),
        ({}, {"description": ALLOW}, True),
        ({}, {"tags": ["registry", ALLOW]}, True),
        ({"title": ALLOW}, {}, False),
        ({"options": {"content": ALLOW}}, {}, False),
        ({}, {"title": ALLOW}, False),
        ({}, {"annotations": {"list": [{"name": ALLOW}]}}, False),
        ({"targets": [{"refId": "A", "expr": f"{COUNTER} # {ALLOW}"}]}, {}, True),
        ({"targets": [{"refId": "A", "expr": COUNTER, "legendFormat": f"# {ALLOW}"}]}, {}, False),
    ],
)
def test_a_dashboard_allows_in_descriptions_tags_and_comments_of_queries(
    panel: dict[str, Any], more: dict[str, Any], allows: bool, suffix: str
) -> None:
    shown = {"id": 1, "type": "timeseries", "title": "t", "targets": [{"refId": "A", "expr": COUNTER}], **panel}
    text = json.dumps({"title": "t", "panels": [shown], **more}, indent=1)
    assert allowed(lint_text(text, f"a{suffix}", suffix)) is allows


@pytest.mark.parametrize(
    ("text", "allows"), [(f"{COUNTER} # {ALLOW}", True), (f'{COUNTER} or a{{b="{ALLOW}"}}', False)]
)
def test_a_bare_query_allows_in_its_comment(text: str, allows: bool) -> None:
    report = lint_text(text, "a.promql", ".promql")
    assert ("raw-counter" not in found(report)) is allows


def test_a_query_that_cannot_be_read_allows_in_its_comments_too() -> None:
    names = found(lint_text(f"sum( 'a # {ALLOW}", "a.promql", ".promql"))
    assert names == {"syntax"}
    assert found(lint_text("sum( # regobs: allow syntax: a template", "a.promql", ".promql")) == set()


def test_a_tag_allows_in_all_panels_of_a_dashboard_however_its_lines_are_broken() -> None:
    panels = [
        json.dumps({"id": number, "type": "stat", "title": str(number), "targets": [{"refId": "A", "expr": expr}]})
        for number, expr in ((1, "sum(rate(go_threads[5m]))"), (2, "sum(rate(go_goroutines[5m]))"))
    ]
    for between in ("", "\n"):
        tags = json.dumps(["regobs: allow rate-of-gauge: by tag"])
        head = f'{{"title":"S","tags":{tags},"panels":[{between}'
        report = lint_text(head + f",{between}".join(panels) + "]}", "a.json", ".json")
        assert "rate-of-gauge" not in {one.check for one in report.findings}
        assert report.allowed == 2
