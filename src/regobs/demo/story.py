"""The story of the demo, act by act: build, start, use, look, break, repair, sum up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from regobs.demo import faults, looks, stage
from regobs.demo.alerts import HeldAlert, held_alerts
from regobs.demo.client import RegistryClient
from regobs.demo.images import Image
from regobs.demo.processes import Supervisor
from regobs.demo.progress import Progress
from regobs.demo.receiver import Receiver
from regobs.demo.shortened import FACTOR
from regobs.demo.traffic import MB, Mix, first_round, images, readable
from regobs.errors import ExitCode
from regobs.prometheus import Prometheus

_SEED = "regobs"  # the same images every time


@dataclass(frozen=True, slots=True)
class Plan:
    """How large and how long. Sizes in bytes, times in seconds.

    `largest` is the largest layer, `disk` the size of the registry's own disk, `settle` how long clients are at work
    before anyone looks, `limit` the longest wait for one thing, `fault` is auto, full-disk or vanished.
    """

    largest: int = 100 * MB
    disk: int = 512 * MB
    settle: float = 35.0
    limit: float = 60.0
    fault: str = "auto"


QUICK = Plan(largest=8 * MB, disk=64 * MB, settle=20.0)


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
        self._missing: list[str] = []

    def play(self) -> ExitCode:
        standard = self._build()
        running = self._start(standard)
        pictures = images(_SEED, self._plan.largest)
        self._use(running, pictures)
        with Prometheus(running.prometheus.url) as prometheus, Mix(running.registry.url, pictures) as mix:
            self._settle(running, prometheus, mix)
            self._look(running, prometheus)
            raised = self._break(running, mix)
            if raised:
                self._resolve(running, raised)
        return self._sum_up(running)

    def _build(self) -> stage.Built:
        self._progress.title("Build the pack")
        built = stage.production(self._directory / "production")
        self._progress.say(f"{len(built.files)} files for a {built.config.flavor} registry in {built.directory}")
        self._progress.say(f"promtool accepts {stage.check_rules(built)}")
        return built

    def _start(self, standard: stage.Built) -> stage.Stage:
        self._progress.title("Start the servers")
        running = stage.raise_curtain(
            self._supervisor,
            self._receiver,
            self._directory / "demo",
            standard,
            disk=self._plan.disk,
            small_disk=self._plan.fault != "vanished" and faults.small_disk_works(),
        )
        where = f"a disk of {readable(self._plan.disk)}" if running.registry.small_disk else "a directory"
        self._progress.say(f"docker-registry   {running.registry.url}  (metrics {running.registry.debug_url}), {where}")
        self._progress.say(f"Prometheus        {running.prometheus.url}")
        self._progress.say(f"Alertmanager      {running.alertmanager.url}, it notifies {self._receiver.url}")
        self._progress.say(f"The rules that run lie in {running.built.directory} ({stage.check_rules(running.built)}).")
        self._progress.say(f"They are the same rules with every time divided by {FACTOR}: an hour is a minute here.")
        self._progress.say("Those with the real times were built and checked; in four minutes they would show nothing.")
        return running

    def _use(self, running: stage.Stage, pictures: list[Image]) -> None:
        self._progress.title("Push and pull images")
        with RegistryClient(running.registry.url) as client:
            first_round(client, pictures, self._progress.say)
            tally = client.tally
        self._progress.say(
            f"{tally.count()} requests, {readable(tally.sent)} sent, {readable(tally.received)} received, "
            f"{tally.count(404)} times 404, {tally.server_errors()} server errors"
        )

    def _settle(self, running: stage.Stage, prometheus: Prometheus, mix: Mix) -> None:
        self._progress.title("Let clients work and rules evaluate")
        begun = time.monotonic()

        def enough() -> bool:
            self._supervisor.check()
            return time.monotonic() - begun >= self._plan.settle and not looks.unevaluated(prometheus)

        if not self._progress.wait("rules", enough, seconds=self._plan.settle + self._plan.limit):
            self._miss(f"rules that never evaluated well: {looks.unevaluated(prometheus)}")
        self._progress.say(f"{mix.tally.count()} requests from clients in the background, {looks.rules(prometheus)}")
        if early := held_alerts(running.alertmanager.url):
            self._miss(f"silence before the fault: {', '.join(map(str, early))}")

    def _look(self, running: stage.Stage, prometheus: Prometheus) -> None:
        self._progress.title("Where the SLOs stand")
        self._progress.show(looks.slo_status(prometheus, running.built))
        self._progress.title("What the doctor finds")
        report = looks.examine(prometheus, running.built)
        self._progress.show(looks.doctor_table(report))
        if report.exit_code is not ExitCode.OK:
            self._miss("data in every panel and rule (see the doctor's table)")

    def _break(self, running: stage.Stage, mix: Mix) -> list[HeldAlert]:
        fault = faults.choose(running.registry)
        self._progress.title(f"Break it: {fault.summary}")
        failed, struck = mix.tally.server_errors(), time.monotonic()
        with fault:
            raised = self._await_alert(running, struck)
            self._progress.say(f"clients got {mix.tally.server_errors() - failed} server errors in that time")
            self._progress.title("Repair it")
        return raised

    def _await_alert(self, running: stage.Stage, struck: float) -> list[HeldAlert]:
        def notified() -> list[HeldAlert]:
            self._supervisor.check()
            held = held_alerts(running.alertmanager.url)
            told = {notification.name for notification in self._receiver.notifications("firing")}
            return held if any(alert.name in told for alert in held) else []

        raised = self._progress.wait("an alert", notified, seconds=self._plan.limit)
        if not raised:
            self._miss("an alert at Alertmanager and its receiver")
            return []
        for alert in raised:
            how = "held back by inhibition" if alert.suppressed else f"sent to {', '.join(alert.receivers)}"
            self._progress.say(f"at Alertmanager after {time.monotonic() - struck:.1f} s: {alert}, {how}")
        for notification in self._receiver.notifications("firing"):
            summary = notification.annotations.get("summary", "")
            self._progress.say(f"notified after {notification.at - struck:.1f} s: {notification.name}. {summary}")
        return raised

    def _resolve(self, running: stage.Stage, raised: list[HeldAlert]) -> None:
        repaired = time.monotonic()
        names = sorted({alert.name for alert in raised})

        def quiet() -> bool:
            self._supervisor.check()
            firing = {notification.name for notification in self._receiver.notifications("firing")}
            resolved = {notification.name for notification in self._receiver.notifications("resolved")}
            return not held_alerts(running.alertmanager.url) and firing <= resolved

        if not self._progress.wait("the alert to resolve", quiet, seconds=self._plan.limit):
            left = ", ".join(map(str, held_alerts(running.alertmanager.url))) or "the notification did not arrive"
            self._miss(f"the resolution of {', '.join(names)}: {left}")
            return
        self._progress.say(f"resolved {time.monotonic() - repaired:.1f} s after the repair: {', '.join(names)}")

    def _miss(self, what: str) -> None:
        self._missing.append(what)
        self._progress.say(f"MISSING: {what}")

    def _sum_up(self, running: stage.Stage) -> ExitCode:
        self._progress.title("Done" if not self._missing else "Done, but not everything was seen")
        for what in self._missing:
            self._progress.say(f"missing: {what}")
        self._progress.say(f"for your own servers: {self._directory / 'production'}")
        self._progress.say(f"what ran here:        {running.built.directory}")
        return ExitCode.DIFFERENCE if self._missing else ExitCode.OK
