"""Real servers as fixtures.

A missing program is a visible skip; in CI, or with REGOBS_REQUIRE_SERVERS set, a failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from regobs.demo import servers
from regobs.demo.processes import Supervisor, find_program
from regobs.errors import MachineError
from tests.peers import elasticsearch, required_elasticsearch9

PrometheusFactory = Callable[..., servers.Server]
AlertmanagerFactory = Callable[[Mapping[str, Any] | Path], servers.Server]


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
def prometheus_server(supervisor: Supervisor) -> PrometheusFactory:
    """Start Prometheus with a configuration (plain data or a file): `prometheus_server({"scrape_configs": [...]})`."""

    def start(config: Mapping[str, Any] | Path, **options: Any) -> servers.Server:
        if "program" not in options:
            require("prometheus", package="prometheus")
        return servers.prometheus(supervisor, config, **options)

    return start


@pytest.fixture
def alertmanager_server(supervisor: Supervisor) -> AlertmanagerFactory:
    """Start Alertmanager with a configuration (plain data or a file)."""

    def start(config: Mapping[str, Any] | Path) -> servers.Server:
        require("prometheus-alertmanager", "alertmanager", package="prometheus-alertmanager")
        return servers.alertmanager(supervisor, config)

    return start


@pytest.fixture(scope="session")
def elasticsearch_server() -> Iterator[elasticsearch.Elasticsearch]:
    """Elasticsearch 9 with security on, one for all tests: 20 s to start, so each test takes an index of its own."""
    home = required_elasticsearch9()
    with Supervisor() as running:
        yield elasticsearch.start(running, home)
