"""Checks of labels on their way: through aggregations and joins into texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from regobs.catalog.model import Unit
from regobs.errors import PromqlError
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.named_shares import COMPARISONS, bare
from regobs.lint.selecting import lacks_label
from regobs.lint.subjects import LintedPanel, LintedQuery, LintedRule
from regobs.lint.templates import LABEL_USE, LEGEND_USE, faults, queries_of
from regobs.promql.functions import GROWTH, OVER_TIME
from regobs.promql.infer import is_share, literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, MatchOp, Selector
from regobs.promql.parse import parse
from regobs.promql.walk import selectors, strip_parens

_TARGETS = frozenset({"instance", "pod", "fqdn", "node"})
# A target is in one of each; `server` is what a postgres_exporter, of which there is one a server, calls that server.
_OF_A_TARGET = frozenset({"server", "cluster", "environment", "env", "stage", "region", "zone", "datacenter"})
# Panels that show a single value without the name of its series. Source: the panels' own settings in Grafana 12.
_NUMBERS = frozenset({"stat", "gauge", "singlestat"})
_OPS = frozenset({"+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">="})


@check("lost-label", Severity.WARNING)
def lost_label(query: LintedQuery) -> Iterator[LintProblem]:
    """A `by` list or `on()` names a label that an aggregation below it dropped.

    Why: the label is empty there: all series fall into one group, or no two sides match.

    Wrong:
        max by (pod) (sum by (cluster) (up))
    Right:
        max by (cluster) (sum by (cluster, pod) (up))
    """
    for node, problem in query.faults_by_node("lost-label"):
        yield replace(problem, severity=Severity.ERROR) if _on_one_side(query, node) else problem


def _on_one_side(query: LintedQuery, node: Expr) -> bool:
    """Whether `on()` names a label that one side dropped and the other kept: no pair matches then."""
    if not isinstance(node, Binary):
        return False
    labels = [query.parts.of(side).closed_labels for side in (node.left, node.right)]
    dropped = {name for name in node.on or () if any(side is not None and name not in side for side in labels)}
    return any(side is None or dropped & side for side in labels)


@check("sides-never-match", Severity.ERROR)
def sides_never_match(query: LintedQuery) -> Iterator[LintProblem]:
    """The two sides of an operator are grouped by different labels.

    Why: no pair has the same labels, so the result is always empty.

    Wrong:
        sum by (method) (rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m]))
    Right:
        sum by (method) (rate(http_errors_total[5m])) / on() group_left sum(rate(http_requests_total[5m]))
    """
    yield from query.faults("sides-never-match")
    for node in query.nodes:
        matched = isinstance(node, Binary) and node.op in _OPS and node.on is None and "le" not in (node.ignoring or ())
        if isinstance(node, Binary) and matched and {_has_le(node.left), _has_le(node.right)} == {True, False}:
            step = "leave le out with sum without (le), or write ignoring (le)"
            yield query.problem(node, "only one of the sides has le, so they never match", step, word=node.op)
        if isinstance(node, Binary) and (kept := _lacks_targets(query, node)) is not None:
            what = f"one side has {', '.join(sorted(kept)) or 'no label'}, the other job and instance too"
            yield query.problem(node, what, "write on() or on (...), or aggregate both alike", word=node.op)


def _lacks_targets(query: LintedQuery, node: Binary) -> frozenset[str] | None:
    """The labels of a side that lacks `instance`, where the other one is a series as it was scraped."""
    if node.op not in _OPS | {"and", "unless"} or node.on is not None or node.ignoring is not None or node.group:
        return None
    sides = [_decided(one) for one in (node.left, node.right)]
    for here, there in (sides, sides[::-1]):
        kept = query.parts.of(here).closed_labels if isinstance(here, Aggregate) else None
        while isinstance(there, Call) and there.function in GROWTH and there.args:
            there = bare(there.args[0])  # noqa: PLW2901 - the series below
        scraped = isinstance(there, Selector) and (there.metric == "up" or query.entry(there) is not None)
        if scraped and kept is not None and "instance" not in kept and not any(one.startswith("$") for one in kept):
            return kept
    return None


def _has_le(side: Expr) -> bool | None:
    """Whether a side certainly has the label `le`, or certainly has not; None where that is not known."""
    node = bare(side)
    if isinstance(node, Selector):
        name = str(node.metric or "")
        return True if name.endswith("_bucket") else False if name.endswith(("_count", "_sum")) else None
    if isinstance(node, Call) and node.function in GROWTH:
        return _has_le(node.args[0])
    if isinstance(node, Aggregate) and node.without and node.op in {"sum", "avg", "max", "min"}:
        return False if "le" in (node.labels or ()) else _has_le(node.expr)
    return None


@check("many-to-many", Severity.ERROR)
def many_to_many(query: LintedQuery) -> Iterator[LintProblem]:
    """Both sides may have several series for the labels that are matched.

    Why: the query fails as soon as there are two, most likely in the middle of an incident.

    Wrong:
        sum by (host, db) (connections) / on (host) sum by (host, pool) (max_connections)
    Right:
        sum by (host) (connections) / on (host) sum by (host) (max_connections)
    """
    for node in query.nodes:
        if not (isinstance(node, Binary) and node.op in _OPS) or is_share(node):
            continue
        if node.ignoring:
            yield from _many_ignored(query, node)
        if node.on is None:
            continue
        extra = [_extra(query, side, frozenset(node.on)) for side in (node.left, node.right)]
        if "$" in "".join(node.on):
            continue
        left, right = extra
        many_left, many_right = bool(left), bool(right)
        if node.group == "left":
            many_left = False
        if node.group == "right":
            many_right = False
        both = bool(left and right) and not node.group
        if both or ((many_left or many_right) and not _single(node)):
            shown = ", ".join(sorted(left if many_left else right))
            what = f"one side has several series for one {', '.join(node.on) or 'group'}: {shown} tells them apart"
            step = "aggregate that side, or use group_left or group_right"
            sure = None if both or _closed(query, node) else Severity.WARNING
            if (left if many_left else right) <= set(node.include):
                sure = Severity.NOTE  # a label that is taken over belongs to what it is matched by: a pod has one node
            yield query.problem(node, what, step, sure, word="on")


def _many_ignored(query: LintedQuery, node: Binary) -> Iterator[LintProblem]:
    """Sides that keep labels which `ignoring` leaves out: what they tell apart is several series for one pair."""
    labels = [query.parts.of(side).closed_labels for side in (node.left, node.right)]
    extra = [(found or frozenset()) & frozenset(node.ignoring or ()) for found in labels]
    if any(((found or frozenset()) - frozenset(node.ignoring or ())) & _TARGETS for found in labels):
        extra = [one - _TARGETS - _OF_A_TARGET for one in extra]  # one target has one of each
    many = [bool(extra[0]) and node.group != "left", bool(extra[1]) and node.group != "right"]
    if (all(extra) and all(many)) or (node.group and any(many)):
        shown = ", ".join(sorted(extra[0] if many[0] else extra[1]))
        what = f"one side has several series for one pair: {shown} tells them apart"
        yield query.problem(node, what, "aggregate that side, or use group_left or group_right", word="ignoring")


def _single(node: Binary) -> bool:
    """Whether a matcher may pick one series: what remains is not known then."""
    return any(one.matchers for one in selectors(node))


def _closed(query: LintedQuery, node: Binary) -> bool:
    return all(query.parts.of(side).closed_labels is not None for side in (node.left, node.right))


def _picks_one(side: Expr, on: frozenset[str]) -> bool:
    """Whether a side is written to have one series for each group: `topk by (a) (1, ...)`."""
    if not isinstance(side, Aggregate) or side.op not in {"topk", "bottomk", "limitk"} or side.param is None:
        return False
    return literal(side.param) == 1 and not side.without and set(side.labels or ()) <= on


def _extra(query: LintedQuery, side: Expr, on: frozenset[str]) -> frozenset[str]:
    """The labels that a side certainly has beside those of `on()`."""
    of = query.parts.of(side)
    if _picks_one(strip_parens(side), on) or of.labels is None or any(name.startswith("$") for name in of.labels):
        return frozenset()
    if of.closed_labels is None:
        entries = [query.entry(one) for one in selectors(side)]
        calls = any(isinstance(one, Aggregate) for one in (side, strip_parens(side)))
        if len(entries) != 1 or entries[0] is None or calls:
            return frozenset()
        metric = entries[0][0]
        if on & _TARGETS and metric.unit is Unit.INFO:
            return frozenset()  # a process has one series of it, whose labels tell nothing apart
        own = {label.exposed for form in metric.forms for label in form.labels}
    else:
        own = set(of.closed_labels)
    return frozenset(own) - on - (_OF_A_TARGET if on & _TARGETS else frozenset())


@check("label-not-in-result", Severity.WARNING, CheckSubject.RULE)
def label_not_in_result(rule: LintedRule) -> Iterator[LintProblem]:
    """A text of an alert names a label that its expression does not keep.

    Why: the notification says "in environment  stage " and nobody knows where to look.

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
    top = _decided(rule.query.expr) if rule.query is not None and rule.query.expr is not None else None
    absent = isinstance(top, Call) and top.function in _ABSENT
    own = set(rule.texts("labels")) | set(_mapping(rule.group.get("labels")))
    for key in ("annotations", "labels"):
        for name, text in rule.texts(key).items():
            for match in LABEL_USE.finditer(text):
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
                    what = f"{rule.name} has no label {label}"
                    yield rule.problem((key, name), what, step, word=match[0])


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def result_labels(query: LintedQuery | None) -> set[str] | None:
    """All labels that a result can have; None where that is not known."""
    if query is None or query.expr is None:
        return None
    top = _decided(query.expr)
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
    node = _decided(query.expr) if query is not None and query.expr is not None else None
    while isinstance(node, Call) and node.function in GROWTH | OVER_TIME and node.args:
        node = bare(node.args[-1])
    return isinstance(node, Selector) and bool(node.metric) and ":" not in str(node.metric)


