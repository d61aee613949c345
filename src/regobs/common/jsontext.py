"""JSON of numbers: NaN and infinity, for which JSON has no word, are null where we write and a fault where we read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any


def json_text(data: Any) -> str:
    """The text of `data` as a person reads it, indented and with its letters as they are."""
    return json.dumps(_finite(data), indent=2, ensure_ascii=False, allow_nan=False)


def finite_json(text: str | bytes) -> Any:
    """What a text of JSON says. Raises ValueError also for NaN and for numbers that no computer has, such as 1e999."""
    return json.loads(text, parse_constant=_number, parse_float=_number)


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text[:40]} is no number")
    return number


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if isfinite(data) else None
    if isinstance(data, Mapping):
        return {name: _finite(value) for name, value in data.items()}
    return [_finite(value) for value in data] if isinstance(data, list | tuple) else data
