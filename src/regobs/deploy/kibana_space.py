"""The data views, Discover sessions and dashboards of a build, in one space of a Kibana, through its HTTP API.

Documented at https://www.elastic.co/docs/api/doc/kibana/ (saved objects: export, import, delete). Kibana migrates what
it imports to its own release, which adds values: an object is the same as ours when it has every value that we gave it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import requests

from regobs.deploy.elasticsearch_templates import WORDS as ELASTICSEARCH
from regobs.deploy.elasticsearch_templates import enter
from regobs.deploy.json_api import ApiWords, JsonApi
from regobs.deploy.json_changes import json_changes
from regobs.deploy.state import Objects
from regobs.deploy.target import PlannedChange
from regobs.errors import InputError, ServerError
from regobs.kibana.outputs import FOLDER
from regobs.logs.elasticsearch.access import Access

_TYPES = ("index-pattern", "search", "dashboard")  # each may refer to those before it
_OURS = "registry-"  # every id of ours begins so
_KEPT = ("type", "id", "attributes", "references", "coreMigrationVersion", "typeMigrationVersion")
_VERSIONS = ("coreMigrationVersion", "typeMigrationVersion")
_WORDS = ApiWords(
    expected="the HTTP API of Kibana 8.17 or later",
    allowed="the Kibana privilege Saved Objects Management: All, in this space",
    credentials=ELASTICSEARCH.credentials,
    next_step="give the address at which Kibana's own pages begin, and see its log",
)


class KibanaSpace:
    """The saved objects of one space, by `<type>/<id>`. `environment` chooses those of one file of the build."""

    def __init__(self, name: str, access: Access, space: str = "", environment: str = "") -> None:
        self._name, self._environment = name, environment
        self._path = f"/s/{quote(space, safe='')}/api/saved_objects" if space else "/api/saved_objects"
        self._api = JsonApi(access.url, _WORDS, lambda session: self._enter(access, session))

    @staticmethod
    def _enter(access: Access, session: requests.Session) -> None:
        enter(access, session)
        session.headers["kbn-xsrf"] = "regobs"  # without it Kibana refuses what changes something

    @property
    def name(self) -> str:
        """As regobs.toml calls it."""
        return self._name

    def wanted(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """The saved objects of a build: of every environment, or of ours. Raises InputError when it has no such one."""
        there = {
            file.removeprefix(f"{FOLDER}/").removesuffix(".ndjson"): content
            for file, content in files.items()
            if file.startswith(f"{FOLDER}/") and file.endswith(".ndjson")
        }
        if self._environment and self._environment not in there:
            raise InputError(
                "the build has no Kibana objects of this environment",
                value=self._environment,
                expected=", ".join(sorted(there)) or "a build with kibana/",
                next_step="name one of log_schemas/kibana.yaml, or leave `environment` out for all",
            )
        chosen = [self._environment] if self._environment else sorted(there)
        return dict(pair for name in chosen for pair in _objects(there[name].splitlines()))

    def read(self) -> dict[str, bytes]:
        """The data views, sessions and dashboards of the space whose id begins with `registry-`."""
        body = {"type": list(_TYPES), "excludeExportDetails": True}
        answer = self._api.send("POST", f"{self._path}/_export", json=body)
        if answer.status_code != requests.codes.ok:
            raise self._api.refused(answer, f"POST {self._api.url}{self._path}/_export")
        try:
            return dict(sorted(pair for pair in _objects(answer.content.splitlines()) if f"/{_OURS}" in pair[0]))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._api.strange("what the export answers is not one saved object a line") from None

    def fits(self, name: str, content: bytes) -> bool:
        """Whether it is a saved object of ours of this type and id."""
        saved = json.loads(content)
        ours = saved["type"] in _TYPES and str(saved["id"]).startswith(_OURS)
        return ours and name == f"{saved['type']}/{saved['id']}"

    def check(self, objects: Objects) -> None:
        """Refuse objects that refer to others that are neither here nor among them."""
        here = self.read().keys() | objects.keys()
        for name, content in objects.items():
            for one in json.loads(content)["references"]:
                if one["id"].startswith(_OURS) and f"{one['type']}/{one['id']}" not in here:
                    raise InputError(
                        f"{name} refers to an object that is not there",
                        value=f"{one['type']}/{one['id']}",
                        expected="an object of the same build",
                        next_step="build again, and make the plan again",
                    )

    def write(self, before: Objects, after: Objects) -> None:
        """One import of all that differ; then what went away is deleted, dashboards first."""
        changed = [name for name in after if name not in before or not self.same(after[name], before[name])]
        if changed:
            self._import(b"\n".join(after[name] for name in sorted(changed, key=_rank)))
        for name in sorted((name for name in before if name not in after), key=_rank, reverse=True):
            kind, _, one = name.partition("/")
            self._api.ask("DELETE", f"{self._path}/{kind}/{quote(one, safe='')}", missing=True)

    def _import(self, lines: bytes) -> None:
        file = ("regobs.ndjson", lines + b"\n", "application/ndjson")
        answer = self._api.send("POST", f"{self._path}/_import", params={"overwrite": "true"}, files={"file": file})
        try:
            data = answer.json()
            success, errors = data["success"], [_refusal(one) for one in data.get("errors", ())]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._api.refused(answer, f"POST {self._api.url}{self._path}/_import") from None
        if success is not True or answer.status_code != requests.codes.ok:
            raise self._api.strange("the import is refused", "; ".join(errors)[:300])

    def verify(self, objects: Objects) -> None:
        """Every object can be read, and has what was written."""
        here = self.read()
        for name, content in objects.items():
            if name not in here or not self.same(content, here[name]):
                raise ServerError(
                    f"{name} {'is not what was written' if name in here else 'is not there'}",
                    value=self._api.url,
                    next_step="see whether somebody else writes to this space",
                )

    def same(self, ours: bytes, live: bytes) -> bool:
        """Whether what is there has every value of ours."""
        return ours == live or _contains(_compared(live), _compared(ours))

    def announce(self, text: str) -> None:
        """A Kibana shows no deployments."""

    def changes(self, before: Objects, after: Objects) -> list[PlannedChange]:
        """Objects added and removed; of those that stay, each value of ours that differs."""
        new = {name: _compared(content) for name, content in after.items()}
        old = {name: _compared(content) for name, content in before.items()}
        return json_changes(
            {name: _text(_without_additions(one, new.get(name, one))) for name, one in old.items()},
            {name: _text(one) for name, one in new.items()},
        )


def _objects(lines: list[bytes]) -> Iterator[tuple[str, bytes]]:
    for line in lines:
        if line.strip():
            saved = json.loads(line)
            yield f"{saved['type']}/{saved['id']}", _text({key: saved[key] for key in _KEPT if key in saved})


def _text(saved: Any) -> bytes:
    return json.dumps(saved, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _compared(content: bytes) -> dict[str, Any]:
    """A saved object without versions, with the JSON that some of its attributes hold as text."""
    saved = json.loads(content)
    attributes = {name: _unpacked(value) for name, value in saved["attributes"].items()}
    meta = attributes.get("kibanaSavedObjectMeta")
    if isinstance(meta, dict):
        attributes["kibanaSavedObjectMeta"] = {name: _unpacked(value) for name, value in meta.items()}
    references = {f"{one['name']}": f"{one['type']}/{one['id']}" for one in saved.get("references", ())}
    plain = {key: value for key, value in saved.items() if key not in _VERSIONS}
    return plain | {"attributes": attributes, "references": references}


def _unpacked(value: Any) -> Any:
    if not isinstance(value, str) or value[:1] not in {"{", "["}:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _contains(live: Any, ours: Any) -> bool:
    """Whether every value of ours is there too; lists are as long, and in the same order."""
    if isinstance(ours, dict):
        return isinstance(live, dict) and all(key in live and _contains(live[key], one) for key, one in ours.items())
    if isinstance(ours, list):
        return isinstance(live, list) and len(live) == len(ours) and all(map(_contains, live, ours))
    return bool(live == ours)


def _without_additions(live: Any, ours: Any) -> Any:
    """What is there without keys that ours has not, which Kibana adds."""
    if isinstance(live, dict) and isinstance(ours, dict):
        return {key: _without_additions(one, ours[key]) for key, one in live.items() if key in ours}
    if isinstance(live, list) and isinstance(ours, list) and len(live) == len(ours):
        return list(map(_without_additions, live, ours))
    return live


def _rank(name: str) -> tuple[int, str]:
    return _TYPES.index(name.partition("/")[0]), name


def _refusal(error: Mapping[str, Any]) -> str:
    reason = error.get("error", {})
    return f"{error.get('type')}/{error.get('id')}: {reason.get('type')}"
