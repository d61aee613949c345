"""The two applications: the registry, observed from outside to inside, and its debug port."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Lifespan

from examples.registry import blob_handlers as blobs
from examples.registry import list_handlers as lists
from examples.registry import manifest_handlers as manifests
from examples.registry import names
from examples.registry import upload_handlers as uploads
from examples.registry.call import Handler, answer_problem, endpoint
from examples.registry.health import Health
from examples.registry.problem import Problem
from examples.registry.refusals import Refusals
from examples.registry.services import Services
from regobs.instrument import Instruments, LogASGI, MetricsASGI, ObserveASGI
from regobs.instrument.app_log import access_writer
from regobs.instrument.http.asgi import App

_MANIFESTS = "/v2/{name:repository}/manifests/{reference:reference}"
_BLOB = "/v2/{name:repository}/blobs/{digest:digest}"
_UPLOADS = "/v2/{name:repository}/blobs/uploads/"


def registry_app(services: Services, health: Health, instruments: Instruments, lifespan: Lifespan[Starlette]) -> App:
    """The main port. The access log sees all, the counters what is not refused, the application what has passed both.

    Without such refusals the counters stand outermost.
    """
    names.register()

    def route(path: str, **handlers: Handler) -> Route:
        return Route(path, endpoint(services, **handlers), methods=[method.upper() for method in handlers])

    routes = [
        Route("/", _root, methods=["GET"]),
        route("/v2/", get=lists.base),
        route("/v2/_catalog", get=lists.list_repositories),
        route("/v2/{name:repository}/tags/list", get=lists.list_tags),
        route("/v2/{name:repository}/referrers/{digest:digest}", get=lists.list_referrers),
        route(_MANIFESTS, get=manifests.get, head=manifests.get, put=manifests.put, delete=manifests.delete),
        route(_BLOB, get=blobs.get, head=blobs.get, delete=blobs.delete),
        route(_UPLOADS, post=uploads.post),
        route(
            f"{_UPLOADS}{{uuid}}",
            get=uploads.get,
            head=uploads.get,
            patch=uploads.patch,
            put=uploads.put,
            delete=uploads.delete,
        ),
    ]
    handlers = {HTTPException: _unrouted, Exception: _failed}
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)
    served = Refusals(ObserveASGI(app, instruments), health, services.settings.limit)
    return LogASGI(served, access_writer())


def debug_app(health: Health, instruments: Instruments) -> App:
    """The debug port."""
    return Starlette(routes=[Route("/debug/health", health.answer), Route("/metrics", MetricsASGI(instruments))])


async def _root(request: Request) -> Response:  # noqa: ARG001 (Starlette's signature)
    return Response()


async def _unrouted(request: Request, error: Exception) -> Response:
    """What Starlette answers itself: a path or a method that is no route's."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        return answer_problem(request, Problem("UNSUPPORTED"))
    return PlainTextResponse(f"{status} page not found\n" if status == 404 else "", status)


async def _failed(request: Request, error: Exception) -> Response:
    """A mistake of ours."""
    return answer_problem(request, Problem("UNKNOWN"), error)
