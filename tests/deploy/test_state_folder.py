"""The states that are kept, and a folder of theirs that cannot be read or written."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from regobs.common.files import write_file
from regobs.deploy.state import KEPT, StateFolder, decoded, encoded
from regobs.errors import MachineError, ServerError
from tests.deploy.conftest import NEW, OLD, rollout
from tests.deploy.fakes import MemoryTarget, put_back, rules


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


def test_only_the_newest_states_are_kept(folder: StateFolder) -> None:
    target = MemoryTarget()
    ours = rollout(target, folder)
    for limit in range(KEPT + 3):
        ours.apply(ours.plan(rules(High=limit)))
    assert folder.numbers() == list(range(4, KEPT + 4))


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
