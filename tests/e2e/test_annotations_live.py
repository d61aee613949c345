"""The marks for versions and starts on a real Prometheus: there when something changed, and nowhere else."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from regobs.catalog import build_info, process
from regobs.catalog.model import Flavor
from regobs.common.programs import Supervisor, find_program
from regobs.config import Config
from regobs.demo import servers
from regobs.grafana.annotations import time_marks
from regobs.grafana.variables import Variables
from regobs.prometheus import Prometheus
from tests.e2e.conftest import require
from tests.e2e.test_panels_live import as_asked

pytestmark = pytest.mark.server

CONFIG = Config(flavor=Flavor.GITLAB)
MINUTE = 60
OLD, NEW = "4.31.0", "4.32.0"
SCRAPES = range(120)  # minutes from the first sample on; there is one a minute
GAP = range(20, 28)  # nothing is scraped
ROLLOUT = {"registry-0": 50, "registry-1": 53}  # the minute of each pod's new version
ROLLBACK = 90  # the minute in which both go back
RECENT = 10  # minutes that a mark is as wide as

Marks = dict[str, list[int]]


def version_of(pod: str, minute: int) -> str:
    return NEW if ROLLOUT[pod] <= minute < ROLLBACK else OLD


def started(pod: str, minute: int) -> int:
    return max(since for since in (-1000, ROLLOUT[pod], ROLLBACK) if since <= minute)


def history(begin: int) -> str:
    """The two families of two pods as OpenMetrics."""
    builds, starts = [], []
    for pod in ROLLOUT:
        for minute in SCRAPES:
            if minute not in GAP:
                at = begin + minute * MINUTE
                target = f'job="registry",instance="{pod}:5001"'
                builds.append(f'{build_info.BUILD}{{{target},version="{version_of(pod, minute)}"}} 1 {at}')
                starts.append(f"{process.START_TIME}{{{target}}} {begin + started(pod, minute) * MINUTE} {at}")
    families = ((build_info.BUILD, builds), (process.START_TIME, starts))
    return (
        "".join(f"# TYPE {name} gauge\n" + "".join(f"{row}\n" for row in rows) for name, rows in families) + "# EOF\n"
    )


@pytest.fixture(scope="module")
def marks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Marks]]:
    """The minutes of each series of each mark, asked as Grafana asks over the whole time."""
    require("prometheus", package="prometheus")
    folder: Path = tmp_path_factory.mktemp("marks")
    begin = (int(time.time()) - len(SCRAPES) * MINUTE) // MINUTE * MINUTE
    (folder / "history.om").write_text(history(begin))
    promtool = find_program("promtool", package="prometheus")
    command: list[str | Path] = [promtool, "tsdb", "create-blocks-from", "openmetrics"]
    subprocess.run([*command, folder / "history.om", folder / "blocks"], check=True, capture_output=True)
    with Supervisor() as supervisor:
        server = servers.prometheus(supervisor, {"scrape_configs": []}, data=folder / "blocks")
        with Prometheus(server.url) as prometheus:

            def minutes(text: str) -> Marks:
                end = begin + SCRAPES[-1] * MINUTE
                found = prometheus.query_range(as_asked(text), begin, end, MINUTE).ranges
                return {
                    one.labels.get("version", ""): [round((at - begin) / MINUTE) for at, _ in one.points]
                    for one in found
                }

            yield {
                mark["name"]: minutes(mark["expr"])
                for mark in time_marks(CONFIG, Variables.of(CONFIG))
                if "expr" in mark
            }


def test_a_version_is_marked_when_the_first_pod_runs_it_and_when_it_comes_back_and_never_else(
    marks: dict[str, Marks],
) -> None:
    first = min(ROLLOUT.values())
    # While the last pod with the old version is gone for less than the mark is wide, the old version is not new.
    assert marks["New version"] == {
        NEW: list(range(first, first + RECENT)),
        OLD: list(range(ROLLBACK, ROLLBACK + RECENT)),
    }


def test_starts_are_marked_for_as_long_as_they_are_recent_and_never_else(marks: dict[str, Marks]) -> None:
    last = max(ROLLOUT.values())
    expected = [*range(min(ROLLOUT.values()), last + RECENT), *range(ROLLBACK, ROLLBACK + RECENT)]
    assert marks["Starts"] == {"": expected}
