"""A log line as a record: JSON, logfmt, the Apache forms, a terminal's, what Go itself writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from regobs.logs.fields.field import Field
from regobs.logs.reading import text
from regobs.logs.reading.lenient import UNDECODABLE, read_odd
from regobs.logs.reading.read import LONGEST_LINE, Line

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """What stands in a line, or None and a `fault` that says why there is no record in it.

    `odd` says what in it only some programs can read.
    """

    record: Record | None
    fault: str = ""
    form: str = ""  # combined, standard, runtime, terminal
    odd: str = ""


def parse(line: Line, fields: Mapping[str, Field]) -> ParsedLine:
    """What stands in a line, in whatever form. `fields` tell the types of values where a form has text only."""
    content = line.content.strip()
    if line.fault or not content or len(content) > LONGEST_LINE:
        return ParsedLine(None, line.fault or ("over-long" if content else "blank"))
    if content[:1] == b"{":
        try:
            found, odd = read_odd(content)
            return ParsedLine(found, odd=odd)
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
