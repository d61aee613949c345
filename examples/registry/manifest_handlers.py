"""GET, HEAD, PUT and DELETE of a manifest."""

from __future__ import annotations

import hashlib
import logging

import msgspec
from psycopg.errors import ForeignKeyViolation
from starlette.responses import Response

from examples.registry import blobs, manifests, tags
from examples.registry.call import Call
from examples.registry.database import Connection
from examples.registry.problem import Problem
from examples.registry.repositories import Repository

_MOST = 4 << 20  # bytes of a payload

log = logging.getLogger("registry.handlers")


async def get(call: Call) -> Response:
    """A manifest by tag or digest; 304 when the client has it."""
    services, reference = call.services, call.reference
    tag = "" if ":" in reference else reference
    if tag:
        log.info("getting manifest by tag from database", extra={"repository": call.name, "tag_name": tag})
    else:
        log.info("getting manifest by digest from database", extra={"repository": call.name, "digest": reference})
    async with services.database.transaction() as connection:
        repository = await services.repository(connection, call.name)
        manifest = await manifests.find(connection, repository, reference)
    if manifest is None:
        raise Problem("MANIFEST_UNKNOWN", {"name": call.name, "reference": reference})
    headers = {"Docker-Content-Digest": manifest.digest, "ETag": f'"{manifest.digest}"'}
    if manifest.digest in call.request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if call.request.method == "HEAD":
        headers["Content-Length"] = str(len(manifest.payload))
        return Response(status_code=200, headers=headers, media_type=manifest.media_type)
    log.info("manifest downloaded", extra={**_fields(manifest, tag), **call.shown})
    call.notify("pull", "manifest", **_target(manifest, tag))
    return Response(manifest.payload, 200, headers, manifest.media_type)


async def put(call: Call) -> Response:
    """Store a manifest whose blobs, or manifests, are in the repository; under a tag when the path names one."""
    services, reference = call.services, call.reference
    tag = "" if ":" in reference else reference
    payload = await _body(call)
    content = _content(payload)
    digest = f"sha256:{hashlib.sha256(payload).hexdigest()}"
    if not tag and reference != digest:
        raise Problem("DIGEST_INVALID", {"digest": reference})
    media_type = call.request.headers.get("content-type", "") or content.media_type
    extra = {"repository": call.name, "manifest_digest": digest, "schema_version": content.schema_version}
    log.info("putting manifest", extra={**extra, "tag_name": tag})
    try:
        async with services.database.transaction() as connection:
            repository = await services.repository_to_push_to(connection, call.name)
            children = await _parts(connection, repository, content)
            manifest = await manifests.create_or_find(
                connection, repository, digest, media_type=media_type, payload=payload
            )
            for child in children:
                await manifests.add_child(connection, manifest, child)
            if tag:
                await _put_tag(connection, repository, tag, manifest)
    except ForeignKeyViolation as error:  # collected meanwhile: the client pushes it again
        raise Problem("MANIFEST_BLOB_UNKNOWN") from error
    log.info("manifest uploaded", extra=_fields(manifest, tag))
    call.notify("push", "manifest", **_target(manifest, tag))
    headers = {"Location": f"/v2/{call.name}/manifests/{digest}", "Docker-Content-Digest": digest}
    if content.subject:
        headers["OCI-Subject"] = content.subject.digest
    return Response(status_code=201, headers=headers)


async def delete(call: Call) -> Response:
    """Delete a tag; or a manifest with its tags."""
    services, reference = call.services, call.reference
    async with services.database.transaction() as connection:
        repository = await services.repository(connection, call.name)
        if ":" in reference:
            extra = {"repository": call.name, "digest": reference}
            log.debug("deleting manifest from repository in database", extra=extra)
            try:
                found = await manifests.delete(connection, repository, reference)
            except ForeignKeyViolation as error:
                raise Problem("MANIFEST_REFERENCED", {"digest": reference}) from error
        else:
            found = await tags.delete(connection, repository, reference)
    if not found:
        raise Problem("MANIFEST_UNKNOWN", {"name": call.name, "reference": reference})
    if ":" in reference:
        call.notify("delete", "manifest", digest=reference)
    else:
        log.info("tag deleted", extra={"tag_name": reference})
        call.notify("delete", "tag", tag=reference)
    return Response(status_code=202)


async def _body(call: Call) -> bytes:
    payload = bytearray()
    async for piece in call.request.stream():
        payload += piece
        if len(payload) > _MOST:
            raise Problem("MANIFEST_SIZE_LIMIT")
    return bytes(payload)


def _content(payload: bytes) -> manifests.Content:
    try:
        content = msgspec.json.decode(payload, type=manifests.Content)
    except msgspec.MsgspecError as error:
        raise Problem("MANIFEST_INVALID", str(error)) from error
    if content.schema_version != 2:
        raise Problem("MANIFEST_INVALID", "schemaVersion is not 2")
    return content


async def _parts(
    connection: Connection, repository: Repository, content: manifests.Content
) -> list[manifests.Manifest]:
    """The manifests that an index names. Problem for blobs and manifests that are not in the repository."""
    missing = [blob.digest for blob in content.blobs if not await blobs.find(connection, repository, blob.digest)]
    children = []
    for named in content.manifests:
        child = await manifests.find(connection, repository, named.digest)
        if child is None:
            missing.append(named.digest)
        else:
            children.append(child)
    if missing:
        raise Problem("MANIFEST_BLOB_UNKNOWN", [{"digest": digest} for digest in missing])
    return children


async def _put_tag(connection: Connection, repository: Repository, tag: str, manifest: manifests.Manifest) -> None:
    current = await manifests.find(connection, repository, tag)
    if current is not None and current.id != manifest.id:
        extra = {"manifest_digest": manifest.digest, "current_manifest_digest": current.digest}
        log.info("tag override", extra={"repository": repository.path, "tag_name": tag, **extra})
    await tags.put(connection, repository, tag, manifest)


def _fields(manifest: manifests.Manifest, tag: str) -> dict[str, object]:
    content = manifest.content
    return {
        "media_type": manifest.media_type,
        "size_bytes": len(manifest.payload),
        "digest": manifest.digest,
        "tag_name": tag,
        "reference_count": len(content.blobs) + len(content.manifests),
    }


def _target(manifest: manifests.Manifest, tag: str) -> dict[str, object]:
    """What an event says of a manifest."""
    content = manifest.content
    parts = [*content.blobs, *content.manifests]
    references = [{"mediaType": part.media_type, "size": part.size, "digest": part.digest} for part in parts]
    target = {"mediaType": manifest.media_type, "size": len(manifest.payload), "digest": manifest.digest}
    return {**target, "references": references, **({"tag": tag} if tag else {})}
