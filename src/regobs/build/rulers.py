"""The rules and routes in the shape of every program that evaluates them: one source, no difference in meaning.

Prometheus and VictoriaMetrics' vmalert read prometheus/rules/ as it stands. The operator of Prometheus wants objects
(monitoring.coreos.com, api/monitoring/v1 of github.com/prometheus-operator/prometheus-operator), Mimir and Cortex a
namespace around the groups (the file format of mimirtool and cortextool), Thanos Ruler a strategy for answers that lack
a store (docs/components/rule.md of github.com/thanos-io/thanos).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from regobs.catalog.model import Capability, Exposer
from regobs.config import Config
from regobs.documents import WrittenYaml, dump_yaml, load_yaml
from regobs.grafana.configmaps import FILE as CONFIGMAPS
from regobs.promql.durations import duration_text
from regobs.promql.nodes import MatchOp
from regobs.slo.jobs import scraped_how
from regobs.slo.outputs import CompiledRules
from regobs.slo.rule_scope import labels_of_registry

Json = dict[str, Any]
NAMESPACE = "regobs"  # of the rules in Mimir and Cortex
_GROUP = "monitoring.coreos.com"
_LABELS = {"app.kubernetes.io/part-of": "regobs"}
_HEADER = "# Written by `regobs build`; change alerts/ of the pack or regobs.toml instead.\n"
_OF_OPERATOR = frozenset({"container", "endpoint", "job", "namespace", "pod"})  # on every target of a PodMonitor
_MATCHER = re.compile(r'(?P<name>[a-zA-Z_]\w*)(?P<op>=~|!~|!=|=)"(?P<value>.*)"')


def ruler_files(compiled: CompiledRules, config: Config) -> dict[str, bytes]:
    """Files by path: kubernetes/, mimir/ and thanos/, from the rules and the Alertmanager configuration.

    The kustomization has the ConfigMaps of the dashboards too, so that Argo CD, Flux and `kubectl apply -k` take the
    folder as it is.
    """
    groups = dict(sorted(compiled.groups.items(), key=lambda one: f"{one[0]}.yaml"))
    every = [group for of_file in groups.values() for group in of_file]
    config_of_routes = _alertmanager_config(
        load_yaml(compiled.alertmanager.decode(), "alertmanager.yaml").data,
        {
            rule["alert"]
            for one in compiled.group_data.values()
            for group in one
            for rule in group["rules"]
            if "alert" in rule
        },
    )
    objects = {
        "rules": [_object("v1", "PrometheusRule", _name(name), {"groups": found}) for name, found in groups.items()],
        "monitors": _monitors(config),
        "alertmanager": [_object("v1alpha1", "AlertmanagerConfig", NAMESPACE, config_of_routes)],
    }
    found = {f"kubernetes/{name}.yaml": _text(_list(items)) for name, items in objects.items()}
    found["kubernetes/kustomization.yaml"] = _text(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": sorted([Path(CONFIGMAPS).name, *(f"{name}.yaml" for name in objects)]),
        }
    )
    found["mimir/rules.yaml"] = _text({"namespace": NAMESPACE, "groups": every})
    # An answer without one of the stores is no answer: a sum would be too small, an absence wrong.
    found["thanos/rules.yaml"] = _text({"groups": [_with(one, "partial_response_strategy: abort") for one in every]})
    return found


def _with(group: WrittenYaml, line: str) -> WrittenYaml:
    return WrittenYaml((*group.lines, line))


def _text(data: Json) -> bytes:
    return (_HEADER + dump_yaml(data)).encode()


def _list(items: list[Json]) -> Json:
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _name(file: str) -> str:
    """The name of an object: lower case, digits and hyphens."""
    return f"{NAMESPACE}-{re.sub('[^a-z0-9]+', '-', file.lower())}"


def _object(version: str, kind: str, name: str, spec: Json) -> Json:
    metadata = {"name": name, "labels": dict(_LABELS)}
    return {"apiVersion": f"{_GROUP}/{version}", "kind": kind, "metadata": metadata, "spec": spec}


def _monitors(config: Config) -> list[Json]:
    """What scrapes the registry's pods, and the probe where it is on."""
    equal = {matcher.label: matcher.value for matcher in config.matchers if matcher.op is MatchOp.EQUAL}
    alone = config.environments[0].labels if len(config.environments) == 1 else {}
    fixed = {**config.prometheus.scrape_labels, **equal, **alone}
    fixed.pop(config.labels.instance, None)
    # The server fills in a missing action, and what it fills in would be a change that nobody made.
    labels = [{"action": "replace", "targetLabel": label, "replacement": value} for label, value in fixed.items()]
    labels = [*_labels_of_pods(config), *labels]
    endpoint = {
        "port": "debug",  # as GitLab's chart calls the port of http.debug.addr
        **scraped_how(config, "path"),
        "interval": duration_text(config.prometheus.scrape_interval),
        "honorLabels": config.honor_labels,
        "relabelings": [*_dropped(config), *labels],
    }
    pods: Json = {"selector": {"matchLabels": {"app": "registry"}}, "podMetricsEndpoints": [endpoint]}
    if (namespace := fixed.get(config.labels.namespace or "")) is not None:
        # Without it the operator looks for pods in the namespace of the PodMonitor alone.
        pods["namespaceSelector"] = {"matchNames": [namespace]}
    found = [_object("v1", "PodMonitor", NAMESPACE, pods)]
    if Capability.PROBE in config.capabilities:
        found += _probes(config, fixed)
    return found


