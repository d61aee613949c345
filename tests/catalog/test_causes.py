"""Causal links between metrics: they go one way, and the page about incidents tells all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.catalog import database, http, load_balancing, postgresql, redis, storage
from regobs.catalog.causes import LINKS, CausalLink, causes_by_effect, components, side
from regobs.catalog.index import METRICS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "incident.md"


def test_no_metric_is_a_cause_of_itself_not_even_through_others() -> None:
    assert [effect for effect, causes in causes_by_effect().items() if effect in causes] == []


def test_links_name_metrics_of_the_catalog() -> None:
    named = {metric.name for link in LINKS for metric in (*link.causes, *link.effects)}
    assert named <= set(METRICS)


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.causes[0].name)
def test_the_page_gives_the_reason_of_every_link(link: CausalLink) -> None:
    assert f"| {link.reason} |" in PAGE.read_text(encoding="utf-8")


def test_causes_are_known_through_others_too() -> None:
    before = causes_by_effect()
    assert load_balancing.LAG_SECONDS.name in before[load_balancing.POOL_STATUS.name]
    assert postgresql.REPLICA_BEHIND.name in before[load_balancing.TARGETS.name]
    assert redis.POOL_TIMEOUTS.name in before[load_balancing.TARGETS.name]
    assert {storage.RATE_LIMITED.name, database.QUERY_DURATION.name} <= before[http.IN_FLIGHT.name]


def test_traffic_follows_from_nothing_and_is_the_cause_of_counts_alone() -> None:
    before = causes_by_effect()
    assert http.REQUESTS.name not in before
    assert http.REQUESTS.name in before[f"{storage.ACTIONS.name}_count"]
    assert http.REQUESTS.name not in before[storage.ACTIONS.name]


def test_every_cause_has_a_component() -> None:
    assert set().union(*causes_by_effect().values()) == set(components())


def test_only_a_histogram_has_two_sides() -> None:
    assert side(storage.ACTIONS, counted=True) == "registry_storage_action_seconds_count"
    assert side(storage.ACTIONS, counted=False) == storage.ACTIONS.name
    assert side(http.REQUESTS, counted=True) == side(http.REQUESTS, counted=False) == http.REQUESTS.name
