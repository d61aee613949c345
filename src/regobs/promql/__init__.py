"""Typed PromQL: build, bind to a flavor, put in a scope, infer, print, parse.

build.rate(http.REQUESTS, by="route")   ──►  bind(…, vocabulary)  ──►  inject(…, scope)  ──►  to_text(…)
parse("sum(rate(…))")                   ──────────┘
"""

from regobs.promql.bind import bind, metrics_of, requirements
from regobs.promql.build import (
    age,
    any_of,
    count,
    drain_time,
    forecast,
    highest,
    increase,
    latest,
    lowest,
    mean,
    other_than,
    per,
    quantile,
    rate,
    ratio,
    raw,
    select,
    shifted,
    top,
    total,
    trend,
    volume,
    within,
    zero_filled,
)
from regobs.promql.infer import infer, infer_text
from regobs.promql.nodes import RANGE, RATE_INTERVAL, Duration, Expr, Matcher, MatchOp, Selector
from regobs.promql.parse import Parsed, parse, parse_located
from regobs.promql.printer import to_text
from regobs.promql.recorded import Record, use_recorded
from regobs.promql.scope import Scope, inject
from regobs.promql.types import Type
from regobs.promql.unavailable import Unavailable
from regobs.promql.vocabulary import Vocabulary
from regobs.promql.walk import strip_parens

__all__ = [
    "RANGE",
    "RATE_INTERVAL",
    "Duration",
    "Expr",
    "MatchOp",
    "Matcher",
    "Parsed",
    "Record",
    "Scope",
    "Selector",
    "Type",
    "Unavailable",
    "Vocabulary",
    "age",
    "any_of",
    "bind",
    "count",
    "drain_time",
    "forecast",
    "highest",
    "increase",
    "infer",
    "infer_text",
    "inject",
    "latest",
    "lowest",
    "mean",
    "metrics_of",
    "other_than",
    "parse",
    "parse_located",
    "per",
    "quantile",
    "rate",
    "ratio",
    "raw",
    "requirements",
    "select",
    "shifted",
    "strip_parens",
    "to_text",
    "top",
    "total",
    "trend",
    "use_recorded",
    "volume",
    "within",
    "zero_filled",
]
