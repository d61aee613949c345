"""Metrics of the Python runtime against the collectors that expose them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, generate_latest

from regobs.catalog import python_runtime
from regobs.catalog.exposition import parse
from regobs.catalog.model import Metric


def test_the_collectors_of_prometheus_client_expose_what_the_catalog_says() -> None:
    registry = CollectorRegistry()
    GCCollector(registry)
    PlatformCollector(registry)
    families = parse(generate_latest(registry)).families
    metrics = [one for one in vars(python_runtime).values() if isinstance(one, Metric)]
    assert {metric.name for metric in metrics} == families.keys()
    for metric in metrics:
        family = families[metric.name]
        assert family.kind == metric.kind
        labels = {label.name: label.values for label in metric.forms[0].labels}
        assert {frozenset(sample.labels) for sample in family.samples} == {frozenset(labels)}
        for name, values in labels.items():
            assert values is None or {sample.labels[name] for sample in family.samples} == set(values)
