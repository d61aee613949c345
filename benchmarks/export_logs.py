"""Lines a second of `regobs export logs` beside mtail, which counts the same requests, bytes and durations.

    python benchmarks/export_logs.py [--lines 200000]
    python benchmarks/export_logs.py --steady 30   # seconds in which 10,000 lines a second are followed
    python benchmarks/export_logs.py --split       # two processes, each with half of the files, beside one with all

Both read a file of access lines of a GitLab registry once and end; user and system time of the whole process count,
less that of a run over an empty file. mtail takes the lines apart by a regular expression in the order in which the
registry writes its fields, and knows neither namespaces nor clients: ours counts these as well, bounded.

`--steady` follows a file as in production, with state and scrapes, and takes the processor time of the whole process.
`--split` compares by the clock; what the machine does beside it shows, and it needs two free cores.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from regobs.catalog.http import DURATION_BUCKETS
from regobs.common.programs import find_program

GOAL = 5
PACE, STEADY_SHARE, MEMORY = 10_000, 0.15, 150  # lines a second, share of a core, MiB
ROUNDS = 3
_ROUTES = {
    "/v2/": "/v2/",
    "/v2/{name}/blobs/uploads/": r"/v2/.+/blobs/uploads/(\?.*)?",
    "/v2/{name}/blobs/uploads/{uuid}": r"/v2/.+/blobs/uploads/[^\/?]+(\?.*)?",
    "/v2/{name}/blobs/{digest}": r"/v2/.+/blobs/[^\/?]+",
    "/v2/{name}/manifests/{reference}": r"/v2/.+/manifests/[^\/?]+",
    "/v2/{name}/tags/list": r"/v2/.+/tags/list(\?.*)?",
}


def line(chance: random.Random) -> str:
    """An access line with a route, a namespace of 300, a client of 40."""
    name = f"group{int(chance.paretovariate(0.7)) % 300}/team/app{chance.randrange(50)}"
    digest = f"sha256:{chance.getrandbits(256):064x}"
    uri, method, status = chance.choice(
        [
            ("/v2/", "GET", 401),
            (f"/v2/{name}/blobs/{digest}", "GET", 307),
            (f"/v2/{name}/blobs/{digest}", "HEAD", 200),
            (f"/v2/{name}/manifests/v{chance.randrange(99)}", "GET", 200),
            (f"/v2/{name}/manifests/{digest}", "HEAD", 404),
            (f"/v2/{name}/blobs/uploads/", "POST", 202),
            (f"/v2/{name}/tags/list?n=100", "GET", 200),
        ]
    )
    fields = {
        "content_type": "application/json",
        "correlation_id": f"{chance.getrandbits(128):032X}"[:26],
        "duration_ms": int(chance.lognormvariate(2.5, 1)),
        "host": "registry.example.com",
        "level": "info",
        "method": method,
        "msg": "access",
        "proto": "HTTP/1.1",
        "read_bytes": 0,
        "referrer": "",
        "remote_addr": "10.0.0.1:44276",
        "remote_ip": "10.0.0.1",
        "status": status,
        "system": "http",
        "time": "2026-01-01T00:00:00.123Z",
        "ttfb_ms": 1,
        "uri": uri,
        "user_agent": f"docker/{chance.randrange(20, 28)}.{chance.randrange(5)}.1 go/go1.22",
        "written_bytes": chance.randrange(5000),
    }
    return json.dumps(fields, separators=(",", ":"))


def mtail_program() -> str:
    """The same counters and histogram as a program of mtail."""
    edges = ", ".join(f"{edge:g}" for edge in DURATION_BUCKETS)
    inner = ""
    for template, pattern in reversed(_ROUTES.items()):
        regex = pattern.replace(r"[^\/?]", "[^/?]").replace("/", r"\/")
        otherwise = f" else {{\n{inner}\n  }}" if inner else ""
        inner = f"""  $uri =~ /^{regex}$/ {{
    requests[$method]["{template}"][$status]++
    written[$method]["{template}"][$status] += $written
    duration[$method]["{template}"][$status] = float($ms) / 1000.0
  }}{otherwise}"""
    return f"""counter requests by method, route, status
counter written by method, route, status
histogram duration by method, route, status buckets {edges}

