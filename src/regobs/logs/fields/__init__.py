"""The field catalogue: the only place where a log field is typed.

`FIELDS` are those of GitLab Container Registry 4.x, by name. `ALIASES` are the names that other generations and flavors
write for the same thing, with what turns a value of theirs into one of ours. Source: the registry's code and log lines
of a running 4.32; the labkit generation from labkit-spec, schema/fields.yaml 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType

from regobs.logs.fields import background, content, distribution, drivers, notifications, request
from regobs.logs.fields.field import Field, FieldType, catalogue

__all__ = [
    "ACCESS_MARK",
    "ALIASES",
    "COMBINED_FIELDS",
    "DISTRIBUTION_FIELDS",
    "EVENT_FIELDS",
    "FIELDS",
    "FORMS",
    "GROUPS",
    "RUNTIME_FIELDS",
    "STANDARD_FIELDS",
    "TEXT_FIELDS",
    "Alias",
    "Conversion",
    "Field",
    "FieldType",
    "as_written",
]

GROUPS: tuple[tuple[str, tuple[Field, ...]], ...] = (
    ("Every line", request.BASE),
    ("Access log", request.ACCESS),
    ("Requests", request.REQUEST),
    ("Traces", request.TRACE),
    ("Rate limiter", request.LIMITER),
    ("Authorization", request.AUTH),
    ("Manifests, blobs, tags", content.CONTENT),
    ("Uploads", content.UPLOADS),
    ("Repositories", content.REPOSITORIES),
    ("Storage", content.STORAGE),
    ("Storage drivers and CDN", drivers.DRIVERS),
    ("Database", background.DATABASE),
    ("Database load balancing", background.BALANCING),
    ("Garbage collection", background.COLLECTION),
    ("Background migrations", background.MIGRATIONS),
    ("Notifications", background.NOTIFICATIONS),
    ("Import", background.IMPORTER),
    ("Offline collection and vacuum", drivers.MAINTENANCE),
    ("The library labkit", drivers.LABKIT),
    ("Process", background.PROCESS),
)

FIELDS: Mapping[str, Field] = MappingProxyType(catalogue(*(fields for _, fields in GROUPS)))

# Only access lines have it, so it tells where a name is an alias and where a field of its own.
ACCESS_MARK = FIELDS["written_bytes"]

FORMS: Mapping[str, Field] = MappingProxyType({**request.FORMS, **background.FORMS})

DISTRIBUTION_FIELDS: Mapping[str, Field] = MappingProxyType(catalogue(distribution.DOTTED))
TEXT_FIELDS: Mapping[str, Field] = MappingProxyType({**FIELDS, **DISTRIBUTION_FIELDS})  # for values without a type
COMBINED_FIELDS: Mapping[str, Field] = MappingProxyType(catalogue(distribution.COMBINED))
STANDARD_FIELDS: Mapping[str, Field] = MappingProxyType(catalogue(distribution.STANDARD))
RUNTIME_FIELDS: Mapping[str, Field] = MappingProxyType(catalogue(distribution.RUNTIME))
EVENT_FIELDS: Mapping[str, Field] = MappingProxyType(catalogue(notifications.EVENT))


class Conversion(Enum):
    """How a value of an alias becomes one of the field."""

    SAME = "same"
    SCALED = "scaled"  # number times the factor
    GO_DURATION = "go duration"  # text such as 1m2.5s, to milliseconds
    WORDS = "words"  # `manifest unknown` to MANIFEST_UNKNOWN


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name for `field`. Its value times `factor` is the field's value where the conversion is SCALED.

    `access_only`: the name means this only on access lines; on others it is a field of its own (`duration_s`).
    """

    name: str
    field: str
    generation: str  # labkit, distribution, or gitlab for a name of older releases
    conversion: Conversion = Conversion.SAME
    factor: int = 1
    access_only: bool = False


def _labkit(name: str, target: str, factor: int = 1, *, access_only: bool = False) -> Alias:
    conversion = Conversion.SAME if factor == 1 else Conversion.SCALED
    return Alias(name, target, "labkit", conversion, factor, access_only)


def _distribution(name: str, target: str, conversion: Conversion = Conversion.SAME) -> Alias:
    return Alias(name, target, "distribution", conversion)


_ALIASES = (
    # Renamed after 4.32.0: container-registry, commit cc856c19, registry/datastore/loadbalancing.go.
    Alias("db_replica_addr", "db_host_addr", "gitlab"),
    Alias("replica_addr", "db_host_addr", "gitlab"),
    _labkit("duration_s", "duration_ms", 1000, access_only=True),
    _labkit("ttfb_s", "ttfb_ms", 1000),
    _labkit("severity", "level"),
    _labkit("message", "msg"),
    _labkit("timestamp", "time"),
    _labkit("url", "uri", access_only=True),
    _labkit("status_code", "status"),
    _labkit("service_name", "service"),
    _labkit("error_message", "error"),
    _distribution("http.request.method", "method"),
    _distribution("http.request.host", "host"),
    _distribution("http.request.uri", "uri"),
    _distribution("http.request.remoteaddr", "remote_addr"),
    _distribution("http.request.useragent", "user_agent"),
    _distribution("http.request.referer", "referrer"),
    _distribution("http.request.id", "correlation_id"),
    _distribution("http.response.status", "status"),
    _distribution("http.response.written", "written_bytes"),
    _distribution("http.response.contenttype", "content_type"),
    _distribution("http.response.duration", "duration_ms", Conversion.GO_DURATION),
    _distribution("vars.name", "vars_name"),
    _distribution("vars.reference", "vars_reference"),
    _distribution("vars.digest", "vars_digest"),
    _distribution("vars.uuid", "vars_uuid"),
    _distribution("auth.user.name", "auth_user_name"),
    _distribution("err.code", "code", Conversion.WORDS),
    _distribution("err.message", "error"),
    _distribution("err.detail", "detail"),
    _distribution("contentLength", "content_length"),
    _distribution("go.version", "go_version"),
    _distribution("instance.id", "instance_id"),
)

ALIASES: Mapping[str, Alias] = MappingProxyType({alias.name: alias for alias in _ALIASES})


def as_written(alias: Alias) -> Field:
    """The field as lines of the alias's generation have it: its name, type and unit there."""
    if alias.generation == "distribution":
        return DISTRIBUTION_FIELDS[alias.name]
    field = FIELDS[alias.field]
    if alias.conversion is Conversion.SCALED:
        return replace(field, name=alias.name, type=FieldType.DOUBLE, unit="s", es_type="double")
    return replace(field, name=alias.name, values=())
