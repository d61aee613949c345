"""Answers of what stands before a server, and not of the server: proxies, load balancers, gates with a login.

Each is known by its status or by the words of the program that gives it, and becomes one error that says what it wants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import requests

from regobs.prometheus.answer_text import excerpt
from regobs.prometheus.failures import CLIENT_CERTIFICATE, answered, passing, retry_after
from regobs.prometheus.json_body import json_object

_READ = 20_000  # characters of a page, in which its form stands
_LOGIN = re.compile(
    r"type=[\"']?password|/oauth2/(start|sign_in)|\bSAMLRequest\b|<title>[^<]{0,100}\b(sign|log)[ -]?(in|on)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Said:
    """What such an answer says, with `{url}` in it, and what to do; `again` where the same request may work later."""

    message: str
    next_step: str
    again: bool = False


# The words of nginx, Go's net/http, Apache and HAProxy in answers of status 400.
_BY_WORDS: tuple[tuple[re.Pattern[str], _Said], ...] = (
    (
        re.compile(r"no required ssl certificate|client certificate (is )?(required|missing)", re.IGNORECASE),
        _Said("{url} asks for a client certificate", CLIENT_CERTIFICATE),
    ),
    (
        re.compile(r"the ssl certificate error", re.IGNORECASE),
        _Said("{url} refuses the client certificate", f"renew it if it has expired; else {CLIENT_CERTIFICATE}"),
    ),
    (
        re.compile(
            r"plain http request was sent to https|http request to an https|plain http to an ssl", re.IGNORECASE
        ),
        _Said("{url} speaks only TLS", "write https:// in the address"),
    ),
    (
        re.compile(r"header or cookie too large|header field exceeds", re.IGNORECASE),
        _Said("a proxy before {url} takes no headers this long", "send fewer or shorter headers, or a shorter token"),
    ),
)
_BY_STATUS: Mapping[int, _Said] = {
    408: _Said(
        "a proxy before {url} waited in vain for the whole request", "ask again; look at the network", again=True
    ),
    413: _Said(
        "a proxy before {url} takes no request this long",
        "shorten the query, or raise the limit there (client_max_body_size of nginx)",
    ),
    414: _Said(
        "a proxy before {url} takes no address this long",
        "let POST pass there, which has the query in its body; else shorten the query, or raise the limit there "
        "(large_client_header_buffers of nginx)",
    ),
    421: _Said(
        "what answers at {url} does not serve this host",
        "write the host as the certificate of the server has it; look at the proxies before the server",
    ),
    431: _Said("a proxy before {url} takes no headers this long", "send fewer or shorter headers, or a shorter token"),
}
_AWAY = _Said(
    "{url} is not ready, or a proxy cannot reach what is behind it",
    "wait until it has started; look at its log",
    again=True,
)
_LATE = _Said(
    "a proxy before {url} waited in vain for what is behind it",
    "if the server is busy, ask for a shorter range or fewer series, or raise the timeout of the proxy; else see that"
    " it runs",
    again=True,
)
_GATEWAY: Mapping[int, _Said] = {
    **dict.fromkeys((502, 503, 520, 521, 523, 527, 530), _AWAY),  # those from 520 on are of Cloudflare
    **dict.fromkeys((504, 522, 524), _LATE),
    **dict.fromkeys(
        (525, 526),
        _Said(
            "Cloudflare has no trusted TLS connection to what is behind {url}",
            "renew the certificate of the server behind it; look at the TLS settings of both",
        ),
    ),
}
_CHALLENGE = _Said(
    "Cloudflare lets only browsers pass to {url}",
    "give an address behind Cloudflare, or except this one from its checks",
)
_SIGN_IN = _Said(
    "{url} answers with a login page",
    "give the address behind the login, or send what opens it: a token (--token-file) or a header (--header)",
)


def refuse_in_its_place(url: str, response: requests.Response) -> None:
    """Raise ServerError for an answer that is of no server of the API, but of what stands before one."""
    code = response.status_code
    if code not in {502, 504} and (json_object(response) or {}).get("status") in {"success", "error"}:
        return
    said = _said(code, response)
    if said is None:
        return
    error = answered(
        code, f"{said.message.format(url=url)} (HTTP {code})", value=excerpt(response), next_step=said.next_step
    )
    raise passing(error, retry_after(response)) if said.again else error


def _said(code: int, response: requests.Response) -> _Said | None:
    if response.headers.get("cf-mitigated", "").lower() == "challenge":
        return _CHALLENGE
    page = response.text[:_READ]
    if "html" in response.headers.get("Content-Type", "") and code < 500 and _LOGIN.search(page):
        return _SIGN_IN
    if code == 400:
        return next((said for words, said in _BY_WORDS if words.search(page)), None)
    return _GATEWAY.get(code) or _BY_STATUS.get(code)
