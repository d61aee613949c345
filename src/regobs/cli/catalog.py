"""`regobs catalog`: list, show and export metrics; check a real exposition against them."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from regobs.catalog.model import Flavor, Version
from regobs.cli.public_url import EXPOSITION
from regobs.common.closest import closest
from regobs.common.screen import screen
from regobs.common.table import table
from regobs.errors import ExitCode, InputError

if TYPE_CHECKING:
    from regobs.catalog.check import ExpositionReport

Command = TypeVar("Command", bound=Callable[..., Any])

_FLAVORS = click.Choice([flavor.value for flavor in Flavor])


def _selection(default: str) -> Callable[[Command], Command]:
    """The options that `list` and `export` have in common; they differ in the format they write by default."""

    def add(command: Command) -> Command:
        form = click.Choice(["table", "json", "markdown"])
        for option in (
            click.option("--format", "form", type=form, default=default, show_default=True),
            click.option("--component", metavar="NAME", help="Only one component, such as http or storage."),
            click.option("--flavor", type=_FLAVORS, help="Only what this registry has, or once had."),
        ):
            command = option(command)
        return command

    return add


@click.group()
def catalog() -> None:
    """List, show and export metrics; check a real exposition against them."""


@catalog.command("list")
@_selection("table")
def list_(flavor: str | None, component: str | None, form: str) -> None:
    """List the metrics that registries, and the neighbours on our dashboards, expose."""
    click.echo(_render(flavor, component, form))


@catalog.command()
@_selection("json")
def export(flavor: str | None, component: str | None, form: str) -> None:
    """Write the catalog with every form of every metric, for other programs or for documentation."""
    click.echo(_render(flavor, component, form))


def _render(flavor: str | None, component: str | None, form: str) -> str:
    from regobs.catalog import METRICS  # noqa: PLC0415 - `--help` needs no entries
    from regobs.catalog import export as writing  # noqa: PLC0415

    components = list(dict.fromkeys(metric.component for metric in METRICS.values()))
    if component is not None and component not in components:
        raise InputError("there is no such component", value=component, expected=", ".join(components))
    wanted = Flavor(flavor) if flavor else None
    metrics = writing.select(METRICS.values(), wanted, component)
    if form == "json":
        return json.dumps([writing.to_data(metric, wanted) for metric in metrics], indent=2)
    rows = [writing.row(metric, wanted) for metric in metrics]
    return writing.markdown(rows) if form == "markdown" else table(writing.HEADINGS, rows, on=screen(), names=True)


def _families(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from regobs.catalog import METRICS  # noqa: PLC0415 - `--help` needs no entries

    return [name for name in METRICS if name.startswith(incomplete)]


@catalog.command()
@click.argument("name", shell_complete=_families)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def show(name: str, form: str) -> None:
    """Show everything about one metric. NAME is that of a family or of a time series."""
    from regobs.catalog import METRICS, by_series  # noqa: PLC0415
    from regobs.catalog import export as writing  # noqa: PLC0415

    found = by_series(name)
    metric = METRICS.get(name) or (found[0] if found else None)
    if metric is None:
        known = [*METRICS, *(series for metric in METRICS.values() for series in metric.series)]
        close = closest(name, known, 5)
        raise InputError(
            "the catalog has no such metric",
            value=name,
            expected=", ".join(close) or "a family or series that `regobs catalog list` knows",
            next_step="regobs catalog list shows all names",
        )
    click.echo(json.dumps(writing.to_data(metric), indent=2) if form == "json" else writing.describe(metric))


@catalog.command()
@click.argument("source", type=EXPOSITION)
@click.option("--flavor", type=_FLAVORS, help="Which registry it is; detected when not given.")
@click.option("--version", metavar="X.Y.Z", help="Its version; detected when not given, the newest when unknown.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def check(context: click.Context, source: str, flavor: str | None, version: str | None, form: str) -> None:
    """Compare what a registry really exposes with the catalog. Exit code 1 where they differ.

    SOURCE is a URL, a file, or - for standard input; text format or OpenMetrics, plain or gzip.
    """
    from regobs.catalog import sources  # noqa: PLC0415
    from regobs.catalog.check import check as compare  # noqa: PLC0415

    wanted = _version(version) if version else None
    exposition = sources.read(source, sys.stdin.buffer)
    with sources.judged(source):
        report = compare(exposition, Flavor(flavor) if flavor else None, wanted)
    click.echo(json.dumps(_report_data(report), indent=2) if form == "json" else _report_text(report))
    context.exit(ExitCode.OK if report.ok else ExitCode.DIFFERENCE)


def _version(text: str) -> Version:
    try:
        return Version.parse(text)
    except ValueError as error:
        raise InputError("--version is not a version number", value=text, expected="numbers, such as 4.32.0") from error


def _report_data(report: ExpositionReport) -> dict[str, Any]:
    return {
        "source": report.source,
        "flavor": report.flavor.value,
        "version": str(report.version) if report.version else None,
        "told_by": report.told,
        "families": report.families,
        "samples": report.samples,
        "differences": [
            {
                "what": difference.what.value,
                "family": difference.family,
                "found": difference.found,
                "expected": difference.expected,
                "line": difference.line,
            }
            for difference in report.differences
        ],
        "absent": [
            {"family": absence.family, "fine": absence.fine, "why": absence.why.value, "detail": absence.detail or None}
            for absence in report.absences
        ],
        "ok": report.ok,
    }


def _report_text(report: ExpositionReport) -> str:
    lines = [
        f"source       {report.source}",
        f"registry     {report.flavor} {report.version or '(newest)'}: {report.told}",
        f"seen         {report.families} families, {report.samples} samples",
    ]
    reasons: dict[str, list[str]] = defaultdict(list)
    for absence in report.absences:
        if absence.fine:
            reasons[f"{absence.why}: {absence.detail}" if absence.detail else str(absence.why)].append(absence.family)
    for reason, families in reasons.items():
        lines += [f"absent       {len(families)}, fine: {reason}", *(f"               {name}" for name in families)]
    for difference in report.differences:
        place = f"line {difference.line}: " if difference.line else ""
        lines += [f"difference   {difference.family}: {difference.what}"]
        lines += [f"               found     {place}{difference.found}"]
        lines += [f"               expected  {difference.expected}"]
    lines.append(f"differences  {len(report.differences)}")
    return "\n".join(lines)
