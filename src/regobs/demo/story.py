"""What the demo does, for a registry or a simulated fleet: build, start, use, look, break, repair, sum up."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regobs.catalog.model import Capability, Exposer, Flavor, Version
from regobs.common.programs import Supervisor, local_session
from regobs.config.model import Config
from regobs.demo import faults, servers, stack
from regobs.demo.alerts import HeldAlert, WebhookReceiver
from regobs.demo.checks import DemoChecks, rule_summary
from regobs.demo.client import Image, RegistryClient
from regobs.demo.progress import Progress
from regobs.demo.shortened import FACTOR
from regobs.demo.traffic import MB, TrafficMix, first_round, images, readable
from regobs.errors import ExitCode
from regobs.prometheus import Prometheus
from regobs.simulate.faults import FaultName
from regobs.simulate.plan import NEWEST, usual
from regobs.simulate.remote import FleetClient

_SEED = "regobs"  # the same images every time
# What Debian's docker-registry is; its packaged configuration has the descriptor cache on.
_REGISTRY = Config(
    flavor=Flavor.DISTRIBUTION,
    version=Version(2, 8, 2),
    capabilities=frozenset(
        {Capability.DESCRIPTOR_CACHE, Capability.LOG_EXPORTER, Capability.NOTIFICATION_EXPORTER},
    ),
)
# Seconds: an alert of few events ends after an hour in which nothing fails (docs/slo.md), which is a minute here, and
# on a busy machine evaluations and notifications come late.
LIMIT = 120.0


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """How large and how long. Sizes in bytes, times in seconds.

    `largest` is the largest layer, `disk` the size of the registry's own disk, `settle` how long clients are at work
    before anyone looks, `limit` the longest wait for one thing, `fault` is auto, full-disk or vanished.
    """

    largest: int = 100 * MB
    disk: int = 512 * MB
    settle: float = 50.0
    limit: float = LIMIT
    fault: str = "auto"


QUICK = DemoPlan(largest=8 * MB, disk=64 * MB, settle=30.0)


def run_demo(plan: DemoPlan, directory: Path, progress: Progress) -> ExitCode:
    """Play the whole story; OK when everything was seen, DIFFERENCE after saying what was missing.

    Writes `production` and `demo`, two builds of the pack, into `directory`. Whatever happens, what was started has
    ended afterwards. Raises MachineError when a program is missing or dies, ServerError when one misbehaves.
    """
    with Supervisor() as supervisor, WebhookReceiver() as receiver:
        return _Story(plan, directory, progress, supervisor, receiver).play()


class _Story:
    def __init__(
        self, plan: DemoPlan, directory: Path, progress: Progress, supervisor: Supervisor, receiver: WebhookReceiver
    ) -> None:
        self._plan, self._directory, self._progress = plan, directory, progress
        self._supervisor, self._receiver = supervisor, receiver
        self._watch = DemoChecks(supervisor, receiver, progress, limit=plan.limit)
        self._token = secrets.token_urlsafe(24)  # what the registry shows to the receiver of its notifications

    def play(self) -> ExitCode:
        standard = stack.announce_build(self._progress, self._directory, _REGISTRY)
        registry, running = self._start(standard)
        pictures = images(_SEED, self._plan.largest)
        self._use(registry, pictures)
        with (
            local_session() as session,
            Prometheus(running.prometheus.url, session=session) as prometheus,
            TrafficMix(registry.url, pictures) as mix,
        ):
            self._settle(running, prometheus, mix)
            self._watch.slos(running, prometheus)
            self._watch.panels(running, prometheus)
            if raised := self._break(registry, running, mix):
                self._watch.quiet(running, prometheus, self._watch.resolution(running, raised))
            self._watch.page(running, prometheus, self._directory)
        return self._watch.sum_up(running, self._directory)

    def _start(self, standard: stack.Built) -> tuple[servers.RegistryServer, stack.RunningStack]:
        self._progress.title("Start the servers")
        small = faults.wants_small_disk(self._plan.fault)
        events = self._notification_exporter()
        registry = servers.docker_registry(
            self._supervisor,
            changes={"notifications": {"endpoints": [self._endpoint(events)]}},
            small_disk_bytes=self._plan.disk if small else None,
        )
        lines = servers.exporter(self._supervisor, "logs", registry.log, "--flavor=distribution")
        exporters = {Exposer.LOG_EXPORTER: (lines.address,), Exposer.NOTIFICATION_EXPORTER: (events.address,)}
        running = stack.start_stack(
            *(self._supervisor, self._receiver, self._directory / "demo", standard, (registry.debug_address,)),
            exporters=exporters,
        )
        where = f"a disk of {readable(self._plan.disk)}" if registry.small_disk else "a directory"
        self._progress.say(f"docker-registry   {registry.url}  (metrics {registry.debug_url}), {where}")
        self._progress.say(f"log exporter      {lines.url}  (counts the lines of that registry's log)")
        self._progress.say(f"notifications     {events.url}  (counts the events that the registry sends)")
        self._watch.introduce(running)
        return registry, running

    def _notification_exporter(self) -> servers.LocalServer:
        directory = self._supervisor.directory
        token = directory / "token"
        token.touch(mode=0o600)
        token.write_text(self._token)
        state = directory / "notifications"
        return servers.exporter(self._supervisor, "notifications", "--state", state, "--token-file", token)

    def _endpoint(self, exporter: servers.LocalServer) -> dict[str, Any]:
        return {
            "name": "regobs",
            "url": f"{exporter.url}/events",
            "headers": {"Authorization": [f"Bearer {self._token}"]},
            "timeout": "1s",
            "threshold": 5,
            "backoff": "1s",
        }

    def _use(self, registry: servers.RegistryServer, pictures: list[Image]) -> None:
        self._progress.title("Push and pull images")
        with RegistryClient(registry.url) as client:
            first_round(client, pictures, self._progress.say)
            tally = client.tally
        self._progress.say(
            f"{tally.count()} requests, {readable(tally.sent)} sent, {readable(tally.received)} received, "
            f"{tally.count(404)} times 404, {tally.server_errors()} server errors"
        )

    def _settle(self, running: stack.RunningStack, prometheus: Prometheus, mix: TrafficMix) -> None:
        self._progress.title("Let clients work and rules evaluate")
        self._watch.settle(prometheus, self._plan.settle)
        self._progress.say(f"{mix.tally.count()} requests from clients in the background, {rule_summary(prometheus)}")
        self._watch.expect_silence(running)

    def _break(self, registry: servers.RegistryServer, running: stack.RunningStack, mix: TrafficMix) -> list[HeldAlert]:
        fault = faults.choose(registry)
        self._progress.happened("fault", f"Inject a fault: {fault.summary}")
        failed, begun = mix.tally.server_errors(), time.monotonic()
        with fault:
            raised = self._watch.alert(running, begun)
            self._progress.say(f"clients got {mix.tally.server_errors() - failed} server errors in that time")
            self._progress.happened("repair", "Remove the fault")
        return raised


_FLEET = Config(
    flavor=Flavor.GITLAB,
    version=NEWEST[Flavor.GITLAB],
    capabilities=usual(Flavor.GITLAB, NEWEST[Flavor.GITLAB]),
)
_LONG = "24h"  # of the fleet's time: until it is repaired


@dataclass(frozen=True, slots=True)
class FleetDemoPlan:
    """How large and how long. `settle` seconds pass before anyone looks, `limit` is the longest wait for one thing.

    `to_the_end` waits for the pages with long windows too, which remember the outage for half a minute.
    """

    pods: int = 3
    settle: float = 40.0
    limit: float = LIMIT
    fault: FaultName = FaultName.ERROR_BURST
    to_the_end: bool = True


QUICK_FLEET = FleetDemoPlan(pods=2, settle=12.0, to_the_end=False)


def run_fleet_demo(plan: FleetDemoPlan, directory: Path, progress: Progress) -> ExitCode:
    """Play the whole story; see `run_demo`, which this is like."""
    with Supervisor() as supervisor, WebhookReceiver() as receiver:
        return _FleetStory(plan, directory, progress, supervisor, receiver).play()


class _FleetStory:
    def __init__(
        self,
        plan: FleetDemoPlan,
        directory: Path,
        progress: Progress,
        supervisor: Supervisor,
        receiver: WebhookReceiver,
    ) -> None:
        self._plan, self._directory, self._progress = plan, directory, progress
        self._supervisor, self._receiver = supervisor, receiver
        self._watch = DemoChecks(supervisor, receiver, progress, limit=plan.limit)

    def play(self) -> ExitCode:
        standard = stack.announce_build(self._progress, self._directory, _FLEET)
        fleet, running = self._start(standard)
        with (
            local_session() as session,
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

    def _start(self, standard: stack.Built) -> tuple[servers.FleetServer, stack.RunningStack]:
        self._progress.title("Start the servers")
        fleet = servers.fleet(self._supervisor, f"--speed={FACTOR}", pods=self._plan.pods)
        running = stack.start_stack(self._supervisor, self._receiver, self._directory / "demo", standard, fleet.targets)
        self._progress.say(f"simulated fleet   {fleet.url}, {self._plan.pods} pods at {', '.join(fleet.targets)}")
        self._watch.introduce(running)
        self._progress.say(f"The fleet's time runs {FACTOR} times as fast: its hour is what the rules call 1h.")
        return fleet, running

    def _settle(self, running: stack.RunningStack, prometheus: Prometheus) -> None:
        self._progress.title("Let the fleet work and rules evaluate")
        self._watch.settle(prometheus, self._plan.settle)
        self._progress.say(rule_summary(prometheus))
        self._watch.expect_silence(running)

    def _break(
        self, fleet: servers.FleetServer, running: stack.RunningStack, prometheus: Prometheus
    ) -> list[HeldAlert]:
        """The doctor looks while the alert is active: a panel that lists alerts has nothing to show before."""
        fault, remote = self._plan.fault, FleetClient(fleet.url)
        self._progress.happened(
            "fault", f"Inject a fault: {fault}, as `regobs simulate break {fault} --control {fleet.url}` does"
        )
        begun = time.monotonic()
        remote.strike(fault, _LONG)
        raised = self._watch.alert(running, begun)
        self._watch.panels(running, prometheus, all_with_data=True)
        self._progress.happened("repair", "Remove the fault")
        remote.repair(fault)
        return raised
