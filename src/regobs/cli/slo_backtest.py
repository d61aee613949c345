"""`regobs slo backtest`: when alerts would have fired in the past, with these or other targets and windows."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from regobs.budgets.words import percent, time_text
from regobs.cli.content import PATH, content, content_options, progress
from regobs.cli.said import warn
from regobs.cli.server_options import ServerOptions, server_options
from regobs.common.counts import counted
from regobs.common.screen import screen
from regobs.common.table import table
from regobs.errors import ExitCode, InputError, reversed_range

if TYPE_CHECKING:
    from datetime import tzinfo

    from regobs.budgets.backtest import KnownIncident, Objectives, Replay
    from regobs.config import Config
    from regobs.pack import Pack
    from regobs.prometheus import Prometheus

SPAN_OPTIONS = (
    click.option("--range", "length", metavar="28d", help="How much of the past; 28d by default."),
    click.option("--from", "start", metavar="TIME", help="Where it begins, instead of --range."),
    click.option("--to", "end", metavar="TIME", help="Where it ends; now by default."),
    click.option("--zone", default="UTC", show_default=True, help="Of times that name none: local, Europe/Berlin."),
)
ONLY = click.option("--slo", "only", multiple=True, metavar="NAME", help="Only this SLO; may be given several times.")
COUNTERS = click.option(
    "--from-counters", is_flag=True, help="Reckon from the raw counters, also where rules have recorded."
)
_MOST_SHOWN = 50
_WATCHED = 0.9  # of a span: less is told


def span_options(command: Any) -> Any:
    """`--range`, `--from`, `--to` and `--zone`."""
    for option in reversed(SPAN_OPTIONS):
        command = option(command)
    return command


def read_span(length: str | None, start: str | None, end: str | None, zone: str, now: float) -> tuple[int, int]:
    """The span that the options name, in milliseconds since 1970. Raises InputError."""
    from regobs.query.times import moment_text, read_moment, read_seconds, zone_named  # noqa: PLC0415

    where = zone_named(zone)
    if length and start:
        raise InputError("--range and --from both say where the past begins", next_step="leave one of them out")
    last = now if end is None else read_moment("--to", end, now, where)
    first = read_moment("--from", start, now, where) if start else last - read_seconds("--range", length or "28d")
    if first >= last:
        raise reversed_range(moment_text(first), moment_text(last), "the span")
    return round(first * 1000), round(last * 1000)


@click.command()
@server_options
@content_options
@span_options
@ONLY
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE",
              help="Replay this change beside what holds: target=0.99, SLO.at_most=5, 1h.share=0.025.")  # fmt: skip
@click.option("--against", type=PATH, metavar="DIR", help="Replay the SLOs and windows of this pack too.")
@click.option("--incidents", type=PATH, metavar="FILE", help="Incidents that the alerts are judged by, as YAML.")
@click.option("--openmetrics", type=PATH, metavar="FILE", help="History of counters instead of a server.")
@COUNTERS
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
def backtest(
    *,
    server: ServerOptions,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    length: str | None,
    start: str | None,
    end: str | None,
    zone: str,
    only: tuple[str, ...],
    changes: tuple[str, ...],
    against: Path | None,
    incidents: Path | None,
    openmetrics: Path | None,
    from_counters: bool,
    shape: str,
) -> int:
    """Replay the burn-rate alerts over the past: when each would have fired, for how long, and how right it was.

    With --set or --against two sets of objectives stand side by side. docs/budgets.md tells how incidents are written.
    Exit code 5: an SLO has no data in this time.
    """
    from regobs.budgets import load_numpy  # noqa: PLC0415 - an extra

    load_numpy()
    from regobs.budgets.backtest import objectives_of, read_incidents  # noqa: PLC0415
    from regobs.budgets.stream import replayed  # noqa: PLC0415
    from regobs.cli.slo import chosen  # noqa: PLC0415
    from regobs.query.times import zone_named  # noqa: PLC0415

    where = zone_named(zone)
    pack, config = content(config_file, pack_directory, flavor)
    if openmetrics is None:
        config = server.within(config)
    elif server.given:
        raise InputError("--openmetrics and a server both say where the past is", next_step="leave one of them out")
    chosen(pack, config, only)
    both = [objectives_of(pack, config, only, "as it is"), *_others(pack, config, only, changes, against)]
    now = time.time() if openmetrics is None else last_moment(openmetrics)
    known = read_incidents(incidents, where, now) if incidents else []
    span = read_span(length, start, end, zone, now)
    source = server.open(config) if openmetrics is None else served(openmetrics)
    bar = progress("Reading") if sys.stderr.isatty() else nullcontext()
    with source as prometheus, bar as report:
        found = replayed(prometheus, both, span, from_counters=from_counters or openmetrics is not None, report=report)
    if shape == "json":
        click.echo(json.dumps([_data(one, known) for one in found], indent=2, ensure_ascii=False))
    else:
        click.echo(_text(found, known, where), nl=False)
    warn_unwatched(found[0].watched, found[0].reckoned)
    unseen = sorted({name for one in found for name in one.unseen})
    if unseen:
        warn(f"no data in this time of {', '.join(unseen)}")
    return ExitCode.INCOMPLETE if unseen else ExitCode.OK


def warn_unwatched(watched: Mapping[str, float], reckoned: Collection[str]) -> None:
    """Say on stderr what was evaluated in a part of the span only: its figures are of that part.

    Of what was reckoned from the counters already there is no more to be had.
    """
    for counters, more in ((False, "--from-counters reckons the rest too"), (True, "the counters have no more of it")):
        short = [
            f"{name} ({percent(round(share, 3))})"
            for name, share in watched.items()
            if share < _WATCHED and (name in reckoned) is counters
        ]
        if short:
            click.echo(f"Warning: evaluated in a part of this time only: {', '.join(short)}; {more}", err=True)


def _others(
    pack: Pack, config: Config, only: tuple[str, ...], changes: tuple[str, ...], against: Path | None
) -> list[Objectives]:
    from regobs.budgets.backtest import objectives_of  # noqa: PLC0415
    from regobs.pack import find_pack  # noqa: PLC0415

    if not changes and against is None:
        return []
    other = pack if against is None else find_pack(against, config)
    name = " ".join([*([str(against)] if against else []), *changes])
    return [objectives_of(other, config, only, name, changes)]


def last_moment(path: Path) -> float:
    """The time of the last sample of an OpenMetrics file, in seconds since 1970. Raises InputError."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - 65_536, 0))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise InputError("the history cannot be read", value=f"{path}: {error.strerror}") from None
    for line in reversed(lines):
        if line and not line.startswith("#"):
            last = line.split(" # ")[0].rsplit(" ", 1)[-1]
            try:
                return float(last)
            except ValueError:
                break
    raise InputError(
        "the history has no times",
        value=str(path),
        expected="an OpenMetrics text whose samples have timestamps and which ends with # EOF",
        next_step="write one with `regobs simulate --openmetrics`, or ask the server with --prometheus",
    )


