"""`regobs snapshot`: dashboards with the data of a time range, as one page that needs no network, and as pictures."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regobs.cli.content import PATH, content, content_options, progress
from regobs.cli.said import warn
from regobs.cli.server_options import ServerOptions, server_options
from regobs.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regobs.config import Config
    from regobs.grafana.bound import BoundDashboard
    from regobs.pack import Pack


@click.command()
@server_options
@click.option(
    "--dashboard",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this one, or the JSON file of any dashboard; several times for several.",
)
@click.option("--from", "start", default="-24h", show_default=True, metavar="TIME", help="Such as -6h or 2026-05-31.")
@click.option("--to", "end", default="now", show_default=True, metavar="TIME", help="Times are UTC.")
@click.option("--out", type=PATH, required=True, metavar="FILE.html", help="The page.")
@click.option("--png", type=PATH, metavar="DIR", help="Also one picture of each dashboard.")
@click.option("--dark", is_flag=True, help="Dark pictures; the page follows its reader's system.")
@content_options
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
def snapshot(
    *,
    server: ServerOptions,
    names: tuple[str, ...],
    start: str,
    end: str,
    out: Path,
    png: Path | None,
    dark: bool,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    shape: str,
) -> int:
    """Write dashboards with their data into one HTML file that opens from disk and loads nothing.

    Secrets of the server are in files or in the environment, see docs/servers.md. Needs the extra: pip install
    'regobs[snapshot]'. Exit code 1 when the server rejected a query: its panel says so.
    """
    from regobs.snapshot.span import read_time, span_of  # noqa: PLC0415 - `--help` needs none of what follows
    from regobs.snapshot.take import take  # noqa: PLC0415
    from regobs.snapshot.vega import vl_convert  # noqa: PLC0415
    from regobs.snapshot.write import produce, refuse_targets, write  # noqa: PLC0415

    now = time.time()
    times = read_time("--from", start, now), read_time("--to", end, now)
    refuse_targets(out, png)
    vl_convert()  # missing after a minute of queries would be late
    pack, config = content(config_file, pack_directory, flavor)
    config = server.within(config)
    span = span_of(*times, config.prometheus.scrape_interval.ms / 1000)
    dashboards = _bound(pack, config, names)
    with server.open(config) as prometheus:
        prometheus.buildinfo()  # one clear error before many threads ask
        with progress("queries") as report:
            taken = take(prometheus, dashboards, config, span, report)
    with progress("drawing") as report:
        written = produce(taken, out, png, dark=dark, report=report)
    write(written)
    for warning in taken.warnings:
        warn(warning)
    for error in taken.errors:
        warn(f"the server rejected a query: {error}")
    if shape == "json":
        files = [{"file": str(path), "bytes": len(data)} for path, data in written.items()]
        told = {"files": files, "warnings": list(taken.warnings), "rejected": [str(one) for one in taken.errors]}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        for path, data in written.items():
            click.echo(f"{path}: {len(data):,} bytes")
    return ExitCode.DIFFERENCE if taken.errors else ExitCode.OK


def _bound(pack: Pack, config: Config, names: Sequence[str]) -> list[BoundDashboard]:
    from regobs import slo  # noqa: PLC0415 - loads grafanalib; a wrong option needs none
    from regobs.grafana.boards import read_board  # noqa: PLC0415
    from regobs.grafana.find import find_dashboard  # noqa: PLC0415
    from regobs.grafana.outputs import Dashboards  # noqa: PLC0415
    from regobs.grafana.reader import read_bound  # noqa: PLC0415

    files = [Path(name) for name in names if name.endswith(".json")]
    read = [read_bound(file.stem, read_board(file), config.vocabulary, str(file)) for file in files]
    if names and len(files) == len(names):
        return read
    found = Dashboards.of(pack, config, slo.records(pack, config))
    known = {bound.slug: bound.dashboard for bound in found.bound}
    ours = [name for name in names if not name.endswith(".json")]
    return found.as_built(dict.fromkeys(find_dashboard(known, name) for name in ours) if names else None) + read
