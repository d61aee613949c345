"""Metric sources of OpenSLO documents, as selectors."""

from __future__ import annotations

import re
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from regobs.catalog.model import Exposer, Kind, Metric
from regobs.documents import Document, Steps
from regobs.errors import PromqlError
from regobs.promql.build import select
from regobs.promql.nodes import Selector
from regobs.promql.parse import parse
from regobs.promql.series import known_metric
from regobs.promql.walk import strip_parens
from regobs.promql.words import check_edge, metric_buckets, metric_labels, nearest
from regobs.slo.model import Source


def read_source(document: Document, path: Steps, at_most: Decimal | None) -> Source:
    """The source at `path` of a document; `at_most` takes the place of the document's. Raises PromqlError."""
    data = document.data
    for step in path:
        data = data[step]
    spec, location = data["spec"], document.locate((*path, "spec"))
    if data["type"] == "Prometheus":
        return Source(_query(spec["query"]), None, location)
    metric = catalog_entry(spec["metric"])
    selector = select(metric, **{name: _words(value) for name, value in spec.get("where", {}).items()})
    _check_patterns(metric, selector)
    own = spec.get("at_most")
    threshold = None if own is None else at_most if at_most is not None else Decimal(own)
    _check_threshold(metric, threshold)
    return Source(selector, threshold, location)


def catalog_entry(reference: str) -> Metric:
    """The metric that `http.REQUESTS` names. Raises PromqlError with the nearest right names."""
    module, _, constant = reference.partition(".")
    if find_spec(f"regobs.catalog.{module}") is None:
        raise PromqlError(
            f"the catalog has no component {module!r}",
            value=reference,
            expected="a component such as http or storage",
            next_step="`regobs catalog list` shows all metrics",
        )
    entries = vars(import_module(f"regobs.catalog.{module}"))
    found = entries.get(constant)
    if isinstance(found, Metric):
        return found
    names = [name for name, value in entries.items() if isinstance(value, Metric)]
    raise PromqlError(
        f"the catalog has no metric {reference}",
        value=reference,
        expected=nearest(constant, names),
        next_step="`regobs catalog list` shows all metrics",
    )


def _words(value: Any) -> str | bool | tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else value


def _check_patterns(metric: Metric, selector: Selector) -> None:
    """A status code is an open label, but none is called `6xx`: a word must be a class of codes or belong to one."""
    for choice in selector.choices:
        labels = metric_labels(metric).get(choice.label, ())
        patterns = {name: pattern for label in labels for name, pattern in label.patterns.items()}
        for word in choice.words if patterns else ():
            if word not in patterns and not any(re.fullmatch(pattern, word) for pattern in patterns.values()):
                raise PromqlError(
                    f"{word!r} is no {choice.label} of {metric.name}", value=word, expected=nearest(word, patterns)
                )


def _check_threshold(metric: Metric, threshold: Decimal | None) -> None:
    if metric.kind is Kind.GAUGE and not metric.cumulative:
        raise PromqlError(f"{metric.name} is a gauge: it counts no events", value=metric.name, expected="a counter")
    if metric.kind is Kind.SUMMARY:
        raise PromqlError(f"{metric.name} is a summary: it has no buckets", value=metric.name, expected="a histogram")
    if threshold is None:
        return
    if metric.kind is not Kind.HISTOGRAM:
        raise PromqlError(
            f"{metric.name} is a {metric.kind}: at_most needs buckets",
            value=threshold,
            expected="a histogram",
            next_step="remove at_most, or choose a histogram",
        )
    try:
        check_edge(metric, str(threshold), metric_buckets(metric))
    except PromqlError as error:
        error.next_step = error.next_step or "choose one of the nearest edges"
        raise


def _query(text: str) -> Selector:
    expr = strip_parens(parse(text))
    if not isinstance(expr, Selector) or expr.range is not None or expr.offset is not None or expr.at is not None:
        raise PromqlError(
            "the query is no plain selector",
            value=text,
            expected='the selector of a counter, such as my_requests_total{code=~"5.."}',
            next_step="leave out functions, windows and offsets: the recording rules add them",
        )
    metric = known_metric(expr)
    if metric is not None and metric.kind is Kind.GAUGE and not metric.cumulative and metric.exposer != Exposer.RULES:
        raise PromqlError(f"{metric.name} is a gauge: it counts no events", value=text, expected="a counter")
    return expr
