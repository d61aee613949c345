"""Rolling out what a build gives: plan, apply, verify, roll back, one target a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regobs.config import Config
    from regobs.deploy.run import Rollout
    from regobs.deploy.target import DeployTarget
    from regobs.prometheus import Prometheus


def rollout_of(name: str, config: Config, server: Callable[[], Prometheus], environment: str, wait: float) -> Rollout:
    """Deployments to one target of regobs.toml; `server` opens the one that its context names."""
    from regobs.deploy.grafana_folder import GrafanaFolder  # noqa: PLC0415 - loads requests and the PromQL parser
    from regobs.deploy.kubernetes_namespace import KubernetesNamespace  # noqa: PLC0415
    from regobs.deploy.ruler_api import RulerApi  # noqa: PLC0415
    from regobs.deploy.rules_directory import RulesDirectory  # noqa: PLC0415
    from regobs.deploy.run import Rollout  # noqa: PLC0415
    from regobs.deploy.state import StateFolder  # noqa: PLC0415

    settings = config.deploy[name]
    target: DeployTarget
    if settings.directory is not None:
        target = RulesDirectory(name, settings.directory, server)
    elif settings.api:
        target = RulerApi(name, settings.api, settings.namespace, server)
    elif settings.kind == "kubernetes":
        target = KubernetesNamespace(
            name,
            settings.namespace,
            settings.kinds,
            kubeconfig=settings.kubeconfig,
            cluster=settings.cluster,
            open_server=server if settings.context else None,
        )
    else:
        target = GrafanaFolder(name, settings.url, settings.folder, settings.token_file, config.grafana.deploy_tags)
    return Rollout(target, StateFolder(settings.state), environment=environment, wait=wait)
