"""Every panel about PostgreSQL, PgBouncer, Redis and hosts, on the real servers and their exporters under load."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import psycopg
import pytest
import redis as redis_client

from regobs.catalog import METRICS, postgresql
from regobs.catalog.exposition import ParsedFamily, parse
from regobs.catalog.model import Capability, Exposer, Flavor
from regobs.common.programs import Supervisor, local_session
from regobs.config import Config
from regobs.demo import servers
from regobs.demo.servers import LocalServer
from regobs.grafana import panel_queries
from tests.e2e import databases
from tests.e2e.conftest import require
from tests.e2e.databases import DatabaseServer
from tests.e2e.pgbouncer_stub import PgbouncerExporter
from tests.e2e.test_panels_live import PACK, ROOT, check, scraping, settle

pytestmark = pytest.mark.server

BESIDE = {
    Exposer.POSTGRES: (Capability.POSTGRES_EXPORTER, Capability.POSTGRES_QUERIES),
    Exposer.PGBOUNCER: (Capability.PGBOUNCER_EXPORTER,),
    Exposer.REDIS: (Capability.REDIS_EXPORTER,),
    Exposer.NODE: (Capability.NODE_EXPORTER,),
}
CONFIG = Config(
    flavor=Flavor.GITLAB,
    # The dashboard of Redis is that of a registry that uses it.
    capabilities=frozenset({Capability.REDIS, *(one for needed in BESIDE.values() for one in needed)}),
)
QUERIES = ROOT / "exporters" / "postgres-queries.yaml"
PARTITIONS, ROWS = 4, 20_000


def make_tables(url: str) -> None:
    """A table in partitions, as the registry has them, with rows that are dead."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE blobs (id bigint NOT NULL, digest text) PARTITION BY HASH (id)")
        for number in range(PARTITIONS):
            part = f"FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
            connection.execute(f"CREATE TABLE blobs_p_{number} PARTITION OF blobs {part}".encode())
        connection.execute("CREATE INDEX blobs_id ON blobs (id)")
        connection.execute("INSERT INTO blobs SELECT i, repeat('x', 64) FROM generate_series(1, %s) AS i", (ROWS,))
        connection.execute("DELETE FROM blobs WHERE id % 2 = 0")
        connection.execute("ANALYZE")


def use(bouncer: DatabaseServer, caches: list[DatabaseServer], stop: threading.Event) -> None:
    """Queries through PgBouncer and commands to Redis until it is time to stop."""
    with ExitStack() as stack:
        connection = stack.enter_context(psycopg.connect(bouncer.url, prepare_threshold=None))
        clients = [stack.enter_context(redis_client.Redis(port=cache.port)) for cache in caches]
        number = 0
        while not stop.wait(0.02):
            number += 1
            with connection.transaction():
                connection.execute("UPDATE blobs SET digest = 'y' WHERE id = %s", (number % ROWS,))
                connection.execute("SELECT pg_sleep(0.005)")
            for client in clients:
                with suppress(redis_client.ResponseError):  # a new cluster does not serve yet
                    client.set(f"key {number % 100}", "value", ex=60)
                    client.get(f"key {number % 200}")
                    client.incr(f"key {number % 100}")  # fails: the value is no number


