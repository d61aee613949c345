"""The PromQL expression tree: one frozen node a construct, compared by value.

A tree is *unbound* while its selectors hold catalog entries and content words (`route="manifest"`), and *bound* once
`bind` has put in a flavor's names. Trees parsed from text are bound from the start. Printing, inference, scope
injection and recorded-series substitution work on the same nodes.
"""

from __future__ import annotations

from dataclasses import field
from decimal import Decimal
from enum import StrEnum

from regobs.catalog.model import Metric
from regobs.common.frozen import frozen

Span = tuple[int, int]  # where a part stands in the text it was read from: the offsets of its first and behind its last


class MatchOp(StrEnum):
    """How a label's value is compared."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@frozen
class Matcher:
    """A label matcher of bound PromQL."""

    label: str
    op: MatchOp
    value: str
    span: Span | None = field(default=None, kw_only=True, compare=False, repr=False)


@frozen
class Choice:
    """A label condition of unbound PromQL, in content words: the label is (or is none of) these words.

    `words` may be closed values, `Label.words`, `Label.patterns`, or, for `le`, bucket edges as Decimal text.
    """

    label: str
    words: tuple[str, ...]
    negated: bool = False


@frozen
class Duration:
    """A PromQL duration in milliseconds, or a Grafana macro (`$__rate_interval`) in its place."""

    ms: int = 0
    macro: str = ""


RATE_INTERVAL = Duration(macro="$__rate_interval")
RANGE = Duration(macro="$__range")


@frozen
class At:
    """The `@` modifier: a Unix time in milliseconds, or `start` or `end`."""

    ms: int = 0
    edge: str = ""


@frozen
class Expr:
    """Any PromQL expression. Arithmetic on two of them builds a Binary with default matching.

    `span` is where it stands in the text that it was read from, parentheses around it not included; None when built.
    """

    span: Span | None = field(default=None, kw_only=True, compare=False, repr=False)

    def __add__(self, other: Expr | int | Decimal) -> Expr:
        return Binary("+", self, _expr(other))

    def __sub__(self, other: Expr | int | Decimal) -> Expr:
        return Binary("-", self, _expr(other))

    def __mul__(self, other: Expr | int | Decimal) -> Expr:
        return Binary("*", self, _expr(other))

    def __rmul__(self, other: int | Decimal) -> Expr:
        return Binary("*", _expr(other), self)

    def __truediv__(self, other: Expr | int | Decimal) -> Expr:
        return Binary("/", self, _expr(other))


def _expr(value: Expr | int | Decimal) -> Expr:
    return value if isinstance(value, Expr) else Number(Decimal(value))


@frozen
class Number(Expr):
    """A number literal, exact. NaN equals NaN here, so that trees can be compared."""

    value: Decimal

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Number):
            return NotImplemented
        return self.value == other.value or (self.value.is_nan() and other.value.is_nan())

    def __hash__(self) -> int:
        return hash("NaN") if self.value.is_nan() else hash(self.value)


@frozen
class Variable(Expr):
    """A Grafana variable in the place of a number (`$__range_s`, `${limit}`), with its sign."""

    name: str


@frozen
class String(Expr):
    """A string literal."""

    value: str


@frozen
class Selector(Expr):
    """An instant selector, or with `range` a range selector.

    `metric` is a catalog entry (unbound; `suffix` is `_bucket`, `_sum` or `_count` of a histogram), a series name
    (bound), or None when only matchers select.
    """

    metric: Metric | str | None
    suffix: str = ""
    choices: tuple[Choice, ...] = ()
    matchers: tuple[Matcher, ...] = ()
    range: Duration | None = None
    offset: Duration | None = None
    at: At | None = None


@frozen
class Subquery(Expr):
    """`expr[range:step]`; a step of None is the server's default."""

    expr: Expr
    range: Duration
    step: Duration | None = None
    offset: Duration | None = None
    at: At | None = None


@frozen
class Call(Expr):
    """A function call."""

    function: str
    args: tuple[Expr, ...]


@frozen
class Aggregate(Expr):
    """`op by (labels) (param, expr)`. `labels` None means no grouping clause; `without` turns `by` around."""

    op: str
    expr: Expr
    labels: tuple[str, ...] | None = None
    without: bool = False
    param: Expr | None = None


@frozen
class Binary(Expr):
    """A binary operation.

    `on` None and `ignoring` None mean matching on all labels. `group` is `left` or `right` for many-to-one matching,
    with `include` its extra labels. `bool` is the modifier of a comparison.
    """

    op: str
    left: Expr
    right: Expr
    on: tuple[str, ...] | None = None
    ignoring: tuple[str, ...] | None = None
    group: str = ""
    include: tuple[str, ...] = ()
    bool: bool = False


@frozen
class Unary(Expr):
    """A sign before an expression."""

    op: str
    expr: Expr


@frozen
class Paren(Expr):
    """Parentheses that a text had. Builders never make them: the printer adds what precedence needs."""

    expr: Expr
