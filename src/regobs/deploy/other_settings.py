"""What a comparison in meaning leaves out, by the keys of the data: a plan that differs always has a line for it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from regobs.deploy.state import Objects
from regobs.deploy.target import DeployTarget, PlannedChange, is_same
from regobs.documents import load_yaml
from regobs.errors import InputError

_MOST = 8  # keys that are named


def other_settings(thing: str, keys: Collection[str]) -> PlannedChange:
    """One line for all of these keys of a thing."""
    named = ", ".join(sorted(keys)[:_MOST])
    more = f" and {len(keys) - _MOST} more" if len(keys) > _MOST else ""
    return PlannedChange(thing, f"other settings changed ({named}{more})")


def all_changes(target: DeployTarget, live: Objects, after: Objects) -> list[PlannedChange]:
    """What a target tells of a difference, and one line for each object that differs and of which it tells nothing."""
    found = target.changes(live, after)
    both = [name for name in sorted(live.keys() & after.keys()) if not is_same(target, after[name], live[name])]
    untold = [name for name in both if not target.changes({name: live[name]}, {name: after[name]})]
    if not found:  # such as rules that moved from one file to another
        untold = sorted({*both, *(live.keys() ^ after.keys())})
    return [*found, *(_untold(name, live.get(name), after.get(name)) for name in untold)]


def _untold(name: str, before: bytes | None, after: bytes | None) -> PlannedChange:
    if before is None or after is None:
        return PlannedChange(name, "added" if before is None else "removed")
    keys = differing_keys(_data(before), _data(after)) - {""}
    return other_settings(name, keys) if keys else PlannedChange(name, "written differently")


def _data(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        pass
    try:
        return load_yaml(content, "an object", error=InputError).data
    except InputError:
        return content


def differing_keys(before: Any, after: Any, path: str = "") -> set[str]:
    """The keys whose values differ, joined with dots from the outermost on; entries of lists by the key of the list.

    >>> sorted(differing_keys({"a": 1, "b": [{"c": 1}]}, {"a": 2, "b": [{"c": 2}]}))
    ['a', 'b.c']
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found: set[str] = set()
        for key in before.keys() | after.keys():
            inner = f"{path}.{key}" if path else str(key)
            if key in before and key in after:
                found |= differing_keys(before[key], after[key], inner)
            else:
                found.add(inner)
        return found
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return {key for one, other in zip(before, after, strict=True) for key in differing_keys(one, other, path)}
    return set() if before == after else {path}
