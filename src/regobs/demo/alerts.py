"""The generated routing made fit for the demo, what an Alertmanager holds, and what receives its notifications."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import requests
import yaml

from regobs.common.programs import local_session
from regobs.common.reasons import reason_of
from regobs.errors import ServerError
from regobs.promql.durations import duration_text, read_duration
from regobs.promql.nodes import Duration

_LARGEST = 4 << 20  # bytes; a notification of Alertmanager has a few kB


@dataclass(frozen=True, slots=True)
class Notification:
    """One alert as it was notified: `status` is firing or resolved, `at` is time.monotonic() of its arrival."""

    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    receiver: str
    at: float

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels.get("alertname", "")

    @property
    def identity(self) -> frozenset[tuple[str, str]]:
        """What Alertmanager tells alerts apart by: all labels."""
        return frozenset(self.labels.items())


class WebhookReceiver:
    """Listens on 127.0.0.1 while the `with` lasts; `url` is what Alertmanager is to call."""

    def __init__(self) -> None:
        self._notifications: list[Notification] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._take))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="receiver", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def notifications(self, status: str, since: float = 0.0) -> list[Notification]:
        """What arrived with this status since that time.monotonic(), in the order of arrival; each alert once."""
        with self._lock:
            found = [item for item in self._notifications if item.status == status and item.at >= since]
        return list({item.identity: item for item in reversed(found)}.values())[::-1]

    def _take(self, body: Mapping[str, Any]) -> None:
        now = time.monotonic()
        with self._lock:
            self._notifications += [
                Notification(
                    str(item["status"]), dict(item["labels"]), dict(item["annotations"]), body["receiver"], now
                )
                for item in body["alerts"]
            ]


def _handler(take: Any) -> type[BaseHTTPRequestHandler]:
    class _Handler(BaseHTTPRequestHandler):
        """Takes what Alertmanager documents for webhooks (version 4) and refuses anything else."""

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            try:
                take(json.loads(self.rfile.read(min(size, _LARGEST))))
            except (ValueError, KeyError, TypeError):
                self.send_response(400)
            else:
                self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature of http.server
            """Say nothing: the story tells what arrived."""

    return _Handler


# A twentieth, so that a burn still waits for the alert that names its cause: rules are evaluated once a second here.
_HASTE = 20


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
    for name in ("group_wait", "group_interval"):
        wait = read_duration(str(route.get(name, "")))
        if wait is not None and wait.ms:
            route[name] = duration_text(Duration(max(wait.ms // _HASTE, 1000)))
    for child in route.get("routes", ()):
        _hurry(child)


def held_alerts(url: str) -> list[HeldAlert]:
    """The active alerts of the Alertmanager at `url`, suppressed ones too; ServerError when it does not answer."""
    try:
        with local_session() as session:
            answer = session.get(f"{url}/api/v2/alerts", params={"active": "true"}, timeout=5)
            answer.raise_for_status()
            found = answer.json()
    except requests.RequestException as error:
        raise ServerError("Alertmanager does not answer", value=f"{url}: {reason_of(error)}") from error
    return [
        HeldAlert(item["labels"], item["status"]["state"] != "active", tuple(r["name"] for r in item["receivers"]))
        for item in found
    ]
