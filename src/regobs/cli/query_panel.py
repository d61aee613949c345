"""`regobs query panel`: what a panel asks, and what a server answers."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from regobs.cli.content import content, content_options
from regobs.cli.query_names import complete_dashboard, complete_panel
from regobs.cli.said import warn
from regobs.cli.server_options import ServerOptions, server_options
from regobs.common.screen import screen
from regobs.common.table import table
from regobs.errors import ExitCode, InputError

if TYPE_CHECKING:
    from regobs.config import Config
    from regobs.grafana.bound import BoundPanel, BoundQuery
    from regobs.pack import Pack
    from regobs.prometheus import Prometheus
    from regobs.promql.nodes import Duration

LIMIT = 50  # lines of one query: a terminal's worth; JSON has all


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """One expression of a panel as it is sent, and what came back (label sets and values), None when none was asked."""

    name: str
    text: str
    unit: str
    answer: list[tuple[dict[str, str], float]] | None = None

    def as_data(self) -> dict[str, Any]:
        data: dict[str, Any] = {"name": self.name, "query": self.text, "unit": self.unit}
        if self.answer is not None:
            data["result"] = [{"labels": labels, "value": _number(value)} for labels, value in self.answer]
        return data


@click.command()
@click.argument("dashboard", metavar="[DASHBOARD]", required=False, shell_complete=complete_dashboard)
@click.argument("title", metavar="[PANEL]", required=False, shell_complete=complete_panel)
@server_options
@click.option("--run", is_flag=True, help="Run it on the server that regobs.toml or the environment names.")
@click.option("--at", metavar="TIME", help="Run it for this moment: now-6h, 14:03, yesterday 14:00, an epoch.")
@click.option("--as-is", is_flag=True, help="Print what stands in the dashboard, with Grafana's variables.")
@click.option("--window", metavar="5m", help="What rates are taken over; four scrape intervals when not given.")
@click.option("--range", "span", metavar="1h", default="1h", show_default=True, help="The time range of the dashboard.")
@content_options
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
def panel(
    *,
    dashboard: str | None,
    title: str | None,
    server: ServerOptions,
    run: bool,
    at: str | None,
    as_is: bool,
    window: str | None,
    span: str,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    shape: str,
) -> int:
    """Print the PromQL of a panel, and with --prometheus, --context, --run or --at what it shows, now or then.

    DASHBOARD is its file's name or its title; PANEL a title, or "Row / Title" where a title is there twice. Without
    PANEL, list the panels that this deployment can answer, of all dashboards without DASHBOARD. Secrets of the server
    are in files or in the environment, see docs/servers.md.
    """
    run = run or server.given or at is not None
    if (run or as_is) and (dashboard is None or title is None):
        raise InputError(
            "a panel is asked, or shown as it is, by its name",
            expected="regobs query panel DASHBOARD PANEL",
            next_step="`regobs query panel` lists dashboards and panels",
        )
    if as_is and run:
        raise InputError(
            "--as-is cannot be run: only Grafana knows its variables",
            value="--as-is --prometheus",
            expected="one of the two",
            next_step="leave out --as-is",
        )
    moment = _moment(at)
    spans = _duration("--window", window) if window else None, _duration("--range", span)
    pack, config = content(config_file, pack_directory, flavor)
    if dashboard is None or title is None:
        _print_list(listed_panels(pack, config, dashboard), shape)
        return ExitCode.OK
    config = config.asked if run else config
    config = server.within(config) if run or server.environment else config
    found = find_bound(pack, config, dashboard, title)
    asked = [asked_query(query, config, spans, as_is=as_is) for query in found.queries]
    code = int(ExitCode.OK)
    if run:
        asked, code = _run(asked, server.open(config), moment)
    if shape == "json":
        data = {"panel": found.panel.title, "good": found.panel.good, "queries": [query.as_data() for query in asked]}
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return code
    for number, one in enumerate(asked):
        click.echo(_text(one, first=number == 0))
    return code


@dataclass(frozen=True, slots=True)
class ListedPanel:
    """A panel that can be asked by the name `panel`, and what it says when all is well."""

    dashboard: str
    row: str
    panel: str
    queries: int
    good: str


def listed_panels(pack: Pack, config: Config, dashboard: str | None = None) -> list[ListedPanel]:
    """The panels that a deployment can answer, of one dashboard or of all, in the order of their pages."""
    from regobs import slo  # noqa: PLC0415 - loads grafanalib
    from regobs.grafana.bound import bind_dashboard  # noqa: PLC0415
    from regobs.grafana.find import find_dashboard  # noqa: PLC0415
    from regobs.grafana.outputs import load_dashboards  # noqa: PLC0415

    dashboards = load_dashboards(pack)
    slugs = list(dashboards) if dashboard is None else [find_dashboard(dashboards, dashboard)]
    records, period = slo.records(pack, config), config.slo.period
    found: dict[tuple[str, str], ListedPanel] = {}
    for slug in slugs:
        bound = bind_dashboard(slug, dashboards[slug], config.vocabulary, records, period=period)
        shown = [(row.title, panel) for row, panel in bound.panels() if panel.queries]
        asked: dict[str, list[Any]] = {}
        for _, panel in shown:
            asked.setdefault(panel.panel.title.casefold(), []).append(panel.queries)
        for row, panel in shown:
            title, (first, *others) = panel.panel.title, asked[panel.panel.title.casefold()]
            name = title if all(one == first for one in others) else f"{row} / {title}"
            found.setdefault(
                (slug, name.casefold()), ListedPanel(slug, row, name, len(panel.queries), panel.panel.good)
            )
    return list(found.values())


def _print_list(panels: Sequence[ListedPanel], shape: str) -> None:
    if shape == "json":
        click.echo(json.dumps({"panels": [asdict(one) for one in panels]}, indent=2, ensure_ascii=False))
        return
    rows = [(one.dashboard, one.row, one.panel, one.queries) for one in panels]
    click.echo(table(["dashboard", "row", "panel", "queries"], rows, on=screen()))


def _moment(at: str | None) -> float | None:
    """The moment of --at, None for now. Raises InputError."""
    from regobs.query.times import read_moment, zone_named  # noqa: PLC0415

    return None if at is None else read_moment("--at", at, time.time(), zone_named("UTC"))


def _duration(option: str, text: str) -> Duration:
    from regobs.promql.durations import read_duration  # noqa: PLC0415

    found = read_duration(text)
    if found is None or found.macro or found.ms <= 0:
        raise InputError(
            f"{option} is not a duration", value=text, expected="a time such as 90s, 5m or 1h", next_step="correct it"
        )
    return found


def find_bound(pack: Pack, config: Config, dashboard: str, title: str) -> BoundPanel:
    """A panel of the pack in a deployment's names. Raises InputError when there is none."""
    from regobs import slo  # noqa: PLC0415 - loads grafanalib; a wrong option needs none
    from regobs.grafana.bound import bind_dashboard  # noqa: PLC0415
    from regobs.grafana.find import find_dashboard, find_panel  # noqa: PLC0415
    from regobs.grafana.outputs import load_dashboards  # noqa: PLC0415

    dashboards = load_dashboards(pack)
    slug = find_dashboard(dashboards, dashboard)
    records, period = slo.records(pack, config), config.slo.period
    return find_panel(bind_dashboard(slug, dashboards[slug], config.vocabulary, records, period=period), title)


