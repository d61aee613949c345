"""Kill the log exporter again and again while a log is written and rotated in every way.

    python -m tests.exporters.crash_logs 1000 [SEED] [linked]

prints how many lines were written and how many were counted, which must be equal.
"""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from io import FileIO
from pathlib import Path

from regobs.catalog import logs as metrics
from regobs.catalog.model import Flavor
from regobs.exporters.logs import LogExporter

ROTATIONS = ("rename", "rename", "gzip", "copytruncate")


def serve(log: str, state: str) -> None:
    """The exporter, in a process that is killed; checkpoints come often, so that kills meet them."""
    import regobs.exporters.logs as module

    module._CHECKPOINT = 0.02
    module._POLL = 0.005
    exporter = LogExporter([log], Flavor.GITLAB, state=Path(state))
    exporter.start()
    signal.pause()


class Writer(threading.Thread):
    """Writes access lines, in pieces now and then, and rotates the file between them."""

    def __init__(self, log: Path, end: threading.Event, seed: int) -> None:
        super().__init__()
        self._log, self._end = log, end
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self.lines = 0
        self.rotations = 0

    def run(self) -> None:
        """Write until the end."""
        file = self._log.open("ab", buffering=0)
        try:
            while not self._end.is_set():
                for _ in range(self._chance.randrange(1, 40)):
                    line = self._line()
                    cut = self._chance.randrange(1, len(line)) if self._chance.random() < 0.05 else len(line)
                    file.write(line[:cut])
                    if cut < len(line):
                        time.sleep(0.001)
                        file.write(line[cut:])
                    self.lines += 1
                time.sleep(self._chance.random() * 0.01)
                if self._chance.random() < 0.08:
                    file = self._rotated(file)
        finally:
            file.close()

    def _line(self) -> bytes:
        data = {"level": "info", "msg": "access", "method": "GET", "status": 200, "duration_ms": 3, "read_bytes": 0}
        data |= {"uri": f"/v2/group{self.lines % 7}/app/manifests/{self.lines}", "written_bytes": 5}
        return json.dumps(data | {"time": f"2026-01-01T00:00:00.{self.lines:09d}Z"}).encode() + b"\n"

    def _rotated(self, file: FileIO) -> FileIO:
        """Move the older files on and begin a new one, as logrotate does."""
        self.rotations += 1
        kind = self._chance.choice(ROTATIONS)
        for number in range(60, 0, -1):
            for ending in ("", ".gz"):
                old = self._log.with_name(f"{self._log.name}.{number}{ending}")
                if old.exists():
                    old.rename(self._log.with_name(f"{self._log.name}.{number + 1}{ending}"))
        first = self._log.with_name(f"{self._log.name}.1")
        if kind == "copytruncate":
            shutil.copy2(self._log, first)
            os.truncate(self._log, 0)
            return file
        self._log.rename(first)
        file.close()
        if kind == "gzip":
            with first.open("rb") as plain, gzip.open(f"{first}.gz", "wb") as packed:
                shutil.copyfileobj(plain, packed)
            shutil.copystat(first, f"{first}.gz")
            first.unlink()
        return self._log.open("ab", buffering=0)


def crash(kills: int, seed: int = 1, *, linked: bool = False) -> tuple[int, int, int]:
    """Lines that were written, lines that were counted, rotations. `linked`: the log is followed by a symbolic link."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    os.environ["PYTHONWARNINGS"] = "ignore::RuntimeWarning:runpy"  # of each process: this module is there already
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.exporters.crash_logs"])
    with tempfile.TemporaryDirectory() as directory:
        log, state, end = Path(directory) / "registry.log", Path(directory) / "state" / "logs.json", threading.Event()
        writer = Writer(log, end, seed)
        log.touch()
        if linked:  # as the kubelet has it: /var/log/containers leads to /var/log/pods, where the files are rotated
            log = Path(directory) / "a-link" / "of-the-container.log"
            log.parent.mkdir()
            log.symlink_to(Path(directory) / "registry.log")
        for number in range(kills):
            process = context.Process(target=serve, args=(str(log), str(state)), daemon=True)
            process.start()
            if number == 0:  # what was rotated away before there was an exporter is none of its lines
                while not state.exists():
                    time.sleep(0.01)
                writer.start()
            if (
                chance.random() < 0.5
            ):  # half of them are killed wherever they are, half after they have stored something
                stored = state.stat().st_mtime_ns
                limit = time.monotonic() + 20
                while state.stat().st_mtime_ns == stored and time.monotonic() < limit:
                    time.sleep(0.002)
            time.sleep(chance.random() * 0.08)
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join()
        end.set()
        writer.join()
        exporter = LogExporter([str(log)], Flavor.GITLAB, state=state)
        exporter.restore()
        time.sleep(1)  # until no file is taken for a copy that is being made
        while exporter.read():
            pass
        exporter._files.close()
        return writer.lines, exporter.totals.total(metrics.REQUESTS), writer.rotations


if __name__ == "__main__":
    linked = "linked" in sys.argv[2:]
    [*seeds] = (int(word) for word in sys.argv[2:] if word.isdigit())
    written, counted, rotated = crash(int(sys.argv[1]), *seeds, linked=linked)
    print(f"{sys.argv[1]} kills, {rotated} rotations: {written} lines written, {counted} counted")
    sys.exit(written != counted)
