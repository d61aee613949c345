"""A simulated fleet on a real Prometheus: faults and zones are seen. The test of the demo sees data in every panel."""

from __future__ import annotations

import time

import pytest

from regobs.catalog.model import Flavor
from regobs.demo import servers
from regobs.demo.processes import Supervisor
from regobs.prometheus import Prometheus
from regobs.simulate import Fault, Fleet, Plan, Schedule
from regobs.simulate.control import TARGETS, Control
from regobs.simulate.faults import Name
from regobs.simulate.remote import Remote
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


def test_prometheus_finds_the_pods_with_their_zones_and_sees_one_zone_fail() -> None:
    require("prometheus", package="prometheus")
    fleet = Fleet(Plan(pods=3, zones=("b", "c"), rate=3, warm=60, start=float(int(time.time()))))
    with Supervisor() as supervisor, Served(fleet, speed=SPEED) as served, Control(served, 0) as control:
        quick = {"scrape_interval": "500ms", "scrape_timeout": "500ms"}
        found = {"job_name": "registry", "http_sd_configs": [{"url": control.url + TARGETS}]}
        url = servers.prometheus(supervisor, {"global": quick, "scrape_configs": [found]}).url
        with Prometheus(url) as prometheus:

            def up() -> dict[str, float]:
                samples = prometheus.query("sum by (zone) (up)").samples
                return {sample.labels["zone"]: sample.value for sample in samples}

            wait(lambda: up() == {"b": 2, "c": 1})
            Remote(control.url).strike(Name.ZONE_OUTAGE, "1h")
            wait(lambda: up() == {"b": 2, "c": 0})
            Remote(control.url).repair(Name.ZONE_OUTAGE)
            wait(lambda: up() == {"b": 2, "c": 1})
