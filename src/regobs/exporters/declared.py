"""Metrics of a deployment's own over log lines: which lines count, by which fields, and how much each adds.

They are declared in a YAML file; docs/exporters.md has an example. Fields and conditions are those of the field
catalogue and of `regobs logs query`, so a condition holds for the same lines in both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from math import inf, isinf
from pathlib import Path
from typing import Any

from regobs.catalog import METRICS
from regobs.catalog.model import Exposer, Flavor, Form, Kind, Label, Metric, Unit
from regobs.common.closest import did_you_mean
from regobs.documents import Document, Steps, read_yaml, validate
from regobs.errors import ConfigError, LogQueryError
from regobs.exporters.totals import BoundedNames, Totals
from regobs.logs.fields import FIELDS
from regobs.logs.fields.field import Field, FieldType
from regobs.logs.kql import parse
from regobs.logs.kql.bind import bind
from regobs.logs.reading.record import Record
from regobs.logs.reading.values import values
from regobs.logs.to_python import Holds, holds
from regobs.secrets.fields import redacted_fields

MOST_NAMES = 100  # values of one label with series of their own, where `most` says nothing
_NUMBERS = frozenset({FieldType.LONG, FieldType.DOUBLE})
# Names that Prometheus or its client libraries give a meaning of their own.
# Source: Prometheus documentation, "Data model" and "Jobs and instances"; OpenMetrics 1.0, reserved suffixes.
_TAKEN_LABELS = frozenset({"le", "quantile", "job", "instance"})
_SHOWN = 40  # characters of a number in an error
_SUFFIXES = ("_total", "_bucket", "_sum", "_count", "_created", "_info")

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["metrics"],
    "properties": {
        "metrics": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "help"],
                "properties": {
                    "name": {
                        "type": "string",
                        "pattern": "^registry_log_[a-z0-9_]+$",
                        "maxLength": 100,
                        "description": "a name such as registry_log_large_uploads_total",
                    },
                    "help": {"type": "string", "minLength": 1, "maxLength": 500},
                    "where": {"type": "string", "minLength": 1},
                    "value": {"type": "string", "minLength": 1},
                    "buckets": {"type": "array", "minItems": 1, "maxItems": 50, "items": {"type": "number"}},
                    "most": {"type": "integer", "minimum": 1, "maximum": 10_000},
                    "labels": {
                        "type": "object",
                        "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$"},
                        "maxProperties": 6,
                        "additionalProperties": {"type": "string", "minLength": 1},
                    },
                },
            },
        }
    },
}


@dataclass(frozen=True, slots=True)
class DeclaredMetric:
    """A counter or histogram over log lines. `fields` give the values of the labels, in the order of the labels.

    `value` is the field whose numbers are added or put into buckets; without one each line counts 1.
    """

    metric: Metric
    fits: Holds
    fields: tuple[Field, ...]
    value: Field | None
    most: int
    definition: Mapping[str, Any]  # what decides what is counted, as JSON has it


def read_declared(file: Path) -> tuple[DeclaredMetric, ...]:
    """The metrics of a file. Raises ConfigError with the place of what is wrong."""
    try:
        document = read_yaml(file, error=ConfigError)
    except OSError as fault:
        raise ConfigError(
            "the metrics cannot be read", value=f"{file}: {fault.strerror}", next_step="name a readable file"
        ) from None
    validate(document, _SCHEMA, ConfigError)
    found: dict[str, DeclaredMetric] = {}
    taken = {name for metric in METRICS.values() for name in _names(metric)}
    for index in range(len(document.data["metrics"])):
        declared = _declared(document.part("metrics").part(index))
        names = _names(declared.metric)
        if taken & names:
            raise ConfigError(
                "this name is taken",
                location=document.locate(("metrics", index, "name")),
                value=declared.metric.name,
                expected="a name that neither the catalog nor a metric above has, without its _total"
                " and with its _bucket, _sum, _count and _created: it is taken by " + ", ".join(sorted(taken & names)),
                next_step="choose another name",
            )
        taken |= names
        found[declared.metric.name] = declared
    return tuple(found.values())


def _names(metric: Metric) -> set[str]:
    """The names that no other metric may have: its family as OpenMetrics has it, and its samples.

    Source: OpenMetrics 1.0, "MetricFamily": a sample name of one family is neither that of another nor its name.
    """
    family = metric.name.removesuffix("_total") if metric.kind is Kind.COUNTER else metric.name
    created = set() if metric.kind is Kind.GAUGE else {f"{family}_created"}
    return {metric.name, family, *metric.series} | created


@dataclass(frozen=True, slots=True)
class Redeclared:
    """A declared metric that begins anew, and what of its definition is another than in the checkpoint."""

    metric: str
    changed: tuple[str, ...]


class DeclaredCounts:
    """What the declared metrics have counted. Each has its own bounded names, so that none displaces another's."""

    def __init__(self, declared: Sequence[DeclaredMetric]) -> None:
        self._declared = declared
        self.totals = {one.metric.name: Totals([one.metric]) for one in declared}
        self._names = {one.metric.name: [BoundedNames(one.most) for _ in one.fields] for one in declared}

    def count(self, record: Record) -> None:
        """Count a line in every metric whose condition holds for it."""
        for one in self._declared:
            if not one.fits(record):
                continue
            amounts = [1] if one.value is None else values(record, one.value)
            if not amounts or any(amount < 0 for amount in amounts):
                continue
            totals = self.totals[one.metric.name]
            with totals.lock:
                labels = self._labels(one, record, totals)
                for amount in amounts:
                    if one.metric.kind is Kind.HISTOGRAM:
                        totals.observe(one.metric, labels, amount)
                    else:
                        totals.add(one.metric, labels, amount)

    def data(self) -> dict[str, Any]:
        """Everything, for a checkpoint."""
        return {
            one.metric.name: {
                "definition": one.definition,
                "totals": self.totals[one.metric.name].data(),
                "names": [names.data() for names in self._names[one.metric.name]],
            }
            for one in self._declared
        }

    def load(self, state: Mapping[str, Any]) -> list[Redeclared]:
        """Go on from a checkpoint; the metrics that begin anew, as they are defined in another way now.

        One that is not declared any more is left out. Earlier versions stored no definitions: of their counts what
        has as many labels and buckets goes on.
        """
        anew = []
        for one in self._declared:
            name, before = one.metric.name, state.get(one.metric.name)
            if before is None:
                continue
            if changed := _changed(one, before):
                anew.append(Redeclared(name, changed))
                continue
            totals = self.totals[name]
            totals.load(before["totals"])
            labels = totals.label_names(name)
            for label, names, data in zip(labels, self._names[name], before["names"], strict=True):
                for gone in names.load(data):
                    totals.fold(label, gone)
        return anew

    def _labels(self, one: DeclaredMetric, record: Record, totals: Totals) -> tuple[str, ...]:
        found = []
        names_of_labels = totals.label_names(one.metric.name)
        for label, field, names in zip(names_of_labels, one.fields, self._names[one.metric.name], strict=True):
            name, gone = names.admit(_label_value(record, field))
            if gone is not None:
                totals.fold(label, gone)
            found.append(name)
        return tuple(found)


