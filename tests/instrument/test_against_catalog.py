"""What the library exposes is what the catalog says, and what the real registry says, family by family."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from regobs.catalog import METRICS, by_series
from regobs.catalog.model import Exposer, Flavor, Form, Kind, Metric
from regobs.instrument import Instruments

SAMPLE = Path(__file__).parents[1] / "data" / "gitlab-registry-4.32.prom.gz"
OURS = [
    (flavor, metric, form)
    for flavor in Flavor
    for metric in METRICS.values()
    if metric.exposer is Exposer.REGISTRY and (form := metric.form(flavor)) is not None
]


def exercised(instruments: Instruments, metric: Metric, form: Form) -> dict[str, object]:
    """Make one child with plausible values and let it count; returns the exposed labels it should have."""
    chosen = {label.name: (label.values or ("some value",))[-1] for label in form.labels if label.name != "quantile"}
    child = instruments[metric].child(**chosen)
    match metric.kind:
        case Kind.COUNTER:
            child.inc(3)
        case Kind.GAUGE:
            child.set(3)
        case Kind.HISTOGRAM:
            child.observe(3)
        case Kind.SUMMARY:
            child.set({0.5: 3}, total=3, count=1)
    return {label.exposed: chosen[label.name] for label in form.labels if label.name in chosen}


@pytest.mark.parametrize(("flavor", "metric", "form"), OURS, ids=lambda value: str(value)[:60])
def test_a_family_has_the_type_the_labels_and_the_buckets_of_the_catalog(
    flavor: Flavor, metric: Metric, form: Form
) -> None:
    instruments = Instruments(flavor, strict=True)
    labels = exercised(instruments, metric, form)
    text = instruments.render().decode()
    assert f"# TYPE {metric.name} {metric.kind}\n" in text
    assert text.count("# TYPE ") == 1
    for line in (line for line in text.splitlines() if not line.startswith("#")):
        assert line.partition("{")[0].split()[0] in metric.series
    (family,) = text_string_to_metric_families(text)
    for sample in family.samples:
        own = {name: value for name, value in sample.labels.items() if name not in {"le", "quantile"}}
        assert own == labels
    if metric.kind is Kind.HISTOGRAM:
        edges = {
            float(s.labels["le"]) for s in family.samples if s.labels.items() >= labels.items() and "le" in s.labels
        }
        assert edges == {*map(float, form.buckets or ()), float("inf")}


def test_every_metric_of_the_registry_in_the_catalog_was_exercised() -> None:
    assert {metric.name for flavor, metric, _ in OURS if flavor is Flavor.GITLAB} > {
        "registry_http_requests_total",
        "registry_notifications_retries_count",
        "go_gc_duration_seconds",
        "process_cpu_seconds_total",
        "gitlab_build_info",
    }
    assert len(OURS) > 120


def real() -> dict[str, list[str]]:
    """The sample lines of the real scrape by family name."""
    found: dict[str, list[str]] = {}
    for line in gzip.decompress(SAMPLE.read_bytes()).decode().splitlines():
        if not line.startswith("#"):
            name = line.partition("{")[0].split()[0]
            entry = by_series(name)
            found.setdefault(entry[0].name if entry else name, []).append(line)
    return found


REAL = real()


def repeat(instruments: Instruments, metric: Metric, lines: list[str]) -> None:
    """Bring our family to the numbers of the real one through the public API, but for the sum of a histogram."""
    text = f"# TYPE {metric.name} {metric.kind}\n" + "\n".join(lines) + "\n"
    below: dict[tuple[tuple[str, str], ...], float] = {}
    quantiles: dict[float, float] = {}
    for sample in (sample for family in text_string_to_metric_families(text) for sample in family.samples):
        own = {name: value for name, value in sample.labels.items() if name not in {"le", "quantile"}}
        child = instruments[metric].child(**own)
        if metric.kind is Kind.COUNTER:
            child.inc(sample.value)
        elif metric.kind is Kind.GAUGE:
            child.set(sample.value)
        elif "quantile" in sample.labels:
            quantiles[float(sample.labels["quantile"])] = sample.value
        elif "le" in sample.labels:
            key = tuple(own.items())
            for _ in range(int(sample.value - below.get(key, 0))):
                child.observe(float(sample.labels["le"]))
            below[key] = sample.value
    if metric.kind is Kind.SUMMARY:
        total, count = (next(float(x.split()[-1]) for x in lines if f"{end} " in x) for end in ("_sum", "_count"))
        instruments[metric].child().set(quantiles, total=total, count=int(count))


@pytest.mark.parametrize("name", sorted(REAL))
def test_a_family_of_the_real_scrape_can_be_produced_line_by_line(name: str) -> None:
    metric = METRICS[name]
    instruments = Instruments(Flavor.GITLAB, version="4.32.0", strict=True, caps={"version": 1})
    repeat(instruments, metric, REAL[name])
    ours = [line for line in instruments.render().decode().splitlines() if not line.startswith("#")]
    assert without_sums(ours, metric) == without_sums(REAL[name], metric)


def without_sums(lines: list[str], metric: Metric) -> list[str]:
    """A histogram's lines without the value of `_sum`, which the edges of its buckets do not give back."""
    if metric.kind is not Kind.HISTOGRAM:
        return lines
    return [line.rpartition(" ")[0] if line.startswith(f"{metric.name}_sum") else line for line in lines]
