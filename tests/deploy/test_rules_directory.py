"""A directory of rule files that is read while somebody writes it, and after a writer was killed."""

from __future__ import annotations

import errno
import threading
import time
from pathlib import Path

import pytest

from regobs.common.directories import replace_directory
from regobs.common.files import write_file
from regobs.deploy import rules_directory
from regobs.deploy.rules_directory import RulesDirectory, refuse_rules
from regobs.deploy.run import Rollout
from regobs.deploy.state import Objects, StateFolder
from regobs.errors import MachineError, ServerError
from regobs.prometheus import Prometheus, RuleGroup
from tests.deploy.fakes import MemoryTarget, rule_file, rules

NAMES = [f"{number}.yaml" for number in range(60)]
SECONDS = 1.5  # in which some tens of changes and of reads meet


def directory(path: Path) -> RulesDirectory:
    return RulesDirectory("rules", path, lambda: Prometheus("http://127.0.0.1:1"))


def test_a_reader_beside_a_change_sees_all_of_the_old_or_all_of_the_new_and_breaks_nothing(tmp_path: Path) -> None:
    """As `status` beside `apply`."""
    place, failed = tmp_path / "rules", list[OSError]()
    replace_directory(place, dict.fromkeys(NAMES, b"0"))
    until = time.monotonic() + SECONDS

    def write() -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            try:
                replace_directory(place, dict.fromkeys(NAMES, str(number).encode()), ())
            except OSError as error:
                failed.append(error)
            time.sleep(0.01)  # a lock is given to nobody in particular

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while writer.is_alive():
        seen.append(directory(place).read())
    writer.join()
    assert failed == []
    assert {len(one) for one in seen} == {len(NAMES)}
    assert {len(set(one.values())) for one in seen} == {1}
    assert len({one["0.yaml"] for one in seen}) > 3


