"""The connection to the metadata database: how it is made, and how a server that falls silent is noticed.

A connection that is cut without a word, such as by a firewall that forgot it or a proxy that hangs, looks open for
ever. The kernel notices the first kind (keepalives); only a time limit for each answer notices the second.
"""

from __future__ import annotations

import os
import re
import select
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

import psycopg
from psycopg.pq import Conninfo
from psycopg.rows import dict_row, tuple_row

from regobs.common.addresses import fault_of_address, fault_of_host, fault_of_port
from regobs.common.closest import closest_first
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
SEVERAL = "no leader can be chosen where each exporter may ask another server"
# What is expected in place of it, and what to do.
TO_LEAD = {
    POOLED: (
        "with --leader a connection to PostgreSQL itself: the lock belongs to a session of the server",
        "take off --leader, or name the server in place of the pooler",
    ),
    SEVERAL: (
        "with --leader one host, or several with target_session_attrs=primary or read-write: a lock is one server's",
        "name one host, the same for all exporters, or add target_session_attrs=primary",
    ),
}
_ONE_OF_THEM = {"primary", "read-write"}  # of several hosts the same one for all: there may be several standbys
# The values that libpq knows (its documentation, "Parameter Key Words"), of versions up to 18.
_WORDS = {
    "sslmode": "disable allow prefer require verify-ca verify-full",
    "sslnegotiation": "postgres direct",
    "sslcertmode": "disable allow require",
    "channel_binding": "disable prefer require",
    "gssencmode": "disable prefer require",
    "target_session_attrs": "any read-write read-only primary standby prefer-standby",
    "load_balance_hosts": "disable random",
}
_NUMBERS = ("connect_timeout", *KEEPALIVES)
_UNKNOWN = re.compile(r'invalid (?:connection option|URI query parameter:) "([A-Za-z][A-Za-z0-9_.-]{0,39})"')
_OPTIONS = re.compile(r"(?<!\S)([A-Za-z_][A-Za-z0-9_]{0,39})[ \t]{0,9}=")
_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,9}\s*", re.ASCII)


def connected(dsn: str) -> psycopg.Connection[dict[str, Any]]:
    """A connection on which each statement stands alone. Raises psycopg.Error."""
    # Prepared statements and settings of a session do not survive PgBouncer's transaction mode: none are used.
    return psycopg.connect(dsn, autocommit=True, prepare_threshold=None, row_factory=dict_row, **_unsaid(dsn))


def _unsaid(dsn: str) -> dict[str, Any]:
    """What we choose as far as neither the connection string nor a variable of libpq does."""
    ours = {"connect_timeout": _CONNECT_SECONDS, "application_name": "regobs", **KEEPALIVES}
    said = _defaults() | psycopg.conninfo.conninfo_to_dict(dsn)
    return {name: value for name, value in ours.items() if name not in said}


def _defaults() -> dict[str, Any]:
    """What libpq takes from its variables (PGHOST, PGSSLMODE ...) and the service they name, and its own defaults."""
    with suppress(psycopg.Error):
        return {
            option.keyword.decode(): option.val.decode(errors="replace")
            for option in Conninfo.get_defaults()
            if option.val
        }
    return {}


def watch_client(connection: psycopg.Connection[Any]) -> None:
    """Let the server notice as soon that this client is gone. Behind a pooler the session is not ours to change."""
    if not is_pooled(connection):
        connection.execute(_SERVER_SIDE)


class AnswerLimit:
    """How long the answer that is waited for may take. Another thread looks, as the one that waits cannot."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._until: float | None = None
        self._seconds = 0.0
        self._cut = False

    @contextmanager
    def within(self, seconds: float, connection: psycopg.Connection[Any]) -> Iterator[Callable[[float], None]]:
        """Wait so long for what is asked in this block. Raises OperationalError, the connection closed, after it.

        What it yields is called with another limit for the answers from then on.
        """
        with self._guard:
            self._cut = False
        self._allow(seconds)
        try:
            yield self._allow
        except psycopg.Error:
            if not self._over():
                raise
        else:
            if not self._over():
                return
        connection.close()
        raise psycopg.OperationalError(f"no answer within {self._seconds:g} s: the connection was ended")

    def _allow(self, seconds: float) -> None:
        with self._guard:
            if not self._cut:  # else the limit that was reached is the one to tell
                self._seconds, self._until = seconds, monotonic() + seconds

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


def judge_dsn(dsn: str, *, leader: bool = False) -> None:
    """Raise InputError for what is no connection string, without libpq's words: they may hold a password."""
    try:
        given = psycopg.conninfo.conninfo_to_dict(dsn)
    except psycopg.Error as fault:
        if name := _unknown_option(dsn, str(fault)):
            known = [option.keyword.decode() for option in Conninfo.get_defaults()]
            expected = f"options of libpq: {closest_first(name, known)}"
            raise _refused(
                dsn, f"the connection string has an option {name} that libpq does not know", expected
            ) from None
        raise _refused(dsn, "the connection string is none of libpq", _FORMS) from None
    options = _defaults() | given
    for name, value in options.items():
        if found := _fault_of(name, str(value)):
            where = "the connection string" if name in given else "a variable of libpq"
            raise _refused(dsn if name in given else "", f"{where} {found[0]}", found[1])
    if leader and _are_several(options):
        raise InputError(SEVERAL, expected=TO_LEAD[SEVERAL][0], next_step=TO_LEAD[SEVERAL][1])


