"""What a story of the demo sees from the outside: rules that evaluate, SLOs, panels, alerts that arrive and resolve."""

from __future__ import annotations

import time
from pathlib import Path

from regobs.demo import looks
from regobs.demo.alerts import HeldAlert, held_alerts
from regobs.demo.page import leave_page
from regobs.demo.processes import Supervisor
from regobs.demo.progress import Progress
from regobs.demo.receiver import Receiver
from regobs.demo.shortened import FACTOR
from regobs.demo.stage import Stage, check_rules
from regobs.doctor import Report, Status
from regobs.errors import ExitCode
from regobs.prometheus import Prometheus

_HOUR = 3600  # seconds
_LATE = 3.0  # seconds from an alert to its notification, at most
_TOGETHER = 2.0  # seconds in which the alerts that belong to the first one arrive


class Watch:
    """Says what it sees and remembers what it should have seen. `limit` is the longest wait for one thing, seconds."""

    def __init__(self, supervisor: Supervisor, receiver: Receiver, progress: Progress, *, limit: float) -> None:
        self._supervisor, self._receiver, self._progress = supervisor, receiver, progress
        self._limit = limit
        self._missing: list[str] = []
        self._scraped = 0.0  # time.monotonic() when all targets had been scraped for the first time

    def miss(self, what: str) -> None:
        """Something was not seen: the story ends with DIFFERENCE."""
        self._missing.append(what)
        self._progress.say(f"MISSING: {what}")

    def introduce(self, stage: Stage) -> None:
        """Say where the servers are, and what runs in them."""
        self._progress.say(f"Prometheus        {stage.prometheus.url}")
        self._progress.say(f"Alertmanager      {stage.alertmanager.url}, it notifies {self._receiver.url}")
        self._progress.say(f"The rules that run lie in {stage.built.directory} ({check_rules(stage.built)}).")
        self._progress.say(
            f"In them every time is divided by {FACTOR}, so that what is called 1h is {_HOUR / FACTOR:g} s long."
        )
        self._progress.say("The rules with the real times are checked, not run: their alerts take minutes to resolve.")

    def settle(self, prometheus: Prometheus, seconds: float) -> None:
        """Wait so many seconds, and until every rule has evaluated."""
        begun = time.monotonic()

        def enough() -> bool:
            self._supervisor.check()
            if not self._scraped and looks.scraped(prometheus):
                self._scraped = time.monotonic()
            return time.monotonic() - begun >= seconds and not looks.unevaluated(prometheus)

        if not self._progress.wait("enough requests and every rule", enough, seconds=seconds + self._limit):
            self.miss(f"rules that never evaluated well: {looks.unevaluated(prometheus)}")

    def expect_silence(self, stage: Stage) -> None:
        """Nothing was notified since there is something to see, and nothing is active.

        Prometheus scrapes five seconds after its start at the earliest. That its target is missing until then is true,
        and it is notified where the rule waits for five short seconds.
        """
        since = self._scraped + _LATE if self._scraped else 0.0
        early = [item.name for item in self._receiver.notifications("firing", since)]
        if early or (early := [alert.name for alert in held_alerts(stage.alertmanager.url)]):
            self.miss(f"silence before the fault: {', '.join(early)}")

    def slos(self, stage: Stage, prometheus: Prometheus) -> None:
        """Show the state of each SLO."""
        self._progress.title("Where the SLOs stand")
        self._progress.show(looks.slo_status(prometheus, stage.built))

    def panels(self, stage: Stage, prometheus: Prometheus, *, all_with_data: bool = False) -> None:
        """Show what the doctor finds; with `all_with_data` only when no panel is quiet either, or after the limit."""
        self._progress.title("What the doctor finds")
        report = looks.examine(prometheus, stage.built)
        if all_with_data and _lacking(report):
            report = self._complete(stage, prometheus) or looks.examine(prometheus, stage.built)
        self._progress.show(looks.doctor_table(report))
        if report.exit_code is not ExitCode.OK or (all_with_data and _lacking(report)):
            self.miss("data in every panel and rule (see the doctor's table)")

    def _complete(self, stage: Stage, prometheus: Prometheus) -> Report | None:
        def complete() -> Report | None:
            self._supervisor.check()
            report = looks.examine(prometheus, stage.built)
            return None if _lacking(report) else report

        return self._progress.wait("data in every panel", complete, seconds=self._limit)

    def alert(self, stage: Stage, struck: float) -> list[HeldAlert]:
        """Wait for an alert that is notified after time.monotonic() was `struck`; those that came, if any."""

        def notified() -> list[HeldAlert]:
            self._supervisor.check()
            told = {notification.identity for notification in self._receiver.notifications("firing", struck)}
            return [alert for alert in held_alerts(stage.alertmanager.url) if alert.identity in told]

        if not self._progress.wait("an alert", notified, seconds=self._limit):
            self.miss("an alert at Alertmanager and its receiver")
            return []
        time.sleep(_TOGETHER)
        raised = notified()
        for notification in self._receiver.notifications("firing", struck):
            alert = HeldAlert(notification.labels, suppressed=False, receivers=(notification.receiver,))
            self._progress.say(f"after {notification.at - struck:.1f} s {notification.receiver} is notified: {alert}")
            if summary := notification.annotations.get("summary"):
                self._progress.show(summary)
        for alert in held_alerts(stage.alertmanager.url):
            if alert.suppressed:
                self._progress.say(f"held back by inhibition: {alert}")
        return raised

    def resolution(self, stage: Stage, raised: list[HeldAlert]) -> float:
        """Wait until these alerts are resolved. To be called right after the repair, whose time it returns."""
        repaired = time.monotonic()
        awaited = {alert.identity for alert in raised}

        def resolved() -> bool:
            self._supervisor.check()
            told = {notification.identity for notification in self._receiver.notifications("resolved", repaired)}
            held = {alert.identity for alert in held_alerts(stage.alertmanager.url)}
            return awaited <= told and not awaited & held

        names = ", ".join(map(str, raised))
        if not self._progress.wait("the alert to resolve", resolved, seconds=self._limit):
            self.miss(f"the resolution of {names}")
        else:
            self._progress.say(f"{time.monotonic() - repaired:.1f} s after the repair it is resolved: {names}")
        return repaired

    def quiet(self, stage: Stage, prometheus: Prometheus, repaired: float) -> None:
        """Wait until no page is left: those with longer windows remember the outage longer.

        The tickets do so longer than the demo lasts.
        """

        def paging() -> set[str]:
            self._supervisor.check()
            held = [alert.labels for alert in held_alerts(stage.alertmanager.url) if not alert.suppressed]
            active = [*held, *(alert.labels for alert in prometheus.alerts())]
            pages = [labels for labels in active if labels.get("severity") == "page"]
            return {f"{labels['alertname']} {labels.get('slo', '')} {labels.get('tier', '')}" for labels in pages}

        if not self._progress.wait("pages with longer windows", lambda: not paging(), seconds=self._limit):
            self.miss(f"the end of {', '.join(sorted(paging()))}")
        else:
            self._progress.say(f"{time.monotonic() - repaired:.1f} s after the repair no page is pending or firing")
        for alert in held_alerts(stage.alertmanager.url):
            self._progress.say(f"a ticket stays until its windows have passed: {alert}")

    def page(self, stage: Stage, prometheus: Prometheus, directory: Path) -> None:
        """Leave a page of everything since the start."""
        self._progress.title("Keep what happened")
        self._progress.say(leave_page(prometheus, stage.built, directory, self._progress.elapsed))

    def sum_up(self, stage: Stage, directory: Path) -> ExitCode:
        """The end of the story: what was missing, and where the builds lie."""
        self._progress.title("Done" if not self._missing else "Done, but not everything was seen")
        for what in self._missing:
            self._progress.say(f"missing: {what}")
        self._progress.say(f"for your own servers: {directory / 'production'}")
        self._progress.say(f"what ran here:        {stage.built.directory}")
        return ExitCode.DIFFERENCE if self._missing else ExitCode.OK


def _lacking(report: Report) -> bool:
    """Whether a panel has no data, whatever the reason."""
    statuses = report.panels
    return report.exit_code is not ExitCode.OK or bool(statuses[Status.QUIET])
