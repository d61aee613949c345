"""The generated routing made fit for the demo, and what a running Alertmanager holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
import yaml

from regobs.demo import loopback
from regobs.errors import ServerError

_WAITS = {"group_wait": "1s", "group_interval": "2s"}


@dataclass(frozen=True, slots=True)
class HeldAlert:
    """An alert that Alertmanager holds as active; `suppressed` when inhibited or silenced."""

    labels: Mapping[str, str]
    suppressed: bool
    receivers: tuple[str, ...]

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels.get("alertname", "")

    @property
    def identity(self) -> frozenset[tuple[str, str]]:
        """What Alertmanager tells alerts apart by: all labels."""
        return frozenset(self.labels.items())

    def __str__(self) -> str:
        known = ((label, self.labels.get(label)) for label in ("slo", "tier", "severity"))
        return f"{self.name} ({', '.join(f'{label} {value}' for label, value in known if value)})"


def demo_routing(generated: bytes, webhook: str) -> dict[str, Any]:
    """The generated Alertmanager configuration with two changes: each receiver is our webhook, and grouping waits less.

    Routes, matchers and inhibition stay as they are; what is shown is how they treat the alert.
    """
    settings: dict[str, Any] = yaml.safe_load(generated)
    hook = {"webhook_configs": [{"url": webhook, "send_resolved": True}]}
    settings["receivers"] = [{"name": receiver["name"], **hook} for receiver in settings["receivers"]]
    _hurry(settings["route"])
    return settings


def _hurry(route: dict[str, Any]) -> None:
    route.update(_WAITS)
    for child in route.get("routes", ()):
        _hurry(child)


def held_alerts(url: str) -> list[HeldAlert]:
    """The active alerts of the Alertmanager at `url`, suppressed ones too; ServerError when it does not answer."""
    try:
        with loopback.session() as session:
            answer = session.get(f"{url}/api/v2/alerts", params={"active": "true"}, timeout=5)
            answer.raise_for_status()
            found = answer.json()
    except requests.RequestException as error:
        raise ServerError("Alertmanager does not answer", value=f"{url}: {type(error).__name__}") from error
    return [
        HeldAlert(item["labels"], item["status"]["state"] != "active", tuple(r["name"] for r in item["receivers"]))
        for item in found
    ]
