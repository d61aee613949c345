"""The check of what the variables of a dashboard ask: Grafana's own functions around a query.

Source: how Grafana's data source of Prometheus reads the query of a variable: `label_values`, `label_names`, `metrics`
and `query_result`, each from end to end; all else is sent as a selector of series.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from regobs.common.closest import closest
from regobs.documents import Steps
from regobs.grafana.classic import VARIABLE, of_other_source
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.lacked_labels import lacks_label
from regobs.lint.subjects import Json, LintedDashboard, LintedQuery
from regobs.promql.literals import regex_fault
from regobs.promql.nodes import Aggregate, Binary, Call, Selector
from regobs.promql.walk import strip_parens

FUNCTIONS = frozenset({"label_values", "label_names", "metrics", "query_result"})
_CALL = re.compile(r"\s*+([A-Za-z_]\w*+)\s*+\(")
_LABEL = re.compile(r"[a-zA-Z_$][\w$]*+")
_OF_METRICS = re.compile(r"(?:_total|_bucket|_count|_sum|_bytes|_seconds|_info)$")
# What a process writes on the series of one metric, and no deployment on its targets.
_OF_EVENTS = frozenset({"code", "method", "route", "handler"})


@check("variable-query", Severity.WARNING, CheckSubject.DASHBOARD)
def variable_query(board: LintedDashboard) -> Iterator[LintProblem]:
    """A variable asks for the values of a label that its metric lacks, or in a way that Grafana cannot read.

    That is a function that there is not or that is not closed, a label in quotes, a metric where a label belongs,
    labels of something computed, and a pattern that is no regular expression.

    Why: the list of its values stays empty, and with it every panel that uses it.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "text", "title": "$code"}], "templating": {"list": [
          {"name": "code", "type": "query", "query": "label_values(registry_http_in_flight_requests, code)"}]}}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "text", "title": "$code"}], "templating": {"list": [
          {"name": "code", "type": "query", "query": "label_values(registry_http_requests_total, code)"}]}}
    """
    variables = {str(one.get("name")): one for one in board.variables}
    for index, one in enumerate(board.variables):
        if one.get("type") != "query" or of_other_source(one.get("datasource"), variables):
            continue
        path, text = _asked(one)
        where: Steps = (*board.path, "templating", "list", index, *path)
        if text.strip():
            yield from _faults(board, where, text)


def _asked(variable: Json) -> tuple[Steps, str]:
    asked, steps = variable.get("query"), ("query",)
    if isinstance(asked, dict):
        return ("query", "query"), str(asked.get("query") or "") if isinstance(asked.get("query"), str) else ""
    return steps, asked if isinstance(asked, str) else ""


def _faults(board: LintedDashboard, path: Steps, text: str) -> Iterator[LintProblem]:
    call = _CALL.match(text)
    if call is None:
        return

    def problem(start: int, end: int, what: str, step: str) -> LintProblem:
        return LintProblem(*board.source.within(path, text, start, end), what, step)

    name, inside = call[1], text[call.end() :].rstrip()
    if name not in FUNCTIONS:
        if near := closest(name, FUNCTIONS, 1, 0.8):
            yield problem(*call.span(1), f"Grafana has no function {name}", f"did you mean {near[0]}?")
    elif not inside.endswith(")"):
        yield problem(*call.span(1), f"{name} is not closed", "write ) behind it")
    elif name == "metrics":
        pattern = inside[:-1].strip()
        fault = "" if VARIABLE.search(pattern) else regex_fault(pattern)
        if fault:
            yield problem(call.end(), len(text), f"{pattern!r} is no regular expression: {fault}", "correct it")
    elif name == "label_values":
        query, comma, label = inside[:-1].rpartition(",")
        at = text.index(inside) + len(query) + len(comma)
        place = at + len(label) - len(label.lstrip()), at + len(label.rstrip())
        yield from (problem(*place, *found) for found in _of_label(board, path, query.strip(), label.strip(), comma))


def _of_label(board: LintedDashboard, path: Steps, query: str, label: str, comma: str) -> Iterator[tuple[str, str]]:
    """What is wrong about the label whose values are asked for, and of which series."""
    asked = next((one for one in board.queries if one.path == path), None)
    top = strip_parens(asked.expr) if asked is not None and asked.expr is not None else None
    if comma and not query:
        yield "label_values asks for no series", "write label_values(metric, label), or only the label"
    elif label[:1] in {'"', "'"} and _LABEL.fullmatch(label[1:-1]):
        yield f"the label {label} stands in quotes", f"write {label[1:-1]}"
    elif not comma and _OF_METRICS.search(label) and "$" not in label:
        yield f"{label} is the name of a metric, not of a label", f"write label_values({label}, label)"
    elif asked is not None and isinstance(top, Aggregate | Binary | Call):
        yield "label_values asks for series, not for something computed", "write only the selector, or query_result"
    elif asked is not None and isinstance(top, Selector) and (step := _lacked(asked, top, label)):
        yield f"{top.metric} has no label {label}", step


def _lacked(query: LintedQuery, node: Selector, label: str) -> str:
    """What to do about a label that a series certainly lacks; nothing where it may have it."""
    entry = query.entry(node)
    if entry is None or "$" in label:
        return ""
    if label == "le":
        return "" if str(node.metric).endswith("_bucket") else "only the series _bucket of a histogram has it"
    if step := lacks_label(query, node, label):
        return step
    own = {one.exposed for form in query.context.forms(entry[0]) for one in form.labels}
    known = bool(query.context.forms(entry[0])) and label in _OF_EVENTS and label not in own
    return (f"it has {', '.join(sorted(own))}" if own else "it has no labels of its own") if known else ""
