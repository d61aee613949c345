"""Messages of CNCF Distribution 2.8 and 3.x, as Debian's docker-registry 2.8.2 writes them."""

from __future__ import annotations

from regobs.logs.messages.distribution_source import MESSAGES as FROM_SOURCE
from regobs.logs.messages.message import Match, group, message

_RESPONSE = "http.response.duration http.response.status http.response.written http.response.contenttype?"
_CODES = "err.code err.message err.detail?"

REQUESTS = group(
    "handlers",
    "dotted request",
    message("authorizing request", "debug info"),
    message("authorized request", "info"),
    message("response completed with error", "error", f"{_RESPONSE} {_CODES}"),
    message("client disconnected during ", "error", "copied contentLength error", match=Match.PREFIX),
    # One a handler or store method, `GetBlob`, `(*manifestStore).Put`, `Putting a Docker Manifest!`.
    message(
        r"(?:Get|Put|Delete|Head)(?:Blob|ImageManifest|Tags|Catalog|ImageIndex)(?:Data|Link)?|CreateBlobUpload"
        r"|\(\*[A-Za-z0-9]+\)\.[A-Za-z0-9]+|Putting an? [A-Za-z ]+!|Succeeded in putting manifest!"
        r"|[A-Z][A-Za-z]+ImageManifest",
        "debug",
        match=Match.PATTERN,
    ),
    # The text of Move lacks its closing parenthesis.
    message(r"[a-z0-9]+\.(?:GetContent|PutContent|Reader|Writer|Stat|List|Move|Delete|URLFor|Walk)\(.*\)?", "debug",
            "trace.id trace.func trace.file trace.line trace.duration trace.parent.id?", match=Match.PATTERN,
            when=("http.request.id", None)),
    message("error closing blobwriter: ", "error", match=Match.PREFIX),
    message("error resolving upload: ", "error info", match=Match.PREFIX),
    message("unknown error ", "error", match=Match.PREFIX),
    message("An error occured", "error", match=Match.PREFIX),
)  # fmt: skip

# In release 2.8 this line is made after the request's variables are gone, so it carries none.
RESPONSE = group("access", "dotted request", message("response completed", "info", _RESPONSE))

PROCESS = group(
    "process",
    "dotted",
    message(r"[a-z0-9]+\.(?:GetContent|PutContent|Reader|Writer|Stat|List|Move|Delete|URLFor|Walk)\(.*\)?", "debug",
            "trace.id trace.func trace.file trace.line trace.duration trace.parent.id?", match=Match.PATTERN),
    message(r"using \"(?:json|text|logstash)\" logging formatter", "debug", match=Match.PATTERN),
    message("debug server listening ", "info", match=Match.PREFIX),
    message("listening on ", "info", match=Match.PREFIX),
    message("providing prometheus metrics on ", "info", match=Match.PREFIX),
    message("No HTTP secret provided ", "warning", match=Match.PREFIX),
    message("redis not configured", "info warning"),
    message("using inmemory blob descriptor cache", "info"),
    message("using redis blob descriptor cache", "info"),
    message("Starting upload purge in ", "info", match=Match.PREFIX),
    message("PurgeUploads starting: ", "info", match=Match.PREFIX),
    message("Purge uploads finished.", "info", match=Match.PREFIX),
    message("backend redirection disabled", "info"),
    message("configured .* access controller", "debug info", match=Match.PATTERN),
    message("stopping server gracefully. Draining connections for ", "info", match=Match.PREFIX),
)  # fmt: skip

NOTIFICATIONS = group(
    "notifications",
    "dotted",
    message("configuring endpoint ", "info", match=Match.PREFIX),
    message("retryingsink: error writing events: ", "error", match=Match.PREFIX),
    message(r"httpSink\{.*\} encountered too many errors, backing off", "warning", match=Match.PATTERN),
    message("eventqueue: error writing events ", "warning", match=Match.PREFIX),
)

MESSAGES = (*RESPONSE, *REQUESTS, *PROCESS, *NOTIFICATIONS, *FROM_SOURCE)
