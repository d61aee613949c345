"""Compare what a process really exposes with what the catalog predicts of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from regobs.catalog import METRICS, by_series, others, python_runtime
from regobs.catalog.compare import ExpositionDifference, What, compare_family
from regobs.catalog.detect import detect_flavor, detect_version, entry_of, of_a_registry
from regobs.catalog.exposition import UNTYPED, Exposition, ParsedFamily
from regobs.catalog.model import Exposer, Flavor, Metric, Version

__all__ = ["Absence", "ExpositionDifference", "ExpositionReport", "What", "Why", "check"]


class Why(StrEnum):
    """Why a family of the flavor is absent; only with `UNEXPLAINED` it is a difference too."""

    CAPABILITY = "its capability is not seen here"
    NO_EVENT = "nothing has happened yet that it counts"
    LINKED = "it depends on how the binary was linked"
    REMOVED = "older versions had it"
    LATER = "later versions have it"
    LIBRARY = "only a registry that is written with regobs.instrument has it"
    PYTHON = "the process is written in Python, not in Go"
    UNEXPLAINED = "it should be there without any traffic"


@dataclass(frozen=True, slots=True)
class Absence:
    """A family of the flavor that the exposition does not hold."""

    family: str
    why: Why
    detail: str = ""

    @property
    def fine(self) -> bool:
        """Whether the family may be absent."""
        return self.why is not Why.UNEXPLAINED


@dataclass(frozen=True, slots=True)
class ExpositionReport:
    """The result of a check. `version` None means the newest. `told` says how flavor and version became known."""

    source: str
    flavor: Flavor
    version: Version | None
    told: str
    families: int
    samples: int
    differences: tuple[ExpositionDifference, ...]
    absences: tuple[Absence, ...]

    @property
    def ok(self) -> bool:
        """Whether the exposition is what the catalog predicts."""
        return not self.differences


def check(exposition: Exposition, flavor: Flavor | None = None, version: Version | None = None) -> ExpositionReport:
    """Compare an exposition with the catalog; what is not given of flavor and version is detected.

    Raises InputError where it is that of a registry which is not supported, or where the flavor is neither given nor
    told by anything in the exposition.
    """
    told = "flavor as given"
    if not of_a_registry(exposition):
        others.refuse(exposition)
    if flavor is None:
        flavor, told = detect_flavor(exposition, option="--flavor")
    if version is None:
        version, version_told = detect_version(exposition, flavor)
        told = f"{told}; {version_told}"
    differences: list[ExpositionDifference] = []
    seen: set[str] = set()
    for family in exposition.families.values():
        metric = entry_of(family)
        if metric is None:
            differences += _without_entry(family, exposition, seen)
        else:
            seen.add(metric.name)
            differences += compare_family(family, metric, flavor, version)
    absences = tuple(_absences(seen, flavor, version))
    differences += [
        ExpositionDifference(What.ABSENT, absence.family, "nothing", absence.why.value)
        for absence in absences
        if not absence.fine
    ]
    return ExpositionReport(
        source=exposition.source,
        flavor=flavor,
        version=version,
        told=told,
        families=len(exposition.families),
        samples=exposition.sample_count,
        differences=tuple(differences),
        absences=absences,
    )


def _without_entry(family: ParsedFamily, exposition: Exposition, seen: set[str]) -> Iterator[ExpositionDifference]:
    """What is to be said of a family that the catalog has no entry for. May add to `seen`."""
    if family.kind == "gauge" and family.name.endswith("_created"):
        stem = family.name.removesuffix("_created")
        if stem in METRICS or f"{stem}_total" in METRICS:
            return  # the Python client library writes the time of creation of a series as a family of its own
    series = by_series(family.name) if family.kind == UNTYPED else None
    if series is not None and series[0].exposer is Exposer.REGISTRY:
        metric = series[0]
        if metric.name not in exposition.families and metric.name not in seen:
            yield ExpositionDifference(What.WRONG_TYPE, metric.name, "no TYPE line", str(metric.kind), family.line)
        seen.add(metric.name)
        return
    stranger = METRICS.get(family.text_name)
    expected = f"it on a {stranger.exposer}, not on a registry" if stranger else "only families of the catalog"
    yield ExpositionDifference(What.UNKNOWN_FAMILY, family.name, f"a {family.kind}", expected, family.line)


def _absences(seen: set[str], flavor: Flavor, version: Version | None) -> Iterator[Absence]:
    forms = [METRICS[name].form(flavor, version) for name in seen]
    capabilities = {form.needs for form in forms if form is not None and not form.always_exposed}
    for metric in METRICS.values():
        if metric.exposer is not Exposer.REGISTRY or flavor not in metric.flavors or metric.name in seen:
            continue
        form = metric.form(flavor, version)
        if form is None:
            yield _of_another_version(metric, flavor, version)
        elif form.needs is not None and not form.always_exposed and form.needs not in capabilities:
            yield Absence(metric.name, Why.CAPABILITY, form.needs.value)
        elif metric.component == "instrument":
            yield Absence(metric.name, Why.LIBRARY)
        elif metric.component == "go_runtime" and python_runtime.INFO.name in seen:
            yield Absence(metric.name, Why.PYTHON)
        elif form.absent_until_observed:
            yield Absence(metric.name, Why.NO_EVENT)
        elif form.may_lack:
            yield Absence(metric.name, Why.LINKED, form.may_lack)
        else:
            yield Absence(metric.name, Why.UNEXPLAINED)


def _of_another_version(metric: Metric, flavor: Flavor, version: Version | None) -> Absence:
    forms = [form for form in metric.forms if flavor in form.flavors]
    later = [form.since for form in forms if form.since is not None and version is not None and form.since > version]
    if later:
        return Absence(metric.name, Why.LATER, f"since {min(later)}")
    return Absence(metric.name, Why.REMOVED, f"until {max(form.until for form in forms if form.until is not None)}")
