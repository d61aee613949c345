"""`regobs export`: exporters, which turn what a registry's own metrics cannot show into metrics."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regobs.errors import ExitCode, InputError, MachineError

if TYPE_CHECKING:
    from regobs.exporters.probe import StepOutcome
    from regobs.exporters.probe_settings import ProbeSettings
    from regobs.instrument import WebConfig

_FILE = click.Path(path_type=Path, dir_okay=False)
_WEB = click.option(
    "--web-config-file",
    "web_file",
    type=_FILE,
    metavar="FILE",
    help="TLS and users, as Prometheus' own exporters have it.",
)
_DIRECTORY = click.Path(path_type=Path, file_okay=False)


@click.group()
def export() -> None:
    """Exporters: what a registry's own metrics cannot show, as metrics of a process beside it."""


@export.command()
@click.option("--config", "file", type=_FILE, metavar="FILE", help="Targets and steps; exporters/probe.yaml shows all.")
@click.option("--url", metavar="URL", help="Instead of --config: the registry's public address.")
@click.option(
    "--repository", default="regobs/probe", show_default=True, help="With --url: where the probe's images go."
)
@click.option("--username-file", type=_FILE, metavar="FILE", help="With --url: holds the user, one line.")
@click.option("--password-file", type=_FILE, metavar="FILE", help="With --url: holds the password or token, one line.")
@click.option("--no-push", is_flag=True, help="With --url: only pull.")
@click.option(
    "--listen", default="127.0.0.1:9521", show_default=True, metavar="HOST:PORT", help="Of /metrics; port 0: any."
)
@click.option("--once", is_flag=True, help="Run every step once, print how it went, exit with 1 where one failed.")
@click.option("--check-config", is_flag=True, help="Judge the settings and end.")
@_WEB
def probe(
    *,
    file: Path | None,
    url: str | None,
    repository: str,
    username_file: Path | None,
    password_file: Path | None,
    no_push: bool,
    listen: str,
    web_file: Path | None,
    once: bool,
    check_config: bool,
) -> int:
    """Use a registry from outside as Docker does, step by step, and expose how each step goes.

    Steps: resolve, connect, tls, auth, base, pull_manifest, pull_blob, push, read_back, delete, health.
    """
    from regobs.exporters.probe_settings import ProbeSettings, ProbeTarget, checked_url, read_probe_settings  # noqa: PLC0415

    if (file is None) == (url is None):
        raise InputError("name the registry", expected="either --config FILE or --url URL", next_step="add one of them")
    if file is not None:
        settings = read_probe_settings(file)
    else:
        address = checked_url(url or "", {})
        target = ProbeTarget(
            name=address.partition("//")[2],
            url=address,
            repository=repository,
            username_file=username_file,
            password_file=password_file,
            push=not no_push,
            delete=not no_push,
        )
        target.credentials()
        settings = ProbeSettings((target,))
    if check_config:
        click.echo(f"{len(settings.targets)} targets, settings are right")
        return ExitCode.OK
    return _once(settings) if once else _serve(settings, *_address(listen), _web(web_file))


@export.command()
@click.option("--state", "directory", type=_DIRECTORY, required=True, metavar="DIR", help="Where counts are kept.")
@click.option("--token-file", type=_FILE, metavar="FILE", help="Holds the bearer token that registries must send.")
@click.option("--namespaces", type=click.IntRange(1, 10_000), default=100, show_default=True, help="With own series.")
@click.option("--check-config", is_flag=True, help="Judge the files that are named, and end.")
@click.option("--append", "append_to", type=_FILE, metavar="FILE", help="Write each envelope here, for `regobs logs`.")
@click.option("--listen", default="127.0.0.1:9522", show_default=True, metavar="HOST:PORT", help="Port 0: any.")
@_WEB
def notifications(
    *,
    directory: Path,
    token_file: Path | None,
    namespaces: int,
    append_to: Path | None,
    check_config: bool,
    listen: str,
    web_file: Path | None,
) -> int:
    """Receive a registry's notifications at /events and count pulls, pushes and deletions by namespace.

    An event is answered with 200 once it is stored, and counted once however often it is sent.
    """
    from regobs.exporters.journal import Journal  # noqa: PLC0415
    from regobs.exporters.notifications import NotificationApp, Receiver  # noqa: PLC0415
    from regobs.exporters.secret_files import read_secret  # noqa: PLC0415
    from regobs.exporters.serving import (  # noqa: PLC0415
        ExporterApp,
        ExporterServer,
        exporter_instruments,
        log_as_json,
        wait_for_end,
    )

    host, port = _address(listen)
    web = _web(web_file)
    read_secret(token_file)
    if check_config:
        return ExitCode.OK
    log_as_json("notifications")
    receiver = Receiver(Journal(directory), namespaces=namespaces, append_to=append_to)
    instruments = exporter_instruments(receiver.totals)
    events = NotificationApp(receiver, instruments, lambda: read_secret(token_file))
    receiver.start()
    own_credentials = ("/events",) if token_file else ()
    app = ExporterApp(instruments, lambda: True, {"/events": events}, web=web, own_credentials=own_credentials)
    server = ExporterServer(app, host, port)
    click.echo(f"{server.url}/events")
    wait_for_end()
    server.stop()
    receiver.stop()
    return ExitCode.OK


