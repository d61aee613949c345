"""The export form of the journal, `journalctl -o export`: records of values with names, an empty line behind each."""

from __future__ import annotations

import re

from regobs.logs.reading.read import LONGEST_LINE, Line
from regobs.logs.reading.times_around import of_journal

_BEGIN = re.compile(rb"__CURSOR=|__REALTIME_TIMESTAMP=[0-9]+\r?\Z")
_NAME = re.compile(rb"[A-Z_][A-Z0-9_]*+")  # journald takes no other
_LENGTH = 8  # bytes
_LONGEST = 4 * LONGEST_LINE  # bytes of a value; eight bytes that say more are no length


def begins_entry(content: bytes) -> bool:
    """Whether a line is the first of an entry: journalctl writes the cursor, then the time, before all else."""
    return _BEGIN.match(content) is not None


class JournalEntry:
    """The message of one entry: `NAME=value`, or the name, eight bytes of length, and the bytes.

    Where lines were made to end with CRLF, as the name of a value tells, those within the value were too. An entry ends
    with an empty line, or before a line that is none of it, where files of several forms were put together.
    """

    def __init__(self, name: bytes = b"", value: bytes | None = None) -> None:
        self.ended = False
        self.left: list[Line] = []  # lines that are none of the entry
        self._name, self._time = name, b""
        self._bytes = None if value is None else bytearray(value)
        self._from: Line | None = None if value is None else Line(1, 0, name)

    def begun(self) -> tuple[bytes, ...]:
        """The name and the bytes of a value that has not ended."""
        return () if self._bytes is None else (self._name, bytes(self._bytes))

    def add(self, line: Line) -> list[Line]:
        """The message that ends with the line."""
        if self._bytes is not None:
            return self._further(self._bytes, line)
        name = _NAME.match(line.content)
        rest = line.content[name.end() :] if name else line.content
        if name and rest[:1] == b"=":
            self._time = rest[1:] if name[0] == b"__REALTIME_TIMESTAMP" else self._time
            return self._message(line, rest[1:]) if name[0] == b"MESSAGE" else []
        if name and rest in {b"", b"\r"}:
            self._name, self._bytes, self._from = line.content, bytearray(), line
            return []
        self.ended = True
        self.left = [] if rest in {b"", b"\r"} else [line]
        return []

    def rest(self) -> list[Line]:
        """What there is of a message whose end is missing."""
        self.ended = True
        return [] if self._bytes is None else self._value(bytes(self._bytes[_LENGTH:]))

    def _further(self, value: bytearray, line: Line) -> list[Line]:
        value += (line.content.removesuffix(b"\r") if self._name[-1:] == b"\r" else line.content) + b"\n"
        if len(value) < _LENGTH:
            return []
        size = int.from_bytes(value[:_LENGTH], "little")
        if size > _LONGEST:
            self.ended, self.left = True, self._lines(bytes(value), line)
            return []
        if len(value) < _LENGTH + size + 1:
            return []
        self._bytes = None
        return self._value(bytes(value[_LENGTH : _LENGTH + size]))

    def _lines(self, value: bytes, last: Line) -> list[Line]:
        """The lines of what is no value after all: the name, those of fewer bytes than a length has, and the last."""
        assert self._from is not None  # noqa: S101 - set with the bytes
        found = [self._from]
        for content in value[: len(value) - len(last.content) - 1].split(b"\n")[:-1]:
            before = found[-1]
            found.append(Line(before.number + 1, before.offset + len(before.content) + 1, content))
        return [*found, last]

    def _value(self, value: bytes) -> list[Line]:
        assert self._from is not None  # noqa: S101 - set with the bytes
        is_message = self._name.removesuffix(b"\r") == b"MESSAGE"
        return self._message(self._from, value.replace(b"\n", b" ")) if is_message else []

    def _message(self, line: Line, value: bytes) -> list[Line]:
        return [line._replace(content=of_journal(value.strip(), self._time))]
