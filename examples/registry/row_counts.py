"""Row counts of the metadata database, by the one instance that holds a lease in Redis."""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from uuid import uuid4

from psycopg import Error as DatabaseError
from redis.exceptions import RedisError

from examples.registry.database import PRE_DEPLOYMENT, Database
from regobs.catalog import row_counts
from regobs.instrument import Instruments
from regobs.instrument.adapters.redis import AsyncObservedRedis

_LEASE = "registry:db:{metrics}:row_count_lock"
_TABLES = {
    "gc_blob_review_queue": "gc_blob_review_queue",
    "gc_manifest_review_queue": "gc_manifest_review_queue",
    "gc_blob_review_queue_overdue": "gc_blob_review_queue WHERE review_after < now()",
    "gc_manifest_review_queue_overdue": "gc_manifest_review_queue WHERE review_after < now()",
    "applied_pre_migrations": "schema_migrations",
    "applied_post_migrations": "post_deploy_schema_migrations",
}

log = logging.getLogger("registry.datastore.RowCounts")


class RowCounts:
    """Counts every `interval` seconds, and shows what it counted."""

    def __init__(
        self, database: Database, redis: AsyncObservedRedis, instruments: Instruments, interval: float
    ) -> None:
        self._database = database
        self._redis = redis
        self._interval = interval
        self._holder = str(uuid4())
        self._rows = instruments.gauge(row_counts.ROWS)
        self._duration = instruments.histogram(row_counts.COLLECTION_DURATION)
        migrations = instruments.gauge(row_counts.MIGRATIONS)
        migrations.child(migration_type="pre_deployment").set(len(PRE_DEPLOYMENT))
        migrations.child(migration_type="post_deployment").set(0)

    async def run(self) -> None:
        """Count for ever."""
        lease = 3 * self._interval
        fields = {"interval_s": self._interval, "lease_duration_s": lease}
        log.info("database row count metrics collection started", extra=fields)
        while True:
            try:
                if await self._holds(lease):
                    await self._count()
                else:
                    text = "database row count metrics lock already obtained by another instance, will retry..."
                    log.info(text, extra={"retry_after_s": self._interval})
            except (DatabaseError, RedisError) as error:
                log.error("failed to execute row count query", extra={"error": str(error)})  # noqa: TRY400 (no bug of ours)
            await asyncio.sleep(self._interval)

    async def _holds(self, lease: float) -> bool:
        """Whether the lease is ours, prolonged or new."""
        milliseconds = int(lease * 1000)
        if await self._redis.get(_LEASE) == self._holder.encode():
            await self._redis.pexpire(_LEASE, milliseconds)
            log.info("extended database row count metrics lock")
            return True
        taken = bool(await self._redis.set(_LEASE, self._holder, nx=True, px=milliseconds))
        if taken:
            log.info("obtained database row count metrics lock")
        return taken

    async def _count(self) -> None:
        start = perf_counter()
        async with self._database.transaction() as connection:
            for name, rows in _TABLES.items():
                statement = f"/* name: count_{name} */ SELECT count(*) FROM {rows}"  # noqa: S608 (constants)
                found = await (await connection.execute(statement)).fetchone()
                count = int(found[0]) if found else 0
                self._rows.child(query_name=name).set(count)
                log.info("database row count metric collected", extra={"query_name": name, "count": count})
        self._duration.observe(perf_counter() - start)
