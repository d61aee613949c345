"""Faults of real servers fire the alerts that name them: a registry, PostgreSQL with a standby, PgBouncer, Redis.

Debian's servers with their exporters, a real Prometheus, and the pack's rules with all times divided by 60. Each alert
is silent before its fault, fires in it, and ends after the repair. PgBouncer's exporter alone is a stub, which asks the
real PgBouncer (Debian has no exporter with the names of the Prometheus community's).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis as redis_client

from regobs import slo
from regobs.build import build_files, write_atomically
from regobs.common.programs import Supervisor, free_port
from regobs.config import read_config
from regobs.demo import servers
from regobs.demo.client import RegistryClient
from regobs.demo.faults import VanishedDirectory
from regobs.demo.shortened import rules_config, shorten_config, shorten_files, shorten_flags
from regobs.demo.traffic import TrafficMix, first_round, images
from regobs.pack import find_pack
from regobs.prometheus import Prometheus
from tests.e2e import databases
from tests.e2e.conftest import require
from tests.e2e.databases import DatabaseServer
from tests.e2e.pgbouncer_stub import PgbouncerExporter

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.timeout(280)]

PATIENCE = 60.0  # seconds for one state
# What each alert is fired by.
SATURATED = {
    "RegistryRedisMemoryNearLimit": "more is written to Redis than it has memory for",
    "RegistryRedisEvicts": "more is written to Redis than it has memory for",
    "RegistryRedisClientsNearLimit": "12 clients stay at a Redis that accepts 14",
    "RegistryRedisReplicaDisconnected": "the primary of a Redis replica is killed",
    "RegistryPostgresqlConnectionsNearLimit": "24 of 26 connections of PostgreSQL are in use",
    "RegistryPostgresqlDeadlocks": "8 deadlocks in PostgreSQL",
    "RegistryPostgresqlReplicaLags": "a standby replays nothing while rows are written",
    "RegistryPgbouncerClientsWait": "a client keeps the only connection of a pool",
    "RegistryPgbouncerPoolFull": "a client keeps the only connection of a pool",
    "RegistryUploadsFail": "the directory of docker-registry's storage is gone",
    "RegistryAvailabilityBurn": "the directory of docker-registry's storage is gone",
}
# The exporter of a PostgreSQL that is gone tries again for longer than a scrape of one second may take; with usual
# scrapes it says `pg_up 0`, as in the recorded outages of tests/pack.
GONE = {
    "RegistryPostgresqlExporterDown": "PostgreSQL is killed, its exporter answers late",
    "RegistryPgbouncerDown": "PgBouncer is killed",
    "RegistryRedisDown": "Redis is killed",
    "RegistryNodeExporterDown": "the node exporter is killed",
    "RegistryDown": "docker-registry is killed",
    "RegistryUnreachable": "docker-registry is killed",
}
GONE_LATER = {"RegistryRedisExporterDown": "the exporter of Redis is killed"}
# Its primary is not started again; a burn remembers for an hour.
LASTING = {"RegistryRedisReplicaDisconnected", "RegistryAvailabilityBurn"}
HELD = 24  # connections that somebody keeps open, of 26 that PostgreSQL accepts


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that can be broken; `prometheus` is asked what fires."""

    registry: servers.RegistryServer
    database: DatabaseServer
    standby: DatabaseServer
    bouncer: DatabaseServer
    cache: DatabaseServer
    primary_cache: DatabaseServer
    node: servers.LocalServer
    cache_exporter: servers.LocalServer
    prometheus: Prometheus

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        samples = self.prometheus.query('ALERTS{alertstate="firing"}').samples
        return {sample.labels["alertname"] for sample in samples}

    def wait_for(self, alerts: AbstractSet[str], since: float) -> dict[str, float]:
        """Until each of these has fired: how many seconds after `since`."""
        found: dict[str, float] = {}
        deadline = time.monotonic() + PATIENCE
        while left := alerts - found.keys():
            assert time.monotonic() < deadline, f"silent: {sorted(left)}"
            found |= dict.fromkeys(left & self.firing(), time.monotonic() - since)
            time.sleep(0.3)
        return found

    def wait_for_silence(self, alerts: AbstractSet[str], since: float) -> dict[str, float]:
        """Until none of these fires: how many seconds after `since`."""
        found: dict[str, float] = {}
        deadline = time.monotonic() + PATIENCE
        while left := alerts & self.firing():
            assert time.monotonic() < deadline, f"firing: {sorted(left)}"
            found |= dict.fromkeys(alerts - left - found.keys(), time.monotonic() - since)
            time.sleep(0.3)
        return found | dict.fromkeys(alerts - found.keys(), time.monotonic() - since)


