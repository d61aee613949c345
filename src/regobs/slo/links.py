"""Where an alert sends its reader."""

from __future__ import annotations

from regobs.config import Config


def runbook_link(alert: str, config: Config) -> dict[str, str]:
    """The annotation that names the alert's runbook: a URL where one is configured, else the file of the build."""
    page = f"{alert}.md"
    return {"runbook_url": f"{config.runbook_url.rstrip('/')}/{page}" if config.runbook_url else f"runbooks/{page}"}


def dashboard_link(config: Config, slug: str = "overview") -> dict[str, str]:
    """The annotation with the dashboard to look at, where Grafana's URL is configured."""
    if not config.grafana.url:
        return {}
    return {"dashboard_url": f"{config.grafana.url.rstrip('/')}/d/regobs-{slug}"}


def scope_words(config: Config) -> str:
    """The end of a summary: which environment, cluster and so on an alert is about."""
    return "".join(f", {label} {{{{ $labels.{label} }}}}" for label in config.rules_scope.keep)
