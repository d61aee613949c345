"""Every panel on real servers: it has data, and values within what its unit promises."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regobs.catalog import METRICS
from regobs.catalog.model import Capability, Exposer, Flavor, Version
from regobs.config import Config
from regobs.demo.client import RegistryClient
from regobs.demo.servers import RegistryServer
from regobs.demo.traffic import Mix, first_round, images
from regobs.grafana import PanelQuery, panel_queries
from regobs.pack import Pack
from regobs.prometheus import Prometheus
from regobs.promql.bounds import bounds_of
from regobs.promql.nodes import Matcher, MatchOp
from regobs.slo import outputs as compiled
from tests.e2e.conftest import PrometheusFactory
from tests.e2e.exposition_server import ExpositionServer, read_exposition
from tests.e2e.imagined import imagined

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
PACK = Pack((("bundled", ROOT),))
DASHBOARDS = sorted((ROOT / "dashboards").glob("*.dashboard.py"))
SAMPLE = ROOT / "tests" / "data" / "gitlab-registry-4.32.prom.gz"
JOB = (Matcher("job", MatchOp.EQUAL, "registry"),)
DISTRIBUTION = Config(
    flavor=Flavor.DISTRIBUTION,
    version=Version(2, 8, 2),
    capabilities=frozenset({Capability.DESCRIPTOR_CACHE}),
    matchers=JOB,
)
GITLAB = Config(flavor=Flavor.GITLAB, version=Version(4, 32), capabilities=frozenset(Capability), matchers=JOB)
SETTLED = 12  # seconds: enough scrapes of one second for a rate over six


# Panels whose metric the recorded scrape has, but not the series they ask for. Those of the whole deployment have data.
NOT_IN_SAMPLE = {
    ("notifications-detail", "Attempts that were refused"): "its endpoint never answered, so there is no attempt",
    ("notifications-detail", "Attempts by endpoint"): "the same",
    ("redis-detail", "Share in use, fullest pools"): "its pools have no configured size",
}
NO_ALERT = {("rules-health", "Active alerts"): "no alert is active"}


def scraping(*addresses: str) -> dict[str, Any]:
    """The configuration of a Prometheus that scrapes registries."""
    job = {"job_name": "registry", "static_configs": [{"targets": list(addresses)}]}
    return {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": [job]}


def as_asked(text: str) -> str:
    """The query as Grafana would send it with every variable at `All`."""
    text = text.replace("$__rate_interval", "6s").replace("$__range", "10s")
    return re.sub(r"\$\w+", ".*", text)


def shown(config: Config, families: set[str] | None = None) -> list[PanelQuery]:
    """The queries of this deployment, without those that recording rules answer; `families` limits them further."""
    queries = [query for query in panel_queries(PACK, config) if query.left_out is None]
    queries = [query for query in queries if all(m.exposer is not Exposer.RULES for m in query.metrics)]
    if families is None:
        return queries
    names = families | {"up", "ALERTS"}
    return [query for query in queries if all(metric.name in names for metric in query.metrics)]


def check(
    url: str, config: Config, queries: list[PanelQuery], without: Mapping[tuple[str, str], str] | None = None
) -> None:
    """Every query has data, but those of the panels `without`, which must have none; each value is one that can be."""
    empty, wrong = [], []
    with Prometheus(url) as prometheus:
        for query in queries:
            place = f"{query.dashboard} / {query.row} / {query.title} {query.name}"
            values = [sample.value for sample in prometheus.query(as_asked(query.text)).samples]
            assert query.type is not None
            if bool(values) is ((query.dashboard, query.title) in (without or {})):
                empty.append(place)
            if not all(bounds_of(query.type).holds(value) for value in values):
                wrong.append(f"{place}: {values}")
    assert empty == []
    assert wrong == []


def test_every_panel_has_data_on_a_docker_registry(
    docker_registry: RegistryServer, prometheus_server: PrometheusFactory
) -> None:
    server = prometheus_server(scraping(docker_registry.debug_address))
    pictures = images("panels", 200_000)
    with RegistryClient(docker_registry.url) as client:
        first_round(client, pictures, lambda _: None)
    with Mix(docker_registry.url, pictures):
        time.sleep(SETTLED)
        queries = shown(DISTRIBUTION)
        assert len(queries) > 50
        check(server.url, DISTRIBUTION, queries, NO_ALERT)


def test_every_panel_has_data_on_a_gitlab_registry(prometheus_server: PrometheusFactory) -> None:
    exposition = read_exposition(SAMPLE)
    families = set(re.findall(r"^# TYPE (\S+)", exposition, re.MULTILINE))
    with ExpositionServer(exposition) as target:
        server = prometheus_server(scraping(target.address))
        time.sleep(SETTLED)
        queries = shown(GITLAB, families)
        assert len(queries) > 130
        check(server.url, GITLAB, queries, {**NOT_IN_SAMPLE, **NO_ALERT})


def test_the_imports_of_a_registry_that_still_had_them_have_data(prometheus_server: PrometheusFactory) -> None:
    older = replace(GITLAB, version=Version(3, 50))
    over = {(one.dashboard, one.title) for one in panel_queries(PACK, GITLAB) if one.cause == "version"}
    queries = [one for one in shown(older) if (one.dashboard, one.title) in over]
    assert {(one.dashboard, one.title) for one in queries} == over
    metrics = {metric for query in queries for metric in query.metrics}
    with ExpositionServer(imagined(metrics, Flavor.GITLAB, Version(3, 50))) as target:
        server = prometheus_server(scraping(target.address))
        time.sleep(SETTLED)
        check(server.url, older, queries)


def rule_files(config: Config, directory: Path) -> str:
    """The rules of the pack in a directory, evaluated each second; what a configuration says to load them."""
    for name, content in compiled.files(PACK, config).items():
        if "/rules/" in name:
            quick = re.sub(r"^( +)interval: .*$", r"\1interval: 1s", content.decode(), flags=re.MULTILINE)
            (directory / Path(name).name).write_text(quick)
    return str(directory / "*.yaml")


def test_every_panel_of_a_whole_deployment_has_data(prometheus_server: PrometheusFactory, tmp_path: Path) -> None:
    # Rules over days write nothing in seconds; tests/pack holds what dashboards read to what the rules record.
    everything = [metric for metric in METRICS.values() if metric.exposer is not Exposer.PROMETHEUS]
    made = imagined(everything, Flavor.GITLAB, Version(4, 32))
    always = {"alert": "TestAlways", "expr": "vector(1)", "labels": {"severity": "ticket"}}
    (tmp_path / "always.yaml").write_text(json.dumps({"groups": [{"name": "test", "rules": [always]}]}))
    with ExpositionServer(read_exposition(SAMPLE)) as one, ExpositionServer(made) as other:
        config = scraping(one.address, other.address)
        itself = tmp_path / "itself.json"  # its address is known once it runs
        config["scrape_configs"].append({"job_name": "prometheus", "file_sd_configs": [{"files": [str(itself)]}]})
        config["rule_files"] = [rule_files(GITLAB, tmp_path)]
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:1"]}]}]}
        server = prometheus_server(config)
        itself.write_text(json.dumps([{"targets": [server.url.removeprefix("http://")]}]))
        time.sleep(2 * SETTLED)
        queries = [one for one in panel_queries(PACK, GITLAB, compiled.records(PACK, GITLAB)) if not one.left_out]
        assert {query.dashboard for query in queries} == {path.name.split(".")[0] for path in DASHBOARDS}
        check(server.url, GITLAB, queries)
