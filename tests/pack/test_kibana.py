"""The Kibana objects of the pack: every query in them is KQL over fields of the schema, and runs offline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from regobs.kibana import words
from regobs.kibana.definition import Shape
from regobs.kibana.outputs import files
from regobs.kibana.reading import panel_queries, read_definition
from regobs.logs.duckdb.run import run
from regobs.logs.fields import FIELDS
from regobs.logs.kql import hints, parse
from regobs.logs.kql.bind import bind
from regobs.pack import find_pack
from tests import peers
from tests.kibana import lens_rules
from tests.logs.kql import oracle
from tests.logs.sample import FILE

NOW = datetime(2026, 11, 24, tzinfo=UTC)
PACK = find_pack()
DEFINITION = read_definition(PACK, now=NOW)
PANELS = {f"{one.name}/{panel.name}": panel for one in DEFINITION.dashboards for row in one.rows for panel in row}


def stored_texts() -> Iterator[str]:
    """Every KQL text in the saved objects of production."""
    for line in files(PACK)["kibana/production.ndjson"].splitlines():
        attributes = json.loads(line)["attributes"]
        if "searchSourceJSON" in attributes.get("kibanaSavedObjectMeta", {}):
            yield json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])["query"]["query"]
        for panel in json.loads(attributes.get("panelsJSON", "[]")):
            if panel["type"] == "lens":
                yield from lens_rules.texts(panel["embeddableConfig"]["attributes"])


TEXTS = sorted(set(stored_texts()))


def test_the_dashboards_and_environments_of_the_issue_are_there() -> None:
    assert {one.name for one in DEFINITION.dashboards} == {"main", "blob-downloads"}
    assert [one.name for one in DEFINITION.environments] == ["production", "non-production"]
    groups = {group.field.name for panel in PANELS.values() for group in panel.query.groups if hasattr(group, "field")}
    assert {"root_repo", "vars_name"} <= groups
    assert len({one.data_view for one in DEFINITION.environments}) == 2


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_that_is_sent_is_kql_over_fields_of_the_schema_and_in_no_doubt(text: str) -> None:
    node = parse(text)
    assert hints(node, text) == ()
    bind(node, text, now=NOW)


def test_every_field_of_a_visualization_is_one_of_the_schema() -> None:
    named: set[str] = set()
    runtime: set[str] = set()
    for line in files(PACK)["kibana/production.ndjson"].splitlines():
        one = json.loads(line)
        named |= set(one["attributes"].get("columns", ()))
        runtime |= set(json.loads(one["attributes"].get("runtimeFieldMap", "{}")))
        for panel in json.loads(one["attributes"].get("panelsJSON", "[]")):
            if panel["type"] == "lens":
                named |= set(lens_rules.fields(panel["embeddableConfig"]["attributes"]))
    schema = {name for field in FIELDS.values() for name in (field.name, field.term)}
    assert named - schema == runtime, "a field that is not of the schema is a runtime field of the data view, and used"
    assert {"root_repo", "vars_name", "duration_ms", "size_bytes", "msg.keyword"} <= named


def test_every_text_of_a_query_is_in_the_saved_objects() -> None:
    written = {words.kql(text) for panel in PANELS.values() for text in words.texts(panel.query)}
    assert written <= set(TEXTS)


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_can_be_run_over_files_by_its_name(name: str) -> None:
    assert panel_queries(PACK, now=NOW)[name] == PANELS[name].query
    answer = run(PANELS[name].query, [str(FILE)])
    assert tuple(answer.columns) == PANELS[name].query.names
    assert answer.rows, "the sample has nothing for it"
    if PANELS[name].shape is Shape.NUMBER:
        ((value,),) = answer.rows
        assert value is not None


@pytest.mark.peer
def test_kibana_reads_every_text_as_we_do() -> None:
    with oracle.running(peers.required_kql_oracle()) as kibana:
        assert [text for text in TEXTS if kibana.read(text) != oracle.read(text)] == []
        assert [text for text in TEXTS if oracle.read(text) == oracle.REFUSED] == []


def test_no_name_of_a_column_or_control_is_that_of_the_registrys_path_variables() -> None:
    text = "".join(content.decode() for name, content in files(PACK).items() if name.endswith("production.ndjson"))
    assert "root repo" not in text
    assert "vars name" not in text
