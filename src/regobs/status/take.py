"""Asking a server for the status: everything at once, and only what the screen shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self
from urllib.parse import quote

from regobs.catalog import probe
from regobs.common.counts import whole
from regobs.config import Config
from regobs.doctor.loading import how_to_load
from regobs.doctor.matching import LabelSet, matches
from regobs.doctor.questions import default_window
from regobs.doctor.server import ServerState, if_offered, look_at, state_problems
from regobs.pack import Pack
from regobs.prometheus import Prometheus
from regobs.prometheus.answers import Sample
from regobs.prometheus.state import BuildInfo, Target
from regobs.promql.durations import duration_text
from regobs.query.links import WITHOUT_PAGES
from regobs.slo.links import dashboard_link
from regobs.slo.outputs import CompiledRules, compile_rules
from regobs.slo.status import SloStatus, read_status, status_queries
from regobs.status import questions as ask
from regobs.status.asking import AtOnce, ExpectedQueries
from regobs.status.gaps import GapRecorder
from regobs.status.report import OutsideView, ProcessStatus, RouteStatus, StatusReport, Usage

_WORST_BUDGETS, _WORST_ROUTES, _WORST_USAGE = 6, 4, 6
Answers = Mapping[str, Sequence[Sample]]


@dataclass(frozen=True, slots=True)
class StatusPlan:
    """What is asked for a status, worked out once: `queries` by name, and the rules and settings that it reads."""

    config: Config
    compiled: CompiledRules
    queries: Mapping[str, str]

    @classmethod
    def of(cls, pack: Pack, config: Config) -> Self:
        """The plan for what `config` selects."""
        return cls(config, compile_rules(pack, config), ask.questions(config.asked))

    @property
    def groups(self) -> list[Mapping[str, Any]]:
        """The rule groups of the build."""
        files = self.compiled.rule_files
        return [*(one.group for one in self.compiled.slos), *(one for file in files for one in file.groups)]

    def take(self, prometheus: Prometheus) -> StatusReport:
        """The status, now or at the client's `moment`, with all budgets, routes and uses of a limit.

        Raises ServerError when the server is unreachable or is no Prometheus.
        """
        with AtOnce() as at_once:
            return self._taken(prometheus, at_once)

    def _taken(self, prometheus: Prometheus, at_once: AtOnce) -> StatusReport:
        build = prometheus.buildinfo()  # that it is a server of the API at all
        names = {rule["alert"] for group in self.groups for rule in group["rules"] if "alert" in rule}
        slos, windows = [one.slo for one in self.compiled.slos], self.compiled.windows
        asking = GapRecorder(prometheus)
        early = {name: at_once.begin(partial(asking.samples, name, text)) for name, text in self.queries.items()}
        stores = at_once.begin(lambda: if_offered(prometheus.stores))
        expected = ExpectedQueries(asking, at_once, status_queries(slos, windows, self.config))
        state = look_at(
            prometheus,
            names,
            at_once.together,
            scope=self.config.deployment_matchers,
            runbook_url=self.config.runbook_url,
        )
        budgets = read_status(expected, slos, windows, self.config)
        answers = {name: one.result() for name, one in early.items()}
        up = [one.value == 1 for one in answers.get(ask.UP, ())]
        seen = {} if up and all(up) else _last_seen(asking, state, self.config)
        loaded = {rule.name for group in state.groups or () for rule in group.rules if rule.kind == "alerting"}
        active = state.active
        mine = [one for one in active if one.labels.get("alertname") in names]
        report = StatusReport(
            server=prometheus.url,
            server_version=build.version,
            now=state.now,
            past=prometheus.moment is not None,
            window=duration_text(ask.window(self.config)),
            flavor=self.config.flavor.value,
            versions={one.labels.get("version", ""): whole(one.value) for one in answers.get(ask.VERSIONS, ())},
            firing=state.firing,
            pending=sum(one.state == "pending" for one in mine),
            others=sum(one.state == "firing" for one in active) - sum(one.state == "firing" for one in mine),
            alerts=len(names),
            loaded=len(names & loaded) if state.groups is not None else None,
            budgets=_budgets(budgets, self.config),
            requests=_sum(answers.get(ask.REQUESTS, ())),
            in_flight=_sum(answers.get(ask.IN_FLIGHT, ())),
            routes=_routes(answers, ask.route_label(self.config)),
            usage=_usage(answers),
            processes=_processes(answers, state, self.config, seen),
            failing_rules=_failing(state),
            problems=state_problems(
                state, self.config, {one["name"] for one in self.groups if "interval" not in one}, slos
            ),
            links=_pages(prometheus, build, state, self.config) | _links(self.config),
            gaps=asking.gaps(stores.result() or ()),
            refused=asking.refused,
            stale=min(seen.values(), default=None) if not any(up) else None,
            outside=tuple(_outside(answers, self.config)),
            recent=_sum(answers.get(ask.RECENT, ())),
            recent_window=duration_text(default_window(self.config)),
            silent=sum(one.state == "firing" for one in mine) - len(state.firing),
        )
        lacking = report.loaded == 0 and not report.rules_elsewhere
        return replace(report, load=how_to_load(prometheus, build)) if lacking else report


def take_status(prometheus: Prometheus, pack: Pack, config: Config) -> StatusReport:
    """The worst of the status of what `config` selects, a screen of it. Raises ServerError, as the plan does."""
    report = StatusPlan.of(pack, config).take(prometheus)
    return replace(
        report,
        budgets=report.budgets[:_WORST_BUDGETS],
        routes=worst_routes(report.routes, _WORST_ROUTES),
        usage=report.usage[:_WORST_USAGE],
    )


def _last_seen(asking: GapRecorder, state: ServerState, config: Config) -> dict[str, float]:
    """How many seconds ago each instance was last scraped, of those that were in the last hour."""
    label = config.labels.instance
    found = asking.samples("last seen", ask.last_seen(config))
    return {one.labels.get(label, ""): max(0.0, state.now - one.value) for one in found}


def _outside(answers: Answers, config: Config) -> Iterator[OutsideView]:
    """What each probe gets, those that fail first; of the steps of regobs' own probe the first that fails is told."""
    label = config.labels.instance
    codes = {one.labels.get(label, ""): whole(one.value) for one in answers.get(ask.STATUS_CODE, ())}
    found = []
    for one in answers.get(ask.ANSWERED, ()):
        code = codes.get(address := one.labels.get(label, ""), 0)
        text = f"answers {code}" if code else "answers" if one.value else "gives no answer"
        found.append(OutsideView(address, one.value == 1, text))
    failing: dict[str, set[str]] = {}
    for one in answers.get(ask.STEPS, ()):
        failed = failing.setdefault(one.labels.get("target", ""), set())
        failed |= {one.labels.get("step", "")} if one.value == 0 else set()
    for target, steps in failing.items():
        first = next((step for step in probe.STEPS if step in steps), "")
        found.append(OutsideView(target, not first, f"fails in the step {first}" if first else "works in every step"))
    yield from sorted(found, key=lambda view: (view.works, view.address))


