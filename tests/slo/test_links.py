"""Where a person goes on from an alert: the dashboard and the log query of the part that it is about."""

from __future__ import annotations

import pytest

from regobs.catalog import METRICS
from regobs.logs.saved import names_in
from regobs.pack import find_pack
from regobs.promql.nodes import Duration
from regobs.promql.parse import parse
from regobs.slo.links import dashboard_of, log_query_of, period_about, since_of


def test_every_component_of_the_catalog_leads_to_a_dashboard_and_a_log_query_that_exist() -> None:
    pack = find_pack()
    boards = {file.name.removesuffix(".dashboard.py") for file in pack.files("dashboards", "*.dashboard.py")}
    components = {metric.component for metric in METRICS.values()}
    assert {dashboard_of(one) for one in components} <= boards
    assert {log_query_of(one) for one in components} <= set(names_in(pack))


def test_a_component_without_one_of_its_own_leads_to_the_overview_and_to_all_errors() -> None:
    assert (dashboard_of("gc"), log_query_of("gc")) == ("garbage-collection-detail", "gc-failures")
    assert (dashboard_of("unheard"), log_query_of("unheard")) == ("overview", "errors-by-message")


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("redis_up == 0", "1h"),
        ("rate(redis_commands_total[1h])", "1h"),
        ("rate(redis_commands_total[5m]) and max_over_time(redis_up[6h])", "6h"),
        ("avg_over_time(redis_up[1h] offset 1d)", "3d"),
        ("avg_over_time(redis_up[30m] offset 1w)", "7d"),
    ],
)
def test_the_dashboard_of_an_alert_shows_what_its_expression_looks_at(text: str, period: str) -> None:
    assert period_about(parse(text)) == period


def test_a_window_of_a_tier_is_shown_whole() -> None:
    assert [since_of(Duration(3_600_000 * hours)) for hours in (1, 2, 6, 24, 72)] == ["1h", "6h", "6h", "1d", "3d"]
