"""What a server shows of the registry that it scrapes, and where that was read."""

from __future__ import annotations

from regobs.catalog.model import Flavor, Version
from regobs.doctor.observe import observe
from regobs.promql.nodes import Duration
from tests.doctor.stub import OneRegistry
from tests.doctor.world import JOB


def test_the_registry_its_targets_and_its_intervals_are_seen() -> None:
    seen = observe(OneRegistry(), (JOB,))
    assert seen.source == "http://prometheus:9090"
    assert seen.flavor.value is Flavor.GITLAB
    assert seen.version is not None
    assert seen.version.value == Version(4, 20)
    assert seen.matchers is not None
    assert seen.matchers.value == (JOB,)
    assert (seen.targets, seen.metrics_path) == (("a:5001",), "/metrics")
    assert seen.scrape_interval is not None
    assert seen.scrape_interval.value == Duration(15_000)
    assert "1 of 1 targets" in seen.scrape_interval.reason


def test_without_an_interval_of_the_targets_it_is_measured() -> None:
    seen = observe(OneRegistry(interval=None), (JOB,))
    assert seen.scrape_interval is not None
    assert seen.scrape_interval.value == Duration(30_000)
    assert "samples of `up`" in seen.scrape_interval.reason
