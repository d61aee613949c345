"""The check of recorded series that regobs' own rules write: misspelt names, labels and values of labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from regobs.catalog import METRICS
from regobs.catalog.model import Exposer
from regobs.common.closest import closest, closest_first
from regobs.config import Config
from regobs.documents import load_yaml
from regobs.errors import RulesError
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.routing_labels import is_slip
from regobs.lint.subjects import LintContext, LintedQuery
from regobs.pack import find_pack
from regobs.promql.bind import RELABEL_SOURCES
from regobs.promql.inferred_parts import infer_parts
from regobs.promql.literals import regex_matches
from regobs.promql.nodes import Aggregate, Call, Expr, Matcher, MatchOp
from regobs.promql.parse import parse
from regobs.promql.series import known_metric
from regobs.promql.walk import selectors, walk
from regobs.slo.outputs import load_slos
from regobs.slo.rule_files import SUFFIX

_OURS = "registry:"
_LIKE = 0.9
_ASKS = frozenset({MatchOp.EQUAL, MatchOp.REGEX})
_DIGIT = re.compile(r"\d")
_PLAIN = re.compile(r"[A-Za-z_-]+(?:\|[A-Za-z_-]+)*")


@check("misspelt-record", Severity.WARNING)
def misspelt_record(query: LintedQuery) -> Iterator[LintProblem]:
    """A series that a rule of regobs records is asked for by a name, a label or a value that is nearly one it has.

    Why: nothing matches, so the panel stays empty and the alert silent. `regobs build` says the same of a pack.

    Wrong:
        registry:slo_burn_rate:ratio1h{slo="pull-manifest-availabilty"} > 10
    Right:
        registry:slo_burn_rate:ratio1h{slo="pull-manifest-availability"} > 10
    """
    for node in query.selectors:
        name = node.metric
        if not isinstance(name, str) or not name.startswith(_OURS) or _is_of_others(query, name):
            continue
        metric = known_metric(node)
        of_slos = metric is not None and metric.exposer is Exposer.RULES
        if not of_slos and name not in _rules():
            if near := _near_name(name):
                yield query.problem(node, f"no rule of regobs records {name}", f"did you mean {near}?", word=name)
            continue
        for matcher in node.matchers if of_slos else ():
            if meant := _meant_slo(matcher):
                yield query.problem(matcher, f"no {matcher.label} is {matcher.value!r}", f"did you mean {meant}?")
        for matcher in node.matchers if not of_slos else ():
            yield from _of_rule(query, name, matcher)


def _of_rule(query: LintedQuery, name: str, matcher: Matcher) -> Iterator[LintProblem]:
    known, dropped = _labels(name)
    near = next((one for one in sorted(known | dropped) if _slips(matcher.label, one)), "")
    if known and matcher.label not in known and matcher.value and (near or matcher.label in dropped):
        step = f"did you mean {near}?" if near in known else f"it has {', '.join(sorted(known))}"
        yield query.problem(matcher, f"{name} has no label {matcher.label}", step)
        return
    if matcher.op not in _ASKS or not matcher.value or "$" in matcher.value:
        return
    values = _values(query.context, name, matcher.label, frozenset())
    if values and not any(_accepts(matcher, one) for one in values):
        expected = f"it is one of {closest_first(matcher.value, values)}"
        yield query.problem(matcher, f"no {matcher.label} of {name} is {matcher.value!r}", expected)


def _is_of_others(query: LintedQuery, name: str) -> bool:
    """Whether the files that are linted record the name otherwise than regobs does, or beside it."""
    return name in query.context.recorded and name not in _rules() and not _of_slos(name)


def _of_slos(name: str) -> bool:
    metric = METRICS.get(name)
    return metric is not None and metric.exposer is Exposer.RULES


def _near_name(name: str) -> str:
    """The recorded series that a name is nearly, unless it only has another window."""
    names = [*_rules(), *(one for one, metric in METRICS.items() if metric.exposer is Exposer.RULES)]
    near = closest(name, names, 1, _LIKE)
    return near[0] if near and _DIGIT.sub("", near[0]) != _DIGIT.sub("", name) else ""


def _meant_slo(matcher: Matcher) -> str:
    """The value of a label of SLOs that is meant by one, or by an alternative, with letters wrong; "" for any other."""
    known = _slo_labels().get(matcher.label, ())
    if not _PLAIN.fullmatch(matcher.value):
        return ""
    asked = [one for one in matcher.value.split("|") if one not in known]
    return next((meant for one in asked for meant in known if _slips(one, meant)), "")


def _slips(written: str, meant: str) -> bool:
    """Whether a name differs from one that there is by no more than a slip in each of its words."""
    words = [re.split("[-_]", one) for one in (written, meant)]
    pairs = list(zip(*words, strict=False)) if len(words[0]) == len(words[1]) else []
    return written != meant and bool(pairs) and all(one == two or is_slip(one, two) for one, two in pairs)


@cache
def _rules() -> dict[str, list[Expr]]:
    """What the rules of the bundled pack record, by name."""
    found: dict[str, list[Expr]] = {}
    for file in find_pack().files("alerts", "*" + SUFFIX):
        document = load_yaml(file.read(), str(file.path), error=RulesError)
        for rule in (rule for group in document.data["groups"] for rule in group["rules"] if "record" in rule):
            found.setdefault(rule["record"], []).append(parse(rule["expr"]))
    return found


@cache
def _slo_labels() -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for slo in load_slos(find_pack(), Config()):
        for name, value in slo.labels.items():
            found.setdefault(name, {})[value] = None
    return {name: tuple(values) for name, values in found.items()}


@cache
def _labels(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """The labels that the rules of a name keep, and those that they drop, by each flavor's name; none if not known."""
    found: set[str] = set()
    for expr in _rules()[name]:
        kept = infer_parts(expr).of(expr).possible_labels
        if kept is None:
            return frozenset(), frozenset()
        found |= kept
    read = [metric for expr in _rules()[name] for node in selectors(expr) if (metric := known_metric(node))]
    named = [label for metric in read for form in metric.forms for label in form.labels]
    meant = {label.name for label in named if label.exposed in found}
    kept_names = frozenset(found) | {label.exposed for label in named if label.name in meant}
    return kept_names, frozenset(label.exposed for label in named if not label.target_label) - kept_names


