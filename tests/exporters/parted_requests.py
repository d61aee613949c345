"""Part the lines of requests of CNCF Distribution by rotations within seconds, while the log is followed.

    python -m tests.exporters.parted_requests 50 [SEED]

writes and reads so many logs with random pauses and prints how many requests were written and counted, which must be
equal, and in how many logs a line was read before one that was written earlier, which must be none.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from regobs.catalog import logs as metrics
from regobs.catalog.model import Flavor
from regobs.exporters.logs import LogExporter
from tests.exporters.distribution_lines import combined, own

KINDS = ("rename", "pack", "copytruncate")


class Parted:
    """A log whose every line is followed by a rotation, if one is due, and the exporter that follows it.

    `order` has the number of each line as it was read.
    """

    def __init__(self, folder: Path) -> None:
        self.log, self.state = folder / "r.log", folder / "state.json"
        self.log.touch()
        self.lines = 0
        self.order: list[int] = []
        self.exporter = self._started()
        self.exporter._files.open()

    def write(self, count: int = 1) -> None:
        """Write lines: the own line of a request, then its other, and so on."""
        with self.log.open("ab") as file:
            for _ in range(count):
                uri = f"/v2/g/a/manifests/{self.lines // 2}"
                file.write((combined(uri) if self.lines % 2 else own(uri)) + b"\n")
                self.lines += 1

    def rotate(self, kind: str) -> None:
        """Move the older files on and begin a new one, as logrotate does."""
        for number in range(40, 0, -1):
            for ending in ("", ".gz"):
                old = self.log.with_name(f"r.log.{number}{ending}")
                if old.exists():
                    old.rename(self.log.with_name(f"r.log.{number + 1}{ending}"))
        first = self.log.with_name("r.log.1")
        if kind == "copytruncate":
            shutil.copy2(self.log, first)
            os.truncate(self.log, 0)
            return
        self.log.rename(first)
        self.log.touch()
        if kind == "pack":
            packed = self.log.with_name("r.log.1.gz")
            packed.write_bytes(gzip.compress(first.read_bytes()))
            shutil.copystat(first, packed)
            first.unlink()

    def read(self) -> None:
        """Read what there is now."""
        self.exporter.read()

    def restart(self) -> None:
        """Store, end, and go on in another process."""
        self.exporter._store()
        self.exporter._files.close()
        self.exporter = self._started()
        self.exporter.restore()
        self.exporter._files.open()

    def read_all(self) -> None:
        """Read until all lines are there, or for ten seconds."""
        limit = time.monotonic() + 10
        while len(self.order) < self.lines and time.monotonic() < limit:
            self.read()
            time.sleep(0.02)
        self.read()

    @property
    def counted(self) -> int:
        """The requests that were counted."""
        return self.exporter.totals.total(metrics.REQUESTS)

    def _started(self) -> LogExporter:
        exporter = LogExporter([str(self.log)], Flavor.DISTRIBUTION, state=self.state)
        exporter.load()
        exporter._counter.count = self._noting(exporter._counter.count)  # type: ignore[method-assign]
        return exporter

    def _noting(self, count: Callable[..., None]) -> Callable[..., None]:
        def noted(lines: Sequence[bytes], unwrapper: Any) -> None:
            for line in lines:
                mine = line[:1] == b"{"
                uri = json.loads(line)["http.request.uri"] if mine else line.split()[6].decode()
                self.order.append(int(uri.rpartition("/")[2]) * 2 + (not mine))
            count(lines, unwrapper)

        return noted


def run(folder: Path, seed: int) -> tuple[int, int, bool]:
    """Requests that were written and counted in a log of random rotations, and whether its lines were read in order."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    parted, end = Parted(folder), threading.Event()

    def write() -> None:
        for _ in range(60):
            parted.write(chance.randrange(1, 6))
            if chance.random() < 0.3:
                parted.rotate(chance.choice(KINDS))
            time.sleep(chance.choice((0, 0, 0.001, 0.02, 0.1)))
        parted.write(parted.lines % 2)
        end.set()

    writer = threading.Thread(target=write)
    writer.start()
    reader = random.Random(seed + 1)  # noqa: S311 - no secret
    while not end.is_set():
        parted.read()
        if reader.random() < 0.1:
            parted.restart()
        time.sleep(reader.choice((0, 0.01, 0.1, 0.4)))
    writer.join()
    parted.read_all()
    parted.exporter._files.close()
    return parted.lines // 2, parted.counted, parted.order == list(range(parted.lines))


def main() -> int:
    """Run so many and print."""
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    written = counted = unordered = 0
    for seed in range(first, first + int(sys.argv[1])):
        with tempfile.TemporaryDirectory() as name:
            requests, found, in_order = run(Path(name), seed)
        if found != requests or not in_order:
            print(f"seed {seed}: {requests} requests, {found} counted, in order: {in_order}", flush=True)
        written, counted, unordered = written + requests, counted + found, unordered + (not in_order)
    print(f"{written} requests written, {counted} counted; {unordered} logs read out of order")
    return int(written != counted or unordered > 0)


if __name__ == "__main__":
    sys.exit(main())
