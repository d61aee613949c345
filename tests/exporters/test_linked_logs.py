"""Logs that are followed by a symbolic link which is switched, also while nothing follows them."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from regobs.catalog import logs as metrics
from regobs.catalog.model import Flavor
from regobs.exporters.log_files import LogFiles
from regobs.exporters.logs import LogExporter
from tests.exporters.test_log_counts import access

# The link, and what it leads to, one after another.
LAYOUTS = {
    "another number": ("current", ("app-1.txt", "app-2.txt", "app-3.txt")),
    "another ending": ("app.log", ("app.log.1001", "app.log.1002", "app.log.1003")),
    "another folder": ("app.log", ("archive/1.log", "archive/2.log", "archive/3.log")),
    "Kubernetes": ("containers/reg.log", ("pods/p/0.log", "pods/p/1.log", "pods/p/2.log")),
    "a folder of each release": ("live/app.log", ("r1/app.log", "r2/app.log", "r3/app.log")),
}
EVERY = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


pytestmark = pytest.mark.usefixtures("settled")


class Linked:
    """An exporter that follows a link; a restart of it goes on from what was stored last."""

    def __init__(self, folder: Path, link: str, pattern: str = "") -> None:
        self.folder, self.state = folder, folder / "state.json"
        self.written, self._link = 0, folder / link
        self._pattern = pattern or link
        self.exporter: LogExporter | None = None

    def write(self, name: str, count: int) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            for _ in range(count):
                file.write(access(uri=f"/v2/group/app/manifests/{self.written}") + b"\n")
                self.written += 1

    def lead(self, name: str) -> None:
        """Let the link lead to a file; of a link that is a folder, the folder."""
        folder = self._link.parent.name == "live"
        link = self._link.parent if folder else self._link
        target = (self.folder / name).parent if folder else self.folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        new = link.parent / "new-link"
        new.symlink_to(os.path.relpath(target, link.parent))
        new.replace(link)

    def start(self) -> None:
        self.exporter = LogExporter([str(self.folder / self._pattern)], Flavor.GITLAB, state=self.state)
        self.exporter.restore()
        self.exporter._files.open()
        self.read()

    def read(self) -> None:
        assert self.exporter is not None
        self.exporter.read()
        self.exporter.read()

    def stop(self, *, stored: bool = True) -> None:
        assert self.exporter is not None
        if stored:
            self.exporter._store()
        self.exporter._files.close()

    @property
    def counted(self) -> int:
        assert self.exporter is not None
        return self.exporter.totals.total(metrics.REQUESTS)


@EVERY
@pytest.mark.parametrize("stored", [True, False], ids=["SIGTERM", "kill -9"])
@pytest.mark.parametrize("pattern", [False, True], ids=["name", "pattern"])
def test_a_link_that_is_switched_while_nothing_follows_it_loses_no_line(
    tmp_path: Path, layout: tuple[str, tuple[str, str, str]], stored: bool, pattern: bool
) -> None:
    link, (first, second, third) = layout
    linked = Linked(tmp_path, link, f"{link[:-1]}*" if pattern else "")
    linked.write(first, 10)
    linked.lead(first)
    linked.start()
    assert linked.exporter is not None
    linked.exporter._store()
    linked.write(first, 100)
    linked.read()
    linked.stop(stored=stored)
    linked.write(first, 3)
    linked.write(second, 7)
    linked.lead(second)
    linked.start()
    assert linked.counted == linked.written == 120
    linked.write(second, 5)
    linked.read()
    linked.exporter._store()
    linked.write(second, 2)
    linked.write(third, 4)
    linked.lead(third)
    linked.stop(stored=False)
    linked.start()
    linked.write(third, 1)
    linked.read()
    assert linked.counted == linked.written
    linked.stop()


@pytest.mark.parametrize("change", [Path.rename, None], ids=["rotated in its folder", "deleted"])
def test_a_former_target_that_was_rotated_is_found_and_one_that_was_deleted_is_told_as_lost(
    tmp_path: Path, change: Callable[[Path, Path], Path] | None, caplog: pytest.LogCaptureFixture
) -> None:
    linked = Linked(tmp_path, "containers/reg.log")
    linked.write("pods/p/0.log", 10)
    linked.lead("pods/p/0.log")
    linked.start()
    linked.stop()
    linked.write("pods/p/0.log", 100)
    old = tmp_path / "pods/p/0.log"
    if change is None:
        old.unlink()
    else:
        change(old, tmp_path / "pods/p/0.log.20261130-145000")
        linked.write("pods/p/0.log", 2)
    linked.write("pods/p/1.log", 7)
    linked.lead("pods/p/1.log")
    caplog.set_level(logging.WARNING)
    linked.start()
    linked.stop()
    told = [record for record in caplog.records if record.getMessage() == "a file that was not read to its end is gone"]
    if change is None:
        assert linked.counted == 10 + 7  # no less than was stored
        assert [record.__dict__["target"] for record in told] == [str(old)]
        assert "--once" in told[0].__dict__["next_step"]
    else:
        assert (linked.counted, told) == (linked.written, [])


def test_what_a_link_leads_to_is_stored_as_soon_as_it_is_switched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a kill and a second switch would leave the file in the middle unknown."""
    monkeypatch.setattr("regobs.exporters.logs._POLL", 0.01)
    linked = Linked(tmp_path, "current")
    linked.write("app-1.txt", 10)
    linked.lead("app-1.txt")
    exporter = LogExporter([str(tmp_path / "current")], Flavor.GITLAB, state=linked.state)
    exporter.start()
    _wait_for(exporter, 10)
    linked.write("app-2.txt", 7)
    linked.lead("app-2.txt")
    _wait_for(exporter, 17)
    deadline = time.monotonic() + 4  # less than the time between two checkpoints
    while "app-2.txt" not in linked.state.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    killed = linked.state.read_bytes()
    exporter.stop()
    linked.state.write_bytes(killed)
    linked.write("app-2.txt", 4)
    linked.write("app-3.txt", 5)
    linked.lead("app-3.txt")
    linked.start()
    assert linked.counted == linked.written == 26
    linked.stop()


def _wait_for(exporter: LogExporter, lines: int) -> None:
    deadline = time.monotonic() + 30
    while exporter.totals.total(metrics.REQUESTS) < lines and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_state_of_an_earlier_version_is_gone_on_from(tmp_path: Path) -> None:
    linked = Linked(tmp_path, "current")
    linked.write("app-1.txt", 10)
    linked.lead("app-1.txt")
    linked.start()
    assert linked.exporter is not None
    files = linked.exporter._files
    state = files.data()
    assert state.pop("targets") == {str(tmp_path / "current"): [str(tmp_path / "app-1.txt")]}
    linked.stop()
    linked.write("app-1.txt", 3)
    again = LogFiles([str(tmp_path / "current")])
    assert sum(len(lines) for _, lines in again.resume(state)) == 3
    again.close()
