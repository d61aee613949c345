"""What stands around the lines of a registry: container engines, the journal, syslog, and what shows logs to people.

`Unwrapper` takes the lines of a file and gives those that the registry wrote, so that every command reads the same.

| around it | form | source |
| --- | --- | --- |
| CRI | `2026-11-23T11:05:00.1Z stdout F LINE`, P instead of F for a part of a line | kubelet, CRI logging |
| Docker's json-file | objects with `log`, `stream`, `time`; a part of a line has no line end | moby, json-file driver |
| journal | `journalctl -o json` and `-o export`, where MESSAGE is text or bytes | systemd, Journal Export Formats |
| shippers | objects with the line as text or as an object, see `_TEXTS`, `_OBJECTS` | Filebeat, Fluent Bit, stern |
| prefixes | see `_PREFIXES`; several may stand one behind the other | svlogd, syslog, docker, kubectl, grep |
| logstash | `@timestamp` and `message` for `time` and `msg`, by `log.formatter: logstash` | CNCF Distribution 2.8 |
| a document | JSON over several lines, one or more, or a list of objects | jq, tickets, gcloud |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from regobs.logs.reading.lenient import UNDECODABLE, decode
from regobs.logs.reading.read import LONGEST_LINE, Line

_LONGEST_DOCUMENT = LONGEST_LINE
_LONGEST_JOINED = 1 << 20  # bytes of a line in parts; container engines cut at 16 KiB what is a line of their own
_MOST_KEPT = 1 << 20  # bytes of lines that have begun, for a checkpoint
_MOST_STREAMS = 16  # of which parts of lines are waited for
_LAYERS = 5  # prefixes that stand one behind the other; grep, compose, a time and CRI are four
_ANSI = re.compile(rb"\x1b\[[0-9;:?]{0,40}[ -/]{0,4}[@-~]")
_CRI = re.compile(
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(?:Z|[+-][0-9]{2}:[0-9]{2}) (stdout|stderr) ([FP])(?::\S{1,40})? "
)
_TIME = rb"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_NAME = rb"[A-Za-z0-9][A-Za-z0-9._/@-]{0,200}"
# Where shippers put what they read: as text, as an object. Of `message` only text that is JSON or logfmt is a line,
# for labkit's lines have their message there.
_TEXTS = ("log", "message", "line", "textPayload", "body", "_raw", "LogMessage", "LogEntry", "short_message", "_msg")
_OBJECTS = ("jsonPayload", "_source", "json", "result", "LogMessage")
MARKS_OF_OBJECTS = tuple(f'"{name}"'.encode() for name in (*_TEXTS, *_OBJECTS, "MESSAGE"))
_OBJECT_MARKS = tuple(f'"{name}":'.encode() for name in _OBJECTS)
_OF_JSON_FILE = frozenset({"log", "stream", "time", "attrs"})
_STRUCTURED = re.compile(rb'\{\s*"|(?:time|level)=')
_SELECTOR = re.compile(rb'\{(?:[A-Za-z_][A-Za-z0-9_]{0,80}="[^"]{0,400}"(?:, ?)?){1,40}\} {1,8}')  # of logcli
_HOST = rb" [^\s{}\"=]{1,255} [^\s:\[]{1,128}(?:\[[0-9]{1,10}\])?: "  # host name[7]:
# RFC 5424, octet-counted (RFC 6587) or not. A quoted value of its structured data may hold a bracket.
_STRUCTURED_DATA = rb'\[(?:[^\]"]|"(?:[^"\\]|\\.){0,400}"){0,400}\]'
_RFC5424 = (
    rb"(?:[1-9][0-9]{0,6} )?<[0-9]{1,3}>1 (?:\S{1,255} ){5}(?:-|(?:" + _STRUCTURED_DATA + rb"){1,4}) (?:\xef\xbb\xbf)?"
)
# Each takes a prefix off; what follows is looked at again.
_PREFIXES = tuple(
    re.compile(one)
    for one in (
        rb"[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9:.]{8,16} ",  # svlogd, as Omnibus GitLab runs the registry
        rb"@[0-9a-f]{24} ",  # tai64n of daemontools and s6
        _NAME + rb" {0,200}\|(?: |\Z)",  # docker compose: registry_1 |, registry-1  |
        rb"\[pod/" + _NAME + rb"\](?: |\Z)",  # kubectl logs --prefix
        rb"(?:<[0-9]{1,3}>)?[A-Z][a-z]{2} [ 0-9][0-9] [0-9:.]{8,15}" + _HOST,  # syslog, journalctl -o short
        rb"(?:<[0-9]{1,3}>)?(?:[A-Z][a-z]{2} )?" + _TIME + rb"(?: [A-Z]{3,5})?" + _HOST,  # -o short-iso, short-full
        rb"(?:[0-9]{10}\.[0-9]{6}|\[ {0,9}[0-9]{1,10}\.[0-9]{6}\])" + _HOST,  # -o short-unix, short-monotonic
        _RFC5424,
        rb"@cee: ?",  # rsyslog's mark of JSON
        _TIME + rb"\t[^\t\n]{1,200}\t",  # a file of Fluentd: time, tag, record
        _TIME + rb"(?: |\Z)",  # docker logs -t, kubectl logs --timestamps
        rb"(?![0-9]{4}-[0-9]{2})[./]{0,3}" + _NAME + rb":(?:[0-9]{1,9}:)?",  # grep -H, -n; no time
        _NAME + rb" (?:" + _NAME + rb" ){1,2}",  # stern: pod and container, a namespace before them
        _NAME + rb" (?=\{\"|time=|level=)",  # k9s, aws logs tail
    )
)
# What the programs that show logs say themselves.
_OF_A_COLLECTOR = re.compile(
    rb"==> .{1,400} <==|-- (?:Logs begin at|Journal begins at|Boot|Reboot|No entries)\b.{0,400}|Attaching to .{1,4000}"
)
# Where a line of a registry may begin. A prefix is one only when one of these stands behind it.
_BEGIN = re.compile(
    rb"""\{\s*(?:"|\}|\Z)|(?:time|level|msg)=|(?:\x1b\[[0-9;]*m)*(?:TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)(?:\x1b\[0m)?\[[0-9]
    |(?:[\w./-]{1,40}:?[ ])?[0-9]{4}/[0-9]{2}/[0-9]{2}[ ][0-9]|(?:\S{1,255}[ ]){3,4}\[[0-9A-Za-z/]{8,11}:
    |panic:[ ]|fatal[ ]error:[ ]|goroutine[ ][0-9]|created[ ]by[ ]|\t/|configuration[ ]error:[ ]
    |creating[ ]new[ ]registry[ ]instance:[ ]|running[ ]http[ ]server:[ ]
    |failed[ ]to[ ][a-z]{3,10}[ ][A-Za-z0-9_ ]{2,40}:[ ]
    |(?:[\w/%@-]{1,100}\.){1,8}[\w.*()\[\]-]{1,200}\(""",
    re.VERBOSE,
)


class Unwrapper:
    """Gives the lines that a registry wrote out of those of a file, in order; one for each file.

    `add` takes a line and gives those that end with it; each has the number and the offset at which it began. `begun`
    is the `data` of one that read the lines before.
    """

    def __init__(self, begun: Mapping[str, Any] | None = None) -> None:
        self._begun: dict[bytes, Line] = {}  # lines of which only the first parts came, by stream
        self._document: _Document | None = None
        self._export: _Export | None = None
        self._first = begun is None
        if begun:
            self._begun = {_bytes(stream): Line(1, 0, _bytes(content)) for stream, content in begun["parts"]}
            for content in begun["document"]:
                if self._document is None:
                    self._document = _Document(Line(1, 0, _bytes(content)))
                else:
                    self._document.add(Line(1, 0, _bytes(content)))
            if begun["export"] is not None:
                self._export = _Export(*map(_bytes, begun["export"]))

    def data(self) -> dict[str, Any]:
        """What has begun and not ended, as JSON, for an unwrapper of the lines that follow.

        Empty where nothing has, and where it is more than a checkpoint should hold.
        """
        held = [line.content for line in (*self._begun.values(), *(self._document.lines if self._document else ()))]
        held += self._export.begun() if self._export else ()
        if (not self.open and self._export is None) or sum(map(len, held)) > _MOST_KEPT:
            return {}
        return {
            "parts": [[_text(stream), _text(line.content)] for stream, line in self._begun.items()],
            "document": [_text(line.content) for line in self._document.lines] if self._document else [],
            "export": None if self._export is None else list(map(_text, self._export.begun())),
        }

    @property
    def open(self) -> bool:
        """Whether something has begun that further lines belong to."""
        return self._document is not None or bool(self._begun)

    def add(self, line: Line) -> list[Line]:
        """The lines that end here; none within one."""
        if self._export is not None or self._document is not None:
            return self._further(line)
        content = line.content.lstrip()
        if line.fault or not content:
            return [line if line.fault else line._replace(content=b"")]
        first, self._first = self._first, False
        if first and _is_export(content):
            self._export = _Export()
            return self._export.add(line)
        if records := _listed(content.rstrip()):
            return [one for record in records for one in self._unwrapped(line._replace(content=record))]
        if _opens_document(content.rstrip(), first=first):
            self._document = _Document(line)
            return []
        return self._unwrapped(line._replace(content=content))

    def rest(self) -> list[Line]:
        """The lines that have begun and not ended."""
        late = self._document.lines if self._document else []
        self._document = None
        found = [one for line in late for one in self._unwrapped(line)]
        found += self._begun.values()
        self._begun = {}
        return found

    def _further(self, line: Line) -> list[Line]:
        if self._export is not None:
            return self._export.add(line)
        assert self._document is not None  # noqa: S101 - of the caller
        found = self._document.add(line)
        if found is None:
            return []
        left, self._document = self._document.left, None
        return [one for late in (*found, *left) for one in self._unwrapped(late)]

    def _unwrapped(self, line: Line) -> list[Line]:
        content = seen = line.content
        for _ in range(_LAYERS):
            if selector := _SELECTOR.match(content):
                content = content[selector.end() :]
            is_object = content[:1] == b"{"
            found = _of_object(content) if is_object else _of_cri(content)
            if found is None:
                shorter = content if is_object else without_prefix(content)
                if shorter == content:
                    break
                content = shorter
                continue
            stream, content, ended = found
            begun = self._begun.pop(stream, None)
            if begun is not None:
                line = begun
                content = begun.content + content
            if not ended and len(content) <= _LONGEST_JOINED and len(self._begun) < _MOST_STREAMS:
                self._begun[stream] = line._replace(content=content)
                return []
            content = seen = content.replace(b"\n", b" ").lstrip()
        if content and not _BEGIN.match(content):
            content = seen  # what looked like a prefix was none
        return [] if _OF_A_COLLECTOR.fullmatch(content) else [line._replace(content=content.rstrip())]


def without_prefix(content: bytes) -> bytes:
    """A line without colours and without one prefix, or the same when it has neither."""
    if b"\x1b" in content:
        content = _ANSI.sub(b"", content)
    if _BEGIN.match(content):
        return content
    for prefix in _PREFIXES:
        if found := prefix.match(content):
            rest = content[found.end() :].lstrip(b" ")
            further = (_CRI, _SELECTOR, *_PREFIXES)
            if not rest or _BEGIN.match(rest) or any(one.match(rest) for one in further):
                return rest
    return content


def is_around_a_line(content: bytes) -> bool:
    """Whether an object of JSON is one that Docker, the journal or a shipper wrote around a line."""
    return _of_object(content) is not None


_Taken = tuple[bytes, bytes, bool]  # the stream, a line or a part of one, whether it ends there


def _of_cri(content: bytes) -> _Taken | None:
    found = _CRI.match(content)
    return (found[1], content[found.end() :], found[2] == b"F") if found else None


def _of_object(content: bytes) -> _Taken | None:
    """What Docker, the journal or a shipper wrapped."""
    if b'"msg":' in content:
        if not any(mark in content for mark in _OBJECT_MARKS):
            return None
    elif not any(mark in content for mark in MARKS_OF_OBJECTS):
        return None
    try:
        record = decode(content)
    except UNDECODABLE:
        return None
    if not isinstance(record, dict) or "msg" in record:
        return None
    if isinstance(record.get("log"), str) and record.keys() <= _OF_JSON_FILE and len(record) > 1:
        text = record["log"]
        return str(record.get("stream")).encode(), _encoded(text.removesuffix("\n")), text.endswith("\n")
    return _of_journal(record) or _of_shipper(record) or _of_logstash(record)


def _of_shipper(record: dict[str, Any]) -> _Taken | None:
    for name in _TEXTS:
        text = record.get(name)
        if isinstance(text, str):
            content = _encoded(text.removesuffix("\n"))
            tag = record.get("logtag")  # of Fluent Bit's parser of CRI
            if tag in {"P", "F"} or (_STRUCTURED if name == "message" else _BEGIN).match(content):
                return str(record.get("stream")).encode(), content, tag != "P"
    for name in _OBJECTS:
        inner = record.get(name)
        if isinstance(inner, dict) and not inner.keys().isdisjoint(("msg", *_TEXTS)):
            return b"", msgspec.json.encode(inner), True
    return None


def _of_logstash(record: dict[str, Any]) -> _Taken | None:
    """The line as other formatters write it."""
    if "@version" not in record or not isinstance(record.get("message"), str) or "@timestamp" not in record:
        return None
    named = {"time": record["@timestamp"], "level": record.get("level"), "msg": record["message"]}
    left = {"@timestamp", "@version", "level", "message", "type"}
    return b"", msgspec.json.encode({**named, **{key: record[key] for key in record if key not in left}}), True


def _of_journal(record: dict[str, Any]) -> _Taken | None:
    message = record.get("MESSAGE")
    if isinstance(message, list):
        try:
            return b"", bytes(message), True
        except (TypeError, ValueError):
            return None
    return (b"", _encoded(message), True) if isinstance(message, str) else None


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")


def _text(content: bytes) -> str:
    """Any bytes, as text that `_bytes` reads."""
    return content.decode("latin-1")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _is_export(content: bytes) -> bool:
    return content.startswith(b"__CURSOR=") or re.fullmatch(rb"__REALTIME_TIMESTAMP=[0-9]+", content) is not None


class _Export:
    """The messages of a journal export: `NAME=value`, or the name, eight bytes of length, and the bytes."""

    _LENGTH = 8

    def __init__(self, name: bytes = b"", value: bytes | None = None) -> None:
        self._name = name
        self._bytes = None if value is None else bytearray(value)
        self._from: Line | None = None if value is None else Line(1, 0, name)

    def begun(self) -> tuple[bytes, ...]:
        """The name and the bytes of a value that has not ended."""
        return () if self._bytes is None else (self._name, bytes(self._bytes))

    def add(self, line: Line) -> list[Line]:
        """The message that ends with the line."""
        if self._bytes is None:
            name, equals, value = line.content.partition(b"=")
            if equals or not line.content:
                return [line._replace(content=value.strip())] if name == b"MESSAGE" else []
            self._name, self._bytes, self._from = name, bytearray(), line
            return []
        self._bytes += line.content + b"\n"
        if len(self._bytes) < self._LENGTH:
            return []
        size = min(int.from_bytes(self._bytes[: self._LENGTH], "little"), 4 * LONGEST_LINE)
        if len(self._bytes) < self._LENGTH + size + 1:
            return []
        value = bytes(self._bytes[self._LENGTH : self._LENGTH + size])
        self._bytes = None
        assert self._from is not None  # noqa: S101 - set with the bytes
        return [self._from._replace(content=value.replace(b"\n", b" ").strip())] if self._name == b"MESSAGE" else []


def _listed(content: bytes) -> list[bytes]:
    """The objects of a list that stands on one line; none when it is no such list."""
    if content[:1] != b"[" or content[-2:] != b"}]":
        return []
    try:
        records = decode(content)
    except UNDECODABLE:
        return []
    return [msgspec.json.encode(one) for one in records] if all(isinstance(one, dict) for one in records) else []


def _opens_document(content: bytes, *, first: bool) -> bool:
    """Whether a line begins JSON that goes on in further lines."""
    if content in {b"{", b"["}:
        return True
    if not first or content[:1] not in {b"{", b"["} or content[-1:] not in {b"{", b"[", b","}:
        return False
    try:
        decode(content)
    except UNDECODABLE:
        return True
    return False


class _Document:
    """JSON over several lines: an object becomes one line, a list a line for each of its objects."""

    _TRIES = 8  # lines that could be the end; of JSON that is set out by depth the first is

    def __init__(self, line: Line) -> None:
        self.lines = [line]
        self.left: list[Line] = []  # lines that are none of the document
        self._size = len(line.content)
        self._margin = len(line.content) - len(line.content.lstrip())
        is_list = line.content.strip()[:1] == b"["
        self._end, self._inside = (b"]", b' \t"]}{[') if is_list else (b"}", b' \t"}]')
        self._tries = 0

    def add(self, line: Line) -> list[Line] | None:
        """The lines of the document when it ends here, or when it is none after all; None within it."""
        content = line.content.rstrip()
        self._size += len(content)
        outside = bool(content) and content[:1] not in self._inside
        if line.fault or outside or self._size > _LONGEST_DOCUMENT or self._tries >= self._TRIES:
            self.left = [*self.lines[1:], line]
            return self.lines[:1]
        self.lines.append(line)
        margin = len(content) - len(content.lstrip())
        if margin > self._margin or not content.endswith(self._end):
            return None
        self._tries += 1
        try:
            found = decode(b"\n".join(one.content for one in self.lines))
        except UNDECODABLE:
            return None
        records = found if isinstance(found, list) else [found]
        return [self.lines[0]._replace(content=msgspec.json.encode(one), ended=True) for one in records]


def logical(lines: Iterator[Line]) -> Iterator[Line]:
    """The lines that a registry wrote, of those of a file."""
    unwrapper = Unwrapper()
    for line in lines:
        yield from unwrapper.add(line)
    yield from unwrapper.rest()
