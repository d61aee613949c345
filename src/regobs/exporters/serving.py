"""The HTTP side of an exporter process: /metrics, /-/healthy, /-/ready, and an orderly end.

Paths and answers are those that Prometheus' own exporters have (prometheus/exporter-toolkit).
"""

from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any

from regobs.exporters.http_handler import RequestHandler
from regobs.exporters.totals import ExporterInstruments, Totals
from regobs.instrument import Instruments, MetricsWSGI
from regobs.instrument.adapters.process import observe_process
from regobs.instrument.http.metrics_server import MetricsServer
from regobs.instrument.http.scrapes import CHALLENGE, with_headers
from regobs.instrument.http.web_config import WebConfig

StartResponse = Callable[..., Any]
# Seconds between two looks for a signal. The kernel may hand it to any thread, while only the main thread runs its
# handler, and one that waits for a lock without end does not wake up for it.
_LOOK = 0.25
_REFUSED: dict[int, tuple[str, str, tuple[tuple[str, str], ...]]] = {
    401: ("401 Unauthorized", "a user is needed\n", (CHALLENGE,)),
    500: ("500 Internal Server Error", "the web configuration is wrong\n", ()),
}
_TEXTS = {"/-/healthy": "healthy\n", "/-/ready": "ready\n", "/": "/metrics /-/healthy /-/ready\n"}
WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class ExporterApp:
    """The WSGI application of an exporter.

    `ready` says whether its first measurement is done, `takes` what else it answers, by path. With `waits` there are no
    metrics before. With `web`, it is asked about every request but those to paths that check credentials of their own.
    """

    def __init__(
        self,
        instruments: Instruments,
        ready: Callable[[], bool],
        takes: Mapping[str, WsgiApp] | None = None,
        *,
        waits: bool = False,
        web: WebConfig | None = None,
        own_credentials: Collection[str] = (),
    ) -> None:
        self.web = web
        self._own_credentials = own_credentials
        self._metrics = MetricsWSGI(instruments)
        self._waits = waits
        self._ready = ready
        self._takes = takes or {}

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        path = environ.get("PATH_INFO", "/")
        if self.web is not None and path not in self._own_credentials:
            start_response = with_headers(start_response, self.web.headers)
            refusal = _REFUSED.get(self.web.status(environ.get("HTTP_AUTHORIZATION", "")))
            if refusal:
                status, text, headers = refusal
                return answer(start_response, status, text, *headers)
        return self._admitted(path, environ, start_response)

    def _admitted(self, path: str, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if path == "/metrics" and (self._ready() or not self._waits):
            return self._metrics(environ, start_response)
        if path in self._takes:
            return self._takes[path](environ, start_response)
        if path not in {"/metrics", *_TEXTS}:
            there = ", ".join(["/metrics", *self._takes, "/-/healthy", "/-/ready"])
            return answer(start_response, "404 Not Found", f"not found: there are {there}\n")
        if environ.get("REQUEST_METHOD") not in {"GET", "HEAD"}:
            return answer(start_response, "405 Method Not Allowed", "only GET and HEAD\n", ("Allow", "GET, HEAD"))
        if path in {"/-/ready", "/metrics"} and not self._ready():
            return answer(start_response, "503 Service Unavailable", "not ready\n")
        return answer(start_response, "200 OK", _TEXTS[path])


class ExporterServer(MetricsServer):
    """Serves the application of an exporter, with TLS where its web configuration says so."""

    handler = RequestHandler

    def __init__(self, app: ExporterApp, host: str, port: int) -> None:
        super().__init__(app, host, port, web=app.web)


def exporter_instruments(*totals: Totals, **caps: int) -> Instruments:
    """The instruments of an exporter process, with those of the process itself and what it has counted.

    `caps` are the highest numbers of values of labels that may have more than 100.
    """
    instruments = ExporterInstruments(totals, caps)
    observe_process(instruments)
    return instruments


def allow_descriptors() -> None:
    """Let the process have as many files and connections open as its hard limit allows.

    The soft limit is 1,024 with systemd for the sake of select(2), which nothing here uses: 512 connections and the
    files of a log exporter may need more.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # a sandbox may forbid it
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def wait_for_end(end: threading.Event | None = None) -> str:
    """Wait for SIGTERM, SIGINT or `end`; the name of the signal, nothing where it was `end`."""
    came: list[int] = []
    end = end or threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        came.append(number)
        end.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        while not end.wait(_LOOK):
            pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return signal.Signals(came[0]).name if came else ""


def answer(start_response: StartResponse, status: str, text: str, *headers: tuple[str, str]) -> Iterable[bytes]:
    """Answer with a text."""
    body = text.encode()
    plain = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response(status, [*plain, *headers])
    return [body]
