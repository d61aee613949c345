"""Checks of matchers on `le`: bounds that a histogram does not have, and the two spellings of one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from math import inf
from pathlib import Path

from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.subjects import LintedQuery
from regobs.promql.literals import regex_matches
from regobs.promql.nodes import Matcher, MatchOp, Selector
from regobs.promql.words import asked_edges, edge_spellings, nearest_edges, read_edge

_POSITIVE = frozenset({MatchOp.EQUAL, MatchOp.REGEX})
_NUMBER = re.compile(r"[0-9]{1,15}(?:\\?\.[0-9]{1,15})?")
_WHOLE = re.compile(r"[0-9]{1,15}")


def nearest(number: Decimal, edges: Iterable[float]) -> str:
    """What to say of a number that is no bound: those below and above it."""
    near = nearest_edges(number, edges).split(", ")
    return f"the nearest bounds are {' and '.join(near)}" if len(near) > 1 else f"the nearest bound is {near[0]}"


def _edges(query: LintedQuery, node: Selector) -> list[float]:
    """The finite bounds of the histogram that a selector reads; none where they are not known."""
    entry = query.entry(node)
    if entry is None or entry[1] != "_bucket":
        return []
    return sorted({float(edge) for form in query.context.forms(entry[0]) for edge in form.buckets or ()})


@check("no-such-bucket", Severity.ERROR)
def no_such_bucket(query: LintedQuery) -> Iterator[LintProblem]:
    """A matcher on `le` names a bound that the histogram does not have.

    Why: nothing matches, so the SLI or its alert does not exist.

    Wrong:
        sum(rate(registry_http_request_duration_seconds_bucket{le="3"}[5m]))
    Right:
        sum(rate(registry_http_request_duration_seconds_bucket{le="2.5"}[5m]))
    """
    for node in query.selectors:
        edges, metric = _edges(query, node), query.metric(node)
        told = [*_misspelled(query, node)]
        yield from told
        if not edges or metric is None or told:
            continue
        for matcher in node.matchers:
            if matcher.label != "le" or matcher.op not in _POSITIVE or _asks_none(matcher):
                continue
            number = _NUMBER.search(matcher.value)
            asked = read_edge(number[0].replace("\\", "")) if number else None
            if asked is not None and asked_edges(matcher, [*edges, inf]) == ():
                what = f"{metric.name} has no bucket {matcher.value}"
                yield query.problem(matcher, what, nearest(asked, edges))
                continue
            for branch in matcher.value.split("|") if matcher.op is MatchOp.REGEX and "(" not in matcher.value else ():
                bound = read_edge(branch.replace("\\", ""))
                if bound is not None and float(bound) not in (*edges, inf):
                    what = f"{metric.name} has no bucket {branch}"
                    yield query.problem(matcher, what, nearest(bound, edges), Severity.WARNING, word=branch)


def _misspelled(query: LintedQuery, node: Selector) -> Iterator[LintProblem]:
    """A bound written as no process writes it: `le` is compared as a text."""
    for one in node.matchers if str(node.metric or "").endswith("_bucket") else ():
        edge = read_edge(one.value)
        if one.label == "le" and one.op is MatchOp.EQUAL and edge is not None and one.value not in _spellings(edge):
            what = f"le is compared as a text, and no process writes {one.value}"
            yield query.problem(one, what, f'write "{_spellings(edge)[0]}"')


def _spellings(bound: Decimal) -> list[str]:
    """How clients of Prometheus write a bound, that of Go first."""
    edge = float(bound)
    if abs(edge) == inf:
        return ["+Inf" if edge > 0 else "-Inf"]
    exponent = int(f"{edge:e}".partition("e")[2])
    plain = repr(edge).removesuffix(".0")
    short = f"{edge:.0e}" if exponent >= 6 and float(f"{edge:.0e}") == edge else plain
    scaled = repr(edge / 10**exponent) if edge else "0.0"
    scientific = f"{scaled.removesuffix('.0')}e{exponent:+03d}"
    return [short, plain, f"{plain}.0", repr(edge), scientific, f"{scaled}E{exponent}", str(Decimal(repr(edge)))]


def _asks_none(matcher: Matcher) -> bool:
    """Whether a matcher accepts series without `le`."""
    return not matcher.value or (matcher.op is MatchOp.REGEX and regex_matches(matcher.value, "") is not False)


@check("bucket-spelling", Severity.WARNING)
def bucket_spelling(query: LintedQuery) -> Iterator[LintProblem]:
    r"""`le` is compared with a whole number in one of its two spellings.

    A note in `alerts/` of a pack of regobs, where `le="1"` is enough: a build writes both.

    Why: Prometheus 3 and OpenMetrics write `1.0` where older ones write `1`: after an update nothing matches.

    Wrong:
        sum(rate(registry_http_request_duration_seconds_bucket{le="1"}[5m]))
    Right:
        sum(rate(registry_http_request_duration_seconds_bucket{le=~"1|1\\.0"}[5m]))
        sum(rate(registry_http_request_duration_seconds_bucket{le=~"1(\\.0)?"}[5m]))
    """
    for node in query.selectors:
        if not (isinstance(node.metric, str) and node.metric.endswith("_bucket")):
            continue
        edges = _edges(query, node)
        for matcher in node.matchers:
            if matcher.label != "le" or matcher.op not in _POSITIVE or "$" in matcher.value.rstrip("$"):
                continue
            found = next(_spelt_once(matcher, edges), None)
            if found is None:
                continue
            whole, other = edge_spellings(Decimal(found.removesuffix(".0")))
            written = query.text[slice(*(matcher.span or (0, 0)))]
            alone = matcher.value == found
            right = f'le=~"{whole}|{whole}\\\\.0"'
            step = f"write {right}" if alone else f"accept {other if found == whole else whole} too"
            what = f"le is {found} or {other if found == whole else whole}, by the version of Prometheus"
            # Of other processes it is not known whether they are scraped by an old Prometheus or a new one. Of one
            # bound in a pack a build makes both spellings.
            built = matcher.op is MatchOp.EQUAL and _is_built(query.source.file)
            severity = None if query.metric(node) is not None and not built else Severity.NOTE
            problem = query.problem(matcher, what, step, severity)
            yield problem.fixed_by(query.edit(matcher, written, right) if alone else None)


def _is_built(file: str) -> bool:
    """Whether a file is called as those of a pack that `regobs build` makes rules of."""
    path = Path(file)
    return path.absolute().parent.name == "alerts" and path.name.endswith((".rules.yaml", ".slo.yaml"))


def _spelt_once(matcher: Matcher, edges: list[float]) -> Iterator[str]:
    """The spellings of whole bounds that a matcher accepts without the other one of the same bound.

    Where the bounds are not known, they are the numbers in the matcher.
    """
    numbers = [Decimal(repr(edge)) for edge in edges] or [Decimal(text) for text in _WHOLE.findall(matcher.value)]
    for number in numbers:
        spellings = edge_spellings(number)
        if len(spellings) == 2:
            if matcher.op is MatchOp.EQUAL:
                accepted = [text for text in spellings if text == matcher.value]
            else:
                accepted = [text for text in spellings if regex_matches(matcher.value, text)]
            yield from accepted if len(accepted) == 1 else ()
