"""The access log: one JSON line a request, with the fields, units and order of the real registry's.

`time` is UTC with milliseconds, `duration_ms` and `ttfb_ms` are whole milliseconds, `read_bytes` is the request on the
wire with its headers, `written_bytes` the body of the answer. A line is written for every HTTP request, with a route
or without. Neither Authorization nor any other header but the ones named here is looked at.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, partial

import msgspec

from regobs.instrument.core.traces import TraceContext, trace_context, trace_of
from regobs.instrument.http.exchange import KEY, App, Exchange, Headers, Receive, Scope, Send
from regobs.secrets import redacted_text, redacted_uri

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")
_PROPAGATED = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII).fullmatch
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DIGIT_OF = (_CROCKFORD * 8).encode()  # the digit of each byte; all 32 are as likely
_RANDOM = 16  # digits of an id, the last ones
_fetched: list[str] = []  # random digits that no id has yet
os.register_at_fork(after_in_child=_fetched.clear)


def new_correlation_id() -> str:
    """A ULID: 48 bits of milliseconds and 80 random bits, so that ids sort by time."""
    try:
        return _time_digits(time.time_ns() // 1_000_000) + _fetched.pop()
    except IndexError:
        text = os.urandom(256 * _RANDOM).translate(_DIGIT_OF).decode()
        _fetched.extend(text[start : start + _RANDOM] for start in range(0, len(text) - _RANDOM, _RANDOM))
        return _time_digits(time.time_ns() // 1_000_000) + text[-_RANDOM:]


def _time_digits(milliseconds: int) -> str:
    return _high_digits(milliseconds >> 10) + _LOW_DIGITS[milliseconds & 1023]


@lru_cache(maxsize=16)
def _high_digits(rest: int) -> str:
    return "".join([_CROCKFORD[rest >> shift & 31] for shift in range(35, -1, -5)])


_LOW_DIGITS = [high + low for high in _CROCKFORD for low in _CROCKFORD]


@contextmanager
def correlated(identity: str = "") -> Iterator[str]:
    """Give everything that is logged inside the block one correlation id, a new one unless it is given.

    For background work, such as one run of a worker; a request gets its own from LogASGI and LogWSGI.
    """
    made = identity or new_correlation_id()
    token = correlation_id.set(made)
    try:
        yield made
    finally:
        correlation_id.reset(token)


def accepted_id(text: str) -> bool:
    """Whether an X-Request-Id can be taken over: up to 128 letters, digits, dots, underscores and dashes."""
    return _PROPAGATED(text) is not None


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as `2026-11-23T11:11:21.645Z`."""
    return _moment(int(seconds * 1000))


def _moment(milliseconds: int) -> str:
    return _second(milliseconds // 1000) + _FRACTIONS[milliseconds % 1000]


_FRACTIONS = [f".{milliseconds:03d}Z" for milliseconds in range(1000)]


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def access_text(line: dict[str, object]) -> str:
    """The line as text that can be written: without secrets, and without lone surrogates, which a server may make."""
    for name in _TEXTS:
        text = line.get(name)
        if text and isinstance(text, str):
            line[name] = _masked(text) if len(text) <= _OFTEN else redacted_text(text)
    return json_text(line)


# What a client says, field by field; `uri` is masked where it is read.
_TEXTS = ("user_agent", "host", "referrer", "remote_ip", "remote_addr", "content_type", "CF-RAY", "proto", "method")
_OFTEN = 256  # characters of a text that is remembered
_masked = lru_cache(maxsize=2048)(redacted_text)


@lru_cache(maxsize=2048)
def _often(value: bytes) -> str:
    return json_text(redacted_text(value.decode("latin-1")))


def _said(value: bytes) -> str:
    """The value of a header without secrets, as JSON."""
    return _often(value) if len(value) <= _OFTEN else json_text(redacted_text(value.decode("latin-1")))


@lru_cache(maxsize=512)
def _alike(  # noqa: PLR0917 (a keyword is no part of what is remembered)
    method: str, version: object, address: object, port: object, host: bytes, agent: bytes, forwarded: bytes
) -> tuple[str, str, str, str]:
    """What the requests of a connection have alike: four parts of the line."""
    shown, first = redacted_text(str(address)), forwarded.partition(b",")[0].strip()
    word, protocol = json_text(redacted_text(method)), json_text(redacted_text(f"HTTP/{version}"))
    return (
        f',"host":{_said(host)},"level":"info","method":{word},"msg":"access"',
        f',"proto":{protocol},"read_bytes":',
        f',"remote_addr":{json_text(f"{shown}:{port}")},"remote_ip":{_said(first) if first else json_text(shown)}',
        f',"user_agent":{_said(agent)},"written_bytes":',
    )


_DIGEST = 64  # hexadecimal digits of a SHA-256
_ANY_DIGEST = "0" * _DIGEST


def access_uri(uri: str) -> str:
    """A request URI without secrets."""
    text: str = msgspec.json.decode(_uri_text(uri))
    return text


def _uri_text(uri: str) -> str:
    """The same as JSON.

    Most end with a digest that nobody has asked for before. What is masked of them does not depend on it, so the answer
    is remembered for all of a repository.
    """
    if len(uri) > _OFTEN:
        return json_text(redacted_text(redacted_uri(uri)))
    if uri[-71:-64] == "sha256:" and _is_lower_hex(uri[-_DIGEST:]):
        any_such = uri[:-_DIGEST] + _ANY_DIGEST
        if _often_asked(any_such) == f'"{any_such}"':
            return f'"{uri}"'
    return _often_asked(uri)


@lru_cache(maxsize=2048)
def _often_asked(uri: str) -> str:
    return json_text(redacted_text(redacted_uri(uri)))


_is_lower_hex = re.compile(r"[0-9a-f]{64}").fullmatch

_encode = msgspec.json.Encoder(order="sorted").encode


def json_text(line: Mapping[str, object] | str) -> str:
    """An object in one line, its names in order. What can not be written as UTF-8 is replaced."""
    try:
        return _encode(line).decode()
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError):  # no UTF-8, numbers that JSON has no word for
        text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text if text.isascii() else text.encode("utf-8", "replace").decode()


