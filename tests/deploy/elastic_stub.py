"""Stubs of Elasticsearch's and Kibana's documented APIs, as far as deployments use them; all else is refused.

What a real Elasticsearch of the tests lacks (lifecycle policies, ingest processors, calls about data streams) is only
here. No package offers Kibana. Sources: https://www.elastic.co/docs/api/doc/elasticsearch/ and .../kibana/.
"""

from __future__ import annotations

import email.parser
import email.policy
import fnmatch
import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from regobs.deploy.json_changes import flattened
from tests.logs.elasticsearch.ingest import ingest
from tests.stub_server import StubHandler, StubServer

KEY = "ZXM6c2VjcmV0"
Json = dict[str, Any]
Answer = tuple[int, Any]
ADDED: Json = {"created_date": "2026-11-29T00:00:00Z", "created_date_millis": 1795910400000}


class ElasticStub(StubServer):
    """Answers through `routed`. `refuse` may answer in its place; `asked` has the requests that change something."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.refuse: Callable[[str, str], Answer | str | None] = lambda method, path: None
        self._lock = threading.Lock()
        outer = self

        class Handler(StubHandler):
            def _serve(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with outer._lock:
                    found = outer._answer(self.command, self.path, dict(self.headers), content)
                if isinstance(found, str):
                    self.answer(200, found.encode(), "text/html")
                    return
                status, data = found
                self.answer(status, data if isinstance(data, bytes) else json.dumps(data).encode())

            do_GET = do_POST = do_PUT = do_DELETE = _serve

        super().__init__(Handler)

    def _answer(self, method: str, target: str, headers: dict[str, str], content: bytes) -> Answer | str:
        parts = urlsplit(target)
        if headers.get("authorization", headers.get("Authorization")) != f"ApiKey {KEY}":
            return 401, {"error": {"type": "security_exception", "reason": "missing authentication"}, "status": 401}
        if self.changes(method, parts.path):
            self.asked.append((method, unquote(parts.path)))
            refused = self.refuse(method, parts.path)
            if refused is not None:
                return refused
        return self.routed(method, unquote(parts.path), parse_qs(parts.query), headers, content)

    def changes(self, method: str, path: str) -> bool:
        """Whether a request changes something."""
        return method != "GET" and "_simulate" not in path and not path.endswith("_export")

    def routed(self, method: str, path: str, query: dict[str, list[str]], headers: Json, content: bytes) -> Answer:
        """The answer of the API."""
        raise NotImplementedError


def _nested(settings: Json) -> Json:
    """Settings as Elasticsearch shows them: objects in objects, below `index`."""
    found: Json = {}
    for name, value in flattened(settings).items():
        *outer, last = name.split(".")
        place = found
        for key in outer:
            place = place.setdefault(key, {})
        place[last] = value
    return found


class StubElasticsearch(ElasticStub):
    """`objects` by section and name; `streams` are data streams of our template, `rolled` those that rolled over."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, dict[str, Json]] = {
            section: {} for section in ("_ilm/policy", "_ingest/pipeline", "_component_template", "_index_template")
        }
        self.streams: list[str] = []
        self.rolled: list[str] = []

    def routed(self, method: str, path: str, query: dict[str, list[str]], headers: Json, content: bytes) -> Answer:
        body: Json = json.loads(content) if content else {}
        for section, there in self.objects.items():
            if path.endswith("/_simulate") and section == "_ingest/pipeline":
                return self._simulate(body.get("pipeline") or there[path.split("/")[3]], body)
            if "_simulate_index" not in path and (path == f"/{section}" or path.startswith(f"/{section}/")):
                return self._object(method, section, there, path[len(section) + 2 :], body)
        return self._of_streams(method, path)

    def _of_streams(self, method: str, path: str) -> Answer:
        if path.startswith("/_index_template/_simulate_index/"):
            return 200, {"template": self._effective(), "overlapping": []}
        if path == "/_data_stream/logs-registry-*":
            return 200, {"data_streams": [{"name": one, "template": "logs-registry"} for one in self.streams]}
        if path.endswith("/_rollover") and path.split("/")[1] in self.streams:
            self.rolled.append(path.split("/")[1])
            return 200, {"acknowledged": True, "rolled_over": True}
        return 400, {"error": f"no handler found for uri [{path}] and method [{method}]"}

    def _object(self, method: str, section: str, there: dict[str, Json], name: str, body: Json) -> Answer:
        if method == "GET":
            return self._shown(section, {key: one for key, one in there.items() if fnmatch.fnmatch(key, name or "*")})
        if method == "DELETE":
            return (200, {"acknowledged": True}) if there.pop(name, None) else (404, {"error": "missing"})
        if section == "_index_template":
            lacking = [
                one
                for one in body["composed_of"]
                if one not in self.objects["_component_template"]
                and one not in body.get("ignore_missing_component_templates", ())
            ]
            if lacking:
                return 400, {"error": {"type": "invalid_index_template_exception", "reason": f"missing {lacking}"}}
        there[name] = body
        return 200, {"acknowledged": True}

    def _shown(self, section: str, found: dict[str, Json]) -> Answer:
        if section == "_ilm/policy":
            return 200, {name: {"version": 1, **one, "in_use_by": {}} for name, one in found.items()}
        if section == "_ingest/pipeline":
            return (200 if found else 404), {name: one | ADDED for name, one in found.items()}
        key = section.strip("_")
        return 200, {f"{key}s": [{"name": name, key: self._stored(one) | ADDED} for name, one in found.items()]}

    @staticmethod
    def _stored(one: Json) -> Json:
        """Settings as texts below `index`, and what a data stream is where nothing else is said."""
        if "data_stream" in one:
            return one | {"data_stream": {"hidden": False, "allow_custom_routing": False}}
        if "settings" in one.get("template", {}):
            return one | {"template": one["template"] | {"settings": _nested(one["template"]["settings"])}}
        return one

    def _effective(self) -> Json:
        found: Json = {"mappings": {}, "settings": {}}
        for name in self.objects["_index_template"].get("logs-registry", {}).get("composed_of", ()):
            part = self.objects["_component_template"].get(name, {}).get("template", {})
            found = {key: found[key] | part.get(key, {}) for key in found}
        return found

    @staticmethod
    def _simulate(pipeline: Json, body: Json) -> Answer:
        docs: list[Json] = []
        for one in body["docs"]:
            if any("fail" in processor for processor in pipeline["processors"]):
                docs.append({"error": {"type": "fail_processor_exception", "reason": "it fails"}})
            else:
                docs.append({"doc": {"_index": one["_index"], "_source": ingest(pipeline, one["_source"])}})
        return 200, {"docs": docs}


