from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.catalog.model import Capability, Metric, Version
from regobs.errors import PromqlError
from regobs.promql import (
    Expr,
    Selector,
    Unavailable,
    Vocabulary,
    bind,
    latest,
    mean,
    metrics_of,
    other_than,
    parse,
    quantile,
    rate,
    requirements,
    select,
    to_text,
    total,
    within,
)
from regobs.promql.nodes import Binary
from tests.promql.local import (
    CACHE,
    DISTRIBUTION_WORDS,
    DURATION,
    GC_RUNS,
    GITLAB_WORDS,
    IN_FLIGHT,
    OLD,
    REDIS,
    REQUESTS,
    SIZE,
    UP,
    lookup,
)
from tests.promql.strategies import expressions


def bound(expr: Expr, vocabulary: Vocabulary) -> str:
    return to_text(bind(expr, vocabulary, lookup=lookup))


@pytest.mark.parametrize(
    ("expr", "gitlab", "distribution"),
    [
        (
            select(REQUESTS, route="manifest", method=("get", "head"), code="5xx"),
            'registry_http_requests_total{route="/v2/{name}/manifests/{reference}", method=~"get|head", code=~"5.."}',
            'registry_http_requests_total{handler="manifest", method=~"get|head", code=~"5.."}',
        ),
        (
            select(REQUESTS, route=("manifest", "blob")),
            r'registry_http_requests_total{route=~"/v2/\\{name\\}/manifests/\\{reference\\}|/v2/\\{name\\}/blobs/\\{digest\\}"}',
            'registry_http_requests_total{handler=~"manifest|blob"}',
        ),
        (
            select(REQUESTS, code=other_than("5xx", "404")),
            'registry_http_requests_total{code!~"5..|404"}',
            'registry_http_requests_total{code!~"5..|404"}',
        ),
        (
            select(REQUESTS, method=other_than("get")),
            'registry_http_requests_total{method!="get"}',
            'registry_http_requests_total{method!="get"}',
        ),
        (
            select(REQUESTS, route=other_than("v1_base")),
            'registry_http_requests_total{route!="/gitlab/v1/"}',
            "registry_http_requests_total",
        ),
        (
            rate(REQUESTS, by="route", window="5m"),
            "sum by (route) (rate(registry_http_requests_total[5m]))",
            "sum by (handler) (rate(registry_http_requests_total[5m]))",
        ),
        (
            rate(DURATION, by=("route", "instance"), window="5m"),
            "sum by (route, instance) (rate(registry_http_request_duration_seconds_count[5m]))",
            "sum by (handler, instance) (rate(registry_http_request_duration_seconds_count[5m]))",
        ),
        (
            select(REQUESTS, instance="a:5001"),
            'registry_http_requests_total{instance="a:5001"}',
            'registry_http_requests_total{instance="a:5001"}',
        ),
    ],
)
def test_content_words_become_the_flavors_names(expr: Expr, gitlab: str, distribution: str) -> None:
    assert bound(expr, GITLAB_WORDS) == gitlab
    assert bound(expr, DISTRIBUTION_WORDS) == distribution


@pytest.mark.parametrize(
    ("edge", "matcher"),
    [("1", r'le=~"1|1\\.0"'), ("0.5", 'le="0.5"'), ("10", r'le=~"10|10\\.0"'), ("1.0", r'le=~"1|1\\.0"')],
)
def test_an_edge_is_matched_in_every_spelling(edge: str, matcher: str) -> None:
    assert matcher in bound(within(edge, DURATION), GITLAB_WORDS)


def test_a_large_edge_is_spelled_as_go_does() -> None:
    assert 'le="1.048576e+06"' in bound(within(1048576, SIZE), GITLAB_WORDS)
    assert r'le=~"1024|1024\\.0"' in bound(within(1024, SIZE), GITLAB_WORDS)


def test_booleans_are_words() -> None:
    assert 'noop="false"' in bound(rate(select(GC_RUNS, noop=False)), GITLAB_WORDS)


def test_a_label_that_collides_with_a_target_label_is_exported() -> None:
    expr = rate(select(REDIS, instance="cache"), by="instance", window="5m")
    series = "registry_redis_single_timeouts"
    assert bound(expr, GITLAB_WORDS) == (
        f'sum by (exported_instance) (rate({series}{{exported_instance="cache"}}[5m]))'
    )
    honoring = Vocabulary(GITLAB_WORDS.flavor, honor_labels=True)
    assert bound(expr, honoring) == f'sum by (instance) (rate({series}{{instance="cache"}}[5m]))'