Known = dict[bytes, bytes]  # the last header of each name


class LogASGI:
    """Wraps an ASGI application and hands one line for each HTTP request to `write`, without a line feed.

    The correlation id is that of the request's X-Request-Id when `propagate` says that the header can be trusted, else
    a new one; the application finds it in `correlation_id` and as that header of its scope. When `write` fails the
    request goes on.
    """

    def __init__(self, app: App, write: Callable[[str], object], *, propagate: bool = False) -> None:
        self._app = app
        self._write = write
        self._propagate = propagate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: Headers = scope.get("headers") or []
        if type(headers) is not list:
            headers = list(headers)
        known = dict(headers)
        identity = self._identity(scope, headers, known)
        trace = trace_of(headers) if b"traceparent" in known else None
        token = correlation_id.set(identity)
        traced = None if trace is None and trace_context.get() is None else trace_context.set(trace)
        try:
            exchange = scope.get(KEY)
            ended = partial(self._ended, identity, trace, known)
            if exchange is None:
                exchange = Exchange(scope, receive, send, ended)
                exchange.sent_headers = headers
                try:
                    await self._app(scope, exchange.receive, exchange.send)
                except BaseException as error:
                    await exchange.raised(error)
                    raise
                else:
                    if not exchange.done:
                        await exchange.returned()
                finally:
                    scope.pop(KEY, None)
            else:
                exchange.sent_headers = headers
                exchange.then(ended)
                await self._app(scope, receive, send)
        finally:
            correlation_id.reset(token)
            if traced is not None:
                trace_context.reset(traced)

    def _identity(self, scope: Scope, headers: Headers, known: Known) -> str:
        kept = headers
        if b"x-request-id" in known:
            first = next(value for name, value in headers if name == b"x-request-id").decode("latin-1")
            if self._propagate and accepted_id(first):
                return first
            kept = [(name, value) for name, value in headers if name != b"x-request-id"]
        made = new_correlation_id()
        scope["headers"] = [*kept, (b"x-request-id", made.encode())]
        return made

    def _ended(self, identity: str, trace: TraceContext | None, known: Known, exchange: Exchange) -> None:
        try:
            self._write(_line(identity, trace, known, exchange))
        except Exception:
            import logging  # noqa: PLC0415 (only here)

            logging.getLogger("regobs.instrument").warning("an access log line was lost", exc_info=True)


def _line(identity: str, trace: TraceContext | None, known: Known, exchange: Exchange) -> str:
    """The line, its fields in order."""
    scope, header, get = exchange.scope, exchange.header_seconds, known.get
    query, method, referrer, ray = scope.get("query_string"), scope["method"], get(b"referer"), get(b"cf-ray")
    path: bytes = scope.get("raw_path") or scope["path"].encode(errors="replace")
    target = b"%b?%b" % (path, query) if query else path
    host, agent, forwarded = get(b"host", b""), get(b"user-agent", b""), get(b"x-forwarded-for", b"")
    address, port = scope.get("client") or ("", 0)
    alike = _alike if len(host) + len(agent) + len(forwarded) <= _LONGEST_KEPT else _alike.__wrapped__
    whom, protocol, whence, program = alike(
        method, scope.get("http_version", "1.1"), address, port, host, agent, forwarded
    )
    read = len(method) + len(target) + _LINE + exchange.header_sizes()[0] + 4 * len(exchange.sent_headers or ()) + 2
    return (
        f'{{{"" if ray is None else _RAY % _said(ray)}"content_type":{_said(exchange.header(b"content-type"))}'
        f',"correlation_id":"{identity}","duration_ms":{int(exchange.seconds * 1000)}{whom}'
        f"{'' if trace is None else _PARENT % trace.parent_span_id}{protocol}{read + exchange.read}"
        f',"referrer":{json_text(access_uri(referrer.decode("latin-1"))) if referrer else _NOTHING}{whence}'
        f',"status":{exchange.code},"system":"http","time":"{_moment(time.time_ns() // 1_000_000)}"'
        f"{'' if trace is None else _TRACE % trace.trace_id}{'' if header is None else _TTFB % (header * 1000)}"
        f',"uri":{_uri_text(target.decode("latin-1"))}{program}{exchange.written}}}'
    )


_LONGEST_KEPT = 1024  # bytes of headers that are remembered
_NOTHING, _RAY, _PARENT = '""', '"CF-RAY":%s,', ',"parent_span_id":"%s"'
_TRACE, _TTFB = ',"trace_id":"%s"', ',"ttfb_ms":%d'
_LINE = len("  HTTP/1.1\r\n")  # of the request, with its separators
