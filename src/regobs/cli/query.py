"""`regobs query`: what a panel asks, and what a server answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from regobs.cli.content import columns, content, content_options
from regobs.errors import InputError

if TYPE_CHECKING:
    from regobs.config import Config
    from regobs.grafana.bound import BoundPanel
    from regobs.grafana.bound import Query as PanelQuery
    from regobs.pack import Pack
    from regobs.promql.nodes import Duration

LIMIT = 50  # lines of one query: a terminal's worth; JSON has all


@dataclass(frozen=True, slots=True)
class _Asked:
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


@click.group()
def query() -> None:
    """Ask Prometheus what a panel asks."""


@query.command()
@click.argument("dashboard")
@click.argument("title", metavar="PANEL")
@click.option("--prometheus", "url", metavar="URL", help="Run it on this server; may hold user:password@.")
@click.option("--as-is", is_flag=True, help="Print what stands in the dashboard, with Grafana's variables.")
@click.option("--window", metavar="5m", help="What rates are taken over; four scrape intervals when not given.")
@click.option("--range", "span", metavar="1h", default="1h", show_default=True, help="The time range of the dashboard.")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=30, show_default=True, help="Seconds a request.")
@content_options
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
def panel(
    *,
    dashboard: str,
    title: str,
    url: str | None,
    as_is: bool,
    window: str | None,
    span: str,
    timeout: float,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    shape: str,
) -> None:
    """Print the PromQL of a panel, and with --prometheus what it shows now.

    DASHBOARD is its file's name or its title; PANEL a title, or "Row / Title" where a title is there twice. A token for
    the server is read from REGOBS_PROMETHEUS_TOKEN.
    """
    if as_is and url is not None:
        raise InputError(
            "--as-is cannot be run: only Grafana knows its variables",
            value="--as-is --prometheus",
            expected="one of the two",
            next_step="leave out --as-is",
        )
    spans = _duration("--window", window) if window else None, _duration("--range", span)
    pack, config = content(config_file, pack_directory, flavor)
    found = _find(pack, config, dashboard, title)
    asked = [_asked(one, config, spans, as_is=as_is) for one in found.queries]
    if url is not None:
        asked = _run(asked, url, timeout)
    if shape == "json":
        data = {"panel": found.panel.title, "good": found.panel.good, "queries": [one.as_data() for one in asked]}
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return
    for number, one in enumerate(asked):
        click.echo(_text(one, first=number == 0))


def _duration(option: str, text: str) -> Duration:
    from regobs.promql.durations import read_duration  # noqa: PLC0415

    found = read_duration(text)
    if found is None or found.macro or found.ms <= 0:
        raise InputError(
            f"{option} is no duration", value=text, expected="a time such as 90s, 5m or 1h", next_step="correct it"
        )
    return found


def _find(pack: Pack, config: Config, dashboard: str, title: str) -> BoundPanel:
    from regobs import slo  # noqa: PLC0415 - loads grafanalib; a wrong option needs none
    from regobs.grafana.bound import bind_dashboard  # noqa: PLC0415
    from regobs.grafana.find import find_dashboard, find_panel  # noqa: PLC0415
    from regobs.grafana.outputs import load_dashboards  # noqa: PLC0415

    dashboards = load_dashboards(pack)
    slug = find_dashboard(dashboards, dashboard)
    return find_panel(bind_dashboard(slug, dashboards[slug], config.vocabulary, slo.records(pack, config)), title)


def _asked(one: PanelQuery, config: Config, spans: tuple[Duration | None, Duration], *, as_is: bool) -> _Asked:
    from regobs.doctor.questions import default_window, fill_durations  # noqa: PLC0415
    from regobs.grafana.variables import Variables  # noqa: PLC0415
    from regobs.promql.printer import to_text  # noqa: PLC0415

    variables = Variables.of(config)
    if not as_is:
        variables = Variables(own=(), selector=variables.selector, exposers=variables.exposers)
    expr = variables.apply(one.expr)
    if not as_is:
        expr = fill_durations(expr, spans[0] or default_window(config), spans[1])
    return _Asked(one.name, to_text(expr), f"{one.type.unit}{'/s' * one.type.per_second}")


def _run(asked: Sequence[_Asked], url: str, timeout: float) -> list[_Asked]:
    from dataclasses import replace  # noqa: PLC0415

    from regobs.prometheus import Prometheus  # noqa: PLC0415

    done = []
    with Prometheus.connect(url, timeout=timeout) as prometheus:
        for one in asked:
            answer = prometheus.query(one.text)
            for warning in answer.warnings:
                click.echo(f"Warning: {warning}", err=True)
            found = sorted(((dict(s.labels), s.value) for s in answer.samples), key=lambda pair: (-pair[1], str(pair)))
            done.append(replace(one, answer=found))
    return done


def _text(one: _Asked, *, first: bool) -> str:
    lines = [] if first else [""]
    lines += [f"# {one.name}"] if one.name else []
    lines.append(one.text)
    if one.answer is not None:
        lines += ["", _table(one)]
    return "\n".join(lines)


def _table(one: _Asked) -> str:
    if not one.answer:
        return "no data"
    names = sorted({name for labels, _ in one.answer for name in labels})
    head = [*names, "value" if one.unit == "none" else one.unit]
    rows = [[*(labels.get(name, "") for name in names), f"{value:.6g}"] for labels, value in one.answer[:LIMIT]]
    more = len(one.answer) - LIMIT
    return columns([head, *rows]) + (f"\n... {more} more" if more > 0 else "")


def _number(value: float) -> float | str:
    """JSON has neither NaN nor infinity."""
    return value if abs(value) < float("inf") else str(value)
