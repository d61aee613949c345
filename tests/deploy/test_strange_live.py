"""What somebody else put on a server in a form that no build gives: a conflict that --overwrite replaces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regobs.deploy.run import Rollout
from regobs.errors import InputError, ServerError
from tests.deploy.elastic_stub import StubElasticsearch
from tests.deploy.ruler_stub import RulerStub
from tests.deploy.test_elasticsearch_templates import OLD
from tests.deploy.test_elasticsearch_templates import rollout as elastic_rollout
from tests.deploy.test_ruler_kills import OLD as GROUPS
from tests.deploy.test_ruler_kills import QUERIES
from tests.deploy.test_ruler_kills import rollout as ruler_rollout
from tests.prometheus.stub import Reply, Stub

NAME = "logs-registry"
EDITED = [
    ("_ilm/policy", NAME, {"version": 2}),
    ("_ilm/policy", NAME, {"policy": 7}),
    ("_ilm/policy", NAME, {"policy": {"phases": [1]}}),
    ("_ilm/policy", NAME, {"policy": {"phases": {"hot": 7}}}),
    ("_ilm/policy", NAME, {"policy": {"phases": {"hot": {"actions": []}}}}),
    ("_ingest/pipeline", NAME, {"processors": 7}),
    ("_component_template", f"{NAME}@settings", {"template": 7}),
    ("_component_template", f"{NAME}@settings", {"template": {"settings": [1]}}),
    ("_component_template", f"{NAME}@mappings", {}),
    ("_index_template", NAME, {"data_stream": [], "template": {"settings": 7}}),
]


@pytest.mark.parametrize(("section", "name", "body"), EDITED)
def test_an_object_of_another_form_in_elasticsearch_is_a_conflict_that_overwrite_replaces(
    section: str, name: str, body: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StubElasticsearch() as server:
        ours = elastic_rollout(server, tmp_path)
        ours.apply(ours.plan(OLD))
        stored = server._stored
        monkeypatch.setattr(server, "_stored", lambda one: one if one == body else stored(one))
        server.objects[section][name] = body
        if section == "_ilm/policy":
            monkeypatch.setattr(server, "_shown", shown_as_it_is(server))
        overwritten(ours, f"{section}/{name}", OLD)


def shown_as_it_is(server: StubElasticsearch) -> Any:
    shown = server._shown

    def show(section: str, found: dict[str, Any]) -> Any:
        return (200, found) if section == "_ilm/policy" else shown(section, found)

    return show


def overwritten(ours: Rollout, thing: str, build: dict[str, bytes]) -> None:
    """A conflict in `plan` and `status`, which `apply` refuses until it may overwrite."""
    plan = ours.plan(build)
    assert ([one.thing for one in plan.conflicts], plan.is_work) == ([thing], True)
    assert plan.changes
    assert [one.thing for one in ours.status().edited] == [thing]
    with pytest.raises(InputError, match="somebody else's work"):
        ours.apply(plan)
    assert ours.apply(ours.plan(build), overwrite=True) is not None
    assert not ours.plan(build).is_work


HAND: list[dict[str, Any]] = [
    {"name": "A", "rules": 7},
    {"name": "A", "rules": [7]},
    {"name": "A", "rules": [{"alert": "A", "expr": "up", "labels": 7}]},
    {"name": "A", "rules": [{"alert": "A", "expr": "up", "for": []}]},
    {"name": "A", "rules": [{"expr": None}]},
    {"name": "A"},
]


@pytest.mark.parametrize("group", HAND)
def test_a_group_of_another_form_in_a_ruler_is_a_conflict_that_overwrite_replaces(
    group: dict[str, Any], tmp_path: Path
) -> None:
    ruler = RulerStub("ABCDEF")
    with ruler.stub as stub:
        ours = ruler_rollout(stub.url, tmp_path)
        ours.apply(ours.plan(GROUPS))
        ruler.groups["A"] = group
        overwritten(ours, "A.yaml", GROUPS)
    assert ruler.queries() == QUERIES[0]


@pytest.mark.parametrize("body", ["regobs: 7", "regobs: [7]", "regobs: [{rules: []}]", "7", "- 1"])
def test_an_answer_that_has_no_groups_is_no_group_of_somebody_else(body: str, tmp_path: Path) -> None:
    with Stub({}, Reply(200, body, "application/yaml")) as stub:
        with pytest.raises(ServerError, match="answers no rule groups") as caught:
            ruler_rollout(stub.url, tmp_path).plan(GROUPS)
        assert stub.url in str(caught.value)
