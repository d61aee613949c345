"""HTTP as a client outside speaks it, with every phase apart: name, connection, TLS, request; each within a deadline.

It stands on sockets and http.client because a library that hides these phases can neither time them one by one nor end
a server that sends a byte a second: here one timer a phase shuts the socket down when its time is over.
Redirects to another host carry no credentials, and none leads from https to http.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from urllib.parse import urljoin, urlsplit

from regobs.common.addresses import fault_of_netloc, same_host, without_escape
from regobs.common.pem_files import no_password, without_pipes
from regobs.errors import InputError

Address = tuple[socket.AddressFamily, tuple[object, ...]]

_LONGEST_BODY = 1 << 20  # bytes of an answer; what the probe asks for has some hundred
_LONGEST_HEADER = 8192  # characters of one header that is read
_REDIRECTS = 3
_PORTS = {"http": 80, "https": 443}


class StepError(Exception):
    """Why a step did not work: `reason` is a value of the label `result`, the text is for the log."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a server."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Of an http or https URL. Raises ValueError for any other text, and for one with credentials in it."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("is not an http or https URL")
        if "@" in parts.netloc:
            raise ValueError("is a URL with credentials in it")
        if fault := fault_of_netloc(parts.netloc):
            raise ValueError(fault)
        return cls(parts.scheme, without_escape(parts.hostname), parts.port or _PORTS[parts.scheme])

    @property
    def known_as(self) -> Origin:
        """The same for all spellings of a host: with a dot at its end, Unicode or punycode, zeros of an address."""
        return replace(self, host=same_host(self.host))

    @property
    def address(self) -> str:
        """The host without the zone of an IPv6 address."""
        return self.host.partition("%")[0]

    @property
    def authority(self) -> str:
        """Host and port as a Host header has them: without the port that the scheme implies."""
        host = f"[{self.address}]" if ":" in self.host else self.host  # a zone is of this machine alone: RFC 6874, 1
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose body was read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def header(self, name: str) -> str:
        """A header, empty where there is none, cut at 8,192 characters."""
        return (self.headers.get(name.lower()) or "")[:_LONGEST_HEADER]


