"""Where an alert sends its reader."""

from __future__ import annotations

from collections.abc import Iterable

from regobs.catalog import kubernetes, row_counts
from regobs.catalog.model import Capability, Exposer
from regobs.catalog.slo import SLO
from regobs.catalog.targets import ALERTS
from regobs.config import Config
from regobs.promql.nodes import Duration, Expr, MatchOp
from regobs.promql.series import known_metric
from regobs.promql.walk import selectors
from regobs.slo.rule_scope import exposer_of, shows_pods, speaking


def runbook_address(alert: str, base: str) -> str:
    """Where the runbook of an alert is published, if `base` is where all are; "" for nowhere."""
    return f"{base.rstrip('/')}/{alert}.md" if base else ""


def runbook_file(alert: str) -> str:
    """The runbook of an alert below the directory of a build."""
    return f"runbooks/{alert}.md"


def runbook_link(alert: str, config: Config) -> dict[str, str]:
    """The annotation with the alert's runbook, where it is said where runbooks are published."""
    address = runbook_address(alert, config.runbook_url)
    return {"runbook_url": address} if address else {}


UID_LENGTH = 40  # Grafana refuses longer ones
_HOUR = "1h"
# Periods of dashboards, with their lengths in milliseconds.
_PERIODS = {
    _HOUR: 3_600_000,
    "6h": 21_600_000,
    "1d": 86_400_000,
    "3d": 259_200_000,
    "7d": 604_800_000,
}
# The dashboard that shows a component's metrics, by the component's name in the catalog.
_DASHBOARDS = {
    "http": "overview",
    "process": "overview",
    "blackbox": "overview",
    "probe": "overview",
    "storage": "storage-detail",
    "database": "database-detail",
    "sql_pool": "database-detail",
    "load_balancing": "database-detail",
    "row_counts": "garbage-collection-detail",
    "gc": "garbage-collection-detail",
    "metadata": "garbage-collection-from-the-database",
    "background_migrations": "migration-detail",
    "notifications": "notifications-detail",
    "redis": "redis-detail",
    "redis_server": "redis-detail",
    "postgresql": "postgresql-detail",
    "pgbouncer": "pgbouncer-detail",
    "logs": "clients",
    "events": "repositories-and-namespaces",
    "node": "capacity",
    "containers": "application-detail",
    "kubernetes": "application-detail",
    "google_cloud": "bucket-detail",
    "amazon": "bucket-detail",
    "prometheus_server": "rules-health",
    "alertmanager": "rules-health",
    "slo": "slo",
}
# Metrics that are shown elsewhere than most of their component.
_OWN_DASHBOARDS = {
    row_counts.MIGRATIONS.name: "migration-detail",
    row_counts.BBM_PROGRESS.name: "migration-detail",
    kubernetes.AUTOSCALER_REPLICAS.name: "capacity",
}
# Dashboards that are built with a capability only, and what is looked at without it.
_NEEDS = {
    "redis-detail": (Capability.REDIS, "capacity"),
    "database-detail": (Capability.METADATA_DATABASE, "overview"),
    "migration-detail": (Capability.METADATA_DATABASE, "overview"),
    "garbage-collection-detail": (Capability.GARBAGE_COLLECTION, "overview"),
}
# What an exporter watches, by the component of its metrics: where one does not answer, that is what is unseen.
_COMPONENTS = {
    Exposer.POSTGRES: "postgresql",
    Exposer.PGBOUNCER: "pgbouncer",
    Exposer.REDIS: "redis_server",
    Exposer.NODE: "node",
    Exposer.LOG_EXPORTER: "logs",
    Exposer.DATABASE_EXPORTER: "metadata",
    Exposer.NOTIFICATION_EXPORTER: "events",
    Exposer.REGISTRY_PROBE: "probe",
    Exposer.BLACKBOX: "blackbox",
    Exposer.PROMETHEUS: "prometheus_server",
    Exposer.ALERTMANAGER: "alertmanager",
    Exposer.KUBE_STATE: "kubernetes",
    Exposer.CADVISOR: "containers",
    Exposer.STACKDRIVER: "google_cloud",
    Exposer.CLOUDWATCH: "amazon",
}
# The saved log query that shows what a component wrote when it failed.
_LOG_QUERIES = {
    "gc": "gc-failures",
    "load_balancing": "primary-fallbacks",
    "notifications": "recent-errors",
    "http": "errors-by-code",
    "blackbox": "requests-by-route-and-status",
}


def uid_of(slug: str) -> str:
    """The stable uid of a dashboard: its address does not change with its title."""
    return f"regobs-{slug}"[:UID_LENGTH]


