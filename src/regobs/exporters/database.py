"""The exporter of the metadata database: one connection, one query at a time, each on its own interval.

What a query found stays until it is three intervals old: then its series end, because what nobody can confirm is not
shown. A thread of its own sees to that, as one query may run for many intervals of the others. A query that the schema
does not fit fails alone. Of several exporters that are told to choose a leader, the one
that holds an advisory lock of the session asks; the others show nothing but that they wait.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from operator import add
from time import monotonic, time
from typing import Any

import psycopg

from regobs.catalog import metadata
from regobs.catalog.model import Metric, Unit
from regobs.exporters.database_connection import (
    ANSWER_SECONDS,
    LEASE_SECONDS,
    TO_LEAD,
    AnswerLimit,
    connected,
    has_news,
    unfit_to_lead,
    watch_client,
    words_of,
)
from regobs.exporters.database_queries import QUERIES, DatabaseQuery, Filled, QueueDrain, bloat_query
from regobs.instrument import Instruments
from regobs.secrets import redacted_text

_LOG = logging.getLogger("regobs.exporters.database")
_KEPT_INTERVALS = 3
_LOCK = 0x7265_676F_6273  # "regobs": the key of the advisory lock by which exporters choose a leader
_AGAIN = 60.0  # seconds after which a query is asked again that ended with the connection
_RECONNECT = 5.0  # seconds between two attempts to connect
_CONFIRM = 5.0  # seconds between two looks of a leader at its lock, while no query runs
_LOOK = 1.0  # seconds between two looks at the connection of a leader that rests, and at the age of what is shown
_STOP_SECONDS = 2.0  # for the query that runs to end as it is cancelled, or for an attempt to connect
_CANCEL_SECONDS = 0.5  # for a request to cancel, and between two of them: one between two statements has no effect
_LONGEST_LABEL = 255

# What the log says of troubles that are none of a query: when they begin, and when they end.
_TELLS = {
    "connect": ("the metadata database cannot be asked", "the metadata database answers again"),
    "leader": ("no leader is chosen, and the metadata database is not asked", "a leader can be chosen again"),
}
_TO_CONNECT = "see whether the server runs and takes this role: `regobs export database --check-config` tries it once"

Series = dict[str, str]


class DatabaseExporter:
    """Asks a database on its own thread; `start` begins, `stop` ends."""

    def __init__(
        self,
        dsn: str,
        instruments: Instruments,
        *,
        heavy: bool = False,
        names: int = 50,
        leader: bool = False,
        queries: Iterable[DatabaseQuery] | None = None,
    ) -> None:
        """`dsn` is a libpq connection string; `names` how many namespaces have series of their own."""
        queries = (*QUERIES, bloat_query()) if queries is None else queries
        self._dsn = dsn
        self._instruments = instruments
        self._queries = [query for query in queries if heavy or not query.heavy]
        self._parameters = {"names": names}
        self._choose_leader = leader
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        self._answers = AnswerLimit()
        self._due = {query.name: 0.0 for query in self._queries}
        self._shown: dict[str, dict[Metric, list[Series]]] = {}
        self._fresh: dict[str, float] = {}
        self._went: dict[str, int] = {}  # of each query that was asked: 1 where its last answer was right
        self._told: dict[str, str] = {}
        self._drains: dict[str, QueueDrain] = {}
        self._end = threading.Event()
        self._shows = threading.RLock()  # of what is shown and how old it is
        self._thread = threading.Thread(target=self._go_on, name="regobs-database", daemon=True)
        self._watch = threading.Thread(target=self._watch_age, name="regobs-database-age", daemon=True)
        self.ready = False

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()
        self._watch.start()

    def stop(self) -> None:
        """Cancel the query that runs, and end.

        A server that does not answer is not waited for: the thread ends with the process, its query at its time limit.
        """
        self._end.set()
        end = monotonic() + _STOP_SECONDS
        while self._thread.is_alive() and monotonic() < end:
            running = self._connection
            if running is not None:
                with suppress(psycopg.Error):
                    running.cancel_safe(timeout=_CANCEL_SECONDS)
            self._thread.join(_CANCEL_SECONDS)
        if not self._thread.is_alive():
            self._disconnect()

    def run(self) -> float:
        """Ask what is due; seconds until something is due again."""
        if not self._connected() or not self._leads():
            return _RECONNECT
        for query in self._queries:
            if self._due[query.name] <= monotonic() and self._connection is not None and not self._end.is_set():
                self._due[query.name] = monotonic() + query.every
                self._ask(query)
        self.ready = True
        if self._connection is None:
            return _RECONNECT
        pause = max(0.0, min(self._due.values()) - monotonic())
        return min(pause, _CONFIRM) if self._choose_leader else pause

    def _go_on(self) -> None:
        while not self._end.is_set():
            try:
                pause = self.run()
            except Exception as fault:  # noqa: BLE001 - see `_ask`
                _LOG.exception("a round ended in a fault")
                self._lost(fault)
                pause = _RECONNECT
            self._rest(pause)

    def _watch_age(self) -> None:
        while not self._end.wait(_LOOK):
            if self._answers.cut_if_over(self._connection) and self._choose_leader:
                self._gauge(metadata.LEADER, {}, 0)
            self._forget_old()

    def _rest(self, seconds: float) -> None:
        """Wait so long, until the end, or until the leader's connection has news, such as that it ended."""
        end = monotonic() + seconds
        while not self._end.wait(max(0.0, min(_LOOK, end - monotonic()))) and monotonic() < end:
            if self._choose_leader and self._connection is not None and has_news(self._connection):
                return

    def _connected(self) -> bool:
        if self._connection is not None:
            return True
        try:
            self._connection = connected(self._dsn)
            with self._answers.within(ANSWER_SECONDS, self._connection):
                watch_client(self._connection)
        except psycopg.Error as fault:
            self._disconnect()
            self._tell("connect", words_of(fault, self._dsn))
            self._fail_all()
            return False
        self._tell("connect", "")
        with self._shows:
            for query in self._queries:
                if query.name in self._went:
                    self._gauge(metadata.QUERY_SUCCESS, {"query": query.name}, self._went[query.name])
                else:
                    self._instruments[metadata.QUERY_SUCCESS].remove(query=query.name)
        return True

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def _leads(self) -> bool:
        if not self._choose_leader:
            return True
        assert self._connection is not None  # noqa: S101 - `run` connected
        try:
            with self._answers.within(ANSWER_SECONDS, self._connection):
                unfit = unfit_to_lead(self._connection)
                leads = not unfit and self._holds_lock(self._connection)
        except psycopg.Error as fault:
            self._lost(fault)
            return False
        if unfit:
            self._tell("leader", unfit)
            self._fail_all()
            return False
        self._tell("leader", "")
        self._gauge(metadata.LEADER, {}, int(leads))
        if not leads:
            self._show_nothing()
            self.ready = True
        return leads

    @staticmethod
    def _holds_lock(connection: psycopg.Connection[dict[str, Any]]) -> bool:
        """Whether the lock is ours, taken if it is free.

        A session that holds it is a lease: the server ends one of which it hears nothing, and gives the lock back.
        """
        held = connection.execute(
            "SELECT count(*) AS held FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            " AND (classid::bigint << 32) + objid::bigint = %s AND granted",
            (_LOCK,),
        ).fetchone()
        if held and held["held"]:
            return True
        connection.execute(f"SET idle_session_timeout = {LEASE_SECONDS * 1000}".encode())
        row = connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (_LOCK,)).fetchone()
        return bool(row and row["got"])

    def _show_nothing(self) -> None:
        with self._shows:
            self._forget(list(self._shown))
            self._went.clear()
            for query in self._queries:  # a lost connection has set them to 0
                self._instruments[metadata.QUERY_SUCCESS].remove(query=query.name)

    def _ask(self, query: DatabaseQuery) -> None:
        start = monotonic()
        try:
            rows = self._rows(query)
            with self._shows:
                self._show(query, rows)
                self._went[query.name] = 1
                self._gauge(metadata.QUERY_SUCCESS, {"query": query.name}, 1)
        except Exception as fault:  # noqa: BLE001 - the thread must live on, or all series would stay as they are
            if self._end.is_set():  # `stop` has cancelled it: that is no failure
                return
            with self._shows:
                self._went[query.name] = 0
                self._gauge(metadata.QUERY_SUCCESS, {"query": query.name}, 0)
            self._tell(query.name, words_of(fault, self._dsn))
            if self._connection is None or self._connection.broken or self._connection.closed:
                self._due[query.name] = monotonic() + min(query.every, _AGAIN)
                self._lost(fault)
        else:
            self._gauge(metadata.QUERY_LAST_SUCCESS, {"query": query.name}, time())
            self._tell(query.name, "")
        self._gauge(metadata.QUERY_DURATION, {"query": query.name}, monotonic() - start)

    def _rows(self, query: DatabaseQuery) -> list[dict[str, Any]]:
        assert self._connection is not None  # noqa: S101 - `run` connected
        parameters = self._parameters if "%(names)s" in query.sql else None  # else `%` is a mere character
        # The long limit is for the query alone: around it the server ends the session of a leader after the short one.
        with self._answers.within(ANSWER_SECONDS, self._connection) as allow:
            if self._choose_leader:
                # Longer than we wait for the answer. For the session: an error undoes what is set in the transaction,
                # and one that ended so keeps the lock as long as nobody ends it.
                kept = int((query.within + LEASE_SECONDS) * 1000)
                self._connection.execute(f"SET idle_in_transaction_session_timeout = {kept}".encode())
            with self._connection.transaction():
                self._connection.execute("SET TRANSACTION READ ONLY")
                self._connection.execute(f"SET LOCAL statement_timeout = {int(query.within * 1000)}")
                allow(query.within + ANSWER_SECONDS)
                try:
                    return self._connection.execute(query.sql.encode(), parameters).fetchall()
                finally:
                    allow(ANSWER_SECONDS)

    def _show(self, query: DatabaseQuery, rows: list[dict[str, Any]]) -> None:
        self._fresh[query.name] = monotonic()
        before, now = self._shown.get(query.name, {}), dict[Metric, list[Series]]()
        for filled in query.fills:
            series = now.setdefault(filled.metric, [])
            for labels, value in self._values(filled, rows):
                self._gauge(filled.metric, labels, value)
                series.append(labels)
        for metric, gone in before.items():
            for labels in gone:
                if labels not in now.get(metric, []):
                    self._instruments[metric].remove(**labels)
        self._shown[query.name] = now

    def _values(self, filled: Filled, rows: list[dict[str, Any]]) -> Iterator[tuple[Series, float]]:
        """What a metric is to show: rows whose names are masked and then alike are one series, of their sum."""
        found: dict[tuple[tuple[str, str], ...], float] = {}
        for row in rows:
            value = self._value(filled, row)
            if value is not None:
                labels = tuple(_labels(filled, row).items())
                earlier = found.get(labels)
                merge = min if filled.metric.unit is Unit.TIMESTAMP else add
                found[labels] = value if earlier is None else merge(earlier, value)
        yield from ((dict(labels), value) for labels, value in found.items())

    def _value(self, filled: Filled, row: Mapping[str, Any]) -> float | None:
        """What a metric is to show of a row; None for nothing."""
        value = _number(row[filled.value])
        if filled.metric is metadata.QUEUE_DRAIN:
            return self._drains.setdefault(row["queue"], QueueDrain()).look(monotonic(), value)
        return value

    def _forget_old(self) -> None:
        """End what was told too long ago: numbers, and that the query works, but not that it fails."""
        now = monotonic()
        kept = {query.name: query.every * _KEPT_INTERVALS for query in self._queries}
        with self._shows:
            old = [name for name, at in self._fresh.items() if now - at > kept[name]]
            self._forget(old)
            for name in old:
                if self._went.get(name):
                    del self._went[name]
                    if self._connection is not None:  # without one it shows 0
                        self._instruments[metadata.QUERY_SUCCESS].remove(query=name)

    def _forget(self, names: list[str]) -> None:
        for name in names:
            self._fresh.pop(name, None)
            for metric, series in self._shown.pop(name, {}).items():
                for labels in series:
                    self._instruments[metric].remove(**labels)

    def _fail_all(self) -> None:
        for query in self._queries:
            self._gauge(metadata.QUERY_SUCCESS, {"query": query.name}, 0)
        if self._choose_leader:  # the server gives the lock back with the connection
            self._gauge(metadata.LEADER, {}, 0)

    def _lost(self, fault: Exception) -> None:
        self._tell("connect", words_of(fault, self._dsn))
        self._disconnect()
        self._fail_all()

    def _gauge(self, metric: Metric, labels: Mapping[str, str], value: float) -> None:
        self._instruments.gauge(metric).child(**labels).set(value)

    def _tell(self, query: str, problem: str) -> None:
        """Log once when a query begins to fail in this way, and when it works again."""
        if self._told.get(query, "") == problem or self._end.is_set():
            return
        self._told[query] = problem
        fails, works = _TELLS.get(
            query, ("query of the metadata database failed", "query of the metadata database works again")
        )
        extra = {} if query in _TELLS else {"query": query}
        if not problem:
            _LOG.info(works, extra=extra)
            return
        next_step = TO_LEAD[problem][1] if problem in TO_LEAD else _TO_CONNECT if query == "connect" else ""
        _LOG.warning(fails, extra=extra | {"error": problem} | ({"next_step": next_step} if next_step else {}))


def _labels(filled: Filled, row: Mapping[str, Any]) -> Series:
    """The labels of a row: a column of that name without secrets, or `label=value` as written."""
    pairs = (label.partition("=") for label in filled.labels)
    return {name: value if fixed else redacted_text(str(row[name]))[:_LONGEST_LABEL] for name, fixed, value in pairs}


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float, Decimal)) else float("nan")
