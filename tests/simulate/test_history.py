"""History: valid OpenMetrics, what live scrapes would have seen, nothing half-written; and promtool takes it."""

from __future__ import annotations

import re
import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from regobs.common.programs import find_program
from regobs.errors import MachineError
from regobs.simulate import Fault, Fleet, Plan, Schedule
from regobs.simulate.history import Estimate, History, estimate
from regobs.simulate.reading import selectors_for

START = 1_795_000_000.0


def history(*faults: str, seconds: int = 60, pods: int = 2, processes: int = 1, **choice: Any) -> History:
    plan = Plan(pods=pods, rate=1, start=START, warm=30, faults=Schedule(map(Fault.parse, faults)))
    return History(plan, seconds // 15, processes=processes, **choice)


def test_the_samples_of_a_family_stand_together_in_the_order_of_time(tmp_path: Path) -> None:
    made = history()
    made.write(tmp_path / "h.om")
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


Samples = dict[tuple[str, float], float]
Lines = list[tuple[str, float, float]]  # series, value, time


def lines(path: Path) -> Lines:
    rows = (line.rsplit(" ", 2) for line in path.read_text().splitlines() if not line.startswith("#"))
    return [(series, float(value), float(time)) for series, value, time in rows]


def read(path: Path) -> Samples:
    found = {(series, time): value for series, value, time in lines(path)}
    assert len(found) == len(lines(path))
    return found


def scraped(plan: Plan, seconds: int) -> Samples:
    """What a server would have stored that scraped the same fleet every 15 seconds."""
    fleet, found = Fleet(plan), {}
    for _ in range(seconds // 15):
        fleet.advance(15)
        for pod in fleet.pods:
            target = f'instance="{pod.name}:5001",job="registry"'
            found[f"up{{{target}}}", fleet.time] = float(pod.up)
            text = pod.render(openmetrics=True).decode() if pod.up else ""
            for line in text.splitlines():
                if not line.startswith("#"):
                    name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()  # type: ignore[union-attr]
                    own = "," + re.sub(r"\binstance=", "exported_instance=", labels) if labels else ""
                    found[f"{name}{{{target}{own}}}", fleet.time] = float(value)
    return found


def test_every_moment_is_a_valid_exposition(tmp_path: Path) -> None:
    for chosen in (None, selectors_for(Plan(), ["slo"], ["registry_gc_runs_total"])):
        made = history(pods=2, wanted=chosen)
        made.write(tmp_path / "h.om")
        text = (tmp_path / "h.om").read_text().splitlines()
        count = 0
        for time in range(int(START) + 15, int(START) + 75, 15):
            moment = [line for line in text if line.startswith("#") or line.endswith(f" {time}")]
            families = text_string_to_metric_families("\n".join(moment) + "\n")  # type: ignore[no-untyped-call]
            count += sum(len(family.samples) for family in families)
        assert count == made.samples


def test_the_moments_of_a_series_and_the_lines_of_a_histogram_stand_together(tmp_path: Path) -> None:
    history(pods=2).write(tmp_path / "h.om")
    before: tuple[str, float] | None = None
    done = set[str]()
    for series, _, time in lines(tmp_path / "h.om"):
        group = re.sub(r"_(bucket|sum|count)\{", "{", re.sub(r",(le|quantile)=\"[^\"]*\"", "", series))
        if before is not None and before[0] == group:
            assert time >= before[1]
        else:
            assert group not in done
            done.add(group)
        before = group, time


def test_a_history_holds_what_scrapes_of_the_same_fleet_would_have_seen(tmp_path: Path) -> None:
    made = history("crash-loop@0+5m", seconds=180)
    made.write(tmp_path / "h.om")
    found, expected = read(tmp_path / "h.om"), scraped(made.plan, 180)
    assert found == expected
    assert len(found) == made.samples > 40_000


def test_what_is_chosen_is_the_same_as_in_the_whole(tmp_path: Path) -> None:
    chosen = selectors_for(Plan(), ["slo"], ["registry_gc_runs_total", "registry_redis_single_commands"])
    made = history(seconds=120, wanted=chosen)
    made.write(tmp_path / "h.om")
    found, expected = read(tmp_path / "h.om"), scraped(made.plan, 120)
    assert found.items() <= expected.items()
    names = {series.partition("{")[0] for series, _ in found}
    assert names == {
        *("up", "registry_http_requests_total"),
        *("registry_http_request_duration_seconds_bucket", "registry_http_request_duration_seconds_count"),
        *("registry_storage_action_seconds_bucket", "registry_storage_action_seconds_count"),
        *("registry_database_query_duration_seconds_bucket", "registry_database_query_duration_seconds_count"),
        *("registry_database_lb_targets_total", "registry_storage_urlcache_requests_total"),
        *("registry_notifications_delivery_total", "registry_notifications_total_latency_seconds_bucket"),
        *("registry_notifications_total_latency_seconds_count", "registry_database_rows"),
        *("registry_bbm_job_duration_seconds_bucket", "registry_bbm_job_duration_seconds_count"),
        *("registry_gc_runs_total", "registry_redis_single_commands_bucket"),
        *("registry_redis_single_commands_sum", "registry_redis_single_commands_count"),
    }
    for whole in ("up", "registry_gc_runs_total", "registry_redis_single_commands_bucket"):
        assert {key for key in found if key[0].startswith(f"{whole}{{")} == {
            key for key in expected if key[0].startswith(f"{whole}{{")
        }


@pytest.mark.parametrize("dashboards", [(), ("slo",)], ids=["all", "slo"])
def test_the_text_does_not_depend_on_the_number_of_processes(tmp_path: Path, dashboards: tuple[str, ...]) -> None:
    chosen = selectors_for(Plan(), dashboards, []) if dashboards else None
    for processes in (1, 2):
        history(pods=3, processes=processes, wanted=chosen).write(tmp_path / str(processes))
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_a_step_of_half_a_second_has_its_times(tmp_path: Path) -> None:
    plan = Plan(pods=1, rate=1, start=START, warm=30)
    History(plan, 3, step=0.5, processes=1, wanted=selectors_for(plan, [], ["go_threads"])).write(tmp_path / "h.om")
    assert sorted({time for _, time in read(tmp_path / "h.om")}) == [START + 0.5, START + 1, START + 1.5]


def test_every_sample_has_its_target_and_a_label_instance_is_renamed(tmp_path: Path) -> None:
    history(pods=1, seconds=15).write(tmp_path / "h.om")
    samples = [line for line in (tmp_path / "h.om").read_text().splitlines() if not line.startswith("#")]
    assert all(re.match(r'[a-z_]+\{instance="registry-0:5001",job="registry"[,}]', line) for line in samples)
    redis = [line for line in samples if line.startswith("registry_redis_pool_stats_hits")]
    assert all(',exported_instance="' in line for line in redis)
    assert len(redis) == 3


def test_a_pod_that_is_away_leaves_only_up(tmp_path: Path) -> None:
    history("crash-loop@0+5m", seconds=120).write(tmp_path / "h.om")
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
        history().write(file, fail)
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_may_not_grow_is_one_error_and_leaves_nothing(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # as on a full disk: a part is written, then no more
    try:
        with pytest.raises(MachineError, match="cannot be written"):
            history().write(tmp_path / "h.om")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.server
def test_promtool_makes_blocks_of_it(tmp_path: Path) -> None:
    try:
        promtool = find_program("promtool", package="prometheus")
    except MachineError as error:
        pytest.skip(str(error))
    made = history("crash-loop@0+5m", seconds=300)
    made.write(tmp_path / "h.om")
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


def test_an_estimate_is_near_what_is_written(tmp_path: Path) -> None:
    plan = Plan(pods=2, rate=2, start=1_795_000_000.0, warm=300)
    history = History(plan, 480, wanted=selectors_for(plan, ["slo"], []), processes=1)
    expected = estimate(history)
    size = history.write(tmp_path / "h.om")
    assert expected.size == pytest.approx(size, rel=0.2)
    assert expected.samples == pytest.approx(history.samples, rel=0.2)
    assert expected.series == pytest.approx(history.samples / 960, rel=0.2)
    assert "samples" in str(expected)


def test_what_does_not_fit_on_the_disk_is_not_begun(tmp_path: Path) -> None:
    Estimate(1, 1, 1, 1.0).check(tmp_path)
    with pytest.raises(MachineError, match="does not fit"):
        Estimate(1, 1, 10**18, 1.0).check(tmp_path)
