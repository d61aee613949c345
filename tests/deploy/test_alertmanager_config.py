"""The configuration of an Alertmanager as a deployment target: routes come from the build, secrets from a file."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from regobs.build import build_files
from regobs.common import files
from regobs.deploy.alertmanager_config import FILE, AlertmanagerConfig
from regobs.deploy.alertmanager_places import ConfigApi, ConfigFile
from regobs.deploy.plan_file import TargetPlan, write_plan
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.documents import dump_yaml, load_yaml
from regobs.errors import InputError, MachineError, RegobsError, ServerError
from regobs.prometheus import Prometheus
from tests.deploy.fakes import put_back
from tests.prometheus.stub import Reply, Request, Stub
from tests.slo.packs import BUNDLED, GITLAB

SECRET = "hunter2-of-the-pager"
NAMES = ("pager", "tickets", "watchdog", "nobody")
PAGES: dict[str, Any] = {"matchers": ['severity="page"'], "receiver": "pager"}
ROUTE: dict[str, Any] = {"receiver": "tickets", "routes": [PAGES]}
DOWN: dict[str, Any] = {
    "source_matchers": ['alertname="Down"'],
    "target_matchers": ['severity="ticket"'],
    "equal": ["job"],
}
FOREIGN = b"""# by hand
route: {receiver: mine}
receivers:
- name: mine
  webhook_configs: [{url: "http://hook/other-secret-of-theirs"}]
