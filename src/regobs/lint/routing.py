"""Checks of Alertmanager's configuration: routes and inhibitions that no alert of the rules beside it fits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from regobs.common.closest import closest
from regobs.documents import Steps
from regobs.lint.alert_routes import (
    SIDES,
    AlertMatcher,
    MatchedPlace,
    fits,
    inhibitions,
    places,
    routes,
    sides,
    static_labels,
    takes_all_of,
)
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.labels import SeriesLabels, keeps_target, result_labels, series_labels
from regobs.lint.subjects import LintedRouting, LintedRule
from regobs.promql.literals import regex_fault
from regobs.promql.nodes import MatchOp
from regobs.slo.alerts import NAMES

_PATTERN = re.compile(r"\w\|\w|\.[*+]")
_MOST_BEFORE = 100
Look = Callable[[LintedRouting, MatchedPlace], Iterator[LintProblem]]


@check("dead-route", Severity.WARNING, CheckSubject.ROUTING)
def dead_route(routing: LintedRouting) -> Iterator[LintProblem]:
    """A route or an inhibition of Alertmanager that no alert reaches, or none of the rules beside it fits.

    Why: the alert that was meant goes to another receiver, or is not inhibited, and nobody is told so.

    Beside:
        groups:
        - name: pool
          rules:
          - alert: PoolFull
            expr: avg(go_sql_dbstats_connections_in_use) > 10
            labels: {severity: page}
            annotations: {summary: The pool is full}
        ---
    Wrong:
        route:
          receiver: tickets
          routes:
          - matchers: [alertname="PoolIsFull", severity="page"]
            receiver: pager
        receivers: [{name: tickets}, {name: pager}]
    Right:
        route:
          receiver: tickets
          routes:
          - matchers: [alertname="PoolFull", severity="page"]
            receiver: pager
        receivers: [{name: tickets}, {name: pager}]
    """
    yield from _outermost(routing, _dead)
    yield from _contradictions(routing)
    yield from _behind_all(routing)
    for place in places(routing):
        for one in place.own:
            if one.op in {"=~", "!~"} and (fault := regex_fault(one.value)):
                what = f"{one.value!r} is no regular expression: {fault}"
                yield routing.problem(one.path, what, "Alertmanager refuses the file", Severity.ERROR)


def _contradictions(routing: LintedRouting) -> Iterator[LintProblem]:
    """Matchers that ask for two values of a label, or for a pattern as a value, which is seen without any rules."""
    for place in places(routing) if not routing.context.alerts else ():
        asked = {one.label: one.value for one in place.above if one.op == "="}
        for one in place.own:
            if one.op == "=" and _PATTERN.search(one.value):
                what = f"{one.value!r} is compared as it is written, not as a pattern"
                yield routing.problem(one.path, what, "write =~, or match_re for match")
                break
            if one.label in asked and not one.accepts(asked[one.label]):
                what = f"no alert fits: {one.label} is {asked[one.label]} by another matcher"
                yield routing.problem(one.path, what, "correct one of the two")
                break
            asked |= {one.label: one.value} if one.op == "=" else {}


def _behind_all(routing: LintedRouting) -> Iterator[LintProblem]:
    """Routes behind one of their list that takes every alert, or all those that they ask for."""
    taken: dict[Steps, list[MatchedPlace]] = {}
    told: set[Steps] = set()
    route = routing.data.get("route")
    for place in routes(route) if isinstance(route, dict) else ():
        parent = place.path[:-1]
        before = next((one for one in taken.get(parent, []) if takes_all_of(one, place)), None)
        if before is not None and parent not in told:
            what = "every alert" if not before.own else "all alerts of this one"
            step = "put that one behind it, or add continue: true there"
            yield routing.problem(place.path, f"a route before this one takes {what}", step)
            told.add(parent)
        # Of very many routes the first ones are compared with each.
        elif parent and len(taken.get(parent, [])) < _MOST_BEFORE and _hands_none_on(routing.data, place):
            taken.setdefault(parent, []).append(place)


def _hands_none_on(data: Any, place: MatchedPlace) -> bool:
    """Whether a route keeps what it takes, and all its matchers could be read."""
    for step in place.path:
        data = data[step]
    return not data.get("continue") and len(place.own) >= sum(
        len(data[key]) if isinstance(data[key], list | dict) else 1
        for key in ("matchers", "match", "match_re")
        if data.get(key)
    )


@check("label-lost-before-routing", Severity.WARNING, CheckSubject.ROUTING)
def label_lost_before_routing(routing: LintedRouting) -> Iterator[LintProblem]:
    """A route or an inhibition of Alertmanager asks for a label that the expressions of its alerts drop.

    Why: the alert has no such label when it is routed, so it goes to another receiver, or inhibits nothing.

    Beside:
        groups:
        - name: pool
          rules:
          - alert: PoolFull
            expr: max(go_sql_dbstats_connections_in_use{stage="canary"}) > 10
            labels: {severity: page}
            annotations: {summary: The pool is full}
        ---
    Wrong:
        route:
          receiver: pager
          routes:
          - matchers: [stage="canary"]
            receiver: tickets
        receivers: [{name: tickets}, {name: pager}]
    Right:
        route:
          receiver: pager
          routes:
          - matchers: [alertname="PoolFull"]
            receiver: tickets
        receivers: [{name: tickets}, {name: pager}]
    """
    had = series_labels(routing.context.alerts)
    yield from _outermost(routing, partial(_lost, had=had))
    yield from _unequal(routing, had)


def _outermost(routing: LintedRouting, look: Look) -> Iterator[LintProblem]:
    """What is said of each place, but for those below a route of which something is said: they get nothing either."""
    told: set[Steps] = set()
    for place in places(routing) if routing.context.alerts else ():  # without rules beside it nothing can be said
        if any(place.path[:length] in told for length in range(len(place.path))):
            continue
        problems = list(look(routing, place))
        if problems:
            told.add(place.path)
        yield from problems


def _dead(routing: LintedRouting, place: MatchedPlace) -> Iterator[LintProblem]:
    alerts, own, what = routing.context.alerts, place.own, place.what
    if not own or any(fits(rule, [*place.above, *own]) for rule in alerts) or _is_of_slos(alerts, own):
        return
    names = sorted({rule.name for rule in alerts})
    named = next((one for one in own if one.label == "alertname" and one.op == "="), None)
    if named is not None and named.value not in names:
        # Alerts of files that are not linted together may be meant, unless the name is close to one that is.
        near = closest(named.value, names, 1, 0.75)
        step = f"did you mean {near[0]}?" if near else "lint its rules together with it, or remove it"
        what = f"no alert is called {named.value}"
        yield routing.problem(named.path, what, step, None if near else Severity.NOTE)
        return
    alone = next((one for one in own if not any(fits(rule, [one]) for rule in alerts)), None)
    where = alone or own[0]
    if alone is None:
        yield routing.problem(where.path, f"{what} fits no alert: each matcher fits some, all fit none", "correct one")
    elif alone.label == "alertname":
        slip = next(
            (near for one in alone.value.split("|")[:_MOST_BEFORE] if (near := closest(one, names, 1, 0.75))), []
        )
        step = f"did you mean {slip[0]}?" if alone.op == "=~" and slip else "correct the name"
        severity = None if alone.op == "=~" and slip else Severity.NOTE
        yield routing.problem(where.path, f"no alert is called {alone.value}", step, severity)
    else:
        values = sorted({value for rule in alerts if (value := static_labels(rule).get(alone.label))})
        step = f"of the alerts {alone.label} is one of {', '.join(values)}"
        yield routing.problem(where.path, f"{what} fits no alert", step)


def _is_of_slos(alerts: Sequence[LintedRule], own: Sequence[AlertMatcher]) -> bool:
    """Whether burn alerts are asked for that a build makes of SLOs, and no built rules are linted beside it."""
    asked = [one for one in own if one.label == "alertname" and one.op in {"=", "=~"}]
    burns = {*NAMES.values()}
    return any(one.accepts(name) for one in asked for name in burns) and not any(rule.name in burns for rule in alerts)


def _lost(routing: LintedRouting, place: MatchedPlace, had: SeriesLabels) -> Iterator[LintProblem]:
    """Matchers for a label that the alerts which pass the others lack, or one whose expression asks for its value."""
    fitting = place.fitting(routing)
    for matcher in place.own:
        if matcher.accepts(""):
            continue  # an alert without the label passes
        losing = [rule for rule in fitting if _lacks(rule, matcher.label)]
        meant = [rule for rule in losing if _asks_for(rule, matcher)]
        if losing and len(losing) == len(fitting):
            # What the series never had may still be a label that the server adds to each alert it sends.
            sure = meant or all(matcher.label in had[id(rule)] for rule in losing)
            yield routing.problem(*_loss(matcher, losing, place.what), None if sure else Severity.NOTE)
        elif meant:
            yield routing.problem(*_loss(matcher, meant, place.what))


def _loss(matcher: AlertMatcher, losing: list[LintedRule], what: str) -> tuple[Steps, str, str]:
    names = list(dict.fromkeys(rule.name for rule in losing))
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    drops = "drops" if len(names) == 1 else "drop"
    step = f"keep {matcher.label} in the expression, or set it in the labels of the rule"
    return matcher.path, f"{what} asks for {matcher.label}, which {shown} {drops}", step


def _unequal(routing: LintedRouting, had: SeriesLabels) -> Iterator[LintProblem]:
    """Labels of `equal` that one side of an inhibition drops and the other keeps."""
    for path, rule in inhibitions(routing):
        equal = rule.get("equal")
        alerts = [one.fitting(routing) for one in sides(path, rule)]
        for index, label in enumerate(map(str, equal) if isinstance(equal, list) and all(alerts) else ()):
            lacking = [all(_lacks(alert, label) for alert in side) for side in alerts]
            sure = all(label in had[id(alert)] for side in alerts for alert in side)
            if (
                all(lacking)
                and (sure or label in {"instance", "pod"})
                and not _same_value([*alerts[0], *alerts[1]], label)
            ):
                what = f"both sides of this inhibition drop {label}: two empty values are equal, so any alert inhibits"
                step = f"keep {label} in the expressions, or leave it out of equal"
                # By another label than that of a process the alerts of one deployment may not be meant to differ.
                told = sure and label in {"instance", "pod"}
                yield routing.problem((*path, "equal", index), what, step, None if told else Severity.NOTE)
                continue
            keeping = [all(_keeps(alert, label) for alert in side) for side in alerts]
            for number, (side, _, _) in enumerate(SIDES):
                if lacking[number] and keeping[1 - number]:
                    sure = all(label in had[id(alert)] for alert in alerts[number])
                    what = f"the {side} of this inhibition drops {label}, which its other side keeps: they never agree"
                    step = f"keep {label} in its expression, or leave it out of equal"
                    yield routing.problem((*path, "equal", index), what, step, None if sure else Severity.NOTE)


def _same_value(rules: list[LintedRule], label: str) -> bool:
    """Whether all expressions ask for one value of a label, so that it is equal although they drop it."""
    asked = [
        {one.value for one in node.matchers if one.label == label and one.op is MatchOp.EQUAL}
        for rule in rules
        for node in (rule.query.selectors if rule.query is not None else ())
    ]
    return bool(asked) and all(asked) and len(set.union(*asked)) == 1


def _lacks(rule: LintedRule, label: str) -> bool:
    """Whether an alert certainly has no such label of its own."""
    kept = result_labels(rule.query)
    return kept is not None and label not in kept and label not in static_labels(rule)


def _keeps(rule: LintedRule, label: str) -> bool:
    kept = result_labels(rule.query)
    own = label in static_labels(rule) or (kept is not None and label in kept)
    return own or (kept is None and label in {"job", "instance"} and keeps_target(rule.query))


def _asks_for(rule: LintedRule, matcher: AlertMatcher) -> bool:
    """Whether every series of an expression has a value of the label that passes the matcher."""
    asked = [
        next((one.value for one in node.matchers if one.label == matcher.label and one.op is MatchOp.EQUAL), "")
        for node in (rule.query.selectors if rule.query is not None else ())
    ]
    return bool(asked) and all(value and matcher.accepts(value) for value in asked)
