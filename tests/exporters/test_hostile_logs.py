"""Lines that are meant to fill the log exporter."""

from __future__ import annotations

import re
import subprocess
import sys

from regobs.catalog import logs as metrics
from regobs.exporters.totals import ExporterInstruments
from tests.exporters.hostile_logs import SECRET, count

LINES = 30_000


def test_names_of_a_kind_have_bounded_series_whose_sum_is_exact() -> None:
    counter, odd = count(LINES)
    assert counter.totals.total(metrics.LINES) == LINES + odd
    assert counter.totals.value(metrics.LINES, ("access",)) == LINES
    assert counter.totals.total(metrics.NAMESPACE_REQUESTS) == LINES
    assert counter.totals.total(metrics.CLIENTS) == LINES
    text = ExporterInstruments(counter.all_totals).render().decode()
    assert sum(not line.startswith("#") for line in text.splitlines()) < 1_000
    assert SECRET not in text


def test_memory_stays_below_its_bound() -> None:
    command = [sys.executable, "-m", "tests.exporters.hostile_logs", str(LINES)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    found = re.search(r"([\d,]+) counted, \d+ series, (\d+) MiB", printed)
    assert found is not None, printed
    assert int(found[1].replace(",", "")) > LINES
    assert int(found[2]) < 256