@contextmanager
def served(path: Path) -> Iterator[Prometheus]:
    """A Prometheus of our own on blocks that promtool makes of an OpenMetrics file. Raises MachineError, InputError."""
    import subprocess  # noqa: PLC0415 - of this way only

    from regobs.common.programs import Supervisor, find_program  # noqa: PLC0415
    from regobs.demo import servers  # noqa: PLC0415
    from regobs.prometheus import Prometheus  # noqa: PLC0415

    promtool = find_program("promtool", package="prometheus")
    with tempfile.TemporaryDirectory(prefix="regobs-backtest.") as name, Supervisor() as supervisor:
        blocks = [str(promtool), "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=1458h"]
        made = subprocess.run([*blocks, str(path), f"{name}/data"], check=False, capture_output=True, text=True)
        if made.returncode != 0:
            said = (made.stderr.strip() or made.stdout.strip()).splitlines()
            raise InputError(
                "promtool refuses the history",
                value=f"{path}: {said[-1][:300] if said else made.returncode}",
                expected="an OpenMetrics text that ends with # EOF",
                next_step="correct the file",
            )
        url = servers.prometheus(supervisor, {"scrape_configs": []}, data=Path(name) / "data", retention="100y").url
        with Prometheus(url) as client:
            yield client


def _data(replay: Replay, known: list[KnownIncident]) -> dict[str, Any]:
    from regobs.budgets.backtest import judged, seconds  # noqa: PLC0415

    return {
        "objectives": replay.objectives.name,
        "from": replay.span[0] / 1000,
        "to": replay.span[1] / 1000,
        "evaluations": replay.evaluations,
        "severities": [
            {
                "severity": one.severity,
                "alerts": one.alerts,
                "firing_seconds": one.firing,
                "precision": one.precision,
                "recall": one.recall,
                "delay_seconds": one.delay,
            }
            for one in judged(replay, known)
        ],
        "alerts": [
            {
                "slo": one.slo,
                "scope": dict(one.scope),
                "tier": one.tier,
                "severity": one.severity,
                "from": one.begin / 1000,
                "to": None if one.end is None else one.end / 1000,
                "seconds": seconds(one, replay.span),
            }
            for one in replay.alerts
        ],
        "without_data": list(replay.unseen),
    }


def _text(found: list[Replay], known: list[KnownIncident], zone: tzinfo) -> str:
    from regobs.budgets.backtest import judged, seconds  # noqa: PLC0415
    from regobs.query.times import moment_text  # noqa: PLC0415

    head = ["objectives", "severity", "alerts", "firing for"]
    head += ["precision", "recall", "first alert after"] if known else []
    rows: list[list[Any]] = []
    for replay in found:
        for one in judged(replay, known):
            row: list[Any] = [replay.objectives.name, one.severity, one.alerts, time_text(one.firing)]
            if known:
                row += ["" if share is None else percent(share) for share in (one.precision, one.recall)]
                row.append("" if one.delay is None else time_text(one.delay))
            rows.append(row)
    first = found[0]
    text = f"{moment_text(first.span[0] / 1000, zone)} to {moment_text(first.span[1] / 1000, zone)}, "
    text += f"{counted(first.evaluations, 'evaluation')} of {counted(len(first.objectives.slos), 'SLO')}\n\n"
    text += table(head, rows, on=screen()) + "\n"
    for replay in found:
        shown = [
            [
                moment_text(one.begin / 1000, zone),
                "still" if one.end is None else time_text(seconds(one, replay.span)),
                one.severity,
                one.tier,
                " ".join((one.slo, *(value for _, value in one.scope))),
                *([", ".join(i.name for i in known if i.concerns(one, 60_000))] if known else []),
            ]
            for one in replay.alerts[:_MOST_SHOWN]
        ]
        if shown:
            columns = ["begins", "fires for", "severity", "tier", "SLO", *(["incident"] if known else [])]
            text += f"\n{replay.objectives.name}\n" + table(columns, shown, on=screen()) + "\n"
        if len(replay.alerts) > _MOST_SHOWN:
            text += f"... and {len(replay.alerts) - _MOST_SHOWN} more; --format json has all\n"
    return text
