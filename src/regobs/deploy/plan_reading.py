"""The JSON of a plan file, which is taken only as it was written: these keys and types, each key once, in UTF-8."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from regobs.deploy.state import decoded, encoded

_FILE: Mapping[str, type] = {"format": int, "version": str, "plans": list}
_PLAN: Mapping[str, type] = {
    **dict.fromkeys(("target", "place", "due", "before", "seen"), str),
    "differs": bool,
    **dict.fromkeys(("changes", "conflicts", "deleted"), list),
    "objects": dict,
}
_CHANGE: Mapping[str, type] = dict.fromkeys(("thing", "what", "before", "after", "breaks"), str)
_CALLED = {int: "a whole number", str: "a text", list: "a list", bool: "true or false", dict: "an object"}
_SHOWN = 40  # characters of a key that is none


class NoPlanError(Exception):
    """Why a file is no plan, with the key and what is expected there."""


def read_plan_data(content: bytes, form: int, version: str) -> dict[str, Any]:
    """The data of a plan file of this form and version of regobs. Raises NoPlanError."""
    data = _json_of(content)
    if not isinstance(data, dict):
        raise NoPlanError("the file holds no JSON object")
    for key, ours in (("format", form), ("version", version)):
        if type(data.get(key)) is not type(ours) or data[key] != ours:
            given = ascii(data[key])[:_SHOWN] if key in data else "missing"
            raise NoPlanError(
                f"`{key}` is {given}, expected {ours}: another version of regobs made it, or it was changed"
            )
    _check(data, _FILE, "the file")
    for number, plan in enumerate(data["plans"]):
        where = f"plans[{number}]"
        _check(plan, _PLAN, where)
        for key in ("changes", "conflicts"):
            for place, change in enumerate(plan[key]):
                _check(change, _CHANGE, f"{where}.{key}[{place}]")
        for place, name in enumerate(plan["deleted"]):
            _check_type(name, str, f"{where}.deleted[{place}]")
        for name, text in plan["objects"].items():
            _check_object(name, text, f"{where}.objects[{ascii(name)[:_SHOWN]}]")
    return data


def _json_of(content: bytes) -> Any:
    try:
        return json.loads(content.decode(), object_pairs_hook=_without_twice)
    except UnicodeDecodeError as error:
        raise NoPlanError(f"byte {error.start + 1} is no UTF-8") from None
    except json.JSONDecodeError as error:
        raise NoPlanError(f"no JSON at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise NoPlanError("no plan has so many brackets within brackets") from None
    except ValueError:  # a number of thousands of digits
        raise NoPlanError("a number in it is too long") from None


def _without_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise NoPlanError(f"the key {ascii(key)[:_SHOWN]} is there twice in one object")
        found[key] = value
    return found


def _check(value: Any, keys: Mapping[str, type], where: str) -> None:
    """Exactly these keys, each with a value of exactly this type."""
    _check_type(value, dict, where)
    if lacking := [key for key in keys if key not in value]:
        raise NoPlanError(f"{where} lacks the key `{lacking[0]}`")
    if strange := [key for key in value if key not in keys]:
        raise NoPlanError(f"{where} has the key {ascii(strange[0])[:_SHOWN]}, which no plan has")
    for key, kind in keys.items():
        _check_type(value[key], kind, f"{where}.{key}" if keys is not _FILE else key)


def _check_type(value: Any, kind: type, where: str) -> None:
    if type(value) is not kind:
        raise NoPlanError(f"{where} is no {_CALLED[kind].removeprefix('a ').removeprefix('an ')}")


def _check_object(name: str, text: Any, where: str) -> None:
    """Whether it is encoded as a plan encodes it."""
    _check_type(text, str, where)
    try:
        same = encoded(decoded({name: text})) == {name: text}
    except ValueError:
        same = False
    if not same:
        raise NoPlanError(f"{where} is not `text:` with a text, or `base64:` with what is no text")
