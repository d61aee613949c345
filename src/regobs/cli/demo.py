"""`regobs demo`: a real registry or a simulated fleet, its SLOs, an outage and its end, in under four minutes."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--keep", type=click.Path(path_type=Path), metavar="DIR", help="Where the built files go; the user's cache if not."
)
@click.option("--fleet", is_flag=True, help="A simulated fleet of GitLab registries instead of one real registry.")
@click.option(
    "--fault",
    type=click.Choice(["auto", "full-disk", "vanished"]),
    default="auto",
    show_default=True,
    help="What happens to the storage: its disk is full, or its directory is gone; auto is the first that works here.",
)
@click.option("--quick", is_flag=True, help="Smaller images and shorter waits, for tests.")
def demo(keep: Path | None, fault: str, *, fleet: bool, quick: bool) -> int:
    """Start a registry, Prometheus and Alertmanager; use them, break the storage, see the alert come and go.

    With --fleet the registries are simulated and of the GitLab flavor, and a burst of errors strikes them.

    Everything listens on 127.0.0.1 and ends with this command, also by Ctrl-C. Needs prometheus and
    prometheus-alertmanager and, without --fleet, docker-registry. Exit code 1 when something that should be seen was
    not.
    """
    from dataclasses import replace  # noqa: PLC0415 - what follows loads grafanalib and requests; `--help` needs neither

    from regobs.demo.progress import Progress  # noqa: PLC0415
    from regobs.demo.stack import default_directory  # noqa: PLC0415
    from regobs.demo.story import QUICK, QUICK_FLEET, DemoPlan, FleetDemoPlan, run_demo, run_fleet_demo  # noqa: PLC0415  # noqa: PLC0415
    from regobs.errors import InputError  # noqa: PLC0415

    directory = (keep or default_directory()).absolute()
    if not fleet:
        return run_demo(replace(QUICK if quick else DemoPlan(), fault=fault), directory, Progress())
    if fault != "auto":
        raise InputError("a simulated fleet has no disk", value=f"--fault {fault}", next_step="leave out --fault")
    return run_fleet_demo(QUICK_FLEET if quick else FleetDemoPlan(), directory, Progress())
