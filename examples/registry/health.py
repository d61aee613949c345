"""Health of the process: what its debug port tells when it is asked, and what is known of it all the time."""

from __future__ import annotations

import asyncio

from psycopg import Error as DatabaseError
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from examples.registry.services import Services


class Health:
    """Checks the storage and the database."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._failed = 0

    @property
    def failing(self) -> bool:
        """Whether checks have failed as often in a row as the settings allow: no request is served then."""
        return self._failed >= self._services.settings.health.threshold

    async def answer(self, request: Request) -> Response:  # noqa: ARG002 (Starlette's signature)
        """Serve /debug/health: {} with 200, or what is wrong with 503."""
        wrong = await self._wrong()
        return JSONResponse(wrong, 503 if wrong else 200)

    async def watch(self) -> None:
        """Check again and again."""
        while True:
            await asyncio.sleep(self._services.settings.health.interval)
            self._failed = self._failed + 1 if await self._wrong() else 0

    async def _wrong(self) -> dict[str, str]:
        wrong = {}
        try:
            await self._services.driver.list("/")
        except OSError as error:
            wrong["storagedriver_filesystem"] = type(error).__name__
        try:
            async with self._services.database.transaction() as connection:
                await connection.execute("SELECT 1")
        except (DatabaseError, PoolTimeout) as error:
            wrong["database_connection"] = type(error).__name__
        return wrong
