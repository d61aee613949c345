"""`regobs simulate`: a model of a registry fleet on this machine, faults for one that runs, or days of its history."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from regobs.catalog.model import Capability, Flavor
from regobs.cli.finite import FiniteRange
from regobs.cli.public_url import PublicUrl
from regobs.cli.said import warn

if TYPE_CHECKING:
    from regobs.simulate.fleet import Fleet
    from regobs.simulate.plan import Plan

_DAY = 86_400
# As text: click shows the name of a member of an enumeration, not its value.
_FLAVORS = [flavor.value for flavor in Flavor]
_CAPABILITIES = [capability.value for capability in Capability]


@click.group(invoke_without_command=True)
@click.option("--plan", "file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="See below.")
@click.option("--flavor", type=click.Choice(_FLAVORS), show_default=_FLAVORS[0])
@click.option("--registry-version", metavar="VERSION", help="The registry's version; the newest that is known if not.")
@click.option("--with", "switched_on", multiple=True, type=click.Choice(_CAPABILITIES), help="Switch one more on.")
@click.option("--without", "switched_off", multiple=True, type=click.Choice(_CAPABILITIES), help="Switch one off.")
@click.option("--pods", type=click.IntRange(1, 200), show_default="3", help="Registry processes.")
@click.option("--replicas", type=click.IntRange(1, 20), show_default="2", help="Of the database.")
@click.option("--rate", type=FiniteRange(0), show_default="5", help="Requests of a pod a second.")
@click.option("--seed", type=int, show_default="1", help="The same seed gives the same numbers.")
@click.option("--fault", "faults", multiple=True, metavar="NAME@START+DURATION", help="Such as error-burst@2m+5m.")
@click.option("--speed", type=FiniteRange(0, min_open=True), default=1.0, show_default=True, help="Of time.")
@click.option(
    "--port", type=click.IntRange(0, 65_000), default=9500, show_default=True, help="Of the first pod; 0: any."
)
@click.option("--control", type=click.IntRange(0, 65_535), metavar="PORT", help="Take faults on it; 0: any.")
@click.option("--duration", default="", metavar="TIME", help="End after so long, such as 10m; without it by Ctrl-C.")
@click.option("--logs", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="A log for each pod.")
@click.option(
    "--openmetrics",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write history; -: to stdout.",
)
@click.option("--for", "readers", multiple=True, metavar="NAME", help="History of what a dashboard or `slo` reads.")
@click.option("--only", "families", multiple=True, metavar="FAMILY", help="History of this family.")
@click.option("--processes", type=click.IntRange(1, 256), help="That write history; one a processor if not given.")
@click.option("--days", type=FiniteRange(0, min_open=True), default=1.0, show_default=True, help="Of history.")
@click.option("--step", default="15s", show_default=True, metavar="TIME", help="Between two samples of history.")
@click.pass_context
def simulate(
    context: click.Context,
    *,
    file: Path | None,
    flavor: str | None,
    registry_version: str | None,
    switched_on: tuple[str, ...],
    switched_off: tuple[str, ...],
    pods: int | None,
    replicas: int | None,
    rate: float | None,
    seed: int | None,
    faults: tuple[str, ...],
    speed: float,
    port: int,
    control: int | None,
    duration: str,
    logs: Path | None,
    openmetrics: Path | None,
    readers: tuple[str, ...],
    families: tuple[str, ...],
    processes: int | None,
    days: float,
    step: str,
) -> None:
    """Simulate a fleet of registries: each pod serves /metrics on a port of 127.0.0.1.

    The numbers are a model's. A fleet with zones, a traffic curve, weights of requests and clients, sizes of blobs and
    a schedule of faults is described by the TOML file of --plan; docs/simulate.md has one. --pods, --replicas, --rate
    and --seed change what it says, --fault adds to it.

    Faults: error-burst, latency-ramp, pool-exhaustion, replica-lag, redis-loss, gc-backlog, notifications-down,
    storage-throttling, stuck-migration, crash-loop, no-traffic, zone-outage; their times are simulated ones. With
    --control more of them strike and are repaired while the fleet runs, by the commands below, and /targets of its
    address tells Prometheus where the pods are (http_sd_configs).

    With --logs each pod of the GitLab flavor writes DIR/registry-N.log: its access and application log.

    With --openmetrics nothing is served: days of history are written for promtool tsdb create-blocks-from. A day of one
    pod is 5.2 GB, 1.4 GB --for overview, 0.1 GB --for slo; what will be written is told before it is begun.
    """
    if context.invoked_subcommand is not None:
        return
    from regobs.errors import InputError  # noqa: PLC0415 (what follows is not needed for --help)
    from regobs.simulate import Fleet  # noqa: PLC0415
    from regobs.simulate.clock import seconds_of  # noqa: PLC0415

    if openmetrics is None and (readers or families):
        raise InputError("--for and --only choose what of a history is written", next_step="name a file: --openmetrics")
    plan = _planned(file, flavor, registry_version, switched_on, switched_off)
    now = float(int(time.time()))
    given = {"pods": pods, "replicas": replicas, "rate": rate, "seed": seed}
    plan = _adapted(plan, given, faults, float(int(now - days * _DAY)) if openmetrics else now)
    if openmetrics is not None:
        choice = _Choice(readers, families, days * _DAY, seconds_of(step, "--step"), processes)
        _history(plan, logs, openmetrics, choice)
    else:
        _serve(Fleet(plan, logs=logs), port, control, speed, seconds_of(duration, "--duration") if duration else None)


def _planned(
    file: Path | None, flavor: str | None, version: str | None, on: tuple[str, ...], off: tuple[str, ...]
) -> Plan:
    """The plan of the file; without one a plan that says only what the registries are."""
    from regobs.errors import InputError  # noqa: PLC0415 (as above)
    from regobs.simulate.plan import Plan, chosen, version_of  # noqa: PLC0415
    from regobs.simulate.plan_file import read_plan  # noqa: PLC0415

    if file is None:
        kind, number = Flavor(flavor or _FLAVORS[0]), version_of(version)
        return Plan(flavor=kind, version=number, capabilities=chosen(kind, number, on, off))
    named = {"--flavor": flavor, "--registry-version": version, "--with": on, "--without": off}
    given = next((option for option, value in named.items() if value), None)
    if given:
        step = f"write it into [registry] of {file}"
        raise InputError("what the registries are stands in the plan", value=given, next_step=step)
    return read_plan(file)


def _adapted(plan: Plan, given: Mapping[str, float | None], faults: Iterable[str], start: float) -> Plan:
    """The plan with what options say beside it, from `start` (seconds since 1970) where it names no time itself."""
    from dataclasses import replace  # noqa: PLC0415 (as above)

    from regobs.config.reading import version_note  # noqa: PLC0415
    from regobs.simulate import Fault, Schedule  # noqa: PLC0415

    if note := version_note(plan.flavor, plan.version):
        warn(note)
    return replace(
        plan,
        **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
        start=plan.start or start,
        faults=Schedule([*plan.faults.faults, *map(Fault.parse, faults)]),
    )


class _Choice(NamedTuple):
    """What of a history is written: for whom, which families, how many seconds, with how many between two samples."""

    readers: tuple[str, ...]
    families: tuple[str, ...]
    seconds: float
    step: float
    processes: int | None


def _history(plan: Plan, logs: Path | None, path: Path, choice: _Choice) -> None:
    import sys  # noqa: PLC0415 (as above)
    import tempfile  # noqa: PLC0415

    from regobs.errors import InputError  # noqa: PLC0415
    from regobs.simulate.history import History, estimate  # noqa: PLC0415
    from regobs.simulate.reading import selectors_for  # noqa: PLC0415

    if choice.step <= 0:
        raise InputError("--step is not a time", value=choice.step, expected="a time such as 15s")
    if not path.absolute().parent.is_dir():
        raise InputError("there is no such folder", value=path.parent, next_step="make it, or name another file")
    target = None if str(path) == "-" else path.absolute()
    history = History(
        plan,
        max(1, round(choice.seconds / choice.step)),
        step=choice.step,
        wanted=selectors_for(plan, choice.readers, choice.families),
        logs=logs,
        processes=choice.processes,
    )
    expected = estimate(history)
    click.echo(f"{plan.pods} pods, {history.steps:,} samples a series: {expected}", err=True)
    expected.check(target.parent if target else Path(tempfile.gettempdir()))
    with click.progressbar(length=1000, label=str(path), file=sys.stderr) as bar:
        size = history.write(target, lambda share: bar.update(int(share * 1000) - bar.pos))
    click.echo(f"{path}: {history.samples:,} samples, {size:,} bytes", err=target is None)
    if target is not None:
        click.echo(
            f"next: promtool tsdb create-blocks-from openmetrics --max-block-duration=1458h {path} DATA_DIRECTORY"
        )


def _serve(fleet: Fleet, port: int, control: int | None, speed: float, seconds: float | None) -> None:
    from contextlib import ExitStack  # noqa: PLC0415 (as above)

    from regobs.simulate.control import Control  # noqa: PLC0415
    from regobs.simulate.serve import FleetServing  # noqa: PLC0415

    with ExitStack() as stack:
        stack.callback(fleet.close)
        served = stack.enter_context(FleetServing(fleet, port=port, speed=speed))
        for address in served.addresses:
            click.echo(f"http://{address}/metrics")
        if control is not None:
            click.echo(f"control: {stack.enter_context(Control(served, control)).url}")
        # Python ends a command by Ctrl-C with KeyboardInterrupt; leaving the block stops the servers.
        served.wait(seconds)


_CONTROL = click.option(
    "--control",
    type=PublicUrl("leave them out: the control address of a fleet asks for none"),
    default="http://127.0.0.1:9499",
    show_default=True,
    metavar="URL",
    help="Of the fleet.",
)
_FAULT = click.argument("fault", metavar="FAULT")


@simulate.command("break")
@_FAULT
@click.option("--for", "duration", default="5m", show_default=True, metavar="TIME", help="Simulated time.")
@_CONTROL
def strike(fault: str, duration: str, control: str) -> None:
    """Let FAULT strike a fleet that runs with --control."""
    from regobs.simulate.faults import FaultName  # noqa: PLC0415 (as above)
    from regobs.simulate.remote import FleetClient  # noqa: PLC0415

    struck = FleetClient(control).strike(FaultName.read(fault), duration)
    click.echo(f"{struck['name']} for {struck['remaining']:g} simulated seconds")


@simulate.command()
@_FAULT
@_CONTROL
def repair(fault: str, control: str) -> None:
    """Repair FAULT before its time is over."""
    from regobs.simulate.faults import FaultName  # noqa: PLC0415 (as above)
    from regobs.simulate.remote import FleetClient  # noqa: PLC0415

    FleetClient(control).repair(FaultName.read(fault))
    click.echo(f"{fault} is repaired")


@simulate.command()
@_CONTROL
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
def state(control: str, shape: str) -> None:
    """Show the pods of a fleet that runs with --control, and its active faults."""
    from regobs.simulate.remote import FleetClient  # noqa: PLC0415 (as above)

    found = FleetClient(control).state()
    if shape == "json":
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(f"simulated time {found['time']}")
    for pod in found["pods"]:
        place = f"  {pod['zone']}" if pod["zone"] else ""
        click.echo(f"{pod['name']}  http://{pod['address']}/metrics  {'up' if pod['up'] else 'away'}{place}")
    for fault in found["faults"]:
        click.echo(f"{fault['name']}, {fault['remaining']:.0f} simulated seconds left")
