"""Metrics of neighbours against what a real exporter says."""

from pathlib import Path

import pytest
import yaml

from regobs.catalog import METRICS, kubernetes
from regobs.catalog.exposition import Exposition, parse
from regobs.catalog.model import Capability, Exposer, Flavor, Metric
from tests.catalog.samples import DATA

ROOT = Path(__file__).parents[2]
NODE = [metric for metric in METRICS.values() if metric.exposer is Exposer.NODE]
SERVER = [metric for metric in METRICS.values() if metric.component == "prometheus_server"]


@pytest.fixture(scope="module")
def node_exporter() -> Exposition:
    return parse((DATA / "node-exporter-1.5.0.prom.gz").read_bytes())


@pytest.mark.parametrize("metric", NODE, ids=str)
def test_the_node_exporter_exposes_what_the_catalog_says(metric: Metric, node_exporter: Exposition) -> None:
    family = node_exporter.families[metric.name]
    assert family.kind == metric.kind
    form = metric.form(Flavor.DISTRIBUTION)
    assert form is not None
    assert family.samples
    assert {frozenset(sample.labels) for sample in family.samples} == {
        frozenset(label.exposed for label in form.labels)
    }


def test_the_recorded_scrape_has_no_family_besides(node_exporter: Exposition) -> None:
    assert set(node_exporter.families) == {metric.name for metric in NODE}


@pytest.fixture(scope="module")
def prometheus() -> Exposition:
    return parse((DATA / "prometheus-2.42.0.prom.gz").read_bytes())


@pytest.mark.parametrize("metric", SERVER, ids=str)
def test_prometheus_exposes_of_itself_what_the_catalog_says(metric: Metric, prometheus: Exposition) -> None:
    family = prometheus.families[metric.name]
    assert family.kind == metric.kind
    form = metric.form(Flavor.GITLAB)
    assert form is not None
    assert {frozenset(sample.labels) for sample in family.samples} == {
        frozenset(label.exposed for label in form.labels)
    }


def test_the_recorded_scrape_of_prometheus_has_no_family_besides(prometheus: Exposition) -> None:
    assert set(prometheus.families) == {metric.name for metric in SERVER}


@pytest.mark.parametrize(
    ("exposer", "capability"),
    [
        (Exposer.NODE, Capability.NODE_EXPORTER),
        (Exposer.CADVISOR, Capability.KUBERNETES),
        (Exposer.KUBE_STATE, Capability.KUBERNETES),
        (Exposer.PGBOUNCER, Capability.PGBOUNCER_EXPORTER),
        (Exposer.REDIS, Capability.REDIS_EXPORTER),
        (Exposer.STACKDRIVER, Capability.STACKDRIVER_EXPORTER),
        (Exposer.CLOUDWATCH, Capability.CLOUDWATCH_EXPORTER),
        (Exposer.BLACKBOX, Capability.PROBE),
        (Exposer.ALERTMANAGER, Capability.ALERTMANAGER),
        (Exposer.REGISTRY_PROBE, Capability.REGISTRY_PROBE),
        (Exposer.LOG_EXPORTER, Capability.LOG_EXPORTER),
        (Exposer.NOTIFICATION_EXPORTER, Capability.NOTIFICATION_EXPORTER),
    ],
)
def test_a_neighbour_needs_its_capability_in_every_flavor(exposer: Exposer, capability: Capability) -> None:
    needs([metric for metric in METRICS.values() if metric.exposer is exposer], capability)


def test_postgresql_needs_its_exporter_and_for_some_metrics_the_queries_of_the_pack() -> None:
    of_postgres = [metric for metric in METRICS.values() if metric.exposer is Exposer.POSTGRES]
    text = (ROOT / "exporters" / "postgres-queries.yaml").read_text(encoding="utf-8")
    asked = {
        f"{namespace}_{column}"
        for namespace, query in yaml.safe_load(text).items()
        for metric in query["metrics"]
        for column, said in metric.items()
        if said["usage"] == "GAUGE"
    }
    needs([metric for metric in of_postgres if metric.name in asked], Capability.POSTGRES_QUERIES)
    needs([metric for metric in of_postgres if metric.name not in asked], Capability.POSTGRES_EXPORTER)
    assert asked <= {metric.name for metric in of_postgres}


def test_what_prometheus_knows_of_targets_is_always_there_and_the_rest_when_it_scrapes_itself() -> None:
    needs([metric for metric in METRICS.values() if metric.component == "prometheus"], None)
    needs(SERVER, Capability.PROMETHEUS)


def needs(metrics: list[Metric], capability: Capability | None) -> None:
    assert metrics
    for metric in metrics:
        for flavor in Flavor:
            form = metric.form(flavor)
            assert form is not None
            assert form.needs is capability


def test_a_restart_is_counted_and_a_phase_is_a_state() -> None:
    assert kubernetes.POD_RESTARTS.kind == "counter"
    assert kubernetes.POD_PHASE.forms[0].label("phase") is not None
