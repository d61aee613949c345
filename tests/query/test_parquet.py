"""Parquet files of answers that come in pieces: memory does not grow with their number."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb

# Pieces of 50 series and 1,000 points, each made when it is asked for. It prints by how many KiB the memory of the
# process grew beyond what a tenth of them took: DuckDB itself, a piece, and the row groups that its writer holds.
_WRITE = """
import re, sys
from pathlib import Path
from regobs.prometheus.answers import QueryAnswer, RangeSeries
from regobs.query.parquet import write_parquet

def pieces(count):
    for number in range(count):
        times = [60.0 * point for point in range(number * 1000, number * 1000 + 1000)]
        points = [tuple((time, time + series) for time in times) for series in range(50)]
        yield QueryAnswer("matrix", ranges=tuple(RangeSeries({"code": str(n)}, p) for n, p in enumerate(points)))

def most():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

write_parquet(pieces(4), Path(sys.argv[1]))
before = most()
write_parquet(pieces(16), Path(sys.argv[1]))
print(most() - before)
"""
_HELD = 16 * 50_000 * (56 + 2 * 24)  # bytes of the points alone: a tuple and two numbers each


def test_memory_does_not_grow_with_the_pieces(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    done = subprocess.run(
        [sys.executable, "-c", _WRITE, str(file)], check=True, capture_output=True, text=True, timeout=120
    )
    assert int(done.stdout) * 1024 < _HELD / 3, done.stdout
    rows = duckdb.read_parquet(str(file))
    assert rows.aggregate("count(*), count(DISTINCT code)").fetchall() == [(16 * 50_000, 50)]
    with duckdb.connect() as database:
        groups = database.execute("SELECT max(row_group_id) + 1 FROM parquet_metadata($1)", [str(file)]).fetchall()
    assert groups[0][0] >= 5
