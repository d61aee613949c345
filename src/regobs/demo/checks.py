"""What a story of the demo sees from the outside: rules that evaluate, SLOs, panels, alerts that arrive and resolve."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from regobs import doctor
from regobs.common.programs import Supervisor
from regobs.common.screen import screen
from regobs.common.table import table
from regobs.demo.alerts import HeldAlert, WebhookReceiver, held_alerts
from regobs.demo.progress import Progress
from regobs.demo.shortened import FACTOR, shorten, shorten_dashboard
from regobs.demo.stack import Built, RunningStack, check_rules
from regobs.doctor import DoctorReport, Status
from regobs.doctor.content import panel_questions, rules_of_files
from regobs.errors import ExitCode, MachineError
from regobs.grafana.outputs import Dashboards
from regobs.prometheus import Prometheus
from regobs.slo import outputs, records
from regobs.slo.alert_tests import WATCHDOG
from regobs.slo.status import HEADER, read_status
from regobs.snapshot.span import span_of
from regobs.snapshot.take import take
from regobs.snapshot.taken import SnapshotEvent
from regobs.snapshot.vega import vl_convert
from regobs.snapshot.write import produce, write


def unevaluated(prometheus: Prometheus) -> str:
    """The first rule that was not evaluated yet or not well, and why; empty when all were."""
    loaded = [rule for group in prometheus.rules() for rule in group.rules]
    if not loaded:
        return "no rule is loaded"
    bad = next((rule for rule in loaded if rule.health != "ok"), None)
    return f"{bad.name}: {bad.last_error or 'not evaluated yet'}" if bad else ""


def scraped(prometheus: Prometheus) -> bool:
    """Whether there are targets, and each has been scraped, well or not."""
    targets = prometheus.targets()
    return bool(targets) and all(target.health != "unknown" for target in targets)


def rule_summary(prometheus: Prometheus) -> str:
    """How many rules of which kind are loaded, and how many alerts are active that tell somebody."""
    loaded = Counter(rule.kind for group in prometheus.rules() for rule in group.rules)
    active = Counter(alert.state for alert in prometheus.alerts() if _tells(alert.labels))
    return (
        f"{loaded['recording']} recording and {loaded['alerting']} alerting rules evaluate, "
        f"{active['firing']} alerts firing, {active['pending']} pending"
    )


def slo_status(prometheus: Prometheus, built: Built) -> str:
    """One line an SLO: target, events and bad events of the period, what is left of its budget, highest burn rate.

    Those without data are named in one line below the others, with the reason.
    """
    slos, windows = outputs.load_slos(built.pack, built.config), outputs.load_windows(built.pack, built.config)
    found = read_status(prometheus, slos, windows, built.config)
    text = ""
    if rows := [row.cells for row in found if row.events is not None]:
        columns = [column for column in zip(HEADER, *rows, strict=True) if any(column[1:])]
        head, *shown = zip(*columns, strict=True)
        text = table(head, shown, on=screen())
    return "\n".join(filter(None, [text, _without_data([row.slo for row in found if row.events is None], built)]))


def _without_data(names: Sequence[str], built: Built) -> str:
    """SLOs without data in one line, those of one reason together."""
    lacking = outputs.compile_rules(built.pack, built.config).left_out
    why = {one["rule"]: one["reason"].partition(" ")[2] for one in lacking}  # without the metric, which differs
    reasons: dict[str, list[str]] = {}
    for name in names:
        reasons.setdefault(why.get(name, "no event in this time"), []).append(name)
    told = "; ".join(f"{', '.join(listed)} ({reason})" for reason, listed in reasons.items())
    return f"{len(names)} of the pack's SLOs have no data here: {told}" if told else ""


def examine(prometheus: Prometheus, built: Built) -> DoctorReport:
    """The doctor's report on the running pack, whose panels are asked for short times as its rules are."""
    panels = [
        replace(question, expr=question.expr and shorten(question.expr))
        for question in panel_questions(built.pack, built.config, records(built.pack, built.config))
    ]
    return doctor.examine_questions(prometheus, built.config, panels, rules_of_files(built.files))


def doctor_table(report: DoctorReport) -> str:
    """The report as a person reads it."""
    return doctor.text(report)


NAME = "demo.html"
_TITLE = "regobs demo: a container registry before, during and after a fault"
_SHORTENED = (
    f"In these rules every time is divided by {FACTOR}, so that an outage fits into four minutes: "
    f"a panel that says 1 h shows {3600 // FACTOR} seconds, and a period of 28 days lasts {28 * 24 / FACTOR:.0f} hours."
)


