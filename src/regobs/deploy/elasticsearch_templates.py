"""What log lines need in an Elasticsearch: lifecycle policy, ingest pipeline, component templates, index template.

Documented at https://www.elastic.co/docs/api/doc/elasticsearch/ (ilm, ingest, indices). An Elasticsearch changes one
object at a time: while a deployment runs, some are new and some are old. Data streams that the template makes get a new
index at the end, since a mapping is that of an index and not of its stream.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import requests

from regobs.common.counts import counted
from regobs.deploy.json_api import ApiWords, JsonApi
from regobs.deploy.json_changes import flattened, json_changes
from regobs.deploy.state import Objects
from regobs.deploy.target import NOT_WHOLE, PlannedChange
from regobs.errors import InputError, ServerError
from regobs.logs.elasticsearch.access import KEY_VARIABLE, PASSWORD_VARIABLE, USER_VARIABLE, Access
from regobs.logs.elasticsearch.objects import FOLDER, NAME, PATTERN

POLICIES, PIPELINES = "_ilm/policy", "_ingest/pipeline"
COMPONENTS, TEMPLATES = "_component_template", "_index_template"
_ORDER = (POLICIES, PIPELINES, COMPONENTS, TEMPLATES)  # each may name what stands before it
_OWN_PART = f"{NAME}@custom"  # settings of a cluster, never ours
# What Elasticsearch adds to what it was given: times, and settings that were not given.
_ADDED = {"created_date", "created_date_millis", "modified_date", "modified_date_millis"}
_DATA_STREAM = {"hidden": False, "allow_custom_routing": False}
_LINE = {"time": "2026-11-23T11:00:00Z", "msg": "regobs deploy", "authorization": "Bearer regobs-deploy"}
WORDS = ApiWords(
    expected="the REST API of Elasticsearch 8 or 9",
    allowed="the cluster privileges manage_index_templates, manage_ilm and manage_pipeline; manage of the data streams",
    credentials=f"set {KEY_VARIABLE}, or {USER_VARIABLE} and {PASSWORD_VARIABLE}, or name files in regobs.toml",
    next_step="see the log of the server",
)


def enter(access: Access, session: requests.Session) -> None:
    """Open a server of Elastic with what `access` has."""
    session.headers.update(access.headers)
    session.trust_env = False  # .netrc would replace the header
    if access.authority is not None:
        session.verify = str(access.authority)


class ElasticsearchTemplates:
    """The objects of one Elasticsearch, by the path of the API that takes them, without `/` at its begin."""

    def __init__(self, name: str, access: Access) -> None:
        self._name = name
        self._api = JsonApi(access.url, WORDS, lambda session: enter(access, session))
        self._ask = self._api.ask

    @property
    def name(self) -> str:
        """As regobs.toml calls it."""
        return self._name

    def wanted(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """The objects of a build, by path."""
        found = {}
        for file, content in files.items():
            path = file.removeprefix(f"{FOLDER}/").removesuffix(".json")
            if file.startswith(f"{FOLDER}/") and _section(path):
                found[path] = _canonical(path, json.loads(content))
        return found

    def read(self) -> dict[str, bytes]:
        """Every object whose name begins with that of our data streams."""
        found = {}
        for section in _ORDER:
            for name, body in self._section(section):
                if name.startswith(NAME) and name != _OWN_PART:
                    found[f"{section}/{name}"] = _as_it_is(section, body)
        return dict(sorted(found.items()))

    def _section(self, section: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Name and body of what the API shows under this path; nothing where the server has no such thing."""
        asked = section if section == POLICIES else f"{section}/{NAME}*"
        answer = self._ask("GET", f"/{asked}", missing=True) if section != POLICIES else self._policies()
        if answer is None:
            return
        try:
            if section in {COMPONENTS, TEMPLATES}:
                listed, key = (
                    ("component_templates", "component_template")
                    if section == COMPONENTS
                    else (
                        "index_templates",
                        "index_template",
                    )
                )
                yield from ((str(one["name"]), dict(one[key])) for one in answer[listed])
            else:
                yield from ((str(name), dict(body)) for name, body in answer.items())
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._api.strange(f"what /{asked} answers is not the documented form") from None

    def _policies(self) -> Any:
        """The lifecycle policies, None where the server has no lifecycle: it answers as for a wrong path then."""
        answer = self._api.send("GET", f"/{POLICIES}")
        unknown = answer.status_code == requests.codes.bad_request and "no handler found" in answer.text[:200]
        if unknown or answer.status_code == requests.codes.method_not_allowed:
            return None
        return self._ask("GET", f"/{POLICIES}")

    def fits(self, name: str, content: bytes) -> bool:
        """Whether it is an object of ours under a path of the API that takes such."""
        section = _section(name)
        own = name.removeprefix(f"{section}/")
        return bool(section) and own.startswith(NAME) and own != _OWN_PART and isinstance(json.loads(content), dict)

    def check(self, objects: Objects) -> None:
        """Refuse a pipeline that the server cannot compile, and a policy where it has no lifecycle. Changes nothing."""
        if any(_section(path) == POLICIES for path in objects) and self._policies() is None:
            raise InputError(
                "this server has no lifecycle policies",
                value=self._api.url,
                expected="an Elasticsearch, which has them under /_ilm/policy",
                next_step="docs/elasticsearch.md says what OpenSearch needs instead",
            )
        for path, content in objects.items():
            if _section(path) == PIPELINES:
                self._judge_pipeline(path, f"/{PIPELINES}/_simulate", {"pipeline": json.loads(content)})

    def _judge_pipeline(self, path: str, address: str, body: dict[str, Any]) -> None:
        """Let the server run a line through a pipeline. Raises ServerError where it does not come out."""
        answer = self._ask("POST", address, body=body | {"docs": [{"_index": NAME, "_source": _LINE}]})
        try:
            error = answer["docs"][0].get("error")
            line = {} if error else answer["docs"][0]["doc"]["_source"]
        except (KeyError, TypeError, IndexError, AttributeError):
            raise self._api.strange(f"what {address} answers is not the documented form") from None
        if error or line.get("authorization") == _LINE["authorization"]:
            reason = error.get("reason", "") if isinstance(error, dict) else ""
            what = "refuses a line" if error else "lets a secret through"
            raise self._api.strange(f"the pipeline {path.rpartition('/')[2]} {what}", str(reason)[:300])

    def write(self, before: Objects, after: Objects) -> None:
        """One object at a time, each before those that name it; at last a new index for each of our data streams."""
        changed = [path for path in after if before.get(path) != after[path]]
        for section in _ORDER:
            for path in changed:
                if _section(path) == section:
                    self._ask("PUT", _address(path), body=json.loads(after[path]))
        gone = [path for path in before if path not in after]
        for section in reversed(_ORDER):
            for path in gone:
                if _section(path) == section:
                    self._ask("DELETE", _address(path), missing=True)
        if any(_section(path) in {COMPONENTS, TEMPLATES} for path in changed):
            for stream in self._streams():
                self._ask("POST", f"/{quote(stream, safe='')}/_rollover")

    def _streams(self) -> list[str]:
        """The data streams that our index template made."""
        answer = self._api.send("GET", f"/_data_stream/{PATTERN}")
        if answer.status_code in {400, 404, 405}:
            return []  # no stream is there, or the distribution lacks the call
        answer = self._ask("GET", f"/_data_stream/{PATTERN}")
        try:
            return [str(one["name"]) for one in answer["data_streams"] if one["template"] == NAME]
        except (KeyError, TypeError):
            raise self._api.strange("what /_data_stream answers is not the documented form") from None

    def verify(self, objects: Objects) -> None:
        """Every object is what was written, a new data stream would get it, and the pipeline masks a line."""
        here = self.read()
        for path, content in objects.items():
            if here.get(path) != content:
                raise ServerError(
                    f"{path} {'is not what was written' if path in here else 'is not there'}",
                    value=self._api.url,
                    next_step="see whether something else writes it, such as an integration of Fleet",
                )
            if _section(path) == PIPELINES:
                self._judge_pipeline(path, f"{_address(path)}/_simulate", {})
        if f"{TEMPLATES}/{NAME}" in objects:
            self._see_in_use(objects)

    def _see_in_use(self, objects: Objects) -> None:
        """Raises ServerError where a template of others is taken for our data streams."""
        answer = self._ask("POST", f"/{TEMPLATES}/_simulate_index/{NAME}-regobs-deploy")
        wanted: dict[str, Any] = {}
        for part in json.loads(objects[f"{TEMPLATES}/{NAME}"]).get("composed_of", ()):
            wanted |= json.loads(objects.get(f"{COMPONENTS}/{part}", b"{}")).get("template", {}).get("mappings", {})
        found = answer.get("template", {}).get("mappings", {}) if isinstance(answer, dict) else {}
        missing = wanted.get("properties", {}).keys() - found.get("properties", {}).keys()
        if missing:
            raise ServerError(
                f"a new data stream {NAME}-* would lack {counted(len(missing), 'field')} of our template",
                value=", ".join(sorted(missing)[:5]),
                next_step=f"see `GET /{TEMPLATES}/_simulate_index/{NAME}-x`: which template has a higher priority?",
            )

    def same(self, ours: bytes, live: bytes) -> bool:
        """Whether both are equal: `read` leaves out what is not ours."""
        return ours == live

    def announce(self, text: str) -> None:
        """An Elasticsearch shows no deployments."""

    def changes(self, before: Objects, after: Objects) -> list[PlannedChange]:
        """Objects added and removed; of those that stay, each field and setting that differs."""
        return json_changes(before, after)


