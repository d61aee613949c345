"""What in the rules and SLOs of a pack is probably a mistake, and may be meant: a warning, while the build goes on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from regobs.catalog import METRICS
from regobs.catalog.model import Exposer
from regobs.config import Config
from regobs.config.model import DEPLOYMENT_LABELS
from regobs.documents import Steps, load_yaml
from regobs.errors import Location, PromqlError, RulesError
from regobs.pack import BUNDLED, Pack
from regobs.promql.bind import RELABEL_SOURCES, bind
from regobs.promql.misspelt import nearly, nearly_label, nearly_named
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, MatchOp, Selector, String
from regobs.promql.parse import parse
from regobs.promql.series import known_metric
from regobs.promql.unavailable import Reason, Unavailable
from regobs.promql.walk import children, selectors, walk
from regobs.slo.openslo import documents_of, read_documents
from regobs.slo.outputs import place_in_settings
from regobs.slo.record_reads import RecordReads, reads_records
from regobs.slo.recording import counters_of
from regobs.slo.rule_files import SUFFIX, read_rule_files
from regobs.slo.rule_scope import scoped
from regobs.slo.sources import check_pattern, source_selector
from regobs.slo.warning_kinds import PackWarning

_NEXT_STEPS: dict[Reason, str] = {
    "capability": "if the deployment has it, add it to capabilities in regobs.toml, else remove this from the pack",
    "flavor": "remove this from the pack, or correct flavor in regobs.toml",
    "version": "remove this from the pack, or correct version in regobs.toml",
    "label": "remove this from the pack, or choose what there is",
    "bucket": "choose an edge that there is",
}
_KINDS: dict[Reason, str] = {
    "capability": "a capability that is off",
    "flavor": "what another flavor has",
    "version": "what another version has",
    "label": "a label or value that is not there",
    "bucket": "an edge that no bucket has",
}
_UNFED = "a record whose rule is left out"


def pack_warnings(pack: Pack, config: Config | None = None) -> Iterator[PackWarning]:
    """Of the rule files and SLOs of a pack that is not the bundled one, each that a build reads without an error.

    With the settings also what a build leaves out because the deployment lacks something, and what is to be done.
    """
    lacks = Lacks()
    reading: list[_Reading] = []
    for file in pack.files("alerts", "*" + SUFFIX):
        if file.layer == BUNDLED:
            continue
        document = load_yaml(file.read(), str(file.path), error=RulesError)
        for index, group in enumerate(document.data["groups"]):
            for number, rule in enumerate(group["rules"]):
                expr, where = parse(rule["expr"]), document.locate(("groups", index, "rules", number, "expr"))
                if not lacks.note(where, expr, config):
                    reading.append(_Reading(where, rule.get("record"), expr))
                yield from _told(expr, where)
    for file in pack.files("alerts", "*.slo.yaml"):
        for document in documents_of(file) if file.layer != BUNDLED else ():
            for path, expr in _sources(document.data["spec"], ("spec",)):
                if not lacks.note(document.locate(path), expr, config):
                    reading.append(_Reading(document.locate(path), None, expr))
                yield from _told(expr, document.locate(path))
    yield from lacks.told()
    yield from _of_deployment(pack, config, reading) if config is not None else ()
    unknown = dict.fromkeys(f"{Location(at.file, at.line)}: {told}" for at, told in read_documents(pack).unknown)
    yield from map(PackWarning, unknown)


def _sources(data: Any, path: Steps) -> Iterator[tuple[Steps, Expr]]:
    """What an OpenSLO document reads, wherever its form has a metric source."""
    if isinstance(data, list):
        for index, one in enumerate(data):
            yield from _sources(one, (*path, index))
    elif isinstance(data, dict):
        source = data.get("metricSource")
        if isinstance(source, dict) and "query" in source["spec"]:
            yield (*path, "metricSource", "spec", "query"), parse(source["spec"]["query"])
        elif isinstance(source, dict):
            spec = source["spec"]
            at_most = Decimal(spec["at_most"]) if "at_most" in spec else None
            yield (*path, "metricSource", "spec"), counters_of(source_selector(spec), at_most)
        for key, one in data.items():
            yield from _sources(one, (*path, key))


def _told(expr: Expr, where: Location) -> Iterator[PackWarning]:
    return (PackWarning(f"{Location(where.file, where.line)}: {one}") for one in dict.fromkeys(probable_mistakes(expr)))


class Lacks:
    """What a build leaves out of a pack because the deployment lacks it: a sentence for each cause in each file."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str, Reason, str], list[int]] = {}

    def note(self, where: Location, expr: Expr, config: Config | None) -> bool:
        """Whether a rule or SLO that reads this is left out, and keep why; never without settings."""
        if config is None:
            return False
        try:
            scoped(bind(expr, config.vocabulary), config)
        except Unavailable as lack:
            self.add(where, lack.message, lack.reason, lack.expected, str(lack.capability or ""))
            return True
        return False

    def add(
        self, where: Location, reason: str, cause: Reason, expected: str | None = None, capability: str = ""
    ) -> None:
        """Keep that what stands there is left out for this reason; `capability` is the one that is off, if one is."""
        there = f"; expected: {expected}" if expected else ""
        sentence = f"{reason}, so this is left out{there}; {_NEXT_STEPS[cause]}"
        self._lines.setdefault((where.file, sentence, cause, capability), []).append(where.line or 1)

    def told(self) -> Iterator[PackWarning]:
        """A sentence with the first of its lines in front, and with the number of the others."""
        for (file, sentence, cause, capability), lines in self._lines.items():
            others = len(set(lines)) - 1
            more = f" (and on {others} more lines of this file)" if others > 1 else ""
            more = f" (and on line {max(lines)})" if others == 1 else more
            text = f"{Location(file, min(lines))}: {sentence}{more}"
            yield PackWarning(text, _KINDS[cause], capability, len(set(lines)))