_FORMS = "postgresql://user@host:5432/database, or host=... user=... dbname=..."


def _refused(dsn: str, fault: str, expected: str) -> InputError:
    if not dsn:
        next_step = "correct the variables of libpq (PGHOST, PGSSLMODE ...) or the service that PGSERVICE names"
    elif _is_uri(dsn):
        next_step = (
            "correct the file that --dsn-file names; within user and password"
            " %40 stands for @, %3A for :, %2F for /, %3F for ?, %23 for #, %25 for %"
        )
    else:
        next_step = "correct the file that --dsn-file names; a password with spaces stands in single quotes"
    return InputError(fault, value="not shown, because it may hold a password", expected=expected, next_step=next_step)


def _unknown_option(dsn: str, words: str) -> str:
    """The name of the option that libpq does not know; nothing where it may be a piece of a password."""
    found = _UNKNOWN.search(words)
    if found is None:
        return ""
    name = found[1]
    if _is_uri(dsn):  # of a password with a slash and a question mark that are not escaped all stands before the @
        return "" if "@" in dsn.rpartition("?")[2] or dsn.count("?") > 1 else name
    before = re.split(rf"(?<!\S){re.escape(name)}\s*=", dsn, maxsplit=1)[0]
    last = _OPTIONS.findall(before)[-1:]  # of one with spaces and no quotes the rest looks like options
    return "" if last and "pass" in last[0].lower() else name


def _is_uri(dsn: str) -> bool:
    return dsn.startswith(("postgresql:", "postgres:"))


def _fault_of(name: str, value: str) -> tuple[str, str] | None:
    """What is wrong with an option of a connection, and what is expected; nothing where it is right."""
    if name in _WORDS:
        known = _WORDS[name].split()
        return (
            None
            if value in known
            else (f"has a {name} that libpq does not know", f"{name} as one of {', '.join(known)}")
        )
    if name in _NUMBERS:
        right = _INTEGER.fullmatch(value)
        return None if right else (f"has a {name} that is no whole number", f"{name} as a whole number, such as 10")
    if name in _PLACES:
        judge, expected = _PLACES[name]
        fault = next((fault for one in value.split(",") if one and (fault := judge(one))), "")
        return (fault, expected) if fault else None
    return None


def _fault_of_place(host: str) -> str:
    """As for other hosts; but it may be the folder of a socket."""
    return "" if host.startswith(("/", "@")) else fault_of_host(host)


_PLACES: dict[str, tuple[Callable[[str], str], str]] = {
    "host": (_fault_of_place, _FORMS),
    "hostaddr": (fault_of_address, "hostaddr as an IPv4 or IPv6 address, such as 192.0.2.1; names stand in host"),
    "port": (fault_of_port, _FORMS),
}


def _are_several(options: Mapping[str, Any]) -> bool:
    """Whether two exporters with these options may have different servers."""
    most = max(str(options.get(name) or "").count(",") for name in ("host", "hostaddr"))
    return most > 0 and options.get("target_session_attrs") not in _ONE_OF_THEM


def check_dsn(dsn: str, *, leader: bool) -> None:
    """Raise ServerError, without a secret in it, where the server cannot be asked, or is not fit to choose a leader."""
    try:
        with connected(dsn) as connection:
            unfit = unfit_to_lead(connection) if leader else ""
    except psycopg.Error as fault:
        raise ServerError(
            "the metadata database cannot be asked",
            value=words_of(fault, dsn),
            expected="a PostgreSQL with the registry's schema, and a role that may read it",
            next_step="correct the connection string; `regobs export database --role-sql` prints a role's SQL",
        ) from None
    if unfit:
        raise ServerError(unfit, expected=TO_LEAD[unfit][0], next_step=TO_LEAD[unfit][1])


def unfit_to_lead(connection: psycopg.Connection[Any]) -> str:
    """Why no leader can be chosen over this connection, a key of TO_LEAD; nothing where one can."""
    options = {
        option.keyword.decode(): option.val.decode(errors="replace") for option in connection.pgconn.info if option.val
    }
    if _are_several(options):  # also where a service file said so
        return SEVERAL
    return POOLED if is_pooled(connection) else ""


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
