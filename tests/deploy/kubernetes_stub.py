"""The calls of a Kubernetes API server that a deployment makes, strictly: anything else is refused.

https://kubernetes.io/docs/reference/using-api/api-concepts/: discovery, lists, server-side apply (also as a dry run)
and deletion of two kinds in one namespace. It keeps `managedFields` of none: every field is whoever's wrote it last.
"""

from __future__ import annotations

import json
from typing import Any

from tests.prometheus.stub import Reply, Request, Stub

NAMESPACE = "monitoring"
_KINDS = {
    "/api/v1": ("ConfigMap", "configmaps"),
    "/apis/monitoring.coreos.com/v1": ("PrometheusRule", "prometheusrules"),
}
_VERBS = ["list", "patch", "delete"]


class KubernetesStub:
    """Objects by kind and name. `forbidden` are plurals that we may not list."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.forbidden: set[str] = set()
        self.versions: dict[tuple[str, str], str] = {}
        self.stub = Stub({}, self._answer)

    def put(self, data: dict[str, Any]) -> None:
        """Write an object, which gives it the next version."""
        key = data["kind"], data["metadata"]["name"]
        metadata = {name: value for name, value in data["metadata"].items() if name != "resourceVersion"}
        self.objects[key] = data | {"metadata": metadata}
        self.versions[key] = str(sum(map(int, self.versions.values())) + 1)

    def _versioned(self, key: tuple[str, str]) -> dict[str, Any]:
        one = self.objects[key]
        return one | {"metadata": one["metadata"] | {"resourceVersion": self.versions[key]}}

    def names(self) -> list[str]:
        """Every object that there is, as a deployment calls it."""
        return sorted(f"{kind}/{name}" for kind, name in self.objects)

    def _answer(self, request: Request) -> Reply:
        if request.method == "GET" and (found := self._discovered(request.path)) is not None:
            return Reply(body=json.dumps(found))
        for prefix, (kind, plural) in _KINDS.items():
            base = f"{prefix}/namespaces/{NAMESPACE}/{plural}"
            if request.path == base and request.method == "GET":
                return self._list(kind, plural)
            if request.path.startswith(f"{base}/") and request.method in {"PATCH", "DELETE"}:
                return self._change(request, kind, request.path.removeprefix(f"{base}/"))
        return _status(404, f"the server could not find {request.method} {request.path}")

    @staticmethod
    def _discovered(path: str) -> dict[str, Any] | None:
        version = {"groupVersion": "monitoring.coreos.com/v1", "version": "v1"}
        group = {"name": "monitoring.coreos.com", "versions": [version], "preferredVersion": version}
        plain: dict[str, dict[str, Any]] = {
            "/version": {"major": "1", "minor": "34"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "groups": [group]},
        }
        if path in _KINDS:
            kind, plural = _KINDS[path]
            known = [{"name": plural, "kind": kind, "namespaced": True, "verbs": _VERBS}]
            of = path.removeprefix("/apis/").removeprefix("/api/")
            return {"kind": "APIResourceList", "groupVersion": of, "resources": known}
        return plain.get(path)

    def _list(self, kind: str, plural: str) -> Reply:
        if plural in self.forbidden:
            return _status(403, f"{plural} is forbidden")
        items = [self._versioned(key) for key in sorted(self.objects) if key[0] == kind]
        return Reply(body=json.dumps({"kind": f"{kind}List", "metadata": {}, "items": items}))

    def _change(self, request: Request, kind: str, name: str) -> Reply:
        there = self.objects.get((kind, name))
        wanted = json.loads(request.body or "{}")
        condition = (wanted.get("preconditions") or wanted.get("metadata") or {}).get("resourceVersion")
        if request.method == "DELETE" and there is None:
            return _status(404, f"{name} not found")
        if condition is not None and (there is None or condition != self.versions[kind, name]):
            return _status(409, "the object has been modified; please apply your changes to the latest version")
        if request.method == "DELETE":
            del self.objects[kind, name]
            return Reply(body=json.dumps({"kind": "Status"}))
        data = json.loads(request.body)
        manager = request.query.get("fieldManager")
        if request.headers.get("Content-Type") != "application/apply-patch+yaml" or manager != ["regobs"]:
            return _status(415, "no server-side apply")
        if data.get("kind") != kind or data["metadata"]["name"] != name:
            return _status(400, "the object is another than its path says")
        if "dryRun" not in request.query:
            self.put(data)
            data = self._versioned((kind, name))
        return Reply(body=json.dumps(data))


def _status(code: int, message: str) -> Reply:
    return Reply(code, json.dumps({"kind": "Status", "status": "Failure", "code": code, "message": message}))
