"""Repositories: rows of the database, remembered in Redis as the real registry does."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

import msgspec
from redis.exceptions import RedisError

from examples.registry.database import Connection, done, every, one
from regobs.instrument.adapters.redis import AsyncObservedRedis

_FIND = "/* name: repository_find_by_path */ SELECT id, path FROM repositories WHERE path = %s"
_MAKE = """/* name: repository_create_or_find_by_path */ INSERT INTO repositories (path) VALUES (%s)
    ON CONFLICT (path) DO UPDATE SET path = excluded.path RETURNING id, path"""
_LIST = """/* name: repository_find_all_paginated */ SELECT id, path FROM repositories r
    WHERE path COLLATE "C" > %s AND EXISTS (SELECT FROM manifests WHERE repository_id = r.id)
    ORDER BY path COLLATE "C" LIMIT %s"""
_LINK = """/* name: repository_link_blob */ INSERT INTO repository_blobs (repository_id, blob_digest)
    VALUES (%s, %s) ON CONFLICT DO NOTHING"""
_UNLINK = """/* name: repository_unlink_blob */ DELETE FROM repository_blobs
    WHERE repository_id = %s AND blob_digest = %s"""
_LIFE = 6 * 3600  # seconds in the cache; repositories are never deleted

log = logging.getLogger("registry.datastore.Repositories")


@dataclass(frozen=True, slots=True)
class Repository:
    """A row."""

    id: int
    path: str


class RepositoryCache:
    """Rows by path. Without Redis, every look-up is a miss."""

    def __init__(self, redis: AsyncObservedRedis) -> None:
        self._redis = redis

    async def get(self, path: str) -> Repository | None:
        """The row, if it is known."""
        try:
            found = await self._redis.get(_key(path))
        except RedisError as error:
            log.error("failed to read repository from cache", extra={"error": str(error)})  # noqa: TRY400 (no traceback)
            return None
        return msgspec.json.decode(found, type=Repository) if found else None

    async def put(self, repository: Repository) -> None:
        """Remember a row that is committed."""
        try:
            await self._redis.set(_key(repository.path), msgspec.json.encode(repository), ex=_LIFE)
        except RedisError as error:
            log.warning("failed to write repository to cache", extra={"error": str(error)})


def _key(path: str) -> str:
    namespace = path.partition("/")[0]
    return f"registry:db:{{repository:{namespace}:{hashlib.sha256(path.encode()).hexdigest()}}}"


async def find(connection: Connection, path: str) -> Repository | None:
    """The repository of a path."""
    return await one(connection, Repository, _FIND, path)


async def find_or_create(connection: Connection, path: str) -> Repository:
    """The repository of a path, new if it has to be."""
    made = await one(connection, Repository, _MAKE, path)
    assert made is not None  # noqa: S101 (the statement always returns a row)
    return made


async def page(connection: Connection, last: str, limit: int) -> list[Repository]:
    """Repositories that hold something, in the order of their paths."""
    return await every(connection, Repository, _LIST, last, limit)


async def link_blob(connection: Connection, repository: Repository, digest: str) -> bool:
    """Make a blob one of the repository's; False when it is already."""
    return await done(connection, _LINK, repository.id, digest)


async def unlink_blob(connection: Connection, repository: Repository, digest: str) -> bool:
    """The opposite; False when it is none of the repository's."""
    return await done(connection, _UNLINK, repository.id, digest)
