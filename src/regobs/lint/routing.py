"""Checks of Alertmanager's configuration: routes and inhibitions that no alert of the rules beside it fits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from regobs.common.closest import closest
from regobs.documents import Steps
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.labels import SeriesLabels, result_labels, series_labels
from regobs.lint.subjects import Json, LintedRouting, LintedRule
from regobs.promql.literals import regex_fault, regex_matches
from regobs.promql.nodes import MatchOp

# https://prometheus.io/docs/alerting/latest/configuration/#matcher
_MATCHER = re.compile(r'(?<![\w:])([a-zA-Z_:][\w:]*+)"?+\s*+(=~|!~|!=|=)\s*+("(?:[^"\\]|\\.)*+"|[^",{}]*+)\s*+(?:,|$)')
_SIDES = (("source", "source_matchers", "sourceMatch"), ("target", "target_matchers", "targetMatch"))


@dataclass(frozen=True, slots=True)
class AlertMatcher:
    """A matcher of a route or an inhibition, and the steps to it."""

    label: str
    op: str
    value: str
    path: Steps

    def accepts(self, value: str) -> bool:
        """Whether a label of this value passes; what cannot be said soon passes."""
        if self.op in {"=", "!="}:
            return (self.value == value) is (self.op == "=")
        found = regex_matches(self.value, value)
        return found is None or found is (self.op == "=~")


@dataclass(frozen=True, slots=True)
class MatchedPlace:
    """A route, or one side of an inhibition: its own matchers, and those of the routes above it."""

    what: str
    path: Steps
    own: list[AlertMatcher]
    above: list[AlertMatcher]

    def fitting(self, routing: LintedRouting) -> list[LintedRule]:
        """The alerts that may pass all its matchers."""
        return [rule for rule in routing.context.alerts if _fits(rule, [*self.above, *self.own])]


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
    yield from _behind_all(routing)
    for place in _places(routing):
        for one in place.own:
            if one.op in {"=~", "!~"} and (fault := regex_fault(one.value)):
                what = f"{one.value!r} is no regular expression: {fault}"
                yield routing.problem(one.path, what, "Alertmanager refuses the file", Severity.ERROR)


def _behind_all(routing: LintedRouting) -> Iterator[LintProblem]:
    """Routes behind one of their list that takes every alert."""
    taken: set[Steps] = set()
    route = routing.data.get("route")
    for place in _routes(route) if isinstance(route, dict) else ():
        parent = place.path[:-1]
        if parent in taken:
            what = "a route before this one takes every alert"
            yield routing.problem(place.path, what, "put that one behind it, or add continue: true there")
            taken.remove(parent)
        elif parent and not place.own and _takes_all(routing.data, place.path):
            taken.add(parent)


def _takes_all(data: Any, path: Steps) -> bool:
    """Whether the route there chooses no alerts, and hands none on."""
    for step in path:
        data = data[step]
    return not data.get("continue") and not {"matchers", "match", "match_re"} & {key for key in data if data[key]}


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
    for place in _places(routing) if routing.context.alerts else ():  # without rules beside it nothing can be said
        if any(place.path[:length] in told for length in range(len(place.path))):
            continue
        problems = list(look(routing, place))
        if problems:
            told.add(place.path)
        yield from problems


def _places(routing: LintedRouting) -> Iterator[MatchedPlace]:
    route = routing.data.get("route")
    if isinstance(route, dict):
        yield from _routes(route)
    for path, rule in _inhibitions(routing):
        yield from _sides(path, rule)


def _routes(top: Json) -> Iterator[MatchedPlace]:
    waiting: list[tuple[Json, Steps, list[AlertMatcher]]] = [(top, ("route",), [])]
    while waiting:
        route, path, above = waiting.pop()
        own = [*_listed(route, path, "matchers"), *_mapped(route, path, "")]
        yield MatchedPlace("this route", path, own, above)
        listed = route.get("routes")
        children = list(enumerate(listed if isinstance(listed, list) else ()))[::-1]
        inner: list[tuple[Json, Steps, list[AlertMatcher]]] = [
            (child, (*path, "routes", index), [*above, *own]) for index, child in children if isinstance(child, dict)
        ]
        waiting += inner


def _inhibitions(routing: LintedRouting) -> Iterator[tuple[Steps, Json]]:
    for key in ("inhibit_rules", "inhibitRules"):
        listed = routing.data.get(key)
        for index, rule in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(rule, dict):
                yield (key, index), rule


def _sides(path: Steps, rule: Json) -> Iterator[MatchedPlace]:
    for side, matchers, plain in _SIDES:
        found = [*_listed(rule, path, matchers), *_listed(rule, path, plain), *_mapped(rule, path, side + "_")]
        yield MatchedPlace(f"the {side} of this inhibition", (*path, side), found, [])


def _dead(routing: LintedRouting, place: MatchedPlace) -> Iterator[LintProblem]:
    alerts, own, what = routing.context.alerts, place.own, place.what
    if not own or any(_fits(rule, [*place.above, *own]) for rule in alerts):
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
    alone = next((one for one in own if not any(_fits(rule, [one]) for rule in alerts)), None)
    where = alone or own[0]
    if alone is None:
        yield routing.problem(where.path, f"{what} fits no alert: each matcher fits some, all fit none", "correct one")
    elif alone.label == "alertname":
        yield routing.problem(where.path, f"no alert is called {alone.value}", "correct the name", Severity.NOTE)
    else:
        values = sorted({value for rule in alerts if (value := _static(rule).get(alone.label))})
        step = f"of the alerts {alone.label} is one of {', '.join(values)}"
        yield routing.problem(where.path, f"{what} fits no alert", step)


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
    for path, rule in _inhibitions(routing):
        equal = rule.get("equal")
        sides = [one.fitting(routing) for one in _sides(path, rule)]
        for index, label in enumerate(equal if isinstance(equal, list) and all(sides) else ()):
            lacking = [all(_lacks(alert, str(label)) for alert in side) for side in sides]
            sure = all(label in had[id(alert)] for side in sides for alert in side)
            if (
                all(lacking)
                and (sure or label in {"instance", "pod"})
                and not _same_value([*sides[0], *sides[1]], label)
            ):
                what = f"both sides of this inhibition drop {label}: two empty values are equal, so any alert inhibits"
                step = f"keep {label} in the expressions, or leave it out of equal"
                # By another label than that of a process the alerts of one deployment may not be meant to differ.
                told = sure and label in {"instance", "pod"}
                yield routing.problem((*path, "equal", index), what, step, None if told else Severity.NOTE)
                continue
            keeping = [all(_keeps(alert, str(label)) for alert in side) for side in sides]
            for number, (side, _, _) in enumerate(_SIDES):
                if lacking[number] and keeping[1 - number]:
                    sure = all(label in had[id(alert)] for alert in sides[number])
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
    return kept is not None and label not in kept and label not in _static(rule)


def _keeps(rule: LintedRule, label: str) -> bool:
    kept = result_labels(rule.query)
    return label in _static(rule) or (kept is not None and label in kept)


def _asks_for(rule: LintedRule, matcher: AlertMatcher) -> bool:
    """Whether every series of an expression has a value of the label that passes the matcher."""
    asked = [
        next((one.value for one in node.matchers if one.label == matcher.label and one.op is MatchOp.EQUAL), "")
        for node in (rule.query.selectors if rule.query is not None else ())
    ]
    return bool(asked) and all(value and matcher.accepts(value) for value in asked)


def _fits(rule: LintedRule, matchers: list[AlertMatcher]) -> bool:
    """Whether an alert may pass all matchers: a label that the rule does not set may come with the series."""
    labels = _static(rule)
    set_by_rule = [one for one in matchers if one.label in labels and "{{" not in labels[one.label]]
    return all(one.accepts(labels[one.label]) for one in set_by_rule)


def _static(rule: LintedRule) -> dict[str, str]:
    group = rule.group.get("labels")
    shared = {str(name): str(text) for name, text in group.items()} if isinstance(group, dict) else {}
    return {**shared, **rule.texts("labels"), "alertname": rule.name}


def _listed(data: Json, path: Steps, key: str) -> Iterator[AlertMatcher]:
    """Matchers in a list: texts such as `severity=~"page|ticket"`, or objects of an AlertmanagerConfig."""
    listed = data.get(key)
    for index, one in enumerate(listed if isinstance(listed, list) else [listed] if isinstance(listed, str) else ()):
        where: Steps = (*path, key, index) if isinstance(listed, list) else (*path, key)
        if isinstance(one, str):
            for match in _MATCHER.finditer(one.strip().removeprefix("{").removesuffix("}")):
                yield AlertMatcher(match[1], match[2], _plain(match[3]), where)
        elif isinstance(one, dict) and "name" in one:
            op = str(one.get("matchType") or ("=~" if one.get("regex") is True else "="))
            yield AlertMatcher(str(one["name"]), op, str(one.get("value") or ""), where)


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text.strip()


def _mapped(data: Json, path: Steps, prefix: str) -> Iterator[AlertMatcher]:
    """Matchers of the old form: `match: {severity: page}` and `match_re`."""
    for key, op in ((f"{prefix}match", "="), (f"{prefix}match_re", "=~")):
        given: Any = data.get(key)
        for name, value in given.items() if isinstance(given, dict) else ():
            yield AlertMatcher(str(name), op, str(value), (*path, key, name))