def _changed(one: DeclaredMetric, before: Mapping[str, Any]) -> tuple[str, ...]:
    """What of a definition is another than that of a checkpoint, as the settings name it."""
    known = before.get("definition")
    if known is not None:
        return tuple(key for key, value in one.definition.items() if known.get(key) != value)
    if len(before["names"]) != len(one.fields):
        return ("labels",)
    width = len(Totals.bounds(one.metric)) + 2 if one.metric.kind is Kind.HISTOGRAM else 0
    rows = [row for rows in before["totals"].values() for _, row in rows]
    return ("buckets",) if any((len(row) if isinstance(row, list) else 0) != width for row in rows) else ()


def _label_value(record: Record, field: Field) -> str:
    """A value as a label shows it: without secrets; `none` where the line lacks the field."""
    found = values(record, field)
    if not found:
        return "none"
    shown = redacted_fields({field.name: found[0]})[field.name]
    return str(shown).lower() if isinstance(shown, bool) else str(shown)


def _declared(document: Document) -> DeclaredMetric:
    row: dict[str, Any] = document.data
    name, histogram, labels = row["name"], "buckets" in row, row.get("labels", {})
    _check_name(document, name, histogram=histogram)
    if histogram:
        _check_buckets(document, row["buckets"], has_value="value" in row)
    for label in labels:
        if label in _TAKEN_LABELS:
            raise ConfigError(
                "this label has a meaning of its own in Prometheus",
                location=document.locate(("labels", label)),
                value=label,
                expected=f"another name than {', '.join(sorted(_TAKEN_LABELS))}",
                next_step="rename the label",
            )
    value = _field(document, ("value",), row["value"]) if "value" in row else None
    if value is not None and value.type not in _NUMBERS:
        raise ConfigError(
            "the field has no number",
            location=document.locate(("value",)),
            value=value.name,
            expected="a field of type long or double",
            next_step="take another field, or count lines without `value`",
        )
    form = Form(
        (Flavor.GITLAB, Flavor.DISTRIBUTION),
        tuple(Label(label) for label in labels),
        buckets=tuple(float(edge) for edge in row["buckets"]) if histogram else None,
        absent_until_observed=True,
    )
    kind = Kind.HISTOGRAM if histogram else Kind.COUNTER
    metric = Metric(name, kind, Unit.NONE, row["help"], (form,), "logs", Exposer.LOG_EXPORTER)
    fields = tuple(_label_field(document, label, text) for label, text in labels.items())
    condition = _condition(document, row.get("where", ""))
    definition = {
        "where": row.get("where", ""),
        "labels": [[label, field] for label, field in labels.items()],
        "value": row.get("value", ""),
        "buckets": list(form.buckets or ()),
    }
    return DeclaredMetric(metric, condition, fields, value, row.get("most", MOST_NAMES), definition)


