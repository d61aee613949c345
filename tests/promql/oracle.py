"""promql-parser, a parser that others keep, as the judge of ours: the same texts are read, and to the same tree.

Run: python -m tests.promql.oracle COUNT [SEED]. It reads COUNT random texts with both and prints where they differ.
"""

from __future__ import annotations

import random
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import promql_parser

from regobs.errors import PromqlError
from regobs.promql.nodes import (
    Aggregate,
    At,
    Binary,
    Call,
    Duration,
    Expr,
    Matcher,
    MatchOp,
    Number,
    Paren,
    Selector,
    String,
    Subquery,
    Unary,
)
from regobs.promql.parse import parse

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_MATCH_OPS = {"Equal": MatchOp.EQUAL, "NotEqual": MatchOp.NOT_EQUAL, "Re": MatchOp.REGEX, "NotRe": MatchOp.NOT_REGEX}
_CARDINALITIES = {"ManyToOne": "left", "OneToMany": "right"}


def oracle(text: str) -> Expr | None:
    """The tree that the library reads; None when it refuses the text."""
    try:
        return _convert(promql_parser.parse(text))
    except ValueError:
        return None
    except BaseException as panic:  # the library panics on times and durations that it cannot hold
        if type(panic).__name__ != "PanicException":
            raise
        return None


def ours(text: str) -> Expr | None:
    """The tree that we read, its numbers as floats hold them; None when we refuse the text."""
    try:
        return parse(text)
    except PromqlError:
        return None


# Texts on which the two differ, on purpose or by a fault of the library, each with the reason.
KNOWN = (
    (re.compile(r"\bor\b[^{]*}|\bfill(_left|_right)?\s*\("), "or between matchers, fill: our tree cannot hold them"),
    (re.compile(r"@\s*-"), "times before 1970: we refuse them, the library panics on some"),
    (re.compile(r"\d{8}|\d[eE]\d"), "times and durations that the library cannot hold, at which it panics"),
    (re.compile(r"\$"), "variables of Grafana, which the library does not know"),
    (re.compile(r"limit(k|_ratio)"), "the library does not check the type of their parameter"),
    (re.compile(r"`[^`]*\\"), "the library looks for escapes in raw strings"),
    (re.compile(r"[\[:]\s*0[0xX.]*\s*[:\]]"), "a window of the plain number 0, which the library lets through"),
    (re.compile(r"offset\s*[-+]?\s*0"), "an offset of the plain number 0, which the library lets through"),
    (re.compile(r"\[[^]]*(--|&&|~~|\[)|\[\^?\]-|\)\("), "sets and groups of Rust's regular expressions"),
    (re.compile(r"(?:^|[-+*/%^=<>(,\s])\+"), "a + before a range or a string, which the library drops"),
)


def differs(text: str) -> bool:
    """Whether the two disagree, known differences aside."""
    if any(pattern.search(text) for pattern, _ in KNOWN):
        return False
    theirs, mine = oracle(text), ours(text)
    return (theirs is None) != (mine is None) or (mine is not None and theirs != mine and _text(theirs) != _text(mine))


def _text(expr: Expr | None) -> str:
    """A tree with its numbers as 64-bit floats, which is what the library keeps of them."""
    return re.sub(r"Decimal\('([^']+)'\)", lambda found: repr(float(found[1])), repr(expr))


def _convert(node: Any) -> Expr:  # noqa: C901, PLR0911  (one case a node)
    match node:
        case promql_parser.NumberLiteral():
            return Number(Decimal(repr(node.val)))
        case promql_parser.StringLiteral():
            return String(node.val)
        case promql_parser.ParenExpr():
            return Paren(_convert(node.expr))
        case promql_parser.UnaryExpr():
            return Unary("-", _convert(node.expr))
        case promql_parser.Call():
            return Call(node.func.name, tuple(map(_convert, node.args)))
        case promql_parser.AggregateExpr():
            modifier = node.modifier
            return Aggregate(
                str(node.op),
                _convert(node.expr),
                labels=None if modifier is None else tuple(modifier.labels),
                without=modifier is not None and _word(modifier.type) == "Without",
                param=None if node.param is None else _convert(node.param),
            )
        case promql_parser.BinaryExpr():
            return _binary(node)
        case promql_parser.VectorSelector():
            return _selector(node, None)
        case promql_parser.MatrixSelector():
            return _selector(node.vector_selector, _duration(node.range))
        case promql_parser.SubqueryExpr():
            window, step = _duration(node.range), _duration(node.step)
            assert window is not None
            return Subquery(_convert(node.expr), window, step, offset=_duration(node.offset), at=_at(node.at))
    raise ValueError(type(node).__name__)


def _duration(value: timedelta | None) -> Duration | None:
    return None if value is None else Duration(round(value / _MS))


def _at(modifier: Any) -> At | None:
    if modifier is None:
        return None
    kind = _word(modifier.type)
    return At(edge=kind.lower()) if kind in {"Start", "End"} else At(ms=round((modifier.at - _EPOCH) / _MS))


def _word(enum: Any) -> str:
    return str(enum).rpartition(".")[2]


def _selector(node: Any, window: Duration | None) -> Selector:
    matchers = [Matcher(m.name, _MATCH_OPS[_word(m.op)], m.value) for m in node.matchers.matchers]
    name = node.name
    named = [matcher for matcher in matchers if matcher.label == "__name__"]
    if name is None and len(named) == 1 and named[0].op is MatchOp.EQUAL and named[0].value:
        name = named[0].value
        matchers.remove(named[0])
    return Selector(name, matchers=tuple(matchers), range=window, offset=_duration(node.offset), at=_at(node.at))