def _section(path: str) -> str:
    """The part of the API that an object belongs to, "" for none of ours."""
    return next((one for one in _ORDER if path == one or path.startswith(f"{one}/")), "")


def _address(path: str) -> str:
    section = _section(path)
    return f"/{section}/{quote(path[len(section) + 1 :], safe='@')}"


def _as_it_is(section: str, body: dict[str, Any]) -> bytes:
    """An object of the server: one that is of another form than those of its kind as given."""
    try:
        return _canonical(section, body)
    except NOT_WHOLE:
        return _dumped(body)


def _canonical(path: str, body: dict[str, Any]) -> bytes:
    """An object as it would be put: without what Elasticsearch adds, its settings in one form, keys in order."""
    section = _section(path)
    plain = {key: value for key, value in body.items() if key not in _ADDED}
    if section == POLICIES:
        plain = {"policy": _policy(plain["policy"])}
    template = plain.get("template")
    if isinstance(template, dict) and "settings" in template:
        settings = {_setting(name): _text(value) for name, value in flattened(template["settings"]).items()}
        plain["template"] = template | {"settings": settings}
    if section == TEMPLATES and isinstance(plain.get("data_stream"), dict):
        stream = plain["data_stream"].items()
        plain["data_stream"] = {key: value for key, value in stream if _DATA_STREAM.get(key) != value}
    return _dumped(plain)


def _dumped(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _policy(policy: Mapping[str, Any]) -> dict[str, Any]:
    """A policy without what holds anyway: that a phase begins at once, and that snapshots go with their index."""
    phases = {}
    for name, phase in policy.get("phases", {}).items():
        phases[name] = {key: value for key, value in phase.items() if (key, value) != ("min_age", "0ms")}
        actions = phases[name].get("actions", {})
        if actions.get("delete", {}).get("delete_searchable_snapshot") is True:
            phases[name]["actions"] = actions | {"delete": {}}
    return {**policy, "phases": phases}


def _setting(name: str) -> str:
    return name if name.startswith("index.") else f"index.{name}"


def _text(value: Any) -> Any:
    """Settings come back as texts."""
    return str(value).lower() if isinstance(value, bool) else value if isinstance(value, list) else str(value)
