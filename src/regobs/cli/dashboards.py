"""`regobs dashboards`: list them, show one, and say what differs between two builds in meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from regobs.cli.content import PATH, content, content_options
from regobs.common.screen import screen, wrapped
from regobs.common.table import escape, table
from regobs.errors import ExitCode

if TYPE_CHECKING:
    from regobs.grafana.boards import ReadDashboard
    from regobs.grafana.compare import DashboardChange

_SHAPE = click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group()
def dashboards() -> None:
    """List the dashboards, show one with its queries, compare two builds."""


@dashboards.command("list")
@content_options
@_SHAPE
def list_(config_file: Path | None, pack_directory: Path | None, flavor: str | None, shape: str) -> None:
    """List the dashboards with the panels that this deployment has, and how many are left out."""
    found = _described(config_file, pack_directory, flavor)
    if shape == "json":
        keys = ("title", "uid", "needs", "minimum_version")
        data = [
            {"name": slug, **{key: one[key] for key in keys}, "panels": len(one["panels"]), "left_out": _left_out(one)}
            for slug, one in found.items()
        ]
        click.echo(json.dumps(data, indent=2))
        return
    head = ("NAME", "TITLE", "PANELS", "LEFT OUT", "NEEDS")
    rows = [(slug, one["title"], len(one["panels"]), _left_out(one), one["needs"]) for slug, one in found.items()]
    click.echo(table(head, rows, on=screen()))


@dashboards.command()
@click.argument("name")
@content_options
@_SHAPE
def show(name: str, config_file: Path | None, pack_directory: Path | None, flavor: str | None, shape: str) -> None:
    """Show one dashboard: rows, panels, queries, what it needs, what is left out. NAME is its file's or its title."""
    [(slug, one)] = _described(config_file, pack_directory, flavor, name).items()
    click.echo(json.dumps({"name": slug, **one}, indent=2) if shape == "json" else wrapped(_text(slug, one), screen()))


