"""What differs between two sets of JSON objects, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from regobs.common.counts import counted
from regobs.common.differing import shown_difference
from regobs.deploy.state import Objects
from regobs.deploy.target import PlannedChange

_SHOWN = 200  # characters of a value
_MOST = 30  # differences of one object that are told one by one


def flattened(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of nested objects by their path, keys joined with dots; a list and an empty object are values."""
    found: dict[str, Any] = {}
    for key, one in value.items():
        if isinstance(one, Mapping) and one:
            found |= flattened(one, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = one
    return found


def json_changes(before: Objects, after: Objects) -> list[PlannedChange]:
    """Objects added and removed; of those in both, the values added, removed and changed, by their path."""
    found: list[PlannedChange] = []
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            found.append(PlannedChange(name, "added"))
        elif name not in after:
            found.append(PlannedChange(name, "removed"))
        elif before[name] != after[name]:
            differences = list(_differences(name, json.loads(before[name]), json.loads(after[name])))
            found += differences[:_MOST]
            if len(differences) > _MOST:
                found.append(PlannedChange(name, f"{counted(len(differences) - _MOST, 'more value')} changed"))
    return found


def _differences(name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[PlannedChange]:
    old, new = flattened(before), flattened(after)
    for path in sorted(old.keys() | new.keys()):
        if path not in old:
            yield PlannedChange(f"{name} / {path}", "added", "", _text(new[path]))
        elif path not in new:
            yield PlannedChange(f"{name} / {path}", "removed", _text(old[path]), "")
        elif old[path] != new[path]:
            was, now = shown_difference(_whole(old[path]), _whole(new[path]), _SHOWN)
            yield PlannedChange(f"{name} / {path}", "changed", was, now)


def _text(value: Any) -> str:
    text = _whole(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _whole(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
