"""The check of matchers on codes of HTTP answers: what they ask for that no answer has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from regobs.catalog.model import Exposer
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.subjects import LintedQuery
from regobs.promql.literals import regex_matches
from regobs.promql.nodes import Matcher, MatchOp, Selector

_SHORT = re.compile(r"\^?([1-5])[.*+]?\$?")
# Labels that hold the code of an answer whatever the metric is called, and those that hold it where it is one of HTTP.
_ALWAYS = frozenset({"http_code", "http_status", "http_status_code", "http_response_status_code", "http_response_code"})
_OF_HTTP = frozenset({"code", "status_code", "response_code"})
_REGEXES = frozenset({MatchOp.REGEX, MatchOp.NOT_REGEX})
_CHOOSES = frozenset({MatchOp.EQUAL, MatchOp.REGEX})
_ASKS_DIGITS = re.compile(r"[\^$()|\[\]0-9xX.?+*{},:\\d \t-]*")
_X = re.compile(r"(?<![a-zA-Z\\])[xX]{1,2}(?![a-zA-Z])")
_WORDS = frozenset({"http", "https", "request", "requests", "response", "responses", "apiserver"})
# Codes of other protocols and of processes, and exporters of servers that tell classes of codes, such as 5xx.
_OTHER_CODES = frozenset({"grpc", "rpc", "sip", "dns", "exit", "smtp", "ftp", "diameter", "radius", "twirp", "thrift"})
_CLASSES = frozenset(
    "haproxy nginx nginxplus envoy varnish kong angie f5 bigip apisix openresty traffic ats aws cloudflare".split()  # noqa: SIM905 - names
)
_FREQUENT = ("200", "500", "404", "301", "100", "503", "403", "204")
_EACH = (*_FREQUENT, *(str(code) for code in range(100, 600)))
# What servers write where there was no answer, or no code of their own.
_NO_ANSWER = ("", "0", "000", "-1", "999")


@check("partial-code", Severity.WARNING)
def partial_code(query: LintedQuery) -> Iterator[LintProblem]:
    """A matcher asks for codes of HTTP answers that no answer has.

    A code has three digits from 100 to 599; a regular expression must match all three, and `x` stands for itself.

    Why: `5`, `5.` and `5xx` match no code, so the error rate is always empty; where they are to be left out, none is.

    Wrong:
        sum(rate(registry_http_requests_total{code=~"5."}[5m]))
        sum(rate(registry_http_requests_total{code=~"[45]xx"}[5m]))
        sum(rate(registry_http_requests_total{code="50"}[5m]))
    Right:
        sum(rate(registry_http_requests_total{code=~"5.."}[5m]))
    """
    for node in query.selectors:
        for matcher in node.matchers:
            short = _SHORT.fullmatch(matcher.value)
            if short and matcher.op in _REGEXES and matcher.label in _OF_HTTP | _ALWAYS:
                problem = query.problem(matcher, _none(matcher, matcher.value), f'write "{short[1]}.."')
                yield problem.fixed_by(query.edit(matcher, f'"{matcher.value}"', f'"{short[1]}.."'))
            elif wrong := _asks_none(query, node, matcher):
                yield _problem(query, matcher, wrong)


def _problem(query: LintedQuery, matcher: Matcher, wrong: str) -> LintProblem:
    digits = wrong.strip()
    right = re.sub("[xX]", ".", digits)
    op = matcher.op
    if right != digits:
        op = MatchOp.REGEX if matcher.op in _CHOOSES else MatchOp.NOT_REGEX
    sure = right != matcher.value and bool(_matched(right)) and "\\" not in matcher.value
    step = f'write {matcher.label}{op}"{right}"' if sure else "a code has three digits, from 100 to 599"
    problem = query.problem(matcher, _none(matcher, wrong), step)
    return problem.fixed_by(
        query.edit(matcher, f'{matcher.op}"{matcher.value}"', f'{op}"{right}"')
        if sure and wrong == matcher.value
        else None
    )


def _none(matcher: Matcher, wrong: str) -> str:
    left_out = "" if matcher.op in _CHOOSES else ": nothing is left out"
    return f"no code of an answer is matched by {wrong!r}{left_out}"


def _asks_none(query: LintedQuery, node: Selector, matcher: Matcher) -> str:
    """The pattern, or the alternative of it, that matches no code of an answer; nothing for any other matcher."""
    value = matcher.value
    if (
        not value.strip()
        or "$" in value.rstrip("$")
        or not _ASKS_DIGITS.fullmatch(value)
        or not re.search("[0-9]", value)
    ):
        return ""
    if not _holds_codes(query, node, matcher.label, classes=_X.search(value) is not None):
        return ""
    if matcher.op not in _REGEXES:
        catalogued = query.entry(node) is not None and matcher.op is MatchOp.EQUAL and "x" in value.lower()
        pattern = re.search(r"[.*+?()|\[\]^$\\]", value) is not None
        return "" if catalogued or pattern or value in (*_EACH, *_NO_ANSWER) else value
    if not _matched(value):
        return value
    if any(char in value for char in "()[]"):
        return ""
    return next((one for one in value.split("|") if one and not _matched(one)), "")


@lru_cache(maxsize=256)
def _matched(pattern: str) -> bool:
    """Whether a regular expression matches any code, or what stands for none; true where that is not known."""
    return any(regex_matches(pattern, code) is not False for code in (*_EACH[:8], *_NO_ANSWER[1:], *_EACH[8:]))


def _holds_codes(query: LintedQuery, node: Selector, label: str, *, classes: bool) -> bool:
    """Whether a label certainly holds codes of HTTP as numbers; with `classes` they may not be told as 5xx either."""
    if (entry := query.entry(node)) is not None:
        forms = query.context.forms(entry[0])
        open_label = any((one := form.label(label)) is not None and one.values is None for form in forms)
        return label == "code" and open_label and entry[0].exposer is Exposer.REGISTRY
    words = set(re.split(r"[:_]", str(node.metric or "").lower()))
    if _OTHER_CODES & words or (classes and (_CLASSES & words or label not in _OF_HTTP | _ALWAYS)):
        return False
    if label == "status":
        return not classes and "http" in words
    return label in _ALWAYS or (label in _OF_HTTP and bool(_WORDS & words))
