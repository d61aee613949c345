"""`regobs export logs`: log lines of registries as metrics, followed, counted once or as history."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regobs.cli.export_options import FILE, WEB, read_address, read_web, refuse_serving, serve
from regobs.cli.said import warn
from regobs.common.table import escape
from regobs.errors import ExitCode, InputError, MachineError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regobs.catalog.model import Flavor
    from regobs.common.working import Teller
    from regobs.exporters.declared import DeclaredMetric
    from regobs.instrument import WebConfig
    from regobs.logs.reading.outcome import FilesRead


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--state", type=FILE, metavar="FILE", help="Where places and counts are kept; without it a restart is one."
)
@click.option("--flavor", type=click.Choice(["gitlab", "distribution"]), default="gitlab", show_default=True)
@click.option("--namespaces", type=click.IntRange(1, 10_000), default=100, show_default=True, help="With own series.")
@click.option(
    "--once", is_flag=True, help="Count the files as they are, rotated and .gz ones too, print OpenMetrics, end."
)
@click.option(
    "--backfill",
    default="",
    metavar="STEP",
    help="Instead: the counts each STEP of the lines' own times, such as 1m, as OpenMetrics for promtool.",
)
@click.option(
    "--textfile",
    type=FILE,
    metavar="FILE",
    help="With --once: write them here at one stroke, for the textfile collector of the node_exporter.",
)
@click.option("--metrics", "metrics_file", type=FILE, metavar="FILE", help="Metrics of your own over log lines.")
@click.option("--check-config", is_flag=True, help="Judge --metrics, --state and --web-config-file, and end.")
@click.option("--listen", default="127.0.0.1:9520", show_default=True, metavar="HOST:PORT", help="Port 0: any.")
@WEB
def logs(
    *,
    files: tuple[str, ...],
    state: Path | None,
    flavor: str,
    namespaces: int,
    once: bool,
    backfill: str,
    textfile: Path | None,
    metrics_file: Path | None,
    check_config: bool,
    listen: str,
    web_file: Path | None,
) -> int:
    """Count the log lines of registries: FILES are names or patterns such as '/var/log/registry/*.log'.

    Every form that `regobs logs` reads is counted. Files are followed through rotation; with --state a restart, also
    after `kill -9`, neither loses a line nor counts one twice. `-` is a pipe, such as `journalctl -f -o export`.
    """
    from regobs.catalog.model import Flavor  # noqa: PLC0415
    from regobs.exporters.declared import read_declared  # noqa: PLC0415

    _check_output(textfile, state, once=once, backfill=backfill)
    if once or backfill:
        refuse_serving("--once" if once else "--backfill")
    _check_input(files, state, followed=not once and not backfill)
    declared = () if metrics_file is None else read_declared(metrics_file)
    address, web = read_address(listen), read_web(web_file)
    counted = Flavor(flavor), namespaces, declared
    if check_config:
        _judge_state(files, counted, state)
        click.echo("settings are right")
    elif backfill:
        _write_history(files, counted, _step(backfill))
    elif once:
        _count_once(files, counted, textfile)
    else:
        return _follow(files, counted, state, address, web)
    return ExitCode.OK


_Counted = tuple["Flavor", int, "Sequence[DeclaredMetric]"]


def _count_once(files: tuple[str, ...], counted: _Counted, textfile: Path | None) -> None:
    from regobs.common.working import ReadingProgress, working  # noqa: PLC0415
    from regobs.exporters.logs import count_once  # noqa: PLC0415

    progress = ReadingProgress()
    with working(progress.text) as teller:
        openmetrics = textfile is None
        found, came = count_once(files, *counted, openmetrics=openmetrics, warn=_warning(teller), progress=progress)
    if textfile is None:
        click.echo(found, nl=False)
    else:
        _write_textfile(textfile, found)
    _end(came)


def _write_history(files: tuple[str, ...], counted: _Counted, step: int) -> None:
    from regobs.common.working import working  # noqa: PLC0415
    from regobs.exporters.backfill import backfill  # noqa: PLC0415

    with working(lambda: "counting the lines of the logs") as teller:
        history, came = backfill(files, *counted, step, warn=_warning(teller))
    for text in history:
        click.echo(text, nl=False)
    _end(came)


def _end(came: FilesRead) -> None:
    """Tell what could not be read, as every command that reads logs does."""
    from regobs.logs.reading.outcome import NO_LINES, refuse  # noqa: PLC0415

    refuse(came.unread, came.broken, came.unopened)
    if came.empty:
        click.echo(NO_LINES, err=True)


def _judge_state(files: tuple[str, ...], counted: _Counted, state: Path | None) -> None:
    from regobs.exporters.logs import LogExporter  # noqa: PLC0415

    if state is not None:
        flavor, namespaces, declared = counted
        LogExporter(list(files), flavor, namespaces=namespaces, declared=declared, state=state).judge_state()


def _follow(
    files: tuple[str, ...], counted: _Counted, state: Path | None, address: tuple[str, int], web: WebConfig | None
) -> int:
    from regobs.exporters.json_log import json_log  # noqa: PLC0415
    from regobs.exporters.logs import MOST_FILES, LogExporter, locked_state  # noqa: PLC0415
    from regobs.exporters.serving import ExporterApp, exporter_instruments  # noqa: PLC0415

    flavor, namespaces, declared = counted
    ended = threading.Event()
    running = LogExporter(list(files), flavor, namespaces=namespaces, declared=declared, state=state, ended=ended.set)
    with json_log("logs") as log, locked_state(state):
        running.instruments = exporter_instruments(*running.all_totals, file=MOST_FILES + 1)
        running.load()  # before an address is shown that would be gone at once
        app = ExporterApp(running.instruments, lambda: running.ready, waits=True, web=web)
        serve(app, running, address, ended=ended)
        if running.fault is not None:
            raise running.fault
    return log.exit_code


def _check_output(textfile: Path | None, state: Path | None, *, once: bool, backfill: str) -> None:
    if (once and backfill) or (state is not None and (once or backfill)):
        raise InputError(
            "files are followed, counted once, or counted as a history",
            value=" ".join(["--once"] * once + ["--backfill"] * bool(backfill) + ["--state"] * (state is not None)),
            expected="one of --once, --backfill STEP, and --state FILE: only who follows files has places to keep",
            next_step="take off the others",
        )
    if textfile is not None and (not once or textfile.suffix != ".prom"):
        raise InputError(
            "a file for the textfile collector is written once, and its name ends in .prom",
            value=str(textfile),
            expected="--once --textfile NAME.prom, which a timer repeats",
            next_step="add --once" if not once else "take another name: the collector reads no others",
        )
    if textfile is not None:
        from regobs.exporters.state_places import fault_of_file  # noqa: PLC0415

        if fault := fault_of_file(textfile):
            raise InputError(
                "the file for the textfile collector is no regular file",
                value=fault,
                expected="a regular file, or none yet: the collector reads no other",
                next_step="take another name, or print the counts without --textfile",
            )
    if textfile is not None and not Path(os.path.realpath(textfile)).parent.is_dir():
        raise InputError(
            "there is no folder for the textfile collector's file",
            value=str(textfile),
            expected="a folder that is there: the one of --collector.textfile.directory of the node_exporter",
            next_step="correct the name, or make the folder",
        )


def _check_input(files: tuple[str, ...], state: Path | None, *, followed: bool) -> None:
    if "-" in files and followed and (state or len(files) > 1):
        raise InputError(
            "standard input is read alone, and once",
            value="--state" if state else " ".join(files)[:200],
            expected="`-` as the only input, without --state: after a restart its counts begin at 0",
            next_step="name the file that is written, which can be read again after a restart",
        )
    if state is not None:
        from regobs.exporters.state_places import refuse_state_among_logs  # noqa: PLC0415

        refuse_state_among_logs(state, files)
    folder = next((file for file in files if followed and Path(file).is_dir()), None)
    if folder is not None:
        raise InputError(
            "a folder cannot be followed",
            value=folder,
            expected="files or a pattern; a folder is read with --once and --backfill",
            next_step=f"name the files in it, such as '{Path(folder) / '*.log'}'",
        )


def _write_textfile(path: Path, text: str) -> None:
    from regobs.common.files import write_file  # noqa: PLC0415

    try:
        write_file(path, text.encode())
    except OSError as fault:
        raise MachineError(
            "the file for the textfile collector cannot be written",
            value=f"{path}: {fault.strerror or fault}",
            next_step="name a folder that this user may write to",
        ) from None


def _warning(teller: Teller | None) -> Callable[[str], None]:
    """What shows a warning; a line about the work gives way to it."""

    def shown(text: str) -> None:
        if teller:
            teller.rest()
        warn(escape(text))
        if teller:
            teller.go_on()

    return shown


def _step(text: str) -> int:
    from regobs.promql.durations import read_duration  # noqa: PLC0415

    found = read_duration(text)
    if found is None or found.macro or found.ms < 1000 or found.ms % 1000:
        raise InputError(
            "--backfill is not a step",
            value=text,
            expected="whole seconds as a duration, such as 15s or 1m",
            next_step="take the scrape interval of your Prometheus",
        )
    return found.ms // 1000
