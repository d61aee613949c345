"""Checks of rules: names, times, texts, twins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.named_shares import bare
from regobs.lint.rule_files import is_time, map_faults, unknown_fields
from regobs.lint.subjects import LintedQuery, LintedRule
from regobs.promql.durations import duration_text, read_duration
from regobs.promql.functions import GROWTH
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Duration, Paren, Selector, Subquery
from regobs.promql.printer import number_text
from regobs.promql.walk import selectors

_RECORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# The window that an operation names: `rate5m`, `error_ratio_1h`; `le_5s` and `slow_1m` are limits of something.
_GROWN = re.compile(r"[a-z_]*?(?:rate|increase|irate|delta)_?[0-9]")
_WINDOW = re.compile(
    r"(?:[a-z_]*?(?:rate|increase|irate|delta|ratio)|(?:[a-z]+_)?(?:share|avg|mean|sum|max|min|count|total|rps|ops)"
    r"|p[0-9]{2,3}|)_?([0-9]+(?:ms|[smhdw]))"
)
_PERCENTILE = re.compile(r"(?<![a-zA-Z0-9])p([1-9][0-9]{1,2})(?![0-9])")
_AGGREGATES = frozenset({"sum", "avg", "max", "min"})
_LEVELS = frozenset({"instance", "job", "pod", "route", "node", "namespace"})
# Counters of time, whose rate is a share of it.
_SHARE = re.compile(r"sec|time|_ms_|busy|duration|ratio")
_TEXTS = frozenset({"summary", "description", "message", "title", "dashboard", "runbook", "runbook_url"})
# Severities by which an alert only tells something, and asks nobody to act.
_TELLS = frozenset({"none", "info", "information", "informational", "notice", "debug", "ok", "null", "watchdog"})
_SEVERITIES = frozenset({"severity", "level", "priority", "urgency", "pager"})


@check("broken-rule", Severity.ERROR, CheckSubject.RULE)
def broken_rule(rule: LintedRule) -> Iterator[LintProblem]:
    """A rule lacks its expression, has a name, label or time that Prometheus refuses, or is an alert and a record.

    Also a field that no rule, group or file of rules has, a group without a name or rules, a time that is none, and
    annotations or `for` of a recording rule. A label that only Prometheus 3 takes, or `alertname`, which it overwrites,
    is a warning.

    Why: Prometheus refuses the whole file.

    Wrong:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          for: ten minutes
          labels: {severity: page}
          annotations: {summary: The pool is full}
    Right:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          for: 10m
          labels: {severity: page}
          annotations: {summary: The pool is full}
    """
    if rule.query is None:
        yield rule.problem((), f"the rule {rule.name} has no expression", "add expr")
    if not any(_is_name(rule.data.get(key)) for key in ("alert", "record")):
        yield rule.problem((), "a rule has neither alert nor record", "give it a name")
    if rule.data.get("alert") and rule.data.get("record"):
        yield rule.problem(("record",), "a rule is an alert or a record, this one is both", "make two of it")
    for key in ("for", "keep_firing_for"):
        value = rule.data.get(key)
        if value is not None and not is_time(value):
            yield rule.problem((key,), f"{value} is no duration", "write it like 10m")
        if value is not None and not rule.alerts and _ms(value) != 0:
            yield rule.problem((key,), f"a recording rule has no {key}", "remove it", key=True)
    if not rule.alerts and rule.name and not _RECORD.fullmatch(rule.name):
        yield rule.problem(("record",), f"{rule.name!r} is no name of a series", "use letters, digits, _ and :")
    yield from _own_labels(rule)
    yield from _fields(rule)
    for steps, what, step, of_key in map_faults(rule.data, strict="spec" in rule.path):
        yield rule.problem(steps, what, step, key=of_key)


def _is_name(value: object) -> bool:
    return value not in {None, ""} if not isinstance(value, dict | list) else False


def _own_labels(rule: LintedRule) -> Iterator[LintProblem]:
    """Labels that a rule cannot set."""
    for name in rule.texts("labels"):
        if name == "__name__":
            yield rule.problem(("labels", name), f"{name!r} is no label that a rule can set", "rename it", key=True)
        elif name == "alertname" and rule.alerts:
            what = "alertname is the name of the alert: Prometheus overwrites what the label says"
            yield rule.problem(("labels", name), what, "rename it", severity=Severity.WARNING, key=True)
        elif name and not _LABEL.fullmatch(name):
            what = f"{name!r} is no name of a label before Prometheus 3"
            step = "use letters, digits and _"
            yield rule.problem(("labels", name), what, step, severity=Severity.WARNING, key=True)


def _fields(rule: LintedRule) -> Iterator[LintProblem]:
    """Fields that no rule of this kind has, almost has, or whose group has a time that is none."""
    for name in rule.texts("annotations"):
        if name and not _LABEL.fullmatch(name):
            what, step = f"{name!r} is no name of an annotation before Prometheus 3", "use letters, digits and _"
            yield rule.problem(("annotations", name), what, step, severity=Severity.WARNING, key=True)
    if not rule.alerts and rule.data.get("annotations"):
        yield rule.problem(("annotations",), "a recording rule has no annotations", "remove them", key=True)
    for name, step in unknown_fields(rule.data):
        yield rule.problem((name,), f"a rule has no field {name}", step, key=True)
    every = rule.group.get("interval")
    if every is not None and rule.path[-1] == 0 and not is_time(every):
        place = rule.source.extent((*rule.path[:-2], "interval"))
        yield LintProblem(*place, f"{every} is no duration", "write it like 1m")


def _ms(value: object) -> int | None:
    found = read_duration(str(value)) if not str(value).startswith(("$", "-")) else None
    return found.ms if found else None


@check("no-severity", Severity.WARNING, CheckSubject.RULE)
def no_severity(rule: LintedRule) -> Iterator[LintProblem]:
    """An alert has no severity.

    Why: routes tell by it who is woken up; without one it ends in the catch-all receiver.

    Wrong:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          annotations: {summary: The pool is full}
    Right:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          labels: {severity: page}
          annotations: {summary: The pool is full}
    """
    group = rule.group.get("labels")
    given = set(rule.texts("labels")) | (set(group) if isinstance(group, dict) else set())
    if rule.alerts and not given & _SEVERITIES and rule.name not in {"Watchdog", "DeadMansSwitch"}:
        yield rule.problem(
            ("alert",),
            f"the alert {rule.name} has no severity",
            "add it to its labels",
            severity=Severity.NOTE if given else None,
        )


@check("no-text", Severity.WARNING, CheckSubject.RULE)
def no_text(rule: LintedRule) -> Iterator[LintProblem]:
    """An alert has no annotation that says what is wrong.

    Why: who is woken up reads only a name.

    Wrong:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          labels: {severity: page}
    Right:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          labels: {severity: page}
          annotations: {summary: The pool is full}
    """
    if rule.alerts and not rule.texts("annotations"):
        yield rule.problem(("alert",), f"the alert {rule.name} has no annotation", "add a summary and a description")


@check("no-runbook", Severity.NOTE, CheckSubject.RULE)
def no_runbook(rule: LintedRule) -> Iterator[LintProblem]:
    """An alert on which somebody is to act has no link to a runbook.

    Why: what to do has to be found out while the service is down.

    Wrong:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          labels: {severity: page}
          annotations: {summary: The pool is full}
    Right:
        - alert: PoolFull
          expr: avg(go_sql_dbstats_connections_in_use) > 10
          labels: {severity: page}
          annotations: {summary: The pool is full, runbook_url: "https://example.com/runbooks/PoolFull"}
    """
    texts = rule.texts("annotations")
    group = rule.group.get("labels")
    labels = {**(group if isinstance(group, dict) else {}), **rule.texts("labels")}
    severity = str(labels.get("severity") or "").strip().lower()
    if (
        rule.alerts
        and severity
        and severity not in _TELLS
        and texts
        and not any("runbook" in name or "runbook" in text for name, text in texts.items())
    ):
        yield rule.problem(("alert",), f"the alert {rule.name} has no runbook", "add runbook_url to its annotations")


@check("for-below-interval", Severity.WARNING, CheckSubject.RULE)
def for_below_interval(rule: LintedRule) -> Iterator[LintProblem]:
    """`for` is shorter than the interval at which the group is evaluated.

    Why: the alert waits a whole interval anyway, so it fires later than it says.

    Wrong:
        groups:
        - name: registry
          interval: 5m
          rules:
          - alert: PoolFull
            expr: avg(go_sql_dbstats_connections_in_use) > 10
            for: 1m
            labels: {severity: ticket}
            annotations: {summary: The pool is full}
    Right:
        groups:
        - name: registry
          interval: 1m
          rules:
          - alert: PoolFull
            expr: avg(go_sql_dbstats_connections_in_use) > 10
            for: 5m
            labels: {severity: ticket}
            annotations: {summary: The pool is full}
    """
    waits, every = _ms(rule.data.get("for")), _ms(rule.group.get("interval"))
    if waits and every and waits < every:
        shown = duration_text(Duration(every))
        yield rule.problem(("for",), f"the group is evaluated every {shown}", f"write at least {shown}, or no for")


@check("record-name", Severity.WARNING, CheckSubject.RULE)
def record_name(rule: LintedRule) -> Iterator[LintProblem]:
    """The name of a recorded series says another window than its expression has, or a ratio where nothing is divided.

    Why: who reads the name chooses the wrong series.

    Wrong:
        - record: job:http_requests:rate5m
          expr: sum by (job) (rate(http_requests_total[1m]))
        - record: job:http_requests:ratio1h
          expr: sum by (job) (rate(http_requests_total[5m]))
    Right:
        - record: job:http_requests:rate5m
          expr: sum by (job) (rate(http_requests_total[5m]))
    """
    if rule.alerts or rule.query is None or rule.query.expr is None or ":" not in rule.name:
        return
    operation = rule.name.rsplit(":", 1)[1]
    match = _WINDOW.fullmatch(operation)
    said = read_duration(match[1]) if match else None
    window = _only_window(rule.query, growth=_GROWN.match(operation) is not None)
    # A rule on every evaluation looks back a little further than its name says, to miss no scrape.
    if match and said is not None and window is not None and not said.ms / 2 < window.ms < said.ms * 2:
        shown = duration_text(window)
        yield rule.problem(
            ("record",), f"{rule.name} has a window of {shown}", "rename it, or change the window", word=match[1]
        )
    yield from _other_operation(rule, operation)
    if "ratio" in re.split(r"[_0-9]", operation) and _counts_only(rule.query):
        what = f"{rule.name} is no ratio: nothing is divided"
        yield rule.problem(("record",), what, "name it rate, or divide by the whole", word="ratio")


def _other_operation(rule: LintedRule, operation: str) -> Iterator[LintProblem]:
    """An operation in the name that is another one in the expression: max for avg, rate for increase, p99 for 0.9."""
    query = rule.query
    top = bare(query.expr) if query is not None and query.expr is not None else None
    if query is None or top is None:
        return
    if operation in _AGGREGATES and isinstance(top, Aggregate) and top.op in _AGGREGATES and top.op != operation:
        what = f"{rule.name} is named {operation} and is {top.op}"
        yield rule.problem(("record",), what, f"rename it, or write {operation}", word=operation)
    grown = {one.function for one in query.calls if one.function in GROWTH}
    plain = not query.binaries
    for said, other in (("rate", "increase"), ("increase", "rate")):
        if re.match(rf"{said}(?:_?[0-9]|$)", operation) and grown == {other} and plain:
            what = f"{rule.name} is named {said} and is {other}"
            yield rule.problem(("record",), what, f"rename it, or write {said}", word=said)
    asked = {literal(one.args[0]) for one in query.calls if one.function == "histogram_quantile"}
    named = {match[1] for match in _PERCENTILE.finditer(rule.name)}
    if len(asked) == len(named) == 1 and (number := asked.pop()) is not None:
        word = named.pop()
        if Decimal(f"0.{word}") != number:
            what = f"{rule.name} is named p{word} and is the quantile {number_text(number)}"
            yield rule.problem(("record",), what, "rename it, or change the quantile", word=f"p{word}")


def _only_window(query: LintedQuery, *, growth: bool) -> Duration | None:
    """The one range of a query, or with `growth` of its rates; None where there are several, or recorded ones."""
    if growth:
        grown = [one for one in query.calls if one.function in GROWTH]
        series = [one for call in grown for one in selectors(call) if ":" not in str(one.metric or "")]
    else:
        series = list(query.selectors)
        if any(isinstance(one, Subquery) or ":" in str(getattr(one, "metric", "") or "") for one in query.nodes):
            return None
    windows = {one.range for one in series if one.range is not None}
    window = next(iter(windows)) if len(windows) == 1 else None
    return window if window is not None and not window.macro else None


def _counts_only(query: LintedQuery) -> bool:
    """Whether a query surely is an amount: rates of counters of events, at most added up."""
    for node in query.nodes:
        if isinstance(node, Selector):
            name = str(node.metric or "")
            if ":" in name or not name.endswith(("_total", "_count")) or _SHARE.search(name) or node.range is None:
                return False
        elif isinstance(node, Call):
            if node.function not in GROWTH:
                return False
        elif isinstance(node, Aggregate):
            if node.op != "sum":
                return False
        elif not isinstance(node, Paren) and not (isinstance(node, Binary) and node.op in {"+", "or"}):
            return False
    return bool(query.selectors)


@check("record-level", Severity.NOTE, CheckSubject.RULE)
def record_level(rule: LintedRule) -> Iterator[LintProblem]:
    """The name of a recorded series says that it keeps a label that its expression drops.

    Why: a query that groups by that label gets one nameless line.

    Wrong:
        - record: instance:http_requests:rate5m
          expr: sum by (job) (rate(http_requests_total[5m]))
    Right:
        - record: job:http_requests:rate5m
          expr: sum by (job) (rate(http_requests_total[5m]))
    """
    if rule.alerts or rule.query is None or rule.query.expr is None or rule.name.count(":") != 2:
        return
    labels = rule.query.type.closed_labels
    levels = rule.name.split(":")[0].split("_")
    known = all(level in _LEVELS for level in levels)
    kept = {*(labels or ()), *rule.texts("labels")}
    lacking = next((level for level in levels if level not in kept), "")
    if labels is not None and known and lacking:
        what = f"{rule.name} has no label {lacking}"
        yield rule.problem(("record",), what, "rename it, or keep the label", word=lacking)


@check("record-without-level", Severity.NOTE, CheckSubject.RULE)
def record_without_level(rule: LintedRule) -> Iterator[LintProblem]:
    """The name of a recorded series has no colon.

    Why: a reader takes it for a metric that some process exposes, and looks for that process.

    Wrong:
        - record: request_rate
          expr: sum by (job) (rate(http_requests_total[5m]))
    Right:
        - record: job:http_requests:rate5m
          expr: sum by (job) (rate(http_requests_total[5m]))
    """
    if not rule.alerts and rule.name and ":" not in rule.name and _LABEL.fullmatch(rule.name):
        yield rule.problem(
            ("record",), f"{rule.name} looks like a metric of a process", "name it level:metric:operation"
        )
