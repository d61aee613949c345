"""What is behind a field that is new or has another type: another generation's name, another unit."""

from __future__ import annotations

from typing import Any, NamedTuple

from regobs.logs.fields import ALIASES, Alias
from regobs.logs.judging.guess import stem_of, unit_of
from regobs.logs.judging.judge import MessageRule
from regobs.logs.reading.record import Record


class DriftHint(NamedTuple):
    """A suspicion in words. `unit` says that it is about the unit of a field."""

    text: str = ""
    unit: bool = False


NO_HINT = DriftHint()


def json_type(value: Any) -> str:
    """The type of a value in the words of JSON Schema."""
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), type(value).__name__)


def of_value(rule: MessageRule, path: str, value: object) -> DriftHint:
    """About a value that is not what the field has: a fraction where there were whole numbers of a unit."""
    name = rule.forms.get(path, path)
    unit = rule.stream.fields[name].unit if name in rule.stream.fields and isinstance(value, float) else None
    return DriftHint(f"a fraction where whole {unit} were: the unit may have changed", unit=True) if unit else NO_HINT


def of_name(key: str, record: Record, rule: MessageRule) -> DriftHint:
    """About a field that is new: whether it stands for one that the line lacks."""
    alias: Alias | None = ALIASES.get(key)
    if alias is not None and alias.field not in record and alias.field in rule.names:
        factor = f" times {alias.factor}" if alias.factor != 1 else ""
        return DriftHint(f"{alias.generation} writes this for {alias.field}{factor}", unit=alias.factor != 1)
    unit, stem = unit_of(key), stem_of(key)
    for name in sorted(rule.names - record.keys()) if unit else ():
        if stem_of(name) == stem != name and unit_of(name) != unit:
            return DriftHint(f"it may be {name} with its unit changed from {unit_of(name)} to {unit}", unit=True)
    return NO_HINT
