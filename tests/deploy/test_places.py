"""Targets that are given another place: what was deployed before stays where it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.errors import InputError, ServerError
from tests.deploy.conftest import NEW, OLD
from tests.deploy.fakes import MemoryTarget


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
