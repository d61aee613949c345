"""What can go wrong between us and a Prometheus server, each as one error that says what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
import urllib3

from regobs.common.late_pattern import LatePattern
from regobs.common.reasons import reason_of
from regobs.errors import InputError, QueryError, RegobsError, ServerError
from regobs.prometheus.answer_text import excerpt, masked_text
from regobs.prometheus.json_body import json_object, wrong_json
from regobs.prometheus.proxy import ProxyInUse, proxy_of, told_of_proxy

EXPECTED = "the HTTP API of Prometheus, Thanos Query, Mimir or VictoriaMetrics under /api/v1"


@dataclass(frozen=True, slots=True)
class ServerWords:
    """What errors call a server: as a noun and as a name, what is expected of it, and how to name the right one."""

    noun: str = "Prometheus server"
    name: str = "Prometheus"
    expected: str = EXPECTED
    right_one: str = "give the address of Prometheus, often port 9090; behind a path prefix, give the prefix too"


PROMETHEUS = ServerWords()

CLIENT_CERTIFICATE = (
    "name the one that it accepts with --client-cert and --client-key, or `client_cert` and `client_key` of the context"
)
_MAY_ASK = f"where it asks for a client certificate, {CLIENT_CERTIFICATE}"
RETRY_SECONDS = 1.0  # before a request is sent again, where the server does not say how long

# Error types of the API that are about the query, not about the server's health; VictoriaMetrics writes the HTTP code.
QUERY_FAULTS = {"bad_data", "execution", "not_acceptable", "400", "422"}

# How servers say that a query asks for too much: Prometheus, Thanos, Mimir and Cortex, VictoriaMetrics.
_TOO_MUCH = LatePattern(
    r"\blimit(s|ed|ation)?\b|too (many|large|long|big|much)|exceed|maximum (resolution|number)"
    r"|err-mimir-max|-search\.max",
    re.IGNORECASE,
)


# What a server says of the certificate of a client; that of Go before 1.20 says "bad" where none is shown.
_ALERT = LatePattern(r"ALERT_(?:[A-Z]+_)?CERTIFICATE|ALERT_UNKNOWN_CA")
_STORE = LatePattern(r"proxy Series\(\)|fetch series for|rpc error|no store matched", re.IGNORECASE)
_OPTION = LatePattern(r"'[a-z_]+' parameter:|\bbad engine\b")


def unreachable(
    url: str,
    error: requests.RequestException,
    timeout: float,
    expected: str = EXPECTED,
    proxy: ProxyInUse | None = None,
) -> RegobsError:
    """The error for a request that got no answer of the server that is `expected`; `proxy` is what it went through."""
    proxy = proxy or proxy_of(url)
    told = _unreachable(url, error, timeout, expected, proxy)
    return told_of_proxy(told, proxy) if isinstance(told, ServerError) else told


def _unreachable(
    url: str, error: requests.RequestException, timeout: float, expected: str, proxy: ProxyInUse | None
) -> RegobsError:
    if isinstance(error, requests.exceptions.InvalidHeader):
        return InputError(
            "a request header holds a character that HTTP does not allow",
            next_step="check the token and the configured headers for line breaks and leading spaces",
        )
    if isinstance(error, requests.exceptions.SSLError):
        return _untrusted(url, error)
    if isinstance(error, requests.exceptions.ProxyError):
        return _faulty(
            "proxy",
            f"{url} cannot be reached through {proxy or 'the proxy'}",
            value=reason_of(error),
            expected=expected,
            next_step=proxy.next_step if proxy else "correct the proxy, or name the server in NO_PROXY",
        )
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return cut_short(url, reason_of(error))
    if isinstance(error, requests.exceptions.Timeout):
        return _faulty(
            "late",
            f"{url} did not answer in {timeout:g} s",
            expected=expected,
            next_step="check address and network; if the server is busy, ask for less or wait longer",
        )
    asks = f"; {_MAY_ASK}" if url.startswith("https:") and closed_before_answer(error) else ""
    return ServerError(
        f"{url} cannot be reached",
        value=reason_of(error),
        expected=expected,
        next_step=f"check host, port and that the server runs{asks}",
    )


def _untrusted(url: str, error: requests.exceptions.SSLError) -> ServerError:
    if _ALERT.search(str(error)):
        return _faulty(
            "tls",
            f"{url} asks for a client certificate that it trusts",
            value=reason_of(error),
            next_step=CLIENT_CERTIFICATE,
        )
    if "EOF occurred in violation of protocol" in str(error):  # TLS 1.3: the alert may be lost with the connection
        return _faulty(
            "tls",
            f"{url} ended the TLS connection",
            value=reason_of(error),
            next_step=f"look at its log; {_MAY_ASK}",
        )
    if "certificate has expired" in str(error):
        return _faulty(
            "expired",
            f"the certificate of {url} has expired",
            expected="a certificate that is valid today",
            next_step="renew the certificate of the server; if it is valid, correct the clock of this machine",
        )
    return _faulty(
        "tls",
        f"no trusted TLS connection to {url}",
        value=reason_of(error),
        expected="a certificate that this machine trusts, on a port that speaks TLS",
        next_step="use http:// if the server speaks no TLS; name its authority's certificate with --ca-file, and "
        "with --client-cert the one that it asks for",
    )


def _faulty(fault: str, message: str, **details: Any) -> ServerError:
    """An error of a request that got no answer, for one of the reasons that ServerError.fault tells apart."""
    error = ServerError(message, **details)
    error.fault = fault
    return error


def unfinished(url: str, timeout: float) -> ServerError:
    """The error for an answer that began, and does not end in the time of a request."""
    return _faulty(
        "late",
        f"{url} has not finished its answer after {timeout:g} s",
        expected=EXPECTED,
        next_step="ask for a shorter range or fewer series, or give it more time with --timeout",
    )


def cut_short(url: str, what: str) -> ServerError:
    """The error for an answer that began well and does not end."""
    return passing(
        ServerError(
            f"the answer of {url} breaks off",
            value=what,
            expected="a whole JSON document",
            next_step="look at limits and timeouts of the proxies between here and the server, or ask for less",
        )
    )


def closed_before_answer(error: BaseException | None) -> bool:
    """Whether the connection ended before a byte of the answer came, as servers end kept connections that were idle."""
    return isinstance(error, requests.ConnectionError) and isinstance(error.args[0], urllib3.exceptions.ProtocolError)


def answered(status: int, message: str, **details: Any) -> ServerError:
    """An error that an answer of this status is."""
    error = ServerError(message, **details)
    error.status = status
    return error


def waiting_words(response: requests.Response) -> str:
    """How long a server asks to wait, in seconds or in its own words, such as a date; "" where it does not ask."""
    after = retry_after(response)
    if after is not None:
        return f"Retry-After: {after:g} s"
    words = response.headers.get("Retry-After", "").strip()[:60]
    return f"Retry-After: {words}" if words else ""


def retry_after(response: requests.Response) -> float | None:
    """The seconds of Retry-After, None without one or where it is a date, whose clock may not be ours."""
    text = response.headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None


def passing(error: ServerError, after: float | None = None) -> ServerError:
    """The error of what may work when it is asked again, after so many seconds where the server says it."""
    error.retry_after = after or RETRY_SECONDS
    return error


def reject(url: str, code: int, body: Mapping[str, Any], query: str) -> None:
    """Raise QueryError or ServerError for an error that the API itself states, if it is about a query."""
    kind, text = str(body.get("errorType", "")), str(body.get("error", ""))
    if query and kind in QUERY_FAULTS:
        details: dict[str, Any] = {"query": query, "value": query if len(query) <= 500 else query[:500] + " ..."}
        if _TOO_MUCH.search(text) and "parse error" not in text:  # which quotes the query, or a function's name
            raise QueryError(
                f"{url} refuses a query that asks for too much",
                **details,
                expected=f"a query within the server's limits; it says: {said(body)}",
                next_step="ask for a shorter range or fewer series, use a recorded series, or raise the server's limit",
            )
        raise QueryError(
            f"{url} cannot evaluate a query",
            **details,
            expected=f"{_fits(code, kind, text)}; the server says: {said(body)}",
        )
    if kind in {"timeout", "canceled"}:
        raise ServerError(
            f"{url} gave up on a query",
            value=said(body),
            next_step="a server that answers so to each query has too much to do, or too short a --query.timeout; where"
            " it is one query, ask for a shorter range or fewer series, or use a recorded series",
        )
    if kind == "unavailable":
        raise ServerError(f"{url} is not ready", value=said(body), next_step="wait until it has started")


def _fits(code: int, kind: str, text: str) -> str:
    """What the server misses, as far as its words tell: a store, an option of Thanos, series that join, or PromQL."""
    if _STORE.search(text):
        return "stores that all answer (without --no-partial-response the others do)"
    if _OPTION.search(text):
        return "options that this server knows"
    return "series that the query can join" if code == 422 and kind == "execution" else "valid PromQL"


def said(body: Mapping[str, Any]) -> str:
    """The server's own words."""
    return f"{body.get('errorType', 'error')}: {body.get('error', '')}".strip()


