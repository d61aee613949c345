"""The person on call: a webhook receiver in this process that Alertmanager notifies."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

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


class Receiver:
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
    class Handler(BaseHTTPRequestHandler):
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

    return Handler
