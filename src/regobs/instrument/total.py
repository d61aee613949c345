"""What the processes of one server have counted together, as families that are rendered like those of one process.

Counters, histograms and gauges that only grow are added up, those of processes that have ended too. Other gauges are
added up over the living processes (requests in flight, connections, memory), or, where every process says the same or
one says it for all (`Metric.common` in the catalog), the highest counts.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from regobs.catalog.index import METRICS
from regobs.catalog.model import Kind, Metric
from regobs.instrument.family import Family
from regobs.instrument.ledger import Ledger
from regobs.instrument.workers import Workers

if TYPE_CHECKING:
    from regobs.instrument.instruments import Instruments

PUBLISHED_EVERY = 1.0  # seconds between two looks at what is read from functions, such as the statistics of a pool
_UNBOUNDED = 10**9  # each process has kept its own ceiling already


class Total:
    """The instruments of this process and those of the other processes that share `directory`."""

    def __init__(self, instruments: Instruments, directory: Path) -> None:
        self._instruments = weakref.ref(instruments)
        self._workers = Workers(directory, _lasting)
        self._families: dict[str, Family[Any]] = {}
        self._guard = Lock()
        self._publish_on()
        _totals.add(self)

    @property
    def ledger(self) -> Ledger:
        """Where the families of this process keep their numbers."""
        return self._workers.ledger

    def families(self) -> list[Family[Any]]:
        """All families of all processes in the order of their names, with the sums of this moment."""
        with self._guard:
            self.publish()
            by_family: dict[str, dict[tuple[str, ...], list[float]]] = {}
            for (name, values), numbers in self._workers.numbers(_add).items():
                by_family.setdefault(name, {})[values] = numbers
            return [self._filled(name, by_family[name]) for name in sorted(by_family)]

    def publish(self) -> None:
        """Write down what is read from functions, for the other processes."""
        instruments = self._instruments()
        for family in instruments.families() if instruments else ():
            family.publish()

    def fork(self) -> None:
        """In a forked child: count from 0, in a ledger of its own."""
        self._guard = Lock()
        self._workers.fork()
        instruments = self._instruments()
        if instruments is not None:
            instruments.rehome(self.ledger)
        self._publish_on()

    def _filled(self, name: str, numbers: Mapping[tuple[str, ...], list[float]]) -> Family[Any]:
        family = self._families.get(name)
        if family is None:
            instruments, metric = self._instruments(), METRICS[name]
            assert instruments is not None  # noqa: S101 (it is who asks)
            form = metric.form(instruments.flavor, instruments.version) or metric.forms[0]
            family = self._families[name] = Family(
                metric, form, instruments, cap=lambda _: _UNBOUNDED, ceiling=_UNBOUNDED, lock=Lock()
            )
        family.fill({values: _shown(family.metric, found) for values, found in numbers.items()})
        return family

    def _publish_on(self) -> None:
        threading.Thread(target=_publish_while_alive, args=(weakref.ref(self),), daemon=True).start()


_totals: weakref.WeakSet[Total] = weakref.WeakSet()


def _fork() -> None:
    for total in _totals:
        total.fork()


os.register_at_fork(after_in_child=_fork)


def _publish_while_alive(reference: weakref.ref[Total]) -> None:
    pause = threading.Event()
    while not pause.wait(PUBLISHED_EVERY):
        total = reference()
        if total is None:
            return
        total.publish()
        del total


def _lasting(name: str) -> bool:
    metric = METRICS[name]
    return metric.cumulative or metric.kind in {Kind.COUNTER, Kind.HISTOGRAM}


def _add(name: str, known: list[float], numbers: tuple[float, ...]) -> list[float]:
    if METRICS[name].common:
        return known if sum(known) >= sum(numbers) else list(numbers)
    return [one + other for one, other in zip(known, numbers, strict=True)]


def _shown(metric: Metric, numbers: list[float]) -> list[float]:
    """As a child of a single process has them: a single number has come with what a function adds to it."""
    return numbers if metric.kind is Kind.HISTOGRAM else [sum(numbers)]
