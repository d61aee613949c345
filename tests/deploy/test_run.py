"""Plans and what becomes of them: whole, or as it was, whatever happens on the way."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest

from regobs.deploy.state import StateFolder
from regobs.errors import InputError, MachineError, ServerError
from tests.deploy.conftest import NEW, OLD, rollout
from tests.deploy.fakes import MemoryTarget, rule_file, rules


def test_a_plan_says_what_changes_and_what_is_deleted(deployed: MemoryTarget, folder: StateFolder) -> None:
    plan = rollout(deployed, folder).plan(NEW)
    assert plan.differs
    assert plan.deleted == ("Low.yaml",)
    assert [(one.thing, one.what) for one in plan.changes] == [("High", "threshold changed"), ("Low", "alert removed")]
    assert plan.conflicts == ()
    assert not rollout(deployed, folder).plan(OLD).differs


def test_applying_ends_with_a_kept_state(deployed: MemoryTarget, folder: StateFolder) -> None:
    ours = rollout(deployed, folder)
    state = ours.apply(ours.plan(NEW))
    assert state is not None
    assert (state.number, state.environment) == (2, "test")
    assert deployed.steps[:3] == ["check", "write", "verify"]
    assert deployed.steps[3].startswith("announce regobs ")
    assert deployed.live == state.objects == {"High.yaml": rule_file("High", 9)}
    assert ours.apply(ours.plan(NEW)) is None
    assert folder.pending() is None


@pytest.mark.parametrize("step", ["write", "verify"])
@pytest.mark.parametrize("error", [ServerError, MachineError, KeyboardInterrupt, ZeroDivisionError])
def test_whatever_fails_the_old_state_is_back(
    deployed: MemoryTarget, folder: StateFolder, step: str, error: type[BaseException]
) -> None:
    ours, before = rollout(deployed, folder), dict(deployed.live)
    deployed.fails, deployed.error = {step: 1}, error
    with pytest.raises(error):
        ours.apply(ours.plan(NEW))
    assert deployed.live == before
    assert folder.pending() is None
    assert ours.status().state.number == 1


def test_what_the_target_refuses_changes_nothing(deployed: MemoryTarget, folder: StateFolder) -> None:
    ours, before = rollout(deployed, folder), dict(deployed.live)
    deployed.fails, deployed.error = {"check": 1}, InputError
    with pytest.raises(InputError):
        ours.apply(ours.plan(NEW))
    assert (deployed.live, deployed.steps) == (before, ["check"])


def test_a_state_that_cannot_be_put_back_is_put_back_by_whoever_comes_next(
    deployed: MemoryTarget, folder: StateFolder
) -> None:
    ours, before = rollout(deployed, folder), dict(deployed.live)
    deployed.fails = {"write": 2}
    with pytest.raises(ServerError, match="write fails") as caught:
        ours.apply(ours.plan(NEW))
    assert "could not be put back" in (caught.value.next_step or "")
    assert ours.status().interrupted
    half = {"High.yaml": rule_file("High", 9), "Low.yaml": rule_file("Low", 1)}
    deployed.live = dict(half)
    plan = ours.plan(OLD)
    assert [(one.thing, one.what) for one in plan.changes] == [("High.yaml", "put back first")]
    assert (plan.is_work, plan.conflicts, deployed.live) == (True, (), half)
    assert "the next `regobs deploy apply` or `rollback` first puts back what was there" in ours.notes[-1]
    assert ours.status().edited == ()
    with pytest.raises(ServerError, match="was interrupted"):
        ours.verify()
    assert deployed.live == half
    assert ours.apply(plan) is None
    assert "was interrupted; what was there before is back: High.yaml" in ours.notes[-1]
    assert deployed.live == before
    assert ours.status().interrupted == ""


def test_what_cannot_be_put_back_keeps_nobody_from_planning_and_going_on(
    deployed: MemoryTarget, folder: StateFolder
) -> None:
    """A permission that is lost for good, or a configuration that only its author has."""
    ours, before = rollout(deployed, folder), dict(deployed.live)
    plan = ours.plan(NEW)
    deployed.stuck, deployed.error = True, MachineError
    with pytest.raises(MachineError, match="it is stuck") as caught:
        ours.apply(plan)
    assert "apply --overwrite` goes on from there" in (caught.value.next_step or "")
    deployed.live = {"High.yaml": b"groups: []\n"}
    plan = ours.plan(NEW)
    assert [(one.thing, one.what) for one in plan.changes] == [
        ("Low.yaml", "put back first"),
        ("High", "alert added"),
        ("Low", "alert removed"),
    ]
    assert "somebody changed since, and it stays as it is: High.yaml" in ours.notes[0]
    with pytest.raises(MachineError, match="it is stuck") as caught:
        ours.apply(plan)
    assert "apply --overwrite` goes on from there" in (caught.value.next_step or "")
    deployed.stuck, deployed.live = False, {"High.yaml": rule_file("High", 9)}
    with pytest.raises(InputError, match="has changed since the plan"):  # what was there before is back
        ours.apply(plan)
    assert deployed.live == before
    assert ours.status().interrupted == ""


def test_going_on_from_what_is_there_ends_what_was_interrupted(
    deployed: MemoryTarget, folder: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was there cannot be written again, and what is new can."""
    ours, before, write = rollout(deployed, folder), dict(deployed.live), deployed.write
    plan = ours.plan(NEW)
    deployed.stuck = True
    with pytest.raises(ServerError, match="it is stuck"):
        ours.apply(plan)
    deployed.stuck, deployed.live = False, {"High.yaml": rule_file("High", 9)}

    def refuse_old(live: dict[str, bytes], after: dict[str, bytes]) -> None:
        if after == before:
            raise ServerError("the old ones cannot be written")
        write(live, after)

    monkeypatch.setattr(deployed, "write", refuse_old)
    plan = ours.plan(NEW)
    assert (plan.conflicts, [one.what for one in plan.changes][:2]) == ((), ["put back first"] * 2)
    deployed.fails = {"verify": 1}
    with pytest.raises(ServerError, match="verify fails") as caught:
        ours.apply(plan, overwrite=True)
    assert "the old ones cannot be written" in (caught.value.next_step or "")
    assert ours.status().interrupted
    assert ours.apply(ours.plan(NEW), overwrite=True) is not None
    assert (ours.status().interrupted, ours.status().edited) == ("", ())
    assert not ours.plan(NEW).differs


