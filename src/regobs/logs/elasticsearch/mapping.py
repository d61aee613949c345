"""How Elasticsearch indexes the fields of the log catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from regobs.logs.fields.field import Field, FieldType

# A term of the index has at most 32,766 bytes, a character at most 4: longer values would make the server refuse the
# whole line (Lucene, IndexWriter.MAX_TERM_LENGTH). They stay in the line and are not found by their value.
LONGEST = 8191
_WORDS = frozenset({FieldType.KEYWORD, FieldType.KEYWORD_LIST})


def mapping(fields: Iterable[Field]) -> dict[str, Any]:
    """The `mappings` of an index of lines with these fields.

    A field that no catalogue knows stays in the line and is not indexed, so drift costs nothing and breaks nothing. So
    does one that holds a secret: the ingest pipeline drops it, and where lines come without the pipeline no search
    finds the secret, and the line is taken whether the value is still an object or masked text.
    Names are flat: `host` of a registry and `host.name` of a log shipper are two fields, which objects would not allow.
    """
    indexed = {field.name: _property(field) for field in fields if field.es_type}
    properties = {"@timestamp": {"type": "date"}, **indexed}
    return {"dynamic": False, "subobjects": False, "date_detection": False, "properties": properties}


def _property(field: Field) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": field.es_type}
    if field.type in _WORDS:
        shape["ignore_above"] = LONGEST
    elif field.type not in {FieldType.TEXT, FieldType.OBJECT}:
        shape["ignore_malformed"] = True  # a value of another type must not cost the line
    if field.type is FieldType.DATE:
        shape["format"] = "strict_date_optional_time"  # a number is no time of a log line
    if field.whole:
        shape["fields"] = {"keyword": {"type": "keyword", "ignore_above": LONGEST}}
    if field.unit:
        shape["meta"] = {"unit": field.unit}
    return shape
