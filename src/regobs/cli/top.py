"""`regobs top`: the status as a live view of a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import click

from regobs.cli.content import PATH, content, content_options
from regobs.cli.server_options import ServerOptions, server_options
from regobs.errors import ExitCode, MachineError


@click.command()
@server_options
@content_options
@click.option("--every", default="10s", show_default=True, metavar="10s", help="Between two questions to the server.")
@click.option("--at", metavar="TIME", help="Begin at a moment of the past: now-6h, 14:03, yesterday 14:00, an epoch.")
@click.option("--zone", default="UTC", show_default=True, help="Of times: UTC, local, Europe/Berlin.")
@click.option("--screenshot", type=PATH, metavar="FILE", help="Write one screen as SVG, and end; needs no terminal.")
def top(
    *,
    server: ServerOptions,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    every: str,
    at: str | None,
    zone: str,
    screenshot: Path | None,
) -> int:
    """Watch the service on one screen: alerts, error budgets, traffic, errors, latency, limits, GC and replicas.

    Enter goes from the service to a route and to an instance of it, [ and ] go through time, ? lists the keys. While
    the server does not answer, the screen says so and how old what it shows is. Values are those of `regobs status`.
    Needs the extra: pip install 'regobs[top]'.
    """
    from regobs.query.times import read_moment, read_seconds, zone_named  # noqa: PLC0415 - `--help` needs none

    if screenshot is None:
        _require_terminal()
    named = zone_named(zone)
    moment = None if at is None else read_moment("--at", at, time.time(), named)
    seconds = read_seconds("--every", every)
    try:
        from regobs.top.app import TopApp  # noqa: PLC0415 - an extra
    except ImportError as fault:
        raise MachineError(
            "the package that the view is made with is missing",
            value=fault.name,
            next_step="pip install 'regobs[top]'; `regobs status` shows the same once, without it",
        ) from None
    from regobs.top.take import TopSource  # noqa: PLC0415
    from regobs.top.watch import Watch  # noqa: PLC0415

    pack, config = content(config_file, pack_directory, flavor)
    config = server.within(config)
    with server.open(config) as prometheus:
        source = TopSource(prometheus, pack, config, named)
        name = prometheus.connection.context
        title = f"{name} ({prometheus.url})" if name else prometheus.url
        app = TopApp(source.take, Watch(seconds, moment), title, zone=named, screenshot=screenshot)
        if screenshot is None:
            app.run()
        else:
            size = shutil.get_terminal_size((80, 24))  # COLUMNS and LINES before the terminal's own
            app.run(headless=True, size=(size.columns, size.lines))
    if app.fault is not None:
        raise app.fault
    if screenshot is not None:
        click.echo(f"{screenshot}: {screenshot.stat().st_size:,} bytes")
        shown = app.watched.shown
        return ExitCode.OK if shown is not None and shown.report.complete else ExitCode.INCOMPLETE
    return ExitCode.OK


def _require_terminal() -> None:
    """Raise MachineError where no screen can be drawn."""
    dumb = os.environ.get("TERM", "") in {"", "dumb"}
    if sys.stdin.isatty() and sys.stdout.isatty() and not dumb:
        return
    raise MachineError(
        "there is no terminal to draw on",
        value=f"TERM={os.environ.get('TERM', '')}" if dumb else "standard input or output is no terminal",
        expected="a terminal, such as that of ssh -t",
        next_step="`regobs status` prints the same once; `regobs top --screenshot FILE` writes it as a picture",
    )
