"""Fields of CNCF Distribution 2.8 and 3.x: dotted keys, and the access line of the Apache combined form.

Source: log lines of a running Debian docker-registry 2.8.2, both formatters, levels info and debug.
"""

from __future__ import annotations

from regobs.logs.fields.field import MOST_STATUS, FieldType, field
from regobs.logs.fields.request import DIGEST, ISO_TIME

_K, _T, _L, _B = FieldType.KEYWORD, FieldType.TEXT, FieldType.LONG, FieldType.BOOLEAN
GO_DURATION = r"^-?(?:0|0s|(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|μs|ms|s|m|h))+)$"
# logrus shortens none of its level names; trace came with logrus 1.2, so not every release writes it.
LEVELS = ("trace", "debug", "info", "warning", "error", "fatal", "panic")
LOCAL_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{6})?$"

# registry/api/errcode and registry/api/v2 of 2.8.3, registry/api/errcode of 3.1.1; a middleware may have others.
ERROR_CODES = (
    *("unknown", "unsupported", "unauthorized", "denied", "unavailable", "toomanyrequests", "digest invalid"),
    *("size invalid", "range invalid", "name invalid", "tag invalid", "name unknown", "manifest unknown"),
    *("manifest invalid", "manifest unverified", "manifest blob unknown", "blob unknown", "blob upload unknown"),
    *("blob upload invalid", "pagination number invalid"),
)
DOTTED = (
    field("time", FieldType.DATE, "When the line was written.", ecs="@timestamp", otel="Timestamp", pattern=ISO_TIME),
    field("level", _K, "Severity.", ecs="log.level", otel="SeverityText", values=LEVELS),
    field("msg", _T, "What happened; values stand in the text.", ecs="message", otel="Body"),
    field("error", _T, "Text of the error.", ecs="error.message", otel="exception.message", nullable=True),
    field("service", _K, "Static field of `log.fields`.", ecs="service.name", otel="service.name"),
    field("environment", _K, "Static field of `log.fields`.", ecs="service.environment", otel="deployment.environment"),
    field("version", _K, "Release of the registry.", ecs="service.version", otel="service.version"),
    field("go.version", _K, "Go release of the build.", otel="process.runtime.version"),
    field("instance.id", _K, "UUID of the process.", ecs="service.node.name", otel="service.instance.id"),
    field("http.request.id", _K, "UUID of the request.", ecs="http.request.id"),
    field("http.request.method", _K, "HTTP method.", ecs="http.request.method", otel="http.request.method"),
    field("http.request.host", _K, "Host header.", ecs="url.domain", otel="server.address"),
    field(
        "http.request.uri",
        _K,
        "Path and query. That of an upload holds the secret `_state`.",
        es="wildcard",
        ecs="url.original",
        otel="url.full",
    ),
    field("http.request.remoteaddr", _K, "Client, or peer with port.", ecs="client.address", otel="client.address"),
    field("http.request.useragent", _K, "User-Agent header.", ecs="user_agent.original", otel="user_agent.original"),
    field("http.request.referer", _K, "Referer header.", es="wildcard", ecs="http.request.referrer"),
    field("http.request.contenttype", _K, "Content type of the request.", ecs="http.request.mime_type"),
    field(
        "http.response.status",
        _L,
        "HTTP status; 0 when none was written.",
        es="short",
        minimum=0,
        maximum=MOST_STATUS,
        ecs="http.response.status_code",
        otel="http.response.status_code",
    ),
    field("http.response.written", _L, "Body of the response.", "bytes", ecs="http.response.body.bytes"),
    field("http.response.contenttype", _K, "Content type of the response.", ecs="http.response.mime_type"),
    field("http.response.duration", _K, "Time in the handler, a Go duration: 1.2ms.", pattern=GO_DURATION),
    field("vars.name", _K, "Repository path of the route.", es="wildcard"),
    field("vars.reference", _K, "Tag or digest of the route."),
    field("vars.digest", _K, "Digest of the route, as the client wrote it: it need not be one."),
    field("vars.uuid", _K, "Upload of the route."),
    field("auth.user", FieldType.OBJECT, "User of the request; may hold a secret.", loose=True, indexed=False),
    field("auth.user.name", _K, "User.", ecs="user.name", otel="user.name"),
    field(
        "err.code",
        _K,
        f"Error code of the API in words: {', '.join(ERROR_CODES)}.",
        ecs="error.code",
        otel="error.type",
    ),
    field("err.message", _T, "Message of the API error.", ecs="error.message"),
    field("err.detail", _T, "Detail of the API error; text or a structure.", loose=True),
    field("copied", _L, "Bytes received.", "bytes"),
    field("contentLength", _L, "Content-Length of the request; -1 when it names none.", "bytes", minimum=-1),
    # An object in JSON, Go's own form of it in text.
    field("event", FieldType.OBJECT, "Notification event.", since="3.0.0", loose=True),
    field("events.sink", _K, "Endpoint of notifications.", since="3.0.0", loose=True),
    field("sink", _K, "Endpoint of notifications.", since="3.0.0", loose=True),
    field("upload.id", _K, "Upload."),
    field("digest", _K, "Digest of the blob.", pattern=DIGEST),
    field("canonical", _K, "Digest that was computed.", pattern=DIGEST),
    field("provided", _K, "Digest that was claimed.", pattern=DIGEST),
    field("blob", _K, "Blob of the descriptor cache.", since="3.0.0", pattern=DIGEST),
    field("path", _K, "Path in the storage.", es="wildcard"),
    field("cidr", _K, "Address range."),
    field("ip", _K, "Client address."),
    field("user-client", _K, "User-Agent header of a request behind CloudFront."),
    field("username", _K, "User of basic authentication.", since="3.0.0", ecs="user.name", otel="user.name"),
    field("user", _K, "User that was made because there was none."),
    field("password", _K, "Password of that user: a secret."),
    field("signature", _K, "Signature of a request to S3: a secret.", indexed=False),
    field("string-to-sign", _T, "What the signature of a request to S3 is made of.", indexed=False),
    field("func", _K, "Go function, with `log.reportcaller`.", since="3.0.0", otel="code.function.name"),
    field("file", _K, "Source file and line, with `log.reportcaller`.", since="3.0.0", otel="code.file.path"),
    field("function", _K, "Go function, with `log.reportcaller` and formatter logstash.", since="3.0.0"),
    field("err", _T, "Text of the error.", loose=True),
    field("redis.connect.duration", _K, "Time to connect to Redis.", loose=True),
    field("trace.id", _K, "UUID of the traced call."),
    field("trace.parent.id", _K, "UUID of the call around it."),
    field("trace.func", _K, "Traced function."),
    field("trace.file", _K, "Source file of the call."),
    field("trace.line", _L, "Source line of the call.", minimum=0),
    field("trace.duration", _L, "How long the call took, so far.", "ns"),
)

