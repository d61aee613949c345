"""Checks of the rules of error budgets."""

from __future__ import annotations

from collections.abc import Iterator

from regobs.catalog.slo import find
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.linted_files import LintedFile
from regobs.lint.subjects import LintedRule


@check("budget-without-alert", Severity.WARNING, CheckSubject.RULES)
def budget_without_alert(file: LintedFile) -> Iterator[LintProblem]:
    """The budget of an SLO is recorded, and no alert says that it burns.

    Why: `regobs build` leaves out burn alerts that an error budget bears to the end of a short period; of a day it
    leaves out all, and nobody hears of a registry that fails.

    Wrong:
        - record: registry:slo_burn_rate:ratio1h
          expr: sum(team:errors:rate1h) / sum(team:requests:rate1h) / 0.001
          labels: {slo: pulls}
    Right:
        - record: registry:slo_burn_rate:ratio1h
          expr: sum(team:errors:rate1h) / sum(team:requests:rate1h) / 0.001
          labels: {slo: pulls}
        - alert: RegistryPullsBurn
          expr: registry:slo_burn_rate:ratio1h{slo="pulls"} > 13.44
          labels: {slo: pulls, severity: page}
          annotations:
            summary: The budget of pulls burns
            runbook_url: https://runbooks.example.com/RegistryPullsBurn
    """
    recorded: dict[str, LintedRule] = {}
    told: set[str] = set()
    for rule in file.rules:
        slo = rule.texts("labels").get("slo", "")
        if rule.alerts:
            told.add(slo)
        elif slo and find(rule.name) is not None:
            recorded.setdefault(slo, rule)
    for slo, rule in recorded.items():
        if slo not in told:
            yield rule.problem(
                ("record",),
                f"the budget of {slo} is recorded, and no alert of this file says that it burns",
                "give the SLO a longer period (`period` under [slo] in regobs.toml, or its timeWindow): two days have"
                " the first burn alert, 28 have all",
            )
