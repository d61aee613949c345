"""What a history will be: how many series, samples and bytes, and how long it takes; known before it is begun."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from regobs.errors import MachineError
from regobs.simulate.fleet import Fleet
from regobs.simulate.history import History
from regobs.simulate.openmetrics import Times, pieces, render
from regobs.simulate.spool import Spool
from regobs.simulate.tap import Tap

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
        tap, spool = Tap(fleet.pods[0], history.selection, history.job), Spool(Path(folder, "pod"), 0)
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
