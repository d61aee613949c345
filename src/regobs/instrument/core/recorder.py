"""What every adapter records with: a family, with the labels that this flavor and version give it, or nothing.

An adapter is written once for all versions. A label that a version does not have is left out, a family that it does
not have is not recorded; both without an error, because the user of an adapter names neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regobs.catalog.model import Metric
    from regobs.instrument.core.family import Family
    from regobs.instrument.core.instruments import Instruments


class Recorder:
    """One metric of an adapter. Labels are given by content name, as to `Family.child`."""

    __slots__ = ("_names", "family")

    def __init__(self, instruments: Instruments, metric: Metric) -> None:
        form = metric.form(instruments.flavor, instruments.version)
        self.family: Family[Any] | None = None if form is None else instruments[metric]
        self._names = frozenset(label.name for label in form.labels) if form else frozenset[str]()

    def add(self, amount: float, /, **labels: object) -> None:
        """Count so many: a counter, or a gauge up (or down, with a negative amount)."""
        if self.family is not None:
            self._child(labels).inc(amount)

    def put(self, value: float, /, **labels: object) -> None:
        """Set a gauge."""
        if self.family is not None:
            self._child(labels).set(value)

    def observe(self, value: float, /, **labels: object) -> None:
        """Put a value into a histogram."""
        if self.family is not None:
            self._child(labels).observe(value)

    def wrong_value(self, value: object, expected: str) -> None:
        """Report a value that the user of the adapter gave."""
        if self.family is not None:
            self.family.wrong_value(value, expected)

    def has(self, label: str, value: str) -> bool:
        """Whether the family has the label, closed, with this value."""
        return self.family is not None and self.family.takes(label, value)

    def child(self, **labels: object) -> Any:
        """The child of a family that is there; None where it is not."""
        return None if self.family is None else self._child(labels)

    def _child(self, labels: dict[str, object]) -> Any:
        assert self.family is not None  # noqa: S101 (the callers ask)
        if labels.keys() <= self._names:
            return self.family.child(**labels)
        return self.family.child(**{name: value for name, value in labels.items() if name in self._names})
