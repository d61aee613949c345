"""`regobs export`: exporters, which turn what a registry's own metrics cannot show into metrics."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regobs.cli.export_logs import logs
from regobs.cli.export_options import FILE, WEB, given_options, read_address, read_web, refuse_serving, serve
from regobs.cli.public_url import PublicUrl
from regobs.cli.said import warn
from regobs.common.counts import counted
from regobs.common.table import escape
from regobs.errors import ExitCode, InputError, MachineError

if TYPE_CHECKING:
    from regobs.exporters.probe import StepOutcome
    from regobs.exporters.probe_settings import ProbeSettings, ProbeTarget

_URL = PublicUrl("use --username-file and --password-file")
_DIRECTORY = click.Path(path_type=Path, file_okay=False)


@click.group()
def export() -> None:
    """Exporters: what a registry's own metrics cannot show, as metrics of a process beside it."""


export.add_command(logs)


@export.command()
@click.option("--config", "file", type=FILE, metavar="FILE", help="Targets and steps; exporters/probe.yaml shows all.")
@click.option("--url", type=_URL, metavar="URL", help="Instead of --config: the registry's public address.")
@click.option(
    "--repository", default="regobs/probe", show_default=True, help="With --url: where the probe's images go."
)
@click.option("--username-file", type=FILE, metavar="FILE", help="With --url: holds the user, one line.")
@click.option("--password-file", type=FILE, metavar="FILE", help="With --url: holds the password or token, one line.")
@click.option("--ca-file", type=FILE, metavar="FILE", help="With --url: certificate of its authority, PEM.")
@click.option("--no-push", is_flag=True, help="With --url: only pull.")
@click.option(
    "--listen", default="127.0.0.1:9521", show_default=True, metavar="HOST:PORT", help="Of /metrics; port 0: any."
)
@click.option("--once", is_flag=True, help="Run every step once, print how it went, exit with 1 where one failed.")
@click.option("--check-config", is_flag=True, help="Judge the settings and end.")
@WEB
def probe(
    *,
    file: Path | None,
    url: str | None,
    repository: str,
    username_file: Path | None,
    password_file: Path | None,
    ca_file: Path | None,
    no_push: bool,
    listen: str,
    web_file: Path | None,
    once: bool,
    check_config: bool,
) -> int:
    """Use a registry from outside as Docker does, step by step, and expose how each step goes.

    Steps: resolve, connect, tls, auth, base, pull_manifest, pull_blob, push, read_back, delete, health.
    """
    from regobs.exporters.probe_settings import ProbeSettings, read_probe_settings  # noqa: PLC0415

    if once:
        refuse_serving("--once")
    if (file is None) == (url is None):
        raise InputError("name the registry", expected="either --config FILE or --url URL", next_step="add one of them")
    if file is not None:
        _refuse_beside_config()
        settings = read_probe_settings(file)
        for text in settings.without_effect:
            warn(escape(text))
    else:
        target = _target_of_url(url or "", repository, username_file, password_file, ca_file, no_push=no_push)
        settings = ProbeSettings((target,))
    address, web = read_address(listen), read_web(web_file)
    if check_config:
        click.echo(f"{counted(len(settings.targets), 'target')}, settings are right")
        return ExitCode.OK
    if once:
        return _once(settings)
    from regobs.exporters.json_log import json_log  # noqa: PLC0415
    from regobs.exporters.probe import Probe  # noqa: PLC0415
    from regobs.exporters.serving import ExporterApp, exporter_instruments  # noqa: PLC0415

    with json_log("probe") as log:
        instruments = exporter_instruments()
        running = Probe(settings, instruments)
        serve(ExporterApp(instruments, lambda: running.ready, web=web), running, address)
    return log.exit_code


def _refuse_beside_config() -> None:
    """Refuse what describes the one target of --url beside a file that describes its targets."""
    files = {"username_file": "--username-file", "password_file": "--password-file", "ca_file": "--ca-file"}
    given = given_options({"repository": "--repository", **files, "no_push": "--no-push"})
    if given:
        raise InputError(
            "a file of settings has all that belongs to a target",
            value=" ".join(["--config", *given]),
            expected=f"--config alone, or {' and '.join(given)} with --url",
            next_step="put it into the file, as exporters/probe.yaml shows, and take the option off",
        )


def _target_of_url(
    url: str,
    repository: str,
    username_file: Path | None,
    password_file: Path | None,
    ca_file: Path | None,
    *,
    no_push: bool,
) -> ProbeTarget:
    """The one target of a command line, whose files can be read. Raises ConfigError."""
    from regobs.exporters.outside import Trust  # noqa: PLC0415
    from regobs.exporters.probe_settings import ProbeTarget, checked_repository, checked_url  # noqa: PLC0415

    if (username_file is None) != (password_file is None):
        raise InputError(
            "user and password belong together",
            value="--username-file" if password_file is None else "--password-file",
            expected="both --username-file and --password-file, or neither",
            next_step="add the other one",
        )
    public, trust = checked_url(url, {}), Trust(ca_file)
    trust.context()
    target = ProbeTarget(
        name=public.partition("//")[2],
        url=public,
        repository=checked_repository(repository),
        username_file=username_file,
        password_file=password_file,
        trust=trust,
        push=not no_push,
        delete=not no_push,
    )
    target.credentials(waits=True)
    return target


