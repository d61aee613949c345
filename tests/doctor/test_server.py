from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import nan
from pathlib import Path

import pytest

from regobs.build import build_files
from regobs.catalog import METRICS, kubernetes, load_balancing, prometheus_server, redis_server, targets
from regobs.catalog.model import Capability, Exposer, Metric
from regobs.config import Config, read_config
from regobs.doctor import Status, absent, text
from regobs.doctor.diagnosis import missing
from regobs.doctor.facts import Up, tells
from regobs.doctor.gather import add_series, gather
from regobs.doctor.questions import RuleQuestion
from regobs.doctor.report import DoctorReport, FiringAlert, Problem
from regobs.doctor.server import ServerState, look_at, of_deployment, since_text, state_problems
from regobs.errors import Location, ServerError
from regobs.prometheus import Prometheus, QueryAnswer, Sample
from regobs.prometheus.state import Alert, LoadedRule, RuleGroup, Target
from regobs.promql import parse
from regobs.promql.nodes import Duration, Matcher, MatchOp
from regobs.slo.links import runbook_file
from regobs.slo.model import Period
from tests.doctor.stub import NOW as SERVED
from tests.doctor.stub import OneRegistry
from tests.doctor.world import IN_FLIGHT, TARGET, facts, gitlab, rule
from tests.prometheus.stub import NOT_FOUND, Reply, Request, Stub, success, vector
from tests.slo.packs import BUNDLED, GITLAB, bundled_alerts, bundled_rules

NOW = 1_000_000.0
DAY = 86_400_000
SCRAPED = Target(TARGET, "registry", "http://a:5001/metrics", "up", last_scrape=NOW - 5, interval=15.0)
GROUP = RuleGroup("causes", "f", 15.0, (), evaluation_time=0.1, last_evaluation=NOW - 5)
HEALTHY = ServerState(NOW, (SCRAPED,), (GROUP,), Duration(90 * DAY))
RULES = (RuleQuestion("alerting", "RegistryDown", "causes", parse("up == 0")),)
CONFIG = Config()


def plain(rules: Iterable[RuleQuestion]) -> set[str]:
    """The groups that name no interval of their own."""
    return {rule.group for rule in rules if not rule.own_interval}


def said(**changes: object) -> list[str]:
    state = replace(HEALTHY, **changes)  # type: ignore[arg-type]
    return [problem.text for problem in state_problems(state, CONFIG, plain(RULES))]


def test_a_server_with_alerts_and_no_alertmanager_is_said_to_tell_nobody() -> None:
    alerting = (replace(GROUP, rules=(LoadedRule("alerting", "RegistryDown", "up == 0", {}),)),)
    [text] = said(groups=alerting, alertmanagers=())
    assert text.startswith("the server knows no Alertmanager")
    assert said(groups=alerting, alertmanagers=("a:9093",)) == []
    assert said(groups=alerting, alertmanagers=None) == [], "VictoriaMetrics and Thanos do not say"
    recording = (replace(GROUP, rules=(LoadedRule("recording", "a:b:c", "up", {}),)),)
    assert said(groups=recording, alertmanagers=()) == [], "it has no alert to send"


def test_a_healthy_server_has_nothing_to_say() -> None:
    assert said() == []
    assert state_problems(ServerState(NOW), CONFIG, plain(RULES)) == ()


@pytest.mark.parametrize(("days", "words"), [(15, "error budgets look back 28d"), (28, "regobs.toml says 30d")])
def test_a_retention_below_the_period_or_the_settings_is_said(days: int, words: str) -> None:
    [found] = said(retention=Duration(days * DAY))
    assert f"keeps {days}d" in found
    assert words in found
    assert said(retention=Duration(30 * DAY)) == []


def test_a_retention_below_the_period_of_one_slo_is_said_with_the_place_of_that_period() -> None:
    place = Location("pack/alerts/own.slo.yaml", 7, 3)
    slos = [
        replace(bundled_rules().slos[0].slo, name=name, period=Period(Duration(days * DAY)), period_location=where)
        for name, days, where in (("own", 90, place), ("of-the-settings", 90, None), ("short", 7, place))
    ]
    state = replace(HEALTHY, retention=Duration(30 * DAY))
    [problem] = state_problems(state, CONFIG, plain(RULES), slos)
    assert problem.text.startswith("the server keeps 30d, and the error budget of own looks back 90d")
    assert problem.change.endswith("shorten its timeWindow, pack/alerts/own.slo.yaml:7")
    assert state_problems(HEALTHY, CONFIG, plain(RULES), slos) == ()


