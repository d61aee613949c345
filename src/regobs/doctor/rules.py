"""The rules of the build, against what the server has loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from regobs.doctor.diagnosis import missing
from regobs.doctor.facts import Deployment, ServerFacts
from regobs.doctor.questions import RuleQuestion
from regobs.doctor.report import RuleFinding
from regobs.doctor.verdict import Status, Verdict
from regobs.errors import PromqlError
from regobs.prometheus.state import Alert, LoadedRule
from regobs.promql.nodes import Aggregate, Expr, Selector
from regobs.promql.walk import rebuild, strip_parens

_STATES = ("firing", "pending", "inactive")


def examine_rules(facts: ServerFacts, deployment: Deployment, rules: Sequence[RuleQuestion]) -> tuple[RuleFinding, ...]:
    """One finding a rule, in the same order."""
    return tuple(_finding(facts, deployment, rule) for rule in rules)


def told_of_rules(facts: ServerFacts, rules: Sequence[RuleQuestion], load: Callable[[], str]) -> ServerFacts:
    """The facts with where the rules of the build are evaluated, and with how they are loaded where they are nowhere.

    `load` is only asked on a server that lacks some of them.
    """
    found = [bool(loaded(facts, rule)) for rule in rules]
    if facts.rules is None or all(found):
        return facts
    if not any(found) and any(_written(facts, rule) for rule in rules):
        return replace(facts, rules=None, elsewhere=True)
    return replace(facts, load=load())


def _written(facts: ServerFacts, rule: RuleQuestion) -> bool:
    """Whether what this rule writes is here: its recorded series, or its alert among those that wait or fire."""
    return rule.name in facts.live if rule.kind == "recording" else bool(_active(facts, rule))


def _active(facts: ServerFacts, rule: RuleQuestion) -> list[Alert]:
    """The alerts of a rule that wait or fire; they may have more labels than it."""
    labels = rule.labels.items()
    mine = [one for one in facts.active if one.labels.get("alertname") == rule.name]
    return [one for one in mine if labels <= one.labels.items()]


def loaded(facts: ServerFacts, rule: RuleQuestion) -> tuple[LoadedRule, ...]:
    """The server's rules of this kind, name and labels; it may have more labels from its own settings."""
    return tuple(
        found
        for found in (facts.rules or {}).get(rule.name, ())
        if found.kind == rule.kind and rule.labels.items() <= found.labels.items()
    )


def _finding(facts: ServerFacts, deployment: Deployment, rule: RuleQuestion) -> RuleFinding:
    found = loaded(facts, rule)
    states = {one.state for one in found}
    if facts.rules is None and rule.kind == "alerting":  # the server shows no rules, and samples what they did
        states = {one.state for one in _active(facts, rule)}
    state = next((state for state in _STATES if state in states), "")
    verdict = _verdict(facts, deployment, rule, found)
    return RuleFinding(rule.kind, rule.name, rule.group, rule.labels, state, verdict)


def _verdict(facts: ServerFacts, deployment: Deployment, rule: RuleQuestion, found: Sequence[LoadedRule]) -> Verdict:
    if facts.rules is not None and not found:
        return Verdict(Status.EMPTY, "the server has not loaded this rule", facts.load)
    failed = next((item for item in found if item.health == "err"), None)
    if failed is not None:
        return Verdict(
            Status.ERROR, f"its evaluation fails: {failed.last_error}", "correct what the error names, then reload"
        )
    gap = missing(facts, deployment, rule.expr)
    if gap is not None:
        return gap
    if found and all(item.last_evaluation is None for item in found):
        return Verdict(Status.QUIET, "not evaluated yet", "wait one evaluation interval")
    if not found:
        unknown = "it is evaluated elsewhere" if facts.elsewhere else "whether it is loaded, this server does not show"
        return Verdict(Status.DATA, f"its series exist; {unknown}")
    return Verdict(Status.DATA)


def differs(deployment: Deployment, rule: RuleQuestion, found: LoadedRule) -> bool:
    """Whether the server evaluates another expression than this build has; spelling does not count."""
    try:
        other = deployment.parse(found.query)
    except PromqlError:
        return True
    return other != rule.expr and _canonical(other) != _canonical(rule.expr)


def _canonical(expr: Expr) -> Expr:
    """One tree for all spellings: the server prints matchers in the order of their labels, and no empty `by ()`."""

    def visit(node: Expr) -> Expr:
        match node:
            case Selector():
                ordered = tuple(sorted(node.matchers, key=lambda item: (item.label, item.op, item.value)))
                return node if ordered == node.matchers else replace(node, matchers=ordered)
            case Aggregate(labels=(), without=False):
                return replace(rebuild(node, visit), labels=None)
        return rebuild(node, visit)

    return visit(strip_parens(expr))
