"""The base of the API, lists of tags and repositories in pages, and referrers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec
from starlette.responses import JSONResponse, Response

from examples.registry import manifests, repositories, tags
from examples.registry.call import Call
from examples.registry.problem import Problem

_USUAL, _MOST = 100, 1000  # entries of a page

log = logging.getLogger("registry.handlers")


async def base(call: Call) -> Response:  # noqa: ARG001 (a handler)
    """That this is a registry, and who asks may come in."""
    return JSONResponse({})


async def list_tags(call: Call) -> Response:
    """The tags of a repository."""
    limit, last = _page(call)
    async with call.services.database.transaction() as connection:
        repository = await call.services.repository(connection, call.name)
        found = [tag.name for tag in await tags.page(connection, repository, last, limit + 1)]
    shown = found[:limit]
    log.info("listed oci repository tags", extra={"count": len(shown), "limit": limit, "marker": last, **call.shown})
    return JSONResponse({"name": call.name, "tags": shown}, headers=_next(call, found, limit))


async def list_repositories(call: Call) -> Response:
    """The repositories that hold a manifest."""
    limit, last = _page(call)
    async with call.services.database.transaction() as connection:
        found = [repository.path for repository in await repositories.page(connection, last, limit + 1)]
    return JSONResponse({"repositories": found[:limit]}, headers=_next(call, found, limit))


async def list_referrers(call: Call) -> Response:
    """The manifests that have this one as their subject, as an index. No route of GitLab's registry: not counted."""
    async with call.services.database.transaction() as connection:
        repository = await call.services.repository(connection, call.name)
        found = await manifests.referrers(connection, repository, call.digest)
    wanted = call.request.query_params.get("artifactType")
    entries = [_descriptor(manifest) for manifest in found]
    if wanted:
        entries = [entry for entry in entries if entry["artifactType"] == wanted]
    index = {"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": entries}
    headers = {"OCI-Filters-Applied": "artifactType"} if wanted else {}
    return Response(msgspec.json.encode(index), 200, headers, manifests.OCI_INDEX)


def _descriptor(manifest: manifests.Manifest) -> dict[str, object]:
    content = manifest.content
    kind = content.artifact_type or (content.config.media_type if content.config else "")
    entry = {"mediaType": manifest.media_type, "digest": manifest.digest, "size": len(manifest.payload)}
    return {**entry, "artifactType": kind, "annotations": content.annotations}


def _page(call: Call) -> tuple[int, str]:
    """How many entries are asked for, and after which one."""
    text = call.request.query_params.get("n", str(_USUAL))
    if not text.isdecimal() or not 0 < int(text) <= _MOST:
        raise Problem("PAGINATION_NUMBER_INVALID", {"n": text})
    return int(text), call.request.query_params.get("last", "")


def _next(call: Call, found: Sequence[str], limit: int) -> dict[str, str]:
    """The header that leads to the next page, when there is one."""
    if len(found) <= limit:
        return {}
    query = urlencode({"last": found[limit - 1], "n": limit})
    return {"Link": f'<{call.request.url.path}?{query}>; rel="next"'}
