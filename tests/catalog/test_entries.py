"""What holds for every entry of the catalog."""

import re
from collections import Counter
from itertools import combinations

import pytest

from regobs import catalog
from regobs.catalog import METRICS, by_series, gc, http, notifications, process, redis, removed, slo, storage
from regobs.catalog.model import Exposer, Flavor, Form, Kind, Metric, Version

REGISTRY = [
    metric
    for metric in METRICS.values()
    if metric.exposer is Exposer.REGISTRY and metric.component not in {"instrument", "python_runtime"}
]
EVERY = pytest.mark.parametrize("metric", METRICS.values(), ids=str)


def test_the_number_of_current_metrics_by_flavor() -> None:
    current = {flavor: sum(metric.form(flavor) is not None for metric in REGISTRY) for flavor in Flavor}
    assert current == {Flavor.GITLAB: 117, Flavor.DISTRIBUTION: 58}
    assert sum(metric.form(Flavor.DISTRIBUTION, Version(2, 8)) is not None for metric in REGISTRY) == 49


def test_no_entry_hides_another_of_its_name() -> None:
    names = [value.name for module in catalog.MODULES for value in vars(module).values() if isinstance(value, Metric)]
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert len(METRICS) == len(names) + len(slo.METRICS)


def test_no_series_belongs_to_two_families() -> None:
    series = Counter(name for metric in METRICS.values() for name in metric.series)
    assert [name for name, times in series.items() if times > 1] == []


@EVERY
def test_names_are_metric_names_and_texts_are_sentences(metric: Metric) -> None:
    assert re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", metric.name)
    assert all(text.endswith(".") and text.strip() == text for text in (metric.help, *metric.pitfalls))
    assert metric.forms


@EVERY
def test_buckets_ascend_and_only_histograms_have_them(metric: Metric) -> None:
    for form in metric.forms:
        assert (form.buckets is not None) == (metric.kind is Kind.HISTOGRAM)
        buckets = form.buckets or ()
        assert list(buckets) == sorted(set(buckets))


@EVERY
def test_labels_of_a_form_differ_and_words_stand_for_values(metric: Metric) -> None:
    for form in metric.forms:
        assert len({label.name for label in form.labels}) == len(form.labels)
        assert len({label.exposed for label in form.labels}) == len(form.labels)
        for label in form.labels:
            if label.values is not None:
                assert len(set(label.values)) == len(label.values) > 0
                assert set(label.words.values()) <= set(label.values)
            for pattern in label.patterns.values():
                assert re.fullmatch(pattern, "") is None


def _overlap(one: Form, other: Form) -> bool:
    starts_before_end = one.since is None or other.until is None or one.since < other.until
    ends_after_start = one.until is None or other.since is None or other.since < one.until
    return starts_before_end and ends_after_start


@EVERY
def test_no_version_has_two_forms(metric: Metric) -> None:
    for flavor in Flavor:
        forms = [form for form in metric.forms if flavor in form.flavors]
        assert [pair for pair in combinations(forms, 2) if _overlap(*pair)] == []


@EVERY
def test_the_forms_of_a_metric_have_the_same_content_words(metric: Metric) -> None:
    words: dict[str, set[str]] = {}
    for form in metric.forms:
        for label in form.labels:
            if label.words:
                words.setdefault(label.name, set(label.words))
                shared = words[label.name] & set(label.words)
                assert shared, f"{label.name} has no word that two forms share"


@EVERY
def test_what_is_cumulative_is_a_gauge(metric: Metric) -> None:
    assert not metric.cumulative or metric.kind is Kind.GAUGE


@EVERY
def test_what_every_process_says_alike_is_one_number(metric: Metric) -> None:
    assert not metric.common or metric.kind in {Kind.COUNTER, Kind.GAUGE}


@pytest.mark.parametrize("metric", REGISTRY, ids=str)
def test_an_entry_sits_in_the_module_of_its_component(metric: Metric) -> None:
    module = next(module for module in catalog.MODULES if metric in vars(module).values())
    assert module.__name__ == f"regobs.catalog.{metric.component}"


