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

from regobs.catalog import METRICS, redis_server
from regobs.catalog.model import Capability, Exposer, Flavor, Version
from regobs.config import Config
from regobs.demo.client import RegistryClient
from regobs.demo.servers import RegistryServer
from regobs.demo.traffic import TrafficMix, first_round, images
from regobs.grafana import PanelQuery, panel_queries
from regobs.pack import Pack
from regobs.prometheus import Prometheus
from regobs.promql.nodes import Matcher, MatchOp
from regobs.promql.types import bounds_of
from regobs.slo import outputs as compiled
from tests.e2e.conftest import PrometheusFactory
from tests.e2e.example_registry import within
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
PATIENCE = 150  # seconds
_LEAST_SCRAPES = "min(count_over_time(up[5m]))"
SETTLED = 12  # scrapes: enough for a rate over six seconds, where there is one each second


# Panels whose metric the recorded scrape has, but not the series they ask for. Those of the whole deployment have data.
NOT_IN_SAMPLE: dict[tuple[str, str] | str, str] = {
    "redirected to the store": "its store is a directory, which redirects nothing",
    "redirected": "the same",
    ("notifications-detail", "Notification attempts failed, %"): "its endpoint never answered, so there is no attempt",
    ("notifications-detail", "Notification attempts"): "the same",
    ("redis-detail", "Redis connections, % of pool (top 10)"): "its pools have no configured size",
}
MAY_BE_EMPTY = {"full in"}  # where nothing grows
NO_ALERT: dict[tuple[str, str] | str, str] = {
    ("rules-health", "Active alerts"): "no alert is active",
    ("overview", "Firing alerts"): "the same",
}


