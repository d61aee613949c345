"""A real OpenSearch, open to everybody of this machine: its security is a plugin that this distribution lacks.

No OpenSearch knows `ignore_malformed` of booleans and `subobjects`, so its mapping goes without them. Without the
second it refuses a line with an object in the place of text; such a line is written with the object as text. Its
`wildcard` makes no groups and knows no order, so `keyword` stands in for it. What Elasticsearch calls `flattened` it
calls `flat_object`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from regobs.common.programs import Supervisor, free_port
from tests.peers import required_opensearch
from tests.peers.install_opensearch import jdk
from tests.peers.search_server import JVM, SearchServer, prepared, started

TYPES = {"wildcard": "keyword", "flattened": "flat_object"}  # of Elasticsearch, and what stands for them


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSearch(SearchServer):
    """The running server."""

    def taken(self, mapping: Mapping[str, Any]) -> dict[str, Any]:
        """The mapping without the words that OpenSearch does not know."""
        properties = {
            name: {
                key: value for key, value in field.items() if (field["type"], key) != ("boolean", "ignore_malformed")
            }
            for name, field in mapping["properties"].items()
        }
        for field in properties.values():
            field["type"] = TYPES.get(field["type"], field["type"])
        return {key: value for key, value in mapping.items() if key != "subobjects"} | {"properties": properties}

    def load(self, index: str, mapping: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]) -> list[Any]:
        """Make an index of lines without objects but in the fields that take them."""
        taking = {name for name, field in mapping["properties"].items() if field["type"] == "flattened"}
        return SearchServer.load(self, index, mapping, (_without_objects(line, taking) for line in lines))


def _without_objects(line: Mapping[str, Any], taking: set[str]) -> dict[str, Any]:
    return {
        name: json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        if isinstance(value, dict) and name not in taking
        else value
        for name, value in line.items()
    }


def start(supervisor: Supervisor) -> OpenSearch:
    """Start the server. Needs about 20 s; MachineError when it does not come up."""
    port = free_port()
    settings = {"http.port": port, "transport.port": free_port()}
    directory = prepared(supervisor, required_opensearch(), "opensearch", settings)
    environment = {
        "OPENSEARCH_JAVA_HOME": str(jdk()),
        "OPENSEARCH_JAVA_OPTS": JVM,
        "OPENSEARCH_PATH_CONF": str(directory / "config"),
        "OPENSEARCH_TMPDIR": str(directory / "tmp"),
    }
    process = started(supervisor, directory, "opensearch", environment)
    server = OpenSearch(process=process, url=f"http://127.0.0.1:{port}", directory=directory)
    server.wait()
    return server
