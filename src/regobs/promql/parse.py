"""From PromQL text to the tree, by way of promql-parser.

Its own nodes never leave this module, and its text output is never used: `str()` of its nodes loses quotes, escapes,
subquery colons and `or` matchers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NoReturn

import promql_parser

from regobs.errors import Location, PromqlError
from regobs.promql.functions import FUNCTIONS
from regobs.promql.nodes import (
    Aggregate,
    At,
    Binary,
    Call,
    Duration,
    Expr,
    Matcher,
    MatchOp,
    Paren,
    Selector,
    String,
    Subquery,
    Unary,
)
from regobs.promql.placeholders import Placeholders, put_aside
from regobs.promql.printer import quote
from regobs.promql.syntax import FILLS, Syntax
from regobs.promql.tokens import Token, TokenKind, excerpt, place, tokenize
from regobs.promql.walk import walk
from regobs.promql.words import nearest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_MATCH_OPS = {"Equal": MatchOp.EQUAL, "NotEqual": MatchOp.NOT_EQUAL, "Re": MatchOp.REGEX, "NotRe": MatchOp.NOT_REGEX}
_CARDINALITIES = {"ManyToOne": "left", "OneToMany": "right"}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed query that still knows where its parts stand."""

    expr: Expr
    text: str
    file: str
    tokens: list[Token] = field(repr=False)

    def locate(self, node: Expr, word: str = "") -> Location:
        """Where a selector, call or aggregation of this very tree begins, or `word` behind its beginning."""
        heads = Syntax(self.tokens, self.text, self.file).read()
        nodes = [part for part in walk(self.expr) if isinstance(part, Selector | Call | Aggregate)]
        inside = {id(part) for part in walk(node)}
        start = next((head.start for part, head in zip(nodes, heads, strict=False) if id(part) in inside), 0)
        if word:
            start = next((t.start for t in self.tokens if t.start >= start and t.text.strip("\"'`") == word), start)
        return place(self.text, start, self.file)


def parse(text: str, *, file: str = "") -> Expr:
    """The bound tree of a query in PromQL, with Grafana variables where it has them.

    Raises PromqlError with line and column for broken syntax, for wrong argument types, and for what the tree cannot
    hold: `or` between matchers, `fill` modifiers, a variable as a metric name.
    """
    return parse_located(text, file=file).expr


def parse_located(text: str, *, file: str = "") -> Parsed:
    """Like `parse`, keeping the places for later errors."""
    tokens = tokenize(text, file)
    _check_representable(tokens, text, file)
    placeholders = put_aside(text, tokens, file)
    try:
        tree = promql_parser.parse(placeholders.text)
    except ValueError as error:
        _explain(str(error), tokens, text, file)
    return Parsed(_convert(tree, placeholders), text, file, tokens)


def _check_representable(tokens: list[Token], text: str, file: str) -> None:
    """Refuse what promql-parser reads but our tree cannot hold, and a negative `@` time, which makes it panic."""
    inside = ""
    for before, token in pairwise([Token(TokenKind.MARK, "", 0), *tokens]):
        inside = token.text if token.text in "{}" and token.kind is TokenKind.MARK else inside
        message, expected, next_step = "", None, None
        if before.text == "@" and token.text == "-":
            message, expected = "a time before 1970 cannot be read", "a Unix time, start() or end()"
        elif inside == "{" and token.text == "or":
            message, expected = "'or' between matchers is no PromQL of Prometheus", "one list of matchers"
            next_step = "write two selectors with 'or' between them, or one regular expression"
        elif token.kind is TokenKind.NAME and token.text in FILLS and inside != "{" and _opens(token, tokens):
            message, next_step = "fill modifiers cannot be represented", "write (a or 0 * b) in place of fill(0)"
        elif token.kind is TokenKind.VARIABLE and before.text == "-" and _offset(before, tokens):
            message, expected = f"-{token.text} cannot be used as an offset", "a positive offset"
        if message:
            here = place(text, token.start, file)
            value = excerpt(text, token.start)
            raise PromqlError(message, location=here, value=value, expected=expected, next_step=next_step)


def _opens(token: Token, tokens: list[Token]) -> bool:
    return tokens[tokens.index(token) + 1].text == "("


def _offset(sign: Token, tokens: list[Token]) -> bool:
    return tokens[tokens.index(sign) - 1].text.lower() == "offset"


