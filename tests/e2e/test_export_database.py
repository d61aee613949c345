"""`regobs export database` against a real PostgreSQL with the registry's tables, a standby, and PgBouncer."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import requests

from regobs.catalog import metadata
from regobs.catalog.compare import compare_family
from regobs.catalog.exposition import parse
from regobs.catalog.model import Flavor, Metric
from regobs.common.programs import Supervisor
from regobs.documents import load_yaml
from regobs.errors import ServerError
from regobs.exporters.database import DatabaseExporter
from regobs.exporters.database_connection import check_dsn
from regobs.exporters.database_queries import QUERIES, ROLE_SQL, DatabaseQuery, Filled
from regobs.instrument import Instruments
from tests.e2e import databases
from tests.e2e.databases import DatabaseServer

pytestmark = pytest.mark.server
SOURCES = Path(__file__).parents[2]
SCHEMA = Path(__file__).with_name("metadata_schema.sql").read_text()
CONTENT = """
INSERT INTO top_level_namespaces (name) VALUES ('alpha'), ('beta'), ('gamma');
INSERT INTO repositories (top_level_namespace_id, name, path, deleted_at) VALUES
  (1, 'a', 'alpha/a', NULL), (1, 'b', 'alpha/b', NULL), (2, 'a', 'beta/a', NULL), (3, 'a', 'gamma/a', NULL),
  (3, 'x', 'gamma/x', now());
INSERT INTO blobs (size, media_type_id, digest)
  SELECT 100 * n, 1, decode(lpad(n::text, 4, '0'), 'hex') FROM generate_series(1, 10) n;
-- alpha holds blobs 1 to 10 (5,500 bytes), blob 1 in two repositories; beta 1 to 3 (600); gamma blob 1 (100).
INSERT INTO repository_blobs (top_level_namespace_id, repository_id, blob_digest)
  SELECT 1, 1, digest FROM blobs UNION ALL SELECT 1, 2, '\\x0001'
  UNION ALL SELECT 2, 3, digest FROM blobs WHERE size <= 300 UNION ALL SELECT 3, 4, '\\x0001';
INSERT INTO gc_blob_review_queue (digest, event, review_after, review_count) VALUES
  ('\\x01', 'blob_upload', now() - interval '2 hours', 3), ('\\x02', 'blob_upload', now() - interval '1 hour', 0),
  ('\\x03', 'layer_delete', now() + interval '1 day', 0);
INSERT INTO schema_migrations SELECT n::text, now() FROM generate_series(1, 184) n;
INSERT INTO post_deploy_schema_migrations SELECT n::text, now() FROM generate_series(1, 9) n;
INSERT INTO batched_background_migrations (name, status) VALUES ('done', 2), ('stuck', 3), ('going', 4), ('next', 1);
INSERT INTO import_statistics (pre_import, tag_import, blob_import, pre_import_finished_at, tag_import_error)
  VALUES (true, true, false, now(), 'broken');
