"""Registries that are not supported, told by their families: facts about whose metrics these are, nothing more.

Sources: Harbor's documentation "Access Metrics" (2.8); Quay's util/metrics/prometheus.py and its modules; zot's
pkg/extensions/monitoring; Pulp's instruments of OpenTelemetry, as a collector names them for Prometheus; JFrog's "Open
Metrics" of Artifactory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from regobs.catalog.exposition import Exposition, ParsedFamily
from regobs.errors import InputError, Location

_OUTSIDE = "what works with any registry: `regobs export probe`, which uses it from outside as Docker does"


@dataclass(frozen=True, slots=True)
class OtherRegistry:
    """A registry that the catalog does not describe.

    `prefixes` begin the names of its families, `services` are the values of OpenTelemetry's `service_name` of it;
    `needed` says what support of it would take, `instead` what can be done today.
    """

    name: str
    prefixes: tuple[str, ...]
    needed: str
    instead: str = _OUTSIDE
    services: tuple[str, ...] = ()


OTHERS = (
    OtherRegistry(
        "Harbor",
        ("harbor_",),
        "a flavor with the families of its exporter, core and jobservice; its request durations are summaries without "
        "the status code, so that latency SLOs cannot be computed from them",
        "the registry inside Harbor is CNCF Distribution: scrape <harbor>:<metrics port>/metrics?comp=registry and "
        "check that; `regobs init` takes it as flavor distribution",
    ),
    OtherRegistry(
        "Quay",
        ("quay_",),
        "a flavor with its one histogram of requests by method, route, status and namespace, and its Push Gateway as "
        "the place that is scraped",
    ),
    OtherRegistry(
        "zot",
        ("zot_",),
        "a flavor whose latencies are summaries by method or repository: no percentile over several instances, no "
        "latency SLO, and labels that grow with the repositories",
    ),
    OtherRegistry(
        "Pulp",
        ("artifacts_size_counter",),
        "a flavor with the names that an OpenTelemetry collector gives to Pulp's instruments, which differ between "
        "versions of the collector",
        services=("pulp-api", "pulp-content", "pulp-worker"),
    ),
    OtherRegistry(
        "Artifactory",
        ("jfrt_", "jfsh_"),
        "a flavor of gauges about the process, its database and its store: no request is counted by route or status, "
        "so SLOs would have to come from its request log",
    ),
)


def families_of(other: OtherRegistry, names: Iterable[str]) -> list[str]:
    """Those of the names that only this registry has."""
    return [name for name in names if name.startswith(other.prefixes)]


def told_by(names: Collection[str]) -> list[str]:
    """The registries whose families are among the names."""
    return [other.name for other in OTHERS if families_of(other, names)]


def recognise(exposition: Exposition) -> tuple[OtherRegistry, Collection[str]] | None:
    """The registry with the most families of its own in an exposition, and these; None where there is none."""
    services = {sample.labels.get("service_name") for family in _information(exposition) for sample in family.samples}
    best: tuple[OtherRegistry, Collection[str]] | None = None
    for other in OTHERS:
        found = families_of(other, exposition.families)
        found += [f"service_name {one}" for one in other.services if one in services]
        if len(found) > len(best[1] if best else ()):
            best = other, found
    return best


def _information(exposition: Exposition) -> list[ParsedFamily]:
    return [family for name, family in exposition.families.items() if name in {"target", "target_info"}]


def refuse(exposition: Exposition) -> None:
    """Raise InputError where this is the exposition of a registry that is not supported; the error names it."""
    found = recognise(exposition)
    if found is not None:
        other, families = found
        raise InputError(
            f"this is {other.name}'s exposition: not supported",
            location=Location(exposition.source) if exposition.source else None,
            value=f"{len(families)} of {other.name}'s, such as {', '.join(sorted(families)[:3])}",
            expected="the metrics of GitLab Container Registry or of CNCF Distribution",
            next_step=f"{other.instead}. What would be needed: {other.needed}",
        )
