"""A stub of the pgbouncer_exporter, which no package offers: a real PgBouncer's answers under the catalog's names.

It shows that panels make sense of what PgBouncer counts. It proves nothing about names: those come from the exporter's
own documentation, and no test compares them with a running exporter.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import psycopg
from psycopg.rows import dict_row

from regobs.catalog import pgbouncer
from regobs.catalog.model import Metric

Columns = Mapping[str, tuple[Metric, float]]
MICRO = 1e-6  # what PgBouncer counts in microseconds
STATS: Columns = {
    "total_query_count": (pgbouncer.QUERIES, 1),
    "total_xact_count": (pgbouncer.TRANSACTIONS, 1),
    "total_query_time": (pgbouncer.QUERY_SECONDS, MICRO),
    "total_xact_time": (pgbouncer.TRANSACTION_SECONDS, MICRO),
    "total_wait_time": (pgbouncer.WAIT_SECONDS, MICRO),
    "total_received": (pgbouncer.RECEIVED, 1),
    "total_sent": (pgbouncer.SENT, 1),
}
POOLS: Columns = {
    "cl_active": (pgbouncer.CLIENTS_ACTIVE, 1),
    "cl_waiting": (pgbouncer.CLIENTS_WAITING, 1),
    "maxwait": (pgbouncer.LONGEST_WAIT, 1),
    "sv_active": (pgbouncer.SERVERS_ACTIVE, 1),
    "sv_idle": (pgbouncer.SERVERS_IDLE, 1),
    "sv_used": (pgbouncer.SERVERS_USED, 1),
    "sv_tested": (pgbouncer.SERVERS_TESTED, 1),
    "sv_login": (pgbouncer.SERVERS_LOGIN, 1),
}
DATABASES: Columns = {
    "pool_size": (pgbouncer.POOL_SIZE, 1),
    "reserve_pool": (pgbouncer.RESERVE_SIZE, 1),
    "current_connections": (pgbouncer.POOL_CONNECTIONS, 1),
    "paused": (pgbouncer.PAUSED, 1),
}


class PgbouncerExporter:
    """Answers /metrics from the admin console at `url`."""

    def __init__(self, url: str) -> None:
        outer = self
        self._console = psycopg.connect(url, autocommit=True, row_factory=dict_row, dbname="pgbouncer")
        self._lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = "".join(f"{line}\n" for line in outer._lines()).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def _show(self, what: str) -> list[dict[str, Any]]:
        with psycopg.ClientCursor(self._console, row_factory=dict_row) as cursor:  # it speaks no extended protocol
            return cursor.execute(f"SHOW {what}".encode()).fetchall()

    def _lines(self) -> Iterator[str]:
        with self._lock:
            yield from _lines(self._show("STATS"), STATS)
            yield from _lines(self._show("POOLS"), POOLS)
            yield from _lines(self._show("DATABASES"), DATABASES)
            settings = {row["key"]: row["value"] for row in self._show("CONFIG")}
            lists = {row["list"]: row["items"] for row in self._show("LISTS")}
        single = {pgbouncer.UP: 1, pgbouncer.USED_CLIENTS: lists["used_clients"]}
        for metric, value in {**single, pgbouncer.MAX_CLIENTS: settings["max_client_conn"]}.items():
            yield from (f"# TYPE {metric} {metric.kind}", f"{metric} {value}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._console.close()


def _lines(rows: list[dict[str, Any]], columns: Columns) -> Iterator[str]:
    for column, (metric, factor) in columns.items():
        yield f"# TYPE {metric} {metric.kind}"
        names = [label.name for label in metric.forms[0].labels]
        for row in rows:
            labels = ",".join(f'{name}="{row[name] or ""}"' for name in names)
            yield f"{metric}{{{labels}}} {float(row[column]) * factor!r}"
