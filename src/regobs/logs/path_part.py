"""A part of a path, as a field that lines are grouped by: the segment at a place, or the repository."""

from __future__ import annotations

from dataclasses import dataclass

from regobs.logs.fields import FIELDS, Field
from regobs.logs.generations import merged_field

REPOSITORY = "repository"
Part = int | str

# Regular expressions of RE2 whose groups, put together, are the part; one group or the other has something. Routes:
# distribution-spec, End-12a and others; container-registry, docs/spec/gitlab/api.md. A name may hold the words of a
# route, so of /v2/ the last one counts.
_REPOSITORY = (
    "^(?:/v2/([^?]+)/(?:(?:manifests|blobs|referrers)/[^/?]+|blobs/uploads/[^/?]*|tags/list)"
    "|/gitlab/v1/repositories/([^?]+?)(?:/tags/(?:list|detail/[^/?]+))?)/?(?:[?].*)?$"
)


def pattern(part: Part) -> str:
    """The expression with one group or two; a path without the part does not fit."""
    return _REPOSITORY if part == REPOSITORY else f"^(?:[^/?]*/){{{part}}}([^/?]+)"


@dataclass(frozen=True, slots=True)
class PathPart(Field):
    """Part `part` of what is in the field `path`.

    A number counts from 1: part 2 of `/v2/group/project` is `group`. `repository` is that of the registry's routes:
    `group/project` of `/v2/group/project/manifests/latest`. It is called `uri/2`, as no field of a log is.
    """

    path: Field | None = None
    part: Part = 0


def path_part(whole: Field, part: Part) -> PathPart:
    """The part of a field."""
    same = {name: getattr(whole, name) for name in Field.__slots__}
    return PathPart(**{**same, "name": f"{whole.name}/{part}"}, path=whole, part=part)


def field_called(name: str) -> Field | None:
    """The field of the catalogue, or the part of one, of any generation; None when there is no such field."""
    whole, _, part = name.partition("/")
    if whole not in FIELDS:
        return None
    found = merged_field(FIELDS[whole])
    return path_part(found, int(part) if part.isdigit() else part) if part else found
