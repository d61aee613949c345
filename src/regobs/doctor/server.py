"""The server's own state, looked at before any setting is blamed: what fires, how it keeps up, what it keeps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from math import nan
from typing import Any, TypeVar

from regobs.catalog import targets
from regobs.common.counts import are, counted
from regobs.config import Config
from regobs.doctor.matching import matches
from regobs.doctor.report import FiringAlert, Problem
from regobs.errors import ServerError
from regobs.prometheus import Prometheus, QueryAnswer, failures
from regobs.prometheus.state import Alert, LoadedRule, RuleGroup, Target
from regobs.promql.durations import duration_text, read_duration
from regobs.promql.nodes import Duration, Matcher
from regobs.slo.links import runbook_address
from regobs.slo.model import Slo

T = TypeVar("T")
Together = Callable[[Sequence[Callable[[], Any]]], Sequence[Any]]

# A scrape or an evaluation this many intervals ago is late, not just due.
_LATE = 3
_END_OF_CALENDARS = 253_402_300_800  # the year 10,000, which neither RFC 3339 nor Python has
# `storageRetention` of /api/v1/status/runtimeinfo: "15d", "15d or 10GB", "10GB".
_RETENTION = re.compile(r"(?P<time>(?:\d+[a-z]+)+)(?: or .*)?")


@dataclass(frozen=True, slots=True)
class ServerState:
    """What a server says of itself; None where it does not say it (Thanos, Mimir, VictoriaMetrics).

    `now` is the server's own time, in seconds since 1970. `retention` is how far back it keeps samples. `firing` has
    the alerts of a build, `active` all that fire or wait, whoever wrote them. `alertmanagers` are those that it sends
    alerts to now.
    """

    now: float
    targets: tuple[Target, ...] | None = None
    groups: tuple[RuleGroup, ...] | None = None
    retention: Duration | None = None
    firing: tuple[FiringAlert, ...] = ()
    active: tuple[Alert, ...] = ()
    alertmanagers: tuple[str, ...] | None = None


def look_at(
    prometheus: Prometheus,
    names: Iterable[str],
    together: Together | None = None,
    *,
    scope: Sequence[Matcher] = (),
    runbook_url: str = "",
) -> ServerState:
    """The state of a server, and which alerts of these names fire. Raises ServerError when it answers no query.

    `scope` chooses a deployment: alerts of another one are none of its own. `runbook_url` is where runbooks are
    published, for alerts that do not say it themselves, such as those of the past.
    `together` asks several things at once; without it they are asked one after the other. At a client's `moment` only
    what samples show: of the rest a server knows the present alone.
    """
    asks: list[Callable[[], Any]] = [lambda: prometheus.query("time()"), lambda: active_alerts(prometheus)]
    offered = (prometheus.targets, prometheus.rules, prometheus.retention, prometheus.alertmanagers)
    if prometheus.moment is None:
        asks += [partial(if_offered, one) for one in offered]
    clock, active, *present = together(asks) if together else [ask() for ask in asks]
    scraped, groups, kept, receivers = present or (None, None, None, None)
    own = _of_deployment(active or _fired(prometheus), scope, scraped)
    firing = _firing(own, frozenset(names), runbook_url)
    return ServerState(_now(prometheus, clock), scraped, groups, retention_of(kept or ""), firing, own, receivers)


def _of_deployment(
    found: Iterable[Alert], scope: Sequence[Matcher], scraped: Sequence[Target] | None
) -> tuple[Alert, ...]:
    """Alerts that are not of another deployment. One without its labels may be of each that has a target."""
    there = scraped is None or any(all(matches(item, one.labels) for item in scope) for one in scraped)

    def own(alert: Alert) -> bool:
        return all(matches(item, alert.labels) if item.label in alert.labels else there for item in scope)

    return tuple(filter(own, found))


def of_deployment(rule: LoadedRule, scope: Sequence[Matcher], scraped: Sequence[Target] | None) -> LoadedRule:
    """A rule that serves several deployments, as one of them sees it: with its own alerts, and the state of those."""
    own = _of_deployment(rule.alerts, scope, scraped)
    if len(own) == len(rule.alerts):
        return rule
    states = {alert.state for alert in own}
    return replace(rule, alerts=own, state=next((one for one in ("firing", "pending") if one in states), "inactive"))


def _now(prometheus: Prometheus, clock: QueryAnswer) -> float:
    """The server's time. Raises ServerError when the answer is no time that a calendar has."""
    seconds = clock.samples[0].value if clock.samples else nan
    if not 0 <= seconds < _END_OF_CALENDARS:
        raise failures.wrong_shape(prometheus.url, "query", f"time() is {seconds:g}")
    return seconds


def active_alerts(prometheus: Prometheus) -> tuple[Alert, ...] | None:
    """The alerts that are pending or firing, at the client's moment; None where the server evaluates no rules."""
    if prometheus.moment is None:
        return if_offered(prometheus.alerts)
    return _fired(prometheus)


