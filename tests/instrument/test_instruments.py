from __future__ import annotations

import logging
import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.catalog import build_info, database, gc, go_runtime, http, notifications, redis, storage
from regobs.catalog import logs as catalog_logs
from regobs.catalog.instrument import ERRORS, REFUSED
from regobs.catalog.model import ALL_FLAVORS, Capability, Flavor, Form, Kind, Label, Metric, Unit
from regobs.errors import InstrumentError
from regobs.instrument import Instruments


def strict(flavor: Flavor = Flavor.GITLAB) -> Instruments:
    return Instruments(flavor, strict=True)


def sample(instruments: Instruments, name: str, /, **labels: str) -> float | None:
    rows = [row for family in instruments.families() for row in family.samples()]
    return next((value for found, of, value in rows if found == name and of == labels), None)


def test_a_child_is_found_by_words_and_by_exposed_names_and_values() -> None:
    instruments = strict(Flavor.DISTRIBUTION)
    requests = instruments.counter(http.REQUESTS)
    child = requests.child(route="upload_start", method="post", code=202)
    assert requests.child(handler="blob_upload", method="post", code="202") is child
    assert requests.child(code=202, method="post", route="blob_upload") is child


def test_a_counter_adds_up() -> None:
    instruments = strict()
    child = instruments.counter(storage.CACHE).child(type="Hit")
    child.inc()
    child.inc(2.5)
    child.inc(0)
    assert sample(instruments, "registry_storage_cache_total", type="Hit") == 3.5


@pytest.mark.parametrize("amount", [-1, -0.001, math.nan, "1", None])
def test_a_counter_step_that_is_negative_or_no_number_raises_in_development(amount: float) -> None:
    child = strict().counter(storage.CACHE).child(type="Hit")
    with pytest.raises(InstrumentError, match="registry_storage_cache_total: a wrong value"):
        child.inc(amount)
    assert child.value == 0


def test_a_gauge_goes_up_and_down_and_is_tracked() -> None:
    gauge = strict().gauge(http.IN_FLIGHT)
    gauge.set(5)
    gauge.inc()
    gauge.dec(2)
    child = gauge.child()
    with child.track():
        assert child.value == 5
    assert child.value == 4
    with pytest.raises(ZeroDivisionError), child.track():
        raise ZeroDivisionError
    assert child.value == 4


def test_a_gauge_takes_its_value_from_a_function() -> None:
    instruments = strict()
    open_connections = [3]
    instruments.gauge(redis.POOL_TOTAL).child(instance="cache").read_from(lambda: open_connections[0])
    assert sample(instruments, "registry_redis_pool_stats_total_conns", instance="cache") == 3
    open_connections[0] = 4
    assert b'registry_redis_pool_stats_total_conns{instance="cache"} 4\n' in instruments.render()


def test_a_function_that_fails_shows_nan_and_leaves_the_other_series() -> None:
    instruments = strict()
    instruments.gauge(redis.POOL_TOTAL).child(instance="cache").read_from(lambda: 1 / 0)
    instruments.gauge(redis.POOL_TOTAL).child(instance="loadbalancing").set(1)
    text = instruments.render()
    assert b'{instance="cache"} NaN\n' in text
    assert b'{instance="loadbalancing"} 1\n' in text
    assert b'{metric="registry_redis_pool_stats_total_conns",reason="reader"} 1\n' in text


def test_a_histogram_counts_an_edge_into_the_bucket_of_that_edge() -> None:
    instruments = strict()
    child = instruments.histogram(gc.SLEEP).child(worker="registry.gc.worker.BlobWorker")
    for seconds in (0.5, 0.50001, 86400, 86401, math.nan):
        child.observe(seconds)
    name, labels = "registry_gc_sleep_duration_seconds_bucket", {"worker": "registry.gc.worker.BlobWorker"}
    assert sample(instruments, name, **labels, le="0.5") == 1
    assert sample(instruments, name, **labels, le="1") == 2
    assert sample(instruments, name, **labels, le="86400") == 3
    assert sample(instruments, name, **labels, le="+Inf") == 5