def refuse_part(url: str, path: str, response: requests.Response) -> None:
    """Raise for an answer of the API that begins well and is no JSON: its end is missing, or it is wrong within."""
    text = response.text
    if text.lstrip()[:1] != "{" or '"status"' not in text[:200] or json_object(response) is not None:
        return
    wrong = wrong_json(text)
    if not wrong:
        size = f"{len(response.content):,} bytes of JSON, of which the end is missing"
        raise cut_short(f"{url}/api/v1/{path}", size)
    raise ServerError(
        f"the answer of {url}/api/v1/{path} is no valid JSON",
        value=masked_text(wrong, response),
        expected="a whole JSON document",
        next_step="see the server's log, and what stands before it: a proxy may change answers",
    )


def failed(url: str, path: str, response: requests.Response, body: Mapping[str, Any]) -> ServerError:
    """The error for one that the API itself states, and that is about no query."""
    return answered(
        response.status_code,
        f"{url} answers /api/v1/{path} with an error",
        value=said(body),
        next_step="look at its log",
    )


def wrong_shape(url: str, path: str, problem: str, words: ServerWords = PROMETHEUS) -> ServerError:
    """The error for JSON that is not what the API documents."""
    return ServerError(
        f"{url} answers /api/v1/{path} in an unknown form",
        value=problem,
        expected=words.expected,
        next_step=f"check that the address is that of a {words.noun}",
    )