def _sum(samples: Sequence[Sample]) -> float | None:
    return sum(one.value for one in samples) if samples else None


def _budgets(rows: Sequence[SloStatus], config: Config) -> tuple[SloStatus, ...]:
    """Those with data of the selected registries: what burns fastest first, then what has least left."""
    seen = [one for one in rows if one.burn is not None or one.remaining is not None]
    mine = [
        one for one in seen if all(item.label not in one.scope or matches(item, one.scope) for item in config.matchers)
    ]
    return tuple(sorted(mine, key=lambda one: (-(one.burn or 0), one.remaining or 0)))


def _routes(answers: Answers, label: str) -> tuple[RouteStatus, ...]:
    """All routes, those that fail most first, then the slowest."""
    requests, failed, latency = (answers.get(name, ()) for name in (ask.REQUESTS, ask.FAILED, ask.LATENCY))
    return route_rows(requests, failed, latency, lambda labels: labels.get(label, ""))


def route_rows(
    requests: Sequence[Sample],
    failed: Sequence[Sample],
    latency: Sequence[Sample],
    name: Callable[[Mapping[str, str]], str],
) -> tuple[RouteStatus, ...]:
    """Requests, failures and latency of what `name` makes of their labels; the most failing first, then the slowest."""
    rates, failures, seconds = ({name(one.labels): one.value for one in part} for part in (requests, failed, latency))
    rows = [
        RouteStatus(key, rate, failures.get(key, 0.0) / rate if rate else None, seconds.get(key))
        for key, rate in rates.items()
    ]
    return tuple(sorted(rows, key=lambda one: (-(one.failed or 0), -(one.latency or 0), one.route)))


def worst_routes(routes: Sequence[RouteStatus], most: int) -> tuple[RouteStatus, ...]:
    """So many of the routes that fail most, and so many of those that answer slowest; the failing ones first."""
    failing = [one for one in routes if one.failed][:most]
    slow = sorted((one for one in routes if one.latency is not None), key=lambda one: -(one.latency or 0))
    return tuple(dict.fromkeys((*failing, *slow[:most])))


def _usage(answers: Answers) -> tuple[Usage, ...]:
    found = [(name, one.labels, one.value) for name in ask.LIMITS for one in answers.get(name, ())]
    found += [(f"{name} used", one.labels, 1 - one.value) for name in ask.SPACE for one in answers.get(name, ())]
    rows = [Usage(name, dict(labels), used) for name, labels, used in found]
    return tuple(sorted(rows, key=lambda one: -one.used))


def _processes(
    answers: Answers, state: ServerState, config: Config, seen: Mapping[str, float]
) -> tuple[ProcessStatus, ...]:
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
            seen=seen.get(name) if one.value != 1 else None,
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


def _pages(prometheus: Prometheus, build: BuildInfo, state: ServerState, config: Config) -> dict[str, str]:
    """The server's own pages: none of Mimir, which names itself, and of Cortex, which says no version."""
    context = config.contexts.get(prometheus.connection.context or "")
    if build.application or not build.version or (context is not None and context.kind in WITHOUT_PAGES):
        return {}
    query = quote('ALERTS{alertstate="firing"}', safe="")
    pages = {"alerts": f"{prometheus.url}/alerts"} if state.groups is not None else {}
    pages |= {"targets": f"{prometheus.url}/targets"} if state.targets is not None else {}
    return {**pages, "graph": f"{prometheus.url}/graph?g0.expr={query}&g0.tab=1"}


def _links(config: Config) -> dict[str, str]:
    """Where else to look, as the settings say it."""
    links: dict[str, str] = {}
    for title, slug in (("overview", "overview"), ("error budgets", "slo"), ("rules and scrapes", "rules-health")):
        for url in dashboard_link(config, slug).values():
            links[title] = url
    if config.kibana.url:
        links["logs"] = config.kibana.url
    if config.runbook_url:
        links["runbooks"] = config.runbook_url
    return links
