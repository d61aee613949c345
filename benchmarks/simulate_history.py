"""History of a simulated fleet against the naive way to write it: render every pod at every step, add times, write.

Both make the same samples from the same plan and seed, which is checked. The ratios are of CPU time, one process each.
Then a slice of the promise is measured with all processors and extrapolated: 30 days of history for 10 pods at 15 s, of
what the SLOs read, in 5 minutes and 1 GiB of memory. Exit code 1 when the promise is broken or the samples differ.

    python benchmarks/simulate_history.py [--full FILE]

With `--full` it is not extrapolated but done, and the file is kept; it has some 30 GB. Times are of the processors
(what all processes took, divided by their number) and of the wall: other work on this machine is only in the second.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from regobs.promql.nodes import Selector
from regobs.simulate import Fleet, Plan
from regobs.simulate.history import History
from regobs.simulate.reading import selectors_for
from regobs.simulate.selection import Selection

START = 1_795_003_200.0  # 2026-11-18 12:00 UTC, a Wednesday
STEP = 15.0
DAY = 86_400
PODS, DAYS = 10, 30
SECONDS, MEMORY = 300.0, 2**30  # the promise
ROUNDS = 5
SLICES = (240, 1680)  # steps; what the second takes more than the first is that of steps alone
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Form:
    """A choice of series, and a span that the naive way can write in seconds."""

    name: str
    chosen: list[Selector] | None
    pods: int
    steps: int


def naive(form: Form, plan: Plan, path: Path) -> int:
    """Write the chosen lines of the ordinary exposition of each pod at each step; how many."""
    selection = Selection(form.chosen, {"job": "registry"})
    heads: dict[tuple[str, str], str] = {}  # of a pod's series; empty when it is not chosen
    fleet, count = Fleet(plan), 0
    with path.open("w") as file:
        for _ in range(form.steps):
            fleet.advance(STEP)
            for pod in fleet.pods:
                lines = pod.render(openmetrics=True).decode().splitlines() if pod.up else []
                for line in [f"up {int(pod.up)}", *lines]:
                    if line.startswith("#"):
                        continue
                    series, _, value = line.rpartition(" ")
                    key = (pod.name, series)
                    if key not in heads:
                        heads[key] = stored(selection, pod.name, series)
                    if heads[key]:
                        file.write(f"{heads[key]} {value} {fleet.time:.0f}\n")
                        count += 1
    return count


def stored(selection: Selection, pod: str, series: str) -> str:
    """A series as it is stored, with the labels of its target; empty when it is not chosen."""
    name, _, labels = series.removesuffix("}").partition("{")
    if not selection.holds(name, dict(_LABEL.findall(labels))):
        return ""
    own = f",{labels.replace('instance=', 'exported_instance=')}" if labels else ""
    return f'{name}{{instance="{pod}:5001",job="registry"{own}}}'


def samples(path: Path) -> dict[tuple[str, str], float]:
    """The values by series and time."""
    rows = (line.rsplit(" ", 2) for line in path.read_text().splitlines() if not line.startswith("#"))
    return {(series, moment): float(value) for series, value, moment in rows}


def compare(form: Form, folder: Path) -> bool:
    """Print the ratio of the two ways; whether they made the same."""
    plan = Plan(pods=form.pods, start=START)
    history = History(plan, form.steps, wanted=form.chosen, processes=1)
    took: dict[str, list[float]] = {"naive": [], "ours": []}
    for _ in range(ROUNDS):
        begun = time.process_time()
        count = naive(form, plan, folder / "naive.om")
        took["naive"].append(time.process_time() - begun)
        begun = time.process_time()
        history.write(folder / "ours.om")
        took["ours"].append(time.process_time() - begun)
    equal = samples(folder / "naive.om") == samples(folder / "ours.om")
    ratios = [theirs / mine for theirs, mine in zip(took["naive"], took["ours"], strict=True)]
    print(f"{form.name}: {form.pods} pods, {form.steps} steps, {count:,} samples, {'equal' if equal else 'DIFFERENT'}")
    for way, seconds in took.items():
        print(
            f"  {way:<6}{spread([form.pods * form.steps / one for one in seconds])} pod-steps a second of a processor"
        )
    print(f"  ours is {spread(ratios, 1)} times as fast")
    return equal


def spread(values: list[float], digits: int = 0) -> str:
    quarters = statistics.quantiles(values, n=4)
    return f"{statistics.median(values):,.{digits}f} [{quarters[0]:,.{digits}f} .. {quarters[2]:,.{digits}f}]"


@dataclass(frozen=True)
class Cost:
    """Of one history: seconds of the wall, of all processors, bytes written, samples, highest memory in bytes."""

    wall: float
    busy: float
    size: int
    samples: int
    memory: int


def cost(steps: int, path: Path) -> Cost:
    """Write so many steps of the promise with all processors."""
    plan = Plan(pods=PODS, start=START)
    history = History(plan, steps, wanted=selectors_for(plan, ["slo"], []))
    with Memory() as memory:
        wall, busy = time.monotonic(), used()
        size = history.write(path)
        wall, busy = time.monotonic() - wall, used() - busy
    return Cost(wall, busy, size, history.samples, memory.highest)


def used() -> float:
    """Seconds of processors, of this process and its children that have ended."""
    both = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


class Memory:
    """The highest sum of the resident memory of this process and its children while the `with` lasts."""

    def __enter__(self) -> Self:
        self.highest = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.2):
            family = [os.getpid(), *map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())]
            self.highest = max(self.highest, sum(map(resident, family)))


def resident(process: int) -> int:
    """Bytes of memory of a process that may have ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0


def extrapolated(folder: Path) -> Cost:
    """The promise from two slices; memory is that of the longer one: both are many blocks long."""
    short, long = (cost(steps, folder / "slice.om") for steps in SLICES)
    more = (DAYS * DAY / STEP - SLICES[1]) / (SLICES[1] - SLICES[0])
    return Cost(
        wall=long.wall + more * (long.wall - short.wall),
        busy=long.busy + more * (long.busy - short.busy),
        size=round(long.size + more * (long.size - short.size)),
        samples=round(long.samples + more * (long.samples - short.samples)),
        memory=long.memory,
    )


def kept(found: Cost) -> bool:
    """Print the promise; whether it is kept."""
    processors = len(os.sched_getaffinity(0))
    alone = found.busy / processors
    print(f"{DAYS} days, {PODS} pods, every {STEP:g} s, what the SLOs read:")
    print(f"  {found.samples:,} samples, {found.size:,} bytes")
    print(f"  {found.busy:.0f} s of processors: {alone:.0f} s on {processors} with nothing else to do")
    print(f"  {found.wall:.0f} s of the wall")
    print(f"  highest memory of all processes {found.memory / 2**20:.0f} MiB")
    fine = alone < SECONDS and found.memory < MEMORY
    print(f"promise: below {SECONDS:g} s and {MEMORY // 2**20} MiB: {'kept' if fine else 'BROKEN'}")
    return fine


def forms() -> Iterable[Form]:
    yield Form("what the SLOs read", selectors_for(Plan(), ["slo"], []), 2, 480)
    yield Form("everything", None, 1, 120)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", type=Path, metavar="FILE")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if chosen.full is not None:
            return 0 if kept(cost(DAYS * DAY // int(STEP), chosen.full.absolute())) else 1
        equal = [compare(form, Path(folder)) for form in forms()]
        return 0 if kept(extrapolated(Path(folder))) and all(equal) else 1


if __name__ == "__main__":
    sys.exit(main())