def _fired(prometheus: Prometheus) -> tuple[Alert, ...]:
    """The alerts as samples have them: without value and runbook, with the time since when where that is stored too."""
    found = [
        Alert(_without_state(one.labels), {}, one.labels.get("alertstate", ""), "", nan)
        for one in prometheus.query(targets.ALERTS.name).samples
    ]
    stored = prometheus.query(targets.ALERTS_FOR_STATE.name).samples if found else ()
    began = {
        frozenset(_without_state(one.labels).items()): one.value for one in stored if 0 <= one.value < _END_OF_CALENDARS
    }
    return tuple(
        replace(alert, active_at=datetime.fromtimestamp(began[key], UTC).isoformat()) if key in began else alert
        for alert in found
        for key in (frozenset(alert.labels.items()),)
    )


def _without_state(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name not in {"__name__", "alertstate"}}


def if_offered(ask: Callable[[], T]) -> T | None:
    """What a server answers; None where it does not offer it, as Thanos and Mimir."""
    try:
        return ask()
    except ServerError:  # not offered, or forbidden
        return None


def retention_of(text: str) -> Duration | None:
    """The time in a retention such as `15d or 10GB`; None where only a size is said, or nothing."""
    found = _RETENTION.fullmatch(text)
    duration = read_duration(found["time"]) if found else None
    return duration if duration is not None and duration.ms > 0 else None


def _firing(active: Iterable[Alert], names: frozenset[str], runbook_url: str) -> tuple[FiringAlert, ...]:
    """Those of these names that somebody is told of: not the watchdog, nor what holds others back."""
    found = [
        FiringAlert(
            name,
            {label: value for label, value in alert.labels.items() if label != "alertname"},
            alert.value,
            alert.active_at,
            alert.annotations.get("runbook_url", "") or runbook_address(name, runbook_url),
        )
        for alert in active
        for name in (alert.labels.get("alertname", ""),)
        if alert.state == "firing" and name in names and alert.labels.get("severity") != targets.NOBODY
    ]
    return tuple(sorted(found, key=_urgency))


def _urgency(alert: FiringAlert) -> tuple[bool, bool, str, str]:
    """Pages first; of each severity what names a cause before what says that a budget burns."""
    return alert.labels.get("severity", "") != "page", "slo" in alert.labels, alert.name, alert.since


def state_problems(
    state: ServerState, config: Config, groups: Collection[str], slos: Sequence[Slo] = ()
) -> tuple[Problem, ...]:
    """What of the server's state keeps panels or alerts from being right, the weightiest first.

    `groups` are the rule groups of the build that name no interval of their own, `slos` its SLOs.
    """
    return (
        *_behind(state),
        *_untold(state),
        *_slow_groups(state),
        *_keeps(state, config),
        *_keeps_of(state, slos),
        *_scrape_interval(state, config),
        *_evaluation_interval(state, config, groups),
        *_other_targets(state, config),
    )


def _behind(state: ServerState) -> Iterator[Problem]:
    """A server that does not keep up with its own clock shows gaps that no setting explains."""
    scraped = [one for one in state.targets or () if one.health == "up" and one.interval and one.last_scrape]
    late = [one for one in scraped if state.now - (one.last_scrape or 0) > _LATE * (one.interval or 0)]
    if late:
        yield Problem(
            f"the server is behind: {len(late)} of {counted(len(scraped), 'target')} {_were(late)} last scraped more "
            f"than {_LATE} intervals ago, so gaps below may be its own",
            "give it more CPU and memory, or let it scrape less; until then no other finding is certain",
        )
    groups = [group for group in state.groups or () if group.last_evaluation and group.interval]
    overdue = [one for one in groups if state.now - (one.last_evaluation or 0) > _LATE * one.interval]
    if overdue:
        yield Problem(
            f"the server is behind: {len(overdue)} of {counted(len(groups), 'rule group')} {_were(overdue)} last "
            f"evaluated more than {_LATE} intervals ago, {overdue[0].name} among them",
            "give it more CPU, or evaluate less often; recorded series and alerts are late until then",
        )


def _untold(state: ServerState) -> Iterator[Problem]:
    """A server with alerting rules and no Alertmanager: what fires reaches nobody, and no alert can say so."""
    alerting = any(rule.kind == "alerting" for group in state.groups or () for rule in group.rules)
    if state.alertmanagers == () and alerting:
        yield Problem(
            "the server knows no Alertmanager: alerts that fire reach nobody",
            "name its address under `alerting` in the server's configuration (`alertmanagers` under [prometheus] in"
            " regobs.toml writes it), and look whether discovery finds it",
        )


