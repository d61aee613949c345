"""Lines of a running GitLab registry 4.32, 300 that have every message of it, and the made lines after them."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from regobs.logs.fields import ALIASES, Conversion

FILE = Path(__file__).parents[1] / "data" / "gitlab-registry-part.log.jsonl.gz"


@cache
def lines() -> tuple[dict[str, Any], ...]:
    with gzip.open(FILE, "rt", encoding="utf-8") as file:
        return tuple(json.loads(line) for line in file)


LABKIT = {alias.field: alias for alias in ALIASES.values() if alias.generation == "labkit"}
del LABKIT["status"]


def newer(line: dict[str, Any]) -> dict[str, Any]:
    """A line of the older generation as the newer one writes it."""
    found = {}
    for name, value in line.items():
        alias = LABKIT.get(name)
        if alias is None or (alias.access_only and line["msg"] != "access"):
            found[name] = value
        else:
            found[alias.name] = value / alias.factor if alias.conversion is Conversion.SCALED else value
    return found
