"""Which part of a Kubernetes object somebody wrote, by its `managedFields`: not what the server fills in by default.

The format is FieldsV1 (https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management): an object
whose keys are `f:NAME` for a field, `k:{"name":"a"}` for the entry of a list with these values, `v:VALUE` for a value
of a set; `.` is the thing itself, and nothing further inside means the whole value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from regobs.deploy.state import Objects

Json = dict[str, Any]
MANAGER = "regobs"  # the field manager of what we apply
_CONTENT = ("spec", "data")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"  # kubectl's own copy of all the rest


def written_object(live: Mapping[str, Any]) -> bytes:
    """An object of a cluster as JSON: its content as anybody wrote it, labels and annotations as we did.

    Of an object that we never applied all labels and annotations, so that it can be put back.
    """
    metadata = live.get("metadata") or {}
    managers = metadata.get("managedFields") or []
    ours = [one["fieldsV1"] for one in managers if one.get("manager") == MANAGER and one.get("operation") == "Apply"]
    kept: Json = {"name": metadata.get("name")}
    for name in ("labels", "annotations"):
        values = {key: text for key, text in (metadata.get(name) or {}).items() if key != _LAST_APPLIED}
        if ours:
            fields = _field(_merged(ours), "metadata", name)
            values = {key: text for key, text in values.items() if f"f:{key}" in fields}
        if values:
            kept[name] = values
    found: Json = {"apiVersion": live.get("apiVersion"), "kind": live.get("kind"), "metadata": kept}
    written = _merged([one.get("fieldsV1") or {} for one in managers])
    for name in _CONTENT:
        if name in live:
            found[name] = _part(written[f"f:{name}"], live[name]) if f"f:{name}" in written else live[name]
    return object_bytes(found)


def object_bytes(data: Mapping[str, Any]) -> bytes:
    """An object as JSON, keys in order, without what is null: the API takes that for absent."""
    return json.dumps(
        _without_null(data), sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=float
    ).encode()


def read_objects(objects: Objects) -> dict[str, Json]:
    """Each object as data, by its key."""
    return {key: json.loads(content) for key, content in objects.items()}


def _without_null(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_null(inner) for key, inner in value.items() if inner is not None}
    return [_without_null(inner) for inner in value] if isinstance(value, list) else value


def _field(fields: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    for name in path:
        fields = fields.get(f"f:{name}") or {}
    return fields


def _merged(sets: Sequence[Mapping[str, Any]]) -> Json:
    """The fields that any of the sets has; the whole value where one has the whole."""
    found: Json = {}
    for one in sets:
        for key, inner in one.items():
            if key not in found:
                found[key] = inner
            elif found[key] and inner:
                found[key] = _merged([found[key], inner])
            else:
                found[key] = {}
    return found


def _part(fields: Mapping[str, Any], value: Any) -> Any:
    inner = {key: each for key, each in fields.items() if key != "."}
    if not inner:
        return value if "." not in fields else type(value)() if isinstance(value, (dict, list)) else value
    if isinstance(value, Mapping):
        return {key: _part(inner[f"f:{key}"], each) for key, each in value.items() if f"f:{key}" in inner}
    if isinstance(value, list):
        entries = [(json.loads(key[2:]), each) for key, each in inner.items() if key.startswith("k:")]
        values = [json.loads(key[2:]) for key in inner if key.startswith("v:")]
        found = []
        for item in value:
            each = next((each for names, each in entries if _named(item, names)), None)
            if each is not None:
                found.append(_part(each, item))
            elif item in values:
                found.append(item)
        return found
    return value


def _named(item: Any, names: Mapping[str, Any]) -> bool:
    return isinstance(item, Mapping) and all(item.get(name) == value for name, value in names.items())
