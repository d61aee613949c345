"""Rules that every panel of every dashboard keeps, in each deployment."""

from __future__ import annotations

from collections import defaultdict

from regobs.grafana.visuals import NO_DATA
from regobs.promql import parse
from regobs.promql.nodes import Aggregate, Call
from regobs.promql.walk import walk
from tests.pack.test_dashboards import DASHBOARDS, charts, every_dashboard, queries

OF_A_TARGET = frozenset({"instance", "pod"})


def quantiles_of_targets(text: str) -> bool:
    """Whether a query takes a quantile of each instance or pod, which no average makes one of the fleet."""
    found = [node for node in walk(parse(text)) if isinstance(node, Call) and node.function == "histogram_quantile"]
    inner = [part for node in found for part in walk(node.args[1]) if isinstance(part, Aggregate)]
    return any(OF_A_TARGET & set(part.labels or ()) for part in inner)


@every_dashboard
def test_no_quantile_is_that_of_an_instance_and_nothing_is_averaged(key: tuple[str, str]) -> None:
    for text in queries(DASHBOARDS[key]):
        assert not quantiles_of_targets(text)
        assert not any(isinstance(node, Aggregate) and node.op == "avg" for node in walk(parse(text)))


def test_a_quantile_of_each_instance_would_be_noticed() -> None:
    buckets = "rate(registry_http_request_duration_seconds_bucket[5m])"
    assert quantiles_of_targets(f"max(histogram_quantile(0.95, sum by (instance, le) ({buckets})))")
    assert not quantiles_of_targets(f"histogram_quantile(0.95, sum by (exported_instance, le) ({buckets}))")


@every_dashboard
def test_an_empty_answer_reads_no_data_and_is_not_drawn_over(key: tuple[str, str]) -> None:
    for panel in charts(DASHBOARDS[key]):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["noValue"] == NO_DATA
        assert defaults.get("custom", {}).get("spanNulls", False) is False


@every_dashboard
def test_the_first_row_is_open_and_a_closed_one_holds_its_panels(key: tuple[str, str]) -> None:
    rows = [panel for panel in DASHBOARDS[key]["panels"] if panel["type"] == "row"]
    assert not rows[0]["collapsed"]
    assert all(bool(row["panels"]) is row["collapsed"] for row in rows)


def test_a_panel_has_the_same_id_in_every_deployment() -> None:
    ids = defaultdict(set)
    for (_, slug), dashboard in DASHBOARDS.items():
        row = ""
        for panel in dashboard["panels"]:
            row = panel["title"] if panel["type"] == "row" else row
            for one in [panel, *panel.get("panels", [])]:
                ids[slug, row, one["title"], one["type"] == "row"].add(one["id"])
    assert len(ids) > 400
    assert [place for place, found in ids.items() if len(found) > 1] == []
