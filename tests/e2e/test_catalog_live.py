"""The catalog against servers that run now, not against what was once recorded of them."""

from __future__ import annotations

import json

import pytest

from regobs.catalog import METRICS
from regobs.catalog.model import Exposer, Flavor
from regobs.cli.main import run
from regobs.demo import servers, traffic
from regobs.demo.client import RegistryClient
from regobs.errors import ExitCode

LARGEST = 2**20


def _check(url: str, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    code = run(["catalog", "check", url, "--format", "json"])
    report: dict[str, object] = json.loads(capsys.readouterr().out)
    assert (code, report["differences"]) == (ExitCode.OK, [])
    return report


def test_a_registry_without_traffic_is_what_the_catalog_predicts(
    docker_registry: servers.RegistryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    report = _check(f"{docker_registry.debug_url}/metrics", capsys)
    assert report["flavor"] == "distribution"


def test_a_registry_with_traffic_exposes_every_family_and_no_other(
    docker_registry: servers.RegistryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with RegistryClient(docker_registry.url) as client:
        traffic.first_round(client, traffic.images("catalog", LARGEST), lambda _: None)
    report = _check(docker_registry.debug_url, capsys)  # a URL without a path means /metrics
    absent = report["absent"]
    assert isinstance(absent, list)
    older = {"later versions have it", "it depends on how the binary was linked"}
    assert [one for one in absent if one["why"] not in older] == []


def test_what_is_no_metrics_endpoint_is_exit_code_3(
    docker_registry: servers.RegistryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["catalog", "check", f"{docker_registry.url}/v2/"]) == ExitCode.SERVER
    assert f"{docker_registry.url}/v2/" in capsys.readouterr().err


def test_the_flavor_of_the_live_registry_can_be_wrong_on_purpose(
    docker_registry: servers.RegistryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["catalog", "check", docker_registry.debug_url, "--flavor", "gitlab"]) == ExitCode.DIFFERENCE
    assert METRICS["gitlab_build_info"].flavors == (Flavor.GITLAB,)
    assert METRICS["gitlab_build_info"].exposer is Exposer.REGISTRY
    assert "gitlab_build_info: absent family" in capsys.readouterr().out
