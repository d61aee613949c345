"""The catalog as plain data, and as a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from regobs.catalog.model import Flavor, Form, Label, Metric

HEADINGS = ("NAME", "TYPE", "UNIT", "LABELS", "FLAVORS", "VERSIONS", "NEEDS")


def select(metrics: Iterable[Metric], flavor: Flavor | None = None, component: str | None = None) -> list[Metric]:
    """The metrics that the flavor has, or once had, of one component; None means all."""
    return [
        metric
        for metric in metrics
        if (flavor is None or flavor in metric.flavors) and component in {None, metric.component}
    ]


def current_forms(metric: Metric, flavor: Flavor | None = None) -> list[Form]:
    """The newest form in each flavor, or in the one given; for a removed metric the last it had."""
    found = []
    for exposing in metric.flavors:
        if flavor not in {None, exposing}:
            continue
        form = metric.form(exposing) or next(form for form in metric.forms if exposing in form.flavors)
        if form not in found:
            found.append(form)
    return found


def to_data(metric: Metric, flavor: Flavor | None = None) -> dict[str, Any]:
    """A metric as JSON data.

    `labels` are the names as exposed and `buckets` the finite bounds, in the newest form of each flavor put together;
    `forms` holds every form by flavor and version.
    """
    forms = current_forms(metric, flavor)
    bounds = sorted({bound for form in forms for bound in form.buckets or ()})
    return {
        "name": metric.name,
        "type": metric.kind.value,
        "labels": sorted({label.exposed for form in forms for label in form.labels}),
        "buckets": [_short(bound) for bound in bounds] or None,
        "unit": metric.unit.value,
        "flavors": [known.value for known in metric.flavors if flavor in {None, known}],
        "help": metric.help,
        "component": metric.component,
        "exposer": metric.exposer.value,
        "series": list(metric.series),
        "cumulative": metric.cumulative,
        "common": metric.common,
        "pitfalls": list(metric.pitfalls),
        "forms": [_form_data(form) for form in metric.forms if flavor is None or flavor in form.flavors],
    }


def _form_data(form: Form) -> dict[str, Any]:
    return {
        "flavors": [flavor.value for flavor in form.flavors],
        "labels": [_label_data(label) for label in form.labels],
        "buckets": [_short(bound) for bound in form.buckets] if form.buckets else None,
        "since": str(form.since) if form.since else None,
        "until": str(form.until) if form.until else None,
        "needs": form.needs.value if form.needs else None,
        "absent_until_observed": form.absent_until_observed,
        "always_exposed": form.always_exposed,
        "may_lack": form.may_lack or None,
    }


def _label_data(label: Label) -> dict[str, Any]:
    return {
        "name": label.exposed,
        "called": label.name,
        "values": list(label.values) if label.values is not None else None,
        "words": dict(label.words),
        "patterns": dict(label.patterns),
        "collides_with_target_label": label.target_label,
    }


def _short(number: float) -> int | float:
    """A whole number without its `.0`."""
    return int(number) if number == int(number) else number


def versions(form: Form) -> str:
    """The versions of a form in words: `3.4.0+`, `3.4.0 to before 3.18.0`, or nothing for all."""
    if form.until is None:
        return f"{form.since}+" if form.since else ""
    return f"{form.since} to before {form.until}" if form.since else f"before {form.until}"


def row(metric: Metric, flavor: Flavor | None = None) -> tuple[str, ...]:
    """The cells of a metric under `HEADINGS`."""
    data, forms = to_data(metric, flavor), current_forms(metric, flavor)
    spans = [
        f"{form.flavors[0]} {span}" if len(forms) > 1 else span for form in forms if (span := _whole_span(metric, form))
    ]
    needs = dict.fromkeys(form.needs.value for form in forms if form.needs)
    return (
        metric.name,
        metric.kind.value,
        metric.unit.value,
        " ".join(data["labels"]),
        " ".join(data["flavors"]),
        ", ".join(spans),
        " ".join(needs),
    )


def _whole_span(metric: Metric, newest: Form) -> str:
    """From the first version to the last in the flavors of the newest form, gaps and changes of labels aside."""
    forms = [form for form in metric.forms if set(form.flavors) & set(newest.flavors)]
    sinces = [form.since for form in forms if form.since is not None]
    since = min(sinces) if len(sinces) == len(forms) else None
    return versions(Form(newest.flavors, since=since, until=newest.until))


def markdown(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows as a Markdown table; names stand in backticks."""
    lines = [" | ".join(heading.capitalize() for heading in HEADINGS), " | ".join("---" for _ in HEADINGS)]
    for name, kind, unit, labels, *rest in rows:
        shown = " ".join(f"`{label}`" for label in labels.split())
        lines.append(" | ".join((f"`{name}`", kind, unit, shown, *rest)))
    return "\n".join(f"| {line} |" for line in lines)


def describe(metric: Metric) -> str:
    """Everything about a metric as a person reads it."""
    lines = [metric.name, f"  {metric.help}", ""]
    facts = {
        "type": metric.kind.value + (", but it only grows: its rate makes sense" if metric.cumulative else ""),
        "unit": metric.unit.value,
        "component": metric.component,
        "exposed by": metric.exposer.value,
        "series": ", ".join(metric.series),
    }
    lines += [f"  {name:<11}{value}" for name, value in facts.items()]
    for form in metric.forms:
        lines += ["", f"  {', '.join(form.flavors)} {versions(form)}".rstrip()]
        lines += _describe_form(form)
    if metric.pitfalls:
        lines += ["", "  pitfalls", *(f"    - {pitfall}" for pitfall in metric.pitfalls)]
    return "\n".join(lines)


def _describe_form(form: Form) -> Iterable[str]:
    for label in form.labels:
        values = "any value" if label.values is None else ", ".join(repr(value) for value in label.values)
        name = label.exposed if label.exposed == label.name else f"{label.exposed} (here: {label.name})"
        yield f"    label    {name}: {values}"
    if not form.labels:
        yield "    no labels"
    if form.buckets:
        yield f"    buckets  {', '.join(str(_short(bound)) for bound in form.buckets)}"
    if form.needs:
        also = ", exposed without it too" if form.always_exposed else ""
        yield f"    needs    {form.needs.value}{also}"
    if form.absent_until_observed:
        yield "    absent   until its first event"
    if form.may_lack:
        yield f"    absent   or not: {form.may_lack}"