def test_reading_what_a_killed_writer_left_changes_nothing(tmp_path: Path) -> None:
    """Between two renames the directory is beside its place; who writes next ends that."""
    place, old, new = tmp_path / "rules", tmp_path / ".rules.regobs-old", tmp_path / ".rules.regobs-new"
    for path, content in ((old, b"old"), (new, b"new")):
        path.mkdir()
        (path / "ours.yaml").write_bytes(content)
    assert directory(place).read() == {"ours.yaml": b"old"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [".rules.regobs-new", ".rules.regobs-old"]


def test_a_file_of_others_that_vanishes_while_it_is_read_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Path.read_bytes
    for name in ("ours.yaml", "theirs.yaml"):
        (tmp_path / name).write_bytes(b"1")

    def vanishing(path: Path) -> bytes:
        if path.name == "theirs.yaml":
            path.unlink()
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", vanishing)
    assert directory(tmp_path).read() == {"ours.yaml": b"1"}


def test_what_somebody_edits_during_the_reload_stays_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "rules"
    target, edited = directory(place), rule_file("High", 7)
    ours = Rollout(target, StateFolder(tmp_path / "state"), wait=5)
    for step in ("check", "verify", "_reload"):
        monkeypatch.setattr(target, step, lambda *_: None)
    ours.apply(ours.plan(rules(High=1, Low=1)))

    def refuse(objects: Objects) -> None:
        raise ServerError("the rules are not loaded")

    monkeypatch.setattr(target, "verify", refuse)
    monkeypatch.setattr(target, "_reload", lambda: write_file(place / "High.yaml", edited))
    plan = ours.plan(rules(High=2, Low=2))
    with pytest.raises(ServerError, match="not loaded") as caught:
        ours.apply(plan)
    assert target.read() == {"High.yaml": edited, "Low.yaml": rule_file("Low", 1)}
    assert "somebody changed since, and it stays as it is: High.yaml" in (caught.value.next_step or "")


def test_what_a_killed_write_left_is_finished_by_apply_before_it_reads_and_by_no_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = MemoryTarget()
    calls: list[str] = []
    read = target.read

    def counted() -> dict[str, bytes]:
        calls.append("read")
        return read()

    monkeypatch.setattr(target, "finish", lambda: calls.append("finish"), raising=False)
    monkeypatch.setattr(target, "read", counted)
    ours = Rollout(target, StateFolder(tmp_path / "state"))
    plan = ours.plan(rules(High=5))
    assert set(calls) == {"read"}
    calls.clear()
    ours.apply(plan)
    assert (calls[0], calls.count("finish")) == ("finish", 1)


def test_a_group_is_of_the_directory_under_each_of_its_names(tmp_path: Path) -> None:
    """`rule_files` of the server names the directory, a link to it, or another link."""
    for name in ("real", "other"):
        (tmp_path / name).mkdir()
    for name in ("link", "another"):
        (tmp_path / name).symlink_to(tmp_path / "real")
    target = directory(tmp_path / "link")
    found = {
        name: target._file_of(group_of(f"{tmp_path}/{name}/a.yaml")) for name in ("real", "link", "another", "other")
    }
    assert found == {"real": "a.yaml", "link": "a.yaml", "another": "a.yaml", "other": None}
    assert target._file_of(group_of("a.yaml")) is None


def group_of(file: str) -> RuleGroup:
    group = object.__new__(RuleGroup)
    object.__setattr__(group, "file", file)
    return group


def test_temporary_files_on_a_full_disk_are_one_error_that_names_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = directory(tmp_path / "rules")
    monkeypatch.setattr(target, "check", refuse_rules)
    monkeypatch.setattr("regobs.deploy.rules_directory.find_program", lambda *_, **__: Path("/bin/true"))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/full/0-High.yaml")  # noqa: S108

    monkeypatch.setattr("regobs.deploy.rules_directory.tempfile.TemporaryDirectory", full)
    ours = Rollout(target, StateFolder(tmp_path / "state"), wait=5)
    with pytest.raises(MachineError, match=r"\[deploy.rules\]") as caught:
        ours.apply(ours.plan(rules(High=5)))
    assert caught.value.value == "/tmp/full/0-High.yaml: No space left on device"  # noqa: S108
    assert "TMPDIR" in (caught.value.next_step or "")
    assert not (tmp_path / "rules").exists()


BROKEN = {
    "expression": (rule_file("Theirs", 1, "sum("), "parse error"),
    "key": (b"groups:\n- name: a\n  rulez: []\n", "field rulez not found"),
    "yaml": (b"groups: [", "did not find expected"),
    "bytes": (b"groups: \xff\n", ""),
}


@pytest.mark.server
@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_a_plan_names_the_file_of_others_that_keeps_a_server_from_reading_any(tmp_path: Path, kind: str) -> None:
    content, reason = BROKEN[kind]
    place = tmp_path / "rules"
    place.mkdir()
    for name, there in (("fine.yaml", rule_file("Fine", 1)), ("broken.yaml", content), ("notes.txt", content)):
        (place / name).write_bytes(there)
    (place / "older").mkdir()
    (place / "older" / "below.yaml").write_bytes(content)  # no pattern of one directory finds it
    ours = Rollout(directory(place), StateFolder(tmp_path / "state"))
    assert ours.plan(rules(High=5)).is_work
    (note,) = ours.notes
    assert f"{place}/broken.yaml is not ours, and promtool refuses it" in note
    assert reason in note
    ours.notes.clear()
    ours.plan({})  # where nothing is to change, nothing can fail
    assert ours.notes == []
    (place / "broken.yaml").unlink()
    ours.plan(rules(High=5))
    assert ours.notes == []


def test_without_promtool_nothing_is_said_of_files_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, **more: str) -> Path:
        del more
        raise MachineError(f"{name} is not installed")

    monkeypatch.setattr(rules_directory, "find_program", missing)
    (tmp_path / "broken.yaml").write_bytes(b"groups: [")
    ours = Rollout(directory(tmp_path), StateFolder(tmp_path / "state"))
    assert ours.plan(rules(High=5)).is_work
    assert ours.notes == []
