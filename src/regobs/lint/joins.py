"""Checks of joins: labels that an aggregation dropped, sides that never match, several series for one pair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from regobs.catalog.model import Unit
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.labels import decided
from regobs.lint.named_shares import bare
from regobs.lint.pinned import conflict, never_beside
from regobs.lint.subjects import LintedQuery
from regobs.promql.functions import GROWTH
from regobs.promql.infer import is_share, literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, MatchOp, Selector
from regobs.promql.walk import selectors, strip_parens

_TARGETS = frozenset({"instance", "pod", "fqdn", "node"})
# A target is in one of each; `server` is what a postgres_exporter, of which there is one a server, calls that server.
_OF_A_TARGET = frozenset({"server", "cluster", "environment", "env", "stage", "region", "zone", "datacenter"})
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
    """The two sides of an operator are grouped by different labels, or ask for different values of one.

    Also a series that is asked to be absent and to be there at once.

    Why: no pair has the same labels, so the result is always empty.

    Wrong:
        sum by (method) (rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m]))
        rate(http_requests_total{code="500"}[5m]) / rate(http_requests_total{code="200"}[5m])
        up{job="registry"} == 0 and up{job="database"} == 0
        absent(up{job="registry"}) and up{job="registry"}
    Right:
        sum by (method) (rate(http_errors_total[5m])) / on() group_left sum(rate(http_requests_total[5m]))
    """
    told = {id(node) for node, _ in query.faults_by_node("sides-never-match")}
    yield from query.faults("sides-never-match")
    for node in query.nodes:
        if not isinstance(node, Binary) or id(node) in told or node.op not in _OPS | {"and", "unless"}:
            continue
        if any(query.parts.of(side).value == "scalar" for side in (node.left, node.right)):
            continue
        if (found := _never_matches(query, node)) is not None:
            yield query.problem(node, *found, word=node.op)


def _never_matches(query: LintedQuery, node: Binary) -> tuple[str, str] | None:  # noqa: PLR0911 - one case a reason
    """Why the sides of an operator never match, and what to do; None where they may."""
    if node.op in _OPS and node.on is None and "le" not in (node.ignoring or ()) and _one_has_le(node):
        return "only one of the sides has le, so they never match", "leave le out with sum without (le)"
    if (kept := _lacks_targets(query, node)) is not None:
        what = f"one side has {', '.join(sorted(kept)) or 'no label'}, the other job and instance too"
        return what, "write on() or on (...), or aggregate both alike"
    if node.op == "unless":
        return None  # it keeps what has no match
    if (label := _without_on_one_side(node)) and label not in (node.ignoring or ()):
        what = f"one side drops {label}, the other keeps it, so they never match"
        return what, f"write ignoring ({label}) group_left, or aggregate both alike"
    if (series := never_beside(node)) is not None:
        return f"{series.metric} is asked to be absent and to be there at once", "write unless, or leave one side out"
    if (found := conflict(node, query.parts)) is not None:
        rest = f"write ignoring ({found.label}), or on (...) without it" if node.on is None else "leave it out of on()"
        return f"{found}, so they never match", rest
    return None


def _without_on_one_side(node: Binary) -> str:
    """The label that `without` takes from one side, where the other side is the same series as it was scraped."""
    if node.on is not None or node.group:
        return ""
    sides = [decided(one) for one in (node.left, node.right)]
    for here, there in (sides, sides[::-1]):
        inner = _ungrown(here.expr) if isinstance(here, Aggregate) and here.without else None
        other = _ungrown(there)
        if isinstance(inner, Selector) and isinstance(other, Selector) and isinstance(here, Aggregate):
            chosen = {one.label for one in other.matchers if one.op is MatchOp.EQUAL and not one.value}
            left = [one for one in here.labels or () if one not in chosen and not one.startswith("$")]
            if inner.metric and inner.metric == other.metric and left:
                return next((one for one in left if one not in (node.ignoring or ())), "")
    return ""


def _ungrown(node: Expr) -> Expr:
    """What a rate is taken of."""
    inner = bare(node)
    while isinstance(inner, Call) and inner.function in GROWTH and inner.args:
        inner = bare(inner.args[0])
    return inner


def _lacks_targets(query: LintedQuery, node: Binary) -> frozenset[str] | None:
    """The labels of a side that lacks `instance`, where the other one is a series as it was scraped."""
    if node.op not in _OPS | {"and", "unless"} or node.on is not None or node.ignoring is not None or node.group:
        return None
    sides = [decided(one) for one in (node.left, node.right)]
    for here, there in (sides, sides[::-1]):
        kept = query.parts.of(here).closed_labels if isinstance(here, Aggregate) else None
        series = _ungrown(there)
        if not isinstance(series, Selector) or kept is None or "instance" in kept or not isinstance(here, Aggregate):
            continue
        inner = _ungrown(here.expr)
        again = isinstance(inner, Selector) and inner.metric == series.metric and _as_scraped(query, series)
        scraped = series.metric == "up" or query.entry(series) is not None or again
        if scraped and not any(one.startswith("$") for one in kept):
            return kept
    return None


def _as_scraped(query: LintedQuery, series: Selector) -> bool:
    """Whether a series is none that a rule records, as far as its name tells."""
    name = str(series.metric or "")
    return bool(name) and ":" not in name and name not in query.context.recorded


def _one_has_le(node: Binary) -> bool:
    return {_has_le(node.left), _has_le(node.right)} == {True, False}


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
