"""What is wrong with a request, as the API says it: a code with its status, and the JSON around it."""

from __future__ import annotations

import json

from starlette.responses import Response

# Code, status and text: OCI Distribution 1.1, and what GitLab's registry adds to it.
_CODES = {
    "BLOB_UNKNOWN": (404, "blob unknown to registry"),
    "BLOB_UPLOAD_INVALID": (404, "blob upload invalid"),
    "BLOB_UPLOAD_UNKNOWN": (404, "blob upload unknown to registry"),
    "CONTENT_RANGE_INVALID": (416, "invalid content range"),
    "DIGEST_INVALID": (400, "provided digest did not match uploaded content"),
    "MANIFEST_BLOB_UNKNOWN": (400, "blob unknown to registry"),
    "MANIFEST_INVALID": (400, "manifest invalid"),
    "MANIFEST_REFERENCED": (409, "manifest referenced by a manifest list"),
    "MANIFEST_SIZE_LIMIT": (400, "payload size limit exceeded"),
    "MANIFEST_UNKNOWN": (404, "manifest unknown"),
    "NAME_UNKNOWN": (404, "repository name not known to registry"),
    "PAGINATION_NUMBER_INVALID": (400, "invalid number of results requested"),
    "TOOMANYREQUESTS": (429, "too many requests"),
    "UNAUTHORIZED": (401, "authentication required"),
    "UNAVAILABLE": (503, "service unavailable"),
    "UNKNOWN": (500, "unknown error"),
    "UNSUPPORTED": (405, "the operation is unsupported"),
}


class Problem(Exception):  # noqa: N818 (an answer of the API, which is no failure of the process)
    """Ends a request. `detail` is shown to the client."""

    def __init__(self, code: str, detail: object = None, *, headers: dict[str, str] | None = None) -> None:
        self.code = code
        self.detail = detail
        self.status, self.text = _CODES[code]
        self.headers = headers or {}
        super().__init__(self.text)

    @property
    def message(self) -> str:
        """What the log line of it is called."""
        return self.code.lower().replace("_", " ")

    def answer(self) -> Response:
        """The answer of OCI Distribution."""
        error = {"code": self.code, "message": self.text, "detail": self.detail}
        body = json.dumps({"errors": [error]}, separators=(",", ":"))
        return Response(body, self.status, self.headers, media_type="application/json")