class Deadline:
    """So many seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._end = monotonic() + seconds
        self.seconds = seconds

    def left(self) -> float:
        """Seconds that are left; StepError when there are none."""
        left = self._end - monotonic()
        if left <= 0:
            raise StepError("timeout", f"not done within {self.seconds:g} s")
        return left


@dataclass(frozen=True, slots=True)
class Trust:
    """How servers are recognised and how the client shows itself: PEM files, all optional."""

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """A context that verifies name and chain. Raises InputError for files that cannot be used."""
        try:
            with without_pipes(self.ca_file, self.certificate_file, self.key_file) as (authority, certificate, key):
                context = ssl.create_default_context(cafile=authority)
                if certificate is not None:
                    context.load_cert_chain(certificate, key, password=no_password)
        except (OSError, ValueError) as fault:  # ssl.SSLError is an OSError
            files = ", ".join(str(file) for file in (self.ca_file, self.certificate_file, self.key_file) if file)
            raise InputError(
                "TLS files cannot be used",
                value=f"{files}: {getattr(fault, 'strerror', None) or fault}",
                expected="readable PEM files; the key belongs to the certificate and has no password",
                next_step="correct ca_file, certificate_file or key_file",
            ) from None
        return context


class ClientConnections:
    """Connections of one client for the time of one round: the phases can be asked for one by one."""

    def __init__(self, context: ssl.SSLContext, resolver: Resolver) -> None:
        self._context = context
        self._resolver = resolver
        self._open: dict[Origin, http.client.HTTPConnection] = {}
        self._expiry: dict[Origin, float] = {}

    def close(self) -> None:
        """Close every connection."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()

    def certificate_expiry(self, origin: Origin) -> float | None:
        """When the certificate that this server showed expires, in Unix seconds; None where it showed none."""
        return self._expiry.get(origin)

    def resolve(self, origin: Origin, deadline: Deadline) -> list[Address]:
        """The addresses of a host."""
        return self._resolver.resolve(origin.host, origin.port, deadline)

    def connect(self, origin: Origin, addresses: list[Address], deadline: Deadline) -> socket.socket:
        """A TCP connection to the first address that takes one."""
        fault: OSError | None = None
        for number, (family, address) in enumerate(addresses):
            seconds = deadline.left() / (len(addresses) - number)
            try:
                plug = socket.socket(family, socket.SOCK_STREAM)  # fails where the machine has no IPv6
            except OSError as error:
                fault = error
                continue
            plug.settimeout(seconds)
            try:
                plug.connect(address)
            except OSError as error:
                plug.close()
                fault = error
            else:
                return plug
        if isinstance(fault, TimeoutError):
            raise StepError("timeout", f"{origin.authority} takes no connection within {deadline.seconds:g} s")
        raise StepError("connect", f"{origin.authority}: {fault}")

    def secure(self, origin: Origin, plug: socket.socket, deadline: Deadline) -> socket.socket:
        """The TLS connection on a TCP connection; when its certificate expires is noted."""
        # The handshake is apart, because `wrap_socket` takes the descriptor away from the socket that the timer ends.
        name = origin.address.removesuffix(".")  # no certificate has the dot, and SNI may not (RFC 6066, 3)
        wrapped = self._context.wrap_socket(plug, server_hostname=name, do_handshake_on_connect=False)
        try:
            with _watched(wrapped, deadline):
                wrapped.do_handshake()
        except OSError as error:
            wrapped.close()
            if isinstance(error, ssl.SSLCertVerificationError):
                raise StepError("tls", f"{origin.authority}: {error.verify_message}") from None
            raise _failure("tls", origin.authority, error, deadline) from None
        expiry = _expiry(wrapped)
        if expiry is not None:
            self._expiry[origin] = expiry
        return wrapped

    def keep(self, origin: Origin, plug: socket.socket) -> None:
        """Use this connection for the requests that follow."""
        connection = http.client.HTTPConnection(origin.host, origin.port)
        connection.auto_open = 0
        connection.sock = plug
        self._open[origin] = connection

    def ask(
        self,
        method: str,
        url: str,
        deadline: Deadline,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        reached: list[str] | None = None,
    ) -> Reply:
        """One request, whose redirects are followed if it is a GET or HEAD; `reached` gets where they lead."""
        sent = dict(headers or {})
        for _ in range(_REDIRECTS + 1):
            reply = self._ask_once(method, url, deadline, sent, body)
            if reply.status not in {301, 302, 303, 307, 308} or method not in {"GET", "HEAD"}:
                return reply
            target = target_url(url, reply.header("location"))
            if Origin.of(target) != Origin.of(url):
                sent.pop("Authorization", None)
            url = target
            if reached is not None:
                reached.append(url)
        raise StepError("answer", f"more than {_REDIRECTS} redirects, last to {shown_url(url)}")

    def _ask_once(self, method: str, url: str, deadline: Deadline, headers: Mapping[str, str], body: bytes) -> Reply:
        origin, parts = Origin.of(url), urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if origin not in self._open:
            self._connect_whole(origin, deadline)
        connection = self._open[origin]
        assert connection.sock is not None  # noqa: S101 - `keep` gave it one
        common = {"Host": origin.authority, "Accept-Encoding": "identity", "User-Agent": "regobs-probe"}
        try:
            with _watched(connection.sock, deadline):
                connection.request(method, path, body or None, {**common, "Content-Length": str(len(body)), **headers})
                answer = connection.getresponse()
                content = answer.read(_LONGEST_BODY + 1)
            deadline.left()  # http.client takes a connection that ends within the headers for the end of the headers
            if answer.length and len(content) <= _LONGEST_BODY:
                raise http.client.IncompleteRead(content, answer.length)
        except StepError:  # the time was over: the rest of this answer is not that of the next request
            self._open.pop(origin).close()
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._open.pop(origin).close()
            reason = "connect" if isinstance(error, OSError) else "answer"  # RemoteDisconnected is an OSError
            raise _failure(reason, f"{method} {shown_url(url)}", error, deadline) from None
        if answer.will_close or len(content) > _LONGEST_BODY:
            self._open.pop(origin).close()
        if len(content) > _LONGEST_BODY:
            raise StepError("answer", f"{method} {shown_url(url)}: more than {_LONGEST_BODY} bytes")
        pairs = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, pairs, content, url)

    def _connect_whole(self, origin: Origin, deadline: Deadline) -> None:
        plug = self.connect(origin, self.resolve(origin, deadline), deadline)
        self.keep(origin, self.secure(origin, plug, deadline) if origin.scheme == "https" else plug)


