"""Files written whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from regobs.common import files
from regobs.common.files import beside, replace_directory, write_file, write_files


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
    place, swap = tmp_path / "rules", files.swap
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

    monkeypatch.setattr(files, "swap", beside_others)
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
