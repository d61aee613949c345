"""What log lines need in an Elasticsearch, deployed to a stub of the documented API and taken back."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regobs.deploy.elasticsearch_templates import ElasticsearchTemplates
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.errors import InputError, RegobsError, ServerError
from regobs.logs.elasticsearch.access import Access
from regobs.logs.elasticsearch.objects import files, objects
from tests.deploy.elastic_stub import KEY, Answer, StubElasticsearch
from tests.deploy.fakes import Cut, KilledError, kill_at, put_back

MAPPINGS = "elasticsearch/_component_template/logs-registry@mappings.json"
POLICY = "elasticsearch/_ilm/policy/logs-registry.json"
PIPELINE = "elasticsearch/_ingest/pipeline/logs-registry.json"
OLD = files()


def changed(path: str, *keys: str, value: Any) -> dict[str, bytes]:
    """The build with another value in one of its files."""
    body = json.loads(OLD[path])
    part = body
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    return {**OLD, path: json.dumps(body).encode()}


NEW_FIELD = {"type": "keyword"}
NEW = changed(MAPPINGS, "template", "mappings", "properties", "tenant", value=NEW_FIELD)


@pytest.fixture
def server() -> Iterator[StubElasticsearch]:
    with StubElasticsearch() as stub:
        yield stub


def rollout(server: StubElasticsearch, tmp_path: Path) -> Rollout:
    return Rollout(ElasticsearchTemplates("logs", Access(server.url, api_key=KEY)), StateFolder(tmp_path / "state"))


def test_the_objects_of_a_build_are_put_in_the_order_in_which_they_name_each_other(
    server: StubElasticsearch, tmp_path: Path
) -> None:
    ours = rollout(server, tmp_path)
    assert [(one.thing, one.what) for one in ours.plan(OLD).changes] == [(path, "added") for path in sorted(objects())]
    ours.apply(ours.plan(OLD))
    assert [path for _, path in server.asked] == [f"/{path}" for path in objects()]
    ours.verify()
    assert not ours.plan(OLD).differs
    assert ours.status().edited == ()


def test_a_changed_mapping_is_told_by_its_field_and_rolls_our_data_streams_over(
    server: StubElasticsearch, tmp_path: Path
) -> None:
    ours = rollout(server, tmp_path)
    ours.apply(ours.plan(OLD))
    server.streams = ["logs-registry-production"]
    plan = ours.plan(NEW)
    assert [(one.thing, one.what, one.after) for one in plan.changes] == [
        (
            "_component_template/logs-registry@mappings / template.mappings.properties.tenant.type",
            "added",
            "keyword",
        )
    ]
    server.asked.clear()
    ours.apply(plan)
    assert server.asked == [
        ("PUT", "/_component_template/logs-registry@mappings"),
        ("POST", "/logs-registry-production/_rollover"),
    ]
    ours.apply(ours.plan_back(1))
    assert server.rolled == ["logs-registry-production"] * 2
    kept = server.objects["_component_template"]["logs-registry@mappings"]["template"]["mappings"]["properties"]
    assert "tenant" not in kept


def test_a_changed_policy_needs_no_new_index(server: StubElasticsearch, tmp_path: Path) -> None:
    ours = rollout(server, tmp_path)
    ours.apply(ours.plan(OLD))
    server.streams = ["logs-registry-production"]
    plan = ours.plan(changed(POLICY, "policy", "phases", "delete", "min_age", value="90d"))
    assert [(one.thing, one.before, one.after) for one in plan.changes] == [
        ("_ilm/policy/logs-registry / policy.phases.delete.min_age", "30d", "90d")
    ]
    ours.apply(plan)
    assert server.rolled == []


def test_objects_of_others_and_settings_of_the_cluster_stay(server: StubElasticsearch, tmp_path: Path) -> None:
    server.objects["_component_template"]["logs-registry@custom"] = {"template": {"settings": {}}}
    server.objects["_index_template"]["logs-nginx"] = {"index_patterns": ["logs-nginx-*"], "composed_of": []}
    ours = rollout(server, tmp_path)
    ours.apply(ours.plan(OLD))
    without = {path: content for path, content in OLD.items() if "@settings" not in path and "_index_t" not in path}
    plan = ours.plan(without)
    assert plan.deleted == ("_component_template/logs-registry@settings", "_index_template/logs-registry")
    server.asked.clear()
    ours.apply(plan)
    assert server.asked == [  # what names another goes before it
        ("DELETE", "/_index_template/logs-registry"),
        ("DELETE", "/_component_template/logs-registry@settings"),
    ]
    assert {"logs-registry@custom"} < server.objects["_component_template"].keys()
    assert "logs-nginx" in server.objects["_index_template"]


def test_what_somebody_changed_since_is_a_conflict(server: StubElasticsearch, tmp_path: Path) -> None:
    ours = rollout(server, tmp_path)
    ours.apply(ours.plan(OLD))
    edited = copy.deepcopy(server.objects["_ilm/policy"]["logs-registry"])
    edited["policy"]["phases"]["delete"]["min_age"] = "7d"
    server.objects["_ilm/policy"]["logs-registry"] = edited
    with pytest.raises(InputError, match="somebody else's work"):
        ours.apply(ours.plan(NEW))
    assert [one.thing for one in ours.status().edited] == ["_ilm/policy/logs-registry"]
    ours.apply(ours.plan(NEW), overwrite=True)
    assert server.objects["_ilm/policy"]["logs-registry"]["policy"]["phases"]["delete"]["min_age"] == "30d"


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ({"fail": {"message": "no"}}, "refuses a line"),
        ({"remove": {"field": "password", "ignore_missing": True}}, "a secret"),
    ],
)
def test_a_pipeline_that_fails_or_lets_a_secret_through_changes_nothing(
    server: StubElasticsearch, tmp_path: Path, added: dict[str, Any], message: str
) -> None:
    ours = rollout(server, tmp_path)
    ours.apply(ours.plan(OLD))
    server.asked.clear()
    masking = json.loads(OLD[PIPELINE])["processors"]
    processors = [*masking, added] if "fail" in added else [added]
    plan = ours.plan(changed(PIPELINE, "processors", value=processors))
    with pytest.raises(ServerError, match=message):
        ours.apply(plan)
    assert server.asked == []


def test_a_template_of_others_that_is_taken_instead_rolls_ours_back(
    server: StubElasticsearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = rollout(server, tmp_path)
    ours.apply(ours.plan(OLD))
    theirs: dict[str, Any] = {"mappings": {"properties": {"time": {}}}, "settings": {}}
    full = server._effective
    monkeypatch.setattr(server, "_effective", lambda: theirs if "tenant" in str(server.objects) else full())
    with pytest.raises(ServerError, match="would lack"):
        ours.apply(ours.plan(NEW))
    assert "tenant" not in str(server.objects)
    assert ours.status().state.number == 1


def test_a_server_without_lifecycle_policies_is_refused_before_anything_changes(
    server: StubElasticsearch, tmp_path: Path
) -> None:
    del server.objects["_ilm/policy"]
    ours = rollout(server, tmp_path)
    plan = ours.plan(OLD)
    with pytest.raises(InputError, match="no lifecycle policies"):
        ours.apply(plan)
    assert server.asked == []


ANSWERS: list[Answer | str] = [
    *((status, {"error": {"type": "x", "reason": "no"}, "status": status}) for status in (400, 403, 429, 503)),
    (302, {}),
    "<html>sign in</html>",
]
# Without the pipeline, whose simulation by the stub takes most of a test's time.
FEW = {path: content for path, content in OLD.items() if path != PIPELINE}
BOTH = FEW | {
    MAPPINGS: NEW[MAPPINGS],
    POLICY: changed(POLICY, "policy", "phases", "delete", "min_age", value="90d")[POLICY],
}


@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_whatever_is_answered_at_whatever_step_the_old_objects_are_back(
    server: StubElasticsearch, tmp_path: Path, answer: Answer | str, step: int
) -> None:
    ours = rollout(server, tmp_path)
    ours.apply(ours.plan(FEW))
    server.streams = ["logs-registry-production"]
    plan, before = ours.plan(BOTH), copy.deepcopy(ours.target.read())
    cut = Cut(step, answer)
    server.refuse = cut
    with pytest.raises(RegobsError, match="logs") as error:
        ours.apply(plan)
    assert cut.used
    assert KEY not in str(error.value)
    assert ours.target.read() == before
    assert ours.status().state.number == 1


@pytest.mark.parametrize("step", range(3))
def test_killed_at_any_change_the_next_command_puts_the_old_objects_back(
    server: StubElasticsearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    ours = rollout(server, tmp_path)
    ours.apply(ours.plan(FEW))
    server.streams = ["logs-registry-production"]
    plan, before = ours.plan(BOTH), ours.target.read()
    target = ours.target
    assert isinstance(target, ElasticsearchTemplates)
    kill_at(step, ours, target, "_ask", monkeypatch, counts=server.changes)
    with pytest.raises(KilledError):
        ours.apply(plan)
    again = rollout(server, tmp_path)
    assert again.status().interrupted
    put_back(again)
    assert again.target.read() == before
    assert again.status().edited == ()