VALUES = st.lists(st.sampled_from([0.0, 0.005, 0.0051, 0.5, 60.0, 61.0, math.inf, math.nan]), max_size=20)


@given(VALUES)
def test_many_values_in_one_call_count_as_much_as_one_by_one(values: list[float]) -> None:
    together, single = (strict().histogram(gc.SLEEP).child(worker="blob") for _ in range(2))
    together.observe_many(values)
    for value in values:
        single.observe(value)
    assert together.numbers() == pytest.approx(single.numbers(), nan_ok=True)


def test_the_count_of_a_histogram_holds_what_is_above_the_highest_edge() -> None:
    child = strict().histogram(gc.SLEEP).child(worker="blob")
    child.observe_many([0.1, 1e9, math.nan])
    rows = [(suffix, dict(own), value) for suffix, own, value in child.samples()]
    assert rows[-1] == ("_count", {}, 3)
    assert rows[-3] == ("_bucket", {"le": "+Inf"}, 3)
    assert rows[-4][2] == 1


def test_a_block_is_timed_from_its_start_to_its_end_also_when_it_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    child = strict().histogram(gc.SLEEP).child(worker="blob")
    moments = iter([100.0, 100.25, 200.0, 200.5])
    monkeypatch.setattr("regobs.instrument.core.children.time.perf_counter", lambda: next(moments))
    with child.time():
        pass
    with pytest.raises(KeyError), child.time():
        raise KeyError
    assert child.numbers()[-2:] == [2, 0.75]


def test_of_many_values_with_a_wrong_one_none_counts() -> None:
    child = strict().histogram(gc.SLEEP).child(worker="blob")
    with pytest.raises(InstrumentError, match="a wrong value"):
        child.observe_many([1, "x"])  # type: ignore[list-item]
    assert sum(child.numbers()) == 0


def test_a_timed_block_is_observed_also_when_it_raises() -> None:
    instruments = strict()
    child = instruments.histogram(database.QUERY_DURATION).child(name="repository_find_all")
    with pytest.raises(KeyError), child.time():
        raise KeyError
    assert sample(instruments, "registry_database_query_duration_seconds_count", name="repository_find_all") == 1


def test_a_summary_shows_what_it_was_told() -> None:
    instruments = strict()
    pauses = instruments.summary(go_runtime.GC_PAUSE)
    assert b"go_gc_duration_seconds" not in instruments.render()
    pauses.child().set({0: 0.001, 0.5: 0.002, 1: 0.004}, total=0.5, count=40)
    text = instruments.render().decode()
    assert "# TYPE go_gc_duration_seconds summary\n" in text
    assert 'go_gc_duration_seconds{quantile="0"} 0.001\n' in text
    assert "go_gc_duration_seconds_sum 0.5\ngo_gc_duration_seconds_count 40\n" in text
    assert 'go_gc_duration_seconds{quantile="0.0"} 0.001\n' in instruments.render(openmetrics=True).decode()


@pytest.mark.parametrize(
    "labels", [{}, {"type": "Hit", "more": "x"}, {"kind": "Hit"}, {"type": None}, {"type": ["Hit"]}]
)
def test_a_wrong_set_of_labels_raises_in_development(labels: dict[str, object]) -> None:
    with pytest.raises(InstrumentError, match="registry_storage_cache_total"):
        strict().counter(storage.CACHE).child(**labels)


def test_a_label_given_by_both_its_names_is_a_wrong_set() -> None:
    with pytest.raises(InstrumentError, match="no such set of labels"):
        strict(Flavor.DISTRIBUTION).counter(http.REQUESTS).child(route="base", handler="base", code=200)


