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

from regobs.cli.content import PATH, asked_content, content_options, progress
from regobs.cli.public_url import PublicUrl
from regobs.cli.said import warn
from regobs.cli.server_options import ServerOptions, server_options
from regobs.common.screen import Colour, screen, wrapped
from regobs.common.table import escape, table
from regobs.errors import InputError, MachineError

if TYPE_CHECKING:
    from regobs.pack import Pack
    from regobs.query.complete import Gap
    from regobs.query.incident import Incident, IncidentPart
    from regobs.query.incident_logs import LogsCompared
    from regobs.query.moved import MovedPanel
    from regobs.query.times import AskedRange

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .8rem .2rem 0;"
    "border-bottom:1px solid #8884;vertical-align:top}code{overflow-wrap:anywhere}"
)
_GRAFANA = PublicUrl("put the token of a service account into GRAFANA_TOKEN or the file of --grafana-token-file")


@click.command()
@click.argument("more_logs", nargs=-1, metavar="[FILES]")
@click.option("--from", "start", metavar="TIME", required=True, help="When it began: 14:03, now-30m, an ISO time.")
@click.option("--to", "end", metavar="TIME", help="When it ended; now by default.")
@click.option("--zone", default="UTC", show_default=True, help="Of times that name none: local, Europe/Berlin.")
@click.option(
    "--top", "most", type=click.IntRange(min=1), default=15, show_default=True, help="Panels and log lines listed."
)
@click.option("--logs", multiple=True, metavar="FILES", help="Compare these logs too: files, folders, patterns.")
@click.option("--grafana", type=_GRAFANA, metavar="URL", help="Its annotations tell deploys; `url` of [grafana].")
@click.option("--grafana-token-file", type=PATH, metavar="FILE", help="File with its token, else GRAFANA_TOKEN.")
@server_options
@content_options
@click.option("--html", "page", type=click.Path(path_type=Path), metavar="FILE", help="Write it as one HTML page too.")
@click.option("--format", "shape", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True)
def incident(
    *,
    more_logs: tuple[str, ...],
    start: str,
    end: str | None,
    zone: str,
    most: int,
    logs: tuple[str, ...],
    grafana: str | None,
    grafana_token_file: Path | None,
    server: ServerOptions,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    page: Path | None,
    shape: str,
) -> int:
    """Say what changed between two times: alerts, restarts, versions, deploys, error budgets, panels that moved most.

    Every panel of the dashboards is compared with the hour before, and with last week where the server has it; with
    --logs FILES the messages and requests of logs as well. FILES are those that a pattern behind --logs stands for.
    """
    from regobs.cli.query_gaps import announce, gaps_so_far  # noqa: PLC0415
    from regobs.deploy.moments import deployed  # noqa: PLC0415
    from regobs.query.deploys import grafanas, read_deploys  # noqa: PLC0415
    from regobs.query.incident import read_incident, sections, spans  # noqa: PLC0415

    begin, over = _times(start, end, zone)
    files = _log_files(logs, more_logs)
    pack, config = asked_content(config_file, pack_directory, flavor, server)
    asked = spans(begin, over, config.prometheus.scrape_interval.ms / 1000)
    with server.open(config) as prometheus:
        compared = _compared(pack, files, asked, over) if files else None
        named = grafanas(config, grafana, grafana_token_file)
        deploys = read_deploys(config, named, deployed, asked[0].start / 1000, over)
        bar = progress("Asking") if sys.stderr.isatty() else nullcontext()
        with bar as report:
            found = read_incident(prometheus, pack, config, asked, report, deploys=deploys, logs=compared)
        lacking = (*found.gaps, *(compared.gaps if compared else ()), *gaps_so_far(prometheus))
    for text in found.refused:
        warn(f"refused: {text}")
    parts = sections(found, most)
    code = announce(lacking)
    if page is not None:
        _write(page, _html(found, parts, lacking))
    if shape == "json":
        click.echo(json.dumps(_data(found, lacking), indent=2, ensure_ascii=False))
    else:
        click.echo("\n\n".join(_markdown(found, parts, lacking) if shape == "markdown" else _text(found, parts)))
    return code


def _times(start: str, end: str | None, zone: str) -> tuple[float, float]:
    """The begin and the end, in seconds since 1970. Raises InputError for a beginning that is still to come."""
    from regobs.query.times import moment_text, read_moment, zone_named  # noqa: PLC0415

    now, named = time.time(), zone_named(zone)
    begin = read_moment("--from", start, now, named)
    over = now if end is None else read_moment("--to", end, now, named)
    if begin >= now:
        raise InputError(
            "the incident begins in the future",
            value=f"--from is {moment_text(begin, named)}, now it is {moment_text(now, named)}",
            expected="a time that has been",
            next_step="correct --from, or its time zone with --zone",
        )
    if over > now > begin:
        click.echo(
            f"Note: --to is in the future, {moment_text(over, named)}: asked up to now, {moment_text(now, named)}",
            err=True,
        )
        over = now
    return begin, over