"""


class MemoryPlace:
    """Holds one configuration, and refuses what has `refused` in it, as a server that repeats what it was sent does."""

    def __init__(self, content: bytes | None = None) -> None:
        self.content, self.refused = content, b"never"

    def read(self) -> bytes | None:
        return self.content

    def write(self, content: bytes | None, before: bytes | None) -> None:
        assert before == self.content
        if content is not None and self.refused in content:
            raise ServerError("cannot be loaded", value=content.decode())
        self.content = content

    def loaded(self) -> dict[str, Any]:
        data: dict[str, Any] = load_yaml(self.content or b"{}", "a", error=InputError).data
        return data


def build(**changed: Any) -> dict[str, bytes]:
    data = {"route": ROUTE, "receivers": [{"name": name} for name in NAMES], "inhibit_rules": [DOWN], **changed}
    return {FILE: dump_yaml(data).encode()}


@pytest.fixture
def receivers(tmp_path: Path) -> Path:
    path = tmp_path / "receivers.yaml"
    given: list[dict[str, Any]] = [{"name": name} for name in NAMES]
    given[0]["pagerduty_configs"] = [{"routing_key": SECRET}]
    path.write_text(dump_yaml({"global": {"resolve_timeout": "5m"}, "receivers": given}), encoding="utf-8")
    return path


def rollout(place: Any, receivers: Path) -> Rollout:
    return Rollout(AlertmanagerConfig("alerts", place, receivers), StateFolder(receivers.parent / "state"))


def told(plan: TargetPlan) -> list[str]:
    return [f"{one.what} {one.thing}" for one in plan.changes]


def test_what_arrives_has_the_routes_of_the_build_and_the_receivers_of_the_file(receivers: Path) -> None:
    place = MemoryPlace()
    ours = rollout(place, receivers)
    ours.apply(ours.plan(build()))
    data = place.loaded()
    assert data["route"] == ROUTE
    assert data["inhibit_rules"] == [DOWN]
    assert data["receivers"][0] == {"name": "pager", "pagerduty_configs": [{"routing_key": SECRET}]}
    assert data["global"] == {"resolve_timeout": "5m"}
    assert not ours.plan(build()).differs
    assert ours.status().edited == ()


def test_no_secret_is_in_a_plan_or_a_state(receivers: Path) -> None:
    place = MemoryPlace(FOREIGN)
    ours = rollout(place, receivers)
    plan = ours.plan(build())
    write_plan(receivers.parent / "plan.json", [plan])
    ours.apply(plan, overwrite=True)
    assert SECRET in (place.content or b"").decode()
    kept = [path.read_text() for path in receivers.parent.rglob("*.json")]
    assert len(kept) == 2
    for text in (*kept, repr(plan)):
        assert "severity" in text
        assert SECRET not in text
        assert "other-secret" not in text


def test_routes_inhibitions_and_receivers_that_change_are_told_one_by_one(receivers: Path) -> None:
    ours = rollout(MemoryPlace(), receivers)
    ours.apply(ours.plan(build()))
    other = {"receiver": "tickets", "routes": [{**PAGES, "group_wait": "1m"}, {"receiver": "nobody"}]}
    plan = ours.plan(build(route=other, inhibit_rules=[]))
    assert sorted(told(plan)) == [
        "added route / every alert",
        'changed route / severity="page"',
        'removed inhibition of severity="ticket" by alertname="Down"',
    ]
    (changed,) = [one for one in plan.changes if one.what == "changed"]
    assert (changed.before, changed.after) == ("receiver: pager", "receiver: pager, group_wait: 1m")


def test_somebody_elses_configuration_is_a_conflict_and_comes_back_to_the_letter(receivers: Path) -> None:
    place = MemoryPlace(FOREIGN)
    ours = rollout(place, receivers)
    plan = ours.plan(build())
    with pytest.raises(InputError, match="somebody else's work"):
        ours.apply(plan)
    place.refused = b"severity"
    with pytest.raises(ServerError, match="cannot be loaded") as raised:
        ours.apply(plan, overwrite=True)
    assert place.content == FOREIGN
    assert SECRET not in str(raised.value)
    assert "[FILTERED]" in str(raised.value)


def test_ours_is_put_back_after_a_kill_and_what_others_wrote_is_asked_for(receivers: Path) -> None:
    place = MemoryPlace()
    ours = rollout(place, receivers)
    ours.apply(ours.plan(build()))
    before = place.content
    state = StateFolder(receivers.parent / "state")
    written = ours.target.wanted(build(route={**ROUTE, "group_wait": "90s"}))
    state.begin(ours.target.read(), (written,))
    ours.target.write(ours.target.read(), written)
    put_back(rollout(place, receivers))
    assert place.content == before
    state.begin(AlertmanagerConfig("alerts", MemoryPlace(FOREIGN), receivers).read(), (written,))
    ours.target.write(ours.target.read(), written)
    with pytest.raises(MachineError, match="stand in no file"):
        put_back(rollout(place, receivers))


def test_what_somebody_changed_after_a_kill_stays_and_is_told(receivers: Path) -> None:
    place = MemoryPlace()
    ours = rollout(place, receivers)
    ours.apply(ours.plan(build()))
    written = ours.target.wanted(build(route={**ROUTE, "group_wait": "90s"}))
    StateFolder(receivers.parent / "state").begin(ours.target.read(), (written,))
    place.content = b"route: {receiver: pager}\nreceivers: [{name: pager}]\n"
    again = rollout(place, receivers)
    with pytest.raises(InputError, match="somebody else's work"):
        again.apply(again.plan(build()))
    assert place.content == b"route: {receiver: pager}\nreceivers: [{name: pager}]\n"
    assert "somebody changed since, and it stays as it is: alertmanager.yaml" in again.notes[-1]


def test_a_receivers_file_that_changed_is_a_change_that_shows_no_secret(receivers: Path) -> None:
    """A new key is deployed like any other change: nobody else's work is lost."""
    place = MemoryPlace()
    ours = rollout(place, receivers)
    ours.apply(ours.plan(build()))
    receivers.write_text(receivers.read_text().replace(SECRET, "another-key"), encoding="utf-8")
    ours = rollout(place, receivers)
    plan = ours.plan(build())
    assert told(plan) == ["changed contents of receivers"]
    assert plan.conflicts == ()
    assert ours.status().edited == ()
    assert "another-key" not in repr(plan)
    ours.apply(plan)
    assert b"another-key" in (place.content or b"")
    assert not ours.plan(build()).differs
    assert not [path for path in receivers.parent.rglob("*.json") if "another-key" in path.read_text()]


