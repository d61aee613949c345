"""Reading series selectors: metric, matchers, and the ranges, offsets and times behind an operand."""

from __future__ import annotations

import re
from dataclasses import replace
from math import isfinite
from typing import NoReturn

from regobs.promql.durations import read_duration
from regobs.promql.literals import read_number, regex_fault, regex_matches, unquote
from regobs.promql.nodes import At, Duration, Expr, Matcher, MatchOp, Number, Selector, Subquery
from regobs.promql.tokens import Token, TokenKind, TokenReader

_NO_LABEL = frozenset({"inf", "nan", "without", "anchored", "smoothed"})  # no list of labels can hold these words
_LARGEST_TIME = 2**63  # seconds; Prometheus calls what is larger a timestamp out of bounds
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_NAME, _NUMBER, _STRING = TokenKind.NAME, TokenKind.NUMBER, TokenKind.STRING
_VARIABLE, _MARK = TokenKind.VARIABLE, TokenKind.MARK


class SelectorReader(TokenReader):
    """Reads literals, lists of labels, selectors and what stands behind an operand."""

    def number(self) -> Number:
        token = self.take()
        value = read_number(token.text)
        if value is None:
            self.fail(f"bad number or duration: {token.text}", token.start, expected="a number such as 0.5 or 1e3")
        return Number(value, span=(token.start, token.end))

    def string(self) -> str:
        token = self.take()
        try:
            return unquote(token.text)
        except ValueError as fault:
            self.fail(str(fault), token.start, next_step="write \\\\ for a backslash, or use `...`")

    def selector(self, name: Token | None) -> Selector:
        start = self.token.start if name is None else name.start
        metric = None if name is None else name.text
        matchers: list[Matcher] = []
        if self.token.kind is _MARK and self.token.text == "{":
            metric = self._matchers(metric, matchers)
        named = [matcher for matcher in matchers if matcher.label == "__name__"]
        if metric is not None and name is not None and named:
            self._twice(metric, named[0].value, named[0].span)
        if metric is None and len(named) == 1 and named[0].op is MatchOp.EQUAL and named[0].value:
            metric = named[0].value
            matchers.remove(named[0])
        if metric is None and all(map(matches_empty, matchers)):
            self.fail("the selector must have a matcher that does not match the empty text", start)
        return Selector(metric, matchers=tuple(matchers), span=(start, self.end()))

    def _matchers(self, metric: str | None, matchers: list[Matcher]) -> str | None:
        """Read the part in braces into `matchers`; the metric's name, which may stand there in quotes."""
        self.expect("{")
        while not self.mark("}"):
            token = self.token
            if token.kind not in {_NAME, _STRING} or (token.kind is _NAME and not _LABEL.fullmatch(token.text)):
                self.unexpected("a label name")
            label = self.string() if token.kind is _STRING else self.take().text
            if token.kind is _STRING and self.token.text in {",", "}", "or"} and self.token.kind is not _STRING:
                if metric is not None:
                    self._twice(metric, label, (token.start, token.end))
                metric = label
            else:
                matchers.append(self._matcher(label, token.start))
            if self.token.kind is _NAME and self.token.text.lower() == "or":
                next_step = "write two selectors with 'or' between them, or one regular expression"
                message = "'or' between matchers is no PromQL of Prometheus"
                self.fail(message, self.token.start, expected="one list of matchers", next_step=next_step)
            if self.token.text != "}" or self.token.kind is not _MARK:
                self.expect(",", "',' or '}'")
        return metric

    def _twice(self, one: str, other: str, span: tuple[int, int] | None) -> NoReturn:
        self.fail(f"metric name must not be set twice: {one!r} or {other!r}", (span or (0, 0))[0])

    def _matcher(self, label: str, start: int) -> Matcher:
        if self.token.text not in {"=", "!=", "=~", "!~"} or self.token.kind is not _MARK:
            self.unexpected("=, !=, =~ or !~")
        op = MatchOp(self.take().text)
        token = self.token
        if token.kind is not _STRING:
            self.unexpected("a value in quotes")
        value = self.string()
        if op in {MatchOp.REGEX, MatchOp.NOT_REGEX} and (fault := regex_fault(value)):
            self.fail(f"illegal regex: {fault}", token.start, expected="a regular expression of RE2")
        return Matcher(label, op, value, span=(start, token.end))

    def label_list(self) -> tuple[str, ...]:
        self.expect("(", "a label list such as (route)")
        labels: list[str] = []
        while not self.mark(")"):
            token = self.token
            word = token.kind is _NAME and token.text.lower() not in _NO_LABEL and _LABEL.fullmatch(token.text)
            if not word and token.kind not in {_STRING, _VARIABLE}:
                self.unexpected("a label name")
            labels.append(self.string() if token.kind is _STRING else self.take().text)
            if self.token.text != ")":
                self.expect(",", "',' or ')'")
        return tuple(labels)

    def modified(self, node: Expr, kind: str) -> tuple[Expr, str]:
        """The operand with the ranges, offsets and times that stand behind it."""
        while self.token.kind is _MARK or self.token.kind is _NAME:
            if self.token.text == "[":
                node, kind = self._range(node, kind), "matrix"
            elif self.token.text == "@":
                node = self._at(node)
            elif self.token.kind is _NAME and self.token.text.lower() == "offset":
                node = self._offset(node)
            else:
                break
        return node, kind

    def _range(self, node: Expr, kind: str) -> Expr:
        bracket = self.take()
        span = (operand_start(node), 0)
        window = self._duration()
        if self.mark(":"):
            step = None if self.token.text == "]" else self._duration()
            self.expect("]")
            if kind != "vector":
                self.fail(f"subquery is only allowed on vector, got {kind} instead", bracket.start)
            return Subquery(node, window, step, span=(span[0], self.end()))
        self.expect("]")
        if not isinstance(node, Selector) or node.range is not None:
            self.fail("ranges only allowed for vector selectors", bracket.start, expected="[5m:] for a subquery")
        if node.offset is not None or node.at is not None:
            self.fail("offset and @ stand behind the range", bracket.start)
        # Built directly, because most selectors have a range, and `replace` takes three times as long.
        return Selector(node.metric, matchers=node.matchers, range=window, span=(span[0], self.end()))

    def _offset(self, node: Expr) -> Expr:
        word = self.take()
        if not isinstance(node, Selector | Subquery):
            expected = "a selector or a subquery before it"
            self.fail("offset modifier must be preceded by a selector or subquery", word.start, expected=expected)
        if node.offset is not None:
            self.fail("offset may not be set multiple times", word.start)
        negative = self.mark("-")
        if not negative:
            self.mark("+")
        token = self.token
        offset = self._duration()
        if negative and offset.macro:
            message = f"-{token.text} cannot be used as an offset"
            self.fail(message, token.start, expected="a positive offset")
        offset = Duration(-offset.ms) if negative else offset
        return replace(node, offset=offset, span=(operand_start(node), self.end()))

    def _at(self, node: Expr) -> Expr:
        mark = self.take()
        if not isinstance(node, Selector | Subquery):
            self.fail("@ modifier must be preceded by a selector or subquery", mark.start)
        if node.at is not None:
            self.fail("@ <timestamp> may not be set multiple times", mark.start)
        if edge := self.word("start", "end"):
            self.expect("(")
            self.expect(")")
            return replace(node, at=At(edge=edge), span=(operand_start(node), self.end()))
        if self.token.text == "-":
            expected = "a Unix time, start() or end()"
            self.fail("a time before 1970 cannot be read", self.token.start, expected=expected)
        self.mark("+")
        token = self.token
        value = read_number(token.text) if token.kind is _NUMBER else None
        if value is None:
            self.unexpected("a Unix time, start() or end()")
        if not isfinite(value) or value >= _LARGEST_TIME:
            self.fail("this time is out of bounds", token.start, expected="a Unix time in seconds")
        self.take()
        return replace(node, at=At(ms=round(value * 1000)), span=(operand_start(node), self.end()))

    def _duration(self) -> Duration:
        token = self.token
        if token.kind is _VARIABLE:
            self.take()
            return Duration(macro=token.text)
        if token.kind is not _NUMBER:
            self.unexpected("a duration such as 5m")
        self.take()
        duration = read_duration(token.text)
        seconds = read_number(token.text) if duration is None else None
        if seconds is not None and isfinite(seconds) and seconds < _LARGEST_TIME:
            duration = Duration(round(seconds * 1000))
        if duration is None:
            self.fail(f"bad number or duration: {token.text}", token.start, expected="a duration such as 5m")
        if duration.ms <= 0:
            self.fail("duration must be greater than 0", token.start)
        return duration


def operand_start(node: Expr) -> int:
    """Where a node that was read begins."""
    assert node.span is not None  # noqa: S101 - every node that is read has one
    return node.span[0]


def matches_empty(matcher: Matcher) -> bool:
    """Whether a series without the label satisfies a matcher, which then cannot stand alone between braces."""
    match matcher.op:
        case MatchOp.EQUAL:
            return not matcher.value
        case MatchOp.NOT_EQUAL:
            return bool(matcher.value)
    return regex_matches(matcher.value, "") is (matcher.op is MatchOp.REGEX)