def _values(context: LintContext, name: str, label: str, above: frozenset[str]) -> tuple[str, ...]:
    """The values that a label of a recorded series may have; none where they are not closed."""
    found: dict[str, None] = {}
    for expr in _rules()[name]:
        if _makes_labels(expr):
            return ()
        for values in _values_of_parts(context, expr, label, above | {name}):
            if not values:
                return ()
            found |= dict.fromkeys(values)
    return tuple(found)


def _values_of_parts(context: LintContext, expr: Expr, label: str, above: frozenset[str]) -> Iterator[tuple[str, ...]]:
    """The values by each series that an expression reads and that has the label; none where one leaves it open."""
    for node in selectors(expr):
        inner, metric = str(node.metric), known_metric(node)
        if inner in _rules():
            yield _values(context, inner, label, above) if inner not in above else ()
        elif metric is None:
            yield ()
        else:
            forms = [form for form in metric.forms if form.until is None]
            found = [one for form in forms for one in form.labels if one.exposed == label]
            closed = [one.values for one in found if one.values is not None and not one.target_label]
            if found:
                yield _joined(closed) if len(closed) == len(found) else ()


def _joined(values: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for several in values for one in several))


def _makes_labels(expr: Expr) -> bool:
    return any(
        (isinstance(node, Call) and node.function in RELABEL_SOURCES)
        or (isinstance(node, Aggregate) and node.op == "count_values")
        for node in walk(expr)
    )


def _accepts(matcher: Matcher, value: str) -> bool:
    if matcher.op is MatchOp.EQUAL:
        return matcher.value == value
    return regex_matches(matcher.value, value) is not False
