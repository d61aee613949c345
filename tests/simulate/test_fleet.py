"""The fleet: the same seed gives the same exposition, the catalog predicts it, and each fault shows where it should."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.catalog.check import check
from regobs.catalog.exposition import parse
from regobs.catalog.model import Capability, Flavor, Version
from regobs.errors import InputError
from regobs.simulate import Fault, Fleet, Plan, Schedule
from regobs.simulate.faults import FaultName
from regobs.simulate.plan import usual

START = 1_795_000_000.0
FLAVORS = [(Flavor.GITLAB, Version(4, 32)), (Flavor.DISTRIBUTION, Version(3)), (Flavor.DISTRIBUTION, Version(2, 8, 2))]


def fleet(*faults: str, warm: float = 300, **values: Any) -> Fleet:
    schedule = Schedule(Fault.parse(text) for text in faults)
    return Fleet(Plan(start=START, warm=warm, faults=schedule, **values))


def run(made: Fleet, seconds: int, step: float = 10) -> Fleet:
    for _ in range(int(seconds / step)):
        made.advance(step)
    return made


def total(made: Fleet, series: str, pods: slice = slice(None)) -> float:
    """The sum over all samples whose name and labels fit the pattern."""
    lines = b"".join(pod.instruments.render() for pod in made.pods[pods]).decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(series, line))


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(FLAVORS), st.integers(1, 3))
def test_the_same_seed_gives_the_same_exposition(seed: int, kind: tuple[Flavor, Version], pods: int) -> None:
    one, other = (fleet(seed=seed, flavor=kind[0], version=kind[1], pods=pods, warm=60) for _ in range(2))
    for made in (one, other):
        run(made, 30)
    assert [pod.render() for pod in one.pods] == [pod.render() for pod in other.pods]


def test_another_seed_gives_another_exposition() -> None:
    assert fleet(seed=1).pods[0].render() != fleet(seed=2).pods[0].render()


def test_the_pods_of_a_fleet_differ() -> None:
    made = fleet(pods=2)
    assert made.pods[0].render() != made.pods[1].render()


def strikes(plan: Plan, name: FaultName) -> bool:
    try:
        plan.check_fault(name)
    except InputError:
        return False
    return True


@pytest.mark.parametrize(("flavor", "version"), FLAVORS)
@pytest.mark.parametrize("number", [0, 2])
def test_the_catalog_predicts_the_exposition_of_a_pod(flavor: Flavor, version: Version, number: int) -> None:
    plan = Plan(flavor=flavor, version=version, zones=("a", "b"))
    faults = [f"{name}@0+5m" for name in FaultName if strikes(plan, name)]
    made = run(fleet(*faults, flavor=flavor, version=version, pods=3, zones=plan.zones), 300)
    for given_version in (version, None) if flavor is Flavor.GITLAB else (version,):
        report = check(parse(made.pods[number].render()), flavor, given_version)
        assert report.differences == ()


@pytest.mark.parametrize("without", sorted(usual(Flavor.GITLAB, Version(4, 32))))
def test_every_capability_can_be_switched_off(without: Capability) -> None:
    on = usual(Flavor.GITLAB, Version(4, 32)) - {without}
    standing = {
        Capability.METADATA_DATABASE: {"load_balancing", "database_metrics", "garbage_collection"},
        Capability.REDIS: {"load_balancing", "database_metrics", "url_cache", "background_migrations"},
        Capability.OBJECT_STORAGE: {"cdn", "url_cache"},
        Capability.DATABASE_METRICS: {"background_migrations"},
    }
    if without is Capability.METADATA_DATABASE:
        on -= {Capability.BACKGROUND_MIGRATIONS}
    made = fleet(capabilities=on - standing.get(without, set()), pods=1)
    report = check(parse(made.pods[0].render()), Flavor.GITLAB)
    assert report.differences == ()
    full = check(parse(fleet(pods=1).pods[0].render()), Flavor.GITLAB)
    assert report.families < full.families


def test_a_gitlab_registry_without_a_database_asks_its_descriptor_cache() -> None:
    on = frozenset({Capability.DESCRIPTOR_CACHE, Capability.REDIS_DESCRIPTOR_CACHE})
    made = fleet(capabilities=on, pods=1)
    assert total(made, r'registry_storage_cache_total\{type="Hit"') > 0
    assert total(made, "registry_storage_cache_redis_seconds_count") > 0
    assert total(made, "registry_database_queries_total") == 0


def test_a_pull_through_cache_counts_what_it_saved() -> None:
    made = fleet(flavor=Flavor.DISTRIBUTION, capabilities=frozenset({Capability.PROXY}), pods=1)
    assert total(made, "registry_proxy_hits_total") > total(made, "registry_proxy_misses_total") > 0


def grows(series: str, fault: str) -> tuple[float, float]:
    """How much a series grows in five minutes without and with a fault."""
    found = []
    for names in ((), (f"{fault}@0+10m",)):
        made = fleet(*names, pods=1)
        before = total(made, series)
        found.append(total(run(made, 300), series) - before)
    return found[0], found[1]


More = Callable[[float, float], bool]


@pytest.mark.parametrize(
    ("fault", "series", "more"),
    [
        ("error-burst", r'registry_http_requests_total\{code="5', lambda calm, ill: ill > 10 * calm + 10),
        ("latency-ramp", "registry_http_request_duration_seconds_sum", lambda calm, ill: ill > 1.5 * calm),
        ("pool-exhaustion", "go_sql_dbstats_connections_wait_seconds_total", lambda calm, ill: ill > 10 * calm + 10),
        (
            "replica-lag",
            r'registry_database_lb_pool_events_total\{event="replica_quarantined"',
            lambda calm, ill: calm == 0 and ill == 2,  # one after the other
        ),
        ("redis-loss", "registry_redis_pool_stats_timeouts", lambda calm, ill: calm == 0 < ill),
        ("redis-loss", "registry_redis_single_commands_count", lambda calm, ill: ill == 0 < calm),
        ("redis-loss", "registry_redis_single_errors", lambda calm, ill: calm == ill == 0),
        (
            "gc-backlog",
            r'registry_database_rows\{query_name="gc_blob_review_queue"',
            lambda calm, ill: ill > calm + 100,
        ),
        ("notifications-down", "registry_notifications_errors_total", lambda calm, ill: calm == 0 < ill),
        ("storage-throttling", "registry_storage_rate_limit_total", lambda calm, ill: calm == 0 < ill),
        ("stuck-migration", "registry_bbm_migrated_tuples_total", lambda calm, ill: ill == 0 < calm),
        ("no-traffic", "registry_http_requests_total", lambda calm, ill: ill < calm / 20),
    ],
)
def test_a_fault_shows_in_its_series(fault: str, series: str, more: More) -> None:
    assert more(*grows(series, fault))


def test_a_quarantined_replica_comes_back() -> None:
    made = run(fleet("replica-lag@0+2m", pods=1), 110)
    assert total(made, r'registry_database_lb_pool_status\{.*status="quarantined"') == 1
    run(made, 300)
    assert total(made, r'registry_database_lb_pool_status\{.*status="quarantined"') == 0
    assert total(made, r'registry_database_lb_pool_events_total\{event="replica_reintegrated"') == 1


def test_a_crash_loop_takes_the_last_pod_away_and_starts_its_counters_anew() -> None:
    made = run(fleet("crash-loop@0+2m", pods=2), 50)
    assert [pod.up for pod in made.pods] == [True, False]
    before = total(made, "registry_http_requests_total", slice(1, 2))
    run(made, 20)
    assert [pod.up for pod in made.pods] == [True, True]
    assert total(made, "registry_http_requests_total", slice(1, 2)) < before
    assert total(made, "process_start_time_seconds", slice(1, 2)) > START
    run(made, 60)
    assert made.pods[1].up


def test_a_scrape_counts_itself_at_its_end() -> None:
    pod = fleet(pods=1).pods[0]
    line = b'promhttp_metric_handler_requests_total{code="200"} '
    assert line + b"0\n" in pod.render()
    assert line + b"1\n" in pod.render()


def test_a_storage_that_nobody_calls_repeats_no_call() -> None:
    made = run(fleet("no-traffic@0+5m", pods=1), 20)
    before = total(made, "registry_storage_storage_backend_retries_total")
    run(made, 200)
    assert total(made, "registry_storage_storage_backend_retries_total") == before


def test_who_waits_a_minute_for_a_slow_registry_hangs_up() -> None:
    uploads = r'registry_http_requests_total\{code="499",method="patch"'
    made = run(fleet("latency-ramp@0+5m", pods=1, rate=40), 60)
    assert total(made, uploads) == 0
    run(made, 230)
    assert total(made, uploads) > 0


def test_slow_queries_fill_the_pool_of_a_busy_pod() -> None:
    used = r'go_sql_dbstats_connections_in_use\{.*host_type="primary"'
    assert total(run(fleet(pods=1, rate=80), 60), used) < 10
    assert total(run(fleet("latency-ramp@0+1m", pods=1, rate=200), 50), used) == 25


def test_a_worker_that_keeps_up_often_finds_no_task_and_never_one_in_a_backlog() -> None:
    def runs(made: Fleet, noop: bool) -> float:
        return total(made, rf'registry_gc_runs_total\{{.*noop="{str(noop).lower()}"')

    calm = fleet(pods=1, warm=900)
    assert runs(calm, noop=True) > 0.1 * runs(calm, noop=False) > 0
    ill = run(fleet("gc-backlog@0+1h", pods=1), 60)
    before = runs(ill, noop=True)
    assert runs(run(ill, 300), noop=True) == before
    overdue = r'registry_database_rows\{query_name="gc_blob_review_queue_overdue"'
    assert total(calm, overdue) + 100 < total(ill, overdue)
