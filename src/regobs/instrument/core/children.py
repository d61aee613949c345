"""The series of a family: one child for each set of label values. Its numbers live in one list, its slot.

A slot is only changed under the family's lock, so sums are exact under threads. Where several processes count
together it lies in their ledger. `inc`, `set` and `observe` never raise
in production: what they are wrongly given is reported to the family, which counts it, logs it once, or raises.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

from regobs.instrument.core.text import edge, label_pairs, number

if TYPE_CHECKING:
    from regobs.instrument.core.family import Family

Sample = tuple[str, tuple[tuple[str, str], ...], float]  # suffix, further labels, value
Reader = Callable[[], float]


class Slot(Protocol):
    """The numbers of a child: a list of this process, or a part of a ledger that other processes read."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[float]: ...
    def __getitem__(self, index: int, /) -> float: ...
    def __setitem__(self, index: int, value: float, /) -> None: ...


class Child(Protocol):
    """What every kind of child offers to its family."""

    def lines(self, *, openmetrics: bool) -> str:
        """The sample lines, each ended by a line feed; empty when there is nothing to show."""

    def samples(self) -> list[Sample]:
        """The same as data."""


_VERBS = frozenset({"inc", "dec", "set", "observe", "time", "track", "read_from"})
_PLAIN = frozenset({int, float})
_INFINITE = float("inf")


def _exact(value: object) -> float | None:
    """A number of any type as the float that is kept; None for what is none, or is too large."""
    try:
        return None if isinstance(value, (str, bytes, bytearray)) else float(value)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 (whatever a type of others raises)
        return None


class _Child:
    """What children of all kinds do: report a verb of another kind."""

    __slots__ = ("_family",)
    _family: Family[Any]

    if not TYPE_CHECKING:  # a type checker knows better

        def __getattr__(self, name: str) -> Any:
            if name not in _VERBS:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return lambda *_, **__: self._family.wrong_verb(name)


class _Single(_Child):
    """A child with one number."""

    __slots__ = ("_lock", "_prefix", "_reader", "slot")

    def __init__(self, family: Family[Any], values: tuple[str, ...]) -> None:
        self.slot: Slot = [0.0]
        self._family = family
        self._lock = family.lock
        pairs = label_pairs(family.label_names, values)
        self._prefix = f"{family.name}{{{pairs}}} " if pairs else f"{family.name} "
        self._reader: Reader | None = None

    @property
    def value(self) -> float:
        """The number now; NaN when the function it is read from fails."""
        self._family.settle()
        return self._shown()

    def _shown(self) -> float:
        if self._reader is None:
            return self.slot[0]
        try:
            return float(self._reader())
        except Exception as error:  # noqa: BLE001 (a scrape shows the other series whatever a user's function does)
            self._family.trouble("reader", f"the function it is read from raised {type(error).__name__}", raises=False)
            return float("nan")

    def publish(self) -> None:
        """For the other processes: write down what the function gives, as what it adds to the number."""
        if self._reader is not None:
            shown = self._shown()
            self.slot[1] = shown - self.slot[0] if shown == shown else 0.0  # noqa: PLR0124 (NaN would spoil the sum)

    def read_from(self, reader: Reader) -> None:
        """Take the number from a function at every scrape."""
        self._reader = reader

    def lines(self, *, openmetrics: bool) -> str:  # noqa: ARG002 (one form in both formats)
        """The sample line."""
        return f"{self._prefix}{number(self._shown())}\n"

    def samples(self) -> list[Sample]:
        """The one sample."""
        return [("", (), self.value)]


class Counter(_Single):
    """A number that only grows."""

    __slots__ = ()

    def inc(self, amount: float = 1) -> None:
        """Add an amount that is neither negative nor infinite."""
        exact = amount if type(amount) is float else _exact(amount)
        if exact is not None and 0 <= exact < _INFINITE:
            with self._lock:
                self.slot[0] += exact
        else:
            self._family.wrong_value(amount, "a finite number that is not negative")


class Gauge(_Single):
    """A number that goes up and down."""

    __slots__ = ()

    def set(self, value: float) -> None:
        """Set it."""
        exact = self._exact(value)
        if exact is not None:
            with self._lock:
                self.slot[0] = exact

    def inc(self, amount: float = 1) -> None:
        """Add an amount, which may be negative."""
        exact = self._exact(amount)
        if exact is not None:
            with self._lock:
                self.slot[0] += exact

    def dec(self, amount: float = 1) -> None:
        """Take an amount away."""
        exact = self._exact(amount)
        if exact is not None:
            with self._lock:
                self.slot[0] -= exact

    @contextmanager
    def track(self) -> Iterator[None]:
        """One more while the block runs."""
        self.inc()
        try:
            yield
        finally:
            self.dec()

    def _exact(self, value: float) -> float | None:
        exact = _exact(value)
        if exact is None:
            self._family.wrong_value(value, "a number")
        return exact


