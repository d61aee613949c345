"""The report as text: one line a panel, each reason once below, one summary line at the end."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from math import isfinite
from pathlib import Path

from regobs.catalog.targets import NOBODY
from regobs.common.counts import are, counted, number_text
from regobs.common.table import escape
from regobs.config.loading import DEFAULT_NAME
from regobs.doctor.report import NO_ADDRESS, DashboardFinding, DoctorReport, PanelFinding, RuleFinding
from regobs.doctor.server import since_text
from regobs.doctor.verdict import Status, Verdict

_WIDTH = max(len(status.value) for status in Status)


class _Notes:
    """The reasons, numbered in the order they are met; the same reason has one number, also of several metrics."""

    def __init__(self) -> None:
        self._notes: dict[tuple[Status, str, str], tuple[int, dict[str, None]]] = {}

    def mark(self, verdict: Verdict) -> str:
        if not verdict.reason:
            return ""
        name, rest = _split(verdict.reason)
        key = (verdict.status, rest, verdict.change)
        number, names = self._notes.setdefault(key, (len(self._notes) + 1, {}))
        names.setdefault(name)
        return f"  [{number}]"

    def lines(self) -> Iterator[str]:
        for (status, rest, change), (number, names) in self._notes.items():
            more = len(names) - 1
            also = f"; the same of {more} other metric{'' if more == 1 else 's'}" if more else ""
            yield f"  [{number}] {status.value}: {next(iter(names))}{rest}{also}"
            if change:
                yield f"  {' ' * len(str(number))}   change: {change}"


def _split(reason: str) -> tuple[str, str]:
    """The metric that begins a reason, and the rest: the same may be so of many metrics."""
    first, space, rest = reason.partition(" ")
    return (first, space + rest) if "_" in first else ("", reason)


def text(report: DoctorReport, *, failing_only: bool = False) -> str:
    """The whole report, with a line break at its end."""
    notes = _Notes()
    lines = [_headline(report), *_firing(report), *_state(report)]
    for board in report.dashboards:
        lines += _board(board, notes, failing_only=failing_only)
    lines += _rules(report.rules, notes, failing_only=failing_only)
    if not failing_only:
        lines += _left_out(report)
    below = list(notes.lines())
    if below:
        lines += ["", "Reasons", *below]
    if report.problems:
        lines += ["", "Problems"]
        for problem in report.problems:
            lines += [f"  - {problem.text}", f"    change: {problem.change}"]
    lines += _proposal(report)
    return "\n".join([*lines, "", *summary(report)]) + "\n"


def _headline(report: DoctorReport) -> str:
    version = f" {report.version}" if report.version else ""
    server = f" {report.server_version}" if report.server_version else ""
    return f"{report.server_name}{server} at {report.server}; registry: {report.flavor}{version}"


def _firing(report: DoctorReport) -> Iterator[str]:
    """What burns comes first, whatever else is asked for."""
    if report.firing:
        yield from ("", "Firing now")
    for alert in report.firing:
        labels = ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()))
        value = f"value {number_text(alert.value, 4)}" if isfinite(alert.value) else ""
        yield "  " + "  ".join(filter(None, (alert.name, f"({labels})", value, since_text(alert, report.now))))
        yield f"      runbook: {alert.runbook_text}"
    if not all(alert.runbook for alert in report.firing):
        yield f"  {NO_ADDRESS}"


def _state(report: DoctorReport) -> Iterator[str]:
    if report.state:
        yield from ("", "The server itself")
    for problem in report.state:
        yield from (f"  - {problem.text}", f"    change: {problem.change}")


def _board(board: DashboardFinding, notes: _Notes, *, failing_only: bool) -> Iterator[str]:
    hidden = {status for status in Status if failing_only and not status.failing} | {Status.LEFT_OUT}
    panels = [panel for panel in board.panels if panel.verdict.status not in hidden]
    if not panels:
        return
    yield ""
    yield board.title
    width = max(len(panel.row) for panel in panels)
    for panel in panels:
        line = f"  {panel.verdict.status.value:<{_WIDTH}}  {panel.row:<{width}}  {panel.title}"
        yield line + "".join(_marks(panel, notes))


def _left_out(report: DoctorReport) -> Iterator[str]:
    """How many panels are left out for each reason; the metric that begins a reason is not what tells them apart."""
    reasons = [
        panel.verdict.reason
        for board in report.dashboards
        for panel in board.panels
        if panel.verdict.status is Status.LEFT_OUT
    ]
    counts = Counter(_split(reason)[1].strip() for reason in reasons)
    if not counts:
        return
    yield ""
    yield "Panels left out"
    for reason, count in counts.most_common():
        yield f"  {count:>{_WIDTH}}  {reason or 'no reason given'}"


def _marks(panel: PanelFinding, notes: _Notes) -> Iterable[str]:
    """The panel's reason; of a panel of several queries each reason that is as bad as the panel."""
    verdicts = [query.verdict for query in panel.queries if query.verdict.status is panel.verdict.status]
    return dict.fromkeys(notes.mark(verdict) for verdict in verdicts)


