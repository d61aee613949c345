"""Plain Prometheus rule files of the pack: read, checked, and put into the deployment's names.

They are written in the names of GitLab's registry, with no selector of a deployment. A rule that the deployment's
registry cannot answer, by its flavor, version or capabilities, is left out with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from regobs.catalog.model import Flavor
from regobs.config import Config
from regobs.documents import Document, Steps, load_yaml, validate
from regobs.errors import Location, PromqlError, RulesError
from regobs.pack import BUNDLED, Pack, PackFile
from regobs.promql.bind import bind, metrics_of
from regobs.promql.canonical import is_target_label, text_label
from regobs.promql.durations import read_duration
from regobs.promql.evaluated import check_evaluated
from regobs.promql.infer import infer
from regobs.promql.nodes import Aggregate, Binary, Expr
from regobs.promql.parse import parse_located
from regobs.promql.printer import to_text
from regobs.promql.recorded import Record
from regobs.promql.series import check_classic, check_known, check_recorded, known_metric
from regobs.promql.unavailable import Unavailable
from regobs.promql.vocabulary import Vocabulary
from regobs.promql.walk import children, selectors
from regobs.slo.links import (
    dashboard_about,
    dashboard_link,
    dashboard_path,
    log_link,
    log_query_of,
    period_about,
    runbook_link,
    scope_words,
    variables_of,
)
from regobs.slo.log_address import AlertedLines
from regobs.slo.rule_scope import by_environment, is_widened, kept_labels, of_registry, scoped

SUFFIX = ".rules.yaml"
_LABEL_USE = re.compile(r"\$labels\.([A-Za-z_][A-Za-z0-9_]*)")
_TEXT = {"type": "string", "minLength": 1}
_DURATION = {"type": "string", "pattern": "^([0-9]+(ms|[smhdwy]))+$", "description": "a duration such as 5m"}
_TEXTS = {"type": "object", "additionalProperties": _TEXT}
_RECORD = {
    "type": "object",
    "additionalProperties": False,
    "required": ["record", "expr"],
    "properties": {
        "record": {
            "type": "string",
            "pattern": "^[a-zA-Z_]+:[a-zA-Z0-9_]+:[a-zA-Z0-9_]+$",
            "description": "level:metric:operations",
        },
        "expr": _TEXT,
        "labels": _TEXTS,
    },
}
_ALERT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["alert", "expr", "for", "labels", "annotations"],
    "properties": {
        "alert": {"type": "string", "pattern": "^[A-Z][A-Za-z0-9]*$", "description": "words such as DiskFull"},
        "expr": _TEXT,
        "for": _DURATION,
        "keep_firing_for": _DURATION,
        "labels": {
            "type": "object",
            "required": ["severity"],
            "properties": {"severity": {"enum": ["page", "ticket", "none"]}},
            "additionalProperties": _TEXT,
        },
        "annotations": {
            "type": "object",
            "required": ["summary", "description"],
            "properties": {"summary": _TEXT, "description": _TEXT},
            "additionalProperties": _TEXT,
        },
    },
}
_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["groups"],
    "properties": {
        "groups": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "rules"],
                "properties": {
                    "name": _TEXT,
                    "interval": _DURATION,
                    "rules": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"if": {"required": ["alert"]}, "then": _ALERT, "else": _RECORD},
                    },
                },
            },
        }
    },
}
# Rule files are written in these names; every capability counts as there.
_WRITTEN = Vocabulary(Flavor.GITLAB)


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One rule file in the deployment's names: `groups` as data, its `records` unscoped, and what was left out.

    `paths` says where the dashboard of each alert is below Grafana's address, `logs` which log lines it leads to, by
    the name and expression of the alert; `own` are the alerts whose labels name the place of the registry, not that of
    a neighbour; `widened` are the rules with a longer window than written, because it held too few scrapes of this
    deployment.
    """

    name: str
    groups: list[dict[str, Any]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    paths: dict[str, str] = field(default_factory=dict)
    logs: dict[tuple[str, str], AlertedLines] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    widened: set[str] = field(default_factory=set)


def read_rule_files(pack: Pack, config: Config) -> list[RuleFile]:
    """Every rule file of the pack, by name. Raises RulesError with a place for the first thing that is wrong."""
    documents = [(file, _document(file)) for file in pack.files("alerts", "*" + SUFFIX)]
    groups = [group for _, document in documents for group in document.data["groups"]]
    recorded = {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    return [_read_file(file, one, config, () if file.layer == BUNDLED else recorded) for file, one in documents]


def _document(file: PackFile) -> Document:
    document = load_yaml(file.read(), str(file.path), error=RulesError)
    validate(document, _SCHEMA, RulesError)
    _refuse_twins(document)
    return document


def _read_file(file: PackFile, document: Document, config: Config, recorded: Collection[str]) -> RuleFile:
    """One file in the deployment's names; the names of `recorded` are those that a rule of the pack writes."""
    result = RuleFile(file.name.removesuffix(SUFFIX))
    for index, group in enumerate(document.data["groups"]):
        rules = []
        for number in range(len(group["rules"])):
            path: Steps = ("groups", index, "rules", number)
            expr = _checked(document, (*path, "expr"), group["rules"][number]["expr"], config, recorded)
            rules += _read_rule(document, path, expr, config, result)
        if rules:
            result.groups.append({**group, "rules": rules})
    return result


def _refuse_twins(document: Document) -> None:
    names = [group["name"] for group in document.data["groups"]]
    twin = next((index for index, name in enumerate(names) if name in names[:index]), None)
    if twin is not None:
        raise RulesError(
            "two groups have the same name",
            location=document.locate(("groups", twin, "name")),
            value=names[twin],
            expected="each name once in a file: Prometheus refuses the file otherwise",
            next_step="rename one of the two",
        )


def _read_rule(document: Document, path: Steps, expr: Expr, config: Config, result: RuleFile) -> list[dict[str, Any]]:
    """The rule as the deployment has it: none where it cannot answer, several where each environment has its own."""
    rule = document.at(path)
    name = rule.get("alert", rule.get("record"))
    try:
        bound = bind(expr, config.vocabulary)
        whole = scoped(bound, config)
    except Unavailable as lack:
        result.left_out.append({"rule": name, "reason": lack.message})
        return []
    if is_widened(bound, config):
        result.widened.add(name)
    if "record" in rule:
        every = document.data["groups"][path[1]].get("interval")
        result.records.append(Record(name, bound, read_duration(every) if every else None))
        return [{**rule, "expr": to_text(whole)}]
    kept = kept_labels(whole, config)
    names = _LabelNames(rule, bound, config, kept)
    texts = _texts(document, path, rule, names, config)
    chosen = names.surviving(variables_of(bound, config))
    result.paths[name] = dashboard_path(dashboard_about(bound, config), chosen, period_about(bound))
    if of_registry(bound):
        result.own.add(name)
    severity = rule["labels"]["severity"]
    labels = {**rule["labels"], "severity": config.severities.get(severity, severity)}
    made = []
    for environment, one in by_environment(whole, config):
        if environment is None:
            summary, own = _with_words(texts["summary"], scope_words(kept)), labels
        else:
            summary, own = _with_words(texts["summary"], f" ({environment.name})"), labels | environment.labels
            if [one.labels for one in config.environments].count(environment.labels) > 1:
                own = own | {"environment": environment.name}  # promtool takes alerts with the same labels for one
        made.append({**rule, "expr": to_text(one), "labels": own, "annotations": {**texts, "summary": summary}})
        result.logs[name, made[-1]["expr"]] = AlertedLines(log_query_of(_component(bound)), chosen, period_about(bound))
    return made


def _with_words(sentence: str, words: str) -> str:
    return f"{sentence.rstrip('.')}{words}." if words else sentence


def _checked(document: Document, path: Steps, text: str, config: Config, recorded: Collection[str]) -> Expr:
    """The expression, with the types of its parts checked in the names it is written in."""
    where = document.locate(path)
    try:
        parsed = parse_located(text)
        check_known(parsed.expr, parsed.locate)
        check_recorded(parsed.expr, recorded, parsed.locate)
        check_classic(parsed.expr, parsed.locate)
        extra = config.target_labels | {*config.labels.scope}
        known = infer(parsed.expr, _WRITTEN, extra_labels=extra, locate=parsed.locate, deployment=config.vocabulary)
        check_evaluated(parsed.expr, known.value, parsed.locate)
    except PromqlError as error:
        within = error.location
        single = "\n" not in text.strip() and within is not None and within.column is not None
        column = (where.column or 1) + (within.column or 1) - 1 if single and within is not None else where.column
        raise RulesError(
            error.message,
            location=Location(where.file, where.line, column),
            value=error.value if error.value is not None else text,
            expected=error.expected,
            next_step=error.next_step or "correct the expression",
        ) from error
    return parsed.expr


def _texts(document: Document, path: Steps, rule: dict[str, Any], names: _LabelNames, config: Config) -> dict[str, str]:
    """The annotations, in the flavor's label names, with the links added."""
    result, bound = {}, names.bound
    for name, text in rule["annotations"].items():
        result[name] = names.translate(text, document.locate((*path, "annotations", name)))
    chosen = names.surviving(variables_of(bound, config))
    board = dashboard_link(config, dashboard_about(bound, config), chosen, period_about(bound))
    return {**result, **runbook_link(rule["alert"], config), **board, **log_link(_component(bound))}


def _component(bound: Expr) -> str:
    """The component of the catalog whose failures an alert is about: that of the first metric."""
    return next((metric.component for node in selectors(bound) if (metric := known_metric(node))), "")


class _LabelNames:
    """The labels that an alert's texts may use, and what they are called in the flavor."""

    def __init__(self, rule: dict[str, Any], bound: Expr, config: Config, kept: tuple[str, ...]) -> None:
        self._alert: str = rule["alert"]
        self.bound = bound
        self._config = config
        self._known = infer(bound, config.vocabulary, extra_labels=config.labels.scope)
        self._there = self._labels(bound) | set(rule["labels"]) | set(kept)
        # Where one side of an `or` has not the label, its alerts would print nothing in its place.
        every_side = [self._labels(side) for side in _sides(bound)]
        self._printed = every_side[0].intersection(*every_side) | set(rule["labels"]) | set(kept)

    def _labels(self, expr: Expr) -> set[str]:
        known = infer(expr, self._config.vocabulary, extra_labels=self._config.labels.scope)
        of_target = known.open and _keeps_target_labels(expr)
        return set(known.labels or ()) | (set(self._config.target_labels) if of_target else set())

    def surviving(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the labels that the alert has."""
        return tuple(name for name in names if name in self._there)

    def translate(self, text: str, location: Location) -> str:
        """The text with its labels renamed. Raises RulesError for a label that the expression drops."""
        return _LABEL_USE.sub(lambda match: self._one(match, location), text)

    def _one(self, match: re.Match[str], location: Location) -> str:
        name = _own_name(match[1], self.bound, self._config)
        if self._known.labels is None or name in self._printed:
            return f"$labels.{name}"
        raise RulesError(
            f"the label {match[1]} does not survive the expression of {self._alert}",
            location=location,
            value=match[0],
            expected=f"one of {', '.join(sorted(self._printed))}",
            next_step=f"add {match[1]} to the `by` list of the expression, or leave it out of the text",
        )


def _sides(expr: Expr) -> list[Expr]:
    """What an expression gives the results of: the sides of `or`."""
    return [*_sides(expr.left), *_sides(expr.right)] if isinstance(expr, Binary) and expr.op == "or" else [expr]


def _keeps_target_labels(expr: Expr) -> bool:
    """Whether a result still says of which target it is."""
    if isinstance(expr, Aggregate):
        return False
    if isinstance(expr, Binary):
        sides = (expr.left, expr.right) if expr.op == "or" else (expr.left,)
        return all(_keeps_target_labels(side) for side in sides)
    return all(_keeps_target_labels(part) for part in children(expr))


def _own_name(label: str, bound: Expr, config: Config) -> str:
    """A label of the texts as the series has it; `instance` is the target's, also where a metric has one of its own."""
    for metric in sorted(metrics_of(bound), key=lambda one: one.name):
        form = config.vocabulary.form(metric)
        found = text_label(label, metric, form, config.vocabulary) if form else None
        if found is not None:
            stored = config.vocabulary.series_label(metric, found)
            return label if is_target_label(label, found, stored) else stored
    return label
