"""Whose exposition it is: flavor and version from what it holds."""

from __future__ import annotations

from regobs.catalog import METRICS, build_info
from regobs.catalog.exposition import Exposition, Family
from regobs.catalog.model import Exposer, Flavor, Metric, Version
from regobs.errors import InputError, Location

# CNCF Distribution exposes no version; what differs between releases are the families of 3.0.0.
_DISTRIBUTION_3 = Version(3)
_DISTRIBUTION_2 = Version(2, 8)


def entry_of(family: Family) -> Metric | None:
    """The entry of a registry's family, or None. OpenMetrics adds and takes away `_total`: both names are tried."""
    for name in (family.text_name, family.name):
        metric = METRICS.get(name)
        if metric is not None and metric.exposer is Exposer.REGISTRY:
            return metric
    return None


def detect_flavor(exposition: Exposition) -> tuple[Flavor, str]:
    """The flavor that an exposition speaks, and what told it. Raises InputError when nothing does."""
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
        next_step="check the address, or say which registry it is with --flavor",
    )


def detect_version(exposition: Exposition, flavor: Flavor) -> tuple[Version | None, str]:
    """The version, None for the newest, and what told it."""
    if flavor is Flavor.DISTRIBUTION:
        return _distribution_version(exposition)
    family = exposition.families.get(build_info.BUILD.name)
    texts = [sample.labels.get("version", "") for sample in family.samples] if family else []
    for text in texts:
        try:
            return Version.parse(text), f"{build_info.BUILD.name} says version {text}"
        except ValueError:
            return None, f"{build_info.BUILD.name} says version {text!r}, taken as the newest"
    return None, f"no {build_info.BUILD.name}, taken as the newest"


def _distribution_version(exposition: Exposition) -> tuple[Version | None, str]:
    for family in exposition.families.values():
        metric = entry_of(family)
        forms = [form for form in metric.forms if Flavor.DISTRIBUTION in form.flavors] if metric else []
        if forms and all(form.since is not None and form.since >= _DISTRIBUTION_3 for form in forms):
            return None, f"{family.name} says 3.0.0 or newer"
    return _DISTRIBUTION_2, "nothing that is new in 3.0.0"
