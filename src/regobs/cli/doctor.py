"""`regobs doctor`: which panels and rules have data on a live Prometheus, which are empty, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regobs.cli.content import content, content_options, progress
from regobs.cli.said import say
from regobs.cli.server_options import ServerOptions, server_options
from regobs.errors import InputError

if TYPE_CHECKING:
    from regobs.doctor import DoctorReport
    from regobs.prometheus import Prometheus


@click.command()
@server_options
@content_options
@click.option("--dashboard", metavar="NAME", help="Only this dashboard.")
@click.option("--window", metavar="5m", help="What rates are taken over; four scrape intervals when not given.")
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--failing-only",
    is_flag=True,
    help="Leave out what is well; firing alerts stay.",
)
def doctor(
    *,
    server: ServerOptions,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    dashboard: str | None,
    window: str | None,
    shape: str,
    failing_only: bool,
) -> int:
    """Say of every panel and rule whether it has data on this server, and if not, why and what to change.

    Secrets of the server are in files or in the environment, see docs/servers.md. Exit code 0: nothing that should have
    data is empty.
    """
    import json  # noqa: PLC0415 - what follows loads grafanalib and requests; `--help` needs neither

    from regobs.doctor import examine, proposed, text  # noqa: PLC0415
    from regobs.doctor.table import diff_lines, proposed_title  # noqa: PLC0415
    from regobs.promql.durations import read_duration  # noqa: PLC0415

    span = read_duration(window) if window is not None else None
    if window is not None and (span is None or span.macro or span.ms <= 0):
        raise InputError(
            "--window is not a duration", value=window, expected="a time such as 90s, 5m or 1h", next_step="correct it"
        )
    pack, config = content(config_file, pack_directory, flavor)
    within = server.within(config)
    with server.open(within) as prometheus, progress("queries") as told:
        report = examine(prometheus, pack, within, dashboard=dashboard, window=span, progress=told)
        report = _with_gaps(report, prometheus)
        if dashboard is None:
            report = replace(report, proposal=proposed(prometheus, config, within.matchers, pack))
    if shape == "json":
        click.echo(json.dumps(report.as_data(failing_only=failing_only), indent=2, ensure_ascii=False))
    else:
        shown, title, rest = (
            text(report, failing_only=failing_only).rstrip("\n").partition(f"\n{proposed_title(report)}")
        )
        say(shown)
        kept = set(diff_lines(report))
        for line in (title + rest).split("\n")[1:]:
            (click.echo if line in kept else say)(line)
    return report.exit_code


def _with_gaps(report: DoctorReport, prometheus: Prometheus) -> DoctorReport:
    """The report with what the answers lack, such as a store of Thanos that is away, before all else of the server."""
    from regobs.cli.query_gaps import gaps_so_far  # noqa: PLC0415
    from regobs.doctor.report import Problem  # noqa: PLC0415

    change = "see to it and ask again: until then what is empty below may be there, and counts may be too small"
    found = (Problem(f"answers are not the whole: {gap.text}", change) for gap in gaps_so_far(prometheus))
    return replace(report, state=(*found, *report.state))
