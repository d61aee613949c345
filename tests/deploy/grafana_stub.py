"""A stub of Grafana's documented API for folders, dashboards and annotations, which refuses everything else.

No package offers Grafana. It does what https://grafana.com/docs/grafana/latest/developers/http_api/ says.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.stub_server import StubHandler, StubServer

TOKEN = "glsa_secret"
Json = dict[str, Any]
Answer = tuple[int, Any]


class WritableGrafana(StubServer):
    """Keeps folders and dashboards. `refuse` may answer in its place; `asked` has the requests that change."""

    def __init__(self) -> None:
        self.folders: dict[str, str] = {}
        self.boards: dict[str, tuple[str, Json]] = {}  # folder and dashboard by uid
        self.annotations: list[Json] = []
        self.asked: list[tuple[str, str]] = []
        self.refuse: Callable[[str, str], Answer | str | None] = lambda method, path: None
        self._lock = threading.Lock()
        outer = self

        class Handler(StubHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                with outer._lock:
                    found = outer._answer(self.command, self.path, dict(self.headers), self.rfile.read(length))
                status, data = (200, found) if isinstance(found, str) else found
                html = isinstance(found, str)
                body = data.encode() if html else json.dumps(data).encode()
                self.answer(status, body, "text/html" if html else "application/json; charset=UTF-8")

            do_GET = do_POST = do_DELETE = _serve

        super().__init__(Handler)

    def put(self, folder: str, board: Json) -> None:
        """Save a dashboard as a person does in the browser."""
        self.folders.setdefault(folder, folder)
        before = self.boards.get(board["uid"])
        number, version = (before[1]["id"], before[1]["version"] + 1) if before else (len(self.boards) + 1, 1)
        self.boards[board["uid"]] = (folder, board | {"id": number, "version": version})

    def _answer(self, method: str, target: str, headers: dict[str, str], content: bytes) -> Answer | str:
        parts = urlsplit(target)
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key", "messageId": "api-key.invalid", "statusCode": 401, "traceID": ""}
        if method != "GET":
            self.asked.append((method, parts.path))
        refused = self.refuse(method, parts.path)
        if refused is not None:
            return refused
        if method == "POST" and headers.get("Content-Type") != "application/json":
            return 400, {"message": "bad request data"}
        return self._routed(method, parts.path, parts.query, json.loads(content) if content else {})

    def _routed(self, method: str, path: str, query: str, body: Json) -> Answer:
        if method == "GET" and path == "/api/search":
            return self._search(parse_qs(query, strict_parsing=True))
        if path.startswith("/api/folders"):
            return self._folder(method, unquote(path.removeprefix("/api/folders").lstrip("/")), body)
        if method == "POST" and path == "/api/dashboards/db":
            return self._save(body)
        if method == "POST" and path == "/api/annotations":
            return self._annotation(body)
        if path.startswith("/api/dashboards/uid/"):
            return self._one(method, unquote(path.removeprefix("/api/dashboards/uid/")))
        return 404, {"message": "Not found"}

    def _annotation(self, body: Json) -> Answer:
        if body.keys() > {"dashboardUID", "panelId", "time", "timeEnd", "tags", "text"} or not body.get("text"):
            return 400, {"message": "bad request data"}
        self.annotations.append(body)
        return 200, {"message": "Annotation added", "id": len(self.annotations)}

    def _search(self, asked: dict[str, list[str]]) -> Answer:
        if asked.keys() > {"type", "tag", "limit", "query", "folderUIDs", "page"} or asked.get("type") != ["dash-db"]:
            return 400, {"message": "bad request data"}
        wanted = asked.get("folderUIDs", [])
        found = [(uid, one) for uid, (folder, one) in self.boards.items() if not wanted or folder in wanted]
        return 200, [{"id": one["id"], "uid": uid, "title": one["title"], "type": "dash-db"} for uid, one in found]

    def _folder(self, method: str, uid: str, body: Json) -> Answer:
        if method == "GET" and uid:
            if uid not in self.folders:
                return 404, {"message": "folder not found", "status": "not-found"}
            return 200, {"id": 1, "uid": uid, "title": self.folders[uid]}
        if method != "POST" or uid or not body.get("title"):
            return 400, {"message": "folder title cannot be empty"}
        if body["uid"] in self.folders:
            return 409, {"message": "the folder has been changed by someone else"}
        self.folders[body["uid"]] = body["title"]
        return 200, {"id": len(self.folders), "uid": body["uid"], "title": body["title"]}

    def _save(self, body: Json) -> Answer:
        board = body.get("dashboard")
        if not isinstance(board, dict) or body.keys() > {"dashboard", "folderUid", "message", "overwrite"}:
            return 400, {"message": "bad request data"}
        if not board.get("title"):
            return 400, {"message": "Dashboard title cannot be empty", "status": "empty-name"}
        if body.get("folderUid") and body["folderUid"] not in self.folders:
            return 404, {"message": "folder not found"}
        before = self.boards.get(board["uid"])
        if before is not None and not body.get("overwrite") and board.get("version") != before[1]["version"]:
            return 412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
        others = {one["title"]: of for uid, (of, one) in self.boards.items() if uid != board["uid"]}
        if others.get(board["title"]) == body.get("folderUid", "") and not body.get("overwrite"):
            message = "A dashboard with the same name in the folder already exists"
            return 412, {"message": message, "status": "name-exists"}
        version = before[1]["version"] + 1 if before else 1
        number = before[1]["id"] if before else len(self.boards) + 1
        self.boards[board["uid"]] = (body.get("folderUid", ""), board | {"id": number, "version": version})
        return 200, {
            "id": number,
            "uid": board["uid"],
            "status": "success",
            "version": version,
            "slug": "s",
            "url": "/d",
        }

    def _one(self, method: str, uid: str) -> Answer:
        if uid not in self.boards:
            return 404, {"message": "Dashboard not found"}
        folder, board = self.boards[uid]
        if method == "DELETE":
            del self.boards[uid]
            return 200, {"title": board["title"], "message": f"Dashboard {board['title']} deleted", "id": board["id"]}
        return 200, {"dashboard": board, "meta": {"type": "db", "folderUid": folder, "version": board["version"]}}
