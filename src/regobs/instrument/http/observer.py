"""HTTP requests: all six families in one call.

What the six updates of a request have in common (route, method, code) is resolved once and kept. Its numbers wait in
one list, without a lock, until somebody reads a family or there are many: then all of a kind are counted at once, which
costs each request less than half. Where processes share a directory nothing waits, because a process may be killed.
Nor where families differ in their labels (CNCF Distribution).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from contextlib import suppress
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, NamedTuple

from regobs.catalog import http
from regobs.errors import InstrumentError
from regobs.instrument.core.children import Slot

if TYPE_CHECKING:
    from threading import Lock

    from regobs.instrument.core.children import Gauge
    from regobs.instrument.core.family import Family
    from regobs.instrument.core.instruments import Instruments

_METHODS = frozenset(http.METHODS)
_UNKNOWN = "unknown"
_COMMON = {"route", "method", "code"}
_TOO_MUCH = 2.0**64  # seconds or bytes of one request
_WIDTH = 4  # numbers of a request: seconds, both sizes, seconds to the header
_WAITING = 128 * _WIDTH  # the most that wait of one route, method and code, by about one a thread
_FEW = 6 * _WIDTH  # up to here one by one is faster than sorted


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


class RequestCell(NamedTuple):
    """What a request with one route, method and code changes."""

    live: Live
    waiting: list[Any]  # `_WIDTH` numbers a request, not counted yet; extended at once, so always whole requests
    requests: Slot
    durations: Slot
    request_sizes: Slot
    response_sizes: Slot
    header_times: Slot


def method_label(method: str) -> str:
    """The `method` label of a request method: lower case, `unknown` for what the Go client library does not know."""
    text = method.lower()
    return text if text in _METHODS else _UNKNOWN


def code_label(code: float) -> str:
    """The `code` label of a status: its digits from 100 to 599, `200` for 0, which Go has without a header.

    `unknown` for any other number, TypeError for none.
    """
    if code == 0:
        return "200"
    return f"{code:.0f}" if 100 <= code <= 599 and code % 1 == 0 else _UNKNOWN


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
        self._cells: dict[tuple[str, str, int], RequestCell] = {}
        self._by_slot: dict[
            int, RequestCell
        ] = {}  # the same, by the id of the slot of their requests; no other ones exist
        self._waits = False  # whether anything waits; set after it does, cleared before it is counted
        # Series that several cells count into would add up in another order than the requests came: rounded otherwise.
        own = all({label.name for label in family.form.labels} == _COMMON for family in self._finished)
        self._most = _WAITING if own and not self._shared else 1
        for family in self._finished:
            family.settle = self.settle

    def forked(self) -> None:
        """In a forked child: the requests of the parent are not in flight here, and shared numbers lie elsewhere.

        What the parent has recorded and not counted yet is a part of the numbers that the child begins with.
        """
        self._waits = True  # another thread of the parent may have been about to say so
        for live in self._by_child.values():
            if isinstance(live, list):
                live.clear()
        if self._shared:
            self._live.clear()
            self._by_child.clear()
            self._cells.clear()
            self._by_slot.clear()

    def begin(self, route: str) -> None:
        """One more request is inside the handler of this route."""
        try:
            self._live[route].append(None)
        except Exception:  # noqa: BLE001 (new, or of a type without a hash)
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
            if type(seconds) is not float or type(request_bytes) is not int or type(response_bytes) is not int:
                seconds, request_bytes, response_bytes = _plain(seconds, request_bytes, response_bytes)
            if header_seconds is None:
                total = seconds + (request_bytes + response_bytes)
            else:
                if type(header_seconds) is not float:
                    (header_seconds,) = _plain(header_seconds)
                total = seconds + header_seconds + (request_bytes + response_bytes)
            fits = 0 <= total < _TOO_MUCH
        except Exception:  # noqa: BLE001 (whatever a type of others raises)
            fits = False
        if fits:
            self.record(route, method, code, seconds, request_bytes, response_bytes, header_seconds)
        else:
            self.drop(route)
            self._finished[0].wrong_value((seconds, request_bytes, response_bytes, header_seconds), "numbers")

    def record(  # noqa: PLR0917 (as `finish`)
        self,
        route: str,
        method: str,
        code: int,
        seconds: float,
        request_bytes: int,
        response_bytes: int,
        header_seconds: float | None,
    ) -> None:
        """`finish` for numbers of just these types that are not negative, as the middlewares have measured them."""
        try:
            cell = self._cells[route, method, code]
        except Exception:  # noqa: BLE001 (new, or without a hash)
            cell = self._cell(route, method, code)
        waiting = cell[1]
        try:  # noqa: SIM105 (a context manager costs more than the pop)
            cell[0].pop()
        except IndexError:  # finished without begin: no gauge below zero
            pass
        waiting.extend((seconds, request_bytes, response_bytes, header_seconds))
        self._waits = True
        if len(waiting) >= self._most:
            with self._lock:
                self._count(cell)

    def settle(self) -> None:
        """Count what waits, before somebody reads the families."""
        with self._lock:  # a second reader waits until the first has counted all
            if self._waits:
                self._waits = False
                for cell in self._by_slot.values():
                    self._count(cell)

    def _count(self, cell: RequestCell) -> None:
        _, waiting, requests, durations, request_sizes, response_sizes, header_times = cell
        sizes = self._size_edges
        rows = waiting[:]
        if not rows:
            return
        del waiting[: len(rows)]
        requests[0] += len(rows) // _WIDTH
        if len(rows) == _WIDTH:  # most series between two scrapes
            places = (durations, self._duration_edges), (request_sizes, sizes), (response_sizes, sizes)
            for (slot, edges), value in zip((*places, (header_times, self._header_edges)), rows, strict=True):
                if value is not None:
                    slot[-1] += value
                    slot[bisect_left(edges, value)] += 1
            return
        place = _place_each if len(rows) <= _FEW else _place_sorted
        place(durations, self._duration_edges, rows[::_WIDTH])
        place(request_sizes, sizes, rows[1::_WIDTH])
        place(response_sizes, sizes, rows[2::_WIDTH])
        place(header_times, self._header_edges, [value for value in rows[3::_WIDTH] if value is not None])

    def exemplify(  # noqa: PLR0917 (as `finish`)
        self,
        trace: str,
        route: str,
        method: str,
        code: int,
        seconds: float,
        request_bytes: int,
        response_bytes: int,
        header_seconds: float | None = None,
    ) -> None:
        """Remember the trace of a request that `finish` has counted, where the instruments keep exemplars."""
        values = {"route": route, "method": method_label(method), "code": code_label(code)}
        seen = (1, seconds, request_bytes, response_bytes, header_seconds)
        for family, value in zip(self._finished, seen, strict=False):
            if value is not None:
                family.child(**{label.name: values[label.name] for label in family.form.labels}).exemplify(value, trace)

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
            found = [_placed(cell.durations, self._duration_edges, seconds, count)]
            if request_bytes is not None:
                found.append(_placed(cell.request_sizes, self._size_edges, request_bytes, count))
            if response_bytes is not None:
                found.append(_placed(cell.response_sizes, self._size_edges, response_bytes, count))
            if header_seconds is not None:
                found.append(_placed(cell.header_times, self._header_edges, header_seconds, count))
        except Exception:  # noqa: BLE001 (whatever a type of others raises)
            wrong = (seconds, request_bytes, response_bytes, header_seconds)
            self._finished[0].wrong_value(wrong, "numbers, as many of each as requests")
            return
        with self._lock:
            cell.requests[0] += count
            for slot, indexes, total in found:
                slot[-1] += total
                for index in indexes:
                    slot[index] += 1

    def _running(self, route: str) -> Live:
        """The list behind the in-flight gauge of a route."""
        try:
            return self._live[route]
        except Exception:  # noqa: BLE001, S110 (new, or of a type without a hash)
            pass
        child = self._in_flight.child(**dict.fromkeys(self._in_flight.label_names, route))
        with self._lock:
            live = self._by_child.setdefault(id(child), Tally(child, self._lock) if self._shared else [])
        if isinstance(live, list):
            child.read_from(lambda: child.slot[0] + len(live))
        if _is_one_of(route, self._routes):
            self._live[route] = live
        return live

    def _cell(self, route: str, method: str, code: int) -> RequestCell:
        """What a request with these changes; kept under the names as they came, unless a client could invent more."""
        try:
            verb, status = method_label(method), code_label(code)
        except Exception:  # noqa: BLE001 (whatever a type of others raises)
            self._finished[0].wrong_value((method, code), "a method as str and a status as int")
            verb, status = _UNKNOWN, _UNKNOWN
        values = {"route": route, "method": verb, "code": status}
        slots: list[Slot] = []
        for family in self._finished:
            labels = {label.name: values[label.name] for label in family.form.labels}
            slots.append(family.child(**labels).slot)
        if len(slots) < 5:
            slots.append([0, 0.0])  # this flavor has no time to header
        live = self._running(route)
        with self._lock:
            cell = self._by_slot.setdefault(id(slots[0]), RequestCell(live, [], *slots))
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


def _plain(*values: object) -> tuple[Any, ...]:
    """The numbers as int or float, which alone may wait. Raises for what is no number or is too large for a float."""
    sums = [0.0 + value for value in values]  # type: ignore[operator]
    if not all(isinstance(one, float) for one in sums):
        raise TypeError
    exact = (int(value) if isinstance(value, int) else float(one) for value, one in zip(values, sums, strict=True))
    return tuple(exact)


def _place_each(slot: Slot, edges: Sequence[float], values: list[float]) -> None:
    """Count values into the buckets and the sum of a slot."""
    for value in values:
        slot[-1] += value
        slot[bisect_left(edges, value)] += 1


def _place_sorted(slot: Slot, edges: Sequence[float], values: list[float]) -> None:
    """The same for many: each bucket that any of them falls into is changed once."""
    slot[-1] = reduce(add, values, slot[-1])  # no `sum`, which rounds otherwise from Python 3.12 on
    values.sort()
    done, last, count = 0, len(edges), len(values)
    while done < count:
        index = bisect_left(edges, values[done])
        end = count if index == last else bisect_right(values, edges[index], done)
        slot[index] += end - done
        done = end


def _placed(slot: Slot, edges: Sequence[float], values: Sequence[float], count: int) -> tuple[Slot, list[int], float]:
    """A slot, into which of its buckets each value falls, and their sum. ValueError when there are not so many."""
    if len(values) != count:
        raise ValueError(values)
    return slot, [bisect_left(edges, value) for value in values], float(sum(values))


def _check(family: Family[Any]) -> None:
    strange = {label.name for label in family.form.labels} - _COMMON
    if strange:
        raise InstrumentError(
            f"{family.name} has the label {', '.join(sorted(strange))} at this version",
            expected="route, method and code",
            next_step="name a newer registry version",
        )
