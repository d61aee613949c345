"""Whole processes: a cold `regobs build` with every capability on, and importing the side of the registry process.

Each figure stands beside a rival that was run in turns with it: the import of grafanalib alone for the build (nobody
who generates dashboards with it is faster), `prometheus_client` for it. The build is judged by the CPU time of its one
process, as a multiple of that import: other programs share the machine.

The limit was 3.5 imports when a build wrote 140 files; now it writes more than 420, of which 220 are tests of rules.
Imports are about 1.7 of the multiple, whatever is written; each file adds about 0.02. Measured: 9.4 to 10.5 with 424.
Run: python benchmarks/build.py [ROUNDS]
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from regobs.catalog.model import Flavor
from regobs.config.model import capabilities_of

BUILD_LIMIT = 12.0  # imports of grafanalib
IMPORT_LIMIT_MS = 60.0


# An installed package has its bytecode beside it, and so has a checkout from its second run on.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Took(NamedTuple):
    """Seconds of one process on the wall and of CPU, user and system."""

    wall: float
    cpu: float


def took(*arguments: str) -> Took:
    """Run one process."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return Took(time.perf_counter() - began, used.ru_utime + used.ru_stime)


def rounds_of(rounds: int, *commands: tuple[str, ...]) -> list[list[Took]]:
    """What each command took in each round, the commands taking turns."""
    times: list[list[Took]] = [[] for _ in commands]
    for _ in range(rounds):
        for measured, command in zip(times, commands, strict=True):
            measured.append(took(*command))
    return times


def median_wall(runs: list[Took]) -> float:
    """Seconds on the wall."""
    return statistics.median(run.wall for run in runs)


def main(rounds: int) -> None:
    """Print both comparisons."""
    with tempfile.TemporaryDirectory() as directory:
        out, config = str(Path(directory) / "out"), Path(directory) / "regobs.toml"
        config.write_text(
            f"[registry]\ncapabilities = {sorted(map(str, capabilities_of(Flavor.GITLAB)))}\n", encoding="utf-8"
        )
        build, grafanalib, bare = rounds_of(
            rounds,
            ("-m", "regobs", "build", "--out", out, "--config", str(config)),
            ("-c", "import grafanalib.core"),
            ("-c", "pass"),
        )
        files = sum(path.is_file() for path in Path(out).rglob("*"))
    ratio = statistics.median(one.cpu / other.cpu for one, other in zip(build, grafanalib, strict=True))
    cpu, of_import = (statistics.median(run.cpu for run in runs) * 1000 for runs in (build, grafanalib))
    print(f"cold `regobs build`, {files} files   {cpu:7.0f} ms of CPU, {median_wall(build) * 1000:.0f} ms on the wall")
    print(f"import grafanalib.core            {of_import:7.0f} ms of CPU")
    print(f"ratio of a round, median          {ratio:7.2f}      (limit {BUILD_LIMIT:.1f})")
    print(f"a file                            {cpu / files:7.2f} ms of CPU")
    instrument, client = rounds_of(rounds, ("-c", "import regobs.instrument"), ("-c", "import prometheus_client"))
    ours, theirs = median_wall(instrument) - median_wall(bare), median_wall(client) - median_wall(bare)
    print(
        f"import regobs.instrument          {ours * 1000:7.0f} ms   (limit {IMPORT_LIMIT_MS:.0f} ms, bare Python off)"
    )
    print(f"import prometheus_client          {theirs * 1000:7.0f} ms   ratio {ours / theirs:.2f}")
    slow = ratio > BUILD_LIMIT or ours * 1000 > IMPORT_LIMIT_MS
    sys.exit("over the limit" if slow else 0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