def _rules(rules: Iterable[RuleFinding], notes: _Notes, *, failing_only: bool) -> Iterator[str]:
    """The alerts, and those recording rules that do not do their work; alike ones in one line with their number."""
    shown = [rule for rule in rules if rule.kind == "alerting" or rule.verdict.status.failing]
    lines = Counter(
        (rule.verdict, rule.state or ("recording" if rule.kind != "alerting" else "unknown"), _named(rule))
        for rule in shown
        if rule.verdict.status.failing or not failing_only
    )
    if not lines:
        return
    yield ""
    yield "Rules" if any(state == "recording" for _, state, _ in lines) else "Alerts"
    for (verdict, state, name), count in lines.items():
        times = f"  x{count}" if count > 1 else ""
        yield f"  {verdict.status.value:<{_WIDTH}}  {state:<9}  {name}{times}{notes.mark(verdict)}"


def _named(rule: RuleFinding) -> str:
    """An active alert by all its labels, any other alert by its severity, a recording rule by the start of its name."""
    if rule.kind != "alerting":
        return rule.name.rpartition(":")[0] + ":*" if ":" in rule.name else rule.name
    if rule.state in {"firing", "pending"}:
        labels = ", ".join(f"{label}={value}" for label, value in sorted(rule.labels.items()))
        return f"{rule.name} ({labels})" if labels else rule.name
    severity = rule.labels.get("severity")
    return f"{rule.name} ({severity})" if severity else rule.name


def proposed_title(report: DoctorReport) -> str:
    """What stands above the proposed settings, with the command that writes them into the file that was read."""
    file = report.proposal.file if report.proposal is not None else DEFAULT_NAME
    out = "" if Path(file) in {Path(DEFAULT_NAME), Path.cwd() / DEFAULT_NAME} else f" --out {shlex.quote(file)}"
    return f"Proposed settings: `regobs init --update{out}` writes them"


def _proposal(report: DoctorReport) -> Iterator[str]:
    """The settings that the server implies, as a diff of the file with the reason of each."""
    if report.proposal is None or not report.proposal.settings:
        return
    yield from ("", proposed_title(report))
    for setting in report.proposal.settings:
        first, *rest = setting.reason.split("\n")
        yield f"  {setting.name}: {first}"
        yield from (f"    {line}" for line in rest)
    yield from diff_lines(report)


def diff_lines(report: DoctorReport) -> list[str]:
    """The lines of the diff of the settings file, which stay as they are however wide they are."""
    diff = report.proposal.diff if report.proposal is not None else ""
    return [f"  {escape(line)}" for line in diff.split("\n") if line]


def summary(report: DoctorReport) -> Iterator[str]:
    """One line on the panels, one on the rules when there are any."""
    panels = report.panels
    asked = sum(panels.values()) - panels[Status.LEFT_OUT]
    line = f"{panels[Status.DATA] + panels[Status.ZERO]} of {asked} panels have data"
    if panels[Status.ZERO]:
        line += f" ({panels[Status.ZERO]} {are(panels[Status.ZERO])} zero)"
    if panels[Status.QUIET]:
        line += f", {panels[Status.QUIET]} {are(panels[Status.QUIET])} quiet: nothing happened yet"
    if panels[Status.EMPTY]:
        line += f", {panels[Status.EMPTY]} {are(panels[Status.EMPTY])} empty"
    if panels[Status.LEFT_OUT]:
        line += f"; {panels[Status.LEFT_OUT]} left out"
    errors = report.query_errors
    yield f"{line}; {errors} query error{'' if errors == 1 else 's'}"
    if report.rules:
        failing = sum(rule.verdict.status.failing for rule in report.rules)
        alerts = [rule for rule in report.rules if rule.kind == "alerting"]
        told = [rule for rule in alerts if rule.labels.get("severity") != NOBODY]
        states = ", ".join(f"{sum(rule.state == state for rule in told)} {state}" for state in ("firing", "pending"))
        silent = sum(rule.state == "firing" for rule in alerts) - sum(rule.state == "firing" for rule in told)
        more = f"; {silent} more, such as the watchdog, fires and tells nobody" if silent == 1 else ""
        more = f"; {silent} more, such as the watchdog, fire and tell nobody" if silent > 1 else more
        working = len(report.rules) - failing
        works = f"{working} of {counted(len(report.rules), 'rule')} work{'s' if working == 1 else ''}"
        yield f"{works}; of {counted(len(alerts), 'alert')} {states}{more}"
