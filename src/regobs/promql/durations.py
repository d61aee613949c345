"""PromQL durations: text to milliseconds and back, in the form Prometheus itself prints."""

from __future__ import annotations

import re

from regobs.promql.nodes import Duration

_MS = {"y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_UNITS = tuple(_MS.items())
_PATTERN = re.compile("".join(rf"(?:([0-9]{{1,18}}){unit})?" for unit in _MS))  # more digits are no time


def read_duration(text: str) -> Duration | None:
    """`1h30m`, `-5m` or a Grafana macro such as `$__rate_interval`; None for anything else."""
    if text.startswith("$"):
        return Duration(macro=text)
    match = _PATTERN.fullmatch(text.removeprefix("-"))
    if not text.removeprefix("-") or match is None:
        return None
    ms = sum(int(count) * size for count, (_, size) in zip(match.groups(), _UNITS, strict=True) if count)
    return Duration(-ms if text.startswith("-") else ms)


def duration_text(duration: Duration) -> str:
    """The canonical text. Years and weeks only where nothing remains: `90d` reads better than `12w6d`."""
    if duration.macro:
        return duration.macro
    if duration.ms == 0:
        return "0s"
    rest = abs(duration.ms)
    parts = []
    for unit, size in _UNITS:
        if rest >= size and (unit not in {"y", "w"} or rest % size == 0):
            parts.append(f"{rest // size}{unit}")
            rest %= size
    return ("-" if duration.ms < 0 else "") + "".join(parts)
