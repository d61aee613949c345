"""Batched background migrations: runs of the worker and its jobs.

    from regobs.instrument.adapters.migrations import MigrationWorker

    worker = MigrationWorker(instruments)
    with worker.run():
        with worker.job(migration_id=7, name="populateBlobsIDColumn", batch_size=1000) as job:
            with job.query():
                populate(first, last)
            commit()
    worker.sleeping(seconds)                              # before the sleep, as the real worker

`name` is that of the job's function. The batch size of a job that does not raise counts as migrated, as in the real
registry, which also counts jobs whose function failed and whose failure was committed: catch it inside the block.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from regobs.catalog import background_migrations as bbm
from regobs.instrument.core.recorder import Recorder

if TYPE_CHECKING:
    from regobs.instrument.core.instruments import Instruments

WORKER = "registry.bbm.Worker"


class Job:
    """A running job."""

    def __init__(self, queries: Recorder, labels: dict[str, object]) -> None:
        self._queries = queries
        self._labels = labels

    @contextmanager
    def query(self) -> Iterator[None]:
        """The job's function, timed also when it raises."""
        start = perf_counter()
        try:
            yield
        finally:
            self._queries.observe(perf_counter() - start, **self._labels)


class MigrationWorker:
    """The worker of the background migrations."""

    def __init__(self, instruments: Instruments) -> None:
        self._runs = Recorder(instruments, bbm.RUNS)
        self._run_times = Recorder(instruments, bbm.RUN_DURATION)
        self._batch = Recorder(instruments, bbm.BATCH_SIZE)
        self._jobs = Recorder(instruments, bbm.JOB_DURATION)
        self._migrated = Recorder(instruments, bbm.MIGRATED)
        self._queries = Recorder(instruments, bbm.QUERY_DURATION)
        self._sleeps = Recorder(instruments, bbm.SLEEP)

    @contextmanager
    def run(self) -> Iterator[None]:
        """One run of the worker, also one that gets no lock or finds no job."""
        start = perf_counter()
        try:
            yield
        finally:
            self._runs.add(1)
            self._run_times.observe(perf_counter() - start)

    @contextmanager
    def job(self, *, migration_id: int, name: str, batch_size: int) -> Iterator[Job]:
        """One job up to its commit."""
        labels: dict[str, object] = {"migration_id": migration_id, "migration_name": name}
        self._batch.put(batch_size, **labels)
        start = perf_counter()
        try:
            yield Job(self._queries, labels)
            self._migrated.add(batch_size, **labels)
        finally:
            self._jobs.observe(perf_counter() - start, **labels)

    def sleeping(self, seconds: float) -> None:
        """The worker is about to sleep so long."""
        self._sleeps.observe(seconds, worker=WORKER)
