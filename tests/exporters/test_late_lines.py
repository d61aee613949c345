"""Lines that come to a rotated file after it was read to its end: they count, once, as long as the file exists."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from regobs.exporters import followed_path, log_generations, watched_files
from regobs.exporters.log_files import LogFiles
from tests.exporters.followed import Followed

FILE = "app.log.1"
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}
PACKED = pytest.mark.parametrize("ending", sorted(PACKERS))
LENGTHS = pytest.mark.parametrize("lines", [3, 200], ids=["short", "long"])  # below and above the start that is hashed


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotated file is closed once nothing was read of it; nothing else is waited for."""
    monkeypatch.setattr(followed_path, "_SETTLED", 0.0)
    monkeypatch.setattr(followed_path, "_QUIET", -1.0)
    monkeypatch.setattr(watched_files, "_EVERY", 0.0)
    monkeypatch.setattr("regobs.exporters.unreadable_files._SETTLED", -1.0)
    monkeypatch.setattr("regobs.exporters.failed_reads._AGAIN", 0.0)


def late(one: Followed, text: str = "", *, path: Path | None = None) -> None:
    """Write a line to the rotated file, as a writer does that has it open."""
    with (path or one.log.with_name(FILE)).open("a") as file:
        file.write(text or f"{one.written} late\n")
    one.written += not text


def closed(one: Followed) -> None:
    """Read until no rotated file is open."""
    for _ in range(3):
        one.read()
    assert [file.path for followed in one.files._paths.values() for file in followed.before] == []


def counted(one: Followed) -> bool:
    """Whether each line was given once."""
    return sorted(one.lines) == list(range(one.written))


def _running(one: Followed) -> None:
    closed(one)


def _restarted(one: Followed) -> None:
    closed(one)
    one.restart()
    closed(one)


def _restarted_while_open(one: Followed) -> None:
    one.restart()


def _renamed_on(one: Followed) -> None:
    closed(one)
    one.rename()


WAYS = pytest.mark.parametrize("way", [_running, _restarted, _restarted_while_open], ids=lambda way: way.__name__)


@WAYS
@LENGTHS
@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
def test_lines_to_a_rotated_file_count_once(
    follow: Callable[..., Followed], way: Callable[[Followed], None], lines: int, pattern: str
) -> None:
    one = follow(pattern)
    one.write(lines)
    one.read()
    one.rename()
    for _ in range(3):
        way(one)
        late(one)
        one.write()
        closed(one)
        assert counted(one)
    one.rename()
    one.read()
    late(one, path=one.log.with_name("app.log.2"))
    closed(one)
    assert counted(one)


def test_lines_that_come_while_the_exporter_is_down_count_once(followed: Followed) -> None:
    followed.write()
    followed.read()
    followed.rename()
    closed(followed)
    state = followed.files.data()
    followed.files.close()
    late(followed)
    followed.files = LogFiles([followed.pattern])
    followed.lines += [int(line.split()[0]) for _, lines in followed.files.resume(state) for line in lines]
    closed(followed)
    assert counted(followed)


def test_lines_to_a_file_that_was_rotated_before_the_first_start_count_and_its_older_ones_do_not(
    tmp_path: Path, follow: Callable[..., Followed]
) -> None:
    (tmp_path / FILE).write_text("1000 older\n")
    one = follow()
    one.read()
    late(one)
    closed(one)
    assert counted(one)


def test_the_rest_of_a_line_that_was_taken_for_the_last_one_is_no_line(followed: Followed) -> None:
    followed.write()
    followed.rename()
    late(followed, "3 half")
    followed.written += 1
    closed(followed)
    late(followed, " of a line\n")
    closed(followed)
    late(followed)
    closed(followed)
    assert counted(followed)


@PACKED
@LENGTHS
def test_a_file_that_grew_and_was_packed_then_gives_what_is_new(followed: Followed, ending: str, lines: int) -> None:
    followed.write(lines)
    followed.rename()
    closed(followed)
    state = followed.files.data()
    followed.files.close()
    late(followed)
    plain = followed.log.with_name(FILE)
    plain.with_name(f"{FILE}.{ending}").write_bytes(PACKERS[ending](plain.read_bytes()))
    plain.unlink()
    followed.files = LogFiles([followed.pattern])
    followed.lines += [int(line.split()[0]) for _, lines in followed.files.resume(state) for line in lines]
    closed(followed)
    followed.restart()
    closed(followed)
    assert counted(followed)