class Resolver:
    """Names to addresses, each in a thread of its own: the system's resolver cannot be told how long it may take."""

    def __init__(self) -> None:
        self._hanging: dict[str, threading.Thread] = {}  # by host name, those that had no answer in time

    def resolve(self, host: str, port: int, deadline: Deadline) -> list[Address]:
        """The addresses in the system's order; an IP address asks no resolver.

        A look-up that still hangs lets the next one of the same host name fail at once.
        """
        with contextlib.suppress(OSError, UnicodeError):
            return _addresses(host, port, socket.AI_NUMERICHOST)
        self._hanging = {name: thread for name, thread in self._hanging.items() if thread.is_alive()}
        if host in self._hanging:
            raise StepError("dns", f"{host}: the look-up before this one still hangs")
        found: list[Address] = []
        faults: list[OSError | UnicodeError] = []

        def look_up() -> None:
            try:
                found.extend(_addresses(host, port))
            except (OSError, UnicodeError) as error:
                faults.append(error)

        thread, seconds = threading.Thread(target=look_up, name="regobs-resolve", daemon=True), deadline.left()
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            self._hanging[host] = thread
            raise StepError("dns", f"{host}: no answer within {deadline.seconds:g} s")
        if faults or not found:
            raise StepError("dns", f"{host}: {faults[0] if faults else 'no address'}")
        return found


def _addresses(host: str, port: int, flags: int = 0) -> list[Address]:
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys((row[0], row[4]) for row in rows))


def target_url(base: str, location: str) -> str:
    """Where a Location header leads. StepError where it is none, or leads from https to http."""
    try:
        target = urljoin(base, location) if location else ""
        scheme = Origin.of(target).scheme
    except ValueError:
        raise StepError("answer", f"{shown_url(base)}: a Location that is no URL") from None
    if scheme == "http" and base.startswith("https:"):
        text = "leads from https to http: the registry does not know its public address (http.host, X-Forwarded-Proto)"
        raise StepError("answer", f"{shown_url(base)}: its Location {text}")
    return target


def shown_url(url: str) -> str:
    """A URL without its query, which may hold a signature."""
    return url.partition("?")[0][:300]


def _failure(reason: str, what: str, error: Exception, deadline: Deadline) -> StepError:
    if not isinstance(error, TimeoutError):
        deadline.left()
        return StepError(reason, f"{what}: {str(error) or type(error).__name__}")
    return StepError("timeout", f"{what}: not done within {deadline.seconds:g} s")


@contextlib.contextmanager
def _watched(plug: socket.socket, deadline: Deadline) -> Iterator[None]:
    """Whatever happens on the socket ends with the deadline, also where the other side sends a byte now and then."""
    plug.settimeout(deadline.left())
    timer = threading.Timer(deadline.left(), _shut, (plug,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(plug: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(plug, socket.SHUT_RDWR)  # of the connection below TLS, which would wait for its peer


def _expiry(plug: ssl.SSLSocket) -> float | None:
    text = (plug.getpeercert() or {}).get("notAfter")
    if not isinstance(text, str):
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC).timestamp()
