from __future__ import annotations

import re

import pytest

from regobs.catalog.model import Capability, Flavor, Unit, Version
from regobs.errors import DashboardError
from regobs.grafana.bound import bind_dashboard
from regobs.promql import to_text
from regobs.promql.nodes import Duration
from regobs.promql.parse import parse
from regobs.promql.recorded import Record
from regobs.promql.vocabulary import Vocabulary
from tests.grafana.conftest import Load

GITLAB = Vocabulary(Flavor.GITLAB)
DISTRIBUTION = Vocabulary(Flavor.DISTRIBUTION)


def test_a_panel_whose_metric_the_flavor_lacks_is_left_out_with_the_reason(load: Load) -> None:
    dashboard = load('Row("R", Lines("P", quantile(0.95, http.TIME_TO_HEADER), good="g"))')
    bound = bind_dashboard("t", dashboard, DISTRIBUTION)
    assert list(bound.panels()) == []
    [(row, lacking)] = bound.left_out()
    assert (row.title, lacking.panel.title) == ("R", "P")
    assert "distribution" in lacking.reason
    assert [panel.panel.title for _, panel in bind_dashboard("t", dashboard, GITLAB).panels()] == ["P"]


@pytest.mark.parametrize(("capabilities", "shown"), [(frozenset(), False), (frozenset(Capability), True)])
def test_a_panel_without_its_capability_is_left_out(
    load: Load, capabilities: frozenset[Capability], shown: bool
) -> None:
    dashboard = load('Row("R", Lines("P", rate(gc.RUNS), good="g"))')
    bound = bind_dashboard("t", dashboard, Vocabulary(Flavor.GITLAB, capabilities=capabilities))
    assert bool(list(bound.panels())) is shown
    assert bool(list(bound.left_out())) is not shown


def test_a_panel_is_left_out_of_a_version_before_its_metric(load: Load) -> None:
    dashboard = load('Row("R", Lines("P", rate(storage.URL_CACHE_REQUESTS), good="g"))')
    old = bind_dashboard("t", dashboard, Vocabulary(Flavor.GITLAB, Version(4, 24)))
    new = bind_dashboard("t", dashboard, Vocabulary(Flavor.GITLAB, Version(4, 25)))
    assert [len(list(bound.panels())) for bound in (old, new)] == [0, 1]


@pytest.mark.parametrize(("version", "shown"), [(Version(2, 8), 0), (Version(3), 1)])
def test_a_panel_whose_metric_depends_on_the_build_is_left_out(load: Load, version: Version, shown: int) -> None:
    dashboard = load('Row("R", Lines("P", rate(process.NETWORK_SENT), good="g"))')
    bound = bind_dashboard("t", dashboard, Vocabulary(Flavor.DISTRIBUTION, version))
    assert len(list(bound.panels())) == shown
    assert [lacking.cause for _, lacking in bound.left_out()] == ["version"] * (1 - shown)


def test_lines_keep_the_expressions_that_can_be_answered(load: Load) -> None:
    dashboard = load('Row("R", Lines("P", {"a": mean(http.TIME_TO_HEADER), "b": mean(http.DURATION)}, good="g"))')
    bound = bind_dashboard("t", dashboard, DISTRIBUTION)
    [(_, panel)] = bound.panels()
    assert [(query.ref, query.name) for query in panel.queries] == [("A", "b")]
    assert [lacking.name for _, lacking in bound.left_out()] == ["a"]


@pytest.mark.parametrize(
    ("version", "shown"),
    [(Version(2, 8, 2), "registry_storage_cache_total"), (None, "registry_storage_cache_hits_total")],
)
def test_of_alternatives_the_first_that_can_be_answered_is_shown(
    load: Load, version: Version | None, shown: str
) -> None:
    dashboard = load('Row("R", Lines("P", by_version(rate(storage.CACHE), before=rate(storage.CACHE_HITS)), good="g"))')
    bound = bind_dashboard("t", dashboard, Vocabulary(Flavor.DISTRIBUTION, version))
    [(_, panel)] = bound.panels()
    assert [metric.name for query in panel.queries for metric in query.metrics] == [shown]
    assert list(bound.left_out()) == []


def test_of_alternatives_that_all_lack_something_the_nearest_reason_is_told(load: Load) -> None:
    dashboard = load('Row("R", Lines("P", by_version(rate(storage.CACHE_HITS), before=rate(storage.CACHE)), good="g"))')
    bound = bind_dashboard("t", dashboard, Vocabulary(Flavor.GITLAB, capabilities=frozenset()))
    [(_, lacking)] = bound.left_out()
    assert lacking.cause == "capability"


def test_a_dashboard_without_its_capability_is_left_out_as_a_whole(load: Load) -> None:
    dashboard = load('Row("R", Stat("P", rate(http.REQUESTS), good="g")), needs=Capability.KUBERNETES')
    without = bind_dashboard("t", dashboard, Vocabulary(Flavor.GITLAB, capabilities=frozenset()))
    assert list(without.panels()) == []
    assert [lacking.reason for _, lacking in without.left_out()] == ["the dashboard needs the capability kubernetes"]
    assert len(list(bind_dashboard("t", dashboard, GITLAB).panels())) == 1


