"""What stands around the lines of a registry: container engines, the journal, syslog, and what shows logs to people.

`Unwrapper` takes the lines of a file and gives those that the registry wrote, so that every command reads the same.

| around it | form | source |
| --- | --- | --- |
| CRI | `2026-11-23T11:05:00.1Z stdout F LINE`, P instead of F for a part of a line | kubelet, CRI logging |
| Docker's json-file | objects with `log`, `stream`, `time`; a part of a line has no line end | moby, json-file driver |
| journal | `journalctl -o json` and `-o export`, where MESSAGE is text or bytes | systemd, Journal Export Formats |
| VictoriaLogs | objects with `_stream`, `_msg` and every value as text | VictoriaLogs, `/select/logsql/query` |
| shippers | objects with the line as text or as an object, see `_TEXTS`, `_OBJECTS` | Filebeat, Fluent Bit, stern |
| prefixes | see prefixes.py; several may stand one behind the other | svlogd, syslog, docker, kubectl, grep |
| logstash | `@timestamp` and `message` for `time` and `msg`, by `log.formatter: logstash` | CNCF Distribution 2.8 |
| a document | JSON over several lines, one or more, or a list of objects | jq, tickets, gcloud |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from regobs.logs.fields import ALIASES, TEXT_FIELDS, as_written
from regobs.logs.fields.field import Field, FieldType
from regobs.logs.reading.journal_export import JournalEntry, begins_entry
from regobs.logs.reading.lenient import UNDECODABLE, decode
from regobs.logs.reading.listed import listed, records_of
from regobs.logs.reading.prefixes import CRI, SELECTOR, begins, without_prefixes
from regobs.logs.reading.read import BOM, LONGEST_LINE, Line
from regobs.logs.reading.text import typed
from regobs.logs.reading.times_around import with_time

_LONGEST_DOCUMENT = LONGEST_LINE
_LONGEST_JOINED = 1 << 20  # bytes of a line in parts; container engines cut at 16 KiB what is a line of their own
_MOST_KEPT = 1 << 20  # bytes of lines that have begun, for a checkpoint
_MOST_STREAMS = 16  # of which parts of lines are waited for
_LAYERS = 5  # what stands around each other, such as an object of Docker around a line of CRI
# Where shippers put what they read: as text, as an object.
_TEXTS = (
    "log", "message", "line", "textPayload", "body", "_raw", "LogMessage", "LogEntry", "full_message", "short_message",
    "_msg", "@message",
)  # fmt: skip
_MESSAGES = frozenset({"message", "_msg"})  # where lines of their own, which have a level, have their message
_OBJECTS = (
    "jsonPayload", "_source", "json", "result", "LogMessage", "attributes", "content", "line", "log", "message",
    "@message",
)  # fmt: skip
_OF_REQUESTS = ("uri", "url", "events")  # of lines of their own, whose message may be empty
_EVENT = "event"  # of Splunk: text or an object; GitLab's lines of tasks have a word there, so its name is no mark
_EVENT_MARKS = (b'"event":{', b'"event": {')
MARKS_OF_OBJECTS = (
    *(f'"{name}"'.encode() for name in (*_TEXTS, *_OBJECTS, "MESSAGE")),
    *_EVENT_MARKS,
    *(mark + begin for mark in (b'"event":"', b'"event": "') for begin in (b"{", b"time=")),
)
_OBJECT_MARKS = (*(f'"{name}":'.encode() for name in _OBJECTS), *_EVENT_MARKS)
JSON_FILE = b'{"log":"'  # how an object of Docker's begins
_OF_JSON_FILE = frozenset({"log", "stream", "time", "attrs"})
_STORED = {**{name: as_written(alias) for name, alias in ALIASES.items()}, **TEXT_FIELDS}
_MARKS = re.compile(rb"\A(?:" + BOM + rb")++")  # at the start of each file that was put behind another
_STRUCTURED = re.compile(rb'\{\s*"|(?:time|level)=')
# What the programs that show logs say themselves.
_OF_A_COLLECTOR = re.compile(
    rb"==> .{1,400} <==|-- (?:Logs begin at|Journal begins at|Boot|Reboot|No entries)\b.{0,400}|Attaching to .{1,4000}"
)


class Unwrapper:
    """Gives the lines that a registry wrote out of those of a file, in order; one for each file.

    `add` takes a line and gives those that end with it; each has the number and the offset at which it began. `begun`
    is the `data` of one that read the lines before.
    """

    def __init__(self, begun: Mapping[str, Any] | None = None) -> None:
        self._begun: dict[bytes, Line] = {}  # lines of which only the first parts came, by stream
        self._document: _Document | None = None
        self._entry: JournalEntry | None = None
        self._first = begun is None
        if begun:
            self._begun = {_bytes(stream): Line(1, 0, _bytes(content)) for stream, content in begun["parts"]}
            for content in begun["document"]:
                if self._document is None:
                    self._document = _Document(Line(1, 0, _bytes(content)))
                else:
                    self._document.add(Line(1, 0, _bytes(content)))
            if begun["export"] is not None:
                self._entry = JournalEntry(*map(_bytes, begun["export"]))

    def data(self) -> dict[str, Any]:
        """What has begun and not ended, as JSON, for an unwrapper of the lines that follow.

        Empty where nothing has, and where it is more than a checkpoint should hold.
        """
        held = [line.content for line in (*self._begun.values(), *(self._document.lines if self._document else ()))]
        held += self._entry.begun() if self._entry else ()
        if not self.open or sum(map(len, held)) > _MOST_KEPT:
            return {}
        return {
            "parts": [[_text(stream), _text(line.content)] for stream, line in self._begun.items()],
            "document": [_text(line.content) for line in self._document.lines] if self._document else [],
            "export": None if self._entry is None else list(map(_text, self._entry.begun())),
        }

    @property
    def open(self) -> bool:
        """Whether something has begun that further lines belong to."""
        return self._document is not None or self._entry is not None or bool(self._begun)

    def add(self, line: Line) -> list[Line]:
        """The lines that end here; none within one."""
        if self._entry is None and line.content[:1] == BOM[:1]:
            line = line._replace(content=_MARKS.sub(b"", line.content))
        if self._entry is not None or self._document is not None:
            return self._further(line)
        if begins_entry(line.content):
            self._first, self._entry = False, JournalEntry()
            return self._further(line)
        content = line.content.lstrip()
        if line.fault or not content:
            return [line if line.fault else line._replace(content=b"")]
        first, self._first = self._first, False
        if records := listed(content.rstrip()):
            return [one for record in records for one in self._unwrapped(line._replace(content=record))]
        if _opens_document(content.rstrip(), first=first):
            self._document = _Document(line)
            return []
        return self._unwrapped(line._replace(content=content))

    def rest(self) -> list[Line]:
        """The lines that have begun and not ended."""
        late = [*(self._document.lines if self._document else ()), *(self._entry.rest() if self._entry else ())]
        self._document = self._entry = None
        found = [one for line in late for one in self._unwrapped(line)]
        found += self._begun.values()
        self._begun = {}
        return found

    def _further(self, line: Line) -> list[Line]:
        if self._entry is not None:
            found, left = self._entry.add(line), self._entry.left
            self._entry = None if self._entry.ended else self._entry
            return [one for late in found for one in self._unwrapped(late)] + [
                one for late in left for one in self.add(late)
            ]
        assert self._document is not None  # noqa: S101 - of the caller
        ended = self._document.add(line)
        if ended is None:
            return []
        left, self._document = self._document.left, None
        *before, last = *ended, *left  # of which the last alone may begin something else
        found = [one for late in before for one in self._unwrapped(late)]
        return found + (self.add(last) if begins_entry(last.content) else self._unwrapped(last))

    def _unwrapped(self, line: Line) -> list[Line]:
        content = seen = whole = line.content
        for _ in range(_LAYERS):
            is_object = content[:1] == b"{" and not SELECTOR.match(content)
            found = _of_object(content) if is_object else _of_cri(content)
            if found is None:
                shorter = content if is_object else without_prefixes(content)
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
        if content and not begins(content):
            content = seen  # what looked like a prefix was none
        content = with_time(content.rstrip(), whole)
        return [] if _OF_A_COLLECTOR.fullmatch(content) else [line._replace(content=content)]


def is_around_a_line(content: bytes) -> bool:
    """Whether an object of JSON is one that Docker, the journal or a shipper wrote around a line."""
    return _of_object(content) is not None or bool(listed(content))


class _JsonFile(msgspec.Struct, forbid_unknown_fields=True):
    """An object of Docker's json-file driver."""

    log: str
    stream: str
    time: str
    attrs: dict[str, Any] | None = None