def dashboard_of(component: str) -> str:
    """The slug of the dashboard about a component of the catalog; the overview where none is about it alone."""
    return _DASHBOARDS.get(component, "overview")


def dashboard_about(expr: Expr, config: Config) -> str:
    """The slug of the dashboard about what a bound expression reads, of those that this deployment has."""
    slug = _dashboard_about(expr)
    needed, other = _NEEDS.get(slug, (None, ""))
    return slug if needed is None or needed in config.capabilities else other


def _dashboard_about(expr: Expr) -> str:
    found = [known_metric(node) for node in selectors(expr)]
    metrics = [metric for metric in found if metric is not None and metric.component != ALERTS.component]
    for metric in metrics:
        if metric.name in _OWN_DASHBOARDS:
            return _OWN_DASHBOARDS[metric.name]
    if metrics:
        return dashboard_of(metrics[0].component)
    exposer = next((exposer_of(node) for node in selectors(expr)), None)
    return dashboard_of(_COMPONENTS.get(exposer, "")) if exposer else "overview"


def variables_of(expr: Expr, config: Config) -> tuple[str, ...]:
    """The labels of an alert that are variables of dashboards: its instance only where it is the registry's."""
    nodes = [node for node in speaking(expr) if exposer_of(node) not in {None, Exposer.RULES}]
    exposers = {exposer_of(node) for node in nodes}
    labels = config.labels
    if exposers <= {Exposer.REGISTRY}:
        return _chosen((*labels.scope, *labels.narrow), config)
    of_pods = (labels.namespace,) if labels.namespace is not None and all(map(shows_pods, nodes)) else ()
    return _chosen((*labels.shared, *of_pods), config)


def slo_variables(config: Config) -> tuple[str, ...]:
    """The labels of a burn alert that are variables of the dashboard of SLOs."""
    return (*_chosen(config.labels.scope, config), SLO.name)


def _chosen(labels: Iterable[str], config: Config) -> tuple[str, ...]:
    """Those of the labels that the registry's selector does not fix: dashboards have no variable for them."""
    fixed = {matcher.label for matcher in config.matchers if matcher.op is MatchOp.EQUAL}
    return tuple(label for label in labels if label not in fixed)


def log_query_of(component: str) -> str:
    """The name of the saved log query that shows what went wrong in a component."""
    return _LOG_QUERIES.get(component, "errors-by-message")


def dashboard_link(
    config: Config, slug: str = "overview", labels: Iterable[str] = (), since: str = _HOUR
) -> dict[str, str]:
    """The annotation with the dashboard to look at, where Grafana's URL is configured: its last `since`, by `labels`.

    The alert's own values stand for the variables; a label that an alert lacks chooses nothing. The period ends when
    the link is opened: templates of rules know no time of the alert.
    """
    if not config.grafana.url:
        return {}
    return {"dashboard_url": config.grafana.url.rstrip("/") + dashboard_path(slug, labels, since)}


def since_of(window: Duration) -> str:
    """The period of a dashboard that shows a window of a rule, as Grafana writes it: an hour to a week."""
    return next((text for text, length in _PERIODS.items() if length >= window.ms), list(_PERIODS)[-1])


def period_about(expr: Expr) -> str:
    """The period of a dashboard that shows what an expression looks at, its offsets included."""
    parts = (node for node in selectors(expr))
    back = [sum(one.ms for one in (node.range, node.offset) if one is not None) for node in parts]
    return since_of(Duration(max(back, default=0)))


def dashboard_path(slug: str, labels: Iterable[str] = (), since: str = _HOUR) -> str:
    """Where a dashboard is below Grafana's address."""
    variables = "".join(
        f"{{{{ with $labels.{name} }}}}&var-{name}={{{{ . | urlquery }}}}{{{{ end }}}}" for name in labels
    )
    return f"/d/{uid_of(slug)}?from=now-{since}&to=now{variables}"


def with_panel(link: str, number: int) -> str:
    """The link to a dashboard, opened at one of its panels by Grafana's id."""
    return f"{link}&viewPanel={number}"


def log_link(component: str) -> dict[str, str]:
    """The annotation with the command that shows the log lines of a component's failures."""
    return {"logs_command": f"regobs logs run {log_query_of(component)} registry.log"}


def scope_words(labels: Iterable[str]) -> str:
    """The end of a summary: which environment, cluster and so on an alert is about, of `labels` those that it has."""
    return "".join(f"{{{{ with $labels.{label} }}}}, {label} {{{{ . }}}}{{{{ end }}}}" for label in labels)