def asked_query(
    query: BoundQuery, config: Config, spans: tuple[Duration | None, Duration], *, as_is: bool = False
) -> AskedQuery:
    """An expression of a panel as it is sent, with the window of its rates and the range of the dashboard."""
    from regobs.doctor.questions import default_window  # noqa: PLC0415
    from regobs.grafana.variables import Variables  # noqa: PLC0415
    from regobs.promql.printer import to_text  # noqa: PLC0415
    from regobs.promql.walk import fill_durations  # noqa: PLC0415

    variables = Variables.of(config)
    if not as_is:
        variables = variables.selectors_only
    expr = variables.apply(query.expr)
    if not as_is:
        expr = fill_durations(expr, spans[0] or default_window(config), spans[1])
    return AskedQuery(query.name, to_text(expr), f"{query.type.unit}{'/s' * query.type.per_second}")


def _run(asked: Sequence[AskedQuery], server: Prometheus, moment: float | None) -> tuple[list[AskedQuery], int]:
    """The queries with their answers, and the exit code, which says whether these are the whole."""
    from regobs.cli.query_gaps import announce, gaps_so_far  # noqa: PLC0415
    from regobs.query.complete import harmless  # noqa: PLC0415

    done = []
    with server as prometheus:
        for query in asked:
            answer = prometheus.query(query.text, moment)
            found = sorted(((dict(s.labels), s.value) for s in answer.samples), key=lambda pair: (-pair[1], str(pair)))
            done.append(replace(query, answer=found))
        lacking = gaps_so_far(prometheus)
        for text in harmless(prometheus.heard, lacking):
            warn(text)
        return done, announce(lacking)


def _text(asked: AskedQuery, *, first: bool) -> str:
    lines = [] if first else [""]
    lines += [f"# {asked.name}"] if asked.name else []
    lines.append(asked.text)
    if asked.answer is not None:
        lines += ["", _table(asked)]
    return "\n".join(lines)


def _table(asked: AskedQuery) -> str:
    if not asked.answer:
        return "no data"
    names = sorted({name for labels, _ in asked.answer for name in labels})
    head = [*names, "value" if asked.unit == "none" else asked.unit]
    rows = [[*(labels.get(name, "") for name in names), f"{value:.6g}"] for labels, value in asked.answer[:LIMIT]]
    more = len(asked.answer) - LIMIT
    return table(head, rows, on=screen()) + (f"\n... {more} more" if more > 0 else "")


def _number(value: float) -> float | str:
    """JSON has neither NaN nor infinity."""
    return value if abs(value) < float("inf") else str(value)
