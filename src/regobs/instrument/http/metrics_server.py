"""A small server for a WSGI application that is scraped: metrics on an address of their own, with TLS where wanted.

from regobs.instrument import MetricsServer, MetricsWSGI, WebConfig

web = WebConfig("web.yaml")
MetricsServer(MetricsWSGI(instruments, web=web), "0.0.0.0", 5001, web=web)
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from socket import AF_INET6, SHUT_RDWR, socket
from socketserver import BaseRequestHandler, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from regobs.errors import ConfigError, MachineError
from regobs.instrument.http.web_config import WebConfig

_PATIENCE = 30  # seconds; a client that says nothing holds a thread no longer
# Connections at once, each with a thread. Half of the 1,024 descriptors that a process may have by default; a fleet
# of registries keeps one connection each.
_MOST_CONNECTIONS = 512


class MetricsServer:
    """Serves an application on an address until it is stopped; in a thread of its own.

    Of `web` it takes the TLS part; who is let in, the application says.
    """

    handler: type[BaseRequestHandler]  # of a connection

    def __init__(
        self, app: Callable[..., Iterable[bytes]], host: str, port: int, *, web: WebConfig | None = None
    ) -> None:
        """Listen. Raises MachineError where the address cannot be had. `port` 0: any free one."""
        kind = _IPv6Server if ":" in host else _ThreadingServer
        shown = f"[{host}]" if ":" in host else host
        try:
            self._server = make_server(host, port, app, kind, self.handler)  # type: ignore[arg-type]  # see `handler`
        except (OSError, OverflowError) as fault:
            raise MachineError(
                "cannot listen",
                value=f"{shown}:{port}: {fault}",
                next_step="choose another address with --listen HOST:PORT",
            ) from None
        self._server.web = web
        self.address = f"{shown}:{self._server.server_port}"
        self.url = f"{'https' if web and web.tls() else 'http'}://{self.address}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests and close the address."""
        self._server.closing = True
        self._server.shutdown()
        self._server.server_close()


class OpenConnections:
    """The connections of a server, at most so many: a further one closes that which waits longest for its client.

    A connection is known by the address of its client. Thread-safe.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = 0  # without those that were closed for another
        self._waiting: dict[Any, socket] = {}  # the one that has waited longest first
        self._closed: set[Any] = set()  # until their threads have noticed
        self._lock = threading.Lock()

    def admit(self, client: Any, connection: socket) -> bool:
        """Whether it may stay; it counts as waiting until `busy`."""
        with self._lock:
            if self._open >= self._most and not self._close_one():
                return False
            self._open += 1
            self._waiting[client] = connection
            return True

    def waits(self, client: Any, connection: socket) -> None:
        """It waits for its client from now on: for a whole request, or to take the answer."""
        with self._lock:
            if client not in self._closed:
                self._waiting.pop(client, None)
                self._waiting[client] = connection

    def wrapped(self, client: Any, secured: socket) -> bool:
        """TLS has taken over a connection that waits, and it keeps its place; False where it was closed meanwhile."""
        with self._lock:
            if client in self._closed:
                return False
            self._waiting[client] = secured
            return True

    def busy(self, client: Any) -> None:
        """A whole request has come in: it is not closed for another."""
        with self._lock:
            self._waiting.pop(client, None)

    def release(self, client: Any) -> None:
        """It has ended."""
        with self._lock:
            if client in self._closed:
                self._closed.remove(client)
            else:
                self._open -= 1
                self._waiting.pop(client, None)

    def _close_one(self) -> bool:
        """Close the one that has waited longest; False when none waits."""
        if not self._waiting:
            return False
        client = next(iter(self._waiting))
        # Below TLS, whose own state belongs to the connection's thread. An error says that the client has gone by
        # itself, or that TLS is taking the connection over: then `wrapped` tells its thread.
        with suppress(OSError):
            socket.shutdown(self._waiting.pop(client), SHUT_RDWR)
        self._closed.add(client)
        self._open -= 1
        return True


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = True
    # Connections that wait to be accepted. With socketserver's 5, sixteen clients at once make the kernel drop some of
    # them, and those try again after a second.
    request_queue_size = 128
    web: WebConfig | None = None
    closing = False  # then no connection is kept for a further request

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.connections = OpenConnections(_MOST_CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start the thread of a connection, or close it where there are too many that have a request under way."""
        if self.connections.admit(client_address, request):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The thread of a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.connections.release(client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the thread of the connection: the handshake, so that a slow client holds up nobody else."""
        if self.web is not None:
            request = self._secured(request, client_address, self.web)
        if request is not None:
            super().finish_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """What `finish_request` wrapped has taken the descriptor over and closes it."""
        if request.fileno() >= 0:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """No stack on stderr for a client that breaks off."""

    def _secured(self, request: socket, client_address: Any, web: WebConfig) -> socket | None:
        request.settimeout(_PATIENCE)
        try:
            context = web.tls()
            if context is None:
                return request
            secured = context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        except (OSError, ConfigError):  # the client has gone; or the settings have become wrong
            return None
        try:
            if self.connections.wrapped(client_address, secured):
                secured.do_handshake()
                if web.accepts(secured.getpeercert()):
                    return secured
        except OSError:  # no TLS, no certificate, one of an unknown authority
            pass
        secured.close()
        return None


class _QuietHandler(WSGIRequestHandler):
    timeout = _PATIENCE

    def parse_request(self) -> bool:
        """The first line of a request is here; whether the rest of its head came too."""
        right = super().parse_request()
        self.server.connections.busy(self.client_address)  # type: ignore[attr-defined]
        return right

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


class _IPv6Server(_ThreadingServer):
    address_family = AF_INET6
