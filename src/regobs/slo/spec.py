"""Reading OpenSLO documents: the part of openslo/v1 that this engine compiles, checked strictly.

A metric source is of type `catalog` (a metric of the catalog by its entry, label words, and for a histogram the
threshold `at_most`) or of type `Prometheus` (the selector of a counter, in the names of GitLab's registry).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from regobs.config import Config, Threshold
from regobs.documents import Document, Steps, load_yaml_all, validate
from regobs.errors import ConfigError, Location, PromqlError, SloError
from regobs.pack import Pack, PackFile
from regobs.promql.nodes import Duration
from regobs.slo.model import Slo, Source, read_window
from regobs.slo.schema import SCHEMA
from regobs.slo.sources import read_source

_INDICATOR: Steps = ("spec", "indicator", "spec", "ratioMetric")


def read_slos(pack: Pack, config: Config) -> list[Slo]:
    """Every SLO of a pack, by file and place, with the thresholds of regobs.toml put in."""
    slos = [slo for file in pack.files("alerts", "*.slo.yaml") for slo in _read_file(file, config)]
    seen: dict[str, Slo] = {}
    for slo in slos:
        if slo.name in seen:
            raise SloError(
                f"the SLO {slo.name} is defined twice",
                location=slo.location,
                value=slo.name,
                expected=f"a name of its own; the first is at {seen[slo.name].location}",
                next_step="rename one of the two",
            )
        seen[slo.name] = slo
    _refuse_unknown(config, seen)
    return slos


def _refuse_unknown(config: Config, known: Iterable[str]) -> None:
    unknown = next((name for name in config.slo.thresholds if name not in known), None)
    if unknown is not None:
        raise ConfigError(
            f"[thresholds.{unknown}] names no SLO of the pack",
            location=Location(str(config.source)) if config.source else None,
            value=unknown,
            expected=f"one of {', '.join(sorted(known))}",
            next_step="correct the name, or remove the table",
        )


def _read_file(file: PackFile, config: Config) -> list[Slo]:
    documents = load_yaml_all(file.read(), str(file.path), error=SloError)
    if not documents:
        raise SloError(
            "the file holds no document",
            location=Location(str(file.path), 1, 1),
            expected="one OpenSLO document or more",
            next_step="write one, or remove the file",
        )
    return [_read(document, config) for document in documents]


def _read(document: Document, config: Config) -> Slo:
    validate(document, SCHEMA, SloError)
    metadata, spec = document.data["metadata"], document.data["spec"]
    override = config.slo.thresholds.get(metadata["name"], Threshold())
    ratio = spec["indicator"]["spec"]["ratioMetric"]
    if ("bad" in ratio) == ("good" in ratio):
        raise SloError(
            f"the ratio has {'both good and' if 'bad' in ratio else 'neither good nor'} bad events",
            location=document.locate(_INDICATOR),
            expected="either good or bad, beside total",
            next_step="the other one follows from total",
        )
    part = "bad" if "bad" in ratio else "good"
    slo = Slo(
        name=metadata["name"],
        title=metadata.get("displayName", metadata["name"]),
        description=" ".join(spec.get("description", "").split()),
        operation=metadata["labels"]["operation"],
        sli=metadata["labels"]["sli"],
        total=_source(document, "total", None, config),
        part=_source(document, part, override.at_most, config),
        part_is_bad=part == "bad",
        target=_target(document, override),
        period=_period(document, spec, config),
        location=document.locate(("metadata", "name")),
    )
    _check_kind(document, slo, override)
    return slo


def _source(document: Document, part: str, at_most: Decimal | None, config: Config) -> Source:
    path: Steps = (*_INDICATOR, part, "metricSource")
    try:
        return read_source(document, path, at_most)
    except PromqlError as error:
        spec = document.data
        for step in path:
            spec = spec[step]
        overridden = at_most is not None and str(at_most) == str(error.value)
        where = Location(str(config.source)) if overridden else _value_location(document, (*path, "spec"), error.value)
        raise SloError(
            error.message, location=where, value=error.value, expected=error.expected, next_step=error.next_step
        ) from error


def _value_location(document: Document, path: Steps, value: object) -> Location:
    """Where the value stands that an error is about: deeper than the source when one leaf of it has that text."""

    def search(data: Any, steps: Steps) -> Steps | None:
        if isinstance(data, dict):
            if value in data:
                return (*steps, str(value))
            return next((found for key, one in data.items() if (found := search(one, (*steps, key)))), None)
        if isinstance(data, list):
            return next((found for i, one in enumerate(data) if (found := search(one, (*steps, i)))), None)
        return steps if str(data) == str(value) else None

    data = document.data
    for step in path:
        data = data[step]
    return document.locate(search(data, path) or path)


def _target(document: Document, override: Threshold) -> Decimal:
    objective = document.data["spec"]["objectives"][0]
    if "target" not in objective and "targetPercent" not in objective:
        raise SloError(
            "the objective has no target",
            location=document.locate(("spec", "objectives", 0)),
            expected="target: 0.999, or targetPercent: 99.9",
            next_step="add one of the two",
        )
    if override.target is not None:
        return override.target
    key = "target" if "target" in objective else "targetPercent"
    target = Decimal(objective[key]) / (1 if key == "target" else 100)
    if target < 1:
        return target
    raise SloError(
        "a target of 100 % leaves no error budget, so nothing can be said about how fast it burns",
        location=document.locate(("spec", "objectives", 0, key)),
        value=objective[key],
        expected="a fraction below 1, such as 0.999",
        next_step="lower the target to what users would notice",
    )


def _period(document: Document, spec: dict[str, Any], config: Config) -> Duration:
    if "timeWindow" not in spec:
        return config.slo.period
    text = spec["timeWindow"][0]["duration"]
    found = read_window(text)
    if found is not None:
        return found
    raise SloError(
        "the time window is no fixed duration",
        location=document.locate(("spec", "timeWindow", 0, "duration")),
        value=text,
        expected="a duration such as 28d or 4w; months and years have no fixed length",
        next_step="give it in days or weeks",
    )


def _check_kind(document: Document, slo: Slo, override: Threshold) -> None:
    """A latency SLO has a threshold, an availability SLO has none: the alert's text depends on it."""
    has_threshold = slo.part.at_most is not None
    if override.at_most is not None and not has_threshold:
        raise SloError(
            f"at_most of {slo.name} in regobs.toml has nothing to override: the SLO has no threshold",
            location=slo.location,
            value=override.at_most,
            next_step=f"remove at_most from [thresholds.{slo.name}]",
        )
    catalog = document.data["spec"]["indicator"]["spec"]["ratioMetric"]["total"]["metricSource"]["type"] == "catalog"
    if catalog and has_threshold != (slo.sli == "latency"):
        raise SloError(
            f"the label sli says {slo.sli}, but the indicator has {'a' if has_threshold else 'no'} threshold",
            location=document.locate(("metadata", "labels", "sli")),
            value=slo.sli,
            expected="latency with at_most, availability without",
            next_step="correct the label or the indicator",
        )
