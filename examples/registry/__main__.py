"""Start the registry: `python -m examples.registry settings.toml`. SIGINT and SIGTERM let requests end first."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from examples.registry import garbage, settings, telemetry
from examples.registry.app import debug_app, registry_app
from examples.registry.row_counts import RowCounts
from examples.registry.services import Services
from regobs.errors import RegobsError
from regobs.instrument import Instruments
from regobs.instrument.asgi import App

_DRAIN = 10  # seconds that requests, and then notifications, have to end

log = logging.getLogger("registry")


class _Server(uvicorn.Server):
    """One of two in this process: the signals are ours."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: App, address: str) -> _Server:
    host, port = settings.host_and_port(address)
    return _Server(
        uvicorn.Config(
            app, host, port, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=_DRAIN
        )
    )


async def serve(chosen: settings.Settings, instruments: Instruments) -> None:
    """Run until a signal comes."""
    services = Services.of(chosen, instruments)
    Path(chosen.root).mkdir(parents=True, exist_ok=True)
    await services.database.open()
    log.info("using the metadata database", extra={"database": services.database.name})
    await garbage.settle(services.database, chosen.garbage)
    workers = (
        garbage.BlobWorker(services.database, services.driver, instruments),
        garbage.ManifestWorker(services.database, instruments),
    )
    counts = RowCounts(services.database, services.redis, instruments, chosen.count_interval)
    background = [asyncio.create_task(garbage.agent(worker, chosen.garbage)) for worker in workers]
    background += [asyncio.create_task(webhook.run()) for webhook in services.notifier.webhooks]
    background += [asyncio.create_task(counts.run())]
    servers = [
        _server(registry_app(services, instruments), chosen.address),
        _server(debug_app(services, instruments), chosen.debug_address),
    ]
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _stop, servers, number)
    log.info("listening on %s", chosen.address)
    log.info("debug server listening %s", chosen.debug_address)
    await asyncio.gather(*(server.serve() for server in servers))
    await services.notifier.drain(_DRAIN)
    for task in background:
        task.cancel()
    await asyncio.gather(*background, return_exceptions=True)
    log.info("closing database connections")
    await services.database.close()
    await services.redis.aclose()
    log.info("graceful shutdown successful")


def _stop(servers: list[_Server], number: signal.Signals) -> None:
    log.info("attempting to stop server gracefully...", extra={"quit_signal": number.name})
    for server in servers:
        server.should_exit = True


def main(arguments: list[str]) -> int:
    """The exit code."""
    if len(arguments) != 1:
        print("usage: python -m examples.registry settings.toml", file=sys.stderr)
        return 2
    try:
        chosen = settings.read(Path(arguments[0]))
    except RegobsError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    telemetry.write_logs()
    asyncio.run(serve(chosen, telemetry.make_instruments()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
