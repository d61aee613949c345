from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import inf, nan
from time import process_time

import pytest

from regobs.catalog import METRICS, redis_server
from regobs.catalog.model import Capability, Exposer, Flavor, Version
from regobs.config import Config
from regobs.config.named import Environment
from regobs.doctor import absent
from regobs.doctor.diagnosis import diagnose, judge, missing
from regobs.doctor.examination import deployment_of
from regobs.doctor.facts import Deployment, Series, ServerFacts, Up
from regobs.doctor.verdict import Status, Verdict
from regobs.prometheus.answers import QueryAnswer, Sample
from regobs.prometheus.state import Target
from regobs.promql.nodes import Matcher, MatchOp
from regobs.promql.parse import parse
from tests.doctor.world import (
    IN_FLIGHT,
    REQUESTS,
    ROUTE,
    TARGET,
    distribution,
    facts,
    gitlab,
    requests,
    rule,
    without,
)

RATE = f'sum(rate({REQUESTS}{{job="registry"}}[1m]))'
GC_RUNS = "registry_gc_runs_total"
POOL = "registry_database_lb_pool_size"
EVENTS = "registry_notifications_events_total"


def answer(*values: float) -> QueryAnswer:
    return QueryAnswer("vector", tuple(Sample({}, value, 0.0) for value in values))


def of(known: ServerFacts, text: str = RATE, deployment: object = None) -> Verdict:
    return diagnose(known, deployment or gitlab(), parse(text))  # type: ignore[arg-type]


# What came back


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ((1.0,), Status.DATA),
        ((0.0, 3.0), Status.DATA),
        ((-1.0,), Status.DATA),
        ((inf,), Status.DATA),
        ((nan, 2.0), Status.DATA),
        ((0.0,), Status.ZERO),
        ((0.0, 0.0), Status.ZERO),
        ((0.0, nan), Status.ZERO),
        ((nan,), Status.QUIET),
    ],
)
def test_zero_is_told_from_data_and_from_nothing(values: tuple[float, ...], status: Status) -> None:
    verdict = judge(answer(*values))
    assert verdict is not None
    assert verdict.status is status


def test_an_empty_answer_has_to_be_diagnosed() -> None:
    assert judge(answer()) is None


def test_a_native_histogram_is_data() -> None:
    assert judge(QueryAnswer("vector", (Sample({}, nan, 0.0, {"count": "1"}),))) == Verdict(Status.DATA)


# Nothing is missing, and still nothing came back


def test_a_comparison_that_nothing_passes_is_quiet() -> None:
    verdict = of(facts(), f"{RATE} > 0")
    assert verdict.status is Status.QUIET
    assert "no traffic" in verdict.reason


def test_a_comparison_that_only_marks_removes_nothing() -> None:
    assert of(facts(), f"{RATE} > bool 0").status is Status.EMPTY


def test_too_few_samples_for_a_rate_are_quiet_and_name_the_window() -> None:
    sparse = frozenset({f'{REQUESTS}{{job="registry"}}[1m]'})
    verdict = of(facts(sparse=sparse))
    assert (verdict.status, "fewer than two samples" in verdict.reason) == (Status.QUIET, True)
    assert of(facts()).status is Status.EMPTY


def test_too_few_steps_of_a_subquery_are_quiet_and_name_its_window() -> None:
    window = f'max({IN_FLIGHT}{{job="registry"}})[1h:1m]'
    verdict = of(facts(sparse=frozenset({window})), f"delta({window})")
    assert (verdict.status, window in verdict.reason) == (Status.QUIET, True)
    assert "two subquery steps" in verdict.change
    assert of(facts(), f"delta({window})").status is Status.EMPTY


