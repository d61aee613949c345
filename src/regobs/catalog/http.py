"""HTTP requests, seen from inside the route handlers.

GitLab registry has these from its own HTTP library since 2.10.0; before that from the library that CNCF Distribution
uses to this day, which makes one set per handler, with `handler` as constant label.
"""

from __future__ import annotations

from regobs.catalog.declare import Component, form
from regobs.catalog.model import Flavor, Form, Label, Unit

GITLAB, DISTRIBUTION = Flavor.GITLAB, Flavor.DISTRIBUTION

# What the Go client library makes of a request method; everything else becomes `unknown`.
METHODS = ("get", "put", "head", "post", "delete", "connect", "options", "notify", "trace", "patch", "unknown")
METHOD = Label("method", METHODS)
CODE = Label("code", patterns={"1xx": "1..", "2xx": "2..", "3xx": "3..", "4xx": "4..", "5xx": "5.."})

_ROUTES = {
    "base": "/v2/",
    "catalog": "/v2/_catalog",
    "tags": "/v2/{name}/tags/list",
    "manifest": "/v2/{name}/manifests/{reference}",
    "blob": "/v2/{name}/blobs/{digest}",
    "upload_start": "/v2/{name}/blobs/uploads/",
    "upload": "/v2/{name}/blobs/uploads/{uuid}",
    "v1_base": "/gitlab/v1",
    "v1_repository": "/gitlab/v1/repositories/{name}",
    "v1_tags": "/gitlab/v1/repositories/{name}/tags/list",
    "v1_tag_detail": "/gitlab/v1/repositories/{name}/tags/detail/{tagName}",
    "v1_sub_repositories": "/gitlab/v1/repository-paths/{name}/repositories/list",
    "v1_statistics": "/gitlab/v1/statistics/",
}
# Gone since 4.1.0 and 3.72.0.
_OLD_ROUTES = ("/v2/{name}/tags/reference/{tag}", "/gitlab/v1/import/{name}")
_HANDLERS = {
    "base": "base",
    "catalog": "catalog",
    "tags": "tags",
    "manifest": "manifest",
    "blob": "blob",
    "upload_start": "blob_upload",
    "upload": "blob_upload_chunk",
}
ROUTE = Label("route", tuple(_ROUTES.values()), words=_ROUTES)
OLD_ROUTE = Label("route", (*_ROUTES.values(), *_OLD_ROUTES), words=_ROUTES)
HANDLER = Label("route", tuple(_HANDLERS.values()), exposed="handler", words=_HANDLERS)
OLD_HANDLER = Label("route", exposed="handler", words=_HANDLERS)
MIGRATION_PATH = Label("migration_path")

DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60)
SIZE_BUCKETS = tuple(float(1024 * 2**power) for power in range(22))
HEADER_BUCKETS = (0.005, 0.025, 0.1, 0.5, 1, 10, 30)

_NOW = (CODE, METHOD, ROUTE)
_BEFORE_4_1 = (CODE, METHOD, OLD_ROUTE)
_MIGRATING = (CODE, MIGRATION_PATH, METHOD, OLD_ROUTE)

_http = Component("http")
_NOT_COUNTED = (
    "Answers of no route handler are missing: `/`, 503 of the health check, 429 of the rate limiter, unknown paths.",
    "Without its Redis the rate limiter answers 503 to every request, and none of them is counted.",
    "A request whose handler panics is in no counter.",
)


def _gitlab(buckets: tuple[float, ...] | None = None) -> tuple[Form, ...]:
    return (
        form(GITLAB, labels=_NOW, buckets=buckets, since="4.1.0", on_event=True),
        form(GITLAB, labels=_BEFORE_4_1, buckets=buckets, since="3.69.0", until="4.1.0", on_event=True),
        form(GITLAB, labels=_MIGRATING, buckets=buckets, since="3.6.0", until="3.69.0", on_event=True),
        form(GITLAB, labels=_BEFORE_4_1, buckets=buckets, since="2.10.0", until="3.6.0", on_event=True),
    )


def _handler(*others: Label, buckets: tuple[float, ...] | None = None) -> tuple[Form, ...]:
    return (
        form(DISTRIBUTION, labels=(*others, HANDLER), buckets=buckets, on_event=True),
        form(GITLAB, labels=(*others, OLD_HANDLER), buckets=buckets, until="2.10.0", on_event=True),
    )


IN_FLIGHT = _http.gauge(
    "registry_http_in_flight_requests",
    Unit.REQUESTS,
    "HTTP requests in flight: those that a route handler serves now.",
    form(GITLAB, since="2.10.0"),
    form(DISTRIBUTION, labels=(HANDLER,)),
    form(GITLAB, labels=(OLD_HANDLER,), until="2.10.0"),
    pitfalls=(
        "GitLab registry has one series for all routes; CNCF Distribution has one per handler, 0 from its start.",
    ),
)
REQUESTS = _http.counter(
    "registry_http_requests_total",
    Unit.REQUESTS,
    "HTTP requests that a route handler has finished.",
    *_gitlab(),
    *_handler(CODE, METHOD),
    pitfalls=(
        *_NOT_COUNTED,
        "GitLab registry answers 499 where the client went away while it sent a body.",
        "A request whose client gave up waiting counts as 202 or 400: a hung database shows no server error.",
    ),
)
DURATION = _http.histogram(
    "registry_http_request_duration_seconds",
    Unit.SECONDS,
    "Latency of an HTTP request: time from entering a route handler to leaving it.",
    *_gitlab(DURATION_BUCKETS),
    *_handler(METHOD, buckets=DURATION_BUCKETS),
    pitfalls=(
        *_NOT_COUNTED,
        "The transfer of the body, in and out, is part of it: slow clients and large blobs look like a slow registry.",
        "CNCF Distribution has no `code` label here: fast errors cannot be told from fast successes.",
    ),
)
REQUEST_SIZE = _http.histogram(
    "registry_http_request_size_bytes",
    Unit.BYTES,
    "Approximate size of an HTTP request: request line, headers and the declared length of the body.",
    *_gitlab(SIZE_BUCKETS),
    *_handler(buckets=SIZE_BUCKETS),
    pitfalls=("A chunked body declares no length and counts as 0 bytes.", "The highest bucket is 2 GiB."),
)
RESPONSE_SIZE = _http.histogram(
    "registry_http_response_size_bytes",
    Unit.BYTES,
    "Size of the response to an HTTP request: bytes of body that a route handler wrote.",
    *_gitlab(SIZE_BUCKETS),
    *_handler(buckets=SIZE_BUCKETS),
    pitfalls=("A redirect to the storage back end counts only its own small body, not the blob.",),
)
TIME_TO_HEADER = _http.histogram(
    "registry_http_time_to_write_header_seconds",
    Unit.SECONDS,
    "Time of a request from entering a route handler until the response header is written.",
    *_gitlab(HEADER_BUCKETS),
    pitfalls=("Only GitLab registry has it. Its buckets are few: a quantile of it is coarse.",),
)