def test_another_scrape_interval_than_that_of_the_settings_is_said() -> None:
    [found] = said(targets=(replace(SCRAPED, interval=60.0, last_scrape=NOW - 50),))
    assert found == "the registry is scraped every 1m, regobs.toml says 15s"


def test_another_evaluation_interval_is_said_of_groups_without_one_of_their_own() -> None:
    minute = replace(GROUP, interval=60.0)
    assert said(groups=(minute,)) == ["rules are evaluated every 1m, regobs.toml says 15s"]
    own = [replace(rule, own_interval=True) for rule in RULES]
    assert state_problems(replace(HEALTHY, groups=(minute,)), CONFIG, plain(own)) == ()


def test_late_scrapes_and_evaluations_are_the_servers_own_fault_and_come_first() -> None:
    late = replace(SCRAPED, last_scrape=NOW - 46)
    first, second, *_ = said(
        targets=(late,), groups=(replace(GROUP, last_evaluation=NOW - 46),), retention=Duration(DAY)
    )
    assert "1 of 1 target was last scraped" in first
    assert "1 of 1 rule group was last evaluated" in second
    assert said(targets=(replace(SCRAPED, last_scrape=NOW - 45),)) == []


def test_a_group_that_takes_longer_than_its_interval_is_named() -> None:
    [found] = said(groups=(replace(GROUP, evaluation_time=15.1),))
    assert found.startswith("the rule group causes takes 15.1 s")
    assert said(groups=(replace(GROUP, evaluation_time=15.0),)) == []


def test_other_targets_that_are_down_are_counted_and_one_is_named() -> None:
    node = Target({"job": "node", "instance": "n:9100"}, "node", "u", "down", last_error="refused")
    [found] = said(targets=(SCRAPED, node, replace(node, labels={"job": "node", "instance": "m:9100"})))
    assert found.startswith("2 of 3 targets of the server are down")
    assert "node at n:9100 and 1 more: refused" in found


ALERT = {
    "labels": {"alertname": "RegistryDown", "severity": "page"},
    "annotations": {"runbook_url": "https://r.example/RegistryDown"},
    "state": "firing",
    "activeAt": "1970-01-12T13:40:00.123456789Z",
    "value": "1e+00",
}


def look(scope: Sequence[Matcher] = (), runbook_url: str = "", **replies: Reply) -> ServerState:
    clock = success({"resultType": "scalar", "result": [NOW, str(NOW)]})
    paths = {f"/api/v1/{name.replace('__', '/')}": reply for name, reply in replies.items()}
    with Stub({"/api/v1/query": clock, **paths}) as stub, Prometheus(stub.url) as prometheus:
        prometheus.query("1")
        return look_at(prometheus, ["RegistryDown"], scope=scope, runbook_url=runbook_url)


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        ({}, ["production", "staging", ""]),
        ({"env": "production"}, ["production", ""]),
        ({"env": "nowhere"}, []),  # no target is there, so an alert without the label is none of it
    ],
)
def test_alerts_of_another_deployment_are_left_out(scope: dict[str, str], found: list[str]) -> None:
    kinds = [{"env": "production"}, {"env": "staging"}, {}]
    alerts = [{**ALERT, "labels": {"alertname": "RegistryDown", "severity": "page", **kind}} for kind in kinds]
    target = {"labels": {"job": "registry", "env": "production"}, "scrapePool": "p", "scrapeUrl": "u", "health": "up"}
    state = look(
        [Matcher(label, MatchOp.EQUAL, value) for label, value in scope.items()],
        alerts=success({"alerts": alerts}),
        targets=success({"activeTargets": [target]}),
    )
    assert [one.labels.get("env", "") for one in state.firing] == found
    assert len(state.active) == len(found)


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ({"production": "inactive", "staging": "firing"}, "inactive"),
        ({"production": "pending", "staging": "firing"}, "pending"),
        ({"production": "firing", "staging": "pending"}, "firing"),
    ],
)
def test_a_rule_has_the_state_of_the_alerts_of_its_deployment(states: dict[str, str], state: str) -> None:
    alerts = [Alert({"env": env}, {}, one, "", 1.0) for env, one in states.items() if one != "inactive"]
    rule = LoadedRule("alerting", "RegistryDown", "up == 0", {}, state="firing", alerts=tuple(alerts))
    own = of_deployment(rule, [Matcher("env", MatchOp.EQUAL, "production")], None)
    assert (own.state, [alert.labels for alert in own.alerts]) == (
        state,
        [{"env": "production"}][: state != "inactive"],
    )
    assert of_deployment(rule, (), None) == rule


