"""Every query of every panel on simulated fleets: data wherever the fleet has it, and values that can be."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from regobs.catalog import slo
from regobs.catalog.model import Capability, Flavor
from regobs.config import Config
from regobs.doctor import DoctorReport, Status, examine
from regobs.documents import load_yaml
from regobs.grafana import PanelQuery, panel_queries
from regobs.prometheus import Prometheus
from regobs.promql import parse, to_text
from regobs.promql.nodes import Selector
from regobs.promql.types import bounds_of
from regobs.promql.walk import ranges
from regobs.simulate import Fault, Plan, Schedule
from regobs.simulate.plan import Collecting, possible
from regobs.slo import outputs
from tests.e2e.conftest import require
from tests.e2e.simulated import PACE, STEP, Simulated, config_of, short_rules, simulated
from tests.e2e.test_doctor_live import wait
from tests.e2e.test_panels_live import PACK

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

MINUTE = 60
PATIENCE = 150  # seconds in which a panel must have had data once: some need an event that comes now and then
PAST = 12 * MINUTE
BROKEN = Schedule([Fault.parse("error-burst@6m+24h")])  # for panels that show only what fails
_DATABASE = {
    *(Capability.METADATA_DATABASE, Capability.DATABASE_METRICS, Capability.LOAD_BALANCING),
    *(Capability.GARBAGE_COLLECTION, Capability.BACKGROUND_MIGRATIONS),
}
# Of the runs of the collection half find a task: each window has some of both, and a deletion.
WHOLE = Plan(pods=2, rate=3, faults=BROKEN, collecting=Collecting(interval=2, cleanup=0.4))
OTHERS = {
    "without a database": Plan(pods=1, faults=BROKEN, capabilities=possible(Flavor.GITLAB, None) - _DATABASE),
    "pull-through": Plan(
        *(Flavor.DISTRIBUTION,), pods=1, faults=BROKEN, capabilities=possible(Flavor.DISTRIBUTION, None)
    ),
}
# What no fleet plays, and the test that shows its panels with data.
NOT_PLAYED = {
    Capability.POSTGRES_EXPORTER: "test_panels_databases.py: the real one",
    Capability.POSTGRES_QUERIES: "test_panels_databases.py: the real one",
    Capability.PGBOUNCER_EXPORTER: "test_panels_databases.py: a stub of it on a real PgBouncer",
    Capability.REDIS_EXPORTER: "test_panels_databases.py: the real one",
    Capability.NODE_EXPORTER: "test_panels_databases.py: the real one",
    Capability.KUBERNETES: "test_panels_live.py: made from the catalog",
    Capability.STACKDRIVER_EXPORTER: "test_panels_live.py: made from the catalog",
    Capability.CLOUDWATCH_EXPORTER: "test_panels_live.py: made from the catalog",
    Capability.PROBE: "test_panels_live.py: made from the catalog",
    Capability.LOG_EXPORTER: "test_panels_exporters.py: the real one",
    Capability.DATABASE_EXPORTER: "test_panels_exporters.py: the real one",
    Capability.NOTIFICATION_EXPORTER: "test_panels_exporters.py: the real one",
    Capability.REGISTRY_PROBE: "test_panels_exporters.py: the real one",
    Capability.PYTHON: "test_example_registry.py: a real registry in Python",
}


def fleet(plan: Plan, directory: Path) -> AbstractContextManager[Simulated]:
    require("prometheus", package="prometheus")
    return simulated(plan, PAST, directory)


def complete(prometheus: Prometheus, config: Config) -> tuple[DoctorReport, list[tuple[str, str, str]]]:
    """The doctor's last report once rules with the longest windows have written, and the panels that never had data.

    On a busy machine an evaluation comes late now and then, and a window of seconds has no data while the doctor looks:
    it looks again until each panel had some.
    """
    wait(lambda: bool(prometheus.query(slo.BURN_RATE("3d").name).samples), seconds=100)
    report = examine(prometheus, PACK, config)
    still = {panel[:2]: panel for panel in lacking(report)}
    deadline = time.monotonic() + PATIENCE
    while still and time.monotonic() < deadline:
        time.sleep(1)
        report = examine(prometheus, PACK, config)
        still = {panel[:2]: panel for panel in lacking(report) if panel[:2] in still}
    return report, list(still.values())


def lacking(report: DoctorReport) -> list[tuple[str, str, str]]:
    """The panels without data, whatever the reason, but those that the fleet does not have."""
    return [
        (board.title, panel.title, panel.verdict.reason)
        for board in report.dashboards
        for panel in board.panels
        if panel.verdict.status not in {Status.DATA, Status.ZERO, Status.LEFT_OUT}
    ]


def test_every_panel_of_a_fleet_has_data_and_every_value_is_one_that_its_unit_promises(tmp_path: Path) -> None:
    config = config_of(WHOLE)
    with fleet(WHOLE, tmp_path) as world:
        with Prometheus(world.url) as prometheus:
            report, without = complete(prometheus, config)
        assert without == []
        assert report.query_errors == 0
        assert report.panels[Status.DATA] + report.panels[Status.ZERO] > 240
        assert [rule.name for rule in report.rules if rule.verdict.status.failing] == []
        assert strange(world, shown(config)) == []


@pytest.mark.parametrize("name", OTHERS)
def test_what_only_another_fleet_has_is_shown_too(tmp_path: Path, name: str) -> None:
    config = config_of(OTHERS[name])
    there = {(one.dashboard, one.title, one.name) for one in shown(config_of(WHOLE))}
    queries = [one for one in shown(config) if (one.dashboard, one.title, one.name) not in there]
    assert queries
    with fleet(OTHERS[name], tmp_path) as world:
        assert strange(world, queries) == []
        with Prometheus(world.url) as prometheus:
            reports = [examine(prometheus, PACK, config, dashboard=one) for one in {one.dashboard for one in queries}]
        assert [panel for report in reports for panel in lacking(report)] == []
        assert sum(report.query_errors for report in reports) == 0


def test_every_range_of_a_rule_holds_two_scrapes_of_a_fleet() -> None:
    """One that holds two only where a scrape came early has data on a busy machine alone, and not always there."""
    short = []
    for name, text in short_rules(config_of(WHOLE)).items():
        for rule in (rule for group in load_yaml(text.decode(), name).data["groups"] for rule in group["rules"]):
            for node in ranges(parse(rule["expr"])):
                scraped = isinstance(node, Selector) and ":" not in str(node.metric)
                if scraped and node.range is not None and node.range.ms < 2 * PACE * 1000:
                    short.append((name, rule.get("record") or rule["alert"], to_text(node)))
    assert short == []


def strange(world: Simulated, queries: Iterable[PanelQuery]) -> list[str]:
    """The queries that have given values since the beginning which their panel's unit does not promise."""
    found = []
    with Prometheus(world.url) as prometheus:
        for query in queries:
            assert query.type is not None
            text, bounds = as_asked(query), bounds_of(query.type)
            ranges = prometheus.query_range(text, world.begin + 4 * MINUTE, time.time(), MINUTE).ranges
            values = [value for one in ranges for _, value in one.points]
            wrong = {value for value in values if not bounds.holds(value)}
            if wrong:
                found.append(f"{query.dashboard} / {query.title} {query.name}: {wrong}, not in {bounds}: {text}")
    return found


