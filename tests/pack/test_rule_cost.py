"""What the rules read: samples of a real registry's series in one evaluation, a pod, held to a budget."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from regobs.documents import load_yaml
from regobs.promql.nodes import Expr, Selector, Subquery
from regobs.promql.parse import parse
from regobs.promql.walk import children
from regobs.slo import outputs as slo
from tests.pack import test_fleet as fleet
from tests.pack.test_dashboards import CONFIGS, PACK

SCRAPE = 15_000  # milliseconds, the default of [prometheus] scrape_interval
# An alert that reads raw series may read an hour of ten series with every sample, in a round each 15 seconds.
# The alert of a registry without traffic once read 51,000 a pod.
MOST_OF_AN_ALERT = 3_000
# A recording rule reads five minutes of a whole family once a minute; the largest is the histogram of database queries,
# with 552 buckets of a pod.
MOST_OF_A_RECORD = 12_000
# All rules together, in a minute.
MOST_OF_A_MINUTE = 60_000


def read(node: Expr, exposed: fleet.Series, moments: int = 1) -> float:
    """The samples that one evaluation reads of one pod; recorded series are the same for any number of pods."""
    if isinstance(node, Subquery):
        moments *= max(1, node.range.ms // (node.step.ms if node.step else SCRAPE))
    own = 0.0
    if isinstance(node, Selector):
        length = max(1, node.range.ms // SCRAPE) if node.range else 1
        recorded = str(node.metric) in fleet.raw_names()
        own = fleet.count(node, exposed) * length * moments / (1 if recorded else fleet.INSTANCES)
        own = 0.0 if recorded else own
    return own + sum(read(child, exposed, moments) for child in children(node))


def rules() -> Iterator[tuple[str, str, int, str]]:
    """Kind, name, interval in milliseconds and expression of each rule of the pack."""
    config = CONFIGS["gitlab"]
    for path, data in slo.files(PACK, config).items():
        if "/rules/" not in path:
            continue
        for group in load_yaml(data.decode(), path).data["groups"]:
            seconds = {"30s": 30, "1m": 60, "5m": 300}.get(group.get("interval", ""), 15)
            for rule in group["rules"]:
                kind = "alert" if "alert" in rule else "record"
                yield kind, rule[kind], seconds * 1000, rule["expr"]


@pytest.fixture(scope="module")
def costs() -> list[tuple[str, str, int, float]]:
    exposed = fleet.one_instance()
    return [(kind, name, interval, read(parse(text), exposed)) for kind, name, interval, text in rules()]


def test_no_alert_reads_more_of_a_pod_than_its_budget(costs: list[tuple[str, str, int, float]]) -> None:
    asked = {name: cost for kind, name, _, cost in costs if kind == "alert"}
    assert sum(cost > 0 for cost in asked.values()) > 20
    assert {name: cost for name, cost in asked.items() if cost > MOST_OF_AN_ALERT} == {}


def test_no_recording_rule_reads_more_of_a_pod_than_its_budget(costs: list[tuple[str, str, int, float]]) -> None:
    asked = [(name, cost) for kind, name, _, cost in costs if kind == "record"]
    assert sum(cost > 0 for _, cost in asked) > 20
    assert [(name, cost) for name, cost in asked if cost > MOST_OF_A_RECORD] == []


def test_all_rules_together_read_less_of_a_pod_in_a_minute_than_their_budget(
    costs: list[tuple[str, str, int, float]],
) -> None:
    assert 0 < sum(cost * 60_000 / interval for _, _, interval, cost in costs) < MOST_OF_A_MINUTE


def test_a_range_a_subquery_and_a_recorded_series_count_as_what_they_read() -> None:
    exposed = {"x_total": [{"code": "200"}, {"code": "500"}]}
    assert read(parse('rate(x_total{code="200"}[5m])'), exposed) == 20
    assert read(parse("max_over_time(x_total[1h:5m])"), exposed) == 2 * 12
    assert read(parse("sum(x_total) - sum(x_total offset 1d)"), exposed) == 4
    assert read(parse("max_over_time(registry:http_requests:rate5m[1d])"), exposed) == 0
