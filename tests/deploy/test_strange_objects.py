"""Plan files that somebody changed: names and contents that no build gives are refused before anything changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regobs.deploy.alertmanager_config import AlertmanagerConfig
from regobs.deploy.alertmanager_places import ConfigFile
from regobs.deploy.elasticsearch_templates import ElasticsearchTemplates
from regobs.deploy.grafana_folder import GrafanaFolder
from regobs.deploy.kibana_space import KibanaSpace
from regobs.deploy.kubernetes_namespace import KubernetesNamespace
from regobs.deploy.ruler_api import RulerApi
from regobs.deploy.rules_directory import RulesDirectory
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.deploy.target import DeployTarget, refuse_strange
from regobs.errors import InputError
from regobs.logs.elasticsearch.access import Access
from tests.deploy.fakes import MemoryTarget, rule_file, rules

URL = "http://127.0.0.1:1"


def open_none() -> Any:
    raise AssertionError


def data(**values: Any) -> bytes:
    return json.dumps(values).encode()


TARGETS: dict[str, Callable[[Path], DeployTarget]] = {
    "rules": lambda path: RulesDirectory("r", path / "rules", open_none),
    "ruler": lambda _: RulerApi("r", URL, "regobs", open_none),
    "alertmanager": lambda path: AlertmanagerConfig("r", ConfigFile(path / "a.yml", open_none), path / "receivers"),
    "grafana": lambda _: GrafanaFolder("r", URL, "registry", None),
    "kubernetes": lambda _: KubernetesNamespace("r", "gitlab"),
    "elasticsearch": lambda _: ElasticsearchTemplates("r", Access.of(URL)),
    "kibana": lambda _: KibanaSpace("r", Access.of(URL)),
}
MAP = data(kind="ConfigMap", metadata={"name": "regobs-a"})
GOOD = [
    ("rules", "a.yaml", rule_file("A", 1)),
    ("rules", "a b.yml", rule_file("A", 1)),
    ("ruler", "A.yaml", rule_file("A", 1)),
    ("alertmanager", "alertmanager.yaml", b"route: {}"),
    ("grafana", "a-b_1.json", data(uid="a-b_1")),
    ("kubernetes", "ConfigMap/regobs-a", MAP),
    ("elasticsearch", "_ilm/policy/logs-registry", data(policy={})),
    ("kibana", "search/registry-a", data(type="search", id="registry-a")),
]
STRANGE = [
    *(("rules", name, b"") for name in ("../evil.yaml", "/etc/evil.yaml", "a/../../evil.yaml", "", ".", "..", "a.txt")),
    *(("rules", name, b"") for name in ("link/evil.yaml", "a//..yaml/..", "a/../b.yaml")),
    *(
        ("rules", name, b"")
        for name in ("sub/x.yaml", ".hid.yaml", "a\nb.yaml", "\0.yaml", f"{'x' * 300}.yaml", "\ud800.yaml")
    ),
    *(("ruler", f"{name}.yaml", rule_file(json.dumps(name), 1)) for name in ("a\0", "a\nb", "x" * 300)),
    ("ruler", "B.yaml", rule_file("A", 1)),
    ("ruler", "A.yaml", b"groups: []"),
    ("ruler", "..yaml", b"groups: [{name: ., rules: []}]"),
    ("alertmanager", "../alertmanager.yaml", b"route: {}"),
    ("alertmanager", "alertmanager.yaml", b"- a"),
    ("grafana", "a.json", data(uid="b")),
    ("grafana", "../a.json", data(uid="../a")),
    ("grafana", "...json", data(uid="..")),
    ("grafana", "a.json", b"[]"),
    ("kubernetes", "ConfigMap/other", MAP),
    ("kubernetes", "ConfigMap/kube-root", data(kind="ConfigMap", metadata={"name": "kube-root"})),
    ("kubernetes", "Secret/regobs-a", data(kind="Secret", metadata={"name": "regobs-a"})),
    ("kubernetes", "ConfigMap/regobs-a", data(kind="ConfigMap", metadata={"name": "regobs-a", "namespace": "other"})),
    ("elasticsearch", "_security/user/logs-registry", data(a=1)),
    ("elasticsearch", "_ilm/policy/other", data(policy={})),
    ("elasticsearch", "_ilm/policy/../logs-registry", data(policy={})),
    ("elasticsearch", "_component_template/logs-registry@custom", data(a=1)),
    ("kibana", "search/registry-b", data(type="search", id="registry-a")),
    ("kibana", "search/other", data(type="search", id="other")),
    ("kibana", "config/registry-a", data(type="config", id="registry-a")),
]


@pytest.mark.parametrize(("kind", "name", "content"), GOOD)
def test_what_a_build_gives_is_taken(kind: str, name: str, content: bytes, tmp_path: Path) -> None:
    target = TARGETS[kind](tmp_path)
    refuse_strange(target, {name: content})
    assert target.fits(name, content)


@pytest.mark.parametrize(("kind", "name", "content"), STRANGE)
def test_what_no_build_gives_is_refused(kind: str, name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "rules/link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="no object of such a target") as error:
        refuse_strange(TARGETS[kind](tmp_path), {name: content})
    assert error.value.value == name or (ascii(name)[1:70] in str(error.value.value) and len(str(error.value)) < 500)


def test_a_plan_or_a_state_with_such_an_object_changes_nothing(tmp_path: Path) -> None:
    target = MemoryTarget()
    ours = Rollout(target, StateFolder(tmp_path / "state"))
    plan = ours.plan({"prometheus/rules/../evil.yaml": b""})
    with pytest.raises(InputError, match="no object of such a target"):
        ours.apply(plan)
    assert (target.live, target.steps) == ({}, [])
    ours.apply(ours.plan(rules(High=1)))
    ours.apply(ours.plan(rules(High=2)))
    path = tmp_path / "state/states/0001.json"
    path.write_text(path.read_text().replace("High.yaml", "../High.yaml"))
    with pytest.raises(InputError, match="no object of such a target"):
        ours.plan_back(1)
