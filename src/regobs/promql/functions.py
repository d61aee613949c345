"""PromQL's functions, in the groups that inference needs.

Source: https://prometheus.io/docs/prometheus/latest/querying/functions/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

# Of a range of a counter: the value becomes growth.
GROWTH = frozenset({"rate", "irate", "increase"})
# Of a range of a gauge: the value is a change that may fall.
CHANGE = frozenset({"delta", "idelta", "deriv", "predict_linear", "holt_winters", "double_exponential_smoothing"})
# Over time, the value keeps its unit.
OVER_TIME = frozenset(
    f"{name}_over_time" for name in ("avg", "min", "max", "sum", "quantile", "stddev", "last", "first", "mad")
)
# Over time, the value becomes a number without the metric's unit.
COUNTED = frozenset(
    {"changes", "resets", "count_over_time", "stdvar_over_time"}
    | {f"ts_of_{name}_over_time" for name in ("min", "max", "last", "first")}
)
ABSENCE = frozenset({"absent", "absent_over_time", "present_over_time"})
# Element by element, the unit stays.
SAME_UNIT = frozenset(
    {"abs", "ceil", "floor", "round", "clamp", "clamp_min", "clamp_max", "sort", "sort_desc", "sort_by_label"}
    | {"sort_by_label_desc", "label_replace", "label_join", "scalar", "vector", "info"}
)
MATHS = frozenset(
    [
        "exp",
        "ln",
        "log2",
        "log10",
        "sqrt",
        "sgn",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "acosh",
        "atanh",
        "deg",
        "rad",
    ]
)
HISTOGRAMS = frozenset(
    {"histogram_quantile", "histogram_fraction", "histogram_avg", "histogram_count", "histogram_sum"}
    | {"histogram_stddev", "histogram_stdvar", "histogram_quantiles"}
)
DATES = frozenset({"day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"})
SCALARS = frozenset({"time", "pi", "start", "end", "step", "range"})


class Signature(NamedTuple):
    """The value types of a function's arguments, of which `least` must be there; the last repeats if `variadic`."""

    arguments: tuple[str, ...]
    least: int
    variadic: bool = False
    returns: str = "vector"


def _of(*arguments: str, least: int | None = None, variadic: bool = False, returns: str = "vector") -> Signature:
    return Signature(arguments, len(arguments) if least is None else least, variadic, returns)


_V, _M, _S, _T = "vector", "matrix", "scalar", "string"
SIGNATURES: Mapping[str, Signature] = {
    **dict.fromkeys(GROWTH | CHANGE | OVER_TIME | COUNTED | ABSENCE, _of(_M)),
    **dict.fromkeys(SAME_UNIT | MATHS | HISTOGRAMS | {"timestamp", "absent"}, _of(_V)),
    **dict.fromkeys(DATES, _of(_V, least=0)),
    **dict.fromkeys(SCALARS, _of(returns=_S)),
    **dict.fromkeys(("clamp_min", "clamp_max"), _of(_V, _S)),
    **dict.fromkeys(("holt_winters", "double_exponential_smoothing"), _of(_M, _S, _S)),
    **dict.fromkeys(("sort_by_label", "sort_by_label_desc"), _of(_V, _T, least=1, variadic=True)),
    "clamp": _of(_V, _S, _S),
    "histogram_fraction": _of(_S, _S, _V),
    "histogram_quantile": _of(_S, _V),
    "histogram_quantiles": _of(_V, _T, _S, variadic=True),
    "info": _of(_V, _V, least=1),
    "label_join": _of(_V, _T, _T, _T, least=3, variadic=True),
    "label_replace": _of(_V, _T, _T, _T, _T),
    "predict_linear": _of(_M, _S),
    "quantile_over_time": _of(_S, _M),
    "round": _of(_V, _S, least=1),
    "scalar": _of(_V, returns=_S),
    "vector": _of(_S),
}
FUNCTIONS = frozenset(SIGNATURES)
# Aggregations, and the type of the parameter before the vector for those that have one.
AGGREGATIONS: Mapping[str, str] = {
    **dict.fromkeys(("sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"), ""),
    **dict.fromkeys(("topk", "bottomk", "quantile", "limitk", "limit_ratio"), _S),
    "count_values": _T,
}
# What the oldest supported Prometheus, 2.42, does not have, and the release that brought it.
SINCE: Mapping[str, str] = {
    **dict.fromkeys(("histogram_stddev", "histogram_stdvar"), "2.47"),
    **dict.fromkeys(("mad_over_time", "sort_by_label", "sort_by_label_desc"), "2.49"),
    "histogram_avg": "2.51",
    **dict.fromkeys(("limitk", "limit_ratio"), "2.54"),
    "info": "2.55",
    "double_exponential_smoothing": "3.0",
    **dict.fromkeys((f"ts_of_{name}_over_time" for name in ("min", "max", "last")), "3.5"),
    **dict.fromkeys(("first_over_time", "ts_of_first_over_time"), "3.7"),
    "histogram_quantiles": "3.11",
    **dict.fromkeys(("start", "end", "step", "range"), "3.12"),
}
# What stands in its place in each supported release.
INSTEAD: Mapping[str, str] = {
    **dict.fromkeys(("limitk", "limit_ratio"), "topk(...), or no limit"),
    **dict.fromkeys(("sort_by_label", "sort_by_label_desc"), "the series unsorted: a rule keeps no order"),
    "histogram_avg": "histogram_sum(...) / histogram_count(...)",
    "info": "* on (...) group_left (...) of the info metric",
    "mad_over_time": "stddev_over_time(...)",
    "double_exponential_smoothing": "avg_over_time(...)",
}
