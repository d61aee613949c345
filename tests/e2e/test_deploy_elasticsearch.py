"""Templates deployed to a real Elasticsearch 9 and 8, as far as its distribution has the parts.

Lifecycle policies, ingest processors and the list of data streams are not in it: those are tried on a stub in
tests/deploy.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regobs.deploy.elasticsearch_templates import ElasticsearchTemplates
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.errors import InputError, ServerError
from regobs.logs.elasticsearch.access import Access
from regobs.logs.elasticsearch.objects import objects
from tests.peers.elasticsearch import Elasticsearch, known_parts

STREAM = "logs-registry-deployed"
MAPPINGS = "_component_template/logs-registry@mappings"


def build(**fields: str) -> dict[str, bytes]:
    """The templates that this distribution takes, with more fields of the type that is given."""
    found = {path: known_parts(body) for path, body in objects().items() if "template" in path}
    for field, kind in fields.items():
        found[MAPPINGS]["template"]["mappings"]["properties"][field] = {"type": kind}
    return {f"elasticsearch/{path}.json": json.dumps(body).encode() for path, body in found.items()}


@pytest.fixture(params=["elasticsearch_server", "elasticsearch_8_server"])
def server(request: pytest.FixtureRequest) -> Elasticsearch:
    running: Elasticsearch = request.getfixturevalue(request.param)
    return running


def rollout(access: Access, tmp_path: Path) -> Rollout:
    return Rollout(ElasticsearchTemplates("logs", access), StateFolder(tmp_path / "state"))


def fields(server: Elasticsearch) -> set[str]:
    """Those of the newest index of the stream."""
    found = server.request("GET", f"{STREAM}/_mapping")
    return set(found[max(found)]["mappings"]["properties"])


def test_templates_are_deployed_changed_with_a_new_index_and_brought_back(
    server: Elasticsearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = rollout(server.access, tmp_path)
    ours.apply(ours.plan(build()), overwrite=True)  # other tests of this server put some of them
    ours.verify()
    assert not ours.plan(build()).differs
    assert server.write(STREAM, [{"@timestamp": "2026-11-23T11:00:00Z", "msg": "a"}]) == []
    monkeypatch.setattr(ours.target, "_streams", lambda: [STREAM])
    plan = ours.plan(build(tenant="keyword"))
    assert [(one.thing, one.what) for one in plan.changes] == [
        (f"{MAPPINGS} / template.mappings.properties.tenant.type", "added")
    ]
    assert "tenant" not in fields(server)
    ours.apply(plan)
    assert "tenant" in fields(server)
    ours.apply(ours.plan_back(1))
    assert "tenant" not in fields(server)


def test_a_mapping_that_the_server_refuses_leaves_the_old_templates(server: Elasticsearch, tmp_path: Path) -> None:
    ours = rollout(server.access, tmp_path)
    ours.apply(ours.plan(build()), overwrite=True)
    with pytest.raises(ServerError, match="logs-registry@mappings answers 400") as error:
        ours.apply(ours.plan(build(tenant="no_such_type")))
    assert "no_such_type" in str(error.value)
    assert "what was there before is back" in str(error.value)
    assert not ours.plan(build()).differs


def test_a_template_of_a_higher_priority_that_lacks_our_fields_rolls_back(
    server: Elasticsearch, tmp_path: Path
) -> None:
    ours = rollout(server.access, tmp_path)
    ours.apply(ours.plan(build()), overwrite=True)
    theirs: dict[str, Any] = {"index_patterns": ["logs-registry-*"], "priority": 900, "data_stream": {}}
    server.request("PUT", "_index_template/theirs", theirs)
    try:
        with pytest.raises(ServerError, match="would lack"):
            ours.apply(ours.plan(build(tenant="keyword")))
    finally:
        server.request("DELETE", "_index_template/theirs")
    assert not ours.plan(build()).differs


def test_without_lifecycle_policies_a_whole_build_is_refused_before_anything_changes(
    server: Elasticsearch, tmp_path: Path
) -> None:
    ours = rollout(server.access, tmp_path)
    before = ours.target.read()
    whole = {f"elasticsearch/{path}.json": json.dumps(body).encode() for path, body in objects().items()}
    with pytest.raises(InputError, match="no lifecycle policies"):
        ours.apply(ours.plan(whole), overwrite=True)
    assert ours.target.read() == before


def test_a_user_without_the_privileges_is_told_which(server: Elasticsearch, tmp_path: Path) -> None:
    access = Access(server.url, basic=("stranger", server.password), authority=server.authority)
    with pytest.raises(ServerError, match="does not let us do this") as error:
        rollout(access, tmp_path).plan(build())
    assert "manage_index_templates" in str(error.value)
    assert server.password not in str(error.value)
