"""Where a person goes on from an alert: the dashboard and the log query of the part that it is about."""

from __future__ import annotations

from regobs.catalog import METRICS
from regobs.logs.saved import names_in
from regobs.pack import find_pack
from regobs.slo.links import dashboard_of, log_query_of


def test_every_component_of_the_catalog_leads_to_a_dashboard_and_a_log_query_that_exist() -> None:
    pack = find_pack()
    boards = {file.name.removesuffix(".dashboard.py") for file in pack.files("dashboards", "*.dashboard.py")}
    components = {metric.component for metric in METRICS.values()}
    assert {dashboard_of(one) for one in components} <= boards
    assert {log_query_of(one) for one in components} <= set(names_in(pack))


def test_a_component_without_one_of_its_own_leads_to_the_overview_and_to_all_errors() -> None:
    assert (dashboard_of("gc"), log_query_of("gc")) == ("garbage-collection-detail", "gc-failures")
    assert (dashboard_of("unheard"), log_query_of("unheard")) == ("overview", "errors-by-message")
