"""`regobs incident --from --to`: what changed, as a timeline and a ranked list."""

from __future__ import annotations

import html
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from regobs.cli.content import asked_content, content_options, progress
from regobs.cli.server_options import ServerOptions, server_options
from regobs.common.table import Colour, escape, screen, table
from regobs.errors import MachineError

if TYPE_CHECKING:
    from regobs.query.complete import Gap
    from regobs.query.incident import Incident

Section = tuple[str, Sequence[str], list[list[str]]]
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .8rem .2rem 0;"
    "border-bottom:1px solid #8884;vertical-align:top}code{overflow-wrap:anywhere}"
)


@click.command()
@click.option("--from", "start", metavar="TIME", required=True, help="When it began: 14:03, now-30m, an ISO time.")
@click.option("--to", "end", metavar="TIME", help="When it ended; now by default.")
@click.option("--zone", default="UTC", show_default=True, help="Of times that name none: local, Europe/Berlin.")
@click.option(
    "--top", "most", type=click.IntRange(min=1), default=15, show_default=True, help="Panels that are listed."
)
@server_options
@content_options
@click.option("--html", "page", type=click.Path(path_type=Path), metavar="FILE", help="Write it as one HTML page too.")
@click.option("--format", "shape", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True)
def incident(
    *,
    start: str,
    end: str | None,
    zone: str,
    most: int,
    server: ServerOptions,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    page: Path | None,
    shape: str,
) -> int:
    """Say what changed between two times: alerts, restarts, versions, error budgets, and the panels that moved most.

    Every panel of the dashboards is compared with the hour before, and with last week where the server has it.
    """
    from regobs.cli.query_expr import announce, stores_of  # noqa: PLC0415
    from regobs.query.complete import gaps  # noqa: PLC0415
    from regobs.query.incident import read_incident, sections, spans  # noqa: PLC0415
    from regobs.query.times import read_moment, zone_named  # noqa: PLC0415

    now, named = time.time(), zone_named(zone)
    begin = read_moment("--from", start, now, named)
    over = now if end is None else read_moment("--to", end, now, named)
    pack, config = asked_content(config_file, pack_directory, flavor, server)
    asked = spans(begin, over, config.prometheus.scrape_interval.ms / 1000)
    bar = progress("Asking") if sys.stderr.isatty() else nullcontext()
    with server.open(config) as prometheus, bar as report:
        found = read_incident(prometheus, pack, config, asked, report)
        lacking = gaps(prometheus.heard, prometheus.thanos, stores_of(prometheus), partial=prometheus.partial)
    for text in found.refused:
        click.echo(f"Warning: refused: {text}", err=True)
    tables = sections(found, most)
    code = announce(lacking)
    if page is not None:
        _write(page, _html(found, tables, lacking))
    if shape == "json":
        click.echo(json.dumps(_data(found, lacking), indent=2, ensure_ascii=False))
    else:
        click.echo("\n\n".join(_markdown(found, tables, lacking) if shape == "markdown" else _text(found, tables)))
    return code


def _lacks(lacking: Sequence[Gap]) -> list[str]:
    """What the answers lack, a line each."""
    return [f"{gap.kind.upper()}: {gap.text}" for gap in lacking]


def _title(found: Incident) -> str:
    from regobs.query.times import moment_text  # noqa: PLC0415

    begin, over = moment_text(found.since.start / 1000), moment_text(found.since.end / 1000)
    return f"{begin} to {over}, beside the hour before ({found.asked} queries, {len(found.moved)} moved)"


def _text(found: Incident, tables: Sequence[Section]) -> Iterator[str]:
    on = screen()
    yield on.paint(_title(found), Colour.BOLD)
    for title, heads, rows in tables:
        yield f"{on.paint(title, Colour.BOLD)}\n{table(heads, rows, on=on) if rows else 'nothing'}"
    yield found.ranking


def _markdown(found: Incident, tables: Sequence[Section], lacking: Sequence[Gap]) -> Iterator[str]:
    yield f"# {_title(found)}"
    yield from map(_cell, _lacks(lacking))
    for title, heads, rows in tables:
        lines = [f"| {' | '.join(_cell(one) for one in row)} |" for row in (heads, ["---"] * len(heads), *rows)]
        yield f"## {title}\n\n" + ("\n".join(lines) if rows else "nothing")
    queries = "\n".join(f"- {_cell(one.panel.panel)}: `{one.panel.text}`" for one in found.moved[: len(tables[-1][2])])
    yield f"## Queries\n\n{queries}" if queries else ""
    yield found.ranking


def _cell(text: str) -> str:
    return escape(text).replace("|", "\\|").replace("<", "&lt;")


def _html(found: Incident, tables: Sequence[Section], lacking: Sequence[Gap]) -> str:
    def row(cells: Sequence[str], kind: str) -> str:
        return "<tr>" + "".join(f"<{kind}>{html.escape(one)}</{kind}>" for one in cells) + "</tr>"

    parts = []
    for title, heads, rows in tables:
        body = "".join(row(one, "td") for one in rows)
        shown = f"<table>{row(heads, 'th')}{body}</table>" if rows else "<p>nothing</p>"
        parts.append(f"<h2>{html.escape(title)}</h2>{shown}")
    queries = "".join(
        f"<li>{html.escape(one.panel.panel)}: <code>{html.escape(one.panel.text)}</code></li>"
        for one in found.moved[: len(tables[-1][2])]
    )
    title = html.escape(_title(found))
    said = "".join(f"<p><strong>{html.escape(one)}</strong></p>" for one in _lacks(lacking))
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><style>{_STYLE}</style>'
        f"<h1>{title}</h1>{said}{''.join(parts)}<h2>Queries</h2><ol>{queries}</ol><p>{html.escape(found.ranking)}</p></html>\n"
    )


def _write(page: Path, text: str) -> None:
    from regobs.common.files import write_file  # noqa: PLC0415

    try:
        write_file(page, text.encode())
    except OSError as fault:
        raise MachineError(
            "the page cannot be written",
            value=f"{page}: {fault.strerror}",
            next_step="correct the path given to --html",
        ) from None


def _data(found: Incident, lacking: Sequence[Gap]) -> dict[str, Any]:
    return {
        "complete": not lacking,
        "gaps": [{"kind": gap.kind, "text": gap.text} for gap in lacking],
        "from": found.since.start / 1000,
        "to": found.since.end / 1000,
        "before": [found.before.start / 1000, found.before.end / 1000],
        "step": found.since.step / 1000,
        "events": [{"time": one.time, "kind": one.kind, "text": one.text} for one in found.events],
        "budgets": [
            {"slo": one.slo, "scope": one.scope, "spent": one.spent, "left": one.after} for one in found.budgets
        ],
        "moved": [
            {
                "rank": round(one.rank, 3),
                "dashboard": one.panel.dashboard,
                "row": one.panel.row,
                "panel": one.panel.panel,
                "part": one.panel.part,
                "labels": dict(one.labels),
                "before": one.before,
                "since": one.since,
                "last_week": one.usual,
                "query": one.panel.text,
                "others": list(one.others),
                "may_follow_from": list(one.causes),
            }
            for one in found.moved
        ],
        "ranking": found.ranking,
        "refused": list(found.refused),
    }