def test_what_is_back_whole_and_is_not_well_is_told_and_over(deployed: MemoryTarget, folder: StateFolder) -> None:
    """Rules that failed before the deployment fail after it, too."""
    ours, before = rollout(deployed, folder), dict(deployed.live)
    deployed.fails = {"verify": 100}
    with pytest.raises(ServerError, match="verify fails") as caught:
        ours.apply(ours.plan(NEW))
    assert "what was there before is back" in (caught.value.next_step or "")
    assert ours.notes == ["what was there before is back, and is not well: memory: verify fails"]
    assert deployed.live == before
    assert ours.status().interrupted == ""
    assert ours.plan(NEW).differs


def test_going_back_reaches_any_kept_state(deployed: MemoryTarget, folder: StateFolder) -> None:
    ours, first = rollout(deployed, folder), dict(deployed.live)
    ours.apply(ours.plan(NEW))
    ours.apply(ours.plan(rules(High=11)))
    ours.apply(ours.plan_back(None))
    assert deployed.live == {"High.yaml": rule_file("High", 9)}
    ours.apply(ours.plan_back(1))
    assert deployed.live == first
    assert ours.status().kept == (1, 2, 3, 4, 5)
    with pytest.raises(InputError, match="no such state"):
        ours.plan_back(9)


def test_there_is_nothing_to_go_back_to_after_the_first(deployed: MemoryTarget, folder: StateFolder) -> None:
    with pytest.raises(InputError, match="no such state"):
        rollout(deployed, folder).plan_back(None)


def test_a_second_deployment_waits_or_is_told(deployed: MemoryTarget, folder: StateFolder) -> None:
    with folder.locked(1), pytest.raises(MachineError, match="under way"):
        rollout(deployed, folder, wait=0.2).plan(NEW)
    held = threading.Event()
    freed = threading.Event()

    def hold() -> None:
        with StateFolder(folder.path).locked(1):
            held.set()
            freed.wait(0.5)

    other = threading.Thread(target=hold)
    other.start()
    held.wait(5)
    assert rollout(deployed, folder, wait=10).plan(NEW).differs
    other.join()


def test_a_deployment_that_another_command_is_at_is_under_way_and_not_interrupted(
    deployed: MemoryTarget, folder: StateFolder
) -> None:
    """What it has written already was changed by nobody else."""
    ours, seen = rollout(deployed, folder), []

    def look(objects: Mapping[str, bytes]) -> None:
        del objects
        seen.append(rollout(deployed, StateFolder(folder.path)).status())

    deployed.verify = look  # type: ignore[method-assign]
    ours.apply(ours.plan(NEW))
    (status,) = seen
    assert (bool(status.under_way), status.interrupted, status.edited) == (True, "", ())
    after = rollout(deployed, folder).status()
    assert (after.under_way, after.interrupted, after.edited) == ("", "", ())


def test_an_interrupted_deployment_is_work_though_nothing_differs(
    deployed: MemoryTarget, folder: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between writing and reloading, where what was there cannot be put back."""
    ours, write = rollout(deployed, folder), deployed.write
    folder.begin({"High.yaml": b"groups: []  # nobody can write this again\n"}, (ours.target.wanted(NEW),))
    deployed.live = dict(ours.target.wanted(NEW))

    def refuse_old(live: dict[str, bytes], after: dict[str, bytes]) -> None:
        if b"nobody" in after.get("High.yaml", b""):
            raise MachineError("the old ones cannot be written")
        write(live, after)

    monkeypatch.setattr(deployed, "write", refuse_old)
    plan = ours.plan(NEW)
    assert (plan.differs, plan.is_work) == (True, True)  # to what would be back
    assert "was interrupted, and is to be ended" in plan.due
    deployed.steps.clear()
    assert ours.apply(plan, overwrite=True) is not None
    assert deployed.steps[:3] == ["check", "write", "verify"]
    assert (ours.status().interrupted, ours.plan(NEW).is_work) == ("", False)


@pytest.mark.parametrize("step", ["commit", "announce"])
def test_an_interruption_after_the_state_was_kept_leaves_no_note_and_says_that_it_is_done(
    deployed: MemoryTarget, folder: StateFolder, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    ours, end = rollout(deployed, folder), folder.end
    plan = ours.plan(NEW)

    def stop(*_: object) -> None:
        monkeypatch.setattr(folder, "end", end)
        raise KeyboardInterrupt

    if step == "commit":
        monkeypatch.setattr(folder, "end", stop)
    else:
        monkeypatch.setattr(deployed, "announce", stop)
    with pytest.raises(KeyboardInterrupt):
        ours.apply(plan)
    assert (ours.notes, folder.pending()) == (["interrupted, and done: state 2 is in use"], None)
