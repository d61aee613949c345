"""Checks of matchers that need no catalog: what excludes each other, and patterns that are not what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.subjects import LintedQuery
from regobs.promql.literals import regex_matches
from regobs.promql.nodes import Matcher, MatchOp

_REGEXES = frozenset({MatchOp.REGEX, MatchOp.NOT_REGEX})
_PATTERN = re.compile(r"[0-9]\.[.+*]|.*\.[*+]|[\w.-]+(\|[\w.-]+)+|\.[*+].*")
_DOUBLE = re.compile(r"\\\\(?:[dwsDWSb][+*]|\.|\+|\*|\?|\|)")
_LITERAL = re.compile(r"[\w /:@-]*")
_CODES = re.compile(r"(?:[0-9.]|\[[0-9-]{1,20}\]){3}")
_BRACKETS = re.compile(r"\[[^\[\]]*+\]")


@check("contradiction", Severity.ERROR)
def contradiction(query: LintedQuery) -> Iterator[LintProblem]:
    """Two matchers of one selector exclude each other.

    Why: no series can fulfil both, so the result is always empty.

    Wrong:
        up{job="registry", job="monitoring"}
        rate(http_requests_total{code=~"2..", code=~"5.."}[5m])
    Right:
        up{job=~"registry|monitoring"}
    """
    for node in query.selectors:
        told: set[str] = set()
        for index, matcher in enumerate(node.matchers):
            if matcher.op is MatchOp.NOT_REGEX and matcher.value in {".*", "(.*)", "^.*$"}:
                told.add(matcher.label)
                what = f"no value, not even an empty one, passes {matcher.op}{matcher.value!r}"
                step = f'write {matcher.label}="" for those without it, or remove it'
                # Mixins write it on purpose for an alert that their settings switch off.
                off = Severity.NOTE if query.alerts else Severity.WARNING
                yield query.problem(matcher, what, step, off)
            for other in node.matchers[:index]:
                if other.label == matcher.label and matcher.label not in told and excludes(other, matcher):
                    told.add(matcher.label)
                    what = _already(other, matcher)
                    yield query.problem(matcher, what, "remove one of the two matchers")


def _already(first: Matcher, second: Matcher) -> str:
    if first.op is MatchOp.EQUAL:
        return f"{first.label} is already {first.value!r}"
    return f"no {second.label} passes both {first.op}{first.value!r} and {second.op}{second.value!r}"


def excludes(first: Matcher, second: Matcher) -> bool:
    """Whether no value certainly passes both of two matchers of one label."""
    if "$" in first.value.rstrip("$") or "$" in second.value.rstrip("$"):
        return False
    if first.op is second.op is MatchOp.EQUAL:
        return first.value != second.value
    opposite = {MatchOp.EQUAL: MatchOp.NOT_EQUAL, MatchOp.REGEX: MatchOp.NOT_REGEX}
    for one, other in ((first, second), (second, first)):
        if opposite.get(one.op) is other.op and one.value == other.value:
            return True
        values = _values(one)
        if len(values) > 1 and values[0].isdecimal() and re.search("[a-zA-Z]", other.value):
            continue  # `2..` may be asked of classes as well, such as 2xx
        if values and all(_refuses(other, value) for value in values):
            return True
    return False


def _values(matcher: Matcher) -> tuple[str, ...]:
    """All values that pass a matcher; none where they are not known."""
    if matcher.op is MatchOp.EQUAL:
        return (matcher.value,)
    if matcher.op is not MatchOp.REGEX:
        return ()
    branches = matcher.value.removeprefix("(").removesuffix(")").split("|")
    if all(_LITERAL.fullmatch(one) for one in branches):
        return tuple(branches)
    of_codes = all(_CODES.fullmatch(one) for one in branches)
    return tuple(code for one in branches for code in _codes(one)) if of_codes else ()


@lru_cache(maxsize=256)
def _codes(pattern: str) -> tuple[str, ...]:
    """The numbers of three digits that `5..` or `[45]0.` matches."""
    return tuple(code for code in map(str, range(100, 1000)) if regex_matches(pattern, code) is True)


def _refuses(matcher: Matcher, value: str) -> bool:
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
            if matcher.op not in _REGEXES and _PATTERN.fullmatch(value) and matcher.label not in {"le", "__name__"}:
                op = "=~" if matcher.op is MatchOp.EQUAL else "!~"
                step = f'write {matcher.label}{op}"{value}"'
                problem = query.problem(matcher, f"{matcher.op}{value!r} is no regular expression", step)
                of_codes = re.fullmatch(r"[1-5]\.\.", value) is not None  # nothing else can be meant
                yield problem.fixed_by(query.edit(matcher, f'{matcher.op}"', f'{op}"') if of_codes else None)


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
