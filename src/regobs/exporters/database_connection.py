"""The connection to the metadata database: how it is made, and how a server that falls silent is noticed.

A connection that is cut without a word, such as by a firewall that forgot it or a proxy that hangs, looks open for
ever. The kernel notices the first kind (keepalives); only a time limit for each answer notices the second.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

import psycopg
from psycopg.rows import dict_row, tuple_row

from regobs.common.addresses import fault_of_host, fault_of_port
from regobs.errors import InputError, ServerError
from regobs.secrets import MASK, redacted_text

_CONNECT_SECONDS = 5
ANSWER_SECONDS = 5.0  # that an answer may take, beside the time limit of a query
LEASE_SECONDS = 30  # after which the server ends a leader's session of which it hears nothing
# What libpq does where the connection string does not say otherwise: half a minute after the last packet of the other
# side, or 20 s after the first of ours that nobody has received, the connection has ended. By default it is two hours.
KEEPALIVES = {
    "keepalives": "1",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",  # milliseconds
}
# The same for the server's side: until then a connection that was cut counts against the limit of the role.
_SERVER_SIDE = "SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
POOLED = "no leader can be chosen through a pooler of connections"


def connected(dsn: str) -> psycopg.Connection[dict[str, Any]]:
    """A connection on which each statement stands alone. Raises psycopg.Error."""
    given = psycopg.conninfo.conninfo_to_dict(dsn)
    more: dict[str, Any] = {name: value for name, value in KEEPALIVES.items() if name not in given}
    # Prepared statements and settings of a session do not survive PgBouncer's transaction mode: none are used.
    return psycopg.connect(
        dsn,
        autocommit=True,
        prepare_threshold=None,
        connect_timeout=_CONNECT_SECONDS,
        application_name="regobs",
        row_factory=dict_row,
        **more,
    )


def watch_client(connection: psycopg.Connection[Any]) -> None:
    """Let the server notice as soon that this client is gone. Behind a pooler the session is not ours to change."""
    if not is_pooled(connection):
        connection.execute(_SERVER_SIDE)


class AnswerLimit:
    """How long the answer that is waited for may take. Another thread looks, as the one that waits cannot."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._until: float | None = None
        self._cut = False

    @contextmanager
    def within(self, seconds: float, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """Wait so long for what is asked in this block. Raises OperationalError, the connection closed, after it."""
        with self._guard:
            self._until, self._cut = monotonic() + seconds, False
        try:
            yield
        except psycopg.Error:
            if not self._over():
                raise
        else:
            if not self._over():
                return
        connection.close()
        raise psycopg.OperationalError(f"no answer within {seconds:g} s: the connection was ended")

    def cut_if_over(self, connection: psycopg.Connection[Any] | None) -> bool:
        """End a connection whose answer took too long; whether it was."""
        with self._guard:
            if self._until is None or self._cut or monotonic() < self._until or connection is None:
                return False
            self._cut = True
            with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as plug:
                plug.shutdown(socket.SHUT_RDWR)
            return True

    def _over(self) -> bool:
        with self._guard:
            self._until = None
            return self._cut


def judge_dsn(dsn: str) -> None:
    """Raise InputError for what is no connection string, without libpq's words: they may hold a password."""
    try:
        given = psycopg.conninfo.conninfo_to_dict(dsn)
    except psycopg.Error:
        fault = ""
    else:
        fault = _fault_of_places(str(given.get("host") or ""), str(given.get("port") or ""))
        if not fault:
            return
    raise InputError(
        f"the connection string {fault}" if fault else "the connection string is none of libpq",
        value="not shown, because it may hold a password",
        expected="postgresql://user@host:5432/database, or host=... user=... dbname=...",
        next_step="correct the file that --dsn-file names; a password with spaces stands in single quotes",
    )


def _fault_of_places(hosts: str, ports: str) -> str:
    """What is wrong with the hosts and ports of a connection string; a host may be the folder of a socket."""
    for host in hosts.split(","):
        if host and not host.startswith(("/", "@")) and (fault := fault_of_host(host)):
            return fault
    return next((fault for port in ports.split(",") if port and (fault := fault_of_port(port))), "")


def check_dsn(dsn: str, *, leader: bool) -> None:
    """Raise ServerError, without a secret in it, where the server cannot be asked, or is not fit to choose a leader."""
    try:
        with psycopg.connect(dsn, connect_timeout=_CONNECT_SECONDS, autocommit=True) as connection:
            pooled = leader and is_pooled(connection)
    except psycopg.Error as fault:
        raise ServerError(
            "the metadata database cannot be asked",
            value=words_of(fault, dsn),
            expected="a PostgreSQL with the registry's schema, and a role that may read it",
            next_step="correct the connection string; `regobs export database --role-sql` prints a role's SQL",
        ) from None
    if pooled:
        raise ServerError(
            POOLED,
            expected="with --leader a connection to PostgreSQL itself: the lock belongs to a session of the server",
            next_step="take off --leader, or name the server in place of the pooler",
        )


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    """Whether a pooler stands between: it tells a process number of its own making, by which it knows its clients."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("SELECT pg_backend_pid()").fetchone()
    return row != (connection.info.backend_pid,)


def has_news(connection: psycopg.Connection[Any]) -> bool:
    """Whether a server has sent something, or ended, while nothing was asked."""
    with suppress(psycopg.Error):
        look = select.poll()
        look.register(connection.fileno(), select.POLLIN)
        return bool(look.poll(0))
    return True


def words_of(fault: Exception, dsn: str) -> str:
    """The first line of an error, without the password of the connection string."""
    told = fault.diag.message_primary if isinstance(fault, psycopg.Error) else f"{type(fault).__name__}: {fault}"
    text = str(told or fault).strip().split("\n")[0][:300]
    with suppress(psycopg.Error):
        password = psycopg.conninfo.conninfo_to_dict(dsn).get("password")
        if password:
            text = text.replace(str(password), MASK)
    text = redacted_text(text)
    return f"{fault.sqlstate}: {text}" if isinstance(fault, psycopg.Error) and fault.sqlstate else text
