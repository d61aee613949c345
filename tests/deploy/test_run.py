"""Plans and what becomes of them: whole, or as it was, whatever happens on the way."""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regobs.common.files import write_file
from regobs.deploy.plan_file import read_plan, write_plan
from regobs.deploy.run import Rollout
from regobs.deploy.state import KEPT, StateFolder, decoded, encoded
from regobs.deploy.target import PlannedChange
from regobs.errors import InputError, MachineError, ServerError
from tests.deploy.fakes import MemoryTarget, put_back, rule_file, rules

OLD, NEW = rules(High=5, Low=1), rules(High=9)


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


def rollout(target: MemoryTarget, folder: StateFolder, wait: float = 5) -> Rollout:
    return Rollout(target, folder, environment="test", wait=wait)


@pytest.fixture
def deployed(folder: StateFolder) -> MemoryTarget:
    """A target with the first deployment on it."""
    target = MemoryTarget()
    ours = rollout(target, folder)
    assert ours.apply(ours.plan(OLD)) is not None
    target.steps.clear()
    return target


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


def test_a_state_folder_that_nobody_may_write_any_more_is_one_error(
    deployed: MemoryTarget, folder: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    ours, before = rollout(deployed, folder), dict(deployed.live)
    plan = ours.plan(NEW)
    deployed.fails = {"verify": 1}
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda path, **_: refuse(path))
        with pytest.raises(ServerError, match="verify fails") as caught:
            ours.apply(plan)
    assert "pending.json: Permission denied" in (caught.value.next_step or "")
    assert deployed.live == before
    assert ours.plan(NEW).differs
    put_back(ours)
    assert ours.status().interrupted == ""
    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(MachineError, match=r"\[deploy\.memory\]: the state .* cannot be"):
        ours.plan(NEW)


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


def test_only_the_newest_states_are_kept(folder: StateFolder) -> None:
    target = MemoryTarget()
    ours = rollout(target, folder)
    for limit in range(KEPT + 3):
        ours.apply(ours.plan(rules(High=limit)))
    assert folder.numbers() == list(range(4, KEPT + 4))


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


def test_a_plan_holds_at_its_place_alone(tmp_path: Path) -> None:
    """Two empty targets of one name look alike, such as those of two environments."""
    staging, production = (
        Rollout(MemoryTarget(), StateFolder(tmp_path / place), place=place) for place in ("staging", "production")
    )
    plan = staging.plan(OLD)
    with pytest.raises(InputError, match="made for another place"):
        production.apply(plan)
    assert staging.apply(plan) is not None


def at(where: str, target: MemoryTarget, folder: StateFolder) -> Rollout:
    return Rollout(target, folder, where=where, place=where, wait=5)


def test_what_was_deployed_to_another_directory_is_no_conflict_in_the_new_one(folder: StateFolder) -> None:
    old, new = MemoryTarget(), MemoryTarget({"theirs.yaml": b"groups: []\n"})
    first, moved = at("directory a", old, folder), at("directory b", new, folder)
    first.apply(first.plan(OLD))
    plan = moved.plan(NEW)
    assert (plan.conflicts, plan.deleted, len(plan.changes)) == ((), (), 1)
    assert moved.notes == ["what was deployed at directory a stays there: remove it by hand, or correct regobs.toml"]
    assert moved.status().edited == ()
    with pytest.raises(InputError, match="is at another place") as error:
        moved.verify()
    assert (error.value.value, error.value.expected) == ("directory a", "directory b")
    moved.apply(plan)
    moved.verify()
    assert set(new.live) == {"theirs.yaml", "High.yaml"}
    assert set(old.live) == {"High.yaml", "Low.yaml"}
    assert not moved.plan(NEW).differs


def test_what_was_interrupted_in_another_directory_is_not_put_back_into_the_new_one(folder: StateFolder) -> None:
    old, new = MemoryTarget(), MemoryTarget()
    first, moved = at("directory a", old, folder), at("directory b", new, folder)
    first.apply(first.plan(OLD))
    plan = first.plan(NEW)
    old.stuck = True
    with pytest.raises(ServerError):
        first.apply(plan)
    plan = moved.plan(NEW)
    assert "a deployment to another place was interrupted: directory a" in moved.notes[1]
    with pytest.raises(InputError, match="a deployment to another place was interrupted"):
        moved.apply(plan)
    assert new.live == {}
    new.fails = {"verify": 1}
    with pytest.raises(ServerError, match="verify fails"):
        moved.apply(plan, overwrite=True)
    assert new.live == {}
    assert moved.apply(moved.plan(NEW), overwrite=True) is not None
    assert set(new.live) == {"High.yaml"}
    assert moved.status().interrupted == ""


def test_states_of_before_that_say_no_place_are_ours(deployed: MemoryTarget, folder: StateFolder) -> None:
    path = folder.path / "states/0001.json"
    data = json.loads(path.read_text())
    del data["where"]
    path.write_text(json.dumps(data))
    ours = at("directory a", deployed, folder)
    assert ours.plan(OLD).conflicts == ()
    assert ours.plan(NEW).deleted == ("Low.yaml",)
    ours.verify()


