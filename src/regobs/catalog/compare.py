"""Compare one family of an exposition with its entry: type, labels, closed values, buckets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from regobs.catalog.exposition import ParsedFamily, ParsedSample
from regobs.catalog.model import Flavor, Form, Kind, Label, Metric, Version

_LISTED = 5


class What(StrEnum):
    """The kind of a difference."""

    UNKNOWN_FAMILY = "unknown family"
    OTHER_VERSION = "family of another version"
    WRONG_TYPE = "wrong type"
    MISSING_LABEL = "missing label"
    EXTRA_LABEL = "unexpected label"
    UNKNOWN_VALUE = "unknown label value"
    WRONG_BUCKETS = "wrong buckets"
    ABSENT = "absent family"


@dataclass(frozen=True, slots=True)
class ExpositionDifference:
    """Something the catalog did not predict. `line` is that of the exposition, None for what is absent."""

    what: What
    family: str
    found: str
    expected: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.family}: {self.what}: {self.found}; expected {self.expected}"


def compare_family(
    family: ParsedFamily, metric: Metric, flavor: Flavor, version: Version | None
) -> Iterator[ExpositionDifference]:
    """Everything about the family that its entry does not predict; each kind once a label, not once a sample."""
    form = metric.form(flavor, version)
    if form is None:
        yield _of_another(family, metric, flavor, version)
    elif family.kind != metric.kind.value:
        yield ExpositionDifference(What.WRONG_TYPE, family.name, family.kind, str(metric.kind), family.line)
    else:
        yield from _label_names(family, form)
        yield from _label_values(family, form)
        if metric.kind is Kind.HISTOGRAM:
            yield from _buckets(family, form)


def _of_another(family: ParsedFamily, metric: Metric, flavor: Flavor, version: Version | None) -> ExpositionDifference:
    if flavor not in metric.flavors:
        only = ", ".join(metric.flavors)
        return ExpositionDifference(
            What.UNKNOWN_FAMILY, family.name, f"it in {flavor}", f"it only in {only}", family.line
        )
    spans = ", ".join(_span(form) for form in metric.forms if flavor in form.flavors)
    found = f"it in {version or 'the newest version'}"
    return ExpositionDifference(What.OTHER_VERSION, family.name, found, f"it only {spans}", family.line)


def _span(form: Form) -> str:
    since, until = form.since and f"since {form.since}", form.until and f"before {form.until}"
    return " and ".join(part for part in (since, until) if part)


def _expected_labels(family: ParsedFamily, form: Form, sample: ParsedSample) -> set[str]:
    """The label names of this sample: a bucket has `le`, and only the plain sample of a summary has `quantile`."""
    names = {label.exposed for label in form.labels}
    if family.kind == "histogram" and sample.name.endswith("_bucket"):
        names.add("le")
    if family.kind == "summary" and sample.name != family.name:
        names.discard("quantile")
    return names


def _label_names(family: ParsedFamily, form: Form) -> Iterator[ExpositionDifference]:
    reported: set[tuple[What, str]] = set()
    for sample in family.samples:
        expected = _expected_labels(family, form, sample)
        if expected == sample.labels.keys():
            continue
        missing = [(What.MISSING_LABEL, name) for name in sorted(expected - sample.labels.keys())]
        extra = [(What.EXTRA_LABEL, name) for name in sorted(sample.labels.keys() - expected)]
        for what, name in missing + extra:
            if (what, name) not in reported:
                reported.add((what, name))
                found = f"{sample.name} without {name}" if what is What.MISSING_LABEL else f"{sample.name} with {name}"
                wanted = ", ".join(sorted(expected)) or "no labels"
                yield ExpositionDifference(what, family.name, found, wanted, sample.line)


def _label_values(family: ParsedFamily, form: Form) -> Iterator[ExpositionDifference]:
    for label in form.labels:
        if label.values is None:
            continue
        strange: dict[str, int] = {}
        for sample in family.samples:
            value = sample.labels.get(label.exposed)
            if value is not None and value not in strange and not _allowed(label, label.values, value):
                strange[value] = sample.line
        if strange:
            shown = _listed(f"{label.exposed}={value!r}" for value in strange)
            line = next(iter(strange.values()))
            yield ExpositionDifference(
                What.UNKNOWN_VALUE, family.name, shown, _listed(map(repr, label.values), all_=True), line
            )


def _allowed(label: Label, values: tuple[str, ...], value: str) -> bool:
    if value in values or label.exposed != "quantile":
        return value in values
    return _number(value) in {_number(known) for known in values}  # OpenMetrics writes 1.0 for 1


def _buckets(family: ParsedFamily, form: Form) -> Iterator[ExpositionDifference]:
    groups: dict[tuple[tuple[str, str], ...], tuple[set[float], int]] = {}
    for sample in family.samples:
        if sample.name.endswith("_bucket") and "le" in sample.labels:
            key = tuple(sorted((name, value) for name, value in sample.labels.items() if name != "le"))
            groups.setdefault(key, (set(), sample.line))[0].add(_number(sample.labels["le"]))
    expected = {*map(float, form.buckets or ()), math.inf}
    for edges, line in groups.values():
        if edges != expected:
            extra, missing = sorted(edges - expected), sorted(expected - edges)
            parts = [f"edges {_listed(map(_text, extra))}"] if extra else []
            parts += [f"no edge {_listed(map(_text, missing))}"] if missing else []
            wanted = _listed(map(_text, sorted(expected)), all_=True)
            yield ExpositionDifference(What.WRONG_BUCKETS, family.name, ", ".join(parts), wanted, line)
            return


def _number(text: str) -> float:
    """The number a text says; NaN, which equals nothing, for what is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _text(number: float) -> str:
    """A bound as Go writes it, whole numbers without a point."""
    if math.isinf(number):
        return "+Inf"
    return str(int(number)) if number.is_integer() else str(number)


def _listed(items: Iterable[str], *, all_: bool = False) -> str:
    texts = list(items)
    if all_ or len(texts) <= _LISTED:
        return ", ".join(texts)
    return ", ".join(texts[:_LISTED]) + f" and {len(texts) - _LISTED} more"
