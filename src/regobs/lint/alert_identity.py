"""The check of labels that make another alert of an alert each time that it is evaluated."""

from __future__ import annotations

from collections.abc import Iterator

from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.subjects import LintedRule
from regobs.lint.templates import printed_values


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
