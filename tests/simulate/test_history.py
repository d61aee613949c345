"""History: valid OpenMetrics, times in order, one block a family, nothing half-written; and promtool takes it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from regobs.demo.processes import find_program
from regobs.errors import MachineError
from regobs.simulate import Fault, Fleet, Plan, Schedule
from regobs.simulate.history import History

START = 1_795_000_000.0


def history(*faults: str, pods: int = 2) -> History:
    return History(Fleet(Plan(pods=pods, rate=1, start=START, warm=30, faults=Schedule(map(Fault.parse, faults)))))


def test_the_samples_of_a_family_stand_together_in_the_order_of_time(tmp_path: Path) -> None:
    made = history()
    made.write(tmp_path / "h.om", 60)
    lines = (tmp_path / "h.om").read_text().splitlines()
    assert lines[-1] == "# EOF"
    # With its kind: without `_total` the counter go_memstats_alloc_bytes_total is called like the gauge beside it.
    kinds = [line for line in lines if line.startswith("# TYPE")]
    assert len(kinds) == len(set(kinds)) > 100
    samples = [line for line in lines if not line.startswith("#")]
    assert len(samples) == made.samples
    times: dict[str, list[float]] = {}
    for line in samples:
        series, _, time = line.rsplit(" ", 2)
        times.setdefault(series, []).append(float(time))
    assert all(found == sorted(set(found)) for found in times.values())
    assert times['up{instance="registry-0:5001",job="registry"}'] == [START + 15 * n for n in range(1, 5)]


def test_every_sample_has_its_target_and_a_label_instance_is_renamed(tmp_path: Path) -> None:
    history(pods=1).write(tmp_path / "h.om", 15)
    samples = [line for line in (tmp_path / "h.om").read_text().splitlines() if not line.startswith("#")]
    assert all(re.match(r'[a-z_]+\{instance="registry-0:5001",job="registry"[,}]', line) for line in samples)
    redis = [line for line in samples if line.startswith("registry_redis_pool_stats_hits")]
    assert all(',exported_instance="' in line for line in redis)
    assert len(redis) == 3


def test_a_pod_that_is_away_leaves_only_up(tmp_path: Path) -> None:
    history("crash-loop@0+5m").write(tmp_path / "h.om", 120)
    text = (tmp_path / "h.om").read_text()
    away = re.findall(r'^up\{instance="registry-1:5001",job="registry"\} 0 (\d+)$', text, re.MULTILINE)
    assert away
    scraped = re.findall(r'^go_threads\{instance="registry-1:5001",job="registry"\} \S+ (\d+)$', text, re.MULTILINE)
    assert scraped
    assert not set(away) & set(scraped)


def test_what_was_there_stays_when_writing_fails(tmp_path: Path) -> None:
    file = tmp_path / "h.om"
    file.write_text("before")

    def fail(share: float) -> None:
        raise KeyboardInterrupt(share)

    with pytest.raises(KeyboardInterrupt):
        history().write(file, 60, fail)
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.server
def test_promtool_makes_blocks_of_it(tmp_path: Path) -> None:
    try:
        promtool = find_program("promtool", package="prometheus")
    except MachineError as error:
        pytest.skip(str(error))
    made = history("crash-loop@0+5m")
    made.write(tmp_path / "h.om", 300)
    command = [
        str(promtool),
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "--max-block-duration=24h",
        str(tmp_path / "h.om"),
    ]
    done = subprocess.run([*command, str(tmp_path / "data")], capture_output=True, text=True, check=True, timeout=60)
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert sum(int(row[4]) for row in rows) == made.samples
