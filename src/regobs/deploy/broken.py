"""What a change takes away from whoever uses what it renames or drops."""

from __future__ import annotations

from regobs.catalog import slo
from regobs.deploy.target import PlannedChange

_GONE = {"removed", "renamed"}
ALERT = "silences, inhibitions and routes by its name, and links to its runbook"
SERIES = "dashboards, alerts and queries of your own that read it"
BUDGET = "the error budget begins anew: its history is under the old name"
DASHBOARD = "links, bookmarks and the home page of whoever starred it"


def broken_by(change: PlannedChange) -> str:
    """What a change breaks, "" for nothing: an alert, a series, a dashboard or a label that is no longer there."""
    kind, _, fate = change.what.rpartition(" ")
    if change.breaks or fate not in _GONE:
        return change.breaks
    if kind == "recorded series":
        return f"{SERIES}; {BUDGET}" if slo.find(change.thing.split(" ")[0]) is not None else SERIES
    return {"alert": ALERT, "dashboard": DASHBOARD}.get(kind, "")
