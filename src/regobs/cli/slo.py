"""`regobs slo`: how each SLO stands on a live Prometheus, and whether its error budget allows a change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from regobs.budgets.words import percent, read_share, time_text
from regobs.cli.content import content, content_options
from regobs.cli.said import warn
from regobs.cli.server_options import ServerOptions, server_options
from regobs.cli.slo_backtest import backtest
from regobs.cli.slo_report import report
from regobs.common.closest import did_you_mean
from regobs.common.counts import amount_text
from regobs.common.jsontext import json_text
from regobs.common.screen import Colour, screen
from regobs.common.table import Cell, table
from regobs.errors import ExitCode, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regobs.config import Config
    from regobs.pack import Pack
    from regobs.slo.model import Slo
    from regobs.slo.status import SloStatus

_SHAPES = click.Choice(["text", "json"])
_ONLY = click.option("--slo", "only", multiple=True, metavar="NAME", help="Only this SLO; may be given several times.")


@click.group()
def slo() -> None:
    """How SLOs stand on a live server, and whether their error budgets allow a change."""


slo.add_command(backtest)
slo.add_command(report)


@slo.command()
@server_options
@content_options
@_ONLY
@click.option("--format", "shape", type=_SHAPES, default="text", show_default=True)
def status(
    *,
    server: ServerOptions,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    only: tuple[str, ...],
    shape: str,
) -> int:
    """Of each SLO: target, what was achieved, the error budget left, burn rates, and which alerts fire.

    It reads what the recording rules of `regobs build` write. Exit code 5: an SLO has no data (docs/budgets.md).
    """
    pack, config = content(config_file, pack_directory, flavor)
    rows = _read(server, pack, config, only)
    if shape == "json":
        click.echo(json_text([row.as_data() for row in rows]))
    else:
        click.echo(_status_table(rows))
    return _told_missing(rows)


@slo.command()
@server_options
@content_options
@_ONLY
@click.option("--least", required=True, metavar="20%", help="The budget that must be left, as a share or in percent.")
@click.option("--format", "shape", type=_SHAPES, default="text", show_default=True)
def policy(
    *,
    server: ServerOptions,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    only: tuple[str, ...],
    least: str,
    shape: str,
) -> int:
    """Whether every SLO has at least so much of its error budget left: for a pipeline that freezes changes.

    Exit code 0: all have. 1: one has less. 5: none has less, but one has no data, so nobody knows.
    """
    wanted = read_share("--least", least)
    pack, config = content(config_file, pack_directory, flavor)
    rows = _read(server, pack, config, only)
    short = [row for row in rows if row.remaining is not None and row.remaining < wanted]
    if shape == "json":
        click.echo(json_text({"least": wanted, "freeze": bool(short), "slos": [row.as_data() for row in rows]}))
    elif short:
        click.echo(f"Freeze: less than {percent(wanted)} of the error budget is left.\n{_status_table(short)}")
    elif any(row.events is not None for row in rows):
        click.echo(f"No SLO with data has less than {percent(wanted)} of its error budget left.")
    missing = _told_missing(rows)
    return ExitCode.DIFFERENCE if short else missing


@slo.command()
@click.argument("name", metavar="SLO")
@server_options
@content_options
@click.option("--format", "shape", type=_SHAPES, default="text", show_default=True)
def explain(
    *,
    name: str,
    server: ServerOptions,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    shape: str,
) -> int:
    """Why the alerts of an SLO have their windows and thresholds, and after how long an outage alerts.

    With a server (--prometheus or --context) also for the traffic of the last hour there. Exit code 5: it has no data.
    """
    from regobs.budgets import load_numpy  # noqa: PLC0415 - an extra

    load_numpy()
    from regobs.budgets.explain import as_data, as_text, outage_delays, tier_reasons, traffic  # noqa: PLC0415
    from regobs.slo.outputs import load_windows  # noqa: PLC0415
    from regobs.slo.recording import interval_of  # noqa: PLC0415

    pack, config = content(config_file, pack_directory, flavor)
    windows, (one,) = load_windows(pack, config), chosen(pack, config, (name,))
    every, found = interval_of(one, windows, config).ms, None
    if server.given:
        config = server.within(config)
        with server.open(config) as prometheus:
            found = traffic(prometheus, one, windows, config)
    rates = {1 / 60} | {rate for rate in (found or {}).values() if rate > 0}
    delays = outage_delays(one, windows, sorted(rates, reverse=True), every)
    if shape == "json":
        click.echo(json.dumps(as_data(one, windows, tier_reasons(one, windows), delays), indent=2, ensure_ascii=False))
    else:
        click.echo(as_text(one, windows, delays, every, on=screen()), nl=False)
    if found == {}:
        warn(f"{name} has no data in the last hour: its present traffic is not known")
        return ExitCode.INCOMPLETE
    if found is not None and len(rates) == 1 and not any(found.values()):
        warn(f"{name} has no traffic in the last hour")
    return ExitCode.OK


def chosen(pack: Pack, config: Config, only: Sequence[str]) -> list[Slo]:
    """The SLOs of the pack that have rules on this registry, or those that are named. Raises InputError."""
    from regobs.slo import compile_rules  # noqa: PLC0415 - loads the PromQL parser; `--help` needs none

    compiled = compile_rules(pack, config)
    known = {one.slo.name: one.slo for one in compiled.slos}
    left_out = {one["rule"]: one["reason"] for one in compiled.left_out}
    for name in only:
        if name not in known:
            raise InputError(
                "this registry has no rules for the SLO" if name in left_out else "there is no such SLO",
                value=name,
                expected=left_out.get(name) or ", ".join(known),
                next_step=did_you_mean(name, known, "correct the name, or the capabilities of regobs.toml"),
            )
    return [known[name] for name in dict.fromkeys(only)] if only else list(known.values())


def _read(server: ServerOptions, pack: Pack, config: Config, only: Sequence[str]) -> list[SloStatus]:
    from regobs.slo.outputs import load_windows  # noqa: PLC0415
    from regobs.slo.status import read_status  # noqa: PLC0415

    config = server.within(config)
    slos = chosen(pack, config, only)
    with server.open(config) as prometheus:
        return read_status(prometheus, slos, load_windows(pack, config), config)


def _told_missing(rows: Sequence[SloStatus]) -> int:
    """Say on stderr which SLOs have no data; the exit code."""
    missing = [row.slo for row in rows if row.events is None]
    if not missing:
        return ExitCode.OK
    if len(missing) == len(rows):
        said = "no SLO has data: load the recording rules of `regobs build` into this server, or see `regobs doctor`"
    else:
        said = f"no data of {', '.join(missing)}; `regobs doctor` says why"
    warn(said)
    return ExitCode.INCOMPLETE


def _status_table(rows: Sequence[SloStatus]) -> str:
    windows = list(dict.fromkeys(window for row in rows for window in row.burns))
    scoped = any(row.scope for row in rows)
    # What a narrow terminal has no place for stands last, and is left out there.
    head = ["SLO", *(["scope"] if scoped else []), "target", "achieved", "budget left", "firing", "spent in"]
    head += ["requests left", "outage left", *(f"burn {window}" for window in windows)]
    return table(
        head,
        [
            [
                row.slo,
                *([" ".join(row.scope.values())] if scoped else []),
                f"{row.target * 100:.6g}%",
                _achieved(row),
                _budget(row),
                Cell(" ".join(row.firing), Colour.RED),
                "" if row.lasts is None else time_text(row.lasts),
                "" if row.events_left is None else amount_text(row.events_left),
                "" if row.outage_left is None else time_text(row.outage_left),
                *(amount_text(row.burns[window], 2) if window in row.burns else "" for window in windows),
            ]
            for row in rows
        ],
        on=screen(),
        right=[name for name in head[1 + scoped :] if name != "firing"],
        names=True,
    )


def _achieved(row: SloStatus) -> Any:
    if row.events is None:
        return Cell("no data", Colour.YELLOW)
    if row.achieved is None:
        return Cell("no traffic", Colour.DIM)
    return Cell(percent(row.achieved), Colour.GREEN if row.achieved >= row.target else Colour.RED)


def _budget(row: SloStatus) -> Any:
    if row.remaining is None:
        return ""
    return Cell(percent(row.remaining), Colour.RED if row.remaining <= 0 else None)
