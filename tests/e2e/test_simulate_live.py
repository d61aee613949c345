"""A simulated fleet on a real Prometheus with the rules of a build: every panel has data, and a fault is seen."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from regobs import slo
from regobs.catalog.model import Flavor
from regobs.config import Config
from regobs.demo import servers
from regobs.demo.processes import Supervisor
from regobs.demo.shortened import shorten_rules
from regobs.doctor import Report, Status
from regobs.pack import find_pack
from regobs.prometheus import Prometheus
from regobs.simulate import Fault, Fleet, Plan, Schedule
from regobs.simulate.plan import NEWEST, usual
from regobs.simulate.serve import Served
from tests.e2e.conftest import require
from tests.e2e.test_doctor_live import FAST, RULES, World, failing, wait

pytestmark = pytest.mark.server

SPEED = 20.0
# Families that a registry exposes only once something has failed: so it did, in the first minutes.
EARLY = ("notifications-down@0+2m", "gc-backlog@0+2m", "stuck-migration@0+1m")
# It shows what fires, and on a healthy fleet nothing does; where an alert has just ended it may be empty.
NO_ALERT = "Active alerts"
FAILED_SHARE = 'sum(rate(registry_http_requests_total{code=~"5.."}[5s])) / sum(rate(registry_http_requests_total[5s]))'


def fleet_of(flavor: Flavor, *faults: str) -> Fleet:
    schedule = Schedule(Fault.parse(text) for text in faults)
    return Fleet(Plan(flavor=flavor, pods=2, rate=3, start=float(int(time.time())), faults=schedule))


def config_of(flavor: Flavor) -> Config:
    version = NEWEST[flavor]
    return Config(flavor=flavor, version=version, capabilities=usual(flavor, version), prometheus=FAST)


def world_of(supervisor: Supervisor, served: Served, config: Config) -> World:
    """A Prometheus that scrapes all pods as one job, with the rules of a build, all their times divided by 30."""
    pack = find_pack()
    files = {
        name: shorten_rules(content, name)
        for name, content in slo.files(pack, config).items()
        if name.startswith(RULES)
    }
    folder = supervisor.directory / "rules"
    folder.mkdir()
    for name, content in files.items():
        (folder / Path(name).name).write_bytes(content)
    settings: dict[str, Any] = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
        "rule_files": [f"{folder}/*.yaml"],
        "scrape_configs": [{"job_name": "registry", "static_configs": [{"targets": served.addresses}]}],
    }
    return World(servers.prometheus(supervisor, settings).url, pack, files)


def lacking(report: Report) -> list[str]:
    """Panels and rules without data, whatever the reason."""
    quiet = [
        f"{panel.title}: {panel.verdict.reason}"
        for board in report.dashboards
        for panel in board.panels
        if panel.verdict.status is Status.QUIET
    ]
    return [text for text in failing(report) + quiet if not text.startswith(NO_ALERT)]


def test_every_panel_of_what_the_fleet_has_on_has_data() -> None:
    require("prometheus", package="prometheus")
    flavor = Flavor.GITLAB
    config = config_of(flavor)
    reports: list[Report] = []

    def look() -> bool:
        reports.append(world.report(config))
        return not lacking(reports[-1])

    with Supervisor() as supervisor, Served(fleet_of(flavor, *EARLY), speed=SPEED) as served:
        world = world_of(supervisor, served, config)
        wait(look, 90)
    report = reports[-1]
    assert lacking(report) == []
    assert report.query_errors == 0
    assert report.flavor == flavor
    with_data = report.panels[Status.DATA] + report.panels[Status.ZERO]
    assert with_data >= 240
    assert with_data + 1 >= sum(report.panels.values()) - report.panels[Status.LEFT_OUT]


def test_an_error_burst_raises_the_errors_and_its_end_lowers_them() -> None:
    require("prometheus", package="prometheus")
    fleet = fleet_of(Flavor.GITLAB, "error-burst@4m+4m")
    with Supervisor() as supervisor, Served(fleet, speed=SPEED) as served:
        address = {"targets": served.addresses}
        quick = {"scrape_interval": "500ms", "scrape_timeout": "500ms"}
        jobs = [{"job_name": "registry", "static_configs": [address]}]
        url = servers.prometheus(supervisor, {"global": quick, "scrape_configs": jobs}).url
        with Prometheus(url) as prometheus:

            def failed() -> float:
                return next((sample.value for sample in prometheus.query(FAILED_SHARE).samples), 0.0)

            wait(lambda: fleet.time - fleet.plan.start > 200)
            before = failed()
            wait(lambda: failed() > 0.2)
            during = failed()
            wait(lambda: fleet.time - fleet.plan.start > 600)
            after = failed()
    assert before < 0.05
    assert during > 0.2
    assert after < 0.05
