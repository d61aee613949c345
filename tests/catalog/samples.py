"""Recorded scrapes, and what tests do to them."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

DATA = Path(__file__).parents[1] / "data"
GITLAB = DATA / "gitlab-registry-4.32.prom.gz"
DOCKER = DATA / "docker-registry-2.8.2.prom.gz"
DISTRIBUTION_3_0 = DATA / "distribution-3.0.0.prom.gz"
DISTRIBUTION_3_1 = DATA / "distribution-3.1.2.prom.gz"
ALL = (GITLAB, DOCKER, DISTRIBUTION_3_0, DISTRIBUTION_3_1)


def text_of(path: Path) -> str:
    """The recorded text."""
    return gzip.decompress(path.read_bytes()).decode()


def replaced(text: str, old: str, new: str) -> bytes:
    """The text with every `old` replaced; it is an error when there is none, so that no mutation tests nothing."""
    assert old in text, old
    return text.replace(old, new).encode()


def without_family(text: str, name: str) -> bytes:
    """The text without the lines of a family."""
    lines = text.splitlines(keepends=True)
    suffixes = ("", "_bucket", "_sum", "_count")
    names = {name + suffix for suffix in suffixes}
    kept = [line for line in lines if _name(line) not in names]
    assert len(kept) < len(lines), name
    return "".join(kept).encode()


def _name(line: str) -> str:
    if line.startswith("# "):
        return line.split()[2]
    return line.split("{", maxsplit=1)[0].split(" ", maxsplit=1)[0]


def as_openmetrics(text: str) -> bytes:
    """The text as the Go client library writes OpenMetrics: counters by their stem, bounds with a point, an end."""
    counters: set[str] = set()
    lines = []
    for line in text.splitlines():
        if line.startswith("# TYPE ") and line.endswith(" counter"):
            name = line.split()[2]
            counters.add(name)
            lines.append(f"# TYPE {name.removesuffix('_total')} counter")
        elif line.startswith("# HELP "):
            continue
        else:
            name = _name(line)
            shown = name.removesuffix("_total") + "_total" if name in counters else name
            lines.append(re.sub(r'\b(le|quantile)="(\d+)"', r'\1="\2.0"', line.replace(name, shown, 1)))
    return "\n".join([*lines, "# EOF", ""]).encode()
