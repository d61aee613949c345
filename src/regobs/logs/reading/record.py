"""A log line as a record: JSON, logfmt, the Apache combined form, Go's standard logger."""

from __future__ import annotations

from collections.abc import Mapping
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
class Parsed:
    """What stands in a line, or None and a `fault` that says why there is no record in it."""

    record: Record | None
    fault: str = ""
    form: str = ""  # combined, standard


def parse(line: Line, fields: Mapping[str, Field]) -> Parsed:
    """What stands in a line, in whatever form. `fields` tell the types of values where a form has text only."""
    content = line.content.strip()
    if line.fault:
        return Parsed(None, line.fault)
    if content[:1] == b"{":
        try:
            return Parsed(decode(content))
        except UNDECODABLE:
            return Parsed(None, _fault(content, ended=line.ended))
    if _binary(content):
        return Parsed(None, "binary")
    words = content.decode()
    for form, read in (("combined", text.combined), ("standard", text.standard)):
        record = read(words)
        if record is not None:
            return Parsed(record, form=form)
    return Parsed(text.logfmt(words, fields), "no log line")


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
