"""What a pod writes about its requests: the access line of each, and the lines of its handlers before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from regobs.simulate.journal import Content, PodLog, Subject
from regobs.simulate.traffic import Request

_HOST = "registry.example.com"
_PRIMARY = {"db_host_type": "primary", "db_host_addr": "10.0.2.10:5432"}
_REPLICA = {"db_host_type": "replica", "db_host_addr": "10.0.2.11:5432"}
_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
_HEADERS = 700  # bytes before the body of a request
_UNKNOWN = {"manifest": "MANIFEST_UNKNOWN", "blob": "BLOB_UNKNOWN", "upload": "BLOB_UPLOAD_UNKNOWN"}
_INVALID = {("manifest", "PUT"): "MANIFEST_INVALID", ("upload", "PUT"): "DIGEST_INVALID"}
_LISTS = {
    "tags": "listed oci repository tags",
    "v1_tags": "listed repository tags",
    "v1_sub_repositories": "listed sub-repositories",
}
# Constant fields of a line: those of the router's, and of a handler that refuses.
_ROUTER = {
    "config_http_addr": ":5000",
    "config_http_host": "",
    "config_http_net": "",
    "config_http_prefix": "",
    "config_http_relative_urls": False,
    "router": "gorilla/mux",
}
_MEASURED = {
    "size_cached": False,
    "size_type": "self",
    "is_top_level": False,
    "precision": "default",
    "failure": False,
    "error": None,
}


@dataclass(frozen=True, slots=True)
class LoggedResponse:
    """How a request ended. `first` is seconds to the first byte, `size` is the blob's; others are bytes on the wire."""

    code: int
    seconds: float
    first: float
    read: int
    written: int
    size: int
    redirected: bool


class RequestLog:
    """Writes into the journal of a pod."""

    def __init__(self, journal: PodLog, content: Content) -> None:
        self._journal = journal
        self._content = content

    def finished(self, kind: Request, answer: LoggedResponse) -> None:
        """The lines of a request that ends in this step."""
        end = self._journal.moment()
        start = self._journal.before(end, answer.seconds)
        subject = self._content.subject(self._journal.rng)
        told = _Told(self._journal, kind, answer, subject, self._journal.identity(start), start, end)
        told.routed()
        if answer.code < 400:
            told.handled()
        else:
            told.refused()
        told.answered()


