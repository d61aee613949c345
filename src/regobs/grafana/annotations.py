"""What changed: marks on the time axis of every dashboard, for a new version, a start and a deploy.

The first two come from Prometheus, deploys from Grafana itself: whoever deploys posts an annotation with the tags of
`[grafana] deploy_tags`. Grafana joins the points of a query that follow each other into one region.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from regobs.catalog import build_info, process
from regobs.config import Config
from regobs.grafana.variables import Variables
from regobs.promql.bind import bind
from regobs.promql.build import age, count, shifted
from regobs.promql.nodes import Aggregate, Binary, Expr, Number
from regobs.promql.printer import to_text
from regobs.promql.unavailable import Unavailable

RECENT = "10m"  # a version is new, and a process has just started, for so long
_RECENT_SECONDS = Decimal(600)
_STEP = "60s"
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_GRAFANA = {"type": "grafana", "uid": "-- Grafana --"}

Json = dict[str, Any]


def time_marks(config: Config, variables: Variables) -> tuple[Json, ...]:
    """The annotations of a deployment, as Grafana keeps them; those that its registry cannot answer are left out."""
    return tuple(_annotations(config, variables))


def _annotations(config: Config, variables: Variables) -> Iterator[Json]:
    versions = count(build_info.BUILD, by="version")
    # Where nothing was known then, after a gap or at the first sample, nobody can say that a version is new.
    known = Binary("and", versions, shifted(count(build_info.BUILD), RECENT), on=())
    new = Binary("unless", known, shifted(versions, RECENT))
    started = Binary("<", age(process.START_TIME, by="instance"), Number(_RECENT_SECONDS))
    queries: tuple[tuple[str, Expr, str, str, bool], ...] = (
        ("New version", new, "{{version}} runs", "purple", True),
        ("Starts", Aggregate("count", started), "Instances started", "yellow", False),  # an autoscaler starts many
    )
    for name, expr, title, colour, enabled in queries:
        try:
            text = to_text(variables.apply(bind(expr, config.vocabulary)))
        except Unavailable:
            continue
        yield {
            "datasource": _DATASOURCE,
            "enable": enabled,
            "expr": text,
            "iconColor": colour,
            "name": name,
            "step": _STEP,
            "titleFormat": title,
        }
    if config.grafana.deploy_tags:
        tags = list(config.grafana.deploy_tags)
        yield {
            "datasource": _GRAFANA,
            "enable": True,
            "iconColor": "blue",
            "name": "Deploys",
            "target": {"limit": 100, "matchAny": False, "tags": tags, "type": "tags"},
        }
