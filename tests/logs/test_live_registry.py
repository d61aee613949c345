"""A real docker-registry: what it logs now, in both of its formats, is valid."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from regobs.common.programs import Supervisor
from regobs.demo.client import RegistryClient
from regobs.demo.servers import docker_registry
from regobs.demo.traffic import first_round, images
from regobs.logs.judging.validate import LogReport, Validator
from tests.e2e.conftest import require, supervisor

__all__ = ["supervisor"]
_SECONDS = 20


def logged(running: Supervisor, formatter: str) -> Path:
    """The log of a registry that met a round of clients, ourselves among them when they do wrong."""
    settings: dict[str, Any] = {
        "level": "debug",
        "formatter": formatter,
        "accesslog": {"disabled": False},
        "fields": {"service": "registry", "environment": "test"},
    }
    endpoint = {"name": "closed", "url": "http://127.0.0.1:9/", "timeout": "1s", "threshold": 2, "backoff": "1s"}
    server = docker_registry(running, changes={"log": settings, "notifications": {"endpoints": [endpoint]}})
    with RegistryClient(server.url) as client:
        first_round(client, images(formatter, 100_000), lambda _: None)
    return settled(server.log)


def settled(path: Path) -> Path:
    """The file once it stops growing: the registry writes the end of cut uploads after the client is gone."""
    end = time.monotonic() + _SECONDS
    size = -1
    while size != path.stat().st_size and time.monotonic() < end:
        size = path.stat().st_size
        time.sleep(0.5)
    return path


@pytest.mark.server
@pytest.mark.parametrize("formatter", ["json", "text"])
def test_every_line_of_a_running_docker_registry_is_valid(formatter: str, supervisor: Supervisor) -> None:
    require("docker-registry", "registry", package="docker-registry")
    validator = Validator(strict=True)
    path = logged(supervisor, formatter)
    with path.open("rb") as file:
        validator.read(file, "registry.log")
    report: LogReport = validator.report
    assert {key: (one.count, one.sample) for key, one in report.findings.items()} == {}
    assert report.valid == report.lines > 900
    assert Counter(report.streams).keys() >= {"distribution.application", "distribution.access"}
