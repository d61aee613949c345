"""Log lines caught in a test: found by their fields, and held to the schema of their message."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class LogLines(list[dict[str, Any]]):
    """Log lines as objects; callable with the text of a line, so that it can stand for `write` of LogASGI and LogWSGI.

    AssertionError for a line that is no JSON object, or that has a line feed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def __call__(self, text: str) -> None:
        """Parse and keep one line."""
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, dict) or "\n" in text:
            raise AssertionError(f"expected a line with one JSON object: {text[:200]!r}")
        self.texts.append(text)
        self.append(line)

    def where(self, **fields: object) -> list[dict[str, Any]]:
        """The lines that have all of these fields with these values."""
        return [line for line in self if all(name in line and line[name] == value for name, value in fields.items())]

    def only(self, **fields: object) -> dict[str, Any]:
        """The one line that has these fields. AssertionError when there is none, or more than one."""
        found = self.where(**fields)
        if len(found) != 1:
            shown = "\n".join(f"  {text[:200]}" for text in self.texts) or "  no line at all"
            raise AssertionError(f"{len(found)} lines have {fields}, expected one; the lines were:\n{shown}")
        return found[0]

    def validate(self, flavor: str = "gitlab", *, strict: bool = False) -> None:
        """Hold every line to the schema of its message. With `strict` unknown messages and fields fail too."""
        from regobs.logs.judging.report import to_text  # noqa: PLC0415 (needs a package; only here)
        from regobs.logs.judging.validate import Validator  # noqa: PLC0415 (needs a package; only here)

        validator = Validator(flavor, strict=strict)
        validator.read(io.BytesIO("".join(f"{text}\n" for text in self.texts).encode()), "captured lines")
        report = validator.report
        if not report.ok or (strict and report.findings):
            raise AssertionError(to_text(report))


class _Capture(logging.Handler):
    def __init__(self, lines: LogLines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines(self.format(record))


@contextmanager
def captured_lines(
    logger: str = "", level: int = logging.DEBUG, *, static: Mapping[str, Any] | None = None
) -> Iterator[LogLines]:
    """What a logger (without a name: every one) and those below it log inside the block, as RegistryFormatter lines."""
    from regobs.instrument.app_log import RegistryFormatter  # noqa: PLC0415 (only here)

    lines = LogLines()
    handler = _Capture(lines)
    handler.setFormatter(RegistryFormatter(static))
    watched = logging.getLogger(logger)
    before = watched.level
    watched.addHandler(handler)
    watched.setLevel(level)
    try:
        yield lines
    finally:
        watched.removeHandler(handler)
        watched.setLevel(before)