@export.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--state", type=_FILE, metavar="FILE", help="Where places and counts are kept; without it a restart is one."
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
    type=_FILE,
    metavar="FILE",
    help="With --once: write them here at one stroke, for the textfile collector of the node_exporter.",
)
@click.option("--metrics", "metrics_file", type=_FILE, metavar="FILE", help="Metrics of your own over log lines.")
@click.option("--check-config", is_flag=True, help="Judge --metrics and --web-config-file, and end.")
@click.option("--listen", default="127.0.0.1:9520", show_default=True, metavar="HOST:PORT", help="Port 0: any.")
@_WEB
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
    from regobs.exporters.logs import LogExporter, count_once  # noqa: PLC0415
    from regobs.exporters.serving import (  # noqa: PLC0415
        ExporterApp,
        ExporterServer,
        exporter_instruments,
        log_as_json,
        wait_for_end,
    )

    if textfile is not None and (not once or textfile.suffix != ".prom"):
        raise InputError(
            "a file for the textfile collector is written once, and its name ends in .prom",
            value=str(textfile),
            expected="--once --textfile NAME.prom, which a timer repeats",
            next_step="add --once" if not once else "take another name: the collector reads no others",
        )
    declared = () if metrics_file is None else read_declared(metrics_file)
    address, web = _address(listen), _web(web_file)
    if "-" in files and not once and not backfill and (state or len(files) > 1):
        raise InputError(
            "standard input is read alone, and once",
            value="--state" if state else " ".join(files)[:200],
            expected="`-` as the only input, without --state: after a restart its counts begin at 0",
            next_step="name the file that is written, which can be read again after a restart",
        )
    if check_config:
        return ExitCode.OK
    if backfill:
        from regobs.exporters.backfill import backfill as history  # noqa: PLC0415

        for text in history(files, Flavor(flavor), namespaces, declared, _step(backfill)):
            click.echo(text, nl=False)
        return ExitCode.OK
    if once:
        found = count_once(files, Flavor(flavor), namespaces, declared, openmetrics=textfile is None)
        if textfile is None:
            click.echo(found, nl=False)
        else:
            _write_textfile(textfile, found)
        return ExitCode.OK
    log_as_json("logs")
    ended = threading.Event()
    running = LogExporter(
        list(files),
        Flavor(flavor),
        namespaces=namespaces,
        declared=declared,
        state=state,
        ended=ended.set,
    )
    running.instruments = exporter_instruments(*running.all_totals, file=1000)
    app = ExporterApp(running.instruments, lambda: running.ready, waits=True, web=web)
    server = ExporterServer(app, *address)
    click.echo(f"{server.url}/metrics")
    running.start()
    wait_for_end(ended)
    server.stop()
    running.stop()
    if running.fault is not None:
        raise running.fault
    return ExitCode.OK


