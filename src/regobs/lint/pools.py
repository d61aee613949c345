"""Pools of connections whose idle ones are counted as used."""

from __future__ import annotations

from collections.abc import Iterator

from regobs.lint.findings import LintProblem
from regobs.lint.named_shares import COMPARISONS, bare
from regobs.lint.subjects import LintedQuery
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Selector
from regobs.promql.walk import selectors

# The last words of the names of a pool: what is used, and what may be.
_USED = ("_in_use", "_used", "_active", "_busy")
_LIMITS = ("_max_open", "_max", "_limit", "_maximum")


def counts_idle(query: LintedQuery) -> Iterator[LintProblem]:
    """What is used and what is idle, added up and held against the limit: that is how many are open.

    Only of one pool: `x_active`, `x_idle` and `x_max`, which are one name but for its end.
    """
    if not any(str(one.metric or "").endswith("_idle") for one in query.selectors):
        return
    for node in query.binaries:
        if node.op not in {"/", *COMPARISONS}:
            continue
        for part, whole in ((node.left, node.right), (node.right, node.left)):
            names = [str(one.metric or "") for one in selectors(whole)]
            stems = {name.removesuffix(end) for name in names for end in _LIMITS if name.endswith(end)}
            added = next((one for one in _picked(part) if isinstance(one, Binary) and one.op == "+"), None)
            if added is None or len(names) != 1 or not stems:
                continue
            sides = [_picked(side)[-1] for side in (added.left, added.right)]
            ends = {str(one.metric or "") for one in sides if isinstance(one, Selector)}
            if any({f"{stem}_idle", f"{stem}{used}"} == ends for stem in stems for used in _USED):
                idle = next(one for one in selectors(added) if str(one.metric).endswith("_idle"))
                yield query.problem(idle, f"{idle.metric} counts idle connections as used", f"leave out {idle.metric}")


def _picked(node: Expr) -> list[Expr]:
    """A part, and what it adds up or picks, down to the series."""
    found = [bare(node)]
    while isinstance(found[-1], Aggregate | Call):
        inner = found[-1]
        if isinstance(inner, Call) and not (inner.function.endswith("_over_time") and inner.args):
            break
        found.append(bare(inner.expr if isinstance(inner, Aggregate) else inner.args[-1]))
    return found
