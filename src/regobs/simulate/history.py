"""Days of history as one OpenMetrics text, for `promtool tsdb create-blocks-from openmetrics`.

First every pod is simulated and its numbers are spooled, then they are written as text: both by all processors, in
memory that does not grow with the number of days. The text is the same however many processes wrote it, and holds what
scrapes of the same fleet at the same times would have seen.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import IO

from regobs.common.files import beside
from regobs.common.output import OutputLostError
from regobs.common.workers import WorkerProcesses, count_done
from regobs.errors import MachineError
from regobs.promql.nodes import Selector
from regobs.simulate.fleet import Fleet
from regobs.simulate.openmetrics import END, TextPiece, Times, pieces, render
from regobs.simulate.plan import Plan
from regobs.simulate.pod import independent, parts_for
from regobs.simulate.recording import PodScraper, Recording, Spool
from regobs.simulate.selection import Selection

Report = Callable[[float], None]
_LONGEST = 15.0  # seconds of a step of the model: longer ones would hide a restart
_STDOUT = 1  # descriptor
_TOLD_EVERY = 64  # steps
_MODEL = 0.6  # share of the time that the simulation takes, the text takes the rest


class History:
    """Writes what a fleet's pods would have been scraped for, `steps` times, every `step` seconds from its start on.

    `job` and the pod's name become labels of a target. `wanted` selects series, None all. With `logs`, a folder, the
    pods write their logs too, in one process.
    """

    def __init__(
        self,
        plan: Plan,
        steps: int,
        *,
        step: float = 15.0,
        job: str = "registry",
        wanted: Iterable[Selector] | None = None,
        logs: Path | None = None,
        processes: int | None = None,
    ) -> None:
        self.plan = plan
        self.steps = steps
        self.step = step
        self.job = job
        self.selection = Selection(wanted, {"job": job})
        self.processes = processes or len(os.sched_getaffinity(0))
        self._logs = logs
        self.samples = 0

    @property
    def families(self) -> frozenset[str] | None:
        """The families that the model has to fill, None for all: logs tell of everything."""
        return None if self._logs is not None else self.selection.families

    @property
    def groups(self) -> list[list[int]]:
        """The pods that one process simulates, by number: some where they change nothing in each other, else all."""
        numbers = list(range(self.plan.pods))
        apart = self._logs is None and independent(parts_for(self.families))
        count = min(self.processes, len(numbers)) if apart else 1
        return [numbers[group::count] for group in range(count)]

    def write(self, path: Path | None, report: Report | None = None) -> int:
        """Write the file, whole or not at all, or with None to stdout, and return its bytes.

        `report` is told the share done. Numbers are spooled beside the file (for stdout in the folder for temporary
        files), 8 bytes each.
        """
        folder = None if path is None else path.parent
        prefix = "regobs-history." if path is None else f".{path.name}."
        try:
            with tempfile.TemporaryDirectory(dir=folder, prefix=prefix) as spool:
                if path is None:
                    with os.fdopen(os.dup(_STDOUT), "wb", buffering=0) as output:
                        return self._write(Path(spool), output, report or _unreported)
                with beside(path) as new, new.open("wb", buffering=0) as output:
                    return self._write(Path(spool), output, report or _unreported)
        except BrokenPipeError:  # who reads stdout has seen enough
            raise OutputLostError from None
        except OSError as error:
            raise MachineError(
                "the history cannot be written",
                value=f"{path or 'stdout'}: {error.strerror}",
                next_step="free some space, or write less: --for, --only, --days, --step, --pods",
            ) from None

    def _write(self, spool: Path, output: IO[bytes], report: Report) -> int:
        times, size = Times(self.plan.start, self.step), 0
        with WorkerProcesses(self.processes) as workers:
            recordings = self._recordings(workers, spool, report)
            self.samples = sum(recording.samples for recording in recordings)
            texts = list(pieces(recordings))
            tasks = ((piece, times, spool / f"text-{number}") for number, piece in enumerate(texts))
            for number, part in enumerate(workers.map(_render, tasks), 1):
                size += _append(part, output)
                report(_MODEL + (1 - _MODEL) * number / len(texts))
        return size + _write_all(output, END)

    def _recordings(self, workers: WorkerProcesses, spool: Path, report: Report) -> list[Recording]:
        whole = self.steps * self.plan.pods
        tasks = ((self, numbers, spool) for numbers in self.groups)
        found = workers.map(_record, tasks, lambda: report(_MODEL * workers.done / whole))
        return sorted((recording for group in found for recording in group), key=lambda recording: recording.number)

    def record(self, numbers: list[int], folder: Path) -> list[Recording]:
        """Simulate these pods and spool their numbers."""
        with ExitStack() as stack:
            fleet = Fleet(self.plan, logs=self._logs, numbers=numbers, families=self.families)
            stack.callback(fleet.close)
            taps = [PodScraper(pod, self.selection, self.job) for pod in fleet.pods]
            spools = [Spool(folder / pod.name, pod.number) for pod in fleet.pods]
            for spool in spools:
                stack.callback(spool.discard)
            for number in range(self.steps):
                self.advance(fleet)
                for tap, spool in zip(taps, spools, strict=True):
                    spool.add(number, *tap.read())
                if number % _TOLD_EVERY == 0:
                    count_done(len(numbers) * min(_TOLD_EVERY, self.steps - number))
            return [spool.close() for spool in spools]

    def advance(self, fleet: Fleet) -> None:
        """Let a step pass, in steps of the model."""
        count = ceil(self.step / _LONGEST)
        for _ in range(count):
            fleet.advance(self.step / count)


def _record(history: History, numbers: list[int], folder: Path) -> list[Recording]:
    return history.record(numbers, folder)


def _render(piece: TextPiece, times: Times, part: Path) -> Path:
    part.write_bytes(render(piece, times))
    return part


def _append(part: Path, output: IO[bytes]) -> int:
    """Put a finished part at the end of the output, and remove it."""
    size = _write_all(output, part.read_bytes())
    part.unlink()
    return size


def _write_all(output: IO[bytes], content: bytes) -> int:
    rest = memoryview(content)
    while rest:
        rest = rest[output.write(rest) :]
    return len(content)


def _unreported(_: float) -> None:
    """Nobody waits for how much is done."""


_TRIED = 84  # steps, spread over the time of the history: every two hours of a week
_HOURS = 2  # before them, so that series of rare events are there
_SPOOLED = 8  # bytes of a sample


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of a whole history; `series` are those of one pod, `seconds` of this machine with nothing else to do."""

    series: int
    samples: int
    size: int
    seconds: float

    def __str__(self) -> str:
        took = f"{self.seconds / 60:.0f} minutes" if self.seconds >= 90 else f"{max(1, round(self.seconds))} seconds"
        return f"about {self.series:,} series a pod, {self.samples:,} samples, {self.size:,} bytes, {took}"

    def check(self, folder: Path) -> None:
        """Raise MachineError when the file system of the folder has no room for it."""
        needed, free = self.size + self.samples * _SPOOLED, shutil.disk_usage(folder).free
        if needed > free:
            raise MachineError(
                "the history does not fit on this disk",
                value=f"{folder}: {free:,} bytes free",
                expected=f"{needed:,} bytes while it is written",
                next_step="write less: --for, --only, --days, --step, --pods; or name a file on another disk",
            )


def estimate(history: History) -> Estimate:
    """Try steps of the first pod, at times all over the history."""
    plan = history.plan
    with tempfile.TemporaryDirectory(prefix="regobs-estimate.") as folder:
        fleet = Fleet(plan, numbers=[0], families=history.families)
        tap, spool = PodScraper(fleet.pods[0], history.selection, history.job), Spool(Path(folder, "pod"), 0)
        for _ in range(_HOURS):
            fleet.advance(3600)
        begun = time.process_time()
        for number in range(_TRIED):
            fleet.time = plan.start + number * history.steps * history.step / _TRIED
            history.advance(fleet)
            spool.add(number, *tap.read())
        simulated = time.process_time() - begun
        recording = spool.close()
        size = sum(len(render(piece, Times(plan.start, history.step))) for piece in pieces([recording]))
        written = time.process_time() - begun - simulated
    times = history.steps * plan.pods / _TRIED
    crew = min(history.processes, len(history.groups))
    return Estimate(
        series=round(recording.samples / _TRIED),
        samples=round(recording.samples * times),
        size=round(size * times),
        seconds=times * (simulated / crew + written / history.processes),
    )
