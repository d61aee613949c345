"""The ingest pipeline of Elasticsearch: lines of any generation become lines of the field catalogue, without secrets.

Processors: Elasticsearch reference, "Ingest processor reference". What a processor cannot do leaves the line as it was,
except where a secret might stay: then the field goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from regobs.logs.fields import ALIASES, FIELDS, Alias, Conversion, Field, FieldType
from regobs.secrets.ingest import FIELDS as SECRET_FIELDS
from regobs.secrets.ingest import PATTERN, REPLACEMENT

Processor = dict[str, Any]
LINE = "regobs_line"  # the text of a line, for as long as it is taken apart
IS_JSON = "ctx.message instanceof String && ctx.message.startsWith('{')"
IS_ACCESS = "ctx.written_bytes != null"  # only access lines have it
IS_NO_NUMBER = "!(ctx['{0}'] instanceof Number || ctx['{0}'] instanceof Boolean)"
# Cut to a whole number, as the older generation writes it; binary fractions would make 1.001 s to 1000 ms.
SCALE = (
    "ctx[params.to] = new BigDecimal(ctx.remove(params.from).toString())"
    ".multiply(new BigDecimal(params.factor)).longValue()"
)
# Text of a closed form: nobody writes a secret into a digest, a level or a time.
_TEXTS = frozenset({FieldType.KEYWORD, FieldType.KEYWORD_LIST, FieldType.TEXT})


def pipeline() -> dict[str, Any]:
    """The body of `PUT _ingest/pipeline/<name>`."""
    steps = [
        *_taken_apart(),
        *(step for alias in ALIASES.values() for step in _renamed(alias)),
        *(_without_zone(field) for field in FIELDS.values() if field.type is FieldType.IP),
        *_without_secrets(FIELDS.values()),
        *_timed(),
    ]
    return {
        "description": "Log lines of container registries in the names of the GitLab registry 4.x, without secrets.",
        "processors": steps,
    }


def _taken_apart() -> Iterator[Processor]:
    """A line that a shipper sent as text in `message` becomes its fields; dotted names become paths."""
    yield {"rename": {"field": "message", "target_field": LINE, "if": IS_JSON, "ignore_failure": True}}
    broken = [{"rename": {"field": LINE, "target_field": "msg", "ignore_failure": True}}]
    yield {"json": {"field": LINE, "add_to_root": True, "if": f"ctx.{LINE} != null", "on_failure": broken}}
    yield {"remove": {"field": LINE, "ignore_missing": True}}
    yield {"dot_expander": {"field": "*", "ignore_failure": True}}


def _renamed(alias: Alias) -> Iterator[Processor]:
    condition = {"if": IS_ACCESS} if alias.access_only else {}
    if alias.conversion is Conversion.SCALED:
        number = f"ctx.{alias.name} instanceof Number"
        condition = {"if": f"{number} && {IS_ACCESS}" if alias.access_only else number}
        values = {"from": alias.name, "to": alias.field, "factor": str(alias.factor)}
        yield {"script": {"source": SCALE, "params": values, **condition, "ignore_failure": True}}
        return
    if alias.conversion is Conversion.GO_DURATION:
        return  # stays text under its own name: no processor reads 1m2.5s
    words = alias.conversion is Conversion.WORDS
    if words:
        yield {"uppercase": {"field": alias.name, "ignore_missing": True, "ignore_failure": True}}
        yield {"gsub": {**_replaced(alias.name, " ", "_"), "ignore_failure": True}}
    moved = {"field": alias.name, "target_field": alias.field, "ignore_missing": True}
    yield {"rename": {**moved, **condition, "ignore_failure": True}}


def _replaced(field: str, pattern: str, replacement: str) -> dict[str, Any]:
    return {"field": field, "pattern": pattern, "replacement": replacement, "ignore_missing": True}


def _without_zone(field: Field) -> Processor:
    """An address of a link, fe80::1%eth0, makes the server refuse the whole line."""
    return {"gsub": {**_replaced(field.name, "%.*$", ""), "ignore_failure": True}}


def _without_secrets(fields: Iterable[Field]) -> Iterator[Processor]:
    """What is masked where lines are shown is masked in every text; what is no text and no number goes.

    Fields that no catalogue has are not looked into: they are kept in the line and not indexed.
    """
    yield {"remove": {"field": sorted(SECRET_FIELDS), "ignore_missing": True}}
    for field in fields:
        if field.type in _TEXTS and not (field.values or field.pattern or field.name in SECRET_FIELDS):
            gone = {"field": field.name, "ignore_missing": True, "if": IS_NO_NUMBER.format(field.name)}
            yield {"gsub": {**_replaced(field.name, PATTERN, REPLACEMENT), "on_failure": [{"remove": gone}]}}


def _timed() -> Iterator[Processor]:
    """The time of the line is that of the document; without one it is what the shipper says, or now."""
    yield {"date": {"field": "time", "formats": ["ISO8601"], "if": "ctx.time != null", "ignore_failure": True}}
    yield {"set": {"field": "@timestamp", "value": "{{{_ingest.timestamp}}}", "override": False}}
