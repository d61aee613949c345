"""`regobs init`: a regobs.toml with what a live server, or one exposition, shows of the deployment."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regobs.cli.public_url import EXPOSITION
from regobs.cli.said import say
from regobs.cli.server_options import ServerOptions, server_options
from regobs.common.counts import counted
from regobs.common.table import escape
from regobs.errors import InputError

if TYPE_CHECKING:
    from regobs.config import Config
    from regobs.doctor.observe import Observation
    from regobs.doctor.report import ProposedSetting, SettingsProposal

_STDOUT = Path("-")


@click.command()
@click.argument("exposition", type=EXPOSITION, required=False)
@server_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("regobs.toml"),
    show_default=True,
    metavar="FILE",
    help="Where the settings go; - is standard output.",
)
@click.option("--update", is_flag=True, help="Change the file that is there, and keep its comments.")
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
def init(*, exposition: str | None, server: ServerOptions, out: Path, update: bool, shape: str) -> int:
    """Write a regobs.toml with what a Prometheus shows of its registries, each line with the reason.

    EXPOSITION is the metrics of a registry instead, as a URL, a file, or - for standard input: flavor, version and
    capabilities come from it. A file that exists is not written over; --update changes only what does not fit.
    `regobs doctor` shows the same changes as a diff.
    """
    from regobs.config import Config, load_config  # noqa: PLC0415 - `--help` needs none of these

    there = out != _STDOUT and out.exists()
    if there and not update:
        raise InputError(
            "there is a file already",
            value=str(out),
            expected="a new file",
            next_step=f"regobs init --update changes {out} and keeps its comments; --out FILE writes another one",
        )
    config = load_config(out) if there else Config()
    proposal = _proposal(_observed(exposition, server, config), exposition, server, config, out)
    if out != _STDOUT and proposal.settings:
        _write(out, proposal.text)
    if shape == "json":
        click.echo(json.dumps(proposal.as_data(), indent=2, ensure_ascii=False))
    elif out == _STDOUT:
        click.echo(proposal.text, nl=False)
    else:
        say("\n".join(_told(proposal, there=there)))
    return 0


def _observed(exposition: str | None, server: ServerOptions, config: Config) -> Observation:
    from regobs.catalog import sources  # noqa: PLC0415
    from regobs.doctor.observe import observe, observe_exposition  # noqa: PLC0415

    if exposition is None:
        with server.open(config) as prometheus:
            return observe(prometheus, config.matchers if config.source else (), lambda: _slower_groups(config))
    if server.given:
        raise InputError("an exposition and a server are both given", next_step="leave one of them out")
    read = sources.read(exposition, sys.stdin.buffer)
    with sources.judged(exposition):
        return observe_exposition(read, read.source if sources.is_url(exposition) else "")


def _slower_groups(config: Config) -> Collection[str]:
    """The groups of the pack with an interval of their own, whatever the registry turns out to be able to do."""
    from regobs.config.model import capabilities_of  # noqa: PLC0415
    from regobs.doctor.content import groups_with_interval  # noqa: PLC0415
    from regobs.pack import find_pack  # noqa: PLC0415

    everything = replace(config, capabilities=capabilities_of(config.flavor))
    return groups_with_interval(find_pack(config=config), everything)


def _proposal(
    seen: Observation, exposition: str | None, server: ServerOptions, config: Config, out: Path
) -> SettingsProposal:
    from regobs.doctor.proposal import changed_settings, new_settings  # noqa: PLC0415

    if config.source:
        return changed_settings(seen, config)
    more = list(_server(server, out)) if exposition is None else []
    return new_settings(seen, more, str(out))


def _server(server: ServerOptions, out: Path) -> Iterator[ProposedSetting]:
    """The server that was asked, so that later commands need no options. No secret: those have their own places."""
    from regobs.config import Config  # noqa: PLC0415
    from regobs.doctor.report import ProposedSetting  # noqa: PLC0415
    from regobs.prometheus.connection import TENANT_HEADER  # noqa: PLC0415

    connection = server.connection(Config())
    table = ("contexts", "default")
    secret = any(name.lower() == "authorization" for name in connection.headers) or connection.address.credentials
    reason = "the server that `regobs init` asked"
    if secret and server.token_file is None:
        reason += "; its password or token stays where it is: docs/servers.md"
    hidden = "@" in connection.proxy
    if hidden:
        reason += "; the proxy has a password, so name it in HTTPS_PROXY or HTTP_PROXY"
    yield ProposedSetting((), "context", "default", "the server that is asked when the command line names none")
    yield ProposedSetting(table, "url", connection.address.url, reason)
    if tenant := connection.headers.get(TENANT_HEADER):
        yield ProposedSetting(table, "tenant", tenant, f"was sent as {TENANT_HEADER}")
    if server.token_file is None and os.environ.get("REGOBS_PROMETHEUS_TOKEN"):
        yield ProposedSetting(table, "token_env", "REGOBS_PROMETHEUS_TOKEN", "the variable that had the token")
    paths = {"token_file": server.token_file, "ca_file": connection.ca_file}
    paths |= {"client_cert": connection.client_cert, "client_key": connection.client_key}
    for key, path in paths.items():
        if path is not None:
            text = os.path.relpath(path, out.parent) if out != _STDOUT else str(path.absolute())
            yield ProposedSetting(table, key, text, "was used to ask it; relative to this file")
    if connection.proxy and not hidden:
        yield ProposedSetting(table, "proxy", connection.proxy, "was used to ask it")


def _write(out: Path, text: str) -> None:
    from regobs.common.files import write_file  # noqa: PLC0415
    from regobs.config import read_config  # noqa: PLC0415

    read_config(text, out)  # what is written can be read
    try:
        write_file(out, text.encode())
    except OSError as error:
        raise InputError(
            "cannot be written", value=f"{out}: {error.strerror}", next_step="give another --out"
        ) from None


def _told(proposal: SettingsProposal, *, there: bool) -> Iterator[str]:
    if not proposal.settings:
        yield f"{proposal.file} says already what was seen; nothing was changed"
        return
    yield f"{proposal.file}: {counted(len(proposal.settings), 'setting')} {'changed' if there else 'written'}"
    for setting in proposal.settings:
        yield f"  {setting.name} = {escape(json.dumps(setting.value, ensure_ascii=False))}"
        yield from (f"      {line}" for line in setting.reason.split("\n"))
    yield from (f"  not seen: {line}" for line in proposal.unknown)
    yield "next: regobs build --out out, then regobs doctor"
