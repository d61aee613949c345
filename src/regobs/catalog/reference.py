"""The reference page of metrics, in Markdown: docs/metrics-reference.md."""

from __future__ import annotations

from regobs.catalog.export import markdown, row
from regobs.catalog.index import METRICS

_HEAD = """# Metrics

Generated from the catalog (`src/regobs/catalog`); `make generate` writes it. `regobs catalog show NAME` tells the rest
of a metric: values of its labels, buckets, differences between versions.
"""


def page() -> str:
    """The whole page: one table a component, and the pitfalls of its metrics."""
    components: dict[str, list[str]] = {}
    for name, metric in METRICS.items():
        components.setdefault(f"{metric.component}, exposed by {metric.exposer.value}", []).append(name)
    parts = [_HEAD]
    for title, names in components.items():
        metrics = [METRICS[name] for name in names]
        parts.append(f"## {title[0].upper()}{title[1:]}\n")
        parts.append(markdown([row(metric) for metric in metrics]) + "\n")
        parts.append("\n".join(f"- `{metric.name}`: {metric.help}" for metric in metrics) + "\n")
        traps = [f"- `{metric.name}`: {trap}" for metric in metrics for trap in metric.pitfalls]
        if traps:
            parts.append("Pitfalls:\n\n" + "\n".join(traps) + "\n")
    return "\n".join(parts)