def test_an_alert_without_the_labels_of_a_deployment_stays_where_no_target_is_known() -> None:
    state = look([Matcher("env", MatchOp.EQUAL, "nowhere")], alerts=success({"alerts": [ALERT]}))
    assert [one.name for one in state.firing] == ["RegistryDown"]


def test_pages_come_first_and_causes_before_budgets_that_burn() -> None:
    kinds = [{"severity": severity, **slo} for severity in ("ticket", "page") for slo in ({"slo": "a"}, {})]
    alerts = [{**ALERT, "labels": {"alertname": "RegistryDown", **kind}} for kind in kinds]
    firing = look(alerts=success({"alerts": alerts})).firing
    assert [one.labels for one in firing] == [kinds[3], kinds[2], kinds[1], kinds[0]]


def test_firing_alerts_of_the_build_have_value_and_runbook() -> None:
    other = {**ALERT, "labels": {"alertname": "Other"}}
    helper = {**ALERT, "labels": {**ALERT["labels"], "severity": "none"}}  # type: ignore[dict-item]
    pending = {**ALERT, "state": "pending"}
    state = look(
        alerts=success({"alerts": [pending, other, helper, ALERT]}),
        status__runtimeinfo=success({"storageRetention": "15d or 1GB"}),
    )
    [alert] = state.firing
    assert (alert.name, alert.labels, alert.value) == ("RegistryDown", {"severity": "page"}, 1.0)
    assert alert.runbook == "https://r.example/RegistryDown"
    assert since_text(alert, NOW) == "began 6m ago"
    assert state.retention == Duration(15 * DAY)
    assert state.now == NOW


def test_a_server_that_says_nothing_of_itself_is_no_problem() -> None:
    state = look(query=vector(({"alertname": "RegistryDown", "alertstate": "firing", "pod": "a"}, "1")))
    assert (state.targets, state.groups, state.retention) == (None, None, None)
    assert [(alert.name, alert.labels) for alert in state.firing] == [("RegistryDown", {"pod": "a"})]
    assert NOT_FOUND.status == 404


class OnlySamples(OneRegistry):
    """A server that evaluates no rules, to which another one writes the alerts of its rules."""

    def query(self, text: str, time: float | None = None, *, stats: bool = False) -> QueryAnswer:
        fired = {"alertname": "RegistryDown", "pod": "a"}
        stored = {
            "ALERTS": Sample({**fired, "__name__": "ALERTS", "alertstate": "firing"}, 1.0, SERVED),
            "ALERTS_FOR_STATE": Sample({**fired, "__name__": "ALERTS_FOR_STATE"}, SERVED - 360, SERVED),
        }
        found = stored.get(text)
        return QueryAnswer("vector", samples=(found,)) if found else super().query(text, time, stats=stats)


def test_of_alerts_that_only_samples_show_the_time_since_when_is_that_of_their_state() -> None:
    [alert] = look_at(OnlySamples(), ["RegistryDown"]).firing
    assert since_text(alert, SERVED) == "began 6m ago"


def test_firing_alerts_and_the_servers_state_come_first_also_when_only_failures_are_shown() -> None:
    alert = FiringAlert("RegistryDown", {"severity": "page"}, 0.5, "", "https://r.example/RegistryDown")
    report = DoctorReport("u", "2.42", "gitlab", "", (), firing=(alert,), state=(Problem("it is behind", "more CPU"),))
    lines = text(report, failing_only=True).splitlines()
    assert lines[2:4] == ["Firing now", "  RegistryDown  (severity=page)  value 0.5"]
    assert lines[4] == "      runbook: https://r.example/RegistryDown"
    assert lines[6:9] == ["The server itself", "  - it is behind", "    change: more CPU"]
    assert report.as_data(failing_only=True)["firing"][0]["value"] == 0.5
    unknown = replace(report, firing=(replace(alert, value=nan),))
    assert unknown.as_data()["firing"][0]["value"] is None


