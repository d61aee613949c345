"""How Thanos Query evaluated one query: its operators, each with its time, its samples and the stores that it asked.

Thanos answers `analyze=true` so, with its own engine alone. It describes the field `analysis` only in its sources:
https://github.com/thanos-io/thanos/blob/v0.42.0/pkg/api/query/v1.go
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from regobs.common.frozen import frozen

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?)(h|ms|m|s|us|µs|μs|ns)")
_DEEPEST = 200  # operators in operators: a tree that is deeper is none


@frozen
class AskedStore:
    """What one store gave for an operator that reads series."""

    address: str
    seconds: float
    series: int
    samples: int


@frozen
class Operator:
    """One operator; `samples` are those that it and what is below it read, `peak` the most of them at once."""

    name: str
    seconds: float
    samples: int
    peak: int
    stores: tuple[AskedStore, ...] = ()
    children: tuple[Operator, ...] = ()


def read_analysis(body: Mapping[str, Any]) -> Operator | None:
    """The analysis in an answer to a query; None where its engine gives none."""
    found = body["data"].get("analysis")
    return _operator(found) if found and found.get("name") else None


def _operator(item: Mapping[str, Any], depth: int = 0) -> Operator:
    if depth > _DEEPEST:
        raise ValueError("operators within operators, by the hundred")
    return Operator(
        str(item.get("name", "")),
        go_seconds(str(item.get("executionTime", "0s"))),
        int(item.get("totalSamples", 0)),
        int(item.get("peakSamples", 0)),
        tuple(
            AskedStore(
                str(one.get("endpointAddr", "")),
                go_seconds(str(one.get("duration", "0s"))),
                int(one.get("series", 0)),
                int(one.get("samples", 0)),
            )
            for one in item.get("fanout") or ()
        ),
        tuple(_operator(one, depth + 1) for one in item.get("children") or ()),
    )


def go_seconds(text: str) -> float:
    """The seconds of a duration as Go writes it, such as 1m2.5s or 36.1µs. Raises ValueError for another text."""
    if text == "0":
        return 0.0
    seconds, end = 0.0, 0
    while part := _PART.match(text, end):
        seconds, end = seconds + float(part[1]) * _SECONDS[part[2]], part.end()
    if end == 0 or end < len(text):
        raise ValueError(f"no duration: {text[:40]!r}")
    return seconds
