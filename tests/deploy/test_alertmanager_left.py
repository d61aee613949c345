"""What a deployment to an Alertmanager leaves: what others wrote, what was killed, edits at the last moment."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from regobs.common import files
from regobs.deploy.alertmanager_places import ConfigApi, ConfigFile
from regobs.deploy.state import StateFolder
from regobs.documents import load_yaml
from regobs.errors import InputError, MachineError
from regobs.prometheus import Prometheus
from tests.deploy.alertmanager_fakes import FOREIGN, MemoryPlace, Tenants, build, rollout, told
from tests.prometheus.stub import Reply, Stub


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
