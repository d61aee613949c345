"""A log line as a record: JSON, logfmt, the Apache forms, a terminal's, what Go itself writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from regobs.logs.fields.field import Field
from regobs.logs.reading import text
from regobs.logs.reading.read import Line

Record = Mapping[str, Any]
UNDECODABLE = (msgspec.MsgspecError, ValueError, RecursionError)
decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """What stands in a line, or None and a `fault` that says why there is no record in it."""

    record: Record | None
    fault: str = ""
    form: str = ""  # combined, standard, runtime, terminal


def parse(line: Line, fields: Mapping[str, Field]) -> ParsedLine:
    """What stands in a line, in whatever form. `fields` tell the types of values where a form has text only."""
    content = line.content.strip()
    if line.fault or not content:
        return ParsedLine(None, line.fault or "blank")
    if content[:1] == b"{":
        try:
            return ParsedLine(decode(content))
        except UNDECODABLE:
            return ParsedLine(None, _fault(content, ended=line.ended))
    if _binary(content):
        return ParsedLine(None, "binary")
    words = content.decode()
    forms: tuple[tuple[str, Callable[[], dict[str, Any] | None]], ...] = (
        ("combined", lambda: text.combined(words)),
        ("standard", lambda: text.standard(words)),
        ("terminal", lambda: text.terminal(words, fields)),
        ("", lambda: text.logfmt(words, fields)),
        ("runtime", lambda: text.runtime(words)),
    )
    for form, read in forms:
        if (record := read()) is not None:
            return ParsedLine(record, form=form)
    return ParsedLine(None, "no log line")


def _fault(content: bytes, *, ended: bool) -> str:
    """Why a line that begins as an object is none."""
    if _binary(content):
        return "binary"
    return "truncated" if not ended or not content.endswith(b"}") else "no JSON"


def _binary(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return True
    return b"\0" in content
