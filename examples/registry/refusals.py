"""What is answered before a request has a route: 503 while a check of health fails, 429 above the rate of a client.

It stands inside the access log and outside the counters, as in GitLab's registry: such a request has a line in the
log, and is in no metric of routes. Whoever alerts on it asks from outside (`regobs export probe`) or reads the log.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from time import monotonic

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from examples.registry.call import answer_problem
from examples.registry.health import Health
from examples.registry.problem import Problem
from examples.registry.settings import Limit
from regobs.instrument import log_context

_MOST_CLIENTS = 10_000  # that are remembered; the one that was seen last is forgotten last

log = logging.getLogger("registry.rate_limiter")


class Refusals:
    """Wraps the registry."""

    def __init__(self, app: ASGIApp, health: Health, limit: Limit | None) -> None:
        self._app = app
        self._health = health
        self._limiter = Limiter(limit) if limit else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            request = Request(scope)
            problem = self._unhealthy() or self._too_many(request)
            if problem is not None:
                await answer_problem(request, problem)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _unhealthy(self) -> Problem | None:
        return Problem("UNAVAILABLE", "health check failed: please see /debug/health") if self._health.failing else None

    def _too_many(self, request: Request) -> Problem | None:
        if self._limiter is None:
            return None
        address = request.client.host if request.client else ""
        wait = self._limiter.wait(address)
        if wait == 0:
            return None
        extra = {
            "method": request.method,
            "path": request.url.path,
            "source_ip": address,
            "user_agent": request.headers.get("user-agent", ""),
            "log_only": False,
            "action": "block",
            "retry_after_s": wait,
        }
        with log_context(name=self._limiter.limit.name):  # an `extra` may not be called so
            log.info("request blocked: rate limit exceeded", extra=extra)
        return Problem("TOOMANYREQUESTS", headers={"Retry-After": str(max(1, round(wait)))})


class Limiter:
    """A token bucket for each address, in this process."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when there were so many

    def wait(self, address: str) -> float:
        """Seconds until the next request of this address is let in; 0 for one that is let in now."""
        now, each = monotonic(), self.limit.period / self.limit.rate
        most = float(self.limit.burst or self.limit.rate)
        tokens, then = self._buckets.pop(address, (most, now))
        tokens = min(most, tokens + (now - then) / each)
        admitted = tokens >= 1
        self._buckets[address] = (tokens - 1 if admitted else tokens, now)
        if len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return 0 if admitted else (1 - tokens) * each
