"""All entries, by the name of the family and by the name of the time series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType, ModuleType

from regobs.catalog import (
    alertmanager,
    amazon,
    background_migrations,
    blackbox,
    build_info,
    containers,
    database,
    events,
    gc,
    go_runtime,
    google_cloud,
    http,
    instrument,
    kubernetes,
    load_balancing,
    logs,
    metadata,
    node,
    notifications,
    pgbouncer,
    postgresql,
    probe,
    process,
    prometheus_server,
    proxy,
    python_runtime,
    redis,
    redis_server,
    removed,
    row_counts,
    scrape,
    slo,
    sql_pool,
    storage,
    targets,
)
from regobs.catalog.model import Metric

MODULES: tuple[ModuleType, ...] = (
    http,
    storage,
    notifications,
    database,
    load_balancing,
    row_counts,
    sql_pool,
    redis,
    gc,
    background_migrations,
    proxy,
    build_info,
    process,
    go_runtime,
    python_runtime,
    scrape,
    instrument,
    removed,
    targets,
    prometheus_server,
    node,
    containers,
    kubernetes,
    postgresql,
    pgbouncer,
    redis_server,
    google_cloud,
    amazon,
    probe,
    events,
    metadata,
    logs,
    blackbox,
    alertmanager,
)


def _entries() -> Iterator[Metric]:
    for module in MODULES:
        for value in vars(module).values():
            if isinstance(value, Metric):
                yield value
    yield from slo.METRICS


METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _entries()})

_SERIES: dict[str, tuple[Metric, str]] = {
    series: (metric, series.removeprefix(metric.name)) for metric in METRICS.values() for series in metric.series
}


def by_series(name: str) -> tuple[Metric, str] | None:
    """The entry that a time series belongs to, and the suffix (`_bucket`, `_sum`, `_count` or none) it has there.

    None when the catalog knows no such series. The family name of a histogram is no series.
    """
    found = _SERIES.get(name)
    if found is None and (recorded := slo.find(name)) is not None:
        return recorded, ""
    return found
