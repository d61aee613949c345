"""Checks of labels that rules set: those that change with the value, and templates that see none of them."""

from __future__ import annotations

from collections.abc import Iterator

from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.labels import result_labels
from regobs.lint.subjects import LintedRule
from regobs.lint.template_syntax import without_comments
from regobs.lint.templates import LABEL_USE, printed_values


@check("value-in-label", Severity.WARNING, CheckSubject.RULE)
def value_in_label(rule: LintedRule) -> Iterator[LintProblem]:
    """A label of an alert holds its value, or another number that changes.

    A label that is chosen by the value, as with `{{ if gt $value 5.0 }}`, is left alone.

    Why: an alert is known by its labels: with each new value the old alert is resolved and another begins to wait for
    `for`, so that it never fires, or notifies each time.

    Wrong:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          labels: {severity: page, connections: "{{ $value }}"}
          annotations: {summary: The pool is full}
    Right:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          labels: {severity: page}
          annotations: {summary: "The pool is full: {{ $value }}"}
    """
    if not rule.alerts:
        return
    for name, text in rule.texts("labels").items():
        if word := next(printed_values(text), ""):
            what = f"the label {name} of {rule.name} changes with the value"
            yield rule.problem(("labels", name), what, "write it into an annotation", word=word.lstrip("| \t"))


@check("rule-label-in-template", Severity.WARNING, CheckSubject.RULE)
def rule_label_in_template(rule: LintedRule) -> Iterator[LintProblem]:
    """A template asks for a label that only the rule itself, or its group, sets.

    Why: templates see the labels of the expression's result, so an empty text stands in its place.

    Wrong:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          labels: {severity: page}
          annotations: {summary: "{{ $labels.severity }}: the pool is full"}
    Right:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          labels: {severity: page}
          annotations: {summary: "page: the pool is full"}
    """
    there = result_labels(rule.query)
    if not rule.alerts or there is None:
        return
    group = rule.group.get("labels")
    own = {str(name) for name in group} if isinstance(group, dict) else set()
    own |= rule.texts("labels").keys()
    for key in ("annotations", "labels"):
        for name, text in rule.texts(key).items():
            for match in LABEL_USE.finditer(without_comments(text)) if "query" not in text else ():
                label = match[1] or match[2]
                if label in own and label not in there:
                    what = f"{label} is set by the rule, and the expression of {rule.name} has none"
                    yield rule.problem((key, name), what, "write its value into the text", word=match[0])


@check("template-in-record", Severity.WARNING, CheckSubject.RULE)
def template_in_record(rule: LintedRule) -> Iterator[LintProblem]:
    """A label of a recording rule is a template.

    Why: only alerts have templates: the label is recorded as it is written, braces and all.

    Wrong:
        - record: job:up:sum
          expr: sum by (job) (up)
          labels: {source: "{{ $labels.job }}"}
    Right:
        - record: job:up:sum
          expr: label_replace(sum by (job) (up), "source", "$1", "job", "(.*)")
    """
    for name, text in rule.texts("labels").items() if not rule.alerts else ():
        if (start := text.find("{{")) >= 0 and "}}" in text[start:]:
            what = f"the label {name} of {rule.name} is recorded with its template"
            yield rule.problem(("labels", name), what, "write label_replace in the expression", word="{{")
