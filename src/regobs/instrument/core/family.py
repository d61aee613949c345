"""A metric family in one process: its children by label values, its ceiling, its lines in the exposition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from regobs.errors import InstrumentError
from regobs.instrument.core.children import Counter, Gauge, Histogram, Sample, Slot, Summary
from regobs.instrument.core.labels import OVERFLOW, LabelValues, crossed, forbid_personal, forbid_unwritable, spelled
from regobs.instrument.core.text import edge, help_text, safe_repr

if TYPE_CHECKING:
    from regobs.catalog.model import Form, Metric
    from regobs.instrument.workers.ledger import Ledger

_KEPT = frozenset({str, bool, int})  # types of label values that are remembered as they were given
C = TypeVar("C", Counter, Gauge, Histogram, Summary)

KINDS: dict[str, type[Counter | Gauge | Histogram | Summary]] = {
    "counter": Counter,
    "gauge": Gauge,
    "histogram": Histogram,
    "summary": Summary,
}


class Troubles(Protocol):
    """Where a family tells what went wrong: to the set of instruments it belongs to."""

    def refused(self, metric: str, label: str, value: object) -> None:
        """A label value was folded into the overflow value."""

    def trouble(self, error: InstrumentError, *, metric: str, reason: str, raises: bool = True) -> None:
        """A wrong use: raised in development, counted and logged once in production."""


class Family(Generic[C]):
    """All series of one metric. `child` finds or makes one; a family without labels is used directly.

    `cap` gives the cap of an open label by its content name; `ceiling` is the highest number of children. With a
    `ledger` the numbers lie there, for other processes to read. `trace` gives the trace id of
    an exemplar.
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
        trace: Callable[[], str] | None = None,
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
        forbid_unwritable(metric, self.label_names)
        self._values = tuple(LabelValues(label, cap(label.name)) for label in labels)
        self._by_name = {name: i for i, label in enumerate(labels) for name in (label.name, label.exposed)}
        self.trace = trace
        self._make: Any = KINDS[metric.kind] if trace is None else _traced(metric.kind)
        self._troubles = troubles
        self._ledger = ledger
        self._ceiling = ceiling
        self._children: dict[tuple[str, ...], C] = {}
        # Children by the labels as they were given. Of values that are not all str the types count: 1 == 1.0 == True.
        self._bound: dict[tuple[tuple[str, object], ...], C] = {}
        self._bound_by_type: dict[tuple[tuple[tuple[str, object], ...], tuple[type, ...]], C] = {}
        self._order: list[C] | None = None
        self._guard = Lock()  # for the maps above; the other lock is for the numbers
        self._ends: dict[bool, list[str]] = {}
        # Puts into the children what was recorded and waits to be counted; see the HTTP observer.
        self.settle: Callable[[], None] = _nothing_waits
        self._void: C = self._make(self, ("",) * len(labels))
        if not (form.absent_until_observed or labels or metric.kind == "summary"):
            self._at(())

    def child(self, **labels: object) -> C:
        """The series with these label values, made when it is new.

        Labels are given by content name or exposed name, values by content word or exposed value. A value outside
        the closed set or above the cap becomes the overflow value; so does one that is no str, bool or int, which
        raises InstrumentError in development. A wrong set of labels does too; in production it gives a child that is
        shown nowhere.
        """
        items = tuple(labels.items())
        try:
            return self._bound[items]
        except Exception:  # noqa: BLE001, S110 (new, or of a type without a hash)
            pass
        try:
            return self._bound_by_type[items, tuple(map(type, labels.values()))]
        except Exception:  # noqa: BLE001, S110 (as above)
            pass
        try:
            values, whole = self._admit(labels)
        except KeyError as error:
            self._wrong_labels(labels, error)
            return self._void
        child = self._at(values)
        if whole:
            self._bind(items, child)
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

    def declare(self, **values: Iterable[str]) -> None:
        """Take these values of an application for a label, beside those of the catalog; at most the cap allows.

        Raises InstrumentError: this is said when a process starts, not while it serves.
        """
        for name, own in values.items():
            texts = [own] if isinstance(own, str) else list(own)
            cap = f"one of {self._named()}"
            try:
                kept = self._values[self._by_name[name]]
                cap = f"at most {kept.cap} texts"
                with self._guard:
                    kept.declare(texts)
            except (KeyError, TypeError, ValueError):
                raise InstrumentError(
                    f"{self.name}: values of {name} cannot be declared",
                    value=safe_repr(texts),
                    expected=cap,
                    next_step=f"regobs catalog show {self.name}",
                ) from None

    def takes(self, label: str, value: str) -> bool:
        """Whether the label is there, closed, and has this value."""
        index = self._by_name.get(label, -1)
        return index >= 0 and value in (self._values[index].closed or ())

    def remove(self, **labels: object) -> None:
        """Forget one series, such as that of a replica that has left."""
        try:
            values, whole = self._admit(labels)
        except KeyError as error:
            self._wrong_labels(labels, error)
            return
        if not whole:  # the series that takes what overflows is not the one that is meant
            return
        with self._guard:
            child = self._children.pop(values, None)
            if child is not None and self._ledger is not None:
                self._ledger.forget(self.name, values)
            self._bound = {key: bound for key, bound in self._bound.items() if bound is not child}
            self._bound_by_type = {key: bound for key, bound in self._bound_by_type.items() if bound is not child}
            self._order = None
            for at, kept in enumerate(self._values):  # so that those who come and go do not use up the cap
                if not any(other[at] == values[at] for other in self._children):
                    kept.forget(values[at])

    def children(self) -> list[C]:
        """All children in the order of their label values."""
        self.settle()
        with self._guard:
            if self._order is None:
                self._order = [self._children[values] for values in sorted(self._children)]
            return self._order

    def samples(self) -> Iterator[tuple[str, dict[str, str], float]]:
        """Every sample as name, labels and value."""
        self.settle()
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

    def locks(self) -> list[Lock]:
        """What other threads may hold while this process forks, in the order in which they are taken."""
        return [self._guard, self.lock]

    def rehome(self, ledger: Ledger | None) -> None:
        """In a forked child: count from 0 in this ledger; only a gauge that all processes agree on keeps its value."""
        self._ledger = ledger
        child: Any
        for values, child in self._children.items():
            before = child.slot[0]
            if ledger is not None:
                self._write_down(child, values, ledger)
            else:
                child.slot = [0.0] * len(child.slot)
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
        error = InstrumentError(f"{self.name}: a wrong value", value=safe_repr(value), expected=expected)
        self._troubles.trouble(error, metric=self.name, reason="value")

    def _only(self, verb: str, value: float) -> None:
        getattr(self.child(), verb)(value)

    def _bind(self, items: tuple[tuple[str, object], ...], child: C) -> None:
        """Find the child by these labels from now on."""
        types = tuple(type(value) for _, value in items)
        if all(one is str for one in types):
            self._bound[items] = child
        elif all(one in _KEPT for one in types):
            self._bound_by_type[items, types] = child

    def _admit(self, labels: dict[str, object]) -> tuple[tuple[str, ...], bool]:
        """The values of the series that takes these labels, and whether it is theirs alone."""
        if len(labels) != len(self._values):
            raise KeyError
        row: list[str | None] = [None] * len(self._values)
        whole = True
        refused: list[tuple[str, object]] = []
        wrong: list[str] = []
        with self._guard:
            for name, value in labels.items():
                index = self._by_name[name]
                try:
                    text = spelled(value)
                    row[index], admitted = self._values[index].admit(text)
                    whole = whole and (text == value or not isinstance(value, str))
                except TypeError as error:
                    wrong.append(f"{self.label_names[index]}: {error}")
                    row[index], admitted, whole = self._values[index].overflow, True, False
                if not admitted:
                    refused.append((self.label_names[index], value))
                    whole = False
            values = tuple(text for text in row if text is not None)
            if len(values) != len(row):  # one label was named twice, by content name and by exposed name
                raise KeyError
            if values not in self._children and len(self._children) >= self._ceiling:
                values = self.overflow(values)
                refused.append(("", ""))
                whole = False
        for what in wrong:
            self._wrong_labels(labels, TypeError(what))
        for label, value in refused:
            self._troubles.refused(self.name, label, value)
        return values, whole

    def overflow(self, values: tuple[str, ...]) -> tuple[str, ...]:
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
        try:
            child.slot = ledger.slot(self.name, values, len(child.slot) if self.edges else 2)
        except OSError as error:  # its device is full
            self.trouble("shared", f"other processes cannot see it: {error}", raises=False)

    def _named(self) -> str:
        return ", ".join(self.label_names) or "no labels"

    def _wrong_labels(self, labels: dict[str, object], error: Exception) -> None:
        wanted = self._named()
        what = (
            str(error) if isinstance(error, TypeError) else f"has no such set of labels: {', '.join(labels) or 'none'}"
        )
        problem = InstrumentError(f"{self.name}: {what}", expected=wanted, next_step=f"regobs catalog show {self.name}")
        self._troubles.trouble(problem, metric=self.name, reason="labels")


def _traced(kind: str) -> type[Any]:
    """Children that keep exemplars."""
    from regobs.instrument.core.traces import TracedCounter, TracedHistogram  # noqa: PLC0415 (only who wants them)

    return {"counter": TracedCounter, "histogram": TracedHistogram}.get(kind, KINDS[kind])


def _nothing_waits() -> None:
    pass


def _whole(edges: tuple[float, ...]) -> tuple[float, ...]:
    """Edges of sizes as whole numbers: comparing int with int is faster than int with float, the result is the same."""
    if edges and edges[0] >= 1 and all(float(bound).is_integer() for bound in edges):
        return tuple(int(bound) for bound in edges)
    return tuple(float(bound) for bound in edges)