# The line has no names; these are the ones the same things have on an access line of GitLab.
COMBINED = (
    field("host", _K, "Host header, where the form has it.", ecs="url.domain", otel="server.address"),
    field("remote_ip", FieldType.IP, "Client.", ecs="client.ip", otel="client.address"),
    field("auth_user_name", _K, "User of basic authentication.", ecs="user.name", otel="user.name"),
    field("time", FieldType.DATE, "When the request came.", ecs="@timestamp", otel="Timestamp", pattern=ISO_TIME),
    field("method", _K, "HTTP method.", ecs="http.request.method", otel="http.request.method"),
    field("uri", _K, "Path and query. That of an upload holds the secret `_state`.", es="wildcard", ecs="url.original"),
    field(
        "proto", _K, "HTTP version, as HTTP/1.1.", ecs="network.protocol.version", pattern=r"^HTTP/[0-9](?:\.[0-9])?$"
    ),
    field("status", _L, "HTTP status.", es="short", minimum=0, maximum=MOST_STATUS, ecs="http.response.status_code"),
    field("written_bytes", _L, "Body of the response.", "bytes", ecs="http.response.body.bytes"),
    field("referrer", _K, "Referer header.", es="wildcard", ecs="http.request.referrer"),
    field("user_agent", _K, "User-Agent header.", ecs="user_agent.original", otel="user_agent.original"),
)

# What net/http says on its own, through Go's standard logger: no level, local time without its zone.
STANDARD = (
    field("time", FieldType.DATE, "When the line was written, in the zone of the process.", pattern=LOCAL_TIME),
    field("msg", _T, "What the library says.", ecs="message", otel="Body"),
)

# What Go's runtime writes when a program fails, line by line.
RUNTIME = (field("msg", _T, "A line of a panic or of the dump of goroutines.", ecs="message", otel="Body"),)