def test_an_alert_that_is_not_active_is_quiet_whatever_labels_the_active_ones_have() -> None:
    other = {"alertname": "RegistryDown", "alertstate": "firing", "severity": "page"}
    known = replace(facts(), live=facts().live | {"ALERTS"}, series={"ALERTS": Series(frozenset(other), (other,))})
    burn = 'ALERTS{slo="pull-blob", tier="1h", alertstate="firing"}'
    verdict = of(known, burn)
    assert (verdict.status, burn in verdict.reason) == (Status.QUIET, True)
    assert missing(known, gitlab(), parse('ALERTS{alertstate="firing"}')) is None


def test_a_look_back_beyond_the_data_is_quiet() -> None:
    assert of(facts(), f'{REQUESTS}{{job="registry"}} offset 1w').status is Status.QUIET


def test_sides_that_do_not_join_are_a_fault() -> None:
    verdict = of(facts(), f"{REQUESTS} / {IN_FLIGHT}")
    assert (verdict.status, "joins none" in verdict.reason) == (Status.EMPTY, True)


# Which parts of an expression have to be there


def test_one_side_of_an_or_is_enough() -> None:
    known = without(IN_FLIGHT)
    assert missing(known, gitlab(), parse(f"{IN_FLIGHT} or {REQUESTS}")) is None
    assert missing(known, gitlab(), parse(f"{REQUESTS} or {IN_FLIGHT}")) is None
    assert missing(known, gitlab(), parse(f"{IN_FLIGHT} or {IN_FLIGHT}")) is not None


def test_what_unless_takes_away_may_be_missing() -> None:
    known = without(IN_FLIGHT)
    assert missing(known, gitlab(), parse(f"{REQUESTS} unless {IN_FLIGHT}")) is None
    assert missing(known, gitlab(), parse(f"{IN_FLIGHT} unless {REQUESTS}")) is not None


def test_absent_needs_nothing() -> None:
    assert missing(without(IN_FLIGHT), gitlab(), parse(f"absent({IN_FLIGHT})")) is None
    assert missing(without(IN_FLIGHT), gitlab(), parse(f"sum({IN_FLIGHT})")) is not None


def test_a_fault_outweighs_a_quiet_part() -> None:
    quiet, fault = REQUESTS, IN_FLIGHT
    for text in (f"{quiet} / {fault}", f"{fault} / {quiet}"):
        found = missing(without(quiet, fault, own=frozenset({POOL})), gitlab(), parse(text))
        assert found is not None
        assert (found.status, fault in found.reason) == (Status.EMPTY, True)


# The scrape


def down(error: str) -> ServerFacts:
    target = Target(TARGET, "registry", "http://a:5001/metrics", "down", error)
    return without(REQUESTS, IN_FLIGHT, up=(Up(TARGET, healthy=False),), targets=(target,))


def test_a_target_that_is_down_is_named_with_the_error_of_its_scrape() -> None:
    verdict = of(down("dial tcp: connection refused"))
    assert verdict.status is Status.EMPTY
    assert "a:5001" in verdict.reason
    assert "connection refused" in verdict.reason
    assert "start the registry" in verdict.change


def test_a_port_without_metrics_leads_to_the_debug_endpoint() -> None:
    assert "http.debug.prometheus.enabled" in of(down("server returned HTTP status 404 Not Found")).change


def test_a_target_that_is_down_is_found_without_the_servers_target_page() -> None:
    known = without(REQUESTS, up=(Up(TARGET, healthy=False),), targets=None)
    assert "a:5001 is down" in of(known).reason


def test_a_missing_job_is_said_with_the_jobs_there_are() -> None:
    known = without(REQUESTS, up=(Up({"job": "node"}, healthy=True), Up({"job": "other"}, healthy=True)))
    verdict = of(known)
    assert verdict.status is Status.EMPTY
    assert "node, other" in verdict.reason
    assert "selector" in verdict.change


def test_a_server_without_any_target_is_said_so() -> None:
    assert "no target at all" in of(without(REQUESTS, up=())).reason