def write_page(prometheus: Prometheus, built: Built, directory: Path, progress: Progress) -> str:
    """Write the page of everything since the start; one line that says where it lies, or why it does not."""
    try:
        vl_convert()
    except MachineError as error:
        return f"no page of all this: {error.message} ({error.value}); {error.next_step}"
    now = time.time()
    dashboards = Dashboards.of(built.pack, built.config, records(built.pack, built.config)).as_built()
    events = [SnapshotEvent(*event) for event in progress.events]
    span = span_of(now - progress.elapsed, now, built.config.prometheus.scrape_interval.ms / 1000)
    shown = [shorten_dashboard(board) for board in dashboards if any(row.panels for row in board.rows)]
    taken = take(prometheus, shown, built.config, span, events=events)
    write(produce(taken, directory / NAME, None, title=_TITLE, notes=(_SHORTENED,)))
    return f"all of it as one page: {directory / NAME}  (opens without any server)"


_HOUR = 3600  # seconds
_LATE = 3.0  # seconds from an alert to its notification, at most
_TOGETHER = 2.0  # seconds in which the alerts that belong to the first one arrive


class DemoChecks:
    """Says what it sees and remembers what it should have seen. `limit` is the longest wait for one thing, seconds."""

    def __init__(self, supervisor: Supervisor, receiver: WebhookReceiver, progress: Progress, *, limit: float) -> None:
        self._supervisor, self._receiver, self._progress = supervisor, receiver, progress
        self._limit = limit
        self._missing: list[str] = []
        self._scraped = 0.0  # time.monotonic() when all targets had been scraped for the first time

    def miss(self, what: str) -> None:
        """Something was not seen: the story ends with DIFFERENCE."""
        self._missing.append(what)
        self._progress.say(f"MISSING: {what}")

    def introduce(self, running: RunningStack) -> None:
        """Say where the servers are, and what runs in them."""
        self._progress.say(f"Prometheus        {running.prometheus.url}")
        self._progress.say(f"Alertmanager      {running.alertmanager.url}, it notifies {self._receiver.url}")
        self._progress.say(f"The rules that run lie in {running.built.directory} ({check_rules(running.built)}).")
        self._progress.say(
            f"In them every time is divided by {FACTOR}, so that what is called 1h is {_HOUR / FACTOR:g} s long."
        )
        self._progress.say("The rules with the real times are checked, not run: their alerts take minutes to resolve.")

    def settle(self, prometheus: Prometheus, seconds: float) -> None:
        """Wait so many seconds, and until every rule has evaluated."""
        begun = time.monotonic()

        def enough() -> bool:
            self._supervisor.check()
            if not self._scraped and scraped(prometheus):
                self._scraped = time.monotonic()
            return time.monotonic() - begun >= seconds and not unevaluated(prometheus)

        if not self._progress.wait("enough requests and every rule", enough, seconds=seconds + self._limit):
            self.miss(f"rules that never evaluated well: {unevaluated(prometheus)}")

    def expect_silence(self, running: RunningStack) -> None:
        """Notifications arrive, as the alert that always fires shows; of others none came and none is active.

        What came before there was something to see does not count.
        Prometheus scrapes five seconds after its start at the earliest. That its target is missing until then is true,
        and it is notified where the rule waits for five short seconds.
        """

        def watched() -> bool:
            self._supervisor.check()
            return any(item.name == WATCHDOG for item in self._receiver.notifications("firing"))

        if self._progress.wait(f"{WATCHDOG}, which always fires", watched, seconds=self._limit):
            self._progress.say(f"{WATCHDOG}, which always fires, has arrived at its receiver")
        else:
            self.miss(f"{WATCHDOG} at Alertmanager and its receiver")
        since = self._scraped + _LATE if self._scraped else 0.0
        early = {item.name for item in self._receiver.notifications("firing", since) if _tells(item.labels)}
        early |= {alert.name for alert in held_alerts(running.alertmanager.url) if _tells(alert.labels)}
        if early:
            self.miss(f"silence before the fault: {', '.join(sorted(early))}")

    def slos(self, running: RunningStack, prometheus: Prometheus) -> None:
        """Show the state of each SLO."""
        self._progress.title("Where the SLOs stand")
        self._progress.show(slo_status(prometheus, running.built))

    def panels(self, running: RunningStack, prometheus: Prometheus, *, all_with_data: bool = False) -> None:
        """Show what the doctor finds; with `all_with_data` only when no panel is quiet either, or after the limit."""
        self._progress.title("What the doctor finds")
        report = examine(prometheus, running.built)
        if all_with_data and _lacking(report):
            report = self._complete(running, prometheus) or examine(prometheus, running.built)
        self._progress.show(doctor_table(report))
        if report.exit_code is not ExitCode.OK or (all_with_data and _lacking(report)):
            self.miss("data in every panel and rule (see the doctor's table)")

    def _complete(self, running: RunningStack, prometheus: Prometheus) -> DoctorReport | None:
        def complete() -> DoctorReport | None:
            self._supervisor.check()
            report = examine(prometheus, running.built)
            return None if _lacking(report) else report

        return self._progress.wait("data in every panel", complete, seconds=self._limit)

    def alert(self, running: RunningStack, begun: float) -> list[HeldAlert]:
        """Wait for a page that is notified after time.monotonic() was `begun`; the pages that came, if any.

        A ticket that comes with it is shown and not awaited: its windows remember the outage for longer.
        """

        def notified() -> list[HeldAlert]:
            self._supervisor.check()
            told = {item.identity for item in self._receiver.notifications("firing", begun) if _pages(item.labels)}
            return [alert for alert in held_alerts(running.alertmanager.url) if alert.identity in told]

        if not self._progress.wait("a page", notified, seconds=self._limit):
            self.miss("a page at Alertmanager and its receiver")
            return []
        time.sleep(_TOGETHER)
        raised = notified()
        for notification in self._receiver.notifications("firing", begun):
            if not _tells(notification.labels):
                continue
            alert = HeldAlert(notification.labels, suppressed=False, receivers=(notification.receiver,))
            self._progress.say(f"after {notification.at - begun:.1f} s {notification.receiver} is notified: {alert}")
            if summary := notification.annotations.get("summary"):
                self._progress.show(summary)
        for alert in held_alerts(running.alertmanager.url):
            if alert.suppressed:
                self._progress.say(f"held back by inhibition: {alert}")
        return raised

    def resolution(self, running: RunningStack, raised: list[HeldAlert]) -> float:
        """Wait until these alerts are resolved. To be called right after the repair, whose time it returns."""
        repaired = time.monotonic()
        awaited = {alert.identity for alert in raised}

        def resolved() -> bool:
            self._supervisor.check()
            told = {notification.identity for notification in self._receiver.notifications("resolved", repaired)}
            held = {alert.identity for alert in held_alerts(running.alertmanager.url)}
            return awaited <= told and not awaited & held

        names = ", ".join(map(str, raised))
        if not self._progress.wait("the alert to resolve", resolved, seconds=self._limit):
            self.miss(f"the resolution of {names}")
        else:
            self._progress.say(f"{time.monotonic() - repaired:.1f} s after the repair it is resolved: {names}")
        return repaired

    def quiet(self, running: RunningStack, prometheus: Prometheus, repaired: float) -> None:
        """Wait until no page is left: those with longer windows remember the outage longer.

        The tickets do so longer than the demo lasts.
        """

        def paging() -> set[str]:
            self._supervisor.check()
            held = [alert.labels for alert in held_alerts(running.alertmanager.url) if not alert.suppressed]
            active = [*held, *(alert.labels for alert in prometheus.alerts())]
            pages = [labels for labels in active if _pages(labels)]
            return {f"{labels['alertname']} {labels.get('slo', '')} {labels.get('tier', '')}" for labels in pages}

        if not self._progress.wait("pages with longer windows", lambda: not paging(), seconds=self._limit):
            self.miss(f"the end of {', '.join(sorted(paging()))}")
        else:
            self._progress.say(f"{time.monotonic() - repaired:.1f} s after the repair no page is pending or firing")
        for alert in filter(lambda one: _tells(one.labels), held_alerts(running.alertmanager.url)):
            self._progress.say(f"a ticket stays until its windows have passed: {alert}")

    def page(self, running: RunningStack, prometheus: Prometheus, directory: Path) -> None:
        """Leave a page of everything since the start."""
        self._progress.title("Keep what happened")
        self._progress.say(write_page(prometheus, running.built, directory, self._progress))

    def sum_up(self, running: RunningStack, directory: Path) -> ExitCode:
        """The end of the story: what was missing, and where the builds lie."""
        self._progress.title("Done" if not self._missing else "Done, but not everything was seen")
        for what in self._missing:
            self._progress.say(f"missing: {what}")
        self._progress.say(f"for your own servers: {directory / 'production'}")
        self._progress.say(f"what ran here:        {running.built.directory}")
        return ExitCode.DIFFERENCE if self._missing else ExitCode.OK


def _tells(labels: Mapping[str, str]) -> bool:
    """Whether somebody is to act on an alert: one without severity shows that alerts arrive, or inhibits others."""
    return labels.get("severity") != "none"


def _pages(labels: Mapping[str, str]) -> bool:
    return labels.get("severity") == "page"


def _lacking(report: DoctorReport) -> bool:
    """Whether a panel has no data, whatever the reason."""
    statuses = report.panels
    return report.exit_code is not ExitCode.OK or bool(statuses[Status.QUIET])
