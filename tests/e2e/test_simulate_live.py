"""A simulated fleet on a real Prometheus: a fault is seen. That every panel has data is seen by the demo's test."""

from __future__ import annotations

import time

import pytest

from regobs.catalog.model import Flavor
from regobs.demo import servers
from regobs.demo.processes import Supervisor
from regobs.prometheus import Prometheus
from regobs.simulate import Fault, Fleet, Plan, Schedule
from regobs.simulate.serve import Served
from tests.e2e.conftest import require
from tests.e2e.test_doctor_live import wait

pytestmark = pytest.mark.server

SPEED = 20.0
FAILED_SHARE = 'sum(rate(registry_http_requests_total{code=~"5.."}[5s])) / sum(rate(registry_http_requests_total[5s]))'


def fleet_of(flavor: Flavor, *faults: str) -> Fleet:
    schedule = Schedule(Fault.parse(text) for text in faults)
    return Fleet(Plan(flavor=flavor, pods=2, rate=3, start=float(int(time.time())), faults=schedule))


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
