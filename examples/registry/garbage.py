"""Online garbage collection: two workers that look at what was uploaded, untagged or deleted, and remove what dangles.

One run looks at one blob or manifest, in one transaction that holds its row.
"""

from __future__ import annotations

import asyncio
import logging
import random
from time import perf_counter
from typing import Any

from psycopg import Error as DatabaseError

from examples.registry import blobs, layout, manifests, reviews
from examples.registry.database import Connection, Database
from examples.registry.driver import FilesystemDriver
from examples.registry.settings import Garbage
from regobs.instrument import Instruments, correlated
from regobs.instrument.adapters.garbage import GarbageWorker

_POSTPONE = 300.0  # seconds after the first error, twice as long after each further one
_LONGEST = 86400.0

log = logging.getLogger("registry.gc.Agent")


class Worker:
    """Looks at one task a run. A blob or a manifest: what is done and said of each is below."""

    dangling: str
    kept: tuple[str, ...]

    def __init__(self, kind: str, queue: reviews.Queue, database: Database, instruments: Instruments) -> None:
        self.name = f"registry.gc.worker.{kind.capitalize()}Worker"
        self.log = logging.getLogger(self.name)
        self.collector = GarbageWorker(instruments, kind)
        self._queue = queue
        self._database = database

    def where(self, task: reviews.Task) -> dict[str, Any]:
        """The fields by which a line names what it is about."""
        raise NotImplementedError

    async def delete(self, connection: Connection, task: reviews.Task) -> None:
        """Remove what dangles, and its task with it. OSError when the storage fails."""
        raise NotImplementedError

    async def run(self) -> bool:
        """Look at one task; False when none is due."""
        with self.collector.run() as run:
            async with self._database.transaction() as connection:
                task = await self._queue.next(connection)
                if task is None:
                    self.log.info("no task available")
                    return False
                run.found(event=task.event)
                self.log.info("processing task", extra={**task.shown, **self.where(task)})
                run.dangling = await self._queue.is_dangling(connection, task)
                if not run.dangling:
                    for text in self.kept:
                        self.log.info(text, extra=self.where(task))
                    await self._queue.drop(connection, task)
                    return True
                self.log.info(self.dangling, extra=self.where(task))
                try:
                    await self.delete(connection, task)
                except OSError as error:
                    run.failed = True
                    await self._postpone(connection, task, error)
            return True

    async def _postpone(self, connection: Connection, task: reviews.Task, error: OSError) -> None:
        seconds = min(_LONGEST, _POSTPONE * 2**task.review_count)
        await self._queue.postpone(connection, task, seconds)
        self.collector.postponed()
        extra = {"backoff_duration": f"{seconds:.0f}s", "error": str(error)}
        self.log.info("postponing next review", extra=extra)


class BlobWorker(Worker):
    """Removes blobs that no manifest names, from storage and then from the database."""

    dangling = "the blob is dangling"
    kept = ("the blob is not dangling", "deleting task")

    def __init__(self, database: Database, driver: FilesystemDriver, instruments: Instruments) -> None:
        super().__init__("blob", reviews.BLOBS, database, instruments)
        self._driver = driver

    def where(self, task: reviews.Task) -> dict[str, Any]:
        """Its digest."""
        return {"digest": task.digest}

    async def delete(self, connection: Connection, task: reviews.Task) -> None:
        """Storage first: a row without content is looked at again, content without a row would stay for ever."""
        with self.collector.delete("storage"):
            try:
                await self._driver.delete(layout.blob_folder(task.digest))
            except FileNotFoundError:
                self.log.warning("blob no longer exists on storage", extra=self.where(task))
        with self.collector.delete("database"):
            await blobs.delete(connection, task.digest)
        self.collector.freed(task.size, task.media_type)
        self.log.info("blob deleted", extra=self.where(task))


class ManifestWorker(Worker):
    """Removes manifests that no tag and no index names."""

    dangling = "the manifest is dangling, deleting"
    kept = ("the manifest is not dangling, deleting task",)

    def __init__(self, database: Database, instruments: Instruments) -> None:
        super().__init__("manifest", reviews.MANIFESTS, database, instruments)

    def where(self, task: reviews.Task) -> dict[str, Any]:
        """Its id and its repository's."""
        return {"repository_id": task.repository_id, "manifest_id": task.key}

    async def delete(self, connection: Connection, task: reviews.Task) -> None:
        """The row, and with it all that hangs on it."""
        with self.collector.delete("database"):
            await manifests.collect(connection, task.key)
        self.log.info("manifest deleted", extra={"digest": task.digest, **self.where(task)})


async def agent(worker: Worker, settings: Garbage) -> None:
    """Run a worker for ever. An idle one waits longer each time."""
    jitter = random.uniform(0, min(settings.interval, 60))  # noqa: S311 (spreads instances, hides nothing)
    log.info("starting online GC agent", extra={"worker": worker.name, "jitter_s": jitter})
    await asyncio.sleep(jitter)
    wait = settings.interval
    while True:
        with correlated():
            log.info("running worker", extra={"worker": worker.name})
            start = perf_counter()
            try:
                found = await worker.run()
            except (DatabaseError, OSError) as error:
                found = True
                log.error("failed run", extra={"worker": worker.name, "error": str(error)})  # noqa: TRY400 (no bug of ours)
            wait = settings.interval if found else min(max(settings.interval, settings.max_backoff), wait * 2)
            log.info("run complete", extra={"worker": worker.name, "duration_s": perf_counter() - start})
            log.info("sleeping", extra={"worker": worker.name, "duration_s": wait})
            worker.collector.sleeping(wait)
        await asyncio.sleep(wait)


async def settle(database: Database, settings: Garbage) -> None:
    """Tell the database how long after its event something is looked at."""
    log.info("preparing to update online GC settings", extra={"jitter_s": 0})
    start = perf_counter()
    async with database.transaction() as connection:
        changed = await reviews.settle(connection, settings.review_after)
    text = "online GC settings updated successfully" if changed else "online GC settings are up to date"
    log.info(text, extra={"duration_s": perf_counter() - start})
