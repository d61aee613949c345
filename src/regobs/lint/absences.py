"""The check of alerts that ask for the absence of what is only there once something went wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator

from regobs.catalog.model import Kind
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.named_shares import COMPARISONS
from regobs.lint.subjects import LintedQuery
from regobs.promql.nodes import Aggregate, Binary, Expr, Matcher, MatchOp, Paren, Selector
from regobs.promql.walk import selectors

_ABSENT = frozenset({"absent", "absent_over_time"})
_COUNTING = frozenset({Kind.COUNTER, Kind.HISTOGRAM, Kind.SUMMARY})
_FAILED = frozenset({"error", "errors", "failure", "failures", "failed", "timeouts", "retries", "dropped", "limit"})
_CODES = frozenset({"code", "status", "status_code", "http_code", "http_status", "http_status_code", "response_code"})
_CODE_OF_FAILURE = re.compile(r"\^?[(\[]?[45](?:[0-9.x|)\]*+^$]|xx)*+\$?", re.IGNORECASE)
_COUNTED = ("_total", "_count", "_bucket")


@check("absence-of-failures", Severity.WARNING)
def absence_of_failures(query: LintedQuery) -> Iterator[LintProblem]:
    """An alert asks whether a series is absent that comes with the first failure.

    Counters with labels have no series before the first event of each kind: without a failure none is there.

    Why: the alert fires as long as all is well, and ends with the first failure.

    Wrong:
        - alert: NoErrors
          expr: absent(registry_http_requests_total{code="500"})
          labels: {severity: ticket}
          annotations: {summary: The registry is not scraped}
    Right:
        - alert: NotScraped
          expr: absent(up{job="registry"})
          labels: {severity: ticket}
          annotations: {summary: The registry is not scraped}
    """
    if not query.alerts:
        return
    for node in query.calls:
        if not (node.function in _ABSENT and node.args and _decides(query, node)):
            continue
        asked = list(selectors(node))
        if len(asked) == 1 and (why := _comes_with_failure(query, asked[0])):
            what = f"{asked[0].metric} {why}, so its absence is no fault"
            yield query.problem(node, what, "ask for what is always there, such as up", word=node.function)


def _comes_with_failure(query: LintedQuery, node: Selector) -> str:
    """Why a series is not there before something fails; nothing where it may be."""
    metric, name = query.metric(node), str(node.metric or "")
    chosen = next((one for one in node.matchers if _of_failures(one)), None)
    if metric is None:
        counted = name.endswith(_COUNTED) and "http" in name.split("_")
        return (
            f"has {chosen.label} {chosen.value!r} only after such an answer" if counted and chosen is not None else ""
        )
    if metric.kind not in _COUNTING or not all(form.absent_until_observed for form in metric.forms):
        return ""
    if chosen is not None and any(form.label(chosen.label) for form in metric.forms):
        return f"has {chosen.label} {chosen.value!r} only after such an event"
    return "comes with the first failure" if not _FAILED.isdisjoint(name.split("_")) else ""


def _of_failures(matcher: Matcher) -> bool:
    if matcher.op not in {MatchOp.EQUAL, MatchOp.REGEX}:
        return False
    failed = matcher.label in _CODES and _CODE_OF_FAILURE.fullmatch(matcher.value) is not None
    return failed or (matcher.label == "error" and matcher.value == "true")


def _decides(query: LintedQuery, node: Expr) -> bool:
    """Whether the alert fires where it is absent: it is the condition itself, one of several, or picked by another."""
    child = node
    for above in query.above(node):
        left = isinstance(above, Binary) and above.op in {"and", *COMPARISONS} and child is above.left
        either = isinstance(above, Binary) and above.op == "or"
        if not (left or either or isinstance(above, Paren | Aggregate)):
            return False
        child = above
    return True
