"""The exposition: text format 0.0.4 and OpenMetrics 1.0, whole or in slices.

Sources: prometheus.io/docs/instrumenting/exposition_formats and the OpenMetrics 1.0 specification.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Any

from regobs.instrument.family import Family

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
SLICE = 250  # children; about 4,000 lines of histograms
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
            if room == 0 or perf_counter() - start > _LONGEST:
                yield "".join(parts).encode()
                parts.clear()
                room = children
                start = perf_counter()
    if openmetrics:
        parts.append("# EOF\n")
    if parts:
        yield "".join(parts).encode()


def wants_openmetrics(accept: str) -> bool:
    """Whether an Accept header prefers OpenMetrics 1.x to the text format."""
    best: dict[bool, float] = {}
    for part in accept.split(","):
        media, _, rest = part.strip().lower().partition(";")
        parameters = dict(pair.strip().partition("=")[::2] for pair in rest.split(";") if "=" in pair)
        openmetrics = media.strip() == "application/openmetrics-text"
        if openmetrics and not parameters.get("version", "1.0.0").startswith("1."):
            continue
        if openmetrics or media.strip() in {"text/plain", "text/*", "*/*"}:
            best[openmetrics] = max(best.get(openmetrics, 0.0), _quality(parameters.get("q", "1")))
    return best.get(True, 0.0) > 0 and best.get(True, 0.0) >= best.get(False, 0.0)


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
