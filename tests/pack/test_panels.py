"""Rules that every panel of every dashboard keeps, in each deployment."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from regobs.catalog.model import Capability, Exposer, Metric, Unit
from regobs.grafana.bound import may_be_never
from regobs.grafana.load import load_dashboard
from regobs.grafana.outputs import Dashboards
from regobs.grafana.panel_links import subjects_of
from regobs.grafana.panels import Lines, States
from regobs.grafana.readings import NEVER, NO_DATA
from regobs.grafana.render import render
from regobs.promql import parse
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Selector
from regobs.promql.shares import is_share
from regobs.promql.walk import selectors, walk
from regobs.slo import outputs
from tests.pack.test_dashboards import (
    CONFIGS,
    DASHBOARDS,
    FILES,
    PACK,
    Json,
    charts,
    every_dashboard,
    queries,
    rendered,
)

ROWS = [(path.stem, row) for path in FILES for row in load_dashboard(path).rows]
PANELS = [(name, panel) for name, row in ROWS for panel in row.panels]

GITLAB = Dashboards.of(PACK, CONFIGS["gitlab"])
BOUND = {bound.slug: bound for bound in GITLAB.bound}
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


def test_a_title_is_one_question_and_a_question_has_one_title() -> None:
    by_title, by_question = defaultdict(set), defaultdict(set)
    for _, panel in PANELS:
        by_title[panel.title].add(panel.choices)
        by_question[panel.choices, panel.title.endswith(", 5 min")].add(
            panel.title
        )  # of recorded series, or of raw ones
    assert {title: len(asked) for title, asked in by_title.items() if len(asked) > 1} == {}
    assert [titles for titles in by_question.values() if len(titles) > 1] == []


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_what_reads_recorded_series_says_their_window_where_its_title_stands_over_raw_ones_too(name: str) -> None:
    records = outputs.records(PACK, CONFIGS[name])
    names = {record.name for record in records}
    found = defaultdict(set)
    for bound in Dashboards.of(PACK, CONFIGS[name], records).bound:
        for _, shown in bound.panels():
            read = {str(one.metric) for query in shown.queries for one in selectors(query.expr)}
            found[shown.panel.title].add(bool(read & names))
    assert sorted(title for title, kinds in found.items() if len(kinds) > 1) == []
    assert {title for title, kinds in found.items() if title.endswith(", 5 min") and kinds == {False}} == set()


def test_no_dashboard_asks_the_same_question_twice() -> None:
    once = [(name, panel) for name, row in ROWS for panel in row.panels if row.repeat is None]
    all_asked = [(dashboard, panel.choices) for dashboard, panel in once]
    twice = {panel.title for dashboard, panel in once if all_asked.count((dashboard, panel.choices)) > 1}
    assert twice == set()


# Words of sentences and of pictures: nobody searches for them, and they tell less than a noun does.
RIDDLES = re.compile(
    r"\b(what|who|whoever|which|whole|way|at a time|say|says|tell|tells|ill|newcomer|saw|mix|hardly|"
    r"above all|danger|promise|kept|keeps|held|let in|get out|asked|passes|the one|throughout|are there|meant)\b",
    re.IGNORECASE,
)
VAGUE = re.compile(r"(In|Open|Up|By|Runs|Keys|Events|Limit|Time|Mean|Size|Version|Network|Memory|Jobs)\b(?! )")


def told_badly(title: str) -> bool:
    """Whether a title is long, a question, a sentence, ends in the air, or holds a word that nobody searches for."""
    hanging = re.search(r"\b(by|of|in|for|to|and|with)$|\bthat\b", title)
    return bool(len(title) > 52 or title.endswith((".", "?")) or hanging or RIDDLES.search(title))


def test_titles_are_short_and_say_of_what() -> None:
    titles = {panel.title for _, panel in PANELS}
    assert [title for title in titles if told_badly(title) or VAGUE.match(title)] == []
    assert [row.title for _, row in ROWS if told_badly(row.title)] == []


def test_texts_and_legends_use_words_that_an_sre_searches_for() -> None:
    texts = {panel.good for _, panel in PANELS}
    texts |= {name for _, panel in PANELS for choice in panel.choices for name, _ in choice}
    assert [text for text in texts if RIDDLES.search(text)] == []
    assert [text for text in texts if len(text) > 72] == []


# What several servers have. A title is read outside its row too, in a search and on a wall: it names the server.
OF_SEVERAL = re.compile(
    r"\b(transactions?|rows (written|read)|checkpoints|deadlocks|locks|rollbacks|connections?|queries|commands|keys)\b",
    re.IGNORECASE,
)
SERVER = re.compile(r"PostgreSQL|PgBouncer|Redis|[Dd]atabase|Transaction ID")


def without_its_server(title: str) -> bool:
    """Whether a title is of something that several servers have, and does not say of which."""
    return bool(OF_SEVERAL.search(title) and not SERVER.search(title))


def test_a_title_says_whose_transactions_queries_or_connections_it_shows() -> None:
    assert {panel.title for _, panel in PANELS if without_its_server(panel.title)} == set()


def test_a_title_without_its_server_is_noticed() -> None:
    assert all(without_its_server(title) for title in ("Transactions", "Rows read", "Queries cancelled on replicas"))
    assert not any(without_its_server(title) for title in ("PostgreSQL transactions", "Redis keys", "Rows migrated"))


@every_dashboard
def test_no_panel_counts_alerts_that_fire_while_nothing_is_wrong(key: tuple[str, str]) -> None:
    """RegistryWatchdog always fires, and alerts that hold others back are told to nobody: their severity is none."""
    of_alerts = [one for text in queries(DASHBOARDS[key]) for one in re.findall(r"ALERTS\b(?:{[^}]*})?", text)]
    named = re.compile(r'severity!="none"|alertname=~?"[A-Za-z|]+"')
    assert [one for one in of_alerts if not named.search(one)] == []


def test_a_riddle_is_noticed_in_a_title() -> None:
    before = ("Buffers written by", "Queries that work", "Age of what a query says", "Which part is ill?")
    now = ("Buffers written by source", "Exporter query success", "Age of exporter query results", "Firing alerts")
    assert all(told_badly(title) for title in before)
    assert not any(told_badly(title) for title in now)


def labels_of(metric: Metric, name: str) -> Iterator[tuple[str, ...]]:
    """The closed values of a label, form by form."""
    for form in metric.forms:
        label = form.label(name)
        if label is not None and label.values is not None:
            yield label.values


def nameless(expr: Expr) -> set[str]:
    """Labels that alone name the lines of an expression, and whose values say nothing: none at all, true and false."""
    found = set()
    for node in walk(expr):
        if not isinstance(node, Aggregate) or node.labels is None or len(node.labels) != 1:
            continue
        [label] = node.labels
        for selector in selectors(node.expr):
            chosen = {word for choice in selector.choices if choice.label == label for word in choice.words}
            for values in labels_of(selector.metric, label) if isinstance(selector.metric, Metric) else ():
                if ("" in values and not chosen) or set(values) == {"true", "false"}:
                    found.add(label)
    return found


def test_every_line_has_a_name_that_says_which_it_is() -> None:
    named = [(panel.title, nameless(expr)) for _, panel in PANELS for choice in panel.choices for _, expr in choice]
    assert [(title, labels) for title, labels in named if labels] == []


def test_how_many_are_up_is_green_at_no_fixed_number() -> None:
    """One of two that is up is no good news: what may be coloured is how many are down."""
    colored = [
        (panel.title, str(selector.metric))
        for _, panel in PANELS
        if panel.thresholds is not None and panel.thresholds[0] > panel.thresholds[1]
        for choice in panel.choices
        for _, expr in choice
        if isinstance(expr, Aggregate) and expr.op in {"sum", "count"}
        for selector in selectors(expr)
        if isinstance(selector.metric, Metric) and selector.metric.unit is Unit.BOOL
    ]
    assert colored == []


def asked(text: str) -> Expr:
    """What a query shows, without what chooses which of it."""
    expr = parse(text)
    while isinstance(expr, Binary) and expr.op == "and":
        expr = expr.left
    return expr.expr if isinstance(expr, Aggregate) and expr.op in {"topk", "bottomk"} else expr


def at_a_time(expr: Expr) -> bool:
    """Whether it is a sum of seconds a second, of which 40 are 40 that wait or work at a time."""
    match expr:
        case Aggregate("sum", Call("rate", (Selector(str(name)),))):
            return re.search(r"seconds(_total|_sum)?$", name) is not None and not re.search("cpu|node_disk", name)
    return False


@every_dashboard
def test_a_share_is_in_percent_and_what_is_at_a_time_is_a_number(key: tuple[str, str]) -> None:
    for panel in charts(DASHBOARDS[key]):
        if panel["type"] not in {"table", "alertlist"}:
            unit = panel["fieldConfig"]["defaults"]["unit"]
            for expr in (asked(target["expr"]) for target in panel["targets"]):
                if isinstance(expr, Binary) and is_share(expr):
                    assert unit == "percentunit", panel["title"]
                if at_a_time(expr):
                    assert unit in {"none", "short"}, panel["title"]


def test_what_is_at_a_time_is_on_these_dashboards() -> None:
    found = {key[1] for key in DASHBOARDS for text in queries(DASHBOARDS[key]) if at_a_time(asked(text))}
    of_exporters = {"repositories-and-namespaces"}
    assert found == {"storage-detail", "redis-detail", "database-detail", "pgbouncer-detail"} | of_exporters


@every_dashboard
def test_every_variable_of_a_dashboard_changes_something(key: tuple[str, str]) -> None:
    used = set(re.findall(r"\$\{?(\w+)", " ".join(queries(DASHBOARDS[key]))))
    names = [variable["name"] for variable in DASHBOARDS[key]["templating"]["list"]]
    assert [name for name in names[1:] if name not in used] == []


@every_dashboard
def test_lines_of_the_largest_are_chosen_once_for_the_whole_range(key: tuple[str, str]) -> None:
    for panel in charts(DASHBOARDS[key]):
        for target in panel["targets"]:
            if target["range"] and re.search("(top|bottom)k", target["expr"]):
                whole = parse(target["expr"])
                assert isinstance(whole, Binary)
                assert whole.op == "and"
                assert isinstance(whole.right, Aggregate)
                assert all(node.at is not None for node in selectors(whole.right))
                assert not any(node.at for node in selectors(whole.left))


def test_an_age_of_what_never_was_reads_never_and_is_no_line() -> None:
    ages = [panel for _, panel in PANELS for choice in panel.choices for _, expr in choice if may_be_never(expr)]
    assert [panel.title for panel in ages] == ["Time since vacuum (top 10)"]
    assert not any(isinstance(panel, Lines | States) for panel in ages)
    [shown] = [one for one in charts(DASHBOARDS["gitlab", "postgresql-detail"]) if one["title"] == ages[0].title]
    [mapping] = shown["fieldConfig"]["defaults"]["mappings"]
    assert (mapping["options"]["from"], mapping["options"]["result"]["text"]) == (NEVER, "never")


@every_dashboard
def test_zero_has_a_place_on_every_axis(key: tuple[str, str]) -> None:
    scales = [
        panel["fieldConfig"]["defaults"]["custom"]["scaleDistribution"]["type"]
        for panel in charts(DASHBOARDS[key])
        if panel["type"] == "timeseries"
    ]
    assert set(scales) <= {"linear", "symlog"}


def told_of(slug: str) -> dict[str, set[str]]:
    """What the panels of a dashboard are about, subject by subject, with the titles."""
    found: dict[str, set[str]] = defaultdict(set)
    for _, panel in BOUND[slug].panels():
        for subject in subjects_of(panel):
            found[subject].add(panel.panel.title)
    return found


def test_a_panel_leads_to_a_dashboard_that_shows_its_metric_or_to_the_one_that_its_file_names() -> None:
    told = {slug: told_of(slug) for slug in BOUND}
    led = [
        (slug, row, panel, link.linkUrl.removeprefix("/d/regobs-").partition("?")[0])
        for slug, bound in BOUND.items()
        for row, panel in bound.panels()
        for link in GITLAB.setting.links.of(slug, row, panel)
        if link.linkUrl.startswith("/d/")
    ]
    assert len(led) > 100
    assert [
        (slug, panel.panel.title, target)
        for slug, row, panel, target in led
        if target != row.see_of(panel.panel) and not set(subjects_of(panel)) & set(told[target])
    ] == []


def test_panels_of_garbage_collection_do_not_lead_to_migrations() -> None:
    about = [panel for _, panel in PANELS if re.match(r"GC\b", panel.title)]
    assert len(about) > 20
    for key, board in DASHBOARDS.items():
        for panel in charts(board):
            if re.match(r"GC\b", panel["title"]):
                assert not [link for link in panel["links"] if "migration" in link["url"]], (key, panel["title"])


def test_latency_asks_for_exemplars_where_the_library_writes_them_and_nowhere_else() -> None:
    bare = replace(CONFIGS["gitlab"], capabilities=CONFIGS["gitlab"].capabilities - {Capability.PYTHON})
    for config, wanted in ((CONFIGS["gitlab"], True), (bare, False)):
        board = rendered(config)["application-detail"]
        asking = {p["title"] for p in charts(board) if any(target.get("exemplar") for target in p["targets"])}
        assert ("HTTP latency p95 by route" in asking) is wanted
        assert ("HTTP latency distribution" in asking) is wanted
        assert not asking & {"Requests by route", "Instances up", "HTTP latency p95", "Go GC pause mean"}


def test_the_probes_are_on_the_overview_with_status_phases_and_certificate() -> None:
    shown = {panel["title"]: panel for panel in charts(DASHBOARDS["gitlab", "overview"])}
    assert "probe_http_status_code" in shown["Blackbox probe HTTP status"]["targets"][0]["expr"]
    assert "by (phase)" in shown["Blackbox probe duration by phase"]["targets"][0]["expr"]
    expiry = shown["Time to certificate expiry"]
    assert [target["expr"].partition(" - ")[2] for target in expiry["targets"]] == ["time()", "time()"]
    assert expiry["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["color"] == "red"


@pytest.mark.parametrize("slug", ["postgresql-detail", "pgbouncer-detail"])
def test_every_panel_of_a_neighbour_leads_somewhere(slug: str) -> None:
    for panel in charts(DASHBOARDS["gitlab", slug]):
        assert panel["links"], panel["title"]


NEIGHBOURS = {Exposer.POSTGRES, Exposer.PGBOUNCER, Exposer.REDIS, Exposer.NODE, Exposer.CADVISOR, Exposer.KUBE_STATE}


def described(config: str, **changes: Any) -> Iterator[tuple[set[Exposer], Json]]:
    """Each panel with the exposers that it reads, in a deployment with some settings more."""
    found = Dashboards.of(PACK, replace(CONFIGS[config], **changes))
    for bound in found.bound:
        panels = {one.panel.title: one for _, one in bound.panels()}
        for panel in charts(render(bound, found.setting)) if panels else ():
            read = {metric.exposer for query in panels[panel["title"]].queries for metric in query.metrics}
            yield read & NEIGHBOURS, panel


def test_a_panel_of_neighbours_says_that_it_shows_all_of_them_unless_they_are_chosen() -> None:
    for exposers, panel in described("gitlab"):
        said = "It shows all that Prometheus scrapes" in panel["description"]
        assert said is bool(exposers - {Exposer.RULES}) or not exposers
    chosen = dict.fromkeys(Exposer, CONFIGS["gitlab"].matchers)
    for _, panel in described("gitlab", exposer_matchers=chosen):
        assert "It shows all that Prometheus scrapes" not in panel["description"]


def test_pods_are_those_of_the_namespace_of_the_registry_where_that_is_known() -> None:
    labels = replace(CONFIGS["gitlab"].labels, namespace="ns")
    seen = 0
    for exposers, panel in described("gitlab", labels=labels):
        if exposers & {Exposer.CADVISOR, Exposer.KUBE_STATE} and panel["type"] != "table":
            assert all('namespace=~"$ns"' in target["expr"] for target in panel["targets"]), panel["title"]
            assert "scrapes from kube-state-metrics" not in panel["description"]
            seen += 1
    assert seen >= 10


def test_every_column_of_the_table_of_slos_is_of_the_chosen_ones() -> None:
    [table] = [one for one in charts(DASHBOARDS["gitlab", "slo"]) if one["title"] == "SLOs by burn rate"]
    assert len(table["targets"]) == 7
    assert [one["expr"] for one in table["targets"] if 'slo=~"$slo"' not in one["expr"]] == []


def test_the_target_of_an_slo_is_shown_whichever_environment_is_chosen() -> None:
    labels = replace(CONFIGS["gitlab"].labels, environment="env", cluster="cluster")
    board = rendered(replace(CONFIGS["gitlab"], labels=labels))["slo"]
    targets = [text for text in queries(board) if "registry:slo_target:ratio" in text]
    assert targets == ['max by (slo) (registry:slo_target:ratio{slo=~"$slo"})']
    assert all('env=~"$env"' in text for text in queries(board) if text not in targets)


def test_the_overview_begins_with_what_fires_and_a_tile_for_each_part() -> None:
    panels = list(charts(DASHBOARDS["gitlab", "overview"]))
    assert panels[0]["type"] == "alertlist"
    tiles = panels[1:8]
    assert {tile["options"]["colorMode"] for tile in tiles} == {"background"}
    assert all(tile["fieldConfig"]["defaults"]["links"] for tile in tiles)


def test_a_legend_of_routes_is_short() -> None:
    [panel] = [one for one in charts(DASHBOARDS["gitlab", "overview"]) if one["title"] == "Requests by route, 5 min"]
    renamed = {one["options"]["renamePattern"] for one in panel["transformations"] if one["id"] == "renameByRegex"}
    assert {"$1manifest$2", "$1blob$2", "$1upload$2"} <= renamed
    for change in panel["transformations"]:
        pattern = change["options"]["regex"]
        found = [
            r
            for r in ("/v2/", "/v2/{name}/blobs/{digest}", "/v2/{name}/blobs/uploads/{uuid}")
            if re.fullmatch(pattern, r)
        ]
        assert len(found) <= 1


def test_every_panel_word_is_used_by_the_pack() -> None:
    words = {type(panel).__name__ for _, panel in PANELS}
    assert words >= {"Alerts", "Bars", "Heat", "Lines", "LongTable", "Saturation", "Stat", "States", "Table", "Tile"}


def test_a_row_stands_there_for_each_instance() -> None:
    config = replace(CONFIGS["gitlab"], labels=replace(CONFIGS["gitlab"].labels, instance="node"))
    [row] = [one for one in rendered(config)["application-detail"]["panels"] if "repeat" in one]
    assert (row["title"], row["repeat"]) == ("Instance $node", "node")
    assert all('node=~"$node"' in target["expr"] for panel in row["panels"] for target in panel["targets"])


WIDE, LETTER = 1440 - 32, 7.0  # pixels of Grafana's grid on a common screen, and of a letter of a title at the mean
AROUND = 8 + 24  # the gap between panels, and the padding and the sign of the description beside the title


@every_dashboard
def test_a_title_has_room_in_its_panel_on_a_screen_of_1440_pixels(key: tuple[str, str]) -> None:
    def room(panel: Json) -> float:
        return float(panel["gridPos"]["w"] * WIDE / 24 - AROUND)

    cut = [one["title"] for one in charts(DASHBOARDS[key]) if len(one["title"]) * LETTER > room(one)]
    assert cut == []


@every_dashboard
def test_the_columns_of_a_table_have_words_and_none_has_the_title_of_the_table(key: tuple[str, str]) -> None:
    for panel in charts(DASHBOARDS[key]):
        if panel["type"] != "table":
            continue
        [organize] = [one["options"] for one in panel["transformations"] if one["id"] == "organize"]
        titles = organize["renameByName"]
        assert panel["title"] not in titles.values()
        grouping = {label for node in walked(panel) for label in node.labels or ()}
        assert [label for label in grouping if "_" in titles.get(label, label)] == []
        words = {word for label in grouping for word in titles.get(label, label).split()}
        assert [word for word in words if len(word) > 12] == []  # several words written as one


def walked(panel: Json) -> Iterator[Aggregate]:
    """The sums of a panel's queries: their labels are columns, as far as no other sum takes them away."""
    for target in panel["targets"]:
        found = (node for node in walk(parse(target["expr"])) if isinstance(node, Aggregate) and not node.without)
        yield from (found if "topk" in target["expr"] else islice(found, 1))


def test_a_legend_of_rule_groups_has_no_path() -> None:
    named = [
        one for one in charts(DASHBOARDS["gitlab", "rules-health"]) if "rule_group" in one["targets"][0]["legendFormat"]
    ]
    assert named
    for panel in named:
        [change] = [one["options"] for one in panel["transformations"] if one["id"] == "renameByRegex"]
        assert re.sub(change["regex"], r"\1", "/etc/prometheus/rules/slo-pull.yaml;slo-pull") == "slo-pull"
        assert re.sub(change["regex"], r"\1", "no path") == "no path"
