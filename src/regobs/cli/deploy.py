"""`regobs deploy`: show what a deployment would change, carry it out whole or not at all, look at it, go back."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from regobs.cli.content import KEEP_NAMES, PATH, content, content_options, settings
from regobs.cli.deploy_plan import show_plans, show_risks
from regobs.cli.finite import FiniteRange
from regobs.cli.said import warn
from regobs.common.closest import did_you_mean
from regobs.common.screen import screen
from regobs.common.table import escape_lines, table
from regobs.errors import ExitCode, InputError, RegobsError

if TYPE_CHECKING:
    from regobs.config import Config
    from regobs.deploy.plan_file import TargetPlan
    from regobs.deploy.risk import AlertRisk
    from regobs.deploy.run import Rollout, TargetStatus
    from regobs.pack import Pack

T = TypeVar("T")
_SHAPE = click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
_NOT_SET = {"", "0", "false", "no", "off"}  # what CI is on a machine that says it is none
_ONLY = click.option(
    "--target", "only", multiple=True, metavar="NAME", help="Only this one of [deploy] in regobs.toml."
)
_ENVIRONMENT = click.option("--environment", metavar="NAME", default="", help="What `status` calls this deployment.")
_YES = click.option("--yes", is_flag=True, help="Do not ask; without it nothing is changed where CI is set.")
_WAIT = click.option("--wait", type=FiniteRange(0), default=60.0, show_default=True, metavar="SECONDS",
                     help="For our turn, while somebody else deploys to the target.")  # fmt: skip
_CONFIG = click.option("--config", "config_file", type=PATH, metavar="FILE", help="Settings; ./regobs.toml by default.")


@click.group()
def deploy() -> None:
    """Roll out rules and dashboards to the targets of regobs.toml, and go back: docs/deploy.md."""


@deploy.command()
@content_options
@_ONLY
@click.option("--out", type=PATH, metavar="FILE", help="Write the plan here, for `apply --plan`.")
@click.option("--risk", metavar="7d", help="Say how often new and changed alerts would have fired in this time.")
@KEEP_NAMES
@_SHAPE
@_WAIT
def plan(
    *,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    only: tuple[str, ...],
    out: Path | None,
    risk: str | None,
    older: Path | None,
    shape: str,
    wait: float,
) -> int:
    """Show what a deployment would change on each target, in meaning. Exit code 1: something would change.

    A target that cannot be planned for is told on stderr, beside the plans of the others; no plan file is written then.
    """
    from regobs.deploy.plan_file import write_plan  # noqa: PLC0415 - loads the PromQL parser; `--help` needs none

    rollouts, files = _to_plan(content(config_file, pack_directory, flavor), only, wait, older)
    with _told(rollouts):
        plans, failed = _from_each(rollouts, lambda one: one.plan(files))
    if out is not None and failed:
        warn(f"{out} is not written, as the plan is not whole: --target NAME plans for some targets only")
    elif out is not None:
        write_plan(out, plans)
    risks = _risks(plans, settings(config_file, flavor), risk) if risk is not None else {}
    show_plans(plans, shape, risks)
    if risk is not None and shape == "text":
        show_risks(risks, risk)
    return failed or (ExitCode.DIFFERENCE if any(one.is_work for one in plans) else ExitCode.OK)


@deploy.command()
@content_options
@_ONLY
@click.option(
    "--plan", "plan_file", type=PATH, metavar="FILE", help="A plan that `plan --out` wrote, and nothing else."
)
@click.option("--overwrite", is_flag=True, help="Also what somebody else wrote or changed.")
@click.option("--allow-findings", is_flag=True, help="Also what `regobs lint` calls an error.")
@KEEP_NAMES
@_YES
@_ENVIRONMENT
@_SHAPE
@_WAIT
def apply(
    *,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    only: tuple[str, ...],
    plan_file: Path | None,
    overwrite: bool,
    allow_findings: bool,
    older: Path | None,
    yes: bool,
    environment: str,
    shape: str,
    wait: float,
) -> int:
    """Change each target, see that it works, and put back what was there when it does not.

    It asks before it changes anything, except with --yes. Where CI is set, it only shows the plan without --yes.
    JSON has what became of each target, not the plan: that is `deploy plan`.
    """
    from regobs.deploy.plan_file import read_plan  # noqa: PLC0415

    if plan_file is not None:
        config, read = settings(config_file, flavor), read_plan(plan_file, only)
        planning = _rollouts(config, read, environment, wait)
        with _told(planning):  # a file may say of its objects what it likes
            plans = [one.as_it_is(read[one.name]) for one in planning]
    else:
        planning, files = _to_plan(content(config_file, pack_directory, flavor), only, wait, older)
        config = settings(config_file, flavor)
        with _told(planning):
            plans = [one.plan(files) for one in planning]
    if shape == "text":
        show_plans(plans, shape)
    rollouts = {one.name: one for one in _rollouts(config, [one.target for one in plans], environment, wait)}
    if not any(one.is_work for one in plans):
        return _each((), shape)
    if not allow_findings:
        _judge(one for one in plans if one.differs)
    if not _agreed(yes=yes):
        return max(_each((), shape), ExitCode.DIFFERENCE)
    work = [(one.target, partial(rollouts[one.target].apply, one, overwrite=overwrite)) for one in plans]
    with _told(rollouts.values()):
        return _each(work, shape)


@deploy.command()
@click.argument("name", metavar="TARGET")
@click.option(
    "--to", "number", type=click.IntRange(1), metavar="STATE", help="The kept state; the one before by default."
)
@_CONFIG
@_YES
@_ENVIRONMENT
@_SHAPE
@_WAIT
def rollback(
    *, name: str, number: int | None, config_file: Path | None, yes: bool, environment: str, shape: str, wait: float
) -> int:
    """Go back to a state that is kept, in the same way as `apply`: whole, looked at, or not at all."""
    config = settings(config_file)
    (rollout,) = _rollouts(config, [name], environment, wait)
    with _told([rollout]):
        planned = rollout.plan_back(number)
    if shape == "text":
        show_plans([planned], shape)
    if not planned.is_work:
        return _each((), shape)
    if not _agreed(yes=yes):
        return max(_each((), shape), ExitCode.DIFFERENCE)
    with _told([rollout]):
        return _each([(name, partial(rollout.go_back, planned))], shape)


@deploy.command()
@_CONFIG
@_ONLY
@_SHAPE
@_WAIT
def verify(*, config_file: Path | None, only: tuple[str, ...], shape: str, wait: float) -> int:
    """Whether what was deployed is in use and works: every rule loaded, evaluated and healthy."""
    rollouts = _rollouts(settings(config_file), only, "", wait)
    with _told(rollouts):
        return _each(((one.name, one.verify) for one in rollouts), shape)


@deploy.command()
@_CONFIG
@_ONLY
@_SHAPE
def status(*, config_file: Path | None, only: tuple[str, ...], shape: str) -> int:
    """What runs where, in which version, and what somebody changed since. Exit code 1: something was."""
    from regobs.deploy.conflicts import in_short  # noqa: PLC0415

    rollouts = _rollouts(settings(config_file), only, "", 0)
    with _told(rollouts):
        found, failed = _from_each(rollouts, lambda one: one.status())
    if shape == "json":
        data = [
            {
                "target": one.target,
                "state": one.state.number,
                "version": one.state.version,
                "applied": one.state.applied,
                "environment": one.state.environment,
                "objects": len(one.state.objects),
                "kept": list(one.kept),
                "edited": [change.as_data() for change in one.edited],
                "interrupted": one.interrupted,
                "under_way": one.under_way,
            }
            for one in found
        ]
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        rows = [
            [
                one.target,
                one.state.number or "nothing deployed",
                one.state.version,
                one.state.applied,
                one.state.environment,
                len(one.state.objects),
                in_short(one.edited, 3),
                _note(one),
            ]
            for one in found
        ]
        head = ["target", "state", "version", "since", "environment", "objects", "changed by others", "note"]
        click.echo(table(head, rows, on=screen()))
    return failed or (ExitCode.DIFFERENCE if any(one.edited or one.interrupted for one in found) else ExitCode.OK)


def _note(one: TargetStatus) -> str:
    """What becomes of a deployment that has not ended."""
    if one.under_way:
        return f"a deployment of {one.under_way} is under way"
    return f"a deployment of {one.interrupted} was interrupted" if one.interrupted else ""


def _from_each(rollouts: Iterable[Rollout], ask: Callable[[Rollout], T]) -> tuple[list[T], int]:
    """What each target answers; the errors of the others are on stderr, and the first of them is the exit code."""
    found, code = [], int(ExitCode.OK)
    for one in rollouts:
        try:
            found.append(ask(one))
        except RegobsError as error:
            click.echo(f"Error: {escape_lines(str(error))}", err=True)
            code = code or int(error.exit_code)
    return found, code


def _to_plan(
    pack_config: tuple[Pack, Config], only: Sequence[str], wait: float, older: Path | None
) -> tuple[list[Rollout], dict[str, bytes]]:
    """The targets to plan for, and the files that they shall have."""
    from regobs.deploy.breaks import build_keeping  # noqa: PLC0415 - loads grafanalib

    pack, config = pack_config
    return _rollouts(config, only, "", wait), build_keeping(config, pack, older)


def _rollouts(config: Config, only: Iterable[str], environment: str, wait: float) -> list[Rollout]:
    from regobs.deploy import rollout_of  # noqa: PLC0415

    names = list(dict.fromkeys(only)) or list(config.deploy)
    if not names:
        raise InputError(
            "there is no target to deploy to",
            value=str(config.source or "no regobs.toml"),
            expected="a table [deploy.NAME]",
            next_step="add one, as docs/deploy.md shows",
        )
    for name in names:
        if name not in config.deploy:
            known = ", ".join(config.deploy)
            raise InputError(
                "there is no such target",
                value=name,
                expected=f"one of {known}" if known else "a target of [deploy] in regobs.toml, which has none",
                next_step=did_you_mean(name, config.deploy, f"add [deploy.{name}]"),
            )
    return [rollout_of(name, config, _server(config, name), environment, wait) for name in names]


def _server(config: Config, name: str) -> Callable[[], Any]:
    from regobs.cli.server_options import connection_of  # noqa: PLC0415
    from regobs.deploy.told import server_words  # noqa: PLC0415
    from regobs.prometheus import Prometheus  # noqa: PLC0415

    def opened() -> Prometheus:
        context = config.deploy[name].context
        connection = connection_of(config.contexts[context], os.environ, context)
        return Prometheus(connection, words=server_words(name, config))

    return opened


def _risks(plans: Sequence[TargetPlan], config: Config, length: str) -> dict[str, list[AlertRisk]]:
    """By target: how often what a plan adds or changes would have fired. Raises ServerError."""
    from regobs.deploy.risk import alert_risks  # noqa: PLC0415
    from regobs.deploy.told import TargetWords, telling  # noqa: PLC0415
    from regobs.query.times import read_seconds  # noqa: PLC0415

    seconds = read_seconds("--risk", length)
    found = {}
    for one in plans:
        if config.deploy[one.target].context:
            with telling(TargetWords.of(one.target, config)), _server(config, one.target)() as server:
                found[one.target] = list(alert_risks(one, server, time.time(), seconds))
    return found


def _judge(plans: Iterable[TargetPlan]) -> None:
    from regobs.deploy.judged import refuse_findings  # noqa: PLC0415 - loads every check

    for one in plans:
        refuse_findings(one)


def _agreed(*, yes: bool) -> bool:
    if yes:
        return True
    if os.environ.get("CI", "").strip().lower() not in _NOT_SET:
        click.echo("Nothing is changed: CI is set. --yes changes it.", err=True)
        return False
    if not sys.stdin.isatty():
        raise InputError("nobody can be asked whether to change this", next_step="look at the plan, and give --yes")
    return click.confirm("Change this?", err=True)


@contextmanager
def _told(rollouts: Iterable[Rollout]) -> Iterator[None]:
    """What no error tells, at the end, also that of an interruption."""
    try:
        yield
    finally:
        for one in rollouts:
            for note in one.notes:
                warn(f"{one.name}: {escape_lines(note)}")
            one.notes.clear()


def _each(work: Iterable[tuple[str, Callable[[], Any]]], shape: str) -> int:
    """Each target for itself: one that fails does not keep the others from being changed. The first error's code."""
    code, became = int(ExitCode.OK), []
    for name, do in work:
        state, failure = None, ""
        try:
            state = do()
        except RegobsError as error:
            failure = error.message
            click.echo(f"Error: {escape_lines(str(error))}", err=True)
            code = code or int(error.exit_code)
        number = state.number if state is not None else None
        became.append({"target": name, "well": not failure, "state": number, "error": failure or None})
        if shape == "text" and not failure:
            click.echo(f"{name}: {f'state {number} is in use' if number is not None else 'well'}")
    if shape == "json":
        click.echo(json.dumps(became, indent=2, ensure_ascii=False))
    return code
