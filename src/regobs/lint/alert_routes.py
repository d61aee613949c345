"""The routes and inhibitions of a configuration of Alertmanager, and which alerts pass their matchers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from regobs.documents import Steps
from regobs.lint.subjects import Json, LintedRouting, LintedRule
from regobs.promql.literals import regex_matches

# https://prometheus.io/docs/alerting/latest/configuration/#matcher
_MATCHER = re.compile(r'(?<![\w:])([a-zA-Z_:][\w:]*+)"?+\s*+(=~|!~|!=|=)\s*+("(?:[^"\\]|\\.)*+"|[^",{}]*+)\s*+(?:,|$)')
SIDES = (("source", "source_matchers", "sourceMatch"), ("target", "target_matchers", "targetMatch"))


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

    def surely_accepts(self, value: str) -> bool:
        """Whether a label of this value passes for certain."""
        if self.op in {"=", "!="}:
            return self.accepts(value)
        return regex_matches(self.value, value) is (self.op == "=~")


@dataclass(frozen=True, slots=True)
class MatchedPlace:
    """A route, or one side of an inhibition: its own matchers, and those of the routes above it."""

    what: str
    path: Steps
    own: list[AlertMatcher]
    above: list[AlertMatcher]

    def fitting(self, routing: LintedRouting) -> list[LintedRule]:
        """The alerts that may pass all its matchers."""
        return [rule for rule in routing.context.alerts if fits(rule, [*self.above, *self.own])]


def takes_all_of(first: MatchedPlace, second: MatchedPlace) -> bool:
    """Whether all alerts that pass the matchers of one place pass those of another one."""
    return all(any(_implies(one, other) for other in second.own) for one in first.own)


def _implies(asked: AlertMatcher, given: AlertMatcher) -> bool:
    """Whether what passes the second matcher passes the first one."""
    if asked.label != given.label:
        return False
    same = (asked.op, asked.value) == (given.op, given.value)
    return same or (given.op == "=" and asked.surely_accepts(given.value))


def places(routing: LintedRouting) -> Iterator[MatchedPlace]:
    """All routes, and the two sides of all inhibitions."""
    route = routing.data.get("route")
    if isinstance(route, dict):
        yield from routes(route)
    for path, rule in inhibitions(routing):
        yield from sides(path, rule)


def routes(top: Json) -> Iterator[MatchedPlace]:
    """A route and all below it, each with the matchers of those above."""
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


def inhibitions(routing: LintedRouting) -> Iterator[tuple[Steps, Json]]:
    """The inhibitions, with the steps to them; those that a build of regobs makes of tiers have no sides yet."""
    for key in ("inhibit_rules", "inhibitRules"):
        listed = routing.data.get(key)
        for index, rule in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(rule, dict) and "slower_tiers_of" not in rule:
                yield (key, index), rule


def sides(path: Steps, rule: Json) -> Iterator[MatchedPlace]:
    """The source and the target of an inhibition."""
    for side, matchers, plain in SIDES:
        found = [*_listed(rule, path, matchers), *_listed(rule, path, plain), *_mapped(rule, path, side + "_")]
        yield MatchedPlace(f"the {side} of this inhibition", (*path, side), found, [])


def fits(rule: LintedRule, matchers: list[AlertMatcher]) -> bool:
    """Whether an alert may pass all matchers: a label that the rule does not set may come with the series."""
    labels = static_labels(rule)
    set_by_rule = [one for one in matchers if one.label in labels and "{{" not in labels[one.label]]
    return all(one.accepts(labels[one.label]) for one in set_by_rule)


def static_labels(rule: LintedRule) -> dict[str, str]:
    """The labels that a rule and its group set, with its name; templates as they are written."""
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
