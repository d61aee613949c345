"""The bundled dashboards, as each flavor shows them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest

from regobs.catalog import METRICS
from regobs.catalog.model import Capability, Exposer, Flavor, Unit, Version
from regobs.config import Config, LabelNames
from regobs.documents import load_yaml
from regobs.grafana.layout import COLUMNS
from regobs.grafana.load import load_dashboard
from regobs.grafana.modern import PANEL_TYPES
from regobs.grafana.outputs import Dashboards, manifest, panel_queries
from regobs.grafana.render import LARGEST_ID, render
from regobs.grafana.units import grafana_unit
from regobs.logs.saved import names_in
from regobs.pack import Pack
from regobs.promql import infer, parse
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Number, Selector
from regobs.promql.walk import walk
from regobs.slo import outputs as slo
from regobs.slo.links import dashboard_of, log_query_of
from tests.slo.packs import bundled_alerts

ROOT = Path(__file__).parents[2]
PACK = Pack((("bundled", ROOT),))
FILES = sorted((ROOT / "dashboards").glob("*.dashboard.py"))
WHOLE = frozenset(Capability)
CONFIGS = {
    "gitlab": Config(flavor=Flavor.GITLAB, capabilities=WHOLE),
    "distribution": Config(flavor=Flavor.DISTRIBUTION, capabilities=WHOLE),
    "distribution-2.8": Config(flavor=Flavor.DISTRIBUTION, version=Version(2, 8, 2), capabilities=WHOLE),
    "gitlab-3.60": Config(flavor=Flavor.GITLAB, version=Version(3, 60), capabilities=WHOLE),
    "gitlab-bare": Config(flavor=Flavor.GITLAB, capabilities=frozenset()),
}
SLUGS = (
    *("application-detail", "bucket-detail", "capacity", "clients", "database-detail", "garbage-collection-detail"),
    *("garbage-collection-from-the-database", "repositories-and-namespaces", "storage-growth"),
    *("migration-detail", "notifications-detail", "overview", "pgbouncer-detail", "postgresql-detail", "redis-detail"),
    *("rules-health", "slo", "storage-detail"),
)
Json = dict[str, Any]


def rendered(config: Config) -> dict[str, Json]:
    """The dashboards that a build writes: those of which something is shown."""
    found = Dashboards.of(PACK, config)
    return {bound.slug: render(bound, found.setting) for bound in found.bound if any(bound.panels())}


DASHBOARDS = {(name, slug): data for name, config in CONFIGS.items() for slug, data in rendered(config).items()}
every_dashboard = pytest.mark.parametrize("key", DASHBOARDS, ids="/".join)


def panels(dashboard: Json) -> Iterator[Json]:
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def charts(dashboard: Json) -> Iterator[Json]:
    return (panel for panel in panels(dashboard) if panel["type"] != "row")


def queries(dashboard: Json) -> Iterator[str]:
    return (target["expr"] for panel in charts(dashboard) for target in panel["targets"])


def test_every_dashboard_of_the_pack_is_there_and_under_test() -> None:
    assert {path.name.removesuffix(".dashboard.py") for path in FILES} == set(SLUGS)
    assert {slug for name, slug in DASHBOARDS if name == "gitlab"} == set(SLUGS)
    assert all(list(charts(DASHBOARDS["gitlab", slug])) for slug in SLUGS)


@every_dashboard
def test_every_query_parses_and_makes_sense(key: tuple[str, str]) -> None:
    for text in queries(DASHBOARDS[key]):
        kind = infer(parse(text), CONFIGS[key[0]].vocabulary)
        assert kind.value in {"vector", "scalar"}
        assert not kind.raw_counter


@every_dashboard
def test_every_unit_is_that_of_the_query(key: tuple[str, str]) -> None:
    for panel in charts(DASHBOARDS[key]):
        if panel["type"] in {"table", "alertlist"}:  # a unit for each column, and none
            continue
        for target in panel["targets"]:
            kind = infer(parse(target["expr"]), CONFIGS[key[0]].vocabulary)
            assert panel["fieldConfig"]["defaults"]["unit"] == grafana_unit(kind.unit, per_second=kind.per_second)


@every_dashboard
def test_panels_neither_overlap_nor_leave_a_gap(key: tuple[str, str]) -> None:
    check_places(DASHBOARDS[key])


def test_every_slo_has_a_row_to_be_seen_in_the_table_of_slos() -> None:
    found = Dashboards.of(PACK, CONFIGS["gitlab"], slos=28)
    [bound] = [one for one in found.bound if one.slug == "slo"]
    board = render(bound, found.setting)
    [table] = [panel for panel in charts(board) if panel["type"] == "table"]
    assert 38 * table["gridPos"]["h"] >= 36 * (28 + 1) + 40
    check_places(board)
    assert [one["gridPos"]["h"] for one in charts(DASHBOARDS["gitlab", "slo"]) if one["type"] == "table"] == [16]


def check_places(dashboard: Json) -> None:
    """Whatever stands on one line fills it, and the lines follow each other."""
    groups = [dashboard["panels"], *(row["panels"] for row in dashboard["panels"] if row["type"] == "row")]
    for group in groups:
        places = [panel["gridPos"] for panel in group]
        for a, b in combinations(places, 2):
            apart_x = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
            assert apart_x or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        lines = {(place["y"], place["h"]) for place in places}
        for y, h in lines:
            assert sum(place["w"] for place in places if (place["y"], place["h"]) == (y, h)) == COLUMNS
        heights = sorted(lines)
        assert all(y + h == below for (y, h), (below, _) in pairwise(heights))


@every_dashboard
def test_ids_are_unique_and_small_enough(key: tuple[str, str]) -> None:
    ids = [panel["id"] for panel in panels(DASHBOARDS[key])]
    assert len(ids) == len(set(ids))
    assert all(0 < number <= LARGEST_ID for number in ids)


@every_dashboard
def test_every_panel_says_what_good_looks_like(key: tuple[str, str]) -> None:
    for panel in charts(DASHBOARDS[key]):
        assert re.match(r"Good: \S", panel["description"])


@every_dashboard
def test_every_rate_is_over_the_interval_grafana_chooses(key: tuple[str, str]) -> None:
    for text in queries(DASHBOARDS[key]):
        for node in walk(parse(text)):
            if isinstance(node, Call) and node.function in {"rate", "increase", "irate"}:
                [window] = node.args
                assert isinstance(window, Selector)
                assert window.range is not None
                assert window.range.macro in {"$__rate_interval", "$__range"}


@every_dashboard
def test_variables_are_declared_once_and_all_that_are_used(key: tuple[str, str]) -> None:
    dashboard = DASHBOARDS[key]
    names = [variable["name"] for variable in dashboard["templating"]["list"]]
    assert len(names) == len(set(names))
    used = {name for text in queries(dashboard) for name in re.findall(r"\$(?!__)(\w+)", text)}
    assert used <= set(names)


@every_dashboard
def test_every_panel_is_of_today_and_asks_the_chosen_data_source(key: tuple[str, str]) -> None:
    dashboard = DASHBOARDS[key]
    assert {panel["type"] for panel in panels(dashboard)} <= PANEL_TYPES
    for panel in charts(dashboard):
        assert {part["datasource"]["uid"] for part in [panel, *panel["targets"]]} == {"${datasource}"}


@every_dashboard
def test_no_row_is_empty(key: tuple[str, str]) -> None:
    listed = DASHBOARDS[key]["panels"]
    for row, after in zip(listed, [*listed[1:], {"type": "row"}], strict=True):
        if row["type"] == "row":
            assert row["panels"] or after["type"] != "row"


@every_dashboard
def test_no_panel_collapses_lines_that_have_the_same_legend(key: tuple[str, str]) -> None:
    for panel in charts(DASHBOARDS[key]):
        legends = [target["legendFormat"] for target in panel["targets"]]
        assert len(legends) == len(set(legends))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_panel_is_one_line_of_its_file(path: Path) -> None:
    words = {"Stat", "GaugePanel", "Lines", "Bars", "Table", "Heat"}
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    found = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in words]
    assert all(call.lineno == call.end_lineno for call in found)
    assert len({call.lineno for call in found}) == len(found)


@pytest.mark.parametrize("path", [*FILES, ROOT / "dashboards/measures.py"], ids=lambda path: path.stem)
def test_a_file_reads_from_top_to_bottom_without_a_loop_a_branch_or_a_function(path: Path) -> None:
    machinery = ast.For | ast.While | ast.If | ast.comprehension | ast.FunctionDef | ast.Lambda | ast.IfExp
    assert [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, machinery)] == []


def read_in(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}


def far_from_their_row(text: str) -> list[str]:
    """Names that the row after their definition does not need, neither itself nor through another name."""
    found, waiting = [], dict[str, set[str]]()
    for node in (node for node in ast.parse(text).body if isinstance(node, ast.Assign)):
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in {"Row", "Dashboard"}:
            needed = read_in(call)
            for name in reversed(waiting):  # what a name is made of stands above it
                needed |= waiting[name] if name in needed else set()
            found += [name for name in waiting if name not in needed]
            waiting = {}
        else:
            names = {one.id for target in node.targets for one in ast.walk(target) if isinstance(one, ast.Name)}
            waiting |= dict.fromkeys(sorted(names), read_in(call))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_name_is_defined_just_above_the_first_row_that_needs_it(path: Path) -> None:
    assert far_from_their_row(path.read_text()) == []


def test_a_name_far_above_its_row_is_noticed() -> None:
    text = 'A, b = "a", x\nfirst = Row("F", Stat("S", b))\nsecond = Row("G", Stat("S", b, alert=A))\n'
    assert far_from_their_row(text) == ["A"]
    assert far_from_their_row(text.replace("alert=A", "").replace("b))", "b, A))", 1)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_fits_on_two_screens(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 130


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_holds_no_metric_name_no_promql_and_no_place(path: Path) -> None:
    assert not re.search(r"registry_|\bgo_(?!runtime)|process_|gridPos|\braw\(|=~|\bby \(", path.read_text())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_quantile_is_the_95th(path: Path) -> None:
    def quantiles(expr: Expr) -> Iterator[Expr]:
        return (node.args[0] for node in walk(expr) if isinstance(node, Call) and node.function == "histogram_quantile")

    dashboard = load_dashboard(path)
    choices = (choice for row in dashboard.rows for panel in row.panels for choice in panel.choices)
    found = [q for choice in choices for _, expr in choice for q in quantiles(expr)]
    assert {float(q.value) for q in found if isinstance(q, Number)} <= {0.95}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_alert_that_a_panel_names_exists(path: Path) -> None:
    named = {panel.alert for row in load_dashboard(path).rows for panel in row.panels if panel.alert}
    assert named <= bundled_alerts().keys()


def limits(rule_file: bytes) -> Iterator[tuple[str, float]]:
    """What the alerts of a rule file compare with: name and number, but for those that compare with zero."""
    for group in load_yaml(rule_file.decode(), "").data["groups"]:
        for rule in group["rules"]:
            if "alert" not in rule:
                continue
            for node in walk(parse(rule["expr"])):
                if isinstance(node, Binary) and node.op in {">", "<"} and (edge := literal(node.right)):
                    yield rule["alert"], float(edge)


def test_the_worse_threshold_of_a_panel_is_that_of_its_alert() -> None:
    files = slo.files(PACK, CONFIGS["gitlab"])
    known = [limit for name, data in files.items() if "/rules/" in name for limit in limits(data)]
    watched = [
        (panel.title, panel.alert, panel.thresholds[1], {edge for name, edge in known if name == panel.alert})
        for path in FILES
        for row in load_dashboard(path).rows
        for panel in row.panels
        if panel.alert and panel.thresholds
    ]
    assert len([edges for *_, edges in watched if edges]) >= 12
    # an alert of a certificate counts in days, its panel in seconds
    assert [one for one in watched if one[3] and not {one[2], one[2] / 86_400} & one[3]] == []


def test_panels_link_alerts_that_exist_and_alerts_link_dashboards_that_exist() -> None:
    linked = {panel.alert for path in FILES for row in load_dashboard(path).rows for panel in row.panels} - {"", None}
    assert linked <= set(slo.manifest(PACK, CONFIGS["gitlab"])["alerts"])
    slugs = {path.name.removesuffix(".dashboard.py") for path in FILES}
    assert {dashboard_of(metric.component) for metric in METRICS.values()} <= slugs
    assert {log_query_of(metric.component) for metric in METRICS.values()} <= set(names_in(PACK))


@pytest.mark.parametrize("name", ["gitlab", "distribution"])
def test_every_recorded_series_that_a_panel_reads_is_written_by_a_rule(name: str) -> None:
    config = CONFIGS[name]
    rules = "".join(data.decode() for path, data in slo.files(PACK, config).items() if "/rules/" in path)
    asked = panel_queries(PACK, config, slo.records(PACK, config))
    read = {series for query in asked for series in re.findall(r"registry:\w+(?::\w+)*", query.text)}
    assert len(read) > 10
    assert read <= set(re.findall(r"record: (\S+)", rules))


def test_only_what_a_deployment_lacks_is_left_out() -> None:
    for config in CONFIGS.values():
        for query in panel_queries(PACK, config):
            if query.left_out is not None:
                assert query.text == ""
                assert query.left_out
            else:
                assert query.text


def test_a_whole_gitlab_registry_lacks_only_what_others_have() -> None:
    left_out = {query.left_out for query in panel_queries(PACK, CONFIGS["gitlab"]) if query.left_out}
    assert all(re.search("does not exist in (the newest )?gitlab", reason) for reason in left_out)


def test_a_registry_of_the_time_of_imports_shows_them_and_a_later_one_does_not() -> None:
    row = "Imports (registries from 3.24 until 3.72)"
    shown = {
        name: [query.title for query in panel_queries(PACK, config) if query.row == row and query.left_out is None]
        for name, config in CONFIGS.items()
    }
    assert len(shown.pop("gitlab-3.60")) == 10
    assert not any(shown.values())


def test_the_manifest_lists_every_panel_and_metric() -> None:
    config = CONFIGS["gitlab"]
    described = manifest(PACK, config)
    for (name, slug), dashboard in DASHBOARDS.items():
        if name != "gitlab":
            continue
        entry = described[slug]
        assert {panel["id"] for panel in entry["panels"]} == {panel["id"] for panel in charts(dashboard)}
        texts = {expression["expr"] for panel in entry["panels"] for expression in panel["expressions"]}
        assert texts == set(queries(dashboard))
        listed = {metric["name"] for metric in entry["metrics"]}
        assert entry["capabilities"] == sorted({metric["needs"] for metric in entry["metrics"] if metric["needs"]})
        assert listed == {m for p in entry["panels"] for expression in p["expressions"] for m in expression["metrics"]}


def test_labels_of_a_deployment_become_variables_everywhere() -> None:
    config = CONFIGS["gitlab"]
    config = replace(config, labels=replace(config.labels, environment="env", cluster="cluster", pod="pod"))
    for name, dashboard in rendered(config).items():
        names = [variable["name"] for variable in dashboard["templating"]["list"]]
        own = {"slo"} if dashboard["uid"] == "regobs-slo" else set()
        assert own <= set(names) <= {"datasource", "env", "cluster", "pod", "instance"} | own, name
        assert names[:3] == ["datasource", "env", "cluster"]
        for text in queries(dashboard):
            assert 'env=~"$env"' in text or "registry:slo_target" in text


def test_units_of_the_pack_are_ones_a_reader_knows() -> None:
    units = {p["fieldConfig"]["defaults"].get("unit") for dashboard in DASHBOARDS.values() for p in charts(dashboard)}
    known = {grafana_unit(unit, per_second=per_second) for unit in Unit for per_second in (False, True)}
    assert units - {None} <= known - {"dateTimeAsIso"}


MANY = frozenset(
    {"instance", "pod", "name", "table", "index", "cmd"}
)  # as many values as there are pods, queries or tables
FEW = frozenset(
    {Exposer.POSTGRES, Exposer.PGBOUNCER, Exposer.REDIS, Exposer.NODE, Exposer.PROMETHEUS, Exposer.BLACKBOX}
)


def chosen_few(expr: Expr) -> bool:
    """Whether only the largest or smallest results are shown, in a range panel those of the whole range."""
    match expr:
        case Aggregate("topk" | "bottomk") | Binary("and", _, Aggregate("topk" | "bottomk")):
            return True
        case Call("label_replace", (inner, *_)):
            return chosen_few(inner)
        case Binary("or", left, right):
            return chosen_few(left) and chosen_few(right)
    return False


def test_what_has_a_line_for_each_of_many_shows_the_highest_only() -> None:
    vocabulary, loud = CONFIGS["gitlab"].vocabulary, []
    for query in panel_queries(PACK, CONFIGS["gitlab"]):
        if query.left_out is None:
            few = all(metric.exposer in FEW for metric in query.metrics)  # there are not many servers of these kinds
            chosen = {one.label for node in walk(query.expr) if isinstance(node, Selector) for one in node.matchers}
            grouped = set(infer(query.expr, vocabulary).labels or ()) & MANY - chosen - ({"instance"} if few else set())
            if grouped and not chosen_few(query.expr):
                loud.append(f"{query.dashboard} / {query.title}: {sorted(grouped)}")
    assert loud == []


def test_every_panel_with_an_alert_links_to_it_and_to_its_runbook() -> None:
    config = replace(CONFIGS["gitlab"], runbook_url="https://runbooks.example.com")
    alerts = {
        (path.name.removesuffix(".dashboard.py"), row.title, panel.title): panel.alert
        for path in FILES
        for row in load_dashboard(path).rows
        for panel in row.panels
        if panel.alert
    }
    assert len(alerts) > 25
    found = manifest(PACK, config)
    titles = {(slug, panel["id"]): (panel["row"], panel["title"]) for slug in found for panel in found[slug]["panels"]}
    seen = 0
    for slug, dashboard in rendered(config).items():
        for panel in charts(dashboard):
            alert = alerts.get((slug, *titles[slug, panel["id"]]))
            links = [link["url"] for link in panel.get("links", [])]
            runbook = f"https://runbooks.example.com/{alert}.md"
            own = [link for link in links if not link.startswith("/d/")]
            assert own == ([f"/alerting/list?search={alert}", runbook] if alert else [])
            seen += alert is not None
    assert seen == len(alerts)


def leads_to(panel: Json) -> list[str]:
    """The dashboards that a panel links to, each with the time range and the variables at hand."""
    urls = [link["url"] for link in panel.get("links", []) if link["url"].startswith("/d/")]
    assert all(url.endswith("?${__url_time_range}&${__all_variables}") for url in urls)
    return [url.removeprefix("/d/regobs-").partition("?")[0] for url in urls]


@every_dashboard
def test_a_panel_leads_only_to_other_dashboards_that_are_there(key: tuple[str, str]) -> None:
    there = {slug for name, slug in DASHBOARDS if name == key[0]} - {key[1]}
    for panel in charts(DASHBOARDS[key]):
        assert set(leads_to(panel)) <= there


def test_every_panel_of_the_overview_leads_to_a_detail_dashboard() -> None:
    found = {panel["title"]: leads_to(panel) for panel in charts(DASHBOARDS["gitlab", "overview"])}
    assert [title for title, where in found.items() if not where] == []
    assert found["HTTP latency p95 by route, 5 min"] == ["application-detail"]
    assert found["Burn rate, 1 h"] == ["slo"]
    assert found["Storage latency p95 by action, 5 min"] == ["storage-detail"]
    assert found["Database query latency p95"] == ["database-detail"]
    assert found["GC tasks overdue"] == ["garbage-collection-detail"]
    assert found["Redis latency p95 by instance, 5 min"] == ["redis-detail"]
    assert found["Notification events by type"] == ["notifications-detail"]


def test_the_saved_log_queries_are_reached_from_panels() -> None:
    named = {row.logs_of(panel) for path in FILES for row in load_dashboard(path).rows for panel in row.panels} - {
        "",
        None,
    }
    assert named <= set(names_in(PACK))
    assert len(named) >= 20


def kept(url: str, variable: str) -> bool:
    """Whether an address of a dashboard carries a variable."""
    asked = url.partition("?")[2].split("&")
    return (
        "${__all_variables}" in asked
        or f"${{{variable}:queryparam}}" in asked
        or any(part.startswith(f"var-{variable}=") for part in asked)
    )


LABELLED = Config(
    flavor=Flavor.GITLAB, capabilities=WHOLE, labels=LabelNames(environment="env", cluster="cluster", pod="pod")
)


@pytest.mark.parametrize("config", [CONFIGS["gitlab"], LABELLED], ids=["plain", "labelled"])
def test_every_link_to_a_dashboard_keeps_each_variable_and_the_time(config: Config) -> None:
    seen = 0
    for data in rendered(config).values():
        variables = [one["name"] for one in data["templating"]["list"]]
        assert variables[0] == "datasource"
        for panel in charts(data):
            links = [*panel.get("links", []), *panel["fieldConfig"]["defaults"].get("links", [])]
            for url in (link["url"] for link in links if link["url"].startswith("/d/")):
                seen += 1
                assert "${__url_time_range}" in url
                assert [name for name in variables if not kept(url, name)] == []
                assert url.count("var-instance") <= 1
    assert seen > 100
