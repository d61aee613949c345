"""`regobs snapshot`: dashboards with the data of a time range, as one page that needs no network, and as pictures."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regobs.cli.content import PATH, content, content_options
from regobs.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regobs.config import Config
    from regobs.grafana.bound import BoundDashboard
    from regobs.pack import Pack


@click.command()
@click.option("--prometheus", "url", required=True, metavar="URL", help="Or Thanos; may hold user:password@.")
@click.option("--dashboard", "names", multiple=True, metavar="NAME", help="Only this one; may be given several times.")
@click.option("--from", "start", default="-24h", show_default=True, metavar="TIME", help="Such as -6h or 2026-05-31.")
@click.option("--to", "end", default="now", show_default=True, metavar="TIME", help="Times are UTC.")
@click.option("--out", type=PATH, required=True, metavar="FILE.html", help="The page.")
@click.option("--png", type=PATH, metavar="DIR", help="Also one picture of each dashboard.")
@click.option("--dark", is_flag=True, help="Dark pictures; the page follows its reader's system.")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=30, show_default=True, help="Seconds a request.")
@content_options
def snapshot(
    *,
    url: str,
    names: tuple[str, ...],
    start: str,
    end: str,
    out: Path,
    png: Path | None,
    dark: bool,
    timeout: float,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
) -> int:
    """Write dashboards with their data into one HTML file that opens from disk and loads nothing.

    A token for the server is read from REGOBS_PROMETHEUS_TOKEN. Needs the extra: pip install 'regobs[snapshot]'. Exit
    code 1 when the server rejected a query: its panel says so.
    """
    from regobs.prometheus import Prometheus  # noqa: PLC0415 - what follows loads requests; `--help` does not need it
    from regobs.snapshot.span import read_time, span_of  # noqa: PLC0415
    from regobs.snapshot.take import take  # noqa: PLC0415
    from regobs.snapshot.vega import vl_convert  # noqa: PLC0415
    from regobs.snapshot.write import produce, refuse_targets, write  # noqa: PLC0415

    now = time.time()
    times = read_time("--from", start, now), read_time("--to", end, now)
    refuse_targets(out, png)
    vl_convert()  # missing after a minute of queries would be late
    pack, config = content(config_file, pack_directory, flavor)
    span = span_of(*times, config.prometheus.scrape_interval.ms / 1000)
    dashboards = _bound(pack, config, names)
    with Prometheus.connect(url, timeout=timeout) as prometheus:
        prometheus.buildinfo()  # one clear error before many threads ask
        with _progress("queries") as report:
            taken = take(prometheus, dashboards, config, span, report)
    with _progress("drawing") as report:
        written = produce(taken, out, png, dark=dark, report=report)
    write(written)
    for warning in taken.warnings:
        click.echo(f"Warning: {warning}", err=True)
    for error in taken.errors:
        click.echo(f"Warning: the server rejected a query: {error}", err=True)
    for path, data in written.items():
        click.echo(f"{path}: {len(data):,} bytes")
    return ExitCode.DIFFERENCE if taken.errors else ExitCode.OK


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, as a function that is told how much of how much is done."""
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def report(done: int, whole: int) -> None:
            bar.length = whole
            bar.update(done - bar.pos)

        yield report


def _bound(pack: Pack, config: Config, names: Sequence[str]) -> list[BoundDashboard]:
    from regobs import slo  # noqa: PLC0415 - loads grafanalib; a wrong option needs none
    from regobs.grafana.bound import bind_dashboard  # noqa: PLC0415
    from regobs.grafana.find import find_dashboard  # noqa: PLC0415
    from regobs.grafana.outputs import load_dashboards, overlays_of, setting_of  # noqa: PLC0415
    from regobs.snapshot.overlaid import overlaid  # noqa: PLC0415

    found = load_dashboards(pack)
    chosen = dict.fromkeys(find_dashboard(found, name) for name in names) if names else found
    records, vocabulary = slo.records(pack, config), config.vocabulary
    bound = [bind_dashboard(slug, found[slug], vocabulary, records) for slug in chosen]
    overlays, setting = overlays_of(pack, found), setting_of(config)
    shown = {one.slug for one in bound if any(row.panels for row in one.rows)} & overlays.keys()
    return [overlaid(one, setting, overlays[one.slug]) if one.slug in shown else one for one in bound]