def _explain(message: str, tokens: list[Token], text: str, file: str) -> NoReturn:
    """Raise the parser's refusal with a place: where the grammar breaks, or else the function it names."""
    Syntax(tokens, text, file).read()
    named = re.search(r"'(\w+)'|illegal regex for (.+)", message)
    words = {named[1], quote(named[2] or "")} if named else {message.rpartition(": ")[2]}
    if message.startswith("duration must be greater"):
        words = {t.text for t in tokens if t.text.strip("0ywdhms") == "" and t.kind is TokenKind.NUMBER}
    token = next((t for t in tokens if t.text in words), tokens[0])
    if message.startswith("unknown function"):
        raise PromqlError(
            f"there is no function {token.text}",
            location=place(text, token.start, file),
            value=token.text,
            expected=nearest(token.text, FUNCTIONS).split(", ")[0],
        )
    raise PromqlError(message, location=place(text, token.start, file), value=excerpt(text, token.start) or None)


def _convert(node: Any, aside: Placeholders) -> Expr:  # noqa: C901, PLR0911  (one case a node)
    match node:
        case promql_parser.NumberLiteral():
            return aside.number(node.val)
        case promql_parser.StringLiteral():
            return String(node.val)
        case promql_parser.ParenExpr():
            return Paren(_convert(node.expr, aside))
        case promql_parser.UnaryExpr():
            return Unary("-", _convert(node.expr, aside))
        case promql_parser.Call():
            return Call(node.func.name, tuple(_convert(arg, aside) for arg in node.args))
        case promql_parser.AggregateExpr():
            return _aggregate(node, aside)
        case promql_parser.BinaryExpr():
            return _binary(node, aside)
        case promql_parser.VectorSelector():
            return _selector(node, aside, None)
        case promql_parser.MatrixSelector():
            return _selector(node.vector_selector, aside, _duration(node.range, aside))
        case promql_parser.SubqueryExpr():
            return _subquery(node, aside)
    raise PromqlError(f"{type(node).__name__} cannot be represented")


def _subquery(node: Any, aside: Placeholders) -> Subquery:
    return Subquery(
        _convert(node.expr, aside),
        aside.duration(_ms(node.range)),
        step=_duration(node.step, aside),
        offset=_duration(node.offset, aside),
        at=_at(node.at),
    )


def _ms(value: timedelta) -> int:
    return round(value / _MS)


def _duration(value: timedelta | None, aside: Placeholders) -> Duration | None:
    return aside.duration(_ms(value)) if value is not None else None


def _at(modifier: Any) -> At | None:
    if modifier is None:
        return None
    kind = _word(modifier.type)
    return At(edge=kind.lower()) if kind in {"Start", "End"} else At(ms=_ms(modifier.at - _EPOCH))


def _word(enum: Any) -> str:
    return str(enum).rpartition(".")[2]


def _selector(node: Any, aside: Placeholders, window: Duration | None) -> Selector:
    matchers = [Matcher(m.name, _MATCH_OPS[_word(m.op)], m.value) for m in node.matchers.matchers]
    name = node.name
    named = [matcher for matcher in matchers if matcher.label == "__name__"]
    if name is None and len(named) == 1 and named[0].op is MatchOp.EQUAL and named[0].value:
        name = named[0].value
        matchers.remove(named[0])
    return Selector(name, matchers=tuple(matchers), range=window, offset=_duration(node.offset, aside), at=_at(node.at))


def _aggregate(node: Any, aside: Placeholders) -> Aggregate:
    labels = None if node.modifier is None else tuple(map(aside.label, node.modifier.labels))
    return Aggregate(
        str(node.op),
        _convert(node.expr, aside),
        labels=labels,
        without=node.modifier is not None and _word(node.modifier.type) == "Without",
        param=None if node.param is None else _convert(node.param, aside),
    )


def _binary(node: Any, aside: Placeholders) -> Binary:
    left, right, modifier = _convert(node.lhs, aside), _convert(node.rhs, aside), node.modifier
    if modifier is None:
        return Binary(str(node.op), left, right)
    names = None if modifier.matching is None else tuple(map(aside.label, modifier.matching.labels))
    include = _word(modifier.matching.type) == "Include" if modifier.matching is not None else False
    return Binary(
        str(node.op),
        left,
        right,
        on=names if include else None,
        ignoring=None if include else names,
        group=_CARDINALITIES.get(_word(modifier.card), ""),
        include=tuple(map(aside.label, modifier.group_labels or ())),
        bool=modifier.return_bool,
    )
