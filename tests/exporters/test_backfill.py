"""The history of logs that are written already, as Prometheus imports it."""

from __future__ import annotations

import gzip
import io
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
    return "".join(backfill([str(file) for file in files], Flavor.GITLAB, 10, (), step)[0])


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


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z"])
def test_a_time_before_1970_is_none(tmp_path: Path, time: str) -> None:
    file = write(tmp_path / "r.log", line(1), line(2, time=time), line(70))
    assert samples(history(file), "registry_log_lines_total") == [(0, 0), (60, 2), (120, 3)]


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
        history(write(tmp_path / "r.log", 'x\n{"msg":"a"}\n'))


def test_logs_of_several_instances_count_at_the_times_of_their_lines(tmp_path: Path) -> None:
    first = write(tmp_path / "a.log", line(1), line(61), line(121), line(122))
    second = write(tmp_path / "b.log.gz", line(2), line(62), line(63))
    third = write(tmp_path / "c.log", line(130), line(190))
    assert samples(history(third, first, second), "registry_log_lines_total") == [
        *((0, 0), (60, 2), (120, 5), (180, 8), (240, 9))
    ]


def test_parts_of_lines_belong_to_those_of_their_own_file(tmp_path: Path) -> None:
    def halves(second: float) -> list[str]:
        text, at = line(second).rstrip("\n"), (START + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")
        return [f"{at} stdout P {text[:40]}\n", f"{at} stdout F {text[40:]}\n"]

    files = [write(tmp_path / f"{at}.log", *halves(at), *halves(70)) for at in (1, 2)]
    assert samples(history(*files), "registry_log_lines_total") == [(0, 0), (60, 2), (120, 4)]


def test_the_lines_of_a_pipe_count_beside_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "r.log", line(1), line(61))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((line(2) + line(125)).encode())))
    text = "".join(backfill([str(file), "-"], Flavor.GITLAB, 10, (), 60)[0])
    assert samples(text, "registry_log_lines_total") == [(0, 0), (60, 2), (120, 3), (180, 4)]


@pytest.mark.parametrize("jump", [86_400 * 365 * 70, 86_400 * 3.0, -86_400 * 365 * 50, 86_400 * 365 * 7000])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_time_that_no_other_line_has_moves_none(tmp_path: Path, place: int, jump: float) -> None:
    rows = [line(1), line(2), line(61)]
    rows.insert(place, line(0).replace("2026-11-25", (START + timedelta(seconds=jump)).strftime("%Y-%m-%d")))
    found = samples(history(write(tmp_path / "r.log", *rows)), "registry_log_lines_total")
    assert found == [(0, 0), (60, 3), (120, 4)]


def test_a_jump_that_the_next_line_has_too_is_believed_and_the_time_between_has_no_samples(tmp_path: Path) -> None:
    later = 3 * 86_400 + 30
    file = write(tmp_path / "r.log", line(1), line(later), line(later + 60))
    assert samples(history(file), "registry_log_lines_total") == [
        *((0, 0), (60, 1), (later - 30, 1), (later + 30, 2), (later + 90, 3))
    ]


def test_a_quiet_day_has_a_sample_at_each_step(tmp_path: Path) -> None:
    file = write(tmp_path / "r.log", line(1), line(86_399))
    assert len(samples(history(file, step=3600), "registry_log_lines_total")) == 25


def test_a_step_may_be_longer_than_a_day(tmp_path: Path) -> None:
    file = write(tmp_path / "r.log", line(1), line(86_400 * 2.0 + 1), line(86_400 * 2.0 + 2))
    rows = samples(history(file, step=2 * 86_400), "registry_log_lines_total")
    assert [value for _, value in rows] == [0, 1, 3]


def test_a_future_line_that_stands_last_is_none_of_this_history(tmp_path: Path) -> None:
    file = write(tmp_path / "r.log", line(1), line(2).replace("2026", "2199"))
    assert samples(history(file), "registry_log_lines_total") == [(0, 0), (60, 2)]


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