@pytest.mark.parametrize("name", ["go_goroutines", "python_info", "process_open_fds"])
def test_a_target_that_is_no_registry_is_said_so(name: str) -> None:
    known = without(REQUESTS, IN_FLIGHT, own=frozenset({name}))
    verdict = of(known)
    assert "exposes no metric of a registry" in verdict.reason
    assert "debug" in verdict.change


def test_one_healthy_target_is_enough_to_look_further() -> None:
    other = Up({"job": "registry", "instance": "b:1"}, healthy=False)
    assert "down" not in of(without(REQUESTS, up=(Up(TARGET, healthy=True), other))).reason


# The selector


def test_a_selector_that_removes_everything_is_named_with_the_values_there_are() -> None:
    labels = {"job": "container-registry", "code": "200", "method": "get", "route": ROUTE}
    known = facts(series={REQUESTS: requests(labels)})
    verdict = of(known)
    assert verdict.status is Status.EMPTY
    assert 'job="registry"' in verdict.reason
    assert "job has container-registry" in verdict.reason
    assert 'job="container-registry"' in verdict.change


def of_redis(*, series: bool = True) -> tuple[ServerFacts, Deployment]:
    """A server whose redis_exporter has a job of that name, and settings that give its series another."""
    config = replace(Config(), exposer_matchers={Exposer.REDIS: (Matcher("job", MatchOp.EQUAL, "redis"),)})
    labels = {"job": "redis_exporter", "instance": "r:9121"}
    own = {redis_server.UP.name: Series(frozenset(labels), (labels,))} if series else {}
    targets = (TARGET, labels)
    up = Series(frozenset(labels), targets)
    live = frozenset({"up", *own, *facts().live})
    known = facts(live=live, up=tuple(Up(one, healthy=True) for one in targets), series={**own, "up": up})
    return known, deployment_of(config)


@pytest.mark.parametrize("name", [redis_server.UP.name, "up"])
def test_the_selector_of_a_neighbour_is_named_as_the_setting_to_correct(name: str) -> None:
    verdict = diagnose(*of_redis(), parse(f'{name}{{job="redis"}}'))
    assert verdict.status is Status.EMPTY
    assert verdict.change == (
        'correct `redis_exporter` under [prometheus.selectors] in regobs.toml, for example job="redis_exporter"'
    )


def test_of_a_neighbour_that_shows_no_series_no_job_is_proposed() -> None:
    verdict = diagnose(*of_redis(series=False), parse('up{job="redis"}'))
    assert "job has" in verdict.reason
    assert verdict.change == "correct `redis_exporter` under [prometheus.selectors] in regobs.toml"


def test_a_label_that_the_series_of_a_neighbour_lack_is_of_its_own_setting() -> None:
    known, _ = of_redis()
    env = (Matcher("env", MatchOp.EQUAL, "prod"),)
    deployment = deployment_of(replace(Config(), exposer_matchers={Exposer.REDIS: env}))
    verdict = diagnose(known, deployment, parse(f'{redis_server.UP.name}{{env="prod"}}'))
    assert "take env out of `redis_exporter` under [prometheus.selectors]" in verdict.change


def test_the_same_selector_on_a_target_that_is_down_blames_the_target() -> None:
    labels = {"job": "other", "code": "200", "method": "get", "route": ROUTE}
    known = facts(series={REQUESTS: requests(labels)}, up=(Up(TARGET, healthy=False),))
    assert "is down" in of(known).reason


def test_a_selector_with_a_label_that_targets_lack_is_said_so() -> None:
    verdict = of(facts(), f'{REQUESTS}{{job="registry",env="prod"}}')
    assert verdict.status is Status.EMPTY
    assert "no label env" in verdict.reason


def test_a_value_that_nothing_had_yet_is_quiet() -> None:
    verdict = of(facts(), f'{REQUESTS}{{job="registry",code=~"5.."}}')
    assert verdict.status is Status.QUIET
    assert "seen code: 200" in verdict.reason