@dataclass(frozen=True, slots=True)
class _Told:
    """The lines of one request."""

    journal: PodLog
    kind: Request
    answer: LoggedResponse
    subject: Subject
    identity: str
    start: float
    end: float

    def _say(self, time: float, msg: str, level: str = "info", /, **fields: Any) -> None:
        about = self.subject.variables(self.kind)
        self.journal.line(time, msg, level, correlation_id=self.identity, **about, **fields)

    def routed(self) -> None:
        """The line of the router."""
        path = self.subject.path(self.kind).partition("?")[0]
        self._say(self.start, "router info", **_ROUTER, method=self.kind.method, path=path)

    def answered(self) -> None:
        """The access line."""
        kind, answer, subject = self.kind, self.answer, self.subject
        fields: dict[str, Any] = {
            "correlation_id": self.identity,
            "content_type": self._content_type(),
            "duration_ms": int(answer.seconds * 1000),
            "host": _HOST,
            "method": kind.method,
            "proto": "HTTP/1.1",
            "read_bytes": answer.read,
            "referrer": "",
            "remote_addr": f"{subject.address}:{20_000 + self.journal.rng.randrange(40_000)}",
            "remote_ip": subject.address,
            "status": answer.code,
            "system": "http",
            "uri": subject.path(kind),
            "user_agent": subject.agent,
            "written_bytes": answer.written,
        }
        if kind.method != "HEAD":
            fields["ttfb_ms"] = int(answer.first * 1000)
        self.journal.plain(self.end, "access", **fields)

    def _content_type(self) -> str:
        if self.answer.code >= 400:
            return "application/json"
        if self.kind.blob == "out" and not self.answer.redirected:
            return "application/octet-stream"
        if not self.kind.answer:
            return ""
        return _MANIFEST_TYPE if self.kind.route == "manifest" else "application/json"

    def handled(self) -> None:
        """The lines of a handler that succeeds."""
        answer, subject = self.answer, self.subject
        name, blob = subject.name, {"size_bytes": answer.size, "digest": subject.digest}
        match self.kind.route, self.kind.method:
            case "manifest", "GET" | "HEAD":
                self._say(self.start, "getting manifest by tag from database", repository=name, tag_name=subject.tag)
                self._say(self.end, "manifest downloaded", **self._manifest(answer.written), path=name, **self._host())
            case "manifest", "PUT":
                put = {"repository": name, "manifest_digest": subject.digest, "schema_version": 2}
                self._say(self.start, "putting manifest", **put)
                self._say(self.end, "manifest uploaded", **self._manifest(answer.read - _HEADERS))
            case "manifest", "DELETE":
                self._say(self.end, "tag deleted", tag_name=subject.tag)
            case "blob", "GET":  # the blob server knows the size
                self._say(self.start, "blob downloaded", **blob, redirect=answer.redirected)
                self._say(self.end, "blob downloaded", path=name, **self._host())
            case "blob", "HEAD":  # it has no line, its handler has
                self._say(self.end, "blob downloaded", path=name, **self._host())
            case "upload", "PATCH":
                self._say(self.end, "payload copied", action="blob PATCH", copied=answer.size, content_length=-1)
            case "upload", "PUT":
                copied = {"copied": answer.size, "content_length": answer.size}
                self._say(self.start, "payload copied", action="blob PUT", **copied)
                self._say(self.end, "new blob uploaded", **blob, media_type=_LAYER_TYPE)
                self._say(self.end, "blob uploaded", **blob, media_type=_LAYER_TYPE)
            case _:
                self._listed()

    def _listed(self) -> None:
        name, route = self.subject.name, self.kind.route
        if route in _LISTS:
            self._say(self.end, _LISTS[route], path=name, count=1 + self.answer.written // 80, **self._host())
        elif route == "v1_repository":
            size, spent = self.journal.rng.randrange(2**33), int(self.answer.seconds * 900)
            measured = {**_MEASURED, "size_bytes": size, "duration_ms": spent}
            self._say(self.end, "repository size measurement", path=name, **measured, **self._host())

    def refused(self) -> None:
        """The line of a handler that fails. Who hangs up (499) has none; who is not known is no error of the API."""
        kind, status = self.kind, self.answer.code
        if status == 499:
            return
        if status == 401:
            self._say(self.end, "error authorizing context", "warning", error="authorization token required")
            return
        code = "UNAVAILABLE" if status == 503 else "UNKNOWN"
        if status == 404:
            code = _UNKNOWN.get(kind.route, "NAME_UNKNOWN")
        elif status == 400:
            code = _INVALID.get((kind.route, kind.method), "BLOB_UPLOAD_INVALID")
        text = code.lower().replace("_", " ")
        fields: dict[str, Any] = {
            "code": code,
            "error": f"{text}: {text}",
            "host": _HOST,
            "method": kind.method,
            "remote_addr": f"{self.subject.address}:20000",
            "uri": self.subject.path(kind),
            "user_agent": self.subject.agent,
        }
        if status >= 500:
            fields["detail"] = "the database or the storage of the model does not answer"
        self._say(self.end, text, "error", **fields)

    def _host(self) -> dict[str, str]:
        return _REPLICA if self.journal.rng.random() < 0.9 else _PRIMARY

    def _manifest(self, size: int) -> dict[str, Any]:
        size = size or 1500  # a HEAD sends nothing
        return {
            "media_type": _MANIFEST_TYPE,
            "size_bytes": size,
            "digest": self.subject.digest,
            "tag_name": self.subject.tag,
            "reference_count": 2 + size % 7,
        }
