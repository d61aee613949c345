"""Checks of joins: labels that an aggregation dropped, sides that never match, several series for one pair."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from regobs.catalog.model import Unit
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.labels import decided
from regobs.lint.named_shares import bare
from regobs.lint.pinned import conflict, never_beside, pins
from regobs.lint.subjects import LintedQuery
from regobs.promql.functions import GROWTH
from regobs.promql.infer import literal
from regobs.promql.literals import regex_matches
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Matcher, MatchOp, Selector, String
from regobs.promql.shares import is_share
from regobs.promql.walk import selectors, strip_parens

_TARGETS = frozenset({"instance", "pod", "fqdn", "node"})
# A target is in one of each; `server` is what a postgres_exporter, of which there is one a server, calls that server.
_OF_A_TARGET = frozenset({"server", "cluster", "environment", "env", "stage", "region", "zone", "datacenter", "job"})
# A label whose value follows from another one: a pod is on one node.
_DETERMINED = {
    "fstype": frozenset({"device", "mountpoint"}),
    "uid": frozenset({"pod", "deployment", "namespace"}),
    "node": frozenset({"pod"}),
    "unit": frozenset({"resource"}),
}
_CHOOSES = frozenset({MatchOp.EQUAL, MatchOp.REGEX})
_OPS = frozenset({"+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">="})


@check("lost-label", Severity.WARNING)
def lost_label(query: LintedQuery) -> Iterator[LintProblem]:
    """A `by` list, `on()` or a matcher names a label that an aggregation below it dropped, or the rule that records it.

    Why: the label is empty there: all series fall into one group, no two sides match, or the matcher finds nothing.

    Wrong:
        max by (pod) (sum by (cluster) (up))
    Right:
        max by (cluster) (sum by (cluster, pod) (up))
    """
    for node, problem in query.faults_by_node("lost-label"):
        severity = Severity.ERROR if _on_one_side(query, node) else None
        severity = Severity.NOTE if _recorded_elsewhere(query, selectors(node)) else severity
        yield replace(problem, severity=severity)
    for node in query.aggregates:
        if not node.without:
            inner = bare(node.expr)
            dropped = set(inner.labels or ()) if isinstance(inner, Aggregate) and inner.without else set()
            for name in dropped & set(node.labels or ()):
                what = f"{name} is taken away by the aggregation below, and then asked for"
                yield query.problem(node, what, "remove it from one of the two", word=name)
    for series in query.selectors:
        yield from _not_recorded(query, series)


def _not_recorded(query: LintedQuery, node: Selector) -> Iterator[LintProblem]:
    """Matchers that ask for a value of a label which the rules of a recorded series dropped."""
    of = query.context.records.type(str(node.metric)) if ":" in str(node.metric) else None
    known = of.possible_labels if of is not None else None
    for one in node.matchers if known is not None else ():
        asks = bool(one.value) and one.op in _CHOOSES and not _may_be_empty(one)
        if asks and known is not None and one.label not in known | {"__name__"}:
            what = f"the rule that records {node.metric} keeps no label {one.label}"
            elsewhere = Severity.NOTE if _recorded_elsewhere(query, [node]) else None
            yield query.problem(one, what, "keep it there, or remove the matcher", elsewhere, word=one.label)


def _recorded_elsewhere(query: LintedQuery, series: Iterable[Selector]) -> bool:
    """Whether one of these is recorded by another file: on the way, federation or Thanos may add labels to it."""
    rules = (rule for one in series for rule in query.context.records.rules.get(str(one.metric), ()))
    return any(rule.source.file != query.source.file for rule in rules)


def _may_be_empty(matcher: Matcher) -> bool:
    if "$" in matcher.value.rstrip("$"):
        return True
    return matcher.op is MatchOp.REGEX and regex_matches(matcher.value, "") is not False


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
    for node in query.binaries:
        if id(node) in told or node.op not in _OPS | {"and", "unless"}:
            continue
        if any(query.parts.of(side).value == "scalar" for side in (node.left, node.right)):
            continue
        if (found := _never_matches(query, node)) is not None:
            yield query.problem(node, *found, _sure(query, node), node.op)


def _sure(query: LintedQuery, node: Binary) -> Severity | None:
    """A warning where one side may be a recorded series without labels, beside the time of day or `absent`."""
    sides = [decided(one) for one in (node.left, node.right)]
    for here, there in (sides, sides[::-1]):
        series = _ungrown(there)
        plain = isinstance(series, Selector) and not series.matchers and query.entry(series) is None
        if isinstance(here, Call) and plain and isinstance(series, Selector) and series.metric != "up":
            return Severity.WARNING if never_beside(node) is None and here.function not in GROWTH else None
    return None


def _never_matches(query: LintedQuery, node: Binary) -> tuple[str, str] | None:  # noqa: PLR0911 - one case a reason
    """Why the sides of an operator never match, and what to do; None where they may."""
    if node.op in _OPS and node.on is None and "le" not in (node.ignoring or ()) and _one_has_le(node):
        return "only one of the sides has le, so they never match", "leave le out with sum without (le)"
    if node.op != "unless" and (series := never_beside(node)) is not None:
        return f"{series.metric} is asked to be absent and to be there at once", "write unless, or leave one side out"
    if (kept := _lacks_targets(query, node)) is not None:
        what = f"one side has {', '.join(sorted(kept)) or 'no label'}, the other job and instance too"
        return what, "write on() or on (...), or aggregate both alike"
    if node.op == "unless":  # it keeps what has no match
        same = not node.on and _names(node.left) == _names(node.right)
        same = same and strip_parens(node.left) == strip_parens(node.right)
        return ("of the same on both sides nothing is left", "leave one side out") if same else None
    if (label := _without_on_one_side(node)) and label not in (node.ignoring or ()):
        what = f"one side drops {label}, the other keeps it, so they never match"
        return what, f"write ignoring ({label}) group_left, or aggregate both alike"
    if (found := conflict(node, query.parts, query.tree.pins)) is not None:
        rest = f"write ignoring ({found.label}), or on (...) without it" if node.on is None else "leave it out of on()"
        return f"{found}, so they never match", rest
    return None


def _names(side: Expr) -> list[object]:
    return [one.metric for one in selectors(side)]


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
        kept = query.parts.of(here).closed_labels if isinstance(here, Aggregate | Call) else None
        series = _ungrown(there)
        if not isinstance(series, Selector) or kept is None or "instance" in kept:
            continue
        inner = _ungrown(here.expr) if isinstance(here, Aggregate) else None
        again = isinstance(inner, Selector) and inner.metric == series.metric
        # Of the time of day, `vector` and `absent` there is one value, with hardly a label.
        again = (again or isinstance(here, Call)) and _as_scraped(query, series)
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
    for node in query.binaries:
        if node.op not in _OPS or is_share(node):
            continue
        if node.ignoring:
            yield from _many_ignored(query, node)
        if node.on is None or "$" in "".join(node.on):
            continue
        left, right = (_extra(query, side, frozenset(node.on)) for side in (node.left, node.right))
        many = (left if node.group != "left" else None) or (right if node.group != "right" else None)
        side = node.left if many is left else node.right
        both = bool(left and right) and not node.group
        if not many or (not both and query.parts.of(side).closed_labels is not None and _single(node)):
            continue
        # How many series there are of what a process exposes depends on the deployment.
        sure = None if _closed(query, node) and _has_all(query, side, many) else Severity.WARNING
        if many <= set(node.include):
            sure = Severity.NOTE  # a label that is taken over belongs to what it is matched by: a pod has one node
        what = f"one side has several series for one {', '.join(node.on) or 'group'}: {_shown(many)} tells them apart"
        yield query.problem(node, what, _ONE_EACH, sure, word="on")


_ONE_EACH = "aggregate that side, or use group_left or group_right"


def _single(node: Binary) -> bool:
    """Whether a matcher may pick one series of a group: what remains is not known then."""
    return any(one.matchers for one in selectors(node))


def _shown(labels: frozenset[str]) -> str:
    return ", ".join(sorted(labels))


def _many_ignored(query: LintedQuery, node: Binary) -> Iterator[LintProblem]:
    """Sides that keep labels which `ignoring` leaves out: what they tell apart is several series for one pair."""
    ignored = frozenset(node.ignoring or ())
    labels = [query.parts.of(side).closed_labels for side in (node.left, node.right)]
    extra = [(found or frozenset()) & ignored for found in labels]
    if any(((found or frozenset()) - ignored) & _TARGETS for found in labels):
        extra = [one - _TARGETS - _OF_A_TARGET for one in extra]  # one target has one of each
    many = [bool(extra[0]) and node.group != "left", bool(extra[1]) and node.group != "right"]
    what = "one side has several series for one pair: {} tells them apart"
    if (all(extra) and all(many)) or (node.group and any(many)):
        told = extra[0] if many[0] else extra[1]
        side = node.left if many[0] else node.right
        # A `by` list may name what the series do not have: those of an organization no id of its parts. With it on the
        # side of which there is one, whoever has seen a result knows that.
        unsure = Severity.NOTE if node.group else Severity.WARNING
        sure = _has_all(query, side, told)
        yield query.problem(node, what.format(_shown(told)), _ONE_EACH, None if sure else unsure, word="ignoring")
    elif found := _many_scraped(query, node, ignored):
        yield query.problem(node, what.format(_shown(found)), _ONE_EACH, Severity.WARNING, word="ignoring")


def _many_scraped(query: LintedQuery, node: Binary, ignored: frozenset[str]) -> frozenset[str]:
    """The ignored labels that tell series of a side apart as they were scraped.

    Of a series that is not known it is certain where the other side, of the same name, chooses by the label.
    """
    sides = [_ungrown(side) for side in (node.left, node.right)]
    for side, other, group in ((sides[0], sides[1], "left"), (sides[1], sides[0], "right")):
        if not isinstance(side, Selector) or not isinstance(other, Selector) or node.group == group:
            continue
        own = _own_labels(query, side) or frozenset()
        if side.metric and side.metric == other.metric:
            own |= {one.label for one in other.matchers if one.op in _CHOOSES and one.value}
        pinned = {label for label, asked in pins(side).items() if any(map(_picks_value, asked))}
        if found := (own & ignored) - pinned - _TARGETS:
            return found
    return frozenset()


def _has_all(query: LintedQuery, side: Expr, labels: frozenset[str]) -> bool:
    """Whether the series of a side have these labels; a `by` list may also name what they do not have."""
    return all(labels <= (_own_labels(query, one) or frozenset()) for one in selectors(side))


def _own_labels(query: LintedQuery, series: Selector) -> frozenset[str] | None:
    """The labels that every registry in question, or other process of the catalog, gives to a series."""
    entry = query.entry(series)
    if entry is None:
        return None
    forms = [{label.exposed for label in form.labels} for form in query.context.forms(entry[0])]
    return frozenset(set.intersection(*forms)) if forms else frozenset()


def _picks_value(matcher: Matcher) -> bool:
    """Whether a matcher lets one value through, as far as its text says."""
    plain = matcher.op is MatchOp.REGEX and not re.search(r"[.*+?|\[(\\]", matcher.value)
    return matcher.op is MatchOp.EQUAL or plain or "$" in matcher.value


def _closed(query: LintedQuery, node: Binary) -> bool:
    return all(query.parts.of(side).closed_labels is not None for side in (node.left, node.right))


def _picks_one(side: Expr, on: frozenset[str]) -> bool:
    """Whether a side has one series for each group, as `topk by (a) (1, ...)` and `absent(x)` do."""
    if isinstance(side, Call) and side.function in {"absent", "absent_over_time", "vector"}:
        return True
    if not isinstance(side, Aggregate) or side.op not in {"topk", "bottomk", "limitk"} or side.param is None:
        return False
    return literal(side.param) == 1 and not side.without and set(side.labels or ()) <= on


def _extra(query: LintedQuery, side: Expr, on: frozenset[str]) -> frozenset[str]:
    """The labels beside those of `on()` that certainly tell series of a side apart."""
    of = query.parts.of(side)
    if _picks_one(strip_parens(side), on) or of.labels is None or any(name.startswith("$") for name in of.labels):
        return frozenset()
    asked = pins(side)
    own, told = of.closed_labels, set[str]()
    if own is None:
        if isinstance(strip_parens(side), Aggregate) or (own := _of_scraped(query, side, on)) is None:
            return frozenset()
        if any(map(_picks_value, (one for label in own for one in asked.get(label, ())))):
            return frozenset()  # say a mount point, of which there is one
        told = {label for label, by in _DETERMINED.items() if by & (on | set(asked))}
    told |= _copied(side, on)
    pinned = {label for label, matchers in asked.items() if any(map(_picks_value, matchers))}
    return own - on - pinned - told - (_OF_A_TARGET if on & _TARGETS else frozenset())


def _copied(side: Expr, on: frozenset[str]) -> frozenset[str]:
    """The labels that a label_replace copies into one of `on()`: where that is equal, so is what it is a copy of."""
    node, written, copies = strip_parens(side), set[str](), list[set[str]]()
    while isinstance(node, Call) and node.function == "label_replace" and len(node.args) == 5:
        target, replacement, source, pattern = (one.value if isinstance(one, String) else "" for one in node.args[1:])
        # What a function above it writes again is no longer the copy, or no longer the source.
        if replacement in {"$1", "${1}"} and pattern in {"(.*)", "(.+)"} and not {target, source} & written:
            copies.append({target, source})
        written.add(target)
        node = strip_parens(node.args[0])
    told = set(on)
    for _ in copies:  # one may be the copy of another one
        told = told.union(*(pair for pair in copies if pair & told))
    return frozenset(told - on)


def _of_scraped(query: LintedQuery, side: Expr, on: frozenset[str]) -> frozenset[str] | None:
    """The labels of the one series that a side reads; None where it is not known, or nothing is told apart by them."""
    series = list(selectors(side))
    metric = query.metric(series[0]) if len(series) == 1 else None
    if metric is None or (on & _TARGETS and metric.unit is Unit.INFO):
        return None  # a process has one series of it, whose labels tell nothing apart
    return _own_labels(query, series[0])
