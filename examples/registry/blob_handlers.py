"""GET, HEAD and DELETE of a blob."""

from __future__ import annotations

import logging
import re

from starlette.responses import Response, StreamingResponse

from examples.registry import blobs, layout, repositories
from examples.registry.call import Call
from examples.registry.problem import Problem

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII).fullmatch

log = logging.getLogger("registry.handlers")


async def get(call: Call) -> Response:
    """The content of a blob, or the part of it that a Range header asks for; of a HEAD the headers."""
    services, digest = call.services, call.digest
    async with services.database.transaction() as connection:
        repository = await services.repository(connection, call.name)
        blob = await blobs.find(connection, repository, digest)
    path = layout.blob(digest)
    try:
        size = await services.driver.stat(path) if blob else 0
    except FileNotFoundError:
        blob = None
    if blob is None:
        raise Problem("BLOB_UNKNOWN", {"digest": digest})
    start, length = _part(call.request.headers.get("range", ""), size)
    headers = {
        "Content-Length": str(length),
        "Docker-Content-Digest": digest,
        "ETag": f'"{digest}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "max-age=31536000",
    }
    services.sizes.served(size, redirect=False)
    answer: Response
    if call.request.method == "HEAD":
        answer = Response(status_code=200, headers=headers, media_type=blobs.OCTETS)
    else:
        log.info("blob downloaded", extra={"digest": digest, "size_bytes": size, "redirect": False})
        if length < size:
            headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
        content = services.driver.read(path, start, length)
        answer = StreamingResponse(content, 206 if length < size else 200, headers, blobs.OCTETS)
    log.info("blob downloaded", extra=call.shown)
    return answer


async def delete(call: Call) -> Response:
    """Take a blob out of its repository. Its content goes with the last manifest that names it."""
    services, digest = call.services, call.digest
    async with services.database.transaction() as connection:
        repository = await services.repository(connection, call.name)
        log.debug("deleting blob from repository in database", extra={"repository": call.name, "digest": digest})
        found = await repositories.unlink_blob(connection, repository, digest)
    if not found:
        raise Problem("BLOB_UNKNOWN", {"digest": digest})
    return Response(status_code=202)


def _part(header: str, size: int) -> tuple[int, int]:
    """Start and length of the bytes to send. What is no single range asks for everything (RFC 9110, section 14.2)."""
    found = _RANGE(header)
    if found is None or found.groups() == ("", ""):
        return 0, size
    first, last = found.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if first and last and int(last) < start:
        return 0, size
    if start >= size:
        raise Problem("CONTENT_RANGE_INVALID", headers={"Content-Range": f"bytes */{size}"})
    return start, end - start