def test_the_rotated_files_of_1500_logs_are_looked_at_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1500):
        (tmp_path / f"{number}.log").write_bytes(b"0 line\n")
        (tmp_path / f"{number}.log.1").write_bytes(b"older\n")
    files = LogFiles([str(tmp_path / "*.log")])
    files.open()
    assert sum(len(lines) for _, lines in files.blocks()) == 1500
    with (tmp_path / "700.log.1").open("a") as file:
        file.write("0 late\n")
    asked: list[str] = []
    size = watched_files._size

    def asking(path: str, identity: tuple[int, int]) -> int | None:
        asked.append(path)
        return size(path, identity)

    monkeypatch.setattr(watched_files, "_size", asking)
    given = []
    for looks in range(1, 20):
        given += [path for path, lines in files.blocks() if lines]
        assert len(asked) == looks * watched_files._MOST
        if given:
            break
    assert given == [str(tmp_path / "700.log")]
    assert looks <= 1500 / watched_files._MOST + 1
    before = len(asked)
    monkeypatch.setattr(watched_files, "_EVERY", 3600.0)  # lines that come all the time do not make it look more often
    list(files.blocks())
    assert len(asked) == before
    files.close()


@pytest.mark.parametrize("part", [0, 3, 12, 200, 0.5])
@pytest.mark.parametrize("restarts", [0, 1])
@PACKED
def test_a_packed_file_that_becomes_whole_is_told_once_and_read(
    followed: Followed, ending: str, part: float, restarts: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    followed.write(200)
    followed.read()
    followed.write(3000)
    followed.rename()
    plain = followed.log.with_name(FILE)
    packed = followed.log.with_name(f"{FILE}.{ending}")
    whole = PACKERS[ending](plain.read_bytes())
    packed.write_bytes(whole[: part if isinstance(part, int) else int(part * len(whole))])
    plain.unlink()
    state = followed.files.data()
    followed.files.close()
    followed.files = LogFiles([followed.pattern])
    followed.lines += [int(line.split()[0]) for _, lines in followed.files.resume(state) for line in lines]
    followed.write()
    for _ in range(3):
        followed.read()
    for _ in range(restarts):
        followed.restart()
        followed.read()
    assert followed.files.unreadable == 1
    assert caplog.text.count("WARNING") == 1 + restarts
    with packed.open("ab") as file:
        file.write(whole[packed.stat().st_size :])
    for _ in range(3):
        followed.read()
    assert counted(followed)
    assert followed.files.unreadable == 0
    followed.restart()
    closed(followed)
    assert counted(followed)


def test_a_packed_file_that_stays_damaged_is_told_once_through_its_rotations_and_not_unpacked_again(
    followed: Followed, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed.write(200)
    followed.read()
    followed.write(2000)
    followed.pack()
    packed = followed.log.with_name(f"{FILE}.gz")
    packed.write_bytes(packed.read_bytes()[:-100])
    followed.restart()
    for _ in range(3):
        followed.rename()
        followed.write()
        followed.read()
    assert caplog.text.count("a packed file is not whole") == 1
    assert followed.files.unreadable == 1
    assert sorted(followed.lines) == [*range(200), *range(2200, 2209)]
    unpacked: list[int] = []
    rest = log_generations.Generation._unpacked_rest

    def unpacking(one: log_generations.Generation, offset: int) -> Iterator[log_generations.Lines]:
        unpacked.append(offset)
        return rest(one, offset)

    monkeypatch.setattr(log_generations.Generation, "_unpacked_rest", unpacking)
    for _ in range(5):
        followed.read()
    assert unpacked == []
    followed.log.with_name("app.log.4.gz").unlink()
    followed.read()
    assert followed.files.unreadable == 0
    assert caplog.text.count("a file that was not read to its end is gone") == 1


@PACKED
@pytest.mark.parametrize("part", [0.1, 0.9])
def test_a_packed_file_that_was_being_written_at_the_first_start_is_older(
    tmp_path: Path, follow: Callable[..., Followed], ending: str, part: float
) -> None:
    whole = PACKERS[ending](b"".join(b"%d older %d\n" % (number, number**5) for number in range(5000)))
    packed = tmp_path / f"{FILE}.{ending}"
    packed.write_bytes(whole[: int(part * len(whole))])
    one = follow()
    one.write()
    one.read()
    packed.write_bytes(whole)
    os.utime(packed, (hour_ago := time.time() - 3600, hour_ago))  # packers give it the time of the log
    one.read()
    one.rename()
    one.restart()
    closed(one)
    assert counted(one)
    assert one.files.unreadable == 0


def test_a_rotated_file_that_was_read_and_is_deleted_before_a_restart_is_not_told_as_lost(
    followed: Followed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(followed_path, "_QUIET", 60.0)
    followed.write()
    followed.rename()
    followed.read()
    state = followed.files.data()
    followed.files.close()
    followed.log.with_name(FILE).unlink()
    followed.files = LogFiles([followed.pattern])
    list(followed.files.resume(state))
    assert "gone" not in caplog.text
