"""PromQL's functions, in the groups that inference needs.

Source: https://prometheus.io/docs/prometheus/latest/querying/functions/
"""

from __future__ import annotations

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
FUNCTIONS = (
    GROWTH | CHANGE | OVER_TIME | COUNTED | ABSENCE | SAME_UNIT | MATHS | HISTOGRAMS | DATES | SCALARS | {"timestamp"}
)
