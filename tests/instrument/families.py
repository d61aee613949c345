"""What an adapter recorded, compared with the catalog."""

from __future__ import annotations

from regobs.catalog import METRICS
from regobs.instrument import Instruments


def recorded(instruments: Instruments) -> dict[str, set[tuple[tuple[str, str], ...]]]:
    """Family: the label sets of its series without `le`. Fails for a family that is not the catalog's."""
    found: dict[str, set[tuple[tuple[str, str], ...]]] = {}
    text = instruments.render().decode()
    for family in instruments.families():
        metric = METRICS[family.name]
        form = metric.form(instruments.flavor, instruments.version)
        assert form is not None
        for name, own, _ in family.samples():
            assert name in metric.series
            assert f"# TYPE {family.name} {metric.kind}\n" in text
            own.pop("le", None)
            assert set(own) == {label.exposed for label in form.labels}
            for label in form.labels:
                assert label.values is None or own[label.exposed] in label.values
            found.setdefault(family.name, set()).add(tuple(sorted(own.items())))
    return found


def labels(**pairs: str) -> tuple[tuple[str, str], ...]:
    """A label set as `recorded` has it."""
    return tuple(sorted(pairs.items()))
