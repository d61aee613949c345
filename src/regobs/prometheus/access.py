"""What servers and proxies answer about access, not about the question: one error each, which says what to do."""

from __future__ import annotations

import re

import requests

from regobs.errors import ServerError
from regobs.prometheus.address import bare
from regobs.prometheus.answer_text import excerpt
from regobs.prometheus.failures import EXPECTED, answered, passing, retry_after, waiting_words

_TENANT = re.compile(r"\b(org|tenant)[ _-]?id\b", re.IGNORECASE)


def refuse(url: str, response: requests.Response, expected: str = EXPECTED, source: str = "") -> None:
    """Raise for an answer that is about access, not about the question: 401, 403, 407, a redirect, 429, a proxy's own.

    `source` is where the secret that was sent stands, as a person calls it.
    """
    code = response.status_code
    if not response.ok or "html" in response.headers.get("Content-Type", ""):
        from regobs.prometheus.in_its_place import refuse_in_its_place  # noqa: PLC0415 - of an error only

        refuse_in_its_place(url, response)
    if code in {401, 407}:
        raise _unauthorized(url, response, source)
    if code == 403:
        raise answered(
            code,
            f"{url} forbids this request (HTTP 403)",
            value=excerpt(response),
            next_step="use an account that may read metrics, or name the tenant that it may read with --tenant",
        )
    if code in {301, 302, 303, 307, 308}:
        raise answered(
            code,
            f"{url} redirects elsewhere (HTTP {code})",
            value=bare(response.headers.get("Location", "")) or None,
            expected=expected,
            next_step="give the final address; if it is a login page, give the address behind the login",
        )
    if code == 429:
        after = retry_after(response)
        raise passing(
            answered(
                code,
                f"{url} refuses: too many requests (HTTP 429)",
                value=waiting_words(response) or None,
                next_step="wait, or ask for less",
            ),
            after,
        )


def _unauthorized(url: str, response: requests.Response, source: str) -> ServerError:
    """The error for HTTP 401 and 407: a tenant is missing, a secret was refused, or none was sent."""
    code = response.status_code
    if _TENANT.search(response.text[:1000]):
        return answered(
            code,
            f"{url} wants to know the tenant (HTTP {code})",
            value=excerpt(response),
            expected="the header X-Scope-OrgID, by which Mimir and Cortex tell tenants apart",
            next_step="add --tenant NAME, REGOBS_PROMETHEUS_TENANT, or `tenant` to the context in regobs.toml",
        )
    if secret := sent_secret(response, proxy=code == 407):
        stands = "of the proxy's address" if code == 407 else source
        return answered(
            code,
            f"{url} refuses {secret} (HTTP {code})",
            value=excerpt(response),
            expected=f"what it knows and what is still valid; sent was {secret}{f' {stands}' if stands else ''}",
            next_step="renew it there: it may have expired, or be of another server",
        )
    if code == 407:
        return answered(
            code,
            f"the proxy before {url} asks for authentication (HTTP {code})",
            value=excerpt(response),
            next_step="put user:password@ before the host of the proxy in HTTPS_PROXY or HTTP_PROXY",
        )
    return answered(
        code,
        f"{url} asks for authentication (HTTP {code})",
        value=excerpt(response),
        next_step="put a token into REGOBS_PROMETHEUS_TOKEN or the file of --token-file; user:password@ stands "
        "before the host in REGOBS_PROMETHEUS_URL",
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