class Histogram(_Child):
    """Observations in buckets. The slot holds the count of each bucket (not cumulated), that of +Inf, and the sum."""

    __slots__ = ("_lock", "_om", "_rendered", "_text", "_values", "edges", "slot")

    def __init__(self, family: Family[Any], values: tuple[str, ...]) -> None:
        self.edges = family.edges
        self.slot: Slot = [*[0] * (len(self.edges) + 1), 0.0]
        self._family = family
        self._lock = family.lock
        self._values = values
        self._text = self._om = ""
        self._rendered: tuple[list[float], bool, str] = ([], False, "")  # a slot and its lines, in OpenMetrics if True

    def observe(self, value: float) -> None:
        """Count a value in the metric's unit. A NaN falls into +Inf, as in the Go client."""
        slot = self.slot
        exact = value if type(value) in _PLAIN else _exact(value)
        try:
            index = bisect_left(self.edges, exact) if exact == exact else len(self.edges)  # type: ignore[type-var] # noqa: PLR0124
            with self._lock:
                slot[-1] += exact  # type: ignore[operator]
                slot[index] += 1
        except (TypeError, OverflowError):  # it was no number, or is too large for a float
            self._family.wrong_value(value, "a number")

    def observe_many(self, values: Sequence[float]) -> None:
        """Count several values in one call; all of them or, when one is no number, none."""
        edges, last, slot = self.edges, len(self.edges), self.slot
        try:
            total = float(sum(values))
            indexes = [bisect_left(edges, value) if value == value else last for value in values]  # noqa: PLR0124
        except Exception:  # noqa: BLE001 (whatever a type of others raises)
            self._family.wrong_value(values, "numbers")
            return
        with self._lock:
            slot[-1] += total
            for index in indexes:
                slot[index] += 1

    @contextmanager
    def time(self) -> Iterator[None]:
        """Observe how many seconds the block takes, also when it raises."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.observe(time.perf_counter() - start)

    def numbers(self) -> list[float]:
        """The cumulated counts up to +Inf, then the sum, all of one moment."""
        self._family.settle()
        with self._lock:
            slot = list(self.slot)
        total = slot.pop()
        return [*accumulate(slot), total]

    def lines(self, *, openmetrics: bool) -> str:
        """The `_bucket`, `_sum` and `_count` lines; those of before when nothing has changed since."""
        with self._lock:
            slot = list(self.slot)
        known, form, lines = self._rendered
        if slot == known and openmetrics is form:
            return lines
        template = self._om if openmetrics else self._text
        if not template:
            template = self._template(openmetrics=openmetrics)
        counts = [*accumulate(slot[:-1])]
        lines = template % (*counts, number(slot[-1]), counts[-1])
        self._rendered = slot, openmetrics, lines
        return lines

    def samples(self) -> list[Sample]:
        """Buckets, sum and count."""
        *counts, total = self.numbers()
        edges = [*(number(bound) for bound in self.edges), "+Inf"]
        rows: list[Sample] = [("_bucket", (("le", text),), count) for text, count in zip(edges, counts, strict=True)]
        return [*rows, ("_sum", (), total), ("_count", (), counts[-1])]

    def _template(self, *, openmetrics: bool) -> str:
        name = self._family.name
        pairs = label_pairs(self._family.label_names, self._values).replace("%", "%%")
        before, braces = (f"{pairs},", f"{{{pairs}}}") if pairs else ("", "")
        start = f"{name}_bucket{{{before}"
        rows = [f"{start}{end}" for end in self._family.bucket_ends(openmetrics=openmetrics)]
        template = "".join([*rows, f"{name}_sum{braces} %s\n", f"{name}_count{braces} %d\n"])
        if openmetrics:
            self._om = template
        else:
            self._text = template
        return template


class Summary(_Child):
    """Quantiles, sum and count that somebody else has worked out, such as the pauses of a runtime."""

    __slots__ = ("_pairs", "_state")

    def __init__(self, family: Family[Any], values: tuple[str, ...]) -> None:
        self._family = family
        self._pairs = label_pairs(family.label_names, values)
        self._state: tuple[tuple[tuple[float, float], ...], float, float] | None = None

    def set(self, quantiles: Mapping[float, float], *, total: float, count: int) -> None:
        """Show these: the value of each quantile (0 to 1), the sum of all values, and how many there were."""
        try:
            rows = tuple(sorted((float(q), float(value)) for q, value in quantiles.items()))
            self._state = (rows, float(total), float(count))
        except Exception:  # noqa: BLE001 (whatever a type of others raises)
            self._family.wrong_value(quantiles, "quantiles as a mapping of numbers, a sum and a count")

    def lines(self, *, openmetrics: bool) -> str:
        """One line a quantile, then `_sum` and `_count`; nothing before the first `set`."""
        rows = []
        for suffix, further, value in self.samples():
            pairs = self._pairs
            for name, text in further:
                shown = edge(float(text), openmetrics=openmetrics)
                pairs = f'{pairs},{name}="{shown}"' if pairs else f'{name}="{shown}"'
            braces = f"{{{pairs}}}" if pairs else ""
            rows.append(f"{self._family.name}{suffix}{braces} {number(value)}\n")
        return "".join(rows)

    def samples(self) -> list[Sample]:
        """The same as data."""
        if self._state is None:
            return []
        quantiles, total, count = self._state
        rows: list[Sample] = [("", (("quantile", number(q)),), value) for q, value in quantiles]
        return [*rows, ("_sum", (), total), ("_count", (), count)]
