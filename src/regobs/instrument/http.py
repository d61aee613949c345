"""HTTP requests: all six families in one call.

The six updates of one request are one dictionary look-up, four bisections and one lock, because what they have in
common (route, method, code) is resolved once and kept.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from regobs.catalog import http
from regobs.errors import InstrumentError
from regobs.instrument.slot import Slot

if TYPE_CHECKING:
    from threading import Lock

    from regobs.instrument.children import Gauge
    from regobs.instrument.family import Family
    from regobs.instrument.instruments import Instruments

_METHODS = frozenset(http.METHODS)
_UNKNOWN = "unknown"
_COMMON = {"route", "method", "code"}
_TOO_MUCH = 2.0**64  # seconds or bytes of one request


class Tally:
    """Requests in flight where several processes count together: their number lies in the ledger."""

    def __init__(self, child: Gauge, lock: Lock) -> None:
        self._child = child
        self._lock = lock

    def append(self, _: None) -> None:
        """One more."""
        with self._lock:
            self._child.slot[0] += 1

    def pop(self) -> None:
        """One less; IndexError when there is none."""
        with self._lock:
            if self._child.slot[0] < 1:
                raise IndexError
            self._child.slot[0] -= 1


# One element for each request in flight: append and pop are atomic, so begin needs no lock.
Live = list[None] | Tally
Cell = tuple[Live, Slot, Slot, Slot, Slot, Slot]  # in flight, requests, duration, both sizes, time to header


def method_label(method: str) -> str:
    """The `method` label of a request method: lower case, `unknown` for what the Go client library does not know."""
    text = method.lower()
    return text if text in _METHODS else _UNKNOWN


def code_label(code: int) -> str:
    """The `code` label of a status: its digits from 100 to 599, `200` for 0 (no header was written), else `unknown`."""
    if code == 0:
        return "200"
    return str(code) if 100 <= code <= 599 else _UNKNOWN


class HttpObserver:
    """Counts requests of one process. `begin` when the route is known, `finish` exactly once when the answer is out.

    Routes are content words of the label `route`: `manifest`, `blob`, `upload`...
    """

    def __init__(self, instruments: Instruments) -> None:
        metrics = [http.IN_FLIGHT, http.REQUESTS, http.DURATION, http.REQUEST_SIZE, http.RESPONSE_SIZE]
        if http.TIME_TO_HEADER.form(instruments.flavor, instruments.version) is not None:
            metrics.append(http.TIME_TO_HEADER)
        self._in_flight, *self._finished = [instruments[metric] for metric in metrics]
        self._lock = self._in_flight.lock
        if any(family.lock is not self._lock for family in self._finished):
            raise InstrumentError("the HTTP families do not share their lock", expected="families of one component")
        for family in self._finished:
            _check(family)
        self._shared = instruments.shared
        self._in_flight.zero()
        self._routes = _routes(self._finished[0])
        self._duration_edges = self._finished[1].edges
        self._size_edges = self._finished[2].edges
        self._header_edges = self._finished[4].edges if len(self._finished) == 5 else ()
        self._live: dict[str, Live] = {}
        self._by_child: dict[int, Live] = {}
        self._cells: dict[tuple[str, str, int], Cell] = {}

    def forget(self) -> None:
        """Look up every series again: in a forked child their numbers lie elsewhere."""
        self._live.clear()
        self._by_child.clear()
        self._cells.clear()

    def begin(self, route: str) -> None:
        """One more request is inside the handler of this route."""
        try:
            self._live[route].append(None)
        except (KeyError, TypeError):
            self._running(route).append(None)

    def drop(self, route: str) -> None:
        """One request less in flight that is not counted, as the real registry does when a handler panics."""
        _leave(self._running(route))

    def finish(  # noqa: PLR0917 (keywords would cost a fifth of its time)
        self,
        route: str,
        method: str,
        code: int,
        seconds: float,
        request_bytes: int,
        response_bytes: int,
        header_seconds: float | None = None,
    ) -> None:
        """Count a finished request in all families and take it off those in flight.

        `method` and `code` are as received and sent; `header_seconds` is None when no header was written.
        """
        try:
            cell = self._cells[route, method, code]
        except (KeyError, TypeError):
            cell = self._cell(route, method, code)
        live, requests, durations, request_sizes, response_sizes, header_times = cell
        size_edges = self._size_edges
        try:
            duration_index = bisect_left(self._duration_edges, seconds)
            request_index = bisect_left(size_edges, request_bytes)
            response_index = bisect_left(size_edges, response_bytes)
            header_index = bisect_left(self._header_edges, header_seconds or 0)
            fits = seconds + request_bytes + response_bytes < _TOO_MUCH
        except (TypeError, OverflowError):
            fits = False
        if not fits:
            _leave(live)
            self._finished[0].wrong_value((seconds, request_bytes, response_bytes, header_seconds), "numbers")
            return
        try:  # noqa: SIM105 (a context manager costs more than the pop)
            live.pop()
        except IndexError:  # finished without begin: no gauge below zero
            pass
        with self._lock:
            requests[0] += 1
            durations[-1] += seconds
            durations[duration_index] += 1
            request_sizes[-1] += request_bytes
            request_sizes[request_index] += 1
            response_sizes[-1] += response_bytes
            response_sizes[response_index] += 1
            if header_seconds is not None:
                header_times[-1] += header_seconds
                header_times[header_index] += 1

    def finish_many(  # noqa: PLR0917 (as `finish`)
        self,
        route: str,
        method: str,
        code: int,
        seconds: Sequence[float],
        request_bytes: Sequence[float] | None = None,
        response_bytes: Sequence[float] | None = None,
        header_seconds: Sequence[float] | None = None,
    ) -> None:
        """Count requests that are alike and were not begun here, such as those of a log; none in flight is touched.

        The sequences are of one length, a number a request; a family whose sequence is None counts none of them.
        """
        cell = self._cells.get((route, method, code)) or self._cell(route, method, code)
        count = len(seconds)
        try:
            found = [_placed(cell[2], self._duration_edges, seconds, count)]
            if request_bytes is not None:
                found.append(_placed(cell[3], self._size_edges, request_bytes, count))
            if response_bytes is not None:
                found.append(_placed(cell[4], self._size_edges, response_bytes, count))
            if header_seconds is not None:
                found.append(_placed(cell[5], self._header_edges, header_seconds, count))
        except (TypeError, ValueError):
            wrong = (seconds, request_bytes, response_bytes, header_seconds)
            self._finished[0].wrong_value(wrong, "numbers, as many of each as requests")
            return
        with self._lock:
            cell[1][0] += count
            for slot, indexes, total in found:
                slot[-1] += total
                for index in indexes:
                    slot[index] += 1

    def _running(self, route: str) -> Live:
        """The list behind the in-flight gauge of a route."""
        try:
            return self._live[route]
        except (KeyError, TypeError):
            pass
        child = self._in_flight.child(**dict.fromkeys(self._in_flight.label_names, route))
        with self._lock:
            live = self._by_child.setdefault(id(child), Tally(child, self._lock) if self._shared else [])
        if isinstance(live, list):
            child.read_from(lambda: child.slot[0] + len(live))
        if _is_one_of(route, self._routes):
            self._live[route] = live
        return live

    def _cell(self, route: str, method: str, code: int) -> Cell:
        """What a request with these changes; kept under the names as they came, unless a client could invent more."""
        try:
            verb, status = method_label(method), code_label(code)
        except (AttributeError, TypeError):
            self._finished[0].wrong_value((method, code), "a method as str and a status as int")
            verb, status = _UNKNOWN, _UNKNOWN
        values = {"route": route, "method": verb, "code": status}
        slots: list[Slot] = []
        for family in self._finished:
            labels = {label.name: values[label.name] for label in family.form.labels}
            slots.append(family.child(**labels).slot)
        if len(slots) < 5:
            slots.append([0, 0.0])  # this flavor has no time to header
        cell: Cell = (self._running(route), *slots)  # type: ignore[assignment]
        if _is_one_of(route, self._routes) and _UNKNOWN not in {verb, status}:
            self._cells[route, method, code] = cell
        return cell


def _routes(family: Family[Any]) -> frozenset[str]:
    """The words and exposed values of the closed label `route`."""
    label = family.form.label("route")
    return frozenset((*label.words, *(label.values or ()))) if label else frozenset()


def _is_one_of(route: object, known: frozenset[str]) -> bool:
    return isinstance(route, str) and route in known


def _leave(live: Live) -> None:
    with suppress(IndexError):  # finished without begin: no gauge below zero
        live.pop()


def _placed(slot: Slot, edges: Sequence[float], values: Sequence[float], count: int) -> tuple[Slot, list[int], float]:
    """A slot, into which of its buckets each value falls, and their sum. ValueError when there are not so many."""
    if len(values) != count:
        raise ValueError(values)
    return slot, [bisect_left(edges, value) for value in values], sum(values)


def _check(family: Family[Any]) -> None:
    strange = {label.name for label in family.form.labels} - _COMMON
    if strange:
        raise InstrumentError(
            f"{family.name} has the label {', '.join(sorted(strange))} at this version",
            expected="route, method and code",
            next_step="name a newer registry version",
        )
