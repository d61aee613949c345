"""Files and folders without permission: told with what to do, waited for, and read exactly once when they can be.

Permissions do not bind root: the exporter's side of these tests runs as `nobody` where the tests run as root.
"""

from __future__ import annotations

import gzip
import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from regobs.catalog import logs as metrics
from regobs.catalog.model import Flavor
from regobs.exporters.log_files import LogFiles
from regobs.exporters.logs import LogExporter
from regobs.instrument import Instruments
from tests.exporters.followed import Followed
from tests.exporters.test_log_counts import access

_FILE, _FOLDER = "a file cannot be read", "a folder cannot be listed"


@contextmanager
def bound() -> Iterator[None]:
    """Permissions bind in here."""
    if os.geteuid():
        yield
        return
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


class Reader(Followed):
    """As `Followed`, read by a user that permissions bind."""

    def read(self) -> None:
        with bound():
            super().read()

    def restart(self) -> None:
        with bound():
            super().restart()

    def look(self) -> None:
        """Read without a look for new files of a pattern."""
        with bound():
            for _, lines in self.files.blocks():
                self.lines += [int(line.split()[0]) for line in lines]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter; those of pytest only their owner may."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    for path in (made, *made.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(made)


pytestmark = pytest.mark.usefixtures("settled")


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Messages and the names of their files."""
    return [(record.getMessage(), Path(record.__dict__["file"]).name) for record in caplog.records]


def fresh(folder: Path, pattern: str) -> Reader:
    """A reader that sees the folder for the first time, as it is."""
    reader = object.__new__(Reader)
    reader.log, reader.pattern, reader.written, reader.lines = folder / "app.log", str(folder / pattern), 0, []
    reader.files = LogFiles([reader.pattern])
    with bound():
        reader.files.open()
    return reader


def _pack(reader: Reader) -> Path:
    reader.pack()
    return reader.log.with_name("app.log.1.gz")


def _rename(reader: Reader) -> Path:
    reader.rename()
    return reader.log.with_name("app.log.1")


def _copytruncate(reader: Reader) -> Path:
    reader.copytruncate()
    return reader.log.with_name("app.log.copy")


def _date(reader: Reader) -> Path:
    reader.date()
    return next(reader.log.parent.glob("app-2026*"))


PATTERNS = pytest.mark.parametrize("pattern", ["app.log", "*.log*"])
ROTATIONS = pytest.mark.parametrize("rotate", [_rename, _pack, _copytruncate, _date])


@ROTATIONS
@PATTERNS
@pytest.mark.parametrize("restarts", [1, 3])
def test_a_rotation_that_may_not_be_read_at_a_restart_is_told_and_read_once_when_it_may_be(
    folder: Path, rotate: Callable[[Reader], Path], pattern: str, restarts: int, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader(folder, pattern)
    reader.write()
    reader.read()
    reader.write()
    old = rotate(reader)
    old.chmod(0)
    reader.write()
    for _ in range(restarts):
        caplog.clear()
        reader.restart()
        reader.read()
        reader.read()
        assert told(caplog) == [(_FILE, old.name)]
    assert "Permission denied" in str(caplog.records[0].__dict__["error"])
    assert caplog.records[0].__dict__["next_step"].startswith("let the user of this process read it")
    assert (sorted(reader.lines), reader.files.unreadable) == ([0, 1, 2, 6, 7, 8], 1)
    old.chmod(0o644)
    caplog.set_level("INFO")
    reader.look()  # at once, and not only at the next look for new files
    assert told(caplog)[1:] == [(f"no longer: {_FILE}", old.name)]
    reader.restart()
    reader.write()
    reader.read()
    reader.files.close()
    assert (sorted(reader.lines), reader.files.unreadable) == (list(range(12)), 0)


@ROTATIONS
def test_a_rotation_that_nothing_was_read_of_is_read_once_when_it_may_be(
    folder: Path, rotate: Callable[[Reader], Path]
) -> None:
    reader = Reader(folder)
    reader.write()
    old = rotate(reader)
    old.chmod(0)
    reader.write()
    reader.read()
    assert reader.lines[-3:] == [3, 4, 5]
    old.chmod(0o644)
    reader.read()
    reader.restart()
    reader.read()
    reader.files.close()
    assert sorted(reader.lines) == list(range(6))


@PATTERNS
@ROTATIONS
def test_a_file_that_becomes_unreadable_while_it_is_followed_loses_and_doubles_no_line(
    folder: Path, rotate: Callable[[Reader], Path], pattern: str, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader(folder, pattern)
    reader.write()
    reader.read()
    reader.log.chmod(0)  # it is open
    reader.write()
    reader.read()
    assert reader.lines == list(range(6))
    assert told(caplog) == []
    reader.restart()
    reader.write()
    reader.read()
    assert told(caplog) == [(_FILE, "app.log")]
    old = rotate(reader)
    old.chmod(0)
    reader.log.chmod(0o644)
    reader.write()
    reader.read()
    reader.read()
    assert sorted(reader.lines) == [*range(6), 9, 10, 11]
    old.chmod(0o644)
    reader.read()
    reader.files.close()
    assert sorted(reader.lines) == list(range(12))


@PATTERNS
def test_a_file_that_may_not_be_read_at_first_start_is_told_and_read_from_its_start(
    folder: Path, pattern: str, caplog: pytest.LogCaptureFixture
) -> None:
    log = folder / "app.log"
    log.write_bytes(b"0 x\n1 x\n")
    log.chmod(0)
    reader = fresh(folder, pattern)
    reader.read()
    assert told(caplog) == [(_FILE, "app.log")], "and not that there is no file of this name"
    reader.restart()
    log.chmod(0o644)
    reader.look() if pattern == "app.log" else reader.read()
    reader.read()
    reader.files.close()
    assert reader.lines == [0, 1]


@PATTERNS
def test_older_rotations_that_may_not_be_read_at_first_start_are_not_read_later_either(
    folder: Path, pattern: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name, content in (("app.log.1", b"100 old\n"), ("app.log.2.gz", gzip.compress(b"101 older\n"))):
        (folder / name).write_bytes(content)
        (folder / name).chmod(0)
    (folder / "app.log").touch()
    reader = fresh(folder, pattern)
    reader.write()
    reader.read()
    reader.restart()
    for old in folder.glob("app.log.*"):
        old.chmod(0o644)
    reader.rename()
    reader.read()
    reader.files.close()
    assert (reader.lines, told(caplog)) == ([0, 1, 2], [])


@pytest.mark.parametrize("mode", [0o000, 0o311, 0o644], ids=["nothing", "no list", "no entry"])
@PATTERNS
def test_a_folder_without_permission_is_told_and_its_file_read_once_when_it_has_it(
    folder: Path, pattern: str, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    inner = folder / "registry"
    inner.mkdir()
    (inner / "app.log.1").write_bytes(b"100 old\n")
    (inner / "app.log").write_bytes(b"0 x\n1 x\n")
    os.utime(inner / "app.log.1", (1, 1))
    inner.chmod(mode)
    reader = fresh(folder, f"registry/{pattern}")
    reader.read()
    reader.read()
    assert told(caplog), "silence"
    assert "there is no file of this name yet" not in caplog.text
    assert len(set(told(caplog))) == len(caplog.records) <= 3, "each is told once"
    inner.chmod(0o755)
    reader.read()
    reader.restart()
    reader.read()
    reader.files.close()
    assert (reader.lines, reader.files.unreadable) == ([0, 1], 0)


def test_a_rotation_in_a_folder_that_cannot_be_listed_any_more_waits_for_it(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader(folder)
    reader.write()
    reader.read()
    reader.write()
    reader.date()
    reader.write()
    folder.chmod(0o311)
    reader.restart()
    reader.read()
    assert told(caplog) == [(_FOLDER, folder.name)]
    assert sorted(reader.lines) == [0, 1, 2, 6, 7, 8]
    folder.chmod(0o755)
    reader.look()
    reader.read()
    reader.files.close()
    assert sorted(reader.lines) == list(range(9))


@pytest.mark.parametrize("rotate", [_rename, _pack])
def test_a_numbered_rotation_in_a_folder_that_cannot_be_listed_is_found_by_its_name_after_a_restart(
    folder: Path, rotate: Callable[[Reader], Path]
) -> None:
    """As after `kill -9`: what was shown of it before must be counted again, or counters fall."""
    (folder / "app.log.1").write_bytes(b"100 old\n")  # from before the first start
    os.utime(folder / "app.log.1", (1, 1))
    reader = Reader(folder)
    reader.write()
    reader.read()
    reader.write()
    rotate(reader)
    reader.write()
    folder.chmod(0o711)
    reader.restart()
    reader.read()
    assert sorted(reader.lines) == list(range(9))
    reader.restart()
    reader.read()
    folder.chmod(0o755)
    reader.look()
    reader.files.close()
    assert sorted(reader.lines) == list(range(9))


def test_a_rotation_that_was_read_before_it_lost_its_permission_is_not_told(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(folder, "app.log*")
    reader.write()
    reader.read()
    old = _rename(reader)
    reader.read()
    old.chmod(0)
    reader.read()
    monkeypatch.setattr("regobs.exporters.followed_path._QUIET", 0.0)
    reader.read()  # it is closed here
    reader.restart()
    reader.read()
    reader.files.close()
    assert (reader.lines, told(caplog), reader.files.unreadable) == ([0, 1, 2], [], 0)


def test_a_rotation_that_is_deleted_before_it_may_be_read_is_told_as_lost(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader(folder)
    reader.write()
    reader.read()
    reader.write()
    old = _rename(reader)
    old.chmod(0)
    reader.restart()
    old.unlink()
    reader.read()
    reader.files.close()
    lost = ("a file that was not read to its end is gone", "app.log")
    assert told(caplog) == [(_FILE, "app.log.1"), lost]
    assert (reader.files.unreadable, reader.files.data()["places"][1:]) == (0, [])


def test_more_rotations_than_memory_is_kept_for_are_given_up_one_by_one(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regobs.exporters.log_known._WAITING", 2)
    reader = Reader(folder)
    for number in range(4):
        reader.write()
        reader.read()
        reader.log.rename(folder / f"app.log.{number}")
        (folder / f"app.log.{number}").chmod(0)
        reader.log.touch()
        reader.restart()
    reader.files.close()
    assert caplog.text.count("a file that was not read to its end is gone") == 2
    assert len(reader.files.data()["places"]) == 3


def test_a_lack_of_open_files_loses_no_rotation(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(folder)
    reader.write()
    reader.read()
    reader.write()
    reader.rename()
    with monkeypatch.context() as patched:
        patched.setattr("regobs.exporters.log_generations.open_regular", _too_many)
        reader.restart()
        assert reader.files.unreadable > 0
    reader.read()
    reader.files.close()
    assert sorted(reader.lines) == list(range(6))


def _too_many(path: str, flags: int) -> int:
    raise OSError(24, "Too many open files", path)


def test_the_self_metric_counts_what_cannot_be_read(folder: Path) -> None:
    log = folder / "r.log"
    log.write_bytes(access() + b"\n")
    log.chmod(0)
    exporter = LogExporter([str(log)], Flavor.GITLAB)
    exporter.instruments = Instruments("gitlab")
    shown = []
    for mode in (0, 0o644):
        log.chmod(mode)
        with bound():
            exporter.read()
        shown.append(exporter.instruments.render().decode())
    exporter._files.close()
    assert [f"\n{metrics.UNREADABLE.name} {count}\n" in text for count, text in enumerate(reversed(shown))] == [
        True
    ] * 2
    assert exporter.totals.total(metrics.REQUESTS) == 1