CONFIG = """
[registry]
flavor = "distribution"
capabilities = ["probe", "postgres_exporter", "pgbouncer_exporter", "redis_exporter", "node_exporter"]
[prometheus]
targets = ["{registry}"]
probes = ["{url}/v2/"]
alertmanagers = []
[prometheus.exporters]
blackbox_exporter = ["{blackbox}"]
postgres_exporter = ["{postgres}"]
pgbouncer_exporter = ["{pgbouncer}"]
redis_exporter = ["{redis}", "{replica}"]
node_exporter = ["{node}"]
"""


@pytest.fixture
def deployment(supervisor: Supervisor, tmp_path: Path) -> Iterator[Deployment]:
    with running(supervisor, tmp_path) as found:
        yield found


@contextmanager
def running(supervisor: Supervisor, directory: Path) -> Iterator[Deployment]:
    """The servers, their exporters and a Prometheus with the rules."""
    for names in (("docker-registry", "registry"), ("prometheus",), ("prometheus-blackbox-exporter",)):
        require(*names, package=names[0])
    registry = servers.docker_registry(supervisor)
    database = databases.postgresql(supervisor, max_connections=str(HELD + 2), deadlock_timeout="50ms")
    standby = databases.standby(supervisor, database, "standby", max_connections=str(HELD + 2))
    bouncer = databases.pgbouncer(supervisor, database, pool_size=1)
    cache = databases.redis(supervisor, "--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru")
    primary_cache = databases.redis(supervisor)
    replica = databases.redis(supervisor, "--replicaof", f"127.0.0.1 {primary_cache.port}")
    node, cache_exporter = databases.node_exporter(supervisor), databases.redis_exporter(supervisor, cache)
    replica_exporter = databases.redis_exporter(supervisor, replica)
    with PgbouncerExporter(bouncer.url) as pools:
        text = CONFIG.format(
            registry=registry.debug_address,
            url=registry.url,
            blackbox=blackbox(supervisor),
            postgres=databases.postgres_exporter(supervisor, database).address,
            pgbouncer=pools.address,
            redis=cache_exporter.address,
            replica=replica_exporter.address,
            node=node.address,
        )
        config = shorten_config(read_config(text, directory / "regobs.toml"))
        rules = slo.files(find_pack(), rules_config(config))
        write_atomically(directory / "build", shorten_files({**build_files(config, find_pack()), **rules}))
        server = servers.prometheus(supervisor, directory / "build/prometheus/scrape.yaml", flags=shorten_flags())
        with Prometheus(server.url) as prometheus:
            yield Deployment(
                *(registry, database, standby, bouncer, cache, primary_cache, node, cache_exporter, prometheus)
            )


def blackbox(supervisor: Supervisor) -> str:
    """The address of Debian's blackbox exporter with the pack's module."""
    program = require("prometheus-blackbox-exporter", package="prometheus-blackbox-exporter")
    address = f"127.0.0.1:{free_port()}"
    module = Path(__file__).parents[2] / "exporters/blackbox.yaml"
    process = supervisor.start("blackbox", [program, f"--config.file={module}", f"--web.listen-address={address}"])
    supervisor.wait_until_ready(process, f"http://{address}/metrics")
    return address


def test_real_faults_fire_the_alerts_that_name_them(deployment: Deployment) -> None:
    fired, ended = provoke(deployment)
    assert fired.keys() == SATURATED.keys() | GONE.keys() | GONE_LATER.keys()
    assert ended.keys() == SATURATED.keys() - LASTING


def provoke(deployment: Deployment) -> tuple[dict[str, float], dict[str, float]]:
    """Saturate everything, then kill it: seconds after which each alert fired, and ended where it was repaired."""
    pictures = images("alerts", 100_000)
    with RegistryClient(deployment.registry.url) as client:
        first_round(client, pictures, lambda _: None)
    with TrafficMix(deployment.registry.url, pictures):
        working(deployment)
        deployment.wait_for_silence(SATURATED.keys() | GONE.keys() | GONE_LATER.keys(), time.monotonic())
        begun = time.monotonic()
        with saturated(deployment):
            fired = deployment.wait_for(SATURATED.keys(), begun)
        ended = deployment.wait_for_silence(SATURATED.keys() - LASTING, time.monotonic())
    gone = (deployment.registry, deployment.database, deployment.bouncer, deployment.cache)
    begun = time.monotonic()
    for server in (*gone, deployment.node):
        os.kill(server.process.pid, signal.SIGKILL)
    fired |= deployment.wait_for(GONE.keys(), begun)
    begun = time.monotonic()
    os.kill(deployment.cache_exporter.process.pid, signal.SIGKILL)
    return fired | deployment.wait_for(GONE_LATER.keys(), begun), ended


