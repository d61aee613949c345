"""What Prometheus evaluates by itself, as in a rule: without variables of a dashboard, to one value at a time.

One such expression makes Prometheus refuse the whole file, or is a matcher that no series ever has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from regobs.errors import Location, PromqlError
from regobs.promql.nodes import Duration, Expr, Selector, Subquery, Variable
from regobs.promql.types import ValueType
from regobs.promql.walk import walk

_WITHOUT = "write what it stands for: only a dashboard fills in variables"
_IN_MATCHERS = re.compile(r"(?<!\\)\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*(?::\w+)?\})")
_RESULTS: dict[ValueType, tuple[str, str]] = {
    "matrix": ("a range of values", "put a function around it that makes one of them, such as max_over_time(...)"),
    "string": ("a text", "write an expression that has a number"),
    "scalar": ("a number without series", "write vector(...) around it"),
}


def check_evaluated(
    expr: Expr, result: ValueType, locate: Callable[[Expr, str], Location] | None = None, *, scalars: bool = True
) -> None:
    """Raise PromqlError for a variable of a dashboard, and for a result that is no value of series at each moment.

    `result` is what the expression gives. A rule may have a scalar; what is aggregated may not.
    """
    for node, name in _variables(expr):
        raise PromqlError(
            f"{name} is a variable of a dashboard: Prometheus knows none",
            location=locate(node, name) if locate else None,
            value=name,
            expected="PromQL without variables",
            next_step=_WITHOUT,
        )
    if result == "vector" or (result == "scalar" and scalars):
        return
    what, next_step = _RESULTS[result]
    raise PromqlError(
        f"the result is {what}",
        location=locate(expr, "") if locate else None,
        expected="a value of each series at each moment",
        next_step=next_step,
    )


def _variables(expr: Expr) -> Iterator[tuple[Expr, str]]:
    """Each variable in the place of a number, a duration or within the value of a matcher, with its node."""
    for node in walk(expr):
        if isinstance(node, Variable):
            yield node, node.name
        durations: tuple[Duration | None, ...] = ()
        if isinstance(node, Selector):
            durations = (node.range, node.offset)
            yield from ((node, found[0]) for one in node.matchers if (found := _IN_MATCHERS.search(one.value)))
        elif isinstance(node, Subquery):
            durations = (node.range, node.step, node.offset)
        yield from ((node, one.macro) for one in durations if one is not None and one.macro)
