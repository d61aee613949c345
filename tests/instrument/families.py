"""What an adapter recorded, compared with the catalog."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from regobs.catalog import METRICS
from regobs.instrument import Instruments


def recorded(instruments: Instruments) -> dict[str, set[tuple[tuple[str, str], ...]]]:
    """Family: the label sets of its series without `le`. Fails for a family that is not the catalog's."""
    found: dict[str, set[tuple[tuple[str, str], ...]]] = {}
    text = instruments.render().decode()
    for family in text_string_to_metric_families(text):
        # The parser takes `_total` off the names of counters.
        name = family.name if f"# TYPE {family.name} " in text else f"{family.name}_total"
        metric = METRICS[name]
        form = metric.form(instruments.flavor, instruments.version)
        assert form is not None
        assert f"# TYPE {name} {metric.kind}\n" in text
        rows = found.setdefault(name, set())
        for sample in family.samples:
            assert sample.name in metric.series
            own = {key: value for key, value in sample.labels.items() if key != "le"}
            assert set(own) == {label.exposed for label in form.labels}
            for label in form.labels:
                assert label.values is None or own[label.exposed] in label.values
            rows.add(tuple(sorted(own.items())))
    return found


def labels(**pairs: str) -> tuple[tuple[str, str], ...]:
    """A label set as `recorded` has it."""
    return tuple(sorted(pairs.items()))
