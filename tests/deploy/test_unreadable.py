"""What is live and nobody can read, as after an edit by hand: a conflict that --overwrite replaces, and no error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from regobs.deploy.alertmanager_config import FILE, AlertmanagerConfig
from regobs.deploy.conflicts import conflicts_of, differs_from
from regobs.deploy.grafana_folder import GrafanaFolder
from regobs.deploy.json_api import json_of
from regobs.deploy.kibana_space import KibanaSpace
from regobs.deploy.kubernetes_namespace import KubernetesNamespace
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.deploy.target import DeployTarget
from regobs.deploy.told import TargetWords
from regobs.deploy.unreadable import readable_changes
from regobs.documents import dump_yaml
from regobs.errors import InputError, RulesError, ServerError
from regobs.logs.elasticsearch.access import Access
from tests.deploy.alertmanager_fakes import MemoryPlace
from tests.deploy.fakes import MemoryTarget, rule_file, rules

HAND = [
    b"groups: []\nhand\n", b"hand", b"- 1", b"groups: {a: [}", b"groups: [{rules: [1]}]", b"groups: 7", b"\xff\xfe",
    b"[" * 3000,
    b"groups: [{name: High, rules: [{alert: High, expr: up, labels: 7}]}]",
]  # fmt: skip
URL = "http://127.0.0.1:1"


@pytest.mark.parametrize("hand", HAND)
def test_a_rule_file_that_cannot_be_read_is_a_conflict_that_overwrite_replaces(hand: bytes, tmp_path: Path) -> None:
    target = MemoryTarget()
    ours = Rollout(target, StateFolder(tmp_path / "state"), wait=5)
    ours.apply(ours.plan(rules(High=1)))
    ours.apply(ours.plan(rules(High=2)))
    target.live["High.yaml"] = hand
    plan = ours.plan(rules(High=2))
    (conflict,) = plan.conflicts
    assert (conflict.thing, plan.is_work) == ("High.yaml", True)
    assert conflict.what.startswith("changed since it was deployed; what is there cannot be read: ")
    assert [(one.thing, one.what) for one in plan.changes][:1] == [("High.yaml", "what cannot be read replaced")]
    assert [one.what for one in ours.status().edited] == [conflict.what]
    with pytest.raises(InputError, match="somebody else's work"):
        ours.apply(plan)
    with pytest.raises(InputError, match="somebody else's work"):
        ours.go_back(ours.plan_back(1))
    assert target.live["High.yaml"] == hand
    assert ours.apply(ours.plan(rules(High=2)), overwrite=True) is not None
    assert target.live == {"High.yaml": rule_file("High", 2)}


def test_what_cannot_be_read_comes_back_when_the_deployment_over_it_fails(tmp_path: Path) -> None:
    target = MemoryTarget()
    ours = Rollout(target, StateFolder(tmp_path / "state"), wait=5)
    ours.apply(ours.plan(rules(High=1)))
    target.live["High.yaml"] = b"hand"
    target.fails = {"verify": 1}
    with pytest.raises(ServerError, match="verify fails"):
        ours.apply(ours.plan(rules(High=2)), overwrite=True)
    assert target.live == {"High.yaml": b"hand"}


def test_a_file_of_others_that_cannot_be_read_stays_and_keeps_nobody_from_planning(tmp_path: Path) -> None:
    target = MemoryTarget({"theirs.yaml": b"hand"})
    ours = Rollout(target, StateFolder(tmp_path / "state"), wait=5)
    plan = ours.plan(rules(High=1))
    assert ([one.what for one in plan.changes], plan.conflicts) == (["alert added"], ())
    ours.apply(plan)
    assert target.live["theirs.yaml"] == b"hand"
    assert not ours.plan(rules(High=1)).is_work


def test_a_rule_file_of_the_build_that_cannot_be_read_is_an_error_as_before(tmp_path: Path) -> None:
    ours = Rollout(MemoryTarget({"High.yaml": b"hand"}), StateFolder(tmp_path / "state"), wait=5)
    with pytest.raises(RulesError):
        ours.plan({"prometheus/rules/High.yaml": b"groups: {a: [}"})


LIVE = [
    b"[]",
    b"7",
    b"{}",
    b"not JSON",
    b'{"panels": 7}',
    b'{"panels": [1], "templating": []}',
    b'{"metadata": 7, "spec": []}',
]


@pytest.mark.parametrize("live", LIVE)
@pytest.mark.parametrize(
    ("target", "name", "wanted"),
    [
        (GrafanaFolder("g", URL, "registry", None), "a.json", {"uid": "a", "title": "A", "panels": []}),
        (
            KibanaSpace("k", Access.of(URL)),
            "search/registry-a",
            {"type": "search", "id": "registry-a", "attributes": {}},
        ),
        (
            KubernetesNamespace("k", "gitlab"),
            "ConfigMap/regobs-a",
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "regobs-a"}, "data": {"a": "b"}},
        ),
    ],
)
def test_an_object_of_an_unexpected_shape_is_a_conflict_in_every_target(
    target: DeployTarget, name: str, wanted: dict[str, object], live: bytes
) -> None:
    ours, words = {name: json.dumps(wanted).encode()}, TargetWords("t")
    there = {name: live}
    assert differs_from(target, there, ours)
    assert [one.thing for one in conflicts_of(target, words, there, ours, ours)] == [name]
    assert readable_changes(target, words, there, ours, ours)


def test_a_plan_says_what_apply_refuses_of_the_receivers_and_a_rollback_what_does_not_go_back(tmp_path: Path) -> None:
    build = {FILE: dump_yaml({"route": {"receiver": "pager"}, "receivers": [{"name": "pager"}]}).encode()}
    receivers, place = tmp_path / "receivers.yaml", MemoryPlace()
    receivers.write_text("receivers: [{name: other}]\n")
    ours = Rollout(AlertmanagerConfig("a", place, receivers), StateFolder(tmp_path / "state"), wait=5)
    plan = ours.plan(build)
    (note,) = ours.notes
    assert note.startswith("apply will refuse this: the receivers file lacks a receiver that alerts are routed to")
    assert "pager" in note
    with pytest.raises(InputError, match="lacks a receiver"):
        ours.apply(plan)
    for key in ("one", "two"):
        ours.notes.clear()
        receivers.write_text(f"receivers: [{{name: pager, pagerduty_configs: [{{routing_key: secret-{key}}}]}}]\n")
        ours.apply(ours.plan(build))
        assert ours.notes == []
    assert not ours.plan_back(None).is_work
    (note,) = ours.notes
    assert "with its secrets, is in no state and does not go back" in note


@pytest.mark.parametrize(
    "live",
    [b"route: {receiver: secret-of-theirs\n", b"hand\n", b"inhibit_rules: [1]\n", b"route: {routes: [7]}\n", b"\xff"],
)
def test_a_configuration_that_is_none_is_a_conflict_that_is_kept_and_comes_back(live: bytes, tmp_path: Path) -> None:
    build = {FILE: dump_yaml({"route": {"receiver": "pager"}, "receivers": [{"name": "pager"}]}).encode()}
    receivers, place = tmp_path / "receivers.yaml", MemoryPlace()
    receivers.write_text("receivers: [{name: pager}]\n")
    target = AlertmanagerConfig("a", place, receivers)
    ours = Rollout(target, StateFolder(tmp_path / "state"), wait=5)
    ours.apply(ours.plan(build))
    place.content = live
    plan = ours.plan(build)
    (conflict,) = plan.conflicts
    assert "changed since it was deployed; what is there cannot be read: " in conflict.what
    assert "secret" not in str(plan)
    with pytest.raises(InputError, match="somebody else's work"):
        ours.apply(plan)
    place.refused = b"pager"
    with pytest.raises(ServerError, match="cannot be loaded"):
        ours.apply(plan, overwrite=True)
    assert place.content == live
    place.refused = b"never"
    assert ours.apply(ours.plan(build), overwrite=True) is not None
    assert place.content is not None
    assert b"receiver: pager" in place.content
    (kept,) = tmp_path.glob("receivers.yaml.before-regobs-*")
    assert kept.read_bytes() == live


@pytest.mark.parametrize("body", ["[" * 200_000, "9" * 10_000, "{", ""])
def test_an_answer_that_nobody_can_read_as_json_is_none(body: str) -> None:
    answer = requests.Response()
    answer._content = body.encode()
    assert json_of(answer) is None
