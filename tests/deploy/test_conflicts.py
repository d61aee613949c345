"""Work of others on a target: never replaced unasked, and never judged."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from regobs.deploy.state import StateFolder
from regobs.errors import InputError, ServerError
from tests.deploy.conftest import NEW, OLD, rollout
from tests.deploy.fakes import MemoryTarget, rule_file, rules


def test_a_target_that_moved_on_since_the_plan_is_refused(deployed: MemoryTarget, folder: StateFolder) -> None:
    ours = rollout(deployed, folder)
    plan = ours.plan(NEW)
    deployed.live["Other.yaml"] = b"groups: []\n"
    with pytest.raises(InputError, match="has changed since the plan"):
        ours.apply(plan)
    assert deployed.steps == []


@pytest.mark.parametrize(
    ("live", "name", "what"),
    [
        ({"High.yaml": rule_file("High", 7)}, "High.yaml", "changed since"),
        ({}, "High.yaml", "removed since"),
        ({"High.yaml": rule_file("High", 5), "Fresh.yaml": b"groups: []\n"}, "Fresh.yaml", "is there already"),
    ],
)
def test_somebody_elses_work_is_a_conflict(folder: StateFolder, live: dict[str, bytes], name: str, what: str) -> None:
    target = MemoryTarget()
    ours = rollout(target, folder)
    ours.apply(ours.plan(rules(High=5)))
    target.live = dict(live)
    plan = ours.plan(rules(High=6, Fresh=1))
    assert [one.thing for one in plan.conflicts] == [name]
    assert what in plan.conflicts[0].what
    with pytest.raises(InputError, match="somebody else's work"):
        ours.apply(plan)
    assert target.live == live
    ours.apply(plan, overwrite=True)
    assert target.live == {"High.yaml": rule_file("High", 6), "Fresh.yaml": rule_file("Fresh", 1)}


def test_what_was_never_ours_stays(folder: StateFolder) -> None:
    target = MemoryTarget({"theirs.yaml": b"groups: []\n"})
    ours = rollout(target, folder)
    plan = ours.plan(OLD)
    assert (plan.conflicts, plan.deleted) == ((), ())
    ours.apply(plan)
    ours.apply(ours.plan(NEW))
    assert target.live["theirs.yaml"] == b"groups: []\n"
    assert "Low.yaml" not in target.live


def test_what_is_of_others_is_not_judged(folder: StateFolder) -> None:
    """A file of somebody else that the server cannot read says nothing of ours."""
    target = MemoryTarget({"foreign.yaml": rule_file("Foreign", 1)})
    ours, judged = rollout(target, folder), list[set[str]]()

    def verify(objects: Mapping[str, bytes]) -> None:
        judged.append(set(objects))
        if len(judged) > 1:
            raise ServerError("memory: verify fails")

    target.verify = verify  # type: ignore[method-assign]
    ours.apply(ours.plan(OLD))
    with pytest.raises(ServerError):
        ours.apply(ours.plan(NEW))
    assert set(target.live) == {"foreign.yaml", "High.yaml", "Low.yaml"}
    assert judged == [
        {"High.yaml", "Low.yaml"},
        {"High.yaml"},
        {"High.yaml", "Low.yaml"},
    ]  # the first deployment, the second, and what was put back


def test_what_somebody_changes_while_it_is_checked_is_not_overwritten(
    deployed: MemoryTarget, folder: StateFolder
) -> None:
    ours, edited = rollout(deployed, folder), {"High.yaml": rule_file("High", 7)}

    def check(objects: Mapping[str, bytes]) -> None:
        del objects
        deployed.live = dict(edited)

    deployed.check = check  # type: ignore[method-assign]
    with pytest.raises(InputError, match="has changed since the plan"):
        ours.apply(ours.plan(NEW))
    assert (deployed.live, deployed.steps, folder.pending()) == (edited, [], None)


@pytest.mark.parametrize("ends", [True, False])
def test_a_deployment_that_begins_while_the_status_is_read_is_no_edit_of_others(
    deployed: MemoryTarget, folder: StateFolder, monkeypatch: pytest.MonkeyPatch, *, ends: bool
) -> None:
    looking, ours = rollout(deployed, StateFolder(folder.path)), rollout(deployed, folder)
    plan, found, read = ours.plan(NEW), [], deployed.read

    def look(objects: Mapping[str, bytes]) -> None:
        del objects
        found.append(looking.status())

    def deploy() -> dict[str, bytes]:
        monkeypatch.setattr(deployed, "read", read)
        ours.apply(plan)
        return read()

    if ends:
        monkeypatch.setattr(deployed, "read", deploy)
        status = looking.status()
        assert (status.state.number, status.under_way, status.interrupted, status.edited) == (2, "", "", ())
        return
    unfinished = iter([None, *[folder.unfinished] * 9])
    monkeypatch.setattr(looking._folder, "unfinished", lambda: (one := next(unfinished)) and one())
    deployed.verify = look  # type: ignore[method-assign]
    ours.apply(plan)
    assert [(bool(one.under_way), one.interrupted, one.edited) for one in found] == [(True, "", ())]


def test_a_plan_without_changes_holds_only_while_the_target_stays(deployed: MemoryTarget, folder: StateFolder) -> None:
    ours = rollout(deployed, folder)
    ours.apply(ours.plan(NEW))
    plan = ours.plan(NEW)
    assert ours.as_it_is(plan) == plan
    deployed.live = {**deployed.live, "High.yaml": b"groups: []"}
    with pytest.raises(InputError, match="has changed since the plan"):
        ours.as_it_is(plan)


@pytest.mark.parametrize(
    ("by_hand", "build"),
    [
        (rules(High=7, Low=1), rules(High=7, Low=1)),  # changed
        (rules(High=5), rules(High=5)),  # removed
        ({}, {}),
    ],
    ids=["changed", "removed", "all removed"],
)
def test_what_somebody_did_as_the_build_has_it_becomes_a_state(
    deployed: MemoryTarget, folder: StateFolder, by_hand: dict[str, bytes], build: dict[str, bytes]
) -> None:
    """Otherwise `status` tells of an edit for ever, and nothing that `plan` says ends it."""
    ours = rollout(deployed, folder)
    deployed.live = deployed.wanted(by_hand)
    assert ours.status().edited != ()
    plan = ours.plan(build)
    assert (plan.differs, plan.changes, plan.conflicts, plan.is_work) == (False, (), (), True)
    assert "is to be kept as a new state" in plan.due
    state = ours.apply(ours.as_it_is(plan))
    assert state is not None
    assert (state.number, state.objects) == (2, deployed.live)
    assert ours.status().edited == ()
    assert not ours.plan(build).is_work


@pytest.mark.parametrize("before", [OLD, None], ids=["more", "the first"])
def test_what_somebody_added_as_the_build_has_it_is_ours_after_an_apply(
    folder: StateFolder, before: dict[str, bytes] | None
) -> None:
    """Otherwise the next build that changes it is a conflict, and one without it leaves it there."""
    target = MemoryTarget({"theirs.yaml": b"groups: []\n"})
    ours, build = rollout(target, folder), rules(High=5, Low=1, Fresh=3)
    if before is not None:
        ours.apply(ours.plan(before))
    target.live |= target.wanted(build)
    plan = ours.plan(build)
    assert (plan.differs, plan.changes, plan.conflicts, plan.is_work) == (False, (), (), True)
    assert plan.due.endswith("Fresh.yaml is there already, and regobs deploy did not write it")
    assert ours.apply(ours.as_it_is(plan)) is not None
    assert not ours.plan(build).is_work
    assert (ours.plan(rules(Fresh=4)).conflicts, ours.plan(rules(Fresh=4)).deleted) == ((), ("High.yaml", "Low.yaml"))
    ours.apply(ours.plan({}))
    assert set(target.live) == {"theirs.yaml"}


def test_what_nobody_changed_is_nothing_to_do(deployed: MemoryTarget, folder: StateFolder) -> None:
    ours = rollout(deployed, folder)
    assert (ours.plan(OLD).due, ours.plan(OLD).is_work) == ("", False)
    deployed.live["theirs.yaml"] = b"groups: []\n"
    assert (ours.plan(OLD).due, ours.plan(OLD).is_work) == ("", False)


def test_what_somebody_removed_is_a_conflict_where_the_build_has_it(
    deployed: MemoryTarget, folder: StateFolder
) -> None:
    ours = rollout(deployed, folder)
    del deployed.live["Low.yaml"]
    assert [one.thing for one in ours.plan(OLD).conflicts] == ["Low.yaml"]
    assert ours.plan(NEW).conflicts == ()
    ours.apply(ours.plan(NEW))
    assert ours.status().edited == ()


@pytest.mark.parametrize(("count", "more"), [(5, ""), (6, "; and 1 more"), (1205, "; and 1,200 more")])
def test_an_error_names_some_conflicts_and_says_how_many_more_there_are(
    folder: StateFolder, count: int, more: str
) -> None:
    target = MemoryTarget({f"A{number}.yaml": b"groups: []\n" for number in range(count)})
    ours = rollout(target, folder)
    with pytest.raises(InputError, match="somebody else's work") as caught:
        ours.apply(ours.plan(rules(**{f"A{number}": 1 for number in range(count)})))
    named = str(caught.value.value)
    assert named.count("is there already") == 5
    assert named.endswith(f"did not write it{more}")