def wrong_server(url: str, response: requests.Response, kind: str, words: ServerWords = PROMETHEUS) -> ServerError:
    """The error for an answer that no Prometheus gives. HTTP 500 says nothing about what the server is."""
    status = response.status_code
    if status >= 500 and not kind:
        return answered(
            status,
            f"{url} fails (HTTP {status})",
            value=excerpt(response),
            expected=words.expected,
            next_step="look at its log, and at that of the proxies before it; then check that the address is right",
        )
    return answered(
        status,
        f"{url} is {kind}, not {words.name}" if kind else f"{url} is no {words.noun}",
        value=f"HTTP {status}, {excerpt(response)}",
        expected=words.expected,
        next_step=words.right_one,
    )


def no_answer(url: str, path: str, response: requests.Response, words: ServerWords = PROMETHEUS) -> ServerError:
    """The error for an answer that is none of the API, by a server that has the API."""
    status = response.status_code
    step = "look at its log, and at what stands before it: a proxy or a filter may answer in its place"
    if status >= 500:
        step = "look at its log, and at that of the proxies before it"
    elif response.ok:
        step = "if it is a login page, log in there or give the address behind the login; else look at the proxies"
    return answered(
        status,
        f"{url} fails at /api/v1/{path} (HTTP {status})",
        value=excerpt(response),
        expected=f"JSON, as {words.name} answers",
        next_step=step,
    )
