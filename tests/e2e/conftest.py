"""Real servers as fixtures.

A missing program is a visible skip; in CI, or with REGOBS_REQUIRE_SERVERS set, a failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme

from regobs.common.programs import Supervisor, find_program
from regobs.demo import servers
from regobs.errors import MachineError
from regobs.logs.elasticsearch.cluster import Cluster
from tests.e2e.registry_variants import RunningRegistry, start_registry
from tests.peers import ELASTICSEARCH, ELASTICSEARCH_8, elasticsearch, opensearch
from tests.peers.elasticsearch import Elasticsearch
from tests.peers.opensearch import OpenSearch
from tests.peers.search_server import SearchServer

pytest.register_assert_rewrite("tests.e2e.log_answers")  # before its first import

PrometheusFactory = Callable[..., servers.LocalServer]
AlertmanagerFactory = Callable[[Mapping[str, Any] | Path], servers.LocalServer]


def require(*names: str, package: str) -> Path:
    """The program, or a skip; in CI a failure."""
    try:
        return find_program(*names, package=package)
    except MachineError as error:
        if os.environ.get("CI") or os.environ.get("REGOBS_REQUIRE_SERVERS"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    """Starts programs and stops them with the test."""
    with Supervisor() as running:
        yield running


@pytest.fixture
def docker_registry(supervisor: Supervisor) -> servers.RegistryServer:
    """A fresh docker-registry with an empty filesystem store and its metrics at `debug_url`/metrics."""
    require("docker-registry", "registry", package="docker-registry")
    return servers.docker_registry(supervisor)


@pytest.fixture
def registry(supervisor: Supervisor, tmp_path: Path) -> RunningRegistry:
    """A fresh docker-registry whose settings and store are in the folder of the test."""
    require("docker-registry", "registry", package="docker-registry")
    return start_registry(supervisor, tmp_path / "registry")


@pytest.fixture
def authority() -> trustme.CA:
    """Who signs certificates in the test."""
    return trustme.CA()


@pytest.fixture
def prometheus_server(supervisor: Supervisor) -> PrometheusFactory:
    """Start Prometheus with a configuration (plain data or a file): `prometheus_server({"scrape_configs": [...]})`."""

    def start(config: Mapping[str, Any] | Path, **options: Any) -> servers.LocalServer:
        if "program" not in options:
            require("prometheus", package="prometheus")
        return servers.prometheus(supervisor, config, **options)

    return start


@pytest.fixture
def alertmanager_server(supervisor: Supervisor) -> AlertmanagerFactory:
    """Start Alertmanager with a configuration (plain data or a file)."""

    def start(config: Mapping[str, Any] | Path) -> servers.LocalServer:
        require("prometheus-alertmanager", "alertmanager", package="prometheus-alertmanager")
        return servers.alertmanager(supervisor, config)

    return start


@pytest.fixture(scope="session")
def elasticsearch_server() -> Iterator[Elasticsearch]:
    """Elasticsearch 9 with security on, one for all tests: 20 s to start, so each test takes an index of its own."""
    with Supervisor() as running:
        yield elasticsearch.start(running, ELASTICSEARCH)


@pytest.fixture(scope="session")
def elasticsearch_8_server() -> Iterator[Elasticsearch]:
    """Elasticsearch 8, in the same way."""
    with Supervisor() as running:
        yield elasticsearch.start(running, ELASTICSEARCH_8)


@pytest.fixture(scope="session")
def opensearch_server() -> Iterator[OpenSearch]:
    """OpenSearch 3, in the same way but open to everybody."""
    with Supervisor() as running:
        yield opensearch.start(running)


@pytest.fixture(scope="session", params=["elasticsearch_server", "elasticsearch_8_server", "opensearch_server"])
def search_server(request: pytest.FixtureRequest) -> SearchServer:
    """Each of the three after the other."""
    server: SearchServer = request.getfixturevalue(request.param)
    return server


@pytest.fixture(scope="session")
def search_cluster(search_server: SearchServer) -> Iterator[Cluster]:
    """A connection to it."""
    with Cluster(search_server.access) as opened:
        yield opened
