"""Checks of inhibitions of Alertmanager that inhibit nothing, or far too much, whatever alerts there are."""

from __future__ import annotations

from collections.abc import Iterator

from regobs.documents import Steps
from regobs.lint.alert_routes import AlertMatcher, inhibitions, sides
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.subjects import Json, LintedRouting

_SEVERITIES = frozenset({"severity", "level", "priority", "urgency"})


@check("dead-inhibition", Severity.WARNING, CheckSubject.ROUTING)
def dead_inhibition(routing: LintedRouting) -> Iterator[LintProblem]:
    """An inhibition whose sides are the same alerts, or differ in a label that is to be equal.

    Why: no alert inhibits itself or another one that both sides fit, and two values that differ are never equal: all
    alerts are sent.

    Wrong:
        route: {receiver: tickets}
        receivers: [{name: tickets}]
        inhibit_rules:
        - source_matchers: [severity="page"]
          target_matchers: [severity="ticket"]
          equal: [job, severity]
    Right:
        route: {receiver: tickets}
        receivers: [{name: tickets}]
        inhibit_rules:
        - source_matchers: [severity="page"]
          target_matchers: [severity="ticket"]
          equal: [job]
    """
    for path, rule in inhibitions(routing):
        source, target = ([*one.own] for one in sides(path, rule))
        if not source or not target:
            continue
        if _plain(source) == _plain(target):
            what = "both sides of this inhibition are the same alerts, of which none inhibits another"
            yield routing.problem(path, what, "let the source be the cause, and the target what follows from it")
        for label_path, label in _equal(path, rule):
            if _differ(source, target, label) or _differ(target, source, label):
                what = f"the sides of this inhibition never have the same {label}"
                yield routing.problem(label_path, what, "leave it out of equal")


def _plain(matchers: list[AlertMatcher]) -> set[tuple[str, str, str]]:
    return {(one.label, one.op, one.value) for one in matchers}


def _equal(path: Steps, rule: Json) -> Iterator[tuple[Steps, str]]:
    listed = rule.get("equal")
    for index, label in enumerate(listed if isinstance(listed, list) else ()):
        yield (*path, "equal", index), str(label)


def _differ(one: list[AlertMatcher], other: list[AlertMatcher], label: str) -> bool:
    """Whether one side asks for a value of a label that the other side does not take."""
    values = [matcher.value for matcher in one if (matcher.label, matcher.op) == (label, "=")]
    taken = [matcher for matcher in other if matcher.label == label]
    return any(not matcher.accepts(value) for value in values for matcher in taken)


@check("broad-inhibition", Severity.WARNING, CheckSubject.ROUTING)
def broad_inhibition(routing: LintedRouting) -> Iterator[LintProblem]:
    """An inhibition without a source or a target, or in which one severity inhibits another without equal labels.

    Why: while one alert fires, whatever it is of, all others are kept back, those of other services too.

    Wrong:
        route: {receiver: tickets}
        receivers: [{name: tickets}]
        inhibit_rules:
        - source_matchers: [severity="page"]
          target_matchers: [severity="ticket"]
    Right:
        route: {receiver: tickets}
        receivers: [{name: tickets}]
        inhibit_rules:
        - source_matchers: [severity="page"]
          target_matchers: [severity="ticket"]
          equal: [job]
    """
    for path, rule in inhibitions(routing):
        found = list(sides(path, rule))
        names = ["source", "target"]
        asked = [any(str(key).startswith(name) and rule[key] for key in rule) for name in names]
        for name, one, other in zip(names, asked, found[::-1], strict=True):
            # Alerts named one by one may be kept back always: kube-prometheus-stack does so with InfoInhibitor.
            if not one and not (name == "source" and _by_name(other.own)):
                does = "inhibits" if name == "source" else "is inhibited"
                what = f"this inhibition has no {name}, so every alert {does}"
                yield routing.problem(path, what, f"add {name}_matchers")
        if all(asked) and not rule.get("equal") and _by_severity(found[0].own) and _by_severity(found[1].own):
            what = "an alert of this severity inhibits those of the other one, of whatever they are"
            yield routing.problem(path, what, "add the labels that both have in common as equal")


def _by_severity(matchers: list[AlertMatcher]) -> bool:
    return bool(matchers) and all(one.label in _SEVERITIES for one in matchers)


def _by_name(matchers: list[AlertMatcher]) -> bool:
    return any(one.label == "alertname" and one.op == "=" for one in matchers)
