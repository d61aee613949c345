"""Objects for a namespace of Kubernetes; tests/e2e/test_kubernetes_live.py sends them to a real API server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from regobs.build import build_files
from regobs.config.named import ObjectKind
from regobs.deploy.kubernetes_namespace import KubernetesNamespace, _groups
from regobs.deploy.managed_fields import object_bytes
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.errors import InputError, ServerError
from tests.deploy.fakes import KilledError, put_back
from tests.deploy.kubernetes_stub import KubernetesStub
from tests.prometheus.stub import Reply, Stub
from tests.slo.packs import BUNDLED, GITLAB


def kubeconfig(path: Path, server: str = "http://127.0.0.1:1") -> Path:
    """A kubeconfig is YAML, and JSON is YAML."""
    cluster = {"name": "a", "cluster": {"server": server}}
    user = {"name": "a", "user": {"token": "t0ken-of-a"}}
    context = {"name": "a", "context": {"cluster": "a", "user": "a"}}
    data = {"clusters": [cluster], "users": [user], "contexts": [context], "current-context": "a"}
    path.write_text(json.dumps(data))
    return path


def target(path: Path, server: str = "http://127.0.0.1:1", *kinds: ObjectKind) -> KubernetesNamespace:
    return KubernetesNamespace("cluster", "monitoring", kinds, kubeconfig=kubeconfig(path / "kubeconfig", server))


def rule(name: str, **spec: Any) -> dict[str, bytes]:
    data = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name},
        "spec": spec,
    }
    return {f"PrometheusRule/{name}": json.dumps(data).encode()}


def test_only_the_kinds_that_are_wanted_are_taken_from_a_build(tmp_path: Path) -> None:
    built = build_files(GITLAB, BUNDLED)
    every = target(tmp_path).wanted(built)
    assert {key.partition("/")[0] for key in every} == {str(kind) for kind in ObjectKind}
    rules = target(tmp_path, "http://127.0.0.1:1", ObjectKind.PROMETHEUS_RULE).wanted(built)
    assert rules == {key: data for key, data in every.items() if key.startswith("PrometheusRule/")}
    assert all(json.loads(data)["metadata"]["name"].startswith("regobs") for data in every.values())


def test_changes_are_told_in_meaning_and_of_other_objects_by_value(tmp_path: Path) -> None:
    def monitor(interval: str) -> dict[str, bytes]:
        spec = {"podMetricsEndpoints": [{"port": "debug", "interval": interval}]}
        data = {"apiVersion": "v1", "kind": "PodMonitor", "metadata": {"name": "regobs"}, "spec": spec}
        return {"PodMonitor/regobs": json.dumps(data).encode()}

    def group(limit: int) -> dict[str, Any]:
        return {"groups": [{"name": "a", "rules": [{"alert": "High", "expr": f"up > {limit}"}]}]}

    before = rule("regobs-a", **group(1)) | monitor("15s")
    after = rule("regobs-a", **group(2)) | monitor("30s")
    found = [(one.thing, one.what, one.before, one.after) for one in target(tmp_path).changes(before, after)]
    assert found == [
        ("High", "threshold changed", "up > 1", "up > 2"),
        ("PodMonitor regobs", "spec.podMetricsEndpoints[0].interval changed", "15s", "30s"),
    ]
    assert target(tmp_path).changes(after, after) == []


def test_a_kubeconfig_that_is_missing_or_lacks_the_context_is_named(tmp_path: Path) -> None:
    for settings in (
        KubernetesNamespace("cluster", "a", kubeconfig=tmp_path / "none"),
        KubernetesNamespace("cluster", "a", kubeconfig=kubeconfig(tmp_path / "kubeconfig"), cluster="production"),
    ):
        with pytest.raises(InputError, match="access cannot be read") as error:
            settings.read()
        assert "t0ken" not in f"{error.value} {error.value.value}"


HTML = Reply(200, "<html>sign in</html>", "text/html")


@pytest.mark.parametrize(
    "reply",
    [
        HTML,
        Reply(401, "{}"),
        Reply(403, "no"),
        Reply(409, "{}"),
        Reply(429, "{}"),
        Reply(500, "broken"),
        Reply(200, "["),
        Reply(302, "", "text/plain", {"Location": "/login"}),
    ],
    ids=str,
)
def test_whatever_answers_is_one_error_without_the_token(tmp_path: Path, reply: Reply) -> None:
    with Stub({}, default=reply) as stub:
        with pytest.raises(ServerError) as error:
            target(tmp_path, f"http://{stub.address}").read()
        assert error.value.next_step
        assert "t0ken" not in f"{error.value} {error.value.value}"


def test_a_cluster_that_is_away_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="cannot be reached"):
        target(tmp_path).read()


@pytest.fixture
def listing() -> Iterator[Stub]:
    """An API that knows ConfigMaps only, and gives them one at a time."""

    def page(request: Any) -> Reply:
        number = int(request.params.get("continue", ["0"])[0])
        names = ["kube-root-ca.crt", "regobs-overview", "regobs"]
        metadata = {"continue": str(number + 1)} if number + 1 < len(names) else {}
        item = {"metadata": {"name": names[number]}, "data": {"a.json": "{}"}}
        return Reply(body=json.dumps({"kind": "ConfigMapList", "metadata": metadata, "items": [item]}))

    known = [{"name": "configmaps", "kind": "ConfigMap", "namespaced": True, "verbs": ["list", "patch", "delete"]}]
    replies: dict[str, Reply | Callable[[Any], Reply]] = {
        "/version": Reply(body='{"major": "1", "minor": "34"}'),
        "/api": Reply(body='{"kind": "APIVersions", "versions": ["v1"]}'),
        "/apis": Reply(body='{"kind": "APIGroupList", "groups": []}'),
        "/api/v1": Reply(body=json.dumps({"kind": "APIResourceList", "groupVersion": "v1", "resources": known})),
        "/api/v1/namespaces/monitoring/configmaps": page,
    }
    with Stub(replies) as stub:
        yield stub


def test_objects_are_read_page_by_page_and_those_of_others_left_out(tmp_path: Path, listing: Stub) -> None:
    assert set(target(tmp_path, f"http://{listing.address}").read()) == {
        "ConfigMap/regobs-overview",
        "ConfigMap/regobs",
    }


def test_a_kind_that_the_cluster_lacks_is_refused_before_anything_changes(tmp_path: Path, listing: Stub) -> None:
    with pytest.raises(InputError, match="does not know this kind") as error:
        target(tmp_path, f"http://{listing.address}").check(rule("regobs-a", groups=[]))
    assert error.value.value == "PrometheusRule (monitoring.coreos.com/v1)"
    assert not [one for one in listing.requests if one.method == "PATCH"]


def board(name: str) -> dict[str, bytes]:
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {}}
    return {f"ConfigMap/{name}": json.dumps(data).encode()}


def built() -> dict[str, bytes]:
    """A build with a rule object and a dashboard."""
    objects = {**rule("regobs-a", groups=[]), **board("regobs-b")}
    return {f"kubernetes/{number}.yaml": content for number, content in enumerate(objects.values())}


@pytest.fixture
def cluster() -> Iterator[KubernetesStub]:
    there = KubernetesStub()
    with there.stub:
        yield there


def deployment(cluster: KubernetesStub, folder: Path, *kinds: ObjectKind) -> Rollout:
    return Rollout(target(folder, f"http://{cluster.stub.address}", *kinds), StateFolder(folder / "state"))


def test_what_was_deployed_of_a_kind_that_is_not_named_now_is_deleted(cluster: KubernetesStub, tmp_path: Path) -> None:
    first = deployment(cluster, tmp_path)
    first.apply(first.plan(built()))
    assert cluster.names() == ["ConfigMap/regobs-b", "PrometheusRule/regobs-a"]
    narrowed = deployment(cluster, tmp_path, ObjectKind.PROMETHEUS_RULE)
    narrowed.verify()
    assert narrowed.status().edited == ()
    plan = narrowed.plan(built())
    assert (plan.deleted, plan.conflicts, plan.differs) == (("ConfigMap/regobs-b",), (), True)
    narrowed.apply(plan)
    assert cluster.names() == ["PrometheusRule/regobs-a"]
    narrowed.verify()
    again = deployment(cluster, tmp_path, ObjectKind.PROMETHEUS_RULE)
    cluster.forbidden = {"configmaps"}  # what is not ours any more is not asked for
    assert (again.plan(built()).differs, again.status().edited) == (False, ())


def test_a_rollback_brings_back_what_was_of_another_kind(cluster: KubernetesStub, tmp_path: Path) -> None:
    first = deployment(cluster, tmp_path)
    first.apply(first.plan(built()))
    narrowed = deployment(cluster, tmp_path, ObjectKind.PROMETHEUS_RULE)
    narrowed.apply(narrowed.plan(built()))
    narrowed.apply(narrowed.plan_back(1))
    assert cluster.names() == ["ConfigMap/regobs-b", "PrometheusRule/regobs-a"]
    narrowed.verify()


def test_an_interrupted_deployment_is_put_right_though_kinds_are_narrowed(
    cluster: KubernetesStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = deployment(cluster, tmp_path)
    first.apply(first.plan(built()))
    before = dict(cluster.objects)
    plan = first.plan({})
    with monkeypatch.context() as patch:
        patch.setattr(first.target, "verify", lambda _: (_ for _ in ()).throw(KilledError()))
        patch.setattr(first, "_put_back", lambda *_: None)
        with pytest.raises(KilledError):
            first.apply(plan)
    assert cluster.names() == []
    narrowed = deployment(cluster, tmp_path, ObjectKind.PROMETHEUS_RULE)
    put_back(narrowed)
    assert cluster.objects == before


def test_a_kind_that_is_ours_and_that_we_may_not_read_any_more_says_how_to_go_on(
    cluster: KubernetesStub, tmp_path: Path
) -> None:
    first = deployment(cluster, tmp_path)
    first.apply(first.plan(built()))
    cluster.forbidden = {"configmaps"}
    with pytest.raises(ServerError, match="does not let us") as error:
        deployment(cluster, tmp_path, ObjectKind.PROMETHEUS_RULE).plan(built())
    assert "was deployed before" in (error.value.next_step or "")


def test_a_config_map_that_is_no_dashboard_is_compared_by_its_values(cluster: KubernetesStub, tmp_path: Path) -> None:
    """Somebody's own settings under a name like ours, and a dashboard of ours that somebody broke."""

    def files(name: str, **texts: str) -> dict[str, bytes]:
        data = {f"{file}.json": text for file, text in texts.items()}
        one = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
        return {f"ConfigMap/{name}": json.dumps(one).encode()}

    good = json.dumps({"uid": "a", "title": "A", "panels": []})
    ours = target(tmp_path)
    for broken in ("", "{", "[]", "1", "plain: text", '{"panels": 3}', "[" * 100_000, '{"panels": [{"gridPos": 1}]}'):
        theirs = files("regobs-theirs", a=broken)
        assert ours.changes(theirs, theirs) == []
        (mended,) = ours.changes(theirs | files("regobs-a", b=broken), theirs | files("regobs-a", b=good))
        assert (mended.thing, mended.what, mended.after) == ("ConfigMap regobs-a", "data.b.json changed", good)
        assert len(mended.before) < 400
    assert [(one.thing, one.what) for one in ours.changes({}, files("regobs-a", b=good))] == [
        ("b", "dashboard added"),
        ("ConfigMap regobs-a", "object added"),
    ]


