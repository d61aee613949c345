"""What the commands of `regobs export` share: their options, and a process that serves until it is told to end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click
from click.core import ParameterSource

from regobs.errors import InputError

if TYPE_CHECKING:
    import threading

    from regobs.exporters.serving import ExporterApp
    from regobs.instrument import WebConfig

FILE = click.Path(path_type=Path, dir_okay=False)
WEB = click.option(
    "--web-config-file",
    "web_file",
    type=FILE,
    metavar="FILE",
    help="TLS and users, as Prometheus' own exporters have it.",
)


class Exporter(Protocol):
    """What works in threads of its own between `start` and `stop`."""

    def start(self) -> None:
        """Begin to work."""

    def stop(self) -> None:
        """End, and keep what has to be kept."""


def serve(
    app: ExporterApp,
    exporter: Exporter,
    address: tuple[str, int],
    *,
    path: str = "/metrics",
    ended: threading.Event | None = None,
) -> None:
    """Print the URL of `path`, serve `app` and let `exporter` work until SIGTERM, SIGINT or `ended`.

    /metrics and /-/healthy answer until the work has ended; a `path` that others send to takes nothing more then.
    """
    from regobs.exporters.serving import ExporterServer, allow_descriptors, wait_for_end  # noqa: PLC0415

    allow_descriptors()
    server = ExporterServer(app, *address)
    click.echo(f"{server.url}{path}")
    exporter.start()
    wait_for_end(ended)
    first, last = (exporter, server) if path == "/metrics" else (server, exporter)
    first.stop()
    last.stop()


def read_web(file: Path | None) -> WebConfig | None:
    """Return the settings of TLS and users in `file`."""
    from regobs.instrument import WebConfig  # noqa: PLC0415

    return None if file is None else WebConfig(file)


def read_address(listen: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`; `[::1]:9520` is an IPv6 address."""
    from regobs.common.addresses import fault_of_host, fault_of_port  # noqa: PLC0415

    host, _, port = listen.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    fault = fault_of_host(host) or fault_of_port(port, least=0) if ":" in listen else "has no port"
    if fault:
        raise InputError(
            "--listen is not an address",
            value=listen,
            expected="HOST:PORT, such as 127.0.0.1:9521 or [::1]:9521",
            next_step=f"correct it: it {fault}",
        )
    return host, int(port)


def refuse_serving(mode: str) -> None:
    """Refuse options of a server beside a mode that ends without one."""
    given = given_options({"listen": "--listen", "web_file": "--web-config-file"})
    if given:
        raise InputError(
            "nothing is served where the counts are printed once",
            value=" ".join([mode, *given]),
            expected=f"{mode} alone, or {' and '.join(given)} of an exporter that goes on",
            next_step=f"take off {mode} or {' and '.join(given)}",
        )


def given_options(names: Mapping[str, str]) -> list[str]:
    """Those options, of the parameters of this command, that the command line or the environment has."""
    context = click.get_current_context()
    absent = {None, ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP}
    return [option for name, option in names.items() if context.get_parameter_source(name) not in absent]
