"""The configuration of an Alertmanager as a deployment target: routes come from the build, secrets from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regobs.deploy.alertmanager_config import FILE, AlertmanagerConfig
from regobs.deploy.plan_file import write_plan
from regobs.deploy.state import StateFolder
from regobs.documents import dump_yaml, load_yaml
from regobs.errors import InputError, MachineError, RegobsError, ServerError
from tests.deploy.alertmanager_fakes import (
    DOWN,
    FOREIGN,
    PAGES,
    ROUTE,
    SECRET,
    MemoryPlace,
    build,
    rollout,
    told,
)
from tests.deploy.fakes import put_back


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


def test_the_order_in_which_keys_are_written_is_no_change(receivers: Path) -> None:
    """As after an edit with a tool that sorts them: what they say is what the build says."""
    place = MemoryPlace()
    ours = rollout(place, receivers)
    ours.apply(ours.plan(build()))
    edited = build(route={**ROUTE, "routes": [{**PAGES, "group_wait": "1m"}]})
    data: dict[str, Any] = load_yaml(edited[FILE], FILE, error=InputError).data
    there = {**place.loaded(), **{key: data[key] for key in ("inhibit_rules", "route")}}
    place.content = turned(there).encode()
    assert [one.what for one in ours.status().edited] == ["changed since it was deployed"]
    plan = ours.plan(edited)
    assert (plan.differs, plan.changes, plan.conflicts, plan.is_work) == (False, (), (), True)
    ours.apply(plan)
    assert ours.status().edited == ()
    place.content = turned(place.loaded()).encode()
    assert not ours.plan(edited).is_work
    assert told(ours.plan(build())) == ['changed route / severity="page"']
    assert ours.plan(build()).conflicts == ()


def turned(data: Any) -> str:
    """YAML of the same with the keys of every mapping in the opposite order."""

    def turn(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turn(value[key]) for key in reversed(value)}
        return [turn(one) for one in value] if isinstance(value, list) else value

    return dump_yaml(turn(data))