def test_a_bucket_that_the_registry_does_not_have_is_a_fault() -> None:
    name = "registry_http_request_duration_seconds_bucket"
    series = {name: requests({**TARGET, "code": "200", "method": "get", "route": ROUTE, "le": "0.5"})}
    known = facts(live=frozenset({name}), series=series)
    verdict = of(known, f'{name}{{job="registry",le="0.3"}}')
    assert (verdict.status, "there are: 0.5" in verdict.reason) == (Status.EMPTY, True)


def test_another_registry_on_the_same_server_does_not_explain_ours() -> None:
    theirs = {"job": "other", "code": "500", "method": "get", "handler": "manifest"}
    known = facts(series={REQUESTS: requests(*requests().combinations, theirs)})
    verdict = of(known, f'{REQUESTS}{{job="registry",code="500"}}')
    assert (verdict.status, "seen code: 200" in verdict.reason) == (Status.QUIET, True)
    only_theirs = facts(series={REQUESTS: requests(theirs)}, up=(Up(TARGET, healthy=False),))
    assert "is down" in of(only_theirs, f'{REQUESTS}{{job="registry",route="{ROUTE}"}}').reason


# Labels


def test_the_labels_of_the_other_flavor_are_recognised() -> None:
    known = facts(series={REQUESTS: requests({**TARGET, "code": "200", "method": "get", "handler": "manifest"})})
    verdict = of(known, f'{REQUESTS}{{job="registry",route="{ROUTE}"}}')
    assert verdict.status is Status.EMPTY
    assert 'flavor = "distribution"' in verdict.change
    back = of(facts(), f'{REQUESTS}{{job="registry",handler="manifest"}}', distribution())
    assert 'flavor = "gitlab"' in back.change


def test_a_scrape_that_honors_labels_is_told_from_one_that_does_not() -> None:
    series = {REQUESTS: Series(frozenset({"job", "instance"}), ({"job": "registry", "instance": "a"},))}
    verdict = of(facts(series=series), f'{REQUESTS}{{exported_instance="a"}}')
    assert "honor_labels = true" in verdict.change
    renamed = {REQUESTS: Series(frozenset({"job", "exported_shard"}), ({"job": "registry", "exported_shard": "a"},))}
    verdict = of(facts(series=renamed), f'{REQUESTS}{{shard="a"}}')
    assert "honor_labels = false" in verdict.change


def test_a_label_that_no_series_has_is_named_with_those_there_are() -> None:
    verdict = of(facts(), f'{REQUESTS}{{vhost="a"}}')
    assert verdict.status is Status.EMPTY
    assert "no label vhost" in verdict.reason
    assert "code, instance, job, method, route" in verdict.reason


# Why a metric has no series


def test_a_capability_that_is_off_is_named_with_its_switch() -> None:
    verdict = of(facts(), POOL, gitlab(Capability.LOAD_BALANCING, Capability.METADATA_DATABASE))
    known = of(facts(), "go_sql_dbstats_connections_open", gitlab(Capability.METADATA_DATABASE))
    assert (known.status, "metadata_database" in known.reason) == (Status.EMPTY, True)
    assert "database.enabled: true" in known.change
    assert "regobs.toml" in known.change
    assert verdict.status is Status.EMPTY


def test_a_capability_whose_series_all_wait_for_events_may_just_be_quiet() -> None:
    verdict = of(facts(), EVENTS, gitlab(Capability.NOTIFICATIONS))
    sibling = facts(own=frozenset({*facts().own, "registry_notifications_pending"}))
    assert of(sibling, EVENTS, gitlab(Capability.NOTIFICATIONS)).status is Status.QUIET
    assert verdict.change


def test_a_metric_without_its_first_event_is_quiet() -> None:
    verdict = of(without(REQUESTS))
    assert verdict.status is Status.QUIET
    assert "first event" in verdict.reason


