"""Querying log files: `regobs logs run` beside DuckDB used directly and pandas, on a million access lines.

Three questions: requests by status, the exact 95th percentile of the duration by method, and the ten namespaces with
the most bytes. The first rival is one pass of DuckDB over typed columns that answers all three and does not count what
is malformed, the second `pandas.read_json`. Each measurement is a process of its own with the file in the page cache;
the seconds are those of the call, imports aside, best of several rounds in turns: other programs share the machine.
All must give the same numbers, and ours the number of malformed lines.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from regobs.logs.cache import Place
from regobs.logs.duckdb_run import run_all
from regobs.logs.saved import read_query
from regobs.logs.trace import trace

LINES = 1_000_000
MALFORMED = 10
ROUNDS = 5
QUERIES = (
    "title: by status\ngroup: {status: {terms: status}}\nmetrics: {requests: count}\n",
    """title: durations
group: {method: {terms: method}}
metrics: {p95: {percentile: {field: duration_ms, percent: 95}}}
""",
    """title: namespaces
group: {namespace: {terms: {field: uri, part: 2}}}
metrics: {bytes: {sum: written_bytes}}
order: {bytes: desc}
limit: 10
""",
)
WANTED = "01M84100000000000000777777"
Rows = list[list[Any]]


class Measured(NamedTuple):
    """What one process did: seconds of the call, MiB at most, and what it found."""

    seconds: float
    mebibytes: float
    found: Any


def write(path: Path, count: int) -> None:
    """Access lines of about 550 bytes, with a broken one after each tenth of them."""
    source = random.Random(42)  # noqa: S311 - repeatable, nothing secret
    groups = source.choices(range(400), [1 / (rank + 1) for rank in range(400)], k=count)
    methods = source.choices(["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"], [60, 20, 8, 6, 5, 1], k=count)
    statuses = source.choices([200, 307, 401, 404, 201, 202, 500], [50, 20, 12, 8, 5, 4, 1], k=count)
    with path.open("w", buffering=1 << 20) as file:
        for at in range(count):
            took, written = int(source.expovariate(1 / 30)), int(source.paretovariate(0.6) * 1000) % (1 << 31)
            address = f"10.{at % 7}.{at % 250}.{at % 241}"
            file.write(
                f'{{"content_type":"application/octet-stream","correlation_id":"01M841{at:020d}","duration_ms":{took},'
                f'"host":"registry.example.com","level":"info","method":"{methods[at]}","msg":"access",'
                f'"proto":"HTTP/1.1","read_bytes":{221 + at % 50},"referrer":"","remote_addr":"{address}:{at % 60000}",'
                f'"remote_ip":"{address}","status":{statuses[at]},"system":"http","time":"2026-11-23T'
                f'{at // 3600 % 24:02d}:{at // 60 % 60:02d}:{at % 60:02d}.{at % 1000:03d}Z","ttfb_ms":{took // 2},'
                f'"uri":"/v2/group{groups[at]}/project{at % 9}/blobs/sha256:{source.getrandbits(256):064x}",'
                f'"user_agent":"containers/5.34 (github.com/containers/image)","written_bytes":{written}}}\n'
            )
            if at % (count // MALFORMED) == 0:
                file.write('{"status": 4\n')


def ours(path: str, cache: Place | None = None) -> Any:
    """The three answers, and the lines that were malformed."""
    answers = run_all([read_query(text, "", name=text) for text in QUERIES], [path], cache=cache)
    return [*([list(row) for row in answer.rows] for answer in answers), answers[0].malformed]


def one_pass(path: str) -> Any:
    """The three answers from one scan with grouping sets, as a person who knows DuckDB would ask for them."""
    import duckdb  # noqa: PLC0415 - not what the other processes pay for

    columns = "{status: 'BIGINT', method: 'VARCHAR', duration_ms: 'BIGINT', uri: 'VARCHAR', written_bytes: 'BIGINT'}"
    rows = (
        duckdb.connect()
        .execute(
            f"""SELECT grouping_id(status, method, name), status, method, name, count(*),
            quantile_cont(duration_ms, 0.95), sum(written_bytes)
            FROM (SELECT *, split_part(uri, '/', 3) AS name
                  FROM read_ndjson($1, columns={columns}, ignore_errors=true))
            GROUP BY GROUPING SETS ((status), (method), (name))""",  # noqa: S608 - constants
            [path],
        )
        .fetchall()
    )
    named = [row for row in rows if row[0] == 6 and row[3] is not None]
    return [
        sorted([row[1], row[4]] for row in rows if row[0] == 3 and row[1] is not None),
        sorted([row[2], row[5]] for row in rows if row[0] == 5 and row[2] is not None),
        sorted(([row[3], int(row[6])] for row in named), key=lambda row: (-row[1], row[0]))[:10],
    ]


def with_pandas(path: str) -> Any:
    """The three answers from a data frame. It stops at a broken line, so those are taken out first, unmeasured."""
    import pandas as pd  # noqa: PLC0415 - as above

    frame = pd.read_json(path, lines=True)
    names = frame["uri"].str.split("/").str[2]
    status, took = frame["status"].value_counts(), frame.groupby("method")["duration_ms"].quantile(0.95)
    size = frame.groupby(names)["written_bytes"].sum().sort_values(ascending=False).head(10)
    return [
        sorted([int(str(key)), int(value)] for key, value in status.items()),
        sorted([str(key), float(value)] for key, value in took.items()),
        [[str(key), int(value)] for key, value in size.items()],
    ]


def traced(path: str) -> Any:
    """The line of one request among a million."""
    return [event.record["duration_ms"] for event in trace(WANTED, [path]).events]


WAYS: dict[str, Callable[[str], Any]] = {
    "ours": ours,
    "one pass": one_pass,
    "pandas": with_pandas,
    "copying": lambda path: ours(path, Place.BESIDE),
    "from the copy": lambda path: ours(path, Place.BESIDE),
    "trace": traced,
}


def measured(way: str, path: Path) -> Measured:
    """Do it once in a process of its own."""
    process = subprocess.Popen([sys.executable, __file__, way, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    out = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, way
    data = json.loads(out)
    return Measured(data["seconds"], used.ru_maxrss / 1024, data["found"])


def best(runs: list[Measured]) -> Measured:
    """The fastest, with the most memory that one took."""
    first = min(runs)
    return Measured(first.seconds, max(run.mebibytes for run in runs), first.found)


def compared(path: Path, clean: Path) -> None:
    """Print what each took and found."""
    rounds = [(measured("one pass", path), measured("ours", path)) for _ in range(ROUNDS)]
    rival, mine = (best([one[place] for one in rounds]) for place in (0, 1))
    assert mine.found == [*rival.found, MALFORMED]
    pandas = measured("pandas", clean)
    assert pandas.found == rival.found
    print(f"three queries: ours        {mine.seconds:7.2f} s {mine.mebibytes:7.0f} MiB, {MALFORMED} malformed lines")
    print(f"three queries: one pass    {rival.seconds:7.2f} s {rival.mebibytes:7.0f} MiB")
    print(f"three queries: pandas      {pandas.seconds:7.2f} s {pandas.mebibytes:7.0f} MiB")
    ratios = sorted(one[1].seconds / one[0].seconds for one in rounds)
    told = f"(rounds: {ratios[0]:.2f} to {ratios[-1]:.2f})"
    print(f"ours / one pass            {mine.seconds / rival.seconds:7.2f}    {told}")
    print(f"pandas / ours              {pandas.seconds / mine.seconds:7.1f}")
    copying = measured("copying", path)
    again = best([measured("from the copy", path) for _ in range(ROUNDS)])
    assert copying.found == again.found == mine.found
    print(f"with a new Parquet copy    {copying.seconds:7.2f} s {copying.mebibytes:7.0f} MiB")
    print(f"from the Parquet copy      {again.seconds * 1000:7.0f} ms {again.mebibytes:6.0f} MiB")
    one = best([measured("trace", path) for _ in range(ROUNDS)])
    assert len(one.found) == 1
    print(f"trace of one request       {one.seconds:7.2f} s {one.mebibytes:7.0f} MiB")


def main() -> None:
    """Measure one way, in a process of its own, or all of them."""
    if len(sys.argv) == 3:
        started = time.perf_counter()
        found = WAYS[sys.argv[1]](sys.argv[2])
        print(json.dumps({"seconds": time.perf_counter() - started, "found": found}))
        return
    with tempfile.TemporaryDirectory() as folder:
        path, clean = Path(folder) / "access.log", Path(folder) / "clean.log"
        write(path, LINES)
        print(f"{LINES:,} lines, {path.stat().st_size / 1e6:.0f} MB")
        with path.open("rb") as lines, clean.open("wb") as file:
            file.writelines(line for line in lines if line.endswith(b"}\n"))
        compared(path, clean)


if __name__ == "__main__":
    main()
