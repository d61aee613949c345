"""One process of the registry, alone or a worker beside others: what it runs beside its requests, from start to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from examples.registry import garbage, settings, telemetry
from examples.registry.app import debug_app, registry_app
from examples.registry.health import Health
from examples.registry.row_counts import RowCounts
from examples.registry.services import Services
from regobs.instrument import Instruments
from regobs.instrument.http.asgi import App

_DRAIN = 10  # seconds that requests, and then notifications, have to end
QUIET: dict[str, Any] = {"log_config": None, "access_log": False, "timeout_graceful_shutdown": _DRAIN}

log = logging.getLogger("registry")


def app() -> App:
    """The main port's application; what else belongs to the process lives as long as it does."""
    chosen = settings.read(Path(os.environ[settings.FILE]))
    telemetry.write_logs()
    instruments = telemetry.make_instruments(chosen.counters if chosen.workers > 1 else None)
    services = Services.of(chosen, instruments)
    health = Health(services)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        background = [*await _start(services, instruments), asyncio.create_task(health.watch())]
        debug = _DebugServer(uvicorn.Config(debug_app(health, instruments), lifespan="off", **QUIET))
        serving = asyncio.create_task(debug.serve([_shared_socket(chosen.debug_address)]))
        log.info("listening on %s", chosen.address)
        log.info("debug server listening")
        yield
        log.info("attempting to stop server gracefully...")
        await services.notifier.drain(_DRAIN)
        debug.should_exit = True
        for task in background:
            task.cancel()
        await asyncio.gather(serving, *background, return_exceptions=True)
        log.info("closing database connections")
        await services.database.close()
        await services.redis.aclose()
        log.info("graceful shutdown successful")

    return registry_app(services, health, instruments, lifespan)


async def _start(services: Services, instruments: Instruments) -> list[asyncio.Task[None]]:
    chosen = services.settings
    Path(chosen.root).mkdir(parents=True, exist_ok=True)
    await services.database.open()
    log.info("using the metadata database", extra={"database": services.database.name})
    await garbage.settle(services.database, chosen.garbage)
    counts = RowCounts(services.database, services.redis, instruments, chosen.count_interval)
    runs = [
        garbage.agent(garbage.BlobWorker(services.database, services.driver, instruments), chosen.garbage),
        garbage.agent(garbage.ManifestWorker(services.database, instruments), chosen.garbage),
        *(webhook.run() for webhook in services.notifier.webhooks),
        counts.run(),
    ]
    return [asyncio.create_task(run) for run in runs]


def _shared_socket(address: str) -> socket.socket:
    """Every worker listens on the debug port: whichever is asked answers for all."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(settings.host_and_port(address))
    return made


class _DebugServer(uvicorn.Server):
    """The second one of the process: the signals are the first one's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
