"""The exposition: text format 0.0.4 and OpenMetrics 1.0, whole or in slices.

Sources: prometheus.io/docs/instrumenting/exposition_formats and the OpenMetrics 1.0 specification.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Any

from regobs.instrument.core.family import Family

TEXT = "text/plain; version=0.0.4; charset=utf-8"
TEXT_1 = "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
SLICE = 250  # children; about 4,000 lines of histograms
_LONGEST_ACCEPT = 4096  # characters of an Accept header that are looked at
# A quoted text may hold commas and semicolons; one that is not closed ends with the header.
_PARTS = re.compile(r'(?:[^,"]|"(?:\\.|[^"\\])*"?)+').findall
_PARAMETERS = re.compile(r'(?:[^;"]|"(?:\\.|[^"\\])*"?)+').findall
_LONGEST = 0.002  # seconds of a slice; the first exposition of a child takes ten times as long as a later one


def slices(families: Iterable[Family[Any]], *, openmetrics: bool, children: int = SLICE) -> Iterator[bytes]:
    """Pieces of the exposition with at most `children` series sets each; a family without children is not shown.

    A piece that takes long is cut short: it holds at least one.
    """
    if children < 1:
        raise ValueError("a slice holds at least one child")
    parts: list[str] = []
    room = children
    start = perf_counter()
    for family in families:
        header = family.header(openmetrics=openmetrics)
        for child in family.children():
            lines = child.lines(openmetrics=openmetrics)
            if lines and header:
                parts.append(header)
                header = ""
            parts.append(lines)
            room -= 1
            if room == 0 or (room & 3 == 0 and perf_counter() - start > _LONGEST):
                yield "".join(parts).encode()
                parts.clear()
                room = children
                start = perf_counter()
    if openmetrics:
        parts.append("# EOF\n")
    if parts:
        yield "".join(parts).encode()


def negotiated(accept: str) -> str:
    """The content type that an Accept header (RFC 9110) prefers: OpenMetrics 1.x, or text 1.0.0, or text 0.0.4.

    The oldest one answers whoever accepts none of them, as with the Go client library. Names and labels are the same
    in both text formats, because all of ours are valid without quotes.
    """
    best: dict[str, float] = {}
    for part in _PARTS(accept[:_LONGEST_ACCEPT]):
        media, *rest = (found.strip() for found in _PARAMETERS(part) or [""])
        pairs = (pair.partition("=") for pair in rest)
        parameters = {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
        kind = _kind(media.lower(), parameters.get("version", ""))
        if kind:
            best[kind] = max(best.get(kind, 0.0), _quality(parameters.get("q", "1")))
    chosen = max((OPENMETRICS, TEXT_1, TEXT), key=lambda kind: best.get(kind, 0.0))
    return chosen if best.get(chosen, 0.0) > 0 else TEXT


def _kind(media: str, version: str) -> str | None:
    if media == "application/openmetrics-text":
        return OPENMETRICS if not version or version.startswith("1.") else None
    if media == "text/plain" and version == "1.0.0":
        return TEXT_1
    return TEXT if media in {"text/plain", "text/*", "*/*"} and version in {"", "0.0.4"} else None


def _quality(text: str) -> float:
    try:
        return min(1.0, float(text))
    except ValueError:
        return 0.0
