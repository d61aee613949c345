"""Checks of labels on their way: through aggregations and joins into texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from regobs.errors import PromqlError
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.lacked_labels import lacks_label
from regobs.lint.named_shares import COMPARISONS, bare
from regobs.lint.subjects import LintedPanel, LintedQuery, LintedRule
from regobs.lint.template_syntax import without_comments
from regobs.lint.templates import LABEL_USE, LEGEND_USE, faults, queries_of
from regobs.promql.functions import GROWTH, OVER_TIME
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, MatchOp, Selector
from regobs.promql.parse import parse

# Panels that show a single value without the name of its series. Source: the panels' own settings in Grafana 12.
_NUMBERS = frozenset({"stat", "gauge", "singlestat"})


@check("label-not-in-result", Severity.WARNING, CheckSubject.RULE)
def label_not_in_result(rule: LintedRule) -> Iterator[LintProblem]:
    """A text of an alert names a label that its expression does not keep.

    Why: an empty text stands in its place, so that the notification does not say where to look.

    Wrong:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          labels: {severity: page}
          annotations:
            summary: The pool of {{ $labels.environment }} is full
    Right:
        - alert: PoolFull
          expr: avg by (environment) (go_sql_dbstats_connections_in_use) > 10
          labels: {severity: page}
          annotations:
            summary: The pool of {{ $labels.environment }} is full
    """
    there, gone = result_labels(rule.query), dropped_labels(rule.query)
    if not rule.alerts:
        return
    top = decided(rule.query.expr) if rule.query is not None and rule.query.expr is not None else None
    absent = isinstance(top, Call) and top.function in _ABSENT
    own = set(rule.texts("labels")) | set(_mapping(rule.group.get("labels")))
    for key in ("annotations", "labels"):
        for name, text in rule.texts(key).items():
            for match in LABEL_USE.finditer(without_comments(text)):
                label = match[1] or match[2]
                asked = ".Labels" in match[0] and "query" in text  # those of another query's results
                lacks = label in gone if there is None else label not in there
                lost = _lacked(rule.query, label) if there is None and not lacks else ""
                if lost and label not in own and not asked:
                    what = f"the series of {rule.name} have no label {label}"
                    yield rule.problem((key, name), what, lost, word=match[0])
                elif lacks and label not in own and not asked:
                    kept = ", ".join(sorted(there or ())) or "no label"
                    kept = "all but those of without" if there is None else kept
                    step = f"add {label} to the by list; the expression keeps {kept}"
                    step = f"absent keeps {kept}: name it in a matcher, or leave it out" if absent else step
                    step = f"take {label} out of without" if there is None else step
                    step = "write the name: $labels has the labels of the series only" if label == "alertname" else step
                    what = f"{rule.name} has no label {label}"
                    yield rule.problem((key, name), what, step, word=match[0])


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def result_labels(query: LintedQuery | None) -> set[str] | None:
    """All labels that a result can have; None where that is not known."""
    if query is None or query.expr is None:
        return None
    top = decided(query.expr)
    if isinstance(top, Call) and top.function in _ABSENT:
        inner = bare(top.args[0])
        asked = inner.matchers if isinstance(inner, Selector) else ()
        return {one.label for one in asked if one.op is MatchOp.EQUAL and one.value}
    labels = query.type.possible_labels
    if labels is None or any(name.startswith("$") for name in labels):
        return None
    return set(labels)


def keeps_target(query: LintedQuery | None) -> bool:
    """Whether each result is a series that was scraped, as it is or over time: it has the labels of its target."""
    node = decided(query.expr) if query is not None and query.expr is not None else None
    while isinstance(node, Call) and node.function in GROWTH | OVER_TIME and node.args:
        node = bare(node.args[-1])
    return isinstance(node, Selector) and bool(node.metric) and ":" not in str(node.metric)


def decided(expr: Expr) -> Expr:
    """What is compared with a number, or kept by `and` and `unless`: the labels of the result are its."""
    node = bare(expr)
    while isinstance(node, Binary) and (node.op in {"and", "unless"} or (node.op in COMPARISONS and not node.group)):
        if node.op in COMPARISONS and literal(node.left) is not None:
            node = bare(node.right)
        elif node.op in {"and", "unless"} or literal(node.right) is not None:
            node = bare(node.left)
        else:
            break
    return node


def _lacked(query: LintedQuery | None, label: str) -> str:
    """What to do about a label that a series of the registry, which nothing aggregates, does not have."""
    node = decided(query.expr) if query is not None and query.expr is not None else None
    while isinstance(node, Call) and node.function in GROWTH and node.args:
        node = bare(node.args[0])
    return lacks_label(query, node, label) if query is not None and isinstance(node, Selector) else ""


def dropped_labels(query: LintedQuery | None) -> frozenset[str]:
    """The labels that `without` takes from the result by name."""
    node = decided(query.expr) if query is not None and query.expr is not None else None
    return frozenset(node.labels or ()) if isinstance(node, Aggregate) and node.without else frozenset()


_ABSENT = frozenset({"absent", "absent_over_time"})
SeriesLabels = Mapping[int, frozenset[str]]  # by the rule's `id`
_OF_TARGETS = frozenset({"job", "instance"})


def series_labels(rules: Iterable[LintedRule]) -> SeriesLabels:
    """The labels that the series below each expression have: those of their metrics, and those that a rule asks for."""
    queries = {id(rule): rule.query for rule in rules}
    asked: dict[str, set[str]] = {}
    for query in (one for one in queries.values() if one is not None):
        for node in query.selectors:
            asked.setdefault(str(node.metric), set()).update(_asked(query, node))
    # An alert without an expression has no series.
    return {key: frozenset(_had(query, asked) if query is not None else ()) for key, query in queries.items()}


def _asked(query: LintedQuery, node: Selector) -> Iterator[str]:
    """The labels by which an expression selects or groups the series of a selector."""
    yield from (one.label for one in node.matchers if one.op is MatchOp.EQUAL and one.value)
    for above in query.above(node):
        if isinstance(above, Aggregate) and not above.without:
            yield from (label for label in above.labels or () if not label.startswith("$"))


def _had(query: LintedQuery, asked: Mapping[str, set[str]]) -> Iterator[str]:
    for node in query.selectors:
        entry = query.entry(node)
        # Of every flavor: a label that only another one's registry has is no label of the server that sends the alert.
        for form in entry[0].forms if entry is not None else ():
            yield from (label.exposed for label in form.labels)
        yield from asked[str(node.metric)]
        yield from () if ":" in str(node.metric) else _OF_TARGETS


@check("broken-template", Severity.ERROR, CheckSubject.RULE)
def broken_template(rule: LintedRule) -> Iterator[LintProblem]:
    """A label or annotation is no valid template.

    Why: Prometheus sends the error text in place of the annotation, or refuses the file.

    Wrong:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          labels: {severity: page}
          annotations: {summary: "The pool holds {{ $valu }} connections"}
    Right:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          labels: {severity: page}
          annotations: {summary: "The pool holds {{ $value }} connections"}
    """
    for key in ("annotations", "labels"):
        for name, text in rule.texts(key).items():
            for word, what, step in faults(text):
                yield rule.problem((key, name), what, step, word=word)
            for asked in queries_of(text):
                try:
                    parse(asked)
                except PromqlError as fault:
                    if fault.check != "limit":
                        what = f"the query of this template is no PromQL: {fault.message}"
                        yield rule.problem((key, name), what, fault.next_step or "correct it", word=asked)


@check("legend-label", Severity.WARNING, CheckSubject.PANEL)
def legend_label(panel: LintedPanel) -> Iterator[LintProblem]:
    """A legend names a label that the query does not keep.

    Why: every line is called the same, or nothing.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "timeseries", "title": "Requests", "targets": [
          {"refId": "A", "expr": "sum by (code) (rate(http_requests_total[$__rate_interval]))",
           "legendFormat": "{{method}}"}]}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "timeseries", "title": "Requests", "targets": [
          {"refId": "A", "expr": "sum by (code) (rate(http_requests_total[$__rate_interval]))",
           "legendFormat": "{{code}}"}]}]}
    """
    for query in panel.queries:
        steps = query.path[len(panel.path) : -1]
        legend = panel.target(query).get("legendFormat")
        there, gone = result_labels(query), dropped_labels(query)
        if not isinstance(legend, str) or panel.target(query).get("format") == "table":  # a table has no legend
            continue
        if there is not None and not there and len(panel.queries) == 1 and not _names_one_series(panel):
            continue
        for match in LEGEND_USE.finditer(legend):
            if there is None and (absent := _lacked(query, match[1])):
                start, end = query.source.within((*panel.path, *steps, "legendFormat"), legend, *match.span())
                yield LintProblem(start, end, f"the series have no label {match[1]}", absent)
            elif match[1] in gone if there is None else match[1] not in there:
                start, end = query.source.within((*panel.path, *steps, "legendFormat"), legend, *match.span())
                kept = ", ".join(sorted(there or ())) or "no label"
                kept = "all but those of without" if there is None else kept
                # The columns of a table are most often named by its transformations.
                named = Severity.NOTE if panel.kind == "table" else None
                yield LintProblem(start, end, f"the query keeps no label {match[1]}", f"it keeps {kept}", named)


def _names_one_series(panel: LintedPanel) -> bool:
    """Whether a panel writes the name of a series beside its value where there is only one."""
    options = panel.data.get("options")
    mode = options.get("textMode") if isinstance(options, dict) else None
    return panel.kind not in _NUMBERS or str(mode) in {"name", "value_and_name"}
