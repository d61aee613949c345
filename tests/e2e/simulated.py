"""A simulated fleet in a real Prometheus: its history as blocks, itself scraped on from there, the pack's rules loaded.

The history is as long as the longest window of a dashboard, so that nothing has to be waited for but the rules.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from regobs.catalog.model import Capability
from regobs.common.programs import Supervisor, find_program
from regobs.config import Config
from regobs.config.model import PrometheusSettings
from regobs.demo import servers
from regobs.demo.shortened import RULES, shorten_rules
from regobs.prometheus import Prometheus
from regobs.promql.nodes import Duration
from regobs.simulate import Fleet, Plan
from regobs.simulate.history import History
from regobs.simulate.serve import FleetServing
from regobs.slo import outputs
from tests.e2e.test_panels_live import PACK

STEP = 30  # seconds between two samples of the history
PACE = 1  # seconds between two scrapes from then on, and between two evaluations
FACTOR = 75  # what the times of rules are divided by: four scrapes in the shortest window, as many as the rules need
_READY = 120.0


@dataclass(frozen=True)
class Simulated:
    """The Prometheus, and the part of time that it has samples of, in Unix seconds."""

    url: str
    begin: float
    end: float


def config_of(plan: Plan) -> Config:
    """The deployment that a plan simulates, with a real Prometheus that scrapes itself.

    Its rules are made for the scrapes that they get: divided by the factor, each range still holds two of them.
    """
    return Config(
        flavor=plan.flavor,
        version=plan.version,
        capabilities=(plan.capabilities or frozenset()) | {Capability.PROMETHEUS},
        prometheus=PrometheusSettings(scrape_interval=Duration(PACE * FACTOR * 1000)),
    )


@contextmanager
def simulated(plan: Plan, seconds: float, directory: Path) -> Iterator[Simulated]:
    """Let a fleet of the plan live for so many seconds before now, and go on."""
    begin = time.time() - seconds
    past = _past(replace(plan, start=begin), seconds)
    blocks = _write(past, directory)
    fleet = _as_it_is_after(past)
    with ExitStack() as stack:
        supervisor = stack.enter_context(Supervisor())
        served = stack.enter_context(FleetServing(fleet))
        itself = directory / "itself.json"  # its address is known once it runs
        settings = _settings(fleet, served, _rules(config_of(plan), directory), itself)
        server = servers.prometheus(supervisor, settings, data=blocks)
        itself.write_text(json.dumps([{"targets": [server.address]}]))
        with Prometheus(server.url) as prometheus:
            _wait(prometheus, len(fleet.pods) + 1)
        yield Simulated(server.url, begin, begin + seconds)


def backfill(plan: Plan, seconds: float, directory: Path) -> Path:
    """The blocks of a fleet's first seconds, a new directory in this one."""
    return _write(_past(plan, seconds), directory)


def _past(plan: Plan, seconds: float) -> History:
    return History(plan, round(seconds / STEP), step=STEP, processes=1)


def _write(past: History, directory: Path) -> Path:
    text, blocks = directory / "history.om", directory / "blocks"
    past.write(text)
    promtool = find_program("promtool", package="prometheus")
    command: list[str | Path] = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=24h"]
    done = subprocess.run([*command, text, blocks], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    text.unlink()
    return blocks


def _as_it_is_after(past: History) -> Fleet:
    fleet = Fleet(past.plan)
    for _ in range(past.steps):
        past.advance(fleet)
    return fleet


def short_rules(config: Config) -> dict[str, bytes]:
    """The pack's rule files by name, with short times: what they call an hour passes in 48 seconds."""
    files = {name: text for name, text in outputs.files(PACK, config, tests=False).items() if name.startswith(RULES)}
    return {Path(name).name: shorten_rules(text, name, FACTOR) for name, text in files.items()}


def _rules(config: Config, directory: Path) -> str:
    for name, text in short_rules(config).items():
        (directory / name).write_bytes(text)
    return str(directory / "*.yaml")


def _settings(fleet: Fleet, served: FleetServing, rules: str, itself: Path) -> dict[str, Any]:
    """Scrape each pod under the name that its history has, and Prometheus itself."""
    pods = [
        {"targets": [address], "labels": {"instance": f"{pod.name}:5001"}}
        for pod, address in zip(fleet.pods, served.addresses, strict=True)
    ]
    return {
        "global": dict.fromkeys(("scrape_interval", "evaluation_interval", "scrape_timeout"), f"{PACE}s"),
        "rule_files": [rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:1"]}]}]},
        "scrape_configs": [
            {"job_name": "registry", "static_configs": pods},
            {"job_name": "prometheus", "file_sd_configs": [{"files": [str(itself)]}]},
        ],
    }


def _wait(prometheus: Prometheus, targets: int) -> None:
    """Until every target has been scraped twice and every rule evaluated after that."""
    deadline = time.monotonic() + _READY
    scraped = 0.0
    while time.monotonic() < deadline:
        time.sleep(0.2)
        if not scraped:
            counted = prometheus.query("count(count_over_time(up[30s]) >= 2)").samples
            scraped = time.time() if counted and counted[0].value == targets else 0.0
            continue
        times = [rule.last_evaluation for group in prometheus.rules() for rule in group.rules]
        if times and all(one is not None and one > scraped for one in times):
            return
    raise AssertionError("targets were not scraped, or rules not evaluated")
