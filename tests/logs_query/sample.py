"""Lines of a running GitLab registry 4.32: a 300-line part that has every message of it."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "data" / "gitlab-registry-part.log.jsonl.gz"


@cache
def lines() -> tuple[dict[str, Any], ...]:
    with gzip.open(FILE, "rt", encoding="utf-8") as file:
        return tuple(json.loads(line) for line in file)
