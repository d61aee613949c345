"""Where each alert leads: to a dashboard that is built, has the variables, and shows what the alert is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest

from regobs.build.alert_panels import alert_panels
from regobs.catalog import METRICS
from regobs.catalog.model import Capability, Exposer, Flavor
from regobs.config import Config
from regobs.config.model import GrafanaSettings, KibanaSettings, LabelNames, capabilities_of
from regobs.grafana.boards import board_of
from regobs.grafana.outputs import Dashboards
from regobs.grafana.panel_links import metrics_of as metrics_of_panel
from regobs.grafana.render import panel_ids
from regobs.kibana.alert_links import log_addresses
from regobs.logs.saved import load_query
from regobs.logs.to_kql import as_kql
from regobs.promql.bind import metrics_of
from regobs.promql.nodes import Binary, Expr, Matcher, MatchOp
from regobs.promql.parse import parse
from regobs.promql.walk import rebuild, selectors
from regobs.slo.links import uid_of
from regobs.slo.outputs import CompiledRules, compile_rules
from tests.slo.packs import BUNDLED

LABELS = LabelNames(environment="env", cluster="cluster", namespace="namespace", stage="stage", pod="pod")
FIXED = (Matcher("job", MatchOp.EQUAL, "registry"), Matcher("stage", MatchOp.EQUAL, "main"))
CONFIGS = {
    f"{flavor}, {what}": Config(
        flavor=flavor,
        capabilities=capabilities,
        labels=LABELS,
        matchers=FIXED,
        target_labels=frozenset({"instance", "job", "env", "cluster", "namespace", "stage", "pod"}),
        grafana=GrafanaSettings(url="https://grafana.example.com"),
    )
    for flavor, every in ((flavor, capabilities_of(flavor)) for flavor in Flavor)
    for what, capabilities in {
        "everything": every,
        "no neighbour": frozenset(one for one in every if not one.endswith(("_exporter", "_queries"))),
        "neighbours alone": frozenset(one for one in every if one.endswith(("_exporter", "_queries", "probe"))),
        "hosts alone": frozenset({Capability.NODE_EXPORTER}),
    }.items()
}
# Alerts whose dashboard has no panel with a metric of theirs, and why they lead there.
ELSEWHERE = {
    "RegistryWatchdog": "reads no metric",
    "RegistryProbeSlow": "the Overview shows the parts of the time that the blackbox_exporter takes, not their sum",
    "RegistryDiskReadOnly": "a mount is writable or not; Capacity shows the space of the same mounts",
    "RegistryPostgresqlReplicaLags": "PostgreSQL's dashboard shows the lag as each standby tells it",
    "RegistryNotificationsToPeopleFail": "of Alertmanager nothing is shown; the dashboard shows what was handed to it",
    "RegistryNotificationsRefused": "only what was kept is counted by namespace",
}

# Alerts that no deployment is told of: one that fires always, and two of targets that are absent and so have no labels.
WITHOUT_LABELS = {"RegistryWatchdog", "RegistryTargetMissing", "RegistryProbeMissing"}

# Alerts that an exporter does not answer: they are about what it would show.
EXPORTERS = {
    "RegistryCadvisorDown": Exposer.CADVISOR,
    "RegistryCloudwatchExporterDown": Exposer.CLOUDWATCH,
    "RegistryDatabaseExporterDown": Exposer.DATABASE_EXPORTER,
    "RegistryKubeStateMetricsDown": Exposer.KUBE_STATE,
    "RegistryLogExporterDown": Exposer.LOG_EXPORTER,
    "RegistryNodeExporterDown": Exposer.NODE,
    "RegistryNotificationExporterDown": Exposer.NOTIFICATION_EXPORTER,
    "RegistryPgbouncerExporterDown": Exposer.PGBOUNCER,
    "RegistryPostgresqlExporterDown": Exposer.POSTGRES,
    "RegistryProbeDown": Exposer.REGISTRY_PROBE,
    "RegistryRedisExporterDown": Exposer.REDIS,
    "RegistryStackdriverExporterDown": Exposer.STACKDRIVER,
}


# Alerts that lead to all of a dashboard: no panel of it shows what they read, or they read nothing.
WITHOUT_PANEL = {"RegistryWatchdog", *EXPORTERS, *ELSEWHERE}
PANEL = re.compile(r"&viewPanel=(\d+)$")


@cache
def compiled(name: str) -> CompiledRules:
    rules = compile_rules(BUNDLED, CONFIGS[name])
    return rules.showing(alert_panels(rules, dashboards(name)))


@cache
def dashboards(name: str) -> Dashboards:
    return Dashboards.of(BUNDLED, CONFIGS[name], compile_rules(BUNDLED, CONFIGS[name]).records)


def alerts_of(name: str) -> Iterator[dict[str, Any]]:
    groups = [group for groups in compiled(name).group_data.values() for group in groups]
    return (rule for group in groups for rule in group["rules"] if "alert" in rule)


def links(name: str) -> dict[str, tuple[str, str, list[str]]]:
    """The expression of each alert, the slug it leads to, and the variables that it may pass."""
    slugs = {uid_of(one.slug): one.slug for one in dashboards(name).bound}
    found = {}
    for rule in alerts_of(name):
        url = rule["annotations"]["dashboard_url"]
        uid = re.match(r"https://grafana\.example\.com/d/([a-z-]+)\?", url)
        assert uid, url
        found[rule["alert"]] = rule["expr"], slugs[uid[1]], re.findall(r"&var-(\w+)=", url)
    assert len(found) > 10
    return found


@pytest.mark.parametrize("name", CONFIGS)
def test_the_dashboard_of_each_alert_is_built_and_has_the_variables(name: str) -> None:
    made = dashboards(name)
    variables = {
        one.slug: {found["name"] for found in made.built(one)["templating"]["list"]}
        for one in made.bound
        if any(row.panels for row in one.rows)
    }
    for alert, (_, slug, passed) in links(name).items():
        assert slug in variables, (alert, slug)
        assert set(passed) <= variables[slug], (alert, slug)


def _with_its_labels(expr: Expr) -> Expr:
    """The expression without what only says whether a result stays: the right sides of `and` and `unless`."""
    if isinstance(expr, Binary) and expr.op in {"and", "unless"}:
        return _with_its_labels(expr.left)
    return rebuild(expr, _with_its_labels)


@pytest.mark.parametrize("name", CONFIGS)
def test_each_alert_passes_what_tells_deployments_apart_and_its_instance_only_where_it_is_the_registrys(
    name: str,
) -> None:
    for alert, (expr, _, passed) in links(name).items():
        assert passed[:2] == ([] if alert in WITHOUT_LABELS else ["env", "cluster"]), alert
        if "instance" in passed:
            labelled = _with_its_labels(parse(expr))
            exposers = {metric.exposer for metric in metrics_of(labelled)} - {Exposer.PROMETHEUS}
            assert exposers in ({Exposer.REGISTRY}, set()), alert
            jobs = [m.value for node in selectors(labelled) for m in node.matchers if m.label == "job"]
            assert set(jobs[:1]) == {"registry"}, alert


@pytest.mark.parametrize("name", [name for name in CONFIGS if name.endswith("everything")])
def test_the_dashboard_of_an_alert_shows_a_metric_of_its_expression(name: str) -> None:
    rules = compiled(name)
    shown: dict[str, set[str]] = {}
    for one in dashboards(name).bound:
        shown[one.slug] = {metric.name for _, panel in one.panels() for metric in metrics_of_panel(panel)}
    behind = {record.name: {metric.name for metric in metrics_of(record.expr)} for record in rules.records}
    missing = set()
    for alert, (expr, slug, _) in links(name).items():
        nodes = list(selectors(parse(expr)))
        names = {metric.name for metric in metrics_of(parse(expr))}
        names |= {name for node in nodes for name in behind.get(str(node.metric), ())}
        if alert in EXPORTERS:
            names = {metric.name for metric in METRICS.values() if metric.exposer is EXPORTERS[alert]}
        if not names & shown[slug]:
            missing.add(alert)
    redis = {
        alert
        for alert, (*_, slug, _) in links(name).items()
        if alert.startswith("RegistryRedis") and slug == "capacity"
    }
    assert missing - redis == set(ELSEWHERE) & set(links(name))
    assert bool(redis) is name.startswith("distribution")  # its dashboard is about the clients of GitLab's registry too


def test_a_neighbour_that_does_not_answer_leads_to_its_own_dashboard() -> None:
    found = links("gitlab, everything")
    assert {alert: found[alert][1] for alert in found if alert.endswith("ExporterDown")} == {
        "RegistryCloudwatchExporterDown": "bucket-detail",
        "RegistryDatabaseExporterDown": "garbage-collection-from-the-database",
        "RegistryLogExporterDown": "clients",
        "RegistryNodeExporterDown": "capacity",
        "RegistryNotificationExporterDown": "repositories-and-namespaces",
        "RegistryPgbouncerExporterDown": "pgbouncer-detail",
        "RegistryPostgresqlExporterDown": "postgresql-detail",
        "RegistryRedisExporterDown": "redis-detail",
        "RegistryStackdriverExporterDown": "bucket-detail",
    }
    assert (found["RegistryProbeDown"][1], found["RegistryPgbouncerDown"][1]) == ("overview", "pgbouncer-detail")


def test_migrations_lead_to_their_dashboard_and_row_counts_to_that_of_garbage_collection() -> None:
    found = links("gitlab, everything")
    migrations = {alert for alert, (_, slug, _) in found.items() if slug == "migration-detail"}
    assert migrations == {
        *("RegistryMigrationFailed", "RegistryMigrationStuck"),
        *("RegistryMigrationsPending", "RegistryPostMigrationsPending"),
    }
    assert found["RegistryGarbageQueueGrowing"][1] == "garbage-collection-detail"


@pytest.mark.parametrize("name", CONFIGS)
def test_an_alert_leads_to_a_panel_that_names_it_or_shows_what_it_reads(name: str) -> None:
    made, found = dashboards(name), links(name)
    panels = {
        one.slug: {
            number: panel
            for row, panel in one.panels()
            for number in [panel_ids(uid_of(one.slug), one)[row.title, panel.panel.title]]
        }
        for one in made.bound
    }
    ids = {
        one.slug: {panel.number for panel in board_of(made.built(one)).panels}
        for one in made.bound
        if any(one.panels())
    }
    without = set()
    behind = {record.name: {metric.name for metric in metrics_of(record.expr)} for record in compiled(name).records}
    for rule in alerts_of(name):
        alert, number = rule["alert"], PANEL.search(rule["annotations"]["dashboard_url"])
        slug = found[alert][1]
        if number is None:
            without.add(alert)
            continue
        assert int(number[1]) in ids[slug], alert
        panel = panels[slug][int(number[1])]
        read = {metric.name for metric in metrics_of(parse(rule["expr"]))}
        read |= {one for node in selectors(parse(rule["expr"])) for one in behind.get(str(node.metric), ())}
        assert panel.panel.alert == alert or read & {one.name for one in metrics_of_panel(panel)}, alert
    if name == "gitlab, everything":
        assert without <= WITHOUT_PANEL
        assert len(without) < 20


def test_the_mixin_leads_to_the_same_panels() -> None:
    paths = compiled("gitlab, everything").dashboard_paths
    for rule in alerts_of("gitlab, everything"):
        ends = [PANEL.search(one) for one in (paths[rule["alert"]], rule["annotations"]["dashboard_url"])]
        assert len({one[1] if one else "" for one in ends}) == 1, rule["alert"]


@pytest.mark.parametrize("name", CONFIGS)
def test_a_burn_alert_shows_its_own_slo_alone(name: str) -> None:
    burns = [rule for rule in alerts_of(name) if "tier" in rule["labels"]]
    assert bool(burns) is any("slo" in rule["labels"] for rule in alerts_of(name))
    for rule in burns:
        assert "{{ with $labels.slo }}&var-slo={{ . | urlquery }}{{ end }}" in rule["annotations"]["dashboard_url"]
    made = dashboards(name)
    one = next(one for one in made.bound if one.slug == "slo")
    built = made.built(one)
    assert [found["name"] for found in built["templating"]["list"]][-1] == "slo"
    for panel in board_of(built).panels:
        assert all('slo=~"$slo"' in selector for text in panel.texts for selector in re.findall(r"\{[^}]*\}", text))
    assert "$slo" not in str(built["annotations"])
    assert all("$slo" not in str(made.built(one)) for one in made.bound if one.slug != "slo" and any(one.panels()))


def test_each_alert_leads_to_the_lines_of_its_command_in_the_period_and_of_the_labels_of_its_dashboard() -> None:
    fields = {"env": "labels.env", "namespace": "labels.namespace"}
    config = replace(CONFIGS["gitlab, everything"], kibana=KibanaSettings("https://kibana.example.com", fields=fields))
    rules = compiled("gitlab, everything")
    shown = rules.showing(rules.panels, log_addresses(config, BUNDLED, rules.log_lines.values()))
    told = [rule for groups in shown.group_data.values() for one in groups for rule in one["rules"] if "alert" in rule]
    for rule in told:
        texts = rule["annotations"]
        url, board = texts["logs_url"], texts["dashboard_url"]
        name = texts["logs_command"].split()[3]
        assert quote(as_kql(load_query(BUNDLED, name)), safe="!'()*:@,/~") in url, rule["alert"]
        assert re.findall(r"now-(\w+)", url) == re.findall(r"now-(\w+)", board), rule["alert"]
        wanted = [label for label in re.findall(r"&var-(\w+)=", board) if label in fields]
        assert re.findall(r"with \$labels\.(\w+)", url) == wanted, rule["alert"]
    assert {rule["alert"] for rule in told} == set(links("gitlab, everything"))
    assert sum("with $labels.namespace" in rule["annotations"]["logs_url"] for rule in told) > 10