@pytest.mark.parametrize("edited", [b"hunter2-of-the-paper", b"x" * 20])
def test_a_key_that_somebody_changed_there_is_a_conflict_also_beside_a_new_one(receivers: Path, edited: bytes) -> None:
    place = MemoryPlace()
    ours = rollout(place, receivers)
    ours.apply(ours.plan(build()))
    place.content = (place.content or b"").replace(SECRET.encode(), edited)
    assert len(ours.plan(build()).conflicts) == 1
    receivers.write_text(receivers.read_text().replace(SECRET, "another-key"), encoding="utf-8")
    with pytest.raises(InputError, match="somebody else's work"):
        ours.apply(ours.plan(build()))


def test_a_new_key_that_is_refused_leaves_the_old_one_to_the_letter(receivers: Path) -> None:
    place = MemoryPlace()
    ours = rollout(place, receivers)
    ours.apply(ours.plan(build()))
    before = place.content
    receivers.write_text(receivers.read_text().replace(SECRET, "another-key"), encoding="utf-8")
    place.refused = b"another-key"
    with pytest.raises(ServerError, match="cannot be loaded"):
        ours.apply(ours.plan(build()))
    assert place.content == before
    assert ours.status().interrupted == ""


def test_after_a_kill_with_a_new_key_the_old_routes_come_back_with_the_new_key(receivers: Path) -> None:
    """The old key is nowhere any more: its file has the new one, and no note holds secrets."""
    place = MemoryPlace()
    ours = rollout(place, receivers)
    ours.apply(ours.plan(build()))
    receivers.write_text(receivers.read_text().replace(SECRET, "another-key"), encoding="utf-8")
    state, other = StateFolder(receivers.parent / "state"), build(route={**ROUTE, "group_wait": "90s"})
    state.begin(rollout(place, receivers).target.read(), (ours.target.wanted(other),))
    target = AlertmanagerConfig("alerts", place, receivers)
    target.write(target.read(), target.wanted(other))
    again = rollout(place, receivers)
    with pytest.raises(InputError, match="has changed since the plan"):  # what is back has the new key
        put_back(again)
    assert b"another-key" in (place.content or b"")
    assert b"90s" not in (place.content or b"")
    assert not rollout(place, receivers).plan(build()).differs


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace("- name: watchdog\n", ""), "lacks a receiver"),
        (lambda text: text + "route: {receiver: pager}\n", "which comes from the build"),
        (lambda text: text.replace("routing_key", "routing_ky"), "amtool refuses"),
        (lambda _: "- a\n", "no configuration"),
        (lambda _: "a: [\n", "YAML"),
    ],
)
def test_a_receivers_file_that_cannot_serve_changes_nothing(receivers: Path, change: Any, says: str) -> None:
    place = MemoryPlace()
    ours = rollout(place, receivers)
    plan = ours.plan(build())
    receivers.write_text(change(receivers.read_text()), encoding="utf-8")
    with pytest.raises(RegobsError, match=says) as raised:
        ours.apply(plan)
    assert place.content is None
    assert SECRET not in str(raised.value)


def test_a_receivers_file_that_is_not_there_is_one_error(receivers: Path) -> None:
    ours = rollout(MemoryPlace(), receivers)
    plan = ours.plan(build())
    receivers.unlink()
    with pytest.raises(MachineError, match="cannot be read"):
        ours.apply(plan)


def test_another_route_in_use_than_was_deployed_is_told(receivers: Path) -> None:
    place = MemoryPlace()
    ours = rollout(place, receivers)
    ours.apply(ours.plan(build()))
    ours.verify()
    place.content = (place.content or b"").replace(b"severity", b"team")
    with pytest.raises(ServerError, match="another route is in use"):
        ours.verify()


