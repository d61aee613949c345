"""A part of a path or of a User-Agent header, as a field that lines are grouped by."""

from __future__ import annotations

from dataclasses import dataclass

from regobs.logs.fields import FIELDS, Field
from regobs.logs.generations import merged_field

REPOSITORY, NAMESPACE, PRODUCT, VERSION = "repository", "namespace", "product", "version"
REFERENCE = "reference"
Part = int | str

# Regular expressions of RE2 whose groups, put together, are the part; one group or the other has something. Routes:
# distribution-spec, End-12a and others; container-registry, docs/spec/gitlab/api.md, and until 4.1.0 tags/reference,
# which deleted a tag. A name may hold the words of a route, so of /v2/ the last one counts.
_REPOSITORY = (
    "^(?:/v2/([^?]+)/(?:(?:manifests|blobs|referrers)/[^/?]+|blobs/uploads/[^/?]*|tags/(?:list|reference/[^/?]+))"
    "|/gitlab/v1/repositories/([^?]+?)(?:/tags/(?:list|detail/[^/?]+))?)/?(?:[?].*)?$"
)
_REFERENCE = "^/v2/[^?]+/(?:manifests|tags/reference)/([^/?]+)/?(?:[?].*)?$"
# RFC 9110, 10.1.5: a User-Agent begins with `product/version`; further ones stand behind a space.
_NAMED = {
    REPOSITORY: _REPOSITORY,
    NAMESPACE: "^([^/?]+)",
    REFERENCE: _REFERENCE,
    PRODUCT: "^([^/ ]+)",
    VERSION: "^[^/ ]+/([^ ]+)",
}
NAMES = tuple(_NAMED)


def pattern(part: Part) -> str:
    """The expression with one group or two; a text without the part does not fit."""
    return _NAMED[part] if isinstance(part, str) else f"^(?:[^/?]*/){{{part}}}([^/?]+)"


@dataclass(frozen=True, slots=True)
class PathPart(Field):
    """Part `part` of what is in the field `path`.

    A number counts from 1: part 2 of `/v2/group/project` is `group`. `repository` is that of the registry's routes:
    `group/project` of `/v2/group/project/manifests/latest`; `namespace` is `group` of `group/project`, `reference` is
    `latest`. `product` and `version` are `docker` and `28.1.1` of `docker/28.1.1 os/linux`. Where a line has the field
    `first`, that is its value. It is called `uri/2` or `tag_name,uri/reference`, as no field of a log is.
    """

    path: Field | None = None
    part: Part = 0
    first: Field | None = None


def path_part(whole: Field, part: Part, first: Field | None = None) -> PathPart:
    """The part of a field, or what is in the first one."""
    same = {name: getattr(whole, name) for name in Field.__slots__}
    name = f"{first.name},{whole.name}/{part}" if first else f"{whole.name}/{part}"
    return PathPart(**{**same, "name": name}, path=whole, part=part, first=first)


def field_called(name: str) -> Field | None:
    """The field of the catalogue, or the part of one, of any generation; None when there is no such field."""
    names, _, part = name.partition("/")
    first, _, whole = names.rpartition(",")
    if whole not in FIELDS or (first and first not in FIELDS):
        return None
    found = merged_field(FIELDS[whole])
    before = merged_field(FIELDS[first]) if first else None
    return path_part(found, int(part) if part.isdigit() else part, before) if part else found
