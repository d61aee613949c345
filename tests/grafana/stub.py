"""A stub of Grafana, which no package offers: the two documented calls that we make, and 4xx for any other."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "glsa_secret"
Json = dict[str, Any]


class GrafanaStub:
    """Serves these dashboards to whoever sends the token."""

    def __init__(self, dashboards: list[Json]) -> None:
        self._dashboards = {one["uid"]: one for one in dashboards}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, data = outer._answer(self.path, self.headers.get("Authorization"))
                body = json.dumps(data).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _answer(self, target: str, authorization: str | None) -> tuple[int, Any]:
        parts = urlsplit(target)
        if authorization != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key", "messageId": "api-key.invalid", "statusCode": 401, "traceID": ""}
        if parts.path == "/api/search":
            asked = parse_qs(parts.query, strict_parsing=True)
            if asked.keys() > {"type", "tag", "limit", "query", "folderUIDs", "page"} or asked["type"] != ["dash-db"]:
                return 400, {"message": "bad request data"}
            tagged = [one for one in self._dashboards.values() if set(asked["tag"]) <= set(one["tags"])]
            keys = ("uid", "title", "tags")
            return 200, [{"id": 1, "type": "dash-db", **{key: one[key] for key in keys}} for one in tagged]
        uid = unquote(parts.path.removeprefix("/api/dashboards/uid/"))
        if uid not in self._dashboards:
            return 404, {"message": "Dashboard not found"}
        saved = {**self._dashboards[uid], "id": 7, "version": 3}  # Grafana adds these to what was saved
        return 200, {"dashboard": saved, "meta": {"type": "db", "slug": uid, "provisioned": True}}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
