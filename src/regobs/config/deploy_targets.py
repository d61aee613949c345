"""The targets of `regobs deploy` in regobs.toml: what each kind needs, and what it may have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from regobs.config.named import DEPLOY_KINDS, Context, DeploySettings, ObjectKind
from regobs.config.table import TomlTable

_TARGET_NAME = r"[A-Za-z0-9_-]{1,60}"
_OF_KIND = {  # of targets of deployments: what each needs
    "rules": {
        "directory": "the directory of the rule files",
        "context": "one of [contexts]: the server that reads them",
    },
    "ruler": {"api": "the address of the ruler's API", "context": "one of [contexts]: the server that reads it"},
    "alertmanager": {
        "receivers": "the file with what the receivers are",
        "context": "one of [contexts]: the Alertmanager, or the server of `api`",
    },
    "grafana": {"url": "the address at which Grafana's pages begin", "folder": "the uid of a folder"},
    "kubernetes": {"namespace": "the namespace of the objects"},
    "elasticsearch": {"url": "the address of Elasticsearch"},
    "kibana": {"url": "the address at which Kibana's pages begin"},
}
_ELASTIC = ("api_key_file", "user", "password_file", "ca_file")
_MORE: dict[str, tuple[str, ...]] = {
    "rules": (),
    "ruler": ("namespace",),
    "alertmanager": ("file", "api"),
    "grafana": ("token_file", "ca_file", "client_cert", "client_key"),
    "kubernetes": ("context", "kubeconfig", "cluster", "kinds"),
    "elasticsearch": _ELASTIC,
    "kibana": ("space", "environment", *_ELASTIC),
}


def deploy_targets(top: TomlTable, file: Path, contexts: Mapping[str, Context]) -> dict[str, DeploySettings]:
    """[deploy] of regobs.toml by name. Raises ConfigError."""
    found = {}
    for name in top.table("deploy").names():
        if not re.fullmatch(_TARGET_NAME, name):
            raise top.table("deploy").fail(name, "a name of letters, digits, - and _: it becomes the name of a folder")
        table = top.table("deploy").table(name, [one.name for one in fields(DeploySettings)])
        table.require("kind", f"one of {', '.join(DEPLOY_KINDS)}")
        kind = table.text("kind", "", expected=f"one of {', '.join(DEPLOY_KINDS)}", pattern="|".join(DEPLOY_KINDS))
        for key, what in _OF_KIND[kind].items():
            table.require(key, what)
        allowed = (*_OF_KIND[kind], *_MORE[kind], "state")
        strange = next((key for key in table.names() if key not in {"kind", *allowed}), "")
        if strange:
            raise table.fail(strange, f"for the kind {kind} some of {', '.join(allowed)}", f"remove {strange}")
        if kind == "alertmanager" and ("file" in table.names()) is ("api" in table.names()):
            raise table.fail("kind", "one of file and api: where the configuration is", "name one of the two")
        _refuse_service_monitors(table)
        context = table.text("context", "")
        if context and context not in contexts:
            there = ", ".join(contexts) or "there is none"
            raise table.fail("context", f"one of [contexts]: {there}", nearest=contexts)
        found[name] = DeploySettings(
            kind=kind,
            state=table.path("state", file) or file.parent / ".regobs-deploy" / name,
            directory=table.path("directory", file),
            file=table.path("file", file),
            receivers=table.path("receivers", file),
            context=context,
            api=table.url("api", expected="an http or https URL without a password"),
            namespace=table.text("namespace", "regobs", expected="a name", pattern=_TARGET_NAME),
            url=table.url("url", expected="an http or https URL without a password"),
            folder=table.text("folder", "", expected="the uid of a folder", pattern=r"[A-Za-z0-9_-]{1,40}"),
            token_file=table.path("token_file", file),
            kubeconfig=table.path("kubeconfig", file),
            cluster=table.text("cluster", "", expected="a context of the kubeconfig"),
            kinds=table.choices("kinds", ObjectKind, ()),
            api_key_file=table.path("api_key_file", file),
            user=table.text("user", "", expected="a user of Elasticsearch"),
            password_file=table.path("password_file", file),
            ca_file=table.path("ca_file", file),
            client_cert=table.path("client_cert", file),
            client_key=table.path("client_key", file),
            space=table.text("space", "", expected="the id of a space", pattern=r"[a-z0-9_-]{1,60}"),
            environment=table.text("environment", "", expected="an environment of log_schemas/kibana"),
        )
    return found


def _refuse_service_monitors(table: TomlTable) -> None:
    if "ServiceMonitor" in table.items("kinds", (), str, "words"):
        raise table.fail(
            "kinds",
            f"some of {', '.join(ObjectKind)}; a build has a PodMonitor, which finds the pods by their label and needs "
            "no Service that has their debug port",
            "name PodMonitor instead of ServiceMonitor",
        )