def _check_name(document: Document, name: str, *, histogram: bool) -> None:
    suffix = next((one for one in _SUFFIXES if name.endswith(one)), "")
    if suffix != ("" if histogram else "_total"):
        raise ConfigError(
            "a histogram is not named so" if histogram else "a counter is not named so",
            location=document.locate(("name",)),
            value=name,
            expected=f"no name with {', '.join(_SUFFIXES)} at its end"
            if histogram
            else "a name with _total at its end",
            next_step="rename it; with `buckets` it is a histogram, without a counter",
        )


def _check_buckets(document: Document, buckets: Sequence[float | Decimal], *, has_value: bool) -> None:
    if not has_value:
        raise ConfigError(
            "buckets without a value",
            location=document.locate(("buckets",)),
            expected="`value`, the field whose numbers are put into them",
            next_step="add `value`, or take off `buckets` to count lines",
        )
    for index, edge in enumerate(buckets):
        if isinf(_as_float(edge)):
            raise ConfigError(
                "this bucket has no end",
                location=document.locate(("buckets", index)),
                value=str(edge)[:_SHOWN],
                expected="a number that a float holds, at most 1.7e308; the bucket +Inf is always there",
                next_step="take it off",
            )
    edges = [_as_float(edge) for edge in buckets]
    if edges != sorted(set(edges)):
        raise ConfigError(
            "the buckets do not ascend",
            location=document.locate(("buckets",)),
            value=", ".join(str(edge) for edge in buckets),
            expected="upper bounds in ascending order, each once as a float has it, without +Inf",
            next_step="sort them",
        )


def _as_float(number: float | Decimal) -> float:
    """A number of a document as metrics have it: infinite where it is too large for a float."""
    try:
        return float(number)
    except OverflowError:
        return inf


def _field(document: Document, path: Steps, name: str) -> Field:
    found = FIELDS.get(name)
    if found is None:
        raise ConfigError(
            "no log line has this field",
            location=document.locate(path),
            value=name,
            expected="a field of docs/logs-reference.md",
            next_step=did_you_mean(name, FIELDS, "correct the name"),
        )
    return found


def _label_field(document: Document, label: str, name: str) -> Field:
    found = _field(document, ("labels", label), name)
    if found.type in {FieldType.TEXT, FieldType.DATE, FieldType.OBJECT}:
        raise ConfigError(
            "the values of this field are no label",
            location=document.locate(("labels", label)),
            value=name,
            expected="a field of words, numbers or addresses, not text, a time or an object",
            next_step="take another field",
        )
    return found


def _condition(document: Document, text: str) -> Holds:
    if re.search(r"\bnow\b", text):
        raise ConfigError(
            "a condition of a counter cannot ask for a time that moves",
            location=document.locate(("where",)),
            value=text,
            expected="conditions about the line alone",
            next_step="take off what names `now`",
        )
    try:
        return holds(bind(parse(text), text, now=datetime.now(UTC)))
    except LogQueryError as error:
        raise ConfigError(
            f"the condition cannot be read: {error.message}",
            location=document.locate(("where",)) if text else document.locate(()),
            value=error.value,
            expected=error.expected,
            next_step=error.next_step,
        ) from None