def shown(config: Config) -> list[PanelQuery]:
    return [query for query in panel_queries(PACK, config, outputs.records(PACK, config)) if query.left_out is None]


def as_asked(query: PanelQuery) -> str:
    """As Grafana sends it with every variable at `All`; the window is four times the history's step."""
    text = query.text.replace("$__rate_interval", f"{4 * STEP}s").replace("$__range", f"{PAST}s")
    return re.sub(r"\$\w+", ".*", text)


def test_what_no_fleet_plays_is_listed_and_nothing_else() -> None:
    configs = [config_of(plan) for plan in (WHOLE, *OTHERS.values())]
    there = {one for config in configs for one in config.capabilities}
    # A row of a table is a query of its own only where it is left out: the fleets that have it do not list it.
    absent: dict[tuple[str, str, str], list[PanelQuery]] = {}
    for query in (one for config in configs for one in panel_queries(PACK, config)):
        if query.left_out is not None and query.cause != "version":  # what is over: test_panels_live.py has it
            absent.setdefault((query.dashboard, query.title, query.name), []).append(query)
    needed = {panel: {one.needs for one in queries} - {None, *there} for panel, queries in absent.items()}
    nowhere = [panel for panel, queries in absent.items() if len(queries) == len(configs)]
    assert [panel for panel in nowhere if not needed[panel]] == []
    assert set().union(*needed.values()) == set(NOT_PLAYED)


@pytest.mark.parametrize(
    "fault", ["no-traffic@0+24h", "no-traffic@6m+24h"], ids=["idle from the start", "traffic lost"]
)
def test_a_fleet_without_traffic_shows_no_value_that_is_no_number(tmp_path: Path, fault: str) -> None:
    warm = 0.0 if fault.startswith("no-traffic@0") else 300.0
    plan = Plan(pods=1, warm=warm, faults=Schedule([Fault.parse(fault)]))
    with fleet(plan, tmp_path) as world:
        with Prometheus(world.url) as prometheus:
            report = examine(prometheus, PACK, config_of(plan))
        assert report.query_errors == 0
        assert strange(world, shown(config_of(plan))) == []
