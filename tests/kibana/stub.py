"""A stub of Kibana, because no package offers one: the APIs that take our objects, and nothing else.

It speaks as documented, and refuses whatever it does not know: `POST /api/saved_objects/_import` (multipart, errors by
object in an answer of status 200), `PUT` and `GET /api/dashboards/{id}`, `POST /api/data_views/data_view`; each below
`/s/<space>` too, and every write only with the header kbn-xsrf. What it cannot tell is how a panel looks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from typing import Any

import jsonschema_rs

from tests.kibana import forms, lens_rules
from tests.stub_server import StubHandler, StubServer

Json = dict[str, Any]
KNOWN = {"index-pattern": (8, 0, 0), "search": (10, 10, 0), "dashboard": (10, 4, 0)}  # of the release that it plays
INDEX = "kibanaSavedObjectMeta.searchSourceJSON.index"


class Kibana(StubServer):
    """The server; `objects` by space, type and id, `dashboards` by space and id."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.objects: dict[tuple[str, str, str], Json] = {}
        self.dashboards: dict[tuple[str, str], Json] = {}


class _Handler(StubHandler):
    server: Kibana

    def do_POST(self) -> None:
        space, path, query = self._target()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "kbn-xsrf" not in self.headers:
            return self._fail(400, "Request must contain a kbn-xsrf header.")
        if path == "/api/saved_objects/_import":
            return self._import(space, body, overwrite="overwrite=true" in query)
        if path == "/api/data_views/data_view":
            return self._data_view(space, json.loads(body))
        return self._fail(404, "Not Found")

    def do_PUT(self) -> None:
        space, path, _ = self._target()
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        found = re.fullmatch(r"/api/dashboards/([^/]+)", path)
        if "kbn-xsrf" not in self.headers:
            return self._fail(400, "Request must contain a kbn-xsrf header.")
        if found is None:
            return self._fail(404, "Not Found")
        faults = [*invalid(forms.DASHBOARD_BODY, body)]
        faults = faults or [*dashboard_faults(body, space, self.server.objects)]
        if faults:
            return self._fail(400, f"[request body]: {faults[0]}")
        there = (space, found[1]) in self.server.dashboards
        self.server.dashboards[space, found[1]] = body
        return self._answer(200 if there else 201, {"id": found[1], "data": body, "meta": {}})

    def do_GET(self) -> None:
        space, path, _ = self._target()
        found = self.server.dashboards.get((space, path.removeprefix("/api/dashboards/")))
        if found is None:
            return self._fail(404, "Not Found")
        return self._answer(200, {"data": found})

    def _target(self) -> tuple[str, str, str]:
        path, _, query = self.path.partition("?")
        found = re.fullmatch(r"/s/([^/]+)(/.*)", path)
        return (found[1], found[2], query) if found else ("default", path, query)

    def _import(self, space: str, body: bytes, *, overwrite: bool) -> None:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        parts = list(message_from_bytes(head + body, policy=policy.HTTP).iter_parts())
        files = [part for part in parts if part.get_param("name", header="content-disposition") == "file"]
        if len(files) != 1 or not str(files[0].get_filename()).endswith(".ndjson"):
            return self._fail(400, "Invalid file extension")
        content = files[0].get_payload(decode=True)
        assert isinstance(content, bytes)
        objects = [json.loads(line) for line in content.splitlines()]
        keys = [(one.get("type"), one.get("id")) for one in objects]
        if len(set(keys)) != len(keys):
            return self._fail(400, "Non-unique import objects detected")
        there = {(kind, name) for where, kind, name in self.server.objects if where == space} | set(keys)
        errors = [*self._errors(objects, space, there, overwrite=overwrite)]
        wrong = {(error["type"], error["id"]) for error in errors}
        good = [one for one in objects if (one["type"], one["id"]) not in wrong]
        for one in good:
            self.server.objects[space, one["type"], one["id"]] = one
        answer = {"success": not errors, "successCount": len(good)}
        return self._answer(200, {**answer, "errors": errors} if errors else answer)

    def _errors(
        self, objects: list[Json], space: str, there: set[tuple[str, str]], *, overwrite: bool
    ) -> Iterator[Json]:
        for one in objects:
            named = {"type": one.get("type"), "id": one.get("id")}
            missing = [ref for ref in one.get("references", ()) if (ref["type"], ref["id"]) not in there]
            if named["type"] not in KNOWN:
                yield {**named, "error": {"type": "unsupported_type"}}
            elif missing:
                yield {**named, "error": {"type": "missing_references", "references": missing}}
            elif not overwrite and (space, named["type"], named["id"]) in self.server.objects:
                yield {**named, "error": {"type": "conflict"}}
            elif found := [*saved_object_faults(one)]:
                yield {**named, "error": {"type": "unknown", "message": found[0], "statusCode": 400}}

    def _data_view(self, space: str, body: Json) -> None:
        faults = [*invalid(forms.DATA_VIEW_BODY, body)]
        if faults:
            return self._fail(400, f"[request body]: {faults[0]}")
        view = body["data_view"]
        key = (space, "index-pattern", view["id"])
        if key in self.server.objects and not body.get("override"):
            return self._fail(400, f"Duplicate data view: {view['title']}")
        self.server.objects[key] = view
        return self._answer(200, {"data_view": view})

    def _fail(self, status: int, message: str) -> None:
        self._answer(status, {"statusCode": status, "message": message})

    def _answer(self, status: int, body: Json) -> None:
        self.answer(status, json.dumps(body).encode())


