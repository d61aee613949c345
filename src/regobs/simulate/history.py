"""Days of history as one OpenMetrics text, for `promtool tsdb create-blocks-from openmetrics`.

First every pod is simulated and its numbers are spooled, then they are written as text: both by all processors, in
memory that does not grow with the number of days. The text is the same however many processes wrote it, and holds what
scrapes of the same fleet at the same times would have seen.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from math import ceil
from pathlib import Path

from regobs.build.swap import sync
from regobs.errors import MachineError
from regobs.promql.nodes import Selector
from regobs.simulate import parts
from regobs.simulate.fleet import Fleet
from regobs.simulate.openmetrics import END, Times, pieces, render
from regobs.simulate.plan import Plan
from regobs.simulate.selection import Selection
from regobs.simulate.spool import Recording, Spool
from regobs.simulate.tap import Tap
from regobs.simulate.turns import Crew, append, board

Report = Callable[[float], None]
_LONGEST = 15.0  # seconds of a step of the model: longer ones would hide a restart
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
        apart = self._logs is None and parts.apart(parts.filling(self.families))
        count = min(self.processes, len(numbers)) if apart else 1
        return [numbers[group::count] for group in range(count)]

    def write(self, path: Path | None, report: Report | None = None) -> int:
        """Write the file, whole or not at all, or with None to stdout, and return its bytes.

        `report` is told the share done. Numbers are spooled beside the file (for stdout in the folder for temporary
        files), 8 bytes each.
        """
        folder = None if path is None else path.parent
        prefix = "regobs-history." if path is None else f".{path.name}."
        told = report or (lambda _: None)
        try:
            with tempfile.TemporaryDirectory(dir=folder, prefix=prefix) as spool:
                target = None if path is None else Path(spool, "whole")
                size = self._write(Path(spool), target, told)
                if path is not None and target is not None:
                    sync(target)
                    target.replace(path)
                    sync(path.parent)
        except BrokenPipeError:
            raise  # who reads stdout has seen enough
        except OSError as error:
            raise MachineError(
                "the history cannot be written",
                value=f"{path or 'stdout'}: {error.strerror}",
                next_step="free some space, or write less: --for, --only, --days, --step, --pods",
            ) from None
        return size

    def _write(self, spool: Path, target: Path | None, report: Report) -> int:
        crew = Crew(self.processes)
        times = Times(self.plan.start, self.step)
        if target is not None:
            target.touch()
        with crew.working():
            recordings = self._recordings(crew, spool, report)
            self.samples = sum(recording.samples for recording in recordings)
            texts = list(pieces(recordings))
            size = 0
            written = crew.write(render, ((piece, times) for piece in texts), target, lambda: None)
            for number, count in enumerate(written, 1):
                size += count
                report(_MODEL + (1 - _MODEL) * number / len(texts))
        append(target, END)
        return size + len(END)

    def _recordings(self, crew: Crew, spool: Path, report: Report) -> list[Recording]:
        whole = self.steps * self.plan.pods
        tasks = ((self, numbers, spool) for numbers in self.groups)
        found = crew.map(_record, tasks, lambda: report(_MODEL * crew.board.done / whole))
        return sorted((one for group in found for one in group), key=lambda recording: recording.number)

    def record(self, numbers: list[int], folder: Path) -> list[Recording]:
        """Simulate these pods and spool their numbers."""
        with ExitStack() as stack:
            fleet = Fleet(self.plan, logs=self._logs, numbers=numbers, families=self.families)
            stack.callback(fleet.close)
            taps = [Tap(pod, self.selection, self.job) for pod in fleet.pods]
            spools = [Spool(folder / pod.name, pod.number) for pod in fleet.pods]
            done = board()
            for number in range(self.steps):
                self.advance(fleet)
                for tap, spool in zip(taps, spools, strict=True):
                    spool.add(number, *tap.read())
                if number % _TOLD_EVERY == 0:
                    done.count(len(numbers) * min(_TOLD_EVERY, self.steps - number))
            return [spool.close() for spool in spools]

    def advance(self, fleet: Fleet) -> None:
        """Let a step pass, in steps of the model."""
        count = ceil(self.step / _LONGEST)
        for _ in range(count):
            fleet.advance(self.step / count)


def _record(history: History, numbers: list[int], folder: Path) -> list[Recording]:
    return history.record(numbers, folder)
