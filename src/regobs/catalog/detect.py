"""Whose exposition it is: flavor and version from what it holds."""

from __future__ import annotations

from collections.abc import Iterable

from regobs.catalog import METRICS, build_info
from regobs.catalog.exposition import Exposition, ParsedFamily
from regobs.catalog.model import Exposer, Flavor, Metric, Version
from regobs.errors import InputError, Location

# CNCF Distribution exposes no version; what differs between releases are the families of 3.0.0.
_DISTRIBUTION_3 = Version(3)
_DISTRIBUTION_2 = Version(2, 8)


# The components by which a registry is told from any other process, also one that has served no request yet.
TELLING = {"http", "storage"}


def of_a_registry(exposition: Exposition) -> bool:
    """Whether it holds a family that only a supported registry has: any Go process has those of its runtime."""
    entries = map(entry_of, exposition.families.values())
    return any(metric is not None and metric.component in TELLING for metric in entries)


def entry_of(family: ParsedFamily) -> Metric | None:
    """The entry of a registry's family, or None. OpenMetrics adds and takes away `_total`: both names are tried."""
    for name in (family.text_name, family.name):
        metric = METRICS.get(name)
        if metric is not None and metric.exposer is Exposer.REGISTRY:
            return metric
    return None


def detect_flavor(exposition: Exposition, *, option: str = "") -> tuple[Flavor, str]:
    """The flavor that an exposition speaks, and what told it. Raises InputError when nothing does.

    `option` is that of the command which says the flavor, where it has one.
    """
    known = [(family, metric) for family in exposition.families.values() if (metric := entry_of(family))]
    for family, metric in known:
        labels = {name for sample in family.samples for name in sample.labels}
        for flavor in Flavor:
            form = metric.form(flavor)
            route = form.label("route") if form else None
            if route is not None and route.exposed in labels:
                return flavor, f"label {route.exposed} says {flavor}"
    for _, metric in known:
        if len(metric.flavors) == 1:
            return metric.flavors[0], f"only {metric.flavors[0]} has {metric.name}"
    raise InputError(
        "nothing in it tells which registry this is",
        location=Location(exposition.source) if exposition.source else None,
        value=f"{len(exposition.families)} families, none that only one registry has",
        expected="the metrics of GitLab Container Registry or of CNCF Distribution",
        next_step="check the address" + (f", or say which registry it is with {option}" if option else ""),
    )


def detect_version(exposition: Exposition, flavor: Flavor) -> tuple[Version | None, str]:
    """The version, None for the newest, and what told it."""
    if flavor is Flavor.DISTRIBUTION:
        return distribution_version(map(entry_of, exposition.families.values()))
    family = exposition.families.get(build_info.BUILD.name)
    texts = [sample.labels.get("version", "") for sample in family.samples] if family else []
    for text in texts:
        try:
            return Version.parse(text), f"{build_info.BUILD.name} says version {text}"
        except ValueError:
            return None, f"{build_info.BUILD.name} says version {text!r}, taken as the newest"
    return None, f"no {build_info.BUILD.name}, taken as the newest"


def distribution_version(metrics: Iterable[Metric | None]) -> tuple[Version | None, str]:
    """The version of a CNCF Distribution that has these families, None for the newest, and what told it."""
    for metric in metrics:
        forms = [form for form in metric.forms if Flavor.DISTRIBUTION in form.flavors] if metric else []
        if metric and forms and all(form.since is not None and form.since >= _DISTRIBUTION_3 for form in forms):
            return None, f"{metric.name} says 3.0.0 or newer"
    return _DISTRIBUTION_2, "nothing that is new in 3.0.0"
