"""Querying log files: `regobs logs run` beside DuckDB used directly and pandas, on a million access lines.

Three questions: requests by status, the exact 95th percentile of the duration by method, and the ten namespaces with
the most bytes. The first rival is one pass of DuckDB that reads the five columns that the questions need, and neither
counts what is malformed nor knows the names of other generations; ours reads fifteen and does both. The second rival is
`pandas.read_json`, all columns. All must give the same numbers, and ours the number of malformed lines.

Each measurement is a process of its own with the file in the page cache, its time that of the call, in which the
database or pandas is imported. Rounds are in turns and a ratio is that of one round, told as the median and the range:
other programs share the machine, which the CPU time of all threads shows less than the time on the wall.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from regobs.logs.duckdb.cache import Place
from regobs.logs.duckdb.run import run_all
from regobs.logs.saved import read_query
from regobs.logs.trace import trace

LINES = 1_000_000
MALFORMED = 10
ROUNDS = 7
SLOW_ROUNDS = 3
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
    """What one process did: seconds of the call on the wall and of CPU, MiB at most, and what it found."""

    seconds: float
    cpu: float
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
    return Measured(data["seconds"], data["cpu"], used.ru_maxrss / 1024, data["found"])


def told(title: str, runs: list[Measured]) -> None:
    """Print the medians of what some runs took, and the most memory that one took."""
    seconds, cpu = (statistics.median(run[place] for run in runs) for place in (0, 1))
    most = max(run.mebibytes for run in runs)
    print(f"{title:26} {seconds:7.2f} s {cpu:7.2f} s of CPU {most:6.0f} MiB")


def compared_by(title: str, pairs: list[tuple[float, float]]) -> None:
    """Print the median and the range of the ratios of pairs."""
    ratios = sorted(one / other for one, other in pairs)
    print(f"{title:26} {statistics.median(ratios):7.2f} (rounds: {ratios[0]:.2f} to {ratios[-1]:.2f})")


def compared(path: Path, clean: Path) -> None:
    """Print what each took and found."""
    rounds = [(measured("ours", path), measured("one pass", path)) for _ in range(ROUNDS)]
    slow = [(measured("ours", clean), measured("pandas", clean)) for _ in range(SLOW_ROUNDS)]
    copying = [measured("copying", path)]
    again = [measured("from the copy", path) for _ in range(ROUNDS)]
    traces = [measured("trace", path) for _ in range(ROUNDS)]
    numbers = rounds[0][1].found
    assert all(mine.found == [*numbers, MALFORMED] and rival.found == numbers for mine, rival in rounds)
    assert all(mine.found == [*numbers, 0] and rival.found == numbers for mine, rival in slow)
    assert all(run.found == [*numbers, MALFORMED] for run in (*copying, *again))
    assert all(len(run.found) == 1 for run in traces)
    told("three queries: ours", [mine for mine, _ in rounds])
    told("three queries: one pass", [rival for _, rival in rounds])
    told("three queries: pandas", [rival for _, rival in slow])
    compared_by("ours / one pass", [(mine.seconds, rival.seconds) for mine, rival in rounds])
    compared_by("ours / one pass, CPU", [(mine.cpu, rival.cpu) for mine, rival in rounds])
    least = [min(run[place].cpu for run in rounds) for place in (0, 1)]  # what other programs disturbed least
    print(f"{'ours / one pass, least CPU':26} {least[0] / least[1]:7.2f}")
    compared_by("pandas / ours", [(rival.seconds, mine.seconds) for mine, rival in slow])
    told("with a new Parquet copy", copying)
    told("from the Parquet copy", again)
    told("trace of one request", traces)


def main() -> None:
    """Measure one way, in a process of its own, or all of them."""
    if len(sys.argv) == 3:
        started, worked = time.perf_counter(), time.process_time()
        found = WAYS[sys.argv[1]](sys.argv[2])
        took = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - worked}
        print(json.dumps({**took, "found": found}))
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
