"""What the stand-in servers of the tests share: on 127.0.0.1, in a thread, for as long as a `with` lasts."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType, TracebackType
from typing import Self

_NONE: Mapping[str, str] = MappingProxyType({})


class StubHandler(BaseHTTPRequestHandler):
    """Says nothing, and sends each write at once: on a kept connection the body else waits 40 ms behind the head."""

    disable_nagle_algorithm = True

    def answer(self, status: int, body: bytes, kind: str = "application/json", more: Mapping[str, str] = _NONE) -> None:
        """A whole answer, with `more` headers."""
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


class StubServer(ThreadingHTTPServer):
    """Answers from its beginning to the end of the `with`; `port` 0 is a free one."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        """The address as a URL without a slash at its end."""
        return f"http://{self.address}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()