def test_a_plan_survives_its_file(deployed: MemoryTarget, folder: StateFolder, tmp_path: Path) -> None:
    ours = Rollout(deployed, folder, place="rules /etc/prometheus/rules")
    plan = ours.plan(NEW)
    write_plan(tmp_path / "plan.json", [plan])
    assert read_plan(tmp_path / "plan.json") == {plan.target: plan}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 99, "plans": []}', '{"format": 1, "plans": [{}]}', "\xff"]
)
def test_what_is_no_plan_is_an_input_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError):
        read_plan(path)


def _other(data: dict[str, Any], **values: Any) -> str:
    return json.dumps(data | values)


def _of_plan(data: dict[str, Any], **values: Any) -> str:
    return _other(data, plans=[data["plans"][0] | values])


STRICT: dict[str, tuple[Callable[[dict[str, Any]], str | bytes], str]] = {
    "brackets": (lambda _: "[" * 100_000, "brackets within brackets"),
    "list": (lambda _: "[]", "no JSON object"),
    "cut": (lambda data: json.dumps(data)[:-1], "no JSON at line 1, column "),
    "long number": (lambda _: "9" * 5000, "too long"),
    "utf16": (lambda data: json.dumps(data).encode("utf-16"), "byte 1 is no UTF-8"),
    "mark": (lambda data: b"\xef\xbb\xbf" + json.dumps(data).encode(), "no JSON at line 1, column 1"),
    "version": (lambda data: _other(data, version="0.0"), "`version` is '0.0', expected"),
    "no version": (lambda data: _other({key: data[key] for key in ("format", "plans")}), "`version` is missing"),
    "format": (lambda data: _other(data, format=3.0), "`format` is 3.0, expected 3"),
    "key": (lambda data: _other(data, more=1), "the file has the key 'more'"),
    "plans": (lambda data: _other(data, plans={}), "plans is no list"),
    "twice": (lambda data: json.dumps(data)[:-1] + ', "format": 3}', "the key 'format' is there twice"),
    "plan": (lambda data: _other(data, plans=[1]), "plans[0] is no object"),
    "differs": (lambda data: _of_plan(data, differs=1), "plans[0].differs is no true or false"),
    "due": (lambda data: _of_plan(data, due=None), "plans[0].due is no text"),
    "deleted": (lambda data: _of_plan(data, deleted=[1]), "plans[0].deleted[0] is no text"),
    "change": (lambda data: _of_plan(data, changes=[{"thing": "a"}]), "plans[0].changes[0] lacks the key `what`"),
    "object": (
        lambda data: _of_plan(data, objects={"a.yaml": "groups: []"}),
        "plans[0].objects['a.yaml'] is not `text:`",
    ),
    "base64": (
        lambda data: _of_plan(data, objects={"a.yaml": "base64:!"}),
        "plans[0].objects['a.yaml'] is not `text:`",
    ),
    "surrogate": (lambda data: _of_plan(data, objects={"a.yaml": "text:\ud800"}), "is not `text:`"),
}


@pytest.mark.parametrize("case", STRICT)
def test_a_plan_file_is_taken_only_as_it_was_written(
    case: str, deployed: MemoryTarget, folder: StateFolder, tmp_path: Path
) -> None:
    path, (change, why) = tmp_path / "plan.json", STRICT[case]
    write_plan(path, [rollout(deployed, folder).plan(NEW)])
    text = change(json.loads(path.read_bytes()))
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(InputError, match="this is no plan of regobs deploy") as raised:
        read_plan(path)
    assert why in str(raised.value.value)
    assert raised.value.next_step == "make the plan again"


def test_objects_that_are_no_text_go_through_a_plan_file(
    deployed: MemoryTarget, folder: StateFolder, tmp_path: Path
) -> None:
    plan = replace(rollout(deployed, folder).plan(NEW), objects={"a.yaml": b"\xff", "b.yaml": b"base64:"})
    write_plan(tmp_path / "plan.json", [plan])
    assert read_plan(tmp_path / "plan.json") == {plan.target: plan}


def test_a_state_folder_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    target = MemoryTarget()
    with pytest.raises(MachineError, match="cannot be kept"):
        rollout(target, StateFolder(tmp_path / "file/state")).plan(OLD)
    assert target.steps == []