def _log_files(logs: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """The log files. A shell puts those of a pattern behind the option, where they are arguments."""
    if more and not logs:
        raise InputError("what is this argument?", value=more[0], next_step="put --logs before the names of log files")
    return (*logs, *more)


def _compared(pack: Pack, files: tuple[str, ...], asked: tuple[AskedRange, AskedRange], over: float) -> LogsCompared:
    from regobs.common.working import working  # noqa: PLC0415 - where logs are given
    from regobs.query.incident_logs import compare_logs, log_windows  # noqa: PLC0415

    with working(lambda: "reading the logs"):
        return compare_logs(pack, files, log_windows(asked, over))


def _lacks(lacking: Sequence[Gap]) -> list[str]:
    """What the answers lack, a line each."""
    return [f"{gap.kind.upper()}: {gap.text}" for gap in lacking]


def _title(found: Incident) -> str:
    from regobs.query.times import moment_text  # noqa: PLC0415

    begin, over = moment_text(found.since.start / 1000), moment_text(found.since.end / 1000)
    return f"{begin} to {over}, beside the hour before ({found.asked} queries, {len(found.moved)} moved)"


def _text(found: Incident, parts: Sequence[IncidentPart]) -> Iterator[str]:
    on = screen()
    yield on.paint(_title(found), Colour.BOLD)
    for part in parts:
        shown = [table(part.heads, part.rows, on=on)] if part.rows else []
        yield "\n".join([on.paint(part.title, Colour.BOLD), *shown, *(wrapped(escape(one), on) for one in part.below)])
    yield wrapped(found.ranking, on)


def _markdown(found: Incident, parts: Sequence[IncidentPart], lacking: Sequence[Gap]) -> Iterator[str]:
    yield f"# {_title(found)}"
    yield from map(_cell, _lacks(lacking))
    for part in parts:
        lines = [f"| {' | '.join(map(_cell, row))} |" for row in (part.heads, ["---"] * len(part.heads), *part.rows)]
        yield "\n\n".join([f"## {part.title}", *(["\n".join(lines)] if part.rows else []), *map(_cell, part.below)])
    queries = "\n".join(f"- {_cell(one.panel.panel)}: `{one.panel.text}`" for one in _listed(found, parts))
    yield f"## Queries\n\n{queries}" if queries else ""
    yield found.ranking


def _listed(found: Incident, parts: Sequence[IncidentPart]) -> Sequence[MovedPanel]:
    """The panels that a report lists."""
    from regobs.query.incident import MOVED  # noqa: PLC0415

    return found.moved[: next(len(part.rows) for part in parts if part.title == MOVED)]


def _cell(text: str) -> str:
    return escape(text).replace("|", "\\|").replace("<", "&lt;")


def _html(found: Incident, parts: Sequence[IncidentPart], lacking: Sequence[Gap]) -> str:
    def row(cells: Sequence[str], kind: str) -> str:
        return "<tr>" + "".join(f"<{kind}>{html.escape(one)}</{kind}>" for one in cells) + "</tr>"

    bodies = []
    for part in parts:
        body = "".join(row(one, "td") for one in part.rows)
        shown = f"<table>{row(part.heads, 'th')}{body}</table>" if part.rows else ""
        notes = "".join(f"<p>{html.escape(one)}</p>" for one in part.below)
        bodies.append(f"<h2>{html.escape(part.title)}</h2>{shown}{notes}")
    queries = "".join(
        f"<li>{html.escape(one.panel.panel)}: <code>{html.escape(one.panel.text)}</code></li>"
        for one in _listed(found, parts)
    )
    title = html.escape(_title(found))
    said = "".join(f"<p><strong>{html.escape(one)}</strong></p>" for one in _lacks(lacking))
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><style>{_STYLE}</style>'
        f"<h1>{title}</h1>{said}{''.join(bodies)}<h2>Queries</h2><ol>{queries}</ol><p>{html.escape(found.ranking)}</p></html>\n"
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
        "logs": None if found.logs is None else _logs_data(found.logs),
        "notes": [{"part": part, "text": text} for part, text in found.notes],
        "ranking": found.ranking,
        "refused": list(found.refused),
    }


def _logs_data(logs: LogsCompared) -> dict[str, Any]:
    return {
        "lines": logs.lines,
        "malformed": logs.malformed,
        "changes": [
            {"change": one.change, "what": one.what, "before": one.before, "since": one.since, "times": one.times}
            for one in logs.found
        ],
        "notes": list(logs.notes),
    }
