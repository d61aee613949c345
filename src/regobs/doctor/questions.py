"""What the doctor asks a server: the expressions of panels and rules, made ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from regobs.config import Config
from regobs.promql.nodes import Duration, Expr, Selector, Subquery
from regobs.promql.walk import rebuild

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
    """One rule of the build: `kind` is alerting or recording, `labels` those that the rule adds itself."""

    kind: str
    name: str
    group: str
    expr: Expr
    labels: Mapping[str, str] = field(default_factory=dict)


def default_window(config: Config) -> Duration:
    """What stands for `$__rate_interval`: four scrapes, as Grafana computes it, and at least a minute."""
    return Duration(max(4 * config.prometheus.scrape_interval.ms, MINUTE))


def fill_durations(expr: Expr, window: Duration, span: Duration = Duration(HOUR)) -> Expr:
    """`$__range` becomes `span`, every other macro `window`."""

    def real(duration: Duration | None) -> Duration | None:
        if duration is None or not duration.macro:
            return duration
        return span if duration.macro.strip("${}") == "__range" else window

    def visit(node: Expr) -> Expr:
        match node:
            case Selector():
                return replace(node, range=real(node.range), offset=real(node.offset))
            case Subquery():
                changed = rebuild(node, visit)
                return replace(changed, range=real(node.range) or window, step=real(node.step))
        return rebuild(node, visit)

    return visit(expr)
