"""Files written whole or not at all."""

import fcntl
import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from regobs.common import directories
from regobs.common.directories import finish_replacing, replace_directory
from regobs.common.files import (
    StaleFileError,
    beside,
    exchange,
    is_named,
    remove_abandoned,
    write_file,
    write_files,
)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_is_written_with_its_folder_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "made" / "file"
    write_file(path, b"one")
    write_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(path.parent) == ["file"]


def test_a_file_keeps_its_permissions_and_a_new_one_gets_those_of_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "file"
    old = os.umask(0o027)
    try:
        write_file(path, b"one")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    finally:
        os.umask(old)
    path.chmod(0o604)
    write_file(path, b"two")
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_a_symbolic_link_stays_one_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there" / "file")
    write_file(link, b"one")
    assert link.is_symlink()
    assert (tmp_path / "there" / "file").read_bytes() == b"one"
    assert names(tmp_path / "there") == ["file"]


def test_an_exception_leaves_the_old_content_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_file(path, b"one")

    def fail() -> None:
        with beside(path) as new:
            new.write_bytes(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_bytes() == b"one"
    assert names(tmp_path) == ["file"]


def test_of_several_files_none_is_replaced_when_one_cannot_be_written(tmp_path: Path) -> None:
    write_file(tmp_path / "a", b"one")
    (tmp_path / "b").mkdir()
    with pytest.raises(IsADirectoryError):
        write_files({tmp_path / "a": b"two", tmp_path / "b": b"two"})
    assert (tmp_path / "a").read_bytes() == b"one"
    assert names(tmp_path) == ["a", "b"]


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_file(pipe, b"content")
        assert os.read(reading, 100) == b"content"
    finally:
        os.close(reading)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_name_of_the_greatest_length_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_file(path, b"content")
    assert path.read_bytes() == b"content"


def test_what_is_not_replaced_in_a_directory_stays_the_same_file(tmp_path: Path) -> None:
    place = tmp_path / "rules"
    (place / "empty").mkdir(parents=True)
    (place / "below").mkdir(mode=0o700)
    for name, mode in {"secret": 0o600, "below/theirs": 0o640, "ours.yaml": 0o604, "old.yaml": 0o644}.items():
        (place / name).write_bytes(b"before")
        (place / name).chmod(mode)
    (place / "nowhere").symlink_to("/nonexistent/file")
    (place / "folder").symlink_to(tmp_path)
    place.chmod(0o750)
    if os.geteuid() == 0:
        for path in (place, place / "ours.yaml", place / "secret", place / "below"):
            os.chown(path, 4711, 4712)
    before = {name: (place / name).lstat() for name in ("secret", "below/theirs", "nowhere", "folder")}
    like = place.stat(), (place / "ours.yaml").stat()
    replace_directory(place, {"ours.yaml": b"after", "new.yaml": b"after"}, {"old.yaml"})
    assert names(place) == ["below", "empty", "folder", "new.yaml", "nowhere", "ours.yaml", "secret"]
    assert {name: (place / name).lstat().st_ino for name in before} == {k: v.st_ino for k, v in before.items()}
    for path, wanted in ((place, like[0]), (place / "ours.yaml", like[1])):
        now = path.stat()
        assert (now.st_mode, now.st_uid, now.st_gid) == (wanted.st_mode, wanted.st_uid, wanted.st_gid)
    assert (place / "new.yaml").stat().st_uid == like[0].st_uid
    assert stat.S_IMODE((place / "below").stat().st_mode) == 0o700
    assert (place / "ours.yaml").read_bytes() == b"after"
    assert names(tmp_path) == ["rules"]


def test_where_files_cannot_be_linked_they_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    place = tmp_path / "rules"
    write_file(place / "theirs", b"theirs")
    (place / "theirs").chmod(0o600)
    (place / "link").symlink_to("theirs")
    replace_directory(place, {"ours": b"ours"}, ())
    assert (place / "theirs").read_bytes() == b"theirs"
    assert stat.S_IMODE((place / "theirs").stat().st_mode) == 0o600
    assert (place / "link").is_symlink()


def test_a_directory_that_is_written_whole_holds_nothing_else(tmp_path: Path) -> None:
    write_file(tmp_path / "out" / "old", b"old")
    replace_directory(tmp_path / "out", {"new": b"new"})
    assert names(tmp_path / "out") == ["new"]


@pytest.mark.parametrize("linked", [True, False])
def test_what_others_do_while_a_directory_is_replaced_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, linked: bool
) -> None:
    """They create, change, replace and remove files, their own and ours, after all was taken over."""
    place, swap = tmp_path / "rules", directories.swap
    replace_directory(place, {f"{name}.yaml": b"1" for name in ("ours", "edited", "gone", "kept", "theirs", "away")})

    def beside_others(new: Path, target: Path, old: Path) -> None:
        (place / "made.txt").write_bytes(b"made")
        (place / "sub").mkdir()
        (place / "sub" / "made.yaml").write_bytes(b"made")
        (place / "link").symlink_to("made.txt")
        (place / "kept.yaml").write_bytes(b"in place")
        write_file(place / "theirs.yaml", b"replaced")
        write_file(place / "edited.yaml", b"by somebody")
        write_file(place / "gone.yaml", b"wanted by somebody")
        (place / "away.yaml").unlink()
        swap(new, target, old)
        (place / "made.txt").write_bytes(b"made in the new one")

    def no_link(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(directories, "swap", beside_others)
    if not linked:
        monkeypatch.setattr(os, "link", no_link)
    replace_directory(place, {"ours.yaml": b"2", "edited.yaml": b"2"}, {"gone.yaml"})
    assert {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()} == {
        "ours.yaml": b"2",
        "edited.yaml": b"by somebody",
        "gone.yaml": b"wanted by somebody",
        "kept.yaml": b"in place",
        "theirs.yaml": b"replaced",
        "made.txt": b"made in the new one",
        "link": b"made in the new one",
        "sub/made.yaml": b"made",
    }
    assert (place / "link").is_symlink()
    assert list(tmp_path.iterdir()) == [place]


def test_what_comes_into_the_old_directory_while_it_is_removed_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a program whose working directory it is."""
    place, rmdir, left = tmp_path / "rules", Path.rmdir, ["b.txt", "a.txt"]
    replace_directory(place, {"ours.yaml": b"1"})

    def late(path: Path) -> None:
        if left:
            (path / left.pop()).write_bytes(b"late")
        rmdir(path)

    monkeypatch.setattr(Path, "rmdir", late)
    replace_directory(place, {"ours.yaml": b"2"}, ())
    assert sorted(path.name for path in place.iterdir()) == ["a.txt", "b.txt", "ours.yaml"]
    assert list(tmp_path.iterdir()) == [place]


def test_a_file_of_others_that_vanishes_while_a_directory_is_replaced_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, link = tmp_path / "rules", os.link
    replace_directory(place, {"ours.yaml": b"1", "theirs.yaml": b"1", "stays.yaml": b"1"})

    def vanishing(source: Path, *more: object, **options: bool) -> None:
        if source.name == "theirs.yaml":
            source.unlink()
        link(source, *more, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", vanishing)
    replace_directory(place, {"ours.yaml": b"2"}, ())
    assert sorted(path.name for path in place.iterdir()) == ["ours.yaml", "stays.yaml"]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    """A name that we give, of a file that we would write, and held by nobody."""
    left = tmp_path / ".a.yml.0123abcd.regobs-new"
    others = [
        ".a.yml.0123abcd.regobs-new2", ".a.yml.0123abcg.regobs-new", ".a.yml.regobs-new", "a.yml.0123abcd.regobs-new",
        ".b.yml.0123abcd.regobs-new", ".a.yml.0123abcd.regobs-old", "a.yml",
    ]  # fmt: skip
    for name in (left.name, *others):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".a.yml.00000000.regobs-new").mkdir()
    (tmp_path / ".a.yml.00000001.regobs-new").symlink_to("a.yml")
    with beside(tmp_path / "a.yml") as alive:
        remove_abandoned(tmp_path, is_named("a.yml"))
        assert (left.exists(), alive.exists()) == (False, True)
    assert len([*tmp_path.iterdir()]) == len(others) + 2
    remove_abandoned(tmp_path / "nowhere", is_named("a.yml"))


def test_what_is_taken_for_abandoned_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock

    def late(descriptor: int, kind: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        remove_abandoned(tmp_path, is_named("a"))
        lock(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", late)
    write_file(tmp_path / "a", b"1")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"1")]


def test_the_new_content_of_a_secret_file_is_its_owners_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with beside(path, 0o600) as new:
        assert stat.S_IMODE(new.stat().st_mode) == 0o600
    for mode in (0o600, 0o644):
        path.chmod(mode)
        with beside(path) as new:
            assert stat.S_IMODE(new.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.stat().st_mode) == mode


def replaced_until(place: Path, step: int) -> int:
    """What becomes of a process that is killed at this step after the exchange; others were at work just before it."""
    child = os.fork()
    if not child:
        left = [-1]

        def count(event: str, _: object) -> None:
            if left[0] >= 0 and (event.startswith("os.") or event == "open"):
                if not left[0]:
                    left[0] = -1
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1

        def beside_others(new: Path, target: Path) -> bool:
            (place / "made.txt").write_bytes(b"made")
            (place / "sub").mkdir()
            (place / "sub" / "made.yaml").write_bytes(b"made")
            write_file(place / "theirs.yaml", b"replaced")
            write_file(place / "edited.yaml", b"by somebody")
            (place / "away.yaml").unlink()
            found = exchange(new, target)
            left[0] = step
            return found

        sys.addaudithook(count)
        vars(directories)["exchange"] = beside_others
        try:
            replace_directory(place, {"ours.yaml": b"2", "edited.yaml": b"2"}, {"gone.yaml"})
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]


def test_what_others_did_is_carried_over_after_a_kill_at_any_step(tmp_path: Path) -> None:
    step, ended = 0, 1
    while ended:
        place = tmp_path / str(step) / "rules"
        place.parent.mkdir()
        replace_directory(
            place, {f"{name}.yaml": b"1" for name in ("ours", "edited", "gone", "theirs", "away", "stays")}
        )
        ended = replaced_until(place, step)
        assert ended in {0, signal.SIGKILL}
        finish_replacing(place)
        assert {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()} == {
            "ours.yaml": b"2", "edited.yaml": b"by somebody", "theirs.yaml": b"replaced", "stays.yaml": b"1",
            "made.txt": b"made", "sub/made.yaml": b"made",
        }, step  # fmt: skip
        assert list(place.parent.iterdir()) == [place]
        step += 1
    assert step > 20


def test_an_interruption_after_the_exchange_loses_nothing_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, swap = tmp_path / "rules", directories.swap
    replace_directory(place, {"ours.yaml": b"1"})

    def interrupted(*paths: Path) -> None:
        (place / "made.txt").write_bytes(b"made")
        swap(*paths)
        raise KeyboardInterrupt

    monkeypatch.setattr(directories, "swap", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace_directory(place, {"ours.yaml": b"2"}, ())
    finish_replacing(place)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == {"ours.yaml": b"2", "made.txt": b"made"}
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("there", [b"by somebody", None])
def test_a_file_that_is_not_as_before_is_not_replaced(tmp_path: Path, there: bytes | None) -> None:
    place, before = tmp_path / "rules", {"a": b"1", "b": b"1", "theirs": b"1"}
    replace_directory(place, before)
    replace_directory(place, {"a": b"2"}, {"b"}, before=before)
    (place / "theirs").write_bytes(b"by somebody")
    before = {"a": b"2"}
    for files, gone in (({"a": b"3"}, ()), ({}, {"a"})):
        (place / "a").write_bytes(there) if there is not None else (place / "a").unlink(missing_ok=True)
        with pytest.raises(StaleFileError):
            replace_directory(place, files, gone, before=before)
        assert (place / "a").read_bytes() == there if there is not None else not (place / "a").exists()
    with pytest.raises(StaleFileError):
        replace_directory(place, {"theirs": b"3"}, (), before=before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rules"]
    replace_directory(place, {"c": b"3"}, (), before=before)
