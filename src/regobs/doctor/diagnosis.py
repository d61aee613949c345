"""Why a query has no data. Pure: everything it needs is in the facts."""

from __future__ import annotations

from math import isnan

from regobs.catalog.model import Exposer
from regobs.doctor import absent, removed
from regobs.doctor.facts import Deployment, ServerFacts
from regobs.doctor.verdict import Status, Verdict
from regobs.errors import PromqlError
from regobs.prometheus.answers import QueryAnswer
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Selector
from regobs.promql.printer import to_text
from regobs.promql.walk import children, ranges, selectors, walk

_COMPARISONS = {"==", "!=", ">", "<", ">=", "<="}
# Functions that answer something whether or not their argument has series.
_ALWAYS = {"absent", "absent_over_time", "vector", "time", "scalar", "pi"}
Known = dict[str, Verdict]  # of recorded series: a name has the rules of all SLOs, each of which reads several others


def judge(answer: QueryAnswer) -> Verdict | None:
    """The verdict on an answer that holds something; None for an empty one."""
    values = [sample.value for sample in answer.samples if sample.histogram is None]
    if any(sample.histogram is not None for sample in answer.samples):
        return Verdict(Status.DATA)
    if not values:
        return None
    numbers = [value for value in values if not isnan(value)]
    if not numbers:
        return Verdict(Status.QUIET, "no event in the window, so there is nothing to divide or to rank (NaN)")
    return Verdict(Status.DATA if any(numbers) else Status.ZERO)


def diagnose(facts: ServerFacts, deployment: Deployment, expr: Expr) -> Verdict:
    """Why this expression (bound, scoped, with real durations) gave no sample."""
    found = missing(facts, deployment, expr)
    if found is not None:
        return found
    sparse = next((node for node in ranges(expr) if to_text(node) in facts.sparse), None)
    if sparse is not None:
        every = "scrape interval" if isinstance(sparse, Selector) else "subquery step"
        return Verdict(
            Status.QUIET,
            f"fewer than two samples in the window of {to_text(sparse)}",
            f"wait two {every}s; if it stays, the window is shorter than twice the {every}",
        )
    if any(selector.offset is not None and selector.offset.ms > 0 for selector in selectors(expr)):
        return Verdict(Status.QUIET, "it looks back, and the server has no samples from that time", "wait")
    if any(isinstance(node, Binary) and node.op in _COMPARISONS and not node.bool for node in walk(expr)):
        return Verdict(Status.QUIET, "the series exist, but no value passes the comparison: no traffic in the window")
    return Verdict(
        Status.EMPTY,
        "every selector finds series, but the expression joins none of them",
        "compare the labels of its sides: something in the scrape adds a label to one of them only",
    )


def missing(facts: ServerFacts, deployment: Deployment, expr: Expr, known: Known | None = None) -> Verdict | None:
    """What keeps the expression from having series at all; None when its selectors find what they need.

    `known` has what was found out about recorded series, each of which is looked at once.
    """
    known = {} if known is None else known
    match expr:
        case Selector():
            return _selector(facts, deployment, expr, known)
        case Binary(op="or", left=left, right=right):
            first = missing(facts, deployment, left, known)
            second = missing(facts, deployment, right, known)
            return _milder(first, second) if first and second else None
        case Binary(op="unless", left=left):
            return missing(facts, deployment, left, known)
        case Call(function=function) if function in _ALWAYS:
            return None
        case Aggregate(expr=inner):
            return missing(facts, deployment, inner, known)
    verdict: Verdict | None = None
    for child in children(expr):
        found = missing(facts, deployment, child, known)
        verdict = _graver(verdict, found) if verdict and found else verdict or found
    return verdict


def _graver(first: Verdict, second: Verdict) -> Verdict:
    return second if second.status.failing and not first.status.failing else first


def _milder(first: Verdict, second: Verdict) -> Verdict:
    """Of two sides either of which is enough: nothing is wrong while one of them only waits."""
    return second if first.status.failing and not second.status.failing else first


def _selector(facts: ServerFacts, deployment: Deployment, selector: Selector, known: Known) -> Verdict | None:
    name = series_name(selector)
    if name is None:
        return None
    if name in facts.live:
        return removed.explain(facts, deployment, name, selector.matchers)
    metric = deployment.metric(name)
    if metric is None or metric.exposer is Exposer.RULES:
        return _recorded(facts, deployment, name, known)
    return absent.explain(facts, deployment, name, metric)


def series_name(selector: Selector) -> str | None:
    """The name that a bound selector asks for, also when it stands in a `__name__` matcher."""
    if isinstance(selector.metric, str):
        return selector.metric
    return next((item.value for item in selector.matchers if item.label == "__name__" and item.op.value == "="), None)


def _recorded(facts: ServerFacts, deployment: Deployment, name: str, known: Known) -> Verdict:
    """Why a recorded series is missing: its rule, or what its rule reads."""
    if name not in known:
        reason = f"the rule of {name} is evaluated, but gives no series yet: no traffic, or too young"
        known[name] = Verdict(Status.QUIET, reason)  # also for a rule that reads itself, by way of others or not
        known[name] = _of_rules(facts, deployment, name, known) or known[name]
    return known[name]


def _of_rules(facts: ServerFacts, deployment: Deployment, name: str, known: Known) -> Verdict | None:
    """What is wrong with the rules of a recorded series, or with what they read."""
    if ":" not in name and name not in (facts.rules or {}):
        reason = f"{name} is neither a metric of the catalog nor recorded by a loaded rule"
        return Verdict(Status.EMPTY, reason, "correct the name, or load the rule that records it")
    problem = absent.rule_problem(facts, name)
    if problem is not None:
        return problem
    for rule in (facts.rules or {}).get(name, ()):
        try:
            expr = deployment.parse(rule.query)
        except PromqlError:
            continue
        below = missing(facts, deployment, expr, known)
        if below is not None:
            return Verdict(
                below.status, f"{name} is recorded from series that are missing: {below.reason}", below.change
            )
    return None
