"""Health of the process, as its debug port tells it: {} with 200, or what is wrong with 503."""

from __future__ import annotations

from psycopg import Error as DatabaseError
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from examples.registry.services import Services


class Health:
    """Checks the storage and the database whenever it is asked."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def answer(self, request: Request) -> Response:  # noqa: ARG002 (Starlette's signature)
        """Serve /debug/health."""
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
        return JSONResponse(wrong, 503 if wrong else 200)