def test_in_production_a_wrong_use_is_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    instruments = Instruments(Flavor.GITLAB)
    cache = instruments.counter(storage.CACHE)
    with caplog.at_level(logging.ERROR, "regobs.instrument"):
        for _ in range(3):
            cache.child(kind="Hit").inc()
            cache.child(type="Hit").inc(-1)
            instruments[storage.CACHE].child(type="Hit").inc("x")
    name = "registry_storage_cache_total"
    assert sample(instruments, ERRORS.name, metric=name, reason="labels") == 3
    assert sample(instruments, ERRORS.name, metric=name, reason="value") == 6
    assert len(caplog.records) == 2
    assert sample(instruments, name, type="Hit") == 0
    assert [labels for _, labels, _ in cache.samples()] == [{"type": "Hit"}]


def test_a_metric_that_the_flavor_lacks_raises_in_development_and_is_hidden_in_production() -> None:
    with pytest.raises(InstrumentError, match="distribution does not expose it"):
        strict(Flavor.DISTRIBUTION)[gc.RUNS]
    instruments = Instruments(Flavor.DISTRIBUTION)
    instruments[gc.POSTPONES].child(worker="registry.gc.worker.BlobWorker").inc()
    assert b"registry_gc" not in instruments.render().replace(b'metric="registry_gc', b"")
    assert sample(instruments, ERRORS.name, metric="registry_gc_postpones_total", reason="metric") == 1


def test_a_metric_of_another_version_is_not_exposed() -> None:
    with pytest.raises(InstrumentError, match=r"gitlab 4\.20\.0 does not expose it"):
        Instruments(Flavor.GITLAB, version="4.20.0", strict=True)[storage.OBJECT_ACCESSES]
    assert Instruments(Flavor.GITLAB, version="4.25.0", strict=True)[storage.OBJECT_ACCESSES].name


def test_the_typed_ways_check_the_kind() -> None:
    with pytest.raises(InstrumentError, match="is a counter, no gauge"):
        strict().gauge(http.REQUESTS)


def test_a_verb_that_the_kind_lacks_is_a_wrong_use() -> None:
    with pytest.raises(InstrumentError, match="a counter has no set"):
        strict()[storage.RATE_LIMITED].set(3)


def test_values_above_the_cap_are_folded_and_counted_by_metric_and_label() -> None:
    instruments = Instruments(Flavor.GITLAB, caps={"endpoint": 2}, strict=True)
    errors = instruments.counter(notifications.ERRORS)
    for number in range(10):
        errors.child(endpoint=f"hook-{number}").inc()
    name = "registry_notifications_errors_total"
    assert sample(instruments, name, endpoint="other") == 8
    assert sample(instruments, REFUSED.name, metric=name, label="endpoint") == 8
    assert len(list(errors.samples())) == 3


def test_a_family_has_no_more_children_than_its_ceiling_and_the_overflow() -> None:
    instruments = Instruments(Flavor.GITLAB, ceiling=3, strict=True)
    answers = instruments.counter(notifications.STATUS)
    for number in range(50):
        answers.child(endpoint=f"hook-{number}", code="200 OK").inc()
    assert len(list(answers.samples())) == 4
    assert sample(instruments, "registry_notifications_status_total", endpoint="other", code="other") == 47
    assert sample(instruments, REFUSED.name, metric="registry_notifications_status_total", label="") == 47


def test_a_made_up_metric_with_a_personal_label_is_refused_in_production_too() -> None:
    form = Form(ALL_FLAVORS, (Label("repository"),))
    metric = Metric("made_up_total", Kind.COUNTER, Unit.EVENTS, "Made up.", (form,), "test")
    with pytest.raises(InstrumentError, match="repository can not be a label"):
        Instruments(Flavor.GITLAB)[metric]


