"""`regobs query` beside promtool: an instant query from the command line to its table, and 90 days, a point a minute.

Start: CPU time of `regobs query 'vector(1)'` with a server's answer, as a ratio to a bare Python that imports requests
and click, the median of rounds. The goal is 1.36: 150 ms where that takes 110.
Range: wall time beside `promtool query range` for a week of 50 series, and for 90 days, which promtool asks week by
week: a server gives at most 11,000 points of a series at once. Goal: faster than promtool, below 300 MiB of memory.
Exit code 1 when a limit is missed.

    python benchmarks/query.py
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from regobs.common.programs import Supervisor, find_program
from regobs.demo import servers

START_LIMIT = 1.36
MEMORY = 300 * 1024  # KiB
ROUNDS = 21
DAYS, STEP, SERIES = 90, 60, 50
WEEK = 7 * 86_400  # seconds
BARE = [sys.executable, "-c", "import requests, click"]
REGOBS = [sys.executable, "-m", "regobs", "query"]
# As pip installs it: modules are compiled once, also where this variable forbids it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def cpu(command: list[str]) -> float:
    """Seconds of CPU that a command takes, of its children as well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def wall(command: list[str]) -> float:
    """Seconds that a command takes."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def peak(command: list[str]) -> tuple[float, int]:
    """Seconds that a command takes, and its peak memory in KiB."""
    begin = time.perf_counter()
    child = os.posix_spawn(
        command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    _, status, usage = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, command
    return time.perf_counter() - begin, usage.ru_maxrss


def history(folder: Path, end: int) -> Path:
    """Blocks of 50 gauges over 90 days, a sample each ten minutes."""
    text, blocks = folder / "history.om", folder / "blocks"
    with text.open("w", encoding="utf-8") as out:
        out.write("# TYPE level gauge\n")
        for number in range(SERIES):
            out.writelines(
                f'level{{n="{number}"}} {(moment * 7 + number * 13) % 1000} {moment}\n'
                for moment in range(end - DAYS * 86_400, end, 600)
            )
        out.write("# EOF\n")
    promtool = find_program("promtool", package="prometheus")
    command: list[str | Path] = [
        promtool,
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "--max-block-duration=1024h",
        text,
        blocks,
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return blocks


def main() -> int:
    """Run both; the exit code."""
    end = int(time.time()) // 3600 * 3600 - 3600
    with tempfile.TemporaryDirectory() as folder, Supervisor() as supervisor:
        settings = {"scrape_configs": [], "global": {"scrape_interval": "10m"}}
        os.environ["REGOBS_CACHE"] = str(Path(folder) / "cache")  # every answer is asked and kept, none is known
        data = history(Path(folder), end)
        server = servers.prometheus(
            supervisor, settings, data=data, retention="120d", flags=("--query.lookback-delta=15m",)
        )
        ratio = start(server.url)
        memory = ranges(server.url, end)
    return int(ratio > START_LIMIT or memory > MEMORY)


def start(url: str) -> float:
    """The cost of an instant query beside a bare Python."""
    asked = [*REGOBS, "vector(1)", "--prometheus", url]
    promtool = [str(find_program("promtool", package="prometheus")), "query", "instant", url, "vector(1)"]
    for command in (BARE, asked):
        cpu(command)  # compiles what was not yet
    # In turn, so that a processor that changes its speed does so for all three.
    rounds = [[cpu(command) for command in (BARE, asked, promtool)] for _ in range(ROUNDS)]
    bare, ours, rival = zip(*rounds, strict=True)
    ratio = statistics.median(mine / theirs for theirs, mine, _ in rounds)
    print(f"start: python with requests and click {statistics.median(bare) * 1000:.0f} ms of CPU, regobs query"
          f" {statistics.median(ours) * 1000:.0f} ms, promtool {statistics.median(rival) * 1000:.0f} ms;"
          f" regobs / python {ratio:.2f} (goal {START_LIMIT})")  # fmt: skip
    return ratio


def ranges(url: str, end: int) -> int:
    """Long ranges beside promtool; the peak memory in KiB."""
    promtool = str(find_program("promtool", package="prometheus"))
    day = end - WEEK

    def theirs(start: int) -> list[str]:
        over = min(start + WEEK, end)
        return [promtool, "query", "range", f"--start={start}", f"--end={over}", f"--step={STEP}s", url, "level"]

    ours = [*REGOBS, "level", "--prometheus", url, "--step", f"{STEP}s", "--to", str(end), "--format", "csv"]
    week = statistics.median(wall([*ours, "--from", str(day), "--no-cache"]) for _ in range(3))
    rival = statistics.median(wall(theirs(day)) for _ in range(3))
    points = WEEK // STEP * SERIES
    print(f"7 days, {points:,} points: regobs {week:.2f} s, promtool {rival:.2f} s, {week / rival:.2f} times promtool")
    seconds, memory = peak([*ours, "--from", str(end - DAYS * 86_400)])
    points = DAYS * 86_400 // STEP * SERIES
    weeks = sum(wall(theirs(start)) for start in range(end - DAYS * 86_400, end, WEEK))
    print(f"{DAYS} days, {points:,} points: regobs {seconds:.1f} s, peak {memory / 1024:.0f} MiB"
          f" (limit {MEMORY / 1024:.0f}); promtool, week by week, {weeks:.1f} s")  # fmt: skip
    return memory


if __name__ == "__main__":
    sys.exit(main())
