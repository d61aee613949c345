"""The review queues of garbage collection: which blob or manifest is next, and whether it dangles.

A task is locked together with its blob or manifest and never waited for: pushes that hold either come first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from examples.registry.database import Connection, done, one

_NEXT_BLOB = """/* name: gc_blob_task_next */
    SELECT b.digest AS key, b.digest, b.size, b.media_type, 0 AS repository_id,
        q.review_after, q.review_count, q.created_at, q.event
    FROM gc_blob_review_queue q JOIN blobs b USING (digest) WHERE q.review_after < now()
    ORDER BY q.review_after LIMIT 1 FOR UPDATE OF b, q SKIP LOCKED"""
_BLOB_DANGLES = """/* name: gc_blob_task_is_dangling */ SELECT NOT EXISTS (SELECT FROM layers WHERE digest = %(key)s)
    AND NOT EXISTS (SELECT FROM manifests WHERE configuration_blob_digest = %(key)s)"""
_NEXT_MANIFEST = """/* name: gc_manifest_task_next */
    SELECT m.id AS key, m.digest, length(m.payload) AS size, m.media_type, m.repository_id,
        q.review_after, q.review_count, q.created_at, q.event
    FROM gc_manifest_review_queue q JOIN manifests m ON m.id = q.manifest_id WHERE q.review_after < now()
    ORDER BY q.review_after LIMIT 1 FOR UPDATE OF m, q SKIP LOCKED"""
_MANIFEST_DANGLES = """/* name: gc_manifest_task_is_dangling */
    SELECT NOT EXISTS (SELECT FROM tags WHERE manifest_id = m.id)
    AND NOT EXISTS (SELECT FROM manifest_references WHERE child_id = m.id)
    AND NOT EXISTS (SELECT FROM manifests s WHERE s.repository_id = m.repository_id AND s.digest = m.subject_digest)
    FROM manifests m WHERE m.id = %(key)s"""
_DROP = "/* name: gc_{kind}_task_delete */ DELETE FROM gc_{kind}_review_queue WHERE {key} = %s"
_POSTPONE = """/* name: gc_{kind}_task_postpone */ UPDATE gc_{kind}_review_queue
    SET review_after = now() + make_interval(secs => %s), review_count = review_count + 1 WHERE {key} = %s"""
_SETTLE = """/* name: gc_settings_update_all_review_after_defaults */ UPDATE gc_review_after_defaults
    SET value = make_interval(secs => %s) WHERE value <> make_interval(secs => %s)"""


@dataclass(frozen=True, slots=True)
class Task:
    """A blob or manifest to look at: `key` is the digest of the one, the id of the other; `size` is in bytes."""

    key: str | int
    digest: str
    size: int
    media_type: str
    repository_id: int
    review_after: datetime
    review_count: int
    created_at: datetime
    event: str

    @property
    def shown(self) -> dict[str, Any]:
        """The fields of a log line."""
        times = {"review_after": self.review_after.isoformat(), "created_at": self.created_at.isoformat()}
        return {**times, "review_count": self.review_count, "event": self.event}


class Queue:
    """The tasks of one kind."""

    def __init__(self, kind: str, key: str, following: str, dangles: str) -> None:
        self._next = following
        self._dangles = dangles
        self._drop = _DROP.format(kind=kind, key=key)
        self._postpone = _POSTPONE.format(kind=kind, key=key)

    async def next(self, connection: Connection) -> Task | None:
        """What waits longest, if something is due."""
        return await one(connection, Task, self._next)

    async def is_dangling(self, connection: Connection, task: Task) -> bool:
        """Whether nothing names it: of a blob no manifest; of a manifest no tag, no index, and no subject is left."""
        row = await (await connection.execute(self._dangles, {"key": task.key})).fetchone()
        return row is not None and bool(row[0])

    async def drop(self, connection: Connection, task: Task) -> None:
        """Take the task off the queue."""
        await done(connection, self._drop, task.key)

    async def postpone(self, connection: Connection, task: Task, seconds: float) -> None:
        """Look again in so many seconds."""
        await done(connection, self._postpone, seconds, task.key)


BLOBS = Queue("blob", "digest", _NEXT_BLOB, _BLOB_DANGLES)
MANIFESTS = Queue("manifest", "manifest_id", _NEXT_MANIFEST, _MANIFEST_DANGLES)


async def settle(connection: Connection, seconds: float) -> bool:
    """Set how long after its event a blob or manifest is looked at; whether that was another time before."""
    return await done(connection, _SETTLE, seconds, seconds)