def invalid(schema: Json, data: Any) -> Iterator[str]:
    """What does not fit a schema."""
    for error in jsonschema_rs.validator_for(schema).iter_errors(data):
        yield f"{'/'.join(map(str, error.instance_path))}: {error.message[:300]}"


def saved_object_faults(one: Json) -> Iterator[str]:
    """What is wrong in a saved object of a known type."""
    yield from invalid(forms.SAVED_OBJECT, one)
    kind = one["type"]
    version = tuple(map(int, one["typeMigrationVersion"].split(".")))
    if version > KNOWN[kind]:
        yield f"{kind} of {one['typeMigrationVersion']} belongs to a more recent version of Kibana"
    yield from invalid(forms.ATTRIBUTES[kind], one["attributes"])
    names = [ref["name"] for ref in one["references"]]
    if len(set(names)) != len(names):
        yield "two references of one name"
    if kind == "search":
        source = json.loads(one["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
        yield from invalid(forms.SEARCH_SOURCE, source)
        if source.get("indexRefName") != INDEX or names != [INDEX]:
            yield "the search names no data view"
    if kind == "dashboard":
        yield from _stored_dashboard_faults(one["attributes"], one["references"])


def _stored_dashboard_faults(attributes: Json, references: list[Json]) -> Iterator[str]:
    panels = json.loads(attributes["panelsJSON"])
    used: list[str] = []
    for panel in panels:
        yield from invalid(forms.EMBEDDED, panel)
        if panel["gridData"]["i"] != panel["panelIndex"]:
            yield f"{panel['panelIndex']} stands at the place of {panel['gridData']['i']}"
        if panel["type"] == "search":
            used.append(f"{panel['panelIndex']}:{panel['panelRefName']}")
            continue
        inside = panel["embeddableConfig"]["attributes"]
        used += [f"{panel['panelIndex']}:{reference['name']}" for reference in inside["references"]]
        yield from (f"{panel['panelIndex']}: {fault}" for fault in lens_rules.faults(inside))
    controls = json.loads(attributes.get("controlGroupInput", {}).get("panelsJSON", "{}"))
    used += [f"controlGroup_{name}:optionsListDataView" for name in controls]
    if sorted(used) != sorted(reference["name"] for reference in references):
        yield "the references of the dashboard are not those of its panels"
    if len({panel["panelIndex"] for panel in panels}) != len(panels):
        yield "two panels of one index"
    yield from lens_rules.grid_faults(panel["gridData"] for panel in panels)


def dashboard_faults(body: Json, space: str, objects: dict[tuple[str, str, str], Json]) -> Iterator[str]:
    """What is wrong between the parts of a dashboard of the API, and with what it refers to."""
    yield from lens_rules.grid_faults(panel["grid"] for panel in body["panels"])
    wanted = {("index-pattern", one["config"]["data_view_id"]) for one in body.get("pinned_panels", ())}
    for panel in body["panels"]:
        config = panel["config"]
        if panel["type"] == "discover_session":
            wanted.add(("search", config["ref_id"]))
            continue
        sources = [layer["data_source"] for layer in config.get("layers", ())] or [config["data_source"]]
        wanted |= {("index-pattern", source["ref_id"]) for source in sources}
        yield from _index_faults(config)
    yield from (f"there is no {kind} {name}" for kind, name in wanted if (space, kind, name) not in objects)


def _index_faults(config: Json) -> Iterator[str]:
    """Indices that point beyond the metrics or rows."""
    for part in config.get("layers", [config]):
        metrics = part.get("y", part.get("metrics"))
        buckets = [*part.get("rows", ()), *(part[key] for key in ("x", "breakdown_by") if key in part)]
        for bucket in buckets:
            if bucket.get("rank_by", {}).get("metric_index", 0) >= len(metrics):
                yield "metric_index out of bounds"
        sort = part.get("styling", {}).get("sort_by")
        if sort and sort["index"] >= len(metrics if sort["column_type"] == "metric" else part["rows"]):
            yield "sort_by.index out of bounds"
