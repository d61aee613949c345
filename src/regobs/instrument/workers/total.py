"""What the processes of one server have counted together, as families that are rendered like those of one process.

Counters, histograms and gauges that only grow are added up, those of processes that have ended too. Other gauges are
added up over the living processes (requests in flight, connections, memory), or, where every process says the same or
one says it for all (`Metric.common` in the catalog), the highest counts.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from regobs.catalog.index import METRICS
from regobs.catalog.model import Kind, Metric
from regobs.errors import MachineError
from regobs.instrument.core.family import Family
from regobs.instrument.workers.directory import Workers
from regobs.instrument.workers.ledger import Key, Ledger

if TYPE_CHECKING:
    from regobs.instrument.core.instruments import Instruments

PUBLISHED_EVERY = 1.0  # seconds between two looks at what is read from functions, such as the statistics of a pool
_UNBOUNDED = 10**9  # each process has kept its own ceiling already


class Total:
    """The instruments of this process and those of the other processes that share `directory`."""

    def __init__(self, instruments: Instruments, directory: Path) -> None:
        self._instruments = weakref.ref(instruments)
        self._workers = Workers(directory, self._lasting, self._overflow, ceiling=instruments.ceiling)
        self.ledger: Ledger | None = self._workers.ledger  # where the families of this process keep their numbers
        self._families: dict[str, Family[Any]] = {}
        self._guard = Lock()
        self._publish_on()

    @property
    def lock(self) -> Lock:
        """What is held while the directory is locked."""
        return self._workers.guard

    def families(self) -> list[Family[Any]]:
        """All families of all processes in the order of their names, with the sums of this moment."""
        with self._guard:
            self.publish()
            by_family: dict[str, dict[tuple[str, ...], list[float]]] = {}
            for (name, values), numbers in self._workers.numbers(self._add).items():
                by_family.setdefault(name, {})[values] = numbers
            filled = (self._filled(name, by_family[name]) for name in sorted(by_family))
            return [family for family in filled if family is not None]

    def publish(self) -> None:
        """Write down what is read from functions, for the other processes."""
        instruments = self._instruments()
        for family in instruments.families() if instruments else ():
            family.publish()

    def fork(self) -> None:
        """In a forked child: a ledger of its own. Without one (the directory is full, or gone) it counts alone."""
        self._guard = Lock()
        self._families = {}
        try:
            self._workers.fork()
            self.ledger = self._workers.ledger
        except (OSError, MachineError) as error:
            self.ledger = None
            logging.getLogger("regobs.instrument").warning("process %s counts alone: %s", os.getpid(), error)
        self._publish_on()

    def _filled(self, name: str, numbers: Mapping[tuple[str, ...], list[float]]) -> Family[Any] | None:
        """The family with the sums, None for one that this version does not know.

        A series with other labels or buckets, which another version has written, is left out.
        """
        family = self._families.get(name) or self._family(name)
        if family is None:
            return None
        self._families[name] = family
        labels, count = len(family.label_names), len(family.edges) + 2 if family.edges else 2
        fitting = {values: found for values, found in numbers.items() if len(values) == labels and len(found) == count}
        family.fill({values: _shown(family.metric, found) for values, found in fitting.items()})
        return family

    def _family(self, name: str) -> Family[Any] | None:
        instruments, metric = self._instruments(), self._metric(name)
        if instruments is None or metric is None:
            return None
        form = metric.form(instruments.flavor, instruments.version) or metric.forms[0]
        return Family(metric, form, instruments, cap=lambda _: _UNBOUNDED, ceiling=_UNBOUNDED, lock=Lock())

    def _metric(self, name: str) -> Metric | None:
        instruments = self._instruments()
        own = instruments.metric(name) if instruments else None
        return own or METRICS.get(name)

    def _lasting(self, name: str) -> bool:
        metric = self._metric(name)
        return metric is None or metric.cumulative or metric.kind in {Kind.COUNTER, Kind.HISTOGRAM}

    def _overflow(self, key: Key) -> Key:
        family = self._families.get(key[0]) or self._family(key[0])
        return (key[0], family.overflow(key[1])) if family and len(family.label_names) == len(key[1]) else key

    def _add(self, name: str, known: list[float], numbers: tuple[float, ...]) -> list[float]:
        metric = self._metric(name)
        if len(known) != len(numbers):  # of another version, which had other buckets
            return list(numbers)
        if metric is not None and metric.common:
            return known if sum(known) >= sum(numbers) else list(numbers)
        return [mine + other for mine, other in zip(known, numbers, strict=True)]

    def _publish_on(self) -> None:
        threading.Thread(target=_publish_while_alive, args=(weakref.ref(self),), daemon=True).start()


def _publish_while_alive(reference: weakref.ref[Total]) -> None:
    pause = threading.Event()
    while not pause.wait(PUBLISHED_EVERY):
        total = reference()
        if total is None:
            return
        total.publish()
        del total


def _shown(metric: Metric, numbers: list[float]) -> list[float]:
    """As a child of a single process has them: a single number has come with what a function adds to it."""
    return numbers if metric.kind is Kind.HISTOGRAM else [sum(numbers)]
