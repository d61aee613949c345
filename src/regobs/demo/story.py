"""The story of the demo, act by act: build, start, use, look, break, repair, sum up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from regobs.demo import faults, looks, loopback, stage
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
_HOUR = 3600  # seconds
_TOGETHER = 2.0  # seconds in which the alerts that belong to the first one arrive


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
        self._missing: list[str] = []

    def play(self) -> ExitCode:
        standard = self._build()
        running = self._start(standard)
        pictures = images(_SEED, self._plan.largest)
        self._use(running, pictures)
        with (
            loopback.session() as session,
            Prometheus(running.prometheus.url, session=session) as prometheus,
            Mix(running.registry.url, pictures) as mix,
        ):
            self._settle(running, prometheus, mix)
            self._look(running, prometheus)
            raised = self._break(running, mix)
            if raised:
                repaired = self._resolve(running, raised)
                self._await_quiet(running, prometheus, repaired)
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
            small_disk=faults.wants_small_disk(self._plan.fault),
        )
        where = f"a disk of {readable(self._plan.disk)}" if running.registry.small_disk else "a directory"
        self._progress.say(f"docker-registry   {running.registry.url}  (metrics {running.registry.debug_url}), {where}")
        self._progress.say(f"Prometheus        {running.prometheus.url}")
        self._progress.say(f"Alertmanager      {running.alertmanager.url}, it notifies {self._receiver.url}")
        self._progress.say(f"The rules that run lie in {running.built.directory} ({stage.check_rules(running.built)}).")
        self._progress.say(
            f"In them every time is divided by {FACTOR}, so that what is called 1h is {_HOUR / FACTOR:g} s long."
        )
        self._progress.say("The rules with the real times are checked, not run: their alerts take minutes to resolve.")
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

        if not self._progress.wait(
            "enough requests and every rule", enough, seconds=self._plan.settle + self._plan.limit
        ):
            self._miss(f"rules that never evaluated well: {looks.unevaluated(prometheus)}")
        self._progress.say(f"{mix.tally.count()} requests from clients in the background, {looks.rules(prometheus)}")
        early = [item.name for item in self._receiver.notifications("firing")]
        if early or (early := [alert.name for alert in held_alerts(running.alertmanager.url)]):
            self._miss(f"silence before the fault: {', '.join(early)}")

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
            told = {notification.identity for notification in self._receiver.notifications("firing", struck)}
            return [alert for alert in held_alerts(running.alertmanager.url) if alert.identity in told]

        if not self._progress.wait("an alert", notified, seconds=self._plan.limit):
            self._miss("an alert at Alertmanager and its receiver")
            return []
        time.sleep(_TOGETHER)
        raised = notified()
        for notification in self._receiver.notifications("firing", struck):
            alert = HeldAlert(notification.labels, suppressed=False, receivers=(notification.receiver,))
            self._progress.say(f"after {notification.at - struck:.1f} s {notification.receiver} is notified: {alert}")
            if summary := notification.annotations.get("summary"):
                self._progress.show(summary)
        for alert in held_alerts(running.alertmanager.url):
            if alert.suppressed:
                self._progress.say(f"held back by inhibition: {alert}")
        return raised

    def _resolve(self, running: stage.Stage, raised: list[HeldAlert]) -> float:
        repaired = time.monotonic()
        awaited = {alert.identity for alert in raised}

        def resolved() -> bool:
            self._supervisor.check()
            told = {notification.identity for notification in self._receiver.notifications("resolved", repaired)}
            held = {alert.identity for alert in held_alerts(running.alertmanager.url)}
            return awaited <= told and not awaited & held

        names = ", ".join(map(str, raised))
        if not self._progress.wait("the alert to resolve", resolved, seconds=self._plan.limit):
            self._miss(f"the resolution of {names}")
        else:
            self._progress.say(f"{time.monotonic() - repaired:.1f} s after the repair it is resolved: {names}")
        return repaired

    def _await_quiet(self, running: stage.Stage, prometheus: Prometheus, repaired: float) -> None:
        """The pages with longer windows remember the outage longer, and the tickets longer than the demo lasts."""

        def paging() -> set[str]:
            self._supervisor.check()
            held = [alert.labels for alert in held_alerts(running.alertmanager.url) if not alert.suppressed]
            active = [*held, *(alert.labels for alert in prometheus.alerts())]
            pages = [labels for labels in active if labels.get("severity") == "page"]
            return {f"{labels['alertname']} {labels.get('slo', '')} {labels.get('tier', '')}" for labels in pages}

        if not self._progress.wait("pages with longer windows", lambda: not paging(), seconds=self._plan.limit):
            self._miss(f"the end of {', '.join(sorted(paging()))}")
        else:
            self._progress.say(f"{time.monotonic() - repaired:.1f} s after the repair no page is pending or firing")
        for alert in held_alerts(running.alertmanager.url):
            self._progress.say(f"a ticket stays until its windows have passed: {alert}")

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
