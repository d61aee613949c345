"""Checks of additions: what is added up counts the same events twice.

Only `+` and `sum` count. `a or b` takes of two series with the same labels the first, and where the labels differ two
registries are meant, so it counts nothing twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from regobs.catalog import http, logs, notifications, storage
from regobs.catalog.model import Flavor, Kind, Metric
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.matchers import excludes
from regobs.lint.named_shares import bare
from regobs.lint.subjects import LintedQuery
from regobs.lint.wholes import PARTS_OF_COUNTS
from regobs.promql.functions import GROWTH
from regobs.promql.infer import literal
from regobs.promql.literals import regex_matches
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Matcher, MatchOp, Paren, Selector


@check("double-counting", Severity.WARNING)
def double_counting(query: LintedQuery) -> Iterator[LintProblem]:
    """A sum counts the same events twice.

    Why: the total is up to twice as high as what happened.

    Wrong:
        sum(rate(registry_gc_deletes_total[5m]))
        sum(rate(registry_storage_cache_total[5m]))
        sum(rate(registry_http_requests_total[5m])) + sum(rate(registry_http_request_duration_seconds_count[5m]))
        sum(rate(registry_http_requests_total[5m])) + sum(rate(registry_http_requests_total{handler="manifest"}[5m]))
        sum(rate({__name__=~"registry_storage_cache_(requests|hits)_total"}[5m]))
        sum(rate(registry_gc_runs_total{noop="false"}[5m])) + sum(rate(registry_gc_runs_total{error="true"}[5m]))
    Right:
        sum(rate(registry_gc_deletes_total{backend="database"}[5m]))
        sum(rate(registry_gc_runs_total{noop="false"}[5m])) + sum(rate(registry_gc_runs_total{noop="true"}[5m]))
    """
    for node in query.aggregates:
        if node.op == "sum":
            for inner in _joined(node.expr):
                yield from _over_overlaps(query, node, inner)
                yield from _over_names(query, node, inner) if not node.without else ()
    for one, other in _pairs(query):
        if why := _same_events(one.selector, other.selector) or _overlapping(query, one.selector, other.selector):
            yield query.problem(other.node, why, "leave one of them out")


@check("head-counted", Severity.NOTE)
def head_counted(query: LintedQuery) -> Iterator[LintProblem]:
    r"""HEAD is counted like GET, and neither title nor description nor name says so.

    Why: HEAD asks whether a manifest or blob is there and transfers nothing, so downloads look higher than they are.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "timeseries", "title": "Bytes downloaded", "targets": [
          {"refId": "A", "expr": "sum(rate(registry_storage_blob_download_bytes_sum[$__rate_interval]))"}]}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "timeseries", "title": "Bytes downloaded, those of HEAD as well",
          "targets": [
          {"refId": "A", "expr": "sum(rate(registry_storage_blob_download_bytes_sum[$__rate_interval]))"}]}]}
    """
    said = f"{query.subject} {query.caption}"
    for node in query.selectors:
        metric = query.metric(node)
        if metric is None:
            continue
        if query.role == "panel" and "HEAD" not in said and any("HEAD" in pitfall for pitfall in metric.pitfalls):
            step = "say so in the title or the description, or count requests by method"
            yield query.problem(node, f"{metric.name} counts HEAD like GET", step, word=metric.name)
        chosen = next((one for one in node.matchers if one.label == "method" and _gets_and_heads(one)), None)
        if chosen is None or str(node.metric) not in _REQUESTS or query.role not in {"panel", "record", "bare"}:
            continue
        # What is called requests or events may hold those of HEAD; a bare query has no name, and may be of pulls.
        pulls = not _TELLS_HEAD.search(said) and (_PULLS.search(said) or query.role == "bare")
        if pulls and _mixes_methods(query, node):
            step = 'choose method="get", keep method in the by list, or call them reads'
            yield query.problem(chosen, "a pull that asks with HEAD first is counted twice", step)


def _gets_and_heads(matcher: Matcher) -> bool:
    """Whether a matcher chooses GET and HEAD, and not those that write."""
    if matcher.op is not MatchOp.REGEX:
        return False
    return [regex_matches(matcher.value, method) for method in ("get", "head", "put", "delete")] == [
        True, True, False, False,
    ]  # fmt: skip


def _mixes_methods(query: LintedQuery, node: Selector) -> bool:
    """Whether requests of all methods become one number, and no share: of a share both sides may hold HEAD."""
    above = list(query.above(node))
    if any(isinstance(one, Binary) and one.op == "/" for one in above):
        return False
    sums = (one for one in above if isinstance(one, Aggregate) and one.op == "sum")
    return any(("method" in (one.labels or ())) is one.without for one in sums)


@check("flavors-added", Severity.WARNING)
def flavors_added(query: LintedQuery) -> Iterator[LintProblem]:
    """What GitLab registry and CNCF Distribution expose differently is added with `+`.

    Why: one registry has only one of the two, so the sum has no result; where a rule gave a series both, it counts twice.

    Wrong:
        sum(rate(registry_http_requests_total{route=~".+"}[5m])) + sum(rate(registry_http_requests_total{handler=~".+"}[5m]))
        sum(rate(registry_storage_cache_total{type="Hit"}[5m])) + sum(rate(registry_storage_cache_hits_total[5m]))
    Right:
        sum(rate(registry_storage_cache_total{type="Hit"}[5m]) or rate(registry_storage_cache_hits_total[5m]))
    """  # noqa: E501 - an expression stays on one line
    for one, other in _pairs(query):
        if names := _flavored(query, one.selector, other.selector):
            what = f"GitLab registry has {names[0]}, CNCF Distribution {names[1]}, and no registry both"
            yield query.problem(other.node, what, "put or between the two, inside of the sum")


@dataclass(frozen=True)
class _Addend:
    """What is added: the series, and all that is done to it on the way."""

    node: Expr
    selector: Selector
    shape: tuple[object, ...]


def _pairs(query: LintedQuery) -> Iterator[tuple[_Addend, _Addend]]:
    """Each two that are added to each other after the same was done to both."""
    for node in query.binaries:
        if not _adds(node) or _weighed(query, node):
            continue
        by_shape: dict[tuple[object, ...], list[_Addend]] = {}
        for one in _addends(node):
            alike = by_shape.setdefault(one.shape, [])
            yield from ((each, one) for each in alike)
            alike.append(one)


def _adds(node: Expr) -> bool:
    return isinstance(node, Binary) and node.op == "+" and node.on is None and node.ignoring is None and not node.group


def _weighed(query: LintedQuery, node: Expr) -> bool:
    """Whether it is a part of a longer sum, or a mean of two measurements: `(a + b) / 2`."""
    summed = False
    for above in query.above(node):
        if _adds(above):
            return not summed
        if isinstance(above, Binary) and above.op in {"*", "/"}:
            return literal(above.left) is not None or literal(above.right) is not None
        if not isinstance(above, Paren | Aggregate):
            return False
        summed = summed or isinstance(above, Aggregate)
    return False


def _addends(node: Expr) -> Iterator[_Addend]:
    waiting = [node]
    while waiting:
        part = bare(waiting.pop())
        if isinstance(part, Binary) and _adds(part):
            waiting += (part.right, part.left)
        elif (found := _addend(part)) is not None:
            yield found


def _addend(node: Expr) -> _Addend | None:
    inner = node
    if isinstance(inner, Binary) and inner.op == "or" and _is_number(inner.right):
        inner = bare(inner.left)
    shape: list[object] = []
    if isinstance(inner, Aggregate):
        if inner.op != "sum":
            return None
        shape += ["sum", inner.without, frozenset(inner.labels or ())]
        inner = bare(inner.expr)
    if isinstance(inner, Call):
        if inner.function not in GROWTH:
            return None
        shape.append(inner.function)
        inner = bare(inner.args[0])
    if not isinstance(inner, Selector) or not shape:
        return None
    return _Addend(node, inner, (*shape, inner.range, inner.offset, inner.at))


def _is_number(node: Expr) -> bool:
    inner = bare(node)
    return literal(inner) is not None or (isinstance(inner, Call) and inner.function == "vector")


def _matchers(node: Selector, without: frozenset[str] = frozenset()) -> set[Matcher]:
    """Its conditions, as far as they leave anything out."""
    given = (one for one in node.matchers if one.label not in without)
    return {replace(one, span=None) for one in given if (one.op, one.value) != (MatchOp.REGEX, ".*")}


def _within(one: set[Matcher], other: set[Matcher]) -> bool:
    """Whether one of the two surely holds what the other holds: two jobs or environments are two servers."""
    return one <= other or other <= one


def _same_events(one: Selector, other: Selector) -> str:
    if not one.metric or not other.metric or not _within(_matchers(one), _matchers(other)):
        return ""
    names = str(one.metric), str(other.metric)
    if names[0] == names[1] and not names[0].endswith("_bucket"):
        same = _matchers(one) == _matchers(other)
        return f"{names[0]} is added to itself" if same else f"it is a part of the {names[0]} that it is added to"
    return _one_event(*names)


def _overlapping(query: LintedQuery, one: Selector, other: Selector) -> str:
    """Why two choices among the series of one metric have some of them in common; nothing where one excludes the other.

    Only labels that one series of the metric has together count: what differs in others may be another server.
    """
    metric = query.metric(one)
    if metric is None or one.metric != other.metric or str(one.metric).endswith("_bucket"):
        return ""
    first, second = _matchers(one), _matchers(other)
    differing = first ^ second
    asked = {matcher.label for matcher in differing}
    if not asked or not any(asked <= {label.exposed for label in form.labels} for form in metric.forms):
        return ""
    if any(a.label == b.label and excludes(a, b) for a in first for b in second):
        return ""
    both = ", ".join(str(matcher) for matcher in sorted(differing, key=str))
    return f"what has {both} is counted twice"


def _one_event(one: str, other: str) -> str:
    """Why two series count the same events; nothing where they do not."""
    if one != other and {one, other} <= _REQUESTS:
        return f"{one} and {other} count the same requests"
    for whole, parts in PARTS_OF_COUNTS.items():
        if whole in {one, other} and parts & {one, other}:
            part = other if one == whole else one
            return f"{whole} holds what {part} counts"
    return ""


def _flavored(query: LintedQuery, one: Selector, other: Selector) -> tuple[str, str] | None:
    """What GitLab registry has and what CNCF Distribution, where each of two selectors asks for one of them."""
    for first, second in ((one, other), (other, one)):
        metric, others = query.metric(first), query.metric(second)
        if metric is None or others is None:
            continue
        if metric is others and first.metric == second.metric:
            ours, theirs = (_own_labels(metric, flavor) for flavor in (Flavor.GITLAB, Flavor.DISTRIBUTION))
            asked = _asked(first, ours - theirs), _asked(second, theirs - ours)
            mixed = _asked(second, ours - theirs) or _asked(first, theirs - ours)
            but = (ours - theirs) | (theirs - ours)
            if all(asked) and not mixed and _within(_matchers(first, but), _matchers(second, but)):
                return f"the label {asked[0]}", asked[1]
        elif (kind := _NAMES.get((metric.name, others.name))) is not None:
            types = [m for m in first.matchers if m.label in _TYPE]
            meant = not types or any(regex_matches(m.value, kind) for m in types if m.op in _CHOOSES)
            if (meant or not kind) and _within(_matchers(first, _TYPE), _matchers(second, _TYPE)):
                return metric.name, others.name
    return None


def _asked(node: Selector, labels: frozenset[str]) -> str:
    return next((one.label for one in node.matchers if one.label in labels and one.op in _CHOOSES), "")


def _own_labels(metric: Metric, flavor: Flavor) -> frozenset[str]:
    form = metric.form(flavor)
    return frozenset(label.exposed for label in form.labels) if form is not None else frozenset()


def _joined(node: Expr) -> Iterator[Selector]:
    """The series that a sum adds up: one, or several with `or` between them."""
    waiting = [node]
    while waiting:
        part = bare(waiting.pop())
        if isinstance(part, Binary) and part.op == "or":
            waiting += (part.right, part.left)
        elif isinstance(part, Call) and part.function in GROWTH:
            waiting.append(part.args[0])
        elif isinstance(part, Selector):
            yield part


def _over_names(query: LintedQuery, node: Aggregate, inner: Selector) -> Iterator[LintProblem]:
    """A pattern of names that chooses two series of the same events."""
    asked = [one for one in inner.matchers if one.label == "__name__"]
    if inner.metric or "__name__" in (node.labels or ()) or not any(one.op in _CHOOSES for one in asked):
        return
    names = sorted(_REQUESTS.union(PARTS_OF_COUNTS, *PARTS_OF_COUNTS.values()))
    chosen = [name for name in names if all(_matches(one, name) for one in asked)]
    pairs = ((one, other) for index, one in enumerate(chosen) for other in chosen[index + 1 :])
    if why := next(filter(None, (_one_event(*pair) for pair in pairs)), ""):
        yield query.problem(asked[0], why, "choose one name", word="__name__")


def _matches(matcher: Matcher, name: str) -> bool:
    """Whether a name is surely chosen."""
    if matcher.op in {MatchOp.EQUAL, MatchOp.NOT_EQUAL}:
        return (matcher.value == name) is (matcher.op is MatchOp.EQUAL)
    return regex_matches(matcher.value, name) is (matcher.op is MatchOp.REGEX)


def _over_overlaps(query: LintedQuery, node: Aggregate, inner: Selector) -> Iterator[LintProblem]:
    """A metric of which some series hold what others count."""
    if (entry := query.entry(inner)) is None:
        return
    for label, why in _OVERLAPS.get(entry[0].name, ()):
        chosen = any(one.label == "artifact" and one.value == "manifest" for one in inner.matchers)
        own = {value for form in entry[0].forms for one in form.labels for value in one.values or ()}
        types = [bool(own & set(one.value.split("|"))) for one in inner.matchers if one.label == "type"]
        names = {label} if label != "type" else {"exported_type"}
        kept = names | ({"type"} if label == "type" and not types else set())  # else `type` is one of the target
        excluded = any(one.label in names for one in inner.matchers)
        named = bool(kept & set(node.labels or ()))
        if not chosen and not any(types) and not excluded and named is node.without:
            yield query.problem(node, why, f"choose a {label}, or keep it in the result", word="sum")


def _overlaps() -> dict[str, tuple[tuple[str, str], ...]]:
    """Metrics of which some series contain others: the label that tells them apart, and how."""
    from regobs.catalog import METRICS  # noqa: PLC0415 - all entries

    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for metric in METRICS.values():
        labels = {label.name for form in metric.forms for label in form.labels}
        values = {value for form in metric.forms for one in form.labels for value in one.values or ()}
        if metric.component == "gc" and {"artifact", "backend"} <= labels:
            found[metric.name] = (("backend", "a blob is deleted in storage and in the database, and counted in both"),)
        if {"Request", "Hit", "Miss"} <= values:
            found[metric.name] = (("type", "Request counts every look-up, Hit and Miss the same ones again"),)
        if {"Events", "Successes", "Failures"} <= values:
            found[metric.name] = (("type", "Events counts what is sent, Successes and Failures the attempts at it"),)
    return found


_OVERLAPS = _overlaps()
_PULLS = re.compile(r"pull|download", re.IGNORECASE)
_TELLS_HEAD = re.compile(r"(?<![a-z])(?:head|reads?)(?![a-z])", re.IGNORECASE)
_TYPE = frozenset({"type", "exported_type"})  # Prometheus renames one that its targets have too
_CHOOSES = frozenset({MatchOp.EQUAL, MatchOp.REGEX})
_EACH_REQUEST = (
    http.REQUESTS, http.DURATION, http.REQUEST_SIZE, http.RESPONSE_SIZE, http.TIME_TO_HEADER,
    logs.REQUESTS, logs.DURATION,
)  # fmt: skip
_REQUESTS = frozenset(
    one.name + ("_count" if one.kind is Kind.HISTOGRAM else "") for one in _EACH_REQUEST
)  # of each request that a handler has answered one is counted
# What GitLab registry and CNCF Distribution call the same, and the `type` that it has in the first.
_NAMES = {
    (storage.CACHE.name, storage.CACHE_REQUESTS.name): "Request",
    (storage.CACHE.name, storage.CACHE_HITS.name): "Hit",
    (storage.CACHE.name, storage.CACHE_ERRORS.name): "Error",
    (notifications.PENDING.name, notifications.PENDING_TOTAL.name): "",
}
