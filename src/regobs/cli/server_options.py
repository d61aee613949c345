"""Options of commands that ask a server which answers PromQL: which one, and what opens it. None takes a secret."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from regobs.cli.finite import FiniteRange
from regobs.cli.public_url import PublicUrl
from regobs.cli.said import warn
from regobs.common.closest import did_you_mean
from regobs.common.frozen import frozen
from regobs.errors import InputError

if TYPE_CHECKING:
    from regobs.config import Config, Context
    from regobs.prometheus import Connection, Prometheus
    from regobs.prometheus.thanos import ThanosParameters

_PATH = click.Path(path_type=Path)
_Command = TypeVar("_Command", bound=Callable[..., Any])
CONTEXT_VARIABLE = "REGOBS_CONTEXT"


def complete_context(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The contexts that begin so, for the shell; none while regobs.toml is wrong."""
    del param
    from regobs.config import load_config  # noqa: PLC0415
    from regobs.errors import RegobsError  # noqa: PLC0415

    try:
        names = load_config(ctx.params.get("config_file")).contexts
    except RegobsError:
        return []
    return [name for name in names if name.startswith(incomplete)]


_URL = PublicUrl(
    "put the address with them into REGOBS_PROMETHEUS_URL, or use a context with `user` and `token_file`,"
    " `token_env` or `token_command` (regobs context add)"
)
_PROXY = PublicUrl("put the address with them into REGOBS_PROMETHEUS_PROXY, HTTPS_PROXY or HTTP_PROXY")
_OPTIONS = (
    click.option(
        "--prometheus",
        "url",
        type=_URL,
        metavar="URL",
        help="Prometheus, Thanos Query, Mimir or VictoriaMetrics; no password in it.",
    ),
    click.option(
        "--context", metavar="NAME", shell_complete=complete_context, help="A server of [contexts] in regobs.toml."
    ),
    click.option("--environment", metavar="NAME", help="Only this one of [environments] in regobs.toml."),
    click.option(
        "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Sent with each request; no secret."
    ),
    click.option("--tenant", metavar="NAME", help="Sent as X-Scope-OrgID, which Mimir and Cortex ask for."),
    click.option("--token-file", type=_PATH, metavar="FILE", help="File with a bearer token."),
    click.option("--ca-file", type=_PATH, metavar="FILE", help="Certificate of the server's authority, PEM."),
    click.option("--client-cert", type=_PATH, metavar="FILE", help="Certificate that the server asks for, PEM."),
    click.option("--client-key", type=_PATH, metavar="FILE", help="Its key, when it is in a file of its own."),
    click.option(
        "--proxy",
        type=_PROXY,
        metavar="URL",
        help="HTTP proxy; without it HTTPS_PROXY, HTTP_PROXY and NO_PROXY count.",
    ),
    click.option(
        "--timeout",
        type=FiniteRange(min=0.1),
        metavar="SECONDS",
        help="For a request and its answer; 30 by default.",
    ),
)


