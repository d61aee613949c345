"""A simulated fleet on a real Prometheus: faults and zones are seen. The test of the demo sees data in every panel."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pytest

from regobs.catalog.model import Flavor
from regobs.common.programs import Supervisor
from regobs.demo import servers
from regobs.prometheus import Prometheus
from regobs.simulate import Fleet, Plan
from regobs.simulate.control import TARGETS, Control
from regobs.simulate.faults import FaultName
from regobs.simulate.remote import FleetClient
from regobs.simulate.serve import FleetServing
from tests.e2e.conftest import require
from tests.e2e.test_doctor_live import wait

pytestmark = pytest.mark.server

SPEED = 20.0
ALL, FAILED = (f"sum(rate(registry_http_requests_total{chosen}[5s]))" for chosen in ("", '{code=~"5.."}'))
FAILED_SHARE = f"({FAILED} or 0 * {ALL}) / {ALL}"  # 0 while there is traffic and nothing has failed yet


def fleet_of(flavor: Flavor) -> Fleet:
    return Fleet(Plan(flavor=flavor, pods=2, rate=3, start=float(int(time.time()))))


def test_an_error_burst_raises_the_errors_and_its_end_lowers_them() -> None:
    require("prometheus", package="prometheus")
    shares: list[float] = []
    with Supervisor() as supervisor, FleetServing(fleet_of(Flavor.GITLAB), speed=SPEED) as served:
        address = {"targets": served.addresses}
        quick = {"scrape_interval": "1s", "scrape_timeout": "1s"}
        jobs = [{"job_name": "registry", "static_configs": [address]}]
        url = servers.prometheus(supervisor, {"global": quick, "scrape_configs": jobs}).url
        with Prometheus(url) as prometheus, Control(served, 0) as control:
            client = FleetClient(control.url)

            def first(fits: Callable[[float], bool]) -> float:
                """The first share of failed requests that fits, or the last one that was seen."""

                def look() -> bool:
                    shares.extend(sample.value for sample in prometheus.query(FAILED_SHARE).samples)
                    return bool(shares) and fits(shares[-1])

                wait(look, seconds=40)
                return shares[-1] if shares else math.nan

            before = first(lambda share: share < 0.05)
            client.strike(FaultName.ERROR_BURST, "1h")
            during = first(lambda share: share > 0.2)
            client.repair(FaultName.ERROR_BURST)
            after = first(lambda share: share < 0.05)
    assert before < 0.05
    assert during > 0.2
    assert after < 0.05


def test_prometheus_finds_the_pods_with_their_zones_and_sees_one_zone_fail() -> None:
    require("prometheus", package="prometheus")
    fleet = Fleet(Plan(pods=3, zones=("b", "c"), rate=3, warm=60, start=float(int(time.time()))))
    with Supervisor() as supervisor, FleetServing(fleet, speed=SPEED) as served, Control(served, 0) as control:
        quick = {"scrape_interval": "500ms", "scrape_timeout": "500ms"}
        found = {"job_name": "registry", "http_sd_configs": [{"url": control.url + TARGETS}]}
        url = servers.prometheus(supervisor, {"global": quick, "scrape_configs": [found]}).url
        with Prometheus(url) as prometheus:

            def up() -> dict[str, float]:
                samples = prometheus.query("sum by (zone) (up)").samples
                return {sample.labels["zone"]: sample.value for sample in samples}

            wait(lambda: up() == {"b": 2, "c": 1})
            FleetClient(control.url).strike(FaultName.ZONE_OUTAGE, "1h")
            wait(lambda: up() == {"b": 2, "c": 0})
            FleetClient(control.url).repair(FaultName.ZONE_OUTAGE)
            wait(lambda: up() == {"b": 2, "c": 1})