def test_a_metric_that_a_binary_may_lack_is_left_out() -> None:
    verdict = of(facts(), "process_network_receive_bytes_total", distribution())
    assert (verdict.status, "is not in this registry" in verdict.reason) == (Status.LEFT_OUT, True)


def test_a_process_in_python_has_no_go_runtime_and_still_the_rest() -> None:
    python = facts(own=frozenset({*facts().own, "python_info"}))
    assert of(python, "go_goroutines").status is Status.LEFT_OUT
    assert of(facts(), "go_goroutines").status is Status.EMPTY
    assert of(python, "process_open_fds").status is Status.EMPTY


def test_a_metric_that_is_there_from_the_start_is_not_excused() -> None:
    verdict = of(without(IN_FLIGHT), IN_FLIGHT)
    assert verdict.status is Status.EMPTY
    assert "regobs catalog check" in verdict.change


@pytest.mark.parametrize(
    "name", ["registry_storage_cache_hits_total", "process_network_receive_bytes_total", "registry_proxy_hits_total"]
)
def test_a_registry_that_shows_an_ended_metric_is_too_old_for_what_came_later(name: str) -> None:
    vocabulary = replace(distribution().vocabulary, version=Version(3), capabilities=frozenset({Capability.PROXY}))
    own = frozenset({IN_FLIGHT, "registry_storage_cache_total"})
    old = facts(own=own, flavor=Flavor.DISTRIBUTION)
    verdict = of(old, name, replace(distribution(), vocabulary=vocabulary))
    assert verdict.status is Status.EMPTY
    assert verdict.reason == (
        f"{name} came in 3.0.0, and this registry is older: it shows registry_storage_cache_total, which ended in 3.0.0"
    )
    assert "to what runs, below 3.0.0" in verdict.change
    unknown = of(facts(own=frozenset({IN_FLIGHT}), flavor=Flavor.DISTRIBUTION), name, distribution())
    assert "older" not in unknown.reason


def test_a_registry_that_shows_a_later_metric_is_too_new_for_what_ended() -> None:
    own = frozenset({IN_FLIGHT, "registry_storage_cache_requests_total"})
    verdict = of(facts(own=own, flavor=Flavor.DISTRIBUTION), "registry_storage_cache_total", distribution())
    assert "ended in 3.0.0, and this registry is newer" in verdict.reason
    assert "3.0.0 or later" in verdict.change


def test_a_metric_that_went_away_is_told_from_one_that_never_was() -> None:
    gone = of(without(IN_FLIGHT), IN_FLIGHT)
    stale = without(IN_FLIGHT, known=frozenset({IN_FLIGHT}))
    assert "gone" not in gone.reason
    assert "is gone" in of(stale, IN_FLIGHT).reason


def test_a_name_that_nobody_knows_is_said_so() -> None:
    assert "neither a metric of the catalog nor recorded" in of(facts(), "registry_nonsense_total").reason


def test_a_registry_that_is_too_old_is_named_with_both_versions() -> None:
    young = max(
        (metric for metric in METRICS.values() if metric.flavors == (Flavor.GITLAB,)),
        key=lambda metric: min(form.since or Version(0) for form in metric.forms),
    )
    since = min(form.since for form in young.forms if form.since)
    deployment = gitlab(*(form.needs for form in young.forms if form.needs))
    old = of(facts(version=Version(1)), young.series[0], deployment)
    assert f"exists since {since}" in old.reason
    assert 'version = "1.0.0"' in old.change
    assert "exists since" not in of(facts(version=since), young.series[0], deployment).reason


def test_a_metric_that_was_removed_is_named_with_both_versions() -> None:
    removed = next(m for m in METRICS.values() if m.flavors == (Flavor.GITLAB,) and all(form.until for form in m.forms))
    until = max(form.until for form in removed.forms if form.until)
    assert f"was removed in {until}" in of(facts(version=until), removed.series[0]).reason
    before = Version(until.major - 1, 99)
    assert "was removed" not in of(facts(version=before), removed.series[0]).reason


