"""A vocabulary: which registry speaks, in which version, with what switched on, and how Prometheus scrapes it."""

from __future__ import annotations

from dataclasses import field

from regobs.catalog.model import Capability, Exposer, Flavor, Form, Label, Metric, Version
from regobs.catalog.targets import ALERTS, ALERTS_FOR_STATE, COPIED_LABELS
from regobs.common.frozen import frozen

_OF_ALERTS = frozenset({ALERTS.name, ALERTS_FOR_STATE.name})
TARGET_LABELS = frozenset({"instance", "job"})


@frozen
class Vocabulary:
    """The names that `bind` puts in.

    `version` None means the newest. `honor_labels` and `target_labels` are the scrape's: without `honor_labels`
    Prometheus renames a scraped label that collides with a target label to `exported_` + name.
    """

    flavor: Flavor
    version: Version | None = None
    capabilities: frozenset[Capability] = field(default_factory=lambda: frozenset(Capability))
    honor_labels: bool = False
    target_labels: frozenset[str] = TARGET_LABELS

    def form(self, metric: Metric) -> Form | None:
        """The form of the metric in this flavor and version, whether or not its capability is on."""
        return metric.form(self.flavor, self.version)

    def series_label(self, metric: Metric, label: Label) -> str:
        """The label's name on the stored series, after the scrape."""
        clash = label.target_label
        if metric.exposer is Exposer.REGISTRY or (metric.name in _OF_ALERTS and label.exposed in COPIED_LABELS):
            clash = clash or label.exposed in self.target_labels
        return f"exported_{label.exposed}" if clash and not self.honor_labels else label.exposed
