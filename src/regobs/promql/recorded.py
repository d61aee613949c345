"""Recorded series in place of the raw queries they answer."""

from __future__ import annotations

from dataclasses import dataclass

from regobs.promql.nodes import Expr


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule: the name of its series and the bound expression it evaluates."""

    name: str
    expr: Expr
