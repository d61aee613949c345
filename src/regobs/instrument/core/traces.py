"""Trace ids: read from `traceparent` (W3C Trace Context, level 1), and shown as exemplars in OpenMetrics.

An exemplar leads from a bucket or a counter to one trace that is in it. Each bucket and each counter keeps the last
one of a trace that is sampled, so their number is that of the series; only OpenMetrics shows them.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from regobs.instrument.core.children import Counter, Histogram
from regobs.instrument.core.text import number

if TYPE_CHECKING:
    from regobs.instrument.core.family import Family

TraceReader = Callable[[], str]

_LENGTH = 55  # of version 00; later ones may add `-` and more
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII).fullmatch
_TRACE_ID = re.compile(r"[0-9a-f]{32}", re.ASCII).fullmatch


class TraceContext(NamedTuple):
    """The trace that a request belongs to, the span of the caller, and whether the trace is kept."""

    trace_id: str
    parent_span_id: str
    sampled: bool


trace_context: ContextVar[TraceContext | None] = ContextVar("trace_context", default=None)


def read_traceparent(text: str) -> TraceContext | None:
    """The header's value as data; None for whatever the standard says is to be ignored."""
    parts = _PARENT(text[:_LENGTH])
    if parts is None:
        return None
    version, trace, parent, flags = parts.groups()
    further = text[_LENGTH : _LENGTH + 1]
    if version == "ff" or (further and (version == "00" or further != "-")):
        return None
    if not trace.strip("0") or not parent.strip("0"):
        return None
    return TraceContext(trace, parent, sampled=bool(int(flags, 16) & 1))


def trace_of(headers: Iterable[tuple[bytes, bytes]]) -> TraceContext | None:
    """That of the headers of a request; of several headers, none."""
    found = [value for name, value in headers if name == b"traceparent"]
    return read_traceparent(found[0].decode("latin-1")) if len(found) == 1 else None


def sampled_trace() -> str:
    """The id of the trace of the request that is served here, if the trace is kept; else nothing."""
    context = trace_context.get()
    return context.trace_id if context is not None and context.sampled else ""


class _Exemplars:
    """The last exemplar of each place of a child: 0 for a counter, the index of the bucket for a histogram."""

    __slots__ = ("_kept", "_reader")

    def __init__(self, reader: TraceReader) -> None:
        self._reader = reader
        self._kept: dict[int, str] = {}

    def now(self) -> str:
        """The id of the trace that runs now, or nothing. What a reader raises or wrongly says is nothing."""
        try:
            trace = self._reader()
            return trace if _TRACE_ID(trace) else ""
        except Exception:  # noqa: BLE001 (whatever a function of the application raises)
            return ""

    def keep(self, place: int, value: float, trace: str) -> None:
        """Remember it with the time of now."""
        self._kept[place] = f' # {{trace_id="{trace}"}} {number(value)} {time.time():.3f}'

    def added(self, lines: str) -> str:
        """Lines of OpenMetrics with the exemplars behind those that they belong to."""
        kept = dict(self._kept)
        if not kept:
            return lines
        rows = lines.split("\n")
        for place, text in kept.items():
            rows[place] += text
        return "\n".join(rows)


class TracedCounter(Counter):
    """A counter with an exemplar. OpenMetrics allows it behind `_total` only."""

    __slots__ = ("_exemplars", "_may")

    def __init__(self, family: Family[Any], values: tuple[str, ...]) -> None:
        super().__init__(family, values)
        self._exemplars = _Exemplars(family.trace or sampled_trace)
        self._may = family.name.endswith("_total")

    def inc(self, amount: float = 1) -> None:
        """As without exemplars, and remember the trace."""
        super().inc(amount)
        self.exemplify(amount, self._exemplars.now())

    def exemplify(self, amount: float, trace: str) -> None:
        """Remember the trace of an increase that is counted already."""
        if trace and self._may:
            self._exemplars.keep(0, _number(amount), trace)

    def lines(self, *, openmetrics: bool) -> str:
        """The sample line."""
        lines = super().lines(openmetrics=openmetrics)
        return self._exemplars.added(lines) if openmetrics else lines


class TracedHistogram(Histogram):
    """A histogram with an exemplar a bucket."""

    __slots__ = ("_exemplars",)

    def __init__(self, family: Family[Any], values: tuple[str, ...]) -> None:
        super().__init__(family, values)
        self._exemplars = _Exemplars(family.trace or sampled_trace)

    def observe(self, value: float) -> None:
        """As without exemplars, and remember the trace."""
        super().observe(value)
        self.exemplify(value, self._exemplars.now())

    def exemplify(self, value: float, trace: str) -> None:
        """Remember the trace of an observation that is counted already."""
        if trace:
            exact = _number(value)
            # NaN, which no bucket but +Inf holds, is no value of an exemplar that all readers take.
            if exact == exact:  # noqa: PLR0124
                self._exemplars.keep(bisect_left(self.edges, exact), exact, trace)

    def lines(self, *, openmetrics: bool) -> str:
        """The `_bucket`, `_sum` and `_count` lines."""
        lines = super().lines(openmetrics=openmetrics)
        return self._exemplars.added(lines) if openmetrics else lines


def _number(value: float) -> float:
    """A number as it is shown; NaN for what is none, which its child has reported."""
    try:
        return float(value)
    except Exception:  # noqa: BLE001 (whatever a type of others raises)
        return float("nan")
