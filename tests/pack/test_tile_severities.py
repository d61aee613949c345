"""The checks of the Overview's tiles are as severe as alerts: critical where one pages, a warning for a ticket."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from regobs.grafana.panels import Tile
from regobs.promql.nodes import Binary, Call, Expr, Number
from regobs.promql.walk import walk
from tests.pack.rule_trial import alerts
from tests.pack.test_panels import PANELS

# The alerts of the cause of each check. A check without one is of what no alert is about in the same words.
ALERTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "HTTP": {
        "no scrape target": ("RegistryTargetMissing",),
        "instances down": ("RegistryDown", "RegistryTargetDown"),
        "instances restart": ("RegistryRestarting",),
        "health check fails": ("RegistryHealthCheckFails",),
        "probe step fails": ("RegistryProbeStepFails",),
        "blackbox probe fails": ("RegistryUnreachable",),
        "requests refused": ("RegistryRefusesRequests", "RegistryUnreachable", "RegistryProbeSuccessOld"),
        "requests stopped": ("RegistryRequestsStopped", "RegistryNoTraffic"),
        "requests hang": ("RegistryRequestsHang", "RegistryUploadsHang"),
        "route fails": ("RegistryRouteFails",),
        "server errors": ("RegistryAvailabilityBurn",),
        "server errors in the access log": ("RegistryRefusesRequests",),
        "blob downloads fail": ("RegistryRouteFails",),
        "latency": ("RegistryLatencyBurn",),
        "requests ceased": ("RegistryTrafficCeased",),
    },
    "Storage": {
        "uploads fail": ("RegistryUploadsFail",),
        "rate limited": ("RegistryStorageRateLimited",),
        "retries": ("RegistryStorageRetries",),
        "latency": ("RegistryStorageSlow",),
    },
    "Database": {
        "PostgreSQL down": ("RegistryDatabaseDown",),
        "PostgreSQL hangs": ("RegistryDatabaseHangs",),
        "PgBouncer down or paused": ("RegistryPgbouncerDown", "RegistryPgbouncerPaused"),
        "no connection to the primary": ("RegistryDatabaseDown",),
        "connection pool full": ("RegistryDatabasePoolSaturated",),
        "PostgreSQL standby down": ("RegistryPostgresqlStandbyDown",),
        "no data of postgres_exporter": ("RegistryPostgresqlExporterDown",),
        "one postgres_exporter gone": ("RegistryPostgresqlExporterDown",),
        "requests wait for a connection": ("RegistryDatabasePoolWaits",),
        "replica quarantined": ("RegistryReplicaQuarantined", "RegistryReplicasQuarantined"),
        "query latency": (),
        "reads on the primary": ("RegistryReadsOnPrimary",),
    },
    "Garbage collection": {
        "no row counts": ("RegistryRowCountsMissing",),
        "runs fail": ("RegistryGarbageRunsFail",),
        "tasks overdue": ("RegistryGarbageQueueGrowing",),
    },
    "Redis": {
        "rate limiter without connection": ("RegistryRateLimiterUnreachable",),
        "rate limiter without answer": ("RegistryRateLimiterUnreachable",),
        "Redis down": ("RegistryRedisDown",),
        "no data of redis_exporter": ("RegistryRedisExporterDown",),
        "no connection": ("RegistryRedisUnreachable",),
        "pool timeouts": ("RegistryRedisPoolTimeouts",),
        "latency": ("RegistryRedisSlow",),
    },
    "Notifications": {
        "events lost": ("RegistryNotificationsLost",),
        "events dropped": ("RegistryNotificationsDropped",),
        "events waiting": ("RegistryNotificationsStuck",),
        "events waiting in the queue": ("RegistryNotificationsStuck",),
    },
    "Hosts": {
        "disk space": ("RegistryDiskFull",),
        "disk read-only": ("RegistryDiskReadOnly",),
        "registry starved of CPU": ("RegistryStarvedOfCpu",),
        "no data of node_exporter": ("RegistryNodeExporterDown",),
        "CPU": ("RegistryCpuSaturated",),
        "inodes": ("RegistryInodesRunOut",),
        "memory": ("RegistryMemoryLow",),
    },
}
# What pages about the monitoring has no tile of the registry.
ELSEWHERE = {"RegistryAlertmanagerUnreachable", "RegistryNotificationsToPeopleFail"}
SEVERE = {"page": 2, "ticket": 1}


def highest_level(expr: Expr) -> int:
    """The highest level that a check can give, as it is built: `bool` comparisons that are added up or weighed."""
    compared = [node for node in walk(expr) if isinstance(node, Binary) and node.bool]
    weighed = [node.left for node in walk(expr) if isinstance(node, Binary) and node.op == "*"]
    levels = [int(one.value) for one in weighed if isinstance(one, Number) and one.value > 1]
    vectors = (node.args[0] for node in walk(expr) if isinstance(node, Call) and node.function == "vector")
    given = [int(one.value) for one in vectors if isinstance(one, Number)]
    added = any(
        isinstance(node, Binary) and node.op == "+" and {node.left, node.right} <= set(compared) for node in walk(expr)
    )
    return max([*levels, *given, 2 if added else 1])


CHECKS = [
    (panel.title, named, expr) for _, panel in PANELS if isinstance(panel, Tile) for named, expr in panel.choices[0]
]


def severities() -> dict[str, int]:
    found = {name: SEVERE.get(rule["labels"]["severity"], 0) for name, (_, rule) in alerts().items()}
    return {**found, "RegistryAvailabilityBurn": 2, "RegistryLatencyBurn": 2}  # of what clients feel


@pytest.mark.parametrize(("tile", "named", "expr"), CHECKS, ids=[f"{tile}: {named}" for tile, named, _ in CHECKS])
def test_a_check_of_a_tile_is_as_severe_as_the_alert_of_the_same_cause(tile: str, named: str, expr: Expr) -> None:
    told = ALERTS[tile][named]
    wanted = max((severities()[name] for name in told), default=1)
    assert highest_level(expr) == wanted


def test_each_alert_that_pages_has_a_check_on_a_tile() -> None:
    checked = {name for checks in ALERTS.values() for told in checks.values() for name in told}
    paging = {name for name, severity in severities().items() if severity == SEVERE["page"]}
    assert paging - checked - ELSEWHERE == set()
    assert {(tile, named) for tile, named, _ in CHECKS} == {(tile, named) for tile in ALERTS for named in ALERTS[tile]}
