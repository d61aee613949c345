"""The bridge to prometheus_client: our families as the metric objects that its registries collect.

Importing this module imports prometheus_client, which takes longer than all of regobs.instrument.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client.metrics_core import Metric as ClientMetric

from regobs.instrument.core.family import Family


def collected(families: Iterable[Family[Any]]) -> Iterator[ClientMetric]:
    """Every family that has children, with its samples.

    prometheus_client writes `_total` behind the name of every counter, so a counter that the registry spells without
    it is handed over as untyped: its samples keep their names. `Instruments.render` writes its true type.
    """
    for family in families:
        metric = _described(family)
        for name, labels, value in family.samples():
            metric.add_sample(name, labels, value)
        if metric.samples:
            yield metric


def described(families: Iterable[Family[Any]]) -> Iterator[ClientMetric]:
    """Every family without samples."""
    return (_described(family) for family in families)


def _described(family: Family[Any]) -> ClientMetric:
    name, kind = family.name, str(family.metric.kind)
    if kind == "counter":
        kind = "counter" if name.endswith("_total") else "unknown"
        name = name.removesuffix("_total")
    return ClientMetric(name, family.metric.help, kind)
