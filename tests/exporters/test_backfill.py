"""The history of logs that are written already, as Prometheus imports it."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from regobs.catalog.model import Flavor
from regobs.errors import InputError
from regobs.exporters.backfill import backfill

START = datetime(2026, 11, 25, 10, tzinfo=UTC)


def line(second: float, **fields: object) -> str:
    at = (START + timedelta(seconds=second)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    record = {"level": "info", "msg": "access", "method": "GET", "uri": "/v2/a/b/manifests/1", "status": 200}
    return json.dumps({"time": at, **record, "duration_ms": 5, "written_bytes": 10, "read_bytes": 0, **fields}) + "\n"


def history(*files: Path, step: int = 60) -> str:
    return "".join(backfill([str(file) for file in files], Flavor.GITLAB, 10, (), step))


def samples(text: str, name: str) -> list[tuple[float, float]]:
    """Seconds after the start and value of each sample of the one series of a name."""
    rows = [re.fullmatch(rf"{name}(?:\{{[^}}]*\}})? (\S+) (\d+)", row) for row in text.splitlines()]
    return [(int(row[2]) - START.timestamp(), float(row[1])) for row in rows if row]


def write(path: Path, *lines: str) -> Path:
    data = "".join(lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_each_step_shows_what_was_counted_until_then(tmp_path: Path) -> None:
    file = write(tmp_path / "r.log", line(1), line(59.999), line(60), line(200))
    assert samples(history(file), "registry_log_lines_total") == [(0, 0), (60, 2), (120, 3), (180, 3), (240, 4)]


def test_rotated_files_are_read_in_the_order_of_their_times(tmp_path: Path) -> None:
    late = write(tmp_path / "a.log", line(70))
    early = write(tmp_path / "b.log.gz", line(10), line(20))
    assert samples(history(late, early), "registry_log_lines_total") == [(0, 0), (60, 2), (120, 3)]


def test_a_series_that_begins_later_counted_zero_a_step_before(tmp_path: Path) -> None:
    file = write(tmp_path / "r.log", line(1, uri="/v2/"), line(130), line(190))
    assert samples(history(file), "registry_log_namespace_seconds_total") == [(120, 0), (180, 0.005), (240, 0.01)]


def test_a_line_without_time_counts_where_it_stands(tmp_path: Path) -> None:
    file = write(tmp_path / "r.log", line(1), "no line of a registry\n", line(90))
    text = history(file)
    malformed = [row for row in text.splitlines() if row.startswith('registry_log_lines_total{kind="malformed"}')]
    assert [row.split()[1:] for row in malformed] == [
        ["0", f"{START.timestamp():.0f}"],
        ["1", f"{START.timestamp() + 60:.0f}"],
        ["1", f"{START.timestamp() + 120:.0f}"],
    ]


def test_files_without_a_time_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no line has a time"):
        history(write(tmp_path / "r.log", "x\n"))


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool")
def test_prometheus_imports_the_history_with_every_value(tmp_path: Path) -> None:
    file = write(tmp_path / "r.log", *(line(second) for second in range(0, 7_200, 10)))
    (tmp_path / "history.om").write_text(history(file), encoding="utf-8")
    blocks = tmp_path / "blocks"
    for words in (
        ["create-blocks-from", "openmetrics", str(tmp_path / "history.om"), str(blocks)],
        ["dump", str(blocks)],
    ):
        if words[0] == "dump":
            (blocks / "wal").mkdir()  # a database that was never written to has none, and is not read without
        done = subprocess.run(["promtool", "tsdb", *words], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
    rows = [row.split() for row in done.stdout.splitlines() if '__name__="registry_log_lines_total"' in row]
    assert {float(row[-2]) for row in rows} == {6.0 * minute for minute in range(121)}
