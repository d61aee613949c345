from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from regobs.catalog import database, http, storage
from regobs.catalog.model import Flavor
from regobs.instrument import Instruments


def registered() -> tuple[CollectorRegistry, Instruments]:
    registry = CollectorRegistry(auto_describe=True)
    instruments = Instruments(Flavor.GITLAB, registry=registry, strict=True)
    instruments.http.begin("base")
    instruments.http.finish("base", "GET", 200, 0.1, 10, 20, 0.05)
    instruments.histogram(database.QUERY_DURATION).child(name="repository_find_all").observe(3)
    return registry, instruments


def parsed(text: bytes) -> dict[str, list[tuple[str, tuple[tuple[str, str], ...], float]]]:
    return {
        family.name: [(sample.name, tuple(sorted(sample.labels.items())), sample.value) for sample in family.samples]
        for family in parse_text(text.decode())
    }


def test_a_prometheus_client_registry_renders_the_same_samples() -> None:
    registry, instruments = registered()
    theirs, ours = parsed(generate_latest(registry)), parsed(instruments.render())
    assert theirs == ours
    assert "registry_http_requests" in ours


def test_its_openmetrics_output_is_valid() -> None:
    registry, _ = registered()
    text = generate_openmetrics(registry).decode()  # type: ignore[no-untyped-call]
    assert {family.name for family in parse_openmetrics(text)} >= {"registry_http_requests"}  # type: ignore[no-untyped-call]


def test_it_stands_beside_other_collectors() -> None:
    registry, _ = registered()
    Counter("mine_total", "Mine.", registry=registry).inc()
    text = generate_latest(registry).decode()
    assert "mine_total 1.0" in text
    assert 'registry_http_requests_total{code="200",method="get",route="/v2/"} 1.0' in text


def test_get_sample_value_finds_ours() -> None:
    registry, _ = registered()
    assert registry.get_sample_value("registry_http_in_flight_requests") == 0


def test_a_second_collector_of_the_same_names_is_refused() -> None:
    instruments = Instruments(Flavor.GITLAB)
    _ = instruments.http
    registry = CollectorRegistry()
    registry.register(instruments)
    with pytest.raises(ValueError, match="registry_http_requests"):
        Counter(http.REQUESTS.name, "Again.", registry=registry)


def test_a_counter_without_total_keeps_its_name_there() -> None:
    registry = CollectorRegistry()
    Instruments(Flavor.GITLAB, registry=registry).counter(storage.ACCESS_EVENTS_DROPPED).inc(2)
    text = generate_latest(registry).decode()
    assert "\nregistry_storage_access_tracker_dropped_events 2.0\n" in text
    assert "# TYPE registry_storage_access_tracker_dropped_events untyped\n" in text
