"""What is known about the value of an expression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from regobs.catalog.model import Kind, Unit

ValueType = Literal["scalar", "vector", "matrix", "string"]


@dataclass(frozen=True, slots=True)
class Type:
    """The type of an expression.

    `unit` and `per_second` are those of the value; NONE also stands for unknown. `kind` is None for computed values.
    `labels` are the label names of the results, None when unknown; while `open`, target labels come on top of them.
    `le` are the bucket edges that are told apart, None when the value is no bucket. `raw_counter` marks a value that
    only grows, `quantile` one that must not be averaged or added up, `fraction` one that lies between 0 and 1.
    `observed` is the unit of the observations that buckets count, `signed` marks a value that may be below zero.
    """

    value: ValueType
    unit: Unit = Unit.NONE
    per_second: bool = False
    kind: Kind | None = None
    labels: frozenset[str] | None = None
    le: tuple[float, ...] | None = None
    raw_counter: bool = False
    open: bool = False
    quantile: bool = False
    fraction: bool = False
    observed: Unit | None = None
    signed: bool = False

    @property
    def closed_labels(self) -> frozenset[str] | None:
        """The labels, where they are known completely."""
        return None if self.open else self.labels
