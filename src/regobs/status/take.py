"""Asking a server for the status: everything at once, and only what the screen shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any
from urllib.parse import quote

from regobs.config import Config
from regobs.doctor.gather import concurrently
from regobs.doctor.matching import LabelSet, matches
from regobs.doctor.server import ServerState, if_offered, look_at, state_problems
from regobs.errors import QueryError
from regobs.pack import Pack
from regobs.prometheus import Prometheus
from regobs.prometheus.answers import QueryAnswer, Sample
from regobs.prometheus.state import Target
from regobs.promql.durations import duration_text
from regobs.slo.links import dashboard_link
from regobs.slo.outputs import compile_rules
from regobs.slo.status import SloStatus, read_status
from regobs.status import questions as ask
from regobs.status.report import ProcessStatus, RouteStatus, StatusReport, Usage

HELPER = "none"  # the severity of alerts that are no incident: the watchdog fires always, others inhibit
_WORST_BUDGETS, _WORST_ROUTES, _WORST_USAGE = 6, 4, 6
Answers = Mapping[str, Sequence[Sample]]


def take_status(prometheus: Prometheus, pack: Pack, config: Config) -> StatusReport:
    """The status of what `config` selects. Raises ServerError when the server is unreachable or is no Prometheus."""
    build = prometheus.buildinfo()
    compiled = compile_rules(pack, config)
    groups = [*(one.group for one in compiled.slos), *(one for file in compiled.rule_files for one in file.groups)]
    names = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    slos, windows = [one.slo for one in compiled.slos], compiled.windows
    asked = ask.questions(config)
    looks: list[Callable[[], Any]] = [
        lambda: look_at(prometheus, names),
        lambda: read_status(prometheus, slos, windows, config),
        lambda: if_offered(prometheus.alerts),
        *(lambda text=text: _samples(prometheus, text) for text in asked.values()),
    ]
    state, budgets, active, *found = concurrently(lambda look: look(), looks)
    answers = dict(zip(asked, found, strict=True))
    loaded = {rule.name for group in state.groups or () for rule in group.rules if rule.kind == "alerting"}
    mine = [one for one in active or () if one.labels.get("alertname") in names]
    return StatusReport(
        server=prometheus.url,
        server_version=build.version,
        now=state.now,
        window=duration_text(ask.window(config)),
        flavor=config.flavor.value,
        versions={one.labels.get("version", ""): int(one.value) for one in answers.get(ask.VERSIONS, ())},
        firing=tuple(one for one in state.firing if one.labels.get("severity") != HELPER),
        pending=sum(one.state == "pending" for one in mine),
        others=sum(one.state == "firing" for one in active or ()) - sum(one.state == "firing" for one in mine),
        alerts=len(names),
        loaded=len(names & loaded) if state.groups is not None else None,
        budgets=_worst_budgets(budgets, config),
        requests=_sum(answers.get(ask.REQUESTS, ())),
        in_flight=_sum(answers.get(ask.IN_FLIGHT, ())),
        routes=_routes(answers, ask.route_label(config)),
        usage=_usage(answers),
        processes=_processes(answers, state, config),
        failing_rules=_failing(state),
        problems=state_problems(state, config, {group["name"] for group in groups if "interval" not in group}),
        links=_links(prometheus, config),
    )


def _samples(prometheus: Prometheus, text: str) -> Sequence[Sample]:
    """What a query gives; nothing where the server rejects it, so that one query does not take the screen away."""
    try:
        answer: QueryAnswer = prometheus.query(text)
    except QueryError:
        return ()
    return [one for one in answer.samples if isfinite(one.value)]


def _sum(samples: Sequence[Sample]) -> float | None:
    return sum(one.value for one in samples) if samples else None


def _worst_budgets(rows: Sequence[SloStatus], config: Config) -> tuple[SloStatus, ...]:
    """Those with data of the selected registries: what burns fastest first, then what has least left."""
    seen = [one for one in rows if one.burn is not None or one.remaining is not None]
    mine = [
        one for one in seen if all(item.label not in one.scope or matches(item, one.scope) for item in config.matchers)
    ]
    return tuple(sorted(mine, key=lambda one: (-(one.burn or 0), one.remaining or 0))[:_WORST_BUDGETS])


def _routes(answers: Answers, label: str) -> tuple[RouteStatus, ...]:
    """The routes that fail most and those that answer slowest, the failing ones first."""
    by_name = {
        name: {one.labels.get(label, ""): one.value for one in answers.get(name, ())}
        for name in (ask.REQUESTS, ask.FAILED, ask.LATENCY)
    }
    requests, failed, latency = by_name.values()
    found = [
        RouteStatus(route, rate, failed.get(route, 0.0) / rate if rate else None, latency.get(route))
        for route, rate in requests.items()
    ]
    failing = sorted((one for one in found if one.failed), key=lambda one: -(one.failed or 0))[:_WORST_ROUTES]
    slow = sorted((one for one in found if one.latency is not None), key=lambda one: -(one.latency or 0))
    return tuple(dict.fromkeys((*failing, *slow[:_WORST_ROUTES])))


def _usage(answers: Answers) -> tuple[Usage, ...]:
    found = [(name, one.labels, one.value) for name in ask.LIMITS for one in answers.get(name, ())]
    found += [(f"{name} used", one.labels, 1 - one.value) for name in ask.SPACE for one in answers.get(name, ())]
    rows = [Usage(name, dict(labels), used) for name, labels, used in found]
    return tuple(sorted(rows, key=lambda one: -one.used)[:_WORST_USAGE])


def _processes(answers: Answers, state: ServerState, config: Config) -> tuple[ProcessStatus, ...]:
    """Those that are down first, then the youngest: what has just restarted."""
    label = config.labels.instance
    started = {one.labels.get(label, ""): one.value for one in answers.get(ask.STARTED, ())}
    errors = {one.labels.get(label, ""): one.last_error for one in _own_targets(state, config)}
    rows = [
        ProcessStatus(
            name := one.labels.get(label, ""),
            up=one.value == 1,
            error=errors.get(name, "") if one.value != 1 else "",
            age=max(0.0, state.now - started[name]) if name in started and one.value == 1 else None,
        )
        for one in answers.get(ask.UP, ())
    ]
    return tuple(sorted(rows, key=lambda one: (one.up, one.age if one.age is not None else state.now, one.instance)))


def _own_targets(state: ServerState, config: Config) -> list[Target]:
    def own(labels: LabelSet) -> bool:
        return all(matches(item, labels) for item in config.matchers)

    return [one for one in state.targets or () if own(one.labels)]


def _failing(state: ServerState) -> dict[str, str]:
    rules = [rule for group in state.groups or () for rule in group.rules]
    return {rule.name: rule.last_error for rule in rules if rule.health == "err"}


def _links(prometheus: Prometheus, config: Config) -> dict[str, str]:
    """Where to look next. The pages of Prometheus itself are only given where its API says that it is one."""
    query = quote('ALERTS{alertstate="firing"}', safe="")
    links = {"alerts": f"{prometheus.url}/alerts", "targets": f"{prometheus.url}/targets"}
    links["graph"] = f"{prometheus.url}/graph?g0.expr={query}&g0.tab=1"
    for title, slug in (("overview", "overview"), ("error budgets", "slo"), ("rules and scrapes", "rules-health")):
        for url in dashboard_link(config, slug).values():
            links[title] = url
    if config.kibana.url:
        links["logs"] = config.kibana.url
    if config.runbook_url:
        links["runbooks"] = config.runbook_url
    return links
