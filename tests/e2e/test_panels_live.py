"""Every panel on real servers: it has data, and values within what its unit promises."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from regobs.catalog.model import Capability, Exposer, Flavor, Unit, Version
from regobs.config import Config
from regobs.demo.client import RegistryClient
from regobs.demo.servers import RegistryServer
from regobs.demo.traffic import Mix, first_round, images
from regobs.grafana import PanelQuery, panel_queries
from regobs.pack import Pack
from regobs.prometheus import Prometheus
from regobs.promql import infer
from regobs.promql.nodes import Matcher, MatchOp
from tests.e2e.conftest import PrometheusFactory
from tests.e2e.exposition_server import ExpositionServer, read_exposition

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
PACK = Pack((("bundled", ROOT),))
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


def scraping(address: str) -> dict[str, object]:
    target = {"job_name": "registry", "static_configs": [{"targets": [address]}]}
    return {"global": {"scrape_interval": "1s"}, "scrape_configs": [target]}


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


def check(url: str, config: Config, queries: list[PanelQuery]) -> None:
    empty, wrong = [], []
    with Prometheus(url) as prometheus:
        for query in queries:
            place = f"{query.dashboard} / {query.row} / {query.title} {query.name}"
            values = [sample.value for sample in prometheus.query(as_asked(query.text)).samples]
            kind = infer(query.expr, config.vocabulary)
            high = 1 if kind.unit is Unit.RATIO and kind.fraction else float("inf")
            if not values:
                empty.append(place)
            if not all(0 <= value <= high for value in values):
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
        check(server.url, DISTRIBUTION, queries)


def test_every_panel_has_data_on_a_gitlab_registry(prometheus_server: PrometheusFactory) -> None:
    exposition = read_exposition(SAMPLE)
    families = set(re.findall(r"^# TYPE (\S+)", exposition, re.MULTILINE))
    with ExpositionServer(exposition) as target:
        server = prometheus_server(scraping(target.address))
        time.sleep(SETTLED)
        queries = shown(GITLAB, families)
        assert len(queries) > 70
        check(server.url, GITLAB, queries)
