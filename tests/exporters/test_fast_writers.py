"""Fast writers and long files: the other files have their turn, places are stored meanwhile, and an end is not far."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from regobs.catalog import logs as metrics
from regobs.catalog.model import Flavor
from regobs.exporters import logs
from regobs.exporters.log_counts import LogCounter
from regobs.exporters.log_files import LogFiles
from regobs.exporters.logs import LogExporter
from tests.exporters.test_log_counts import access

LINE = b"x" * 99 + b"\n"
MIB = 1 << 20

pytestmark = pytest.mark.usefixtures("settled")


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Callable[..., LogFiles]]:
    made: list[LogFiles] = []

    def start(*names: str) -> LogFiles:
        files = LogFiles([str(tmp_path / name) for name in names])
        made.append(files)
        files.open()
        return files

    yield start
    for files in made:
        files.close()


def sizes(files: LogFiles, most: int) -> dict[str, int]:
    """Bytes of lines that one look gives, by the name of the file."""
    found: dict[str, int] = {}
    for path, lines in files.blocks(most):
        found[Path(path).name] = found.get(Path(path).name, 0) + sum(len(line) + 1 for line in lines)
    return found


def rest(files: LogFiles, most: int) -> int:
    """Bytes of all that is left."""
    total = 0
    while found := sum(sizes(files, most).values()):
        total += found
    return total


def test_rotated_files_that_wait_for_their_turn_are_behind_too(
    tmp_path: Path, followed: Callable[..., LogFiles]
) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(LINE)
    files = followed("a.log")
    assert rest(files, MIB) == len(LINE)
    written = 0
    for day in (3, 2, 1):  # the oldest is the file that is open
        log.write_bytes((b"%d" % day + LINE[1:]) * 30_000)
        log.rename(tmp_path / f"a.log.{day}")
        written += 30_000 * len(LINE)
    (tmp_path / "a.log.copy").write_bytes((tmp_path / "a.log.3").read_bytes())
    log.write_bytes(b"0" + LINE[1:])
    written += len(LINE)
    seen = []
    while given := sum(sizes(files, MIB).values()):
        written -= given
        assert files.behind() == {str(log): written}
        seen.append(written)
    assert written == 0
    assert seen[0] > 2 * 30_000 * len(LINE)  # of which two files were not opened


@pytest.mark.parametrize("rotated", [False, True], ids=["one file", "the writer stays with a rotated file"])
def test_of_a_backlog_a_part_is_read_before_the_other_files(
    *, rotated: bool, tmp_path: Path, followed: Callable[..., LogFiles]
) -> None:
    fast, other = tmp_path / "a.log", tmp_path / "b.log"
    fast.write_bytes(LINE)
    other.write_bytes(LINE)
    files = followed("a.log", "b.log")
    assert rest(files, 2 * MIB) == 2 * len(LINE)
    writer = fast.open("ab")
    writer.write(LINE * 150_000)
    writer.flush()
    if rotated:
        fast.rename(tmp_path / "a.log.1")
        fast.write_bytes(LINE)
    other.write_bytes(LINE * 2)
    first = sizes(files, 2 * MIB)
    assert 2 * MIB <= first["a.log"] < (6 if rotated else 3) * MIB  # a rotation is looked at besides
    assert first["b.log"] == len(LINE)
    writer.write(LINE * 50_000)
    writer.close()
    assert rest(files, 2 * MIB) == len(LINE) * (200_000 + rotated) - first["a.log"]


def test_lines_of_a_newer_file_wait_for_the_rest_of_an_older_one(
    tmp_path: Path, followed: Callable[..., LogFiles]
) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(LINE)
    files = followed("a.log")
    rest(files, MIB)
    with log.open("ab") as older:
        older.write(LINE * 150_000)
    log.rename(tmp_path / "a.log.1")
    log.write_bytes(b"newer\n")
    given = []
    while found := [line for _, lines in files.blocks(MIB) for line in lines]:
        given.append(found)
    assert len(given) >= 4
    assert [line for part in given for line in part] == [LINE[:-1]] * 150_000 + [b"newer"]


def test_a_line_longer_than_a_part_is_no_end(tmp_path: Path, followed: Callable[..., LogFiles]) -> None:
    log = tmp_path / "a.log"
    log.touch()
    files = followed("a.log")
    log.write_bytes(b"y" * (MIB // 2) + b"\n" + b"z" * (3 * MIB) + b"\nlast\n")
    given = [line for _ in range(6) for _, lines in files.blocks(1) for line in lines]
    assert [line[:4] for line in given] == [b"yyyy", b"zzzz", b"last"]


def counter_that_waits(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Let a block be counted only when the second event is there; the first says that one waits."""
    waits, go_on = threading.Event(), threading.Event()
    count = LogCounter.count

    def slow(counter: LogCounter, *block: object) -> None:
        waits.set()
        assert go_on.wait(20)
        count(counter, *block)  # type: ignore[arg-type]

    monkeypatch.setattr(LogCounter, "count", slow)
    return waits, go_on


def test_places_are_stored_while_a_long_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, state = tmp_path / "r.log", tmp_path / "state.json"
    log.write_bytes((access() + b"\n") * 40_000)
    monkeypatch.setattr(logs, "_CHECKPOINT", 0.0)
    exporter = LogExporter([str(log)], Flavor.GITLAB, state=state)
    exporter._files.open()
    stored: list[bool] = []
    count = LogCounter.count

    def watched(counter: LogCounter, *block: object) -> None:
        stored.append(state.exists())
        count(counter, *block)  # type: ignore[arg-type]

    monkeypatch.setattr(LogCounter, "count", watched)
    assert exporter.read()
    exporter._files.close()
    assert stored[0] is False
    assert set(stored[1:]) == {True}


def test_an_end_in_the_middle_of_a_long_start_comes_soon_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, state = tmp_path / "r.log", tmp_path / "state.json"
    line = access() + b"\n"
    log.write_bytes(line)
    first = LogExporter([str(log)], Flavor.GITLAB, state=state)
    first._files.open()
    first.read()
    first._store()
    first._files.close()
    with log.open("ab") as more:
        more.write(line * 40_000)
    before = state.read_bytes()
    monkeypatch.setattr(logs, "_LAST", 0.0)
    with monkeypatch.context() as patch:
        waits, go_on = counter_that_waits(patch)
        second = LogExporter([str(log)], Flavor.GITLAB, state=state)
        second.start()
        assert waits.wait(20)
        threading.Timer(0.3, go_on.set).start()
        began = monotonic()
        second.stop()
    assert monotonic() - began < 10
    assert 0 < second.totals.total(metrics.REQUESTS) - 1 < 40_000
    assert (state.read_bytes(), second.ready, second.fault) == (before, False, None)
    third = LogExporter([str(log)], Flavor.GITLAB, state=state)
    third.restore()
    third._files.close()
    assert third.totals.total(metrics.REQUESTS) == 40_001
