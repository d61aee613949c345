"""`regobs doctor`: which panels and rules have data on a live Prometheus, which are empty, and why."""

from __future__ import annotations

from pathlib import Path

import click

from regobs.config import load_config
from regobs.errors import InputError

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--prometheus", "url", required=True, metavar="URL", help="The server; may hold user:password@.")
@click.option("--config", "config_file", type=PATH, metavar="FILE", help="Settings; ./regobs.toml when not given.")
@click.option(
    "--pack", "pack_directory", type=PATH, metavar="DIR", help="Content that adds to or overrides the bundled."
)
@click.option("--flavor", type=click.Choice(["gitlab", "distribution"]), help="Instead of the configured one.")
@click.option("--dashboard", metavar="NAME", help="Only this dashboard.")
@click.option("--window", metavar="5m", help="What rates are taken over; four scrape intervals when not given.")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=30, show_default=True, help="Seconds a request.")
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--failing-only", is_flag=True, help="Show only what should have data and has none.")
def doctor(
    *,
    url: str,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    dashboard: str | None,
    window: str | None,
    timeout: float,
    shape: str,
    failing_only: bool,
) -> int:
    """Say of every panel and rule whether it has data on this server, and if not, why and what to change.

    A token for the server is read from REGOBS_PROMETHEUS_TOKEN. Exit code 0: nothing that should have data is empty.
    """
    import json  # noqa: PLC0415 - what follows loads grafanalib and requests; `--help` needs neither

    from regobs.cli.build import with_flavor  # noqa: PLC0415
    from regobs.doctor import examine, text  # noqa: PLC0415
    from regobs.pack import find_pack  # noqa: PLC0415
    from regobs.prometheus import Prometheus  # noqa: PLC0415
    from regobs.promql.durations import read_duration  # noqa: PLC0415

    span = read_duration(window) if window is not None else None
    if window is not None and (span is None or span.macro or span.ms <= 0):
        raise InputError(
            "--window is no duration", value=window, expected="a time such as 90s, 5m or 1h", next_step="correct it"
        )
    config = with_flavor(load_config(config_file), flavor)
    pack = find_pack(pack_directory, config)
    with Prometheus.connect(url, timeout=timeout) as prometheus:
        report = examine(prometheus, pack, config, dashboard=dashboard, window=span)
    if shape == "json":
        click.echo(json.dumps(report.as_data(failing_only=failing_only), indent=2, ensure_ascii=False))
    else:
        click.echo(text(report, failing_only=failing_only), nl=False)
    return report.exit_code
