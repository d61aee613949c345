"""A month of logs: a saved query over 30 daily files, beside `gzip -dc | jq` and DuckDB used directly.

The question is that of `status-over-time`: requests and server errors of each minute. jq reads one file after the other
with `gzip -dc | jq`, as `zgrep . | jq` does, and counts with sort and uniq; DuckDB reads only the three fields that it
needs, and neither counts what is malformed nor knows the names of other generations. All must give the same numbers.

Each measurement is a process with the files in the page cache. Rounds are in turns and a ratio is that of one round,
told as the median and the range; CPU is of all threads and of every process of a pipeline. Ours must stay below 1 GiB.

    python benchmarks/logs_days.py [LINES A DAY]
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

DAYS = 30
LINES = 40_000  # a day
ROUNDS = 3
MOST = 1024  # MiB
FIRST = datetime(2026, 10, 1, tzinfo=UTC)
Counts = dict[str, tuple[int, int]]  # of a minute: requests, server errors

_DUCKDB = """
import duckdb, sys
duckdb.sql("SET enable_progress_bar = false")  # it would stand among the rows
rows = duckdb.sql(f'''SELECT date_trunc('minute', time) AS minute, count(*), count(*) FILTER (WHERE status >= 500)
FROM read_json({sys.argv[1:]!r}, format='newline_delimited',
  columns={{time: 'TIMESTAMP', msg: 'VARCHAR', status: 'BIGINT'}})
WHERE msg = 'access' GROUP BY 1''').fetchall()
for minute, requests, errors in rows:
    print(f'{minute:%Y-%m-%dT%H:%M},{requests},{errors}')
"""
_JQ = """gzip -dc "$@" | jq -r '
  select(.msg == "access" and .status) | "\\(.time[:16]) \\(.status >= 500)"' | sort | uniq -c"""


class MonthMeasured(NamedTuple):
    """What one run took: seconds on the wall and of CPU, MiB of its largest process, and what it found."""

    seconds: float
    cpu: float
    mebibytes: float
    found: Counts


def write_day(path: Path, day: int, lines: int) -> None:
    """A day of a registry: two access lines, then one of the application, spread evenly."""
    source = random.Random(day)  # noqa: S311 - repeatable, nothing secret
    begin, step = FIRST + timedelta(days=day), timedelta(days=1) / lines
    with gzip.open(path, "wt", compresslevel=4) as file:
        for at in range(lines):
            same = {
                "time": f"{begin + step * at:%Y-%m-%dT%H:%M:%S.%f}Z",
                "level": "info",
                "correlation_id": f"01M{source.getrandbits(115):023X}",
            }
            name = f"group{source.randrange(200)}/project{source.randrange(20)}"
            if at % 3 == 2:
                more: dict[str, object] = {
                    "msg": "blob downloaded",
                    "root_repo": name.split("/", maxsplit=1)[0],
                    "vars_name": name,
                }
                more |= {"size_bytes": source.randrange(1 << 28), "redirect": True}
            else:
                more = {
                    "msg": "access", "method": "GET", "uri": f"/v2/{name}/manifests/latest", "proto": "HTTP/1.1",
                    "status": source.choices([200, 404, 401, 500, 503], [80, 10, 8, 1, 1])[0],
                    "duration_ms": int(source.expovariate(1 / 30)), "ttfb_ms": 1, "written_bytes": 1234,
                    "remote_ip": f"10.0.{source.randrange(8)}.{source.randrange(256)}", "remote_addr": "10.0.0.1:4711",
                    "host": "registry.example.com", "user_agent": "docker/27.3.1 go/go1.22.7 os/linux", "referrer": "",
                    "content_type": "application/json", "system": "http",
                }  # fmt: skip
            file.write(json.dumps({**same, **more}, separators=(",", ":")) + "\n")


def measured(command: Sequence[str], read: Callable[[str], Counts]) -> MonthMeasured:
    """One run in a process of its own, whose children are counted with it."""
    watcher = (
        "import resource, subprocess, sys, json\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True, check=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))\n"
        "print(done.stdout, end='')\n"
    )
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", watcher, *command], capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - begin
    first, _, rest = done.stdout.partition("\n")
    cpu, mebibytes = json.loads(first)
    return MonthMeasured(seconds, cpu, mebibytes, read(rest))


def read_ours(text: str) -> Counts:
    return {
        row["minute"][:16]: (int(row["requests"]), int(row["server_errors"]))
        for row in csv.DictReader(text.splitlines())
    }


def read_duckdb(text: str) -> Counts:
    return {minute: (int(requests), int(errors)) for minute, requests, errors in csv.reader(text.splitlines())}


def read_jq(text: str) -> Counts:
    found: Counts = {}
    for line in text.splitlines():
        count, minute, failed = line.split()
        requests, errors = found.get(minute, (0, 0))
        found[minute] = requests + int(count), errors + (int(count) if failed == "true" else 0)
    return found


def told(name: str, ours: list[MonthMeasured], rival: list[MonthMeasured]) -> str:
    """A line of the result."""
    parts = []
    pairs = list(zip(ours, rival, strict=True))
    times = [theirs.seconds / mine.seconds for mine, theirs in pairs]
    for what, ratios in (("time", times), ("CPU", [theirs.cpu / mine.cpu for mine, theirs in pairs])):
        parts.append(f"{what} {statistics.median(ratios):.2f} times ours ({min(ratios):.2f} to {max(ratios):.2f})")
    memory = max(one.mebibytes for one in rival)
    return f"{name:<16}{', '.join(parts)}; {memory:.0f} MiB"


def main(lines: int) -> None:
    """Write the month, ask all, print."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"registry.log-{FIRST + timedelta(days=day):%Y%m%d}.gz" for day in range(DAYS)]
        with ProcessPoolExecutor() as pool:
            list(pool.map(write_day, files, range(DAYS), [lines] * DAYS))
        names = [str(file) for file in files]
        regobs = str(Path(sys.executable).with_name("regobs"))
        runs: dict[str, tuple[Sequence[str], Callable[[str], Counts]]] = {
            "regobs": ([regobs, "logs", "run", "status-over-time", *names, "--format", "csv"], read_ours),
            "DuckDB": ([sys.executable, "-c", _DUCKDB, *names], read_duckdb),
        }
        if shutil.which("jq"):
            runs["gzip -dc | jq"] = (["sh", "-c", _JQ, "sh", *names], read_jq)
        else:
            print("jq is not installed: left out (apt-get install jq)")
        found: dict[str, list[MonthMeasured]] = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, (command, read) in runs.items():
                found[name].append(measured(command, read))
        size = sum(file.stat().st_size for file in files) / 1024**2
    ours = found["regobs"]
    assert all(one.found == ours[0].found for several in found.values() for one in several), "the answers differ"
    print(f"{DAYS} files, {DAYS * lines:,} lines, {size:.0f} MiB compressed, {len(ours[0].found):,} minutes")
    most = max(one.mebibytes for one in ours)
    seconds = statistics.median(one.seconds for one in ours)
    cpu = statistics.median(one.cpu for one in ours)
    print(f"regobs: {seconds:.1f} s, {cpu:.1f} s of CPU, {most:.0f} MiB")
    for name, several in found.items():
        if name != "regobs":
            print(told(name, ours, several))
    assert most < MOST, f"ours takes more than {MOST} MiB"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else LINES)
