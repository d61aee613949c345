"""Uploads: started or mounted by POST, continued by PATCH, asked for by GET, ended by PUT or DELETE."""

from __future__ import annotations

import hashlib
import logging
import re

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from examples.registry import blobs, layout, names, repositories
from examples.registry.call import Call
from examples.registry.problem import Problem
from examples.registry.uploads import State

_RANGE = re.compile(r"(?:bytes )?(\d+)-(\d+)(?:/\d+|/\*)?", re.ASCII).fullmatch

log = logging.getLogger("registry.handlers")


async def post(call: Call) -> Response:
    """Start an upload; or mount a blob of another repository; or, with a digest, take the whole blob."""
    query = call.request.query_params
    mounted, source = query.get("mount", ""), query.get("from", "")
    if names.is_digest(mounted) and names.is_repository(source) and await _mount(call, mounted, source):
        return _created(call, mounted)
    state = await call.services.uploads.start(call.name)
    if "digest" in query:
        return await _finish(call, state, query["digest"], "blob POST")
    return _accepted(call, state, 202)


async def get(call: Call) -> Response:
    """How much has arrived, and where to go on."""
    state = _state(call)
    size = await call.services.uploads.size(state)
    return _accepted(call, msgspec.structs.replace(state, offset=size), 204)


async def patch(call: Call) -> Response:
    """More bytes."""
    state = _state(call)
    await _check_offset(call, state)
    copied = await _copy(call, state, "blob PATCH")
    return _accepted(call, msgspec.structs.replace(state, offset=state.offset + copied), 202)


async def put(call: Call) -> Response:
    """The last bytes, and the digest of all."""
    state = _state(call)
    await _check_offset(call, state)
    return await _finish(call, state, call.request.query_params.get("digest", ""), "blob PUT")


async def delete(call: Call) -> Response:
    """Give an upload up."""
    state = _state(call)
    await call.services.uploads.size(state)
    await call.services.uploads.end(state)
    return Response(status_code=204)


async def _mount(call: Call, digest: str, source: str) -> bool:
    services = call.services
    async with services.database.transaction() as connection:
        target = await services.repository_to_push_to(connection, call.name)
        origin = await repositories.find(connection, source)
        blob = await blobs.find_and_hold(connection, origin, digest) if origin else None
        if blob is None:
            return False
        await repositories.link_blob(connection, target, digest)
    size, media_type = blob.size, blob.media_type
    call.notify("mount", "blob", digest=digest, size=size, mediaType=media_type, fromRepository=source)
    return True


async def _copy(call: Call, state: State, action: str) -> int:
    """Append the body to the upload; how many bytes it had. ClientDisconnect when the client left before its end."""
    fields = {"content_length": call.content_length, "action": action}
    try:
        copied = await call.services.driver.append(state.path, call.request.stream())
    except ClientDisconnect:
        copied = await call.services.uploads.size(state) - state.offset
        log.warning("client disconnected during %s", action, extra={"copied": copied, **fields})
        raise
    log.info("payload copied", extra={"copied": copied, **fields})
    return copied


async def _finish(call: Call, state: State, digest: str, action: str) -> Response:
    """Take the rest of the body, check the digest, and make the upload a blob."""
    services = call.services
    if not names.is_digest(digest):
        raise Problem("DIGEST_INVALID", {"digest": digest})
    size = state.offset + await _copy(call, state, action)
    computed = hashlib.sha256()
    async for piece in services.driver.read(state.path):
        computed.update(piece)
    if f"sha256:{computed.hexdigest()}" != digest:
        await services.uploads.end(state)
        raise Problem("DIGEST_INVALID", {"digest": digest})
    fields = {"media_type": blobs.OCTETS, "size_bytes": size, "digest": digest}
    async with services.database.transaction() as connection:
        repository = await services.repository_to_push_to(connection, call.name)
        await blobs.create_or_find(connection, digest, size)
        await repositories.link_blob(connection, repository, digest)
        # Inside the transaction: garbage collection does not take a blob whose row is locked.
        if not await _is_stored(call, digest):
            services.sizes.stored(size)
            await services.driver.move(state.path, layout.blob(digest))
            log.info("new blob uploaded", extra=fields)
    await services.uploads.end(state)
    log.info("blob uploaded", extra=fields)
    call.notify("push", "blob", digest=digest, size=size, mediaType=blobs.OCTETS)
    return _created(call, digest)


async def _is_stored(call: Call, digest: str) -> bool:
    try:
        await call.services.driver.stat(layout.blob(digest))
    except FileNotFoundError:
        return False
    return True


async def _check_offset(call: Call, state: State) -> None:
    """Bytes have to follow those that are there. Problem, with the place to go on, when they do not."""
    size = await call.services.uploads.size(state)
    given = call.request.headers.get("content-range")
    found = _RANGE(given) if given else None
    if state.offset == size and (given is None or (found is not None and int(found[1]) == size)):
        return
    log.error("upload resumed at wrong offset", extra={"state_offset": state.offset, "upload_size": size})
    raise Problem("CONTENT_RANGE_INVALID", headers=_headers(call, msgspec.structs.replace(state, offset=size)))


def _state(call: Call) -> State:
    query, uuid = call.request.query_params, str(call.request.path_params["uuid"])
    return call.services.uploads.resume(call.name, uuid, query.get("_state", ""))


def _headers(call: Call, state: State) -> dict[str, str]:
    return {
        "Location": call.services.uploads.location(state),
        "Range": f"0-{max(0, state.offset - 1)}",
        "Docker-Upload-UUID": state.uuid,
    }


def _accepted(call: Call, state: State, status: int) -> Response:
    return Response(status_code=status, headers=_headers(call, state))


def _created(call: Call, digest: str) -> Response:
    location = f"/v2/{call.name}/blobs/{digest}"
    return Response(status_code=201, headers={"Location": location, "Docker-Content-Digest": digest})
