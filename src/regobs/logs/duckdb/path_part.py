"""A part of a path, as a field that lines are grouped by."""

from __future__ import annotations

from dataclasses import dataclass

from regobs.logs.fields import FIELDS, Field
from regobs.logs.fields.generations import merged_field


@dataclass(frozen=True, slots=True)
class PathPart(Field):
    """Part `part`, from 1, of what is in the field `path`; part 2 of `/v2/group/project` is `group`.

    It is called `uri/2`, as no field of a log is.
    """

    path: Field | None = None
    part: int = 0


def path_part(whole: Field, part: int) -> PathPart:
    """The part of a field."""
    same = {name: getattr(whole, name) for name in Field.__slots__}
    return PathPart(**{**same, "name": f"{whole.name}/{part}"}, path=whole, part=part)


def field_called(name: str) -> Field | None:
    """The field of the catalogue, or the part of one, of any generation; None when there is no such field."""
    whole, _, part = name.partition("/")
    if whole not in FIELDS:
        return None
    found = merged_field(FIELDS[whole])
    return path_part(found, int(part)) if part else found
