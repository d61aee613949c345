"""One request that has a route: who asks, for what, and how its end is answered and logged."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from psycopg import OperationalError
from psycopg_pool import PoolTimeout
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from examples.registry.problem import Problem
from examples.registry.services import Services
from regobs.instrument import log_context, redacted_uri

CLIENT_CLOSED_REQUEST = 499  # never seen by anyone, but counted and logged
_HEADERS = {"Docker-Distribution-API-Version": "registry/2.0"}

log = logging.getLogger("registry.handlers")


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler gets."""

    request: Request
    services: Services
    user: str

    @property
    def name(self) -> str:
        """The repository of the path."""
        return str(self.request.path_params["name"])

    @property
    def digest(self) -> str:
        """The digest of the path."""
        return str(self.request.path_params["digest"])

    @property
    def reference(self) -> str:
        """The tag or digest of the path."""
        return str(self.request.path_params["reference"])

    @property
    def shown(self) -> dict[str, str]:
        """The fields of a line about what was found in the repository."""
        return {"path": self.name, **self.services.database.labels}

    @property
    def content_length(self) -> int:
        """What the request says of its length, -1 when it says nothing."""
        text = self.request.headers.get("content-length", "")
        return int(text) if text.isdecimal() else -1

    def notify(self, action: str, artifact: str, **target: object) -> None:
        """Tell the webhooks."""
        request = self.request
        asked = {
            "addr": request.client.host if request.client else "",
            "host": request.headers.get("host", ""),
            "method": request.method,
            "useragent": request.headers.get("user-agent", ""),
        }
        self.services.notifier.notify(action, artifact, {"repository": self.name, **target}, asked, self.user)


Handler = Callable[[Call], Awaitable[Response]]


def endpoint(services: Services, **handlers: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Serves a route by the handlers of its methods, given in lower case."""

    async def serve(request: Request) -> Response:
        with log_context(**_fields(request)):
            _log_route(services, request)
            try:
                user = services.access.admit(request.headers.get("authorization", ""))
                with log_context(**({"auth_user_name": user} if user else {})):
                    answer = await handlers.get(request.method.lower(), _unsupported)(Call(request, services, user))
            except ClientDisconnect:
                answer = Response(status_code=CLIENT_CLOSED_REQUEST)
            except Problem as problem:
                answer = answer_problem(request, problem)
            except (OperationalError, PoolTimeout, OSError) as error:
                answer = answer_problem(request, Problem("UNAVAILABLE"), error)
        answer.headers.update(_HEADERS)
        return answer

    return serve


async def _unsupported(call: Call) -> Response:  # noqa: ARG001 (a handler)
    """For HEAD, which Starlette adds to every GET."""
    raise Problem("UNSUPPORTED")


def answer_problem(request: Request, problem: Problem, cause: Exception | None = None) -> Response:
    """The answer of a problem, with its log line; at level debug when a client only looks what is there."""
    client = request.client
    extra = {
        "code": problem.code,
        "detail": problem.detail or "",
        "error": f"{problem.text}: {cause}" if cause else problem.text,
        "method": request.method,
        "host": request.headers.get("host", ""),
        "uri": redacted_uri(str(request.url.replace(scheme="", netloc=""))),
        "user_agent": request.headers.get("user-agent", ""),
        "remote_addr": f"{client.host}:{client.port}" if client else "",
    }
    looked = request.method == "HEAD" and problem.status == 404
    log.log(logging.DEBUG if looked else logging.ERROR, problem.message, extra=extra)
    return problem.answer()


def _fields(request: Request) -> dict[str, Any]:
    """What every line of the request says of its path."""
    fields = {f"vars_{name}": value for name, value in request.path_params.items()}
    if "vars_name" in fields:
        fields["root_repo"] = fields["vars_name"].partition("/")[0]
    return fields


def _log_route(services: Services, request: Request) -> None:
    extra = {
        "router": "starlette",
        "method": request.method,
        "path": request.url.path,
        "config_http_addr": services.settings.address,
        "config_http_host": "",
        "config_http_net": "tcp",
        "config_http_prefix": "",
        "config_http_relative_urls": True,
    }
    log.info("router info", extra=extra)