def working(deployment: Deployment) -> None:
    """Until every target has been scraped a few times and every rule evaluated."""
    deadline = time.monotonic() + PATIENCE
    while True:
        seen = deployment.prometheus.query("min(count_over_time(up[1m])) and min(up) == 1").samples
        rules = [rule for group in deployment.prometheus.rules() for rule in group.rules]
        if seen and seen[0].value >= 3 and rules and all(rule.last_evaluation for rule in rules):
            return
        assert time.monotonic() < deadline
        time.sleep(0.3)


@contextmanager
def saturated(deployment: Deployment) -> Iterator[None]:
    """Everything is short of something."""
    stop = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(VanishedDirectory(deployment.registry))
        _hold_connections(deployment, stack)
        standby = stack.enter_context(psycopg.connect(deployment.standby.url, autocommit=True))
        standby.execute("SELECT pg_wal_replay_pause()")
        stack.callback(standby.execute, "SELECT pg_wal_replay_resume()")
        deployment.primary_cache.process.signal(signal.SIGKILL)
        threads = [
            threading.Thread(target=work, args=(deployment, stop)) for work in (_write_rows, _fill_cache, _wait_in_pool)
        ]
        for thread in threads:
            thread.start()
        try:
            _deadlocks(deployment, 8)
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)


def _hold_connections(deployment: Deployment, stack: ExitStack) -> None:
    for _ in range(HELD - 5):  # five are those of the writer, the pool, the exporter and the deadlocks
        stack.enter_context(psycopg.connect(deployment.database.url, autocommit=True))


def _write_rows(deployment: Deployment, stop: threading.Event) -> None:
    """Write-ahead log that the standby does not replay."""
    with psycopg.connect(deployment.database.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS filler (text text)")
        while not stop.wait(0.1):
            connection.execute("INSERT INTO filler SELECT repeat('x', 100) FROM generate_series(1, 1000)")


def _fill_cache(deployment: Deployment, stop: threading.Event) -> None:
    """More keys than there is memory for, and nearly as many clients as Redis accepts."""
    with ExitStack() as stack:
        clients = [stack.enter_context(redis_client.Redis(port=deployment.cache.port)) for _ in range(12)]
        clients[0].config_set("maxclients", 14)
        stack.callback(clients[0].config_set, "maxclients", 10_000)
        stack.callback(clients[0].flushall)
        for client in clients:
            client.ping()
        number = 0
        while not stop.wait(0.02):
            number += 1
            clients[0].set(f"key {number}", bytes(50_000))


def _wait_in_pool(deployment: Deployment, stop: threading.Event) -> None:
    """One client keeps the only connection of PgBouncer's pool, another waits for it."""
    with (
        psycopg.connect(deployment.bouncer.url, prepare_threshold=None) as holder,
        psycopg.connect(deployment.bouncer.url, prepare_threshold=None, autocommit=True) as waiter,
    ):
        holder.execute("SELECT 1")  # begins a transaction that stays open
        thread = threading.Thread(target=waiter.execute, args=("SELECT 2",))
        thread.start()
        stop.wait()
        holder.rollback()
        thread.join(30)


def _deadlocks(deployment: Deployment, count: int) -> None:
    """Two transactions lock two rows the other way round, so often."""
    with (
        psycopg.connect(deployment.database.url) as one,
        psycopg.connect(deployment.database.url) as other,
    ):
        one.execute("CREATE TABLE pair AS SELECT generate_series(1, 2) AS id, 0 AS value")
        one.commit()
        for _ in range(count):
            lock = "UPDATE pair SET value = value + 1 WHERE id = %s"
            one.execute(lock, (1,))
            other.execute(lock, (2,))
            thread = threading.Thread(target=_ignoring_deadlock, args=(one, lock))
            thread.start()
            with suppress(psycopg.errors.DeadlockDetected):
                other.execute(lock, (1,))
            other.rollback()
            thread.join(30)
            one.rollback()


def _ignoring_deadlock(connection: psycopg.Connection[tuple[object, ...]], lock: str) -> None:
    with suppress(psycopg.errors.DeadlockDetected):
        connection.execute(lock.encode(), (2,))
