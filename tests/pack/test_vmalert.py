"""VictoriaMetrics' vmalert takes the rules of a build, and says of a recorded outage what Prometheus says."""

from __future__ import annotations

import gzip
import re
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from regobs.common.programs import Supervisor
from regobs.config import Config
from regobs.slo import outputs
from tests.pack.test_outages import CONFIG, DATA, OUTAGES
from tests.peers import metric_servers, required_victoriametrics, required_vmalert
from tests.slo.packs import BUNDLED, CONFIGS

pytestmark = [pytest.mark.peer, pytest.mark.timeout(240)]

STEP = 15  # seconds between two evaluations
# Unix seconds of the recording: from calm before the first outage to its end.
BEGIN, END = 1795877820, 1795880860
READY = 60.0


def rules_in(directory: Path, config: Config) -> list[Path]:
    for name, content in outputs.files(BUNDLED, config).items():
        if name.startswith("prometheus/rules/"):
            (directory / Path(name).name).write_bytes(content)
    return sorted(directory.glob("*.yaml"))


@pytest.mark.parametrize("flavor", CONFIGS)
def test_vmalert_reads_every_rule_of_a_build(tmp_path: Path, flavor: str) -> None:
    files = rules_in(tmp_path, CONFIGS[flavor])
    assert len(files) > 20
    done = subprocess.run(
        [required_vmalert(), "-dryRun", f"-rule={tmp_path}/*.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    broken = files[0].read_text().replace("expr:", "exprr:")
    files[0].write_text(broken)
    refused = subprocess.run(
        [required_vmalert(), "-dryRun", f"-rule={tmp_path}/*.yaml"], capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0


@pytest.fixture
def recorded() -> Iterator[str]:
    """The address of a VictoriaMetrics with the recording of seven outages."""
    with Supervisor() as supervisor:
        flags = ("-retentionPeriod=10y",)
        url = metric_servers.victoriametrics(supervisor, required_victoriametrics(), flags)
        sent = requests.post(f"{url}/api/v1/import/prometheus", data=gzip.decompress(DATA.read_bytes()), timeout=60)
        sent.raise_for_status()
        requests.get(f"{url}/internal/force_flush", timeout=30).raise_for_status()
        yield url


def replayed(url: str, rules: list[Path], begin: int, end: int) -> subprocess.CompletedProcess[str]:
    """What vmalert says of rules that it evaluates over a span; what they write is stored where it was read."""
    command: list[str | Path] = [
        *(required_vmalert(), f"-datasource.url={url}", f"-remoteWrite.url={url}", "-loggerLevel=ERROR"),
        *(f"-replay.timeFrom={utc(begin)}", f"-replay.timeTo={utc(end)}"),
        *("-replay.rulesDelay=0s", "-replay.disableProgressBar", "-replay.ruleRetryAttempts=1"),
        *(f"-evaluationInterval={STEP}s", "-replay.maxDatapointsPerQuery=1000"),
        *(f"-rule={path}" for path in rules),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    requests.get(f"{url}/internal/force_flush", timeout=30).raise_for_status()
    return done


BROKEN = """
groups:
  - name: broken
    rules:
      - record: broken
        expr: up + on () up
"""


@pytest.mark.parametrize("flavor", CONFIGS)
def test_vmalert_evaluates_every_rule_of_a_build_without_an_error(recorded: str, tmp_path: Path, flavor: str) -> None:
    rules = rules_in(tmp_path, CONFIGS[flavor])
    assert sum(path.name.startswith("slo-") for path in rules) > 10
    done = replayed(recorded, rules, BEGIN, BEGIN + 300)
    assert (done.returncode, done.stderr) == (0, "")
    written = sum(len(re.findall(r"^ +- (?:record|alert): ", path.read_text(), re.MULTILINE)) for path in rules)
    assert done.stdout.count("> Rule ") == written > 200
    broken = tmp_path / "broken.yaml"
    broken.write_text(BROKEN)
    assert replayed(recorded, [broken], BEGIN, BEGIN + 300).returncode != 0


def test_vmalert_fires_in_a_replayed_outage_what_prometheus_fires(recorded: str, tmp_path: Path) -> None:
    done = replayed(recorded, rules_in(tmp_path, CONFIG), BEGIN, END)
    assert done.returncode == 0, done.stdout + done.stderr
    query: dict[str, str | int] = {"query": 'count(last_over_time({__name__=~"registry:slo_.+"}[1h]))', "time": END}
    counted = requests.get(f"{recorded}/api/v1/query", params={**query, "nocache": "1"}, timeout=30).json()
    assert counted["data"]["result"], "the rules of SLOs wrote nothing"
    missing = {}
    deadline = time.monotonic() + READY
    while time.monotonic() < deadline:
        missing = {outage: late for outage in OUTAGES if (late := _late(recorded, outage)) is not None}
        if not missing:
            break
        time.sleep(0.5)
    assert missing == {}


def utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _late(url: str, outage: str) -> str | None:
    """What is wrong with the first time of an outage's alert; None where it is in time."""
    start, end, cause, pages = OUTAGES[outage]
    query: dict[str, str | int] = {
        "query": f'ALERTS{{alertname="{cause}", alertstate="firing"}}',
        "start": start,
        "end": end,
        "step": STEP,
    }
    answer = requests.get(f"{url}/api/v1/query_range", params={**query, "nocache": "1"}, timeout=30).json()
    times = [float(time_) for series in answer["data"]["result"] for time_, _ in series["values"]]
    if not times:
        return f"{cause} does not fire"
    delay = min(times) - start
    return None if 0 < delay <= (150 if pages else 270) else f"{cause} fires after {delay} s"
