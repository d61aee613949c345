"""The review queues of garbage collection: which blob or manifest is next, and whether it dangles.

A task is locked together with its blob or manifest and never waited for: pushes that hold either come first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from examples.registry.database import Connection, done, one

_NEXT_BLOB = """/* name: gc_blob_task_next */
    SELECT b.digest, b.size, b.media_type, q.review_after, q.review_count, q.created_at, q.event
    FROM gc_blob_review_queue q JOIN blobs b USING (digest) WHERE q.review_after < now()
    ORDER BY q.review_after LIMIT 1 FOR UPDATE OF b, q SKIP LOCKED"""
_BLOB_DANGLES = """/* name: gc_blob_task_is_dangling */ SELECT NOT EXISTS (SELECT FROM layers WHERE digest = %(digest)s)
    AND NOT EXISTS (SELECT FROM manifests WHERE configuration_blob_digest = %(digest)s)"""
_DROP_BLOB = "/* name: gc_blob_task_delete */ DELETE FROM gc_blob_review_queue WHERE digest = %s"
_POSTPONE_BLOB = """/* name: gc_blob_task_postpone */ UPDATE gc_blob_review_queue
    SET review_after = now() + make_interval(secs => %s), review_count = review_count + 1 WHERE digest = %s"""
_NEXT_MANIFEST = """/* name: gc_manifest_task_next */
    SELECT m.id AS manifest_id, m.repository_id, m.digest, q.review_after, q.review_count, q.created_at, q.event
    FROM gc_manifest_review_queue q JOIN manifests m ON m.id = q.manifest_id WHERE q.review_after < now()
    ORDER BY q.review_after LIMIT 1 FOR UPDATE OF m, q SKIP LOCKED"""
_MANIFEST_DANGLES = """/* name: gc_manifest_task_is_dangling */
    SELECT NOT EXISTS (SELECT FROM tags WHERE manifest_id = m.id)
    AND NOT EXISTS (SELECT FROM manifest_references WHERE child_id = m.id)
    AND NOT EXISTS (SELECT FROM manifests s WHERE s.repository_id = m.repository_id AND s.digest = m.subject_digest)
    FROM manifests m WHERE m.id = %(manifest_id)s"""
_DELETE_MANIFEST = "/* name: manifest_delete */ DELETE FROM manifests WHERE id = %s"
_DROP_MANIFEST = "/* name: gc_manifest_task_delete */ DELETE FROM gc_manifest_review_queue WHERE manifest_id = %s"
_POSTPONE_MANIFEST = """/* name: gc_manifest_task_postpone */ UPDATE gc_manifest_review_queue
    SET review_after = now() + make_interval(secs => %s), review_count = review_count + 1 WHERE manifest_id = %s"""
_SETTLE = """/* name: gc_settings_update_all_review_after_defaults */ UPDATE gc_review_after_defaults
    SET value = make_interval(secs => %s) WHERE value <> make_interval(secs => %s)"""


@dataclass(frozen=True, slots=True)
class BlobTask:
    """A blob to look at."""

    digest: str
    size: int
    media_type: str
    review_after: datetime
    review_count: int
    created_at: datetime
    event: str

    async def is_dangling(self, connection: Connection) -> bool:
        """Whether no manifest names the blob."""
        row = await (await connection.execute(_BLOB_DANGLES, {"digest": self.digest})).fetchone()
        return row is not None and bool(row[0])

    async def drop(self, connection: Connection) -> None:
        """Take the task off the queue."""
        await done(connection, _DROP_BLOB, self.digest)

    async def postpone(self, connection: Connection, seconds: float) -> None:
        """Look again in so many seconds."""
        await done(connection, _POSTPONE_BLOB, seconds, self.digest)


@dataclass(frozen=True, slots=True)
class ManifestTask:
    """A manifest to look at."""

    manifest_id: int
    repository_id: int
    digest: str
    review_after: datetime
    review_count: int
    created_at: datetime
    event: str

    async def is_dangling(self, connection: Connection) -> bool:
        """Whether no tag and no index names the manifest, and what it describes is gone."""
        row = await (await connection.execute(_MANIFEST_DANGLES, {"manifest_id": self.manifest_id})).fetchone()
        return row is not None and bool(row[0])

    async def delete(self, connection: Connection) -> None:
        """Delete the manifest, and the task with it."""
        await done(connection, _DELETE_MANIFEST, self.manifest_id)

    async def drop(self, connection: Connection) -> None:
        """Take the task off the queue."""
        await done(connection, _DROP_MANIFEST, self.manifest_id)

    async def postpone(self, connection: Connection, seconds: float) -> None:
        """Look again in so many seconds."""
        await done(connection, _POSTPONE_MANIFEST, seconds, self.manifest_id)


async def next_blob(connection: Connection) -> BlobTask | None:
    """The blob that waits longest, if one is due."""
    return await one(connection, BlobTask, _NEXT_BLOB)


async def next_manifest(connection: Connection) -> ManifestTask | None:
    """The manifest that waits longest, if one is due."""
    return await one(connection, ManifestTask, _NEXT_MANIFEST)


async def settle(connection: Connection, seconds: float) -> bool:
    """Set how long after its event a blob or manifest is looked at; whether that was another time before."""
    return await done(connection, _SETTLE, seconds, seconds)
