"""Metrics that the catalog does not know, from a scrape or from what a Prometheus says of its targets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from regobs.catalog.exposition import ParsedFamily
from regobs.catalog.exposition import parse as parse_exposition
from regobs.catalog.model import ALL_FLAVORS, Exposer, Form, Kind, Label, Metric, Unit
from regobs.errors import InputError, Location

SCRAPED, TOLD = "own", "own, without labels"  # the components of metrics with samples, and of those without
_UNKNOWN = Form(ALL_FLAVORS)
Own = Mapping[str, tuple[Metric, str]]
_KINDS = {str(kind): kind for kind in Kind}
# What a name ends in, `_total` aside. A ratio may exceed 1, so it is taken for any number.
_UNITS = {"timestamp_seconds": Unit.TIMESTAMP, "seconds": Unit.SECONDS, "bytes": Unit.BYTES, "info": Unit.INFO}


def read_own_metrics(path: Path) -> Own:
    """The series of a file: an exposition as text, OpenMetrics or gzip, or the answer of `/api/v1/metadata`.

    Raises InputError for a file that is none of these, and for one that cannot be opened.
    """
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise InputError(
            "the metrics cannot be read",
            value=f"{path}: {fault.strerror}",
            expected=_EXPECTED,
            next_step="correct the path behind --catalog",
        ) from fault
    if content.lstrip()[:1] == b"{":
        return _series(_of_metadata(_metadata(content, path)))
    return _series(_of_family(one) for one in parse_exposition(content, source=str(path)).families.values())


_EXPECTED = "what /metrics of a process answers, or /api/v1/metadata of a Prometheus"


def own_metrics(metadata: Mapping[str, Mapping[str, str]]) -> Own:
    """The series of what a Prometheus says of its targets: type, help and unit by family."""
    return _series(_of_metadata(metadata))


def _series(found: Iterable[Metric | None]) -> Own:
    series: dict[str, tuple[Metric, str]] = {}
    for metric in found:
        if metric is not None:
            series |= {name: (metric, name.removeprefix(metric.name)) for name in metric.series}
    return series


def _metadata(content: bytes, path: Path) -> Mapping[str, Mapping[str, str]]:
    try:
        data: Any = json.loads(content)
        families = data.get("data", data)
        return {str(name): _agreed([dict(one) for one in told]) for name, told in families.items() if told}
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as fault:
        raise InputError(
            "this is no list of metrics",
            location=Location(str(path)),
            value=content[:60].decode(errors="replace"),
            expected=_EXPECTED,
            next_step="save it with curl, whole",
        ) from fault


def _agreed(told: list[dict[str, str]]) -> dict[str, str]:
    """What targets say of a name: nothing where one has a gauge of it and another a counter."""
    kinds = {str(one.get("type")) for one in told} - {"unknown", "unspecified", "untyped"}
    return next((one for one in told if kinds == {str(one.get("type"))}), {})


def _of_metadata(families: Mapping[str, Mapping[str, str]]) -> Iterator[Metric | None]:
    for name, told in families.items():
        kind, text = str(told.get("type")), str(told.get("help") or "")
        yield _metric(str(name), kind, text=text)
        # Of a target that answers in OpenMetrics the name is that of the family, which its series end with `_total`.
        if kind == Kind.COUNTER and not name.endswith("_total") and f"{name}_total" not in families:
            yield _metric(f"{name}_total", kind, text=text)


def _of_family(family: ParsedFamily) -> Metric | None:
    labels: dict[str, None] = {}
    edges: set[float] = set()
    for sample in family.samples:
        labels |= dict.fromkeys(sample.labels)
        if sample.name.endswith("_bucket") and (edge := _edge(sample.labels.get("le", ""))) is not None:
            edges.add(edge)
    own = tuple(Label(name) for name in labels if name not in {"le", "quantile"})
    component = SCRAPED if family.samples else TOLD
    form = Form(ALL_FLAVORS, own, tuple(sorted(edges)) or None)
    return _metric(family.text_name, family.kind, form, component)


def _edge(text: str) -> float | None:
    try:
        edge = float(text)
    except ValueError:
        return None
    return edge if edge < float("inf") else None


def _metric(name: str, kind: str, form: Form = _UNKNOWN, component: str = TOLD, *, text: str = "") -> Metric | None:
    if kind not in _KINDS:
        return None  # of an untyped metric nothing is known
    base = name.removesuffix("_total")
    unit = next((unit for end, unit in _UNITS.items() if base.endswith(f"_{end}")), Unit.NONE)
    gauge = kind == Kind.GAUGE  # may be below zero, for all that is known
    return Metric(name, _KINDS[kind], unit, text, (form,), component, exposer=Exposer.OTHER, signed=gauge)
