"""A leader whose connection falls silent: it says so, and another one takes its place, never both at a time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest

from regobs.catalog import metadata
from regobs.common.programs import Supervisor
from regobs.exporters import database, database_connection
from regobs.exporters.database import DatabaseExporter
from regobs.exporters.database_connection import KEEPALIVES, connected, watch_client
from regobs.exporters.database_queries import DatabaseQuery, Filled
from regobs.instrument import Instruments
from tests.e2e import databases
from tests.e2e.databases import USER, DatabaseServer

pytestmark = pytest.mark.server
QUICK = DatabaseQuery(
    "import", "SELECT 1 AS applied, 'x' AS type", (Filled(metadata.SCHEMA_MIGRATIONS, "applied", ("type",)),)
)


class Proxy:
    """A TCP proxy before a server, which can stop to forward without a word to either side."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.forwards = threading.Event()
        self.forwards.set()
        self._plugs: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for plug in self._plugs:
            with suppress(OSError):
                plug.shutdown(socket.SHUT_RDWR)
            plug.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._plugs += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    def _copy(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(1 << 16):
                self.forwards.wait()
                other.sendall(data)
            self.forwards.wait()
            other.shutdown(socket.SHUT_WR)


@pytest.fixture
def server(supervisor: Supervisor) -> DatabaseServer:
    server = databases.postgresql(supervisor)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE regobs LOGIN")
    return server


@pytest.fixture
def proxy(server: DatabaseServer) -> Iterator[Proxy]:
    running = Proxy(server.port)
    yield running
    running.close()


class Led:
    """An exporter of several, which asks one query."""

    def __init__(self, url: str, port: int, query: DatabaseQuery) -> None:
        self._instruments = Instruments("gitlab", strict=True)
        head, _, rest = url.replace(f"{USER}@", "regobs@").rpartition(":")
        dsn = f"{head}:{port}/{rest.partition('/')[2]}"
        self.exporter = DatabaseExporter(dsn, self._instruments, leader=True, queries=[query])
        self.exporter.start()

    @property
    def leads(self) -> bool:
        return f"\n{metadata.LEADER.name} 1" in self._instruments.render().decode()


def until(what: str, found: object, seconds: float) -> float:
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        if found():  # type: ignore[operator]
            return time.monotonic() - start
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


@pytest.mark.parametrize("busy", [False, True], ids=["at rest", "in a query"])
def test_a_leader_whose_connection_falls_silent_says_so_before_another_one_leads(
    busy: bool, server: DatabaseServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, seconds in (
        (database, "_CONFIRM", 0.5),
        (database, "_LOOK", 0.1),
        (database, "_RECONNECT", 0.5),
        (database, "ANSWER_SECONDS", 1.0),
        (database, "LEASE_SECONDS", 4),
    ):
        monkeypatch.setattr(module, name, seconds)
    monkeypatch.setattr(database_connection, "_CONNECT_SECONDS", 2)
    slow = DatabaseQuery("import", f"SELECT 1 AS applied, pg_sleep({0.4 * busy})::text AS type", QUICK.fills, 0.1, 1.0)
    first = Led(server.url, proxy.port, slow)
    until("the first leads", lambda: first.leads, 20)
    second = Led(server.url, server.port, slow)
    until("the second is there", lambda: second.exporter.ready, 20)
    proxy.forwards.clear()
    start, ended, both = time.monotonic(), 0.0, 0
    while not second.leads and time.monotonic() - start < 30:
        both += first.leads and second.leads
        if not ended and not first.leads:
            ended = time.monotonic() - start
        time.sleep(0.01)
    both += first.leads and second.leads
    took_over = time.monotonic() - start
    proxy.close()
    proxy.forwards.set()
    for one in (first, second):
        one.exporter.stop()
    assert both == 0
    assert 0 < ended < 4.0  # at most a look at the lock, or the limit of the query, with the time for an answer
    assert took_over < 15.0


def test_a_connection_notices_that_the_other_side_is_gone_unless_it_is_told_otherwise(server: DatabaseServer) -> None:
    with connected(server.url) as connection:
        assert KEEPALIVES.items() <= connection.info.get_parameters().items() | {"keepalives": "1"}.items()
        plug = socket.socket(fileno=connection.fileno())
        try:
            assert plug.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert plug.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
            assert plug.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
        finally:
            plug.detach()
    with connected(f"{server.url}?keepalives_idle=77&tcp_user_timeout=9000") as connection:
        plug = socket.socket(fileno=connection.fileno())
        try:
            assert plug.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 77
            assert plug.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 9000
        finally:
            plug.detach()


def test_the_server_is_told_to_look_for_its_client_but_not_through_a_pooler(
    server: DatabaseServer, supervisor: Supervisor
) -> None:
    for url in (server.url, databases.pgbouncer(supervisor, server).url):
        with connected(url) as connection:
            before = shown(connection)
            watch_client(connection)
            assert shown(connection) == (("15", "5", "3") if url == server.url else before)


def shown(connection: psycopg.Connection[dict[str, str]]) -> tuple[str, ...]:
    names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")
    return tuple(connection.execute(f"SHOW {name}".encode()).fetchall()[0][name] for name in names)
