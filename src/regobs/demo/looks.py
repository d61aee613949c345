"""What the demo looks at while everything works: the state of the rules, of the SLOs, and the doctor's report."""

from __future__ import annotations

from collections import Counter

from regobs import doctor
from regobs.demo.stage import Built
from regobs.doctor import Report
from regobs.prometheus import Prometheus
from regobs.slo import outputs
from regobs.slo.status import HEADER, read_status


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


def rules(prometheus: Prometheus) -> str:
    """How many rules of which kind are loaded, and how many alerts are active."""
    loaded = Counter(rule.kind for group in prometheus.rules() for rule in group.rules)
    active = Counter(alert.state for alert in prometheus.alerts())
    return (
        f"{loaded['recording']} recording and {loaded['alerting']} alerting rules evaluate, "
        f"{active['firing']} alerts firing, {active['pending']} pending"
    )


def slo_status(prometheus: Prometheus, built: Built) -> str:
    """One line an SLO: target, events and bad events of the period, what is left of its budget, highest burn rate."""
    slos, windows = outputs.load_slos(built.pack, built.config), outputs.load_windows(built.pack, built.config)
    rows = [HEADER, *(row.cells for row in read_status(prometheus, slos, windows))]
    shown = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in shown]
    lines = zip(*shown, strict=True)
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def examine(prometheus: Prometheus, built: Built) -> Report:
    """The doctor's report on the running pack."""
    return doctor.examine(prometheus, built.pack, built.config, files=built.files)


def doctor_table(report: Report) -> str:
    """The report as a person reads it."""
    return doctor.text(report)
