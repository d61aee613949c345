"""The story of a real registry, act by act: build, start, use, look, break, repair, sum up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from regobs.catalog.model import Capability, Flavor, Version
from regobs.config.model import Config
from regobs.demo import faults, looks, loopback, servers, stage
from regobs.demo.alerts import HeldAlert
from regobs.demo.client import RegistryClient
from regobs.demo.images import Image
from regobs.demo.processes import Supervisor
from regobs.demo.progress import Progress
from regobs.demo.receiver import Receiver
from regobs.demo.traffic import MB, Mix, first_round, images, readable
from regobs.demo.watch import Watch
from regobs.errors import ExitCode
from regobs.prometheus import Prometheus

_SEED = "regobs"  # the same images every time
# What Debian's docker-registry is; its packaged configuration has the descriptor cache on.
_REGISTRY = Config(
    flavor=Flavor.DISTRIBUTION, version=Version(2, 8, 2), capabilities=frozenset({Capability.DESCRIPTOR_CACHE})
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How large and how long. Sizes in bytes, times in seconds.

    `largest` is the largest layer, `disk` the size of the registry's own disk, `settle` how long clients are at work
    before anyone looks, `limit` the longest wait for one thing, `fault` is auto, full-disk or vanished.
    """

    largest: int = 100 * MB
    disk: int = 512 * MB
    settle: float = 50.0
    limit: float = 60.0
    fault: str = "auto"


QUICK = Plan(largest=8 * MB, disk=64 * MB, settle=30.0)


def tell(plan: Plan, directory: Path, progress: Progress) -> ExitCode:
    """Play the whole story; OK when everything was seen, DIFFERENCE after saying what was missing.

    Writes `production` and `demo`, two builds of the pack, into `directory`. Whatever happens, what was started has
    ended afterwards. Raises MachineError when a program is missing or dies, ServerError when one misbehaves.
    """
    with Supervisor() as supervisor, Receiver() as receiver:
        return _Story(plan, directory, progress, supervisor, receiver).play()


class _Story:
    def __init__(
        self, plan: Plan, directory: Path, progress: Progress, supervisor: Supervisor, receiver: Receiver
    ) -> None:
        self._plan, self._directory, self._progress = plan, directory, progress
        self._supervisor, self._receiver = supervisor, receiver
        self._watch = Watch(supervisor, receiver, progress, limit=plan.limit)

    def play(self) -> ExitCode:
        standard = stage.announce_build(self._progress, self._directory, _REGISTRY)
        registry, running = self._start(standard)
        pictures = images(_SEED, self._plan.largest)
        self._use(registry, pictures)
        with (
            loopback.session() as session,
            Prometheus(running.prometheus.url, session=session) as prometheus,
            Mix(registry.url, pictures) as mix,
        ):
            self._settle(running, prometheus, mix)
            self._watch.slos(running, prometheus)
            self._watch.panels(running, prometheus)
            if raised := self._break(registry, running, mix):
                self._watch.quiet(running, prometheus, self._watch.resolution(running, raised))
            self._watch.page(running, prometheus, self._directory)
        return self._watch.sum_up(running, self._directory)

    def _start(self, standard: stage.Built) -> tuple[servers.RegistryServer, stage.Stage]:
        self._progress.title("Start the servers")
        small = faults.wants_small_disk(self._plan.fault)
        registry = servers.docker_registry(self._supervisor, small_disk_bytes=self._plan.disk if small else None)
        running = stage.raise_curtain(
            self._supervisor, self._receiver, self._directory / "demo", standard, (registry.debug_address,)
        )
        where = f"a disk of {readable(self._plan.disk)}" if registry.small_disk else "a directory"
        self._progress.say(f"docker-registry   {registry.url}  (metrics {registry.debug_url}), {where}")
        self._watch.introduce(running)
        return registry, running

    def _use(self, registry: servers.RegistryServer, pictures: list[Image]) -> None:
        self._progress.title("Push and pull images")
        with RegistryClient(registry.url) as client:
            first_round(client, pictures, self._progress.say)
            tally = client.tally
        self._progress.say(
            f"{tally.count()} requests, {readable(tally.sent)} sent, {readable(tally.received)} received, "
            f"{tally.count(404)} times 404, {tally.server_errors()} server errors"
        )

    def _settle(self, running: stage.Stage, prometheus: Prometheus, mix: Mix) -> None:
        self._progress.title("Let clients work and rules evaluate")
        self._watch.settle(prometheus, self._plan.settle)
        self._progress.say(f"{mix.tally.count()} requests from clients in the background, {looks.rules(prometheus)}")
        self._watch.expect_silence(running)

    def _break(self, registry: servers.RegistryServer, running: stage.Stage, mix: Mix) -> list[HeldAlert]:
        fault = faults.choose(registry)
        self._progress.title(f"Break it: {fault.summary}")
        failed, struck = mix.tally.server_errors(), time.monotonic()
        with fault:
            raised = self._watch.alert(running, struck)
            self._progress.say(f"clients got {mix.tally.server_errors() - failed} server errors in that time")
            self._progress.title("Repair it")
        return raised