def test_an_alert_without_an_address_names_the_runbook_of_the_build_and_the_setting() -> None:
    alert = FiringAlert("RegistryDown", {"severity": "page"}, 0.5)
    lines = text(DoctorReport("u", "2.42", "gitlab", "", (), firing=(alert,))).splitlines()
    assert lines[4] == "      runbook: runbooks/RegistryDown.md of the build, or `regobs query runbook RegistryDown`"
    assert lines[5].startswith("  `runbook_url` under [alerts] in regobs.toml ")
    assert (alert.as_data()["runbook"], alert.as_data()["runbook_file"]) == (None, "runbooks/RegistryDown.md")
    assert read_config('[alerts]\nrunbook_url = "https://r.example"\n', Path("a.toml")).runbook_url
    linked = replace(alert, runbook="https://r.example/RegistryDown.md")
    assert "runbook_url" not in text(DoctorReport("u", "2.42", "gitlab", "", (), firing=(linked,)))


def test_every_alert_of_a_build_has_the_runbook_file_that_is_named() -> None:
    files = build_files(GITLAB, BUNDLED, rule_tests=False)
    named = {runbook_file(name) for name in bundled_alerts()}
    assert named
    assert named <= files.keys()


def test_an_alert_of_the_past_links_to_where_runbooks_are_published() -> None:
    state = look(alerts=success({"alerts": [{**ALERT, "annotations": {}}]}), runbook_url="https://r.example/")
    assert [one.runbook for one in state.firing] == ["https://r.example/RegistryDown.md"]
    said = look(alerts=success({"alerts": [ALERT]}), runbook_url="https://r.example/")
    assert [one.runbook for one in said.firing] == ["https://r.example/RegistryDown"]


@pytest.mark.parametrize(
    ("targets", "says_no_cluster"),
    [
        ((TARGET,), True),
        ((TARGET, {"job": "node", "instance": "a:9100", "kubernetes_namespace": "x"}), False),
        (({**TARGET, "pod": "registry-1"},), False),
        ((), False),
    ],
)
def test_on_hosts_a_cluster_s_metrics_are_not_asked_for(
    targets: tuple[dict[str, str], ...], says_no_cluster: bool
) -> None:
    server = facts(up=tuple(Up(one, healthy=True) for one in targets))
    deployment = gitlab(Capability.KUBERNETES)
    for metric in (kubernetes.REPLICAS_AVAILABLE, redis_server.CLUSTER_STATE):
        verdict = absent.explain(server, deployment, metric.name, metric)
        assert verdict.status is Status.EMPTY
        of_cluster = metric.exposer is Exposer.KUBE_STATE
        assert ("no target here has a pod or a namespace" in verdict.reason) == (of_cluster and says_no_cluster)


def test_what_a_deployment_can_never_have_is_said_as_such() -> None:
    server = facts(live=facts().live | {"redis_up"})
    name = redis_server.CLUSTER_STATE.name
    verdict = absent.explain(server, gitlab(Capability.REDIS_EXPORTER), name, redis_server.CLUSTER_STATE)
    assert verdict.status is Status.LEFT_OUT
    assert "only in a Redis Cluster" in verdict.reason
    unscraped = absent.explain(facts(), gitlab(Capability.REDIS_EXPORTER), name, redis_server.CLUSTER_STATE)
    assert (unscraped.status, "redis_exporter, which is not scraped" in unscraped.reason) == (Status.EMPTY, True)
    pool = load_balancing.POOL_STATUS.name
    balanced = facts(live=facts().live | {pool}, own=facts().own | {pool, IN_FLIGHT})
    lookups = load_balancing.DNS_LOOKUPS
    verdict = absent.explain(balanced, gitlab(Capability.LOAD_BALANCING), lookups.series[0], lookups)
    assert verdict.status is Status.LEFT_OUT
    assert "service discovery" in verdict.reason


def test_what_a_scraped_exporter_lacks_is_not_said_to_be_unscraped() -> None:
    server, name = facts(live=facts().live | {redis_server.UP.name}), redis_server.REPLICAS.name
    verdict = absent.explain(server, gitlab(Capability.REDIS_EXPORTER), name, redis_server.REPLICAS)
    assert verdict.status is Status.EMPTY
    assert verdict.reason == f"redis_exporter is scraped, but {name} is not among its metrics"


