"""Each dashboard shows what it is there for: which metrics, told apart by which labels."""

from __future__ import annotations

from collections import defaultdict

import pytest

from regobs.catalog import (
    amazon,
    background_migrations,
    build_info,
    containers,
    database,
    gc,
    go_runtime,
    google_cloud,
    http,
    kubernetes,
    load_balancing,
    node,
    notifications,
    pgbouncer,
    postgresql,
    process,
    prometheus_server,
    python_runtime,
    redis,
    redis_server,
    removed,
    row_counts,
    slo,
    sql_pool,
    storage,
    targets,
)
from regobs.catalog.model import Metric
from regobs.grafana.outputs import panel_queries
from regobs.promql import infer
from tests.pack.test_dashboards import CONFIGS, PACK

Wanted = Metric | tuple[Metric, str] | tuple[Metric, str, str]  # a metric, and the labels that tell its lines apart
SERVICE = (http.REQUESTS, http.DURATION, storage.ACTIONS, database.QUERY_DURATION, gc.RUNS, redis.COMMANDS)
BUDGETS = (slo.BUDGET_REMAINING, slo.BURN_RATE("1h"))

CONTENTS: dict[tuple[str, str], tuple[Wanted, ...]] = {
    ("overview", "indicators"): (*SERVICE, notifications.EVENTS, load_balancing.TARGETS),
    ("overview", "error budgets"): BUDGETS,
    ("overview", "what runs"): ((build_info.BUILD, "version"), process.START_TIME),
    ("application-detail", "http"): ((http.REQUESTS, "route", "method"), (http.DURATION, "route", "method")),
    ("application-detail", "hosts"): (process.CPU, process.RESIDENT_MEMORY, process.OPEN_FDS, process.NETWORK_SENT),
    ("application-detail", "pods"): (kubernetes.REPLICAS_WANTED, kubernetes.POD_RESTARTS, (containers.CPU, "pod")),
    ("application-detail", "Go"): (go_runtime.GOROUTINES, go_runtime.HEAP_INUSE, go_runtime.GC_PAUSE, go_runtime.INFO),
    ("application-detail", "Python"): (python_runtime.INFO, python_runtime.GC_RUNS),
    ("storage-detail", "driver"): ((storage.ACTIONS, "action"), storage.RETRIES, storage.RATE_LIMITED),
    ("storage-detail", "blobs"): ((storage.BLOB_UPLOADS, "le"), storage.BLOB_DOWNLOADS),
    ("storage-detail", "CDN"): ((storage.CDN_REDIRECTS, "backend"), (storage.CDN_REDIRECTS, "bypass_reason")),
    ("storage-detail", "signed URLs"): (
        storage.URL_CACHE_REQUESTS,
        storage.OBJECT_ACCESSES_TOP,
        storage.OBJECT_ACCESSES,
    ),
    ("bucket-detail", "GCS"): (google_cloud.BUCKET_BYTES, google_cloud.BUCKET_OBJECTS, google_cloud.CDN_REQUESTS),
    ("bucket-detail", "S3"): (amazon.BUCKET_BYTES, amazon.BUCKET_OBJECTS, amazon.BUCKET_REQUESTS),
    ("database-detail", "queries"): ((database.QUERIES, "name"), (database.QUERY_DURATION, "name")),
    ("database-detail", "pool"): ((sql_pool.IN_USE, "host_type"), (sql_pool.IN_USE, "instance"), sql_pool.WAITS),
    ("database-detail", "replicas"): (load_balancing.TARGETS, load_balancing.POOL_STATUS, load_balancing.LAG_BYTES),
    ("database-detail", "positions"): (load_balancing.LSN_CACHE_LOOKUPS, load_balancing.LSN_CACHE_DURATION),
    ("database-detail", "size"): (postgresql.DATABASE_SIZE, postgresql.TABLE_BLOAT, postgresql.BTREE_BLOAT),
    ("postgresql-detail", "bloat"): ((postgresql.TABLE_BLOAT, "table"), (postgresql.BTREE_BLOAT, "index")),
    ("garbage-collection-detail", "queues"): ((row_counts.ROWS, "query_name"), (gc.RUNS, "worker")),
    ("garbage-collection-detail", "latencies"): ((gc.RUN_DURATION, "worker"), gc.DELETE_DURATION),
    ("garbage-collection-detail", "results"): ((gc.DELETES, "artifact"), gc.BYTES, gc.POSTPONES, gc.SLEEP),
    ("redis-detail", "client"): ((redis.COMMANDS, "exported_instance"), redis.POOL_TOTAL, redis.POOL_TIMEOUTS),
    ("redis-detail", "server"): (redis_server.UP, redis_server.MEMORY, redis_server.CLUSTER_STATE),
    ("migration-detail", "schema"): (row_counts.MIGRATIONS, row_counts.ROWS),
    ("migration-detail", "background"): ((row_counts.BBM_PROGRESS, "status"), background_migrations.JOB_DURATION),
    ("pgbouncer-detail", "pools"): (pgbouncer.CLIENTS_WAITING,),
    ("notifications-detail", "delivery"): ((notifications.DELIVERIES, "endpoint"), notifications.PENDING),
    ("slo", "budgets"): (*BUDGETS, slo.TARGET),
    ("capacity", "saturation"): (sql_pool.IN_USE, process.OPEN_FDS, node.CPU, node.FILESYSTEM_AVAILABLE),
    ("rules-health", "health"): (targets.UP, targets.SCRAPE_DURATION, prometheus_server.RULE_FAILURES),
}
OF_3_X: tuple[Wanted, ...] = (
    removed.IMPORTS,
    removed.MIGRATION_TAGS,
    removed.MIGRATION_LAYERS,
    removed.IMPORT_DURATION,
)