def test_a_new_state_that_cannot_be_kept_brings_the_old_one_back(
    deployed: MemoryTarget, folder: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk holds the note of what was live, and is full then."""
    before = dict(deployed.live)

    def write(path: Path, content: bytes, mode: int | None = None) -> None:
        if path.parent.name == "states":
            raise OSError(errno.ENOSPC, "No space left on device")
        write_file(path, content, mode)

    monkeypatch.setattr("regobs.deploy.state.write_file", write)
    ours = rollout(deployed, folder)
    with pytest.raises(MachineError, match="cannot be kept") as error:
        ours.apply(ours.plan(NEW))
    assert "what was there before is back" in (error.value.next_step or "")
    assert deployed.live == before
    assert folder.pending() is None
    assert ours.status().state.number == 1


def test_a_deployment_that_is_interrupted_after_its_state_was_kept_is_done(
    deployed: MemoryTarget, folder: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    ours = rollout(deployed, folder)
    plan = ours.plan(NEW)
    with monkeypatch.context() as patch:
        patch.setattr(folder, "end", stop)
        with pytest.raises(KeyboardInterrupt):
            ours.apply(plan)
    assert set(deployed.live) == {"High.yaml"}
    assert ours.notes == ["interrupted, and done: state 2 is in use"]
    assert folder.pending() is not None
    status = ours.status()
    assert (status.state.number, status.interrupted, status.edited) == (2, "", ())
    assert not ours.plan(NEW).differs
    assert ours.apply(ours.plan(NEW)) is None
    assert folder.pending() is None


def test_a_broken_state_file_is_one_clear_error(deployed: MemoryTarget, folder: StateFolder) -> None:
    path = folder.path / "states/0001.json"
    for text in ("{", "[]", json.dumps({"objects": {"a": 1}})):
        path.write_text(text)
        with pytest.raises(MachineError, match="cannot be read"):
            rollout(deployed, folder).plan(NEW)


def test_every_content_survives_the_state_file() -> None:
    objects = {"a": b"text\n", "b": b"\xff\x00", "c": b"", "d": b"base64:x", "e": "ä".encode()}
    assert decoded(encoded(objects)) == objects


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


def test_a_plan_without_changes_holds_only_while_the_target_stays(deployed: MemoryTarget, folder: StateFolder) -> None:
    ours = rollout(deployed, folder)
    ours.apply(ours.plan(NEW))
    plan = ours.plan(NEW)
    assert ours.as_it_is(plan) == plan
    deployed.live = {**deployed.live, "High.yaml": b"groups: []"}
    with pytest.raises(InputError, match="has changed since the plan"):
        ours.as_it_is(plan)


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


def test_a_plan_file_that_names_no_conflicts_replaces_nothing_of_others(
    deployed: MemoryTarget, folder: StateFolder, tmp_path: Path
) -> None:
    ours, path = rollout(deployed, folder), tmp_path / "plan.json"
    deployed.live["High.yaml"] = rule_file("High", 7)
    edited, plan = dict(deployed.live), ours.plan(NEW)
    assert plan.conflicts
    write_plan(path, [replace(plan, conflicts=())])
    with pytest.raises(InputError, match="somebody else's work"):
        ours.apply(read_plan(path)["memory"])
    assert deployed.live == edited
    assert ours.apply(read_plan(path)["memory"], overwrite=True) is not None


@pytest.mark.parametrize(
    "said",
    [
        {"changes": ()},
        {"changes": (PlannedChange("High", "written differently"),)},
        {"deleted": ()},
        {"differs": False},
        {"due": "nothing of note"},
        {"conflicts": ()},
        {"conflicts": (PlannedChange("Low.yaml", "is fine"), PlannedChange("High.yaml", "is fine"))},
    ],
    ids=" ".join,
)
def test_a_plan_file_that_says_anything_else_of_its_objects_is_refused(
    deployed: MemoryTarget, folder: StateFolder, said: Any
) -> None:
    ours = rollout(deployed, folder)
    deployed.live["High.yaml"] = rule_file("High", 7)
    plan = ours.plan(NEW)
    assert ours.as_it_is(plan) == plan
    with pytest.raises(InputError, match="does not say what would be done") as raised:
        ours.as_it_is(replace(plan, **said))
    assert raised.value.value == next(iter(said))
    assert deployed.steps == []


@pytest.mark.parametrize(
    "content", [b"[", b"1", b"groups: 1", b"groups: [1]", b"groups: [{name: a, rules: 1}]", b"\xff"]
)
def test_objects_of_a_plan_file_that_cannot_be_compared_are_one_error(
    deployed: MemoryTarget, folder: StateFolder, content: bytes
) -> None:
    """The digests may be right, as they stand in the file too."""
    ours = rollout(deployed, folder)
    with pytest.raises(InputError):
        ours.as_it_is(replace(ours.plan(NEW), objects={"High.yaml": content}))


def test_a_plan_file_has_one_plan_for_a_target_and_says_which_it_has(
    deployed: MemoryTarget, folder: StateFolder, tmp_path: Path
) -> None:
    path, plan = tmp_path / "plan.json", rollout(deployed, folder).plan(NEW)
    write_plan(path, [plan, replace(plan, target="other")])
    assert list(read_plan(path)) == ["memory", "other"]
    assert list(read_plan(path, ["other"])) == ["other"]
    with pytest.raises(InputError, match="the plan has no such target"):
        read_plan(path, ["other", "third"])
    write_plan(path, [plan, plan])
    with pytest.raises(InputError, match="this is no plan"):
        read_plan(path)