def test_the_way_a_server_writes_it_makes_no_difference(receivers: Path) -> None:
    place = MemoryPlace()
    ours = rollout(place, receivers)
    ours.apply(ours.plan(build(route={**ROUTE, "group_wait": "90s"})))
    text = (place.content or b"").decode()
    place.content = text.replace("90s", "1m30s").replace('severity="page"', "severity = page").encode()
    ours.verify()


class Tenants:
    """The documented calls: GET, POST and DELETE of a tenant's configuration."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def answer(self, request: Request) -> Reply:
        tenant = request.headers.get("X-Scope-OrgID", "")
        if not tenant:
            return Reply(401, "no org id", "text/plain")
        if request.method == "GET":
            there = self.kept.get(tenant)
            missing = Reply(404, "alertmanager storage object not found", "text/plain")
            return Reply(200, there, "application/yaml") if there is not None else missing
        if request.method == "DELETE":
            self.kept.pop(tenant, None)
            return Reply(200, "", "text/plain")
        if "refused" in request.body:
            return Reply(400, f"error validating Alertmanager config: {SECRET}", "text/plain")
        self.kept[tenant] = request.body
        return Reply(201, "", "text/plain")


def test_the_api_of_a_tenant_keeps_templates_and_knows_no_other_tenant(receivers: Path) -> None:
    tenants = Tenants()
    tenants.kept["b"] = dump_yaml({"template_files": {"t": "x"}, "alertmanager_config": FOREIGN.decode()})
    with Stub({"/api/v1/alerts": tenants.answer}) as stub:

        def of(tenant: str) -> Rollout:
            headers = {"X-Scope-OrgID": tenant} if tenant else {}
            place = ConfigApi(f"{stub.url}/api/v1/alerts", lambda: Prometheus(stub.url, headers=headers))
            folder = StateFolder(receivers.parent / f"state-{tenant}")
            return Rollout(AlertmanagerConfig("alerts", place, receivers), folder)

        first, second = of("a"), of("b")
        first.apply(first.plan(build()))
        assert SECRET in tenants.kept["a"]
        assert not first.plan(build()).differs
        second.apply(second.plan(build()), overwrite=True)
        assert "template_files:\n  t: x" in tenants.kept["b"]
        with pytest.raises(ServerError, match="answers 400") as raised:
            first.apply(first.plan(build(route={"receiver": "tickets", "group_by": ["refused"]})))
        assert SECRET not in str(raised.value)
        assert "refused" not in tenants.kept["a"]
        with pytest.raises(RegobsError, match="401"):
            of("").plan(build())


LOGINS = [
    (Reply(302, "", "text/plain", {"Location": "/login"}), "a redirect to /login, no answer of an API"),
    (Reply(200, "<html>sign in</html>", "text/html"), "a web page, no answer of an API"),
]


@pytest.mark.parametrize(("reply", "said"), LOGINS, ids=["redirect", "page"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_login_before_the_api_of_a_tenant_is_named_and_the_old_state_stays(
    reply: Reply, said: str, method: str, receivers: Path
) -> None:
    tenants, intercepted = Tenants(), []

    def answer(request: Request) -> Reply:
        return reply if request.method in intercepted else tenants.answer(request)

    with Stub({"/api/v1/alerts": answer}) as stub:
        place = ConfigApi(f"{stub.url}/api/v1/alerts", lambda: Prometheus(stub.url, headers={"X-Scope-OrgID": "a"}))
        ours = rollout(place, receivers)
        ours.apply(ours.plan(build()))
        plan, before = ours.plan(build(inhibit_rules=[])), dict(tenants.kept)
        intercepted.append(method)
        with pytest.raises(ServerError, match=f"{method} .*answers {reply.status}") as error:
            ours.apply(plan)
        assert error.value.value == said
        assert tenants.kept == before


@pytest.mark.parametrize(("reply", "said"), LOGINS, ids=["redirect", "page"])
def test_a_login_before_an_alertmanager_is_no_reload(reply: Reply, said: str, receivers: Path) -> None:
    with Stub({("POST", "/-/reload"): reply}) as stub:
        place = ConfigFile(receivers.parent / "alertmanager.yml", lambda: Prometheus(stub.url))
        with pytest.raises(ServerError, match=f"reload answers {reply.status}") as error:
            place.write(FOREIGN, None)
    assert error.value.value == said


def test_a_tenant_without_a_configuration_has_none_again_after_a_failure(receivers: Path) -> None:
    tenants = Tenants()
    with Stub({"/api/v1/alerts": tenants.answer}) as stub:
        headers = {"X-Scope-OrgID": "a"}
        place = ConfigApi(f"{stub.url}/api/v1/alerts", lambda: Prometheus(stub.url, headers=headers))
        target = AlertmanagerConfig("alerts", place, receivers)
        wanted = target.wanted(build())
        target.write({}, wanted)
        assert target.read() == wanted
        target.write(wanted, {})
        assert target.read() == {}


def test_the_routing_of_the_bundled_pack_can_be_deployed(receivers: Path) -> None:
    place = MemoryPlace()
    ours = rollout(place, receivers)
    files = {str(name): content for name, content in build_files(GITLAB, BUNDLED).items()}
    ours.apply(ours.plan(files))
    assert place.loaded()["route"] == load_yaml(files[FILE], FILE, error=InputError).data["route"]


def test_what_others_wrote_comes_back_after_a_kill_from_a_file_of_its_owner(receivers: Path) -> None:
    """It is nowhere else: state and plans have no secrets. Once it is in use again, no second copy is left."""
    place = MemoryPlace(FOREIGN)
    ours = rollout(place, receivers)
    plan, state = ours.plan(build()), StateFolder(receivers.parent / "state")
    state.begin(ours.target.read(), (plan.objects,))
    ours.target.write(ours.target.read(), plan.objects)  # and no more: it is killed
    (kept,) = receivers.parent.glob("receivers.yaml.before-regobs-*")
    assert kept.read_bytes() == FOREIGN
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    again = rollout(place, receivers)
    with pytest.raises(InputError, match="somebody else's work"):
        again.apply(again.plan(build()))
    assert (place.content, kept.exists(), again.status().interrupted) == (FOREIGN, False, "")
    again.apply(again.plan(build()), overwrite=True)
    assert (place.content != FOREIGN, kept.read_bytes()) == (True, FOREIGN)


def test_going_back_to_the_newest_state_after_a_kill_puts_back_what_somebody_wrote_by_hand(receivers: Path) -> None:
    """And nothing else: what was there before the killed deployment was not the newest state either."""
    place = MemoryPlace()
    ours = rollout(place, receivers)
    ours.apply(ours.plan(build()))
    place.content = FOREIGN
    with pytest.raises(InputError, match="somebody else's work"):
        ours.go_back(ours.plan_back(1))
    plan, state = ours.plan(build(route={"receiver": "nobody"})), StateFolder(receivers.parent / "state")
    state.begin(ours.target.read(), (plan.objects,))
    ours.target.write(ours.target.read(), plan.objects)  # and no more: it is killed
    again = rollout(place, receivers)
    back = again.plan_back(1)
    assert (told(back), back.is_work, back.differs) == (["put back first alertmanager.yaml"], True, False)
    assert again.go_back(back) is None
    assert (place.content, again.status().interrupted, state.numbers()) == (FOREIGN, "", [1])
    assert "state 1 is the newest, and not all of what is there: alertmanager.yaml changed since" in again.notes[-1]
    with pytest.raises(InputError, match="somebody else's work"):
        again.go_back(again.plan_back(1))


def test_ours_is_kept_nowhere_when_it_is_replaced(receivers: Path) -> None:
    ours = rollout(MemoryPlace(), receivers)
    ours.apply(ours.plan(build()))
    ours.apply(ours.plan(build(route={"receiver": "nobody"})))
    assert not list(receivers.parent.glob("*.before-regobs-*"))


def test_what_cannot_be_kept_is_not_replaced(receivers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    place = MemoryPlace(FOREIGN)
    ours = rollout(place, receivers)
    plan = ours.plan(build())
    monkeypatch.setattr("regobs.deploy.replaced_configs.beside", full)
    with pytest.raises(MachineError, match="cannot be kept"):
        ours.apply(plan, overwrite=True)
    assert place.content == FOREIGN


def test_a_file_that_the_server_did_not_read_again_is_work_to_do(receivers: Path) -> None:
    """As after a kill between the file and the reload, or after somebody put the file there."""
    place = MemoryPlace()
    ours = rollout(place, receivers)
    ours.apply(ours.plan(build()))
    place.loaded = lambda: {"route": {"receiver": "mine"}}  # type: ignore[method-assign]
    plan = ours.plan(build())
    assert (plan.differs, plan.is_work) == (False, True)
    assert "another route is in use than is there" in plan.due
    del place.loaded
    assert ours.apply(plan) is not None
    assert ours.plan(build()).due == ""


def test_what_a_killed_deployment_left_of_secrets_is_removed_by_the_next(receivers: Path) -> None:
    with Stub({("POST", "/-/reload"): Reply()}) as stub:
        place = ConfigFile(receivers.parent / "am" / "alertmanager.yml", lambda: Prometheus(stub.url))
        (receivers.parent / "am").mkdir()
        (receivers.parent / "state" / "states").mkdir(parents=True)
        left = [
            receivers.parent / name
            for name in (
                "am/.alertmanager.yml.0123abcd.regobs-new",
                ".receivers.yaml.before-regobs-0123456789ab.0123abcd.regobs-new",
                "state/.pending.json.0123abcd.regobs-new",
                "state/states/.0001.json.0123abcd.regobs-new",
            )
        ]
        theirs = receivers.parent / ".receivers.yaml.0123abcd.regobs-new"
        for path in (*left, theirs):
            path.write_bytes(b"secret")
        ours = rollout(place, receivers)
        plan = ours.plan(build())
        assert [path.exists() for path in left] == [True, True, False, False]  # a plan changes nothing on the target
        place.loaded = lambda: load_yaml(place.read() or b"", "a", error=InputError).data  # type: ignore[method-assign]
        ours.apply(plan)
        assert [path for path in (*left, theirs) if path.exists()] == [theirs]


@pytest.mark.parametrize("there", [FOREIGN, None])
def test_a_file_that_somebody_changes_at_the_last_moment_stays(
    receivers: Path, monkeypatch: pytest.MonkeyPatch, there: bytes | None
) -> None:
    """Until the exchange: what it replaced is looked at, and put back."""
    path = receivers.parent / "alertmanager.yml"
    if there is not None:
        path.write_bytes(there)
    with Stub({("POST", "/-/reload"): Reply()}) as stub:
        ours = rollout(ConfigFile(path, lambda: Prometheus(stub.url)), receivers)
        plan, real = ours.plan(build()), files.sync

        def late(place: Path) -> None:
            if place.name.startswith(".alertmanager.yml."):
                path.write_bytes(b"route: {receiver: late}")
            real(place)

        monkeypatch.setattr(files, "sync", late)
        with pytest.raises(InputError, match="somebody changed the configuration while"):
            ours.apply(plan, overwrite=True)
    assert path.read_bytes() == b"route: {receiver: late}"
    assert not [*receivers.parent.glob(".*.regobs-new")]


def test_a_tenants_configuration_that_somebody_changes_before_it_is_sent_stays() -> None:
    late, tenants = FOREIGN + b"# late", Tenants()
    with Stub({"/api/v1/alerts": tenants.answer}) as stub:
        api = ConfigApi(f"{stub.url}/api/v1/alerts", lambda: Prometheus(stub.url, headers={"X-Scope-OrgID": "a"}))
        api.write(FOREIGN, None)
        assert api.read() == FOREIGN
        for content in (FOREIGN, None):
            with pytest.raises(InputError, match="somebody changed the configuration while"):
                api.write(content, late)
        assert api.read() == FOREIGN
