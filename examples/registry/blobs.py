"""Blobs: rows of the database. Their content is in storage."""

from __future__ import annotations

from dataclasses import dataclass

from examples.registry.database import Connection, done, one
from examples.registry.repositories import Repository

_MAKE = """/* name: blob_create_or_find */ INSERT INTO blobs (digest, size, media_type) VALUES (%s, %s, %s)
    ON CONFLICT (digest) DO UPDATE SET size = excluded.size"""
_FIND = """/* name: repository_find_blob */ SELECT digest, size, media_type FROM blobs
    JOIN repository_blobs ON blob_digest = digest WHERE repository_id = %s AND digest = %s"""
_HOLD = f"{_FIND} FOR SHARE OF blobs"
_DELETE = "/* name: blob_delete */ DELETE FROM blobs WHERE digest = %s"

OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Blob:
    """A row; `size` in bytes."""

    digest: str
    size: int
    media_type: str


async def create_or_find(connection: Connection, digest: str, size: int) -> None:
    """Make the row, or lock the one that is there: garbage collection leaves it until the transaction ends."""
    await done(connection, _MAKE, digest, size, OCTETS)


async def find(connection: Connection, repository: Repository, digest: str) -> Blob | None:
    """A blob of a repository."""
    return await one(connection, Blob, _FIND, repository.id, digest)


async def find_and_hold(connection: Connection, repository: Repository, digest: str) -> Blob | None:
    """The same; garbage collection leaves it until the transaction ends."""
    return await one(connection, Blob, _HOLD, repository.id, digest)


async def delete(connection: Connection, digest: str) -> None:
    """Remove the row, its links to repositories and its review."""
    await done(connection, _DELETE, digest)
