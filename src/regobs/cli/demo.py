"""`regobs demo`: a real registry, its SLOs, an outage and its end, in under four minutes."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--keep", type=click.Path(path_type=Path), metavar="DIR", help="Where the built files go; the user's cache if not."
)
@click.option(
    "--fault",
    type=click.Choice(["auto", "full-disk", "vanished"]),
    default="auto",
    show_default=True,
    help="What happens to the storage: its disk is full, or its directory is gone; auto is the first that works here.",
)
@click.option("--quick", is_flag=True, help="Smaller images and shorter waits, for tests.")
def demo(keep: Path | None, fault: str, *, quick: bool) -> int:
    """Start a registry, Prometheus and Alertmanager; use them, break the storage, see the alert come and go.

    Everything listens on 127.0.0.1 and ends with this command, also by Ctrl-C. Needs docker-registry, prometheus and
    prometheus-alertmanager on this machine. Exit code 1 when something that should be seen was not.
    """
    from dataclasses import replace  # noqa: PLC0415 - what follows loads grafanalib and requests; `--help` needs neither

    from regobs.demo.progress import Progress  # noqa: PLC0415
    from regobs.demo.stage import default_directory  # noqa: PLC0415
    from regobs.demo.story import QUICK, Plan, tell  # noqa: PLC0415

    plan = replace(QUICK if quick else Plan(), fault=fault)
    return tell(plan, (keep or default_directory()).absolute(), Progress())
