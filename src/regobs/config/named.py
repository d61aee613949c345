"""What a regobs.toml may have under names: environments, thresholds, contexts, queries, targets of `regobs deploy`.

Without a file there is none of them, so that nothing has to load this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from regobs.catalog.model import Exposer
from regobs.errors import Location
from regobs.promql.nodes import Duration, Matcher, MatchOp

# Of targets of `regobs deploy`.
DEPLOY_KINDS = ("rules", "ruler", "alertmanager", "grafana", "kubernetes", "elasticsearch", "kibana")


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment of a deployment: a name, the matchers that select it, and what is scraped there if told.

    `targets` are its registries (host:port), `exporters` the targets of those, `probes` the addresses that are probed.
    """

    name: str
    matchers: tuple[Matcher, ...]
    targets: tuple[str, ...] = ()
    exporters: Mapping[Exposer, tuple[str, ...]] = field(default_factory=dict)
    probes: tuple[str, ...] = ()

    @property
    def labels(self) -> dict[str, str]:
        """The labels, with their values, by which its targets are told from others."""
        return {matcher.label: matcher.value for matcher in self.matchers if matcher.op is MatchOp.EQUAL}


@dataclass(frozen=True, slots=True)
class Threshold:
    """What one SLO's document says, overridden: `target` a fraction below 1, `at_most` in the metric's unit.

    `place` is where its table stands, the others where the values do; None of what no file says.
    """

    target: Decimal | None = None
    at_most: Decimal | None = None
    place: Location | None = field(default=None, compare=False)
    target_place: Location | None = field(default=None, compare=False)
    at_most_place: Location | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Context:
    """A server that answers PromQL, under a name. Secrets are in files or in the environment, never here.

    `token_env` names a variable of the environment, `token_command` a program with its arguments that prints the token.
    With a `user` the token is that user's password. `environment` is one of `[environments]`, that all questions to
    this server are narrowed to. `kind` is what the server is meant to be; `regobs context test` compares. `stores` is
    how many stores a Thanos Query has at least; with fewer its answers are partial.
    """

    url: str
    kind: str = ""
    tenant: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    token_file: Path | None = None
    token_env: str = ""
    token_command: tuple[str, ...] = ()
    user: str = ""
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    proxy: str = ""
    timeout: Duration | None = None
    environment: str = ""
    stores: int = 0


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query under a name: PromQL with parameters such as `$route`, and the values of those that have a default."""

    expr: str
    title: str = ""
    defaults: Mapping[str, str] = field(default_factory=dict)


class ObjectKind(StrEnum):
    """The kinds of objects in `kubernetes/` of a build."""

    PROMETHEUS_RULE = "PrometheusRule"
    POD_MONITOR = "PodMonitor"
    PROBE = "Probe"
    ALERTMANAGER_CONFIG = "AlertmanagerConfig"
    CONFIG_MAP = "ConfigMap"


@dataclass(frozen=True, slots=True)
class DeploySettings:
    """A target of `regobs deploy`. `kind` is one of DEPLOY_KINDS.

    `rules`: `directory` has the rule files of the server that `context` names. `ruler`: `api` is the address of the API
    of a ruler, `namespace` that of our groups there. `alertmanager`: the configuration is `file` of the Alertmanager
    that `context` names, or that of a tenant at `api`; `receivers` is the file with what the receivers are. `grafana`:
    the dashboards of `folder`, a uid, of the Grafana at `url`, whose authority is `ca_file` and which may ask for
    `client_cert`. `kubernetes`: the objects of the `kinds`, all if none is
    named, in `namespace` of the cluster that the context `cluster` of `kubeconfig` names; `context` is the server that
    loads the rules there, if one is to be asked. `elasticsearch` and `kibana`: what log lines need in the server at
    `url`, which `api_key_file`, or `user` and `password_file`, open; of a Kibana in `space`, the default one if empty,
    and of one `environment` of the build or of all. `state` is where the states of this target are kept.
    """

    kind: str
    state: Path
    directory: Path | None = None
    context: str = ""
    api: str = ""
    namespace: str = "regobs"
    url: str = ""
    folder: str = ""
    token_file: Path | None = None
    kubeconfig: Path | None = None
    cluster: str = ""
    kinds: frozenset[ObjectKind] = frozenset()
    api_key_file: Path | None = None
    user: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    space: str = ""
    environment: str = ""
    file: Path | None = None
    receivers: Path | None = None
