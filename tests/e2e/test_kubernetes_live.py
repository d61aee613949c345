"""`regobs deploy` to a real Kubernetes API server that knows the resources of prometheus-operator."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from regobs.build import build_files
from regobs.common.programs import Supervisor
from regobs.config.named import ObjectKind
from regobs.deploy.kubernetes_namespace import KubernetesNamespace
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.errors import InputError, ServerError
from tests.deploy.fakes import put_back
from tests.peers import required_kubernetes
from tests.peers.kubernetes_server import KubernetesServer, kubernetes
from tests.slo.packs import BUNDLED, CONFIGS

pytestmark = pytest.mark.peer
KILLS = int(os.environ.get("REGOBS_KILLS", "10"))  # 200 in the long runs
RULES = "apis/monitoring.coreos.com/v1"
_numbers = count(1)


def files(**thresholds: float) -> dict[str, bytes]:
    """A build with one rule object for each alert and the number that it compares with."""
    return {
        f"kubernetes/{name}.yaml": json.dumps(
            {
                "apiVersion": "monitoring.coreos.com/v1",
                "kind": "PrometheusRule",
                "metadata": {"name": f"regobs-{name}", "labels": {"app.kubernetes.io/part-of": "regobs"}},
                "spec": {"groups": [{"name": name, "rules": [{"alert": name, "expr": f"up > {limit}"}]}]},
            }
        ).encode()
        for name, limit in thresholds.items()
    }


OLD, NEW = files(high=5, low=1), files(high=9, fresh=3)


@dataclass
class Place:
    """A namespace of its own, and what is kept of deployments to it."""

    server: KubernetesServer
    namespace: str
    folder: Path

    def rollout(self, kubeconfig: Path | None = None, kinds: tuple[ObjectKind, ...] = ()) -> Rollout:
        file = kubeconfig or self.server.kubeconfig(self.folder / "kubeconfig")
        target = KubernetesNamespace("cluster", self.namespace, kinds, kubeconfig=file)
        return Rollout(target, StateFolder(self.folder / "state"), wait=30)

    def rules(self) -> dict[str, str]:
        """The query of each alert in the namespace."""
        answer = self.server.ask("GET", f"/{RULES}/namespaces/{self.namespace}/prometheusrules")
        groups = (group for one in answer["items"] for group in one["spec"]["groups"])
        return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}

    def edit(self, name: str, change: dict[str, Any]) -> None:
        """Change a rule object as another tool does."""
        path = f"/{RULES}/namespaces/{self.namespace}/prometheusrules/{name}"
        current = self.server.ask("GET", path)
        self.server.ask("PUT", path, current | change)


@pytest.fixture(scope="module")
def server() -> Iterator[KubernetesServer]:
    installed = required_kubernetes()
    with Supervisor() as supervisor:
        started = kubernetes(supervisor, installed)
        started.define(installed / "crds")
        yield started


@pytest.fixture
def place(server: KubernetesServer, tmp_path: Path) -> Place:
    return Place(server, server.namespace(f"monitoring-{next(_numbers)}"), tmp_path)


@pytest.mark.parametrize("flavor", ["gitlab", "distribution"])
def test_every_object_of_a_build_is_taken_and_stays_as_it_was_built(place: Place, flavor: str) -> None:
    config = CONFIGS[flavor]
    asked = replace(config.prometheus, scheme="https", params={"comp": ("registry",), "b": ("1", "2")})
    built = build_files(replace(config, prometheus=asked), BUNDLED)
    ours = place.rollout()
    plan = ours.plan(built)
    assert {name.partition("/")[0] for name in plan.objects} == {str(kind) for kind in ObjectKind}
    state = ours.apply(plan)
    assert state is not None
    assert set(state.objects) == set(plan.objects)
    again = ours.plan(built)
    assert not again.differs
    assert again.changes == ()
    ours.verify()


def test_rules_are_changed_added_removed_and_brought_back(place: Place) -> None:
    ours = place.rollout()
    ours.apply(ours.plan(OLD))
    assert place.rules() == {"high": "up > 5", "low": "up > 1"}
    plan = ours.plan(NEW)
    assert {(one.thing, one.what) for one in plan.changes} == {
        ("high", "threshold changed"),
        ("low", "alert removed"),
        ("fresh", "alert added"),
        ("PrometheusRule regobs-low", "object removed"),
        ("PrometheusRule regobs-fresh", "object added"),
    }
    ours.apply(plan)
    assert place.rules() == {"high": "up > 9", "fresh": "up > 3"}
    ours.apply(ours.plan_back(None))
    assert place.rules() == {"high": "up > 5", "low": "up > 1"}


def test_what_somebody_edited_is_a_conflict_until_it_is_overwritten(place: Place) -> None:
    ours = place.rollout()
    ours.apply(ours.plan(OLD))
    groups = [{"name": "high", "rules": [{"alert": "high", "expr": "up > 7"}]}]
    place.edit("regobs-high", {"spec": {"groups": groups}})
    assert [(one.thing, one.what) for one in ours.status().edited] == [
        ("PrometheusRule/regobs-high", "changed since it was deployed")
    ]
    plan = ours.plan(OLD)
    assert [(one.what, one.before, one.after) for one in plan.changes] == [("threshold changed", "up > 7", "up > 5")]
    with pytest.raises(InputError, match="somebody else's work"):
        ours.apply(plan)
    assert place.rules()["high"] == "up > 7"
    ours.apply(plan, overwrite=True)
    assert place.rules()["high"] == "up > 5"


def test_labels_that_others_add_are_theirs_and_stay(place: Place) -> None:
    ours = place.rollout()
    ours.apply(ours.plan(OLD))
    path = f"/{RULES}/namespaces/{place.namespace}/prometheusrules/regobs-high"
    data = place.server.ask("GET", path)
    data["metadata"]["labels"]["argocd"] = "registry"
    place.server.ask("PUT", path, data)
    assert ours.status().edited == ()
    ours.apply(ours.plan(NEW))
    assert place.server.ask("GET", path)["metadata"]["labels"]["argocd"] == "registry"


def test_objects_of_others_are_left_alone_and_one_of_our_name_is_a_conflict(place: Place) -> None:
    base = f"/{RULES}/namespaces/{place.namespace}/prometheusrules"
    for name in ("theirs", "regobs-high"):
        body = {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": name},
            "spec": {},
        }
        place.server.ask("POST", base, body)
    ours = place.rollout()
    with pytest.raises(InputError, match="somebody else's work"):
        ours.apply(ours.plan(OLD))
    ours.apply(ours.plan(OLD), overwrite=True)
    ours.apply(ours.plan({}))
    assert [one["metadata"]["name"] for one in place.server.ask("GET", base)["items"]] == ["theirs"]


def test_what_the_cluster_refuses_changes_nothing(place: Place) -> None:
    ours = place.rollout()
    ours.apply(ours.plan(OLD))
    bad = json.loads(files(bad=1)["kubernetes/bad.yaml"])
    bad["spec"]["groups"][0]["unknown"] = 1
    for broken in (OLD | {"kubernetes/bad.yaml": json.dumps(bad).encode()}, OLD | files(Upper=1)):
        with pytest.raises((ServerError, InputError), match=r"refuses"):
            ours.apply(ours.plan(broken))
        assert place.rules() == {"high": "up > 5", "low": "up > 1"}
        assert ours.status().state.number == 1


def test_a_namespace_that_is_missing_is_named(place: Place) -> None:
    target = KubernetesNamespace("cluster", "nowhere", kubeconfig=place.server.kubeconfig(place.folder / "kubeconfig"))
    ours = Rollout(target, StateFolder(place.folder / "state"))
    with pytest.raises(ServerError, match="refuses") as error:
        ours.apply(ours.plan(OLD))
    assert 'namespaces "nowhere" not found' in str(error.value.value)


def test_who_may_not_is_told_so_and_no_token_is_shown(place: Place) -> None:
    for file, status in (
        (place.server.viewer(place.folder / "viewer"), "403"),
        (place.server.kubeconfig(place.folder / "wrong", token="no-such-token"), "401"),
    ):
        with pytest.raises(ServerError, match="does not let us") as error:
            place.rollout(file).plan(OLD)
        assert str(error.value.value).startswith(status)
        assert "token" not in str(error.value.value)


def test_a_certificate_that_is_not_trusted_ends_the_deployment(place: Place) -> None:
    with pytest.raises(ServerError, match="cannot be reached"):
        place.rollout(place.server.kubeconfig(place.folder / "kubeconfig-2", trusted=False)).plan(OLD)


def test_a_cluster_without_the_operator_takes_the_dashboards_only(tmp_path: Path) -> None:
    installed = required_kubernetes()
    with Supervisor() as supervisor:
        place = Place(kubernetes(supervisor, installed), "default", tmp_path)
        built = build_files(CONFIGS["gitlab"], BUNDLED)
        with pytest.raises(InputError, match="does not know this kind"):
            place.rollout().apply(place.rollout().plan(built))
        ours = place.rollout(kinds=(ObjectKind.CONFIG_MAP,))
        state = ours.apply(ours.plan(built))
        assert state is not None
        assert {name.partition("/")[0] for name in state.objects} == {"ConfigMap"}


DEPLOYER = """
import sys
from pathlib import Path
from regobs.deploy.kubernetes_namespace import KubernetesNamespace
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from tests.e2e.test_kubernetes_live import NEW, OLD
kubeconfig, namespace, state, which = sys.argv[1:]
ours = Rollout(KubernetesNamespace("cluster", namespace, kubeconfig=Path(kubeconfig)), StateFolder(Path(state)))
plan = ours.plan({"old": OLD, "new": NEW}[which])
print("planned", flush=True)
ours.apply(plan)
"""


@pytest.mark.timeout(1800)
def test_a_deployment_that_is_killed_at_any_moment_is_put_right_by_the_next_command(place: Place) -> None:
    ours = place.rollout()
    ours.apply(ours.plan(OLD))
    whole = [{"high": "up > 5", "low": "up > 1"}, {"high": "up > 9", "fresh": "up > 3"}]
    ended, chance = {"killed": 0, "done": 0, "put back": 0}, random.Random(7)  # noqa: S311 - moments
    kubeconfig, root = place.server.kubeconfig(place.folder / "kubeconfig"), Path(__file__).parents[2]
    for number in range(KILLS):
        which = "new" if place.rules() == whole[0] else "old"
        arguments = [str(kubeconfig), place.namespace, str(place.folder / "state"), which]
        with subprocess.Popen(
            [sys.executable, "-c", DEPLOYER, *arguments], stdout=subprocess.PIPE, cwd=root
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"planned\n"
            time.sleep(chance.uniform(0, 1.0) * (number + 1) / KILLS)
            process.send_signal(signal.SIGKILL)
        ended["done" if process.returncode == 0 else "killed"] += 1
        again = place.rollout()
        ended["put back"] += bool(again.status().interrupted)
        put_back(again)  # whoever comes next
        assert place.rules() in whole
        assert again.status().interrupted == ""
        assert again.status().edited == ()
    assert ended["killed"] > KILLS / 4
    print(ended)
