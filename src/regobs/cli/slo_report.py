"""`regobs slo report`: what became of error budgets in a month, for its review."""

from __future__ import annotations

import re
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import click

from regobs.cli.content import PATH, content, content_options, progress
from regobs.cli.said import warn
from regobs.cli.server_options import ServerOptions, server_options
from regobs.cli.slo_backtest import COUNTERS, ONLY, read_span, span_options, warn_unwatched
from regobs.common.jsontext import json_text
from regobs.errors import ExitCode, InputError, MachineError

SHAPES = {".md": "markdown", ".html": "html", ".csv": "csv", ".json": "json"}


@click.command()
@server_options
@content_options
@span_options
@click.option("--month", metavar="2026-05", help="A calendar month of the zone, instead of --range and --from.")
@ONLY
@COUNTERS
@click.option("--format", "shape", type=click.Choice(list(SHAPES.values())), help="By the name of --out, or markdown.")
@click.option("--out", type=PATH, metavar="FILE", help="Write it here instead of to standard output.")
def report(
    *,
    server: ServerOptions,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    length: str | None,
    start: str | None,
    end: str | None,
    zone: str,
    month: str | None,
    only: tuple[str, ...],
    from_counters: bool,
    shape: str | None,
    out: Path | None,
) -> int:
    """Error budgets over a span: spent, when and by what, beside the span before it.

    HTML is one page that loads nothing; CSV has a line for each SLO and day. Exit code 5: an SLO has no data.
    """
    from regobs.budgets import load_numpy  # noqa: PLC0415 - an extra

    load_numpy()
    from regobs.budgets.backtest import objectives_of  # noqa: PLC0415
    from regobs.budgets.report import slo_reports, span_before  # noqa: PLC0415
    from regobs.budgets.report_page import ReportText  # noqa: PLC0415
    from regobs.cli.slo import chosen  # noqa: PLC0415
    from regobs.query.times import moment_text, zone_named  # noqa: PLC0415

    where, now = zone_named(zone), time.time()
    if month is not None and (length or start or end):
        raise InputError("--month is a whole span", next_step="leave out --range, --from and --to")
    if month is None:
        span = read_span(length, start, end, zone, now)
        before = span_before(span, where)
    else:
        span, before = read_month(month, zone)
    pack, config = content(config_file, pack_directory, flavor)
    config = server.within(config)
    chosen(pack, config, only)
    objectives = objectives_of(pack, config, only, "as it is")
    bar = progress("Reading") if sys.stderr.isatty() else nullcontext()
    with server.open(config) as prometheus, bar as told:
        found = slo_reports(prometheus, objectives, span, before, where, from_counters=from_counters, report=told)
    titles = [f"{moment_text(one / 1000, where)} to {moment_text(two / 1000, where)}" for one, two in (span, before)]
    text = ReportText(found, month or titles[0], titles[1], where)
    chosen_shape = shape or SHAPES.get(out.suffix if out else "", "markdown")
    shapes = {"markdown": text.markdown, "html": text.html, "csv": text.csv}
    made = shapes[chosen_shape]() if chosen_shape in shapes else json_text(text.data()) + "\n"
    _put(made, out)
    warn_unwatched({one.name: one.watched for one in found}, {one.name for one in found if one.reckoned})
    missing = sorted({slo.name for slo in objectives.slos} - {one.slo.name for one in found})
    if missing:
        warn(f"no data in this time of {', '.join(missing)}")
    return ExitCode.INCOMPLETE if missing else ExitCode.OK


def _put(text: str, out: Path | None) -> None:
    from regobs.common.files import write_file  # noqa: PLC0415

    if out is None:
        click.echo(text, nl=False)
        return
    try:
        write_file(out, text.encode())
    except OSError as error:
        raise MachineError("the report cannot be written", value=f"{out}: {error.strerror}") from None


def read_month(text: str, zone: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """A month such as `2026-05` and the one before it. Raises InputError."""
    from regobs.budgets.report import month_span  # noqa: PLC0415
    from regobs.query.times import zone_named  # noqa: PLC0415

    found = re.fullmatch(r"(\d{4})-(\d{2})", text, re.ASCII)
    if found is None or not 1 <= int(found[2]) <= 12 or int(found[1]) < 1971:
        raise InputError(
            "--month is no month", value=text[:40], expected="a month such as 2026-05", next_step="correct it"
        )
    return month_span(int(found[1]), int(found[2]), zone_named(zone))
