"""What the server answers, as frozen values; reading one raises ValueError, TypeError or KeyError on a wrong shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import nan
from typing import Any

from regobs.prometheus.address import bare

_INFO = "PromQL info: "


@dataclass(frozen=True, slots=True)
class Sample:
    """One series at one time (seconds since 1970). A native histogram has its raw form in `histogram`, value NaN."""

    labels: Mapping[str, str]
    value: float
    time: float
    histogram: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """One series over time: (seconds since 1970, value) in ascending order; native histograms are counted only."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    histograms: int = 0


@dataclass(frozen=True, slots=True)
class Stats:
    """What a query cost: samples read, most samples in memory at once, seconds of evaluation."""

    samples: int
    peak: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a query. `kind` is vector, scalar, string or matrix; a scalar is one sample without labels."""

    kind: str
    samples: tuple[Sample, ...] = ()
    ranges: tuple[Range, ...] = ()
    text: str = ""
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    stats: Stats | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One scraped target. `health` is up, down or unknown; `interval` and `last_scrape` are in seconds."""

    labels: Mapping[str, str]
    pool: str
    url: str
    health: str
    last_error: str = ""
    last_scrape: float | None = None
    interval: float | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """One active alert: `state` is pending or firing, `active_at` and `value` as the server writes them."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    state: str
    active_at: str
    value: float


@dataclass(frozen=True, slots=True)
class Rule:
    """One loaded rule. `kind` is alerting or recording; `health` is ok, err or unknown (not evaluated yet).

    `state` (inactive, pending, firing), `duration` (seconds) and `alerts` are those of an alerting rule.
    """

    kind: str
    name: str
    query: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    health: str = "unknown"
    last_error: str = ""
    state: str = ""
    duration: float = 0.0
    last_evaluation: float | None = None
    alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """A loaded rule group; `interval` in seconds."""

    name: str
    file: str
    interval: float
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """The server's version, for example 2.42.0, and revision."""

    version: str
    revision: str = ""


def read_answer(body: Mapping[str, Any]) -> Answer:
    """The body of /api/v1/query or /api/v1/query_range."""
    data = body["data"]
    kind, result = data["resultType"], data["result"]
    warnings, infos = (list(map(str, body.get(name) or ())) for name in ("warnings", "infos"))
    # Thanos has one list for both.
    common: dict[str, Any] = {
        "warnings": tuple(text for text in warnings if not text.startswith(_INFO)),
        "infos": tuple([text for text in warnings if text.startswith(_INFO)] + infos),
        "stats": _stats(data.get("stats")),
    }
    if kind == "vector":
        return Answer(kind, samples=tuple(_sample(item) for item in result), **common)
    if kind == "matrix":
        return Answer(kind, ranges=tuple(_range(item) for item in result), **common)
    if kind == "scalar":
        return Answer(kind, samples=(Sample({}, float(result[1]), float(result[0])),), **common)
    if kind == "string":
        return Answer(kind, text=str(result[1]), **common)
    raise ValueError(f"result type {kind!r}")


def _sample(item: Mapping[str, Any]) -> Sample:
    labels = dict(item["metric"])
    if "histogram" in item:
        return Sample(labels, nan, float(item["histogram"][0]), item["histogram"][1])
    time, value = item["value"]
    return Sample(labels, float(value), float(time))


def _range(item: Mapping[str, Any]) -> Range:
    points = tuple((float(time), float(value)) for time, value in item.get("values") or ())
    return Range(dict(item["metric"]), points, len(item.get("histograms") or ()))


def _stats(data: Mapping[str, Any] | None) -> Stats | None:
    if not data:
        return None
    samples, timings = data.get("samples") or {}, data.get("timings") or {}
    return Stats(
        samples=int(samples.get("totalQueryableSamples", 0)),
        peak=int(samples.get("peakSamples", 0)),
        seconds=float(timings.get("evalTotalTime", 0.0)),
    )


def read_target(item: Mapping[str, Any]) -> Target:
    """One entry of `activeTargets` of /api/v1/targets."""
    return Target(
        labels=dict(item["labels"]),
        pool=str(item.get("scrapePool", "")),
        url=bare(str(item.get("scrapeUrl", ""))),
        health=str(item["health"]),
        last_error=str(item.get("lastError", "")),
        last_scrape=_seconds(item.get("lastScrape")),
        interval=_duration(item.get("scrapeInterval")),
    )


def read_rule_group(item: Mapping[str, Any]) -> RuleGroup:
    """One entry of `groups` of /api/v1/rules."""
    rules = tuple(_rule(rule) for rule in item["rules"] or ())
    return RuleGroup(str(item["name"]), str(item.get("file", "")), float(item.get("interval", 0)), rules)


def _rule(item: Mapping[str, Any]) -> Rule:
    return Rule(
        kind=str(item["type"]),
        name=str(item["name"]),
        query=str(item["query"]),
        labels=dict(item.get("labels") or {}),
        annotations=dict(item.get("annotations") or {}),
        health=str(item.get("health", "unknown")),
        last_error=str(item.get("lastError", "")),
        state=str(item.get("state", "")),
        duration=float(item.get("duration", 0)),
        last_evaluation=_seconds(item.get("lastEvaluation")),
        alerts=tuple(read_alert(alert) for alert in item.get("alerts") or ()),
    )


def read_alert(item: Mapping[str, Any]) -> Alert:
    """One entry of `alerts` of /api/v1/alerts, or of a rule."""
    return Alert(
        labels=dict(item["labels"]),
        annotations=dict(item.get("annotations") or {}),
        state=str(item["state"]),
        active_at=str(item.get("activeAt", "")),
        value=float(item.get("value", "NaN")),
    )


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _duration(text: Any) -> float | None:
    """Seconds of `15s`, `1m30s`, `500ms`; None when absent (Prometheus before 2.28)."""
    if not text:
        return None
    parts = re.findall(r"(\d+)(ms|[smhd])", str(text))
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _seconds(text: Any) -> float | None:
    """Seconds since 1970 of an RFC 3339 time; None for Go's zero time, which stands for never."""
    if not text or str(text).startswith("0001-"):
        return None
    # Go writes up to nine digits of fraction; fromisoformat of 3.11 takes any number of them but keeps six.
    return datetime.fromisoformat(str(text)).timestamp()