_json_file = msgspec.json.Decoder(_JsonFile).decode


def whole_line(content: bytes) -> bytes | None:
    """The JSON in a line of CRI or of Docker's json-file that is no part of one; None of any other line.

    What `Unwrapper.add` gives for it where nothing has begun, but quickly: most lines of a cluster are such.
    """
    if content[:8] == JSON_FILE:
        try:
            log = _json_file(content).log
        except UNDECODABLE:
            return None
        if log[-1:] != "\n":
            return None
        inner = _encoded(log[:-1]).rstrip()
    else:
        found = CRI.match(content)
        if found is None or found[2] != b"F":
            return None
        inner = content[found.end() :].rstrip()
    return inner if inner[:2] == b'{"' and b"\n" not in inner else None


_Taken = tuple[bytes, bytes, bool]  # the stream, a line or a part of one, whether it ends there


def _of_cri(content: bytes) -> _Taken | None:
    found = CRI.match(content)
    return (found[1], content[found.end() :].removesuffix(b"\r"), found[2] == b"F") if found else None


def _of_object(content: bytes) -> _Taken | None:
    """What Docker, the journal or a shipper wrapped."""
    if b'"msg":' in content:
        if content.find(b"{", 1) < 0 or not any(mark in content for mark in _OBJECT_MARKS):
            return None
    elif b'"event"' not in content and not any(mark in content for mark in MARKS_OF_OBJECTS):
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
    return _of_journal(record) or _of_shipper(record) or _of_victorialogs(record) or _of_logstash(record)


