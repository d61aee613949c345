"""Comparisons of two series, and two comparisons of one, that no value can fulfil."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from math import inf, nextafter

from regobs.lint.bounds import OPPOSITE, TURNED, compared_with_number, never
from regobs.lint.findings import LintProblem, Severity
from regobs.lint.named_shares import bare
from regobs.lint.subjects import LintedQuery
from regobs.promql.printer import number_text
from regobs.promql.types import Bounds
from regobs.promql.walk import strip_parens


def beyond_both(query: LintedQuery) -> Iterator[LintProblem]:
    """A value that is asked to fulfil two comparisons of which each excludes the other: `x > 10 and x < 5`.

    Or one comparison and not another one that follows from it: `x > 10 unless x > 5`.
    """
    for node in query.binaries:
        if node.op not in {"and", "unless"}:
            continue
        if node.on is not None or node.ignoring is not None:
            continue
        sides = list(compared_with_number([bare(node.left), bare(node.right)]))
        if len(sides) != 2 or sides[0][0].bool or sides[1][0].bool:
            continue
        (_, one, op, number), (_, other, second, limit) = sides
        passed = _passed(op, number)
        if passed is None or strip_parens(one) != strip_parens(other):
            continue
        if node.op == "and" and never(second, passed, float(limit)):
            what = f"nothing is {op} {number_text(number)} and {second} {number_text(limit)}"
            yield query.problem(node, what, "write or, or correct one threshold", word="and")
        elif node.op == "unless" and never(OPPOSITE[second], passed, float(limit)):
            what = f"all that is {op} {number_text(number)} is {second} {number_text(limit)} too: nothing is left"
            yield query.problem(node, what, "turn the two around, or correct one threshold", word="unless")


def _passed(op: str, number: Decimal) -> Bounds | None:
    """The values that pass a comparison, its own number left out where it does not pass."""
    edge = float(number)
    low = nextafter(edge, inf) if op == ">" else edge if op in {">=", "=="} else -inf
    high = nextafter(edge, -inf) if op == "<" else edge if op in {"<=", "=="} else inf
    return Bounds(low, high) if op != "!=" else None


def beyond_whole(query: LintedQuery) -> Iterator[LintProblem]:
    """A part that is asked to exceed its whole: `process_open_fds > process_max_fds`."""
    for node in query.binaries:
        if node.op not in {">", ">=", "<", "<="} or node.bool:
            continue
        if query.parts.of(node.left).value != query.parts.of(node.right).value:  # one of them is a number
            continue
        sides = (node.left, node.right) if node.op in {">", ">="} else (node.right, node.left)
        group = {"left": "right", "right": "left"}.get(node.group, "") if sides[0] is node.right else node.group
        quotient = replace(node, op="/", left=sides[0], right=sides[1], group=group)
        op = node.op if sides[0] is node.left else TURNED[node.op]
        for values, severity in ((query.values, Severity.ERROR), (query.likely_values, Severity.WARNING)):
            of = values.part(quotient)
            if of is not None and never(op, of, 1):
                times = "" if of.high == 1 else f"{1 / of.high:g} times "
                what = f"a part is never {'more than' if op == '>' else 'as much as'} {times}its whole"
                yield query.problem(node, what, "correct the threshold", severity, word=node.op)
                break
