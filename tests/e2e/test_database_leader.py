"""A leader whose connection falls silent: it says so, and another one takes its place, never both at a time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from regobs.catalog import metadata
from regobs.common.programs import Supervisor
from regobs.errors import ServerError
from regobs.exporters import database, database_connection
from regobs.exporters.database import DatabaseExporter
from regobs.exporters.database_connection import KEEPALIVES, check_dsn, connected, watch_client
from regobs.exporters.database_queries import DatabaseQuery, Filled
from regobs.instrument import Instruments
from tests.e2e import databases
from tests.e2e.databases import USER, DatabaseServer

pytestmark = pytest.mark.server
QUICK = DatabaseQuery(
    "import", "SELECT 1 AS applied, 'x' AS type", (Filled(metadata.SCHEMA_MIGRATIONS, "applied", ("type",)),)
)


class Proxy:
    """A TCP proxy before a server, which can stop to forward without a word to either side.

    It does so by itself once it has passed on `last`: the answer to it is not heard.
    """

    last = b""

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
                if self.last and self.last in data:
                    self.forwards.clear()
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


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, seconds in (
        (database, "_CONFIRM", 0.5),
        (database, "_LOOK", 0.1),
        (database, "_RECONNECT", 0.5),
        (database, "ANSWER_SECONDS", 1.0),
        (database, "LEASE_SECONDS", 4),
        (database_connection, "_CONNECT_SECONDS", 2),
    ):
        monkeypatch.setattr(module, name, seconds)


class Handover:
    """Two exporters, of which the first leads through a proxy, and what they say once it forwards no more."""

    def __init__(self, server: DatabaseServer, proxy: Proxy, query: DatabaseQuery) -> None:
        self._proxy = proxy
        self.first = Led(server.url, proxy.port, query)
        until("the first leads", lambda: self.first.leads, 20)
        self.second = Led(server.url, server.port, query)
        until("the second is there", lambda: self.second.exporter.ready, 20)

    def watch(self) -> tuple[float, float, int]:
        """When the first said 0 and the second 1, and how often both said 1."""
        start, ended, both = time.monotonic(), 0.0, 0
        while not self.second.leads and time.monotonic() - start < 30:
            both += self.first.leads and self.second.leads
            if not ended and not self.first.leads:
                ended = time.monotonic() - start
            time.sleep(0.01)
        both += self.first.leads and self.second.leads
        took_over = time.monotonic() - start
        self._proxy.close()
        self._proxy.forwards.set()
        for one in (self.first, self.second):
            one.exporter.stop()
        return ended, took_over, both


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("busy", [False, True], ids=["at rest", "in a query"])
def test_a_leader_whose_connection_falls_silent_says_so_before_another_one_leads(
    busy: bool, server: DatabaseServer, proxy: Proxy
) -> None:
    slow = DatabaseQuery("import", f"SELECT 1 AS applied, pg_sleep({0.4 * busy})::text AS type", QUICK.fills, 0.1, 1.0)
    handover = Handover(server, proxy, slow)
    proxy.forwards.clear()
    ended, took_over, both = handover.watch()
    assert both == 0
    assert 0 < ended < 4.0  # at most a look at the lock, or the limit of the query, with the time for an answer
    assert took_over < 15.0


@pytest.mark.usefixtures("quick")
def test_a_leader_that_falls_silent_while_a_query_hits_its_time_limit_gives_the_lock_back(
    server: DatabaseServer, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    """The server ends the transaction, and with it what was set in it alone; the session waits in it from then on."""
    with psycopg.connect(server.url, autocommit=True) as owner:
        owner.execute("CREATE TABLE kept (type text); GRANT SELECT ON kept TO regobs")
        waits = DatabaseQuery("import", "SELECT 1 AS applied, max(type) AS type FROM kept", QUICK.fills, 0.1, 1.0)
        handover = Handover(server, proxy, waits)
        with owner.transaction():
            owner.execute("LOCK TABLE kept")
            with psycopg.connect(server.url, autocommit=True) as other:
                waiting = "SELECT FROM pg_stat_activity WHERE usename = 'regobs' AND wait_event_type = 'Lock'"
                until("the query waits", lambda: other.execute(waiting).fetchall(), 20)
            proxy.forwards.clear()
            ended, took_over, both = handover.watch()
    assert both == 0
    assert 0 < ended < 3.0
    assert "no answer within 2 s" in str([vars(record).get("error") for record in caplog.records])
    assert "no answer within 2 s" in str([vars(record).get("error") for record in caplog.records])
    assert 4.0 < took_over < 12.0  # twice the limit of the query, and the lease; and an attempt to take the lock


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("last", [b"BEGIN", b"COMMIT"])
def test_around_a_query_an_answer_is_not_waited_for_as_long_as_for_the_query(
    last: bytes, server: DatabaseServer, proxy: Proxy
) -> None:
    """After COMMIT the server ends the session when the lease is over, which is before the limit of a long query."""
    handover = Handover(server, proxy, replace(QUICK, every=0.1, within=8.0 if last == b"COMMIT" else 3.0))
    proxy.last = last
    until("silence", lambda: not proxy.forwards.is_set(), 10)
    ended, took_over, both = handover.watch()
    assert both == 0
    assert 0 < ended < 3.0
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


def test_the_connection_string_says_how_long_to_wait_and_as_whom(
    server: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(dsn: str) -> tuple[str | None, str]:
        with connected(dsn) as connection:
            told = connection.execute("SHOW application_name").fetchone()
            return connection.info.get_parameters().get("connect_timeout"), (told or {})["application_name"]

    assert found(server.url) == ("5", "regobs")
    assert found(f"{server.url}?connect_timeout=9&application_name=foo") == ("9", "foo")
    monkeypatch.setenv("PGAPPNAME", "bar")
    assert found(server.url) == ("5", "bar")


def test_no_leader_is_chosen_where_a_connection_may_end_at_one_of_several_servers(
    server: DatabaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which several servers a service means only libpq knows, and tells of a connection that is made."""
    service = tmp_path / "services"
    several = f"[both]\nhost=127.0.0.1,127.0.0.1\nport={server.port},{server.port}\nuser={USER}\ndbname=postgres\n"
    service.write_text(several)
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    check_dsn("service=both", leader=False)
    check_dsn("service=both target_session_attrs=primary", leader=True)
    with pytest.raises(ServerError, match="another server") as caught:
        check_dsn("service=both", leader=True)
    assert "target_session_attrs=primary" in str(caught.value.next_step)
