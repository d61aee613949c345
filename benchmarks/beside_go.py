"""Recording a request and answering a scrape, beside Go's client_golang with the same families, buckets and series.

`benchmarks/go_client` is built with the Go toolchain; both sides are measured in CPU time, in turns. Recording is all
six updates of one request; the scrape has about 4,800 lines in text format, once with every series changed since the
one before and once with none, whose lines are kept here. Goals: recording at most 1.6 times Go's time, a scrape at most
half of it. With every series changed it is 0.43 to 0.51 and held to 0.6; with none, 0.1. Exit code 1 when one is
missed; 0 with a word where there is no Go.

    python benchmarks/beside_go.py
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from regobs.catalog import http
from regobs.instrument import Instruments

RECORDING, ALL_CHANGED, NONE_CHANGED = 1.6, 0.6, 0.5
LINES = 4_800
ROUNDS = 5
CALLS = 100_000
SCRAPES = 50
HERE = Path(__file__).parent / "go_client"
Row = tuple[int, str, str]


def rows() -> list[Row]:
    """Codes, methods and words of routes."""
    return [
        (code, method, route)
        for code in (200, 401, 404, 202)
        for method in ("GET", "HEAD", "PUT", "PATCH")
        for route in ("manifest", "blob", "upload", "tags", "base")
    ]


def filled(chosen: list[Row]) -> Instruments:
    instruments = Instruments("gitlab")
    for code, method, route in chosen:
        instruments.http.begin(route)
        instruments.http.finish(route, method, code, 0.012, 812, 1_893, 0.011)
    return instruments


def recording(instruments: Instruments, chosen: list[Row]) -> float:
    """Nanoseconds of a request."""
    begin, finish = instruments.http.begin, instruments.http.finish
    five = chosen[:5]
    start = time.process_time_ns()
    for _ in range(CALLS // 5):
        for code, method, route in five:
            begin(route)
            finish(route, method, code, 0.012, 812, 1_893, 0.011)
    return (time.process_time_ns() - start) / CALLS


def scraping(instruments: Instruments, changing: list[Row]) -> float:
    """Nanoseconds of a scrape, before which each of these rows has had a request."""
    ran = 0
    for _ in range(SCRAPES):
        for code, method, route in changing:
            instruments.http.finish(route, method, code, 0.012, 812, 1_893, 0.011)
        start = time.process_time_ns()
        instruments.render()
        ran += time.process_time_ns() - start
    return ran / SCRAPES


def shared_input(instruments: Instruments, chosen: list[Row]) -> str:
    families = [
        {"name": family.name, "kind": str(family.metric.kind), "buckets": list(family.edges)}
        for family in instruments.families()
        if len(family.label_names) == 3 and family.metric.component == "http"
    ]
    words = http.ROUTE.words
    return json.dumps({"families": families, "rows": [[str(c), m.lower(), words[r]] for c, m, r in chosen]})


def main() -> int:
    if shutil.which("go") is None:
        print("no Go toolchain here: nothing to compare with")
        return 0
    chosen = rows()
    while filled(chosen).render().count(b"\n") > LINES:
        chosen.pop()
    instruments = filled(chosen)
    given = shared_input(instruments, chosen)
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "go_client"
        subprocess.run(["go", "build", "-o", program, "."], cwd=HERE, check=True)
        record, scrape, idle = [], [], []
        for _ in range(ROUNDS):
            found = json.loads(
                subprocess.run([program], input=given, capture_output=True, text=True, check=True).stdout
            )
            record.append((recording(instruments, chosen), found["record_ns"]))
            scrape.append((scraping(instruments, chosen), found["scrape_ns"]))
            idle.append((scraping(instruments, []), found["scrape_ns"]))
    lines = instruments.render().count(b"\n")
    print(f"series of {len(chosen)} label sets: {lines} lines here, {found['lines']} lines of client_golang")
    kept = True
    for name, pairs, goal in (
        ("six updates", record, RECORDING),
        ("a scrape, all changed", scrape, ALL_CHANGED),
        ("a scrape, none changed", idle, NONE_CHANGED),
    ):
        ratio = statistics.median(mine / theirs for mine, theirs in pairs)
        mine, theirs = (statistics.median(pair[side] for pair in pairs) / 1000 for side in (0, 1))
        kept = kept and ratio <= goal
        print(f"{name}: {mine:.2f} us here, {theirs:.2f} us in Go: {ratio:.2f} x (at most {goal:g})")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
