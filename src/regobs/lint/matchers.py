"""Checks of matchers that need no catalog: what excludes each other, and patterns that are not what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.subjects import LintedQuery
from regobs.promql.literals import regex_matches
from regobs.promql.nodes import Matcher, MatchOp

_REGEXES = frozenset({MatchOp.REGEX, MatchOp.NOT_REGEX})
_DOUBLE = re.compile(r"\\\\(?:[dwsDWSb][+*]|\.|\+|\*|\?|\|)")
_BRACKETS = re.compile(r"\[[^\[\]]*+\]")


@check("contradiction", Severity.ERROR)
def contradiction(query: LintedQuery) -> Iterator[LintProblem]:
    """Two matchers of one selector exclude each other.

    Why: no series can fulfil both, so the result is always empty.

    Wrong:
        up{job="registry", job="monitoring"}
    Right:
        up{job=~"registry|monitoring"}
    """
    for node in query.selectors:
        equal: dict[str, str] = {}
        for matcher in node.matchers:
            if matcher.op is MatchOp.EQUAL and "$" not in matcher.value:
                equal.setdefault(matcher.label, matcher.value)
        for matcher in node.matchers:
            value = equal.get(matcher.label)
            if value is None or "$" in matcher.value or not _excludes(matcher, value):
                continue
            yield query.problem(matcher, f"{matcher.label} is already {value!r}", "remove one of the two matchers")


def _excludes(matcher: Matcher, value: str) -> bool:
    """Whether the matcher refuses the value."""
    if matcher.op in _REGEXES:
        return regex_matches(matcher.value, value) is (matcher.op is MatchOp.NOT_REGEX)
    return (matcher.value == value) is (matcher.op is MatchOp.NOT_EQUAL)


@check("regex-under-equal", Severity.WARNING)
def regex_under_equal(query: LintedQuery) -> Iterator[LintProblem]:
    """`=` or `!=` compares with what is written as a regular expression.

    Why: `=` compares the text itself, so the pattern matches nothing and its negation everything.

    Wrong:
        rate(http_requests_total{code="5.."}[5m])
    Right:
        rate(http_requests_total{code=~"5.."}[5m])
    """
    for node in query.selectors:
        for matcher in node.matchers:
            value = matcher.value
            pattern = re.fullmatch(r"[0-9]\.[.+*]|.*\.[*+]|[\w.-]+(\|[\w.-]+)+|\.[*+].*", value) is not None
            if matcher.op not in _REGEXES and pattern and matcher.label not in {"le", "__name__"}:
                op = "=~" if matcher.op is MatchOp.EQUAL else "!~"
                step = f'write {matcher.label}{op}"{value}"'
                problem = query.problem(matcher, f"{matcher.op}{value!r} is no regular expression", step)
                of_codes = re.fullmatch(r"[1-5]\.\.", value) is not None  # nothing else can be meant
                yield problem.fixed_by(query.edit(matcher, f'{matcher.op}"', f'{op}"') if of_codes else None)


@check("partial-code", Severity.WARNING)
def partial_code(query: LintedQuery) -> Iterator[LintProblem]:
    """A regular expression for codes of HTTP answers has fewer than their three characters.

    Why: it must match the whole value, so `5` or `5.` matches no code, and the error rate is always empty.

    Wrong:
        sum(rate(registry_http_requests_total{code=~"5."}[5m]))
    Right:
        sum(rate(registry_http_requests_total{code=~"5.."}[5m]))
    """
    for node in query.selectors:
        for matcher in node.matchers:
            short = re.fullmatch(r"\^?([1-5])\.?\$?", matcher.value)
            if short and matcher.op in _REGEXES and matcher.label in {"code", "status_code", "response_code"}:
                what = f"no code of an answer is matched by {matcher.value!r}"
                problem = query.problem(matcher, what, f'write "{short[1]}.."')
                yield problem.fixed_by(query.edit(matcher, f'"{matcher.value}"', f'"{short[1]}.."'))


@check("escaped-twice", Severity.WARNING)
def escaped_twice(query: LintedQuery) -> Iterator[LintProblem]:
    r"""A regular expression has one backslash too many.

    Why: it asks for a backslash in the label's value, so it matches nothing.

    Wrong:
        rate(x_total{state=~"full_\\\\d+"}[5m])
    Right:
        rate(x_total{state=~"full_\\d+"}[5m])
    """
    for node in query.selectors:
        for matcher in node.matchers:
            # In brackets a backslash too many only adds one to the characters that may stand there.
            if matcher.op in _REGEXES and _DOUBLE.search(_BRACKETS.sub("", matcher.value)):
                step = "halve the backslashes, or write the expression between backticks"
                yield query.problem(matcher, "this regular expression asks for a backslash", step)