def _decided(expr: Expr) -> Expr:
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
    node = _decided(query.expr) if query is not None and query.expr is not None else None
    while isinstance(node, Call) and node.function in GROWTH and node.args:
        node = bare(node.args[0])
    return lacks_label(query, node, label) if query is not None and isinstance(node, Selector) else ""


def dropped_labels(query: LintedQuery | None) -> frozenset[str]:
    """The labels that `without` takes from the result by name."""
    node = _decided(query.expr) if query is not None and query.expr is not None else None
    return frozenset(node.labels or ()) if isinstance(node, Aggregate) and node.without else frozenset()


_ABSENT = frozenset({"absent", "absent_over_time"})
SeriesLabels = Mapping[int, frozenset[str]]  # by the rule's `id`
_OF_TARGETS = frozenset({"job", "instance"})


def series_labels(rules: Iterable[LintedRule]) -> SeriesLabels:
    """The labels that the series below each expression have: those of their metrics, and those that a rule asks for."""
    queries = {id(rule): rule.query for rule in rules if rule.query is not None}
    asked: dict[str, set[str]] = {}
    for query in queries.values():
        for node in query.selectors:
            asked.setdefault(str(node.metric), set()).update(_asked(query, node))
    return {key: frozenset(_had(query, asked)) for key, query in queries.items()}


def _asked(query: LintedQuery, node: Selector) -> Iterator[str]:
    """The labels by which an expression selects or groups the series of a selector."""
    yield from (one.label for one in node.matchers if one.op is MatchOp.EQUAL and one.value)
    for above in query.above(node):
        if isinstance(above, Aggregate) and not above.without:
            yield from (label for label in above.labels or () if not label.startswith("$"))


def _had(query: LintedQuery, asked: Mapping[str, set[str]]) -> Iterator[str]:
    for node in query.selectors:
        entry = query.entry(node)
        for form in query.context.forms(entry[0]) if entry is not None else ():
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
        if not isinstance(legend, str):
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
                yield LintProblem(start, end, f"the query keeps no label {match[1]}", f"it keeps {kept}")


def _names_one_series(panel: LintedPanel) -> bool:
    """Whether a panel writes the name of a series beside its value where there is only one."""
    options = panel.data.get("options")
    mode = options.get("textMode") if isinstance(options, dict) else None
    return panel.kind not in _NUMBERS or str(mode) in {"name", "value_and_name"}