@pytest.mark.parametrize(
    ("name", "metric", "suffix"),
    [
        ("registry_http_requests_total", http.REQUESTS, ""),
        ("registry_http_request_duration_seconds_bucket", http.DURATION, "_bucket"),
        ("registry_notifications_retries_count_count", notifications.RETRIES, "_count"),
        ("registry_notifications_retries_count_bucket", notifications.RETRIES, "_bucket"),
        # A series of 4.26 has the name of a family of 4.27.
        ("registry_notifications_retries_count", removed.NOTIFICATION_RETRIES, "_count"),
        ("registry:slo_events:increase1h", slo.EVENTS("1h"), ""),
        ("registry:slo_events:increase7d", slo.EVENTS("7d"), ""),
    ],
)
def test_a_series_leads_to_its_entry(name: str, metric: Metric, suffix: str) -> None:
    assert by_series(name) == (metric, suffix)


@pytest.mark.parametrize(
    "name", ["registry_http_request_duration_seconds", "registry:slo_events:increase", "nothing", ""]
)
def test_what_is_no_series_leads_nowhere(name: str) -> None:
    assert by_series(name) is None


@pytest.mark.parametrize(
    ("version", "labels"),
    [
        (Version(3, 17), {"error", "noop", "worker"}),
        (Version(3, 18), {"error", "noop", "worker", "dangling"}),
        (Version(3, 19), {"error", "noop", "worker", "dangling", "event"}),
    ],
)
def test_the_runs_of_garbage_collection_gained_labels(version: Version, labels: set[str]) -> None:
    assert _labels(gc.RUNS, version) == labels


@pytest.mark.parametrize(
    ("metric", "before", "first", "last", "after"),
    [
        (http.REQUESTS, Version(3, 5, 9), Version(3, 6), Version(3, 68, 9), Version(3, 69)),
        (storage.ACTIONS, Version(3, 5, 9), Version(3, 6), Version(3, 71, 9), Version(3, 72)),
    ],
    ids=str,
)
def test_migration_path_came_and_went(
    metric: Metric, before: Version, first: Version, last: Version, after: Version
) -> None:
    assert ["migration_path" in _labels(metric, version) for version in (before, first, last, after)] == [
        *(False, True, True, False)
    ]


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (Version(4, 25, 9), "registry_notifications_events_total"),
        (Version(4, 26), "registry_notifications_events"),
        (Version(4, 26, 1), "registry_notifications_events"),
        (Version(4, 27), "registry_notifications_events_total"),
    ],
)
def test_4_26_called_notification_events_otherwise(version: Version, name: str) -> None:
    names = [one for one in METRICS if re.fullmatch(r"registry_notifications_events(_total)?", one)]
    assert [one for one in names if METRICS[one].form(Flavor.GITLAB, version)] == [name]


@pytest.mark.parametrize(
    ("version", "labels"),
    [
        (Version(3, 68), {"type"}),
        (Version(3, 69), {"type", "action", "artifact"}),
        (Version(3, 71), {"type", "action", "artifact", "endpoint"}),
    ],
)
def test_notification_events_gained_labels(version: Version, labels: set[str]) -> None:
    assert _labels(notifications.EVENTS, version) == labels


def test_the_route_has_one_name_and_the_same_words_in_both_flavors() -> None:
    exposed = []
    for flavor in Flavor:
        form = http.REQUESTS.form(flavor)
        assert form is not None
        label = form.label("route")
        assert label is not None
        exposed.append((label.exposed, label.words["upload"]))
        assert {"base", "catalog", "tags", "manifest", "blob", "upload_start", "upload"} <= label.words.keys()
    assert exposed == [("route", "/v2/{name}/blobs/uploads/{uuid}"), ("handler", "blob_upload_chunk")]


def test_redis_series_collide_with_the_target_label() -> None:
    form = redis.POOL_HITS.form(Flavor.GITLAB)
    assert form is not None
    assert [label.target_label for label in form.labels] == [True]
    assert redis.POOL_HITS.cumulative
    assert not redis.POOL_TOTAL.cumulative


@pytest.mark.parametrize(
    ("flavor", "version", "required"),
    [
        (Flavor.GITLAB, None, True),
        (Flavor.GITLAB, Version(4, 31), False),
        (Flavor.DISTRIBUTION, Version(3), True),
        (Flavor.DISTRIBUTION, Version(2, 8, 3), False),
    ],
)
def test_only_new_builds_must_have_the_newer_client_library(
    flavor: Flavor, version: Version | None, required: bool
) -> None:
    form = process.NETWORK_SENT.form(flavor, version)
    assert form is not None
    assert (not form.may_lack) is required


def _labels(metric: Metric, version: Version) -> set[str]:
    form = metric.form(Flavor.GITLAB, version)
    assert form is not None
    return {label.exposed for label in form.labels}