def scraping(*addresses: str) -> dict[str, Any]:
    """The configuration of a Prometheus that scrapes registries."""
    job = {"job_name": "registry", "static_configs": [{"targets": list(addresses)}]}
    return {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": [job]}


def as_asked(text: str) -> str:
    """The query as Grafana would send it with every variable at `All`; what looks back hours looks back seconds."""
    text = text.replace("$__rate_interval", "6s").replace("$__range", "10s")
    text = text.replace("offset 6h", "offset 4s").replace("[6h]", "[6s]")
    text = re.sub(r"\[1[hd]:\d+m\]", "[10s:1s]", text)
    return re.sub(r"\$\w+", ".*", text)


def shown(config: Config, families: set[str] | None = None) -> list[PanelQuery]:
    """The queries of this deployment, without those that recording rules answer; `families` limits them further."""
    queries = [query for query in panel_queries(PACK, config) if query.left_out is None]
    queries = [query for query in queries if all(m.exposer is not Exposer.RULES for m in query.metrics)]
    if families is None:
        return queries
    names = families | {"up", "ALERTS"}
    return [query for query in queries if all(metric.name in names for metric in query.metrics)]


def settle(url: str) -> None:
    """Until the server has looked often enough at each target that it has."""
    with Prometheus(url) as prometheus:
        within(PATIENCE, lambda: any(sample.value >= SETTLED for sample in prometheus.query(_LEAST_SCRAPES).samples))


def check(
    url: str, config: Config, queries: list[PanelQuery], without: Mapping[tuple[str, str] | str, str] | None = None
) -> None:
    """Every query has data, but those of the panels, or of the names, `without`; each value is one that can be.

    Queries that have no data yet are asked again until `PATIENCE` is over: a busy machine loses scrapes.
    """
    deadline = time.monotonic() + PATIENCE
    unwelcome, wrong, todo = [], [], queries
    with Prometheus(url) as prometheus:
        while todo:
            empty = []
            for query in todo:
                values = [sample.value for sample in prometheus.query(as_asked(query.text)).samples]
                expected = not {(query.dashboard, query.title), query.name} & {*(without or {})}
                assert query.type is not None
                if query.name in MAY_BE_EMPTY:
                    pass
                elif values and not expected:
                    unwelcome.append(_place(query))
                elif expected and not values:
                    empty.append(query)
                if not all(bounds_of(query.type).holds(value) for value in values):
                    wrong.append(f"{_place(query)}: {values}")
            todo = empty
            if todo and time.monotonic() > deadline:
                break
            time.sleep(1 if todo else 0)
    assert [_place(query) for query in todo] == []
    assert unwelcome == []
    assert wrong == []


def _place(query: PanelQuery) -> str:
    return f"{query.dashboard} / {query.row} / {query.title} {query.name}"


def test_every_panel_has_data_on_a_docker_registry(
    docker_registry: RegistryServer, prometheus_server: PrometheusFactory
) -> None:
    server = prometheus_server(scraping(docker_registry.debug_address))
    pictures = images("panels", 200_000)
    with RegistryClient(docker_registry.url) as client:
        first_round(client, pictures, lambda _: None)
    with TrafficMix(docker_registry.url, pictures):
        settle(server.url)
        queries = shown(DISTRIBUTION)
        assert len(queries) > 50
        check(server.url, DISTRIBUTION, queries, NO_ALERT)


def test_every_panel_has_data_on_a_gitlab_registry(prometheus_server: PrometheusFactory) -> None:
    exposition = read_exposition(SAMPLE)
    families = set(re.findall(r"^# TYPE (\S+)", exposition, re.MULTILINE))
    with ExpositionServer(exposition) as target:
        server = prometheus_server(scraping(target.address))
        settle(server.url)
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
        settle(server.url)
        check(server.url, older, queries)


def rule_files(config: Config, directory: Path) -> str:
    """The rules of the pack in a directory, evaluated every other second; what a configuration says to load them."""
    for name, content in compiled.files(PACK, config).items():
        if "/rules/" in name:
            quick = re.sub(r"^( +)interval: .*$", r"\1interval: 2s", content.decode(), flags=re.MULTILINE)
            (directory / Path(name).name).write_text(quick)
    return str(directory / "*.yaml")


def test_every_panel_of_a_whole_deployment_has_data(prometheus_server: PrometheusFactory, tmp_path: Path) -> None:
    # Rules over days write nothing in seconds; tests/pack holds what dashboards read to what the rules record.
    everything = [metric for metric in METRICS.values() if metric.exposer is not Exposer.PROMETHEUS]
    made = imagined(everything, Flavor.GITLAB, Version(4, 32))
    always = {"alert": "TestAlways", "expr": "vector(1)", "labels": {"severity": "ticket"}}
    (tmp_path / "always.yaml").write_text(json.dumps({"groups": [{"name": "test", "rules": [always]}]}))
    # A Redis with all metrics is a replica, which copies keys: they are counted on primaries.
    primary = imagined([redis_server.KEYS, redis_server.KEYS_EXPIRING], Flavor.GITLAB, Version(4, 32))
    with (
        ExpositionServer(read_exposition(SAMPLE)) as one,
        ExpositionServer(made) as other,
        ExpositionServer(primary) as third,
    ):
        config = scraping(one.address, other.address, third.address)
        config["global"] = {"scrape_interval": "2s", "evaluation_interval": "2s"}  # they are two megabytes
        itself = tmp_path / "itself.json"  # its address is known once it runs
        config["scrape_configs"].append({"job_name": "prometheus", "file_sd_configs": [{"files": [str(itself)]}]})
        config["rule_files"] = [rule_files(GITLAB, tmp_path)]
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:1"]}]}]}
        server = prometheus_server(config)
        itself.write_text(json.dumps([{"targets": [server.url.removeprefix("http://")]}]))
        settle(server.url)
        queries = [one for one in panel_queries(PACK, GITLAB, compiled.records(PACK, GITLAB)) if not one.left_out]
        assert {query.dashboard for query in queries} == {path.name.split(".")[0] for path in DASHBOARDS}
        check(server.url, GITLAB, queries)