def test_a_rule_object_of_others_without_groups_breaks_no_plan(tmp_path: Path) -> None:
    assert target(tmp_path).changes(rule("regobs-theirs"), rule("regobs-theirs")) == []
    assert list(_groups(rule("regobs-theirs"))) == []


@pytest.mark.parametrize(("change", "lost"), [("edit", False), ("status", True), ("delete", False)])
@pytest.mark.parametrize("wanted", [rule("regobs-a", groups=[{"name": "x", "rules": []}]), {}], ids=["changed", "gone"])
def test_what_somebody_writes_just_before_we_do_is_not_replaced(
    cluster: KubernetesStub, tmp_path: Path, change: str, wanted: dict[str, bytes], *, lost: bool
) -> None:
    """Another version of the same content, as after a controller wrote a status, is no change of somebody's."""
    (key,) = rule("regobs-a")
    ours = target(tmp_path, cluster.stub.url)
    ours.write({}, rule("regobs-a", groups=[]))
    before, place = ours.read(), ("PrometheusRule", "regobs-a")
    theirs = cluster.objects[place] | ({"spec": {"groups": [{"name": "theirs"}]}} if change == "edit" else {})
    if change == "delete":
        del cluster.objects[place]
    else:
        cluster.put(theirs)
    if lost or (change == "delete" and not wanted):
        ours.write(before, wanted)
        assert ours.read() == {name: object_bytes(json.loads(content)) for name, content in wanted.items()}
        return
    with pytest.raises(ServerError) as error:
        ours.write(before, wanted)
    assert error.value.status == 409
    assert ours.read().get(key) == (None if change == "delete" else object_bytes(theirs))


def test_what_somebody_writes_just_after_we_did_is_not_taken_for_ours(cluster: KubernetesStub, tmp_path: Path) -> None:
    ours = target(tmp_path, cluster.stub.url)
    ours.write({}, rule("regobs-a", groups=[]) | rule("regobs-b", groups=[]) | rule("regobs-c", groups=[]))
    assert ours.edited_since(ours.read()) == []
    cluster.put(json.loads(rule("regobs-a", groups=[{"name": "theirs"}])["PrometheusRule/regobs-a"]))
    del cluster.objects["PrometheusRule", "regobs-b"]
    assert ours.edited_since(ours.read()) == ["PrometheusRule/regobs-a", "PrometheusRule/regobs-b"]
