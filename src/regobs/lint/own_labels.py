"""Which labels the series of a scrape lack that the user gave: `--catalog FILE`.

A scrape has each label that a process writes, and none that a server, a service discovery or a relabelling adds. So a
label is certainly missing only where another series of the scrape has it, or where it is nearly one of its own.
"""

from __future__ import annotations

from regobs.catalog.model import Metric
from regobs.common.closest import closest
from regobs.lint.own_metrics import SCRAPED
from regobs.lint.subjects import LintContext
from regobs.promql.types import DEPLOYMENT_LABELS

# What a deployment may write on the targets too, whatever a process calls one of its own labels.
_ON_TARGETS = DEPLOYMENT_LABELS | frozenset(
    """
    instance job name namespace pod container service endpoint node host hostname version app application component
    role group le quantile
    """.split()  # noqa: SIM905 - words
)


def own_lacks(context: LintContext, metric: Metric, name: str) -> str:
    """What to do about a label that a series of the user's scrape certainly lacks; nothing where it may be there."""
    if metric.component != SCRAPED or name in _ON_TARGETS or name.startswith(("__", "exported_", "$")):
        return ""
    own = _labels(metric)
    if name in own:
        return ""
    if near := closest(name, own, 1, 0.85):
        return f"did you mean {near[0]}?"
    if name not in _labels_of_all(context):
        return ""
    return f"it has {', '.join(sorted(own))}" if own else "it has no labels of its own"


def _labels(metric: Metric) -> frozenset[str]:
    return frozenset(label.exposed for form in metric.forms for label in form.labels)


def _labels_of_all(context: LintContext) -> frozenset[str]:
    return frozenset().union(*(_labels(metric) for metric, _ in context.own.values()))