@dashboards.command()
@click.argument("old")
@click.argument("new")
@click.option("--token-file", type=PATH, metavar="FILE", help="Holds Grafana's token; else GRAFANA_TOKEN does.")
@click.option("--format", "shape", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.pass_context
def diff(context: click.Context, old: str, new: str, token_file: Path | None, shape: str) -> None:
    """Say what differs between two builds, or a build and a Grafana, in meaning. Exit code 1 where something does.

    OLD and NEW are each a dashboard's JSON, a directory of them, the output of `regobs build`, or the address of a
    Grafana, whose dashboards with the tag `regobs` are read.
    """
    from regobs.grafana.compare import compare_boards  # noqa: PLC0415 - `--help` does not need it

    before, after = (_boards(source, token_file) for source in (old, new))
    if Path(old).is_file() and Path(new).is_file():  # two files are compared whatever they are called
        after = dict(zip(before, after.values(), strict=True))
    changes = compare_boards(before, after)
    if shape == "json":
        click.echo(json.dumps({"changes": [change.as_data() for change in changes]}, indent=2, ensure_ascii=False))
    elif shape == "markdown":
        click.echo("\n".join(_markdown(changes)))
    else:
        click.echo("\n".join(_told(changes)) if changes else "no difference")
    context.exit(ExitCode.DIFFERENCE if changes else ExitCode.OK)


def _markdown(changes: Sequence[DashboardChange]) -> Iterator[str]:
    """A table for the description of a merge request."""
    yield f"### Dashboards: {len(changes)} change{'' if len(changes) == 1 else 's'}"
    if not changes:
        return
    yield from ("", "| dashboard | panel | what | before | after |", "|---|---|---|---|---|")
    for change in changes:
        data = change.as_data()
        cells = (data[key] for key in ("dashboard", "panel", "what", "before", "after"))
        yield "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(value: object) -> str:
    """Text from a dashboard, which may hold what Markdown or HTML would obey."""
    text = " ".join(str("" if value is None else value).split())
    return "".join(f"\\{char}" if char in "\\`*_|[]<>#" else char for char in escape(text))


def _boards(source: str, token_file: Path | None) -> dict[str, ReadDashboard]:
    """The dashboards of a path or of a Grafana."""
    from regobs.grafana.boards import read_boards  # noqa: PLC0415 - `--help` needs none of them
    from regobs.grafana.live import is_address, read_live, read_token  # noqa: PLC0415

    return read_live(source, read_token(token_file)) if is_address(source) else read_boards(Path(source))


def _described(
    config_file: Path | None, pack_directory: Path | None, flavor: str | None, name: str | None = None
) -> dict[str, Any]:
    """The manifest of every dashboard, or of the one of that name, by slug."""
    pack, config = content(config_file, pack_directory, flavor)
    from regobs import slo  # noqa: PLC0415 - loads grafanalib; a wrong option needs none
    from regobs.grafana.bound import bind_dashboard  # noqa: PLC0415
    from regobs.grafana.described import describe_dashboard  # noqa: PLC0415
    from regobs.grafana.find import find_dashboard  # noqa: PLC0415
    from regobs.grafana.outputs import load_dashboards, setting_of  # noqa: PLC0415

    found = load_dashboards(pack)
    chosen = list(found) if name is None else [find_dashboard(found, name)]
    records, vocabulary = slo.records(pack, config), config.vocabulary
    period = config.slo.period
    bound = [bind_dashboard(slug, found[slug], vocabulary, records, period=period) for slug in chosen]
    return {dashboard.slug: describe_dashboard(dashboard, vocabulary, setting_of(config)) for dashboard in bound}


def _left_out(described: dict[str, Any]) -> int:
    """How many panels are not shown at all: one that lacks only some of its lines is."""
    shown = {(panel["row"], panel["title"]) for panel in described["panels"]}
    return len({(panel["row"], panel["panel"]) for panel in described["left_out"]} - shown)


def _text(slug: str, described: dict[str, Any]) -> str:
    version = described["minimum_version"]
    lines = [
        described["title"],
        f"file      {slug}.dashboard.py, uid {described['uid']}",
        f"needs     {described['needs'] or 'nothing'}{f', version {version}' if version else ''}",
        f"metrics   {', '.join(metric['name'] for metric in described['metrics']) or 'none'}",
    ]
    row = None
    for panel in described["panels"]:
        if panel["row"] != row:
            row = panel["row"]
            lines += ["", row]
        watched = ", ".join(f"{what} {panel[what]}" for what in ("alert", "logs") if panel[what])
        lines.append(f"  {panel['title']}" + (f"  ({watched})" if watched else ""))
        for query in panel["expressions"]:
            lines.append("    " + (f"{query['name']}: " if query["name"] else "") + query["expr"])
    if described["left_out"]:
        lines += ["", "Left out"]
        for lacking in described["left_out"]:
            name = f" ({lacking['expression']})" if lacking["expression"] else ""
            lines.append(f"  {lacking['panel']}{name}: {lacking['reason']}")
    return "\n".join(lines)


def _told(changes: list[DashboardChange]) -> list[str]:
    lines: list[str] = []
    dashboard = place = None
    for change in changes:
        if change.dashboard != dashboard:
            dashboard, place = change.dashboard, None
            lines.append(change.dashboard)
        if change.panel and (change.row, change.panel) != place:
            place = change.row, change.panel
            lines.append(f"  {change.row} / {change.panel}" if change.row else f"  {change.panel}")
        lines.append(f"  {'  ' * bool(change.panel)}{change.what}")
        lines += [f"      - {line}" for line in change.before.splitlines()]
        lines += [f"      + {line}" for line in change.after.splitlines()]
    lines.append(f"{len(changes)} difference{'s' * (len(changes) != 1)}")
    return lines
