"""A PostgreSQL, its standby, an exporter on each: the panels about replicas tell which is which and how far behind."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg
import pytest

from regobs.catalog import postgresql
from regobs.catalog.model import Capability, Flavor
from regobs.common.programs import Supervisor
from regobs.config import Config
from regobs.demo import servers
from regobs.grafana import PanelQuery, panel_queries
from regobs.prometheus import Prometheus
from tests.e2e import databases
from tests.e2e.conftest import require
from tests.e2e.databases import DatabaseServer
from tests.e2e.test_panels_databases import QUERIES
from tests.e2e.test_panels_live import PACK, as_asked, check, scraping

pytestmark = pytest.mark.server

CONFIG = Config(
    flavor=Flavor.GITLAB,
    capabilities=frozenset({Capability.POSTGRES_EXPORTER, Capability.POSTGRES_QUERIES}),
)
ABOUT_REPLICAS = {
    *(postgresql.IS_REPLICA, postgresql.REPLAY_DELAY, postgresql.CONFLICTS),
    *(postgresql.SLOT_ACTIVE, postgresql.SLOT_LAG),
}
SLOT = "follower"
CANCELLED = "PostgreSQL queries cancelled on replicas"


@dataclass(frozen=True)
class Pair:
    """A primary at work, its standby, and the Prometheus that scrapes an exporter on each, by their addresses."""

    primary: DatabaseServer
    standby: DatabaseServer
    prometheus: Prometheus
    on_primary: str
    on_standby: str

    def shown(self, title: str) -> dict[str, float]:
        """What a panel shows now, by the address of the exporter."""
        [query] = [one for one in questions() if one.title == title]
        samples = self.prometheus.query(as_asked(query.text)).samples
        return {sample.labels.get("instance", ""): sample.value for sample in samples}


def questions() -> list[PanelQuery]:
    queries = [query for query in panel_queries(PACK, CONFIG) if query.left_out is None]
    return [query for query in queries if query.metrics & ABOUT_REPLICAS]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    require("prometheus", package="prometheus")
    with Supervisor() as supervisor:
        primary = databases.postgresql(supervisor)
        with psycopg.connect(primary.url) as connection:
            connection.execute("CREATE TABLE blobs (id bigint, digest text)")
        standby = databases.standby(supervisor, primary, SLOT, max_standby_streaming_delay="1s")
        exporters = [
            databases.postgres_exporter(supervisor, one, f"--extend.query-path={QUERIES}") for one in (primary, standby)
        ]
        server = servers.prometheus(supervisor, scraping(*(one.address for one in exporters)))
        with writing(primary), Prometheus(server.url) as prometheus:
            made = Pair(primary, standby, prometheus, *(one.address for one in exporters))
            wait(lambda: made.shown(CANCELLED).keys() == {made.on_primary, made.on_standby})
            yield made


@contextmanager
def writing(primary: DatabaseServer) -> Iterator[None]:
    """Rows come and go until the end."""
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(primary.url, autocommit=True) as connection:
            while not stop.wait(0.05):
                connection.execute("INSERT INTO blobs SELECT i, 'x' FROM generate_series(1, 100) AS i")
                connection.execute("DELETE FROM blobs")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def wait(look: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not look():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.25)


def test_every_panel_about_replicas_has_data_and_tells_the_replica_from_the_primary(pair: Pair) -> None:
    assert {query.title for query in questions()} == {
        *(
            "PostgreSQL replicas",
            "PostgreSQL replay delay",
            "WAL retained by slots",
            "Replication slot active",
            CANCELLED,
        )
    }
    check(pair.prometheus.url, CONFIG, questions())
    assert pair.shown("PostgreSQL replicas") == {"": 1}
    assert pair.shown("Replication slot active") == {pair.on_primary: 1}


def test_a_replica_that_stops_to_replay_falls_behind_and_catches_up(pair: Pair) -> None:
    with psycopg.connect(pair.standby.url, autocommit=True) as follower:
        follower.execute("SELECT pg_wal_replay_pause()")
        wait(lambda: pair.shown("PostgreSQL replay delay")[pair.on_standby] > 2)
        assert pair.shown("PostgreSQL replay delay")[pair.on_primary] == 0
        with suppress(psycopg.errors.SerializationFailure):  # what is replayed then may cancel this very query
            follower.execute("SELECT pg_wal_replay_resume()")
    wait(lambda: pair.shown("PostgreSQL replay delay")[pair.on_standby] < 1)


def test_a_query_that_the_primary_takes_the_rows_from_is_counted_as_cancelled(pair: Pair) -> None:
    def cancelled() -> float:
        name = f'{postgresql.CONFLICTS.name}{{instance="{pair.on_standby}",datname="postgres"}}'
        return pair.prometheus.query(name).samples[0].value

    before = cancelled()
    with psycopg.connect(pair.standby.url) as follower:
        follower.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        follower.execute("SELECT count(*) FROM blobs")
        with psycopg.connect(pair.primary.url, autocommit=True) as connection:
            connection.execute("VACUUM blobs")
        with pytest.raises(psycopg.errors.SerializationFailure):
            follower.execute("SELECT pg_sleep(10)")
    wait(lambda: cancelled() > before)
    wait(lambda: pair.shown(CANCELLED)[pair.on_standby] > 0)
    assert pair.shown(CANCELLED)[pair.on_primary] == 0


def test_a_slot_that_nobody_reads_any_more_keeps_more_and_more(pair: Pair) -> None:
    pair.standby.process.signal(signal.SIGINT)  # a fast shutdown
    wait(lambda: pair.shown("Replication slot active")[pair.on_primary] == 0)
    kept = pair.shown("WAL retained by slots")[pair.on_primary]
    wait(lambda: pair.shown("WAL retained by slots")[pair.on_primary] > kept + 100_000)
