"""The export form of the journal, `journalctl -o export`: records of values with names, an empty line behind each."""

from __future__ import annotations

import re

from regobs.logs.reading.read import LONGEST_LINE, Line
from regobs.logs.reading.times_around import of_journal


def is_export(content: bytes) -> bool:
    """Whether the first line of a file is that of a journal export."""
    return content.startswith(b"__CURSOR=") or re.fullmatch(rb"__REALTIME_TIMESTAMP=[0-9]+\r?", content) is not None


class JournalExport:
    """The messages of a journal export: `NAME=value`, or the name, eight bytes of length, and the bytes.

    Where lines were made to end with CRLF, as the name of a value tells, those within the value were too.
    """

    _LENGTH = 8

    def __init__(self, name: bytes = b"", value: bytes | None = None) -> None:
        self._name, self._time = name, b""
        self._bytes = None if value is None else bytearray(value)
        self._from: Line | None = None if value is None else Line(1, 0, name)

    def begun(self) -> tuple[bytes, ...]:
        """The name and the bytes of a value that has not ended."""
        return () if self._bytes is None else (self._name, bytes(self._bytes))

    def add(self, line: Line) -> list[Line]:
        """The message that ends with the line."""
        if self._bytes is None:
            name, equals, value = line.content.partition(b"=")
            if equals or line.content in {b"", b"\r"}:
                self._time = value if name == b"__REALTIME_TIMESTAMP" else self._time
                return self._message(line, value) if name == b"MESSAGE" else []
            self._name, self._bytes, self._from = name, bytearray(), line
            return []
        self._bytes += (line.content.removesuffix(b"\r") if self._name[-1:] == b"\r" else line.content) + b"\n"
        if len(self._bytes) < self._LENGTH:
            return []
        size = min(int.from_bytes(self._bytes[: self._LENGTH], "little"), 4 * LONGEST_LINE)
        if len(self._bytes) < self._LENGTH + size + 1:
            return []
        value = bytes(self._bytes[self._LENGTH : self._LENGTH + size])
        self._bytes = None
        assert self._from is not None  # noqa: S101 - set with the bytes
        is_message = self._name.removesuffix(b"\r") == b"MESSAGE"
        return self._message(self._from, value.replace(b"\n", b" ")) if is_message else []

    def _message(self, line: Line, value: bytes) -> list[Line]:
        return [line._replace(content=of_journal(value.strip(), self._time))]
