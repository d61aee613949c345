"""The access lines of CNCF Distribution: its own, and those in the form of Apache's."""

from __future__ import annotations

import json


def own(uri: str = "/v2/", status: int = 200, *, form: str = "json") -> bytes:
    fields = {"http.request.method": "GET", "http.request.uri": uri, "http.response.status": status}
    fields |= {"level": "info", "msg": "response completed", "http.response.written": 2}
    fields |= {"http.response.duration": "2.5ms", "time": "2026-11-23T23:36:49Z"}
    if form == "json":
        return json.dumps(fields).encode()
    return " ".join(f"{name}={json.dumps(value)}" for name, value in fields.items()).encode()


def failed(request: str, code: str = "manifest blob unknown", *, form: str = "json") -> bytes:
    """One of the lines of a request with errors, as docker-registry 2.8.2 writes them."""
    fields: dict[str, object] = {"err.code": code, "http.request.id": request, "http.request.method": "PUT"}
    fields |= {"http.request.uri": "/v2/a/b/manifests/1", "http.response.status": 400, "http.response.written": 625}
    fields |= {"http.response.duration": "2.5ms", "level": "error", "msg": "response completed with error"}
    fields |= {"time": "2026-11-23T23:36:49Z"}
    if form == "json":
        return json.dumps(fields).encode()
    return " ".join(f"{name}={json.dumps(value)}" for name, value in fields.items()).encode()


APACHE = b'127.0.0.1 - - [23/Nov/2026:23:36:49 +0000] "PUT /v2/a/b/manifests/1 HTTP/1.1" 400 625 "" "c/1"'


def combined(uri: str = "/v2/", status: int = 200) -> bytes:
    return f'127.0.0.1 - - [23/Nov/2026:23:36:49 +0000] "GET {uri} HTTP/1.1" {status} 2 "" "c/1"'.encode()
