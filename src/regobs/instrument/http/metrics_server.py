"""A small server for a WSGI application that is scraped: metrics on an address of their own, with TLS where wanted.

from regobs.instrument import MetricsServer, MetricsWSGI, WebConfig

web = WebConfig("web.yaml")
MetricsServer(MetricsWSGI(instruments, web=web), "0.0.0.0", 5001, web=web)
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable
from socket import socket
from socketserver import BaseRequestHandler, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from regobs.errors import ConfigError, MachineError
from regobs.instrument.http.web_config import WebConfig

_PATIENCE = 30  # seconds; a client that says nothing holds a thread no longer


class MetricsServer:
    """Serves an application on an address until it is stopped; in a thread of its own.

    Of `web` it takes the TLS part; who is let in, the application says.
    """

    handler: type[BaseRequestHandler]  # of a connection

    def __init__(
        self, app: Callable[..., Iterable[bytes]], host: str, port: int, *, web: WebConfig | None = None
    ) -> None:
        """Listen. Raises MachineError where the address cannot be had. `port` 0: any free one."""
        try:
            self._server = make_server(host, port, app, _ThreadingServer, self.handler)  # type: ignore[arg-type]  # see `handler`
        except (OSError, OverflowError) as fault:
            raise MachineError(
                "cannot listen",
                value=f"{host}:{port}: {fault}",
                next_step="choose another address with --listen HOST:PORT",
            ) from None
        self._server.web = web
        self.address = f"{host}:{self._server.server_port}"
        self.url = f"{'https' if web and web.tls() else 'http'}://{self.address}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests and close the address."""
        self._server.closing = True
        self._server.shutdown()
        self._server.server_close()


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = True
    # Connections that wait to be accepted. With socketserver's 5, sixteen clients at once make the kernel drop some of
    # them, and those try again after a second.
    request_queue_size = 128
    web: WebConfig | None = None
    closing = False  # then no connection is kept for a further request

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the thread of the connection: the handshake, so that a slow client holds up nobody else."""
        if self.web is not None:
            request = self._secured(request, self.web)
        if request is not None:
            super().finish_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """What `finish_request` wrapped has taken the descriptor over and closes it."""
        if request.fileno() >= 0:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """No stack on stderr for a client that breaks off."""

    @staticmethod
    def _secured(request: socket, web: WebConfig) -> socket | None:
        request.settimeout(_PATIENCE)
        try:
            context = web.tls()
            secured = context.wrap_socket(request, server_side=True) if context else None
        except (OSError, ConfigError):  # no TLS, no certificate, one of an unknown authority; or ours has become wrong
            return None
        if secured is None:
            return request
        if not web.accepts(secured.getpeercert()):
            secured.close()
            return None
        return secured


class _QuietHandler(WSGIRequestHandler):
    timeout = _PATIENCE

    def finish(self) -> None:
        """Close a connection that TLS has wrapped: the server holds the one below."""
        super().finish()
        if isinstance(self.request, ssl.SSLSocket):
            self.request.close()

    def address_string(self) -> str:
        """The address as it is; looking up its name can take seconds."""
        return str(self.client_address[0])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name in the class above)
        """No line a scrape."""


MetricsServer.handler = _QuietHandler