def test_in_text_the_plain_name_is_the_target_label() -> None:
    text = 'sum by (instance) (rate(registry_redis_single_timeouts{instance="a", exported_instance="cache"}[5m]))'
    assert bound(parse(text), GITLAB_WORDS) == text


def test_in_text_the_name_of_a_label_of_the_metric_is_renamed_where_targets_of_the_deployment_have_it_too() -> None:
    vocabulary = Vocabulary(GITLAB_WORDS.flavor, target_labels=frozenset({"instance", "job", "endpoint"}))
    text = 'sum by (endpoint, instance) (registry_notifications_pending{endpoint="hook", instance="a"})'
    renamed = text.replace("endpoint", "exported_endpoint")
    assert to_text(bind(parse(text), vocabulary)) == renamed
    assert to_text(bind(parse(renamed), vocabulary)) == renamed


def test_a_configured_target_label_collides_too() -> None:
    vocabulary = Vocabulary(GITLAB_WORDS.flavor, target_labels=frozenset({"instance", "job", "route"}))
    assert "exported_route" in bound(rate(REQUESTS, by="route"), vocabulary)


@pytest.mark.parametrize(
    ("expr", "vocabulary", "metric", "reason"),
    [
        (rate(CACHE), GITLAB_WORDS, CACHE, "flavor"),
        (rate(GC_RUNS), DISTRIBUTION_WORDS, GC_RUNS, "flavor"),
        (rate(GC_RUNS), Vocabulary(GITLAB_WORDS.flavor, Version(3, 4, 9)), GC_RUNS, "version"),
        (rate(OLD), Vocabulary(GITLAB_WORDS.flavor, Version(4)), OLD, "version"),
        (rate(OLD), GITLAB_WORDS, OLD, "version"),
        (rate(GC_RUNS), Vocabulary(GITLAB_WORDS.flavor, capabilities=frozenset()), GC_RUNS, "capability"),
        (rate(DURATION, by="code"), DISTRIBUTION_WORDS, DURATION, "label"),
        (select(DURATION, code="5xx"), DISTRIBUTION_WORDS, DURATION, "label"),
        (select(REQUESTS, route="v1_base"), DISTRIBUTION_WORDS, REQUESTS, "label"),
        (within("0.25", DURATION), DISTRIBUTION_WORDS, DURATION, "bucket"),
        (within("5", DURATION), GITLAB_WORDS, DURATION, "bucket"),
    ],
)
def test_what_a_vocabulary_lacks_is_unavailable(
    expr: Expr, vocabulary: Vocabulary, metric: Metric, reason: str
) -> None:
    with pytest.raises(Unavailable) as caught:
        bind(expr, vocabulary, lookup=lookup)
    assert (caught.value.metric, caught.value.reason) == (metric, reason)


@pytest.mark.parametrize("version", [Version(3, 5), None, Version(4, 32)])
def test_a_metric_is_there_from_its_first_version_on(version: Version | None) -> None:
    assert bound(rate(GC_RUNS), Vocabulary(GITLAB_WORDS.flavor, version))


def test_a_metric_is_there_just_before_its_end() -> None:
    assert bound(rate(OLD), Vocabulary(GITLAB_WORDS.flavor, Version(3, 99)))


def test_a_word_that_exists_elsewhere_is_left_out_of_a_list() -> None:
    assert bound(select(REQUESTS, route=("v1_base", "blob")), DISTRIBUTION_WORDS).endswith('{handler="blob"}')