class StubKibana(ElasticStub):
    """`saved` are the objects of the space `space` by type and id. What it imports it migrates: `tabs` are added."""

    def __init__(self, space: str = "") -> None:
        super().__init__()
        self.saved: dict[str, Json] = {}
        self._base = f"/s/{space}/api/saved_objects" if space else "/api/saved_objects"

    def routed(self, method: str, path: str, query: dict[str, list[str]], headers: Json, content: bytes) -> Answer:
        if method != "GET" and headers.get("kbn-xsrf") is None:
            return 400, {
                "statusCode": 400,
                "error": "Bad Request",
                "message": "Request must contain a kbn-xsrf header.",
            }
        if (method, path) == ("POST", f"{self._base}/_export"):
            wanted = json.loads(content)
            if wanted.keys() != {"type", "excludeExportDetails"}:
                return 400, {"message": "[request body]: definition for this key is missing"}
            found = [one for one in self.saved.values() if one["type"] in wanted["type"]]
            return 200, b"\n".join(json.dumps(one).encode() for one in found)
        if (method, path) == ("POST", f"{self._base}/_import"):
            return self._import(query, headers["Content-Type"], content)
        if method == "DELETE" and self.saved.pop(path.removeprefix(f"{self._base}/"), {}):
            return 200, {}
        return 404, {"statusCode": 404, "error": "Not Found", "message": f"{path} not found"}

    def _import(self, query: dict[str, list[str]], kind: str, content: bytes) -> Answer:
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
            f"Content-Type: {kind}\r\n\r\n".encode() + content
        )
        (part,) = message.iter_parts()
        assert str(part.get_filename()).endswith(".ndjson")
        assert query == {"overwrite": ["true"]}
        lines = part.get_payload(decode=True)
        assert isinstance(lines, bytes)
        objects = [json.loads(line) for line in lines.splitlines() if line.strip()]
        names = self.saved.keys() | {f"{one['type']}/{one['id']}" for one in objects}
        errors = [
            {"type": one["type"], "id": one["id"], "error": {"type": "missing_references"}}
            for one in objects
            if any(f"{to['type']}/{to['id']}" not in names for to in one["references"])
        ]
        for one in objects:
            if not any(error["id"] == one["id"] for error in errors):
                self.saved[f"{one['type']}/{one['id']}"] = one | {
                    "attributes": one["attributes"] | ({"tabs": []} if one["type"] == "search" else {}),
                    "typeMigrationVersion": "10.9.0",
                    "updated_at": "2026-11-29T00:00:00Z",
                    "version": "WzEsMV0=",
                    "managed": False,
                }
        return 200, {"success": not errors, "successCount": len(objects) - len(errors), "errors": errors}
