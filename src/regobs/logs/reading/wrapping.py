"""What log collectors wrap around the lines of a registry: container engines and the journal of systemd.

CRI: `2026-11-23T11:05:00.1Z stdout F LINE`, where P instead of F marks a part of a line. Docker's json-file: objects
with `log`, `stream` and `time`; a part of a line has no line end. The journal: `journalctl -o json`, where MESSAGE is
text or the numbers of its bytes, and `journalctl -o export`, where a field is `NAME=value` or, when it holds line ends,
its name, its length in eight bytes and its bytes (systemd: Journal Export Formats).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum
from typing import BinaryIO

import msgspec

from regobs.errors import InputError
from regobs.logs.reading.read import LONGEST_LINE, blocks

_CRI = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T\S+ (?:stdout|stderr) [FP](?::\S+)? ")
_EXPORT = re.compile(rb"__CURSOR=|__REALTIME_TIMESTAMP=[0-9]+$")
_DOCKER = frozenset({"log", "stream", "time"})
_LENGTH = 8
_decode = msgspec.json.Decoder().decode


class Wrapping(Enum):
    """What a file's lines are wrapped in."""

    NONE = "none"
    CRI = "cri"
    DOCKER = "docker"
    JOURNAL = "journal json"
    EXPORT = "journal export"


def wrapping_of(start: bytes) -> Wrapping:
    """What the lines are wrapped in, by the first that is not blank."""
    line = next((line for line in start.split(b"\n") if line.strip()), b"")
    if _CRI.match(line):
        return Wrapping.CRI
    if _EXPORT.match(line):
        return Wrapping.EXPORT
    try:
        record = _decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return Wrapping.NONE
    if not isinstance(record, dict):
        return Wrapping.NONE
    if record.keys() >= _DOCKER and isinstance(record["log"], str):
        return Wrapping.DOCKER
    journal = "MESSAGE" in record and ("__REALTIME_TIMESTAMP" in record or "__CURSOR" in record)
    return Wrapping.JOURNAL if journal else Wrapping.NONE


def unwrapped(file: BinaryIO, wrapping: Wrapping) -> Iterator[bytes]:
    """The lines that were wrapped, without their ends, of a file that may be compressed.

    A line that is not wrapped comes as it is; a line end within a line becomes a space, which JSON does not tell apart.
    Raises InputError for a broken archive.
    """
    stream = _Stream(file)
    if wrapping is Wrapping.EXPORT:
        found = _entries(stream)
    elif wrapping is Wrapping.NONE:
        found = stream.lines()
    else:
        found = _joined(stream, Joiner(wrapping))
    for line in found:
        yield line.replace(b"\n", b" ")


class _Stream:
    """The unpacked bytes of a file, line by line or by number."""

    def __init__(self, file: BinaryIO) -> None:
        self._blocks = blocks(file)
        self._rest = b""
        self._at = 0

    def _more(self) -> bool:
        block, fault = next(self._blocks, (b"", None))
        if fault:
            raise InputError(
                f"the log is a {fault}", expected="a whole file", next_step="unpack as much as there is, and read that"
            )
        if not block:
            return False
        self._rest, self._at = self._rest[self._at :] + block, 0
        return True

    def line(self) -> bytes | None:
        """The next line without its end, None after the last. Of an over-long one the beginning only."""
        begin = 0
        while (end := self._rest.find(b"\n", self._at + begin)) < 0:
            begin = len(self._rest) - self._at
            if begin > LONGEST_LINE:
                return self._cut()
            if not self._more():
                line, self._rest, self._at = self._rest[self._at :], b"", 0
                return line or None
        line, self._at = self._rest[self._at : end], end + 1
        return line

    def _cut(self) -> bytes:
        line, self._rest, self._at = self._rest[self._at : self._at + LONGEST_LINE], b"", 0
        while self._more():
            end = self._rest.find(b"\n")
            if end >= 0:
                self._at = end + 1
                break
            self._rest = b""
        return line

    def lines(self) -> Iterator[bytes]:
        """The lines."""
        while (line := self.line()) is not None:
            yield line

    def take(self, size: int) -> bytes:
        """The next bytes, fewer at the end."""
        while len(self._rest) - self._at < size and self._more():
            pass
        taken, self._at = self._rest[self._at : self._at + size], self._at + size
        return taken


_Taken = tuple[str, bytes, bool]  # the stream, a line or a part of one, whether it ends there


def _cri(line: bytes) -> _Taken | None:
    if not _CRI.match(line):
        return None
    _, stream, tag, content = line.split(b" ", 3)
    return stream.decode(), content, tag[:1] == b"F"


def _docker(line: bytes) -> _Taken | None:
    record = _record(line)
    text = record.get("log")
    if not isinstance(text, str):
        return None
    return str(record.get("stream")), text.removesuffix("\n").encode("utf-8", "surrogatepass"), text.endswith("\n")


def _journal(line: bytes) -> _Taken | None:
    message = _record(line).get("MESSAGE")
    if isinstance(message, list):
        try:
            return "", bytes(message), True
        except (TypeError, ValueError):
            return None
    return ("", message.encode("utf-8", "surrogatepass"), True) if isinstance(message, str) else None


_TAKEN: dict[Wrapping, Callable[[bytes], _Taken | None]] = {
    Wrapping.CRI: _cri,
    Wrapping.DOCKER: _docker,
    Wrapping.JOURNAL: _journal,
}


def _record(line: bytes) -> dict[str, object]:
    try:
        found = _decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


class Joiner:
    """Lines out of what is wrapped line by line, parts of one put together; each output stream has its own."""

    def __init__(self, wrapping: Wrapping) -> None:
        self._taken = _TAKEN[wrapping]
        self._begun: dict[str, bytes] = {}

    def add(self, line: bytes) -> bytes | None:
        """The line that ends here, None within one. What is not wrapped comes as it is."""
        found = self._taken(line)
        if found is None:
            return line
        name, content, ended = found
        content = self._begun.pop(name, b"") + content
        if ended or len(content) > LONGEST_LINE:
            return content
        self._begun[name] = content
        return None

    def rest(self) -> Iterator[bytes]:
        """The lines that have begun and not ended."""
        yield from self._begun.values()


def _joined(stream: _Stream, joiner: Joiner) -> Iterator[bytes]:
    for line in stream.lines():
        found = joiner.add(line)
        if found is not None:
            yield found
    yield from joiner.rest()


def _entries(stream: _Stream) -> Iterator[bytes]:
    """The messages of a journal export."""
    for line in stream.lines():
        name, equals, value = line.partition(b"=")
        if not line:
            continue
        if not equals:
            size = int.from_bytes(stream.take(_LENGTH), "little")
            value = stream.take(min(size, 64 * LONGEST_LINE))
            stream.take(1)
        if name == b"MESSAGE":
            yield value
