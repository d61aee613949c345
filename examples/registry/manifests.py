"""Manifests: what is in one, and the rows of the database."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from examples.registry.database import Connection, done, every, one
from examples.registry.repositories import Repository

_COLUMNS = "m.id, m.digest, m.media_type, m.payload"
_MAKE = """/* name: manifest_create_or_find */ INSERT INTO manifests AS m
    (repository_id, digest, media_type, artifact_type, payload, configuration_blob_digest, subject_digest)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (repository_id, digest) DO UPDATE SET media_type = excluded.media_type
    RETURNING m.id, m.digest, m.media_type, m.payload"""
_LAYER = """/* name: manifest_associate_layer_blob */ INSERT INTO layers (manifest_id, digest) VALUES (%s, %s)
    ON CONFLICT DO NOTHING"""
_CHILD = """/* name: manifest_associate_manifest */ INSERT INTO manifest_references (parent_id, child_id)
    VALUES (%s, %s) ON CONFLICT DO NOTHING"""
_BY_DIGEST = f"""/* name: repository_find_manifest_by_digest */ SELECT {_COLUMNS} FROM manifests m
    WHERE m.repository_id = %s AND m.digest = %s"""  # noqa: S608 (a constant)
_BY_TAG = f"""/* name: repository_find_manifest_by_tag_name */ SELECT {_COLUMNS} FROM manifests m
    JOIN tags t ON t.manifest_id = m.id WHERE t.repository_id = %s AND t.name = %s"""  # noqa: S608 (a constant)
_REFERRERS = f"""SELECT {_COLUMNS} FROM manifests m
    WHERE m.repository_id = %s AND m.subject_digest = %s ORDER BY m.id"""  # noqa: S608 (a constant)
_DELETE = """/* name: repository_delete_manifest */ DELETE FROM manifests WHERE repository_id = %s AND digest = %s"""
_COLLECT = "/* name: manifest_delete */ DELETE FROM manifests WHERE id = %s"

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


class Descriptor(msgspec.Struct, rename="camel"):
    """What a manifest says of something that it refers to."""

    digest: str
    size: int
    media_type: str = ""
    urls: list[str] = []  # content that lies elsewhere


class Content(msgspec.Struct, rename="camel"):
    """The parts of an image manifest or an index that a registry needs."""

    schema_version: int
    media_type: str = ""
    artifact_type: str = ""
    config: Descriptor | None = None
    layers: list[Descriptor] = []
    manifests: list[Descriptor] = []
    subject: Descriptor | None = None
    annotations: dict[str, str] = {}

    @property
    def blobs(self) -> list[Descriptor]:
        """The blobs that have to be in the repository."""
        return [*([self.config] if self.config else []), *(layer for layer in self.layers if not layer.urls)]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A row."""

    id: int
    digest: str
    media_type: str
    payload: bytes = field(repr=False)

    @property
    def content(self) -> Content:
        """What is in it."""
        return msgspec.json.decode(self.payload, type=Content)


async def create_or_find(
    connection: Connection, repository: Repository, digest: str, *, media_type: str, payload: bytes
) -> Manifest:
    """Make the row with its layers, or lock the one that is there."""
    content = msgspec.json.decode(payload, type=Content)
    config = content.config.digest if content.config else None
    subject = content.subject.digest if content.subject else None
    kind = content.artifact_type or (content.config.media_type if content.config else None)
    values = (repository.id, digest, media_type, kind, payload, config, subject)
    made = await one(connection, Manifest, _MAKE, *values)
    assert made is not None  # noqa: S101 (the statement always returns a row)
    for layer in content.layers:
        if not layer.urls:
            await done(connection, _LAYER, made.id, layer.digest)
    return made


async def add_child(connection: Connection, parent: Manifest, child: Manifest) -> None:
    """Note that an index names a manifest."""
    await done(connection, _CHILD, parent.id, child.id)


async def find(connection: Connection, repository: Repository, reference: str) -> Manifest | None:
    """A manifest by tag or digest."""
    return await one(connection, Manifest, _BY_DIGEST if ":" in reference else _BY_TAG, repository.id, reference)


async def referrers(connection: Connection, repository: Repository, subject: str) -> list[Manifest]:
    """The manifests that name this digest as their subject."""
    return await every(connection, Manifest, _REFERRERS, repository.id, subject)


async def delete(connection: Connection, repository: Repository, digest: str) -> bool:
    """Remove a manifest and its tags; False when there is none. ForeignKeyViolation when an index names it."""
    return await done(connection, _DELETE, repository.id, digest)


async def collect(connection: Connection, key: str | int) -> None:
    """Remove a manifest that nothing names."""
    await done(connection, _COLLECT, key)
