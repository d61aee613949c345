"""The story of a simulated fleet of GitLab registries: build, start, watch, break, look, repair, sum up.

The fleet's time runs as much faster as the times in the rules are shorter, so that an hour of the fleet is what the
rules call an hour.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from regobs.catalog.model import Flavor
from regobs.config.model import Config
from regobs.demo import looks, loopback, servers, stage
from regobs.demo.alerts import HeldAlert
from regobs.demo.processes import Supervisor
from regobs.demo.progress import Progress
from regobs.demo.receiver import Receiver
from regobs.demo.shortened import FACTOR
from regobs.demo.watch import Watch
from regobs.errors import ExitCode
from regobs.prometheus import Prometheus
from regobs.simulate.faults import Name
from regobs.simulate.plan import NEWEST, usual
from regobs.simulate.remote import Remote

_FLEET = Config(
    flavor=Flavor.GITLAB,
    version=NEWEST[Flavor.GITLAB],
    capabilities=usual(Flavor.GITLAB, NEWEST[Flavor.GITLAB]),
)
_LONG = "24h"  # of the fleet's time: until it is repaired


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """How large and how long. `settle` seconds pass before anyone looks, `limit` is the longest wait for one thing.

    `to_the_end` waits for the pages with long windows too, which remember the outage for half a minute.
    """

    pods: int = 3
    settle: float = 40.0
    limit: float = 60.0
    fault: Name = Name.ERROR_BURST
    to_the_end: bool = True


QUICK_FLEET = FleetPlan(pods=2, settle=12.0, to_the_end=False)


def tell_fleet(plan: FleetPlan, directory: Path, progress: Progress) -> ExitCode:
    """Play the whole story; see `regobs.demo.story.tell`, which this is like."""
    with Supervisor() as supervisor, Receiver() as receiver:
        return _FleetStory(plan, directory, progress, supervisor, receiver).play()


class _FleetStory:
    def __init__(
        self, plan: FleetPlan, directory: Path, progress: Progress, supervisor: Supervisor, receiver: Receiver
    ) -> None:
        self._plan, self._directory, self._progress = plan, directory, progress
        self._supervisor, self._receiver = supervisor, receiver
        self._watch = Watch(supervisor, receiver, progress, limit=plan.limit)

    def play(self) -> ExitCode:
        standard = stage.announce_build(self._progress, self._directory, _FLEET)
        fleet, running = self._start(standard)
        with (
            loopback.session() as session,
            Prometheus(running.prometheus.url, session=session) as prometheus,
        ):
            self._settle(running, prometheus)
            self._watch.slos(running, prometheus)
            if raised := self._break(fleet, running, prometheus):
                repaired = self._watch.resolution(running, raised)
                if self._plan.to_the_end:
                    self._watch.quiet(running, prometheus, repaired)
            self._watch.page(running, prometheus, self._directory)
        return self._watch.sum_up(running, self._directory)

    def _start(self, standard: stage.Built) -> tuple[servers.FleetServer, stage.Stage]:
        self._progress.title("Start the servers")
        fleet = servers.fleet(self._supervisor, f"--speed={FACTOR}", pods=self._plan.pods)
        running = stage.raise_curtain(
            self._supervisor, self._receiver, self._directory / "demo", standard, fleet.targets
        )
        self._progress.say(f"simulated fleet   {fleet.url}, {self._plan.pods} pods at {', '.join(fleet.targets)}")
        self._watch.introduce(running)
        self._progress.say(f"The fleet's time runs {FACTOR} times as fast: its hour is what the rules call 1h.")
        return fleet, running

    def _settle(self, running: stage.Stage, prometheus: Prometheus) -> None:
        self._progress.title("Let the fleet work and rules evaluate")
        self._watch.settle(prometheus, self._plan.settle)
        self._progress.say(looks.rules(prometheus))
        self._watch.expect_silence(running)

    def _break(self, fleet: servers.FleetServer, running: stage.Stage, prometheus: Prometheus) -> list[HeldAlert]:
        """The doctor looks while the alert is active: a panel that lists alerts has nothing to show before."""
        fault, remote = self._plan.fault, Remote(fleet.url)
        self._progress.title(f"Break it: {fault}, as `regobs simulate break {fault} --control {fleet.url}` does")
        struck = time.monotonic()
        remote.strike(fault, _LONG)
        raised = self._watch.alert(running, struck)
        self._watch.panels(running, prometheus, all_with_data=True)
        self._progress.title("Repair it")
        remote.repair(fault)
        return raised
