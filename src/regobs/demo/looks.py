"""What the demo looks at while everything works: the state of the rules, of the SLOs, and the doctor's report."""

from __future__ import annotations

from collections import Counter

from regobs import doctor
from regobs.demo.stage import Built
from regobs.doctor import Report
from regobs.prometheus import Prometheus


def unevaluated(prometheus: Prometheus) -> str:
    """The first rule that was not evaluated yet or not well, and why; empty when all were."""
    loaded = [rule for group in prometheus.rules() for rule in group.rules]
    if not loaded:
        return "no rule is loaded"
    bad = next((rule for rule in loaded if rule.health != "ok"), None)
    return f"{bad.name}: {bad.last_error or 'not evaluated yet'}" if bad else ""


def rules(prometheus: Prometheus) -> str:
    """How many rules of which kind are loaded, and how many alerts are active."""
    loaded = Counter(rule.kind for group in prometheus.rules() for rule in group.rules)
    active = Counter(alert.state for alert in prometheus.alerts())
    return (
        f"{loaded['recording']} recording and {loaded['alerting']} alerting rules evaluate, "
        f"{active['firing']} alerts firing, {active['pending']} pending"
    )


def examine(prometheus: Prometheus, built: Built) -> Report:
    """The doctor's report on the running pack."""
    return doctor.examine(prometheus, built.pack, built.config)


def doctor_table(report: Report) -> str:
    """The report as a person reads it."""
    return doctor.text(report)
