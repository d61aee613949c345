"""Where a query's syntax breaks, and where its selectors, calls and aggregations begin.

promql-parser reads the queries; it does not say where something is. This reads the same grammar without building
anything, and only when a place is asked for.
"""

from __future__ import annotations

from regobs.errors import PromqlError
from regobs.promql.printer import KEYWORDS
from regobs.promql.tokens import Token, TokenKind, excerpt, place

AGGREGATIONS = frozenset(
    {"sum", "avg", "count", "min", "max", "group", "stddev", "stdvar", "topk", "bottomk", "count_values"}
    | {"quantile", "limitk", "limit_ratio"}
)
_OPERATORS = frozenset({"+", "-", "*", "/", "%", "^", "==", "!=", "<", "<=", ">", ">="})
_WORD_OPERATORS = frozenset({"and", "or", "unless", "atan2"})
FILLS = frozenset({"fill", "fill_left", "fill_right"})


class Syntax:
    """One pass over the tokens of a query. `heads` are the tokens that nodes begin with, in the order of the text."""

    def __init__(self, tokens: list[Token], text: str, file: str = "") -> None:
        self._tokens = tokens
        self._text = text
        self._file = file
        self._index = 0
        self.heads: list[Token] = []

    def read(self) -> list[Token]:
        """The heads of the whole query. Raises PromqlError at the first token that cannot stand where it is."""
        self._expression()
        if self._peek().kind is not TokenKind.END:
            self._fail("an operator or the end of the query")
        return self.heads

    def _peek(self, ahead: int = 0) -> Token:
        return self._tokens[min(self._index + ahead, len(self._tokens) - 1)]

    def _take(self) -> Token:
        token = self._peek()
        self._index += 1
        return token

    def _is(self, *texts: str) -> bool:
        token = self._peek()
        return token.kind in {TokenKind.MARK, TokenKind.NAME} and token.text.lower() in texts

    def _accept(self, *texts: str) -> bool:
        if self._is(*texts):
            self._index += 1
            return True
        return False

    def _expect(self, text: str, what: str = "") -> None:
        if not self._accept(text):
            self._fail(what or repr(text))

    def _expect_kind(self, what: str, *kinds: TokenKind) -> Token:
        if self._peek().kind not in kinds:
            self._fail(what)
        return self._take()

    def _fail(self, expected: str) -> None:
        token = self._peek()
        found = "the query ends here" if token.kind is TokenKind.END else f"{token.text!r} cannot stand here"
        raise PromqlError(
            found,
            location=place(self._text, token.start, self._file),
            value=excerpt(self._text, token.start) or None,
            expected=expected,
        )

    def _expression(self) -> None:
        self._operand()
        while self._is(*_OPERATORS, *_WORD_OPERATORS):
            self._take()
            self._matching()
            self._operand()

    def _matching(self) -> None:
        self._accept("bool")
        if self._accept("on", "ignoring"):
            self._label_list()
        if self._accept("group_left", "group_right") and self._is("("):
            self._label_list()
        while self._is(*FILLS) and self._peek(1).text == "(":
            self._take()
            self._take()
            self._accept("-", "+")
            self._expect_kind("a number", TokenKind.NUMBER)
            self._expect(")")

    def _operand(self) -> None:
        while self._accept("-", "+"):
            pass
        self._atom()
        while self._is("[", "offset", "@"):
            self._modifier()

    def _atom(self) -> None:
        token = self._peek()
        if token.kind in {TokenKind.NUMBER, TokenKind.STRING, TokenKind.VARIABLE}:
            self._take()
        elif self._accept("("):
            self._expression()
            self._expect(")", "an operator or ')'")
        elif self._is("{"):
            self.heads.append(token)
            self._matchers()
        elif token.kind is TokenKind.NAME:
            self._named(token)
        else:
            self._fail("a metric, a function, a number or '('")

    def _named(self, token: Token) -> None:
        word = token.text.lower()
        following = self._peek(1).text.lower()
        if word in AGGREGATIONS and following in {"(", "by", "without"}:
            self._aggregation(token)
        elif following == "(":
            self.heads.append(self._take())
            self._arguments()
        elif word in {"inf", "nan"}:
            self._take()
        elif word in {"on", "ignoring", "group_left", "group_right", "bool", "atan2"} & KEYWORDS:
            self._fail("a metric, a function, a number or '('")
        else:
            self.heads.append(self._take())
            if self._is("{"):
                self._matchers()

    def _aggregation(self, token: Token) -> None:
        self.heads.append(token)
        self._take()
        clause = self._accept("by", "without")
        if clause:
            self._label_list()
        if not self._is("("):
            self._fail("'('")
        self._arguments()
        if not clause and self._accept("by", "without"):
            self._label_list()

    def _arguments(self) -> None:
        self._expect("(")
        while not self._accept(")"):
            self._expression()
            if not self._is(")"):
                self._expect(",", "an operator, ',' or ')'")

    def _label_list(self) -> None:
        self._expect("(", "a label list such as (route)")
        while not self._accept(")"):
            self._expect_kind("a label name", TokenKind.NAME, TokenKind.STRING, TokenKind.VARIABLE)
            if not self._is(")"):
                self._expect(",", "',' or ')'")

    def _matchers(self) -> None:
        self._expect("{")
        while not self._accept("}"):
            name = self._expect_kind("a label name", TokenKind.NAME, TokenKind.STRING)
            quoted_metric = name.kind is TokenKind.STRING and self._is(",", "}")
            if not quoted_metric:
                if not self._accept("=", "!=", "=~", "!~"):
                    self._fail("=, !=, =~ or !~")
                self._expect_kind("a value in quotes", TokenKind.STRING)
            if not self._is("}") and not self._accept("or"):
                self._expect(",", "',' or '}'")

    def _modifier(self) -> None:
        if self._accept("["):
            self._duration()
            if self._accept(":") and not self._is("]"):
                self._duration()
            self._expect("]")
        elif self._accept("offset"):
            self._accept("-", "+")
            self._duration()
        else:
            self._expect("@")
            if self._accept("start", "end"):
                self._expect("(")
                self._expect(")")
            else:
                self._accept("-", "+")
                self._expect_kind("a Unix time, start() or end()", TokenKind.NUMBER)

    def _duration(self) -> None:
        self._expect_kind("a duration such as 5m", TokenKind.NUMBER, TokenKind.VARIABLE)
