"""The questions of a pack: every query of its dashboards, every rule of its build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from regobs import grafana, slo
from regobs.config import Config
from regobs.doctor.facts import read
from regobs.doctor.questions import PanelQuestion, RuleQuestion
from regobs.errors import InputError
from regobs.grafana.variables import Variables
from regobs.pack import Pack
from regobs.promql.recorded import Record

RULES = "prometheus/rules/"

# The loader in C is ten times faster; a build of PyYAML without it has only the other.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def panel_questions(
    pack: Pack, config: Config, records: Sequence[Record] = (), dashboard: str | None = None
) -> list[PanelQuestion]:
    """Every query of every panel, those left out too, within the configured selector; or those of one dashboard.

    `dashboard` is a slug or a title. InputError when there is none of that name; DashboardError for a wrong file.
    """
    titles = {slug: found.title for slug, found in grafana.load_dashboards(pack).items()}
    if dashboard is not None and dashboard not in {*titles, *titles.values()}:
        raise InputError(
            "no such dashboard",
            value=dashboard,
            expected=f"one of {', '.join(sorted(titles))}",
            next_step="correct the name given to --dashboard",
        )
    scope = Variables.of(config).selectors_only
    return [
        PanelQuestion(
            dashboard=titles[query.dashboard],
            row=query.row,
            panel=query.title,
            expr=None if query.left_out else scope.apply(query.expr),
            left_out=query.left_out or "",
        )
        for query in grafana.panel_queries(pack, config, records)
        if dashboard in {None, query.dashboard, titles[query.dashboard]}
    ]


def rule_questions(pack: Pack, config: Config) -> list[RuleQuestion]:
    """Every rule, as the built rule files have it. Raises SloError or RulesError for a wrong document."""
    groups = slo.compile_rules(pack, config).group_data
    return [rule for _, found in sorted(groups.items()) for rule in _rules(found)]


def groups_with_interval(pack: Pack, config: Config) -> frozenset[str]:
    """The rule groups of a build that name an interval of their own. Raises SloError or RulesError."""
    return frozenset(rule.group for rule in rule_questions(pack, config) if rule.own_interval)


def rules_of_files(files: Mapping[str, bytes]) -> list[RuleQuestion]:
    """Every rule of the rule files among the files of a build."""
    questions = []
    for name, content in sorted(files.items()):
        if name.startswith(RULES):
            questions += _rules(yaml.load(content, Loader=_LOADER)["groups"])  # noqa: S506 - both load plain data only
    return questions


def _rules(groups: list[dict[str, Any]]) -> list[RuleQuestion]:
    return [_rule(group["name"], rule, own_interval="interval" in group) for group in groups for rule in group["rules"]]


def _rule(group: str, rule: dict[str, object], *, own_interval: bool) -> RuleQuestion:
    kind = "alerting" if "alert" in rule else "recording"
    name = str(rule["alert"] if kind == "alerting" else rule["record"])
    labels = rule.get("labels") or {}
    assert isinstance(labels, dict)  # noqa: S101 - our own output
    added = {str(key): str(value) for key, value in labels.items() if "{{" not in str(value)}
    return RuleQuestion(kind, name, group, read(str(rule["expr"])), added, own_interval)
