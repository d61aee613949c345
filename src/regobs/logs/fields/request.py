"""Fields of requests: access log, request context, API errors, rate limiter, authorization."""

from __future__ import annotations

from regobs.logs.fields.field import MOST_STATUS, FieldType, field

_K, _T, _L, _D = FieldType.KEYWORD, FieldType.TEXT, FieldType.LONG, FieldType.DOUBLE
_B, _DATE, _KL, _O = FieldType.BOOLEAN, FieldType.DATE, FieldType.KEYWORD_LIST, FieldType.OBJECT

DIGEST = r"^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}$"  # image-spec, descriptor.md: algorithm ":" encoded
ISO_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})$"
LEVELS = ("trace", "debug", "info", "warning", "error", "fatal", "panic")

BASE = (
    field("time", _DATE, "When the line was written, UTC.", ecs="@timestamp", otel="Timestamp", pattern=ISO_TIME),
    field("level", _K, "Severity.", ecs="log.level", otel="SeverityText", values=LEVELS),
    field("msg", _T, "What happened; mostly a constant.", ecs="message", otel="Body", whole=True),
    field("error", _T, "Text of the error.", ecs="error.message", otel="exception.message", nullable=True),
    field("correlation_id", _K, "Joins the lines of one request or one background run.", ecs="http.request.id"),
    field("component", _K, "Part of the registry that wrote the line.", ecs="log.logger"),
    field("go_version", _K, "Go release of the build.", otel="process.runtime.version"),
    field("version", _K, "Release of the registry.", ecs="service.version", otel="service.version"),
    field("instance_id", _K, "UUID of the process.", ecs="service.node.name", otel="service.instance.id"),
    field("service", _K, "Static field of `log.fields`.", ecs="service.name", otel="service.name"),
    field("environment", _K, "Static field of `log.fields`.", ecs="service.environment", otel="deployment.environment"),
)

ACCESS = (
    field("duration_ms", _L, "Time in the handler; of the size API: of its query.", "ms", ecs="event.duration"),
    field("ttfb_ms", _L, "Time to the first byte of the answer; absent when no body was written.", "ms"),
    field(
        "status",
        _L,
        "HTTP status; 0 after a panic.",
        es="short",
        minimum=0,
        maximum=MOST_STATUS,
        ecs="http.response.status_code",
        otel="http.response.status_code",
    ),
    field("method", _K, "HTTP method.", ecs="http.request.method", otel="http.request.method"),
    field("proto", _K, "HTTP version, as HTTP/1.1.", ecs="network.protocol.version", otel="network.protocol.version"),
    field("host", _K, "Host header of the request, or a database host.", ecs="url.domain", otel="server.address"),
    field(
        "uri",
        _K,
        "Path and query. That of an upload holds the secret `_state`.",
        es="wildcard",
        ecs="url.original",
        otel="url.full",
    ),
    field("remote_addr", _K, "Address and port of the peer.", ecs="client.address", otel="network.peer.address"),
    field("remote_ip", FieldType.IP, "Client after forwarding headers.", ecs="client.ip", otel="client.address"),
    field("referrer", _K, "Referer header (access log).", es="wildcard", ecs="http.request.referrer"),
    field("user_agent", _K, "User-Agent header.", ecs="user_agent.original", otel="user_agent.original"),
    field("content_type", _K, "Content type; in the access log that of the response.", ecs="http.response.mime_type"),
    field(
        "written_bytes",
        _L,
        "Body of the response.",
        "bytes",
        ecs="http.response.body.bytes",
        otel="http.response.body.size",
    ),
    field(
        "read_bytes",
        _L,
        "The request as read, headers included; samples of 2025-02 lack it.",
        "bytes",
        ecs="http.request.bytes",
        otel="http.request.size",
    ),
    field("system", _K, "Always `http`.", values=("http",)),
    field("CF-RAY", _K, "Request header of Cloudflare, where it stands in front."),
    field("http_response_status", _L, "HTTP status (access log off).", es="short", minimum=0, maximum=MOST_STATUS),
    field("http_response_written", _L, "Body of the response (access log off).", "bytes"),
    field("http_response_contenttype", _K, "Content type of the response (access log off)."),
    field("http_response_duration", _K, "Time in the handler as a Go duration, 1.5ms (access log off)."),
)

REQUEST = (
    field("root_repo", _K, "First segment of the repository path: the top-level namespace."),
    field("vars_name", _K, "Repository path of the route.", es="wildcard"),
    field("vars_reference", _K, "Tag or digest of the route."),
    field("vars_digest", _K, "Digest of the route."),
    field("vars_uuid", _K, "Upload of the route."),
    field("auth_user", _O, "User of the token, with the token itself: a secret.", indexed=False),
    field("auth_user_name", _K, "User of the token.", ecs="user.name", otel="user.name"),
    field("auth_user_type", _K, "Kind of credential: personal_access_token, build, deploy_token."),
    field("auth_project_paths", _KL, "Projects that the token names."),
    field("referer", _K, "Referer header (application log).", es="wildcard"),
    field("code", _K, "Error code of the API, MANIFEST_UNKNOWN.", ecs="error.code", otel="error.type"),
    field("detail", _T, "Detail of an API error; text or a structure.", loose=True),
    field("router", _K, "Router that took the request."),
    field("path", _K, "Path of the request, or of a repository or file.", es="wildcard"),
    field("config_http_addr", _K, "Setting http.addr."),
    field("config_http_host", _K, "Setting http.host."),
    field("config_http_net", _K, "Setting http.net."),
    field("config_http_prefix", _K, "Setting http.prefix."),
    field("config_http_relative_urls", _B, "Setting http.relativeurls."),
)

# Of applications that read `traceparent` (W3C Trace Context), such as those of regobs.instrument; GitLab's does not.
TRACE = (
    field("trace_id", _K, "Trace of the request: 32 hexadecimal digits.", ecs="trace.id", otel="TraceId"),
    field("parent_span_id", _K, "Span of the caller: 16 hexadecimal digits.", ecs="parent.id"),
)

LIMITER = (
    field("source_ip", FieldType.IP, "Client that is limited.", ecs="source.ip", otel="client.address"),
    field("name", _K, "Name of a limiter, table, metric or setting."),
    field("log_only", _B, "The limiter only logs."),
    field("action", _K, "What was done or is being done: log, block, blob PATCH.", ecs="event.action"),
    field("hard_action", _K, "Action of the hard limit."),
    field("warn_action", _K, "Action of the soft limit."),
    field("warn_threshold", _D, "Part of the limit that warns.", "ratio"),
    field("match_type", _K, "What the limiter counts by."),
    field("rate", _L, "Requests a period.", "count"),
    field("period", _K, "Period of the rate: second, minute, hour."),
    field("burst", _L, "Requests at once.", "count"),
    field("retry_after_s", _D, "Wait before the next try.", "s"),
    field("usage", _D, "Used part of the limit.", "ratio"),
    field("description", _K, "Description of the limiter."),
)

AUTH = (
    field("issuer", _K, "Issuer of the token."),
    field("trusted_issuers", _KL, "Issuers the registry trusts."),
    field("audience", _KL, "Audience of the token."),
    field("accepted_audiences", _KL, "Audiences the registry accepts."),
    field("valid_until", _DATE, "The token was valid until then."),
    field("valid_after", _DATE, "The token is valid after then."),
    field("auth_type", _K, "Access controller of the configuration."),
)

# The same name with another type in one message: spelled `name:form` where a message lists its fields.
FORMS = {
    "name:index": field("name", _L, "Position of the limiter in the configuration.", minimum=0, loose=True),
}
