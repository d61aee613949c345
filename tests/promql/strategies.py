"""Bound expressions of every node and every type, for the laws of printing, scope and binding."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

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
    Variable,
)

hostile = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ['"', "\\", "\n", "\\n", "'", "`", "a#b", "{x}", "$var", "${var:regex}", "$__rate_interval", "[5m]", "\t\r\x00\x7f"]
)
label_names = st.sampled_from(["route", "code", "le", "by", "on", "sum", "a.b", "größe", 'quo"te', "with space", "inf"])
label_lists = st.lists(label_names | st.just("$label"), max_size=3, unique=True).map(tuple)
metric_names = st.sampled_from(
    [
        "up",
        "registry_http_requests_total",
        "a:b:rate5m",
        "http.requests",
        "sum",
        "on",
        "Bool",
        "größe",
        "nan",
        "or",
        "5xx",
    ]
)
matchers = st.builds(Matcher, label_names, st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL]), hostile) | st.builds(
    Matcher,
    label_names,
    st.sampled_from([MatchOp.REGEX, MatchOp.NOT_REGEX]),
    st.sampled_from(["5..", "$x", "1|1\\.0", "\\\\"]),
)
matcher_lists = st.lists(matchers, max_size=3).map(tuple)
some = Matcher("job", MatchOp.EQUAL, "registry")
windows = st.integers(1, 10**12).map(Duration) | st.sampled_from(
    [Duration(macro=macro) for macro in ("$__rate_interval", "$__range", "${__interval}", "$window")]
)
offsets = st.none() | windows | st.integers(1, 10**12).map(lambda ms: Duration(-ms))
ats = st.none() | st.builds(At, ms=st.integers(0, 10**13)) | st.sampled_from([At(edge="start"), At(edge="end")])
numbers = (
    st.floats(allow_nan=True, allow_infinity=True).map(lambda value: Number(Decimal(repr(value))))
    | st.integers(-(10**6), 10**6).map(lambda value: Number(Decimal(value)))
    | st.sampled_from([Number(Decimal("0.00144")), Number(Decimal("1e-12")), Number(Decimal("1e21"))])
)
instants = st.builds(Selector, metric_names, matchers=matcher_lists, offset=offsets, at=ats) | st.builds(
    Selector, st.none(), matchers=matcher_lists.map(lambda found: (some, *found)), offset=offsets, at=ats
)
ranges = st.builds(Selector, metric_names, matchers=matcher_lists, range=windows, offset=offsets, at=ats)
ARITHMETIC = ["+", "-", "*", "/", "%", "^", "atan2"]
COMPARISONS = ["==", "!=", "<", "<=", ">", ">="]


def negated(expr: Expr) -> Expr:
    """A sign in front, where the grammar keeps it apart: `-3` is a number, not a sign and a number."""
    return Unary("-", Paren(expr)) if isinstance(expr, Number) else Unary("-", expr)


@st.composite
def binaries(draw: st.DrawFn, vectors: st.SearchStrategy[Expr], scalars: st.SearchStrategy[Expr]) -> Expr:
    """Two vectors with any matching, or a vector and a scalar."""
    op = draw(st.sampled_from([*ARITHMETIC, *COMPARISONS, "and", "or", "unless"]))
    modifier = op in COMPARISONS and draw(st.booleans())
    is_set = op in {"and", "or", "unless"}
    if not is_set and draw(st.booleans()):
        pair = draw(st.tuples(vectors, scalars) | st.tuples(scalars, vectors))
        return Binary(op, *pair, bool=modifier)
    names = draw(st.none() | label_lists)
    kind = draw(st.sampled_from(["on", "ignoring"]))
    group = "" if names is None or is_set else draw(st.sampled_from(["", "left", "right"]))
    include = draw(label_lists) if group else ()
    if kind == "on":
        include = tuple(name for name in include if name not in (names or ()))
    return Binary(
        op,
        draw(vectors),
        draw(vectors),
        on=names if kind == "on" else None,
        ignoring=names if kind == "ignoring" else None,
        group=group,
        include=include,
        bool=modifier,
    )


@st.composite
def aggregates(draw: st.DrawFn, vectors: st.SearchStrategy[Expr]) -> Expr:
    """Every operator, with its parameter where it has one."""
    op = draw(st.sampled_from(["sum", "avg", "count", "group", "topk", "quantile", "count_values", "stddev"]))
    param: Expr | None = None
    if op in {"topk", "quantile"}:
        param = draw(numbers | st.just(Variable("$limit")))
    elif op == "count_values":
        param = String(draw(st.sampled_from(["value", "version"])))
    labels = draw(st.none() | label_lists)
    return Aggregate(op, draw(vectors), labels, labels is not None and draw(st.booleans()), param)


def _grow(vectors: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    scalars: st.SearchStrategy[Expr] = (
        numbers
        | st.sampled_from([Variable("$__range_s"), Call("time", ())])
        | st.builds(lambda inner: Call("scalar", (inner,)), vectors)
    )
    subqueries = st.builds(Subquery, vectors, windows, step=st.none() | windows, offset=offsets, at=ats)
    matrices = ranges | subqueries
    return (
        binaries(vectors, scalars)
        | aggregates(vectors)
        | vectors.map(negated)
        | vectors.map(Paren)
        | st.builds(lambda name, inner: Call(name, (inner,)), st.sampled_from(["rate", "max_over_time"]), matrices)
        | st.builds(lambda q, inner: Call("histogram_quantile", (q, inner)), scalars, vectors)
        | st.builds(lambda inner: Call("absent", (inner,)), vectors)
        | st.builds(lambda inner: Call("vector", (inner,)), scalars)
        | st.builds(
            lambda inner, text: Call("label_join", (inner, String("x"), String(text), String("route"))),
            vectors,
            hostile,
        )
    )


expressions: st.SearchStrategy[Expr] = st.recursive(instants, _grow, max_leaves=8)
