"""A stub of Grafana, which no package offers: the two documented calls that we make, and 4xx for any other."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.stub_server import StubHandler, StubServer

TOKEN = "glsa_secret"
Json = dict[str, Any]


class GrafanaStub(StubServer):
    """Serves these dashboards to whoever sends the token."""

    def __init__(self, dashboards: list[Json]) -> None:
        self._dashboards = {one["uid"]: one for one in dashboards}
        outer = self

        class Handler(StubHandler):
            def do_GET(self) -> None:
                status, data = outer._answer(self.path, self.headers.get("Authorization"))
                self.answer(status, json.dumps(data).encode(), "application/json; charset=UTF-8")

        super().__init__(Handler)

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