def _slow_groups(state: ServerState) -> Iterator[Problem]:
    slow = [one for one in state.groups or () if one.interval and one.evaluation_time > one.interval]
    for group in sorted(slow, key=lambda one: one.interval - one.evaluation_time)[:3]:
        yield Problem(
            f"the rule group {group.name} takes {group.evaluation_time:.1f} s, longer than its interval of "
            f"{group.interval:g} s: evaluations are skipped",
            "give the server more CPU, or a longer interval to the group",
        )


def _keeps(state: ServerState, config: Config) -> Iterator[Problem]:
    kept = state.retention
    if kept is None:
        return
    period, said = config.slo.period, config.prometheus.retention
    if kept.ms < period.ms:
        yield Problem(
            f"the server keeps {days_text(kept)}, and error budgets look back {days_text(period)}: what is"
            " older is missing from them",
            f"start it with --storage.tsdb.retention.time={days_text(period)} or more, or set a shorter `period` "
            "under [slo] in regobs.toml",
        )
    elif kept.ms < said.ms:
        yield Problem(
            f"the server keeps {days_text(kept)}, regobs.toml says {days_text(said)}",
            f'set `retention = "{days_text(kept)}"` under [prometheus] in regobs.toml and build again',
        )


def _keeps_of(state: ServerState, slos: Sequence[Slo]) -> Iterator[Problem]:
    """SLOs whose documents say a period of their own that is longer than what the server keeps."""
    kept = state.retention
    for one in slos:
        where, period = one.period_location, one.period.length
        if kept is None or where is None or period.ms <= kept.ms:
            continue
        place = f"{where.file}:{where.line}"
        yield Problem(
            f"the server keeps {days_text(kept)}, and the error budget of {one.name} looks back {days_text(period)}: "
            "what is older is missing from it",
            f"start it with --storage.tsdb.retention.time={days_text(period)} or more, or shorten its timeWindow, "
            f"{place}",
        )


def days_text(duration: Duration) -> str:
    """As settings say it: 28d, where PromQL's own form is 4w."""
    days, rest = divmod(duration.ms, 86_400_000)
    return f"{days}d" if days and not rest else duration_text(duration)


def _own(state: ServerState, config: Config) -> list[Target]:
    return [one for one in state.targets or () if all(matches(item, one.labels) for item in config.matchers)]


def _scrape_interval(state: ServerState, config: Config) -> Iterator[Problem]:
    intervals = Counter(one.interval for one in _own(state, config) if one.interval)
    said = config.prometheus.scrape_interval.ms / 1000
    if intervals and said not in intervals:
        real = Duration(round(intervals.most_common(1)[0][0] * 1000))
        yield Problem(
            f"the registry is scraped every {duration_text(real)}, regobs.toml says "
            f"{duration_text(config.prometheus.scrape_interval)}",
            f'set `scrape_interval = "{duration_text(real)}"` under [prometheus] in regobs.toml and build again',
        )


def _evaluation_interval(state: ServerState, config: Config, plain: Collection[str]) -> Iterator[Problem]:
    """The groups of the build that name no interval of their own are evaluated as the server's settings say."""
    said = config.prometheus.evaluation_interval
    intervals = Counter(one.interval for one in state.groups or () if one.name in plain and one.interval)
    if intervals and said.ms / 1000 not in intervals:
        real = Duration(round(intervals.most_common(1)[0][0] * 1000))
        yield Problem(
            f"rules are evaluated every {duration_text(real)}, regobs.toml says {duration_text(said)}",
            f'set `evaluation_interval = "{duration_text(real)}"` under [prometheus] in regobs.toml and build again',
        )


def _other_targets(state: ServerState, config: Config) -> Iterator[Problem]:
    """Targets beside the registry that are down; those of the registry are problems of their own."""
    own = _own(state, config)
    down = [one for one in state.targets or () if one.health == "down" and one not in own]
    if down:
        first = down[0]
        who = f"{first.labels.get('job', '?')} at {first.labels.get('instance', '?')}"
        more = f" and {len(down) - 1} more" if len(down) > 1 else ""
        error = f": {first.last_error}" if first.last_error else ""
        yield Problem(
            f"{len(down)} of {counted(len(state.targets or ()), 'target')} of the server {are(len(down))} down,"
            " beside those of the registry: "
            f"{who}{more}{error}",
            "look at the server's page of targets; panels of that exporter are empty until it answers",
        )


def since_text(alert: FiringAlert, now: float) -> str:
    """When the condition of an alert began to hold, such as `began 12m ago`; empty when the server does not say.

    That is what servers tell; it fires for less than that, by the `for` of its rule.
    """
    try:
        began = datetime.fromisoformat(alert.since).astimezone(UTC).timestamp()
    except ValueError:
        return ""
    seconds = max(0, int(now - began))
    if seconds < 60:
        return "just began"
    return f"began {seconds // 86400}d ago" if seconds >= 172_800 else f"began {seconds // 60}m ago"


def _were(those: Sequence[object]) -> str:
    return "was" if len(those) == 1 else "were"