@contextmanager
def working(bouncer: DatabaseServer, caches: list[DatabaseServer]) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=use, args=(bouncer, caches, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@dataclass(frozen=True)
class World:
    """Databases at work: the Prometheus that scrapes their exporters, and what these expose."""

    url: str
    families: Mapping[Exposer, Mapping[str, ParsedFamily]]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    require("prometheus", package="prometheus")
    with Supervisor() as supervisor:
        database = databases.postgresql(supervisor)
        make_tables(database.url)
        databases.standby(supervisor, database, "replica")
        bouncer = databases.pgbouncer(supervisor, database)
        cache = databases.redis(supervisor, "--maxmemory", "64mb")
        replica = databases.redis(supervisor, "--replicaof", f"127.0.0.1 {cache.port}")
        cluster = databases.redis(supervisor, "--cluster-enabled", "yes")
        with redis_client.Redis(port=cluster.port) as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        postgres = databases.postgres_exporter(supervisor, database, f"--extend.query-path={QUERIES}")
        redis = [databases.redis_exporter(supervisor, one) for one in (replica, cluster, cache)]
        node = databases.node_exporter(supervisor)
        with working(bouncer, [cache, cluster]), PgbouncerExporter(bouncer.url) as pools:
            targets = scraping(*(one.address for one in (postgres, *redis, node)), pools.address)
            server = servers.prometheus(supervisor, targets)
            settle(server.url)
            families = {Exposer.POSTGRES: read(postgres), Exposer.NODE: read(node), Exposer.REDIS: read(*redis)}
            families[Exposer.PGBOUNCER] = parse(pools.exposition()).families
            yield World(server.url, families)


def read(*exporters: LocalServer) -> Mapping[str, ParsedFamily]:
    """What one kind of exporter exposes of several servers: each family of the last that has it."""
    with local_session() as session:
        found = [parse(session.get(f"{one.url}/metrics", timeout=10).content).families for one in exporters]
    return {name: family for families in found for name, family in families.items()}


def test_every_panel_has_data_on_real_databases(world: World) -> None:
    shown = [query for query in panel_queries(PACK, CONFIG) if query.left_out is None]
    queries = [query for query in shown if {metric.exposer for metric in query.metrics} <= BESIDE.keys()]
    assert len(queries) > 90
    check(world.url, CONFIG, queries)


# That of PgBouncer is a stub with the names of the real one's source.
@pytest.mark.parametrize("exposer", [Exposer.POSTGRES, Exposer.REDIS, Exposer.NODE, Exposer.PGBOUNCER])
def test_an_exporter_exposes_what_the_catalog_says(world: World, exposer: Exposer) -> None:
    families = world.families[exposer]
    expected, found = {}, {}
    for metric in METRICS.values():
        if metric.exposer is exposer:
            form = metric.form(Flavor.GITLAB)
            assert form is not None
            expected[metric.name] = (metric.kind.value, {frozenset(label.exposed for label in form.labels)})
            family = families.get(metric.name)
            found[metric.name] = family and (family.kind, {frozenset(sample.labels) for sample in family.samples})
    assert len(expected) > 10
    assert found == expected


def test_a_closed_label_of_a_database_has_no_other_values(world: World) -> None:
    families = world.families[Exposer.POSTGRES]
    for metric in (postgresql.CONNECTIONS, postgresql.LONGEST_TRANSACTION, postgresql.LOCKS):
        closed = [label for label in metric.forms[0].labels if label.values is not None]
        assert closed
        for label in closed:
            values = {sample.labels[label.name] for sample in families[metric.name].samples}
            assert values <= set(label.values or ())


def test_the_queries_count_the_partitions_of_a_table_as_one_table(world: World) -> None:
    families = world.families[Exposer.POSTGRES]
    of_blobs = {
        metric: [sample.value for sample in families[metric.name].samples if sample.labels["table"] == "blobs"]
        for metric in (postgresql.DEAD_ROWS, postgresql.TABLE_SIZE, postgresql.TABLE_BLOAT)
    }
    [[dead], [size], [bloat]] = of_blobs.values()
    assert {sample.labels["table"] for sample in families[postgresql.TABLE_SIZE.name].samples} == {"blobs"}
    assert dead >= ROWS / 2
    assert 0.3 < bloat / size < 0.8  # half of the rows were deleted


def test_the_queries_tell_how_much_of_a_b_tree_is_bloat(world: World) -> None:
    families = world.families[Exposer.POSTGRES]
    [size], [bloat] = (families[one.name].samples for one in (postgresql.BTREE_SIZE, postgresql.BTREE_BLOAT))
    assert (size.labels["table"], size.labels["index"]) == ("blobs", "blobs_id")  # its partitions as one
    # half of the rows were deleted; they had been inserted in the order of the keys
    assert 0.4 < bloat.value / size.value < 0.6
