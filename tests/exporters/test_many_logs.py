"""1,500 logs in one folder: start, restart and rotation take time in proportion to their number."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from regobs.exporters.log_files import LogFiles
from regobs.exporters.log_folders import Folders, Listing
from regobs.exporters.log_known import _FINISHED


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder does not change while it is looked at."""
    monkeypatch.setattr("regobs.exporters.log_folders._TICK", 0.0)
    monkeypatch.setattr("regobs.exporters.log_folders._REUSED", 60.0)
    monkeypatch.setattr("regobs.exporters.followed_path._SETTLED", 0.0)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A number for each time that a folder is listed."""
    counts: list[int] = []
    scan = os.scandir

    def counted(folder: str) -> object:
        counts.append(1)
        return scan(folder)

    monkeypatch.setattr("regobs.exporters.log_folders.os.scandir", counted)
    return counts


def _read(files: LogFiles) -> int:
    files._looked = -100.0
    return sum(len(lines) for _, lines in files.blocks())


@pytest.mark.parametrize("count", [20, 300])
def test_a_folder_is_listed_once_for_all_of_its_logs(count: int, tmp_path: Path, looked: list[int]) -> None:
    for number in range(count):
        (tmp_path / f"app-{number}.log").write_bytes(b"1\n")
    os.utime(tmp_path, (1, 1))
    files = LogFiles([str(tmp_path / "*.log")])
    files.open()
    assert _read(files) == count
    assert len(looked) < 10, "at the start"
    looked.clear()
    (tmp_path / "app-1.log").rename(tmp_path / "app-1.log.1")
    (tmp_path / "app-1.log").write_bytes(b"2\n")
    os.utime(tmp_path, (2, 2))
    assert _read(files) == 1
    assert len(looked) < 10, "at a rotation"
    looked.clear()
    state = files.data()
    files.close()
    again = LogFiles([str(tmp_path / "*.log")])
    assert list(again.resume(state)) == []
    again.open()
    again.close()
    assert len(looked) < 10, "at a restart"


def test_rotations_of_many_logs_are_remembered_as_none_of_ours(tmp_path: Path) -> None:
    for number in range(_FINISHED):
        for ending in ("", ".1", ".2"):
            (tmp_path / f"{number}.log{ending}").write_bytes(b"%d%s\n" % (number, ending.encode()))
    files = LogFiles([str(tmp_path / "*.log")])
    files.open()
    assert _read(files) == _FINISHED
    (tmp_path / "other").touch()
    assert _read(files) == 0
    state = files.data()
    files.close()
    again = LogFiles([str(tmp_path / "*.log")])
    assert list(again.resume(state)) == []
    (tmp_path / "another").touch()
    assert _read(again) == 0
    again.close()


def test_a_listing_that_is_as_young_as_the_last_change_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regobs.exporters.log_folders._TICK", 10.0)
    folders = Folders()
    first = folders.listing(str(tmp_path))
    changed = tmp_path.stat()
    (tmp_path / "a").touch()
    os.utime(tmp_path, ns=(changed.st_atime_ns, changed.st_mtime_ns))  # as two changes within one tick of the clock
    assert (first.holds(), list(folders.listing(str(tmp_path)).beginning(""))) == (False, ["a"])


def test_names_are_found_by_how_they_begin(tmp_path: Path) -> None:
    for name in ("a", "ab", "ab.1", "ab-1", "b"):
        (tmp_path / name).touch()
    listing = Listing(str(tmp_path))
    assert [list(listing.beginning(start)) for start in ("ab", "ab.", "c", "")] == [
        ["ab", "ab-1", "ab.1"],
        ["ab.1"],
        [],
        ["a", "ab", "ab-1", "ab.1", "b"],
    ]
