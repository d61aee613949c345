"""Whatever differs has a line in the plan: in meaning where that is known, else by the keys of the settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regobs.cli.deploy_plan import show_plans
from regobs.deploy.alertmanager_config import AlertmanagerConfig
from regobs.deploy.alertmanager_places import ConfigFile
from regobs.deploy.elasticsearch_templates import ElasticsearchTemplates
from regobs.deploy.grafana_folder import GrafanaFolder
from regobs.deploy.kibana_space import KibanaSpace
from regobs.deploy.kubernetes_namespace import KubernetesNamespace
from regobs.deploy.other_settings import all_changes
from regobs.deploy.plan_file import TargetPlan
from regobs.deploy.ruler_api import RulerApi
from regobs.deploy.rules_directory import RulesDirectory
from regobs.deploy.target import DeployTarget, PlannedChange
from regobs.logs.elasticsearch.access import Access
from tests.deploy.fakes import MemoryTarget, rule_file

Json = dict[str, Any]


def board() -> Json:
    panels = [
        {
            "id": number,
            "type": "timeseries",
            "title": title,
            "datasource": {"uid": "a"},
            "gridPos": {"x": 12 * (number - 1), "y": 0, "w": 12, "h": 8},
            "fieldConfig": {"defaults": {"unit": "s", "custom": {"lineWidth": 1}}},
            "options": {"legend": {"calcs": []}},
            "targets": [{"refId": "A", "expr": "up", "instant": False}],
        }
        for number, title in enumerate(("Requests", "Errors"), 1)
    ]
    variable = {"name": "env", "query": "label_values(up, env)", "multi": False}
    return {
        "uid": "a",
        "title": "Overview",
        "tags": ["regobs"],
        "links": [],
        "refresh": "1m",
        "templating": {"list": [variable]},
        "panels": panels,
    }


def same_text(data: Json) -> bytes:
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def edits() -> dict[str, tuple[Callable[[Json], object], str]]:
    """Each edit of a dashboard by its keys as the plan names them, with what it is in."""
    here = "a"
    panel = "a / Requests"
    return {
        "tags": (lambda one: one["tags"].append("x"), here),
        "links": (lambda one: one["links"].append({"title": "t", "url": "u"}), here),
        "refresh": (lambda one: one.update(refresh="5s"), here),
        "templating.env.multi": (lambda one: one["templating"]["list"][0].update(multi=True), here),
        "timepicker": (lambda one: one.update(timepicker={}), here),
        "datasource.uid": (lambda one: one["panels"][0]["datasource"].update(uid="b"), panel),
        "options.legend.calcs": (lambda one: one["panels"][0]["options"]["legend"].update(calcs=["max"]), panel),
        "targets.instant": (lambda one: one["panels"][0]["targets"][0].update(instant=True), panel),
        "fieldConfig.defaults.custom.lineWidth": (
            lambda one: one["panels"][0]["fieldConfig"]["defaults"]["custom"].update(lineWidth=3),
            panel,
        ),
    }


def grafana() -> GrafanaFolder:
    return GrafanaFolder("dashboards", "http://127.0.0.1:1", "registry", None)


@pytest.mark.parametrize("keys", sorted(edits()))
def test_each_setting_of_a_dashboard_is_named_by_its_key(keys: str) -> None:
    new = board()
    edit, thing = edits()[keys]
    edit(new)
    found = grafana().changes({"a.json": same_text(board())}, {"a.json": same_text(new)})
    assert [(one.thing, one.what) for one in found] == [(thing, f"other settings changed ({keys})")]


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ({"x": 1}, [("a / Requests", "panel moved", "x 0, y 0", "x 1, y 0")]),
        ({"y": 1, "x": 0}, [("a / Requests", "panel moved", "x 0, y 0", "x 0, y 1")]),
        ({"h": 4}, [("a / Requests", "panel resized", "w 12, h 8", "w 12, h 4")]),
        ({"w": 6, "x": 2}, [("a / Requests", "panel resized", "w 12, h 8", "w 6, h 8")]),
        ({"static": True}, [("a / Requests", "other settings changed (gridPos.static)", "", "")]),
        ({"x": 0}, []),
    ],
    ids=str,
)
def test_a_place_that_changes_alone_is_a_panel_that_moved(place: Json, told: list[tuple[str, ...]]) -> None:
    """Also where the order of the panels is as before. Of what a new size shifts nothing is said."""
    old, new = board(), board()
    for one in (old, new):
        one["panels"][1]["gridPos"]["y"] = 2
    new["panels"][0]["gridPos"].update(place)
    found = grafana().changes({"a.json": same_text(old)}, {"a.json": same_text(new)})
    assert [(one.thing, one.what, one.before, one.after) for one in found] == told


def test_a_query_that_is_only_written_otherwise_is_told_as_that() -> None:
    old, new = board(), board()
    for one in (old, new):
        one["panels"][0]["targets"] = [{"refId": ref, "expr": "sum(up)"} for ref in "AB"]
    new["panels"][0]["targets"][1]["expr"] = "sum( up )"
    old["panels"][1]["targets"][0]["expr"] = 'up{b="1", a="1"}'
    new["panels"][1]["targets"][0]["expr"] = '(up{a="1",b="1"})'
    found = all_changes(grafana(), {"a.json": same_text(old)}, {"a.json": same_text(new)})
    assert [(one.thing, one.what, one.before, one.after) for one in found] == [
        ("a / Requests", "query written differently", "sum(up)", "sum( up )"),
        ("a / Errors", "query written differently", 'up{b="1", a="1"}', '(up{a="1",b="1"})'),
    ]
    new["panels"][1]["targets"][0]["expr"] = 'up{a="2",b="1"}'
    found = all_changes(grafana(), {"a.json": same_text(old)}, {"a.json": same_text(new)})
    assert [(one.thing, one.what) for one in found] == [
        ("a / Errors", "query changed"),
        ("a / Requests", "query written differently"),
    ]


def test_several_settings_are_one_line_beside_what_is_known() -> None:
    new = board()
    new["tags"], new["refresh"], new["title"] = [], "5s", "Other"
    found = grafana().changes({"a.json": same_text(board())}, {"a.json": same_text(new)})
    assert [one.what for one in found] == ["title changed", "other settings changed (refresh, tags)"]


def test_a_panel_that_shifts_others_is_one_line() -> None:
    """The place of what stands behind a new panel is no setting of its own."""
    new = board()
    new["panels"][1]["gridPos"]["y"], new["panels"][1]["id"] = 8, 3
    new["panels"].insert(1, {"id": 2, "type": "text", "title": "New", "gridPos": {"x": 0, "y": 4, "w": 24, "h": 4}})
    found = grafana().changes({"a.json": same_text(board())}, {"a.json": same_text(new)})
    assert [one.what for one in found] == ["panel added"]


def open_none() -> Any:
    raise AssertionError


def wrapped(kind: str, **more: Any) -> bytes:
    return same_text({"apiVersion": "v1", "kind": kind, "metadata": {"name": "regobs-a"}, **more})


def saved(**attributes: Any) -> bytes:
    return same_text({"type": "dashboard", "id": "registry-a", "attributes": attributes, "references": []})


RULES = b"groups: [{name: g, rules: [{record: a, expr: x}, {record: b, expr: y}]}]"
PAIRS: dict[str, tuple[Callable[[Path], DeployTarget], bytes, bytes]] = {
    "rules limit": (
        lambda path: RulesDirectory("r", path, open_none),
        RULES,
        RULES.replace(b"name: g", b"name: g, limit: 5"),
    ),
    "rules comment": (lambda path: RulesDirectory("r", path, open_none), RULES, b"# by hand\n" + RULES),
    "rules order": (
        lambda path: RulesDirectory("r", path, open_none),
        RULES,
        b"groups: [{name: g, rules: [{record: b, expr: y}, {record: a, expr: x}]}]",
    ),
    "ruler": (
        lambda _: RulerApi("r", "http://127.0.0.1:1", "regobs", open_none),
        RULES,
        RULES.replace(b"name: g", b"name: g, limit: 5"),
    ),
    "grafana query in writing": (
        lambda _: grafana(),
        same_text(board()),
        same_text(board()).replace(b'"expr":"up"', b'"expr":" up"'),
    ),
    "grafana panel id": (lambda _: grafana(), same_text(board()), same_text(board()).replace(b'"id":2', b'"id":3')),
    "kubernetes dashboard": (
        lambda _: KubernetesNamespace("k", "gitlab", frozenset()),
        wrapped("ConfigMap", data={"a.json": same_text(board()).decode()}),
        wrapped("ConfigMap", data={"a.json": same_text(board() | {"tags": []}).decode()}),
    ),
    "kubernetes dashboard in writing": (
        lambda _: KubernetesNamespace("k", "gitlab", frozenset()),
        wrapped("ConfigMap", data={"a.json": same_text(board()).decode()}),
        wrapped("ConfigMap", data={"a.json": same_text(board()).decode() + " "}),
    ),
    "kubernetes rules": (
        lambda _: KubernetesNamespace("k", "gitlab", frozenset()),
        wrapped("PrometheusRule", spec={"groups": [{"name": "g", "rules": []}]}),
        wrapped("PrometheusRule", spec={"groups": [{"name": "g", "limit": 5, "rules": []}]}),
    ),
    "elasticsearch": (
        lambda _: ElasticsearchTemplates("e", Access("http://127.0.0.1:1")),
        b'{"a":[1]}',
        b'{"a":[2]}',
    ),
    "kibana": (lambda _: KibanaSpace("k", Access("http://127.0.0.1:1"), "", ""), saved(title="a"), saved(title="b")),
    "kibana unpacked": (
        lambda _: KibanaSpace("k", Access("http://127.0.0.1:1"), "", ""),
        saved(panels='{"a": 1}'),
        saved(panels='{"a": 2}'),
    ),
    "alertmanager": (
        lambda path: AlertmanagerConfig("a", ConfigFile(path / "am.yml", open_none), path / "receivers.yaml"),
        b"contents: as in the receivers file\nroute: {receiver: a}\nreceivers: [{name: a}]\n",
        b"contents: as in the receivers file\nroute: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals: []\n",
    ),
}


@pytest.mark.parametrize("case", sorted(PAIRS))
def test_a_target_that_differs_never_has_no_change(case: str, tmp_path: Path) -> None:
    make, before, after = PAIRS[case]
    target = make(tmp_path)
    name = {"alertmanager": "alertmanager.yaml", "kubernetes": "x/regobs-a", "grafana": "a.json"}
    called = name.get(case.split(maxsplit=1)[0], "a.yaml")
    assert not target.same(after, before)
    found = all_changes(target, {called: before}, {called: after})
    assert found
    assert all(one.what for one in found)


def test_keys_of_a_rule_group_and_what_is_only_written_differently_are_told() -> None:
    target = MemoryTarget()
    limited = all_changes(target, {"a.yaml": RULES}, {"a.yaml": RULES.replace(b"name: g", b"name: g, limit: 5")})
    assert [(one.thing, one.what) for one in limited] == [("a.yaml", "other settings changed (groups.limit)")]
    written = all_changes(target, {"a.yaml": RULES}, {"a.yaml": b"# by hand\n" + RULES})
    assert [(one.thing, one.what) for one in written] == [("a.yaml", "written differently")]


def test_an_object_of_which_nothing_is_told_has_a_line_beside_others() -> None:
    before = {"a.yaml": RULES, "b.yaml": rule_file("High", 1)}
    after = {"a.yaml": b"# by hand\n" + RULES, "b.yaml": rule_file("High", 2)}
    found = {one.what for one in all_changes(MemoryTarget(), before, after)}
    assert found == {"threshold changed", "written differently"}


def test_rules_that_only_moved_to_another_file_are_told() -> None:
    found = all_changes(MemoryTarget(), {"a.yaml": RULES}, {"b.yaml": RULES})
    assert [(one.thing, one.what) for one in found] == [("a.yaml", "removed"), ("b.yaml", "added")]


def test_one_change_is_one_change(capsys: pytest.CaptureFixture[str]) -> None:
    plan = TargetPlan("a", "", "", {"a": b""}, (PlannedChange("a", "added"),), (), (), differs=True)
    show_plans([plan], "text")
    assert capsys.readouterr().out.splitlines()[0] == "a: 1 change, 1 file or object afterwards"
