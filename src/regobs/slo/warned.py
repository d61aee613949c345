"""What in the rules and SLOs of a pack is probably a mistake, and may be meant: a warning, while the build goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from regobs.catalog.model import Exposer
from regobs.config import Config
from regobs.documents import Steps, load_yaml
from regobs.errors import Location, PromqlError, RulesError
from regobs.pack import BUNDLED, Pack
from regobs.promql.bind import bind
from regobs.promql.misspelt import nearly
from regobs.promql.nodes import Expr
from regobs.promql.parse import parse
from regobs.promql.series import known_metric
from regobs.promql.unavailable import Unavailable
from regobs.promql.vocabulary import Vocabulary
from regobs.promql.walk import selectors
from regobs.promql.words import metric_labels
from regobs.slo.openslo import documents_of, read_documents
from regobs.slo.rule_files import SUFFIX
from regobs.slo.sources import check_pattern, source_selector


def pack_warnings(pack: Pack, config: Config | None = None) -> Iterator[str]:
    """Of the rule files and SLOs of a pack that is not the bundled one, each that a build reads without an error.

    With the settings also what is left out because the registry of this flavor and version lacks a value.
    """
    vocabulary = config.vocabulary if config else None
    for file in pack.files("alerts", "*" + SUFFIX):
        if file.layer == BUNDLED:
            continue
        document = load_yaml(file.read(), str(file.path), error=RulesError)
        for index, group in enumerate(document.data["groups"]):
            for number, rule in enumerate(group["rules"]):
                yield from _told(
                    parse(rule["expr"]), document.locate(("groups", index, "rules", number, "expr")), vocabulary
                )
    for file in pack.files("alerts", "*.slo.yaml"):
        for document in documents_of(file) if file.layer != BUNDLED else ():
            for path, expr in _sources(document.data["spec"], ("spec",)):
                yield from _told(expr, document.locate(path), vocabulary)
    yield from dict.fromkeys(f"{Location(at.file, at.line)}: {told}" for at, told in read_documents(pack).unknown)


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
            yield (*path, "metricSource", "spec"), source_selector(source["spec"])
        for key, one in data.items():
            yield from _sources(one, (*path, key))


def _told(expr: Expr, where: Location, vocabulary: Vocabulary | None) -> Iterator[str]:
    found = (*probable_mistakes(expr), *_lacking(expr, vocabulary))
    return (f"{Location(where.file, where.line)}: {one}" for one in dict.fromkeys(found))


def _lacking(expr: Expr, vocabulary: Vocabulary | None) -> Iterator[str]:
    """That a value is one of another flavor or version only, for which a build leaves the rule or SLO out."""
    if vocabulary is None:
        return
    try:
        bind(expr, vocabulary)
    except Unavailable as lack:
        if lack.reason == "label" and lack.value and lack.value not in metric_labels(lack.metric):
            yield f"{lack.message}, so this is left out; expected: {lack.expected}"


def probable_mistakes(expr: Expr) -> Iterator[str]:
    """A sentence for each selector that no series of the catalog can fit, and that nobody is known to expose."""
    for node in selectors(expr):
        metric = known_metric(node)
        if metric is None and isinstance(node.metric, str) and (near := nearly(node.metric)):
            yield f"no exporter that regobs knows has a metric {node.metric}; did you mean {near}?"
        if metric is None or metric.exposer is not Exposer.REGISTRY:
            continue
        for matcher in node.matchers:
            try:
                check_pattern(metric, matcher)
            except PromqlError as error:
                yield f"{error.message}, which no series has; expected: {error.expected}"
