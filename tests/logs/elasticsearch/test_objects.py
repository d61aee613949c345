"""The objects of Elasticsearch: in the documented form, from the catalogue, and what the pipeline makes of lines."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from regobs.logs.elasticsearch.mapping import LONGEST, mapping
from regobs.logs.elasticsearch.objects import files, objects
from regobs.logs.elasticsearch.pipeline import pipeline
from regobs.logs.fields import ALIASES, FIELDS, Conversion, FieldType
from regobs.secrets.ingest import FIELDS as SECRET_FIELDS
from tests.logs.elasticsearch.ingest import NOW, ingest

T = "2026-11-23T11:05:00.123Z"


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


AGE = {"type": "string", "pattern": "^[0-9]+(d|h|m|s|ms)$"}
COUNT = {"type": "integer", "minimum": 1}
PRIORITY = _object(["priority"], priority={"type": "integer", "minimum": 0})
# Elasticsearch reference 9, "Create or update lifecycle policy" and the actions that each phase may have.
POLICY = _object(
    ["policy"],
    policy=_object(
        ["phases"],
        _meta={"type": "object"},
        phases=_object(
            ["hot"],
            hot=_object(
                ["actions"],
                min_age=AGE,
                actions=_object(
                    ["rollover"],
                    set_priority=PRIORITY,
                    rollover=_object(
                        [], max_age=AGE, max_primary_shard_size={"type": "string", "pattern": "^[0-9]+(gb|mb)$"}
                    ),
                ),
            ),
            warm=_object(
                ["actions"],
                min_age=AGE,
                actions=_object(
                    [], set_priority=PRIORITY, forcemerge=_object(["max_num_segments"], max_num_segments=COUNT)
                ),
            ),
            delete=_object(["actions"], min_age=AGE, actions=_object(["delete"], delete={"type": "object"})),
        ),
    ),
)


# Of the same reference: "Create or update a pipeline", "... a component template", "... an index template".
META = {"type": "object"}
NAMES = {"type": "array", "items": {"type": "string"}, "minItems": 1}
PROCESSOR = {"type": "object", "minProperties": 1, "maxProperties": 1}
SETTINGS = _object(
    ["index"],
    index=_object(
        [],
        lifecycle=_object(["name"], name={"type": "string"}),
        default_pipeline={"type": "string"},
        codec={"enum": ["default", "best_compression"]},
    ),
)
MAPPINGS = _object(
    ["properties"],
    dynamic={"enum": [True, False, "strict", "runtime"]},
    subobjects={"type": "boolean"},
    date_detection={"type": "boolean"},
    properties={"type": "object", "additionalProperties": {"type": "object", "required": ["type"]}},
)
FORMS = {
    "_ilm/policy": POLICY,
    "_ingest/pipeline": _object(
        ["processors"],
        description={"type": "string"},
        processors={"type": "array", "items": PROCESSOR, "minItems": 1},
        on_failure={"type": "array", "items": PROCESSOR},
        version={"type": "integer"},
        _meta=META,
    ),
    "_component_template": _object(
        ["template"],
        template=_object([], settings=SETTINGS, mappings=MAPPINGS, aliases={"type": "object"}),
        version={"type": "integer"},
        _meta=META,
    ),
    "_index_template": _object(
        ["index_patterns"],
        index_patterns=NAMES,
        composed_of=NAMES,
        ignore_missing_component_templates=NAMES,
        priority={"type": "integer", "minimum": 0},
        data_stream=_object([], hidden={"type": "boolean"}, allow_custom_routing={"type": "boolean"}),
        template={"type": "object"},
        version={"type": "integer"},
        allow_auto_create={"type": "boolean"},
        _meta=META,
    ),
}


@pytest.mark.parametrize("path", objects())
def test_each_object_has_the_documented_form_for_no_server_of_the_tests_has_lifecycles_or_processors(path: str) -> None:
    form = jsonschema.Draft202012Validator(FORMS[path.rpartition("/")[0]])
    assert [fault.message for fault in form.iter_errors(objects()[path])] == []


def test_the_lifecycle_deletes_after_thirty_days() -> None:
    body = objects()["_ilm/policy/logs-registry"]
    assert body["policy"]["phases"]["delete"]["min_age"] == "30d"


def test_what_is_named_is_there_and_put_before_what_names_it() -> None:
    made = objects()
    paths = list(made)
    template = made["_index_template/logs-registry"]
    settings = made["_component_template/logs-registry@settings"]["template"]["settings"]["index"]
    needed = [f"_component_template/{name}" for name in template["composed_of"]]
    optional = [f"_component_template/{name}" for name in template["ignore_missing_component_templates"]]
    assert set(needed) - set(optional) <= set(paths)
    assert f"_ilm/policy/{settings['lifecycle']['name']}" in paths
    assert f"_ingest/pipeline/{settings['default_pipeline']}" in paths
    assert paths[-1] == "_index_template/logs-registry"
    assert template["data_stream"] == {}
    assert template["priority"] > 100


def test_a_file_stands_under_the_path_that_takes_it() -> None:
    assert {name: json.loads(content) for name, content in files().items()} == {
        f"elasticsearch/{path}.json": body for path, body in objects().items()
    }


def test_every_field_is_mapped_as_the_catalogue_says() -> None:
    properties = mapping(FIELDS.values())["properties"]
    indexed = {name: field for name, field in FIELDS.items() if name not in SECRET_FIELDS}
    assert set(properties) == {"@timestamp", *indexed}
    for name, field in indexed.items():
        assert properties[name]["type"] == field.es_type
        long_text = field.type in {FieldType.KEYWORD, FieldType.KEYWORD_LIST}
        assert (properties[name].get("ignore_above") == LONGEST) is long_text
    assert LONGEST * 4 <= 32766


def test_only_fields_that_the_ingest_pipeline_drops_are_not_indexed() -> None:
    assert {name for name, field in FIELDS.items() if field.es_type is None} == set(FIELDS) & SECRET_FIELDS != set()


LINES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("a line of the registry", {"time": T, "msg": "access", "status": 200}, {"status": 200, "msg": "access"}),
    ("as a shipper sends it", {"message": json.dumps({"time": T, "msg": "a"}), "host": {"name": "h"}}, {"msg": "a"}),
    ("no JSON", {"message": "panic: x", "@timestamp": T}, {"msg": "panic: x"}),
    ("broken JSON", {"message": "{x", "@timestamp": T}, {"msg": "{x"}),
    (
        "labkit",
        {
            "timestamp": T,
            "message": "access",
            "severity": "info",
            "duration_s": 1.0019,
            "written_bytes": 5,
            "url": "/v2/",
        },
        {"time": T, "msg": "access", "level": "info", "duration_ms": 1001, "uri": "/v2/"},
    ),
    ("labkit in text", {"message": json.dumps({"timestamp": T, "message": "m"})}, {"time": T, "msg": "m"}),
    ("a duration that is exact", {"time": T, "duration_s": 1.001, "written_bytes": 1}, {"duration_ms": 1001}),
    ("a duration of its own", {"time": T, "duration_s": 1.5}, {"duration_s": 1.5}),
    (
        "Distribution",
        {
            "time": T,
            "http.request.method": "GET",
            "http.response.status": 404,
            "err.code": "manifest unknown",
            "go.version": "go1.25",
        },
        {"method": "GET", "status": 404, "code": "MANIFEST_UNKNOWN", "go_version": "go1.25"},
    ),
    (
        "a Go duration, which no processor reads",
        {"time": T, "http.response.duration": "1.2ms"},
        {"http": {"response": {"duration": "1.2ms"}}},
    ),
    ("an address with a zone", {"time": T, "remote_ip": "fe80::1%eth0"}, {"remote_ip": "fe80::1"}),
    (
        "secrets",
        {"time": T, "uri": "/v2/a?_state=hunter2&digest=sha256:ab", "error": "GET https://x/?a=1&Sig=hunter2 failed"},
        {
            "uri": "/v2/a?_state=[FILTERED]&digest=sha256:ab",
            "error": "GET https://x/?a=[FILTERED]&Sig=[FILTERED] failed",
        },
    ),
    ("named secrets", {"time": T, "msg": "a", "token": "hunter2", "authorization": "hunter2"}, {"msg": "a"}),
    ("a secret in a structure", {"time": T, "msg": "a", "detail": {"uri": "?_state=hunter2"}}, {"msg": "a"}),
]


@pytest.mark.parametrize(("line", "expected"), [case[1:] for case in LINES], ids=[case[0] for case in LINES])
def test_lines_leave_the_pipeline_in_the_names_of_the_catalogue(line: dict[str, Any], expected: dict[str, Any]) -> None:
    made = ingest(pipeline(), line)
    assert {name: made.get(name) for name in expected} == expected
    assert made["@timestamp"] == T
    assert "hunter2" not in json.dumps(made)
    assert not {"regobs_line", "message", "severity"} & set(made)


def test_a_line_without_a_time_has_that_of_its_arrival() -> None:
    assert ingest(pipeline(), {"msg": "a"})["@timestamp"] == NOW
    assert ingest(pipeline(), {"msg": "a", "time": "soon"})["@timestamp"] == NOW


@pytest.mark.parametrize("alias", [one for one in ALIASES.values() if one.conversion is Conversion.SAME])
def test_every_other_name_of_a_field_becomes_the_name_of_the_field(alias: Any) -> None:
    value: Any = {FieldType.LONG: 7, FieldType.DATE: T}.get(FIELDS[alias.field].type, "text")
    made = ingest(pipeline(), {alias.name: value, "written_bytes": 1} if alias.access_only else {alias.name: value})
    assert made[alias.field] == value
