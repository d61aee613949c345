"""The doctor's findings as values, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from regobs.doctor.verdict import Status, Verdict
from regobs.errors import ExitCode
from regobs.slo.links import runbook_file

SettingValue = str | bool | list[str]


@dataclass(frozen=True, slots=True)
class QueryFinding:
    """One query as it was sent, the number of series it gave, and the verdict."""

    text: str
    series: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class PanelFinding:
    """One panel; `verdict` is that of the query that decides."""

    row: str
    title: str
    verdict: Verdict
    queries: tuple[QueryFinding, ...]


@dataclass(frozen=True, slots=True)
class DashboardFinding:
    """One dashboard."""

    title: str
    panels: tuple[PanelFinding, ...]


@dataclass(frozen=True, slots=True)
class RuleFinding:
    """One rule of the build, with the labels that it adds itself.

    `state` is inactive, pending or firing; empty for a recording rule and when unknown.
    """

    kind: str
    name: str
    group: str
    labels: Mapping[str, str]
    state: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about the deployment as a whole that does not fit, and what to change."""

    text: str
    change: str


# What a screen says beneath alerts whose runbooks are published nowhere.
NO_ADDRESS = "`runbook_url` under [alerts] in regobs.toml says where runbooks are published; alerts then link to theirs"


# What doctor and status say of a server whose rules nobody can ask for.
SHOWS_NO_RULES = "this server does not show its rules"
ASK_WHO_EVALUATES = "ask the server that evaluates them"


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """An alert of the build that fires now: its labels, its value (NaN when unknown), since when, and its runbook.

    `runbook` is an address, empty where runbooks are published nowhere.
    """

    name: str
    labels: Mapping[str, str]
    value: float
    since: str = ""
    runbook: str = ""

    @property
    def runbook_file(self) -> str:
        """The runbook below the directory of the build."""
        return runbook_file(self.name)

    @property
    def runbook_text(self) -> str:
        """Where the runbook is, as a person is told it."""
        return self.runbook or f"{self.runbook_file} of the build, or `regobs query runbook {self.name}`"

    def as_data(self) -> dict[str, Any]:
        """The stable JSON form."""
        return {
            "name": self.name,
            "labels": dict(self.labels),
            "value": self.value if isfinite(self.value) else None,  # JSON has neither NaN nor infinity
            "since": self.since or None,
            "runbook": self.runbook or None,
            "runbook_file": self.runbook_file,
        }


@dataclass(frozen=True, slots=True)
class ProposedSetting:
    """One line of regobs.toml: the keys of its table, its key, its value, and what showed it."""

    table: tuple[str, ...]
    key: str
    value: SettingValue
    reason: str

    @property
    def name(self) -> str:
        """The table and key, such as `registry.flavor`."""
        return ".".join((*self.table, self.key))

    def as_data(self) -> dict[str, Any]:
        """The stable JSON form."""
        return {"setting": self.name, "value": self.value, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class SettingsProposal:
    """What to change in a settings file so that it says what was seen; nothing where it says so already.

    `text` is the whole file afterwards, `unknown` what the server did not show.
    """

    file: str
    settings: tuple[ProposedSetting, ...]
    text: str
    diff: str
    unknown: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """The stable JSON form."""
        return {
            "file": self.file,
            "settings": [one.as_data() for one in self.settings],
            "diff": self.diff,
            "unknown": list(self.unknown),
        }


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """Everything found. `flavor` and `version` are those that the registry itself shows, else those of regobs.toml.

    `firing` are the alerts that fire, `state` what is wrong with the server itself at its time `now`, `problems` what
    does not fit between deployment and settings, `proposal` the changes of regobs.toml that the server implies.
    `server_name` is whose version `server_version` is.
    """

    server: str
    server_version: str
    flavor: str
    version: str
    dashboards: tuple[DashboardFinding, ...]
    rules: tuple[RuleFinding, ...] = ()
    problems: tuple[Problem, ...] = ()
    firing: tuple[FiringAlert, ...] = ()
    state: tuple[Problem, ...] = ()
    now: float = 0.0
    proposal: SettingsProposal | None = None
    server_name: str = "Prometheus"

    @property
    def panels(self) -> Counter[Status]:
        """How many panels have each status."""
        return Counter(panel.verdict.status for board in self.dashboards for panel in board.panels)

    @property
    def rule_statuses(self) -> Counter[Status]:
        """How many rules have each status."""
        return Counter(rule.verdict.status for rule in self.rules)

    @property
    def query_errors(self) -> int:
        """How many queries the server could not evaluate."""
        queries = [query for board in self.dashboards for panel in board.panels for query in panel.queries]
        return sum(query.verdict.status is Status.ERROR for query in queries)

    @property
    def exit_code(self) -> ExitCode:
        """DIFFERENCE when anything that should have data has none."""
        failing = any(status.failing for status in (*self.panels, *self.rule_statuses))
        return ExitCode.DIFFERENCE if failing else ExitCode.OK

    def as_data(self, *, failing_only: bool = False) -> dict[str, Any]:
        """The stable JSON form; with `failing_only` only panels and rules that fail, the summary still of all."""
        return {
            "server": self.server,
            "server_version": self.server_version,
            "flavor": self.flavor,
            "version": self.version,
            "ok": self.exit_code is ExitCode.OK,
            "summary": self._summary(),
            "firing": [alert.as_data() for alert in self.firing],
            "server_state": [{"problem": item.text, "change": item.change} for item in self.state],
            "dashboards": [
                {
                    "title": board.title,
                    "panels": [_panel(panel) for panel in board.panels if _kept(panel, failing_only)],
                }
                for board in self.dashboards
            ],
            "alerts": [_rule(rule) for rule in self.rules if rule.kind == "alerting" and _kept(rule, failing_only)],
            "recordings": [_rule(rule) for rule in self.rules if rule.kind != "alerting" and _kept(rule, failing_only)],
            "problems": [{"problem": item.text, "change": item.change} for item in self.problems],
            "proposal": self.proposal.as_data() if self.proposal and self.proposal.settings else None,
        }

    def _summary(self) -> dict[str, int]:
        panels, rules = self.panels, self.rule_statuses
        summary = {"panels": sum(panels.values())} | {_key(status): panels[status] for status in Status}
        failing = sum(count for status, count in rules.items() if status.failing)
        return summary | {"query_errors": self.query_errors, "rules": sum(rules.values()), "failing_rules": failing}


def _kept(finding: PanelFinding | RuleFinding, failing_only: bool) -> bool:
    return finding.verdict.status.failing or not failing_only


def _key(status: Status) -> str:
    return status.value.replace(" ", "_")


def _verdict(verdict: Verdict) -> dict[str, str]:
    return {"status": _key(verdict.status), "reason": verdict.reason, "change": verdict.change}


def _panel(panel: PanelFinding) -> dict[str, Any]:
    queries = [{"query": query.text, "series": query.series, **_verdict(query.verdict)} for query in panel.queries]
    return {"title": panel.title, "row": panel.row, **_verdict(panel.verdict), "queries": queries}


def _rule(rule: RuleFinding) -> dict[str, Any]:
    named = {"name": rule.name, "group": rule.group, "labels": dict(rule.labels)}
    active = {"state": rule.state} if rule.kind == "alerting" else {}
    return {**named, **active, **_verdict(rule.verdict)}