@pytest.mark.parametrize(
    ("text", "distribution"),
    [
        ('sum by (route) (rate(registry_http_requests_total{route="/v2/"}[5m]))',
         'sum by (handler) (rate(registry_http_requests_total{handler="base"}[5m]))'),
        ('registry_http_requests_total{route=~".*/blobs/.*"}',
         'registry_http_requests_total{handler=~"blob|blob_upload"}'),
        ('registry_http_requests_total{route!~".*/blobs/.*"}',
         'registry_http_requests_total{handler!~"blob|blob_upload"}'),
        ('registry_http_requests_total{route!="/gitlab/v1/"}', "registry_http_requests_total"),
        ('registry_http_requests_total{route=""}', 'registry_http_requests_total{handler=""}'),
        ('registry_http_requests_total{route=~"$route"}', 'registry_http_requests_total{handler=~"$route"}'),
        ('registry_http_requests_total{code=~"5..", env="x"}', 'registry_http_requests_total{code=~"5..", env="x"}'),
        ('registry_http_request_duration_seconds_bucket{le="1"}',
         r'registry_http_request_duration_seconds_bucket{le=~"1|1\\.0"}'),
        ('registry_http_request_duration_seconds_bucket{le="+Inf"}',
         'registry_http_request_duration_seconds_bucket{le="+Inf"}'),
        ('label_replace(registry_http_requests_total, "r", "$1", "route", "(.*)")',
         'label_replace(registry_http_requests_total, "r", "$1", "handler", "(.*)")'),
        ("registry_http_requests_total / on (route) registry_http_in_flight_requests",
         "registry_http_requests_total / on (handler) registry_http_in_flight_requests"),
        ("sum without (route) (registry_http_requests_total)", "sum without (handler) (registry_http_requests_total)"),
        ("sum by (x) (some_other_metric{route=\"/v2/\"})", "sum by (x) (some_other_metric{route=\"/v2/\"})"),
        ('sum by (route) (registry_http_requests_total{handler="blob"})',
         'sum by (handler) (registry_http_requests_total{handler="blob"})'),
    ],
)  # fmt: skip
def test_text_in_gitlab_names_is_translated(text: str, distribution: str) -> None:
    assert bound(parse(text), DISTRIBUTION_WORDS) == distribution


def test_text_in_gitlab_names_stays_for_gitlab() -> None:
    text = 'sum by (route) (rate(registry_http_requests_total{route=~".*/blobs/.*"}[5m]))'
    assert bound(parse(text), GITLAB_WORDS) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('registry_http_requests_total{route="/gitlab/v1/"}', "label"),
        ('registry_http_requests_total{route=~"/gitlab.*"}', "label"),
        ('registry_http_request_duration_seconds_count{code="500"}', "label"),
        ("sum by (code) (registry_http_request_duration_seconds_count)", "label"),
        ('registry_http_request_duration_seconds_bucket{le="0.25"}', "bucket"),
        ("registry_gc_runs_total", "flavor"),
    ],
)
def test_text_that_a_flavor_cannot_say_is_unavailable(text: str, reason: str) -> None:
    with pytest.raises(Unavailable) as caught:
        bind(parse(text), DISTRIBUTION_WORDS, lookup=lookup)
    assert caught.value.reason == reason


WORDS = [
    rate(select(REQUESTS, route="manifest", code="5xx"), by="route"),
    quantile(0.9, select(DURATION, route=("blob", "base")), by=("route", "method")),
    within(1, DURATION),
    mean(SIZE, by="route"),
    total(IN_FLIGHT, by="route"),
    latest(UP),
    select(REQUESTS, route=other_than("blob", "base")),
]
vocabularies = st.sampled_from([GITLAB_WORDS, DISTRIBUTION_WORDS])


@given(st.sampled_from(WORDS), vocabularies)
def test_binding_leaves_nothing_unbound_and_is_done_once(expr: Expr, vocabulary: Vocabulary) -> None:
    once = bind(expr, vocabulary, lookup=lookup)
    assert parse(to_text(once)) is not None
    assert bind(once, vocabulary, lookup=lookup) == once


@given(expressions, vocabularies)
def test_any_text_is_bound_or_unavailable(expr: Expr, vocabulary: Vocabulary) -> None:
    try:
        once = bind(expr, vocabulary, lookup=lookup)
    except PromqlError:
        return
    assert to_text(once)


def test_metrics_and_their_forms_are_listed() -> None:
    expr = Binary("+", rate(REQUESTS), parse("rate(registry_http_request_size_bytes_sum[5m]) + foo"))
    assert metrics_of(expr, lookup=lookup) == {REQUESTS, SIZE}
    assert [metric for metric, _ in requirements(expr, GITLAB_WORDS, lookup=lookup)] == [SIZE, REQUESTS]
    assert requirements(Selector("foo"), GITLAB_WORDS, lookup=lookup) == []


def test_requirements_of_what_is_off_raise() -> None:
    with pytest.raises(Unavailable) as caught:
        requirements(rate(GC_RUNS), Vocabulary(GITLAB_WORDS.flavor, capabilities=frozenset()), lookup=lookup)
    assert caught.value.capability is Capability.GARBAGE_COLLECTION
