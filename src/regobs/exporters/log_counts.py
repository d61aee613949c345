"""Log lines of a registry into counts: fast for JSON as a GitLab registry writes it, right for every other form.

A block of lines is counted in small dictionaries first, whose sums go into the totals at its end: most lines of a block
share their labels.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from weakref import WeakKeyDictionary

import msgspec

from regobs.catalog import http
from regobs.catalog import logs as metrics
from regobs.catalog.bounded import AUTH_TYPES, CLIENTS
from regobs.catalog.model import Flavor
from regobs.exporters.declared import DeclaredCounts, DeclaredMetric, Redeclared
from regobs.exporters.log_records import ACCESS_MESSAGE, MOST_BYTES, decode_record, record_of
from regobs.exporters.log_words import STREAMS, api_code, client_name, message_finder
from regobs.exporters.own_lines import OwnLines
from regobs.exporters.totals import OTHER, BoundedNames, Totals
from regobs.instrument.http.routes import Routes
from regobs.logs.fields import DISTRIBUTION_FIELDS
from regobs.logs.messages.streams import stream
from regobs.logs.reading.read import Line
from regobs.logs.reading.record import ParsedLine, parse
from regobs.logs.reading.sources import place_in_set
from regobs.logs.reading.wrapping import JSON_FILE, Unwrapper, whole_line

METRICS = (
    *(metrics.REQUESTS, metrics.DURATION, metrics.BYTES, metrics.NAMESPACE_REQUESTS, metrics.NAMESPACE_BYTES),
    *(metrics.NAMESPACE_TIME, metrics.CLIENTS, metrics.REDIRECTS, metrics.PULLED_BYTES, metrics.MESSAGES),
    *(metrics.API_ERRORS, metrics.AUTHORIZATIONS, metrics.LINES, metrics.SCHEMA_ERRORS, metrics.REPLACED),
)
_BOUNDS = metrics.DURATION.forms[0].buckets or ()
_ROW = [0, 0, 0, 0.0] + [0] * (len(_BOUNDS) + 1)
_KINDS = metrics.LINES.forms[0].labels[0].values or ()
_STATUS = {number: f"{number}xx" for number in range(1, 6)}
_METHODS = frozenset(http.METHODS)
_LEVELS = frozenset(metrics.LEVELS)
_TROUBLE = frozenset({"warning", "error", "fatal", "panic"})  # levels of an access line that is a message too
_ACTION = {"get": "pull", "head": "pull", "put": "push", "post": "push", "patch": "push", "delete": "delete"}
_CONTENT = frozenset({"manifest", "blob", "upload_start", "upload"})  # words of routes over which images go
_PLACES, _LONGEST_PATH = 50_000, 512  # paths that are remembered, and the characters of one
_DIGEST = "sha256:" + "0" * 64
# GitLab writes this twice of a pull; the line that has a size tells of the bytes. Of CNCF Distribution, which
# does not write it, the access line tells of those that it served.
_DOWNLOADED = "blob downloaded"
_REDIRECTED = {True: "true", False: "false"}
_AUTHORIZED, _UNTYPED = "authorized request", "untyped"  # the second: of a token that says no type of its user

_DISTRIBUTION_MARK = DISTRIBUTION_FIELDS["http.response.written"].name.encode()  # of its access lines
Warn = Callable[[str], None]


def no_warning(text: str) -> None:
    """Drop it."""


class _Place:
    """What a path leads to: the route as the registry writes it, its word, the namespace where it has one.

    There is one object of each, so that it is a key by its identity, which is quicker than by three texts.
    """

    __slots__ = ("namespace", "route", "word")

    def __init__(self, route: str, word: str, namespace: str) -> None:
        self.route, self.word, self.namespace = route, word, namespace


class LogCounter:
    """Counts the lines of one or more files. One thread calls it; `totals` may be read meanwhile.

    `declared` are metrics beside those of the catalog; without them no line is read as a whole.
    """

    def __init__(self, flavor: Flavor, *, namespaces: int = 100, declared: Sequence[DeclaredMetric] = ()) -> None:
        self.totals = Totals(METRICS)
        self.declared = DeclaredCounts(declared) if declared else None
        self.names = {
            "namespace": BoundedNames(namespaces),
            "client": BoundedNames(CLIENTS),
            "type": BoundedNames(AUTH_TYPES),
        }
        self._routes = Routes(flavor)
        self._places: dict[str, _Place] = {}
        self._alike: dict[tuple[str, str, str], _Place] = {}
        self._templates = dict(http.ROUTE.words)
        self._known = message_finder(flavor)
        self._own: WeakKeyDictionary[Unwrapper, OwnLines] = WeakKeyDictionary()  # by the file
        self._logs: dict[str, OwnLines] = {}
        self._other_mark = _DISTRIBUTION_MARK if flavor is Flavor.DISTRIBUTION else b""
        self._text_fields = stream(STREAMS[flavor]).fields
        self._begin()

    def count(self, lines: Iterable[bytes], unwrapper: Unwrapper) -> None:
        """Count lines of one file, in their order; `unwrapper` is that of the file."""
        decode, access, application, other = decode_record, self._access, self._application, self._other_mark
        for content in lines:
            inner = content if content[:2] == b'{"' and content[:8] != JSON_FILE else whole_line(content)
            if inner is None or unwrapper.open or (other and other in inner):
                self._slow(content, unwrapper)
                continue
            try:
                record = decode(inner)
            except (msgspec.DecodeError, ValueError, RecursionError):
                self._slow(content, unwrapper)
                continue
            if (
                record.written_bytes is not None
                and record.status is not None
                and record.method is not None
                and record.uri is not None
                and record.duration_ms is not None
            ):
                access(record)
            elif (
                record.msg is not None
                and record.level is not None
                and record.written_bytes is None
                and record.msg != ACCESS_MESSAGE
            ):
                application(record)
            else:
                self._slow(content, unwrapper)
                continue
            if self.declared is not None and (whole := parse(Line(1, 0, inner), self._text_fields).record):
                self.declared.count(whole)
        self._end()

    @property
    def all_totals(self) -> tuple[Totals, ...]:
        """What was counted, the declared metrics as well."""
        return (self.totals, *(self.declared.totals.values() if self.declared else ()))

    def warn_refused(self, warn: Warn) -> None:
        """Tell of each metric that has reached its ceiling of series."""
        for totals in self.all_totals:
            for one in totals.refused():
                warn(str(one))

    def data(self) -> dict[str, Any]:
        """Everything, for a checkpoint."""
        names = {label: names.data() for label, names in self.names.items()}
        declared = self.declared.data() if self.declared else {}
        return {"totals": self.totals.data(), "names": names, "declared": declared}

    def load(self, state: Mapping[str, Any]) -> list[Redeclared]:
        """Go on from a checkpoint; the declared metrics that begin anew."""
        self.totals.load(state["totals"])
        for label, names in self.names.items():
            for gone in names.load(state["names"][label]):
                self.totals.fold(label, gone)
        return [] if self.declared is None else self.declared.load(state.get("declared", {}))

    def unwrapper(self, file: str, begun: Mapping[str, Any] | None = None) -> Unwrapper:
        """A new unwrapper for the lines of a file; requests are known in all files that rotation makes of one log."""
        unwrapper = Unwrapper(begun)
        self._own[unwrapper] = self._logs.setdefault(place_in_set(Path(file))[0], OwnLines())
        return unwrapper

    def own_lines(self, unwrapper: Unwrapper) -> OwnLines:
        """The requests of a log of which a line is still to come."""
        return self._own.setdefault(unwrapper, OwnLines())

    def keep_logs(self, files: Iterable[str]) -> None:
        """Forget the requests of logs that have none of these files."""
        logs = {place_in_set(Path(file))[0] for file in files}
        self._logs = {log: own for log, own in self._logs.items() if log in logs}

    def _begin(self) -> None:
        # By place, method and status: requests, bytes read, bytes written, seconds, then how many of each bucket.
        self._requests: dict[tuple[_Place, str | None, int | None], list[Any]] = {}
        self._agents: dict[str | None, int] = {}
        self._messages: dict[tuple[str, str], int] = {}
        self._pulled: dict[bool | None, int] = {}  # bytes by whether the client was redirected
        self._codes: dict[str, int] = {}
        self._authorized: dict[tuple[str, str], int] = {}  # by result, and the type as the line has it
        self._broken: dict[str, int] = {}  # by field
        self._lines = dict.fromkeys(_KINDS, 0)

    def _access(self, record: Any, *, counted: bool = False) -> None:
        """Count a request; of one that was `counted` by a line in Apache's form, what that has not."""
        uri = record.uri or ""
        path = uri.partition("?")[0] if "?" in uri else uri
        head, _, tail = path.rpartition("/")
        # Digests and uploads, of which there are many, share what is known of their repository.
        if len(tail) == len(_DIGEST) and tail[:7] == "sha256:" and tail[7:].isalnum():
            path = f"{head}/{_DIGEST}"
        place = self._places.get(path) or self._new_place(path, head, tail)
        key = (place, record.method, record.status)
        try:
            row = self._requests[key]
        except KeyError:
            row = self._requests[key] = _ROW[:]
        row[1] += record.read_bytes or 0
        if not counted:
            row[0] += 1
            row[2] += record.written_bytes or 0
        if record.duration_ms is not None:  # an access line in Apache's form has none
            seconds = record.duration_ms / 1000
            row[3] += seconds
            row[bisect_left(_BOUNDS, seconds) + 4] += 1
        if counted:
            return
        agent = record.user_agent
        self._agents[agent] = self._agents.get(agent, 0) + 1

    def _new_place(self, path: str, head: str, tail: str) -> _Place:
        """What a path leads to; the places of many paths are remembered."""
        plain = unquote(path) if "%" in path else path
        if head.endswith("/uploads") and tail.replace("-", "").isalnum() and tail.isascii():
            plain = f"{unquote(head)}/0"
        word = self._routes.word(plain)
        route = metrics.UNMATCHED if word is None else self._templates.get(word, metrics.UNMATCHED)
        before, named, _ = route.partition("{name}")
        namespace = plain[len(before) :].partition("/")[0] if named else ""
        told = (route, word or "", namespace)
        if len(self._places) >= _PLACES:
            self._places.clear()
            self._alike.clear()
        place = self._alike.get(told) or self._alike.setdefault(told, _Place(*told))
        if len(path) <= _LONGEST_PATH:
            self._places[path] = place
        return place

    def _application(self, record: Any) -> None:
        self._lines["application"] += 1
        self._message(record)
        if record.msg == _DOWNLOADED and type(size := record.size_bytes) is int and 0 <= size <= MOST_BYTES:
            told = record.redirect if isinstance(record.redirect, bool) else None
            self._pulled[told] = self._pulled.get(told, 0) + size
        elif record.msg == _AUTHORIZED:
            self._authorize("authorized", record.auth_user_type or _UNTYPED)
        elif record.msg.startswith("error authorizing context"):
            self._authorize("failed", "none")

    def _message(self, record: Any) -> None:
        level = record.level if record.level in _LEVELS else OTHER
        key = (level, self._known(record.msg))
        self._messages[key] = self._messages.get(key, 0) + 1
        if record.code is not None and level in {"error", "warning"}:
            code = api_code(record.code)
            self._codes[code] = self._codes.get(code, 0) + 1

    def _authorize(self, result: str, kind: str) -> None:
        self._authorized[result, kind] = self._authorized.get((result, kind), 0) + 1

    def _slow(self, content: bytes, unwrapper: Unwrapper) -> None:
        """A line in any form that registries write and collectors wrap."""
        content = content.lstrip(b"\0") or content  # the hole that copytruncate may leave
        for line in unwrapper.add(Line(1, 0, content)):
            if not line.content:
                continue
            found = parse(line, self._text_fields)
            if found.record is None:
                self._lines["malformed"] += 1
                continue
            record, is_access, broken = record_of(found.record, found.form)
            if is_access:
                if self._repeated(record, found, unwrapper):
                    self._lines["repeated"] += 1
                    if found.form == "combined":
                        continue
                else:
                    self._access(record)
                    for name in broken:
                        self._broken[name] = self._broken.get(name, 0) + 1
            elif record.msg is not None:
                record.level = record.level or "info"
                self._application(record)
            else:
                self._lines["invalid"] += 1
                continue
            if self.declared is not None:
                self.declared.count(found.record)

    def _repeated(self, record: Any, found: ParsedLine, unwrapper: Unwrapper) -> bool:
        """Whether the request of an access line was counted; what its own line alone says is counted here."""
        own = self.own_lines(unwrapper)
        if found.form == "combined":
            return own.repeats(record, combined=True)
        if record.level in _TROUBLE and record.msg not in {None, ACCESS_MESSAGE}:
            self._message(record)
        if found.record is not None and own.further_error(found.record):
            return True
        if not own.repeats(record, combined=False):
            return False
        self._access(record, counted=True)
        return True

    def _shown(self, label: str, events: Mapping[str, int]) -> dict[str, str]:
        """Names with so many events in a block, and what each is counted under."""
        names = self.names[label]
        shown: dict[str, str] = {}
        for name, count in events.items():
            shown[name], gone = names.admit(name, count)
            if gone is not None:
                self.totals.fold(label, gone)
                self.totals.add(metrics.REPLACED, (label,))
        kept = set(names.shown)  # a later name of the block may have taken the place of an earlier one
        return {name: told if told in kept else OTHER for name, told in shown.items()}

    def _end(self) -> None:
        """Add what a block counted to the totals."""
        spaces: dict[str, int] = {}
        for (place, _, _), row in self._requests.items():
            if place.namespace:
                spaces[place.namespace] = spaces.get(place.namespace, 0) + int(row[0])
        clients: dict[str, int] = {}
        for agent, count in self._agents.items():
            name = client_name(agent or "")
            clients[name] = clients.get(name, 0) + count
        self._lines["access"] = int(sum(row[0] for row in self._requests.values()))
        with self.totals.lock:
            self._end_requests(self._shown("namespace", spaces))
            shown = self._shown("client", clients)
            for name, count in clients.items():
                self.totals.add(metrics.CLIENTS, (shown[name],), count)
            self._end_messages()
            for kind, count in self._lines.items():
                if count:
                    self.totals.add(metrics.LINES, (kind,), count)
        self._begin()

    def _end_messages(self) -> None:
        for redirected, size in self._pulled.items():
            label = "unknown" if redirected is None else _REDIRECTED[redirected]
            self.totals.add(metrics.PULLED_BYTES, (label,), size)
        for key, count in self._messages.items():
            self.totals.add(metrics.MESSAGES, key, count)
        for code, count in self._codes.items():
            self.totals.add(metrics.API_ERRORS, (code,), count)
        for name, count in self._broken.items():
            self.totals.add(metrics.SCHEMA_ERRORS, (name,), count)
        kinds = {kind: count for (result, kind), count in self._authorized.items() if result == "authorized"}
        shown = self._shown("type", kinds)
        for (result, kind), count in self._authorized.items():
            self.totals.add(metrics.AUTHORIZATIONS, (result, shown[kind] if result == "authorized" else kind), count)

    def _end_requests(self, shown: Mapping[str, str]) -> None:
        add = self.totals.add
        times: dict[tuple[str, str, str], list[Any]] = {}
        for (place, told, code), (number, read, written, seconds, *buckets) in self._requests.items():
            method = (told or "").lower()
            method = method if method in _METHODS else "unknown"
            status = "unknown" if code is None else _STATUS.get(code // 100, OTHER)
            key = (method, place.route, status)
            add(metrics.REQUESTS, key, number)
            add(metrics.BYTES, ("read", *key), read)
            add(metrics.BYTES, ("written", *key), written)
            before = times.get(key)
            row = [*buckets, seconds]
            times[key] = row if before is None else [one + other for one, other in zip(row, before, strict=True)]
            if place.word == "blob" and method == "get" and status == "2xx" and self._other_mark:
                add(metrics.PULLED_BYTES, ("false",), written)
            if not place.namespace:
                continue
            name = shown[place.namespace]
            action = _ACTION.get(method, OTHER) if place.word in _CONTENT else OTHER
            add(metrics.NAMESPACE_REQUESTS, (action, name, status), number)
            add(metrics.NAMESPACE_BYTES, (action, "read", name), read)
            add(metrics.NAMESPACE_BYTES, (action, "written", name), written)
            add(metrics.NAMESPACE_TIME, (action, name, status), seconds)
            if place.word == "blob" and method == "get" and status == "3xx":
                add(metrics.REDIRECTS, (name,), number)
        for key, row in times.items():
            if any(row):
                self.totals.merge(metrics.DURATION, key, row)