ANALYZE;
"""


@pytest.fixture
def postgresql(supervisor: Supervisor) -> DatabaseServer:
    server = databases.postgresql(supervisor, wal_level="replica")
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        for statement in CONTENT.replace("\\\\", "\\").split(";\n"):
            if statement.strip():
                connection.execute(statement.encode())
        connection.execute(ROLE_SQL.encode())
    return server


def as_role(url: str) -> str:
    return url.replace(f"{databases.USER}@", "regobs@")


class Asked:
    """An exporter whose rounds a test runs."""

    def __init__(self, dsn: str, **options: object) -> None:
        self.instruments = Instruments("gitlab", strict=True)
        self.exporter = DatabaseExporter(dsn, self.instruments, **options)  # type: ignore[arg-type]

    def round(self) -> None:
        self.exporter._due = dict.fromkeys(self.exporter._due, 0.0)
        self.exporter.run()

    def value(self, metric: Metric, **labels: str) -> float | None:
        samples = self.samples(metric)
        return next((value for found, value in samples if found == labels), None)

    def samples(self, metric: Metric) -> list[tuple[dict[str, str], float]]:
        family = parse(self.instruments.render()).families.get(metric.name)
        return [(dict(sample.labels), sample.value) for sample in family.samples] if family else []


@pytest.fixture
def asked(postgresql: DatabaseServer) -> Iterator[Asked]:
    running = Asked(as_role(postgresql.url), heavy=True, names=1)
    running.round()
    yield running
    running.exporter._disconnect()


def test_every_query_works_with_the_rights_of_the_shipped_role(asked: Asked) -> None:
    results = {labels["query"]: value for labels, value in asked.samples(metadata.QUERY_SUCCESS)}
    assert results == dict.fromkeys((*(query.name for query in QUERIES), "bloat"), 1.0)


def test_every_query_works_on_the_512_partitions_of_a_registry(postgresql: DatabaseServer) -> None:
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE wide")
    wide = postgresql.url.removesuffix("/postgres") + "/wide"
    with psycopg.connect(wide, autocommit=True) as connection:
        connection.execute("SET regobs.partitions = 64")
        connection.execute(SCHEMA)
        for statement in CONTENT.replace("\\\\", "\\").split(";\n"):
            if statement.strip():
                connection.execute(statement.encode())
        (grants,) = re.findall(r"^GRANT pg_monitor.*", ROLE_SQL, re.DOTALL | re.MULTILINE)
        connection.execute(grants.encode())
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'partitions'").fetchone()
    assert found == (512,)
    asked = Asked(as_role(wide), heavy=True)
    asked.round()
    results = {labels["query"]: value for labels, value in asked.samples(metadata.QUERY_SUCCESS)}
    tables = {labels["table"] for labels, _ in asked.samples(metadata.ROWS)}
    asked.exporter._disconnect()
    assert results == dict.fromkeys((*(query.name for query in QUERIES), "bloat"), 1.0)
    assert len(tables) == 20


def test_the_numbers_are_those_of_the_tables(asked: Asked) -> None:
    assert asked.value(metadata.QUEUE_TASKS, queue="blob", state="queued") == 3
    assert asked.value(metadata.QUEUE_TASKS, queue="blob", state="overdue") == 2
    assert asked.value(metadata.QUEUE_TASKS, queue="manifest", state="overdue") == 0
    assert asked.value(metadata.QUEUE_OLDEST, queue="blob") == pytest.approx(7200, abs=120)
    assert asked.value(metadata.QUEUE_OLDEST, queue="manifest") == 0
    assert asked.value(metadata.QUEUE_RETRIED, queue="blob") == 1
    assert asked.value(metadata.REPOSITORIES) == 4
    assert asked.value(metadata.NAMESPACES) == 3
    assert asked.value(metadata.ROWS, table="blobs") == pytest.approx(10)
    assert asked.value(metadata.ROWS, table="repository_blobs") == pytest.approx(15)
    assert (asked.value(metadata.TABLE_SIZE, table="blobs", part="indexes") or 0) > 0
    assert asked.value(metadata.BACKGROUND_MIGRATIONS, status="failed") == 1
    assert asked.value(metadata.BACKGROUND_MIGRATIONS, status="paused") == 0
    assert asked.value(metadata.BACKGROUND_MIGRATION_STATUS, migration="stuck", status="failed") == 1
    assert asked.value(metadata.BACKGROUND_MIGRATION_STATUS, migration="done", status="finished") is None
    created = asked.value(metadata.BACKGROUND_MIGRATION_CREATED, migration="stuck", status="failed")
    assert created == pytest.approx(time.time(), abs=300)
    assert asked.value(metadata.SCHEMA_MIGRATIONS, type="pre_deployment") == 184
    assert asked.value(metadata.SCHEMA_MIGRATIONS, type="post_deployment") == 9
    assert asked.value(metadata.IMPORTS, phase="tag_import", status="failed") == 1
    assert asked.value(metadata.IMPORTS, phase="pre_import", status="finished") == 1
    assert asked.value(metadata.IMPORTS, phase="blob_import", status="running") is None
    assert asked.value(metadata.REPLICA_LAG) == 0
    assert asked.value(metadata.CONNECTIONS_LIMIT) == 47
    assert (asked.value(metadata.CONNECTIONS, state="active") or 0) >= 1
    assert asked.value(metadata.STORAGE, kind="deduplicated") == 5500
    assert asked.value(metadata.STORAGE, kind="logical") == 5500 + 100 + 600 + 100


@pytest.mark.parametrize(
    ("columns", "status"),
    [
        ({}, "waiting"),
        ({"started_at": "now()"}, "running"),
        ({"started_at": "now()", "finished_at": "now()"}, "finished"),
        ({"started_at": "now()", "finished_at": "now()", "error": "'broken'"}, "failed"),
    ],
)
def test_a_phase_of_an_import_is_in_one_state(
    asked: Asked, postgresql: DatabaseServer, columns: dict[str, str], status: str
) -> None:
    names = "".join(f", blob_import_{name}" for name in columns)
    values = "".join(f", {value}" for value in columns.values())
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute(
            f"INSERT INTO import_statistics (pre_import, tag_import, blob_import{names})"  # noqa: S608
            f" VALUES (false, false, true{values})"
        )
    asked.round()
    found = {labels["status"]: value for labels, value in asked.samples(metadata.IMPORTS)}
    assert found == dict.fromkeys(("failed", "finished", "running", "waiting"), 0) | {status: 1}


def test_a_replica_that_is_cut_off_falls_behind_though_it_has_replayed_all_that_it_received(
    postgresql: DatabaseServer, supervisor: Supervisor
) -> None:
    standby = databases.standby(supervisor, postgresql, "cut_off")
    (own,) = (query.sql for query in QUERIES if query.name == "replica_lag")
    queries = load_yaml((SOURCES / "exporters/postgres-queries.yaml").read_text(), "queries").data
    lags = (own, f"SELECT replay_delay_seconds FROM ({queries['pg_replica']['query']}) q")  # noqa: S608 - ours
    with psycopg.connect(standby.url, autocommit=True) as connection:

        def behind() -> list[float]:
            return [float(connection.execute(lag.encode()).fetchall()[0][0]) for lag in lags]

        def until(holds: Callable[[], bool]) -> None:
            deadline = time.monotonic() + 60
            while not holds():
                assert time.monotonic() < deadline
                time.sleep(0.2)

        with psycopg.connect(postgresql.url, autocommit=True) as primary:
            primary.execute("INSERT INTO top_level_namespaces (name) VALUES ('new')")
            primary.execute("CHECKPOINT")
        until(lambda: behind() == [0, 0])
        connection.execute("CHECKPOINT")  # so that it replays nothing again once it is restarted
        connection.execute("ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'")
        connection.execute("SELECT pg_reload_conf()")
        until(lambda: min(behind()) > 1)
    again = databases.restarted(supervisor, standby)  # it has replayed nothing since, and knows no age
    with psycopg.connect(again.url, autocommit=True) as connection:
        assert [connection.execute(lag.encode()).fetchall() for lag in lags] == [[(None,)], [(None,)]]
    asked = Asked(again.url)
    asked.round()
    assert math.isnan(asked.value(metadata.REPLICA_LAG) or 0)
    asked.exporter._disconnect()


def test_namespaces_whose_names_are_masked_are_one_series_of_their_sum(
    asked: Asked, postgresql: DatabaseServer
) -> None:
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        for number, name in enumerate(("alpha", "beta", "gamma")):
            connection.execute(
                "UPDATE top_level_namespaces SET name = %s WHERE name = %s",
                (f"glpat-abcdefghij012345678{number}", name),
            )
    asked.round()
    assert asked.samples(metadata.NAMESPACE_REPOSITORIES) == [
        ({"namespace": "[FILTERED]"}, 2),
        ({"namespace": "other"}, 2),
    ]
    every = Asked(as_role(postgresql.url), heavy=True, names=3)
    every.round()
    assert every.samples(metadata.NAMESPACE_STORAGE) == [({"namespace": "[FILTERED]"}, 6200)]
    assert every.samples(metadata.NAMESPACE_REPOSITORIES) == [({"namespace": "[FILTERED]"}, 4)]
    every.exporter._disconnect()


def test_partitions_that_were_never_analysed_hold_as_many_rows_a_byte_as_the_others(
    asked: Asked, postgresql: DatabaseServer
) -> None:
    filled = "INSERT INTO blobs (size, media_type_id, digest) SELECT n, 1, sha256((n + %s)::text::bytea)"
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute("TRUNCATE blobs")
        connection.execute("CREATE TABLE never (id int) WITH (autovacuum_enabled = off)")
        asked.round()
        assert asked.value(metadata.ROWS, table="never") == 0  # it is empty
        connection.execute("INSERT INTO never SELECT generate_series(1, 10000)")
        asked.round()
        assert math.isnan(asked.value(metadata.ROWS, table="never") or 0)
        connection.execute(f"{filled} FROM generate_series(1, 40000) n", (0,))
        parts = connection.execute(
            "SELECT relid::regclass::text FROM pg_partition_tree('blobs') WHERE isleaf"
        ).fetchall()
        connection.execute("ANALYZE " + ", ".join(name for (name,) in parts[::2]))
        asked.round()
        assert asked.value(metadata.ROWS, table="blobs") == pytest.approx(40_000, rel=0.1)


def test_bloat_is_what_no_live_row_needs_and_a_rewrite_takes_it_away(asked: Asked, postgresql: DatabaseServer) -> None:
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO blobs (size, media_type_id, digest) SELECT n, 1, sha256(n::text::bytea)"
            " FROM generate_series(1, 40000) n"
        )
        connection.execute("DELETE FROM blobs WHERE size % 4 <> 0")  # three quarters of the rows
        connection.execute("VACUUM ANALYZE blobs")
        asked.round()
        size = asked.value(metadata.TABLE_SIZE, table="blobs", part="table") or 0
        assert (asked.value(metadata.TABLE_BLOAT, table="blobs", part="table") or 0) / size == pytest.approx(
            0.75, abs=0.1
        )
        assert (asked.value(metadata.TABLE_BLOAT, table="blobs", part="indexes") or 0) > 0
        connection.execute("VACUUM FULL ANALYZE blobs")
        asked.round()
        size = asked.value(metadata.TABLE_SIZE, table="blobs", part="table") or 0
        assert (asked.value(metadata.TABLE_BLOAT, table="blobs", part="table") or 0) / size < 0.15


def test_the_time_until_a_queue_is_drained_follows_its_pace(
    asked: Asked, postgresql: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [10_000.0]
    monkeypatch.setattr("regobs.exporters.database.monotonic", lambda: now[0])
    assert asked.value(metadata.QUEUE_DRAIN, queue="manifest") == 0
    assert asked.value(metadata.QUEUE_DRAIN, queue="blob") is None  # no pace is known yet
    asked.exporter._drains.clear()
    asked.round()
    now[0] += 900
    asked.round()
    assert asked.value(metadata.QUEUE_DRAIN, queue="blob") == float("inf")  # two overdue, then as now
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute("DELETE FROM gc_blob_review_queue WHERE digest = '\\x01'")
    now[0] += 900
    asked.round()
    assert asked.value(metadata.QUEUE_DRAIN, queue="blob") == pytest.approx(1800)  # one in half an hour, one is left


def test_only_so_many_namespaces_have_series_and_the_rest_is_other(asked: Asked) -> None:
    assert asked.value(metadata.NAMESPACE_STORAGE, namespace="alpha") == 5500
    assert asked.value(metadata.NAMESPACE_STORAGE, namespace="other") == 700
    assert len(asked.samples(metadata.NAMESPACE_STORAGE)) == 2
    assert asked.value(metadata.NAMESPACE_LOGICAL_STORAGE, namespace="alpha") == 5600  # blob 1 is in two repositories
    assert asked.value(metadata.NAMESPACE_LOGICAL_STORAGE, namespace="other") == 700
    assert asked.value(metadata.NAMESPACE_REPOSITORIES, namespace="alpha") == 2
    assert asked.value(metadata.NAMESPACE_REPOSITORIES, namespace="other") == 2


def test_what_it_exposes_is_what_the_catalog_says(asked: Asked) -> None:
    families = parse(asked.instruments.render()).families
    entries = [entry for entry in vars(metadata).values() if isinstance(entry, Metric)]
    assert {entry.name for entry in entries} - {metadata.LEADER.name} <= set(families)
    for entry in entries:
        if entry.name in families:
            assert list(compare_family(families[entry.name], entry, Flavor.GITLAB, None)) == []


def test_a_query_that_the_schema_does_not_fit_fails_alone_and_is_logged_once(
    asked: Asked, postgresql: DatabaseServer, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE gc_blob_review_queue RENAME review_count TO reviews")
        connection.execute("INSERT INTO schema_migrations VALUES ('new', now())")
    asked.round()
    asked.round()
    assert asked.value(metadata.QUERY_SUCCESS, query="gc_queues") == 0
    assert asked.value(metadata.SCHEMA_MIGRATIONS, type="pre_deployment") == 185
    told = [record for record in caplog.records if getattr(record, "query", "") == "gc_queues"]
    assert len(told) == 1
    assert "review_count" in vars(told[0])["error"]


def test_a_fault_of_the_exporter_itself_fails_the_query_alone_and_the_rounds_go_on(
    postgresql: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacks = DatabaseQuery("lacks", "SELECT 1 AS x", (Filled(metadata.NAMESPACES, "no_such_column"),))
    running = Asked(as_role(postgresql.url), queries=(lacks, *QUERIES))
    running.round()
    assert running.value(metadata.QUERY_SUCCESS, query="lacks") == 0
    assert running.value(metadata.REPOSITORIES) == 4
    run, rounds = running.exporter.run, list[int]()

    def odd() -> float:
        rounds.append(len(rounds))
        if rounds[-1] == 0:
            raise LookupError("odd")
        return run()

    monkeypatch.setattr("regobs.exporters.database._RECONNECT", 0.01)
    monkeypatch.setattr(running.exporter, "run", odd)
    running.exporter._due = dict.fromkeys(running.exporter._due, 0.0)
    running.exporter.start()
    deadline = time.monotonic() + 30
    while (len(rounds) < 2 or running.value(metadata.QUERY_SUCCESS, query="objects") != 1) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.01)
    running.exporter.stop()
    assert len(rounds) > 1
    assert running.value(metadata.QUERY_SUCCESS, query="objects") == 1


def test_series_end_when_nothing_confirmed_them_for_three_intervals(asked: Asked) -> None:
    assert asked.value(metadata.QUEUE_TASKS, queue="blob", state="queued") == 3
    asked.exporter._fresh["gc_queues"] -= 181
    asked.exporter._forget_old()
    assert asked.value(metadata.QUEUE_TASKS, queue="blob", state="queued") is None
    assert asked.value(metadata.REPOSITORIES) == 4


def test_series_end_in_time_while_another_query_runs_and_so_does_the_success_of_theirs(
    postgresql: DatabaseServer,
) -> None:
    slow = DatabaseQuery("slow", "SELECT pg_sleep(60)", (), within=60)
    often = [replace(query, every=1) for query in QUERIES if query.name in {"connections", "objects"}]
    broken = DatabaseQuery("broken", "SELECT no_such", (), every=1)
    running = Asked(as_role(postgresql.url), queries=(*often, broken, slow))
    running.exporter.start()
    while "objects" not in running.exporter._shown:
        time.sleep(0.01)
    start = time.monotonic()
    while running.value(metadata.REPOSITORIES) is not None and time.monotonic() - start < 20:
        time.sleep(0.05)
    waited = time.monotonic() - start
    time.sleep(0.2)
    success = {labels["query"]: value for labels, value in running.samples(metadata.QUERY_SUCCESS)}
    ages = {labels["query"] for labels, _ in running.samples(metadata.QUERY_LAST_SUCCESS)}
    running.exporter.stop()
    assert waited < 10
    assert success == {"broken": 0}
    assert ages == {"connections", "objects"}


def test_a_row_that_is_gone_takes_its_series_with_it(asked: Asked, postgresql: DatabaseServer) -> None:
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute("UPDATE batched_background_migrations SET status = 2 WHERE name = 'stuck'")
    asked.round()
    assert asked.value(metadata.BACKGROUND_MIGRATION_STATUS, migration="stuck", status="failed") is None
    assert asked.value(metadata.BACKGROUND_MIGRATIONS, status="finished") == 2


def test_a_slow_query_ends_at_its_time_limit_and_the_others_go_on(asked: Asked, postgresql: DatabaseServer) -> None:
    with psycopg.connect(postgresql.url) as blocking:
        blocking.execute("LOCK TABLE repositories IN ACCESS EXCLUSIVE MODE")
        asked.exporter._queries = [replace(query, within=0.3) for query in asked.exporter._queries]
        start = time.monotonic()
        asked.round()
        assert time.monotonic() - start < 10
    assert asked.value(metadata.QUERY_SUCCESS, query="objects") == 0
    assert asked.value(metadata.QUERY_SUCCESS, query="connections") == 1


def test_the_database_may_go_and_come_back_and_no_password_is_told(
    postgresql: DatabaseServer, supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    del supervisor
    dsn = as_role(postgresql.url).replace("regobs@", "regobs:secret-of-role@")
    running = Asked(dsn)
    running.round()
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'regobs'")
    running.round()
    lost = running.value(metadata.QUERY_SUCCESS, query="gc_queues")
    running.round()
    back = running.value(metadata.QUERY_SUCCESS, query="gc_queues")
    running.exporter._disconnect()
    assert (lost, back) == (0, 1)
    wrong = Asked(dsn.replace(str(postgresql.port), "1"))
    wrong.round()
    assert wrong.value(metadata.QUERY_SUCCESS, query="gc_queues") == 0
    assert "secret-of-role" not in str([vars(record) for record in caplog.records])


def test_after_a_lost_connection_each_query_shows_how_it_last_went_and_one_that_it_ended_is_asked_again_soon(
    asked: Asked,
) -> None:
    asked.round()
    connection = asked.exporter._connection
    assert connection is not None
    connection.execute("SELECT 1")
    asked.exporter._lost(psycopg.OperationalError("gone"))
    assert {value for _, value in asked.samples(metadata.QUERY_SUCCESS)} == {0.0}
    asked.exporter.run()  # nothing is due
    assert {value for _, value in asked.samples(metadata.QUERY_SUCCESS)} == {1.0}
    storage = next(query for query in QUERIES if query.name == "tables")
    assert asked.exporter._connection is not None
    asked.exporter._connection.close()
    asked.exporter._due[storage.name] = 0.0
    asked.exporter._ask(storage)
    assert asked.exporter._due[storage.name] - time.monotonic() <= 60
    asked.exporter.run()
    failed = {labels["query"] for labels, value in asked.samples(metadata.QUERY_SUCCESS) if value == 0.0}
    assert failed == {storage.name}


def test_one_that_does_not_lead_shows_no_success_of_queries(postgresql: DatabaseServer) -> None:
    first, second = (Asked(as_role(postgresql.url), leader=True) for _ in range(2))
    first.round()
    second.exporter._fail_all()  # as where it could not connect
    second.round()
    assert not list(second.samples(metadata.QUERY_SUCCESS))
    assert {value for _, value in first.samples(metadata.QUERY_SUCCESS)} == {1.0}
    for one in (first, second):
        one.exporter._disconnect()


def test_of_two_exporters_only_the_leader_asks_and_the_other_takes_its_place(postgresql: DatabaseServer) -> None:
    first, second = (Asked(as_role(postgresql.url), leader=True) for _ in range(2))
    with ExitStack() as stack:
        for one in (first, second):
            stack.callback(one.exporter._disconnect)
        for _ in range(2):
            first.round()
            second.round()
        assert (first.value(metadata.LEADER), second.value(metadata.LEADER)) == (1, 0)
        assert second.value(metadata.REPOSITORIES) is None
        first.exporter._disconnect()
        deadline = time.monotonic() + 20
        while second.value(metadata.LEADER) == 0 and time.monotonic() < deadline:
            second.round()  # the server gives the lock back when it has ended the session
        assert second.value(metadata.LEADER) == 1
        assert second.value(metadata.REPOSITORIES) == 4


def test_a_leader_that_loses_its_connection_leads_no_more_though_it_cannot_come_back(
    postgresql: DatabaseServer,
) -> None:
    one = Asked(as_role(postgresql.url), leader=True)
    one.exporter.start()
    deadline = time.monotonic() + 60
    while not one.exporter.ready and time.monotonic() < deadline:
        time.sleep(0.05)
    assert one.value(metadata.LEADER) == 1
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute("ALTER ROLE regobs NOLOGIN")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'regobs'")
    start = time.monotonic()
    while one.value(metadata.LEADER) == 1 and time.monotonic() - start < 30:
        time.sleep(0.05)
    waited = time.monotonic() - start
    time.sleep(6)  # another attempt to connect
    shown = one.value(metadata.LEADER)
    one.exporter.stop()
    assert (waited < 4, shown) == (True, 0)
    never = Asked(as_role(postgresql.url), leader=True)
    never.round()
    assert never.value(metadata.LEADER) == 0


def test_no_leader_is_chosen_through_a_pooler_and_both_log_and_check_say_why(
    postgresql: DatabaseServer, supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    bouncer = databases.pgbouncer(supervisor, postgresql)
    running = Asked(bouncer.url, leader=True)
    running.round()
    assert running.value(metadata.LEADER) == 0
    assert running.value(metadata.REPOSITORIES) is None
    assert not running.exporter.ready
    running.exporter._disconnect()
    (told,) = [vars(record) for record in caplog.records]
    assert told["msg"].startswith("no leader is chosen")
    assert "pooler" in told["error"]
    assert "take off --leader" in told["next_step"]
    with psycopg.connect(postgresql.url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)
    with pytest.raises(ServerError, match="pooler"):
        check_dsn(bouncer.url, leader=True)
    check_dsn(bouncer.url, leader=False)
    check_dsn(postgresql.url, leader=True)


def test_it_works_through_pgbouncer_in_transaction_mode(postgresql: DatabaseServer, supervisor: Supervisor) -> None:
    bouncer = databases.pgbouncer(supervisor, postgresql)
    running = Asked(bouncer.url)
    for _ in range(2):
        running.round()
    assert running.value(metadata.REPOSITORIES) == 4
    assert {value for _, value in running.samples(metadata.QUERY_SUCCESS)} == {1.0}
    running.exporter._disconnect()


def test_the_command_serves_and_ends_in_order(postgresql: DatabaseServer, tmp_path: Path) -> None:
    file = tmp_path / "dsn"
    file.write_text(as_role(postgresql.url))
    command = [sys.executable, "-m", "regobs", "export", "database", "--dsn-file", str(file)]
    assert subprocess.run([*command, "--check-config"], check=False, capture_output=True).returncode == 0
    with subprocess.Popen([*command, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        deadline = time.monotonic() + 120
        exposed = ""
        while "registry_metadata_repositories 4" not in exposed and time.monotonic() < deadline:
            exposed = requests.get(address, timeout=30).text
            time.sleep(0.1)
        with psycopg.connect(postgresql.url) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'regobs'"
            ).fetchone()
        process.terminate()
    assert "registry_metadata_repositories 4" in exposed
    assert row == (1,)
    assert process.returncode == 0
    file.write_text("postgresql://regobs:hidden@127.0.0.1:1/none")
    refused = subprocess.run([*command, "--check-config"], check=False, capture_output=True, text=True)
    assert refused.returncode == 3
    assert "hidden" not in refused.stderr


@pytest.mark.parametrize("pooled", [False, True])
def test_the_command_cancels_its_query_when_it_is_told_to_end(
    postgresql: DatabaseServer, supervisor: Supervisor, tmp_path: Path, pooled: bool
) -> None:
    file = tmp_path / "dsn"
    server = databases.pgbouncer(supervisor, postgresql) if pooled else postgresql
    file.write_text(as_role(server.url))
    command = [sys.executable, "-m", "regobs", "export", "database", "--dsn-file", str(file), "--heavy"]
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with psycopg.connect(postgresql.url) as blocking, psycopg.connect(postgresql.url, autocommit=True) as looking:
        blocking.execute("LOCK TABLE repository_blobs IN ACCESS EXCLUSIVE MODE")
        with subprocess.Popen([*command, "--listen", "127.0.0.1:0"], **streams) as process:  # type: ignore[call-overload]
            deadline = time.monotonic() + 60
            while looking.execute(waits).fetchone() != (1,) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert looking.execute(waits).fetchone() == (1,)
            start = time.monotonic()
            process.terminate()
            _, said = process.communicate(timeout=60)
        assert time.monotonic() - start < 5
        assert looking.execute(waits).fetchone() == (0,)
    assert process.returncode == 0
    assert "failed" not in said
