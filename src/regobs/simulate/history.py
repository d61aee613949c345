"""Days of history as one OpenMetrics text, for `promtool tsdb create-blocks-from openmetrics`.

OpenMetrics wants all samples of a family together, a simulation makes all families of a moment together. So each
family is spooled to a file of its own while time goes on, and the files are put together at the end: memory holds one
exposition, whatever the number of days.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from math import ceil
from pathlib import Path
from typing import BinaryIO, Self

from regobs.instrument.text import label_pairs
from regobs.simulate.fleet import Fleet

Report = Callable[[float], None]
_BUFFER = 2**16
_LONGEST = 15.0  # seconds of a step of the model: longer ones would hide a restart


class History:
    """Writes what a fleet's pods would have been scraped for. `job` and the pod's name become labels of a target."""

    def __init__(self, fleet: Fleet, *, step: float = 15.0, job: str = "registry") -> None:
        self._fleet = fleet
        self._step = step
        self._job = job
        self.samples = 0

    def write(self, path: Path, seconds: float, report: Report | None = None) -> None:
        """Let so many seconds pass and write them; `report` is told the share done. Nothing half-written stays."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.")))
            spool = stack.enter_context(_Spool(folder))
            steps = max(1, round(seconds / self._step))
            for number in range(steps):
                self._advance()
                self._scrape(spool)
                if report is not None:
                    report((number + 1) / steps)
            whole = folder / "whole"
            spool.join(whole)
            whole.replace(path)

    def _advance(self) -> None:
        parts = ceil(self._step / _LONGEST)
        for _ in range(parts):
            self._fleet.advance(self._step / parts)

    def _scrape(self, spool: _Spool) -> None:
        stamp = b" %d\n" % self._fleet.time
        up = ["# HELP up Whether the scrape went well.\n# TYPE up gauge\n"]
        for pod in self._fleet.pods:
            target = label_pairs(("instance", "job"), (f"{pod.name}:5001", self._job))
            up.append(f"up{{{target}}} {int(pod.up)}\n")
            if pod.up:
                for header, lines in _families(pod.render(openmetrics=True)):
                    spool.add(header, self._labelled(lines, target.encode(), stamp))
                    self.samples += len(lines)
        spool.add(up[0].encode(), b"".join(line.encode()[:-1] + stamp for line in up[1:]))
        self.samples += len(up) - 1

    @staticmethod
    def _labelled(lines: list[bytes], target: bytes, stamp: bytes) -> bytes:
        """The samples with the target's labels and the time; a label of the same name becomes `exported_...`."""
        rows = []
        for line in lines:
            series, _, value = line.rpartition(b" ")
            name, brace, rest = series.partition(b"{")
            if not brace:
                rows.append(b"%b{%b} %b%b" % (name, target, value, stamp))
                continue
            if b"instance=" in rest:
                rest = rest.replace(b'instance="', b'exported_instance="', 1)
            rows.append(b"%b{%b,%b %b%b" % (name, target, rest, value, stamp))
        return b"".join(rows)


class _Spool:
    """One file for each family."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[bytes, BinaryIO] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        for file in self._files.values():
            file.close()

    def add(self, header: bytes, text: bytes) -> None:
        file = self._files.get(header)
        if file is None:
            file = (self._folder / f"{len(self._files)}.part").open("w+b", buffering=_BUFFER)
            self._files[header] = file
            file.write(header)
        file.write(text)

    def join(self, path: Path) -> None:
        with path.open("wb") as whole:
            for header in sorted(self._files):
                file = self._files[header]
                file.seek(0)
                shutil.copyfileobj(file, whole, _BUFFER * 16)
            whole.write(b"# EOF\n")


def _families(text: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
    """Header (HELP and TYPE lines) and sample lines of each family of an exposition."""
    for block in text.removesuffix(b"# EOF\n").split(b"# HELP ")[1:]:
        description, kind, *lines = block.split(b"\n")
        yield b"# HELP " + description + b"\n" + kind + b"\n", lines[:-1]