@export.command()
@click.option("--dsn-file", type=_FILE, metavar="FILE", help="Holds a connection string of PostgreSQL, one line.")
@click.option("--heavy", is_flag=True, help="Also storage by namespace: reads whole tables, hourly; use a replica.")
@click.option("--namespaces", type=click.IntRange(1, 10_000), default=50, show_default=True, help="With own series.")
@click.option("--leader", is_flag=True, help="Of several exporters only one asks; needs a direct connection.")
@click.option("--role-sql", is_flag=True, help="Print the SQL of a role for it, and end.")
@click.option("--check-config", is_flag=True, help="Connect once, and end.")
@click.option("--listen", default="127.0.0.1:9523", show_default=True, metavar="HOST:PORT", help="Port 0: any.")
@_WEB
def database(
    *,
    dsn_file: Path | None,
    heavy: bool,
    namespaces: int,
    leader: bool,
    role_sql: bool,
    check_config: bool,
    listen: str,
    web_file: Path | None,
) -> int:
    """Ask the metadata database of a GitLab registry: queues of garbage collection, tables, storage, migrations.

    Without --dsn-file the variables of libpq count (PGHOST, PGUSER, PGPASSFILE, PGSERVICE ...).
    """
    from regobs.exporters.database_queries import ROLE_SQL  # noqa: PLC0415

    if role_sql:
        click.echo(ROLE_SQL, nl=False)
        return ExitCode.OK
    try:
        from regobs.exporters.database import DatabaseExporter, check_dsn  # noqa: PLC0415
    except ImportError:
        raise MachineError(
            "the client library of PostgreSQL is missing", next_step="pip install 'regobs[database]'"
        ) from None
    from regobs.exporters.secret_files import read_secret  # noqa: PLC0415
    from regobs.exporters.serving import (  # noqa: PLC0415
        ExporterApp,
        ExporterServer,
        exporter_instruments,
        log_as_json,
        wait_for_end,
    )

    dsn = read_secret(dsn_file)
    if check_config:
        check_dsn(dsn)
        click.echo("the database answers")
        return ExitCode.OK
    address, web = _address(listen), _web(web_file)
    log_as_json("database")
    instruments = exporter_instruments(namespace=namespaces + 1, migration=200, table=200)
    running = DatabaseExporter(dsn, instruments, heavy=heavy, names=namespaces, leader=leader)
    server = ExporterServer(ExporterApp(instruments, lambda: running.ready, web=web), *address)
    click.echo(f"{server.url}/metrics")
    running.start()
    wait_for_end()
    server.stop()
    running.stop()
    return ExitCode.OK


def _once(settings: ProbeSettings) -> int:
    from regobs.common.table import Cell, Colour, screen, table  # noqa: PLC0415
    from regobs.exporters.probe import TargetProbe  # noqa: PLC0415
    from regobs.instrument import Instruments  # noqa: PLC0415

    instruments = Instruments("gitlab")
    outcomes: list[tuple[str, StepOutcome]] = []
    for target in settings.targets:
        outcomes += [
            (target.name, one) for one in TargetProbe(target, settings.timing, instruments).run(all_steps=True)
        ]
    rows = [
        (
            name,
            one.step,
            Cell(one.result, Colour.GREEN if one.result == "ok" else Colour.RED),
            _shown(one.seconds),
            one.text,
        )
        for name, one in outcomes
    ]
    click.echo(table(("target", "step", "result", "time", "why"), rows, on=screen(), right=("time",)))
    return ExitCode.OK if all(one.result == "ok" for _, one in outcomes) else ExitCode.DIFFERENCE


def _serve(settings: ProbeSettings, host: str, port: int, web: WebConfig | None) -> int:
    from regobs.exporters.probe import Probe  # noqa: PLC0415
    from regobs.exporters.serving import (  # noqa: PLC0415
        ExporterApp,
        ExporterServer,
        exporter_instruments,
        log_as_json,
        wait_for_end,
    )

    log_as_json("probe")
    instruments = exporter_instruments()
    running = Probe(settings, instruments)
    server = ExporterServer(ExporterApp(instruments, lambda: running.ready, web=web), host, port)
    click.echo(f"{server.url}/metrics")
    running.start()
    wait_for_end()
    running.stop()
    server.stop()
    return ExitCode.OK


def _web(file: Path | None) -> WebConfig | None:
    from regobs.instrument import WebConfig  # noqa: PLC0415

    return None if file is None else WebConfig(file)


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


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise InputError(
            "--listen is not an address",
            value=listen,
            expected="HOST:PORT, such as 127.0.0.1:9521",
            next_step="correct it",
        )
    return host.strip("[]"), int(port)


def _shown(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.1f} ms"
