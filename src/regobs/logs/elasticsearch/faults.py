"""What goes wrong between us and an Elasticsearch, as errors that say what to do. None of them holds a secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regobs.errors import EndpointError, QueryError, ServerError
from regobs.secrets import redacted_text

_LONGEST = 300
_NO_SHARDS = "invalid id: [null]"  # what OpenSearch says of a point in time of a pattern that fits no index
_CERTIFICATES = (
    ("certificate has expired", "its certificate has expired", "renew the certificate of the server"),
    ("not yet valid", "its certificate is not valid yet", "compare the clocks of both machines"),
    ("mismatch", "its certificate is for another host", "use a name that stands in the certificate"),
    (
        "certificate verify failed",
        "no authority that we trust signed its certificate",
        "give --ca-file with the certificate of its authority",
    ),
    ("wrong version number", "it does not speak TLS", "write http:// if it is meant to be open"),
)


def unreachable(url: str, fault: Exception) -> ServerError:
    """For a fault of the connection: TLS, name, port, time."""
    said = str(getattr(fault, "message", fault))  # the client's own text leaves the reason out
    text = said.lower().replace("_", " ")
    for mark, reason, step in _CERTIFICATES:
        if mark in text:
            return ServerError(f"Elasticsearch cannot be trusted: {reason}", value=url, next_step=step)
    if "timeout" in type(fault).__name__.lower():
        return ServerError(
            "Elasticsearch did not answer in time", value=url, next_step="narrow the query with --from, or ask again"
        )
    return ServerError(
        "Elasticsearch cannot be reached",
        value=f"{url}: {_short(said)}",
        expected="a server that listens there",
        next_step="look at host, port and http or https in the address",
    )


def foreign(url: str) -> ServerError:
    """For a server that is no Elasticsearch."""
    return ServerError(
        "this server is no Elasticsearch and no OpenSearch that can be asked",
        value=url,
        expected="Elasticsearch 8 or 9, or OpenSearch 2.4 or later",
        next_step="give the address of the server itself, not of Kibana, Dashboards or a proxy",
    )


def refused(url: str, index: str, status: int, body: object, *, query: str, product: str) -> ServerError:
    """For an answer that is an error."""
    kind, reason = _cause(body)
    if status in {401, 403}:
        return _denied(url, index, status, reason, product)
    if kind == "search_context_missing_exception":
        return ServerError(
            f"{product} forgot the point in time of this query",
            value=index,
            next_step="ask again; narrow the query with --from if that does not help",
        )
    if (status == 404 and "index_not_found" in kind) or reason == _NO_SHARDS:
        return absent(index)
    if "no handler" in reason or status == 405:
        return EndpointError("this server does not offer searches at a point in time", value=url)
    if status == 406 or (status in {404, 501} and not kind):
        return foreign(url)
    too_large = any(mark in kind for mark in ("too_many", "circuit_breaking"))
    return QueryError(
        f"the query is too large for {product}" if too_large else f"{product} answered {status}",
        query=query,
        value=f"{kind}: {reason}" if kind else reason,
        next_step="narrow it with --where or --from" if too_large else None,
    )


def _denied(url: str, index: str, status: int, reason: str, product: str) -> ServerError:
    if status == 401:
        return ServerError(
            f"{product} refuses the user, password or API key",
            value=url,
            expected="a user or key that it knows",
            next_step="look at the secret in the environment or file; a key is its `encoded` form",
        )
    return ServerError(
        f"{product} does not allow this",
        value=f"{index}: {reason}",
        expected="the index privilege `read`",
        next_step="give the user or key a role that may read these indices",
    )


def absent(index: str) -> ServerError:
    """For an index, or a pattern of indices, that is not there."""
    return ServerError(
        "the server has no such index",
        value=index,
        expected="an index, alias, data stream or pattern that exists and may be read",
        next_step="give --index; data streams that `regobs build` sets up begin with logs-registry-",
    )


def _cause(body: object) -> tuple[str, str]:
    """Type and reason of the first cause that an error answer names."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return "", _short(str(error or body or "no reason given"))
    causes: list[Any] = [*(error.get("root_cause") or ()), error]
    cause = next((one for one in causes if isinstance(one, Mapping) and one.get("type")), error)
    return str(cause.get("type", "")), _short(str(cause.get("reason", "")))


def _short(text: str) -> str:
    text = redacted_text(" ".join(text.split()))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
