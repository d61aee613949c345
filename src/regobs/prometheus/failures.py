"""What can go wrong between us and a Prometheus server, each as one error that says what to do."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import requests
import urllib3

from regobs.common.reasons import reason_of
from regobs.errors import InputError, QueryError, RegobsError, ServerError
from regobs.prometheus.address import bare
from regobs.prometheus.json_body import json_object, wrong_json
from regobs.secrets import MASK

EXPECTED = "the HTTP API of Prometheus, Thanos Query, Mimir or VictoriaMetrics under /api/v1"


@dataclass(frozen=True, slots=True)
class ServerWords:
    """What errors call a server: as a noun and as a name, what is expected of it, and how to name the right one."""

    noun: str = "Prometheus server"
    name: str = "Prometheus"
    expected: str = EXPECTED
    right_one: str = "give the address of Prometheus, often port 9090; behind a path prefix, give the prefix too"


PROMETHEUS = ServerWords()

RETRY_SECONDS = 1.0  # before a request is sent again, where the server does not say how long

# Error types of the API that are about the query, not about the server's health; VictoriaMetrics writes the HTTP code.
QUERY_FAULTS = {"bad_data", "execution", "not_acceptable", "400", "422"}

# How servers say that a query asks for too much: Prometheus, Thanos, Mimir and Cortex, VictoriaMetrics.
_TOO_MUCH = re.compile(
    r"\blimit(s|ed|ation)?\b|too (many|large|long|big|much)|exceed|maximum (resolution|number)"
    r"|err-mimir-max|-search\.max",
    re.IGNORECASE,
)


_TAG = re.compile(r"<(?:style|script)\b[^<]*|<[^<>]*>?")  # at most 1000 characters are read
_STORE = re.compile(r"proxy Series\(\)|fetch series for|rpc error|no store matched", re.IGNORECASE)
_ENGINE = re.compile(r"^# TYPE prometheus_engine_", re.MULTILINE)  # under /metrics of what evaluates PromQL
_OPTION = re.compile(r"'[a-z_]+' parameter:|\bbad engine\b")


def unreachable(url: str, error: requests.RequestException, timeout: float, expected: str = EXPECTED) -> RegobsError:
    """The error for a request that got no answer of the server that is `expected`."""
    if isinstance(error, requests.exceptions.InvalidHeader):
        return InputError(
            "a request header holds a character that HTTP does not allow",
            next_step="check the token and the configured headers for line breaks and leading spaces",
        )
    if isinstance(error, requests.exceptions.SSLError):
        return _faulty(
            "tls",
            f"no trusted TLS connection to {url}",
            value=reason_of(error),
            expected="a certificate that this machine trusts, on a port that speaks TLS",
            next_step="use http:// if the server speaks no TLS; name its authority's certificate with --ca-file, and "
            "with --client-cert the one that it asks for",
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return _faulty(
            "proxy",
            f"{url} cannot be reached through the proxy",
            value=reason_of(error),
            expected=expected,
            next_step="correct --proxy, HTTP_PROXY and HTTPS_PROXY, or name the server in NO_PROXY",
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
    return ServerError(
        f"{url} cannot be reached",
        value=reason_of(error),
        expected=expected,
        next_step="check host, port and that the server runs",
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
    return _passing(
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


def refuse(url: str, response: requests.Response, expected: str = EXPECTED, source: str = "") -> None:
    """Raise for an answer that is about access, not about the question: 401, 403, 407, a redirect, 429, 502 to 504.

    `source` is where the secret that was sent stands, as a person calls it.
    """
    code = response.status_code
    if code in {401, 407} and re.search(r"\b(org|tenant)[ _-]?id\b", response.text[:1000], re.IGNORECASE):
        raise _answered(
            code,
            f"{url} wants to know the tenant (HTTP {code})",
            value=_excerpt(response),
            expected="the header X-Scope-OrgID, by which Mimir and Cortex tell tenants apart",
            next_step="add --tenant NAME, REGOBS_PROMETHEUS_TENANT, or `tenant` to the context in regobs.toml",
        )
    if code in {401, 407} and (secret := sent_secret(response, proxy=code == 407)):
        stands = "of the proxy's address" if code == 407 else source
        raise _answered(
            code,
            f"{url} refuses {secret} (HTTP {code})",
            value=_excerpt(response),
            expected=f"what it knows and what is still valid; sent was {secret}{f' {stands}' if stands else ''}",
            next_step="renew it there: it may have expired, or be of another server",
        )
    if code in {401, 407}:
        raise _answered(
            code,
            f"{url} asks for authentication (HTTP {code})",
            value=_excerpt(response),
            next_step="put a token into REGOBS_PROMETHEUS_TOKEN or the file of --token-file; user:password@ stands "
            "before the host in REGOBS_PROMETHEUS_URL",
        )
    if code == 403:
        raise _answered(
            code,
            f"{url} forbids this request (HTTP 403)",
            value=_excerpt(response),
            next_step="use an account that may read metrics, or name the tenant that it may read with --tenant",
        )
    if code in {301, 302, 303, 307, 308}:
        raise _answered(
            code,
            f"{url} redirects elsewhere (HTTP {code})",
            value=bare(response.headers.get("Location", "")) or None,
            expected=expected,
            next_step="give the final address; if it is a login page, give the address behind the login",
        )
    if code == 429:
        after = retry_after(response)
        raise _passing(
            _answered(
                code,
                f"{url} refuses: too many requests (HTTP 429)",
                value=waiting_words(response) or None,
                next_step="wait, or ask for less",
            ),
            after,
        )
    if code in {502, 504} or (code == 503 and json_object(response) is None):
        raise _passing(
            _answered(
                code,
                f"{url} is not ready, or a proxy cannot reach what is behind it (HTTP {code})",
                value=_excerpt(response),
                next_step="wait until it has started; look at its log",
            ),
            retry_after(response),
        )


def sent_secret(response: requests.Response, *, proxy: bool = False) -> str:
    """What opened a request, in words, never the secret itself: `the token`; "" where nothing was sent."""
    from regobs.secrets import is_secret_header  # noqa: PLC0415 - of an error only

    headers = response.request.headers
    if proxy:
        return "the user and password" if "Proxy-Authorization" in headers else ""
    scheme = str(headers.get("Authorization") or "").partition(" ")[0].lower()
    if scheme:
        return "the user and password" if scheme == "basic" else "the token"
    names = [name for name in headers if is_secret_header(name)]
    return f"the header {' and '.join(names)}" if names else ""


def _answered(status: int, message: str, **details: Any) -> ServerError:
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


def _passing(error: ServerError, after: float | None = None) -> ServerError:
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
            next_step="ask for a shorter range or fewer series, or use a recorded series",
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
        value=_masked(wrong, response),
        expected="a whole JSON document",
        next_step="see the server's log, and what stands before it: a proxy may change answers",
    )


def failed(url: str, path: str, response: requests.Response, body: Mapping[str, Any]) -> ServerError:
    """The error for one that the API itself states, and that is about no query."""
    return _answered(
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
        return _answered(
            status,
            f"{url} fails (HTTP {status})",
            value=_excerpt(response),
            expected=words.expected,
            next_step="look at its log, and at that of the proxies before it; then check that the address is right",
        )
    return _answered(
        status,
        f"{url} is {kind}, not {words.name}" if kind else f"{url} is no {words.noun}",
        value=f"HTTP {status}, {_excerpt(response)}",
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
    return _answered(
        status,
        f"{url} fails at /api/v1/{path} (HTTP {status})",
        value=_excerpt(response),
        expected=f"JSON, as {words.name} answers",
        next_step=step,
    )


_Get = Callable[[str], requests.Response]


def has_api(get: _Get) -> bool:
    """Whether a server has the API although one answer was none of it, found by at most three requests."""
    return (
        _proves(get, "/api/v1/status/buildinfo", _is_api)
        or _proves(get, "/api/v1/query?query=1", _is_api)
        or _proves(get, "/metrics", lambda found: found.ok and bool(_ENGINE.search(found.text)))
    )


def _is_api(found: requests.Response) -> bool:
    return (json_object(found) or {}).get("status") in {"success", "error"}


def _proves(get: _Get, path: str, proof: Callable[[requests.Response], bool]) -> bool:
    try:
        return proof(get(path))
    except RegobsError:
        return False


def identify(get: _Get) -> str:
    """Which other server this is, of one without the API, found by at most four requests; empty when unknown."""
    probes: tuple[tuple[str, Callable[[requests.Response], bool], str], ...] = (
        ("/v2/", lambda found: "registry" in found.headers.get("Docker-Distribution-Api-Version", ""), "a registry"),
        ("/api/v2/status", lambda found: "cluster" in (json_object(found) or {}), "Alertmanager"),
        ("/api/health", lambda found: "database" in (json_object(found) or {}), "Grafana"),
        ("/metrics", lambda found: found.ok and "# TYPE" in found.text[:10_000], "a server that only exposes metrics"),
    )
    return next((name for path, proof, name in probes if _proves(get, path, proof)), "")


def without_secrets(body: Mapping[str, Any], response: requests.Response) -> Mapping[str, Any]:
    """An answer of the API whose errors and warnings repeat nothing of what opened the server."""
    said_by_it = {name: body[name] for name in ("error", "warnings", "infos") if body.get(name)}
    if not said_by_it:
        return body
    masked = {
        name: _masked(said, response) if isinstance(said, str) else [_masked(str(one), response) for one in said]
        for name, said in said_by_it.items()
        if isinstance(said, str | list)
    }
    return {**body, **masked}


def _masked(text: str, response: requests.Response) -> str:
    from regobs.secrets import is_secret_header, redacted_text  # noqa: PLC0415 - of an error or a warning only

    for name, value in response.request.headers.items():  # a server may repeat what it refuses
        if name in {"Authorization", "Proxy-Authorization", "Cookie"} or is_secret_header(name):
            for secret in _parts(str(value)):
                text = text.replace(secret, MASK)
    return redacted_text(text)


def _parts(sent: str) -> list[str]:
    """The words of a header that opens a server, and the password that is encoded in one."""
    words = sent.split()
    if len(words) == 2 and words[0].lower() == "basic":
        with suppress(ValueError):  # what is no base64
            words.append(b64decode(words[1]).decode("utf-8", "replace").partition(":")[2])
    return [word for word in words if word]


def answer_words(response: requests.Response, longest: int = 300) -> str:
    """What a server says in an answer, on one line, without what opened it."""
    return " ".join(_masked(response.text[: 4 * longest], response).split())[:longest]


def _excerpt(response: requests.Response) -> str:
    """The type of an answer and how its text begins, of a page what a person reads there."""
    kind = response.headers.get("Content-Type", "no content type").split(";")[0]
    text = _masked(response.text[:1000], response)
    if "html" in kind:
        text = _TAG.sub(" ", text)
    text = " ".join(text.split())[:80]
    return f"{kind}: {text}" if text else kind
