"""The text of an expression: one line, deterministic, with the fewest parentheses that keep the tree."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from regobs.errors import PromqlError
from regobs.promql.durations import duration_text
from regobs.promql.nodes import (
    Aggregate,
    At,
    Binary,
    Call,
    Duration,
    Expr,
    Matcher,
    Number,
    Paren,
    Selector,
    String,
    Subquery,
    Unary,
    Variable,
)

# https://prometheus.io/docs/prometheus/latest/querying/operators/#binary-operator-precedence
PRECEDENCE = {
    "or": 1,
    **dict.fromkeys(("and", "unless"), 2),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
_UNARY = 5  # a sign binds like `*`: -a ^ b is -(a ^ b)
_ATOM = 9
# Words that the grammar reads as something else where a metric name is expected, in any case.
KEYWORDS = frozenset(
    {"on", "ignoring", "group_left", "group_right", "bool", "by", "without", "offset", "inf", "nan", "start", "end"}
    | {"step", "range", "sum", "avg", "count", "min", "max", "group", "stddev", "stdvar", "topk", "bottomk"}
    | {"count_values", "quantile", "limitk", "limit_ratio", "fill", "fill_left", "fill_right"}
    | {"and", "or", "unless", "atan2", "anchored", "smoothed"}
)
_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"(?!(?i:inf|nan|without|anchored|smoothed)$)[a-zA-Z_][a-zA-Z0-9_]*|\$\w+|\$\{[^}]*\}")
_NEEDS_NO_ESCAPE = re.compile(r"[ !#-\[\]-~]*")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def to_text(expr: Expr) -> str:
    """The PromQL text of a bound tree. Raises PromqlError for a tree that still holds catalog entries."""
    write = _WRITERS.get(type(expr))
    if write is None:
        raise PromqlError(f"{type(expr).__name__} is no PromQL node")
    return write(expr)


def _subquery(node: Subquery) -> str:
    step = duration_text(node.step) if node.step else ""
    inner = _wrapped(node.expr, _ATOM)
    return f"{inner}[{duration_text(node.range)}:{step}]{_modifiers(node.at, node.offset)}"


def number_text(value: Decimal) -> str:
    """A number without float noise: `0.00144`, `1e+30`, `+Inf` as `Inf`."""
    if value.is_nan():
        return "NaN"
    if value.is_infinite():
        return "Inf" if value > 0 else "-Inf"
    if value == 0:
        return "0"
    plain = value.normalize()
    return format(plain, "f") if -10 <= plain.adjusted() < 16 else str(plain).lower()


def quote(text: str) -> str:
    """A double-quoted PromQL string."""
    return f'"{text}"' if _NEEDS_NO_ESCAPE.fullmatch(text) else '"' + "".join(map(_escape, text)) + '"'


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return char if char.isprintable() or ord(char) > 0xFFFF else f"\\u{ord(char):04x}"


def label_text(name: str) -> str:
    """A label name, quoted where it is outside the classic alphabet."""
    return name if _LABEL_NAME.fullmatch(name) else quote(name)


def plain_label(name: str) -> bool:
    """Whether a label's name can stand without quotes."""
    return bool(_LABEL_NAME.fullmatch(name))


def _labels(names: tuple[str, ...]) -> str:
    return f"({', '.join(map(label_text, names))})"


@lru_cache(maxsize=1024)
def matcher_text(matcher: Matcher) -> str:
    """One matcher, as between the braces of a selector."""
    return f"{label_text(matcher.label)}{matcher.op.value}{quote(matcher.value)}"


def _selector(node: Selector) -> str:
    if node.choices or not (node.metric is None or isinstance(node.metric, str)):
        name = node.metric if isinstance(node.metric, str) else getattr(node.metric, "name", "")
        raise PromqlError(f"{name} is not bound to a vocabulary yet", next_step="call bind(expr, vocabulary) first")
    inner = [matcher_text(matcher) for matcher in node.matchers]
    name = (node.metric or "") + node.suffix
    if name and not plain_metric_name(name):
        inner.insert(0, quote(name))
        name = ""
    text = name + (f"{{{', '.join(inner)}}}" if inner or not name else "")
    if node.range is not None:
        text += f"[{duration_text(node.range)}]"
    return text + _modifiers(node.at, node.offset)


@lru_cache(maxsize=1024)
def plain_metric_name(name: str) -> bool:
    """Whether a metric name can stand without quotes."""
    return bool(_METRIC_NAME.fullmatch(name)) and name.lower() not in KEYWORDS


def _modifiers(at: At | None, offset: Duration | None) -> str:
    text = ""
    if at is not None:
        text += f" @ {at.edge}()" if at.edge else f" @ {number_text(Decimal(at.ms) / 1000)}"
    if offset is not None:
        text += f" offset {duration_text(offset)}"
    return text


def _aggregate(node: Aggregate) -> str:
    clause = "" if node.labels is None else f" {'without' if node.without else 'by'} {_labels(node.labels)} "
    param = "" if node.param is None else to_text(node.param) + ", "
    return f"{node.op}{clause}({param}{to_text(node.expr)})"


def _precedence(expr: Expr) -> int:
    match expr:
        case Binary(op=op):
            return PRECEDENCE[op]
        case Unary():
            return _UNARY
        case Number(value) if value.is_signed() and value != 0:
            return _UNARY
        case Number() | String() | Variable():
            return _ATOM - 1
        case Selector(at=None, offset=None, range=None) | Call() | Aggregate() | Paren():
            return _ATOM
        case _:
            return _ATOM - 1


def _wrapped(expr: Expr, least: int) -> str:
    text = to_text(expr)
    return text if _precedence(expr) >= least else f"({text})"


def _operand(expr: Expr) -> str:
    """What stands after a sign: `-(3)`, because `-3` is a number, and `-(-a)`, because nobody reads `--a`."""
    if isinstance(expr, Number | Unary | Variable):
        return f"({to_text(expr)})"
    return _wrapped(expr, PRECEDENCE["^"])


def _binary(node: Binary) -> str:
    level = PRECEDENCE[node.op]
    right_associative = node.op == "^"
    left = _wrapped(node.left, level + 1 if right_associative else level)
    # a signed right side needs no parentheses (`a - -1`), except that `^` would read on behind it
    signed = isinstance(node.right, Number) or (isinstance(node.right, Unary) and not right_associative)
    right = to_text(node.right) if signed else _wrapped(node.right, level if right_associative else level + 1)
    return f"{left} {node.op}{_matching(node, right)} {right}"


def _matching(node: Binary, right: str) -> str:
    text = " bool" if node.bool else ""
    if node.on is not None:
        text += f" on {_labels(node.on)}"
    elif node.ignoring is not None:
        text += f" ignoring {_labels(node.ignoring)}"
    if node.group:
        text += f" group_{node.group}"
        # without the empty list, a parenthesis on the right would be read as the list
        text += f" {_labels(node.include)}" if node.include or right.startswith("(") else ""
    return text


# By class rather than by `match`, which asks one after the other: a build prints thousands of trees.
_WRITERS: dict[type[Expr], Callable[[Any], str]] = {
    Selector: _selector,
    Binary: _binary,
    Number: lambda node: number_text(node.value),
    Call: lambda node: f"{node.function}({', '.join(map(to_text, node.args))})",
    Aggregate: _aggregate,
    Paren: lambda node: f"({to_text(node.expr)})",
    Unary: lambda node: node.op + _operand(node.expr),
    Subquery: _subquery,
    String: lambda node: quote(node.value),
    Variable: lambda node: node.name,
}
