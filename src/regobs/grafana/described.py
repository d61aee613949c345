"""What each dashboard asks of a server: its metrics, labels, versions and capabilities, and what it leaves out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from regobs.catalog.model import Exposer, Metric
from regobs.grafana.bound import BoundDashboard, BoundPanel
from regobs.grafana.render import Setting, panel_ids, query_text, setting_for
from regobs.grafana.words import Row
from regobs.promql.vocabulary import Vocabulary
from regobs.slo.links import uid_of

Json = dict[str, Any]


def describe_dashboard(bound: BoundDashboard, vocabulary: Vocabulary, setting: Setting) -> Json:
    """The manifest of one dashboard: `metrics` by name with what each needs, `panels`, `left_out` with reasons."""
    uid, setting = uid_of(bound.slug), setting_for(bound, setting)
    ids = panel_ids(uid, bound)
    metrics = _by_name(m for _, panel in bound.panels() for query in panel.queries for m in query.metrics)
    return {
        "title": bound.dashboard.title,
        "uid": uid,
        "file": f"dashboards/{bound.slug}.json",
        "needs": bound.dashboard.needs,
        "capabilities": sorted({form.needs for m in metrics if (form := vocabulary.form(m)) and form.needs}),
        "minimum_version": _minimum_version(metrics, vocabulary),
        "metrics": [_metric(metric, vocabulary) for metric in metrics],
        "panels": [_panel(row, panel, ids[row.title, panel.panel.title], setting) for row, panel in bound.panels()],
        "left_out": [
            {
                "row": row.title,
                "panel": lacking.panel.title,
                "expression": lacking.name,
                "cause": lacking.cause,
                "reason": lacking.reason,
            }
            for row, lacking in bound.left_out()
        ],
    }


def _by_name(metrics: Iterable[Metric]) -> list[Metric]:
    return sorted(set(metrics), key=lambda metric: metric.name)


def _metric(metric: Metric, vocabulary: Vocabulary) -> Json:
    form = vocabulary.form(metric)
    labels = form.labels if form else ()
    return {
        "name": metric.name,
        "exposer": metric.exposer,
        "labels": sorted(vocabulary.series_label(metric, label) for label in labels),
        "since": str(form.since) if form and form.since else None,
        "needs": form.needs if form else None,
    }


def _minimum_version(metrics: Iterable[Metric], vocabulary: Vocabulary) -> str | None:
    """The first registry version that exposes all of the metrics; None when every version does."""
    forms = (vocabulary.form(metric) for metric in metrics if metric.exposer is Exposer.REGISTRY)
    return str(max(versions)) if (versions := [form.since for form in forms if form and form.since]) else None


def _panel(row: Row, bound: BoundPanel, number: int, setting: Setting) -> Json:
    return {
        "id": number,
        "row": row.title,
        "title": bound.panel.title,
        "alert": bound.panel.alert,
        "logs": row.logs_of(bound.panel) or None,
        "expressions": [
            {
                "ref": query.ref,
                "name": query.name,
                "expr": query_text(query.expr, setting),
                "unit": query.type.unit,
                "per_second": query.type.per_second,
                "metrics": [metric.name for metric in _by_name(query.metrics)],
            }
            for query in bound.queries
        ],
    }