def _binary(node: Any) -> Binary:
    left, right, modifier = _convert(node.lhs), _convert(node.rhs), node.modifier
    if modifier is None:
        return Binary(str(node.op), left, right)
    matching = modifier.matching
    names = None if matching is None else tuple(matching.labels)
    include = matching is not None and _word(matching.type) == "Include"
    return Binary(
        str(node.op),
        left,
        right,
        on=names if include else None,
        ignoring=None if include else names,
        group=_CARDINALITIES.get(_word(modifier.card), ""),
        include=tuple(modifier.group_labels or ()),
        bool=modifier.return_bool,
    )


_ATOMS = ("a", "up", "a:b", "sum", "1", "0.5", "1e3", "0x1F", "5m", "'x'", '"q\\n"', "`r`", "Inf", "nan", "on", "start")
_SELECTORS = (
    "a{b='c'}",
    "{b!=''}",
    "{b=~'.+'}",
    "a{}",
    "{}",
    "{'a.b'}",
    "a{b='c',}",
    "a{'x y'=~'[0-9]+|z'}",
    "a{b=~'('}",
)
_RANGES = ("[5m]", "[1h:5m]", "[1h:]", "[300]", "[0s]", "[1m30s]", "[30s1m]", "[5m:1m:1m]")
_BEHIND = (" offset 5m", " offset -1h", " @ 12.5", " @ start()", " @ end ( )", " offset 0x10", "@5m")
_LISTS = ("()", "(b)", "(b, c)", "(b,)", "('x.y')", "(on)", "(inf)", "(a:b)", "(,)")
_OPERATORS = ("+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">=", "and", "or", "unless", "AND")
_MODIFIERS = ("", "", "", " bool", " on (b)", " ignoring ()", " on (b) group_left (c)", " ignoring (b) group_right")
_MODIFIERS_WRONG = (" group_left", " on (b) group_left (b)", " bool on (b)", " on (b) bool")
_AGGREGATIONS = ("sum", "avg", "topk", "quantile", "count_values", "limitk", "group", "SUM")
_FUNCTIONS = (
    *("rate", "abs", "clamp", "round", "time", "vector", "scalar", "label_replace", "label_join", "absent", "pi"),
    *("histogram_quantile", "quantile_over_time", "predict_linear", "info", "sort_by_label", "day_of_month", "nothing"),
)
_NOISE = (*"(){}[],:@+-*/^%=<>!~\"'` \n#", "by", "offset", "on", "bool", "5m", "0", ".", "a", "group_left", "\\", "$x")


def random_text(rng: random.Random, depth: int = 3) -> str:
    """A text that is PromQL or nearly so."""
    text = _random(rng, depth)
    if rng.random() < 0.9:  # a sign + is a known difference where it does nothing
        text = text.replace("+", "-")
    while rng.random() < 0.2:  # something is taken out or put in
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(_NOISE) + text[at + rng.randrange(2) :]
    return text


def _random(rng: random.Random, depth: int) -> str:
    kind = rng.random()
    if depth == 0 or kind < 0.15:
        atom = rng.choice(_SELECTORS) if rng.random() < 0.5 else rng.choice(_ATOMS)
        atom += rng.choice(_RANGES) if rng.random() < 0.25 else ""
        return atom + (rng.choice(_BEHIND) if rng.random() < 0.15 else "")
    if kind < 0.3:
        return f"({_random(rng, depth - 1)})" + (rng.choice(_RANGES) if rng.random() < 0.1 else "")
    if kind < 0.4:
        return rng.choice("-+") + rng.choice(("", " ")) + _random(rng, depth - 1)
    if kind < 0.65:
        modifier = rng.choice(_MODIFIERS_WRONG if rng.random() < 0.05 else _MODIFIERS)
        return f"{_random(rng, depth - 1)} {rng.choice(_OPERATORS)}{modifier} {_random(rng, depth - 1)}"
    if kind < 0.8:
        args = ", ".join(_random(rng, depth - 1) for _ in range(rng.choice((1, 1, 1, 2, 0))))
        clause = f" {rng.choice(('by', 'without'))} {rng.choice(_LISTS)}" if rng.random() < 0.6 else ""
        op = rng.choice(_AGGREGATIONS)
        return f"{op}{clause} ({args})" if rng.random() < 0.5 else f"{op}({args}){clause}"
    args = ", ".join(_random(rng, depth - 1) for _ in range(rng.choice((1, 1, 2, 2, 3, 0))))
    return f"{rng.choice(_FUNCTIONS)}({args})" + (rng.choice(_RANGES) if rng.random() < 0.1 else "")


def main(count: int, seed: int) -> int:
    """Read so many texts with both; the exit code says whether they agree on all."""
    rng, found, valid, began = random.Random(seed), 0, 0, time.process_time()  # noqa: S311
    for _ in range(count):
        text = random_text(rng)
        valid += ours(text) is not None
        if differs(text):
            found += 1
            if found <= 20:
                print(f"{text!r}\n  library: {oracle(text)}\n  ours:    {ours(text)}")
    cpu = time.process_time() - began
    print(f"{count:,} texts, {valid:,} of them valid, {found} read differently, {cpu:.0f} s of CPU")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
