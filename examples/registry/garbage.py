"""Online garbage collection: two workers that look at what was uploaded, untagged or deleted, and remove what dangles.

One run looks at one blob or manifest, in one transaction that holds its row.
"""

from __future__ import annotations

import asyncio
import logging
import random
from time import perf_counter
from typing import Any, Protocol

from psycopg import Error as DatabaseError

from examples.registry import blobs, layout, reviews
from examples.registry.database import Connection, Database
from examples.registry.driver import FilesystemDriver
from examples.registry.settings import Garbage
from regobs.instrument import Instruments, correlated
from regobs.instrument.garbage import GarbageWorker, Run

_POSTPONE = 300.0  # seconds after the first error, twice as long after each further one
_LONGEST = 86400.0

log = logging.getLogger("registry.gc.Agent")
blob_log = logging.getLogger("registry.gc.worker.BlobWorker")
manifest_log = logging.getLogger("registry.gc.worker.ManifestWorker")


class Worker(Protocol):
    """What the agent runs."""

    name: str
    collector: GarbageWorker

    async def run(self) -> bool:
        """Look at one task; False when none is due."""


class BlobWorker:
    """Removes blobs that no manifest names, from storage and then from the database."""

    name = blob_log.name

    def __init__(self, database: Database, driver: FilesystemDriver, instruments: Instruments) -> None:
        self._database = database
        self._driver = driver
        self.collector = GarbageWorker(instruments, "blob")

    async def run(self) -> bool:
        """Look at one blob."""
        with self.collector.run() as run:
            async with self._database.transaction() as connection:
                task = await reviews.next_blob(connection)
                if task is None:
                    blob_log.info("no task available")
                    return False
                run.found(event=task.event)
                blob_log.info("processing task", extra=_shown(task, digest=task.digest))
                run.dangling = await task.is_dangling(connection)
                if not run.dangling:
                    blob_log.info("the blob is not dangling")
                    blob_log.info("deleting task")
                    await task.drop(connection)
                    return True
                blob_log.info("the blob is dangling")
                try:
                    await self._delete(connection, task)
                except OSError as error:
                    run.failed = True
                    await _postpone(blob_log, self.collector, connection, task, error)
            return True

    async def _delete(self, connection: Connection, task: reviews.BlobTask) -> None:
        # Storage first: a row without content is looked at again, content without a row would stay for ever.
        with self.collector.delete("storage"):
            try:
                await self._driver.delete(layout.blob_folder(task.digest))
            except FileNotFoundError:
                blob_log.warning("blob no longer exists on storage", extra={"digest": task.digest})
        with self.collector.delete("database"):
            await blobs.delete(connection, task.digest)
        self.collector.freed(task.size, task.media_type)
        blob_log.info("blob deleted", extra={"digest": task.digest})


class ManifestWorker:
    """Removes manifests that no tag and no index names."""

    name = manifest_log.name

    def __init__(self, database: Database, instruments: Instruments) -> None:
        self._database = database
        self.collector = GarbageWorker(instruments, "manifest")

    async def run(self) -> bool:
        """Look at one manifest."""
        with self.collector.run() as run:
            async with self._database.transaction() as connection:
                task = await reviews.next_manifest(connection)
                if task is None:
                    manifest_log.info("no task available")
                    return False
                await self._review(connection, task, run)
            return True

    async def _review(self, connection: Connection, task: reviews.ManifestTask, run: Run) -> None:
        run.found(event=task.event)
        where = {"repository_id": task.repository_id, "manifest_id": task.manifest_id}
        manifest_log.info("processing task", extra=_shown(task, **where))
        run.dangling = await task.is_dangling(connection)
        if not run.dangling:
            manifest_log.info("the manifest is not dangling, deleting task", extra=where)
            await task.drop(connection)
            return
        manifest_log.info("the manifest is dangling, deleting", extra=where)
        with self.collector.delete("database"):
            await task.delete(connection)
        manifest_log.info("manifest deleted", extra={"digest": task.digest, **where})


def _shown(task: reviews.BlobTask | reviews.ManifestTask, **more: object) -> dict[str, Any]:
    """The fields of a task in a log line."""
    times = {"review_after": task.review_after.isoformat(), "created_at": task.created_at.isoformat()}
    return {**times, "review_count": task.review_count, "event": task.event, **more}


async def _postpone(
    logger: logging.Logger,
    collector: GarbageWorker,
    connection: Connection,
    task: reviews.BlobTask | reviews.ManifestTask,
    error: Exception,
) -> None:
    seconds = min(_LONGEST, _POSTPONE * 2**task.review_count)
    await task.postpone(connection, seconds)
    collector.postponed()
    logger.info("postponing next review", extra={"backoff_duration": f"{seconds:.0f}s", "error": str(error)})


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
