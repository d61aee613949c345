"""An exposition with everything a registry of some version could say, made from the catalog.

It proves nothing about names: recorded scrapes do that. It stands in for what no recorded one holds, such as a second
replica, a delivered notification or a background migration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from regobs.catalog import postgresql
from regobs.catalog.model import Flavor, Form, Kind, Metric, Version

EXAMPLES = {"resource": ("cpu", "memory"), "cache_result": ("HIT", "MISS")}  # of open labels that content selects by
LIMITS = {postgresql.MAX_CONNECTIONS: 100}  # of what has several series at 1
MOST = 200  # series of one family; beyond it labels vary one at a time


def imagined(metrics: Iterable[Metric], flavor: Flavor, version: Version) -> str:
    """The exposition: every family with every closed label value, gauges and counters at 1, limits above."""
    return "".join(f"{line}\n" for metric in metrics for line in _family(metric, flavor, version))


def _family(metric: Metric, flavor: Flavor, version: Version) -> Iterator[str]:
    form = metric.form(flavor, version)
    if form is None:
        return
    yield f"# TYPE {metric.name} {metric.kind}"
    for labels in _label_sets(form):
        if metric.kind is Kind.HISTOGRAM:
            edges = [*(f"{edge:g}" for edge in form.buckets or ()), "+Inf"]
            yield from (f"{metric.name}_bucket{_text({**labels, 'le': edge})} 1" for edge in edges)
        if metric.kind in {Kind.HISTOGRAM, Kind.SUMMARY}:
            yield f"{metric.name}_sum{_text(labels)} {(form.buckets or (1,))[0] / 2!r}"
            yield f"{metric.name}_count{_text(labels)} 1"
        else:
            yield f"{metric.name}{_text(labels)} {LIMITS.get(metric, 1)}"


def _label_sets(form: Form) -> Iterator[dict[str, str]]:
    names = [label.exposed for label in form.labels]
    values = [label.values or EXAMPLES.get(label.exposed) or ("some",) for label in form.labels]
    total = 1
    for choices in values:
        total *= len(choices)
    if total <= MOST:
        yield from (dict(zip(names, chosen, strict=True)) for chosen in product(*values))
        return
    first = {name: choices[0] for name, choices in zip(names, values, strict=True)}
    yield first
    for name, choices in zip(names, values, strict=True):
        yield from ({**first, name: choice} for choice in choices[1:])


def _text(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""
