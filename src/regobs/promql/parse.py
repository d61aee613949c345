"""From PromQL text to the tree: one pass over the tokens, after which every part knows where it stands.

The grammar is that of Prometheus 3 (https://prometheus.io/docs/prometheus/latest/querying/basics/), with Grafana's
variables as durations, label names and numbers. Value types are checked as Prometheus does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from regobs.common.closest import closest
from regobs.errors import Location, PromqlError
from regobs.promql.functions import AGGREGATIONS, FUNCTIONS, SIGNATURES
from regobs.promql.nodes import (
    Aggregate,
    Binary,
    Call,
    Expr,
    Number,
    Paren,
    Selector,
    String,
    Unary,
    Variable,
)
from regobs.promql.printer import PRECEDENCE
from regobs.promql.selector_reader import SelectorReader, operand_start
from regobs.promql.tokens import Token, TokenKind, misplaced, place, tokenize
from regobs.promql.walk import walk

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_SETS = frozenset({"and", "or", "unless"})
_FILLS = frozenset({"fill", "fill_left", "fill_right"})
# Words that no metric can be called without quotes.
_NO_METRIC = frozenset({"on", "ignoring", "group_left", "group_right", "bool", "atan2", "anchored", "smoothed"})
_NAME, _NUMBER, _STRING = TokenKind.NAME, TokenKind.NUMBER, TokenKind.STRING
_VARIABLE, _MARK, _END = TokenKind.VARIABLE, TokenKind.MARK, TokenKind.END
_OPERAND = "a metric, a function, a number or '('"


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A tree and the text that it was read from, in which every node and matcher has its `span`."""

    expr: Expr
    text: str
    file: str

    def locate(self, node: Expr, word: str = "") -> Location:
        """Where the first series, call or aggregation of a node stands, or `word` from there on, within the node.

        Of a node that was built, not read, it is where the query begins.
        """
        heads = (part.span[0] for part in walk(node) if isinstance(part, Selector | Call | Aggregate) and part.span)
        start, end = node.span or (0, len(self.text))
        start = next(heads, start)
        if word:
            inside = (token for token in tokenize(self.text) if start <= token.start < end)
            start = next((token.start for token in inside if token.text.strip("\"'`") == word), start)
        return place(self.text, start, self.file)


def parse(text: str, *, file: str = "") -> Expr:
    """The bound tree of a query in PromQL, with Grafana variables where it has them.

    Raises PromqlError with line and column for broken syntax, for wrong argument types, and for what the tree cannot
    hold: `or` between matchers, `fill` modifiers, a variable as a metric name.
    """
    return _parsed(text, file)


# A build reads the same rules and panels in several passes. Trees cannot be changed, so one serves all; texts that
# come from outside are bounded by their number.
@lru_cache(maxsize=1024)
def _parsed(text: str, file: str) -> Expr:
    return _Parser(text, file).query()


def parse_located(text: str, *, file: str = "") -> ParsedQuery:
    """Like `parse`, keeping the text for the places of later errors."""
    return ParsedQuery(parse(text, file=file), text, file)


@dataclass(slots=True)
class _Matching:
    """What stands between an operator and its right side."""

    start: int
    bool: bool = False
    on: tuple[str, ...] | None = None
    ignoring: tuple[str, ...] | None = None
    group: str = ""
    include: tuple[str, ...] = ()


