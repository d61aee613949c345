"""A stub of the pgbouncer_exporter of the Prometheus community, which can be had neither as package nor as Go module.

It asks a real PgBouncer and answers as that exporter does: names, kinds, labels and factors are those of its
collector.go of 2025 (metricMaps, listsMap, configMap), written down here and not taken from the catalog, which a test
compares with them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.stub_server import StubHandler, StubServer

# By the command that shows them: the columns that are labels, and of each other column name, kind and factor.
LABELS = {
    "stats": ("database",),
    "pools": ("database", "user"),
    "databases": ("name", "host", "port", "database", "force_user", "pool_mode"),
}
COLUMNS: Mapping[str, Mapping[str, tuple[str, str, float]]] = {
    "stats": {
        "total_query_count": ("queries_pooled_total", "counter", 1),
        "total_query_time": ("queries_duration_seconds_total", "counter", 1e-6),
        "total_received": ("received_bytes_total", "counter", 1),
        "total_sent": ("sent_bytes_total", "counter", 1),
        "total_wait_time": ("client_wait_seconds_total", "counter", 1e-6),
        "total_xact_count": ("sql_transactions_pooled_total", "counter", 1),
        "total_xact_time": ("server_in_transaction_seconds_total", "counter", 1e-6),
    },
    "pools": {
        "cl_active": ("client_active_connections", "gauge", 1),
        "cl_waiting": ("client_waiting_connections", "gauge", 1),
        "sv_active": ("server_active_connections", "gauge", 1),
        "sv_idle": ("server_idle_connections", "gauge", 1),
        "sv_used": ("server_used_connections", "gauge", 1),
        "sv_tested": ("server_testing_connections", "gauge", 1),
        "sv_login": ("server_login_connections", "gauge", 1),
        "maxwait": ("client_maxwait_seconds", "gauge", 1),
    },
    "databases": {
        "pool_size": ("pool_size", "gauge", 1),
        "reserve_pool": ("reserve_pool", "gauge", 1),
        "max_connections": ("max_connections", "gauge", 1),
        "current_connections": ("current_connections", "gauge", 1),
        "paused": ("paused", "gauge", 1),
        "disabled": ("disabled", "gauge", 1),
    },
}
LISTS = {
    "databases": "databases",
    "users": "users",
    "pools": "pools",
    "free_clients": "free_clients",
    "used_clients": "used_clients",
    "login_clients": "login_clients",
    "free_servers": "free_servers",
    "used_servers": "used_servers",
    "dns_names": "cached_dns_names",
    "dns_zones": "cached_dns_zones",
    "dns_queries": "in_flight_dns_queries",
}
CONFIG = {"max_client_conn": "max_client_connections", "max_user_connections": "max_user_connections"}


class PgbouncerExporter(StubServer):
    """Answers /metrics from the admin console at `url`."""

    def __init__(self, url: str) -> None:
        outer = self
        self._console = psycopg.connect(url, autocommit=True, row_factory=dict_row, dbname="pgbouncer")
        self._lock = threading.Lock()

        class Handler(StubHandler):
            def do_GET(self) -> None:
                self.answer(200, outer.exposition(), "text/plain; version=0.0.4")

        super().__init__(Handler)

    def exposition(self) -> bytes:
        """What PgBouncer says at this moment; without it, that it is not there."""
        try:
            return self._asked()
        except psycopg.Error:
            return b"# TYPE pgbouncer_up gauge\npgbouncer_up 0\n"

    def _asked(self) -> bytes:
        with self._lock:
            lines = [line for name in COLUMNS for line in _table(name, self._show(name))]
            lists = {row["list"]: row["items"] for row in self._show("lists")}
            settings = {row["key"]: row["value"] for row in self._show("config")}
        single = {"up": 1, **{name: lists[key] for key, name in LISTS.items()}}
        single |= {f"config_{name}": settings[key] for key, name in CONFIG.items()}
        for name, value in single.items():
            lines += [f"# TYPE pgbouncer_{name} gauge", f"pgbouncer_{name} {value}"]
        return "".join(f"{line}\n" for line in lines).encode()

    def _show(self, what: str) -> list[dict[str, Any]]:
        with psycopg.ClientCursor(self._console, row_factory=dict_row) as cursor:  # it speaks no extended protocol
            return cursor.execute(f"SHOW {what}".encode()).fetchall()

    def server_close(self) -> None:
        super().server_close()
        self._console.close()


def _table(name: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    for column, (metric, kind, factor) in COLUMNS[name].items():
        full = f"pgbouncer_{name}_{metric}"
        yield f"# TYPE {full} {kind}"
        for row in rows:
            labels = ",".join(f'{label}="{"" if row[label] is None else row[label]}"' for label in LABELS[name])
            yield f"{full}{{{labels}}} {float(row[column]) * factor!r}"
