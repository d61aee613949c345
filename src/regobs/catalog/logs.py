"""What `regobs export logs` exposes: a registry's log lines, counted.

Labels that a registry's own metrics may not carry, such as the namespace, are bounded: the others are `other`.
"""

from __future__ import annotations

from regobs.catalog.bounded import AUTH_TYPES, bound_as_set, bound_of
from regobs.catalog.bounded import CLIENTS as CLIENTS_SHOWN
from regobs.catalog.declare import BOOLEAN, Component, form, labels
from regobs.catalog.http import DURATION_BUCKETS, METHODS, ROUTE
from regobs.catalog.model import Capability, Exposer, Form, Label, Unit

_logs = Component("logs", Exposer.LOG_EXPORTER)

UNMATCHED = "unmatched"
STATUSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "other", "unknown")
LEVELS = ("debug", "error", "fatal", "info", "other", "panic", "trace", "warning")
ACTIONS = ("delete", "other", "pull", "push")

_ROUTE = Label("route", (*(ROUTE.values or ()), UNMATCHED), words=ROUTE.words)
_METHOD = Label("method", METHODS)
_STATUS = Label("status", STATUSES)
_NAMESPACE = Label("namespace")
_ACTION = Label("action", ACTIONS)


def _form(*of: Label, buckets: tuple[float, ...] | None = None) -> Form:
    return form(labels=of, buckets=buckets, on_event=True, needs=Capability.LOG_EXPORTER)