@dataclass(frozen=True, slots=True)
class _Reading:
    """A rule or source of an SLO that is built, and the record that it writes."""

    where: Location
    record: str | None
    expr: Expr


def _of_left_out(pack: Pack, config: Config, reading: Sequence[_Reading]) -> Iterator[PackWarning]:
    """What reads the record of a rule that is left out, and what reads the records that have no data for that."""
    names = {str(node.metric) for one in reading for node in selectors(one.expr) if ":" in str(node.metric)}
    files = read_rule_files(pack, config) if names else []
    written = {one.name for file in files for one in file.records}
    empty = {one["rule"]: "whose rule is left out" for file in files for one in file.left_out}
    empty = {name: why for name, why in empty.items() if ":" in name and name not in written}
    before = -1
    while empty and before != len(empty):
        before = len(empty)
        live = {one.record for one in reading if not _needs(one.expr, empty)}
        for one in reading:
            if one.record and one.record not in live:
                empty.setdefault(one.record, "which has no data either")
    for one in reading:
        for name in dict.fromkeys(str(node.metric) for node in selectors(one.expr)):
            if name in empty:
                place = Location(one.where.file, one.where.line)
                step = "remove this from the pack, or what leaves that rule out"
                yield PackWarning(f"{place}: reads {name}, {empty[name]}: it has no data; {step}", _UNFED)


def _of_deployment(pack: Pack, config: Config, reading: Sequence[_Reading]) -> Iterator[PackWarning]:
    """What only the settings tell."""
    yield from _of_left_out(pack, config, reading)
    yield from _of_records(pack, config, reading)
    yield from _own_labels(config)