class _Parser(SelectorReader):
    """Reads a query from left to right. The methods that read an expression return it with its value type."""

    def query(self) -> Expr:
        node, _ = self._expression()
        if self.token.kind is not _END:
            self.unexpected("an operator or the end of the query")
        return node

    # Operators

    def _expression(self, least: int = 1) -> tuple[Expr, str]:
        """Operands with operators that bind at least so tightly."""
        left, kind = self._operand()
        start = operand_start(left)
        while self.token.kind is _MARK or self.token.kind is _NAME:
            op = self.token.text.lower()
            level = PRECEDENCE.get(op)
            if level is None or level < least:
                break
            sign = self.take()
            matching = self._matching(op)
            right, other = self._expression(level if op == "^" else level + 1)
            self._check_binary(op, sign, matching, (kind, other))
            left = Binary(
                op,
                left,
                right,
                matching.on,
                matching.ignoring,
                matching.group,
                matching.include,
                matching.bool,
                span=(start, self.end()),
            )
            kind = "scalar" if kind == other == "scalar" else "vector"
        return left, kind

    def _operand(self) -> tuple[Expr, str]:
        sign = self.token
        if sign.kind is not _MARK or sign.text not in {"-", "+"}:
            return self.modified(*self._atom())
        self.take()
        node, kind = self._expression(PRECEDENCE["^"])
        if kind not in {"scalar", "vector"}:
            self.fail(f"a sign stands only before a number or a vector, this is a {kind}", sign.start)
        span = (sign.start, self.end())
        if isinstance(node, Number):
            value = node.value if sign.text == "+" else -node.value
            return Number(value.copy_abs() if value.is_nan() or not value else value, span=span), kind
        return (node if sign.text == "+" else Unary("-", node, span=span)), kind

    def _matching(self, op: str) -> _Matching:
        found = _Matching(self.token.start)
        found.bool = bool(self.word("bool"))
        if clause := self.word("on", "ignoring"):
            labels = self.label_list()
            found.on, found.ignoring = (labels, None) if clause == "on" else (None, labels)
            if group := self.word("group_left", "group_right"):
                found.group = group.removeprefix("group_")
                found.include = self.label_list() if self.token.text == "(" else ()
        elif self.token.text.lower() in {"group_left", "group_right"} and self.token.kind is _NAME:
            self.unexpected(f"on(...) or ignoring(...) before {self.token.text}")
        if self.token.kind is _NAME and self.token.text.lower() in _FILLS and self.following() == "(":
            next_step = "write (a or 0 * b) in place of fill(0)"
            self.fail("fill modifiers cannot be represented", self.token.start, next_step=next_step)
        if found.bool and op not in _COMPARISONS:
            self.fail("bool stands only behind a comparison", found.start, expected=f"{op} without bool")
        return found

    def _check_binary(self, op: str, sign: Token, matching: _Matching, kinds: tuple[str, str]) -> None:
        if not {"scalar", "vector"} >= set(kinds):
            wrong = next(kind for kind in kinds if kind not in {"scalar", "vector"})
            self.fail(f"{op} stands between numbers and instant vectors, one side is a {wrong}", sign.start)
        matched = matching.on or matching.ignoring  # an empty list is let through, as Prometheus does
        if "scalar" in kinds and op in _SETS:
            self.fail(f"the set operator {op} stands between vectors, one side is a scalar", sign.start)
        if "scalar" in kinds and matched:
            self.fail("labels are matched only between vectors", matching.start)
        if kinds == ("scalar", "scalar") and op in _COMPARISONS and not matching.bool:
            self.fail("comparisons between scalars must use BOOL modifier", sign.start, expected=f"{op} bool")
        if matching.group and op in _SETS:
            self.fail(f"no grouping with {op}", matching.start, expected=f"{op} without group_{matching.group}")
        twice = next((label for label in matching.include if label in (matching.on or ())), None)
        if twice is not None:
            self.fail(f"the label {twice} stands in on() and in group_{matching.group}()", matching.start)

    # Operands

    def _atom(self) -> tuple[Expr, str]:
        token = self.token
        if token.kind is _NAME:
            return self._named()
        if token.kind is _NUMBER:
            return self.number(), "scalar"
        if token.kind is _STRING:
            return String(self.string(), span=(token.start, token.end)), "string"
        if token.kind is _VARIABLE:
            return self._variable(), "scalar"
        if token.text == "{":
            return self.selector(None), "vector"
        self.expect("(", _OPERAND)
        node, kind = self._expression()
        self.expect(")", "an operator or ')'")
        return Paren(node, span=(token.start, self.end())), kind

    def _variable(self) -> Variable:
        token = self.take()
        if self.token.kind is _MARK and self.token.text in {"{", "["}:
            why = "a metric name cannot be a variable: nothing could be said about it"
            raise misplaced(token, why, self.text, self.file)
        return Variable(token.text, span=(token.start, token.end))

    def _named(self) -> tuple[Expr, str]:
        token = self.token
        word, following = token.text.lower(), self.following().lower()
        if word in AGGREGATIONS and following in {"(", "by", "without"}:
            return self._aggregation(), "vector"
        if following == "(" and word not in _NO_METRIC:
            return self._call()
        if word in {"inf", "nan"}:
            return self.number(), "scalar"
        if word in _NO_METRIC:
            self.unexpected(_OPERAND)
        self.take()
        return self.selector(token), "vector"

    def _aggregation(self) -> Aggregate:
        token = self.take()
        op = token.text.lower()
        clause = self.word("by", "without")
        labels = self.label_list() if clause else None
        if self.token.text != "(":
            self.unexpected("'('")
        args = self._arguments()
        if not clause and (clause := self.word("by", "without")):
            labels = self.label_list()
        wanted = [kind for kind in (AGGREGATIONS[op], "vector") if kind]
        if len(args) != len(wanted):
            self.fail(f"{op} takes {_counted(len(wanted))}, not {len(args)}", token.start)
        for (arg, kind), want in zip(args, wanted, strict=True):
            if kind != want:
                message = f"expected type {want} in aggregation expression, got {kind}"
                self.fail(message, operand_start(arg), next_step=_instead(kind, want))
        param = args[0][0] if len(args) > 1 else None
        return Aggregate(op, args[-1][0], labels, clause == "without", param, span=(token.start, self.end()))

    def _call(self) -> tuple[Call, str]:
        token = self.take()
        signature = SIGNATURES.get(token.text)
        args = self._arguments()
        if signature is None:
            raise PromqlError(
                f"there is no function {token.text}",
                location=place(self.text, token.start, self.file),
                value=token.text,
                expected=next(iter(closest(token.text, [*FUNCTIONS, *AGGREGATIONS])), "a function of PromQL"),
            )
        wanted = signature.arguments
        if len(args) < signature.least or (len(args) > len(wanted) and not signature.variadic):
            least, most = signature.least, len(wanted)
            count = f"at least {_counted(least)}" if signature.variadic else _counted(most)
            count = f"{least} to {_counted(most)}" if least < most and not signature.variadic else count
            self.fail(f"{token.text} takes {count}, not {len(args)}", token.start)
        for index, (arg, kind) in enumerate(args):
            want = wanted[min(index, len(wanted) - 1)]
            if kind != want:
                message = f"expected type {want} in call to function '{token.text}', got {kind}"
                self.fail(message, operand_start(arg), next_step=_instead(kind, want))
        node = Call(token.text, tuple(arg for arg, _ in args), span=(token.start, self.end()))
        return node, signature.returns

    def _arguments(self) -> list[tuple[Expr, str]]:
        self.expect("(")
        args: list[tuple[Expr, str]] = []
        if self.mark(")"):
            return args
        while True:
            args.append(self._expression())
            if self.mark(")"):
                return args
            self.expect(",", "an operator, ',' or ')'")


def _counted(count: int) -> str:
    return "one argument" if count == 1 else f"{count} arguments"


def _instead(kind: str, wanted: str) -> str | None:
    """What to write where there is a value of another type than is wanted."""
    if (kind, wanted) == ("vector", "matrix"):
        return "write a range behind the series, such as [5m]"
    if (kind, wanted) == ("matrix", "vector"):
        return "leave the range out, or write a function of it such as rate or avg_over_time"
    return None
