"""What a running Prometheus knows about rules and dashboards: whether their series exist, how often alerts fire.

Only index look-ups and the queries themselves are sent, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import time
from typing import TYPE_CHECKING

from regobs.catalog.model import Kind
from regobs.common.closest import closest
from regobs.errors import EndpointError, QueryError
from regobs.lint.findings import CHECKS, CheckSubject, LintFinding, LintProblem, Severity, check
from regobs.lint.linted_files import LintedFile
from regobs.lint.sources import finding_of
from regobs.lint.subjects import LintedQuery, LintedRule
from regobs.promql.durations import read_duration
from regobs.promql.nodes import Call, Matcher, MatchOp, Selector
from regobs.promql.printer import to_text

if TYPE_CHECKING:  # loads requests, which only a run with a server needs
    from regobs.prometheus import Prometheus
    from regobs.prometheus.answers import RangeSeries

_DAY_SECONDS = 86_400
_MOST_POINTS = 10_000  # of one series in one answer; Prometheus refuses more than 11,000
# A tenth of what Prometheus loads for a query at most by default (--query.max-samples=50000000).
_COSTLY_SAMPLES = 5_000_000
_ABSENCE = frozenset({"absent", "absent_over_time"})
# What Prometheus writes itself while an alert is pending or firing. Source: prometheus.io, "Alerting rules".
_WHILE_ALERTING = frozenset({"ALERTS", "ALERTS_FOR_STATE"})
_COUNTING = frozenset({Kind.COUNTER, Kind.HISTOGRAM, Kind.SUMMARY})
_COUNTING_NAMES = ("_total", "_count", "_sum", "_bucket")
# Labels that tell where a series comes from: what one of them lacks does not come with the next event.
_WHERE = frozenset(
    {"job", "instance", "pod", "namespace", "service", "container", "node", "cluster", "environment", "env", "stage"}
    | {"region", "zone", "type", "tier", "shard", "fqdn", "host", "app", "endpoint"}
)


@dataclass
class LiveServer:
    """A server that is asked, what it said so far, and over how many days alerts are tried.

    `tried` and `quiet` count the alerts, and those of them that would not have fired.
    """

    client: Prometheus
    days: float = 7.0
    end: float = field(default_factory=time)
    tried: int = 0
    quiet: int = 0
    _names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _kept: dict[str, tuple[float, float] | None] = field(default_factory=dict)

    @property
    def span(self) -> float:
        """The seconds that alerts are tried over, where the server has as many."""
        return self.days * _DAY_SECONDS

    def history(self, rule: LintedRule | None = None) -> tuple[float, float]:
        """From when to when the server has data, within the days that are asked for.

        By `up`, which each target that a Prometheus scrapes has; where there is none, by the series of a rule.
        """
        found = self._with_data("up")
        for node in rule.query.selectors if rule is not None and rule.query is not None and found is None else ():
            inner = self._with_data(to_text(Selector(node.metric, matchers=node.matchers)))
            if inner is not None:
                found = (min(found[0], inner[0]), max(found[1], inner[1])) if found else inner
        return found or (self.end - self.span, self.end)

    def _with_data(self, selector: str) -> tuple[float, float] | None:
        if selector not in self._kept:
            step = max(60.0, self.span / _MOST_POINTS)
            answer = self.client.query_range(f"group({selector})", self.end - self.span, self.end, step)
            times = [at for series in answer.ranges for at, _ in series.points]
            # What one step holds is not told apart: so that a whole history is called whole.
            near = (times and times[0] - step < self.end - self.span, times and times[-1] + step > self.end)
            first = self.end - self.span if near[0] else min(times, default=0.0)
            self._kept[selector] = (first, self.end if near[1] else max(times)) if times else None
        return self._kept[selector]

    def names(self, selector: str) -> tuple[str, ...]:
        """The names of the series that a selector matches, at any time that the server still knows."""
        return self.values("__name__", selector)

    def values(self, label: str, selector: str = "") -> tuple[str, ...]:
        """The values of a label."""
        key = f"{label}\0{selector}"
        if key not in self._names:
            self._names[key] = self.client.label_values(label, selector or ())
        return self._names[key]


@dataclass(frozen=True, slots=True)
class AlertHistory:
    """How an alert would have behaved: how often it fired, for how long in all, in how many of the evaluations.

    `seconds_tried` is the time that the server has data of.
    """

    fired: int
    seconds: float
    share: float
    step: float
    seconds_tried: float


def live_findings(file: LintedFile, server: LiveServer) -> Iterator[LintFinding]:
    """What a server knows of a file. Raises ServerError for one that does not answer."""
    for query in file.all_queries():
        if query.expr is not None:
            for check_name, problem in _of_query(query, server):
                yield finding_of(CHECKS[check_name], query.source, problem, query.subject)
    for rule in file.rules:
        if rule.alerts and rule.query is not None and rule.query.expr is not None:
            server.tried += 1
            problems = list(would_fire(rule, server))
            server.quiet += not problems
            yield from (finding_of(CHECKS["live-would-fire"], rule.source, one, rule.name) for one in problems)


def _of_query(query: LintedQuery, server: LiveServer) -> Iterator[tuple[str, LintProblem]]:
    missing = False
    for node in query.selectors:
        for problem in no_series(query, node, server):
            missing = True
            yield "live-no-series", problem
        for problem in no_value(query, node, server):
            missing = True
            yield "live-no-value", problem
    if not missing and "$" not in query.text:
        yield from (("live-costly", problem) for problem in costly(query, server))


@check("live-no-series", Severity.WARNING, CheckSubject.LIVE)
def no_series(query: LintedQuery, node: Selector, server: LiveServer) -> Iterator[LintProblem]:
    """The server has no series of the name that is asked for.

    Why: the panel stays empty and the alert silent on this server.

    Wrong:
        node_lode1 > 4
    Right:
        node_load1 > 4
    """
    name = node.metric
    if not isinstance(name, str) or "$" in name or _asks_for_absence(query, node) or name in query.context.recorded:
        return
    if name not in _WHILE_ALERTING and not server.names(_braced(name, ())):
        near = closest(name, server.values("__name__"), 1, 0.85)
        step, severity = f"did you mean {near[0]}?" if near else "is it scraped?", None
        if (metric := query.metric(node)) and any(form.absent_until_observed for form in query.context.forms(metric)):
            step, severity = "is it scraped? It comes with the first event that it counts", Severity.NOTE
        yield query.problem(node, f"the server has no series {name}", step, severity, word=name)


@check("live-no-value", Severity.WARNING, CheckSubject.LIVE)
def no_value(query: LintedQuery, node: Selector, server: LiveServer) -> Iterator[LintProblem]:
    """The server has series of this name, and none that the matchers let through.

    It is a note where they choose a kind of event: none of that kind may have happened yet.

    Why: the panel stays empty and the alert silent on this server.

    Wrong:
        node_load1{job="nodes"} > 4
    Right:
        node_load1{job="node"} > 4
    """
    name = str(node.metric or "")
    matchers = [one for one in node.matchers if "$" not in one.value.rstrip("$")]
    if "$" in name or not matchers or _asks_for_absence(query, node) or name in query.context.recorded:
        return
    if (name and not server.names(_braced(name, ()))) or server.names(_braced(name, matchers)):
        return
    for one in matchers:
        alone = _braced(name, [one])
        if (name or one.op in {MatchOp.EQUAL, MatchOp.REGEX}) and not server.names(alone):
            values = server.values(one.label, _braced(name, ())) if name else server.values(one.label)
            near = closest(one.value, values, 3, 0.5) or list(values[:5])
            step = f"it is one of {', '.join(near)}" if near else f"no series of this name has a label {one.label}"
            what = f"the server has no {name} with {one.label}{one.op}{one.value!r}"
            yield query.problem(one, what, step, _of_events(query, node, [one]))
            return
    what = f"the server has no {name} that all matchers let through"
    yield query.problem(node, what, "remove one of the matchers", _of_events(query, node, matchers))


def _own_labels(query: LintedQuery, node: Selector) -> frozenset[str]:
    """The labels that a metric of the catalog has itself, where it counts events: a series comes with the first one."""
    metric = query.metric(node)
    if metric is None or metric.kind not in _COUNTING:
        return frozenset()
    return frozenset(label.exposed for form in metric.forms for label in form.labels) - {"le", "quantile"}


def _of_events(query: LintedQuery, node: Selector, matchers: Iterable[Matcher]) -> Severity | None:
    """A note where some of the matchers choose events that may not have happened yet."""
    labels = {one.label for one in matchers}
    if query.metric(node) is not None:
        late = labels & _own_labels(query, node)
    else:
        late = (labels - _WHERE) if str(node.metric or "").endswith(_COUNTING_NAMES) else set()
    return Severity.NOTE if late else None


def _asks_for_absence(query: LintedQuery, node: Selector) -> bool:
    """Whether the query asks that there be none, or asks for another where there is none."""
    above = list(query.above(node))
    return any(isinstance(one, Call) and one.function in _ABSENCE for one in above) or any(
        getattr(one, "op", "") in {"or", "unless"} for one in above
    )


def _braced(name: str, matchers: Iterable[Matcher]) -> str:
    listed = tuple(matchers)
    named = (Matcher("__name__", MatchOp.EQUAL, name), *listed) if name else listed
    return to_text(Selector(None, matchers=named))


@check("live-would-fire", Severity.NOTE, CheckSubject.LIVE)
def would_fire(rule: LintedRule, server: LiveServer) -> Iterator[LintProblem]:
    """How often an alert would have fired lately: a note, and a warning for one that would always have.

    Why: an alert that fires all the time is not read, and one that never did may not be able to.

    Wrong:
        - alert: Busy
          expr: node_load1 >= 0
          labels: {severity: page}
          annotations: {summary: Busy}
    Right:
        - alert: Busy
          expr: node_load1 > 1000
          labels: {severity: page}
          annotations: {summary: Busy}
    """
    try:
        history = alert_history(rule, server)
    except (QueryError, EndpointError) as fault:
        what = f"the server cannot try this alert: {fault.message}"
        yield rule.problem(("expr",), what, fault.expected or "correct the query", severity=Severity.WARNING)
        return
    if history is None or not history.fired:
        return
    # One that asks for no series is meant to fire all the time: whoever misses it learns that alerting is broken.
    always = history.share > 0.95 and bool(rule.query is not None and rule.query.selectors)
    told = "time" if history.fired == 1 else "times"
    lasted = _span(history.seconds)
    what = f"{rule.name} would have fired {history.fired} {told} in {tried_over(server, history)}, {lasted} in all"
    step = "it fires all the time: correct the threshold" if always else f"tried every {_span(history.step)}"
    yield rule.problem(("alert",), what, step, severity=Severity.WARNING if always else Severity.NOTE)


def tried_over(server: LiveServer, history: AlertHistory) -> str:
    """The time that an alert was tried over, as words: of a server with less history than that of its own."""
    days = f"{server.days:g} {'day' if server.days == 1 else 'days'}"
    if history.seconds_tried >= server.span:
        return days
    return f"the {span_text(history.seconds_tried)} of {days} that the server has"


def alert_history(rule: LintedRule, server: LiveServer) -> AlertHistory | None:
    """How an alert would have behaved, evaluated as often as its group is; None for one without a query."""
    if rule.query is None:
        return None
    first, last = server.history(rule)
    span = last - first
    interval = _seconds(rule.group.get("interval")) or 60.0
    step = max(interval, span / _MOST_POINTS)
    answer = server.client.query_range(rule.query.text, first, last, step)
    fired, firing, longest = 0, 0.0, 0.0
    for series in answer.ranges:
        times = _firing(series, step, _seconds(rule.data.get("for")) or 0.0)
        fired += len(times)
        firing += sum(times)
        longest = max(longest, sum(times))
    return AlertHistory(fired, firing, longest / span if span else 0.0, step, span)


def _firing(series: RangeSeries, step: float, waits: float) -> list[float]:
    """How long each firing of one series lasted, in seconds: what is there without a gap for longer than it waits."""
    found: list[float] = []
    begun = last = None
    for at, _ in series.points:
        if begun is None or last is None or at - last > 1.5 * step:
            found += _lasted(begun, last, waits, step)
            begun = at
        last = at
    return [*found, *_lasted(begun, last, waits, step)]


def _lasted(begun: float | None, last: float | None, waits: float, step: float) -> list[float]:
    if begun is None or last is None or last - begun < waits:
        return []
    return [last - begun - waits + step]


def _seconds(value: object) -> float | None:
    found = read_duration(str(value)) if value is not None and not str(value).startswith(("$", "-")) else None
    return found.ms / 1000 if found and not found.macro else None


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else span_text(seconds)


def span_text(seconds: float) -> str:
    """A time as words: less than a minute is not told apart, as points of a history are no closer."""
    if seconds < 60:
        return "less than a minute"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


@check("live-costly", Severity.WARNING, CheckSubject.LIVE)
def costly(query: LintedQuery, server: LiveServer) -> Iterator[LintProblem]:
    """One evaluation of a query loads millions of samples, or the server refuses it.

    Why: it is evaluated every minute, or for every viewer of the dashboard, and slows all others down.

    Wrong:
        count_over_time({__name__=~".+"}[30d])
    Right:
        count_over_time(up[1h])
    """
    try:
        answer = server.client.query(query.text, server.end, stats=True)
    except QueryError as fault:
        yield query.problem(query.nodes[0], f"the server refuses this query: {fault.message}", fault.expected or "")
        return
    samples = answer.stats.samples if answer.stats is not None else 0
    if samples and samples >= _COSTLY_SAMPLES:
        yield query.problem(
            query.nodes[0], f"one evaluation loads {samples:,} samples", "record a part of it, or shorten its window"
        )
