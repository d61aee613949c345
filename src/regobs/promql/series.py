"""From the name of a time series to the catalog entry it belongs to."""

from __future__ import annotations

from collections.abc import Callable

from regobs.catalog.model import Metric
from regobs.promql.nodes import Selector

Lookup = Callable[[str], tuple[Metric, str] | None]


def catalog_lookup(name: str) -> tuple[Metric, str] | None:
    """The catalog's entry for a series name, and the suffix (`_bucket`, `_sum`, `_count` or none) it has there."""
    from regobs import catalog  # noqa: PLC0415  (all entries are only loaded where text is read)

    return catalog.by_series(name)


def known_metric(node: Selector, lookup: Lookup = catalog_lookup) -> Metric | None:
    """The catalog entry that a selector reads, or None when the catalog has no such series."""
    entry = series_of(node, lookup)
    return entry[0] if entry else None


def series_of(node: Selector, lookup: Lookup = catalog_lookup) -> tuple[Metric, str] | None:
    """The catalog entry that a selector reads and which of its series."""
    if isinstance(node.metric, Metric):
        return node.metric, node.suffix
    return lookup(node.metric) if node.metric else None
