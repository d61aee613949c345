"""Serves the pods: each /metrics on a loopback port of its own, all in one process, while time goes on."""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from regobs.errors import MachineError
from regobs.instrument.core.exposition import OPENMETRICS, negotiated
from regobs.simulate.clock import Clock
from regobs.simulate.fleet import Fleet
from regobs.simulate.pod import Pod

_STEP = 1.0  # simulated seconds of a step at real time
_STEPS_A_SECOND = 20  # of the wall; what is faster takes longer steps


class LoopbackServer(ThreadingHTTPServer):
    """Answers each connection in a thread of its own."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that goes away before it has its answer is no error of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class PodServer:
    """The address of one pod. While the pod is not up, connections end without an answer: the scrape fails."""

    def __init__(self, pod: Pod, port: int) -> None:
        class _Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if not pod.up:
                    self.close_connection = True
                    return
                found = self.path.partition("?")[0] == "/metrics"
                kind = negotiated(self.headers.get("Accept", ""))
                body = pod.render(openmetrics=kind == OPENMETRICS) if found else b"404 page not found\n"
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", kind if found else "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it so)
                pass

        try:
            self._server = LoopbackServer(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise MachineError(
                f"no server on 127.0.0.1:{port}",
                value=error.strerror,
                next_step="name another --port; that and those after it are used",
            ) from None
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no longer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class FleetServing:
    """A fleet on the network. `port` is that of the first pod, the others follow; 0 takes free ones."""

    def __init__(self, fleet: Fleet, *, port: int = 0, speed: float = 1.0) -> None:
        self.fleet = fleet
        self.targets: list[PodServer] = []
        self._port = port
        self._speed = speed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self.failure: BaseException | None = None

    @property
    def addresses(self) -> list[str]:
        """Host and port of each pod."""
        return [target.address for target in self.targets]

    def __enter__(self) -> Self:
        try:
            for pod in self.fleet.pods:
                self.targets.append(PodServer(pod, self._port + pod.number if self._port else 0))
        except MachineError:
            self._close()
            raise
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._close()
        if error is None and self.failure is not None:
            raise self.failure

    def wait(self, seconds: float | None = None) -> None:
        """Until so many seconds of the wall's time are over (None: for ever), or the model has failed."""
        self._stop.wait(seconds)

    def _live(self) -> None:
        clock = Clock(self.fleet.time, self._speed)
        step = max(_STEP, self._speed / _STEPS_A_SECOND)
        try:
            while not self._stop.wait(clock.until(self.fleet.time + step)):
                self.fleet.advance(step)
        except BaseException as failure:  # noqa: BLE001 (it is raised again where the fleet is left)
            self.failure = failure
            self._stop.set()

    def _close(self) -> None:
        for target in self.targets:
            target.close()
