"""What the doctor asks a server: the expressions of panels and rules, made ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from regobs.config import Config
from regobs.promql.nodes import Duration, Expr

MINUTE = 60_000
HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class PanelQuestion:
    """One query of a panel.

    `expr` is bound and within the configured selector; it is None where the query was left out of the build, and
    `left_out` says why.
    """

    dashboard: str
    row: str
    panel: str
    expr: Expr | None
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class RuleQuestion:
    """One rule of the build: `kind` is alerting or recording, `labels` those that the rule adds itself.

    `own_interval` says that its group names an interval, so the server's settings do not count.
    """

    kind: str
    name: str
    group: str
    expr: Expr
    labels: Mapping[str, str] = field(default_factory=dict)
    own_interval: bool = False


def default_window(config: Config) -> Duration:
    """What stands for `$__rate_interval`: four scrapes, as Grafana computes it, and at least a minute."""
    return Duration(max(4 * config.prometheus.scrape_interval.ms, MINUTE))
