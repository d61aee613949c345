"""`regobs context`: the servers of regobs.toml. No secret is an argument: what opens a server is named, not given."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from regobs.cli.content import PATH, settings
from regobs.cli.public_url import PublicUrl
from regobs.cli.server_options import CONTEXT_VARIABLE, ServerOptions, complete_context
from regobs.common.closest import did_you_mean
from regobs.common.screen import Colour, screen
from regobs.common.table import Cell, Value, table
from regobs.errors import EndpointError, ExitCode, InputError, RegobsError

if TYPE_CHECKING:
    from regobs.config import Config, Context
    from regobs.prometheus import Prometheus

_CONFIG = click.option("--config", "config_file", type=PATH, metavar="FILE", help="Settings; ./regobs.toml by default.")
_SHAPE = click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
_URL = PublicUrl("use --user with --token-file, --token-env or --token-command")
_PROXY = PublicUrl("put the address with them into HTTPS_PROXY or HTTP_PROXY")
_KINDS = ("prometheus", "thanos", "mimir", "cortex", "victoriametrics")


@click.group()
def context() -> None:
    """The servers of regobs.toml that answer PromQL, each under a name with what opens it."""


@context.command("list")
@_CONFIG
@_SHAPE
def list_(*, config_file: Path | None, shape: str) -> None:
    """List the contexts; * marks the one that is asked when the command line names no server."""
    config = settings(config_file)
    used = os.environ.get(CONTEXT_VARIABLE) or config.context
    if shape == "json":
        entries = [{"name": name, "used": name == used, **_data(one)} for name, one in config.contexts.items()]
        click.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    rows: list[list[Value]] = [
        ["*" if name == used else "", name, one.url, one.kind, one.tenant, _opened_by(one), one.environment]
        for name, one in config.contexts.items()
    ]
    heads = ["", "context", "address", "kind", "tenant", "secret", "environment"]
    click.echo(table(heads, rows, on=screen()) if rows else "no context: regobs context add NAME URL")


@context.command()
@click.argument("name", shell_complete=complete_context)
@_CONFIG
def use(*, name: str, config_file: Path | None) -> None:
    """Let NAME be the server that is asked when the command line names none."""
    from regobs.config.editing import settings_file, use_context  # noqa: PLC0415

    file = settings_file(config_file)
    _known(settings(config_file), name)
    use_context(file, name)
    click.echo(f"{file}: context = {name}")


@context.command()
@click.argument("name")
@click.argument("url", type=_URL)
@click.option("--kind", type=click.Choice(_KINDS), help="What `regobs context test` has to find there.")
@click.option("--tenant", metavar="NAME", help="Sent as X-Scope-OrgID, which Mimir and Cortex ask for.")
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Sent with each request; no secret.")
@click.option("--token-file", metavar="FILE", help="File with the token; relative to regobs.toml.")
@click.option("--token-env", metavar="NAME", help="Variable of the environment that holds the token.")
@click.option("--token-command", metavar="COMMAND", help="Program that prints the token, with its arguments.")
@click.option("--user", metavar="NAME", help="User whose password the token is (basic authentication).")
@click.option("--ca-file", metavar="FILE", help="Certificate of the server's authority, PEM.")
@click.option("--client-cert", metavar="FILE", help="Certificate that the server asks for, PEM.")
@click.option("--client-key", metavar="FILE", help="Its key, when it is in a file of its own.")
@click.option("--proxy", type=_PROXY, metavar="URL", help="HTTP proxy.")
@click.option("--timeout", metavar="30s", help="For a request.")
@click.option("--environment", metavar="NAME", help="One of [environments] that questions are narrowed to.")
@click.option("--stores", type=click.IntRange(1, 10_000), help="Of a Thanos Query: with fewer an answer is partial.")
@click.option("--use", "default", is_flag=True, help="Let it be the default as well.")
@click.option("--replace", is_flag=True, help="Put it in the place of a context of this name.")
@_CONFIG
def add(*, name: str, default: bool, replace: bool, config_file: Path | None, **given: Any) -> None:
    """Write the server at URL into regobs.toml under NAME. Comments and order of the file stay.

    No option takes a secret: a token is named by its file, its variable or the command that prints it.
    """
    from regobs.config.editing import add_context, settings_file  # noqa: PLC0415
    from regobs.prometheus.address import Address  # noqa: PLC0415

    Address.parse(given["url"])
    if name in settings(config_file).contexts and not replace:
        raise InputError("there is a context of this name", value=name, next_step="choose another, or add --replace")
    file = settings_file(config_file)
    add_context(file, name, _values(given), default=default)
    click.echo(f"{file}: added [contexts.{name}]; regobs context test {name} asks it")


def _values(given: dict[str, Any]) -> dict[str, Any]:
    """The options as keys of regobs.toml, in the order of the options."""
    import shlex  # noqa: PLC0415

    from regobs.cli.server_options import public_header  # noqa: PLC0415
    from regobs.prometheus.connection import read_header  # noqa: PLC0415

    values = {key: value for key, value in given.items() if value}
    if "headers" in values:
        values["headers"] = dict(public_header(*read_header(text, "--header")) for text in values["headers"])
    if "token_command" in values:
        try:
            values["token_command"] = shlex.split(values["token_command"])
        except ValueError as fault:
            raise InputError("--token-command is no command line", value=str(fault)) from None
    return values


@context.command()
@click.argument("name", required=False, shell_complete=complete_context)
@_CONFIG
@_SHAPE
def test(*, name: str | None, config_file: Path | None, shape: str) -> int:
    """Ask a server, or all of them, what it is, and whether it answers queries.

    Exit code 3 when one does not, or is not of the kind that regobs.toml says; 5 when one answers in part only, as a
    Thanos whose store is away.
    """
    config = settings(config_file)
    if name is not None:
        _known(config, name)
    names = [name] if name is not None else list(config.contexts)
    found = [_tested(one, config) for one in names]
    if shape == "json":
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        rows: list[list[Value]] = [
            [one["name"], _verdict(one), one["kind"], one["version"], _number(one["targets_up"]), _ms(one["seconds"])]
            for one in found
        ]
        heads = ["context", "answer", "kind", "version", "up", "took"]
        click.echo(table(heads, rows, on=screen()) if rows else "no context: regobs context add NAME URL")
        for one in found:
            if one["problem"]:
                click.echo(f"{one['name']}: {one['problem']}", err=True)
            for gap in one["gaps"]:
                click.echo(f"{one['name']}: {gap['kind'].upper()}: {gap['text']}", err=True)
            if one["stores"] and not one["gaps"] and not config.contexts[one["name"]].stores:
                click.echo(_uncounted(one["name"], one["stores"]), err=True)
    if any(one["problem"] for one in found):
        return ExitCode.SERVER
    return ExitCode.INCOMPLETE if any(one["gaps"] for one in found) else ExitCode.OK


def _tested(name: str, config: Config) -> dict[str, Any]:
    from regobs.cli.query_gaps import gaps_so_far  # noqa: PLC0415
    from regobs.prometheus import Prometheus  # noqa: PLC0415

    entry: dict[str, Any] = {"name": name, "kind": "", "version": "", "targets_up": None, "seconds": None}
    entry |= {"stores": None, "gaps": []}
    begin = time.monotonic()
    try:
        with Prometheus(ServerOptions(context=name).connection(config)) as prometheus:
            entry["version"] = prometheus.buildinfo().version
            up = prometheus.query("count(up == 1)").samples
            entry["seconds"] = round(time.monotonic() - begin, 4)
            entry["targets_up"] = int(up[0].value) if up else 0
            entry["kind"] = _kind_of(prometheus)
            if entry["kind"] == "thanos":
                entry["stores"] = len(prometheus.stores())
            if entry["kind"] == "victoriametrics":
                entry["version"] = ""  # it names the Prometheus whose API it has
            entry["gaps"] = [{"kind": gap.kind, "text": gap.text} for gap in gaps_so_far(prometheus)]
    except RegobsError as error:
        return entry | {"problem": str(error)}
    wanted = config.contexts[name].kind
    differs = wanted and entry["kind"] and wanted != entry["kind"]
    problem = f"regobs.toml says it is {wanted}, and it answers as {entry['kind']} does" if differs else ""
    return entry | {"problem": problem}


def _uncounted(name: str, stores: int) -> str:
    """What to know of a Thanos whose stores nobody counts."""
    return (
        f"Note: {name} forgets a store that is away for five minutes, and answers without it;"
        f" `stores = {stores}` in [contexts.{name}] lets regobs say so"
    )


def _kind_of(prometheus: Prometheus) -> str:
    """What answers, by what it offers that others do not; "" when that cannot be told."""
    for kind, offers in (("thanos", prometheus.stores), ("prometheus", prometheus.retention)):
        try:
            offers()
        except EndpointError:
            continue
        except RegobsError:
            return ""
        return kind
    with suppress(RegobsError):
        return "victoriametrics" if prometheus.is_victoriametrics() else ""
    return ""


def _known(config: Config, name: str) -> None:
    if name not in config.contexts:
        raise InputError(
            "no such context",
            value=name,
            expected=", ".join(config.contexts) or "a context of regobs.toml, which has none",
            next_step=did_you_mean(name, config.contexts, f"regobs context add {name} URL"),
        )


def _opened_by(one: Context) -> str:
    """Where the secret is, never the secret."""
    place = (f"file {one.token_file}" if one.token_file else f"variable {one.token_env}" if one.token_env else "") or (
        f"command {one.token_command[0]}" if one.token_command else ""
    )
    certificate = f"certificate {one.client_cert}" if one.client_cert else ""
    return ", ".join(filter(None, [f"user {one.user}" if one.user else "", place, certificate]))


def _data(one: Context) -> dict[str, Any]:
    return {
        "url": one.url,
        "kind": one.kind or None,
        "tenant": one.tenant or None,
        "secret": _opened_by(one) or None,
        "environment": one.environment or None,
    }


def _verdict(entry: dict[str, Any]) -> Cell:
    if entry["seconds"] is None:
        return Cell("none", Colour.RED)
    if entry["problem"]:
        return Cell("another kind", Colour.YELLOW)
    return Cell("in part", Colour.YELLOW) if entry["gaps"] else Cell("fine", Colour.GREEN)


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _ms(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.0f} ms"
