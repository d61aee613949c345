"""The receiver of a registry's notifications: each event is counted once, and answered 200 only when it is stored.

Handlers of requests hand their events to one thread, which stores whatever has come meanwhile with one sync. A full
queue, and a disk that takes nothing, are answered 503: the registry sends again. Events are told apart by their id; the
last 100,000 ids are remembered across restarts, which is a quarter of an hour (the registry's longest time of retries)
at 110 events a second.
"""

from __future__ import annotations

import hmac
import logging
import os
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic
from typing import IO, Any

import msgspec

from regobs.catalog import events as metrics
from regobs.catalog.bounded import ACTORS
from regobs.common.files import open_regular
from regobs.errors import ConfigError
from regobs.exporters.journal import Journal
from regobs.exporters.notified_events import UNREADABLE, Record, fault_of, records_of
from regobs.exporters.serving import answer
from regobs.exporters.totals import BoundedNames, Totals
from regobs.exporters.troubles import LastingTroubles
from regobs.instrument import Instruments
from regobs.secrets.fields import redacted_fields

_LOG = logging.getLogger("regobs.exporters.notifications")
LARGEST_BODY = 4 << 20  # bytes; an envelope with one event has about a thousand
_WAITING, _WAITING_BYTES = 1000, 64 << 20  # envelopes that may wait for the disk, and their bytes
_PATIENCE = 10.0  # seconds until a stored answer; the registry's own time limit is 1 s by default
_REMEMBERED = 100_000
_CHECKPOINT_SECONDS = 60.0
_CHECKPOINT_BYTES = 64 << 20
_NOT_STORED, _NO_CHECKPOINT = "notifications cannot be stored", "the checkpoint cannot be stored"
_ALL_REFUSED = "events are refused until the token can be read"
_NOT_APPENDED = "envelopes are not appended"
_NO_LENGTH = "411 Length Required", "no chunked body: send it with a Content-Length\n"
_NO_ENVELOPE = "400 Bad Request", "not an envelope of a registry's events\n"
METRICS = (
    *(metrics.RECEIVED, metrics.BYTES, metrics.PULLED_BYTES, metrics.ACTORS),
    *(metrics.LAG, metrics.DUPLICATES, metrics.INVALID, metrics.REPLACED),
)

StartResponse = Callable[..., Any]