@pytest.mark.parametrize(
    ("panel", "says"),
    [
        ('Lines("P", {"a": rate(http.REQUESTS), "b": mean(http.DURATION)}, good="g")', "different units"),
        ('Lines("P", select(http.REQUESTS), good="g")', "a counter is shown as it is"),
        ('Lines("P", highest(process.START_TIME), good="g")', "point in time"),
        ('Lines("P", raw("http_requests_total[5m]"), good="g")', "matrix"),
        ('Lines("P", raw("sum(histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m]))))"), good="g")', "quantile"),
    ],
)
def test_what_no_deployment_could_show_is_an_error_at_the_panel(load: Load, panel: str, says: str) -> None:
    with pytest.raises(DashboardError, match=says) as caught:
        bind_dashboard("t", load(f'Row("R",\n{panel})'), GITLAB)
    assert caught.value.location is not None
    assert (caught.value.location.file, caught.value.location.line) == ("t.dashboard.py", 7)


def test_counts_of_different_things_may_share_an_axis(load: Load) -> None:
    dashboard = load('Row("R", Lines("P", {"a": rate(storage.RETRIES), "b": rate(storage.RATE_LIMITED)}, good="g"))')
    assert len(list(bind_dashboard("t", dashboard, GITLAB).panels())) == 1


def test_only_a_dashboard_that_says_so_reads_recorded_series(load: Load) -> None:
    records = [Record("registry:requests:rate", parse("sum by (route) (rate(registry_http_requests_total[5m]))"))]
    row = 'Row("R", Lines("P", rate(http.REQUESTS, by="route"), good="g"))'
    for extra, recorded in (("", False), (", recorded=True", True)):
        bound = bind_dashboard("t", load(row + extra), GITLAB, records)
        [(_, panel)] = bound.panels()
        assert ("registry:requests:rate" in to_text(panel.queries[0].expr)) is recorded
        assert panel.queries[0].legend == "{{route}}"


def test_a_row_may_read_recorded_series_where_its_dashboard_does_not(load: Load) -> None:
    records = [Record("registry:requests:rate", parse("sum by (route) (rate(registry_http_requests_total[5m]))"))]
    panel = 'Lines("P", rate(http.REQUESTS, by="route"), good="g")'
    dashboard = load(f'Row("R", {panel}, recorded=True), Row("S", {panel})')
    found = [panel.queries[0] for _, panel in bind_dashboard("t", dashboard, GITLAB, records).panels()]
    assert ["registry:requests:rate" in to_text(query.expr) for query in found] == [True, False]
    assert [query.recorded for query in found] == [True, False]


def test_a_panel_may_show_more_things_than_there_are_letters(load: Load) -> None:
    shown = ", ".join(f'"{number}": rate(http.REQUESTS)' for number in range(30))
    [(_, panel)] = bind_dashboard("t", load(f'Row("R", Lines("P", {{{shown}}}, good="g"))'), GITLAB).panels()
    refs = [query.ref for query in panel.queries]
    assert refs[:2] + refs[25:] == ["A", "B", "Z", "AA", "AB", "AC", "AD"]


def test_several_things_without_names_are_refused_with_the_way_to_write_them(load: Load) -> None:
    with pytest.raises(DashboardError, match="several things without names") as caught:
        load('Row("R", Lines("P", rate(http.REQUESTS), rate(storage.ACTIONS), good="g"))')
    assert "by_version(new, before=old)" in (caught.value.expected or "")


def test_an_age_that_may_be_never_is_no_line(load: Load) -> None:
    panel = "Lines('P', age(process.START_TIME, or_never=True), good='g')"
    with pytest.raises(DashboardError, match="line of 50 years"):
        bind_dashboard("t", load(f"Row('R', {panel})"), GITLAB)
    assert list(bind_dashboard("t", load(f"Row('R', {panel.replace('Lines', 'Bars')})"), GITLAB).panels())


def test_resources_become_columns_of_one_table_and_what_a_deployment_lacks_is_left_out(load: Load) -> None:
    resources = (
        '{"Descriptors": used(process.OPEN_FDS, of=process.MAX_FDS, by="instance"),'
        ' "Space": left(node.FILESYSTEM_AVAILABLE, of=node.FILESYSTEM_SIZE, by=("instance", "mountpoint"))}'
    )
    dashboard = load(f'Row("R", Saturation("P", {resources}, good="g"))')
    [(_, panel)] = bind_dashboard("t", dashboard, GITLAB).panels()
    assert [query.name for query in panel.queries] == ["used", "full in"]
    assert [query.type.unit for query in panel.queries] == [Unit.RATIO, Unit.SECONDS]
    share, lasts = (to_text(query.expr) for query in panel.queries)
    for text in (share, lasts):
        assert '"resource", "Descriptors", "", "")' in text
        assert '"resource", "Space", "", "")' in text
        assert "topk(1, " in text
    assert "offset 6h" in lasts  # a forecast needs the hours that it is made from
    assert re.search(r"\(process_max_fds\S*\) > 0\) - max by", lasts)  # a limit of 0 is none: it is never reached
    without = Vocabulary(Flavor.GITLAB, capabilities=frozenset())
    bound = bind_dashboard("t", dashboard, without)
    [(_, panel)] = bound.panels()
    assert '"Space"' not in to_text(panel.queries[0].expr)
    assert {lacking.name for _, lacking in bound.left_out()} == {"used: Space", "full in: Space"}


def test_the_time_that_a_budget_lasts_follows_the_period_of_the_deployment(load: Load) -> None:
    text = 'Row("R", Table("P", burn_time(lowest(slo.BUDGET_REMAINING), highest(slo.BURN_RATE("1h"))), good="g"))'
    for days in (7, 28):
        bound = bind_dashboard("t", load(text), GITLAB, period=Duration(days * 86_400_000))
        [(_, panel)] = bound.panels()
        assert f"* {days * 86_400} /" in to_text(panel.queries[0].expr)
        assert panel.queries[0].type.unit is Unit.SECONDS
