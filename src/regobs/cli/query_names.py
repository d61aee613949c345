"""What a shell offers for names on the command line of `regobs query`; nothing while settings or pack are wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from regobs.config import Config
    from regobs.pack import Pack
    from regobs.prometheus import Prometheus
    from regobs.promql.vocabulary import Vocabulary
    from regobs.query.server_names import KeptNames

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _of_pack(names: Callable[[Pack], Iterable[str]]) -> Complete:
    """A completion by names of the pack that the command line chooses."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        del param
        from regobs.config import load_config  # noqa: PLC0415
        from regobs.errors import RegobsError  # noqa: PLC0415
        from regobs.pack import find_pack  # noqa: PLC0415

        try:
            pack = find_pack(ctx.params.get("pack_directory"), load_config(ctx.params.get("config_file")))
            return [name for name in names(pack) if name.startswith(incomplete)]
        except RegobsError:
            return []

    return complete


def _runbooks(pack: Pack) -> list[str]:
    return [Path(file.name).stem for file in pack.files("alerts", "runbooks/*.md")]


def _questions(pack: Pack) -> list[str]:
    return [
        Path(file.name).name.removesuffix(".query.yaml") for file in pack.files("dashboards", "queries/*.query.yaml")
    ]


def _slos(pack: Pack) -> list[str]:
    from regobs.config import Config  # noqa: PLC0415
    from regobs.slo.outputs import load_slos  # noqa: PLC0415

    return [slo.name for slo in load_slos(pack, Config())]


def panel_names(config: Config, pack_directory: Path | None = None) -> list[str]:
    """The panels that a deployment has, each as `dashboard / title`. Raises RegobsError for a wrong pack."""
    from regobs import slo  # noqa: PLC0415 - loads grafanalib
    from regobs.grafana.bound import bind_dashboard  # noqa: PLC0415
    from regobs.grafana.outputs import load_dashboards  # noqa: PLC0415
    from regobs.pack import find_pack  # noqa: PLC0415

    pack = find_pack(pack_directory, config)
    records, period = slo.records(pack, config), config.slo.period
    found = []
    for slug, dashboard in load_dashboards(pack).items():
        bound = bind_dashboard(slug, dashboard, config.vocabulary, records, period=period)
        found += [f"{slug} / {panel.panel.title}" for _, panel in bound.panels() if panel.queries]
    return list(dict.fromkeys(found))


complete_alert = _of_pack(_runbooks)  # every alert has a runbook
complete_question = _of_pack(_questions)
complete_slo = _of_pack(_slos)


def complete_metric(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What may stand at the end of an expression, from the catalog and from the server that the command line names."""
    del param
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - for a shell only

    from regobs.query.suggest import spot, suggestions  # noqa: PLC0415

    at = spot(incomplete)
    if at.kind == "series" and not at.begun:
        return []
    names, words = _of_server(ctx)
    found = suggestions(incomplete, "", names, words)
    return [CompletionItem(incomplete[: one.start] + one.text, help=one.what or None, unfinished=True) for one in found]


def complete_label(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The names of the labels that the server has, and those of the catalog."""
    del param
    from regobs.catalog import METRICS  # noqa: PLC0415

    names, _ = _of_server(ctx)
    known = {label.exposed for metric in METRICS.values() for form in metric.forms for label in form.labels}
    server = () if names is None else names.labels("", incomplete)
    return sorted(name for name in {*known, *server} if name.startswith(incomplete))


def complete_dashboard(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The dashboards of the pack."""
    del param
    found = _panels(ctx)
    return [name for name in dict.fromkeys(one.partition(" / ")[0] for one in found) if name.startswith(incomplete)]


def complete_panel(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The panels of the dashboard that was typed before."""
    del param
    begin = f"{ctx.params.get('dashboard')} / "
    titles = [one.removeprefix(begin) for one in _panels(ctx) if one.startswith(begin)]
    return [one for one in titles if one.casefold().startswith(incomplete.casefold())]


def complete_saved(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The queries of regobs.toml."""
    del param
    config = _settings(ctx)
    return [name for name in (config.queries if config else ()) if name.startswith(incomplete)]


def complete_parameter(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The parameters of the query that was typed before, and an equals sign."""
    del param
    from regobs.errors import RegobsError  # noqa: PLC0415
    from regobs.query.parameters import parameters  # noqa: PLC0415

    config, words = _settings(ctx), ctx.params.get("text") or ctx.args  # click reads no argument where an option ends
    text = words[0] if words else ""
    try:
        names = parameters(config.queries[text].expr if config and text in config.queries else text)
    except RegobsError:
        return []
    return [f"{name}=" for name in names if name.startswith(incomplete)]


def _panels(ctx: click.Context) -> list[str]:
    from regobs.errors import RegobsError  # noqa: PLC0415

    config = _settings(ctx)
    try:
        return [] if config is None else panel_names(config, ctx.params.get("pack_directory"))
    except RegobsError:
        return []


def _settings(ctx: click.Context) -> Config | None:
    from regobs.config import load_config  # noqa: PLC0415
    from regobs.errors import RegobsError  # noqa: PLC0415

    try:
        return load_config(ctx.params.get("config_file"))
    except RegobsError:
        return None


def _of_server(ctx: click.Context) -> tuple[KeptNames | None, Vocabulary | None]:
    """The names of the server that is asked, where one is named; no program that prints a token is run for them."""
    from dataclasses import replace  # noqa: PLC0415

    from regobs.cli.server_options import ServerOptions  # noqa: PLC0415
    from regobs.errors import RegobsError  # noqa: PLC0415
    from regobs.query.cache import names_folder  # noqa: PLC0415
    from regobs.query.server_names import PATIENCE, KeptNames, names_file  # noqa: PLC0415

    config = _settings(ctx)
    if config is None:
        return None, None
    given = {name: ctx.params[name] for name in ServerOptions.__dataclass_fields__ if ctx.params.get(name)}
    server = ServerOptions(**given)
    try:
        context = server.chosen(config)
        if context is not None and context.token_command:
            return None, config.vocabulary
        connection = server.connection(config)
    except RegobsError:
        return None, config.vocabulary
    secret = "Authorization" in connection.headers or connection.address.credentials is not None
    tenant = server.tenant or (context.tenant if context else "")
    file = (
        None
        if secret and not connection.context
        else names_file(names_folder(), connection.address.url, connection.context, tenant)
    )

    def connect() -> Prometheus:
        from regobs.prometheus import Prometheus  # noqa: PLC0415

        return Prometheus(replace(connection, timeout=min(connection.timeout, PATIENCE)))

    return KeptNames(connect, file), config.vocabulary
