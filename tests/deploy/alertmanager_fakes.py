"""An Alertmanager's configuration in memory, and builds and receivers that are deployed to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regobs.deploy.alertmanager_config import FILE, AlertmanagerConfig
from regobs.deploy.plan_file import TargetPlan
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.documents import dump_yaml, load_yaml
from regobs.errors import InputError, ServerError
from tests.prometheus.stub import Reply, Request

SECRET = "hunter2-of-the-pager"
NAMES = ("pager", "tickets", "watchdog", "nobody")
PAGES: dict[str, Any] = {"matchers": ['severity="page"'], "receiver": "pager"}
ROUTE: dict[str, Any] = {"receiver": "tickets", "routes": [PAGES]}
DOWN: dict[str, Any] = {
    "source_matchers": ['alertname="Down"'],
    "target_matchers": ['severity="ticket"'],
    "equal": ["job"],
}
FOREIGN = b"""# by hand
route: {receiver: mine}
receivers:
- name: mine
  webhook_configs: [{url: "http://hook/other-secret-of-theirs"}]
"""


class MemoryPlace:
    """Holds one configuration, and refuses what has `refused` in it, as a server that repeats what it was sent does."""

    def __init__(self, content: bytes | None = None) -> None:
        self.content, self.refused = content, b"never"

    def read(self) -> bytes | None:
        return self.content

    def write(self, content: bytes | None, before: bytes | None) -> None:
        assert before == self.content
        if content is not None and self.refused in content:
            raise ServerError("cannot be loaded", value=content.decode())
        self.content = content

    def loaded(self) -> dict[str, Any]:
        data: dict[str, Any] = load_yaml(self.content or b"{}", "a", error=InputError).data
        return data


def build(**changed: Any) -> dict[str, bytes]:
    data = {"route": ROUTE, "receivers": [{"name": name} for name in NAMES], "inhibit_rules": [DOWN], **changed}
    return {FILE: dump_yaml(data).encode()}


def rollout(place: Any, receivers: Path) -> Rollout:
    return Rollout(AlertmanagerConfig("alerts", place, receivers), StateFolder(receivers.parent / "state"))


def told(plan: TargetPlan) -> list[str]:
    return [f"{one.what} {one.thing}" for one in plan.changes]


class Tenants:
    """The documented calls: GET, POST and DELETE of a tenant's configuration."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def answer(self, request: Request) -> Reply:
        tenant = request.headers.get("X-Scope-OrgID", "")
        if not tenant:
            return Reply(401, "no org id", "text/plain")
        if request.method == "GET":
            there = self.kept.get(tenant)
            missing = Reply(404, "alertmanager storage object not found", "text/plain")
            return Reply(200, there, "application/yaml") if there is not None else missing
        if request.method == "DELETE":
            self.kept.pop(tenant, None)
            return Reply(200, "", "text/plain")
        if "refused" in request.body:
            return Reply(400, f"error validating Alertmanager config: {SECRET}", "text/plain")
        self.kept[tenant] = request.body
        return Reply(201, "", "text/plain")
