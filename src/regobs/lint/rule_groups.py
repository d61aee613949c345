"""Checks of rules beside each other: twins, conflicts, groups, waits, tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from regobs.catalog.model import Exposer
from regobs.documents import Steps
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.linted_files import LintedFile
from regobs.lint.named_shares import COMPARISONS
from regobs.lint.subjects import LintedQuery, LintedRule
from regobs.promql.durations import duration_text, read_duration
from regobs.promql.functions import ABSENCE, GROWTH
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Duration, Expr, Matcher, Selector, Subquery
from regobs.promql.vocabulary import TARGET_LABELS
from regobs.promql.walk import rebuild, strip_parens

_EVENTS = frozenset({"increase", "changes", "resets"})


def _ms(value: object) -> int | None:
    found = read_duration(str(value)) if not str(value).startswith(("$", "-")) else None
    return found.ms if found else None


def _key(rule: LintedRule) -> tuple[object, ...]:
    given = rule.group.get("labels")
    of_group = {str(name): str(text) for name, text in given.items()} if isinstance(given, dict) else {}
    labels = tuple(sorted((of_group | rule.texts("labels")).items()))
    return (rule.alerts, rule.name, labels)


def _repeated(rules: list[LintedRule]) -> Iterator[tuple[LintedRule, LintedRule]]:
    """Of rules of one name and labels each that asks what an earlier one asks, with the first that does."""
    asked: dict[object, LintedRule] = {}
    for rule in rules:
        first = asked.setdefault(_expression(rule), rule)
        if first is not rule:
            yield rule, first


def _expression(rule: LintedRule) -> object:
    """What a rule asks, whatever blanks, parentheses and order of labels and matchers it is written with."""
    query = rule.query
    if query is None:
        return ""
    return _in_order(query.stripped) if query.stripped is not None else " ".join(query.text.split())


def _in_order(expr: Expr) -> Expr:
    """An expression without parentheses, with labels and matchers in order."""
    node = rebuild(expr, _in_order)
    if isinstance(node, Selector):
        return replace(node, matchers=tuple(sorted(node.matchers, key=lambda one: (one.label, one.op, one.value))))
    if isinstance(node, Aggregate) and node.labels:
        return replace(node, labels=tuple(sorted(node.labels)))
    return node


@check("duplicate-rule", Severity.WARNING, CheckSubject.RULES)
def duplicate_rule(file: LintedFile) -> Iterator[LintProblem]:
    """Two rules of a file are the same; two alerts also where they only wait differently, or say different texts.

    Why: of two records one overwrites the other's samples, and two alerts are one for Alertmanager: of name and labels.

    Wrong:
        - record: job:http_requests:rate5m
          expr: sum by (job) (rate(http_requests_total[5m]))
        - record: job:http_requests:rate5m
          expr: sum by (job) (rate(http_requests_total[5m]))
    Right:
        - record: job:http_requests:rate5m
          expr: sum by (job) (rate(http_requests_total[5m]))
        - record: job:http_errors:rate5m
          expr: sum by (job) (rate(http_errors_total[5m]))
    """
    named: dict[tuple[object, ...], list[LintedRule]] = {}
    for rule in file.rules:
        named.setdefault(_key(rule), []).append(rule)
    for rule, first in (pair for rules in named.values() if len(rules) > 1 for pair in _repeated(rules)):
        if rule.query is not None:
            line, _ = first.source.position(first.source.extent(first.path)[0])
            step: Steps = ("alert",) if rule.alerts else ("record",)
            waits = rule.alerts and str(rule.data.get("for")) != str(first.data.get("for"))
            what = f"{rule.name} is the same rule as in line {line}" + (" but for its wait" if waits else "")
            yield rule.problem(step, what, "remove one of the two" + (", or give it other labels" if waits else ""))


@check("duplicate-group", Severity.ERROR, CheckSubject.RULES)
def duplicate_group(file: LintedFile) -> Iterator[LintProblem]:
    """Two groups of a file have the same name, were they without rules.

    Why: Prometheus refuses the file.

    Wrong:
        groups:
        - name: registry
          rules: [{record: "a:b:sum", expr: sum(up)}]
        - name: registry
          rules: [{record: "a:c:sum", expr: sum(up) by (job)}]
    Right:
        groups:
        - name: registry
          rules: [{record: "a:b:sum", expr: sum(up)}]
        - name: registry-jobs
          rules: [{record: "a:c:sum", expr: sum(up) by (job)}]
    """
    seen: set[tuple[object, ...]] = set()
    for source, path, group in file.groups:
        name = group.get("name")
        key = (id(source), path[:-1], str(name))
        if key in seen and name not in (None, "") and not isinstance(name, dict | list):
            yield LintProblem(*source.extent((*path, "name")), f"a second group {name}", "rename one of the two")
        seen.add(key)


@check("same-for", Severity.NOTE, CheckSubject.RULES)
def same_for(file: LintedFile) -> Iterator[LintProblem]:
    """Alerts of very different windows wait equally long.

    Why: a wait that suits a window of five minutes is noise behind one of hours, or too slow the other way round.

    Beside:
        - alert: BurnFast
          expr: job:errors:ratio1h > 0.01 and job:errors:ratio5m > 0.01
          for: 2m
          labels: {severity: page, window: 1h}
          annotations: {summary: Fast}
    Wrong:
        - alert: BurnSlow
          expr: job:errors:ratio6h > 0.01 and job:errors:ratio30m > 0.01
          for: 2m
          labels: {severity: page, window: 6h}
          annotations: {summary: Slow}
    Right:
        - alert: BurnSlow
          expr: job:errors:ratio6h > 0.01 and job:errors:ratio30m > 0.01
          for: 10m
          labels: {severity: page, window: 6h}
          annotations: {summary: Slow}
    """
    waits: dict[object, list[tuple[int, LintedRule]]] = {}
    for rule in file.rules:
        if rule.alerts and rule.query is not None and rule.query.expr is not None and rule.data.get("for"):
            windows = _windows(rule)
            if len(windows) >= 2:
                waits.setdefault((str(rule.data["for"]), rule.path[:-2]), []).append((min(windows), rule))
    for found in waits.values():
        least = min(window for window, _ in found)
        for window, rule in found:
            if window >= 6 * least and window > 6 * (_ms(rule.data["for"]) or window):
                yield rule.problem(
                    ("for",), f"{rule.name} waits as little as the alert of the shortest window", "wait longer"
                )


def _windows(rule: LintedRule) -> set[int]:
    """The windows of an alert that looks at two of them, from its ranges or the names of recorded ratios, in ms."""
    found: set[int] = set()
    for node in rule.query.nodes if rule.query is not None else ():
        if isinstance(node, Selector):
            if node.range is not None and not node.range.macro:
                found.add(node.range.ms)
            match = re.search(r"_?([0-9]+[smhd])$", str(node.metric or ""))
            if match and (read := read_duration(match[1])):
                found.add(read.ms)
    return found


@check("conflicting-records", Severity.WARNING, CheckSubject.RULES)
def conflicting_records(file: LintedFile) -> Iterator[LintProblem]:
    """Two rules of a file record different values under one name and the same labels.

    Why: each evaluation writes both, and which of them a query sees is chance.

    Wrong:
        - record: fleet:http_requests:rate5m
          expr: sum(rate(http_requests_total[5m]))
        - record: fleet:http_requests:rate5m
          expr: sum(rate(http_requests_total{code!="404"}[5m]))
    Right:
        - record: fleet:http_requests:rate5m
          expr: sum(rate(http_requests_total[5m]))
        - record: fleet:http_requests_found:rate5m
          expr: sum(rate(http_requests_total{code!="404"}[5m]))
    """
    seen: dict[tuple[object, ...], LintedRule] = {}
    for rule in file.rules:
        query = rule.query
        if rule.alerts or query is None or query.expr is None:
            continue
        # Values without labels of their own are certain to meet, and those of the same series: others may differ.
        alone = query.type.closed_labels == frozenset() or query.type.value == "scalar"
        series = None if alone else _series(query)
        if not alone and series is None:
            continue
        first = seen.setdefault((_key(rule), series), rule)
        wider = None if alone else seen.setdefault((_key(rule), _read_series(query)), rule)
        if first is not rule and _expression(first) != _expression(rule):
            yield _conflict(rule, first)
        elif first is rule and wider is not None and wider is not rule and _one_holds_the_other(query, wider.query):
            yield _conflict(rule, wider)


def _conflict(rule: LintedRule, first: LintedRule) -> LintProblem:
    line, _ = first.source.position(first.source.extent(first.path)[0])
    return rule.problem(("record",), f"{rule.name} has another value in line {line}", "rename one of the two")


def _read_series(query: LintedQuery) -> tuple[object, ...]:
    """The names of what a query reads, whatever of it, and in which groups."""
    return (frozenset(one.metric for one in query.selectors), _groups_of(query))


def _groups_of(query: LintedQuery) -> frozenset[tuple[frozenset[str], bool]]:
    aggregates = list(query.aggregates)
    return frozenset((frozenset(one.labels or ()), one.without) for one in aggregates)


def _one_holds_the_other(query: LintedQuery, other: LintedQuery | None) -> bool:
    """Whether one of two queries reads a part of what the other reads, and adds it up under the same labels."""
    chosen = [_matchers(one) for one in (query, other)] if other is not None else []
    if len(chosen) != 2 or None in chosen:
        return False
    left, right = (one or {} for one in chosen)
    if not (all(left[name] <= right[name] for name in left) or all(right[name] <= left[name] for name in left)):
        return False
    extra = {one.label for name in left for one in left[name] ^ right[name]}
    groups = _groups_of(query)
    return bool(groups) and any(all((label in kept) is without for kept, without in groups) for label in extra)


def _matchers(query: LintedQuery) -> dict[object, frozenset[Matcher]] | None:
    """The matchers of each metric that a query reads; None where it reads one in two ways."""
    found: dict[object, frozenset[Matcher]] = {}
    for one in query.selectors:
        if found.setdefault(one.metric, frozenset(one.matchers)) != frozenset(one.matchers):
            return None
    return found


def _series(query: LintedQuery) -> object:
    """Of which series, in which groups, a query has a value each; None where some may have none, or other labels."""
    if any(_chooses(node) for node in query.nodes):
        return None
    groups = _groups_of(query)
    metrics = [query.metric(one) for one in query.selectors]
    # All processes of a registry expose all its metrics, so that their labels meet where the groups have no others.
    ours = all(one is not None and one.exposer is Exposer.REGISTRY for one in metrics)
    of_targets = all(labels <= TARGET_LABELS and not without for labels, without in groups)
    if metrics and ours and groups and of_targets and not any(one.matchers for one in query.selectors):
        return groups
    series = frozenset((one.metric, frozenset(one.matchers)) for one in query.selectors)
    return (series, groups) if series else None


def _chooses(node: Expr) -> bool:
    """Whether a part of a query leaves out some of its series, or changes their labels."""
    if isinstance(node, Aggregate):
        return node.op in {"topk", "bottomk", "count_values", "limitk", "limit_ratio"}
    if isinstance(node, Call):
        return node.function in {"label_replace", "label_join", *ABSENCE}
    matched = isinstance(node, Binary) and (node.on is not None or node.ignoring is not None or bool(node.group))
    return matched or (isinstance(node, Binary) and node.op in {"and", "or", "unless", *COMPARISONS})


@check("for-beyond-window", Severity.NOTE, CheckSubject.RULE)
def for_beyond_window(rule: LintedRule) -> Iterator[LintProblem]:
    """An alert on events in a window waits longer than the window.

    Why: one event is seen for as long as the window only, so it never fires for one, nor for those that come seldom.

    Wrong:
        - alert: ContainerKilled
          expr: increase(node_vmstat_oom_kill[5m]) > 0
          for: 10m
          labels: {severity: ticket}
          annotations: {summary: The kernel killed a container}
    Right:
        - alert: ContainerKilled
          expr: increase(node_vmstat_oom_kill[15m]) > 0
          labels: {severity: ticket}
          annotations: {summary: The kernel killed a container}
    """
    waits, query = _ms(rule.data.get("for")), rule.query
    top = query.stripped if query is not None and waits else None
    if query is None or not waits or not isinstance(top, Binary) or top.op != ">" or literal(top.right) != 0:
        return
    for node in query.calls:
        if not (node.function in _EVENTS and node.args):
            continue
        inner = strip_parens(node.args[0])
        window = inner.range if isinstance(inner, Selector) else None
        below = [one for one in query.above(node) if isinstance(one, Binary) and one.op in COMPARISONS]
        if window is not None and not window.macro and waits >= window.ms and below == [top]:
            shown = f"{node.function} over {duration_text(window)}"
            yield rule.problem(("for",), f"{shown} is awaited for {duration_text(Duration(waits))}", "widen the window")
            return


@check("window-below-interval", Severity.WARNING, CheckSubject.RULE)
def window_below_interval(rule: LintedRule) -> Iterator[LintProblem]:
    """A rule counts events in a window that is shorter than the time between two evaluations of its group.

    Why: what happens between the windows is in none of them: no alert tells it, no record counts it.

    Wrong:
        groups:
        - name: slow
          interval: 10m
          rules:
          - record: job:http_errors:increase5m
            expr: sum by (job) (increase(http_errors_total[5m]))
    Right:
        groups:
        - name: slow
          interval: 5m
          rules:
          - record: job:http_errors:increase5m
            expr: sum by (job) (increase(http_errors_total[5m]))
    """
    every, query = _ms(rule.group.get("interval")), rule.query
    if query is None or not every:
        return
    for node in query.calls:
        if not (node.function in GROWTH and node.args):
            continue
        inner = strip_parens(node.args[0])
        window = inner.range if isinstance(inner, Selector) else None
        if window is None or window.macro or window.ms >= every:
            continue
        if not any(isinstance(one, Subquery) for one in query.above(node)):
            shown = duration_text(window)
            what = f"a window of {shown} is looked at each {duration_text(Duration(every))}"
            yield query.problem(node, what, "widen the window, or evaluate the group as often", word=shown)
            return


@check("untested-alert", Severity.NOTE, CheckSubject.RULE)
def untested_alert(rule: LintedRule) -> Iterator[LintProblem]:
    """An alert that no test names, where tests of promtool for its file are linted beside it.

    Why: whether it fires, and only when it should, is found out in an incident.

    Beside:
        groups:
        - name: pool
          rules:
          - alert: PoolFull
            expr: avg(go_sql_dbstats_connections_in_use) > 10
            labels: {severity: ticket}
            annotations: {summary: The pool is full}
        ---
    Wrong:
        rule_files: [example.yaml]
        tests:
        - alert_rule_test: [{eval_time: 5m, alertname: PoolEmpty, exp_alerts: []}]
    Right:
        rule_files: [example.yaml]
        tests:
        - alert_rule_test: [{eval_time: 5m, alertname: PoolFull, exp_alerts: []}]
    """
    name = Path(rule.source.file).name
    tests = [words for pattern, words in rule.context.tested if fnmatch(name, pattern)]
    if rule.alerts and tests and not any(rule.name in words for words in tests):
        yield rule.problem(("alert",), f"no test names {rule.name}", "add one for either side of its threshold")
