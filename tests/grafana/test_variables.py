from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from regobs.catalog import gc, http, node, process, prometheus_server, slo, targets
from regobs.catalog.model import Exposer, Flavor
from regobs.config import Config, LabelNames
from regobs.grafana.modern import to_json
from regobs.grafana.variables import EVERYTHING, Variables
from regobs.promql import bind, latest, rate, to_text, total
from regobs.promql.nodes import Expr, Matcher, MatchOp
from regobs.promql.vocabulary import Vocabulary

GITLAB = Vocabulary(Flavor.GITLAB)
SELECTOR = (Matcher("job", MatchOp.EQUAL, "registry"),)
NODE = (Matcher("mountpoint", MatchOp.EQUAL, "/srv"),)
RECORDED = ("env", "cluster", "stage")
BESIDE = {Exposer.NODE: NODE, Exposer.PROMETHEUS: (Matcher("job", MatchOp.EQUAL, "prometheus"),)}
VARIABLES = Variables(("env", "cluster"), ("stage", "instance"), SELECTOR, BESIDE, recorded=RECORDED)
names = st.sampled_from(("env", "cluster", "stage", "pod", "instance"))


def narrowed(expr: Expr, variables: Variables = VARIABLES) -> str:
    return to_text(variables.apply(bind(expr, GITLAB)))


def test_the_registrys_own_series_get_the_selector_and_every_variable() -> None:
    text = narrowed(total(http.IN_FLIGHT))
    for matcher in ('job="registry"', 'env=~"$env"', 'cluster=~"$cluster"', 'stage=~"$stage"', 'instance=~"$instance"'):
        assert matcher in text


def test_what_prometheus_says_of_its_targets_is_narrowed_like_the_targets() -> None:
    assert 'job="registry"' in narrowed(total(targets.UP))
    assert 'instance=~"$instance"' in narrowed(total(targets.UP))
    assert 'job="prometheus"' not in narrowed(total(targets.UP))


def test_what_prometheus_counts_of_itself_gets_the_selector_of_prometheus() -> None:
    text = narrowed(latest(prometheus_server.HEAD_SERIES))
    assert text == 'prometheus_tsdb_head_series{job="prometheus", env=~"$env", cluster=~"$cluster"}'


def test_alerts_have_no_target_labels_to_select_by() -> None:
    assert narrowed(total(targets.ALERTS)) == 'sum(ALERTS{env=~"$env", cluster=~"$cluster"})'


def test_exporters_beside_the_registry_get_their_own_selector_and_the_shared_variables() -> None:
    text = narrowed(total(node.FILESYSTEM_SIZE))
    assert text == 'sum(node_filesystem_size_bytes{mountpoint="/srv", env=~"$env", cluster=~"$cluster"})'


def test_recorded_series_get_the_variables_whose_labels_the_rules_keep() -> None:
    text = narrowed(latest(slo.BUDGET_REMAINING))
    assert 'env=~"$env"' in text
    assert "instance" not in text
    assert "job" not in text


def test_narrowing_twice_changes_nothing() -> None:
    once = VARIABLES.apply(bind(rate(http.REQUESTS), GITLAB))
    assert VARIABLES.apply(once) == once


@given(st.lists(names), st.lists(names))
def test_no_variable_is_declared_twice(shared: list[str], own: list[str]) -> None:
    variables = Variables(tuple(shared), tuple(own), SELECTOR)
    assert len(set(variables.names)) == len(variables.names)
    assert set(variables.names) == {*shared, *own}


def test_a_label_that_the_selector_fixes_has_no_variable() -> None:
    fixed = replace(VARIABLES, selector=(Matcher("env", MatchOp.EQUAL, "prod"),))
    assert fixed.names == ("cluster", "stage", "instance")
    text = narrowed(total(http.IN_FLIGHT), fixed)
    assert 'env="prod"' in text
    assert "$env" not in text


def test_a_fixed_instance_leaves_the_other_labels_of_recorded_series_alone() -> None:
    fixed = replace(VARIABLES, selector=(Matcher("instance", MatchOp.EQUAL, "a:5001"),))
    assert fixed.scope.recorded == VARIABLES.scope.recorded == ("env", "cluster", "stage")


def test_a_label_that_the_selector_only_limits_keeps_its_variable() -> None:
    limited = replace(VARIABLES, selector=(Matcher("env", MatchOp.REGEX, "prod|staging"),))
    text = narrowed(total(http.IN_FLIGHT), limited)
    assert 'env=~"prod|staging"' in text
    assert 'env=~"$env"' in text


def test_each_variable_offers_values_within_the_choice_of_those_before_it() -> None:
    queries = [
        template.query
        for template in VARIABLES.templates([http.REQUESTS, process.START_TIME, gc.RUNS], VARIABLES.names)
    ]
    assert queries[0] == "prometheus"
    assert queries[1] == 'label_values(process_start_time_seconds{job="registry"}, env)'
    assert queries[2] == 'label_values(process_start_time_seconds{job="registry", env=~"$env"}, cluster)'


def test_all_also_matches_series_without_the_label() -> None:
    templates = VARIABLES.templates([process.START_TIME], VARIABLES.names)[1:]
    assert {template.allValue for template in templates} == {EVERYTHING}
    assert all(template.multi and template.includeAll for template in templates)


def test_a_dashboard_without_a_metric_still_offers_the_data_source() -> None:
    assert [template.name for template in VARIABLES.templates([], VARIABLES.names)] == ["datasource"]


def test_the_labels_of_a_configuration_become_variables() -> None:
    config = Config(labels=LabelNames(environment="env", namespace="ns", pod="pod", instance="node"))
    variables = Variables.of(config)
    assert variables.names == ("env", "ns", "pod", "node")
    assert variables.shared == ("env",)


def test_the_data_source_variable_starts_with_the_configured_one() -> None:
    from grafanalib import core

    def current(name: str) -> object:
        templates = core.Templating(Variables(datasource=name).templates([], ()))
        return to_json(core.Dashboard(title="T", templating=templates))["templating"]["list"][0]["current"]

    assert current("mimir") == {"selected": False, "text": "mimir", "value": "mimir"}
    assert current("") == {}
