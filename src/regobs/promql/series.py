"""From the name of a time series to the catalog entry it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache

from regobs.catalog.model import Metric
from regobs.common.closest import closest, closest_first
from regobs.errors import Location, PromqlError
from regobs.promql.functions import INSTEAD, SINCE
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Selector
from regobs.promql.printer import plain_label, plain_metric_name
from regobs.promql.walk import selectors, walk

_REGISTRY = "registry_"
_RECORDED, _OF_SLOS = "registry:", "registry:slo_"
_MISSPELT = 0.9  # of the ratio of closest: they all begin alike
Lookup = Callable[[str], tuple[Metric, str] | None]


def catalog_lookup(name: str) -> tuple[Metric, str] | None:
    """The catalog's entry for a series name, and the suffix (`_bucket`, `_sum`, `_count` or none) it has there."""
    return _catalog()(name)


@cache
def _catalog() -> Lookup:
    from regobs.catalog import by_series  # noqa: PLC0415  (all entries are only loaded where text is read)

    return by_series


def known_metric(node: Selector, lookup: Lookup = catalog_lookup) -> Metric | None:
    """The catalog entry that a selector reads, or None when the catalog has no such series."""
    entry = series_of(node, lookup)
    return entry[0] if entry else None


def series_of(node: Selector, lookup: Lookup = catalog_lookup) -> tuple[Metric, str] | None:
    """The catalog entry that a selector reads and which of its series."""
    if isinstance(node.metric, Metric):
        return node.metric, node.suffix
    return lookup(node.metric) if node.metric else None


def check_known(expr: Expr, locate: Callable[[Expr, str], Location] | None = None) -> None:
    """Raise PromqlError for a series that is named like one of the registry's and is none.

    For content that is written for this catalog; other people's registries have names that it does not know.
    """
    for selector in selectors(expr):
        name = selector.metric
        if not isinstance(name, str) or not name.startswith(_REGISTRY) or ":" in name or catalog_lookup(name):
            continue
        from regobs.catalog import METRICS  # noqa: PLC0415  (only an error needs all names)

        known = [series for metric in METRICS.values() for series in metric.series if series.startswith(_REGISTRY)]
        raise PromqlError(
            f"no registry has a metric {name}",
            location=locate(selector, name) if locate else None,
            value=name,
            expected=closest_first(name, known, 3),
            next_step="`regobs catalog list` shows all; a series that a rule records has a colon in its name",
        )


def check_recorded(
    expr: Expr, recorded: Collection[str], locate: Callable[[Expr, str], Location] | None = None
) -> None:
    """Raise PromqlError for a name that is nearly one that a rule of the pack records; those of SLOs are left alone."""
    known = {name for name in recorded if name.startswith(_RECORDED)}
    for selector in selectors(expr):
        name = selector.metric
        if not isinstance(name, str) or not name.startswith(_RECORDED) or name.startswith(_OF_SLOS) or name in known:
            continue
        if like := closest(name, known, 3, _MISSPELT):
            raise PromqlError(
                f"no rule of the pack records {name}",
                location=locate(selector, name) if locate else None,
                value=name,
                expected=" or ".join(like),
                next_step="correct the name, or record it in a rule file of the pack",
            )


def check_classic(expr: Expr, locate: Callable[[Expr, str], Location] | None = None) -> None:
    """Raise PromqlError for what Prometheus 2.42, the oldest one supported, cannot read in rules.

    Those are quoted names of labels and metrics, and newer functions and aggregations.
    """
    for node in walk(expr):
        _check_since(node, locate)
        labels: tuple[str, ...] = ()
        if isinstance(node, Selector):
            labels = tuple(matcher.label for matcher in node.matchers)
            if isinstance(node.metric, str) and not plain_metric_name(node.metric):
                labels = (node.metric, *labels)
        elif isinstance(node, Aggregate):
            labels = node.labels or ()
        elif isinstance(node, Binary):
            labels = (*(node.on or ()), *(node.ignoring or ()), *node.include)
        wrong = next((label for label in labels if not plain_label(label) and not plain_metric_name(label)), None)
        if wrong is not None:
            raise PromqlError(
                f"{wrong!r} is a name in quotes, which Prometheus before 3.0 refuses",
                location=locate(node, wrong) if locate else None,
                value=wrong,
                expected="letters, digits and _ (in names of metrics also :)",
                next_step="rename it with metric_relabel_configs of the scrape, and use that name",
            )


def _check_since(node: Expr, locate: Callable[[Expr, str], Location] | None) -> None:
    name = node.function if isinstance(node, Call) else node.op if isinstance(node, Aggregate) else ""
    if name in SINCE:
        raise PromqlError(
            f"{name} is there since Prometheus {SINCE[name]}; one before that refuses the whole file",
            location=locate(node, name) if locate else None,
            value=name,
            expected=INSTEAD.get(name, "a function of Prometheus 2.42, the oldest one supported"),
            next_step="write the expression without it",
        )