@export.command()
@click.option("--state", "directory", type=_DIRECTORY, required=True, metavar="DIR", help="Where counts are kept.")
@click.option("--token-file", type=FILE, metavar="FILE", help="Holds the bearer token that registries must send.")
@click.option("--namespaces", type=click.IntRange(1, 10_000), default=100, show_default=True, help="With own series.")
@click.option(
    "--check-config", is_flag=True, help="Judge the files that are named, and the folder of --state, and end."
)
@click.option("--append", "append_to", type=FILE, metavar="FILE", help="Write each envelope here, for `regobs logs`.")
@click.option("--listen", default="127.0.0.1:9522", show_default=True, metavar="HOST:PORT", help="Port 0: any.")
@WEB
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
    from regobs.exporters.journal import Journal, judge_directory  # noqa: PLC0415
    from regobs.exporters.json_log import json_log  # noqa: PLC0415
    from regobs.exporters.notifications import NotificationApp, Receiver  # noqa: PLC0415
    from regobs.exporters.secret_files import read_secret  # noqa: PLC0415
    from regobs.exporters.serving import ExporterApp, exporter_instruments  # noqa: PLC0415

    address, web = read_address(listen), read_web(web_file)
    read_secret(token_file, waits=True)
    _check_append(append_to, directory)
    if check_config:
        judge_directory(directory)
        click.echo("settings are right")
        return ExitCode.OK
    with json_log("notifications") as log:
        receiver = Receiver(Journal(directory), namespaces=namespaces, append_to=append_to)
        instruments = exporter_instruments(receiver.totals)
        events = NotificationApp(receiver, instruments, lambda: read_secret(token_file))
        own_credentials = ("/events",) if token_file else ()
        app = ExporterApp(instruments, events.ready, {"/events": events}, web=web, own_credentials=own_credentials)
        serve(app, receiver, address, path="/events")
    return log.exit_code


@export.command()
@click.option("--dsn-file", type=FILE, metavar="FILE", help="Holds a connection string of PostgreSQL, one line.")
@click.option("--heavy", is_flag=True, help="Also storage by namespace: reads whole tables, hourly; use a replica.")
@click.option("--namespaces", type=click.IntRange(1, 10_000), default=50, show_default=True, help="With own series.")
@click.option("--leader", is_flag=True, help="Of several exporters only one asks; needs a direct connection.")
@click.option("--role-sql", is_flag=True, help="Print the SQL of a role for it, and end.")
@click.option("--check-config", is_flag=True, help="Connect once, and end.")
@click.option("--listen", default="127.0.0.1:9523", show_default=True, metavar="HOST:PORT", help="Port 0: any.")
@WEB
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
        from regobs.exporters.database import DatabaseExporter  # noqa: PLC0415
        from regobs.exporters.database_connection import check_dsn, judge_dsn  # noqa: PLC0415
    except ImportError:
        raise MachineError(
            "the client library of PostgreSQL is missing", next_step="pip install 'regobs[database]'"
        ) from None
    from regobs.exporters.json_log import json_log  # noqa: PLC0415
    from regobs.exporters.secret_files import read_secret  # noqa: PLC0415
    from regobs.exporters.serving import ExporterApp, exporter_instruments  # noqa: PLC0415

    address, web = read_address(listen), read_web(web_file)
    dsn = read_secret(dsn_file, waits=True)
    judge_dsn(dsn, leader=leader)
    if check_config:
        check_dsn(dsn, leader=leader)
        click.echo("settings are right, the database answers")
        return ExitCode.OK
    with json_log("database") as log:
        instruments = exporter_instruments(namespace=namespaces + 1, migration=200, table=200)
        running = DatabaseExporter(dsn, instruments, heavy=heavy, names=namespaces, leader=leader)
        serve(ExporterApp(instruments, lambda: running.ready, web=web), running, address)
    return log.exit_code


def _check_append(file: Path | None, state: Path) -> None:
    """Refuse a file that this user may not write to, and one in the directory of the counts."""
    if file is None:
        return
    from regobs.exporters.state_places import fault_of_file, fault_of_folder  # noqa: PLC0415

    own, counts = Path(os.path.realpath(file)), Path(os.path.realpath(state))
    if own == counts or counts in own.parents:
        why = f"it is in {state}, the directory of --state"
    elif fault := fault_of_file(file):
        why = fault
    elif file.exists():
        why = "" if os.access(file, os.W_OK) else f"this user may not write to {file}"
    else:
        why = fault_of_folder(Path(os.path.realpath(file)).parent)  # of a link, that of what it points to
    if not why:
        return
    raise InputError(
        "envelopes cannot be appended",
        value=f"{file}: {why}",
        expected="a regular file that this user may write to, or a name in a folder where it may make one; not in the"
        " directory of --state",
        next_step="name another file with --append, or let this user write there",
    )


def _once(settings: ProbeSettings) -> int:
    from regobs.common.screen import Colour, screen  # noqa: PLC0415
    from regobs.common.table import Cell, table  # noqa: PLC0415
    from regobs.exporters.probe import TargetProbe  # noqa: PLC0415
    from regobs.instrument import Instruments  # noqa: PLC0415

    logging.getLogger("regobs.exporters").addHandler(logging.NullHandler())  # the table tells what failed
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


def _shown(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.1f} ms"
