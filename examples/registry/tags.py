"""Tags: rows of the database."""

from __future__ import annotations

from dataclasses import dataclass

from examples.registry.database import Connection, done, every
from examples.registry.manifests import Manifest
from examples.registry.repositories import Repository

_PUT = """/* name: tag_create_or_update */ INSERT INTO tags AS t (repository_id, name, manifest_id) VALUES (%s, %s, %s)
    ON CONFLICT (repository_id, name) DO UPDATE SET manifest_id = excluded.manifest_id
    WHERE t.manifest_id <> excluded.manifest_id"""
_DELETE = "/* name: repository_delete_tag_by_name */ DELETE FROM tags WHERE repository_id = %s AND name = %s"
_PAGE = """/* name: repository_tags_paginated */ SELECT name FROM tags
    WHERE repository_id = %s AND name > %s ORDER BY name LIMIT %s"""


@dataclass(frozen=True, slots=True)
class Tag:
    """A row."""

    name: str


async def put(connection: Connection, repository: Repository, name: str, manifest: Manifest) -> None:
    """Point a tag to a manifest."""
    await done(connection, _PUT, repository.id, name, manifest.id)


async def delete(connection: Connection, repository: Repository, name: str) -> bool:
    """Remove a tag; False when there is none."""
    return await done(connection, _DELETE, repository.id, name)


async def page(connection: Connection, repository: Repository, last: str, limit: int) -> list[Tag]:
    """Tags after `last`, in the order of their names."""
    return await every(connection, Tag, _PAGE, repository.id, last, limit)
