"""The calls of a ruler as Cortex and Mimir document them, strictly: anything else is refused.

https://cortexmetrics.io/docs/api/#ruler: one group a request, in YAML; a namespace without groups is 404.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from regobs.documents import dump_yaml, load_yaml
from regobs.errors import InputError
from tests.prometheus.stub import NOT_FOUND, Reply, Request, Stub, success

NAMESPACE, TENANT = "regobs", "registry"
_API = f"/api/v1/rules/{NAMESPACE}"


class _Quiet(Stub):
    """Says nothing of a client that is killed."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


class RulerStub:
    """Rule groups of one tenant, evaluated as soon as they are there; `slow` seconds for each change."""

    def __init__(self, names: Iterable[str], slow: float = 0) -> None:
        self.groups: dict[str, dict[str, Any]] = {}
        # The change, counted from 1, that is answered once with this status or this answer.
        self.fails: tuple[int, int | Reply] | None = None
        self.evaluated = 0.0  # seconds since the last evaluation
        self._slow = slow
        replies: dict[Any, Callable[[Request], Reply]] = {
            ("GET", _API): self._list,
            ("POST", _API): self._set,
            ("GET", "/prometheus/api/v1/rules"): self._evaluated,
        }
        replies |= {("DELETE", f"{_API}/{name}"): self._delete for name in names}
        self.stub = _Quiet(replies, NOT_FOUND)

    def queries(self) -> dict[str, str]:
        """The expression of each group's first rule, by the group."""
        return {name: str(group["rules"][0]["expr"]) for name, group in self.groups.items()}

    def _refused(self, request: Request) -> Reply | None:
        if request.headers.get("X-Scope-OrgID") != TENANT:
            return Reply(401, "no org id", "text/plain")
        if request.method == "GET" or self.fails is None:
            return None
        left, status = self.fails
        self.fails = (left - 1, status) if left > 1 else None
        if left != 1:
            return None
        return status if isinstance(status, Reply) else Reply(status, "not now", "text/plain")

    def _list(self, request: Request) -> Reply:
        missing = Reply(404, "no rule groups found", "text/plain")
        found = Reply(200, dump_yaml({NAMESPACE: list(self.groups.values())}), "application/yaml")
        return self._refused(request) or (found if self.groups else missing)

    def _set(self, request: Request) -> Reply:
        time.sleep(self._slow)
        group = load_yaml(request.body.encode(), "body", error=InputError).data
        if request.headers.get("Content-Type") != "application/yaml" or not group.get("name") or not group.get("rules"):
            return Reply(400, "unable to decode rule group", "text/plain")
        if (refused := self._refused(request)) is not None:
            return refused
        self.groups[group["name"]] = group
        return Reply(202, '{"status":"success","data":null,"errorType":"","error":""}')

    def _delete(self, request: Request) -> Reply:
        time.sleep(self._slow)
        if (refused := self._refused(request)) is not None:
            return refused
        if self.groups.pop(request.path.rpartition("/")[2], None) is None:
            return Reply(404, "group does not exist", "text/plain")
        return Reply(202, '{"status":"success","data":null,"errorType":"","error":""}')

    def _evaluated(self, request: Request) -> Reply:
        now = datetime.fromtimestamp(time.time() + self.stub.ahead - self.evaluated, UTC).isoformat()
        groups = [
            {
                "name": name,
                "file": NAMESPACE,
                "interval": 1,
                "lastEvaluation": now,
                "rules": [
                    {
                        "type": "alerting",
                        "name": rule["alert"],
                        "query": rule["expr"],
                        "labels": rule.get("labels", {}),
                        "health": "ok",
                        "state": "inactive",
                        "lastEvaluation": now,
                        "alerts": [],
                    }
                    for rule in group["rules"]
                ],
            }
            for name, group in list(self.groups.items())
            if _is_evaluated(group)
        ]
        return self._refused(request) or success({"groups": groups})


def _is_evaluated(group: dict[str, Any]) -> bool:
    """Whether it has the form of a group: nobody evaluates what somebody put into the store otherwise."""
    rules = group.get("rules")
    return isinstance(rules, list) and all(
        isinstance(one, dict) and {"alert", "expr"} <= one.keys() and isinstance(one.get("labels", {}), dict)
        for one in rules
    )