def _of_shipper(record: dict[str, Any]) -> _Taken | None:
    has_level = isinstance(record.get("level", record.get("severity")), str)
    for name in (*_TEXTS, _EVENT):
        text = record.get(name)
        if isinstance(text, str):
            content = _encoded(text.removesuffix("\n"))
            tag = record.get("logtag")  # of Fluent Bit's parser of CRI
            if tag in {"P", "F"} or _is_line(content, is_message=has_level and name in _MESSAGES):
                return str(record.get("stream")).encode(), content, tag != "P"
    for name in (*_OBJECTS, _EVENT):
        inner = record.get(name)
        if isinstance(inner, dict) and not inner.keys().isdisjoint(("msg", *_TEXTS)):
            return b"", msgspec.json.encode(inner), True
    texts = [record[name] for name in (*_TEXTS, _EVENT) if isinstance(record.get(name), str)]
    of_its_own = has_level or isinstance(record.get("status"), int) or not record.keys().isdisjoint(_OF_REQUESTS)
    is_blank = bool(texts) and not of_its_own and not any(map(str.strip, texts))
    return (b"", b"", True) if is_blank else None  # an empty line, such as that within a panic


def _is_line(content: bytes, *, is_message: bool) -> bool:
    """Whether text is a line. Of a message only what is JSON or logfmt is: others may begin as lines do."""
    if is_message:
        return _STRUCTURED.match(content) is not None
    return begins(content) or CRI.match(content) is not None or without_prefixes(content) != content


def _of_victorialogs(record: dict[str, Any]) -> _Taken | None:
    """The line of which VictoriaLogs was given the fields: it keeps each as text, and two under names of its own."""
    if record.keys().isdisjoint(("_stream", "_stream_id")) or not isinstance(record.get("_msg"), str):
        return None
    found: dict[str, Any] = {"time": record["_time"]} if "_time" in record else {}
    found["msg"] = record["_msg"]
    for name in sorted(record.keys() - {"_stream", "_stream_id", "_time", "_msg"}):
        head, _, key = name.partition(".")
        if key and name not in _STORED and head in _STORED and _STORED[head].type is FieldType.OBJECT:
            found.setdefault(head, {})[key] = record[name]
        else:
            found[name] = _from_text(record[name], _STORED.get(name))
    return b"", msgspec.json.encode(found), True


def _from_text(value: Any, field: Field | None) -> Any:
    """A value of JSON of which the text was kept."""
    if not isinstance(value, str) or field is None:
        return value
    if field.type is FieldType.KEYWORD_LIST:
        try:
            return decode(value)
        except UNDECODABLE:
            return value
    return typed(value, field)


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
        records = records_of(found)
        return [self.lines[0]._replace(content=msgspec.json.encode(one), ended=True) for one in records]


def logical(lines: Iterator[Line]) -> Iterator[Line]:
    """The lines that a registry wrote, of those of a file."""
    unwrapper = Unwrapper()
    for line in lines:
        yield from unwrapper.add(line)
    yield from unwrapper.rest()