def test_a_metric_of_the_other_flavor_is_said_so() -> None:
    verdict = of(facts(flavor=Flavor.DISTRIBUTION), GC_RUNS, gitlab(Capability.GARBAGE_COLLECTION))
    assert "does not exist in flavor distribution" in verdict.reason


def test_a_neighbour_that_is_not_scraped_is_named() -> None:
    verdict = of(facts(), "node_filesystem_avail_bytes")
    assert (verdict.status, "node_exporter" in verdict.reason) == (Status.EMPTY, True)


OWN_EXPORTERS = {
    Exposer.LOG_EXPORTER: "log-exporter",
    Exposer.DATABASE_EXPORTER: "registry-database-exporter",
    Exposer.NOTIFICATION_EXPORTER: "notification_exporter",
    Exposer.REGISTRY_PROBE: "registry-probe",
}


@pytest.mark.parametrize("exposer", OWN_EXPORTERS)
def test_an_exporter_without_any_event_is_scraped_where_a_target_is_its_own(exposer: Exposer) -> None:
    config = Config()
    deployment = deployment_of(config)
    one = next(m for m in METRICS.values() if m.exposer is exposer and all(f.absent_until_observed for f in m.forms))
    nowhere = facts(up=(Up({"job": "registry", "instance": "a"}, healthy=True),))
    verdict = absent.explain(nowhere, deployment, one.name, one)
    assert (verdict.status, verdict.reason) == (
        Status.EMPTY,
        f"{one.name} comes from {exposer.value}, which is not scraped",
    )
    job = OWN_EXPORTERS[exposer]
    for known in (facts(up=(*nowhere.up, Up({"job": job}, healthy=True))), facts(up=())):
        assert absent.explain(known, deployment, one.name, one).status is Status.QUIET
    named = replace(config, exposer_matchers={exposer: (Matcher("job", MatchOp.EQUAL, "mine"),)})
    mine = facts(up=(Up({"job": "mine"}, healthy=True),))
    assert absent.explain(mine, deployment_of(named), one.name, one).status is Status.QUIET
    assert absent.explain(mine, deployment, one.name, one).status is Status.EMPTY


def test_an_environment_that_nothing_is_in_is_named_once_with_its_setting() -> None:
    environments = (Environment("staging", (Matcher("env", MatchOp.EQUAL, "staging"),)),)
    config = replace(Config(), labels=replace(Config().labels, environment="env"), environments=environments)
    deployment = deployment_of(config.within("staging"))
    labels = {**TARGET, "env": "production"}
    series = {name: Series(frozenset(labels), (labels,)) for name in (RECORDED, "up", IN_FLIGHT)}
    server = facts(up=(Up(labels, healthy=True),), live=frozenset(series), series=series)
    for name in series:
        expr = parse(f'{name}{{job="registry", env="staging"}}')
        verdict = diagnose(server, deployment, expr)
        assert verdict.reason == 'no target matches {job="registry", env="staging"}; the values of env are: production'
        assert "`selector` under [environments.staging]" in verdict.change


# Recorded series

RECORDED = "registry:slo_events:increase5m"


def test_a_recorded_series_without_a_rule_asks_for_the_rule_files() -> None:
    verdict = of(facts(), RECORDED)
    assert (verdict.status, "no loaded rule" in verdict.reason) == (Status.EMPTY, True)
    assert "rule_files" in verdict.change


def test_a_server_that_shows_no_rules_is_not_accused_of_having_none() -> None:
    assert "does not show its rules" in of(facts(rules=None), RECORDED).reason


def test_a_rule_that_fails_gives_its_error() -> None:
    known = facts(rules={RECORDED: (rule(RECORDED, REQUESTS, health="err", last_error="many-to-many"),)})
    verdict = of(known, RECORDED)
    assert (verdict.status, "many-to-many" in verdict.reason) == (Status.EMPTY, True)


