"""Rolling out what a build gives: plan, apply, verify, roll back, one target a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from regobs.config import Config
    from regobs.config.named import DeploySettings
    from regobs.deploy.run import Rollout
    from regobs.deploy.target import DeployTarget
    from regobs.prometheus import Prometheus


def rollout_of(name: str, config: Config, server: Callable[[], Prometheus], environment: str, wait: float) -> Rollout:
    """Deployments to one target of regobs.toml; `server` opens the one that its context names."""
    from regobs.deploy.run import Rollout  # noqa: PLC0415 - loads requests and the PromQL parser
    from regobs.deploy.state import StateFolder  # noqa: PLC0415
    from regobs.deploy.told import TargetWords, telling  # noqa: PLC0415

    settings, words = config.deploy[name], TargetWords.of(name, config)
    with telling(words):
        target = _target_of(name, config, server)
    return Rollout(
        target,
        StateFolder(settings.state),
        environment=environment,
        wait=wait,
        place=_place_of(settings, config),
        words=words,
        where=_where_of(settings),
    )


def _target_of(name: str, config: Config, server: Callable[[], Prometheus]) -> DeployTarget:
    """What regobs.toml calls so. Raises InputError for secrets and certificates that cannot be read."""
    from regobs.deploy.grafana_folder import GrafanaFolder  # noqa: PLC0415
    from regobs.deploy.kubernetes_namespace import KubernetesNamespace  # noqa: PLC0415
    from regobs.deploy.ruler_api import RulerApi  # noqa: PLC0415
    from regobs.deploy.rules_directory import RulesDirectory  # noqa: PLC0415
    from regobs.prometheus.address import Address  # noqa: PLC0415
    from regobs.prometheus.connection import Connection  # noqa: PLC0415

    settings = config.deploy[name]
    if settings.directory is not None:
        return RulesDirectory(name, settings.directory, server)
    if settings.receivers is not None:
        return _of_alertmanager(name, settings, settings.receivers, server)
    if settings.kind in {"elasticsearch", "kibana"}:
        return _of_elastic(name, settings)
    if settings.kind == "kubernetes":
        return KubernetesNamespace(
            name,
            settings.namespace,
            settings.kinds,
            kubeconfig=settings.kubeconfig,
            cluster=settings.cluster,
            open_server=server if settings.context else None,
        )
    if settings.api:
        return RulerApi(name, settings.api, settings.namespace, server)
    connection = Connection(
        Address.parse(settings.url),
        ca_file=settings.ca_file,
        client_cert=settings.client_cert,
        client_key=settings.client_key,
    )
    connection.check()
    tags = config.grafana.deploy_tags
    return GrafanaFolder(name, settings.url, settings.folder, settings.token_file, tags, connection=connection)


def _place_of(settings: DeploySettings, config: Config) -> str:
    """Where a target is, in one line: a plan for one place is refused at another that is called the same."""
    context = config.contexts.get(settings.context)
    parts = [
        str(settings.directory or settings.file or settings.api or settings.url or settings.kubeconfig or ""),
        settings.cluster,
        settings.namespace if settings.kind in {"ruler", "kubernetes"} else "",
        *(settings.folder, settings.space, settings.environment),
        f"read by {context.url}" if context is not None else "",
    ]
    return " ".join([settings.kind, *(part for part in parts if part)])


def _where_of(settings: DeploySettings) -> str:
    """Where a target is within its server, which may have several addresses."""
    parts = {
        "directory": str(settings.directory or ""),
        "file": str(settings.file or ""),
        "namespace": settings.namespace if settings.kind in {"ruler", "kubernetes"} else "",
        "cluster": settings.cluster,
        "folder": settings.folder,
        "space": settings.space,
    }
    return ", ".join(f"{name} {value}" for name, value in parts.items() if value)


def _of_alertmanager(
    name: str, settings: DeploySettings, receivers: Path, server: Callable[[], Prometheus]
) -> DeployTarget:
    from regobs.deploy.alertmanager_config import AlertmanagerConfig  # noqa: PLC0415
    from regobs.deploy.alertmanager_places import ConfigApi, ConfigFile  # noqa: PLC0415

    if settings.file is not None:
        return AlertmanagerConfig(name, ConfigFile(settings.file, server), receivers, settings.file)
    return AlertmanagerConfig(name, ConfigApi(settings.api, server), receivers)


def _of_elastic(name: str, settings: DeploySettings) -> DeployTarget:
    """The target at an Elasticsearch or a Kibana, which take the same keys, users and passwords."""
    from regobs.deploy.elasticsearch_templates import ElasticsearchTemplates  # noqa: PLC0415
    from regobs.deploy.kibana_space import KibanaSpace  # noqa: PLC0415
    from regobs.logs.elasticsearch.access import Access  # noqa: PLC0415

    access = Access.of(
        settings.url,
        api_key_file=settings.api_key_file,
        user=settings.user or None,
        password_file=settings.password_file,
        authority=settings.ca_file,
    )
    if settings.kind == "elasticsearch":
        return ElasticsearchTemplates(name, access)
    return KibanaSpace(name, access, settings.space, settings.environment)
