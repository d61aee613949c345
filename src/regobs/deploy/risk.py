"""How often alerts that a plan adds or changes would have fired, had they been in use before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from regobs.catalog.targets import ALERTS
from regobs.deploy.rule_changes import alerts_of
from regobs.deploy.run import TargetPlan
from regobs.errors import QueryError
from regobs.prometheus import Prometheus
from regobs.prometheus.answers import RangeSeries
from regobs.query.pieces import query_pieces
from regobs.query.times import AskedRange

STEP = 60_000  # milliseconds between two looks at the past: what is shorter may be missed
_WHAT = {"alert added", "alert renamed", "threshold changed", "query changed", "`for` changed"}


@dataclass(frozen=True, slots=True)
class AlertRisk:
    """How often an alert would have fired in a span, for how many seconds; `note` says why nobody can tell, else ""."""

    alert: str
    times: int
    seconds: float
    note: str = ""


def alert_risks(plan: TargetPlan, server: Prometheus, end: float, length: float) -> Iterator[AlertRisk]:
    """Each alert that the plan adds or changes, over `length` seconds before `end` (since 1970). Raises ServerError."""
    span = AskedRange(round(end - length) * 1000, round(end) * 1000, STEP)
    changed = {one.after if one.what.endswith("renamed") else one.thing for one in plan.changes if one.what in _WHAT}
    for thing, (query, hold) in alerts_of(plan.objects).items():
        if thing not in changed:
            continue
        if f"{ALERTS.name}{{" in query:
            yield AlertRisk(thing, 0, 0, "it depends on its own past: regobs slo backtest replays it")
            continue
        try:
            found = [fired(series, hold) for series in query_pieces(server, query, span).ranges]
        except QueryError as error:
            yield AlertRisk(thing, 0, 0, error.message)
        else:
            yield AlertRisk(thing, sum(times for times, _ in found), sum(lasted for _, lasted in found))


def fired(series: RangeSeries, hold: int) -> tuple[int, float]:
    """How often a condition held for `hold` milliseconds and longer, and for how many seconds it fired."""
    times, lasted, begun, before = 0, 0.0, 0.0, None
    for at, _ in (*series.points, (float("inf"), 0.0)):
        if before is None:
            begun = at
        elif at - before > STEP / 1000 * 1.5:
            if before - begun >= hold / 1000:
                times += 1
                lasted += before - begun - hold / 1000 + STEP / 1000
            begun = at
        before = at
    return times, lasted
