"""What the demo looks at while everything works: the state of the rules, of the SLOs, and the doctor's report."""

from __future__ import annotations

import math
from collections import Counter

from regobs import doctor
from regobs.catalog import slo
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


def slo_status(prometheus: Prometheus) -> str:
    """One line an SLO: target, events, bad events and burn rate of the last hour, and what is left of its budget."""
    columns = (slo.TARGET, slo.EVENTS("1h"), slo.BAD_EVENTS("1h"), slo.BURN_RATE("1h"), slo.BUDGET_REMAINING)
    found: dict[str, dict[str, float]] = {}
    for metric in columns:
        for sample in prometheus.query(metric.name).samples:
            found.setdefault(sample.labels["slo"], {})[metric.name] = sample.value
    lines = [f"{'SLO':<30}{'target':>8}{'events':>10}{'bad':>8}{'burn rate':>11}{'budget left':>13}"]
    for name in sorted(found):
        target, events, bad, burn, left = (found[name].get(metric.name, math.nan) for metric in columns)
        numbers = f"{target:>8.1%}{events:>10.0f}{bad:>8.0f}{burn:>11.2f}{left:>13.1%}"
        lines.append(f"{name:<30}" + (numbers if events > 0 else f"{target:>8.1%}{'no event yet':>18}"))
    return "\n".join(lines)


def examine(prometheus: Prometheus, built: Built) -> Report:
    """The doctor's report on the running pack."""
    return doctor.examine(prometheus, built.pack, built.config, files=built.files)


def doctor_table(report: Report) -> str:
    """The report as a person reads it."""
    return doctor.text(report)
