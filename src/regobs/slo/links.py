"""Where an alert sends its reader."""

from __future__ import annotations

from collections.abc import Iterable

from regobs.config import Config


def runbook_link(alert: str, config: Config) -> dict[str, str]:
    """The annotation with the alert's runbook, where it is said where runbooks are published."""
    return {"runbook_url": f"{config.runbook_url.rstrip('/')}/{alert}.md"} if config.runbook_url else {}


# The dashboard that shows a component's metrics, by the component's name in the catalog.
_DASHBOARDS = {
    "http": "overview",
    "storage": "storage-detail",
    "database": "database-detail",
    "sql_pool": "database-detail",
    "load_balancing": "database-detail",
    "row_counts": "garbage-collection-detail",
    "gc": "garbage-collection-detail",
    "background_migrations": "migration-detail",
    "notifications": "notifications-detail",
    "redis": "redis-detail",
    "redis_server": "redis-detail",
    "postgresql": "postgresql-detail",
    "pgbouncer": "pgbouncer-detail",
    "node": "capacity",
    "containers": "capacity",
    "kubernetes": "capacity",
    "prometheus_server": "rules-health",
    "alertmanager": "rules-health",
}
# The saved log query that shows what a component wrote when it failed.
_LOG_QUERIES = {
    "gc": "gc-failures",
    "load_balancing": "primary-fallbacks",
    "notifications": "recent-errors",
    "http": "errors-by-code",
    "blackbox": "requests-by-route-and-status",
}


def dashboard_of(component: str) -> str:
    """The slug of the dashboard about a component of the catalog; the overview where none is about it alone."""
    return _DASHBOARDS.get(component, "overview")


def log_query_of(component: str) -> str:
    """The name of the saved log query that shows what went wrong in a component."""
    return _LOG_QUERIES.get(component, "errors-by-message")


def dashboard_link(config: Config, slug: str = "overview", labels: Iterable[str] = ()) -> dict[str, str]:
    """The annotation with the dashboard to look at, where Grafana's URL is configured: its last hour, by `labels`.

    Alertmanager puts the alert's own values in the place of the variables.
    """
    if not config.grafana.url:
        return {}
    variables = "".join(f"&var-{name}={{{{ $labels.{name} | urlquery }}}}" for name in labels)
    return {"dashboard_url": f"{config.grafana.url.rstrip('/')}/d/regobs-{slug}?from=now-1h&to=now{variables}"}


def log_link(component: str) -> dict[str, str]:
    """The annotation with the command that shows the log lines of a component's failures."""
    return {"logs_command": f"regobs logs run {log_query_of(component)} registry.log"}


def scope_words(config: Config) -> str:
    """The end of a summary: which environment, cluster and so on an alert is about."""
    return "".join(f", {label} {{{{ $labels.{label} }}}}" for label in config.rules_scope.keep)