/"duration_ms":(?P<ms>\\d+),.*"method":"(?P<method>[A-Z]+)",.*"status":(?P<status>\\d+),.*/ +
/"uri":"(?P<uri>[^"]*)",.*"written_bytes":(?P<written>\\d+)/ {{
{inner}
}}
"""


def cpu(command: list[str]) -> float:
    """User and system seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def write_lines(file: Path, lines: int, seed: int = 1) -> None:
    """Write so many access lines."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    with file.open("w") as opened:
        opened.writelines(line(chance) + "\n" for _ in range(lines))


def ours(*files: Path) -> list[str]:
    """The command that counts files once."""
    return [sys.executable, "-m", "regobs", "export", "logs", "--once", *map(str, files)]


def steady(directory: Path, seconds: int) -> int:
    """Follow a file to which 10,000 lines a second are written; fails where a core is used too much, or lines lack."""
    source, log = directory / "source.log", directory / "registry.log"
    write_lines(source, PACE)
    rows = source.read_bytes().splitlines(keepends=True)
    parts = [b"".join(rows[at : at + PACE // 10]) for at in range(0, PACE, PACE // 10)]
    log.touch()
    command = [sys.executable, "-m", "regobs", "export", "logs", str(log), "--listen", "127.0.0.1:0"]
    with subprocess.Popen([*command, "--state", str(directory / "state.json")], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        wait_until(lambda: exposed(url) is not None)
        before, start = process_cpu(process.pid), time.monotonic()
        with log.open("ab", buffering=0) as file:
            for tick in range(seconds * 10):
                time.sleep(max(0.0, start + tick / 10 - time.monotonic()))
                file.write(parts[tick % 10])
                if tick % 150 == 149:
                    exposed(url)
        wait_until(lambda: (exposed(url) or 0) >= seconds * PACE)
        took, counted = time.monotonic() - start, exposed(url) or 0
        share, memory = (process_cpu(process.pid) - before) / took, resident(process.pid)
        process.terminate()
    print(f"{counted / took:,.0f} lines/s for {took:.0f} s: {share:.1%} of a core, {memory:.0f} MiB", end="")
    print(f"; promised: {STEADY_SHARE:.0%}, {MEMORY} MiB")
    return int(share > STEADY_SHARE or memory > MEMORY or counted != seconds * PACE)


def split(directory: Path, lines: int) -> int:
    """Lines a second of one process that reads two files, and of two with a file each."""
    files = [directory / f"{number}.log" for number in range(2)]
    for number, file in enumerate(files):
        write_lines(file, lines // 2, number)
    empty = directory / "empty.log"
    write_lines(empty, 1)
    ratios = []
    for _ in range(ROUNDS):
        started = clock([ours(empty)])
        one, two = clock([ours(*files)]) - started, clock([ours(file) for file in files]) - started
        ratios.append(one / two)
        print(f"one process {lines / one:>10,.0f} lines/s   two {lines / two:>10,.0f} lines/s   ratio {one / two:.2f}")
    print(f"median ratio {sorted(ratios)[len(ratios) // 2]:.2f}")
    return 0


def clock(commands: list[list[str]]) -> float:
    """Seconds until all of these, begun together, have ended."""
    start = time.monotonic()
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    if any(process.wait() for process in running):
        raise SystemExit("a process failed")
    return time.monotonic() - start


def exposed(url: str) -> int | None:
    """How many access lines are counted; None before the exporter is ready."""
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - ours
        text = answer.read().decode()
        rows = [row for row in text.splitlines() if row.startswith("registry_log_requests_total{")]
        return int(sum(float(row.rpartition(" ")[2]) for row in rows))
    return None


def wait_until(true: Callable[[], bool]) -> None:
    """Look ten times a second, for a minute at most."""
    end = time.monotonic() + 60
    while not true():
        if time.monotonic() > end:
            raise SystemExit("not within a minute")
        time.sleep(0.1)


def process_cpu(process: int) -> float:
    """User and system seconds of a process so far."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def resident(process: int) -> float:
    """The most memory that a process had, MiB."""
    rows = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("VmHWM:")) / 1024


def main() -> int:
    """Measure, print, and say with the exit code whether the promise holds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--steady", type=int, metavar="SECONDS")
    parser.add_argument("--split", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        if chosen.steady:
            return steady(Path(directory), chosen.steady)
        if chosen.split:
            return split(Path(directory), chosen.lines)
        return beside_mtail(Path(directory), chosen.lines)


def beside_mtail(directory: Path, lines: int) -> int:
    """Lines a second of processor time of both."""
    mtail = find_program("mtail", package="mtail")
    log, empty, program = (directory / name for name in ("registry.log", "empty.log", "program.mtail"))
    write_lines(log, lines)
    write_lines(empty, 1)
    program.write_text(mtail_program())

    def theirs(file: Path) -> list[str]:
        return [str(mtail), "--one_shot", "--progs", str(program), "--logs", str(file)]

    os.environ["GOMAXPROCS"] = "1"
    ratios = []
    for _ in range(ROUNDS):
        a, b = cpu(ours(log)) - cpu(ours(empty)), cpu(theirs(log)) - cpu(theirs(empty))
        ratios.append(b / a)
        print(f"regobs {lines / a:>10,.0f} lines/s   mtail {lines / b:>10,.0f} lines/s   ratio {b / a:.1f}")
    ratio = sorted(ratios)[len(ratios) // 2]
    print(f"median ratio {ratio:.1f}, with namespaces and clients on our side only; promised: {GOAL}")
    return int(ratio < GOAL)


if __name__ == "__main__":
    sys.exit(main())