@pytest.mark.parametrize("metric", [prometheus_server.ALERTS_SENT, prometheus_server.ALERTS_FAILED])
@pytest.mark.parametrize("unknown", [True, False])
def test_a_server_that_knows_no_alertmanager_has_no_series_of_what_it_sends_there(
    metric: Metric, unknown: bool
) -> None:
    server = facts(live=facts().live | {prometheus_server.CONFIG_LOADED.name}, no_alertmanager=unknown)
    verdict = absent.explain(server, gitlab(Capability.PROMETHEUS), metric.name, metric)
    assert (verdict.status is Status.LEFT_OUT) is unknown
    assert ("the server knows none" in verdict.reason) is unknown
    other = prometheus_server.ALERTMANAGERS
    assert "is not among its metrics" in absent.explain(server, gitlab(Capability.PROMETHEUS), other.name, other).reason


def test_what_prometheus_says_of_every_target_is_no_sign_that_it_is_scraped() -> None:
    every, doctor = {"up", "scrape_duration_seconds", "ALERTS"}, gitlab(Capability.PROMETHEUS)
    name, own = prometheus_server.CONFIG_LOADED.name, prometheus_server.ALERTMANAGERS.name
    for live, reason in [
        (every, f"{name} comes from prometheus, which is not scraped"),
        ({*every, own}, f"prometheus is scraped, but {name} is not among its metrics"),
    ]:
        verdict = absent.explain(facts(live=facts().live | live), doctor, name, prometheus_server.CONFIG_LOADED)
        assert (verdict.status, verdict.reason) == (Status.EMPTY, reason)
    verdict = absent.explain(facts(), doctor, targets.ALERTS.name, targets.ALERTS)
    assert verdict.status is Status.QUIET


@pytest.mark.parametrize("exposer", sorted({one.exposer for one in METRICS.values() if one.exposer.is_neighbour}))
def test_each_process_beside_the_registry_has_metrics_that_tell_it(exposer: Exposer) -> None:
    assert any(tells(one) for one in METRICS.values() if one.exposer is exposer)


def test_series_that_ended_while_the_doctor_looked_are_missing_and_not_without_labels() -> None:
    name = "registry:slo_bad_events:increase5m"
    loaded = {name: (rule(name, f"increase({IN_FLIGHT}[5m])"),)}
    seen = facts(live=facts().live | {name}, rules=loaded)
    expr = parse(f'{name}{{slo="pull-blob-availability"}}')
    with Stub({"/api/v1/query": vector(), "/api/v1/labels": success([])}) as stub, Prometheus(stub.url) as prometheus:
        found = add_series(prometheus, gitlab(), seen, [expr])
    assert name not in found.live
    verdict = missing(replace(found, live=found.live | {IN_FLIGHT}, series=facts().series), gitlab(), expr)
    assert verdict is not None
    assert (verdict.status, verdict.reason) == (
        Status.QUIET,
        f"the rule of {name} is evaluated, but gives no series yet: no traffic, or too young",
    )


def test_names_are_asked_for_in_queries_that_every_server_takes() -> None:
    replies = {
        "/api/v1/query": vector(({"__name__": "up"}, "1")),
        "/api/v1/label/__name__/values": success(["up"]),
        "/api/v1/labels": success([]),
    }
    names = [f"a_recorded_series_with_a_long_name:{number}" for number in range(500)]
    with Stub(replies) as stub, Prometheus(stub.url) as prometheus:
        found = gather(prometheus, gitlab(), map(parse, names))
    asked = [request.params["query"][0] for request in stub.requests if "query" in request.params]
    assert 8_000 < max(map(len, asked)) < 16_384
    assert set(names) <= {name for query in asked for name in re.findall(r"[a-z_]+:\d+", query)}
    assert found.live == {"up"}


@pytest.mark.parametrize(
    ("seconds", "is_time"),
    [("0", True), ("253402300799", True), ("253402300800", False), ("-1", False), ("1e308", False), ("NaN", False)],
)
def test_a_server_whose_clock_no_calendar_has_is_none_that_was_understood(seconds: str, is_time: bool) -> None:
    def answered(request: Request) -> Reply:
        of_clock = request.params["query"] == ["time()"]
        return success({"resultType": "scalar", "result": [1, seconds]}) if of_clock else vector()

    with Stub({"/api/v1/query": answered}) as stub, Prometheus(stub.url) as prometheus:
        if is_time:
            assert look_at(prometheus, ()).now == float(seconds)
        else:
            with pytest.raises(ServerError, match="unknown form"):
                look_at(prometheus, ())