@frozen
class ServerOptions:
    """What the command line says of the server."""

    url: str | None = None
    context: str | None = None
    environment: str | None = None
    headers: tuple[str, ...] = ()
    tenant: str | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    proxy: str | None = None
    timeout: float | None = None

    @property
    def given(self) -> bool:
        """Whether the command line names a server; `regobs.toml` and the environment may name one as well."""
        return self.url is not None or self.context is not None

    def within(self, config: Config) -> Config:
        """The settings narrowed to the chosen environment: that of the command line, else that of the context."""
        chosen = self.chosen(config)
        environment = self.environment or (chosen.environment if chosen else "")
        return config.within(environment) if environment else config

    def open(self, config: Config, thanos: ThanosParameters | None = None) -> Prometheus:
        """A client of the server, which says `thanos` to a Thanos Query; what may mislead goes to stderr.

        Raises InputError when nothing names a server, or something of it is wrong.
        """
        from regobs.prometheus import Prometheus  # noqa: PLC0415 - loads requests; `--help` needs none

        connection = self.connection(config)
        connection = connection if thanos is None else replace(connection, thanos=thanos)
        return Prometheus(connection, tell=warn)

    def connection(self, config: Config, environ: Mapping[str, str] | None = None) -> Connection:
        """The server and what opens it: options first, then the context, or for a bare URL the environment."""
        from regobs.prometheus.connection import TENANT_HEADER, bearer, read_header, secret_of  # noqa: PLC0415

        headers = [public_header(*read_header(text, "--header")) for text in self.headers]
        if self.tenant is not None:
            headers.append(read_header(f"{TENANT_HEADER}: {self.tenant}", "--tenant"))
        if self.token_file is not None:
            headers += bearer(secret_of(self.token_file)).items()
        base = self._base(config, os.environ if environ is None else environ)
        own_cert = self.client_cert is not None or self.client_key is not None
        return replace(
            base,
            secret_source=base.secret_source if self.token_file is None else f"of {self.token_file} (--token-file)",
            context="" if own_cert or self.token_file is not None else base.context,
            headers={**base.headers, **dict(headers)},
            timeout=self.timeout or base.timeout,
            ca_file=self.ca_file or base.ca_file,
            client_cert=self.client_cert if own_cert else base.client_cert,
            client_key=self.client_key if own_cert else base.client_key,
            proxy=self.proxy or base.proxy,
            proxy_source="--proxy" if self.proxy else base.proxy_source,
        )

    def _base(self, config: Config, environ: Mapping[str, str]) -> Connection:
        from regobs.prometheus.connection import EnvironmentAccess  # noqa: PLC0415

        context = self.chosen(config, environ)
        if context is not None:
            name = next(name for name, one in config.contexts.items() if one is context)
            opened = connection_of(context, environ, name)
            return replace(opened, context=name, secret_source=_source_of(context, name))
        access = EnvironmentAccess.read(environ)
        url = self.url or access.url
        if not url:
            raise InputError(
                "no server is named",
                expected="--prometheus URL, --context NAME, REGOBS_PROMETHEUS_URL, or `context` in regobs.toml",
                next_step="add --prometheus http://127.0.0.1:9090, with the address of your Prometheus",
            )
        return access.connection(url)

    def chosen(self, config: Config, environ: Mapping[str, str] = os.environ) -> Context | None:
        """The chosen context; None when a URL is asked for instead, or nothing is said."""
        if self.url is not None and self.context is not None:
            raise InputError("--prometheus and --context both name a server", next_step="leave one of them out")
        if self.url is not None:
            return None
        name = self.context or environ.get(CONTEXT_VARIABLE, "")
        if not name and not environ.get("REGOBS_PROMETHEUS_URL"):
            name = config.context
        if not name:
            return None
        if name not in config.contexts:
            known = ", ".join(config.contexts)
            raise InputError(
                "no such context",
                value=name,
                expected=f"one of {known}" if known else "a context of regobs.toml, which has none",
                next_step=did_you_mean(name, config.contexts, f"add [contexts.{name}] with a url to regobs.toml"),
            )
        return config.contexts[name]


def connection_of(context: Context, environ: Mapping[str, str], name: str) -> Connection:
    """A context of this name in regobs.toml as a connection. InputError for a missing file or an empty variable."""
    from regobs.prometheus.address import Address  # noqa: PLC0415
    from regobs.prometheus.connection import TENANT_HEADER, TIMEOUT, Connection, basic, bearer  # noqa: PLC0415

    headers = dict(context.headers)
    if context.tenant:
        headers[TENANT_HEADER] = context.tenant
    secret = _secret(context, environ)
    if secret:
        headers |= basic(context.user, secret) if context.user else bearer(secret)
    return Connection(
        Address.parse(context.url),
        headers,
        context.timeout.ms / 1000 if context.timeout else TIMEOUT,
        context.ca_file,
        context.client_cert,
        context.client_key,
        context.proxy,
        stores=context.stores,
        proxy_source=f"`proxy` of the context {name}" if context.proxy else "",
    )


def _source_of(context: Context, name: str) -> str:
    """Where the token or password of a context stands, as errors call it."""
    place = (
        f"{context.token_file} (token_file)" if context.token_file is not None
        else f"the program {context.token_command[0]} (token_command)" if context.token_command
        else f"{context.token_env} (token_env)" if context.token_env
        else "`headers`" if context.headers else ""
    )  # fmt: skip
    return f"of {place} of the context {name}" if place else ""


def _secret(context: Context, environ: Mapping[str, str]) -> str:
    """The token or password of a context, "" when it has none."""
    from regobs.prometheus.connection import secret_from, secret_of  # noqa: PLC0415

    if context.token_file is not None:
        return secret_of(context.token_file)
    if context.token_command:
        return secret_from(context.token_command)
    if context.token_env and not environ.get(context.token_env, "").strip():
        raise InputError(
            "the variable of the context's token is not set",
            value=context.token_env,
            next_step=f"export {context.token_env}, or use token_file",
        )
    return environ.get(context.token_env, "").strip() if context.token_env else ""


def public_header(name: str, value: str) -> tuple[str, str]:
    """The header, unless its name says that it holds a secret. Raises InputError."""
    from regobs.secrets import MASK, is_secret_header  # noqa: PLC0415

    if is_secret_header(name):
        raise InputError(
            "a secret on the command line, where every user of this machine can read it",
            value=f"{name}: {MASK}",
            expected="a header that is no secret",
            next_step="use --token-file, REGOBS_PROMETHEUS_TOKEN, or REGOBS_PROMETHEUS_HEADERS with lines NAME: VALUE",
        )
    return name, value


def server_options(command: _Command) -> _Command:
    """Add the options to a command, which gets them as one `server`."""
    names = tuple(ServerOptions.__dataclass_fields__)

    @functools.wraps(command)
    def wrapped(**given: Any) -> Any:
        own = {name: given.pop(name) for name in names}
        return command(server=ServerOptions(**own), **given)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]
