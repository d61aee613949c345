"""What a server says of itself, as frozen values: targets, rules, alerts, exemplars, version.

Apart from the answers of queries, so that a query loads none of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from regobs.prometheus.address import bare
from regobs.secrets import MASK, is_secret

# Keys of a scrape job that say how its targets are opened.
LOGINS = frozenset({"authorization", "basic_auth", "bearer_token", "bearer_token_file", "oauth2", "tls_config"})


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One observed event of a series, at a time (seconds since 1970): its value, and labels that say more of it."""

    series: Mapping[str, str]
    labels: Mapping[str, str]
    value: float
    time: float


@dataclass(frozen=True, slots=True)
class Target:
    """One scraped target. `health` is up, down or unknown; `interval` and `last_scrape` are in seconds.

    `params` are the query of the scrape by parameter, with MASK for what is a secret by its name. `probed` is what an
    exporter that asks others, such as blackbox_exporter, is told to ask; `module` how.
    """

    labels: Mapping[str, str]
    pool: str
    url: str
    health: str
    last_error: str = ""
    last_scrape: float | None = None
    interval: float | None = None
    probed: str = ""
    module: str = ""
    params: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alert:
    """One active alert: `state` is pending or firing, `active_at` and `value` as the server writes them.

    `active_at` is when its condition began to hold: it fires since then and the rule's `for`.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    state: str
    active_at: str
    value: float


@dataclass(frozen=True, slots=True)
class LoadedRule:
    """One loaded rule. `kind` is alerting or recording; `health` is ok, err or unknown (not evaluated yet).

    `state` (inactive, pending, firing), `duration` and `keep` (`for`, `keep_firing_for`: seconds) and `alerts` are
    of an alerting rule.
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
    keep: float = 0.0


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """A loaded rule group; `interval` and `evaluation_time`, which the last evaluation took, are in seconds."""

    name: str
    file: str
    interval: float
    rules: tuple[LoadedRule, ...]
    evaluation_time: float = 0.0
    last_evaluation: float | None = None


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """The server's version, for example 2.42.0, revision, and what it calls itself, as only Mimir does."""

    version: str
    revision: str = ""
    application: str = ""


def read_buildinfo(body: Mapping[str, Any]) -> BuildInfo:
    """The body of /api/v1/status/buildinfo; what is no text in it is not known."""
    data = body["data"] if isinstance(body["data"], dict) else {}
    names = ("version", "revision", "application")
    return BuildInfo(*(one if isinstance(one := data.get(name), str) else "" for name in names))


def read_exemplars(body: Mapping[str, Any]) -> tuple[Exemplar, ...]:
    """The body of /api/v1/query_exemplars, the oldest event first."""
    found = [
        Exemplar(dict(item["seriesLabels"]), dict(one["labels"]), float(one["value"]), float(one["timestamp"]))
        for item in body["data"] or ()
        for one in item["exemplars"] or ()
    ]
    return tuple(sorted(found, key=lambda one: (one.time, sorted(one.series.items()))))


def read_target(item: Mapping[str, Any]) -> Target:
    """One entry of `activeTargets` of /api/v1/targets."""
    asked = params_of(str(item.get("scrapeUrl", "")))
    return Target(
        labels=dict(item["labels"]),
        pool=str(item.get("scrapePool", "")),
        url=bare(str(item.get("scrapeUrl", ""))),
        health=str(item["health"]),
        last_error=str(item.get("lastError", "")),
        last_scrape=_seconds(item.get("lastScrape")),
        interval=_duration(item.get("scrapeInterval")),
        probed=_probed(asked.get("target", ("",))[0]),
        module=asked.get("module", ("",))[0],
        params=asked,
    )


def params_of(url: str) -> dict[str, tuple[str, ...]]:
    """The query of a URL by parameter, with MASK for what is a secret by its name; empty for a text that is no URL."""
    try:
        found = parse_qs(urlsplit(url).query, keep_blank_values=True)
    except ValueError:
        return {}
    return {name: (MASK,) if is_secret(name) else tuple(values) for name, values in found.items()}


def read_logins(text: str) -> dict[str, tuple[str, ...]]:
    """What the scrape jobs of a configuration as Prometheus prints it say of TLS and logins: their keys by job.

    Only names of jobs and of such keys are read, in one pass.
    """
    found: dict[str, tuple[str, ...]] = {}
    job: str | None = None
    within = False
    for line in text.splitlines():
        if line and not line[0].isspace() and not line.startswith(("#", "-")):
            within = line.rstrip() == "scrape_configs:"
        key, _, value = line.removeprefix("- ").strip().partition(":")
        if within and line.startswith("- ") and key == "job_name":
            job = value.strip().strip("\"'")
        elif within and job is not None and re.match(r" {2}\w", line) and key in LOGINS:
            found[job] = (*found.get(job, ()), key)
    return found


def _probed(text: str) -> str:
    """What is probed, without a password; a text that is no address, which any scrape may have, is left out."""
    try:
        return bare(text)
    except ValueError:
        return ""


def read_rule_group(item: Mapping[str, Any]) -> RuleGroup:
    """One entry of `groups` of /api/v1/rules."""
    rules = tuple(_rule(rule) for rule in item["rules"] or ())
    return RuleGroup(
        str(item["name"]),
        str(item.get("file", "")),
        float(item.get("interval", 0)),
        rules,
        float(item.get("evaluationTime", 0)),
        _seconds(item.get("lastEvaluation")),
    )


def read_evaluation_interval(text: str) -> str:
    """`evaluation_interval` of the part `global` of a configuration as Prometheus prints it; empty where it is absent.

    Only this line is read: the rest of the file is none of our business, and can be long.
    """
    within = False
    for line in text.splitlines():
        if line and not line[0].isspace() and not line.startswith("#"):
            within = line.rstrip() == "global:"
        key, _, value = line.partition(":")
        if within and key.strip() == "evaluation_interval":
            return value.strip()
    return ""


def _rule(item: Mapping[str, Any]) -> LoadedRule:
    return LoadedRule(
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
        keep=float(item.get("keepFiringFor", 0)),
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
