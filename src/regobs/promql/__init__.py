"""Typed PromQL: build, bind to a flavor, put in a scope, infer, print, parse.

build.rate(http.REQUESTS, by="route")   ──►  bind(…, vocabulary)  ──►  inject(…, scope)  ──►  to_text(…)
parse("sum(rate(…))")                   ──────────┘

Each name is loaded with its first use: a command that asks a server does not wait for the builders.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from regobs.promql.parse import ParsedQuery, parse, parse_located
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
    "ParsedQuery",
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

_MODULES = {
    "bind": ("bind", "metrics_of", "requirements"),
    "build": (
        "age",
        "any_of",
        "count",
        "drain_time",
        "forecast",
        "highest",
        "increase",
        "latest",
        "lowest",
        "mean",
        "other_than",
        "per",
        "quantile",
        "rate",
        "ratio",
        "raw",
        "select",
        "shifted",
        "top",
        "total",
        "trend",
        "volume",
        "within",
        "zero_filled",
    ),
    "infer": ("infer", "infer_text"),
    "nodes": ("RANGE", "RATE_INTERVAL", "Duration", "Expr", "Matcher", "MatchOp", "Selector"),
    "parse": ("ParsedQuery", "parse", "parse_located"),
    "printer": ("to_text",),
    "recorded": ("Record", "use_recorded"),
    "scope": ("Scope", "inject"),
    "types": ("Type",),
    "unavailable": ("Unavailable",),
    "vocabulary": ("Vocabulary",),
    "walk": ("strip_parens",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


class _Package(ModuleType):
    """The package, in which `bind`, `infer` and `parse` are the functions, not the modules that define them."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _HOMES and isinstance(value, ModuleType):
            value = getattr(value, name)  # the import system sets the module that it has loaded
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
