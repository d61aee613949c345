"""What a log field is: name, type, unit, meaning, and its names in other vocabularies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class FieldType(Enum):
    """Type of a field. The value is the type the index mapping uses unless a field names another."""

    KEYWORD = "keyword"
    TEXT = "match_only_text"
    LONG = "long"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATE = "date"
    IP = "ip"
    OBJECT = "flattened"
    KEYWORD_LIST = "keyword[]"

    @property
    def duckdb(self) -> str:
        """The column type of DuckDB. Addresses are text there: its inet extension is not part of the wheel."""
        return _DUCKDB.get(self, "VARCHAR")

    @property
    def json_type(self) -> str:
        """The `type` of JSON Schema."""
        return _JSON.get(self, "string")


_DUCKDB = {
    FieldType.LONG: "BIGINT",
    FieldType.DOUBLE: "DOUBLE",
    FieldType.BOOLEAN: "BOOLEAN",
    FieldType.DATE: "TIMESTAMP",
    FieldType.OBJECT: "JSON",
    FieldType.KEYWORD_LIST: "VARCHAR[]",
}
_JSON = {
    FieldType.LONG: "integer",
    FieldType.DOUBLE: "number",
    FieldType.BOOLEAN: "boolean",
    FieldType.OBJECT: "object",
    FieldType.KEYWORD_LIST: "array",
}


MOST_STATUS = 999  # Go's net/http writes no status with more digits (checkWriteHeaderCode)


@dataclass(frozen=True, slots=True)
class Since:
    """When a field came: `latest` and all releases after it have it, no release before `earliest` has.

    Equal where the first release is known; without an `earliest` nobody looked further back.
    """

    latest: str
    earliest: str = ""

    def __str__(self) -> str:
        if self.earliest == self.latest:
            return self.latest
        return f"{self.earliest} to {self.latest}" if self.earliest else f"{self.latest} or earlier"


_TITLES = {"root_repo": "namespace", "vars_name": "repository"}  # as saved queries and metrics name the same values


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a log line. `unit` is one of ms, s, bytes, count, ratio, `since` when it came.

    `ecs` and `otel` are the names in Elastic Common Schema and OpenTelemetry semantic conventions, where they have one.
    """

    name: str
    type: FieldType
    unit: str | None
    meaning: str
    since: Since | None
    es_type: str | None  # none where the index must not find the value: it is a secret
    ecs: str | None
    otel: str | None
    nullable: bool = False  # the registry writes null instead of leaving the field out
    values: tuple[str, ...] = ()  # closed set, or none
    pattern: str | None = None  # of a text value
    minimum: int | None = None  # of a number
    loose: bool = False  # any JSON type: what the registry puts there differs, or its type was not seen
    maximum: int | None = None  # of a number
    whole: bool = False  # text in words of which the index keeps the whole as well, so that it makes groups

    @property
    def term(self) -> str:
        """The name under which the index has the value as one term."""
        return f"{self.name}.keyword" if self.whole else self.name

    @property
    def makes_groups(self) -> bool:
        """Whether lines can be grouped by the value."""
        return self.whole or self.type not in {FieldType.TEXT, FieldType.OBJECT}

    @property
    def title(self) -> str:
        """What a person calls it: the name as words, where no other words are usual."""
        return _TITLES.get(self.name, self.name.replace("_", " ").replace(".", " "))


def field(
    name: str,
    type: FieldType,  # noqa: A002 - the same word as the attribute
    meaning: str,
    unit: str | None = None,
    *,
    es: str | None = None,
    since: str | None = None,
    ecs: str | None = None,
    otel: str | None = None,
    nullable: bool = False,
    values: tuple[str, ...] = (),
    pattern: str | None = None,
    minimum: int | None = None,
    maximum: int | None = None,
    signed: bool = False,
    loose: bool = False,
    whole: bool = False,
    indexed: bool = True,
) -> Field:
    """Declare a field. A number that has a unit of size, time or count is not negative, a `signed` difference is."""
    counts = type in {FieldType.LONG, FieldType.DOUBLE} and unit is not None and not signed
    lowest = 0 if minimum is None and counts else minimum
    nullable = nullable or type is FieldType.KEYWORD_LIST  # Go writes an empty list as null
    default = FieldType.KEYWORD.value if type is FieldType.KEYWORD_LIST else type.value
    kind = es or default if indexed else None
    came = Since(since, since) if since else None
    return Field(
        name, type, unit, meaning, came, kind, ecs, otel, nullable, values, pattern, lowest, loose, maximum, whole
    )


def catalogue(*groups: tuple[Field, ...]) -> dict[str, Field]:
    """The groups as one mapping by name; a name that is declared twice is a mistake of ours."""
    fields = [one for group in groups for one in group]
    found = {one.name: one for one in fields}
    if len(found) != len(fields):
        twice = sorted({one.name for one in fields if found[one.name] is not one})
        raise ValueError(f"declared twice: {', '.join(twice)}")
    return found
