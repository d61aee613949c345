"""Numbers that panels show of series that promtool makes: those that their titles promise."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from regobs.grafana.outputs import panel_queries
from tests.pack.test_dashboards import CONFIGS, PACK
from tests.pack.test_tiles import case, own
from tests.slo.conftest import promtool_of

Json = dict[str, Any]
AT = "14m"
RUNS, ROWS = "registry_gc_runs_total", "registry_database_rows"
LATE = own(ROWS, 'query_name="gc_blob_review_queue_overdue"')
BLOBS = 'worker="registry.gc.worker.BlobWorker"'
IDLE, EARLY = (own(RUNS, f'{BLOBS}, noop="true", error="{error}", event=""') for error in ("false", "true"))
FAIL = own(RUNS, f'{BLOBS}, noop="false", error="true", event="blob_upload"')
WORK = own(RUNS, f'{BLOBS}, noop="false", error="false", event="blob_upload"')
GC, WAITING = "garbage-collection-detail", "registry_notifications_pending"
REDIS = {'redis_db_keys{instance="a", db="db0"}': "40x60", 'redis_db_keys{instance="b", db="db0"}': "40x60"}

# The series, the panel, and the values that one of its queries shows, whatever their labels.
NUMBERS: Mapping[str, tuple[Mapping[str, str], str, str, list[float]]] = {
    "all runs with a task fail": ({FAIL: "0+30x60"}, GC, "GC runs with a task", [2]),
    "their causes": ({FAIL: "0+30x60"}, GC, "GC runs with a task by cause", [2]),
    "all runs fail, 100 are overdue": (
        *({FAIL: "0+30x60", LATE: "100x60"}, GC, "Time to drain overdue GC tasks"),
        [604800],
    ),
    "of runs with a task half fail, and ten times as many are idle": (
        {FAIL: "0+30x60", WORK: "0+30x60", IDLE: "0+600x60"},
        *(GC, "GC runs failed, % of runs not idle"),
        [0.5],
    ),
    "a run that fails before it finds a task is not idle": (
        {EARLY: "0+30x60", WORK: "0+90x60", IDLE: "0+600x60"},
        *(GC, "GC runs failed, % of runs not idle"),
        [0.25],
    ),
    "no run fails": ({WORK: "0+30x60"}, GC, "GC runs failed, % of runs not idle", [0]),
    "one in 30 s is done, 100 are overdue": (
        *({WORK: "0+0.5x60", LATE: "100x60"}, GC, "Time to drain overdue GC tasks"),
        [3000],
    ),
    "the queue has grown by 6,000 an hour for a part of it": (
        *({LATE: "7x8 7+25x52"}, GC, "GC tasks overdue, change per hour"),
        [6000],
    ),
    "the same on another dashboard": (
        *({LATE: "7x8 7+25x52"}, "capacity", "GC tasks overdue, change per hour"),
        [6000],
    ),
    "two instances have an endpoint": (
        {
            own(WAITING, 'endpoint="e"'): "30x60",
            f'{WAITING}{{job="registry", instance="b", endpoint="e"}}': "40x60",
        },
        *("notifications-detail", "Notifications waiting"),
        [70],
    ),
    "a replica of Redis": (
        *({**REDIS, 'redis_master_link_up{instance="b"}': "1x60"}, "redis-detail", "Redis keys"),
        [40],
    ),
    "two primaries of Redis": (REDIS, "redis-detail", "Redis keys", [80]),
    "a standby of PostgreSQL": (
        {
            'pg_database_size_bytes{instance="a", datname="registry"}': "500x60",
            'pg_database_size_bytes{instance="b", datname="registry"}': "500x60",
            'pg_database_size_bytes{instance="a", datname="postgres"}': "7x60",
        },
        *("postgresql-detail", "Total database size"),
        [507],
    ),
}


def asked(dashboard: str, title: str, name: str = "", flavor: str = "gitlab") -> str:
    """The first query of a panel, or the one of a name, with every variable at `All`.

    It is over the shortest window that holds four scrapes.
    """
    queries = (one for one in panel_queries(PACK, CONFIGS[flavor]) if (one.dashboard, one.title) == (dashboard, title))
    text = next(one.text for one in queries if one.text and name in ("", one.name))
    return re.sub(r"\$\w+", ".*", text.replace("$__rate_interval", "1m"))


@pytest.mark.server
def test_panels_show_the_number_that_their_titles_promise(tmp_path: Path) -> None:
    tests = []
    for name, (series, dashboard, title, values) in NUMBERS.items():
        query = f"round(sum({asked(dashboard, title)}), 0.01)"
        samples = [{"labels": "{}", "value": value} for value in values]
        tests.append(case(name, series, [{"expr": query, "eval_time": AT, "exp_samples": samples}]))
    passes(tmp_path, tests)


@pytest.mark.server
def test_look_ups_of_distribution_3_that_are_neither_hits_nor_errors_are_misses(tmp_path: Path) -> None:
    counted = {"requests": "0+30x60", "hits": "0+15x60", "errors": "0+6x60"}
    series = {f'registry_storage_cache_{what}_total{{job="registry"}}': values for what, values in counted.items()}
    tests = []
    for name, value in {"Hit": 1, "Miss": 0.6, "Error": 0.4}.items():
        query = asked("storage-detail", "Blob descriptor cache look-ups by outcome", name, "distribution")
        samples = [{"labels": "{}", "value": value}]
        tests.append(case(name, series, [{"expr": f"round({query}, 0.01)", "eval_time": AT, "exp_samples": samples}]))
    passes(tmp_path, tests)


def passes(directory: Path, tests: list[Json]) -> None:
    """What promtool says of tests without rules."""
    file = directory / "numbers.test.yaml"
    file.write_text(json.dumps({"rule_files": [], "evaluation_interval": "15s", "tests": tests}))
    command = [str(promtool_of("debian")), "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
