"""How the tests of lint write small files: a rule, a panel, a dashboard, and what is found in them."""

from __future__ import annotations

import json
from typing import Any

from regobs.catalog.model import Flavor
from regobs.lint import LintContext, LintReport, lint_text


def query(text: str) -> LintReport:
    """Of a bare query."""
    return lint_text(text, "query.promql", ".promql")


def gitlab() -> LintContext:
    """GitLab's registry of today."""
    return LintContext(flavor=Flavor.GITLAB)


def alert(expr: str, **more: Any) -> LintReport:
    """Of an alert that has all that an alert should have."""
    return rules({"alert": "Something", "expr": expr, **_TEXTS, **more})


def record(name: str, expr: str) -> LintReport:
    """Of a recording rule."""
    return rules({"record": name, "expr": expr})


def rules(*listed: dict[str, Any], **group: Any) -> LintReport:
    """Of a group of rules."""
    document = {"groups": [{"name": "group", **group, "rules": list(listed)}]}
    return lint_text(json.dumps(document, indent=1), "rules.json", ".json", gitlab())


def panel(*exprs: str, kind: str = "timeseries", legend: str = "", **more: Any) -> LintReport:
    """Of a dashboard with one panel."""
    shown = {"legendFormat": legend} if legend else {}
    targets = [{"refId": chr(65 + index), "expr": expr, **shown} for index, expr in enumerate(exprs)]
    return board({"id": 1, "type": kind, "title": "Panel", "targets": targets, **more})


def board(*panels: dict[str, Any], variables: list[dict[str, Any]] | None = None, **more: Any) -> LintReport:
    """Of a dashboard."""
    data = {"title": "Dashboard", "panels": list(panels), "templating": {"list": variables or []}, **more}
    return lint_text(json.dumps(data, indent=1), "board.json", ".json", gitlab())


def unit(name: str) -> dict[str, Any]:
    """The settings of a panel in a unit."""
    return {"fieldConfig": {"defaults": {"unit": name}, "overrides": []}}


def reduced(calc: str) -> dict[str, Any]:
    """The settings of a panel that shows a single number."""
    return {"kind": "stat", "options": {"reduceOptions": {"calcs": [calc]}}}


def steps(*values: float | None) -> dict[str, Any]:
    """Colour steps at these values."""
    listed = [{"color": "green", "value": value} for value in values]
    return {"thresholds": {"mode": "absolute", "steps": listed}}


def found(report: LintReport) -> set[str]:
    """The names of the checks that found something."""
    return {one.check for one in report.findings}


_TEXTS = {
    "labels": {"severity": "ticket"},
    "annotations": {"summary": "Something is wrong", "runbook_url": "https://example.com/Something"},
}