REQUESTS = _logs.counter(
    "registry_log_requests_total",
    Unit.REQUESTS,
    "Access lines, each once, by route, method and class of status; `unknown` where a line has none that is right.",
    _form(_METHOD, _ROUTE, _STATUS),
    pitfalls=(
        "Holds what the registry's own counter does not: 503 of health checks and limiter, 404 without a route.",
    ),
)
DURATION = _logs.histogram(
    "registry_log_request_duration_seconds",
    Unit.SECONDS,
    "Time in the handler, as access lines have it, by route, method and class of status.",
    _form(_METHOD, _ROUTE, _STATUS, buckets=DURATION_BUCKETS),
    pitfalls=("Access lines have whole milliseconds: shorter ones count as 0. A line without a time is not in it.",),
)
BYTES = _logs.counter(
    "registry_log_bytes_total",
    Unit.BYTES,
    "Bytes of request and answer bodies that access lines tell of.",
    _form(Label("direction", ("read", "written")), _METHOD, _ROUTE, _STATUS),
    pitfalls=("A pull that is redirected to the storage has no bytes here.",),
)
NAMESPACE_REQUESTS = _logs.counter(
    "registry_log_namespace_requests_total",
    Unit.REQUESTS,
    "Access lines with a repository, by its first path part, by what was done and class of status.",
    _form(_ACTION, _NAMESPACE, _STATUS),
    pitfalls=(
        bound_as_set("namespace"),
        "A namespace that gives its place to a more frequent one is added to `other`: a step there.",
    ),
)
NAMESPACE_BYTES = _logs.counter(
    "registry_log_namespace_bytes_total",
    Unit.BYTES,
    "Bytes of bodies of requests with a repository, by its first path part and by what was done.",
    _form(_ACTION, Label("direction", ("read", "written")), _NAMESPACE),
    pitfalls=(bound_as_set("namespace"),),
)
NAMESPACE_TIME = _logs.counter(
    "registry_log_namespace_seconds_total",
    Unit.SECONDS,
    "Time in handlers for requests with a repository, by its first path part, by what was done and class of status.",
    _form(_ACTION, _NAMESPACE, _STATUS),
    pitfalls=(
        bound_as_set("namespace"),
        "With the requests by namespace it gives averages; a histogram would need 15 times as many series.",
    ),
)
CLIENTS = _logs.counter(
    "registry_log_client_requests_total",
    Unit.REQUESTS,
    "Access lines by client and its version of two numbers, such as `docker 24.0`.",
    _form(Label("client")),
    pitfalls=(bound_of("client", CLIENTS_SHOWN),),
)
REDIRECTS = _logs.counter(
    "registry_log_redirected_pulls_total",
    Unit.REQUESTS,
    "Blob pulls that were answered with a redirect to the storage or CDN.",
    _form(_NAMESPACE),
    pitfalls=(bound_as_set("namespace"),),
)
PULLED_BYTES = _logs.counter(
    "registry_log_blob_pull_bytes_total",
    Unit.BYTES,
    "Bytes of pulled blobs, by whether the client was redirected to the storage for them.",
    form(labels=labels(redirected=(*BOOLEAN, "unknown")), on_event=True, needs=Capability.LOG_EXPORTER),
    pitfalls=(
        "A client that was redirected need not have fetched the blob, or fetched it whole.",
        "CNCF Distribution logs no size of a blob that it redirects: only bytes through the registry are there.",
    ),
)
MESSAGES = _logs.counter(
    "registry_log_messages_total",
    Unit.EVENTS,
    "Lines of the application log by level and message, as the catalogue of messages has it; others are `other`.",
    _form(Label("level", LEVELS), Label("message")),
    pitfalls=("With CNCF Distribution also its access lines of errors, which are its only lines about them.",),
)
API_ERRORS = _logs.counter(
    "registry_log_api_errors_total",
    Unit.EVENTS,
    "Errors that the API answered with, by their code.",
    _form(Label("code")),
    pitfalls=("One answer may hold several errors, of which each counts.",),
)
AUTHORIZATIONS = _logs.counter(
    "registry_log_authorizations_total",
    Unit.REQUESTS,
    "Authorized requests by the kind of token, and those that were refused.",
    _form(Label("result", ("authorized", "failed")), Label("type")),
    pitfalls=(bound_of("type", AUTH_TYPES),),
)
LINES = _logs.counter(
    "registry_log_lines_total",
    Unit.EVENTS,
    "Lines by what they are: access, application, a further access line of a request, or none of a registry.",
    _form(Label("kind", ("access", "application", "invalid", "malformed", "repeated"))),
    pitfalls=(
        "`malformed` lines cannot be parsed; `invalid` ones have neither a message nor the fields of an access line.",
    ),
)
SCHEMA_ERRORS = _logs.counter(
    "registry_log_schema_errors_total",
    Unit.EVENTS,
    "Fields of access lines that are missing, of another type, or have a value that no registry writes, by field.",
    _form(Label("field", ("duration_ms", "method", "read_bytes", "status", "uri", "user_agent", "written_bytes"))),
    pitfalls=("The line is counted all the same; what is broken of it is `unknown`, `unmatched` or 0.",),
)
REPLACED = _logs.counter(
    "regobs_log_replaced_names_total",
    Unit.EVENTS,
    "Names that gave their place to a more frequent one.",
    _form(*labels("label")),
)
BEHIND = _logs.gauge(
    "regobs_log_behind_bytes",
    Unit.BYTES,
    "Bytes of a file that were not read when it was last looked at.",
    _form(Label("file")),
)
UNREADABLE = _logs.gauge(
    "regobs_log_unreadable_files",
    Unit.FILES,
    "Files that are there and cannot be read, such as for want of permission, or packed ones that end too early, and "
    "folders that cannot be listed.",
    _form(),
    pitfalls=("What they hold is counted, once, when they can be read; lost where they are deleted before.",),
)
LAST_LINE = _logs.gauge(
    "regobs_log_last_line_timestamp_seconds",
    Unit.TIMESTAMP,
    "When a line was last read.",
    _form(),
)
CHECKPOINT = _logs.gauge(
    "regobs_log_checkpoint_timestamp_seconds",
    Unit.TIMESTAMP,
    "When the counts were last stored: a restart begins from there.",
    _form(),
)
