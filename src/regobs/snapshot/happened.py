"""When alerts fired: from the server's own series to what a page lists and marks on its charts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from regobs.catalog import targets
from regobs.catalog.targets import NOBODY
from regobs.config import Config
from regobs.errors import QueryError
from regobs.prometheus import Prometheus
from regobs.promql.bind import bind
from regobs.promql.build import count, select
from regobs.promql.nodes import Matcher, MatchOp
from regobs.promql.printer import to_text
from regobs.promql.words import quote_regex
from regobs.snapshot.span import TimeSpan
from regobs.snapshot.taken import SnapshotEvent

# Parts of the range. What is nearer cannot be told apart on a chart, and many lines hide what they mark.
_PAUSE = 1 / 24  # an hour of a day: an alert that comes back sooner is listed once, with how often it came
_NEAR = 1 / 40  # alerts of one name that begin, or end, so near to each other are one line


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert from its first sample to its last. `slo` is "" but for burns; without `end` it goes on."""

    name: str
    slo: str
    begin: float
    end: float | None
    times: int = 1


def firings(prometheus: Prometheus, span: TimeSpan, scope: Iterable[Matcher] = ()) -> Iterator[Firing]:
    """Each time that an alert of the pack fired, whichever of its instances; of burns, each SLO.

    `scope` chooses a deployment; alerts without its labels are of each. Those that only hold others back, and the
    watchdog, are left out: nobody is told of them.
    """
    chosen = select(targets.ALERTS, alertname="registry", alertstate="firing")
    told = (*chosen.matchers, Matcher("severity", MatchOp.NOT_EQUAL, NOBODY), *map(_or_absent, scope))
    expr = bind(count(replace(chosen, matchers=told), by=("alertname", "slo")), Config().vocabulary)
    try:
        found = prometheus.query_range(to_text(expr), span.first, span.last, span.step).ranges
        # The last point may be a step before the end, which is what the list of firing alerts shows.
        going_on = {_named(one.labels) for one in prometheus.query(to_text(expr), span.end).samples}
    except QueryError:  # whatever it is, the panels say it
        return
    for one in found:
        times = [time for time, _ in one.points]
        name, slo = _named(one.labels)
        if not name or not times:
            continue
        begin = times[0]
        for before, after in pairwise(times):
            if after - before > 1.5 * span.step:
                yield Firing(name, slo, begin, before + span.step)
                begin = after
        goes_on = times[-1] >= span.last and (name, slo) in going_on
        yield Firing(name, slo, begin, None if goes_on else min(times[-1] + span.step, span.end))


def _named(labels: Mapping[str, str]) -> tuple[str, str]:
    return labels.get("alertname", ""), labels.get("slo", "")


def _or_absent(matcher: Matcher) -> Matcher:
    """The matcher for series that may lack its label."""
    if matcher.op is MatchOp.EQUAL:
        return Matcher(matcher.label, MatchOp.REGEX, f"{quote_regex(matcher.value)}|")
    return replace(matcher, value=f"(?:{matcher.value})|") if matcher.op is MatchOp.REGEX else matcher


def alert_events(prometheus: Prometheus, span: TimeSpan) -> Iterator[SnapshotEvent]:
    """When each alert began to fire and when it ended, one by one."""
    for one in firings(prometheus, span):
        name = f"{one.name} ({one.slo})" if one.slo else one.name
        yield SnapshotEvent(one.begin, "alert", f"{name} fires")
        if one.end is not None:
            yield SnapshotEvent(one.end, "end", f"{name} has ended")


def marks(found: Iterable[Firing], span: TimeSpan) -> Iterator[SnapshotEvent]:
    """The same for a chart: as few lines as tell it."""
    listed = list(_joined(found, span.seconds * _PAUSE))
    near = span.seconds * _NEAR
    yield from _together(((one.begin, one) for one in listed), near, "alert", "fires")
    yield from _together(((one.end, one) for one in listed if one.end is not None), near, "end", "has ended")


def _joined(found: Iterable[Firing], pause: float) -> Iterator[Firing]:
    """An alert that comes back after less than a pause is one."""
    listed = sorted(found, key=lambda one: (one.name, one.slo, one.begin))
    for _, group in groupby(listed, key=lambda one: (one.name, one.slo)):
        first, *rest = group
        for one in rest:
            if first.end is not None and one.begin - first.end < pause:
                first = replace(first, end=one.end, times=first.times + 1)
            else:
                yield first
                first = one
        yield first


def _together(found: Iterable[tuple[float, Firing]], near: float, kind: str, verb: str) -> Iterator[SnapshotEvent]:
    """Alerts of one name that begin, or end, about when the first of them does: one line, at the first."""
    listed = sorted(found, key=lambda one: (one[1].name, one[0], one[1].slo))
    at, group = 0.0, list[Firing]()
    for time, one in listed:
        if group and (one.name != group[0].name or time - at > near):
            yield SnapshotEvent(at, kind, _text(group, verb))
            group = []
        if not group:
            at = time
        group.append(one)
    if group:
        yield SnapshotEvent(at, kind, _text(group, verb))


def _text(group: list[Firing], verb: str) -> str:
    most = max(one.times for one in group)
    often = f" {most} times" if most > 1 and verb == "fires" else ""
    named = ", ".join(one.slo for one in group if one.slo)
    return f"{group[0].name}{f' ({named})' if named else ''} {verb}{often}"