def test_a_rule_that_was_not_evaluated_yet_is_quiet() -> None:
    known = facts(rules={RECORDED: (rule(RECORDED, REQUESTS, health="unknown", last_evaluation=None),)})
    assert "not evaluated yet" in of(known, RECORDED).reason


def test_a_rule_without_input_is_explained_by_its_input() -> None:
    below = "registry:slo_bad_events:increase5m"
    rules = {RECORDED: (rule(RECORDED, f"sum({below})"),), below: (rule(below, f"sum({IN_FLIGHT})"),)}
    verdict = of(without(IN_FLIGHT, rules=rules), RECORDED)
    assert verdict.status is Status.EMPTY
    assert IN_FLIGHT in verdict.reason


def test_a_rule_with_input_and_no_series_is_quiet() -> None:
    known = facts(rules={RECORDED: (rule(RECORDED, f"sum({IN_FLIGHT})"),)})
    assert of(known, RECORDED).status is Status.QUIET


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (f"{RECORDED} or other:series:sum", Status.QUIET),
        (f"other:series:sum or {RECORDED}", Status.QUIET),
        (f"{RECORDED} and other:series:sum", Status.EMPTY),
        ("another:series:sum or other:series:sum", Status.EMPTY),
    ],
)
def test_of_two_sides_either_of_which_is_enough_one_that_only_waits_is_no_fault(text: str, status: Status) -> None:
    known = facts(rules={RECORDED: (rule(RECORDED, f"sum({IN_FLIGHT})"),)})
    assert of(known, text).status is status


def test_rules_that_read_each_other_come_to_an_end() -> None:
    known = facts(rules={RECORDED: (rule(RECORDED, f"sum({RECORDED})"),)})
    assert of(known, RECORDED).status is Status.QUIET


def test_each_recorded_series_is_looked_at_once_however_many_rules_record_it() -> None:
    names = [f"slo:level{number}:sum" for number in range(12)]
    rules = {
        upper: tuple(rule(upper, f'{lower}{{slo="{slo}"}} or vector(0)') for slo in range(30))
        for lower, upper in pairwise(names)
    }
    rules[names[0]] = (rule(names[0], f"sum({REQUESTS})"), rule(names[0], f"max({names[0]})"))
    begin = process_time()
    verdict = of(without(REQUESTS, rules=rules), names[-1])
    assert verdict.status is Status.QUIET
    assert process_time() - begin < 2


def test_rules_that_read_each_other_end() -> None:
    circle = {"a:b": (rule("a:b", "sum(c:d)"),), "c:d": (rule("c:d", "sum(a:b)"),)}
    assert of(facts(rules=circle), "a:b").status is Status.QUIET


def test_of_an_exporter_whose_targets_are_all_down_it_is_said_that_they_are() -> None:
    deployment, one = deployment_of(Config()), next(m for m in METRICS.values() if m.exposer is Exposer.NODE)
    labels = {"job": "node_exporter", "instance": "h:9100"}
    refused = Target(labels, "node_exporter", "http://h:9100/metrics", "down", "connection refused")
    others = facts().up
    down = facts(up=(*others, Up(labels, healthy=False)), targets=(refused,))
    verdict = absent.explain(down, deployment, one.name, one)
    assert verdict.status is Status.EMPTY
    assert verdict.reason == f"{one.name} comes from node_exporter: the target h:9100 is down: connection refused"
    assert "scrape job" in verdict.change
    assert "add" not in verdict.change
    nowhere = absent.explain(facts(), deployment, one.name, one)
    assert nowhere.reason.endswith("node_exporter, which is not scraped")
    half = facts(up=(*down.up, Up({**labels, "instance": "i:9100"}, healthy=True)))
    assert "is down" not in absent.explain(half, deployment, one.name, one).reason