def _own_labels(config: Config) -> Iterator[PackWarning]:
    """Settings that take a label of the registry's own metrics for one of its deployment."""
    there = config.vocabulary
    forms = [form for metric in METRICS.values() if metric.exposer is Exposer.REGISTRY if (form := there.form(metric))]
    own = {label.exposed for form in forms for label in form.labels if not label.target_label}
    for meaning in DEPLOYMENT_LABELS:
        name = getattr(config.labels, meaning)
        if name in own:
            place = place_in_settings(config, ("labels", meaning)) or "regobs.toml"
            yield PackWarning(
                f"{place}: {name}, the label for {meaning}, is one that metrics of the registry have themselves: rules "
                "and dashboards would tell its values apart as deployments; name a label that the scrape gives"
            )


def _of_records(pack: Pack, config: Config, reading: Sequence[_Reading]) -> Iterator[PackWarning]:
    """What reads a record that no rule writes, or a label or value that its series do not have."""
    if not reads_records(one.expr for one in reading):
        return
    records = RecordReads(pack, config)
    for one in reading:
        for told in dict.fromkeys(records.faults(one.expr)):
            yield PackWarning(f"{Location(one.where.file, one.where.line)}: {told}")


def _needs(expr: Expr, names: Collection[str]) -> bool:
    """Whether an expression has no result without series of these names."""
    if isinstance(expr, Selector):
        return str(expr.metric) in names
    if isinstance(expr, Binary) and expr.op == "or":
        return _needs(expr.left, names) and _needs(expr.right, names)
    if isinstance(expr, Binary) and expr.op == "unless":
        return _needs(expr.left, names)
    if isinstance(expr, Call) and expr.function.startswith("absent"):
        return False
    return any(_needs(one, names) for one in children(expr))


def probable_mistakes(expr: Expr) -> Iterator[str]:
    """A sentence for each selector that no series of the catalog can fit, and that nobody is known to expose."""
    yield from _misspelt_labels(expr)
    for node in selectors(expr):
        metric = known_metric(node)
        for matcher in node.matchers if node.metric is None else ():
            if matcher.label == "__name__" and matcher.op is MatchOp.REGEX and (found := nearly_named(matcher.value)):
                yield f"no exporter that regobs knows has a metric {found[0]}; did you mean {found[1]}?"
        if metric is None and isinstance(node.metric, str) and (near := nearly(node.metric)):
            yield f"no exporter that regobs knows has a metric {node.metric}; did you mean {near}?"
        if metric is None or metric.exposer is not Exposer.REGISTRY:
            continue
        for matcher in node.matchers:
            try:
                check_pattern(metric, matcher)
            except PromqlError as error:
                yield f"{error.message}, which no series has; expected: {error.expected}"


def _misspelt_labels(expr: Expr) -> Iterator[str]:
    """Labels that matchers, clauses and label_replace name, which are nearly one of the metrics below them."""
    for node in walk(expr):
        below = [known_metric(one) for one in selectors(node)]
        metrics = [metric for metric in below if metric is not None]
        made = {name for one in children(node) for name in _made(one)}
        for name in _named(node) if len(metrics) == len(below) else ():
            if name not in made and (near := nearly_label(name, metrics)):
                names = ", ".join(dict.fromkeys(metric.name for metric in metrics))
                yield f"no series of {names} has the label {name}; did you mean {near}?"


def _named(node: Expr) -> Iterator[str]:
    """The labels that a node reads by name."""
    if isinstance(node, Selector):
        yield from (matcher.label for matcher in node.matchers if matcher.value)
    elif isinstance(node, Aggregate) and not node.without:
        yield from node.labels or ()
    elif isinstance(node, Call) and node.function in RELABEL_SOURCES:
        yield from (one.value for one in node.args[RELABEL_SOURCES[node.function]] if isinstance(one, String))


def _made(expr: Expr) -> Iterator[str]:
    """The labels that parts of an expression write."""
    for node in walk(expr):
        if isinstance(node, Call) and node.function in RELABEL_SOURCES and isinstance(node.args[1], String):
            yield node.args[1].value
        elif isinstance(node, Aggregate) and node.op == "count_values" and isinstance(node.param, String):
            yield node.param.value
