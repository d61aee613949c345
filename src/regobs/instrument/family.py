"""A metric family in one process: its children by label values, its ceiling, its lines in the exposition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from regobs.errors import InstrumentError
from regobs.instrument.children import Counter, Gauge, Histogram, Sample, Summary
from regobs.instrument.labels import OVERFLOW, Values, crossed, forbid_personal
from regobs.instrument.slot import Slot
from regobs.instrument.text import edge, help_text

if TYPE_CHECKING:
    from regobs.catalog.model import Form, Metric
    from regobs.instrument.ledger import Ledger

C = TypeVar("C", Counter, Gauge, Histogram, Summary)

KINDS: dict[str, type[Counter | Gauge | Histogram | Summary]] = {
    "counter": Counter,
    "gauge": Gauge,
    "histogram": Histogram,
    "summary": Summary,
}


class Troubles(Protocol):
    """Where a family tells what went wrong: to the set of instruments it belongs to."""

    def refused(self, metric: str, label: str) -> None:
        """A label value was folded into the overflow value."""

    def trouble(self, error: InstrumentError, *, metric: str, reason: str, raises: bool = True) -> None:
        """A wrong use: raised in development, counted and logged once in production."""


class Family(Generic[C]):
    """All series of one metric. `child` finds or makes one; a family without labels is used directly.

    `cap` gives the cap of an open label by its content name; `ceiling` is the highest number of children. With a
    `ledger` the numbers lie there, for other processes to read.
    """

    def __init__(
        self,
        metric: Metric,
        form: Form,
        troubles: Troubles,
        *,
        cap: Callable[[str], int],
        ceiling: int,
        lock: Lock,
        ledger: Ledger | None = None,
    ) -> None:
        forbid_personal(metric, form)
        self.metric = metric
        self.form = form
        self.name = metric.name
        self.lock = lock
        self.edges: tuple[float, ...] = _whole(form.buckets or ())
        own = (label for label in form.labels if not (metric.kind == "summary" and label.name == "quantile"))
        labels = sorted(own, key=lambda label: label.exposed)
        self.label_names = tuple(label.exposed for label in labels)
        self._values = tuple(Values(label, cap(label.name)) for label in labels)
        self._by_name = {name: i for i, label in enumerate(labels) for name in (label.name, label.exposed)}
        self._make: Any = KINDS[metric.kind]
        self._troubles = troubles
        self._ledger = ledger
        self._ceiling = ceiling
        self._children: dict[tuple[str, ...], C] = {}
        self._bound: dict[tuple[tuple[str, object], ...], C] = {}
        self._order: list[C] | None = None
        self._guard = Lock()  # for the maps above; the other lock is for the numbers
        self._ends: dict[bool, list[str]] = {}
        self._void: C = self._make(self, ("",) * len(labels))
        if not (form.absent_until_observed or labels or metric.kind == "summary"):
            self._at(())

    def child(self, **labels: object) -> C:
        """The series with these label values, made when it is new.

        Labels are given by content name or exposed name, values by content word or exposed value. A value outside
        the closed set or above the cap becomes the overflow value. A wrong set of labels raises InstrumentError in
        development; in production it gives a child that is shown nowhere.
        """
        try:
            return self._bound[tuple(labels.items())]
        except (KeyError, TypeError):
            pass
        try:
            values, whole = self._admit(labels)
        except (KeyError, TypeError) as error:
            self._wrong_labels(labels, error)
            return self._void
        child = self._at(values)
        if whole:
            self._bound[tuple(labels.items())] = child
        return child

    def zero(self, **labels: object) -> None:
        """Make series before their first event, so that the first event is an increase.

        A tuple or list stands for each of its values; a closed label that is left out, for all of its values.
        """
        choices: list[tuple[object, ...] | None] = [values.closed for values in self._values]
        for name, value in labels.items():
            if name in self._by_name:
                choices[self._by_name[name]] = tuple(value) if isinstance(value, (tuple, list)) else (value,)
        rows = crossed(values for values in choices if values is not None)
        if None in choices or not labels.keys() <= self._by_name.keys():
            self._wrong_labels(labels, KeyError())
            return
        for row in rows:
            self.child(**dict(zip(self.label_names, row, strict=True)))

    def remove(self, **labels: object) -> None:
        """Forget one series, such as that of a replica that has left."""
        try:
            values, _ = self._admit(labels)
        except (KeyError, TypeError) as error:
            self._wrong_labels(labels, error)
            return
        with self._guard:
            child = self._children.pop(values, None)
            if child is not None and self._ledger is not None:
                self._ledger.forget(self.name, values)
            self._bound = {key: bound for key, bound in self._bound.items() if bound is not child}
            self._order = None

    def children(self) -> list[C]:
        """All children in the order of their label values."""
        with self._guard:
            if self._order is None:
                self._order = [self._children[values] for values in sorted(self._children)]
            return self._order

    def samples(self) -> Iterator[tuple[str, dict[str, str], float]]:
        """Every sample as name, labels and value."""
        with self._guard:
            rows = sorted(self._children.items(), key=lambda row: row[0])
        for values, child in rows:
            own = dict(zip(self.label_names, values, strict=True))
            sample: Sample
            for sample in child.samples():
                suffix, further, value = sample
                yield self.name + suffix, {**own, **dict(further)}, value

    def header(self, *, openmetrics: bool) -> str:
        """The HELP and TYPE lines.

        OpenMetrics takes `_total` off a counter's family name, and knows no counter without it: such a one is
        called unknown there, as the Go client library does.
        """
        name, kind = self.name, str(self.metric.kind)
        if openmetrics and kind == "counter":
            kind = "counter" if name.endswith("_total") else "unknown"
            name = name.removesuffix("_total")
        text = help_text(self.metric.help, openmetrics=openmetrics)
        return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"

    def bucket_ends(self, *, openmetrics: bool) -> list[str]:
        """What every histogram's bucket lines end with: `le="0.005"} %d` and so on."""
        ends = self._ends.get(openmetrics)
        if ends is None:
            texts = [*(edge(bound, openmetrics=openmetrics) for bound in self.edges), "+Inf"]
            ends = self._ends[openmetrics] = [f'le="{text}"}} %d\n' for text in texts]
        return ends

    # What several processes need that count together.

    def fill(self, numbers: Mapping[tuple[str, ...], Slot]) -> None:
        """Have exactly these children, by their label values, with these numbers."""
        with self._guard:
            if self._children.keys() != numbers.keys():
                self._children = {values: self._children.get(values) or self._make(self, values) for values in numbers}
                self._order = None
            child: Any
            for values, child in self._children.items():
                child.slot = numbers[values]

    def publish(self) -> None:
        """Write down what children read from functions."""
        if not self.edges:
            child: Any
            for child in self.children():
                child.publish()

    def rehome(self, ledger: Ledger) -> None:
        """In a forked child: count from 0 in this ledger; only a gauge that all processes agree on keeps its value."""
        self._guard = Lock()
        self._ledger = ledger
        child: Any
        for values, child in self._children.items():
            before = child.slot[0]
            self._write_down(child, values, ledger)
            if self.metric.common:
                child.slot[0] = before

    # Families without labels are used like their only child.

    def inc(self, amount: float = 1) -> None:
        """`inc` of the only child."""
        self._only("inc", amount)

    def dec(self, amount: float = 1) -> None:
        """`dec` of the only child of a gauge."""
        self._only("dec", amount)

    def set(self, value: float) -> None:
        """`set` of the only child of a gauge."""
        self._only("set", value)

    def observe(self, value: float) -> None:
        """`observe` of the only child of a histogram."""
        self._only("observe", value)

    def trouble(self, reason: str, what: str, *, raises: bool = True) -> None:
        """Report a wrong use of this family."""
        error = InstrumentError(f"{self.name}: {what}", next_step=f"regobs catalog show {self.name}")
        self._troubles.trouble(error, metric=self.name, reason=reason, raises=raises)

    def wrong_verb(self, verb: str) -> AbstractContextManager[None]:
        """Report a method of another kind of metric. What it gives can stand for the block that some of them are."""
        self.trouble("method", f"a {self.metric.kind} has no {verb}")
        return nullcontext()

    def wrong_value(self, value: object, expected: str) -> None:
        """Report a value that a child can not take."""
        error = InstrumentError(f"{self.name}: a wrong value", value=repr(value)[:80], expected=expected)
        self._troubles.trouble(error, metric=self.name, reason="value")

    def _only(self, verb: str, value: float) -> None:
        getattr(self.child(), verb)(value)

    def _admit(self, labels: dict[str, object]) -> tuple[tuple[str, ...], bool]:
        if len(labels) != len(self._values):
            raise KeyError
        row: list[str | None] = [None] * len(self._values)
        whole = True
        refused = []
        with self._guard:
            for name, value in labels.items():
                index = self._by_name[name]
                row[index], admitted = self._admitted(index, value)
                if not admitted:
                    refused.append(self.label_names[index])
                    whole = False
            values = tuple(text for text in row if text is not None)
            if len(values) != len(row):  # one label was named twice, by content name and by exposed name
                raise KeyError
            if values not in self._children and len(self._children) >= self._ceiling:
                values = self._folded(values)
                refused.append("")
                whole = False
        for label in refused:
            self._troubles.refused(self.name, label)
        return values, whole

    def _admitted(self, index: int, value: object) -> tuple[str, bool]:
        try:
            return self._values[index].admit(value)
        except TypeError as error:
            raise TypeError(f"{self.label_names[index]}: {error}") from None

    def _folded(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The label values of the child that takes what is above the ceiling: every open label overflows."""
        open_ones = zip(self._values, values, strict=True)
        return tuple(OVERFLOW if kept.closed is None else value for kept, value in open_ones)

    def _at(self, values: tuple[str, ...]) -> C:
        with self._guard:
            child = self._children.get(values)
            if child is None:
                child = self._make(self, values)
                if self._ledger is not None:
                    self._write_down(child, values, self._ledger)
                self._children[values] = child
                self._order = None
            return child

    def _write_down(self, child: Any, values: tuple[str, ...], ledger: Ledger) -> None:
        """Let the numbers lie in the ledger; behind a single one there is room for what a function adds to it."""
        child.slot = ledger.slot(self.name, values, len(child.slot) if self.edges else 2)

    def _wrong_labels(self, labels: dict[str, object], error: Exception) -> None:
        wanted = ", ".join(self.label_names) or "no labels"
        what = (
            str(error) if isinstance(error, TypeError) else f"has no such set of labels: {', '.join(labels) or 'none'}"
        )
        problem = InstrumentError(f"{self.name}: {what}", expected=wanted, next_step=f"regobs catalog show {self.name}")
        self._troubles.trouble(problem, metric=self.name, reason="labels")


def _whole(edges: tuple[float, ...]) -> tuple[float, ...]:
    """Edges of sizes as whole numbers: comparing int with int is faster than int with float, the result is the same."""
    if edges and edges[0] >= 1 and all(float(bound).is_integer() for bound in edges):
        return tuple(int(bound) for bound in edges)
    return tuple(float(bound) for bound in edges)
