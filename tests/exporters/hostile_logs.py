"""Lines that are meant to fill the log exporter: `python -m tests.exporters.hostile_logs 1000000`.

Each line names a namespace and a client that no other line names; between them stand lines of a megabyte, text that is
no UTF-8, NULs and JSON that is nested very deeply. Prints how many lines were counted, how many series there are, and
the highest resident memory of the process.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from regobs.catalog import logs as metrics
from regobs.catalog.model import Flavor
from regobs.exporters.log_counts import LogCounter
from regobs.exporters.totals import ExporterInstruments
from regobs.logs.reading.wrapping import Unwrapper

SECRET = "hunter2-of-a-line"
_BLOCK = 5_000  # lines
_LINE = (
    '{"level":"info","msg":"access","method":"GET","uri":"/v2/space-%d/app/manifests/1?token='
    + SECRET
    + '","status":200,'
    '"duration_ms":5,"read_bytes":0,"written_bytes":10,"user_agent":"client%d/1.0"}'
)
_ODD = (
    b'{"level":"info","msg":"' + b"x" * (1 << 20) + b'"}',
    b'{"level":"info","msg":"\xff\xfe"}',
    b'{"level":"info","msg":"a\x00b"}',
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b"\x00" * 4096,
)


def blocks(lines: int) -> Iterator[list[bytes]]:
    """So many lines with names of their own, in blocks, each with the odd ones at its end."""
    for start in range(0, lines, _BLOCK):
        numbers = range(start, min(start + _BLOCK, lines))
        yield [*((_LINE % (number, number)).encode() for number in numbers), *_ODD]


def count(lines: int) -> tuple[LogCounter, int]:
    """Count them; the counter, and the number of odd lines."""
    counter, unwrapper, odd = LogCounter(Flavor.GITLAB), Unwrapper(), 0
    for block in blocks(lines):
        counter.count(block, unwrapper)
        odd += len(_ODD)
    return counter, odd


def main() -> None:
    """Print the figures."""
    counter, odd = count(int(sys.argv[1]))
    text = ExporterInstruments(counter.all_totals).render().decode()
    series = sum(not line.startswith("#") for line in text.splitlines())
    [peak] = re.findall(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    megabytes = int(peak) / 1024  # `getrusage` would count what the process was before it became this program
    counted = counter.totals.total(metrics.LINES)
    print(f"{int(sys.argv[1]):,} lines, {odd:,} odd ones: {counted:,} counted, {series:,} series, {megabytes:.0f} MiB")


if __name__ == "__main__":
    main()
