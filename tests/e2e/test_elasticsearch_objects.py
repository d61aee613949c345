"""What `regobs build` writes for Elasticsearch is taken by a real one, as far as its distribution has the parts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from regobs.logs import saved
from regobs.logs.duckdb.run import run as run_local
from regobs.logs.elasticsearch.cluster import Cluster
from regobs.logs.elasticsearch.objects import objects
from regobs.logs.elasticsearch.run import run
from regobs.logs.fields import FIELDS
from regobs.pack import find_pack
from tests.logs import reference
from tests.logs.sample import FILE, lines
from tests.peers.elasticsearch import Elasticsearch, stand_in

STREAM = "logs-registry-production"


@pytest.fixture(scope="module")
def server(elasticsearch_server: Elasticsearch) -> Elasticsearch:
    """The templates are put in the order of the build, and the sample is written to a data stream that is not there."""
    elasticsearch_server.set_up(objects())  # the others are held to the documented form in tests/logs
    assert elasticsearch_server.write(STREAM, [{"@timestamp": line["time"], **line} for line in lines()]) == []
    return elasticsearch_server


def test_the_first_line_makes_the_data_stream_with_the_fields_of_the_catalogue(server: Elasticsearch) -> None:
    ((index, made),) = server.request("GET", f"{STREAM}/_mapping").items()
    assert index.startswith(f".ds-{STREAM}-")
    expected = stand_in(objects()["_component_template/logs-registry@mappings"]["template"]["mappings"])
    assert made["mappings"]["properties"].keys() == expected["properties"].keys()
    assert made["mappings"]["dynamic"] == "false"
    settings = server.request("GET", f"{STREAM}/_settings")[index]["settings"]["index"]
    assert settings["codec"] == "best_compression"


def test_saved_queries_are_answered_from_the_data_streams_by_default(server: Elasticsearch) -> None:
    query = saved.load_query(find_pack(), "slow-requests-by-route", now=reference.NOW)
    with Cluster(server.access) as cluster:
        theirs = run(query, cluster)
    assert theirs.rows == run_local(query, [str(FILE)]).rows != ()


DRIFT: list[tuple[dict[str, Any], str, Any]] = [
    ({"status": "not a number"}, "status", None),
    ({"status": 99999}, "status", None),
    ({"time": "soon"}, "time", None),
    ({"remote_ip": "10.0.0.1:80"}, "remote_ip", None),
    ({"redirect": "yes"}, "redirect", None),
    ({"host": {"name": "shipper"}}, "host", None),
    ({"host": "registry", "host.name": "shipper"}, "host", "registry"),
    ({"method": {"a": 1}}, "method", None),
    ({"vars_name": "x" * 9000}, "vars_name", None),
    ({"vars_name": "é" * 8191}, "vars_name", "é" * 8191),
    ({"new_field": "x", "log.file.path": "/a"}, "new_field", None),
    ({"auth_user": {"Name": "a", "JWT": "x"}}, "auth_user", None),
    ({"auth_user": "[FILTERED]"}, "auth_user", None),
]


@pytest.mark.parametrize(
    ("line", "field", "found"), DRIFT, ids=[f"{at} {next(iter(case[0]))}" for at, case in enumerate(DRIFT)]
)
def test_a_line_that_drifts_is_kept_and_only_what_fits_is_found(
    server: Elasticsearch, line: dict[str, Any], field: str, found: Any
) -> None:
    stream = "logs-registry-drift"
    marked = {"@timestamp": "2026-11-23T11:00:00Z", "correlation_id": json.dumps(line)[:500], **line}
    assert server.write(stream, [marked]) == []
    ours = {"term": {"correlation_id": marked["correlation_id"]}}
    hits = server.request("POST", f"{stream}/_search", {"query": ours})["hits"]["hits"]
    assert [hit["_source"] for hit in hits] == [marked]
    wanted = {"exists": {"field": field}} if found is None else {"term": {field: found}}
    both = {"query": {"bool": {"filter": [ours, wanted]}}}
    assert server.request("POST", f"{stream}/_search", both)["hits"]["total"]["value"] == (found is not None)


def test_no_field_of_the_catalogue_is_refused_in_a_value_of_its_own_type(server: Elasticsearch) -> None:
    values: dict[str, Any] = {
        "LONG": 1,
        "DOUBLE": 0.5,
        "BOOLEAN": True,
        "DATE": "2026-11-23T11:00:00.123456789Z",
        "IP": "10.0.0.1",
        "KEYWORD_LIST": ["a", "b"],
        "OBJECT": {"a": "b"},
    }
    line = {name: values.get(field.type.name, "text") for name, field in FIELDS.items()}
    assert server.write("logs-registry-all", [{"@timestamp": line["time"], **line}]) == []
    answer = server.request("POST", "logs-registry-all/_search", {"query": {"match_all": {}}})
    assert "_ignored" not in answer["hits"]["hits"][0]