class _Batch:
    """Envelopes that one sync stores, and the gate at which those who handed them in wait for it.

    One gate for all: who has passed opens it for the next. With a lock for each of them the thread that stores was busy
    with waking them for half of its time.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.bodies: list[bytes] = []
        self.envelopes = self.size = 0
        self.stored = False
        self.gate = threading.Lock()
        self.gate.acquire()

    def add(self, records: list[Record], body: bytes) -> None:
        """Take an envelope."""
        self.records += records
        self.bodies += [body] if records else []  # of none there is nothing to read later
        self.envelopes += 1
        self.size += len(body)

    @property
    def full(self) -> bool:
        """Whether it takes no more."""
        return self.envelopes >= _WAITING or self.size >= _WAITING_BYTES


class Receiver:
    """Counts notifications. `start` begins, `stop` stores what still waits."""

    def __init__(self, journal: Journal, *, namespaces: int = 100, append_to: Path | None = None) -> None:
        self.totals = Totals(METRICS)
        self._names = {"namespace": BoundedNames(namespaces), "actor": BoundedNames(ACTORS)}
        self._journal = journal
        self._troubles = LastingTroubles(_LOG)
        self._append_to = append_to
        self._guard = threading.Lock()  # of the two below
        self._open = _Batch()  # what comes now
        self._ended = False
        self._work: queue.SimpleQueue[str] = queue.SimpleQueue()  # `store` for each batch with something in it, `end`
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._checkpointed = monotonic()
        journal.restore(self._load, self._replay)
        self._thread = threading.Thread(target=self._store_all, name="regobs-store", daemon=True)

    def start(self) -> None:
        """Begin to store."""
        self._thread.start()

    def stop(self) -> None:
        """Store what waits, write a checkpoint, and end."""
        with self._guard:
            self._ended = True
        self._work.put("end")
        self._thread.join()
        self._checkpoint()
        self._journal.close()

    def keep(self, body: bytes) -> str:
        """Take an envelope: `kept` once it is stored, else why not, as the label `result` has it."""
        try:
            records = records_of(body)
        except UNREADABLE:
            return "malformed"
        with self._guard:
            batch = self._open
            if self._ended or batch.full:
                return "busy"
            batch.add(records, body)
            first = batch.envelopes == 1
        if first:
            self._work.put("store")
        if not batch.gate.acquire(timeout=_PATIENCE):
            return "busy"
        batch.gate.release()
        return "kept" if batch.stored else "not_stored"

    def _store_all(self) -> None:
        told = "store"
        while told != "end":
            told = self._work.get()
            with self._guard:
                batch, self._open = self._open, _Batch()
            try:
                self._store(batch)
            except Exception:  # noqa: BLE001 - without this thread every further event would wait in vain
                _LOG.exception("storing notifications ended in a fault")
            finally:
                if batch.gate.locked():
                    batch.gate.release()

    def _store(self, batch: _Batch) -> None:
        try:
            if batch.records:
                self._journal.append(batch.records)
        except OSError as fault:
            self._troubles.met(_NOT_STORED, fault)
        else:
            self._troubles.over(_NOT_STORED)
            with self.totals.lock:
                for record in batch.records:
                    self._count(record)
            batch.stored = True
        batch.gate.release()
        if batch.stored:
            self._append(batch.bodies)
        if monotonic() - self._checkpointed > _CHECKPOINT_SECONDS or self._journal.size > _CHECKPOINT_BYTES:
            self._checkpoint()

    def _replay(self, record: Any) -> None:
        """Count a record of the journal. Raises ValueError for one that `records_of` does not make."""
        if fault := fault_of(record):
            raise ValueError(fault)
        self._count(record)

    def _count(self, record: Record) -> None:
        name = record[0]
        if name in self._ids:
            self.totals.add(metrics.DUPLICATES, ())
            return
        if name:
            self._ids[name] = None
            if len(self._ids) > _REMEMBERED:
                self._ids.popitem(last=False)
        if len(record) == 1:
            self.totals.add(metrics.INVALID, ())
            return
        _, action, artifact, namespace, size, redirected, actor, lag = record
        namespace = self._admitted("namespace", namespace)
        self.totals.add(metrics.RECEIVED, (action, artifact, namespace))
        self.totals.add(metrics.BYTES, (action, namespace), size)
        if action == "pull" and artifact == "blob":
            self.totals.add(metrics.PULLED_BYTES, (redirected,), size)
        actor = self._admitted("actor", actor)
        self.totals.add(metrics.ACTORS, (action, actor))
        if lag is not None:
            self.totals.observe(metrics.LAG, (), lag)

    def _admitted(self, label: str, name: str) -> str:
        shown, gone = self._names[label].admit(name)
        if gone is not None:
            self.totals.fold(label, gone)
            self.totals.add(metrics.REPLACED, (label,))
        return shown

    def _checkpoint(self) -> None:
        self._checkpointed = monotonic()
        self.totals.log_refused(_LOG)
        names = {label: bounded.data() for label, bounded in self._names.items()}
        try:
            self._journal.checkpoint({"totals": self.totals.data(), "names": names, "ids": list(self._ids)})
        except OSError as fault:
            self._troubles.met(_NO_CHECKPOINT, fault)
        else:
            self._troubles.over(_NO_CHECKPOINT)

    def _load(self, state: Any) -> None:
        self.totals.load(state["totals"])
        for label, bounded in self._names.items():
            for gone in bounded.load(state["names"][label]):
                self.totals.fold(label, gone)
        self._ids = OrderedDict.fromkeys(state["ids"])

    def _append(self, bodies: list[bytes]) -> None:
        """Write the envelopes for `regobs logs`, a line each, without secrets; not stored as surely as the counts."""
        if self._append_to is None or not bodies:
            return
        try:
            with os.fdopen(open_regular(self._append_to, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), "ab") as file:
                _write_masked(file, bodies)
        except OSError as fault:
            self._troubles.met(_NOT_APPENDED, fault)
        else:
            self._troubles.over(_NOT_APPENDED)


class NotificationApp:
    """The WSGI application that registries send to: `POST`, with the token as bearer where one is set.

    While the file of the token cannot be read nobody is let in: that counts as `auth`, and is answered so that the
    registry sends again.
    """

    def __init__(self, receiver: Receiver, instruments: Instruments, token: Callable[[], str]) -> None:
        self._receiver = receiver
        self._token = token
        self._results = instruments.counter(metrics.REQUESTS)
        self._results.zero()
        self._troubles = LastingTroubles(_LOG)
        self._guard = threading.Lock()
        self._seconds = instruments.histogram(metrics.KEPT_SECONDS)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """One notification."""
        if environ.get("REQUEST_METHOD") != "POST":
            return answer(start_response, "405 Method Not Allowed", "only POST\n", ("Allow", "POST"))
        result = self._result(environ)
        self._results.child(result=result).inc()
        if result == "kept":
            return answer(start_response, "200 OK", "kept\n")
        if result == "auth" and self.ready():
            header = ("WWW-Authenticate", 'Bearer realm="regobs"')
            return answer(start_response, "401 Unauthorized", "the bearer token is missing or wrong\n", header)
        if result == "too_large":
            return answer(start_response, "413 Content Too Large", f"at most {LARGEST_BODY} bytes\n")
        if result == "malformed":
            chunked = "HTTP_TRANSFER_ENCODING" in environ
            return answer(start_response, *(_NO_LENGTH if chunked else _NO_ENVELOPE))
        return answer(start_response, "503 Service Unavailable", f"{result}: send again\n", ("Retry-After", "1"))

    def ready(self) -> bool:
        """Whether the file of the token can be read."""
        return self._readable_token() is not None

    def _readable_token(self) -> str | None:
        """The token as its file has it now; None while it cannot be read, which is logged once."""
        try:
            token = self._token()
        except ConfigError as fault:
            with self._guard:
                self._troubles.met(_ALL_REFUSED, f"{fault.message}: {fault.value}")
            return None
        with self._guard:
            self._troubles.over(_ALL_REFUSED)
        return token

    def _result(self, environ: dict[str, Any]) -> str:
        token = self._readable_token()
        if token is None:
            return "auth"
        scheme, _, sent = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
        right = hmac.compare_digest(sent.strip().encode("utf-8", "replace"), token.encode())
        if token and not (right and scheme.lower() == "bearer"):
            return "auth"
        length = str(environ.get("CONTENT_LENGTH") or "")
        if not length.isascii() or not length.isdigit():
            return "malformed"
        if len(length) > 9 or int(length) > LARGEST_BODY:
            return "too_large"
        body = environ["wsgi.input"].read(int(length))
        start = monotonic()
        result = self._receiver.keep(body) if len(body) == int(length) else "malformed"
        self._seconds.child().observe(monotonic() - start)
        return result


def _write_masked(file: IO[bytes], bodies: list[bytes]) -> None:
    for body in bodies:
        try:
            line = msgspec.json.encode(redacted_fields(msgspec.json.decode(body)))
        except UNREADABLE:  # in a part that is not counted; the next envelopes are written
            _LOG.warning("an envelope was counted and cannot be appended", extra={"bytes": len(body)})
            continue
        file.write(line + b"\n")