def shown(name: str) -> dict[str, list[tuple[frozenset[Metric], frozenset[str]]]]:
    """What each dashboard of a deployment asks: for each query the metrics, and the labels of the lines."""
    found = defaultdict(list)
    for query in panel_queries(PACK, CONFIGS[name]):
        if query.left_out is None:
            labels = infer(query.expr, CONFIGS[name].vocabulary).labels or frozenset()
            found[query.dashboard].append((query.metrics, labels))
    return found


GITLAB = shown("gitlab")


def is_shown(wanted: Wanted, asked: list[tuple[frozenset[Metric], frozenset[str]]]) -> bool:
    metric, *by = wanted if isinstance(wanted, tuple) else (wanted,)
    return any(metric in metrics and set(by) <= labels for metrics, labels in asked)


@pytest.mark.parametrize("place", CONTENTS, ids=": ".join)
def test_a_dashboard_shows_what_it_is_there_for(place: tuple[str, str]) -> None:
    assert [wanted for wanted in CONTENTS[place] if not is_shown(wanted, GITLAB[place[0]])] == []


def test_the_migrations_of_3_x_are_shown_where_the_version_has_them() -> None:
    for name, there in (("gitlab-3.60", True), ("gitlab", False)):
        asked = shown(name)["migration-detail"]
        assert [is_shown(wanted, asked) for wanted in OF_3_X] == [there] * len(OF_3_X)


def test_capacity_looks_ahead() -> None:
    texts = [query.text for query in panel_queries(PACK, CONFIGS["gitlab"]) if query.dashboard == "capacity"]
    assert sum(text.count("deriv(") for text in texts) >= 4


def test_what_is_deleted_is_counted_in_one_place() -> None:
    queries = [query for query in panel_queries(PACK, CONFIGS["gitlab"]) if gc.DELETES in query.metrics]
    assert queries
    assert all('backend="database"' in query.text for query in queries)


def test_a_metric_that_no_panel_of_a_dashboard_reads_is_not_shown() -> None:
    assert not is_shown(gc.RUNS, GITLAB["pgbouncer-detail"])
    assert not is_shown((database.QUERIES, "instance"), GITLAB["database-detail"])
