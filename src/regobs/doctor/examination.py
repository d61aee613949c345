"""The examination: ask, gather, diagnose, report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from regobs import slo
from regobs.catalog.model import Exposer
from regobs.config import Config
from regobs.doctor.content import panel_questions, rule_questions, rules_of_files
from regobs.doctor.diagnosis import diagnose, judge
from regobs.doctor.facts import Deployment, ServerFacts
from regobs.doctor.gather import Progress, add_series, add_sparse, concurrently, gather
from regobs.doctor.loading import how_to_load
from regobs.doctor.problems import problems
from regobs.doctor.questions import PanelQuestion, RuleQuestion, default_window
from regobs.doctor.report import DashboardFinding, DoctorReport, PanelFinding, QueryFinding
from regobs.doctor.rules import examine_rules, told_of_rules
from regobs.doctor.server import look_at, of_deployment, state_problems
from regobs.doctor.verdict import Status, Verdict, worst
from regobs.errors import QueryError, ServerError
from regobs.pack import Pack
from regobs.prometheus import Prometheus
from regobs.prometheus.answers import QueryAnswer
from regobs.promql.nodes import Duration, Expr
from regobs.promql.printer import to_text
from regobs.promql.walk import fill_durations
from regobs.slo.model import Slo
from regobs.slo.rule_scope import targets_of
from regobs.slo.spec import read_slos


def _server_name(prometheus: Prometheus) -> str:
    """Whose version a server says, which may be that of Thanos or VictoriaMetrics."""
    with suppress(ServerError):
        prometheus.stores()
        return "Thanos"
    with suppress(ServerError):
        return "VictoriaMetrics" if prometheus.is_victoriametrics() else "Prometheus"
    return "Prometheus"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, its expression made ready, and what came back: an answer, an error, or nothing for a left-out one."""

    question: PanelQuestion
    expr: Expr | None
    answer: QueryAnswer | None = None
    error: Verdict | None = None


def examine(
    prometheus: Prometheus,
    pack: Pack,
    config: Config,
    *,
    dashboard: str | None = None,
    window: Duration | None = None,
    files: Mapping[str, bytes] | None = None,
    progress: Progress | None = None,
) -> DoctorReport:
    """Every panel and every rule of a pack, or only the panels of one dashboard, against what this server has.

    `files` are those of a build whose rules the server should have loaded, when they are not those of the pack.
    Raises InputError for a wrong pack or dashboard name, ServerError as `examine_questions` does.
    """
    records = slo.records(pack, config)
    panels = panel_questions(pack, config, records, dashboard)
    if dashboard is not None:  # the rules of a pack take a second to compile
        return examine_questions(prometheus, config, panels, (), window, progress=progress)
    rules = rule_questions(pack, config) if files is None else rules_of_files(files)
    return examine_questions(prometheus, config, panels, rules, window, slos=read_slos(pack, config), progress=progress)


def examine_questions(
    prometheus: Prometheus,
    config: Config,
    panels: Sequence[PanelQuestion],
    rules: Sequence[RuleQuestion] = (),
    window: Duration | None = None,
    *,
    slos: Sequence[Slo] = (),
    progress: Progress | None = None,
) -> DoctorReport:
    """Run every question and say of each what it has and why not. `window` stands for Grafana's macros.

    `slos` are those of the rules. `progress` is told how many of how many queries are answered.

    Raises ServerError when the server is unreachable or is no Prometheus; a query that it rejects is a finding.
    """
    build = prometheus.buildinfo()
    state = look_at(
        prometheus,
        (rule.name for rule in rules if rule.kind == "alerting"),
        scope=config.deployment_matchers,
        runbook_url=config.runbook_url,
    )
    deployment = deployment_of(config)
    fill = window or default_window(config)
    asked = concurrently(lambda question: _ask(prometheus, question, fill), panels, progress)
    exprs = [item.expr for item in asked if item.expr is not None]
    rule_exprs = [rule.expr for rule in rules]
    facts = gather(prometheus, deployment, [*exprs, *rule_exprs])
    facts = replace(facts, active=state.active, no_alertmanager=state.alertmanagers == ())
    if facts.rules is not None:
        own = partial(of_deployment, scope=config.deployment_matchers, scraped=state.targets)
        facts = replace(facts, rules={name: tuple(map(own, found)) for name, found in facts.rules.items()})
        facts = told_of_rules(facts, rules, lambda: how_to_load(prometheus, build))
    empty = [item.expr for item in asked if item.expr is not None and item.answer is not None and not _has(item.answer)]
    facts = add_series(prometheus, deployment, facts, [*empty, *rule_exprs])
    facts = add_sparse(prometheus, facts, empty)
    found = examine_rules(facts, deployment, rules)
    return DoctorReport(
        server=prometheus.url,
        server_version=build.version,
        server_name=_server_name(prometheus),
        flavor=str(facts.flavor or config.flavor),
        version=str(facts.version or config.version or ""),
        dashboards=_dashboards([(item.question, _finding(facts, deployment, item)) for item in asked]),
        rules=found,
        problems=problems(facts, deployment, config, rules),
        firing=state.firing,
        state=state_problems(state, config, {rule.group for rule in rules if not rule.own_interval}, slos),
        now=state.now,
    )


def deployment_of(config: Config) -> Deployment:
    """What regobs.toml says is there."""
    neighbours = frozenset(item for matchers in config.exposer_matchers.values() for item in matchers)
    chosen = config.environment
    return Deployment(
        config.vocabulary,
        registry=config.matchers,
        neighbours=neighbours,
        targets={one: targets_of(one, config) for one in Exposer if one.is_neighbour},
        environment=chosen.name if chosen else "",
        of_environment=frozenset(chosen.matchers if chosen else ()),
    )


def _has(answer: QueryAnswer) -> bool:
    return bool(answer.samples)


def _ask(prometheus: Prometheus, question: PanelQuestion, window: Duration) -> _Asked:
    if question.expr is None or question.left_out:
        return _Asked(question, None)
    expr = fill_durations(question.expr, window)
    try:
        return _Asked(question, expr, prometheus.query(to_text(expr)))
    except QueryError as error:
        advice = error.next_step or "report it: a generated query must be valid"
        return _Asked(question, expr, error=Verdict(Status.ERROR, error.expected or error.message, advice))


def _finding(facts: ServerFacts, deployment: Deployment, asked: _Asked) -> QueryFinding:
    if asked.expr is None:
        return QueryFinding("", 0, Verdict(Status.LEFT_OUT, asked.question.left_out))
    text = to_text(asked.expr)
    if asked.answer is None:
        return QueryFinding(text, 0, asked.error or Verdict(Status.ERROR))
    verdict = judge(asked.answer) or diagnose(facts, deployment, asked.expr)
    return QueryFinding(text, len(asked.answer.samples), verdict)


def _dashboards(found: Iterable[tuple[PanelQuestion, QueryFinding]]) -> tuple[DashboardFinding, ...]:
    """The findings by dashboard and panel, both in the order of the questions."""
    boards: dict[str, dict[tuple[str, str], list[QueryFinding]]] = {}
    for question, finding in found:
        boards.setdefault(question.dashboard, {}).setdefault((question.row, question.panel), []).append(finding)
    return tuple(
        DashboardFinding(
            title,
            tuple(
                PanelFinding(row, panel, worst(query.verdict for query in queries), tuple(queries))
                for (row, panel), queries in panels.items()
            ),
        )
        for title, panels in boards.items()
    )