def _probes(config: Config, fixed: dict[str, str]) -> Iterator[Json]:
    """What is probed: of each environment that says it, else what is said of all."""
    exporter = config.prometheus.exporters.get(Exposer.BLACKBOX, ("blackbox-exporter:9115",))[0]
    told = [(_name(one.name), fixed | one.labels, one.probes) for one in config.environments if one.probes]
    for name, labels, probes in told or [(NAMESPACE, fixed, config.prometheus.probes)]:
        kept = {label: value for label, value in labels.items() if label in config.labels.scope}
        static = {"static": list(probes), **({"labels": kept} if kept else {})}
        probe = {
            "prober": {"url": exporter, "path": "/probe"},
            "module": "registry",
            "targets": {"staticConfig": static},
        }
        yield _object("v1", "Probe", name, probe)


def _dropped(config: Config) -> list[Json]:
    """Labels that the operator gives targets and the registry its series: its own would be stored as `exported_...`.

    Those that `target_labels` of regobs.toml names stay, as rules and dashboards count on.
    """
    names = sorted(_OF_OPERATOR & labels_of_registry(config) - config.target_labels)
    return [{"action": "labeldrop", "regex": "|".join(names)}] if names and not config.honor_labels else []


def _labels_of_pods(config: Config) -> list[Json]:
    """What the operator does not write by itself: it gives series of a PodMonitor `namespace` and `pod` alone."""
    wanted = {
        "__meta_kubernetes_namespace": (config.labels.namespace, "namespace"),
        "__meta_kubernetes_pod_name": (config.labels.pod, "pod"),
        "__meta_kubernetes_pod_node_name": (config.labels.node, None),
    }
    return [
        {"action": "replace", "sourceLabels": [source], "targetLabel": label}
        for source, (label, given) in wanted.items()
        if label is not None and label != given
    ]


def _alertmanager_config(routing: Json, alerts: set[str]) -> Json:
    spec: Json = {"route": _route(routing["route"]), "receivers": routing["receivers"]}
    # An Alertmanager of the whole cluster sends every alert past this route; in alertmanager.yaml it is the only one.
    spec["route"]["matchers"] = [{"name": "alertname", "value": "|".join(sorted(alerts)), "matchType": "=~"}]
    if "inhibit_rules" in routing:
        spec["inhibitRules"] = [
            {
                "sourceMatch": [_matcher(text) for text in rule["source_matchers"]],
                "targetMatch": [_matcher(text) for text in rule["target_matchers"]],
                "equal": rule["equal"],
            }
            for rule in routing["inhibit_rules"]
        ]
    return spec


def _route(route: Json) -> Json:
    made = {_camel(name): value for name, value in route.items() if name not in {"matchers", "routes"}}
    if "matchers" in route:
        made["matchers"] = [_matcher(text) for text in route["matchers"]]
    if "routes" in route:
        made["routes"] = [_route(child) for child in route["routes"]]
    return made


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _matcher(text: str) -> Json:
    """A matcher of Alertmanager's configuration as the object that the operator wants."""
    found = _MATCHER.fullmatch(text)
    if found is None:
        return {"name": text.partition("=")[0], "value": text.partition("=")[2], "matchType": "="}
    return {"name": found["name"], "value": found["value"], "matchType": found["op"]}