def test_series_can_exist_before_their_first_event() -> None:
    instruments = strict()
    requests = instruments.counter(http.REQUESTS)
    requests.zero(route=("manifest", "blob"), method="get", code=(500, 503))
    assert sorted((labels["route"], labels["code"]) for _, labels, value in requests.samples() if value == 0) == [
        ("/v2/{name}/blobs/{digest}", "500"),
        ("/v2/{name}/blobs/{digest}", "503"),
        ("/v2/{name}/manifests/{reference}", "500"),
        ("/v2/{name}/manifests/{reference}", "503"),
    ]


def test_zero_takes_all_values_of_a_closed_label_that_is_left_out() -> None:
    cache = strict().counter(storage.CACHE)
    cache.zero()
    assert [labels["type"] for _, labels, _ in cache.samples()] == ["Error", "Hit", "Miss", "Request"]


def test_zero_needs_values_for_an_open_label() -> None:
    with pytest.raises(InstrumentError, match="no such set of labels"):
        strict().counter(http.REQUESTS).zero(route="blob")


def test_a_removed_series_is_gone_and_starts_again_at_zero() -> None:
    errors = strict().counter(notifications.ERRORS)
    errors.child(endpoint="a").inc(5)
    errors.remove(endpoint="a")
    assert list(errors.samples()) == []
    errors.child(endpoint="a").inc()
    assert [value for _, _, value in errors.samples()] == [1]


def test_declared_families_are_those_that_a_real_registry_shows_from_its_start() -> None:
    metrics = (http.IN_FLIGHT, http.REQUESTS, storage.RATE_LIMITED, storage.BLOB_UPLOADS, build_info.BUILD)
    instruments = strict()
    instruments.declare(metrics)
    text = instruments.render().decode()
    assert "registry_http_in_flight_requests 0\n" in text
    assert "registry_storage_rate_limit_total 0\n" in text
    assert "registry_http_requests_total" not in text
    assert "registry_storage_blob_upload_bytes" not in text


def test_declare_asks_for_capabilities() -> None:
    form = Form(ALL_FLAVORS, needs=Capability.CDN)
    metric = Metric("made_up_total", Kind.COUNTER, Unit.EVENTS, "Made up.", (form,), "test")
    for capabilities, shown in (((), False), ((Capability.CDN,), True)):
        instruments = Instruments(Flavor.GITLAB, capabilities=capabilities)
        instruments.declare([metric])
        assert (b"made_up_total 0" in instruments.render()) is shown


def test_distribution_shows_every_handler_in_flight_from_the_start() -> None:
    instruments = strict(Flavor.DISTRIBUTION)
    _ = instruments.http
    in_flight = instruments.gauge(http.IN_FLIGHT)
    assert [labels["handler"] for _, labels, _ in in_flight.samples()] == [
        "base",
        "blob",
        "blob_upload",
        "blob_upload_chunk",
        "catalog",
        "manifest",
        "tags",
    ]


def test_sums_are_exact_under_threads() -> None:
    instruments = strict()
    counter = instruments.counter(storage.CACHE)
    histogram = instruments.histogram(database.QUERY_DURATION)

    def work(number: int) -> None:
        for step in range(2_000):
            counter.child(type="Hit").inc()
            histogram.child(name=f"query_{(step + number) % 7}").observe(0.25)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sample(instruments, "registry_storage_cache_total", type="Hit") == 16_000
    totals = {"_count": 0.0, "_sum": 0.0}
    for name, _, value in histogram.samples():
        for suffix in totals:
            totals[suffix] += value if name.endswith(suffix) else 0
    assert totals == {"_count": 16_000, "_sum": 4_000}


def test_values_of_series_that_are_removed_make_room_for_others() -> None:
    instruments = Instruments("gitlab", caps={"file": 2})
    behind = instruments.gauge(catalog_logs.BEHIND)
    for number in range(10):
        behind.child(file=f"{number}.log").set(number)
        behind.child(file="stays.log").set(1)
        behind.remove(file=f"{number}.log")
    behind.child(file="last.log").set(3)
    assert [labels["file"] for _, labels, _ in behind.samples()] == ["last.log", "stays.log"]
